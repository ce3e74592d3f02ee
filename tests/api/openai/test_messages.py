"""OpenAI messages as the engine's."""

import pytest

from api.openai.messages import engine_messages
from api.openai.shapes import ChatCompletionBody
from api.server.shapes import parse_shape
from engine.errors import InvalidRequestError
from engine.prompt.messages import Message, ToolCall


def translate(*messages: dict) -> tuple[Message, ...]:
    body = parse_shape(ChatCompletionBody, {"messages": list(messages)})
    return engine_messages(body.messages)


def test_text_stays_text():
    assert translate({"role": "User", "content": "hi"}) == (Message("user", "hi"),)


def test_each_part_is_a_message():
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    assert translate({"role": "user", "content": [{"type": "text", "text": "look"}, image]}) == (
        Message("user", "look"),
        Message("user", images=(b"\0\0\0",)),
    )


def test_tool_calls_and_results_find_each_other():
    call = {"id": "c1", "function": {"name": "f", "arguments": '{"City": 1}'}}
    messages = translate(
        {"role": "assistant", "content": None, "tool_calls": [call], "reasoning": "hm"},
        {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
    )
    assert messages == (
        Message("assistant", thinking="hm", tool_calls=(ToolCall("f", {"City": 1}, "c1"),)),
        Message("tool", "sunny", tool_name="f", tool_call_id="c1"),
    )


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"role": "user"}, "invalid message content type: <nil>"),
        ({"role": "user", "content": 5}, "invalid message content type: float64"),
        ({"role": "user", "content": [{"type": "video"}]}, "invalid message format"),
        ({"role": "user", "content": ["hi"]}, "invalid message format"),
        ({"role": "user", "content": [{"type": "text", "text": 1}]}, "invalid message format"),
        (
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": "https://example.com/x.png"}],
            },
            "image URLs are not currently supported, please use base64 encoded data instead",
        ),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": "data:text/x;AA"}]},
            "invalid image input",
        ),
        (
            {"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]},
            "invalid input_audio format: missing data",
        ),
        (
            {"role": "user", "content": [{"type": "input_audio", "input_audio": "x"}]},
            "invalid input_audio format",
        ),
        (
            {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "!"}}]},
            "invalid input_audio base64 data: illegal base64 data at input byte 0",
        ),
        (
            {
                "role": "assistant",
                "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "[]"}}],
            },
            "invalid tool call arguments",
        ),
    ],
)
def test_other_content_is_refused(message, text):
    with pytest.raises(InvalidRequestError) as caught:
        translate(message)
    assert str(caught.value) == text
