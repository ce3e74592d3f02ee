"""From a request's constraint to a grammar of llguidance's. Pure.

JSON comes out on one line, `{"a": 1, "b": [1, 2]}`, members in the order of the schema: with
free whitespace some models write nothing else for ever.
"""

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from llguidance import LLMatcher
from llguidance.gbnf_to_lark import gbnf_to_lark

from engine.frames import Constraint
from engine.runner.constraint.dates import with_real_dates
from engine.runner.constraint.protocol import ConstraintError

if TYPE_CHECKING:
    from llguidance._lib import JsonCompileOptions  # of the stubs only

MAX_BYTES = 64 * 1024
MAX_DEPTH = 32

_JSON_STYLE: "JsonCompileOptions" = {
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
    "lenient": False,
}
_OBJECT = '{"type": "object"}'
_FOREIGN_KEYWORDS = frozenset({"disallow", "divisibleBy", "extends", "x-guidance"})
"""What llguidance would pass over in silence, or take as orders to itself."""
_DATA_KEYWORDS = frozenset({"const", "enum", "default", "examples"})
"""Their values are no schemas."""
_NAME_KEYWORDS = frozenset(
    {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"}
)
"""The keys of their values are names, not keywords."""
_UNIMPLEMENTED = re.compile(r"Unimplemented keys: (\[.*\])")


def build_grammar(constraint: Constraint) -> str:
    """Raises ConstraintError for what can be told without a vocabulary."""
    text = constraint.text
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise ConstraintError(f"{_subject(constraint)} is larger than {MAX_BYTES // 1024} KiB")
    if constraint.kind != "json" and not text.strip():
        raise ConstraintError(f"{_subject(constraint)} is empty")
    match constraint.kind:
        case "json":
            return LLMatcher.grammar_from_json_schema(_OBJECT, overrides=_JSON_STYLE)
        case "json_schema":
            schema = _rewrite(check_schema(text), is_schema=True)
            return LLMatcher.grammar_from_json_schema(json.dumps(schema), overrides=_JSON_STYLE)
        case "regex":
            return LLMatcher.grammar_from_regex(text)
        case "lark":
            return LLMatcher.grammar_from_lark(text)
        case "gbnf":
            return LLMatcher.grammar_from_lark(_convert_gbnf(text))


def check_schema(text: str) -> dict[str, Any]:
    """The schema. Raises ConstraintError for a text that is none, or one that is out of bounds."""
    try:
        schema = json.loads(text)
    except RecursionError as exc:
        raise ConstraintError(_too_deep()) from exc
    except ValueError as exc:
        raise ConstraintError(f"the JSON Schema is not valid JSON: {exc}") from exc
    if not isinstance(schema, dict):
        raise ConstraintError("a JSON Schema must be an object")
    for keyword in _keywords(schema):
        if keyword in _FOREIGN_KEYWORDS:
            raise ConstraintError(f'the JSON Schema keyword "{keyword}" is not supported')
    return schema


def _rewrite(value: Any, *, is_schema: bool) -> Any:  # noqa: ANN401  any JSON
    """What llguidance gets wrong, in words that it gets right; everything else as it is."""
    if isinstance(value, list):
        return [_rewrite(item, is_schema=is_schema) for item in value]
    if not isinstance(value, dict):
        return value
    if not is_schema:
        return {name: _rewrite(inner, is_schema=True) for name, inner in value.items()}
    return {
        key: inner
        if key in _DATA_KEYWORDS
        else _rewrite(inner, is_schema=key not in _NAME_KEYWORDS)
        for key, inner in with_real_dates(value).items()
    }


def _keywords(schema: dict[str, Any]) -> Iterator[str]:
    """Every keyword of a schema and of those inside. Raises ConstraintError if it is too deep."""
    todo: list[tuple[Any, int, bool]] = [(schema, 1, True)]
    while todo:
        value, depth, is_schema = todo.pop()
        if depth > MAX_DEPTH:
            raise ConstraintError(_too_deep())
        if isinstance(value, list):
            todo += [(item, depth + 1, is_schema) for item in value]
        elif isinstance(value, dict):
            for key, inner in value.items():
                if not is_schema:
                    todo.append((inner, depth + 1, True))
                elif key not in _DATA_KEYWORDS:
                    yield key
                    todo.append((inner, depth + 1, key not in _NAME_KEYWORDS))


def _too_deep() -> str:
    return f"the JSON Schema is nested deeper than {MAX_DEPTH} levels"


def _convert_gbnf(text: str) -> str:
    try:
        return str(gbnf_to_lark(text))
    except Exception as exc:  # llguidance 1.9 raises bare Exceptions
        reason = "it is nested too deep" if isinstance(exc, RecursionError) else str(exc)
        raise ConstraintError(f"the GBNF grammar is not valid: {reason}") from exc


def explain(constraint: Constraint, problem: str) -> str:
    """One sentence for the user about what llguidance said of a grammar."""
    if found := _UNIMPLEMENTED.search(problem):
        keywords = json.loads(found[1])
        listed = ", ".join(f'"{keyword}"' for keyword in keywords)
        if len(keywords) == 1:
            return f"the JSON Schema keyword {listed} is not supported"
        return f"the JSON Schema keywords {listed} are not supported"
    if "oneOf constraints are not supported" in problem:
        return (
            'the JSON Schema keyword "oneOf" is not supported for alternatives that overlap; '
            'use "anyOf"'
        )
    if problem.startswith("NoExtension"):
        problem = "no text can match it"
    return f"{_subject(constraint)} is not valid: {_essence(problem)}"


def _essence(problem: str) -> str:
    """The message without the excerpt of the source, which is not always the user's text."""
    lines = [line.strip() for line in problem.strip().splitlines()]
    lead = re.sub(r"^(at )?\d+\(\d+\): ", "", lines[0])
    reasons = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    if reasons:
        return reasons[0] if lead.startswith("regex") else f"{lead.split(' (in ')[0]}: {reasons[0]}"
    return lead


def _subject(constraint: Constraint) -> str:
    return {
        "json": "the format",
        "json_schema": "the JSON Schema",
        "regex": "the regular expression",
        "lark": "the Lark grammar",
        "gbnf": "the GBNF grammar",
    }[constraint.kind]
