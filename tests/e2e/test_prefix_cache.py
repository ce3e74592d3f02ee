"""`corral serve` knows a prompt again after unloading, after another model, after a restart."""

from pathlib import Path

import pytest

from tests.bench.peers import Peer, corral
from tests.conftest import TINY_MODEL

# Reads as about 600 tokens.
PROMPT = "The fox lives in a forest with many other animals. " * 40


def ask(peer: Peer, model: str = "tiny", **settings: object) -> tuple[int, int, str]:
    """Prompt tokens, how many of them were known, and the answer."""
    body = {"model": model, "prompt": PROMPT, "raw": True, "stream": False, **settings}
    body["options"] = {"num_predict": 8, "temperature": 0, "num_thread": 1, "num_ctx": 2048}
    reply = peer.post("/api/generate", body)
    count = int(str(reply["prompt_eval_count"]))
    return count, int(str(reply.get("cached", 0))), str(reply["response"])


@pytest.mark.timeout(120)
def test_prompt_is_known_again(tmp_path: Path) -> None:
    settings = {"OLLAMA_MAX_LOADED_MODELS": "1"}
    with corral({"other": TINY_MODEL}, settings, home=tmp_path) as peer:
        count, cached, expected = ask(peer)
        assert cached == 0
        # Unloaded, and loaded again.
        assert ask(peer, keep_alive=0) == (count, count - 1, expected)
        assert ask(peer) == (count, count - 1, expected)
        # The same weights under another name are known too; it takes the first one's place.
        assert ask(peer, "other")[0] == count
        assert ask(peer) == (count, count - 1, expected)
    with corral({}, settings, home=tmp_path) as peer:
        assert ask(peer) == (count, count - 1, expected)
    with corral({}, settings | {"CORRAL_CACHE_DISK": "0"}, home=tmp_path) as peer:
        assert ask(peer) == (count, 0, expected)
        assert ask(peer) == (count, count - 1, expected)
    (folder,) = (tmp_path / "cache").glob("*/prefix")
    assert folder.stat().st_mode & 0o777 == 0o700
