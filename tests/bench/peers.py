"""Starting what is measured: `corral serve` and llama-server, each on a loopback port."""

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.llama_server import ensure_llama_server

START_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Peer:
    """A running server."""

    name: str
    port: int
    pid: int

    def get(self, path: str) -> int:
        """The status of a GET, 0 if nothing answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def post(self, path: str, body: object, timeout_s: float = 600) -> dict[str, object]:
        """The JSON answer to a POST. Raises RuntimeError unless the status is 200."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            connection.request("POST", path, json.dumps(body))
            response = connection.getresponse()
            content = response.read()
            if response.status != 200:
                raise RuntimeError(f"{self.name} {path}: {response.status} {content[:300]!r}")
            # A stream of NDJSON ends with the object that sums it up.
            return json.loads(content.strip().split(b"\n")[-1]) if content.strip() else {}
        finally:
            connection.close()


def free_port() -> int:
    """A loopback port that nothing listens on at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def corral(
    models: dict[str, Path], settings: dict[str, str] | None = None, home: Path | None = None
) -> Iterator[Peer]:
    """`corral serve` with these GGUF files as models, in a home folder of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        port = free_port()
        folder = home or Path(scratch)
        environment = {
            **os.environ,
            "HOME": str(folder),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "OLLAMA_MODELS": str(folder / "models"),
            "OLLAMA_HOST": f"127.0.0.1:{port}",
            "OLLAMA_KEEP_ALIVE": "-1",
            **(settings or {}),
        }
        command = [sys.executable, "-m", "app.cli", "serve"]
        with _process("corral", command, port, "/api/version", environment) as peer:
            for name, path in models.items():
                _create(peer, name, path, folder)
            yield peer


def _create(peer: Peer, name: str, path: Path, folder: Path) -> None:
    if (folder / "models/manifests/registry.ollama.ai/library" / name).exists():
        return
    modelfile = folder / f"{name}.Modelfile"
    modelfile.write_text(f"FROM {path}\n")
    command = [sys.executable, "-m", "app.cli", "create", name, "-f", str(modelfile)]
    environment = {**os.environ, "OLLAMA_HOST": f"127.0.0.1:{peer.port}", "HOME": str(folder)}
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)


@contextmanager
def llama_server(model: Path, *options: str) -> Iterator[Peer]:
    """llama-server with one model file."""
    port = free_port()
    command = [str(ensure_llama_server()), "--model", str(model), "--port", str(port)]
    command += ["--host", "127.0.0.1", "--offline", *options]
    with _process("llama-server", command, port, "/health", dict(os.environ)) as peer:
        yield peer


@contextmanager
def _process(
    name: str, command: list[str], port: int, ready: str, environment: dict[str, str]
) -> Iterator[Peer]:
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        peer = Peer(name, port, process.pid)
        try:
            deadline = time.monotonic() + START_TIMEOUT_S
            while peer.get(ready) != 200:
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise RuntimeError(f"{name} did not start:\n{log.read().decode()[-2000:]}")
                time.sleep(0.05)
            yield peer
        finally:
            process.terminate()
            process.wait(30)
