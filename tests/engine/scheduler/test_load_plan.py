import os
from dataclasses import replace

import pytest

from engine.errors import ModelNotFoundError
from engine.hardware.memory import SystemMemory
from engine.library.digests import Digest
from engine.library.library import Library
from engine.library.manifests import ADAPTER, MODEL, SYSTEM, Layer
from engine.options import Options
from engine.scheduler.load_plan import (
    ModelFacts,
    effective_num_ctx,
    inspect_model,
    plan_load,
    plan_serves,
)
from engine.scheduler.settings import SchedulerSettings

GIB = 1024**3
DEFAULT = Options()
SETTINGS = SchedulerSettings(("unused",))
FACTS = ModelFacts(
    weights_bytes=4 * GIB,
    num_ctx_train=131_072,
    kv_bytes_per_token=131_072,
    is_single_sequence=False,
    has_vision=False,
)


@pytest.fixture
def plan(models):
    def make(options=DEFAULT, facts=FACTS, settings=SETTINGS, available=64 * GIB):
        return plan_load(
            models["a"], options, facts, settings, SystemMemory(2 * available, available)
        )

    return make


def test_bundled_model_is_inspected(models):
    facts = inspect_model(models["a"], "f16")
    assert facts.weights_bytes == models["a"].weights_path.stat().st_size
    assert (facts.num_ctx_train, facts.kv_bytes_per_token) == (2048, 4096)
    assert not facts.is_single_sequence
    assert not facts.has_vision


def test_missing_weights_are_a_missing_model(models, tmp_path):
    path = tmp_path / "gone.gguf"
    path.write_bytes(models["a"].weights_path.read_bytes())
    model = Library(tmp_path / "models", bundled={"gone": path}).get("gone")
    os.remove(path)
    with pytest.raises(ModelNotFoundError, match="gone"):
        inspect_model(model, "f16")


@pytest.mark.parametrize(
    ("asked", "configured", "train", "expected"),
    [
        (None, 0, 131_072, 4096),
        (None, 0, 2048, 2048),
        (None, 8192, 131_072, 8192),
        (1024, 8192, 131_072, 1024),
        (500_000, 0, 131_072, 131_072),
        (500_000, 0, 0, 500_000),
        (1, 0, 131_072, 4),
        (4, 0, 131_072, 4),
        (5, 0, 131_072, 5),
    ],
)
def test_context_length(asked, configured, train, expected):
    settings = replace(SETTINGS, context_length=configured)
    facts = replace(FACTS, num_ctx_train=train)
    assert effective_num_ctx(Options(num_ctx=asked), facts, settings) == expected


def test_vision_models_get_room_for_an_image():
    facts = replace(FACTS, has_vision=True)
    assert effective_num_ctx(Options(num_ctx=100), facts, SETTINGS) == 2048


# KV of one slot: 4096 tokens * 128 KiB = 512 MiB; the budget is a quarter of what is left.
@pytest.mark.parametrize(
    ("available", "expected"),
    [(12 * GIB, 4), (12 * GIB - 8, 2), (8 * GIB, 2), (8 * GIB - 8, 1), (1 * GIB, 1), (0, 1)],
)
def test_automatic_slots_fit_a_quarter_of_the_free_memory(plan, available, expected):
    assert plan(available=available).load.num_parallel == expected


def test_configured_slots_are_taken_as_they_are(plan):
    assert plan(settings=replace(SETTINGS, num_parallel=7), available=0).load.num_parallel == 7


def test_models_that_cannot_share_a_context_get_one_slot(plan):
    facts = replace(FACTS, is_single_sequence=True)
    assert plan(facts=facts, settings=replace(SETTINGS, num_parallel=7)).load.num_parallel == 1


def test_prediction_counts_weights_and_the_cache_of_all_slots(plan):
    assert plan().predicted_bytes == 4 * GIB + 4 * 4096 * 131_072


