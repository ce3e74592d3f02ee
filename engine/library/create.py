"""Makes a model from uploaded files or another model (spec 8). One thread, one use."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from engine.library.createrequest import CreateRequest, Progress
from engine.library.digests import Digest
from engine.library.errors import CreateError, GGUFError, UnsupportedCreateError
from engine.library.files import storage_errors
from engine.library.gguf import GGUFHeader, is_gguf
from engine.library.gotext import human_number
from engine.library.headers import HeaderCache
from engine.library.manifests import (
    ADAPTER,
    CONFIG_MEDIA_TYPE,
    LICENSE,
    MESSAGES,
    MODEL,
    PARAMS,
    PROJECTOR,
    PROMPT,
    SYSTEM,
    TEMPLATE,
    Layer,
    Manifest,
    ModelConfig,
)
from engine.library.model import Model
from engine.library.store import Store

_NOT_GGUF = "supplied file was not in GGUF format"
_UNQUANTIZED = frozenset({"F16", "BF16", "F32"})


@dataclass(frozen=True)
class _Weights:
    """A GGUF file that was uploaded."""

    digest: Digest
    header: GGUFHeader
    size: int
    media_type: str


class Creation:
    """One run of create. `run` stores the layers; then `manifest` is to be written."""

    manifest: Manifest

    def __init__(
        self,
        request: CreateRequest,
        *,
        store: Store,
        headers: HeaderCache,
        find: Callable[[str], Model],
        adopt: Callable[[Model], None],
        pin: Callable[[Digest], object],
    ) -> None:
        """`request` has been validated. `find`: a model by name, its
        blobs pinned; `adopt`: have all its blobs in
        the store; `pin`: keep a blob from being deleted.
        """
        self._request = request
        self._store = store
        self._headers = headers
        self._find = find
        self._adopt = adopt
        self._pin = pin
        self._layers: list[Layer] = []
        self._created: set[Digest] = set()
        self._config = ModelConfig()
        self._parameters: dict[str, Any] = {}

    def run(self) -> Iterator[Progress]:
        """Raises CreateError, ModelNotFoundError, GGUFError, DamagedModelError, StorageError."""
        if self._request.from_:
            self._start_from_model()
        yield from self._add_files()
        if not any(layer.media_type == MODEL for layer in self._layers):
            raise CreateError("no base model was found")
        self._check_quantization()
        self._add_texts()
        for layer in self._layers:
            verb = "creating new" if layer.digest in self._created else "using existing"
            yield Progress(f"{verb} layer {layer.digest}")
        yield Progress("writing manifest")
        config = self._finished_config().encode()
        self.manifest = Manifest(self._put(CONFIG_MEDIA_TYPE, config), tuple(self._layers))

    # --- where the weights come from -----------------------------------------------------------

    def _start_from_model(self) -> None:
        base = self._find(self._request.from_)
        if not base.has_weights:
            raise UnsupportedCreateError("remote models can't be created by this version yet")
        self._adopt(base)
        origin = base.name.short
        self._layers = [replace(layer, origin=origin) for layer in base.manifest.layers]
        self._config = base.config
        self._parameters = dict(base.parameters)

    def _add_files(self) -> Iterator[Progress]:
        request = self._request
        for name, digest in request.files.items():
            yield Progress("validating GGUF model")
            weights = self._load_weights(name, Digest.parse(digest))
            if request.from_ and weights.media_type == MODEL:
                raise CreateError("'files' may hold no second model when 'from' is given")
            self._add_weights(weights)
        for name, digest in request.adapters.items():
            yield Progress("validating GGUF adapter")
            weights = self._load_weights(name, Digest.parse(digest))
            if weights.media_type != ADAPTER:
                raise CreateError("the file given as ADAPTER is no adapter")
            self._add_weights(weights)

    def _load_weights(self, name: str, digest: Digest) -> _Weights:
        self._pin(digest)
        path = self._store.blob_path(digest)
        if not self._store.has_blob(digest):
            raise CreateError(f"the file {digest} has not been uploaded")
        with storage_errors("read an uploaded file"):
            size = path.stat().st_size
            found = is_gguf(path)
        if not found:
            _refuse_foreign(name)
        try:
            header = self._headers.load(path)
        except GGUFError as exc:
            raise CreateError(str(exc) if exc.is_gguf else _NOT_GGUF) from exc
        if _is_split(header):
            raise UnsupportedCreateError(
                "split GGUF files can't be imported by this version yet; merge them into one file"
            )
        return _Weights(digest, header, size, find_media_type(header))

    def _add_weights(self, weights: _Weights) -> None:
        if weights.media_type == MODEL and any(x.media_type == MODEL for x in self._layers):
            raise CreateError("'files' may hold only one model besides projectors and adapters")
        if weights.media_type == ADAPTER:
            self._drop(ADAPTER)
        self._layers.append(Layer(weights.media_type, weights.digest, weights.size))
        header = weights.header
        if weights.media_type == MODEL:
            self._config = replace(
                self._config,
                model_format="gguf",
                model_family=header.architecture,
                model_type=human_number(header.parameter_count),
                file_type=header.file_type,
            )
        if weights.media_type != ADAPTER:
            families = (*self._config.model_families, header.architecture)
            self._config = replace(self._config, model_families=tuple(dict.fromkeys(families)))

    def _check_quantization(self) -> None:
        wanted, given = self._request.quantization, self._config.file_type
        if not wanted or wanted == given:
            return
        if given not in _UNQUANTIZED:
            raise CreateError("quantization is only supported for F16, BF16 and F32 models")
        raise UnsupportedCreateError("models can't be quantized by this version yet")

    # --- texts --------------------------------------------------------------------------------

    def _add_texts(self) -> None:
        request = self._request
        if request.template:
            self._drop(TEMPLATE, PROMPT)
            self._add(TEMPLATE, request.template.encode())
        if request.system:
            self._drop(SYSTEM)
            self._add(SYSTEM, request.system.encode())
        for text in request.license:
            self._add(LICENSE, text.encode())
        if request.parameters:
            self._drop(PARAMS)
            given = {k: v for k, v in request.parameters.items() if v is not None}
            self._add(PARAMS, msgspec.json.encode({**self._parameters, **given}))
        if request.messages:
            self._drop(MESSAGES)
            messages = [{"role": m.role, "content": m.content} for m in request.messages]
            self._add(MESSAGES, msgspec.json.encode(messages))

    def _drop(self, *media_types: str) -> None:
        self._layers = [layer for layer in self._layers if layer.media_type not in media_types]

    def _add(self, media_type: str, data: bytes) -> None:
        layer = self._put(media_type, data)
        if not any((x.media_type, x.digest) == (media_type, layer.digest) for x in self._layers):
            self._layers.append(layer)

    def _put(self, media_type: str, data: bytes) -> Layer:
        digest = Digest.of(data)
        self._pin(digest)
        if self._store.write_blob(digest, (data,)):
            self._created.add(digest)
        return Layer(media_type, digest, len(data))

    def _finished_config(self) -> ModelConfig:
        request, info, config = self._request, self._request.info, self._config
        return replace(
            config,
            renderer=request.renderer or config.renderer,
            parser=request.parser or config.parser,
            requires=request.requires or config.requires,
            capabilities=tuple(_strings(info.get("capabilities"))) or config.capabilities,
            model_family=info.get("model_family") or config.model_family,
            base_name=info.get("base_name") or config.base_name,
            file_type=info.get("quantization_level") or config.file_type,
            model_type=info.get("parameter_size") or config.model_type,
            context_length=int(info.get("context_length") or config.context_length),
            embedding_length=int(info.get("embedding_length") or config.embedding_length),
        )


def find_media_type(header: GGUFHeader) -> str:
    """Which kind of layer a GGUF file makes (spec 3.4)."""
    kind = header.text("general.type")
    if kind == "adapter":
        return ADAPTER
    vision_only = header.number("vision.block_count") > 0 and header.number("block_count") == 0
    encoders = ("clip.has_vision_encoder", "clip.has_audio_encoder")
    is_clip = header.architecture == "clip" and any(header.metadata.get(k) for k in encoders)
    return PROJECTOR if kind in ("projector", "mmproj") or vision_only or is_clip else MODEL


def _is_split(header: GGUFHeader) -> bool:
    count = header.metadata.get("split.count")
    return isinstance(count, int) and count > 1


def _refuse_foreign(name: str) -> None:
    """Say what is wrong with a file that does not start like a GGUF file."""
    lower = name.lower()
    if lower.endswith(".safetensors"):
        raise UnsupportedCreateError(
            "safetensors models can't be imported by this version yet; convert to GGUF first"
        )
    if lower.endswith(".gguf"):
        raise CreateError(_NOT_GGUF)
    raise CreateError("unknown type")


def _strings(value: object) -> Iterable[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []
