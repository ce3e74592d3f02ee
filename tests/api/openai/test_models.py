"""GET /v1/models."""


def test_list_and_retrieve(server):
    listed = server.client.get("/v1/models").json()
    assert listed["object"] == "list"
    (entry,) = [one for one in listed["data"] if one["id"] == "tiny:latest"]
    assert (entry["object"], entry["owned_by"]) == ("model", "library")
    assert server.client.get("/v1/models/tiny").json() == entry | {"id": "tiny"}


def test_names_with_slashes_can_be_retrieved(server):
    server.client.post("/api/copy", json={"source": "tiny", "destination": "me/mine"})
    answer = server.client.get("/v1/models/me/mine")
    assert (answer.status_code, answer.json()["owned_by"]) == (200, "me")
    server.client.request("DELETE", "/api/delete", json={"model": "me/mine"})


def test_unknown_and_invalid_names(server):
    missing = server.client.get("/v1/models/nope")
    assert missing.status_code == 404
    assert missing.json()["error"]["message"] == "model 'nope' not found"
    assert server.client.get("/v1/models/a%20b").status_code == 400
