"""What a request's format field asks of the output (spec 0.2). Pure.

Beyond Ollama: an object whose only key is `regex`, `lark` or `gbnf`, with the expression or
grammar as text, asks for output that matches it. Such an object says nothing as a JSON Schema.
"""

import json
from typing import Final

from engine.errors import InvalidRequestError
from engine.frames import Constraint
from engine.library.gotext import quote

GRAMMAR_KINDS: Final = ("regex", "lark", "gbnf")


def parse_format(value: object) -> Constraint | None:
    """A native request's `format`. Raises InvalidRequestError."""
    if value is None or value == "":
        return None
    if value == "json":
        return Constraint("json")
    if not isinstance(value, dict):
        raise InvalidRequestError(
            f'invalid format: {quote(_dump(value))}; expected "json" or a valid JSON Schema object'
        )
    return parse_grammar(value) or schema_constraint(value)


def parse_grammar(value: dict[str, object]) -> Constraint | None:
    """The grammar of an object that holds one and nothing else; None for other objects."""
    for kind in GRAMMAR_KINDS:
        if list(value) == [kind]:
            text = value[kind]
            if not isinstance(text, str):
                raise InvalidRequestError(f"invalid format: {kind} must be a string")
            return Constraint(kind, text)
    return None


def schema_constraint(schema: dict[str, object]) -> Constraint:
    """Output that fits a JSON Schema; members in the schema's order."""
    return Constraint("json_schema", _dump(schema))


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
