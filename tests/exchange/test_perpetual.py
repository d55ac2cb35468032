"""The rolling perpetual: each claim settled in full, funding paid, positions carried as far as they are paid for."""

from fractions import Fraction

import pytest

from exchange.audit import audit
from exchange.clearing import accounts
from exchange.clearing.funding import Funding
from exchange.clearing.perpetual import Carried, Premium, carry, collect, funding_due, lock_of, rate_of
from exchange.clearing.rolling import roll_perpetual
from exchange.commands import (
    FreezeParticipant,
    HaltInstrument,
    IndexTerms,
    ListInstrument,
    PostponeSettlement,
    PublishReferenceRate,
    RollPerpetual,
    SessionTerms,
    SetCommitteePrice,
    SetLimit,
    SuspendParticipant,
)
from exchange.events import (
    BucketSettled,
    CancelCause,
    ClaimSettled,
    DirectiveRefused,
    Event,
    FundingPaid,
    InstrumentListed,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    PerpetualRolled,
    PositionClosedAtRoll,
    PositionRolled,
    PriceRule,
    RollClosure,
    SeriesState,
    SettlementPriceFinal,
)
from exchange.instruments import ContractKind, Product, Roll, collar_around, fault_in
from exchange.messages import decode, encode
from exchange.reasons import RejectReason
from exchange.units import DAY, HOUR, MINUTE, SECOND, Money, Time
from matching.terms import ParticipantId, TimeInForce
from tests.builders import (
    ANN,
    BOB,
    BTC_RUB,
    BUY,
    CYD,
    OPENS,
    PERP,
    ROUBLE,
    RUBD,
    SELL,
    VENUES,
    Venue,
    future,
    of_kind,
    perpetual,
)

DAN = ParticipantId("dan")
AT_8M = 800_000_000  # index units; 80,000 ticks
FIRST, SECOND_ROLL, THIRD = (OPENS + 8 * HOUR * n for n in (1, 2, 3))
LOT = 160_000  # kopecks that either side locks for a lot at 80,000


def a_venue(*more: object, roll: Roll | None = None, closes: Time = OPENS + 25 * HOUR) -> Venue:
    """One index a half minute and a fixing of ten samples, a minute apart; open for a day and an hour."""
    index = IndexTerms(
        index_id=BTC_RUB,
        venues=VENUES,
        weights_ppm=(250_000,) * 4,
        interval=30 * SECOND,
        fixing_samples=10,
        fixing_spacing=MINUTE,
    )
    terms = perpetual() if roll is None else perpetual(roll=roll, expiry=OPENS + roll.interval)
    return Venue(terms, *more, index=index, sessions=(SessionTerms(opens=OPENS, closes=closes),))  # type: ignore[arg-type]


def quote_to(venue: Venue, until: Time, value: int) -> list[Event]:
    """Outside venues show `value` every half minute until then."""
    events: list[Event] = []
    while venue.now < until:
        events += venue.quote(value)
        events += venue.wait_until(min(venue.now + 30 * SECOND, until))
    return events


def two_sides(venue: Venue, mid: int, name: ParticipantId = CYD) -> None:
    """`name` quotes one lot ten ticks to either side of `mid`."""
    venue.place(name, BUY, 1, mid - 10, instrument_id=PERP, time_in_force=TimeInForce.GTC)
    venue.place(name, SELL, 1, mid + 10, instrument_id=PERP, time_in_force=TimeInForce.GTC)


def amounts(events: list[Event]) -> dict[str, Money]:
    return {e.participant_id: e.amount for e in of_kind(events, FundingPaid)}


def rolled(events: list[Event]) -> PerpetualRolled:
    (event,) = of_kind(events, PerpetualRolled)
    return event


def final(events: list[Event]) -> SettlementPriceFinal:
    (event,) = of_kind(events, SettlementPriceFinal)
    return event


def wealth(venue: Venue, name: ParticipantId) -> Money:
    return venue.free_cash(name) + venue.held(name) + venue.locked(name)


def residue(venue: Venue) -> Money:
    return int(venue.state.ledger.posted(accounts.rounding(RUBD)))


# --- a day ----------------------------------------------------------------------------------------------


