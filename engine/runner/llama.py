"""llama.cpp's model, vocabulary and context behind typed calls. Engine-loop thread only.

With its neighbours `bindings`, `sampler_chain` and `sequence_state` the part to adapt when the
bindings change.
Pointers never leave it except as plain integers (`Context.logits_address`).
"""

import ctypes
import os
import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.runner.bindings import C

_KV_TYPES: dict[str, tuple[int, float]] = {
    "f32": (C.GGML_TYPE_F32, 4.0),
    "f16": (C.GGML_TYPE_F16, 2.0),
    "bf16": (30, 2.0),  # GGML_TYPE_BF16; the bindings leave it out
    "q8_0": (C.GGML_TYPE_Q8_0, 34 / 32),
    "q5_1": (C.GGML_TYPE_Q5_1, 24 / 32),
    "q5_0": (C.GGML_TYPE_Q5_0, 22 / 32),
    "q4_1": (C.GGML_TYPE_Q4_1, 20 / 32),
    "q4_0": (C.GGML_TYPE_Q4_0, 18 / 32),
    "iq4_nl": (C.GGML_TYPE_IQ4_NL, 18 / 32),
}
"""ggml type and bytes per element of what may hold a KV cache."""

_LOG_CONTINUES = 5
_LOG_ERROR = 4

DECODE_ABORTED = 2
"""What `Context.decode` returns when the abort flag was raised."""


class LlamaError(Exception):
    """llama.cpp refused; the message is fit for the user."""


class _Log:
    """The last errors that llama.cpp logged; everything else it says is dropped.

    They are kept, not printed: some are expected (an aborted decode), the others end up in the
    error that our caller raises.
    """

    def __init__(self) -> None:
        self._problems: deque[str] = deque(maxlen=20)
        self._level = 0
        # llama.cpp keeps the pointer: the object must live as long as the process.
        self._callback = C.llama_log_callback(self._on_line)

    def install(self) -> None:
        C.llama_log_set(self._callback, None)

    def _on_line(self, level: int, text: bytes, _user: int | None) -> None:
        if level != _LOG_CONTINUES:
            self._level = level
        line = text.decode("utf-8", "replace").strip()
        if line and self._level == _LOG_ERROR:
            self._problems.append(line)

    def clear(self) -> None:
        self._problems.clear()

    def summary(self) -> str:
        """The errors since `clear`, without the C function names in front, most basic first."""
        texts = [line.partition(": ")[2] or line for line in self._problems]
        return "; ".join(dict.fromkeys(texts))


_log = _Log()


def read_problems() -> str:
    """What llama.cpp complained about since the last load or decode began; "" for nothing."""
    return _log.summary()


def start_backend() -> None:
    """Call once, before anything else of this module."""
    _log.install()
    C.llama_backend_init()


def stop_backend() -> None:
    """Call once, when every model is closed."""
    C.llama_backend_free()


def read_system_info() -> str:
    """llama.cpp's line about instruction sets and back ends in use."""
    return bytes(C.llama_print_system_info()).decode("utf-8", "replace").strip()


def has_gpu() -> bool:
    """Whether this build of llama.cpp sees a device to offload layers to."""
    return bool(C.llama_supports_gpu_offload())


