"""POST /v1/completions (spec 1.15). Event loop."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request

from api.ollama.references import local_name
from api.openai.completion_body import (
    CompletionBody,
    Prompt,
    count_candidates,
    read_prompts,
    read_stop,
)
from api.openai.completion_replies import CompletionTranslator, Wanted
from api.openai.logit_bias import read_logit_bias
from api.server.body import read_shape, request_body
from api.server.logprobs import MAX_TOP_LOGPROBS
from api.server.priority import read_priority
from api.server.streaming import Answer
from engine.candidates import SEED_RANGE, side_by_side
from engine.completion import Delta, Event, GenerateRequest
from engine.engine import Engine
from engine.errors import InvalidRequestError
from engine.frames import Priority
from engine.inspection import InspectedModel, detokenize


def completions_router(engine: Engine) -> APIRouter:
    """The route of editors that complete code, and of evaluation harnesses."""
    router = APIRouter()

    @router.post("/v1/completions", openapi_extra=request_body(CompletionBody))
    async def completions(request: Request) -> Answer:
        """Complete prompts. Streams server-sent events if `stream` is true.

        The model's chat template is applied to prompts that are text, as Ollama does, unless
        `raw` is true; prompts of tokens reach the model as they are.
        """
        body = await read_shape(request, CompletionBody)
        _check_logprobs(body)
        prompts = read_prompts(body.prompt)
        candidates = count_candidates(body, len(prompts))
        name = local_name(body.model)
        if not name:
            raise InvalidRequestError("model is required")
        options = _options(body)
        priority = read_priority(request)
        answers = [
            _answer(engine, body, _generate(name, body, prompt, _vary(options, turn), priority))
            for prompt in prompts
            for turn in range(candidates)
        ]
        wanted = Wanted(
            num_prompts=len(prompts),
            choices=body.n,
            candidates=candidates,
            logprobs=body.logprobs is not None,
            include_usage=body.stream_options.include_usage,
        )
        translator = CompletionTranslator(body.model, wanted)
        return Answer(side_by_side(answers), translator, stream=body.stream)

    return router


def _check_logprobs(body: CompletionBody) -> None:
    if body.logprobs is None:
        return
    if not 0 <= body.logprobs <= MAX_TOP_LOGPROBS:
        raise InvalidRequestError(f"logprobs must be between 0 and {MAX_TOP_LOGPROBS}")
    if body.echo:
        raise InvalidRequestError("logprobs cannot be combined with echo")


def _generate(
    name: str, body: CompletionBody, prompt: Prompt, options: dict[str, Any], priority: Priority
) -> GenerateRequest:
    has_rivals = body.best_of is not None and body.best_of > body.n
    return GenerateRequest(
        model=name,
        prompt=prompt.text,
        prompt_tokens=prompt.tokens,
        suffix=body.suffix,
        raw=body.raw or bool(prompt.tokens),
        options=options,
        think=body.think,
        # Candidates are compared by what their tokens' likelihoods are.
        top_logprobs=0 if body.logprobs is None and has_rivals else body.logprobs,
        logit_bias=read_logit_bias(body.logit_bias),
        priority=priority,
    )


def _options(body: CompletionBody) -> dict[str, Any]:
    """Absent temperature and top_p are 1.0, whatever the model's own defaults (spec 1.15)."""
    options: dict[str, Any] = {
        **body.options,
        "temperature": 1.0 if body.temperature is None else body.temperature,
        "top_p": body.top_p or 1.0,
        "frequency_penalty": body.frequency_penalty,
        "presence_penalty": body.presence_penalty,
    }
    given = {
        "seed": body.seed,
        "num_predict": body.max_tokens,
        "num_ctx": body.num_ctx,
        "stop": read_stop(body.stop),
    }
    return options | {key: value for key, value in given.items() if value is not None}


def _vary(options: dict[str, Any], turn: int) -> dict[str, Any]:
    """With a fixed seed the answers to one prompt differ all the same, the same way each time."""
    seed = options.get("seed")
    if turn == 0 or type(seed) is not int or seed < 0:
        return options
    return {**options, "seed": (seed + turn) % SEED_RANGE}


def _answer(
    engine: Engine, body: CompletionBody, request: GenerateRequest
) -> AsyncGenerator[Event, None]:
    events = engine.generate(request)
    if not body.echo:
        return events

    async def prompt_text() -> str:
        if not request.prompt_tokens:
            return request.prompt
        return await detokenize(engine, InspectedModel(request.model), request.prompt_tokens)

    return _echo(events, prompt_text)


async def _echo(
    events: AsyncGenerator[Event, None], prompt_text: Callable[[], Awaitable[str]]
) -> AsyncGenerator[Event, None]:
    """The prompt goes first, once the request turns out to be acceptable."""
    async with aclosing(events):
        is_first = True
        async for event in events:
            if is_first and (text := await prompt_text()):
                yield Delta(text)
            is_first = False
            yield event
