"""What shocks are made of, on a short day: a maker that leaves, a theft, a marked coin, named clients, working days."""

from pathlib import Path

import pytest

from exchange.clearing.terms import VariationSchedule
from exchange.events import (
    CashPriced,
    CashTransferred,
    CoinRequestRefused,
    LossAllocated,
    LossRestored,
    MarginCalled,
    MemberAppointed,
    MemberChosen,
    OrderAccepted,
    OrderFilled,
    ParticipantRefused,
    WalletFrozen,
    WalletWiped,
)
from exchange.units import DAY, HOUR, MINUTE, SECOND, weekday
from participants.population import MILLION
from scenarios.config.reading import ConfigurationError, stated
from scenarios.config.regime_file import read_clearing, read_regime, with_clearing
from scenarios.provenance import toml_text
from tests.scenarios.small_worlds import MIDNIGHT, OPENS, Kept, a_world, live

OPEN = "ru_open_counterfactual"
FREEZE = """[[directives]]
at = 10:10:00
do = "freeze_venue_wallets"
order_ref = "freeze order 1"

[[directives]]
at = 10:40:00
do = "unfreeze_venue_wallets"
order_ref = "court order 1"
"""
MAKER = "own_funds_rub = 9_000_000_000\n"


def instead_of_the_freeze(text: str) -> tuple[str, str]:
    return FREEZE, text


# --- makers ---------------------------------------------------------------------------------------------

HOURS_AWAY = (MAKER, f"{MAKER}leaves = 10:05:00\nreturns = 10:15:00\n")


def test_a_maker_that_leaves_quotes_nothing_keeps_what_it_holds_and_returns(tmp_path: Path) -> None:
    kept = live(a_world(tmp_path, HOURS_AWAY, instead_of_the_freeze("")))
    quoted = [
        entry.time - OPENS
        for entry in kept.told
        if isinstance(entry.event, OrderAccepted) and entry.event.participant_id == "maker_alpha"
    ]
    leaves, returns = 5 * MINUTE, 15 * MINUTE
    assert any(time < leaves for time in quoted) and any(time > returns for time in quoted)
    assert not any(leaves + SECOND < time < returns for time in quoted)
    filled = [
        entry.time - OPENS
        for entry in kept.told
        if isinstance(entry.event, OrderFilled) and entry.event.participant_id == "maker_alpha"
    ]
    assert filled and not any(leaves + MINUTE < time < returns for time in filled)


@pytest.mark.parametrize(
    ("hours", "problem"),
    [
        ("returns = 10:15:00\n", "goes with leaves"),
        ("leaves = 10:15:00\nreturns = 10:15:00\n", "not after it leaves"),
        ("leaves = 12:15:00\n", "outside the run"),
    ],
)
def test_hours_of_a_maker_that_make_no_sense(tmp_path: Path, hours: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        a_world(tmp_path, (MAKER, MAKER + hours))


# --- a theft --------------------------------------------------------------------------------------------

THEFT = """
[theft]
at = 10:10:00
amount_rub = 10_000_000
swap_rub = 2_500_000
swap_interval_seconds = 60
frozen_after_seconds = 150
returned_after_seconds = 600
at_request_of = "domestic"
"""
ROBBED = (
    instead_of_the_freeze(THEFT),
    ("[coin]\n", "[coin]\nwipe_allowed = true\n"),
)


def swapped(kept: Kept) -> int:
    return sum(event.amount for event in kept.events(CashTransferred) if event.source == "thief")


def test_a_freeze_saves_what_has_not_been_swapped_and_it_comes_back(tmp_path: Path) -> None:
    """Two swaps in 150 seconds, a minute apart; what is left is frozen, destroyed and issued anew to the venue."""
    kept = live(a_world(tmp_path, *ROBBED))
    (loss,) = kept.events(LossAllocated)
    assert loss.loss == loss.holders == 10 * MILLION
    assert swapped(kept) == 5 * MILLION
    assert len(kept.events(WalletFrozen)) == 1
    assert len([e for e in kept.events(CoinRequestRefused) if e.request == "TransferCash"]) == 2
    (wiped,) = kept.events(WalletWiped)
    assert wiped.amount == 5 * MILLION == sum(event.amount for event in kept.events(LossRestored))


@pytest.mark.parametrize(
    "change",
    [
        ('at_request_of = "domestic"', 'at_request_of = "foreign"'),  # this issuer does not obey it
        ("frozen_after_seconds = 150", "frozen_after_seconds = 241"),  # the fourth swap was first
    ],
)
def test_a_freeze_that_is_refused_or_late_saves_nothing(tmp_path: Path, change: tuple[str, str]) -> None:
    kept = live(a_world(tmp_path, *ROBBED, change))
    assert swapped(kept) == 10 * MILLION
    assert not kept.events(LossRestored)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (("frozen_after_seconds = 150\n", ""), "returned_after_seconds"),
        (("swap_rub = 2_500_000", "swap_rub = 10"), "swap_rub"),
        (("[theft]\nat = 10:10:00", "[theft]\nat = 12:10:00"), "theft"),
    ],
)
def test_a_theft_that_makes_no_sense(tmp_path: Path, change: tuple[str, str], key: str) -> None:
    with pytest.raises(ConfigurationError, match=key):
        a_world(tmp_path, *ROBBED, change)


