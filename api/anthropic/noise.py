"""What clients put into system prompts for somebody else, anew with each request. Pure."""

import re

_HEADER_LINE = re.compile(
    r"^[ \t]*x-anthropic-[a-z-]*header:[^\n]*\n?", re.IGNORECASE | re.MULTILINE
)


def without_noise(system: str) -> str:
    """A system prompt without billing and attribution headers.

    Claude Code writes a line with a number that differs from request to request in front of
    everything else. No model needs it, and with it no prefix would ever be found in the cache.
    """
    return _HEADER_LINE.sub("", system)
