"""From tokens to text, piece by piece: UTF-8, hidden control tokens, stop strings. Pure.

A `TextStream` belongs to one request. It never emits half a character, nor text that may turn
out to be the start of a stop string.
"""

import codecs
from collections.abc import Collection, Sequence
from typing import Protocol


class PieceSource(Protocol):
    """What `Pieces` needs of a vocabulary."""

    def piece(self, token: int, *, special: bool) -> bytes: ...
    def is_control(self, token: int) -> bool: ...
    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]: ...


class Pieces:
    """The bytes of every token seen so far. One per model, shared by all requests."""

    def __init__(self, source: PieceSource) -> None:
        self._source = source
        self._plain: dict[int, bytes] = {}
        self._special: dict[int, bytes] = {}

    def piece(self, token: int, *, visible: Collection[int] = ()) -> bytes:
        """A token's bytes. Control tokens are empty unless they are in `visible`."""
        special = token in visible
        known = self._special if special else self._plain
        data = known.get(token)
        if data is None:
            data = known[token] = self._source.piece(token, special=special)
        return data

    def find_control_tokens(self, texts: Sequence[str]) -> frozenset[int]:
        """Those of the texts that are the spelling of exactly one control token."""
        found = set()
        for text in texts:
            tokens = self._source.tokenize(text, add_special=False, parse_special=True)
            if len(tokens) == 1 and self._source.is_control(tokens[0]):
                found.add(tokens[0])
        return frozenset(found)

    def join(self, tokens: Sequence[int]) -> str:
        """The text of tokens, control tokens included."""
        data = b"".join(self.piece(token, visible=(token,)) for token in tokens)
        return data.decode("utf-8", "replace")


class StopMatcher:
    """Finds the first stop string to be completed, however the text is cut into pieces.

    Of several that end at the same character the longest counts. Holds back what may become one.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(dict.fromkeys(stop for stop in stops if stop))
        self._prefixes = {stop[:end] for stop in self._stops for end in range(1, len(stop))}
        self._firsts = {stop[0] for stop in self._stops}
        self._longest = max((len(stop) for stop in self._stops), default=0)
        self._held = ""

    def feed(self, text: str) -> tuple[str, bool]:
        """Text that may go out now, and whether a stop string was found. Not to be called again
        after one was."""
        if not self._stops:
            return text, False
        text = self._held + text
        start = self._find(text)
        if start >= 0:
            self._held = ""
            return text[:start], True
        cut = self._hold_from(text)
        self._held = text[cut:]
        return text[:cut], False

    def finish(self) -> str:
        """What was held back in vain."""
        held, self._held = self._held, ""
        return held

    def _find(self, text: str) -> int:
        """Where the stop string that ends first begins, or -1."""
        best = (len(text) + 1, 0)
        for stop in self._stops:
            # A match that ends later than the best so far is of no interest.
            start = text.find(stop, 0, best[0])
            if start >= 0:
                best = min(best, (start + len(stop), start))
        return best[1] if best[0] <= len(text) else -1

    def _hold_from(self, text: str) -> int:
        for start in range(max(0, len(text) - self._longest + 1), len(text)):
            if text[start] in self._firsts and text[start:] in self._prefixes:
                return start
        return len(text)


class TextStream:
    """The text of one request."""

    def __init__(self, pieces: Pieces, stops: Sequence[str], visible: Sequence[str]) -> None:
        self._pieces = pieces
        self._visible = pieces.find_control_tokens(visible)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._matcher = StopMatcher(stops)

    def feed(self, token: int) -> tuple[str, bool]:
        """New text, and whether a stop string ended it. Not to be called again after that."""
        text = self._decoder.decode(self._pieces.piece(token, visible=self._visible))
        return self._matcher.feed(text) if text else ("", False)

    def finish(self) -> str:
        """The rest: text held back in vain, and U+FFFD for a character that never ended."""
        text, stopped = self._matcher.feed(self._decoder.decode(b"", True))
        return text if stopped else text + self._matcher.finish()
