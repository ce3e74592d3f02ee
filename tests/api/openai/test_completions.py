"""POST /v1/completions against the real engine."""

import json

import pytest

PARIS = "What is the capital of France?"


def post(server, **body):
    defaults = {"model": "tiny", "prompt": PARIS, "temperature": 0, "max_tokens": 12}
    return server.client.post("/v1/completions", json=defaults | {"think": False} | body)


def events(answer) -> list:
    assert answer.headers["content-type"].startswith("text/event-stream")
    parts = answer.text.split("\n\n")
    assert parts[-2:] == ["data: [DONE]", ""]
    return [json.loads(part.removeprefix("data: ")) for part in parts[:-2]]


def tokens_of(server, text: str) -> list[int]:
    body = {"model": "tiny", "content": text, "add_special": True}
    return server.client.post("/api/tokenize", json=body).json()["tokens"]


def test_whole_answer(server):
    answer = post(server).json()
    assert answer["id"].startswith("cmpl-")
    assert (answer["object"], answer["model"]) == ("text_completion", "tiny")
    (choice,) = answer["choices"]
    assert list(choice) == ["index", "text", "finish_reason", "logprobs"]
    assert "Paris" in choice["text"]
    assert (choice["index"], choice["logprobs"]) == (0, None)
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0


def test_the_chat_template_is_applied_to_text_unless_raw(server):
    applied = post(server, max_tokens=1).json()["usage"]["prompt_tokens"]
    raw = post(server, max_tokens=1, raw=True).json()["usage"]["prompt_tokens"]
    assert applied > raw == len(tokens_of(server, PARIS))


def test_tokens_reach_the_model_as_they_are(server):
    tokens = tokens_of(server, PARIS)
    answer = post(server, prompt=tokens).json()
    assert answer["usage"]["prompt_tokens"] == len(tokens)
    assert answer["choices"][0]["text"] == post(server, raw=True).json()["choices"][0]["text"]


@pytest.mark.parametrize("as_tokens", [True, False])
def test_several_prompts_with_several_answers(server, as_tokens):
    texts = ["One two three", "Four"]
    prompts = [tokens_of(server, text) for text in texts] if as_tokens else texts
    answer = post(server, prompt=prompts, n=2, max_tokens=3, raw=True, echo=True).json()
    assert [one["index"] for one in answer["choices"]] == [0, 1, 2, 3]
    starts = [one["text"][:4] for one in answer["choices"]]
    assert starts == ["One ", "One ", "Four", "Four"]
    expected = sum(len(tokens_of(server, text)) for text in texts)
    assert answer["usage"]["prompt_tokens"] == expected
    assert answer["usage"]["completion_tokens"] <= 12


def test_seeds_vary_from_answer_to_answer_and_repeat(server):
    # Few tokens: in batches of other sizes the last bits of a likelihood may differ.
    body = {"n": 3, "seed": 7, "temperature": 1.5, "raw": True, "prompt": "Once upon"}
    body["max_tokens"] = 5
    first = [one["text"] for one in post(server, **body).json()["choices"]]
    again = [one["text"] for one in post(server, **body).json()["choices"]]
    assert first == again
    assert len(set(first)) > 1


def test_best_of_gives_out_the_likeliest(server):
    body = {"seed": 3, "temperature": 1.5, "raw": True, "prompt": "Once upon", "max_tokens": 5}
    every = post(server, **body, n=4, logprobs=0).json()["choices"]

    def mean(choice):
        logprobs = choice["logprobs"]["token_logprobs"]
        return sum(logprobs) / len(logprobs)

    answer = post(server, **body, n=1, best_of=4).json()
    (choice,) = answer["choices"]
    assert choice["text"] == max(every, key=mean)["text"]
    assert choice["logprobs"] is None
    assert answer["usage"]["completion_tokens"] > 5


@pytest.mark.parametrize("stream", [True, False])
def test_logprobs_are_parallel_lists(server, stream):
    answer = post(server, logprobs=2, stream=stream)
    pieces = [one["choices"][0] for one in events(answer)] if stream else answer.json()["choices"]
    text = "".join(piece["text"] for piece in pieces)
    tokens, offsets = [], []
    for piece in pieces:
        if not piece["logprobs"]:
            continue
        logprobs = piece["logprobs"]
        assert len({len(values) for values in logprobs.values()}) == 1
        assert all(value <= 0 for value in logprobs["token_logprobs"])
        assert all(len(top) == 2 for top in logprobs["top_logprobs"])
        tokens += logprobs["tokens"]
        offsets += logprobs["text_offset"]
    assert tokens
    for token, offset in zip(tokens, offsets, strict=True):
        assert text[offset : offset + len(token)] == token


def test_stream(server):
    got = events(post(server, stream=True, stream_options={"include_usage": True}))
    assert len({(one["id"], one["created"]) for one in got}) == 1
    *pieces, finish, usage = got
    text = "".join(one["choices"][0]["text"] for one in pieces)
    assert text == post(server).json()["choices"][0]["text"]
    assert all(one["choices"][0]["finish_reason"] is None for one in pieces)
    assert all(one["usage"]["total_tokens"] == 0 for one in got[:-1])
    assert finish["choices"][0]["finish_reason"] in ("stop", "length")
    assert usage["choices"] == []
    assert usage["usage"]["total_tokens"] > 0


