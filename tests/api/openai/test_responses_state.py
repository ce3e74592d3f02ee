"""What the server remembers of responses, and for how long."""

import pytest

from api.openai.responses_state import ResponseStore, StoredResponse
from api.server.errors import RequestError
from engine.prompt.messages import Message


def response(text: str = "") -> StoredResponse:
    return StoredResponse(b"{}", (Message("user", text),))


SIZE = response().size_bytes


@pytest.mark.parametrize(("room", "is_kept"), [(-1, False), (0, True), (1, True)])
def test_the_oldest_makes_room(room, is_kept):
    store = ResponseStore(2 * SIZE + room)
    store.put("a", response())
    store.put("b", response())
    assert store.find("b") == response()
    if is_kept:
        assert store.find("a") == response()
        return
    with pytest.raises(RequestError) as caught:
        store.find("a")
    assert caught.value.status == 404


def test_what_is_used_stays():
    store = ResponseStore(2 * SIZE)
    store.put("a", response())
    store.put("b", response())
    store.find_previous("a")
    store.put("c", response())
    store.find("a")
    with pytest.raises(RequestError, match="send the whole conversation as input instead"):
        store.find_previous("b")


def test_what_is_too_large_is_not_kept():
    store = ResponseStore(2 * SIZE)
    store.put("a", response("x" * SIZE))
    with pytest.raises(RequestError):
        store.find("a")
    store.put("b", response())
    assert store.find("b") == response()


def test_deleting_gives_its_room_back():
    store = ResponseStore(2 * SIZE)
    store.put("a", response())
    store.put("b", response())
    store.delete("b")
    store.put("c", response())
    store.find("a")
    with pytest.raises(RequestError, match="'b' not found"):
        store.delete("b")
