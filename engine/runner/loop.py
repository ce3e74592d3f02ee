"""The engine loop: continuous batching of all requests of one model. The main thread's work.

Requests come in, wait, get a slot and end here; `step` does the work in between. Commands are
taken in between steps, reports go out at most once per step.
"""

import logging
import queue
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from engine import frames
from engine.runner.cancellation import Cancellation
from engine.runner.constraint.compiler import ConstraintCompiler
from engine.runner.constraint.protocol import ConstraintError
from engine.runner.generation import Generation
from engine.runner.inbox import Compiled, Inbox, Message
from engine.runner.llama import Context, LlamaError, Vocabulary
from engine.runner.logprobs import TokenLogprobs
from engine.runner.pool import CellPool
from engine.runner.prefix.tiers import PrefixTiers
from engine.runner.prompt import Limits, PromptError, prepare_prompt
from engine.runner.sampling import (
    CandidateTable,
    Sampler,
    SamplingError,
    check_bias,
    check_sampling,
)
from engine.runner.slot import Slot, SlotTable
from engine.runner.step import Stepper, StepSettings
from engine.runner.text import Pieces, TextStream
from engine.runner.threads import ThreadSettings, choose_threads
from engine.runner.waiting import WaitingLine, WaitingRequest

logger = logging.getLogger(__name__)

_FETCH_WAIT_S = 0.02
"""How long the loop waits for a file at a time, when nothing else is to be done."""
_TELL_EVERY_NS = 33_000_000
"""Text waits for more if the next step ends sooner than that: 30 pieces a second look as smooth
as 400, and each piece costs server and client, whose memory the model has swept from the caches,
up to half a millisecond of the processor that the model's threads could have had."""
_TELL_TOKENS = 8
"""More tokens than that in one piece look like a jump, however fast they came."""
_CLOSE_DEADLINE_S = 2.0
"""How long saving prefixes may hold up the end of the process."""


@dataclass(frozen=True)
class LoopSettings:
    """What the loop works with. The context has num_cells cells, enough for one full slot."""

    num_ctx: int
    num_slots: int
    num_batch: int
    num_cells: int = 0
    """Of the context; 0: enough for all slots to be full."""
    num_outputs: int = 0
    """Most logit rows of one step; 0: one per slot."""
    can_draft: bool = False
    """What was evaluated can be taken back."""
    threads: ThreadSettings = field(default_factory=ThreadSettings)


