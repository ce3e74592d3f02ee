"""A llama.cpp context that yields one vector per sequence. Embedding-loop thread only.

Belongs to the modules that touch the bindings (see `engine.runner.llama`).
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from engine.runner.bindings import C
from engine.runner.embedding.pairs import PairFormat
from engine.runner.llama import AbortFlag, LlamaError, Model, read_problems

Vector = NDArray[np.float32]
_RERANK_TEMPLATE = b"rerank"


class Pooling(IntEnum):
    """How the vectors of a sequence's tokens become one; llama.cpp's numbers."""

    NONE = 0
    MEAN = 1
    CLS = 2
    LAST = 3
    RANK = 4
    """A classification head gives scores instead of a vector."""


@dataclass(frozen=True)
class Traits:
    """What a model file says about how it makes vectors."""

    pooling: Pooling
    is_causal: bool
    is_recurrent: bool
    has_encoder: bool
    width: int
    """Values that one sequence yields."""
    is_probability: bool
    """The head ends in a softmax: its scores are probabilities already."""

    @property
    def reads_in_pieces(self) -> bool:
        """Only the last token matters and none looks ahead: long inputs may come in chunks."""
        return self.pooling is Pooling.LAST and self.is_causal and not self.has_encoder


def read_traits(model: Model) -> Traits:
    """A model without a pooling of its own gets its last token, or the mean if it looks both
    ways: what its kind is usually trained for."""
    arch = model.metadata("general.architecture") or ""
    is_causal = model.metadata(f"{arch}.attention.causal") != "false"
    has_encoder = bool(C.llama_model_has_encoder(model.pointer))
    stated = int(model.metadata(f"{arch}.pooling_type") or 0)
    pooling = Pooling(stated) if stated in set(Pooling) else Pooling.NONE
    if pooling is Pooling.NONE:
        pooling = Pooling.LAST if is_causal and not has_encoder else Pooling.MEAN
    width = C.llama_model_n_cls_out if pooling is Pooling.RANK else C.llama_model_n_embd_out
    return Traits(
        pooling=pooling,
        is_causal=is_causal,
        is_recurrent=bool(
            C.llama_model_is_recurrent(model.pointer) or C.llama_model_is_hybrid(model.pointer)
        ),
        has_encoder=has_encoder,
        width=int(width(model.pointer)),
        is_probability=arch in ("qwen3", "qwen3vl"),
    )


def read_pair_format(model: Model) -> PairFormat:
    """As llama.cpp's own server joins them, but for a [SEP] at the end of BERT's pairs too: they
    were trained with it."""
    vocabulary = C.llama_model_get_vocab(model.pointer)
    template = C.llama_model_chat_template(model.pointer, _RERANK_TEMPLATE)
    sep = int(C.llama_vocab_sep(vocabulary))
    eos = model.vocabulary.eos if model.vocabulary.eos >= 0 else sep
    ends = (eos,) if C.llama_vocab_get_add_eos(vocabulary) and eos >= 0 else ()
    seps = (sep,) if C.llama_vocab_get_add_sep(vocabulary) and sep >= 0 else ()
    return PairFormat(
        template=template.decode("utf-8", "replace") if template else None,
        before=(model.vocabulary.bos,) if model.vocabulary.adds_bos else (),
        between=ends + seps,
        after=ends or seps,
    )


@dataclass(frozen=True)
class EmbeddingSettings:
    """Sizes of a context."""

    num_tokens: int
    """Most tokens in one run, and in one input."""
    num_batch: int
    """Most tokens that are computed together; `num_tokens` unless `reads_in_pieces`."""
    num_sequences: int
    num_threads: int
    flash_attention: bool | None = None


class EmbeddingContext:
    """Runs packs of sequences through a model."""

    def __init__(
        self, model: Model, traits: Traits, settings: EmbeddingSettings, abort: AbortFlag
    ) -> None:
        """Raises LlamaError if the settings are impossible or memory does not suffice."""
        self._traits = traits
        self._settings = settings
        self._abort = abort  # llama.cpp holds pointers into it
        self._pointer: int = C.llama_init_from_model(model.pointer, _params(traits, settings))
        if not self._pointer:
            raise LlamaError(read_problems() or "llama.cpp could not create a context")
        C.llama_set_abort_callback(self._pointer, abort.callback, abort.data)
        self._memory = C.llama_get_memory(self._pointer)
        if count := len(model.adapters):
            pointers = (C.llama_adapter_lora_p_ctypes * count)(*model.adapters)
            scales = (ctypes.c_float * count)(*([1.0] * count))
            C.llama_set_adapters_lora(self._pointer, pointers, count, scales)
        self._batch = _Batch(settings.num_batch, settings.num_sequences)

    def set_threads(self, count: int) -> None:
        """From the next run on. Costs nothing."""
        C.llama_set_n_threads(self._pointer, count, count)

    def run(self, pack: Sequence[Sequence[int]]) -> int:
        """Sequence i of the pack is number i. Returns llama_decode's status (0: good)."""
        if self._memory:
            C.llama_memory_clear(self._memory, False)
        if self._traits.reads_in_pieces:
            return self._run_in_pieces(pack)
        self._batch.clear()
        for index, tokens in enumerate(pack):
            self._batch.add(tokens, 0, index)
        return self._compute()

    def _run_in_pieces(self, pack: Sequence[Sequence[int]]) -> int:
        """First all tokens but the last ones, which nobody wants anything of: no vectors, and no
        logits, which cost more than a layer with a large vocabulary."""
        batch, room = self._batch, self._settings.num_batch
        C.llama_set_embeddings(self._pointer, False)
        batch.clear()
        for index, tokens in enumerate(pack):
            start, end = 0, len(tokens) - 1
            while start < end:
                if batch.size == room:
                    if status := self._compute(outputs=False):
                        return status
                    batch.clear()
                stop = min(end, start + room - batch.size)
                batch.add(tokens[start:stop], start, index)
                start = stop
        if batch.size and (status := self._compute(outputs=False)):
            return status
        C.llama_set_embeddings(self._pointer, True)
        batch.clear()
        for index, tokens in enumerate(pack):
            batch.add(tokens[-1:], len(tokens) - 1, index)
        return self._compute()

    def _compute(self, *, outputs: bool = True) -> int:
        struct = self._batch.finish(outputs)
        call = C.llama_encode if self._traits.has_encoder else C.llama_decode
        return int(call(self._pointer, struct))

    def vector(self, index: int) -> Vector:
        """What sequence `index` of the last run came to; valid until the next run.

        Raises LlamaError if there is none.
        """
        values = C.llama_get_embeddings_seq(self._pointer, index)
        if not values:
            raise LlamaError(f"no vector for sequence {index}")
        return np.ctypeslib.as_array(values, (self._traits.width,))

    def close(self) -> None:
        """Frees it. Safe to call twice."""
        if self._pointer:
            C.llama_free(self._pointer)
            self._pointer = 0


