"""The report of a reverse stress test: its answer, its chart beside the same numbers, what is doubtful, in Russian."""

import csv
import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from exchange.messages import changed
from scenarios.language import Tongue, speaking
from scenarios.report.reverse import keep_reverse_report, render
from scenarios.reverse import Answer, Reversed, Threshold
from scenarios.statistics import Verdict
from scenarios.thresholds import Held, held_against_baseline
from tests.scenarios.fake_searches import OPEN, QUALIFIED, REGIMES, Made, searched
from tests.scenarios.test_language import Texts, english, said_by

MARGIN = "Layer used: margin and cash of those who failed"


class Kept(NamedTuple):
    found: Reversed
    folder: Path
    html: str


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    folder = tmp_path_factory.mktemp("searched")
    found = searched(folder, Made(undone_at=49, stricter=3))
    page = keep_reverse_report(found, folder)
    return Kept(found, folder, page.read_text(encoding="utf-8"))


def section(html: str, name: str) -> str:
    found = re.search(rf'<section id="{name}">(.*?)</section>', html, re.S)
    assert found is not None, name
    return " ".join(re.sub(r"<[^>]*>", " ", found[1]).split())


def plot(html: str) -> dict[str, Any]:
    (found,) = re.findall(r'<script type="application/json" id="plot-thresholds">(.*?)</script>', html, re.S)
    told: dict[str, Any] = json.loads(found)
    return told


def test_the_answer_comes_first_with_its_range_and_its_doubts(kept: Kept) -> None:
    order = re.findall(r'<section id="(\w+)">', kept.html)
    assert order == [
        "answer", "regimes", "thresholds", "differences", "sensitivity", "assumptions", "validation", "limits",
        "reproduce",
    ]  # fmt: skip
    told = section(kept.html, "answer").replace("&#39;", "'")
    assert (
        "Layer by layer, in half of the seeds or more: margin and cash of those who failed – touched from 15% on "
        "(12% to 18%), used up from 30% on (24% to 36%); shares of those who failed in the default fund – empty, so "
        "passed over; the house's skin in the game – touched from 30% on (24% to 36%), not used up at 80% either."
        in told
    )
    assert (
        "With no seed is any of these touched up to 80%: the default fund of those who did not fail" in told
    )
    assert "In half of the seeds or more: all investors" not in told
    assert "all together – 20.5%." in told  # under full cover, where there is no layer
    assert "with 9 seeds; the range in brackets" in told and "assumed, not law" in told


def test_a_layer_that_few_seeds_need_is_counted_and_one_event_of_it_may_be_asked_for(tmp_path: Path) -> None:
    often, rarely = (
        searched(
            tmp_path / event.partition(":")[0], Made(stricter=times), regimes=REGIMES[:1], events=[event]
        )
        for event, times in (("used:defaulter_margin", 4.6), ("exhausted:defaulter_margin", 3.5))
    )
    told = section(render(often).page, "answer")
    assert "margin and cash of those who failed – touched from 69% on (55.5% to beyond 80%). How sure" in told
    told = section(render(rarely).page, "answer")
    assert "margin and cash of those who failed – used up in 1 seed of 9 only. How sure" in told


def test_what_differs_is_told_layer_by_layer(kept: Kept) -> None:
    told = section(kept.html, "answer").replace("&#39;", "'")
    assert (
        "it takes a weaker shock for: margin and cash of those who failed (touched and used up); "
        "the house's skin in the game (touched)" in told
    )


def test_the_chart_is_drawn_from_the_numbers_of_the_table(kept: Kept) -> None:
    told = json.loads((kept.folder / "charts.json").read_text())["thresholds"]
    rows = {(row[0], row[1]): row[2:] for row in told["rows"]}
    mine = rows[MARGIN, "Open to everyone, cleared by margin"]
    assert mine == ["15%", "12% to 18%", "11%", "19%", "9 of 9 seeds"]
    (answer,) = [one for one in kept.found.answers if one.half == 15]
    traces = plot(kept.html)["data"]
    (sign,) = [trace for trace in traces if trace["mode"] == "markers" and trace["x"] == [answer.half]]
    bar, seeds = (trace for trace in traces if trace["y"][0] == sign["y"][0] and trace is not sign)
    assert bar["x"] == [answer.low, answer.high]
    assert seeds["x"] == [one.smallest for one in answer.thresholds]
    assert f'aria-label="{told["alt"]}"' in kept.html.replace("&#39;", "'")
    assert "layer used: margin and cash of those who failed – 15%" in told["alt"]
    for cell in mine:
        assert f"<td>{cell}</td>" in kept.html


def test_what_lies_beyond_is_drawn_hollow_at_the_end_and_what_cannot_happen_is_said(kept: Kept) -> None:
    drawn = plot(kept.html)
    signs = [trace for trace in drawn["data"] if trace["mode"] == "markers"]
    (far,) = {sign["x"][0] for sign in signs if sign["marker"]["symbol"].endswith("-open")}
    assert 80 < far < drawn["layout"]["xaxis"]["range"][1]
    words = [note["text"] for note in drawn["layout"]["annotations"]]
    assert ">80%" in words and "cannot happen" in words
    told = section(kept.html, "thresholds")
    assert "Not drawn, because no seed saw it up to 80%: layer used: shares of those who failed" in told
    assert (
        "layer exhausted: the house's own capital" not in told.split("Not drawn")[1].split("What cannot")[0]
    )
    assert "every claim is covered in full" in told and "it has no such class" in told


