"""How the venue keeps what it settles in, and who bears its loss, as profiles, scenarios and regimes say it."""

from pathlib import Path

import pytest

from exchange.cash.terms import CoinTerms, CustodyMode
from exchange.clearing.terms import ClearingMode
from exchange.commands import HouseLayer
from exchange.events import HouseFunded, LossAllocated
from exchange.units import HOUR
from scenarios.config.reading import ConfigurationError
from scenarios.config.regime_file import cash_path, load_regime, read_cash, regime_path, with_clearing
from scenarios.config.scenario_file import load_world
from scenarios.regime_words import differences
from tests.scenarios.small_worlds import a_world, live, short_day

OPEN = "ru_open_counterfactual"
AN_HOUR = (
    "\nlongest_pause_seconds = 3_600\nexpected_recovery_percent = 25\nloss_layer_cap_rub = 2_000\ncustody = "
)


def a_profile(folder: Path, *more: str, of: str = "foreign_tether_like") -> str:
    """A shipped one with more keys in its [cash] table."""
    text = Path(str(cash_path(of))).read_text(encoding="utf-8")
    stated = [line.partition(" =")[0] for key in more for line in key.split("\n") if line]
    kept = "\n".join(line for line in text.split("\n") if line.partition(" =")[0] not in stated)
    path = folder / "profile.toml"
    told = "\n".join((*more, ""))
    grounds = '\n[[assumptions]]\nkey = "cash"\nreason = "A test."\n'
    path.write_text(kept.replace("[cash]\n", f"[cash]\n{told}", 1) + grounds, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("mode", CustodyMode)
def test_a_profile_says_how_the_venue_keeps_it(tmp_path: Path, mode: CustodyMode) -> None:
    terms = read_cash(a_profile(tmp_path, f'{AN_HOUR}"{mode}"')).cash.terms()
    assert (terms.custody, terms.longest_pause) == (mode, HOUR)
    assert (terms.expected_recovery_bp, terms.loss_layer_cap) == (2_500, 200_000)


def test_what_it_leaves_out_is_as_the_core_has_it() -> None:
    terms, usual = read_cash("foreign_tether_like").cash.terms(), CoinTerms
    assert isinstance(terms, usual)
    assert (terms.custody, terms.longest_pause, terms.expected_recovery_bp, terms.loss_layer_cap) == (
        CustodyMode.SHARDED,
        None,
        10_000,
        None,
    )


def test_a_scenario_says_it_of_its_coin_and_a_bank_passes_over_what_it_does_not_have(tmp_path: Path) -> None:
    path = str(short_day(tmp_path, ("[coin]", f'[coin]{AN_HOUR}"segregated"')))
    for name in ("domestic_supervised", "digital_rouble"):
        terms = load_world(path, cash=read_cash(name).cash).coin
        assert (terms.custody, terms.longest_pause, terms.loss_layer_cap) == (
            CustodyMode.SEGREGATED,
            HOUR,
            200_000,
        )
    bank = load_world(path, cash=read_cash("rub_bank").cash).coin
    assert (bank.custody, bank.longest_pause, bank.loss_layer_cap) == (CustodyMode.SHARDED, HOUR, 200_000)


@pytest.mark.parametrize(
    ("of", "key", "at", "words"),
    [
        ("foreign_tether_like", 'custody = "sharted"', "cash.custody", "the nearest that is valid is “sharded”"),
        ("foreign_tether_like", 'custodi = "native"', "cash.custodi", "the nearest that is valid is “custody”"),
        ("rub_bank", 'custody = "segregated"', "cash.custody", "does not go with kind = “bank”; leave it out"),
        ("foreign_tether_like", "longest_pause_seconds = -1", "cash.longest_pause_seconds", "-1"),
        ("foreign_tether_like", "expected_recovery_percent = 101", "cash.expected_recovery_percent", "101"),
        ("foreign_tether_like", "loss_layer_cap_rub = -5", "cash.loss_layer_cap_rub", "-5"),
    ],
)  # fmt: skip
def test_custody_that_no_file_can_say(tmp_path: Path, of: str, key: str, at: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_cash(a_profile(tmp_path, key, of=of))
    assert caught.value.key == at and words in str(caught.value)


@pytest.mark.parametrize(
    ("of", "keys", "words"),
    [
        ("domestic_supervised", ('custody = "omnibus"', "venue_wallets = 2"), "names one; say sharded"),
        ("domestic_supervised", ('custody = "native"', "transfer_fee_rub = 1"), "would cost a fee; say sharded"),
        ("digital_rouble", ('custody = "segregated"', "transfer_limit_rub = 5"), "or leave the limits out"),
    ],
)  # fmt: skip
def test_keys_that_do_not_go_together(tmp_path: Path, of: str, keys: tuple[str, ...], words: str) -> None:
    cash = read_cash(a_profile(tmp_path, *keys, of=of)).cash
    with pytest.raises(ConfigurationError, match="cannot be founded") as caught:
        load_world(str(short_day(tmp_path)), cash=cash)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("said", "respected"), [("", False), ("\nfreeze_respects_finality = true", True)]
)  # fmt: skip
def test_a_regime_says_whether_finality_holds_against_a_freeze(
    tmp_path: Path, said: str, respected: bool
) -> None:
    text = Path(str(regime_path(OPEN))).read_text(encoding="utf-8")
    path = tmp_path / "regime.toml"
    path.write_text(text.replace("[cash]", f"[cash]{said}", 1), encoding="utf-8")
    assert load_regime(str(path)).cash.freeze_respects_finality is respected
    changed = differences(load_regime(OPEN), load_regime(str(path)))
    told = "what was set aside before a freeze: stays where it is -> still settles after it"
    assert [line.startswith(told) for line in changed] == [True] * respected


WIPED = (
    'do = "unfreeze_venue_wallets"\norder_ref = "court order 1"',
    'do = "wipe_venue_wallets"\nwallets = 1\norder_ref = "court order 1"',
)
HOUSE = "[house]\nloss_layer_rub = 1_000\nloss_insurance_rub = 500\n\n[population]"


@pytest.mark.parametrize("clearing", [None, "risk"])
def test_the_house_brings_what_bears_a_loss_however_it_clears(tmp_path: Path, clearing: str | None) -> None:
    """In full too: the coins themselves are lost there as well. A cap in the file holds, and holders bear the rest."""
    said = "[coin]\nvenue_wallets = 5\nwipe_allowed = true\nloss_layer_cap_rub = 600"
    a_world(tmp_path, ("[coin]", said), WIPED, ("[population]", HOUSE))
    world = load_world(str(tmp_path / "short_day.toml"), cash=read_cash("foreign_tether_like").cash)
    regime = load_regime(with_clearing(f"{OPEN}+foreign_tether_like", clearing))
    kept = live(world, f"{with_clearing(OPEN, clearing)}+foreign_tether_like")
    brought = {event.layer: event.amount for event in kept.events(HouseFunded)}
    assert brought[HouseLayer.LOSS_LAYER] == 100_000 and brought[HouseLayer.LOSS_INSURANCE] == 50_000
    assert (len(brought) == 2) is (regime.clearing.mode is ClearingMode.FULL)
    (told,) = kept.events(LossAllocated)
    assert (told.house, told.insurance, told.nobody) == (60_000, 50_000, 0)
    assert told.holders == told.loss - 110_000 > 0
