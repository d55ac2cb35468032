"""The settlement price, rung by rung, and what a push in the last five minutes does to it."""

from collections.abc import Callable, Iterable
from fractions import Fraction

import pytest

from exchange.clearing.fixing import Fixed, Postponed, decide, suffice, take_samples
from exchange.clearing.index import Index, IndexValue
from exchange.events import IndexStatus, PriceRule
from exchange.units import HOUR, MINUTE, SECOND, Time
from tests.outside_venues import an_index, distance_bp, four, show

TICK = 10_000  # 100.00 roubles
EXPIRY: Time = 100 * HOUR
LATER: Time = EXPIRY + 30 * MINUTE  # when a postponed price is asked for again
WINDOW = range(EXPIRY - 299 * 6 * SECOND, EXPIRY + 1, 6 * SECOND)
EXTENDED = range(WINDOW.start, LATER + 1, 6 * SECOND)
HOUR_BEFORE = range(WINDOW.start - HOUR, WINDOW.start, 6 * SECOND)


def index_with(published: Iterable[tuple[Time, int | None]]) -> Index:
    """An index that has published these values, in ticks; None where it was stale."""
    index = an_index()
    value = 0
    for time, price in published:
        value = value if price is None else price * TICK
        status = IndexStatus.STALE if price is None else IndexStatus.OK
        index.history.append(IndexValue(time, value, status, 0 if price is None else 4))
    return index


