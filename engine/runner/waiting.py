"""Requests without a slot, and whose turn it is. Engine-loop thread only."""

from collections.abc import Iterator
from dataclasses import dataclass

from engine import frames
from engine.runner.constraint.protocol import TokenConstraint
from engine.runner.prompt import Prompt

AGEING_NS = 10_000_000_000
"""A request that has waited so much longer than another one makes up for one step of priority."""


@dataclass(eq=False)
class WaitingRequest:
    """A request that is fit to be served."""

    command: frames.Generate
    prompt: Prompt
    arrived_ns: int
    constraint: TokenConstraint | None = None
    is_compiling: bool = False
    """Its constraint is not there yet."""

    @property
    def urgency(self) -> int:
        """The smaller, the earlier. Fixed, and yet nobody starves: time passes for all alike."""
        return self.arrived_ns + self.command.priority * AGEING_NS

    def close(self) -> None:
        """It gets no slot."""
        if self.constraint is not None:
            self.constraint.close()


class WaitingLine:
    """All of them."""

    def __init__(self) -> None:
        self._requests: dict[int, WaitingRequest] = {}

    def __len__(self) -> int:
        return len(self._requests)

    def __iter__(self) -> Iterator[WaitingRequest]:
        return iter(self._requests.values())

    @property
    def is_ready(self) -> bool:
        """Somebody waits for a slot, not for a constraint."""
        return any(not request.is_compiling for request in self)

    def add(self, request: WaitingRequest) -> None:
        self._requests[request.command.request_id] = request

    def get(self, request_id: int) -> WaitingRequest | None:
        return self._requests.get(request_id)

    def remove(self, request: WaitingRequest) -> None:
        del self._requests[request.command.request_id]

    def in_order(self) -> list[WaitingRequest]:
        """All that are ready, the one whose turn it is first."""
        ready = [request for request in self if not request.is_compiling]
        return sorted(ready, key=lambda request: request.urgency)
