"""What the server is doing: requests in flight, ids, the access log, the last-resort handler.

`Activity` is the figure others look at (an idle background server ends itself); the middleware
keeps it. Event loop only, except for the two counters, which any thread may read.
"""

import asyncio
import itertools
import logging
import secrets
import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.server.errors import ClientGoneError, describe_error
from api.server.observation import Observer
from api.server.plain_answer import send_error

access_logger = logging.getLogger("corral.access")

CLIENT_GONE_STATUS = 499
STOPPING_TEXT = "server is shutting down"


class Activity:
    """Requests in flight."""

    def __init__(self) -> None:
        self.active_requests = 0
        self.last_activity = time.monotonic()
        """When the last request began or ended, by `time.monotonic()`."""
        self.is_stopping = False
        self._work: set[asyncio.Task[Any]] = set()

    def begin(self) -> None:
        """Count a request in."""
        self.active_requests += 1
        self.last_activity = time.monotonic()

    def end(self) -> None:
        """Count a request out."""
        self.active_requests -= 1
        self.last_activity = time.monotonic()

    def track(self, work: asyncio.Task[Any]) -> None:
        """`stop` cancels `work`, unless it is done by then."""
        self._work.add(work)
        work.add_done_callback(self._work.discard)
        if self.is_stopping:
            work.cancel()

    def stop(self) -> None:
        """Cancel all long work. Event loop only."""
        self.is_stopping = True
        for work in tuple(self._work):
            work.cancel()


class ActivityMiddleware:
    """Outermost of our own middleware."""

    def __init__(self, app: ASGIApp, activity: Activity, observer: Observer) -> None:
        self._app = app
        self._activity = activity
        self._observer = observer
        self._prefix = secrets.token_hex(4)
        self._numbers = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = f"{self._prefix}-{next(self._numbers)}"
        scope["state"]["request_id"] = request_id
        status = CLIENT_GONE_STATUS
        is_started = False

        async def send_noting_status(message: Message) -> None:
            nonlocal status, is_started
            if message["type"] == "http.response.start":
                status, is_started = message["status"], True
                tag = (b"x-request-id", request_id.encode())
                message = {**message, "headers": [*message.get("headers", []), tag]}
            await send(message)

        started = time.monotonic()
        self._activity.begin()
        self._observer.begin(scope, request_id)
        try:
            await self._app(scope, receive, send_noting_status)
        except ClientGoneError:
            status = CLIENT_GONE_STATUS
        except Exception as exc:  # noqa: BLE001 - the request border: whoever waits is answered
            code, text = describe_error(exc)
            if not is_started:
                await send_error(scope, send_noting_status, code, text)
        finally:
            self._observer.end(scope, status)
            self._activity.end()
            elapsed_ms = (time.monotonic() - started) * 1000
            access_logger.info(
                "%s %s %s %d %.1fms", request_id, scope["method"], scope["path"], status, elapsed_ms
            )
