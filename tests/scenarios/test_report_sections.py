"""Parts of the report: who paid in a default, what stays open, what was published, and the numbers for machines."""

import csv
import io
import json
from collections.abc import Sequence

import pyarrow.parquet
import pytest

from exchange.access.regime import Assumption, Grade, Source
from scenarios.cells import Cell
from scenarios.findings import analyse
from scenarios.measures import MEASURES
from scenarios.report import keep_report
from scenarios.report.background import Face, faces
from scenarios.report.figures import calm_panels, timeline
from scenarios.report.limits import Limit, limits
from scenarios.report.numbers import COLUMNS, rows_of
from scenarios.report.published import ANCHORS, held_against_published
from scenarios.report.waterfall import tiers_used, waterfall
from tests.scenarios.test_report import REGIMES, Page, Told, changed, changed_regime, figures_of, told

__all__ = ["told"]  # the fixture


def faces_of(told: Told) -> list[Face]:
    return faces(REGIMES, told.background.regimes)


def with_measures(told: Told, **by_measure: Sequence[float]) -> Told:
    """The same runs with these values under the second regime, seed by seed, and 0 under the others."""
    cells = tuple(
        changed(
            cell,
            measures={
                **cell.measures,
                **{
                    name: values[cell.key.seed] if cell.regime_id == REGIMES[1] else 0.0
                    for name, values in by_measure.items()
                },
            },
        )
        for cell in told.comparison.cells
    )
    return told._replace(
        findings=analyse(cells, MEASURES, REGIMES), comparison=told.comparison._replace(cells=cells)
    )


# --- the waterfall --------------------------------------------------------------------------------------

TOUCHED = [2e6, 0.0] * 4


def test_a_bar_of_the_waterfall_is_what_each_layer_paid_on_average(told: Told) -> None:
    paid = with_measures(told, loss_defaulter_margin=[4e6] * 8, loss_skin_in_the_game=TOUCHED)
    figure = waterfall(paid.findings, paid.comparison.cells, faces_of(told))
    assert figure is not None
    assert [(trace["base"], trace["x"]) for trace in figure.plot["data"]] == [([0.0], [4e6]), ([4e6], [1e6])]
    rows = {row[0]: row[1:] for row in figure.rows}
    assert rows["the house's skin in the game"] == ("untouched", "1.00m RUB, in 4 of 8 runs", "untouched")
    assert rows["margin and cash of those who failed"][1] == "4.00m RUB, in 8 of 8 runs"
    assert "the house's skin in the game 1.00m RUB" in figure.alt and "no layer paid anything" in figure.alt
    assert [tier.measure for tier in tiers_used(paid.findings, faces_of(told))] == [
        "loss_defaulter_margin",
        "loss_skin_in_the_game",
    ]


def test_a_waterfall_that_nobody_touched_is_told_and_not_drawn(told: Told) -> None:
    html = told.page()
    assert "waterfall" not in figures_of(html)
    assert "No layer of any waterfall was touched" in Page(html).texts["waterfall"]
    paid = with_measures(told, loss_unpaid=TOUCHED).page()
    assert "nobody: it was not paid" in Page(paid).texts["waterfall"]


def test_every_layer_that_is_measured_has_its_place() -> None:
    from scenarios.report.waterfall import TIERS

    measured = {measure.name for measure in MEASURES if measure.name.startswith("loss_")}
    assert measured - {"loss_share_of_assets"} <= {tier.measure for tier in TIERS}


# --- the timeline ---------------------------------------------------------------------------------------


