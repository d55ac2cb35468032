"""A market maker's quotes: one message for all, the places they keep, and the protection that takes them off."""

from typing import Any

import pytest

from exchange.commands import HaltInstrument, ProtectQuotes, Quote, QuoteMarket, SuspendParticipant
from exchange.events import (
    CancelCause,
    Event,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    QuotesFrozen,
    QuotesProtected,
    RequestRejected,
    TradeReported,
)
from exchange.reasons import RejectReason
from exchange.units import SECOND, InstrumentId, Money, Time
from exchange.wellformed import MalformedCommand
from matching.terms import OrderId, ParticipantId, PostOnly, Price, Side
from tests.builders import ANN, BOB, BTCF, BUY, CYD, OPENS, SELL, Venue, future, of_kind

CASH: Money = 10**12
Level = tuple[Price, int]


@pytest.fixture
def venue() -> Venue:
    """Ann makes the market; Bob and Cyd trade."""
    venue = Venue()
    for name in (ANN, BOB, CYD):
        venue.admit(name, CASH)
    return venue


def quote(
    venue: Venue,
    bids: tuple[Level, ...] = (),
    asks: tuple[Level, ...] = (),
    *,
    name: ParticipantId = ANN,
    instrument_id: InstrumentId = BTCF,
    post_only: PostOnly = PostOnly.REJECT,
) -> list[Event]:
    quotes = [Quote(side=BUY, price=price, quantity=quantity) for price, quantity in bids]
    quotes += [Quote(side=SELL, price=price, quantity=quantity) for price, quantity in asks]
    return venue.tell(
        QuoteMarket(
            participant_id=name,
            client_order_id=7,
            instrument_id=instrument_id,
            quotes=tuple(quotes),
            post_only=post_only,
        )
    )


def protect(venue: Venue, limit: int, interval: Time = 10 * SECOND, freeze: Time = 5 * SECOND) -> list[Event]:
    return venue.tell(
        ProtectQuotes(
            participant_id=ANN, instrument_id=BTCF, quantity_limit=limit, interval=interval, freeze=freeze
        )
    )


def depth(venue: Venue, side: Side) -> list[Level]:
    levels: list[Level] = venue.state.series[BTCF].book.depth(side, 99)
    return levels


def makers(events: list[Event]) -> list[tuple[ParticipantId, int]]:
    """Whose resting orders were filled, in that order, with how much."""
    fills = of_kind(events, OrderFilled)[::2]
    return [(fill.participant_id, fill.quantity) for fill in fills]


def ended(events: list[Event]) -> list[tuple[OrderId, CancelCause]]:
    return [(e.order_id, e.cause) for e in of_kind(events, OrderCanceled)]


def reasons(events: list[Event]) -> list[RejectReason]:
    return [e.reason for e in events if isinstance(e, OrderRejected | RequestRejected)]


# --- the quotes of one message --------------------------------------------------------------------------


def test_one_message_places_every_quote_and_each_is_held_for(venue: Venue) -> None:
    events = quote(venue, ((79_000, 2), (78_000, 3)), ((81_000, 2), (82_000, 3)))
    assert [(e.side, e.price, e.quantity) for e in of_kind(events, OrderAccepted)] == [
        (BUY, 79_000, 2), (BUY, 78_000, 3), (SELL, 81_000, 2), (SELL, 82_000, 3),
    ]  # fmt: skip
    assert {e.client_order_id for e in of_kind(events, OrderAccepted)} == {7}
    # the worse side: two bought at 79,000 and three at 78,000, or as much sold at prices as far from the other end
    assert venue.held(ANN) == 2 * 790_000 + 3 * 780_000


def test_a_quote_that_stays_keeps_its_place(venue: Venue) -> None:
    quote(venue, ((79_000, 2),))
    venue.rest(BOB, BUY, 2, 79_000)
    assert quote(venue, ((79_000, 2),)) == []
    assert makers(venue.place(CYD, SELL, 3, 79_000)) == [(ANN, 2), (BOB, 1)]


