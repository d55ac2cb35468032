"""Defaults: calls, steps, layers and losses, and results under margin, on records written by hand."""

import math

import pytest

from exchange.clearing.terms import ClearingMode, ClearingRules
from exchange.events import (
    AccountsValued,
    BooksAudited,
    DefaultAuctionEnded,
    DefaultClosed,
    DefaultDeclared,
    DefaultReason,
    FundSized,
    Layer,
    LayerUsed,
    LiquidationFeeCharged,
    LiquidationStep,
    LossBorne,
    MarginCalled,
    PoolLossBorne,
    PositionSettled,
    PositionTransferred,
    PriceRule,
    SettlementPriceFinal,
    ShortfallLeft,
    TransferCause,
    VariationCleared,
    VariationPaid,
)
from exchange.instruments import ContractKind
from exchange.messages import changed
from matching.terms import Side
from scenarios.measures import RunView, defaults, house, investors, outcomes
from scenarios.measures.reading import open_interest
from tests.scenarios.measures.made import Story, a_listing, a_profile, bucket_of, index

PEOPLE = [a_profile(name) for name in ("ann", "bob", "cyd")]
RISK = ClearingRules(mode=ClearingMode.RISK)


def final(listed: object, ticks: int) -> SettlementPriceFinal:
    return SettlementPriceFinal(
        bucket_id=bucket_of(listed),  # type: ignore[arg-type]
        price=ticks,
        unclamped=ticks,
        rule=PriceRule.WINDOW,
        grounds="",
    )


def results(view: RunView) -> dict[str, float]:
    table = outcomes(view)
    return dict(zip(table["participant_id"], table["result"].tolist(), strict=True))


def valued(initial_rub: int, collateral_rub: int, uncovered_rub: int) -> AccountsValued:
    return AccountsValued(
        initial=100 * initial_rub, collateral=100 * collateral_rub, uncovered=100 * uncovered_rub
    )


def transferred(who: str, lots: int, ticks: int, cause: TransferCause, rub: int = 0) -> PositionTransferred:
    return PositionTransferred(
        participant_id=who, instrument_id="BTC", lots=lots, price=ticks, cause=cause, amount=100 * rub
    )


def used(layer: Layer, rub: int) -> LayerUsed:
    return LayerUsed(defaulter="ann", layer=layer, amount=100 * rub)


def borne(who: str, layer: Layer, rub: int) -> LossBorne:
    return LossBorne(participant_id=who, defaulter="ann", layer=layer, amount=100 * rub)


def test_a_result_is_variation_and_settlement_together() -> None:
    """Bought at 80,000, cleared at 82,000 and settled at 79,000: ten roubles a tick and lot of a hundred."""
    listed = a_listing(expiry_s=1_800)
    story = Story().at(0, listed, index(80_000)).trade(1, "ann", "bob", 1, 80_000)
    story.at(60, VariationPaid(participant_id="ann", asset_id="RUBD", amount=20_000))
    story.at(60, VariationPaid(participant_id="bob", asset_id="RUBD", amount=-20_000))
    story.at(1_800, final(listed, 79_000))
    for who, change in (("ann", -30_000), ("bob", 30_000)):
        story.at(1_800, PositionSettled(participant_id=who, bucket_id=bucket_of(listed), amount=change))
        story.at(1_800, VariationPaid(participant_id=who, asset_id="RUBD", amount=change))
    view = story.at(2_000, index(99_000)).seen(PEOPLE, clearing=RISK)
    assert results(view) == {"ann": -100.0, "bob": 100.0, "cyd": 0.0}
    assert investors.zero_sum_gap.function(view) == 0.0
    assert open_interest(view)[0].value.tolist()[-1] == 0.0
    assert house.settlement_wait.function(view) == 0.0


def test_the_premium_of_an_option_is_a_part_of_its_result() -> None:
    """A call at 80,000 for 5,000 ticks that ends 7,000 in the money."""
    listed = a_listing("CALL", kind=ContractKind.CALL, strike=80_000, expiry_s=1_800)
    story = Story().at(0, listed).trade(1, "ann", "bob", 1, 5_000, instrument_id="CALL")
    view = story.at(1_800, final(listed, 87_000)).seen(PEOPLE, clearing=RISK)
    assert results(view) == {"ann": 200.0, "bob": -200.0, "cyd": 0.0}


