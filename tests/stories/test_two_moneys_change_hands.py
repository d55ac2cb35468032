"""PvP: bank roubles against coins in one chain of the venue's books, and what their keepers say to that."""

from exchange.commands import FreezeWallet, ReportOutage, RunSettlementCycle, SettlementModel
from exchange.events import InstructionRecycled, InstructionSettled, LegFinality
from exchange.reasons import CashRefusal
from exchange.units import DAY, HOUR, MINUTE, SECOND
from tests.builders import ANN, BOB, OPENS, RUBD, of_kind
from tests.exchange.test_settlement import agree
from tests.money import OFFICE, RUB, MoneyVenue, bank_terms

PVP = SettlementModel.PVP


def a_deal() -> MoneyVenue:
    """Ann gives 1,000 bank roubles for 990 coins of Bob's. The bank is open until 18:00, two hours from now."""
    venue = MoneyVenue(bank=bank_terms(hours=OFFICE))
    for name in (ANN, BOB):
        venue.admit(name, 0)
    venue.bring_cash(ANN, 1_000)
    venue.bring_cash(BOB, 990, RUBD)
    agree(venue, ANN, BOB, 1_000, 990, asset_id=RUB)
    return venue


def settle(venue: MoneyVenue) -> InstructionSettled:
    settled = of_kind(venue.tell(RunSettlementCycle(model=PVP)), InstructionSettled)[0]
    assert (venue.cash(BOB, RUB), venue.cash(ANN, RUBD)) == (1_000, 990)
    assert venue.cash(ANN, RUB) == venue.cash(BOB, RUBD) == 0
    return settled


def test_both_legs_carry_the_stamp_of_their_keeper() -> None:
    venue = a_deal()
    settled = settle(venue)
    assert settled.legs == (
        LegFinality(asset_id=RUB, final_at=settled.final_at + MINUTE, reason=None),
        LegFinality(asset_id=RUBD, final_at=settled.final_at + 2 * SECOND, reason=None),
    )
    assert settled.issuer_final_at == settled.final_at + MINUTE


def test_after_hours_the_bank_disagrees_until_the_morning() -> None:
    venue = a_deal()
    venue.wait_until(OPENS + 3 * HOUR)
    settled = settle(venue)
    morning = OPENS - OPENS % DAY + DAY + 6 * HOUR + MINUTE
    assert settled.legs[0] == LegFinality(asset_id=RUB, final_at=morning, reason=CashRefusal.CLOSED)
    assert settled.issuer_final_at == morning


def test_in_an_outage_nobody_knows_when() -> None:
    venue = a_deal()
    venue.tell(ReportOutage(asset_id=RUB))
    settled = settle(venue)
    assert settled.legs[0] == LegFinality(asset_id=RUB, final_at=None, reason=CashRefusal.OUTAGE)
    assert settled.legs[1].final_at is not None and settled.issuer_final_at is None


def test_a_frozen_wallet_of_the_venue_stops_neither_leg_inside() -> None:
    venue = a_deal()
    keys = ("issuer", "central_bank")
    wallet = venue.state.holdings[RUBD].custody.wallets[0]
    venue.tell(FreezeWallet(asset_id=RUBD, wallet_id=wallet, order_ref="case", signatures=keys))
    settled = settle(venue)
    assert settled.legs[1] == LegFinality(asset_id=RUBD, final_at=None, reason=CashRefusal.GATED)


def test_neither_money_moves_without_the_other() -> None:
    venue = a_deal()
    venue.withdraw(BOB, 1, RUBD)
    recycled = of_kind(venue.tell(RunSettlementCycle(model=PVP)), InstructionRecycled)
    assert {event.failing_id for event in recycled} == {BOB}
    assert (venue.cash(ANN, RUB), venue.cash(BOB, RUB)) == (1_000, 0)
