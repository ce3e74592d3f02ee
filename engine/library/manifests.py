"""Manifests and model configurations as values, and their JSON (spec 3.2). Pure.

What is read comes from registries and other programs: it is parsed into types here, before any
file is touched on its behalf.
"""

from dataclasses import dataclass, field
from typing import Any, Self

import msgspec

from engine.library.digests import Digest
from engine.library.errors import DamagedModelError, InvalidDigestError

MAX_MANIFEST_BYTES = 4 * 1024 * 1024
MAX_CONFIG_BYTES = 4 * 1024 * 1024

MANIFEST_MEDIA_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG_MEDIA_TYPE = "application/vnd.docker.container.image.v1+json"

_IMAGE = "application/vnd.ollama.image."
MODEL = _IMAGE + "model"
DRAFT = _IMAGE + "draft"
ADAPTER = _IMAGE + "adapter"
PROJECTOR = _IMAGE + "projector"
TEMPLATE = _IMAGE + "template"
PROMPT = _IMAGE + "prompt"
SYSTEM = _IMAGE + "system"
PARAMS = _IMAGE + "params"
MESSAGES = _IMAGE + "messages"
LICENSE = _IMAGE + "license"
TENSOR = _IMAGE + "tensor"


@dataclass(frozen=True)
class Layer:
    """One blob of a model and what it is."""

    media_type: str
    digest: Digest
    size: int
    origin: str = ""
    """The model it was taken from (`from` on the wire)."""
    name: str = ""


class _WireLayer(msgspec.Struct, omit_defaults=True, rename={"media_type": "mediaType"}):
    # Defaults make a field optional to read; those that are always written get no default value
    # that a real layer could have.
    media_type: str
    digest: str
    size: int
    from_: str = msgspec.field(default="", name="from")
    name: str = ""


class _WireManifest(
    msgspec.Struct, rename={"schema_version": "schemaVersion", "media_type": "mediaType"}
):
    config: _WireLayer
    layers: list[_WireLayer] | None = None
    schema_version: int = 2
    media_type: str = MANIFEST_MEDIA_TYPE


@dataclass(frozen=True)
class Manifest:
    """What a model consists of."""

    config: Layer
    layers: tuple[Layer, ...]

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Raises DamagedModelError if the bytes are no manifest."""
        try:
            wire = msgspec.json.decode(data, type=_WireManifest)
            config = _layer(wire.config)
            layers = tuple(_layer(layer) for layer in wire.layers or ())
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
            raise DamagedModelError(f"the manifest is damaged: {exc}") from exc
        except InvalidDigestError as exc:
            raise DamagedModelError("the manifest is damaged: invalid digest format") from exc
        return cls(config, layers)

    def encode(self) -> bytes:
        """Compact JSON and a newline."""
        body = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_MEDIA_TYPE,
            "config": _wire(self.config),
            "layers": [_wire(layer) for layer in self.layers],
        }
        return msgspec.json.encode(body) + b"\n"

    @property
    def size_bytes(self) -> int:
        """Sizes of all layers and the configuration."""
        return self.config.size + sum(layer.size for layer in self.layers)

    @property
    def digests(self) -> frozenset[Digest]:
        """Every blob the model needs."""
        return frozenset((self.config.digest, *(layer.digest for layer in self.layers)))

    def of_type(self, media_type: str) -> tuple[Layer, ...]:
        """The layers of one media type, in order."""
        return tuple(layer for layer in self.layers if layer.media_type == media_type)


def _layer(wire: _WireLayer) -> Layer:
    if not 0 <= wire.size < 2**63:
        raise DamagedModelError("the manifest is damaged: a layer has an impossible size")
    return Layer(wire.media_type, Digest.parse(wire.digest), wire.size, wire.from_, wire.name)


def _wire(layer: Layer) -> _WireLayer:
    return _WireLayer(
        layer.media_type, str(layer.digest), layer.size, from_=layer.origin, name=layer.name
    )


class _WireConfig(msgspec.Struct, omit_defaults=True):
    """Every field may be missing or null in configurations of other programs."""

    model_format: str | None = ""
    model_family: str | None = ""
    model_families: list[str] | None = None
    model_type: str | None = ""
    file_type: str | None = ""
    renderer: str | None = ""
    parser: str | None = ""
    requires: str | None = ""
    remote_host: str | None = ""
    remote_model: str | None = ""
    capabilities: list[str] | None = None
    context_length: int | None = 0
    embedding_length: int | None = 0
    base_name: str | None = ""
    draft: dict[str, Any] | None = None


@dataclass(frozen=True)
class ModelConfig:
    """What a model's configuration blob says about it."""

    model_format: str = ""
    model_family: str = ""
    model_families: tuple[str, ...] = ()
    model_type: str = ""
    """Parameter count in words, such as "3.2B"."""
    file_type: str = ""
    """Quantisation, such as "Q4_K_M"."""
    renderer: str = ""
    parser: str = ""
    requires: str = ""
    remote_host: str = ""
    remote_model: str = ""
    capabilities: tuple[str, ...] = ()
    context_length: int = 0
    embedding_length: int = 0
    base_name: str = ""
    draft: dict[str, Any] | None = field(default=None, hash=False)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Raises DamagedModelError if the bytes are no configuration."""
        try:
            wire = msgspec.json.decode(data, type=_WireConfig)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
            raise DamagedModelError(f"the model's configuration is damaged: {exc}") from exc
        values = {name: getattr(wire, name) for name in wire.__struct_fields__}
        for name in ("model_families", "capabilities"):
            values[name] = tuple(values[name] or ())
        return cls(**{name: value for name, value in values.items() if value is not None})

    def encode(self) -> bytes:
        """Compact JSON; empty values are left out where readers expect that."""
        body: dict[str, Any] = {
            "model_format": self.model_format,
            "model_family": self.model_family,
            "model_families": list(self.model_families) or None,
            "model_type": self.model_type,
            "file_type": self.file_type,
        }
        for name in _WireConfig.__struct_fields__:
            value = getattr(self, name)
            if name not in body and value:
                body[name] = value
        return msgspec.json.encode({**body, "architecture": "amd64", "os": "linux"})
