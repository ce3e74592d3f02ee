"""Markdown cut into segments of text and code, as HTML that Qt understands. Pure, no Qt.

Text comes from strangers: raw HTML is escaped, images become their alternative text (nothing is
ever fetched), links keep their target only if its scheme is allowed.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from ui.markdown.links import is_allowed

SEGMENT_CHARS = 6 * 1024
"""A text segment is closed at the first block boundary past this, to bound repaint time."""
PLAIN_TEXT_CHARS = 64 * 1024
"""A single block longer than this is shown as plain text: parsing it could take seconds."""


@dataclass(frozen=True)
class TextSegment:
    """Paragraphs, lists, tables, quotes."""

    html: str


@dataclass(frozen=True)
class CodeSegment:
    """A fenced or indented code block."""

    code: str
    language: str
    is_open: bool = False
    """The closing fence has not come yet."""


Segment = TextSegment | CodeSegment


@dataclass(frozen=True)
class Cut:
    """A segment and the line of the source where it begins."""

    line: int
    segment: Segment


class _Renderer(RendererHTML):
    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        token = tokens[idx]
        alternative = self.renderInlineAsText(token.children or (), options, env)
        return f"[image: {html.escape(alternative)}]" if alternative else "[image]"

    def link_open(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        target = str(tokens[idx].attrs.get("href", ""))
        return f'<a href="{html.escape(target)}">' if is_allowed(target) else "<a>"

    def table_open(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        return '<table border="0" cellspacing="0" cellpadding="0" class="grid">'

    def blockquote_open(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        # Qt draws no borders around blocks; a table with a coloured first column stands in.
        return (
            '<table border="0" cellspacing="0" cellpadding="0" class="quote">'
            '<tr><td class="bar" width="3"></td><td class="quoted">'
        )

    def blockquote_close(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        return "</td></tr></table>"

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        # Only fences inside lists and quotes come here; top-level ones are CodeSegments.
        return f"<pre>{html.escape(tokens[idx].content)}</pre>"

    code_block = fence


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}, renderer_cls=_Renderer)
    return parser.enable(["table", "strikethrough"])


_MARKDOWN = _parser()


def cut(source: str) -> list[Cut]:
    """The segments of a Markdown text, in order. Two text segments follow each other only
    where the first has grown past SEGMENT_CHARS."""
    source = source.replace("\r", "")  # so that the parser's lines are ours
    if not source.strip():
        return []
    if _has_huge_block(source):
        return [Cut(0, TextSegment(plain_html(source)))]
    env: EnvType = {}
    blocks = _top_level(_MARKDOWN.parse(source, env))
    cuts: list[Cut] = []
    pending: list[Token] = []
    start = 0
    size = 0
    line_ends = _line_ends(source)

    def close() -> None:
        nonlocal size
        if pending:
            rendered = _MARKDOWN.renderer.render(pending, _MARKDOWN.options, env)
            cuts.append(Cut(start, TextSegment(str(rendered).rstrip())))
            pending.clear()
            size = 0

    for block in blocks:
        first, last = block[0].map or (0, 0)
        if block[0].type in ("fence", "code_block"):
            close()
            cuts.append(Cut(first, _code_segment(block[0], source)))
            continue
        if size > SEGMENT_CHARS:
            close()
        if not pending:
            start = first
        pending.extend(block)
        size += line_ends[min(last, len(line_ends) - 1)] - line_ends[first]
    close()
    return cuts


def plain_html(text: str) -> str:
    """Text as it is, with its line breaks."""
    return "<p>" + html.escape(text).replace("\n", "<br>") + "</p>"


def _top_level(tokens: Sequence[Token]) -> list[list[Token]]:
    blocks: list[list[Token]] = []
    for token in tokens:
        if token.level == 0 and token.nesting >= 0:
            blocks.append([])
        blocks[-1].append(token)
    return blocks


def _code_segment(token: Token, source: str) -> CodeSegment:
    language = token.info.split(maxsplit=1)[0] if token.info.strip() else ""
    is_open = False
    if token.type == "fence" and token.map:
        lines = source.split("\n")[token.map[0] : token.map[1]]
        last = lines[-1].strip() if len(lines) > 1 else ""
        is_open = not (last.startswith(token.markup) and not last.strip(token.markup[0]))
    return CodeSegment(token.content.removesuffix("\n"), language, is_open)


def _line_ends(source: str) -> list[int]:
    """Offsets: entry n is where line n begins; one more entry for the end."""
    offsets = [0]
    for line in source.split("\n"):
        offsets.append(offsets[-1] + len(line) + 1)
    return offsets


def _has_huge_block(source: str) -> bool:
    if len(source) <= PLAIN_TEXT_CHARS:
        return False
    return any(len(block) > PLAIN_TEXT_CHARS for block in source.split("\n\n"))
