"""/v1/embeddings on a real model."""

import base64

import numpy as np
import pytest


@pytest.fixture
def server(vector_server):
    return vector_server


def post(server, status=200, **body):
    answer = server.client.post("/v1/embeddings", json={"model": "bert", **body})
    assert answer.status_code == status, answer.text
    return answer.json()


def test_list_of_vectors(server):
    reply = post(server, input=["the cat", "a dog"])
    assert list(reply) == ["object", "data", "model", "usage"]
    assert [one["index"] for one in reply["data"]] == [0, 1]
    assert {one["object"] for one in reply["data"]} == {"embedding"}
    assert reply["usage"]["prompt_tokens"] == reply["usage"]["total_tokens"] > 4
    assert np.array([one["embedding"] for one in reply["data"]]).shape == (2, 64)


def test_base64_holds_the_same_numbers(server):
    numbers = post(server, input=["the cat", "a dog"], dimensions=10)["data"]
    packed = post(server, input=["the cat", "a dog"], dimensions=10, encoding_format="base64")
    for one, other in zip(numbers, packed["data"], strict=True):
        vector = np.frombuffer(base64.b64decode(other["embedding"]), "<f4")
        assert vector.shape == (10,)
        assert (vector == np.array(one["embedding"], np.float32)).all()


def test_text_and_tokens_are_the_same(server):
    (text,) = post(server, input="the")["data"]
    the = 2, next(iter(_ids(server, "the"))), 3
    (tokens,) = post(server, input=list(the))["data"]
    (nested,) = post(server, input=[list(the)])["data"]
    assert np.allclose(text["embedding"], tokens["embedding"], atol=1e-3)
    assert tokens["embedding"] == nested["embedding"]


def _ids(server, text):
    async def ask():
        model = server.library.get("bert")
        from engine.options import Options

        async with server.engine.scheduler.lease(model, Options()) as lease:
            return await lease.tokenize(text, add_special=False)

    return server.run(ask)


def test_empty_text_is_a_text(server):
    assert len(post(server, input="")["data"]) == 1


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "invalid input"),
        ({"input": None}, "invalid input"),
        ({"input": []}, "invalid input"),
        ({"input": 5}, "invalid input type"),
        ({"input": ["a", 5]}, "invalid input type"),
        ({"input": [1.5]}, "invalid input type"),
        ({"input": [True]}, "invalid input type"),
        ({"input": [10**10]}, "invalid input type"),
        ({"input": [10**6]}, "token 1000000 is not in the model's vocabulary"),
        (
            {"input": "x", "encoding_format": "hex"},
            "Invalid value for 'encoding_format' = hex. Supported values: ['float', 'base64'].",
        ),
    ],
)
def test_bad_requests(server, body, text):
    error = post(server, 400, **body)["error"]
    assert (error["message"], error["type"]) == (text, "invalid_request_error")


def test_unknown_model(server):
    error = post(server, 404, model="nope", input="x")["error"]
    assert error["message"] == 'model "nope" not found, try pulling it first'
    assert error["type"] == "not_found_error"
