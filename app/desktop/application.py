"""The desktop app as a whole: builds and connects window, tray and server; ends them in order.

Closing the window leaves the program in the tray. Where there is no tray, nothing would be left
to bring the window back, so there closing it quits.
"""

import logging

from PySide6.QtCore import QObject, QSettings, QTimer, Slot
from PySide6.QtWidgets import QApplication, QMessageBox

from app import paths
from app.desktop.preferences import preferences_of, save_preferences
from app.desktop.server import LocalServer
from app.desktop.tray import Tray
from app.settings import Settings, SettingsError, load_settings
from ui.chats.store import ChatStore
from ui.main_window import MainWindow
from ui.settings_dialog import SettingsDialog
from ui.theme import ThemeSource

logger = logging.getLogger("corral.desktop")

ANSWER_DEADLINE_S = 2.0


class DesktopApplication(QObject):
    """Owns everything but the QApplication. Raises ChatStoreError from the constructor."""

    def __init__(self, application: QApplication, settings: Settings) -> None:
        super().__init__()
        self._application = application
        self._is_quitting = False
        self._store = ChatStore(paths.chats_database())
        memory = QSettings(str(paths.state_folder() / "window.ini"), QSettings.Format.IniFormat)
        self.server = LocalServer(settings)
        theme = ThemeSource(application)
        self.window = MainWindow(self._store, self.server.state, theme.theme, memory)
        self.tray = Tray(self.server.state)
        self._dialog: SettingsDialog | None = None
        theme.changed.connect(self.window.set_theme)
        self.server.changed.connect(self.window.show_server)
        self.server.changed.connect(self.tray.show_server)
        self.window.closed.connect(self._on_window_closed)
        self.window.settings_requested.connect(self.show_settings)
        self.window.quit_requested.connect(self.quit)
        self.window.retry_server_requested.connect(self.server.restart)
        self.tray.open_requested.connect(self.window.raise_window)
        self.tray.settings_requested.connect(self.show_settings)
        self.tray.quit_requested.connect(self.quit)
        application.commitDataRequest.connect(self._on_session_ends)

    def start(self, *, hidden: bool) -> None:
        """Show the window, unless hidden, and start the server behind it."""
        if not hidden:
            self.window.raise_window()
        elif not self.tray.is_available:
            # Hidden without a tray would be out of reach.
            self.window.showMinimized()
        # After the first paint: importing the server competes for the interpreter.
        QTimer.singleShot(0, self.server, self.server.start)

    @Slot()
    def quit(self) -> None:
        """Stop answers, the server and every runner, then leave the event loop."""
        if self._is_quitting:
            return
        self._is_quitting = True
        if self._dialog is not None:
            self._dialog.reject()
        self.window.hide()
        self.tray.hide()
        self.window.shut_down(ANSWER_DEADLINE_S)
        if not self.server.stop():
            logger.error("quitting although the server has not stopped")
        self._store.close()
        self._application.quit()

    @Slot()
    def show_settings(self) -> None:
        """Open the settings, or bring them to the front."""
        if self._dialog is not None:
            self._dialog.raise_()
            self._dialog.activateWindow()
            return
        try:
            preferences = preferences_of(load_settings())
        except SettingsError as exc:
            self._show_problem(str(exc))
            return
        self.window.raise_window()
        self._dialog = SettingsDialog(preferences, self.server.state, self.window)
        self._dialog.applied.connect(self._on_settings_applied)
        self._dialog.finished.connect(self._on_settings_closed)
        self._dialog.open()

    @Slot(object)
    def _on_settings_applied(self, changed: dict[str, float]) -> None:
        if self.window.is_busy and not self._may_interrupt():
            return
        try:
            save_preferences(paths.settings_file(), changed)
        except SettingsError as exc:
            self._show_problem(str(exc))
            return
        self.server.restart()

    @Slot()
    def _on_settings_closed(self) -> None:
        if self._dialog is not None:
            self._dialog.deleteLater()
            self._dialog = None

    @Slot()
    def _on_window_closed(self) -> None:
        if not self.tray.is_available:
            self.quit()

    @Slot()
    def _on_session_ends(self) -> None:
        # The system logs out: the event loop may not come round again.
        self.quit()

    def _may_interrupt(self) -> bool:
        answer = QMessageBox.question(
            self.window,
            "Restart the server",
            "An answer is being written. Changing this setting restarts the server and ends it.",
            QMessageBox.StandardButton.Ok | QMessageBox.StandardButton.Cancel,
        )
        return answer == QMessageBox.StandardButton.Ok

    def _show_problem(self, sentence: str) -> None:
        self.window.raise_window()
        self.window.show_problem(sentence)
