"""Every key of a regime file: pulled alone it changes a run, or a test that is named shows what it does.

The run is the short day of `small_worlds` with an index every ten seconds, the same dice and the same thirty people. A
key without an entry here fails a test, so nobody can add a lever that does nothing.
"""

import ast
import tomllib
from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import time
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest
from pydantic import BaseModel

from scenarios.assembly import assemble
from scenarios.config.reading import check
from scenarios.config.regime_file import RegimeFile, regime_of, regime_tables
from scenarios.config.scenario_file import ScenarioFile, world_of
from scenarios.run import let_time_pass
from tests.scenarios.small_worlds import SHORT_DAY, Kept

TESTS = Path(__file__).parents[1]
WORDS = ("id", "title", "jurisdiction", "status", "valid_from", "valid_to")
FOR_PEOPLE = {*WORDS, "classes.id", "classes.title"}
GROUNDS = ("sources.", "assumptions.")
A_CASH_PROFILE = "cash.terms."  # its keys are those of a cash file: tests/scenarios/test_cash_files.py

QUICK = SHORT_DAY.replace("a_day = 2.24", "a_day = 2.24\ninterval_seconds = 10").replace(
    "size = 20", "size = 30"
)
FREEZES = QUICK[QUICK.index("[[directives]]") :]
HOUSE = """\
[house]
liquidity_rub = 5_000_000

[[members]]
id = "member_one"
own_funds_rub = 9_000_000_000
deposit_rub = 20_000_000
demands_percent = 3

[[members]]
id = "member_two"
own_funds_rub = 9_000_000_000
deposit_rub = 20_000_000
demands_percent = 4

[[makers]]"""
LEVERED = QUICK.replace("size = 30", "size = 30\ndeposit_percent = 16").replace("[[makers]]", HOUSE)
BELOW_PAR = """
[[directives]]
at = 10:12:00
do = "report_cash_price"
source = "elsewhere"
price_percent = 80
"""
SILENT = """
[[attacks]]
kind = "silence"
venues = ["aster", "boreal", "cygnus", "dorado"]
starts = 10:25:00
ends = 10:38:00
"""


def falling_to(low_rub: str, end_rub: str, text: str = LEVERED) -> str:
    return text.replace("7_000_000", low_rub).replace("7_300_000", end_rub)


DAYS = {
    "calm": QUICK,  # a freeze, and a fall of an eighth
    "without_maker": QUICK[: QUICK.index("[[makers]]")] + FREEZES,
    "half_frozen": QUICK.replace('(fictional)"\n', '(fictional)"\nvenue_wallets = 4\n', 1).replace(
        'wallets"\n', 'wallets"\nwallets = 2\n', 1
    ),
    "mild": falling_to("7_200_000", "7_300_000").replace(FREEZES, ""),
    "poor_maker": QUICK.replace("own_funds_rub = 9_000_000_000", "own_funds_rub = 20_000_000"),
    "crash": falling_to("4_500_000", "4_300_000"),
    "crash_without_freeze": falling_to("4_500_000", "4_300_000").replace(FREEZES, ""),
    "abyss": falling_to("2_000_000", "1_900_000").replace(FREEZES, ""),
    "below_par": LEVERED + BELOW_PAR,
    "silent": falling_to("4_500_000", "4_300_000").replace(FREEZES, SILENT),
}


class Lever(NamedTuple):
    """A key path, which of a list means its first table; what it is set to; on which day; what else the regime says,
    with it and without; and what can only be said together with it."""

    key: str
    value: object
    day: str = "calm"
    beside: Mapping[str, object] = {}
    with_it: Mapping[str, object] = {}


GATE = "classes.any_of.assets_min_rub"
MARGIN: dict[str, object] = {"clearing": "risk"}
NOTHING_BEFORE: dict[str, object] = MARGIN | {
    "clearing.waterfall.skin_in_the_game_rub": 0,
    "clearing.waterfall.second_skin_in_the_game_rub": 0,
    "clearing.waterfall.further_amount_rub": 0,
    "clearing.fund.minimum_rub": 100,
}
TIERS = [{"units": 0.01, "extra_margin_percent": 5}]

