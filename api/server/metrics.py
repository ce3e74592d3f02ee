"""GET /metrics and /api/requests: what the server and its runners do. Event loop."""

import asyncio

from fastapi import APIRouter, Request, Response

from api.server.activity import Activity
from api.server.figures import Figures
from api.server.json_output import encode
from api.server.request_log import RequestList, RequestLog
from api.server.streaming import JSONAnswer
from engine.scheduler.scheduler import Scheduler


def metrics_router(
    figures: Figures, activity: Activity, scheduler: Scheduler, version: str
) -> APIRouter:
    """The route that a Prometheus server asks."""
    router = APIRouter()

    @router.get("/metrics")
    async def metrics(request: Request) -> Response:
        """Counters since the start of the server, and its state, in Prometheus' text format."""
        # The library takes longer to load than the server; most servers are never asked.
        from api.server.exposition import Snapshot, expose

        runners = await scheduler.report()
        snapshot = Snapshot(
            figures, version, activity.active_requests, scheduler.waiting, tuple(runners)
        )
        accept = request.headers.get("accept", "")
        body, media_type = await asyncio.to_thread(expose, snapshot, accept)
        return Response(body, headers={"content-type": media_type})

    return router


def requests_router(log: RequestLog) -> APIRouter:
    """The route that tells of the last requests."""
    router = APIRouter()

    @router.get("/api/requests")
    async def requests() -> Response:
        """The last POST requests, the newest first: times and numbers, never content."""
        return JSONAnswer(encode(RequestList(log.newest_first())))

    return router
