"""The days on which somebody fails, in full and with margin: they run, and every kopeck is found.

That each of them comes again is what its golden digest is for: tests/test_determinism.py.
"""

from functools import cache
from typing import NamedTuple, TypeVar

import pytest

from exchange.audit import audit
from exchange.clearing.terms import ClearingMode
from exchange.events import (
    AccountsValued,
    BooksAudited,
    CashDeposited,
    CustodyGated,
    DefaultAuctionEnded,
    DefaultClosed,
    DefaultDeclared,
    DefaultReason,
    Entry,
    Event,
    HouseFunded,
    IndexPublished,
    IndexStatus,
    Layer,
    LayerUsed,
    LiquidationStep,
    MarginCalled,
    MemberChosen,
    PoolLossBorne,
    WithdrawalRequested,
    WithdrawalReturned,
)
from exchange.instruments import Product
from exchange.state import State
from matching.terms import ParticipantId
from participants.desk import Desk
from scenarios.assembly import Assembled, assemble
from scenarios.config.regime_file import load_regime, with_clearing
from scenarios.config.scenario_file import load_world
from scenarios.measures import RunView, measure_run, outcomes
from scenarios.results import RecordWriter
from scenarios.run import let_time_pass
from tests.scenarios.small_worlds import FAILURES, IN_UNITS, Kept

E = TypeVar("E", bound=Event)
CLEARINGS = ("full", "risk")
WAYS = ("risk", "risk_t_plus_one", "risk_crypto")
OPEN = "ru_open_counterfactual"
SEED = 7


class Lived(NamedTuple):
    kept: Kept
    view: RunView
    assembled: Assembled

    @property
    def state(self) -> State:
        return self.assembled.simulation.exchange.state

    def events(self, kind: type[E]) -> list[E]:
        return self.kept.events(kind)


@cache
def lived(scenario: str, clearing: str, population: int | None = 40) -> Lived:
    """One whole day. Whoever asks again for the same day gets the one that was lived before."""
    world, regime, kept = (
        load_world(scenario, population),
        load_regime(with_clearing(OPEN, clearing)),
        Kept(),
    )
    assembled = assemble(world, regime, SEED, kept)
    let_time_pass(assembled.simulation, world)
    writer = RecordWriter()
    writer.write(kept.told)
    view = RunView(writer.record(), assembled.population, regime, world.opens, world.closes)
    return Lived(kept, view, assembled)


@pytest.mark.parametrize("clearing", CLEARINGS)
@pytest.mark.parametrize("scenario", FAILURES)
def test_the_day_passes_its_audit(scenario: str, clearing: str) -> None:
    day = lived(scenario, clearing)
    assert day.events(BooksAudited)
    assert audit(day.state) == []
    assert day.assembled.simulation.malformed == []


@pytest.mark.parametrize("clearing", ("full", *WAYS))
@pytest.mark.parametrize("scenario", [name for name in FAILURES if name not in IN_UNITS])
def test_every_result_is_what_the_ledger_says(scenario: str, clearing: str) -> None:
    """What each has at the house at the end, less what it brought, is its gain less its fees: to the kopeck.

    What is owed to it and not paid yet counts, as does what futures have gained since the last clearing. Firms
    trade nothing: what they settle among each other is no result, and sums to nothing.
    """
    day = lived(scenario, clearing)
    table = outcomes(day.view)
    results = dict(zip(table["participant_id"], table["result"], strict=True))
    brought = money_brought(day)
    firms = {firm.participant_id for firm in load_world(scenario).firms}
    for who in day.state.seats.keys() - firms:
        assert round(100 * results.get(who, 0.0)) == worth(who, day.state) - brought[who], who
    assert sum(worth(firm, day.state) - brought[firm] for firm in firms) == 0
    assert measure_run(day.view)["zero_sum_gap"] == 0.0


