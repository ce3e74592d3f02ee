"""Short ways to have a runner process embed and rerank."""

import numpy as np

from engine import frames
from tests.engine.runner.runner_process import RunnerProcess

WORDS = "the cat is on it and this was for a good old dog with one eye at sea".split()


def sentence(length: int, seed: int = 0) -> str:
    """So many words; more tokens than that."""
    dice = np.random.default_rng(seed)
    return " ".join(dice.choice(WORDS, length))


def matrix(answer: frames.Report) -> np.ndarray:
    assert isinstance(answer, frames.Embedded), answer
    return np.frombuffer(answer.vectors, "<f4").reshape(-1, answer.dimensions)


def embed(runner: RunnerProcess, *inputs: str | tuple[int, ...], **settings: object) -> np.ndarray:
    return matrix(runner.ask(frames.Embed, inputs, **settings))


def tokens(runner: RunnerProcess, text: str, *, add_special: bool = True) -> tuple[int, ...]:
    answer = runner.ask(frames.Tokenize, text, add_special=add_special)
    assert isinstance(answer, frames.Tokens), answer
    return answer.tokens


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))
