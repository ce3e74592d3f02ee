"""Pulling a model: from a name to a model in the library (spec 4.2). Event loop; work in threads.

The order of things keeps the library sound at every moment: nothing is deleted before the new
manifest is in place, the manifest appears when all blobs are there, and a blob appears when its
digest is proven.
"""

import asyncio
import contextlib
import logging
import shutil
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from engine.identity.key import Identity
from engine.library.createrequest import Progress
from engine.library.digests import Digest
from engine.library.errors import DamagedModelError, DiskFullError
from engine.library.library import Library
from engine.library.manifests import Layer, Manifest
from engine.library.names import ModelName
from engine.registry.download import BlobDownload
from engine.registry.downloads import Downloads
from engine.registry.errors import BadAnswerError, RegistryError
from engine.registry.partial import PartialFile
from engine.registry.repository import Repository
from engine.registry.settings import RegistrySettings

logger = logging.getLogger(__name__)

T = TypeVar("T")

PROGRESS_INTERVAL_S = 0.1
SPARE_BYTES = 64 * 1024 * 1024
"""What a download must leave free on the disk."""
_MAX_THREADS = 32


@dataclass(frozen=True)
class PullRequest:
    """What to pull."""

    model: str
    insecure: bool = False
    """Use http, and allow redirects to http."""
    may_be_private: bool = True
    """The registry may lie in a private network: the one who names it sits at this machine."""


class Puller:
    """Pulls models into one library. Any number at a time."""

    def __init__(
        self, library: Library, identity: Identity, settings: RegistrySettings | None = None
    ) -> None:
        self._library = library
        self._identity = identity
        self._settings = settings or RegistrySettings()
        self._downloads = Downloads()
        self._threads = ThreadPoolExecutor(_MAX_THREADS, "pull")

    async def close(self) -> None:
        """Stop all downloads; what has arrived stays, to go on from later."""
        await self._downloads.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def pull(self, request: PullRequest) -> AsyncGenerator[Progress, None]:
        """The steps of a pull, "success" last. Closing it stops the pull.

        Raises InvalidNameError at once, and RegistryError, IdentityError, StorageError from the
        iteration.
        """
        return self._pull(request, ModelName.parse(request.model))

    async def _pull(self, request: PullRequest, name: ModelName) -> AsyncGenerator[Progress, None]:
        yield Progress("pulling manifest")
        data = await self._fetch_manifest(request, name)
        manifest = _decode(data)
        layers = _distinct(manifest)
        async with contextlib.AsyncExitStack() as stack:
            pins = self._library.pinned(manifest.digests)
            await self._run(pins.__enter__)
            stack.push_async_callback(self._run, lambda: pins.__exit__(None, None, None))
            await self._run(lambda: self._check_space(layers))
            for layer in layers:
                steps = self._pull_layer(request, name, layer)
                async with contextlib.aclosing(steps):
                    async for progress in steps:
                        yield progress
            yield Progress("verifying sha256 digest")
            missing = await self._run(lambda: [one for one in layers if not self._has(one)])
            if missing:
                raise RegistryError(
                    "a part of the model was deleted while others were pulled; pull it again"
                )
            yield Progress("writing manifest")
            replaced = await self._run(lambda: self._library.put_manifest(name, data))
        unused = replaced - manifest.digests
        if unused and not self._library.keeps_layers:
            yield Progress("removing unused layers")
            await self._run(lambda: self._library.drop_layers(unused))
        yield Progress("success")

    async def _fetch_manifest(self, request: PullRequest, name: ModelName) -> bytes:
        repository = self._repository(request, name)

        def fetch() -> bytes:
            try:
                return repository.fetch_manifest_patiently()
            finally:
                repository.close()

        try:
            return await self._run(fetch)
        except asyncio.CancelledError:
            repository.abort()
            raise
        except RegistryError as exc:
            raise RegistryError(f"pull model manifest: {exc}") from exc

    async def _pull_layer(
        self, request: PullRequest, name: ModelName, layer: Layer
    ) -> AsyncGenerator[Progress, None]:
        status, digest = f"pulling {layer.digest.hex[:12]}", str(layer.digest)
        if await self._run(lambda: self._has(layer)):
            yield Progress(status, digest, layer.size, layer.size)
            return
        make = self._download_maker(request, name, layer)
        async with self._downloads.join(layer.digest, make) as download:
            if download.size != layer.size:
                raise BadAnswerError(f"two manifests disagree about the size of {digest}")
            done = asyncio.wrap_future(download.done)
            done.add_done_callback(_look_at)
            while not done.done():
                yield Progress(status, digest, layer.size, download.completed)
                await asyncio.wait({done}, timeout=PROGRESS_INTERVAL_S)
            await done
        yield Progress(status, digest, layer.size, layer.size)

    def _download_maker(
        self, request: PullRequest, name: ModelName, layer: Layer
    ) -> Callable[[], BlobDownload]:
        def make() -> BlobDownload:
            partial = PartialFile(
                self._library.download_path(layer.digest),
                layer.size,
                chunk_bytes=self._settings.chunk_bytes,
                max_chunks=self._settings.max_chunks,
            )
            return BlobDownload(
                layer.digest,
                partial,
                self._repository(request, name),
                self._library.publish_download,
                self._settings,
            )

        return make

    def _repository(self, request: PullRequest, name: ModelName) -> Repository:
        return Repository(
            name,
            self._settings,
            self._identity.load_key,
            insecure=request.insecure,
            may_be_private=request.may_be_private,
        )

    def _has(self, layer: Layer) -> bool:
        """Whether the blob is here; one of another size is no such blob, whatever its name."""
        try:
            return self._library.blob_path(layer.digest).stat().st_size == layer.size
        except OSError:
            return False

    def _check_space(self, layers: tuple[Layer, ...]) -> None:
        missing = [layer for layer in layers if not self._has(layer)]
        if not missing:
            return
        here = sum(self._allocated(layer) for layer in missing)
        needed = sum(layer.size for layer in missing) - here
        free = _free_bytes(self._library.blob_path(missing[0].digest).parent)
        if needed + SPARE_BYTES > free:
            raise DiskFullError(
                f"not enough space on the disk: the model needs {needed / 1e9:.1f} GB more, "
                f"{free / 1e9:.1f} GB are free"
            )

    def _allocated(self, layer: Layer) -> int:
        return PartialFile(
            self._library.download_path(layer.digest), layer.size, chunk_bytes=1, max_chunks=1
        ).allocated_bytes()

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _look_at(future: "asyncio.Future[None]") -> None:
    """Whoever has left does not want to hear of a failure; asyncio would log it."""
    if not future.cancelled():
        future.exception()


def _decode(data: bytes) -> Manifest:
    try:
        return Manifest.decode(data)
    except DamagedModelError as exc:
        raise BadAnswerError(f"pull model manifest: {exc}") from exc


def _distinct(manifest: Manifest) -> tuple[Layer, ...]:
    """Layers in order, then the configuration, each digest once.

    Raises BadAnswerError if one digest comes with two sizes.
    """
    found: dict[Digest, Layer] = {}
    for layer in (*manifest.layers, manifest.config):
        if found.setdefault(layer.digest, layer).size != layer.size:
            raise BadAnswerError(f"pull model manifest: it gives {layer.digest} more than one size")
    return tuple(found.values())


def _free_bytes(folder: Path) -> int:
    """Of the disk that the folder lies on or, if it is not there yet, will lie on."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free
