"""Where a prompt's state is worth keeping, for models whose memory can't be cut. Pure.

Recurrent layers and sliding windows know the end of a sequence only. A later prompt can go on
from a state if it begins with all tokens that went into it, so states are taken at places where
later prompts are likely to part from this one.
"""

EVERY = 2048
"""Tokens between the states of a long prompt that nothing is known about."""
_MIN_GAP = 64


def plan_checkpoints(start: int, length: int, branch: int) -> list[int]:
    """Lengths at which to keep the state of a prompt of `length` tokens that is evaluated from
    `start` on; ascending.

    `branch`: where another prompt parted from this one; a third will probably do so too. The
    last place is one short of the end, so that the same prompt can be answered again.
    """
    last = length - 1
    places = {place for place in range(EVERY, last, EVERY) if last - place >= _MIN_GAP}
    places |= {branch, last}
    return sorted(place for place in places if start < place <= last)
