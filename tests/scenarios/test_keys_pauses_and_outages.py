"""A stolen key, a pause and an outage while money is due, and everything at once: the same day in four kinds of money,
covered in full and by margin. What makes no sense in one of them is refused there, and the record says so.
"""

from functools import cache
from itertools import pairwise
from typing import NamedTuple, TypeVar

import pytest

from exchange.audit import audit
from exchange.commands import Command, DefaultReason
from exchange.core import Exchange
from exchange.events import (
    BooksAudited,
    BucketSettled,
    CashRequestRejected,
    ClaimSettled,
    CoinRequestRefused,
    CoinsMinted,
    CustodyGated,
    CustodyReopened,
    DefaultDeclared,
    Entry,
    Event,
    IndexPublished,
    IssuerPaused,
    IssuerUnpaused,
    MarginCalled,
    MarginCallExtended,
    OutageBegan,
    OutageEnded,
    ReservesAttested,
    SupplyExceedsReserves,
    TradeReported,
    VariationCleared,
    VariationLate,
    WithdrawalCompleted,
    WithdrawalRequested,
)
from exchange.reasons import CashRefusal
from exchange.units import HOUR, MINUTE, SECOND, AssetId, Time
from scenarios.assembly import Assembled, assemble
from scenarios.config.regime_file import load_regime, read_cash, with_cash, with_clearing
from scenarios.config.scenario_file import load_world
from scenarios.run import let_time_pass
from scenarios.world import World
from tests.scenarios.small_worlds import KEYS_PAUSES_AND_OUTAGES, MIDNIGHT, Kept
from tests.test_determinism import IN_OTHER_MONEY, OPEN, POPULATION, RENEW, SEED, golden, name_of

E = TypeVar("E", bound=Event)
MONEY, COINS = ("rub_bank", "digital_rouble"), ("domestic_supervised", "foreign_tether_like")
PROFILES = (*MONEY, *COINS)
CLEARINGS = ("full", "risk")

in_each_money = pytest.mark.parametrize("cash", PROFILES)
in_each_clearing = pytest.mark.parametrize("clearing", CLEARINGS)


class Lived(NamedTuple):
    world: World
    kept: Kept
    assembled: Assembled

    def events(self, kind: type[E]) -> list[E]:
        return self.kept.events(kind)

    def entries(self, kind: type[Event]) -> list[Entry]:
        return [entry for entry in self.kept.told if isinstance(entry.event, kind)]

    def between(self, kind: type[E], begins: Time, ends: Time) -> list[E]:
        """Later than the one and before the other."""
        return [e.event for e in self.kept.told if isinstance(e.event, kind) and begins < e.time < ends]

    def refusals(self, request: str) -> list[CashRefusal]:
        return [event.reason for event in self.events(CoinRequestRefused) if event.request == request]


def begin(scenario: str, clearing: str, cash: str, people: int = POPULATION) -> tuple[World, Kept, Assembled]:
    regime = load_regime(with_cash(with_clearing(OPEN, clearing), cash))
    world, kept = load_world(scenario, people, cash=read_cash(cash).cash), Kept()
    return world, kept, assemble(world, regime, SEED, kept)


@cache
def lived(scenario: str, clearing: str, cash: str, people: int = POPULATION) -> Lived:
    """One whole day. Whoever asks again for the same day gets the one that was lived before."""
    world, kept, assembled = begin(scenario, clearing, cash, people)
    let_time_pass(assembled.simulation, world)
    return Lived(world, kept, assembled)


def clock(hours: int, minutes: int = 0) -> Time:
    return MIDNIGHT + hours * HOUR + minutes * MINUTE


def asset_of(cash: str) -> AssetId:
    return AssetId(read_cash(cash).cash.asset)


@in_each_money
@in_each_clearing
@pytest.mark.parametrize("scenario", (*KEYS_PAUSES_AND_OUTAGES, "everything_at_once"))
def test_the_day_ends_in_every_money_and_passes_its_audit(scenario: str, clearing: str, cash: str) -> None:
    day = lived(scenario, clearing, cash)
    assert day.events(BooksAudited) and day.events(TradeReported)
    assert day.events(BucketSettled if clearing == "full" else VariationCleared)
    assert audit(day.assembled.simulation.exchange.state) == []
    assert day.assembled.simulation.malformed == []
    cell = (scenario, with_cash(OPEN, cash), clearing)
    if cell in IN_OTHER_MONEY:
        assert day.kept.digest == golden()[name_of(*cell)], RENEW


# --- a stolen key ---------------------------------------------------------------------------------------

ALLOWANCE = 500_000_000_000  # 5bn roubles, of which people's coins have used up some


