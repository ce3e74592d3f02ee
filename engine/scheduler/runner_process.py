"""One runner process: its start, its frames, its end. Event-loop thread only.

Pipe data arrives through protocol callbacks, in whatever chunks the pipe gives, and is routed
to the requests at once; nothing here awaits per frame. However the process ends, everybody who
waits for it is told within a second.
"""

import asyncio
import contextlib
import logging
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import msgspec

from engine import frames
from engine.errors import (
    EngineError,
    InvalidRequestError,
    LoadError,
    RequestCancelledError,
    RunnerDiedError,
    RunnerError,
)
from engine.scheduler.last_words import StderrTail, describe_exit
from engine.scheduler.report_stream import ReportStream

logger = logging.getLogger(__name__)

EXIT_GRACE_S = 0.25
"""Between the end of a runner's output and its exit; a longer gap is cut short by a kill."""
DRAIN_S = 0.25
"""Between a runner's exit and the end of its pipes."""
TERMINATE_S = 2.0
KILL_S = 5.0
_LONGEST_WAIT_S = 3600.0

Question = frames.Tokenize | frames.Detokenize | frames.GetStatus | frames.Embed | frames.Rerank
Answer = frames.Tokens | frames.Text | frames.Status | frames.Embedded | frames.Reranked


class RunnerProcess(asyncio.SubprocessProtocol):
    """A child that speaks frames. Made by `start`; ends by itself, or by `stop` or `kill`."""

    def __init__(self, on_death: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_death = on_death
        self._transport: asyncio.SubprocessTransport
        self._stdin: asyncio.WriteTransport
        self.pid = 0
        self.last_sign = self._loop.time()
        """When anything last came from the process (loop time)."""
        self._splitter = frames.FrameSplitter()
        self._stderr = StderrTail()
        self._streams: dict[int, ReportStream] = {}
        self._answers: dict[int, asyncio.Future[Answer]] = {}
        self._next_id = 1
        self._load_outcome: frames.Ready | frames.LoadFailed | None = None
        self._load_settled = asyncio.Event()
        self._open_pipes = {1, 2}
        self._pipes_closed = asyncio.Event()
        self._exited = asyncio.Event()
        self._burial: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()
        self._is_stopping = False
        self._exit_limit_s = KILL_S
        self._verdict = ""

    # --- start and load ----------------------------------------------------------------------

    @classmethod
    async def start(
        cls,
        command: tuple[str, ...],
        *,
        environment: Mapping[str, str],
        folder: Path,
        on_death: Callable[[], None],
    ) -> "RunnerProcess":
        """Start the program in `folder` with exactly that environment.

        `on_death` is called once, as soon as the process is known to be dying. Raises LoadError.
        """
        loop = asyncio.get_running_loop()
        try:
            transport, runner = await loop.subprocess_exec(
                lambda: cls(on_death),
                *command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=str(folder),
                env=dict(environment),
                **_separation(),
            )
        except OSError as exc:
            raise LoadError(f"cannot start the model runner: {exc}") from exc
        runner._transport = transport
        runner._stdin = cast(asyncio.WriteTransport, transport.get_pipe_transport(0))
        runner.pid = transport.get_pid()
        return runner

    async def load(self, load: frames.Load, stall_timeout_s: float) -> frames.Ready:
        """Load the model; silence longer than `stall_timeout_s` ends the process.

        Raises LoadError with the runner's own message, or with how its process ended.
        """
        self._write(load)
        while not self._load_settled.is_set():
            left_s = self.last_sign + stall_timeout_s - self._loop.time()
            if left_s <= 0:
                self.kill(f"no progress for {stall_timeout_s:g} s")
                reason = self._stderr.find_reason() or f"no progress for {stall_timeout_s:g} s"
                raise LoadError(f"timed out waiting for the model runner to start: {reason}")
            await _wait_until(self._load_settled, min(left_s, _LONGEST_WAIT_S))
        match self._load_outcome:
            case frames.Ready() as ready:
                return ready
            case frames.LoadFailed(message):
                raise LoadError(message)
            case None:
                raise LoadError(f"the model runner has terminated: {self.describe_end()}")

    # --- requests ----------------------------------------------------------------------------

    @property
    def is_alive(self) -> bool:
        """No sign of its end so far."""
        return self._burial is None

    @property
    def owes_answers(self) -> bool:
        """Some request has not ended yet."""
        return bool(self._streams or self._answers)

    def generate(self, command: frames.Generate) -> ReportStream:
        """Send a request; its id is filled in. Raises RunnerDiedError."""
        request_id = self._take_id()
        stream = self._streams[request_id] = ReportStream(request_id)
        self._write(msgspec.structs.replace(command, request_id=request_id))
        return stream

    def cancel(self, request_id: int) -> None:
        """Have a request end early; its stream still gets an end."""
        self._write(frames.Cancel(request_id))

    async def ask(self, command: Question) -> Answer:
        """One question, one answer. Raises InvalidRequestError, RunnerError.

        Cancelling the task that asks withdraws what takes time in the runner.
        """
        request_id = self._take_id()
        answer: asyncio.Future[Answer] = self._loop.create_future()
        self._answers[request_id] = answer
        self._write(msgspec.structs.replace(command, request_id=request_id))
        try:
            return await answer
        except asyncio.CancelledError:
            if isinstance(command, frames.Embed | frames.Rerank):
                self.cancel(request_id)
            raise
        finally:
            self._answers.pop(request_id, None)

    async def is_responsive(self, timeout_s: float) -> bool:
        """Ask for a sign of life."""
        try:
            async with asyncio.timeout(timeout_s):
                await self.ask(frames.GetStatus(0))
        except (TimeoutError, RunnerError):
            return False
        return True

    def ping(self) -> None:
        """Provoke a sign of life; nobody waits for the answer."""
        self._next_id += 1
        self._write(frames.GetStatus(self._next_id - 1))

    def _take_id(self) -> int:
        if not self.is_alive:
            raise RunnerDiedError(self.describe_end())
        self._next_id += 1
        return self._next_id - 1

    def _write(self, command: frames.Frame) -> None:
        # The pipe's buffer is not waited for: what is in it is bounded by the requests being
        # served, and a runner that stops reading is noticed by its silence.
        if self.is_alive and not self._stdin.is_closing():
            self._stdin.write(frames.encode(command))

    # --- reports -----------------------------------------------------------------------------

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        """Called by the loop with what the process wrote."""
        assert isinstance(data, bytes)
        self.last_sign = self._loop.time()
        if fd == 2:
            self._stderr.feed(data, self.pid)
            return
        try:
            for body in self._splitter.feed(data):
                self._route(frames.decode_report(body))
        except frames.FrameError as exc:
            self.kill(f"its output is corrupt: {exc}")

    def _route(self, report: frames.Report) -> None:
        if isinstance(report, frames.Chunk):
            if (stream := self._streams.get(report.request_id)) is not None:
                stream.push(report)
        elif isinstance(report, frames.Finished):
            if (stream := self._streams.pop(report.request_id, None)) is not None:
                stream.end(report)
            else:
                self._fail(report.request_id, RequestCancelledError())
        elif isinstance(report, frames.Failed):
            self._fail(report.request_id, _as_error(report))
        elif isinstance(report, frames.Ready | frames.LoadFailed):
            self._load_outcome = self._load_outcome or report
            self._load_settled.set()
        elif isinstance(report, Answer):
            answer = self._answers.get(report.request_id)
            if answer is not None and not answer.done():
                answer.set_result(report)

    def _fail(self, request_id: int, error: EngineError) -> None:
        if (stream := self._streams.pop(request_id, None)) is not None:
            stream.end(error)
        elif (answer := self._answers.get(request_id)) is not None and not answer.done():
            answer.set_exception(error)

    # --- the end -----------------------------------------------------------------------------

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """Called by the loop: one pipe has ended."""
        self._open_pipes.discard(fd)
        if not self._open_pipes:
            self._pipes_closed.set()
        if fd == 1:
            self._begin_burial()

    def process_exited(self) -> None:
        """Called by the loop: the process is no more."""
        self._exited.set()
        self._begin_burial()

    def kill(self, verdict: str) -> None:
        """End the process now. `verdict`: why, for the errors of those who wait for it."""
        self._verdict = self._verdict or verdict
        self._signal(self._transport.kill)
        self._begin_burial()

    async def stop(self, timeout_s: float) -> None:
        """Ask the process to exit; make it, if it does not. Returns when it has ended."""
        limit_s = timeout_s + TERMINATE_S + KILL_S
        if not self._is_stopping:
            self._is_stopping = True
            self._exit_limit_s = limit_s
            self._write(frames.Shutdown())
            self._stdin.close()
            if not await _wait_until(self._ended, timeout_s):
                logger.info("runner %d did not exit in %g s: terminating it", self.pid, timeout_s)
                self._signal(self._transport.terminate)
            if not await _wait_until(self._ended, TERMINATE_S):
                logger.info("runner %d ignored its termination: killing it", self.pid)
                self.kill("it did not exit when asked to")
        if not await _wait_until(self._ended, limit_s):
            logger.error("runner %d could not be ended", self.pid)

    async def wait_ended(self) -> None:
        """Until the process has ended and all who waited for it have been told."""
        await self._ended.wait()

    def describe_end(self) -> str:
        """How the process ended, and the line of its log that says why, if there is one."""
        status = self._transport.get_returncode()
        how = self._verdict or describe_exit(status)
        reason = self._stderr.find_reason()
        return f"{how}: {reason}" if reason else how

    def _signal(self, send: Callable[[], None]) -> None:
        if not self._exited.is_set():
            # It may exit at this very moment; then its exit is about to be reported.
            with contextlib.suppress(ProcessLookupError):
                send()

    def _begin_burial(self) -> None:
        if self._burial is None:
            self._burial = self._loop.create_task(self._bury())
            self._on_death()

    async def _bury(self) -> None:
        try:
            if not await _wait_until(self._exited, EXIT_GRACE_S) and not self._is_stopping:
                self.kill("it closed its output")
            await _wait_until(self._exited, self._exit_limit_s)
            await _wait_until(self._pipes_closed, DRAIN_S)
        finally:
            self._transport.close()  # kills what should still be there
            self._stderr.close(self.pid)
            self._tell_everyone()
            self._ended.set()

    def _tell_everyone(self) -> None:
        self._load_settled.set()
        detail = self.describe_end()
        if not self._is_stopping and isinstance(self._load_outcome, frames.Ready):
            count = len(self._streams) + len(self._answers)
            logger.warning("runner %d died (requests in flight: %d): %s", self.pid, count, detail)
        for request_id in (*self._streams, *self._answers):
            # One error each: tracebacks must not pile up on a shared one.
            self._fail(
                request_id,
                RequestCancelledError() if self._is_stopping else RunnerDiedError(detail),
            )


def _separation() -> dict[str, Any]:
    """How the process is kept apart: Ctrl+C in the terminal is the server's, which asks runners."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}


def _as_error(report: frames.Failed) -> EngineError:
    if report.kind == "invalid":
        return InvalidRequestError(report.message)
    return RunnerError(f"an error was encountered while running the model: {report.message}")


async def _wait_until(event: asyncio.Event, timeout_s: float) -> bool:
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return event.is_set()
    return True
