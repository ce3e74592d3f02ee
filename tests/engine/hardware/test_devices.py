import os

from engine.hardware.devices import count_physical_cores


def test_there_are_at_most_as_many_cores_as_threads():
    assert 1 <= count_physical_cores() <= (os.cpu_count() or 1)
