"""`corral pull`: fetch a model from a registry, with progress (spec 9.2, 9.5)."""

import click

from api.client.client import Client
from api.client.shapes import PullBody
from app.cli import environment
from app.cli.command import Command, exactly
from app.cli.connection import open_client
from app.cli.progress import Progress


@click.command(
    "pull",
    cls=Command,
    help="Pull a model from a registry",
    usage="pull MODEL",
    rule=exactly(1),
    environment=environment.CLIENT,
)
@click.option("--insecure", is_flag=True, help="Use an insecure registry")
def command(arguments: tuple[str, ...], insecure: bool) -> None:
    """Pull one model."""
    with open_client() as client:
        client.check()
        pull_model(client, arguments[0], insecure=insecure)


def pull_model(client: Client, model: str, *, insecure: bool) -> None:
    """Have the server fetch a model, and show how far it is. Raises ClientError."""
    with Progress() as progress, client.pull(PullBody(model=model, insecure=insecure)) as stream:
        for reply in stream:
            if not reply.digest:
                progress.show(reply.status)
            elif reply.completed or not reply.total:  # no bar for what has not begun
                progress.show(
                    f"{reply.status}:",
                    key=reply.digest,
                    completed=reply.completed,
                    total=reply.total,
                )
