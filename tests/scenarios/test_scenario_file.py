"""Scenario files: what they mean in the core's units, and the sentence for each fault."""

import json
from pathlib import Path

import pytest

from exchange.commands import FreezeWallet, HaltInstrument, PauseIssuer, UnfreezeWallet
from exchange.events import (
    AuctionUncrossed,
    CallExtended,
    IndexPublished,
    IndexStatus,
    IndicationChanged,
    ParticipantStateChanged,
    PhaseChanged,
    PriceRule,
    RegimeAdopted,
    SettlementPostponed,
    SettlementPriceFinal,
    TradeReported,
    TradingInterrupted,
)
from exchange.units import MINUTE, SECOND
from matching.phases import Phase
from matching.terms import Allocation
from scenarios.assembly import assemble
from scenarios.cells import CellResult
from scenarios.config.reading import ConfigurationError
from scenarios.config.regime_file import load_regime
from scenarios.config.scenario_file import load_world, scenario_path, scenario_schema, shipped_scenarios
from scenarios.provenance import toml_text
from scenarios.run import run_cell
from tests.scenarios.small_worlds import CLOSES, MIDNIGHT, OPENS, SHORT_DAY, a_world, live, short_day

OPEN = "ru_open_counterfactual"
CONTRACT = "instruments.BTC_RUBD-18DEC26"


def fault_in(folder: Path, *changes: tuple[str, str]) -> ConfigurationError:
    """The fault with which the changed short day is refused."""
    with pytest.raises(ConfigurationError) as refused:
        a_world(folder, *changes)
    return refused.value


# --- what a file means ----------------------------------------------------------------------------------


