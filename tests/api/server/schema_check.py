"""Whether a JSON value fits a schema of our OpenAPI document: the keywords that it uses."""

from collections.abc import Mapping
from typing import Any

_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "array": list,
    "object": dict,
    "null": type(None),
}


def find_faults(value: Any, schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> list[str]:
    """What is wrong with `value`; fields that the schema does not know are wrong too."""
    if "$ref" in schema:
        return find_faults(value, schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "anyOf" in schema:
        every = [find_faults(value, choice, schemas) for choice in schema["anyOf"]]
        return [] if [] in every else [f"{value!r} fits no choice: {every}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{value!r} is not of {schema['enum']}"]
    kind = schema.get("type")
    if kind is None:
        return []
    if not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        return [f"{value!r} is no {kind}"]
    if kind == "array":
        items = schema.get("items", {})
        return [fault for item in value for fault in find_faults(item, items, schemas)]
    if kind == "object":
        return _object_faults(value, schema, schemas)
    return []


def _object_faults(
    value: dict[str, Any], schema: Mapping[str, Any], schemas: Mapping[str, Any]
) -> list[str]:
    properties = schema.get("properties", {})
    others = schema.get("additionalProperties", not properties)
    faults = [f"{name} is missing" for name in schema.get("required", ()) if name not in value]
    for name, item in value.items():
        if name in properties:
            faults += find_faults(item, properties[name], schemas)
        elif isinstance(others, dict):
            faults += find_faults(item, others, schemas)
        elif not others:
            faults.append(f"{name} is not in the schema")
    return faults
