"""What a venue settles in, as a file says it, laid over a regime, and as a world is settled in it."""

from pathlib import Path

import pytest

from exchange.cash.hours import BankingHours
from exchange.cash.issuer_states import IssuerState
from exchange.cash.terms import (
    BankTerms,
    Circulation,
    CoinTerms,
    DigitalRoubleTerms,
    InterestRule,
    QueueRule,
    RedemptionTerms,
    ReissueRule,
    ReserveClass,
    ReserveStatus,
    ReserveTerms,
    Role,
    RoleName,
    all_of,
)
from exchange.clearing.denomination import Denomination
from exchange.clearing.terms import ClearingMode
from exchange.commands import (
    AddOwnFunds,
    AttestReserves,
    ChangeIssuerState,
    ConfigureMinter,
    DistributeInterest,
    EndOutage,
    FailBank,
    FreezeWallet,
    HaltCash,
    HouseLayer,
    MintCoins,
    PublishConversionRate,
    RecordFiatReceipt,
    RedeemCoins,
    ReissueCoins,
    RemoveMinter,
    ReportCashPrice,
    ReportOutage,
    ReportReserve,
    ResolveBank,
    ResumeCash,
    UnfreezeWallet,
    WipeWallet,
)
from exchange.events import (
    AccountsValued,
    BooksAudited,
    CashDeposited,
    CashHalted,
    CashPriced,
    ClaimsConverted,
    CoinRequestRefused,
    CoinsMinted,
    CustodyGated,
    DirectiveRefused,
    HouseFunded,
    InstrumentListed,
    MarginCalled,
    RegimeAdopted,
    SupplyExceedsReserves,
    TradeReported,
    WalletCredited,
    WalletFrozen,
)
from exchange.messages import changed
from exchange.reasons import CashRefusal
from exchange.units import DAY, HOUR, MINUTE, SECOND
from scenarios.config.cash_file import CashKind
from scenarios.config.cash_words import traits
from scenarios.config.directives import ACTS, THIEF
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
from tests.scenarios.small_worlds import CLOSES, Kept, a_world, live, short_day

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
freeze_authority = "domestic"
venue_wallets = 2
finality_seconds = 9
transfer_fee_rub = 0.50
transfer_fee_percent = 0.01
roles = [
    { name = "freezer", holders = ["a", "b", "c"], quorum = 2, delay_seconds = 60 },
    { name = "venue_freezer", holders = ["d"] },
    { name = "wiper", holders = ["a", "b"] },
]
minters = { desk = 1_000_000_000_000, other = 5 }
mint_needs_receipt = false
mint_needs_reserves = true
wipe_allowed = true
reissue = "mandatory"
freeze_stops_receiving = false
pause_completes_batch = true
own_funds_rub = 10
forced_sales = true
interest_share_percent = 50
venue_interest = "holders"

[[cash.reserves]]
name = "one"
reserve_class = "bank_deposit"
custodian = "First"
weight_percent = 60

[[cash.reserves]]
name = "two"
reserve_class = "short_bills"
custodian = "Second"
weight_percent = 40
liquidity_days = 1
haircut_percent = 8

[cash.hours]
opens = 06:00:00
weekdays = ["monday", "sunday"]
holidays = [1970-01-05]

