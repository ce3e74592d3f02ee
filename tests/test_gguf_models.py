"""The files that other tests load are what they claim to be."""

from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader

from tests.conftest import TINY_MODEL
from tests.gguf_models import write_random_bert, write_random_llama, write_random_mamba


def field(reader: GGUFReader, name: str) -> object:
    return reader.fields[name].contents()


@pytest.mark.parametrize("file_type", ["f32", "f16", "q8_0", "q4_0"])
def test_llama_has_the_asked_shape(tmp_path: Path, file_type: str) -> None:
    path = write_random_llama(
        tmp_path / "m.gguf", n_layer=3, n_embd=96, n_head=3, n_kv_head=1, file_type=file_type
    )
    reader = GGUFReader(path)
    tensors = {tensor.name: tensor for tensor in reader.tensors}

    assert field(reader, "general.architecture") == "llama"
    assert field(reader, "llama.block_count") == 3
    assert tensors["blk.2.attn_k.weight"].tensor_type.name == file_type.upper()
    assert list(tensors["token_embd.weight"].shape) == [96, 4096]


def test_tokenizer_and_template_are_the_source_models(tmp_path: Path) -> None:
    source = GGUFReader(TINY_MODEL)
    copied = GGUFReader(write_random_llama(tmp_path / "a.gguf"))
    changed = GGUFReader(write_random_llama(tmp_path / "b.gguf", chat_template="{{ x }}"))
    names = [name for name in source.fields if name.startswith("tokenizer.")]

    assert len(names) > 10
    for name in names:
        assert field(copied, name) == field(source, name)
    assert field(changed, "tokenizer.chat_template") == "{{ x }}"


def test_vocabulary_can_be_padded(tmp_path: Path) -> None:
    reader = GGUFReader(write_random_llama(tmp_path / "m.gguf", vocab_size=5000))

    assert len(field(reader, "tokenizer.ggml.tokens")) == 5000  # type: ignore[arg-type]
    assert field(reader, "llama.vocab_size") == 5000


def test_seed_makes_the_file(tmp_path: Path) -> None:
    one, same, other = (
        write_random_llama(tmp_path / f"{number}.gguf", seed=seed)
        for number, seed in enumerate((1, 1, 2))
    )

    assert one.read_bytes() == same.read_bytes() != other.read_bytes()


def test_control_tokens_never_win(tmp_path: Path) -> None:
    reader = GGUFReader(write_random_llama(tmp_path / "m.gguf", file_type="f32"))
    (output,) = [tensor for tensor in reader.tensors if tensor.name == "output.weight"]

    assert not output.data[4069].any()
    assert output.data[100].any()


def test_other_architectures(tmp_path: Path) -> None:
    window = GGUFReader(write_random_llama(tmp_path / "w.gguf", n_layer=6, window=64))
    recurrent = GGUFReader(write_random_mamba(tmp_path / "m.gguf"))

    assert field(window, "gemma3.attention.sliding_window") == 64
    assert field(recurrent, "general.architecture") == "mamba"


@pytest.mark.parametrize(("pooling", "number"), [("mean", 1), ("cls", 2), ("rank", 4)])
def test_bert_says_how_its_vectors_are_made(tmp_path: Path, pooling: str, number: int) -> None:
    path = write_random_bert(tmp_path / "m.gguf", n_layer=3, n_embd=96, pooling=pooling)
    reader = GGUFReader(path)
    tensors = {tensor.name: tensor for tensor in reader.tensors}

    assert field(reader, "bert.pooling_type") == number
    assert field(reader, "bert.attention.causal") is False
    assert list(tensors["blk.2.ffn_up.weight"].shape) == [96, 128]
    assert ("cls.output.weight" in tensors) == (pooling == "rank")
    words = field(reader, "tokenizer.ggml.tokens")
    assert isinstance(words, list)
    assert len(words) == len(set(words)) == tensors["token_embd.weight"].shape[1]
    assert not np.isnan(tensors["token_types.weight"].data).any()


def test_spoiled_bert_has_a_nan(tmp_path: Path) -> None:
    reader = GGUFReader(write_random_bert(tmp_path / "m.gguf", spoiled=True))
    (types,) = (one for one in reader.tensors if one.name == "token_types.weight")

    assert np.isnan(types.data).sum() == 1
