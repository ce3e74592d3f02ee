"""Text that streams look the same however it is cut."""

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from engine.runner.text import Pieces, StopMatcher, TextStream


class ByteVocabulary:
    """256 byte tokens, then control tokens with names."""

    CONTROL = ("<|end|>", "<|call|>")

    def piece(self, token: int, *, special: bool) -> bytes:
        if token < 256:
            return bytes([token])
        return self.CONTROL[token - 256].encode() if special else b""

    def is_control(self, token: int) -> bool:
        return token >= 256

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        if parse_special and text in self.CONTROL:
            return [256 + self.CONTROL.index(text)]
        return list(text.encode())


def run_matcher(stops: Sequence[str], pieces: Sequence[str]) -> tuple[str, bool]:
    matcher = StopMatcher(stops)
    shown = ""
    for piece in pieces:
        text, stopped = matcher.feed(piece)
        shown += text
        if stopped:
            return shown, True
    return shown + matcher.finish(), False


def run_stream(data: bytes, *, stops: Sequence[str] = (), visible: Sequence[str] = ()) -> list[str]:
    return run_tokens(list(data), stops=stops, visible=visible)


def run_tokens(
    tokens: Sequence[int], *, stops: Sequence[str] = (), visible: Sequence[str] = ()
) -> list[str]:
    stream = TextStream(Pieces(ByteVocabulary()), stops, visible)
    out: list[str] = []
    for token in tokens:
        text, stopped = stream.feed(token)
        out.append(text)
        if stopped:
            return out
    return [*out, stream.finish()]


letters = st.text(alphabet="abc", max_size=30)
stop_lists = st.lists(st.text(alphabet="abc", min_size=1, max_size=5), max_size=4)


@given(text=letters, stops=stop_lists, cuts=st.lists(st.integers(0, 30), max_size=8))
def test_any_split_gives_the_same_text(text: str, stops: list[str], cuts: list[int]) -> None:
    edges = sorted({0, len(text), *(cut for cut in cuts if cut <= len(text))})
    pieces = [text[start:end] for start, end in pairwise(edges)]

    assert run_matcher(stops, pieces) == run_matcher(stops, list(text))


@given(text=letters, stops=stop_lists)
def test_text_ends_before_the_first_stop_string_to_be_completed(
    text: str, stops: list[str]
) -> None:
    shown, stopped = run_matcher(stops, [text])

    ends = [text.find(stop) + len(stop) for stop in stops if stop in text]
    assert stopped == bool(ends)
    if ends:
        end = min(ends)
        starts = [end - len(stop) for stop in stops if text[:end].endswith(stop)]
        assert shown == text[: min(starts)]
    else:
        assert shown == text


@given(text=letters, stops=stop_lists)
def test_held_text_is_only_what_may_become_a_stop_string(text: str, stops: list[str]) -> None:
    shown, stopped = StopMatcher(stops).feed(text)

    held = text[len(shown) :]
    if not stopped:
        assert not held or any(stop.startswith(held) and stop != held for stop in stops)


def test_sixty_four_long_stop_strings_are_matched() -> None:
    stops = [f"{number:02}" + "x" * 254 for number in range(64)]

    assert run_matcher(stops, ["start ", *("63" + "x" * 300)]) == ("start ", True)
    assert run_matcher(stops, ["63", "x" * 253]) == ("63" + "x" * 253, False)


@given(text=st.text(max_size=40))
def test_no_piece_splits_a_character(text: str) -> None:
    pieces = run_stream(text.encode())

    assert "".join(pieces) == text


@given(data=st.binary(max_size=40))
def test_invalid_utf8_comes_out_as_replacement_characters(data: bytes) -> None:
    assert "".join(run_stream(data)) == data.decode("utf-8", "replace")


def test_character_cut_off_at_the_end_becomes_one_replacement() -> None:
    assert run_stream("é".encode()[:1]) == ["", "\ufffd"]


@given(text=st.text(alphabet="añ→😀", max_size=20))
def test_stop_string_of_many_bytes_is_found(text: str) -> None:
    shown = "".join(run_stream(text.encode(), stops=["→"]))

    assert shown == text.partition("→")[0]


def test_control_tokens_are_hidden_unless_visible() -> None:
    tokens = [*b"a", 256, *b"b", 257, *b"c"]

    assert "".join(run_tokens(tokens)) == "abc"
    assert "".join(run_tokens(tokens, visible=["<|call|>", "not a token"])) == "ab<|call|>c"


def test_join_shows_control_tokens() -> None:
    assert Pieces(ByteVocabulary()).join([*b"hi", 256]) == "hi<|end|>"
