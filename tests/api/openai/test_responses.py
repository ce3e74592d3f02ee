"""POST /v1/responses against the real engine."""

import json

import pytest

from tests.api.tools import QUESTION, TEMPERATURE

TOOL = {"type": "function", **TEMPERATURE["function"]}
PARIS = "What is the capital of France?"
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 12}, "big": {"type": "boolean"}},
    "required": ["city", "big"],
    "additionalProperties": False,
}
QUIET = {"reasoning": {"effort": "none"}}


def post(server, **body):
    defaults = {"model": "tiny", "input": PARIS, "temperature": 0, "max_output_tokens": 150}
    return server.client.post("/v1/responses", json=defaults | body)


def whole(server, **body) -> dict:
    answer = post(server, **body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def events(server, **body) -> list[dict]:
    answer = post(server, stream=True, **body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    parts = answer.text.split("\n\n")
    assert parts.pop() == ""
    got = []
    for number, part in enumerate(parts):
        name, data = part.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        assert event["sequence_number"] == number
        got.append(event)
    return got


def kinds(got: list[dict]) -> list[str]:
    """The types of events without `response.`, repeated deltas once."""
    names = [event["type"].removeprefix("response.") for event in got]
    return [name for name, before in zip(names, ["", *names], strict=False) if name != before]


def without_ids(output: list[dict]) -> list[dict]:
    ids = {"id": "", "call_id": ""}
    return [item | {key: "" for key in ids if key in item} for item in output]


def test_whole_answer(server):
    answer = whole(server, instructions="Be brief.", metadata={"a": "b"}, **QUIET)
    assert (answer["object"], answer["status"], answer["model"]) == (
        "response",
        "completed",
        "tiny",
    )
    assert answer["id"].startswith("resp_")
    assert answer["completed_at"] >= answer["created_at"]
    (message,) = answer["output"]
    assert (message["type"], message["role"], message["status"]) == (
        "message",
        "assistant",
        "completed",
    )
    (part,) = message["content"]
    assert "Paris" in part["text"]
    assert part == {
        "type": "output_text",
        "text": part["text"],
        "annotations": [],
        "logprobs": [],
    }
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > 0
    assert usage["output_tokens_details"] == {"reasoning_tokens": 0}
    echoed = {
        "instructions": "Be brief.",
        "metadata": {"a": "b"},
        "max_output_tokens": 150,
        "temperature": 0,
        "tool_choice": "auto",
        "text": {"format": {"type": "text"}},
        "reasoning": {"effort": "none", "summary": None},
        "truncation": "disabled",
        "incomplete_details": None,
        "error": None,
        "store": True,
    }
    assert {name: answer[name] for name in echoed} == echoed


def test_stream_with_thoughts(server):
    got = events(server, reasoning={"effort": "high"})
    assert kinds(got) == [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert got[0]["response"]["status"] == "in_progress"
    assert got[0]["response"]["output"] == []
    final = got[-1]["response"]
    reasoning, message = final["output"]
    thoughts = "".join(
        event["delta"] for event in got if event["type"].endswith("summary_text.delta")
    )
    text = "".join(event["delta"] for event in got if event["type"].endswith("output_text.delta"))
    assert reasoning["summary"] == [{"type": "summary_text", "text": thoughts}]
    assert reasoning["encrypted_content"] == thoughts
    assert message["content"][0]["text"] == text
    done = [event["item"] for event in got if event["type"] == "response.output_item.done"]
    assert done == final["output"]
    assert [e["output_index"] for e in got if "output_index" in e][-1] == 1
    same = whole(server, reasoning={"effort": "high"})
    assert without_ids(same["output"]) == without_ids(final["output"])
    assert same["usage"]["output_tokens"] == final["usage"]["output_tokens"]


def test_the_weather_example_streamed(server):
    got = events(server, input=[QUESTION], tools=[TOOL], **QUIET)
    assert kinds(got)[-5:] == [
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]
    added, delta, arguments, done, completed = got[-5:]
    assert (added["item"]["status"], added["item"]["arguments"]) == ("in_progress", "")
    assert json.loads(delta["delta"]) == {"city": "Paris"}
    assert arguments["arguments"] == delta["delta"]
    assert completed["response"]["output"][-1] == done["item"]
    assert {delta["item_id"], arguments["item_id"], done["item"]["id"]} == {added["item"]["id"]}
    assert added["item"]["call_id"] == done["item"]["call_id"] != done["item"]["id"]


@pytest.mark.parametrize("effort", ["none", "high"])
def test_the_weather_example_whole(server, effort):
    answer = whole(server, input=[QUESTION], tools=[TOOL], reasoning={"effort": effort})
    *before, call = answer["output"]
    assert [item["type"] for item in before] == (["reasoning"] if effort == "high" else [])
    assert (call["type"], call["status"], call["name"]) == (
        "function_call",
        "completed",
        "get_temperature",
    )
    assert json.loads(call["arguments"]) == {"city": "Paris"}
    result = {"type": "function_call_output", "call_id": call["call_id"], "output": "21 degrees"}
    replayed = whole(server, input=[QUESTION, *answer["output"], result], tools=[TOOL])
    assert "21" in replayed["output"][-1]["content"][0]["text"]
    continued = whole(server, input=[result], tools=[TOOL], previous_response_id=answer["id"])
    assert without_ids(continued["output"]) == without_ids(replayed["output"])


@pytest.mark.parametrize("choice", ["required", {"type": "function", "name": "get_temperature"}])
def test_a_required_call_is_made_whatever_was_asked(server, choice):
    answer = whole(server, input="Hello!", tools=[TOOL], tool_choice=choice, **QUIET)
    assert {item["name"] for item in answer["output"]} == {"get_temperature"}
    assert answer["tool_choice"] == choice
    assert answer["tools"] == [TOOL]


def test_tool_choice_none_offers_no_tools(server):
    answer = whole(server, input=[QUESTION], tools=[TOOL], tool_choice="none", **QUIET)
    assert [item["type"] for item in answer["output"]] == ["message"]


@pytest.mark.parametrize("effort", ["none", "high"])
def test_a_schema_is_kept(server, effort):
    wanted = {"type": "json_schema", "name": "x", "schema": SCHEMA, "strict": True}
    body = {
        "text": {"format": wanted},
        "reasoning": {"effort": effort},
        "max_output_tokens": 400,
    }
    for answer in (whole(server, **body), events(server, **body)[-1]["response"]):
        document = json.loads(answer["output"][-1]["content"][0]["text"])
        assert list(document) == ["city", "big"]
        assert answer["text"] == {"format": wanted}


def test_json_object(server):
    answer = whole(server, text={"format": {"type": "json_object"}}, **QUIET)
    assert isinstance(json.loads(answer["output"][0]["content"][0]["text"]), dict)


def test_an_answer_cut_short_says_so(server):
    for answer in (
        whole(server, max_output_tokens=2, **QUIET),
        events(server, max_output_tokens=2, **QUIET)[-1]["response"],
    ):
        assert answer["status"] == "incomplete"
        assert answer["incomplete_details"] == {"reason": "max_output_tokens"}
        assert answer["completed_at"] is None
        assert answer["output"][0]["status"] == "incomplete"
        assert answer["usage"]["output_tokens"] == 2
    assert events(server, max_output_tokens=2, **QUIET)[-1]["type"] == "response.incomplete"


def test_log_probabilities(server):
    include = ["message.output_text.logprobs"]
    got = events(server, include=include, top_logprobs=2, **QUIET)
    (part,) = got[-1]["response"]["output"][0]["content"]
    assert "".join(item["token"] for item in part["logprobs"]).strip() == part["text"].strip()
    assert {len(item["top_logprobs"]) for item in part["logprobs"]} == {2}
    told = [item for e in got if e["type"].endswith("text.delta") for item in e["logprobs"]]
    assert told == part["logprobs"]


def test_a_conversation_is_continued(server):
    first = whole(server, instructions="Say it in one word.", **QUIET)
    assert server.client.get(f"/v1/responses/{first['id']}").json() == first
    said = {"role": "assistant", "content": first["output"][0]["content"]}
    more = {"role": "user", "content": "And of Spain?"}
    continued = whole(server, input=[more], previous_response_id=first["id"], **QUIET)
    replayed = whole(server, input=[{"role": "user", "content": PARIS}, said, more], **QUIET)
    assert continued["previous_response_id"] == first["id"]
    assert without_ids(continued["output"]) == without_ids(replayed["output"])
    assert continued["usage"]["input_tokens"] == replayed["usage"]["input_tokens"]
    streamed = events(server, input="Why?", previous_response_id=continued["id"], **QUIET)
    final = streamed[-1]["response"]
    assert server.client.get(f"/v1/responses/{final['id']}").json() == final


def test_what_is_deleted_or_not_to_be_stored_is_not_found(server):
    stored = whole(server, max_output_tokens=1)["id"]
    answer = server.client.delete(f"/v1/responses/{stored}")
    assert answer.json() == {"id": stored, "object": "response", "deleted": True}
    private = whole(server, max_output_tokens=1, store=False)
    assert private["store"] is False
    for number in (stored, private["id"]):
        for method in ("GET", "DELETE"):
            answer = server.client.request(method, f"/v1/responses/{number}")
            assert answer.status_code == 404
            assert answer.json()["error"]["message"] == f"Response with id '{number}' not found."
        answer = post(server, previous_response_id=number)
        assert answer.status_code == 404
        assert answer.json()["error"] == {
            "message": f"Previous response with id '{number}' not found. It was not stored, or is "
            "no longer: send the whole conversation as input instead.",
            "type": "not_found_error",
            "param": None,
            "code": None,
        }


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"model": ""}, 400, "model is required"),
        ({"model": "nope"}, 404, "model 'nope' not found"),
        (
            {"input": None},
            400,
            'one of "input" or "previous_response_id" must be provided',
        ),
        ({"input": [{"type": "dance"}]}, 400, 'input[0]: unknown input item type: "dance"'),
        (
            {"reasoning": {"effort": "much"}},
            400,
            'invalid reasoning value: "much" (must be "minimal", "low", "medium", "high", '
            '"xhigh", "ultra", "max", or "none")',
        ),
        ({"text": {"format": {"type": "yaml"}}}, 400, 'invalid text.format type: "yaml"'),
        (
            {"text": {"format": {"type": "json_schema"}}},
            400,
            "text.format.schema must be an object",
        ),
        (
            {"tools": [{"type": "web_search"}]},
            400,
            "the tool type web_search is not supported by this version of Corral",
        ),
        (
            {"conversation": "conv_1"},
            400,
            "conversation is not supported by this version of Corral",
        ),
        (
            {"tools": [TOOL], "tool_choice": {"type": "function", "name": "other"}},
            400,
            "tool_choice names other, which is not offered",
        ),
    ],
)
def test_what_cannot_be_done_is_refused(server, body, status, text):
    for stream in (False, True):
        answer = post(server, stream=stream, **body)
        assert (answer.status_code, answer.json()["error"]["message"]) == (status, text)


def test_an_image_needs_a_model_that_sees(server):
    image = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}
    answer = post(server, input=[{"role": "user", "content": [image]}])
    assert answer.status_code == 400
    assert "does not support vision" in answer.json()["error"]["message"]


def test_packed_bodies_are_refused(server):
    headers = {"Content-Encoding": "zstd"}
    answer = server.client.post("/v1/responses", content=b"(\xb5/\xfd", headers=headers)
    assert answer.status_code == 415
    assert answer.json()["error"]["message"] == (
        'Content-Encoding "zstd" is not supported: send the body uncompressed'
    )
