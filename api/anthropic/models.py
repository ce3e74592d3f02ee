"""Models as the Anthropic dialect lists them. Pure.

The routes are those of the OpenAI dialect; who asks is told by a header.
"""

from collections.abc import Mapping, Sequence

import msgspec

from api.server.timestamps import format_utc_ns
from engine.library.model import Model

VERSION_HEADER = "anthropic-version"


class ModelInfo(msgspec.Struct):
    """One model."""

    type: str
    id: str
    display_name: str
    created_at: str


class ModelPage(msgspec.Struct):
    """All of them: one page is enough."""

    data: list[ModelInfo]
    has_more: bool
    first_id: str | None
    last_id: str | None


def is_anthropic(headers: Mapping[str, str]) -> bool:
    """Whether a request comes from a client of this dialect."""
    return VERSION_HEADER in headers


def model_info(model: Model, requested: str = "") -> ModelInfo:
    """A model, under the name that it was asked for by."""
    name = requested or model.name.short
    created_at = format_utc_ns(int(model.modified_at.timestamp()) * 1_000_000_000)
    return ModelInfo("model", name, model.name.short, created_at)


def model_page(models: Sequence[Model]) -> ModelPage:
    """The answer to a list, in the order of `models`."""
    data = [model_info(model) for model in models]
    return ModelPage(data, False, data[0].id if data else None, data[-1].id if data else None)
