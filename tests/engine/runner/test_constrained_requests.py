"""Constraints, log-probabilities and bias through a real runner process."""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import frames
from tests.engine.runner.constraint.schemas import is_valid, schemas
from tests.engine.runner.runner_process import RunnerProcess, chat_prompt
from tests.gguf_models import write_random_llama

PROMPT = "Once upon a time"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_llama(tmp_path_factory.mktemp("model") / "random.gguf")


@pytest.fixture(scope="module")
def runner(model: Path) -> Iterator[RunnerProcess]:
    with RunnerProcess() as runner:
        runner.load(model, num_ctx=2048, num_parallel=4)
        yield runner


def of_schema(schema, **more):
    return frames.Constraint("json_schema", json.dumps(schema), **more)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    wanted=st.lists(st.tuples(schemas(), st.booleans()), min_size=1, max_size=4),
    temperature=st.sampled_from([0.0, 0.8, 2.0]),
    seed=st.integers(0, 2**31),
)
def test_a_random_model_writes_valid_documents(runner, wanted, temperature, seed):
    ids = {}
    for schema, thinks in wanted:
        more = {"after": "</think>", "opening": "<think>", "within": 20} if thinks else {}
        request_id = runner.start(
            PROMPT,
            constraint=of_schema(schema, **more),
            visible_tokens=("<think>", "</think>"),
            sampling=frames.Sampling(temperature=temperature, seed=seed),
            num_predict=1500,
        )
        ids[request_id] = schema, thinks
    for request_id, answer in runner.follow(*ids).items():
        schema, thinks = ids[request_id]
        assert answer.end.reason == "stop"
        thinking, _, text = answer.text.rpartition("</think>")
        assert thinking.startswith("<think>") == thinks
        assert is_valid(json.loads(text), schema), (text, schema)


def test_what_is_forced_takes_no_step_of_its_own(runner):
    names = [f"a_rather_long_name_of_a_property_{number}" for number in range(4)]
    schema = {
        "type": "object",
        "properties": {name: {"type": "boolean"} for name in names},
        "required": names,
        "additionalProperties": False,
    }
    before = runner.status().steps
    fast = runner.answer(PROMPT, constraint=of_schema(schema))
    steps = runner.status().steps - before
    assert steps < fast.end.generated_tokens / 4
    # Log-probabilities need a step for each token; the tokens are the same.
    slow = runner.answer(PROMPT, constraint=of_schema(schema), top_logprobs=0)
    assert slow.end.tokens == fast.end.tokens
    assert len([item for chunk in slow.chunks for item in chunk.logprobs]) == (
        slow.end.generated_tokens
    )


@pytest.mark.parametrize("num_ctx", [128, 4096])
def test_more_may_be_forced_than_fits_into_a_batch_or_the_context(model, num_ctx):
    words = " ".join(f"word{number}" for number in range(300))
    with RunnerProcess() as runner:
        runner.load(model, num_ctx=num_ctx, num_batch=64, num_parallel=1)
        answer = runner.answer(PROMPT, constraint=of_schema({"const": words}))
        assert json.loads(answer.text) == words
        assert answer.end.reason == "stop"
        cut = runner.answer(PROMPT, constraint=of_schema({"const": words}), num_predict=100)
        assert cut.end.reason == "length"
        assert cut.end.generated_tokens == 100
        assert json.dumps(words).startswith(cut.text)


def test_a_bad_constraint_fails_alone(runner):
    good = runner.start(PROMPT, constraint=frames.Constraint("regex", "[a-f]{40}"))
    bad = runner.start(PROMPT, constraint=frames.Constraint("regex", "("))
    free = runner.start(PROMPT, num_predict=20)
    answers = runner.follow(good, bad, free)
    assert re.fullmatch("[a-f]{40}", answers[good].text)
    failed = answers[bad].failed
    assert failed is not None
    assert failed.kind == "invalid"
    assert failed.message.startswith("the regular expression is not valid")
    assert answers[free].end.generated_tokens == 20


def test_a_request_can_be_cancelled_before_its_constraint_is_ready(model):
    with RunnerProcess() as runner:
        runner.load(model)
        # The first constraint of a runner takes longest: the vocabulary has to be learnt.
        request_id = runner.start(PROMPT, constraint=frames.Constraint("json"))
        runner.send(frames.Cancel(request_id))
        assert runner.follow(request_id)[request_id].end.reason == "cancelled"
        assert runner.answer(PROMPT, constraint=frames.Constraint("regex", "yes")).text == "yes"
        runner.send(frames.Shutdown())
        assert runner.wait() == 0


