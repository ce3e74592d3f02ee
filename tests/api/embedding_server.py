"""A live server with an embedding model and a reranker beside the bundled model."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.api.live_server import LiveServer, live_server
from tests.gguf_models import write_random_bert

ONE_THREAD = {"num_thread": 1}


@contextmanager
def embedding_server(folder: Path) -> Iterator[LiveServer]:
    """Models `bert` (64 values, 128 tokens), `broken` (its vectors are NaN) and `judge`."""
    models = {
        "bert": write_random_bert(folder / "bert.gguf"),
        "broken": write_random_bert(folder / "broken.gguf", spoiled=True),
        "judge": write_random_bert(folder / "judge.gguf", pooling="rank", seed=3),
    }
    with live_server(folder / "store", models=models) as server:
        yield server
