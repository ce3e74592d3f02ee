"""Formats that a template does not show, named by marks in its source. Pure.

Each entry says why probing cannot learn it.
"""

from dataclasses import dataclass

from engine.prompt.parsing.format import CallFormat, Channels, OutputFormat, Tags
from engine.prompt.parsing.json_calls import JsonBody
from engine.prompt.parsing.literal_calls import PythonBody
from engine.prompt.parsing.named_calls import NamedBody, Slot
from engine.prompt.parsing.tagged_calls import TaggedBody

HARMONY = OutputFormat(
    channels=Channels("<|start|>", "<|message|>", ("<|end|>", "<|call|>", "<|return|>"), "harmony"),
)
_ATEM_CALLS = CallFormat(
    TaggedBody('<atem:parameter name="', '">', "</atem:parameter>", name_end='">'),
    opening=('<atem:invoke name="',),
    closing=("</atem:invoke>",),
    section_opening=("<atem:function_calls>",),
    section_closing=("</atem:function_calls>",),
)
GLIMMER = OutputFormat(
    channels=Channels("<|start|>", "<|message|>", ("<|eom|>", "<|eot|>"), "recipient", _ATEM_CALLS)
)
FUNCTIONARY = OutputFormat(channels=Channels(">>>", "\n", (), "function"))
KIMI_K3 = OutputFormat(
    thinking=("<|open|>think<|sep|>", "<|close|>think<|sep|>"),
    wrappers=(
        "<|open|>response<|sep|>",
        "<|close|>response<|sep|>",
        "<|close|>message<|sep|>",
        "<|end_of_msg|>",
    ),
    calls=(
        CallFormat(
            TaggedBody(
                '<|open|>argument key="',
                '" type="',
                "<|close|>argument<|sep|>",
                name_end='"',
                head_end="<|sep|>",
                attribute_end='"<|sep|>',
                text_attribute="string",
            ),
            opening=('<|open|>call tool="',),
            closing=("<|close|>call<|sep|>",),
            section_opening=("<|open|>tools<|sep|>",),
            section_closing=("<|close|>tools<|sep|>",),
        ),
    ),
)

LLAMA_PYTHON_TAG = (
    CallFormat(JsonBody(arguments_key="parameters"), opening=("<|python_tag|>",)),
    CallFormat(PythonBody(is_known_only=True), opening=("<|python_tag|>",)),
)
"""Beside what the template shows: Llama 3 marks calls of its built-in tools only."""

UNKNOWN_CALLS = (
    CallFormat(JsonBody(), ("<tool_call>",), ("</tool_call>",)),
    CallFormat(JsonBody(is_known_only=True)),
)
"""For templates that offer tools and tell nothing of calls: the ways most models fall back on."""


@dataclass(frozen=True)
class Entry:
    """A format, and the texts that a template of that format holds."""

    marks: Tags
    """All of them stand in the template's source."""
    value: OutputFormat


WHOLE = (
    # Whether a message is a call is told by its header, not by what surrounds the call.
    Entry(("<|channel|>", "<|message|>"), HARMONY),
    Entry(("<atem:function_calls>", "<|message|>"), GLIMMER),
    Entry((">>>all",), FUNCTIONARY),
    # The tags around thoughts and content are built of three tokens each.
    Entry(("<|open|>", "<|close|>", "<|end_of_msg|>"), KIMI_K3),
)
"""Formats known as a whole."""


def _tagged_json(opening: str, closing: str) -> OutputFormat:
    return OutputFormat(calls=(CallFormat(JsonBody(), (opening,), (closing,) if closing else ()),))


_QWEN_CODER = OutputFormat(
    calls=(
        CallFormat(
            TaggedBody("<parameter=", ">", "</parameter>", name_end=">"),
            ("<tool_call>", "<function="),
            ("</function>", "</tool_call>"),
        ),
    )
)
_DEEPSEEK_R1 = OutputFormat(
    calls=(
        CallFormat(
            NamedBody((Slot("name", "\n```json\n"),)),
            ("<\uff5ctool\u2581call\u2581begin\uff5c>function<\uff5ctool\u2581sep\uff5c>",),
            ("```<\uff5ctool\u2581call\u2581end\uff5c>",),
            ("<\uff5ctool\u2581calls\u2581begin\uff5c>",),
            ("<\uff5ctool\u2581calls\u2581end\uff5c>",),
        ),
    )
)
_LFM2 = OutputFormat(
    calls=(
        CallFormat(PythonBody(), ("<|tool_call_start|>",), ("<|tool_call_end|>",)),
        CallFormat(PythonBody(is_known_only=True)),
    )
)

CALLS = (
    # These tell the model how to write calls, but leave its own out of later prompts.
    Entry(("<function=", "<parameter="), _QWEN_CODER),
    Entry(("<|tool_call_start|>",), _LFM2),
    Entry(("<|tool_list_start|>",), _LFM2),
    Entry(("List of tools: [",), _LFM2),
    Entry(("<\uff5ctool\u2581calls\u2581begin\uff5c>",), _DEEPSEEK_R1),
    Entry(("<TOOLCALL>",), _tagged_json("<TOOLCALL>", "</TOOLCALL>")),
    Entry(("<|tool_call|>",), _tagged_json("<|tool_call|>", "")),
    Entry(("<tool_call>",), _tagged_json("<tool_call>", "</tool_call>")),
    Entry(("<tools_call>",), _tagged_json("<tools_call>", "</tools_call>")),
    Entry(("[TOOL_CALLS]",), _tagged_json("[TOOL_CALLS]", "")),
    Entry(("functools[",), _tagged_json("functools", "")),
    Entry(("Action:", "```json"), _tagged_json("Action: ```json", "```")),
)
"""Formats of calls only, for templates where probing found none."""

THINKING: tuple[tuple[str, tuple[str, str]], ...] = (
    # The model thinks, but its thoughts have no place in later prompts.
    ("[BEGIN FINAL RESPONSE]", ("", "[BEGIN FINAL RESPONSE]")),
    ("</think>", ("<think>", "</think>")),
    ("[/THINK]", ("[THINK]", "[/THINK]")),
    ("<|END_THINKING|>", ("<|START_THINKING|>", "<|END_THINKING|>")),
    ("<|inner_prefix|>", ("<|inner_prefix|>", "<|inner_suffix|>")),
    ("<seed:think>", ("<seed:think>", "</seed:think>")),
    ("<|channel>thought", ("<|channel>thought", "<channel|>")),
    ("<|think|>", ("<|think|>", "<|end|>")),
)
"""Tags of thoughts by a mark in the source, for templates where probing found none."""


WRAPPERS: tuple[tuple[str, Tags], ...] = (
    # Every part of an answer is a message of its own.
    ("<|begin|>assistant<|content|>", ("<|begin|>assistant", "<|content|>", "<|end|>")),
)
"""Tags around content by a mark in the source, that a look at the content alone does not find."""


def find_known(entries: tuple[Entry, ...], source: str) -> OutputFormat | None:
    """The first entry whose marks all stand in the source."""
    for entry in entries:
        if all(mark in source for mark in entry.marks):
            return entry.value
    return None


def find_known_wrappers(source: str) -> Tags:
    """Tags around content by the marks in a template's source."""
    return next((tags for mark, tags in WRAPPERS if mark in source), ())


def find_known_thinking(source: str) -> tuple[str, str] | None:
    """Tags of thoughts by the marks in a template's source."""
    return next((tags for mark, tags in THINKING if mark in source), None)
