"""Outside venues that quote steadily: twice a minute, so that the index is never stale."""

from exchange.events import Event
from exchange.units import SECOND, IndexPrice, Time
from tests.builders import Venue


def quote_steadily(venue: Venue, until: Time, value: IndexPrice) -> list[Event]:
    """Every outside venue shows `value` until that time; what happened meanwhile."""
    events: list[Event] = []
    while venue.now < until:
        events += venue.quote(value)
        events += venue.wait_until(min(venue.now + 30 * SECOND, until))
    return events
