"""From a `Load` command to a model that makes vectors. Main thread."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from engine import frames
from engine.runner.embedding.context import (
    EmbeddingContext,
    EmbeddingSettings,
    Traits,
    read_pair_format,
    read_traits,
)
from engine.runner.embedding.loop import PACK_TOKENS, EmbeddingModel
from engine.runner.llama import (
    AbortFlag,
    LlamaError,
    Model,
    read_problems,
    read_system_info,
)
from engine.runner.loading import (
    MIN_NUM_CTX,
    count_cores,
    offloaded_share,
    open_model,
    private_bytes,
)
from engine.runner.threads import ThreadSettings

NUM_SEQUENCES = 64
"""Most inputs in one pack."""
NUM_RECURRENT_SEQUENCES = 4
"""Of models that keep a state of some megabytes for each."""


@dataclass(frozen=True)
class LoadedEmbedding:
    """An open model."""

    model: Model
    parts: EmbeddingModel
    ready: frames.Ready

    def close(self) -> None:
        self.parts.context.close()
        self.model.close()


def load_embedding(
    command: frames.Load,
    abort: AbortFlag,
    on_progress: Callable[[float], None],
    is_stopped: Callable[[], bool],
) -> LoadedEmbedding:
    """Raises LlamaError with a message fit for the user."""
    started_ns = time.monotonic_ns()
    model = open_model(command, on_progress, is_stopped)
    try:
        return _open_context(command, model, abort, started_ns)
    except LlamaError:
        model.close()
        raise


def _open_context(
    command: frames.Load, model: Model, abort: AbortFlag, started_ns: int
) -> LoadedEmbedding:
    traits = read_traits(model)
    trained = model.num_ctx_train if model.num_ctx_train > 0 else command.num_ctx
    num_ctx = max(MIN_NUM_CTX, min(command.num_ctx, trained))
    num_sequences = NUM_RECURRENT_SEQUENCES if traits.is_recurrent else NUM_SEQUENCES
    num_tokens = max(num_ctx, PACK_TOKENS)
    before = private_bytes()
    context = EmbeddingContext(
        model,
        traits,
        EmbeddingSettings(
            num_tokens=num_tokens,
            num_batch=_choose_batch(command, traits, num_tokens),
            num_sequences=num_sequences,
            num_threads=command.num_threads if command.num_threads > 0 else count_cores(),
            flash_attention=command.flash_attention,
        ),
        abort,
    )
    try:
        _warm_up(model, context)
    except LlamaError:
        context.close()
        raise
    size_bytes = model.size_bytes + max(0, private_bytes() - before)
    vocabulary = model.vocabulary
    ready = frames.Ready(
        num_ctx=num_ctx,
        num_ctx_train=model.num_ctx_train,
        num_parallel=num_sequences,
        vocab_size=vocabulary.size,
        bos_text=vocabulary.text(vocabulary.bos),
        eos_text=vocabulary.text(vocabulary.eos),
        size_bytes=size_bytes,
        size_gpu_bytes=int(size_bytes * offloaded_share(command, model)),
        load_ns=time.monotonic_ns() - started_ns,
        system_info=read_system_info(),
    )
    parts = EmbeddingModel(
        context,
        vocabulary,
        traits,
        read_pair_format(model),
        num_ctx,
        num_sequences,
        _thread_settings(command),
    )
    return LoadedEmbedding(model, parts, ready)


def _thread_settings(command: frames.Load) -> ThreadSettings:
    if command.num_threads > 0:
        return ThreadSettings(fixed=command.num_threads)
    cores = count_cores()
    return ThreadSettings(cores=cores, decode=cores, prefill=cores)


def _choose_batch(command: frames.Load, traits: Traits, num_tokens: int) -> int:
    """An input that is not read in pieces must be computed as a whole."""
    if not traits.reads_in_pieces:
        return num_tokens
    return min(max(command.num_batch, NUM_SEQUENCES), num_tokens)


def _warm_up(model: Model, context: EmbeddingContext) -> None:
    """A model that can't run at all fails here rather than at the first request."""
    status = context.run([[max(0, model.vocabulary.bos)]])
    if status != 0:
        reason = read_problems() or f"llama.cpp returned {status}"
        raise LlamaError(f"the model loads but does not run: {reason}")