def test_what_never_moves_is_told_and_not_drawn(told: Told) -> None:
    steps = len(told.comparison.cells[0].timeline["time"])

    def with_series(cell: Cell) -> Cell:
        late = [0.0] * (steps // 2) + [5e5] * (steps - steps // 2)
        paid = late if cell.regime_id == REGIMES[1] else [0.0] * steps
        return changed(cell, timeline={**cell.timeline, "waterfall": paid, "cash_price": [100.0] * steps})

    cells = [with_series(cell) for cell in told.comparison.cells]
    known = faces_of(told)
    assert calm_panels(cells, known) == ["“Worth of a rouble of the money, in percent” (100%)"]
    figure = timeline(cells, known, ())
    assert figure is not None
    titles = [note["text"].replace("<br>", " ") for note in figure.plot["layout"]["annotations"]]
    assert "<b>Paid by the layers of the waterfall so far, RUB</b>" in titles
    assert not any("Worth of a rouble" in title for title in titles)


# --- what the report cannot tell ------------------------------------------------------------------------


def limits_of(told: Told) -> dict[str, str]:
    found: list[Limit] = limits(told.findings, told.comparison, told.background, faces_of(told))
    return {limit.what: limit.why for limit in found}


def test_differences_that_could_hide_are_told_with_their_size(told: Told) -> None:
    why = limits_of(told)["Small differences."]
    unseen = [
        row
        for row in told.findings.named(("share_losing", "index_gap"))
        if row.contrasts[REGIMES[1]].verdict == "no difference seen"
    ]
    assert unseen
    for row in unseen:
        assert row.measure.title in why
    assert "With 8 runs of each regime" in why


def test_two_runs_cannot_tell_chance_from_rules(told: Told) -> None:
    cells = tuple(cell for cell in told.comparison.cells if cell.key.seed < 2)
    few = told._replace(
        findings=analyse(cells, MEASURES, REGIMES), comparison=told.comparison._replace(cells=cells)
    )
    assert "With 2 runs of each regime no difference" in limits_of(few)["Nothing of chance."]


def test_assumptions_are_told_apart_by_what_rests_on_them(told: Told) -> None:
    regimes = [changed_regime(one, assumptions=(), sources=()) for one in told.background.regimes]
    assumed = tuple(Assumption(key=key, reason="a guess") for key in ("a.differs", "b.same", "c.only"))
    weak = Source(label="W", reference="a blog", grade=Grade.WEAK, keys=("d.weak",))
    regimes[0] = changed_regime(regimes[0], assumptions=assumed, sources=(weak,))
    stated = {name: {"a.differs": str(at), "b.same": "1"} for at, name in enumerate(REGIMES)}
    stated[REGIMES[0]]["c.only"] = "7"
    why = limits_of(told._replace(background=told.background._replace(regimes=tuple(regimes), stated=stated)))
    first, second, third = (face.short for face in faces_of(told))
    told_of = f"a.differs: 0 under {first}, 1 under {second}, 2 under {third}"
    assert told_of in why["Whether these assumed values are right."]
    assert why["Whether values are right that only some regimes have."].endswith("rests on them: c.only.")
    assert why["What another world would show."].startswith("1 assumed value is the same")
    assert why["What the law will say."] == "Only weak sources vouch for d.weak."


def test_what_was_never_measured_and_whom_the_population_misses(told: Told) -> None:
    why = limits_of(told)
    assert "Gap at the fixing" in why["What never came up."]  # the made-up cells give nan
    assert why["What the very richest would do."].startswith("40 drawn participants stand for 918,000")
    rows = [
        row._replace(published=10.0, drawn=1.0, figure="holders") for row in told.background.validation[:1]
    ]
    far = told._replace(background=told.background._replace(validation=rows))
    assert limits_of(far)["What depends on these figures."].endswith("factor of two: holders.")
    assert "What depends on these figures." not in limits_of(
        told._replace(background=told.background._replace(validation=[rows[0]._replace(drawn=9.0)]))
    )


# --- beside published figures ---------------------------------------------------------------------------


def test_the_runs_are_held_against_published_ranges(told: Told) -> None:
    held = {row.title: row for row in held_against_published(told.findings, faces_of(told))}
    spread = told.findings.named(("quoted_spread",))[0].levels
    assert held["Quoted spread"].published == "0 to 20.0 bp"
    assert [within for _face, _told, within in held["Quoted spread"].within] == [
        spread[name].mean <= 20 for name in REGIMES
    ]
    assert "Kurtosis" not in held  # no made-up cell has it
    assert "Coin Metrics" in Page(told.page()).texts["validation"]


@pytest.mark.parametrize("anchor", ANCHORS, ids=lambda anchor: anchor.title)
def test_a_published_figure_is_a_range_with_its_source(anchor: object) -> None:
    from scenarios.report.published import Anchor

    assert isinstance(anchor, Anchor)
    assert anchor.low < anchor.high
    assert anchor.source and anchor.caution and anchor.grade in ("P", "S", "W", "GK")


# --- numbers for machines -------------------------------------------------------------------------------


def test_every_difference_interval_and_verdict_is_in_all_three_files(told: Told) -> None:
    keep_report(told.findings, told.comparison, told.background)
    folder = told.comparison.folder
    rows = rows_of(told.findings)
    assert len(rows) == len(MEASURES) * len(REGIMES)
    (row,) = [one for one in rows if one["measure"] == "quoted_spread" and one["regime"] == REGIMES[1]]
    contrast = told.findings.named(("quoted_spread",))[0].contrasts[REGIMES[1]]
    assert row["difference"] == contrast.compared.difference
    assert (row["difference_low"], row["difference_high"]) == (contrast.compared.low, contrast.compared.high)
    assert (row["verdict"], row["same_way"], row["baseline"]) == ("higher", 8, REGIMES[0])
    assert pyarrow.parquet.read_table(folder / "findings.parquet").to_pylist() == rows
    written = list(csv.DictReader(io.StringIO((folder / "findings.csv").read_text())))
    assert list(written[0]) == list(COLUMNS)
    assert [one["verdict"] for one in written] == [one["verdict"] or "" for one in rows]
    assert float(written[rows.index(row)]["difference"]) == row["difference"]
    kept = json.loads((folder / "findings.json").read_text())["measures"]["quoted_spread"]
    assert kept["contrasts"][REGIMES[1]]["difference"] == row["difference"]


def test_the_charts_tables_are_kept_as_they_stand_on_the_page(told: Told) -> None:
    path = keep_report(told.findings, told.comparison, told.background)
    charts = json.loads((told.comparison.folder / "charts.json").read_text())
    assert list(charts) == list(figures_of(path.read_text(encoding="utf-8")))
    page = Page(path.read_text(encoding="utf-8"))
    for chart in charts.values():
        assert [chart["head"], *chart["rows"]] in page.tables


def test_the_words_of_a_chart_tell_the_numbers_of_its_table(told: Told) -> None:
    keep_report(told.findings, told.comparison, told.background)
    charts = json.loads((told.comparison.folder / "charts.json").read_text())
    poorest, richest = charts["let_in"]["rows"][0], charts["let_in"]["rows"][9]
    for face, first, last in zip(faces_of(told), poorest[1:], richest[1:], strict=True):
        assert (
            f"{face.short}: {first} of the poorest tenth, {last} of the richest." in charts["let_in"]["alt"]
        )
    for face in faces_of(told)[1:]:
        verdicts = [row[4] for row in charts["differences"]["rows"] if row[1] == face.short]
        told_of = f"{face.short}: {verdicts.count('higher')} higher, {verdicts.count('lower')} lower"
        assert told_of in charts["differences"]["alt"]
    for row in charts["results"]["rows"]:
        assert f"{row[1]}, {row[0]}: half of them between" in charts["results"]["alt"]
        assert f"{row[3]} lose." in charts["results"]["alt"]


def test_a_page_says_how_large_it_is(told: Told) -> None:
    html = told.page()
    assert f"{len(html.encode()) / 1e6:.1f} MB" in Page(html).texts["reproduce"]
