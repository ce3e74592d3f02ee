"""Clients at the same time: nobody waits for another, and leaving frees the slot."""

import itertools
import threading
import time

import httpx2

from tests.api.live_server import wait_until

# A format that no short text satisfies, and so hot that it does not repeat itself: sampled freely,
# an answer may end early.
LONG = {
    "model": "tiny",
    "prompt": "Once upon a time",
    "raw": True,
    "format": {"regex": "[a-z ]{4000,}"},
    "options": {"num_predict": 600, "temperature": 3, "seed": 1},
}
ENDLESS = LONG | {"options": {"num_predict": 100_000, "temperature": 3}}


def moments(url: str, ready: threading.Barrier) -> list[float]:
    """When each piece of a long answer arrived."""
    arrived = []
    ready.wait(10)
    with (
        httpx2.Client(timeout=60, trust_env=False) as client,
        client.stream("POST", f"{url}/api/generate", json=LONG) as answer,
    ):
        for _ in answer.iter_lines():
            arrived.append(time.monotonic())
    return arrived


def test_tokens_of_two_clients_interleave(server):
    server.status()  # loads the model
    ready = threading.Barrier(2)
    results: dict[int, list[float]] = {}
    threads = [
        threading.Thread(target=lambda n=n: results.update({n: moments(server.url, ready)}))
        for n in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    order = sorted((moment, n) for n, arrived in results.items() for moment in arrived)
    turns = sum(one[1] != other[1] for one, other in itertools.pairwise(order))
    assert all(len(arrived) > 10 for arrived in results.values())
    # One after the other would be a single turn.
    assert turns > 5
    first_end = min(arrived[-1] for arrived in results.values())
    assert all(arrived[0] < first_end for arrived in results.values())


def test_a_client_that_leaves_frees_its_slot_within_a_step(server):
    assert server.status().slots_busy == 0
    with httpx2.Client(timeout=60, trust_env=False) as client:
        with client.stream("POST", f"{server.url}/api/generate", json=ENDLESS) as answer:
            pieces = answer.iter_lines()
            for _ in range(5):
                next(pieces)
            assert server.status().slots_busy == 1
            pieces.close()
    started = time.monotonic()
    wait_until(lambda: server.status().slots_busy == 0, 5)
    freed = server.status()
    assert time.monotonic() - started < 1
    # Nothing is computed for the one who left.
    assert server.status().steps == freed.steps


def test_a_client_that_leaves_an_unstreamed_answer_frees_its_slot(server):
    endless = ENDLESS | {"stream": False}

    def ask() -> None:
        try:
            httpx2.post(f"{server.url}/api/generate", json=endless, timeout=0.5, trust_env=False)
        except httpx2.TimeoutException:
            left.set()

    left = threading.Event()
    thread = threading.Thread(target=ask)
    thread.start()
    wait_until(lambda: server.status().slots_busy == 1, 5)
    thread.join(10)
    assert left.is_set()
    wait_until(lambda: server.status().slots_busy == 0, 2)
