"""1, 4 and 8 streams at once, alone on the machine and with one busy process beside them."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from tests.bench.models import ensure_model
from tests.bench.peers import Peer, corral, llama_server
from tests.bench.report import Row
from tests.bench.stream import generate

NUM_TOKENS = 128
PROMPTS = [f"Chapter {number}. The history of the town begins with" for number in range(1, 9)]


def run(rounds: int = 5) -> list[Row]:
    """Total tokens per second, ours over llama-server's, with as many slots as streams."""
    rows: list[Row] = []
    for streams in (1, 4, 8):
        rows += _compare(streams, rounds)
    return rows


def _compare(streams: int, rounds: int) -> list[Row]:
    model = ensure_model("100m")
    context = 512 * streams
    settings = {"OLLAMA_NUM_PARALLEL": str(streams), "OLLAMA_CONTEXT_LENGTH": "512"}
    rows = []
    with (
        corral({"bench": model}, settings) as ours,
        llama_server(model, "-t", "2", "-np", str(streams), "-c", str(context)) as theirs,
    ):
        for peer in (ours, theirs):
            asyncio.run(_total(peer, streams))
        if streams > 1:
            ratios = _ratios(ours, theirs, streams, rounds)
            rows.append(Row(f"{streams} streams", "over llama-server", median(ratios), 1.0))
        if streams < 8:
            with busy_process():
                ratios = _ratios(ours, theirs, streams, rounds)
            scenario = f"{streams} streams beside a busy process"
            rows.append(Row(scenario, "over llama-server", median(ratios), 2.0))
    return rows


def _ratios(ours: Peer, theirs: Peer, streams: int, rounds: int) -> list[float]:
    return [
        asyncio.run(_total(ours, streams)) / asyncio.run(_total(theirs, streams))
        for _ in range(rounds)
    ]


async def _total(peer: Peer, streams: int) -> float:
    """Tokens per second of all streams together, first request to last token."""
    started = time.perf_counter()
    answers = await asyncio.gather(
        *(generate(peer, prompt, NUM_TOKENS) for prompt in PROMPTS[:streams])
    )
    return sum(answer.num_tokens for answer in answers) / (time.perf_counter() - started)


@contextmanager
def busy_process() -> Iterator[None]:
    """Somebody else's work: one process that never rests."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()
