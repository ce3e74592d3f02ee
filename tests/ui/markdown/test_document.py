from pathlib import Path

import pytest
from PySide6.QtGui import QColor, QImage
from pytestqt.qtbot import QtBot

from ui.markdown.document import SafeDocument
from ui.markdown.text_view import TextView
from ui.theme import LIGHT


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "p.png"
    image = QImage(40, 40, QImage.Format.Format_RGB32)
    image.fill(QColor("#00ff00"))
    image.save(str(path))
    return path


@pytest.mark.parametrize("form", ["{path}", "file://{path}", "//localhost{path}"])
def test_no_picture_is_ever_read(qtbot: QtBot, picture: Path, form: str) -> None:
    view = TextView(LIGHT)
    qtbot.addWidget(view)
    view.resize(200, 100)
    view.show_html(f'<p>x<img src="{form.format(path=picture)}"></p>', LIGHT)
    view.show()
    image = view.grab().toImage()
    colors = {
        image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())
    }
    assert "#00ff00" not in colors


def test_texts_of_links_are_found_by_their_target() -> None:
    document = SafeDocument()
    document.setHtml(
        '<p><a href="https://a.b">one <b>bold</b></a>, <a href="https://c.d">two</a></p>'
        '<ul><li><a href="https://a.b">three</a></li></ul>'
    )
    assert document.link_texts("https://a.b") == ["one bold", "three"]
    assert document.link_texts("https://x.y") == []
