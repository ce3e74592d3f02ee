"""Engine events as messages and as server-sent events."""

import json

from hypothesis import given
from hypothesis import strategies as st

from api.anthropic.replies import MessageTranslator, estimate_tokens
from engine.completion import ChatRequest, Delta, Done, Metrics, ToolCalled
from engine.prompt.messages import Message, ToolCall

METRICS = Metrics(prompt_eval_count=10, cached_count=4, eval_count=3)
texts = st.text(max_size=4)
calls = st.dictionaries(texts, texts, max_size=2)
events = st.lists(
    st.builds(Delta, texts, texts)
    | st.builds(lambda arguments: ToolCalled(0, ToolCall("f", arguments, "c1")), calls),
    max_size=8,
)


def streamed(answer: list) -> list[dict]:
    translator = MessageTranslator("m", 7)
    data = b"".join(translator.chunk(event) for event in answer).decode()
    parsed = []
    for part in data.split("\n\n")[:-1]:
        name, _, text = part.partition("\n")
        parsed.append(json.loads(text.removeprefix("data: ")))
        assert name == f"event: {parsed[-1]['type']}"
    return parsed


def grown(parts: list[dict]) -> list[dict]:
    """The blocks that a client puts together; the order of the events is checked."""
    blocks: list[dict] = []
    is_open = False
    for part in parts:
        match part["type"]:
            case "content_block_start":
                assert not is_open
                assert part["index"] == len(blocks)
                blocks.append(dict(part["content_block"]))
                is_open = True
            case "content_block_delta":
                assert is_open
                assert part["index"] == len(blocks) - 1
                delta = part["delta"]
                match delta["type"]:
                    case "input_json_delta":
                        blocks[-1]["input"] |= json.loads(delta["partial_json"])
                    case "text_delta":
                        blocks[-1]["text"] += delta["text"]
                    case "thinking_delta":
                        blocks[-1]["thinking"] += delta["thinking"]
            case "content_block_stop":
                assert is_open
                assert part["index"] == len(blocks) - 1
                is_open = False
    assert not is_open
    return blocks


@given(events)
def test_streamed_and_whole_are_the_same_blocks(some):
    answer = [*some, Done("stop", METRICS)]
    whole = json.loads(MessageTranslator("m", 7).whole(answer))
    parts = streamed(answer)
    assert grown(parts) == (whole["content"] or [])
    assert [part["type"] for part in parts[-2:]] == ["message_delta", "message_stop"]
    assert parts[-2]["delta"]["stop_reason"] == whole["stop_reason"]
    assert parts[-2]["usage"] == whole["usage"]


def test_a_stream_begins_with_an_estimate():
    (start, *_) = streamed([Delta("Hi"), Done("stop", METRICS)])
    assert start["type"] == "message_start"
    message = start["message"]
    assert message.pop("id").startswith("msg_")
    assert message == {
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 7, "output_tokens": 0},
    }


def test_cached_tokens_are_counted_apart():
    whole = json.loads(MessageTranslator("m", 7).whole([Delta("Hi"), Done("length", METRICS)]))
    assert whole["usage"] == {
        "input_tokens": 6,
        "output_tokens": 3,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 4,
    }
    assert whole["stop_reason"] == "max_tokens"


def test_nothing_produced_is_null():
    whole = json.loads(MessageTranslator("m", 7).whole([Done("stop", METRICS)]))
    assert (whole["content"], whole["stop_reason"]) == (None, "end_turn")


def test_a_failure_is_an_event():
    translator = MessageTranslator("m", 7)
    name, data = translator.failure(503, "busy").decode().split("\n")[:2]
    assert name == "event: error"
    told = json.loads(data.removeprefix("data: "))
    assert told.pop("request_id").startswith("req_")
    assert told == {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}


def test_the_estimate_counts_all_that_the_model_reads():
    call = ToolCall("name", {"a": 1})
    chat = ChatRequest("m", (Message("user", "12345678", "1234", tool_calls=(call,)),))
    assert estimate_tokens(chat) == (8 + 4 + 4 + 7) // 4
