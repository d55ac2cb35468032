"""A comparison at the terminal: how far it is, what it found, and where the report lies."""

import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from exchange.units import SECOND
from scenarios.compare import Comparison, Failure, Progress
from scenarios.findings import Finding, Findings
from scenarios.fit import FitRow
from scenarios.frontier import Frontier, frontier_of
from scenarios.language import _, plural
from scenarios.reverse import Answer, Reversed
from scenarios.reverse_words import (
    EMPTY,
    bounds,
    cannot,
    events_of,
    half,
    interval,
    of_layers,
    seen_in,
    shock,
    sized,
    titles_of,
    undone,
    undone_in_words,
)
from scenarios.statistics import FEWEST_PAIRS
from scenarios.wording import (
    QUESTIONS,
    arrow,
    counted,
    difference_interval,
    headline,
    level,
    level_interval,
    listed,
    precision_in_words,
    tone,
)

_TONES = {"better": "blue", "worse": "dark_orange", "changed": "bold", "same": "dim"}
_PLAIN_LINES = 10  # how many lines a comparison prints where no bar can be drawn


def fit_table(rows: Sequence[FitRow]) -> Table:
    """What was published beside what the run gave. That a figure is met to which a number was fitted proves nothing."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("UTC", "measure", "published", "run", "off by", "met", "fitted"):
        table.add_column(heading, no_wrap=True)
    table.add_column("source")
    for row in rows:
        at = datetime.fromtimestamp(row.at // SECOND, UTC).strftime("%d %b %H:%M")
        numbers = [_published(row), _number(row.simulated)]
        off = "-" if row.difference is None else f"{row.difference:+.4f}"
        table.add_row(at, row.measure, *numbers, off, _yes(row.met), _yes(row.calibrated), escape(row.source))
    return table


def fit_in_words(rows: Sequence[FitRow]) -> str:
    """Which of the figures the run meets, and which not; those that chose a number of the file are told apart."""
    told = []
    for fitted, words in ((False, "nothing"), (True, "a number")):
        mine = [row for row in rows if row.calibrated is fitted]
        missed = [f"{row.measure} {_published(row)} ({row.source})" for row in mine if not row.met]
        if mine:
            met = f"{len(mine) - len(missed)} of {counted(len(mine), 'figure')} to which {words} was fitted"
            told.append(f"Met: {met}." + (f" Not met: {listed(missed)}." if missed else ""))
    rule = "Met is within 0.01 of par, within a tenth of a share, or inside the range that was published."
    return " ".join((*told, rule))


def _published(row: FitRow) -> str:
    lower = _number(row.published)
    return lower if row.published_to is None else f"{lower} to {_number(row.published_to)}"


def _yes(answer: bool) -> str:
    return _("yes") if answer else _("no")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


class RunProgress:
    """A watcher for `compare`: a bar with the time left, or plain lines where no bar can be drawn."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._began: tuple[float, int] | None = None
        self._told = 0
        self._bar = Bar(
            TextColumn("[bold]runs[/]"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}", style="dim"),
            console=console,
            expand=True,
            transient=True,
        )
        self._task = self._bar.add_task("", total=None)

    def __enter__(self) -> "RunProgress":
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._bar.stop()

    def __call__(self, progress: Progress) -> None:
        ended = progress.done + progress.failed
        if self._began is None:
            self._began = self._clock(), ended
            self._told = ended
            if ended:
                self._say(f"{ended} of {counted(progress.total, 'run')} were finished before")
        if self._console.is_terminal:
            running = escape("; ".join(progress.running))
            self._bar.update(self._task, total=progress.total, completed=ended, description=running)
        elif ended == progress.total or ended - self._told >= max(1, progress.total // _PLAIN_LINES):
            self._told = ended
            self._say(f"{ended} of {counted(progress.total, 'run')} done{self._left(ended, progress.total)}")

    def _left(self, ended: int, total: int) -> str:
        assert self._began is not None, "nothing is estimated before the beginning"
        began, before = self._began
        if ended in (total, before):
            return ""
        return f", about {_span((self._clock() - began) / (ended - before) * (total - ended))} left"

    def _say(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False)


def _span(seconds: float) -> str:
    """ "40 seconds", "3 minutes", "2 hours": rounded up."""
    for size, noun in ((3600, "hour"), (60, "minute")):
        if seconds > 1.5 * size:
            return counted(math.ceil(seconds / size), noun)
    return counted(max(1, math.ceil(seconds)), "second")


def show_comparison(console: Console, findings: Findings, comparison: Comparison, report: Path) -> None:
    """The table, what failed, the digest, and as the last line the path of the report."""
    console.print(table_of(findings, console.width))
    console.print()
    console.print(_legend(findings), style="dim", highlight=False)
    console.print()
    if (swept := frontier_of(findings, comparison.design.grid)) is not None:
        console.print(frontier_table(swept))
        console.print(_frontier_legend(swept), style="dim", highlight=False)
        console.print()
    for sentence in precision_in_words(comparison):
        console.print(sentence, highlight=False, markup=False)
        console.print()
    show_failures(console, comparison)
    line(console, f"digest {comparison.digest}")
    line(console, str(report))


def show_failures(console: Console, comparison: Comparison) -> None:
    for failure in comparison.failures:
        console.print(_told(failure), style="bold red", highlight=False, markup=False)


def line(console: Console, text: str) -> None:
    """One line exactly as it is: not wrapped, not coloured, for other programs to read."""
    console.print(text, soft_wrap=True, highlight=False, markup=False, emoji=False)


def _told(failure: Failure) -> str:
    return _("failed: {regime}, seed {seed}: {summary}").format(
        regime=failure.regime_id, seed=failure.seed, summary=failure.summary
    )


def _legend(findings: Findings) -> str:
    runs = plural(findings.seeds, "{n} run", "{n} runs")
    if findings.seeds < FEWEST_PAIRS:
        return _(
            "{runs} of each regime: too few for intervals and verdicts; three or more seeds are needed."
        ).format(runs=runs)
    return _(
        "Mean of {runs}, and the 95% interval: the baseline's own, and below the others that of their difference from "
        "the baseline, of percentages in points. ▲ higher  ▼ lower  = exactly the same  ≈ no difference seen (5%, "
        "corrected for all main measures together)  ? too few runs in which it is defined  ∅ not comparable: under one "
        "of the two it means nothing."
    ).format(runs=runs)


def frontier_table(frontier: Frontier) -> Table:
    """Access and harm by value, regime by regime."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(Text(frontier.about))
    findings = (*frontier.access, *frontier.harm)
    for finding in findings:
        table.add_column(Text(_(finding.measure.title)), max_width=22)
    table.add_column(_("on the frontier"))
    several = len({point.base for point in frontier.points}) > 1
    for point in frontier.points:
        name = Text(f"{point.base}\n" if several else "", style="dim").append(point.label, style="bold")
        if point.as_it_stands:
            name.append(f"\n{_('as it stands')}", style="dim")
        table.add_row(
            name,
            *(
                Text(f"{level(finding, point.regime)}\n").append(
                    level_interval(finding, point.regime), style="dim"
                )
                for finding in findings
            ),
            _yes(point.on_frontier),
        )
    return table


def _frontier_legend(frontier: Frontier) -> str:
    if not frontier.harm:
        return _("Nothing was lost under any value, so there is no harm to hold access against.")
    if not frontier.access:
        return _("Nobody is let in under any value.")
    return _(
        "Each value is a regime of its own, and an assumption. On the frontier: no other value lets in as many and "
        "hurts less, by the means of “{access}” and “{harm}”; where intervals overlap, the order is not sure."
    ).format(access=_(frontier.access[0].measure.title), harm=_(frontier.harm[0].measure.title))


def show_reversed(console: Console, found: Reversed, page: Path) -> None:
    """A line an event and a column a regime: the magnitude at which it happens in half of the seeds."""
    line(console, f"{shock(found)}: {bounds(found)}")
    events, titles = events_of(found), titles_of(found)
    if found.answers:
        console.print(_reversed_table(found, events))
        console.print(_reversed_legend(found), style="dim", highlight=False)
    for never in found.never:
        line(console, cannot(never, never.regime, titles))
    for answer, one in undone(found.answers):
        told = undone_in_words(events[answer.event], answer.regime, one, found)
        line(console, _("not monotone: {told}").format(told=told))
    for failure in found.failures:
        console.print(_told(failure), style="bold red", highlight=False, markup=False)
    line(console, f"digest {found.digest}")
    line(console, str(page))


def _reversed_table(found: Reversed, events: Mapping[str, str]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
    regimes = list(dict.fromkeys(answer.regime for answer in found.answers))
    table.add_column("", min_width=18, max_width=44)
    for regime in regimes:
        table.add_column(Text(_broken(regime)), min_width=_CELL_WIDTH)
    cells = {(answer.event, answer.regime): _threshold(answer, found) for answer in found.answers}
    for regime in regimes:
        for one in of_layers([answer for answer in found.answers if answer.regime == regime]):
            if one.empty and one.exhausted:
                cells[one.exhausted.event, regime] = Text(_(EMPTY), style="dim")
    for event, words in events.items():
        table.add_row(Text(words), *(cells.get((event, regime), Text("")) for regime in regimes))
    return table


def _threshold(answer: Answer, found: Reversed) -> Text:
    """ "24.5%", "18% to 31.5%", "first at 11%, 9 of 9 seeds"."""
    told = Text(f"{half(answer, found)}\n", style="bold" if answer.within else "")
    if answer.first is None:
        return told.append(seen_in(answer), style="dim")
    first = _("first at {magnitude}, {seeds}").format(
        magnitude=sized(answer.first, found), seeds=seen_in(answer)
    )
    return told.append("\n".join(filter(None, (interval(answer, found), first))), style="dim")


def _reversed_legend(found: Reversed) -> str:
    return _(
        "The smallest magnitude at which it happens in half of the seeds, and below it the 95% interval of that "
        "(order statistics; from six seeds on), the magnitude at which the first seed sees it, and in how many it "
        "happens within the bounds. {runs}, the same seeds under every regime."
    ).format(runs=plural(found.runs, "{n} run", "{n} runs"))


_MEASURE_WIDTH, _CELL_WIDTH, _AIR = 24, 16, 2


def table_of(findings: Findings, width: int) -> RenderableType:
    """Measures by regimes. Regimes that do not fit beside each other follow in a second table."""
    fit = max(1, (width - _MEASURE_WIDTH - _AIR) // (_CELL_WIDTH + _AIR) - 1)
    blocks = [findings.others[at : at + fit] for at in range(0, len(findings.others), fit)]
    return Group(*(_block(findings, (findings.baseline, *others)) for others in blocks))


def _block(findings: Findings, regimes: tuple[str, ...]) -> Table:
    grid = Table(box=None, padding=(0, _AIR, 0, 0), pad_edge=False, header_style="bold")
    grid.add_column("", min_width=18, max_width=52)
    for regime in regimes:
        head = Text(_broken(regime))
        if regime == findings.baseline:
            head.append(f"\n{_('baseline')}", style="dim")
        grid.add_column(head, min_width=_CELL_WIDTH, overflow="fold")
    group = ""
    for finding in headline(findings):
        if finding.measure.group != group:
            group = finding.measure.group
            grid.add_row(Text(f"\n{_(QUESTIONS.get(group, group))}", style="bold underline"))
        grid.add_row(_(finding.measure.title), *(_cell(finding, regime) for regime in regimes))
    return grid


def _broken(name: str) -> str:
    """An id in lines no wider than a cell, broken after an underscore."""
    lines = [""]
    for part in re.findall(r"[^_]*_*", name):
        if len(lines[-1]) + len(part) > _CELL_WIDTH:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines).strip()


def _cell(finding: Finding, regime: str) -> Text:
    if regime not in finding.contrasts:
        return Text(f"{level(finding, regime)}\n").append(level_interval(finding, regime), style="dim")
    contrast = finding.contrasts[regime]
    style = _TONES[tone(finding.measure, contrast)]
    shown = Text(f"{arrow(contrast)} ", style=style).append(f"{level(finding, regime)}\n")
    return shown.append(difference_interval(finding, regime), style="dim")
