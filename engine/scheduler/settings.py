"""What the scheduler is told at its construction. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field

DEFAULT_MAX_LOADED_MODELS = 3
"""Spec 6.3: three models for each GPU, and for a machine without one."""


@dataclass(frozen=True)
class SchedulerSettings:
    """Limits and defaults of one scheduler; durations in seconds, infinity allowed."""

    runner_command: tuple[str, ...]
    """Program and arguments of a runner process."""
    runner_environment: Mapping[str, str] = field(default_factory=dict)
    """The runner's whole environment (see environment.py); nothing else is inherited."""
    keep_alive_s: float = 300
    """How long an idle model stays loaded when no request says otherwise; inf: for ever."""
    max_loaded_models: int = 0
    """0: `DEFAULT_MAX_LOADED_MODELS`."""
    max_queue: int = 512
    """Requests that may wait behind the one that is being placed."""
    num_parallel: int = 0
    """Slots of each model; 0: chosen from the free memory (load_plan.py)."""
    context_length: int = 0
    """Context of a model whose request names none; 0: `load_plan.DEFAULT_NUM_CTX`."""
    load_timeout_s: float = 300
    """Longest silence of a loading runner. Zero or less: wait for ever."""
    silence_timeout_s: float = 300
    """Longest silence of a runner that owes answers; far above any decode step."""
    health_timeout_s: float = 10
    """How long an idle runner may take to show that it is well, before it is replaced."""
    health_check_after_s: float = 5
    """A runner heard of within this time is taken to be well."""
    stop_timeout_s: float = 5
    """How long a runner may take to exit when asked, before it is made to."""
    flash_attention: bool | None = None
    kv_cache_type: str = "f16"
    cache_folder: str = ""
    """Where runners save evaluated prefixes; empty: nowhere."""
    cache_disk_bytes: int = 20 * 1024**3
    """Most that these may take, all models together; runners also leave most of the free space
    alone. 0: none are saved."""
    cache_ram_bytes: int | None = None
    """Host memory for prefixes of one model; None: a share of what is free (load_plan.py)."""

    @property
    def model_limit(self) -> int:
        """How many models may be loaded at a time."""
        return self.max_loaded_models if self.max_loaded_models > 0 else DEFAULT_MAX_LOADED_MODELS
