"""Engine events as the events of a response, where no model would make them in this order."""

import json

from hypothesis import given
from hypothesis import strategies as st

from api.openai.responses_body import ResponsesBody
from api.openai.responses_items import begun_response
from api.openai.responses_stream import ResponseTranslator
from engine.completion import Delta, Done, Metrics, ToolCalled
from engine.prompt.messages import Message, ToolCall

CALL = ToolCall("f", {"city": "Paris"}, "call_1")


def translate(happened):
    kept = []
    translator = ResponseTranslator(
        begun_response(ResponsesBody(model="m")), lambda body, answer: kept.append((body, answer))
    )
    data = b"".join(translator.chunk(event) for event in happened).decode()
    told = [json.loads(part.partition("\ndata: ")[2]) for part in data.split("\n\n")[:-1]]
    return told, kept


texts = st.text("ab<\n é", min_size=1, max_size=3)
happenings = st.lists(
    st.one_of(
        st.builds(Delta, content=texts),
        st.builds(Delta, thinking=texts),
        st.builds(Delta, content=texts, thinking=texts),
        st.just(ToolCalled(0, CALL)),
    ),
    max_size=8,
)


@given(happenings, st.sampled_from(["stop", "length"]))
def test_nothing_is_lost_and_every_item_is_closed(happened, reason):
    told, kept = translate([*happened, Done(reason, Metrics(prompt_eval_count=3, eval_count=4))])
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    deltas = [event for event in happened if isinstance(event, Delta)]
    content = "".join(delta.content for delta in deltas)
    thinking = "".join(delta.thinking for delta in deltas)
    calls = tuple(event.call for event in happened if isinstance(event, ToolCalled))
    ((body, answer),) = kept
    assert answer == Message("assistant", content, thinking, tool_calls=calls)
    final = told[-1]["response"]
    assert json.loads(body) == final
    assert told[-1]["type"] == f"response.{final['status']}"
    assert final["usage"]["total_tokens"] == 7
    opened = [e["item"]["id"] for e in told if e["type"] == "response.output_item.added"]
    closed = [e["item"] for e in told if e["type"] == "response.output_item.done"]
    assert closed == final["output"]
    assert opened == [item["id"] for item in closed]
    grown = {}
    for event in told:
        if event["type"].endswith(".delta"):
            assert final["output"][event["output_index"]]["id"] == event["item_id"]
            grown[event["item_id"]] = grown.get(event["item_id"], "") + event["delta"]
    for item in final["output"]:
        text = item.get("arguments") or item.get("encrypted_content")
        if item["type"] == "message":
            text = item["content"][0]["text"]
        assert grown[item["id"]] == text


def test_an_empty_answer_still_has_a_message():
    told, _ = translate([Done("stop")])
    (message,) = told[-1]["response"]["output"]
    assert message["content"][0]["text"] == ""


def test_a_stream_that_breaks_says_why():
    translator = ResponseTranslator(
        begun_response(ResponsesBody(model="m")), lambda body, answer: None
    )
    translator.chunk(Delta("hi"))
    name, data = translator.failure(500, "it broke").decode().strip().split("\n")
    assert name == "event: response.failed"
    response = json.loads(data.removeprefix("data: "))["response"]
    assert response["status"] == "failed"
    assert response["error"] == {"code": "api_error", "message": "it broke"}
