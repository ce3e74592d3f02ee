"""How many threads each step runs with, as the machine's load changes. Engine-loop thread only.

ggml's threads meet at a barrier hundreds of times per token. When another process takes one of
their processors they all wait for the one that lost it: two threads then do a third of the work
of one. So there are never to be more threads than processors that nobody else uses. What others
use is read from the kernel, and tried out where that tells little: every now and then a few steps
run with one thread more or less, and the faster count wins.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Protocol

from engine.runner.machine_load import MachineLoad

_CHECK_S = 0.1
_CHECK_AT_ONCE_S = 0.03
_STALE_S = 1.0
"""A reading over a longer time says nothing about now."""
_HYSTERESIS = 0.15
_HICCUP = 2.0
"""A step so many times longer than usual is a reason to look at once."""
_FIRST_TRIAL_S = 0.5
_IDLE_TRIAL_S = 2.0
_MAX_TRIAL_S = 16.0
_TRIAL_STEPS = 4
_HISTORY = 8
_GAIN = 0.95
_GAIN_BESIDE_OTHERS = 0.8
"""More threads than free processors are a risk: they have to be worth it."""


@dataclass(frozen=True)
class ThreadSettings:
    """What is known about threads when a model is loaded."""

    fixed: int = 0
    """The user's choice; 0: none."""
    cores: int = 1
    """Processors that we may use."""
    decode: int = 1
    """Count to begin with for a few tokens."""
    prefill: int = 1
    """Most for many tokens."""


def choose_threads(settings: ThreadSettings) -> "FixedThreads | AdaptiveThreads":
    """Who decides from now on."""
    if settings.fixed > 0:
        return FixedThreads(settings.fixed)
    return AdaptiveThreads(settings, MachineLoad(), time.monotonic)


class Load(Protocol):
    """What is needed of a `MachineLoad`."""

    @property
    def age_s(self) -> float: ...
    def measure(self) -> float: ...


class FixedThreads:
    """The user has chosen."""

    def __init__(self, count: int) -> None:
        self._count = count

    def choose(self, answers: int, *, has_prompts: bool) -> int:
        """Threads for the next step."""
        del answers, has_prompts
        return self._count

    def learn(self, seconds: float) -> None:
        """How long that step took."""


class _Trial:
    """A few steps with another count."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.times: list[float] = []


class AdaptiveThreads:
    """Follows the machine. `choose` before each step, `learn` after it."""

    def __init__(self, settings: ThreadSettings, load: Load, clock: Callable[[], float]) -> None:
        self._cores = settings.cores
        self._best = settings.decode
        """The best count on an idle machine."""
        self._most_prefill = settings.prefill
        self._load = load
        self._clock = clock
        self._others = 0.0
        self._taken = 0
        """Processors that others use, rounded."""
        self._count = settings.decode
        self._hurry = False
        self._shape = 0
        self._history: list[float] = []
        self._trial: _Trial | None = None
        self._trial_at = clock() + _FIRST_TRIAL_S
        self._pause_s = _FIRST_TRIAL_S

    def choose(self, answers: int, *, has_prompts: bool) -> int:
        """Threads for a step that evaluates so many tokens of answers, and maybe of prompts."""
        self._look()
        if has_prompts:
            self._shape = 0
            return max(1, min(self._most_prefill, self._cores - self._taken))
        if answers != self._shape:
            self._shape = answers
            self._history.clear()
            self._trial = None
        if self._trial is None and self._clock() >= self._trial_at:
            self._start_trial()
        return self._trial.count if self._trial else self._count

    def learn(self, seconds: float) -> None:
        """How long that step took."""
        if not self._shape:
            return
        if self._trial is not None:
            self._trial.times.append(seconds)
            # One bad step is enough to know.
            is_bad = seconds > _HICCUP * median(self._history)
            if is_bad or len(self._trial.times) >= _TRIAL_STEPS:
                self._end_trial(self._trial)
            return
        history = self._history
        self._hurry = len(history) >= _HISTORY and seconds > _HICCUP * median(history)
        history.append(seconds)
        if len(history) > _HISTORY:
            del history[0]

    # --- what the kernel says ----------------------------------------------------------------

    def _look(self) -> None:
        age_s = self._load.age_s
        if age_s < (_CHECK_AT_ONCE_S if self._hurry else _CHECK_S):
            return
        self._hurry = False
        others = self._load.measure()
        if age_s > _STALE_S:
            return
        self._others += 0.6 * (others - self._others)
        taken = self._taken
        if self._others > taken + 0.5 + _HYSTERESIS or self._others < taken - 0.5 - _HYSTERESIS:
            self._taken = round(self._others)
            self._change(max(1, min(self._best, self._cores - self._taken)))
            self._pause_s = _FIRST_TRIAL_S
            self._trial_at = self._clock() + self._pause_s

    def _change(self, count: int) -> None:
        self._count = count
        self._history.clear()
        self._trial = None

    # --- what the steps say ------------------------------------------------------------------

    def _start_trial(self) -> None:
        if len(self._history) < _HISTORY:
            return
        # Where nobody else is busy fewer threads may do as well, and the other way round.
        fair = max(1, self._cores - self._taken)
        more = self._count < fair or (self._count == fair and (self._taken or fair == 1))
        if not (more or self._taken) and self._pause_s < _IDLE_TRIAL_S:
            # Nobody else seems to want the processors: fewer threads are hardly ever better.
            self._pause_s = _IDLE_TRIAL_S
            self._trial_at = self._clock() + self._pause_s
            return
        count = self._count + (1 if more else -1)
        if 1 <= count <= self._cores and count != self._count:
            self._trial = _Trial(count)
        else:
            self._trial_at = self._clock() + self._pause_s

    def _end_trial(self, trial: _Trial) -> None:
        # The first step paid for waking threads up, or for putting them to sleep.
        gain = _GAIN_BESIDE_OTHERS if trial.count > self._cores - self._taken else _GAIN
        is_whole = len(trial.times) >= _TRIAL_STEPS
        if is_whole and max(trial.times[1:]) < gain * median(self._history):
            self._change(trial.count)
            if not self._taken:
                self._best = trial.count
            self._pause_s = _FIRST_TRIAL_S
        else:
            self._trial = None
            self._pause_s = min(_MAX_TRIAL_S, 2 * self._pause_s)
        self._trial_at = self._clock() + self._pause_s
