"""One clearing session under margin, over many accounts with three positions each: one JSON line.

    python -m tests.benchmarks.clearing_session [ACCOUNTS] [ROUNDS]

Two futures of different expiries and a call; half of the accounts are long in all three, half short. Between two
sessions the index moves by 1%, so that every account owes or is owed. `session_s` is the CPU of the whole duty
through the exchange: value all accounts, write down what is owed, collect, pay, review; entries included.
The other figures are its parts, measured apart in further rounds. The medians of the rounds.
"""

import gc
import json
import statistics
import sys
import time
from collections.abc import Callable

from exchange import margining
from exchange.clearing.margin import MarginCover
from exchange.clearing.margin_accounts import Due
from exchange.clearing.terms import ClearingMode, ClearingRules, ClearingTime, VariationSchedule
from exchange.clearing.variation import Payment, owe, pay
from exchange.events import Entry, VariationCleared
from exchange.instruments import ContractKind, Instrument
from exchange.units import DAY, HOUR, MINUTE, SECOND, InstrumentId, Time
from tests.benchmarks.crowd import Crowd
from tests.builders import EXPIRY, OPENS, future, option

FIRST = OPENS % DAY + 10 * MINUTE  # when the first session marks, after midnight
INDEX = 800_000_000
SERIES: tuple[Instrument, ...] = (
    future(),
    future(instrument_id=InstrumentId("BTC_RUBD-LATE"), expiry=EXPIRY + 5 * HOUR),
    option(ContractKind.CALL, 90_000, reference=4_000),
)


def crowd(count: int, rounds: int) -> Crowd:
    times = tuple(FIRST + number * MINUTE for number in range(2 * rounds))
    schedule = VariationSchedule(clearings=tuple(ClearingTime(marks=at, pays=at) for at in times))
    found = Crowd(count, SERIES, ClearingRules(mode=ClearingMode.RISK, variation=schedule, revaluation=DAY))
    found.quote(INDEX)
    found.wait_until(OPENS + 2 * SECOND)
    for instrument in SERIES:
        found.trade(instrument.reference, instrument.instrument_id, found.names)
    return found


def margin_of(venue: Crowd) -> MarginCover:
    margin = venue.exchange.state.covers.margin
    assert margin is not None
    return margin


def move_index(venue: Crowd, at: Time, number: int) -> None:
    """Up and down by 1%, in time for the session `at`, which is all that is then still to be done."""
    venue.wait_until(at - 10 * SECOND)
    venue.quote(INDEX + (INDEX // 100 if number % 2 else 0))
    venue.wait_until(at - 1)


def timed(doing: Callable[[], object]) -> float:
    gc.collect()
    started = time.process_time()
    doing()
    return time.process_time() - started


def whole(venue: Crowd, at: Time) -> float:
    entries: list[Entry] = []
    took = timed(lambda: entries.extend(venue.wait_until(at)))
    cleared = [entry.event for entry in entries if isinstance(entry.event, VariationCleared)]
    assert len(cleared) == 1 and cleared[0].distributed > 0 and not cleared[0].late
    return took


def in_parts(venue: Crowd) -> dict[str, float]:
    """The same steps as the road takes, each timed."""
    state, margin = venue.exchange.state, margin_of(venue)
    took: dict[str, float] = {}
    took["value_s"] = timed(lambda: list(margining.value_all(state)))
    dues: list[Due] = []
    took["variation_s"] = timed(lambda: dues.extend(margin.variation()))
    took["owe_s"] = timed(lambda: state.ledger.book(owe(dues, margin.cash), state.now))
    paid: list[Payment] = []
    took["pay_s"] = timed(
        lambda: paid.append(pay(margin.accounts.values(), margin.cash, state.ledger, margin.rules.scenarios))
    )
    took["book_s"] = timed(lambda: state.ledger.book(paid[0].moves, state.now))
    took["review_s"] = timed(lambda: list(margining.review(state)))
    return took


def main() -> None:
    numbers = [int(word) for word in sys.argv[1:]]
    count, rounds = (numbers + [10_000, 5][len(numbers) :])[:2]
    venue = crowd(count, rounds)
    sessions, parts = [], []
    midnight = OPENS - OPENS % DAY
    for number in range(2 * rounds):
        at = midnight + FIRST + number * MINUTE
        move_index(venue, at, number + 1)
        if number % 2:
            parts.append(in_parts(venue))
            venue.wait_until(at)  # with nothing left to clear
        else:
            sessions.append(whole(venue, at))
    median = {name: round(statistics.median(part[name] for part in parts), 3) for name in parts[0]}
    figures = {"session_s": round(statistics.median(sessions), 3), "highest_s": round(max(sessions), 3)}
    print(json.dumps({"accounts": count, "positions": len(SERIES) * count, **figures, **median}))


if __name__ == "__main__":
    main()
