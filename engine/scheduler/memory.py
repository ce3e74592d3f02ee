"""How much memory a model will need, predicted from its GGUF header (spec 6.7). Pure.

Predictions only decide whether another model may join those that are loaded, how many slots it
gets and how big its batches are. What a loaded model really takes is reported by its runner.
"""

from collections.abc import Mapping
from typing import Any

_BYTES_PER_ELEMENT = {
    "f32": 4.0,
    "f16": 2.0,
    "bf16": 2.0,
    "q8_0": 34 / 32,
    "q5_1": 24 / 32,
    "q5_0": 22 / 32,
    "q4_1": 20 / 32,
    "q4_0": 18 / 32,
    "iq4_nl": 18 / 32,
}


def kv_bytes_per_token(metadata: Mapping[str, Any], kv_cache_type: str = "f16") -> int:
    """KV cache of one token over all layers; 0 where the header does not describe attention.

    Takes `attention.key_length` and `value_length` where they are given, else embedding / heads;
    models with a different number of KV heads in each layer are summed layer by layer.
    """
    architecture = metadata.get("general.architecture", "")
    layers = _number(metadata, f"{architecture}.block_count")
    heads = _largest(metadata.get(f"{architecture}.attention.head_count"))
    embedding = _number(metadata, f"{architecture}.embedding_length")
    head_size = embedding // heads if heads else 0
    key_size = _number(metadata, f"{architecture}.attention.key_length") or head_size
    value_size = _number(metadata, f"{architecture}.attention.value_length") or head_size
    kv_heads = _kv_heads(metadata.get(f"{architecture}.attention.head_count_kv"), heads, layers)
    element = _BYTES_PER_ELEMENT.get(kv_cache_type.lower(), 2.0)
    return int(kv_heads * (key_size + value_size) * element)


def _kv_heads(value: object, heads: int, layers: int) -> int:
    """KV heads summed over the layers."""
    if isinstance(value, (list, tuple)):
        counts = [_positive(item) for item in value[:layers]]
        return sum(counts)
    return (_positive(value) or heads) * layers


def _number(metadata: Mapping[str, Any], key: str) -> int:
    return _positive(metadata.get(key))


def _largest(value: object) -> int:
    if isinstance(value, (list, tuple)):
        return max((_positive(item) for item in value), default=0)
    return _positive(value)


def _positive(value: object) -> int:
    """A header's value as a count; headers come from strangers and may hold anything."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
