"""First token of a known prompt: known to the context, to host memory, or to disk."""

import asyncio
import random
import tempfile
from pathlib import Path
from statistics import median

from tests.bench.models import ensure_model
from tests.bench.peers import Peer, corral
from tests.bench.report import Row
from tests.bench.stream import Stream, generate

NUM_WORDS = 680
"""About 2,000 tokens."""
NUM_TOKENS = 4
ROUNDS = 5
RESTARTS = 3


def run() -> list[Row]:
    """Neighbouring runs are compared: cold, then known."""
    return _measure_memory() + _measure_disk()


def _measure_memory() -> list[Row]:
    scenario = "2k prompt that is known, 100M"
    cold: list[float] = []
    live: list[float] = []
    ram: list[float] = []
    settings = {"OLLAMA_NUM_PARALLEL": "1", "CORRAL_CACHE_DISK": "0"}
    with corral({"bench": ensure_model("100m")}, settings) as ours:
        _ask(ours, _prompt(0), is_known=False)  # loads the model
        for number in range(1, ROUNDS + 1):
            cold.append(_ask(ours, _prompt(number), is_known=False))
            live.append(_ask(ours, _prompt(number), is_known=True))
            # The one of the round before had to leave the only slot.
            ram.append(_ask(ours, _prompt(number - 1), is_known=True))
    return [
        Row(scenario, "first token cold, s", median(cold)),
        Row(scenario, "live over cold", _ratio(live, cold), 0.05, at_most=True),
        Row(scenario, "host memory over cold", _ratio(ram, cold), 0.05, at_most=True),
    ]


def _measure_disk() -> list[Row]:
    scenario = "2k prompt after a restart, 1B"
    model = ensure_model("1b")
    cold: list[float] = []
    disk: list[float] = []
    with tempfile.TemporaryDirectory() as home:
        with corral({"bench": model}, home=Path(home)) as ours:
            _ask(ours, "Hello", is_known=False)  # fills the page cache
        for number in range(RESTARTS):
            for is_known, figures in ((False, cold), (True, disk)):
                with corral({"bench": model}, home=Path(home)) as ours:
                    figures.append(_ask(ours, _prompt(number), is_known=is_known))
    return [
        Row(scenario, "first token cold, with load, s", median(cold)),
        Row(scenario, "first token from disk, with load, s", median(disk)),
        Row(scenario, "disk over cold", _ratio(disk, cold), 0.15, at_most=True),
    ]


def _ask(peer: Peer, prompt: str, *, is_known: bool) -> float:
    """Seconds to the first token. Raises RuntimeError if the cache did not do as expected."""
    stream: Stream = asyncio.run(_generate(peer, prompt))
    total = int(str(stream.final["prompt_eval_count"]))
    known = int(str(stream.final.get("cached_count", stream.final.get("cached", 0))))
    if (known > 0.9 * total) != is_known:
        raise RuntimeError(f"{known} of {total} prompt tokens came from the cache")
    return stream.first_s


async def _generate(peer: Peer, prompt: str) -> Stream:
    return await generate(peer, prompt, NUM_TOKENS)


def _prompt(number: int) -> str:
    """Nothing in common with the others."""
    words = random.Random(number)
    return " ".join(f"w{words.randrange(97)}" for _ in range(NUM_WORDS))


def _ratio(values: list[float], bases: list[float]) -> float:
    return median(value / base for value, base in zip(values, bases, strict=True))
