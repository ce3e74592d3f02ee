"""The embedding loop as its commands see it: limits, order, company, cancellation, bad input."""

import numpy as np
import pytest

from engine import frames
from tests.engine.runner.embedding.vectors import cosine, embed, matrix, sentence, tokens
from tests.engine.runner.runner_process import RunnerProcess

CONTEXT = 32
"""Of the fixture `bert`: 30 tokens of text and the two around them."""


def letters(count: int) -> str:
    """A text of so many tokens: the vocabulary has every letter."""
    return " ".join("abcdefghij"[index % 10] for index in range(count))


def failure(runner: RunnerProcess, *inputs: str | tuple[int, ...], **settings: object) -> str:
    answer = runner.ask(frames.Embed, inputs, **settings)
    assert isinstance(answer, frames.Failed), answer
    assert answer.kind == "invalid"
    return answer.message


def test_ready_tells_the_context_that_the_model_allows(fresh_runner, bert_path):
    ready = fresh_runner.load(bert_path, embedding=True, num_ctx=4096)
    assert (ready.num_ctx, ready.num_ctx_train) == (CONTEXT, CONTEXT)
    assert ready.bos_text == "[CLS]"
    assert ready.size_bytes > 0


@pytest.mark.parametrize("length", [29, 30])
def test_inputs_up_to_the_limit_are_whole(bert, length):
    answer = bert.ask(frames.Embed, (letters(length),), truncate=False)
    assert isinstance(answer, frames.Embedded)
    assert (answer.prompt_tokens, answer.truncated_tokens) == (length + 2, 0)


@pytest.mark.parametrize("length", [31, 200])
def test_inputs_beyond_the_limit_lose_their_end_or_are_refused(bert, length):
    answer = bert.ask(frames.Embed, (letters(length),))
    assert isinstance(answer, frames.Embedded)
    assert (answer.prompt_tokens, answer.truncated_tokens) == (CONTEXT, length - 30)
    assert cosine(matrix(answer)[0], embed(bert, letters(30))[0]) > 0.99999
    assert failure(bert, letters(length), truncate=False) == (
        "the input length exceeds the context length"
    )


@pytest.mark.parametrize(("length", "dropped"), [(31, 0), (32, 0), (33, 1)])
def test_token_inputs_may_fill_the_whole_context(bert, length, dropped):
    ids = tuple(5 + index % 20 for index in range(length))
    answer = bert.ask(frames.Embed, (ids,))
    assert isinstance(answer, frames.Embedded)
    assert (answer.prompt_tokens, answer.truncated_tokens) == (length - dropped, dropped)
    if dropped:
        assert "exceeds the context length" in failure(bert, ids, truncate=False)


def test_impossible_inputs_are_named_and_do_no_harm(bert):
    assert failure(bert, (1, 10**6)) == "token 1000000 is not in the model's vocabulary"
    assert failure(bert, (-1,)) == "token -1 is not in the model's vocabulary"
    assert failure(bert, ()) == "the input is empty"
    assert failure(bert, "fine", (), "fine") == "the input is empty"
    assert embed(bert, "fine").shape == (1, 64)
    assert bert.status().slots_busy == 0


def test_odd_texts_have_vectors(bert):
    texts = ("", " ", "\0", "日本語", "[SEP]", "a" * 10_000, "\U0001f600" * 500)
    vectors = embed(bert, *texts)
    assert vectors.shape == (len(texts), 64)
    assert np.isfinite(vectors).all()


def test_no_inputs_no_vectors(bert):
    answer = bert.ask(frames.Embed, ())
    assert isinstance(answer, frames.Embedded)
    assert (answer.vectors, answer.prompt_tokens) == (b"", 0)


def test_inputs_of_several_requests_share_a_computation(bert):
    steps = bert.status().steps
    texts = [sentence(4, seed=seed) for seed in range(8)]
    # In one write, so that the loop finds them all when it looks.
    bert.send(*(frames.Embed(100 + index, (text,)) for index, text in enumerate(texts)))
    answers = {}
    while len(answers) < len(texts):
        report = bert.next_report()
        assert isinstance(report, frames.Embedded), report
        answers[report.request_id - 100] = matrix(report)[0]
    # The first may have been alone with the loop already waiting for it.
    assert bert.status().steps - steps <= 2
    for index, text in enumerate(texts):
        assert cosine(answers[index], embed(bert, text)[0]) > 0.9999


