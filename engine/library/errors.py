"""The library's errors. `str(error)` is a sentence fit for the user and never holds a path.

EngineError
├── InvalidRequestError
│   ├── InvalidNameError        a text that is no model name
│   ├── InvalidDigestError      a text that is no digest
│   ├── DigestMismatchError     bytes that are not what their digest says
│   ├── BlobTooLargeError       more bytes than the caller allows
│   ├── ReadOnlyModelError      a model that this program may not change
│   ├── ModelfileError          a Modelfile that cannot be understood
│   └── CreateError             a create request that cannot be fulfilled
│       └── UnsupportedCreateError  ... because this release has no such feature
├── ModelNotFoundError
│   └── SourceNotFoundError     the model to copy does not exist
├── GGUFError                   a file that is no sound GGUF file
├── DamagedModelError           a model whose manifest or parts cannot be read
└── StorageError                the disk failed us
    └── DiskFullError           ... because it is full
"""

from engine.errors import EngineError, InvalidRequestError, ModelNotFoundError
from engine.library.gotext import quote


class InvalidNameError(InvalidRequestError):
    """A text that is no model name (spec 3.1). `name` is the text."""

    def __init__(self, name: str, message: str = "invalid model name") -> None:
        super().__init__(message)
        self.name = name


class InvalidDigestError(InvalidRequestError):
    """A text that is no digest (spec 3.2)."""

    def __init__(self) -> None:
        super().__init__("invalid digest format")


class DigestMismatchError(InvalidRequestError):
    """Bytes that do not have the digest they were announced with."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"digest mismatch, expected {quote(expected)}, got {quote(got)}")


class BlobTooLargeError(InvalidRequestError):
    """A blob has more bytes than the caller allows."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"the file is larger than the limit of {limit_bytes} bytes")


class ReadOnlyModelError(InvalidRequestError):
    """A model that is built in, or lies in a library that is only read."""


class ModelfileError(InvalidRequestError):
    """A Modelfile that cannot be understood. `line` counts from 1; 0: no line to name."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(f"(line {line}): {message}" if line else message)
        self.line = line


class CreateError(InvalidRequestError):
    """A create request that cannot be fulfilled as it stands (spec 8)."""


class UnsupportedCreateError(CreateError):
    """A create request that needs a feature this release lacks."""


class SourceNotFoundError(ModelNotFoundError):
    """The model to copy does not exist (spec 1.12)."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.args = (f"model {quote(name)} not found",)


class GGUFError(EngineError):
    """A file that is no sound GGUF file. `is_gguf`: it at least starts like one."""

    def __init__(self, message: str, *, is_gguf: bool = True) -> None:
        super().__init__(message)
        self.is_gguf = is_gguf


class DamagedModelError(EngineError):
    """A model whose manifest, configuration or layers cannot be read."""


class StorageError(EngineError):
    """The disk refused a read or write."""


class DiskFullError(StorageError):
    """No space is left for what was to be written."""
