"""The OpenAPI document: FastAPI's own, with the bodies that the routes read themselves."""

from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.server.described_replies import describe_replies
from api.server.priority import describe_priority
from api.server.shapes import Shape

_REFERENCES = "#/components/schemas/{model}"


def describe_bodies(app: FastAPI, shapes: Iterable[type[Shape]]) -> None:
    """Put `shapes` into the document of `app`, for `request_body` of body.py to refer to."""
    known = tuple(shapes)

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, routes=app.routes)
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            for shape in known:
                schema = shape.model_json_schema(ref_template=_REFERENCES)
                schemas.update(schema.pop("$defs", {}))
                schemas[shape.__name__] = schema
            describe_replies(document)
            describe_priority(document)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
