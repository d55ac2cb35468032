"""Outside venues are pushed: how far marks follow, and who is liquidated for a price that never was."""

import pytest

from exchange.access.regime import Regime
from exchange.clearing.liquidation import MarginState
from exchange.clearing.scenario_margin import ScenarioTerms
from exchange.commands import IndexTerms, PublishReferenceRate, ReportQuotes, VenueQuote
from exchange.events import (
    Event,
    IndexPublished,
    IndexStatus,
    LayerUsed,
    MarginStateChanged,
    SettlementPostponed,
    SettlementPriceFinal,
)
from exchange.units import HOUR, MINUTE, Time
from tests.builders import (
    ANN,
    BOB,
    BTC_RUB,
    EXPIRY,
    OPENS,
    ROUBLE,
    VENUES,
    Venue,
    a_patient_index,
    a_regime,
    a_risk_regime,
    cleared_at,
    future,
    of_kind,
)

FAIR = 800_000_000
PUSHED = FAIR * 11 // 10
NO_SAFEGUARDS = {"cap_band_bp": 10_000, "drop_bp": 10_000, "readmit_bp": 10_000}


def under_margin() -> Regime:
    """Maintenance margin is 98% of initial margin, so that little is enough."""
    return a_risk_regime(
        variation=cleared_at(8 * HOUR), scenarios=ScenarioTerms(extreme_moves_bp=(), mm_ratio_bp=9_800),
        call_level_bp=9_800
    )  # fmt: skip


def a_venue(regime: Regime, index: IndexTerms, of_bob: int, minutes_left: int = 5) -> Venue:
    """Bob is short 100 lots from 8.0m, a few minutes before the expiry."""
    venue = Venue(regime=regime, index=index)
    venue.admit(ANN)
    venue.admit(BOB, of_bob)
    show(venue, ())
    venue.wait_until(OPENS + MINUTE)
    venue.trade(ANN, BOB, 100, 80_000)
    until(venue, EXPIRY - minutes_left * MINUTE, ())
    return venue


def show(venue: Venue, pushed: tuple[str, ...]) -> None:
    """Each venue shows the fair price, or a tenth more if it is pushed."""
    mids = {name: PUSHED if name in pushed else FAIR for name in VENUES}
    quotes = tuple(VenueQuote(venue=v, bid=mid - 1, ask=mid + 1, at=venue.now) for v, mid in mids.items())
    venue.tell(ReportQuotes(index_id=BTC_RUB, quotes=quotes))


def until(venue: Venue, time: Time, pushed: tuple[str, ...]) -> list[Event]:
    events: list[Event] = []
    while venue.now < time:
        show(venue, pushed)
        events += venue.wait_until(min(venue.now + 30 * MINUTE, time))
    return events


def closed_out(events: list[Event]) -> int:
    """How many accounts were cut down or taken over, though the fair price has never moved."""
    hit = (MarginState.LIQUIDATING, MarginState.BACKSTOP, MarginState.DEFAULT)
    told = [event.participant_id for event in of_kind(events, MarginStateChanged) if event.state in hit]
    return len(frozenset(told))


def error_bp(events: list[Event]) -> float:
    """How far the index was from the fair price at its worst."""
    return max(abs(event.value - FAIR) for event in of_kind(events, IndexPublished)) * 10_000 / FAIR


THIN = 129_000 * ROUBLE  # 128,000.00 of margin and a little
OURS, PLAIN = a_patient_index(), a_patient_index(**NO_SAFEGUARDS)


@pytest.mark.parametrize(
    ("index", "bp", "accounts"), [(OURS, 12.5, 0), (PLAIN, 250, 1)], ids=["ours", "plain"]
)
def test_one_venue_of_four_moves_the_mark_by_little_and_liquidates_nobody(
    index: IndexTerms, bp: float, accounts: int
) -> None:
    """F6: a tenth more on one venue for five minutes is 12.5 bp of the index; a plain mean would follow by 250 bp,
    and cut down an account that stood well."""
    venue = a_venue(under_margin(), index, THIN)
    events = until(venue, EXPIRY, (VENUES[3],))
    assert (error_bp(events), closed_out(events)) == (bp, accounts)
    assert of_kind(events, SettlementPriceFinal)[0].price == {12.5: 80_017, 250: 80_333}[bp]


def test_fully_covered_one_venue_moves_the_settlement_price_alone() -> None:
    """F6: five of the thirty samples are pushed by 12.5 bp, which are 2.1 bp of their mean; nobody is called."""
    venue = a_venue(a_regime(), OURS, 10**12)
    events = until(venue, EXPIRY, (VENUES[3],))
    (final,) = of_kind(events, SettlementPriceFinal)
    assert (final.price, error_bp(events)) == (80_017, 12.5)
    assert not of_kind(events, MarginStateChanged) and not of_kind(events, LayerUsed)
    assert venue.pool(future()) == 0


@pytest.mark.parametrize(
    ("regime", "of_bob", "accounts"),
    [(a_regime(), 10**12, 0), (under_margin(), THIN, 1)],
    ids=["full", "risk"],
)
def test_a_majority_is_told_by_the_reference_rates_and_the_settlement_is_postponed(
    regime: Regime, of_bob: int, accounts: int
) -> None:
    """F7: three of four venues move the index by 986.2 bp, and it is degraded. Marks follow it all the same: under
    margin that liquidates an account which stood well, and fully covered nobody."""
    venue = a_venue(regime, OURS, of_bob, minutes_left=20)
    for source in ("bureau", "agency"):
        venue.tell(PublishReferenceRate(index_id=BTC_RUB, source=source, rate=FAIR))
    events = until(venue, EXPIRY + 25 * MINUTE, VENUES[1:])
    assert round(error_bp(events), 1) == 986.2
    assert IndexStatus.OK not in {event.status for event in of_kind(events, IndexPublished)}
    assert closed_out(events) == accounts
    (postponed,) = of_kind(events, SettlementPostponed)
    assert (postponed.valid_samples, postponed.until) == (10, EXPIRY + 30 * MINUTE)
    assert not of_kind(events, SettlementPriceFinal)
