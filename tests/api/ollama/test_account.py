"""POST /api/me and /api/signout."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.ollama.pulling_server import PullingServer, pulling_server
from tests.engine.registry.fake_account import FakeAccount, fake_account


@pytest.fixture
def remote() -> Iterator[FakeAccount]:
    with fake_account() as running:
        yield running


@pytest.fixture
def server(tmp_path: Path, remote: FakeAccount) -> Iterator[PullingServer]:
    with pulling_server(tmp_path, remote.url) as running:
        yield running


def test_who_is_signed_in(server, remote):
    remote.user = {"id": "7", "name": "ada", "email": "a@b", "bio": "x", "firstname": ""}
    answer = server.client.post("/api/me")
    assert answer.status_code == 200
    assert answer.json() == {"id": "7", "name": "ada", "email": "a@b", "bio": "x", "plan": "free"}


def test_nobody_gets_the_place_to_sign_in(server):
    answer = server.client.post("/api/me")
    assert answer.status_code == 401
    reply = answer.json()
    assert reply["error"] == "unauthorized"
    assert reply["signin_url"].startswith("https://ollama.com/connect?name=laptop&key=")


def test_the_account_cannot_be_reached(server, remote):
    remote.status = 500
    answer = server.client.post("/api/me")
    assert (answer.status_code, answer.json()) == (503, {"error": "account unavailable"})


def test_a_key_that_cannot_be_read(server):
    server.identity.path.parent.mkdir()
    server.identity.path.mkdir()
    answer = server.client.post("/api/me")
    error = {"error": "error getting authorization details"}
    assert (answer.status_code, answer.json()) == (500, error)


def test_signing_out(server, remote):
    remote.user = {"name": "ada"}
    answer = server.client.post("/api/signout")
    assert (answer.status_code, answer.text) == (200, "null")
    again = server.client.post("/api/signout")
    error = {"error": "you are not currently signed in"}
    assert (again.status_code, again.json()) == (401, error)
    remote.status = 500
    failed = server.client.post("/api/signout")
    error = {"error": "there was an error signing out"}
    assert (failed.status_code, failed.json()) == (500, error)
