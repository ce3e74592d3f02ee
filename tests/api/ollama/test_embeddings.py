"""/api/embed and /api/embeddings on real models."""

import re

import msgspec
import numpy as np
import pytest

from tests.api.live_server import wait_until

LONG = "word " * 400


@pytest.fixture
def server(vector_server):
    return vector_server


def post(server, path="/api/embed", status=200, **body):
    answer = server.client.post(path, json={"model": "bert", "options": {"num_thread": 1}, **body})
    assert answer.status_code == status, answer.text
    return answer.json()


def test_vectors_come_in_the_order_of_the_texts(server):
    texts = ["the cat", "a dog", "the cat", ""]
    reply = post(server, input=texts)
    assert list(reply) == [
        "model",
        "embeddings",
        "total_duration",
        "load_duration",
        "prompt_eval_count",
    ]
    vectors = np.array(reply["embeddings"])
    assert vectors.shape == (4, 64)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert np.allclose(vectors[0], vectors[2], atol=1e-3)
    for text, vector in zip(texts[:2], vectors, strict=False):
        (alone,) = post(server, input=text)["embeddings"]
        assert np.allclose(alone, vector, atol=1e-3)
    assert reply["prompt_eval_count"] > 8


def test_numbers_are_as_short_as_float32_allows(server):
    raw = server.client.post("/api/embed", json={"model": "bert", "input": "the cat"}).text
    numbers = re.search(r"\[\[(.*)\]\]", raw).group(1).split(",")
    assert len(numbers) == 64
    for number in numbers:
        assert float(np.float32(number)) == pytest.approx(float(number), rel=1e-7)
        assert len(re.sub(r"e-\d+|[-.]", "", number).lstrip("0")) <= 9
    assert msgspec.json.decode(raw)["model"] == "bert"


@pytest.mark.parametrize("body", [{}, {"input": ""}, {"input": []}, {"input": None}])
def test_nothing_to_embed_loads_the_model(server, body):
    assert post(server, **body)["embeddings"] == []
    assert "bert:latest" in [one.model.name.short for one in server.engine.scheduler.loaded()]


def test_dimensions(server):
    (whole,) = post(server, input="the cat")["embeddings"]
    (cut,) = post(server, input="the cat", dimensions=8)["embeddings"]
    assert np.allclose(cut, np.array(whole[:8]) / np.linalg.norm(whole[:8]), atol=1e-3)
    for dimensions in (-1, 0, 64, 65):
        (same,) = post(server, input="the cat", dimensions=dimensions)["embeddings"]
        assert len(same) == 64


@pytest.mark.parametrize("value", [5, True, {"a": 1}, ["text", 5], [["text"]], [1, 2]])
def test_other_inputs_are_refused(server, value):
    assert post(server, status=400, input=value) == {"error": "invalid input type"}


def test_long_inputs_are_cut_and_that_is_said(server, caplog):
    caplog.set_level("WARNING", "engine.embedding")
    reply = post(server, input=[LONG, "short"])
    assert reply["prompt_truncated"]["dropped_tokens"] > 100
    assert "tokens were dropped" in caplog.text
    refused = post(server, status=400, input=LONG, truncate=False)
    assert refused == {"error": "the input length exceeds the context length"}
    tight = post(
        server, status=400, input="the old cat sat", options={"num_ctx": 4}, truncate=False
    )
    assert tight == {"error": "the input length exceeds the context length"}


def test_vectors_that_are_no_numbers_are_an_error(server):
    refused = post(server, status=400, model="broken", input="the cat")
    assert refused == {"error": "embedding contains NaN or Inf values"}


def test_models_that_are_not_there(server):
    text = 'model "nope" not found, try pulling it first'
    assert post(server, status=404, model="nope", input="x") == {"error": text}
    assert post(server, "/api/embeddings", 404, model="nope", prompt="x") == {"error": text}
    assert post(server, status=404, model="") == {"error": "model '' not found"}
    assert post(server, "/api/embeddings", 400, model="") == {"error": "model is required"}
    assert post(server, status=400, model="bad name!", input="x") == {"error": "invalid model name"}


def test_any_text_model_has_vectors_beside_its_text(server):
    vectors = np.array(post(server, model="tiny", input=["the cat", "a dog"])["embeddings"])
    assert vectors.shape[0] == 2
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    answer = server.client.post(
        "/api/generate",
        json={"model": "tiny", "prompt": "Hi", "stream": False, "options": {"num_predict": 3}},
    )
    assert answer.json()["eval_count"] == 3


def test_embedding_models_do_not_generate(server):
    refused = post(server, "/api/generate", 400, prompt="Hi")
    assert refused == {"error": '"bert" does not support generate'}
    assert (
        "does not support embeddings" in post(server, status=400, model="judge", input="x")["error"]
    )


def test_older_route(server):
    reply = post(server, "/api/embeddings", prompt="the cat")
    assert list(reply) == ["embedding"]
    raw = np.array(reply["embedding"])
    (scaled,) = post(server, input="the cat")["embeddings"]
    # A BERT without the flag that says otherwise: its vector comes as it is.
    assert abs(np.linalg.norm(raw) - 1) > 0.1
    assert np.allclose(raw / np.linalg.norm(raw), scaled, atol=1e-3)
    assert post(server, "/api/embeddings", prompt="") == {"embedding": []}
    refused = post(server, "/api/embeddings", 500, prompt=LONG)
    assert refused == {"error": "the input length exceeds the context length"}


def test_client_that_leaves_ends_the_work(server):
    texts = ["the old cat " * 10] * 5_000
    with pytest.raises(Exception, match="timed out"):
        server.client.post("/api/embed", json={"model": "bert", "input": texts}, timeout=0.3)
    wait_until(lambda: all(one.busy == 0 for one in server.engine.scheduler.loaded()))
    wait_until(lambda: server.status("bert").slots_busy == 0)


def test_too_many_inputs(server):
    refused = post(server, status=400, input=["a"] * 65_537)
    assert refused == {"error": "too many inputs: 65537 (at most 65536)"}


def test_more_inputs_than_go_into_one_frame(server):
    texts = [f"the cat {number}" for number in range(600)]
    vectors = np.array(post(server, input=texts)["embeddings"])
    assert vectors.shape == (600, 64)
    (last,) = post(server, input=texts[-1])["embeddings"]
    assert np.allclose(vectors[-1], last, atol=1e-3)
