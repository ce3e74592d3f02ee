"""The logit_bias field of the OpenAI dialect. Pure."""

import re
from typing import Any

from engine.errors import InvalidRequestError
from engine.library.gotext import quote

MAX_BIAS = 100
_TOKEN = re.compile("[0-9]{1,9}")


def read_logit_bias(wanted: dict[str, Any]) -> tuple[tuple[int, float], ...]:
    """(token, bias) pairs; the keys are token ids. Raises InvalidRequestError.

    Whether the model has such a token is for its runner to say.
    """
    pairs = []
    for key, value in wanted.items():
        if not _TOKEN.fullmatch(key):
            raise InvalidRequestError(f"logit_bias: {quote(key)} is not a token id")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidRequestError("logit_bias: values must be numbers")
        if not -MAX_BIAS <= value <= MAX_BIAS:
            raise InvalidRequestError(
                f"logit_bias: values must be between -{MAX_BIAS} and {MAX_BIAS}"
            )
        pairs.append((int(key), float(value)))
    return tuple(pairs)
