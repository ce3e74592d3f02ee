"""POST /api/pull, streamed and whole, against registries on this machine."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.live_server import wait_until
from tests.api.ollama.pulling_server import PullingServer, pulling_server
from tests.engine.registry.fake_registry import FakeRegistry, fake_registry
from tests.engine.registry.models import sample_model

MODEL = sample_model()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PullingServer]:
    with pulling_server(tmp_path, "http://127.0.0.1:1") as running:
        yield running


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with fake_registry() as running:
        running.blobs |= MODEL.blobs
        running.manifests["library/m:latest"] = MODEL.manifest
        yield running


def test_the_steps_are_streamed_and_the_model_is_there(server, registry):
    body = {"model": f"{registry.host}/library/m", "insecure": True}
    answer = server.client.post("/api/pull", json=body)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert lines[0] == {"status": "pulling manifest"}
    assert lines[-3:] == [
        {"status": "verifying sha256 digest"},
        {"status": "writing manifest"},
        {"status": "success"},
    ]
    (weights, *_) = MODEL.blobs
    last = [line for line in lines if line.get("digest") == weights][-1]
    size = len(MODEL.blobs[weights])
    assert last == {
        "status": f"pulling {weights[7:19]}",
        "digest": weights,
        "total": size,
        "completed": size,
    }
    tags = server.client.get("/api/tags").json()["models"]
    assert [(one["name"], one["digest"]) for one in tags] == [
        (f"{registry.host}/library/m:latest", MODEL.digest)
    ]


def test_unstreamed_only_the_last_status_counts(server, registry):
    body = {"name": f"{registry.host}/library/m", "insecure": True, "stream": False}
    answer = server.client.post("/api/pull", json=body)
    assert (answer.status_code, answer.json()) == (200, {"status": "success"})
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


def test_an_unknown_model(server, registry):
    body = {"model": f"{registry.host}/library/none", "insecure": True}
    error = {"error": "pull model manifest: file does not exist"}
    streamed = server.client.post("/api/pull", json=body)
    assert streamed.status_code == 200
    assert [json.loads(line) for line in streamed.text.splitlines()] == [
        {"status": "pulling manifest"},
        error,
    ]
    whole = server.client.post("/api/pull", json={**body, "stream": False})
    assert (whole.status_code, whole.json()) == (500, error)


@pytest.mark.parametrize("name", ["", "x" * 10_000, "a/../b", "UPPER case"])
def test_a_bad_name(server, name):
    answer = server.client.post("/api/pull", json={"model": name})
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid model name"})


def test_an_empty_body(server):
    answer = server.client.post("/api/pull", content=b"")
    assert (answer.status_code, answer.json()) == (400, {"error": "missing request body"})


def test_a_client_that_leaves_stops_the_download(server, registry):
    registry.pause_s = 0.05
    body = {"model": f"{registry.host}/library/m", "insecure": True}
    with server.client.stream("POST", "/api/pull", json=body) as answer:
        for line in answer.iter_lines():
            if json.loads(line).get("completed"):
                break
    # Twice the same within a time in which much more would have been sent.
    seen = []

    def is_quiet() -> bool:
        seen.append((registry.sent_bytes, time.monotonic()))
        return any(before == seen[-1][0] and seen[-1][1] - at > 0.3 for before, at in seen[:-1])

    wait_until(is_quiet)
    assert registry.sent_bytes < len(next(iter(MODEL.blobs.values())))


def test_a_server_that_stops_ends_its_pulls(tmp_path, registry):
    registry.script = ["stall:1000"] * 50
    body = {"model": f"{registry.host}/library/m", "insecure": True}
    with pulling_server(tmp_path, "http://127.0.0.1:1") as server:
        with server.client.stream("POST", "/api/pull", json=body) as answer:
            lines = answer.iter_lines()
            while "digest" not in json.loads(next(lines)):
                pass
            started = time.monotonic()
    assert time.monotonic() - started < 10
