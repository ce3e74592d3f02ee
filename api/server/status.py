"""Routes that tell that the server is there and what it is (spec 1.3)."""

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from api.server.json_output import encode
from api.server.streaming import JSONAnswer


def status_router(version: str, corral_version: str) -> APIRouter:
    """`/`, version and status."""
    router = APIRouter()

    async def alive() -> Response:
        """For clients that only ask whether anybody is there; the text is Ollama's."""
        return PlainTextResponse("Ollama is running")

    async def versions() -> Response:
        """The Ollama API level that is implemented, and Corral's own version."""
        return JSONAnswer(encode({"version": version, "corral": corral_version}))

    router.get("/")(alive)
    router.head("/", include_in_schema=False)(alive)
    router.get("/api/version")(versions)
    router.head("/api/version", include_in_schema=False)(versions)

    @router.get("/api/status")
    async def status() -> Response:
        """Cloud models are not part of this version, so they are always off."""
        return JSONAnswer(encode({"cloud": {"disabled": True, "source": "none"}}))

    return router