def test_a_day_with_three_rolls() -> None:
    """The book 0.125% above the index costs longs 0.1% for eight hours: 8 roubles a lot of 8,000 roubles.

    Then it is as far below, and shorts pay; then it is empty, and nobody pays, while the index rises by 2.5%.
    """
    venue = a_venue()
    for name in (ANN, BOB, CYD):
        venue.admit(name, 10**8)
    venue.trade(ANN, BOB, 10, 80_000, PERP)

    two_sides(venue, 80_100)
    events = quote_to(venue, FIRST, AT_8M)
    assert amounts(events) == {ANN: -8_000, BOB: 8_000}
    assert {e.due for e in of_kind(events, FundingPaid)} == {-8_000, 8_000}
    assert (final(events).price, final(events).rule) == (80_000, PriceRule.WINDOW)
    news = rolled(events)
    assert (news.open_interest, news.closed, news.premium_ppb, news.funding_rate_ppb) == (
        10,
        0,
        1_250_000,
        1_000_000,
    )
    assert news.samples == 8 * 120
    assert (news.instrument.floor, news.instrument.cap, news.instrument.expiry) == (
        64_000,
        96_000,
        SECOND_ROLL,
    )
    assert of_kind(events, PositionRolled) == [
        PositionRolled(participant_id=ANN, instrument_id=PERP, quantity=10, price=80_000, lock=10 * LOT),
        PositionRolled(participant_id=BOB, instrument_id=PERP, quantity=-10, price=80_000, lock=10 * LOT),
    ]
    assert (venue.free_cash(ANN), venue.free_cash(BOB)) == (
        10**8 - 10 * LOT - 8_000,
        10**8 - 10 * LOT + 8_000,
    )

    two_sides(venue, 79_900)
    events = quote_to(venue, SECOND_ROLL, AT_8M)
    assert amounts(events) == {ANN: 8_000, BOB: -8_000}
    assert rolled(events).funding_rate_ppb == -1_000_000

    events = quote_to(venue, THIRD, 820_000_000)
    assert amounts(events) == {} and rolled(events).funding_rate_ppb == 0
    assert {e.participant_id: e.gain for e in of_kind(events, ClaimSettled)} == {ANN: 200_000, BOB: -200_000}
    assert of_kind(events, BucketSettled)[0].pool == 20 * LOT
    assert (rolled(events).instrument.floor, rolled(events).instrument.cap) == (65_600, 98_400)
    assert (venue.position(ANN, PERP), venue.position(BOB, PERP)) == (10, -10)
    assert venue.locked(ANN) == venue.locked(BOB) == 10 * 164_000
    assert (wealth(venue, ANN), wealth(venue, BOB)) == (10**8 + 200_000, 10**8 - 200_000)
    assert venue.state.series[PERP].state is SeriesState.TRADING
    assert residue(venue) == 0


def test_every_claim_has_a_pool_of_its_own_and_only_the_last_is_kept() -> None:
    venue = a_venue(future(expiry=FIRST, floor=64_000, cap=96_000))
    for name in (ANN, BOB):
        venue.admit(name)
    venue.trade(ANN, BOB, 2, 80_000, PERP)
    before = venue.state.series[PERP].instrument
    assert before.bucket_id != future(expiry=FIRST).bucket_id, "the same underlying and hour, another pool"
    events = quote_to(venue, FIRST, AT_8M)
    after = rolled(events).instrument
    assert before.bucket_id in {e.bucket_id for e in of_kind(events, BucketSettled)}
    assert before.bucket_id not in venue.state.covers.full.buckets
    assert venue.pool(after) == 4 * LOT
    assert not venue.state.ledger.posted(accounts.escrow(before.bucket_id))


def test_what_was_traded_and_closed_within_the_claim_is_settled_and_gone() -> None:
    venue = a_venue()
    for name in (ANN, BOB):
        venue.admit(name, 10**8)
    venue.trade(ANN, BOB, 3, 80_000, PERP)
    venue.trade(BOB, ANN, 3, 80_500, PERP)
    events = quote_to(venue, FIRST, AT_8M)
    assert {e.participant_id: e.gain for e in of_kind(events, ClaimSettled)} == {ANN: 15_000, BOB: -15_000}
    assert not of_kind(events, PositionRolled) and not of_kind(events, FundingPaid)
    assert rolled(events).open_interest == 0
    assert (venue.free_cash(ANN), venue.free_cash(BOB)) == (10**8 + 15_000, 10**8 - 15_000)


