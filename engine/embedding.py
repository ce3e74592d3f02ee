"""Vectors and scores: what can be asked of a model besides text, and how it is answered.

Runs in the server's event loop, like `engine.py`, which it belongs to.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.errors import CapabilityError, InvalidRequestError
from engine.frames import Embed, Embedded, Rerank, Reranked
from engine.library.library import Library
from engine.library.model import Model
from engine.options import merge_options
from engine.scheduler.lease import Lease
from engine.scheduler.scheduler import Scheduler

logger = logging.getLogger(__name__)

MAX_INPUTS = 65_536
"""Of one request. Vectors are held in memory until the last one is there."""
FRAME_INPUTS = 512
"""Inputs that go to the runner at a time: an answer must fit into a frame."""
RANK_POOLING = 4
FLOAT_BYTES = 4

Input = str | tuple[int, ...]
"""A text, or the model's tokens for one."""


@dataclass(frozen=True)
class EmbedRequest:
    """Texts to turn into vectors (/api/embed, /api/embeddings, /v1/embeddings)."""

    model: str
    inputs: tuple[Input, ...]
    """None: load the model."""
    truncate: bool = True
    dimensions: int = 0
    """Keep so many leading values; 0, or more than the model has: all."""
    normalize: bool | None = True
    """None: unless the model is of the old kind whose vectors were never scaled (spec 1.8)."""
    options: Mapping[str, Any] = field(default_factory=dict)
    keep_alive: float | None = None
    """As in `GenerateRequest`."""


@dataclass(frozen=True)
class Usage:
    """What a request took. Durations in nanoseconds."""

    total_duration: int = 0
    load_duration: int = 0
    prompt_tokens: int = 0
    dropped_tokens: int = 0
    """Tokens of inputs that did not fit the context."""


@dataclass(frozen=True)
class EmbedResult:
    """One vector for each input, in their order."""

    vectors: bytes
    """Little-endian float32, one vector after the other."""
    dimensions: int
    usage: Usage


@dataclass(frozen=True)
class RerankRequest:
    """Documents to order by how well they answer a query (/api/rerank, /v1/rerank)."""

    model: str
    query: str
    documents: tuple[str, ...]
    truncate: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)
    keep_alive: float | None = None


@dataclass(frozen=True)
class Ranked:
    """A document's place in the request, and its score from 0 to 1."""

    index: int
    score: float


@dataclass(frozen=True)
class RerankResult:
    """All documents, the best first; equal ones in the order of the request."""

    documents: tuple[Ranked, ...]
    usage: Usage


async def embed(library: Library, scheduler: Scheduler, request: EmbedRequest) -> EmbedResult:
    """Raises EngineErrors. Any model will do (spec 1.7), but for rerankers."""
    started_ns = time.monotonic_ns()
    model = await asyncio.to_thread(_find, library, request.model)
    if is_reranker(model):
        raise CapabilityError(
            f'"{request.model}" does not support embeddings; it ranks documents (/api/rerank)'
        )
    _check_number(request.inputs)
    normalize = request.normalize
    if normalize is None:
        normalize = not _was_never_normalized(model)
    options = merge_options(model.parameters, request.options)
    async with scheduler.lease(model, options, request.keep_alive, embedding=True) as lease:
        loaded_ns = time.monotonic_ns()
        answers = await _embed_all(lease, request, normalize)
    usage = _usage(answers, started_ns, loaded_ns, lease.num_ctx)
    vectors = b"".join(answer.vectors for answer in answers)
    return EmbedResult(vectors, answers[0].dimensions if answers else 0, usage)


async def _embed_all(lease: Lease, request: EmbedRequest, normalize: bool) -> list[Embedded]:
    answers: list[Embedded] = []
    for start in range(0, len(request.inputs), FRAME_INPUTS):
        command = Embed(
            request_id=0,
            inputs=request.inputs[start : start + FRAME_INPUTS],
            truncate=request.truncate,
            normalize=normalize,
            dimensions=max(0, request.dimensions),
        )
        answers.append(await lease.embed(command))
    return answers


async def rerank(library: Library, scheduler: Scheduler, request: RerankRequest) -> RerankResult:
    """Raises EngineErrors; CapabilityError if the model is no reranker."""
    started_ns = time.monotonic_ns()
    model = await asyncio.to_thread(_find, library, request.model)
    if not is_reranker(model):
        raise CapabilityError(f'"{request.model}" does not support rerank')
    _check_number(request.documents)
    options = merge_options(model.parameters, request.options)
    async with scheduler.lease(model, options, request.keep_alive, embedding=True) as lease:
        loaded_ns = time.monotonic_ns()
        answers: list[Reranked] = []
        for start in range(0, len(request.documents), FRAME_INPUTS):
            documents = request.documents[start : start + FRAME_INPUTS]
            answers.append(
                await lease.rerank(Rerank(0, request.query, documents, request.truncate))
            )
    scores = [score for answer in answers for score in answer.scores]
    ranked = sorted(map(Ranked, range(len(scores)), scores), key=lambda one: -one.score)
    return RerankResult(tuple(ranked), _usage(answers, started_ns, loaded_ns, lease.num_ctx))


def is_reranker(model: Model) -> bool:
    """Whether the model ends in a classification head. Reads the file's header."""
    return model.header.get("pooling_type") == RANK_POOLING


def _find(library: Library, name: str) -> Model:
    model = library.get(name)
    if model.problem is not None:
        raise model.problem
    _ = model.header  # read it here, where waiting for the disk is allowed
    return model


def _was_never_normalized(model: Model) -> bool:
    header = model.header
    return header.architecture in ("bert", "nomic-bert") and not header.get("normalize_embeddings")


def _check_number(inputs: Sequence[object]) -> None:
    if len(inputs) > MAX_INPUTS:
        raise InvalidRequestError(f"too many inputs: {len(inputs)} (at most {MAX_INPUTS})")


def _usage(
    answers: Sequence[Embedded | Reranked], started_ns: int, loaded_ns: int, num_ctx: int
) -> Usage:
    dropped = sum(answer.truncated_tokens for answer in answers)
    if dropped:
        logger.warning(
            "inputs did not fit into %d tokens: %d tokens were dropped", num_ctx, dropped
        )
    return Usage(
        total_duration=time.monotonic_ns() - started_ns,
        load_duration=loaded_ns - started_ns,
        prompt_tokens=sum(answer.prompt_tokens for answer in answers),
        dropped_tokens=dropped,
    )
