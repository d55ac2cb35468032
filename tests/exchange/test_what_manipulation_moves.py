"""How far a price is moved by whoever pushes one of four outside venues by 10% in the last five minutes (E15).

The four have equal weight, and the attacked one 60% of the volume unless told otherwise; arithmetic on these
assumptions, not an estimate of any market.
"""

from collections.abc import Callable
from fractions import Fraction

import pytest

from exchange.clearing.fixing import Fixed, Postponed, decide
from exchange.clearing.index import Index
from exchange.commands import VenueTrade
from exchange.events import IndexStatus, PriceRule
from exchange.instruments import SettlementRule
from exchange.units import HOUR, MINUTE, SECOND, Time
from tests.outside_venues import FOUR, an_index, distance_bp, four, show

FAIR = 800_000_000  # 8,000,000.00 roubles
EXPIRY: Time = 100 * HOUR
LOTS = {"Amber": 14, "Basalt": 13, "Cedar": 13, "Dune": 60}  # of a hundred traded each minute
SAMPLES = range(EXPIRY - 299 * 6 * SECOND, EXPIRY + 1, 6 * SECOND)
Mids = Callable[[Time], dict[str, int]]


def price_of(bp: int) -> int:
    return FAIR * (10_000 + bp) // 10_000


def bang(bp: int = 1_000, *venues: str) -> Mids:
    """The venues, Dune unless told otherwise, are pushed for the last five minutes."""
    pushed = dict.fromkeys(venues or ("Dune",), price_of(bp))
    return lambda at: four(FAIR, **(pushed if at > EXPIRY - 5 * MINUTE else {}))