def test_a_quote_made_smaller_keeps_its_place_and_frees_what_it_held(venue: Venue) -> None:
    quote(venue, ((79_000, 5),))
    venue.rest(BOB, BUY, 2, 79_000)
    (amended, *_) = quote(venue, ((79_000, 2),))
    assert isinstance(amended, OrderAmended) and amended.kept_priority
    assert venue.held(ANN) == 2 * 790_000
    assert makers(venue.place(CYD, SELL, 3, 79_000)) == [(ANN, 2), (BOB, 1)]


def test_a_quote_made_larger_goes_behind_the_others(venue: Venue) -> None:
    quote(venue, ((79_000, 2),))
    venue.rest(BOB, BUY, 2, 79_000)
    (amended, *_) = quote(venue, ((79_000, 3),))
    assert isinstance(amended, OrderAmended) and not amended.kept_priority
    assert makers(venue.place(CYD, SELL, 3, 79_000)) == [(BOB, 2), (ANN, 1)]


def test_a_quote_with_another_price_moves(venue: Venue) -> None:
    quote(venue, ((79_000, 2),), ((81_000, 2),))
    events = quote(venue, ((79_100, 2),), ((81_000, 2),))
    assert [(e.price, e.remaining, e.kept_priority) for e in of_kind(events, OrderAmended)] == [
        (79_100, 2, False)
    ]
    assert (depth(venue, BUY), depth(venue, SELL)) == ([(79_100, 2)], [(81_000, 2)])
    assert venue.held(ANN) == 2 * 791_000


def test_a_quote_that_is_missing_goes_and_an_empty_message_takes_all(venue: Venue) -> None:
    quote(venue, ((79_000, 2), (78_000, 3)), ((81_000, 2),))
    assert ended(quote(venue, ((79_000, 2),), ((81_000, 2),))) == [(2, CancelCause.QUOTE_REPLACED)]
    assert depth(venue, BUY) == [(79_000, 2)]
    assert [cause for _, cause in ended(quote(venue))] == [CancelCause.QUOTE_REPLACED] * 2
    assert venue.free_cash(ANN) == CASH


@pytest.mark.parametrize("new", [((79_100, 1), (79_000, 2)), ((79_000, 2), (78_000, 1))])
def test_a_quote_keeps_its_place_whatever_is_quoted_beside_it(venue: Venue, new: tuple[Level, ...]) -> None:
    """One more quote, above it or below."""
    quote(venue, ((79_000, 2),))
    venue.rest(BOB, BUY, 2, 79_000)
    quote(venue, new)
    taken = makers(venue.place(CYD, SELL, 4, 79_000))
    assert [one for one in taken if one != (ANN, 1)] == [(ANN, 2), (BOB, 1 if new[0][0] > 79_000 else 2)]


def test_a_quote_keeps_its_place_when_a_better_one_goes(venue: Venue) -> None:
    quote(venue, ((79_100, 1), (79_000, 2)))
    venue.rest(BOB, BUY, 2, 79_000)
    quote(venue, ((79_000, 2),))
    assert makers(venue.place(CYD, SELL, 3, 79_000)) == [(ANN, 2), (BOB, 1)]


def test_quotes_leave_the_makers_other_orders_alone(venue: Venue) -> None:
    order = venue.rest(ANN, BUY, 1, 77_000)
    quote(venue, ((79_000, 2),))
    quote(venue)
    assert list(venue.state.seats[ANN].orders) == [order]


def test_a_badly_priced_quote_is_refused_alone(venue: Venue) -> None:
    events = quote(venue, ((79_000, 2), (-1, 2)), ((81_000, 0), (82_000, 1)))
    assert reasons(events) == [RejectReason.PRICE_OUTSIDE_COLLAR, RejectReason.QUANTITY_NOT_POSITIVE]
    assert (depth(venue, BUY), depth(venue, SELL)) == ([(79_000, 2)], [(82_000, 1)])


