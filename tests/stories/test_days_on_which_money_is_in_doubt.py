"""The shipped days on which money itself fails: in both clearings, and in four settlement assets.

Each story ends as it should whatever the venue settles in, and all that must always hold holds at its end.
"""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from exchange.audit import audit
from exchange.commands import FreezeWallet, HouseLayer, RecordCashLoss
from exchange.events import (
    BucketSettled,
    CashDeposited,
    CashHalted,
    CashPriced,
    CashRequestRejected,
    ClaimsConverted,
    ClaimSettled,
    CoinRequestRefused,
    CoinsRedeemed,
    CoinsReissued,
    CustodyGated,
    CustodyReopened,
    DirectiveRefused,
    HouseFunded,
    IssuerStateChanged,
    LayerUsed,
    LossAllocated,
    LossShared,
    MarginCalled,
    OrderFilled,
    PoolCut,
    RedemptionRequested,
    RedemptionsProcessed,
    ReserveStatusChanged,
    SupplyExceedsReserves,
    TradeReported,
    VenueWalletOpened,
    WalletFrozen,
    WalletUnfrozen,
    WalletWiped,
    WithdrawalCompleted,
)
from exchange.reasons import CashRefusal
from exchange.state import State
from exchange.units import HOUR, MINUTE, AssetId, Time, WalletId
from participants.population import draw_population
from scenarios.assembly import assemble
from scenarios.config.reading import stated
from scenarios.config.regime_file import load_regime, read_cash, read_regime, with_cash, with_clearing
from scenarios.config.scenario_file import load_world
from scenarios.freeze_hazard import draw_freezes
from scenarios.provenance import toml_text
from scenarios.run import let_time_pass
from scenarios.world import World
from tests.scenarios.small_worlds import CASH_LEG_DAYS, CASH_PROFILES, E, Kept
from tests.test_determinism import CASH_CELLS, OPEN, POPULATION, RENEW, SEED, golden, name_of

FOREIGN, DOMESTIC = "foreign_tether_like", "domestic_supervised"
COINS = (DOMESTIC, FOREIGN)
MONEY = ("rub_bank", "digital_rouble")
both_clearings = pytest.mark.parametrize("clearing", ["full", "risk"])
four_assets = pytest.mark.parametrize("cash", CASH_PROFILES)


class Day(NamedTuple):
    world: World
    kept: Kept
    state: State  # at its end
    asset: AssetId

    def events(self, kind: type[E]) -> list[E]:
        return self.kept.events(kind)

    def times(self, kind: type[E]) -> list[Time]:
        """Since the opening."""
        return [e.time - self.world.opens for e in self.kept.told if isinstance(e.event, kind)]

    def refused(self, request: str) -> list[CashRefusal]:
        return [one.reason for one in self.events(CoinRequestRefused) if one.request == request]


@cache
def day(scenario: str, clearing: str, cash: str, seed: int = SEED, people: int | None = POPULATION) -> Day:
    return lived(scenario, with_cash(with_clearing(OPEN, clearing), cash), seed, people)


def with_everybody(scenario: str, clearing: str, cash: str) -> Day:
    """The same, with as many people as the scenario has: where it matters how much they hold together."""
    return day(scenario, clearing, cash, 1, None)


def lived(scenario: str, regime: str, seed: int = SEED, people: int | None = POPULATION) -> Day:
    file = read_regime(regime)
    world = load_world(scenario, people, cash=file.cash.terms, fallback=file.cash.fallback_asset)
    kept = Kept()
    simulation = assemble(world, load_regime(regime), seed, kept).simulation
    let_time_pass(simulation, world)
    return Day(world, kept, simulation.exchange.state, world.cash)


@both_clearings
@four_assets
@pytest.mark.parametrize("scenario", CASH_LEG_DAYS)
def test_every_day_ends_with_all_that_must_hold(scenario: str, cash: str, clearing: str) -> None:
    """Also: whatever befalls the money, a default fund and the house's layers against defaults bear none of it."""
    one = day(scenario, clearing, cash)
    assert audit(one.state) == []
    assert one.events(TradeReported)
    assert not one.events(LayerUsed)
    if (scenario, clearing, cash) in CASH_CELLS:
        assert one.kept.digest == golden()[name_of(scenario, OPEN, clearing, cash)], RENEW
    assert one.events(BucketSettled) or clearing == "risk"


# --- a foreign authority asks ---------------------------------------------------------------------------


