"""The public tape: what a reader sees as late as its line makes it, and that what nobody reads any more goes."""

from hypothesis import given, settings
from hypothesis import strategies as st

from exchange import views
from exchange.events import BestPricesChanged
from exchange.units import InstrumentId
from exchange.views import PublicTape

NAME = InstrumentId("BTC")


def best(bid: int) -> BestPricesChanged:
    return BestPricesChanged(instrument_id=NAME, bid=bid, bid_quantity=1, ask=None, ask_quantity=0)


@settings(max_examples=50)
@given(
    gaps=st.lists(st.integers(0, 50), min_size=1, max_size=300),
    delays=st.lists(st.integers(0, 400), max_size=3),
)
def test_whoever_reads_in_time_sees_what_a_tape_that_keeps_all_would_show(
    gaps: list[int], delays: list[int]
) -> None:
    before, views.LOOKED_OVER = views.LOOKED_OVER, 8  # type: ignore[misc]
    try:
        whole, short = PublicTape(), PublicTape()
        for delay in delays:
            short.read_late_by(delay)
        now = 0
        for number, gap in enumerate(gaps):
            now += gap
            for tape in (whole, short):
                tape.publish(now, best(number))
            for delay in delays:
                for later in (0, 7):
                    seen = now + later - delay
                    assert short.as_of(BestPricesChanged, NAME, seen) == whole.as_of(
                        BestPricesChanged, NAME, seen
                    )
    finally:
        views.LOOKED_OVER = before  # type: ignore[misc]


def test_a_tape_of_prompt_readers_stays_short_and_one_without_readers_keeps_all() -> None:
    prompt, unread = PublicTape(), PublicTape()
    prompt.read_late_by(10)
    for now in range(5 * views.LOOKED_OVER):
        for tape in (prompt, unread):
            tape.publish(now, best(now))
    (kept,), (all_of_it,) = (tape._strips[BestPricesChanged].values() for tape in (prompt, unread))
    assert len(kept.times) == len(kept.events) <= views.LOOKED_OVER + 11
    assert len(all_of_it.times) == 5 * views.LOOKED_OVER
