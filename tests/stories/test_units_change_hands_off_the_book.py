"""Units that are delivered by settlement keep their cost, and bear a loss of their asset, like any others."""

import pytest

from exchange.access.regime import AccessClass, Applicant, ApplicantKind, Criterion, Permission, Regime
from exchange.commands import (
    AdoptRegime,
    DebitUnits,
    InstructSettlement,
    ReportReorganisation,
    RunSettlementCycle,
    SettlementModel,
)
from exchange.events import InstructionRefused, UnitsLossShared
from exchange.instruments import Product
from exchange.reasons import SettlementRefusal
from exchange.units import Money
from matching.terms import ParticipantId
from tests.builders import (
    ANN,
    BLOCK,
    BOB,
    BOTH_MODES,
    BTC,
    BTC_SPOT,
    CYD,
    OPENS,
    ROUBLE,
    RUBD,
    SATOSHI_LOT,
    Venue,
    a_regime,
    of_kind,
    spot,
    with_btc,
)

LOT = SATOSHI_LOT
MODELS = pytest.mark.parametrize(
    "model", [SettlementModel.DVP_1, SettlementModel.DVP_2, SettlementModel.DVP_3]
)


def a_venue(regime: Regime) -> Venue:
    """Bob has brought ten lots from outside; the others have cash alone."""
    venue = Venue(spot(), assets=with_btc(), regime=regime)
    for name in (ANN, BOB, CYD):
        venue.admit(name, 1_000_000 * ROUBLE)
    venue.bring(BOB, 10 * LOT, "of bob")
    venue.wait_until(max(venue.now, OPENS) + 3 * BLOCK)
    return venue


def instruct(venue: Venue, seller: ParticipantId, buyer: ParticipantId, units: int, payment: Money) -> None:
    """Both sides say the same."""
    now = venue.now
    for who, other, delivers in ((seller, buyer, True), (buyer, seller, False)):
        venue.tell(
            InstructSettlement(
                participant_id=who, counterparty_id=other, delivers=delivers, asset_id=BTC, amount=units,
                payment_asset_id=RUBD, payment=payment, intended=now,
            )
        )  # fmt: skip


def deliver(
    venue: Venue, model: SettlementModel, *deals: tuple[ParticipantId, ParticipantId, int, Money]
) -> None:
    for deal in deals:
        instruct(venue, *deal)
    venue.tell(RunSettlementCycle(model=model))


@BOTH_MODES
@MODELS
def test_what_is_paid_for_them_is_what_they_cost_and_goes_with_them(
    regime: Regime, model: SettlementModel
) -> None:
    """Ann buys four lots for 32,000 roubles on the book and two for 10,000 off it, and delivers three."""
    venue = a_venue(regime)
    venue.trade(ANN, BOB, 4, 80_000, BTC_SPOT)
    deliver(venue, model, (BOB, ANN, 2 * LOT, 10_000 * ROUBLE))
    assert venue.at_risk(ANN) == 42_000 * ROUBLE
    deliver(venue, model, (ANN, CYD, 3 * LOT, 30_000 * ROUBLE))
    assert (venue.at_risk(ANN), venue.at_risk(CYD)) == (21_000 * ROUBLE, 30_000 * ROUBLE)
    deliver(venue, model, (ANN, CYD, 3 * LOT, 30_000 * ROUBLE))
    assert (venue.at_risk(ANN), venue.units(ANN)) == (0, 0)


@BOTH_MODES
def test_what_only_passes_through_somebodys_hands_in_one_cycle_leaves_no_cost(regime: Regime) -> None:
    """Ann has no unit, and delivers in net what she is delivered in the same cycle."""
    venue = a_venue(regime)
    deals = ((BOB, ANN, 5 * LOT, 50_000 * ROUBLE), (ANN, CYD, 5 * LOT, 45_000 * ROUBLE))
    deliver(venue, SettlementModel.DVP_3, *deals)
    assert (venue.units(ANN), venue.units(CYD)) == (0, 5 * LOT)
    assert (venue.at_risk(ANN), venue.at_risk(CYD)) == (0, 45_000 * ROUBLE)


@BOTH_MODES
@MODELS
def test_who_was_delivered_them_bears_the_loss_when_the_chain_forgets_the_deposit(
    regime: Regime, model: SettlementModel
) -> None:
    venue = a_venue(regime)
    deliver(venue, model, (BOB, CYD, 10 * LOT, 80_000 * ROUBLE))
    events = venue.tell(ReportReorganisation(asset_id=BTC, transaction="of bob"))
    assert of_kind(events, UnitsLossShared) == [
        UnitsLossShared(participant_id=CYD, asset_id=BTC, amount=10 * LOT)
    ]
    assert (venue.units(CYD), venue.at_risk(CYD)) == (0, 0)


