"""Strict JSON with Go's error texts."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.server.json_input import MAX_DEPTH, MAX_KEYS, BodyError, decode_json


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "missing request body"),
        (b" \n", "missing request body"),
        (b"x", "invalid character 'x' looking for beginning of value"),
        (b"{", "unexpected EOF"),
        (b'{"model', "unexpected EOF"),
        (b'{"model":', "unexpected EOF"),
        (b'{"model":"tiny"', "unexpected EOF"),
        (b"{model:1}", "invalid character 'm' looking for beginning of object key string"),
        (b'{"a" 1}', "invalid character '1' after object key"),
        (b'{"a":1 "b":2}', "invalid character '\"' after object key:value pair"),
        (b'{"a":[1 2]}', "invalid character '2' after array element"),
        (b'{"a":1,}', "invalid character '}' looking for beginning of object key string"),
        (b'{"a":[1,]}', "invalid character ']' looking for beginning of value"),
        (b'{"a":tru}', "invalid character '}' in literal true (expecting 'e')"),
        (b'{"a":nul', "unexpected EOF"),
        (b'{"a":-}', "invalid character '}' in numeric literal"),
        (b'{"a":"\x01"}', "invalid character '\\x01' in string literal"),
        (b'{"a":"\\x"}', "invalid character 'x' in string escape code"),
        (b'{"a":NaN}', "invalid character 'N' looking for beginning of value"),
        (b'{"a":Infinity}', "invalid character 'I' looking for beginning of value"),
        (b'{"a":-Infinity}', "invalid character 'I' in numeric literal"),
        ("\ufeff{}".encode(), "invalid character '\u00ef' looking for beginning of value"),
        (b'{"a":"\xff"}', "request body is not valid UTF-8"),
        (b'{"a":"\\ud800"}', "lone surrogate in string literal"),
        (b'{"\\uDC00":1}', "lone surrogate in string literal"),
        (b'{"a":1' + b"0" * 5000 + b"}", "number in request body is out of range"),
    ],
)
def test_faults_are_told_in_the_words_of_go(body, text):
    with pytest.raises(BodyError) as caught:
        decode_json(body)
    assert str(caught.value) == text


def test_numbers_beyond_a_float_are_refused():
    with pytest.raises(BodyError, match="cannot unmarshal number 1e999"):
        decode_json(b'{"a":1e999}')


def test_last_duplicate_wins_and_trailing_data_is_ignored():
    assert decode_json(b' {"a":1,"a":2} trailing') == {"a": 2}


def test_paired_surrogates_are_one_character():
    assert decode_json(b'["\\ud83d\\ude00"]') == ["\U0001f600"]


@pytest.mark.parametrize(("depth", "is_good"), [(MAX_DEPTH - 1, True), (MAX_DEPTH, True)])
def test_nesting_up_to_the_limit_is_read(depth, is_good):
    assert decode_json(b"[" * depth + b"]" * depth) is not None


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 900, 100_000])
def test_deeper_nesting_is_refused(depth):
    with pytest.raises(BodyError, match="exceeded max depth"):
        decode_json(b"[" * depth + b"]" * depth)


def test_number_of_keys_is_limited():
    def body(count):
        return json.dumps({str(number): 0 for number in range(count)}).encode()

    assert len(decode_json(body(MAX_KEYS))) == MAX_KEYS
    with pytest.raises(BodyError, match="keys"):
        decode_json(body(MAX_KEYS + 1))


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_any_sound_value_is_read_as_it_is(value):
    assert decode_json(json.dumps(value, ensure_ascii=False).encode()) == value


@given(
    st.binary(max_size=60) | st.text(alphabet='{}[]":,\\tfnu0e-. \n', max_size=40).map(str.encode)
)
def test_any_bytes_are_read_or_refused_with_a_reason(body):
    try:
        outcome = repr(decode_json(body))
    except BodyError as exc:
        outcome = str(exc)
    assert outcome


@given(values, st.data())
def test_a_cut_document_is_refused_as_cut(value, data):
    body = json.dumps({"key": value}).encode()
    cut = body[: data.draw(st.integers(1, len(body) - 1))]
    with pytest.raises(BodyError) as caught:
        decode_json(cut)
    assert str(caught.value) == "unexpected EOF"
