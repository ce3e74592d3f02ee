"""One answer: from a rendered prompt through a runner to events. Event loop only."""

import asyncio
import logging
import secrets
import string
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from engine.completion import (
    ChatRequest,
    Delta,
    Done,
    DoneReason,
    Event,
    GenerateRequest,
    Metrics,
    ToolCalled,
)
from engine.errors import InvalidRequestError
from engine.frames import Chunk, Constraint, Finished, Generate, TokenLogprob
from engine.options import Options
from engine.prompt.messages import ToolCall
from engine.prompt.parsing import events as parsed
from engine.prompt.parsing.grammar import tool_grammar
from engine.prompt.parsing.parser import FormatParser, parser_for
from engine.prompt.parsing.probe import ends_in_thoughts, find_format
from engine.prompt.template import ChatTemplate
from engine.scheduler.lease import Lease

logger = logging.getLogger(__name__)

THINKING_SHARE = 75
"""Percent of its tokens (num_predict, or the context) that an answer with a format may think;
the rest is for what was asked for."""

_ID_LETTERS = string.ascii_lowercase + string.digits


@dataclass(frozen=True)
class Prompt:
    """A prompt as it goes to the runner, and what is needed to read the answer."""

    text: str
    template: ChatTemplate | None
    """None for raw prompts: the answer is passed on as it is."""
    num_images: int = 0
    dropped_messages: int = 0
    dropped_tokens: int = 0
    tokens: tuple[int, ...] = ()
    """The prompt as tokens, instead of `text`."""


