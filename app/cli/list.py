"""`corral list`: the models on the disk."""

from datetime import UTC, datetime

import click

from api.client.shapes import ModelSummary
from app.cli import environment
from app.cli.command import Command
from app.cli.connection import open_client
from app.cli.format import human_bytes, human_time
from app.cli.table import format_table

SHOWN_DIGEST_LENGTH = 12
NO_WRAP = 10**6


@click.command(
    "list",
    cls=Command,
    help="List models",
    usage="list",
    aliases=("ls",),
    environment=environment.CLIENT,
)
def command(arguments: tuple[str, ...]) -> None:
    """Print a table of the models whose name starts with the first argument, if any."""
    prefix = arguments[0].lower() if arguments else ""
    with open_client() as client:
        models = client.list_models()
    now = datetime.now(UTC)
    rows = [_row(model, now) for model in models if model.name.lower().startswith(prefix)]
    print(format_table([("NAME", "ID", "SIZE", "MODIFIED"), *rows], NO_WRAP), end="")


def _row(model: ModelSummary, now: datetime) -> tuple[str, ...]:
    size = "-" if model.remote_model else human_bytes(model.size)
    modified = human_time(model.modified_at, now, "Never")
    return (model.name, model.digest[:SHOWN_DIGEST_LENGTH], size, modified)
