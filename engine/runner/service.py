"""The runner's life after its pipes are up: load the model, run the engine loop. Main thread."""

import importlib
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from engine import frames
from engine.runner.cancellation import Cancellation
from engine.runner.inbox import Inbox
from engine.runner.llama import AbortFlag, LlamaError, start_backend, stop_backend
from engine.runner.loading import Loaded, load
from engine.runner.pipes import Pipes, Reader

if TYPE_CHECKING:
    from engine.runner.embedding.loading import LoadedEmbedding

logger = logging.getLogger(__name__)

EXIT_OK = 0
EXIT_LOAD_FAILED = 1
EXIT_PROTOCOL = 2


def run_service(pipes: Pipes) -> int:
    """Returns the exit status. Raises BrokenPipeError if the parent stops reading."""
    abort = AbortFlag()
    cancellation = Cancellation(abort)
    inbox = Inbox()
    Reader(pipes, inbox, cancellation).start()
    # numpy takes 100 ms to import; meanwhile the main thread reads the model file.
    threading.Thread(target=importlib.import_module, args=("engine.runner.loop",)).start()
    command, _ = inbox.get()
    if isinstance(command, frames.Shutdown):
        return EXIT_OK
    if not isinstance(command, frames.Load):
        logger.error("the first command must be Load, not %s", type(command).__name__)
        return EXIT_PROTOCOL
    start_backend()
    try:
        loaded = _choose_loader(command)(
            command,
            abort,
            lambda progress: pipes.send([frames.Loading(progress)]),
            lambda: cancellation.stopped,
        )
    except LlamaError as exc:
        if cancellation.stopped:
            return EXIT_OK
        pipes.send([frames.LoadFailed(str(exc))])
        return EXIT_LOAD_FAILED
    try:
        if isinstance(loaded, Loaded):
            _run_loop(command, loaded, pipes, inbox, cancellation)
        else:
            _run_embedding_loop(loaded, pipes, inbox, cancellation)
    finally:
        loaded.close()
        stop_backend()
    return EXIT_OK


def _choose_loader(
    command: frames.Load,
) -> "Callable[..., Loaded | LoadedEmbedding]":
    if not command.embedding:
        return load
    from engine.runner.embedding.loading import load_embedding

    return load_embedding


def _run_loop(
    command: frames.Load, loaded: Loaded, pipes: Pipes, inbox: Inbox, cancellation: Cancellation
) -> None:
    from engine.runner.loop import EngineLoop, LoopSettings
    from engine.runner.prefix.opening import open_tiers

    ready = loaded.ready
    loop = EngineLoop(
        loaded.context,
        loaded.model.vocabulary,
        LoopSettings(
            ready.num_ctx,
            ready.num_parallel,
            loaded.num_batch,
            num_cells=loaded.num_cells,
            num_outputs=loaded.num_outputs,
            can_draft=loaded.model.can_cut,
            threads=loaded.threads,
        ),
        inbox=inbox,
        send=pipes.send,
        cancellation=cancellation,
        tiers=open_tiers(command, loaded.model, loaded.context),
    )
    pipes.send([ready])
    loop.run()


def _run_embedding_loop(
    loaded: "LoadedEmbedding", pipes: Pipes, inbox: Inbox, cancellation: Cancellation
) -> None:
    from engine.runner.embedding.loop import EmbeddingLoop

    loop = EmbeddingLoop(loaded.parts, inbox=inbox, send=pipes.send, cancellation=cancellation)
    pipes.send([loaded.ready])
    loop.run()
