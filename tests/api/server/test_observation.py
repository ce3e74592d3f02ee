"""Events become numbers."""

from api.server.figures import Figures
from api.server.observation import Observation
from engine.candidates import Indexed
from engine.completion import Delta, Done, Metrics

METRICS = Metrics(prompt_eval_count=10, cached_count=4, eval_count=3)


def observe(*events: object) -> tuple[Figures, Observation]:
    figures = Figures()
    observation = Observation(figures, "id")
    for event in events:
        observation.note(event)
    return figures, observation


def test_an_answer():
    figures, observation = observe(Delta("a"), Delta("b"), Delta("c"), Done("stop", METRICS))
    assert sum(figures.first_token_s.counts) == 1
    assert sum(figures.inter_token_s.counts) == 2
    assert (figures.prompt_tokens, figures.cached_tokens, figures.generated_tokens) == (10, 4, 3)
    assert observation.done_reason == "stop"
    assert observation.first_token_s is not None


def test_answers_side_by_side_share_one_pace():
    events = [Indexed(index, Delta("a")) for _ in range(3) for index in range(4)]
    ends = [Indexed(index, Done("length", METRICS)) for index in range(4)]
    figures, observation = observe(*events, *ends)
    assert sum(figures.first_token_s.counts) == 1
    assert sum(figures.inter_token_s.counts) == 2
    assert figures.generated_tokens == observation.generated_tokens == 12


def test_other_events_count_for_nothing():
    figures, observation = observe(b"bytes", object())
    assert sum(figures.first_token_s.counts) == 0
    assert observation.first_token_s is None


def test_vectors_read_tokens_too():
    figures, observation = observe()
    observation.note_prompt(7)
    assert (figures.prompt_tokens, observation.prompt_tokens) == (7, 7)
