"""What a venue settles in, as a file says it, laid over a regime, and as a world is settled in it."""

from pathlib import Path

import pytest

from exchange.cash.terms import CoinTerms, RoleName, all_of, keys_of
from exchange.clearing.denomination import Denomination
from exchange.clearing.terms import ClearingMode
from exchange.commands import (
    FreezeWallet,
    RedeemCoins,
    ReportCashPrice,
    UnfreezeWallet,
    WipeWallet,
)
from exchange.events import (
    AccountsValued,
    CashDeposited,
    CashPriced,
    CustodyGated,
    DirectiveRefused,
    InstrumentListed,
    MarginCalled,
    RegimeAdopted,
)
from exchange.units import SECOND
from scenarios.config.cash_file import CashKind
from scenarios.config.reading import ConfigurationError, stated
from scenarios.config.regime_file import (
    CashFile,
    cash_path,
    cash_schema,
    is_overlaid,
    load_regime,
    read_cash,
    read_regime,
    regime_name,
    shipped_cashes,
    shipped_clearings,
    shipped_regimes,
    with_cash,
    with_clearing,
)
from scenarios.config.scenario_file import load_world
from scenarios.provenance import toml_text
from scenarios.regime_words import cash_in_words, differences
from tests.scenarios.small_worlds import Kept, a_world, live, short_day

OPEN, SUPER = "ru_open_counterfactual", "ru_elr_super_2025"
COINS = [name for name in shipped_cashes() if read_cash(name).cash.kind is CashKind.COIN]

OWN = """
id = "own"
title = "our own coin"

[cash]
asset = "RUBZ"
title = "A coin of our own"
kind = "coin"
keeper = "Nobody (fictional)"
venue_wallets = 2
finality_seconds = 9
freeze_signatures = ["a", "b"]
venue_freeze_signatures = ["c"]
minter_allowance_rub = 1_000_000_000_000
pause_signatures = ["d"]
wipe_allowed = true

[[assumptions]]
key = "cash"
reason = "A test."
"""


def own(folder: Path, *changes: tuple[str, str], name: str = "own.toml") -> str:
    text = OWN
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def settled(path: str, cash: str) -> Kept:
    """The whole of a scenario under the open regime, settled in that."""
    regime = with_cash(OPEN, cash)
    return live(load_world(path, cash=read_regime(regime).cash.terms), regime)


# --- a file ---------------------------------------------------------------------------------------------


def test_a_profile_is_read_into_the_terms_of_its_coin(tmp_path: Path) -> None:
    assert read_cash(own(tmp_path)).cash.terms() == CoinTerms(
        asset_id="RUBZ",
        issuer="Nobody (fictional)",
        minters={"minter": 100_000_000_000_000},
        venue_wallets=("venue-1", "venue-2"),
        roles=keys_of("a", "b", apart=(all_of(RoleName.PAUSER, "d"), all_of(RoleName.VENUE_FREEZER, "c"))),
        finality=9 * SECOND,
        wipe_allowed=True,
    )


@pytest.mark.parametrize(
    ("change", "key", "words"),
    [
        (("keeper", "issuer_name"), "cash.issuer_name", "is not a key that belongs here"),
        (("finality_seconds = 9", "finality_secs = 9"), "cash.finality_secs", "is “finality_seconds”"),
        (('kind = "coin"', 'kind = "coins"'), "cash.kind", "the nearest that is valid is “coin”"),
        (('kind = "coin"', 'kind = "bank"'), "cash.minter_allowance_rub", "does not go with kind = “bank”"),
        (("wipe_allowed = true", ""), "cash.wipe_allowed", "is missing for kind = “coin”"),
        (('["d"]', "[]"), "cash.pause_signatures", "anybody could stop the coin"),
        (('["a", "b"]', "[]"), "cash.freeze_signatures", "must not be an empty list"),
        (('key = "cash"', 'key = "cash.title"'), "cash.venue_wallets", "is a number without a source"),
        (('key = "cash"', 'key = "cash.titel"'), "assumptions.1.key", "names “cash.titel”"),
    ],
)
def test_what_a_profile_cannot_say_is_told_with_its_place_and_the_remedy(
    tmp_path: Path, change: tuple[str, str], key: str, words: str
) -> None:
    path = own(tmp_path, change)
    with pytest.raises(ConfigurationError) as caught:
        read_cash(path)
    assert (caught.value.file, caught.value.key) == (path, key)
    assert words in str(caught.value)


