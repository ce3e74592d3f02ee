"""Memory over many requests: `python -m tests.bench.soak [REQUESTS]` prints growth after warm-up.

Requests differ (fresh prompts, repeated ones, formats, log-probabilities, clients that leave), so
that whatever is kept per request shows.
"""

import asyncio
import random
import sys
from contextlib import suppress

import psutil

from tests.bench.peers import Peer, corral
from tests.bench.stream import Stream, measure

CLIENTS = 8
WARM_UP = 0.1
"""Share of the requests after which caches are full and memory should stay."""


def main(num_requests: int) -> int:
    """Returns 1 if server and runner together grew by 5 % or more after the warm-up."""
    # Small caches fill early: growth after the warm-up is then growth of something else.
    settings = {"CORRAL_CACHE_RAM": str(64 * 2**20), "CORRAL_CACHE_DISK": "0"}
    with corral({}, settings) as peer:
        warm = int(num_requests * WARM_UP)
        asyncio.run(_send(peer, warm, seed=0))
        before = _memory(peer)
        asyncio.run(_send(peer, num_requests - warm, seed=1))
        after = _memory(peer)
    growth = after / before - 1
    print(f"{num_requests} requests: {before / 2**20:.1f} MiB after warm-up, ", end="")
    print(f"{after / 2**20:.1f} MiB at the end: {growth:+.2%}")
    return 1 if growth >= 0.05 else 0


def _memory(peer: Peer) -> int:
    server = psutil.Process(peer.pid)
    return sum(process.memory_info().rss for process in (server, *server.children(recursive=True)))


async def _send(peer: Peer, count: int, seed: int) -> None:
    dice = random.Random(seed)
    numbers = iter(range(count))

    async def client() -> None:
        for number in numbers:
            await _one(peer, number, dice)

    await asyncio.gather(*(client() for _ in range(CLIENTS)))


async def _one(peer: Peer, number: int, dice: random.Random) -> None:
    words = " ".join(dice.choices(("river", "bridge", "town", "sky", "blue"), k=12))
    body: dict[str, object] = {"model": "tiny", "stream": True}
    body["options"] = {"num_predict": dice.randint(1, 16)}
    match dice.randrange(5):
        case 0:
            body |= {"prompt": "Why is the sky blue?"}
        case 1:
            body |= {"prompt": f"{number} {words}", "logprobs": True, "top_logprobs": 3}
        case 2:
            body |= {"prompt": words, "format": "json", "think": False}
        case _:
            body |= {"prompt": f"{number} {words}"}
    with suppress(TimeoutError):
        # One in ten leaves before the answer is there.
        patience = 0.02 if dice.random() < 0.1 else 60
        await asyncio.wait_for(measure(peer, "/api/generate", body, _ignore), patience)


def _ignore(stream: Stream, message: dict[str, object]) -> None:
    if message.get("error"):
        raise RuntimeError(str(message["error"]))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000))
