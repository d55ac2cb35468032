"""How findings are written for people: numbers with their unit, arrows, verdicts and plain phrases."""

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from exchange.clearing.waterfall import Layer
from scenarios.compare import Comparison, Imprecision
from scenarios.config.numbers import words_of
from scenarios.findings import Contrast, Finding, Findings
from scenarios.language import N_, _, counted_as, forms, numeral, plural
from scenarios.measures.measure import (
    ACCESS,
    CASH_LEG,
    CONCENTRATION,
    DEFAULTS,
    HOUSE,
    INVESTORS,
    LIQUIDITY,
    PRICE_QUALITY,
    Measure,
)
from scenarios.statistics import Verdict

QUESTIONS = {
    ACCESS: N_("Who gets in"),
    LIQUIDITY: N_("What trading costs"),
    PRICE_QUALITY: N_("How good the prices are"),
    INVESTORS: N_("How investors fare"),
    CONCENTRATION: N_("Who dominates"),
    HOUSE: N_("The clearing house"),
    DEFAULTS: N_("Who could not pay, and who paid instead"),
    CASH_LEG: N_("Getting money out"),
}


VERDICTS = {
    Verdict.HIGHER: N_("higher"),
    Verdict.LOWER: N_("lower"),
    Verdict.NO_DIFFERENCE_SEEN: N_("no difference seen"),
    Verdict.NO_VERDICT: N_("no verdict"),
    Verdict.NOT_COMPARABLE: N_("not comparable"),
}


class Words(NamedTuple):
    """What a measure means to somebody who does not trade, and how to say that it fell or rose."""

    gloss: str
    lower: str
    higher: str


PLAIN = {
    "admitted_share": Words(
        "Of 100 people and firms who would come, how many the rules let in.",
        "fewer are let in",
        "more are let in",
    ),
    "admitted_bottom_half": Words(
        "The same, among the half of the population that owns less.",
        "fewer of the less wealthy are let in",
        "more of the less wealthy are let in",
    ),
    "executed_notional_share": Words(
        "How much of the exposure that people wished for they really took on.",
        "less of what people wish for is met",
        "more of what people wish for is met",
    ),
    "leaked_offshore": Words(
        "Refused demand that trades on foreign venues instead. The share that leaves is an assumption.",
        "less demand goes offshore",
        "more demand goes offshore",
    ),
    "quoted_spread": Words(
        "What a small trade costs: the gap between the best buying and the best selling price, while there "
        "are both. 1 bp is a hundredth of a percent.",
        "small trades cost less while there is a market",
        "small trades cost more while there is a market",
    ),
    "depth_100bp": Words(
        "How much can be traded at once without moving the price by more than one percent; nothing while "
        "one side is missing.",
        "less can be traded at a fair price",
        "more can be traded at a fair price",
    ),
    "one_sided_time": Words(
        "How much of the session nobody was there to buy from, or nobody to sell to.",
        "there is less often nobody to trade with",
        "there is more often nobody to trade with",
    ),
    "index_gap": Words(
        "How far the venue's price strays from the price outside, counted only while there are buyers and "
        "sellers. A market that is empty in the worst hours shows only its good ones. 1 bp is a hundredth of "
        "a percent.",
        "prices, while there is a market, keep closer to those outside",
        "prices, while there is a market, stray further from those outside",
    ),
    "population_losing": Words(
        "Of 100 people and firms in the whole population, let in or not, how many end with a loss.",
        "fewer people lose money",
        "more people lose money",
    ),
    "share_losing": Words(
        "Of 100 investors who traded, how many end with a loss.",
        "a smaller part of those who trade loses",
        "a larger part of those who trade loses",
    ),
    "total_losses": Words(
        "All losses of all investors who lost, added up.",
        "investors' losses shrink",
        "investors' losses grow",
    ),
    "losing_over_tenth": Words(
        "Of 100 investors who traded, how many lose more than a tenth of what they own.",
        "fewer traders lose more than a tenth of what they own",
        "more traders lose more than a tenth of what they own",
    ),
    "top5_open_interest": Words(
        "How much of all open positions belongs to the five largest holders.",
        "positions are spread over more hands",
        "positions are concentrated in fewer hands",
    ),
    "uncovered_peak": Words(
        "The most that stood open beyond all that was locked away. Covered in full: had every holder walked away, at "
        "the worst price there is. By margin: had they done so at the price of that moment, so nothing there is not "
        "full cover.",
        "the clearing house is better covered",
        "the clearing house is less well covered",
    ),
    "collateral_per_open_interest": Words(
        "How much money has to be locked away for each rouble of open positions.",
        "less money is locked away for the same positions",
        "more money is locked away for the same positions",
    ),
    "closed_by_force": Words(
        "How many participants the clearing house had to sell out, or to declare in default.",
        "fewer participants are closed by force",
        "more participants are closed by force",
    ),
    "default_losses": Words(
        "What those who failed owed beyond all that they had; somebody else had to pay it.",
        "less is owed beyond what those who failed had",
        "more is owed beyond what those who failed had",
    ),
    "withdrawals_completed": Words(
        "Of the money that people asked back, how much had reached them by the end.",
        "less of the money asked back arrives",
        "more of the money asked back arrives",
    ),
    "withdrawal_wait": Words(
        "How long people wait for their money. Who still waits at the end is counted up to then.",
        "money comes back sooner",
        "money comes back later",
    ),
    "frozen_share": Words(
        "How much of the venue's coins could not be moved because their issuer had frozen them.",
        "less of the money is frozen",
        "more of the money is frozen",
    ),
    "movable_time": Words(
        "Of the whole time, how much somebody who wished could have taken money out, or a part of it.",
        "there is less time in which money can leave",
        "there is more time in which money can leave",
    ),
    "stopped_time": Words(
        "Of the whole time, how much nothing could leave because somebody had stopped the money.",
        "the money is stopped for a shorter time",
        "the money is stopped for longer",
    ),
    "closed_time": Words(
        "Of the whole time, how much whoever keeps the money was closed, as banks are at night.",
        "the keeper of the money is closed for a shorter time",
        "the keeper of the money is closed for longer",
    ),
    "peak_discount": Words(
        "How far one rouble of this money was from being worth a rouble, at the worst moment.",
        "the money stays closer to a rouble",
        "the money falls further below a rouble",
    ),
    "redemption_queue_peak": Words(
        "The most that was handed back to the issuer and still waited for roubles.",
        "the queue at the issuer is shorter",
        "the queue at the issuer is longer",
    ),
    "lowest_reserve_ratio": Words(
        "At the worst moment, how much of each coin the issuer's reserves covered.",
        "the issuer's reserves cover less",
        "the issuer's reserves cover more",
    ),
    "books_disagree": Words(
        "How long a delivery was done on the venue's books while its money could not yet be had outside.",
        "the venue's books and the keeper's ledger agree more of the time",
        "the venue's books and the keeper's ledger disagree more of the time",
    ),
}