@in_each_clearing
def test_a_thief_mints_no_more_than_the_allowance_and_it_is_told_in_that_instant(clearing: str) -> None:
    """F18: what stands behind nothing is what was left of the allowance; no second time, and no later one."""
    day = lived("minter_key_stolen", clearing, "foreign_tether_like")
    *honest, stolen = day.entries(CoinsMinted)
    (told,) = day.entries(SupplyExceedsReserves)
    people = sum(entry.event.amount for entry in honest)  # type: ignore[attr-defined]
    assert isinstance(stolen.event, CoinsMinted) and isinstance(told.event, SupplyExceedsReserves)
    assert (stolen.event.wallet_id, stolen.event.backed) == ("thief", False)
    assert stolen.event.amount == ALLOWANCE - people > 0
    assert told.event.shortfall == stolen.event.amount == told.event.supply - told.event.book
    assert (stolen.time, told.time) == (clock(11), clock(11))
    assert day.refusals("MintCoins") == [CashRefusal.ALLOWANCE_EXCEEDED, CashRefusal.MINTING_SUSPENDED]
    (attested,) = day.events(ReservesAttested)
    assert attested.supply - attested.book == told.event.shortfall


@in_each_clearing
def test_an_honest_coin_refuses_what_no_receipt_stands_for(clearing: str) -> None:
    day = lived("minter_key_stolen", clearing, "domestic_supervised")
    no_receipt = CashRefusal.NO_FIAT_RECEIPT
    assert day.refusals("MintCoins") == [no_receipt, no_receipt, CashRefusal.MINTING_SUSPENDED]
    assert not day.events(SupplyExceedsReserves)
    assert all(minted.backed for minted in day.events(CoinsMinted))


@in_each_clearing
@pytest.mark.parametrize("cash", MONEY)
def test_money_proper_has_no_such_key(clearing: str, cash: str) -> None:
    day = lived("minter_key_stolen", clearing, cash)
    for request in ("MintCoins", "ChangeIssuerState", "AttestReserves"):
        assert set(day.refusals(request)) == {CashRefusal.NOT_A_COIN}


@in_each_clearing
def test_what_is_stolen_outside_changes_nothing_on_the_venues_books(clearing: str) -> None:
    """Unless the coin is then priced lower: whoever trades only here trades the same in every money."""
    trades = [
        [
            (event.price, event.quantity)
            for event in lived("minter_key_stolen", clearing, cash).events(TradeReported)
        ]
        for cash in PROFILES
    ]
    assert trades[0] and all(one == another for one, another in pairwise(trades))


# --- a pause while gains and losses are cleared -----------------------------------------------------------

PAUSED, CLEARED, EXPIRES, UNPAUSED = clock(10), clock(11), clock(11, 45), clock(12)
BEGINS, ENDS = (IssuerPaused, OutageBegan), (IssuerUnpaused, OutageEnded)


@in_each_money
@in_each_clearing
def test_nothing_leaves_during_the_pause_and_what_was_asked_for_leaves_after(
    clearing: str, cash: str
) -> None:
    """F13, outside: refused with the reason, asked for again, and paid when the keeper is back."""
    day = lived("issuer_pause_in_clearing", clearing, cash)
    number = PROFILES.index(cash) < len(MONEY)
    assert [entry.time for entry in day.entries(BEGINS[number])] == [PAUSED]
    assert [entry.time for entry in day.entries(ENDS[number])] == [UNPAUSED]
    refused = day.between(CashRequestRejected, PAUSED, UNPAUSED)
    because = CashRefusal.OUTAGE if cash in MONEY else CashRefusal.ISSUER_PAUSED
    assert refused and {event.reason for event in refused if event.request == "WithdrawCash"} == {because}
    assert not day.between(WithdrawalCompleted, PAUSED + MINUTE, UNPAUSED)
    assert not day.between(WithdrawalRequested, PAUSED, UNPAUSED)
    waited = {event.participant_id for event in refused}
    assert waited & {
        event.participant_id for event in day.between(WithdrawalCompleted, UNPAUSED, day.world.ends)
    }


@in_each_money
def test_the_settlement_goes_through_during_the_pause(cash: str) -> None:
    """F13, inside: the pool pays all that it holds, in the middle of the pause."""
    day = lived("issuer_pause_in_clearing", "full", cash)
    (settled,) = day.entries(BucketSettled)
    assert isinstance(settled.event, BucketSettled) and settled.time == EXPIRES
    paid = [event.payout for event in day.events(ClaimSettled)]
    assert len(paid) == settled.event.holders and sum(paid) == settled.event.pool > 0


@in_each_money
def test_the_clearing_goes_through_during_the_pause_and_tells_the_liquidity_it_needed(cash: str) -> None:
    """F13 with margin: who is due is paid in full; what is late comes from the house, and goes back to it."""
    day = lived("issuer_pause_in_clearing", "risk", cash, people=40)
    (cleared,) = day.between(VariationCleared, CLEARED - 1, CLEARED + 1)
    late = day.between(VariationLate, CLEARED - 1, CLEARED + 1)
    assert cleared.liquidity == cleared.late == sum(event.amount for event in late) > 0
    assert cleared.distributed == cleared.collected + cleared.liquidity
    assert sum(event.liquidity for event in day.events(VariationCleared)) == 0
    assert day.between(MarginCalled, CLEARED - MINUTE, UNPAUSED)
    missed = day.between(DefaultDeclared, PAUSED, UNPAUSED + HOUR)
    assert DefaultReason.CALL_MISSED not in {event.reason for event in missed}


