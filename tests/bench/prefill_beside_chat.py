"""A long prompt is read while a chat streams: how much the chat stutters."""

import asyncio
from statistics import median, quantiles

from tests.bench.models import ensure_model
from tests.bench.peers import Peer, corral
from tests.bench.report import Row
from tests.bench.stream import Stream, generate

PROMPT_WORDS = 4000
NUM_TOKENS = 200


def run() -> list[Row]:
    """The 99th percentile of the chat's gaps, over their median when the chat is alone."""
    settings = {"OLLAMA_CONTEXT_LENGTH": "8192", "OLLAMA_NUM_PARALLEL": "2"}
    with corral({"bench": ensure_model("1b")}, settings) as ours:
        asyncio.run(_chat(ours))
        alone = asyncio.run(_chat(ours))
        beside, prefill = asyncio.run(_both(ours))
    scenario = "4k prefill beside a chat, 1B"
    usual = median(alone.gaps)
    # Only the gaps while the prompt was being read.
    gaps = [
        gap
        for gap, arrival in zip(beside.gaps, beside.arrivals[1:], strict=True)
        if arrival < prefill.first_s
    ]
    p99 = quantiles(gaps, n=100)[98]
    return [
        Row(scenario, "median gap alone, s", usual),
        Row(scenario, "p50 gap over it", median(gaps) / usual),
        Row(scenario, "p99 gap over it", p99 / usual, 4.0, at_most=True),
        Row(scenario, "first token of the long prompt, s", prefill.first_s),
    ]


async def _chat(peer: Peer, num_tokens: int = 48) -> Stream:
    return await generate(peer, "Tell me a story about a river and a bridge.", num_tokens)


async def _both(peer: Peer) -> tuple[Stream, Stream]:
    chat = asyncio.ensure_future(_chat(peer, NUM_TOKENS))
    await asyncio.sleep(1)  # the chat is to be under way
    words = " ".join(f"w{number % 97}" for number in range(PROMPT_WORDS // 3))
    prefill = await generate(peer, words, 1)
    return await chat, prefill
