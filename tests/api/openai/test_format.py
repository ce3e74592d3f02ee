"""`response_format`, `logprobs`, `logit_bias` of /v1/chat/completions, with the real client."""

import json
import re

import openai
import pytest

QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 12}, "big": {"type": "boolean"}},
    "required": ["city", "big"],
    "additionalProperties": False,
}


@pytest.fixture
def client(server):
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:
        yield client


def ask(client, **settings):
    settings = {"max_tokens": 400, "seed": 1, "reasoning_effort": "none"} | settings
    return client.chat.completions.create(model="tiny", messages=QUESTION, **settings)


def json_schema(schema):
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": schema, "strict": True}}


@pytest.mark.parametrize("effort", ["none", "high"])
def test_a_schema_is_kept(client, effort):
    whole = ask(client, response_format=json_schema(SCHEMA), reasoning_effort=effort)
    stream = ask(client, response_format=json_schema(SCHEMA), reasoning_effort=effort, stream=True)
    streamed = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    for text in (whole.choices[0].message.content, streamed):
        document = json.loads(text)
        assert list(document) == ["city", "big"]
        assert type(document["big"]) is bool
    assert whole.choices[0].finish_reason == "stop"
    assert bool(whole.choices[0].message.model_extra.get("reasoning")) == (effort == "high")


def test_json_object_and_grammars(client):
    answer = ask(client, response_format={"type": "json_object"}, temperature=0)
    assert isinstance(json.loads(answer.choices[0].message.content), dict)
    for kind, text in [("regex", "[a-c]{3}"), ("gbnf", 'root ::= [a-c] "b" "c"')]:
        answer = ask(client, response_format={"type": kind, kind: text})
        assert re.fullmatch("[a-c]{3}", answer.choices[0].message.content)


@pytest.mark.parametrize("stream", [True, False])
def test_log_probabilities(client, stream):
    settings = {"logprobs": True, "top_logprobs": 2, "max_tokens": 8, "temperature": 0}
    if stream:
        chunks = list(ask(client, stream=True, **settings))
        choices = [chunk.choices[0] for chunk in chunks]
        text = "".join(choice.delta.content or "" for choice in choices)
    else:
        choices = [ask(client, **settings).choices[0]]
        text = choices[0].message.content
    items = [item for choice in choices if choice.logprobs for item in choice.logprobs.content]
    assert "".join(item.token for item in items).strip() == text.strip()
    for item in items:
        assert item.logprob == item.top_logprobs[0].logprob
        assert len(item.top_logprobs) == 2
        assert bytes(item.bytes).decode() == item.token


def test_bias_forbids_and_prefers(client):
    settings = {"logprobs": True, "top_logprobs": 2, "max_tokens": 1, "temperature": 0}
    token = ask(client, **settings).choices[0].logprobs.content[0]
    # Forbidding everything but one token leaves that one; the log-probabilities stay the model's.
    others = {str(number): -100 for number in range(4096) if number != 300}
    biased = ask(client, logit_bias=others, **settings)
    chosen = biased.choices[0].logprobs.content[0]
    assert chosen.token != token.token
    assert chosen.top_logprobs[0].token == token.token
    preferred = ask(client, logit_bias={"300": 100}, **settings).choices[0].logprobs.content[0]
    assert preferred.token == chosen.token


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (
            {"response_format": {"type": "yaml"}},
            'invalid response_format type: "yaml"',
        ),
        (
            {"response_format": {"type": "json_schema"}},
            "response_format.json_schema.schema must be an object",
        ),
        (
            {"response_format": json_schema([])},
            "response_format.json_schema.schema must be an object",
        ),
        (
            {"response_format": json_schema({"not": {}})},
            'the JSON Schema keyword "not" is not supported',
        ),
        ({"response_format": {"type": "regex"}}, "response_format.regex must be a string"),
        ({"top_logprobs": 21}, "top_logprobs must be between 0 and 20"),
        ({"logit_bias": {"x": 1}}, 'logit_bias: "x" is not a token id'),
        ({"logit_bias": {"1": 101}}, "logit_bias: values must be between -100 and 100"),
        ({"logit_bias": {"1": True}}, "logit_bias: values must be numbers"),
        (
            {"logit_bias": {"4096": 1}},
            "token 4096 is not in the model's vocabulary",
        ),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_what_cannot_be_done_is_refused(client, settings, text, stream):
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, stream=stream, **settings)
    assert caught.value.body["message"] == text
