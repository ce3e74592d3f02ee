"""Model files for tests and benches: random weights behind a real tokenizer.

The tokenizer is copied from another GGUF (the bundled model's by default, which is always
there), so that prompts tokenise as they do in earnest and only the answers are nonsense.
"""

from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter, LlamaFileType, quants

from tests.conftest import TINY_MODEL

_FILE_TYPES = {
    "f32": (GGMLQuantizationType.F32, LlamaFileType.ALL_F32),
    "f16": (GGMLQuantizationType.F16, LlamaFileType.MOSTLY_F16),
    "q8_0": (GGMLQuantizationType.Q8_0, LlamaFileType.MOSTLY_Q8_0),
    "q4_0": (GGMLQuantizationType.Q4_0, LlamaFileType.MOSTLY_Q4_0),
}
_NORMAL, _CONTROL, _UNUSED = 1, 3, 5


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
) -> Path:
    """Write a Llama-architecture model and return its path.

    `vocab_size` pads the vocabulary with words that the tokenizer never produces but the model
    does. Control tokens never win: the model talks until it is stopped. `file_type`: f32, f16,
    q8_0 or q4_0 (widths must be multiples of 32 for the latter two). With `window` it becomes a
    Gemma 3, whose layers but each sixth see that many tokens only.
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
        model.add(f"{prefix}.attn_output.weight", n_embd, n_head * head)
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

    def add(self, name: str, *shape: int) -> None:
        """A matrix that keeps the size of what goes through it."""
        size = np.float32(np.sqrt(shape[-1]))
        values = self._random.standard_normal(shape, dtype=np.float32) / size
        if name == "output.weight":
            values[self._mute] = 0
        kind = self._tensor_type
        self.writer.add_tensor(name, quants.quantize(values, kind), raw_dtype=kind)

    def add_norms(self, prefix: str, size: int, *names: str) -> None:
        for name in names:
            self.writer.add_tensor(f"{prefix}.{name}.weight", np.ones(size, dtype=np.float32))

    def add_embeddings(self, n_embd: int) -> None:
        """Call after `copy_tokenizer`."""
        self.add("token_embd.weight", len(self._mute), n_embd)
        self.add("output.weight", len(self._mute), n_embd)
        self.writer.add_tensor("output_norm.weight", np.ones(n_embd, dtype=np.float32))

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
