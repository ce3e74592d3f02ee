"""What the engine loop calls on a constrained request. Types only.

The loop's part, for a request whose `Generate` carries a `Constraint`:

1. Before it can get a slot, its constraint is compiled: `ConstraintCompiler.submit(constraint,
   on_compiled)` returns at once and calls `on_compiled` in a thread of its own with a
   `TokenConstraint` or a `ConstraintError` (a `Failed` of kind "invalid", its text fit for the
   user). The loop does not wait for it: other requests run on.
2. Right before `llama_decode`: `start_mask()` of every constrained request in the batch whose
   logits are wanted. The mask is then computed while llama.cpp works.
3. With the logits, after log-probabilities were read, bias and penalties applied, and before
   the sampler narrows anything down: `apply(logits)`.
4. With the sampled token: `token = accept(token)`. Then `take_forced()`: tokens that follow
   without a choice, already accepted. Each of these and the sampled one goes through the
   penalties' and the text's books like any token; all of them go into the next batch in one
   piece (logits wanted for the last only). A loop that must see the logits of every token (it
   reports log-probabilities) does not call `take_forced`; the masks then leave the same tokens
   as the only choice, one by one.
5. When `finished` is true after that, the answer is complete: reason "stop", without an end
   token. Before that an end token can only be sampled where the text is a whole document.
6. `close()` when the request is over, however it ended.

`start_mask`, `apply`, `accept` and `take_forced` may raise `ConstraintError`: the grammar is too
costly at this place, or no token is left. It ends this request (a `Failed` of kind "invalid")
and no other.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.float32]


class ConstraintError(ValueError):
    """A constraint that cannot be honoured; the message is fit for the user."""


class TokenConstraint(Protocol):
    """The constraint of one request, in one state. Engine-loop thread only."""

    def start_mask(self) -> None:
        """Begin to compute which tokens may come next. Optional: `apply` does it if need be."""

    def apply(self, logits: Logits) -> None:
        """Set the logits of all tokens that may not come next to -inf."""

    def accept(self, token: int) -> int:
        """Take a sampled token. Returns the token to go on with."""

    def take_forced(self) -> list[int]:
        """Tokens that must come next, accepted; none where there is a choice."""

    @property
    def finished(self) -> bool:
        """Nothing can follow."""

    def close(self) -> None:
        """Safe to call twice."""
