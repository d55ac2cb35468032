"""Under margin a class may be closed out at a level of its own, and what it loses beyond its deposit be forgiven."""

from exchange.access.regime import AccessClass, ApplicantKind, Caps, Criterion, Permission, Regime
from exchange.clearing.liquidation import MarginState
from exchange.clearing.scenario_margin import ScenarioTerms
from exchange.clearing.waterfall import LAYERS, Layer, LossOrder, WaterfallTerms
from exchange.commands import AdoptRegime, HouseLayer
from exchange.events import DefaultClosed, Event, LayerUsed, MarginStateChanged, ShortfallLeft
from exchange.instruments import Product
from exchange.messages import changed
from exchange.units import HOUR, MINUTE, Money
from matching.terms import ParticipantId
from tests.builders import (
    ANN,
    BOB,
    CYD,
    FIRM,
    OPENS,
    ROUBLE,
    Venue,
    a_patient_index,
    a_risk_regime,
    cleared_at,
    of_kind,
)

HOUSE = 1_000_000 * ROUBLE


def a_regime(retail: Caps) -> Regime:
    classes = (
        AccessClass(
            class_id="retail",
            title="Retail",
            any_of=(Criterion(kinds=(ApplicantKind.INDIVIDUAL,)),),
            permissions=dict.fromkeys(Product, Permission.ALLOWED),
            caps=retail,
        ),
        AccessClass(
            class_id="firm",
            title="Firm",
            any_of=(Criterion(),),
            permissions=dict.fromkeys(Product, Permission.ALLOWED),
        ),
    )
    order = LossOrder.DEFAULT_FUND
    margined = a_risk_regime(
        variation=cleared_at(4 * HOUR),
        scenarios=ScenarioTerms(extreme_moves_bp=()),
        waterfall=WaterfallTerms(order=order, layers=LAYERS[order], skin_in_the_game=HOUSE),
    )
    return changed(margined, classes=classes)


def after_a_fall(retail: Caps, to: int, *, long: ParticipantId = ANN) -> tuple[Venue, list[Event]]:
    """Ann, of the public, or Cyd, a firm, is long ten lots at 80,000 with 16,000 of its own, and the index falls."""
    venue = Venue(regime=a_regime(retail), index=a_patient_index())
    venue.fund_house(HouseLayer.SKIN_IN_THE_GAME, HOUSE)
    venue.admit(long, 16_000 * ROUBLE, None if long == ANN else FIRM)
    venue.admit(BOB, 10**11, FIRM)
    venue.quote(80_000 * 10_000)
    venue.wait_until(OPENS + MINUTE)
    venue.trade(long, BOB, 10, 80_000)
    events = venue.quote(to * 10_000)
    return venue, events + venue.wait_until(OPENS + 30 * MINUTE)


def closing(events: list[Event]) -> bool:
    return any(e.state is MarginState.LIQUIDATING for e in of_kind(events, MarginStateChanged))


def test_a_class_may_be_closed_out_later_than_the_clearing_says() -> None:
    """At 72,500 equity is 8,500 of 11,600 that are needed: less than three quarters, and more than a half."""
    assert closing(after_a_fall(Caps(), 72_500)[1])
    venue, events = after_a_fall(Caps(closeout_bp=5_000), 72_500)
    assert not closing(events) and venue.position(ANN) == 10
    assert closing(after_a_fall(Caps(closeout_bp=5_000), 68_000)[1])


def test_the_level_is_of_the_class_and_not_of_everybody() -> None:
    assert closing(after_a_fall(Caps(closeout_bp=5_000), 72_500, long=CYD)[1])


def test_another_level_holds_as_soon_as_the_regime_does() -> None:
    venue, _ = after_a_fall(Caps(closeout_bp=5_000), 72_500)
    venue.tell(AdoptRegime(regime=a_regime(Caps())))
    assert closing(venue.wait_until(venue.now + 2 * MINUTE))


def shortfall(retail: Caps) -> tuple[ShortfallLeft, dict[Layer, Money], Money]:
    venue, events = after_a_fall(retail, 60_000)
    events += venue.wait_until(OPENS + 3 * HOUR)
    (left,), (closed,) = of_kind(events, ShortfallLeft), of_kind(events, DefaultClosed)
    return left, {event.layer: event.amount for event in of_kind(events, LayerUsed)}, closed.loss


def test_the_house_bears_what_was_lost_beyond_the_deposit_and_it_is_told_whether_it_is_owed() -> None:
    """20,000 are lost, and 16,000 were there."""
    for protected in (True, False):
        left, layers, loss = shortfall(Caps(negative_balance_protection=protected))
        assert (left.participant_id, left.amount, left.protected) == (ANN, 4_000 * ROUBLE, protected)
        assert loss == left.amount
        assert layers == {
            Layer.DEFAULTER_MARGIN: 16_000 * ROUBLE,
            Layer.SKIN_IN_THE_GAME: 4_000 * ROUBLE,
        }


def test_whoever_covers_its_loss_leaves_no_shortfall() -> None:
    _, events = after_a_fall(Caps(negative_balance_protection=True), 68_000)
    assert of_kind(events, ShortfallLeft) == []
