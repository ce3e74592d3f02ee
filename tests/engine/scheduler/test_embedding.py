"""Models that are loaded for vectors, beside those that are loaded for text."""

import asyncio

import numpy as np
import psutil
import pytest

from engine.errors import InvalidRequestError, RunnerDiedError
from engine.frames import Embed, Rerank
from engine.library.library import Library
from tests.engine.scheduler.deadlines import until
from tests.engine.scheduler.leases import DEFAULT, ask, complete
from tests.gguf_models import write_random_bert

MANY = tuple(f"the old cat {number}" for number in range(20_000))


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    bundled = {
        "bert": write_random_bert(folder / "bert.gguf"),
        "judge": write_random_bert(folder / "judge.gguf", pooling="rank"),
    }
    return Library(folder / "models", bundled=bundled)


def vectors(answer):
    return np.frombuffer(answer.vectors, "<f4").reshape(-1, answer.dimensions)


async def test_embedding_model_is_always_loaded_for_vectors(start, library):
    scheduler = start()
    async with scheduler.lease(library.get("bert"), DEFAULT) as lease:
        answer = await lease.embed(Embed(0, ("the cat", "a dog")))
        assert vectors(answer).shape == (2, 64)
        assert await lease.detokenize(await lease.tokenize("the", add_special=False))
    async with scheduler.lease(library.get("bert"), DEFAULT, embedding=True) as lease:
        assert len(scheduler.loaded()) == 1
        with pytest.raises(InvalidRequestError, match="embeddings only"):
            await complete(lease, ask())


async def test_text_model_gets_a_second_runner_for_vectors(start, models):
    scheduler = start()
    async with (
        scheduler.lease(models["a"], DEFAULT) as text,
        scheduler.lease(models["a"], DEFAULT, embedding=True) as embedding,
    ):
        answer, (written, _) = await asyncio.gather(
            embedding.embed(Embed(0, ("the cat",))), complete(text, ask())
        )
        assert vectors(answer).shape[0] == 1
        assert written
        assert len({one.pid for one in scheduler.loaded()}) == 2
        with pytest.raises(InvalidRequestError, match="generate text"):
            await text.embed(Embed(0, ("the cat",)))
    await scheduler.unload(models["a"])
    assert scheduler.loaded() == []


async def test_batch_of_embedding_models_covers_the_context(start, library):
    scheduler = start()
    async with scheduler.lease(library.get("bert"), DEFAULT) as lease:
        answer = await lease.embed(Embed(0, ("a " * 1000,)))
        assert answer.prompt_tokens == lease.num_ctx == 128


async def test_withdrawn_request_ends_in_the_runner(start, library):
    scheduler = start()
    async with scheduler.lease(library.get("bert"), DEFAULT) as lease:
        task = asyncio.create_task(lease.embed(Embed(0, MANY)))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(10):
            while (await lease.status()).slots_busy:
                pass
        assert vectors(await lease.embed(Embed(0, ("the cat",)))).shape == (1, 64)


async def test_runner_that_dies_fails_its_requests(start, library, caplog):
    caplog.set_level("WARNING", "engine.scheduler.runner_process")
    scheduler = start()
    async with scheduler.lease(library.get("bert"), DEFAULT) as lease:
        (loaded,) = scheduler.loaded()
        task = asyncio.create_task(lease.embed(Embed(0, MANY)))
        await asyncio.sleep(0.05)
        psutil.Process(loaded.pid).kill()
        with pytest.raises(RunnerDiedError):
            await task
    await until(lambda: not scheduler.loaded())


async def test_reranker_scores(start, library):
    scheduler = start()
    async with scheduler.lease(library.get("judge"), DEFAULT) as lease:
        answer = await lease.rerank(Rerank(0, "the cat", ("a dog", "the cat")))
        assert len(answer.scores) == 2
        assert all(0 < score < 1 for score in answer.scores)
