"""Go's way to print values."""

import pytest

from engine.library.gotext import human_number, literal, plain, quote


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("llama", '"llama"'),
        ('a"b\\', r'"a\"b\\"'),
        ("a\nb\t\x00", r'"a\nb\t\x00"'),
        ("größe ✓", '"größe ✓"'),
        ("\u200d", r'"\u200d"'),
        ("\U000e0001", r'"\U000e0001"'),
    ],
)
def test_text_is_quoted_as_go_does(text, quoted):
    assert quote(text) == quoted


def test_values_are_printed_as_go_does():
    assert [plain(v) for v in (True, 0.7, 1.0, 42, "a b", 1e-7)] == [
        "true",
        "0.7",
        "1",
        "42",
        "a b",
        "1e-07",
    ]
    assert literal("<|end|>") == '"<|end|>"'
    assert literal(False) == "false"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1K"),
        (999_499, "999K"),
        (1_000_000, "1M"),
        (5_772_544, "5.77M"),
        (134_515_008, "134.52M"),
        (1_000_000_000, "1B"),
        (8_030_261_248, "8.0B"),
        (70_553_706_496, "70.6B"),
    ],
)
def test_parameter_counts_are_short(count, text):
    assert human_number(count) == text