PULLED = (
    # who may enter
    Lever("prohibition", True, "without_maker", with_it={"classes": []}),
    Lever("asset_counting.crypto_share_percent", 100, beside={GATE: 1_000_000}),
    Lever("asset_counting.crypto_max_rub", 1, beside={GATE: 1_000_000, "asset_counting.crypto_share_percent": 100}),
    Lever("classes.any_of.kinds", ["individual"], "without_maker"),
    Lever(GATE, 6_000_000),
    Lever("classes.any_of.assets_above_rub", 6_000_000),
    Lever("classes.any_of.income_min_rub", 3_000_000, "without_maker"),
    Lever("classes.any_of.income_above_rub", 3_000_000, "without_maker"),
    Lever("classes.any_of.income_years", 3, "without_maker", {"classes.any_of.income_min_rub": 3_000_000}),
    Lever("classes.any_of.knowledge_test", True),
    Lever("classes.any_of.deals_per_quarter_min", 10),
    Lever("classes.any_of.years_of_experience_min", 5),
    Lever("classes.any_of.qualified_by_law", True),
    # what they may do
    Lever("classes.permissions", {"future": "allowed_after_test"}),
    Lever("classes.underlyings", ["ETH"]),
    Lever("classes.cooling_off_hours", 1),
    Lever("listing.market_value_min_usd", 10**15),
    Lever("listing.daily_volume_min_usd", 10**15),
    Lever("listing.age_years_min", 100),
    # how much
    Lever("classes.caps.capital_at_risk_rub", 50_000),
    Lever("classes.caps.share_of_assets_percent", 1),
    Lever("classes.caps.leverage_max", 1.5, beside=MARGIN),
    Lever("classes.caps.closeout_percent", 95, "crash", MARGIN),
    Lever("classes.caps.negative_balance_protection", True, "crash", MARGIN),
    Lever("institutions.cover_percent", 100, "poor_maker"),
    Lever("institutions.exposure_cap_percent", 50, "poor_maker"),
    Lever("institutions.exposure_soft_cap_percent", 0.1, "poor_maker"),
    Lever("venue.capital_at_risk_max_rub", 1_000_000),
    Lever("position_limits.limit_units", 0.02),
    Lever("position_limits.coin", "ETH", beside={"position_limits.limit_units": 0.02}),
    Lever("position_limits.products", ["option"], beside={"position_limits.limit_units": 0.02}),
    Lever("position_limits.tiers.units", 0.02, beside={"position_limits.tiers": TIERS}),
    Lever("position_limits.tiers.extra_margin_percent", 50, beside=MARGIN | {"position_limits.tiers": TIERS}),
    # the market
    Lever("market.max_requests_per_second", 1),
    Lever("market.opening_call_seconds", 300),
    Lever("market.closing_call_seconds", 120, beside={"market.opens": time(10), "market.closes": time(10, 45)}),
    Lever("market.halt_call_seconds", 300, beside={"market.static_band_percent": 5, "market.halt_call_seconds": 60}),
    Lever("market.price_band_percent", 0.1),
    Lever("market.daily_limit_percent", 5),
    Lever("market.static_band_percent", 5, beside={"market.halt_call_seconds": 60}),
    Lever("market.dynamic_band_percent", 0.3, beside={"market.halt_call_seconds": 60}),
    Lever("market.max_quantity", 5),
    Lever("market.opens", time(10, 5), beside={"market.opens": time(10), "market.closes": time(10, 50)}),
    Lever("market.closes", time(10, 48), beside={"market.opens": time(10), "market.closes": time(10, 50)}),
    Lever("market.settlement_rule", "snapshot"),
    # the money
    Lever("cash.profile", "rub_bank", with_it={"cash.settlement_asset": "RUB"}),
    Lever("cash.settlement_asset", "DRUB", with_it={"cash.profile": "digital_rouble"}),
    Lever("cash.gate", "first_come", "half_frozen"),
    Lever("cash.fallback_asset", "RUB"),
    Lever("cash.halt_on_freeze", True),
    Lever("cash.denomination", "fiat_value", "below_par", MARGIN),
    Lever("cash.collateral_haircut_percent", 20, "below_par", MARGIN | {"cash.denomination": "fiat_value"}),
    # how it is cleared
    Lever("clearing.mode", "risk", with_it=MARGIN),
    Lever("clearing.variation.kind", "realised_only", beside=MARGIN),
    Lever("clearing.variation.clearings.marks", time(10, 20), "crash", MARGIN),
    Lever("clearing.variation.clearings.pays", time(10, 30), "crash", MARGIN),
    Lever("clearing.scenarios.price_range_percent", 30, "crash", MARGIN),
    Lever("clearing.scenarios.extreme_moves_percent", [-90, 90], "crash", MARGIN),
    Lever("clearing.scenarios.extreme_share_percent", 60, "crash", MARGIN),
    Lever("clearing.scenarios.maintenance_percent", 50, "crash", MARGIN),
    Lever("clearing.scenarios.concentration_threshold_lots", 1, "crash", MARGIN),
    Lever(
        "clearing.scenarios.concentration_slope_ppb", 5_000_000, "crash",
        MARGIN | {"clearing.scenarios.concentration_threshold_lots": 1},
    ),
    Lever("clearing.marks.observations", 1, "crash", MARGIN),
    Lever("clearing.marks.depth_lots", 1, "crash", MARGIN),
    Lever("clearing.marks.most_premium_percent", 2, "mild", MARGIN),
    Lever("clearing.liquidation.call_deadline_seconds", 600, "crash", MARGIN),
    Lever("clearing.liquidation.interval_seconds", 10, "crash", MARGIN),
    Lever("clearing.liquidation.step_share_percent", 50, "crash", MARGIN),
    Lever("clearing.liquidation.fee_percent", 0.5, "crash_without_freeze", MARGIN),
    Lever("clearing.liquidation.backstop_share", [1, 10], "crash", MARGIN),
    Lever("clearing.auction.fewest_bidders", 3, "crash", MARGIN),
    Lever("clearing.auction.bidding_seconds", 60, "crash", MARGIN),
    Lever("clearing.fund.minimum_rub", 5_000_000, "crash", MARGIN),
    Lever("clearing.waterfall.skin_in_the_game_rub", 1, "crash", MARGIN),
    Lever("clearing.waterfall.second_skin_in_the_game_rub", 1_000_000, "crash", MARGIN),
    Lever("clearing.waterfall.further_amount_rub", 1_000_000, "crash", MARGIN),
    Lever("clearing.waterfall.equity_rub", 1, "crash", MARGIN),
    Lever("clearing.waterfall.assessment_cap_percent", 1, "abyss", NOTHING_BEFORE),
    Lever("clearing.waterfall.gains_haircut_cap_percent", 1, "abyss", NOTHING_BEFORE),
    Lever("clearing.waterfall.insurance_fund_rub", 1, "crash", {"clearing": "risk_crypto"}),
    Lever("clearing.revaluation_seconds", 10, "crash", MARGIN),
    Lever("clearing.revaluation_move_percent", 10, "crash", MARGIN),
    Lever("clearing.call_level_percent", 99, "crash", MARGIN),
    Lever("clearing.book_steps", 1, "crash", MARGIN),
    Lever("clearing.brake_seconds", 3_000, "crash_without_freeze", MARGIN),
    Lever("clearing.brake_outage_seconds", 0, "silent", MARGIN | {"clearing.brake_seconds": 0}),
)  # fmt: skip

