"""Models as the lists of the native dialect show them (spec 1.10, 1.11). Pure."""

import dataclasses
from typing import Any

import msgspec

from api.server.timestamps import format_expiry, format_local
from engine.library.model import Model, ModelDetails
from engine.library.show import ShowReply
from engine.prompt.messages import Message
from engine.scheduler.scheduler import LoadedModel

_ALWAYS_SHOWN = frozenset({"model_info", "details", "modified_at"})


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


def details_reply(details: ModelDetails, parent_model: str) -> Details:
    """Without the lengths, which only /api/tags shows."""
    return Details(
        parent_model=parent_model,
        format=details.format,
        family=details.family,
        families=details.families,
        parameter_size=details.parameter_size,
        quantization_level=details.quantization_level,
    )


def tags_entry(model: Model) -> TagsEntry:
    """A model of the library."""
    known = model.details
    details = details_reply(known, known.parent_model)
    details.context_length = known.context_length or msgspec.UNSET
    details.embedding_length = known.embedding_length or msgspec.UNSET
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
        details=details_reply(model.details, ""),
        expires_at=format_expiry(loaded.expires_at),
        size_vram=loaded.size_gpu_bytes,
        context_length=loaded.num_ctx,
    )


def show_reply(reply: ShowReply) -> dict[str, Any]:
    """The object of /api/show, without what is empty."""
    values = {field.name: getattr(reply, field.name) for field in dataclasses.fields(reply)}
    values["details"] = details_reply(reply.details, reply.details.parent_model)
    values["messages"] = [_show_message(message) for message in reply.messages]
    values["modified_at"] = format_local(reply.modified_at)
    return {name: value for name, value in values.items() if value or name in _ALWAYS_SHOWN}


def _show_message(message: Message) -> dict[str, str]:
    return {"role": message.role, "content": message.content}
