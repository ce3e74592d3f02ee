"""The queue of everything the engine loop has to hear of."""

import queue
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine import frames

if TYPE_CHECKING:  # it imports numpy, which is to be imported while the model is read
    from engine.runner.constraint.protocol import ConstraintError, TokenConstraint


@dataclass(frozen=True)
class Compiled:
    """What became of a waiting request's constraint."""

    request_id: int
    result: "TokenConstraint | ConstraintError"


Message = frames.Command | Compiled

Inbox = queue.SimpleQueue[tuple[Message, int]]
"""Messages with the monotonic time (ns) at which they arrived."""
