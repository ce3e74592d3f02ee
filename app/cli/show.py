"""`corral show`: one part of a model's description, or an overview."""

import click

from api.client.shapes import ShowReply
from app.cli import environment
from app.cli.command import Command, exactly
from app.cli.connection import open_client
from app.cli.errors import CommandError
from app.cli.overview import format_overview

_ONLY_ONE = (
    "only one of '--license', '--modelfile', '--parameters', '--system', "
    "or '--template' can be specified"
)


@click.command(
    "show",
    cls=Command,
    help="Show information for a model",
    usage="show MODEL",
    rule=exactly(1),
    environment=environment.CLIENT,
)
@click.option(
    "--license", "parts", flag_value="license", multiple=True, help="Show license of a model"
)
@click.option(
    "--modelfile", "parts", flag_value="modelfile", multiple=True, help="Show Modelfile of a model"
)
@click.option(
    "--parameters",
    "parts",
    flag_value="parameters",
    multiple=True,
    help="Show parameters of a model",
)
@click.option(
    "--system", "parts", flag_value="system", multiple=True, help="Show system message of a model"
)
@click.option(
    "--template", "parts", flag_value="template", multiple=True, help="Show template of a model"
)
@click.option("-v", "--verbose", is_flag=True, help="Show detailed model information")
def command(arguments: tuple[str, ...], parts: tuple[str, ...], verbose: bool) -> None:
    """Print the overview, or the one part that a flag asks for."""
    if len(set(parts)) > 1:
        raise CommandError(_ONLY_ONE)
    with open_client() as client:
        reply = client.show(arguments[0], verbose=verbose)
    if parts:
        print(_part(reply, parts[0]), end="")
    else:
        print(format_overview(reply, verbose=verbose), end="")


def _part(reply: ShowReply, name: str) -> str:
    match name:
        case "license":
            return f"{reply.license}\n"
        case "modelfile":
            return f"{reply.modelfile}\n"
        case "parameters":
            return f"{reply.parameters}\n"
        case "system":
            return reply.system
        case _:
            return reply.template
