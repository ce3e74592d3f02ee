"""How a model is to be loaded, and whether a loaded one will do for a request (spec 6.3 to 6.6).

`inspect_model` reads the model file's header (disk; call it in a thread); the rest is pure.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from engine import frames
from engine.errors import ModelNotFoundError
from engine.hardware.memory import SystemMemory
from engine.library.manifests import ADAPTER, MODEL
from engine.library.model import Model
from engine.options import Options
from engine.scheduler.memory import kv_bytes_per_token
from engine.scheduler.settings import SchedulerSettings

DEFAULT_NUM_CTX = 4096
"""Automatic context of a machine without a GPU (spec 6.5)."""
MIN_NUM_CTX = 4
MIN_VISION_NUM_CTX = 2048
MAX_AUTOMATIC_PARALLEL = 4
MAX_EMBEDDING_BATCH = 2048
KV_SHARE = 0.25
"""Automatic slots: the KV cache of all of them may take this much of what the weights leave."""
_GIB = 1024**3
CACHE_RAM_SHARE = 0.1
"""Of the memory that a model leaves: what its runner may use for prefixes beyond the context."""
MAX_CACHE_RAM_BYTES = 8 * _GIB

_SINGLE_SEQUENCE_FAMILIES = frozenset(
    {
        "mllama",
        "qwen3vl",
        "qwen3vlmoe",
        "qwen35",
        "qwen35moe",
        "qwen3next",
        "lfm2",
        "lfm2moe",
        "nemotron_h",
        "nemotron_h_moe",
        "nemotron_h_omni",
    }
)


@dataclass(frozen=True)
class ModelFacts:
    """What a model's files say about the memory it needs."""

    weights_bytes: int
    """All files that get loaded."""
    num_ctx_train: int
    """0: not stated."""
    kv_bytes_per_token: int
    is_single_sequence: bool
    has_vision: bool


@dataclass(frozen=True)
class LoadPlan:
    """A model's load command and what it was decided from."""

    load: frames.Load
    options: Options
    facts: ModelFacts
    predicted_bytes: int


def model_files(model: Model) -> tuple[Path, ...]:
    """Every file that loading the model reads."""
    return (model.weights_path, *model.adapter_paths, *model.projector_paths)


def inspect_model(model: Model, kv_cache_type: str) -> ModelFacts:
    """Read sizes and header. Raises ModelNotFoundError (a file is missing), GGUFError."""
    try:
        weights_bytes = sum(path.stat().st_size for path in model_files(model))
    except FileNotFoundError as exc:
        raise ModelNotFoundError(model.name.short) from exc
    header = model.header
    families = {header.architecture, model.config.model_family}
    context_length = header.metadata.get(f"{header.architecture}.context_length")
    return ModelFacts(
        weights_bytes=weights_bytes,
        num_ctx_train=context_length if isinstance(context_length, int) else 0,
        kv_bytes_per_token=kv_bytes_per_token(header.metadata, kv_cache_type),
        is_single_sequence=bool(families & _SINGLE_SEQUENCE_FAMILIES)
        or "completion" not in model.capabilities,
        has_vision="vision" in model.capabilities,
    )


def plan_load(
    model: Model,
    options: Options,
    facts: ModelFacts,
    settings: SchedulerSettings,
    memory: SystemMemory,
    *,
    embedding: bool = False,
) -> LoadPlan:
    """Decide context, slots and batch size from the request and the memory that is free."""
    num_ctx = effective_num_ctx(options, facts, settings)
    kv_bytes = num_ctx * facts.kv_bytes_per_token
    num_parallel = 1 if embedding else _choose_parallel(facts, kv_bytes, settings, memory)
    predicted_bytes = facts.weights_bytes + kv_bytes * num_parallel
    num_batch = options.num_batch
    if num_batch is None and embedding:
        num_batch = min(MAX_EMBEDDING_BATCH, num_ctx)
    if num_batch is None:
        total_ctx = num_ctx * num_parallel
        num_batch = _choose_batch(total_ctx, predicted_bytes, memory.available_bytes)
    load = frames.Load(
        model_path=str(model.weights_path.absolute()),
        num_ctx=num_ctx,
        num_parallel=num_parallel,
        adapter_paths=tuple(str(path.absolute()) for path in model.adapter_paths),
        num_batch=num_batch,
        num_gpu_layers=options.num_gpu,
        main_gpu=options.main_gpu,
        use_mmap=options.use_mmap,
        num_threads=options.num_thread,
        flash_attention=settings.flash_attention,
        kv_cache_type=settings.kv_cache_type,
        embedding=embedding,
        model_digest=_digest(model),
        cache_ram_bytes=_choose_cache_ram(settings, predicted_bytes, memory),
        cache_folder=settings.cache_folder,
        cache_disk_bytes=settings.cache_disk_bytes,
    )
    return LoadPlan(load, options, facts, predicted_bytes)