def test_amounts_become_kopecks_and_prices_become_ticks(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    (instrument,) = world.instruments
    assert (instrument.tick, instrument.tick_value, instrument.fee_maker, instrument.fee_taker) == (
        10_000, 10, 20, 60,
    )  # fmt: skip
    assert (instrument.floor, instrument.reference, instrument.cap) == (0, 80_000, 160_000)
    assert (instrument.price_band_bp, instrument.protection_bp) == (700, 100)
    (maker,) = world.makers
    assert (maker.profile.deposit, maker.profile.applicant.own_funds) == (6_000_000_000, 900_000_000_000)
    assert world.index.weights_ppm == (300_000, 300_000, 200_000, 200_000)


def test_hours_become_moments_and_the_run_is_a_little_longer_than_the_session(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    assert (world.opens, world.closes) == (OPENS, CLOSES)
    assert (world.starts, world.ends) == (OPENS - 10 * MINUTE, CLOSES + MINUTE)
    assert world.instruments[0].expiry == MIDNIGHT + 645 * MINUTE
    assert world.path.knots[0] == (world.starts, 800_000_000)  # the first price holds before its knot
    assert world.path.knots[-1] == (world.ends, 730_000_000)  # and the last one after it


CALLS = """\
allocation = "pro_rata"
pre_open_seconds = 60
opening_call_seconds = 120
closing_call_seconds = 300
halt_call_seconds = 90
call_extension_seconds = 30
static_band_percent = 2
dynamic_band_percent = 0.75
"""
WITH_CALLS = ("cap_rub", f"{CALLS}cap_rub"), ("expires = 10:45:00", "expires = 10:50:00")


def test_allocation_calls_and_bands_reach_the_instrument(tmp_path: Path) -> None:
    (instrument,) = a_world(tmp_path, *WITH_CALLS).instruments
    assert instrument.allocation is Allocation.PRO_RATA
    assert (instrument.pre_open, instrument.opening_call, instrument.closing_call) == (
        MINUTE, 2 * MINUTE, 5 * MINUTE,
    )  # fmt: skip
    assert (instrument.halt_call, instrument.call_extension) == (90 * SECOND, 30 * SECOND)
    assert (instrument.static_band_bp, instrument.dynamic_band_bp) == (200, 75)


def test_an_instrument_that_says_nothing_of_them_trades_at_once_by_price_and_time(tmp_path: Path) -> None:
    (instrument,) = a_world(tmp_path).instruments
    assert instrument.allocation is Allocation.PRICE_TIME
    assert (instrument.pre_open, instrument.opening_call, instrument.closing_call) == (0, 0, 0)
    assert (instrument.halt_call, instrument.call_extension) == (0, 0)
    assert (instrument.static_band_bp, instrument.dynamic_band_bp) == (0, 0)


def test_calls_and_bands_read_back_from_their_resolved_form(tmp_path: Path) -> None:
    world = a_world(tmp_path, *WITH_CALLS)
    path = tmp_path / "resolved.toml"
    path.write_text(toml_text(world.resolved), encoding="utf-8")
    assert load_world(str(path)) == world


def test_directives_are_commands_in_order_of_time_with_the_signatures_they_need(tmp_path: Path) -> None:
    more = """
[[directives]]
at = 10:05:00.5
do = "pause_issuer"

[[directives]]
at = 10:05:00
do = "halt_instrument"
instrument = "BTC_RUBD-18DEC26"
"""
    path = short_day(tmp_path, ('issuer = "Northern', 'venue_wallets = 3\nissuer = "Northern'))
    text = path.read_text(encoding="utf-8") + more
    path.write_text(text.replace('do = "freeze', 'wallets = 2\ndo = "freeze', 1), encoding="utf-8")
    world = load_world(str(path))
    kinds = [(at - OPENS, type(command)) for at, command in world.directives]
    assert kinds[:2] == [(5 * MINUTE, HaltInstrument), (5 * MINUTE + SECOND // 2, PauseIssuer)]
    assert [kind for _, kind in kinds[2:]] == [FreezeWallet] * 2 + [UnfreezeWallet] * 3
    freeze = world.directives[2][1]
    assert isinstance(freeze, FreezeWallet)
    assert (freeze.wallet_id, freeze.order_ref) == ("venue-1", "freeze order 1")
    assert freeze.signatures == ("issuer", "central_bank")


def test_a_regime_adopted_at_noon_bars_whom_it_would_not_let_in(tmp_path: Path) -> None:
    adopted = ('do = "freeze_venue_wallets"', 'do = "adopt_regime"\nregime = "ru_elr_super_2025"')
    kept = live(a_world(tmp_path, adopted, ('order_ref = "freeze order 1"', "")))
    assert [event.regime_id for event in kept.events(RegimeAdopted)] == [
        "ru_open_counterfactual",
        "ru_elr_super_2025",
    ]
    barred = {e.participant_id for e in kept.events(ParticipantStateChanged)}
    assert 0 < len(barred) < 21  # most of the twenty people, and not the maker
    assert "maker_alpha" not in barred


def test_a_regime_that_is_nowhere_is_told_before_anything_happens(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no shipped regime.*ru_elr_super_2025"):
        a_world(
            tmp_path,
            ('do = "freeze_venue_wallets"', 'do = "adopt_regime"\nregime = "ru_elr_super"'),
            ('order_ref = "freeze order 1"', ""),
        )


@pytest.mark.parametrize("name", shipped_scenarios())
def test_the_shipped_scenarios_read_back_from_their_resolved_form(tmp_path: Path, name: str) -> None:
    world = load_world(name)
    path = tmp_path / "resolved.toml"
    path.write_text(toml_text(world.resolved), encoding="utf-8")
    assert load_world(str(path)) == world


def test_another_population_changes_the_number_of_people_and_nothing_else(tmp_path: Path) -> None:
    path = str(short_day(tmp_path))
    ten, twenty = load_world(path, 10), load_world(path)
    assert (ten.population.size, twenty.population.size) == (10, 20)
    assert ten.resolved["population"] == {"size": 10, "deposit_percent": 100, "units": 0}
    assert (ten.path, ten.makers, ten.directives) == (twenty.path, twenty.makers, twenty.directives)


def test_the_schema_is_json_and_knows_every_table() -> None:
    schema = json.loads(json.dumps(scenario_schema()))
    assert {"calendar", "index", "coin", "instruments", "population", "makers", "links", "directives"} < set(
        schema["properties"]
    )


def test_a_scenario_goes_by_its_name_or_by_its_path(tmp_path: Path) -> None:
    assert scenario_path("calm_day").name == "calm_day.toml"
    assert load_world(str(short_day(tmp_path))).scenario_id == "short_day"
    with pytest.raises(ConfigurationError, match="the nearest that is valid is “calm_day”"):
        load_world("calmday")
    with pytest.raises(ConfigurationError, match=r"nowhere\.toml does not exist"):
        load_world(str(tmp_path / "nowhere.toml"))


# --- faults ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "key", "sentence"),
    [
        ("question =", "querstion =", "querstion", "the nearest that is valid is “question”"),
        ("closes = 10", "close = 10", "calendar.close", "the nearest that is valid is “closes”"),
        ("cap_rub", "capp_rub", "instruments.BTC_RUBD-18DEC26.capp_rub", "valid is “cap_rub”"),
        ("deposit_rub", "deposits_rub", "makers.maker_alpha.deposits_rub", "valid is “deposit_rub”"),
        ("price_rub = 8_000_000", "price = 8", "index.knots.1.price", "valid is “price_rub”"),
        ('do = "freeze_venue_wallets"', 'do = "freeze"', "directives.1.do", "“freeze_venue_wallets”"),
        ("size = 20", 'size = "20"', "population.size", "must be a whole number"),
        ("size = 20", "size = 20.5", "population.size", "must be a whole number"),
        ("size = 20", "size = -1", "population.size", "greater than or equal to 0"),
        ("size = 20", "size = 100_001", "population.size", "less than or equal to 100000"),
        ("day = 2026-12-18", 'day = "2026-12-18"', "calendar.day", "must be a date"),
        ("cap_rub = 16_000_000", 'cap_rub = "16m"', "instruments.BTC_RUBD-18DEC26.cap_rub", "must be a number"),
        ("cap_rub = 16_000_000", "cap_rub = true", "instruments.BTC_RUBD-18DEC26.cap_rub", "must be a number"),
        ("cap_rub = 16_000_000", "cap_rub = nan", "instruments.BTC_RUBD-18DEC26.cap_rub", "must lie between"),
        ("cap_rub = 16_000_000", "cap_rub = inf", "instruments.BTC_RUBD-18DEC26.cap_rub", "must lie between"),
        ("cap_rub = 16_000_000", "cap_rub = 0.015", "instruments.BTC_RUBD-18DEC26.cap_rub", "two decimals"),
        ('id = "aster"', 'id = "Aster!"', "index.venues.Aster!.id", "lower-case letters"),
        ("cap_rub", 'allocation = "prorata"\ncap_rub', f"{CONTRACT}.allocation", "nearest that is valid is “pro_rata”"),
        ("cap_rub", "allocation = 1\ncap_rub", f"{CONTRACT}.allocation", "cannot be 1"),
        ("cap_rub", "pre_open_secs = 1\ncap_rub", f"{CONTRACT}.pre_open_secs", "valid is “pre_open_seconds”"),
        ("cap_rub", "pre_open_seconds = -1\ncap_rub", f"{CONTRACT}.pre_open_seconds", "greater than or equal to 0"),
        ("cap_rub", "opening_call_seconds = 0.5\ncap_rub", f"{CONTRACT}.opening_call_seconds", "a whole number"),
        ("cap_rub", 'closing_call_seconds = "5m"\ncap_rub', f"{CONTRACT}.closing_call_seconds", "a whole number"),
        ("cap_rub", "halt_call_seconds = true\ncap_rub", f"{CONTRACT}.halt_call_seconds", "a whole number"),
        ("cap_rub", "call_extension_seconds = 86_401\ncap_rub", f"{CONTRACT}.call_extension_seconds", "less than"),
        ("cap_rub", "static_band_percent = -1\ncap_rub", f"{CONTRACT}.static_band_percent", "must lie between"),
        ("cap_rub", "dynamic_band_percent = 0.125\ncap_rub", f"{CONTRACT}.dynamic_band_percent", "two decimals"),
        ('id = "short_day"\n', "", "id", "is missing"),
        ("[coin]\nissuer", "[coin]\nissuers", "coin.issuers", "the nearest that is valid is “issuer”"),
    ],
)  # fmt: skip
def test_an_unknown_key_or_a_wrong_type_names_file_key_and_remedy(
    tmp_path: Path, old: str, new: str, key: str, sentence: str
) -> None:
    fault = fault_in(tmp_path, (old, new))
    assert fault.file == str(tmp_path / "short_day.toml")
    assert fault.key == key
    assert sentence in str(fault)


MAKER = '[[makers]]\nid = "maker_alpha"\ndeposit_rub = 60_000_000\nown_funds_rub = 9_000_000_000\n'


@pytest.mark.parametrize(
    ("changes", "key", "sentence"),
    [
        ([("size = 20", "size = 0"), (MAKER, "")], "population", "has nobody in it"),
        ([("closes = 10:50:00", "closes = 10:00:00")], "calendar.closes", "not after it opens"),
        ([("expires = 10:45:00", "expires = 10:50:01")], CONTRACT, "outside the session"),
        ([("expires = 10:45:00", "expires = 10:00:00")], CONTRACT, "outside the session"),
        ([("cap_rub", "floor_rub = 16_000_000\ncap_rub")], CONTRACT, "must be zero or more and lie below cap"),
        ([("cap_rub", "floor_rub = 9_000_000\ncap_rub")], CONTRACT, "reference 80000 must lie between"),
        ([("cap_rub", "tick_value_rub = 0.105\ncap_rub")], f"{CONTRACT}.tick_value_rub", "whole number of kopecks"),
        ([("cap_rub", "tick_value_rub = 0\ncap_rub")], f"{CONTRACT}.tick_value_rub", "greater than 0"),
        ([("cap_rub", "tick_value_rub = nan\ncap_rub")], f"{CONTRACT}.tick_value_rub", "must be a finite number"),
        ([("fee_maker_rub = 0.20", "fee_maker_rub = -1")], f"{CONTRACT}.fee_maker_rub", "greater than or equal to 0"),
        ([("fee_maker_rub = 0.20", "fee_maker_rub = 0.001")], f"{CONTRACT}.fee_maker_rub", "whole number of kopecks"),
        ([("reference_rub = 8_000_000", "reference_rub = 8_000_050")], f"{CONTRACT}.reference_rub", "number of ticks"),
        ([('id = "maker_alpha"', 'id = "maker_alpha"\ninstrument = "BTC"')], "makers.maker_alpha", "is not listed"),
        ([("[population]", MAKER + "[population]")], "makers", "has two of the same id"),
        ([("weight_percent = 20", "weight_percent = 21")], "index.venues", "add up to 100"),
        ([("at = 10:20:00", "at = 10:30:00")], "index.knots", "go back from 10:30:00 to 10:24:00"),
        ([("knots = [", 'csv = "prices.csv"\nknots = [')], "index.knots", "exactly one of the two"),
        ([('do = "freeze', 'wallets = 2\ndo = "freeze')], "directives", "more wallets than the venue has"),
        ([('do = "freeze_venue_wallets"', 'do = "halt_instrument"')], "directives.1.instrument", "is missing for do"),
        ([('do = "freeze_venue_wallets"\norder_ref = "freeze order 1"', 'do = "halt_instrument"\ninstrument = "BTC"')],
         "directives", "names no instrument: BTC; the nearest"),
        ([('do = "freeze_venue_wallets"', 'do = "adopt_regime"')], "directives.1.regime", "is missing for do"),
        ([('do = "freeze', 'regime = "ru_open_counterfactual"\ndo = "freeze')], "directives.1.regime",
         "does not go with do"),
        # each of the following is a world that could not be assembled
        ([("at = 10:10:00", "at = 03:00:00")], "directives", "outside the run"),
        ([("at = 10:40:00", "at = 10:52:00")], "directives", "outside the run"),
        ([("at = 10:00:00, price", "at = 05:00:00, price")], "index.knots", "outside the run"),
        ([("at = 10:50:00, price", "at = 23:50:00, price")], "index.knots", "outside the run"),
        ([('id = "boreal"', 'id = "aster"')], "index.venues", "has two of the same id"),
        ([("weight_percent = 20", "weight_percent = 40"), ("weight_percent = 20", "weight_percent = 0")],
         "index.venues.dorado", "has no weight"),
        ([("2026-12-18", "1969-12-31")], "calendar.day", "1970-01-02"),
        ([("2026-12-18", "2262-01-01")], "calendar.day", "2261-12-31"),
        ([("cap_rub", "floor_rub = 1e300\ncap_rub")], f"{CONTRACT}.floor_rub", "less than or equal to"),
        ([("fee_maker_rub = 0.20", "fee_maker_rub = 1e300")], f"{CONTRACT}.fee_maker_rub", "less than or equal to"),
        ([("cap_rub", "tick_value_rub = 1e300\ncap_rub")], f"{CONTRACT}.tick_value_rub", "less than or equal to"),
        ([("cap_rub", "tick_value_rub = 1e14\ncap_rub")], CONTRACT, "63 bits"),
        ([("cap_rub", "static_band_percent = 2\ncap_rub")], CONTRACT, "cannot be listed: a band that interrupts"),
        ([("cap_rub", "dynamic_band_percent = 2\ncap_rub")], CONTRACT, "needs a halt_call"),
        ([("cap_rub", "pre_open_seconds = 60\nopening_call_seconds = 2_640\ncap_rub")], CONTRACT, "never in contin"),
        ([("cap_rub", "closing_call_seconds = 3_000\ncap_rub"), ("expires = 10:45", "expires = 10:50")],
         CONTRACT, "never in continuous trading"),
        ([("cap_rub", "closing_call_seconds = 60\ncap_rub")], CONTRACT, "has a closing call but expires at 10:45:00"),
    ],
)  # fmt: skip
def test_an_impossible_world_is_refused_before_anything_happens(
    tmp_path: Path, changes: list[tuple[str, str]], key: str, sentence: str
) -> None:
    fault = fault_in(tmp_path, *changes)
    assert fault.key == key
    assert sentence in str(fault)


class Nowhere:
    """A keeper that keeps nothing."""

    def command(self, time: int, command: object) -> None: ...

    def entries(self, entries: object) -> None: ...


@pytest.mark.parametrize(
    ("changes", "key", "sentence"),
    [
        ([("expires = 10:45:00", "expires = 10:15:00")], "list BTC_RUBD-18DEC26", "fixing would have begun"),
        ([('[coin]', '[coin]\nid = "XUSD"')], "cash.settlement_asset", "is RUBD, but the scenario pays in XUSD"),
        ([("[coin]", "[coin]\nminter_allowance_rub = 1_000_000")], "coin.minter_allowance_rub", "is used up"),
    ],
)  # fmt: skip
def test_a_world_that_the_exchange_would_refuse_is_a_fault_of_the_file(
    tmp_path: Path, changes: list[tuple[str, str]], key: str, sentence: str
) -> None:
    world = a_world(tmp_path, *changes)
    with pytest.raises(ConfigurationError, match=sentence) as refused:
        assemble(world, load_regime(OPEN), 1, Nowhere())  # type: ignore[arg-type]
    assert refused.value.key == key


def test_a_maker_in_a_product_that_it_may_not_trade_is_a_fault(tmp_path: Path) -> None:
    closed = tmp_path / "closed.toml"
    closed.write_text(
        'id = "closed"\ntitle = "Closed"\njurisdiction = "nowhere"\nstatus = "counterfactual"\n'
        "test_environment = true\noffshore_share_percent = 0\n"
        'classes = [{ id = "people", title = "People", any_of = [{ kinds = ["individual"] }], permissions = {} }]\n'
        '[market]\nself_trade_prevention = "cancel_resting"\n'
        '[cash]\nsettlement_asset = "RUBD"\ngate = "pro_rata"\n'
        + "".join(
            f'[[assumptions]]\nkey = "{key}"\nreason = "A guess."\n'
            for key in ("classes", "test_environment", "offshore_share_percent", "market", "cash")
        ),
        encoding="utf-8",
    )
    with pytest.raises(
        ConfigurationError, match="a product that the regime does not let it trade"
    ) as refused:
        assemble(a_world(tmp_path), load_regime(str(closed)), 1, Nowhere())  # type: ignore[arg-type]
    assert refused.value.key == "makers.maker_alpha"


# --- worlds that look odd and are possible --------------------------------------------------------------


NO_LATENCY = "".join(f"[links.{line}]\nfixed_ms = 0\njitter_ms = 0\n" for line in ("public", "professional"))


def cell(folder: Path, *changes: tuple[str, str]) -> CellResult:
    return run_cell(str(short_day(folder, *changes)), OPEN, 1, None)


@pytest.mark.parametrize(
    "changes",
    [
        [("size = 20", "size = 0")],
        [(MAKER, "")],
        [("price_rub = 7_000_000", "price_rub = 0.01")],
        [("price_rub = 7_000_000", "price_rub = 1e15")],
        [("volatility_percent_a_day = 2.24", "volatility_percent_a_day = 100\nvenue_noise_bp = 10_000")],
        [("own_funds_rub = 9_000_000_000", "own_funds_rub = 0.01")],
        [("[population]", f"{NO_LATENCY}[population]")],
    ],
    ids=[
        "makers alone", "people alone", "a price of a kopeck", "a price beyond measure", "wild prices",
        "a poor maker", "no latency",
    ],
)  # fmt: skip
def test_an_odd_world_runs_to_its_end(tmp_path: Path, changes: list[tuple[str, str]]) -> None:
    """Each run ends with the audit of its books, and its settlement."""
    assert len(cell(tmp_path, *changes).digest) == 64


def test_a_session_from_midnight_begins_the_evening_before(tmp_path: Path) -> None:
    path = short_day(tmp_path)
    path.write_text(path.read_text(encoding="utf-8").replace("10:", "00:"), encoding="utf-8")
    assert load_world(str(path)).starts == MIDNIGHT - 10 * MINUTE
    assert len(run_cell(str(path), OPEN, 1, None).digest) == 64


def test_one_outside_venue_makes_no_index_and_the_future_ends_at_its_reference(tmp_path: Path) -> None:
    venues = SHORT_DAY[SHORT_DAY.index('    { id = "aster"') : SHORT_DAY.index("]\nknots")]
    kept = live(a_world(tmp_path, (venues, '    { id = "aster", weight_percent = 100 },\n')))
    assert kept.events(IndexPublished) == []
    (postponed,) = kept.events(SettlementPostponed)
    assert (postponed.valid_samples, postponed.samples) == (0, 300)
    (final,) = kept.events(SettlementPriceFinal)  # half an hour later, and the run went on for it
    assert (final.rule, final.price) == (PriceRule.LAST_SETTLEMENT, 80_000)


def test_two_outside_venues_make_no_sound_index_and_the_future_ends_at_the_last_settlement_price(
    tmp_path: Path,
) -> None:
    """The index is degraded all day: nothing is left out silently, and every step is told."""
    venues = SHORT_DAY[SHORT_DAY.index('    { id = "aster"') : SHORT_DAY.index("]\nknots")]
    two = "".join(f'    {{ id = "{name}", weight_percent = 50 }},\n' for name in ("aster", "boreal"))
    kept = live(a_world(tmp_path, (venues, two)))
    assert {event.status for event in kept.events(IndexPublished)} == {IndexStatus.DEGRADED}
    (final,) = kept.events(SettlementPriceFinal)
    assert (final.rule, final.price) == (PriceRule.LAST_SETTLEMENT, 80_000)


def test_a_day_with_calls_opens_pauses_and_closes_at_one_price_each(tmp_path: Path) -> None:
    """The fall from 10:20 on leaves the bands. The future expires with the session, as one with a closing call must."""
    kept = live(a_world(tmp_path, *WITH_CALLS))
    phases = [
        (entry.time - OPENS, entry.event.phase)
        for entry in kept.told
        if isinstance(entry.event, PhaseChanged)
    ]
    assert phases[:3] == [
        (0, Phase.PRE_OPEN), (MINUTE, Phase.AUCTION), (3 * MINUTE, Phase.CONTINUOUS),
    ]  # fmt: skip
    assert phases[-3:] == [
        (45 * MINUTE, Phase.AUCTION), (50 * MINUTE, Phase.CLOSED), (50 * MINUTE, Phase.SETTLED),
    ]  # fmt: skip
    calls = [phase for _, phase in phases].count(Phase.AUCTION)
    assert len(kept.events(AuctionUncrossed)) == calls == 2 + len(kept.events(TradingInterrupted)) > 2
    assert kept.events(CallExtended)
    opening, closing = kept.events(AuctionUncrossed)[0], kept.events(AuctionUncrossed)[-1]
    assert opening.price is not None and closing.price is not None
    indicated = {(event.price, event.volume) for event in kept.events(IndicationChanged)}
    assert {(opening.price, opening.volume), (closing.price, closing.volume)} <= indicated
    in_auctions = [trade.quantity for trade in kept.events(TradeReported) if trade.taker_side is None]
    assert sum(in_auctions) == sum(event.volume for event in kept.events(AuctionUncrossed)) > 0
