"""One stream through HTTP, against the raw decode loop and llama-server."""

import asyncio
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.bench.models import ensure_model
from tests.bench.peers import Peer, corral, llama_server
from tests.bench.stream import generate

PROMPT = "The history of the town begins with a river and a bridge, and with people who"
NUM_TOKENS = 256
THREADS = 2


@dataclass(frozen=True)
class Figures:
    """Medians in tokens per second, and the medians of the ratios of neighbouring runs."""

    corral: float
    raw_loop: float
    llama_server: float
    over_raw_loop: float
    over_llama_server: float


def run(rounds: int = 7) -> Figures:
    """Interleaved runs: the machine's mood changes, neighbours share it."""
    model = ensure_model("100m")
    rows: list[tuple[float, float, float]] = []
    with (
        corral({"bench": model}) as ours,
        llama_server(model, "-t", str(THREADS), "-c", "4096") as theirs,
    ):
        for peer in (ours, theirs):
            asyncio.run(_stream(peer))  # loads the model, fills the page cache
        for _ in range(rounds):
            rows.append((asyncio.run(_stream(ours)), _raw(model), asyncio.run(_stream(theirs))))
    return Figures(
        *(median(column) for column in zip(*rows, strict=True)),
        over_raw_loop=median(ours / raw for ours, raw, _ in rows),
        over_llama_server=median(ours / theirs for ours, _, theirs in rows),
    )


async def _stream(peer: Peer) -> float:
    stream = await generate(peer, PROMPT, NUM_TOKENS)
    if stream.num_tokens != NUM_TOKENS:
        raise RuntimeError(f"{peer.name} generated {stream.num_tokens} of {NUM_TOKENS} tokens")
    return stream.tokens_per_s


def _raw(model: Path) -> float:
    command = [sys.executable, "-m", "tests.bench.raw_loop", str(model), str(NUM_TOKENS)]
    done = subprocess.run([*command, str(THREADS)], check=True, stdout=subprocess.PIPE)
    return float(json.loads(done.stdout)["tokens_per_s"])
