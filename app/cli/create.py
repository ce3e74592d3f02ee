"""`corral create`: read a Modelfile, upload what it names, have the server make the model."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from api.client.client import Client
from api.client.shapes import ChatMessage, CreateBody
from app.cli import environment
from app.cli.command import Command, exactly
from app.cli.connection import open_client
from app.cli.errors import CommandError
from app.cli.progress import Progress

if TYPE_CHECKING:
    from engine.library.modelfile_request import ModelfileRequest

DEFAULT_MODELFILE = "Modelfile"
_FILE_HELP = 'Name of the Modelfile (default "Modelfile")'
_HASH_CHUNK_BYTES = 1024 * 1024


@click.command(
    "create",
    cls=Command,
    help="Create a model",
    usage="create MODEL",
    rule=exactly(1),
    environment=environment.CLIENT,
)
@click.option("--draft-quantize", default="", help="Quantize the draft model to this level")
@click.option("-f", "--file", "file_name", default="", help=_FILE_HELP)
@click.option("-q", "--quantize", default="", help="Quantize model to this level (e.g. q4_K_M)")
def command(arguments: tuple[str, ...], draft_quantize: str, file_name: str, quantize: str) -> None:
    """Create one model and show the steps."""
    from engine.library.errors import InvalidNameError
    from engine.library.modelfile import decode_modelfile, parse_modelfile
    from engine.library.modelfile_request import build_create_request
    from engine.library.names import ModelName

    (model,) = arguments
    try:
        ModelName.parse(model)
    except InvalidNameError as exc:
        raise CommandError(f"invalid model name: {model}") from exc
    with open_client() as client:
        client.check()
        content, folder = read_modelfile(file_name)
        commands = parse_modelfile(decode_modelfile(content))
        with Progress() as progress:
            progress.show("gathering model components")
            request = build_create_request(commands, folder)
            flags = CreateBody(model=model, quantize=quantize, draft_quantize=draft_quantize)
            _create(client, progress, flags, request)


def _create(
    client: Client, progress: Progress, flags: CreateBody, request: "ModelfileRequest"
) -> None:
    for warning in request.warnings:
        progress.show(warning)
    upload = _Upload(client, progress)
    messages = [ChatMessage(role=role, content=text) for role, text in request.messages]
    body = msgspec.structs.replace(
        flags,
        from_=request.from_,
        files=upload.send(request.files),
        adapters=upload.send(request.adapters),
        draft_files=upload.send(request.draft_files),
        template=request.template,
        license=list(request.license) or None,
        system=request.system,
        parameters=dict(request.parameters) or None,
        messages=messages or None,
        renderer=request.renderer,
        parser=request.parser,
        requires=request.requires,
    )
    with client.create(body) as stream:
        for reply in stream:
            progress.show(
                reply.status,
                key=f"{reply.status} {reply.digest}",
                completed=reply.completed,
                total=reply.total,
            )


def read_modelfile(file_name: str) -> tuple[bytes, Path]:
    """The Modelfile and the folder that its paths are relative to.

    Without one, and without a name asked for, the folder itself is the model. Raises CommandError.
    """
    path = Path(file_name or DEFAULT_MODELFILE).absolute()
    try:
        return path.read_bytes(), path.parent
    except FileNotFoundError as exc:
        if file_name:
            raise CommandError("specified Modelfile wasn't found") from exc
        return b"FROM .\n", path.parent


class _Upload:
    """Gives the server the files it does not have yet."""

    def __init__(self, client: Client, progress: Progress) -> None:
        self._client = client
        self._progress = progress

    def send(self, files: Mapping[str, Path]) -> dict[str, str] | None:
        """Names and digests for the request; None for no files. Raises ClientError, OSError."""
        return {name: self._send_one(path) for name, path in files.items()} or None

    def _send_one(self, path: Path) -> str:
        digest = _digest(path)
        if not self._client.has_blob(digest):
            self._show(digest, 0, 1)
            self._client.upload_blob(
                digest, path, lambda sent, total: self._show(digest, sent, total)
            )
            self._show(digest, 1, 1)
        return digest

    def _show(self, digest: str, sent_bytes: int, total_bytes: int) -> None:
        percent = sent_bytes * 100 // max(total_bytes, 1)
        self._progress.show(f"copying file {digest}", key=digest, note=f"{percent}%")


def _digest(path: Path) -> str:
    hasher = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_HASH_CHUNK_BYTES):
            hasher.update(chunk)
    return f"sha256:{hasher.hexdigest()}"
