"""Routes that exist, routes that don't, and the OpenAPI document."""

import pytest

from tests.api.live_server import wait_until


def test_somebody_is_there(server):
    answer = server.client.get("/")
    assert answer.text == "Ollama is running"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("path", ["/", "/api/version", "/api/tags"])
def test_head_answers_without_a_body(server, path):
    answer = server.client.head(path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == server.client.get(path).headers["content-type"]


def test_version_tells_the_api_level_and_our_own(server):
    answer = server.client.get("/api/version")
    assert answer.content == b'{"version":"0.33.0","corral":"0.1.0"}'
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


def test_cloud_is_off(server):
    status = {"cloud": {"disabled": True, "source": "none"}}
    assert server.client.get("/api/status").json() == status


@pytest.mark.parametrize("path", ["/nope", "/api", "/api/chat/", "/redoc", "/v1/images/x"])
def test_unknown_paths(server, path):
    answer = server.client.get(path)
    assert (answer.status_code, answer.text) == (404, "404 page not found")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/chat"), ("POST", "/api/tags"), ("PUT", "/api/show"), ("DELETE", "/v1/models")],
)
def test_wrong_methods(server, method, path):
    answer = server.client.request(method, path)
    assert (answer.status_code, answer.text) == (405, "405 method not allowed")


def test_every_body_is_described(server):
    document = server.client.get("/openapi.json").json()
    paths, schemas = document["paths"], document["components"]["schemas"]
    for path in ("/api/generate", "/api/chat", "/api/show", "/api/copy", "/api/create"):
        content = paths[path]["post"]["requestBody"]["content"]["application/json"]
        name = content["schema"]["$ref"].rpartition("/")[2]
        assert "properties" in schemas[name], path
    assert "/v1/models/{model}" in paths
    assert schemas["CreateBody"]["properties"]["from"]["type"] == "string"
    assert "MessageBody" in schemas


def test_requests_are_logged_without_their_content(server, caplog):
    caplog.set_level("INFO", "corral.access")
    answer = server.client.post("/api/show", json={"model": "tiny", "system": "my secret"})
    tag = f"{answer.headers['x-request-id']} POST /api/show 200"
    wait_until(lambda: tag in caplog.text)  # written once the answer is out
    assert "my secret" not in caplog.text


def test_activity_is_counted(server):
    activity = server.app.state.activity
    before = activity.last_activity
    server.client.get("/")
    assert activity.last_activity > before
    wait_until(lambda: activity.active_requests == 0)
