"""Input items of /v1/responses as the engine's messages."""

import pytest

from api.openai.responses_input import input_messages
from api.openai.responses_tools import response_tools, tool_choice
from engine.errors import InvalidRequestError
from engine.prompt.messages import Message, ToolCall

CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"City": 1}'}
SECOND_CALL = {"type": "function_call", "call_id": "c2", "name": "g", "arguments": ""}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "sunny"}
CALLED = (ToolCall("f", {"City": 1}, "c1"), ToolCall("g", {}, "c2"))
IMAGE = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}


def said(text: str, kind: str = "output_text") -> dict:
    return {"type": "message", "role": "assistant", "content": [{"type": kind, "text": text}]}


def test_text_is_what_the_user_says():
    assert input_messages("hi") == (Message("user", "hi"),)


def test_messages_in_every_form():
    items = [
        {"role": "developer", "content": "be kind"},
        {"type": "message", "role": "User", "content": [{"type": "input_text", "text": "look"}]},
        {"role": "user", "content": [{"type": "input_text", "text": "here"}, IMAGE]},
        said("I see"),
    ]
    assert input_messages(items) == (
        Message("developer", "be kind"),
        Message("user", "look"),
        Message("user", "here", images=(b"\0\0\0",)),
        Message("assistant", "I see"),
    )


def test_calls_join_the_turn_that_they_follow():
    items = [said("wait"), CALL, SECOND_CALL, OUTPUT]
    assert input_messages(items) == (
        Message("assistant", "wait", tool_calls=CALLED),
        Message("tool", "sunny", tool_name="f", tool_call_id="c1"),
    )


def test_what_is_said_between_a_call_and_its_result_joins_the_call():
    assert input_messages([CALL, SECOND_CALL, said("wait"), OUTPUT]) == (
        Message("assistant", "wait", tool_calls=CALLED),
        Message("tool", "sunny", tool_name="f", tool_call_id="c1"),
    )


@pytest.mark.parametrize("follower", [CALL, said("hm")])
def test_reasoning_belongs_to_what_follows(follower):
    reasoning = {"type": "reasoning", "summary": [], "encrypted_content": "so"}
    (message,) = input_messages([reasoning, {"type": "web_search_call"}, follower])
    assert (message.role, message.thinking) == ("assistant", "so")


def test_reasoning_that_nothing_followed_is_a_turn():
    reasoning = {"type": "reasoning", "encrypted_content": "so"}
    thought = Message("assistant", thinking="so")
    assert input_messages([reasoning]) == (thought,)
    assert input_messages([reasoning, {"role": "user", "content": "?"}])[0] == thought


def test_results_find_calls_of_the_past():
    past = input_messages([CALL])
    (result,) = input_messages([{**OUTPUT, "output": [{"type": "input_text", "text": "x"}]}], past)
    assert result == Message("tool", "x", tool_name="f", tool_call_id="c1")


def message(content) -> dict:
    return {"role": "user", "content": content}


NUMBER = "json: cannot unmarshal number into Go value of type []json.RawMessage"


@pytest.mark.parametrize(
    ("item", "text"),
    [
        ("hi", "input item must be an object"),
        ({}, "input item missing required 'type' field"),
        ({"type": "dance"}, 'unknown input item type: "dance"'),
        ({"type": 5}, "input item's 'type' field must be a string"),
        ({"type": "message"}, "message item missing required 'role' field"),
        (message(5), f"content must be a string or array: {NUMBER}"),
        (message(["hi"]), "content parts must be objects"),
        (message([{"type": "video"}]), "unknown content type: video"),
        (message([{"type": "input_file"}]), "file inputs are not currently supported"),
        (message([{"type": "input_text", "text": 5}]), "'text' must be a string"),
        (message([{"type": "input_image"}]), "invalid image input"),
        ({**OUTPUT, "output": 5}, f"output must be a string or array: {NUMBER}"),
        ({**CALL, "name": ""}, "function_call item missing required 'name' field"),
        (
            {**CALL, "arguments": "{"},
            "failed to parse function call arguments: unexpected EOF",
        ),
        (
            {**CALL, "arguments": "[]"},
            "failed to parse function call arguments: json: cannot unmarshal array into Go value "
            "of type map[string]interface {}",
        ),
    ],
)
def test_other_items_are_refused_by_their_place(item, text):
    with pytest.raises(InvalidRequestError) as caught:
        input_messages([message("hi"), item])
    assert str(caught.value) == f"input[1]: {text}"


def test_input_of_another_type_is_refused():
    with pytest.raises(InvalidRequestError) as caught:
        input_messages(5)
    assert str(caught.value) == f"input must be a string or array: {NUMBER}"


def test_functions_and_namespaces():
    function = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}
    space = {"type": "namespace", "name": "ns", "tools": [{**function, "description": "d"}]}
    parameters = {"parameters": {"type": "object"}}
    assert response_tools([function, space]) == (
        {"type": "function", "function": {"name": "f", **parameters}},
        {"type": "function", "function": {"name": "ns.f", "description": "d", **parameters}},
    )


@pytest.mark.parametrize(
    ("tool", "text"),
    [
        (
            {"type": "web_search"},
            "the tool type web_search is not supported by this version of Corral",
        ),
        ({"type": "function"}, "tools[0] has no name"),
        ({"type": "namespace", "tools": []}, "tools[0] has no name"),
        ({"type": "namespace", "name": "n"}, "tools[0].tools must be a list"),
        ({"type": "namespace", "name": "n", "tools": [5]}, "tools[0].tools[0] must be an object"),
        ({"type": 5}, "tools[0].type must be a string"),
    ],
)
def test_other_tools_are_refused(tool, text):
    with pytest.raises(InvalidRequestError) as caught:
        response_tools([tool])
    assert str(caught.value) == text


def test_which_tool_must_be_called():
    assert tool_choice(None) == "auto"
    assert tool_choice("required") == "required"
    assert tool_choice({"type": "function", "name": "f"}) == "f"
    with pytest.raises(InvalidRequestError, match='must be "auto"'):
        tool_choice("sometimes")
