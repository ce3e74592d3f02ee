"""Takes the pictures of the manual: `python -m tests.e2e.screenshots [folder]`.

They show the real program in a private X session, with the bundled model answering. With
fonts-inter and fonts-jetbrains-mono installed they look like a desktop of today.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.e2e.desktop_session import ROOT, DesktopApp, XSession, wait_for

WIDTH, HEIGHT = 1320, 910
QUESTION = "Why is the sky blue?"

_FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><include ignore_missing="yes">/etc/fonts/fonts.conf</include>
<alias binding="same"><family>sans-serif</family><prefer><family>Inter</family></prefer></alias>
<alias binding="same"><family>Sans</family><prefer><family>Inter</family></prefer></alias>
<alias binding="same"><family>monospace</family>
<prefer><family>JetBrains Mono</family></prefer></alias>
</fontconfig>
"""
_WINDOW_MANAGER = """<?xml version="1.0"?>
<openbox_config xmlns="http://openbox.org/3.4/rc">
<theme><name>Plain</name><titleLayout>LC</titleLayout><font place="ActiveWindow">
<name>Inter</name><size>10</size><weight>medium</weight></font></theme>
<applications><application type="normal"><position force="yes"><x>70</x><y>52</y></position>
</application></applications></openbox_config>
"""
_FRAME = """border.width: 1
padding.width: 12
padding.height: 9
window.active.border.color: #d3cbc1
window.active.title.bg: flat solid
window.active.title.bg.color: #f7f5f2
window.active.label.bg: parentrelative
window.active.label.text.color: #6e655c
window.active.button.*.bg: flat solid
window.active.button.*.bg.color: #f7f5f2
window.active.button.*.image.color: #6e655c
window.active.client.color: #f7f5f2
window.active.handle.bg: flat solid
window.active.handle.bg.color: #f7f5f2
window.handle.width: 0
window.client.padding.width: 0
window.label.text.justify: center
"""
_BACKGROUND = f"""
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QLinearGradient, QPainter, QPaintEvent
from PySide6.QtWidgets import QApplication, QWidget

class Background(QWidget):
    def paintEvent(self, event: QPaintEvent) -> None:
        gradient = QLinearGradient(0, 0, self.width(), self.height())
        gradient.setColorAt(0, QColor("#e9c9a8"))
        gradient.setColorAt(0.55, QColor("#c98f6c"))
        gradient.setColorAt(1, QColor("#7d5a56"))
        QPainter(self).fillRect(self.rect(), gradient)

application = QApplication([])
background = Background()
background.setAttribute(Qt.WidgetAttribute.WA_X11NetWmWindowTypeDesktop)
background.setWindowFlags(Qt.WindowType.FramelessWindowHint)
background.setGeometry(0, 0, {WIDTH}, {HEIGHT})
background.show()
application.exec()
"""


def main() -> None:
    """Write chat-window.png, tray.png and settings.png into the folder."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home_name:
        home = Path(home_name)
        session = XSession(home, _decorate(home), size=(WIDTH, HEIGHT))
        background = subprocess.Popen(
            [sys.executable, "-c", _BACKGROUND], env=session.environment, cwd=ROOT
        )
        try:
            session.start_tray()
            _take(session, folder)
        finally:
            background.terminate()
            background.wait(10)
            session.close()


def _take(session: XSession, folder: Path) -> None:
    app = DesktopApp(session, port=11434 if _is_free(11434) else None)
    try:
        window = app.wait_for_window()
        wait_for(app.is_listening, "the server")
        time.sleep(2)  # a picture, not a test: let everything settle
        session.screenshot(folder / "welcome.png")
        app.type(window, QUESTION)
        wait_for(lambda: [s for _, s, _ in app.messages()] == ["complete"] * 2, "the answer")
        time.sleep(1)
        session.xdotool("mousemove", "30", "880")
        session.screenshot(folder / "chat-window.png")
        x, y = session.tray_icon() or (0, 0)
        session.xdotool("mousemove", str(x), str(y), "click", "3")
        time.sleep(1)
        session.screenshot(folder / "tray.png")
        session.xdotool("key", "Escape")
        session.xdotool("windowactivate", "--sync", window, "key", "ctrl+comma")
        time.sleep(1)
        session.screenshot(folder / "settings.png")
    finally:
        app.stop()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _decorate(home: Path) -> dict[str, str]:
    """Fonts and window frame of the session; the environment that makes them count."""
    config = home / ".config"
    theme = home / ".themes" / "Plain" / "openbox-3"
    (config / "openbox").mkdir(parents=True)
    theme.mkdir(parents=True)
    (config / "openbox" / "rc.xml").write_text(_WINDOW_MANAGER)
    (theme / "themerc").write_text(_FRAME)
    fonts = home / "fonts.conf"
    fonts.write_text(_FONTS)
    return {"FONTCONFIG_FILE": str(fonts), "PATH": os.environ["PATH"]}


if __name__ == "__main__":
    main()
