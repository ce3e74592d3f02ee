"""The settings: every control here works, and says so when something else decides it. UI thread."""

from PySide6.QtCore import Qt, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from ui.preferences import (
    CONTEXT_LENGTHS,
    KEEP_ALIVES_S,
    Preference,
    Preferences,
    context_text,
    keep_alive_text,
)
from ui.server_state import ServerPhase, ServerState

_CONTEXT_HELP = (
    "How much of a chat the model can see at once. Longer needs more memory. "
    "A model's own num_ctx wins."
)
_KEEP_ALIVE_HELP = "How long a model stays in memory after its last answer."
_FOLDER_HELP = "Models are shared with Ollama. Set OLLAMA_MODELS to use another folder."
_ADDRESS_HELP = "Editors and other programs connect here. Set OLLAMA_HOST to change it."
_FOREIGN_HELP = "This server was started by another program and keeps its own settings."


class SettingsDialog(QDialog):
    """applied(dict): names and new values of the fields that changed, after Save."""

    applied = Signal(object)

    def __init__(
        self, preferences: Preferences, state: ServerState, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Settings")
        self.setMinimumWidth(560)
        self._preferences = preferences
        is_foreign = state.phase == ServerPhase.FOREIGN
        self._lengths = sorted({*CONTEXT_LENGTHS, int(preferences.context_length.value)})
        self._times = sorted({*KEEP_ALIVES_S, preferences.keep_alive_s.value})
        self.context_value = QLabel()
        self.context_value.setObjectName("settingValue")
        self.context = self._context_slider(int(preferences.context_length.value))
        self.keep_alive = QComboBox()
        self.keep_alive.setAccessibleName("Keep models in memory")
        self.keep_alive.addItems([keep_alive_text(seconds) for seconds in self._times])
        self.keep_alive.setCurrentIndex(self._times.index(preferences.keep_alive_s.value))
        self.folder_button = QPushButton("Open folder")
        self.folder_button.clicked.connect(self._on_open_folder)
        self.save_button = QPushButton("Save")
        self.save_button.setDefault(True)
        self.save_button.clicked.connect(self._on_save)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 20, 20, 16)
        layout.setSpacing(16)
        layout.addWidget(self._card(is_foreign))
        layout.addLayout(self._buttons(is_foreign))
        self._show_context()

    def _context_slider(self, length: int) -> QSlider:
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setAccessibleName("Context length")
        slider.setRange(0, len(self._lengths) - 1)
        slider.setPageStep(1)
        slider.setValue(self._lengths.index(length))
        slider.valueChanged.connect(self._show_context)
        return slider

    def _card(self, is_foreign: bool) -> QFrame:
        known = self._preferences
        context_help = self._help(_CONTEXT_HELP, known.context_length, self.context)
        time_help = self._help(_KEEP_ALIVE_HELP, known.keep_alive_s, self.keep_alive)
        if is_foreign:
            self.context.setEnabled(False)
            self.keep_alive.setEnabled(False)
            context_help = time_help = _FOREIGN_HELP
        folder_help = f"{known.models_folder}\n{_FOLDER_HELP}"
        card = QFrame()
        card.setObjectName("card")
        rows = QVBoxLayout(card)
        rows.setContentsMargins(18, 16, 18, 16)
        rows.setSpacing(14)
        rows.addLayout(_row("Context length", context_help, self.context_value, self.context))
        rows.addWidget(_line())
        rows.addLayout(_row("Keep models in memory", time_help, self.keep_alive))
        rows.addWidget(_line())
        rows.addLayout(_row("Model folder", folder_help, self.folder_button))
        rows.addWidget(_line())
        rows.addLayout(_row("Server address", _ADDRESS_HELP, _value(known.address)))
        return card

    def _buttons(self, is_foreign: bool) -> QHBoxLayout:
        cancel = QPushButton("Cancel")
        cancel.clicked.connect(self.reject)
        note = QLabel("" if is_foreign else "Saving a change restarts the server.")
        note.setObjectName("settingHelp")
        buttons = QHBoxLayout()
        buttons.addWidget(note, 1)
        buttons.addWidget(cancel)
        buttons.addWidget(self.save_button)
        return buttons

    @Slot()
    def _show_context(self) -> None:
        self.context_value.setText(context_text(self._lengths[self.context.value()]))

    @Slot()
    def _on_open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(self._preferences.models_folder))

    @Slot()
    def _on_save(self) -> None:
        chosen: dict[str, float] = {
            "context_length": self._lengths[self.context.value()],
            "keep_alive_s": self._times[self.keep_alive.currentIndex()],
        }
        before = {
            "context_length": self._preferences.context_length.value,
            "keep_alive_s": self._preferences.keep_alive_s.value,
        }
        changed = {name: value for name, value in chosen.items() if value != before[name]}
        self.accept()
        if changed:
            self.applied.emit(changed)

    def _help(self, text: str, preference: Preference, control: QWidget) -> str:
        if not preference.locked_by:
            return text
        control.setEnabled(False)
        return f"Set by {preference.locked_by} in the environment."


def _row(name: str, help_text: str, control: QWidget, below: QWidget | None = None) -> QVBoxLayout:
    title = QLabel(name)
    title.setObjectName("settingName")
    explanation = QLabel(help_text)
    explanation.setObjectName("settingHelp")
    explanation.setTextFormat(Qt.TextFormat.PlainText)
    explanation.setWordWrap(True)
    texts = QVBoxLayout()
    texts.setSpacing(3)
    texts.addWidget(title)
    texts.addWidget(explanation)
    row = QHBoxLayout()
    row.setSpacing(16)
    row.addLayout(texts, 1)
    row.addWidget(control, 0, Qt.AlignmentFlag.AlignTop)
    column = QVBoxLayout()
    column.setSpacing(10)
    column.addLayout(row)
    if below is not None:
        column.addWidget(below)
    return column


def _value(text: str) -> QLabel:
    label = QLabel(text)
    label.setObjectName("settingValue")
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def _line() -> QFrame:
    line = QFrame()
    line.setObjectName("line")
    line.setFixedHeight(1)
    return line
