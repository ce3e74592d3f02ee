"""`corral ps`: the models in memory."""

import math
from datetime import UTC, datetime

import click

from api.client.shapes import RunningModel
from app.cli import environment
from app.cli.command import Command
from app.cli.connection import open_client
from app.cli.format import human_bytes, human_time
from app.cli.list import NO_WRAP, SHOWN_DIGEST_LENGTH
from app.cli.table import format_table

_HEADER = ("NAME", "ID", "SIZE", "PROCESSOR", "CONTEXT", "UNTIL")


@click.command(
    "ps", cls=Command, help="List running models", usage="ps", environment=environment.CLIENT
)
def command(arguments: tuple[str, ...]) -> None:
    """Print a table of the loaded models whose name starts with the first argument, if any."""
    prefix = arguments[0] if arguments else ""
    with open_client() as client:
        models = client.running_models()
    now = datetime.now(UTC)
    rows = [_row(model, now) for model in models if model.name.startswith(prefix)]
    print(format_table([_HEADER, *rows], NO_WRAP), end="")


def _row(model: RunningModel, now: datetime) -> tuple[str, ...]:
    return (
        model.name,
        model.digest[:SHOWN_DIGEST_LENGTH],
        human_bytes(model.size),
        processor(model.size, model.size_vram),
        str(model.context_length),
        until(model.expires_at, now),
    )


def processor(size: int, size_vram: int) -> str:
    """How a model is spread over CPU and GPU."""
    if size_vram == 0:
        return "100% CPU"
    if size_vram == size:
        return "100% GPU"
    if size_vram > size or size == 0:
        return "Unknown"
    cpu_percent = math.floor((size - size_vram) / size * 100 + 0.5)
    return f"{cpu_percent}%/{100 - cpu_percent}% CPU/GPU"


def until(expires_at: datetime | None, now: datetime) -> str:
    """When a model leaves memory."""
    if expires_at is not None and expires_at < now:
        return "Stopping..."
    return human_time(expires_at, now, "Never")
