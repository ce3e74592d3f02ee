"""Whatever a client sends: no 5xx, no traceback, nothing about this machine's files."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.ollama.shapes import ChatBody, CopyBody, CreateBody, DeleteBody, GenerateBody, ShowBody
from api.openai.shapes import ChatCompletionBody

ROUTES = [
    ("POST", "/api/generate", GenerateBody),
    ("POST", "/api/chat", ChatBody),
    ("POST", "/api/show", ShowBody),
    ("POST", "/api/copy", CopyBody),
    ("DELETE", "/api/delete", DeleteBody),
    ("POST", "/api/create", CreateBody),
    ("POST", "/v1/chat/completions", ChatCompletionBody),
]
texts = st.text(max_size=20) | st.sampled_from(["../..", "/etc/passwd", "a:b:c", "x/y", "\0"])
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
messages = st.lists(st.dictionaries(st.sampled_from(["role", "content", "images"]), values))


def bodies(shape) -> st.SearchStrategy[dict]:
    names = [field.alias or name for name, field in shape.model_fields.items()]
    return st.dictionaries(st.sampled_from(names), values | messages, max_size=5)


@pytest.mark.parametrize(("method", "path", "shape"), ROUTES)
def test_any_json_is_answered_without_a_server_error(server, method, path, shape):
    @settings(
        max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(bodies(shape))
    def check(body: dict) -> None:
        answer = server.client.request(method, path, json=body)
        assert answer.status_code < 500, answer.text
        assert str(server.root) not in answer.text
        if answer.status_code >= 400:
            assert "error" in answer.json()

    check()


@pytest.mark.parametrize(("method", "path", "shape"), ROUTES)
def test_any_bytes_are_answered_without_a_server_error(server, method, path, shape):
    @settings(
        max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(st.binary(max_size=50) | values.map(json.dumps).map(str.encode))
    def check(body: bytes) -> None:
        assert server.client.request(method, path, content=body).status_code < 500

    check()
