"""How a venue clears, as a file says it: what is read from a good one, and the sentence that a bad one gets."""

from pathlib import Path

import pytest

from exchange.clearing.denomination import Denomination
from exchange.clearing.terms import (
    ClearingMode,
    ClearingRules,
    ClearingTime,
    VariationKind,
    fault_in_clearing,
)
from exchange.clearing.waterfall import LAYERS, LossOrder
from exchange.units import DAY, HOUR, MINUTE, SECOND
from scenarios.config.reading import ConfigurationError, stated
from scenarios.config.regime_file import (
    load_regime,
    read_clearing,
    read_regime,
    regime_name,
    shipped_clearings,
    shipped_regimes,
    with_clearing,
)
from scenarios.provenance import toml_text
from scenarios.regime_words import clearing_in_words, differences

OPEN, SUPER = "ru_open_counterfactual", "ru_elr_super_2025"

OWN = """
id = "own"
title = "by a rule of our own"

[clearing]
mode = "risk"
revaluation_seconds = 30

[clearing.variation]
kind = "t_plus_one"
clearings = [{ marks = 16:00:00, pays = 07:30:00, pays_next_day = true }]

[clearing.scenarios]
price_range_percent = 12.5

[clearing.waterfall]
order = "default_fund"
layers = [
    "defaulter_margin", "defaulter_fund_share", "skin_in_the_game", "survivors_fund",
    "assessments", "gains_haircut", "tear_up", "equity",
]
skin_in_the_game_rub = 1_000.50
second_skin_in_the_game_rub = 0
further_amount_rub = 0
equity_rub = 2_000

[[assumptions]]
key = "clearing"
reason = "A test."
"""
ALL_LAYERS = OWN[OWN.index("layers = ") : OWN.index("]\nskin") + 1]


def written(folder: Path, *changes: tuple[str, str]) -> str:
    text = OWN
    for old, new in changes:
        assert old in text, f"the file does not say {old}"
        text = text.replace(old, new, 1)
    file = folder / "own.toml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_a_good_file_in_kopecks_basis_points_and_nanoseconds(tmp_path: Path) -> None:
    rules = read_clearing(written(tmp_path)).clearing.rules()
    assert rules.mode is ClearingMode.RISK
    assert rules.revaluation == 30 * SECOND
    assert rules.variation.kind is VariationKind.T_PLUS_ONE
    assert rules.variation.clearings == (ClearingTime(marks=16 * HOUR, pays=DAY + 7 * HOUR + 30 * MINUTE),)
    assert rules.scenarios.price_range_bp == 1_250
    assert rules.waterfall.skin_in_the_game == 100_050
    assert rules.waterfall.equity == 200_000


def test_what_a_file_leaves_out_is_what_the_core_takes_for_granted(tmp_path: Path) -> None:
    """Percent, lots and seconds of the defaults are those of the clearing rules."""
    rules = read_clearing(
        written(tmp_path, ("revaluation_seconds = 30", ""), ("price_range_percent = 12.5", ""))
    )
    usual, found = ClearingRules(mode=ClearingMode.RISK), rules.clearing.rules()
    for part in (
        "scenarios",
        "marks",
        "liquidation",
        "auction",
        "fund",
        "revaluation",
        "revaluation_move_bp",
    ):
        assert getattr(found, part) == getattr(usual, part), part
    for part in ("call_level_bp", "book_steps", "options_count", "brake", "brake_outage"):
        assert getattr(found, part) == getattr(usual, part), part