# --- the settlement bank is silent ------------------------------------------------------------------------

SILENT, PAYS, BACK = clock(8), clock(11), clock(12)
CALL = HOUR  # whoever is called has so long


def test_late_in_an_outage_is_no_default_within_the_grace_and_the_liquidity_line_pays() -> None:
    """F19 with margin: the whole period of a call counts from the end of the outage on."""
    day = lived("settlement_bank_outage", "risk", "rub_bank")
    (cleared,) = day.between(VariationCleared, PAYS - 1, PAYS + 1)
    assert cleared.liquidity == cleared.late > 0
    assert cleared.distributed == cleared.collected + cleared.liquidity
    late = {event.participant_id for event in day.between(VariationLate, PAYS - 1, PAYS + 1)}
    assert day.between(DefaultDeclared, SILENT, BACK + CALL) == []
    extended = day.between(MarginCallExtended, BACK - 1, BACK + 1)
    assert late <= {event.participant_id for event in extended}
    assert {event.deadline for event in extended} == {BACK + CALL}
    declared = {
        event.defaulter: event.reason for event in day.between(DefaultDeclared, BACK, BACK + CALL + 1)
    }
    assert set(declared.values()) == {DefaultReason.CALL_MISSED}
    assert sum(event.liquidity for event in day.events(VariationCleared)) == 0


@pytest.mark.parametrize("cash", [cash for cash in PROFILES if cash != "rub_bank"])
def test_where_no_bank_is_needed_the_deadline_of_a_call_stands(cash: str) -> None:
    """F19: tokens are unaffected, so that who is late could have paid."""
    day = lived("settlement_bank_outage", "risk", cash)
    assert day.refusals("ReportOutage") == day.refusals("EndOutage") == [CashRefusal.UNKNOWN_ASSET]
    assert not day.events(MarginCallExtended) and not day.events(OutageBegan)
    missed = day.between(DefaultDeclared, PAYS, PAYS + CALL + 1)
    assert missed and {event.reason for event in missed} == {DefaultReason.CALL_MISSED}


@in_each_clearing
@in_each_money
def test_the_rouble_leg_is_delayed_and_tokens_are_not(clearing: str, cash: str) -> None:
    """F19: under full cover that is all that happens."""
    day = lived("settlement_bank_outage", clearing, cash)
    completed = day.between(WithdrawalCompleted, SILENT + MINUTE, BACK)
    refused = {event.reason for event in day.between(CashRequestRejected, SILENT, BACK)}
    assert bool(completed) is (cash != "rub_bank")
    assert (CashRefusal.OUTAGE in refused) is (cash == "rub_bank")
    assert day.between(WithdrawalCompleted, BACK, day.world.ends)
    paid = day.entries(BucketSettled if clearing == "full" else VariationCleared)
    assert paid[-1].time == clock(13, 25)


# --- everything at once -----------------------------------------------------------------------------------

GAP = clock(11, 15) + SECOND


@in_each_money
@in_each_clearing
def test_in_one_nanosecond_the_freeze_comes_before_prices_and_prices_before_their_victims(
    clearing: str, cash: str
) -> None:
    """F30: by class, whoever keeps the money; what is frozen is gated until the court lets it go."""
    day = lived("everything_at_once", clearing, cash)
    (gated,) = day.entries(CustodyGated)
    (reopened,) = day.entries(CustodyReopened)
    assert (gated.time, reopened.time) == (GAP, clock(12, 15))
    priced = next(entry for entry in day.entries(IndexPublished) if entry.time == GAP)
    ruined = [entry for entry in day.entries(DefaultDeclared) if entry.time == GAP]
    assert gated.sequence < priced.sequence
    assert bool(ruined) is (clearing == "risk")
    assert all(priced.sequence < entry.sequence for entry in ruined)
    assert not day.between(WithdrawalCompleted, GAP + MINUTE, clock(12, 15))
    assert {event.asset_id for event in day.events(CustodyGated)} == {asset_of(cash)}


class Audited(Exchange):
    """Walks every invariant each time it has done something, while it matters."""

    audits = 0

    def handle(self, command: Command, now: Time) -> list[Entry]:
        return self._audited(super().handle(command, now))

    def advance(self, now: Time) -> list[Entry]:
        return self._audited(super().advance(now))

    def _audited(self, entries: list[Entry]) -> list[Entry]:
        if GAP - SECOND <= self.state.now <= GAP + MINUTE:
            Audited.audits += 1
            assert audit(self.state) == [], entries
        return entries


@in_each_money
@in_each_clearing
def test_no_invariant_is_broken_at_any_step_around_that_nanosecond(
    monkeypatch: pytest.MonkeyPatch, clearing: str, cash: str
) -> None:
    monkeypatch.setattr("scenarios.assembly.Exchange", Audited)
    monkeypatch.setattr(Audited, "audits", 0)
    world, _, assembled = begin("everything_at_once", clearing, cash)
    let_time_pass(assembled.simulation, world)
    assert Audited.audits > 60