def test_a_profile_that_does_not_ship(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"“rub_bnk” is no shipped cash profile; the nearest .* “rub_bank”"
    ):
        with_cash(OPEN, "rub_bnk")
    path = tmp_path / "regime.toml"
    tables = stated(read_regime(OPEN))
    tables["cash"]["profile"] = "rub_bnk"
    path.write_text(toml_text(tables), encoding="utf-8")
    with pytest.raises(
        ConfigurationError, match=r"cash\.profile names “rub_bnk”, which is not shipped; the nearest"
    ):
        load_regime(str(path))


def test_the_schema_knows_the_keys_of_a_profile() -> None:
    schema = cash_schema()
    assert schema["title"] == "Ringfence cash profile"
    assert set(CashFile.model_fields) == set(schema["properties"])
    asset = schema["$defs"]["SettlementAssetTable"]
    assert {"asset", "keeper", "kind"} <= set(asset["required"]) and not asset["additionalProperties"]


# --- what ships -----------------------------------------------------------------------------------------


def test_the_shipped_profiles_are_told_apart_and_say_that_they_are_made_up() -> None:
    files = {name: read_cash(name) for name in shipped_cashes()}
    assert {file.id for file in files.values()} == set(files)
    assert set(files).isdisjoint(shipped_clearings())
    assert {name: file.cash.asset for name, file in files.items()} == {
        "digital_rouble": "DRUB",
        "domestic_a7a5_like": "RUBA",
        "domestic_boe_like": "RUBD",
        "domestic_supervised": "RUBD",
        "foreign_circle_like": "RUBX",
        "foreign_tether_like": "RUBY",
        "rub_bank": "RUB",
    }
    for name, file in files.items():
        assert name == "digital_rouble" or file.cash.keeper.endswith("(fictional)"), name
    assert len({file.cash.in_words() for file in files.values()}) == len(files)


