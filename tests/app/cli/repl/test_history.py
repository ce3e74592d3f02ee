from pathlib import Path

from app.cli.repl.history import MAX_ENTRIES, LineHistory


def test_entries_come_back_newest_first(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "history"
    for text in ("one", "two ü", "two ü"):
        LineHistory(path).store_string(text)
    assert path.read_text(encoding="utf-8") == "one\ntwo ü\ntwo ü\n"
    assert list(LineHistory(path).load_history_strings()) == ["two ü", "two ü", "one"]


def test_only_the_last_hundred_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_text("".join(f"{number}\n" for number in range(MAX_ENTRIES)), encoding="utf-8")
    LineHistory(path).store_string("new")
    lines = path.read_text(encoding="utf-8").splitlines()
    assert (len(lines), lines[0], lines[-1]) == (MAX_ENTRIES, "1", "new")


def test_the_lines_of_a_long_message_are_entries(tmp_path: Path) -> None:
    path = tmp_path / "history"
    LineHistory(path).store_string("a\n\nb")
    assert list(LineHistory(path).load_history_strings()) == ["b", "a"]


def test_nothing_else_is_left_in_the_folder(tmp_path: Path) -> None:
    LineHistory(tmp_path / "history").store_string("a")
    assert [path.name for path in tmp_path.iterdir()] == ["history"]


def test_a_file_that_is_no_text_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_bytes(b"a\xff\n\x00\n")
    LineHistory(path).store_string("b")
    assert next(iter(LineHistory(path).load_history_strings())) == "b"
