"""What a scenario file says of firms, deals, cycles, deposits on a chain and lost connections, and its faults."""

import re
from pathlib import Path

import pytest
import tomli_w

from exchange.commands import (
    AnnounceCryptoDeposit,
    InstructSettlement,
    ReportReorganisation,
    SettlementCycleTerms,
    SettlementModel,
)
from exchange.messages import changed
from exchange.units import HOUR, MINUTE, SECOND, WalletId
from scenarios.assembly import assemble
from scenarios.config.reading import ConfigurationError
from scenarios.config.regime_file import load_regime
from scenarios.config.scenario_file import load_world
from scenarios.world import Disconnection
from tests.scenarios.small_worlds import MIDNIGHT, SHORT_DAY, Kept

TEN = MIDNIGHT + 10 * HOUR
MORE = """
[[crypto]]
id = "BTC"
priced_by_index = true

[[firms]]
id = "seller"
deposit_rub = 10
own_funds_rub = 9_000_000_000

[[firms]]
id = "buyer"
deposit_rub = 10
own_funds_rub = 9_000_000_000

[[members]]
id = "member_one"
own_funds_rub = 9_000_000_000
deposit_rub = 5_000_000
holds_rub = 400_000
short = true
reserve_rub = 7

[[deposits]]
at = 10:05:00
participant = "seller"
asset = "BTC"
units = 1.5
transaction = "first"

[[deals]]
at = 10:01:00
delivers = "buyer"
receives = "maker_alpha"
amount_rub = 3

[[deals]]
at = 10:00:00
delivers = "seller"
receives = "buyer"
asset = "BTC"
units = 0.25
payment_rub = 9
max_recycles = 0

[[cycles]]
at = 10:02:00
model = "dvp_2"
penalty_percent = 0.1
gridlock = true
lasts_seconds = 5

[[disconnections]]
participant = "maker_alpha"
starts = 10:06:00
ends = 10:07:00

[[directives]]
at = 10:06:00
do = "reorganise_chain"
asset = "BTC"
transaction = "first"
"""
ALL = SHORT_DAY + MORE


def save(folder: Path, text: str = ALL) -> str:
    path = folder / "settled.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_each_deal_is_instructed_by_both_sides_in_order_of_time(tmp_path: Path) -> None:
    said = load_world(save(tmp_path)).said
    assert [at for at, _ in said] == [TEN, TEN, TEN + MINUTE, TEN + MINUTE, TEN + 5 * MINUTE]
    sold, bought, paid, _, shown = (command for _, command in said)
    assert isinstance(sold, InstructSettlement) and isinstance(bought, InstructSettlement)
    assert (sold.participant_id, sold.counterparty_id, sold.delivers) == ("seller", "buyer", True)
    assert (bought.participant_id, bought.counterparty_id, bought.delivers) == ("buyer", "seller", False)
    assert (sold.asset_id, sold.amount) == ("BTC", 25_000_000)
    assert (sold.payment_asset_id, sold.payment, sold.max_recycles) == ("RUBD", 900, 0)
    assert isinstance(paid, InstructSettlement)
    assert (paid.asset_id, paid.amount, paid.payment_asset_id, paid.payment) == ("RUBD", 300, None, 0)
    assert paid.reference != sold.reference == bought.reference
    assert isinstance(shown, AnnounceCryptoDeposit)
    assert (shown.participant_id, shown.amount, shown.transaction) == ("seller", 150_000_000, "first")


def test_cycles_and_what_the_index_prices_are_terms_of_the_venue(tmp_path: Path) -> None:
    established = load_world(save(tmp_path)).established
    assert established.settlement_cycles == (
        SettlementCycleTerms(
            at=TEN + 2 * MINUTE,
            model=SettlementModel.DVP_2,
            penalty_bp=10,
            gridlock=True,
            lasts=5 * SECOND,
        ),
    )
    assert established.assets[1].index_id == "BTC_RUB"
    plain = load_world(save(tmp_path, ALL.replace("priced_by_index = true\n", ""))).established
    assert plain.assets[1].index_id is None


def test_who_is_lost_and_what_a_chain_forgets(tmp_path: Path) -> None:
    world = load_world(save(tmp_path))
    (lost,) = world.disconnections
    assert (lost.participant_id, lost.starts, lost.ends) == (
        "maker_alpha",
        TEN + 6 * MINUTE,
        TEN + 7 * MINUTE,
    )
    (forgotten,) = [command for _, command in world.directives if isinstance(command, ReportReorganisation)]
    assert (forgotten.asset_id, forgotten.transaction) == ("BTC", "first")
    for_good = load_world(save(tmp_path, ALL.replace("ends = 10:07:00\n", "")))
    assert isinstance(for_good.disconnections[0], Disconnection) and for_good.disconnections[0].ends is None


