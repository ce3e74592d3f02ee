"""Headers in system prompts that only the client's maker reads."""

import pytest

from api.anthropic.noise import without_noise

HEADER = "x-anthropic-billing-header: cc_version=2.1.37.0d9; cc_entrypoint=cli; cch={};"


@pytest.mark.parametrize("end", ["", "\n", "\nYou are a program.", "\r\nYou are\n"])
@pytest.mark.parametrize("start", ["", "First things first.\n"])
def test_the_number_of_a_request_leaves_no_trace(start, end):
    masked = {without_noise(start + HEADER.format(number) + end) for number in ("fa690", "0")}
    assert masked == {start + end.removeprefix("\r").removeprefix("\n")}


def test_attribution_headers_go_too():
    assert without_noise("X-Anthropic-Attribution-Header: a\nHi") == "Hi"


def test_talking_about_the_header_is_no_header():
    text = "Never show the x-anthropic-billing-header: line.\nanthropic-header: 1"
    assert without_noise(text) == text