def money_brought(day: Lived) -> dict[ParticipantId, int]:
    """Kopecks, net of what was taken home."""
    brought = dict.fromkeys(day.state.seats, 0)
    for event in day.kept.told:
        match event.event:
            case CashDeposited() | WithdrawalReturned():
                brought[event.event.participant_id] += event.event.amount
            case WithdrawalRequested():
                brought[event.event.participant_id] -= event.event.amount
    return brought


def worth(who: ParticipantId, state: State) -> int:
    """All that the house keeps for the participant, in kopecks."""
    seat, margin = state.seats[who], state.covers.margin
    accounts = [seat.cash_account, seat.hold_account]
    valued = 0
    if margin is not None and who in margin.accounts:
        account = margin.accounts[who]
        accounts += [account.collateral, account.obligation, account.fund]
        valued = account.accrued + account.option_value
    return valued + sum(state.ledger.posted(account_id) for account_id in accounts)


@pytest.mark.parametrize("clearing", WAYS)
@pytest.mark.parametrize("scenario", FAILURES)
def test_every_desk_knows_its_position_and_cash(scenario: str, clearing: str) -> None:
    """But for a defaulter: it has stopped, and nobody tells it what others paid in its place."""
    day = lived(scenario, clearing)
    checked = 0
    margin = day.state.covers.margin
    assert margin is not None
    for who, reader in day.assembled.simulation._readers.items():
        desk = getattr(reader.participant, "desk", None)
        if not isinstance(desk, Desk):
            continue
        desk.hear([event for _, event, _ in reader.inbox])
        for instrument_id in desk.holdings:
            assert desk.position(instrument_id) == day.state.covers.position(who, instrument_id), who
        if not day.state.seats[who].defaulted:
            seat, account = day.state.seats[who], margin.accounts.get(who)
            held = [seat.cash_account, seat.hold_account, *([account.collateral] if account else [])]
            spent = sum(
                one.locked for one in desk.holdings.values() if one.instrument.product is Product.SPOT
            )
            assert desk.funds[margin.cash] - spent == sum(map(day.state.ledger.posted, held)), who
            checked += 1
    assert checked > 20


# --- in full, nothing ever stands uncovered -------------------------------------------------------------


@pytest.mark.parametrize("scenario", FAILURES)
def test_under_full_cover_no_layer_is_touched(scenario: str) -> None:
    day = lived(scenario, "full")
    for kind in (AccountsValued, MarginCalled, LiquidationStep, LayerUsed, DefaultClosed, HouseFunded):
        assert day.events(kind) == [], kind  # type: ignore[type-var]
    measured = measure_run(day.view)
    assert measured["uncovered_peak"] == measured["default_losses"] == 0.0


@pytest.mark.parametrize("scenario", FAILURES)
def test_margin_ties_up_less_capital_for_the_same_position(scenario: str) -> None:
    """Even with all that the members keep in the default fund; but not beside the narrowest collar there may be."""
    full, risk = (measure_run(lived(scenario, way).view) for way in CLEARINGS)
    less = risk["collateral_per_open_interest"] < full["collateral_per_open_interest"]
    assert less is (scenario != "collar_reached")


# --- what each day is there to show ---------------------------------------------------------------------


def test_the_two_largest_fail_and_their_portfolios_go_to_the_members() -> None:
    day = lived("largest_default", "risk", None)
    declared = [
        event.defaulter for event in day.events(DefaultDeclared) if event.reason is DefaultReason.DECLARED
    ]
    assert declared == ["maker_alpha", "maker_beta"]
    won = {event.defaulter for event in day.events(DefaultAuctionEnded) if event.failure is None}
    assert set(declared) <= won
    assert set(declared) <= {event.defaulter for event in day.events(DefaultClosed)}