PAYERS = {
    Layer.DEFAULTER_MARGIN: N_("margin and cash of those who failed"),
    Layer.DEFAULTER_FUND_SHARE: N_("shares of those who failed in the default fund"),
    Layer.SKIN_IN_THE_GAME: N_("the house's skin in the game"),
    Layer.SURVIVORS_FUND: N_("the default fund of those who did not fail"),
    Layer.ASSESSMENTS: N_("assessments on those who did not fail"),
    Layer.GAINS_HAIRCUT: N_("gains of others, cut"),
    Layer.EQUITY: N_("the house's own capital"),
    Layer.INSURANCE_FUND: N_("the insurance fund"),
    Layer.DELEVERAGING: N_("holders on the other side, who were closed out"),
}  # who stands behind each layer of a waterfall that pays


def headline(findings: Findings) -> list[Finding]:
    """The measures shown first: the main ones, or else the first of each group that says something."""
    listed = [finding for finding in findings.named(findings.main) if not _undefined(finding)]
    if listed:
        return listed
    first: dict[str, Finding] = {}
    for finding in findings.rows:
        if not finding.silent:
            first.setdefault(finding.measure.group, finding)
    return list(first.values())


def _undefined(finding: Finding) -> bool:
    return all(level.n == 0 for level in finding.levels.values())


def gloss(measure: Measure) -> str:
    """One plain sentence, or the formula where nobody has written one."""
    return _(PLAIN[measure.name].gloss if measure.name in PLAIN else measure.formula)


def phrase(measure: Measure, verdict: Verdict) -> str:
    """Half a sentence for a verdict of "higher" or "lower"."""
    if measure.name in PLAIN:
        words = PLAIN[measure.name]
        return _(words.higher if verdict is Verdict.HIGHER else words.lower)
    title = _(measure.title)
    return _("{measure} is {verdict}").format(
        measure=f"{title[0].lower()}{title[1:]}", verdict=_(VERDICTS[verdict])
    )


def exactly_the_same(contrast: Contrast) -> bool:
    """In every single pair of runs."""
    compared = contrast.compared
    return compared.low == compared.high == 0


def arrow(contrast: Contrast) -> str:
    if exactly_the_same(contrast):
        return "="
    return {
        Verdict.HIGHER: "▲",
        Verdict.LOWER: "▼",
        Verdict.NO_DIFFERENCE_SEEN: "≈",
        Verdict.NO_VERDICT: "?",
        Verdict.NOT_COMPARABLE: "∅",
    }[contrast.verdict]


