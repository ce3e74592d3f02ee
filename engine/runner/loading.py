"""From a `Load` command to an open model and context: sizes, threads, memory. Main thread."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil  # type: ignore[import-untyped]

from engine import frames
from engine.runner.calibration import calibrate_threads
from engine.runner.llama import (
    AbortFlag,
    Batch,
    Context,
    ContextSettings,
    LlamaError,
    Model,
    ModelSettings,
    has_gpu,
    read_problems,
    read_system_info,
)
from engine.runner.speculation.drafting import MAX_DRAFT
from engine.runner.threads import ThreadSettings

MIN_NUM_CTX = 4
_MAX_DRAFT_BYTES = 32 * 1024 * 1024
"""Most memory for logits of guesses."""
_PROGRESS_STEP = 0.02


@dataclass(frozen=True)
class Loaded:
    """An open model. Close the context first, then the model."""

    model: Model
    context: Context
    ready: frames.Ready
    num_batch: int
    num_cells: int
    num_outputs: int
    threads: ThreadSettings

    def close(self) -> None:
        self.context.close()
        self.model.close()


def load(
    command: frames.Load,
    abort: AbortFlag,
    on_progress: Callable[[float], None],
    is_stopped: Callable[[], bool],
) -> Loaded:
    """Raises LlamaError with a message fit for the user."""
    started_ns = time.monotonic_ns()
    model = open_model(command, on_progress, is_stopped)
    try:
        return _open_context(command, model, abort, started_ns)
    except LlamaError:
        model.close()
        raise


def open_model(
    command: frames.Load, on_progress: Callable[[float], None], is_stopped: Callable[[], bool]
) -> Model:
    """The weights, without a context. Raises LlamaError, also if `is_stopped` meanwhile."""
    reported = 0.0

    def on_model_progress(progress: float) -> bool:
        nonlocal reported
        if progress >= reported + _PROGRESS_STEP or progress >= 1:
            reported = progress
            on_progress(progress)
        return not is_stopped()

    settings = ModelSettings(
        path=command.model_path,
        num_gpu_layers=command.num_gpu_layers,
        main_gpu=command.main_gpu,
        use_mmap=command.use_mmap,
        adapter_paths=command.adapter_paths,
    )
    return Model(settings, on_model_progress)


def _open_context(command: frames.Load, model: Model, abort: AbortFlag, started_ns: int) -> Loaded:
    if not model.can_generate:
        raise LlamaError("this model does not generate text")
    trained = model.num_ctx_train if model.num_ctx_train > 0 else command.num_ctx
    num_ctx = max(MIN_NUM_CTX, min(command.num_ctx, trained))
    num_parallel = max(1, command.num_parallel)
    num_cells = _count_cells(command, model, num_ctx)
    num_outputs = num_parallel + _count_drafts(model)
    num_batch = max(num_parallel, min(command.num_batch, num_cells), 1)
    before = private_bytes()
    context = Context(
        model,
        ContextSettings(
            num_cells=num_cells,
            num_sequences=num_parallel,
            num_batch=num_batch,
            num_threads=command.num_threads if command.num_threads > 0 else count_cores(),
            num_outputs=num_outputs,
            flash_attention=command.flash_attention,
            kv_type=command.kv_cache_type,
        ),
        abort,
    )
    _warm_up(model, context)
    threads = _choose_threads(command, context)
    grown = private_bytes() - before
    context_bytes = num_cells * model.kv_bytes_per_cell(command.kv_cache_type)
    offloaded = offloaded_share(command, model)
    if grown > 0 and not offloaded:
        context_bytes = grown
    size_bytes = model.size_bytes + context_bytes
    vocabulary = model.vocabulary
    ready = frames.Ready(
        num_ctx=num_ctx,
        num_ctx_train=model.num_ctx_train,
        num_parallel=num_parallel,
        vocab_size=vocabulary.size,
        bos_text=vocabulary.text(vocabulary.bos),
        eos_text=vocabulary.text(vocabulary.eos),
        size_bytes=size_bytes,
        size_gpu_bytes=int(size_bytes * offloaded),
        load_ns=time.monotonic_ns() - started_ns,
        system_info=read_system_info(),
    )
    return Loaded(model, context, ready, num_batch, num_cells, num_outputs, threads)


def _count_cells(command: frames.Load, model: Model, num_ctx: int) -> int:
    """Cells of the pool that all sequences share; one of them may always fill its context."""
    most = num_ctx * max(1, command.num_parallel)
    # Memory that can't be cut is not made of cells.
    if command.num_cells <= 0 or not model.can_cut:
        return most
    return max(num_ctx, min(command.num_cells, most))


def _count_drafts(model: Model) -> int:
    """Rows of logits for guesses that are verified together."""
    if not model.can_cut:
        return 0
    return max(0, min(MAX_DRAFT, _MAX_DRAFT_BYTES // (4 * model.vocabulary.size)))


def _choose_threads(command: frames.Load, context: Context) -> ThreadSettings:
    if command.num_threads > 0:
        return ThreadSettings(fixed=command.num_threads)
    if has_gpu():
        cores = count_cores()
        return ThreadSettings(cores=cores, decode=cores, prefill=cores)
    return calibrate_threads(context, count_cores())


def _warm_up(model: Model, context: Context) -> None:
    """One token through the model: the first request finds everything allocated, and a model
    that can't run at all fails here rather than there."""
    batch = Batch(1, 1)
    batch.add(max(0, model.vocabulary.bos), 0, 0)
    status = context.decode(batch)
    context.clear()
    if status != 0:
        reason = read_problems() or f"llama_decode returned {status}"
        raise LlamaError(f"the model loads but does not run: {reason}")


def private_bytes() -> int:
    """Memory of this process that no file backs; 0 where the OS does not tell.

    What the context adds to it is KV cache and compute buffers, as far as they were touched.
    llama.cpp's own accounting has a C++ interface only.
    """
    info = psutil.Process().memory_info()
    return int(info.rss - info.shared) if hasattr(info, "shared") else 0


def offloaded_share(command: frames.Load, model: Model) -> float:
    """Which part of the layers is on a GPU; llama.cpp counts the output layer too."""
    if not has_gpu():
        return 0.0
    layers = model.num_layers + 1
    wanted = command.num_gpu_layers
    return 1.0 if wanted < 0 else min(wanted, layers) / layers


def count_cores() -> int:
    """Physical cores this process may use. Two threads on one core only wait for each other."""
    physical = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        physical = min(physical, len(os.sched_getaffinity(0)))
    return max(1, physical)
