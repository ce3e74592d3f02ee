"""One stream through HTTP, against the raw decode loop and llama-server."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from statistics import median

from tests.bench.models import ensure_model
from tests.bench.peers import Peer, corral, llama_server
from tests.bench.report import Row
from tests.bench.stream import generate

PROMPT = "The history of the town begins with a river and a bridge, and with people who"
NUM_TOKENS = 256
THREADS = 2


def run(rounds: int = 9) -> list[Row]:
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
    names = ("Corral, tokens/s", "raw llama_decode loop, tokens/s", "llama-server, tokens/s")
    scenario = "one stream, 100M"
    return [
        *(
            Row(scenario, name, median(values))
            for name, values in zip(names, zip(*rows, strict=True), strict=True)
        ),
        Row(scenario, "over the raw loop", median(own / raw for own, raw, _ in rows), 0.95),
        Row(scenario, "over llama-server", median(own / peer for own, _, peer in rows), 1.0),
    ]


async def _stream(peer: Peer) -> float:
    stream = await generate(peer, PROMPT, NUM_TOKENS)
    if stream.num_tokens != NUM_TOKENS:
        raise RuntimeError(f"{peer.name} generated {stream.num_tokens} of {NUM_TOKENS} tokens")
    return stream.tokens_per_s


def _raw(model: Path) -> float:
    command = [sys.executable, "-m", "tests.bench.raw_loop", str(model), str(NUM_TOKENS)]
    done = subprocess.run([*command, str(THREADS)], check=True, stdout=subprocess.PIPE)
    return float(json.loads(done.stdout)["tokens_per_s"])
