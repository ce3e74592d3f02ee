"""How much prompt goes into a step."""

from hypothesis import given
from hypothesis import strategies as st

from engine.runner.pacing import TARGET_S, PromptPacer, share_budget


@given(st.lists(st.integers(0, 2000), max_size=6), st.integers(0, 2048))
def test_budget_is_used_up_and_never_exceeded(wanted: list[int], budget: int) -> None:
    shares = share_budget(wanted, budget)

    assert sum(shares) == min(budget, sum(wanted))
    assert all(0 <= share <= want for share, want in zip(shares, wanted, strict=True))


def test_most_urgent_prompt_gets_half_and_nobody_nothing() -> None:
    assert share_budget([1000, 1000, 1000], 400) == [200, 100, 100]
    assert share_budget([1000, 10, 1000], 400) == [200, 10, 190]
    assert share_budget([50, 1000], 400) == [50, 350]


def test_steps_beside_streams_keep_to_the_target() -> None:
    pacer = PromptPacer()
    decode_s, token_s = 0.05, 0.002
    steps = []
    for _ in range(60):
        pacer.learn(2, 0, 1, decode_s)
        prompts = pacer.budget(2, 1)
        steps.append(decode_s + prompts * token_s)
        pacer.learn(2, prompts, 1, steps[-1])

    assert all(step <= TARGET_S * 1.2 for step in steps[1:])
    assert steps[-1] > TARGET_S * 0.6


def test_one_hiccup_does_not_choke_the_prompt() -> None:
    pacer = PromptPacer()
    for _ in range(30):
        pacer.learn(1, 64, 2, 0.064)
    before = pacer.budget(1, 2)
    pacer.learn(1, 64, 2, 5.0)

    assert pacer.budget(1, 2) > before / 2


def test_each_number_of_threads_is_learned_by_itself() -> None:
    pacer = PromptPacer()
    for _ in range(30):
        pacer.learn(1, 64, 1, 0.128)
        pacer.learn(1, 64, 2, 0.064)

    assert 1.8 < pacer.budget(1, 2) / pacer.budget(1, 1) < 2.2
