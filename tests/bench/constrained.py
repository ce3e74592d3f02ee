"""JSON Schemas: speed of constrained over free output; 200 random schemas kept to the letter."""

import asyncio
import itertools
import json
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.bench.models import ensure_model
from tests.bench.peers import Peer, corral
from tests.bench.report import Row
from tests.bench.stream import Stream, measure, read_ollama
from tests.engine.runner.constraint.schemas import is_valid, schemas
from tests.gguf_models import write_random_llama

PROMPT = "The history of the town begins with a river and a bridge, and with people who"
NUM_SCHEMAS = 30
NUM_RANDOM_SCHEMAS = 200
_WORDS = ("name", "address", "description", "telephone_number", "created_at", "is_active")
_TYPES: tuple[dict[str, Any], ...] = (
    {"type": "string", "minLength": 10, "maxLength": 30},
    {"type": "integer", "minimum": 0, "maximum": 100_000},
    {"type": "boolean"},
    {"enum": ["draft", "published", "withdrawn"]},
    {
        "type": "array",
        "items": {"type": "string", "minLength": 5, "maxLength": 20},
        "minItems": 3,
        "maxItems": 5,
    },
)


def run(rounds: int = 1) -> list[Row]:
    """Speeds are medians of ratios of neighbouring runs."""
    with corral({"bench": ensure_model("100m")}) as ours:
        everyday = [_everyday_schema(number) for number in range(NUM_SCHEMAS)]
        prose = {"regex": "[a-zA-Z ,.]{200,250}"}
        rows = [
            Row("30 JSON schemas", "over free output", _ratio(ours, everyday * rounds), 0.95),
            Row("a regex that forces nothing", "over free output", _ratio(ours, [prose] * 5)),
        ]
    share = count_valid() / NUM_RANDOM_SCHEMAS
    return [*rows, Row("200 random schemas", "valid documents", share, 1.0)]


def _everyday_schema(number: int) -> dict[str, Any]:
    """An object with six members of mixed types, one of them an object."""
    types = itertools.islice(itertools.cycle(_TYPES), number, None)
    properties = {word: next(types) for word in _WORDS}
    inner = {f"{word}_{number}": next(types) for word in _WORDS[:3]}
    properties["details"] = _object(inner)
    return _object(properties)


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _ratio(peer: Peer, formats: list[dict[str, Any]]) -> float:
    """Tokens per second with a format over those of as many free tokens."""
    _generate(peer, format=formats[0], num_predict=50)  # loads the model, learns the vocabulary
    ratios = []
    for seed, form in enumerate(formats):
        bound = _generate(peer, format=form, seed=seed)
        free = _generate(peer, num_predict=bound.num_tokens, seed=seed)
        ratios.append(_speed(bound) / _speed(free))
    return median(ratios)


def _generate(peer: Peer, *, format: object = None, **options: object) -> Stream:
    # No drafts: what they are worth is another scenario's question.
    options = {"temperature": 1, "num_predict": 1000, "draft_num_predict": 0} | options
    body = {"model": "bench", "prompt": PROMPT, "raw": True, "format": format, "options": options}
    return asyncio.run(measure(peer, "/api/generate", body, read_ollama))


def _speed(stream: Stream) -> float:
    return stream.num_tokens / float(str(stream.final["eval_duration"]))


def count_valid(num_schemas: int = NUM_RANDOM_SCHEMAS) -> int:
    """How many random schemas a random model keeps to; thinking or not, streamed or not."""
    kept: list[bool] = []

    @settings(
        max_examples=num_schemas,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(schemas(), st.booleans(), st.booleans(), st.sampled_from([0.0, 1.0]))
    def ask(schema: dict[str, Any], think: bool, stream: bool, temperature: float) -> None:
        if len(kept) < num_schemas:
            kept.append(_is_kept(peer, schema, think=think, stream=stream, temperature=temperature))

    with tempfile.TemporaryDirectory() as folder:
        model = write_random_llama(Path(folder) / "random.gguf")
        with corral({"bench": model}) as peer:
            ask()
    return sum(kept)


def _is_kept(
    peer: Peer, schema: dict[str, Any], *, think: bool, stream: bool, temperature: float
) -> bool:
    body = {
        "model": "bench",
        "prompt": PROMPT,
        "format": schema,
        "think": think,
        "stream": stream,
        "options": {"temperature": temperature, "num_predict": 1500, "seed": 1},
    }
    texts: list[str] = []

    def read(stream: Stream, message: dict[str, object]) -> None:
        if message.get("error"):
            raise RuntimeError(f"{schema}: {message['error']}")
        texts.append(str(message["response"]))

    asyncio.run(measure(peer, "/api/generate", body, read))
    try:
        return is_valid(json.loads("".join(texts)), schema)
    except ValueError:
        return False
