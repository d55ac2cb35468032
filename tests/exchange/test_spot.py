"""Spot: who sets aside what, what a trade moves, what is at risk, and which orders and terms are refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.access.regime import AccessClass, Caps, Criterion, Permission
from exchange.clearing import accounts
from exchange.commands import (
    AmendOrder,
    FreezeParticipant,
    ListInstrument,
    SetLimit,
    WithdrawUnits,
)
from exchange.events import (
    DirectiveRefused,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    RequestRejected,
    TradeReported,
)
from exchange.instruments import ContractKind, Instrument, Product, fault_in
from exchange.reasons import RejectReason
from exchange.units import AssetId, InstrumentId
from tests.builders import (
    ANN,
    BLOCK,
    BOB,
    BTC,
    BTC_SPOT,
    BTCF,
    BUY,
    CYD,
    OPENS,
    ROUBLE,
    RUBD,
    SATOSHI_LOT,
    SELL,
    Venue,
    a_regime,
    future,
    of_kind,
    option,
    spot,
    with_btc,
)

LOT_AT_8M = 8_000 * ROUBLE  # what 0.001 BTC costs at 80,000 ticks


def a_venue(*more: Instrument, bring: int = 10, **changes: object) -> Venue:
    """Ann and Cyd have a million roubles each; Bob has ten lots of bitcoin beside his."""
    venue = Venue(spot(**changes), *more, assets=with_btc())
    for name in (ANN, BOB, CYD):
        venue.admit(name, 1_000_000 * ROUBLE)
    if bring:
        venue.bring(BOB, bring * SATOSHI_LOT, "first")
        venue.wait_until(OPENS + 2 * BLOCK)
    return venue


def refusal(venue: Venue, *order: object, **more: object) -> RejectReason:
    (refused,) = venue.place(*order, instrument_id=BTC_SPOT, **more)  # type: ignore[arg-type]
    assert isinstance(refused, OrderRejected)
    return refused.reason


# --- holds ----------------------------------------------------------------------------------------------


def test_a_buyer_sets_aside_price_and_fee_and_a_seller_its_units() -> None:
    venue = a_venue(fee_maker=20, fee_taker=60)
    venue.place(ANN, BUY, 3, 79_000, instrument_id=BTC_SPOT)
    assert venue.held(ANN) == 3 * (7_900 * ROUBLE + 60)
    venue.place(BOB, SELL, 4, 81_000, instrument_id=BTC_SPOT)
    assert (venue.held(BOB), venue.free_units(BOB), venue.units(BOB)) == (
        0,
        6 * SATOSHI_LOT,
        10 * SATOSHI_LOT,
    )
    assert venue.state.ledger.posted(accounts.unit_hold(BOB, BTC)) == 4 * SATOSHI_LOT


def test_units_and_cash_move_in_one_chain_and_nothing_is_locked() -> None:
    """A taker buys two lots at 79,500 that it would have paid 80,000 for: the difference is free again."""
    venue = a_venue(fee_maker=20, fee_taker=60)
    venue.place(BOB, SELL, 4, 79_500, instrument_id=BTC_SPOT)
    before = len(venue.state.ledger.history)
    events = venue.place(ANN, BUY, 2, 80_000, instrument_id=BTC_SPOT)
    assert [e.fee for e in of_kind(events, OrderFilled)] == [40, 120]
    chain = [r.transfer for r in venue.state.ledger.history[before:][-4:]]  # type: ignore[union-attr]
    assert [(t.debit, t.credit, t.amount) for t in chain] == [
        ("unit:hold:bob:BTC", "unit:ann:BTC", 2 * SATOSHI_LOT),
        ("hold:ann:RUBD", "cash:bob:RUBD", 15_900 * ROUBLE - 40),
        ("hold:ann:RUBD", "ccp:fees:RUBD", 160),
        ("hold:ann:RUBD", "cash:ann:RUBD", 100 * ROUBLE),
    ]
    assert venue.free_cash(ANN) == 1_000_000 * ROUBLE - 15_900 * ROUBLE - 120
    assert venue.free_cash(BOB) == 1_000_000 * ROUBLE + 15_900 * ROUBLE - 40
    assert (venue.units(ANN), venue.units(BOB)) == (2 * SATOSHI_LOT, 8 * SATOSHI_LOT)
    assert (venue.locked(ANN), venue.locked(BOB), venue.held(ANN), venue.held(BOB)) == (0, 0, 0, 0)
    assert (venue.position(ANN, BTC_SPOT), venue.position(BOB, BTC_SPOT)) == (2, 8)
    assert venue.state.covers.open_interest(BTC_SPOT) == 0


def test_what_is_canceled_is_free_again_on_either_side() -> None:
    venue = a_venue(fee_taker=60)
    bid = venue.place(ANN, BUY, 3, 79_000, instrument_id=BTC_SPOT)[0].order_id  # type: ignore[attr-defined]
    ask = venue.place(BOB, SELL, 4, 81_000, instrument_id=BTC_SPOT)[0].order_id  # type: ignore[attr-defined]
    venue.cancel(ANN, bid)
    venue.cancel(BOB, ask)
    assert (venue.free_cash(ANN), venue.free_units(BOB)) == (1_000_000 * ROUBLE, 10 * SATOSHI_LOT)


def test_an_amendment_counts_what_the_old_order_sets_free() -> None:
    venue = a_venue()
    (bid,) = of_kind(venue.place(ANN, BUY, 120, 80_000, instrument_id=BTC_SPOT), OrderAccepted)
    (ask,) = of_kind(venue.place(BOB, SELL, 10, 90_000, instrument_id=BTC_SPOT), OrderAccepted)
    for who, order_id, price, quantity, reason in (
        (ANN, bid.order_id, 81_000, 124, RejectReason.INSUFFICIENT_CASH),
        (BOB, ask.order_id, 91_000, 11, RejectReason.INSUFFICIENT_UNITS),
    ):
        (refused,) = venue.tell(
            AmendOrder(participant_id=who, order_id=order_id, price=price, quantity=quantity)
        )
        assert isinstance(refused, RequestRejected) and refused.reason is reason
    venue.tell(AmendOrder(participant_id=ANN, order_id=bid.order_id, price=80_500, quantity=124))
    venue.tell(AmendOrder(participant_id=BOB, order_id=ask.order_id, price=91_000, quantity=10))
    assert venue.held(ANN) == 124 * 8_050 * ROUBLE
    assert venue.free_units(BOB) == 0


# --- refusals -------------------------------------------------------------------------------------------


def test_a_seller_must_have_the_units_and_a_buyer_the_cash() -> None:
    venue = a_venue()
    assert refusal(venue, ANN, SELL, 1, 80_000) is RejectReason.INSUFFICIENT_UNITS
    assert refusal(venue, BOB, SELL, 11, 80_000) is RejectReason.INSUFFICIENT_UNITS
    assert refusal(venue, ANN, BUY, 126, 80_000) is RejectReason.INSUFFICIENT_CASH
    assert of_kind(venue.place(ANN, BUY, 125, 80_000, instrument_id=BTC_SPOT), OrderAccepted)
    assert of_kind(venue.place(BOB, SELL, 10, 81_000, instrument_id=BTC_SPOT), OrderAccepted)
    assert refusal(venue, BOB, SELL, 1, 81_000) is RejectReason.INSUFFICIENT_UNITS
    reasons = list(RejectReason)
    assert reasons.index(RejectReason.INSUFFICIENT_UNITS) == reasons.index(RejectReason.INSUFFICIENT_CASH) + 1


def test_units_that_are_not_confirmed_yet_cannot_be_sold() -> None:
    venue = a_venue(bring=0)
    venue.wait_until(OPENS)
    venue.bring(BOB, SATOSHI_LOT)
    assert refusal(venue, BOB, SELL, 1, 80_000) is RejectReason.INSUFFICIENT_UNITS
    venue.wait_until(OPENS + 2 * BLOCK)
    assert of_kind(venue.place(BOB, SELL, 1, 80_000, instrument_id=BTC_SPOT), OrderAccepted)


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ((ANN, BUY, 0, 80_000), RejectReason.QUANTITY_NOT_POSITIVE),
        ((ANN, BUY, 1_000_001, 80_000), RejectReason.QUANTITY_TOO_LARGE),
        ((ANN, BUY, 1, 999), RejectReason.PRICE_OUTSIDE_COLLAR),
        ((ANN, BUY, 1, 160_001), RejectReason.PRICE_OUTSIDE_COLLAR),
        ((ANN, BUY, 1, 39_999), RejectReason.PRICE_OUTSIDE_BAND),
        ((BOB, SELL, 1, 120_001), RejectReason.PRICE_OUTSIDE_BAND),
    ],
)
def test_the_other_rules_hold_for_spot_too(order: tuple[object, ...], reason: RejectReason) -> None:
    assert refusal(a_venue(), *order) is reason


def test_a_reduce_only_order_sells_what_is_there_and_buys_nothing() -> None:
    venue = a_venue()
    assert refusal(venue, BOB, BUY, 1, 80_000, reduce_only=True) is RejectReason.REDUCE_ONLY
    assert refusal(venue, ANN, SELL, 1, 80_000, reduce_only=True) is RejectReason.REDUCE_ONLY
    assert of_kind(
        venue.place(BOB, SELL, 10, 80_000, instrument_id=BTC_SPOT, reduce_only=True), OrderAccepted
    )


def test_nothing_leaves_an_account_under_a_legal_order_not_even_to_be_sold() -> None:
    venue = a_venue()
    venue.place(BOB, SELL, 4, 81_000, instrument_id=BTC_SPOT)
    events = venue.tell(FreezeParticipant(participant_id=BOB, order_ref="court"))
    assert of_kind(events, OrderCanceled) and venue.free_units(BOB) == 10 * SATOSHI_LOT
    assert refusal(venue, BOB, SELL, 1, 80_000) is RejectReason.INSUFFICIENT_UNITS


def test_nobody_pays_himself() -> None:
    venue = a_venue()
    venue.place(BOB, SELL, 2, 80_000, instrument_id=BTC_SPOT)
    events = venue.place(BOB, BUY, 2, 80_000, instrument_id=BTC_SPOT)
    assert of_kind(events, TradeReported) == [] and of_kind(events, OrderCanceled)
    assert venue.free_units(BOB) == 10 * SATOSHI_LOT


# --- what is at risk ------------------------------------------------------------------------------------


def test_units_are_at_risk_at_what_they_cost_and_so_are_orders_to_buy() -> None:
    venue = a_venue(future())
    venue.place(BOB, SELL, 5, 80_000, instrument_id=BTC_SPOT)
    venue.place(ANN, BUY, 3, 80_000, instrument_id=BTC_SPOT)
    venue.place(ANN, BUY, 1, 70_000, instrument_id=BTC_SPOT)
    assert venue.at_risk(ANN) == 24_000 * ROUBLE + 7_000 * ROUBLE
    assert venue.at_risk(BOB) == 0  # what was brought has cost nothing here
    venue.place(ANN, SELL, 1, 80_000, instrument_id=BTCF)
    assert venue.at_risk(ANN) == 31_000 * ROUBLE + 8_000 * ROUBLE  # another account, another worst case
    venue.quote(300_000_000)
    assert venue.at_risk(ANN) == 39_000 * ROUBLE  # at cost: no price moves it


def test_what_is_sold_takes_its_average_cost_with_it_rounded_down() -> None:
    """Three lots for 8,000.10 each and one for 7,000.00: of 31,000.30, one lot takes 7,750.07 and leaves 23,250.23."""
    venue = a_venue(tick_value=10, tick=10_000, reference=80_001)
    venue.trade(ANN, BOB, 3, 80_001, BTC_SPOT)
    venue.trade(ANN, BOB, 1, 70_000, BTC_SPOT)
    assert venue.at_risk(ANN) == 3_100_030
    venue.trade(CYD, ANN, 1, 90_000, BTC_SPOT)
    assert venue.at_risk(ANN) == 3_100_030 - 775_007
    venue.trade(CYD, ANN, 3, 60_000, BTC_SPOT)
    assert venue.at_risk(ANN) == 0


def test_units_from_outside_make_the_average_cheaper_and_taking_them_out_is_no_way_round_a_limit() -> None:
    venue = a_venue()
    venue.trade(ANN, BOB, 2, 80_000, BTC_SPOT)
    venue.bring(ANN, 2 * SATOSHI_LOT)
    venue.wait_until(venue.now + 2 * BLOCK)
    assert venue.at_risk(ANN) == 16_000 * ROUBLE
    venue.tell(WithdrawUnits(participant_id=ANN, asset_id=BTC, amount=SATOSHI_LOT))
    assert venue.at_risk(ANN) == 16_000 * ROUBLE  # they are here until the chain shows otherwise
    venue.wait_until(venue.now + 2 * BLOCK)
    assert venue.at_risk(ANN) == 12_000 * ROUBLE


def test_a_limit_counts_spot_beside_everything_else() -> None:
    venue = a_venue(future())
    venue.tell(SetLimit(participant_id=ANN, limit=24_000 * ROUBLE))
    venue.trade(ANN, BOB, 1, 80_000, BTC_SPOT)
    venue.place(ANN, BUY, 1, 80_000, instrument_id=BTCF)
    assert refusal(venue, ANN, BUY, 2, 80_000) is RejectReason.EXPOSURE_LIMIT
    assert of_kind(venue.place(ANN, BUY, 1, 80_000, instrument_id=BTC_SPOT), OrderAccepted)
    assert of_kind(venue.place(ANN, SELL, 1, 85_000, instrument_id=BTC_SPOT), OrderAccepted)


@settings(max_examples=25, deadline=None)
@given(
    trades=st.lists(
        st.tuples(st.sampled_from([BUY, SELL]), st.integers(1, 5), st.integers(79_000, 81_000)), max_size=12
    )
)
def test_the_cost_of_what_is_held_never_falls_below_its_exact_average(
    trades: list[tuple[object, int, int]],
) -> None:
    venue = a_venue(bring=100)
    units, exact = 0, 0.0
    for side, quantity, price in trades:
        if side is BUY:
            venue.trade(ANN, BOB, quantity, price, BTC_SPOT)
            units, exact = units + quantity, exact + quantity * price * 10
        elif quantity <= units:
            venue.trade(CYD, ANN, quantity, price, BTC_SPOT)
            units, exact = units - quantity, exact * (units - quantity) / units
        assert -1e-6 <= venue.at_risk(ANN) - exact < len(trades)
    assert venue.position(ANN, BTC_SPOT) == units


# --- terms ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "fault"),
    [
        (spot(), None),
        (spot(base=None), "it needs a base"),
        (spot(lot_units=0), "lot_units must be a whole, positive number"),
        (spot(lot_units=0.5), "lot_units must be a whole, positive number"),
        (spot(lot_units=2**62), "more units than 63 bits hold"),
        (spot(expiry=5), "its expiry must be 0, not 5"),
        (spot(floor=0), "floor must be 1 or more"),
        (spot(fee_taker=10_001), "floor must be 1001 or more, for a seller pays its fee out of the price"),
        (spot(strike=80_000), "only an option has a strike"),
        (spot(reference=1_000), "reference 1000 must lie between 1000 and 160000"),
        (future(base=BTC), "only what changes hands in units has a base"),
        (option(ContractKind.CALL, 90_000, lot_units=1), "only what changes hands in units has a base"),
    ],
)
def test_terms_that_cannot_be_listed_are_told_with_a_remedy(terms: Instrument, fault: str | None) -> None:
    found = fault_in(terms)
    assert found is None if fault is None else found is not None and fault in found


@pytest.mark.parametrize(
    ("changes", "explanation"),
    [
        ({"base": AssetId("ETH")}, "there is no asset ETH to be delivered"),
        ({"base": RUBD}, "there is no asset RUBD to be delivered"),
        ({"lot_units": 1_000_000}, "a tick of 1000000 minor units of BTC is not worth tick_value, 10"),
        ({"instrument_id": BTC_SPOT}, "BTC_RUBD is listed already"),
    ],
)
def test_what_the_venue_cannot_deliver_is_not_listed(changes: dict[str, object], explanation: str) -> None:
    venue = a_venue()
    terms = spot(**{"instrument_id": InstrumentId("ANOTHER"), **changes})
    (refused,) = venue.tell(ListInstrument(instrument=terms))
    assert isinstance(refused, DirectiveRefused) and explanation in refused.explanation


def test_a_second_pair_of_the_same_asset_shares_its_units() -> None:
    small = spot(instrument_id=InstrumentId("MBTC"), lot_units=10_000, tick_value=1)
    venue = a_venue(small)
    venue.place(BOB, SELL, 9, 80_000, instrument_id=BTC_SPOT)
    (refused,) = venue.place(BOB, SELL, 11, 80_000, instrument_id=small.instrument_id)
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.INSUFFICIENT_UNITS
    assert of_kind(venue.place(BOB, SELL, 10, 80_000, instrument_id=small.instrument_id), OrderAccepted)
    assert (venue.position(BOB, BTC_SPOT), venue.position(BOB, small.instrument_id)) == (10, 100)


def test_spot_lives_through_every_expiry_and_session_without_a_fixing() -> None:
    venue = a_venue(future())
    venue.quote_until(OPENS + 7 * 6 * BLOCK + BLOCK, 800_000_000)
    assert of_kind(venue.place(BOB, SELL, 1, 80_000, instrument_id=BTC_SPOT), OrderAccepted)
    assert all(not str(bucket).startswith("BTC_RUB@0") for bucket in venue.state.fixings)


def test_a_class_that_is_denied_spot_is_told_so() -> None:
    derivatives = AccessClass(
        class_id="some",
        title="Some",
        any_of=(Criterion(),),
        permissions={Product.FUTURE: Permission.ALLOWED},
        caps=Caps(),
    )
    venue = Venue(spot(), regime=a_regime(classes=(derivatives,)), assets=with_btc())
    venue.admit(ANN)
    assert refusal(venue, ANN, BUY, 1, 80_000) is RejectReason.PRODUCT_NOT_PERMITTED
