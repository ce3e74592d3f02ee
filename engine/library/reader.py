"""Turns manifests into `Model`s, each only once as long as it does not change. Thread-safe."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import msgspec

from engine.errors import ModelNotFoundError
from engine.library.capabilities import find_capabilities, is_native
from engine.library.digests import Digest
from engine.library.errors import DamagedModelError, StorageError
from engine.library.files import storage_errors
from engine.library.headers import HeaderCache
from engine.library.manifests import (
    ADAPTER,
    DRAFT,
    LICENSE,
    MAX_CONFIG_BYTES,
    MESSAGES,
    MODEL,
    PARAMS,
    PROJECTOR,
    PROMPT,
    SYSTEM,
    TEMPLATE,
    Manifest,
    ModelConfig,
)
from engine.library.model import Model
from engine.library.names import ModelName
from engine.library.store import Stamp, StoredManifest
from engine.prompt.messages import Message

logger = logging.getLogger(__name__)

MAX_TEXT_BYTES = 16 * 1024 * 1024
"""Of one text layer."""


class Source(Protocol):
    """Where models are kept: a store, or the bundled ones."""

    read_only: bool

    def names(self) -> Iterator[ModelName]:
        """All models, in no order."""

    def locate(self, name: ModelName) -> ModelName | None:
        """The name as it is written here; None if there is no such model."""

    def stamp(self, name: ModelName) -> Stamp:
        """Raises OSError."""

    def load_manifest(self, name: ModelName) -> StoredManifest:
        """Raises DamagedModelError, StorageError."""

    def read_blob(self, digest: Digest, max_bytes: int) -> bytes:
        """Raises DamagedModelError."""

    def blob_path(self, digest: Digest) -> Path:
        """Where a blob is, if it is there."""


class _WireMessage(msgspec.Struct):
    role: str
    content: str = ""


class ModelReader:
    """Loads models from their sources."""

    def __init__(self, headers: HeaderCache, force_go: bool | None) -> None:
        """`force_go`: see capabilities.is_native."""
        self._headers = headers
        self._force_go = force_go
        self._lock = threading.Lock()
        self._known: dict[tuple[int, ModelName], tuple[Stamp, Model]] = {}

    def load(self, source: Source, name: ModelName) -> Model:
        """A model by the name that `source.locate` gave.

        Raises ModelNotFoundError if it is gone meanwhile, DamagedModelError, StorageError, and
        GGUFError for a bundled model's file.
        """
        key = (id(source), name)
        while True:
            stamp = _stamp(source, name)
            with self._lock:
                known = self._known.get(key)
            if known is not None and known[0] == stamp and self._is_current(known[1]):
                return known[1]
            try:
                model = self._build(source, source.load_manifest(name))
            except (DamagedModelError, StorageError):
                if _stamp(source, name) == stamp:
                    raise
                continue  # it was replaced while we read it, and its old parts are gone
            with self._lock:
                self._known[key] = (stamp, model)
            return model

    def forget(self, names: set[ModelName]) -> None:
        """Drop what is kept of models other than these."""
        with self._lock:
            for key in [key for key in self._known if key[1] not in names]:
                del self._known[key]

    def _is_current(self, model: Model) -> bool:
        """False when weights that were missing have appeared, or the other way round."""
        return (
            not model.has_weights or self._headers.load_summary(model.weights_path) == model.summary
        )

    def _build(self, source: Source, stored: StoredManifest) -> Model:
        manifest = stored.manifest
        config = ModelConfig.decode(source.read_blob(manifest.config.digest, MAX_CONFIG_BYTES))
        weights = manifest.of_type(MODEL)
        weights_path = source.blob_path(weights[0].digest) if weights else None
        # A second model layer is a projector that old programs did not tell apart.
        projectors = (*weights[1:], *manifest.of_type(PROJECTOR))
        projector_paths = tuple(source.blob_path(layer.digest) for layer in projectors)
        summary = self._headers.load_summary(weights_path) if weights_path else None
        template = _last_text(source, manifest, TEMPLATE) or _last_text(source, manifest, PROMPT)
        jinja = summary.chat_template if summary else None
        native = is_native(config, template, jinja, self._force_go)
        capabilities = find_capabilities(
            config,
            summary,
            [self._headers.load_summary(path) for path in projector_paths],
            template,
            native,
        )
        return Model(
            name=stored.name,
            digest=stored.digest,
            size_bytes=manifest.size_bytes,
            modified_at=stored.modified_at,
            config=config,
            manifest=manifest,
            read_only=source.read_only,
            _weights_path=weights_path,
            adapter_paths=tuple(source.blob_path(a.digest) for a in manifest.of_type(ADAPTER)),
            projector_paths=projector_paths,
            draft_paths=tuple(source.blob_path(d.digest) for d in manifest.of_type(DRAFT)),
            template=template,
            system=_last_text(source, manifest, SYSTEM) or "",
            parameters=_parameters(source, manifest),
            messages=_messages(source, manifest),
            licenses=tuple(_text(source, layer.digest) for layer in manifest.of_type(LICENSE)),
            parent_model=weights[0].origin if weights else "",
            summary=summary,
            is_native=native,
            capabilities=capabilities,
            _load_header=self._headers.load,
        )


def _stamp(source: Source, name: ModelName) -> Stamp:
    with storage_errors("read a model's manifest"):
        try:
            return source.stamp(name)
        except FileNotFoundError as exc:
            raise ModelNotFoundError(name.short) from exc


def _text(source: Source, digest: Digest) -> str:
    return source.read_blob(digest, MAX_TEXT_BYTES).decode("utf-8", "replace")


def _last_text(source: Source, manifest: Manifest, media_type: str) -> str | None:
    layers = manifest.of_type(media_type)
    return _text(source, layers[-1].digest) if layers else None


def _parameters(source: Source, manifest: Manifest) -> dict[str, Any]:
    layers = manifest.of_type(PARAMS)
    if not layers:
        return {}
    data = source.read_blob(layers[-1].digest, MAX_TEXT_BYTES)
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError) as exc:
        raise DamagedModelError(f"the model's parameters are damaged: {exc}") from exc


def _messages(source: Source, manifest: Manifest) -> tuple[Message, ...]:
    layers = manifest.of_type(MESSAGES)
    if not layers:
        return ()
    data = source.read_blob(layers[-1].digest, MAX_TEXT_BYTES)
    try:
        wire = msgspec.json.decode(data, type=list[_WireMessage])
    except (msgspec.MsgspecError, RecursionError) as exc:
        raise DamagedModelError(f"the model's messages are damaged: {exc}") from exc
    return tuple(Message(message.role, message.content) for message in wire)
