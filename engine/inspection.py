"""Looking at what a model sees: texts as tokens, tokens as text, conversations as prompts.

Runs in the server's event loop, beside `engine.py`. All of it needs the model loaded, because
only its runner knows its vocabulary.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from engine.completion import ChatRequest, Rendered
from engine.engine import Engine
from engine.errors import InvalidRequestError
from engine.options import merge_options
from engine.scheduler.lease import Lease


@dataclass(frozen=True)
class InspectedModel:
    """The model to ask, and how to load it."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    keep_alive: float | None = None
    """As in `GenerateRequest`."""


async def tokenize(
    engine: Engine, model: InspectedModel, text: str, *, add_special: bool = False
) -> tuple[int, ...]:
    """A text's tokens; control tokens written in it count as such. Raises EngineErrors.

    `add_special`: with those that the model wants around a prompt, as a generation would.
    """
    async with _lease(engine, model) as lease:
        return await lease.tokenize(text, add_special)


async def detokenize(engine: Engine, model: InspectedModel, tokens: tuple[int, ...]) -> str:
    """The text of some tokens. Raises EngineErrors."""
    async with _lease(engine, model) as lease:
        return await lease.detokenize(tokens)


async def apply_template(engine: Engine, request: ChatRequest) -> str:
    """The prompt that a chat would begin with, nothing dropped. Raises EngineErrors."""
    if not request.messages:
        raise InvalidRequestError("messages is required")
    rendering = replace(request, render_only=True, truncate=False)
    async with aclosing(engine.chat(rendering)) as events:
        event = await anext(events)
    assert isinstance(event, Rendered)
    return event.prompt


@asynccontextmanager
async def _lease(engine: Engine, wanted: InspectedModel) -> AsyncIterator[Lease]:
    model = await asyncio.to_thread(engine.library.get, wanted.name)
    if model.problem is not None:
        raise model.problem
    options = merge_options(model.parameters, wanted.options)
    async with engine.scheduler.lease(model, options, wanted.keep_alive) as lease:
        yield lease
