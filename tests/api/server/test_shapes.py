"""Bodies as typed values, refused with Go's texts."""

import pytest

from api.ollama.shapes import ChatBody, CreateBody, GenerateBody
from api.server.json_input import BodyError
from api.server.shapes import parse_shape


@pytest.mark.parametrize(
    ("shape", "value", "text"),
    [
        (
            GenerateBody,
            {"options": "x"},
            "json: cannot unmarshal string into Go struct field GenerateRequest.options "
            "of type map[string]interface {}",
        ),
        (
            GenerateBody,
            {"model": 1},
            "json: cannot unmarshal number into Go struct field GenerateRequest.model "
            "of type string",
        ),
        (
            GenerateBody,
            {"stream": "yes"},
            "json: cannot unmarshal string into Go struct field GenerateRequest.stream "
            "of type bool",
        ),
        (
            GenerateBody,
            {"stream": 1},
            "json: cannot unmarshal number into Go struct field GenerateRequest.stream "
            "of type bool",
        ),
        (
            GenerateBody,
            {"top_logprobs": 1.5},
            "json: cannot unmarshal number 1.5 into Go struct field "
            "GenerateRequest.top_logprobs of type int",
        ),
        (
            GenerateBody,
            {"top_logprobs": True},
            "json: cannot unmarshal bool into Go struct field "
            "GenerateRequest.top_logprobs of type int",
        ),
        (
            GenerateBody,
            {"top_logprobs": 2**63},
            "json: cannot unmarshal number 9223372036854775808 into Go struct field "
            "GenerateRequest.top_logprobs of type int",
        ),
        (
            GenerateBody,
            {"context": "1"},
            "json: cannot unmarshal string into Go struct field GenerateRequest.context "
            "of type []int",
        ),
        (
            GenerateBody,
            {"context": ["1"]},
            "json: cannot unmarshal string into Go struct field GenerateRequest.context "
            "of type int",
        ),
        (
            ChatBody,
            {"messages": [{"content": ["x"]}]},
            "json: cannot unmarshal array into Go struct field ChatRequest.messages.content "
            "of type string",
        ),
        (
            ChatBody,
            {"messages": {}},
            "json: cannot unmarshal object into Go struct field ChatRequest.messages "
            "of type []api.Message",
        ),
        (
            ChatBody,
            {"messages": ["hi"]},
            "json: cannot unmarshal string into Go struct field ChatRequest.messages "
            "of type api.Message",
        ),
        (
            CreateBody,
            {"files": {"a": 1}},
            "json: cannot unmarshal number into Go struct field CreateRequest.files.a "
            "of type string",
        ),
        (
            GenerateBody,
            [],
            "json: cannot unmarshal array into Go value of type api.GenerateRequest",
        ),
        (GenerateBody, {"images": ["!"]}, "illegal base64 data at input byte 0"),
        (GenerateBody, {"images": ["AAA"]}, "illegal base64 data at input byte 3"),
        (
            GenerateBody,
            {"think": "lots"},
            'invalid think value: "lots" (must be "high", "medium", "low", "max", true, or false)',
        ),
        (
            GenerateBody,
            {"think": 1},
            'think must be a boolean or string ("high", "medium", "low", "max", true, or false)',
        ),
        (GenerateBody, {"keep_alive": "300"}, 'time: missing unit in duration "300"'),
        (GenerateBody, {"keep_alive": True}, "Unsupported type: 'bool'"),
    ],
)
def test_wrong_types_are_told_in_the_words_of_go(shape, value, text):
    with pytest.raises(BodyError) as caught:
        parse_shape(shape, value)
    assert str(caught.value) == text


def test_names_match_whatever_their_case_except_in_free_objects():
    body = parse_shape(
        ChatBody,
        {
            "MODEL": "tiny",
            "Messages": [
                {
                    "ROLE": "Assistant",
                    "Content": "x",
                    "tool_Calls": [{"Function": {"Name": "f", "Arguments": {"City": {"Key": 1}}}}],
                }
            ],
            "Options": {"Temperature": 0},
        },
    )
    assert body.model == "tiny"
    call = body.messages[0].tool_calls[0]
    assert (call.function.name, call.function.arguments) == ("f", {"City": {"Key": 1}})
    assert body.options == {"Temperature": 0}


def test_unknown_fields_are_ignored_and_null_means_absent():
    body = parse_shape(GenerateBody, {"model": "m", "stream": None, "options": None, "new": 1})
    assert (body.stream, body.options) == (True, {})


def test_null_as_a_body_is_an_empty_request():
    assert parse_shape(GenerateBody, None).model == ""
