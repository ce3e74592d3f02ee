"""How every dialect reports a prompt that had to be shortened."""

import msgspec

from engine.completion import Metrics


class PromptTruncated(msgspec.Struct):
    """What the model did not see because the prompt did not fit its context."""

    dropped_tokens: int
    dropped_messages: int


def prompt_truncated(metrics: Metrics) -> PromptTruncated | None:
    """None if the model saw everything."""
    if not metrics.dropped_tokens:
        return None
    return PromptTruncated(metrics.dropped_tokens, metrics.dropped_messages)
