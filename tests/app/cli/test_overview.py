from typing import Any

import msgspec

from api.client.shapes import ShowReply
from app.cli.overview import format_overview


def reply(**fields: Any) -> ShowReply:
    details = {"family": "llama", "quantization_level": "Q8_0", "parameter_size": "7B"}
    return msgspec.convert({"details": details, **fields}, ShowReply)


def test_a_plain_model_has_one_section() -> None:
    assert format_overview(reply()) == (
        "  Model\n"
        "    architecture    llama    \n"
        "    parameters      7B       \n"
        "    quantization    Q8_0     \n"
        "\n"
    )


def test_all_sections_in_their_order() -> None:
    text = format_overview(
        reply(
            model_info={
                "general.architecture": "qwen3",
                "qwen3.context_length": 40960,
                "qwen3.embedding_length": 1024.0,
                "tokenizer.ggml.tokens": None,
            },
            capabilities=["completion", "tools"],
            projector_info={"general.architecture": "clip", "general.parameter_count": 312_000_000},
            parameters='stop                           "<|im_end|>"\ntemperature    0.5',
            system="\n You are kind.\n\nVery.\nThird line.",
            license="MIT",
            requires="0.14.0",
        )
    )
    titles = [line.strip() for line in text.splitlines() if line[:3].strip()]
    assert titles == ["Model", "Capabilities", "Projector", "Parameters", "System", "License"]
    assert "    architecture        qwen3     \n" in text
    assert "    context length      40960     \n    embedding length    1024      \n" in text
    assert "    requires            0.14.0    \n" in text
    assert '    stop           "<|im_end|>"    \n    temperature    0.5             \n' in text
    assert (
        "  System\n    You are kind.    \n    Very.            \n    ...              \n\n" in text
    )
    assert "    parameters      312M    \n" in text


def test_verbose_shows_metadata_and_tensors_with_arrays_cut() -> None:
    info = {
        "b.scores": [0.5, -1000.0, 2.25, 3.0],
        "a.flag": True,
        "c.short": [1, 2],
        "d.none": None,
    }
    tensors = [{"name": "token_embd.weight", "type": "F16", "shape": [64, 512]}]
    text = format_overview(reply(model_info=info, tensors=tensors), verbose=True)
    assert "    a.flag      true                           \n" in text
    assert "[0.5 -1000 2.25 ...+1 more]" in text
    assert "[1 2]" in text
    assert "    token_embd.weight    F16    [64 512]    \n" in text
    assert text.index("a.flag") < text.index("b.scores") < text.index("Tensors")


def test_remote_models_say_where_they_live() -> None:
    text = format_overview(reply(remote_host="https://example.com", remote_model="big"))
    assert text.startswith("  Model\n    Remote model    big")
    assert "Remote URL      https://example.com" in text
