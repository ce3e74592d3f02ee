"""POST /api/me and /api/signout (spec 4.6): the account that this machine's key belongs to."""

import asyncio
import dataclasses

from fastapi import APIRouter, Response

from api.server.errors import RequestError
from api.server.json_output import encode
from api.server.streaming import JSONAnswer
from engine.identity.errors import IdentityError
from engine.registry.account import Account, User
from engine.registry.errors import RegistryError, UnauthorizedError

_ALWAYS = ("id", "email", "name", "plan")


def account_router(account: Account) -> APIRouter:
    """Who is signed in, and signing out."""
    router = APIRouter()

    @router.post("/api/me")
    async def me() -> Response:
        """The user who is signed in, or where to sign in."""
        try:
            return JSONAnswer(encode(_wire(await asyncio.to_thread(account.fetch_user))))
        except UnauthorizedError:
            return await _unauthorized(account)
        except RegistryError as exc:
            raise RequestError(503, "account unavailable") from exc
        except IdentityError as exc:
            raise RequestError(500, "error getting authorization details") from exc

    async def signout() -> Response:
        """Take this machine's key out of the user's account."""
        try:
            await asyncio.to_thread(account.sign_out)
        except UnauthorizedError as exc:
            raise RequestError(401, "you are not currently signed in") from exc
        except (RegistryError, IdentityError) as exc:
            raise RequestError(500, "there was an error signing out") from exc
        return JSONAnswer(encode(None))

    router.post("/api/signout")(signout)
    return router


async def _unauthorized(account: Account) -> Response:
    url = await asyncio.to_thread(account.signin_url)
    return JSONAnswer(encode({"error": "unauthorized", "signin_url": url}), 401)


def _wire(user: User) -> dict[str, str]:
    """Empty texts are left out, but for those that every user has."""
    values: dict[str, str] = dataclasses.asdict(user)
    return {name: text for name, text in values.items() if text or name in _ALWAYS}
