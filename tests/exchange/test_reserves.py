"""What stands behind a coin, what can be had of it and when; and the arithmetic of a run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.cash.reserves import Reserves
from exchange.cash.run_value import PAR_PPM, par_capacity_ppm, pays_to_run, value_left_ppm
from exchange.cash.terms import ReserveClass, ReserveStatus, ReserveTerms

OK, STUCK, LOST = ReserveStatus


def bucket(name: str, amount: int, days: int = 0, haircut_bp: int = 0, **more: object) -> ReserveTerms:
    terms: dict[str, object] = {
        "reserve_class": ReserveClass.BANK_DEPOSIT if days == 0 else ReserveClass.SHORT_BILLS,
        "custodian": f"bank of {name}",
        "weight_bp": 5_000,
    }
    return ReserveTerms(
        name=name, amount=amount, liquidity_days=days, haircut_bp=haircut_bp, **{**terms, **more}
    )  # type: ignore[arg-type]


def a_third_is_money() -> Reserves:
    """E17: 30% at once, 70% that sells at once with a haircut of 8%."""
    return Reserves((bucket("cash", 30_000), bucket("bills", 70_000, days=1, haircut_bp=800)))


def figures(reserves: Reserves) -> tuple[int, int, int]:
    return (reserves.book, reserves.accessible, reserves.liquid)


def test_book_accessible_and_liquid():
    reserves = a_third_is_money()
    assert figures(reserves) == (100_000, 100_000, 30_000)
    reserves.report("bank of cash", STUCK, 10_000)
    assert figures(reserves) == (100_000, 70_000, 0)
    (change,) = reserves.report("bank of cash", LOST, 3_333)
    assert change == ("cash", LOST, 9_999)
    assert figures(reserves) == (90_001, 70_000, 0)  # what is not lost is still stuck
    reserves.report("bank of cash", OK, 10_000)
    assert figures(reserves) == (90_001, 90_001, 20_001)


def test_what_is_lost_whole_stays_lost_and_takes_nothing_in():
    reserves = a_third_is_money()
    reserves.report("bank of cash", LOST, 10_000)
    assert reserves.report("bank of cash", OK, 10_000) == []
    reserves.take_in(10)
    assert figures(reserves) == (70_010, 70_010, 0)
    reserves.report("bank of bills", LOST, 10_000)
    assert not reserves.can_take_in()
    assert list(reserves.faults()) == []


def test_all_that_one_bank_has_is_stuck_together():
    reserves = Reserves((bucket("a", 5, custodian="one"), bucket("b", 7, custodian="one"), bucket("c", 9)))
    assert [change.bucket for change in reserves.report("one", STUCK, 10_000)] == ["a", "b"]
    assert figures(reserves) == (21, 9, 9)


def test_what_comes_in_is_spread_by_weight_over_what_is_in_order():
    reserves = Reserves((bucket("a", 0, weight_bp=6_000), bucket("b", 0, weight_bp=4_000)))
    reserves.take_in(101)
    assert [b.amount for b in reserves.buckets.values()] == [61, 40]
    reserves.report("bank of a", STUCK, 10_000)
    reserves.take_in(9)
    assert [b.amount for b in reserves.buckets.values()] == [61, 49]
    reserves.report("bank of b", STUCK, 10_000)
    reserves.take_in(5)
    assert [b.amount for b in reserves.buckets.values()] == [64, 51]


def test_paper_is_sold_at_once_with_its_haircut():
    reserves = a_third_is_money()
    (sale,) = reserves.sell_at_once(30_000)
    assert (sale.amount, sale.proceeds) == (32_609, 30_000)  # 30,000 / 0.92, rounded up
    assert figures(reserves) == (97_391, 97_391, 60_000)
    (rest,) = reserves.sell_at_once(10**9)
    assert (rest.amount, rest.proceeds) == (37_391, 34_399)
    assert reserves.liquid == 94_399  # 94.4% of the supply is what can be paid at par
    assert reserves.sell_at_once(1) == []


def test_proceeds_go_to_a_bank_that_is_in_order_or_stay_with_the_issuer():
    reserves = a_third_is_money()
    reserves.report("bank of cash", STUCK, 10_000)
    reserves.sell_at_once(920)
    assert reserves.liquid == 920
    assert reserves.buckets["proceeds"].terms.custodian == "issuer"
    reserves.pay(920)
    assert figures(reserves) == (99_000, 69_000, 0)


def test_paper_that_is_sold_whole_is_paid_for_later_and_not_sold_twice():
    reserves = a_third_is_money()
    ((sale_id, sale),) = reserves.order_sales(40_000).items()
    assert (sale.amount, sale.proceeds, sale.days) == (40_000, 40_000, 1)
    assert reserves.order_sales(40_000) == {}
    assert figures(reserves) == (100_000, 100_000, 30_000)
    assert reserves.settle_sale(sale_id) is not None
    assert figures(reserves) == (100_000, 100_000, 70_000)


def test_money_can_be_raised_while_there_is_some_or_paper_that_nobody_bought_yet():
    reserves = a_third_is_money()
    assert reserves.can_raise(0)
    reserves.report("bank of cash", STUCK, 10_000)
    assert not reserves.can_raise(0)
    assert reserves.can_raise(40_000)
    reserves.order_sales(40_000)
    assert not reserves.can_raise(40_000)
    assert reserves.can_raise(40_001)
    reserves.order_sales(10**9)
    assert not reserves.can_raise(10**9)


def test_what_was_sold_and_is_lost_since_raises_nothing():
    """All of the bills has a buyer, and a tenth is gone before it pays: nobody is promised a turn for that."""
    reserves = Reserves((bucket("bills", 70_000, days=1),))
    reserves.order_sales(70_000)
    reserves.report("bank of bills", LOST, 1_000)
    assert not reserves.can_raise(80_000)


def test_nothing_is_paid_for_paper_that_is_stuck_by_then():
    reserves = a_third_is_money()
    (sale_id,) = reserves.order_sales(40_000)
    reserves.report("bank of bills", STUCK, 10_000)
    assert reserves.settle_sale(sale_id) is None
    assert figures(reserves) == (100_000, 30_000, 30_000)


# --- the arithmetic of a run ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("redeemed", "liquid", "haircut", "reserves", "value"),
    [
        (600_000, 300_000, 800, PAR_PPM, 934_782),  # E17: 0.93478
        (600_000, 300_000, 800, 1_020_000, 984_782),  # with 2% of own funds
        (600_000, 600_000, 800, PAR_PPM, PAR_PPM),
        (0, 300_000, 800, PAR_PPM, PAR_PPM),
        (0, 300_000, 800, 917_500, 917_500),  # 8.25% stuck: what the books say a coin stands for
        (999_999, 0, 5_000, PAR_PPM, 0),
    ],
)
def test_what_is_left_for_who_stays(redeemed, liquid, haircut, reserves, value):
    assert value_left_ppm(redeemed, liquid, haircut, reserves) == value
    assert pays_to_run(value) == (value < PAR_PPM)


def test_how_much_can_be_redeemed_at_par():
    assert par_capacity_ppm(300_000, 800) == 944_000  # E17
    assert par_capacity_ppm(300_000, 0) == PAR_PPM
    assert par_capacity_ppm(300_000, 800, 1_100_000) == PAR_PPM


@pytest.mark.parametrize(("redeemed", "haircut"), [(PAR_PPM, 0), (-1, 0), (0, 10_000), (0, -1)])
def test_a_run_of_all_or_a_sale_for_nothing_has_no_value(redeemed, haircut):
    with pytest.raises(ValueError, match="both must be below the whole"):
        value_left_ppm(redeemed, 0, haircut)


@given(st.integers(0, 999_999), st.integers(0, PAR_PPM), st.integers(0, 9_999))
def test_the_formula_and_the_buckets_agree(redeemed, liquid, haircut):
    """Pay the redeemed part out of buckets of a million: what is left per coin is what the formula says."""
    reserves = Reserves((bucket("cash", liquid), bucket("paper", PAR_PPM - liquid, 1, haircut)))
    if redeemed > par_capacity_ppm(liquid, haircut):
        assert value_left_ppm(redeemed, liquid, haircut) <= 2 * PAR_PPM // (PAR_PPM - redeemed)
        return
    reserves.sell_at_once(redeemed - reserves.liquid)
    reserves.pay(min(redeemed, reserves.liquid))
    left = reserves.book * PAR_PPM // (PAR_PPM - redeemed)
    slack = 2 * 10_000 // (10_000 - haircut) + 2  # a unit of rounding on each side, at the price of the sale
    assert (
        abs(left - value_left_ppm(redeemed, liquid, haircut)) <= slack * PAR_PPM // (PAR_PPM - redeemed) + 1
    )
