"""The OpenAPI document describes what the server really answers, and /docs shows it."""

import json
from html.parser import HTMLParser

import pytest

from api.server.docs_page import render_page
from tests.api.server.schema_check import find_faults

HELLO = [{"role": "user", "content": "Hi"}]
SHORT = {"options": {"num_predict": 3}}
LOGPROBS = {"logprobs": 2, "max_tokens": 3}
CHAT = {"messages": HELLO, "max_tokens": 3}
CALLS = [
    ("get", "/api/version", None),
    ("get", "/api/status", None),
    ("get", "/api/requests", None),
    ("get", "/api/tags", None),
    ("get", "/api/ps", None),
    ("get", "/v1/models", None),
    ("get", "/v1/models/nope", None),
    ("post", "/api/show", {}),
    ("post", "/api/show", {"model": "nope"}),
    ("post", "/api/generate", {"prompt": "Hi", "stream": False, **SHORT}),
    ("post", "/api/generate", {"prompt": "Hi", "logprobs": True, "top_logprobs": 2, **SHORT}),
    ("post", "/api/generate", {"prompt": "Hi", "_debug_render_only": True}),
    ("post", "/api/generate", {"model": "nope"}),
    ("post", "/api/generate", {}),
    ("post", "/api/chat", {"messages": HELLO, "stream": False, **SHORT}),
    ("post", "/api/chat", {"messages": HELLO, "logprobs": True, **SHORT}),
    ("post", "/api/embed", {"input": ["a", "b"]}),
    ("post", "/api/embeddings", {"prompt": "a"}),
    ("post", "/api/tokenize", {"content": "a"}),
    ("post", "/api/detokenize", {"tokens": [1]}),
    ("post", "/api/apply_template", {"messages": HELLO}),
    ("post", "/v1/chat/completions", CHAT),
    ("post", "/v1/chat/completions", CHAT | {"logprobs": True, "top_logprobs": 2}),
    ("post", "/v1/chat/completions", CHAT | {"stream": True, "reasoning_effort": "none"}),
    ("post", "/v1/chat/completions", {"messages": []}),
    ("post", "/v1/completions", {"prompt": "a", **LOGPROBS}),
    ("post", "/v1/completions", {"prompt": "a", "stream": True, **LOGPROBS}),
    ("post", "/v1/embeddings", {"input": "a"}),
    ("post", "/v1/embeddings", {"input": "a", "encoding_format": "base64"}),
]


@pytest.fixture(scope="module")
def document(server) -> dict:
    return server.client.get("/openapi.json").json()


def described(document, method: str, path: str) -> dict:
    pattern = "/v1/models/{model}" if path.startswith("/v1/models/") else path
    return document["paths"][pattern][method]


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_answers_are_as_described(server, document, method, path, body):
    if body is not None:
        body = {"model": "tiny"} | body
    answer = server.client.request(method, path, json=body)
    responses = described(document, method, path)["responses"]
    response = responses.get(str(answer.status_code), responses["default"])
    media = answer.headers["content-type"].partition(";")[0]
    schema = response["content"][media]["schema"]
    values = [json.loads(line) for line in answer.text.splitlines()] if "ndjson" in media else []
    if media == "application/json":
        values = [answer.json()]
    elif media == "text/event-stream":
        # The events' schema is named in words: OpenAPI has none for streams.
        (name,) = [
            word
            for word in schema["description"].split()
            if word in document["components"]["schemas"]
        ]
        schema = {"$ref": f"#/x/{name}"}
        events = answer.text.split("\n\n")[:-2]
        values = [json.loads(event.removeprefix("data: ")) for event in events]
    assert values
    for value in values:
        assert find_faults(value, schema, document["components"]["schemas"]) == []


def test_every_route_has_a_described_answer(document):
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if path.startswith("/v1/") or path.startswith("/api/"):
                assert "default" in operation["responses"], path
            assert "422" not in operation["responses"], path
            assert operation["description"], path
            good = next(iter(operation["responses"].values()))
            for media, content in good.get("content", {}).items():
                assert content["schema"], (method, path, media)


def test_references_in_the_document_lead_somewhere(document):
    text = json.dumps(document)
    names = {part.partition('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert names <= set(document["components"]["schemas"])


class Page(HTMLParser):
    """Checks that elements are closed in order; collects ids, links and sources."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.tags: set[str] = set()
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        known = dict(attrs)
        assert "src" not in known
        if "id" in known:
            assert known["id"] not in self.ids
            self.ids.add(known["id"])
        if "href" in known:
            self.links.add(known["href"])
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_docs_are_a_page_that_needs_nothing_else(server, document):
    answer = server.client.get("/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    page = Page(answer.text)
    assert "script" not in page.tags
    anchors = {link[1:] for link in page.links if link.startswith("#")}
    assert anchors <= page.ids
    assert page.links - {f"#{anchor}" for anchor in anchors} == {"/openapi.json"}
    for path in document["paths"]:
        assert f"<code>{path}</code>" in answer.text


def test_texts_in_the_page_are_escaped():
    evil = "<script>&'\""
    schema = {"properties": {evil: {"type": evil}}, "description": evil}
    document = {
        "info": {"title": evil, "version": evil},
        "paths": {evil: {"get": {"description": evil, "responses": {evil: {}}}}},
        "components": {"schemas": {evil: schema}},
    }
    text = render_page(document)
    assert "script" not in Page(text).tags
    assert "<script" not in text
