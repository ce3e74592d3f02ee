"""Models that come with the program: single GGUF files, served with no manifest and no copy.

Their manifests are made up from the files, always the same way, so that a bundled model has the
digest that its copy in a store would have. Thread-safe.
"""

import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from engine.library.digests import Digest
from engine.library.errors import DamagedModelError
from engine.library.files import hash_file, storage_errors
from engine.library.gotext import human_number
from engine.library.headers import HeaderCache
from engine.library.manifests import (
    CONFIG_MEDIA_TYPE,
    MODEL,
    Layer,
    Manifest,
    ModelConfig,
)
from engine.library.names import ModelName
from engine.library.store import Stamp, StoredManifest


class BundledModels:
    """The same questions that a Store answers, for read-only files outside any store."""

    read_only = True

    def __init__(self, paths: Mapping[str, Path], headers: HeaderCache) -> None:
        """`paths`: model name -> file. Raises InvalidNameError."""
        self._paths = {ModelName.parse(text): path for text, path in paths.items()}
        self._headers = headers
        self._lock = threading.Lock()
        self._known: dict[ModelName, tuple[Stamp, StoredManifest, bytes]] = {}

    def names(self) -> Iterator[ModelName]:
        """All whose file exists."""
        return (name for name, path in self._paths.items() if path.is_file())

    def locate(self, name: ModelName) -> ModelName | None:
        """As in a store."""
        return next((mine for mine in self.names() if mine.matches(name)), None)

    def stamp(self, name: ModelName) -> Stamp:
        """Of the model's file. Raises OSError."""
        status = self._paths[name].stat()
        return (status.st_ino, status.st_size, status.st_mtime_ns)

    def load_manifest(self, name: ModelName) -> StoredManifest:
        """Raises GGUFError for a damaged file, StorageError."""
        return self._load(name)[0]

    def read_blob(self, digest: Digest, max_bytes: int) -> bytes:
        """The configuration of a model whose manifest was loaded; `max_bytes` is never reached."""
        for _, stored, config in self._loaded():
            if stored.manifest.config.digest == digest:
                return config
        raise DamagedModelError(f"a part of the model is missing ({digest})")

    def blob_path(self, digest: Digest) -> Path:
        """The weights of a model whose manifest was loaded. Raises DamagedModelError for others."""
        for _, stored, _ in self._loaded():
            if stored.manifest.layers[0].digest == digest:
                return self._paths[stored.name]
        raise DamagedModelError(f"a part of the model is missing ({digest})")

    def _loaded(self) -> list[tuple[Stamp, StoredManifest, bytes]]:
        with self._lock:
            return list(self._known.values())

    def _load(self, name: ModelName) -> tuple[StoredManifest, bytes]:
        path = self._paths[name]
        with self._lock, storage_errors("read the built-in model"):
            stamp = self.stamp(name)
            known = self._known.get(name)
            if known is None or known[0] != stamp:
                known = (stamp, *self._build(name, path))
                self._known[name] = known
        return known[1], known[2]

    def _build(self, name: ModelName, path: Path) -> tuple[StoredManifest, bytes]:
        header = self._headers.load(path)
        config = ModelConfig(
            model_format="gguf",
            model_family=header.architecture,
            model_families=(header.architecture,),
            model_type=human_number(header.parameter_count),
            file_type=header.file_type,
        ).encode()
        status = path.stat()
        manifest = Manifest(
            Layer(CONFIG_MEDIA_TYPE, Digest.of(config), len(config)),
            (Layer(MODEL, Digest(hash_file(path)), status.st_size),),
        )
        modified_at = datetime.fromtimestamp(status.st_mtime, UTC)
        return StoredManifest(name, manifest.encode(), manifest, modified_at), config
