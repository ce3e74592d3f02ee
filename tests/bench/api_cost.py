"""What the API layer costs when a fake runner brings 1,000 tokens per second.

Processor time of the server's process alone, clients and runner not included, per wall-clock
second and scaled to exactly 1,000 tokens per second. Every client checks that it gets all tokens
in order.
"""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

from tests.bench.report import Row
from tests.conftest import ROOT

RATE = 1000
ALLOWED_SHARE = 0.25
NUM_TOKENS = 4000
STOP_S = 15
ROUTES = ("/api/generate", "/api/chat", "/v1/chat/completions", "/v1/completions")


@dataclass(frozen=True)
class Figures:
    """Of one run."""

    tokens_per_s: float
    processor_s_per_token: float


def run() -> list[Row]:
    """One client on every streaming route, then 64 on two of them, then as fast as it goes."""
    rows = []
    for route in ROUTES:
        rows += _rows(f"1 client, {route}", measure(route, 1, NUM_TOKENS), ALLOWED_SHARE)
    for route in ("/api/chat", "/v1/chat/completions"):
        figures = measure(route, 64, NUM_TOKENS // 64)
        rows += _rows(f"64 clients, {route}", figures, ALLOWED_SHARE)
    rows += _rows("64 clients, no pause", measure("/api/chat", 64, 500, rate=1_000_000), None)
    return rows


def _rows(scenario: str, figures: Figures, bar: float | None) -> list[Row]:
    name = f"API cost: {scenario}"
    share = figures.processor_s_per_token * RATE
    return [
        Row(name, "tokens per second", figures.tokens_per_s),
        Row(name, "share of a core at 1,000 tokens per second", share, bar, at_most=True),
    ]


def measure(route: str, num_clients: int, num_tokens: int, rate: float = RATE) -> Figures:
    """`rate`: tokens per second for all clients together. Raises ValueError for lost order."""
    with _server(num_clients / rate) as (pid, port):
        asyncio.run(_ask(port, route, 1))  # load the model
        process = psutil.Process(pid)
        before, started = process.cpu_times(), time.perf_counter()
        asyncio.run(_ask_all(port, route, num_clients, num_tokens))
        elapsed_s = time.perf_counter() - started
        after = process.cpu_times()
    used_s = after.user + after.system - before.user - before.system
    count = num_clients * num_tokens
    return Figures(count / elapsed_s, used_s / count)


@contextmanager
def _server(beat_s: float) -> Iterator[tuple[int, int]]:
    """Process id and port of a server whose runner makes a token per request and beat."""
    command = (sys.executable, "-m", "tests.bench.fake_server", "--beat-s", f"{beat_s:.6f}")
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.pid, int(process.stdout.readline())
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_S)


async def _ask_all(port: int, route: str, num_clients: int, num_tokens: int) -> None:
    await asyncio.gather(*(_ask(port, route, num_tokens) for _ in range(num_clients)))


async def _ask(port: int, route: str, num_tokens: int) -> None:
    """One streamed answer, read as it comes. The connection is the leanest there is."""
    body = json.dumps(
        {
            "model": "tiny",
            "prompt": "go",
            "messages": [{"role": "user", "content": "go"}],
            "stream": True,
            "raw": True,
            "think": False,
            "reasoning_effort": "none",
            "options": {"num_predict": num_tokens},
            "max_tokens": num_tokens,
        }
    )
    head = (
        f"POST {route} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write((head + body).encode())
    text = []
    async for line in reader:
        start = line.find(b"{")
        if start >= 0:
            text.append(_text(json.loads(line[start:])))
    writer.close()
    await writer.wait_closed()
    expected = "".join(f"w{number} " for number in range(num_tokens))
    if "".join(text).strip() != expected.strip():
        raise ValueError(f"{route}: not all tokens came in order: {''.join(text)[:200]!r}")


def _text(event: dict) -> str:  # type: ignore[type-arg]
    """The text in one event of any of the routes."""
    for choice in event.get("choices", ()):
        return str(choice.get("text", "") or choice.get("delta", {}).get("content", "") or "")
    return str(event.get("response", "") or event.get("message", {}).get("content", ""))
