"""The whole engine behind one object: a model name and a request in, a stream of events out.

Runs in the server's event loop. It joins the library (which model is that), the prompt package
(what text does the model see) and the scheduler (who computes it); each knows nothing of the
others. The order of checks follows spec 1.5 and 1.6.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from engine.answer import Answer, Prompt
from engine.completion import ChatRequest, Done, Event, GenerateRequest, Metrics, Rendered
from engine.errors import CapabilityError, InvalidRequestError
from engine.library.library import Library
from engine.library.model import Model
from engine.options import merge_options
from engine.prompt.history import strip_old_thinking, truncate_history
from engine.prompt.messages import Conversation, Message
from engine.prompt.template import ChatTemplate, choose_template, render_prompt
from engine.scheduler.lease import Lease
from engine.scheduler.scheduler import Scheduler

logger = logging.getLogger(__name__)

_SPECIAL_TOKENS = 4
"""More than any tokenizer adds to a text on its own."""


class Engine:
    """Answers requests about the models of one library.

    `go_template` is OLLAMA_GO_TEMPLATE: True forces a model's Go TEMPLATE, False forbids it, None
    follows the rules of spec 0.
    """

    def __init__(
        self, library: Library, scheduler: Scheduler, *, go_template: bool | None = None
    ) -> None:
        self.library = library
        self.scheduler = scheduler
        self._go_template = go_template

    async def close(self) -> None:
        """Ends every runner. Requests in flight fail."""
        await self.scheduler.close()

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Event, None]:
        """Complete a prompt (spec 1.5). Raises EngineErrors from the iteration."""
        started_ns = time.monotonic_ns()
        model = await asyncio.to_thread(self._find, request.model)
        if not request.prompt and not request.prompt_tokens and request.keep_alive == 0:
            await self.scheduler.unload(model)
            yield Done("unload")
            return
        if request.raw and (request.template or request.system or request.context):
            raise InvalidRequestError("raw mode does not support template, system, or context")
        _require_completion(model, request.model, "generate")
        if request.suffix:
            _require(model, "insert")
        if request.images:
            _require(model, "vision")
        think = _resolve_think(model, request.model, request.think)
        options = merge_options(model.parameters, request.options)
        async with self.scheduler.lease(model, options, request.keep_alive) as lease:
            loaded_ns = time.monotonic_ns()
            if not request.prompt and not request.prompt_tokens:
                yield Done("load", _load_metrics(started_ns, loaded_ns))
                return
            prompt = await self._generate_prompt(request, model, lease, think)
            if request.render_only:
                yield Rendered(prompt.text, prompt.num_images)
                return
            answer = Answer(lease, options, request, started_ns, loaded_ns)
            async with aclosing(answer.events(prompt, think)) as events:
                async for event in events:
                    yield event

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        """Continue a conversation (spec 1.6). Raises EngineErrors from the iteration."""
        started_ns = time.monotonic_ns()
        model = await asyncio.to_thread(self._find, request.model)
        if not request.messages and request.keep_alive == 0:
            await self.scheduler.unload(model)
            yield Done("unload")
            return
        _require_completion(model, request.model, "chat")
        if request.tools:
            _require(model, "tools")
        if any(message.images for message in request.messages):
            _require(model, "vision")
        think = _resolve_think(model, request.model, request.think)
        options = merge_options(model.parameters, request.options)
        async with self.scheduler.lease(model, options, request.keep_alive) as lease:
            loaded_ns = time.monotonic_ns()
            if not request.messages:
                yield Done("load", _load_metrics(started_ns, loaded_ns))
                return
            conversation = Conversation(
                _chat_messages(model, request), request.offered_tools, think
            )
            prompt = await self._chat_prompt(model, lease, conversation, request.truncate)
            if request.render_only:
                yield Rendered(prompt.text, prompt.num_images)
                return
            answer = Answer(lease, options, request, started_ns, loaded_ns)
            async with aclosing(answer.events(prompt, think)) as events:
                async for event in events:
                    yield event

    def _find(self, name: str) -> Model:
        model = self.library.get(name)
        if model.problem is not None:
            raise model.problem
        if model.template is None and model.jinja_template is None:
            logger.info("%s has no template: prompts reach it as they are", model.name.short)
        return model

    async def _generate_prompt(
        self, request: GenerateRequest, model: Model, lease: Lease, think: bool | str | None
    ) -> Prompt:
        if request.raw:
            return Prompt(request.prompt, None, tokens=request.prompt_tokens)
        system = model.system if request.system is None else request.system
        if request.suffix or request.template:
            source = request.template or model.template or ""
            text = await asyncio.to_thread(
                render_prompt, source, system, request.prompt, request.suffix
            )
            prompt = Prompt(text, self._template(model, lease))
        else:
            messages: list[Message] = [Message("system", system)] if system else []
            if not request.context:
                messages += model.messages
            messages.append(Message("user", request.prompt, images=request.images))
            conversation = Conversation(tuple(messages), (), think)
            prompt = await self._chat_prompt(model, lease, conversation, request.truncate)
        if request.context:
            before = await lease.detokenize(request.context)
            prompt = replace(prompt, text=before + prompt.text)
        return prompt

    async def _chat_prompt(
        self, model: Model, lease: Lease, conversation: Conversation, truncate: bool
    ) -> Prompt:
        template = self._template(model, lease)
        if model.config.model_family == "qwen3" or model.name.model == "deepseek-r1":
            conversation = strip_old_thinking(conversation)
        if not truncate:
            text = await asyncio.to_thread(template.render, conversation)
            return Prompt(text, template, _count_images(conversation))

        async def count_tokens(text: str) -> int:
            # A token is a byte at least; most prompts are so short that this settles it.
            most = len(text.encode("utf-8", "surrogatepass")) + _SPECIAL_TOKENS
            return most if most <= lease.num_ctx else len(await lease.tokenize(text))

        fitted = await truncate_history(template, conversation, lease.num_ctx, count_tokens)
        return Prompt(
            fitted.text,
            template,
            _count_images(fitted.conversation),
            fitted.dropped_messages,
            fitted.dropped_tokens,
        )

    def _template(self, model: Model, lease: Lease) -> ChatTemplate:
        return choose_template(
            model.template,
            model.jinja_template,
            lease.ready.bos_text,
            lease.ready.eos_text,
            self._go_template,
        )


def _count_images(conversation: Conversation) -> int:
    return sum(len(message.images) for message in conversation.messages)


def _chat_messages(model: Model, request: ChatRequest) -> tuple[Message, ...]:
    messages = (*model.messages, *request.messages)
    if model.system and request.messages[0].role != "system":
        return (Message("system", model.system), *messages)
    return messages


def _load_metrics(started_ns: int, loaded_ns: int) -> Metrics:
    duration_ns = loaded_ns - started_ns
    return Metrics(total_duration=duration_ns, load_duration=duration_ns)


def _resolve_think(
    model: Model, requested_name: str, think: bool | str | None
) -> bool | str | None:
    """What to tell the template: thinking models think unless told otherwise (spec 1.5)."""
    if "thinking" in model.capabilities:
        return True if think is None else think
    if think:
        raise CapabilityError(f'"{requested_name}" does not support thinking')
    return None


def _require_completion(model: Model, requested_name: str, verb: str) -> None:
    if "completion" not in model.capabilities:
        raise CapabilityError(f'"{requested_name}" does not support {verb}')


def _require(model: Model, capability: str) -> None:
    if capability not in model.capabilities:
        raise CapabilityError(f"{model.name.full} does not support {capability}")
