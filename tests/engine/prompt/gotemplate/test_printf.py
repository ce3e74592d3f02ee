"""The verbs of printf."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.prompt.gotemplate.errors import FailureError
from engine.prompt.gotemplate.printf import MAX_WIDTH, sprint, sprintf
from engine.prompt.gotemplate.values import to_text


@pytest.mark.parametrize(
    ("form", "values", "expected"),
    [
        ("%s|%5s|%-5s|%.1s", ["a", "b", "c", "de"], "a|    b|c    |d"),
        ("%d|%5d|%-5d|%05d|%+d", [1, 2, 3, -4, 5], "1|    2|3    |-0004|+5"),
        ("%x|%X|%#x|%o|%b", [255, 255, 255, 8, 5], "ff|FF|0xff|10|101"),
        ("%x|%X", ["hi", "hi"], "6869|6869"),
        ("%c|%q|%U", [97, 97, 8364], "a|'a'|U+20AC"),
        ("%q|%.1q", ['a"\n', "xy"], '"a\\"\\n"|"x"'),
        (
            "%f|%.2f|%8.3f|%e|%g",
            [1.5, 2.345, 3.14159, 12345.678, 1e21],
            "1.500000|2.35|   3.142|1.234568e+04|1e+21",
        ),
        ("%t|%v", [True, False], "true|false"),
        ("%v|%v|%v|%v", ["a", 1, [1, "b"], {"k": None}], "a|1|[1 b]|map[k:<nil>]"),
        ("%#v|%+v|%T|%T", ["a", 1, "s", 1.0], '"a"|+1|string|float64'),
        ("%s", [[1, 2]], "[1 2]"),
        ("100%%", [], "100%"),
        ("%*d|%-*d|", [4, 1, 3, 2], "   1|2  |"),
        ("%d", ["a"], "%!d(string=a)"),
        ("%s", [5], "%!s(int=5)"),
        ("%s", [None], "%!s(<nil>=<nil>)"),
        ("%d", [True], "%!d(bool=true)"),
        ("%z", [1], "%!z(int=1)"),
        ("%d %d", [1], "1 %!d(MISSING)"),
        ("x", [1, "a"], "x%!(EXTRA int=1, string=a)"),
        ("50%", [], "50%!(NOVERB)"),
        ("%*d", ["a", 1], "%!(BADWIDTH)%!(EXTRA int=1)"),
    ],
)
def test_verbs(form: str, values: list[object], expected: str) -> None:
    assert sprintf(form, values) == expected


def test_widths_have_a_limit() -> None:
    assert len(sprintf(f"%{MAX_WIDTH}d", [1])) == MAX_WIDTH
    with pytest.raises(FailureError, match="width"):
        sprintf(f"%{MAX_WIDTH + 1}d", [1])


@given(st.text(), st.lists(st.none() | st.booleans() | st.integers() | st.floats() | st.text()))
def test_any_format_gives_a_text(form: str, values: list[object]) -> None:
    try:
        text = sprintf(form, values)
    except FailureError as error:
        text = str(error)
        assert text == f"width or precision is over {MAX_WIDTH}"
    if "%" not in form and not values:
        assert text == form


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_read_back(value: float) -> None:
    assert float(to_text(value)) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (123456789.0, "123456789"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (1.5e-10, "1.5e-10"),
        (-2.5, "-2.5"),
        (float("inf"), "+Inf"),
        (float("nan"), "NaN"),
    ],
)
def test_floats_look_as_in_go(value: float, expected: str) -> None:
    assert to_text(value) == expected


def test_print_puts_spaces_between_what_is_not_text() -> None:
    assert sprint([1, 2, "a", "b", 3, 4.0]) == "1 2ab3 4"
