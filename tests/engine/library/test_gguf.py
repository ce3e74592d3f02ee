"""The header reader: equal to the format's own reader on good files, strict on bad ones."""

import math
import os
import random
import struct
import time
import tracemalloc
from pathlib import Path

import gguf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.library import ggml
from engine.library.errors import GGUFError
from engine.library.gguf import (
    MAX_KEY_BYTES,
    MAX_TAIL_BYTES,
    MAX_TEMPLATE_BYTES,
    MAX_TENSOR_NAME_BYTES,
    GGUFArray,
    is_gguf,
    read_array,
    read_header,
    shortest_float32,
)
from tests.conftest import TINY_MODEL
from tests.engine.library import ggufbytes as b
from tests.engine.library.ggufbytes import ARCHITECTURE, Tensor, gguf_file, key_value, small_model


def read(tmp_path: Path, data: bytes):
    path = tmp_path / "model"
    path.write_bytes(data)
    return read_header(path)


def refuse(tmp_path: Path, data: bytes, match: str) -> GGUFError:
    with pytest.raises(GGUFError, match=match) as caught:
        read(tmp_path, data)
    return caught.value


# --- good files --------------------------------------------------------------------------------


def same_as_oracle(path: Path) -> None:
    header = read_header(path)
    oracle = gguf.GGUFReader(path)
    fields = {k: f for k, f in oracle.fields.items() if not k.startswith("GGUF.")}
    assert list(header.metadata) == list(fields)
    for key, value in header.metadata.items():
        expected = fields[key].contents()
        found = list(read_array(header, value)) if isinstance(value, GGUFArray) else value
        if isinstance(found, float):
            assert struct.pack("<f", found) == struct.pack("<f", expected)
        else:
            assert found == expected, key
    assert [
        (t.name, t.type.name, t.shape, t.size_bytes, header.data_offset + t.offset)
        for t in header.tensors
    ] == [
        (t.name, t.tensor_type.name, tuple(map(int, t.shape)), t.n_bytes, t.data_offset)
        for t in oracle.tensors
    ]


def test_bundled_model_reads_as_with_the_oracle():
    same_as_oracle(TINY_MODEL)
    header = read_header(TINY_MODEL)
    assert header.architecture == "qwen3"
    assert header.file_type == "Q8_0"
    assert header.chat_template.startswith("{%")
    assert header.number("context_length") == 2048
    assert header.metadata["qwen3.attention.layer_norm_rms_epsilon"] == 1e-06
    assert header.parameter_count == sum(math.prod(t.shape) for t in header.tensors)


def test_header_of_the_bundled_model_takes_milliseconds():
    times = []
    for _ in range(5):
        start = time.perf_counter()
        read_header(TINY_MODEL)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.05


