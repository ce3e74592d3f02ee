"""Log-probabilities of chosen tokens and of the likeliest ones. One recorder per request, used
by the engine loop's thread.

They are the model's own: read before bias, penalties, constraint and samplers have their say.
"""

import numpy as np

from engine.frames import TokenLogprob
from engine.runner.constraint.protocol import Logits
from engine.runner.text import Pieces

LEAST = -9999.0
"""Stands for "impossible" (JSON has no infinity); OpenAI's number for the same."""


class TokenLogprobs:
    """A `LogprobRecorder`."""

    def __init__(self, pieces: Pieces, num_top: int) -> None:
        """`num_top`: alternatives to report for each token."""
        self._pieces = pieces
        self._num_top = num_top
        self._logits: Logits | None = None

    def snapshot(self, logits: Logits) -> None:
        """Keep the logits of this place before anybody changes them."""
        if self._logits is None:
            self._logits = logits.copy()
        else:
            np.copyto(self._logits, logits)

    def record(self, token: int) -> TokenLogprob:
        """The chosen token's, from the last snapshot."""
        assert self._logits is not None
        logits = self._logits
        best = logits.max()
        total = best + np.log(np.exp(logits - best).sum())
        top: tuple[TokenLogprob, ...] = ()
        if count := min(self._num_top, len(logits)):
            likeliest = np.argpartition(logits, -count)[-count:]
            ranked = likeliest[np.argsort(-logits[likeliest], kind="stable")]
            top = tuple(self._item(int(one), logits[one] - total) for one in ranked)
        return self._item(token, logits[token] - total, top)

    def _item(
        self, token: int, logprob: np.float32, top: tuple[TokenLogprob, ...] = ()
    ) -> TokenLogprob:
        data = self._pieces.piece(token, visible=(token,))
        value = max(float(logprob), LEAST) if np.isfinite(logprob) else LEAST
        return TokenLogprob(data.decode("utf-8", "replace"), data, value, top)
