"""What people do all day: a long prompt, a chat of ten turns, an agent of twenty.

Times over llama-server's, so less is better. Both keep prefixes; the agent's model is swapped
out in the middle, which for llama-server means a new process.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from tests.bench.models import ensure_model
from tests.bench.peers import Peer, corral, llama_server
from tests.bench.report import Row
from tests.bench.stream import Stream, generate

CONTEXT = 12288
SETTINGS = {
    "OLLAMA_CONTEXT_LENGTH": str(CONTEXT),
    "OLLAMA_NUM_PARALLEL": "1",
    "OLLAMA_MAX_LOADED_MODELS": "1",
}
TURN_TOKENS = 48
AGENT_TURNS = 20


def run(rounds: int = 3) -> list[Row]:
    """Medians over interleaved rounds."""
    model = ensure_model("100m")
    with corral({"bench": model}, SETTINGS) as ours, _peer(model) as theirs:
        for peer in (ours, theirs):
            asyncio.run(generate(peer, "Warm up.", 8))
        long_prompt = [
            asyncio.run(_long_prompt(ours, number)) / asyncio.run(_long_prompt(theirs, number))
            for number in range(rounds)
        ]
        chat = [
            asyncio.run(_chat(ours, number)) / asyncio.run(_chat(theirs, number))
            for number in range(rounds)
        ]
    with corral({"bench": model}, SETTINGS) as ours:
        asyncio.run(generate(ours, "Warm up.", 8))
        agent = [_agent(ours, number) / _agent_of_peer(model, number) for number in range(rounds)]
    return [
        Row("4k prompt", "first token, over llama-server", median(long_prompt), at_most=True),
        Row("chat of ten turns", "time, over llama-server", median(chat), at_most=True),
        Row("agent, 20 turns, a swap", "time, over llama-server", median(agent), at_most=True),
    ]


@contextmanager
def _peer(model: Path) -> Iterator[Peer]:
    with llama_server(model, "-t", "2", "-np", "1", "-c", str(CONTEXT)) as peer:
        yield peer


def _words(count: int, seed: int) -> str:
    """About that many tokens which no other seed shares."""
    return " ".join(f"w{(number * 31 + seed * 17) % 97}" for number in range(count // 3))


async def _long_prompt(peer: Peer, number: int) -> float:
    return (await generate(peer, f"{number} " + _words(4000, number), 2)).first_s


async def _chat(peer: Peer, number: int) -> float:
    started = time.perf_counter()
    history = f"Chat {number}.\n"
    for turn in range(10):
        history += f"User: {_words(90, turn)}\nAssistant:"
        stream = await generate(peer, history, TURN_TOKENS)
        history += f"{stream.text}\n"
    return time.perf_counter() - started


def _agent_prompt(number: int, turn: int) -> str:
    return f"Run {number}. {_words(6000, 1)}\nStep {turn}: {_words(60, turn)}\n"


def _agent(peer: Peer, number: int) -> float:
    started = time.perf_counter()
    for turn in range(AGENT_TURNS):
        if turn == AGENT_TURNS // 2:
            peer.post("/api/generate", {"model": "tiny", "prompt": "x", "stream": False})
        asyncio.run(_turn(peer, number, turn))
    return time.perf_counter() - started


def _agent_of_peer(model: Path, number: int) -> float:
    """The time includes the load after the swap, but not the first one."""
    elapsed = 0.0
    for part in (range(AGENT_TURNS // 2), range(AGENT_TURNS // 2, AGENT_TURNS)):
        started = time.perf_counter()
        with _peer(model) as peer:
            if part.start == 0:
                asyncio.run(generate(peer, "Warm up.", 8))
                started = time.perf_counter()
            for turn in part:
                asyncio.run(_turn(peer, number, turn))
            elapsed += time.perf_counter() - started
    return elapsed


async def _turn(peer: Peer, number: int, turn: int) -> Stream:
    return await generate(peer, _agent_prompt(number, turn), TURN_TOKENS)