def spoken(contrast: Contrast) -> str:
    if exactly_the_same(contrast):
        return _("exactly the same")
    if contrast.verdict is Verdict.NO_DIFFERENCE_SEEN and contrast.compared.low == contrast.compared.high:
        return _("the same difference in every run, but too few runs to be sure")
    return _(VERDICTS[contrast.verdict])


def tone(measure: Measure, contrast: Contrast) -> str:
    """ "better" or "worse" where the measure says which way is good, else "changed"; "same" if it is."""
    if contrast.verdict not in (Verdict.HIGHER, Verdict.LOWER):
        return "same"
    if measure.better is None:
        return "changed"
    return "better" if measure.better == contrast.verdict.value else "worse"


# --- numbers ------------------------------------------------------------------------------------------------

_SCALES = ((1e12, N_("{n}tn")), (1e9, N_("{n}bn")), (1e6, N_("{n}m")), (1e3, N_("{n}k")))
_MINUS, _UNKNOWN = "−", "–"


def written(
    *values: float, signed: bool = False, trimmed: bool = False, finest: float | None = None
) -> list[str]:
    """Numbers in one scale and to the same decimals, three digits for the largest; nan as a dash.

    `trimmed` leaves out zeros behind the point: "40m", "7.5m". `finest` is the smallest step that must be told, however
    many digits that takes: "8.025m".
    """
    known = [abs(value) for value in values if math.isfinite(value)]
    largest = max(known, default=0.0)
    divisor, scale = next(((size, words) for size, words in _SCALES if largest >= size), (1.0, "{n}"))
    if largest < 10_000:
        divisor, scale = 1.0, "{n}"  # "1,250 bp" reads better than "1.25k bp"
    decimals = max(_decimals(largest / divisor), 0 if finest is None else _decimals_of(finest / divisor))
    numbers = [_number(value / divisor, decimals, signed) for value in values]
    if trimmed:
        numbers = [n.rstrip("0").rstrip(".") if "." in n else n for n in numbers]
    scale = _(scale) if divisor > 1 else scale
    return [n if n in (_UNKNOWN, "0") else scale.format(n=numeral(n)) for n in numbers]


def _decimals(largest: float) -> int:
    if largest == 0 or largest >= 100:
        return 0
    return 1 if largest >= 10 else min(2 - math.floor(math.log10(largest)), 6)


def _decimals_of(step: float) -> int:
    """Those of a round step itself: 3 of 0.025."""
    exponent = Decimal(f"{step:.3g}").normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _number(value: float, decimals: int, signed: bool) -> str:
    if not math.isfinite(value):
        return _UNKNOWN
    digits = f"{abs(value):,.{decimals}f}"
    if float(digits.replace(",", "")) == 0:
        return "0"
    sign = _MINUS if value < 0 else "+" if signed else ""
    return sign + digits


COUNTED = {
    "accounts": forms("{n} account", "{n} accounts"),
    "calls": forms("{n} call", "{n} calls"),
    "defaults": forms("{n} default", "{n} defaults"),
    "halts": forms("{n} halt", "{n} halts"),
    "hours": forms("{n} hour", "{n} hours"),
    "lots": forms("{n} lot", "{n} lots"),
    "minutes": forms("{n} minute", "{n} minutes"),
    "orders": forms("{n} order", "{n} orders"),
    "orders per trade": forms("{n} order per trade", "{n} orders per trade"),
    "participants": forms("{n} participant", "{n} participants"),
    "seconds": forms("{n} second", "{n} seconds"),
    "times": forms("{n} time", "{n} times"),
    "trades": forms("{n} trade", "{n} trades"),
    "years": forms("{n} year", "{n} years"),
}
"""Units that are nouns, and so follow their number. All others are abbreviations, which do not."""


def with_unit(number: str, unit: str) -> str:
    """ "12.3 bp", "61%", "1 hour"; a dash, and a ratio, stand alone."""
    if number == _UNKNOWN or unit == "ratio":
        return number
    if unit in COUNTED:
        return counted_as(number, *COUNTED[unit])
    return percent_of(number) if unit == "%" else f"{number} {_(unit)}"


def percent_of(number: str) -> str:
    """ "61%"; a dash stays alone."""
    return number if number == _UNKNOWN else _("{n}%").format(n=number)


def percent(value: float, *, signed: bool = False) -> str:
    return percent_of(written(value, signed=signed)[0])


def spanned(low: str, high: str) -> str:
    """ "1.5 to 3.2"; a dash where neither is known."""
    return _UNKNOWN if low == high == _UNKNOWN else _("{low} to {high}").format(low=low, high=high)