def thirds(valid: int, instants: Iterable[Time] = WINDOW) -> list[tuple[Time, int | None]]:
    """80,000, then 80,001, then 80,002 ticks for a hundred samples each; none after the first `valid`."""
    return [(at, 80_000 + k // 100 if k < valid else None) for k, at in enumerate(instants)]


def flat(instants: Iterable[Time], price: int | None) -> list[tuple[Time, int | None]]:
    return [(at, price) for at in instants]


def fix(
    index: Index,
    *,
    prior: int = 79_000,
    committee: tuple[int, str] | None = None,
    objected: PriceRule | None = None,
    now: Time = EXPIRY,
) -> Fixed | Postponed:
    return decide(
        index, expiry=EXPIRY, tick=TICK, prior=prior, committee=committee, objected=objected, now=now
    )


# --- the window -----------------------------------------------------------------------------------------


def test_all_samples_there() -> None:
    """E26: 300 of 300."""
    assert fix(index_with(thirds(300))) == Fixed(80_001, PriceRule.WINDOW, 300, 300)


@pytest.mark.parametrize(("prior", "price"), [(79_000, 80_000), (80_000, 80_000), (80_001, 80_001)])
def test_a_tie_goes_toward_the_prior_settlement(prior: int, price: int) -> None:
    """E26: 200 of 300, whose mean is 80,000.5."""
    assert fix(index_with(thirds(200)), prior=prior) == Fixed(price, PriceRule.WINDOW, 200, 300)


def test_half_of_the_samples_are_too_few() -> None:
    """E26: 150 of 300."""
    assert fix(index_with(thirds(150))) == Postponed(LATER, 150, 300)


def test_sixty_of_a_hundred_are_just_enough() -> None:
    assert fix(index_with(thirds(180))) == Fixed(80_000, PriceRule.WINDOW, 180, 300)
    assert fix(index_with(thirds(179))) == Postponed(LATER, 179, 300)


def test_no_samples_at_all_are_never_enough() -> None:
    assert not suffice([])
    assert not suffice([None])


def test_a_degraded_index_gives_no_sample() -> None:
    index = index_with(thirds(300))
    for k in range(150):
        index.history[k] = index.history[k]._replace(status=IndexStatus.DEGRADED)
    assert fix(index) == Postponed(LATER, 150, 300)


def test_the_first_sample_is_six_seconds_short_of_half_an_hour_and_the_last_is_at_the_expiry() -> None:
    history = [IndexValue(at, at // SECOND, IndexStatus.OK, 4) for at in range(0, 2 * HOUR, SECOND)]
    samples = take_samples(history, until=HOUR, count=300, spacing=6 * SECOND)
    assert samples[0] == 3_600 - 1_794
    assert samples[1] == 3_600 - 1_788
    assert samples[-1] == 3_600
    assert len(samples) == 300


def test_a_sample_is_what_was_known_at_its_instant() -> None:
    known = [IndexValue(5, 70, IndexStatus.OK, 4), IndexValue(9, 80, IndexStatus.OK, 4)]
    assert take_samples(known, until=10, count=4, spacing=2) == [None, 70, 70, 80]


# --- the rungs below ------------------------------------------------------------------------------------


def test_the_extended_window_heals_a_short_outage() -> None:
    index = index_with(flat(WINDOW[:150], None) + flat(WINDOW[150:], 80_000) + flat(EXTENDED[300:], 80_003))
    assert fix(index, now=EXPIRY) == Postponed(LATER, 150, 300)
    assert fix(index, now=LATER - 1) == Postponed(LATER, 150, 300)
    assert fix(index, now=LATER) == Fixed(80_002, PriceRule.EXTENDED_WINDOW, 450, 600)


def test_the_extended_window_needs_sixty_of_a_hundred_too() -> None:
    enough = index_with(flat(EXTENDED[:240], None) + flat(EXTENDED[240:], 80_000))
    assert fix(enough, now=LATER) == Fixed(80_000, PriceRule.EXTENDED_WINDOW, 360, 600)
    few = index_with(flat(EXTENDED[:241], None) + flat(EXTENDED[241:], 80_000))
    assert fix(few, now=LATER) == Fixed(79_000, PriceRule.LAST_SETTLEMENT, 359, 600)


def test_a_long_outage_looks_back_to_the_hour_before_it() -> None:
    index = index_with(
        flat(HOUR_BEFORE[:300], 80_000) + flat(HOUR_BEFORE[300:], 80_004) + flat(EXTENDED, None)
    )
    assert fix(index, now=LATER) == Fixed(80_002, PriceRule.BEFORE_OUTAGE, 600, 600)


def test_the_outage_begins_with_the_first_sample_that_is_missing() -> None:
    index = index_with(
        flat(HOUR_BEFORE[:100], 70_000)
        + flat(HOUR_BEFORE[100:], 80_000)
        + flat(WINDOW[:100], 80_006)
        + flat(EXTENDED[100:400], None)
        + flat(EXTENDED[400:], 90_000)  # it came back for too short a time to count
    )
    assert fix(index, now=LATER) == Fixed(80_001, PriceRule.BEFORE_OUTAGE, 600, 600)


def test_an_outage_that_began_long_before_the_window_is_still_looked_behind() -> None:
    hour = range(EXPIRY - 10 * HOUR, EXPIRY - 9 * HOUR, 6 * SECOND)
    index = index_with([*flat(hour, 81_000), (EXPIRY - 9 * HOUR, None)])
    assert fix(index, now=LATER) == Fixed(81_000, PriceRule.BEFORE_OUTAGE, 600, 600)


def test_an_hour_full_of_holes_is_no_hour_before_the_outage() -> None:
    index = index_with(flat(HOUR_BEFORE[:241], None) + flat(HOUR_BEFORE[241:], 80_000) + flat(EXTENDED, None))
    assert fix(index, now=LATER) == Fixed(79_000, PriceRule.LAST_SETTLEMENT, 0, 600)


def test_two_independent_rates_make_a_price() -> None:
    index = index_with(flat(EXTENDED, None))
    index.report_rate("north", 80_000 * TICK, at=EXPIRY)
    assert fix(index, now=LATER) == Fixed(79_000, PriceRule.LAST_SETTLEMENT, 0, 600)
    index.report_rate("south", 80_001 * TICK, at=EXPIRY)
    assert fix(index, now=LATER, prior=79_000) == Fixed(80_000, PriceRule.REFERENCE_RATES, 0, 600)
    assert fix(index, now=LATER, prior=82_000) == Fixed(80_001, PriceRule.REFERENCE_RATES, 0, 600)


def test_old_rates_make_no_price() -> None:
    index = index_with(flat(EXTENDED, None))
    index.report_rate("north", 80_000 * TICK, at=LATER - HOUR - 1)
    index.report_rate("south", 80_000 * TICK, at=LATER)
    assert fix(index, now=LATER) == Fixed(79_000, PriceRule.LAST_SETTLEMENT, 0, 600)


def test_the_committee_speaks_when_nothing_else_does() -> None:
    committee = (80_500, "no venue open since the morning")
    index = index_with(flat(EXTENDED, None))
    assert fix(index, committee=committee) == Postponed(LATER, 0, 300)
    assert fix(index, committee=committee, now=LATER) == Fixed(80_500, PriceRule.COMMITTEE, 0, 600)
    for source in ("north", "south"):
        index.report_rate(source, 80_000 * TICK, at=LATER)
    assert fix(index, committee=committee, now=LATER) == Fixed(80_000, PriceRule.REFERENCE_RATES, 0, 600)


def test_an_index_that_never_was_ends_at_the_last_settlement_price() -> None:
    assert fix(an_index()) == Postponed(LATER, 0, 300)
    assert fix(an_index(), now=LATER) == Fixed(79_000, PriceRule.LAST_SETTLEMENT, 0, 600)


# --- objections -----------------------------------------------------------------------------------------


def a_full_ladder() -> Index:
    """An index that has something to say on every rung: a full window, then an outage of 150 samples."""
    index = index_with(
        flat(HOUR_BEFORE, 80_000)
        + flat(WINDOW, 80_010)
        + flat(EXTENDED[300:450], None)
        + flat(EXTENDED[450:], 80_040)
    )
    for source in ("north", "south"):
        index.report_rate(source, 80_060 * TICK, at=LATER)
    return index


@pytest.mark.parametrize(
    ("objected", "answer"),
    [
        (None, Fixed(80_010, PriceRule.WINDOW, 300, 300)),
        (PriceRule.WINDOW, Fixed(80_020, PriceRule.EXTENDED_WINDOW, 450, 600)),
        (PriceRule.EXTENDED_WINDOW, Fixed(80_005, PriceRule.BEFORE_OUTAGE, 600, 600)),
        (PriceRule.BEFORE_OUTAGE, Fixed(80_060, PriceRule.REFERENCE_RATES, 450, 600)),
        (PriceRule.REFERENCE_RATES, Fixed(80_070, PriceRule.COMMITTEE, 450, 600)),
        (PriceRule.COMMITTEE, Fixed(79_000, PriceRule.LAST_SETTLEMENT, 450, 600)),
        (PriceRule.LAST_SETTLEMENT, Fixed(79_000, PriceRule.LAST_SETTLEMENT, 450, 600)),
    ],
)
def test_an_objection_leads_to_the_rung_below(objected: PriceRule | None, answer: Fixed) -> None:
    assert fix(a_full_ladder(), objected=objected, committee=(80_070, "agreed"), now=LATER) == answer


def test_an_objection_to_the_window_waits_for_the_extended_one() -> None:
    assert fix(a_full_ladder(), objected=PriceRule.WINDOW, now=EXPIRY + MINUTE) == Postponed(LATER, 300, 300)


# --- attacks, and the record ----------------------------------------------------------------------------

FAIR = 800_000_000  # 8,000,000.00 roubles
Mids = Callable[[Time], dict[str, int]]


def pushed_at_the_close(at: Time) -> dict[str, int]:
    """One of four venues is 10% too high for the last five minutes."""
    return four(FAIR, Dune=FAIR * 11 // 10 if at > EXPIRY - 5 * MINUTE else FAIR)


def index_over(mids: Mids, since: Time = EXPIRY - 30 * MINUTE, until: Time = EXPIRY) -> Index:
    index = an_index()
    for at in range(since, until + 1, SECOND):
        show(index, at // SECOND, mids(at))
        index.publish(at)
    return index


def test_a_push_at_the_close_hardly_moves_the_fixing() -> None:
    """E15: 41.7 bp on the mean of plain means over half an hour, 2.1 bp on ours."""
    plain = [Fraction(sum(pushed_at_the_close(at).values()), 4) for at in WINDOW]
    assert distance_bp(sum(plain, Fraction()) / 300, FAIR) == 41.7
    index = index_over(pushed_at_the_close)
    fixed = decide(index, expiry=EXPIRY, tick=1, prior=FAIR, committee=None, objected=None, now=EXPIRY)
    assert isinstance(fixed, Fixed)
    assert fixed == (800_166_667, PriceRule.WINDOW, 300, 300)
    assert distance_bp(fixed.price, FAIR) == 2.1


def test_a_pushed_majority_is_no_price_while_reference_rates_disagree() -> None:
    """E15 and the basket: 986 bp on the index, but none of its samples is valid."""

    def three_pushed(_at: Time) -> dict[str, int]:
        return four(FAIR * 11 // 10, Amber=FAIR)

    index = an_index()
    for source in ("north", "south"):
        index.report_rate(source, FAIR, at=EXPIRY - 30 * MINUTE)
    for at in range(EXPIRY - 30 * MINUTE, EXPIRY + 1, SECOND):
        show(index, at // SECOND, three_pushed(at))
        index.publish(at)
    assert index.latest is not None
    assert distance_bp(index.latest.value, FAIR) == 986.2
    assert fix(index) == Postponed(LATER, 0, 300)
    assert fix(index, now=LATER) == Fixed(80_000, PriceRule.REFERENCE_RATES, 0, 600)


def test_the_price_follows_from_what_was_published() -> None:
    """I-51: whoever kept the published values, and nothing else, finds the same price."""

    def wandering(at: Time) -> dict[str, int]:
        drift = at // SECOND * 7_919 % 1_000_000
        return four(FAIR + drift, Dune=FAIR - drift)

    index = an_index()
    record = []
    for at in range(EXPIRY - HOUR, EXPIRY + 1, SECOND):
        if at < EXPIRY - 10 * MINUTE:
            show(index, at // SECOND, wandering(at))
        record.append(index.publish(at))
    again = an_index()
    again.history.extend(value for value in record if value is not None)
    assert fix(again) == fix(index)
    valid = [v for at in WINDOW for v in record if v and v.time == at and v.status is IndexStatus.OK]
    mean = Fraction(sum(v.value for v in valid), len(valid) * TICK)
    assert fix(index) == Fixed(round(mean), PriceRule.WINDOW, len(valid), 300)


def test_history_reaches_back_far_enough_when_the_index_flickers() -> None:
    """Half of the samples are lost; the hour before the first of them is still in reach."""
    index = an_index()
    for at in range(EXPIRY - 4 * HOUR, LATER + 1, SECOND):
        long_ago, flickers = at < WINDOW.start - HOUR, at >= WINDOW.start and at // SECOND % 12 < 6
        show(index, at // SECOND, four(FAIR * 2 if long_ago else FAIR), spread=0 if flickers else 2)
        index.publish(at)
    assert fix(index) == Postponed(LATER, 150, 300)
    assert fix(index, now=LATER) == Fixed(80_000, PriceRule.BEFORE_OUTAGE, 600, 600)
    assert len(index.history) <= 2 * 3_600 + 2
