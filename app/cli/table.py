"""Plain tables: left aligned, four spaces after every cell, long cells wrapped. Pure."""

import unicodedata
from collections.abc import Sequence

GAP = "    "
DEFAULT_CELL_WIDTH = 30


def text_width(text: str) -> int:
    """Columns that a terminal needs for the text."""
    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.combining(character)
        else 2
        if unicodedata.east_asian_width(character) in "WF"
        else 1
        for character in text
    )


def format_table(rows: Sequence[Sequence[str]], cell_width: int = DEFAULT_CELL_WIDTH) -> str:
    """The lines of the table, each with its newline. Words longer than a cell are kept whole."""
    columns = max((len(row) for row in rows), default=0)
    wrapped = [
        [_wrap(cell, cell_width) for cell in (*row, *[""] * (columns - len(row)))] for row in rows
    ]
    widths = [
        max((text_width(line) for row in wrapped for line in row[column]), default=0)
        for column in range(columns)
    ]
    lines = []
    for row in wrapped:
        for index in range(max((len(cell) for cell in row), default=1)):
            parts = (cell[index] if index < len(cell) else "" for cell in row)
            lines.append(
                "".join(_pad(part, width) for part, width in zip(parts, widths, strict=True))
            )
    return "".join(f"{line}\n" for line in lines)


def _pad(text: str, width: int) -> str:
    return text + " " * (width - text_width(text)) + GAP


def _wrap(text: str, limit: int) -> list[str]:
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split():
            candidate = f"{line} {word}" if line else word
            if line and text_width(candidate) > limit:
                lines.append(line)
                candidate = word
            line = candidate
        lines.append(line)
    return lines
