import pytest

from app.cli.repl.message import MessageBuffer


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["hello"], "hello"),
        (['say """ok"""'], 'say """ok"""'),
        (['"""one line"""'], "one line"),
        (['"""', "a", "", "b", '"""'], "a\n\nb\n"),
        (['"""a', 'b"""'], "a\nb"),
        (['"""a', '"""'], "a\n"),
        (['"""', '"""'], ""),
        (['""""""'], ""),
    ],
)
def test_lines_become_a_message(lines: list[str], message: str) -> None:
    buffer = MessageBuffer()
    *first, last = lines
    assert [buffer.add(line) for line in first] == [None] * len(first)
    assert buffer.is_open is bool(first)
    assert buffer.add(last) == message
    assert not buffer.is_open


def test_clearing_forgets_an_open_message() -> None:
    buffer = MessageBuffer()
    buffer.add('"""a')
    buffer.clear()
    assert buffer.add("b") == "b"
