"""A model without a model: random logits, sampled as the engine loop does it."""

from dataclasses import dataclass, field

import numpy as np

from engine.runner.constraint.request import RequestConstraint
from engine.runner.llama import Vocabulary


@dataclass
class Output:
    """What came of a constraint."""

    tokens: list[int] = field(default_factory=list)
    text: str = ""
    ended: bool = False
    num_sampled: int = 0


def write(
    constraint: RequestConstraint,
    vocabulary: Vocabulary,
    seed: int,
    *,
    fast_forward: bool = True,
    ahead: bool = True,
    max_tokens: int = 4000,
    favour: dict[int, float] | None = None,
) -> Output:
    """Greedy over logits that depend on the seed and on the number of tokens so far.

    `favour`: tokens that are so much likelier. `ahead`: compute masks in their own thread.
    """
    output = Output()
    while len(output.tokens) < max_tokens and not output.ended:
        if ahead:
            constraint.start_mask()
        random = np.random.default_rng((seed, len(output.tokens)))
        logits = random.standard_normal(vocabulary.size, dtype=np.float32)
        for token, boost in (favour or {}).items():
            logits[token] += boost
        constraint.apply(logits)
        token = constraint.accept(int(logits.argmax()))
        output.num_sampled += 1
        if token in vocabulary.end_tokens:
            output.ended = True
            break
        output.tokens.append(token)
        if fast_forward:
            output.tokens += constraint.take_forced()
        output.ended = constraint.finished
    data = b"".join(vocabulary.piece(token, special=True) for token in output.tokens)
    output.text = data.decode("utf-8", "replace")
    constraint.close()
    return output
