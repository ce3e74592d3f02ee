"""Digests from hostile and honest texts."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.library.digests import Digest
from engine.library.errors import InvalidDigestError

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize("separator", [":", "-"])
def test_both_separators_and_cases_mean_the_same_digest(separator):
    digest = Digest.parse(f"sha256{separator}{HEX.upper()}")
    assert digest == Digest(HEX)
    assert str(digest) == f"sha256:{HEX}"
    assert digest.file_name == f"sha256-{HEX}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        HEX,
        f"sha256:{HEX}\n",
        f" sha256:{HEX}",
        f"sha256:{HEX[:-1]}",
        f"sha256:{HEX}0",
        f"sha512:{HEX}",
        f"SHA256:{HEX}",
        f"sha256/{HEX}",
        "sha256:../../../../etc/passwd",
        f"sha256:{HEX[:-1]}/",
        f"sha256:{HEX[:-1]}٣",
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(InvalidDigestError, match=r"^invalid digest format$"):
        Digest.parse(text)


@pytest.mark.parametrize("text", ["", "../x", HEX.upper(), HEX + "\n"])
def test_a_digest_cannot_be_made_around_the_parser(text):
    with pytest.raises(InvalidDigestError):
        Digest(text)


near_digests = st.builds(
    lambda head, tail: head + tail,
    st.sampled_from(["sha256:", "sha256-", "", "sha256:../"]),
    st.text(alphabet="0123456789abcdefABCDEFg/.\\\n\0", min_size=60, max_size=68),
)


@given(st.one_of(st.text(), near_digests))
def test_only_digests_parse_and_none_leaves_the_folder(text):
    expected = re.fullmatch(r"sha256[:-][0-9a-fA-F]{64}", text) is not None
    try:
        digest = Digest.parse(text)
    except InvalidDigestError:
        assert not expected
    else:
        assert expected
        blob = Path("/blobs") / digest.file_name
        assert blob.parent == Path("/blobs")
        assert re.fullmatch(r"sha256-[0-9a-f]{64}", blob.name)


def test_digest_of_bytes():
    assert Digest.of(b"").hex.startswith("e3b0c44298fc1c14")
