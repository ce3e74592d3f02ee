"""Tokens of one registry: from its challenge to the Authorization value. Any thread."""

import threading
from collections.abc import Callable

import httpx2
import msgspec

from engine.identity.key import Key
from engine.identity.signing import authorize_token_request, token_url
from engine.library.gotext import quote
from engine.registry.challenge import Challenge, parse_challenge
from engine.registry.errors import BadAnswerError, StatusError, UnauthorizedError
from engine.registry.origin import Origin
from engine.registry.session import Session

MAX_TOKEN_BYTES = 64 * 1024


class _TokenReply(msgspec.Struct):
    token: str = ""
    access_token: str = ""


class Tokens:
    """Gets tokens and keeps the latest."""

    def __init__(
        self,
        session: Session,
        origin: Origin,
        load_key: Callable[[], Key],
        *,
        answer_timeout_s: float,
    ) -> None:
        self._session = session
        self._origin = origin
        self._load_key = load_key
        self._answer_timeout_s = answer_timeout_s
        self._lock = threading.Lock()
        self._authorization = ""

    @property
    def authorization(self) -> str:
        """What to send with requests to the registry; "" as long as it asks for nothing."""
        return self._authorization

    def renew(self, refused: str, header: str) -> None:
        """After a 401: `refused` was sent, `header` is the answer's WWW-Authenticate.

        Raises UnauthorizedError if there is no token to be had, and as Session.open does.
        """
        with self._lock:
            if self._authorization != refused:
                return  # another thread has been here meanwhile
            challenge = parse_challenge(header)
            if challenge is None:
                raise UnauthorizedError
            self._authorization = f"Bearer {self._fetch(challenge)}"

    def _fetch(self, challenge: Challenge) -> str:
        try:
            url = httpx2.URL(token_url(challenge.realm, challenge.service, list(challenge.scopes)))
        except (httpx2.InvalidURL, ValueError) as exc:
            raise BadAnswerError("the registry sent an invalid address") from exc
        if url.userinfo or Origin.of(url) != self._origin:
            realm = Origin.of(url).authority
            if realm == self._origin.authority:
                realm = str(Origin.of(url))
            raise BadAnswerError(
                f"realm host {quote(realm)} does not match original host "
                f"{quote(self._origin.authority)}"
            )
        # What is signed is the text that is sent.
        authorization = authorize_token_request(self._load_key(), str(url))
        # No redirect: the signature is for this URL and nobody else's eyes.
        with self._session.open("GET", url, authorization=authorization, max_redirects=0) as reply:
            if reply.status in (401, 403):
                raise UnauthorizedError
            if reply.status >= 400:
                raise StatusError(reply.status, reply.read_error_text(self._answer_timeout_s))
            data = reply.read(MAX_TOKEN_BYTES, self._answer_timeout_s)
        return _decode_token(data)


def _decode_token(data: bytes) -> str:
    try:
        reply = msgspec.json.decode(data, type=_TokenReply)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise BadAnswerError("the registry's token can't be read") from exc
    token = reply.token or reply.access_token
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise BadAnswerError("the registry's token can't be read")
    return token
