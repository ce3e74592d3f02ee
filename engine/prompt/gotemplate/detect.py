"""What the tree of a template tells about the model's format. Pure."""

from engine.prompt.gotemplate.nodes import Branch, Field, Node, Pipe, Statement, Text, walk
from engine.prompt.gotemplate.template import Template, names_in


def find_thinking_tags(template: Template) -> tuple[str, str] | None:
    """The texts around `.Thinking` where a range over Messages writes it (spec 5.4).

    They are the first and last text of the nearest list of statements; the last such place counts.
    """
    found: tuple[str, str] | None = None
    for body in (template.tree.body, *template.tree.templates.values()):
        found = _tags_in(body, in_range=False) or found
    return found


def _tags_in(body: tuple[Statement, ...], *, in_range: bool) -> tuple[str, str] | None:
    found: tuple[str, str] | None = None
    for statement in body:
        if in_range and _mentions_thinking(statement):
            found = _border_texts(body) or found
        if isinstance(statement, Branch):
            inside = in_range
            if statement.keyword == "range":
                inside = any("Messages" in names_in(node) for node in walk(statement.pipe))
            found = _tags_in(statement.body, in_range=inside) or found
            found = _tags_in(statement.otherwise, in_range=inside) or found
    return found


def _mentions_thinking(statement: Statement) -> bool:
    """In the statement itself, not in the bodies below it."""
    pipe: Node | None = getattr(statement, "pipe", None)
    return isinstance(pipe, Pipe) and any(
        isinstance(node, Field) and node.names[0] == "Thinking" for node in walk(pipe)
    )


def _border_texts(body: tuple[Statement, ...]) -> tuple[str, str] | None:
    first, last = body[0], body[-1]
    if not (isinstance(first, Text) and isinstance(last, Text)):
        return None
    opening, closing = first.text.strip(), last.text.strip()
    return (opening, closing) if opening and closing else None