SHOWN: dict[str, dict[str, tuple[str, ...]]] = {  # what the short day has no occasion for, by file
    "scenarios/test_levers_in_a_run.py": {
        "test_refused_demand_trades_offshore_waits_or_is_given_up": (
            "offshore_share_percent",
            "waiting_share_percent",
        ),
        "test_what_a_scenario_says_of_a_coin_counts_before_the_table": ("listing.privacy_coins",),
    },
    "scenarios/test_shock_tables.py": {
        "test_nothing_falls_on_a_weekend_where_only_working_days_count": (
            "clearing.variation.working_days_only",
        ),
    },
    "scenarios/test_clearing_files.py": {
        "test_the_crypto_order_has_its_own_layers": ("clearing.waterfall.layers",),
    },
    "stories/test_spot_under_two_regimes.py": {
        "test_when_the_test_environment_ends_orders_go_and_what_is_owned_may_leave": ("test_environment",),
    },
    "stories/test_a_cap_on_what_is_bought_in_a_year.py": {
        "test_what_is_bought_and_what_is_ordered_count_together": ("classes.caps.annual_purchases_rub",),
        "test_a_cap_with_each_intermediary_is_as_many_caps_as_there_are": ("classes.caps.purchases_scope",),
        "test_resale_makes_room_only_if_the_regime_says_so": ("classes.caps.resale_restores",),
    },
    "stories/test_the_same_freeze_in_four_kinds_of_custody.py": {
        "test_a_freeze_between_ready_and_settled_counts_unless_finality_is_respected": (
            "cash.freeze_respects_finality",
        ),
    },
    "stories/test_losses_bleed_until_tomorrow.py": {
        "test_paid_a_day_later_the_second_fall_comes_before_the_first_is_paid": (
            "clearing.variation.clearings.pays_next_day",
        ),
    },
    "stories/test_two_members_default_at_once.py": {
        "test_a_fund_for_two_bears_both_and_a_fund_for_one_must_call_for_more": ("clearing.fund.cover",),
    },
    "stories/test_a_member_is_late_with_its_share.py": {
        "test_once_it_is_overdue_the_member_may_only_reduce": ("clearing.fund.grace_seconds",),
    },
    "stories/test_the_price_gaps_under_margin.py": {
        "test_in_the_crypto_order_the_most_levered_winners_are_closed_at_the_bankruptcy_price": (
            "clearing.waterfall.order",
        ),
    },
    "stories/test_options_that_do_not_count.py": {
        "test_a_premium_that_is_gone_must_fit_beside_the_margin": ("clearing.options_count",),
    },
    "exchange/test_trading.py": {"test_nobody_trades_with_itself": ("market.self_trade_prevention",)},
    "exchange/test_liquidation.py": {
        "test_cost_and_fee_are_rounded_up": ("clearing.liquidation.slippage_percent",)
    },
    "exchange/test_fund.py": {
        "test_prices_under_stress_are_whole_ticks": ("clearing.fund.stress_moves_percent",)
    },
    "exchange/test_waterfall.py": {
        "test_assessments_count_for_one_capped_period": ("clearing.waterfall.capped_days",),
    },
    "exchange/test_scenario_margin.py": {
        "test_the_cells_are_a_grid_and_four_extremes": (
            "clearing.scenarios.price_steps",
            "clearing.scenarios.volatility_up_percent",
        ),
        "test_the_worst_of_the_scenarios": ("clearing.scenarios.volatility_percent",),
        "test_on_the_last_day_the_states_grow_no_more": ("clearing.scenarios.volatility_down_percent",),
        "test_volatility_moves_more_near_the_expiry": ("clearing.scenarios.volatility_power_percent",),
        "test_short_options_have_a_least_margin": ("clearing.scenarios.short_option_minimum_percent",),
        "test_what_nets_only_between_expiries_is_charged": ("clearing.scenarios.inter_expiry_percent",),
        "test_the_range_widens_at_once_and_narrows_slowly": (
            "clearing.scenarios.price_range_floor_percent",
            "clearing.scenarios.range_decay_percent",
        ),
    },
}


