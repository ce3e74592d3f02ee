"""The Modelfile grammar, both ways."""

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from engine.library.errors import ModelfileError
from engine.library.modelfile import (
    COMMANDS,
    MAX_BYTES,
    MAX_LINES,
    Command,
    decode_modelfile,
    format_modelfile,
    parse_modelfile,
)

BAD_COMMAND = (
    'command must be one of "from", "license", "template", "system", "adapter", "draft", '
    '"renderer", "parser", "parameter", "message", or "requires"'
)
BAD_ROLE = 'message role must be one of "system", "user", or "assistant"'


def test_all_commands_are_read_in_any_case():
    text = """
# a comment, "quotes" and all
FROM  llama3:8b
from ./mmproj.gguf
\tAdapter ./a.gguf
PARAMETER temperature 0.7
parameter   stop   <|end|> x
SYSTEM You are # not a comment
TEMPLATE \"\"\"{{ .Prompt }}
FROM inside
\"\"\"
LICENSE "
MIT
"
MESSAGE user Why is the sky "blue"?
MESSAGE assistant \"\"\"Because.\"\"\"
RENDERER qwen3
PARSER qwen3
DRAFT ./d.gguf
REQUIRES 0.14.0"""
    assert parse_modelfile(text) == [
        Command("from", "llama3:8b"),
        Command("from", "./mmproj.gguf"),
        Command("adapter", "./a.gguf"),
        Command("parameter", "0.7", "temperature"),
        Command("parameter", "<|end|> x", "stop"),
        Command("system", "You are # not a comment"),
        Command("template", "{{ .Prompt }}\nFROM inside\n"),
        Command("license", "\nMIT\n"),
        Command("message", 'Why is the sky "blue"?', "user"),
        Command("message", "Because.", "assistant"),
        Command("renderer", "qwen3"),
        Command("parser", "qwen3"),
        Command("draft", "./d.gguf"),
        Command("requires", "0.14.0"),
    ]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("x", "x"),
        ("  x y\t", "x y"),
        ("", ""),
        ('""', ""),
        ('"x"', "x"),
        ('" x "', " x "),
        ('"a"b"', 'a"b'),
        ('"""x"""', "x"),
        ('""""x""""', '"x"'),
        ('""""""', ""),
        ('"""a\nb"""', "a\nb"),
        ('"a\nb"', "a\nb"),
        ('"""\n"""', "\n"),
        ('"""a"" "\n"""', 'a"" "\n'),
        ('"""a""" b\nc"""', 'a""" b\nc'),
        ('"""a\n"""  ', "a\n"),
        ("'x'", "'x'"),
        ("a\\nb", "a\\nb"),
        ("a\u00a0b\u200dc\x07", "abc"),
        ("a\tb", "a\tb"),
        ("größe ✓", "größe ✓"),
    ],
)
def test_values(written, value):
    assert parse_modelfile(f"FROM x\nSYSTEM {written}")[1] == Command("system", value)
    assert parse_modelfile(f"FROM x\nSYSTEM {written}\nSYSTEM y") == [
        Command("from", "x"),
        Command("system", value),
        Command("system", "y"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no FROM line"),
        ("# FROM x\n", "no FROM line"),
        ("SYSTEM x\n", "no FROM line"),
        ("FROM x\nBADCOMMAND y", f"(line 2): {BAD_COMMAND}"),
        ("FROM x\r\nBADCOMMAND y", f"(line 3): {BAD_COMMAND}"),
        ("FROM x\n\n  BAD-COMMAND y", f"(line 3): {BAD_COMMAND}"),
        ("FROM x\nSYSTEM\n", f"(line 3): {BAD_COMMAND}"),
        ("1 x", f"(line 1): {BAD_COMMAND}"),
        ("FRÖM x", f"(line 1): {BAD_COMMAND}"),
        ('FROM x\nSYSTEM """\na\nb\n"""\nBAD y', f"(line 6): {BAD_COMMAND}"),
        ("FROM x\nMESSAGE badguy hi", f"(line 2): {BAD_ROLE}"),
        ("FROM x\nMESSAGE User hi", f"(line 2): {BAD_ROLE}"),
        ("FROM", "unexpected EOF"),
        ("FROM x\nPARAMETER temperature", "unexpected EOF"),
        ("FROM x\nPARAMETER temp-erature 1", "unexpected EOF: temp"),
        ("FROM x\nPARAMETER temperature\n", "unexpected EOF: temperature"),
        ("FROM x\nMESSAGE system", "unexpected EOF"),
        ("FROM x\nMESSAGE system\n", "unexpected EOF: system"),
        ('FROM x\nSYSTEM """open\nFROM y\n', "unexpected EOF"),
        ('FROM x\nSYSTEM "open', "unexpected EOF"),
        ('FROM x\nSYSTEM """""', "unexpected EOF"),
        ('FROM x\nSYSTEM "', "unexpected EOF"),
        ('FROM x\nSYSTEM "a" b', "unexpected EOF"),
    ],
)
def test_errors_name_line_and_reason(text, message):
    with pytest.raises(ModelfileError) as caught:
        parse_modelfile(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "encoded",
    [
        "FROM größe".encode(),
        b"\xef\xbb\xbf" + "FROM größe".encode(),
        b"\xff\xfe" + "FROM größe".encode("utf-16-le"),
        b"\xfe\xff" + "FROM größe".encode("utf-16-be"),
    ],
)
def test_byte_order_marks_are_obeyed(encoded):
    assert parse_modelfile(decode_modelfile(encoded)) == [Command("from", "größe")]


