"""Derives how calls are written from a rendering of two known ones. Pure."""

import json
import re
from dataclasses import dataclass

from engine.prompt.parsing.format import CallBody, CallFormat, split_tags
from engine.prompt.parsing.json_calls import JsonBody
from engine.prompt.parsing.literal_calls import GemmaBody, PythonBody
from engine.prompt.parsing.named_calls import NamedBody, Slot
from engine.prompt.parsing.tagged_calls import TaggedBody


@dataclass(frozen=True)
class Sample:
    """A call whose parts can be found again."""

    name: str
    id: str
    text_key: str
    text_value: str
    number_key: str
    number_value: int


# In alphabetic order: some templates sort arguments.
FIRST = Sample("ZqFirst", "Zqcall001", "ZqaText", "Zq-value-a", "ZqbNumber", 481516)
SECOND = Sample("ZqSecond", "Zqcall002", "ZqcText", "Zq-value-c", "ZqdNumber", 234257)

_NUMBERED = re.compile(r":[0-9]+(.*)", re.DOTALL)
OPEN_TAG = re.compile(r"[<\[][^<>\[\]\s]*$")
"""A tag that has not ended where the text does."""
CLOSES_TAG = re.compile(r"[>\]]")


@dataclass(frozen=True)
class _Found:
    """The body of the first call, and the texts around the calls."""

    body: CallBody
    before: str
    between: str | None
    """Between the calls; None when there is one only, or both are of one list."""
    after: str


def find_calls(text: str) -> CallFormat | None:
    """The format of the calls in a text that holds FIRST, and SECOND perhaps; None: unknown."""
    for derive in (_json, _named, _literal, _tagged):
        found = derive(text)
        if found is not None:
            return _format(found)
    return None


def _format(found: _Found) -> CallFormat:
    before, after = found.before, found.after.strip()
    if found.between is None:
        return CallFormat(found.body, split_tags(before), split_tags(after))
    opening = _common_end(before, found.between)
    section = before[: len(before) - len(opening)]
    closing = found.between[: len(found.between) - len(opening)].strip()
    if closing in (",", ";"):
        closing = ""
    section_closing = after.removeprefix(closing).strip()
    return CallFormat(
        found.body,
        split_tags(opening),
        split_tags(closing),
        split_tags(section),
        split_tags(section_closing) if section.strip() else (),
    )


def _common_end(before: str, between: str) -> str:
    """What both texts end with, from the start of a tag on."""
    common = before[len(before) - len(common_start(before[::-1], between[::-1])) :]
    if any(OPEN_TAG.search(text[: len(text) - len(common)]) for text in (before, between)):
        closed = CLOSES_TAG.search(common)
        common = common[closed.end() :] if closed else ""
    return common


def common_start(one: str, other: str) -> str:
    """What both texts start with."""
    pairs = enumerate(zip(one, other, strict=False))
    length = next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))
    return one[:length]


def _json(text: str) -> _Found | None:
    span = _json_around(text, FIRST.name, FIRST.text_value)
    if span is None:
        return None
    start, end = span
    body = _json_body(json.loads(text[start:end]), is_marked=bool(text[:start].strip()))
    if body is None:
        return None
    second = _json_around(text, SECOND.name, SECOND.text_value, end)
    if second is None:
        return _Found(body, text[:start], None, text[end:])
    return _Found(body, text[:start], text[end : second[0]], text[second[1] :])


def _json_around(text: str, name: str, value: str, start: int = 0) -> tuple[int, int] | None:
    """Where the outermost JSON value lies that holds both sentinels."""
    name_at, value_at = text.find(name, start), text.find(value, start)
    if name_at < 0 or value_at < 0:
        return None
    for match in re.compile(r"[\[{]").finditer(text, start, name_at):
        end = _json_end(text, match.start())
        if end is not None and end > max(name_at, value_at):
            return match.start(), end
    return None


def _json_end(text: str, start: int) -> int | None:
    try:
        return json.JSONDecoder().raw_decode(text, start)[1]
    except (ValueError, RecursionError):
        return None


def _json_body(value: object, *, is_marked: bool) -> JsonBody | None:
    is_list = isinstance(value, list)
    if isinstance(value, list):
        value = value[0] if value else None
    if not isinstance(value, dict):
        return None
    if FIRST.name in value:
        return JsonBody(name_key="", is_known_only=not is_marked, is_list=is_list)
    inner = value.get("function")
    call = inner if isinstance(inner, dict) else value
    keys = {key for key, item in call.items() if FIRST.text_value in str(item)}
    names = {key for key, item in call.items() if item == FIRST.name}
    if not (keys and names):
        return None
    ids = {key for key, item in {**value, **call}.items() if item == FIRST.id}
    arguments_key = min(keys)
    return JsonBody(
        name_key=min(names),
        arguments_key=arguments_key,
        id_key=min(ids, default=""),
        is_known_only=not is_marked,
        is_list=is_list,
        is_nested=call is inner,
        has_text_arguments=isinstance(call[arguments_key], str),
    )


