"""Coming back after a connection was lost: what was missed, from where one was."""

from typing import Annotated

from pydantic import Field

from exchange.gateway.dispatch import Call
from exchange.gateway.registry import REGISTRY, Access, Params, Then
from exchange.gateway.shapes import Resumed

Name = Annotated[str, Field(max_length=256)]
Place = Annotated[str, Field(max_length=64)]


class ResumeParams(Params):
    channels: dict[Name, Place | None] = Field(min_length=1, max_length=500)


@REGISTRY.method("ringfence/resume", Access.PUBLIC, websocket_only=True)
def resume(call: Call, params: ResumeParams) -> Then[list[Resumed]]:
    """Follow channels as `public/subscribe` does, each with the place of every message, and from the place that is
    given: what was told since is told first, or, if that is kept no more or nothing is given, how things stand.
    """
    assert call.connection is not None
    return Then(*call.gateway.hub.resume(call.connection, params.channels, call.key))