def test_short_request_does_not_wait_for_a_long_one(bert):
    bert.send(
        frames.Embed(200, tuple(sentence(6, seed=seed) for seed in range(2000))),
        frames.Embed(201, ("short",)),
    )
    first, second = bert.next_report(), bert.next_report()
    assert isinstance(first, frames.Embedded)
    assert (first.request_id, first.prompt_tokens) == (201, 7)
    assert isinstance(second, frames.Embedded)
    assert matrix(second).shape == (2000, 64)


def test_cancelled_request_ends_and_leaves_the_others_alone(bert):
    many = tuple(sentence(6, seed=seed) for seed in range(3000))
    bert.send(frames.Embed(300, many), frames.Embed(301, many[:50]), frames.Cancel(300))
    reports = [bert.next_report(), bert.next_report()]
    cancelled, served = sorted(reports, key=lambda report: report.request_id)
    assert isinstance(cancelled, frames.Finished)
    assert cancelled.reason == "cancelled"
    assert isinstance(served, frames.Embedded)
    expected = embed(bert, many[49])[0]
    assert cosine(matrix(served)[49], expected) > 0.9999
    bert.send(frames.Cancel(300))  # it is over: nothing comes of it
    assert bert.status().slots_busy == 0


def test_shutdown_ends_every_request(fresh_runner, bert_path):
    fresh_runner.load(bert_path, embedding=True)
    many = tuple(sentence(6, seed=seed) for seed in range(5000))
    fresh_runner.send(frames.Embed(1, many), frames.Shutdown())
    report = fresh_runner.next_report()
    assert isinstance(report, frames.Finished)
    assert report.reason == "cancelled"
    assert fresh_runner.wait() == 0


def test_other_kinds_of_requests_are_refused(bert, reranker):
    bert.start("the cat")
    refused = bert.next_report()
    assert isinstance(refused, frames.Failed)
    assert "embeddings only" in refused.message
    assert "does not rank" in bert.ask(frames.Rerank, "q", ("d",)).message
    assert "no embeddings" in failure(reranker, "text")


def test_text_runner_refuses_embeddings_with_an_answer(runner):
    for command in (frames.Embed(900, ("text",)), frames.Rerank(900, "q", ("d",))):
        runner.send(command)
        report = runner.next_report()
        assert isinstance(report, frames.Failed)
        assert report.kind == "invalid"


@pytest.mark.parametrize("length", [59, 60, 61])
def test_documents_lose_their_end_when_the_pair_is_too_long(reranker, length):
    """128 tokens: 64 of the query, four between and around, 60 left."""
    query = letters(65)
    answer = reranker.ask(frames.Rerank, query, (letters(length), "a"))
    assert isinstance(answer, frames.Reranked)
    assert answer.truncated_tokens == max(0, length - 60)
    refused = reranker.ask(frames.Rerank, query, (letters(length),), truncate=False)
    assert isinstance(refused, frames.Failed) == (length > 60)


def test_query_that_leaves_no_room_is_refused(reranker):
    answer = reranker.ask(frames.Rerank, letters(200), ("document",))
    assert isinstance(answer, frames.Failed)
    assert answer.message == "the query is longer than the context length of the model"


def test_tokens_in_a_document_are_text(reranker):
    """A document can't end the sequence early: [SEP] in it is five characters."""
    plain = reranker.ask(frames.Rerank, "the dog", ("[ sep ]", "[SEP]"))
    assert isinstance(plain, frames.Reranked)
    assert plain.scores[0] == pytest.approx(plain.scores[1], abs=1e-4)


def test_tokens_are_those_of_the_vocabulary(bert):
    assert tokens(bert, "the cat")[0] == 2
    text = bert.ask(frames.Detokenize, tokens(bert, "the a of", add_special=False))
    assert isinstance(text, frames.Text)
    assert text.text.split() == ["the", "a", "of"]
    wrong = bert.ask(frames.Detokenize, (10**6,))
    assert isinstance(wrong, frames.Failed)