def test_a_gap_costs_the_house_its_skin_and_nobody_else_anything() -> None:
    day = lived("gap_move", "risk", None)
    measured = measure_run(day.view)
    assert measured["uncovered_peak"] > 0
    assert measured["default_losses"] == measured["loss_skin_in_the_game"] > 0
    assert measured["loss_survivors_fund"] == measured["loss_unpaid"] == 0
    crypto = measure_run(lived("gap_move", "risk_crypto", None).view)
    assert crypto["loss_insurance_fund"] > 0 and crypto["loss_skin_in_the_game"] == 0


def test_a_slow_bleed_leaves_nothing_uncovered_and_closes_many() -> None:
    for clearing in ("risk", "risk_t_plus_one"):
        measured = measure_run(lived("slow_bleed", clearing).view)
        assert measured["uncovered_peak"] == measured["default_losses"] == 0.0
        assert measured["margin_calls"] > 0 and measured["liquidation_steps"] > 0


def test_some_clients_of_the_failed_member_are_taken_over_and_some_are_not() -> None:
    """The offer suffices for some; their positions and money stay their own, whoever clears for them."""
    day = lived("member_failure", "risk", None)
    (declared,) = day.events(DefaultDeclared)
    assert declared.defaulter == "member_one"
    chosen = [(event.participant_id, event.member_id) for event in day.events(MemberChosen)]
    at_first, later = dict(chosen[:112]), dict(chosen[112:])
    assert list(at_first.values()).count("member_one") == len(later) == 80
    assert set(later) == {who for who, member in at_first.items() if member == "member_one"}
    assert {"member_two", None} == set(later.values())
    assert measure_run(day.view)["default_losses"] == 0.0


def test_fellow_clients_pay_in_a_pool_what_the_house_pays_where_clients_are_apart() -> None:
    """Nobody takes the pool as a whole; the crypto order has no pool, and there insurance pays."""
    day = lived("fellow_clients", "risk", None)
    chosen = [(event.participant_id, event.member_id) for event in day.events(MemberChosen)]
    pool = {who for who, member in chosen if member == "member_one"}
    assert {member for who, member in chosen[112:]} == {None}
    given = day.events(PoolLossBorne)
    failed = {event.defaulter for event in given}
    assert failed and {event.participant_id for event in given} | failed <= pool
    layers = {event.layer for event in day.events(LayerUsed) if event.defaulter in failed}
    assert layers == {Layer.DEFAULTER_MARGIN}
    assert lived("fellow_clients", "risk_crypto", None).events(PoolLossBorne) == []


def test_gap_freeze_and_outage_in_one_second() -> None:
    """The freeze comes first, then prices, and only then whoever they have ruined: in one instant, by class."""
    day = lived("everything_at_once", "risk")
    first: dict[type[Event], Entry] = {}
    for entry in day.kept.told:
        stale = isinstance(entry.event, IndexPublished) and entry.event.status is not IndexStatus.OK
        if stale or isinstance(entry.event, CustodyGated | DefaultDeclared):
            first.setdefault(type(entry.event), entry)
    gated, declared = first[CustodyGated], first[DefaultDeclared]
    assert gated.time == declared.time and gated.sequence < declared.sequence
    assert first[IndexPublished].time > gated.time  # the last quotes are stale three minutes later
    assert max(event.uncovered for event in day.events(AccountsValued)) > 0


def test_a_house_brings_what_the_regime_asks_unless_the_scenario_says_otherwise() -> None:
    """Liquidity is the scenario's, the layers are the regime's: nothing is left empty in silence."""
    day = lived("gap_move", "risk")
    brought = {event.layer.value: event.amount // 100 for event in day.events(HouseFunded)}
    assert brought == {
        "sitg": 5_000_000,
        "sitg2": 2_000_000,
        "further": 2_000_000,
        "equity": 20_000_000,
        "liquidity": 5_000_000,
    }
    crypto = lived("gap_move", "risk_crypto").events(HouseFunded)
    assert {event.layer.value: event.amount // 100 for event in crypto} == {
        "insurance": 10_000_000,
        "liquidity": 5_000_000,
    }
    assert lived("gap_move", "risk").view.regime.clearing.mode is ClearingMode.RISK
