"""What records a request's log-probabilities, as the sampler sees it. Types only.

The other hook of a request is `engine.runner.constraint.protocol`.
"""

from typing import Protocol

from engine.frames import TokenLogprob
from engine.runner.constraint.protocol import Logits


class LogprobRecorder(Protocol):
    """Turns raw logits into log-probabilities of the token that was then chosen. Engine-loop
    thread only."""

    def snapshot(self, logits: Logits) -> None:
        """The logits before anybody changed them."""

    def record(self, token: int) -> TokenLogprob:
        """The chosen token's, from the last snapshot."""
