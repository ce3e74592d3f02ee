"""The text of --help, laid out as Ollama's. Values in, text out."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from app.cli.command import PROGRAM

if TYPE_CHECKING:
    from app.cli.command import Command, LazyGroup


def group_help(group: "LazyGroup") -> str:
    """The help of the program itself."""
    commands = [(entry.name, entry.summary) for entry in group.entries]
    width = max(11, *(len(name) for name, _ in commands))
    flags = [
        ("  -h, --help", f"help for {PROGRAM}"),
        ("  -v, --version", "Show version information"),
    ]
    lines = [
        group.help or "",
        "",
        "Usage:",
        f"  {PROGRAM} [flags]",
        f"  {PROGRAM} [command]",
        "",
        "Available Commands:",
        *(f"  {name:{width}} {summary}" for name, summary in commands),
        "",
        *_flag_lines(flags),
        "",
        f'Use "{PROGRAM} [command] --help" for more information about a command.',
    ]
    return "\n".join(lines) + "\n"


def command_help(command: "Command", ctx: click.Context) -> str:
    """The help of one command."""
    options = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
    flags = [(_flag_name(option), option.help or "") for option in options]
    flags.append(("  -h, --help", f"help for {command.name}"))
    flags.sort(key=lambda flag: flag[0][6:])
    lines = [command.help or "", "", "Usage:", f"  {PROGRAM} {command.usage} [flags]", ""]
    if command.aliases:
        lines += ["Aliases:", f"  {', '.join((command.name or '', *command.aliases))}", ""]
    lines += _flag_lines(flags)
    if command.environment:
        lines += ["", "Environment Variables:"]
        lines += [f"      {name:<27}   {text}" for name, text in command.environment]
    return "\n".join(lines) + "\n"


def _flag_name(option: click.Option) -> str:
    long = next(name for name in option.opts if name.startswith("--"))
    short = next((name for name in option.opts if not name.startswith("--")), "")
    kind = "" if option.is_flag else f" {option.metavar or 'string'}"
    return f"  {short}, {long}{kind}" if short else f"      {long}{kind}"


def _flag_lines(flags: Sequence[tuple[str, str]]) -> list[str]:
    width = max(len(name) for name, _ in flags)
    return ["Flags:", *(f"{name:{width}}   {text}" for name, text in flags)]
