"""Who could move money when: freezes, pauses, outages, halts and nights, one after another."""

import pytest

from exchange.cash.hours import BankingHours
from exchange.cash.issuer_states import IssuerState
from exchange.cash.terms import BankTerms, CashHalt
from exchange.events import (
    BankFailed,
    BankResolved,
    CashHalted,
    CashResumed,
    ClaimsConverted,
    CustodyGated,
    CustodyReopened,
    Event,
    IssuerPaused,
    IssuerStateChanged,
    IssuerUnpaused,
    OutageBegan,
    OutageEnded,
)
from exchange.units import HOUR, AssetId, WalletId
from scenarios.measures import RunView, movement
from scenarios.measures.measure import Measure
from scenarios.measures.movement import Movement, movement_path
from scenarios.measures.reading import stretches
from tests.scenarios.measures.made import Story


def gated(mobile: int, frozen: int, asset_id: str = "RUBD") -> CustodyGated:
    return CustodyGated(asset_id=asset_id, mobile=mobile, frozen=frozen)


def reopened(asset_id: str = "RUBD") -> CustodyReopened:
    return CustodyReopened(asset_id=asset_id, mobile=1)


def a_state(state: IssuerState, before: IssuerState) -> IssuerStateChanged:
    return IssuerStateChanged(asset_id="RUBD", state=state, before=before)


def states(view: RunView) -> list[tuple[float, Movement]]:
    """From the opening on: seconds, and what held from then."""
    values, lengths = stretches(movement_path(view), view.opens, view.closes)
    found, at = [], 0.0
    for value, length in zip(values.tolist(), (lengths / 1e9).tolist(), strict=True):
        if not found or found[-1][1] != value:
            found.append((at, Movement(int(value))))
        at += length
    return found


def test_a_freeze_of_a_part_then_of_all_then_none() -> None:
    story = Story().at(900, gated(20, 60)).at(1_800, gated(0, 80)).at(2_700, reopened())
    view = story.seen()
    assert states(view) == [
        (0, Movement.MOVES),
        (900, Movement.GATED),
        (1_800, Movement.NOTHING),
        (2_700, Movement.MOVES),
    ]
    shares = [measure.function(view) for measure in movement.MEASURES]
    assert shares == [75.0, 25.0, 25.0, 0.0]


@pytest.mark.parametrize(
    ("stops", "goes_on"),
    [
        (IssuerPaused(asset_id="RUBD"), IssuerUnpaused(asset_id="RUBD")),
        (IssuerPaused(asset_id="RUBD"), a_state(IssuerState.WIND_DOWN, IssuerState.PAUSED)),
        (OutageBegan(asset_id="RUBD"), OutageEnded(asset_id="RUBD")),
        (BankFailed(asset_id="RUBD"), BankResolved(asset_id="RUBD", loss_bp=0, lost=0)),
        (
            CashHalted(asset_id="RUBD", cause=CashHalt.DIRECTIVE, grounds="so"),
            CashResumed(asset_id="RUBD", cause=CashHalt.DIRECTIVE),
        ),
    ],
    ids=["pause", "pause until the wind-down", "outage", "failure", "halt"],
)
def test_what_stops_it_whole(stops: Event, goes_on: Event) -> None:
    view = Story().at(600, stops).at(2_400, goes_on).seen()
    assert movement.stopped_time.function(view) == 50.0
    assert movement.movable_time.function(view) == 50.0


def test_the_end_of_one_cause_is_not_the_end_of_another() -> None:
    story = Story().at(600, gated(1, 1)).at(1_200, OutageBegan(asset_id="RUBD")).at(1_800, reopened())
    view = story.at(3_000, OutageEnded(asset_id="RUBD")).seen()
    assert states(view) == [
        (0, Movement.MOVES),
        (600, Movement.GATED),
        (1_200, Movement.NOTHING),
        (3_000, Movement.MOVES),
    ]


@pytest.mark.parametrize("cause", [CashHalt.FROZEN, CashHalt.PAUSED])
def test_a_halt_of_trading_alone_keeps_nobody_in(cause: CashHalt) -> None:
    halted = CashHalted(asset_id="RUBD", cause=cause, grounds="so")
    assert movement.movable_time.function(Story().at(60, halted).seen()) == 100.0


def in_banking_hours(view: RunView, opens_s: float, closes_s: float) -> RunView:
    hours = BankingHours(opens=int(opens_s * 1e9), closes=int(closes_s * 1e9), weekdays=tuple(range(7)))
    terms = BankTerms(
        asset_id=AssetId("RUBD"), venue_wallets=(WalletId("v"),), roles=(), hours=hours, bank="a bank"
    )
    return RunView(view.record, (), view.regime, view.opens, view.closes, (terms,))


def test_a_bank_is_closed_at_night() -> None:
    """Open from the first to the third hour of two days; a freeze at night is told as the stop that it is."""
    told = Story().at(5 * 3_600, gated(0, 1)).at(6 * 3_600, reopened()).seen(closes=48 * 3_600)
    view = in_banking_hours(told, 3_600, 3 * 3_600)
    assert states(view)[:6] == [
        (0, Movement.CLOSED),
        (3_600, Movement.MOVES),
        (3 * 3_600, Movement.CLOSED),
        (5 * 3_600, Movement.NOTHING),
        (6 * 3_600, Movement.CLOSED),
        (25 * 3_600, Movement.MOVES),
    ]
    assert movement.movable_time.function(view) == pytest.approx(100 * 4 / 48)
    assert movement.closed_time.function(view) == pytest.approx(100 * 43 / 48)
    assert view.closes == 48 * HOUR


def test_once_claims_are_converted_it_is_the_fallback_that_counts() -> None:
    story = Story().at(600, CashHalted(asset_id="RUBD", cause=CashHalt.DIRECTIVE, grounds="so"))
    story.at(900, gated(0, 1, "RUB")).at(1_000, reopened("RUB"))
    converted = ClaimsConverted(
        asset_id="RUBD", fallback_asset_id="RUB", rate_ppm=1_000_000, amount=1, converted=1, residue=0
    )
    view = story.at(1_800, converted).at(2_700, gated(0, 1, "RUB")).seen()
    assert states(view) == [
        (0, Movement.MOVES),
        (600, Movement.NOTHING),
        (1_800, Movement.MOVES),
        (2_700, Movement.NOTHING),
    ]


@pytest.mark.parametrize("measure", movement.MEASURES, ids=lambda measure: measure.name)
def test_another_asset_changes_nothing(measure: Measure) -> None:
    view = Story().at(60, gated(0, 1, "USDX"), OutageBegan(asset_id="USDX")).seen()
    assert measure.function(view) == (100.0 if measure is movement.movable_time else 0.0)
