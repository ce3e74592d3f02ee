"""`corral cp`: give a model another name."""

import click

from app.cli import environment
from app.cli.command import Command, exactly
from app.cli.connection import open_client


@click.command(
    "cp",
    cls=Command,
    help="Copy a model",
    usage="cp SOURCE DESTINATION",
    rule=exactly(2),
    environment=environment.CLIENT,
)
def command(arguments: tuple[str, ...]) -> None:
    """Copy one model."""
    source, destination = arguments
    with open_client() as client:
        client.copy(source, destination)
    print(f"copied '{source}' to '{destination}'")
