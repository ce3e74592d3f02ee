"""Drafting ahead: an edit of a text that is in the prompt, and output that repeats nothing."""

import asyncio
from statistics import median

from tests.bench.models import ensure_model
from tests.bench.peers import Peer, corral
from tests.bench.report import Row
from tests.bench.stream import generate

NUM_TOKENS = 300


def run(rounds: int = 5) -> list[Row]:
    """Speed with speculation over speed without, runs interleaved."""
    model = ensure_model("100m")
    with corral({"bench": model}) as ours:
        # A random model repeats itself when it is greedy: its own text is the text to edit.
        start = asyncio.run(generate(ours, "A list of things:", 400)).text
        repetitive = f"{start}\n\nThe same again:\n\n{start[:200]}"
        return [
            Row("repetitive output", "on over off", _ratio(ours, repetitive, rounds), 1.3),
            Row(
                "output without repetition",
                "on over off",
                _ratio(ours, "A list of things:", rounds, temperature=1.5, seed=1),
                0.98,
            ),
        ]


def _ratio(peer: Peer, prompt: str, rounds: int, **options: object) -> float:
    async def speed(speculate: bool) -> float:
        stream = await generate(
            peer, prompt, NUM_TOKENS, draft_num_predict=64 if speculate else 0, **options
        )
        return stream.tokens_per_s

    asyncio.run(speed(True))
    return median(asyncio.run(speed(True)) / asyncio.run(speed(False)) for _ in range(rounds))
