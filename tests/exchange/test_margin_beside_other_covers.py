"""One purse, several covers: what margined positions and orders need is not spent on coins, perpetuals or notes."""

from exchange.commands import WithdrawCash
from exchange.events import OrderAccepted, OrderFilled, OrderRejected
from exchange.instruments import Instrument
from exchange.reasons import RejectReason
from exchange.units import SECOND
from matching.terms import Price
from tests.builders import (
    ANN,
    BOB,
    BTCF,
    BUY,
    OPENS,
    ROUBLE,
    RUBD,
    SELL,
    Venue,
    a_risk_regime,
    future,
    of_kind,
    perpetual,
    spot,
    with_btc,
)

SPOT, PERP = spot(), perpetual()


def a_venue() -> Venue:
    """Ann has 10,000.00, of which an order for five futures needs 6,400.00 as margin: 16% of 40,000.00."""
    venue = Venue(future(), SPOT, PERP, regime=a_risk_regime(), assets=with_btc())
    venue.admit(ANN, 10_000 * ROUBLE)
    venue.admit(BOB)
    venue.quote(800_000_000)
    venue.wait_until(OPENS + 2 * SECOND)
    venue.rest(ANN, BUY, 5, 80_000)
    assert venue.standing(ANN).excess == 3_600 * ROUBLE
    assert venue.free_cash(ANN) == 10_000 * ROUBLE
    return venue


def refusal(venue: Venue, series: Instrument, price: Price) -> RejectReason | None:
    first = venue.place(ANN, BUY, 1, price, instrument_id=series.instrument_id)[0]
    if isinstance(first, OrderRejected):
        return first.reason
    assert isinstance(first, OrderAccepted)
    return None


def test_coins_are_bought_with_what_margin_does_not_need() -> None:
    venue = a_venue()
    assert refusal(venue, SPOT, 80_000) is RejectReason.INSUFFICIENT_CASH  # a lot costs 8,000.00
    venue.pay_in(ANN, 4_400 * ROUBLE)
    assert refusal(venue, SPOT, 80_000) is None


def test_what_is_held_for_coins_is_no_equity() -> None:
    """So a future's order cannot lean on money that the coins will take."""
    venue = a_venue()
    venue.pay_in(ANN, 4_400 * ROUBLE)
    assert refusal(venue, SPOT, 80_000) is None
    assert venue.standing(ANN).excess == 0
    assert refusal(venue, future(), 80_000) is RejectReason.INSUFFICIENT_MARGIN


def test_a_perpetual_is_covered_in_full_from_the_same_cash() -> None:
    """Its lot can lose 1,600.00 to the floor of its collar: two of them fit, a third does not."""
    venue = a_venue()
    found = [refusal(venue, PERP, 80_000) for _ in range(3)]
    assert found == [None, None, RejectReason.INSUFFICIENT_CASH]


def test_an_accepted_order_fills_although_the_cash_is_promised_elsewhere() -> None:
    venue = a_venue()
    assert refusal(venue, PERP, 80_000) is None
    filled = of_kind(venue.place(BOB, SELL, 5, 80_000, instrument_id=BTCF), OrderFilled)
    assert {fill.participant_id for fill in filled} == {ANN, BOB}
    standing = venue.standing(ANN)
    assert venue.state.ledger.posted(standing.collateral) == standing.initial == 6_400 * ROUBLE


def test_margin_does_not_leave_either() -> None:
    venue = a_venue()
    asked = WithdrawCash(participant_id=ANN, asset_id=RUBD, amount=3_600 * ROUBLE + 1)
    assert "needed_as_margin" in str(venue.tell(asked))
    assert "WithdrawalRequested" in str(
        venue.tell(WithdrawCash(participant_id=ANN, asset_id=RUBD, amount=3_600 * ROUBLE))
    )
