"""The `corral` command: the table of commands, and the one table from errors to exit codes.

Light: nothing is imported for a command that does not run.
"""

import sys
from collections.abc import Sequence

import click

from app.cli.command import PROGRAM, Entry, LazyGroup

EXIT_FAILURE = 1
EXIT_INTERRUPTED = 130
RUNNER_FLAG = "--runner"

COMMANDS = (
    Entry("serve", "app.cli.serve", "Start Corral", aliases=("start",)),
    Entry("create", "app.cli.create", "Create a model"),
    Entry("show", "app.cli.show", "Show information for a model"),
    Entry("run", "app.cli.run", "Run a model"),
    Entry("stop", "app.cli.stop", "Stop a running model"),
    Entry("pull", "app.cli.pull", "Pull a model from a registry"),
    Entry("signin", "app.cli.signin", "Sign in to ollama.com"),
    Entry("signout", "app.cli.signout", "Sign out from ollama.com"),
    Entry("list", "app.cli.list", "List models", aliases=("ls",)),
    Entry("ps", "app.cli.ps", "List running models"),
    Entry("cp", "app.cli.cp", "Copy a model"),
    Entry("rm", "app.cli.rm", "Remove a model"),
    Entry("help", "app.cli.help_command", "Help about any command"),
)


@click.group(
    cls=LazyGroup,
    help="Large language model runner",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("-v", "--version", "version", is_flag=True, help="Show version information")
@click.pass_context
def corral(ctx: click.Context, version: bool) -> None:
    """Answer --version, or show help when no command is given."""
    if version:
        from app.cli.version import print_version

        print_version()
        ctx.exit(0)
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


corral.entries = COMMANDS


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit status; errors are on standard error by then."""
    args = list(sys.argv[1:] if argv is None else argv)
    if args == [RUNNER_FLAG]:  # the frozen program starts itself again as a runner
        from app.runner import main as serve_runner

        return serve_runner()
    _use_utf8()
    try:
        with corral.make_context(PROGRAM, args) as ctx:
            status = corral.invoke(ctx)
        sys.stdout.flush()
    except click.exceptions.Exit as exc:
        return exc.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has enough (`corral list | head -1`). Closing it here keeps the
        # interpreter from complaining when it flushes at exit.
        sys.stderr.close()
        return EXIT_FAILURE
    except _expected_errors() as exc:
        print(f"Error: {_describe(exc)}", file=sys.stderr)
        return EXIT_FAILURE
    return status if isinstance(status, int) else 0


def _expected_errors() -> tuple[type[Exception], ...]:
    """Everything that is answered with one sentence. The rest is a bug and shows its traceback."""
    from api.client.errors import ClientError
    from app.cli.errors import CommandError
    from app.settings import SettingsError
    from engine.errors import EngineError

    return (CommandError, ClientError, SettingsError, EngineError, click.UsageError, OSError)


def _describe(error: Exception) -> str:
    from api.client.errors import ServerUnreachableError

    if isinstance(error, ServerUnreachableError):
        return f"could not connect to {PROGRAM} server, run '{PROGRAM} serve' to start it"
    if isinstance(error, click.ClickException):
        return error.format_message()
    return str(error)


def _use_utf8() -> None:
    """Models write any character; a pipe on Windows would else get the local code page."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None and stream.encoding.lower().replace("-", "") != "utf8":
            reconfigure(encoding="utf-8", errors="replace")
