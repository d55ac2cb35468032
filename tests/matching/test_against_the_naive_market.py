"""Random commands to the market and to a naive one that shares no code with it: every answer must agree."""

from collections import Counter
from random import Random
from typing import Any

import pytest

from matching import (
    Allocation,
    Instructions,
    Market,
    MarketTerms,
    OrderId,
    ParticipantId,
    Phase,
    PostOnly,
    PriceSource,
    Refusal,
    RestingOrder,
    SelfTradePrevention,
    Side,
    TimeInForce,
    Trigger,
    events,
)
from tests.oracles.naive_market import NEXT_PHASES, NaiveMarket, NaiveOrder, NaiveStop

KINDS = (
    "rested", "filled", "decremented", "replenished", "reduced", "requeued", "canceled", "unfilled",
    "self_trade", "linked", "waiting", "triggered", "crossed", "interrupted",
)  # fmt: skip
NAME_OF_KIND = {getattr(events, kind.upper()): kind for kind in KINDS}
COMMANDS = 500
AT_LEAST = 20

Command = tuple[Any, ...]
Setup = tuple[str, str, int, int]


# The commands


class RandomCommands:
    """Commands for one market, drawn from a seed and from where that market, told naively, stands."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.known = 0
        self.live: list[NaiveOrder] = []
        self.stops: list[NaiveStop] = []
        self.setup: Setup = (
            self.random.choice(("price_time", "pro_rata")),
            self.random.choice(("cancel_resting", "cancel_incoming", "cancel_both", "decrement")),
            self.random.choice((0, 0, 0, 500, 900, 1500)),
            self.random.choice((0, 0, 0, 300, 500, 800)),
        )
        self.settles = self.random.random() < 0.3
        self.prefers_linking = self.random.random() < 0.3

    def next(self, number: int, market: NaiveMarket) -> Command:
        phase = market.phase
        self.stops = market.stops
        self.live = market.orders + market.waiting_for_a_call + [stop.order for stop in market.stops]
        if self.settles and number >= COMMANDS - 25 and phase != "settled":
            return ("enter_phase", "settled" if phase == "closed" else "closed")
        if phase in ("halted", "closed") and self.random.random() < 0.3:
            return self.another_phase(phase)
        if phase in ("pre_open", "auction") and self.random.random() < 0.08:
            return self.another_phase(phase)
        if phase == "auction" and self.random.random() < 0.1:
            return ("uncross",)
        return self.random.choices(
            (
                self.place,
                self.cancel,
                self.amend,
                self.wait,
                self.rewait,
                self.link,
                self.observe,
                self.any_phase,
            ),
            (50, 7, 12, 9, 5, 14 if self.prefers_linking else 5, 5, 1.5),
        )[0]()

    def another_phase(self, phase: str) -> Command:
        choices = [following for following in NEXT_PHASES[phase] if following != "settled"]
        return ("enter_phase", self.random.choice(choices))

    def any_phase(self) -> Command:
        if self.random.random() < 0.1:
            return ("uncross",)
        phases = ("pre_open", "auction", "continuous", "halted", "closed")
        return ("enter_phase", self.random.choices(phases, (1, 6, 2, 1, 1))[0])

    def place(self) -> Command:
        return ("place", *self.order())

    def order(self) -> tuple[Any, ...]:
        """Identity, owner, whether it buys, price, quantity, time in force, post-only, minimum, display."""
        quantity = self.quantity()
        price, buys = self.price(), self.random.random() < 0.5
        lifetimes = ("gtc", "day", "gtd", "ioc", "fok", "auction")
        time_in_force = self.random.choices(lifetimes, (60, 4, 4, 10, 8, 8))[0]
        post_only = self.random.choices(("no", "reject", "slide"), (80, 10, 10))[0]
        minimum = self.random.choice((-1, 1, 2, 3, 5, 30)) if self.random.random() < 0.08 else 0
        display = self.display(quantity) if self.random.random() < 0.3 else 0
        owner = self.random.randint(1, 4)
        return (self.new_id(), owner, buys, price, quantity, time_in_force, post_only, minimum, display)

    def display(self, quantity: int) -> int:
        if self.random.random() < 0.1:
            return self.random.choice((-1, 9, 20))
        return self.random.randint(1, min(4, max(1, quantity - 1)))

    def new_id(self) -> int:
        if self.known and self.random.random() < 0.02:
            return self.known_id()
        self.known += 1
        return self.known

    def known_id(self) -> int:
        """Mostly an order still there, sometimes any that once was, sometimes one that never was."""
        if self.random.random() < 0.04:
            return 100_000
        if not self.live or self.random.random() < 0.15:
            return self.random.randint(1, max(1, self.known))
        return self.random.choice(self.live).order_id

    def price(self) -> int:
        if self.random.random() < 0.1:
            return self.random.randint(85, 115)
        return round(self.random.gauss(100, 4))

    def quantity(self) -> int:
        if self.random.random() < 0.03:
            return self.random.choice((0, -1))
        return self.random.choice((1, 2, 3, 4, 5, 6, 8, 12, 20))

    def cancel(self) -> Command:
        return ("cancel", self.known_id())

    def amend(self) -> Command:
        order_id, price, quantity = self.known_id(), self.price(), self.quantity()
        for order in self.live:
            if order.order_id == order_id and self.random.random() < 0.5:
                return ("amend", order_id, order.price, quantity)
        return ("amend", order_id, price, quantity)

    def wait(self) -> Command:
        source = self.random.choices(("last", "mark", "index"), (4, 1, 1))[0]
        price = 0 if self.random.random() < 0.05 else self.price()
        offset = self.random.choices((0, -1, 1, 3, 5), (12, 1, 2, 2, 2))[0]
        return ("wait", *self.order(), source, price, self.random.random() < 0.5, offset)

    def rewait(self) -> Command:
        """Mostly of an order that waits for a price."""
        waiting = [stop for stop in self.stops if not stop.offset or self.random.random() < 0.8]
        order_id = self.known_id() if self.random.random() < 0.2 or not waiting else 0
        offset = None
        if not order_id:
            stop = self.random.choice(waiting)
            order_id = stop.order.order_id
            offset = self.random.choice((None, -1, 1, 3, 5)) if stop.offset else None
        trigger_price = self.random.choice((None, 0, self.price(), self.price(), self.price()))
        return ("rewait", order_id, self.price(), self.quantity(), trigger_price, offset)

    def link(self) -> Command:
        first = self.known_id()
        for order in self.live:
            if order.order_id == first and self.random.random() < 0.8:
                others = [other for other in self.live if other.owner == order.owner]
                return ("link", first, self.random.choice(others).order_id, self.random.random() < 0.4)
        return ("link", first, self.known_id(), False)

    def observe(self) -> Command:
        return ("observe", self.random.choice(("mark", "index")), self.price())


# The same command for either market


def real_order(arguments: Command) -> RestingOrder:
    order_id, owner, buys, price, quantity, time_in_force, post_only, minimum, display = arguments
    instructions = Instructions(
        TimeInForce[time_in_force.upper()], PostOnly[post_only.upper()], minimum, display
    )
    side, name = Side.BUY if buys else Side.SELL, ParticipantId(f"owner {owner}")
    return RestingOrder(OrderId(order_id), name, side, price, quantity, instructions)


def tell_naive(market: NaiveMarket, command: Command) -> Any:
    name, *arguments = command
    if name in ("place", "wait"):
        return getattr(market, name)(NaiveOrder(*arguments[:9]), *arguments[9:])
    return getattr(market, name)(*arguments)


def tell_real(market: Market, command: Command) -> Any:
    answer = real_answer(market, *command)
    if isinstance(answer, Refusal):
        return answer.value
    return [(NAME_OF_KIND[kind], order.order_id, price, quantity) for kind, order, price, quantity in answer]


def real_answer(market: Market, name: str, *arguments: Any) -> Any:
    if name == "place":
        return market.place(real_order(arguments))
    if name == "wait":
        source, price, rises, offset = arguments[9:]
        trigger = Trigger(PriceSource[source.upper()], price, rises, offset)
        return market.wait(real_order(arguments[:9]), trigger)
    if name == "rewait":
        return real_rewait(market, *arguments)
    if name == "observe":
        return market.observe(PriceSource[arguments[0].upper()], arguments[1])
    if name == "enter_phase":
        return market.enter_phase(Phase[arguments[0].upper()])
    return getattr(market, name)(*arguments)


def real_rewait(
    market: Market, number: int, price: int, quantity: int, trigger_price: int | None, offset: int | None
) -> Any:
    order_id = OrderId(number)
    waiting = market.waiting.by_id.get(order_id)
    if waiting is None or waiting.trigger is None:
        stranger = RestingOrder(order_id, ParticipantId("owner 1"), Side.BUY, price, quantity)
        return market.rewait_refusal(stranger, None)
    order, trigger = waiting.order, None
    if trigger_price is not None or offset is not None:
        old = waiting.trigger
        trigger = Trigger(
            old.source,
            waiting.price if trigger_price is None else trigger_price,
            old.rises,
            old.offset if offset is None else offset,
        )
    amended = RestingOrder(order_id, order.owner, order.side, price, quantity, order.instructions)
    refusal = market.rewait_refusal(amended, trigger)
    return refusal if refusal is not None else market.rewait(order, price, quantity, trigger)


def naive_market(setup: Setup) -> NaiveMarket:
    return NaiveMarket(*setup, reference=100)


def real_market(setup: Setup) -> Market:
    allocation, prevention, static_band_bp, dynamic_band_bp = setup
    terms = MarketTerms(
        allocation=Allocation[allocation.upper()],
        prevention=SelfTradePrevention[prevention.upper()],
        static_band_bp=static_band_bp,
        dynamic_band_bp=dynamic_band_bp,
    )
    return Market(terms, reference=100)


# The comparison


def state_of_naive(market: NaiveMarket) -> tuple[Any, ...]:
    indication = market.indicative()
    books = (market.depth(True, 99), market.depth(False, 99))
    return (market.phase, market.last, market.sequence, *books, indication, [])


def state_of_real(market: Market) -> tuple[Any, ...]:
    """Phase, last price, events so far, both sides, the call's price, and what the audit objects to."""
    books = (market.depth(Side.BUY, 99), market.depth(Side.SELL, 99))
    indication = market.indicative()
    call = None if indication is None else tuple(indication)
    return (market.phase.name.lower(), market.last, market.sequence, *books, call, market.audit())