def test_with_nobody_in_it_a_perpetual_rolls_all_the_same() -> None:
    venue = a_venue()
    events = quote_to(venue, FIRST, 840_000_000)
    assert (rolled(events).open_interest, rolled(events).closed) == (0, 0)
    assert rolled(events).instrument.reference == 84_000
    assert of_kind(events, BucketSettled)[0].pool == 0
    assert not of_kind(events, ClaimSettled)
    assert rolled(quote_to(venue, SECOND_ROLL, AT_8M)).instrument.reference == 80_000


# --- who cannot lock again ------------------------------------------------------------------------------


def test_who_cannot_lock_again_keeps_what_it_can_and_the_other_side_is_reduced_pro_rata() -> None:
    """Bob has the locks of ten lots and no more. At 84,000 he has lost 400,000 of 1,600,000 kopecks, and a lot
    locks 168,000: that is seven lots. The three others fall to longs of 6, 3 and 1 lots: 1.8, 0.9 and 0.3."""
    venue = a_venue()
    for name in (ANN, CYD, DAN):
        venue.admit(name, 10**8)
    venue.admit(BOB, 10 * LOT)
    for name, lots in ((ANN, 6), (CYD, 3), (DAN, 1)):
        venue.trade(name, BOB, lots, 80_000, PERP)
    events = quote_to(venue, FIRST, 840_000_000)
    assert of_kind(events, PositionClosedAtRoll) == [
        PositionClosedAtRoll(
            participant_id=ANN,
            instrument_id=PERP,
            quantity=2,
            price=84_000,
            closure=RollClosure.OPPOSITE_CLOSED,
        ),
        PositionClosedAtRoll(
            participant_id=BOB, instrument_id=PERP, quantity=-3, price=84_000, closure=RollClosure.NOT_LOCKED
        ),
        PositionClosedAtRoll(
            participant_id=CYD,
            instrument_id=PERP,
            quantity=1,
            price=84_000,
            closure=RollClosure.OPPOSITE_CLOSED,
        ),
    ]
    assert [venue.position(name, PERP) for name in (ANN, BOB, CYD, DAN)] == [4, -7, 2, 1]
    assert (rolled(events).open_interest, rolled(events).closed) == (7, 3)
    assert (venue.free_cash(BOB), venue.locked(BOB)) == (1_200_000 - 7 * 168_000, 7 * 168_000)
    gains = {ANN: 240_000, BOB: -400_000, CYD: 120_000, DAN: 40_000}
    assert {e.participant_id: e.gain for e in of_kind(events, ClaimSettled)} == gains
    assert wealth(venue, ANN) == 10**8 + 240_000, "who is reduced has its whole gain until then"


def test_a_price_beyond_the_collar_settles_at_its_edge_and_the_next_claim_begins_where_it_is() -> None:
    """At 100,000 longs gain up to 96,000 alone; Bob has lost all, and nothing of his is carried on."""
    venue = a_venue()
    venue.admit(ANN, 10**8)
    venue.admit(BOB, 10 * LOT)
    venue.trade(ANN, BOB, 10, 80_000, PERP)
    events = quote_to(venue, FIRST, 1_000_000_000)
    assert (final(events).price, final(events).unclamped) == (96_000, 100_000)
    assert {e.participant_id: e.payout for e in of_kind(events, ClaimSettled)} == {ANN: 20 * LOT, BOB: 0}
    terms = rolled(events).instrument
    assert (terms.reference, terms.floor, terms.cap) == (100_000, 80_000, 120_000)
    assert (venue.position(ANN, PERP), venue.position(BOB, PERP)) == (0, 0)
    assert (venue.free_cash(ANN), venue.free_cash(BOB)) == (10**8 + 10 * LOT, 0)
    assert rolled(events).closed == 10


