"""The audit of losses: what was kept of a real default is falsified by hand, once each, and must be named."""

from collections.abc import Callable
from typing import Any

import pytest

from exchange.audit import audit
from exchange.clearing import accounts
from exchange.clearing.denomination import PAR
from exchange.clearing.liquidation import MarginState
from exchange.clearing.margin_accounts import PortfolioAccount
from exchange.clearing.waterfall import Assessment, Cut, Layer, LayerUse, LossOrder, SharedLoss
from exchange.commands import HouseLayer
from exchange.events import IndexStatus, OrderAccepted, OrderRejected
from exchange.state import State
from exchange.units import MINUTE
from tests.builders import (
    ANN,
    BOB,
    BTCF,
    BUY,
    CYD,
    ONLY_IN_PYTHON,
    ROUBLE,
    RUBD,
    SELL,
    Venue,
    a_patient_index,
    a_risk_regime,
    of_kind,
)
from tests.stories.test_the_price_gaps_under_margin import DAN, FAY, a_gap, a_venue, gap, size_the_fund


@pytest.fixture(scope="module")
def fallen() -> Venue:
    """Dan's loss has reached assessments, haircut and tear-up."""
    venue, _ = a_gap(50_000)
    return venue


def the_loss(state: State) -> SharedLoss:
    loss: SharedLoss = state.losses[0]
    return loss


def test_every_layer_of_a_real_loss_was_recorded(fallen: Venue) -> None:
    loss = the_loss(fallen.state)
    assert loss.defaulter == DAN and audit(fallen.state) == []
    assert {use.layer for use in loss.uses} >= {
        Layer.DEFAULTER_MARGIN,
        Layer.DEFAULTER_FUND_SHARE,
        Layer.SKIN_IN_THE_GAME,
        Layer.SURVIVORS_FUND,
        Layer.ASSESSMENTS,
    }


def using(change: Callable[[LayerUse], LayerUse]) -> Callable[[SharedLoss], SharedLoss]:
    return lambda loss: loss._replace(uses=tuple(change(use) for use in loss.uses))


def an_early_layer_keeps_its_money(use: LayerUse) -> LayerUse:
    return use._replace(amount=use.amount - 100) if use.layer is Layer.SKIN_IN_THE_GAME else use


def a_layer_gives_more_than_it_has(use: LayerUse) -> LayerUse:
    return use._replace(amount=use.amount + 100) if use.layer is Layer.SKIN_IN_THE_GAME else use


def a_stranger_pays(use: LayerUse) -> LayerUse:
    return use._replace(payer=FAY) if use.layer is Layer.SURVIVORS_FUND and use.payer == ANN else use


def ann_is_assessed_twice(use: LayerUse) -> LayerUse:
    return use._replace(amount=9 * use.amount) if use.layer is Layer.ASSESSMENTS and use.payer == ANN else use


def ann_loses_more_than_she_gained(loss: SharedLoss) -> SharedLoss:
    return loss._replace(uses=(*loss.uses, LayerUse(Layer.GAINS_HAIRCUT, ANN, 10**12)))


def a_kopeck_is_forgotten(loss: SharedLoss) -> SharedLoss:
    return loss._replace(residual=loss.residual + 1)


def an_earlier_assessment_is_forgotten(loss: SharedLoss) -> SharedLoss:
    stakes = {who: stake._replace(assessed=stake.assessed + 1) for who, stake in loss.stakes.items()}
    return loss._replace(stakes=stakes)


