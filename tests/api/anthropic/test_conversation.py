"""POST /v1/messages and /v1/messages/count_tokens against a live server."""

import pytest

from tests.api.server.schema_check import find_faults
from tests.api.tools import QUESTION, TEMPERATURE

HELLO = {"role": "user", "content": "Hello!"}
NO_THINKING = {"thinking": {"type": "disabled"}}
FUNCTION = TEMPERATURE["function"]
TOOL = {
    "name": FUNCTION["name"],
    "description": FUNCTION["description"],
    "input_schema": FUNCTION["parameters"],
}


def ask(server, path="/v1/messages", **body):
    defaults = {"model": "tiny", "messages": [HELLO], "max_tokens": 100, "temperature": 0}
    return server.client.post(path, json={**defaults, **body})


@pytest.mark.parametrize("thinking", ["enabled", "disabled"])
@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "get_temperature"}])
def test_a_required_call_is_made_whatever_was_asked(server, choice, thinking):
    answer = ask(server, tools=[TOOL], tool_choice=choice, thinking={"type": thinking}).json()
    calls = [block for block in answer["content"] if block["type"] == "tool_use"]
    assert {call["name"] for call in calls} == {"get_temperature"}
    assert answer["stop_reason"] == "tool_use"


def test_tool_choice_none_offers_no_tools(server):
    answer = ask(server, messages=[QUESTION], tools=[TOOL], tool_choice={"type": "none"}).json()
    assert {block["type"] for block in answer["content"]} <= {"text", "thinking"}


def test_thinking_is_a_block_of_its_own(server):
    answer = ask(server, thinking={"type": "enabled", "budget_tokens": 1024}).json()
    assert answer["content"][0]["type"] == "thinking"
    quiet = ask(server, **NO_THINKING).json()
    assert [block["type"] for block in quiet["content"]] == ["text"]


def test_a_schema_is_kept(server):
    schema = {"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]}
    wanted = {"format": {"type": "json_schema", "schema": schema}}
    (block,) = ask(server, output_config=wanted, **NO_THINKING).json()["content"]
    assert block["text"].startswith("{")
    assert '"a"' in block["text"]


def test_stop_sequences_end_the_answer(server):
    whole = ask(server, **NO_THINKING).json()["content"][0]["text"]
    stop = whole[2:4]
    cut = ask(server, stop_sequences=[stop], **NO_THINKING).json()
    assert cut["content"][0]["text"] == whole[: whole.index(stop)]
    assert cut["stop_reason"] == "end_turn"


def test_the_number_in_a_billing_header_does_not_empty_the_cache(server):
    system = " ".join(f"Rule {number}: be kind." for number in range(40))

    def usage(number: str) -> dict:
        blocks = [f"x-anthropic-billing-header: cc_version=2.1; cch={number};", system]
        texts = [{"type": "text", "text": text} for text in blocks]
        return ask(server, system=texts, max_tokens=1).json()["usage"]

    first, second = usage("fa690"), usage("11111")
    total = first["input_tokens"] + first["cache_read_input_tokens"]
    assert second["input_tokens"] + second["cache_read_input_tokens"] == total
    assert second["cache_read_input_tokens"] > total * 3 // 4


def test_the_count_is_that_of_a_generation(server):
    body = {"messages": [QUESTION], "system": "Be brief.", "tools": [TOOL]}
    counted = ask(server, "/v1/messages/count_tokens", **body).json()
    usage = ask(server, **body, max_tokens=1).json()["usage"]
    assert counted == {"input_tokens": usage["input_tokens"] + usage["cache_read_input_tokens"]}


@pytest.mark.parametrize(
    ("body", "status", "kind", "text"),
    [
        ({"model": ""}, 400, "invalid_request_error", "model is required"),
        (
            {"max_tokens": None},
            400,
            "invalid_request_error",
            "max_tokens is required and must be positive",
        ),
        (
            {"max_tokens": -1, "messages": []},
            400,
            "invalid_request_error",
            "max_tokens is required and must be positive",
        ),
        ({"messages": []}, 400, "invalid_request_error", "messages is required"),
        ({"model": "nope"}, 404, "not_found_error", "model 'nope' not found"),
        (
            {"stream": "yes"},
            400,
            "invalid_request_error",
            "json: cannot unmarshal string into Go struct field "
            "MessagesRequest.stream of type bool",
        ),
        (
            {"output_config": {"effort": "huge"}},
            400,
            "invalid_request_error",
            'invalid output_config.effort: "huge" '
            '(must be "low", "medium", "high", "xhigh", or "max")',
        ),
        (
            {"output_config": {"format": {"type": "xml"}}},
            400,
            "invalid_request_error",
            'invalid output_config.format type: "xml"',
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "image", "source": {"type": "base64", "data": "AAAA"}}
                        ],
                    }
                ]
            },
            400,
            "invalid_request_error",
            "registry.ollama.ai/library/tiny:latest does not support vision",
        ),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_errors_have_the_shape_of_the_dialect(server, body, status, kind, text, stream):
    answer = ask(server, **{"stream": stream, **body})
    told = answer.json()
    assert answer.status_code == status
    assert told.pop("request_id").startswith("req_")
    assert told == {"type": "error", "error": {"type": kind, "message": text}}


def test_no_body(server):
    answer = server.client.post("/v1/messages", content=b"")
    assert answer.json()["error"]["message"] == "missing request body"


def test_models_in_the_shape_that_the_client_knows(server):
    headers = {"anthropic-version": "2023-06-01"}
    page = server.client.get("/v1/models", headers=headers).json()
    assert page["has_more"] is False
    assert page["first_id"] == page["data"][0]["id"]
    assert page["last_id"] == page["data"][-1]["id"]
    entry = server.client.get("/v1/models/tiny", headers=headers).json()
    assert entry["created_at"].endswith("Z")
    assert (entry["type"], entry["id"], entry["display_name"]) == ("model", "tiny", "tiny:latest")
    assert "owned_by" in server.client.get("/v1/models/tiny").json()


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
@pytest.mark.parametrize("messages", [[QUESTION], []])
def test_answers_are_as_described(server, path, messages):
    document = server.client.get("/openapi.json").json()
    answer = ask(server, path, messages=messages, tools=[TOOL], **NO_THINKING)
    responses = document["paths"][path]["post"]["responses"]
    response = responses.get(str(answer.status_code), responses["default"])
    schema = response["content"]["application/json"]["schema"]
    assert find_faults(answer.json(), schema, document["components"]["schemas"]) == []
