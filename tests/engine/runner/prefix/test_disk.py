"""The disk tier against everything that happens to folders."""

import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.runner.prefix import space
from engine.runner.prefix.disk import DiskSettings, DiskTier
from engine.runner.prefix.keys import hash_blocks, hash_sequence
from engine.runner.prefix.state_file import SUFFIX
from engine.runner.sequence_state import SequenceState
from tests.conftest import ROOT

KEY = "ab" * 16
MIB = 1024 * 1024


def tokens_of(length: int, seed: int = 0) -> list[int]:
    tokens: list[int] = np.random.default_rng(seed).integers(0, 50_000, length).tolist()
    return tokens


def state_of(tokens: list[int], size: int = 10_000) -> SequenceState:
    return SequenceState(tokens, np.full(size, len(tokens) % 251, dtype=np.uint8))


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


class Opened:
    """Opens tiers over one folder and closes them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._tiers: list[DiskTier] = []

    def __call__(self, key: str = KEY, max_bytes: int = 100 * MIB) -> DiskTier:
        tier = DiskTier(DiskSettings(self.root, max_bytes, key))
        self._tiers.append(tier)
        return tier

    def save(self, *states: SequenceState, supersede: bool = True, **how: object) -> None:
        """Through a tier of their own."""
        tier = self(**how)  # type: ignore[arg-type]
        for state in states:
            tier.write(state, supersede=supersede)
        tier.close(10)

    @property
    def files(self) -> list[Path]:
        return sorted(self.root.glob(f"*/*{SUFFIX}"))

    def path_of(self, tokens: list[int]) -> Path:
        name = hash_sequence(tokens, hash_blocks(tokens)).hex() + SUFFIX
        return self.root / KEY / name

    def close(self) -> None:
        for tier in self._tiers:
            tier.close(10)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    tiers = Opened(tmp_path / "prefix")
    yield tiers
    tiers.close()


def fetch(tier: DiskTier, prompt: list[int], *, can_cut: bool = True) -> SequenceState | None:
    """What a request with that prompt would get."""
    match = tier.find(prompt, len(prompt) - 1, can_cut=can_cut)
    if match is None:
        return None
    while tier.fetch(match):
        tier.wait_fetch(1)
    return next(iter(tier.fetched), None)


def test_saved_sequence_is_found_by_another_process(opened: Opened) -> None:
    tokens = tokens_of(1000)
    opened.save(state_of(tokens))

    state = fetch(opened(), tokens)

    assert state is not None
    assert state.tokens == tokens
    assert stat.S_IMODE(opened.root.stat().st_mode) == 0o700


@given(data=st.data())
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None
)
def test_best_file_is_found(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    opened = Opened(tmp_path_factory.mktemp("prefix"))
    base = tokens_of(1500)
    cuts = data.draw(st.lists(st.integers(256, 1500), min_size=1, max_size=4, unique=True))
    opened.save(*(state_of([*base[:cut], 60_000 + cut]) for cut in cuts), supersede=False)
    opened.save(*(state_of(base[:cut]) for cut in cuts), supersede=False)
    length = data.draw(st.integers(1, 1500))
    tier = opened()

    match = tier.find(base[:length], length - 1, can_cut=True)
    whole = tier.find(base[:length], length - 1, can_cut=False)
    opened.close()

    blocks = max(min(length, cut) // 256 for cut in cuts)
    assert (match.length if match else 0) == min(blocks * 256, length - 1)
    assert (whole.length if whole else 0) == max((c for c in cuts if c < length), default=0)


def test_file_that_another_process_adds_is_noticed(opened: Opened) -> None:
    tier = opened()
    tokens = tokens_of(600)
    assert fetch(tier, tokens) is None

    opened.save(state_of(tokens))

    assert fetch(tier, tokens) is not None


def test_longer_sequence_replaces_its_beginnings(opened: Opened) -> None:
    tokens = tokens_of(2000)
    opened.save(*(state_of(tokens[:length]) for length in (300, 700, 1024)))
    opened.save(state_of([*tokens[:900], 5]), state_of(tokens))

    assert opened.files == sorted([opened.path_of([*tokens[:900], 5]), opened.path_of(tokens)])


@pytest.mark.parametrize("damage", ["byte", "cut", "empty"])
def test_damaged_file_is_a_miss_and_goes(opened: Opened, damage: str) -> None:
    tokens = tokens_of(600)
    opened.save(state_of(tokens))
    (file,) = opened.files
    if damage == "byte":
        data = bytearray(file.read_bytes())
        data[-100] ^= 1
        file.write_bytes(data)
    else:
        os.truncate(file, 0 if damage == "empty" else file.stat().st_size // 2)

    tier = opened()

    assert fetch(tier, tokens) is None
    assert fetch(tier, tokens) is None
    assert bool(opened.files) == (damage == "empty")  # not recognisable as ours: left alone


def test_foreign_files_are_a_miss_and_stay(opened: Opened) -> None:
    tokens = tokens_of(600)
    opened.save(state_of(tokens))
    opened.save(state_of(tokens_of(600, 1)), key="cd" * 16)
    mine, other = opened.files
    data = bytearray(mine.read_bytes())
    data[8] += 1  # the version
    mine.write_bytes(data)
    (other.parent / "notes.txt").touch()
    other.rename(mine.with_name(other.name))  # of other settings, in our folder

    tier = opened()

    assert fetch(tier, tokens) is None
    assert fetch(tier, tokens_of(600, 1)) is None
    assert len(opened.files) == 2


def test_files_that_vanish_are_a_miss(opened: Opened) -> None:
    first, second = tokens_of(600), tokens_of(600, 1)
    opened.save(state_of(first), state_of(second))
    tier = opened()
    match = tier.find(first, 599, can_cut=True)
    assert match is not None
    match.path.unlink()

    while tier.fetch(match):
        tier.wait_fetch(1)

    assert tier.fetched == []
    assert fetch(tier, first) is None
    opened.path_of(second).unlink()
    opened.path_of(second).parent.rmdir()
    assert fetch(tier, second) is None
    tier.write(state_of(first), supersede=True)
    wait_until(lambda: opened.files)


def test_size_limit_holds_and_the_oldest_go_first(opened: Opened) -> None:
    sequences = [tokens_of(600, seed) for seed in range(12)]
    for age, tokens in enumerate(sequences):
        opened.save(state_of(tokens, MIB), max_bytes=5 * MIB)
        assert sum(file.stat().st_size for file in opened.files) <= 5 * MIB
        for file in opened.files:
            if file == opened.path_of(tokens):
                os.utime(file, (age, age))
        os.utime(opened.path_of(sequences[0]), (100, 100))  # used over and over

    kept = {opened.path_of(tokens) for tokens in [sequences[0], *sequences[-3:]]}
    assert set(opened.files) == kept


def test_reading_a_file_makes_it_young(opened: Opened) -> None:
    tokens = tokens_of(600)
    opened.save(state_of(tokens))
    os.utime(opened.files[0], (1, 1))

    assert fetch(opened(), tokens) is not None

    assert opened.files[0].stat().st_mtime > 1e9


def test_state_beyond_the_limit_is_not_saved(opened: Opened) -> None:
    small = tokens_of(600)
    opened.save(state_of(small))
    opened.save(state_of(tokens_of(600, 1), 2 * MIB), max_bytes=MIB)

    assert opened.files == [opened.path_of(small)]


def test_few_files_are_deleted_for_one(opened: Opened) -> None:
    folder = opened.root / KEY
    folder.mkdir(parents=True)
    for number in range(100):
        (folder / f"{number:032x}{SUFFIX}").write_bytes(bytes(10_000))

    opened.save(state_of(tokens_of(600), 10_000), max_bytes=20_000)

    assert len(opened.files) == 100 - space.MAX_UNLINKS


def test_limit_follows_the_free_space(tmp_path: Path) -> None:
    limit = space.limit_bytes(tmp_path, 1 << 60, 0)
    more = space.limit_bytes(tmp_path, 1 << 60, 1 << 40)

    assert limit < 0.11 * os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    assert more > limit + 0.09 * (1 << 40)
    assert space.limit_bytes(tmp_path, 5, 0) == 5


def test_abandoned_temporary_files_go(opened: Opened) -> None:
    opened.save(state_of(tokens_of(600)))
    old, young = (opened.root / KEY / f".{name}.1.part" for name in ("old", "young"))
    for file in (old, young):
        file.touch()
    os.utime(old, (1, 1))

    opened.save(state_of(tokens_of(600, 1)))

    assert (old.exists(), young.exists()) == (False, True)


def test_folder_that_cannot_be_made_costs_nothing(opened: Opened) -> None:
    opened.root.write_text("a file is in the way")
    tokens = tokens_of(600)
    tier = opened()
    for _ in range(5):
        tier.write(state_of(tokens), supersede=True)
    tier.close(10)

    assert tier.can_take(1)
    assert fetch(opened(), tokens) is None


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit on the size of files")
def test_full_disk_costs_nothing(tmp_path: Path) -> None:
    """RLIMIT_FSIZE makes a write fail half way, as a full disk does."""
    script = (
        "import resource, signal, sys, logging\n"
        "from pathlib import Path\n"
        "from tests.engine.runner.prefix.test_disk import *\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "opened = Opened(Path(sys.argv[1]))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))\n"
        "tier = opened()\n"
        "tier.write(state_of(tokens_of(600), 200_000), supersede=True)\n"
        "tier.write(state_of(tokens_of(600, 1), 20_000), supersede=True)\n"
        "tier.close(10)\n"
        "print([file.name for file in (opened.root / KEY).iterdir()])\n"
        "print(fetch(opened(), tokens_of(600, 1)) is not None, tier.can_take(1 << 40))\n"
        "opened.close()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    kept = Opened(tmp_path).path_of(tokens_of(600, 1)).name
    assert done.stdout.splitlines() == [str([kept]), "True True"]


def test_queue_of_writes_is_bounded(opened: Opened) -> None:
    tier = opened()
    tier.write(state_of(tokens_of(600), 400 * MIB), supersede=True)

    assert not tier.can_take(200 * MIB)
    wait_until(lambda: tier.can_take(200 * MIB))


@pytest.mark.skipif(sys.platform == "win32", reason="has no named pipes in folders")
def test_closing_does_not_wait_for_ever(opened: Opened) -> None:
    opened.save(state_of(tokens_of(600)))
    (file,) = opened.files
    tier = opened()
    match = tier.find(tokens_of(600), 599, can_cut=True)
    assert match is not None
    file.unlink()
    os.mkfifo(file)  # opening it blocks until somebody writes
    assert tier.fetch(match)

    started = time.monotonic()
    tier.close(0.2)

    assert time.monotonic() - started < 5
    with file.open("wb"):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="has no named pipes in folders")
def test_request_does_not_wait_for_a_disk_that_hangs(opened: Opened) -> None:
    opened.save(state_of(tokens_of(600)))
    (file,) = opened.files
    tier = DiskTier(DiskSettings(opened.root, MIB, KEY, patience_s=0.1))
    match = tier.find(tokens_of(600), 599, can_cut=True)
    assert match is not None
    file.unlink()
    os.mkfifo(file)

    assert tier.fetch(match)
    wait_until(lambda: not tier.fetch(match))

    assert tier.fetched == []
    with file.open("wb"):
        pass
    tier.close(10)


@pytest.mark.parametrize(("stale_s", "left"), [(60, 1), (-1, 0)])
def test_states_that_nobody_takes_are_dropped(opened: Opened, stale_s: float, left: int) -> None:
    tokens = tokens_of(600)
    opened.save(state_of(tokens))
    tier = DiskTier(DiskSettings(opened.root, MIB, KEY, stale_s))
    assert fetch(tier, tokens) is not None

    tier.drop_stale()

    assert len(tier.fetched) == left
    tier.close(10)


def test_taken_state_is_held_no_longer(opened: Opened) -> None:
    tokens = tokens_of(600)
    opened.save(state_of(tokens))
    tier = opened()
    state = fetch(tier, tokens)
    assert state is not None

    tier.forget_fetched(state)

    assert tier.fetched == []
