import pytest

from app.cli.errors import CommandError
from app.cli.run import parse_format, parse_keep_alive, parse_think


@pytest.mark.parametrize(
    ("text", "value"),
    [(None, None), ("10m", "10m"), ("0", 0), ("0s", 0), ("-1", -1), ("-60", -1), ("-5m", -1)],
)
def test_keep_alive(text: str | None, value: object) -> None:
    assert parse_keep_alive(text) == value


@pytest.mark.parametrize("text", ["300", "", "5x", "-"])
def test_a_bad_keep_alive_gets_gos_sentence(text: str) -> None:
    with pytest.raises(CommandError, match=r"^time: "):
        parse_keep_alive(text)


@pytest.mark.parametrize(
    ("text", "value"), [(None, None), ("true", True), ("false", False), ("high", "high")]
)
def test_think(text: str | None, value: object) -> None:
    assert parse_think(text) == value


def test_an_unknown_thinking_level_is_refused() -> None:
    with pytest.raises(CommandError) as caught:
        parse_think("much")
    assert str(caught.value) == (
        'invalid value for --think: "much" (must be true, false, high, medium, low, or max)'
    )


@pytest.mark.parametrize(
    ("text", "value"), [("", None), ("json", "json"), ('{"type":"object"}', {"type": "object"})]
)
def test_format_is_a_word_or_a_schema(text: str, value: object) -> None:
    assert parse_format(text) == value
