import pytest

from app.cli.progress import Line, Progress, format_eta, format_line


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59.4, "59s"), (243, "4m3s"), (3600, "1h0m"), (3900, "1h5m"), (360_000, "99h+")],
)
def test_time_left(seconds: float, text: str) -> None:
    assert format_eta(seconds) == text


def test_a_bar_shows_share_amounts_rate_and_time_left() -> None:
    line = Line("pulling")
    line.advance(0, 4_000_000, 0.0)
    line.advance(1_000_000, 4_000_000, 1.0)
    text = format_line(line, 80, 1.0, 0)
    assert text.startswith("pulling  25% ▕███")
    assert text.endswith("▏   1 MB/  4 MB    1 MB/s 3s")
    assert len(text) == 80


def test_a_finished_bar_shows_only_the_total() -> None:
    line = Line("pulling")
    line.advance(10, 10, 0.0)
    text = format_line(line, 60, 1.0, 0)
    assert text.startswith("pulling 100% ▕██")
    assert text.endswith("▏   10 B")


def test_without_a_total_a_spinner_turns_until_the_end() -> None:
    assert format_line(Line("wait"), 80, 0.0, 0) == "wait ⠋"
    assert format_line(Line("wait"), 80, 0.0, 11) == "wait ⠙"
    assert format_line(Line("wait", finished=True), 80, 0.0, 3) == "wait"


def test_off_a_terminal_each_message_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress() as progress:
        progress.show("copying", key="blob", completed=1, total=2)
        progress.show("copying", key="blob", completed=2, total=2)
        progress.show("success")
    assert capsys.readouterr().err == "copying\nsuccess\n"
