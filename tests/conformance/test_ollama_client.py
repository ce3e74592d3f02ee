"""The `ollama` package from PyPI, unmodified."""

import hashlib
from collections.abc import Iterator

import ollama
import pytest

from tests.conftest import TINY_MODEL

FIXED = {"temperature": 0, "num_predict": 40}
SKY = "Why is the sky blue?"


@pytest.fixture
def client(server) -> Iterator[ollama.Client]:
    made = ollama.Client(host=server.url, trust_env=False)
    yield made
    made._client.close()


@pytest.fixture
def names(client) -> Iterator[list[str]]:
    """Models to unload and delete after the test."""
    made: list[str] = []
    yield made
    for name in made:
        client.generate(name, keep_alive=0)
        client.delete(name)


def test_list_show_ps(client):
    assert [model.model for model in client.list().models] == ["tiny:latest"]
    shown = client.show("tiny")
    assert shown.details.format == "gguf"
    assert shown.modelinfo["general.architecture"] == "qwen3"
    assert "completion" in shown.capabilities
    client.generate("tiny")
    (running,) = client.ps().models
    assert (running.model, running.size_vram) == ("tiny:latest", 0)
    assert running.expires_at is not None


def test_generate_streamed_and_whole_agree(client):
    parts = list(client.generate("tiny", SKY, stream=True, options=FIXED, think=False))
    whole = client.generate("tiny", SKY, options=FIXED, think=False)
    assert len(parts) > 2
    assert "".join(part.response for part in parts) == whole.response != ""
    assert parts[-1].done
    assert parts[-1].done_reason == "length"
    assert whole.eval_count == FIXED["num_predict"]
    assert whole.context


def test_chat_streamed_and_whole_agree(client):
    messages = [{"role": "user", "content": SKY}]
    parts = list(client.chat("tiny", messages, stream=True, options=FIXED, think=True))
    whole = client.chat("tiny", messages, options=FIXED, think=True)
    assert "".join(part.message.thinking or "" for part in parts) == whole.message.thinking
    assert "".join(part.message.content or "" for part in parts) == whole.message.content
    assert whole.message.role == "assistant"


def test_create_from_a_gguf_with_upload(client, names):
    digest = client.create_blob(TINY_MODEL)
    assert digest == f"sha256:{hashlib.sha256(TINY_MODEL.read_bytes()).hexdigest()}"
    names.append("own")
    assert client.create("own", files={"tiny.gguf": digest}).status == "success"
    assert client.generate("own", "hi", options={"num_predict": 2}).eval_count == 2


def test_create_from_a_model(client, names):
    names.append("pirate:v1")
    steps = list(
        client.create(
            "pirate:v1",
            from_="tiny",
            system="You are a pirate.",
            template="{{ .System }}|{{ .Prompt }}",
            parameters={"num_predict": 3, "stop": ["!"]},
            license="MIT",
            stream=True,
        )
    )
    assert steps[-1].status == "success"
    shown = client.show("pirate:v1")
    assert "TEMPLATE {{ .System }}|{{ .Prompt }}" in shown.modelfile
    assert shown.license == "MIT"
    assert 'stop                           "!"' in shown.parameters
    assert client.generate("pirate:v1", "Hello!").eval_count <= 3


def test_copy_and_delete(client):
    assert client.copy("tiny", "twin").status == "success"
    assert {model.model for model in client.list().models} == {"tiny:latest", "twin:latest"}
    assert client.delete("twin").status == "success"
    with pytest.raises(ollama.ResponseError) as caught:
        client.show("twin")
    assert (caught.value.status_code, caught.value.error) == (404, "model 'twin:latest' not found")


def test_errors_arrive_as_the_client_expects_them(client):
    with pytest.raises(ollama.ResponseError) as caught:
        client.chat("nope", [{"role": "user", "content": "hi"}])
    assert (caught.value.status_code, caught.value.error) == (404, "model 'nope' not found")
    with pytest.raises(ollama.ResponseError) as caught:
        list(client.generate("nope", "hi", stream=True))
    assert caught.value.status_code == 404


async def test_the_asynchronous_client(server):
    client = ollama.AsyncClient(host=server.url, trust_env=False)
    messages = [{"role": "user", "content": SKY}]
    parts = [part async for part in await client.chat("tiny", messages, stream=True, options=FIXED)]
    assert parts[-1].done
    await client._client.aclose()
