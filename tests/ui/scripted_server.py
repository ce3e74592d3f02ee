"""An HTTP server outside our border that speaks the native dialect and does what a test says."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DEADLINE_S = 20.0


class Script:
    """What one chat request is answered with: steps are objects to send, or a pause."""

    def __init__(self, *steps: "dict[str, Any] | threading.Event", status: int = 200) -> None:
        self.steps = steps
        self.status = status


def say(content: str = "", thinking: str = "", model: str = "one") -> dict[str, Any]:
    """A line of a streamed answer."""
    message = {"role": "assistant", "content": content}
    if thinking:
        message["thinking"] = thinking
    return {"model": model, "message": message, "done": False}


def done(tokens: int = 7, seconds: float = 0.5, model: str = "one") -> dict[str, Any]:
    """The last line."""
    return {
        "model": model,
        "message": {"role": "assistant", "content": ""},
        "done": True,
        "done_reason": "stop",
        "eval_count": tokens,
        "eval_duration": int(seconds * 1e9),
    }


class ScriptedServer:
    """Serves on a free loopback port until closed. `bodies` holds the chat requests it got."""

    def __init__(self, models: list[dict[str, Any]] | None = None) -> None:
        self.scripts: list[Script] = []
        self.bodies: list[dict[str, Any]] = []
        self.models = models if models is not None else [model("one"), model("two")]
        self.client_gone = threading.Event()
        """Set when a client has closed its connection in the middle of an answer."""
        self._http = ThreadingHTTPServer(
            ("127.0.0.1", 0), type("Handler", (_Handler,), {"owner": self})
        )
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def close(self) -> None:
        """Stop serving."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(DEADLINE_S)


def model(name: str, **more: Any) -> dict[str, Any]:
    """An entry of /api/tags."""
    return {"name": name, "model": name, "size": 4_000_000_000, "details": {}, **more}


class _Handler(BaseHTTPRequestHandler):
    owner: ScriptedServer
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        """Nothing to say."""

    def do_GET(self) -> None:
        replies: dict[str, Any] = {
            "/api/version": {"version": "0.9.9"},
            "/api/tags": {"models": self.owner.models},
        }
        self._answer(replies[self.path])

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.owner.bodies.append(json.loads(self.rfile.read(length)))
        script = self.owner.scripts.pop(0)
        if script.status != 200:
            self._answer(script.steps[0], script.status)
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            self._play(script)
        except OSError:
            self.owner.client_gone.set()

    def _play(self, script: Script) -> None:
        for step in script.steps:
            if isinstance(step, threading.Event):
                self._pause(step)
            else:
                self.wfile.write(json.dumps(step).encode() + b"\n")

    def _pause(self, event: threading.Event) -> None:
        self.connection.settimeout(0.05)
        for _ in range(int(DEADLINE_S / 0.05)):
            if event.is_set():
                return
            try:
                if self.connection.recv(1) == b"":
                    raise ConnectionResetError
            except TimeoutError:
                continue

    def _answer(self, value: object, status: int = 200) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
