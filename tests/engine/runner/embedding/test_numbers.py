"""What is done to raw vectors and scores."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from engine.runner.embedding.inputs import InputError
from engine.runner.embedding.vectors import NOT_FINITE, finish_scores, finish_vectors

rows = npst.arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 8)),
    elements=st.floats(-1e3, 1e3, width=32),
)


@given(rows, st.integers(0, 10))
def test_vectors_are_cut_then_scaled(raw, dimensions):
    done = finish_vectors(raw, dimensions, normalize=True)
    width = dimensions if 0 < dimensions < raw.shape[1] else raw.shape[1]
    assert done.shape == (len(raw), width)
    norms = np.linalg.norm(raw[:, :width].astype(np.float64), axis=1)
    scaled = norms > 1e-6
    assert np.allclose(np.linalg.norm(done, axis=1)[scaled], 1, atol=1e-5)
    assert (finish_vectors(raw, dimensions, normalize=False) == raw[:, :width]).all()


def test_vector_of_zeros_stays_one():
    assert (finish_vectors(np.zeros((1, 4), np.float32), 0, normalize=True) == 0).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused(bad):
    raw = np.ones((2, 3), np.float32)
    raw[1, 2] = bad
    with pytest.raises(InputError, match=NOT_FINITE):
        finish_vectors(raw, 2, normalize=True)
    with pytest.raises(InputError, match=NOT_FINITE):
        finish_scores(raw, is_probability=False)


def test_scores_lie_between_0_and_1_in_the_order_of_the_head():
    raw = np.array([[-1e30], [-2], [0], [2], [1e30]], np.float32)
    scores = finish_scores(raw, is_probability=False)
    assert scores == (0, pytest.approx(0.1192, abs=1e-4), 0.5, pytest.approx(0.8808, abs=1e-4), 1)
    assert finish_scores(np.array([[0.25, 0.75]], np.float32), is_probability=True) == (0.25,)
