"""The two largest longs fail in one gap: a fund for two bears it, a fund for one does not, full cover needs none."""

import pytest

from exchange.access.regime import Regime
from exchange.clearing.fund import FundTerms
from exchange.clearing.scenario_margin import ScenarioTerms
from exchange.clearing.waterfall import LAYERS, Layer, LossOrder, WaterfallTerms
from exchange.commands import DeclareDefault, SessionTerms
from exchange.events import (
    ClaimSettled,
    DefaultClosed,
    DefaultDeclared,
    Event,
    FundSized,
    LayerUsed,
    PositionTransferred,
)
from exchange.units import HOUR, MINUTE, Money
from matching.terms import ParticipantId
from tests.builders import (
    ANN,
    BOB,
    CYD,
    OPENS,
    ROUBLE,
    Venue,
    a_patient_index,
    a_regime,
    a_risk_regime,
    cleared_at,
    future,
    of_kind,
)

DAN = ParticipantId("dan")
REOPENS = OPENS + 2 * HOUR
SESSIONS = (
    SessionTerms(opens=OPENS, closes=OPENS + HOUR),
    SessionTerms(opens=REOPENS, closes=REOPENS + 8 * HOUR),
)
SERIES = future(expiry=REOPENS + 7 * HOUR)


def a_fund_for(largest: int) -> Regime:
    order = LossOrder.DEFAULT_FUND
    return a_risk_regime(
        variation=cleared_at(HOUR - MINUTE, 9 * HOUR),
        scenarios=ScenarioTerms(extreme_moves_bp=()),
        fund=FundTerms(cover=largest, stress_moves_bp=(-2_000, 2_000)),
        waterfall=WaterfallTerms(order=order, layers=LAYERS[order]),
    )


def a_venue(regime: Regime, of_ann: Money, of_bob: Money) -> Venue:
    """Ann is long 1,000 lots from 8.0m and Bob 600, with so much money; the members Cyd and Dan are short 800 each."""
    venue = Venue(SERIES, regime=regime, index=a_patient_index(), sessions=SESSIONS)
    venue.admit(ANN, of_ann)
    venue.admit(BOB, of_bob)
    for name in (CYD, DAN):
        venue.admit_member(name)
    venue.quote(800_000_000)
    venue.wait_until(OPENS + MINUTE)
    for buyer, seller, lots in ((ANN, CYD, 500), (ANN, DAN, 500), (BOB, CYD, 300), (BOB, DAN, 300)):
        venue.trade(buyer, seller, lots, 80_000)
    return venue


def close_and_gap(venue: Venue, to: int) -> list[Event]:
    """The fund is sized at the close; then the price is another, and three hours pass."""
    events = venue.wait_until(REOPENS + MINUTE)
    venue.quote(to * 10_000)
    return events + venue.wait_until(REOPENS + 3 * HOUR)


def drawn(events: list[Event]) -> dict[Layer, Money]:
    """All that the layers paid for both."""
    sums: dict[Layer, Money] = {}
    for event in of_kind(events, LayerUsed):
        sums[event.layer] = sums.get(event.layer, 0) + event.amount // ROUBLE
    return sums


JUST_MARGIN = (1_280_000 * ROUBLE, 768_000 * ROUBLE)  # 16%
# the clearing that ends Ann's default has collected 307,200.00 of Bob's margin already, above his maintenance margin
OWN = 2_048_000 - 307_200


@pytest.mark.parametrize(
    ("largest", "fund", "layers"),
    [
        (2, 576_000, {Layer.DEFAULTER_MARGIN: OWN, Layer.SURVIVORS_FUND: 512_000}),
        (
            1,
            320_000,
            {Layer.DEFAULTER_MARGIN: OWN, Layer.SURVIVORS_FUND: 320_000, Layer.ASSESSMENTS: 192_000},
        ),
    ],
)
def test_a_fund_for_two_bears_both_and_a_fund_for_one_must_call_for_more(
    largest: int, fund: Money, layers: dict[Layer, Money]
) -> None:
    """F2: in a fall of 20% Ann loses 320,000.00 more than her margin and Bob 192,000.00; a short would 256,000.00."""
    events = close_and_gap(a_venue(a_fund_for(largest), *JUST_MARGIN), 64_000)
    sized = of_kind(events, FundSized)[-1]
    assert (sized.cover_one // ROUBLE, sized.cover_two // ROUBLE) == (320_000, 576_000)
    assert (sized.fund // ROUBLE, sized.uncovered) == (fund, 0)
    assert [event.defaulter for event in of_kind(events, DefaultDeclared)] == [ANN, BOB]
    assert drawn(events) == layers
    assert [event.residual for event in of_kind(events, DefaultClosed)] == [0, 0]


def test_both_positions_are_torn_up_against_the_same_shorts() -> None:
    venue = a_venue(a_fund_for(2), *JUST_MARGIN)
    events = close_and_gap(venue, 64_000)
    lots = [(e.participant_id, e.lots) for e in of_kind(events, PositionTransferred) if e.lots > 0]
    assert lots == [(CYD, 500), (DAN, 500), (CYD, 300), (DAN, 300)]
    assert [venue.position(name) for name in (ANN, BOB, CYD, DAN)] == [0, 0, 0, 0]


def test_what_the_survivors_have_in_the_end_is_their_gain_less_what_the_layers_took() -> None:
    """Two times 1,280,000.00 of gains, less 512,000.00 that only they could pay."""
    venue = a_venue(a_fund_for(1), *JUST_MARGIN)
    close_and_gap(venue, 64_000)
    money = [venue.free_cash(name) + venue.locked(name) - 10**12 for name in (CYD, DAN)]
    assert money == [(1_280_000 - 256_000) * ROUBLE] * 2


def test_fully_covered_both_are_paid_out_of_what_they_paid_in() -> None:
    """F2: the draw is nothing, whichever the fall; the pool is empty to the kopeck."""
    venue = a_venue(a_regime(), 10**12, 10**12)
    for name in (ANN, BOB):
        venue.tell(DeclareDefault(participant_id=name, grounds="insolvent"))
    venue.wait_until(REOPENS + MINUTE)
    events = venue.quote_until(SERIES.expiry + MINUTE, 640_000_000)
    assert not of_kind(events, LayerUsed)
    gains = {e.participant_id: e.gain // ROUBLE for e in of_kind(events, ClaimSettled)}
    assert gains == {ANN: -1_600_000, BOB: -960_000, CYD: 1_280_000, DAN: 1_280_000}
    assert venue.pool(SERIES) == 0
