"""Request bodies as typed values, refused with the texts of Go's decoder (spec 1.1). Pure.

Field names match whatever their case, unknown ones are ignored, `null` means absent. Inside
free-form objects (options, arguments, schemas) names stay as they are.
"""

import types
from typing import Annotated, Any, ClassVar, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails

from api.server.json_input import BodyError


class Shape(BaseModel):
    """Base of all request bodies and of the objects in them."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, populate_by_name=True)

    go_name: ClassVar[str] = ""
    """The type's name in error texts."""

    @model_validator(mode="before")
    @classmethod
    def _match_names(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        return {name.lower(): value for name, value in data.items() if value is not None}


AnyShape = TypeVar("AnyShape", bound=Shape)


def parse_shape(shape: type[AnyShape], value: object) -> AnyShape:
    """`value`, decoded JSON, as a `shape`. Raises BodyError with Go's text."""
    if value is None:
        value = {}
    try:
        return shape.model_validate(value)
    except ValidationError as exc:
        raise BodyError(_error_text(shape, exc.errors(include_url=False)[0])) from exc


def _error_text(shape: type[Shape], error: ErrorDetails) -> str:
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    annotation: object = shape
    names: list[str] = []
    for step in error["loc"]:
        annotation = _step_into(annotation, step)
        if isinstance(step, str):
            names.append(step)
    wanted = _go_type(annotation)
    found = _go_kind(error["input"], wanted)
    if not names:
        return f"json: cannot unmarshal {found} into Go value of type {wanted}"
    path = ".".join([shape.go_name, *names])
    return f"json: cannot unmarshal {found} into Go struct field {path} of type {wanted}"


def _step_into(annotation: object, step: int | str) -> object:
    annotation = _bare(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Shape):
        for name, field in annotation.model_fields.items():
            if step in (name, field.alias):
                return field.annotation
    arguments = get_args(annotation)
    return arguments[-1] if arguments else Any


def _bare(annotation: object) -> object:
    """The annotation without `Annotated` and `| None`."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _bare(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return _bare(next(arg for arg in get_args(annotation) if arg is not type(None)))
    return annotation


_GO_TYPES = {str: "string", bool: "bool", int: "int", float: "float64", bytes: "[]uint8"}


def _go_type(annotation: object) -> str:
    annotation = _bare(annotation)
    origin = get_origin(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Shape):
        return f"api.{annotation.go_name}"
    if origin is list:
        return f"[]{_go_type(get_args(annotation)[0])}"
    if origin is dict:
        key, value = get_args(annotation)
        return f"map[{_go_type(key)}]{_go_type(value)}"
    return _GO_TYPES.get(annotation, "interface {}")  # type: ignore[call-overload, no-any-return]


def _go_kind(value: object, wanted: str) -> str:
    match value:
        case bool():
            return "bool"
        case int() | float():
            return f"number {value}" if wanted == "int" else "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"
