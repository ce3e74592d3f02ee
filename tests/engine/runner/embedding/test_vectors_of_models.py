"""The vectors are the model's: compared with a forward pass in numpy, and with each other."""

from pathlib import Path

import numpy as np
import pytest

from engine import frames
from tests.engine.runner.embedding.bert_reference import BertReference
from tests.engine.runner.embedding.vectors import cosine, embed, sentence, tokens
from tests.engine.runner.runner_process import RunnerProcess
from tests.gguf_models import write_random_bert, write_random_llama, write_random_mamba


def test_mean_of_the_states_is_what_numpy_computes(bert, bert_path):
    reference = BertReference(bert_path)
    for text in ("the cat", "Hello, world!", sentence(8, seed=1), ""):
        expected = reference.states(tokens(bert, text)).mean(0)
        (raw,) = embed(bert, text, normalize=False)
        assert cosine(raw, expected) > 0.9999
        assert np.allclose(raw, expected, atol=0.01)


@pytest.mark.parametrize("file_type", ["f16", "q8_0"])
def test_first_state_of_models_with_cls_pooling(tmp_path: Path, file_type: str):
    path = write_random_bert(tmp_path / "cls.gguf", pooling="cls", file_type=file_type)
    reference = BertReference(path)
    with RunnerProcess() as runner:
        runner.load(path, embedding=True)
        (vector,) = embed(runner, "the cat is on it")
        expected = reference.states(tokens(runner, "the cat is on it"))[0]
    assert cosine(vector, expected) > 0.999


def test_vectors_have_length_one_unless_told_otherwise(bert):
    scaled = embed(bert, "the cat", "a dog")
    raw = embed(bert, "the cat", "a dog", normalize=False)
    assert np.allclose(np.linalg.norm(scaled, axis=1), 1, atol=1e-6)
    assert not np.allclose(np.linalg.norm(raw, axis=1), 1, atol=0.1)
    assert np.allclose(raw / np.linalg.norm(raw, axis=1)[:, None], scaled, atol=1e-6)


def test_dimensions_cut_and_scale_again(bert):
    (whole,) = embed(bert, "the cat")
    (cut,) = embed(bert, "the cat", dimensions=16)
    assert cut.shape == (16,)
    assert np.allclose(cut, whole[:16] / np.linalg.norm(whole[:16]), atol=1e-6)
    for dimensions in (64, 1000):
        assert (embed(bert, "the cat", dimensions=dimensions)[0] == whole).all()


@pytest.mark.parametrize("name", ["bert", "text_model"])
def test_many_inputs_at_once_are_the_same_as_one_by_one(name, request):
    runner = request.getfixturevalue(name)
    texts = [sentence(1 + index % 7, seed=index) for index in range(90)]
    together = embed(runner, *texts)
    assert len(set(texts)) > 60
    for text, row in list(zip(texts, together, strict=True))[::7]:
        assert cosine(row, embed(runner, text)[0]) > 0.9999


def test_token_ids_are_taken_as_they_are(bert):
    ids = tokens(bert, "the cat")
    assert cosine(embed(bert, ids)[0], embed(bert, "the cat")[0]) > 0.99999


def test_long_texts_read_in_pieces_are_as_if_read_at_once(text_model, text_model_path):
    texts = [sentence(length, seed=length) for length in (1, 3, 100, 330, 500)]
    in_pieces = embed(text_model, *texts)
    with RunnerProcess() as runner:
        runner.load(text_model_path, embedding=True, num_ctx=1024, num_batch=1024)
        assert max(len(tokens(runner, text)) for text in texts) > 512
        at_once = embed(runner, *texts)
    for one, other in zip(in_pieces, at_once, strict=True):
        assert cosine(one, other) > 0.9999
    assert cosine(in_pieces[3], in_pieces[4]) < 0.999


@pytest.mark.parametrize("kind", ["recurrent", "window"])
def test_models_with_other_memories_are_read_in_pieces_too(tmp_path, kind):
    path = tmp_path / "model.gguf"
    if kind == "recurrent":
        write_random_mamba(path)
    else:
        write_random_llama(path, window=32, n_layer=6)
    texts = [sentence(length, seed=length) for length in (1, 3, 100, 330, 2, 50)]
    with RunnerProcess() as runner:
        runner.load(path, embedding=True, num_ctx=1024, num_batch=128)
        together = embed(runner, *texts)
        for text, vector in zip(texts, together, strict=True):
            assert cosine(embed(runner, text)[0], vector) > 0.9999
    with RunnerProcess() as runner:
        runner.load(path, embedding=True, num_ctx=1024, num_batch=1024)
        for one, other in zip(embed(runner, *texts), together, strict=True):
            assert cosine(one, other) > 0.9999


def test_vectors_that_are_no_numbers_are_refused(tmp_path):
    path = write_random_bert(tmp_path / "nan.gguf", spoiled=True)
    with RunnerProcess() as runner:
        runner.load(path, embedding=True)
        answer = runner.ask(frames.Embed, ("the",))
        assert isinstance(answer, frames.Failed)
        assert answer.kind == "invalid"
        assert answer.message == "embedding contains NaN or Inf values"
        assert runner.status().slots_busy == 0


def test_scores_are_those_of_the_classification_head(reranker, reranker_path):
    reference = BertReference(reranker_path)
    documents = tuple(sentence(3 + index, seed=index) for index in range(20))
    answer = reranker.ask(frames.Rerank, "the old dog", documents)
    assert isinstance(answer, frames.Reranked)
    query = tokens(reranker, "the old dog")
    for document, score in zip(documents, answer.scores, strict=True):
        pair = (*query, *tokens(reranker, document)[1:])
        assert score == pytest.approx(reference.score(pair), abs=0.01)
    assert max(answer.scores) - min(answer.scores) > 0.01