@pytest.mark.parametrize(
    ("old", "new", "key", "words"),
    [
        # a payment before its mark, and one that is not on the next day
        (
            "pays = 07:30:00, pays_next_day = true",
            "pays = 07:30:00",
            "clearing.variation.clearings.1.pays",
            "is 07:30:00, before it marks at 16:00:00; let it pay later, or add pays_next_day = true",
        ),
        (
            "pays = 07:30:00, pays_next_day = true",
            "pays = 17:30:00",
            "clearing.variation.clearings.1",
            "pays on the day it marks, but kind is “t_plus_one”; add pays and pays_next_day = true",
        ),
        (
            "pays = 07:30:00, pays_next_day = true",
            "pays = 17:30:00, pays_next_day = true",
            "clearing.variation.clearings",
            "pays within 24 hours",
        ),
        (
            "pays = 07:30:00, pays_next_day",
            "pays_next_day",
            "clearing.variation.clearings.1.pays_next_day",
            "has no hour to go with it",
        ),
        ("clearings = [{ marks = 16:00:00, pays = 07:30:00, pays_next_day = true }]", "clearings = []",
         "clearing.variation.clearings", "must not be an empty list"),
        # the waterfall
        (' "tear_up",', "", "clearing.waterfall.layers",
         "cannot be used: layers of the default_fund order miss tear_up; name them, an empty one has size 0"),
        ('"tear_up", "equity"', '"equity", "tear_up"', "clearing.waterfall.layers", "must be, once each"),
        ('"tear_up", "equity"', '"tear_up", "equity", "insurance_fund"', "clearing.waterfall.layers",
         "layers name insurance_fund, which the default_fund order does not have; leave them out"),
        ("equity_rub = 2_000", "", "clearing.waterfall.equity_rub",
         "is missing, and the default_fund order has that layer; say how large it is; 0 leaves it empty"),
        ("equity_rub = 2_000", "equity_rub = -1", "clearing.waterfall.equity_rub",
         "must lie between 0 and 1,000,000,000,000,000 roubles, but is -1"),
        ("equity_rub = 2_000", "equity_rub = 1\ninsurance_fund_rub = 1", "clearing.waterfall.insurance_fund_rub",
         "is no layer of the default_fund order; leave it out"),
        ("equity_rub = 2_000", "equity_rub = 1\nassessment_cap_percent = -1",
         "clearing.waterfall.assessment_cap_percent", "must lie between 0"),
        # shares and numbers
        ("12.5", "0", "clearing.scenarios.price_range_percent", "must be more than 0 and less than 100"),
        ("12.5", "10", "clearing.scenarios.price_range_floor_percent", "is more than price_range_percent"),
        ("12.5", "12.5\nprice_steps = 4", "clearing.scenarios", "price_steps must be odd"),
        ("12.5", "12.5\nmaintenance_percent = 95", "clearing.call_level_percent", "is below scenarios.maint"),
        ("12.5", "12.5\nmaintenance_percent = 0", "clearing.scenarios.maintenance_percent", "ever be closed"),
        ("= 30\n", "= 0\n", "clearing.revaluation_seconds", "must be greater than or equal to 1, but is 0"),
        ("= 30\n", "= 30\n[clearing.marks]\nmost_premium_percent = 3\n",
         "clearing.marks.most_premium_percent", "must be between 0.5 and 2"),
        ("= 30\n", "= 30\n[clearing.liquidation]\nfee_percent = 2\n",
         "clearing.liquidation.fee_percent", "is more than 1.5"),
        ("= 30\n", "= 30\n[clearing.liquidation]\nbackstop_share = [3, 2]\n",
         "clearing.liquidation", "backstop_share must be a part of one"),
        ("= 30\n", "= 30\n[clearing.auction]\nfewest_bidders = 1\n",
         "clearing.auction.fewest_bidders", "one bidder names its own price"),
        ("= 30\n", "= 30\n[clearing.fund]\nstress_moves_percent = [-30]\n", "clearing.fund", "a fall and a rise"),
        # what must be there, and what has no effect
        ('mode = "risk"', 'mode = "full"', "clearing.", "has no effect under mode = “full”; remove it"),
        ('mode = "risk"', 'mode = "net"', "clearing.mode", "cannot be “net”; valid are “full”, “risk”"),
        ("[clearing.scenarios]", "[clearing.scenario]", "clearing.scenario", "the nearest that is valid is “scen"),
        ('key = "clearing"', 'key = "clearing.scenarios"', "clearing.", "is a number without a source"),
    ],
)  # fmt: skip
def test_the_sentence_for_each_fault(tmp_path: Path, old: str, new: str, key: str, words: str) -> None:
    path = written(tmp_path, (old, new))
    with pytest.raises(ConfigurationError) as caught:
        load_regime(with_clearing(OPEN, path))
    assert caught.value.file == path
    assert caught.value.key.startswith(key)
    assert words in str(caught.value)


@pytest.mark.parametrize("table", ["variation", "waterfall"])
def test_margin_needs_its_clearings_and_its_waterfall(tmp_path: Path, table: str) -> None:
    start = OWN.index(f"[clearing.{table}]")
    ends = OWN.index("\n[", start)
    with pytest.raises(
        ConfigurationError, match=f"clearing.{table} is missing, and nobody can clear by margin"
    ):
        read_clearing(written(tmp_path, (OWN[start:ends], "")))


def test_the_crypto_order_has_its_own_layers(tmp_path: Path) -> None:
    sizes = OWN[OWN.index("skin_in_the_game_rub") : OWN.index("\n[[assumptions]]")]
    path = written(
        tmp_path,
        ('order = "default_fund"', 'order = "crypto"'),
        (ALL_LAYERS, 'layers = ["defaulter_margin", "insurance_fund", "deleveraging"]'),
        (sizes, "insurance_fund_rub = 5\n"),
    )
    assert read_clearing(path).clearing.rules().waterfall.insurance_fund == 500


# --- what ships -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("clearing", shipped_clearings())
@pytest.mark.parametrize("regime", shipped_regimes())
def test_every_regime_can_clear_in_every_shipped_way(regime: str, clearing: str) -> None:
    alone, over = load_regime(regime), load_regime(with_clearing(regime, clearing))
    assert fault_in_clearing(over.clearing) is None
    assert over.clearing == read_clearing(clearing).clearing.rules()
    assert (over.classes, over.cash, over.market) == (alone.classes, alone.cash, alone.market)
    assert over.regime_id == regime_name(with_clearing(regime, clearing)) == f"{regime}_{clearing}"
    assert set(alone.assumptions) <= set(over.assumptions)


