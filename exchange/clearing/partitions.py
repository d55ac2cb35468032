"""What outside venues traded at in the hour before an expiry: the volume-weighted median of each five minutes.

As published reference rates of crypto assets do it (CF Benchmarks: an hour in twelve partitions, all of one
weight, venues more than a tenth away left out). Whoever has less than half of the volume of a partition
moves its median by nothing, and whoever has more moves the mean by a twelfth.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from exchange.clearing.outliers import farthest_misfits
from exchange.commands import VenueTrade
from exchange.units import MINUTE, Time

PARTITIONS = 12
PARTITION: Time = 5 * MINUTE
FEWEST_PARTITIONS = 8  # with trades in them, for their mean to be a price
_ONE_IN_BP = 10_000


def twice_medians(trades: Iterable[VenueTrade], *, until: Time, drop_bp: int) -> list[int]:
    """Twice the median of each partition before `until` in which somebody traded, the oldest first.

    A venue whose own median is further than `drop_bp` from the median of the others' is left out of that
    partition; two venues that disagree so much leave it empty, for nobody can say which of them is right.
    """
    partitions: defaultdict[int, defaultdict[str, list[VenueTrade]]]
    partitions = defaultdict(lambda: defaultdict(list))
    since = until - PARTITIONS * PARTITION
    for trade in trades:
        if since <= trade.at < until:
            partitions[(trade.at - since) // PARTITION][trade.venue].append(trade)
    kept = [_agreeing(list(partitions[at].values()), drop_bp) for at in sorted(partitions)]
    return [
        twice_weighted_median([trade for venue in venues for trade in venue]) for venues in kept if venues
    ]


def twice_weighted_median(trades: Sequence[VenueTrade]) -> int:
    """Twice the price below and above which no more than half of the volume lies; of two such, their sum."""
    ordered = sorted(trades, key=lambda trade: trade.price)
    volume = sum(trade.quantity for trade in ordered)
    below, lower = 0, None
    for trade in ordered:
        below += trade.quantity
        if lower is None and 2 * below >= volume:
            lower = trade.price
        if 2 * below > volume:
            break
    assert lower is not None, "there is a trade"
    return lower + trade.price


def _agreeing(venues: list[list[VenueTrade]], drop_bp: int) -> list[list[VenueTrade]]:
    """The trades of those venues that are not too far from the rest; the farthest is left out first."""

    def is_too_far(_at: int, distance: int, median: int) -> bool:
        return distance * _ONE_IN_BP > drop_bp * median

    while len(venues) > 1:
        misfits = farthest_misfits([twice_weighted_median(trades) for trades in venues], is_too_far)
        if not misfits:
            break
        venues = [trades for at, trades in enumerate(venues) if at not in misfits]
    return venues
