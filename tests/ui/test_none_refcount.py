"""PySide6 6.12.0 drops a reference to None with every call that returns nothing."""

import sys

import pytest
from PySide6.QtCore import QObject

CALLS = 500


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None is immortal from Python 3.12 on")
def test_void_calls_leave_the_references_of_none_alone() -> None:
    target = QObject()
    before = sys.getrefcount(None)
    for _ in range(CALLS):
        target.setObjectName("x")
    assert sys.getrefcount(None) - before > -CALLS // 10
