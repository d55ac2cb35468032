"""The largest participant is insolvent: under full cover nobody notices, under margin its loss climbs the layers."""

from exchange.access.regime import Regime
from exchange.clearing.fund import FundTerms
from exchange.clearing.scenario_margin import ScenarioTerms
from exchange.clearing.waterfall import LAYERS, Layer, LossOrder, WaterfallTerms
from exchange.commands import DeclareDefault, HouseLayer
from exchange.events import (
    CancelCause,
    ClaimSettled,
    DefaultClosed,
    DefaultDeclared,
    Event,
    LayerUsed,
    LossBorne,
    OrderCanceled,
    OrderRejected,
    PositionTransferred,
    TradeReported,
)
from exchange.reasons import RejectReason
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
    SELL,
    Venue,
    a_patient_index,
    a_regime,
    a_risk_regime,
    cleared_at,
    future,
    of_kind,
)

DAN = ParticipantId("dan")
OWN_MONEY = 1_300_000 * ROUBLE  # of which 1,280,000.00 are margin


def under_margin() -> Regime:
    order = LossOrder.DEFAULT_FUND
    return a_risk_regime(
        variation=cleared_at(HOUR * 13 // 2),
        scenarios=ScenarioTerms(extreme_moves_bp=()),
        fund=FundTerms(minimum=100_000 * ROUBLE),
        waterfall=WaterfallTerms(order=order, layers=LAYERS[order], skin_in_the_game=50_000 * ROUBLE),
    )


def a_venue(regime: Regime, of_ann: Money = 10**12) -> Venue:
    """Ann is long 1,000 lots from 8.0m against Bob (600) and Cyd (400), all members; Dan has no position."""
    venue = Venue(regime=regime, index=a_patient_index())
    venue.admit_member(ANN, of_ann)
    for name in (BOB, CYD):
        venue.admit_member(name)
    venue.admit(DAN)
    venue.fund_house(HouseLayer.SKIN_IN_THE_GAME, 50_000 * ROUBLE)
    venue.quote(800_000_000)
    venue.wait_until(OPENS + MINUTE)
    venue.trade(ANN, BOB, 600, 80_000)
    venue.trade(ANN, CYD, 400, 80_000)
    venue.rest(ANN, SELL, 10, 81_000)
    return venue


def declare(venue: Venue, name: ParticipantId = ANN) -> list[Event]:
    return venue.tell(DeclareDefault(participant_id=name, grounds="a court opened its insolvency"))


def layers(events: list[Event]) -> list[tuple[Layer, Money]]:
    return [(event.layer, event.amount // ROUBLE) for event in of_kind(events, LayerUsed)]


def test_fully_covered_its_positions_run_to_their_expiry_and_nobody_pays_for_it() -> None:
    """F1: a fall of 20% takes 1,600,000.00 from what it paid in itself; no layer of any waterfall is drawn."""
    venue = a_venue(a_regime())
    events = declare(venue)
    assert [event.cause for event in of_kind(events, OrderCanceled)] == [CancelCause.PARTICIPANT_RESTRICTED]
    (refused,) = venue.place(ANN, SELL, 1, 80_000)
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.PARTICIPANT_DEFAULTED
    events += venue.quote_until(EXPIRY + MINUTE, 640_000_000)
    assert not of_kind(events, LayerUsed) and not of_kind(events, LossBorne)
    assert {e.participant_id: e.gain // ROUBLE for e in of_kind(events, ClaimSettled)} == {
        ANN: -1_600_000, BOB: 960_000, CYD: 640_000
    }  # fmt: skip
    assert venue.pool(future()) == 0
    assert venue.free_cash(ANN) == 10**12 - 1_600_000 * ROUBLE


def test_under_margin_the_same_loss_takes_its_money_then_the_house_s_then_the_others() -> None:
    """F1: 1,600,000.00 against 1,300,000.00 of margin: layer by layer, and together they are all."""
    venue = a_venue(under_margin(), of_ann=OWN_MONEY + 100_000 * ROUBLE)
    events = declare(venue)
    venue.quote(640_000_000)
    events += venue.wait_until(OPENS + 3 * HOUR)
    assert layers(events) == [
        (Layer.DEFAULTER_MARGIN, 1_300_000),
        (Layer.DEFAULTER_FUND_SHARE, 100_000),
        (Layer.SKIN_IN_THE_GAME, 50_000),
        (Layer.SURVIVORS_FUND, 150_000),
    ]
    borne = {event.participant_id: event.amount // ROUBLE for event in of_kind(events, LossBorne)}
    assert borne == {BOB: 75_000, CYD: 75_000}
    (closed,) = of_kind(events, DefaultClosed)
    assert (closed.loss // ROUBLE, closed.residual) == (300_000, 0)
    assert venue.free_cash(ANN) + venue.locked(ANN) == 0


def test_under_margin_nobody_without_a_position_or_a_share_pays_anything() -> None:
    venue = a_venue(under_margin(), of_ann=OWN_MONEY + 100_000 * ROUBLE)
    declare(venue)
    venue.quote(400_000_000)
    venue.wait_until(OPENS + 3 * HOUR)
    assert venue.free_cash(DAN) == 10**12


def test_under_margin_all_others_together_lose_what_the_layers_took_and_gain_what_it_owed() -> None:
    """Bob and Cyd have their gains, less their part of the fund."""
    venue = a_venue(under_margin(), of_ann=OWN_MONEY + 100_000 * ROUBLE)
    declare(venue)
    venue.quote(640_000_000)
    venue.wait_until(OPENS + 3 * HOUR)
    money = {name: venue.free_cash(name) + venue.locked(name) - 10**12 for name in (BOB, CYD)}
    assert money == {BOB: (960_000 - 75_000) * ROUBLE, CYD: (640_000 - 75_000) * ROUBLE}


def test_a_buyer_on_the_book_ends_it_within_its_own_margin() -> None:
    """Declared at 8.0m, it is sold at 7.9m, of which 100,000.00 are lost: no layer but its own is touched."""
    venue = a_venue(under_margin(), of_ann=OWN_MONEY + 100_000 * ROUBLE)
    venue.rest(DAN, BUY, 1_000, 79_000)
    events = declare(venue) + venue.wait_until(OPENS + MINUTE + 1)
    assert [(event.quantity, event.price) for event in of_kind(events, TradeReported)] == [(1_000, 79_000)]
    assert not of_kind(events, PositionTransferred)
    assert layers(events) == [(Layer.DEFAULTER_MARGIN, 100_000)]
    assert [(e.loss, e.residual) for e in of_kind(events, DefaultClosed)] == [(0, 0)]
    assert (venue.free_cash(ANN), venue.locked(ANN)) == (1_300_000 * ROUBLE, 0)  # with its share of the fund
    assert [event.defaulter for event in of_kind(events, DefaultDeclared)] == [ANN]