def test_the_file_reads_back_as_the_same_world(tmp_path: Path) -> None:
    world = load_world(save(tmp_path))
    assert load_world(save(tmp_path, tomli_w.dumps(world.resolved))) == world


def test_firms_and_a_reserve_are_there_before_the_session(tmp_path: Path) -> None:
    regime = load_regime("ru_open_counterfactual")
    state = assemble(load_world(save(tmp_path)), regime, 1, Kept()).simulation.exchange.state
    assert {"seller", "buyer", "member_one"} <= set(state.seats)
    assert state.ledger.posted(state.seats["buyer"].cash_account) == 1_000  # type: ignore[index]
    coin = state.holdings["RUBD"]  # type: ignore[index]
    assert coin.issuer.balance(WalletId("wallet-member_one")) == 700


def test_a_firm_that_the_regime_refuses_is_a_fault(tmp_path: Path) -> None:
    regime = load_regime("ru_derivs_qual_2025")
    people = tuple(one for one in regime.classes if one.class_id != "institution")
    with pytest.raises(ConfigurationError, match="is not let in by the regime") as fault:
        assemble(load_world(save(tmp_path)), changed(regime, classes=people), 1, Kept())
    assert fault.value.key == "firms.seller"


@pytest.mark.parametrize(
    ("old", "new", "key", "sentence"),
    [
        ('delivers = "buyer"', 'delivers = "bayer"', "deals.1.delivers", "the nearest that is valid is “buyer”"),
        ('receives = "buyer"', 'receives = "nobody"', "deals.2.receives", "who is no maker"),
        ('receives = "buyer"', 'receives = "seller"', "deals.2.receives", "name two sides"),
        ("amount_rub = 3", "amount_rub = 3\npayment_rub = 3", "deals.1.amount_rub", "either coins alone"),
        ("amount_rub = 3\n", "", "deals.1.amount_rub", "either coins alone"),
        ("payment_rub = 9\n", "", "deals.2.amount_rub", "either coins alone"),
        ("units = 0.25", "units = 0", "deals.2.units", "must be positive"),
        ("units = 0.25", "units = 0.000000001", "deals.2.units", "at most 8 decimals"),
        ('asset = "BTC"\nunits = 0.25', 'asset = "BTX"\nunits = 0.25', "deals.2.asset", "is “BTC”"),
        ('asset = "BTC"\nunits = 1.5', 'asset = "BTX"\nunits = 1.5', "deposits.1.asset", "is “BTC”"),
        ('participant = "seller"', 'participant = "selller"', "deposits.1.participant", "is “seller”"),
        ('transaction = "first"', 'transaction = "other"', "directives", "none of the deposits"),
            ('do = "reorganise_chain"\nasset = "BTC"', 'do = "reorganise_chain"', "directives.3.asset", "is missing"),
        ("[[deals]]", '[[deposits]]\nat = 10:06:00\nparticipant = "buyer"\nasset = "BTC"\nunits = 1\n'
         'transaction = "first"\n\n[[deals]]', "deposits.2", "has the transaction of another"),
        ("at = 10:01:00", "at = 09:00:00", "deals.1.at", "outside the run"),
        ("at = 10:05:00", "at = 09:00:00", "deposits.1.at", "outside the run"),
        ("at = 10:02:00", "at = 11:00:00", "cycles.1.at", "outside the run"),
        ("ends = 10:07:00", "ends = 11:00:00", "disconnections", "outside the run"),
        ("ends = 10:07:00", "ends = 10:06:00", "disconnections.1.ends", "choose a later hour"),
        ('participant = "maker_alpha"', 'participant = "buyer"', "disconnections.1", "who is no maker"),
        ("ends = 10:07:00", 'ends = 10:07:00\n\n[[disconnections]]\nparticipant = "maker_alpha"\nstarts = 10:06:30',
         "disconnections.1", "overlaps with another"),
        ('id = "seller"', 'id = "maker_alpha"', "firms", "has two of the same id"),
        ('id = "seller"', 'id = "member_one"', "firms", "has two of the same id"),
        ("holds_rub = 400_000\n", "", "members.member_one.short", "goes with holds_rub"),
        ("holds_rub = 400_000\nshort = true\n", "", "members.member_one.reserve_rub", "goes with holds_rub"),
        ("short = true", "demands_percent = 3", "members.member_one.demands_percent", "does not bid"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_place_and_its_remedy(
    tmp_path: Path, old: str, new: str, key: str, sentence: str
) -> None:
    assert old in ALL
    with pytest.raises(ConfigurationError, match=re.escape(sentence)) as fault:
        load_world(save(tmp_path, ALL.replace(old, new, 1)))
    assert fault.value.key == key
