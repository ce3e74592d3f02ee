from dataclasses import replace

import pytest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from ui.chats.record import ChatMessage, MessageState
from ui.markdown.text_view import TextView
from ui.theme import LIGHT
from ui.transcript.message import AnswerView, UserMessageView
from ui.transcript.thinking import thought_for
from ui.transcript.transcript import PAGE, Transcript


def _chat(num: int) -> list[ChatMessage]:
    return [
        ChatMessage(f"m{n}", "c", "assistant" if n % 2 else "user", f"text {n}\n\nmore " * 6)
        for n in range(num)
    ]


@pytest.fixture
def transcript(qtbot: QtBot) -> Transcript:
    made = Transcript(LIGHT)
    qtbot.addWidget(made)
    made.resize(700, 400)
    made.show()
    return made


def _is_at_end(transcript: Transcript) -> bool:
    bar = transcript.verticalScrollBar()
    return bar.maximum() > 0 and bar.value() == bar.maximum()


def _views(transcript: Transcript) -> list[UserMessageView | AnswerView]:
    found = [*transcript.findChildren(UserMessageView), *transcript.findChildren(AnswerView)]
    return [view for view in found if not view.isHidden()]


def test_chat_opens_at_its_end(qtbot: QtBot, transcript: Transcript) -> None:
    transcript.show_messages(_chat(20))
    qtbot.waitUntil(lambda: _is_at_end(transcript))
    assert transcript.jump_button.isHidden()


def test_streaming_text_is_followed(qtbot: QtBot, transcript: Transcript) -> None:
    messages = _chat(11)
    transcript.show_messages(messages)
    answer = ChatMessage("a", "c", "assistant", state=MessageState.STREAMING)
    transcript.add(answer)
    for n in range(1, 30):
        transcript.change(replace(answer, content="line\n\n" * n))
    qtbot.waitUntil(lambda: _is_at_end(transcript))
    view = _views(transcript)[-1]
    assert isinstance(view, AnswerView)
    qtbot.waitUntil(lambda: view.markdown.source == "line\n\n" * 29)


def test_reader_who_scrolled_away_is_left_alone(qtbot: QtBot, transcript: Transcript) -> None:
    transcript.show_messages(_chat(20))
    qtbot.waitUntil(lambda: _is_at_end(transcript))
    transcript.verticalScrollBar().setValue(100)
    answer = ChatMessage("a", "c", "assistant", "x\n\n" * 50)
    transcript.add(answer)
    qtbot.waitUntil(lambda: transcript.jump_button.isVisible())
    assert transcript.verticalScrollBar().value() == 100
    transcript.jump_button.click()
    qtbot.waitUntil(lambda: _is_at_end(transcript))


def test_long_chat_gets_widgets_by_pages(qtbot: QtBot, transcript: Transcript) -> None:
    transcript.show_messages(_chat(PAGE * 2 + 10))
    assert len(_views(transcript)) == PAGE
    qtbot.waitUntil(lambda: _is_at_end(transcript))
    transcript.verticalScrollBar().setValue(0)
    assert len(_views(transcript)) == PAGE * 2
    assert transcript.verticalScrollBar().value() > 0
    transcript.verticalScrollBar().setValue(0)
    assert len(_views(transcript)) == PAGE * 2 + 10
    transcript.verticalScrollBar().setValue(0)
    assert len(_views(transcript)) == PAGE * 2 + 10


def test_only_the_last_answer_can_be_asked_for_again(transcript: Transcript) -> None:
    transcript.show_messages(_chat(4))
    answers = [v for v in _views(transcript) if isinstance(v, AnswerView)]
    hidden = [answer.footer.again_button.isHidden() for answer in answers]
    assert hidden == [True, False]


def test_user_text_is_never_markup(transcript: Transcript) -> None:
    transcript.show_messages([ChatMessage("m", "c", "user", "<b>x</b> # y")])
    (view,) = transcript.findChildren(UserMessageView)
    assert view.text.toPlainText() == "<b>x</b> # y"


def test_error_is_shown_in_place_with_retry(qtbot: QtBot, transcript: Transcript) -> None:
    failed = ChatMessage(
        "m", "c", "assistant", state=MessageState.FAILED, error="<b>model</b> 'x' not found"
    )
    transcript.show_messages([failed])
    (view,) = transcript.findChildren(AnswerView)
    assert view.failure.isVisible()
    assert view.failure.message.text() == "<b>model</b> 'x' not found"
    assert view.footer.isHidden()
    with qtbot.waitSignal(transcript.retry_requested):
        view.failure.button.click()
    transcript.change(replace(failed, state=MessageState.STREAMING, error=""))
    qtbot.waitUntil(lambda: view.failure.isHidden())


def test_thinking_is_open_while_it_lasts_and_folds_after(
    qtbot: QtBot, transcript: Transcript
) -> None:
    thinking = ChatMessage(
        "m", "c", "assistant", thinking="hm", thinking_s=3.2, state=MessageState.STREAMING
    )
    transcript.show_messages([thinking])
    (view,) = transcript.findChildren(AnswerView)
    assert view.thinking.button.text() == "Thinking\u2026"
    assert view.thinking.text.isVisible()
    transcript.change(replace(thinking, content="Yes.", state=MessageState.COMPLETE))
    assert view.thinking.button.text() == "Thought for 3 s"
    assert not view.thinking.text.isVisible()
    view.thinking.button.click()
    assert view.thinking.text.isVisible()
    transcript.change(replace(thinking, content="Yes!", state=MessageState.COMPLETE))
    assert view.thinking.text.isVisible()


def test_footer_tells_model_and_speed(transcript: Transcript) -> None:
    transcript.show_messages(
        [
            ChatMessage(
                "m",
                "c",
                "assistant",
                "x",
                model="tiny:latest",
                tokens=50,
                generate_s=0.5,
                state=MessageState.STOPPED,
            )
        ]
    )
    (facts,) = transcript.findChildren(QLabel, "facts")
    assert facts.text().split("  \u00b7  ") == ["tiny", "50 tokens", "100 tokens/s", "stopped"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "Thought for a moment"), (59.4, "Thought for 59 s"), (61, "Thought for 1 min 1 s")],
)
def test_thinking_time_in_words(seconds: float, text: str) -> None:
    assert thought_for(seconds) == text


def test_nothing_in_a_message_is_wider_than_the_column(
    qtbot: QtBot, transcript: Transcript
) -> None:
    wide = "w" * 3000
    transcript.show_messages(
        [ChatMessage("u", "c", "user", wide), ChatMessage("m", "c", "assistant", wide)]
    )
    qtbot.wait(1)
    for text in transcript.findChildren(TextView):
        assert text.width() <= transcript.viewport().width()


def test_long_question_wraps_at_every_width(qtbot: QtBot, transcript: Transcript) -> None:
    transcript.show_messages([ChatMessage("m", "c", "user", "And at night? " * 30)])
    (view,) = transcript.findChildren(UserMessageView)
    for width in (700, 900, 900, 500, 700):
        transcript.resize(width, 400)
        qtbot.waitUntil(lambda: view.text.document().size().width() <= view.text.width())
        assert view.text.height() >= view.text.document().size().height()
        assert view.text.document().size().height() > 2 * view.text.fontMetrics().height()
