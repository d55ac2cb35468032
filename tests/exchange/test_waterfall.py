"""Who pays for a default, to the kopeck: layers in order, the cap of assessments, tear-up, deleveraging."""

import msgspec
import pytest

from exchange.clearing.waterfall import (
    LAYERS,
    Assessment,
    Deleveraged,
    Holder,
    Layer,
    LayerUse,
    LossOrder,
    Resources,
    Survivor,
    WaterfallTerms,
    allocate_in_crypto_order,
    allocate_loss,
    assessed_within,
    capacities,
    deleveraging_queue,
    fault_in_waterfall,
    pool_shares,
    tear_up,
)
from exchange.messages import decode, encode
from exchange.units import DAY, InstrumentId
from matching.terms import ParticipantId
from tests.builders import ROUBLE

A, B, C, D = (ParticipantId(name) for name in "ABCD")
FUTURE, CALL = InstrumentId("BTC_RUBD-25DEC26"), InstrumentId("BTC_RUBD-25DEC26-10000000-C")


def kopecks(roubles: str) -> int:
    whole, _, part = roubles.replace(",", "").partition(".")
    return int(whole) * ROUBLE + int(part.ljust(2, "0"))


def terms(**changes: object) -> WaterfallTerms:
    """Members share the loss: a house with 100,000 roubles in front and 50,000 beside the survivors."""
    plain = WaterfallTerms(
        order=LossOrder.DEFAULT_FUND,
        layers=LAYERS[LossOrder.DEFAULT_FUND],
        skin_in_the_game=kopecks("100,000"),
        second_skin_in_the_game=kopecks("50,000"),
    )
    return msgspec.structs.replace(plain, **changes)


def survivor(contribution: str, gains: str = "0", assessed: str = "0") -> Survivor:
    paid = kopecks(contribution)
    return Survivor(contribution=paid, paid_in=paid, assessed=kopecks(assessed), gains=kopecks(gains))


def resources(a_gains: str = "0", b_gains: str = "0", c_gains: str = "0", **changes: object) -> Resources:
    """D was long 1,000 lots at 80,000 ticks; A is short 450 of them, B 350, C 200."""
    plain = Resources(
        defaulter=D,
        survivors={
            C: survivor("80,001", c_gains),
            A: survivor("200,000", a_gains),
            B: survivor("120,000", b_gains),
        },
        margin=kopecks("921,184"),
        fund_share=kopecks("150,000"),
        skin_in_the_game=kopecks("100,000"),
        second_skin_in_the_game=kopecks("50,000"),
    )
    return plain._replace(**changes)


BEFORE_ASSESSMENTS = (
    LayerUse(Layer.DEFAULTER_MARGIN, D, kopecks("921,184")),
    LayerUse(Layer.DEFAULTER_FUND_SHARE, D, kopecks("150,000")),
    LayerUse(Layer.SKIN_IN_THE_GAME, None, kopecks("100,000")),
    LayerUse(Layer.SURVIVORS_FUND, A, kopecks("200,000")),
    LayerUse(Layer.SURVIVORS_FUND, B, kopecks("120,000")),
    LayerUse(Layer.SURVIVORS_FUND, C, kopecks("80,001")),
    LayerUse(Layer.SURVIVORS_FUND, None, kopecks("50,000")),
)


# --- the order of the default fund ---------------------------------------------------------------------


def test_a_fall_of_30_percent_reaches_the_assessments() -> None:
    """E11: 2,400,000.00, of which 778,815.00 are assessed."""
    allocation = allocate_loss(kopecks("2,400,000"), resources("1,080,000", "840,000", "480,000"), terms())
    assert allocation.uses == (
        *BEFORE_ASSESSMENTS,
        LayerUse(Layer.ASSESSMENTS, A, kopecks("389,406.53")),
        LayerUse(Layer.ASSESSMENTS, B, kopecks("233,643.91")),
        LayerUse(Layer.ASSESSMENTS, C, kopecks("155,764.56")),
    )
    assert (allocation.residual, allocation.tears_up) == (0, False)


