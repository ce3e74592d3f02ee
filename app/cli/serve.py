"""`corral serve`: the server in this process, until it is told to stop."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import click

from app import paths
from app.cli import environment
from app.cli.command import Command, exactly
from app.cli.idle import idle_exit
from app.settings import load_settings

_LEVELS = (logging.INFO, logging.DEBUG)
_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_LOG = logging.getLogger("corral.serve")


@click.command(
    "serve",
    cls=Command,
    help="Start Corral",
    usage="serve",
    aliases=("start",),
    rule=exactly(0),
    environment=environment.SERVE,
)
def command(arguments: tuple[str, ...]) -> None:
    """Serve until SIGINT or SIGTERM; both are a success."""
    logging.basicConfig(stream=sys.stderr, format=_LOG_FORMAT, level=_LEVELS[0])
    for chatty in ("httpx2", "uvicorn.error"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    settings = load_settings()
    logging.getLogger().setLevel(_LEVELS[min(settings.debug, 1)])
    # Imported late: this is most of the program, and the address may be taken.
    from api.server.serving import bind, run_server
    from app.serve import build_app

    listener = bind(settings.host.host, settings.host.port)
    address, port = listener.getsockname()[:2]
    with listener, _pid_file(port):
        _LOG.info("listening on %s port %d", address, port)
        application = build_app(settings)
        url = replace(settings.host, port=port).url
        with idle_exit(application.state.activity, url, settings.idle_exit_s):
            run_server(application, listener)


@contextmanager
def _pid_file(port: int) -> Iterator[None]:
    """Tell others which process serves the port, for as long as it does."""
    path = paths.server_pid_file(port)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{os.getpid()}\n", encoding="ascii")
    try:
        yield
    finally:
        with suppress(FileNotFoundError):  # someone tidied up before us
            path.unlink()
