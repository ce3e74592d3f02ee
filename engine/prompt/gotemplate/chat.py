"""Runs a template over a conversation, as Ollama does (spec 5.1, Execute). Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from engine.prompt.gotemplate.nodes import Action, Branch, Pipe, Statement, walk
from engine.prompt.gotemplate.parse import Tree
from engine.prompt.gotemplate.records import message_record, tool_list
from engine.prompt.gotemplate.template import Template, names_in
from engine.prompt.messages import Conversation, Message


def render_chat(template: Template, conversation: Conversation) -> str:
    """The prompt for a conversation. Raises TemplateError."""
    thinking = _thinking_values(conversation.think)
    if "messages" not in template.variables:
        return _render_turns(template, conversation.messages, thinking)
    messages = conversation.messages
    system = [message.content for message in messages if message.role == "system"]
    values = {
        "System": "\n\n".join(system),
        "Messages": [message_record(message) for message in _collate(messages)],
        "Tools": tool_list(conversation.tools),
        "Response": "",
        **thinking,
    }
    return template.render(values)


def render_fill_in(template: Template, prompt: str, suffix: str, think: bool | str | None) -> str:
    """A prompt for what stands between two texts. Raises TemplateError."""
    values = {"Prompt": prompt, "Suffix": suffix, "Response": "", **_thinking_values(think)}
    return template.render(values)


def _thinking_values(think: bool | str | None) -> dict[str, object]:
    level = think if isinstance(think, str) else "medium" if think else ""
    return {"Think": bool(think), "ThinkLevel": level, "IsThinkSet": think is not None}


def _collate(messages: tuple[Message, ...]) -> list[Message]:
    """Neighbours of the same role become one message; results of tools stay apart."""
    collated: list[Message] = []
    for message in messages:
        if collated and collated[-1].role == message.role != "tool":
            last = collated[-1]
            collated[-1] = replace(
                last,
                content=f"{last.content}\n\n{message.content}",
                images=last.images + message.images,
                tool_calls=last.tool_calls + message.tool_calls,
            )
        else:
            collated.append(message)
    return collated


# Templates from before there was .Messages: one rendering for each turn.


def _render_turns(
    template: Template, messages: tuple[Message, ...], thinking: Mapping[str, object]
) -> str:
    """All turns but the last in full; the last stops where the model is to go on."""
    *before, last = _turns(messages)
    open_ended = Template(template.source, _cut_at_response(template.tree))
    rendered = [template.render({**turn, **thinking}) for turn in before]
    return "".join((*rendered, open_ended.render({**last, **thinking})))


def _turns(messages: tuple[Message, ...]) -> Iterator[dict[str, Any]]:
    turn = {"System": "", "Prompt": "", "Response": ""}
    for message in _collate(messages):
        match message.role:
            case "system":
                if turn["Prompt"] or turn["Response"]:
                    yield turn
                    turn = {"System": "", "Prompt": "", "Response": ""}
                turn = {**turn, "System": message.content}
            case "user":
                if turn["Response"]:
                    yield turn
                    turn = {"System": "", "Prompt": "", "Response": ""}
                turn = {**turn, "Prompt": message.content}
            case "assistant":
                turn = {**turn, "Response": message.content}
    yield turn


def _cut_at_response(tree: Tree) -> Tree:
    """The tree without what follows the first mention of .Response.

    The mention itself stays: it is empty, unless the conversation ends with the beginning of an
    answer that the model is to go on with.
    """
    body, _ = _cut(tree.body)
    return Tree(body, tree.templates)


def _cut(body: tuple[Statement, ...]) -> tuple[tuple[Statement, ...], bool]:
    kept: list[Statement] = []
    for statement in body:
        if isinstance(statement, Branch):
            branch, is_cut = _cut_branch(statement)
            kept.append(branch)
        else:
            kept.append(statement)
            is_cut = isinstance(statement, Action) and _mentions_response(statement.pipe)
        if is_cut:
            return tuple(kept), True
    return tuple(kept), False


def _cut_branch(branch: Branch) -> tuple[Branch, bool]:
    if _mentions_response(branch.pipe):
        return replace(branch, body=(), otherwise=()), True
    body, is_cut = _cut(branch.body)
    if is_cut:
        return replace(branch, body=body, otherwise=()), True
    otherwise, is_cut = _cut(branch.otherwise)
    return replace(branch, body=body, otherwise=otherwise), is_cut


def _mentions_response(pipe: Pipe) -> bool:
    return any("Response" in names_in(node) for node in walk(pipe))
