"""A decode is aborted only when nobody waits for it."""

import ctypes

from engine.runner.cancellation import Cancellation
from engine.runner.llama import AbortFlag


def is_raised(flag: AbortFlag) -> bool:
    """What ggml would see."""
    return bool(flag.callback(flag.data))


def test_only_the_last_cancelled_request_aborts() -> None:
    flag = AbortFlag()
    cancellation = Cancellation(flag)
    cancellation.begin([1, 2])

    cancellation.cancel(1)
    assert not is_raised(flag)
    cancellation.cancel(3)
    assert not is_raised(flag)
    cancellation.cancel(2)
    assert is_raised(flag)


def test_next_decode_starts_with_a_lowered_flag() -> None:
    flag = AbortFlag()
    cancellation = Cancellation(flag)
    cancellation.begin([1])
    cancellation.cancel(1)

    cancellation.begin([2])

    assert not is_raised(flag)


def test_after_stop_the_flag_stays_up() -> None:
    flag = AbortFlag()
    cancellation = Cancellation(flag)

    cancellation.stop()
    cancellation.begin([1])

    assert is_raised(flag)
    assert cancellation.stopped


def test_flag_is_read_without_python() -> None:
    """The callback is a C function: it works where no Python thread could run."""
    flag = AbortFlag()
    address = ctypes.cast(flag.callback, ctypes.c_void_p).value

    assert address == ctypes.cast(ctypes.CDLL(None).strlen, ctypes.c_void_p).value