@pytest.mark.parametrize(
    ("falsify", "invariant"),
    [
        (using(an_early_layer_keeps_its_money), "I-31 default of dan: skin_in_the_game kept 100"),
        (using(a_layer_gives_more_than_it_has), "I-32 default of dan: skin_in_the_game"),
        (a_kopeck_is_forgotten, "I-32 default of dan: layers and residual"),
        (using(a_stranger_pays), "I-33 fay for dan"),
        (ann_loses_more_than_she_gained, "I-34 ann for dan"),
        (using(ann_is_assessed_twice), "I-35 ann for dan"),
        (an_earlier_assessment_is_forgotten, "I-35 ann: earlier assessments"),
        (using(an_early_layer_keeps_its_money), "I-35 ccp:sitg:RUBD"),
    ],
)
def test_a_loss_that_was_shared_otherwise_is_named(
    falsify: Callable[[SharedLoss], SharedLoss], invariant: str, fallen: Venue
) -> None:
    true = the_loss(fallen.state)
    fallen.state.losses[0] = falsify(true)
    named = audit(fallen.state)
    fallen.state.losses[0] = true
    assert any(fault.startswith(invariant) for fault in named), named


def test_an_assessment_that_no_loss_has_asked_for_is_named(fallen: Venue) -> None:
    fallen.state.assessments.append(Assessment(ANN, 1, fallen.now))
    named = audit(fallen.state)
    fallen.state.assessments.pop()
    assert any(fault.startswith("I-35 what was assessed") for fault in named)


@pytest.mark.parametrize(
    ("before", "after"),
    [(-5, 1), (-5, -6), (5, 4)],
    ids=["it turns", "it grows", "it is on the same side"],
)
def test_a_cut_that_does_anything_but_shrink_the_other_side_is_named(
    before: int, after: int, fallen: Venue
) -> None:
    fallen.state.cuts.append(Cut(BOB, BTCF, 1, before, after))
    named = audit(fallen.state)
    fallen.state.cuts.pop()
    assert named == [f"I-34 bob in {BTCF}: from {before} to {after} lots, 1 taken from the defaulter"]


def test_a_real_deleveraging_is_recorded_and_sound() -> None:
    venue = a_venue(LossOrder.CRYPTO)
    size_the_fund(venue)
    gap(venue, 50_000)
    assert {cut.holder for cut in venue.state.cuts} & {ANN, BOB, CYD}
    assert [loss.defaulter for loss in venue.state.losses] == [DAN]


def test_house_money_that_pays_for_anything_but_a_default_is_named(fallen: Venue) -> None:
    layer = accounts.layer(HouseLayer.EQUITY, RUBD)
    cash = accounts.cash(ANN, RUBD)
    fallen.state.ledger.book([(cash, layer, 5)], fallen.now)
    fallen.state.ledger.book([(layer, cash, 5)], fallen.now)
    loss = SharedLoss(
        BOB, fallen.now, 5, {Layer.EQUITY: 5}, {}, (LayerUse(Layer.EQUITY, None, 5),), 0, RUBD, PAR
    )
    fallen.state.losses.append(loss)
    assert audit(fallen.state) == []
    fallen.state.losses.pop()
    assert audit(fallen.state) == ["I-35 ccp:equity:RUBD: 5 was drawn, by defaults 0"]
    fallen.state.losses.append(loss)


# --- in full --------------------------------------------------------------------------------------------


def test_in_full_a_shared_loss_and_a_draw_for_no_lost_coin_are_named() -> None:
    venue = Venue()
    venue.admit(ANN, 1_000)
    state = venue.state
    state.cuts.append(Cut(BOB, BTCF, 1, -1, 0))
    assert audit(state) == ["I-22 a loss was shared, though everything is covered in full"]
    state.cuts.clear()
    layer, cash = accounts.loss_layer(RUBD), accounts.cash(ANN, RUBD)
    state.ledger.book([(cash, layer, 7)], state.now)
    assert audit(state) == []
    state.ledger.book([(layer, cash, 7)], state.now)
    assert audit(state) == ["I-22 ccp:ndl:RUBD: 7 was drawn, for lost coins 0"]