class EngineLoop:
    """Serves commands until `Shutdown`."""

    def __init__(
        self,
        context: Context,
        vocabulary: Vocabulary,
        settings: LoopSettings,
        *,
        inbox: Inbox,
        send: Callable[[list[frames.Frame]], None],
        cancellation: Cancellation,
        tiers: PrefixTiers | None = None,
    ) -> None:
        """`tiers`: the prefix cache beyond the context; closed at the end of `run`."""
        self._context = context
        self._vocabulary = vocabulary
        self._settings = settings
        self._inbox = inbox
        self._send = send
        num_cells = settings.num_cells or settings.num_ctx * settings.num_slots
        self._slots = SlotTable(
            context, settings.num_slots, settings.num_ctx, tiers, num_cells=num_cells
        )
        self._pool = CellPool(
            self._slots, is_short=num_cells < settings.num_ctx * settings.num_slots
        )
        self._stepper = Stepper(
            context,
            self._slots,
            self._pool,
            vocabulary,
            cancellation,
            choose_threads(settings.threads),
            StepSettings(settings.num_batch, settings.num_outputs, settings.can_draft),
        )
        self._pieces = Pieces(vocabulary)
        self._table = CandidateTable(vocabulary.size, vocabulary.suppressed)
        self._waiting = WaitingLine()
        self._compiler = ConstraintCompiler(vocabulary)
        self._reports: list[frames.Frame] = []
        self._told_ns = 0
        """When text was last handed out."""
        self._turned_ns = 0
        """When the last turn of the loop ended."""
        self._running = True

    def run(self) -> None:
        """Returns after `Shutdown`, when every request has had its last frame."""
        while self._running:
            self._take_commands()
            try:
                self._admit()
                if self._slots.working:
                    self._step()
            except Exception as exc:  # noqa: BLE001  one bad step must not end the process
                self._fail_all(exc)
            self._tell()
            self._flush()
            self._tend()
        self._cancel_all()
        self._flush()
        self._slots.close(_CLOSE_DEADLINE_S)
        self._compiler.close()

    def _tend(self) -> None:
        """Work that nobody waits for."""
        try:
            self._slots.tend()
        except Exception as exc:  # noqa: BLE001  as in `run`
            self._fail_all(exc)
            self._flush()

    def _flush(self) -> None:
        if self._reports:
            reports, self._reports = self._reports, []
            self._send(reports)

    def _tell(self) -> None:
        """Hand out text that has come free, unless there is time for another step first."""
        now = time.monotonic_ns()
        step_ns, self._turned_ns = now - self._turned_ns, now
        generations = [slot.generation for slot in self._slots.working if slot.generation]
        most = max((generation.num_unreported for generation in generations), default=0)
        if most < _TELL_TOKENS and now + step_ns - self._told_ns < _TELL_EVERY_NS:
            return
        self._told_ns = now
        for generation in (*generations, *self._pool):
            if (chunk := generation.take_chunk()) is not None:
                self._reports.append(chunk)

    def _step(self) -> None:
        outcome = self._stepper.run()
        for slot, verdict in outcome.ended:
            if verdict != "go on":
                self._finish(slot, verdict)
        for slot, text in outcome.failed:
            self._fail(slot, "invalid", text)

    # --- commands ----------------------------------------------------------------------------

    def _take_commands(self) -> None:
        idle = not (self._waiting.is_ready or self._slots.working or self._pool)
        if not idle and self._inbox.empty():
            return
        while self._running:
            try:
                message, arrived_ns = self._inbox.get(block=idle)
            except queue.Empty:
                return
            idle = False
            self._handle(message, arrived_ns)

    def _handle(self, command: Message, arrived_ns: int) -> None:
        match command:
            case frames.Generate():
                self._enqueue(command, arrived_ns)
            case Compiled():
                self._take_constraint(command)
            case frames.Cancel():
                self._cancel(command.request_id)
            case frames.GetStatus():
                self._reports.append(self._status(command.request_id))
            case frames.Tokenize() | frames.Detokenize():
                self._reports.append(self._convert(command))
            case frames.Shutdown():
                self._running = False
            case frames.Embed() | frames.Rerank():
                text = "this model was loaded to generate text"
                self._reports.append(frames.Failed(command.request_id, "invalid", text))
            case frames.Load():
                logger.error("a second Load was ignored")

    def _enqueue(self, command: frames.Generate, arrived_ns: int) -> None:
        limits = Limits(
            num_ctx=self._settings.num_ctx,
            num_keep=command.num_keep,
            can_truncate=command.truncate and command.shift and self._context.can_shift,
        )
        try:
            check_sampling(command.sampling)
            check_bias(command.logit_bias, self._vocabulary.size)
            prompt = prepare_prompt(command.prompt, self._vocabulary, limits)
        except (PromptError, SamplingError, LlamaError) as exc:
            self._reports.append(frames.Failed(command.request_id, "invalid", str(exc)))
            return
        waiting = WaitingRequest(command, prompt, arrived_ns)
        self._waiting.add(waiting)
        if command.constraint is not None:
            waiting.is_compiling = True
            self._compiler.submit(
                command.constraint,
                lambda result: self._inbox.put(
                    (Compiled(command.request_id, result), time.monotonic_ns())
                ),
            )

    def _take_constraint(self, compiled: Compiled) -> None:
        waiting = self._waiting.get(compiled.request_id)
        result = compiled.result
        if isinstance(result, ConstraintError):
            if waiting is not None:
                self._waiting.remove(waiting)
                text = str(result)
                self._reports.append(frames.Failed(compiled.request_id, "invalid", text))
        elif waiting is None:
            result.close()  # cancelled in the meantime
        else:
            waiting.constraint = result
            waiting.is_compiling = False

    def _cancel(self, request_id: int) -> None:
        for slot in self._slots.working:
            if slot.generation is not None and slot.generation.request_id == request_id:
                self._finish(slot, "cancelled")
                return
        for generation in self._pool:
            if generation.request_id == request_id:
                self._drop(generation)
                return
        waiting = self._waiting.get(request_id)
        if waiting is not None:
            self._leave_unserved(waiting, "cancelled")
        # Else unknown: it ended while the command was on its way.

    def _status(self, request_id: int) -> frames.Status:
        return frames.Status(
            request_id=request_id,
            slots_total=self._settings.num_slots,
            slots_busy=len(self._slots.working),
            queued=len(self._waiting) + len(self._pool),
            kv_tokens=self._slots.num_used_cells,
            steps=self._stepper.count,
        )

    def _convert(self, command: frames.Tokenize | frames.Detokenize) -> frames.Frame:
        request_id = command.request_id
        if isinstance(command, frames.Detokenize):
            for token in command.tokens:
                if not 0 <= token < self._vocabulary.size:
                    text = f"token {token} is not in the model's vocabulary"
                    return frames.Failed(request_id, "invalid", text)
            return frames.Text(request_id, self._pieces.join(command.tokens))
        try:
            tokens = self._vocabulary.tokenize(
                command.text, add_special=command.add_special, parse_special=command.parse_special
            )
        except LlamaError as exc:
            return frames.Failed(request_id, "invalid", str(exc))
        return frames.Tokens(request_id, tuple(tokens))

    # --- requests in and out -----------------------------------------------------------------

    def _admit(self) -> None:
        self._pool.resume()
        for waiting in self._waiting.in_order():
            if waiting.command.num_predict == 0:
                self._leave_unserved(waiting, "length")
                continue
            slot = self._slots.find_idle(waiting.prompt.tokens)
            if slot is None or not self._pool.can_admit(waiting.prompt.tokens):
                return
            if self._slots.should_wait(waiting.prompt.tokens):
                continue
            self._waiting.remove(waiting)
            self._slots.assign(slot, self._start(waiting))
        if self._waiting.is_ready and not self._slots.working:
            self._slots.wait_fetch(_FETCH_WAIT_S)

    def _start(self, waiting: WaitingRequest) -> Generation:
        command = waiting.command
        vocabulary = self._vocabulary
        constraint = waiting.constraint
        recorder = None
        if command.top_logprobs >= 0:
            recorder = TokenLogprobs(self._pieces, command.top_logprobs)
        most = 10 * self._settings.num_ctx
        wanted = command.num_predict
        return Generation(
            command,
            waiting.prompt,
            Sampler(
                command.sampling,
                self._table,
                self._settings.num_ctx,
                bias=command.logit_bias,
                constraint=constraint,
                recorder=recorder,
            ),
            TextStream(self._pieces, command.stop, command.visible_tokens),
            max_tokens=wanted if 0 < wanted <= most else most,
            # A stop string that is a control token never shows up as text.
            end_tokens=vocabulary.end_tokens | self._pieces.find_control_tokens(command.stop),
            arrived_ns=waiting.arrived_ns,
            urgency=waiting.urgency,
            constraint=constraint,
            recorder=recorder,
        )

    def _leave_unserved(self, waiting: WaitingRequest, reason: frames.FinishReason) -> None:
        tokens = waiting.prompt.tokens
        finished = frames.Finished(
            request_id=waiting.command.request_id,
            reason=reason,
            prompt_tokens=len(tokens),
            cached_tokens=0,
            generated_tokens=0,
            truncated_tokens=waiting.prompt.dropped,
            queue_ns=0,
            prompt_ns=0,
            eval_ns=0,
            tokens=tuple(tokens),
        )
        self._reports.append(finished)
        self._waiting.remove(waiting)
        waiting.close()

    def _finish(self, slot: Slot, reason: frames.FinishReason) -> None:
        if slot.generation is not None:
            self._reports += slot.generation.finish(reason)
        self._slots.release(slot)

    def _drop(self, generation: Generation) -> None:
        """End a request that is swapped out."""
        self._reports += generation.finish("cancelled")
        self._pool.drop(generation)

    def _fail(self, slot: Slot, kind: frames.FailureKind, text: str) -> None:
        if (generation := slot.generation) is not None:
            if (chunk := generation.take_chunk()) is not None:
                self._reports.append(chunk)
            self._reports.append(frames.Failed(generation.request_id, kind, text))
        self._slots.release(slot)

    def _cancel_all(self) -> None:
        for slot in self._slots.working:
            self._finish(slot, "cancelled")
        for generation in list(self._pool):
            self._drop(generation)
        for waiting in list(self._waiting):
            self._leave_unserved(waiting, "cancelled")

    def _fail_all(self, error: Exception) -> None:
        """The context may hold anything now: start from nothing, so that the next step is sane."""
        logger.error("engine step failed", exc_info=error)
        text = f"an error was encountered while running the model: {error}"
        for slot in self._slots.working:
            self._fail(slot, "internal", text)
        self._slots.clear()
