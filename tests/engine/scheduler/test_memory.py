import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.library.gguf import read_header
from engine.scheduler.memory import kv_bytes_per_token
from tests.conftest import TINY_MODEL


def llama(**changes):
    values = {
        "block_count": 32,
        "embedding_length": 4096,
        "attention.head_count": 32,
        "attention.head_count_kv": 8,
    }
    values.update({name.replace("__", "."): value for name, value in changes.items()})
    return {"general.architecture": "llama"} | {f"llama.{k}": v for k, v in values.items()}


def test_grouped_query_attention_of_an_8b_model():
    # 2 (K and V) * 32 layers * 8 heads * 128 * 2 bytes
    assert kv_bytes_per_token(llama()) == 131_072


def test_missing_kv_heads_mean_one_for_each_head():
    metadata = llama()
    del metadata["llama.attention.head_count_kv"]
    assert kv_bytes_per_token(metadata) == 4 * 131_072


def test_heads_of_each_layer_are_summed():
    heads = [0, 8] * 16
    assert kv_bytes_per_token(llama(attention__head_count_kv=heads)) == 65_536


def test_stated_key_and_value_sizes_win():
    metadata = llama(attention__key_length=64, attention__value_length=256)
    assert kv_bytes_per_token(metadata) == 32 * 8 * (64 + 256) * 2


@pytest.mark.parametrize(("kind", "share"), [("q8_0", 17 / 32), ("Q4_0", 9 / 32), ("f32", 2.0)])
def test_quantised_cache_is_smaller(kind, share):
    assert kv_bytes_per_token(llama(), kind) == 131_072 * share


def test_bundled_model():
    # 8 layers * 2 heads * (64 + 64) * 2 bytes
    assert kv_bytes_per_token(read_header(TINY_MODEL).metadata) == 4096


def test_model_without_attention_needs_no_cache():
    assert kv_bytes_per_token({"general.architecture": "mamba", "mamba.block_count": 24}) == 0


scalars = st.one_of(
    st.integers(-(2**40), 2**40), st.floats(), st.text(), st.booleans(), st.none(), st.binary()
)


@given(
    st.dictionaries(
        st.sampled_from(list(llama())), st.one_of(scalars, st.lists(scalars, max_size=5))
    )
)
def test_hostile_headers_give_a_number(metadata):
    assert kv_bytes_per_token(metadata) >= 0
