"""The form that an answer's text must have, in OpenAI's words."""

from typing import Protocol

from api.server.formats import schema_constraint
from engine.errors import InvalidRequestError
from engine.frames import Constraint
from engine.library.gotext import quote


class WantedFormat(Protocol):
    """What `response_format` and `text.format` share."""

    @property
    def type(self) -> str: ...
    @property
    def regex(self) -> str | None: ...
    @property
    def lark(self) -> str | None: ...
    @property
    def gbnf(self) -> str | None: ...


def read_format(
    wanted: WantedFormat, schema: object, *, field: str, schema_field: str
) -> Constraint | None:
    """The constraint. Raises InvalidRequestError that names `field` or `schema_field`.

    Beyond OpenAI: the grammars of `api.server.formats`.
    """
    match wanted.type:
        case "" | "text":
            return None
        case "json_object":
            return Constraint("json")
        case "json_schema":
            if not isinstance(schema, dict):
                raise InvalidRequestError(f"{schema_field} must be an object")
            return schema_constraint(schema)
        case "regex" | "lark" | "gbnf" as kind:
            text: str | None = getattr(wanted, kind)
            if text is None:
                raise InvalidRequestError(f"{field}.{kind} must be a string")
            return Constraint(kind, text)
        case other:
            raise InvalidRequestError(f"invalid {field} type: {quote(other)}")
