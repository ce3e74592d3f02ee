"""512 texts to vectors through HTTP, against llama-server's embedding endpoint.

The same file, the same threads, one request with all texts; runs in turn, medians of ratios.
"""

import os
import time
from pathlib import Path
from statistics import median

import numpy as np

from tests.bench.llama_server import CACHE, ensure_sources
from tests.bench.peers import Peer, corral, llama_server
from tests.bench.report import Row
from tests.gguf_models import write_random_bert

NUM_INPUTS = 512
CONTEXT = 512
VOCABULARY = "ggml-vocab-bert-bge.gguf"
WORDS = (
    "the history of the town begins with a river and a bridge and with people who built houses "
    "near the water because trade needs roads markets and quiet nights"
).split()


def ensure_embedding_model() -> Path:
    """A BERT of the size of all-MiniLM-L6-v2 (22.7M), q8_0, with BERT's own vocabulary."""
    path = CACHE / "bert-23m-q8_0.gguf"
    if not path.exists():
        part = path.with_suffix(".part")
        write_random_bert(
            part,
            n_layer=6,
            n_embd=384,
            n_head=12,
            n_ff=1536,
            n_ctx_train=CONTEXT,
            vocab_from=ensure_sources() / "models" / VOCABULARY,
            file_type="q8_0",
        )
        part.rename(path)
    return path


def run(rounds: int = 5) -> list[Row]:
    """Short texts, and passages as they are cut for retrieval."""
    rows: list[Row] = []
    for words in (6, 30):
        ours, theirs, ratio = compare(rounds, words)
        name = f"{NUM_INPUTS} texts of about {words} words"
        rows += [
            Row(name, "texts/s", ours),
            Row(name, "texts/s of llama-server", theirs),
            Row(name, "over llama-server", ratio, 0.95),
        ]
    return rows


def compare(rounds: int, words: int, threads: int = 0) -> tuple[float, float, float]:
    """Texts per second of both, and the ratio of neighbouring runs: medians.

    `threads`: of both; 0: as many as there are processors, of which Corral leaves those alone
    that others keep busy. One thread each compares best on a machine that is not idle.
    """
    model = ensure_embedding_model()
    texts = make_texts(words)
    runs: list[tuple[float, float]] = []
    options = ["--embedding", "-t", str(threads or os.cpu_count()), "-c", "4096", "-np", "8"]
    with corral({"bench": model}) as ours, llama_server(model, *options) as theirs:
        for peer in (ours, theirs):
            embed(peer, texts[:8], threads)  # loads the model
        for _ in range(rounds):
            runs.append((measure(ours, texts, threads), measure(theirs, texts, threads)))
    return (
        median(mine for mine, _ in runs),
        median(other for _, other in runs),
        median(mine / other for mine, other in runs),
    )


def make_texts(words: int) -> list[str]:
    """Different texts of `words` words, more or less."""
    dice = np.random.default_rng(0)
    lengths = dice.integers(max(1, words // 2), words + words // 2 + 1, NUM_INPUTS)
    return [" ".join(dice.choice(WORDS, length)) for length in lengths]


def measure(peer: Peer, texts: list[str], threads: int) -> float:
    """Texts per second. Raises RuntimeError if an answer lacks some."""
    started = time.perf_counter()
    count = embed(peer, texts, threads)
    seconds = time.perf_counter() - started
    if count != len(texts):
        raise RuntimeError(f"{peer.name}: {count} vectors for {len(texts)} texts")
    return count / seconds


def embed(peer: Peer, texts: list[str], threads: int) -> int:
    """How many vectors came back. llama-server was told its threads when it was started."""
    if peer.name == "llama-server":
        answer = peer.post("/v1/embeddings", {"model": "bench", "input": texts})["data"]
    else:
        body = {"model": "bench", "input": texts, "options": {"num_thread": threads}}
        answer = peer.post("/api/embed", body)["embeddings"]
    assert isinstance(answer, list)
    return len(answer)
