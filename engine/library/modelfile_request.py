"""From a Modelfile's commands to what must be uploaded and asked of a server (spec 2.3). Light: the
CLI imports it; it looks at file names and, for GGUF files, at nothing more.
"""

import glob
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.library.errors import ModelfileError
from engine.library.modelfile import Command
from engine.library.versions import is_semantic
from engine.options import DEPRECATED_PARAMETERS, parse_parameter

_SAFETENSORS = ("model*.safetensors", "*/model*.safetensors", "consolidated*.safetensors")
_TORCH = ("pytorch_model*.bin", "consolidated*.pth")


@dataclass(frozen=True)
class ModelfileRequest:
    """A create request whose files are still paths: upload them, then send their digests."""

    from_: str = ""
    files: Mapping[str, Path] = field(default_factory=dict)
    """Name to send -> file to upload."""
    adapters: Mapping[str, Path] = field(default_factory=dict)
    draft_files: Mapping[str, Path] = field(default_factory=dict)
    template: str = ""
    system: str = ""
    license: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    messages: tuple[tuple[str, str], ...] = ()
    """Role and content."""
    renderer: str = ""
    parser: str = ""
    requires: str = ""
    warnings: tuple[str, ...] = ()
    """To be shown to the user."""


def build_create_request(commands: Iterable[Command], base_dir: Path) -> ModelfileRequest:
    """Resolve a Modelfile's commands against the folder it lies in.

    Raises ModelfileError, and InvalidRequestError for a parameter that is unknown or malformed.
    """
    by_name: dict[str, list[Command]] = {}
    for command in commands:
        by_name.setdefault(command.name, []).append(command)

    def values(name: str) -> list[str]:
        return [command.args for command in by_name.get(name, ())]

    def last(name: str) -> str:
        return values(name)[-1] if name in by_name else ""

    from_, files = _resolve_from(values("from"), base_dir)
    adapters = _resolve_files("ADAPTER", last("adapter"), base_dir)
    draft_files = _resolve_files("DRAFT", last("draft"), base_dir)
    same = set(draft_files.values()) & set(files)
    if same:
        raise ModelfileError(f"DRAFT must not reference the same local path as FROM: {same.pop()}")
    if last("requires") and not is_semantic(last("requires")):
        raise ModelfileError("requires must be a valid semver (e.g. 0.14.0)")
    parameters, warnings = _parameters(by_name.get("parameter", ()))
    return ModelfileRequest(
        from_=from_,
        files=_relative(files),
        adapters=adapters,
        draft_files=draft_files,
        template=last("template"),
        system=last("system"),
        license=tuple(values("license")),
        parameters=parameters,
        messages=tuple((command.key, command.args) for command in by_name.get("message", ())),
        renderer=last("renderer"),
        parser=last("parser"),
        requires=last("requires"),
        warnings=warnings,
    )


def _resolve_from(values: Sequence[str], base_dir: Path) -> tuple[str, list[Path]]:
    """Model name, and local files; what exists on the disk is a file before it is a name."""
    name = ""
    files: list[Path] = []
    for value in values:
        if not value:
            raise ModelfileError("FROM needs a model name or a path")
        path = expand_path(value, base_dir)
        if path.exists():
            files += _discover(path)
        else:
            name = value
    return name, list(dict.fromkeys(files))


def _resolve_files(what: str, value: str, base_dir: Path) -> dict[str, Path]:
    if not value:
        return {}
    path = expand_path(value, base_dir)
    if not path.exists():
        raise ModelfileError(f"the {what} path does not exist: {value}")
    return _relative(_discover(path))


def expand_path(text: str, base_dir: Path) -> Path:
    """An argument as an absolute path: `~` and `~user`, else relative to the Modelfile's folder."""
    expanded = os.path.expanduser(text)
    return Path(os.path.abspath(base_dir / expanded))


def _discover(path: Path) -> list[Path]:
    """The file itself, or the model files of a folder (spec 2.3)."""
    if not path.is_dir():
        return [path]
    if _matches(path, *_SAFETENSORS):
        raise ModelfileError(
            f"safetensors models can't be imported by this version yet: {path}; "
            "convert the model to GGUF first"
        )
    if _matches(path, *_TORCH):
        raise ModelfileError(
            f"PyTorch models can't be imported by this version yet: {path}; "
            "convert the model to GGUF first"
        )
    found = _matches(path, "*.gguf") or _matches(path, "*.bin")
    if not found:
        raise ModelfileError("no Modelfile or safetensors files found")
    root = path.resolve()
    for file in found:
        if not file.resolve().is_relative_to(root):
            raise ModelfileError(_insecure(file.name, file.resolve()))
    return found


def _matches(folder: Path, *patterns: str) -> list[Path]:
    escaped = glob.escape(str(folder))
    return sorted(Path(name) for p in patterns for name in glob.glob(os.path.join(escaped, p)))


def _insecure(name: str, target: Path) -> str:
    hint = "\n\nUse --local-dir <dir> when downloading model to disable caching"
    return f"insecure path: {name}" + (hint if ".cache" in target.parts else "")


def _relative(files: Sequence[Path]) -> dict[str, Path]:
    """Names below the folder that all files share."""
    if not files:
        return {}
    root = os.path.commonpath([file.parent for file in files])
    return {file.relative_to(root).as_posix(): file for file in files}


def _parameters(commands: Iterable[Command]) -> tuple[dict[str, Any], tuple[str, ...]]:
    parameters: dict[str, Any] = {}
    warnings: list[str] = []
    for command in commands:
        if command.key in DEPRECATED_PARAMETERS:
            warnings.append(f"warning: parameter {command.key} is deprecated")
            continue
        value = parse_parameter(command.key, [command.args])
        if isinstance(value, list):
            value = [*parameters.get(command.key, ()), *value]
        parameters[command.key] = value
    return parameters, tuple(warnings)
