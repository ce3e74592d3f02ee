"""`corral run` with an embedding model, against a real server."""

import json
import socket
from collections.abc import Iterator

import numpy as np
import pytest

from tests.app.cli.server_process import environment, process, serving
from tests.gguf_models import write_random_bert


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of commands whose server has the model `bert`."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    home = tmp_path_factory.mktemp("home")
    found = environment(home, port)
    weights = write_random_bert(home / "bert.gguf")
    with serving(found):
        (home / "Modelfile").write_text(f"FROM {weights}\nPARAMETER num_thread 1\n")
        made = process("create", "bert", "-f", str(home / "Modelfile"), env=found)
        assert made.returncode == 0, made.stderr
        yield found


def test_vector_is_one_line_of_json(env: dict[str, str]) -> None:
    done = process("run", "bert", "the", "old cat", env=env)
    assert done.returncode == 0, done.stderr
    vector = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert " " not in done.stdout
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    piped = process("run", "bert", env=env, input_text="the old cat")
    assert json.loads(piped.stdout) == pytest.approx(vector, abs=1e-3)


def test_flags_of_embedding_models(env: dict[str, str]) -> None:
    short = process("run", "bert", "--dimensions", "8", "the cat", env=env)
    assert len(json.loads(short.stdout)) == 8
    long = "cat " * 400
    assert process("run", "bert", "--truncate", long, env=env).returncode == 0
    refused = process("run", "bert", "--truncate=false", long, env=env)
    assert refused.returncode == 1
    assert "the input length exceeds the context length" in refused.stderr
    odd = process("run", "bert", "--truncate=maybe", "the cat", env=env)
    assert odd.returncode == 1
    assert 'invalid argument "maybe" for "--truncate" flag' in odd.stderr


def test_text_is_required(env: dict[str, str]) -> None:
    done = process("run", "bert", env=env)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        'Error: embedding models require input text. Usage: corral run bert "your text here"'
    )
