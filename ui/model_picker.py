"""The choice of a model: a button that opens a menu of what the server has. UI thread."""

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from api.client.shapes import ModelSummary
from ui import icons
from ui.theme import Theme

_EMBEDDING_FAMILIES = frozenset({"bert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2"})


def can_chat(model: ModelSummary) -> bool:
    """Whether the model writes text, as opposed to one that only computes embeddings."""
    if model.capabilities is not None:
        return not model.capabilities or "completion" in model.capabilities
    families = model.details.families or ([model.details.family] if model.details.family else [])
    return not families or not _EMBEDDING_FAMILIES.issuperset(families)


def size_text(size_bytes: int) -> str:
    """A file size as people say it."""
    if size_bytes >= 999_500_000:
        return f"{size_bytes / 1e9:.1f} GB"
    return f"{max(1, round(size_bytes / 1e6))} MB"


class ModelPicker(QToolButton):
    """chosen(str): the user picked a model by name."""

    chosen = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("modelPicker")
        self.setAccessibleName("Model")
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setLayoutDirection(Qt.LayoutDirection.RightToLeft)  # the arrow after the name
        self.setIconSize(QSize(14, 14))
        self.model = ""
        self._menu = QMenu(self)
        self._group = QActionGroup(self)
        self._group.triggered.connect(self._on_triggered)
        self._models: list[ModelSummary] = []
        self.clicked.connect(self._on_clicked)
        self.set_theme(theme)
        self._show_name()

    @property
    def names(self) -> list[str]:
        """What can be chosen."""
        return [model.name for model in self._models]

    def actions_by_model(self) -> dict[str, QAction]:
        """The entries of the menu."""
        return {str(action.data()): action for action in self._group.actions()}

    def set_models(self, models: Sequence[ModelSummary]) -> None:
        """What the server has now. The choice stays while it is among them."""
        self._models = [model for model in models if can_chat(model)]
        if self.model not in self.names:
            self.model = self.names[0] if self._models else ""
        self._fill_menu()
        self._show_name()

    def set_model(self, name: str) -> None:
        """Choose by name; a model that is not there is left alone."""
        if name in self.names:
            self.model = name
            self._fill_menu()
            self._show_name()

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self.setIcon(icons.symbol("chevron-down", theme.muted))

    def _fill_menu(self) -> None:
        self._menu.clear()
        for action in self._group.actions():
            self._group.removeAction(action)
        for model in self._models:
            details = [model.details.parameter_size, model.details.quantization_level]
            facts = "  ".join(
                [*(d for d in details if d and d != "unknown"), size_text(model.size)]
            )
            # A tab puts the facts into the column on the right; & would underline a letter.
            label = model.name.removesuffix(":latest").replace("&", "&&")
            action = self._menu.addAction(f"{label}\t{facts}")
            action.setData(model.name)
            action.setCheckable(True)
            action.setChecked(model.name == self.model)
            self._group.addAction(action)

    def _show_name(self) -> None:
        name = self.model.removesuffix(":latest") or "No models"
        self.setText(name.replace("&", "&&"))
        self.setToolTip("Model for the next message" if self.model else "This server has no models")
        self.setEnabled(bool(self._models))

    @Slot()
    def _on_clicked(self) -> None:
        height = self._menu.sizeHint().height()
        self._menu.popup(self.mapToGlobal(QPoint(0, -height - 6)))

    @Slot(QAction)
    def _on_triggered(self, action: QAction) -> None:
        self.set_model(str(action.data()))
        self.chosen.emit(self.model)
