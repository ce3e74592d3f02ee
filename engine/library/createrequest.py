"""What can be asked when a model is made, and the checks that need no disk (spec 8). Pure."""

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.errors import InvalidRequestError, OptionTypeError
from engine.library.digests import Digest
from engine.library.errors import CreateError, InvalidNameError, UnsupportedCreateError
from engine.library.gotext import quote
from engine.library.modelfile import BAD_ROLE
from engine.library.names import ModelName
from engine.library.versions import is_semantic
from engine.options import merge_options
from engine.prompt.errors import TemplateError
from engine.prompt.gotemplate.template import parse
from engine.prompt.messages import Message

QUANTIZATIONS = ("F32", "F16", "BF16", "Q8_0", "Q4_K_S", "Q4_K_M")
_ROLES = frozenset({"system", "user", "assistant", "tool"})
_DRIVE = re.compile(r"[A-Za-z]:.*", re.DOTALL)


@dataclass(frozen=True)
class Progress:
    """One report of a long job."""

    status: str
    digest: str = ""
    total: int = 0
    completed: int = 0


@dataclass(frozen=True)
class CreateRequest:
    """A model to make. Empty values: not given."""

    model: str
    from_: str = ""
    """The model to start from."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Relative file name -> digest of an uploaded blob."""
    adapters: Mapping[str, str] = field(default_factory=dict)
    draft_files: Mapping[str, str] = field(default_factory=dict)
    template: str = ""
    license: tuple[str, ...] = ()
    system: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    messages: tuple[Message, ...] = ()
    renderer: str = ""
    parser: str = ""
    requires: str = ""
    quantize: str = ""
    draft_quantize: str = ""
    remote_host: str = ""
    info: Mapping[str, Any] = field(default_factory=dict)

    def validate(self) -> None:
        """Raises InvalidNameError or CreateError for what can never succeed."""
        _check_name(self.model)
        for files in (self.files, self.adapters, self.draft_files):
            for name, digest in files.items():
                _check_file(name, digest)
        if self.draft_quantize and not self.draft_files:
            raise CreateError("--draft-quantize requires a DRAFT model")
        self._check_features()
        _check_info(self.info)
        if not self.from_ and not self.files:
            raise CreateError("neither 'from' or 'files' was specified")
        if self.from_:
            _check_name(self.from_)
        if len(self.adapters) > 1:
            raise CreateError("only one adapter is currently supported")
        self._check_values()

    def _check_features(self) -> None:
        if self.remote_host or is_cloud(self.from_):
            if self.draft_files:
                raise CreateError("DRAFT cannot be used with remote models")
            raise UnsupportedCreateError("remote models can't be created by this version yet")
        if self.draft_files:
            raise UnsupportedCreateError("DRAFT models are not supported by this version yet")
        if self.quantize and self.quantization not in QUANTIZATIONS:
            raise CreateError(
                f"unsupported quantization type {self.quantize.upper()} - supported types are "
                "F32, F16, Q4_K_S, Q4_K_M, Q8_0"
            )

    def _check_values(self) -> None:
        if not _is_text(vars(self)):
            raise CreateError("the request holds text that is not valid Unicode")
        if self.template:
            try:
                parse(self.template)
            except TemplateError as exc:
                raise CreateError(f"template error: {exc}") from exc
        try:
            merge_options(self.parameters)
        except (InvalidRequestError, OptionTypeError) as exc:
            raise CreateError(str(exc)) from exc
        if any(message.role not in _ROLES for message in self.messages):
            raise CreateError(BAD_ROLE)
        if self.requires and not is_semantic(self.requires):
            raise CreateError("requires must be a valid semver (e.g. 0.14.0)")

    @property
    def quantization(self) -> str:
        """The wanted type in its full name; "" for none."""
        wanted = self.quantize.upper()
        return "Q4_K_M" if wanted == "Q4_K" else wanted


def is_cloud(name: str) -> bool:
    """Whether a name says that the model lives in the cloud (spec 1.4)."""
    tag = name.rpartition(":")[2].lower()
    return ":" in name and (tag == "cloud" or (tag.endswith("-cloud") and "/" not in tag))


def _check_name(text: str) -> None:
    try:
        ModelName.parse(text)
    except InvalidNameError as exc:
        raise InvalidNameError(text) from exc


def _check_file(name: str, digest: str) -> None:
    unclean = name in ("", ".") or posixpath.normpath(name) != name or "\0" in name
    outside = name.startswith(("/", "..")) or "\\" in name or _DRIVE.fullmatch(name)
    if unclean or outside:
        raise CreateError("file path must be relative")
    Digest.parse(digest)


def _is_text(value: object) -> bool:
    """Whether all strings in a value can be written as UTF-8: half surrogate pairs can't."""
    match value:
        case str():
            return not any("\ud800" <= char <= "\udfff" for char in value)
        case Mapping():
            return all(_is_text(key) and _is_text(item) for key, item in value.items())
        case list() | tuple():
            return all(_is_text(item) for item in value)
        case Message():
            return _is_text((value.role, value.content))
        case _:
            return True


def _check_info(info: Mapping[str, Any]) -> None:
    for name in ("model_family", "base_name", "quantization_level", "parameter_size"):
        if name in info and not isinstance(info[name], str):
            raise CreateError(f"info field {quote(name)} must be a string")
    for name in ("context_length", "embedding_length"):
        value = info.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise CreateError(f"info field {quote(name)} must be a number")
        if not (value >= 0 and float(value).is_integer()):
            raise CreateError(f"info field {quote(name)} must be a non-negative integer")
