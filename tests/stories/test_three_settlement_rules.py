"""Each settlement rule from listing to payout, and the price found again by whoever kept the record."""

import pytest

from exchange.clearing.price_auditor import recompute
from exchange.commands import (
    Command,
    IndexTerms,
    ListInstrument,
    PostponeSettlement,
    PublishReferenceRate,
    ReportTrades,
    SetCommitteePrice,
    VenueTrade,
)
from exchange.events import (
    DirectiveRefused,
    Entry,
    Event,
    InstrumentListed,
    PriceRule,
    SeriesState,
    SettlementPriceFinal,
    SettlementPriceProvisional,
)
from exchange.instruments import ContractKind, Instrument, SettlementRule
from exchange.units import HOUR, MINUTE, SECOND, IndexPrice, Time
from exchange.wellformed import MalformedCommand
from tests.builders import (
    ANN,
    BOB,
    BTC_RUB,
    BTCF,
    CLOSES,
    OPENS,
    VENUES,
    Venue,
    future,
    of_kind,
    option,
)
from tests.stories.outside import quote_steadily

EXPIRES = OPENS + 2 * HOUR
AT_8M, AT_8_1M, AT_8_2M = 800_000_000, 810_000_000, 820_000_000  # index units


class Kept(Venue):
    """A venue whose commands and entries are all kept, so that its prices can be found again."""

    def __init__(self, *instruments: Instrument, objection: Time = 0) -> None:
        self.commands: list[tuple[Time, Command]] = []
        self.record: list[Entry] = []
        terms = IndexTerms(
            index_id=BTC_RUB, venues=VENUES, weights_ppm=(250_000,) * 4, fixing_objection=objection
        )
        super().__init__(*instruments, index=terms)

    def tell(self, command: Command) -> list[Event]:
        self.commands.append((self.now, command))
        return self._keep(self.exchange.handle(command, self.now))

    def wait_until(self, time: Time) -> list[Event]:
        self.now = max(self.now, time)
        return self._keep(self.exchange.advance(self.now))

    def _keep(self, entries: list[Entry]) -> list[Event]:
        self.record += entries
        return [entry.event for entry in entries]


def a_venue(rule: SettlementRule, expires: Time = EXPIRES, objection: Time = 0) -> Kept:
    """Ann is long ten lots of Bob's, from 8.0m."""
    venue = Kept(future(expiry=expires, settlement_rule=rule), objection=objection)
    venue.admit(ANN)
    venue.admit(BOB)
    venue.trade(ANN, BOB, 10, 80_000)
    return venue


def traded(venue: str, price: IndexPrice, at: Time, quantity: int = 1) -> VenueTrade:
    return VenueTrade(venue=venue, price=price, quantity=quantity, at=at)


def report(venue: Venue, *trades: VenueTrade) -> list[Event]:
    return venue.tell(ReportTrades(index_id=BTC_RUB, trades=trades))


def listed(venue: Venue, instrument: Instrument) -> list[Event]:
    return venue.tell(ListInstrument(instrument=instrument))


def trade_steadily(venue: Venue, until: Time, quoted: IndexPrice, at: IndexPrice) -> list[Event]:
    """Until then every outside venue shows one price and, each minute, trades at another."""
    events: list[Event] = []
    while venue.now < until:
        report(venue, *(traded(name, at, venue.now) for name in VENUES))
        events += quote_steadily(venue, min(venue.now + MINUTE, until), quoted)
    return events


def final(events: list[Event]) -> SettlementPriceFinal:
    (event,) = of_kind(events, SettlementPriceFinal)
    return event


def found_again(venue: Kept, expires: Time = EXPIRES) -> None:
    """I-51: the record and the journal give the price that was final, and the rung that gave it."""
    told = final([entry.event for entry in venue.record])
    again = recompute(venue.record, venue.commands, future(expiry=expires).bucket_id)
    assert again is not None
    assert (again.price, again.rule) == (told.unclamped, told.rule)
    provisional = of_kind([entry.event for entry in venue.record], SettlementPriceProvisional)[-1]
    assert (again.valid_samples, again.samples) == (provisional.valid_samples, provisional.samples)


# --- the rules ------------------------------------------------------------------------------------------


