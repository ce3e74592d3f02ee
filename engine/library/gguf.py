"""Headers of GGUF files: a lazy, strict reader for files from strangers (spec 3.4).

Only the header is read, and of its arrays only where they lie; the server lists and shows models
with it, and checks uploads. What it accepts is laid out soundly (every length fits, every tensor
lies inside the file); whether a model can run is for the runner to say.
"""

import math
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path

from engine.library.errors import GGUFError
from engine.library.ggml import TENSOR_TYPES, TensorType, file_type_name
from engine.library.ggufsource import CHUNK_BYTES, MAX_STRING_BYTES, GGUFSource

MAGIC = b"GGUF"
MAX_KEYS = 65_536
MAX_TENSORS = 65_536
MAX_KEY_BYTES = 255
MAX_TEMPLATE_BYTES = 1024 * 1024
MAX_TENSOR_NAME_BYTES = 63
MAX_ELEMENTS = 2**48
MAX_ARRAY_VALUES = 4 * 1024 * 1024
"""The largest vocabularies have half a million entries."""
MAX_TAIL_BYTES = 1024 * 1024
MIN_ALIGNMENT, MAX_ALIGNMENT, DEFAULT_ALIGNMENT = 8, 65_536, 32
DEADLINE_S = 20.0

ALIGNMENT_KEY = "general.alignment"
TEMPLATE_KEY = "tokenizer.chat_template"

_KEY = re.compile(rb"[!-~]{1,255}")
_MIN_KEY_BYTES = 8 + 1 + 4 + 1  # name length, a name of one byte, type, a value of one byte
_MIN_TENSOR_BYTES = 8 + 1 + 4 + 8 + 4 + 8

_UINT32, _FLOAT32, _BOOL, _STRING, _ARRAY = 4, 6, 7, 8, 9
_SCALARS: dict[int, struct.Struct] = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    7: struct.Struct("<B"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}


@dataclass(frozen=True)
class GGUFArray:
    """An array of a header that was passed over: where to read it when it is wanted."""

    element_type: int
    count: int
    offset: int


Value = int | float | bool | str | GGUFArray


@dataclass(frozen=True)
class TensorInfo:
    """One tensor as the header describes it."""

    name: str
    type: TensorType
    shape: tuple[int, ...]
    """In GGUF's order: the fastest running dimension first."""
    offset: int
    """From the start of the tensor data."""

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        """Bytes of its data."""
        return self.elements // self.type.block_elements * self.type.block_bytes


