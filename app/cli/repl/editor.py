"""The line editor of the interactive session, on prompt_toolkit. Needs a terminal."""

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.styles import Style

from app import paths
from app.cli.repl import texts
from app.cli.repl.history import LineHistory

_TAB = " " * 8
_GREY = Style.from_dict({"placeholder": "ansibrightblack"})


class LineEditor:
    """Reads one message at a time."""

    def __init__(self, keep_history: bool) -> None:
        """Without `keep_history` what is typed is forgotten with the session."""
        history: History = LineHistory(paths.history_file()) if keep_history else InMemoryHistory()
        self._session: PromptSession[str] = PromptSession(
            history=history,
            # Enter sends, by the binding below; lines that Ctrl+J or a paste bring in stay.
            multiline=True,
            prompt_continuation=texts.CONTINUATION,
            key_bindings=_bindings(),
            style=_GREY,
            enable_suspend=True,
        )

    def read(self, *, continues: bool = False) -> str:
        """The next line. Raises EOFError (Ctrl+D on an empty line), KeyboardInterrupt (Ctrl+C)."""
        text = texts.CONTINUATION_PLACEHOLDER if continues else texts.PLACEHOLDER

        def placeholder() -> FormattedText:
            # Not in the last drawing, which stays on the screen.
            return FormattedText([] if get_app().is_done else [("class:placeholder", text)])

        return self._session.prompt(
            texts.CONTINUATION if continues else texts.PROMPT, placeholder=placeholder
        )

    @property
    def abandoned_text(self) -> str:
        """What was on the line when Ctrl+C ended `read`."""
        return self._session.default_buffer.text


def _bindings() -> KeyBindings:
    bindings = KeyBindings()

    @bindings.add(Keys.Enter)
    def _send(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    @bindings.add(Keys.ControlJ)
    def _new_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    @bindings.add(Keys.Tab)
    def _indent(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text(_TAB)

    return bindings
