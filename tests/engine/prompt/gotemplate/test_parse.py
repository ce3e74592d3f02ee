"""From source to tree: what is accepted, what is refused and where."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.prompt.errors import TemplateError
from engine.prompt.gotemplate.lex import lex
from engine.prompt.gotemplate.parse import MAX_DEPTH
from engine.prompt.gotemplate.template import MAX_SOURCE_CHARS, parse

FRAGMENTS = st.sampled_from(
    [
        *("{{", "}}", "{{-", "-}}", "{{- ", " -}}", "/*", "*/", " ", "\n", "text", "(", ")", "|"),
        *("if", "else", "end", "range", "with", "define", "template", "block", "break", "continue"),
        *(
            ".",
            ".A",
            "$",
            "$x",
            ":=",
            "=",
            ",",
            "eq",
            "and",
            "printf",
            "len",
            "nil",
            "true",
            "nope",
        ),
        *('"a"', '"', "`r`", "`", "'c'", "'", "1", "-2", "1.5", "0x1f", "1e9", "\\", "é", "\x00"),
        *(
            "{{end}}",
            "{{if .A}}",
            "{{range $i, $e := .L}}",
            "{{ .A }}",
            "{{else}}",
            '{{define "t"}}',
        ),
    ]
)
SOURCES = st.lists(FRAGMENTS).map("".join) | st.text()


@given(SOURCES)
def test_any_text_either_parses_or_is_a_template_error(source: str) -> None:
    problem = ""
    try:
        parse(source).render({"A": "a", "L": [1, 2], "Response": ""})
    except TemplateError as error:
        problem = str(error)
    assert problem == "" or problem.startswith("template: :")


@given(SOURCES)
def test_tokens_stand_where_they_say(source: str) -> None:
    try:
        for token in lex(source):
            assert source.startswith(token.text, token.position)
    except TemplateError:
        pass


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{", "1:0: unclosed action"),
        ("a\n{{ .X", "2:0: unclosed action"),
        ("{{ /* c */ }}", '1:3: unexpected "/" in action'),
        ("{{/* c", "1:0: unclosed comment"),
        ("{{/* c */ x}}", "1:0: comment ends before closing delimiter"),
        ('{{ "a }}', "1:3: unterminated quoted string"),
        ('{{ "a\n" }}', "1:3: unterminated quoted string"),
        ("{{ `a }}", "1:3: unterminated raw quoted string"),
        ("{{ 'a }}", "1:3: unterminated character constant"),
        ("{{ 'ab' }}", "1:3: malformed character constant: 'ab'"),
        (r'{{ "\z" }}', r'1:3: invalid syntax: "\z"'),
        ("{{ 1x }}", '1:3: bad number syntax: "1x"'),
        ("{{ 08 }}", '1:3: bad number syntax: "08"'),
        ("{{ 99999999999999999999 }}", '1:3: bad number syntax: "99999999999999999999"'),
        ("{{ .X# }}", '1:3: bad character "#"'),
        ("{{ $x : 1 }}", "1:6: expected :="),
        ("{{}}", "1:2: missing value for command"),
        ("{{ if }}x{{end}}", "1:6: missing value for if"),
        ("{{ .X | }}", "1:3: missing value for command"),
        ("{{ | .X }}", '1:3: unexpected "|" in command'),
        ("{{ .X ) }}", '1:6: unexpected ")" in command'),
        ("{{ (.X }}", "1:3: unclosed left paren"),
        ("{{ nope }}", '1:3: function "nope" not defined'),
        ("{{ call .X }}", '1:3: function "call" not defined'),
        ("{{ $x }}", '1:3: undefined variable "$x"'),
        ("{{ if $x := 1 }}{{end}}{{ $x }}", '1:26: undefined variable "$x"'),
        ("{{ $x = 1 }}", '1:3: undefined variable "$x"'),
        ("{{ $x, $y := .L }}", "1:5: too many declarations in command"),
        ("{{ range $x, 1 := .L }}{{end}}", '1:13: unexpected "1" in range'),
        ("{{ range $x, $y .L }}{{end}}", '1:16: unexpected ".L" in range'),
        ("{{ 1 | 2 }}", "1:7: non executable command in pipeline stage 2"),
        ("{{ true.X }}", '1:7: unexpected . after term "true"'),
        ("{{ .X.Y(1) }}", '1:7: unexpected "(" in operand'),
        ("{{ if 1 }}", "1:10: unexpected EOF"),
        ("{{ end }}", "1:3: unexpected {{end}}"),
        ("{{ else }}", "1:3: unexpected {{else}}"),
        ("{{ if 1 }}{{ else }}{{ else }}{{ end }}", "1:27: expected end; found {{else}}"),
        ("{{ if 1 }}{{ else with 1 }}{{ end }}", "1:18: unexpected <with> in else"),
        ("{{ break }}", "1:3: {{break}} outside {{range}}"),
        ("{{ range .L }}{{ else }}{{ continue }}{{ end }}", "1:27: {{continue}} outside {{range}}"),
        ('{{ range .L }}{{ define "t" }}{{ end }}{{ end }}', "1:17: unexpected {{define}}"),
        ('{{ block "t" . }}{{ break }}{{ end }}', "1:20: {{break}} outside {{range}}"),
        ('{{ define "t" }}{{ else }}{{ end }}', "1:23: unexpected {{else}} in define clause"),
        ("{{ define t }}{{ end }}", "1:10: unexpected <t> in define clause"),
        ("{{ template .X }}", '1:12: unexpected ".X" in template clause'),
        ("{{ .X if }}", "1:6: unexpected <if> in operand"),
    ],
)
def test_mistakes_are_named_with_their_place(source: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        parse(source)
    assert str(caught.value) == f"template: :{message}"


@pytest.mark.parametrize(
    ("open_", "close"),
    [("{{if 1}}", "{{end}}"), ("{{range 1}}", "{{end}}"), ("{{with 1}}", "{{end}}")],
)
def test_nesting_has_a_limit(open_: str, close: str) -> None:
    deepest = parse(open_ * MAX_DEPTH + "x" + close * MAX_DEPTH)
    assert deepest.render({"Response": ""}) == "x"
    with pytest.raises(TemplateError, match="levels deep"):
        parse(open_ * (MAX_DEPTH + 1) + close * (MAX_DEPTH + 1))


def test_brackets_have_a_limit() -> None:
    assert parse("{{" + "(" * MAX_DEPTH + "1" + ")" * MAX_DEPTH + "}}").render({}) == "1"
    with pytest.raises(TemplateError, match="levels deep"):
        parse("{{" + "(" * 5000 + "1" + ")" * 5000 + "}}")


def test_a_source_may_be_long_but_not_too_long() -> None:
    assert len(parse("x" * MAX_SOURCE_CHARS).render({})) == MAX_SOURCE_CHARS
    with pytest.raises(TemplateError, match="longer than"):
        parse("x" * (MAX_SOURCE_CHARS + 1))


@pytest.mark.parametrize(
    "expression",
    [
        ".A.B",
        "$.A",
        'printf "%d" (len .L) | html',
        "(index .L 0).Name",
        "$x := and .A (not .B) nil 'c' `r` 1.5",
    ],
)
def test_expressions_are_shown_as_they_were_written(expression: str) -> None:
    assert str(parse("{{ " + expression + " }}").tree.body[0]) == expression