@both_clearings
@four_assets
def test_a_foreign_letter_stops_what_obeys_it_and_nothing_else(cash: str, clearing: str) -> None:
    """F9: an hour after the opening; everything that pays in the coin has stopped half an hour later."""
    one = day("freeze_2025_03", clearing, cash)
    traded, left = one.times(OrderFilled), one.times(WithdrawalCompleted)
    if cash != FOREIGN:
        assert one.refused("FreezeWallet") == [CashRefusal.SIGNATURES_MISSING]
        assert not one.events(WalletFrozen) + one.events(CustodyGated) + one.events(CashHalted)
        assert max(traded) > 2 * HOUR
        return
    (gated,) = one.events(CustodyGated)
    assert gated.mobile == 0 < gated.frozen
    assert one.times(CashHalted) == [90 * MINUTE] and HOUR < max(traded) <= 90 * MINUTE
    assert not any(time > HOUR for time in left)
    reasons = {refused.reason for refused in one.events(CashRequestRejected)}
    assert CashRefusal.GATED in reasons
    (told,) = one.events(DirectiveRefused)
    assert told.explanation == "the regime names no other asset to fall back on"
    assert not one.events(LossAllocated)  # a freeze takes nothing from anybody


@both_clearings
def test_and_what_the_venue_falls_back_on_lets_it_go_on(tmp_path: Path, clearing: str) -> None:
    tables = stated(read_regime(with_cash(with_clearing(OPEN, clearing), FOREIGN)))
    tables["cash"] |= {"fallback_asset": "RUB", "halt_on_freeze": True}
    path = tmp_path / "falls_back.toml"
    path.write_text(toml_text(tables), encoding="utf-8")
    one = lived("freeze_2025_03", str(path))
    assert audit(one.state) == []
    assert min(one.times(CashHalted)) == HOUR  # the regime's rule is faster than the venue
    (converted,) = one.events(ClaimsConverted)
    assert one.times(ClaimsConverted) == [2 * HOUR]
    assert (converted.asset_id, converted.fallback_asset_id) == ("RUBY", "RUB")
    assert converted.amount == converted.converted
    halted, traded = (HOUR, 2 * HOUR), one.times(OrderFilled)
    assert not any(halted[0] < time < halted[1] for time in traded)
    assert any(time > halted[1] for time in traded)
    assert {event.asset_id for event in one.events(WithdrawalCompleted)} <= {"RUB"}


# --- freezes by dice ------------------------------------------------------------------------------------


@both_clearings
@pytest.mark.parametrize("seed", [4, 26])  # in which the venue is asked for, from abroad and from home
def test_each_request_reaches_the_assets_that_obey_it(seed: int, clearing: str) -> None:
    """At the same instants, for the same wallets; what freezes one asset leaves those of the other side alone."""
    days = {cash: day("freeze_hazard", clearing, cash, seed) for cash in CASH_PROFILES}
    asked = {cash: requests(one) for cash, one in days.items()}
    assert asked[FOREIGN] == asked[DOMESTIC] == asked["rub_bank"] == asked["digital_rouble"] != []
    for cash, one in days.items():
        obeys = read_cash(cash).cash.obeys
        frozen = [(e.wallet_id, e.order_ref.split()[0]) for e in one.events(WalletFrozen)]
        assert frozen == [(wallet, asks) for _, wallet, asks in asked[cash] if asks == obeys]
        assert set(one.refused("FreezeWallet")) <= {CashRefusal.SIGNATURES_MISSING}
        assert len(one.refused("FreezeWallet")) == len(asked[cash]) - len(frozen)
        ours = any(wallet in one.world.coin.venue_wallets for wallet, _ in frozen)
        assert bool(one.events(CustodyGated)) is ours


def requests(one: Day) -> list[tuple[Time, WalletId, str]]:
    """When for which wallet, and who asks."""
    line = 1  # of the authority, in nanoseconds
    return [
        (time + line - one.world.opens, command.wallet_id, command.order_ref.split()[0])
        for time, command in one.kept.commands
        if isinstance(command, FreezeWallet)
    ]


def test_so_many_are_asked_for_as_the_rates_say() -> None:
    """120 people and two makers, 0.6 a day for three hours: 8.8 on average; the venue every second time."""
    world = load_world("freeze_hazard")
    hazard = world.freeze_hazard
    assert hazard is not None and (hazard.a_day, hazard.venue, hazard.foreign) == (0.6, 0.5, 0.7)
    people, venue, foreign, runs = 0, 0, 0, 300
    for seed in range(runs):
        drawn = draw_freezes(world, draw_population(seed, world.population), seed)
        asked = [command for _, command in drawn if isinstance(command, FreezeWallet)]
        ours = [one for one in asked if one.wallet_id in world.coin.venue_wallets]
        venue, people = venue + len(ours), people + len(asked) - len(ours)
        foreign += sum(one.order_ref.startswith("foreign") for one in asked)
    expected = 120 * (1 - 2.718281828 ** (-0.6 * 3 / 24))
    assert people / runs == pytest.approx(expected, rel=0.05)
    assert venue / runs == pytest.approx(0.5, abs=0.09)
    assert foreign / (people + venue) == pytest.approx(0.7, abs=0.03)


