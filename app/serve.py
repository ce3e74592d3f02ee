"""Builds the server from the settings: library, scheduler, engine, HTTP application.

Shared by `corral serve` and the desktop app's server thread.
"""

import logging
import platform
import sys
from pathlib import Path

from fastapi import FastAPI

from api.server.application import ServerSettings, create_app
from app import paths
from app.proxies import find_proxy
from app.settings import Settings, process_environment
from app.version import CORRAL_VERSION, OLLAMA_API_VERSION
from engine.engine import Engine
from engine.identity.errors import IdentityError
from engine.identity.key import Identity
from engine.library.library import Library
from engine.registry.account import Account
from engine.registry.pull import Puller
from engine.registry.settings import RegistrySettings
from engine.scheduler.environment import select_runner_environment
from engine.scheduler.scheduler import Scheduler, SchedulerSettings

_LOG = logging.getLogger("corral.serve")


def build_app(settings: Settings) -> FastAPI:
    """The application, ready to serve. It owns its engine and closes it when it shuts down."""
    library = Library(
        settings.models,
        bundled=paths.bundled_models(),
        go_template=settings.go_template,
        keep_layers=settings.noprune,
    )
    library.prune()
    engine = Engine(
        library, Scheduler(scheduler_settings(settings)), go_template=settings.go_template
    )
    identity = Identity(paths.ollama_folder())
    _ensure_key(identity)
    registry = RegistrySettings(user_agent=user_agent(), find_proxy=find_proxy)
    return create_app(
        engine,
        ServerSettings(
            version=OLLAMA_API_VERSION,
            corral_version=CORRAL_VERSION,
            host=settings.host.host,
            port=settings.host.port,
            origins=settings.origins,
        ),
        puller=Puller(library, identity, registry),
        account=Account(identity, platform.node(), registry),
    )


def _ensure_key(identity: Identity) -> None:
    """Make the key of this machine, if it has none; what needs it fails by itself without one."""
    try:
        key, created = identity.ensure_key()
    except IdentityError as exc:
        _LOG.warning("%s; registries that want a signature will refuse us", exc)
        return
    if created:
        _LOG.info("Couldn't find '%s'. Generating new private key.", identity.path)
        _LOG.info("Your new public key is: %s", key.public_line)


def user_agent() -> str:
    """How we introduce ourselves. Registries keep new models from old versions of Ollama."""
    system = f"{platform.machine()} {platform.system().lower()}"
    return f"ollama/{OLLAMA_API_VERSION} ({system}) corral/{CORRAL_VERSION}"


def scheduler_settings(settings: Settings) -> SchedulerSettings:
    """The scheduler's part of the settings."""
    return SchedulerSettings(
        runner_command=runner_command(),
        runner_environment=select_runner_environment(
            process_environment(), frozen=getattr(sys, "frozen", False)
        ),
        keep_alive_s=settings.keep_alive_s,
        max_loaded_models=settings.max_loaded_models,
        max_queue=settings.max_queue,
        num_parallel=settings.num_parallel,
        context_length=settings.context_length,
        load_timeout_s=settings.load_timeout_s,
        flash_attention=settings.flash_attention,
        kv_cache_type=settings.kv_cache_type,
        cache_folder=str(paths.prefix_cache_folder()),
        cache_disk_bytes=settings.cache_disk_bytes,
        cache_ram_bytes=settings.cache_ram_bytes,
    )


def runner_command() -> tuple[str, ...]:
    """How to start a runner: the frozen console program again, or this interpreter."""
    if getattr(sys, "frozen", False):
        # The window's executable loads Qt before it reads its arguments; the console one does not.
        frozen = Path(sys.executable)
        return (str(frozen.with_name(f"corral{frozen.suffix}")), "--runner")
    return (sys.executable, "-m", "app.runner")
