"""Whatever the model would like to say, the output belongs to the language."""

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.frames import Constraint
from tests.engine.runner.constraint.random_model import write
from tests.engine.runner.constraint.schemas import is_valid, schemas

QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SEEDS = st.integers(0, 2**31)


def of_schema(schema, **settings):
    return Constraint("json_schema", json.dumps(schema), **settings)


@QUICK
@given(schema=schemas(), seed=SEEDS)
def test_documents_fit_their_schema(compiler, vocabulary, schema, seed):
    output = write(compiler.compile(of_schema(schema)), vocabulary, seed)
    assert output.ended
    assert is_valid(json.loads(output.text), schema), (output.text, schema)
    assert "\n" not in output.text


@QUICK
@given(schema=schemas(), seed=SEEDS)
def test_forced_tokens_are_what_the_masks_would_have_left(compiler, vocabulary, schema, seed):
    fast = write(compiler.compile(of_schema(schema)), vocabulary, seed)
    slow = write(
        compiler.compile(of_schema(schema)), vocabulary, seed, fast_forward=False, ahead=False
    )
    assert fast.tokens == slow.tokens
    assert fast.num_sampled <= slow.num_sampled


def test_forced_tokens_save_steps(compiler, vocabulary):
    schema = {
        "type": "object",
        "properties": {"temperature_in_celsius": {"type": "boolean"}},
        "required": ["temperature_in_celsius"],
        "additionalProperties": False,
    }
    output = write(compiler.compile(of_schema(schema)), vocabulary, 1)
    assert output.text in (f'{{"temperature_in_celsius": {word}}}' for word in ("true", "false"))
    assert output.num_sampled <= 3 < len(output.tokens)


@pytest.mark.parametrize("seed", range(5))
def test_json_is_an_object(compiler, vocabulary, seed):
    # A random model would go on for ever: let it like the quote and the closing brace.
    close = {vocabulary.tokenize(t, add_special=False, parse_special=False)[-1]: 4 for t in '"}]'}
    output = write(compiler.compile(Constraint("json")), vocabulary, seed, favour=close)
    assert output.ended
    assert isinstance(json.loads(output.text), dict)


@pytest.mark.parametrize(
    ("constraint", "pattern"),
    [
        (Constraint("regex", r"[a-c]{3,9}-\d{2}"), r"[a-c]{3,9}-\d{2}"),
        (Constraint("lark", 'start: "x" n ("," n){2,4}\nn: /[0-9]{1,3}/'), r"x\d+(,\d+){2,4}"),
        (Constraint("gbnf", 'root ::= "yes" | "no" [!?]{1,3}'), r"yes|no[!?]{1,3}"),
        (Constraint("regex", "äöü😀{2}"), "äöü😀{2}"),
    ],
)
def test_grammars_of_every_kind(compiler, vocabulary, constraint, pattern):
    texts = {write(compiler.compile(constraint), vocabulary, seed).text for seed in range(10)}
    assert all(re.fullmatch(pattern, text) for text in texts), texts


def test_a_model_may_end_where_the_text_is_whole_and_only_there(compiler, vocabulary):
    favour = dict.fromkeys(vocabulary.end_tokens, 1000.0)
    output = write(compiler.compile(Constraint("regex", "(abc)+")), vocabulary, 3, favour=favour)
    assert re.fullmatch("(abc){1,5}", output.text)
    assert output.ended


@pytest.mark.parametrize("kind", ["integer", "number"])
@pytest.mark.parametrize("seed", range(5))
def test_numbers_end(compiler, vocabulary, kind, seed):
    digits = {
        vocabulary.tokenize(str(n), add_special=False, parse_special=False)[-1]: 1000.0
        for n in range(10)
    }
    schema = {"type": "object", "properties": {"n": {"type": kind}}, "required": ["n"]}
    schema["additionalProperties"] = False
    output = write(compiler.compile(of_schema(schema)), vocabulary, seed, favour=digits)
    assert output.ended
    assert len(output.text) < 200
    assert is_valid(json.loads(output.text), schema)


