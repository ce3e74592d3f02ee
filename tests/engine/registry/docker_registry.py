"""Debian's docker-registry (the CNCF distribution server) on a free loopback port."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

_CONFIGURATION = """\
version: 0.1
log: {{level: error}}
storage:
  filesystem: {{rootdirectory: {root}}}
  delete: {{enabled: true}}
http:
  addr: 127.0.0.1:{port}
  secret: of-the-tests
"""
DEADLINE_S = 20.0


@contextmanager
def docker_registry(folder: Path) -> Iterator[str]:
    """Runs one; its host and port. Fails the test if the program is missing."""
    program = shutil.which("docker-registry")
    assert program, "docker-registry is missing: apt-get install docker-registry"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    configuration = folder / "registry.yml"
    configuration.write_text(_CONFIGURATION.format(root=folder / "storage", port=port))
    log_path = folder / "registry.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [program, "serve", str(configuration)], stdout=log, stderr=subprocess.STDOUT
        )
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}/v2/", process, log_path)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(DEADLINE_S)


def _wait_until_ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while True:
        assert process.poll() is None, log.read_text()
        try:
            httpx2.get(url, trust_env=False).raise_for_status()
        except httpx2.ConnectError:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        else:
            return
