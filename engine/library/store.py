"""One library root on disk: `manifests/` and `blobs/` (spec 3.2). Thread-safe but for races
between writers of the same manifest, which the library excludes.

Paths inside the root are built here and nowhere else, from `ModelName` and `Digest` only.
"""

import contextlib
import hashlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine.library.digests import Digest
from engine.library.errors import (
    DamagedModelError,
    DigestMismatchError,
    InvalidDigestError,
    InvalidNameError,
)
from engine.library.files import (
    TEMPORARY_PREFIX,
    link_atomically,
    publish_file,
    read_chunks,
    read_file,
    storage_errors,
    sync_folder,
    write_atomically,
)
from engine.library.manifests import MAX_MANIFEST_BYTES, Manifest
from engine.library.names import ModelName

logger = logging.getLogger(__name__)

DOWNLOAD_GRACE_S = 7 * 24 * 3600.0
"""A cut download is worth more than other leftovers: days of someone's network, perhaps."""

Stamp = tuple[object, ...]
"""Changes whenever the file it was taken from changes."""


@dataclass(frozen=True)
class StoredManifest:
    """A manifest as it lies in a store."""

    name: ModelName
    data: bytes
    manifest: Manifest
    modified_at: datetime

    @property
    def digest(self) -> str:
        """SHA-256 hex of the bytes: the digest of the model."""
        return hashlib.sha256(self.data).hexdigest()


def host_folder(host: str, *, windows: bool = os.name == "nt") -> str:
    """Folder name of a host: a port's colon can't stand in file names of Windows."""
    return host.replace(":", "%3A") if windows else host


def folder_host(folder: str, *, windows: bool = os.name == "nt") -> str:
    """The reverse of `host_folder`."""
    return folder.replace("%3A", ":") if windows else folder


