"""Findings: regimes paired by seed, one correction for all, and numbers written as people write them."""

import math

import pytest

from exchange.messages import decode, encode
from scenarios.cells import Cell, CellKey
from scenarios.findings import Finding, Findings, analyse, as_json
from scenarios.measures.measure import SIGNED, Measure
from scenarios.report.drawing import ticks_of
from scenarios.statistics import Verdict, paired_difference
from scenarios.wording import (
    arrow,
    counted,
    difference,
    headline,
    level,
    level_interval,
    listed,
    phrase,
    spoken,
    tone,
    written,
)


def a_measure(name: str, unit: str = "bp", better: str | None = "lower", group: str = "liquidity") -> Measure:
    return Measure(
        name, group, name.replace("_", " ").capitalize(), unit, "a / b", "nobody", better, lambda _: 0.0
    )


def a_cell(regime: str, seed: int, **measures: float | None) -> Cell:
    key = CellKey(scenario="s", regime=regime, seed=seed, population=None, version="1")
    return Cell(regime_id=regime, key=key, digest="d", measures=measures, timeline={}, outcomes={}, check="")


SPREADS = [11.0, 14.0, 9.0, 12.0, 10.0, 13.0, 8.0, 15.0, 11.5, 12.5]
WIDER = [2.1, 1.9, 2.0, 2.2, 1.8, 2.05, 1.95, 2.1, 1.9, 2.0]


def found(*measures: Measure, cells: list[Cell] | None = None) -> Findings:
    if cells is None:
        cells = [a_cell("base", seed, quoted_spread=value, still=3.0) for seed, value in enumerate(SPREADS)]
        cells += [
            a_cell("other", seed, quoted_spread=value + more, still=3.0)
            for seed, (value, more) in enumerate(zip(SPREADS, WIDER, strict=True))
        ]
    return analyse(cells, measures or (a_measure("quoted_spread"), a_measure("still")))


def row(findings: Findings, name: str = "quoted_spread") -> Finding:
    (finding,) = findings.named((name,))
    return finding


def test_ranges_are_those_that_the_measure_can_have() -> None:
    """The same numbers as a share, as roubles, and as a result, which may be a loss."""
    rarely = [0.0, 0.0, 0.0, 0.0, 1.0, 30.0]
    names = ("share", "roubles", "result")
    cells = [a_cell("base", seed, **dict.fromkeys(names, value)) for seed, value in enumerate(rarely)]
    cells += [
        a_cell("other", seed, **dict.fromkeys(names, 100.0 - value)) for seed, value in enumerate(rarely)
    ]
    measures = (
        a_measure("share", "%"),
        a_measure("roubles", "RUB"),
        a_measure("result", "RUB")._replace(stated=SIGNED),
    )
    share, roubles, result = (row(found(*measures, cells=cells), name) for name in names)
    assert result.levels["base"].low < 0 and result.levels["other"].high > 100
    assert share.levels["base"].low == roubles.levels["base"].low == 0
    assert (share.levels["other"].high, roubles.levels["other"].high) == (100, result.levels["other"].high)
    assert share.contrasts["other"].compared.high == 100 < roubles.contrasts["other"].compared.high


def test_what_no_run_defines_is_no_test_and_makes_nothing_harder_to_see() -> None:
    """Two main measures, of which one is never defined: Holm corrects for one test, and so does what could be seen."""
    contrast = row(found(a_measure("quoted_spread"), a_measure("depth_100bp"))).contrasts["other"]
    alone = paired_difference(SPREADS, [spread + more for spread, more in zip(SPREADS, WIDER, strict=True)])
    assert contrast.adjusted_p == alone.p_value
    assert contrast.compared.smallest_detectable == alone.smallest_detectable