def level(finding: Finding, regime: str) -> str:
    """The mean of a measure under a regime, with its unit."""
    (mean,) = written(finding.levels[regime].mean)
    return with_unit(mean, finding.measure.unit)


def level_interval(finding: Finding, regime: str) -> str:
    found = finding.levels[regime]
    _mean, low, high = written(found.mean, found.low, found.high)
    return spanned(low, high)


def difference(finding: Finding, regime: str) -> str:
    """The mean difference from the baseline: "−49.1 points", "+3.1 bp"."""
    compared = finding.contrasts[regime].compared
    mean, *_ends = written(compared.difference, compared.low, compared.high, signed=True)
    return with_unit(mean, points(finding.measure.unit))


def difference_interval(finding: Finding, regime: str) -> str:
    compared = finding.contrasts[regime].compared
    _mean, low, high = written(compared.difference, compared.low, compared.high, signed=True)
    return spanned(low, high)


def smallest_seen(finding: Finding, regime: str) -> str:
    """The true difference that so many runs would have shown four times in five, among all main figures."""
    found = finding.contrasts[regime].compared.smallest_detectable
    if finding.measure.unit == "%" and found > 100:
        return _("(more than 100 points: no difference could have been seen)")
    (smallest,) = written(found)
    return with_unit(smallest, points(finding.measure.unit))


def precision_in_words(comparison: Comparison) -> list[str]:
    """Whether the precision that was asked for is reached, what is lacking, and what looking repeatedly has cost;
    nothing where none was asked for."""
    plan, reached = comparison.design.precision, comparison.reached
    if plan is None or reached is None:
        return []
    seeds = plural(len(comparison.design.seeds), "{n} seed", "{n} seeds")
    asked = percent_of(numeral(f"{plan.percent:g}"))
    looks = plural(len(plan.looks), "{n} planned look", "{n} planned looks")
    looked = _("{these} of {looks}").format(these=reached.looks, looks=looks)
    if reached.reached:
        told = _("The precision of {asked} is reached after {seeds}, at {looked}.").format(
            asked=asked, seeds=seeds, looked=looked
        )
    else:
        lacking = listed([_lacking(one) for one in reached.lacking[:_LACKING_TOLD]])
        more = len(reached.lacking) - _LACKING_TOLD
        if more > 0:
            lacking += plural(more, ", and {n} more difference", ", and {n} more differences")
        told = _(
            "The budget of {seeds} ended before the precision of {asked} was reached: {lacking}."
        ).format(seeds=seeds, asked=asked, lacking=lacking)
    widened = plural(
        len(plan.looks),
        "Results were looked at once, so every interval here stands as it is.",
        "Results were looked at up to {n} times, so every interval here is widened, and every p-value multiplied, as "
        "for so many looks: taken together they hold with 95%.",
    )
    return [told, widened]


_LACKING_TOLD = 6


def _lacking(one: Imprecision) -> str:
    """ "Quoted spread under X is known to ±1.2, not ±0.6"."""
    if one.half_width is None:
        return _("{measure} under {regime} is defined in too few runs").format(
            measure=one.measure, regime=one.regime
        )
    half, allowed = written(one.half_width, one.allowed)
    return _("{measure} under {regime} is known to ±{half}, not ±{allowed}").format(
        measure=one.measure, regime=one.regime, half=half, allowed=allowed
    )


def number_named(key: str) -> str:
    """What the number under a key path of a regime is about: "assets above", "extreme moves #2"."""
    return numbered(*words_of(key))


def numbered(about: str, number: str) -> str:
    """The words in the language that is spoken, and which it is of a list, if it is of one."""
    return _("{what} #{n}").format(what=_(about), n=number) if number else _(about)


def points(unit: str) -> str:
    """The unit of a difference: percentages differ by points."""
    return N_("points") if unit == "%" else unit


def listed(parts: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    if len(parts) < 2:
        return "".join(parts)
    return _("{others} and {last}").format(others=", ".join(parts[:-1]), last=parts[-1])


def ranges(seeds: Sequence[int]) -> str:
    """ "0 to 9, 12"."""
    runs: list[list[int]] = []
    for seed in seeds:
        if runs and seed == runs[-1][1] + 1:
            runs[-1][1] = seed
        else:
            runs.append([seed, seed])
    return ", ".join(
        _("{low} to {high}").format(low=first, high=last) if last > first else str(first)
        for first, last in runs
    )


def sentence(text: str) -> str:
    """With a capital letter first."""
    return f"{text[:1].upper()}{text[1:]}"


def counted(number: int, noun: str) -> str:
    """ "1 run", "12 runs": for the terminal, which speaks English. A report has `plural`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
