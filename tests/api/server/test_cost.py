"""What a token costs on its way through the API layer (the bench measures it at length)."""

import pytest

from tests.bench.api_cost import ALLOWED_SHARE, RATE, measure


@pytest.mark.parametrize("route", ["/api/chat", "/v1/completions"])
def test_a_thousand_tokens_per_second_leave_most_of_a_core_free(route):
    figures = measure(route, 1, 1000)
    assert figures.processor_s_per_token * RATE <= ALLOWED_SHARE


def test_64_streams_keep_their_order():
    measure("/v1/chat/completions", 64, 60, rate=1_000_000)  # raises where one does not
