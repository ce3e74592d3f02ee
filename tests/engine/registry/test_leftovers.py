import os
import time
from pathlib import Path

from engine.library.digests import Digest
from engine.library.library import Library


def test_a_cut_download_outlives_the_nights_and_goes_after_a_week(library: Library) -> None:
    path = library.download_path(Digest.of(b"x"))
    state = path.with_name(f"{path.name}.json")
    path.parent.mkdir(parents=True)
    for one in (path, state):
        _write(one, age_s=2 * 24 * 3600)
    assert library.prune() == 0
    for one in (path, state):
        _write(one, age_s=8 * 24 * 3600)
    assert library.prune() == 2
    assert list(path.parent.iterdir()) == []


def _write(path: Path, *, age_s: float) -> None:
    path.write_bytes(b"part")
    then = time.time() - age_s
    os.utime(path, (then, then))
