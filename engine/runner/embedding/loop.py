"""The loop of embedding and rerank models. The main thread's work, instead of the text loop's.

Each step packs inputs into one computation, taking them from the waiting requests in turn, so
that a short request does not stand behind a long one.
"""

import logging
import queue
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from engine import frames
from engine.runner.cancellation import Cancellation
from engine.runner.embedding.context import EmbeddingContext, Pooling, Traits
from engine.runner.embedding.inputs import InputError, InputReader, Prepared
from engine.runner.embedding.job import Job, cancelled
from engine.runner.embedding.pairs import PairFormat, PairReader
from engine.runner.embedding.vectors import finish_scores, finish_vectors
from engine.runner.inbox import Inbox
from engine.runner.llama import DECODE_ABORTED, LlamaError, Vocabulary, read_problems
from engine.runner.text import Pieces
from engine.runner.threads import ThreadSettings, choose_threads

logger = logging.getLogger(__name__)

PACK_TOKENS = 256
"""A pack is closed when it would grow beyond this. CPU time for 512 short texts (23M parameters,
q8_0, one thread): 1.33 s with 64 tokens, 1.11 with 128, 1.07 with 256, 1.10 with 512."""


class ComputeError(Exception):
    """llama.cpp could not compute a pack."""


@dataclass(frozen=True)
class EmbeddingModel:
    """What the loop works with."""

    context: EmbeddingContext
    vocabulary: Vocabulary
    traits: Traits
    pair_format: PairFormat
    num_ctx: int
    """Most tokens of an input."""
    num_sequences: int
    threads: ThreadSettings


@dataclass(frozen=True)
class _Item:
    job: Job
    number: int
    prepared: Prepared


