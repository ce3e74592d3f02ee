"""Limits of single connections, which uvicorn leaves open: how many, from whom, how slow.

A mixin for uvicorn's protocol classes. A connection without a request in flight is either
sending a request head, and has `head_s` to finish it, or idle, which uvicorn ends itself.
"""

import asyncio
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from uvicorn.protocols.http.h11_impl import H11Protocol

from api.server.body import MAX_HEAD_BYTES


@dataclass(frozen=True)
class ConnectionLimits:
    """What one client may take."""

    head_s: float = 10.0
    """For a request head, counted from its first byte or from the connection's start."""
    max_connections: int = 1024
    max_per_peer: int = 256
    """From one address; this machine's own are only bound by the total."""


_BUSY = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"

if TYPE_CHECKING:
    _Base = H11Protocol
else:
    _Base = object


class LimitedConnection(_Base):
    """Put in front of a uvicorn protocol class."""

    limits = ConnectionLimits()

    _head_timer: asyncio.TimerHandle | None = None
    _num_head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self._is_crowded():
            transport.write(_BUSY)
            transport.close()
            return
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.is_closing():
            self._disarm()
        elif not self._is_between_requests():
            self._disarm()
        elif self._count_head_bytes(len(data)) > MAX_HEAD_BYTES:
            self.send_400_response("request header fields too large")
        elif self._head_timer is None:
            self._arm()

    def _is_between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _count_head_bytes(self, num_bytes: int) -> int:
        # The rest of a body that was refused (413) is no head. It is read and dropped, so that
        # the client gets to see the answer, for as long as a head may take.
        if self.cycle is None or not self.cycle.more_body:
            self._num_head_bytes += num_bytes
        return self._num_head_bytes

    def _arm(self) -> None:
        self._head_timer = self.loop.call_later(self.limits.head_s, self._give_up)

    def _disarm(self) -> None:
        self._num_head_bytes = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        self._head_timer = None
        if self._is_between_requests() and not self.transport.is_closing():
            self.transport.close()

    def _is_crowded(self) -> bool:
        connections = self.server_state.connections
        if len(connections) > self.limits.max_connections:
            return True
        # Everything on this machine is one peer; there only the total counts.
        if (
            self.client is None
            or ipaddress.ip_address(self.client[0].partition("%")[0]).is_loopback
        ):
            return False
        peers = [getattr(connection, "client", None) for connection in connections]
        return (
            sum(1 for peer in peers if peer and peer[0] == self.client[0])
            > self.limits.max_per_peer
        )
