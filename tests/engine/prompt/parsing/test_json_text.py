import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.prompt.parsing.json_text import MOST_DEPTH, read_value
from engine.prompt.parsing.source import MismatchError, Source

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def read(text: str) -> str:
    """Fed character by character; the value's text as read."""
    source = Source()
    steps = read_value(source)
    for char in text:
        source.add(char)
        try:
            next(steps)
        except StopIteration as stop:
            return str(stop.value)
    source.end()
    try:
        next(steps)
    except StopIteration as stop:
        return str(stop.value)
    raise AssertionError("waits past the end")


@given(JSON, st.booleans(), st.sampled_from([None, 1]))
def test_json_is_read_as_json(value: object, is_ascii: bool, indent: int | None):
    text = json.dumps(value, ensure_ascii=is_ascii, indent=indent)
    assert json.loads(read(text)) == json.loads(text.encode("utf-8", "replace").decode())


@given(st.text(alphabet='{}[]",:\\u12eE+-. \ntrufalsn', max_size=30))
def test_what_is_read_is_always_json(text: str):
    try:
        found = read(text)
    except MismatchError:
        return
    json.loads(found)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"a\nb\tc"', "a\nb\tc"),
        (r'"\d+\s"', "\\d+\\s"),
        (r'"\u12"', "\\u12"),
        (r'"\ud800 \udc00 \ud83d\ude00"', "\ufffd \ufffd \U0001f600"),
        ("[True, False, None]", [True, False, None]),
    ],
)
def test_usual_mistakes_are_put_right(text: str, value: object):
    assert json.loads(read(text)) == value


@pytest.mark.parametrize(
    "text", ["", "{", '{"a"}', "{a: 1}", "[1,]", "[1 2]", "NaN", "01", "1e999", '"', "-", "trueish"]
)
def test_other_mistakes_are_refused(text: str):
    with pytest.raises(MismatchError):
        read(text)


def test_depth_has_an_end():
    deep = "[" * MOST_DEPTH
    assert read(deep + "1" + "]" * MOST_DEPTH)
    with pytest.raises(MismatchError):
        read("[" + deep + "1" + "]" * MOST_DEPTH + "]")
