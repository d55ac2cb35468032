"""The report of a reverse stress test: how strong the shock must be before something happens, under each regime."""

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from exchange.messages import encode
from scenarios.cells import write_whole
from scenarios.compare import Design
from scenarios.language import Tongue, _, plural, spoken_language
from scenarios.report.answer import Sentence, doubts
from scenarios.report.background import Background, Face, background_under, faces
from scenarios.report.figures import by_chance
from scenarios.report.layers import happenings, layers_in_words
from scenarios.report.limits import Limit, of_assumptions, of_the_model, of_the_people
from scenarios.report.numbers import charts
from scenarios.report.template import Report, page_from
from scenarios.report.thresholds import seen, thresholds
from scenarios.reverse import Answer, Reversed
from scenarios.reverse_words import (
    cannot,
    events_of,
    half,
    interval,
    shock,
    sized,
    titles_of,
    undone,
    undone_in_words,
)
from scenarios.statistics import Verdict, median_ranks
from scenarios.stress_events import exhaustions, layer_of
from scenarios.thresholds import Held, held_against_baseline
from scenarios.wording import ranges, sentence

MOST_EVENTS = 6  # told of one regime in the answer; the chart has the others
FEW_SEEDS = 15


class Line(NamedTuple):
    """One event under one regime beside the baseline, in words."""

    event: str
    regime: str
    more: str
    less: str
    same: str
    unseen: str
    chance: str
    verdict: str


def render(found: Reversed) -> Report:
    """The whole page in the language that is spoken. The same search gives the same page, byte by byte."""
    background = background_under(
        Design(
            scenario=found.scenario,
            regimes=found.regimes,
            seeds=found.seeds,
            population=found.population,
            command=found.command,
        )
    )
    known = _faces(found, background)
    events = events_of(found)
    drawn = seen(found)
    held = [
        one for one in held_against_baseline(found) if one.event in drawn and one.more + one.less + one.same
    ]
    figure = thresholds(found, events, known)
    figures = [] if figure is None else [figure]
    page = page_from(
        "reverse.html.jinja",
        known,
        figures,
        background=background,
        found=found,
        shock=shock(found),
        least=sized(found.least, found),
        most=sized(found.most, found),
        step=sized(found.step, found),
        stands_at=sized(found.stands_at, found),
        answer=_answer(found, events, held, known),
        unseen=[events[event] for event in _first_of_each(set(events) - set(drawn), events)],
        never=_never(found, known),
        undone=_undone(found, events, known),
        held=_lines(held, events, known),
        by_seed=_by_seed(found, events, known),
        limits=_limits(found, background, known),
        magnitudes={run.magnitude: sized(run.magnitude, found) for run in found.digests},
        seeds=ranges(sorted(found.seeds)),
    )
    return Report(page, figures)


def keep_reverse_report(found: Reversed, folder: Path) -> Path:
    """Write the page into the folder of the search: `report.html`, or `report.ru.html` in Russian.

    Beside it `differences.csv` holds each event against the baseline, and `charts.json` the table that stands under
    the chart, in the language of the page.
    """
    code = spoken_language().code
    suffix = "" if code is Tongue.ENGLISH else f".{code}"
    report, page = render(found), folder / f"report{suffix}.html"
    contents = {
        "differences.csv": _as_csv(held_against_baseline(found)),
        f"charts{suffix}.json": encode(charts(report.figures)),
        page.name: report.page.encode(),
    }
    for name, content in contents.items():
        write_whole(folder / name, content)
    return page


def _as_csv(held: Sequence[Held]) -> bytes:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(Held._fields)
    table.writerows([["" if value != value else value for value in one] for one in held])
    return text.getvalue().encode()


def _faces(found: Reversed, background: Background) -> list[Face]:
    """The first regime is the baseline, if there is another."""
    known = faces([regime.name for regime in found.regimes], background.regimes)
    return known if len(known) > 1 else [known[0]._replace(baseline=False)]


# --- the answer -----------------------------------------------------------------------------------------


def _answer(
    found: Reversed, events: Mapping[str, str], held: Sequence[Held], known: Sequence[Face]
) -> list[Sentence]:
    told = [Sentence(face.short, _how_much(found, events, face)) for face in known]
    if held:
        told.append(Sentence(_("What differs"), _what_differs(events, held, known)))
    return [*told, Sentence(_("How sure we are"), _how_sure(found, known))]


