"""Dropping whole messages until the conversation fits, and old thoughts."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.prompt.errors import TemplateError
from engine.prompt.history import IMAGE_TOKENS, strip_old_thinking, truncate_history
from engine.prompt.messages import Conversation, Message


@dataclass
class Lines:
    """A template of one line for each message, counted in letters."""

    user_first: bool = False
    rendered: list[str] = field(default_factory=list)

    def render(self, conversation: Conversation, /) -> str:
        spoken = [message for message in conversation.messages if message.role != "system"]
        if self.user_first and spoken[0].role != "user":
            raise TemplateError("a user must speak first")
        text = "".join(message.content for message in conversation.messages)
        self.rendered.append(text)
        return text


async def count_letters(text: str) -> int:
    return len(text)


def conversation(*contents: str) -> Conversation:
    """'S...' is a system message, 'A...' an assistant's, anything else a user's."""
    roles = {"S": "system", "A": "assistant"}
    return Conversation(tuple(Message(roles.get(text[0], "user"), text) for text in contents))


@pytest.mark.parametrize(
    ("num_ctx", "expected"),
    [
        (100, ["S1", "u1", "A1", "u2", "S2", "u3"]),
        (12, ["S1", "u1", "A1", "u2", "S2", "u3"]),
        (11, ["S1", "A1", "u2", "S2", "u3"]),
        (9, ["S1", "u2", "S2", "u3"]),
        (7, ["S1", "S2", "u3"]),
        (1, ["S1", "S2", "u3"]),
    ],
)
async def test_oldest_messages_go_first_and_system_and_last_stay(
    num_ctx: int, expected: list[str]
) -> None:
    talk = conversation("S1", "u1", "A1", "u2", "S2", "u3")
    fitted = await truncate_history(Lines(), talk, num_ctx, count_letters)
    assert [message.content for message in fitted.conversation.messages] == expected
    assert fitted.text == "".join(expected)
    assert fitted.dropped_messages == 6 - len(expected)
    assert fitted.dropped_tokens == 12 - len(fitted.text)


async def test_a_start_that_the_template_refuses_is_passed_over() -> None:
    talk = conversation("u1", "A1", "u2", "A2", "u3")
    fitted = await truncate_history(Lines(user_first=True), talk, 8, count_letters)
    assert [message.content for message in fitted.conversation.messages] == ["u2", "A2", "u3"]


async def test_a_template_that_refuses_everything_is_an_error() -> None:
    with pytest.raises(TemplateError):
        await truncate_history(Lines(user_first=True), conversation("A1"), 8, count_letters)


async def test_images_count() -> None:
    pictures = Conversation((Message("user", "a", images=(b"1",)), Message("user", "b")))
    fitted = await truncate_history(
        Lines(), pictures, IMAGE_TOKENS + 2, count_letters, image_tokens=IMAGE_TOKENS
    )
    assert fitted.conversation == pictures
    fitted = await truncate_history(
        Lines(), pictures, IMAGE_TOKENS + 1, count_letters, image_tokens=IMAGE_TOKENS
    )
    assert fitted.conversation.messages == pictures.messages[1:]


async def test_a_long_history_is_measured_a_few_times_only() -> None:
    template = Lines()
    talk = conversation(*(f"u{number:04}" for number in range(1000)))
    fitted = await truncate_history(template, talk, 502, count_letters)
    assert len(fitted.text) == 500
    assert len(template.rendered) < 14


@given(
    st.lists(st.sampled_from(["S", "SSSS", "u", "uuu", "A", "AAAAA"]), min_size=1),
    st.integers(0, 40),
)
async def test_bisection_finds_what_trying_one_by_one_finds(
    contents: list[str], num_ctx: int
) -> None:
    talk = conversation(*contents)
    last = len(contents) - 1
    candidates = [
        "".join([text for text in contents[:start] if text[0] == "S"] + contents[start:])
        for start in range(last + 1)
    ]
    expected = next((text for text in candidates if len(text) <= num_ctx), candidates[-1])
    fitted = await truncate_history(Lines(), talk, num_ctx, count_letters)
    assert fitted.text == expected
    assert "".join(message.content for message in fitted.conversation.messages) == expected


def test_thoughts_before_the_last_question_are_dropped() -> None:
    thought = "<think>\nhm\n</think>\n\nyes"
    talk = Conversation(
        (
            Message("user", "<think>mine</think>"),
            Message("assistant", thought),
            Message("assistant", "<think>never closed"),
            Message("user", "go on"),
            Message("assistant", thought),
        )
    )
    assert [message.content for message in strip_old_thinking(talk).messages] == [
        "<think>mine</think>",
        "yes",
        "<think>never closed",
        "go on",
        thought,
    ]
