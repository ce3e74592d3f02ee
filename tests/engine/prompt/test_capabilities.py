"""What templates can do, and which of two is better."""

import subprocess
import sys

import pytest

from engine.prompt.capabilities import go_capabilities, jinja_capabilities, prefers_jinja
from engine.prompt.gotemplate.template import parse

GO_PLAIN = "{{ .Prompt }}"
GO_TOOLS = "{{ .Tools }}{{ range .Messages }}{{ end }}"
GO_ROUND_TRIP = (
    '{{ .Tools }}{{ range .Messages }}{{ .ToolCalls }}{{ if eq .Role "tool" }}{{ end }}{{ end }}'
)
GO_THINKING = GO_TOOLS + "{{ range .Messages }}<think>{{ .Thinking }}</think>{{ end }}"
JINJA_PLAIN = "{{ messages }}"
JINJA_TOOLS = "{{ tools }}"
JINJA_ROUND_TRIP = "{{ tools }}{{ m.tool_calls }}{{ message.role == 'tool' }}"
JINJA_BOTH = JINJA_TOOLS + "<think></think>"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (JINJA_PLAIN, set()),
        (JINJA_TOOLS, {"tools"}),
        ("m.tool_call", {"tools"}),
        ("<think>x</think>", {"thinking"}),
        ("<think>", set()),
        ("{{ content.split('</think>')[1] }}", {"thinking"}),
        ('{{ content.split("</think>")[1] }}', {"thinking"}),
        ("{{ content.split('</think>') }}{{ reasoning_content }}", set()),
        ("{{ content.split('</think>') }}<SPECIAL_12>", set()),
        ("{{ content.split('</think>') }}<think>{{ reasoning_content }}", {"thinking"}),
    ],
)
def test_jinja(source: str, expected: set[str]) -> None:
    assert jinja_capabilities(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (GO_PLAIN, set()),
        (GO_TOOLS, {"tools"}),
        ("{{ .Suffix }}", {"insert"}),
        (GO_THINKING, {"tools", "thinking"}),
    ],
)
def test_go(source: str, expected: set[str]) -> None:
    assert go_capabilities(parse(source)) == expected


@pytest.mark.parametrize(
    ("go_source", "jinja_source", "expected"),
    [
        (GO_PLAIN, JINJA_PLAIN, False),
        (GO_PLAIN, JINJA_TOOLS, True),
        (GO_TOOLS, JINJA_PLAIN, False),
        (GO_TOOLS, JINJA_TOOLS, False),
        (GO_TOOLS, JINJA_ROUND_TRIP, True),
        (GO_ROUND_TRIP, JINJA_ROUND_TRIP, False),
        (GO_ROUND_TRIP, JINJA_BOTH, False),
        (GO_ROUND_TRIP, JINJA_ROUND_TRIP + "<think></think>", True),
        (GO_TOOLS, JINJA_BOTH, True),
        (GO_THINKING, JINJA_BOTH, False),
        ("{{ broken", JINJA_PLAIN, True),
    ],
)
def test_preference(go_source: str, jinja_source: str, expected: bool) -> None:
    assert prefers_jinja(go_source, jinja_source) is expected


def test_judging_templates_does_not_load_jinja() -> None:
    code = "import sys, engine.prompt.capabilities; sys.exit('jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=30, check=False).returncode == 0
