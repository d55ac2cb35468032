"""F21 with both kinds of segregation: a member fails, and what a client loses beyond its own money reaches its fellow
clients where their collateral is one pool, and nobody but the house and the fund where it is not."""

import pytest

from exchange.access.regime import Regime
from exchange.clearing.scenario_margin import ScenarioTerms
from exchange.clearing.waterfall import LAYERS, Layer, LossOrder, WaterfallTerms
from exchange.commands import ChooseMember, DeclareDefault, HouseLayer, OfferToPort, Segregation
from exchange.events import (
    ClearingRequestRejected,
    DefaultClosed,
    DefaultDeclared,
    Event,
    LayerUsed,
    LossBorne,
    MemberChosen,
    OrderAccepted,
    OrderRejected,
    PoolLossBorne,
)
from exchange.reasons import ClearingRefusal, RejectReason
from exchange.units import HOUR, MINUTE, Money
from matching.terms import ParticipantId
from tests.builders import (
    ANN,
    BOB,
    BUY,
    CYD,
    EXPIRY,
    OPENS,
    ROUBLE,
    RUBD,
    SELL,
    Venue,
    a_patient_index,
    a_regime,
    a_risk_regime,
    cleared_at,
    of_kind,
)

DAN, EVE, FAY = ParticipantId("dan"), ParticipantId("eve"), ParticipantId("fay")
PLENTY = 10**10
APART, POOLED = Segregation.INDIVIDUAL, Segregation.OMNIBUS
SKIN = 100_000 * ROUBLE


def under_margin(order: LossOrder = LossOrder.DEFAULT_FUND) -> Regime:
    return a_risk_regime(
        variation=cleared_at(6 * HOUR),
        scenarios=ScenarioTerms(extreme_moves_bp=()),
        waterfall=WaterfallTerms(order=order, layers=LAYERS[order], skin_in_the_game=SKIN),
    )


def a_venue(
    segregation: Segregation,
    regime: Regime | None = None,
    of_dan: Money = PLENTY,
    of_ann: Money = PLENTY,
    of_fay: Money = PLENTY,
    lots_of_ann: int = 0,
) -> Venue:
    """Dan, long 5 lots from 8.0m, Eve, long 10, and Fay, long 30, clear through Ann; Cyd is short. Bob is the other
    member."""
    venue = Venue(regime=regime or under_margin(), index=a_patient_index())
    venue.admit_member(ANN, of_ann, segregation)
    venue.admit_member(BOB, PLENTY)
    for name, cash in ((CYD, PLENTY), (DAN, of_dan), (EVE, PLENTY), (FAY, of_fay)):
        venue.admit(name, cash)
    for client in (DAN, EVE, FAY):
        venue.choose(client, ANN)
    if venue.state.covers.margin is not None:
        venue.fund_house(HouseLayer.SKIN_IN_THE_GAME, SKIN)
    venue.quote(800_000_000)
    venue.wait_until(OPENS + MINUTE)
    for name, lots in ((ANN, lots_of_ann), (DAN, 5), (EVE, 10), (FAY, 30)):
        if lots:
            venue.trade(name, CYD, lots, 80_000)
    return venue


def fail(venue: Venue, who: ParticipantId = ANN) -> list[Event]:
    return venue.tell(DeclareDefault(participant_id=who, grounds="insolvent")) + venue.wait_until(venue.now)


def fall(venue: Venue, until: int) -> list[Event]:
    """The price falls by 20%: Dan, who has 6,400.00, loses 8,000.00."""
    venue.quote(640_000_000)
    return venue.wait_until(until)