def _how_much(found: Reversed, events: Mapping[str, str], face: Face) -> str:
    """The layers in their order; then what half of the seeds see from which magnitude on, the smallest first, and what
    they do not."""
    mine = [one for one in found.answers if one.regime == face.name]
    if not mine:
        why = next(one.why for one in found.never if one.regime == face.name)
        return _("None of it can happen: {why}.").format(why=_(why))
    others = [one for one in mine if layer_of(one.event) is None]
    reached = sorted((one for one in others if one.half is not None), key=_by_size)
    sentences = [told] if (told := layers_in_words(mine, found)) else []
    if reached:
        parts = [_with_interval(one, events, found) for one in reached[:MOST_EVENTS]]
        more = len(reached) - MOST_EVENTS
        also = plural(more, "; and {n} more event, in the chart", "; and {n} more events, in the chart")
        sentences.append(
            _("In half of the seeds or more: {events}.").format(
                events="; ".join(parts) + (also if more > 0 else "")
            )
        )
    if missed := [one.event for one in others if one.half is None]:
        words = [events[event] for event in missed[:MOST_EVENTS]]
        more = len(missed) - MOST_EVENTS
        also = plural(more, "; and {n} more event", "; and {n} more events")
        sentences.append(
            _("Not in half of the seeds up to {most}: {events}.").format(
                most=sized(found.most, found), events="; ".join(words) + (also if more > 0 else "")
            )
        )
    return " ".join(sentences)


def _first_of_each(among: set[str], events: Mapping[str, str]) -> list[str]:
    """In their order, without the exhaustion of a layer of which the use is among them too."""
    used = exhaustions(among)
    return [event for event in events if event in among and event not in used]


def _by_size(answer: Answer) -> float:
    return math.inf if answer.half is None else answer.half


def _with_interval(answer: Answer, events: Mapping[str, str], found: Reversed) -> str:
    """ "trading is suspended – 24.5% (18% to 31.5%)"."""
    told = interval(answer, found)
    return f"{events[answer.event]} – {half(answer, found)}" + (
        f" ({told})" if told and answer.low != answer.high else ""
    )


def _what_differs(events: Mapping[str, str], held: Sequence[Held], known: Sequence[Face]) -> str:
    baseline, *others = known
    return " ".join(
        _differs(events, [one for one in held if one.regime == face.name], face, baseline) for face in others
    )


def _differs(events: Mapping[str, str], held: Sequence[Held], face: Face, baseline: Face) -> str:
    if not held:
        return _("Under {name} nothing can happen that can happen under {baseline}.").format(
            name=face.short, baseline=baseline.short
        )
    more = [one.event for one in held if one.verdict is Verdict.HIGHER]
    less = [one.event for one in held if one.verdict is Verdict.LOWER]
    parts = []
    if more:
        parts.append(_("it takes a stronger shock for: {events}").format(events=_events(more, events)))
    if less:
        parts.append(_("it takes a weaker shock for: {events}").format(events=_events(less, events)))
    if rest := len(held) - len(more) - len(less):
        parts.append(
            plural(rest, "no difference is seen for {n} event", "no difference is seen for {n} events")
        )
    return _("Under {name}, beside {baseline}: {told}.").format(
        name=face.short, baseline=baseline.short, told="; ".join(parts)
    )


def _events(happened: Sequence[str], events: Mapping[str, str]) -> str:
    return "; ".join(happenings(happened, events))


def _how_sure(found: Reversed, known: Sequence[Face]) -> str:
    seeds = plural(len(found.seeds), "{n} seed", "{n} seeds")
    if median_ranks(len(found.seeds)) is None:
        ranges_told = _("these are too few for a range of 95%, for which six are needed")
    else:
        ranges_told = _(
            "the range in brackets is the one in which the magnitude for half of all such seeds lies with 95% "
            "confidence"
        )
    return _(
        "Every regime met the same people on the same market days, with {seeds}; {ranges}; with one seed a magnitude "
        "is known to a step of {step}. It is a model, and {doubts}."
    ).format(seeds=seeds, ranges=ranges_told, step=sized(found.step, found), doubts=doubts(known))


# --- what stands beside it ------------------------------------------------------------------------------


