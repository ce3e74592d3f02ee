"""Opening a link of an answer in the default browser, after showing where it goes."""

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QMessageBox, QWidget

from ui.markdown.links import is_allowed


def open_link(parent: QWidget, target: str, is_plain: bool) -> None:
    """Open the target; unless its text already showed it (`is_plain`), ask first."""
    if not is_allowed(target):
        return
    if is_plain or _ask(parent, target):
        QDesktopServices.openUrl(QUrl(target))


def _ask(parent: QWidget, target: str) -> bool:
    box = QMessageBox(parent)
    box.setWindowTitle("Open link")
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText("This link goes to:")
    box.setInformativeText(target)
    # Foreign text: never to be taken for HTML.
    for label in box.findChildren(QWidget, "qt_msgbox_informativelabel"):
        label.setProperty("textFormat", Qt.TextFormat.PlainText)
    open_button = box.addButton("Open in browser", QMessageBox.ButtonRole.AcceptRole)
    copy_button = box.addButton("Copy link", QMessageBox.ButtonRole.ActionRole)
    box.addButton(QMessageBox.StandardButton.Cancel)
    box.exec()
    if box.clickedButton() is copy_button:
        QGuiApplication.clipboard().setText(target)
    return box.clickedButton() is open_button