def _digest(model: Model) -> str:
    """Names the contents of weights and adapters, whatever else the model's manifest says."""
    loaded = [
        f"{layer.media_type} {layer.digest}"
        for layer in model.manifest.layers
        if layer.media_type in (MODEL, ADAPTER)
    ]
    return hashlib.sha256("\n".join(loaded).encode()).hexdigest()


def _choose_cache_ram(
    settings: SchedulerSettings, predicted_bytes: int, memory: SystemMemory
) -> int:
    if settings.cache_ram_bytes is not None:
        return settings.cache_ram_bytes
    spare_bytes = max(0, memory.available_bytes - predicted_bytes)
    return min(MAX_CACHE_RAM_BYTES, int(CACHE_RAM_SHARE * spare_bytes))


def effective_num_ctx(options: Options, facts: ModelFacts, settings: SchedulerSettings) -> int:
    """Context of one sequence: as asked for or automatic, within what the model can do."""
    num_ctx = options.num_ctx or settings.context_length or DEFAULT_NUM_CTX
    num_ctx = max(num_ctx, MIN_VISION_NUM_CTX if facts.has_vision else MIN_NUM_CTX)
    return min(num_ctx, facts.num_ctx_train) if facts.num_ctx_train > 0 else num_ctx


def plan_serves(plan: LoadPlan, options: Options, settings: SchedulerSettings) -> bool:
    """Whether a model loaded by `plan` will do for a request with `options` (spec 6.4).

    `draft_num_predict` is not compared: runners do not draft, so a reload would change nothing.
    """
    loaded = plan.options
    return (
        _same_num_ctx(plan, options, settings)
        and _same_num_batch(plan, options)
        and options.num_gpu in (-1, loaded.num_gpu)
        and options.main_gpu == loaded.main_gpu
        and options.use_mmap in (None, loaded.use_mmap)
        and options.num_thread == loaded.num_thread
    )


def _same_num_ctx(plan: LoadPlan, options: Options, settings: SchedulerSettings) -> bool:
    if options.num_ctx is None and plan.options.num_ctx is None:
        return True
    return effective_num_ctx(options, plan.facts, settings) == plan.load.num_ctx


def _same_num_batch(plan: LoadPlan, options: Options) -> bool:
    if options.num_batch is None:
        return plan.options.num_batch is None
    return options.num_batch == plan.load.num_batch


def _choose_parallel(
    facts: ModelFacts, kv_bytes: int, settings: SchedulerSettings, memory: SystemMemory
) -> int:
    if facts.is_single_sequence:
        return 1
    if settings.num_parallel > 0:
        return settings.num_parallel
    budget = max(0, memory.available_bytes - facts.weights_bytes) * KV_SHARE
    num_parallel = MAX_AUTOMATIC_PARALLEL
    while num_parallel > 1 and kv_bytes * num_parallel > budget:
        num_parallel //= 2
    return num_parallel


def _choose_batch(total_ctx: int, predicted_bytes: int, available_bytes: int) -> int:
    """Tokens decoded together: more for long contexts, as far as memory allows (spec 6.6)."""
    spare_bytes = 0.8 * available_bytes - predicted_bytes
    if total_ctx > 32_768 and predicted_bytes <= 0.6 * available_bytes and spare_bytes >= 2 * _GIB:
        return 2048
    if (
        total_ctx > 4096
        and predicted_bytes <= 0.75 * available_bytes
        and spare_bytes >= 0.75 * _GIB
    ):
        return 1024
    return 512
