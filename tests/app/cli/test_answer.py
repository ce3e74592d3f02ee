import pytest

from api.client.shapes import GenerateReply
from app.cli.answer import AnswerPrinter, AnswerStyle, print_summary


def show(capsys: pytest.CaptureFixture[str], style: AnswerStyle, *pieces: tuple[str, str]) -> str:
    printer = AnswerPrinter(style)
    for thinking, content in pieces:
        printer.write(content=content, thinking=thinking)
    printer.finish()
    assert printer.thinking == "".join(thinking for thinking, _ in pieces)
    assert printer.content == "".join(content for _, content in pieces)
    return capsys.readouterr().out


def test_thinking_is_set_apart_from_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    out = show(capsys, AnswerStyle(), ("so", ""), (" then", ""), ("", "An"), ("", "swer"))
    assert out == "Thinking...\nso then\n...done thinking.\n\nAnswer\n\n"


def test_thinking_that_ends_its_line_gets_no_second_one(capsys: pytest.CaptureFixture[str]) -> None:
    out = show(capsys, AnswerStyle(), ("so\n", "Answer"))
    assert out == "Thinking...\nso\n...done thinking.\n\nAnswer\n\n"


def test_an_answer_cut_short_while_thinking_is_ended(capsys: pytest.CaptureFixture[str]) -> None:
    assert show(capsys, AnswerStyle(), ("so", "")) == "Thinking...\nso\n...done thinking.\n\n\n\n"


def test_hidden_thinking_is_remembered_but_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert show(capsys, AnswerStyle(hide_thinking=True), ("so", ""), ("", "A")) == "A\n\n"


def test_nothing_is_wrapped_off_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    text = "word " * 100
    assert show(capsys, AnswerStyle(), ("", text)) == f"{text}\n\n"


def test_the_summary_lines_up(capsys: pytest.CaptureFixture[str]) -> None:
    reply = GenerateReply(
        total_duration=1_234_567_890,
        load_duration=4_000_000,
        prompt_eval_count=18,
        prompt_eval_duration=500_000_000,
        eval_count=60,
        eval_duration=2_000_000_000,
    )
    print_summary(reply)
    assert capsys.readouterr().err == (
        "total duration:       1.23456789s\n"
        "load duration:        4ms\n"
        "prompt eval count:    18 token(s)\n"
        "prompt eval duration: 500ms\n"
        "prompt eval rate:     36.00 tokens/s\n"
        "eval count:           60 token(s)\n"
        "eval duration:        2s\n"
        "eval rate:            30.00 tokens/s\n"
    )


def test_what_is_zero_is_left_out_of_the_summary(capsys: pytest.CaptureFixture[str]) -> None:
    print_summary(GenerateReply(eval_count=3))
    assert capsys.readouterr().err == "eval count:           3 token(s)\n"
