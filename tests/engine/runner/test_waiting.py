"""Whose turn it is."""

from engine import frames
from engine.runner.prompt import Prompt
from engine.runner.waiting import AGEING_NS, WaitingLine, WaitingRequest


def waiting(request_id: int, priority: frames.Priority, arrived_ns: int) -> WaitingRequest:
    command = frames.Generate(request_id, "", priority=priority)
    return WaitingRequest(command, Prompt([1]), arrived_ns)


def order(line: WaitingLine) -> list[int]:
    return [request.command.request_id for request in line.in_order()]


def test_window_comes_before_clients_and_clients_before_background() -> None:
    line = WaitingLine()
    for request_id, priority in ((1, 2), (2, 1), (3, 0), (4, 1)):
        line.add(waiting(request_id, priority, arrived_ns=request_id))  # type: ignore[arg-type]

    assert order(line) == [3, 2, 4, 1]


def test_nobody_waits_for_ever() -> None:
    line = WaitingLine()
    line.add(waiting(1, 2, arrived_ns=0))
    for number in range(5):
        line.add(waiting(2 + number, 0, arrived_ns=number * AGEING_NS))

    assert order(line).index(1) == 2


def test_a_request_without_its_constraint_lets_others_pass() -> None:
    line = WaitingLine()
    first = waiting(1, 1, arrived_ns=0)
    first.is_compiling = True
    line.add(first)
    assert not line.is_ready

    line.add(waiting(2, 1, arrived_ns=1))
    assert order(line) == [2]

    first.is_compiling = False
    assert order(line) == [1, 2]