# --- the fund -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"uncovered": 1}, "I-36 1 of the largest losses was told to be uncovered"),
        ({"shares": {ANN: 1}}, "I-36 contributions are not those"),
    ],
)
def test_a_fund_that_stands_otherwise_than_it_was_told_is_named(
    change: dict[str, Any], sentence: str, fallen: Venue
) -> None:
    true = fallen.state.sized
    fallen.state.sized = true._replace(**change)
    named = audit(fallen.state)
    fallen.state.sized = true
    assert any(fault.startswith(sentence) for fault in named), named


def test_losses_that_come_out_otherwise_at_once_are_named() -> None:
    """A member without positions has nothing to pay in, so the fund is looked at just as it was sized."""
    venue = Venue(regime=a_risk_regime())
    for name in (ANN, BOB):
        venue.admit(name, 10**11)
    venue.trade(ANN, BOB, 10, 80_000)
    venue.admit_member(CYD, 10**11)
    sized = venue.state.sized
    assert (sized.time, sized.booked) == (venue.now, len(venue.state.ledger.history))
    venue.state.sized = sized._replace(losses={**sized.losses, ANN: 10**9})
    assert any(fault.startswith("I-36 the losses") for fault in audit(venue.state))


# --- margin ---------------------------------------------------------------------------------------------


def a_margined_venue() -> Venue:
    """Ann is long ten lots of Bob's, with little more than they need."""
    venue = Venue(regime=a_risk_regime())
    for name in (ANN, BOB):
        venue.admit(name, 10**11)
    venue.trade(ANN, BOB, 10, 80_000)
    return venue


def test_a_valuation_at_a_stale_price_is_named() -> None:
    venue = a_margined_venue()
    (portfolio,) = venue.state.covers.margin.portfolios.values()
    portfolio.valued_by = IndexStatus.STALE
    assert [fault[:4] for fault in audit(venue.state)] == ["I-23"]


def test_portfolios_that_need_more_together_are_named() -> None:
    """Ann and Cyd are both long, and the rows of each are emptied."""
    venue = a_margined_venue()
    venue.admit(CYD, 10**11)
    venue.trade(CYD, BOB, 3, 80_000)
    (portfolio,) = venue.state.covers.margin.portfolios.values()
    for account in portfolio.accounts.values():
        account.cells = [0] * len(account.cells)
    assert any(fault.startswith("I-29 ann and cyd") for fault in audit(venue.state))


def a_restricted_venue() -> Venue:
    """Ann is long ten lots from 8.0m, which need 12,800.00, with 12,900.00; the price has fallen by 1%."""
    venue = Venue(regime=a_risk_regime(), index=a_patient_index())
    venue.admit(ANN, 12_900 * ROUBLE)
    venue.admit(BOB)
    venue.quote(800_000_000)
    venue.wait_until(venue.now + MINUTE)
    venue.trade(ANN, BOB, 10, 80_000)
    venue.quote(792_000_000)
    venue.wait_until(venue.now + 10 * MINUTE)
    assert venue.standing(ANN).state is not MarginState.NORMAL
    return venue


@ONLY_IN_PYTHON
def test_an_order_that_raises_what_a_restricted_account_needs_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The rule that refuses it is taken away. An order that reduces is none."""
    venue = a_restricted_venue()
    assert of_kind(venue.place(ANN, BUY, 1, 70_000), OrderRejected)
    assert of_kind(venue.place(ANN, SELL, 1, 90_000), OrderAccepted)
    monkeypatch.setattr(PortfolioAccount, "lack", lambda *_: None)
    with pytest.raises(AssertionError, match="I-28 ann: an order has raised what is required"):
        venue.place(ANN, BUY, 1, 79_000)


def test_money_that_came_in_bears_an_order_of_an_account_that_is_still_restricted() -> None:
    venue = a_restricted_venue()
    venue.pay_in(ANN, 50_000 * ROUBLE)
    assert venue.standing(ANN).state is not MarginState.NORMAL
    assert of_kind(venue.place(ANN, BUY, 1, 70_000), OrderAccepted)
    assert venue.standing(ANN).required > venue.standing(ANN).ceiling
