"""Fixtures of the desktop app's tests: no screen."""

import os

os.environ["QT_QPA_PLATFORM"] = "offscreen"  # before the first QApplication