def test_what_a_participant_just_received_pays_for_its_next_lock() -> None:
    """Ann has no free cash either, but at 84,000 she has gained more than the dearer lock takes."""
    venue = a_venue()
    venue.admit(ANN, 10 * LOT)
    venue.admit(BOB, 10**8)
    venue.trade(ANN, BOB, 10, 80_000, PERP)
    events = quote_to(venue, FIRST, 840_000_000)
    assert not of_kind(events, PositionClosedAtRoll)
    assert (venue.free_cash(ANN), venue.locked(ANN)) == (10 * LOT + 400_000 - 1_680_000, 1_680_000)


def test_cash_held_for_an_order_in_another_series_is_not_there_for_the_roll() -> None:
    venue = a_venue(future(expiry=THIRD))
    venue.admit(ANN, 10**8)
    venue.admit(BOB, 10 * LOT + 800_000)
    venue.trade(ANN, BOB, 10, 80_000, PERP)
    venue.place(BOB, SELL, 1, 80_000, time_in_force=TimeInForce.GTC)
    assert venue.free_cash(BOB) == 0
    quote_to(venue, FIRST, 840_000_000)
    assert (venue.position(BOB, PERP), venue.held(BOB)) == (-7, 800_000)


def test_a_limit_binds_the_next_claim_but_not_below_what_was_at_risk_before() -> None:
    """Ten lots put 16,000 roubles at risk. At 84,000 they would 16,800: more than the limit, which was
    lowered to nothing, and than before. Nine would 15,120."""
    venue = a_venue()
    for name in (ANN, BOB):
        venue.admit(name, 10**8)
    venue.trade(ANN, BOB, 10, 80_000, PERP)
    venue.tell(SetLimit(participant_id=ANN, limit=0))
    quote_to(venue, FIRST, 840_000_000)
    assert (venue.position(ANN, PERP), venue.position(BOB, PERP)) == (9, -9)
    assert venue.state.covers.at_risk(ANN) == 9 * 168_000 <= 10 * LOT
    quote_to(venue, SECOND_ROLL, AT_8M)
    assert venue.position(ANN, PERP) == 9


def test_a_participant_under_a_legal_order_is_closed_and_its_money_stays_frozen() -> None:
    venue = a_venue()
    for name in (ANN, BOB, CYD):
        venue.admit(name, 10**8)
    venue.trade(ANN, BOB, 10, 80_000, PERP)
    two_sides(venue, 80_100)
    venue.tell(FreezeParticipant(participant_id=ANN, order_ref="court"))
    events = quote_to(venue, FIRST, AT_8M)
    assert (venue.position(ANN, PERP), venue.position(BOB, PERP)) == (0, 0)
    assert (venue.free_cash(ANN), venue.free_cash(BOB)) == (10**8, 10**8), "nothing leaves, funding neither"
    assert {e.participant_id: (e.amount, e.due) for e in of_kind(events, FundingPaid)} == {
        ANN: (0, -8_000),
        BOB: (0, 8_000),
    }
    assert {e.closure for e in of_kind(events, PositionClosedAtRoll)} == set(RollClosure)


def test_funding_that_a_frozen_participant_receives_locks_nothing() -> None:
    """5% above the index for eight hours is more for ten lots than the lock of one."""
    venue = a_venue()
    for name in (ANN, BOB, CYD):
        venue.admit(name, 10**8)
    venue.trade(ANN, BOB, 10, 80_000, PERP)
    two_sides(venue, 84_020)
    venue.tell(FreezeParticipant(participant_id=BOB, order_ref="court"))
    quote_to(venue, FIRST, AT_8M)
    assert (venue.position(ANN, PERP), venue.position(BOB, PERP)) == (0, 0)
    assert venue.free_cash(BOB) == 10**8 + 400_000


def test_who_is_suspended_may_not_order_but_what_it_holds_is_carried_on() -> None:
    venue = a_venue()
    for name in (ANN, BOB):
        venue.admit(name)
    venue.trade(ANN, BOB, 10, 80_000, PERP)
    venue.tell(SuspendParticipant(participant_id=ANN))
    quote_to(venue, FIRST, AT_8M)
    assert venue.position(ANN, PERP) == 10