def a_default(
    layers: tuple[LayerUsed | LossBorne | PoolLossBorne, ...], loss: int, residual: int = 0
) -> RunView:
    """Ann is long ten lots at 80,000 and fails when they are worth 60,000; Cyd takes them over for 500 roubles.

    She has lost 20,000 roubles, 500 more to Cyd, and all but `loss` of it was her own.
    """
    listed = a_listing(expiry_s=1_800)
    story = Story().at(0, listed, index(80_000)).trade(1, "ann", "bob", 10, 80_000)
    story.at(60, DefaultDeclared(defaulter="ann", reason=DefaultReason.CALL_MISSED, grounds=""))
    story.at(90, DefaultAuctionEnded(defaulter="ann", bidders=2, amount=-50_000, failure=None))
    story.at(90, transferred("ann", -10, 60_000, TransferCause.AUCTION))
    story.at(90, transferred("cyd", 10, 60_000, TransferCause.AUCTION))
    story.at(90, *layers, DefaultClosed(defaulter="ann", loss=100 * loss, residual=100 * residual))
    return story.at(1_800, final(listed, 60_000)).seen(PEOPLE, clearing=RISK)


def borne_by(view: RunView) -> dict[str, float]:
    """What each measure of who bore a default loss says, where it says anything."""
    paid = {one.name: one.function(view) for one in defaults.MEASURES if one.name.startswith("loss_")}
    return {name: amount for name, amount in paid.items() if amount}


def test_a_defaulter_loses_what_it_had_and_no_more() -> None:
    """Of 20,500 roubles 6,000 were not her own: 1,000 of the house, and the rest of two members."""
    view = a_default(
        (
            used(Layer.DEFAULTER_MARGIN, 14_500),
            used(Layer.SKIN_IN_THE_GAME, 1_000),
            borne("bob", Layer.SURVIVORS_FUND, 3_000),
            used(Layer.SURVIVORS_FUND, 3_000),
            borne("cyd", Layer.ASSESSMENTS, 2_000),
            used(Layer.ASSESSMENTS, 2_000),
        ),
        6_000,
    )
    assert results(view) == {"ann": -14_500.0, "bob": 20_000.0 - 3_000.0, "cyd": 500.0 - 2_000.0}
    assert investors.zero_sum_gap.function(view) == 0.0
    assert borne_by(view) == {
        "loss_defaulter_margin": 14_500.0,
        "loss_skin_in_the_game": 1_000.0,
        "loss_survivors_fund": 3_000.0,
        "loss_assessments": 2_000.0,
    }
    assert defaults.default_losses.function(view) == 6_000.0


def test_the_own_share_of_the_fund_is_the_defaulters_loss() -> None:
    view = a_default(
        (used(Layer.DEFAULTER_FUND_SHARE, 4_000), used(Layer.EQUITY, 2_000)), 6_000
    )  # fmt: skip
    assert results(view)["ann"] == -14_500.0 - 4_000.0
    assert borne_by(view) == {"loss_defaulter_fund_share": 4_000.0, "loss_equity": 2_000.0}
    assert investors.zero_sum_gap.function(view) == 0.0


def test_in_the_crypto_order_the_insurance_pays_first_and_then_the_other_side() -> None:
    layers = (used(Layer.INSURANCE_FUND, 1_500), used(Layer.DELEVERAGING, 4_500))
    view = a_default(layers, 6_000)
    assert borne_by(view) == {"loss_insurance_fund": 1_500.0, "loss_deleveraging": 4_500.0}


def test_gains_are_cut_before_the_house_pays() -> None:
    view = a_default((used(Layer.GAINS_HAIRCUT, 5_000), used(Layer.EQUITY, 1_000)), 6_000)
    assert borne_by(view) == {"loss_gains_haircut": 5_000.0, "loss_equity": 1_000.0}


def test_a_loss_that_nobody_bears_is_told_and_is_no_ones_result() -> None:
    view = a_default((), 6_000, residual=6_000)
    assert defaults.loss_unpaid.function(view) == 6_000.0
    assert investors.zero_sum_gap.function(view) == 0.0


def test_a_member_pays_for_its_client() -> None:
    view = a_default((borne("bob", Layer.DEFAULTER_MARGIN, 6_000),), 6_000)
    assert results(view) == {"ann": -14_500.0, "bob": 14_000.0, "cyd": 500.0}
    assert defaults.loss_members.function(view) == 6_000.0


def test_a_fellow_client_pays_in_an_omnibus_account() -> None:
    """4,000 of the 6,000 roubles, and the house the rest."""
    pool = PoolLossBorne(participant_id="bob", asset_id="RUBD", defaulter="ann", amount=400_000)
    view = a_default((pool, used(Layer.DEFAULTER_MARGIN, 18_500), used(Layer.SKIN_IN_THE_GAME, 2_000)), 6_000)
    assert results(view) == {"ann": -14_500.0, "bob": 16_000.0, "cyd": 500.0}
    assert defaults.loss_fellow_clients.function(view) == 4_000.0
    assert investors.zero_sum_gap.function(view) == 0.0