def a_regime(settings: Mapping[str, object]) -> RegimeFile:
    """The open regime with those keys set, in their order. Everything in it is assumed."""
    clearing = settings.get("clearing")
    tables = regime_tables("ru_open_counterfactual" + (f"+{clearing}" if clearing else ""))
    tables["id"] = "pulled"  # the name of a regime is in the record
    if clearing:
        tables = deepcopy(tables)
        tables["clearing"]["variation"]["clearings"] = [{"marks": time(10, 15)}, {"marks": time(10, 35)}]
        tables["clearing"]["liquidation"]["call_deadline_seconds"] = 120
        tables["clearing"]["auction"]["bidding_seconds"] = 120
    for key, value in settings.items():
        if key != "clearing":
            put(tables, key.split("."), value)
    assumed = [key for key in tables if key not in (*WORDS, "sources", "assumptions")]
    tables |= {"sources": [], "assumptions": [{"key": key, "reason": "A test."} for key in assumed]}
    return regime_of(tables, "pulled")


def put(table: Any, steps: list[str], value: object) -> None:
    """Set the key below the steps; of a list, in its first table, which is made if there is none."""
    first, *rest = steps
    if not rest:
        table[first] = deepcopy(value)  # a longer path may be set below it
        return
    below = table.setdefault(first, [{"coin": "BTC"}] if first == "position_limits" else {})
    put(below[0] if isinstance(below, list) else below, rest, value)


