"""Makes a conversation fit the context, and drops old thinking from it (spec 6.8, 1.6).

Templates come from strangers and may take long: they are rendered in a worker thread.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Protocol

from engine.prompt.errors import TemplateError
from engine.prompt.messages import Conversation, Message

IMAGE_TOKENS = 768
"""What an image counts for when a conversation is measured."""

_THINK_BLOCK = re.compile(r"\s*<think>.*?</think>\s*", re.DOTALL)


class Renders(Protocol):
    """The part of a chat template that this module needs."""

    def render(self, conversation: Conversation, /) -> str:
        """The conversation as a prompt."""


@dataclass(frozen=True)
class FittedPrompt:
    """What is left of a conversation, and what it took to make it fit."""

    text: str
    conversation: Conversation
    dropped_messages: int = 0
    dropped_tokens: int = 0


async def truncate_history(
    template: Renders,
    conversation: Conversation,
    num_ctx: int,
    count_tokens: Callable[[str], Awaitable[int]],
    *,
    image_tokens: int = 0,
) -> FittedPrompt:
    """The prompt and the part of the conversation that fits into `num_ctx` tokens.

    Whole messages are dropped, oldest first; system messages and the last message stay, so the
    result may still be too long. `image_tokens`: cost of each image (IMAGE_TOKENS for a model
    with a projector). Costs are taken to shrink with every dropped message, so the first one that
    fits is found by bisection. A beginning that the template refuses (some insist that a user
    speaks first) is passed over. Raises TemplateError if nothing renders.
    """

    async def measure(text: str, kept: Conversation) -> int:
        images = sum(len(message.images) for message in kept.messages)
        return await count_tokens(text) + image_tokens * images

    last = len(conversation.messages) - 1
    text = await asyncio.to_thread(template.render, conversation)
    size = await measure(text, conversation)
    if last < 1 or size <= num_ctx:
        return FittedPrompt(text, conversation)

    low, high = 1, last  # the answer is in low..high; at `high` it is taken unmeasured
    best: tuple[str, Conversation] | None = None
    while low < high:
        middle = (low + high) // 2
        start, candidate = await asyncio.to_thread(
            _render_from, template, conversation, middle, high
        )
        if candidate is None:
            high = middle
        elif await measure(*candidate) <= num_ctx:
            best, high = candidate, middle
        else:
            low = start + 1
    if best is None or low > high:
        kept = _keep_from(conversation, last)
        best = await asyncio.to_thread(template.render, kept), kept
    return FittedPrompt(
        *best,
        dropped_messages=len(conversation.messages) - len(best[1].messages),
        dropped_tokens=max(0, size - await measure(*best)),
    )


def _render_from(
    template: Renders, conversation: Conversation, start: int, end: int
) -> tuple[int, tuple[str, Conversation] | None]:
    """The first beginning in start..end-1 that the template accepts, and its rendering."""
    for index in range(start, end):
        kept = _keep_from(conversation, index)
        try:
            return index, (template.render(kept), kept)
        except TemplateError:
            continue
    return end, None


def _keep_from(conversation: Conversation, start: int) -> Conversation:
    messages = conversation.messages
    system = tuple(message for message in messages[:start] if message.role == "system")
    return replace(conversation, messages=system + messages[start:])


def strip_old_thinking(conversation: Conversation) -> Conversation:
    """Assistant messages before the last user message lose a leading `<think>` block.

    For models that were trained without their own old thoughts (families qwen3, deepseek-r1).
    """
    messages = conversation.messages
    users = [index for index, message in enumerate(messages) if message.role == "user"]
    last_user = users[-1] if users else 0
    stripped = tuple(
        _without_thinking(message) if index < last_user else message
        for index, message in enumerate(messages)
    )
    return replace(conversation, messages=stripped)


def _without_thinking(message: Message) -> Message:
    block = _THINK_BLOCK.match(message.content) if message.role == "assistant" else None
    return replace(message, content=message.content[block.end() :]) if block else message
