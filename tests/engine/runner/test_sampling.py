"""Our shortcuts choose the tokens that llama.cpp's own chain chooses."""

import ctypes

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.frames import Sampling
from engine.runner.sampler_chain import Candidates, SamplerChain
from engine.runner.sampling import (
    CandidateTable,
    Sampler,
    SamplingError,
    check_sampling,
    choose_seed,
)

VOCAB_SIZE = 5000
TABLE = CandidateTable(VOCAB_SIZE)


def random_logits(seed: int, size: int = VOCAB_SIZE) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(size) * 4).astype(np.float32)


def our_tokens(
    sampling: Sampling, steps: int, prompt: list[int], table: CandidateTable = TABLE
) -> list[int]:
    sampler = Sampler(sampling, table, 64)
    sampler.accept_prompt(prompt)
    tokens = []
    for step in range(steps):
        logits = random_logits(step // 4, table.vocab_size)
        tokens.append(sampler.sample(logits.ctypes.data))
    sampler.close()
    return tokens


def plain_tokens(sampling: Sampling, steps: int, prompt: list[int]) -> list[int]:
    """llama-server's chain over the whole vocabulary."""
    chain = SamplerChain()
    last_n = 64 if sampling.repeat_last_n < 0 else min(64, sampling.repeat_last_n)
    chain.add_penalties(
        VOCAB_SIZE,
        last_n,
        repeat=sampling.repeat_penalty,
        frequency=sampling.frequency_penalty,
        presence=sampling.presence_penalty,
    )
    chain.add_top_k(sampling.top_k)
    chain.add_typical(sampling.typical_p)
    chain.add_top_p(sampling.top_p)
    chain.add_min_p(sampling.min_p)
    chain.add_temperature(sampling.temperature)
    chain.add_draw(sampling.seed)
    for token in prompt:
        chain.accept(token)
    candidates = Candidates(VOCAB_SIZE)
    tokens = []
    for step in range(steps):
        for token, logit in enumerate(random_logits(step // 4)):
            candidates.buffer[token].id = token
            candidates.buffer[token].logit = logit
        token = chain.choose(candidates, VOCAB_SIZE)
        chain.accept(token)
        tokens.append(token)
    chain.close()
    return tokens


PROMPT = list(range(0, VOCAB_SIZE, 37)) * 2


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(seed=1),
        Sampling(seed=2, top_k=1),
        Sampling(seed=3, top_k=0),
        Sampling(seed=3, top_k=-1, top_p=1.0),
        Sampling(seed=4, top_k=VOCAB_SIZE + 1),
        Sampling(seed=5, typical_p=0.5, top_p=1.0),
        Sampling(seed=6, min_p=0.2, top_p=1.0, temperature=2.0),
        Sampling(seed=7, temperature=0.0),
        Sampling(seed=8, temperature=0.0, typical_p=0.3),
        Sampling(seed=9, repeat_penalty=1.5),
        Sampling(seed=10, repeat_penalty=1.5, repeat_last_n=0),
        Sampling(seed=11, repeat_penalty=1.5, repeat_last_n=-1),
        Sampling(seed=11, repeat_penalty=1.5, repeat_last_n=1),
        Sampling(seed=12, repeat_last_n=2**31 - 1, frequency_penalty=1.0),
        Sampling(seed=13, temperature=0.0, presence_penalty=8.0, frequency_penalty=-1.0),
    ],
)
def test_same_tokens_as_the_plain_chain(sampling: Sampling) -> None:
    assert our_tokens(sampling, 12, PROMPT) == plain_tokens(sampling, 12, PROMPT)


@settings(deadline=None, max_examples=50)
@given(
    seed=st.integers(0, 1000),
    top_k=st.integers(1, 1500),
    size=st.integers(1, 6000),
    ties=st.booleans(),
)
def test_narrowing_down_never_loses_one_of_the_best(
    seed: int, top_k: int, size: int, ties: bool
) -> None:
    logits = random_logits(seed, size)
    if ties:
        logits = np.round(logits)
    table = CandidateTable(size)

    count = table.fill(logits, top_k)

    kept = sorted((table.candidates.buffer[i].logit for i in range(count)), reverse=True)
    best = np.sort(logits)[::-1][:top_k]
    assert np.array_equal(kept[: len(best)], best)
    for i in range(count):
        item = table.candidates.buffer[i]
        assert logits[item.id] == item.logit


def test_not_a_number_among_the_logits_is_survived() -> None:
    logits = np.full(VOCAB_SIZE, np.nan, dtype=np.float32)
    sampler = Sampler(Sampling(seed=1), TABLE, 64)

    assert 0 <= sampler.sample(logits.ctypes.data) < VOCAB_SIZE
    sampler.close()


def test_suppressed_tokens_never_win() -> None:
    best = [int(random_logits(step).argmax()) for step in range(3)]
    table = CandidateTable(VOCAB_SIZE, best)

    for temperature in (0.0, 1.0):
        chosen = our_tokens(Sampling(seed=1, temperature=temperature), 12, [], table)
        assert not set(chosen) & set(best)


def test_seeds_make_runs_repeatable_and_different() -> None:
    sampling = Sampling(seed=42, temperature=2.0)

    assert our_tokens(sampling, 12, []) == our_tokens(sampling, 12, [])
    assert our_tokens(sampling, 12, []) != our_tokens(Sampling(seed=43, temperature=2.0), 12, [])
    unseeded = Sampling(temperature=2.0)
    assert our_tokens(unseeded, 12, []) != our_tokens(unseeded, 12, [])


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 2, 2**32 - 1, 2**32, 2**63, -1, -(2**63)])
def test_any_seed_fits_c_and_is_never_its_word_for_random(seed: int) -> None:
    assert 0 <= choose_seed(seed) < 0xFFFF_FFFF
    assert ctypes.c_uint32(choose_seed(seed)).value < 0xFFFF_FFFF


@pytest.mark.parametrize(
    ("sampling", "message"),
    [
        (Sampling(temperature=float("nan")), "temperature must be finite"),
        (Sampling(top_p=float("inf")), "top_p must be finite"),
        (Sampling(frequency_penalty=float("-inf")), "frequency_penalty must be finite"),
        (Sampling(repeat_penalty=0.0), "repeat_penalty must be greater than 0"),
        (Sampling(repeat_penalty=-1.0), "repeat_penalty must be greater than 0"),
    ],
)
def test_impossible_settings_are_refused(sampling: Sampling, message: str) -> None:
    with pytest.raises(SamplingError, match=message):
        check_sampling(sampling)
