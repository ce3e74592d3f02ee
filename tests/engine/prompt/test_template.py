"""The chosen template, whichever kind."""

import pytest

from engine.prompt.errors import TemplateError
from engine.prompt.messages import Conversation, Message
from engine.prompt.template import (
    ChatTemplate,
    GoChatTemplate,
    JinjaChatTemplate,
    choose_template,
    opens_thinking,
    render_prompt,
)

GO = "go {{ .Prompt }}"
JINJA = "jinja {{ bos_token }}{{ messages[0].content }}{{ eos_token }}"
JINJA_TOOLS = JINJA + "{{ tools }}"
ASK = Conversation((Message("user", "q"),))


@pytest.mark.parametrize(
    ("go_source", "jinja_source", "force_go", "expected"),
    [
        (GO, JINJA, None, "go q"),
        (GO, JINJA_TOOLS, None, "jinja <s>q</s>"),
        (GO, JINJA_TOOLS, True, "go q"),
        (GO, JINJA, False, "jinja <s>q</s>"),
        (GO, None, False, "go q"),
        (None, JINJA, True, "jinja <s>q</s>"),
        (None, None, None, "q"),
        ("", "", None, "q"),
        ("{{ broken", JINJA, None, "jinja <s>q</s>"),
    ],
)
def test_choice(
    go_source: str | None, jinja_source: str | None, force_go: bool | None, expected: str
) -> None:
    template = choose_template(go_source, jinja_source, "<s>", "</s>", force_go)
    assert template.render(ASK) == expected
    assert template.is_native is expected.startswith("jinja")
    if go_source and not template.is_native:
        assert template.source == go_source


def test_a_malformed_template_that_must_be_used_is_an_error() -> None:
    with pytest.raises(TemplateError):
        choose_template("{{ broken", None)
    with pytest.raises(TemplateError):
        choose_template(None, "{% if %}")


THINKING = [
    JinjaChatTemplate(
        "{{ messages[0].content }}{% if enable_thinking %}<think>\n{% endif %}{# </think> #}"
    ),
    GoChatTemplate(
        "{{ range .Messages }}{{ .Content }}"
        "{{ if .Thinking }}<think>{{ .Thinking }}</think>{{ end }}"
        "{{ end }}{{ if .Think }}<think>\n{{ end }}"
    ),
]


@pytest.mark.parametrize("template", THINKING, ids=["jinja", "go"])
def test_thinking_tags_are_known_visible_and_seen_in_the_prompt(template: ChatTemplate) -> None:
    assert template.capabilities == {"thinking"}
    assert template.thinking_tags == ("<think>", "</think>")
    assert template.visible_tokens == ("<think>", "</think>")
    thinking = template.render(Conversation(ASK.messages, think=True))
    assert template.opens_thinking(thinking)
    assert opens_thinking(thinking, "<think>")
    assert not template.opens_thinking(template.render(ASK))


def test_without_tags_nothing_is_kept_visible() -> None:
    template = choose_template(GO, None)
    assert (template.thinking_tags, template.visible_tokens) == (None, ())
    assert not template.opens_thinking("<think>")


def test_a_requests_own_template() -> None:
    fill_in = "<PRE>{{ .System }}{{ .Prompt }}<SUF>{{ .Suffix }}<MID>"
    assert render_prompt(fill_in, "s", "a", "b") == "<PRE>a<SUF>b<MID>"
    assert render_prompt("{{ .System }}|{{ .Prompt }}>", "s", "a") == "s|a>"
    assert render_prompt("", "s", "a", "b") == "a"
    assert render_prompt("{{ range .Messages }}{{ .Role }}{{ end }}", "s", "a") == "systemuser"
    assert choose_template(None, JINJA).render_insert("a", "b") == "jinja a"