def test_where_a_stronger_shock_undid_it_stands_in_the_page(kept: Kept) -> None:
    told = section(kept.html, "sensitivity")
    assert "seed 1: at 11%, but not at 60%; a smaller magnitude may have been passed over." in told
    assert "contradicts it in" in section(kept.html, "limits")


def test_it_says_what_it_cannot_tell_and_how_to_make_it_again(kept: Kept) -> None:
    told = section(kept.html, "limits")
    for what in (
        "How likely such a shock is.",
        "Nothing stronger than 80% was tried",
        "the weakest of these",
    ):
        assert what in told
    made = section(kept.html, "reproduce")
    for what in (kept.found.command, kept.found.digest, "1 to 9", "With --verify added", "reverse.json"):
        assert what in made
    assert all(run.digest in made for run in kept.found.digests)


def test_the_same_search_gives_the_same_page(kept: Kept) -> None:
    assert render(kept.found).page == kept.html


def test_one_regime_alone_is_no_baseline(tmp_path: Path) -> None:
    page = render(searched(tmp_path, Made(), regimes=REGIMES[1:2], seeds=2)).page
    assert (
        'id="differences"' not in page
        and "baseline" not in page.lower().split("<script")[0].split("</style>")[1]
    )
    assert "too few for a range of 95%, for which six are needed" in page
    assert not [trace for trace in plot(page)["data"] if trace["mode"] == "lines"]


def test_what_nobody_saw_is_no_chart(tmp_path: Path) -> None:
    page = render(searched(tmp_path, Made(), regimes=REGIMES[:1], seeds=2, events=["halt"])).page
    assert 'id="plot-thresholds"' not in page and "there is nothing to draw" in page


def test_a_run_that_failed_is_told_at_the_head(tmp_path: Path) -> None:
    page = render(searched(tmp_path, Made(failing=2), regimes=REGIMES[:1], seeds=2, events=["layers"])).page
    assert "5 runs did not finish; their seeds are left out below" in page


def test_a_russian_page_says_nothing_in_english(kept: Kept) -> None:
    with speaking(Tongue.RUSSIAN):
        path = keep_reverse_report(kept.found, kept.folder)
    assert path.name == "report.ru.html"
    html = path.read_text(encoding="utf-8")
    texts = [*Texts(html).texts, *said_by(plot(html))]
    assert {text: words for text in texts if (words := english(text)) and words != ["verify"]} == {}
    assert "15\N{NARROW NO-BREAK SPACE}%" in html
    assert (kept.folder / "charts.ru.json").exists()


# --- thresholds against the baseline's --------------------------------------------------------------------


def an_answer(regime: str, smallest: Sequence[float | None]) -> Answer:
    thresholds = tuple(Threshold(seed=seed, smallest=one) for seed, one in enumerate(smallest))
    return Answer(
        regime=regime, event="halt", words="", within=0, at_least=0, first=None, half=None, nine_tenths=None,
        low=None, high=None, has_interval=False, thresholds=thresholds,
    )  # fmt: skip


def held(kept: Kept, before: Sequence[float | None], after: Sequence[float | None]) -> Held:
    answers = (an_answer(f"{QUALIFIED}_risk", before), an_answer(OPEN, after))
    (one,) = held_against_baseline(changed(kept.found, answers=answers))
    return one


def test_beyond_the_bounds_is_more_than_any_and_two_beyond_them_tell_nothing(kept: Kept) -> None:
    one = held(kept, (5, 9, 7, 7, None, None, 2, 2), (6, None, 7, 3, None, 8, 3, 4))
    assert (one.more, one.less, one.same, one.unseen) == (4, 2, 1, 1)
    assert one.p_value == pytest.approx(2 * (1 + 6 + 15) / 64)  # two or fewer of six
    assert one.verdict is Verdict.NO_DIFFERENCE_SEEN


def test_six_of_six_is_the_least_that_tells_anything(kept: Kept) -> None:
    six = held(kept, (1,) * 6, (2,) * 6)
    assert six.p_value == pytest.approx(2 / 64) and six.verdict is Verdict.HIGHER
    five = held(kept, (2,) * 5 + (None,), (1,) * 5 + (None,))
    assert math.isnan(five.adjusted_p) and five.verdict is Verdict.NO_VERDICT


def test_chance_is_corrected_for_all_that_are_held_together(kept: Kept) -> None:
    every = [one for one in held_against_baseline(kept.found) if not math.isnan(one.p_value)]
    assert all(one.adjusted_p >= one.p_value for one in every)
    (used,) = [one for one in every if one.event == "used:defaulter_margin"]
    assert (used.regime, used.less, used.verdict) == (f"{OPEN}_risk", 9, Verdict.LOWER)
    assert used.adjusted_p == pytest.approx(len(every) * 2 / 2**9)
    with (kept.folder / "differences.csv").open() as file:
        row = next(one for one in csv.DictReader(file) if one["event"] == "used:defaulter_margin")
    assert (row["less"], row["verdict"]) == ("9", "lower")
    assert "takes a weaker shock" in section(kept.html, "differences")
