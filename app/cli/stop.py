"""`corral stop`: drop a model from memory."""

import click

from api.client.errors import ResponseError
from app.cli import environment
from app.cli.command import Command, exactly
from app.cli.connection import open_client
from app.cli.errors import CommandError

NOT_FOUND = 404


@click.command(
    "stop",
    cls=Command,
    help="Stop a running model",
    usage="stop MODEL",
    rule=exactly(1),
    environment=environment.CLIENT,
)
def command(arguments: tuple[str, ...]) -> None:
    """Unload one model."""
    (model,) = arguments
    with open_client() as client:
        try:
            client.unload(model)
        except ResponseError as exc:
            if exc.status == NOT_FOUND:
                raise CommandError(f'couldn\'t find model "{model}" to stop') from exc
            raise
