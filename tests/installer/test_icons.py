import struct
import subprocess
import sys
from pathlib import Path

from installer.icons import SIZES, ico


def test_icon_files_hold_a_picture_of_every_size(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "installer.icons", str(tmp_path)]
    subprocess.run(command, check=True, timeout=30)
    content = (tmp_path / "corral.ico").read_bytes()
    _, kind, count = struct.unpack_from("<HHH", content)
    assert (kind, count) == (1, len(SIZES))
    for index, size in enumerate(SIZES):
        width, _, _, _, _, bits, length, offset = struct.unpack_from(
            "<BBBBHHII", content, 6 + 16 * index
        )
        picture = content[offset : offset + length]
        assert (width, bits) == (size % 256, 32)
        assert picture.startswith(b"\x89PNG")
        assert struct.unpack_from(">II", picture, 16) == (size, size)
    assert (tmp_path / "corral.png").read_bytes().startswith(b"\x89PNG")


def test_pictures_lie_behind_each_other_without_gaps() -> None:
    content = ico({16: b"a" * 3, 256: b"b" * 5})
    assert content.endswith(b"aaabbbbb")
    assert len(content) == 6 + 2 * 16 + 8
