"""How many prompt tokens a step may evaluate while streams run. Pure.

A step that serves streams should not take much longer than one without prompts, or they stutter;
nor should it be so short that the prompt's own progress is all overhead. What a token costs is
learned from the steps that were.
"""

TARGET_S = 0.15
"""No step that serves a stream should take longer."""
_SMOOTH_S = 0.04
"""Nobody notices gaps as short as this."""
_STRETCH = 2.5
"""How much longer a step with prompts may take than one without."""
_MIN_TOKENS = 3
"""With the token of one stream they fill a tile of four, which the kernels compute at once: on a
CPU (1B parameters, Q4_K_M, two threads) one token takes 17 ms, 4 take 41, 9 take 79."""
_FIRST_GUESS = 64
_MIN_SAMPLE = 4
_WEIGHT = 0.25


class PromptPacer:
    """Learned separately for each number of threads."""

    def __init__(self) -> None:
        self._decode_s: dict[tuple[int, int], float] = {}
        self._token_s: dict[int, float] = {}

    def learn(self, answers: int, prompts: int, threads: int, seconds: float) -> None:
        """A step with so many tokens of answers and of prompts took so long."""
        if not prompts:
            shape = (threads, answers)
            self._decode_s[shape] = _blend(self._decode_s.get(shape), seconds)
        elif prompts >= _MIN_SAMPLE:
            alone = self._decode_s.get((threads, answers), 0.0) if answers else 0.0
            token_s = max(seconds - alone, seconds / 4) / prompts
            self._token_s[threads] = _blend(self._token_s.get(threads), token_s)

    def budget(self, answers: int, threads: int) -> int:
        """Prompt tokens for a step that also evaluates `answers` tokens of running streams."""
        token_s = self._token_s.get(threads)
        if token_s is None:
            return _FIRST_GUESS
        alone = self._decode_s.get((threads, answers), 0.0)
        target = min(TARGET_S, max(_SMOOTH_S, _STRETCH * alone))
        return max(_MIN_TOKENS, int((target - alone) / token_s))


def _blend(before: float | None, value: float) -> float:
    # One hiccup must not count for much.
    return value if before is None else before + _WEIGHT * (min(value, 3 * before) - before)


def share_budget(wanted: list[int], budget: int) -> list[int]:
    """Split a budget over prompts, most urgent first: half for the first, the rest evenly."""
    shares = [0] * len(wanted)
    if not wanted:
        return shares
    shares[0] = min(wanted[0], budget if len(wanted) == 1 else (budget + 1) // 2)
    rest = budget - shares[0]
    for position in sorted(range(1, len(wanted)), key=wanted.__getitem__):
        open_shares = sum(1 for other in range(1, len(wanted)) if not shares[other])
        shares[position] = min(wanted[position], rest // open_shares)
        rest -= shares[position]
    for position, share in enumerate(shares):
        more = min(rest, wanted[position] - share)
        shares[position] += more
        rest -= more
    return shares
