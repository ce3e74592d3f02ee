"""How a streamed answer looks in the terminal: thinking, word wrap, the summary after it."""

import shutil
import sys
from dataclasses import dataclass

from api.client.shapes import ChatReply, GenerateReply
from app.cli.wordwrap import WordWrap
from app.durations import format_duration

_GREY = "\x1b[38;5;245m"
_BOLD = "\x1b[1m"
_RESET = "\x1b[0m"
_OPENING = "Thinking...\n"
_CLOSING = "...done thinking.\n\n"
_NS_PER_S = 1_000_000_000


@dataclass(frozen=True)
class AnswerStyle:
    """What the user chose for the display."""

    wordwrap: bool = True
    """Only ever done on a terminal."""
    hide_thinking: bool = False
    verbose: bool = False


class AnswerPrinter:
    """Writes one answer to standard output as it comes, and remembers it."""

    def __init__(self, style: AnswerStyle) -> None:
        self._style = style
        self._plain = not sys.stdout.isatty()
        self._wrap = self._fresh_wrap()
        self._thinks = False
        self.content = ""
        self.thinking = ""

    def write(self, *, content: str, thinking: str) -> None:
        """Show the next piece."""
        if thinking:
            self.thinking += thinking
            if not self._style.hide_thinking:
                self._open_thinking()
                self._write(thinking)
        if content:
            self._close_thinking()
            self.content += content
            self._write(content)

    def finish(self) -> None:
        """End the answer, also one that was cut short."""
        self._close_thinking()
        print("\n", flush=True)

    def _open_thinking(self) -> None:
        if not self._thinks:
            self._thinks = True
            print(_OPENING if self._plain else f"{_GREY}{_BOLD}{_OPENING}{_RESET}{_GREY}", end="")

    def _close_thinking(self) -> None:
        if not self._thinks:
            return
        self._thinks = False
        if not self.thinking.endswith("\n"):
            print()
        print(_CLOSING if self._plain else f"{_GREY}{_BOLD}{_CLOSING}{_RESET}", end="", flush=True)
        self._wrap = self._fresh_wrap()

    def _write(self, text: str) -> None:
        shown = text if self._wrap is None else self._wrap.feed(text)
        print(shown, end="", flush=True)

    def _fresh_wrap(self) -> WordWrap | None:
        if self._plain or not self._style.wordwrap:
            return None
        return WordWrap(shutil.get_terminal_size().columns)


def print_summary(reply: ChatReply | GenerateReply) -> None:
    """The numbers of an answer, on standard error (--verbose). What is zero is left out."""
    lines = [
        _duration_line("total duration:", reply.total_duration),
        _duration_line("load duration:", reply.load_duration),
        *_phase_lines("prompt eval", reply.prompt_eval_count, reply.prompt_eval_duration),
        *_phase_lines("eval", reply.eval_count, reply.eval_duration),
    ]
    for line in lines:
        if line:
            print(line, file=sys.stderr)


def _duration_line(label: str, nanoseconds: int) -> str:
    return f"{label:<21} {format_duration(nanoseconds)}" if nanoseconds > 0 else ""


def _phase_lines(phase: str, count: int, nanoseconds: int) -> list[str]:
    lines = []
    if count > 0:
        lines.append(f"{phase + ' count:':<21} {count} token(s)")
    if nanoseconds > 0:
        rate = count / (nanoseconds / _NS_PER_S)
        lines.append(_duration_line(f"{phase} duration:", nanoseconds))
        lines.append(f"{phase + ' rate:':<21} {rate:.2f} tokens/s")
    return lines
