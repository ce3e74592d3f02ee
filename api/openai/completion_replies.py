"""Answers of /v1/completions from engine events (spec 1.15)."""

import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from api.openai.replies import EVENT_STREAM, FinishReason, PromptTokensDetails, Usage
from api.server.errors import openai_error_body
from api.server.json_output import encode
from api.server.truncation import prompt_truncated
from engine.candidates import Indexed
from engine.completion import Delta, Done
from engine.frames import TokenLogprob

_FINGERPRINT = "fp_ollama"


class LegacyLogprobs(msgspec.Struct):
    """Log-probabilities as parallel lists, one entry per token."""

    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]]
    text_offset: list[int]
    """Where each token starts in the choice's text, in characters."""


class TextChoice(msgspec.Struct, omit_defaults=True):
    """One answer, or a piece of it."""

    index: int
    text: str
    finish_reason: FinishReason | None
    logprobs: LegacyLogprobs | None
    reasoning: str = ""
    """Beyond OpenAI: what the model thought."""


class TextCompletion(msgspec.Struct):
    """A whole answer, or one event of a stream."""

    id: str
    object: str
    created: int
    model: str
    system_fingerprint: str
    choices: list[TextChoice]
    usage: Usage | msgspec.UnsetType = msgspec.UNSET


@dataclass
class _Answer:
    """What is known of one candidate."""

    parts: list[Delta] = field(default_factory=list)
    num_characters: int = 0
    done: Done | None = None


@dataclass(frozen=True)
class Wanted:
    """What of the candidates is given out, and how."""

    num_prompts: int = 1
    choices: int = 1
    """`n`: answers given out for each prompt."""
    candidates: int = 1
    """`best_of`: answers generated for each prompt."""
    logprobs: bool = False
    include_usage: bool = False


class CompletionTranslator:
    """Events of all candidates as text completions; candidates of a prompt stand together."""

    media_type = EVENT_STREAM

    def __init__(self, model: str, wanted: Wanted) -> None:
        self._model = model
        self._wanted = wanted
        self._id = f"cmpl-{secrets.randbelow(999)}"
        self._created = int(time.time())
        self._answers = [_Answer() for _ in range(wanted.num_prompts * wanted.candidates)]

    def is_single(self, event: Indexed) -> bool:
        """Never: also an empty prompt has an answer."""
        return False

    def chunk(self, event: Indexed) -> bytes:
        """A server-sent event for a piece of text; more of them at the end."""
        index, answer = event.index, self._answers[event.index]
        match event.event:
            case Delta() as delta:
                start = answer.num_characters
                answer.num_characters += len(delta.content)
                return self._piece(
                    TextChoice(
                        index,
                        delta.content,
                        None,
                        self._logprobs([delta], start),
                        delta.thinking,
                    )
                )
            case Done() as done:
                answer.done = done
                end = self._piece(TextChoice(index, "", _finish_reason(done), None))
                return end + self._end() if all(one.done for one in self._answers) else end
            case _:
                return b""

    def whole(self, events: list[Indexed]) -> bytes:
        """The best candidates of every prompt in one object."""
        for indexed in events:
            answer = self._answers[indexed.index]
            match indexed.event:
                case Delta() as delta:
                    answer.parts.append(delta)
                case Done() as done:
                    answer.done = done
        choices = [
            self._choice(index, answer)
            for index, answer in enumerate(
                answer for group in self._groups() for answer in self._best(group)
            )
        ]
        return encode(self._object(choices, self._usage()))

    def failure(self, status: int, text: str) -> bytes:
        """An error event. No `[DONE]` follows, so that nobody takes the answer for complete."""
        return b"data: " + openai_error_body(status, text) + b"\n\n"

    def _groups(self) -> Iterable[list[_Answer]]:
        size = self._wanted.candidates
        for start in range(0, len(self._answers), size):
            yield self._answers[start : start + size]

    def _best(self, group: list[_Answer]) -> list[_Answer]:
        """The likeliest per token, as OpenAI chooses."""
        if len(group) > self._wanted.choices:
            group = sorted(group, key=_mean_logprob, reverse=True)
        return group[: self._wanted.choices]

    def _choice(self, index: int, answer: _Answer) -> TextChoice:
        return TextChoice(
            index,
            "".join(part.content for part in answer.parts),
            _finish_reason(answer.done) if answer.done else None,
            self._logprobs(answer.parts, 0),
            "".join(part.thinking for part in answer.parts),
        )

    def _logprobs(self, parts: list[Delta], start: int) -> LegacyLogprobs | None:
        """Those of the text; what was only thought has no place in it."""
        if not self._wanted.logprobs:
            return None
        items: list[TokenLogprob] = []
        for part in parts:
            if part.content or not part.thinking:
                items += part.logprobs
        offsets = []
        for item in items:
            offsets.append(start)
            start += len(item.text)
        return LegacyLogprobs(
            [item.text for item in items],
            [item.logprob for item in items],
            [{top.text: top.logprob for top in item.top} for item in items],
            offsets,
        )

    def _usage(self) -> Usage:
        """A prompt counts once, however many answers it gets; every candidate's tokens count."""
        prompts = [group[0].done.metrics for group in self._groups() if group[0].done]
        prompt = sum(metrics.prompt_eval_count for metrics in prompts)
        completion = sum(one.done.metrics.eval_count for one in self._answers if one.done)
        cached = sum(metrics.cached_count for metrics in prompts)
        shortened = (prompt_truncated(metrics) for metrics in prompts)
        return Usage(
            prompt,
            completion,
            prompt + completion,
            PromptTokensDetails(cached),
            next((one for one in shortened if one is not None), None),
        )

    def _piece(self, choice: TextChoice) -> bytes:
        # Ollama's chunks carry a usage of nothing when the last one is to carry the real one.
        nothing = Usage(0, 0, 0, PromptTokensDetails(0))
        usage = nothing if self._wanted.include_usage else msgspec.UNSET
        return self._event(self._object([choice], usage))

    def _end(self) -> bytes:
        usage = self._event(self._object([], self._usage())) if self._wanted.include_usage else b""
        return usage + b"data: [DONE]\n\n"

    def _event(self, completion: TextCompletion) -> bytes:
        return b"data: " + encode(completion) + b"\n\n"

    def _object(
        self, choices: list[TextChoice], usage: Usage | msgspec.UnsetType
    ) -> TextCompletion:
        return TextCompletion(
            self._id,
            "text_completion",
            self._created,
            self._model,
            _FINGERPRINT,
            choices,
            usage,
        )


def _finish_reason(done: Done) -> FinishReason:
    return "length" if done.reason == "length" else "stop"


def _mean_logprob(answer: _Answer) -> float:
    logprobs = [item.logprob for part in answer.parts for item in part.logprobs]
    return sum(logprobs) / len(logprobs) if logprobs else 0.0
