"""What a supervisor and Prometheus ask: is it alive, does it take orders, and how does it do."""

import time
from collections.abc import Awaitable, Callable, Iterator

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from exchange.gateway.dispatch import Gateway
from exchange.gateway.jsonrpc import encode
from exchange.gateway.metrics import CONTENT_TYPE
from exchange.gateway.pages import Refuses, guarded
from exchange.gateway.venue import Standing


def probe_routes(gateway: Gateway, refuses: Refuses) -> Iterator[Route]:
    """`/health` and `/ready` for everybody; `/metrics` for those whom the door does not refuse."""
    yield Route("/health", _answered(lambda: health(gateway)))
    yield Route("/ready", _answered(lambda: ready(gateway)))
    yield Route("/metrics", guarded(refuses, lambda: metrics(gateway)))


def health(gateway: Gateway) -> Response:
    """That the process lives, and how the venue does."""
    venue = gateway.venue
    told = {
        "standing": venue.standing.value,
        "journal": venue.keeps_a_journal,
        "time": venue.now // 1_000_000,
        "speed": venue.clock.speed,
        "behind_ms": venue.behind // 1_000_000,
        "lag_ms": round(gateway.lookout.lag * 1_000, 1),
        "queued": venue.queued,
        "connections": len(gateway.connections),
        "sequence": venue.exchange.sequence,
        "up_seconds": round(time.time() - gateway.started),
    }
    return Response(encode(told), media_type="application/json")


def ready(gateway: Gateway) -> Response:
    """200 if orders are taken, else 503; with how the venue stands."""
    standing = gateway.venue.standing
    return PlainTextResponse(f"the venue is {standing}\n", 200 if standing is Standing.OPEN else 503)


def metrics(gateway: Gateway) -> Response:
    return Response(gateway.lookout.metrics.page(), media_type=CONTENT_TYPE)


def _answered(show: Callable[[], Response]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_: Request) -> Response:
        return show()

    return answer