def test_what_is_lifted_is_lifted_by_who_asked() -> None:
    one = day("freeze_hazard", "full", FOREIGN, 4)
    frozen = {event.wallet_id: event.order_ref for event in one.events(WalletFrozen)}
    lifted = {event.wallet_id: event.order_ref for event in one.events(WalletUnfrozen)}
    assert lifted and lifted.items() <= frozen.items()


# --- the issuer's reset ---------------------------------------------------------------------------------


@both_clearings
@four_assets
def test_four_fifths_are_destroyed_and_issued_anew_and_nobody_loses(cash: str, clearing: str) -> None:
    """F17: the mirror goes over to the new wallet; money proper has no issuer who could."""
    one = day("issuer_reset_2025_08", clearing, cash)
    assert not one.events(LossAllocated) + one.events(SupplyExceedsReserves)
    if cash in MONEY:
        assert set(one.refused("WipeWallet")) == {CashRefusal.NOT_A_COIN}
        assert not one.events(WalletFrozen) + one.events(CustodyGated)
        return
    one = with_everybody("issuer_reset_2025_08", clearing, cash)
    assert not one.events(LossAllocated) + one.events(SupplyExceedsReserves)
    (opened,) = one.events(VenueWalletOpened)
    wiped, anew = one.events(WalletWiped), one.events(CoinsReissued)
    assert [event.amount for event in wiped] == [event.amount for event in anew] and len(anew) == 4
    assert {event.wallet_id for event in anew} == {opened.wallet_id}
    assert sum(event.amount for event in anew) >= anew[-1].supply * 4 // 5
    assert one.times(CustodyReopened) == one.times(CoinsReissued)[-1:]  # in the same instant
    holding = one.state.holdings[one.asset]
    old, new = holding.custody.wallets[0], opened.wallet_id
    assert holding.keeper.balance(old) == one.state.ledger.posted(holding.mirror(old)) == 0
    assert holding.keeper.balance(new) == one.state.ledger.posted(holding.mirror(new)) > 0


@both_clearings
@pytest.mark.parametrize("cash", COINS)
def test_both_ledgers_agree_before_and_after_the_reset(cash: str, clearing: str) -> None:
    regime = with_cash(with_clearing(OPEN, clearing), cash)
    world = load_world("issuer_reset_2025_08", cash=read_regime(regime).cash.terms)
    simulation = assemble(world, load_regime(regime), 1, Kept()).simulation
    state, moment = simulation.exchange.state, world.opens + 90 * MINUTE
    held = []
    for until in (moment - 1, moment):
        simulation.run(until)
        holding = state.holdings[world.cash]
        wallets = holding.custody.wallets
        on_chain = {wallet: holding.keeper.balance(wallet) for wallet in wallets}
        assert on_chain == {wallet: state.ledger.posted(holding.mirror(wallet)) for wallet in wallets}
        assert audit(state) == []
        held.append(on_chain)
    before, after = held
    assert sum(before.values()) == sum(after.values())
    assert (before[WalletId("venue-new")], after[WalletId("venue-1")]) == (0, 0)


# --- a run ----------------------------------------------------------------------------------------------


@both_clearings
@four_assets
def test_almost_a_half_is_handed_back_and_the_queue_keeps_to_its_rule(cash: str, clearing: str) -> None:
    """F14: reserves that are money pay at once; those that are not make a queue, and a price. Nobody's pool cares."""
    one = day("mass_redemption", clearing, cash)
    if cash in MONEY:
        assert set(one.refused("RedeemCoins")) == {CashRefusal.NOT_A_COIN}
        return
    asked, paid = one.events(RedemptionRequested), one.events(CoinsRedeemed)
    times = [time for time in one.times(RedemptionRequested) if time >= HOUR]
    assert times[-1] - times[0] < HOUR
    run = sum(ticket.amount for ticket in asked)
    brought = sum(event.amount for event in one.events(CashDeposited) + one.events(HouseFunded))
    assert 0.43 < run / (brought + 100_000_000_000) < 0.47
    settled = sum(payment.amount for payment in paid)
    prices = [event.price_ppm for event in one.events(CashPriced)]
    if cash == DOMESTIC:
        assert settled == run and prices == []
        return
    queues = one.events(RedemptionsProcessed)
    assert settled < run and queues[-1].queued > 0 == queues[-1].liquid
    tickets = [payment.ticket_id for payment in paid]
    assert tickets == sorted(tickets)  # first come, first paid
    assert min(prices) < 850_000 and prices[-1] == min(prices)
    assert not one.events(LossAllocated) + one.events(PoolCut)


