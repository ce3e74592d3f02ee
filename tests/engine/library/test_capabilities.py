"""What models can do, and which template speaks for them."""

import pytest

from engine.library.capabilities import find_capabilities, is_native
from engine.library.headers import WeightsSummary
from engine.library.manifests import ModelConfig

JINJA_TOOLS = "{% if tools %}{{ tools }}{% endif %}{{ messages }}"
JINJA_BOTH = JINJA_TOOLS + "<think></think>"
JINJA_TRIP = JINJA_TOOLS + "{{ m.tool_calls }}<tool_response>"
GO_PLAIN = "{{ .Prompt }}"
GO_TOOLS = "{{ .Tools }}{{ .Prompt }}"
GO_TRIP = '{{ range .Messages }}{{ .ToolCalls }}{{ eq .Role "tool" }}{{ end }}{{ .Tools }}'
GO_INSERT = "{{ .Prompt }}{{ .Suffix }}"
PLAIN = ModelConfig()


@pytest.mark.parametrize(
    ("go", "jinja", "native"),
    [
        (None, None, False),
        (None, JINJA_TOOLS, True),
        (GO_PLAIN, None, False),
        (GO_PLAIN, JINJA_TOOLS, True),
        (GO_TOOLS, JINJA_TOOLS, False),
        (GO_TOOLS, JINJA_TRIP, True),
        (GO_TRIP, JINJA_TRIP, False),
        (GO_TRIP, JINJA_BOTH, False),
        (GO_PLAIN, "{{ messages }}", False),
    ],
)
def test_the_more_capable_template_wins(go, jinja, native):
    assert is_native(PLAIN, go, jinja, None) is native


def test_the_operator_decides_only_where_there_are_two():
    assert is_native(PLAIN, GO_TRIP, JINJA_TRIP, False)
    assert not is_native(PLAIN, GO_PLAIN, JINJA_TRIP, True)
    assert is_native(PLAIN, None, JINJA_TRIP, True)
    assert not is_native(PLAIN, GO_PLAIN, None, False)


@pytest.mark.parametrize(
    "config",
    [ModelConfig(renderer="x"), ModelConfig(parser="x")],
)
def test_models_with_their_own_renderer_are_not_native(config):
    assert not is_native(config, None, JINJA_TRIP, None)


def test_harmony_models_are_not_native():
    config = ModelConfig(model_family="gptoss")
    assert not is_native(config, "<|start|>{{ .Prompt }}<|end|>", JINJA_TRIP, None)
    assert is_native(config, None, JINJA_TRIP, None)


def capabilities(go=None, native=False, config=PLAIN, projectors=(), **weights):
    return find_capabilities(config, WeightsSummary(**weights), projectors, go, native)


def test_order_and_sources():
    assert capabilities() == ("completion",)
    assert capabilities(has_pooling=True) == ("embedding",)
    assert capabilities(native=True, chat_template=JINJA_BOTH) == (
        "tools",
        "thinking",
        "completion",
    )
    assert capabilities(go=GO_INSERT, chat_template=JINJA_BOTH) == ("completion", "insert")
    assert capabilities(go=GO_TOOLS, native=True) == ("completion",)
    assert capabilities(has_vision=True, has_audio=True) == ("completion", "vision", "audio")
    assert capabilities(config=ModelConfig(capabilities=("image",))) == ("image", "completion")
    assert capabilities(config=ModelConfig(model_family="gpt-oss"))[-1] == "thinking"


def test_projectors_see_and_some_hear():
    sees = WeightsSummary()
    hears = WeightsSummary(has_audio=True)
    mute = WeightsSummary(has_audio=True, projector_type="gemma3nv")
    assert capabilities(projectors=[sees]) == ("completion", "vision")
    assert capabilities(projectors=[hears]) == ("completion", "vision", "audio")
    assert capabilities(projectors=[mute]) == ("completion", "vision")


def test_exceptions():
    assert capabilities(has_audio=True, architecture="nemotron_h_omni") == ("completion",)
    assert capabilities(problem="damaged") == ()
    assert find_capabilities(ModelConfig(capabilities=("tools",)), None, [], None, False) == (
        "tools",
    )
    assert capabilities(go="{{ broken") == ("completion",)
