"""A scenario file may list every product there is; what it says of each is checked, and the whole runs."""

import re
from pathlib import Path

import pytest
import tomli_w

from exchange.events import (
    BucketSettled,
    CryptoDepositCredited,
    DirectiveRefused,
    InstrumentListed,
    NoteSettled,
    NotesSubscribed,
    TradeReported,
)
from exchange.instruments import ContractKind, Product
from exchange.units import MINUTE, SECOND
from scenarios.config.reading import ConfigurationError
from scenarios.config.scenario_file import load_world
from scenarios.run import replay, run, run_cell
from tests.scenarios.small_worlds import SHORT_DAY, a_world, live

NOTE, DIGITAL = "instruments.NOTE-18DEC26", "instruments.BTC_RUBD-18DEC26-8800000-DC"
FUTURE_ID = 'id = "BTC_RUBD-18DEC26"'
OPEN, CLOSED = "ru_open_counterfactual", "ru_derivs_qual_2025"

MORE = """
[[crypto]]
id = "BTC"

[[issuers]]
id = "bank_of_notes"
deposit_rub = 50_000_000
own_funds_rub = 9_000_000_000

[[makers]]
id = "maker_spot"
deposit_rub = 60_000_000
own_funds_rub = 9_000_000_000
instrument = "BTC_RUBD"
units = 5.5

[[instruments]]
id = "BTC_RUBD"
kind = "spot"
base = "BTC"
floor_rub = 10_000
cap_rub = 16_000_000
reference_rub = 8_000_000
fee_taker_rub = 0.60

[[instruments]]
id = "BTC_RUBD-18DEC26-8800000-C"
kind = "call"
expires = 10:45:00
strike_rub = 8_800_000
cap_rub = 16_000_000
reference_rub = 50_000

[[instruments]]
id = "BTC_RUBD-18DEC26-7000000-P"
kind = "put"
expires = 10:45:00
strike_rub = 7_000_000
cap_rub = 16_000_000
reference_rub = 50_000

[[instruments]]
id = "BTC_RUBD-18DEC26-8800000-DC"
kind = "digital_call"
expires = 10:45:00
strike_rub = 8_800_000
digital_payoff_rub = 100_000
cap_rub = 16_000_000
reference_rub = 50_000

[[instruments]]
id = "BTC_RUBD-18DEC26-7000000-DP"
kind = "digital_put"
expires = 10:45:00
strike_rub = 7_000_000
digital_payoff_rub = 100_000
cap_rub = 16_000_000
reference_rub = 50_000

[[instruments]]
id = "NOTE-18DEC26"
kind = "note"
expires = 10:45:00
cap_rub = 16_000_000
reference_rub = 1_000

[instruments.note]
issuer = "bank_of_notes"
payoff = "participation"
nominal_rub = 1_000
initial_rub = 8_000_000
issue_price_rub = 1_000
volume = 20_000
floor_percent = 95
participation_percent = 50
cap_percent = 40
coupons = [{ at = 10:20:00, rate_percent = 0.5 }]
funding_seconds = 60
"""
ALL = SHORT_DAY.replace("[population]\nsize = 20", "[population]\nsize = 20\nunits = 0.25") + MORE


def save(folder: Path, text: str = ALL) -> str:
    path = folder / "all.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_every_kind_becomes_its_instrument(tmp_path: Path) -> None:
    world = load_world(save(tmp_path))
    found = {instrument.kind: instrument for instrument in world.instruments}
    assert set(found) == set(ContractKind) - {ContractKind.PERP_ROLLING, ContractKind.CASH_PAIR}
    spot = found[ContractKind.SPOT]
    assert (spot.base, spot.lot_units, spot.expiry, spot.floor) == ("BTC", 100_000, 0, 100)
    digital = found[ContractKind.DIGITAL_PUT]
    assert (digital.strike, digital.digital_payoff) == (70_000, 1_000)
    note = found[ContractKind.NOTE]
    assert note.note and note.note.payoff.initial == 80_000
    assert (note.tick_value, note.reference, note.payoff(90_001)) == (1, 100_000, 101_250)
    assert note.note.coupons[0].at == world.opens + 20 * MINUTE
    assert note.note.funding_period == 60 * SECOND
    assert world.endowments["BTC_RUBD"] == 25_000_000  # type: ignore[index]
    assert {maker.instrument.product: maker.units for maker in world.makers} == {
        Product.FUTURE: 0,
        Product.SPOT: 550_000_000,
    }
    assert [instrument.kind for instrument in world.quoted] == [
        ContractKind.CAPPED_FUTURE,
        ContractKind.SPOT,
    ]


def test_the_file_that_says_everything_reads_back_as_the_same_world(tmp_path: Path) -> None:

    world = load_world(save(tmp_path))
    again = load_world(save(tmp_path, tomli_w.dumps(world.resolved)))
    assert again == world


def test_a_day_with_every_product_runs_and_every_book_is_sound(tmp_path: Path) -> None:
    path = save(tmp_path)
    kept = live(load_world(path), OPEN, seed=5)
    traded = {event.instrument_id for event in kept.events(TradeReported)}
    assert {"BTC_RUBD", "BTC_RUBD-18DEC26"} <= traded
    assert kept.events(CryptoDepositCredited) and kept.events(NotesSubscribed)
    assert kept.events(BucketSettled)
    (settled,) = kept.events(NoteSettled)
    assert settled.quantity == sum(event.quantity for event in kept.events(NotesSubscribed)) > 0
    assert settled.owed == 0
    cell = run_cell(path, OPEN, 5, None)
    assert cell.measures["trade_count"] == len(kept.events(TradeReported))


