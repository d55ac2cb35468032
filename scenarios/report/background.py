"""What the report tells beside the numbers: the question, the texts of the regimes, the population."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from exchange.access.regime import AccessClass, Grade, Regime, RegimeStatus
from exchange.clearing.rounding import divide_up
from exchange.clearing.terms import ClearingMode
from exchange.commands import (
    AddOwnFunds,
    AdoptRegime,
    ChangeIssuerState,
    Command,
    DeclareDefault,
    EndOutage,
    FailBank,
    FreezeParticipant,
    FreezeWallet,
    HaltCash,
    HaltInstrument,
    MintCoins,
    PauseIssuer,
    PublishConversionRate,
    ReissueCoins,
    ReportCashPrice,
    ReportOutage,
    ReportReserve,
    ResolveBank,
    ResumeCash,
    ResumeInstrument,
    SetLimit,
    SuspendParticipant,
    UnfreezeWallet,
    UnpauseIssuer,
    WipeWallet,
)
from exchange.instruments import Product
from exchange.messages import changed
from exchange.units import DAY, Time
from participants.population import ValidationRow
from scenarios.compare import SCENARIO, Comparison, Design
from scenarios.config.cash_words import FreezeKey
from scenarios.config.swept import in_words
from scenarios.language import N_, _, numeral, retold
from scenarios.regime_words import (
    cash_in_words,
    clearing_in_words,
    coins_in_words,
    cooling_off_in_words,
    fallback_in_words,
    limit_in_words,
    permissions_in_words,
    trading_when_frozen,
    ways_in,
)
from scenarios.wording import listed, numbered, with_unit, written


class Mark(NamedTuple):
    """Something that the scenario makes happen, for the timeline."""

    time: Time
    words: str


class Checked(NamedTuple):
    """One published figure beside the drawn population."""

    figure: str
    published: str
    drawn: str
    source: str


class Background(NamedTuple):
    title: str
    question: str
    regimes: tuple[Regime, ...]  # in the order of the design
    days: int  # that a run goes through, the last one counted whole
    validation: Sequence[ValidationRow]
    stated: Mapping[str, Mapping[str, str]]  # by regime and key path: the value in its file, in short
    marks: Sequence[Mark] = ()
    cash: Mapping[str, Sequence[tuple[str, str]]] = {}  # by regime: what its money is like, about and words
    keys: Mapping[str, FreezeKey] = {}  # by regime: who can freeze its money
    people: int = 0  # that are drawn in a run

    @property
    def checked(self) -> list[Checked]:
        """The drawn population beside what was published, in words."""
        return [_checked(row) for row in self.validation]


def background_of(comparison: Comparison) -> Background:
    return background_under(comparison.design)


def background_under(design: Design) -> Background:
    """From the texts that the design keeps, not from files that may have changed since."""
    from participants.population import draw_population, validation
    from scenarios.config.cash_words import freeze_key, traits
    from scenarios.config.reading import key_paths, tables_of
    from scenarios.config.scenario_file import scenario_path
    from scenarios.design import regime_files

    scenario = _scenario(design)
    world = scenario.world(Path(str(scenario_path(design.scenario.source))).parent)
    names = [regime.name for regime in design.regimes]
    files = dict(zip(names, regime_files(design), strict=True))
    assets = {name: scenario.coin.asset(file.cash.terms) for name, file in files.items()}
    population = draw_population(min(design.seeds), world.population) if world.population.size else ()
    return Background(
        title=world.title,
        question=world.question,
        regimes=tuple(_as_met(file.regime(), name, design) for name, file in files.items()),
        days=divide_up(world.closes - world.opens, DAY),
        validation=validation(population, world.population) if population else (),
        stated={
            regime.name: {path: _in_short(value) for path, value in key_paths(tables_of(regime.text))}
            | _ways_stated(files[regime.name].regime())
            for regime in design.regimes
        },
        marks=marks(world.directives),
        cash={name: traits(asset) for name, asset in assets.items()},
        keys={name: freeze_key(asset) for name, asset in assets.items()},
        people=len(population),
    )


def _checked(row: ValidationRow) -> Checked:
    values = [row.drawn] if row.published is None else [row.drawn, row.published]
    drawn, *published = written(*values)
    words = retold(row.note) if row.published is None else f"{published[0]} ({retold(row.note)})"
    return Checked(retold(row.figure), words, drawn, retold(row.source))


def _as_met(regime: Regime, name: str, design: Design) -> Regime:
    """Under a title that says, where a sweep was over the scenario, which of its numbers stand at what."""
    point = next((one for one in design.grid if one.regime == name and one.world), None)
    if point is None:
        return regime
    own = next(one.values for one in design.grid if one.regime == point.base)
    told = [
        in_words(key, value)
        for key, value in point.values.items()
        if key.startswith(SCENARIO) and value is not None and value != own[key]
    ]
    head, bracket, rest = regime.title.partition(" (")
    return changed(regime, title=f"{', '.join((head, *told))}{bracket}{rest}")


def _ways_stated(regime: Regime) -> dict[str, str]:
    """By key path, the ways into each class in the words that the page has for them elsewhere."""
    return {
        f"classes.{access_class.class_id}.any_of": _("; or ").join(ways_in(access_class)) or _("nobody")
        for access_class in regime.classes
    }


def _in_short(value: Any) -> str:
    """A value of a regime file for people: "300,000", "yes", "future: allowed, spot: denied"."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int | Decimal):
        return numeral(f"{value:,}".replace("-", "−"))
    if isinstance(value, Mapping):
        parts = [f"{_spaced(str(key))}: {_in_short(part)}" for key, part in value.items()]
        return ", ".join(parts) or _("anybody")
    if isinstance(value, list):
        parts = [_in_short(part) for part in value]
        of_tables = any(isinstance(part, Mapping) for part in value)
        return ("; ".join(parts) if of_tables else listed(parts)) or _("nobody")
    return _spaced(str(value))


