"""Jinja chat templates as Hugging Face models carry them: compile, probe, render. Pure.

The environment is engine/prompt/sandbox.py's; templates come from strangers.
"""

import copy
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import cached_property, lru_cache
from types import TracebackType
from typing import Any

import jinja2
from jinja2.exceptions import SecurityError, TemplateSyntaxError

from engine.prompt.budget import MAX_TEXT_CHARS, Spending, weigh_structure
from engine.prompt.errors import ConversationRefusedError, TemplateError
from engine.prompt.messages import Conversation, Message, ToolCall
from engine.prompt.sandbox import TemplateSandbox

MAX_SOURCE_CHARS = 128 * 1024
"""Compiles in about a second; the longest templates in use have 17 KiB."""
_WIDE_DATE = re.compile(r"%[^a-zA-Z%]*\d{3,}")
# What template code can raise besides Jinja's own errors.
_RENDER_ERRORS = (
    jinja2.TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,  # RecursionError too
    TypeError,
    ValueError,
)


class _RefusedError(jinja2.TemplateError):
    """The template called raise_exception."""


class JinjaTemplate:
    """A compiled template. Immutable; may be shared between threads."""

    def __init__(self, source: str, compiled: jinja2.Template) -> None:  # noqa: TID251
        """Use `parse`."""
        self.source = source
        self._compiled = compiled

    @classmethod
    def parse(cls, source: str) -> "JinjaTemplate":
        """Compiles; the last few templates are remembered. Raises TemplateError with the line."""
        if len(source) > MAX_SOURCE_CHARS:
            raise TemplateError(f"chat template: longer than {MAX_SOURCE_CHARS} characters")
        return _parse(source)

    def render(
        self,
        conversation: Conversation,
        bos_text: str = "",
        eos_text: str = "",
        add_generation_prompt: bool = True,
        now: datetime | None = None,
    ) -> str:
        """The conversation as a prompt. `now`: what strftime_now tells; default: the clock.

        Raises TemplateError, or ConversationRefusedError when the template itself objects.
        """
        messages = conversation.messages
        if self._merges_system:
            messages = _merge_system(messages)
        values: dict[str, Any] = {
            "messages": [self._message(message) for message in messages],
            "bos_token": bos_text,
            "eos_token": eos_text,
            "add_generation_prompt": add_generation_prompt,
            **_clock_values(now or datetime.now().astimezone()),
            **_tool_values(conversation.tools),
            **_thinking_values(conversation.think),
        }
        return self._render(values)

    @cached_property
    def takes_typed_content(self) -> bool:
        """The template wants content as a list of parts and loses plain text."""
        marker = "content marker"
        plain = self._probe([{"role": "user", "content": marker}])
        if plain is not None and marker in plain:
            return False
        typed = self._probe([{"role": "user", "content": [{"type": "text", "text": marker}]}])
        return typed is not None and marker in typed

    @cached_property
    def takes_text_arguments(self) -> bool:
        """The template wants the arguments of a tool call as JSON text, not as an object."""
        as_object = self._probe_call({"argument": "marker"})
        if as_object is not None and "marker" in as_object:
            return False
        as_text = self._probe_call('{"argument": "marker"}')
        return as_text is not None and "marker" in as_text

    @cached_property
    def _merges_system(self) -> bool:
        """The template has no place for a system message."""
        user = {"role": "user", "content": self._content("question marker")}
        if self._probe([user]) is None:
            return False
        system = {"role": "system", "content": self._content("system marker")}
        rendered = self._probe([system, user])
        if rendered is None:
            return True
        return "question marker" in rendered and "system marker" not in rendered

    def _probe(self, messages: list[dict[str, Any]]) -> str | None:
        values: dict[str, Any] = {
            "messages": messages,
            "bos_token": "",
            "eos_token": "",
            "add_generation_prompt": True,
            **_clock_values(datetime.now().astimezone()),
            **_tool_values(()),
        }
        try:
            return self._render(values)
        except TemplateError:
            return None

    def _probe_call(self, arguments: object) -> str | None:
        function = {"name": "probe", "arguments": arguments}
        call = {"id": "probe0001", "type": "function", "function": function}
        user = {"role": "user", "content": self._content("question")}
        return self._probe([user, {"role": "assistant", "content": "", "tool_calls": [call]}])

    def _render(self, values: Mapping[str, Any]) -> str:
        pieces: list[str] = []
        size = 0
        try:
            with Spending():
                for piece in self._compiled.generate(values):
                    size += len(piece)
                    if size > MAX_TEXT_CHARS:
                        raise SecurityError("the template's output is too long")
                    pieces.append(piece)
        except _RefusedError as exc:
            raise ConversationRefusedError(f"chat template: {exc}") from exc
        except _RENDER_ERRORS as exc:
            detail = str(exc) or type(exc).__name__
            raise TemplateError(f"chat template{_place(exc.__traceback__)}: {detail}") from exc
        return "".join(pieces)

    def _content(self, text: str) -> object:
        return [{"type": "text", "text": text}] if self.takes_typed_content else text

    def _message(self, message: Message) -> dict[str, Any]:
        values: dict[str, Any] = {"role": message.role, "content": self._content(message.content)}
        if message.thinking:
            values["reasoning_content"] = message.thinking
            values["thinking"] = message.thinking
        if message.tool_calls:
            values["tool_calls"] = [self._tool_call(call) for call in message.tool_calls]
        if message.role == "tool":
            values["name"] = message.tool_name
            values["tool_call_id"] = message.tool_call_id
        return values

    def _tool_call(self, call: ToolCall) -> dict[str, Any]:
        arguments: object = copy.deepcopy(call.arguments)
        if self.takes_text_arguments:
            arguments = json.dumps(call.arguments, ensure_ascii=False)
        return {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": arguments},
        }