class EmbeddingLoop:
    """Serves commands until `Shutdown`."""

    def __init__(
        self,
        model: EmbeddingModel,
        *,
        inbox: Inbox,
        send: Callable[[list[frames.Frame]], None],
        cancellation: Cancellation,
    ) -> None:
        self._model = model
        self._inputs = InputReader(model.vocabulary, model.num_ctx)
        self._pairs = PairReader(model.vocabulary, model.pair_format, model.num_ctx)
        self._pieces = Pieces(model.vocabulary)
        self._threads = choose_threads(model.threads)
        self._inbox = inbox
        self._send = send
        self._cancellation = cancellation
        self._jobs: deque[Job] = deque()
        self._reports: list[frames.Frame] = []
        self._steps = 0
        self._running = True

    def run(self) -> None:
        """Returns after `Shutdown`, when every request has had its last frame."""
        while self._running:
            self._take_commands()
            try:
                if self._jobs:
                    self._step()
            except Exception as exc:  # noqa: BLE001  one bad step must not end the process
                self._fail_all(exc)
            self._flush()
        for job in self._jobs:
            self._reports.append(cancelled(job.request_id))
        self._flush()

    def _flush(self) -> None:
        if self._reports:
            reports, self._reports = self._reports, []
            self._send(reports)

    # --- commands ----------------------------------------------------------------------------

    def _take_commands(self) -> None:
        idle = not self._jobs
        while self._running:
            try:
                command, _ = self._inbox.get(block=idle)
            except queue.Empty:
                return
            idle = False
            self._handle(command)

    def _handle(self, command: object) -> None:
        match command:
            case frames.Embed():
                self._start_embedding(command)
            case frames.Rerank():
                self._start_ranking(command)
            case frames.Generate():
                self._fail(command.request_id, "this model was loaded for embeddings only")
            case frames.Cancel():
                self._cancel(command.request_id)
            case frames.GetStatus():
                self._reports.append(self._status(command.request_id))
            case frames.Tokenize() | frames.Detokenize():
                self._reports.append(self._convert(command))
            case frames.Shutdown():
                self._running = False
            case frames.Load():
                logger.error("a second Load was ignored")

    def _start_embedding(self, command: frames.Embed) -> None:
        if self._model.traits.pooling is Pooling.RANK:
            self._fail(command.request_id, "this model scores documents, it has no embeddings")
            return

        def finish(job: Job) -> frames.Frame:
            vectors = finish_vectors(job.rows, command.dimensions, normalize=command.normalize)
            return frames.Embedded(
                command.request_id,
                vectors.tobytes(),
                vectors.shape[1],
                job.prompt_tokens,
                job.truncated_tokens,
            )

        def read(number: int) -> Prepared:
            return self._inputs.read(command.inputs[number], truncate=command.truncate)

        self._start(Job(command.request_id, len(command.inputs), self._width, read, finish))

    def _start_ranking(self, command: frames.Rerank) -> None:
        traits = self._model.traits
        if traits.pooling is not Pooling.RANK:
            self._fail(command.request_id, "this model does not rank documents")
            return

        def finish(job: Job) -> frames.Frame:
            scores = finish_scores(job.rows, is_probability=traits.is_probability)
            return frames.Reranked(
                command.request_id, scores, job.prompt_tokens, job.truncated_tokens
            )

        def read(number: int) -> Prepared:
            document = command.documents[number]
            return self._pairs.read(command.query, document, truncate=command.truncate)

        self._start(Job(command.request_id, len(command.documents), self._width, read, finish))

    @property
    def _width(self) -> int:
        return self._model.traits.width

    def _start(self, job: Job) -> None:
        self._jobs.append(job)
        if job.is_complete:  # it had no inputs
            self._end(job)

    def _cancel(self, request_id: int) -> None:
        for job in self._jobs:
            if job.request_id == request_id:
                self._jobs.remove(job)
                self._reports.append(cancelled(request_id))
                return
        # Unknown: it ended while the command was on its way.

    def _status(self, request_id: int) -> frames.Status:
        return frames.Status(
            request_id=request_id,
            slots_total=self._model.num_sequences,
            slots_busy=min(len(self._jobs), self._model.num_sequences),
            queued=max(0, len(self._jobs) - self._model.num_sequences),
            kv_tokens=0,
            steps=self._steps,
        )

    def _convert(self, command: frames.Tokenize | frames.Detokenize) -> frames.Frame:
        request_id, vocabulary = command.request_id, self._model.vocabulary
        if isinstance(command, frames.Detokenize):
            if not all(0 <= token < vocabulary.size for token in command.tokens):
                return frames.Failed(request_id, "invalid", "not a token of the model's vocabulary")
            return frames.Text(request_id, self._pieces.join(command.tokens))
        try:
            tokens = vocabulary.tokenize(
                command.text, add_special=command.add_special, parse_special=command.parse_special
            )
        except LlamaError as exc:
            return frames.Failed(request_id, "invalid", str(exc))
        return frames.Tokens(request_id, tuple(tokens))

    # --- ends --------------------------------------------------------------------------------

    def _end(self, job: Job) -> None:
        self._jobs.remove(job)
        try:
            self._reports.append(job.report())
        except InputError as exc:
            self._fail(job.request_id, str(exc))

    def _fail(self, request_id: int, text: str) -> None:
        self._reports.append(frames.Failed(request_id, "invalid", text))

    def _fail_all(self, error: Exception) -> None:
        logger.error("embedding step failed", exc_info=error)
        for job in self._jobs:
            self._reports.append(frames.Failed(job.request_id, "internal", str(error)))
        self._jobs.clear()

    # --- one step ----------------------------------------------------------------------------

    def _step(self) -> None:
        pack = self._fill_pack()
        if not pack:
            return  # every input that was looked at is unfit
        if not self._compute(pack):
            for item in reversed(pack):
                item.job.give_back(item.number)
            return
        for index, item in enumerate(pack):
            item.job.put(item.number, item.prepared, self._model.context.vector(index))
        for job in {id(item.job): item.job for item in pack}.values():
            if job.is_complete:
                self._end(job)

    def _fill_pack(self) -> list[_Item]:
        """One input of each request in turn, as long as they fit."""
        pack: list[_Item] = []
        size = 0
        waiting = deque(job for job in self._jobs if job.has_inputs)
        while waiting and len(pack) < self._model.num_sequences:
            job = waiting.popleft()
            try:
                prepared = job.peek()
            except (InputError, LlamaError) as exc:
                self._jobs.remove(job)
                self._fail(job.request_id, str(exc))
                pack = [item for item in pack if item.job is not job]
                continue
            if pack and size + len(prepared.tokens) > PACK_TOKENS:
                break
            pack.append(_Item(job, job.take(), prepared))
            size += len(prepared.tokens)
            if job.has_inputs:
                waiting.append(job)
        # Whoever was served first stands last next time.
        self._jobs.rotate(-1)
        return pack

    def _compute(self, pack: list[_Item]) -> bool:
        """False: aborted, nothing was gained. Raises ComputeError."""
        self._cancellation.begin(item.job.request_id for item in pack)
        self._steps += 1
        # As for a prompt: many tokens at a time, and nobody counts the milliseconds.
        self._model.context.set_threads(self._threads.choose(0, has_prompts=True))
        status = self._model.context.run([item.prepared.tokens for item in pack])
        if status == DECODE_ABORTED:
            return False
        if status != 0:
            raise ComputeError(read_problems() or f"llama.cpp returned {status}")
        return True
