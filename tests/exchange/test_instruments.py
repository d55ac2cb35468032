"""Contract terms: what each claim pays at every settlement, and which terms cannot be listed."""

import pytest

from exchange.instruments import ContractKind, Instrument, Product, SettlementRule, fault_in
from exchange.messages import decode, encode
from tests.builders import future, option

FLOORED = {"floor": 40_000, "cap": 120_000}
FUTURE = future(**FLOORED)
CALL = option(ContractKind.CALL, 90_000, **FLOORED)
PUT = option(ContractKind.PUT, 70_000, **FLOORED)
DIGITAL_CALL = option(ContractKind.DIGITAL_CALL, 90_000, digital_payoff=5_000, **FLOORED)
DIGITAL_PUT = option(ContractKind.DIGITAL_PUT, 70_000, digital_payoff=5_000, **FLOORED)


@pytest.mark.parametrize(
    ("instrument", "payoffs"),
    [
        (FUTURE, {0: 0, 40_000: 0, 40_001: 1, 80_000: 40_000, 120_000: 80_000, 200_000: 80_000}),
        (CALL, {0: 0, 90_000: 0, 90_001: 1, 120_000: 30_000, 200_000: 30_000}),
        (PUT, {0: 30_000, 40_000: 30_000, 69_999: 1, 70_000: 0, 200_000: 0}),
        (DIGITAL_CALL, {0: 0, 89_999: 0, 90_000: 5_000, 200_000: 5_000}),
        (DIGITAL_PUT, {0: 5_000, 69_999: 5_000, 70_000: 0, 200_000: 0}),
    ],
    ids=lambda value: value.kind if isinstance(value, Instrument) else "",
)
def test_what_a_lot_pays_stops_at_the_edges_of_the_collar(
    instrument: Instrument, payoffs: dict[int, int]
) -> None:
    assert {settlement: instrument.payoff(settlement) for settlement in payoffs} == payoffs


@pytest.mark.parametrize(
    ("instrument", "lowest", "highest", "kinks"),
    [
        (FUTURE, 40_000, 120_000, ()),
        (CALL, 0, 30_000, (90_000,)),
        (PUT, 0, 30_000, (70_000,)),
        (DIGITAL_CALL, 0, 5_000, (89_999, 90_000)),
        (DIGITAL_PUT, 0, 5_000, (69_999, 70_000)),
    ],
    ids=lambda value: value.kind if isinstance(value, Instrument) else "",
)
def test_between_which_prices_it_trades_and_where_its_payoff_turns(
    instrument: Instrument, lowest: int, highest: int, kinks: tuple[int, ...]
) -> None:
    assert (instrument.lowest_price, instrument.highest_price, instrument.kinks) == (lowest, highest, kinks)


def test_a_future_and_its_options_share_a_bucket_and_another_expiry_does_not() -> None:
    assert CALL.bucket_id == PUT.bucket_id == FUTURE.bucket_id
    assert future(expiry=FUTURE.expiry + 1).bucket_id != FUTURE.bucket_id
    assert (FUTURE.product, CALL.product, DIGITAL_PUT.product) == (
        Product.FUTURE,
        Product.OPTION,
        Product.OPTION,
    )


@pytest.mark.parametrize(
    ("terms", "fault"),
    [
        (future(), None),
        (option(ContractKind.PUT, 70_000), None),
        (future(tick_value=0), "tick_value must be a whole, positive number"),
        (future(tick_value=0.5), "tick_value must be a whole, positive number"),
        (future(tick=0), "tick must be at least one index unit"),
        (future(floor=-1), "floor -1 must be zero or more"),
        (future(floor=160_000), "must be zero or more and lie below cap 160000"),
        (future(strike=80_000), "only an option has a strike"),
        (option(ContractKind.CALL, 160_000), "an option needs a strike between floor 0 and cap 160000"),
        (option(ContractKind.CALL, 0), "an option needs a strike between"),
        (option(ContractKind.DIGITAL_CALL, 90_000), "needs a digital_payoff of a tick or more"),
        (future(reference=0), "reference 0 must lie between 0 and 160000"),
        (future(reference=160_000), "reference 160000 must lie between"),
        (future(floor=40_000), None),
        (future(floor=40_001), "floor 40001 must be at most half of reference 80000"),
        (future(cap=119_999), "cap 119999 must be between one and a half times and three times"),
        (future(cap=120_000), None),
        (future(cap=240_000), None),
        (future(cap=240_001), "cap 240001 must be between"),
        (future(fee_maker=-1), "fees must not be negative"),
        (future(max_quantity=0), "max_quantity must be one lot or more"),
        (future(price_band_bp=0), "price_band_bp and protection_bp must be positive"),
        (future(protection_bp=0), "price_band_bp and protection_bp must be positive"),
        (future(tick_value=57_646_075), None),
        (future(tick_value=57_646_076), "more than 63 bits hold"),
    ],
)
def test_terms_that_cannot_be_listed_are_told_with_a_remedy(terms: Instrument, fault: str | None) -> None:
    found = fault_in(terms)
    assert found is None if fault is None else found is not None and fault in found


def test_a_settlement_rule_is_one_of_ours() -> None:
    for rule in SettlementRule:
        assert fault_in(future(settlement_rule=rule)) is None
    fault = fault_in(future(settlement_rule="twap"))
    assert fault == "settlement_rule must be one of TWAP_CAPPED, PARTITIONED_VWM, SNAPSHOT, not 'twap'"


def test_every_rule_reads_back() -> None:
    for rule in SettlementRule:
        stated = future(settlement_rule=rule)
        assert decode(encode(stated), Instrument) == stated
