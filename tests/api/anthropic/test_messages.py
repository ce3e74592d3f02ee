"""Anthropic messages as the engine's."""

import pytest

from api.anthropic.messages import engine_messages
from api.anthropic.shapes import MessagesBody
from api.server.shapes import parse_shape
from engine.errors import InvalidRequestError
from engine.prompt.messages import Message, ToolCall

IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
CALL = {"type": "tool_use", "id": "c1", "name": "f", "input": {"City": 1}}


def translate(*messages: dict, system: object = None) -> tuple[Message, ...]:
    body = parse_shape(MessagesBody, {"system": system, "messages": list(messages)})
    return engine_messages(body.system, body.messages)


def user(*blocks: object) -> dict:
    return {"role": "user", "content": list(blocks)}


def text(content: str) -> dict:
    return {"type": "text", "text": content}


def test_texts_are_concatenated_and_images_kept():
    assert translate({"role": "User", "content": "hi"}) == (Message("user", "hi"),)
    assert translate(user(text("look "), IMAGE, text("here"))) == (
        Message("user", "look here", images=(b"\0\0\0",)),
    )


@pytest.mark.parametrize(
    "system",
    ["Be brief.", [text("x-anthropic-billing-header: cch=1;"), text("Be "), text("brief.")]],
)
def test_system_prompts_come_first(system):
    assert translate(user(text("hi")), system=system) == (
        Message("system", "Be brief."),
        Message("user", "hi"),
    )


def test_system_messages_are_accepted_anywhere():
    noisy = "x-anthropic-billing-header: cch=1;\nBe brief."
    assert translate({"role": "system", "content": noisy}) == (Message("system", "Be brief."),)


def test_results_of_tools_come_before_what_the_user_says():
    messages = translate(
        {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "hm", "signature": "s"}, CALL],
        },
        user(
            text("and now?"),
            {"type": "tool_result", "tool_use_id": "c1", "content": [text("sun"), text("ny")]},
        ),
    )
    assert messages == (
        Message("assistant", thinking="hm", tool_calls=(ToolCall("f", {"City": 1}, "c1"),)),
        Message("tool", "sunny", tool_name="f", tool_call_id="c1"),
        Message("user", "and now?"),
    )


def test_results_alone_make_no_user_message():
    result = {"type": "tool_result", "tool_use_id": "x", "content": [IMAGE]}
    assert translate(user(result)) == (Message("tool", images=(b"\0\0\0",), tool_call_id="x"),)


def test_searches_of_the_past():
    found = {"type": "web_search_result", "title": "Paris", "url": "https://example.com"}
    failed = {"type": "web_search_tool_result_error", "error_code": "unavailable"}
    search = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}}
    result = {"type": "web_search_tool_result", "tool_use_id": "s"}
    for content, wanted in (
        ([found], "- Paris: https://example.com"),
        (failed, "error: unavailable"),
    ):
        blocks = [search, result | {"content": content}]
        assert translate({"role": "assistant", "content": blocks}) == (
            Message("assistant", tool_calls=(ToolCall("web_search", {"query": "q"}, "s"),)),
            Message("tool", wanted, tool_name="web_search", tool_call_id="s"),
        )


def test_unknown_blocks_are_ignored():
    assert translate(user({"type": "document"}, {}, text("hi"))) == (Message("user", "hi"),)


@pytest.mark.parametrize(
    ("block", "wanted"),
    [
        (IMAGE | {"source": 1}, "invalid image source"),
        (IMAGE | {"source": {"type": "base64"}}, "invalid image source"),
        (
            IMAGE | {"source": {"type": "url", "url": "https://example.com/x.png"}},
            "invalid image source type: url. Only base64 images are supported.",
        ),
        (
            IMAGE | {"source": {"type": "base64", "data": "!"}},
            "invalid base64 image data: illegal base64 data at input byte 0",
        ),
        ({"type": "tool_use", "name": "f"}, "tool_use block missing required 'id' field"),
        ({"type": "tool_use", "id": "1"}, "tool_use block missing required 'name' field"),
        (CALL | {"input": []}, 'tool_use block "c1": input must be an object'),
        ({"type": "text", "text": 1}, "invalid text block: must have the type text and a text"),
        (
            {"type": "tool_result", "tool_use_id": "1", "content": 5},
            "invalid tool_result content: must be a string or an array",
        ),
        ({"type": "tool_result"}, "a result of a tool is missing required 'tool_use_id' field"),
        ("hi", "invalid content block: must be an object"),
    ],
)
def test_bad_blocks_are_refused(block, wanted):
    with pytest.raises(InvalidRequestError) as caught:
        translate(user(block))
    assert str(caught.value) == wanted


@pytest.mark.parametrize("content", [None, 5, {"type": "text"}])
def test_other_content_is_refused(content):
    with pytest.raises(InvalidRequestError, match="must be a string or an array"):
        translate({"role": "user", "content": content})


@pytest.mark.parametrize("system", [5, {"type": "text"}, [5], [IMAGE]])
def test_other_system_prompts_are_refused(system):
    with pytest.raises(InvalidRequestError, match=r"^invalid (system prompt|text block)"):
        translate(user(text("hi")), system=system)
