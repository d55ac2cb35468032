"""Every rung of the settlement price, from a whole window down to the last settlement price; and objections."""

import pytest

from exchange.commands import IndexTerms, PostponeSettlement, PublishReferenceRate, SetCommitteePrice
from exchange.events import (
    ClaimSettled,
    DirectiveRefused,
    Event,
    PriceRule,
    SeriesState,
    SettlementPostponed,
    SettlementPriceFinal,
    SettlementPriceProvisional,
)
from exchange.units import HOUR, MINUTE, SECOND, Time
from tests.builders import ANN, BOB, BTC_RUB, BTCF, CLOSES, OPENS, VENUES, Venue, future, of_kind
from tests.stories.outside import quote_steadily

EXPIRES = OPENS + 2 * HOUR
AT_8M, AT_8_2M = 800_000_000, 820_000_000  # index units


def a_venue(expires: Time = EXPIRES, objection: Time = 0) -> Venue:
    """Ann is long ten lots of Bob's, from 8.0m."""
    terms = IndexTerms(
        index_id=BTC_RUB, venues=VENUES, weights_ppm=(250_000,) * 4, fixing_objection=objection
    )
    venue = Venue(future(expiry=expires), index=terms)
    venue.admit(ANN)
    venue.admit(BOB)
    venue.trade(ANN, BOB, 10, 80_000)
    return venue


def bucket(expires: Time = EXPIRES) -> str:
    return future(expiry=expires).bucket_id


def final(events: list[Event]) -> SettlementPriceFinal:
    (event,) = of_kind(events, SettlementPriceFinal)
    return event


def gain_of_ann(events: list[Event]) -> int:
    return next(e.gain for e in of_kind(events, ClaimSettled) if e.participant_id == ANN)


def object_to(venue: Venue, expires: Time = EXPIRES) -> list[Event]:
    return venue.tell(PostponeSettlement(bucket_id=bucket(expires)))


def name_price(venue: Venue, price: int, grounds: str) -> list[Event]:
    return venue.tell(SetCommitteePrice(bucket_id=bucket(), price=price, grounds=grounds))


def state_of(venue: Venue) -> SeriesState:
    state: SeriesState = venue.state.series[BTCF].state
    return state


# --- the rungs ------------------------------------------------------------------------------------------


def test_an_outage_of_a_fifth_of_the_window_changes_nothing() -> None:
    """F5: quotes are missing for seven and a half minutes, so the index is stale for six and a half."""
    venue = a_venue()
    quote_steadily(venue, EXPIRES - 17 * MINUTE, AT_8_2M)
    venue.wait_until(EXPIRES - 10 * MINUTE)
    events = quote_steadily(venue, EXPIRES, AT_8_2M)
    assert (final(events).rule, final(events).price) == (PriceRule.WINDOW, 82_000)
    assert of_kind(events, SettlementPriceProvisional)[0].valid_samples == 300 - 66


def test_with_less_than_sixty_percent_the_window_is_extended_and_nobody_is_paid_meanwhile() -> None:
    """F5: the index is back a quarter of an hour before the expiry."""
    venue = a_venue()
    quote_steadily(venue, EXPIRES - 30 * MINUTE, AT_8M)
    venue.wait_until(EXPIRES - 15 * MINUTE)
    events = quote_steadily(venue, EXPIRES + 30 * MINUTE - SECOND, AT_8_2M)
    (postponed,) = of_kind(events, SettlementPostponed)
    assert (postponed.until, postponed.samples) == (EXPIRES + 30 * MINUTE, 300)
    assert not of_kind(events, SettlementPriceFinal) and not of_kind(events, ClaimSettled)
    assert (state_of(venue), venue.pool(future(expiry=EXPIRES))) == (SeriesState.PRICE_POSTPONED, 16_000_000)
    events = quote_steadily(venue, EXPIRES + 30 * MINUTE, AT_8_2M)
    assert final(events).rule is PriceRule.EXTENDED_WINDOW
    assert state_of(venue) is SeriesState.SETTLED


