import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.durations import DurationError, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("-0", 0),
        ("5m", 300),
        ("1h2m3.5s", 3723.5),
        ("300ms", 0.3),
        ("-1m", -60),
        (".5s", 0.5),
    ],
)
def test_go_durations_are_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'time: invalid duration ""'),
        ("x", 'time: invalid duration "x"'),
        ("-", 'time: invalid duration "-"'),
        (".s", 'time: invalid duration ".s"'),
        ("300", 'time: missing unit in duration "300"'),
        ("-1", 'time: missing unit in duration "-1"'),
        ("5x", 'time: unknown unit "x" in duration "5x"'),
        ("1m5", 'time: missing unit in duration "1m5"'),
    ],
)
def test_bad_durations_get_gos_sentence(text: str, message: str) -> None:
    with pytest.raises(DurationError) as caught:
        parse_duration(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0s"),
        (1, "1ns"),
        (1_500, "1.5µs"),
        (999_999_999, "999.999999ms"),
        (1_000_000_000, "1s"),
        (65_250_000_000, "1m5.25s"),
        (3_600_000_000_000, "1h0m0s"),
        (-1_000_000, "-1ms"),
    ],
)
def test_durations_print_as_in_go(nanoseconds: int, text: str) -> None:
    assert format_duration(nanoseconds) == text


@given(st.integers(min_value=-(10**16), max_value=10**16))
def test_what_is_printed_can_be_read_again(nanoseconds: int) -> None:
    assert parse_duration(format_duration(nanoseconds)) == pytest.approx(
        nanoseconds / 1e9, rel=1e-9
    )


@given(st.text(max_size=20))
def test_any_text_is_a_duration_or_an_error(text: str) -> None:
    outcome = ""
    try:
        parse_duration(text)
    except DurationError as exc:
        outcome = str(exc)
    assert outcome == "" or outcome.startswith("time: ")
