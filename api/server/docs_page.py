"""GET /docs: the OpenAPI document as one page of plain HTML. No scripts, nothing from elsewhere."""

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from fastapi import APIRouter, Request, Response

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
code, .method { font-family: ui-monospace, monospace; font-size: .93em }
.method { display: inline-block; min-width: 4.2em; font-weight: 600 }
section { border-top: 1px solid #8886; padding-top: .5rem; margin-top: 1.5rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0 }
tr + tr { border-top: 1px solid #8883 }
nav ul { list-style: none; padding-left: 0; columns: 2 }
"""

Schema = Mapping[str, Any]


def docs_router() -> APIRouter:
    """The page."""
    router = APIRouter()

    @router.get("/docs")
    async def docs(request: Request) -> Response:
        """All routes, their bodies and their answers, to read."""
        page = render_page(request.app.openapi())
        headers = {
            "content-type": "text/html; charset=utf-8",
            "content-security-policy": POLICY,
        }
        return Response(page, headers=headers)

    return router


def render_page(document: Schema) -> str:
    """The whole document. Every text in it is escaped."""
    info = document["info"]
    title = escape(f"{info['title']} {info['version']}")
    operations = [
        (method, path, operation)
        for path, methods in sorted(document["paths"].items())
        for method, operation in methods.items()
    ]
    schemas = sorted(document.get("components", {}).get("schemas", {}).items())
    parts = [
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{title}</title>",
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>",
        "<p>The same for programs: <a href='/openapi.json'>/openapi.json</a></p>",
        "<nav><ul>",
        *(
            f"<li><a href='#{_anchor(method, path)}'><span class='method'>{method.upper()}"
            f"</span> <code>{escape(path)}</code></a></li>"
            for method, path, _ in operations
        ),
        "</ul></nav>",
        *(_operation(method, path, operation) for method, path, operation in operations),
        "<h2>Objects</h2>",
        *(_schema(name, schema) for name, schema in schemas),
        "</body></html>",
    ]
    return "\n".join(parts)


def _operation(method: str, path: str, operation: Schema) -> str:
    parts = [
        f"<section id='{_anchor(method, path)}'><h3><span class='method'>{method.upper()}</span>",
        f"<code>{escape(path)}</code></h3>",
        *(f"<p>{escape(text)}</p>" for text in _paragraphs(operation.get("description", ""))),
    ]
    parameters = operation.get("parameters", ())
    if parameters:
        rows = ((one["name"], one["schema"], f"in the {one['in']}") for one in parameters)
        parts.append(_table(rows))
    body = operation.get("requestBody", {}).get("content", {})
    parts += [f"<p>Body: {_type(one.get('schema', {}))}</p>" for one in body.values()]
    for status, response in operation["responses"].items():
        forms = [
            f"<code>{escape(media)}</code>: {_type(one.get('schema', {}))}"
            for media, one in response.get("content", {}).items()
        ]
        name = "Error" if status == "default" else f"Answer {status}"
        parts.append(f"<p>{escape(name)}: {'<br>'.join(forms) or 'nothing'}</p>")
    return "\n".join([*parts, "</section>"])


def _schema(name: str, schema: Schema) -> str:
    required = set(schema.get("required", ()))
    rows = (
        (field, value, "always there" if field in required else _default(value))
        for field, value in schema.get("properties", {}).items()
    )
    described = [f"<p>{escape(text)}</p>" for text in _paragraphs(schema.get("description", ""))]
    head = f"<section id='schema-{escape(name)}'><h3><code>{escape(name)}</code></h3>"
    return "\n".join([head, *described, _table(rows), "</section>"])


def _table(rows: Iterator[tuple[str, Schema, str]]) -> str:
    lines = [
        f"<tr><td><code>{escape(name)}</code></td><td>{_type(schema)}</td>"
        f"<td>{escape(note)}</td></tr>"
        for name, schema, note in rows
    ]
    return "<table>" + "".join(lines) + "</table>" if lines else ""


def _default(schema: Schema) -> str:
    value = schema.get("default")
    return "" if value in (None, "", [], {}) else f"default {json.dumps(value)}"


def _type(schema: Schema) -> str:
    """A schema in a few words, with links to the objects."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f"<a href='#schema-{name}'>{name}</a>"
    choices = [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]
    if choices:
        return " or ".join(_type(choice) for choice in choices)
    if "enum" in schema:
        return " or ".join(f"<code>{escape(json.dumps(value))}</code>" for value in schema["enum"])
    kind = schema.get("type", "any")
    if kind == "array":
        return f"array of {_type(schema.get('items', {}))}"
    note = schema.get("description", "")
    return escape(f"{kind} ({note})" if note else str(kind))


def _paragraphs(text: str) -> list[str]:
    return [paragraph for paragraph in text.split("\n\n") if paragraph.strip()]


def _anchor(method: str, path: str) -> str:
    return escape(f"{method}{path}".replace("/", "-").replace("{", "").replace("}", ""))