def test_a_quote_that_may_not_be_changed_is_canceled_and_its_reason_told(venue: Venue) -> None:
    quote(venue, ((79_000, 2),), ((81_000, 1),))
    events = quote(venue, ((-1, 2),), ((81_000, 1),))
    assert ended(events) == [(1, CancelCause.QUOTE_REPLACED)]
    assert reasons(events) == [RejectReason.PRICE_OUTSIDE_COLLAR]
    assert (depth(venue, BUY), depth(venue, SELL)) == ([], [(81_000, 1)])
    assert venue.held(ANN) == 790_000


def test_quotes_do_not_take_unless_they_are_allowed_to(venue: Venue) -> None:
    venue.rest(BOB, SELL, 1, 80_000)
    events = quote(venue, ((80_000, 1), (79_000, 1)))
    assert reasons(events) == [RejectReason.POST_ONLY_WOULD_TRADE] and not of_kind(events, TradeReported)
    quote(venue)
    slid = of_kind(quote(venue, ((80_000, 1),), post_only=PostOnly.SLIDE), OrderAccepted)
    assert [e.price for e in slid] == [79_999]
    quote(venue)
    assert of_kind(quote(venue, ((80_000, 1),), post_only=PostOnly.NO), TradeReported)


def test_a_quote_does_not_move_into_the_other_side(venue: Venue) -> None:
    quote(venue, ((79_000, 1),))
    venue.rest(BOB, SELL, 1, 80_000)
    events = quote(venue, ((80_000, 1),))
    assert reasons(events) == [RejectReason.POST_ONLY_WOULD_TRADE] and not of_kind(events, TradeReported)
    assert depth(venue, BUY) == []


def test_with_cash_for_its_quotes_alone_a_maker_can_still_shift_size_between_them() -> None:
    """What gets smaller comes first and pays for what gets larger."""
    venue = Venue()
    venue.admit(ANN, 2 * 790_000 + 2 * 780_000)
    quote(venue, ((79_000, 2), (78_000, 2)))
    assert reasons(quote(venue, ((79_000, 3), (78_000, 1)))) == [RejectReason.INSUFFICIENT_CASH]
    quote(venue)
    quote(venue, ((79_000, 2), (78_000, 2)))
    assert reasons(quote(venue, ((79_000, 1), (78_000, 3)))) == []
    assert depth(venue, BUY) == [(79_000, 1), (78_000, 3)]


@pytest.mark.parametrize(
    ("name", "instrument_id", "reason"),
    [
        (ParticipantId("dan"), BTCF, RejectReason.UNKNOWN_PARTICIPANT),
        (ANN, InstrumentId("NONE"), RejectReason.UNKNOWN_INSTRUMENT),
    ],
)
def test_whoever_is_not_inside_or_names_no_series_is_told_for_each_quote(
    venue: Venue, name: ParticipantId, instrument_id: InstrumentId, reason: RejectReason
) -> None:
    events = quote(venue, ((79_000, 1),), ((81_000, 1),), name=name, instrument_id=instrument_id)
    assert reasons(events) == [reason] * 2 and len(events) == 2


def test_in_a_halt_quotes_go_but_do_not_come(venue: Venue) -> None:
    quote(venue, ((79_000, 1),))
    venue.tell(HaltInstrument(instrument_id=BTCF))
    events = quote(venue, (), ((81_000, 1),))
    assert ended(events) == [(1, CancelCause.QUOTE_REPLACED)]
    assert reasons(events) == [RejectReason.INSTRUMENT_HALTED]


@pytest.mark.parametrize("wrong", [1.5, "2", None, True, 2**63])
def test_a_quote_whose_number_is_no_whole_one_is_no_command(venue: Venue, wrong: Any) -> None:
    before = venue.exchange.sequence
    with pytest.raises(MalformedCommand, match=r"quantity"):
        quote(venue, ((79_000, wrong),))
    assert venue.exchange.sequence == before


