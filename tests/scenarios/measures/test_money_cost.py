"""What the money cost whom: a person, a firm and a maker; the house and the issuer."""

import math

import pytest

from exchange.access.regime import ApplicantKind
from exchange.cash.terms import ReserveStatus
from exchange.events import (
    CashDeposited,
    CashPriced,
    ClaimConverted,
    CoinsMinted,
    InstrumentListed,
    LossAllocated,
    LossRestored,
    LossShared,
    LossUndone,
    OwnFundsAdded,
    ReservesCoverSupply,
    ReserveSold,
    ReserveStatusChanged,
    SupplyExceedsReserves,
    WithdrawalCompleted,
)
from exchange.instruments import ContractKind, Instrument
from exchange.reasons import CashRefusal
from scenarios.measures import MEASURES, RunView, measure_run, money_cost
from tests.scenarios.measures.made import Story, a_listing, a_profile
from tests.scenarios.measures.test_cash_leg import arrived, asked, deposited, refused

POPULATION = (a_profile("ann"), a_profile("acme", kind=ApplicantKind.COMPANY))


def by_class(view: RunView, name: str) -> list[float]:
    values = measure_run(view)
    return [values[f"{name}_{holders.name}"] for holders in money_cost.CLASSES]


def shared(who: str, rub: int) -> LossShared:
    return LossShared(participant_id=who, asset_id="RUBD", amount=rub * 100)


def test_losses_fees_and_what_came_back() -> None:
    """Ann: 30 lost, 10 of it back, and fees of 2 + 1. Acme: 50 lost. The maker: 20 lost."""
    paid_in = CashDeposited(participant_id="ann", asset_id="RUBD", amount=10_000, fee=200)
    out = WithdrawalCompleted(participant_id="ann", withdrawal_id=1, asset_id="RUBD", amount=1_000, fee=100)
    back = LossRestored(participant_id="ann", asset_id="RUBD", amount=1_000)
    story = Story().at(0, paid_in, out, shared("ann", 30), shared("acme", 50), shared("maker", 20))
    assert by_class(story.at(60, back).seen(POPULATION), "money_cost") == [23.0, 50.0, 20.0]


def test_below_par_at_the_close_on_what_is_still_there() -> None:
    """At 90%: ann has 100 - 40 left, acme all of 200; who took out more than it brought bears nothing."""
    story = Story().at(0, *(deposited(who, rub) for who, rub in (("ann", 100), ("acme", 200), ("mo", 10))))
    story.at(60, arrived("ann", 1, 40), arrived("mo", 2, 30))
    story.at(90, CashPriced(asset_id="RUBD", price_ppm=500_000, source="book"))
    view = story.at(99, CashPriced(asset_id="RUBD", price_ppm=900_000, source="book")).seen(POPULATION)
    assert by_class(view, "money_cost") == pytest.approx([6.0, 20.0, 0.0])


def test_what_a_conversion_takes() -> None:
    """100 become 80 of the fallback; the price of what is no longer owed does not count beside."""
    converted = ClaimConverted(
        participant_id="ann", asset_id="RUBD", fallback_asset_id="RUB", amount=10_000, received=8_000
    )
    story = Story().at(
        0, deposited("ann", 100), CashPriced(asset_id="RUBD", price_ppm=500_000, source="book")
    )
    assert by_class(story.at(60, converted).seen(POPULATION), "money_cost") == pytest.approx([20.0, 0.0, 0.0])


def test_what_was_asked_back_and_is_not_there() -> None:
    """Ann gets 40 of 100; acme is refused 70 twice; the maker's 20 arrive after the close."""
    story = Story().at(60, asked("ann", 1, 40), refused("ann", 100, CashRefusal.GATED), asked("maker", 2, 20))
    story.at(90, arrived("ann", 1, 40), *[refused("acme", 70, CashRefusal.WALLET_FROZEN)] * 2)
    view = story.at(3_700, arrived("maker", 2, 20)).seen(POPULATION)
    assert by_class(view, "money_not_there") == [60.0, 70.0, 20.0]


def test_the_house_and_its_insurance() -> None:
    lost = LossAllocated(asset_id="RUBD", loss=20_000, house=6_000, holders=10_000, insurance=4_000)
    undone = LossUndone(asset_id="RUBD", amount=3_000, house=1_000, holders=0, insurance=2_000)
    view = Story().at(0, lost).at(60, undone).seen()
    assert money_cost.money_cost_house.function(view) == 70.0


def test_the_issuer_bears_what_its_holders_do_not() -> None:
    """80 lost, a sale of 50 brings 46, and 20 are short at the close: the issuer bears 64."""
    story = Story().at(0, CoinsMinted(asset_id="RUBD", wallet_id="w", amount=1, supply=1))
    gone = {"asset_id": "RUBD", "bucket": "b", "status": ReserveStatus.LOST, "book": 0, "accessible": 0}
    story.at(60, ReserveStatusChanged(**gone, lost=8_000))
    story.at(70, ReserveSold(asset_id="RUBD", bucket="b", amount=5_000, proceeds=4_600))
    story.at(80, SupplyExceedsReserves(asset_id="RUBD", supply=9_000, book=7_000, shortfall=2_000))
    assert money_cost.money_cost_issuer.function(story.seen()) == 64.0
    story.at(90, OwnFundsAdded(asset_id="RUBD", amount=2_000, book=9_000))
    covered = story.at(90, ReservesCoverSupply(asset_id="RUBD", supply=9_000, book=9_000)).seen()
    assert money_cost.money_cost_issuer.function(covered) == 84.0


def test_stolen_coins_cost_the_issuer_nothing_while_the_holders_are_short() -> None:
    story = Story().at(0, CoinsMinted(asset_id="RUBD", wallet_id="w", amount=1, supply=1, backed=False))
    short = SupplyExceedsReserves(asset_id="RUBD", supply=9_000, book=7_000, shortfall=2_000)
    assert money_cost.money_cost_issuer.function(story.at(1, short).seen()) == 0.0


def test_money_proper_has_no_issuer_and_costs_nothing_on_a_calm_day() -> None:
    view = Story().at(0, deposited("ann", 100)).seen(POPULATION)
    assert math.isnan(money_cost.money_cost_issuer.function(view))
    assert by_class(view, "money_cost") == by_class(view, "money_not_there") == [0.0, 0.0, 0.0]
    assert {measure.name for measure in money_cost.MEASURES} <= {measure.name for measure in MEASURES}


def test_who_sells_below_par_has_lost_it_to_who_buys() -> None:
    """A lot of 100 RUB; 1,000 ticks are par. Ann brings 500, sells 3 lots at 880 and holds 2; at the close they are at
    950: 36 and 10 lost. Acme brings none, buys them: 36 gained, and 15 lost by the close."""
    pair = a_listing("RUBD_RUB")
    terms = {name: getattr(pair.instrument, name) for name in pair.instrument.__struct_fields__}
    pair = InstrumentListed(
        instrument=Instrument(
            **terms
            | {
                "kind": ContractKind.CASH_PAIR, "base": "RUBD", "cash": "RUB", "lot_units": 10_000, "tick": 1_000,
                "tick_value": 10, "expiry": 0, "reference": 1_000, "cap": 2_000,
            }
        )
    )  # fmt: skip
    story = Story().at(0, pair, deposited("ann", 500))
    story.trade(60, "acme", "ann", 3, 880, instrument_id="RUBD_RUB")
    view = story.at(90, CashPriced(asset_id="RUBD", price_ppm=950_000, source="book")).seen(POPULATION)
    assert by_class(view, "money_cost") == pytest.approx([46.0, -21.0, 0.0])
