"""What it costs to admit an order, by the number of others and by what the account itself has: JSON lines.

    python -m tests.benchmarks.admission [ROUNDS]

One participant places limit orders that come to rest, through the whole exchange, and each is canceled; only the
placing is timed. Everybody else holds a position. First the others become more, with a single future listed; then
the strikes do, with ten others: every strike is a node of the bucket under full cover, while under margin the rows
run over at most all cells of the scenarios, however many strikes there are. The median over rounds of 100 orders.
"""

import gc
import json
import statistics
import sys
import time

from exchange.clearing.terms import ClearingMode, ClearingRules
from exchange.commands import CancelAll
from exchange.instruments import ContractKind
from matching.terms import Side
from tests.benchmarks.crowd import Crowd
from tests.builders import BTCF, future, option

OTHERS = (10, 1_000, 10_000)
STRIKES = (2, 8, 32)
ORDERS = 100


def crowd(others: int, strikes: int, mode: ClearingMode) -> Crowd:
    calls = [option(ContractKind.CALL, 60_000 + 1_000 * number) for number in range(strikes)]
    found = Crowd(others + 2, [future(), *calls], ClearingRules(mode=mode))
    found.trade(80_000, BTCF, found.names)
    return found


def microseconds_per_order(venue: Crowd, rounds: int) -> list[float]:
    """One figure a round."""
    own, took = venue.names[0], []
    for _ in range(rounds):
        orders = [venue.order(own, Side.BUY, 79_000 - number, BTCF) for number in range(ORDERS)]
        gc.collect()
        gc.disable()
        started = time.process_time()
        for order in orders:
            venue.tell(order)
        took.append((time.process_time() - started) / ORDERS * 1e6)
        gc.enable()
        assert len(venue.exchange.state.seats[own].orders) == ORDERS
        venue.tell(CancelAll(participant_id=own))
    return took


def measure(others: int, strikes: int, mode: ClearingMode, rounds: int) -> None:
    took = microseconds_per_order(crowd(others, strikes, mode), rounds)
    figures = {"us_per_order": round(statistics.median(took), 2), "lowest": round(min(took), 2)}
    print(json.dumps({"clearing": mode, "others": others, "strikes": strikes, **figures}), flush=True)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    for mode in ClearingMode:
        for others in OTHERS:
            measure(others, 0, mode, rounds)
        for strikes in STRIKES:
            measure(OTHERS[0], strikes, mode, rounds)


if __name__ == "__main__":
    main()
