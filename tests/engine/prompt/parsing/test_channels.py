import pytest

from engine.prompt.messages import ToolCall
from engine.prompt.parsing.channels import identifier
from engine.prompt.parsing.events import CallCompleted
from engine.prompt.parsing.known import HARMONY
from engine.prompt.parsing.parser import FormatParser


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("get_weather", "get_weather"),
        ("get-weather v1.2", "get_weather_v1_2"),
        ("browser.search", "browser.search"),
        ("3d", "_3d"),
        ("!?", "unnamed"),
    ],
)
def test_tools_are_shown_as_identifiers(name: str, shown: str):
    assert identifier(name) == shown


def test_calls_come_back_under_the_names_of_the_tools():
    tools = [{"function": {"name": name}} for name in ("a.b", "a-b")]
    for shown, name in (("functions.a_b", "a.b"), ("functions.a_b_2", "a-b")):
        parser = FormatParser(HARMONY, tools)
        text = f"<|channel|>commentary to={shown} <|constrain|>json<|message|>{{}}"
        events = [*parser.feed(text), *parser.finish()]
        calls = [event.call for event in events if isinstance(event, CallCompleted)]
        assert calls == [ToolCall(name, {})]


def test_parser_knows_whether_it_is_in_the_thoughts():
    parser = FormatParser(HARMONY)
    parser.feed("<|channel|>analysis<|message|>Hm.")
    assert parser.is_thinking
    parser.feed("<|end|><|start|>assistant<|channel|>final<|message|>Yes.")
    assert not parser.is_thinking
