"""Sockets, the server's thread and the server as a process."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
from fastapi import FastAPI

from api.server.activity import Activity
from api.server.serving import AddressInUseError, BindError, ServerStartError, ServerThread, bind
from tests.api.live_server import wait_until
from tests.api.server.small_app import served, small_app
from tests.conftest import ROOT


def test_a_port_in_use_is_told_in_the_words_of_go():
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(AddressInUseError) as caught:
            bind("127.0.0.1", port)
        text = f"listen tcp 127.0.0.1:{port}: bind: address already in use"
        assert str(caught.value) == text


def test_an_address_of_another_machine_cannot_be_bound():
    with pytest.raises(BindError) as caught:
        bind("192.0.2.1", 1)
    assert str(caught.value) == "listen tcp 192.0.2.1:1: bind: cannot assign requested address"


def test_a_port_is_free_again_at_once(free_port):
    for _ in range(2):
        listener = bind("127.0.0.1", free_port)
        thread = ServerThread(small_app(), listener)
        thread.start()
        client = httpx2.Client(trust_env=False)
        assert client.get(f"http://127.0.0.1:{free_port}/").status_code == 404
        assert thread.stop()
        assert not thread.is_alive
        client.close()


def test_an_empty_host_is_every_interface():
    with bind("", 0) as listener:
        port = listener.getsockname()[1]
        for host in ("127.0.0.1", *(["::1"] if socket.has_dualstack_ipv6() else [])):
            socket.create_connection((host, port), 5).close()


def test_loopback_is_all_that_127_0_0_1_listens_on():
    with bind("127.0.0.1", 0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


def test_a_server_that_cannot_start_says_so(caplog):
    caplog.set_level("ERROR")

    @asynccontextmanager
    async def broken(app: FastAPI) -> AsyncIterator[None]:
        raise RuntimeError("no engine today")
        yield

    app = FastAPI(lifespan=broken)
    app.state.activity = Activity()
    thread = ServerThread(app, bind("127.0.0.1", 0))
    with pytest.raises(ServerStartError, match="ended while it started"):
        thread.start(10)
    assert not thread.is_alive
    assert "no engine today" in caplog.text


def test_stop_is_quick_and_idle_connections_do_not_delay_it():
    with served(small_app()) as (thread, client):
        client.get("/")
        stopped = threading.Event()
        threading.Thread(target=lambda: (thread.stop(), stopped.set())).start()
        assert stopped.wait(3)


SCRIPT = """
import sys
from tests.api.server.small_app import small_app
from api.server.activity import Activity
from api.server.serving import bind, run_server
listener = bind("127.0.0.1", 0)
print(listener.getsockname()[1], flush=True)
run_server(small_app(), listener)
print("closed", flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_with_status_0(number):
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        client = httpx2.Client(trust_env=False)

        def answers() -> bool:
            return client.get(f"http://127.0.0.1:{port}/", timeout=5).status_code == 404

        wait_until(answers)
        process.send_signal(number)
        rest, _ = process.communicate(timeout=10)
        client.close()
        assert (rest, process.returncode) == ("closed\n", 0)
    finally:
        process.kill()
        process.wait()
