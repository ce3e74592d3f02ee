"""Tool calls in the OpenAI dialect: streamed, whole, required and named."""

import json

import pytest

from tests.api.tools import QUESTION, TEMPERATURE

HELLO = {"role": "user", "content": "Hello!"}


def complete(server, message, **body):
    defaults = {"model": "tiny", "tools": [TEMPERATURE], "temperature": 0, "max_tokens": 120}
    return server.client.post(
        "/v1/chat/completions", json={**defaults, "messages": [message], **body}
    )


def test_the_weather_example_streamed(server):
    text = complete(server, QUESTION, stream=True, reasoning_effort="none").text
    chunks = [json.loads(part[6:]) for part in text.split("\n\n") if part.startswith("data: {")]
    (delta,) = [
        chunk["choices"][0]["delta"]
        for chunk in chunks
        if "tool_calls" in chunk["choices"][0]["delta"]
    ]
    (call,) = delta["tool_calls"]
    assert (call["index"], call["type"]) == (0, "function")
    assert call["function"]["name"] == "get_temperature"
    assert json.loads(call["function"]["arguments"]) == {"city": "Paris"}
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"
    assert text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("effort", ["none", "high"])
def test_the_weather_example_whole(server, effort):
    (choice,) = complete(server, QUESTION, reasoning_effort=effort).json()["choices"]
    assert choice["finish_reason"] == "tool_calls"
    (call,) = choice["message"]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"city": "Paris"}


@pytest.mark.parametrize("effort", ["none", "high"])
@pytest.mark.parametrize(
    "tool_choice",
    ["required", {"type": "function", "function": {"name": "get_temperature"}}],
)
def test_a_required_call_is_made_whatever_was_asked(server, tool_choice, effort):
    answer = complete(server, HELLO, tool_choice=tool_choice, reasoning_effort=effort).json()
    (choice,) = answer["choices"]
    calls = choice["message"]["tool_calls"]
    assert {call["function"]["name"] for call in calls} == {"get_temperature"}
    assert all(set(json.loads(call["function"]["arguments"])) == {"city"} for call in calls)


def test_tool_choice_none_offers_no_tools(server):
    (choice,) = complete(server, QUESTION, tool_choice="none").json()["choices"]
    assert "tool_calls" not in choice["message"]


@pytest.mark.parametrize(
    ("tool_choice", "text"),
    [
        (
            {"type": "function", "function": {"name": "other"}},
            "tool_choice names other, which is not offered",
        ),
        (
            "sometimes",
            'tool_choice must be "auto", "none", "required" or '
            '{"type": "function", "function": {"name": "..."}}',
        ),
    ],
)
def test_a_choice_that_cannot_be_honoured_is_refused(server, tool_choice, text):
    answer = complete(server, QUESTION, tool_choice=tool_choice)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == text
