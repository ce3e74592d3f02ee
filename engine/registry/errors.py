"""The registry's errors. `str(error)` is a sentence fit for the user; it holds no credentials.

EngineError
└── RegistryError
    ├── UnauthorizedError       the registry does not let us
    ├── NotFoundError           the registry has no such thing
    ├── StatusError             any other refusal; temporary for some statuses
    ├── ForbiddenTargetError    an address that we do not go to
    ├── BadAnswerError          an answer that makes no sense
    ├── TransferError           the network failed; worth another try
    │   └── UnreachableError    ... before it began
    ├── RetriesExceededError    ... and it failed too often
    ├── DownloadMismatchError   what arrived is not what was announced
    └── PullCancelledError      nobody waits for it any more
"""

from engine.errors import EngineError

_TEMPORARY_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})


class RegistryError(EngineError):
    """A registry, or the way to it, failed us."""

    is_temporary = False
    """Whether the same request may succeed if it is sent again."""


class UnauthorizedError(RegistryError):
    """The registry refuses us, also with a token."""

    def __init__(self) -> None:
        super().__init__("unauthorized: access denied")


class NotFoundError(RegistryError):
    """The registry does not have what was asked for."""

    def __init__(self) -> None:
        super().__init__("file does not exist")


class StatusError(RegistryError):
    """A status that means failure. `retry_after_s`: what the server asks us to wait."""

    def __init__(self, status: int, text: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(f"{status}: {text}" if text else f"unexpected status code {status}")
        self.status = status
        self.retry_after_s = retry_after_s
        self.is_temporary = status in _TEMPORARY_STATUSES


class ForbiddenTargetError(RegistryError):
    """An address that a registry has no business to send us to."""


class BadAnswerError(RegistryError):
    """An answer that is too long or cannot be understood."""


class TransferError(RegistryError):
    """A connection failed, broke, stalled or delivered the wrong bytes."""

    is_temporary = True


class UnreachableError(TransferError):
    """There is no such host, or nobody answers there."""


class RetriesExceededError(RegistryError):
    """The same thing failed too often; the last reason is in the text."""

    def __init__(self, last: BaseException) -> None:
        super().__init__(f"max retries exceeded: {last}")


class DownloadMismatchError(RegistryError):
    """The bytes that arrived have another digest; they are deleted by now."""

    def __init__(self, want: str, got: str) -> None:
        super().__init__(f"digest mismatch, file must be downloaded again: want {want}, got {got}")


class PullCancelledError(RegistryError):
    """The transfer was stopped because nobody waits for it."""

    def __init__(self) -> None:
        super().__init__("download canceled")
