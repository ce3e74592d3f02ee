"""One answer as it streams in: read in a worker thread, handed to the UI thread as values."""

import threading
import time
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from api.client.client import Client
from api.client.errors import ClientError
from api.client.shapes import ChatBody, ChatReply
from api.client.stream import Stream


@dataclass(frozen=True)
class AnswerPart:
    """Some more of the answer."""

    content: str
    thinking: str


@dataclass(frozen=True)
class AnswerEnd:
    """The answer is over. `error` is empty when it went well; `stopped`: the user ended it."""

    error: str = ""
    stopped: bool = False
    reason: str = ""
    tokens: int = 0
    generate_s: float = 0.0


class AnswerStream(QObject):
    """Asks once and reports. Start it, then `stop` it or wait for `ended`.

    received(AnswerPart): in order, never empty. ended(AnswerEnd): exactly once, last.
    """

    received = Signal(object)
    ended = Signal(object)

    def __init__(self, client: Client, body: ChatBody) -> None:
        super().__init__()
        self._stream: Stream[ChatReply] = client.chat(body)
        self._stopped = threading.Event()
        # Not a pool thread: an answer may take minutes, and the pool is small.
        self._thread = threading.Thread(target=self._read, name="answer", daemon=True)

    def start(self) -> None:
        """Send the request."""
        self._thread.start()

    def stop(self) -> None:
        """End it early; the server frees the model's slot at once. Does not wait."""
        self._stopped.set()
        self._stream.close()

    def wait(self, timeout_s: float) -> bool:
        """Whether the worker has ended within this time."""
        deadline = time.monotonic() + timeout_s
        self._thread.join(max(0.0, deadline - time.monotonic()))
        return not self._thread.is_alive()

    def _read(self) -> None:
        try:
            end = self._follow()
        except ClientError as exc:
            end = AnswerEnd(error=str(exc))
        except Exception as exc:  # noqa: BLE001  # thread entry: whoever waits gets an end
            end = AnswerEnd(error=f"unexpected failure: {exc!r}")
        if self._stopped.is_set():
            end = AnswerEnd(stopped=True)
        self.ended.emit(end)

    def _follow(self) -> AnswerEnd:
        with self._stream as replies:
            for reply in replies:
                content = reply.message.content or ""
                thinking = reply.message.thinking
                if content or thinking:
                    self.received.emit(AnswerPart(content, thinking))
                if reply.done:
                    return AnswerEnd(
                        reason=reply.done_reason,
                        tokens=reply.eval_count,
                        generate_s=reply.eval_duration / 1e9,
                    )
        return AnswerEnd(stopped=True)
