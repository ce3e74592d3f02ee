"""The user's account at ollama.com: who is signed in with our key, and signing out (spec 4.6).

Synchronous; call it from a thread.
"""

from dataclasses import dataclass

import httpx2
import msgspec

from engine.identity.key import Identity
from engine.identity.signing import connect_url, encoded_public_key, sign_request
from engine.registry.errors import BadAnswerError, StatusError, UnauthorizedError
from engine.registry.origin import Origin, Trust
from engine.registry.session import Session
from engine.registry.settings import RegistrySettings

MAX_USER_BYTES = 64 * 1024


class _UserReply(msgspec.Struct, omit_defaults=True):
    # Empty texts are left out, as on the wire, but for those that every user has.
    name: str = ""
    id: str = ""
    email: str = ""
    bio: str | None = None
    avatarurl: str | None = None
    firstname: str | None = None
    lastname: str | None = None
    plan: str | None = None


@dataclass(frozen=True)
class User:
    """Who is signed in. Empty texts: not told."""

    name: str
    id: str
    email: str
    bio: str
    avatarurl: str
    firstname: str
    lastname: str
    plan: str


class Account:
    """The account that belongs to this machine's key."""

    def __init__(
        self, identity: Identity, host_name: str, settings: RegistrySettings | None = None
    ) -> None:
        self._identity = identity
        self._host_name = host_name
        self._settings = settings or RegistrySettings()

    def signin_url(self) -> str:
        """Where the user allows this machine's key. Raises IdentityError."""
        return connect_url(self._identity.load_key(), self._host_name)

    def fetch_user(self) -> User:
        """Who is signed in.

        Raises UnauthorizedError for nobody, IdentityError, and RegistryError if it can't be known.
        """
        data = self._send("POST", "/api/me", max_bytes=MAX_USER_BYTES)
        try:
            reply = msgspec.json.decode(data, type=_UserReply)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
            raise BadAnswerError("the account's description can't be read") from exc
        if not reply.name:
            raise UnauthorizedError
        return User(
            name=reply.name,
            id=reply.id,
            email=reply.email,
            bio=reply.bio or "",
            avatarurl=reply.avatarurl or "",
            firstname=reply.firstname or "",
            lastname=reply.lastname or "",
            plan=reply.plan or "free",
        )

    def sign_out(self) -> None:
        """Take this machine's key out of the account.

        Raises UnauthorizedError if it is in none, IdentityError, RegistryError.
        """
        key = self._identity.load_key()
        self._send("DELETE", f"/api/user/keys/{encoded_public_key(key)}", max_bytes=MAX_USER_BYTES)

    def _send(self, method: str, path: str, *, max_bytes: int) -> bytes:
        base = httpx2.URL(self._settings.account_url)
        stamped, authorization = sign_request(self._identity.load_key(), method, path)
        session = Session(Trust(Origin.of(base).host), self._settings)
        timeout_s = self._settings.answer_timeout_s
        try:
            with session.open(
                method, base.join(stamped), authorization=authorization, max_redirects=0
            ) as reply:
                if reply.status in (401, 404):
                    raise UnauthorizedError
                if reply.status >= 300:
                    raise StatusError(reply.status, reply.read_error_text(timeout_s))
                return reply.read(max_bytes, timeout_s)
        finally:
            session.close()
