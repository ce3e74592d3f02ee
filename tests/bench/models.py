"""The models that are measured: random weights, a real tokenizer, quantised to Q4_K_M.

Speed does not depend on what the weights say. Made once, kept below .cache/bench.
"""

import subprocess
import sys
from pathlib import Path

from tests.bench.llama_server import CACHE, ensure_sources
from tests.gguf_models import write_random_llama

SHAPES = {
    "100m": {"n_layer": 12, "n_embd": 768, "n_head": 12, "n_kv_head": 4, "n_ff": 2048},
    "100m-circles": {
        "n_layer": 12,
        "n_embd": 768,
        "n_head": 12,
        "n_kv_head": 4,
        "n_ff": 2048,
        "attends": False,
    },
    "1b": {"n_layer": 20, "n_embd": 2048, "n_head": 32, "n_kv_head": 8, "n_ff": 5632},
}
VOCABULARY = "ggml-vocab-llama-spm.gguf"
"""32,000 tokens; a small vocabulary would flatter the sampler."""
CONTEXT = 16384


def ensure_model(name: str) -> Path:
    """The path of the Q4_K_M file of a shape in SHAPES, written if it is not there yet."""
    path = CACHE / f"{name}-q4_k_m.gguf"
    if not path.exists():
        vocabulary = ensure_sources() / "models" / VOCABULARY
        full = CACHE / f"{name}-f16.gguf"
        write_random_llama(
            full, **SHAPES[name], n_ctx_train=CONTEXT, vocab_from=vocabulary, file_type="f16"
        )
        # llama.cpp writes to its standard output; a process of its own keeps ours clean.
        subprocess.run(
            [sys.executable, "-m", "tests.bench.models", str(full), str(path)], check=True
        )
        full.unlink()
    return path


def quantize(source: Path, target: Path) -> None:
    """Write `target` as Q4_K_M. Raises SystemExit if llama.cpp refuses."""
    import llama_cpp.llama_cpp as llama

    llama.llama_backend_init()
    settings = llama.llama_model_quantize_default_params()
    settings.ftype = llama.LLAMA_FTYPE_MOSTLY_Q4_K_M
    temporary = target.with_suffix(".part")
    if llama.llama_model_quantize(str(source).encode(), str(temporary).encode(), settings):
        raise SystemExit(f"llama.cpp could not quantise {source}")
    temporary.rename(target)


if __name__ == "__main__":
    quantize(Path(sys.argv[1]), Path(sys.argv[2]))