def test_shutting_down_with_constraints_on_their_way(model):
    with RunnerProcess() as runner:
        runner.load(model)
        ids = [runner.start(PROMPT, constraint=frames.Constraint("json")) for _ in range(6)]
        runner.send(frames.Shutdown())
        assert {answer.end.reason for answer in runner.follow(*ids).values()} == {"cancelled"}
        assert runner.wait() == 0


def test_a_limit_still_cuts(runner):
    answer = runner.answer(
        PROMPT, constraint=frames.Constraint("regex", "[a-f]{400}"), num_predict=5
    )
    assert answer.end.reason == "length"
    assert re.fullmatch("[a-f]{1,400}", answer.text)


def test_stop_strings_work_inside_documents(runner):
    answer = runner.answer(
        PROMPT, constraint=frames.Constraint("regex", "[a-f]{5}END[a-f]{5}"), stop=("END",)
    )
    assert re.fullmatch("[a-f]{5}", answer.text)
    assert answer.end.reason == "stop"


def test_log_probabilities_are_the_models_own(runner):
    plain = runner.answer(PROMPT, num_predict=12, top_logprobs=3)
    items = [item for chunk in plain.chunks for item in chunk.logprobs]
    assert "".join(item.text for item in items) == plain.text
    for item in items:
        assert item.data.decode("utf-8", "replace") == item.text
        assert item.top[0].logprob == item.logprob
        assert [top.logprob for top in item.top] == sorted(
            (top.logprob for top in item.top), reverse=True
        )
    # Neither samplers nor constraint nor bias change what is reported.
    first = items[0]
    for more in (
        {"sampling": frames.Sampling(temperature=1.9, top_k=5, seed=1, repeat_penalty=1.5)},
        {"logit_bias": ((300, 100.0),)},
        {"constraint": frames.Constraint("regex", "[a-c]{9}")},
    ):
        other = runner.answer(PROMPT, num_predict=1, top_logprobs=3, **more)
        assert [top.text for top in other.chunks[0].logprobs[0].top] == [
            top.text for top in first.top
        ]
        for left, right in zip(other.chunks[0].logprobs[0].top, first.top, strict=True):
            assert math.isclose(left.logprob, right.logprob, abs_tol=1e-3)


def test_all_alternatives_add_up_to_one(runner):
    answer = runner.answer(PROMPT, num_predict=1, top_logprobs=10**6)
    (item,) = answer.chunks[0].logprobs
    assert math.isclose(sum(math.exp(top.logprob) for top in item.top), 1, abs_tol=1e-3)


def test_no_log_probabilities_unless_asked(runner):
    answer = runner.answer(PROMPT, num_predict=3)
    assert all(chunk.logprobs == () for chunk in answer.chunks)


def test_characters_of_several_tokens_keep_all_log_probabilities(runner):
    constraint = frames.Constraint("regex", "[\U0001f600-\U0001f64f]{6}")
    answer = runner.answer(PROMPT, constraint=constraint, top_logprobs=0)
    items = [item for chunk in answer.chunks for item in chunk.logprobs]
    assert b"".join(item.data for item in items).decode() == answer.text
    assert len(answer.text) == 6


@pytest.mark.parametrize("bias", [(4096, 1.0), (-1, 1.0), (5, math.nan), (5, math.inf)])
def test_impossible_bias_is_refused(runner, bias):
    failed = runner.answer(PROMPT, logit_bias=(bias,)).failed
    assert failed is not None
    assert failed.kind == "invalid"


def test_bias_forbids_and_prefers(runner):
    usual = runner.answer(PROMPT, num_predict=1).end.tokens[-1]
    forbidden = runner.answer(PROMPT, num_predict=1, logit_bias=((usual, -100.0),))
    assert forbidden.end.tokens[-1] != usual
    preferred = runner.answer(PROMPT, num_predict=5, logit_bias=((700, 100.0),))
    assert preferred.end.tokens[-5:] == (700,) * 5


def test_the_bundled_model_answers_in_its_own_words():
    with RunnerProcess() as runner:
        runner.load()
        schema = {
            "type": "object",
            "properties": {"capital": {"type": "string", "maxLength": 30}},
            "required": ["capital"],
            "additionalProperties": False,
        }
        prompt = chat_prompt("What is the capital of France? Answer as JSON.")
        answer = runner.answer(prompt, constraint=of_schema(schema))
        assert is_valid(
            json.loads(answer.text),
            schema
            | {"properties": {"capital": {"type": "string", "minLength": 0, "maxLength": 30}}},
        )
