"""`corral help [command]`."""

import click

from app.cli.command import PROGRAM, Command


@click.command("help", cls=Command, help="Help about any command", usage="help [command]")
@click.pass_context
def command(ctx: click.Context, arguments: tuple[str, ...]) -> None:
    """Print the help of the program, or of one command."""
    parent = ctx.parent
    if parent is None or not isinstance(parent.command, click.Group):
        raise click.UsageError("help belongs to the program's own commands", ctx)
    if not arguments:
        click.echo(parent.get_help())
        return
    found = parent.command.get_command(parent, arguments[0])
    if found is None:
        raise click.UsageError(f'unknown command "{arguments[0]}" for "{PROGRAM}"', ctx)
    with found.make_context(found.name, [], parent=parent, resilient_parsing=True) as found_ctx:
        click.echo(found.get_help(found_ctx))
