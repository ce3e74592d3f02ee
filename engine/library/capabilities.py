"""What a model can do, and which of its templates speaks for it (spec 0 and 3.5). Pure."""

from collections.abc import Iterable, Sequence

from engine.library.headers import WeightsSummary
from engine.library.manifests import ModelConfig
from engine.prompt.capabilities import go_capabilities, jinja_capabilities, prefers_jinja
from engine.prompt.errors import TemplateError
from engine.prompt.gotemplate.template import parse

_HARMONY_FAMILIES = frozenset({"gptoss", "gpt-oss"})
_ORDER = ("tools", "insert", "thinking")


def is_native(
    config: ModelConfig, go_source: str | None, jinja_source: str | None, force_go: bool | None
) -> bool:
    """Whether the Jinja template of the weights is used, not the Go template of the manifest.

    `force_go`: the operator's word (OLLAMA_GO_TEMPLATE); None: the better one (spec 0).
    """
    if not jinja_source or config.renderer or config.parser or _is_harmony(config, go_source):
        return False
    if go_source is None:
        return True
    return prefers_jinja(go_source, jinja_source) if force_go is None else not force_go


def find_capabilities(
    config: ModelConfig,
    weights: WeightsSummary | None,
    projectors: Sequence[WeightsSummary],
    go_source: str | None,
    native: bool,
) -> tuple[str, ...]:
    """In the order of spec 3.5. `weights` is None for models that have none here (remote)."""
    found = dict.fromkeys(config.capabilities)
    if weights is not None and not weights.problem:
        found.update(dict.fromkeys(_of_weights(weights, native)))
    for projector in projectors:
        found["vision"] = None
        if projector.has_audio and projector.projector_type != "gemma3nv":
            found["audio"] = None
    if go_source is not None and not native:
        found.update(dict.fromkeys(_of_go_template(go_source)))
    if config.model_family in _HARMONY_FAMILIES:
        found["thinking"] = None
    if weights is not None and weights.architecture == "nemotron_h_omni":
        found.pop("audio", None)
    return tuple(found)


def _of_weights(weights: WeightsSummary, native: bool) -> Iterable[str]:
    if native and weights.chat_template:
        yield from _ordered(jinja_capabilities(weights.chat_template))
    yield "embedding" if weights.has_pooling else "completion"
    if weights.has_vision:
        yield "vision"
    if weights.has_audio:
        yield "audio"


def _of_go_template(source: str) -> Iterable[str]:
    try:
        return _ordered(go_capabilities(parse(source)))
    except TemplateError:
        return ()  # whoever renders it reports it


def _ordered(capabilities: frozenset[str]) -> Iterable[str]:
    return (name for name in _ORDER if name in capabilities)


def _is_harmony(config: ModelConfig, go_source: str | None) -> bool:
    marks = ("<|start|>", "<|end|>")
    return config.model_family in _HARMONY_FAMILIES and all(m in (go_source or "") for m in marks)
