"""The chat template of a model, Go or Jinja, behind one interface; which one (spec 0). Pure."""

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Protocol

from engine.prompt.capabilities import (
    JINJA_THINKING_TAGS,
    go_capabilities,
    jinja_capabilities,
    prefers_jinja,
)
from engine.prompt.gotemplate.chat import render_chat, render_fill_in
from engine.prompt.gotemplate.detect import find_thinking_tags
from engine.prompt.gotemplate.template import Template, parse
from engine.prompt.jinja import JinjaTemplate
from engine.prompt.messages import Conversation, Message
from engine.prompt.thinking import opens_thinking as opens_thinking

DEFAULT_TEMPLATE = "{{ .Prompt }}"
"""For a model that brings no template: the text as it is."""


class ChatTemplate(Protocol):
    """Turns conversations into prompts. Immutable, shared between threads."""

    @property
    def source(self) -> str:
        """The template's text, as /api/show reports it."""

    @property
    def is_native(self) -> bool:
        """A Jinja template of the weights file (spec 0, "native")."""

    @property
    def capabilities(self) -> frozenset[str]:
        """Of "tools", "thinking", "insert"."""

    @property
    def thinking_tags(self) -> tuple[str, str] | None:
        """Opening and closing tag of the model's thoughts, when known."""

    @property
    def visible_tokens(self) -> tuple[str, ...]:
        """Control tokens that must reach us as text, because a parser looks for them."""

    def render(self, conversation: Conversation, /) -> str:
        """The prompt, ready to be continued. Raises TemplateError."""

    def render_insert(self, prompt: str, suffix: str, think: bool | str | None = None) -> str:
        """A prompt that asks for what stands between the two. Raises TemplateError."""

    def opens_thinking(self, prompt: str) -> bool:
        """The rendered prompt already ends inside an open thinking block."""


class _TaggedThinking(ABC):
    """What both kinds derive from their thinking tags."""

    @property
    @abstractmethod
    def thinking_tags(self) -> tuple[str, str] | None:
        """See ChatTemplate."""

    @property
    def visible_tokens(self) -> tuple[str, ...]:
        return self.thinking_tags or ()

    def opens_thinking(self, prompt: str) -> bool:
        tags = self.thinking_tags
        return tags is not None and opens_thinking(prompt, tags[0])


class JinjaChatTemplate(_TaggedThinking):
    """The weights file's own template, with the model's texts for its border tokens."""

    is_native = True

    def __init__(self, source: str, bos_text: str = "", eos_text: str = "") -> None:
        """Raises TemplateError when the source does not compile."""
        self.source = source
        self._template = JinjaTemplate.parse(source)
        self._bos_text = bos_text
        self._eos_text = eos_text

    @cached_property
    def capabilities(self) -> frozenset[str]:
        return jinja_capabilities(self.source)

    @property
    def thinking_tags(self) -> tuple[str, str] | None:
        return JINJA_THINKING_TAGS if "thinking" in self.capabilities else None

    def render(self, conversation: Conversation, /) -> str:
        return self._template.render(conversation, self._bos_text, self._eos_text)

    def render_insert(self, prompt: str, suffix: str, think: bool | str | None = None) -> str:
        """Jinja templates know no suffix: the prompt is a question like any other."""
        return self.render(Conversation((Message("user", prompt),), think=think))


class GoChatTemplate(_TaggedThinking):
    """A Modelfile's TEMPLATE."""

    is_native = False

    def __init__(self, source: str) -> None:
        """Raises TemplateError when the source does not parse."""
        self.source = source
        self._template: Template = parse(source)

    @cached_property
    def capabilities(self) -> frozenset[str]:
        return go_capabilities(self._template)

    @property
    def thinking_tags(self) -> tuple[str, str] | None:
        return find_thinking_tags(self._template)

    def render(self, conversation: Conversation, /) -> str:
        return render_chat(self._template, conversation)

    def render_insert(self, prompt: str, suffix: str, think: bool | str | None = None) -> str:
        return render_fill_in(self._template, prompt, suffix, think)


def choose_template(
    go_source: str | None,
    jinja_source: str | None,
    bos_text: str = "",
    eos_text: str = "",
    force_go: bool | None = None,
) -> ChatTemplate:
    """The template to serve a model with (spec 0, rendered or native).

    `force_go`: the operator's word (OLLAMA_GO_TEMPLATE); a choice only where both exist.
    Raises TemplateError when the chosen one is malformed.
    """
    if go_source and jinja_source:
        use_go = not prefers_jinja(go_source, jinja_source) if force_go is None else force_go
    else:
        use_go = not jinja_source
    if use_go:
        return GoChatTemplate(go_source or DEFAULT_TEMPLATE)
    assert jinja_source
    return JinjaChatTemplate(jinja_source, bos_text, eos_text)


def render_prompt(
    go_source: str, system: str, prompt: str, suffix: str = "", think: bool | str | None = None
) -> str:
    """A generate request's own template, or an insert (spec 1.5 step 11). Raises TemplateError."""
    template = GoChatTemplate(go_source or DEFAULT_TEMPLATE)
    if prompt and suffix:
        return template.render_insert(prompt, suffix, think)
    messages = (Message("system", system),) if system else ()
    return template.render(Conversation((*messages, Message("user", prompt)), think=think))
