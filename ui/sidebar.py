"""The list of chats: groups by age, search, rename and delete. UI thread."""

import html
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from PySide6.QtCore import QModelIndex, QPoint, QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ui import icons
from ui.chats.record import ChatSummary
from ui.elided_label import ElidedLabel
from ui.server_state import ServerState
from ui.theme import Theme

WIDTH = 264
_ID = Qt.ItemDataRole.UserRole


def group_of(updated_at: float, today: date) -> str:
    """The heading under which a chat is listed."""
    day = datetime.fromtimestamp(updated_at).date()
    if day >= today:
        return "Today"
    return "This week" if day > today - timedelta(days=7) else "Older"


class ServerLine(QWidget):
    """Whether a server is there: a coloured dot and a few words."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._dot = QLabel()
        self._dot.setFixedSize(8, 8)
        self._dot.setObjectName("dot")
        self.text = ElidedLabel()
        self.text.setObjectName("serverText")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self._dot)
        row.addWidget(self.text, 1)

    def show_state(self, state: ServerState) -> None:
        """Take the state's words and the colour of its mood."""
        self.text.setText(state.label)
        self.setToolTip(html.escape(state.sentence))
        self._dot.setProperty("mood", state.mood)
        self._dot.style().unpolish(self._dot)
        self._dot.style().polish(self._dot)


class Sidebar(QFrame):
    """chosen(str), renamed(str, str), delete_requested(str): by chat id. searched(str),
    new_requested(), settings_requested()."""

    chosen = Signal(str)
    renamed = Signal(str, str)
    delete_requested = Signal(str)
    searched = Signal(str)
    new_requested = Signal()
    settings_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sidebar")
        self.setFixedWidth(WIDTH)
        self._title = QLabel("Corral")
        self._title.setObjectName("brand")
        self._logo = QLabel()
        self._logo.setFixedSize(26, 26)
        self.new_button = QPushButton("New chat")
        self.new_button.setObjectName("newChat")
        self.new_button.setToolTip("New chat (Ctrl+N)")
        self.new_button.clicked.connect(self.new_requested)
        self.search = QLineEdit()
        self.search.setObjectName("search")
        self.search.setPlaceholderText("Search chats")
        self.search.setAccessibleName("Search chats")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self.searched)
        self._search_icon = QAction(self)
        self.search.addAction(self._search_icon, QLineEdit.ActionPosition.LeadingPosition)
        self.list = self._make_list()
        self.server = ServerLine()
        self.settings_button = QToolButton()
        self.settings_button.setObjectName("flat")
        self.settings_button.setAccessibleName("Settings")
        self.settings_button.setToolTip("Settings (Ctrl+,)")
        self.settings_button.setIconSize(QSize(18, 18))
        self.settings_button.clicked.connect(self.settings_requested)
        self._lay_out()
        self.set_theme(theme)

    def show_chats(self, chats: Sequence[ChatSummary], selected: str) -> None:
        """Replace the list, in the order given."""
        self.list.blockSignals(True)
        self.list.clear()
        group = ""
        for chat in chats:
            heading = group_of(chat.updated_at, date.today())
            if heading != group:
                group = heading
                self._add_heading(heading)
            item = QListWidgetItem(chat.title)
            item.setData(_ID, chat.id)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
            item.setSizeHint(QSize(0, 34))
            self.list.addItem(item)
            if chat.id == selected:
                self.list.setCurrentItem(item)
        if not chats and self.search.text():
            self._add_heading("No chat found")
        self.list.blockSignals(False)

    def select(self, chat_id: str) -> None:
        """Mark the chat that is shown; an empty id marks none."""
        self.list.blockSignals(True)
        self.list.clearSelection()
        self.list.setCurrentIndex(QModelIndex())
        for row in range(self.list.count()):
            item = self.list.item(row)
            if chat_id and item.data(_ID) == chat_id:
                self.list.setCurrentItem(item)
        self.list.blockSignals(False)

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._logo.setPixmap(icons.draw("mark", 26, theme.accent, 1.0))
        self.new_button.setIcon(icons.symbol("new-chat", theme.text))
        self.settings_button.setIcon(icons.symbol("settings", theme.muted))
        self._search_icon.setIcon(icons.symbol("search", theme.muted))

    def _make_list(self) -> QListWidget:
        chats = QListWidget()
        chats.setObjectName("chats")
        chats.setAccessibleName("Chats")
        chats.setFrameShape(QFrame.Shape.NoFrame)
        chats.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        chats.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        chats.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        chats.setTextElideMode(Qt.TextElideMode.ElideRight)
        chats.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        chats.customContextMenuRequested.connect(self._on_menu)
        chats.currentItemChanged.connect(self._on_current_changed)
        chats.itemChanged.connect(self._on_item_changed)
        delete = QAction("Delete", chats)
        delete.setShortcut(QKeySequence(Qt.Key.Key_Delete))
        delete.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        delete.triggered.connect(self._on_delete)
        chats.addAction(delete)
        return chats

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(6, 0, 0, 0)
        head.setSpacing(9)
        head.addWidget(self._logo)
        head.addWidget(self._title)
        head.addStretch(1)
        foot = QHBoxLayout()
        foot.setContentsMargins(8, 0, 0, 0)
        foot.addWidget(self.server, 1)
        foot.addWidget(self.settings_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 14, 12, 10)
        layout.setSpacing(10)
        layout.addLayout(head)
        layout.addSpacing(4)
        layout.addWidget(self.new_button)
        layout.addWidget(self.search)
        layout.addWidget(self.list, 1)
        layout.addLayout(foot)

    def _add_heading(self, text: str) -> None:
        item = QListWidgetItem(text)
        item.setFlags(Qt.ItemFlag.NoItemFlags)
        font = self.font()
        font.setPointSizeF(8.5)
        font.setBold(True)
        item.setFont(font)
        item.setSizeHint(QSize(0, 30))
        self.list.addItem(item)

    @Slot(QListWidgetItem, QListWidgetItem)
    def _on_current_changed(self, item: QListWidgetItem | None, _before: object) -> None:
        if item is not None and item.data(_ID):
            self.chosen.emit(item.data(_ID))

    @Slot(QListWidgetItem)
    def _on_item_changed(self, item: QListWidgetItem) -> None:
        if item.data(_ID):
            self.renamed.emit(item.data(_ID), item.text().strip())

    @Slot(QPoint)
    def _on_menu(self, position: QPoint) -> None:
        item = self.list.itemAt(position)
        if item is None or not item.data(_ID):
            return
        self.list.setCurrentItem(item)
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Rename", self._on_rename)
        menu.addAction("Delete\N{HORIZONTAL ELLIPSIS}", self._on_delete)
        menu.popup(self.list.viewport().mapToGlobal(position))

    @Slot()
    def _on_rename(self) -> None:
        item = self.list.currentItem()
        if item is not None:
            self.list.editItem(item)

    @Slot()
    def _on_delete(self) -> None:
        item = self.list.currentItem()
        if item is not None and item.data(_ID):
            self.delete_requested.emit(item.data(_ID))
