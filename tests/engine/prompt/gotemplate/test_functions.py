"""Go's functions and Ollama's, called from templates."""

import json
import re
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.prompt.errors import TemplateError
from engine.prompt.gotemplate.template import parse

VALUES = {"L": [1, 2, 3], "M": {"b": 1, "a": "<x>"}, "S": "héllo", "F": 1.5, "N": None}


def evaluate(expression: str, **more: object) -> str:
    return parse("{{ " + expression + " }}").render({**VALUES, "Response": "", **more})


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("eq 1 1", "true"),
        ("eq 1 2 3 1", "true"),
        ("eq 1 2 3", "false"),
        ('eq "a" "a"', "true"),
        ("eq true true", "true"),
        ("eq .N nil", "true"),
        ("eq .Missing nil", "true"),
        ('eq .Missing "a"', "false"),
        ("ne 1 2", "true"),
        ("lt 1 2", "true"),
        ("le 2 2", "true"),
        ("gt 1 2", "false"),
        ("ge 2 2", "true"),
        ('lt "a" "b"', "true"),
        ("gt 2.5 1.5", "true"),
        ("not 0", "true"),
        ('not "a"', "false"),
        ("len .S", "6"),
        ("len .L", "3"),
        ("len .M", "2"),
        ("index .L 1", "2"),
        ('index .M "b"', "1"),
        ('index .M "zz"', ""),
        ("index .S 0", "104"),
        ("slice .L 1", "[2 3]"),
        ("slice .L 1 2", "[2]"),
        ("slice .L", "[1 2 3]"),
        ("slice .S 0 1", "h"),
        ("print 1 2", "1 2"),
        ('print 1 "a" 2', "1a2"),
        ('println 1 "a"', "1 a\n"),
        ('html "<a href=\'x\'>&\\""', "&lt;a href=&#39;x&#39;&gt;&amp;&#34;"),
        ('js "it\'s <b>\\n"', "it\\'s \\u003Cb\\u003E\\u000A"),
        ('urlquery "a b&c/é"', "a+b%26c%2F%C3%A9"),
        ("json .M", '{"a":"\\u003cx\\u003e","b":1}'),
        ("json .N", "null"),
        ('json "é\\u2028"', '"é\\u2028"'),
    ],
)
def test_functions(expression: str, expected: str) -> None:
    assert evaluate(expression) == expected


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ('eq 1 "1"', "incompatible types for comparison"),
        ("eq 1 1.0", "incompatible types for comparison"),
        ("eq .L .L", "non-comparable type []interface {}"),
        ("eq 1", "missing argument for comparison"),
        ('lt 1 "a"', "incompatible types for comparison"),
        ("lt true false", "invalid type for comparison"),
        ("lt .L .L", "invalid type for comparison"),
        ("len nil", "len of nil pointer"),
        ("index .L 3", "index out of range: 3"),
        ("index .L -1", "index out of range: -1"),
        ('index .L "a"', "cannot index with type string"),
        ("index .N 1", "index of untyped nil"),
        ("index 5 1", "can't index item of type int"),
        ("slice .L 2 1", "invalid slice index: 2 > 1"),
        ("slice .L 9", "index out of range: 9"),
        ("slice .S 0 1 1", "cannot 3-index slice a string"),
        ("slice 5", "can't slice item of type int"),
        ("printf 5", "wrong type for value; expected string; got int"),
        ("toTypeScriptType 5", "wrong type for value; expected property; got int"),
    ],
)
def test_what_functions_refuse(expression: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        evaluate(expression)
    assert str(caught.value).endswith(f": {message}")


def test_dates_are_local_days() -> None:
    before = datetime.now().astimezone().date().isoformat()
    today = evaluate("currentDate"), evaluate('currentDate "2006"')
    assert before in today or today[0] == datetime.now().astimezone().date().isoformat()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", evaluate("yesterdayDate"))
    assert evaluate("yesterdayDate") < evaluate("currentDate")


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string"}, "string"),
        ({"type": "integer"}, "number"),
        ({"type": "number"}, "number"),
        ({"type": "boolean"}, "boolean"),
        ({"type": "null"}, "null"),
        ({"type": "object"}, "Record<string, any>"),
        ({"type": "array"}, "any[]"),
        ({"type": ["string", "null"]}, "string | null"),
        ({"anyOf": [{"type": "integer"}, {"type": "array"}]}, "number | any[]"),
        ({"type": "file"}, "any"),
        ({}, "any"),
    ],
)
def test_types_in_typescripts_words(schema: dict[str, object], expected: str) -> None:
    assert evaluate("toTypeScriptType .P", P=schema) == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_json_reads_back_and_holds_no_markup(value: object) -> None:
    written = evaluate("json .V", V=value)
    assert json.loads(written) == value
    assert not set("<>&\u2028\u2029") & set(written)


@given(st.integers(-100, 100), st.integers(-100, 100))
def test_orderings_agree_with_each_other(a: int, b: int) -> None:
    results = [evaluate(f"{name} .A .B", A=a, B=b) for name in ("eq", "ne", "lt", "le", "gt", "ge")]
    expected = [a == b, a != b, a < b, a <= b, a > b, a >= b]
    assert results == [str(value).lower() for value in expected]
