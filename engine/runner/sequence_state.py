"""Sequences of a context copied to other sequences, out to host memory and back. Engine-loop
thread only."""

import ctypes
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.runner.bindings import C
from engine.runner.llama import Context

StateData = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class SequenceState:
    """What llama.cpp needs to put a sequence back as it was."""

    tokens: list[int]
    """What the state is the state of. Not to be changed."""
    data: StateData

    @property
    def size_bytes(self) -> int:
        """In host memory; tokens included, as lists of Python hold them."""
        return int(self.data.nbytes) + 8 * len(self.tokens)


class SequenceStates:
    """Saves and restores the sequences of one context."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.can_copy = context.can_cut
        """Whether a prefix of a sequence can be shared with another one."""

    def copy(self, source: int, target: int, length: int) -> None:
        """Let the empty sequence `target` share the first `length` cells of `source`.

        Needs `can_copy`. No data moves: the cells belong to both from now on.
        """
        C.llama_memory_seq_cp(self._memory, source, target, 0, length)

    @property
    def _memory(self) -> int:
        return int(C.llama_get_memory(self._context.pointer))

    def measure(self, sequence: int) -> int:
        """Bytes that saving the sequence would take."""
        return int(C.llama_state_seq_get_size_ext(self._context.pointer, sequence, 0))

    def save(self, sequence: int, tokens: list[int]) -> SequenceState | None:
        """A copy of a sequence that holds `tokens`; None if llama.cpp can't, or memory is out."""
        try:
            data = np.empty(self.measure(sequence), dtype=np.uint8)
        except MemoryError:
            return None
        written = C.llama_state_seq_get_data_ext(
            self._context.pointer, _pointer(data), data.nbytes, sequence, 0
        )
        return SequenceState(list(tokens), data) if written == data.nbytes else None

    def restore(self, sequence: int, data: StateData) -> bool:
        """Replace what a sequence holds. False: no room, or not a state of this model; the
        sequence is empty then."""
        read = C.llama_state_seq_set_data_ext(
            self._context.pointer, _pointer(data), data.nbytes, sequence, 0
        )
        if read == data.nbytes:
            return True
        C.llama_memory_seq_rm(self._memory, sequence, -1, -1)
        return False


def _pointer(data: StateData) -> "ctypes._Pointer[ctypes.c_uint8]":
    return data.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
