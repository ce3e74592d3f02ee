"""Files of states: whole, or not used."""

import os
import stat
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.runner.prefix.state_file import (
    FORMAT_VERSION,
    ForeignFileError,
    StateFileError,
    describe,
    read_header,
    read_state,
    write_state,
)
from engine.runner.sequence_state import SequenceState

KEY = bytes(range(16))


def make_state(num_tokens: int = 600, size: int = 5000, seed: int = 0) -> SequenceState:
    random = np.random.default_rng(seed)
    data = random.integers(0, 256, size, dtype=np.uint8)
    return SequenceState(random.integers(0, 50_000, num_tokens).tolist(), data)


def save(path: Path, state: SequenceState) -> Path:
    write_state(path, describe(state, KEY), state)
    return path


@given(num_tokens=st.integers(0, 600), size=st.integers(0, 3000))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_what_was_written_is_read(tmp_path: Path, num_tokens: int, size: int) -> None:
    state = make_state(num_tokens, size)
    path = save(tmp_path / "a.state", state)

    header, read = read_state(path)

    assert header == read_header(path) == describe(state, KEY)
    assert (header.settings, len(header.blocks)) == (KEY, num_tokens // 256)
    assert read.tokens == state.tokens
    assert np.array_equal(read.data, state.data)
    assert header.state_offset + header.state_bytes == path.stat().st_size
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.state"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@given(st.integers(0), st.integers(1, 255))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_any_changed_byte_is_noticed(tmp_path: Path, place: int, change: int) -> None:
    path = save(tmp_path / "a.state", make_state(300, 400))
    data = bytearray(path.read_bytes())
    # Mostly in the header, where each field has its own way of being wrong.
    data[place % len(data)] ^= change
    path.write_bytes(data)

    with pytest.raises((StateFileError, ForeignFileError)):
        read_state(path)


@pytest.mark.parametrize("length", [0, 1, 15, 16, 60, 90, 1000, 1648, -1])
def test_cut_files_are_noticed(tmp_path: Path, length: int) -> None:
    path = save(tmp_path / "a.state", make_state(300, 400))
    size = path.stat().st_size
    os.truncate(path, length if length >= 0 else size - 1)

    for read in (read_header, read_state):
        with pytest.raises((StateFileError, ForeignFileError)):
            read(path)


def test_longer_file_is_noticed(tmp_path: Path) -> None:
    path = save(tmp_path / "a.state", make_state())
    with path.open("ab") as file:
        file.write(b"x")

    with pytest.raises(StateFileError):
        read_state(path)


def test_other_versions_and_other_files_are_foreign(tmp_path: Path) -> None:
    path = save(tmp_path / "a.state", make_state())
    data = bytearray(path.read_bytes())
    data[8] = FORMAT_VERSION + 1
    path.write_bytes(data)
    other = tmp_path / "b.state"
    other.write_bytes(b"GGUF" + bytes(1000))

    for foreign in (path, other):
        with pytest.raises(ForeignFileError):
            read_header(foreign)


def test_header_that_promises_the_moon_allocates_nothing(tmp_path: Path) -> None:
    path = save(tmp_path / "a.state", make_state(300, 400))
    data = bytearray(path.read_bytes())
    data[24:32] = (1 << 62).to_bytes(8, "little")
    path.write_bytes(data)

    with pytest.raises(StateFileError, match="cut short"):
        read_state(path)


def test_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    state = make_state()
    (tmp_path / "a.state").mkdir()
    (tmp_path / "a.state" / "full").touch()

    with pytest.raises(OSError, match=r"a\.state"):
        save(tmp_path / "a.state", state)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.state"]