# --- whose price of the coin counts ---------------------------------------------------------------------

PRICES = "".join(
    f'[[directives]]\nat = 10:20:00\ndo = "report_cash_price"\nsource = "{source}"\nprice_percent = {price}\n\n'
    for source, price in (("own_book", 66), ("elsewhere", 90))
)


def marked_by(source: str) -> tuple[tuple[str, str], ...]:
    levered = ("size = 20", "size = 20\ndeposit_percent = 20")
    coin = ("[coin]\n", f'[coin]\nmarked_by = "{source}"\n')
    return (instead_of_the_freeze(PRICES), coin, levered, ("price_rub = 7_000_000", "price_rub = 8_000_000"))


def regime_in_roubles_of_value(folder: Path) -> str:
    tables = stated(read_regime(with_clearing(OPEN, "full")))
    tables["cash"]["denomination"] = "fiat_value"
    tables["clearing"] = stated(read_clearing("risk_crypto"))["clearing"]
    tables["assumptions"] += ({"key": "clearing", "reason": "A test."},)
    path = folder / "regime.toml"
    path.write_text(toml_text(tables), encoding="utf-8")
    return str(path)


def test_collateral_marked_on_the_venues_own_book_calls_more_people(tmp_path: Path) -> None:
    regime, called = regime_in_roubles_of_value(tmp_path), {}
    for source, price in (("own_book", 660_000), ("elsewhere", 900_000)):
        kept = live(a_world(tmp_path, *marked_by(source)), regime)
        assert [event.price_ppm for event in kept.events(CashPriced)] == [price]
        called[source] = len(kept.events(MarginCalled))
    assert called["own_book"] > called["elsewhere"]


def test_a_price_of_somebody_who_reports_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="by whom no price is reported"):
        a_world(tmp_path, *marked_by("own_bok"))


# --- named clients, and members by number ---------------------------------------------------------------

MEMBERS = """
[[members]]
id = "own"
own_funds_rub = 9_000_000_000
deposit_rub = 20_000_000

[[members]]
id = "other"
count = 3
own_funds_rub = 9_000_000_000
deposit_rub = 20_000_000

[[clients]]
id = "client_large"
assets_rub = 400_000_000
deposit_rub = 1_000_000
holds_rub = 4_000_000
short = true
member = "own"
"""
WITH_MEMBERS = (instead_of_the_freeze(MEMBERS), ("price_rub = 7_000_000", "price_rub = 8_000_000"))


def test_a_named_client_builds_its_position_through_its_member(tmp_path: Path) -> None:
    kept = live(a_world(tmp_path, *WITH_MEMBERS), with_clearing(OPEN, "risk"))
    appointed = [event.member_id for event in kept.events(MemberAppointed)]
    assert appointed == ["own", "other_001", "other_002", "other_003"]
    chosen = {event.participant_id: event.member_id for event in kept.events(MemberChosen)}
    assert chosen["client_large"] == "own"
    mine = [event for event in kept.events(OrderFilled) if event.participant_id == "client_large"]
    assert sum(event.quantity * event.side for event in mine) < -100
    assert all(event.side < 0 for event in mine)


def test_a_named_client_whom_the_regime_refuses_is_not_there(tmp_path: Path) -> None:
    poor = ("assets_rub = 400_000_000", "assets_rub = 4_000_000")
    kept = live(a_world(tmp_path, *WITH_MEMBERS, poor, population=1), "ru_derivs_qual_2026")
    assert "client_large" in [event.participant_id for event in kept.events(ParticipantRefused)]
    assert "client_large" not in [event.participant_id for event in kept.events(OrderAccepted)]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (('member = "own"', 'member = "owm"'), "clears through owm, which is no member"),
        (('id = "client_large"', 'id = "other_002"'), "share an id"),
        (("count = 3", "count = 3\nclients = 2"), "which only one member can have"),
    ],
)
def test_members_and_clients_that_make_no_sense(
    tmp_path: Path, change: tuple[str, str], problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        a_world(tmp_path, *WITH_MEMBERS, change)


# --- working days ---------------------------------------------------------------------------------------


def test_nothing_falls_on_a_weekend_where_only_working_days_count() -> None:
    """18 December 2026 is a Friday."""
    every, working = VariationSchedule(), VariationSchedule(working_days_only=True)
    assert [weekday(MIDNIGHT + days * DAY) for days in range(4)] == [4, 5, 6, 0]
    for days, later in ((0, 0), (1, 3), (2, 3), (3, 3)):
        at = MIDNIGHT + days * DAY + 11 * HOUR
        assert working.on_working_day(at) == MIDNIGHT + later * DAY + 11 * HOUR
        assert every.on_working_day(at) == at
