"""POST /api/generate and /api/chat against the real engine."""

import json
import logging

import pytest

from tests.api.live_server import wait_until

PARIS = "What is the capital of France?"
FIXED = {"temperature": 0, "num_predict": 40}
METRICS = {
    "total_duration",
    "load_duration",
    "prompt_eval_count",
    "prompt_eval_duration",
    "eval_count",
    "eval_duration",
}


def lines(answer) -> list[dict]:
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.text.endswith("\n")
    return [json.loads(line) for line in answer.text.splitlines()]


def post(server, path, **body):
    return server.client.post(path, json={"model": "tiny", **body})


def chat(server, **body):
    messages = [{"role": "user", "content": PARIS}]
    return post(server, "/api/chat", **({"messages": messages, "options": FIXED} | body))


def test_generate_streams_pieces_and_ends_with_metrics(server):
    answer = lines(post(server, "/api/generate", prompt=PARIS, options=FIXED, think=False))
    assert all(list(one)[:4] == ["model", "created_at", "response", "done"] for one in answer)
    assert all(set(one) == {"model", "created_at", "response", "done"} for one in answer[:-1])
    last = answer[-1]
    assert (last["done"], last["done_reason"], last["response"]) == (True, "stop", "")
    assert set(last) >= METRICS | {"context"}
    assert "Paris" in "".join(one["response"] for one in answer)


def test_generate_whole_is_the_stream_in_one_object(server):
    body = {"prompt": PARIS, "options": FIXED, "think": True}
    streamed = lines(post(server, "/api/generate", **body))
    answer = post(server, "/api/generate", stream=False, **body)
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    whole = answer.json()
    for key in ("response", "thinking"):
        assert whole[key] == "".join(one.get(key, "") for one in streamed) != ""
    assert whole["context"] == streamed[-1]["context"]


def test_context_carries_a_conversation_on(server):
    first = post(server, "/api/generate", prompt="Hello!", stream=False, options=FIXED).json()
    second = post(
        server, "/api/generate", prompt=PARIS, context=first["context"], stream=False, options=FIXED
    ).json()
    assert second["context"][: len(first["context"])] == first["context"]
    assert second["prompt_eval_count"] > first["prompt_eval_count"]


def test_raw_has_no_context_and_no_template(server):
    body = {"prompt": "Paris", "raw": True, "stream": False, "options": {"num_predict": 3}}
    answer = post(server, "/api/generate", **body).json()
    assert "context" not in answer
    assert answer["prompt_eval_count"] <= 3
    assert answer["done_reason"] == "length"


def test_chat_streams_pieces_and_ends_with_metrics(server):
    answer = lines(chat(server, think=False))
    assert all(list(one)[:4] == ["model", "created_at", "message", "done"] for one in answer)
    assert all(one["message"]["role"] == "assistant" for one in answer)
    required = {"model", "created_at", "message", "done", "done_reason"} | METRICS
    assert required <= set(answer[-1]) <= required | {"cached"}
    assert answer[-1]["message"] == {"role": "assistant", "content": ""}
    assert "Paris" in "".join(one["message"]["content"] for one in answer)


def test_thinking_is_kept_apart(server):
    whole = chat(server, stream=False, think=True).json()
    assert whole["message"]["thinking"]
    assert "think>" not in whole["message"]["content"]
    assert "thinking" not in chat(server, stream=False, think=False).json()["message"]


@pytest.mark.parametrize(
    ("path", "empty"),
    [
        ("/api/generate", {"response": ""}),
        ("/api/chat", {"message": {"role": "assistant", "content": ""}}),
    ],
)
def test_load_and_unload_answer_with_one_object(server, path, empty):
    loaded = post(server, path)
    assert loaded.headers["content-type"] == "application/json; charset=utf-8"
    assert loaded.json()["done_reason"] == "load"
    assert [one["name"] for one in server.client.get("/api/ps").json()["models"]] == ["tiny:latest"]
    unloaded = post(server, path, keep_alive=0).json()
    assert unloaded.pop("created_at").endswith("Z")
    assert unloaded == {"model": "tiny", **empty, "done": True, "done_reason": "unload"}
    wait_until(lambda: server.client.get("/api/ps").json() == {"models": []})


def test_the_prompt_can_be_looked_at(server):
    answer = chat(server, _debug_render_only=True).json()
    assert answer["done"] is False
    assert PARIS in answer["_debug_info"]["rendered_template"]
    assert answer["_debug_info"]["image_count"] == 0


