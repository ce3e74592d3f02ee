from engine.hardware.memory import read_memory


def test_memory_of_this_machine_is_plausible():
    memory = read_memory()
    assert 0 < memory.available_bytes <= memory.total_bytes
    assert memory.total_bytes > 256 * 1024**2