def test_streamed_answers_keep_apart(server):
    body = {"prompt": ["One two", "Red green"], "n": 2, "raw": True, "echo": True}
    got = events(post(server, **body, stream=True, max_tokens=8))
    texts = [""] * 4
    finished = []
    for one in got:
        (choice,) = one["choices"]
        texts[choice["index"]] += choice["text"]
        if choice["finish_reason"]:
            finished.append(choice["index"])
        assert "usage" not in one
    assert sorted(finished) == [0, 1, 2, 3]
    whole = [one["text"] for one in post(server, **body, max_tokens=8).json()["choices"]]
    assert texts == whole


def test_echo_with_no_tokens_gives_the_prompt_back(server):
    choice = post(server, echo=True, max_tokens=0).json()["choices"][0]
    assert (choice["text"], choice["finish_reason"]) == (PARIS, "length")


def test_stop(server):
    choice = post(server, stop=["Paris"]).json()["choices"][0]
    assert "Paris" not in choice["text"]
    assert choice["finish_reason"] == "stop"


def test_an_empty_prompt_has_an_empty_answer(server):
    choice = post(server, prompt="").json()["choices"][0]
    assert (choice["text"], choice["finish_reason"]) == ("", "stop")


def test_a_bias_keeps_a_token_out(server):
    (token,) = set(tokens_of(server, "Paris")) - set(tokens_of(server, "x"))
    spaced = tokens_of(server, " Paris")[-1]
    bias = {str(token): -100, str(spaced): -100}
    assert "Paris" not in post(server, logit_bias=bias).json()["choices"][0]["text"]


def test_thoughts_are_told_apart(server):
    choice = post(server, think=True, max_tokens=200).json()["choices"][0]
    assert choice["reasoning"]
    assert choice["reasoning"] not in choice["text"]


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"model": "nope"}, 404, "model 'nope' not found"),
        ({"model": ""}, 400, "model is required"),
        ({"prompt": []}, 400, "invalid prompt: must be a string, an array of strings or tokens"),
        ({"prompt": 5}, 400, "invalid prompt: must be a string, an array of strings or tokens"),
        (
            {"prompt": ["a", 1]},
            400,
            "invalid prompt: must be all strings, or all tokens (integers)",
        ),
        ({"prompt": [-1]}, 400, "invalid prompt: must be all strings, or all tokens (integers)"),
        ({"prompt": [[]]}, 400, "invalid prompt: must be all strings, or all tokens (integers)"),
        ({"prompt": [True]}, 400, "invalid prompt: must be all strings, or all tokens (integers)"),
        ({"prompt": [2**31 - 1]}, 400, "token 2147483647 is not in the model's vocabulary"),
        ({"n": 0}, 400, "n must be at least 1"),
        ({"n": 2, "best_of": 1}, 400, "best_of must be at least n"),
        (
            {"n": 129},
            400,
            "too many answers: 1 prompts with 129 answers each; at most 128 in one request",
        ),
        ({"stop": ["a", 1]}, 400, "invalid type for 'stop' field: float64"),
        ({"stop": [None]}, 400, "invalid type for 'stop' field: <nil>"),
        ({"stop": [{}]}, 400, "invalid type for 'stop' field: map[string]interface {}"),
        ({"logprobs": 21}, 400, "logprobs must be between 0 and 20"),
        ({"logprobs": 1, "echo": True}, 400, "logprobs cannot be combined with echo"),
        ({"logit_bias": {"x": 1}}, 400, 'logit_bias: "x" is not a token id'),
        (
            {"suffix": "end"},
            400,
            "registry.ollama.ai/library/tiny:latest does not support insert",
        ),
        (
            {"max_tokens": "many"},
            400,
            "json: cannot unmarshal string into Go struct field "
            "CompletionRequest.max_tokens of type int",
        ),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_errors_have_the_shape_of_openai(server, body, status, text, stream):
    answer = post(server, stream=stream, **body)
    kind = "not_found_error" if status == 404 else "invalid_request_error"
    error = {"message": text, "type": kind, "param": None, "code": None}
    assert (answer.status_code, answer.json()) == (status, {"error": error})


def test_best_of_is_not_for_streams(server):
    answer = post(server, n=1, best_of=2, stream=True)
    assert answer.json()["error"]["message"] == "best_of must be equal to n when streaming"


def test_most_answers_are_allowed(server):
    answer = post(server, prompt=["a"] * 32, n=4, max_tokens=0).json()
    assert len(answer["choices"]) == 128


def test_unknown_priority_is_refused(server):
    body = {"model": "tiny", "prompt": "a", "max_tokens": 1}
    for word, status in [("interactive", 200), ("Background", 200), ("urgent", 400)]:
        headers = {"x-corral-priority": word}
        answer = server.client.post("/v1/completions", json=body, headers=headers)
        assert answer.status_code == status