@dataclass(frozen=True)
class GGUFHeader:
    """A sound header. Values only; the file is not kept open."""

    path: Path
    version: int
    metadata: Mapping[str, Value]
    """In the file's order. Arrays are `GGUFArray`s; `read_array` gets their values."""
    tensors: tuple[TensorInfo, ...]
    data_offset: int
    identity: tuple[int, int] = field(compare=False)
    """Size and modification time (ns) of the file when it was read."""

    @property
    def architecture(self) -> str:
        """`general.architecture`, or "unknown"."""
        return self.text("general.architecture") or "unknown"

    @property
    def parameter_count(self) -> int:
        """As the file says, else the sum of all tensors' elements."""
        stored = self.metadata.get("general.parameter_count")
        if isinstance(stored, int) and stored > 0:
            return stored
        return sum(tensor.elements for tensor in self.tensors)

    @property
    def file_type(self) -> str:
        """Name of the quantisation, "unknown" if the file does not say."""
        return file_type_name(self.metadata.get("general.file_type"))

    @property
    def chat_template(self) -> str | None:
        """The Jinja template that came with the model."""
        return self.text(TEMPLATE_KEY) or None

    def get(self, key: str) -> Value | None:
        """A value by its short key: `<architecture>.` is put in front where it belongs."""
        if not key.startswith(("general.", "tokenizer.")):
            key = f"{self.architecture}.{key}"
        return self.metadata.get(key)

    def text(self, key: str) -> str:
        """A string by its full key; "" if there is none."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else ""

    def number(self, key: str) -> int:
        """A whole number by its short key (see `get`); 0 if there is none."""
        value = self.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else 0


def read_header(path: Path, deadline_s: float = DEADLINE_S) -> GGUFHeader:
    """Read and check a file's header. Raises GGUFError; OSError if the file cannot be read."""
    with GGUFSource(path, deadline_s) as source:
        version = _read_start(source)
        tensor_count = source.read_u64("the tensor count")
        key_count = source.read_u64("the key count")
        _check_count(source, tensor_count, MAX_TENSORS, _MIN_TENSOR_BYTES, "tensors")
        _check_count(source, key_count, MAX_KEYS, _MIN_KEY_BYTES, "keys")
        metadata: dict[str, Value] = {}
        for _ in range(key_count):
            _read_key_value(source, metadata)
        alignment = _alignment(metadata)
        tensors = _read_tensors(source, tensor_count, alignment)
        data_offset = -(-source.position // alignment) * alignment
        _check_layout(tensors, data_offset, source.size)
        return GGUFHeader(path, version, metadata, tensors, data_offset, source.identity)


def read_array(
    header: GGUFHeader, array: GGUFArray, deadline_s: float = DEADLINE_S
) -> Sequence[int | float | bool | str]:
    """The values of an array of a header, read from its file now.

    Bytes of strings that are no UTF-8 become replacement characters (vocabularies have them).
    Raises GGUFError, also if the file changed since; OSError if it cannot be read.
    """
    with GGUFSource(header.path, deadline_s) as source:
        if source.identity != header.identity:
            raise GGUFError("the file changed while it was in use")
        if array.count > MAX_ARRAY_VALUES:
            raise GGUFError(f"an array has {array.count} values, too many to read")
        source.seek(array.offset)
        if array.element_type == _STRING:
            return [
                source.read_string("an array").decode("utf-8", "replace")
                for _ in range(array.count)
            ]
        scalar = _SCALARS[array.element_type]
        data = source.read(array.count * scalar.size, "an array")
        return [_scalar(array.element_type, n, "an array") for (n,) in scalar.iter_unpack(data)]


def is_gguf(path: Path) -> bool:
    """Whether a file starts like a GGUF file. Raises OSError."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def _read_start(source: GGUFSource) -> int:
    if source.size < len(MAGIC) or source.read(len(MAGIC), "the magic") != MAGIC:
        raise GGUFError("the file is not in GGUF format", is_gguf=False)
    version = source.read_u32("the version")
    if version & 0xFFFF == 0 and version:
        raise GGUFError("big-endian GGUF files are not supported")
    if version not in (2, 3):
        raise GGUFError(f"version {version} of the GGUF format is not supported; 2 and 3 are")
    return version


def _check_count(source: GGUFSource, count: int, limit: int, smallest: int, what: str) -> None:
    if count > limit:
        raise GGUFError(f"the header claims {count} {what}; at most {limit} are allowed")
    source.check(count * smallest, f"a list of {count} {what}")


def _read_key_value(source: GGUFSource, metadata: dict[str, Value]) -> None:
    raw = source.read_string("a key", MAX_KEY_BYTES)
    if not _KEY.fullmatch(raw):
        raise GGUFError("a key is empty or holds characters that keys can't have")
    key = raw.decode("ascii")
    if key in metadata:
        raise GGUFError(f"the key {key} occurs twice")
    kind = source.read_u32(key)
    metadata[key] = _read_value(source, key, kind)
    if key == ALIGNMENT_KEY and kind != _UINT32:
        raise GGUFError(f"{ALIGNMENT_KEY} has the wrong type")


def _read_value(source: GGUFSource, key: str, kind: int) -> Value:
    if kind == _STRING:
        limit = MAX_TEMPLATE_BYTES if key.startswith(TEMPLATE_KEY) else MAX_STRING_BYTES
        try:
            return source.read_string(key, limit).decode("utf-8")
        except UnicodeDecodeError as exc:
            raise GGUFError(f"the text of {key} is not UTF-8") from exc
    if kind == _ARRAY:
        return _pass_array(source, key)
    scalar = _SCALARS.get(kind)
    if scalar is None:
        raise GGUFError(f"{key} has the unknown type {kind}")
    (value,) = scalar.unpack(source.read(scalar.size, key))
    return _scalar(kind, value, key)


def _scalar(kind: int, value: int | float, key: str) -> int | float | bool:
    if kind == _BOOL:
        if value not in (0, 1):
            raise GGUFError(f"{key} is neither true nor false")
        return bool(value)
    if kind == _FLOAT32:
        return shortest_float32(value)
    return value


def shortest_float32(value: float) -> float:
    """The number with the fewest digits that is the same in 32 bits: 1e-06, not 9.99999997e-07."""
    if value != value or value in (math.inf, -math.inf):
        return value
    packed = struct.pack("<f", value)
    for digits in (6, 7, 8):
        candidate = float(f"{value:.{digits}g}")
        if abs(candidate) < 3.4028235e38 and struct.pack("<f", candidate) == packed:
            return candidate
    return float(f"{value:.9g}")


def _pass_array(source: GGUFSource, key: str) -> GGUFArray:
    kind = source.read_u32(key)
    count = source.read_u64(key)
    offset = source.position
    if kind == _STRING:
        source.check(count * 8, f"{key} with {count} strings")
        source.skip_strings(count, key)
        return GGUFArray(kind, count, offset)
    scalar = _SCALARS.get(kind)
    if scalar is None:
        reason = "nested arrays" if kind == _ARRAY else f"the unknown type {kind}"
        raise GGUFError(f"the array {key} has {reason}")
    if kind == _BOOL:
        _pass_booleans(source, count, key)
    else:
        source.skip(count * scalar.size, f"{key} with {count} values")
    return GGUFArray(kind, count, offset)


def _pass_booleans(source: GGUFSource, count: int, key: str) -> None:
    source.check(count, f"{key} with {count} values")
    while count:
        size = min(count, CHUNK_BYTES)
        if source.read(size, key).strip(b"\0\1"):
            raise GGUFError(f"an element of {key} is neither true nor false")
        count -= size


def _alignment(metadata: Mapping[str, Value]) -> int:
    value = metadata.get(ALIGNMENT_KEY, DEFAULT_ALIGNMENT)
    if (
        not isinstance(value, int)
        or not MIN_ALIGNMENT <= value <= MAX_ALIGNMENT
        or value & (value - 1)
    ):
        raise GGUFError(
            f"{ALIGNMENT_KEY} must be a power of two from {MIN_ALIGNMENT} to {MAX_ALIGNMENT}"
        )
    return value


def _read_tensors(source: GGUFSource, count: int, alignment: int) -> tuple[TensorInfo, ...]:
    tensors: dict[str, TensorInfo] = {}
    for _ in range(count):
        tensor = _read_tensor(source)
        if tensor.name in tensors:
            raise GGUFError(f"the tensor {tensor.name} occurs twice")
        if tensor.offset % alignment:
            raise GGUFError(f"the tensor {tensor.name} does not lie on an alignment boundary")
        tensors[tensor.name] = tensor
    return tuple(tensors.values())


def _read_tensor(source: GGUFSource) -> TensorInfo:
    try:
        name = source.read_string("a tensor's name", MAX_TENSOR_NAME_BYTES).decode("utf-8")
    except UnicodeDecodeError as exc:
        raise GGUFError("a tensor's name is not UTF-8") from exc
    if not name:
        raise GGUFError("a tensor has no name")
    dimensions = source.read_u32(name)
    if not 1 <= dimensions <= 4:
        raise GGUFError(f"the tensor {name} has {dimensions} dimensions; 1 to 4 are allowed")
    shape = tuple(source.read_u64(name) for _ in range(dimensions))
    type_number = source.read_u32(name)
    tensor_type = TENSOR_TYPES.get(type_number)
    if tensor_type is None:
        raise GGUFError(f"the tensor {name} has the unknown type {type_number}")
    if min(shape) < 1 or math.prod(shape) >= MAX_ELEMENTS:
        raise GGUFError(f"the tensor {name} has an impossible shape")
    if shape[0] % tensor_type.block_elements:
        raise GGUFError(f"the rows of the tensor {name} are no whole blocks of {tensor_type.name}")
    return TensorInfo(name, tensor_type, shape, source.read_u64(name))


def _check_layout(tensors: tuple[TensorInfo, ...], data_offset: int, file_size: int) -> None:
    """Every tensor lies inside the file, no two overlap, and nothing much follows them."""
    end = 0
    for tensor in sorted(tensors, key=attrgetter("offset")):
        if tensor.offset < end:
            raise GGUFError(f"the tensor {tensor.name} overlaps another one")
        end = tensor.offset + tensor.size_bytes
        if data_offset + end > file_size:
            raise GGUFError(
                f"the file is truncated: the tensor {tensor.name} ends at byte "
                f"{data_offset + end}, the file at byte {file_size}"
            )
    if file_size - (data_offset + end) > MAX_TAIL_BYTES:
        raise GGUFError("the file goes on after its last tensor")
