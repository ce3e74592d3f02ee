"""What is done to the model's raw vectors and scores. Pure."""

import numpy as np
from numpy.typing import NDArray

from engine.runner.embedding.inputs import InputError

NOT_FINITE = "embedding contains NaN or Inf values"
_SMALLEST_NORM = np.float32(1e-12)

Matrix = NDArray[np.float32]


def finish_vectors(rows: Matrix, dimensions: int, *, normalize: bool) -> Matrix:
    """The first `dimensions` values of each row (0: all), scaled to length 1 in float32.

    Raises InputError for values that are no numbers.
    """
    check_finite(rows)
    if 0 < dimensions < rows.shape[1]:
        rows = rows[:, :dimensions]
    if normalize:
        with np.errstate(over="ignore"):
            norms = np.sqrt(np.einsum("ij,ij->i", rows, rows))
        rows = rows / np.maximum(norms, _SMALLEST_NORM)[:, None]
    return np.ascontiguousarray(rows, dtype="<f4")


def finish_scores(rows: Matrix, *, is_probability: bool) -> tuple[float, ...]:
    """The first value of each row, between 0 and 1. Raises InputError as above."""
    check_finite(rows)
    scores = rows[:, 0].astype(np.float64)
    if not is_probability:
        with np.errstate(over="ignore"):
            scores = 1 / (1 + np.exp(-scores))
    return tuple(scores.tolist())


def check_finite(rows: Matrix) -> None:
    """Raises InputError for NaN and infinities."""
    if not np.isfinite(rows).all():
        raise InputError(NOT_FINITE)