def _spaced(name: str) -> str:
    """A word of a regime file for people."""
    return _(name.replace("_", " "))


def _scenario(design: Design) -> Any:
    from scenarios.config.reading import check, tables_of
    from scenarios.config.scenario_file import ScenarioFile, with_population

    scenario = check(ScenarioFile, tables_of(design.scenario.text), design.scenario.source)
    return with_population(scenario, design.population)


TRADING_HALTED = N_("trading halted")
_HAPPENS: dict[type[Command], str] = {
    FreezeWallet: N_("coins frozen"),
    UnfreezeWallet: N_("freeze lifted"),
    PauseIssuer: N_("issuer pauses"),
    UnpauseIssuer: N_("issuer resumes"),
    HaltInstrument: TRADING_HALTED,
    ResumeInstrument: N_("trading resumes"),
    AdoptRegime: N_("rules change"),
    DeclareDefault: N_("a default is declared"),
    SuspendParticipant: N_("a participant is suspended"),
    FreezeParticipant: N_("a participant is frozen"),
    SetLimit: N_("a limit is set"),
    WipeWallet: N_("coins destroyed"),
    ReissueCoins: N_("coins issued anew"),
    ChangeIssuerState: N_("the issuer's state changes"),
    MintCoins: N_("coins minted"),
    ReportReserve: N_("news of the reserves"),
    AddOwnFunds: N_("the issuer adds own funds"),
    ReportCashPrice: N_("the coin is priced"),
    ReportOutage: N_("the keeper falls silent"),
    EndOutage: N_("the keeper is back"),
    FailBank: N_("the bank fails"),
    ResolveBank: N_("the bank is resolved"),
    HaltCash: N_("the money is halted"),
    ResumeCash: N_("the money is let go on"),
    PublishConversionRate: N_("claims are converted"),
}


def marks(directives: Sequence[tuple[Time, Command]]) -> tuple[Mark, ...]:
    """Each kind of thing once an instant, in order of time."""
    told = {
        Mark(time, _HAPPENS[type(command)]): None for time, command in directives if type(command) in _HAPPENS
    }
    return tuple(sorted(told))


# --- the faces of regimes -------------------------------------------------------------------------------

# Okabe and Ito's colours, told apart by colour-blind readers; never the only sign: a symbol goes with each.
_COLOURS = ("#7b8794", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_SIGNS = (
    ("circle", "●"), ("square", "■"), ("diamond", "◆"), ("triangle-up", "▲"), ("cross", "✚"), ("star", "★"),
    ("hexagon", "⬢"),
)  # fmt: skip
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "8px 2px")

STATUS = {
    RegimeStatus.IN_FORCE: N_("in force"),
    RegimeStatus.PROPOSED: N_("proposed"),
    RegimeStatus.BILL: N_("a bill"),
    RegimeStatus.COUNTERFACTUAL: N_("a thought experiment"),
}
GRADE = {
    Grade.PRIMARY: N_("primary: the regulator, the exchange or the law itself"),
    Grade.SECONDARY: N_("secondary: the press or a law firm"),
    Grade.WEAK: N_("weak: corroborate before citing"),
    Grade.DERIVED: N_("derived by arithmetic from other sources"),
}


_TRADED = {
    Product.FUTURE: N_("futures"),
    Product.OPTION: N_("options"),
    Product.ROLLING_PERPETUAL: N_("perpetuals"),
    Product.SPOT: N_("coins themselves"),
    Product.NOTE: N_("notes on them"),
    Product.CASH_PAIR: N_("one money for another"),
}


class Entrants(NamedTuple):
    """A class of a regime in words."""

    title: str
    ways_in: Sequence[str]
    may: str
    limit: str