@dataclass(frozen=True)
class Answer:
    """One trip through a runner, with the clocks of spec 1.5."""

    lease: Lease
    options: Options
    request: GenerateRequest | ChatRequest
    started_ns: int
    loaded_ns: int

    async def events(self, prompt: Prompt, think: bool | str | None) -> AsyncGenerator[Event, None]:
        """The answer to a prompt. Raises EngineErrors from the iteration."""
        # Finding a format renders a stranger's template.
        parser = await asyncio.to_thread(self._parser, prompt, think)
        command = await self._command(prompt, think, parser)
        reader = _Reader(parser)
        async with aclosing(self.lease.generate(command)) as reports:
            async for report in reports:
                if isinstance(report, Chunk):
                    for event in reader.read(report):
                        yield event
                    continue
                for event in reader.finish():
                    yield event
                yield self._done(prompt, report)

    @property
    def _tools(self) -> tuple[dict[str, Any], ...]:
        return self.request.offered_tools if isinstance(self.request, ChatRequest) else ()

    def _parser(self, prompt: Prompt, think: bool | str | None) -> FormatParser | None:
        if prompt.template is None:
            return None
        return parser_for(prompt.template, prompt.text, self._tools, think)

    async def _command(
        self, prompt: Prompt, think: bool | str | None, parser: FormatParser | None
    ) -> Generate:
        options, request = self.options, self.request
        constraint = await self._tool_constraint(prompt) or request.constraint
        if constraint is not None and think:
            constraint = self._after_thinking(constraint, prompt)
        return Generate(
            request_id=0,
            prompt=prompt.tokens or prompt.text,
            sampling=options.sampling,
            stop=options.stop,
            num_predict=options.num_predict,
            num_keep=options.num_keep,
            shift=request.shift,
            truncate=request.truncate,
            visible_tokens=parser.visible_tokens if parser else (),
            constraint=constraint,
            logit_bias=request.logit_bias,
            top_logprobs=-1 if request.top_logprobs is None else request.top_logprobs,
            priority=request.priority,
            speculate=options.draft_num_predict != 0,
        )

    def _after_thinking(self, wanted: Constraint, prompt: Prompt) -> Constraint:
        """The same run thinks first and keeps to the format then."""
        if prompt.template is None:
            return wanted
        form = find_format(prompt.template)
        if form.thinking is None:
            return wanted
        opening, closing = form.thinking
        most = self.lease.num_ctx
        if self.options.num_predict > 0:
            most = min(most, self.options.num_predict)
        return Constraint(
            wanted.kind,
            wanted.text,
            after=closing,
            opening="" if ends_in_thoughts(form, prompt.text) else opening,
            within=max(1, most * THINKING_SHARE // 100),
        )

    async def _tool_constraint(self, prompt: Prompt) -> Constraint | None:
        """What makes the model call a tool, if the request insists on a call."""
        request = self.request
        if not isinstance(request, ChatRequest) or prompt.template is None:
            return None
        tools = request.required_tools
        if not tools:
            return None
        form = await asyncio.to_thread(find_format, prompt.template)
        specials = await self._special_tokens(form.visible_tokens)
        grammar = tool_grammar(
            form, tools, "required", is_parallel=request.parallel_tool_calls, specials=specials
        )
        if grammar is None:
            raise InvalidRequestError("this model's template has no way to require a tool call")
        return Constraint("lark", grammar.lark)

    async def _special_tokens(self, texts: tuple[str, ...]) -> dict[str, int]:
        """Those of the texts that are one token of their own, which no text can spell."""
        specials = {}
        for text in texts:
            tokens = await self.lease.tokenize(text, add_special=False, parse_special=True)
            spelled = await self.lease.tokenize(text, add_special=False, parse_special=False)
            if len(tokens) == 1 and tokens != spelled:
                specials[text] = tokens[0]
        return specials

    def _done(self, prompt: Prompt, finished: Finished) -> Done:
        metrics = Metrics(
            total_duration=time.monotonic_ns() - self.started_ns,
            load_duration=self.loaded_ns - self.started_ns,
            prompt_eval_count=finished.prompt_tokens,
            prompt_eval_duration=finished.prompt_ns,
            eval_count=finished.generated_tokens,
            eval_duration=finished.eval_ns,
            cached_count=finished.cached_tokens,
            dropped_tokens=prompt.dropped_tokens + finished.truncated_tokens,
            dropped_messages=prompt.dropped_messages,
        )
        if metrics.dropped_tokens:
            logger.warning(
                "the prompt did not fit into %d tokens: %d tokens (%d whole messages) were dropped",
                self.lease.num_ctx,
                metrics.dropped_tokens,
                metrics.dropped_messages,
            )
        # A cancelled request has nobody left to read this; "stop" keeps the wire's two words.
        reason: DoneReason = "length" if finished.reason == "length" else "stop"
        with_context = isinstance(self.request, GenerateRequest) and not self.request.raw
        return Done(reason, metrics, finished.tokens if with_context else ())


class _Reader:
    """Turns a runner's chunks into events; of one answer."""

    def __init__(self, parser: FormatParser | None) -> None:
        self._parser = parser

    def read(self, chunk: Chunk) -> Iterator[Event]:
        if self._parser is None:
            yield Delta(chunk.text, logprobs=chunk.logprobs)
            return
        yield from self._translate(self._parser.feed(chunk.text), chunk.logprobs)

    def finish(self) -> Iterator[Event]:
        if self._parser is not None:
            yield from self._translate(self._parser.finish(), ())

    def _translate(
        self, pieces: list[parsed.Event], logprobs: tuple[TokenLogprob, ...]
    ) -> Iterator[Event]:
        """Neighbouring texts become one delta; the log-probabilities go with the first."""
        delta = Delta(logprobs=logprobs)
        for piece in pieces:
            match piece:
                case parsed.Content(text):
                    delta = replace(delta, content=delta.content + text)
                case parsed.Thinking(text):
                    if delta.content:
                        yield delta
                        delta = Delta()
                    delta = replace(delta, thinking=delta.thinking + text)
                case parsed.CallCompleted(index, call):
                    if not delta.is_empty:
                        yield delta
                        delta = Delta()
                    yield ToolCalled(index, _with_id(call))
        if not delta.is_empty:
            yield delta


def _with_id(call: ToolCall) -> ToolCall:
    if call.id:
        return call
    return replace(call, id="call_" + "".join(secrets.choice(_ID_LETTERS) for _ in range(8)))
