"""The interactive session of `corral run`: reads, sends, shows. Main thread, terminal only."""

import itertools
import sys
from collections.abc import Sequence

from api.client.client import Client
from api.client.shapes import ChatBody, ChatMessage, ChatReply, GenerateBody
from app.cli.answer import AnswerPrinter, AnswerStyle, print_summary
from app.cli.repl import texts
from app.cli.repl.editor import LineEditor
from app.cli.repl.message import MessageBuffer
from app.cli.spinner import spinner
from app.settings import Settings


class Session:
    """One conversation with one model."""

    def __init__(
        self,
        client: Client,
        request: GenerateBody,
        style: AnswerStyle,
        settings: Settings,
        history: Sequence[ChatMessage],
    ) -> None:
        """`request` carries model and flags. `history` comes with the model: shown, not sent,
        because the server puts it in front of every chat itself."""
        self._client = client
        self._request = request
        self._style = style
        self._editor = LineEditor(keep_history=not settings.nohistory)
        self._buffer = MessageBuffer()
        self._model_messages = history
        self._messages: list[ChatMessage] = []

    def run(self) -> None:
        """Talk until the user leaves. Raises ClientError when the server fails."""
        self._show_model_messages()
        while True:
            try:
                line = self._editor.read(continues=self._buffer.is_open)
            except EOFError:
                print()
                return
            except KeyboardInterrupt:
                if not self._editor.abandoned_text and not self._buffer.is_open:
                    print(texts.EXIT_HINT)
                self._buffer.clear()
                continue
            if not self._buffer.is_open and line.startswith("/"):
                if self._is_farewell(line):
                    return
                self._obey(line)
                continue
            message = self._buffer.add(line)
            if message is not None and message.strip():
                self._send(message)

    def _is_farewell(self, line: str) -> bool:
        return line.startswith(("/bye", "/exit"))

    def _obey(self, line: str) -> None:
        if line.startswith("/clear"):
            self._messages.clear()
            print(texts.CLEARED)
        elif line.startswith(("/help", "/?")):
            topic = line.split()[1:2]
            shown = texts.SHORTCUTS if topic in (["shortcut"], ["shortcuts"]) else texts.HELP
            print(shown, file=sys.stderr)
        else:
            print(texts.unknown_command(line))

    def _send(self, text: str) -> None:
        """One turn. Ctrl+C keeps what was said so far and goes on."""
        question = ChatMessage(role="user", content=text)
        body = ChatBody(
            model=self._request.model,
            messages=[*self._messages, question],
            format=self._request.format,
            keep_alive=self._request.keep_alive,
            think=self._request.think,
        )
        printer = AnswerPrinter(self._style)
        last = ChatReply()
        try:
            with self._client.chat(body) as stream:
                with spinner():
                    first = next(stream)
                for reply in itertools.chain([first], stream):
                    message = reply.message
                    printer.write(content=message.content or "", thinking=message.thinking)
                    last = reply
        except KeyboardInterrupt:
            # The connection is closed by now, so the server has stopped working on it.
            pass
        printer.finish()
        if self._style.verbose and last.done:
            print_summary(last)
        if printer.content or printer.thinking:
            answer = ChatMessage(
                role="assistant", content=printer.content, thinking=printer.thinking
            )
            self._messages += [question, answer]

    def _show_model_messages(self) -> None:
        for message in self._model_messages:
            if message.role == "user":
                print(f"{texts.PROMPT}{message.content}")
            elif message.role == "assistant":
                printer = AnswerPrinter(self._style)
                printer.write(content=message.content or "", thinking=message.thinking)
                printer.finish()
