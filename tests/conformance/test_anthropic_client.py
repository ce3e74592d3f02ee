"""The `anthropic` package from PyPI, unmodified."""

from collections.abc import Iterator

import anthropic
import pytest

from tests.api.tools import QUESTION, TEMPERATURE

MESSAGES = [{"role": "user", "content": "What is the capital of France?"}]
COLD = {"temperature": 0}
FUNCTION = TEMPERATURE["function"]
WEATHER = {
    "model": "tiny",
    "max_tokens": 120,
    "extra_body": COLD,
    "messages": [QUESTION],
    "thinking": {"type": "disabled"},
    "tools": [
        {
            "name": FUNCTION["name"],
            "description": FUNCTION["description"],
            "input_schema": FUNCTION["parameters"],
        }
    ],
}


@pytest.fixture(params=["api_key", "auth_token"])
def client(server, request) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(
        base_url=server.url,
        **{request.param: "none"},
        http_client=anthropic.DefaultHttpxClient(trust_env=False),
        max_retries=0,
    ) as made:
        yield made


def test_messages_streamed_and_whole_agree(client):
    request = {"model": "tiny", "messages": MESSAGES, "max_tokens": 100, "extra_body": COLD}
    whole = client.messages.create(**request)
    assert "Paris" in next(block.text for block in whole.content if block.type == "text")
    assert whole.stop_reason == "end_turn"
    with client.messages.stream(**request) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == "".join(block.text for block in whole.content if block.type == "text")
    assert [block.type for block in final.content] == [block.type for block in whole.content]
    assert final.usage.output_tokens == whole.usage.output_tokens
    read = final.usage.input_tokens + final.usage.cache_read_input_tokens
    assert read == whole.usage.input_tokens + whole.usage.cache_read_input_tokens


def test_the_weather_example_streamed_and_answered(client):
    with client.messages.stream(**WEATHER) as stream:
        kinds = [event.type for event in stream]
        message = stream.get_final_message()
    assert "input_json" in kinds
    assert message.stop_reason == "tool_use"
    (call,) = [block for block in message.content if block.type == "tool_use"]
    assert (call.name, call.input) == ("get_temperature", {"city": "Paris"})
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "21 degrees"}
    turns = [
        QUESTION,
        {"role": "assistant", "content": message.content},
        {"role": "user", "content": [result]},
    ]
    answer = client.messages.create(**WEATHER | {"messages": turns})
    assert "21" in next(block.text for block in answer.content if block.type == "text")


def test_the_weather_example_whole(client):
    message = client.messages.create(**WEATHER)
    (call,) = [block for block in message.content if block.type == "tool_use"]
    assert (call.name, call.input) == ("get_temperature", {"city": "Paris"})


def test_count_tokens(client):
    counted = client.messages.count_tokens(model="tiny", messages=MESSAGES, system="Be brief.")
    assert counted.input_tokens > 10


def test_models(client):
    assert [model.id for model in client.models.list()] == ["tiny:latest"]
    assert client.models.retrieve("tiny").display_name == "tiny:latest"


def test_errors_arrive_as_the_client_expects_them(client):
    with pytest.raises(anthropic.NotFoundError) as caught:
        client.messages.create(model="nope", messages=MESSAGES, max_tokens=1)
    assert caught.value.body["error"]["type"] == "not_found_error"
    with pytest.raises(anthropic.BadRequestError, match="max_tokens is required"):
        client.messages.create(model="tiny", messages=MESSAGES, max_tokens=0)
