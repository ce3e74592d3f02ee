"""One request's reports between the runner's pipe and their reader. Event-loop thread only."""

import asyncio
from collections.abc import Callable

from engine.errors import EngineError
from engine.frames import Chunk, Finished, TokenLogprob


class ReportStream:
    """An inbox that never blocks its writer and never loses text.

    Chunks that arrive while the reader is busy are merged into one, so a slow reader costs the
    memory of the text it has not read and nothing else waits for it.
    """

    def __init__(self, request_id: int) -> None:
        self.request_id = request_id
        self.after_end: Callable[[], None] = lambda: None
        """Called once, when the request's end has arrived (not: been read)."""
        self._texts: list[str] = []
        self._num_tokens = 0
        self._logprobs: list[TokenLogprob] = []
        self._end: Finished | EngineError | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def is_over(self) -> bool:
        """Nothing more will arrive."""
        return self._end is not None

    def push(self, chunk: Chunk) -> None:
        """Take in text."""
        if not self.is_over:
            self._texts.append(chunk.text)
            self._num_tokens += chunk.num_tokens
            self._logprobs += chunk.logprobs
            self._wake()

    def end(self, end: Finished | EngineError) -> None:
        """Take in the end; the first one counts."""
        if not self.is_over:
            self._end = end
            self._wake()
            self.after_end()

    async def next(self) -> Chunk | Finished:
        """The text since the last call, else the end. Raises the error the request ended in."""
        while not self._texts:
            if self._end is not None:
                if isinstance(self._end, EngineError):
                    raise self._end
                return self._end
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        text, logprobs = "".join(self._texts), tuple(self._logprobs)
        chunk = Chunk(self.request_id, text, self._num_tokens, logprobs)
        self._texts.clear()
        self._logprobs.clear()
        self._num_tokens = 0
        return chunk

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
