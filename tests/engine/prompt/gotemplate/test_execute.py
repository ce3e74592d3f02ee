"""What templates write: actions, control structures, variables, limits."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.prompt.errors import TemplateError
from engine.prompt.gotemplate.execute import MAX_DEPTH, MAX_STEPS
from engine.prompt.gotemplate.template import parse
from engine.prompt.gotemplate.values import MAX_TEXT_CHARS

DATA: dict[str, Any] = {
    "One": 1,
    "Zero": 0,
    "Text": "abc",
    "Empty": "",
    "Yes": True,
    "Null": None,
    "List": [3, 1, 2],
    "None": [],
    "Map": {"b": 2, "a": 1, "c": {"d": "deep"}},
    "Response": "",
}


def render(source: str, **more: object) -> str:
    return parse(source).render({**DATA, **more})


@given(st.text().filter(lambda text: "{{" not in text and not text.endswith("{")))
def test_text_without_actions_is_itself(text: str) -> None:
    assert render(text) == text


SPACE = st.text(alphabet=" \t\r\n")
WORDS = st.text(alphabet="ab}-/*. ")


@given(WORDS, SPACE, SPACE, WORDS)
def test_trim_markers_eat_all_space_on_their_side(a: str, left: str, right: str, b: str) -> None:
    blank = " \t\r\n"
    assert (
        render(f"{a}{left}{{{{- .Text }}}}{right}{b}") == f"{(a + left).rstrip(blank)}abc{right}{b}"
    )
    assert (
        render(f"{a}{left}{{{{ .Text -}}}}{right}{b}") == f"{a}{left}abc{(right + b).lstrip(blank)}"
    )
    assert render(f"{a}{left}{{{{- /* c */ -}}}}{right}{b}") == (a + left).rstrip(blank) + (
        right + b
    ).lstrip(blank)


@given(st.lists(st.integers()), st.text())
def test_range_and_join_by_hand(items: list[int], separator: str) -> None:
    source = "{{ range $i, $e := .L }}{{ if $i }}{{ $.S }}{{ end }}{{ $e }}{{ end }}"
    assert render(source, L=items, S=separator) == separator.join(map(str, items))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        # values
        (
            "{{ .One }} {{ .Text }} {{ .Yes }} {{ .List }} {{ .Map }}",
            "1 abc true [3 1 2] map[a:1 b:2 c:map[d:deep]]",
        ),
        ("[{{ .Missing }}][{{ .Missing.Field }}][{{ .Null }}]", "[][][<no value>]"),
        ('{{ .Map.c.d }} {{ (index .Map "c").d }} {{ $.Map.a }}', "deep deep 1"),
        (
            "{{ 1 }} {{ -2 }} {{ 1.50 }} {{ 1e21 }} {{ 1e-7 }} {{ 0x1F }} {{ 1_000 }} "
            "{{ 'a' }} {{ 010 }}",
            "1 -2 1.5 1e+21 1e-07 31 1000 97 8",
        ),
        (r'{{ "a\tb\"\u00e9\x41\101" }}{{ `r\n` }}', 'a\tb"éAAr\\n'),
        ("{{ true }} {{ false }}", "true false"),
        ("{{/* nothing */}}{{- /* nothing */ -}}", ""),
        ("{{\n.One\n}}", "1"),
        ("{{3}}{{- 3}}", "33"),
        ("a {{-3}}", "a -3"),
        ("}} }", "}} }"),
        # if
        ("{{ if .One }}a{{ else }}b{{ end }}", "a"),
        ("{{ if .Zero }}a{{ else if .Text }}b{{ else }}c{{ end }}", "b"),
        ("{{ if .Zero }}a{{ else if .Empty }}b{{ else }}c{{ end }}", "c"),
        ("{{ if .None }}a{{ end }}{{ if .Missing }}b{{ end }}{{ if .Null }}c{{ end }}", ""),
        # with
        ("{{ with .Map.c }}{{ .d }}{{ $.One }}{{ end }}", "deep1"),
        ("{{ with $x := .One }}{{ $x }}{{ . }}{{ end }}", "11"),
        ("{{ with .Zero }}a{{ else with .One }}{{ . }}{{ end }}", "1"),
        ("{{ with .Zero }}a{{ else }}{{ .Text }}{{ end }}", "abc"),
        # range
        ("{{ range .List }}{{ . }},{{ end }}", "3,1,2,"),
        ("{{ range $e := .List }}{{ $e }}{{ end }}", "312"),
        ("{{ range $k, $v := .Map }}{{ $k }}={{ $v }} {{ end }}", "a=1 b=2 c=map[d:deep] "),
        ("{{ range .None }}a{{ else }}none{{ .One }}{{ end }}", "none1"),
        ("{{ range .Missing }}a{{ else }}none{{ end }}{{ range .Null }}{{ end }}", "none"),
        ("{{ range 3 }}{{ . }}{{ end }}{{ range $i := 2 }}{{ $i }}{{ end }}", "01201"),
        ("{{ range 0 }}a{{ else }}none{{ end }}", "none"),
        ("{{ range .List }}{{ if eq . 1 }}{{ continue }}{{ end }}{{ . }}{{ end }}", "32"),
        ("{{ range .List }}{{ if eq . 1 }}{{ break }}{{ end }}{{ . }}{{ else }}no{{ end }}", "3"),
        ("{{ range .List }}{{ range $.List }}{{ break }}{{ end }}{{ . }}{{ end }}", "312"),
        # variables
        ("{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ $x }}{{ end }}{{ $x }}", "21"),
        ("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ $x }}{{ end }}{{ $x }}", "22"),
        ("{{ $x := 0 }}{{ range .List }}{{ $x = . }}{{ end }}{{ $x }}", "2"),
        ("{{ $i := 9 }}{{ $e := 9 }}{{ range $i, $e = .List }}{{ end }}{{ $i }}{{ $e }}", "22"),
        ("{{ $x := .Map }}{{ $x.c.d }}{{ $ }}", "deepmap"),
        ("{{ range .List }}{{ $y := . }}{{ continue }}{{ end }}{{ $x := 1 }}{{ $x }}", "1"),
        # templates
        (
            '{{ define "t" }}<{{ . }}>{{ end }}{{ template "t" .One }}{{ template "t" "x" }}',
            "<1><x>",
        ),
        ('{{ template "t" . }}{{ define "t" }}{{ .Text }}{{ $.One }}{{ end }}', "abc1"),
        ('{{ block "b" .Text }}[{{ . }}]{{ end }}{{ template "b" 2 }}', "[abc][2]"),
        (
            '{{ define "t" }}{{ if . }}{{ . }}{{ template "t" slice . 1 }}{{ end }}{{ end }}'
            '{{ template "t" "abc" }}',
            "abcbcc",
        ),
        # pipelines
        ('{{ .List | len }}{{ .List | len | printf "%03d" }}', "3003"),
        ('{{ 2 | slice .Text 1 }}{{ .Text | eq "abc" }}', "btrue"),
        ('{{ printf "%s-%v" .Text (len (slice .List 1)) }}', "abc-2"),
        # and, or: the deciding argument is the value, the rest is not looked at
        ('{{ and 1 0 (index .List 9) }} {{ or 0 "x" (index .List 9) }}', "0 x"),
        ('{{ and 1 2 }} {{ or 0 "" }} {{ 0 | and 1 }} {{ 5 | or 0 }}', "2  0 5"),
    ],
)
def test_templates_write(source: str, expected: str) -> None:
    assert render(source).startswith(expected)
    if not expected.endswith("map"):
        assert render(source) == expected


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ .One.X }}", '1:3: executing "" at <.One.X>: can\'t evaluate field X in type int'),
        (
            "\n {{ .Text.X }}",
            '2:4: executing "" at <.Text.X>: can\'t evaluate field X in type string',
        ),
        ("{{ .One 2 }}", '1:3: executing "" at <.One>: can\'t give argument to non-function .One'),
        (
            "{{ 1 | .One }}",
            '1:7: executing "" at <.One>: can\'t give argument to non-function .One',
        ),
        ("{{ nil }}", '1:3: executing "" at <nil>: nil is not a command'),
        ("{{ len }}", '1:3: executing "" at <len>: wrong number of args for len: want 1 got 0'),
        (
            "{{ and }}",
            '1:3: executing "" at <and>: wrong number of args for and: want at least 1 got 0',
        ),
        ("{{ len 3 }}", '1:3: executing "" at <len>: error calling len: len of type int'),
        ('{{ template "t" }}', '1:3: executing "" at <template "t">: template "t" not defined'),
        (
            "{{ range .Text }}{{ end }}",
            '1:9: executing "" at <.Text>: range can\'t iterate over abc',
        ),
        (
            "{{ range true }}{{ end }}",
            '1:9: executing "" at <true>: range can\'t iterate over true',
        ),
        (
            "{{ range $a, $b := 3 }}{{ end }}",
            '1:9: executing "" at <$a, $b := 3>: '
            "can't use 3 to iterate over more than one variable",
        ),
    ],
)
def test_failures_say_where_and_what(source: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render(source)
    assert str(caught.value) == f"template: :{message}"


@pytest.mark.parametrize(
    "source",
    [
        f"{{{{ range {MAX_STEPS} }}}}{{{{ end }}}}",
        "{{ range 100000 }}{{ range 100000 }}{{ end }}{{ end }}",
        '{{ define "t" }}{{ template "t" }}{{ end }}{{ template "t" }}',
        '{{ define "t" }}{{ template "t" . }}{{ template "t" . }}{{ end }}{{ template "t" 1 }}',
        "{{ $x := `aaaaaaaa` }}{{ range 64 }}{{ $x = print $x $x }}{{ end }}",
        "{{ $x := `<<<<<<<<` }}{{ range 64 }}{{ $x = html $x $x }}{{ end }}",
        "{{ $x := `aaaaaaaa` }}{{ range 64 }}{{ $x = json (print $x $x) }}{{ end }}",
        '{{ printf "%1000000000d" 1 }}',
        '{{ printf "%*d" 1000000000 1 }}',
        '{{ printf "%.1000000000f" 1.5 }}',
        "{{ range 100000000 }}aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa{{ end }}",
        "{{ range 1000000 }}{{ len $.Big }}{{ end }}",
        "{{ range 1000000 }}{{ eq (json $.Big) `` }}{{ end }}",
    ],
)
def test_a_bomb_stops_soon(source: str) -> None:
    started = time.monotonic()
    with pytest.raises(TemplateError):
        render(source, Big="x" * 1_000_000)
    assert time.monotonic() - started < 20


def test_output_has_a_limit() -> None:
    half = "x" * (MAX_TEXT_CHARS // 2)
    assert len(render("{{ .H }}{{ .H }}", H=half)) == MAX_TEXT_CHARS
    with pytest.raises(TemplateError, match="output is longer than"):
        render("{{ .H }}{{ .H }}x", H=half)


def test_calls_have_a_limit() -> None:
    source = (
        '{{ define "t" }}{{ if . }}{{ template "t" slice . 1 }}{{ end }}{{ end }}'
        '{{ template "t" .T }}{{ range .Messages }}{{ end }}'
    )
    template = parse(source)
    deep = "x" * (MAX_DEPTH // 2 - 1)
    assert template.render({"T": deep}) == ""
    with pytest.raises(TemplateError, match="maximum template depth"):
        template.render({"T": deep + "x"})


def test_data_nested_too_deep_is_an_error() -> None:
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(TemplateError, match="nested too deep"):
        render("{{ json .N }}", N=nested)