class Face(NamedTuple):
    """How a regime looks in the report, everywhere the same."""

    name: str
    short: str
    colour: str
    symbol: str  # plotly's name
    sign: str  # the same as a character
    dash: str
    baseline: bool
    regime: Regime

    @property
    def status(self) -> str:
        return _(STATUS[self.regime.status])

    @property
    def title(self) -> str:
        return title_in_words(self.regime.title)

    @property
    def jurisdiction(self) -> str:
        return _(self.regime.jurisdiction)

    @property
    def in_force(self) -> str:
        """ "from 2025-07-28 to 2025-12-31", or nothing."""
        ends = (_("from {day}"), self.regime.valid_from), (_("to {day}"), self.regime.valid_to)
        return " ".join(words.format(day=day) for words, day in ends if day)

    @property
    def settled_in(self) -> str:
        return cash_in_words(self.regime.cash)

    @property
    def if_stopped(self) -> str:
        return f"{trading_when_frozen(self.regime.cash)}; {fallback_in_words(self.regime.cash)}"

    @property
    def margined(self) -> bool:
        """Whether it is cleared by margin; else every claim is covered in full."""
        return self.regime.clearing.mode is ClearingMode.RISK

    @property
    def clearing(self) -> str:
        return clearing_in_words(self.regime.clearing)

    @property
    def entrants(self) -> list[Entrants]:
        return [
            Entrants(
                _(access_class.title),
                ways_in(access_class),
                _traded(access_class),
                limit_in_words(access_class, self.regime),
            )
            for access_class in self.regime.classes
        ]

    @property
    def weak_sources(self) -> list[str]:
        """The keys that only a weak source vouches for."""
        better = {k for s in self.regime.sources if s.grade is not Grade.WEAK for k in s.keys}
        weak = [k for s in self.regime.sources if s.grade is Grade.WEAK for k in s.keys]
        return [key for key in dict.fromkeys(weak) if key not in better]


def lets_in_alike(known: Sequence[Face]) -> bool:
    """Whether all of them let in the same people, on the same terms: what differs is the money, or the clearing."""
    first = known[0].regime
    return all(
        (face.regime.classes, face.regime.institutions) == (first.classes, first.institutions)
        for face in known[1:]
    )


def _traded(access_class: AccessClass) -> str:
    """What the class may do with each product, and on which coins if not on all."""
    products = ", ".join(
        f"{_(_TRADED[product])}: {words}" for product, words in permissions_in_words(access_class).items()
    )
    told = [products]
    if access_class.underlyings:
        told.append(_("on {coins} only").format(coins=coins_in_words(access_class)))
    if access_class.cooling_off:
        told.append(_("cooling-off of {hours}").format(hours=cooling_off_in_words(access_class)))
    return "; ".join(told)


def faces(names: Sequence[str], regimes: Sequence[Regime]) -> list[Face]:
    titles = [title_in_words(regime.title) for regime in regimes]
    shorts = _without_what_all_share([title.partition(" (")[0] for title in titles])
    return [
        Face(
            name=name,
            short=short if shorts.count(short) == 1 else titles[at],
            colour=_COLOURS[at % len(_COLOURS)],
            symbol=_SIGNS[at % len(_SIGNS)][0],
            sign=_SIGNS[at % len(_SIGNS)][1],
            dash=_DASHES[at % len(_DASHES)],
            baseline=at == 0,
            regime=regime,
        )
        for at, (name, regime, short) in enumerate(zip(names, regimes, shorts, strict=True))
    ]


def _without_what_all_share(titles: Sequence[str]) -> list[str]:
    """ "Open, bank roubles" and "Open, a coin" are told apart by "Bank roubles" and "A coin"."""
    first = {title.partition(", ")[0] for title in titles}
    rest = [title.partition(", ")[2] for title in titles]
    if len(first) > 1 or not all(rest) or len(titles) < 2:
        return list(titles)
    return [f"{words[0].upper()}{words[1:]}" for words in rest]


def title_in_words(title: str) -> str:
    """A regime's title in the language that is spoken: its own, and those of what is laid over it, each by itself."""
    head, opened, rest = title.partition(" (")
    told = _part_by_part(head.split(", "))
    return f"{told} ({_(rest.removesuffix(')'))})" if opened else told


def _part_by_part(parts: Sequence[str]) -> str:
    """The longest beginning that is known, and then the others: a title may have a comma of its own."""
    for end in range(len(parts), 0, -1):
        known = _(", ".join(parts[:end]))
        if end == 1 or known != ", ".join(parts[:end]):
            told = _swept_in_words(known) if known == ", ".join(parts[:end]) else known
            return ", ".join((told, _part_by_part(parts[end:]))) if parts[end:] else told
    return ""


_SWEPT = re.compile(r"(?P<key>[a-z0-9 ]+?)(?: #(?P<number>\d+))? (?P<value>-?\d[\d,.]*) ?(?P<unit>\D+)?")


def _swept_in_words(part: str) -> str:
    """ "assets above 12,000,000 RUB", which a sweep adds to a title; anything else stays as it is."""
    if (found := _SWEPT.fullmatch(part)) is None:
        return part
    about = numbered(found["key"], found["number"] or "")
    return f"{about} {with_unit(numeral(found['value']), found['unit'] or 'ratio')}"
