"""What may have a say in a request's tokens: its constraint, its log-probabilities. Protocols.

`engine.runner.constraint` and `engine.runner.logprobs` implement them. Engine-loop thread only,
though a constraint may compute on threads of its own.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.frames import TokenLogprob

Logits = NDArray[np.float32]


class TokenConstraint(Protocol):
    """Says which tokens may come next."""

    @property
    def is_finished(self) -> bool:
        """Nothing may follow any more: the answer is complete."""

    def prepare(self) -> None:
        """A decode is about to start: begin to compute the next mask. Returns at once."""

    def apply(self, logits: Logits) -> None:
        """Set the logits of forbidden tokens to -inf, waiting for the mask if need be."""

    def accept(self, token: int) -> None:
        """A token goes into the output, sampled or forced; never an end token."""

    def forced(self) -> Sequence[int]:
        """Tokens that must follow what was accepted; each is handed to `accept` afterwards."""

    def close(self) -> None:
        """Free what it holds. Safe to call twice."""


class LogprobRecorder(Protocol):
    """Turns raw logits into log-probabilities of the token that was then chosen."""

    def snapshot(self, logits: Logits) -> None:
        """The logits before anybody changed them."""

    def record(self, token: int) -> TokenLogprob:
        """The chosen token's, from the last snapshot."""