def test_a_future_is_settled_by_what_outside_venues_traded_at() -> None:
    """They show 8.0m and trade at 8.2m; the fixing begins an hour before the expiry."""
    venue = a_venue(SettlementRule.PARTITIONED_VWM)
    trade_steadily(venue, EXPIRES - HOUR - SECOND, AT_8M, AT_8M)
    assert venue.state.series[BTCF].state is SeriesState.TRADING
    events = trade_steadily(venue, EXPIRES, AT_8M, AT_8_2M)
    assert (final(events).rule, final(events).price) == (PriceRule.PARTITIONS, 82_000)
    (provisional,) = of_kind(events, SettlementPriceProvisional)
    assert (provisional.valid_samples, provisional.samples) == (12, 12)
    assert venue.state.series[BTCF].state is SeriesState.SETTLED
    found_again(venue)


def test_where_too_little_was_traded_the_index_decides() -> None:
    venue = a_venue(SettlementRule.PARTITIONED_VWM)
    trade_steadily(venue, EXPIRES - 25 * MINUTE, AT_8M, AT_8_2M)
    events = quote_steadily(venue, EXPIRES, AT_8M)
    assert (final(events).rule, final(events).price) == (PriceRule.WINDOW, 80_000)
    found_again(venue)


@pytest.mark.parametrize(
    ("rule", "price"), [(SettlementRule.SNAPSHOT, 82_000), (SettlementRule.TWAP_CAPPED, 80_073)]
)
def test_a_snapshot_is_the_last_word_and_a_mean_hardly_hears_it(rule: SettlementRule, price: int) -> None:
    """The outside price jumps from 8.0m to 8.2m sixty-five seconds before the expiry: 11 samples of 300."""
    venue = a_venue(rule)
    quote_steadily(venue, EXPIRES - 65 * SECOND, AT_8M)
    assert final(quote_steadily(venue, EXPIRES, AT_8_2M)).price == price
    found_again(venue)


def test_our_own_trades_move_no_price_whatever_they_are_called() -> None:
    """Reports of ourselves, or of any venue that the index does not name, are passed over."""
    venue = a_venue(SettlementRule.PARTITIONED_VWM)
    while venue.now < EXPIRES:
        honest = (traded(name, AT_8M, venue.now) for name in VENUES)
        report(
            venue,
            *honest,
            traded("ringfence", AT_8_2M, venue.now, 10**6),
            traded("nobody", AT_8_2M, venue.now, 10**6),
        )
        venue.quote(AT_8M)
        venue.trade(ANN, BOB, 5, 82_000)
        events = venue.wait_until(venue.now + 30 * SECOND)
    assert (final(events).rule, final(events).price) == (PriceRule.PARTITIONS, 80_000)
    found_again(venue)


# --- found again ----------------------------------------------------------------------------------------


def test_the_price_is_found_again_after_every_objection() -> None:
    venue = a_venue(SettlementRule.PARTITIONED_VWM, objection=5 * MINUTE)
    trade_steadily(venue, EXPIRES + MINUTE, AT_8M, AT_8_2M)
    for source in ("bureau", "agency"):
        venue.tell(PublishReferenceRate(index_id=BTC_RUB, source=source, rate=AT_8_1M))
    bucket_id = future(expiry=EXPIRES).bucket_id
    too_late = SetCommitteePrice(bucket_id=bucket_id, price=1, grounds="there is a price already")
    assert of_kind(venue.tell(too_late), DirectiveRefused)
    rungs = []
    for until in (EXPIRES + 2 * MINUTE, *(EXPIRES + minute * MINUTE for minute in range(31, 35))):
        venue.tell(PostponeSettlement(bucket_id=bucket_id))
        if until == EXPIRES + 31 * MINUTE:  # postponed for half an hour
            venue.tell(SetCommitteePrice(bucket_id=bucket_id, price=81_234, grounds="The committee has met."))
        events = quote_steadily(venue, until, AT_8M)
        rungs += [e.rule for e in of_kind(events, SettlementPriceProvisional)]
        again = recompute(venue.record, venue.commands, bucket_id)
        last = of_kind([e.event for e in venue.record], SettlementPriceProvisional)[-1]
        assert again == (last.price, last.rule, last.valid_samples, last.samples)
        assert of_kind(venue.tell(too_late), DirectiveRefused)
    assert rungs == [
        PriceRule.WINDOW,
        PriceRule.EXTENDED_WINDOW,
        PriceRule.REFERENCE_RATES,
        PriceRule.COMMITTEE,
        PriceRule.LAST_SETTLEMENT,
    ]


