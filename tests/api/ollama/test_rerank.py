"""/api/rerank and /v1/rerank on a real classification head."""

import pytest

DOCUMENTS = ["the cat is on it", "a good dog", "one eye at sea", "this was for the cat"]


@pytest.fixture
def server(vector_server):
    return vector_server


def post(server, path="/api/rerank", status=200, **changes):
    body = {"model": "judge", "query": "the cat", "documents": DOCUMENTS, **changes}
    body["options"] = {"num_thread": 1}
    answer = server.client.post(path, json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


@pytest.mark.parametrize("path", ["/api/rerank", "/v1/rerank"])
def test_best_document_comes_first(server, path):
    reply = post(server, path)
    assert list(reply) == ["model", "object", "results", "usage"]
    assert sorted(one["index"] for one in reply["results"]) == [0, 1, 2, 3]
    scores = [one["relevance_score"] for one in reply["results"]]
    assert scores == sorted(scores, reverse=True)
    assert 0 < scores[-1] < scores[0] < 1
    assert reply["usage"]["prompt_tokens"] == reply["usage"]["total_tokens"] > 20
    for one in reply["results"]:
        (alone,) = post(server, documents=[DOCUMENTS[one["index"]]])["results"]
        assert alone["relevance_score"] == pytest.approx(one["relevance_score"], abs=1e-3)


def test_documents_may_be_objects_and_come_back(server):
    plain = post(server)
    objects = post(
        server, documents=[{"text": text} for text in DOCUMENTS], top_n=2, return_documents=True
    )
    assert len(objects["results"]) == 2
    for one, other in zip(objects["results"], plain["results"], strict=False):
        assert one["index"] == other["index"]
        assert one["document"] == {"text": DOCUMENTS[one["index"]]}
        assert "document" not in other
    assert len(post(server, top_n=99)["results"]) == 4


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"query": ""}, '"query" must be provided'),
        ({"documents": []}, '"documents" must be a list'),
        ({"documents": [5]}, '"documents" must be a list'),
        ({"documents": [{"title": "x"}]}, '"documents" must be a list'),
        ({"top_n": 0}, '"top_n" must be at least 1'),
        ({"model": ""}, "model is required"),
        ({"model": "bert"}, '"bert" does not support rerank'),
        ({"model": "tiny"}, '"tiny" does not support rerank'),
        ({"query": "cat " * 300}, "the query is longer than the context length of the model"),
    ],
)
def test_bad_requests_are_told_what_is_wrong(server, changes, text):
    assert text in post(server, status=400, **changes)["error"]
    error = post(server, "/v1/rerank", 400, **changes)["error"]
    assert text in error["message"]
    assert error["type"] == "invalid_request_error"


def test_unknown_model(server):
    assert post(server, status=404, model="nope") == {"error": "model 'nope' not found"}