@BOTH_MODES
def test_units_that_leave_the_register_take_their_cost_along(regime: Regime) -> None:
    venue = a_venue(regime)
    venue.trade(ANN, BOB, 4, 80_000, BTC_SPOT)
    venue.tell(DebitUnits(participant_id=ANN, asset_id=BTC, amount=LOT))
    assert venue.at_risk(ANN) == 24_000 * ROUBLE


@BOTH_MODES
def test_under_model_2_the_cost_moves_with_the_units_before_the_cash_is_paid_out(regime: Regime) -> None:
    venue = a_venue(regime)
    venue.trade(ANN, BOB, 4, 80_000, BTC_SPOT)
    instruct(venue, ANN, CYD, 4 * LOT, 40_000 * ROUBLE)
    venue.tell(RunSettlementCycle(model=SettlementModel.DVP_2, lasts=BLOCK))
    assert (venue.at_risk(ANN), venue.at_risk(CYD)) == (0, 40_000 * ROUBLE)
    venue.wait_until(venue.now + 2 * BLOCK)
    assert (venue.at_risk(ANN), venue.at_risk(CYD)) == (0, 40_000 * ROUBLE)


def under(word: Permission, **changes: object) -> Regime:
    """A regime in which one class has that word of spot, whether it has passed the test or not."""
    everyone = AccessClass(
        class_id="everyone",
        title="Everyone",
        any_of=(Criterion(),),
        permissions={Product.FUTURE: Permission.ALLOWED, Product.SPOT: word},
    )
    return a_regime(classes=(everyone,), **changes)


@pytest.mark.parametrize(
    ("regime", "receives", "delivers"),
    [
        (under(Permission.ALLOWED), None, None),
        (under(Permission.REDUCE_ONLY), SettlementRefusal.REDUCE_ONLY, None),
        (under(Permission.AFTER_TEST), SettlementRefusal.KNOWLEDGE_TEST_REQUIRED, None),
        (
            under(Permission.DENIED),
            SettlementRefusal.PRODUCT_NOT_PERMITTED,
            SettlementRefusal.PRODUCT_NOT_PERMITTED,
        ),
        (
            under(Permission.ALLOWED, test_environment=False),
            SettlementRefusal.SPOT_OUTSIDE_TEST_ENVIRONMENT,
            SettlementRefusal.SPOT_OUTSIDE_TEST_ENVIRONMENT,
        ),
    ],
    ids=["allowed", "reduce only", "after the test", "denied", "no test environment"],
)
def test_off_the_book_nobody_deals_in_what_the_regime_does_not_let_it_buy_or_sell(
    regime: Regime, receives: SettlementRefusal | None, delivers: SettlementRefusal | None
) -> None:
    """Both came under a regime without such words; then this one is adopted. Money alone may still be paid."""
    venue = Venue(assets=with_btc())
    for name in (ANN, BOB):
        venue.admit(name, 1_000_000 * ROUBLE, Applicant(kind=ApplicantKind.INDIVIDUAL))
    venue.bring(BOB, 10 * LOT, "of bob")
    venue.wait_until(max(venue.now, OPENS) + 3 * BLOCK)
    venue.tell(AdoptRegime(regime=regime))

    def said(who: ParticipantId, other: ParticipantId, *, hands_over: bool, **deal: object) -> object:
        terms = {"asset_id": BTC, "amount": LOT, "payment_asset_id": RUBD, "payment": 8_000 * ROUBLE} | deal
        told = venue.tell(
            InstructSettlement(
                participant_id=who, counterparty_id=other, delivers=hands_over, intended=venue.now, **terms
            )  # type: ignore[arg-type]
        )
        reasons = [event.reason for event in told if isinstance(event, InstructionRefused)]
        return reasons[0] if reasons else None

    assert said(ANN, BOB, hands_over=False) is receives
    assert said(BOB, ANN, hands_over=True) is delivers
    money = {"asset_id": RUBD, "amount": 5 * ROUBLE, "payment_asset_id": None, "payment": 0}
    assert said(ANN, BOB, hands_over=True, **money) is None


def test_whoever_the_regime_no_longer_admits_may_deliver_what_it_has_and_receive_nothing() -> None:
    venue = a_venue(a_regime())
    companies = AccessClass(
        class_id="companies",
        title="Companies",
        any_of=(Criterion(kinds=(ApplicantKind.INSTITUTION,)),),
        permissions=dict.fromkeys(Product, Permission.ALLOWED),
    )
    venue.tell(AdoptRegime(regime=a_regime(classes=(companies,))))
    deal = {"asset_id": BTC, "amount": LOT, "payment_asset_id": RUBD, "payment": 8_000 * ROUBLE}
    for who, other, delivers in ((ANN, BOB, False), (BOB, ANN, True)):
        told = venue.tell(
            InstructSettlement(
                participant_id=who, counterparty_id=other, delivers=delivers, intended=venue.now, **deal
            )  # type: ignore[arg-type]
        )
        refused = [event.reason for event in told if isinstance(event, InstructionRefused)]
        assert refused == ([] if delivers else [SettlementRefusal.REDUCE_ONLY])
