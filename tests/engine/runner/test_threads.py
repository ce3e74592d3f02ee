"""Thread counts on an imagined machine: what a step takes depends on who else is busy."""

from dataclasses import dataclass, field

import pytest

from engine.runner.threads import AdaptiveThreads, FixedThreads, ThreadSettings, choose_threads

IDLE_S = {1: 0.0043, 2: 0.0037}
BUSY_S = {1: 0.005, 2: 0.030}
"""As measured on two cores: two threads beside a busy process wait for each other."""


@dataclass
class Machine:
    """A clock, a load and a model."""

    now: float = 0.0
    others: float = 0.0
    read_at: float = 0.0
    counts: list[int] = field(default_factory=list)

    @property
    def age_s(self) -> float:
        return self.now - self.read_at

    def measure(self) -> float:
        self.read_at = self.now
        return self.others

    def run(self, threads: AdaptiveThreads, seconds: float, answers: int = 1) -> float:
        """Decode for so long; returns steps per second."""
        end, steps = self.now + seconds, 0
        start = self.now
        self.counts.clear()
        while self.now < end:
            count = threads.choose(answers, has_prompts=False)
            step_s = (BUSY_S if self.others > 0.5 else IDLE_S)[count]
            self.counts.append(count)
            self.now += step_s
            threads.learn(step_s)
            steps += 1
        return steps / (self.now - start)


def two_cores(machine: Machine) -> AdaptiveThreads:
    settings = ThreadSettings(cores=2, decode=2, prefill=2)
    return AdaptiveThreads(settings, machine, lambda: machine.now)


def test_all_cores_work_on_an_idle_machine() -> None:
    machine = Machine()

    speed = machine.run(two_cores(machine), 30)

    assert speed > 0.99 / IDLE_S[2]


def test_one_core_is_left_to_a_busy_process() -> None:
    machine = Machine()
    threads = two_cores(machine)
    machine.run(threads, 5)
    machine.others = 1.0

    first = machine.run(threads, 1)
    later = machine.run(threads, 30)

    assert first > 0.6 / BUSY_S[1]
    assert later > 0.95 / BUSY_S[1]


def test_cores_come_back_when_the_process_ends() -> None:
    machine = Machine(others=1.0)
    threads = two_cores(machine)
    machine.run(threads, 20)
    machine.others = 0.0

    machine.run(threads, 1)

    assert machine.run(threads, 20) > 0.98 / IDLE_S[2]


def test_steps_tell_what_the_load_does_not() -> None:
    """A container's kernel may not say that another one uses the processor."""
    machine = Machine()
    threads = two_cores(machine)
    slow = dict(BUSY_S)
    idle = dict(IDLE_S)
    IDLE_S.update(slow)
    try:
        machine.run(threads, 3)
        assert machine.run(threads, 30) > 0.95 / slow[1]
    finally:
        IDLE_S.update(idle)


def test_an_old_reading_is_not_believed() -> None:
    machine = Machine()
    threads = two_cores(machine)
    machine.run(threads, 1)
    # Nothing to do for a minute, while somebody else was busy.
    machine.now += 60
    machine.others = 1.0
    assert threads.choose(1, has_prompts=True) == 2

    machine.others = 0.0
    machine.run(threads, 1)

    assert machine.counts.count(1) <= 4  # one trial


def test_prompts_use_what_others_leave() -> None:
    machine = Machine()
    settings = ThreadSettings(cores=8, decode=2, prefill=8)
    threads = AdaptiveThreads(settings, machine, lambda: machine.now)
    assert threads.choose(1, has_prompts=True) == 8

    machine.others = 3.0
    for _ in range(10):
        machine.now += 0.2
        count = threads.choose(1, has_prompts=True)

    assert count == 5


def test_the_users_number_wins() -> None:
    threads = choose_threads(ThreadSettings(fixed=3, cores=2, decode=2, prefill=2))

    assert isinstance(threads, FixedThreads)
    assert threads.choose(1, has_prompts=False) == threads.choose(4, has_prompts=True) == 3


def test_a_trial_that_won_by_luck_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(others=1.0)
    threads = two_cores(machine)
    with monkeypatch.context() as lucky:
        lucky.setitem(BUSY_S, 2, 0.003)
        machine.run(threads, 20)
        assert machine.counts[-1] == 2

    machine.run(threads, 20)

    assert machine.run(threads, 10) > 0.95 / BUSY_S[1]
