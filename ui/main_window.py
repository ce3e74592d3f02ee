"""The chat window: sidebar, top bar, one conversation. UI thread; waits for nothing."""

from PySide6.QtCore import QSettings, QSize, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QCloseEvent, QKeySequence
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QMainWindow,
    QMessageBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from api.client.client import Client
from api.client.shapes import ModelSummary
from ui import icons
from ui.background import Background
from ui.banner import Banner
from ui.chat_pane import ChatPane
from ui.chats.conversation import Conversation
from ui.chats.record import ChatSummary
from ui.chats.store import ChatStore, ChatStoreError
from ui.elided_label import ElidedLabel
from ui.server_state import ServerPhase, ServerState
from ui.sidebar import Sidebar
from ui.theme import Theme

FIRST_SIZE = QSize(1180, 780)
_MODELS_REFRESH_MS = 30_000


class MainWindow(QMainWindow):
    """closed(): the user closed the window; whether the program goes on is for the owner to say.

    settings_requested(), quit_requested(), retry_server_requested(): as they say.
    """

    closed = Signal()
    settings_requested = Signal()
    quit_requested = Signal()
    retry_server_requested = Signal()

    def __init__(
        self, store: ChatStore, state: ServerState, theme: Theme, memory: QSettings
    ) -> None:
        """`memory` keeps size, place, sidebar and the chosen model. Raises ChatStoreError."""
        super().__init__()
        self.setWindowTitle("Corral")
        self.setMinimumSize(560, 460)
        self._store = store
        self._state = state
        self._theme = theme
        self._memory = memory
        self._client = Client(state.url, priority="interactive")
        self._background = Background(self)
        self._background.failed.connect(self._on_background_failed)
        self._conversations: dict[str, Conversation] = {}
        self.sidebar = Sidebar(theme)
        self.banner = Banner(theme)
        self.title = ElidedLabel()
        self.sidebar_button = QToolButton()
        self.pane = ChatPane(theme, self._new_conversation())
        self._lay_out()
        self._connect()
        self._add_shortcuts()
        self._restore()
        self._show_chats()
        self.show_server(state)
        self._refresh = QTimer(self)
        self._refresh.setInterval(_MODELS_REFRESH_MS)
        self._refresh.timeout.connect(self.refresh_models)
        self._refresh.start()

    # ---- from the application ----------------------------------------------------------------

    @Slot(object)
    def show_server(self, state: ServerState) -> None:
        """The server's state changed."""
        if state.url != self._client.base_url:
            self._client.close()
            self._client = Client(state.url, priority="interactive")
        self._state = state
        self.sidebar.server.show_state(state)
        self.pane.show_server(state)
        if state.phase == ServerPhase.FAILED:
            self.banner.show_problem(state.problem, "Try again")
        elif self.banner.is_about_server:
            self.banner.hide()
        self.refresh_models()

    @Slot(object)
    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._theme = theme
        self.sidebar.set_theme(theme)
        self.banner.set_theme(theme)
        self.pane.set_theme(theme)
        self.sidebar_button.setIcon(icons.symbol("sidebar", theme.muted))

    @property
    def is_busy(self) -> bool:
        """Whether an answer is on its way in any chat."""
        return any(conversation.is_busy for conversation in self._conversations.values())

    def raise_window(self) -> None:
        """Show it, in front, with the cursor in the composer."""
        if self.isMinimized():
            self.showNormal()
        self.show()
        self.raise_()
        self.activateWindow()
        self.pane.composer.edit.setFocus()

    def shut_down(self, timeout_s: float) -> None:
        """The program ends: stop all answers, save them, remember the window."""
        self._refresh.stop()
        self._remember()
        for conversation in self._conversations.values():
            conversation.shut_down(timeout_s)
        self._client.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Hide and tell the owner."""
        self._remember()
        event.accept()
        self.closed.emit()

    # ---- chats -------------------------------------------------------------------------------

    @Slot()
    def start_chat(self) -> None:
        """Show an empty chat; it gets its row with the first message."""
        if self.pane.conversation.chat is not None:
            self.pane.show_conversation(self._new_conversation())
            model = self._memory.value("model", "", str)
            self.pane.composer.picker.set_model(str(model))
        self.sidebar.select("")
        self.title.setText("")
        self.pane.composer.edit.setFocus()

    @Slot(str)
    def open_chat(self, chat_id: str) -> None:
        """Show a chat of the list."""
        conversation = self._conversations.get(chat_id)
        if conversation is None:
            chats = [chat for chat in self._store.chats() if chat.id == chat_id]
            if not chats:
                return
            try:
                conversation = self._new_conversation(chats[0])
            except ChatStoreError as exc:
                self.show_problem(str(exc))
                return
            self._conversations[chat_id] = conversation
        self.pane.show_conversation(conversation)
        self._show_title()

    @Slot(str, str)
    def _on_renamed(self, chat_id: str, title: str) -> None:
        if title:
            self._store.rename_chat(chat_id, title)
        self._show_chats()

    @Slot(str)
    def _on_delete_requested(self, chat_id: str) -> None:
        answer = QMessageBox.question(
            self,
            "Delete chat",
            "Delete this chat? It cannot be brought back.",
            QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.Cancel,
            QMessageBox.StandardButton.Cancel,
        )
        if answer == QMessageBox.StandardButton.Yes:
            self.delete_chat(chat_id)

    def delete_chat(self, chat_id: str) -> None:
        """Remove a chat, its running answer included."""
        conversation = self._conversations.pop(chat_id, None)
        if conversation is not None:
            conversation.shut_down(timeout_s=2.0)
            self.pane.forget(conversation)
            if conversation is self.pane.conversation:
                self.start_chat()
        self._store.delete_chat(chat_id)
        self._show_chats()

    def _new_conversation(self, chat: ChatSummary | None = None) -> Conversation:
        conversation = Conversation(self._store, self._current_client, chat)
        conversation.created.connect(self._on_created)
        conversation.busy_changed.connect(self._show_chats)
        conversation.save_failed.connect(self.show_problem)
        return conversation

    def _current_client(self) -> Client:
        return self._client

    @Slot(object)
    def _on_created(self, chat: ChatSummary) -> None:
        conversation = self.sender()
        assert isinstance(conversation, Conversation)
        self._conversations[chat.id] = conversation
        self._show_chats()

    @Slot()
    def _show_chats(self) -> None:
        chat = self.pane.conversation.chat
        try:
            chats = self._store.chats(self.sidebar.search.text().strip())
        except ChatStoreError as exc:
            self.show_problem(str(exc))
            return
        self.sidebar.show_chats(chats, chat.id if chat else "")
        self._show_title()

    def _show_title(self) -> None:
        chat = self.pane.conversation.chat
        title = ""
        if chat is not None:
            title = next((c.title for c in self._store.chats() if c.id == chat.id), chat.title)
        self.title.setText(title)

    # ---- models ------------------------------------------------------------------------------

    @Slot()
    def refresh_models(self) -> None:
        """Ask the server what it has; the answer comes later."""
        if self._state.is_ready:
            self._background.start(self._client.list_models, self._on_models, self._on_no_models)

    def _on_models(self, models: list[ModelSummary]) -> None:
        picker = self.pane.composer.picker
        is_first = not picker.model
        picker.set_models(models)
        if is_first:
            chat = self.pane.conversation.chat
            wanted = chat.model if chat else self._memory.value("model", "", str)
            picker.set_model(str(wanted))
        self.pane.show_models(self._state)

    def _on_no_models(self, error: Exception) -> None:
        if self._state.phase == ServerPhase.FOREIGN:
            # Not ours, so nobody restarts it: say so, and let the user try again.
            self.banner.show_problem(str(error), "Try again")

    @Slot(str)
    def _on_model_chosen(self, model: str) -> None:
        self._memory.setValue("model", model)

    # ---- problems ----------------------------------------------------------------------------

    @Slot(str)
    def show_problem(self, sentence: str) -> None:
        """Show a sentence above the chat until it is dismissed."""
        self.banner.show_problem(sentence)

    @Slot(object)
    def _on_background_failed(self, error: Exception) -> None:
        self.show_problem(str(error))

    # ---- the window itself -------------------------------------------------------------------

    def _lay_out(self) -> None:
        bar = QFrame()
        bar.setObjectName("topBar")
        bar.setFixedHeight(52)
        self.sidebar_button.setObjectName("flat")
        self.sidebar_button.setAccessibleName("Show or hide the chat list")
        self.sidebar_button.setToolTip("Show or hide the chat list (Ctrl+B)")
        self.sidebar_button.setIconSize(QSize(20, 20))
        self.sidebar_button.setIcon(icons.symbol("sidebar", self._theme.muted))
        self.title.setObjectName("chatTitle")
        row = QHBoxLayout(bar)
        row.setContentsMargins(12, 0, 16, 0)
        row.setSpacing(8)
        row.addWidget(self.sidebar_button)
        row.addWidget(self.title, 1)
        main = QWidget()
        main.setObjectName("main")
        column = QVBoxLayout(main)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.banner)
        column.addWidget(bar)
        column.addWidget(self.pane, 1)
        body = QWidget()
        halves = QHBoxLayout(body)
        halves.setContentsMargins(0, 0, 0, 0)
        halves.setSpacing(0)
        halves.addWidget(self.sidebar)
        halves.addWidget(main, 1)
        self.setCentralWidget(body)

    def _connect(self) -> None:
        self.sidebar.new_requested.connect(self.start_chat)
        self.sidebar.chosen.connect(self.open_chat)
        self.sidebar.renamed.connect(self._on_renamed)
        self.sidebar.delete_requested.connect(self._on_delete_requested)
        self.sidebar.searched.connect(self._show_chats)
        self.sidebar.settings_requested.connect(self.settings_requested)
        self.sidebar_button.clicked.connect(self._on_toggle_sidebar)
        self.banner.retried.connect(self.retry_server_requested)
        self.pane.failed.connect(self.show_problem)
        self.pane.composer.picker.chosen.connect(self._on_model_chosen)

    def _add_shortcuts(self) -> None:
        for keys, slot in (
            ("Ctrl+N", self.start_chat),
            ("Ctrl+L", self._on_focus_composer),
            ("Ctrl+K", self.sidebar.search.setFocus),
            ("Ctrl+B", self._on_toggle_sidebar),
            ("Ctrl+,", self.settings_requested.emit),
            ("Ctrl+W", self.close),
            ("Ctrl+Q", self.quit_requested.emit),
        ):
            action = QAction(self)
            action.setShortcut(QKeySequence(keys))
            action.triggered.connect(slot)
            self.addAction(action)

    @Slot()
    def _on_focus_composer(self) -> None:
        self.pane.composer.edit.setFocus()

    @Slot()
    def _on_toggle_sidebar(self) -> None:
        self.sidebar.setVisible(self.sidebar.isHidden())

    def _restore(self) -> None:
        geometry = self._memory.value("window/geometry")
        if geometry is None or not self.restoreGeometry(geometry):
            self.resize(FIRST_SIZE)
        self.sidebar.setVisible(bool(self._memory.value("window/sidebar", True, bool)))

    def _remember(self) -> None:
        self._memory.setValue("window/geometry", self.saveGeometry())
        self._memory.setValue("window/sidebar", not self.sidebar.isHidden())
        self._memory.sync()