# --- funding at the roll --------------------------------------------------------------------------------


def test_what_payers_are_rounded_up_and_receivers_down_goes_to_the_house() -> None:
    """For an hour an eighth of the rate is due: the mid 60 ticks above 80,000 is 0.075%, the rate 0.05%, so a
    lot owes 50 kopecks for it. 61 ticks are 0.07625%, or 51.25 kopecks: three longs of one lot pay 52 each,
    and the short of three receives 153."""
    for mid, long, short, left in ((80_060, -50, 150, 0), (80_061, -52, 153, 3)):
        venue = a_venue(roll=Roll(interval=HOUR))
        for name in (ANN, BOB, CYD, DAN):
            venue.admit(name, 10**8)
        for name in (ANN, CYD, DAN):
            venue.trade(name, BOB, 1, 80_000, PERP)
        two_sides(venue, mid)
        events = quote_to(venue, OPENS + HOUR, AT_8M)
        assert amounts(events) == {ANN: long, BOB: short, CYD: long, DAN: long}
        assert residue(venue) == left


def test_a_payer_that_has_lost_everything_pays_what_it_has_and_receivers_lack_the_rest() -> None:
    """The index falls to the floor of Ann's claim. Funding of an eighth of 0.1% on 64,000 would be 800 for her
    ten lots, and she has 300."""
    venue = a_venue(roll=Roll(interval=HOUR))
    venue.admit(ANN, 10 * LOT + 300)
    for name in (BOB, CYD):
        venue.admit(name, 10**8)
    venue.trade(ANN, BOB, 10, 80_000, PERP)
    two_sides(venue, 64_080)
    events = quote_to(venue, OPENS + HOUR, 640_000_000)
    assert {e.participant_id: (e.amount, e.due) for e in of_kind(events, FundingPaid)} == {
        ANN: (-300, -800),
        BOB: (300, 800),
    }
    assert (venue.free_cash(ANN), venue.position(ANN, PERP), residue(venue)) == (0, 0, 0)


def test_funding_that_was_received_pays_for_a_lock() -> None:
    """At 80,020 Bob has lost 2,000 kopecks and ten lots lock 400 more. He receives 7,999.5, rounded down."""
    venue = a_venue()
    venue.admit(BOB, 10 * LOT)
    for name in (ANN, CYD):
        venue.admit(name, 10**8)
    venue.trade(ANN, BOB, 10, 80_000, PERP)
    two_sides(venue, 80_120)
    quote_to(venue, FIRST, 800_200_000)
    assert venue.position(BOB, PERP) == -10
    assert venue.free_cash(BOB) == 7_999 - 2_400


# --- the price of the roll ------------------------------------------------------------------------------


def test_an_index_that_is_away_at_the_roll_gives_the_price_of_the_hour_before() -> None:
    venue = a_venue()
    for name in (ANN, BOB):
        venue.admit(name)
    venue.trade(ANN, BOB, 10, 80_000, PERP)
    quote_to(venue, FIRST - 30 * MINUTE, 820_000_000)
    events = venue.wait_until(FIRST)
    assert (final(events).rule, final(events).price) == (PriceRule.BEFORE_OUTAGE, 82_000)
    assert rolled(events).instrument.reference == 82_000
    assert venue.position(ANN, PERP) == 10
    assert venue.state.series[PERP].state is SeriesState.TRADING


def test_samples_are_taken_only_while_the_index_is_sound() -> None:
    """Half an hour of the eight is lost: the index fails half a minute after the last sample."""
    venue = a_venue()
    venue.admit(CYD)
    two_sides(venue, 80_100)
    quote_to(venue, FIRST - 30 * MINUTE, AT_8M)
    news = rolled(venue.wait_until(FIRST))
    assert (news.samples, news.premium_ppb) == (8 * 120 - 60, 1_250_000)


def test_a_book_that_waits_for_the_next_session_is_no_premium() -> None:
    venue = a_venue(closes=FIRST - HOUR)
    venue.admit(CYD)
    two_sides(venue, 80_100)
    news = rolled(quote_to(venue, FIRST, AT_8M))
    assert (news.samples, news.premium_ppb) == (7 * 120 - 1, 1_250_000)  # none in the instant of the close