def _params(traits: Traits, settings: EmbeddingSettings) -> C.llama_context_params:
    params = C.llama_context_default_params()
    params.n_ctx = settings.num_tokens
    params.n_batch = params.n_ubatch = settings.num_batch
    params.n_seq_max = settings.num_sequences
    if traits.reads_in_pieces:
        params.n_outputs_max = settings.num_sequences
    params.n_threads = params.n_threads_batch = settings.num_threads
    params.embeddings = True
    params.pooling_type = traits.pooling
    params.kv_unified = True
    params.no_perf = True
    params.flash_attn_type = {
        None: C.LLAMA_FLASH_ATTN_TYPE_AUTO,
        False: C.LLAMA_FLASH_ATTN_TYPE_DISABLED,
        True: C.LLAMA_FLASH_ATTN_TYPE_ENABLED,
    }[settings.flash_attention]
    return params


class _Batch:
    """Tokens for one computation, in numpy arrays that llama.cpp reads in place."""

    def __init__(self, capacity: int, num_sequences: int) -> None:
        self.size = 0
        self._tokens = np.zeros(capacity, np.int32)
        self._positions = np.zeros(capacity, np.int32)
        self._counts = np.ones(capacity, np.int32)
        self._outputs = np.ones(capacity, np.int8)
        self._numbers = np.arange(num_sequences, dtype=np.int32)
        self._ids = np.zeros(capacity, np.uintp)
        self._places = np.arange(capacity, dtype=np.int32)
        self._struct = C.llama_batch()
        self._struct.token = self._tokens.ctypes.data_as(ctypes.POINTER(ctypes.c_int32))
        self._struct.pos = self._positions.ctypes.data_as(ctypes.POINTER(ctypes.c_int32))
        self._struct.n_seq_id = self._counts.ctypes.data_as(ctypes.POINTER(ctypes.c_int32))
        self._struct.logits = self._outputs.ctypes.data_as(ctypes.POINTER(ctypes.c_int8))
        self._struct.seq_id = self._ids.ctypes.data_as(
            ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))
        )

    def clear(self) -> None:
        self.size = 0

    def add(self, tokens: Sequence[int], position: int, sequence: int) -> None:
        start, end = self.size, self.size + len(tokens)
        self._tokens[start:end] = tokens
        self._positions[start:end] = self._places[: len(tokens)]
        self._positions[start:end] += position
        self._ids[start:end] = self._numbers.ctypes.data + 4 * sequence
        self.size = end

    def finish(self, outputs: bool) -> C.llama_batch:
        self._outputs[: self.size] = outputs
        self._struct.n_tokens = self.size
        return self._struct
