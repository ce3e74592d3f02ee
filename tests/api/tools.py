"""The tool that the tests offer to the bundled model; it was trained to call such ones."""

TEMPERATURE = {
    "type": "function",
    "function": {
        "name": "get_temperature",
        "description": "Get the current temperature for a city",
        "parameters": {
            "type": "object",
            "required": ["city"],
            "properties": {"city": {"type": "string", "description": "The name of the city"}},
        },
    },
}
QUESTION = {"role": "user", "content": "What is the temperature in Paris?"}
