"""Colours and type of the window, light and dark, chosen from the system's palette. UI thread.

The style sheet is resources/styles/corral.qss with `@colour` names in place of colours.
"""

import re
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication


@dataclass(frozen=True)
class Theme:
    """One set of colours. Text on its background has a contrast of at least 4.5 to 1."""

    is_dark: bool
    window: str
    sidebar: str
    raised: str
    hover: str
    selected: str
    border: str
    border_strong: str
    text: str
    muted: str
    accent: str
    accent_hover: str
    on_accent: str
    user_bubble: str
    code: str
    code_header: str
    danger: str
    danger_fill: str
    good: str
    warn: str


LIGHT = Theme(
    is_dark=False,
    window="#ffffff",
    sidebar="#f7f5f2",
    raised="#ffffff",
    hover="#eeeae4",
    selected="#e7e1d9",
    border="#e6e1da",
    border_strong="#d3cbc1",
    text="#211d19",
    muted="#6e655c",
    accent="#b34d26",
    accent_hover="#973f1d",
    on_accent="#ffffff",
    user_bubble="#f4f0ea",
    code="#faf8f5",
    code_header="#f1ede7",
    danger="#a32620",
    danger_fill="#fdf1ef",
    good="#2c7a4b",
    warn="#946200",
)
DARK = Theme(
    is_dark=True,
    window="#1d1b19",
    sidebar="#161412",
    raised="#272421",
    hover="#262320",
    selected="#332f2b",
    border="#34302c",
    border_strong="#4a443e",
    text="#ede8e2",
    muted="#a89f94",
    accent="#e08a5c",
    accent_hover="#eba27b",
    on_accent="#1d1310",
    user_bubble="#2c2926",
    code="#161412",
    code_header="#24211e",
    danger="#f2938b",
    danger_fill="#33201e",
    good="#6cc48e",
    warn="#e3b75f",
)

_PLACEHOLDER = re.compile(r"@([a-z_]+)")


def style_sheet(theme: Theme) -> str:
    """The application's style sheet in these colours. Raises KeyError for an unknown name."""
    source = files("resources").joinpath("styles", "corral.qss").read_text(encoding="utf-8")
    icons = files("resources").joinpath("icons")
    values = {**asdict(theme), "icons": Path(str(icons)).as_posix()}
    return _PLACEHOLDER.sub(lambda match: str(values[match.group(1)]), source)


def palette(theme: Theme) -> QPalette:
    """The palette for what no style sheet reaches: selections, dialogs, placeholder text."""
    roles = QPalette.ColorRole
    result = QPalette()
    for role, value in (
        (roles.Window, theme.window),
        (roles.WindowText, theme.text),
        (roles.Base, theme.window),
        (roles.AlternateBase, theme.sidebar),
        (roles.Text, theme.text),
        (roles.Button, theme.raised),
        (roles.ButtonText, theme.text),
        (roles.ToolTipBase, theme.raised),
        (roles.ToolTipText, theme.text),
        (roles.PlaceholderText, theme.muted),
        (roles.Highlight, theme.accent),
        (roles.HighlightedText, theme.on_accent),
        (roles.Link, theme.accent),
    ):
        result.setColor(role, QColor(value))
    for role in (roles.WindowText, roles.Text, roles.ButtonText):
        result.setColor(QPalette.ColorGroup.Disabled, role, QColor(theme.muted))
    return result


class ThemeSource(QObject):
    """Follows the system's light or dark setting for one application.

    changed(Theme): the application has been restyled; repaint what holds colours itself.
    """

    changed = Signal(object)

    def __init__(self, application: QApplication, forced: Theme | None = None) -> None:
        super().__init__(application)
        self._application = application
        self._forced = forced
        self.theme = forced or _system_theme()
        self._apply()
        QGuiApplication.styleHints().colorSchemeChanged.connect(self.on_scheme_changed)

    def on_scheme_changed(self) -> None:
        """The desktop switched between light and dark."""
        theme = self._forced or _system_theme()
        if theme != self.theme:
            self.theme = theme
            self._apply()
            self.changed.emit(theme)

    def _apply(self) -> None:
        self._application.setPalette(palette(self.theme))
        self._application.setStyleSheet(style_sheet(self.theme))


def _system_theme() -> Theme:
    scheme = QGuiApplication.styleHints().colorScheme()
    if scheme == Qt.ColorScheme.Unknown:
        window = QGuiApplication.palette().color(QPalette.ColorRole.Window)
        return DARK if window.lightness() < 128 else LIGHT
    return DARK if scheme == Qt.ColorScheme.Dark else LIGHT