class Vocabulary:
    """The tokens of a model. Valid while its `Model` is open."""

    def __init__(self, pointer: int) -> None:
        self._pointer = pointer
        self.size = int(C.llama_vocab_n_tokens(pointer))
        self.bos = int(C.llama_vocab_bos(pointer))
        self.eos = int(C.llama_vocab_eos(pointer))
        self.adds_bos = bool(C.llama_vocab_get_add_bos(pointer))
        self.end_tokens = frozenset(
            token for token in range(self.size) if C.llama_vocab_is_eog(pointer, token)
        )
        count = ctypes.c_int32(0)
        suppressed = C.llama_vocab_get_suppress_tokens(pointer, ctypes.byref(count))
        self.suppressed: tuple[int, ...] = (
            tuple(suppressed[: count.value]) if count.value > 0 else ()
        )
        """Tokens that the model's file forbids to sample."""

    def native_tokenizer(self) -> tuple[int, int]:
        """The addresses of the C vocabulary and of `llama_tokenize`, for llguidance."""
        function = ctypes.cast(C._lib.llama_tokenize, ctypes.c_void_p).value
        assert function is not None
        return self._pointer, function

    def is_control(self, token: int) -> bool:
        return bool(C.llama_vocab_is_control(self._pointer, token))

    def text(self, token: int) -> str:
        """The token's own spelling, `""` for no token (negative)."""
        if token < 0:
            return ""
        return bytes(C.llama_vocab_get_text(self._pointer, token)).decode("utf-8", "replace")

    def piece(self, token: int, *, special: bool) -> bytes:
        """The bytes a token stands for; control tokens are empty unless `special`."""
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            length = int(C.llama_token_to_piece(self._pointer, token, buffer, size, 0, special))
            if length >= 0:
                return buffer.raw[:length]
            size = -length

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """Raises LlamaError for a text with more than 2**31 tokens."""
        data = text.encode("utf-8", "surrogatepass")
        room = len(data) + 8
        for _ in range(2):
            tokens = (ctypes.c_int32 * room)()
            count = int(
                C.llama_tokenize(
                    self._pointer, data, len(data), tokens, room, add_special, parse_special
                )
            )
            if count >= 0:
                return tokens[:count]
            room = -count
        raise LlamaError("the text is too long to be tokenised")


@dataclass(frozen=True)
class ModelSettings:
    """How to open a model file."""

    path: str
    num_gpu_layers: int = -1
    main_gpu: int | None = None
    use_mmap: bool | None = None
    adapter_paths: tuple[str, ...] = ()


class Model:
    """An open model file: weights, vocabulary and metadata. Close the contexts first."""

    def __init__(self, settings: ModelSettings, on_progress: Callable[[float], bool]) -> None:
        """Raises LlamaError. `on_progress` gets 0 to 1 and returns False to give up."""
        if not Path(settings.path).is_file():
            raise LlamaError(f"no such file: {settings.path}")
        params = C.llama_model_default_params()
        params.n_gpu_layers = settings.num_gpu_layers
        if settings.main_gpu is not None:
            params.main_gpu = settings.main_gpu
            params.split_mode = C.LLAMA_SPLIT_MODE_NONE
        if settings.use_mmap is not None:
            params.load_mode = (
                C.LLAMA_LOAD_MODE_MMAP if settings.use_mmap else C.LLAMA_LOAD_MODE_NONE
            )
        callback = C.llama_progress_callback(lambda progress, _user: on_progress(progress))
        params.progress_callback = callback
        _log.clear()
        pointer = C.llama_model_load_from_file(os.fsencode(settings.path), params)
        del callback  # llama.cpp calls it only while it loads
        if not pointer:
            raise LlamaError(_log.summary() or "llama.cpp could not load the file")
        self.pointer: int = pointer
        self.vocabulary = Vocabulary(C.llama_model_get_vocab(pointer))
        self.num_ctx_train = int(C.llama_model_n_ctx_train(pointer))
        self.size_bytes = int(C.llama_model_size(pointer))
        self.num_layers = int(C.llama_model_n_layer(pointer))
        self.window = int(C.llama_model_n_swa(pointer))
        """Sliding attention window in tokens, 0 for none."""
        self.can_cut = not (
            self.window or C.llama_model_is_recurrent(pointer) or C.llama_model_is_hybrid(pointer)
        )
        """Whether the last tokens of any sequence can be taken back."""
        self.can_generate = bool(C.llama_model_has_decoder(pointer)) and not bool(
            C.llama_model_has_encoder(pointer)
        )
        self.adapters = self._load_adapters(settings.adapter_paths)

    def _load_adapters(self, paths: Sequence[str]) -> list[int]:
        adapters: list[int] = []
        for path in paths:
            _log.clear()
            adapter = C.llama_adapter_lora_init(self.pointer, os.fsencode(path))
            if not adapter:
                self.close()
                raise LlamaError(f"adapter {Path(path).name}: {_log.summary() or 'not loadable'}")
            adapters.append(adapter)
        return adapters

    def metadata(self, key: str) -> str | None:
        """A scalar metadata value of the file as text."""
        buffer = ctypes.create_string_buffer(256)
        found = int(C.llama_model_meta_val_str(self.pointer, key.encode(), buffer, 256))
        return buffer.value.decode("utf-8", "replace") if found >= 0 else None

    def kv_bytes_per_cell(self, kv_type: str) -> int:
        """What one token takes in the KV cache, computed from the metadata (an upper bound)."""
        arch = self.metadata("general.architecture") or ""
        width = int(C.llama_model_n_embd(self.pointer)) // max(
            1, int(C.llama_model_n_head(self.pointer))
        )
        key = int(self.metadata(f"{arch}.attention.key_length") or width)
        value = int(self.metadata(f"{arch}.attention.value_length") or width)
        heads = int(C.llama_model_n_head_kv(self.pointer))
        return int(self.num_layers * heads * (key + value) * _KV_TYPES[kv_type][1])

    def close(self) -> None:
        """Frees the weights and adapters. Safe to call twice."""
        if self.pointer:
            C.llama_model_free(self.pointer)
            self.pointer = 0


