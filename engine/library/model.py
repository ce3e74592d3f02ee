"""`Model`: one model of the library as a value."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from engine.errors import EngineError
from engine.library.errors import DamagedModelError
from engine.library.ggml import UNKNOWN_FILE_TYPE
from engine.library.gguf import GGUFHeader
from engine.library.gotext import human_number
from engine.library.headers import WeightsSummary
from engine.library.manifests import Manifest, ModelConfig
from engine.library.names import ModelName
from engine.prompt.messages import Message


@dataclass(frozen=True)
class ModelDetails:
    """A model in short, as listings show it (spec 1.9)."""

    parent_model: str
    format: str
    family: str
    families: tuple[str, ...] | None
    parameter_size: str
    quantization_level: str
    context_length: int = 0
    embedding_length: int = 0


@dataclass(frozen=True)
class Model:
    """A model and all its small parts. Equal if name and digest are."""

    name: ModelName
    digest: str
    """SHA-256 hex of the manifest."""
    size_bytes: int = field(compare=False)
    modified_at: datetime = field(compare=False)
    config: ModelConfig = field(compare=False, repr=False)
    manifest: Manifest = field(compare=False, repr=False)
    read_only: bool = field(compare=False)
    _weights_path: Path | None = field(compare=False)
    adapter_paths: tuple[Path, ...] = field(compare=False)
    projector_paths: tuple[Path, ...] = field(compare=False)
    draft_paths: tuple[Path, ...] = field(compare=False)
    template: str | None = field(compare=False, repr=False)
    """The Go template of the manifest."""
    system: str = field(compare=False, repr=False)
    parameters: dict[str, Any] = field(compare=False, repr=False)
    messages: tuple[Message, ...] = field(compare=False, repr=False)
    licenses: tuple[str, ...] = field(compare=False, repr=False)
    parent_model: str = field(compare=False)
    summary: WeightsSummary | None = field(compare=False, repr=False)
    """What the weights' header says in short; None without weights."""
    is_native: bool = field(compare=False)
    """The Jinja template of the weights is used, not `template` (spec 0)."""
    capabilities: tuple[str, ...] = field(compare=False)
    _load_header: Callable[[Path], GGUFHeader] = field(compare=False, repr=False)

    @property
    def weights_path(self) -> Path:
        """The GGUF file. Raises DamagedModelError for a model without one."""
        if self._weights_path is None:
            raise DamagedModelError(f"model '{self.name.short}' has no weights")
        return self._weights_path

    @property
    def has_weights(self) -> bool:
        """False for models that live elsewhere."""
        return self._weights_path is not None

    @property
    def header(self) -> GGUFHeader:
        """Header of the weights, from memory or the disk. Raises GGUFError, DamagedModelError."""
        return self._load_header(self.weights_path)

    @property
    def jinja_template(self) -> str | None:
        """The chat template that came with the weights."""
        return self.summary.chat_template if self.summary else None

    @property
    def problem(self) -> EngineError | None:
        """Why the model can't be used, as far as a look at its files tells."""
        if self.summary is None or not self.summary.problem:
            return None
        return DamagedModelError(f"model '{self.name.short}': {self.summary.problem}")

    @property
    def details(self) -> ModelDetails:
        """From the configuration; what it does not say, from the weights."""
        config, weights = self.config, self.summary or WeightsSummary()
        quantization = config.file_type
        if quantization in ("", UNKNOWN_FILE_TYPE) and not weights.problem:
            quantization = weights.file_type
        size = config.model_type
        if not size and weights.parameter_count:
            size = human_number(weights.parameter_count)
        return ModelDetails(
            parent_model=self.parent_model,
            format=config.model_format,
            family=config.model_family,
            families=config.model_families or None,
            parameter_size=size,
            quantization_level=quantization,
            context_length=config.context_length or weights.context_length,
            embedding_length=config.embedding_length or weights.embedding_length,
        )
