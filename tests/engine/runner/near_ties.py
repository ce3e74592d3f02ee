"""Greedy answers that may differ, and those that may not.

llama.cpp rounds differently when a batch has another size or a sequence lies in other cells. Where
two tokens are all but equally likely the answer may then go either way. A context that holds
something wrong moves logits by far more.
"""

from collections.abc import Sequence

from engine import frames
from tests.engine.runner.runner_process import GREEDY, RunnerProcess

TOLERANCE = 0.02
"""Difference of two logits that rounding may turn around. Those of a random model scatter with a
standard deviation of 1."""


def score(
    runner: RunnerProcess, before: Sequence[int], token: int, request: dict[str, object]
) -> float:
    """The token's logit behind `before`, less a constant, with the request's bias and penalty."""
    answer = runner.answer(
        tuple(before), num_predict=1, top_logprobs=0, logit_bias=((token, 1e6),), truncate=False
    )
    (chunk,) = answer.chunks
    (logprob,) = chunk.logprobs
    assert answer.end.tokens[-1] == token
    bias = dict(request.get("logit_bias", ())).get(token, 0.0)  # type: ignore[call-overload]
    sampling = request.get("sampling", GREEDY)
    assert isinstance(sampling, frames.Sampling)
    repeated = list(before[-sampling.repeat_last_n :]).count(token)
    return float(logprob.logprob + bias - sampling.frequency_penalty * repeated)


def assert_same(
    runner: RunnerProcess,
    got: Sequence[int],
    expected: Sequence[int],
    request: dict[str, object],
    note: object = "",
) -> None:
    """The same tokens, up to a place where the model could not decide. The runner is idle."""
    for place, (one, other) in enumerate(zip(got, expected, strict=False)):
        if one != other:
            before = expected[:place]
            gap = score(runner, before, one, request) - score(runner, before, other, request)
            assert abs(gap) < TOLERANCE, (note, place, one, other, gap)
            return
    assert len(got) == len(expected), note
