"""The icon in the tray and its menu. UI thread."""

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from ui import icons
from ui.server_state import ServerState


class Tray(QObject):
    """open_requested(), settings_requested(), quit_requested(): as the menu says."""

    open_requested = Signal()
    settings_requested = Signal()
    quit_requested = Signal()

    def __init__(self, state: ServerState) -> None:
        super().__init__()
        self._menu = QMenu()
        self._menu.addAction("Open Corral", self.open_requested.emit)
        self._menu.addAction("Settings\N{HORIZONTAL ELLIPSIS}", self.settings_requested.emit)
        self._menu.addSeparator()
        self._server = QAction(self._menu)
        self._server.setEnabled(False)
        self._menu.addAction(self._server)
        self._menu.addSeparator()
        self._menu.addAction("Quit Corral", self.quit_requested.emit)
        self._icon = QSystemTrayIcon(icons.app_icon("tray"), self)
        self._icon.setContextMenu(self._menu)
        self._icon.activated.connect(self._on_activated)
        self.show_server(state)
        self._icon.show()

    @property
    def is_available(self) -> bool:
        """Whether there is a tray to be seen in; it may come and go."""
        return QSystemTrayIcon.isSystemTrayAvailable()

    def hide(self) -> None:
        """The program ends."""
        self._icon.hide()

    @Slot(object)
    def show_server(self, state: ServerState) -> None:
        """The server's state changed."""
        self._server.setText(state.sentence)
        self._icon.setToolTip(f"Corral\n{state.sentence}")

    @Slot(QSystemTrayIcon.ActivationReason)
    def _on_activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason in (
            QSystemTrayIcon.ActivationReason.Trigger,
            QSystemTrayIcon.ActivationReason.DoubleClick,
        ):
            self.open_requested.emit()
