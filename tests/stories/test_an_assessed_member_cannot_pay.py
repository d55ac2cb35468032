"""A default is shared, and one of those who share it has nothing left: the second default finds the layers empty."""

from exchange.clearing import accounts
from exchange.clearing.fund import FundTerms
from exchange.clearing.scenario_margin import ScenarioTerms
from exchange.clearing.waterfall import LAYERS, Layer, LossOrder, WaterfallTerms
from exchange.commands import DefaultReason, HouseLayer
from exchange.events import (
    DefaultClosed,
    DefaultDeclared,
    Event,
    LayerUsed,
    LossBorne,
    MarginCalled,
    VariationLate,
)
from exchange.units import HOUR, MINUTE, Money
from matching.terms import ParticipantId
from tests.builders import (
    ANN,
    BOB,
    CYD,
    OPENS,
    ROUBLE,
    RUBD,
    Venue,
    a_patient_index,
    a_risk_regime,
    cleared_at,
    of_kind,
)

DAN = ParticipantId("dan")
SHARE = 100_000 * ROUBLE  # of each member in the fund


def a_venue(equity: Money) -> Venue:
    """Ann is long 1,000 lots from 8.0m with 1,300,000.00, against Dan; Bob and Cyd are members and hold nothing, and
    Bob's share of the fund is all that he has. The house has so much to lose at the very end."""
    order = LossOrder.DEFAULT_FUND
    regime = a_risk_regime(
        variation=cleared_at(7 * HOUR),
        scenarios=ScenarioTerms(extreme_moves_bp=()),
        fund=FundTerms(minimum=SHARE),
        waterfall=WaterfallTerms(order=order, layers=LAYERS[order], equity=equity),
    )
    venue = Venue(regime=regime, index=a_patient_index())
    venue.admit_member(ANN, 1_300_000 * ROUBLE + SHARE)
    venue.admit_member(BOB, SHARE)
    venue.admit_member(CYD, 10**9)
    venue.admit(DAN, 10**9)
    if equity:
        venue.fund_house(HouseLayer.EQUITY, equity)
    venue.quote(800_000_000)
    venue.wait_until(OPENS + MINUTE)
    venue.trade(ANN, DAN, 1_000, 80_000)
    return venue


def gap(venue: Venue) -> list[Event]:
    """-30% take 2,400,000.00, of which 800,000.00 are beyond Ann's money and all that lies in the fund."""
    venue.quote(560_000_000)
    return venue.wait_until(OPENS + 4 * HOUR)


def layers(events: list[Event], defaulter: ParticipantId) -> dict[Layer, Money]:
    return {e.layer: e.amount // ROUBLE for e in of_kind(events, LayerUsed) if e.defaulter == defaulter}


FIRST = {
    Layer.DEFAULTER_MARGIN: 1_300_000,
    Layer.DEFAULTER_FUND_SHARE: 100_000,
    Layer.SURVIVORS_FUND: 200_000,
    Layer.ASSESSMENTS: 400_000,
    Layer.GAINS_HAIRCUT: 400_000,
}


def test_it_is_called_for_what_it_was_assessed_and_worth_less_than_nothing_it_is_the_next_to_default() -> (
    None
):
    events = gap(a_venue(equity=0))
    assert layers(events, ANN) == FIRST
    late = of_kind(events, VariationLate)[0]
    assert (late.participant_id, late.amount) == (BOB, 2 * SHARE)
    assert [e.amount for e in of_kind(events, MarginCalled) if e.participant_id == BOB] == [2 * SHARE]
    declared = [(e.defaulter, e.reason) for e in of_kind(events, DefaultDeclared)]
    assert declared == [
        (ANN, DefaultReason.WORTH_LESS_THAN_NOTHING),
        (BOB, DefaultReason.WORTH_LESS_THAN_NOTHING),
    ]


def test_the_cap_of_assessments_holds_over_both_and_what_nobody_pays_stays_owed() -> None:
    """Cyd was assessed twice its share already, and nobody has gained since: 200,000.00 are the house's wind-down."""
    venue = a_venue(equity=0)
    events = gap(venue)
    assert layers(events, BOB) == {}
    assert [(e.defaulter, e.residual // ROUBLE) for e in of_kind(events, DefaultClosed)] == [
        (ANN, 0),
        (BOB, 200_000),
    ]
    assert [e.amount for e in of_kind(events, LossBorne) if e.participant_id == CYD] == [SHARE, 2 * SHARE]
    ledger = venue.state.ledger
    assert ledger.posted(accounts.obligation(DAN, RUBD)) == 2 * SHARE
    assert ledger.posted(accounts.obligation(BOB, RUBD)) == -2 * SHARE


def test_the_house_s_equity_stands_at_the_very_end() -> None:
    venue = a_venue(equity=5 * SHARE)
    events = gap(venue)
    assert layers(events, ANN) == FIRST
    assert layers(events, BOB) == {Layer.EQUITY: 200_000}
    assert [e.residual for e in of_kind(events, DefaultClosed)] == [0, 0]
    assert venue.state.ledger.posted(accounts.obligation(DAN, RUBD)) == 0
