"""Ends a server that nobody needs any more (CORRAL_IDLE_EXIT). A thread of `corral serve`."""

import logging
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from api.client.client import Client
from api.client.errors import ClientError

_LOG = logging.getLogger("corral.idle")
_MAX_POLL_S = 5.0


class ServerActivity(Protocol):
    """What the server tells about its requests (`app.state.activity`)."""

    active_requests: int
    last_activity: float
    """By `time.monotonic()`."""


@contextmanager
def idle_exit(activity: ServerActivity, url: str, limit_s: float) -> Iterator[None]:
    """While the block serves: interrupt the process after `limit_s` without request and model.

    A model that is to stay loaded for ever keeps its server. Infinity: never.
    """
    if limit_s == float("inf"):
        yield
        return
    stopped = threading.Event()
    watch = threading.Thread(
        target=_watch, args=(activity, url, limit_s, stopped), name="idle-exit", daemon=True
    )
    watch.start()
    try:
        yield
    finally:
        stopped.set()
        watch.join()


def _watch(activity: ServerActivity, url: str, limit_s: float, stopped: threading.Event) -> None:
    while True:
        idle_s = time.monotonic() - activity.last_activity
        rest_s = limit_s if activity.active_requests else limit_s - idle_s
        if rest_s <= 0:
            if not _has_models(url):
                _LOG.info("nothing to do for %g s: exiting", limit_s)
                # The handler of the server's main thread, so that it ends as by Ctrl+C.
                signal.raise_signal(signal.SIGINT)
                return
            rest_s = limit_s  # asking was a request: the clock starts again
        if stopped.wait(min(rest_s, _MAX_POLL_S)):
            return


def _has_models(url: str) -> bool:
    with Client(url) as client:
        try:
            return bool(client.running_models())
        except ClientError as exc:
            _LOG.warning("could not ask for the loaded models: %s", exc)
            return True
