"""When a request drafts, how much, and how it gives up."""

from itertools import pairwise

from engine.runner.speculation.drafting import (
    FIRST_DRAFT,
    MATCH,
    MAX_DRAFT,
    MIN_DRAFT,
    Drafter,
)

TEXT = list(range(1000, 1200))


def test_drafts_the_passage_that_is_being_repeated() -> None:
    drafter = Drafter(TEXT)

    assert drafter.draft([], MAX_DRAFT) == ()
    assert drafter.draft(TEXT[: MATCH - 1], MAX_DRAFT) == ()
    assert drafter.draft(TEXT[:MATCH], MAX_DRAFT) == TEXT[MATCH : MATCH + FIRST_DRAFT]


def test_repetition_without_end_is_drafted_beyond_what_is_known() -> None:
    drafter = Drafter([])
    output = [1, 2, 3] * 8

    draft = list(drafter.draft(output, MAX_DRAFT))

    assert draft == ([1, 2, 3] * MAX_DRAFT)[: len(draft)]
    assert len(draft) == FIRST_DRAFT


def test_drafts_grow_as_they_come_true() -> None:
    drafter = Drafter(TEXT)
    output = TEXT[:MATCH]
    sizes = []
    for _ in range(4):
        draft = list(drafter.draft(output, MAX_DRAFT))
        sizes.append(len(draft))
        output = output + draft
        drafter.learn(len(draft), len(draft), len(output))

    assert sizes[0] == FIRST_DRAFT
    assert sizes == sorted(sizes)
    assert sizes[-1] == MAX_DRAFT


def test_wrong_drafts_are_given_up_for_longer_and_longer() -> None:
    drafter = Drafter([])
    output = [1, 2, 3] * 8
    drafted_at = []
    while len(output) < 1000:
        draft = drafter.draft(output, MAX_DRAFT)
        if draft:
            drafted_at.append(len(output))
            drafter.learn(len(draft), 0, len(output))
        output = [*output, output[-3]]
    pauses = [late - early for early, late in pairwise(drafted_at)]

    assert pauses == sorted(pauses)
    assert pauses[-1] >= 4 * pauses[0]
    assert len(drafted_at) < 10


def test_short_drafts_are_not_worth_a_step() -> None:
    drafter = Drafter(TEXT)

    assert drafter.draft(TEXT[:MATCH], MIN_DRAFT - 1) == ()
    assert len(drafter.draft(TEXT[:MATCH], MIN_DRAFT)) == MIN_DRAFT
