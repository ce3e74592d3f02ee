"""POST /v1/chat/completions against the real engine."""

import json

import pytest

PARIS = [{"role": "user", "content": "What is the capital of France?"}]


def post(server, **body):
    defaults = {"model": "tiny", "messages": PARIS, "temperature": 0, "max_tokens": 40}
    return server.client.post("/v1/chat/completions", json=defaults | body)


def events(answer) -> list:
    assert answer.headers["content-type"].startswith("text/event-stream")
    parts = answer.text.split("\n\n")
    assert parts[-1] == ""
    return [
        part if part == "data: [DONE]" else json.loads(part.removeprefix("data: "))
        for part in parts[:-1]
    ]


def test_whole_answer(server):
    answer = post(server, reasoning_effort="none").json()
    assert list(answer) == [
        "id",
        "object",
        "created",
        "model",
        "system_fingerprint",
        "choices",
        "usage",
    ]
    assert answer["id"].startswith("chatcmpl-")
    assert (answer["object"], answer["model"]) == ("chat.completion", "tiny")
    (choice,) = answer["choices"]
    assert choice["message"]["role"] == "assistant"
    assert "Paris" in choice["message"]["content"]
    assert "reasoning" not in choice["message"]
    assert choice["finish_reason"] == "stop"
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0


def test_stream(server):
    got = events(post(server, stream=True, stream_options={"include_usage": True}))
    assert got[-1] == "data: [DONE]"
    *deltas, finish, usage = got[:-1]
    assert len({(one["id"], one["created"]) for one in got[:-1]}) == 1
    assert all(one["object"] == "chat.completion.chunk" for one in got[:-1])
    assert deltas[0]["choices"][0]["delta"]["role"] == "assistant"
    assert all("role" not in one["choices"][0]["delta"] for one in deltas[1:])
    assert any(one["choices"][0]["delta"].get("reasoning") for one in deltas)
    text = "".join(one["choices"][0]["delta"].get("content", "") for one in deltas)
    whole = post(server).json()["choices"][0]["message"]["content"]
    assert text == whole
    assert finish["choices"] == [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    assert usage["choices"] == []
    assert usage["usage"]["total_tokens"] > 0


def test_without_usage_no_chunk_has_any(server):
    got = events(post(server, stream=True, max_tokens=2))
    assert all("usage" not in one for one in got[:-1])
    assert got[-2]["choices"][0]["finish_reason"] == "length"


def test_stop_and_the_newer_name_for_max_tokens(server):
    body = {"max_tokens": None, "max_completion_tokens": 2, "stop": "never"}
    answer = post(server, **body).json()
    assert answer["usage"]["completion_tokens"] == 2
    assert answer["choices"][0]["finish_reason"] == "length"


def test_fields_that_ask_for_nothing_pass(server):
    answer = post(
        server,
        max_tokens=1,
        n=1,
        tools=[],
        response_format={"type": "text"},
        logprobs=False,
        logit_bias={},
        stop=None,
        user="me",
        tool_choice="none",
        parallel_tool_calls=True,
        store=False,
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"messages": []}, 400, "[] is too short - 'messages'"),
        ({"model": "nope"}, 404, "model 'nope' not found"),
        ({"model": ""}, 400, "model is required"),
        ({"messages": [{"role": "user"}]}, 400, "invalid message content type: <nil>"),
        ({"n": 0}, 400, "n must be between 1 and 128"),
        ({"n": 129}, 400, "n must be between 1 and 128"),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "image_url", "image_url": "data:image/png;base64,AAAA"}
                        ],
                    }
                ]
            },
            400,
            "registry.ollama.ai/library/tiny:latest does not support vision",
        ),
        (
            {"reasoning_effort": "lots"},
            400,
            'invalid reasoning value: "lots" (must be "minimal", "low", "medium", "high", '
            '"xhigh", "ultra", "max", or "none")',
        ),
        (
            {"temperature": "hot"},
            400,
            "json: cannot unmarshal string into Go struct field "
            "ChatCompletionRequest.temperature of type float64",
        ),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_errors_have_the_shape_of_openai(server, body, status, text, stream):
    answer = post(server, stream=stream, **body)
    kind = "not_found_error" if status == 404 else "invalid_request_error"
    error = {"message": text, "type": kind, "param": None, "code": None}
    assert (answer.status_code, answer.json()) == (status, {"error": error})


def test_a_broken_body_is_refused_in_the_same_shape(server):
    answer = server.client.post("/v1/chat/completions", content=b"{")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "unexpected EOF"


def test_several_answers_share_the_prompt(server):
    body = {"n": 3, "temperature": 1.2, "seed": 7, "max_tokens": 5, "reasoning_effort": "none"}
    answer = post(server, **body).json()
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2]
    assert all(choice["message"]["content"] for choice in answer["choices"])
    single = post(server, **body | {"n": 1}).json()
    assert answer["usage"]["prompt_tokens"] == single["usage"]["prompt_tokens"]
    assert answer["usage"]["completion_tokens"] > single["usage"]["completion_tokens"]


def test_several_answers_stream_side_by_side(server):
    body = {"n": 2, "max_tokens": 5, "reasoning_effort": "none", "stream": True}
    options = {"stream_options": {"include_usage": True}}
    chunks = events(post(server, **body, **options))
    assert chunks[-1] == "data: [DONE]"
    assert chunks[-2]["choices"] == []
    assert chunks[-2]["usage"]["completion_tokens"] == 10
    ends = [
        choice["index"]
        for chunk in chunks[:-1]
        for choice in chunk["choices"]
        if choice["finish_reason"]
    ]
    assert sorted(ends) == [0, 1]
    texts = ["", ""]
    for chunk in chunks[:-1]:
        for choice in chunk["choices"]:
            texts[choice["index"]] += choice["delta"].get("content", "")
    assert texts[0] == texts[1] != ""
