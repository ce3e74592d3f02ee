"""Makes the icon files that executables carry: `python -m installer.icons FOLDER`.

Written for the build only; the running program draws its icons from resources/icons itself.
"""

import os
import struct
import sys
from pathlib import Path

SIZES = (16, 24, 32, 48, 64, 128, 256)


def main(folder: Path) -> None:
    """Write corral.ico and corral.png."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")  # noqa: TID251  # a build has no screen
    from PySide6.QtCore import QBuffer, QByteArray, QIODevice
    from PySide6.QtGui import QGuiApplication

    from ui import icons

    application = QGuiApplication(sys.argv[:1])
    pictures: dict[int, bytes] = {}
    for size in SIZES:
        name = "tray" if size <= 24 else "corral"
        content = QByteArray()
        buffer = QBuffer(content)
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        icons.draw(name, size).save(buffer, "PNG")
        pictures[size] = content.data()
    application.quit()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "corral.png").write_bytes(pictures[256])
    (folder / "corral.ico").write_bytes(ico(pictures))


def ico(pictures: dict[int, bytes]) -> bytes:
    """A Windows icon file of PNG pictures by size."""
    head = struct.pack("<HHH", 0, 1, len(pictures))
    entries, bodies = b"", b""
    offset = len(head) + 16 * len(pictures)
    for size, body in sorted(pictures.items()):
        side = size % 256  # 256 is written as 0
        entries += struct.pack("<BBBBHHII", side, side, 0, 0, 1, 32, len(body), offset)
        bodies += body
        offset += len(body)
    return head + entries + bodies


if __name__ == "__main__":
    main(Path(sys.argv[1]))