def compare(seed: int) -> None:
    """Run one market of a seed, told to both; after every command they must agree on answer and state."""
    commands = RandomCommands(seed)
    naive, real = naive_market(commands.setup), real_market(commands.setup)
    for number in range(COMMANDS):
        command = commands.next(number, naive)
        expected, answer = tell_naive(naive, command), tell_real(real, command)
        where = f"seed {seed}, {commands.setup}, command {number}: {command}"
        assert answer == expected, f"{where}\nthe market answers {answer}\nthe naive one    {expected}"
        state, expected_state = state_of_real(real), state_of_naive(naive)
        assert state == expected_state, (
            f"{where}\nthe market is in {state}\nthe naive one    {expected_state}"
        )


@pytest.mark.parametrize("chunk", range(10))
def test_fifty_thousand_commands_are_answered_as_by_the_naive_market(chunk: int) -> None:
    for seed in range(10 * chunk, 10 * chunk + 10):
        compare(seed)


@pytest.mark.nightly
@pytest.mark.parametrize("chunk", range(100))
def test_a_million_commands_are_answered_as_by_the_naive_market(chunk: int) -> None:
    for seed in range(1_000 + 20 * chunk, 1_020 + 20 * chunk):
        compare(seed)


# What the commands reach


def test_the_commands_reach_every_kind_of_event_and_every_refusal() -> None:
    counted: Counter[str] = Counter()
    for seed in range(100):
        commands = RandomCommands(seed)
        market = naive_market(commands.setup)
        for number in range(COMMANDS):
            answer = tell_naive(market, commands.next(number, market))
            counted.update([answer] if isinstance(answer, str) else [event[0] for event in answer])
    names = (*KINDS, *(refusal.value for refusal in Refusal))
    assert {name: counted[name] for name in names if counted[name] < AT_LEAST} == {}