def test_a_run_calls_money_where_debts_are_worth_roubles(tmp_path: Path) -> None:
    """With margin the same collateral counts for what the coin trades at, so that who stood well is called."""
    called = {}
    for denomination in ("token_par", "fiat_value"):
        tables = stated(read_regime(with_cash(with_clearing(OPEN, "risk"), FOREIGN)))
        tables["cash"] |= {"denomination": denomination}
        path = tmp_path / f"{denomination}.toml"
        path.write_text(toml_text(tables), encoding="utf-8")
        one = lived("mass_redemption", str(path), 1, None)
        assert audit(one.state) == []
        called[denomination] = len(one.events(MarginCalled))
    assert called["fiat_value"] > called["token_par"] + 5


# --- reserves -------------------------------------------------------------------------------------------


@both_clearings
@four_assets
def test_a_twelfth_is_stuck_and_the_price_falls_below_what_is_within_reach(cash: str, clearing: str) -> None:
    """F15: 0.9175 of the reserves can be reached; with nobody to redeem from, the price is lower than that."""
    one = day("reserve_bank_failure", clearing, cash)
    assert not one.events(LossAllocated) + one.events(PoolCut)
    if cash in MONEY:
        assert set(one.refused("ReportReserve")) == {CashRefusal.NOT_A_COIN}
        assert not one.events(CashPriced)
        return
    one = with_everybody("reserve_bank_failure", clearing, cash)
    assert not one.events(LossAllocated) + one.events(PoolCut)
    stuck, freed = one.events(ReserveStatusChanged)
    assert round(stuck.accessible / stuck.book, 4) == 0.9175 and freed.accessible == freed.book
    gated, active = one.events(IssuerStateChanged)
    assert (gated.state, active.state) == ("redemption_gated", "active")
    waited, paid = one.times(RedemptionRequested), one.times(CoinsRedeemed)
    assert waited == [70 * MINUTE] and paid[0] >= 150 * MINUTE
    at_once, lowest, promised, after = [event.price_ppm for event in one.events(CashPriced)]
    assert at_once == 917_500 and 870_000 < lowest < at_once
    assert lowest < promised < after == 1_000_000


@both_clearings
@four_assets
def test_a_lost_fifth_is_borne_by_claims_alone(cash: str, clearing: str) -> None:
    """F16: a fifth of all that the venue holds is gone, and each bears it by its claim; no layer of a default does."""
    one = day("issuer_default", clearing, cash)
    if cash == "digital_rouble":
        assert not one.events(LossAllocated) and one.events(CoinRequestRefused)
        return
    (loss,) = one.events(LossAllocated)
    held = sum(one.state.holdings[one.asset].keeper.balance(w) for w in one.world.coin.venue_wallets)
    gone = sum(e.amount for e in one.events(WithdrawalCompleted))
    brought = sum(event.amount for event in one.events(CashDeposited) + one.events(HouseFunded))
    assert loss.loss == (brought - gone) // 5 == brought - gone - held
    assert (loss.house, loss.insurance, loss.nobody) == (0, 0, 0)
    shares = one.events(LossShared)
    assert sum(share.amount for share in shares) == loss.holders == loss.loss
    assert bool(one.events(PoolCut)) is (clearing == "full")
    if cash in COINS:
        (short, outside) = one.events(SupplyExceedsReserves)
        assert short.shortfall * 5 == pytest.approx(short.supply, abs=5)
        assert outside.shortfall == 10_000_000_000  # of what others hold nobody has written anything down
    if clearing == "full":
        settled = one.events(ClaimSettled)
        (bucket,) = one.events(BucketSettled)
        assert settled and sum(claim.payout for claim in settled) == bucket.pool


def test_a_default_fund_is_as_it_was() -> None:
    """With margin the house's layers against defaults hold what they were funded with."""
    one = day("issuer_default", "risk", DOMESTIC)
    funded = {event.layer: event.amount for event in one.events(HouseFunded)}
    assert funded[HouseLayer.SKIN_IN_THE_GAME] > 0
    assert [c.share_bp for _, c in one.kept.commands if isinstance(c, RecordCashLoss)] == [2_000]
    for layer, amount in funded.items():
        assert one.state.ledger.posted(f"ccp:{layer}:{one.asset}") == amount, layer
