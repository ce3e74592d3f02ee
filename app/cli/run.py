"""`corral run`: one answer, or an interactive session (spec 9.3)."""

import itertools
import json
import sys

import click

from api.client.client import Client
from api.client.errors import ResponseError
from api.client.shapes import EmbedBody, GenerateBody, GenerateReply, ShowReply
from app.cli import environment
from app.cli.answer import AnswerPrinter, AnswerStyle, print_summary
from app.cli.background import ensure_server
from app.cli.command import Command, at_least
from app.cli.connection import open_client
from app.cli.errors import CommandError
from app.cli.pull import pull_model
from app.cli.spinner import spinner
from app.cli.stop import NOT_FOUND
from app.durations import DurationError, parse_duration
from app.settings import load_settings

_THINK_LEVELS = ("high", "medium", "low", "max")


@click.command(
    "run",
    cls=Command,
    help="Run a model",
    usage="run MODEL [PROMPT]",
    rule=at_least(1),
    environment=environment.RUN,
    bare_flags=("--think", "--truncate"),
)
@click.option(
    "--dimensions",
    type=int,
    default=0,
    metavar="int",
    help="Truncate output embeddings to specified dimension (embedding models only)",
)
@click.option("--format", "format_text", default="", help="Response format (e.g. json)")
@click.option("--hidethinking", is_flag=True, help="Hide thinking output (if provided)")
@click.option("--insecure", is_flag=True, help="Use an insecure registry")
@click.option("--keepalive", help="Duration to keep a model loaded (e.g. 5m)")
@click.option("--nowordwrap", is_flag=True, help="Don't wrap words to the next line automatically")
@click.option(
    "--think", help="Enable thinking mode: true/false or high/medium/low for supported models"
)
@click.option(
    "--truncate",
    default="true",
    help="For embedding models: truncate inputs exceeding context length "
    "(set --truncate=false to error instead)",
)
@click.option("--verbose", is_flag=True, help="Show timings for response")
def command(
    arguments: tuple[str, ...],
    dimensions: int,
    format_text: str,
    hidethinking: bool,
    insecure: bool,
    keepalive: str | None,
    nowordwrap: bool,
    think: str | None,
    truncate: str,
    verbose: bool,
) -> None:
    """Answer the prompt on the command line or standard input; else start a session."""
    style = AnswerStyle(wordwrap=not nowordwrap, hide_thinking=hidethinking, verbose=verbose)
    request = GenerateBody(
        model=arguments[0],
        format=parse_format(format_text),
        keep_alive=parse_keep_alive(keepalive),
        think=parse_think(think),
    )
    prompts = list(arguments[1:])
    if not sys.stdin.isatty():
        piped = sys.stdin.buffer.read().decode("utf-8", "replace")
        prompts = [piped, *prompts] if piped else prompts or [""]
    settings = load_settings()
    with open_client(settings) as client:
        ensure_server(client, settings)
        reply = _show_or_pull(client, request.model, insecure=insecure)
        if "embedding" in (reply.capabilities or []):
            body = EmbedBody(
                model=request.model,
                input=[" ".join(prompts)],
                truncate=parse_truncate(truncate),
                dimensions=dimensions,
                keep_alive=request.keep_alive,
            )
            print_embedding(client, body)
            return
        if prompts or not sys.stdout.isatty():
            answer_once(client, request, " ".join(prompts), style)
            return
        from app.cli.repl.session import Session

        with spinner():
            client.load(request.model, keep_alive=request.keep_alive)
        Session(client, request, style, settings, history=reply.messages or []).run()


def _show_or_pull(client: Client, model: str, *, insecure: bool) -> ShowReply:
    """All about a model, which is pulled if it is missing."""
    try:
        return client.show(model)
    except ResponseError as exc:
        if exc.status != NOT_FOUND:
            raise
    pull_model(client, model, insecure=insecure)
    return client.show(model)


def answer_once(client: Client, request: GenerateBody, prompt: str, style: AnswerStyle) -> None:
    """Print the answer to one prompt. An empty prompt only loads the model."""
    if not prompt:
        with spinner():
            client.load(request.model, keep_alive=request.keep_alive)
        return
    body = GenerateBody(
        model=request.model,
        prompt=prompt,
        format=request.format,
        keep_alive=request.keep_alive,
        think=request.think,
    )
    printer = AnswerPrinter(style)
    last = GenerateReply()
    with client.generate(body) as stream:
        with spinner():
            first = next(stream)
        for reply in itertools.chain([first], stream):
            printer.write(content=reply.response, thinking=reply.thinking)
            last = reply
    printer.finish()
    if style.verbose:
        print_summary(last)


def print_embedding(client: Client, body: EmbedBody) -> None:
    """Print the vector of a text as one line of JSON. Raises CommandError for an empty text."""
    if not body.input[0]:
        raise CommandError(
            f'embedding models require input text. Usage: corral run {body.model} "your text here"'
        )
    with spinner():
        reply = client.embed(body)
    click.echo(json.dumps(reply.embeddings[0], separators=(",", ":")))


def parse_truncate(text: str) -> bool:
    """The value of the flag. Raises CommandError with cobra's sentence for what is no bool."""
    if text in ("1", "t", "T", "TRUE", "true", "True"):
        return True
    if text in ("0", "f", "F", "FALSE", "false", "False"):
        return False
    raise CommandError(
        f'invalid argument "{text}" for "--truncate" flag: '
        f'strconv.ParseBool: parsing "{text}": invalid syntax'
    )


def parse_format(text: str) -> object:
    """ "json" stays a word; a JSON schema is sent as the value it is; other text as it stands."""
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


def parse_keep_alive(text: str | None) -> float | str | None:
    """The value for the request. Raises CommandError with Go's sentence for a bad duration."""
    if text is None:
        return None
    number = text.removeprefix("-")
    if text.startswith("-") and number.isascii() and number.isdigit():
        return -1
    try:
        seconds = parse_duration(text)
    except DurationError as exc:
        raise CommandError(str(exc)) from exc
    return -1 if seconds < 0 else 0 if seconds == 0 else text


def parse_think(text: str | None) -> bool | str | None:
    """The value for the request. Raises CommandError for an unknown level."""
    if text in (None, "true", "false"):
        return None if text is None else text == "true"
    if text in _THINK_LEVELS:
        return text
    shown = json.dumps(text, ensure_ascii=False)
    raise CommandError(
        f"invalid value for --think: {shown} (must be true, false, high, medium, low, or max)"
    )