def test_with_no_index_at_all_a_roll_changes_nothing_but_the_day() -> None:
    """There is no price to move to and no premium, so the claim goes on from where it began."""
    venue = a_venue()
    for name in (ANN, BOB):
        venue.admit(name, 10**8)
    venue.trade(ANN, BOB, 10, 80_000, PERP)
    events = venue.wait_until(FIRST)
    assert (final(events).rule, final(events).price) == (PriceRule.LAST_SETTLEMENT, 80_000)
    assert (rolled(events).samples, rolled(events).funding_rate_ppb) == (0, 0)
    assert not of_kind(events, FundingPaid)
    assert (venue.position(ANN, PERP), wealth(venue, ANN)) == (10, 10**8)
    assert final(venue.wait_until(SECOND_ROLL)).price == 80_000


def test_the_committee_or_two_reference_rates_speak_for_an_index_that_is_away() -> None:
    venue = a_venue()
    bucket = venue.state.series[PERP].instrument.bucket_id
    grounds = "No venue has quoted all day."
    assert venue.tell(SetCommitteePrice(bucket_id=bucket, price=79_000, grounds=grounds)) == []
    events = venue.wait_until(FIRST)
    assert (final(events).rule, final(events).grounds, final(events).price) == (
        PriceRule.COMMITTEE,
        grounds,
        79_000,
    )
    events = venue.wait_until(SECOND_ROLL)
    assert (final(events).rule, final(events).price) == (PriceRule.LAST_SETTLEMENT, 79_000), (
        "of the roll before"
    )
    venue.wait_until(THIRD - MINUTE)
    for source, rate in (("bureau", AT_8M), ("agency", 810_000_000)):
        venue.tell(PublishReferenceRate(index_id=BTC_RUB, source=source, rate=rate))
    events = venue.wait_until(THIRD)
    assert (final(events).rule, final(events).grounds, final(events).price) == (
        PriceRule.REFERENCE_RATES,
        "",
        80_500,
    )
    (refused,) = venue.tell(PostponeSettlement(bucket_id=bucket))
    assert isinstance(refused, DirectiveRefused)


def test_a_roll_needs_neither_a_session_nor_trading() -> None:
    venue = a_venue(closes=FIRST - HOUR)
    for name in (ANN, BOB, CYD):
        venue.admit(name)
    venue.trade(ANN, BOB, 10, 80_000, PERP)
    two_sides(venue, 80_100)
    venue.tell(HaltInstrument(instrument_id=PERP))
    events = quote_to(venue, FIRST, AT_8M)
    assert rolled(events).open_interest == 10
    assert rolled(events).samples == 0, "a halted book is no premium"
    assert {e.cause for e in of_kind(events, OrderCanceled)} == {CancelCause.ROLL}
    assert venue.state.series[PERP].state is SeriesState.SUSPENDED


# --- orders ---------------------------------------------------------------------------------------------


def test_orders_end_at_the_roll_and_new_ones_are_priced_in_the_new_collar_at_once() -> None:
    venue = a_venue()
    for name in (ANN, BOB, CYD):
        venue.admit(name, 10**8)
    two_sides(venue, 80_100)
    venue.now = OPENS + MINUTE
    events = quote_to(venue, FIRST, AT_8M)
    canceled = of_kind(events, OrderCanceled)
    assert [(e.participant_id, e.cause) for e in canceled] == [(CYD, CancelCause.ROLL)] * 2
    assert (venue.free_cash(CYD), venue.held(CYD)) == (10**8, 0)
    quote_to(venue, SECOND_ROLL, 900_000_000)
    (refused,) = venue.place(BOB, SELL, 1, 71_999, instrument_id=PERP)
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.PRICE_OUTSIDE_COLLAR
    venue.trade(ANN, BOB, 1, 107_000, PERP)
    assert venue.locked(ANN) == (107_000 - 72_000) * 10