class Store:
    """Manifests and blobs below one folder, which need not exist yet."""

    def __init__(self, root: Path, *, read_only: bool = False) -> None:
        self.root = root
        self.read_only = read_only
        self._manifests = root / "manifests"
        self._blobs = root / "blobs"

    # --- manifests ---------------------------------------------------------------------------

    def names(self) -> Iterator[ModelName]:
        """All models, in no order; entries that are no models are passed over."""
        for host in _entries(self._manifests):
            for namespace in _entries(self._manifests / host):
                for model in _entries(self._manifests / host / namespace):
                    for tag in _entries(self._manifests / host / namespace / model):
                        with contextlib.suppress(InvalidNameError):
                            yield ModelName(folder_host(host), namespace, model, tag)

    def locate(self, name: ModelName) -> ModelName | None:
        """The name under which a model lies here; its letters may differ in case."""
        return self._match(self._manifests, name, (), exact=True)

    def canonical(self, name: ModelName) -> ModelName:
        """The name to store a model under: parts that exist keep the case they have."""
        matched = self._match(self._manifests, name, (), exact=False)
        return name if matched is None else matched

    def _match(
        self, folder: Path, name: ModelName, found: tuple[str, ...], *, exact: bool
    ) -> ModelName | None:
        """Go down part by part; candidates that are written the same come first.

        `exact`: only a model that is there; else parts that are missing are taken from `name`.
        """
        if len(found) == 4:
            return ModelName(folder_host(found[0]), *found[1:])
        wanted = name.parts[len(found)]
        if not found:
            wanted = host_folder(wanted)
        entries = (entry for entry in _entries(folder) if entry.isascii())
        same = [entry for entry in entries if entry.lower() == wanted.lower()]
        for entry in sorted(same, key=lambda entry: (entry != wanted, entry)):
            matched = self._match(folder / entry, name, (*found, entry), exact=True)
            if matched is not None:
                return matched
        if exact:
            return None
        first = min(same, key=lambda entry: (entry != wanted, entry), default=wanted)
        return self._match(folder / first, name, (*found, first), exact=False)

    def stamp(self, name: ModelName) -> Stamp:
        """Of the model's manifest. Raises OSError."""
        status = self._manifest_path(name).stat()
        return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    def load_manifest(self, name: ModelName) -> StoredManifest:
        """Raises DamagedModelError and, if it cannot be read, StorageError."""
        path = self._manifest_path(name)
        with storage_errors("read a model's manifest"):
            data = read_file(path, MAX_MANIFEST_BYTES)
            modified_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        return StoredManifest(name, data, Manifest.decode(data), modified_at)

    def write_manifest(self, name: ModelName, data: bytes) -> None:
        """Put a manifest in place of an older one, if there is one. Raises StorageError."""
        path = self._manifest_path(name)
        with storage_errors("write the model's manifest"):
            write_atomically(path, (data,))

    def delete_manifest(self, name: ModelName) -> None:
        """Remove a manifest and the folders that are empty without it. Raises StorageError."""
        path = self._manifest_path(name)
        with storage_errors("delete the model"):
            path.unlink()
            sync_folder(path.parent)
        for folder in path.parents[:3]:
            try:
                folder.rmdir()
            except OSError:
                break  # not empty

    def delete_empty_folders(self) -> None:
        """Remove folders below `manifests` that hold nothing."""
        for folder, _, _ in os.walk(self._manifests, topdown=False):
            if Path(folder) != self._manifests:
                with contextlib.suppress(OSError):  # not empty
                    Path(folder).rmdir()

    def prune_manifests(self, older_than: float) -> int:
        """Delete remains of cut writes, as `prune_blobs` does; how many."""
        deleted = 0
        for folder, _, files in os.walk(self._manifests):
            for file in files:
                if file.startswith(TEMPORARY_PREFIX):
                    deleted += _delete_old(Path(folder) / file, older_than)
        return deleted

    def load_references(self) -> frozenset[Digest]:
        """Every blob that any manifest here needs.

        Raises DamagedModelError or StorageError if one manifest can't be read: then nobody knows
        what it needs, and nothing may be deleted.
        """
        digests: set[Digest] = set()

        def fail(exc: OSError) -> None:
            if not isinstance(exc, FileNotFoundError):  # a folder that is gone holds nothing
                raise exc

        with storage_errors("read the models' manifests"):
            for folder, _, files in os.walk(self._manifests, onerror=fail, followlinks=True):
                for file in files:
                    if file.startswith("."):
                        continue  # a write that was cut, or a file manager's own
                    data = read_file(Path(folder) / file, MAX_MANIFEST_BYTES)
                    digests |= Manifest.decode(data).digests
        return frozenset(digests)

    def _manifest_path(self, name: ModelName) -> Path:
        return self._manifests / host_folder(name.host) / name.namespace / name.model / name.tag

    # --- blobs -------------------------------------------------------------------------------

    def blob_path(self, digest: Digest) -> Path:
        """Where a blob lies or would lie."""
        return self._blobs / digest.file_name

    def download_path(self, digest: Digest) -> Path:
        """Where a blob grows while it is downloaded; its state lies beside it, with ".json".

        Unlike the names that Ollama uses: neither program can continue what the other began.
        """
        return self._blobs / f"{digest.file_name}-download"

    def publish_download(self, digest: Digest) -> None:
        """A download that is complete and verified becomes the blob. Raises StorageError."""
        with storage_errors("store a part of the model"):
            publish_file(self.download_path(digest), self.blob_path(digest))

    def has_blob(self, digest: Digest) -> bool:
        """Whether the blob is there."""
        return self.blob_path(digest).is_file()

    def read_blob(self, digest: Digest, max_bytes: int) -> bytes:
        """A small blob's content. Raises DamagedModelError if it is missing or too long."""
        try:
            return read_file(self.blob_path(digest), max_bytes)
        except OSError as exc:
            reason = os.strerror(exc.errno) if exc.errno else "it can't be read"
            raise DamagedModelError(f"a part of the model is damaged ({digest}): {reason}") from exc

    def write_blob(
        self, digest: Digest, chunks: Iterable[bytes], max_bytes: int | None = None
    ) -> bool:
        """Store a blob; False if it was there already (then `chunks` are not read).

        Raises DigestMismatchError, BlobTooLargeError, StorageError; nothing is left then.
        """
        if self._renew(digest):
            return False
        with storage_errors("store the file"):
            write_atomically(
                self.blob_path(digest), chunks, max_bytes=max_bytes, verify=_verifier(digest)
            )
        return True

    def adopt_blob(self, digest: Digest, source: Path, *, may_link: bool) -> bool:
        """As `write_blob`, from a file; as a second name of that file if that is possible.

        `may_link`: the source never changes (a blob of another store).
        """
        if self._renew(digest):
            return False
        path = self.blob_path(digest)
        with storage_errors("copy a part of the model"):
            if may_link and link_atomically(source, path, _verifier(digest)):
                return True
            write_atomically(path, read_chunks(source), verify=_verifier(digest))
        return True

    def delete_blob(self, digest: Digest) -> None:
        """Remove a blob, if it is there. Raises StorageError."""
        with storage_errors("delete a part of the model"):
            self.blob_path(digest).unlink(missing_ok=True)

    def prune_blobs(self, keep: frozenset[Digest], older_than: float) -> int:
        """Delete blobs not in `keep` and remains of cut writes, if their modification time
        (seconds since 1970) is before `older_than`; how many. Files of others stay.
        """
        deleted = 0
        for entry in _entries(self._blobs):
            if not entry.startswith(("sha256-", TEMPORARY_PREFIX)):
                continue
            try:
                if Digest.parse(entry) in keep:
                    continue
            except InvalidDigestError:
                logger.debug("%s is no blob, perhaps a cut download", entry)
            is_download = "-download" in entry
            before = older_than - DOWNLOAD_GRACE_S if is_download else older_than
            deleted += _delete_old(self._blobs / entry, before)
        return deleted

    def rename_legacy_blobs(self) -> None:
        """`sha256:<hex>`, as old programs named blobs, becomes `sha256-<hex>`."""
        for entry in _entries(self._blobs):
            if not entry.startswith("sha256:"):
                continue
            try:
                path = self.blob_path(Digest.parse(entry))
                if not path.exists():
                    (self._blobs / entry).rename(path)
            except InvalidDigestError:
                logger.info("%s is no blob", entry)
            except OSError as exc:
                logger.warning("could not rename the blob %s: %s", entry, exc.strerror)

    def _renew(self, digest: Digest) -> bool:
        """Whether a blob is there; if so it counts as new, which saves it from pruning."""
        path = self.blob_path(digest)
        if not path.is_file():
            return False
        try:
            os.utime(path)
        except OSError as exc:
            logger.info("could not renew the blob %s: %s", digest, exc.strerror)
        return True


def _delete_old(path: Path, older_than: float) -> bool:
    """Delete a file if it was modified before (seconds since 1970); whether it is gone."""
    try:
        if not path.is_file() or path.stat().st_mtime >= older_than:
            return False
        path.unlink()
    except OSError as exc:
        logger.warning("could not delete the unused file %s: %s", path.name, exc.strerror)
        return False
    return True


def _verifier(digest: Digest) -> Callable[[str], None]:
    def verify(got: str) -> None:
        if got != digest.hex:
            raise DigestMismatchError(str(digest), f"sha256:{got}")

    return verify


def _entries(folder: Path) -> list[str]:
    """Names in a folder; none if there is no such folder or it can't be read."""
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as exc:
        logger.warning("could not read a folder of the model library: %s", exc.strerror)
        return []
