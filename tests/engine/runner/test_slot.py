"""Which slot a prompt gets."""

from collections.abc import Iterator

import pytest

from engine.runner.llama import (
    AbortFlag,
    Context,
    ContextSettings,
    Model,
    ModelSettings,
    start_backend,
)
from engine.runner.slot import SlotTable
from tests.conftest import TINY_MODEL


@pytest.fixture
def table() -> Iterator[SlotTable]:
    start_backend()
    model = Model(ModelSettings(str(TINY_MODEL)), lambda progress: True)
    context = Context(model, ContextSettings(256, 3, 64, 1), AbortFlag())
    yield SlotTable(context, 3, 64)
    context.close()
    model.close()


def test_longest_prefix_wins_over_age(table: SlotTable) -> None:
    for used_at, (slot, held) in enumerate(
        zip(table.slots, ([1, 2, 3, 4], [1, 2, 3, 4, 5, 6], [9]), strict=True), start=1
    ):
        slot.tokens, slot.used_at = held, used_at

    assert table.find_idle([1, 2, 3, 4, 5, 7]) is table.slots[1]
    assert table.find_idle([1, 2, 3, 9]) is table.slots[0]
    assert table.find_idle([9, 9]) is table.slots[2]
    assert table.find_idle([8]) is table.slots[0]


def test_a_short_shared_start_does_not_cost_another_its_memory(table: SlotTable) -> None:
    first = table.slots[0]
    first.tokens, first.used_at = list(range(50)), 5

    assert table.find_idle([0, 1, 2, *range(100, 127)]) is table.slots[1]  # 3 of 30: a tenth
    assert table.find_idle([0, 1, 2, *range(100, 126)]) is first  # 3 of 29: more
