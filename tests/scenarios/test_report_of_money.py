"""The money itself, in the report: six assets on one day, and who could move them, at what price, at whose cost."""

import itertools
import re
from pathlib import Path

import pytest

from scenarios.cells import Cell
from scenarios.compare import Design, compare, source_file
from scenarios.config.cash_words import NOBODY
from scenarios.config.regime_file import with_cash
from scenarios.config.scenario_file import scenario_path
from scenarios.design import regime_source
from scenarios.findings import HEADLINE, OF_MONEY, Findings, analyse, findings_of
from scenarios.measures.movement import Movement
from scenarios.report import background_of
from scenarios.wording import headline
from tests.scenarios import fake_cells
from tests.scenarios.test_report import (
    Page,
    Told,
    changed,
    figures_of,
    needs_chromium,
    seen_by_a_browser,
    told,
)

__all__ = ["told"]  # the fixture of one money under three regimes

ASSETS = (
    "rub_bank",
    "digital_rouble",
    "domestic_supervised",
    "domestic_a7a5_like",
    "foreign_circle_like",
    "foreign_tether_like",
)
MOVES, GATED, CLOSED, NOTHING = (float(state) for state in Movement)
STEPS = fake_cells.STEPS


def moved(cell: Cell, states: list[float], price: float = 100.0, **measures: float) -> Cell:
    """The cell with the money in the given states, each for an equal part of the day, at `price` from half-way on."""
    movement = [states[at * len(states) // STEPS] for at in range(STEPS)]
    prices = [100.0 if at < STEPS // 2 else price for at in range(STEPS)]
    shares = {
        state: 100 * movement[:-1].count(state) / (STEPS - 1) for state in (MOVES, GATED, CLOSED, NOTHING)
    }
    told = {
        "peak_discount": 100 - price,
        "mean_discount": (100 - price) / 2,
        "movable_time": shares[MOVES] + shares[GATED],
        "gated_time": shares[GATED],
        "closed_time": shares[CLOSED],
        "stopped_time": shares[NOTHING],
    } | measures
    return changed(
        cell,
        timeline={**cell.timeline, "movement": movement, "cash_price": prices},
        measures={**cell.measures, **told},
    )


def with_cells(told: Told, *cells: Cell) -> Told:
    comparison = told.comparison._replace(cells=cells)
    return Told(findings_of(comparison), comparison, told.background)


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Foreign coins are stopped for the middle third and fall to 92; one domestic coin lets a part out."""
    design = Design(
        scenario=source_file("freeze_and_gap", scenario_path("freeze_and_gap")),
        regimes=tuple(regime_source(with_cash("ru_open_counterfactual", asset)) for asset in ASSETS),
        seeds=(0, 1, 2),
    )
    comparison = compare(design, tmp_path_factory.mktemp("six"), fake_cells.run, workers=1)
    cells = []
    for cell in comparison.cells:
        if "foreign" in cell.regime_id:
            lost = {"money_not_there_people": 4e6, "money_cost_people": 3e6, "money_cost_issuer": 1e6}
            cells.append(moved(cell, [MOVES, NOTHING, MOVES], 92.0, **lost))
        elif "a7a5" in cell.regime_id:
            cells.append(moved(cell, [MOVES, GATED, MOVES]))
        else:
            cells.append(moved(cell, [MOVES]))
    bare = Told(findings_of(comparison), comparison, background_of(comparison))
    return with_cells(bare, *cells)


def test_who_can_freeze_each_of_them_is_named_and_the_domestic_coin_is_not_flattered(six: Told) -> None:
    text = Page(six.page()).texts["answer"]
    assert (
        "Who can stop the money The money can be frozen under every one of these. At domestic orders:" in text
    )
    domestic, foreign = text.split("At foreign orders:")
    assert "(by the court);" in domestic and "(by 5 of 5 signers)." in domestic
    assert "(by the issuer, and for a wallet of the venue the central bank too);" in domestic
    assert "(by the blacklister);" in foreign and "(by the issuer)." in foreign
    assert "A domestic issuer holds the same keys as a foreign one" in foreign
    assert "When it could leave In these runs money could leave in 100% of the time under" in text


def test_where_the_money_is_all_that_differs_it_comes_first(six: Told, told: Told) -> None:
    """A reader who asks about money is not told first, and seven times, that the same people get in."""
    of_money, of_access = Page(six.page()), Page(told.page())
    assert re.findall("class=.about.>(.*?)<", six.page()) == [
        "Who can stop the money", "When it could leave", "What it was worth", "What it does", "Who gets in",
        "How sure we are",
    ]  # fmt: skip
    answer = " ".join(re.sub("[●■◆▲✚★⬢] ", "", of_money.texts["answer"]).split())
    assert (
        "worth 8.00% less under Foreign coin, frozen by order and Foreign coin, frozen at request" in answer
    )
    assert "Nobody priced Bank roubles" in answer and "below a rouble" in answer
    places = {page: list(page.texts) for page in (of_money, of_access)}
    assert places[of_money].index("money") < places[of_money].index("main")
    assert "settlement assets compared" in of_money.texts[""]
    assert "access regimes compared" in of_access.texts[""]
    alike = with_cells(six, *(moved(cell, [MOVES], admitted_share=40.0) for cell in six.comparison.cells))
    assert "each of these lets in 40." in Page(alike.page()).texts["answer"]
    names = re.findall("class=.about.>(.*?)<", told.page())
    assert names == ["Who gets in", "What it does", "How sure we are"]


def test_what_nobody_can_freeze_is_said_to_be_so(six: Told) -> None:
    keys = dict(six.background.keys)
    bank = next(name for name in keys if name.endswith("rub_bank"))
    keys[bank] = keys[bank]._replace(signers=NOBODY)
    text = Page(six._replace(background=six.background._replace(keys=keys)).page()).texts["answer"]
    assert "Nobody can freeze Bank roubles" in " ".join(text.replace("●", "").split())
    assert "under every one of these" not in text


def main_figures(findings: Findings) -> list[str]:
    return [finding.measure.name for finding in headline(findings)]


def test_where_the_money_differs_the_main_figures_begin_with_it(six: Told, told: Told) -> None:
    """When it could leave, when it was stopped, and what it was worth: and only where regimes settle in different
    money, which their rules decide and no result."""
    main = main_figures(six.findings)
    assert main[:3] == list(OF_MONEY)
    groups = [finding.measure.group for finding in headline(six.findings)]
    assert len([*itertools.groupby(groups)]) == len({*groups})  # each heading once
    text = Page(six.page()).texts["main"]
    places = [
        text.index(words) for words in ("Time in which money could leave", "Getting money out", "Who gets in")
    ]
    assert places[1] < places[0] < places[2]
    stopped = with_cells(told, *(moved(cell, [MOVES, NOTHING]) for cell in told.comparison.cells))
    assert stopped.findings.main == HEADLINE and not {*OF_MONEY} & {*main_figures(stopped.findings)}
    assert "Time in which money could leave" not in Page(stopped.page()).texts["main"]


def test_the_main_figures_of_money_are_corrected_with_the_others(six: Told) -> None:
    """Holm's correction takes them in: a p of one measure counts beside all that are shown."""
    shares = iter((60.0, 61.0, 62.5, 40.0, 45.0, 43.0) * 9)
    cells = [moved(cell, [MOVES], movable_time=next(shares)) for cell in six.comparison.cells]
    comparison = six.comparison._replace(cells=tuple(cells))
    (found,) = findings_of(comparison).named(("movable_time",))
    names = [regime.name for regime in comparison.design.regimes]
    (alone,) = analyse(cells, [found.measure], names).named(("movable_time",))
    for name in names[1:]:
        one, of_all = alone.contrasts[name], found.contrasts[name]
        assert of_all.compared.p_value == one.compared.p_value
        assert of_all.adjusted_p >= one.adjusted_p
    assert any(found.contrasts[name].adjusted_p > alone.contrasts[name].adjusted_p for name in names[1:])


def test_what_the_answer_says_of_money_it_says_once(six: Told) -> None:
    states = {True: [MOVES, NOTHING], False: [MOVES]}
    cells = [moved(cell, states["foreign" in cell.regime_id], 92.0) for cell in six.comparison.cells]
    answer = Page(with_cells(six, *cells).page()).texts["answer"]
    assert "money could leave in" in answer
    assert "the money is stopped for longer" not in answer and "further below a rouble" not in answer


def test_where_nothing_tells_them_apart_the_page_says_that_it_does_not_matter_whose_key_it_was(
    six: Told,
) -> None:
    same = with_cells(six, *(moved(cell, [MOVES, NOTHING]) for cell in six.comparison.cells))
    texts = Page(same.page()).texts
    assert "of the time under each of them, whoever held the key" in texts["answer"]
    assert "all of them stopped and moved at the same times" in texts["money"]
    assert "all of them stopped and moved at the same times" not in Page(six.page()).texts["money"]


def test_the_strips_and_the_table_beside_them_tell_the_same(six: Told) -> None:
    html = six.page()
    (figure,) = [found for found in Page(html).figures if found["id"] == "figure-money_moves"]
    assert (
        "Foreign coin, frozen by order: all could leave from 0:00 to 1:51 h; nothing could leave"
        in figure["alt"]
    )
    rows = {row[0]: row[1:] for table in Page(html).tables for row in table if len(row) == 6}
    assert rows["Bank roubles"] == ["100%", "0%", "0%", "0%", "all could leave throughout"]
    assert rows["Domestic coin, one bank behind it"][:4] == ["66.4%", "33.6%", "0%", "0%"]
    assert rows["Foreign coin, frozen at request"][3] == "33.6%"
    widths: dict[str, float] = {}
    for trace in figures_of(html)["money_moves"]["data"]:
        name = re.findall("<b>(.*?)</b>", trace["hovertemplate"])[0]
        widths[name] = widths.get(name, 0.0) + sum(trace["width"])
    assert len(widths) == 6
    assert all(width == pytest.approx(fake_cells.HOURS) for width in widths.values())


def test_words_and_answer_tell_the_same_share_of_time(six: Told) -> None:
    """To the instant, as it was measured; the strips sample it."""
    measured = {"movable_time": 92.1, "gated_time": 0.0, "stopped_time": 7.9}
    page = Page(with_cells(six, *(moved(cell, [MOVES], **measured) for cell in six.comparison.cells)).page())
    assert "money could leave in 92.1% of the time" in page.texts["answer"]
    told = "a withdrawal could be made in 92.1% of the time; nothing could leave in 7.90%."
    assert page.texts["money"].count(told) == 6


def test_runs_that_differ_share_the_height(six: Told) -> None:
    cells = [
        moved(cell, [NOTHING if cell.key.seed == 0 and cell.regime_id.endswith("rub_bank") else MOVES])
        for cell in six.comparison.cells
    ]
    bank = [
        trace
        for trace in figures_of(with_cells(six, *cells).page())["money_moves"]["data"]
        if "Bank roubles" in trace["hovertemplate"]
    ]
    heights = [trace["y"][0] for trace in bank]
    assert heights == pytest.approx([20.0, 10.0])
    assert [trace["text"] for trace in bank] == [[""], [""]]
    assert bank[1]["base"][0] == pytest.approx(bank[0]["base"][0] + 20.0)
    assert "in 33% of the runs" in bank[1]["customdata"][0]


def test_what_it_was_worth_and_what_it_cost_whom(six: Told) -> None:
    html = six.page()
    text = Page(html).texts["money"]
    assert "at worst it was worth 8.00% less than a rouble, and 4.00% less on average" in text
    assert "asked back and not there by the close: 4.00m RUB of people" in text
    assert "borne for good: 3.00m RUB by people and 1.00m RUB by the issuer" in text
    assert "all that was asked back was there by the close; nobody lost any of it for good" in text
    bars = [t for t in figures_of(html)["money_cost"]["data"] if "frozen by order" in t["hovertemplate"]]
    assert [(t["base"], t["x"]) for t in bars] == [([0.0], [4e6]), ([0.0], [3e6]), ([3e6], [1e6])]
    worth = figures_of(html)["money_worth"]["data"]
    assert len(worth) == 6 and worth[4]["y"][0] == 100 and worth[4]["y"][-1] == 92


def test_without_a_discount_no_prices_are_drawn(six: Told) -> None:
    par = with_cells(six, *(moved(cell, [MOVES]) for cell in six.comparison.cells))
    html = par.page()
    assert "money_worth" not in figures_of(html)
    assert "What it was worth" not in Page(html).texts["answer"]
    assert "Nobody priced any of it below a rouble" in Page(html).texts["money"]


def test_one_money_that_nothing_happens_to_needs_no_section(told: Told) -> None:
    calm = with_cells(told, *(moved(cell, [MOVES]) for cell in told.comparison.cells))
    assert "money" not in Page(calm.page()).texts
    assert "Who can stop the money" not in Page(calm.page()).texts["answer"]
    assert "money" not in Page(told.page()).texts  # runs of before, which do not know when it moved


def test_who_gained_by_buying_below_par_is_told_and_draws_no_bar(six: Told) -> None:
    bought = {"money_cost_people": 2e6, "money_cost_professionals": -2e6}
    html = with_cells(six, *(moved(cell, [MOVES], 90.0, **bought) for cell in six.comparison.cells)).page()
    text = Page(html).texts["money"]
    assert (
        "borne for good: 2.00m RUB by people; gained by who bought it below par: 2.00m RUB by professionals"
        in text
    )
    bars = [trace["hovertemplate"] for trace in figures_of(html)["money_cost"]["data"]]
    assert any("people: 2.00m" in told for told in bars) and not any("professionals" in told for told in bars)
    assert "nobody stopped any of it" in Page(html).texts["answer"]
    assert "stopped and moved at the same times" not in text


@pytest.mark.parametrize("disturbed", [{"states": [MOVES, GATED]}, {"states": [MOVES], "price": 97.0}])
def test_one_money_that_is_disturbed_has_a_section(told: Told, disturbed: dict[str, list[float]]) -> None:
    """Which speaks of one money under several regimes, and of several kinds only where there are several."""
    html = with_cells(told, *(moved(cell, **disturbed) for cell in told.comparison.cells)).page()  # type: ignore[arg-type]
    text = Page(html).texts["money"]
    assert "Who could move money when One strip for each regime" in text
    assert "it is the same money under every regime" in text
    assert not re.search("each of them|all of them|of each|each kind|Settled in", text)
    assert (GATED in disturbed["states"]) or "The price of one rouble of it under each regime" in text


def test_one_money_that_stops_is_said_to_stop_at_the_same_times_under_every_regime(told: Told) -> None:
    same = with_cells(told, *(moved(cell, [MOVES, NOTHING]) for cell in told.comparison.cells))
    text = Page(same.page()).texts["money"]
    assert "it stopped and moved at the same times under every regime" in text and "whoever holds" not in text


def test_several_kinds_of_money_are_spoken_of_as_several(six: Told) -> None:
    text = Page(six.page()).texts["money"]
    assert (
        "This is the same day with each kind of money" in text and "One strip for each kind of money" in text
    )
    assert "The price of one rouble of each" in text and "same money under every regime" not in text


def test_keys_that_are_all_there_are_not_told_as_alternatives(six: Told) -> None:
    """The roles of a coin are there together, and so are the holders of one key."""
    stated = six.background.stated["ru_open_counterfactual_domestic_supervised"]["cash.terms.roles"]
    assert "; or " not in stated and ";" in stated and " and " in stated


def test_names_are_what_tells_the_regimes_apart(six: Told) -> None:
    assert "Open to everyone" not in Page(six.page()).texts["answer"]


def test_many_regimes_stand_below_each_other(six: Told, told: Told) -> None:
    assert 'class="measures many"' in six.page()
    assert 'class="measures many"' not in told.page()


@needs_chromium
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_draws_the_money_on_a_phone_and_on_a_desk(six: Told, tmp_path: Path, width: int) -> None:
    html = six.page()
    seen = seen_by_a_browser(html, tmp_path, width)
    assert seen["page"] <= seen["width"] == width
    assert (seen["wide"], seen["drawn"]) == (0, len(figures_of(html)))
    assert {"money_moves", "money_worth", "money_cost"} <= figures_of(html).keys()
