"""Frames survive any cutting of the stream; bytes that are none are refused."""

import struct
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import frames

COMMANDS: list[frames.Command] = [
    frames.Load(model_path="/a/b.gguf", num_ctx=4096, flash_attention=True),
    frames.Generate(1, "text", sampling=frames.Sampling(seed=7), stop=("x", "é")),
    frames.Generate(2, (1, 2, 3), num_predict=0, visible_tokens=("<think>",)),
    frames.Embed(8, ("text", (1, 2)), truncate=False, dimensions=64),
    frames.Rerank(9, "query", ("document", "")),
    frames.Cancel(3),
    frames.Tokenize(4, "hello\x00", add_special=False),
    frames.Detokenize(5, (0, 2**31 - 1)),
    frames.GetStatus(6),
    frames.Shutdown(),
]
REPORTS: list[frames.Report] = [
    frames.Loading(0.5),
    frames.Ready(4096, 8192, 2, 32000, "<s>", "</s>", 2**40, 0, 10**12, "CPU"),
    frames.LoadFailed("no"),
    frames.Chunk(1, "日本", 2),
    frames.Finished(1, "length", 10, 4, 20, 0, 1, 2, 3, (1, 2)),
    frames.Embedded(8, b"\0\0\x80?" * 4, 2, 7, 1),
    frames.Reranked(9, (0.5, 0.25), 12, 0),
    frames.Failed(1, "invalid", "why"),
    frames.Tokens(4, (1,)),
    frames.Text(5, "text"),
    frames.Status(6, 4, 1, 0, 100, 10**9),
]


def test_every_member_is_covered_above() -> None:
    for union, examples in ((frames.Command, COMMANDS), (frames.Report, REPORTS)):
        assert {type(example) for example in examples} == set(union.__args__)


def test_round_trip() -> None:
    splitter = frames.FrameSplitter()

    commands = [frames.decode_command(b) for b in splitter.feed(frames.encode(*COMMANDS))]
    reports = [frames.decode_report(b) for b in splitter.feed(frames.encode(*REPORTS))]

    assert commands == COMMANDS
    assert reports == REPORTS


def test_frame_is_a_length_and_msgpack() -> None:
    data = frames.encode(frames.Cancel(3))

    (length,) = struct.unpack_from("<I", data)
    assert length == len(data) - 4
    assert msgspec.msgpack.decode(data[4:]) == {"type": "Cancel", "request_id": 3}
    assert frames.encode() == b""


@given(cuts=st.lists(st.integers(0, 2000), max_size=12))
def test_any_cutting_gives_the_same_frames(cuts: list[int]) -> None:
    data = frames.encode(*COMMANDS)
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    splitter = frames.FrameSplitter()
    bodies: list[bytes] = []
    for start, end in pairwise(edges):
        bodies += splitter.feed(data[start:end])

    assert [frames.decode_command(body) for body in bodies] == COMMANDS


@pytest.mark.parametrize("excess", [-1, 0, 1])
def test_length_limit(excess: int) -> None:
    data = struct.pack("<I", frames.MAX_FRAME_BYTES + excess)

    if excess > 0:
        with pytest.raises(frames.FrameError, match="frame of"):
            frames.FrameSplitter().feed(data)
    else:
        assert frames.FrameSplitter().feed(data) == []


@given(body=st.binary(max_size=60))
def test_noise_is_refused_or_decoded_but_never_crashes(body: bytes) -> None:
    for decode in (frames.decode_command, frames.decode_report):
        try:
            decoded = decode(body)
        except frames.FrameError:
            continue
        assert isinstance(decoded, frames.Frame)


def test_commands_and_reports_do_not_mix() -> None:
    (command,) = frames.FrameSplitter().feed(frames.encode(frames.Shutdown()))
    (report,) = frames.FrameSplitter().feed(frames.encode(frames.Loading(1)))

    with pytest.raises(frames.FrameError, match="not a report"):
        frames.decode_report(command)
    with pytest.raises(frames.FrameError, match="not a command"):
        frames.decode_command(report)
