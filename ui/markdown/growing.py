"""Markdown that arrives in pieces: what is finished is parsed once, only the tail again. Pure."""

from dataclasses import dataclass

from ui.markdown.blocks import Segment, cut


@dataclass(frozen=True)
class Change:
    """Segments from `first` on are these now; those before stay as they are."""

    first: int
    segments: tuple[Segment, ...]


class GrowingMarkdown:
    """The segments of one message while it streams in."""

    def __init__(self) -> None:
        self._source = ""
        self._num_frozen = 0
        self._tail_start = 0
        """Offset of the first character that may still be rendered differently."""

    @property
    def source(self) -> str:
        """All text so far."""
        return self._source

    def append(self, text: str) -> Change:
        """Take more text. The last segment is never final: a list may go on, a fence close."""
        self._source += text
        tail = self._source[self._tail_start :]
        cuts = cut(tail)
        change = Change(self._num_frozen, tuple(c.segment for c in cuts))
        lines = tail.split("\n")
        # Until its first line is complete, the last segment may yet join the one before:
        # "```x" opens a fence, "```x`" goes on with the paragraph.
        if len(cuts) > 1 and len(lines) > cuts[-1].line + 1:
            self._num_frozen += len(cuts) - 1
            self._tail_start += sum(len(line) + 1 for line in lines[: cuts[-1].line])
        return change

    def finish(self) -> Change:
        """Everything once more, so that link definitions at the end reach the text above."""
        self._num_frozen = self._tail_start = 0
        return Change(0, tuple(c.segment for c in cut(self._source)))
