"""Names with source suffixes."""

import pytest

from api.ollama.references import local_name
from api.server.errors import RequestError
from engine.errors import InvalidRequestError


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (" tiny ", "tiny"),
        ("tiny:latest", "tiny:latest"),
        ("tiny:local", "tiny"),
        ("tiny:8b:LOCAL", "tiny:8b"),
        ("host:80/a/b", "host:80/a/b"),
        ("", ""),
    ],
)
def test_local_suffix_is_removed(text, name):
    assert local_name(text) == name


@pytest.mark.parametrize("text", ["big:cloud", "big:120b-cloud", "big:CLOUD"])
def test_cloud_models_are_refused(text):
    with pytest.raises(RequestError) as caught:
        local_name(text)
    assert caught.value.status == 403
    assert str(caught.value) == "ollama cloud is disabled: remote model is unavailable"


def test_two_sources_are_refused():
    with pytest.raises(InvalidRequestError) as caught:
        local_name("big:cloud:local")
    assert str(caught.value) == 'use either :local or :cloud, not both: "big:cloud:local"'
