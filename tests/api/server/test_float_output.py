"""Float32 numbers keep their value and lose their useless digits."""

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from api.server.float_output import encode_vectors, shorten

finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
vectors = npst.arrays(np.float32, st.integers(1, 20), elements=finite)


@given(vectors)
def test_every_float32_reads_back_as_itself(values):
    (text,) = encode_vectors(values.tobytes(), len(values))
    assert (np.array(json.loads(text), np.float32) == values).all()


@given(npst.arrays(np.float32, 8, elements=st.floats(2**-20, 1, width=32)))
def test_numbers_of_a_vector_have_at_most_nine_digits(values):
    for value, short in zip(values, shorten(values).tolist(), strict=True):
        assert short == float(str(value))


def test_known_numbers():
    values = np.array([0, 0.1, -0.5, 1, 1 / 3, 1e-5, 3e38, 1e-45, 16777216], "<f4")
    (text,) = encode_vectors(values.tobytes(), len(values))
    numbers = text.decode().strip("[]").split(",")
    assert numbers[:6] == ["0.0", "0.1", "-0.5", "1.0", "0.33333334", "0.00001"]
    assert [np.float32(number) for number in numbers] == values.tolist()


def test_rows():
    rows = np.arange(6, dtype="<f4").reshape(2, 3)
    assert encode_vectors(rows.tobytes(), 3) == [b"[0.0,1.0,2.0]", b"[3.0,4.0,5.0]"]
    assert encode_vectors(b"", 3) == []
