"""What a chat template can do, judged by its text, and which of two templates to use (spec 0).

Light on purpose: reads Jinja templates without Jinja.
"""

from engine.prompt.errors import TemplateError
from engine.prompt.gotemplate.detect import find_thinking_tags
from engine.prompt.gotemplate.template import Template, parse

JINJA_THINKING_TAGS = ("<think>", "</think>")

_ROUND_TRIP_CALLS = ("tool_calls", "assistant_tool_call")
_ROUND_TRIP_RESULTS = (
    "tool_response",
    "tool_results",
    "role'] == 'tool'",
    'role\'] == "tool"',
    "role\"] == 'tool'",
    'role"] == "tool"',
    "message.role == 'tool'",
    'message.role == "tool"',
    "ipython",
)


def jinja_capabilities(source: str) -> frozenset[str]:
    """ "tools" and "thinking", by the marks that such templates carry."""
    found = set()
    if "tools" in source or "tool_call" in source:
        found.add("tools")
    splits = "content.split('</think>')" in source or 'content.split("</think>")' in source
    own_field = "reasoning_content" in source or "<SPECIAL_12>" in source
    if ("<think>" in source and "</think>" in source) or (splits and not own_field):
        found.add("thinking")
    return frozenset(found)


def go_capabilities(template: Template) -> frozenset[str]:
    """ "tools", "insert" and "thinking", by what the template refers to."""
    found = set()
    if "tools" in template.variables:
        found.add("tools")
    if "suffix" in template.variables:
        found.add("insert")
    if find_thinking_tags(template) is not None:
        found.add("thinking")
    return frozenset(found)


def prefers_jinja(go_source: str, jinja_source: str) -> bool:
    """Whether the model's Jinja template serves better than its Go template (spec 0).

    A Go template that does not parse has no capabilities.
    """
    try:
        go_found = go_capabilities(parse(go_source))
    except TemplateError:
        return True
    jinja_found = jinja_capabilities(jinja_source)
    go_trip = _go_round_trip(parse(go_source))
    jinja_trip = _jinja_round_trip(jinja_source)
    if len(jinja_found) > len(go_found):
        return jinja_trip or not go_trip
    if jinja_found == go_found and "tools" in go_found:
        return jinja_trip and not go_trip
    return False


def _jinja_round_trip(source: str) -> bool:
    """The template shows the model its own calls and their results."""
    return (
        "tools" in jinja_capabilities(source)
        and any(mark in source for mark in _ROUND_TRIP_CALLS)
        and any(mark in source for mark in _ROUND_TRIP_RESULTS)
    )


def _go_round_trip(template: Template) -> bool:
    if not {"tools", "toolcalls"} <= template.variables:
        return False
    marks = ('eq .Role "tool"', "tool_response", "TOOL_RESULTS")
    return any(mark in template.source for mark in marks)