ERRORS = [
    ("/api/generate", {"model": "nope"}, 404, "model 'nope' not found"),
    ("/api/generate", {"model": ""}, 404, "model '' not found"),
    ("/api/generate", {"model": "../x"}, 400, "invalid model name"),
    ("/api/chat", {"model": "nope"}, 404, "model 'nope' not found"),
    ("/api/chat", {"model": ""}, 400, "model is required"),
    ("/api/chat", {"model": "a b"}, 400, "invalid model name"),
    (
        "/api/chat",
        {"model": "gpt:120b-cloud"},
        403,
        "ollama cloud is disabled: remote model is unavailable",
    ),
    ("/api/chat", {"top_logprobs": 21}, 400, "top_logprobs must be between 0 and 20"),
    ("/api/chat", {"model": "nope", "format": "json"}, 404, "model 'nope' not found"),
    (
        "/api/generate",
        {"prompt": "x", "images": ["AAAA"]},
        400,
        "registry.ollama.ai/library/tiny:latest does not support vision",
    ),
    (
        "/api/chat",
        {"messages": [{"role": "user", "images": ["AAAA"]}]},
        400,
        "registry.ollama.ai/library/tiny:latest does not support vision",
    ),
    (
        "/api/generate",
        {"prompt": "x", "raw": True, "system": "s"},
        400,
        "raw mode does not support template, system, or context",
    ),
    (
        "/api/generate",
        {"prompt": "x", "suffix": "s"},
        400,
        "registry.ollama.ai/library/tiny:latest does not support insert",
    ),
    (
        "/api/generate",
        {"prompt": "x", "options": {"top_k": "many"}},
        500,
        'option "top_k" must be of type integer',
    ),
    (
        "/api/generate",
        {"prompt": "x", "options": {"stop": "x"}},
        500,
        'option "stop" must be of type array',
    ),
    ("/api/generate", {"keep_alive": "300"}, 400, 'time: missing unit in duration "300"'),
    (
        "/api/chat",
        {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
        400,
        "json: cannot unmarshal array into Go struct field ChatRequest.messages.content "
        "of type string",
    ),
]


@pytest.mark.parametrize(("path", "body", "status", "text"), ERRORS)
@pytest.mark.parametrize("stream", [True, False])
def test_bad_requests_get_their_status_and_text(server, path, body, status, text, stream):
    answer = post(server, path, stream=stream, **body)
    assert (answer.status_code, answer.json()) == (status, {"error": text})


@pytest.mark.parametrize("path", ["/api/generate", "/api/chat", "/api/show", "/api/create"])
@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "missing request body"),
        (b"{", "unexpected EOF"),
        (b"nope", "invalid character 'o' in literal null (expecting 'u')"),
        (b'{"model": NaN}', "invalid character 'N' looking for beginning of value"),
    ],
)
def test_broken_bodies_are_refused(server, path, body, text):
    answer = server.client.post(path, content=body)
    assert (answer.status_code, answer.json()) == (400, {"error": text})


def test_fields_that_ask_for_nothing_pass(server):
    answer = chat(
        server,
        stream=False,
        format="",
        tools=[],
        logprobs=False,
        top_logprobs=0,
        keep_alive=None,
        think=None,
        options={"temperature": 0, "num_predict": 1, "mirostat": 1, "seed": None},
    )
    assert answer.status_code == 200


def test_field_names_match_whatever_their_case(server):
    body = {
        "MODEL": "tiny",
        "Stream": False,
        "Options": {"num_predict": 1},
        "MESSAGES": [{"Role": "USER", "CONTENT": "hi"}],
    }
    answer = server.client.post("/api/chat", content=json.dumps(body) + "garbage")
    assert answer.status_code == 200
    assert answer.json()["eval_count"] == 1


def test_a_repeated_prompt_says_how_much_of_it_was_cached(server):
    chat(server, think=False)
    answer = lines(chat(server, think=False))[-1]
    assert 0 < answer["cached"] < answer["prompt_eval_count"]


def test_dropped_history_is_reported_in_the_answer_and_the_log(server, caplog):
    caplog.set_level(logging.WARNING, "engine.engine")
    talk = [{"role": "user", "content": f"Remember the number {number}."} for number in range(40)]
    body = {"messages": talk, "think": False, "stream": False}
    options = {**FIXED, "num_ctx": 128, "num_predict": 4}
    answer = post(server, "/api/chat", **body, options=options).json()
    report = answer["prompt_truncated"]
    assert answer["prompt_eval_count"] <= 128
    assert 0 < report["dropped_messages"] < 40
    assert report["dropped_tokens"] > report["dropped_messages"]
    assert "did not fit into 128 tokens" in caplog.text


def test_a_prompt_that_fits_reports_nothing_dropped(server):
    assert "prompt_truncated" not in lines(chat(server, think=False))[-1]


def test_a_prompt_that_may_not_be_truncated_is_refused(server):
    body = {"prompt": "word " * 400, "truncate": False, "options": {**FIXED, "num_ctx": 128}}
    answer = post(server, "/api/generate", **body)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(
        "the prompt is longer than the context length currently available to the model"
    )