@pytest.mark.parametrize(
    ("num_ctx", "available", "expected"),
    [
        (4096, 64 * GIB, 512),
        (4097, 64 * GIB, 1024),
        (32_768, 64 * GIB, 1024),
        (32_769, 64 * GIB, 2048),
        (32_769, 13 * GIB, 1024),
        (32_769, 9 * GIB, 512),
    ],
)
def test_batches_grow_with_the_context_as_memory_allows(plan, num_ctx, available, expected):
    settings = replace(SETTINGS, num_parallel=1)
    assert (
        plan(Options(num_ctx=num_ctx), settings=settings, available=available).load.num_batch
        == expected
    )


def test_options_reach_the_load_command(plan, models):
    options = Options(num_batch=64, num_gpu=3, main_gpu=1, use_mmap=False, num_thread=2)
    settings = replace(SETTINGS, flash_attention=True, kv_cache_type="q8_0")
    load = plan(options, settings=settings).load
    assert load.model_path == str(models["a"].weights_path)
    assert (load.num_batch, load.num_gpu_layers, load.main_gpu) == (64, 3, 1)
    assert (load.use_mmap, load.num_threads) == (False, 2)
    assert (load.flash_attention, load.kv_cache_type) == (True, "q8_0")


@pytest.mark.parametrize(
    ("loaded", "asked", "expected"),
    [
        ({}, {}, True),
        ({}, {"temperature": 0.0, "seed": 7, "stop": ("x",)}, True),
        ({}, {"num_ctx": 8192}, False),
        ({}, {"num_ctx": 4096}, True),
        ({"num_ctx": 8192}, {}, False),
        ({"num_ctx": 500_000}, {"num_ctx": 131_072}, True),
        ({"num_ctx": 131_071}, {"num_ctx": 500_000}, False),
        ({}, {"num_batch": 1024}, True),
        ({}, {"num_batch": 512}, False),
        ({"num_batch": 256}, {}, False),
        ({"num_gpu": 5}, {}, True),
        ({"num_gpu": 5}, {"num_gpu": 5}, True),
        ({}, {"num_gpu": 0}, False),
        ({}, {"main_gpu": 0}, False),
        ({"use_mmap": False}, {}, True),
        ({"use_mmap": False}, {"use_mmap": True}, False),
        ({}, {"num_thread": 2}, False),
        ({}, {"draft_num_predict": 5}, True),
    ],
)
def test_when_a_loaded_model_will_do(plan, loaded, asked, expected):
    assert plan_serves(plan(Options(**loaded)), Options(**asked), SETTINGS) is expected


@pytest.mark.parametrize(
    ("asked", "available", "expected"),
    [
        (None, 14 * GIB, 966_367_641),  # a tenth of what weights and context leave
        (None, 5 * GIB, 0),
        (None, 900 * GIB, 8 * GIB),
        (0, 64 * GIB, 0),
        (5, 0, 5),
    ],
)
def test_prefix_cache_takes_a_share_of_the_spare_memory(plan, asked, available, expected):
    settings = replace(SETTINGS, cache_ram_bytes=asked, num_parallel=1, context_length=8192)
    load = plan(settings=settings, available=available).load
    assert abs(load.cache_ram_bytes - expected) <= 10 * 1024**2


def test_saved_prefixes_are_named_by_the_contents_of_the_files(plan, models):
    settings = replace(SETTINGS, cache_folder="/cache", cache_disk_bytes=7)
    load = plan(settings=settings).load
    assert (load.cache_folder, load.cache_disk_bytes) == ("/cache", 7)

    def digest(*layers, **changes):
        manifest = replace(models["a"].manifest, layers=layers)
        model = replace(models["a"], manifest=manifest, **changes)
        return plan_load(model, DEFAULT, FACTS, settings, SystemMemory(GIB, GIB)).load.model_digest

    weights, others = (Layer(MODEL, Digest(letter * 64), 1) for letter in "ab")
    adapter = Layer(ADAPTER, Digest("c" * 64), 1)
    system = Layer(SYSTEM, Digest("d" * 64), 1)
    assert len(load.model_digest) == 64
    # Neither the name nor what else the manifest says makes a difference.
    assert digest(weights) == digest(weights, system, digest="0" * 64)
    assert len({digest(weights), digest(others), digest(weights, adapter)}) == 3