def test_the_last_settlement_price_is_found_again_from_the_close_of_the_session() -> None:
    expires = CLOSES + 3 * HOUR
    venue = a_venue(SettlementRule.TWAP_CAPPED, expires)
    venue.wait_until(CLOSES - 5 * MINUTE)
    quote_steadily(venue, CLOSES + 5 * MINUTE, AT_8_2M)
    events = venue.wait_until(expires + HOUR)
    assert (final(events).rule, final(events).price) == (PriceRule.LAST_SETTLEMENT, 82_000)
    found_again(venue, expires)


def test_a_bucket_without_a_price_has_none_to_be_found() -> None:
    venue = a_venue(SettlementRule.TWAP_CAPPED)
    quote_steadily(venue, EXPIRES - SECOND, AT_8M)
    assert recompute(venue.record, venue.commands, future(expiry=EXPIRES).bucket_id) is None


def test_a_record_that_was_changed_gives_another_price() -> None:
    venue = a_venue(SettlementRule.SNAPSHOT)
    quote_steadily(venue, EXPIRES, AT_8M)
    cut = [entry for entry in venue.record if not EXPIRES - MINUTE < entry.time < EXPIRES]
    assert recompute(cut, venue.commands, future(expiry=EXPIRES).bucket_id) == recompute(
        venue.record, venue.commands, future(expiry=EXPIRES).bucket_id
    )  # nothing moved in that minute
    venue = a_venue(SettlementRule.PARTITIONED_VWM)
    trade_steadily(venue, EXPIRES, AT_8M, AT_8_2M)
    silent = [told for told in venue.commands if not isinstance(told[1], ReportTrades)]
    again = recompute(venue.record, silent, future(expiry=EXPIRES).bucket_id)
    assert again is not None and (again.price, again.rule) == (80_000, PriceRule.WINDOW)


# --- bad input ------------------------------------------------------------------------------------------


def test_series_of_one_bucket_share_their_rule() -> None:
    venue = Venue(future(settlement_rule=SettlementRule.SNAPSHOT))
    for rule in (SettlementRule.TWAP_CAPPED, SettlementRule.PARTITIONED_VWM):
        call = option(ContractKind.CALL, 90_000, settlement_rule=rule)
        (refused,) = listed(venue, call)
        assert isinstance(refused, DirectiveRefused)
        assert refused.explanation.endswith("must share its settlement rule")
        assert call.instrument_id not in venue.state.series
    call = option(ContractKind.CALL, 90_000, settlement_rule=SettlementRule.SNAPSHOT)
    assert of_kind(listed(venue, call), InstrumentListed)


def test_a_rule_that_says_nothing_is_the_capped_mean() -> None:
    venue = Venue(future())
    call = option(ContractKind.CALL, 90_000, settlement_rule=SettlementRule.TWAP_CAPPED)
    assert of_kind(listed(venue, call), InstrumentListed)


def test_trades_of_an_index_that_there_is_not_are_refused() -> None:
    venue = Venue()
    (refused,) = venue.tell(ReportTrades(index_id="ETH_RUB", trades=()))
    assert isinstance(refused, DirectiveRefused)
    assert refused.explanation == "there is no index ETH_RUB"


def test_a_trade_in_fractions_is_no_command_at_all() -> None:
    venue = Venue()
    with pytest.raises(MalformedCommand, match=r"ReportTrades\.trades\[0\]\.quantity must be a whole number"):
        report(venue, traded("aster", AT_8M, venue.now, 0.5))  # type: ignore[arg-type]


def test_a_fixing_by_trades_needs_an_hour_of_them() -> None:
    venue = Venue()
    for minutes, fault in ((60, "its fixing would have begun"), (61, "")):
        late = future(
            instrument_id=f"late-{minutes}",
            expiry=venue.now + minutes * MINUTE,
            settlement_rule=SettlementRule.PARTITIONED_VWM,
        )
        refused = of_kind(listed(venue, late), DirectiveRefused)
        assert [e.explanation.startswith(fault) for e in refused] == ([True] if fault else [])