@cache
def a_scenario(day: str) -> ScenarioFile:
    return check(ScenarioFile, tomllib.loads(DAYS[day]), day)


def record_under(regime: RegimeFile, day: str) -> str:
    """The digest of the whole record of that day."""
    cash = regime.cash
    world = world_of(
        a_scenario(day), day, Path(), None, cash.terms, cash.fallback_asset, market=regime.market
    )
    kept = Kept()
    let_time_pass(assemble(world, regime.regime(), 1, kept).simulation, world)
    return kept.digest


_UNPULLED: dict[str, str] = {}


def without(lever: Lever) -> str:
    place = f"{lever.day} {lever.beside}"
    if place not in _UNPULLED:
        _UNPULLED[place] = record_under(a_regime(lever.beside), lever.day)
    return _UNPULLED[place]


@pytest.mark.parametrize("lever", PULLED, ids=lambda lever: lever.key)
def test_pulled_alone_it_changes_what_happens(lever: Lever) -> None:
    pulled = a_regime({**lever.beside, **lever.with_it, lever.key: lever.value})
    assert record_under(pulled, lever.day) != without(lever)


def keys_of(table: type[BaseModel], above: str = "") -> Iterator[str]:
    """The paths of all keys of a file, without numbers and ids."""
    for name, field in table.model_fields.items():
        below = tables_in(field.annotation)
        for one in below:
            yield from keys_of(one, f"{above}{name}.")
        if not below:
            yield above + name


def tables_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [table for inner in get_args(annotation) for table in tables_in(inner)]


def test_no_lever_is_left_out() -> None:
    keys = {key for key in keys_of(RegimeFile) if not key.startswith((*GROUNDS, A_CASH_PROFILE))}
    pulled = [lever.key for lever in PULLED]
    shown = [key for tests in SHOWN.values() for keys in tests.values() for key in keys]
    assert sorted([*pulled, *shown, *FOR_PEOPLE]) == sorted(keys)


@pytest.mark.parametrize("file", SHOWN)
def test_what_shows_a_lever_is_there(file: str) -> None:
    defined = ast.parse((TESTS / file).read_text(encoding="utf-8")).body
    assert SHOWN[file].keys() <= {one.name for one in defined if isinstance(one, ast.FunctionDef)}
