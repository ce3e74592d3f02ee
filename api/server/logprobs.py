"""Log-probabilities as both dialects write them (spec 1.5)."""

import msgspec

from engine.errors import InvalidRequestError
from engine.frames import TokenLogprob

MAX_TOP_LOGPROBS = 20


class TopLogprobItem(msgspec.Struct):
    """A token that was possible at a place."""

    token: str
    logprob: float
    bytes: list[int]


class LogprobItem(msgspec.Struct):
    """A token of the output."""

    token: str
    logprob: float
    bytes: list[int]
    top_logprobs: list[TopLogprobItem] | msgspec.UnsetType = msgspec.UNSET


def check_top_logprobs(count: int) -> None:
    """Raises InvalidRequestError."""
    if not 0 <= count <= MAX_TOP_LOGPROBS:
        raise InvalidRequestError(f"top_logprobs must be between 0 and {MAX_TOP_LOGPROBS}")


def logprob_items(
    logprobs: tuple[TokenLogprob, ...], *, even_empty: bool = False
) -> list[LogprobItem]:
    """`even_empty`: a list of alternatives also where none were asked for."""
    return [
        LogprobItem(
            item.text,
            item.logprob,
            list(item.data),
            [TopLogprobItem(top.text, top.logprob, list(top.data)) for top in item.top]
            if item.top or even_empty
            else msgspec.UNSET,
        )
        for item in logprobs
    ]