@pytest.mark.parametrize("clearing", [name for name in shipped_clearings() if name != "full"])
def test_the_shipped_ways_state_every_number(clearing: str) -> None:
    """Nothing is left to a default, so that a source or an assumption stands for all of it."""
    file = read_clearing(clearing)
    whole, said = file.clearing.model_dump(exclude_none=True), stated(file)["clearing"]
    of_members = {"assessment_cap_percent", "capped_days", "gains_haircut_cap_percent"}
    for table in ("scenarios", "marks", "liquidation", "auction", "fund", "waterfall"):
        unsaid = whole[table].keys() - said[table].keys()
        assert unsaid == (of_members if whole[table].get("order") is LossOrder.CRYPTO else set()), table
    assert whole.keys() == said.keys()


def test_the_shipped_ways_are_told_apart() -> None:
    kinds = {name: read_clearing(name).clearing.rules() for name in shipped_clearings()}
    assert list(kinds) == [
        "full",
        "risk",
        "risk_crypto",
        "risk_daily",
        "risk_large_fund",
        "risk_realised_only",
        "risk_single_session",
        "risk_t_plus_one",
        "risk_two_clearings",
    ]
    assert kinds["full"] == ClearingRules()
    assert kinds["risk"].waterfall.layers == LAYERS[LossOrder.DEFAULT_FUND]
    assert kinds["risk_crypto"].waterfall.order is LossOrder.CRYPTO
    assert kinds["risk_t_plus_one"].variation.kind is VariationKind.T_PLUS_ONE
    assert kinds["risk_realised_only"].variation.kind is VariationKind.REALISED_ONLY
    for name in ("risk_two_clearings", "risk_single_session", "risk_daily", "risk_realised_only"):
        assert kinds[name].variation.working_days_only
    assert kinds["risk_large_fund"].waterfall.skin_in_the_game == 1_500_000_000_00
    assert len({clearing_in_words(rules) for rules in kinds.values()}) == len(kinds)


# --- in the place of a regime's own ---------------------------------------------------------------------


def test_what_a_regime_says_with_another_clearing_reads_back_as_the_same(tmp_path: Path) -> None:
    """So a run folder, a cell and a report hold all that is needed to do it again."""
    over = read_regime(with_clearing(SUPER, "risk"))
    kept = tmp_path / "kept.toml"
    kept.write_text(toml_text(stated(over)), encoding="utf-8")
    assert load_regime(str(kept)) == over.regime()


def test_the_clearing_of_the_regime_and_its_grounds_give_way(tmp_path: Path) -> None:
    own = tmp_path / "own_regime.toml"
    own.write_text(toml_text(stated(read_regime(with_clearing(OPEN, "risk")))), encoding="utf-8")
    assert load_regime(str(own)).clearing.mode is ClearingMode.RISK
    full = load_regime(with_clearing(str(own), "full"))
    assert full.clearing == ClearingRules()
    assert not any(one.key.startswith("clearing") for one in full.assumptions)
    assert not any(key.startswith("clearing") for one in full.sources for key in one.keys)


def test_only_the_clearing_differs() -> None:
    (line,) = differences(load_regime(SUPER), load_regime(with_clearing(SUPER, "risk")))
    assert line.startswith("clearing: covered in full -> margin of 16%, 2 clearings a day")


def test_a_sign_in_the_name_of_a_file_is_no_joint(tmp_path: Path) -> None:
    folder = tmp_path / "one+two"
    folder.mkdir()
    own = folder / "a+b.toml"
    own.write_text(toml_text(stated(read_regime(OPEN))), encoding="utf-8")
    assert load_regime(str(own)).regime_id == OPEN
    assert regime_name(with_clearing(str(own), "risk")) == "a+b_risk"


def test_an_unknown_way_of_clearing() -> None:
    with pytest.raises(
        ConfigurationError, match="“rsk” is no shipped way of clearing; the nearest that is valid"
    ):
        load_regime(with_clearing(OPEN, "rsk"))


def test_a_debt_in_roubles_of_value_is_refused_under_full_cover_alone(tmp_path: Path) -> None:
    tables = stated(read_regime(with_clearing(OPEN, "full")))
    tables["cash"]["denomination"] = "fiat_value"
    path = tmp_path / "regime.toml"
    path.write_text(toml_text(tables), encoding="utf-8")
    with pytest.raises(
        ConfigurationError, match=r"cash\.denomination cannot be used: .*under full cover"
    ) as caught:
        load_regime(str(path))
    assert "more coins would be owed than the escrow can hold" in str(caught.value)
    assert "choose “token_par”, or clear by margin" in str(caught.value)
    tables["clearing"] = stated(read_clearing("risk"))["clearing"]
    tables["assumptions"] += ({"key": "clearing", "reason": "A test."},)
    path.write_text(toml_text(tables), encoding="utf-8")
    assert load_regime(str(path)).cash.denomination is Denomination.FIAT_VALUE