@pytest.mark.parametrize(
    ("minutes", "lost", "rule"),
    [(12, 116, PriceRule.WINDOW), (13, 126, PriceRule.EXTENDED_WINDOW), (19, 186, PriceRule.EXTENDED_WINDOW)],
)
def test_an_outage_of_two_fifths_is_borne_and_one_of_three_fifths_is_waited_for(
    minutes: int, lost: int, rule: PriceRule
) -> None:
    """F5: whatever is lost, the claims are paid once, at the price that is final, and to the last kopeck."""
    venue = a_venue()
    quote_steadily(venue, EXPIRES - 25 * MINUTE, AT_8_2M)
    venue.wait_until(EXPIRES - 25 * MINUTE + minutes * MINUTE)
    events = quote_steadily(venue, EXPIRES, AT_8_2M)
    told = of_kind(events, SettlementPriceProvisional) or of_kind(events, SettlementPostponed)
    assert told[0].valid_samples == 300 - lost
    events += quote_steadily(venue, EXPIRES + 30 * MINUTE, AT_8_2M)
    assert (final(events).rule, final(events).price) == (rule, 82_000)
    assert (gain_of_ann(events), venue.pool(future(expiry=EXPIRES))) == (200_000, 0)


def test_an_index_that_stays_away_settles_at_the_hour_before() -> None:
    """F5: every outside venue is gone from forty minutes before the expiry."""
    venue = a_venue()
    quote_steadily(venue, EXPIRES - 40 * MINUTE, AT_8_2M)
    events = venue.wait_until(EXPIRES + HOUR)
    assert (final(events).rule, final(events).price) == (PriceRule.BEFORE_OUTAGE, 82_000)
    assert gain_of_ann(events) == 200_000


def test_two_reference_rates_stand_in_for_an_index_that_never_was() -> None:
    venue = a_venue()
    venue.wait_until(EXPIRES)
    for source, rate in (("bureau", AT_8M), ("agency", 810_000_000)):
        venue.tell(PublishReferenceRate(index_id=BTC_RUB, source=source, rate=rate))
    events = venue.wait_until(EXPIRES + HOUR)
    assert (final(events).rule, final(events).price) == (PriceRule.REFERENCE_RATES, 80_500)


def test_one_rate_is_not_two_and_then_the_committee_names_a_price_with_its_grounds() -> None:
    venue = a_venue()
    venue.wait_until(EXPIRES)
    venue.tell(PublishReferenceRate(index_id=BTC_RUB, source="bureau", rate=AT_8M))
    for price, grounds in ((78_000, ""), (-1, "a venue was pushed")):
        assert isinstance(name_price(venue, price, grounds)[0], DirectiveRefused)
    assert name_price(venue, 78_000, "Every venue was down; the price is that of the last auction.") == []
    events = venue.wait_until(EXPIRES + HOUR)
    assert (final(events).rule, final(events).price) == (PriceRule.COMMITTEE, 78_000)
    assert final(events).grounds == "Every venue was down; the price is that of the last auction."
    assert state_of(venue) is SeriesState.SETTLED


def test_with_nothing_at_all_the_series_ends_at_the_last_settlement_price() -> None:
    """No session has closed yet, so that is the reference at which the series was listed."""
    venue = a_venue()
    events = venue.wait_until(EXPIRES + HOUR)
    assert (final(events).rule, final(events).price) == (PriceRule.LAST_SETTLEMENT, 80_000)
    assert gain_of_ann(events) == 0
    assert state_of(venue) is SeriesState.TERMINATED_AT_LAST_MARK


def test_the_last_settlement_price_is_the_index_at_the_close_of_the_session() -> None:
    """The index is seen for ten minutes around the close, which is too little for an hour's mean."""
    expires = CLOSES + 3 * HOUR
    venue = a_venue(expires)
    venue.wait_until(CLOSES - 5 * MINUTE)
    quote_steadily(venue, CLOSES + 5 * MINUTE, AT_8_2M)
    events = venue.wait_until(expires + HOUR)
    assert (final(events).rule, final(events).price) == (PriceRule.LAST_SETTLEMENT, 82_000)
    assert gain_of_ann(events) == 200_000
    assert venue.pool(future(expiry=expires)) == 0
    assert state_of(venue) is SeriesState.TERMINATED_AT_LAST_MARK


