"""`corral signout`: take this machine's key out of the account at ollama.com (spec 4.6)."""

import click

from api.client.errors import ResponseError
from app.cli import environment
from app.cli.command import Command, exactly
from app.cli.connection import open_client
from app.cli.signin import UNAUTHORIZED


@click.command(
    "signout",
    cls=Command,
    help="Sign out from ollama.com",
    usage="signout",
    rule=exactly(0),
    environment=environment.CLIENT,
)
def command(arguments: tuple[str, ...]) -> None:
    """Sign out; being signed out already is no failure."""
    with open_client() as client:
        try:
            client.sign_out()
        except ResponseError as exc:
            if exc.status != UNAUTHORIZED:
                raise
            print("You are not signed in to ollama.com")
        else:
            print("You have signed out of ollama.com")