[cash.redemption]
queue = "pro_rata"
instant = false
gated_payout = true
minimum_rub = 100
fee_fixed_rub = 1
fee_percent = 0.10
eligible_classes = ["institution"]
eligible_wallets = ["wallet-x"]
hours = { opens = 06:00:00, closes = 15:00:00 }
processing_interval_seconds = 60
cut_off = 12:00:00

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
    """Every key of a coin comes to a term of the core, in the core's units."""
    assert read_cash(own(tmp_path)).cash.terms() == CoinTerms(
        asset_id="RUBZ",
        issuer="Nobody (fictional)",
        venue_wallets=("venue-1", "venue-2"),
        roles=(
            Role(name=RoleName.FREEZER, holders=("a", "b", "c"), quorum=2, delay=MINUTE),
            all_of(RoleName.VENUE_FREEZER, "d"),
            all_of(RoleName.WIPER, "a", "b"),
        ),
        finality=9 * SECOND,
        hours=BankingHours(opens=6 * HOUR, closes=DAY, weekdays=(0, 6), holidays=(4 * DAY,)),
        transfer_fee=50,
        transfer_fee_bp=1,
        minters={"desk": 100_000_000_000_000, "other": 500},
        mint_needs_receipt=False,
        mint_needs_reserves=True,
        wipe_allowed=True,
        reissue=ReissueRule.MANDATORY,
        freeze_stops_receiving=False,
        pause_completes_batch=True,
        own_funds=1_000,
        reserves=(
            ReserveTerms(
                name="one",
                reserve_class=ReserveClass.BANK_DEPOSIT,
                custodian="First",
                weight_bp=6_000,
                amount=600,
            ),
            ReserveTerms(
                name="two",
                reserve_class=ReserveClass.SHORT_BILLS,
                custodian="Second",
                weight_bp=4_000,
                amount=400,
                liquidity_days=1,
                haircut_bp=800,
            ),
        ),
        forced_sales=True,
        interest_share_bp=5_000,
        venue_interest=InterestRule.HOLDERS,
        redemption=RedemptionTerms(
            queue=QueueRule.PRO_RATA,
            instant=False,
            gated_payout=True,
            minimum=10_000,
            fee_fixed=100,
            fee_bp=10,
            eligible_classes=("institution",),
            eligible_wallets=("wallet-x",),
            hours=BankingHours(opens=6 * HOUR, closes=15 * HOUR),
            processing_interval=MINUTE,
            cut_off=12 * HOUR,
        ),
    )


def test_profiles_of_money_are_read_into_its_terms() -> None:
    bank, platform = read_cash("rub_bank").cash.terms(), read_cash("digital_rouble").cash.terms()
    assert isinstance(bank, BankTerms) and isinstance(platform, DigitalRoubleTerms)
    assert (bank.bank, bank.insured, bank.insures_venue) == (
        read_cash("rub_bank").cash.keeper,
        140_000_000,
        False,
    )
    assert bank.hours is not None and (bank.hours.opens, bank.hours.closes) == (6 * HOUR, 18 * HOUR)
    assert platform.conversion_hours == bank.hours and platform.hours is None
    assert bank.signatures(RoleName.FREEZER) == platform.signatures(RoleName.FREEZER) == ("court",)
    limited = read_cash("digital_rouble").cash.changed({"wallet_limit_rub": 30_000_000, "insured_rub": 1})
    assert changed(platform, wallet_limit=30_000_000) == limited.terms()


