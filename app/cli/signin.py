"""`corral signin`: connect this machine's key with an account at ollama.com (spec 4.6)."""

import webbrowser

import click

from api.client.errors import ResponseError
from app.cli import environment
from app.cli.command import Command, exactly
from app.cli.connection import open_client

UNAUTHORIZED = 401


@click.command(
    "signin",
    cls=Command,
    help="Sign in to ollama.com",
    usage="signin",
    rule=exactly(0),
    environment=environment.CLIENT,
)
def command(arguments: tuple[str, ...]) -> None:
    """Show where to sign in, and open it in the browser if there is one."""
    with open_client() as client:
        try:
            user = client.whoami()
        except ResponseError as exc:
            if exc.status != UNAUTHORIZED or not exc.signin_url:
                raise
            url = exc.signin_url
        else:
            print(f"You are already signed in as user '{user.name}'")
            return
    print("You need to be signed in to Ollama to run Cloud models.")
    print(f"If your browser did not open, navigate to:\n    {url}\n", flush=True)
    if url.startswith("https://"):  # what a server sends must not start any other program
        webbrowser.open(url)
