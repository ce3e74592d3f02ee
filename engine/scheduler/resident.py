"""One model in memory: its runner, who uses it, until when it stays. Event-loop thread only.

A resident lives in one task from the start of its process to the end of it:
loading -> ready (busy or idle) -> leaving -> gone.
"""

import asyncio
import logging
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from engine import frames
from engine.errors import LoadError
from engine.library.model import Model
from engine.options import Options
from engine.scheduler.keep_alive import IdleTimer, normalise
from engine.scheduler.load_plan import LoadPlan, plan_serves
from engine.scheduler.report_stream import ReportStream
from engine.scheduler.runner_process import RunnerProcess
from engine.scheduler.settings import SchedulerSettings
from engine.scheduler.watchdog import watch

logger = logging.getLogger(__name__)

Key = tuple[Path, bool]
"""Weights file, and whether it was loaded for vectors instead of text."""


class Resident:
    """A loaded or loading model. Its references are counted; at none the keep-alive runs."""

    def __init__(
        self,
        model: Model,
        plan: LoadPlan,
        settings: SchedulerSettings,
        on_change: Callable[["Resident"], None],
    ) -> None:
        """`on_change` is called when it becomes idle, dies, or is gone."""
        self.model = model
        self.plan = plan
        self.keep_alive_s = normalise(settings.keep_alive_s)
        self.is_draining = False
        """Someone waits for it to become idle and then leave; it takes no new requests."""
        self.references = 0
        self.is_gone = False
        self._settings = settings
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._on_change = on_change
        self._loop = asyncio.get_running_loop()
        self.last_used = self._loop.time()
        self._timer = IdleTimer(self.leave)
        self._process: RunnerProcess | None = None
        self._ready: frames.Ready | None = None
        self._load_error: LoadError | None = None
        self._settled = asyncio.Event()
        self._leaving = asyncio.Event()
        self._life = self._loop.create_task(self._live())

    # --- what it is --------------------------------------------------------------------------

    @property
    def key(self) -> Key:
        """One resident per weights file (spec 6.1), and one more for its vectors."""
        return (self.model.weights_path, self.plan.load.embedding)

    @property
    def is_dead(self) -> bool:
        """It could not be loaded, or its process has ended or is about to."""
        died = self._process is not None and not self._process.is_alive
        return self.is_gone or died or self._load_error is not None

    @property
    def is_leaving(self) -> bool:
        """It is being stopped, or its process is dead."""
        return self._leaving.is_set() or self.is_dead

    @property
    def is_idle(self) -> bool:
        """Loaded, and nobody uses it."""
        return self._settled.is_set() and self.references == 0

    @property
    def ready(self) -> frames.Ready | None:
        """What the runner said when it had loaded the model; None before."""
        return self._ready

    @property
    def process(self) -> RunnerProcess:
        """The runner of a model that has been loaded."""
        assert self._process is not None
        return self._process

    @property
    def pid(self) -> int:
        """Process id of the runner; 0 before it has one."""
        return self._process.pid if self._process is not None else 0

    @property
    def size_bytes(self) -> int:
        """Measured by the runner, or, while it loads, the size of the files (spec 6.9)."""
        return self._ready.size_bytes if self._ready else self.plan.facts.weights_bytes

    @property
    def expires_at(self) -> datetime | None:
        """When it will be unloaded; None: never."""
        return self._timer.expires_at(self.keep_alive_s)

    def serves(self, model: Model, options: Options, *, embedding: bool = False) -> bool:
        """Whether a request can use it as it is (spec 6.4)."""
        return (
            not self.is_leaving
            and not self.is_draining
            and self.key == (model.weights_path, embedding)
            and model.adapter_paths == self.model.adapter_paths
            and model.projector_paths == self.model.projector_paths
            and plan_serves(self.plan, options, self._settings)
        )

    # --- who uses it -------------------------------------------------------------------------

    def attach(self, keep_alive_s: float | None = None) -> None:
        """Count one more user. A keep-alive sticks until another is given (spec 6.2)."""
        self.references += 1
        self._timer.cancel()
        if keep_alive_s is not None:
            self.keep_alive_s = normalise(keep_alive_s)

    def release(self) -> None:
        """Count one user less; the last one starts the keep-alive."""
        self.references -= 1
        self.last_used = self._loop.time()
        if self.is_idle:
            self._become_idle()

    def expire(self) -> None:
        """Leave as soon as nobody uses it."""
        self.keep_alive_s = 0.0
        if self.is_idle:
            self._become_idle()

    async def wait_ready(self) -> frames.Ready:
        """Until the model is loaded. Raises LoadError; cancelling stops nobody else's wait."""
        await self._settled.wait()
        if self._ready is None:
            raise LoadError(str(self._load_error or "the model was unloaded while it loaded"))
        return self._ready

    async def is_well(self) -> bool:
        """Whether its process answers; a runner heard of lately is not asked."""
        silent_s = self._loop.time() - self.process.last_sign
        if silent_s < self._settings.health_check_after_s or self.references > 1:
            return not self.is_leaving
        timeout_s = self._settings.health_timeout_s
        if await self.process.is_responsive(timeout_s):
            return True
        self.process.kill(f"it did not respond for {timeout_s:g} s")
        return False

    def abandon(self, stream: ReportStream) -> None:
        """Cancel a request that nobody reads any more; it counts as a user until it has ended."""
        if not stream.is_over:
            self.attach()
            stream.after_end = self.release
            self.process.cancel(stream.request_id)

    # --- its life ----------------------------------------------------------------------------

    def leave(self) -> None:
        """Start stopping it, used or not. Does not wait."""
        self._timer.cancel()
        self._leaving.set()

    async def wait_gone(self) -> None:
        """Until its process has ended. Cancelling this wait does not keep it."""
        await asyncio.shield(self._life)

    async def wait_settled(self) -> None:
        """Until the load has succeeded or failed."""
        await self._settled.wait()

    def _become_idle(self) -> None:
        if self.keep_alive_s <= 0:
            self.leave()
        elif not self.is_leaving:
            self._timer.start(self.keep_alive_s)
        self._on_change(self)

    async def _live(self) -> None:
        loading = self._loop.create_task(self._load())
        leaving = self._loop.create_task(self._leaving.wait())
        try:
            await asyncio.wait({loading, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if self._ready is not None:
                await self._stay(leaving)
        finally:
            self._leaving.set()
            try:
                await self._end_load(loading)
                if self._process is not None:
                    await self._process.stop(self._settings.stop_timeout_s)
            finally:
                if self._folder is not None:
                    self._folder.cleanup()
                leaving.cancel()
                self._timer.cancel()
                self.is_gone = True
                self._settled.set()
                self._on_change(self)

    async def _end_load(self, loading: asyncio.Task[None]) -> None:
        loading.cancel()
        (problem,) = await asyncio.gather(loading, return_exceptions=True)
        if isinstance(problem, Exception):
            logger.error("loading %s went wrong", self.model.name.short, exc_info=problem)
            self._load_error = LoadError(f"the model could not be loaded: {problem}")

    async def _load(self) -> None:
        settings = self._settings
        limit_s = settings.load_timeout_s if settings.load_timeout_s > 0 else float("inf")
        try:
            # An empty folder of its own to work in. Not a shared one: what lies in a temporary
            # folder for days may be tidied away.
            self._folder = tempfile.TemporaryDirectory(
                prefix="corral-runner-", ignore_cleanup_errors=True
            )
            self._process = await RunnerProcess.start(
                settings.runner_command,
                environment=settings.runner_environment,
                folder=Path(self._folder.name),
                on_death=lambda: self._on_change(self),
            )
            self._ready = await self._process.load(self.plan.load, limit_s)
        except (LoadError, OSError) as exc:
            self._load_error = LoadError(_explain(str(exc)))
            logger.info("%s could not be loaded: %s", self.model.name.short, exc)
            self._leaving.set()
            self._settled.set()
            return
        logger.info(
            "loaded %s in %.2f s: runner %d, %d slots of %d tokens, %d MiB",
            self.model.name.short,
            self._ready.load_ns / 1e9,
            self._process.pid,
            self._ready.num_parallel,
            self._ready.num_ctx,
            self._ready.size_bytes // 2**20,
        )
        self._settled.set()
        if self.references == 0:
            self._become_idle()
        self._on_change(self)

    async def _stay(self, leaving: asyncio.Task[bool]) -> None:
        """Until it is to leave or its process ends."""
        watching = self._loop.create_task(watch(self.process, self._settings.silence_timeout_s))
        ended = self._loop.create_task(self.process.wait_ended())
        try:
            await asyncio.wait({leaving, ended}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            watching.cancel()
            ended.cancel()
            await asyncio.gather(watching, ended, return_exceptions=True)


def _explain(message: str) -> str:
    """What llama.cpp says of a file it does not understand means little to a user (spec 1.4)."""
    if "error loading model" in message or "failed to load model" in message:
        return f"{message}: this model may be incompatible with this version of Corral"
    return message
