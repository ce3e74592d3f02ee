"""Model options: their names, types, defaults and how they merge (spec 2.1). Pure values.

An option reaches a request on three roads, later ones winning: the defaults here, the model's
`PARAMETER` layer, the request's `options`.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

from engine.errors import InvalidRequestError, OptionTypeError
from engine.frames import Sampling

logger = logging.getLogger(__name__)

_MAX_FLOAT32 = 3.4028234663852886e38

OptionValue = int | float | bool | str | list[str]


@dataclass(frozen=True)
class Options:
    """All options of one request. `None` means: not set, decide automatically."""

    num_keep: int = 4
    seed: int = -1
    num_predict: int = -1
    top_k: int = 40
    top_p: float = 0.9
    min_p: float = 0.0
    typical_p: float = 1.0
    repeat_last_n: int = 64
    temperature: float = 0.8
    repeat_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    stop: tuple[str, ...] = ()

    # Changing one of these reloads the model.
    num_ctx: int | None = None
    num_batch: int | None = None
    num_gpu: int = -1
    main_gpu: int | None = None
    use_mmap: bool | None = None
    num_thread: int = 0
    draft_num_predict: int | None = field(default=None)

    @property
    def sampling(self) -> Sampling:
        """The part that a sampler chain is built from."""
        return Sampling(
            **{name: getattr(self, name) for name in Sampling.__struct_fields__},
        )


_KINDS: dict[str, str] = {
    "num_keep": "integer",
    "seed": "integer",
    "num_predict": "integer",
    "top_k": "integer",
    "top_p": "float32",
    "min_p": "float32",
    "typical_p": "float32",
    "repeat_last_n": "integer",
    "temperature": "float32",
    "repeat_penalty": "float32",
    "presence_penalty": "float32",
    "frequency_penalty": "float32",
    "stop": "array",
    "num_ctx": "integer",
    "num_batch": "integer",
    "num_gpu": "integer",
    "main_gpu": "integer",
    "use_mmap": "boolean",
    "num_thread": "integer",
    "draft_num_predict": "integer",
}
assert set(_KINDS) == {f.name for f in fields(Options)}

DEPRECATED_PARAMETERS = frozenset(
    {
        "penalize_newline",
        "low_vram",
        "f16_kv",
        "logits_all",
        "vocab_only",
        "use_mlock",
        "mirostat",
        "mirostat_tau",
        "mirostat_eta",
    }
)
"""Parameters of older Modelfiles that are accepted, reported and dropped (spec 2.3)."""

_LIMITS: dict[str, tuple[float, float]] = {
    "num_keep": (-1, 2**31 - 1),
    "seed": (-(2**63), 2**63 - 1),
    "num_predict": (-(2**31), 2**31 - 1),
    "top_k": (-1, 2**31 - 1),
    "top_p": (0.0, 1.0),
    "min_p": (0.0, 1.0),
    "typical_p": (0.0, 1.0),
    "repeat_last_n": (-1, 2**31 - 1),
    "temperature": (0.0, 1e6),
    "repeat_penalty": (0.0, 1e6),
    "presence_penalty": (-1e6, 1e6),
    "frequency_penalty": (-1e6, 1e6),
    "num_ctx": (0, 16 * 1024 * 1024),
    "num_batch": (0, 1024 * 1024),
    "num_gpu": (-1, 100_000),
    "main_gpu": (0, 1024),
    "num_thread": (0, 4096),
    "draft_num_predict": (0, 1024),
}
MAX_STOP_STRINGS = 64
MAX_STOP_BYTES = 256


def merge_options(*layers: Mapping[str, object]) -> Options:
    """Options from JSON-like layers, later ones winning; `null` values are skipped.

    Unknown names are ignored with a line in the log: clients send what older servers knew.
    Raises OptionTypeError for a wrong type and InvalidRequestError for a value that no model
    could work with.
    """
    merged: dict[str, object] = {}
    for layer in layers:
        for name, value in layer.items():
            if value is None:
                continue
            if name not in _KINDS:
                logger.info("invalid option provided: %s", name)
                continue
            merged[name] = _convert(name, value)
    for name in ("num_ctx", "num_batch"):
        if merged.get(name) == 0:
            del merged[name]
    return Options(**merged)  # type: ignore[arg-type]  # _convert checked every value


def _convert(name: str, value: object) -> object:
    kind = _KINDS[name]
    converted: int | float
    match kind, value:
        case "array", list() | tuple():
            return _convert_stop(name, value)
        case "boolean", bool():
            return value
        case ("integer", int() | float()) if not isinstance(value, bool):
            if value != value or value in (float("inf"), float("-inf")):
                raise InvalidRequestError(f'option "{name}" must be a finite number')
            converted = int(value)
        case ("float32", int() | float()) if not isinstance(value, bool):
            converted = value  # made a float below: a huge integer would overflow here
        case _:
            raise OptionTypeError(f'option "{name}" must be of type {kind}')
    lowest, highest = _LIMITS[name]
    if not lowest <= converted <= highest:  # also false for NaN
        raise InvalidRequestError(
            f'option "{name}" must be between {lowest:g} and {highest:g}, not {_shown(converted)}'
        )
    return float(converted) if kind == "float32" else converted


def _shown(value: int | float) -> str:
    """A number in a message: one of 400 digits helps nobody, and one of 5000 can't be printed."""
    return str(value) if abs(value) < 10**20 else "a number of that size"


def _convert_stop(name: str, values: Sequence[object]) -> tuple[str, ...]:
    if not all(isinstance(value, str) for value in values):
        raise OptionTypeError(f'option "{name}" must be of an array of strings')
    strings = tuple(str(value) for value in values if value)
    if len(strings) > MAX_STOP_STRINGS:
        raise InvalidRequestError(f"at most {MAX_STOP_STRINGS} stop strings are allowed")
    try:
        longest = max((len(text.encode()) for text in strings), default=0)
    except UnicodeEncodeError as exc:
        raise InvalidRequestError("a stop string is not valid Unicode") from exc
    if longest > MAX_STOP_BYTES:
        raise InvalidRequestError(f"a stop string may have at most {MAX_STOP_BYTES} bytes")
    return strings


def parse_parameter(name: str, values: Sequence[str]) -> OptionValue:
    """A `PARAMETER` line's or `/set parameter`'s text as a typed value (spec 2.1).

    Raises InvalidRequestError with the spec's text for an unknown name or a bad value.
    """
    kind = _KINDS.get(name)
    if kind is None:
        raise InvalidRequestError(f"unknown parameter '{name}'")
    text = values[0] if values else ""
    if kind == "array":
        return list(values)
    if kind == "boolean":
        if text in ("1", "t", "T", "TRUE", "true", "True"):
            return True
        if text in ("0", "f", "F", "FALSE", "false", "False"):
            return False
        raise InvalidRequestError(f"invalid bool value [{text}]")
    value = _parse_integer(text) if kind == "integer" else _parse_float(text)
    if value is None:
        word = "int" if kind == "integer" else "float"
        raise InvalidRequestError(f"invalid {word} value [{text}]")
    return value


def _parse_integer(text: str) -> int | None:
    """Decimal, 64 bits. Python's int() also takes underscores, spaces and other scripts' digits."""
    if not re.fullmatch(r"[+-]?[0-9]{1,40}", text):
        return None
    value = int(text)
    return value if -(2**63) <= value < 2**63 else None


def _parse_float(text: str) -> float | None:
    """Decimal, within the range of 32 bits; no infinities, for JSON has none."""
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text):
        return None
    value = float(text)
    return value if abs(value) <= _MAX_FLOAT32 else None
