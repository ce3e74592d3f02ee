"""Joining queries with documents."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.runner.embedding.inputs import TOO_LONG, InputError
from engine.runner.embedding.pairs import PairFormat, PairReader


class Bytes:
    """A tokenizer: a token per byte."""

    size = 256
    bos = 1
    eos = 2

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        assert not add_special
        return list(text.encode())


TEMPLATE = PairFormat("<Q>{query}<D>{document}<E>", (), (), ())
PLAIN = PairFormat(None, (1,), (2, 2), (2,))


def text_of(prepared) -> str:
    return bytes(prepared.tokens).decode("utf-8", "replace")


def test_template_is_filled_whatever_the_parts_contain():
    read = PairReader(Bytes(), TEMPLATE, 1000).read
    assert text_of(read("q", "d", truncate=False)) == "<Q>q<D>d<E>"
    assert text_of(read("{document}", "{query}", truncate=False)) == "<Q>{document}<D>{query}<E>"


@given(st.text(max_size=20), st.text(max_size=200), st.sampled_from([TEMPLATE, PLAIN]))
def test_pairs_fit_and_keep_the_query(query, document, form):
    limit = 120
    reader = PairReader(Bytes(), form, limit)
    prepared = reader.read(query, document, truncate=True)
    assert len(prepared.tokens) <= limit
    assert bytes(query.encode()) in bytes(prepared.tokens)
    if prepared.dropped:
        with pytest.raises(InputError, match=TOO_LONG):
            reader.read(query, document, truncate=False)
    else:
        assert document.encode() in bytes(prepared.tokens)


@pytest.mark.parametrize("form", [TEMPLATE, PLAIN])
def test_query_without_room_is_refused(form):
    with pytest.raises(InputError, match="the query is longer"):
        PairReader(Bytes(), form, 20).read("q" * 30, "document", truncate=True)