def _never(found: Reversed, known: Sequence[Face]) -> list[str]:
    titles, shorts = titles_of(found), {face.name: face.short for face in known}
    return [cannot(one, shorts[one.regime], titles) for one in found.never]


def _undone(found: Reversed, events: Mapping[str, str], known: Sequence[Face]) -> list[str]:
    shorts = {face.name: face.short for face in known}
    return [
        undone_in_words(events[answer.event], shorts[answer.regime], one, found)
        for answer, one in undone(found.answers)
    ]


def _lines(held: Sequence[Held], events: Mapping[str, str], known: Sequence[Face]) -> list[Line]:
    shorts = {face.name: face.short for face in known}
    return [
        Line(
            event=sentence(events[one.event]),
            regime=shorts[one.regime],
            more=str(one.more),
            less=str(one.less),
            same=str(one.same),
            unseen=str(one.unseen),
            chance=by_chance(one.adjusted_p),
            verdict=_verdict(one.verdict),
        )
        for one in held
    ]


def _verdict(verdict: Verdict) -> str:
    return {
        Verdict.HIGHER: _("takes a stronger shock"),
        Verdict.LOWER: _("takes a weaker shock"),
        Verdict.NO_DIFFERENCE_SEEN: _("no difference seen"),
        Verdict.NO_VERDICT: _("too few seeds to tell"),
    }[verdict]


def _by_seed(found: Reversed, events: Mapping[str, str], known: Sequence[Face]) -> list[tuple[str, ...]]:
    """One row an event and regime, a column a seed; a dash where it is not seen within the bounds, nothing where the
    run failed."""
    shorts = {face.name: face.short for face in known}
    rows = []
    for one in found.answers:
        smallest = {threshold.seed: threshold.smallest for threshold in one.thresholds}
        cells = ("" if seed not in smallest else _cell(smallest[seed], found) for seed in found.seeds)
        rows.append((sentence(events[one.event]), shorts[one.regime], *cells))
    return rows


def _cell(smallest: float | None, found: Reversed) -> str:
    return "–" if smallest is None else sized(smallest, found)


# --- what it cannot tell --------------------------------------------------------------------------------


def _limits(found: Reversed, background: Background, known: Sequence[Face]) -> list[Limit]:
    """What bears on this search in particular first, then what no run of this model can show."""
    return [
        *_of_the_search(found),
        *of_assumptions(background.stated, known),
        *of_the_people(background.people, background.validation),
        *of_the_model(known, prices=True),
    ]


def _of_the_search(found: Reversed) -> Iterator[Limit]:
    most = sized(found.most, found)
    yield Limit(
        _("How likely such a shock is."),
        _("It says how strong a shock must be, and nothing of how often one so strong comes."),
    )
    yield Limit(
        _("What lies beyond the bounds."),
        _("Nothing stronger than {most} was tried, and nothing is guessed beyond it.").format(most=most),
    )
    yield Limit(
        _("What another kind of shock would do."),
        _(
            "One thing alone is made stronger, along a straight line: {what}. The same size in another form, or two "
            "shocks at once, may do more."
        ).format(what=_(found.what)),
    )
    count = sum(len(answer.undone) for answer in found.answers)
    presumed = _(
        "The search presumes that a stronger shock never undoes what a weaker one did, and looks only where that leads."
    )
    yield Limit(
        _("Whether a still smaller shock would do."),
        presumed
        + " "
        + (
            plural(
                count,
                "What was run contradicts it in {n} place, told above.",
                "What was run contradicts it in {n} places, told above.",
            )
            if count
            else _("Nothing that was run contradicts it.")
        ),
    )
    if any(one.at_least for one in found.answers):
        yield Limit(
            _("What the shock has to do with it, where it happens at the least magnitude."),
            _("There it happens without the shock as well, so something else on that day is its cause."),
        )
    if len(found.seeds) < FEW_SEEDS:
        yield Limit(
            _("Rare days."),
            _(
                "The first of {seeds} to see an event is the weakest of these, and not the weakest there is."
            ).format(seeds=plural(len(found.seeds), "{n} seed", "{n} seeds")),
        )
    if found.failures:
        yield Limit(
            _("What the runs that failed would have shown."),
            plural(
                len(found.failures),
                "{n} run did not finish; its seed is left out under that regime.",
                "{n} runs did not finish; their seeds are left out under that regime.",
            ),
        )
