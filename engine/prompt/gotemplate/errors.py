"""Where a template went wrong. `place` turns an offset into line and column as Go counts them."""

from engine.prompt.errors import TemplateError


class FailureError(Exception):
    """A function or value refuses what it was given; execute.py adds the place."""


def parse_error(source: str, position: int, message: str) -> TemplateError:
    """An error in the template's text."""
    return TemplateError(f"template: :{place(source, position)}: {message}")


def execution_error(source: str, position: int, context: str, message: str) -> TemplateError:
    """An error while `context` (the expression's text) was evaluated."""
    shown = context if len(context) <= 40 else f"{context[:37]}..."
    return TemplateError(
        f'template: :{place(source, position)}: executing "" at <{shown}>: {message}'
    )


def place(source: str, position: int) -> str:
    """line:column; lines count from 1, columns from 0."""
    line_start = source.rfind("\n", 0, position) + 1
    return f"{source.count(chr(10), 0, position) + 1}:{position - line_start}"
