import os
import signal

import pytest
from pytestqt.qtbot import QtBot

from app.desktop.signals import QuitSignals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_reaches_the_event_loop(qtbot: QtBot, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    signals = QuitSignals()
    with qtbot.waitSignal(signals.asked):
        os.kill(os.getpid(), number)
    signals.close()
    assert signal.getsignal(number) is before
