import pytest
from PySide6.QtGui import QColor

from ui.theme import DARK, LIGHT, Theme, style_sheet


def _luminance(color: str) -> float:
    def linear(part: float) -> float:
        return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4

    parsed = QColor(color)
    red, green, blue = (linear(p) for p in (parsed.redF(), parsed.greenF(), parsed.blueF()))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("text", "ground"),
    [
        ("text", "window"),
        ("text", "sidebar"),
        ("text", "selected"),
        ("text", "user_bubble"),
        ("muted", "window"),
        ("muted", "sidebar"),
        ("muted", "code_header"),
        ("accent", "window"),
        ("on_accent", "accent"),
        ("on_accent", "accent_hover"),
        ("danger", "danger_fill"),
    ],
)
def test_text_can_be_read_on_its_ground(theme: Theme, text: str, ground: str) -> None:
    assert _contrast(getattr(theme, text), getattr(theme, ground)) >= 4.5


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_style_sheet_has_no_open_placeholder(theme: Theme) -> None:
    sheet = style_sheet(theme)
    assert "@" not in sheet
    assert theme.accent in sheet
