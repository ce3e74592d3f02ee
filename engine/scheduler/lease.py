"""The use of a loaded model by one request. Event-loop thread only."""

from collections.abc import AsyncGenerator

from engine import frames
from engine.errors import RequestCancelledError
from engine.scheduler.resident import Resident


class Lease:
    """Keeps its model loaded until the `async with` of `Scheduler.lease` ends."""

    def __init__(self, resident: Resident, ready: frames.Ready, load_ns: int) -> None:
        self._resident = resident
        self.ready = ready
        """What the runner said about the model when it had loaded it."""
        self.load_ns = load_ns
        """How long this request waited for the model to be there."""

    @property
    def num_ctx(self) -> int:
        """Context of one sequence, in tokens."""
        return self.ready.num_ctx

    async def generate(
        self, command: frames.Generate
    ) -> AsyncGenerator[frames.Chunk | frames.Finished, None]:
        """Run a completion; `command.request_id` is filled in. Chunks, then one Finished.

        Chunks that a slow reader has not taken are merged. Closing the generator, or cancelling
        the task that reads it, cancels the request at once.
        Raises InvalidRequestError; RunnerError, RunnerDiedError; RequestCancelledError when the
        model is being stopped.
        """
        stream = self._resident.process.generate(command)
        try:
            while True:
                report = await stream.next()
                if isinstance(report, frames.Finished) and report.reason == "cancelled":
                    raise RequestCancelledError  # not by us: we would no longer be reading
                yield report
                if isinstance(report, frames.Finished):
                    return
        finally:
            self._resident.abandon(stream)

    async def embed(self, command: frames.Embed) -> frames.Embedded:
        """Vectors of some inputs; `command.request_id` is filled in. Needs a lease for embedding.

        Raises InvalidRequestError, RunnerError, RunnerDiedError, RequestCancelledError.
        """
        answer = await self._resident.process.ask(command)
        assert isinstance(answer, frames.Embedded)
        return answer

    async def rerank(self, command: frames.Rerank) -> frames.Reranked:
        """Scores of some documents; otherwise as `embed`."""
        answer = await self._resident.process.ask(command)
        assert isinstance(answer, frames.Reranked)
        return answer

    async def tokenize(
        self, text: str, add_special: bool = True, parse_special: bool = True
    ) -> tuple[int, ...]:
        """The model's tokens of a text. Raises RunnerError, RunnerDiedError."""
        answer = await self._resident.process.ask(
            frames.Tokenize(0, text, add_special, parse_special)
        )
        assert isinstance(answer, frames.Tokens)
        return answer.tokens

    async def detokenize(self, tokens: tuple[int, ...]) -> str:
        """The text of some tokens. Raises InvalidRequestError, RunnerError, RunnerDiedError."""
        answer = await self._resident.process.ask(frames.Detokenize(0, tuple(tokens)))
        assert isinstance(answer, frames.Text)
        return answer.text

    async def status(self) -> frames.Status:
        """What the runner is doing right now. Raises RunnerError, RunnerDiedError."""
        answer = await self._resident.process.ask(frames.GetStatus(0))
        assert isinstance(answer, frames.Status)
        return answer
