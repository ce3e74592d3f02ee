"""Vectors through the `ollama` and `openai` packages from PyPI, and through our own client."""

from collections.abc import Iterator

import httpx
import numpy as np
import ollama
import openai
import pytest

from api.client.client import Client
from api.client.shapes import EmbedBody
from tests.api.embedding_server import embedding_server
from tests.api.live_server import LiveServer

TEXTS = ["the cat", "a good dog", "one eye at sea"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with embedding_server(tmp_path_factory.mktemp("models")) as running:
        yield running


@pytest.fixture
def ollama_client(server) -> Iterator[ollama.Client]:
    made = ollama.Client(host=server.url, trust_env=False)
    yield made
    made._client.close()


@pytest.fixture
def openai_client(server) -> Iterator[openai.OpenAI]:
    with (
        httpx.Client(trust_env=False) as http,
        openai.OpenAI(
            base_url=f"{server.url}/v1", api_key="none", http_client=http, max_retries=0
        ) as made,
    ):
        yield made


def test_all_clients_get_the_same_vectors(server, ollama_client, openai_client):
    native = np.array(ollama_client.embed("bert", TEXTS).embeddings)
    answer = openai_client.embeddings.create(model="bert", input=TEXTS)  # asks for base64
    plain = openai_client.embeddings.create(model="bert", input=TEXTS, encoding_format="float")
    with Client(server.url) as client:
        own = client.embed(EmbedBody(model="bert", input=TEXTS)).embeddings
    assert native.shape == (3, 64)
    for other in (
        np.array(own),
        np.array([one.embedding for one in answer.data]),
        np.array([one.embedding for one in plain.data]),
    ):
        assert np.allclose(native, other, atol=1e-3)
    assert answer.usage.prompt_tokens > 6


def test_older_route_of_ollama(ollama_client):
    vector = np.array(ollama_client.embeddings("bert", "the cat").embedding)
    (scaled,) = ollama_client.embed("bert", "the cat").embeddings
    assert np.allclose(vector / np.linalg.norm(vector), scaled, atol=1e-3)


def test_options_of_both(ollama_client, openai_client):
    native = ollama_client.embed("bert", "the cat", truncate=True, dimensions=8, keep_alive="1m")
    assert len(native.embeddings[0]) == 8
    answer = openai_client.embeddings.create(model="bert", input="the cat", dimensions=8)
    assert np.allclose(answer.data[0].embedding, native.embeddings[0], atol=1e-3)


def test_capabilities_are_shown(ollama_client):
    assert ollama_client.show("bert").capabilities == ["embedding"]


def test_errors_arrive_as_the_clients_expect_them(ollama_client, openai_client):
    with pytest.raises(ollama.ResponseError, match="try pulling it first") as missing:
        ollama_client.embed("nope", "x")
    assert missing.value.status_code == 404
    with pytest.raises(ollama.ResponseError, match="exceeds the context length"):
        ollama_client.embed("bert", "cat " * 500, truncate=False)
    with pytest.raises(openai.BadRequestError, match="invalid input"):
        openai_client.embeddings.create(model="bert", input=[])
