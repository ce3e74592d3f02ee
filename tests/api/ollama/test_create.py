"""POST /api/create: models from models and from files, and what is refused."""

import hashlib
import json

import pytest

from tests.conftest import TINY_MODEL

GARBAGE = b"this is no model" * 1000


def upload(server, data: bytes) -> str:
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert server.client.post(f"/api/blobs/{digest}", content=data).status_code in (200, 201)
    return digest


def statuses(answer) -> list[str]:
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line).get("status", line) for line in answer.text.splitlines()]


@pytest.fixture
def models(server):
    """Names whose models are removed after the test."""
    names: list[str] = []
    yield names
    for name in names:
        server.client.post("/api/generate", json={"model": name, "keep_alive": 0})
        server.client.request("DELETE", "/api/delete", json={"model": name})


def test_a_model_from_a_model(server, models):
    models.append("pirate")
    answer = server.client.post(
        "/api/create",
        json={
            "model": "pirate",
            "from": "tiny",
            "system": "You are a pirate.",
            "parameters": {"temperature": 0.5, "stop": ["a", "b"]},
            "license": ["MIT", "other"],
            "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}],
        },
    )
    assert answer.status_code == 200
    assert statuses(answer)[-2:] == ["writing manifest", "success"]
    shown = server.client.post("/api/show", json={"model": "pirate"}).json()
    assert shown["system"] == "You are a pirate."
    assert shown["license"] == "MIT\nother"
    assert shown["messages"] == [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "yo"},
    ]
    assert [line.split() for line in shown["parameters"].split("\n")] == [
        ["stop", '"a"'],
        ["stop", '"b"'],
        ["temperature", "0.5"],
    ]


def test_a_model_from_a_file_answers(server, models):
    models.append("own")
    digest = upload(server, TINY_MODEL.read_bytes())
    answer = server.client.post(
        "/api/create", json={"name": "own", "files": {"tiny.gguf": digest}, "stream": False}
    )
    assert (answer.status_code, answer.json()) == (200, {"status": "success"})
    body = {"model": "own", "prompt": "hi", "stream": False, "options": {"num_predict": 2}}
    assert server.client.post("/api/generate", json=body).json()["eval_count"] == 2


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"model": "x"}, 400, "neither 'from' or 'files' was specified"),
        ({"model": "", "from": "tiny"}, 400, "invalid model name"),
        ({"model": "../x", "from": "tiny"}, 400, "invalid model name"),
        (
            {"model": "x", "files": {"/etc/passwd": "sha256:" + "0" * 64}},
            400,
            "file path must be relative",
        ),
        ({"model": "x", "files": {"a.gguf": "sha256:1"}}, 400, "invalid digest format"),
        (
            {"model": "x", "from": "tiny", "license": 5},
            400,
            "license must be a string or a list of strings",
        ),
        (
            {"model": "x", "from": 5},
            400,
            "json: cannot unmarshal number into Go struct field CreateRequest.from of type string",
        ),
    ],
)
def test_bad_requests_write_nothing(server, body, status, text):
    before = sorted(server.root.rglob("*"))
    answer = server.client.post("/api/create", json=body)
    assert (answer.status_code, answer.json()) == (status, {"error": text})
    assert sorted(server.root.rglob("*")) == before


@pytest.mark.parametrize("cut", [0, 100, 100_000])
@pytest.mark.parametrize("stream", [True, False])
def test_a_broken_file_makes_no_model(server, cut, stream):
    data = TINY_MODEL.read_bytes()[:cut] if cut else GARBAGE
    digest = upload(server, data)
    answer = server.client.post(
        "/api/create", json={"model": "broken", "files": {"a.gguf": digest}, "stream": stream}
    )
    last = json.loads(answer.text.splitlines()[-1])
    assert set(last) == {"error"}, last
    assert str(server.root) not in answer.text
    assert "Errno" not in answer.text
    if not stream:
        assert answer.status_code in (400, 500)
    missing = server.client.post("/api/show", json={"model": "broken"})
    assert missing.status_code == 404
    assert not list(server.root.rglob("manifests/**/broken"))


def test_an_unknown_source_is_told(server):
    answer = server.client.post("/api/create", json={"model": "x", "from": "nope"})
    last = json.loads(answer.text.splitlines()[-1])
    assert "nope" in last["error"]
