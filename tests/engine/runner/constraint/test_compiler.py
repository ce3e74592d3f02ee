"""What is refused, in which words, and how long compiling takes."""

import json
import queue
import time
from contextlib import suppress

import pytest

from engine.frames import Constraint
from engine.runner.constraint.compiler import MAX_COMPILE_S, ConstraintCompiler
from engine.runner.constraint.grammar import MAX_BYTES, MAX_DEPTH
from engine.runner.constraint.protocol import ConstraintError
from engine.runner.constraint.request import RequestConstraint
from tests.engine.runner.constraint.random_model import write


def nested(levels):
    schema = {"type": "string"}
    for _ in range(levels):
        schema = {"anyOf": [schema]}
    return json.dumps(schema)


REFUSED = [
    ("json_schema", "[1]", "a JSON Schema must be an object"),
    ("json_schema", "true", "a JSON Schema must be an object"),
    ("json_schema", '"object"', "a JSON Schema must be an object"),
    ("json_schema", "{", "the JSON Schema is not valid JSON: "),
    ("json_schema", "", "the JSON Schema is empty"),
    (
        "json_schema",
        '{"type": "array", "uniqueItems": true}',
        'the JSON Schema keyword "uniqueItems" is not supported',
    ),
    (
        "json_schema",
        '{"properties": {"a": {"not": {}}}}',
        'the JSON Schema keyword "not" is not supported',
    ),
    (
        "json_schema",
        '{"if": {}, "then": {}}',
        'the JSON Schema keywords "if", "then" are not supported',
    ),
    (
        "json_schema",
        '{"items": {"divisibleBy": 3}}',
        'the JSON Schema keyword "divisibleBy" is not supported',
    ),
    (
        "json_schema",
        '{"x-guidance": {"lenient": true}}',
        'the JSON Schema keyword "x-guidance" is not supported',
    ),
    (
        "json_schema",
        '{"oneOf": [{"type": "string"}, {"maxLength": 3}]}',
        'the JSON Schema keyword "oneOf" is not supported for alternatives that overlap; '
        'use "anyOf"',
    ),
    ("json_schema", '{"type": "strin"}', "the JSON Schema is not valid: Invalid type: strin"),
    (
        "json_schema",
        '{"format": "colour", "type": "string"}',
        "the JSON Schema is not valid: Unknown format: colour",
    ),
    (
        "json_schema",
        '{"type": "string", "pattern": "(?=a)b"}',
        "the JSON Schema is not valid: look-around, including look-ahead and look-behind, is not "
        "supported",
    ),
    (
        "json_schema",
        '{"$ref": "#/$defs/x"}',
        "the JSON Schema is not valid: Pointer '/$defs/x' does not exist",
    ),
    ("json_schema", '{"$ref": "http://a.test/b"}', "the JSON Schema is not valid: Resource "),
    (
        "json_schema",
        '{"type": "integer", "minimum": 5, "maximum": 3}',
        "the JSON Schema is not valid: Unsatisfiable schema: minimum (5) is greater than maximum "
        "(3)",
    ),
    ("json_schema", '{"$ref": "#"}', "the JSON Schema is not valid: no text can match it"),
    (
        "json_schema",
        nested(MAX_DEPTH // 2),
        f"the JSON Schema is nested deeper than {MAX_DEPTH} levels",
    ),
    ("json_schema", '{"a":' * 5000, f"the JSON Schema is nested deeper than {MAX_DEPTH} levels"),
    ("json_schema", " " * (MAX_BYTES + 1), "the JSON Schema is larger than 64 KiB"),
    ("regex", "a" * (MAX_BYTES + 1), "the regular expression is larger than 64 KiB"),
    ("regex", "a(", "the regular expression is not valid: invalid regex"),
    ("regex", "(?=x)a", "the regular expression is not valid: invalid regex"),
    ("regex", "", "the regular expression is empty"),
    ("lark", 'start "a"', "the Lark grammar is not valid: Expected token"),
    ("lark", "start: foo", 'the Lark grammar is not valid: unknown name: "foo"'),
    ("lark", 'foo: "a"', "the Lark grammar is not valid: no start rule found"),
    ("gbnf", "root ::= foo", "the GBNF grammar is not valid: Rule 'foo' not found"),
    ("gbnf", 'a ::= "b"', "the GBNF grammar is not valid: No 'root' rule found"),
    ("gbnf", "root ::= " + "(" * 5000, "the GBNF grammar is not valid: it is nested too deep"),
]


@pytest.mark.parametrize(("kind", "text", "message"), REFUSED)
def test_what_cannot_be_honoured_is_refused_in_one_sentence(compiler, kind, text, message):
    with pytest.raises(ConstraintError) as caught:
        compiler.compile(Constraint(kind, text))
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_the_limits_themselves_are_allowed(compiler):
    assert compiler.compile(Constraint("json_schema", nested(MAX_DEPTH // 2 - 1)))
    padding = " " * (MAX_BYTES - 2)
    assert compiler.compile(Constraint("json_schema", "{" + padding + "}"))


@pytest.mark.parametrize(
    "text",
    [
        '{"type": "string", "pattern": "^((((a{0,100}){0,100}){0,100}){0,100})$"}',
        '{"type": "array", "minItems": 100000, "items": {"type": "string", "maxLength": 100000}}',
        json.dumps({"enum": [f"{number:050}" for number in range(1200)]}),
        json.dumps(
            {"anyOf": [{"properties": {f"k{n}": {"type": "integer"}}} for n in range(1200)]}
        ),
        json.dumps(
            {"properties": {f"p{n}": {"pattern": f"^(a|b)*c{{{n % 50}}}$"} for n in range(1000)}}
        ),
    ],
)
def test_costly_schemas_are_compiled_or_refused_in_time(compiler, text):
    started = time.monotonic()
    with suppress(ConstraintError):
        compiler.compile(Constraint("json_schema", text))
    assert time.monotonic() - started < MAX_COMPILE_S


def test_names_of_properties_are_no_keywords(compiler):
    schema = {"properties": {"extends": {"type": "null"}, "x-guidance": {"const": {"extends": 1}}}}
    assert compiler.compile(Constraint("json_schema", json.dumps(schema)))


def test_a_dead_end_met_while_writing_ends_the_request_only(compiler, vocabulary):
    # Valid as a grammar, but each step costs more than llguidance's limits allow.
    grammar = "start: a*\n" + "a: " + " | ".join(f"/x{{1,{n}}}y*z/" for n in range(1, 400))
    with suppress(ConstraintError):
        write(compiler.compile(Constraint("lark", grammar)), vocabulary, 1, max_tokens=200)
    assert compiler.compile(Constraint("json"))


def test_answers_come_from_another_thread(vocabulary):
    compiler = ConstraintCompiler(vocabulary)
    answers: queue.SimpleQueue[RequestConstraint | ConstraintError] = queue.SimpleQueue()
    try:
        compiler.submit(Constraint("regex", "yes"), answers.put)
        compiler.submit(Constraint("regex", "("), answers.put)
        constraint = answers.get(timeout=10)
        assert isinstance(constraint, RequestConstraint)
        assert write(constraint, vocabulary, 1).text == "yes"
        assert isinstance(answers.get(timeout=10), ConstraintError)
    finally:
        compiler.close()
        compiler.close()
