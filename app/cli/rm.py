"""`corral rm`: remove models from the disk."""

import sys

import click

from api.client.client import Client
from api.client.errors import ResponseError
from app.cli import environment
from app.cli.command import Command, at_least
from app.cli.connection import open_client
from app.cli.stop import NOT_FOUND


@click.command(
    "rm",
    cls=Command,
    help="Remove a model",
    usage="rm MODEL [MODEL...]",
    rule=at_least(1),
    environment=environment.CLIENT,
)
def command(arguments: tuple[str, ...]) -> None:
    """Unload and delete each model; the first failure stops."""
    with open_client() as client:
        for model in arguments:
            _unload(client, model)
            client.delete(model)
            print(f"deleted '{model}'")


def _unload(client: Client, model: str) -> None:
    try:
        client.unload(model)
    except ResponseError as exc:
        # An unknown model is reported by the deletion, with its own text.
        if exc.status != NOT_FOUND:
            print(f"Warning: unable to stop model '{model}'", file=sys.stderr)