def test_a_fall_of_37_5_percent_cuts_the_gains() -> None:
    """E11: 578,813.00 above the assessments of twice the contribution are 19.29% of all gains."""
    allocation = allocate_loss(kopecks("3,000,000"), resources("1,350,000", "1,050,000", "600,000"), terms())
    assert allocation.uses == (
        *BEFORE_ASSESSMENTS,
        LayerUse(Layer.ASSESSMENTS, A, kopecks("400,000")),
        LayerUse(Layer.ASSESSMENTS, B, kopecks("240,000")),
        LayerUse(Layer.ASSESSMENTS, C, kopecks("160,002")),
        LayerUse(Layer.GAINS_HAIRCUT, A, kopecks("260,465.85")),
        LayerUse(Layer.GAINS_HAIRCUT, B, kopecks("202,584.55")),
        LayerUse(Layer.GAINS_HAIRCUT, C, kopecks("115,762.60")),
    )
    cut = allocation.paid_in(Layer.GAINS_HAIRCUT)
    assert (cut, cut * 10_000 // kopecks("3,000,000")) == (kopecks("578,813"), 1_929)
    assert (allocation.residual, allocation.tears_up) == (0, False)


def test_a_loss_within_margin_touches_nobody_else() -> None:
    allocation = allocate_loss(5, resources(), terms())
    assert allocation.uses == (LayerUse(Layer.DEFAULTER_MARGIN, D, 5),)
    assert allocate_loss(0, resources(), terms()) == ((), 0, False)


def test_survivors_and_the_second_skin_share_by_what_they_paid_in() -> None:
    """A tenth of 450,001.00 and two kopecks more, of which .89, .53, .36 and .22 are due."""
    loss = kopecks("1,171,184") + kopecks("45,000.12")
    uses = allocate_loss(loss, resources(), terms()).uses[3:]
    assert [use.payer for use in uses] == [A, B, C, None]
    assert [use.amount for use in uses] == [2_000_001, 1_200_001, 800_010, 500_000]


def test_the_house_adds_its_further_amount_beside_the_assessed() -> None:
    """A further 200,000.50 is a fifth of all that can be called, and pays a fifth."""
    further = kopecks("200,000.50")
    plan = terms(further_amount=further)
    loss = kopecks("1,621,185") + kopecks("500,001.25")
    allocation = allocate_loss(loss, resources(further_amount=further), plan)
    shares = {use.payer: use.amount for use in allocation.uses if use.layer is Layer.ASSESSMENTS}
    assert shares == {
        A: kopecks("200,000"),
        B: kopecks("120,000"),
        C: kopecks("80,001"),
        None: kopecks("100,000.25"),
    }


def test_what_was_assessed_in_the_period_lowers_the_cap() -> None:
    """A has paid 399,999 of its 400,000; what it can no longer give, B and C give 3 to 2."""
    members = {
        A: survivor("200,000", assessed="399,999"),
        B: survivor("120,000"),
        C: survivor("80,000"),
    }
    plan = terms(second_skin_in_the_game=0)
    there = resources(survivors=members, second_skin_in_the_game=0)
    loss = kopecks("1,171,184") + kopecks("400,000") + kopecks("50,001")
    allocation = allocate_loss(loss, there, plan)
    assert [use.amount for use in allocation.uses if use.layer is Layer.ASSESSMENTS] == [
        kopecks("1"),
        kopecks("30,000"),
        kopecks("20,000"),
    ]


def test_who_was_assessed_beyond_a_lowered_cap_pays_no_more() -> None:
    there = resources(survivors={A: survivor("100", assessed="300")}, second_skin_in_the_game=0)
    assert capacities(there, terms())[Layer.ASSESSMENTS] == 0


def test_the_haircut_stops_at_its_cap_then_contracts_are_torn_up_and_the_house_pays() -> None:
    plan = terms(gains_haircut_cap_bp=5_000, equity=kopecks("300"))
    there = resources("100", "60", "40.01", equity=kopecks("300"))
    before = kopecks("1,621,185") + kopecks("800,002")
    cut = kopecks("100")  # half of 200.01, each half rounded down
    assert allocate_loss(before + cut, there, plan).tears_up is False
    allocation = allocate_loss(before + cut + kopecks("250"), there, plan)
    assert allocation.paid_in(Layer.GAINS_HAIRCUT) == cut
    assert allocation.uses[-1] == LayerUse(Layer.EQUITY, None, kopecks("250"))
    assert (allocation.residual, allocation.tears_up) == (0, True)
    assert allocate_loss(before + cut + kopecks("300.01"), there, plan).residual == 1


def test_losses_since_the_declaration_are_no_gains() -> None:
    losing = Survivor(gains=-5)
    there = resources(survivors={A: losing, B: Survivor(gains=7)})
    assert capacities(there, terms())[Layer.GAINS_HAIRCUT] == 7


def test_the_capacity_of_each_layer_is_told_in_their_order() -> None:
    told = capacities(resources("1,350,000", "1,050,000", "600,000", equity=7), terms())
    assert tuple(told) == LAYERS[LossOrder.DEFAULT_FUND]
    assert list(told.values()) == [
        kopecks("921,184"),
        kopecks("150,000"),
        kopecks("100,000"),
        kopecks("450,001"),
        kopecks("800,002"),
        kopecks("3,000,000"),
        0,
        7,
    ]


def test_a_defaulter_is_no_survivor_of_its_own() -> None:
    with pytest.raises(AssertionError, match="does not survive"):
        allocate_loss(1, resources(survivors={D: Survivor()}), terms())


def test_more_than_the_further_amount_cannot_be_left_of_it() -> None:
    with pytest.raises(AssertionError, match="no more can be left"):
        allocate_loss(1, resources(further_amount=1), terms())


def test_the_crypto_order_is_not_shared_among_members() -> None:
    crypto = terms(order=LossOrder.CRYPTO, layers=LAYERS[LossOrder.CRYPTO])
    with pytest.raises(AssertionError):
        allocate_loss(1, resources(), crypto)


# --- the capped period ---------------------------------------------------------------------------------


def test_assessments_count_for_one_capped_period() -> None:
    called = [
        Assessment(A, 10, 0),
        Assessment(B, 5, DAY),
        Assessment(A, 7, 2 * DAY),
        Assessment(A, 1, 9 * DAY),
    ]
    assert assessed_within(called, 2 * DAY, 2 * DAY) == {B: 5, A: 7}
    assert assessed_within(called, 2 * DAY - 1, 2 * DAY) == {A: 10, B: 5}
    assert assessed_within([], DAY, DAY) == {}


# --- tear-up -------------------------------------------------------------------------------------------


def test_contracts_are_torn_up_against_the_opposite_side_pro_rata() -> None:
    positions = {
        FUTURE: {C: -200, A: -450, D: 100, B: 900, ParticipantId("E"): -350},
        CALL: {A: 3, B: 3, C: 3, D: -10, ParticipantId("E"): 1},
    }
    assert tear_up({FUTURE: 100}, positions) == {FUTURE: {A: 45, C: 20, ParticipantId("E"): 35}}
    assert tear_up({CALL: -10}, positions) == {CALL: {A: 3, B: 3, C: 3, ParticipantId("E"): 1}}
    assert tear_up({CALL: -1}, positions) == {CALL: {A: 1}}  # three equal remainders: the first id


def test_nobody_is_torn_up_for_a_flat_contract() -> None:
    assert tear_up({FUTURE: 0}, {FUTURE: {A: 1, B: -1}}) == {FUTURE: {}}


def test_an_opposite_side_that_is_too_small_is_our_fault() -> None:
    with pytest.raises(ValueError, match="the caps hold only 2"):
        tear_up({FUTURE: 3}, {FUTURE: {A: -2, D: 3}})


# --- the crypto order ----------------------------------------------------------------------------------

SHORTS = {
    A: Holder(lots=-450, entry=80_000, equity=kopecks("2,000,000")),
    B: Holder(lots=-350, entry=80_000, equity=kopecks("1,500,000")),
    C: Holder(lots=-200, entry=80_000, equity=kopecks("1,000,000")),
    D: Holder(lots=1_000, entry=80_000, equity=kopecks("9")),
}


def test_the_most_levered_winners_are_closed_out_first() -> None:
    """E11: after margin and 250,000.00 of the fund, 831 lots are closed: B 350, A 450, C 31."""
    allocation = allocate_in_crypto_order(
        kopecks("2,400,000"), kopecks("921,184"), kopecks("250,000"), 1_000, SHORTS
    )
    assert allocation.margin == kopecks("921,184")
    assert allocation.insurance_fund == kopecks("250,000")
    assert allocation.deleveraged == (
        Deleveraged(B, 350, kopecks("517,585.60")),
        Deleveraged(A, 450, kopecks("665,467.20")),
        Deleveraged(C, 31, kopecks("45,843.29")),
    )
    assert allocation.surplus == kopecks("80.09")  # of the last lot, 1,478.816
    assert allocation.residual == 0


def test_the_same_gap_as_a_haircut_spreads_by_gains() -> None:
    """E11: 430,085.60 / 552,967.20 / 245,763.20 instead."""
    gains = {A: Survivor(gains=108), B: Survivor(gains=84), C: Survivor(gains=48)}
    scaled = {who: one._replace(gains=one.gains * kopecks("10,000")) for who, one in gains.items()}
    there = Resources(defaulter=D, survivors=scaled, margin=kopecks("921,184"), equity=0)
    there = there._replace(skin_in_the_game=kopecks("250,000"))
    cut = allocate_loss(kopecks("2,400,000"), there, terms()).uses[2:]
    assert [(use.payer, use.amount) for use in cut] == [
        (A, kopecks("552,967.20")),
        (B, kopecks("430,085.60")),
        (C, kopecks("245,763.20")),
    ]


def test_a_fund_that_is_large_enough_closes_nobody_out() -> None:
    allocation = allocate_in_crypto_order(100, 60, 40, 10, SHORTS)
    assert allocation == (60, 40, (), 0, 0)
    assert allocate_in_crypto_order(50, 60, 40, 0, {}) == (50, 0, (), 0, 0)


def test_longs_are_ranked_by_mark_over_entry() -> None:
    """Same size and equity: 100 bought at 50 and now at 90 stands before the same bought at 60."""
    longs = {
        A: Holder(100, 60, 1_000),
        B: Holder(100, 50, 1_000),
        C: Holder(100, 60, 1_000),
        D: Holder(-300, 70, 1_000),
    }
    assert deleveraging_queue(-300, longs) == [B, A, C]
    levered = longs | {C: Holder(100, 60, 833)}  # 90/60 * 9,000/833 against 90/50 * 9,000/1,000
    assert deleveraging_queue(-300, levered) == [C, B, A]
    assert deleveraging_queue(-300, levered | {C: Holder(100, 60, 834)}) == [B, C, A]


def test_an_entry_at_nought_is_the_best_of_all() -> None:
    assert deleveraging_queue(-1, {A: Holder(1, 2, 10), B: Holder(1, 0, 10)}) == [B, A]


def test_who_has_no_equity_is_no_winner() -> None:
    assert deleveraging_queue(1, {A: Holder(-1, 95, 0), B: Holder(-1, 95, -1)}) == []


def test_nobody_is_closed_out_beyond_its_equity() -> None:
    """30 a lot: A's 65 bear two of its five lots, so B gives the third, and nobody the fourth."""
    holders = {A: Holder(-5, 80, 65), B: Holder(-1, 80, 1_000)}
    allocation = allocate_in_crypto_order(120, 0, 0, 4, holders)
    assert allocation.deleveraged == (Deleveraged(A, 2, 60), Deleveraged(B, 1, 30))
    assert (allocation.surplus, allocation.residual) == (0, 30)


# --- terms ---------------------------------------------------------------------------------------------

ALL = LAYERS[LossOrder.DEFAULT_FUND]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"skin_in_the_game": -1}, "skin_in_the_game must not be negative, but is -1"),
        ({"second_skin_in_the_game": -2}, "second_skin_in_the_game must not be negative"),
        ({"further_amount": -1}, "further_amount must not be negative"),
        ({"equity": -1}, "equity must not be negative"),
        ({"insurance_fund": -1}, "insurance_fund must not be negative"),
        ({"assessment_cap_bp": -1}, "assessment_cap_bp must not be negative"),
        ({"gains_haircut_cap_bp": 10_001}, "gains_haircut_cap_bp must lie between 0 and 10000"),
        ({"capped_period": 0}, "capped_period must be a nanosecond or more"),
        ({"layers": ALL[:2] + ALL[3:]}, "the default_fund order miss skin_in_the_game; name them"),
        ({"layers": ()}, "miss defaulter_margin, defaulter_fund_share"),
        ({"layers": (*ALL, Layer.DELEVERAGING)}, "layers name deleveraging, which the default_fund order"),
        ({"layers": (*ALL, Layer.EQUITY)}, "must be, once each: defaulter_margin"),
        ({"layers": (ALL[1], ALL[0], *ALL[2:])}, "must be, once each: defaulter_margin, defaulter_fund"),
        ({"order": LossOrder.CRYPTO}, "layers of the crypto order miss insurance_fund, deleveraging"),
    ],
)
def test_a_waterfall_that_cannot_be_names_its_fault(changes: dict[str, object], fault: str) -> None:
    assert fault in str(fault_in_waterfall(terms(**changes)))


def test_both_orders_have_sound_terms_that_can_be_written_and_read() -> None:
    for order, layers in LAYERS.items():
        plain = terms(order=order, layers=layers)
        assert fault_in_waterfall(plain) is None
        assert decode(encode(plain), WaterfallTerms) == plain


def test_every_layer_belongs_to_an_order() -> None:
    assert {layer for layers in LAYERS.values() for layer in layers} == set(Layer)


def test_fellow_clients_give_by_what_they_have_in_the_pool_and_no_more() -> None:
    """The odd kopeck goes to the larger remainder, and of equal ones to the first by id."""
    pool = {C: 100, A: 300, B: 0, D: 100}
    assert pool_shares(251, pool) == {A: 151, C: 50, D: 50}
    assert pool_shares(252, pool) == {A: 151, C: 51, D: 50} == pool_shares(252, dict(reversed(pool.items())))
    assert pool_shares(501, pool) == {A: 300, C: 100, D: 100}
    assert pool_shares(0, pool) == pool_shares(7, {}) == pool_shares(7, {A: 0}) == {}
