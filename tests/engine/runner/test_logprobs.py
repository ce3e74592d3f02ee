import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.runner.logprobs import LEAST, TokenLogprobs
from engine.runner.text import Pieces


class Letters:
    """A vocabulary of 26 letters and one control token."""

    def piece(self, token: int, *, special: bool) -> bytes:
        if token == 26:
            return b"<end>" if special else b""
        return bytes([97 + token])

    def is_control(self, token: int) -> bool:
        return token == 26

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        return [ord(char) - 97 for char in text]


def record(logits, token, num_top=0):
    recorder = TokenLogprobs(Pieces(Letters()), num_top)
    recorder.snapshot(np.array(logits, dtype=np.float32))
    return recorder.record(token)


@given(
    st.lists(st.floats(-50, 50), min_size=27, max_size=27),
    st.integers(0, 26),
    st.integers(0, 40),
)
def test_it_is_the_logarithm_of_softmax(logits, token, num_top):
    total = math.fsum(math.exp(value) for value in logits)
    item = record(logits, token, num_top)
    assert item.logprob == pytest.approx(math.log(math.exp(logits[token]) / total), abs=1e-3)
    assert len(item.top) == min(num_top, 27)
    best = sorted(logits, reverse=True)[:num_top]
    for top, value in zip(item.top, best, strict=False):
        assert top.logprob == pytest.approx(math.log(math.exp(value) / total), abs=1e-3)


def test_control_tokens_have_their_spelling():
    item = record([0.0] * 27, 26)
    assert (item.text, item.data) == ("<end>", b"<end>")


@pytest.mark.parametrize("value", [-math.inf, math.nan])
def test_what_json_cannot_say_becomes_the_least(value):
    logits = [0.0] * 27
    logits[3] = value
    assert record(logits, 3).logprob == LEAST


def test_later_changes_of_the_logits_do_not_count():
    logits = np.zeros(27, dtype=np.float32)
    recorder = TokenLogprobs(Pieces(Letters()), 0)
    recorder.snapshot(logits)
    logits[5] = 100
    assert recorder.record(5).logprob == pytest.approx(-math.log(27), abs=1e-4)
