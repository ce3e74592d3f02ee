"""GET /metrics and GET /api/requests over a server that has served."""

import json
import os
import signal

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.api.live_server import wait_until

ASK = {"model": "tiny", "prompt": "Why is the sky blue?", "stream": False, "think": False}


def scrape(server) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    answer = server.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def total(samples, name: str, **labels: str) -> float:
    wanted = set(labels.items())
    return sum(
        value for (known, own), value in samples.items() if known == name and wanted <= set(own)
    )


def find(server, answer) -> dict:
    """The record of the request that got `answer`, once it is written."""
    found = []

    def look() -> bool:
        records = server.client.get("/api/requests").json()["requests"]
        found[:] = [one for one in records if one["id"] == answer.headers["x-request-id"]]
        return bool(found)

    wait_until(look)
    return found[0]


def test_requests_and_tokens_are_counted(server):
    before = scrape(server)
    answers = [server.client.post("/api/generate", json=ASK) for _ in range(2)]
    find(server, answers[-1])
    after = scrape(server)

    def grown(name: str, **labels: str) -> float:
        return total(after, name, **labels) - total(before, name, **labels)

    replies = [answer.json() for answer in answers]
    labels = {"route": "/api/generate", "status": "200", "method": "POST"}
    assert grown("corral_requests_total", **labels) == 2
    prompt = sum(reply["prompt_eval_count"] for reply in replies)
    assert grown("corral_prompt_tokens_total") == prompt
    assert grown("corral_cached_prompt_tokens_total") == sum(
        one.get("cached", 0) for one in replies
    )
    assert grown("corral_generated_tokens_total") == sum(one["eval_count"] for one in replies) > 0
    assert grown("corral_first_token_seconds_count") == 2
    assert grown("corral_inter_token_seconds_count") > 0
    assert grown("corral_request_seconds_count") >= 2


def test_the_state_of_models_and_runners(server):
    server.client.post("/api/generate", json=ASK)
    samples = scrape(server)
    assert total(samples, "corral_loaded_models") >= 1
    assert total(samples, "corral_model_memory_bytes", model="tiny:latest") > 1_000_000
    assert total(samples, "corral_model_context_tokens", model="tiny:latest") > 0
    assert total(samples, "corral_runner_slots", model="tiny:latest") >= 4
    assert total(samples, "corral_runner_steps_total", model="tiny:latest") > 0
    assert total(samples, "corral_requests_in_flight") >= 1  # this one
    assert total(samples, "corral_build_info", version="0.1.0") == 1
    assert "corral_requests_waiting" in {name for name, _ in samples}


def test_made_up_paths_make_no_series(server):
    server.client.post("/no/such/path-1")
    server.client.post("/no/such/path-2")
    wait_until(lambda: total(scrape(server), "corral_requests_total", route="", status="404") >= 2)
    assert "such" not in server.client.get("/metrics").text


def test_openmetrics_for_those_who_ask(server):
    accept = {"accept": "application/openmetrics-text; version=1.0.0"}
    answer = server.client.get("/metrics", headers=accept)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no SIGSTOP on this system")
def test_a_runner_that_does_not_answer_delays_nobody_for_long(server, monkeypatch):
    server.client.post("/api/generate", json=ASK)
    (loaded, *_) = server.engine.scheduler.loaded()
    os.kill(loaded.pid, signal.SIGSTOP)
    try:
        samples = scrape(server)
    finally:
        os.kill(loaded.pid, signal.SIGCONT)
    pid = str(loaded.pid)
    assert total(samples, "corral_model_memory_bytes", pid=pid) > 0
    assert not [own for name, own in samples if "runner_slots" in name and ("pid", pid) in own]


def test_a_request_is_remembered_without_its_content(server):
    body = ASK | {"prompt": "my dark secret"}
    answer = server.client.post("/api/generate", json=body)
    record = find(server, answer)
    reply = answer.json()
    assert record["route"] == "/api/generate"
    assert (record["model"], record["status"]) == ("tiny", 200)
    assert record["prompt_tokens"] == reply["prompt_eval_count"]
    assert record["generated_tokens"] == reply["eval_count"]
    assert record["done_reason"] == reply["done_reason"]
    assert 0 < record["first_token_ms"] <= record["duration_ms"]
    assert "secret" not in server.client.get("/api/requests").text
    assert reply["response"]
    assert reply["response"] not in json.dumps(record)


def test_all_answers_of_a_request_count_together(server):
    body = {"model": "tiny", "prompt": ["One", "Two"], "n": 2, "max_tokens": 2, "raw": True}
    answer = server.client.post("/v1/completions", json=body)
    record = find(server, answer)
    assert record["generated_tokens"] == answer.json()["usage"]["completion_tokens"]
    assert record["prompt_tokens"] == 2 * answer.json()["usage"]["prompt_tokens"]


def test_failed_requests_are_remembered(server):
    answer = server.client.post("/api/chat", json={"model": "x" * 500, "messages": []})
    record = find(server, answer)
    assert record["status"] == answer.status_code >= 400
    assert len(record["model"]) == 200
    assert (record["first_token_ms"], record["done_reason"]) == (None, "")


def test_questions_about_the_server_are_not_remembered(server):
    ids = [
        server.client.get(path).headers["x-request-id"] for path in ("/api/tags", "/metrics", "/")
    ]
    records = server.client.get("/api/requests").json()["requests"]
    assert not {one["id"] for one in records} & set(ids)
