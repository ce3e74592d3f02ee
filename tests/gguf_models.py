"""Model files for tests and benches: random weights behind a real tokenizer.

The tokenizer is copied from another GGUF (the bundled model's by default, which is always
there), so that prompts tokenise as they do in earnest and only the answers are nonsense.
"""

from pathlib import Path

import numpy as np
from gguf import (
    GGMLQuantizationType,
    GGUFReader,
    GGUFValueType,
    GGUFWriter,
    LlamaFileType,
    PoolingType,
    quants,
)

from tests.conftest import TINY_MODEL

_FILE_TYPES = {
    "f32": (GGMLQuantizationType.F32, LlamaFileType.ALL_F32),
    "f16": (GGMLQuantizationType.F16, LlamaFileType.MOSTLY_F16),
    "q8_0": (GGMLQuantizationType.Q8_0, LlamaFileType.MOSTLY_Q8_0),
    "q4_0": (GGMLQuantizationType.Q4_0, LlamaFileType.MOSTLY_Q4_0),
}
_NORMAL, _CONTROL, _UNUSED = 1, 3, 5
_BERT_SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_BERT_WORDS = "the a of and to in is it that was for on are with as his they be at one have this"
_BERT_PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[]_{|}~"


def write_random_llama(
    path: Path,
    *,
    n_layer: int = 2,
    n_embd: int = 64,
    n_head: int = 4,
    n_kv_head: int = 2,
    n_ff: int = 128,
    n_ctx_train: int = 2048,
    vocab_from: Path = TINY_MODEL,
    vocab_size: int = 0,
    chat_template: str | None = None,
    file_type: str = "f16",
    seed: int = 0,
    window: int = 0,
    attends: bool = True,
) -> Path:
    """Write a Llama-architecture model and return its path.

    `vocab_size` pads the vocabulary with words that the tokenizer never produces but the model
    does. Control tokens never win: the model talks until it is stopped. `file_type`: f32, f16,
    q8_0 or q4_0 (widths must be multiples of 32 for the latter two). With `window` it becomes a
    Gemma 3, whose layers but each sixth see that many tokens only. Without `attends` each token
    depends on the one before it alone, so that greedy output soon goes in circles.
    """
    head = n_embd // n_head
    model = _RandomModel(path, "gemma3" if window else "llama", file_type, seed)
    writer = model.writer
    writer.add_context_length(n_ctx_train)
    writer.add_embedding_length(n_embd)
    writer.add_block_count(n_layer)
    writer.add_feed_forward_length(n_ff)
    writer.add_head_count(n_head)
    writer.add_head_count_kv(n_kv_head)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_rope_freq_base(10_000.0)
    if window:
        writer.add_sliding_window(window)
    model.copy_tokenizer(vocab_from, vocab_size, chat_template)
    model.add_embeddings(n_embd)
    for layer in range(n_layer):
        prefix = f"blk.{layer}"
        model.add_norms(prefix, n_embd, "attn_norm", "ffn_norm")
        model.add(f"{prefix}.attn_q.weight", n_head * head, n_embd)
        model.add(f"{prefix}.attn_k.weight", n_kv_head * head, n_embd)
        model.add(f"{prefix}.attn_v.weight", n_kv_head * head, n_embd)
        scale = 1.0 if attends else 0.0
        model.add(f"{prefix}.attn_output.weight", n_embd, n_head * head, scale=scale)
        model.add(f"{prefix}.ffn_gate.weight", n_ff, n_embd)
        model.add(f"{prefix}.ffn_up.weight", n_ff, n_embd)
        model.add(f"{prefix}.ffn_down.weight", n_embd, n_ff)
        if window:
            model.add_norms(prefix, head, "attn_q_norm", "attn_k_norm")
            model.add_norms(prefix, n_embd, "post_attention_norm", "post_ffw_norm")
    return model.finish()


