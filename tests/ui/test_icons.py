from importlib.resources import files

import pytest
from PySide6.QtGui import QColor

from ui import icons

NAMES = sorted(
    entry.name.removesuffix(".svg")
    for entry in files("resources").joinpath("icons").iterdir()
    if entry.name.endswith(".svg")
)


@pytest.mark.parametrize("name", NAMES)
def test_every_icon_draws_something(name: str) -> None:
    image = icons.draw(name, 32).toImage()
    alphas = [image.pixelColor(x, y).alpha() for x in range(32) for y in range(32)]
    assert max(alphas) > 200
    assert min(alphas) == 0


def test_one_colour_icons_take_the_colour_they_are_given() -> None:
    image = icons.draw("stop", 24, "#ff0000").toImage()
    assert image.pixelColor(12, 12) == QColor("#ff0000")


def test_density_multiplies_the_pixels_only() -> None:
    pixmap = icons.draw("send", 20, "#000000", 2.0)
    assert (pixmap.width(), pixmap.deviceIndependentSize().width()) == (40, 20)


def test_app_icon_has_a_picture_for_the_tray() -> None:
    assert icons.app_icon("tray").availableSizes()[0].width() == 16
