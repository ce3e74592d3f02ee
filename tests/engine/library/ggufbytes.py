"""GGUF files byte by byte, so that tests can make every mistake a file can have."""

import struct
from dataclasses import dataclass

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
_FORMATS = {U8: "B", I8: "b", U16: "H", I16: "h", U32: "I", I32: "i", F32: "f", BOOL: "B"}
_FORMATS |= {U64: "Q", I64: "q", F64: "d"}


def string(text: str | bytes) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(data)) + data


def value(kind: int, content: object) -> bytes:
    """A value without its type. Arrays: (element type, list)."""
    if kind == STRING:
        assert isinstance(content, str | bytes)
        return string(content)
    if kind == ARRAY:
        assert isinstance(content, tuple)
        element_kind, elements = content
        head = struct.pack("<IQ", element_kind, len(elements))
        return head + b"".join(value(element_kind, element) for element in elements)
    return struct.pack("<" + _FORMATS[kind], content)


def key_value(key: str | bytes, kind: int, content: object) -> bytes:
    return string(key) + struct.pack("<I", kind) + value(kind, content)


@dataclass(frozen=True)
class Tensor:
    name: str = "t"
    shape: tuple[int, ...] = (32,)
    kind: int = 0
    offset: int = 0

    def encode(self) -> bytes:
        dimensions = struct.pack(f"<I{len(self.shape)}Q", len(self.shape), *self.shape)
        return string(self.name) + dimensions + struct.pack("<IQ", self.kind, self.offset)


ARCHITECTURE = key_value("general.architecture", STRING, "llama")


def gguf_file(
    *key_values: bytes,
    tensors: tuple[Tensor, ...] = (),
    data: bytes = b"",
    alignment: int = 32,
    magic: bytes = b"GGUF",
    version: int = 3,
    key_count: int | None = None,
    tensor_count: int | None = None,
) -> bytes:
    """A file; everything that can be wrong in its first bytes can be given."""
    keys = len(key_values) if key_count is None else key_count
    count = len(tensors) if tensor_count is None else tensor_count
    head = magic + struct.pack("<IQQ", version, count, keys)
    head += b"".join(key_values) + b"".join(tensor.encode() for tensor in tensors)
    return head + b"\0" * (-len(head) % alignment) + data


def small_model(*key_values: bytes, architecture: str = "llama", filler: bytes = b"\0") -> bytes:
    """A sound file with one tensor."""
    return gguf_file(
        key_value("general.architecture", STRING, architecture),
        *key_values,
        tensors=(Tensor(),),
        data=(filler * 128)[:128],
    )
