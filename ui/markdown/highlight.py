"""Code with colours, as HTML with inline styles. Pure."""

import html

from pygments import highlight  # type: ignore[import-untyped]
from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]
from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]
from pygments.util import ClassNotFound  # type: ignore[import-untyped]

MAX_CHARS = 32 * 1024
"""Longer code is shown without colours: highlighting it would stall the window."""


def code_html(code: str, language: str, is_dark: bool) -> str:
    """One `<pre>`; plain when the language is unknown or the code is very long."""
    body = html.escape(code)
    if language and len(code) <= MAX_CHARS:
        try:
            lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
        except ClassNotFound:
            lexer = None
        if lexer is not None:
            formatter = HtmlFormatter(
                nowrap=True, noclasses=True, style="one-dark" if is_dark else "xcode"
            )
            body = highlight(code, lexer, formatter)
    return f"<pre>{body}</pre>"
