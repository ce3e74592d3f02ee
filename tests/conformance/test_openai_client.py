"""The `openai` package from PyPI, unmodified."""

from collections.abc import Iterator

import httpx
import openai
import pytest

MESSAGES = [{"role": "user", "content": "What is the capital of France?"}]


@pytest.fixture
def client(server) -> Iterator[openai.OpenAI]:
    with (
        httpx.Client(trust_env=False) as http,
        openai.OpenAI(
            base_url=f"{server.url}/v1", api_key="none", http_client=http, max_retries=0
        ) as made,
    ):
        yield made


def test_chat_streamed_and_whole_agree(client):
    whole = client.chat.completions.create(
        model="tiny", messages=MESSAGES, temperature=0, max_tokens=60
    )
    assert "Paris" in whole.choices[0].message.content
    assert whole.usage.total_tokens > 0
    chunks = list(
        client.chat.completions.create(
            model="tiny",
            messages=MESSAGES,
            temperature=0,
            max_tokens=60,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    text = "".join(one.choices[0].delta.content or "" for one in chunks if one.choices)
    assert text == whole.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens


def test_models(client):
    assert [model.id for model in client.models.list()] == ["tiny:latest"]
    assert client.models.retrieve("tiny").owned_by == "library"


def test_errors_arrive_as_the_client_expects_them(client):
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="nope", messages=MESSAGES)
    assert caught.value.body["type"] == "not_found_error"
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="tiny", messages=MESSAGES, n=200)
    assert "n must be between 1 and 128" in str(refused.value)


def test_completions_streamed_and_whole_agree(client):
    ask = {"model": "tiny", "prompt": "What is the capital of France?", "temperature": 0}
    ask |= {"max_tokens": 12, "n": 2, "logprobs": 1, "extra_body": {"think": False}}
    whole = client.completions.create(**ask)
    assert "Paris" in whole.choices[0].text
    assert whole.choices[0].logprobs.tokens
    texts = ["", ""]
    options = {"include_usage": True}
    for chunk in client.completions.create(**ask, stream=True, stream_options=options):
        for choice in chunk.choices:
            texts[choice.index] += choice.text
    assert texts == [choice.text for choice in whole.choices]
    assert chunk.usage.total_tokens == whole.usage.total_tokens
