"""Values as Go prints them: what clients of the API expect in texts and error messages. Pure."""

_ESCAPES = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
}


def quote(text: str) -> str:
    """`%q` of a string: double quotes, backslash escapes, everything printable as it is."""
    return '"' + "".join(_escape(char) for char in text) + '"'


def _escape(char: str) -> str:
    known = _ESCAPES.get(char)
    if known is not None:
        return known
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def plain(value: object) -> str:
    """`%v`: strings bare, booleans lower-case, whole floats without a fraction."""
    match value:
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case _:
            return str(value)


def literal(value: object) -> str:
    """`%#v`: as `plain`, but strings quoted."""
    return quote(value) if isinstance(value, str) else plain(value)


def human_number(count: int) -> str:
    """A parameter count in words as short as "3.2B" (spec 9.6)."""
    if count >= 1_000_000_000:
        return _scaled(count, 1_000_000_000, 1, "B")
    if count >= 1_000_000:
        return _scaled(count, 1_000_000, 2, "M")
    if count >= 1_000:
        return f"{count / 1_000:.0f}K"
    return str(count)


def _scaled(count: int, unit: int, digits: int, suffix: str) -> str:
    if count % unit == 0:
        digits = 0
    return f"{count / unit:.{digits}f}{suffix}"
