"""The bundled model through the wrappers around llama.cpp, in this process."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.runner.llama import (
    AbortFlag,
    Batch,
    Context,
    ContextSettings,
    LlamaError,
    Model,
    ModelSettings,
    read_system_info,
    start_backend,
)
from engine.runner.text import Pieces, TextStream
from tests.conftest import TINY_MODEL


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    start_backend()
    opened = Model(ModelSettings(str(TINY_MODEL)), lambda progress: True)
    yield opened
    opened.close()
    opened.close()  # harmless


@pytest.fixture
def context(model: Model) -> Iterator[Context]:
    opened = Context(model, ContextSettings(512, 2, 64, 1), AbortFlag())
    yield opened
    opened.close()
    opened.close()  # harmless


def logits_after(context: Context, tokens: list[int], position: int, sequence: int) -> np.ndarray:
    batch = Batch(64, 2)
    batch.extend(tokens[:-1], position, sequence)
    index = batch.add(tokens[-1], position + len(tokens) - 1, sequence)
    assert context.decode(batch) == 0
    memory = (np.ctypeslib.ctypes.c_float * 4096).from_address(context.logits_address(index))
    return np.array(memory)


def test_vocabulary_speaks_the_models_language(model: Model) -> None:
    vocabulary = model.vocabulary

    assert (vocabulary.size, vocabulary.eos, vocabulary.adds_bos) == (4096, 4069, False)
    assert vocabulary.eos in vocabulary.end_tokens
    assert vocabulary.text(vocabulary.eos) == "<|im_end|>"
    assert vocabulary.text(-1) == ""
    assert vocabulary.piece(4069, special=True) == b"<|im_end|>"
    assert vocabulary.piece(4069, special=False) == b""
    assert model.metadata("general.architecture") == "qwen3"
    assert model.metadata("no.such.key") is None
    assert "CPU" in read_system_info()


def test_hidden_and_visible_tokens_of_a_real_vocabulary(model: Model) -> None:
    pieces = Pieces(model.vocabulary)

    found = pieces.find_control_tokens(["<|im_start|>", "<think>", "two words", ""])
    shown = [TextStream(pieces, (), visible) for visible in ((), ("<|im_start|>",))]
    texts = ["".join(stream.feed(token)[0] for token in (4068, 4080)) for stream in shown]

    assert found == {4068}  # <think> is text that the user may see anyway
    assert texts == ["<think>", "<|im_start|><think>"]


@pytest.mark.parametrize("text", ["", "a", "日本語 😀", "a" * 10_000, "\x00nul\x00"])
def test_tokens_spell_the_text(model: Model, text: str) -> None:
    tokens = model.vocabulary.tokenize(text, add_special=False, parse_special=False)

    assert Pieces(model.vocabulary).join(tokens) == text


def test_cut_sequence_goes_on_as_if_the_rest_had_never_been(context: Context) -> None:
    expected = logits_after(context, [100, 101, 102, 103], 0, 0)
    logits_after(context, [100, 101, 900, 901, 902], 0, 1)

    assert context.cut(1, 2)
    assert context.last_position(1) == 1
    assert np.allclose(logits_after(context, [102, 103], 2, 1), expected, atol=0.05)


def test_shift_drops_the_middle(context: Context) -> None:
    logits_after(context, list(range(100, 120)), 0, 0)

    assert context.can_shift
    context.shift(0, 4, 12)

    assert (context.first_position(0), context.last_position(0)) == (0, 11)


def test_raised_flag_aborts_a_decode(model: Model) -> None:
    flag = AbortFlag()
    context = Context(model, ContextSettings(512, 2, 64, 1), flag)
    batch = Batch(64, 2)
    batch.add(100, 0, 0)

    flag.raise_()
    aborted = context.decode(batch)
    flag.clear()
    context.cut(0, 0)
    repeated = context.decode(batch)
    context.close()

    assert (aborted, repeated) == (2, 0)


def test_kv_cache_size_follows_from_the_metadata(model: Model) -> None:
    # 8 layers, 2 KV heads, 64 + 64 values, two bytes each
    assert model.kv_bytes_per_cell("f16") == 8 * 2 * 128 * 2
    assert model.kv_bytes_per_cell("q8_0") == math.floor(8 * 2 * 128 * 34 / 32)


def test_logits_nobody_asked_for_are_an_error(context: Context) -> None:
    logits_after(context, [100, 101], 0, 0)

    with pytest.raises(LlamaError, match="no logits at batch index 0"):
        context.logits_address(0)


def test_unknown_kv_type_is_refused(model: Model) -> None:
    with pytest.raises(LlamaError, match="unknown KV cache type 'q3_z'"):
        Context(model, ContextSettings(512, 1, 64, 1, kv_type="q3_z"), AbortFlag())


def test_loading_can_be_given_up() -> None:
    with pytest.raises(LlamaError):
        Model(ModelSettings(str(TINY_MODEL)), lambda progress: False)


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.gguf", tmp_path):
        with pytest.raises(LlamaError, match="no such file"):
            Model(ModelSettings(str(path)), lambda progress: True)


def test_adapter_that_is_none_is_refused(tmp_path: Path) -> None:
    adapter = tmp_path / "adapter.gguf"
    adapter.write_bytes(b"GGUF garbage")

    with pytest.raises(LlamaError, match=r"adapter adapter\.gguf: "):
        Model(ModelSettings(str(TINY_MODEL), adapter_paths=(str(adapter),)), lambda progress: True)