def test_deleveraging_takes_from_the_winner_what_the_loser_does_not_pay() -> None:
    listed = a_listing(expiry_s=1_800)
    story = Story().at(0, listed).trade(1, "ann", "bob", 10, 80_000)
    story.at(90, transferred("ann", -10, 60_000, TransferCause.DELEVERAGING, 700))
    story.at(90, transferred("bob", 10, 60_000, TransferCause.DELEVERAGING, -700))
    view = story.at(1_800, final(listed, 50_000)).seen(PEOPLE, clearing=RISK)
    assert results(view) == {"ann": -20_000.0 + 700.0, "bob": 20_000.0 - 700.0, "cyd": 0.0}
    assert open_interest(view)[0].value[-1] == 0.0


def test_who_never_traded_and_was_given_a_portfolio_has_a_row_and_has_not_traded() -> None:
    listed = a_listing(expiry_s=1_800)
    story = Story().at(0, listed).trade(1, "ann", "bob", 2, 80_000)
    story.at(90, DefaultAuctionEnded(defaulter="ann", bidders=2, amount=30_000, failure=None))
    story.at(90, transferred("ann", -2, 70_000, TransferCause.AUCTION))
    story.at(90, transferred("member", 2, 70_000, TransferCause.AUCTION))
    view = story.at(1_800, final(listed, 75_000)).seen(PEOPLE, clearing=RISK)
    assert results(view) == {"ann": -2_000.0 + 300.0, "bob": 1_000.0, "cyd": 0.0, "member": 1_000.0 - 300.0}
    table = outcomes(view)
    assert table["traded"].tolist() == [True, True, False, False]


def test_the_fee_of_liquidation_is_a_fee() -> None:
    fee = LiquidationFeeCharged(participant_id="ann", asset_id="RUBD", amount=1_234)
    table = outcomes(Story().at(0, a_listing(), fee).seen(PEOPLE, clearing=RISK))
    assert (table["fees"][0], table["result"][0]) == (12.34, -12.34)
    assert investors.zero_sum_gap.function(Story().at(0, a_listing(), fee).seen(PEOPLE, clearing=RISK)) == 0.0


def test_calls_steps_and_those_closed_by_force_are_counted() -> None:
    step = LiquidationStep(
        participant_id="bob", instrument_id="BTC", side=Side.SELL, quantity=1, limit=70_000
    )
    call = MarginCalled(participant_id="bob", amount=1, deadline=1)
    declared = DefaultDeclared(defaulter="ann", reason=DefaultReason.CALL_MISSED, grounds="")
    late = [
        VariationCleared(asset_id="RUBD", collected=0, distributed=0, late=n, liquidity=0)
        for n in (5_000, 200)
    ]
    view = (
        Story().at(0, a_listing(), call, call, step, step, step, declared, *late).seen(PEOPLE, clearing=RISK)
    )
    assert defaults.margin_calls.function(view) == 2.0
    assert defaults.liquidation_steps.function(view) == 3.0
    assert defaults.closed_by_force.function(view) == 2.0
    assert defaults.defaults.function(view) == 1.0
    assert defaults.late_peak.function(view) == 50.0
    traded = Story().at(0, a_listing(), step, declared).trade(1, "ann", "bob", 1, 80_000)
    traded.trade(2, "cyd", "bob", 1, 80_000)
    assert investors.closed_out.function(traded.seen(PEOPLE, clearing=RISK)) == pytest.approx(100 * 2 / 3)
    assert [one.function(Story().seen()) for one in defaults.MEASURES] == [0.0] * len(defaults.MEASURES)


def test_capital_tied_up_with_margin_and_in_full() -> None:
    """The same trade: 160,000 roubles in full; with margin what is posted, 25,600, and later a fund of 1,000 more."""
    story = Story().at(0, a_listing(), index(80_000), valued(0, 0, 0)).trade(0, "ann", "bob", 10, 80_000)
    story.at(0, valued(25_600, 25_600, 0))
    fund = FundSized(asset_id="RUBD", cover_one=0, cover_two=0, fund=0, paid_in=100_000, uncovered=0)
    story.at(1_801, fund).at(1_801, valued(25_600, 20_000, 3_000)).at(1_802, valued(25_600, 25_600, 1_000))
    full, margined = story.seen(PEOPLE), story.seen(PEOPLE, clearing=RISK)
    assert house.capital_tied_up.function(full) == 160_000.0
    minutes_of_both = 31 * 25_600 + 30 * 26_600
    assert house.capital_tied_up.function(margined) == minutes_of_both / 61
    assert house.locked_peak.function(margined) == 26_600.0
    assert house.uncovered_peak.function(margined) == 3_000.0
    assert house.collateral_per_open_interest.function(full) == 2.0
    assert round(house.collateral_per_open_interest.function(margined), 6) == round(
        minutes_of_both / 61 / 80_000, 6
    )


