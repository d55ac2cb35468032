"""Two sessions with a few seconds between them: orders end with the first, and every habit of the venue begins anew."""

from exchange.commands import SessionTerms
from exchange.events import CancelCause, DepthReported, OrderCanceled, OrderRejected
from exchange.reasons import RejectReason
from exchange.units import MINUTE, SECOND
from tests.builders import ANN, BOB, BUY, CLOSES, OPENS, SELL, Venue, of_kind

FIRST_CLOSES, SECOND_OPENS = OPENS + 95 * SECOND, OPENS + 98 * SECOND


def a_venue() -> Venue:
    venue = Venue(
        sessions=(
            SessionTerms(opens=OPENS, closes=FIRST_CLOSES),
            SessionTerms(opens=SECOND_OPENS, closes=CLOSES),
        )
    )
    venue.admit(ANN)
    venue.admit(BOB)
    return venue


def test_what_rests_at_the_close_is_canceled_and_nothing_enters_until_the_next_session() -> None:
    venue = a_venue()
    venue.rest(ANN, BUY, 1, 79_990)
    (gone,) = of_kind(venue.wait_until(FIRST_CLOSES), OrderCanceled)
    assert gone.cause is CancelCause.SESSION_END
    (refused,) = venue.place(ANN, BUY, 1, 79_990)
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.SESSION_CLOSED
    venue.wait_until(SECOND_OPENS)
    venue.rest(ANN, BUY, 1, 79_990)


def test_depth_is_reported_once_an_interval_also_in_the_second_session() -> None:
    """The first session's reports would have gone on at 100 s; the second's come at 98, 108, and so on."""
    venue = a_venue()
    venue.wait_until(SECOND_OPENS)
    venue.rest(ANN, BUY, 1, 79_990)
    venue.rest(BOB, SELL, 1, 80_010)
    assert len(of_kind(venue.wait_until(SECOND_OPENS + MINUTE), DepthReported)) == 6
