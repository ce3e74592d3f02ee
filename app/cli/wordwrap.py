"""Word wrap of text that arrives in pieces. Pure: text in, text with terminal escapes out."""

from app.cli.table import text_width

MARGIN = 5
"""Columns kept free at the right."""


class WordWrap:
    """Prints characters as they come; a word that does not fit is taken back and moved down."""

    def __init__(self, columns: int) -> None:
        self._limit = max(columns - MARGIN, 1)
        self._column = 0
        self._word = ""

    def feed(self, text: str) -> str:
        """What to write to the terminal for the next piece of text."""
        return "".join(self._place(character) for character in text)

    def _place(self, character: str) -> str:
        if character == "\n":
            self._column, self._word = 0, ""
            return character
        width = text_width(character)
        if self._column + width <= self._limit:
            self._column += width
            self._word = "" if character in " \t" else self._word + character
            return character
        if character in " \t":  # the line break takes the place of the space
            self._column, self._word = 0, ""
            return "\n"
        moved = self._word
        moved_width = text_width(moved)
        if moved_width >= self._limit:  # longer than a line: break it where it is
            moved, moved_width = "", 0
        self._word = moved + character
        self._column = moved_width + width
        back = f"\x1b[{moved_width}D" if moved_width else ""
        return f"{back}\x1b[K\n{moved}{character}"