def test_an_order_of_the_very_instant_still_trades_in_the_old_claim() -> None:
    venue = a_venue()
    for name in (ANN, BOB):
        venue.admit(name)
    quote_to(venue, FIRST - SECOND, AT_8M)
    venue.now = FIRST
    venue.place(BOB, SELL, 2, 80_000, instrument_id=PERP)
    events = venue.place(ANN, BUY, 1, 80_000, instrument_id=PERP)
    assert of_kind(events, OrderFilled) and not of_kind(events, PerpetualRolled)
    events = venue.wait_until(FIRST)
    assert of_kind(events, OrderCanceled)[0].remaining == 1
    assert [e.quantity for e in of_kind(events, PositionRolled)] == [1, -1]


def test_the_price_band_is_that_of_a_future() -> None:
    venue = a_venue()
    venue.admit(ANN)
    quote_to(venue, OPENS + MINUTE, 1_700_000_000)
    (refused,) = venue.place(ANN, BUY, 1, 80_000, instrument_id=PERP)
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.PRICE_OUTSIDE_BAND


# --- one step -------------------------------------------------------------------------------------------


def test_the_books_are_right_at_every_event_of_a_roll() -> None:
    venue = a_venue()
    venue.admit(BOB, 10 * LOT + 10 * 160_000)
    for name in (ANN, CYD):
        venue.admit(name, 10**8)
    venue.trade(ANN, BOB, 10, 80_000, PERP)
    two_sides(venue, 80_100)
    venue.place(BOB, BUY, 1, 79_000, instrument_id=PERP)
    quote_to(venue, FIRST - SECOND, 870_000_000)
    state = venue.state
    state.now = FIRST
    told = []
    for event in roll_perpetual(RollPerpetual(instrument_id=PERP), state):
        assert audit(state) == [], event
        told.append(event)
    kinds = list(dict.fromkeys(type(event) for event in told))
    assert kinds.index(SettlementPriceFinal) < kinds.index(ClaimSettled) < kinds.index(BucketSettled)
    assert kinds.index(FundingPaid) < kinds.index(PerpetualRolled) < kinds.index(PositionRolled)
    assert audit(state) == []


# --- listing --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"roll": None}, "needs a roll"),
        ({"kind": ContractKind.CAPPED_FUTURE}, "only a rolling perpetual has a roll"),
        ({"roll": Roll(interval=HOUR - 1)}, "an hour or more"),
        ({"roll": Roll(band_bp=0)}, "between 0 and 10000"),
        ({"roll": Roll(band_bp=10_000)}, "between 0 and 10000"),
        ({"cap": 96_001}, "floor 64000 and cap 96000"),
        ({"floor": 0}, "floor 64000 and cap 96000"),
        ({"strike": 80_000}, "only an option has a strike"),
    ],
)
def test_terms_on_which_a_perpetual_cannot_roll(changes: dict[str, object], fault: str) -> None:
    sentence = fault_in(perpetual(**changes))
    assert sentence is not None and fault in sentence


def test_a_perpetual_is_listed_as_what_it_is_and_rolls_a_day_later_by_default() -> None:
    assert (Roll().interval, perpetual().product) == (DAY, Product.ROLLING_PERPETUAL)
    assert fault_in(perpetual()) is None
    venue = a_venue()
    (event,) = venue.tell(ListInstrument(instrument=perpetual()))
    assert isinstance(event, DirectiveRefused)
    another = perpetual(instrument_id="BTC_RUBD-PERPETUAL-2", roll=Roll(), expiry=OPENS + DAY)
    listed = of_kind(venue.tell(ListInstrument(instrument=another)), InstrumentListed)
    assert listed[0].instrument.kind.value == "perp_rolling"
    assert decode(encode(listed[0]), InstrumentListed) == listed[0]


def test_how_it_rolls_is_part_of_what_is_written() -> None:
    assert b'"roll":null' in encode(future())
    assert b'"roll":{"type":"Roll","interval":28800000000000,"band_bp":2000}' in encode(perpetual())