def test_a_mark_left_in_the_text_is_passed_over():
    assert parse_modelfile("\ufeffFROM x") == [Command("from", "x")]


def test_size_limits_are_exact():
    fits = "FROM x\n".ljust(MAX_BYTES, "#")
    assert len(parse_modelfile(decode_modelfile(fits.encode()))) == 1
    with pytest.raises(ModelfileError, match="larger than"):
        decode_modelfile(fits.encode() + b"#")
    with pytest.raises(ModelfileError, match="larger than"):
        parse_modelfile(fits + "#")
    lines = "FROM x" + "\n" * (MAX_LINES - 1)
    parse_modelfile(lines)
    with pytest.raises(ModelfileError, match="lines"):
        parse_modelfile(lines + "\n")


@given(st.text(alphabet='FROMfrom #"\n\r\tSYEM system"abc"user0_', max_size=200))
def test_any_text_gives_commands_or_a_modelfile_error(text):
    try:
        commands = parse_modelfile(text)
    except ModelfileError:
        return
    assert all(command.name in COMMANDS for command in commands)


def test_format_quotes_only_what_needs_it():
    commands = [
        Command("from", "/blobs/sha256-00"),
        Command("template", "{{ .Prompt }}"),
        Command("system", 'say "hi"\n'),
        Command("system", "two\nlines"),
        Command("parameter", " x", "stop"),
        Command("parameter", "<|eot_id|>", "stop"),
        Command("message", 'a "b"', "user"),
        Command("license", ""),
        Command("license", '"x"'),
    ]
    assert format_modelfile(commands) == (
        "FROM /blobs/sha256-00\n"
        "TEMPLATE {{ .Prompt }}\n"
        'SYSTEM """say "hi"\n"""\n'
        'SYSTEM "two\nlines"\n'
        'PARAMETER stop " x"\n'
        "PARAMETER stop <|eot_id|>\n"
        'MESSAGE user a "b"\n'
        'LICENSE ""\n'
        'LICENSE """"x""""\n'
    )


def is_expressible(text: str) -> bool:
    """The grammar has no way to write an unprintable character or a quote that ends a line."""
    printable = all(char.isprintable() or char in "\t\n\r" for char in text)
    inner_lines = text.replace("\r", "\n").split("\n")[:-1]
    return printable and not any(line.rstrip().endswith('"""') for line in inner_lines)


values = st.one_of(
    st.text(max_size=60),
    st.text(alphabet='ab" \t\n\r#{}', max_size=40),
)
commands = st.one_of(
    st.builds(Command, st.sampled_from(["from", "license", "template", "system"]), values),
    st.builds(Command, st.just("parameter"), values, st.from_regex(r"[a-z0-9_]+", fullmatch=True)),
    st.builds(Command, st.just("message"), values, st.sampled_from(["system", "user"])),
)


@given(st.lists(commands, max_size=8))
@example([Command("system", '"a\nb')])
@example([Command("system", 'a\nb"')])
@example([Command("system", "\r")])
def test_what_is_written_reads_back_the_same(written):
    assume(all(is_expressible(command.args) for command in written))
    written = [Command("from", "x"), *written]
    assert parse_modelfile(format_modelfile(written)) == written


def test_long_quoted_values_are_read_in_linear_time():
    text = 'FROM x\nLICENSE """' + ("word " * 20 + "\n") * 9_000 + '"""\n'
    assert len(parse_modelfile(text)[1].args) == 9_000 * 101