# --- market-maker protection ----------------------------------------------------------------------------


def test_a_limit_that_is_breached_takes_every_quote_off_after_the_fills(venue: Venue) -> None:
    """Of five lots allowed in ten seconds six are taken in one sweep; the other side goes as well."""
    protect(venue, 5)
    quote(venue, ((79_000, 4), (78_000, 4)), ((81_000, 2),))
    own = venue.rest(ANN, BUY, 1, 70_000)
    events = venue.place(BOB, SELL, 6, 78_000)
    assert makers(events) == [(ANN, 4), (ANN, 2)]
    cause = CancelCause.MARKET_MAKER_PROTECTION
    assert ended(events) == [(2, cause), (3, cause)]
    kinds = [type(e) for e in events]
    last_fill = max(at for at, kind in enumerate(kinds) if kind is TradeReported)
    assert last_fill < kinds.index(OrderCanceled)
    frozen = QuotesFrozen(participant_id=ANN, instrument_id=BTCF, until=OPENS + 5 * SECOND)
    assert of_kind(events, QuotesFrozen) == [frozen]
    assert (depth(venue, BUY), depth(venue, SELL)) == ([(70_000, 1)], [])
    assert list(venue.state.seats[ANN].orders) == [own]


def test_the_limit_itself_may_be_traded(venue: Venue) -> None:
    protect(venue, 5)
    quote(venue, ((79_000, 6),))
    assert not of_kind(venue.place(BOB, SELL, 5, 79_000), QuotesFrozen)
    assert of_kind(venue.place(BOB, SELL, 1, 79_000), QuotesFrozen)


def test_a_sweep_through_many_quotes_freezes_once(venue: Venue) -> None:
    protect(venue, 2)
    quote(venue, ((79_000, 3), (78_000, 3)))
    assert len(of_kind(venue.place(BOB, SELL, 6, 78_000), QuotesFrozen)) == 1


def test_what_was_swept_with_the_breach_does_not_count_after_the_freeze(venue: Venue) -> None:
    """Three lots breach; the two that the same sweep took are not held against the quotes that come after it."""
    protect(venue, 2, interval=60 * SECOND)
    quote(venue, ((79_000, 3), (78_000, 2)))
    venue.place(BOB, SELL, 5, 78_000)
    venue.wait_until(OPENS + 5 * SECOND)
    quote(venue, ((79_000, 2),))
    assert not of_kind(venue.place(BOB, SELL, 2, 79_000), QuotesFrozen)


def test_while_they_are_frozen_quotes_are_refused_and_then_taken_again(venue: Venue) -> None:
    protect(venue, 1)
    quote(venue, ((79_000, 2),))
    venue.place(BOB, SELL, 2, 79_000)
    until = OPENS + 5 * SECOND
    venue.wait_until(until - 1)
    before = venue.free_cash(ANN), venue.held(ANN), dict(venue.state.seats[ANN].orders)
    assert reasons(quote(venue, ((79_000, 1),), ((81_000, 1),))) == [RejectReason.QUOTES_FROZEN] * 2
    assert (venue.free_cash(ANN), venue.held(ANN), dict(venue.state.seats[ANN].orders)) == before
    assert of_kind(venue.place(ANN, BUY, 1, 70_000), OrderAccepted)  # an order is no quote
    venue.wait_until(until)
    assert len(of_kind(quote(venue, ((79_000, 1),), ((81_000, 1),)), OrderAccepted)) == 2


def test_a_suspended_maker_is_told_so_before_it_is_told_of_the_freeze(venue: Venue) -> None:
    protect(venue, 1)
    quote(venue, ((79_000, 2),))
    venue.place(BOB, SELL, 2, 79_000)
    venue.tell(SuspendParticipant(participant_id=ANN))
    assert reasons(quote(venue, ((79_000, 1),))) == [RejectReason.PARTICIPANT_SUSPENDED]


