"""Headers of weights files, read once per file and kept as long as the file does not change.

Thread-safe. Whole headers are large, so only the last few are kept; what a listing needs of each
is kept for all.
"""

import os
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from engine.library.errors import GGUFError
from engine.library.gguf import GGUFHeader, read_header

_MAX_HEADERS = 16
_MAX_SUMMARIES = 4096

_Key = tuple[str, int, int, int]


@dataclass(frozen=True)
class WeightsSummary:
    """What a listing needs of a weights file."""

    architecture: str = ""
    file_type: str = "unknown"
    parameter_count: int = 0
    context_length: int = 0
    embedding_length: int = 0
    chat_template: str | None = None
    has_pooling: bool = False
    has_vision: bool = False
    has_audio: bool = False
    projector_type: str = ""
    problem: str = ""
    """Why the header could not be read; nothing else is known then."""

    @classmethod
    def of(cls, header: GGUFHeader) -> "WeightsSummary":
        """The summary of a header."""
        return cls(
            architecture=header.architecture,
            file_type=header.file_type,
            parameter_count=header.parameter_count,
            context_length=header.number("context_length"),
            embedding_length=header.number("embedding_length"),
            chat_template=header.chat_template,
            has_pooling=header.get("pooling_type") is not None,
            has_vision=header.number("vision.block_count") > 0,
            has_audio=header.number("audio.block_count") > 0
            or header.get("has_audio_encoder") is True,
            projector_type=header.text("clip.projector_type"),
        )


class HeaderCache:
    """Headers and summaries by path."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._headers: OrderedDict[_Key, GGUFHeader] = OrderedDict()
        self._summaries: OrderedDict[_Key, WeightsSummary] = OrderedDict()

    def load(self, path: Path) -> GGUFHeader:
        """The header of a file. Raises GGUFError, also if the file cannot be read."""
        try:
            key = _key(path)
            with self._lock:
                if key in self._headers:
                    self._headers.move_to_end(key)
                    return self._headers[key]
            header = read_header(path)
        except OSError as exc:
            reason = os.strerror(exc.errno) if exc.errno else "it can't be read"
            raise GGUFError(f"the model's weights can't be read: {reason}") from exc
        with self._lock:
            self._headers[key] = header
            self._summaries[key] = WeightsSummary.of(header)
            _shrink(self._headers, _MAX_HEADERS)
            _shrink(self._summaries, _MAX_SUMMARIES)
        return header

    def load_summary(self, path: Path) -> WeightsSummary:
        """The summary of a file; of one that is damaged, with its `problem`."""
        try:
            key = _key(path)
        except OSError as exc:
            reason = os.strerror(exc.errno) if exc.errno else "it can't be read"
            return WeightsSummary(problem=f"the model's weights can't be read: {reason}")
        with self._lock:
            known = self._summaries.get(key)
        if known is not None:
            return known
        try:
            summary = WeightsSummary.of(self.load(path))
        except GGUFError as exc:
            summary = WeightsSummary(problem=str(exc))
        with self._lock:
            self._summaries[key] = summary
            _shrink(self._summaries, _MAX_SUMMARIES)
        return summary


def _key(path: Path) -> _Key:
    status = os.stat(path)
    return (str(path), status.st_size, status.st_mtime_ns, status.st_ino)


def _shrink(
    cache: "OrderedDict[_Key, GGUFHeader] | OrderedDict[_Key, WeightsSummary]", limit: int
) -> None:
    while len(cache) > limit:
        cache.popitem(last=False)
