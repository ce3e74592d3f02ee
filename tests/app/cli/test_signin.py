"""`corral signin` and `corral signout`."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.ollama.pulling_server import PullingServer, pulling_server
from tests.app.cli.server_process import environment, process
from tests.engine.registry.fake_account import FakeAccount, fake_account


@pytest.fixture
def remote() -> Iterator[FakeAccount]:
    with fake_account() as running:
        yield running


@pytest.fixture
def server(tmp_path: Path, remote: FakeAccount) -> Iterator[PullingServer]:
    with pulling_server(tmp_path, remote.url) as running:
        yield running


def test_signin_opens_the_page_that_connects_the_key(tmp_path: Path, server: PullingServer) -> None:
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o755)
    env = environment(tmp_path, server.port, BROWSER=f"{browser} %s")
    done = process("signin", env=env)
    assert (done.returncode, done.stderr) == (0, "")
    match = re.fullmatch(
        r"You need to be signed in to Ollama to run Cloud models\.\n"
        r"If your browser did not open, navigate to:\n    (https://ollama\.com/connect\?\S+)\n\n",
        done.stdout,
    )
    assert match is not None
    assert opened.read_text() == f"{match[1]}\n"


def test_signin_of_who_is_signed_in(
    tmp_path: Path, server: PullingServer, remote: FakeAccount
) -> None:
    remote.user = {"name": "ada"}
    done = process("signin", env=environment(tmp_path, server.port))
    assert (done.returncode, done.stdout) == (0, "You are already signed in as user 'ada'\n")


def test_signout_twice(tmp_path: Path, server: PullingServer, remote: FakeAccount) -> None:
    remote.user = {"name": "ada"}
    env = environment(tmp_path, server.port)
    done = process("signout", env=env)
    assert (done.returncode, done.stdout) == (0, "You have signed out of ollama.com\n")
    done = process("signout", env=env)
    assert (done.returncode, done.stdout) == (0, "You are not signed in to ollama.com\n")


def test_an_account_that_cannot_be_reached_is_an_error(
    tmp_path: Path, server: PullingServer, remote: FakeAccount
) -> None:
    remote.status = 500
    done = process("signin", env=environment(tmp_path, server.port))
    assert (done.returncode, done.stderr) == (1, "Error: account unavailable\n")