@pytest.mark.parametrize(
    ("change", "key", "words"),
    [
        (("keeper", "issuer_name"), "cash.issuer_name", "is not a key that belongs here"),
        (("finality_seconds = 9", "finality_secs = 9"), "cash.finality_secs", "is “finality_seconds”"),
        (('kind = "coin"', 'kind = "coins"'), "cash.kind", "the nearest that is valid is “coin”"),
        (('kind = "coin"', 'kind = "bank"'), "cash.freeze_authority", "does not go with kind = “bank”"),
        (("wipe_allowed = true", ""), "cash.wipe_allowed", "is missing for kind = “coin”"),
        (('freeze_authority = "domestic"', ""), "cash.freeze_authority", "add the key “freeze_authority”"),
        (
            ("quorum = 2", "quorum = 4"),
            "cash.roles.1.quorum",
            "asks for 4 of 3 holders; ask for one of them up to",
        ),
        (('["a", "b"]', '["a", "a"]'), "cash.roles.3.quorum", "asks for 2 of 1 holders"),
        (('["a", "b"]', "[]"), "cash.roles.3.holders", "must not be an empty list"),
        (('name = "wiper"', 'name = "freezer"'), "cash.roles", "gives freezer twice; give each key once"),
        (('name = "wiper"', 'name = "wipper"'), "cash.roles.3.name", "the nearest that is valid is “wiper”"),
        (
            ("weight_percent = 60", "weight_percent = 50"),
            "cash.reserves",
            "have weights of 90 together, not of 100",
        ),
        (('name = "two"', 'name = "one"'), "cash.reserves", "two buckets of one name"),
        (
            ("weight_percent = 60", "weight_percent = 60\namount_rub = 1"),
            "cash.reserves.2.amount_rub",
            "or of none",
        ),
        (("{ desk = 1_000_000_000_000, other = 5 }", "{}"), "cash.minters", "nobody could bring money"),
        (("closes = 15:00:00", "closes = 05:00:00"), "cash.redemption.hours.closes", "choose a later hour"),
        (('"monday"', '"mon"'), "cash.hours.weekdays.1", "is “monday”"),
        (('queue = "pro_rata"', 'queue = "lifo"'), "cash.redemption.queue", "cannot be “lifo”"),
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


def test_money_has_no_keys_of_an_issuer(tmp_path: Path) -> None:
    text = Path(str(cash_path("rub_bank"))).read_text(encoding="utf-8")
    path = tmp_path / "bank.toml"
    path.write_text(text.replace('name = "freezer"', 'name = "wiper"'), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"cash\.roles\.1\.name is a key that “bank” does not have"):
        read_cash(str(path))


def test_reserves_must_stand_for_what_is_out(tmp_path: Path) -> None:
    stated = (
        ("weight_percent = 60", "weight_percent = 60\namount_rub = 700"),
        ("weight_percent = 40", "weight_percent = 40\namount_rub = 310"),
    )
    cash = read_cash(own(tmp_path, *stated)).cash
    out = '[[coin.circulation]]\nwallet = "wallet-x"\namount_rub = 1_000\n\n[[instruments]]'
    path = str(short_day(tmp_path, ("[[instruments]]", out)))
    terms = load_world(path, cash=cash).coin
    assert isinstance(terms, CoinTerms)
    assert [bucket.amount for bucket in terms.reserves] == [70_000, 31_000]
    assert terms.circulation == (Circulation(wallet_id="wallet-x", amount=100_000),)
    with pytest.raises(
        ConfigurationError, match=r"cash\.reserves come to 1,010.00 roubles, for 10.00 in circ"
    ) as caught:
        load_world(str(short_day(tmp_path)), cash=cash)
    assert "make both the same, or leave every amount_rub out" in str(caught.value)


def test_what_the_core_would_refuse_is_told_with_the_asset(tmp_path: Path) -> None:
    cash = read_cash(own(tmp_path, ("cut_off = 12:00:00", "cut_off = 05:00:00"))).cash
    with pytest.raises(
        ConfigurationError, match="RUBZ: cash cannot be founded: RUBZ: the cut-off lies outside"
    ):
        load_world(str(short_day(tmp_path)), cash=cash)


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
    assert kept.events(TradeReported)
    assert [e.price for e in kept.events(TradeReported)] == [e.price for e in usual.events(TradeReported)]


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
    bank = read_cash("rub_bank").cash.changed(
        {"wipe_allowed": True, "venue_wallets": 5, "finality_seconds": 3}
    )
    assert (bank.wipe_allowed, bank.venue_wallets, bank.finality_seconds) == (None, None, 3)


@pytest.mark.parametrize("cash", ["rub_bank", "digital_rouble"])
def test_a_day_is_settled_in_money_proper(tmp_path: Path, cash: str) -> None:
    """The freeze is the order of a court; nothing is minted, and nobody has coins to redeem."""
    kept, usual = settled(str(short_day(tmp_path)), cash), live(a_world(tmp_path))
    assert {one.asset_id for one in kept.events(CashDeposited)} == {read_cash(cash).cash.asset}
    assert not kept.events(CoinsMinted) and kept.events(WalletCredited)
    assert len(kept.events(TradeReported)) == len(usual.events(TradeReported)) > 0
    assert len(kept.events(WalletFrozen)) == len(kept.events(CustodyGated)) == 1


def test_money_cannot_be_brought_while_its_bank_is_closed(tmp_path: Path) -> None:
    saturday = short_day(tmp_path, ("day = 2026-12-18", "day = 2026-12-19"))
    with pytest.raises(
        ConfigurationError, match=r"before the session: RUB is refused \(closed\); choose a session within"
    ):
        settled(str(saturday), "rub_bank")


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


def test_directives_on_what_stands_behind_a_coin(tmp_path: Path) -> None:
    who, wallet, asset, issuer = "maker_alpha", "wallet-maker_alpha", "RUBY", ("issuer",)
    assert directed(
        tmp_path,
        'do = "report_reserve"\ncustodian = "Island Bank (fictional)"\nstatus = "lost"\nshare_percent = 8',
        'do = "issuer_default"',
        'do = "change_issuer_state"\nstate = "redemption_gated"',
        'do = "add_own_funds"\namount_rub = 5',
        'do = "distribute_interest"\namount_rub = 6',
        'do = "configure_minter"\nminter = "desk"\nallowance_rub = 7',
        'do = "remove_minter"\nminter = "desk"',
        f'do = "mint"\nparticipant = "{who}"\namount_rub = 8',
        f'do = "mint"\nparticipant = "{who}"\namount_rub = 8\nbacked = false\nminter = "desk"',
        'do = "steal_minter_key"\namount_rub = 9',
        f'do = "wipe_wallet"\nparticipant = "{who}"\nreissue_to = "wallet-new"',
        'do = "reissue_coins"\nwallet = "venue-1"\namount_rub = 1\norder_ref = "reset"',
        'do = "attest_reserves"',
    ) == [
        ReportReserve(
            asset_id=asset, custodian="Island Bank (fictional)", status=ReserveStatus.LOST, share_bp=800
        ),
        ChangeIssuerState(asset_id=asset, state=IssuerState.DEFAULT, signatures=issuer),
        ChangeIssuerState(asset_id=asset, state=IssuerState.REDEMPTION_GATED, signatures=issuer),
        AddOwnFunds(asset_id=asset, amount=500),
        DistributeInterest(asset_id=asset, income=600),
        ConfigureMinter(asset_id=asset, minter="desk", allowance=700, signatures=issuer),
        RemoveMinter(asset_id=asset, minter="desk", signatures=issuer),
        RecordFiatReceipt(asset_id=asset, receipt_id=f"{who} at 10:11:00", amount=800),
        MintCoins(
            asset_id=asset, minter="issuer", receipt_id=f"{who} at 10:11:00", wallet_id=wallet, amount=800
        ),
        MintCoins(
            asset_id=asset, minter="desk", receipt_id=f"{who} at 10:11:00", wallet_id=wallet, amount=800
        ),
        MintCoins(asset_id=asset, minter="issuer", receipt_id="stolen key", wallet_id=THIEF, amount=900),
        WipeWallet(
            asset_id=asset, wallet_id=wallet, order_ref="order", signatures=issuer, reissue_to="wallet-new"
        ),
        ReissueCoins(asset_id=asset, wallet_id="venue-1", amount=100, wipe_ref="reset", signatures=issuer),
        AttestReserves(asset_id=asset, signatures=issuer),
    ]


def test_directives_on_banks_and_on_halts(tmp_path: Path) -> None:
    assert directed(
        tmp_path,
        'do = "report_outage"',
        'do = "end_outage"',
        'do = "fail_bank"',
        'do = "resolve_bank"\nloss_percent = 12.5',
        'do = "halt_cash"\ngrounds = "frozen"',
        'do = "resume_cash"',
        'do = "publish_conversion_rate"\nrate_percent = 98.5',
        'do = "report_outage"\nasset = "RUBY"',
        cash="rub_bank",
    ) == [
        ReportOutage(asset_id="RUB"),
        EndOutage(asset_id="RUB"),
        FailBank(asset_id="RUB"),
        ResolveBank(asset_id="RUB", loss_bp=1_250),
        HaltCash(asset_id="RUB", grounds="frozen"),
        ResumeCash(asset_id="RUB"),
        PublishConversionRate(asset_id="RUB", rate_ppm=985_000),
        ReportOutage(asset_id="RUBY"),
    ]


@pytest.mark.parametrize("cash", ["rub_bank", "digital_rouble"])
def test_what_a_word_about_an_issuer_comes_to_in_money_proper(tmp_path: Path, cash: str) -> None:
    asset = read_cash(cash).cash.asset
    assert directed(
        tmp_path,
        'do = "pause_issuer"',
        'do = "unpause_issuer"',
        'do = "issuer_default"',
        'do = "report_cash_price"\nprice_percent = 88',
        'do = "freeze_venue_wallets"',
        cash=cash,
    ) == [
        ReportOutage(asset_id=asset),
        EndOutage(asset_id=asset),
        FailBank(asset_id=asset),
        FreezeWallet(asset_id=asset, wallet_id="venue-1", order_ref="order", signatures=("court",)),
    ]


def test_directives_on_the_wallets_of_the_venue(tmp_path: Path) -> None:
    """A reset is three words in one instant, and nothing at all but a refusal where there is no issuer."""
    lines = (
        'do = "open_venue_wallet"\nwallet = "venue-new"',
        'do = "reset_venue_wallets"\nreissue_to = "venue-new"\norder_ref = "reset"',
        'do = "write_down_coins"\nloss_percent = 20\ngrounds = "reserves of 80"',
    )
    for cash, kinds in (
        ("foreign_tether_like", ["OpenVenueWallet", "FreezeWallet", "WipeWallet", "RecordCashLoss"]),
        ("rub_bank", ["OpenVenueWallet", "WipeWallet", "ResolveBank"]),
    ):
        told = directed(tmp_path, *lines, cash=cash)
        assert [type(command).__name__ for command in told] == kinds
    assert ResolveBank(asset_id="RUB", loss_bp=2_000) == told[-1]


@pytest.mark.parametrize(
    ("cash", "said"), [("foreign_circle_like", 2), ("domestic_supervised", 0), ("rub_bank", 0)]
)
def test_a_word_may_be_for_those_who_obey_an_authority(tmp_path: Path, cash: str, said: int) -> None:
    lines = (
        'do = "halt_cash"\ngrounds = "frozen"\nwhere_obeyed = "foreign"',
        'do = "publish_conversion_rate"\nrate_percent = 100\nwhere_obeyed = "foreign"',
    )
    assert len(directed(tmp_path, *lines, cash=cash)) == said


def test_a_hazard_must_threaten_somebody(tmp_path: Path) -> None:
    for table, key in (
        ("[freeze_hazard]\nforeign_percent = 50", "freeze_hazard.wallet_percent_a_day"),
        ("[freeze_hazard]\nvenue_percent = 101", "freeze_hazard.venue_percent"),
        ("[freeze_hazard]\nvenue_percent = 10\nlasts = 5", "freeze_hazard.lasts"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            load_world(str(short_day(tmp_path, ("[population]", f"{table}\n\n[population]"))))
        assert caught.value.key == key


def test_the_scenario_may_say_that_reserves_are_waited_for(tmp_path: Path) -> None:
    for said in (True, False):
        path = short_day(tmp_path, ("[coin]", f"[coin]\nforced_sales = {str(said).lower()}"))
        coin = load_world(str(path)).coin
        assert isinstance(coin, CoinTerms) and coin.forced_sales is said


ALL_WORDS = {
    "participant": '"maker_alpha"', "wallet": '"wallet-x"', "amount_rub": "5", "minter": '"desk"', "state": '"default"',
    "allowance_rub": "5", "custodian": '"First"', "status": '"stuck"', "loss_percent": "1", "grounds": '"x"',
    "rate_percent": "100", "price_percent": "90", "instrument": '"BTC_RUBD-18DEC26"', "price_rub": "7_000_000",
    "limit_rub": "5_000", "regime": '"ru_elr_super_2025"', "reissue_to": '"venue-1"',
    "stuck_percent": "8", "covered": "true", "statement": '"x"',
}  # fmt: skip


@pytest.mark.parametrize("cash", shipped_cashes())
def test_every_word_can_be_said_in_every_settlement_asset(tmp_path: Path, cash: str) -> None:
    """All of them in one day, a second apart, whatever sense they make: the run ends, and every invariant holds."""
    path = short_day(tmp_path, ("size = 20", "size = 5"))
    lines = "".join(
        f'\n[[directives]]\nat = 10:30:{second:02}\ndo = "{word}"\n'
        + "".join(f"{key} = {ALL_WORDS[key]}\n" for key in act.needs)
        for second, (word, act) in enumerate(ACTS.items())
        if word not in ("adopt_regime", "declare_default", "reorganise_chain")  # the last one needs a deposit
    )
    path.write_text(path.read_text(encoding="utf-8") + lines, encoding="utf-8")
    kept = settled(str(path), cash)
    assert [entry.time for entry in kept.told if isinstance(entry.event, BooksAudited)][-1] >= CLOSES
    refused = {one.request for one in kept.events(CoinRequestRefused)}
    assert ("AttestReserves" in refused) == (read_cash(cash).cash.kind is not CashKind.COIN)


# --- who asks for a freeze ------------------------------------------------------------------------------


@pytest.mark.parametrize("asker", ["foreign", "domestic"])
@pytest.mark.parametrize("cash", shipped_cashes())
def test_a_request_reaches_those_alone_who_obey_whoever_asks(tmp_path: Path, cash: str, asker: str) -> None:
    asked = ('do = "freeze_venue_wallets"', f'do = "freeze_venue_wallets"\nat_request_of = "{asker}"')
    kept = settled(str(short_day(tmp_path, asked)), cash)
    reached = read_cash(cash).cash.obeys == asker
    assert bool(kept.events(WalletFrozen)) is bool(kept.events(CustodyGated)) is reached
    refused = [one for one in kept.events(CoinRequestRefused) if one.request == "FreezeWallet"]
    assert [one.reason for one in refused] == ([] if reached else [CashRefusal.SIGNATURES_MISSING])


# --- a stolen key ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cash", "reason"),
    [
        ("foreign_tether_like", None),  # no receipt is asked for: coins out of nothing
        ("foreign_circle_like", CashRefusal.NO_FIAT_RECEIPT),
        ("domestic_a7a5_like", CashRefusal.NO_FIAT_RECEIPT),
        ("domestic_supervised", CashRefusal.NO_FIAT_RECEIPT),
        ("rub_bank", CashRefusal.NOT_A_COIN),
    ],
)
def test_a_thief_mints_what_the_allowance_has_left(
    tmp_path: Path, cash: str, reason: CashRefusal | None
) -> None:
    stolen = ('do = "freeze_venue_wallets"\norder_ref = "freeze order 1"', 'do = "steal_minter_key"')
    path = short_day(tmp_path, stolen, ("[coin]", "[coin]\nminter_allowance_rub = 500_000_000"))
    kept = settled(str(path), cash)
    (command,) = [one for _, one in kept.commands if isinstance(one, MintCoins) and one.wallet_id == THIEF]
    brought = sum(one.amount for one in kept.events(CashDeposited))
    if reason is None:
        (minted,) = [one for one in kept.events(CoinsMinted) if one.wallet_id == THIEF]
        assert (minted.amount, minted.backed) == (50_000_000_000 - brought, False)
        assert kept.events(SupplyExceedsReserves)[0].shortfall == minted.amount
    else:
        assert command.minter == (list(minters(cash))[-1] if minters(cash) else "nobody")
        (refused,) = [one for one in kept.events(CoinRequestRefused) if one.request == "MintCoins"]
        assert refused.reason is reason


def minters(cash: str) -> dict[str, int]:
    return read_cash(cash).cash.minters or {}


def test_who_may_redeem_beside_whom_the_profile_lets(tmp_path: Path) -> None:
    named = ("[coin]", '[coin]\neligible = ["maker_alpha"]')
    path = str(short_day(tmp_path, named))
    circle = load_world(path, cash=read_cash("foreign_circle_like").cash).coin
    assert isinstance(circle, CoinTerms) and circle.redemption.eligible_wallets == ("wallet-maker_alpha",)
    everybody = load_world(path, cash=read_cash("domestic_supervised").cash).coin
    assert isinstance(everybody, CoinTerms) and everybody.redemption.eligible_wallets == ()


def test_how_the_coins_of_a_scenario_are_paid_for(tmp_path: Path) -> None:
    """All else is as the profile says; and money proper is not redeemed at all."""
    said = "[coin]\nredemption_instant = false\nredemption_interval_seconds = 86_400"
    path = str(short_day(tmp_path, ("[coin]", said)))
    for cash in ("domestic_supervised", "foreign_circle_like"):
        usual = read_cash(cash).cash
        coin, plain = load_world(path, cash=usual).coin, usual.terms()
        assert isinstance(coin, CoinTerms) and isinstance(plain, CoinTerms)
        assert coin.redemption == changed(plain.redemption, instant=False, processing_interval=DAY)
    assert load_world(path, cash=read_cash("rub_bank").cash).coin.asset_id == "RUB"


# --- what the venue falls back on -----------------------------------------------------------------------


def falling_back(folder: Path, asset: str, **more: object) -> str:
    tables = stated(read_regime(OPEN))
    tables["cash"] |= {"fallback_asset": asset, **more}
    path = folder / "falling_back.toml"
    path.write_text(toml_text(tables), encoding="utf-8")
    return str(path)


CONVERTED = '\n[[directives]]\nat = 10:35:00\ndo = "publish_conversion_rate"\nrate_percent = 100\n'


@pytest.mark.parametrize("cash", ["domestic_supervised", "foreign_tether_like", "digital_rouble"])
def test_the_venue_keeps_what_the_regime_falls_back_on(tmp_path: Path, cash: str) -> None:
    """Founded from its shipped profile, with as much of it in the house's hands as all have brought."""
    name = with_cash(falling_back(tmp_path, "RUB", halt_on_freeze=True), cash)
    path = short_day(tmp_path)
    path.write_text(path.read_text(encoding="utf-8") + CONVERTED, encoding="utf-8")
    file = read_regime(name)
    world = load_world(str(path), cash=file.cash.terms, fallback=file.cash.fallback_asset)
    assert world.fallback == read_cash("rub_bank").cash.terms()
    kept = live(world, name)
    (funded,) = kept.events(HouseFunded)
    brought = sum(one.amount for one in kept.events(CashDeposited))
    assert (funded.asset_id, funded.layer, funded.amount) == ("RUB", HouseLayer.LIQUIDITY, brought)
    (halted,), (converted,) = kept.events(CashHalted), kept.events(ClaimsConverted)
    assert (halted.asset_id, converted.fallback_asset_id) == (file.cash.settlement_asset, "RUB")
    assert [entry.time for entry in kept.told if isinstance(entry.event, BooksAudited)][-1] >= CLOSES


def test_the_scenario_may_say_how_much_of_it_the_house_holds(tmp_path: Path) -> None:
    name = falling_back(tmp_path, "RUB")
    path = str(short_day(tmp_path, ("[population]", "[house]\nfallback_liquidity_rub = 5\n\n[population]")))
    kept = live(load_world(path, fallback="RUB"), name)
    assert [one.amount for one in kept.events(HouseFunded)] == [500]


def test_a_fallback_that_nobody_could_keep_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"RUBQ: cash\.fallback_asset has no shipped .* “RUB"):
        load_world(str(short_day(tmp_path)), fallback="RUBQ")
    with pytest.raises(
        ConfigurationError, match=r"cash\.fallback_asset is what the venue settles in; name another"
    ):
        read_regime(falling_back(tmp_path, "RUBD"))


def test_whoever_settles_in_the_fallback_has_none(tmp_path: Path) -> None:
    """So that a comparison of settlement assets may name one of them as the fallback of all."""
    name = falling_back(tmp_path, "RUB")
    assert load_regime(with_cash(name, "rub_bank")).cash.fallback_asset is None
    assert load_regime(with_cash(name, "digital_rouble")).cash.fallback_asset == "RUB"


def test_a_regime_tells_what_happens_when_its_money_is_stopped(tmp_path: Path) -> None:
    lines = differences(load_regime(OPEN), load_regime(falling_back(tmp_path, "RUB", halt_on_freeze=True)))
    assert lines == [
        "when a venue wallet is frozen: trading goes on until it is halted -> trading is halted at once",
        "when what it settles in is halted: claims wait until it is resumed -> "
        "claims may be converted into RUB at a published rate",
    ]


# --- in plain words -------------------------------------------------------------------------------------


def test_every_profile_answers_the_four_questions(tmp_path: Path) -> None:
    told = {name: dict(traits(read_cash(name).cash)) for name in shipped_cashes()}
    assert {tuple(one) for one in told.values()} == {
        ("Who can freeze it", "Who loses if it fails", "When it moves", "Par")
    }
    assert told["domestic_a7a5_like"]["Who can freeze it"].startswith("5 of 5 (compliance 1, ")
    assert told["domestic_supervised"]["Who can freeze it"] == (
        "the issuer, at domestic orders; for a wallet of the venue the central bank must sign too; "
        "nothing is destroyed"
    )
    assert (
        "20% bank deposit at Second Harbour Bank (fictional)"
        in told["domestic_supervised"]["Who loses if it fails"]
    )
    assert told["digital_rouble"]["Who loses if it fails"] == "nobody: it is a claim on the central bank"
    assert (
        "1,400,000 RUB of each account are insured; of the venue's account nothing is"
        in (told["rub_bank"]["Who loses if it fails"])
    )
    assert told["foreign_tether_like"]["Par"] == (
        "redeemed for everybody, 08:00 to 16:00 UTC, monday to friday, as far as money is there at once; "
        "in turns, not at once; 100,000 RUB at least; for a fee of 1,000 RUB or 0.1%, the larger"
    )
    assert "for institution alone" in told["foreign_circle_like"]["Par"]
    ours = dict(traits(read_cash(own(tmp_path)).cash))
    assert ours["When it moves"] == "06:00 to 24:00 UTC, monday and sunday, without holidays; final after 9 s"
    assert "2 of 3 (a, b, c)" in ours["Who can freeze it"]
    assert "must be issued anew at once" in ours["Who can freeze it"]


@pytest.mark.parametrize(
    ("line", "key", "words"),
    [
        ('do = "report_cash_price"', "directives.3.price_percent", "is missing for do = “report_cash_price”"),
        (
            'do = "report_cash_price"\nprice_percent = 0',
            "directives.3.price_percent",
            "must lie between 0.01",
        ),
        ('do = "redeem_coins"\nparticipant = "maker_alpha"', "directives.3.amount_rub", "“redeem_coins”"),
        ('do = "freeze_wallet"', "directives.3.participant", "add the key “participant”"),
        ('do = "wipe_wallet"\nparticipant = "nobody"', "directives", "is no maker, no member and not of"),
        (
            'do = "wipe"',
            "directives.3.do",
            "cannot be “wipe”; the nearest that is valid is “wipe_venue_wallets”",
        ),
        ('do = "report_reserve"\ncustodian = "First"', "directives.3.status", "is missing for do"),
        ('do = "report_reserve"\ncustodian = "First"\nstatus = "gone"', "directives.3.status", "“stuck”"),
        (
            'do = "pause_issuer"\norder_ref = "x"',
            "directives.3.order_ref",
            "does not go with do = “pause_issuer”",
        ),
        ('do = "halt_cash"', "directives.3.grounds", "is missing for do = “halt_cash”"),
        ('do = "freeze_venue_wallets"\nat_request_of = "abroad"', "directives.3.at_request_of", "cannot be"),
        (
            'do = "resolve_bank"\nloss_percent = 101',
            "directives.3.loss_percent",
            "must lie between 0 and 100",
        ),
        ('do = "change_issuer_state"\nstate = "sleepy"', "directives.3.state", "cannot be “sleepy”"),
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


def test_a_misspelt_profile_is_told_as_one() -> None:
    with pytest.raises(ConfigurationError, match=r"“foreign_teher_like” is no shipped .*foreign_tether_like"):
        load_regime("ru_open_counterfactual+foreign_teher_like")
