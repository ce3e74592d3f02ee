"""A message as it is typed: one line, or several between triple quotes. Pure."""

_QUOTES = '"""'


class MessageBuffer:
    """Collects lines until they make a message."""

    def __init__(self) -> None:
        self._lines: list[str] | None = None

    @property
    def is_open(self) -> bool:
        """Whether a multi-line message waits for its end."""
        return self._lines is not None

    def clear(self) -> None:
        """Forget what was collected."""
        self._lines = None

    def add(self, line: str) -> str | None:
        """The message that this line completes, or None when more is to come."""
        if self._lines is None:
            if not line.startswith(_QUOTES):
                return line
            self._lines = []
            line = line.removeprefix(_QUOTES)
            if not line:
                return None
        if not line.endswith(_QUOTES):
            self._lines.append(line)
            return None
        message = "\n".join([*self._lines, line.removesuffix(_QUOTES)])
        self._lines = None
        return message
