"""`format`, `logprobs` and `top_logprobs` of the native dialect, against the real engine."""

import json
import math
import re

import pytest

PARIS = "What is the capital of France?"
CITY = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 20},
        "kind": {"enum": ["city", "village"]},
        "inhabitants": {"type": "integer"},
        "sights": {"type": "array", "items": {"type": "string", "maxLength": 8}, "maxItems": 2},
    },
    "required": ["name", "kind", "inhabitants", "sights"],
    "additionalProperties": False,
}


def answer_of(server, path, *, stream, **body):
    """Content, thinking, log-probabilities and the last object of an answer."""
    prompt = {"prompt": PARIS} if path == "/api/generate" else {}
    messages = {"messages": [{"role": "user", "content": PARIS}]} if not prompt else {}
    body = {"model": "tiny", "stream": stream, **prompt, **messages, **body}
    body["options"] = {"num_predict": 400, "seed": 1} | body.get("options", {})
    answer = server.client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    objects = [json.loads(line) for line in answer.text.splitlines()]
    parts = [one.get("message") or one for one in objects]
    content = "".join(part.get("content", part.get("response", "")) for part in parts)
    thinking = "".join(part.get("thinking", "") for part in parts)
    logprobs = [item for one in objects for item in one.get("logprobs", [])]
    return content, thinking, logprobs, objects[-1]


def refusal(server, path="/api/chat", **body):
    messages = [{"role": "user", "content": "hi"}]
    answer = server.client.post(
        path, json={"model": "tiny", "prompt": "hi", "messages": messages, **body}
    )
    return answer.status_code, answer.json().get("error")


@pytest.mark.parametrize("path", ["/api/generate", "/api/chat"])
@pytest.mark.parametrize("think", [True, False])
@pytest.mark.parametrize("stream", [True, False])
def test_a_schema_is_kept_and_thinking_comes_first(server, path, think, stream):
    for temperature in (0, 1.5):
        content, thinking, _, last = answer_of(
            server,
            path,
            stream=stream,
            think=think,
            format=CITY,
            options={"temperature": temperature},
        )
        document = json.loads(content)
        assert list(document) == ["name", "kind", "inhabitants", "sights"]
        assert document["kind"] in ("city", "village")
        assert type(document["inhabitants"]) is int
        assert last["done_reason"] == "stop"
        assert bool(thinking) == think
        assert "think>" not in thinking + content


@pytest.mark.parametrize("stream", [True, False])
def test_json_is_an_object(server, stream):
    content, *_ = answer_of(server, "/api/chat", stream=stream, think=False, format="json")
    assert isinstance(json.loads(content), dict)


@pytest.mark.parametrize(
    ("form", "pattern"),
    [
        ({"regex": "(yes|no)!{1,2}"}, "(yes|no)!{1,2}"),
        ({"lark": 'start: "a" /[0-9]{2}/'}, "a[0-9]{2}"),
        ({"gbnf": 'root ::= "left" | "right"'}, "left|right"),
    ],
)
def test_grammars_beyond_json(server, form, pattern):
    content, *_ = answer_of(server, "/api/generate", stream=False, raw=True, format=form)
    assert re.fullmatch(pattern, content)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("yaml", r'invalid format: "\"yaml\""; expected "json" or a valid JSON Schema object'),
        (5, 'invalid format: "5"; expected "json" or a valid JSON Schema object'),
        (True, 'invalid format: "true"; expected "json" or a valid JSON Schema object'),
        ([1], 'invalid format: "[1]"; expected "json" or a valid JSON Schema object'),
        ({"regex": 3}, "invalid format: regex must be a string"),
        (
            {"type": "array", "uniqueItems": True},
            'the JSON Schema keyword "uniqueItems" is not supported',
        ),
        ({"lark": "start: x"}, 'the Lark grammar is not valid: unknown name: "x"'),
        ({"const": "x" * 70_000}, "the JSON Schema is larger than 64 KiB"),
    ],
)
@pytest.mark.parametrize("path", ["/api/generate", "/api/chat"])
@pytest.mark.parametrize("stream", [True, False])
def test_formats_that_cannot_be_kept_are_refused(server, form, text, path, stream):
    assert refusal(server, path, format=form, stream=stream) == (400, text)


@pytest.mark.parametrize("path", ["/api/generate", "/api/chat"])
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("think", [True, False])
def test_log_probabilities_of_every_token(server, path, stream, think):
    content, thinking, logprobs, last = answer_of(
        server,
        path,
        stream=stream,
        think=think,
        logprobs=True,
        top_logprobs=3,
        options={"temperature": 0, "num_predict": 30},
    )
    assert last["eval_count"] - len(logprobs) in (0, 1)  # the end token has no text
    for item in logprobs:
        assert list(item) == ["token", "logprob", "bytes", "top_logprobs"]
        assert bytes(item["bytes"]).decode(errors="replace") == item["token"]
        assert [list(top) for top in item["top_logprobs"]] == [["token", "logprob", "bytes"]] * 3
        values = [top["logprob"] for top in item["top_logprobs"]]
        assert values == sorted(values, reverse=True)
        assert item["logprob"] == values[0] <= 0  # greedy
        assert sum(math.exp(value) for value in values) <= 1.001
    text = b"".join(bytes(item["bytes"]) for item in logprobs).decode()
    assert content.strip() in text
    assert thinking.strip() in text


def test_log_probabilities_do_not_change_the_answer(server):
    settings = {"stream": False, "think": False, "options": {"temperature": 0}}
    for form in (None, CITY):
        plain, *_ = answer_of(server, "/api/chat", format=form, **settings)
        content, _, logprobs, _ = answer_of(
            server, "/api/chat", format=form, logprobs=True, **settings
        )
        assert content == plain
        assert "".join(item["token"] for item in logprobs) == content
        assert not any("top_logprobs" in item for item in logprobs)


def test_top_logprobs_alone_ask_for_nothing(server):
    options = {"num_predict": 2}
    *_, logprobs, _ = answer_of(server, "/api/chat", stream=False, top_logprobs=5, options=options)
    assert logprobs == []