def test_a_scenario_without_a_profile_is_settled_in_the_usual_coin(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    assert world.coin == read_cash("domestic_supervised").cash.terms()
    named = load_world(str(tmp_path / "short_day.toml"), cash=read_cash("domestic_supervised").cash)
    assert named == world


@pytest.mark.parametrize("cash", shipped_cashes())
@pytest.mark.parametrize("regime", shipped_regimes())
def test_every_regime_can_name_every_profile(regime: str, cash: str) -> None:
    alone, over = load_regime(regime), load_regime(with_cash(regime, cash))
    assert (over.classes, over.clearing, over.market) == (alone.classes, alone.clearing, alone.market)
    assert (over.cash.gate, over.cash.denomination) == (alone.cash.gate, alone.cash.denomination)
    assert over.cash.settlement_asset == read_cash(cash).cash.asset
    assert over.regime_id == regime_name(with_cash(regime, cash)) == f"{regime}_{cash}"
    assert read_cash(cash).cash.keeper in cash_in_words(over.cash)


# --- laid over a regime ---------------------------------------------------------------------------------


def test_clearing_and_cash_are_named_in_any_order() -> None:
    one = with_cash(with_clearing(SUPER, "risk"), "foreign_tether_like")
    other = with_clearing(with_cash(SUPER, "foreign_tether_like"), "risk")
    assert load_regime(one) == load_regime(other)
    assert regime_name(one) == regime_name(other) == f"{SUPER}_risk_foreign_tether_like"
    assert load_regime(one).clearing.mode is ClearingMode.RISK
    with pytest.raises(ConfigurationError, match="names rub_bank and digital_rouble as its cash; name one"):
        load_regime(f"{SUPER}+rub_bank+digital_rouble")


def test_what_a_regime_says_with_another_cash_reads_back_as_the_same(tmp_path: Path) -> None:
    over = read_regime(with_cash(SUPER, own(tmp_path)))
    kept = tmp_path / "kept.toml"
    kept.write_text(toml_text(stated(over)), encoding="utf-8")
    assert load_regime(str(kept)) == over.regime()
    again = load_regime(with_cash(str(kept), "foreign_circle_like"))
    assert again.cash.settlement_asset == "RUBX"
    assert not any("A test" in one.reason for one in again.assumptions)


def test_a_regime_file_may_name_its_profile(tmp_path: Path) -> None:
    path = tmp_path / "regime.toml"
    text = toml_text(stated(read_regime(OPEN)))
    named = text.replace('settlement_asset = "RUBD"', 'profile = "foreign_circle_like"')
    named = named.replace('key = "cash.settlement_asset"', 'key = "cash.profile"')
    path.write_text(named, encoding="utf-8")
    file = read_regime(str(path))
    assert file.cash.settlement_asset == "RUBX" and file.cash.terms == read_cash("foreign_circle_like").cash
    assert is_overlaid(str(path)) and not is_overlaid(OPEN)
    path.write_text(named.replace("profile =", 'settlement_asset = "RUBD"\nprofile ='), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="settlement_asset is RUBD, but its terms are those of RUBX"):
        load_regime(str(path))


def test_only_what_it_settles_in_differs() -> None:
    (line,) = differences(load_regime(SUPER), load_regime(with_cash(SUPER, "foreign_circle_like")))
    assert line.startswith("settlement: RUBD -> Foreign coin of a regulated issuer (RUBX)")


# --- a world that is settled in it ----------------------------------------------------------------------


@pytest.mark.parametrize("cash", COINS)
def test_the_same_day_is_settled_in_every_coin_under_the_same_names(tmp_path: Path, cash: str) -> None:
    """Who trades what at which price is the same: only the keys differ. The freeze is signed by who holds them."""
    kept, usual = settled(str(short_day(tmp_path)), cash), live(a_world(tmp_path))
    asset = read_cash(cash).cash.asset
    (listed,) = kept.events(InstrumentListed)
    assert (listed.instrument.instrument_id, listed.instrument.cash) == ("BTC_RUBD-18DEC26", asset)
    assert {one.asset_id for one in kept.events(CashDeposited)} == {asset}
    assert len(kept.events(CustodyGated)) == 1
    assert len(kept.told) == len(usual.told)


def test_what_the_scenario_says_of_its_coin_goes_before_the_profile(tmp_path: Path) -> None:
    said = ("[coin]", "[coin]\nvenue_wallets = 5\nfinality_seconds = 7\nwipe_allowed = false")
    path = str(short_day(tmp_path, said))
    terms = load_world(path, cash=read_cash("foreign_tether_like").cash).coin
    assert (len(terms.venue_wallets), terms.finality, terms.wipe_allowed) == (5, 7 * SECOND, False)
    assert (terms.asset_id, terms.issuer) == ("RUBY", "Lantern Offshore (fictional)")
    resolved = tmp_path / "resolved.toml"
    resolved.write_text(toml_text(load_world(path).resolved), encoding="utf-8")
    assert load_world(str(resolved), cash=read_cash("foreign_tether_like").cash).coin == terms


def test_what_the_kind_does_not_have_is_passed_over() -> None:
    bank = read_cash("rub_bank").cash.changed({"wipe_allowed": True, "finality_seconds": 3})
    assert (bank.wipe_allowed, bank.finality_seconds) == (None, 3)


@pytest.mark.parametrize("cash", ["rub_bank", "digital_rouble"])
def test_what_no_venue_can_settle_in_yet_is_a_sentence(tmp_path: Path, cash: str) -> None:
    with pytest.raises(
        ConfigurationError, match="no venue can settle in that yet; choose the profile of a coin"
    ):
        settled(str(short_day(tmp_path)), cash)


def test_a_regime_of_noon_leaves_what_the_venue_settles_in(tmp_path: Path) -> None:
    adopted = (
        'do = "freeze_venue_wallets"\norder_ref = "freeze order 1"',
        f'do = "adopt_regime"\nregime = "{SUPER}"',
    )
    kept = settled(str(short_day(tmp_path, adopted)), "foreign_circle_like")
    assert len(kept.events(RegimeAdopted)) == 2
    assert not [e for e in kept.events(DirectiveRefused) if "adopt" in e.directive]


# --- directives of the cash leg -------------------------------------------------------------------------


def directed(folder: Path, *lines: str, cash: str = "foreign_tether_like") -> list[object]:
    told = "".join(f"\n[[directives]]\nat = 10:11:00\n{line}\n" for line in lines)
    path = short_day(folder)
    path.write_text(path.read_text(encoding="utf-8") + told, encoding="utf-8")
    world = load_world(str(path), cash=read_cash(cash).cash)
    return [command for at, command in world.directives if at % (60 * 60 * SECOND) == 11 * 60 * SECOND]


def test_directives_of_the_cash_leg(tmp_path: Path) -> None:
    who, wallet, asset = "individual-00012", "wallet-individual-00012", "RUBY"
    keys = {"asset_id": asset, "wallet_id": wallet, "order_ref": "order", "signatures": ("issuer",)}
    assert directed(
        tmp_path,
        'do = "report_cash_price"\nprice_percent = 90.5\nsource = "otc"',
        f'do = "freeze_wallet"\nparticipant = "{who}"',
        f'do = "unfreeze_wallet"\nparticipant = "{who}"',
        f'do = "wipe_wallet"\nparticipant = "{who}"',
        'do = "wipe_venue_wallets"',
        f'do = "redeem_coins"\nparticipant = "{who}"\namount_rub = 12.50',
    ) == [
        ReportCashPrice(asset_id=asset, price_ppm=905_000, source="otc"),
        FreezeWallet(**keys),
        UnfreezeWallet(**keys),
        WipeWallet(**keys),
        WipeWallet(**keys | {"wallet_id": "venue-1"}),
        RedeemCoins(asset_id=asset, wallet_id=wallet, amount=1_250),
    ]


@pytest.mark.parametrize(
    ("line", "key", "words"),
    [
        ('do = "report_cash_price"', "directives.3.price_percent", "goes with do = “report_cash_price” and"),
        (
            'do = "report_cash_price"\nprice_percent = 0',
            "directives.3.price_percent",
            "must lie between 0.01",
        ),
        ('do = "redeem_coins"\nparticipant = "maker_alpha"', "directives.3.amount_rub", "“redeem_coins”"),
        ('do = "freeze_wallet"', "directives.3.participant", "goes with do = “freeze_wallet” or"),
        ('do = "wipe_wallet"\nparticipant = "nobody"', "directives", "is no maker, no member and not of"),
        (
            'do = "wipe"',
            "directives.3.do",
            "cannot be “wipe”; the nearest that is valid is “wipe_venue_wallets”",
        ),
    ],
)
def test_a_directive_of_the_cash_leg_that_misses_something(
    tmp_path: Path, line: str, key: str, words: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        directed(tmp_path, line)
    assert caught.value.key == key
    assert words in str(caught.value)


def test_a_depeg_in_a_scenario_reaches_the_accounts(tmp_path: Path) -> None:
    """Under margin, and with debts in value, a fifth of the price is a fifth of what lies there: money is called."""
    tables = stated(read_regime(with_clearing(OPEN, "risk")))
    tables["cash"] |= {"denomination": "fiat_value", "collateral_haircut_percent": 2}
    tables["assumptions"] += ({"key": "cash.collateral_haircut_percent", "reason": "A test."},)
    regime = tmp_path / "worth.toml"
    regime.write_text(toml_text(tables), encoding="utf-8")
    assert load_regime(str(regime)).cash.denomination is Denomination.FIAT_VALUE
    assert "debts are paid in as many as are worth it, less 2% as collateral" in cash_in_words(
        load_regime(str(regime)).cash
    )
    fall = '\n[[directives]]\nat = 10:30:00\ndo = "report_cash_price"\nprice_percent = 20\n'
    path = short_day(tmp_path, ("size = 20", "size = 40\ndeposit_percent = 8"))
    path.write_text(path.read_text(encoding="utf-8") + fall, encoding="utf-8")
    kept = live(load_world(str(path)), str(regime))
    (priced,) = kept.events(CashPriced)
    assert priced.price_ppm == 200_000
    assert kept.events(AccountsValued)
    par = live(load_world(str(path)), with_clearing(OPEN, "risk"))
    assert len(kept.events(MarginCalled)) > len(par.events(MarginCalled))


def test_the_profiles_lie_where_they_are_looked_for() -> None:
    assert all(cash_path(name).is_file() for name in shipped_cashes())
