"""Options: merging, types, limits, and texts as values."""

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InvalidRequestError, OptionTypeError
from engine.options import MAX_STOP_BYTES, MAX_STOP_STRINGS, Options, merge_options, parse_parameter


def test_later_layers_win_and_null_is_no_value():
    options = merge_options({"top_k": 1, "seed": 5}, {"top_k": 2, "seed": None}, {"top_p": 1})
    assert options == Options(top_k=2, seed=5, top_p=1.0)
    assert isinstance(options.top_p, float)
    assert merge_options() == Options()


def test_unknown_options_are_ignored_and_logged(caplog):
    with caplog.at_level("INFO", logger="engine.options"):
        assert merge_options({"tfs_z": 1, "mirostat": 2}) == Options()
    assert "invalid option provided: tfs_z" in caplog.text


def test_zero_context_means_automatic():
    assert merge_options({"num_ctx": 4096}, {"num_ctx": 0}).num_ctx is None
    assert merge_options({"num_batch": 0}).num_batch is None


def test_fractions_of_integers_are_cut():
    assert merge_options({"top_k": 40.9, "num_predict": -1.0}) == Options(top_k=40, num_predict=-1)


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("top_k", "40", "integer"),
        ("top_k", True, "integer"),
        ("temperature", "hot", "float32"),
        ("temperature", False, "float32"),
        ("use_mmap", 1, "boolean"),
        ("stop", "x", "array"),
        ("stop", {"a": 1}, "array"),
    ],
)
def test_wrong_types_are_named(name, value, kind):
    with pytest.raises(OptionTypeError) as caught:
        merge_options({name: value})
    assert str(caught.value) == f'option "{name}" must be of type {kind}'


def test_stop_holds_strings():
    assert merge_options({"stop": ["a", ""]}).stop == ("a",)
    with pytest.raises(OptionTypeError, match=r'^option "stop" must be of an array of strings$'):
        merge_options({"stop": ["a", 1]})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", math.nan),
        ("temperature", math.inf),
        ("temperature", -0.1),
        ("temperature", 10**400),
        ("top_p", 1.01),
        ("min_p", -1),
        ("top_k", math.nan),
        ("top_k", math.inf),
        ("top_k", 2**31),
        pytest.param("seed", 10**5000, id="seed-huge"),
        ("seed", 2**63),
        ("num_ctx", -1),
        ("stop", ["\ud800"]),
    ],
)
def test_values_no_model_can_work_with_are_refused(name, value):
    with pytest.raises(InvalidRequestError) as caught:
        merge_options({name: value})
    assert len(str(caught.value)) < 200


def test_stop_limits_are_exact():
    fits = [chr(97 + n % 26) * MAX_STOP_BYTES for n in range(MAX_STOP_STRINGS)]
    assert merge_options({"stop": fits}).stop == tuple(fits)
    with pytest.raises(InvalidRequestError, match="at most 64"):
        merge_options({"stop": [*fits, "x"]})
    with pytest.raises(InvalidRequestError, match="at most 256 bytes"):
        merge_options({"stop": ["x" * (MAX_STOP_BYTES + 1)]})


def test_sampling_holds_the_sampler_settings():
    sampling = merge_options({"temperature": 0.1, "seed": 3}).sampling
    assert (sampling.temperature, sampling.seed, sampling.top_k) == (0.1, 3, 40)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("temperature", "0.7", 0.7),
        ("temperature", "1", 1.0),
        ("temperature", "1e-3", 0.001),
        ("temperature", ".5", 0.5),
        ("num_ctx", "4096", 4096),
        ("seed", "-1", -1),
        ("seed", "+7", 7),
        ("seed", str(-(2**63)), -(2**63)),
        ("use_mmap", "T", True),
        ("use_mmap", "0", False),
        ("stop", "<|end|>", ["<|end|>"]),
    ],
)
def test_texts_become_values(name, text, value):
    parsed = parse_parameter(name, [text])
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("top_q", "1", "unknown parameter 'top_q'"),
        ("top_k", "many", "invalid int value [many]"),
        ("top_k", "1.5", "invalid int value [1.5]"),
        ("top_k", "1_000", "invalid int value [1_000]"),
        ("top_k", " 1", "invalid int value [ 1]"),
        ("top_k", "٣", "invalid int value [٣]"),
        ("seed", str(2**63), f"invalid int value [{2**63}]"),
        ("seed", "9" * 5000, f"invalid int value [{'9' * 5000}]"),
        ("top_k", "", "invalid int value []"),
        ("temperature", "warm", "invalid float value [warm]"),
        ("temperature", "nan", "invalid float value [nan]"),
        ("temperature", "inf", "invalid float value [inf]"),
        ("temperature", "1e39", "invalid float value [1e39]"),
        ("temperature", "1_0", "invalid float value [1_0]"),
        ("temperature", ".", "invalid float value [.]"),
        ("use_mmap", "yes", "invalid bool value [yes]"),
    ],
)
def test_texts_that_are_no_values(name, text, message):
    with pytest.raises(InvalidRequestError) as caught:
        parse_parameter(name, [text])
    assert str(caught.value) == message


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_seed_parses(seed):
    assert parse_parameter("seed", [str(seed)]) == seed


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
names = st.sampled_from([*Options.__dataclass_fields__, "unknown"])


@given(st.dictionaries(names, json_values))
def test_any_json_gives_options_or_a_clear_error(layer):
    with contextlib.suppress(OptionTypeError, InvalidRequestError):
        assert isinstance(merge_options(layer), Options)
