"""The overview that `corral show` prints: titled sections of rows (spec 9.2). Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from api.client.shapes import ShowReply
from app.cli.format import human_number
from app.cli.table import DEFAULT_CELL_WIDTH, format_table

_TEXT_WIDTH = 100
_TEXT_SECTIONS = ("Template", "System", "License")
_HEAD_LINES = 2
_ARRAY_COLUMNS = 10

Row = Sequence[str]


def format_overview(reply: ShowReply, verbose: bool = False) -> str:
    """All sections that have something to say, each followed by an empty line."""
    sections: list[tuple[str, Sequence[Row]]] = [
        ("Model", _model_rows(reply)),
        ("Capabilities", [(name,) for name in reply.capabilities or []]),
        ("Projector", _projector_rows(reply.projector_info or {})),
        ("Parameters", [line.split() for line in reply.parameters.splitlines() if line.strip()]),
    ]
    if verbose:
        sections += [
            ("Metadata", _metadata_rows(reply.model_info or {})),
            ("Tensors", _tensor_rows(reply)),
        ]
    sections += [("System", _head(reply.system)), ("License", _head(reply.license))]
    return "".join(_section(title, rows) for title, rows in sections if rows)


def _section(title: str, rows: Sequence[Row]) -> str:
    width = _TEXT_WIDTH if title in _TEXT_SECTIONS else DEFAULT_CELL_WIDTH
    return f"  {title}\n{format_table([('', *row) for row in rows], width)}\n"


def _model_rows(reply: ShowReply) -> list[Row]:
    rows: list[Row] = []
    if reply.remote_host:
        rows += [("Remote model", reply.remote_model), ("Remote URL", reply.remote_host)]
    info = reply.model_info or {}
    details = reply.details
    architecture = str(info.get("general.architecture") or details.family)
    if architecture:
        rows.append(("architecture", architecture))
    parameters = details.parameter_size or _number(info.get("general.parameter_count"))
    if parameters:
        rows.append(("parameters", parameters))
    for key in ("context_length", "embedding_length"):
        value = info.get(f"{architecture}.{key}")
        if isinstance(value, int | float):
            rows.append((key.replace("_", " "), f"{value:.0f}"))
    rows.append(("quantization", details.quantization_level))
    if reply.requires:
        rows.append(("requires", reply.requires))
    return rows


def _projector_rows(info: Mapping[str, Any]) -> list[Row]:
    if not info:
        return []
    architecture = str(info.get("general.architecture", ""))
    candidates = (
        ("architecture", architecture),
        ("parameters", _number(info.get("general.parameter_count"))),
        ("embedding length", _plain(info.get(f"{architecture}.vision.embedding_length"))),
        ("dimensions", _plain(info.get(f"{architecture}.vision.projection_dim"))),
    )
    return [row for row in candidates if row[1]]


def _metadata_rows(info: Mapping[str, Any]) -> list[Row]:
    return [(key, _value(info[key])) for key in sorted(info)]


def _tensor_rows(reply: ShowReply) -> list[Row]:
    return [
        (tensor.name, tensor.type, "[" + " ".join(str(size) for size in tensor.shape or []) + "]")
        for tensor in reply.tensors or []
    ]


def _value(value: object) -> str:
    if isinstance(value, list):
        return _array(value)
    return _plain(value)


def _array(values: Sequence[object]) -> str:
    """As many items as fit in about ten columns, and how many there are besides."""
    shown: list[str] = []
    for value in values:
        if shown and len(" ".join(shown)) >= _ARRAY_COLUMNS:
            break
        shown.append(_plain(value))
    rest = len(values) - len(shown)
    return "[" + " ".join(shown) + (f" ...+{rest} more]" if rest else "]")


def _plain(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _number(value: object) -> str:
    return human_number(int(value)) if isinstance(value, int | float) else ""


def _head(text: str) -> list[Row]:
    """The first lines that are not blank, and dots for the rest."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    rows: list[Row] = [(line,) for line in lines[:_HEAD_LINES]]
    return [*rows, ("...",)] if len(lines) > _HEAD_LINES else rows
