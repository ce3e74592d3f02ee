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
    # Random weights cannot copy a text that they are shown, but those of a model that looks at
    # one token only go in circles: what it says next is in the 400 tokens of its prompt.
    with corral({"bench": ensure_model("100m-circles")}) as ours:
        text = asyncio.run(generate(ours, "A list of things:", 400)).text
        repetitive = _ratio(ours, text, rounds)
    with corral({"bench": ensure_model("100m")}) as ours:
        varied = _ratio(ours, "A list of things:", rounds, temperature=1.5, seed=1)
    return [
        Row("repetitive output", "on over off", repetitive, 1.3),
        Row("output without repetition", "on over off", varied, 0.98),
    ]


def _ratio(peer: Peer, prompt: str, rounds: int, **options: object) -> float:
    async def speed(speculate: bool) -> float:
        stream = await generate(
            peer, prompt, NUM_TOKENS, draft_num_predict=64 if speculate else 0, **options
        )
        return stream.tokens_per_s

    asyncio.run(speed(True))
    return median(asyncio.run(speed(True)) / asyncio.run(speed(False)) for _ in range(rounds))