@pytest.mark.parametrize(("second", "frozen"), [(9, True), (10, False)])
def test_the_window_slides(venue: Venue, second: int, frozen: bool) -> None:
    """Three lots at once and three later, five allowed in ten seconds."""
    protect(venue, 5)
    quote(venue, ((79_000, 10),))
    assert not of_kind(venue.place(BOB, SELL, 3, 79_000), QuotesFrozen)
    venue.wait_until(OPENS + second * SECOND)
    assert bool(of_kind(venue.place(BOB, SELL, 3, 79_000), QuotesFrozen)) is frozen


def test_orders_that_are_no_quotes_do_not_count(venue: Venue) -> None:
    protect(venue, 1)
    quote(venue, ((70_000, 1),))
    venue.rest(ANN, BUY, 5, 79_000)
    assert not of_kind(venue.place(BOB, SELL, 5, 79_000), QuotesFrozen)


def test_quotes_that_trade_in_an_auction_count() -> None:
    venue = Venue(future(opening_call=10 * SECOND))
    for name in (ANN, BOB):
        venue.admit(name)
    protect(venue, 1)
    quote(venue, ((79_000, 2),), ((81_000, 1),))
    venue.place(BOB, SELL, 2, 79_000)
    events = venue.wait_until(OPENS + 10 * SECOND)
    assert len(of_kind(events, QuotesFrozen)) == 1 and depth(venue, SELL) == []


def test_quotes_that_take_count(venue: Venue) -> None:
    protect(venue, 1)
    venue.rest(BOB, SELL, 2, 80_000)
    events = quote(venue, ((80_000, 2),), ((81_000, 1),), post_only=PostOnly.NO)
    assert len(of_kind(events, QuotesFrozen)) == 1 and depth(venue, SELL) == []


def test_a_protection_is_told_changed_and_lifted(venue: Venue) -> None:
    (told,) = protect(venue, 1)
    assert told == QuotesProtected(
        participant_id=ANN, instrument_id=BTCF, quantity_limit=1, interval=10 * SECOND, freeze=5 * SECOND
    )
    quote(venue, ((79_000, 2),))
    venue.place(BOB, SELL, 2, 79_000)
    (lifted,) = protect(venue, 0, 0, 0)
    assert isinstance(lifted, QuotesProtected) and lifted.quantity_limit == 0
    quote(venue, ((79_000, 50),))  # the freeze is over as well
    assert not of_kind(venue.place(BOB, SELL, 50, 79_000), QuotesFrozen)


@pytest.mark.parametrize(("limit", "interval", "freeze"), [(-1, 1, 1), (1, 0, 1), (1, 1, 0), (1, -1, 1)])
def test_a_protection_that_makes_no_sense_is_refused_and_the_old_one_stays(
    venue: Venue, limit: int, interval: Time, freeze: Time
) -> None:
    protect(venue, 1)
    assert reasons(protect(venue, limit, interval, freeze)) == [RejectReason.QUANTITY_NOT_POSITIVE]
    quote(venue, ((79_000, 2),))
    assert of_kind(venue.place(BOB, SELL, 2, 79_000), QuotesFrozen)


def test_a_protection_needs_a_participant_and_a_series(venue: Venue) -> None:
    asked: dict[str, Any] = {"quantity_limit": 1, "interval": 1, "freeze": 1}
    nobody = ProtectQuotes(participant_id=ParticipantId("dan"), instrument_id=BTCF, **asked)
    nothing = ProtectQuotes(participant_id=ANN, instrument_id=InstrumentId("NONE"), **asked)
    assert reasons(venue.tell(nobody)) == [RejectReason.UNKNOWN_PARTICIPANT]
    assert reasons(venue.tell(nothing)) == [RejectReason.UNKNOWN_INSTRUMENT]
