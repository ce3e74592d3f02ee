"""When a request drafts, how much, and how it gives up."""

from itertools import pairwise

from engine.runner.speculation.drafting import (
    MATCH,
    MAX_DRAFT,
    MIN_DRAFT,
    SIZES,
    Drafter,
)

TEXT = list(range(1000, 1200))


def test_drafts_the_passage_that_is_being_repeated() -> None:
    drafter = Drafter(TEXT)

    assert drafter.draft([], MAX_DRAFT) == ()
    assert drafter.draft(TEXT[: MATCH - 1], MAX_DRAFT) == ()
    assert drafter.draft(TEXT[:MATCH], MAX_DRAFT) == TEXT[MATCH : MATCH + SIZES[0]]


def test_repetition_without_end_is_drafted_beyond_what_is_known() -> None:
    drafter = Drafter([])
    output = [1, 2, 3] * 8

    draft = list(drafter.draft(output, MAX_DRAFT))

    assert draft == ([1, 2, 3] * MAX_DRAFT)[: len(draft)]
    assert len(draft) == SIZES[0]


def test_drafts_grow_as_they_come_true() -> None:
    drafter = Drafter(TEXT)
    output = TEXT[:MATCH]
    sizes = []
    for _ in range(4):
        draft = list(drafter.draft(output, MAX_DRAFT))
        sizes.append(len(draft))
        output = output + draft
        drafter.learn(len(draft), len(draft), len(output))

    assert sizes[0] == SIZES[0]
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


COSTS_MS = {1: 4.0, 16: 30.0, 32: 52.0, 64: 77.0}
"""Of a batch, measured: 100M parameters, Q4_K_M, one thread."""


def cost_ms(num_tokens: int) -> float:
    sizes = list(COSTS_MS)
    for low, high in pairwise(sizes):
        if low <= num_tokens <= high:
            share = (num_tokens - low) / (high - low)
            return COSTS_MS[low] + share * (COSTS_MS[high] - COSTS_MS[low])
    raise ValueError(num_tokens)


def speedup(prompt: list[int], output: list[int]) -> float:
    """Of an answer that turns out to be `output`, over one token per step."""
    drafter = Drafter(prompt)
    done, spent_ms = 1, 0.0
    while done < len(output):
        draft = list(drafter.draft(output[:done], MAX_DRAFT))
        spent_ms += cost_ms(1 + len(draft))
        rest = output[done:]
        same = 0
        while same < min(len(draft), len(rest)) and draft[same] == rest[same]:
            same += 1
        done += same + 1
        if draft:
            drafter.learn(len(draft), same, done)
    return COSTS_MS[1] * len(output) / spent_ms


def test_editing_a_text_pays() -> None:
    text = list(range(5000, 5400))
    edited = [*text[:130], 1, 2, 3, *text[132:290], *text[296:]]

    assert speedup([7, 8, *text, 9], text) > 2.5
    assert speedup([7, 8, *text, 9], edited) > 1.6


def test_rows_that_only_begin_alike_cost_little() -> None:
    rows = [
        token
        for row in range(40)
        for token in (*range(100, 100 + MATCH + 1), 9000 + row, 9500 + row)
    ]

    assert speedup([1], rows) > 0.9