class Batch:
    """Tokens for one decode. The arrays are ours, so that filling them costs no call into C."""

    def __init__(self, capacity: int, num_sequences: int) -> None:
        self.capacity = capacity
        self.size = 0
        self._tokens = (ctypes.c_int32 * capacity)()
        self._positions = (ctypes.c_int32 * capacity)()
        self._outputs = (ctypes.c_int8 * capacity)()
        self._counts = (ctypes.c_int32 * capacity)(*([1] * capacity))
        self._ids = [ctypes.pointer(ctypes.c_int32(index)) for index in range(num_sequences)]
        self._sequences = (ctypes.POINTER(ctypes.c_int32) * capacity)()
        self.struct = C.llama_batch()
        self.struct.token = self._tokens
        self.struct.pos = self._positions
        self.struct.n_seq_id = self._counts
        self.struct.seq_id = self._sequences
        self.struct.logits = self._outputs

    def clear(self) -> None:
        self.size = 0

    def add(self, token: int, position: int, sequence: int) -> int:
        """Add a token whose logits are wanted; returns the index to ask for them with."""
        index = self.size
        self._tokens[index] = token
        self._positions[index] = position
        self._sequences[index] = self._ids[sequence]
        self._outputs[index] = 1
        self.size = index + 1
        return index

    def extend(self, tokens: Sequence[int], position: int, sequence: int) -> None:
        """Add tokens whose logits nobody wants."""
        start, end = self.size, self.size + len(tokens)
        self._tokens[start:end] = list(tokens)
        self._positions[start:end] = list(range(position, position + len(tokens)))
        self._sequences[start:end] = [self._ids[sequence]] * len(tokens)
        self._outputs[start:end] = [0] * len(tokens)
        self.size = end


class AbortFlag:
    """Stops a running decode from any thread.

    ggml asks its abort callback before every node of the graph, a thousand times per token. A
    Python callback would take the GIL each time, so the callback is libc's `strlen` and its data
    a C string that is empty (false) or one byte long (true).
    """

    def __init__(self) -> None:
        self._text = ctypes.create_string_buffer(b"\0", 2)
        libc = ctypes.cdll.msvcrt if sys.platform == "win32" else ctypes.CDLL(None)
        address = ctypes.cast(libc.strlen, ctypes.c_void_p).value
        self.callback = C.ggml_abort_callback(address)
        self.data = ctypes.addressof(self._text)

    def raise_(self) -> None:
        self._text[0] = b"\1"

    def clear(self) -> None:
        self._text[0] = b"\0"


@dataclass(frozen=True)
class ContextSettings:
    """Sizes of a context; see llama.h, `llama_context_params`."""

    num_cells: int
    num_sequences: int
    num_batch: int
    num_threads: int
    num_outputs: int = 0
    """Most logit rows of one decode; 0: one per sequence."""
    flash_attention: bool | None = None
    kv_type: str = "f16"


