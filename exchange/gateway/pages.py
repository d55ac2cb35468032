"""The live page: its files, served as they are, and what a browser may do with them.

The page is a client of the public websocket. It loads nothing from elsewhere, and its policy forbids it to.
"""

from collections.abc import Awaitable, Callable, Iterator
from importlib.resources import files
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

Refuses = Callable[[dict[bytes, bytes]], bool]  # whether a request with these headers is to be turned away

FIRST: Final = "index.html"
KINDS: Final = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}
RULES: Final = {  # no script, style or connection but our own, no frame around it, nothing kept of an older version
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",
}


def page_routes(refuses: Refuses) -> Iterator[Route]:
    """`/` and every file of the page under `/page/`, for those whom the door does not refuse."""
    for file in (files("exchange.gateway") / "page").iterdir():
        kind = KINDS.get(file.name.rpartition(".")[2])
        if kind is not None:
            path = "/" if file.name == FIRST else f"/page/{file.name}"
            yield Route(path, guarded(refuses, _shown(file.read_bytes(), kind)))


def guarded(refuses: Refuses, show: Callable[[], Response]) -> Callable[[Request], Awaitable[Response]]:
    """What is shown, for those whom the door lets in; 403 for all others."""

    async def answer(request: Request) -> Response:
        if refuses(dict(request.scope["headers"])):
            return PlainTextResponse("this Host or Origin is not served\n", 403)
        return show()

    return answer


def _shown(content: bytes, kind: str) -> Callable[[], Response]:
    return lambda: Response(content, media_type=kind, headers=RULES)
