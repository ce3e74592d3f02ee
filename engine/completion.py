"""What can be asked of a model, and the events that answer. Values only; engine.py does the work.

An answer is a stream: any number of `Delta`s and `ToolCalled`s, then exactly one `Done`, or an
`EngineError` raised from the iteration.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from engine.errors import InvalidRequestError
from engine.frames import Constraint, Priority, TokenLogprob
from engine.prompt.messages import Message, ToolCall

KEEP_FOREVER = float("inf")
"""keep_alive: stay loaded for ever."""

DoneReason = Literal["stop", "length", "load", "unload"]


@dataclass(frozen=True)
class GenerateRequest:
    """A prompt to complete (/api/generate)."""

    model: str
    prompt: str = ""
    suffix: str = ""
    system: str | None = None
    """None: the model's own system prompt."""
    template: str = ""
    """A Go template that replaces the model's own for this request."""
    raw: bool = False
    context: tuple[int, ...] = ()
    images: tuple[bytes, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    think: bool | str | None = None
    keep_alive: float | None = None
    """Seconds to stay loaded after this request; None: as before; KEEP_FOREVER: for ever."""
    truncate: bool = True
    shift: bool = True
    render_only: bool = False
    """Answer with a `Rendered` instead of running the model."""
    constraint: Constraint | None = None
    """What the answer must be; it starts where thinking ends, whatever its `after` says."""
    top_logprobs: int | None = None
    """Report log-probabilities, with so many alternatives; None: don't."""
    logit_bias: tuple[tuple[int, float], ...] = ()
    """(token, value added to its logit); -100 and less: never."""
    priority: Priority = 1
    """0: somebody is watching, 2: nobody waits (see `frames.Generate`)."""
    prompt_tokens: tuple[int, ...] = ()
    """The prompt as tokens, instead of `prompt`; only with `raw`."""


@dataclass(frozen=True)
class ChatRequest:
    """A conversation to continue (/api/chat and the OpenAI dialect)."""

    model: str
    messages: tuple[Message, ...]
    tools: tuple[dict[str, Any], ...] = ()
    """Definitions in OpenAI's shape."""
    tool_choice: str = "auto"
    """"auto", "none", "required", or the name of the one tool that must be called."""
    parallel_tool_calls: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)
    think: bool | str | None = None
    keep_alive: float | None = None
    truncate: bool = True
    shift: bool = True
    render_only: bool = False
    constraint: Constraint | None = None
    top_logprobs: int | None = None
    logit_bias: tuple[tuple[int, float], ...] = ()
    priority: Priority = 1

    @property
    def offered_tools(self) -> tuple[dict[str, Any], ...]:
        """What the model is told about."""
        return () if self.tool_choice == "none" else self.tools

    @property
    def required_tools(self) -> tuple[dict[str, Any], ...]:
        """The tools of which one must be called; empty if none must.

        Raises InvalidRequestError if the tool that `tool_choice` names is not offered.
        """
        if self.tool_choice in ("auto", "none"):
            return ()
        if self.tool_choice == "required":
            return self.tools
        named = [tool for tool in self.tools if tool_name(tool) == self.tool_choice]
        if not named:
            raise InvalidRequestError(f"tool_choice names {self.tool_choice}, which is not offered")
        return tuple(named)


def tool_name(tool: Mapping[str, Any]) -> str:
    """The name of a tool definition, "" if it has none."""
    function = tool.get("function")
    name = function.get("name") if isinstance(function, Mapping) else None
    return name if isinstance(name, str) else ""


@dataclass(frozen=True)
class Metrics:
    """Usage of one request. Durations in nanoseconds (spec 1.5)."""

    total_duration: int = 0
    load_duration: int = 0
    prompt_eval_count: int = 0
    prompt_eval_duration: int = 0
    eval_count: int = 0
    eval_duration: int = 0
    cached_count: int = 0
    """Prompt tokens that came from the cache; counted in prompt_eval_count too."""
    dropped_tokens: int = 0
    """Prompt tokens that the model did not see because the prompt did not fit."""
    dropped_messages: int = 0
    """Whole messages among them."""


@dataclass(frozen=True)
class Delta:
    """Newly generated text. At least one field is not empty."""

    content: str = ""
    thinking: str = ""
    logprobs: tuple[TokenLogprob, ...] = ()
    """Of the tokens generated since the last delta, tags included, if they were asked for."""

    @property
    def is_empty(self) -> bool:
        return not (self.content or self.thinking or self.logprobs)


@dataclass(frozen=True)
class ToolCalled:
    """The model calls a tool."""

    index: int
    """Counts the calls of one answer, from 0."""
    call: ToolCall


@dataclass(frozen=True)
class Rendered:
    """The prompt that would have been sent to the model (`render_only`)."""

    prompt: str
    num_images: int = 0


@dataclass(frozen=True)
class Done:
    """The end of an answer."""

    reason: DoneReason
    metrics: Metrics = Metrics()
    context: tuple[int, ...] = ()
    """Prompt and answer as tokens; empty for chats, raw prompts, loads and unloads."""


Event = Delta | ToolCalled | Rendered | Done