def test_forbidden_tokens_come_back_where_nothing_else_fits(compiler, vocabulary):
    favour = dict.fromkeys(range(vocabulary.size), float("-inf"))
    constraint = compiler.compile(Constraint("regex", "yes|no"))
    assert write(constraint, vocabulary, 1, favour=favour).text in ("yes", "no")


# --- thinking ------------------------------------------------------------------------------------


@QUICK
@given(seed=SEEDS, opening=st.sampled_from(["", "<think>"]), boost=st.floats(0, 6))
def test_the_constraint_starts_where_thinking_ends(compiler, vocabulary, seed, opening, boost):
    closing = vocabulary.tokenize("</think>", add_special=False, parse_special=True)
    constraint = compiler.compile(
        Constraint("regex", "[a-d]{3,5}", after="</think>", opening=opening)
    )
    favour = dict.fromkeys(closing, boost)
    output = write(constraint, vocabulary, seed, favour=favour, max_tokens=3000)
    if not output.ended:  # it thought until its limit
        assert "</think>" not in output.text
        return
    assert output.text.startswith(opening)
    _, tag, content = output.text.partition("</think>")
    assert tag
    assert re.fullmatch(r"\s*[a-d]{3,5}", content), output.text


def test_who_wants_to_end_while_thinking_must_answer_first(compiler, vocabulary):
    constraint = compiler.compile(Constraint("regex", "yes|no", after="</think>"))
    favour = dict.fromkeys(vocabulary.end_tokens, 1000.0)
    output = write(constraint, vocabulary, 5, favour=favour)
    assert output.text in ("</think>yes", "</think>no")


@pytest.mark.parametrize("within", [1, 2, 7])
def test_thinking_is_cut_where_it_would_leave_no_room(compiler, vocabulary, within):
    constraint = compiler.compile(
        Constraint("regex", "yes|no", after="</think>", opening="<think>", within=within)
    )
    output = write(constraint, vocabulary, 5)
    assert output.text.startswith("<think>")
    assert re.fullmatch("</think>(yes|no)", output.text[output.text.index("</think>") :])
    tag = vocabulary.tokenize("</think>", add_special=False, parse_special=True)
    assert output.tokens.index(tag[0]) == within


def test_a_tag_made_of_text_ends_at_the_border_of_a_token(compiler, vocabulary):
    # "<|e|" is no token: every token with a ">" in it may complete it, some with more behind.
    tag = ">>:"
    more = [
        token
        for token in range(vocabulary.size)
        if b":" in vocabulary.piece(token, special=True) and not vocabulary.is_control(token)
    ]
    favour = dict.fromkeys(more, 6.0)
    favour |= dict.fromkeys(vocabulary.tokenize(">", add_special=False, parse_special=False), 7.0)
    ended = 0
    for seed in range(30):
        constraint = compiler.compile(Constraint("regex", "[a-d]{3}", after=tag))
        output = write(constraint, vocabulary, seed, favour=favour, max_tokens=500)
        if output.ended:
            ended += 1
            assert re.fullmatch(r"\s*[a-d]{3}", output.text.partition(tag)[2]), output.text
    assert ended > 20


def test_a_mask_thread_that_comes_late_does_no_harm(compiler, vocabulary):
    schema = {"type": "array", "items": {"type": "string", "maxLength": 9}, "maxItems": 9}
    constraints = [compiler.compile(of_schema(schema)) for _ in range(40)]
    # All masks are asked for at once: most are computed here before their turn comes there.
    for constraint in constraints:
        for _ in range(50):
            constraint.start_mask()
    outputs = [write(constraint, vocabulary, 7) for constraint in constraints]
    assert len({output.text for output in outputs}) == 1
    assert is_valid(
        json.loads(outputs[0].text),
        schema | {"minItems": 0, "items": {"type": "string", "minLength": 0, "maxLength": 9}},
    )