def test_every_type_of_value_reads_as_with_the_oracle(tmp_path):
    writer = gguf.GGUFWriter(tmp_path / "model", "llama")
    writer.add_uint8("u8", 255)
    writer.add_int8("i8", -128)
    writer.add_uint16("u16", 65535)
    writer.add_int16("i16", -32768)
    writer.add_uint32("u32", 2**32 - 1)
    writer.add_int32("i32", -(2**31))
    writer.add_uint64("u64", 2**64 - 1)
    writer.add_int64("i64", -(2**63))
    writer.add_float32("f32", 0.1)
    writer.add_float64("f64", 0.1)
    writer.add_bool("yes", True)
    writer.add_bool("no", False)
    writer.add_string("text", "größe ✓")
    writer.add_string("empty.text", "")
    writer.add_array("strings", ["a", "", "ü" * 1000])
    writer.add_array("numbers", [1, -2, 3])
    writer.add_array("floats", [0.5, -0.25])
    writer.add_array("flags", [True, False])
    writer.add_array("general.tags", ["x"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    same_as_oracle(tmp_path / "model")


def test_large_vocabulary_is_passed_over_quickly_and_read_on_demand(tmp_path):
    words = [f"token{i}" * (i % 7) for i in range(200_000)] + ["x" * 1_000_000, "last"]
    data = small_model(
        key_value("tokenizer.ggml.tokens", b.ARRAY, (b.STRING, words)),
        key_value("after", b.U32, 7),
    )
    path = tmp_path / "model"
    path.write_bytes(data)
    tracemalloc.start()
    header = read_header(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000
    assert header.metadata["after"] == 7
    assert read_array(header, header.metadata["tokenizer.ggml.tokens"]) == words


def test_lossy_text_is_for_vocabularies_only(tmp_path):
    header = read(tmp_path, small_model(key_value("v", b.ARRAY, (b.STRING, [b"\xff", b"ok"]))))
    assert read_array(header, header.metadata["v"]) == ["\ufffd", "ok"]
    refuse(tmp_path, small_model(key_value("v", b.STRING, b"\xff")), "not UTF-8")


def test_array_of_a_file_that_changed_is_not_read(tmp_path):
    header = read(tmp_path, small_model(key_value("v", b.ARRAY, (b.U32, [1, 2]))))
    assert read_array(header, header.metadata["v"]) == [1, 2]
    header.path.write_bytes(small_model())
    with pytest.raises(GGUFError, match="changed"):
        read_array(header, header.metadata["v"])


@given(st.floats(width=32))
def test_float32_values_are_exact_and_short(value):
    short = shortest_float32(value)
    assert struct.pack("<f", short) == struct.pack("<f", value)
    assert len(repr(short)) <= 24


def test_version_2_is_read(tmp_path):
    assert read(tmp_path, gguf_file(ARCHITECTURE, version=2)).version == 2


@pytest.mark.parametrize("name", [q.name for q in gguf.GGMLQuantizationType])
def test_block_sizes_are_those_of_the_format(name):
    kind = gguf.GGMLQuantizationType[name]
    assert ggml.TENSOR_TYPES[int(kind)] == (name, *gguf.GGML_QUANT_SIZES[kind])


def test_file_types():
    assert [ggml.file_type_name(v) for v in (0, 1, 7, 15, 32, 999, None, "x", True)] == [
        "unknown",
        "F16",
        "Q8_0",
        "Q4_K_M",
        "BF16",
        "unknown",
        "unknown",
        "unknown",
        "F16",
    ]


def test_stored_parameter_count_wins(tmp_path):
    data = small_model(key_value("general.parameter_count", b.U64, 12345))
    assert read(tmp_path, data).parameter_count == 12345


# --- the start -----------------------------------------------------------------------------------


def test_what_is_no_gguf_file_is_told_apart_from_a_bad_one(tmp_path):
    for data in (b"", b"GGU", b"GGML" + bytes(100), b"\0" * 1000, b"PK\3\4"):
        assert not refuse(tmp_path, data, "not in GGUF format").is_gguf
    assert refuse(tmp_path, b"GGUF", "truncated").is_gguf
    assert is_gguf(tmp_path / "model")
    (tmp_path / "model").write_bytes(b"GGU")
    assert not is_gguf(tmp_path / "model")


@pytest.mark.parametrize(
    ("version", "match"),
    [(0, "version 0"), (1, "version 1"), (4, "version 4"), (3 << 24, "big-endian")],
)
def test_other_versions_are_refused(tmp_path, version, match):
    refuse(tmp_path, gguf_file(ARCHITECTURE, version=version), match)


def test_pipes_and_folders_are_no_models(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(GGUFError, match="no regular file"):
        read_header(tmp_path / "pipe")
    with pytest.raises((GGUFError, OSError)):
        read_header(tmp_path)


@pytest.mark.parametrize("count", [65_537, 2**31, 2**63, 2**64 - 1])
def test_impossible_counts_are_refused(tmp_path, count):
    refuse(tmp_path, gguf_file(key_count=count), "at most 65536")
    refuse(tmp_path, gguf_file(tensor_count=count), "at most 65536")


def test_counts_that_do_not_fit_the_file_are_refused(tmp_path):
    refuse(tmp_path, gguf_file(key_count=65_536), "truncated")
    refuse(tmp_path, gguf_file(tensor_count=65_536), "truncated")


def test_every_truncation_of_a_sound_file_is_refused(tmp_path):
    data = small_model(
        key_value("a", b.STRING, "text"),
        key_value("b", b.ARRAY, (b.STRING, ["x", "yy"])),
        key_value("c", b.ARRAY, (b.U32, [1, 2])),
        key_value("d", b.ARRAY, (b.BOOL, [1, 0])),
    )
    read(tmp_path, data)
    for size in range(len(data)):
        with pytest.raises(GGUFError):
            read(tmp_path, data[:size])


# --- keys and values -----------------------------------------------------------------------------


@pytest.mark.parametrize("key", [b"", b"a b", b"a\0", b"\xc3\xa4", b"a\n"])
def test_odd_keys_are_refused(tmp_path, key):
    refuse(tmp_path, gguf_file(key_value(key, b.U32, 1)), "characters")


def test_key_length_limit_is_exact(tmp_path):
    read(tmp_path, gguf_file(key_value("k" * MAX_KEY_BYTES, b.U32, 1)))
    refuse(tmp_path, gguf_file(key_value("k" * (MAX_KEY_BYTES + 1), b.U32, 1)), "at most 255")


def test_doubled_keys_are_refused(tmp_path):
    refuse(tmp_path, gguf_file(ARCHITECTURE, ARCHITECTURE), "occurs twice")


@pytest.mark.parametrize("length", [100, 2**31, 2**32, 2**63, 2**64 - 1])
def test_lengths_of_strings_are_not_believed(tmp_path, length):
    claim = struct.pack("<Q", length)
    head = b.string("k") + struct.pack("<I", b.STRING)
    for data in (
        gguf_file(claim),
        gguf_file(head + claim),
        gguf_file(b.string("k") + struct.pack("<IIQ", b.ARRAY, b.STRING, length)),
        gguf_file(b.string("k") + struct.pack("<IIQ", b.ARRAY, b.STRING, 1) + claim),
        gguf_file(b.string("k") + struct.pack("<IIQ", b.ARRAY, b.U64, length)),
        gguf_file(b.string("k") + struct.pack("<IIQ", b.ARRAY, b.BOOL, length)),
        gguf_file(claim, key_count=0, tensor_count=1),
    ):
        with pytest.raises(GGUFError):
            read(tmp_path, data)


def test_template_length_limit_is_exact(tmp_path):
    template = "t" * MAX_TEMPLATE_BYTES
    key = "tokenizer.chat_template"
    assert read(tmp_path, small_model(key_value(key, b.STRING, template))).chat_template == template
    refuse(tmp_path, small_model(key_value(key, b.STRING, template + "t")), "at most 1048576")


@pytest.mark.parametrize("kind", [13, 255, 2**32 - 1])
def test_unknown_types_are_refused(tmp_path, kind):
    refuse(tmp_path, gguf_file(b.string("k") + struct.pack("<IQ", kind, 0)), "unknown type")
    array = struct.pack("<IIQQ", b.ARRAY, kind, 1, 0)
    refuse(tmp_path, gguf_file(b.string("k") + array), "unknown type")


def test_nested_arrays_are_refused(tmp_path):
    data = gguf_file(key_value("k", b.ARRAY, (b.ARRAY, [(b.U8, [1])])))
    refuse(tmp_path, data, "nested")


def test_booleans_are_true_or_false(tmp_path):
    refuse(tmp_path, gguf_file(key_value("k", b.BOOL, 2)), "neither true nor false")
    refuse(tmp_path, gguf_file(key_value("k", b.ARRAY, (b.BOOL, [0, 1, 2]))), "neither true")


@pytest.mark.parametrize("alignment", [0, 1, 4, 12, 2**17, 2**31, 2**32 - 1])
def test_impossible_alignments_are_refused(tmp_path, alignment):
    refuse(tmp_path, small_model(key_value("general.alignment", b.U32, alignment)), "power of two")


@pytest.mark.parametrize("alignment", [8, 64, 65_536])
def test_other_alignments_are_followed(tmp_path, alignment):
    key = key_value("general.alignment", b.U32, alignment)
    tensors = (Tensor("a"), Tensor("b", offset=max(128, alignment)))
    data = bytes(max(128, alignment) + 128)
    header = read(tmp_path, gguf_file(key, tensors=tensors, data=data, alignment=alignment))
    assert header.data_offset % alignment == 0


@pytest.mark.parametrize("kind", [b.I32, b.U64, b.F32])
def test_alignment_of_the_wrong_type_is_refused(tmp_path, kind):
    refuse(tmp_path, small_model(key_value("general.alignment", kind, 32)), "wrong type")


# --- tensors -------------------------------------------------------------------------------------


def with_tensors(*tensors: Tensor, size: int = 128) -> bytes:
    return gguf_file(ARCHITECTURE, tensors=tensors, data=bytes(size))


@pytest.mark.parametrize(
    ("tensor", "match"),
    [
        (Tensor(shape=()), "0 dimensions"),
        (Tensor(shape=(1, 1, 1, 1, 1)), "5 dimensions"),
        (Tensor(shape=(0,)), "impossible shape"),
        (Tensor(shape=(32, 0)), "impossible shape"),
        (Tensor(shape=(2**48,)), "impossible shape"),
        (Tensor(shape=(2**32, 2**32)), "impossible shape"),
        (Tensor(shape=(2**63, 2, 2**63, 4)), "impossible shape"),
        (Tensor(kind=4), "unknown type 4"),
        (Tensor(kind=2**31), "unknown type"),
        (Tensor(shape=(31,), kind=8), "whole blocks of Q8_0"),
        (Tensor(shape=(128,), kind=12), "whole blocks of Q4_K"),
        (Tensor(offset=1), "alignment boundary"),
        (Tensor(offset=32), "truncated"),
        (Tensor(offset=2**63), "truncated"),
        (Tensor(offset=2**64 - 32), "truncated"),
        (Tensor(shape=(64,)), "truncated"),
        (Tensor(name=""), "no name"),
        (Tensor(name="n" * (MAX_TENSOR_NAME_BYTES + 1)), "at most 63"),
    ],
)
def test_impossible_tensors_are_refused(tmp_path, tensor, match):
    read(tmp_path, with_tensors(Tensor(name="n" * MAX_TENSOR_NAME_BYTES)))
    refuse(tmp_path, with_tensors(tensor), match)


def test_tensors_may_not_share_names_or_bytes(tmp_path):
    a, far = Tensor("a"), Tensor("b", offset=128)
    read(tmp_path, with_tensors(far, a, size=256))
    refuse(tmp_path, with_tensors(a, Tensor("a", offset=128), size=256), "occurs twice")
    refuse(tmp_path, with_tensors(a, Tensor("b", offset=96), size=256), "overlaps")
    refuse(tmp_path, with_tensors(a, Tensor("b"), size=256), "overlaps")


def test_tail_limit_is_exact(tmp_path):
    read(tmp_path, small_model() + bytes(MAX_TAIL_BYTES))
    refuse(tmp_path, small_model() + bytes(MAX_TAIL_BYTES + 1), "goes on after")


def test_sizes_of_blocks_count(tmp_path):
    size = 2 * 256 // 32 * 34
    read(tmp_path, with_tensors(Tensor(shape=(256, 2), kind=8), size=size))
    refuse(tmp_path, with_tensors(Tensor(shape=(256, 2), kind=8), size=size - 1), "truncated")


# --- budget and mutants --------------------------------------------------------------------------


def test_deadline_ends_the_reading(tmp_path):
    path = tmp_path / "model"
    path.write_bytes(small_model())
    with pytest.raises(GGUFError, match="too long"):
        read_header(path, deadline_s=-1)


SOUND = small_model(
    key_value("llama.block_count", b.U32, 1),
    key_value("tokenizer.ggml.tokens", b.ARRAY, (b.STRING, ["a", "b", "c"])),
    key_value("tokenizer.ggml.scores", b.ARRAY, (b.F32, [0.0, 1.0, 2.0])),
    key_value("flag", b.BOOL, 1),
)


@settings(max_examples=300, deadline=None)
@given(st.randoms(use_true_random=False))
def test_mutants_are_refused_or_as_the_oracle_reads_them(tmp_path_factory, rng: random.Random):
    data = bytearray(SOUND)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data))
        patch = rng.choice(
            [
                bytes([rng.randrange(256)]),
                struct.pack("<I", rng.choice([0, 1, 8, 9, 2**31, 2**32 - 1])),
                struct.pack("<Q", rng.choice([0, 1, 2**32, 2**63, 2**64 - 1])),
            ]
        )
        data[at : at + len(patch)] = patch
    path = tmp_path_factory.mktemp("mutant") / "model"
    path.write_bytes(data)
    try:
        header = read_header(path)
    except GGUFError:
        return
    oracle = gguf.GGUFReader(path)
    assert len(oracle.tensors) == len(header.tensors)
    assert list(header.metadata) == [k for k in oracle.fields if not k.startswith("GGUF.")]