@lru_cache(maxsize=32)
def _parse(source: str) -> JinjaTemplate:
    try:
        return JinjaTemplate(source, _environment().from_string(source))
    except TemplateSyntaxError as exc:
        raise TemplateError(f"chat template: line {exc.lineno}: {exc.message}") from exc
    except (*_RENDER_ERRORS, SyntaxError) as exc:
        # The compiler gives up on nesting that is too deep, in several ways.
        detail = str(exc) or type(exc).__name__
        raise TemplateError(f"chat template: cannot be compiled: {detail}") from exc


@lru_cache(maxsize=1)
def _environment() -> TemplateSandbox:
    environment = TemplateSandbox()
    environment.filters["tojson"] = _tojson
    environment.globals["raise_exception"] = _raise_exception
    return environment


@jinja2.pass_context
def _tojson(
    _: jinja2.runtime.Context,
    value: object,
    ensure_ascii: bool = False,
    indent: int | str | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """JSON as Hugging Face writes it: no HTML escapes, keys as they come."""
    if isinstance(indent, int) and not 0 <= indent <= 64:
        raise SecurityError("tojson: indent must be between 0 and 64")
    weigh_structure(value)
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
        default=_list_of_iterator,
    )


def _list_of_iterator(value: object) -> list[object]:
    """What `map` and `selectattr` give is a list to the author of a template."""
    if isinstance(value, Iterator):
        items = list(value)
        weigh_structure(items)
        return items
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _raise_exception(message: object = "") -> None:
    raise _RefusedError(str(message))


def _strftime(moment: datetime, form: object) -> str:
    if _WIDE_DATE.search(str(form)):
        raise SecurityError("strftime_now: too large a width")
    return moment.strftime(str(form))


def _tool_values(tools: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    """`tools` stays undefined when there are none: some templates walk over it unasked."""
    if not tools:
        return {"functions": ""}
    # A copy: the sandbox lets a template change lists.
    return {
        "tools": copy.deepcopy(list(tools)),
        "functions": json.dumps(tools, indent=2, ensure_ascii=False),
    }


def _clock_values(now: datetime) -> dict[str, Any]:
    """The date, under the names that Llama 3 and Firefunction templates know."""
    return {
        "strftime_now": lambda form: _strftime(now, form),
        "date_string": now.strftime("%d %b %Y"),
        "datetime": now.strftime("%b %d %Y"),
    }


def _thinking_values(think: bool | str | None) -> dict[str, Any]:
    """The names under which template families look for it. None leaves them undefined."""
    if think is None:
        return {}
    values: dict[str, Any] = {"enable_thinking": bool(think), "thinking": bool(think)}
    if isinstance(think, str):
        values["reasoning_effort"] = think
    return values


def _merge_system(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """A leading system message becomes the beginning of the message after it."""
    if len(messages) < 2 or messages[0].role != "system":
        return messages
    following = messages[1]
    merged = replace(following, content=f"{messages[0].content}\n{following.content}")
    return (merged, *messages[2:])


def _place(traceback: TracebackType | None) -> str:
    """' line N' of the template, where the innermost frame of template code stands."""
    line = 0
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == "<template>":
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return f" line {line}" if line else ""
