"""Float32 numbers as JSON: the shortest text that reads back as the same float32. Pure.

A float32 written as the float64 it converts to takes 17 digits for 7 that mean something. numpy
is imported when the first vector is written: a server without embeddings starts without it.
"""

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_encoder = msgspec.json.Encoder()
_LARGEST_EXACT_POWER = 22
"""10 to this is a float64 without error, so that multiplying and dividing by it rounds once."""


def encode_vectors(data: bytes, dimensions: int) -> list[bytes]:
    """One JSON array for each vector of `dimensions` little-endian float32 in `data`."""
    import numpy as np

    rows = shorten(np.frombuffer(data, "<f4")).reshape(-1, dimensions)
    return [_encoder.encode(row) for row in rows.tolist()]


def shorten(values: "NDArray[np.float32]") -> "NDArray[np.float64]":
    """Float64 numbers whose own shortest text is that of the finite float32 `values`.

    Of the decimals with 6 to 9 digits the first that reads back as the float32 is taken; 9 always
    do, and as a float64 the decimal is written with no more digits than it has.
    """
    import numpy as np

    exact = values.astype(np.float64)
    result = exact.copy()
    size = np.abs(exact)
    # Beyond these the powers below are not exact. Such a number is written in full.
    left = np.flatnonzero((size >= 1e-13) & (size < 1e16))
    exponents = np.floor(np.log10(size[left])).astype(np.int64)
    powers = 10.0 ** np.arange(_LARGEST_EXACT_POWER + 1)
    for digits in (6, 7, 8, 9):
        shift = digits - 1 - exponents
        up, down = powers[np.maximum(shift, 0)], powers[np.maximum(-shift, 0)]
        rounded = np.rint(exact[left] * up / down) * down / up
        fits = rounded.astype(np.float32) == values[left]
        result[left[fits]] = rounded[fits]
        left, exponents = left[~fits], exponents[~fits]
    return result