def test_the_difference_is_that_of_pairs_of_one_seed() -> None:
    contrast = row(found()).contrasts["other"]
    assert contrast.compared.difference == pytest.approx(2.0)
    assert (contrast.compared.n, contrast.same_way) == (10, 10)
    assert contrast.verdict is Verdict.HIGHER
    assert 1.8 < contrast.compared.low < 2.0 < contrast.compared.high < 2.2  # pairs cancel what seeds share


def test_a_run_that_is_missing_takes_its_pair_with_it() -> None:
    cells = [a_cell("base", seed, quoted_spread=value) for seed, value in enumerate(SPREADS)]
    cells += [
        a_cell("other", seed, quoted_spread=value + 2.0) for seed, value in enumerate(SPREADS) if seed != 4
    ]
    findings = found(a_measure("quoted_spread"), cells=cells)
    assert row(findings).contrasts["other"].compared.n == 9
    assert (row(findings).levels["base"].n, row(findings).levels["other"].n) == (10, 9)


def test_the_same_difference_in_too_few_runs_is_not_called_none_at_all() -> None:
    cells = [a_cell("base", seed, movable_time=100.0) for seed in range(3)]
    cells += [a_cell("other", seed, movable_time=33.3) for seed in range(3)]
    contrast = row(found(a_measure("movable_time"), cells=cells), "movable_time").contrasts["other"]
    assert (contrast.verdict, arrow(contrast)) == (Verdict.NO_DIFFERENCE_SEEN, "≈")
    assert spoken(contrast) == "the same difference in every run, but too few runs to be sure"


def test_ticks_at_equal_steps_read_as_equal_steps() -> None:
    assert ticks_of(7.94e6, 8.06e6)["ticktext"] == ["7.95m", "7.975m", "8m", "8.025m", "8.05m"]
    assert ticks_of(0, 7e6)["ticktext"] == ["0", "2m", "4m", "6m"]
    assert ticks_of(92, 100, "{n}%")["ticktext"] == ["92.5%", "95%", "97.5%", "100%"]


def test_what_never_differs_is_exactly_the_same() -> None:
    contrast = row(found(), "still").contrasts["other"]
    assert contrast.verdict is Verdict.NO_DIFFERENCE_SEEN
    assert (arrow(contrast), spoken(contrast)) == ("=", "exactly the same")


def test_the_main_measures_are_corrected_together_and_apart_from_the_others() -> None:
    alone = row(found(a_measure("quoted_spread"))).contrasts["other"]
    beside_another = row(found(a_measure("quoted_spread"), a_measure("still"))).contrasts["other"]
    cells = [a_cell("base", seed, quoted_spread=value, index_gap=3.0) for seed, value in enumerate(SPREADS)]
    cells += [
        a_cell("other", seed, quoted_spread=value + more, index_gap=3.0)
        for seed, (value, more) in enumerate(zip(SPREADS, WIDER, strict=True))
    ]
    two_main = row(found(a_measure("quoted_spread"), a_measure("index_gap"), cells=cells)).contrasts["other"]
    assert beside_another.adjusted_p == alone.adjusted_p
    assert two_main.adjusted_p == pytest.approx(2 * alone.adjusted_p)


def test_two_runs_give_no_verdict() -> None:
    cells = [
        a_cell(regime, seed, quoted_spread=11.0 + seed) for regime in ("base", "other") for seed in (0, 1)
    ]
    finding = row(found(a_measure("quoted_spread"), cells=cells))
    assert finding.contrasts["other"].verdict is Verdict.NO_VERDICT
    assert (level(finding, "base"), level_interval(finding, "base")) == ("11.5 bp", "–")


def test_a_measure_that_one_regime_does_not_have_is_not_comparable() -> None:
    cells = [
        a_cell(regime, seed, quoted_spread=11.0 + seed if regime == "base" else None)
        for regime in ("base", "other")
        for seed in range(4)
    ]
    finding = row(found(a_measure("quoted_spread"), cells=cells))
    contrast = finding.contrasts["other"]
    assert (arrow(contrast), spoken(contrast)) == ("∅", "not comparable")
    assert level(finding, "other") == difference(finding, "other") == "–"
    assert tone(a_measure("m", better="lower"), contrast) == "same"


