"""What all commands share: the group that imports a command only when it runs, and its manners.

Usage errors and help read as those of Ollama's own command line (the Go library cobra).
"""

import importlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import click

PROGRAM = "corral"

ArgumentRule = Callable[[Sequence[str]], str]
"""Gives a complaint about the number of arguments, or ""."""


def exactly(count: int) -> ArgumentRule:
    """The rule of a command that takes so many arguments."""

    def complain(arguments: Sequence[str]) -> str:
        if len(arguments) == count:
            return ""
        return f"accepts {count} arg(s), received {len(arguments)}"

    return complain


def at_least(count: int) -> ArgumentRule:
    """The rule of a command that takes so many arguments or more."""

    def complain(arguments: Sequence[str]) -> str:
        if len(arguments) >= count:
            return ""
        return f"requires at least {count} arg(s), only received {len(arguments)}"

    return complain


def _any_number(arguments: Sequence[str]) -> str:
    return ""


class Command(click.Command):
    """A command whose arguments arrive as one tuple named `arguments`."""

    def __init__(
        self,
        name: str | None,
        *,
        callback: Callable[..., int | None],
        params: list[click.Parameter],
        help: str = "",
        usage: str = "",
        aliases: Sequence[str] = (),
        rule: ArgumentRule = _any_number,
        environment: Sequence[tuple[str, str]] = (),
        bare_flags: Sequence[str] = (),
    ) -> None:
        """`usage` follows the program's name; `bare_flags` take a value only as `--flag=value`."""
        super().__init__(
            name,
            context_settings={"help_option_names": ["-h", "--help"]},
            callback=callback,
            params=params,
            help=help,
        )
        self.usage = usage
        self.aliases = aliases
        self.rule = rule
        self.environment = environment
        self.bare_flags = bare_flags
        self.params.append(click.Argument(["arguments"], nargs=-1))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, then count. Raises click.UsageError with cobra's sentences."""
        options = {name for p in self.params if _is_switch(p) for name in p.opts}
        args = list(_with_values(args, options, self.bare_flags))
        try:
            rest = super().parse_args(ctx, args)
        except click.NoSuchOption as exc:
            raise click.UsageError(_unknown_flag(exc.option_name, args), ctx) from exc
        except click.BadOptionUsage as exc:
            raise click.UsageError(_needs_argument(exc.option_name), ctx) from exc
        complaint = self.rule(ctx.params["arguments"])
        if complaint and not ctx.resilient_parsing:
            raise click.UsageError(complaint, ctx)
        return rest

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Cobra's layout."""
        from app.cli.help import command_help

        formatter.write(command_help(self, ctx))


def _is_switch(parameter: click.Parameter) -> bool:
    return isinstance(parameter, click.Option) and parameter.is_flag


def _with_values(
    args: Sequence[str], switches: set[str], bare_flags: Sequence[str]
) -> Iterable[str]:
    """Both notations of a boolean flag: `--verbose=false`, and a bare `--think` as true."""
    for position, arg in enumerate(args):
        if arg == "--":
            yield from args[position:]
            return
        name, separator, value = arg.partition("=")
        if arg in bare_flags:
            yield f"{arg}=true"
        elif separator and name in switches:
            if value in ("1", "t", "T", "TRUE", "true", "True"):
                yield name
            elif value not in ("0", "f", "F", "FALSE", "false", "False"):
                raise click.UsageError(
                    f'invalid argument "{value}" for "{name}" flag: '
                    f'strconv.ParseBool: parsing "{value}": invalid syntax'
                )
        else:
            yield arg


def _unknown_flag(option: str, args: Sequence[str]) -> str:
    if option.startswith("--"):
        return f"unknown flag: {option}"
    letter = option.lstrip("-")[:1]
    where = next((arg for arg in args if arg.startswith("-") and letter in arg), option)
    return f"unknown shorthand flag: '{letter}' in {where}"


def _needs_argument(option: str) -> str:
    if option.startswith("--"):
        return f"flag needs an argument: {option}"
    return f"flag needs an argument: '{option.lstrip('-')}' in {option}"


@dataclass(frozen=True)
class Entry:
    """A command in the table: what help shows, and the module that has it as `command`."""

    name: str
    module: str
    summary: str
    aliases: tuple[str, ...] = ()


class LazyGroup(click.Group):
    """Knows its commands by name only; the module of one is imported when it is asked for."""

    entries: Sequence[Entry] = ()
    """Set once, by main.py."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of help."""
        return [entry.name for entry in self.entries]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module."""
        for entry in self.entries:
            if cmd_name == entry.name or cmd_name in entry.aliases:
                command: click.Command = importlib.import_module(entry.module).command
                return command
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, with cobra's sentence for an unknown command."""
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise click.UsageError(f'unknown command "{args[0]}" for "{PROGRAM}"', ctx)
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click's, with cobra's sentences."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as exc:
            raise click.UsageError(_unknown_flag(exc.option_name, args), ctx) from exc

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Cobra's layout."""
        from app.cli.help import group_help

        formatter.write(group_help(self))
