"""Pictures from resources/icons: drawn from SVG, tinted, sharp on every screen. UI thread."""

from functools import lru_cache
from importlib.resources import files

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

_APP_ICON_SIZES = (16, 22, 24, 32, 48, 64, 128, 256)


@lru_cache(maxsize=64)
def _load_svg(name: str) -> bytes:
    return files("resources").joinpath("icons", f"{name}.svg").read_bytes()


def draw(name: str, size: int, color: str = "", ratio: float = 1.0) -> QPixmap:
    """The icon `name` at `size` logical pixels; `color` replaces the black of one-colour icons."""
    source = _load_svg(name)
    if color:
        source = source.replace(b"#000000", color.encode())
    pixmap = QPixmap(QSize(round(size * ratio), round(size * ratio)))
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    QSvgRenderer(QByteArray(source)).render(painter, QRectF(pixmap.rect()))
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def symbol(name: str, color: str, disabled: str = "") -> QIcon:
    """A one-colour icon for buttons, with a copy for screens of twice the density."""
    icon = QIcon()
    for ratio in (1.0, 2.0):
        icon.addPixmap(draw(name, 20, color, ratio))
        if disabled:
            icon.addPixmap(draw(name, 20, disabled, ratio), QIcon.Mode.Disabled)
    return icon


def app_icon(name: str = "corral") -> QIcon:
    """The program's own icon; `tray` is the variant that stays readable at 16 pixels."""
    icon = QIcon()
    for size in _APP_ICON_SIZES:
        icon.addPixmap(draw(name, size))
    return icon
