"""`Library`: all models this program knows, as one thing. Disk only; thread-safe.

Models come from the user's own store, which is the only one ever written, from further stores
that are read only, and from single files bundled with the program. A name that occurs more than
once means the first of them, in that order.
"""

import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.errors import EngineError, ModelNotFoundError
from engine.library.bundled import BundledModels
from engine.library.create import Creation
from engine.library.createrequest import CreateRequest, Progress
from engine.library.digests import Digest
from engine.library.errors import (
    DamagedModelError,
    InvalidNameError,
    ReadOnlyModelError,
    SourceNotFoundError,
    StorageError,
)
from engine.library.gotext import quote
from engine.library.headers import HeaderCache
from engine.library.model import Model
from engine.library.names import ModelName
from engine.library.reader import ModelReader, Source
from engine.library.show import ShowReply, describe
from engine.library.store import Store

logger = logging.getLogger(__name__)

PRUNE_GRACE_S = 3600.0
"""Blobs younger than this may belong to a model that another process is about to write."""


class Library:
    """The models on this machine."""

    def __init__(
        self,
        root: Path,
        read_only_roots: Sequence[Path] = (),
        bundled: Mapping[str, Path] | None = None,
        *,
        go_template: bool | None = None,
        keep_layers: bool = False,
    ) -> None:
        """`go_template`: which template wins where a model has two (spec 0, OLLAMA_GO_TEMPLATE).
        `keep_layers`: never delete layers that nothing needs any more (OLLAMA_NOPRUNE).
        """
        self._headers = HeaderCache()
        self._reader = ModelReader(self._headers, go_template)
        self._own = Store(root)
        self._sources: tuple[Source, ...] = (
            self._own,
            *(Store(path, read_only=True) for path in read_only_roots),
            BundledModels(bundled or {}, self._headers),
        )
        self.keeps_layers = keep_layers
        self._lock = threading.RLock()
        """Held while manifests change, and while layers are deleted."""
        self._pins: Counter[Digest] = Counter()
        """Blobs that a model in the making needs."""

    # --- reading -----------------------------------------------------------------------------

    def list(self) -> list[Model]:
        """All models: the user's own, newest first, then the read-only ones, newest first.

        A damaged model is left out with a warning in the log; it hides no other.
        """
        models: dict[str, Model] = {}
        for source in self._sources:
            for name in source.names():
                if name.key in models:
                    continue
                try:
                    models[name.key] = self._reader.load(source, name)
                except ModelNotFoundError:
                    continue  # deleted since its name was read
                except EngineError as exc:
                    logger.warning("model %s is left out: %s", name.short, exc)
        self._reader.forget({model.name for model in models.values()})
        return sorted(
            models.values(),
            key=lambda model: (model.read_only, -model.modified_at.timestamp(), model.name.short),
        )

    def get(self, name: ModelName | str) -> Model:
        """A model with all its parts.

        Raises InvalidNameError, ModelNotFoundError, DamagedModelError, StorageError.
        """
        raw = name if isinstance(name, str) else name.short
        source, found = self._find(_parse(name), raw)
        return self._reader.load(source, found)

    def show(
        self,
        name: ModelName | str,
        *,
        verbose: bool = False,
        system: str = "",
        options: Mapping[str, Any] | None = None,
    ) -> ShowReply:
        """All that can be told about a model (spec 1.9).

        Raises as `get`; the message of ModelNotFoundError holds the short name.
        """
        model = self.get(_parse(name))
        return describe(model, self._headers, verbose=verbose, system=system, options=options or {})

    def _find(self, name: ModelName, raw: str) -> tuple[Source, ModelName]:
        for source in self._sources:
            found = source.locate(name)
            if found is not None:
                return source, found
        raise ModelNotFoundError(raw)

    # --- changing ----------------------------------------------------------------------------

    def copy(self, source: ModelName | str, destination: ModelName | str) -> None:
        """Give a model a second name; a model that had it is replaced (spec 1.12).

        Raises InvalidNameError, SourceNotFoundError, DamagedModelError, StorageError.
        """
        from_name = _parse(source, "source {} is invalid")
        to_name = _parse(destination, "destination {} is invalid")
        try:
            origin, found = self._find(from_name, str(source))
        except ModelNotFoundError as exc:
            raise SourceNotFoundError(exc.name) from exc
        with contextlib.ExitStack() as pins:
            with self._lock:
                stored = origin.load_manifest(found)
                pins.enter_context(self.pinned(stored.manifest.digests))
            self._adopt(origin, stored.manifest.digests)
            replaced = self.put_manifest(to_name, stored.data)
        self.drop_layers(replaced)

    def delete(self, name: ModelName | str) -> None:
        """Remove a model and the layers that no other model needs (spec 1.12).

        Raises InvalidNameError, ModelNotFoundError, ReadOnlyModelError, StorageError.
        """
        parsed = _parse(name, "name {} is invalid")
        raw = name if isinstance(name, str) else name.short
        with self._lock:
            found = self._own.locate(parsed)
            if found is None:
                source, _ = self._find(parsed, raw)
                place = (
                    "built in" if isinstance(source, BundledModels) else "in a read-only library"
                )
                raise ReadOnlyModelError(f"model '{raw}' is {place} and can't be deleted")
            layers = self._layers_of(found)
            self._own.delete_manifest(found)
            self.drop_layers(layers)

    def create(self, request: CreateRequest) -> Iterator[Progress]:
        """Make a model (spec 8). The work is done as the reports are taken.

        Raises InvalidNameError and CreateError at once for a request that can't be right, and
        CreateError, ModelNotFoundError, GGUFError, DamagedModelError, StorageError from the
        iteration. Nothing but unreferenced blobs is left of a creation that fails or is closed.
        """
        request.validate()
        return self._create(request)

    def _create(self, request: CreateRequest) -> Iterator[Progress]:
        with contextlib.ExitStack() as pins:

            def find(name: str) -> Model:
                with self._lock:
                    model = self.get(name)
                    pins.enter_context(self.pinned(model.manifest.digests))
                return model

            creation = Creation(
                request,
                store=self._own,
                headers=self._headers,
                find=find,
                adopt=self._adopt_from,
                pin=lambda digest: pins.enter_context(self.pinned((digest,))),
            )
            yield from creation.run()
            name = ModelName.parse(request.model)
            replaced = self.put_manifest(name, creation.manifest.encode())
        self.drop_layers(replaced)
        yield Progress("success")

    def prune(self, grace_s: float = PRUNE_GRACE_S) -> int:
        """Tidy the user's store as at every start (spec 3.3); how many files were deleted.

        Does nothing but rename old blobs if a manifest can't be read, or if layers are kept.
        """
        with self._lock:
            self._own.rename_legacy_blobs()
            if self.keeps_layers:
                return 0
            try:
                keep = self._own.load_references() | frozenset(self._pins)
            except (DamagedModelError, StorageError) as exc:
                logger.warning("unused layers are kept, for a manifest can't be read: %s", exc)
                return 0
            before = time.time() - grace_s
            deleted = self._own.prune_blobs(keep, before) + self._own.prune_manifests(before)
            self._own.delete_empty_folders()
            return deleted

    # --- blobs -------------------------------------------------------------------------------

    def has_blob(self, digest: Digest) -> bool:
        """Whether the user's store has a blob."""
        return self._own.has_blob(digest)

    def blob_path(self, digest: Digest) -> Path:
        """Where a blob of the user's store lies or would lie."""
        return self._own.blob_path(digest)

    def write_blob(
        self, digest: Digest, chunks: Iterable[bytes], max_bytes: int | None = None
    ) -> bool:
        """Store an upload; False if the blob was there already (then `chunks` are not read).

        Raises DigestMismatchError, BlobTooLargeError beyond `max_bytes`, StorageError; nothing is
        left of the upload then.
        """
        return self._own.write_blob(digest, chunks, max_bytes)

    def download_path(self, digest: Digest) -> Path:
        """Where a blob grows while it is downloaded; its state lies beside it, with ".json"."""
        return self._own.download_path(digest)

    def publish_download(self, digest: Digest) -> None:
        """A download that is complete and verified becomes the blob. Raises StorageError."""
        self._own.publish_download(digest)

    # --- layers ------------------------------------------------------------------------------

    def _adopt_from(self, model: Model) -> None:
        """Have all blobs of a model in the user's store."""
        source, _ = self._find(model.name, model.name.short)
        self._adopt(source, model.manifest.digests)

    def _adopt(self, source: Source, digests: frozenset[Digest]) -> None:
        for digest in sorted(digests):
            if source is self._own:
                if not self._own.has_blob(digest):
                    raise DamagedModelError(f"a part of the model is missing ({digest})")
            elif isinstance(source, BundledModels):
                self._adopt_bundled(source, digest)
            else:
                self._own.adopt_blob(digest, source.blob_path(digest), may_link=True)

    def _adopt_bundled(self, source: BundledModels, digest: Digest) -> None:
        try:
            path = source.blob_path(digest)
        except DamagedModelError:
            self._own.write_blob(digest, (source.read_blob(digest, 0),))
        else:
            # No link: an update of the program may change the file in place.
            self._own.adopt_blob(digest, path, may_link=False)

    def put_manifest(self, name: ModelName, data: bytes) -> frozenset[Digest]:
        """Write a manifest, whose blobs are there and pinned; the blobs of the one it replaces.

        Raises StorageError.
        """
        with self._lock:
            found = self._own.locate(name)
            layers = frozenset[Digest]() if found is None else self._layers_of(found)
            self._own.write_manifest(self._own.canonical(name), data)
            return layers

    def _layers_of(self, name: ModelName) -> frozenset[Digest]:
        """Blobs of a model that is about to go; none if its manifest can't be read."""
        try:
            return self._own.load_manifest(name).manifest.digests
        except (DamagedModelError, StorageError) as exc:
            logger.warning("the layers of %s are not looked for: %s", name.short, exc)
            return frozenset()

    def drop_layers(self, digests: frozenset[Digest]) -> None:
        """Delete those blobs that nothing needs; all stay if that can't be known."""
        if self.keeps_layers or not digests:
            return
        with self._lock:
            try:
                needed = self._own.load_references()
                for digest in digests - needed - frozenset(self._pins):
                    self._own.delete_blob(digest)
            except (DamagedModelError, StorageError) as exc:
                logger.warning("unused layers are kept: %s", exc)

    @contextlib.contextmanager
    def pinned(self, digests: Iterable[Digest]) -> Iterator[None]:
        """No deletion of these blobs while the body runs, whether they are there yet or not."""
        pinned = Counter(digests)
        with self._lock:
            self._pins += pinned
        try:
            yield
        finally:
            with self._lock:
                self._pins -= pinned  # drops what falls to zero


def _parse(name: ModelName | str, message: str = "invalid model name") -> ModelName:
    """`message` may hold {} for the quoted name."""
    if isinstance(name, ModelName):
        return name
    try:
        return ModelName.parse(name)
    except InvalidNameError as exc:
        raise InvalidNameError(name, message.format(quote(name))) from exc
