"""The key of this machine: an ed25519 key in OpenSSH's format, shared with Ollama (spec 4.5).

`Identity` owns the two files; any thread. The private key leaves this module as signatures only.
"""

import base64
import contextlib
import errno
import logging
import os
import secrets
import stat
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.identity.errors import IdentityError

logger = logging.getLogger(__name__)

KEY_NAME = "id_ed25519"
MAX_KEY_BYTES = 64 * 1024
_LINK_UNSUPPORTED = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
_HALF_WRITTEN_S = 2.0
"""Where files can't be linked, another process may be seen in the middle of writing the key."""


@dataclass(frozen=True)
class Key:
    """A key in memory."""

    public_line: str
    """As in authorized_keys, without comment and line end: "ssh-ed25519 AAAA…"."""
    _private: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def of(cls, private: Ed25519PrivateKey) -> "Key":
        """The key with its public half written out."""
        public = private.public_key().public_bytes(
            serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        )
        return cls(public.decode("ascii"), private)

    def authorize(self, challenge: str) -> str:
        """The Authorization value that proves who signed `challenge`: "<public>:<signature>"."""
        signature = base64.b64encode(self._private.sign(challenge.encode())).decode("ascii")
        return f"{self.public_line.split()[1]}:{signature}"


class Identity:
    """The key of the user, in a folder that is made if need be."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._key: Key | None = None

    @property
    def path(self) -> Path:
        """The private key's file."""
        return self._folder / KEY_NAME

    def ensure_key(self) -> tuple[Key, bool]:
        """The key, and whether this call created it. Raises IdentityError.

        Of any number of processes that call this at once, exactly one creates the key.
        """
        with self._lock:
            created = False
            if self._key is None:
                try:
                    created = self._create_if_missing()
                    self._key = self._load()
                    self._ensure_public_file(self._key)
                except OSError as exc:
                    reason = os.strerror(exc.errno) if exc.errno else type(exc).__name__
                    raise IdentityError(f"the key {KEY_NAME} can't be used: {reason}") from exc
            return self._key, created

    def load_key(self) -> Key:
        """The key; created if missing. Raises IdentityError."""
        return self.ensure_key()[0]

    def _create_if_missing(self) -> bool:
        if self.path.exists():
            return False
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        private = Ed25519PrivateKey.generate()
        data = private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
        # A complete file that is given its name only if nobody has it: others see all or nothing.
        temporary = self.path.with_name(f".{KEY_NAME}-{secrets.token_hex(8)}")
        try:
            _write_new(temporary, data, 0o600)
            return self._link(temporary, data)
        finally:
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()

    def _link(self, temporary: Path, data: bytes) -> bool:
        try:
            os.link(temporary, self.path)
        except FileExistsError:
            return False
        except OSError as exc:
            if exc.errno not in _LINK_UNSUPPORTED:
                raise
            try:
                _write_new(self.path, data, 0o600)
            except FileExistsError:
                return False
        return True

    def _load(self) -> Key:
        while True:
            data, age_s = self._read()
            try:
                private = serialization.load_ssh_private_key(data, password=None)
                break
            except TypeError as exc:
                raise IdentityError(f"the key {KEY_NAME} is protected by a passphrase") from exc
            except (ValueError, UnsupportedAlgorithm) as exc:
                if not 0 <= age_s < _HALF_WRITTEN_S:
                    raise IdentityError(f"the key {KEY_NAME} is damaged") from exc
                time.sleep(0.05)
        if not isinstance(private, Ed25519PrivateKey):
            raise IdentityError(f"the key {KEY_NAME} is no ed25519 key")
        return Key.of(private)

    def _read(self) -> tuple[bytes, float]:
        """The file's content, and for how long it has not been written."""
        descriptor = os.open(self.path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with open(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise IdentityError(f"the key {KEY_NAME} is no regular file")
            if os.name != "nt" and status.st_mode & 0o077:
                raise IdentityError(
                    f"the key {KEY_NAME} can be read by others; make it private (chmod 600)"
                )
            return file.read(MAX_KEY_BYTES), time.time() - status.st_mtime

    def _ensure_public_file(self, key: Key) -> None:
        """For people and other programs; we never read it, and can do without it."""
        path = self.path.with_name(f"{KEY_NAME}.pub")
        if path.exists():
            return
        try:
            _write_new(path, f"{key.public_line}\n".encode(), 0o644)
        except FileExistsError:
            logger.debug("another process has just written %s", path.name)
        except OSError as exc:
            logger.warning("the public key can't be written: %s", exc.strerror)


def _write_new(path: Path, data: bytes, mode: int) -> None:
    """Raises FileExistsError and other OSErrors."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
