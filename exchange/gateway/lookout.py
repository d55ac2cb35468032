"""What an operator sees of the running venue: figures as they come in, and events as they are written down."""

import logging
from typing import TYPE_CHECKING, Final

from exchange.events import DirectiveRefused
from exchange.gateway.books import News
from exchange.gateway.logs import tell
from exchange.gateway.metrics import Metrics
from exchange.gateway.sessions import POLICY, Connection
from exchange.gateway.venue import Standing

if TYPE_CHECKING:
    from exchange.gateway.dispatch import Gateway

log = logging.getLogger("ringfence.gateway")
ORDERLY: Final = (Standing.STARTING, Standing.OPEN, Standing.STOPPING, Standing.CLOSED)


class Lookout:
    def __init__(self, gateway: "Gateway") -> None:
        self.metrics = Metrics(gateway)
        self.closed: dict[str, int] = {}  # connections, by why they ended
        self.lag = 0.0  # seconds by which the last beat was late
        self._venue = gateway.venue
        self._standing = gateway.venue.standing
        self._venue.meter = self.metrics
        self._venue.followers.append(self._hear)

    def beat(self, late: float) -> None:
        """Ten times a second, or so many seconds later."""
        self.lag = late
        self.metrics.beat(late)
        self.look_at_standing()

    def look_at_standing(self) -> None:
        """Write down how the venue stands, if that is news."""
        venue = self._venue
        if venue.standing is self._standing:
            return
        self._standing = venue.standing
        tell(
            log,
            logging.INFO if venue.standing in ORDERLY else logging.CRITICAL,
            f"venue_{venue.standing}",
            journal=venue.keeps_a_journal,
            recovered=venue.recovered,
            sequence=venue.exchange.sequence,
            handled=venue.handled,
        )

    def connection_refused(self, address: str, reason: str) -> None:
        tell(log, logging.WARNING, "connection_refused", address=address, reason=reason)

    def connection_opened(self, connection: Connection) -> None:
        number, address = connection.number, connection.address
        tell(log, logging.INFO, "connection_opened", number=number, address=address)

    def connection_closed(self, connection: Connection) -> None:
        why = connection.close_reason or "by the other side"
        self.closed[why] = self.closed.get(why, 0) + 1
        tell(
            log,
            logging.WARNING if connection.close_code == POLICY else logging.INFO,
            "connection_closed",
            number=connection.number,
            address=connection.address,
            client_id=connection.key.client_id if connection.key else None,
            code=connection.close_code,
            reason=why,
        )

    def _hear(self, news: News) -> None:
        for event in news.events:
            if isinstance(event, DirectiveRefused):
                directive, reason = event.directive, event.explanation
                tell(log, logging.WARNING, "directive_refused", directive=directive, reason=reason)