# --- objections -----------------------------------------------------------------------------------------


def test_a_provisional_price_is_final_only_when_the_time_for_objections_is_over() -> None:
    venue = a_venue(objection=5 * MINUTE)
    events = quote_steadily(venue, EXPIRES + 5 * MINUTE - 1, AT_8M)
    assert of_kind(events, SettlementPriceProvisional) and not of_kind(events, SettlementPriceFinal)
    assert not of_kind(events, ClaimSettled)
    assert final(venue.wait_until(EXPIRES + 5 * MINUTE)).rule is PriceRule.WINDOW


def test_an_objection_at_the_last_instant_is_in_time() -> None:
    venue = a_venue(objection=5 * MINUTE)
    quote_steadily(venue, EXPIRES + 5 * MINUTE - 1, AT_8M)
    venue.now = EXPIRES + 5 * MINUTE
    assert of_kind(object_to(venue), SettlementPostponed)
    assert not of_kind(venue.wait_until(venue.now), SettlementPriceFinal)
    assert state_of(venue) is SeriesState.PRICE_POSTPONED
    events = quote_steadily(venue, EXPIRES + 35 * MINUTE, AT_8_2M)
    assert (final(events).rule, state_of(venue)) == (PriceRule.EXTENDED_WINDOW, SeriesState.SETTLED)


def test_whoever_objects_to_every_price_ends_at_the_last_settlement_price() -> None:
    """Each new price is open to objection for as long as the first one was."""
    venue = a_venue(objection=5 * MINUTE)
    quote_steadily(venue, EXPIRES + MINUTE, AT_8M)
    name_price(venue, 70_000, "too early: there is a provisional price")
    object_to(venue)
    assert name_price(venue, 79_000, "The committee has met.") == []
    events = quote_steadily(venue, EXPIRES + 30 * MINUTE, AT_8M)
    for rates in (AT_8M, AT_8_2M):
        venue.tell(PublishReferenceRate(index_id=BTC_RUB, source=f"bureau at {rates}", rate=rates))
    rungs = [e.rule for e in of_kind(events, SettlementPriceProvisional)]
    while rungs[-1] is not PriceRule.LAST_SETTLEMENT:
        assert not of_kind(venue.wait_until(venue.now + MINUTE), SettlementPriceFinal)
        object_to(venue)
        rungs += [e.rule for e in of_kind(venue.wait_until(venue.now), SettlementPriceProvisional)]
    assert rungs == [
        PriceRule.EXTENDED_WINDOW,
        PriceRule.REFERENCE_RATES,
        PriceRule.COMMITTEE,
        PriceRule.LAST_SETTLEMENT,
    ]
    assert not of_kind(venue.wait_until(venue.now + 5 * MINUTE - 1), SettlementPriceFinal)
    assert final(venue.wait_until(venue.now + 1)).rule is PriceRule.LAST_SETTLEMENT
    venue.wait_until(venue.now + HOUR)
    assert state_of(venue) is SeriesState.TERMINATED_AT_LAST_MARK


def test_what_is_final_is_open_to_no_objection_and_to_no_other_price() -> None:
    venue = a_venue()
    quote_steadily(venue, EXPIRES, AT_8M)
    assert state_of(venue) is SeriesState.SETTLED
    for command in (
        PostponeSettlement(bucket_id=bucket()),
        SetCommitteePrice(bucket_id=bucket(), price=1, grounds="second thoughts"),
        PostponeSettlement(bucket_id="nothing"),
    ):
        (refused,) = venue.tell(command)
        assert isinstance(refused, DirectiveRefused)
    assert state_of(venue) is SeriesState.SETTLED
