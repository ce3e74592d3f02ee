"""What is noted about one request while it is served: times and numbers, never content.

Event loop only.
"""

import time
from typing import Any

from starlette.types import Scope

from api.server.figures import Figures
from api.server.request_log import RequestLog, RequestRecord
from api.server.timestamps import format_utc_ns
from engine.candidates import Indexed
from engine.completion import Delta, Done

_STATE_KEY = "observation"
MAX_NAME = 200
"""Characters of a model's name that are kept; longer ones exist only in bad requests."""


class Observation:
    """One request. What it counts goes into `figures` as it happens."""

    def __init__(self, figures: Figures, request_id: str) -> None:
        self._figures = figures
        self.request_id = request_id
        self.model = ""
        self.started_at_ns = time.time_ns()
        self.started = time.monotonic()
        self.first_token_s: float | None = None
        self.prompt_tokens = 0
        self.cached_tokens = 0
        self.generated_tokens = 0
        self.done_reason = ""
        self._last = 0.0

    def note(self, event: object) -> None:
        """An event of the answer is about to be sent."""
        if isinstance(event, Indexed):
            if event.index and isinstance(event.event, Delta):
                return  # of answers side by side, the first stands for the pace of all
            event = event.event
        if isinstance(event, Delta):
            now = time.monotonic()
            if self.first_token_s is None:
                self.first_token_s = now - self.started
                self._figures.first_token_s.add(self.first_token_s)
            else:
                self._figures.inter_token_s.add(now - self._last)
            self._last = now
        elif isinstance(event, Done):
            metrics = event.metrics
            self.done_reason = event.reason
            self.note_prompt(metrics.prompt_eval_count, metrics.cached_count)
            self.generated_tokens += metrics.eval_count
            self._figures.generated_tokens += metrics.eval_count

    def note_prompt(self, num_tokens: int, num_cached: int = 0) -> None:
        """The model has read so much."""
        self.prompt_tokens += num_tokens
        self.cached_tokens += num_cached
        self._figures.prompt_tokens += num_tokens
        self._figures.cached_tokens += num_cached


class Observer:
    """Begins and ends the observation of every request."""

    def __init__(self, figures: Figures, log: RequestLog) -> None:
        self._figures = figures
        self._log = log

    def begin(self, scope: Scope, request_id: str) -> None:
        """`observation_of(scope)` works from now on."""
        scope["state"][_STATE_KEY] = Observation(self._figures, request_id)

    def end(self, scope: Scope, status: int) -> None:
        """The request is answered, or given up."""
        observation = observation_of(scope)
        duration_s = time.monotonic() - observation.started
        # The route's pattern: paths that clients make up must not become series of their own.
        route = str(getattr(scope.get("route"), "path", ""))
        self._figures.requests[scope["method"] if route else "", route, status] += 1
        self._figures.duration_s.add(duration_s)
        if scope["method"] != "POST" or not route:
            return  # the others are questions about the server itself
        self._log.add(
            RequestRecord(
                id=observation.request_id,
                route=route,
                model=observation.model,
                started_at=format_utc_ns(observation.started_at_ns),
                duration_ms=_ms(duration_s),
                first_token_ms=None
                if observation.first_token_s is None
                else _ms(observation.first_token_s),
                prompt_tokens=observation.prompt_tokens,
                cached_tokens=observation.cached_tokens,
                generated_tokens=observation.generated_tokens,
                done_reason=observation.done_reason,
                status=status,
            )
        )


def observation_of(scope: Scope) -> Observation:
    """The observation that the outermost middleware has begun."""
    observation: Observation = scope["state"][_STATE_KEY]
    return observation


def note_model(scope: Scope, body: Any) -> None:  # noqa: ANN401 - any request body
    """Note which model a request body names, if it names one."""
    name = getattr(body, "model", "") or getattr(body, "name", "")
    observation_of(scope).model = str(name)[:MAX_NAME]


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