def test_a_measure_that_each_regime_has_in_other_runs_is_known_too_little() -> None:
    """Money frozen on other days under each: both have withdrawals that waited, and no two runs to hold together."""
    cells = [
        a_cell(regime, seed, quoted_spread=11.0 + seed if (regime == "base") is (seed < 4) else None)
        for regime in ("base", "other")
        for seed in range(8)
    ]
    contrast = row(found(a_measure("quoted_spread"), cells=cells)).contrasts["other"]
    assert (contrast.compared.n, contrast.verdict) == (0, Verdict.NO_VERDICT)


def test_an_undefined_measure_is_silent() -> None:
    cells = [a_cell(regime, seed, quoted_spread=None) for regime in ("base", "other") for seed in range(4)]
    finding = row(found(a_measure("quoted_spread"), cells=cells))
    assert finding.silent
    assert level(finding, "other") == "–"
    assert headline(found(a_measure("quoted_spread"), cells=cells)) == []


def test_good_and_bad_are_the_measures_own_word() -> None:
    contrast = row(found()).contrasts["other"]
    assert tone(a_measure("m", better="lower"), contrast) == "worse"
    assert tone(a_measure("m", better="higher"), contrast) == "better"
    assert tone(a_measure("m", better=None), contrast) == "changed"
    assert tone(a_measure("m"), row(found(), "still").contrasts["other"]) == "same"


def test_verdicts_are_told_in_plain_words() -> None:
    assert (
        phrase(a_measure("quoted_spread"), Verdict.HIGHER) == "small trades cost more while there is a market"
    )
    assert phrase(a_measure("trade_count"), Verdict.LOWER) == "trade count is lower"


def test_the_headline_falls_back_to_the_first_of_each_group() -> None:
    measures = (a_measure("unheard_of"), a_measure("second"), a_measure("third", group="house"))
    cells = [
        a_cell(regime, seed, unheard_of=0.0, second=1.0, third=2.0)
        for regime in ("base", "other")
        for seed in range(3)
    ]
    shown = headline(found(*measures, cells=cells))
    assert [finding.measure.name for finding in shown] == ["second", "third"]  # the first says nothing: all 0


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ((61.23,), ["61.2"]),
        ((2_100_000_000.0, 95_000_000.0), ["2.10bn", "0.10bn"]),
        ((312_456.0, -4_000.0), ["312k", "−4k"]),
        ((0.0,), ["0"]),
        ((0.0012,), ["0.00120"]),
        ((math.nan, 3.0), ["–", "3.00"]),
        ((math.nan, 3e6), ["–", "3.00m"]),
        ((3.0, 3e9), ["0", "3.00bn"]),
        ((999.96,), ["1,000"]),
        ((1_250.4,), ["1,250"]),
    ],
)
def test_numbers_share_a_scale_and_keep_three_digits(values: tuple[float, ...], texts: list[str]) -> None:
    assert written(*values) == texts


def test_differences_carry_their_sign_and_percentages_differ_by_points() -> None:
    assert written(2.0, -2.0, signed=True) == ["+2.00", "−2.00"]
    assert difference(row(found(a_measure("quoted_spread", unit="%"))), "other") == "+2.00 points"
    assert difference(row(found()), "other") == "+2.00 bp"


def test_lists_and_counts() -> None:
    assert (listed([]), listed(["a"]), listed(["a", "b", "c"])) == ("", "a", "a, b and c")
    assert (counted(1, "run"), counted(1_200, "run")) == ("1 run", "1,200 runs")


def test_machines_read_the_same_numbers() -> None:
    told = decode(encode(as_json(found())), dict)
    spread = told["measures"]["quoted_spread"]
    assert spread["levels"]["base"]["mean"] == pytest.approx(sum(SPREADS) / 10)
    assert spread["contrasts"]["other"]["verdict"] == "higher"