def write_random_mamba(
    path: Path, *, n_layer: int = 2, n_embd: int = 64, n_ctx_train: int = 2048, seed: int = 0
) -> Path:
    """Write a recurrent model: its memory is a state, which can't be cut."""
    d_inner, d_conv, d_state, dt_rank = 2 * n_embd, 4, 16, 8
    model = _RandomModel(path, "mamba", "f32", seed)
    writer = model.writer
    writer.add_context_length(n_ctx_train)
    writer.add_embedding_length(n_embd)
    writer.add_block_count(n_layer)
    writer.add_feed_forward_length(0)
    writer.add_head_count(0)
    writer.add_ssm_conv_kernel(d_conv)
    writer.add_ssm_inner_size(d_inner)
    writer.add_ssm_state_size(d_state)
    writer.add_ssm_time_step_rank(dt_rank)
    model.copy_tokenizer(TINY_MODEL, 0, None)
    model.add_embeddings(n_embd)
    for layer in range(n_layer):
        prefix = f"blk.{layer}"
        model.add_norms(prefix, n_embd, "attn_norm")
        model.add(f"{prefix}.ssm_in.weight", 2 * d_inner, n_embd)
        model.add(f"{prefix}.ssm_conv1d.weight", d_inner, d_conv)
        model.add(f"{prefix}.ssm_x.weight", dt_rank + 2 * d_state, d_inner)
        model.add(f"{prefix}.ssm_dt.weight", d_inner, dt_rank)
        model.add(f"{prefix}.ssm_out.weight", n_embd, d_inner)
        rates = -np.tile(np.arange(1, d_state + 1, dtype=np.float32), (d_inner, 1))
        writer.add_tensor(f"{prefix}.ssm_a", rates)
        writer.add_tensor(f"{prefix}.ssm_d", np.ones(d_inner, dtype=np.float32))
        for name in ("ssm_conv1d", "ssm_dt"):
            writer.add_tensor(f"{prefix}.{name}.bias", np.zeros(d_inner, dtype=np.float32))
    return model.finish()


def write_random_bert(
    path: Path,
    *,
    n_layer: int = 2,
    n_embd: int = 64,
    n_head: int = 4,
    n_ff: int = 128,
    n_ctx_train: int = 128,
    pooling: str = "mean",
    vocab_from: Path | None = None,
    file_type: str = "f32",
    seed: int = 0,
    spoiled: bool = False,
) -> Path:
    """Write an embedding model of the BERT architecture and return its path.

    `pooling`: mean or cls; rank makes it a reranker with a classification head. Without
    `vocab_from` it has a WordPiece vocabulary of letters, digits, punctuation and a few words.
    `spoiled`: every vector contains a NaN.
    """
    model = _RandomModel(path, "bert", file_type, seed)
    writer = model.writer
    writer.add_context_length(n_ctx_train)
    writer.add_embedding_length(n_embd)
    writer.add_block_count(n_layer)
    writer.add_feed_forward_length(n_ff)
    writer.add_head_count(n_head)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(PoolingType[pooling.upper()])
    if vocab_from is None:
        model.write_wordpiece()
    else:
        model.copy_tokenizer(vocab_from, 0, None)
    model.add("token_embd.weight", model.vocab_size, n_embd)
    model.add_exact("position_embd.weight", n_ctx_train, n_embd)
    model.add_exact("token_types.weight", 2, n_embd, first=np.nan if spoiled else None)
    model.add_biased_norm("token_embd_norm", n_embd)
    for layer in range(n_layer):
        prefix = f"blk.{layer}"
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            model.add_biased(f"{prefix}.{name}", n_embd, n_embd)
        model.add_biased(f"{prefix}.ffn_up", n_ff, n_embd)
        model.add_biased(f"{prefix}.ffn_down", n_embd, n_ff)
        model.add_biased_norm(f"{prefix}.attn_output_norm", n_embd)
        model.add_biased_norm(f"{prefix}.layer_output_norm", n_embd)
    if pooling == "rank":
        model.add_biased("cls", n_embd, n_embd)
        model.add_biased("cls.output", 1, n_embd)
    return model.finish()


