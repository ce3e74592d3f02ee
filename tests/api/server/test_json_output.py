"""JSON as Go escapes it."""

import json

from hypothesis import given
from hypothesis import strategies as st

from api.server.json_output import encode, encode_line


def test_html_characters_and_line_separators_are_escaped():
    assert encode("<a>&\u2028\u2029\u00e9") == (
        b'"\\u003ca\\u003e\\u0026\\u2028\\u2029' + "\u00e9".encode() + b'"'
    )


def test_lines_end_in_one_newline():
    assert encode_line({"a": "x\ny"}) == b'{"a":"x\\ny"}\n'


@given(st.dictionaries(st.text(), st.text() | st.integers(-(2**53), 2**53) | st.booleans()))
def test_any_text_survives(value):
    assert json.loads(encode(value)) == value
