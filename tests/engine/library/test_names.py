"""Model names: grammar, defaults, and that no name leaves its folder."""

from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.library.errors import InvalidNameError
from engine.library.names import ModelName


@pytest.mark.parametrize(
    ("text", "parts", "short"),
    [
        ("llama3", ("registry.ollama.ai", "library", "llama3", "latest"), "llama3:latest"),
        ("llama3:8b", ("registry.ollama.ai", "library", "llama3", "8b"), "llama3:8b"),
        ("me/Mine", ("registry.ollama.ai", "me", "Mine", "latest"), "me/Mine:latest"),
        (
            "hf.co/user/repo:Q4_K_M",
            ("hf.co", "user", "repo", "Q4_K_M"),
            "hf.co/user/repo:Q4_K_M",
        ),
        ("localhost:5000/a/b", ("localhost:5000", "a", "b", "latest"), "localhost:5000/a/b:latest"),
        ("https://h.x/n/m:t", ("h.x", "n", "m", "t"), "h.x/n/m:t"),
        ("http://h.x:1/n/m:t", ("h.x:1", "n", "m", "t"), "h.x:1/n/m:t"),
        ("h.x/library/m", ("h.x", "library", "m", "latest"), "h.x/library/m:latest"),
        (
            "Registry.Ollama.AI/Library/m",
            ("Registry.Ollama.AI", "Library", "m", "latest"),
            "m:latest",
        ),
        ("_a.b-c_1:v1.0", ("registry.ollama.ai", "library", "_a.b-c_1", "v1.0"), "_a.b-c_1:v1.0"),
    ],
)
def test_names_are_completed_and_shortened(text, parts, short):
    name = ModelName.parse(text)
    assert name.parts == parts
    assert name.short == short
    assert ModelName.parse(name.full) == name
    assert ModelName.parse(short).matches(name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ":",
        "a:",
        ":a",
        "/a",
        "a/",
        "a//b",
        "//a",
        "a/b/c/d",
        "http://",
        "a://b://c",
        "..",
        "../a",
        "a/..",
        "a:..",
        ".a",
        "-a",
        "a b",
        "a\n",
        "a\0b",
        "a\\b",
        "C:\\x",
        "modèle",
        "n.s/model",
        "a@sha256:" + "0" * 64,
        "h/n/m:t:u",
        "a" * 81,
        "n" * 81 + "/a",
        "h" * 351 + "/n/a",
        "a:" + "t" * 81,
        "a.",
        "con",
        "NUL",
        "aux.txt",
        "a:lpt1",
        "com3/a",
        "con:80/a/b",
    ],
)
def test_names_that_mean_no_file_everywhere_are_refused(text):
    with pytest.raises(InvalidNameError, match=r"^invalid model name$") as caught:
        ModelName.parse(text)
    assert caught.value.name == text


def test_longest_parts_are_accepted():
    text = f"{'h' * 350}/{'n' * 80}/{'m' * 80}:{'t' * 80}"
    assert ModelName.parse(text).full == text


def test_case_means_nothing_but_is_kept():
    mine, other = ModelName.parse("Me/Mine:Q4"), ModelName.parse("me/mine:q4")
    assert mine.matches(other)
    assert mine != other
    assert mine.full.endswith("Me/Mine:Q4")


pieces = st.sampled_from(
    ["..", ".", "/", "//", "\\", ":", "://", "a", "A", "con", "x.gguf", "\0", "\n", " ", "~", "%2e"]
)
hostile = st.lists(pieces, max_size=8).map("".join)


@given(st.one_of(st.text(max_size=40), hostile))
def test_no_name_leaves_its_four_folders(text):
    try:
        name = ModelName.parse(text)
    except InvalidNameError:
        return
    for flavour in (PurePosixPath, PureWindowsPath):
        root = flavour("/store/manifests")
        host = name.host.replace(":", "%3A")
        path = root / host / name.namespace / name.model / name.tag
        assert path.parts[: len(root.parts)] == root.parts
        assert len(path.parts) == len(root.parts) + 4
        assert ".." not in path.parts
    assert not any(part.endswith((".", " ")) for part in name.parts)


part = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,20}", fullmatch=True)


@given(part, part, part, part)
def test_full_form_parses_back(host, namespace, model, tag):
    try:
        name = ModelName(host, namespace, model, tag)
    except InvalidNameError:  # a device name
        return
    assert ModelName.parse(name.full) == name
    assert ModelName.parse(name.short).matches(name)
