"""Responses that later requests may continue, in memory only. Event loop only."""

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property

from api.server.errors import RequestError
from engine.prompt.messages import Message

MAX_STATE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class StoredResponse:
    """An answer, and the conversation that led to it."""

    body: bytes
    """The response object as it was sent."""
    messages: tuple[Message, ...]
    """Without instructions, which hold for one request only; the answer is the last."""

    @cached_property
    def size_bytes(self) -> int:
        """An estimate, rather too high: what conversations share is counted for each."""
        return len(self.body) + sum(_size_bytes(message) for message in self.messages)


class ResponseStore:
    """Those used last, as many as fit."""

    def __init__(self, max_bytes: int = MAX_STATE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._responses: OrderedDict[str, StoredResponse] = OrderedDict()
        self._num_bytes = 0

    def put(self, response_id: str, response: StoredResponse) -> None:
        """Those not used for longest make room. What is larger than the room is not kept."""
        self._responses[response_id] = response
        self._num_bytes += response.size_bytes
        while self._num_bytes > self._max_bytes:
            _, oldest = self._responses.popitem(last=False)
            self._num_bytes -= oldest.size_bytes

    def find(self, response_id: str) -> StoredResponse:
        """The response, which counts as used now. Raises RequestError (404)."""
        response = self._responses.get(response_id)
        if response is None:
            raise RequestError(404, f"Response with id '{response_id}' not found.")
        self._responses.move_to_end(response_id)
        return response

    def find_previous(self, response_id: str) -> StoredResponse:
        """As `find`, with an error that says how to go on without the response."""
        if response_id not in self._responses:
            raise RequestError(
                404,
                f"Previous response with id '{response_id}' not found. It was not stored, or is "
                "no longer: send the whole conversation as input instead.",
            )
        return self.find(response_id)

    def delete(self, response_id: str) -> None:
        """Forget a response. Raises RequestError (404)."""
        self._num_bytes -= self.find(response_id).size_bytes
        del self._responses[response_id]


_MESSAGE_BYTES = 500
"""What a message takes besides its text."""


def _size_bytes(message: Message) -> int:
    texts = 4 * (len(message.content) + len(message.thinking))  # at most so many bytes each
    calls = sum(_MESSAGE_BYTES + 4 * len(str(call.arguments)) for call in message.tool_calls)
    return _MESSAGE_BYTES + texts + calls + sum(len(image) for image in message.images)
