"""POST /api/pull (spec 1.12, 4.2): the steps of a pull as a stream of statuses."""

import ipaddress

from fastapi import APIRouter, Request

from api.ollama.create import ProgressTranslator
from api.ollama.references import local_name
from api.ollama.shapes import PullBody
from api.server.body import read_shape, request_body
from api.server.streaming import Answer
from engine.registry.pull import Puller, PullRequest


def pull_router(puller: Puller) -> APIRouter:
    """The route that fetches models."""
    router = APIRouter()

    @router.post("/api/pull", openapi_extra=request_body(PullBody))
    async def pull(request: Request) -> Answer:
        """Fetch a model from a registry."""
        body = await read_shape(request, PullBody)
        wanted = PullRequest(
            model=local_name(body.model or body.name),
            insecure=body.insecure,
            # Only someone at this machine may send it into the network that it stands in.
            may_be_private=_is_here(request),
        )
        return Answer(puller.pull(wanted), ProgressTranslator(), stream=body.stream)

    return router


def _is_here(request: Request) -> bool:
    """Whether the request comes from this machine."""
    if request.client is None:
        return False
    try:
        return ipaddress.ip_address(request.client.host.partition("%")[0]).is_loopback
    except ValueError:
        return False