class _RandomModel:
    """A GGUF file in the making."""

    def __init__(self, path: Path, architecture: str, file_type: str, seed: int) -> None:
        self.path = path
        self.writer = GGUFWriter(path, architecture)
        self._tensor_type, llama_file_type = _FILE_TYPES[file_type]
        self._random = np.random.default_rng(seed)
        self._mute: list[bool] = []
        self.writer.add_name("Random")
        self.writer.add_file_type(llama_file_type)
        self.writer.add_layer_norm_rms_eps(1e-5)

    def add(self, name: str, *shape: int, scale: float = 1.0) -> None:
        """A matrix that keeps the size of what goes through it, or scales it."""
        size = np.float32(np.sqrt(shape[-1]))
        values = self._random.standard_normal(shape, dtype=np.float32) * np.float32(scale) / size
        if name == "output.weight":
            values[self._mute] = 0
        kind = self._tensor_type
        self.writer.add_tensor(name, quants.quantize(values, kind), raw_dtype=kind)

    def add_exact(self, name: str, *shape: int, first: float | None = None) -> None:
        """Values that are never quantised, each of the size of an embedding's."""
        values = self._random.standard_normal(shape, dtype=np.float32)
        values /= np.float32(np.sqrt(shape[-1]))
        if first is not None:
            values.flat[0] = first
        self.writer.add_tensor(name, values)

    def add_biased(self, name: str, *shape: int) -> None:
        self.add(f"{name}.weight", *shape)
        self.add_exact(f"{name}.bias", shape[0])

    def add_biased_norm(self, name: str, size: int) -> None:
        self.writer.add_tensor(
            f"{name}.weight", 1 + self._random.standard_normal(size, dtype=np.float32) / 8
        )
        self.add_exact(f"{name}.bias", size)

    def add_norms(self, prefix: str, size: int, *names: str) -> None:
        for name in names:
            self.writer.add_tensor(f"{prefix}.{name}.weight", np.ones(size, dtype=np.float32))

    def add_embeddings(self, n_embd: int) -> None:
        """Call after `copy_tokenizer`."""
        self.add("token_embd.weight", len(self._mute), n_embd)
        self.add("output.weight", len(self._mute), n_embd)
        self.writer.add_tensor("output_norm.weight", np.ones(n_embd, dtype=np.float32))

    @property
    def vocab_size(self) -> int:
        """Known once there is a tokenizer."""
        return len(self._mute)

    def write_wordpiece(self) -> None:
        """A small vocabulary in the form of llama.cpp's converter: words begin with U+2581."""
        letters = "abcdefghijklmnopqrstuvwxyz0123456789"
        words = [*letters, *_BERT_PUNCTUATION, *_BERT_WORDS.split()]
        texts = list(_BERT_SPECIALS)
        texts += dict.fromkeys(f"\u2581{word}" for word in words)
        texts += [*letters, "ing", "ed", "er", "s\u00e9"]
        kinds = [_CONTROL] * len(_BERT_SPECIALS)
        kinds += [_NORMAL] * (len(texts) - len(kinds))
        self._mute = [False] * len(texts)
        writer = self.writer
        writer.add_tokenizer_model("bert")
        writer.add_tokenizer_pre("jina-v2-en")  # lower case, as BERT uncased
        writer.add_vocab_size(len(texts))
        writer.add_token_list(texts)
        writer.add_token_types(kinds)
        writer.add_token_type_count(2)
        writer.add_pad_token_id(0)
        writer.add_unk_token_id(1)
        writer.add_bos_token_id(2)
        writer.add_sep_token_id(3)
        writer.add_mask_token_id(4)

    def copy_tokenizer(self, path: Path, vocab_size: int, chat_template: str | None) -> None:
        """Copies tokenizer.* and learns which tokens must never win."""
        source = GGUFReader(path)
        texts: list[str] = source.fields["tokenizer.ggml.tokens"].contents()
        kinds: list[int] = source.fields["tokenizer.ggml.token_type"].contents()
        missing = max(0, vocab_size - len(texts))
        texts = texts + [f"Ġword{number}" for number in range(missing)]
        kinds = kinds + [_NORMAL] * missing
        self._mute = [kind in (_CONTROL, _UNUSED) for kind in kinds]
        self.writer.add_vocab_size(len(kinds))
        self.writer.add_token_list(texts)
        self.writer.add_token_types(kinds)
        for name, field in source.fields.items():
            if not name.startswith("tokenizer.ggml.") or name.endswith((".tokens", ".token_type")):
                continue
            kind = field.types[0]
            sub_type = field.types[-1] if kind is GGUFValueType.ARRAY else None
            self.writer.add_key_value(name, field.contents(), kind, sub_type=sub_type)
        if chat_template is None and "tokenizer.chat_template" in source.fields:
            chat_template = source.fields["tokenizer.chat_template"].contents()
        if chat_template:
            self.writer.add_chat_template(chat_template)

    def finish(self) -> Path:
        self.writer.write_header_to_file()
        self.writer.write_kv_data_to_file()
        self.writer.write_tensors_to_file()
        self.writer.close()
        return self.path
