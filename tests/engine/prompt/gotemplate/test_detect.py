"""Thinking tags and variable names, read off the tree."""

import pytest

from engine.prompt.gotemplate.detect import find_thinking_tags
from engine.prompt.gotemplate.template import parse


@pytest.mark.parametrize(
    ("source", "tags"),
    [
        (
            "{{ range .Messages }}{{ if .Thinking }}<think>{{ .Thinking }}</think>{{ end }}"
            "{{ end }}",
            ("<think>", "</think>"),
        ),
        (
            "{{ range $i, $m := $.Messages }}{{ if and .Thinking true }}\n<r>\n{{ .Thinking }}"
            "\n</r>\n"
            "{{ end }}{{ end }}",
            ("<r>", "</r>"),
        ),
        (
            "{{ range .Messages }}<a>{{ .Thinking }}</a>{{ end }}"
            "{{ range .Messages }}<b>{{ .Thinking }}</b>{{ end }}",
            ("<b>", "</b>"),
        ),
        (
            '{{ define "m" }}{{ range .Messages }}<t>{{ .Thinking }}</t>{{ end }}{{ end }}',
            ("<t>", "</t>"),
        ),
        ("<think>{{ .Thinking }}</think>", None),
        ("{{ range .Tools }}<think>{{ .Thinking }}</think>{{ end }}", None),
        ("{{ range .Messages }}<think>{{ .Content }}</think>{{ end }}", None),
        ("{{ range .Messages }}{{ .Thinking }}{{ end }}", None),
        ("{{ range .Messages }} {{ .Thinking }}</think>{{ end }}", None),
        ("", None),
    ],
)
def test_thinking_tags_stand_around_the_thoughts(source: str, tags: tuple[str, str] | None) -> None:
    assert find_thinking_tags(parse(source)) == tags


def test_variables_are_all_names_in_lower_case() -> None:
    template = parse(
        "{{ $Local := .A.B }}{{ if (index .Tools 0).Type }}{{ $.Deep }}{{ end }}"
        '{{ define "x" }}{{ .Inner }}{{ end }}{{ template "x" .Suffix }}'
        "{{ range .Messages }}{{ end }}"
    )
    assert template.variables == {
        *("$", "a", "b", "tools", "type", "deep", "inner", "suffix", "messages")
    }


@pytest.mark.parametrize(
    ("source", "rendered"),
    [("Q: {{ .Prompt }} A: ", "Q: q A: r"), ("{{ .Response }}!", "r!"), ("", "r")],
)
def test_the_response_is_added_where_it_is_missing(source: str, rendered: str) -> None:
    assert parse(source).render({"Prompt": "q", "Response": "r"}) == rendered


def test_messages_need_no_response() -> None:
    assert parse("{{ range .Messages }}{{ . }}{{ end }}").render({"Messages": ["m"]}) == "m"
