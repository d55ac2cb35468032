"""The settlement price: what the rule of the series says, and what is done when that is missing.

    its rule -> the window -> the window extended -> the last hour before the outage -> reference rates -> the committee
    -> the last settlement price

The rule is one of three: the mean of the index over the window, the last half hour; the mean of the medians of
what outside venues traded at in the last hour; or the index at the expiry, which is there to be compared with.
Each rung is tried only when the one before gave no price, or gave one that the authority objected to. A price
follows from what was published alone, so whoever keeps the record can work it out again.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import NamedTuple, TypeAlias

from exchange.clearing.index import Index, IndexValue
from exchange.clearing.partitions import FEWEST_PARTITIONS, PARTITIONS, twice_medians
from exchange.clearing.rounding import to_tick
from exchange.events import IndexStatus, PriceRule
from exchange.instruments import SettlementRule
from exchange.units import HOUR, IndexPrice, Time
from matching.terms import Price

VALID_SHARE_PERCENT = 60  # of the samples, for their mean to be a price
FEWEST_REFERENCE_RATES = 2

_time_of = attrgetter("time")

Sample: TypeAlias = IndexPrice | None  # None where the index was not OK


class Fixed(NamedTuple):
    """A price in ticks, before the collar; the samples (or partitions) are those of the mean, or were too few."""

    price: Price
    rule: PriceRule
    valid_samples: int
    samples: int


class Postponed(NamedTuple):
    """No price before `until`, when the window will have been extended as far as it goes."""

    until: Time
    valid_samples: int
    samples: int


def decide(
    index: Index,
    *,
    settlement_rule: SettlementRule = SettlementRule.TWAP_CAPPED,
    expiry: Time,
    tick: IndexPrice,
    prior: Price,
    committee: tuple[Price, str] | None,
    objected: PriceRule | None,
    now: Time,
) -> Fixed | Postponed:
    """The price of the first rung that gives one. Ask at the expiry, and again when it was postponed to.

    `prior` is the last settlement price, `committee` a price with its grounds, and `objected` the rung whose
    price the authority refused: only those below it count, and against the last one no objection helps.
    """
    for answer in _ladder(index, settlement_rule, expiry, tick, prior, committee, now):
        if isinstance(answer, Postponed) or _is_below(answer.rule, objected):
            break
    return answer


def decide_at_once(
    index: Index, *, at: Time, tick: IndexPrice, prior: Price, committee: tuple[Price, str] | None
) -> Fixed:
    """The same ladder for a roll, which waits for nothing: neither a longer window nor an objection."""
    window = take_samples(
        index.history, until=at, count=index.terms.fixing_samples, spacing=index.terms.fixing_spacing
    )
    if suffice(window):
        return _mean_of(window, PriceRule.WINDOW, tick, prior)
    return next(_without_a_window(index, window, at, tick, prior, committee, at))


def take_samples(history: Sequence[IndexValue], *, until: Time, count: int, spacing: Time) -> list[Sample]:
    """What the index was known to be at `count` instants, the last of them `until`."""
    instants = range(until - (count - 1) * spacing, until + 1, spacing)
    return [_sample(history, instant) for instant in instants]


def suffice(samples: Sequence[Sample]) -> bool:
    """Whether so many of the samples are valid that their mean may be a price."""
    valid = len(_valid(samples))
    return valid > 0 and valid * 100 >= VALID_SHARE_PERCENT * len(samples)


def _ladder(
    index: Index,
    settlement_rule: SettlementRule,
    expiry: Time,
    tick: IndexPrice,
    prior: Price,
    committee: tuple[Price, str] | None,
    now: Time,
) -> Iterator[Fixed | Postponed]:
    """What each rung has to say, from the top; the last one always has a price."""
    history, count, spacing = index.history, index.terms.fixing_samples, index.terms.fixing_spacing
    if settlement_rule is SettlementRule.PARTITIONED_VWM and now == expiry:  # later reports are too late
        yield from _partitioned(index, expiry, tick, prior)
    if settlement_rule is SettlementRule.SNAPSHOT:
        snapshot = take_samples(history, until=expiry, count=1, spacing=spacing)
        if suffice(snapshot):
            yield _mean_of(snapshot, PriceRule.SNAPSHOT, tick, prior)
    window = take_samples(history, until=expiry, count=count, spacing=spacing)
    if suffice(window):
        yield _mean_of(window, PriceRule.WINDOW, tick, prior)

    extended_until = expiry + count * spacing
    if now < extended_until:
        yield Postponed(extended_until, len(_valid(window)), len(window))
    extended = take_samples(history, until=extended_until, count=2 * count, spacing=spacing)
    if suffice(extended):
        yield _mean_of(extended, PriceRule.EXTENDED_WINDOW, tick, prior)
    yield from _without_a_window(index, extended, extended_until, tick, prior, committee, now)


def _without_a_window(
    index: Index,
    samples: Sequence[Sample],
    until: Time,
    tick: IndexPrice,
    prior: Price,
    committee: tuple[Price, str] | None,
    now: Time,
) -> Iterator[Fixed]:
    """The rungs below the windows, the last samples of which, until `until`, were too few."""
    before = _hour_before_outage(index.history, samples, until, index.terms.fixing_spacing)
    if suffice(before):
        yield _mean_of(before, PriceRule.BEFORE_OUTAGE, tick, prior)

    had = len(_valid(samples)), len(samples)
    rates = index.reference_rates(now)
    if len(rates) >= FEWEST_REFERENCE_RATES:
        yield Fixed(to_tick(sum(rates), len(rates) * tick, prior), PriceRule.REFERENCE_RATES, *had)
    if committee is not None:
        yield Fixed(committee[0], PriceRule.COMMITTEE, *had)
    yield Fixed(prior, PriceRule.LAST_SETTLEMENT, *had)


def _partitioned(index: Index, expiry: Time, tick: IndexPrice, prior: Price) -> Iterator[Fixed]:
    """The mean of the partitions with trades in them, each of one weight, if there are enough; rounded once."""
    doubled = twice_medians(index.trades, until=expiry, drop_bp=index.terms.drop_bp)
    if len(doubled) >= FEWEST_PARTITIONS:
        price = to_tick(sum(doubled), 2 * len(doubled) * tick, prior)
        yield Fixed(price, PriceRule.PARTITIONS, len(doubled), PARTITIONS)


def _is_below(rule: PriceRule, objected: PriceRule | None) -> bool:
    rungs = list(PriceRule)
    return objected is None or rungs.index(rule) > rungs.index(objected)


def _sample(history: Sequence[IndexValue], instant: Time) -> Sample:
    published = bisect_right(history, instant, key=_time_of)
    known = history[published - 1] if published else None
    return known.value if known is not None and known.status is IndexStatus.OK else None


def _hour_before_outage(
    history: Sequence[IndexValue], samples: Sequence[Sample], until: Time, spacing: Time
) -> list[Sample]:
    """Samples of the hour that ends with the last OK value before the first of `samples` that is missing."""
    if None not in samples:
        return []
    first_missing = until - (len(samples) - 1 - samples.index(None)) * spacing
    ok = [p.time for p in history if p.time <= first_missing and p.status is IndexStatus.OK]
    return take_samples(history, until=ok[-1], count=HOUR // spacing, spacing=spacing) if ok else []


def _valid(samples: Sequence[Sample]) -> list[IndexPrice]:
    return [sample for sample in samples if sample is not None]


def _mean_of(samples: Sequence[Sample], rule: PriceRule, tick: IndexPrice, prior: Price) -> Fixed:
    """The mean of the valid samples, rounded once, to a tick."""
    valid = _valid(samples)
    return Fixed(to_tick(sum(valid), len(valid) * tick, prior), rule, len(valid), len(samples))
