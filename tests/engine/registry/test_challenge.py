import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.registry.challenge import Challenge, parse_challenge


def test_realm_service_and_scopes() -> None:
    header = 'Bearer realm="https://r/token",service="a, b=c",scope="x:pull y:\\"push\\""'
    assert parse_challenge(header) == Challenge("https://r/token", "a, b=c", ("x:pull", 'y:"push"'))


def test_values_without_quotes_and_blanks_between() -> None:
    assert parse_challenge("bearer  realm=https://r/t , service=s") == Challenge(
        "https://r/t", "s", ()
    )


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        'Basic realm="x"',
        'Bearer service="x"',
        'Bearer realm=""',
        'Bearer realm="https://a',
        'Bearer realm="https://a" realm="https://b"',
        'Bearer realm="https://a",realm="https://b"',
        'Bearer realm="a"' + ",x" * 10_000,
    ],
)
def test_anything_else_is_no_challenge(header: str) -> None:
    assert parse_challenge(header) is None


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    parsed = parse_challenge("Bearer " + text)
    assert parsed is None or parsed.realm