def sized(cover_one_rub: int, cover_two_rub: int, paid_in_rub: int) -> FundSized:
    return FundSized(
        asset_id="RUBD",
        cover_one=100 * cover_one_rub,
        cover_two=100 * cover_two_rub,
        fund=0,
        paid_in=100 * paid_in_rub,
        uncovered=0,
    )


def test_cover_is_the_smallest_share_of_a_stressed_loss_that_skin_and_fund_could_pay() -> None:
    """A skin of 100 roubles, and a fund of 900 that grows to 1,400."""
    waterfall = changed(RISK.waterfall, skin_in_the_game=10_000)
    rules = ClearingRules(mode=ClearingMode.RISK, waterfall=waterfall)
    story = Story().at(0, a_listing(), sized(500, 2_000, 900)).at(60, sized(1_000, 2_500, 1_400))
    view = story.at(90, sized(0, 0, 1_400)).seen(PEOPLE, clearing=rules)
    assert house.cover_one.function(view) == 150.0
    assert house.cover_two.function(view) == 50.0
    assert math.isnan(house.cover_two.function(Story().seen()))


def test_how_much_of_the_fund_was_used() -> None:
    """1,000 of the defaulter's own share and 3,000 of the others', of at most 8,000; the house's part is none of it."""
    layers = (
        used(Layer.DEFAULTER_FUND_SHARE, 1_000),
        used(Layer.SKIN_IN_THE_GAME, 700),
        used(Layer.SURVIVORS_FUND, 3_000),
    )
    story = Story().at(0, a_listing(), sized(0, 0, 8_000)).at(9, *layers).at(10, sized(0, 0, 4_000))
    assert house.default_fund_used.function(story.seen(PEOPLE, clearing=RISK)) == 50.0
    assert math.isnan(house.default_fund_used.function(Story().seen()))


def test_margin_in_use_is_the_mean_over_minutes() -> None:
    """Nothing posted for a minute, then half of it needed for one and a quarter for two."""
    story = Story().at(0, valued(0, 0, 0)).at(60, valued(500, 1_000, 0)).at(120, valued(250, 1_000, 0))
    view = story.seen(PEOPLE, closes=180, clearing=RISK)
    assert house.margin_utilisation.function(view) == pytest.approx((50 + 25 + 25) / 3)
    assert math.isnan(house.margin_utilisation.function(Story().seen()))


def test_liquidity_that_is_paid_back_does_not_add_up() -> None:
    story = Story()
    for at, liquidity in enumerate((30_000, -30_000, 20_000, 25_000, -45_000)):
        story.at(
            at, VariationCleared(asset_id="RUBD", collected=0, distributed=0, late=0, liquidity=liquidity)
        )
    assert house.liquidity_peak.function(story.seen(PEOPLE, clearing=RISK)) == 450.0


def test_escrow_of_full_cover_says_nothing_of_margin() -> None:
    """Books are audited with no escrow in them: that is no exposure of a house with margin."""
    audited = BooksAudited(checks=1, ledger_head="", claims=0, escrow=0, open_interest=0, supply=0, mobile=0)
    story = Story().at(0, a_listing(), index(80_000)).trade(0, "ann", "bob", 10, 80_000).at(1, audited)
    assert house.uncovered_peak.function(story.seen(PEOPLE)) == 160_000.0
    assert house.uncovered_peak.function(story.at(2, valued(1, 1, 0)).seen(PEOPLE, clearing=RISK)) == 0.0


def test_what_was_lost_beyond_ones_money_is_forgiven_or_still_owed() -> None:
    story = Story().at(
        60,
        ShortfallLeft(participant_id="ann", amount=4_000_00, protected=True),
        ShortfallLeft(participant_id="bob", amount=300_00, protected=False),
        ShortfallLeft(participant_id="cyd", amount=20_00, protected=False),
    )
    view = story.seen(PEOPLE)
    told = (defaults.negative_balances, defaults.shortfall_forgiven, defaults.shortfall_owed)
    assert [measure.function(view) for measure in told] == [3.0, 4_000.0, 320.0]
    assert [measure.function(Story().seen(PEOPLE)) for measure in told] == [0.0, 0.0, 0.0]
