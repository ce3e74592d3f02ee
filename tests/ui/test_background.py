import threading

from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from ui.background import Background


def test_work_runs_elsewhere_and_its_result_comes_back_here(qtbot: QtBot, qapp: QObject) -> None:
    background = Background(qapp)
    threads: list[threading.Thread] = []
    results: list[threading.Thread] = []
    background.start(
        threading.current_thread,
        lambda t: (results.append(t), threads.append(threading.current_thread())),
    )
    qtbot.waitUntil(lambda: len(results) == 1)
    assert results[0] is not threading.main_thread()
    assert threads == [threading.main_thread()]


def test_failure_without_a_handler_is_told(qtbot: QtBot, qapp: QObject) -> None:
    background = Background(qapp)
    with qtbot.waitSignal(background.failed) as failed:
        background.start(lambda: 1 / 0, print)
    assert isinstance(failed.args[0], ZeroDivisionError)


def test_failure_with_a_handler_goes_there_alone(qtbot: QtBot, qapp: QObject) -> None:
    background = Background(qapp)
    caught: list[Exception] = []
    with qtbot.assertNotEmitted(background.failed):
        background.start(lambda: 1 / 0, print, caught.append)
        qtbot.waitUntil(lambda: len(caught) == 1)
