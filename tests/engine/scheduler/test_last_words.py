import logging
import signal
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.scheduler.last_words import MAX_LINE_CHARS, StderrTail, describe_exit


def feed(*parts: bytes) -> StderrTail:
    tail = StderrTail()
    for part in parts:
        tail.feed(part, 1)
    tail.close(1)
    return tail


def test_last_line_that_looks_like_a_reason_is_found():
    tail = feed(b"loading\nllama: failed to allocate buffer\nuse of --x is new\nbye\n")
    assert tail.find_reason() == "llama: failed to allocate buffer"


def test_harmless_log_gives_no_reason():
    assert feed(b"loading\nready\n").find_reason() == ""


def test_reason_long_ago_is_not_blamed():
    assert feed(b"error: harmless\n" + b"fine\n" * 20).find_reason() == ""


def test_unfinished_last_line_counts():
    assert feed(b"GGML_ASSERT(x) fail", b"ed").find_reason() == "GGML_ASSERT(x) failed"


@given(st.integers(1, 50), st.data())
def test_lines_are_the_same_whatever_the_sizes_of_the_reads(count, data):
    text = "".join(f"error {index} \u00e4\n" for index in range(count)).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=10)))
    parts = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert feed(*parts).find_reason() == f"error {count - 1} \u00e4"


def test_endless_line_takes_bounded_memory():
    tail = feed(*[b"error" * 10_000] * 100)
    assert len(tail.find_reason()) <= MAX_LINE_CHARS


def test_lines_are_logged_at_debug_level(caplog):
    caplog.set_level(logging.DEBUG, "engine.scheduler")
    feed(b"hello\nworld\n")
    assert [record.getMessage() for record in caplog.records] == [
        "runner 1: hello",
        "runner 1: world",
    ]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (None, "not responding"),
        (0, "exit status 0"),
        (7, "exit status 7"),
        (-200, "killed by signal 200"),
    ],
)
def test_exit_status_in_words(status, words):
    assert describe_exit(status) == words


@pytest.mark.skipif(sys.platform == "win32", reason="no signals")
def test_signals_have_names():
    assert describe_exit(-signal.SIGKILL) == "killed by SIGKILL"
