"""Which models are loaded, and who gets to use them. One event loop owns it; see `Scheduler`."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from engine import frames
from engine.errors import EngineError, LoadError, RequestCancelledError, RunnerDiedError
from engine.hardware.memory import SystemMemory, read_memory
from engine.library.model import Model
from engine.options import Options
from engine.scheduler.eviction import choose_victim, fits
from engine.scheduler.lease import Lease
from engine.scheduler.load_plan import LoadPlan, ModelFacts, inspect_model, plan_load
from engine.scheduler.resident import Key, Resident
from engine.scheduler.settings import SchedulerSettings
from engine.scheduler.waiting_line import Waiter, WaitingLine, Wish

__all__ = ["LoadedModel", "Scheduler", "SchedulerSettings"]

logger = logging.getLogger(__name__)

REPORT_TIMEOUT_S = 1.0
"""How long a runner may take to say what it does."""

_OUT_OF_MEMORY = (
    "out of memory",
    "out of device memory",
    "cudamalloc failed",
    "hipmalloc failed",
    "failed to allocate",
    "allocation failed",
    "not enough memory",
    "insufficient memory",
    "vk_error_out_of_device_memory",
    "erroroutofmemory",
)
"""How llama.cpp and its backends say that memory ran out (spec 0.1)."""


@dataclass(frozen=True)
class LoadedModel:
    """One model in memory, for /api/ps."""

    model: Model
    num_ctx: int
    size_bytes: int
    size_gpu_bytes: int
    expires_at: datetime | None
    """When it will be unloaded if nobody uses it; None: never."""
    pid: int
    busy: int
    """Requests that use it."""


@dataclass(frozen=True)
class RunnerReport:
    """One model in memory, and what its runner says."""

    loaded: LoadedModel
    status: frames.Status | None
    """None: it is loading, or did not answer in time."""


class Scheduler:
    """Loads models on demand, one runner process each, and lends them to requests.

    A request whose model is loaded is served at once. Others stand in one line and are placed
    one after the other: a model that is to be loaded waits until it fits, while idle models
    leave for it and busy ones finish what they do. Construct it anywhere; call it on one event
    loop only.
    """

    def __init__(
        self,
        settings: SchedulerSettings,
        *,
        read_memory: Callable[[], SystemMemory] = read_memory,
    ) -> None:
        """`read_memory` tells what is free whenever a model is to be loaded."""
        self.settings = settings
        self._read_memory = read_memory
        self._residents: dict[Key, Resident] = {}
        self._line = WaitingLine(settings.max_queue)
        self._changed = asyncio.Event()
        self._placing: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def lease(
        self,
        model: Model,
        options: Options,
        keep_alive_s: float | None = None,
        *,
        embedding: bool = False,
    ) -> AsyncIterator[Lease]:
        """Use a model, loading it when needed. `keep_alive_s` None: as it was before.

        With `embedding` the lease embeds or reranks and does not generate: a model that does
        both gets a second runner. Models that only embed are always loaded that way.
        Raises QueueFullError, LoadError, ModelNotFoundError (its file is missing),
        RequestCancelledError (the scheduler is closing).
        """
        started_ns = time.monotonic_ns()
        embedding = embedding or "completion" not in model.capabilities
        resident = await self._acquire(Wish(model, options, keep_alive_s, embedding))
        try:
            assert resident.ready is not None
            yield Lease(resident, resident.ready, time.monotonic_ns() - started_ns)
        finally:
            resident.release()

    def loaded(self) -> list[LoadedModel]:
        """The models that take memory now, also while they load; the last to expire first."""
        models = [_describe(one) for one in self._residents.values() if not one.is_dead]
        never = datetime.max.replace(tzinfo=UTC)
        return sorted(models, key=lambda one: one.expires_at or never, reverse=True)

    async def report(self, timeout_s: float = REPORT_TIMEOUT_S) -> list[RunnerReport]:
        """The models in memory with their runners' word on what they do. Counts as no use."""
        residents = [one for one in self._residents.values() if not one.is_dead]
        statuses = await asyncio.gather(*(_ask_status(one, timeout_s) for one in residents))
        return [
            RunnerReport(_describe(one), status)
            for one, status in zip(residents, statuses, strict=True)
        ]

    @property
    def waiting(self) -> int:
        """Requests in the line, the one that is being placed included."""
        return len(self._line)

    async def unload(self, model: Model) -> None:
        """Unload a model: now if it is idle (returns when it is gone), else once it is."""
        keys = [(model.weights_path, embedding) for embedding in (False, True)]
        residents = [self._residents[key] for key in keys if key in self._residents]
        for resident in residents:
            resident.expire()
        for resident in residents:
            if resident.is_leaving:
                await resident.wait_gone()

    async def close(self) -> None:
        """End everything: waiting requests, running ones, all processes. May be called again."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._close())
        await asyncio.shield(self._closing)

    # --- serving a wish ----------------------------------------------------------------------

    async def _acquire(self, wish: Wish) -> Resident:
        """A ready model with a reference counted for the caller."""
        has_lost_one = False
        while True:
            resident = await self._find_or_wait(wish)
            try:
                await resident.wait_ready()
                if await resident.is_well():
                    return resident
            except LoadError as exc:
                resident.release()
                if wish.alone or not self._may_help_to_be_alone(resident, exc):
                    raise
                logger.info("loading %s again without other models", wish.model.name.short)
                wish = replace(wish, alone=True)
                continue
            except BaseException:
                resident.release()
                raise
            # It died, or did not answer and was killed: this request gets another one, once.
            resident.release()
            if has_lost_one:
                raise RunnerDiedError(resident.process.describe_end())
            has_lost_one = True

    async def _find_or_wait(self, wish: Wish) -> Resident:
        if self._closing is not None:
            raise RequestCancelledError
        resident = self._find(wish)
        if resident is not None and _serves(resident, wish):
            resident.attach(wish.keep_alive_s)
            return resident
        waiter = self._line.join(wish)
        if self._placing is None:
            self._placing = asyncio.get_running_loop().create_task(self._place_all())
        try:
            return await waiter.wait()
        finally:
            self._line.leave(waiter)
            self._changed.set()

    def _find(self, wish: Wish) -> Resident | None:
        return self._residents.get((wish.model.weights_path, wish.embedding))

    def _may_help_to_be_alone(self, failed: Resident, error: LoadError) -> bool:
        """Whether memory ran out while other models took some of it (spec 6.3)."""
        text = str(error).lower()
        others = any(one is not failed for one in self._residents.values())
        return others and any(sign in text for sign in _OUT_OF_MEMORY)

    # --- placing: one task, one waiter at a time ---------------------------------------------

    async def _place_all(self) -> None:
        try:
            while (waiter := self._line.first) is not None:
                try:
                    await self._place(waiter)
                except EngineError as exc:
                    waiter.fail(exc)
                except OSError as exc:
                    waiter.fail(LoadError(f"cannot read the model's files: {exc}"))
                finally:
                    self._line.leave(waiter)
        finally:
            self._placing = None
            self._line.dismiss(RequestCancelledError)  # empty, unless this task was ended

    async def _place(self, waiter: Waiter) -> None:
        """Grant the waiter a model, loading it if there is none that will do."""
        wish = waiter.wish
        facts: ModelFacts | None = None
        while waiter.is_waiting and self._closing is None:
            self._changed.clear()
            resident = self._find(wish)
            if resident is not None and _serves(resident, wish):
                waiter.grant(resident)
                return
            if resident is not None:
                await self._make_leave(resident)
                continue
            if facts is None:
                facts = await asyncio.to_thread(
                    inspect_model, wish.model, self.settings.kv_cache_type
                )
                continue
            plan = plan_load(
                wish.model,
                wish.options,
                facts,
                self.settings,
                self._read_memory(),
                embedding=wish.embedding,
            )
            victim = self._find_victim(plan, wish)
            if victim is not None:
                await self._make_leave(victim)
                continue
            resident = self._start(wish.model, plan)
            waiter.grant(resident)
            self._share(resident)
            await resident.wait_settled()

    def _share(self, resident: Resident) -> None:
        """Let all who stand further back for the same model have this load, also its failure."""
        for waiter in self._line:
            wish = waiter.wish
            if not wish.alone and _serves(resident, wish):
                waiter.grant(resident)

    async def _make_leave(self, resident: Resident) -> None:
        """Wait for any change, with `resident` taking no new requests; stop it if it is idle."""
        if resident.is_idle:
            resident.leave()
        resident.is_draining = True
        try:
            await self._changed.wait()
        finally:
            resident.is_draining = False

    def _find_victim(self, plan: LoadPlan, wish: Wish) -> Resident | None:
        """Who has to leave before `plan` can be carried out; None: there is room."""
        others = list(self._residents.values())
        if not others:
            return None  # the first model is always tried
        loaded_bytes = sum(one.size_bytes for one in others)
        has_room = len(others) < self.settings.model_limit and fits(
            plan.predicted_bytes, loaded_bytes, self._read_memory()
        )
        if has_room and not wish.alone:
            return None
        leaving = next((one for one in others if one.is_leaving), None)
        return leaving or choose_victim(others)

    def _start(self, model: Model, plan: LoadPlan) -> Resident:
        resident = Resident(model, plan, self.settings, self._on_change)
        self._residents[resident.key] = resident
        return resident

    def _on_change(self, resident: Resident) -> None:
        if resident.is_gone and self._residents.get(resident.key) is resident:
            del self._residents[resident.key]
        self._changed.set()

    # --- the end -----------------------------------------------------------------------------

    async def _close(self) -> None:
        self._line.dismiss(RequestCancelledError)
        self._changed.set()
        residents = list(self._residents.values())
        for resident in residents:
            resident.leave()
        await asyncio.gather(*(one.wait_gone() for one in residents))
        if self._placing is not None:
            await self._placing


def _describe(resident: Resident) -> LoadedModel:
    ready = resident.ready
    return LoadedModel(
        model=resident.model,
        num_ctx=ready.num_ctx if ready else resident.plan.load.num_ctx,
        size_bytes=resident.size_bytes,
        size_gpu_bytes=ready.size_gpu_bytes if ready else 0,
        expires_at=resident.expires_at,
        pid=resident.pid,
        busy=resident.references,
    )


async def _ask_status(resident: Resident, timeout_s: float) -> frames.Status | None:
    if resident.ready is None:
        return None
    try:
        async with asyncio.timeout(timeout_s):
            answer = await resident.process.ask(frames.GetStatus(0))
    except (TimeoutError, EngineError) as exc:
        logger.info("no status of runner %d: %s", resident.pid, exc or "no answer in time")
        return None
    assert isinstance(answer, frames.Status)
    return answer


def _serves(resident: Resident, wish: Wish) -> bool:
    return resident.serves(wish.model, wish.options, embedding=wish.embedding)