@pytest.mark.parametrize(
    ("price", "band", "collar"),
    [(80_000, 2_000, (64_000, 96_000)), (33_333, 1_000, (29_999, 36_667)), (1, 1, (0, 2))],
)
def test_a_collar_is_whole_ticks_rounded_outwards(price: int, band: int, collar: tuple[int, int]) -> None:
    assert collar_around(price, band) == collar
    terms = perpetual(roll=Roll(band_bp=band)).rolled(price)
    assert (terms.floor, terms.cap) == collar and fault_in(terms) is None


# --- the sums alone -------------------------------------------------------------------------------------


def test_funding_for_three_hours() -> None:
    """E16: 50,100 against 50,000 is 0.2%, less the first 0.025%; three eighths of 0.175% of 50,000."""
    terms = perpetual(tick=100, tick_value=1, roll=Roll(interval=3 * HOUR))
    premium = Premium()
    premium.observe(5_000_000, 100, 50_090, 50_110)
    assert premium.mean == Fraction(2, 1_000)
    assert rate_of(premium.mean) == Fraction(175, 100_000)
    assert funding_due(terms, premium.mean, 50_000) == Fraction(328_125, 10_000)


def test_a_premium_within_the_dampener_costs_nothing_on_either_side() -> None:
    for ppm, rate in ((250, 0), (-250, 0), (251, 1), (-251, -1), (0, 0)):
        assert rate_of(Fraction(ppm, 10**6)) == Fraction(rate, 10**6)


def test_a_premium_is_the_mean_of_its_samples_and_an_empty_side_counts_as_none() -> None:
    premium = Premium()
    assert premium.mean == 0
    for bid, ask in ((50_090, 50_110), (None, 50_110), (49_890, 49_910), (50_290, 50_310)):
        premium.observe(5_000_000, 100, bid, ask)
    assert premium.mean == (Fraction(2) + 0 - 2 + 6) / 4 / 1_000


def test_receivers_share_what_payers_had_to_the_last_unit() -> None:
    due = {ANN: -100, BOB: 50, CYD: 25, DAN: 25}
    assert collect(due, dict.fromkeys(due, 1_000)) == Funding(due, 0)
    lacking = collect(due, {ANN: 50, BOB: 0, CYD: 0, DAN: 0})
    assert lacking == Funding({ANN: -50, BOB: 25, CYD: 13, DAN: 12}, 0)
    assert collect({ANN: -52, BOB: -52, CYD: 102}, {ANN: 51, BOB: 52, CYD: 0}).residue == 1


def test_the_smallest_number_of_lots_is_closed_when_both_sides_lack_means() -> None:
    """Ann could lock 7 of 10, Bob 6 of 8, and Cyd her 2. Six, with Cyd eight, are short: the shorts give one."""
    terms = perpetual()
    means = {ANN: 7 * LOT, BOB: 7 * LOT - 1, CYD: 10**9}
    carried = carry(terms, {ANN: 10, BOB: -8, CYD: -2}, means)
    assert carried == {ANN: Carried(1, 7, 3, 0), BOB: Carried(-1, -5, 2, 1), CYD: Carried(-1, -2, 0, 0)}


def test_lots_are_taken_from_the_largest_remainder_first_then_by_name() -> None:
    terms = perpetual()
    rich = 10**9
    carried = carry(
        terms, {DAN: -10, ANN: 6, BOB: 3, CYD: 1}, {ANN: rich, BOB: rich, CYD: rich, DAN: 3 * LOT}
    )
    assert {who: part.lots for who, part in carried.items()} == {ANN: 2, BOB: 1, CYD: 0, DAN: -3}
    tied = carry(terms, {DAN: -4, CYD: 2, BOB: 2}, {BOB: rich, CYD: rich, DAN: 3 * LOT})
    assert {who: part.lots for who, part in tied.items()} == {BOB: 1, CYD: 2, DAN: -3}


def test_each_side_locks_its_own_distance_to_the_edge() -> None:
    terms = perpetual(roll=Roll(band_bp=1_000)).rolled(33_333)
    assert (lock_of(terms, 3), lock_of(terms, -3)) == (3 * 3_334 * 10, 3 * 3_334 * 10)
    assert (lock_of(terms, 3) + lock_of(terms, -3)) == 3 * (terms.cap - terms.floor) * 10
    assert lock_of(perpetual(), 1) == 16_000 * ROUBLE // 10