def paid_by_layers(events: list[Event], defaulter: ParticipantId) -> dict[Layer, Money]:
    return {e.layer: e.amount // ROUBLE for e in of_kind(events, LayerUsed) if e.defaulter == defaulter}


def given(events: list[Event]) -> dict[ParticipantId, Money]:
    return {e.participant_id: e.amount // ROUBLE for e in of_kind(events, PoolLossBorne)}


def lost(venue: Venue) -> dict[ParticipantId, Money]:
    return {who: (PLENTY - venue.free_cash(who) - venue.locked(who)) // ROUBLE for who in (EVE, FAY)}


# --- losses ---------------------------------------------------------------------------------------------


def test_in_a_pool_the_loss_of_a_client_whose_member_has_failed_reaches_the_fellow_clients_first() -> None:
    """1,600.00 are missing; Eve and Fay give 400.00 and 1,200.00, by their collateral, and the house nothing."""
    venue = a_venue(POOLED, of_dan=6_400 * ROUBLE)
    fail(venue)
    events = fall(venue, OPENS + 3 * HOUR)
    assert of_kind(events, PoolLossBorne) == [
        PoolLossBorne(participant_id=EVE, asset_id=RUBD, defaulter=DAN, amount=400 * ROUBLE),
        PoolLossBorne(participant_id=FAY, asset_id=RUBD, defaulter=DAN, amount=1_200 * ROUBLE),
    ]
    assert paid_by_layers(events, DAN) == {Layer.DEFAULTER_MARGIN: 8_000}
    assert of_kind(events, DefaultClosed) == [DefaultClosed(defaulter=DAN, loss=1_600 * ROUBLE, residual=0)]
    assert lost(venue) == {EVE: 16_000 + 400, FAY: 48_000 + 1_200}


def test_apart_it_reaches_the_house_and_no_fellow_client() -> None:
    venue = a_venue(APART, of_dan=6_400 * ROUBLE)
    fail(venue)
    events = fall(venue, OPENS + 3 * HOUR)
    assert given(events) == {}
    assert paid_by_layers(events, DAN) == {Layer.DEFAULTER_MARGIN: 6_400, Layer.SKIN_IN_THE_GAME: 1_600}
    assert lost(venue) == {EVE: 16_000, FAY: 48_000}


@pytest.mark.parametrize(
    ("segregation", "fellows", "layers"),
    [
        (POOLED, {EVE: 150, FAY: 450}, {Layer.DEFAULTER_MARGIN: 600}),
        (APART, {}, {Layer.SKIN_IN_THE_GAME: 600}),
    ],
)
def test_a_member_that_fails_over_its_clients_loss_leaves_the_rest_to(
    segregation: Segregation, fellows: dict[ParticipantId, Money], layers: dict[Layer, Money]
) -> None:
    """Ann owes Dan's 1,600.00 and has 1,000.00."""
    venue = a_venue(segregation, of_dan=6_400 * ROUBLE, of_ann=1_000 * ROUBLE)
    events = fall(venue, OPENS + 4 * HOUR)
    assert [e.defaulter for e in of_kind(events, DefaultDeclared)] == [DAN, ANN]
    assert [e for e in of_kind(events, LossBorne) if e.participant_id != ANN] == []
    assert given(events) == fellows
    assert paid_by_layers(events, ANN) == layers


def test_a_member_that_lives_pays_alone() -> None:
    venue = a_venue(POOLED, of_dan=6_400 * ROUBLE)
    events = fall(venue, OPENS + 3 * HOUR)
    assert [(e.participant_id, e.amount) for e in of_kind(events, LossBorne)] == [(ANN, 1_600 * ROUBLE)]
    assert given(events) == {}


def test_what_the_member_itself_loses_reaches_no_client() -> None:
    """Ann holds 5 lots of its own with 6,400.00: its 1,600.00 are the house's."""
    venue = a_venue(POOLED, of_ann=6_400 * ROUBLE, lots_of_ann=5)
    events = fall(venue, OPENS + 3 * HOUR)
    assert given(events) == {}
    assert paid_by_layers(events, ANN) == {Layer.DEFAULTER_MARGIN: 6_400, Layer.SKIN_IN_THE_GAME: 1_600}


def test_no_client_gives_more_than_it_has_in_the_pool() -> None:
    """At -60% Fay's 30 lots lose 144,000.00, of which it has 38,400.00. In the pool Dan and Eve have 5,312.00 for each
    of their 15 lots, of margin and of what these have lost, and the house pays what is left."""
    venue = a_venue(POOLED, of_fay=38_400 * ROUBLE)
    fail(venue)
    venue.quote(320_000_000)
    events = venue.wait_until(OPENS + 3 * HOUR)
    assert given(events) == {DAN: 26_560, EVE: 53_120}
    assert paid_by_layers(events, FAY) == {
        Layer.DEFAULTER_MARGIN: 38_400 + 79_680,
        Layer.SKIN_IN_THE_GAME: 105_600 - 79_680,
    }


def test_the_crypto_order_knows_no_pool() -> None:
    venue = a_venue(POOLED, under_margin(LossOrder.CRYPTO), of_dan=6_400 * ROUBLE)
    fail(venue)
    assert given(fall(venue, OPENS + 3 * HOUR)) == {}


# --- porting --------------------------------------------------------------------------------------------


def chosen(events: list[Event]) -> dict[ParticipantId, ParticipantId | None]:
    return {e.participant_id: e.member_id for e in of_kind(events, MemberChosen)}


def offer(venue: Venue, roubles: int) -> list[Event]:
    return venue.tell(OfferToPort(participant_id=BOB, most_margin=roubles * ROUBLE))


@pytest.mark.parametrize(
    ("segregation", "taken"),
    [(APART, {DAN: BOB, EVE: BOB, FAY: None}), (POOLED, {DAN: None, EVE: None, FAY: None})],
)
def test_a_pool_goes_as_a_whole_or_not_at_all(
    segregation: Segregation, taken: dict[ParticipantId, ParticipantId | None]
) -> None:
    """Dan, Eve and Fay need 6,400.00, 12,800.00 and 38,400.00; Bob offers 20,000.00."""
    venue = a_venue(segregation)
    offer(venue, 20_000)
    assert chosen(fail(venue)) == taken


def test_an_offer_that_is_large_enough_takes_the_whole_pool() -> None:
    """Bob keeps clients apart, and from there on so are these."""
    venue = a_venue(POOLED)
    offer(venue, 57_600)
    events = fail(venue)
    assert chosen(events) == {DAN: BOB, EVE: BOB, FAY: BOB}
    assert {venue.state.seats[who].pool for who in (DAN, EVE, FAY)} == {None}
    assert of_kind(venue.place(DAN, BUY, 1, 79_000), OrderAccepted)


def test_an_offer_may_come_later_and_takes_the_pool_at_once() -> None:
    venue = a_venue(POOLED)
    fail(venue)
    assert chosen(offer(venue, 57_599)) == {}
    assert chosen(offer(venue, 57_600)) == {DAN: BOB, EVE: BOB, FAY: BOB}
    assert venue.state.seats[BOB].porting_offer == 0


def test_a_client_cannot_leave_the_pool_of_a_failed_member_before_it_has_closed() -> None:
    venue = a_venue(POOLED)
    fail(venue)
    (refused,) = venue.tell(ChooseMember(participant_id=EVE, member_id=BOB))
    assert isinstance(refused, ClearingRequestRejected) and refused.reason is ClearingRefusal.TIED_TO_POOL
    (order,) = venue.place(EVE, BUY, 1, 79_000)
    assert isinstance(order, OrderRejected) and order.reason is RejectReason.REDUCE_ONLY
    venue.place(CYD, BUY, 10, 80_000)
    venue.place(EVE, SELL, 10, 80_000)
    venue.quote(800_000_000)
    venue.wait_until(OPENS + 7 * HOUR - MINUTE)  # a clearing has paid, and nothing of it lies in the pool
    assert chosen(venue.choose(EVE, BOB)) == {EVE: BOB}


def test_a_pool_in_which_a_client_is_in_default_is_not_taken_over() -> None:
    venue = a_venue(POOLED)
    offer(venue, 100_000)
    fail(venue, DAN)
    assert chosen(fail(venue)) == {DAN: None, EVE: None, FAY: None}


def test_nobody_takes_over_a_client_in_default_where_clients_are_apart() -> None:
    venue = a_venue(APART)
    offer(venue, 100_000)
    fail(venue, DAN)
    assert chosen(fail(venue)) == {DAN: None, EVE: BOB, FAY: BOB}


# --- under full cover -----------------------------------------------------------------------------------


@pytest.mark.parametrize("segregation", [APART, POOLED])
def test_under_full_cover_segregation_changes_no_payment(segregation: Segregation) -> None:
    """All that each could lose is there, so nobody's loss can reach anybody; only who may leave alone differs."""
    venue = a_venue(segregation, a_regime())
    fail(venue)
    events = venue.tell(ChooseMember(participant_id=EVE, member_id=BOB))
    assert bool(of_kind(events, ClearingRequestRejected)) == (segregation is POOLED)
    events = venue.quote_until(EXPIRY + MINUTE, 640_000_000)
    assert given(events) == {} and not of_kind(events, LayerUsed)
    has = {who: (venue.free_cash(who) - PLENTY) // ROUBLE for who in (DAN, EVE, FAY)}
    assert has == {DAN: -8_000, EVE: -16_000, FAY: -48_000}