def _named(text: str) -> _Found | None:
    first = _name_and_object(text, FIRST, 0)
    if first is None:
        return None
    name_at, start, end = first
    before, infix = text[:name_at], text[name_at + len(FIRST.name) : start]
    slots: tuple[Slot, ...]
    numbered = _NUMBERED.fullmatch(infix)
    if FIRST.id in before:
        before, _, id_end = before.partition(FIRST.id)
        slots = (Slot("id", id_end), Slot("name", infix))
    elif FIRST.id in infix:
        name_end, _, id_end = infix.partition(FIRST.id)
        slots = (Slot("name", name_end), Slot("id", id_end))
    elif numbered:
        before = before.removesuffix("functions.")
        slots = (Slot("name", numbered.group(1)),)
    else:
        slots = (Slot("name", infix),)
    body = NamedBody(slots, is_numbered=numbered is not None)
    second = _name_and_object(text, SECOND, end)
    if second is None:
        return _Found(body, before, None, text[end:])
    between = text[end : second[0]].partition(SECOND.id)[0]
    between = between.removesuffix("functions.") if numbered else between
    return _Found(body, before, between, text[second[2] :])


def _name_and_object(text: str, sample: Sample, start: int) -> tuple[int, int, int] | None:
    """Where the name starts, and the JSON object with the arguments behind it."""
    name_at = text.find(sample.name, start)
    opening = text.find("{", name_at)
    if name_at < 0 or opening < 0:
        return None
    end = _json_end(text, opening)
    if end is None or sample.text_value not in text[opening:end]:
        return None
    return name_at, opening, end


def _literal(text: str) -> _Found | None:
    name_at = text.find(FIRST.name)
    after_name = text[name_at + len(FIRST.name) :]
    key_at, value_at = after_name.find(FIRST.text_key), after_name.find(FIRST.text_value)
    if min(name_at, key_at, value_at) < 0:
        return None
    quote = after_name[key_at + len(FIRST.text_key) : value_at]
    if after_name.startswith("("):
        before = text[:name_at].rstrip().removesuffix("[")
        end = text.rfind(")")
        return _Found(PythonBody(), before, None, text[end + 1 :].lstrip().removeprefix("]"))
    if not (after_name.startswith("{") and quote.startswith(":") and len(quote) > 1):
        return None
    end = text.find("}", name_at) + 1
    second_at = text.find(SECOND.name, end)
    between = text[end:second_at] if second_at > 0 else None
    after = text[text.rfind("}") + 1 :]
    return _Found(GemmaBody(quote[1:]), text[:name_at], between, after)


def _tagged(text: str) -> _Found | None:
    parts = _cut(text, FIRST)
    if parts is None:
        return None
    before, name_infix, key_infix, value_infix, other_infix, after = parts
    key_opening = _common_end(name_infix, value_infix)
    name_end, head_end = name_infix[: len(name_infix) - len(key_opening)].strip(), ""
    value_end = value_infix[: len(value_infix) - len(key_opening)].strip()
    key_end, attribute, attribute_end = _attribute(key_infix, other_infix)
    second = _cut(after, SECOND)
    if second is not None and second[1] != name_infix:
        shared = common_start(name_infix, second[1])
        name_end, head_end = shared, name_end[len(shared) + 1 :]
    if not (key_opening.strip() and value_end and key_end.strip()):
        return None
    body = TaggedBody(
        key_opening.strip(),
        key_end.strip(),
        value_end.replace(FIRST.text_key, "\0"),
        name_end,
        head_end,
        attribute_end,
        attribute,
    )
    last_end = value_end.replace(FIRST.text_key, FIRST.number_key)
    if second is None:
        return _Found(body, before, None, _behind(after, last_end))
    tail = _behind(second[5], value_end.replace(FIRST.text_key, SECOND.number_key))
    return _Found(body, before, _behind(second[0], last_end), tail)


def _cut(text: str, sample: Sample) -> list[str] | None:
    """The texts before, between and after the parts of a call."""
    number = str(sample.number_value)
    pieces: list[str] = []
    for part in (sample.name, sample.text_key, sample.text_value, sample.number_key, number):
        # A tag that repeats the key stands between its value and the next key.
        piece, found, text = text.partition(part)
        if not found:
            return None
        pieces.append(piece)
    before, name_infix, key_infix, value_infix, other_infix = pieces
    return [before, name_infix, key_infix, value_infix, other_infix, text]


def _attribute(text_infix: str, number_infix: str) -> tuple[str, str, str]:
    """What ends a key; and if an attribute follows that tells the type: text's, and its end."""
    if text_infix == number_infix:
        return text_infix, "", ""
    start = len(common_start(text_infix, number_infix))
    end = len(common_start(text_infix[::-1], number_infix[::-1]))
    stop = len(text_infix) - end
    while stop < len(text_infix) and text_infix[stop].isalnum():
        stop += 1
    return text_infix[:start], text_infix[start:stop], text_infix[stop:]


def _behind(text: str, closing: str) -> str:
    return text.lstrip().removeprefix(closing)