class Context:
    """The KV cache and compute state for all sequences of a model."""

    def __init__(self, model: Model, settings: ContextSettings, abort: AbortFlag) -> None:
        """Raises LlamaError if the settings are impossible or memory does not suffice."""
        if settings.kv_type not in _KV_TYPES:
            raise LlamaError(f"unknown KV cache type {settings.kv_type!r}")
        self._model = model
        self._abort = abort  # llama.cpp holds pointers into it
        _log.clear()
        self._pointer: int = C.llama_init_from_model(model.pointer, _context_params(settings))
        if not self._pointer:
            raise LlamaError(_log.summary() or "llama.cpp could not create a context")
        C.llama_set_abort_callback(self._pointer, abort.callback, abort.data)
        self._memory = C.llama_get_memory(self._pointer)
        self.can_shift = bool(C.llama_memory_can_shift(self._memory))
        if model.adapters:
            count = len(model.adapters)
            pointers = (C.llama_adapter_lora_p_ctypes * count)(*model.adapters)
            scales = (ctypes.c_float * count)(*([1.0] * count))
            C.llama_set_adapters_lora(self._pointer, pointers, count, scales)

    @property
    def pointer(self) -> int:
        """Of the C context, for `sequence_state`."""
        return self._pointer

    @property
    def can_cut(self) -> bool:
        """As of the model."""
        return self._model.can_cut

    def can_cut_at(self, sequence: int, length: int) -> bool:
        """Whether `cut` would keep the first `length` tokens. Nothing is changed."""
        if self._model.can_cut or not length:
            return True
        if length == self.last_position(sequence) + 1:
            return True
        return bool(self._model.window) and self._keeps_window(sequence, length)

    def decode(self, batch: Batch) -> int:
        """Run the model on a batch. Returns llama_decode's status (0: good, see llama.h)."""
        _log.clear()
        batch.struct.n_tokens = batch.size
        return int(C.llama_decode(self._pointer, batch.struct))

    def set_threads(self, decode: int, prefill: int) -> None:
        """Threads for batches of one token and for larger ones, from the next decode on."""
        C.llama_set_n_threads(self._pointer, decode, prefill)

    def logits_address(self, index: int) -> int:
        """Where the logits (float32, one per token of the vocabulary) of a batch index lie.

        Valid until the next decode. Raises LlamaError if that index produced none.
        """
        pointer = C.llama_get_logits_ith(self._pointer, index)
        if not pointer:
            raise LlamaError(f"no logits at batch index {index}")
        return ctypes.addressof(pointer.contents)

    def cut(self, sequence: int, length: int) -> bool:
        """Forget what lies behind the first `length` tokens. False: this memory can't, and
        the whole sequence is gone instead."""
        if self._keeps_window(sequence, length) and C.llama_memory_seq_rm(
            self._memory, sequence, length, -1
        ):
            return True
        C.llama_memory_seq_rm(self._memory, sequence, -1, -1)
        return False

    def _keeps_window(self, sequence: int, length: int) -> bool:
        """A sliding window must still hold the cells that the next token looks at."""
        window = self._model.window
        if not window or not length:
            return True
        return self.first_position(sequence) <= max(0, length - window)

    def first_position(self, sequence: int) -> int:
        return int(C.llama_memory_seq_pos_min(self._memory, sequence))

    def last_position(self, sequence: int) -> int:
        """-1 for an empty sequence."""
        return int(C.llama_memory_seq_pos_max(self._memory, sequence))

    def shift(self, sequence: int, start: int, end: int) -> None:
        """Drop positions [start, end) and move what follows to `start`. Needs `can_shift`."""
        C.llama_memory_seq_rm(self._memory, sequence, start, end)
        C.llama_memory_seq_add(self._memory, sequence, end, -1, start - end)

    def clear(self) -> None:
        """Forget every sequence."""
        C.llama_memory_clear(self._memory, False)

    def close(self) -> None:
        """Frees the cache. Safe to call twice."""
        if self._pointer:
            C.llama_free(self._pointer)
            self._pointer = 0


def _context_params(settings: ContextSettings) -> C.llama_context_params:
    params = C.llama_context_default_params()
    params.n_ctx = settings.num_cells
    params.n_batch = params.n_ubatch = settings.num_batch
    params.n_seq_max = settings.num_sequences
    # A row of logits per batch token would cost num_batch * vocabulary floats (300 MB for 512
    # and 150k).
    params.n_outputs_max = max(settings.num_outputs, settings.num_sequences)
    params.n_outputs_max_per_seq = 0  # as many as there are
    params.n_threads = params.n_threads_batch = settings.num_threads
    params.kv_unified = True
    params.swa_full = False
    params.no_perf = True
    params.type_k = params.type_v = _KV_TYPES[settings.kv_type][0]
    params.flash_attn_type = {
        None: C.LLAMA_FLASH_ATTN_TYPE_AUTO,
        False: C.LLAMA_FLASH_ATTN_TYPE_DISABLED,
        True: C.LLAMA_FLASH_ATTN_TYPE_ENABLED,
    }[settings.flash_attention]
    return params
