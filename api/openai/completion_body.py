"""Body of /v1/completions, and the prompts in it (spec 1.15). Values only."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import Field, WithJsonSchema

from api.ollama.values import Integer, JSONObject, Think
from api.openai.shapes import StreamOptions
from api.server.shapes import Shape
from engine.errors import InvalidRequestError

MAX_ANSWERS = 128
"""Of one request: prompts times `best_of`."""

_TEXT = {"type": "string"}
_TOKENS = {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1}
_PROMPT = {
    "anyOf": [
        _TEXT,
        {"type": "array", "items": _TEXT, "minItems": 1},
        _TOKENS,
        {"type": "array", "items": _TOKENS, "minItems": 1},
    ]
}
_STOP = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}

PromptField = Annotated[Any, WithJsonSchema(_PROMPT)]
StopField = Annotated[Any, WithJsonSchema(_STOP)]


class CompletionBody(Shape):
    """POST /v1/completions. From `options` on: beyond OpenAI."""

    go_name: ClassVar[str] = "CompletionRequest"
    model: str = ""
    prompt: PromptField = ""
    suffix: str = ""
    max_tokens: Integer | None = None
    temperature: float | None = None
    top_p: float | None = None
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    n: Integer = 1
    best_of: Integer | None = None
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    logprobs: Integer | None = None
    logit_bias: JSONObject = Field(default_factory=dict)
    echo: bool = False
    stop: StopField = None
    seed: Integer | None = None
    options: JSONObject = Field(default_factory=dict)
    num_ctx: Integer | None = None
    think: Think = None
    raw: bool = False
    """Do not apply the chat template to prompts that are text."""


@dataclass(frozen=True)
class Prompt:
    """One prompt: a text, or tokens for the model as they are."""

    text: str = ""
    tokens: tuple[int, ...] = ()


def read_prompts(value: object) -> tuple[Prompt, ...]:
    """All prompts of a request. Raises InvalidRequestError."""
    if isinstance(value, str):
        return (Prompt(value),)
    if not isinstance(value, list) or not value:
        raise InvalidRequestError("invalid prompt: must be a string, an array of strings or tokens")
    if _is_tokens(value):
        return (Prompt(tokens=tuple(value)),)
    if all(isinstance(item, str) for item in value):
        return tuple(Prompt(item) for item in value)
    if all(isinstance(item, list) and item and _is_tokens(item) for item in value):
        return tuple(Prompt(tokens=tuple(item)) for item in value)
    raise InvalidRequestError("invalid prompt: must be all strings, or all tokens (integers)")


def _is_tokens(values: list[Any]) -> bool:
    return all(type(value) is int and 0 <= value < 2**31 for value in values)


def read_stop(value: object) -> list[str] | None:
    """The stop texts; None if there are none. Raises InvalidRequestError."""
    match value:
        case str():
            return [value]
        case list():
            for item in value:
                if not isinstance(item, str):
                    raise InvalidRequestError(f"invalid type for 'stop' field: {_go_type(item)}")
            return value
        case _:
            return None


def _go_type(value: object) -> str:
    match value:
        case None:
            return "<nil>"
        case bool():
            return "bool"
        case int() | float():
            return "float64"
        case list():
            return "[]interface {}"
        case _:
            return "map[string]interface {}"


def count_candidates(body: CompletionBody, num_prompts: int) -> int:
    """Answers to generate for each prompt; `n` of them are given out.

    Raises InvalidRequestError.
    """
    candidates = body.n if body.best_of is None else body.best_of
    if body.n < 1:
        raise InvalidRequestError("n must be at least 1")
    if candidates < body.n:
        raise InvalidRequestError("best_of must be at least n")
    if body.stream and candidates > body.n:
        raise InvalidRequestError("best_of must be equal to n when streaming")
    if candidates * num_prompts > MAX_ANSWERS:
        raise InvalidRequestError(
            f"too many answers: {num_prompts} prompts with {candidates} answers each; "
            f"at most {MAX_ANSWERS} in one request"
        )
    return candidates
