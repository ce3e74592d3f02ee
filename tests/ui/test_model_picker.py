import pytest
from pytestqt.qtbot import QtBot

from api.client.shapes import ModelDetails, ModelSummary
from ui.model_picker import ModelPicker, can_chat, size_text
from ui.theme import LIGHT


@pytest.mark.parametrize(
    ("model", "can"),
    [
        (ModelSummary(name="m", capabilities=["completion", "vision"]), True),
        (ModelSummary(name="m", capabilities=["embedding"]), False),
        (ModelSummary(name="m", details=ModelDetails(family="bert")), False),
        (ModelSummary(name="m", details=ModelDetails(families=["llama", "bert"])), True),
        (ModelSummary(name="m"), True),
    ],
)
def test_models_that_only_embed_are_hidden(model: ModelSummary, can: bool) -> None:
    assert can_chat(model) is can


def test_choice_stays_while_it_is_there(qtbot: QtBot) -> None:
    picker = ModelPicker(LIGHT)
    qtbot.addWidget(picker)
    picker.set_models([ModelSummary(name="a:latest"), ModelSummary(name="b:7b")])
    assert (picker.model, picker.text()) == ("a:latest", "a")
    picker.set_model("b:7b")
    picker.set_models([ModelSummary(name="b:7b"), ModelSummary(name="c")])
    assert picker.model == "b:7b"
    picker.set_model("gone")
    assert picker.model == "b:7b"
    picker.set_models([ModelSummary(name="c")])
    assert picker.model == "c"
    picker.set_models([])
    assert (picker.model, picker.text(), picker.isEnabled()) == ("", "No models", False)


def test_menu_chooses(qtbot: QtBot) -> None:
    picker = ModelPicker(LIGHT)
    qtbot.addWidget(picker)
    details = ModelDetails(parameter_size="7B", quantization_level="Q4_K_M")
    picker.set_models(
        [ModelSummary(name="a"), ModelSummary(name="b&c", size=10**9, details=details)]
    )
    action = picker.actions_by_model()["b&c"]
    assert action.text() == "b&&c\t7B  Q4_K_M  1.0 GB"
    with qtbot.waitSignal(picker.chosen) as chosen:
        action.trigger()
    assert chosen.args == ["b&c"]
    assert picker.model == "b&c"


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "1 MB"), (6_284_256, "6 MB"), (999_500_000, "1.0 GB"), (4_7 * 10**8, "4.7 GB")],
)
def test_sizes_as_people_say_them(size: int, text: str) -> None:
    assert size_text(size) == text
