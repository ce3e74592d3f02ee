"""BERT's forward pass in numpy, from the same GGUF file: what the runner has to arrive at."""

from math import erf
from pathlib import Path

import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize

_erf = np.vectorize(erf)


class BertReference:
    """Float64 all the way."""

    def __init__(self, path: Path) -> None:
        reader = GGUFReader(path)
        self.weights = {
            tensor.name: dequantize(tensor.data, tensor.tensor_type).astype(np.float64)
            for tensor in reader.tensors
        }
        self.n_layer = reader.fields["bert.block_count"].contents()
        self.n_head = reader.fields["bert.attention.head_count"].contents()

    def states(self, tokens: tuple[int, ...]) -> np.ndarray:
        """The last layer's output, a row per token."""
        weights = self.weights
        x = weights["token_embd.weight"][list(tokens)]
        x = x + weights["position_embd.weight"][: len(tokens)] + weights["token_types.weight"][0]
        x = self._norm("token_embd_norm", x)
        for layer in range(self.n_layer):
            prefix = f"blk.{layer}"
            x = self._norm(f"{prefix}.attn_output_norm", x + self._attention(prefix, x))
            y = self._linear(f"{prefix}.ffn_up", x)
            y = self._linear(f"{prefix}.ffn_down", y * (1 + _erf(y / np.sqrt(2))) / 2)
            x = self._norm(f"{prefix}.layer_output_norm", x + y)
        return x

    def score(self, tokens: tuple[int, ...]) -> float:
        """What the classification head of a reranker says, between 0 and 1."""
        hidden = np.tanh(self._linear("cls", self.states(tokens)[0]))
        return float(1 / (1 + np.exp(-self._linear("cls.output", hidden)[0])))

    def _linear(self, name: str, x: np.ndarray) -> np.ndarray:
        weight = np.atleast_2d(self.weights[f"{name}.weight"])
        return x @ weight.T + self.weights[f"{name}.bias"]

    def _norm(self, name: str, x: np.ndarray) -> np.ndarray:
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
        return scaled * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def _attention(self, prefix: str, x: np.ndarray) -> np.ndarray:
        length, width = x.shape
        heads = [
            self._linear(f"{prefix}.{name}", x).reshape(length, self.n_head, -1).swapaxes(0, 1)
            for name in ("attn_q", "attn_k", "attn_v")
        ]
        query, key, value = heads
        logits = query @ key.swapaxes(1, 2) / np.sqrt(width // self.n_head)
        shares = np.exp(logits - logits.max(-1, keepdims=True))
        mixed = (shares / shares.sum(-1, keepdims=True)) @ value
        return self._linear(f"{prefix}.attn_output", mixed.swapaxes(0, 1).reshape(length, width))
