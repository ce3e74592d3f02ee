"""Headers are read once per file, and again when the file changes."""

import os

import pytest

from engine.library.errors import GGUFError
from engine.library.headers import HeaderCache
from tests.engine.library import ggufbytes as b
from tests.engine.library.ggufbytes import key_value, small_model


def test_a_header_is_read_once(tmp_path):
    path = tmp_path / "m"
    path.write_bytes(small_model())
    cache = HeaderCache()
    assert cache.load(path) is cache.load(path)
    assert cache.load_summary(path) is cache.load_summary(path)


def test_a_file_that_changed_is_read_again(tmp_path):
    path = tmp_path / "m"
    path.write_bytes(small_model())
    cache = HeaderCache()
    assert cache.load_summary(path).architecture == "llama"
    path.write_bytes(small_model(architecture="qwen3"))
    os.utime(path, (1, 1))
    assert cache.load_summary(path).architecture == "qwen3"
    assert cache.load(path).architecture == "qwen3"
    path.unlink()
    assert "can't be read" in cache.load_summary(path).problem
    with pytest.raises(GGUFError, match="can't be read: No such file"):
        cache.load(path)


def test_damaged_file_has_a_problem(tmp_path):
    path = tmp_path / "m"
    path.write_bytes(b"GGUF")
    cache = HeaderCache()
    assert cache.load_summary(path).problem.startswith("the file is truncated")
    assert cache.load_summary(path) is cache.load_summary(path)


def test_many_headers_do_not_pile_up_but_summaries_stay(tmp_path):
    cache = HeaderCache()
    for index in range(40):
        path = tmp_path / str(index)
        path.write_bytes(small_model())
        cache.load(path)
    first = tmp_path / "0"
    summary = cache.load_summary(first)
    header = cache.load(first)
    assert cache.load(first) is header
    assert len(cache._headers) <= 16
    assert summary.architecture == "llama"


def test_summary_holds_what_listings_need(tmp_path):
    path = tmp_path / "m"
    path.write_bytes(
        small_model(
            key_value("llama.context_length", b.U32, 8192),
            key_value("llama.embedding_length", b.U32, 64),
            key_value("llama.pooling_type", b.U32, 0),
            key_value("llama.vision.block_count", b.U32, 1),
            key_value("llama.audio.block_count", b.U32, 1),
            key_value("general.file_type", b.U32, 15),
            key_value("tokenizer.chat_template", b.STRING, "{{ x }}"),
        )
    )
    summary = HeaderCache().load_summary(path)
    assert (summary.context_length, summary.embedding_length) == (8192, 64)
    assert summary.has_pooling
    assert summary.has_vision
    assert summary.has_audio
    assert summary.file_type == "Q4_K_M"
    assert summary.chat_template == "{{ x }}"
    assert summary.problem == ""
