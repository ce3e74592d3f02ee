"""Models as the lists of the native dialect show them (spec 1.10, 1.11). Pure."""

from typing import Any

import msgspec

from api.server.timestamps import format_expiry, format_local
from engine.library.model import Model
from engine.scheduler.scheduler import LoadedModel


class Details(msgspec.Struct, kw_only=True):
    """The `details` object. The two lengths are left out where they are unknown or unwanted."""

    parent_model: str
    format: str
    family: str
    families: tuple[str, ...] | None
    parameter_size: str
    quantization_level: str
    context_length: int | msgspec.UnsetType = msgspec.UNSET
    embedding_length: int | msgspec.UnsetType = msgspec.UNSET


class TagsEntry(msgspec.Struct, kw_only=True):
    """One model of GET /api/tags."""

    name: str
    model: str
    modified_at: str
    size: int
    digest: str
    details: Details
    capabilities: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET


class PsEntry(msgspec.Struct, kw_only=True):
    """One model of GET /api/ps."""

    name: str
    model: str
    size: int
    digest: str
    details: Details
    expires_at: str
    size_vram: int
    context_length: int


def details_of(model: Model, parent_model: str = "") -> Details:
    """What the configuration says about the model."""
    config = model.config
    return Details(
        parent_model=parent_model,
        format=config.model_format,
        family=config.model_family,
        families=config.model_families or None,
        parameter_size=config.model_type,
        quantization_level=config.file_type,
    )


def tags_entry(model: Model) -> TagsEntry:
    """A model of the library."""
    details = details_of(model, model.parent_model)
    details.context_length = model.config.context_length or msgspec.UNSET
    details.embedding_length = model.config.embedding_length or msgspec.UNSET
    return TagsEntry(
        name=model.name.short,
        model=model.name.short,
        modified_at=format_local(model.modified_at),
        size=model.size_bytes,
        digest=model.digest,
        details=details,
        capabilities=model.capabilities or msgspec.UNSET,
    )


def ps_entry(loaded: LoadedModel) -> PsEntry:
    """A model in memory. `details` has no parent, as in Ollama."""
    model = loaded.model
    return PsEntry(
        name=model.name.short,
        model=model.name.short,
        size=loaded.size_bytes,
        digest=model.digest,
        details=details_of(model),
        expires_at=format_expiry(loaded.expires_at),
        size_vram=loaded.size_gpu_bytes,
        context_length=loaded.num_ctx,
    )


def without_empty(values: dict[str, Any], keep: frozenset[str]) -> dict[str, Any]:
    """`values` without those that are empty, except the names in `keep`."""
    return {name: value for name, value in values.items() if value or name in keep}
