"""X-Corral-Priority from the header to the runner's waiting line."""

import threading

import pytest

from tests.api.live_server import live_server, wait_until

ROUTES = {
    "/api/generate": {"prompt": "Tell a tale"},
    "/api/chat": {"messages": [{"role": "user", "content": "Tell a tale"}]},
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "Tell a tale"}]},
    "/v1/completions": {"prompt": "Tell a tale"},
    "/v1/messages": {
        "messages": [{"role": "user", "content": "Tell a tale"}],
        "max_tokens": 2,
    },
    "/v1/responses": {"input": "Tell a tale", "max_output_tokens": 2},
}


@pytest.fixture(scope="module")
def narrow(tmp_path_factory):
    """A server whose model has one slot."""
    with live_server(tmp_path_factory.mktemp("store"), num_parallel=1) as server:
        yield server


def endless(server) -> dict:
    """A request that its model cannot end: the tokens for that are out of reach."""
    ends = [
        server.client.post("/api/tokenize", json={"model": "tiny", "content": text}).json()
        for text in ("<|im_end|>", "<|endoftext|>")
    ]
    bias = {str(token): -100 for end in ends for token in end["tokens"]}
    return {
        "model": "tiny",
        "prompt": "a",
        "raw": True,
        "stream": True,
        # So hot that it does not repeat itself, which would end it too.
        "temperature": 5,
        "options": {"top_k": 0},
        "max_tokens": 100_000,
        "logit_bias": bias,
    }


@pytest.mark.parametrize("route", list(ROUTES))
def test_who_watches_goes_first(narrow, route):
    done: list[str] = []

    def ask(priority: str) -> None:
        body = {"model": "tiny", "stream": False, "max_tokens": 2, **ROUTES[route]}
        body["options"] = {"num_predict": 2}
        headers = {"X-Corral-Priority": priority}
        assert narrow.client.post(route, json=body, headers=headers).status_code == 200
        done.append(priority)

    threads = []
    with narrow.client.stream("POST", "/v1/completions", json=endless(narrow)) as busy:
        lines = busy.iter_lines()  # dropped, it would close the connection
        next(lines)
        for place, priority in enumerate(["background", "normal", "interactive"], 1):
            threads.append(threading.Thread(target=ask, args=(priority,)))
            threads[-1].start()
            wait_until(lambda place=place: narrow.status().queued == place)
    for thread in threads:
        thread.join(20)
    assert done == ["interactive", "normal", "background"]


@pytest.mark.parametrize("route", list(ROUTES))
def test_unknown_words_are_refused(narrow, route):
    body = {"model": "tiny", **ROUTES[route]}
    answer = narrow.client.post(route, json=body, headers={"X-Corral-Priority": "urgent"})
    assert answer.status_code == 400
    assert "X-Corral-Priority must be interactive, normal or background" in answer.text