def index_under(mids: Mids, rates: tuple[str, ...] = ()) -> Index:
    index = an_index()
    for source in rates:
        index.report_rate(source, FAIR, at=EXPIRY - 40 * MINUTE)
    for at in range(EXPIRY - 31 * MINUTE, EXPIRY + 1, SECOND):
        show(index, at // SECOND, mids(at))
        index.publish(at)
    return index


def traded_under(mids: Mids, lots: dict[str, int] | None = None) -> Index:
    """Every venue trades once a minute, so five times in each partition."""
    index = an_index()
    for at in range(EXPIRY - HOUR + 30 * SECOND, EXPIRY, MINUTE):
        prices = mids(at)
        index.report_trades(
            [VenueTrade(venue=v, price=prices[v], quantity=q, at=at) for v, q in (lots or LOTS).items()], at
        )
    return index


def fixed(index: Index, rule: SettlementRule, now: Time = EXPIRY) -> Fixed | Postponed:
    return decide(
        index,
        settlement_rule=rule,
        expiry=EXPIRY,
        tick=1,
        prior=FAIR,
        committee=None,
        objected=None,
        now=now,
    )


def moved(index: Index, rule: SettlementRule = SettlementRule.TWAP_CAPPED) -> float:
    answer = fixed(index, rule)
    assert isinstance(answer, Fixed)
    return distance_bp(answer.price, FAIR)


# --- the prices that others use -------------------------------------------------------------------------


def test_the_last_price_of_the_attacked_venue() -> None:
    assert distance_bp(bang()(EXPIRY)["Dune"], FAIR) == 1_000


def test_a_mean_weighted_by_volume_at_one_instant() -> None:
    mids = bang()(EXPIRY)
    assert distance_bp(Fraction(sum(LOTS[v] * mids[v] for v in FOUR), 100), FAIR) == 600


def test_a_plain_mean_at_one_instant() -> None:
    assert distance_bp(Fraction(sum(bang()(EXPIRY).values()), 4), FAIR) == 250


def test_a_plain_mean_over_half_an_hour() -> None:
    plain = [Fraction(sum(bang()(at).values()), 4) for at in SAMPLES]
    assert distance_bp(sum(plain, Fraction()) / 300, FAIR) == 41.7


# --- ours -----------------------------------------------------------------------------------------------


def test_the_capped_index_at_one_instant() -> None:
    assert moved(index_under(bang()), SettlementRule.SNAPSHOT) == 12.5


def test_the_capped_index_over_half_an_hour() -> None:
    assert moved(index_under(bang())) == 2.1


@pytest.mark.parametrize(("bp", "effect"), [(1_000, 83.3), (990, 82.5), (1_010, 0)])
def test_twelve_partitions_if_the_attacker_has_more_than_half_of_the_last(bp: int, effect: float) -> None:
    assert moved(traded_under(bang(bp)), SettlementRule.PARTITIONED_VWM) == effect


def test_twelve_partitions_if_the_attacker_has_less_than_half() -> None:
    lots = {"Amber": 17, "Basalt": 17, "Cedar": 17, "Dune": 49}
    assert moved(traded_under(bang(), lots), SettlementRule.PARTITIONED_VWM) == 0


def test_wash_volume_buys_the_partition_that_honest_volume_would_not() -> None:
    lots = {"Amber": 17, "Basalt": 17, "Cedar": 17, "Dune": 49 * 2}
    assert moved(traded_under(bang(), lots), SettlementRule.PARTITIONED_VWM) == 83.3


def test_a_pushed_majority_is_told_by_the_reference_basket_alone() -> None:
    """986 bp on the index; with the basket it is degraded, gives no sample, and settlement is postponed (F7)."""
    three = ("Basalt", "Cedar", "Dune")
    assert moved(index_under(bang(1_000, *three)), SettlementRule.SNAPSHOT) == 986.2
    index = index_under(lambda _at: four(FAIR, **dict.fromkeys(three, price_of(1_000))), ("north", "south"))
    assert index.latest is not None and index.latest.status is IndexStatus.DEGRADED
    assert fixed(index, SettlementRule.SNAPSHOT) == Postponed(EXPIRY + 30 * MINUTE, 0, 300)
    assert fixed(index, SettlementRule.TWAP_CAPPED) == Postponed(EXPIRY + 30 * MINUTE, 0, 300)


def test_a_majority_that_drifts_inside_the_band_moves_it_by_no_more_than_the_band() -> None:
    """Three of four, half a percent over the whole window: seen by nobody. Half of it is in the mean."""

    def drifting(at: Time) -> dict[str, int]:
        gone = max(at - (EXPIRY - 30 * MINUTE), 0)
        return four(FAIR + FAIR * gone // (200 * 30 * MINUTE), Amber=FAIR)

    index = index_under(drifting, ("north", "south"))
    assert index.latest is not None
    assert (distance_bp(index.latest.value, FAIR), index.latest.status) == (37.5, IndexStatus.OK)
    assert 18 < moved(index) < 19.5


def test_all_venues_together_inside_the_band_move_it_by_the_band() -> None:
    index = index_under(lambda _at: dict.fromkeys(FOUR, price_of(50)), ("north", "south"))
    assert moved(index) == 50


def test_a_push_just_below_the_filter_is_capped_like_any_other() -> None:
    assert moved(index_under(bang(990))) == 2.1
    assert moved(index_under(bang(1_010))) == 0


def test_once_the_honest_feeds_are_silent_the_pushed_rest_is_no_sound_index() -> None:
    """Two honest venues fall silent and count no more after three minutes; the two that push are too few."""
    index = an_index()
    for at in range(EXPIRY - 31 * MINUTE, EXPIRY + 1, SECOND):
        attacked = at > EXPIRY - 20 * MINUTE
        show(index, at // SECOND, dict.fromkeys(("Cedar", "Dune"), price_of(900 if attacked else 0)))
        if not attacked:
            show(index, at // SECOND, dict.fromkeys(("Amber", "Basalt"), FAIR))
        index.publish(at)
    assert index.latest is not None
    assert (index.latest.status, index.latest.venues) == (IndexStatus.DEGRADED, 2)
    answer = fixed(index, SettlementRule.TWAP_CAPPED)
    assert isinstance(answer, Postponed) and answer.valid_samples < 180


def test_what_one_venue_gains_is_little_on_a_small_position() -> None:
    """Five bitcoin at 8m: 400,000.00 a percent; 2.1 bp of forty million roubles are 8,333.35."""
    answer = fixed(index_under(bang()), SettlementRule.TWAP_CAPPED)
    assert isinstance(answer, Fixed) and answer.rule is PriceRule.WINDOW
    assert 5 * (answer.price - FAIR) == 833_335
    assert 5 * (sum(LOTS[v] * bang()(EXPIRY)[v] for v in FOUR) // 100 - FAIR) == 240_000_000