def test_it_replays_from_its_journal_to_the_same_digest(tmp_path: Path) -> None:
    finished = run(save(tmp_path), OPEN, 5, tmp_path / "run")
    assert (
        replay(tmp_path / "run") == finished.digest == live(load_world(save(tmp_path)), OPEN, seed=5).digest
    )


def test_under_a_regime_without_a_test_environment_the_same_day_has_no_spot(tmp_path: Path) -> None:
    kept = live(load_world(save(tmp_path)), CLOSED, seed=5)
    listed = {event.instrument.product for event in kept.events(InstrumentListed)}
    assert Product.SPOT not in listed and Product.FUTURE in listed
    (refused,) = kept.events(DirectiveRefused)
    assert refused.directive == "list BTC_RUBD"
    assert not [event for event in kept.events(TradeReported) if event.instrument_id == "BTC_RUBD"]


def test_spot_sellers_never_sell_what_they_do_not_have(tmp_path: Path) -> None:
    """Without units nobody can sell, so nothing trades; the strategies do not even try."""
    bare = ALL.replace("units = 0.25", "units = 0").replace("units = 5.5", "units = 0")
    kept = live(load_world(save(tmp_path, bare)), OPEN, seed=5)
    assert not [event for event in kept.events(TradeReported) if event.instrument_id == "BTC_RUBD"]


@pytest.mark.parametrize(
    ("old", "new", "key", "sentence"),
    [
        ('kind = "spot"', 'kind = "spott"', "instruments.BTC_RUBD.kind", "the nearest that is valid is “spot”"),
        ('base = "BTC"\n', "", "instruments.BTC_RUBD.base", "is missing for kind = “spot”"),
        ('base = "BTC"', 'base = "BTX"', "instruments.BTC_RUBD.base", "the nearest that is valid is “BTC”"),
        ('base = "BTC"', 'base = "BTC"\nexpires = 10:45:00', "instruments.BTC_RUBD.expires", "does not go with"),
        ("floor_rub = 10_000\n", "", "instruments.BTC_RUBD", "floor must be"),
        ("strike_rub = 8_800_000\n", "", "instruments.BTC_RUBD-18DEC26-8800000-C.strike_rub", "is missing for"),
        (
            "strike_rub = 8_800_000",
            "strike_rub = 8_800_050",
            "instruments.BTC_RUBD-18DEC26-8800000-C.strike_rub",
            "is not a whole number of ticks",
        ),
        ("digital_payoff_rub = 100_000\n", "", f"{DIGITAL}.digital_payoff_rub", "is missing"),
        (f"{FUTURE_ID}\nexpires = 10:45:00", FUTURE_ID, "instruments.BTC_RUBD-18DEC26.expires", "is missing for"),
        ('issuer = "bank_of_notes"', 'issuer = "bank"', f"{NOTE}.note.issuer", "who is not among the issuers"),
        ("cap_percent = 40", "cap_percent = 0", NOTE, "a participation needs"),
        ("initial_rub = 8_000_000", "initial_rub = 8_000_050", f"{NOTE}.note.initial_rub", "number of ticks"),
        ("at = 10:20:00, rate", "at = 10:50:00, rate", NOTE, "the last one not after the expiry"),
        ("units = 5.5", "units = 0.000000001", "makers.maker_spot.units", "has more than 8 decimals"),
        ('instrument = "BTC_RUBD"\n', 'instrument = "NOTE-18DEC26"\n', "makers.maker_spot", "quotes around the index"),
        ('id = "BTC"\n', 'id = "BTC"\nconfirmations = 6\n', "crypto.BTC", "confirmed only after the session opens"),
        ('id = "BTC"\n', 'id = "RUBD"\n', "crypto", "has two assets of one id"),
        ('id = "bank_of_notes"\ndeposit', 'id = "maker_spot"\ndeposit', "issuers", "has two of the same id"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_place_and_its_remedy(
    tmp_path: Path, old: str, new: str, key: str, sentence: str
) -> None:
    assert old in ALL
    with pytest.raises(ConfigurationError, match=re.escape(sentence)) as fault:
        load_world(save(tmp_path, ALL.replace(old, new, 1)))
    assert fault.value.key == key


def test_units_without_spot_and_a_day_without_anything_to_quote(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no spot is listed to trade them"):
        load_world(save(tmp_path, SHORT_DAY.replace("size = 20", "size = 20\nunits = 1")))
    option = ("expires = 10:45:00\ncap", 'kind = "call"\nstrike_rub = 8_800_000\nexpires = 10:45:00\ncap')
    cheaper = ("reference_rub = 8_000_000", "reference_rub = 50_000")
    with pytest.raises(ConfigurationError, match="nobody of the population quotes anything else"):
        a_world(tmp_path, option, cheaper)


def test_a_note_that_cannot_be_placed_is_a_fault_of_the_file(tmp_path: Path) -> None:
    late = ALL.replace("at = 10:20:00, rate", "at = 09:55:00, rate")
    with pytest.raises(ConfigurationError, match="placement_not_ahead") as fault:
        live(load_world(save(tmp_path, late)), OPEN)
    assert fault.value.key == "instruments.NOTE-18DEC26"
