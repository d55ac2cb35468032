"""A naive market in one instrument: the rules of matching, written down once more in the plainest way.

Every order of the book stands in one list in the order of its queue; the best order is found by looking at
all of them, the price of a call by trying every tick, and whether an order can be filled by filling it in a
copy of the whole market. Nothing here is fast and nothing is shared with the code of `matching`: the two were
written apart from the same rules, so what they agree on is unlikely to be a slip of either.

Calls take and return plain values. A refusal is its name as a `str`; otherwise the answer is a list of
`(kind, order_id, price, quantity)`.
"""

import copy
from dataclasses import dataclass

NaiveEvent = tuple[str, int, int, int]
Answer = str | list[NaiveEvent]

CALLS = ("pre_open", "auction")
ENDS_AT_ONCE = ("ioc", "fok")
NEXT_PHASES = {
    "closed": ("pre_open", "auction", "continuous", "settled"),
    "pre_open": ("auction", "continuous", "halted", "closed"),
    "auction": ("continuous", "halted", "closed"),
    "continuous": ("auction", "halted", "closed"),
    "halted": ("auction", "continuous", "closed"),
    "settled": (),
}
SHUT = {
    "settled": "instrument_settled",
    "closed": "instrument_closed",
    "halted": "instrument_halted",
}


@dataclass(eq=False)
class NaiveOrder:
    """One order: `shown` is what the book displays of `remaining`, `display` 0 means all of it."""

    order_id: int
    owner: int
    buys: bool
    price: int
    remaining: int
    time_in_force: str = "gtc"
    post_only: str = "no"
    minimum: int = 0
    display: int = 0
    shown: int = 0

    def to_show(self) -> int:
        """What a freshly displayed part of the order amounts to."""
        return min(self.display, self.remaining) if self.display else self.remaining


@dataclass(eq=False)
class NaiveStop:
    """An order that waits for the price of `source` to reach `price`; with an `offset` it trails."""

    order: NaiveOrder
    source: str
    price: int
    rises: bool
    offset: int

    def reached_by(self, price: int) -> bool:
        """Whether `price` is at or through the trigger."""
        return price >= self.price if self.rises else price <= self.price

    def follow(self, price: int) -> None:
        """Let a trailing trigger follow a new price of its source."""
        if self.offset > 0 and self.rises:
            self.price = min(self.price, price + self.offset)
        elif self.offset > 0:
            self.price = max(self.price, price - self.offset)


class NaiveMarket:
    """The market for one instrument, by plain loops over plain lists."""

    def __init__(
        self, allocation: str, prevention: str, static_band_bp: int, dynamic_band_bp: int, reference: int
    ) -> None:
        self.allocation = allocation
        self.prevention = prevention
        self.static_band_bp = static_band_bp
        self.dynamic_band_bp = dynamic_band_bp
        self.reference = reference
        self.last: int | None = None
        self.phase = "continuous"
        self.sequence = 0
        self.orders: list[NaiveOrder] = []
        self.waiting_for_a_call: list[NaiveOrder] = []
        self.stops: list[NaiveStop] = []
        self.partners: dict[int, int] = {}
        self.patient: set[int] = set()
        self.prices: dict[str, int] = {}
        self.events: list[NaiveEvent] = []
        self.incoming: NaiveOrder | None = None
        self.last_before_entry: int | None = None
        self.traded = False

    # The calls

    def place(self, order: NaiveOrder) -> Answer:
        self.begin()
        refusal = self.refusal(order)
        if refusal:
            return refusal
        self.enter(order)
        return self.finish()

    def cancel(self, order_id: int) -> Answer:
        self.begin()
        if self.phase == "settled":
            return "instrument_settled"
        order = self.find(order_id)
        if order is None:
            return "unknown_order"
        self.remove(order)
        self.emit("canceled", order, order.price, order.remaining)
        self.cancel_partner_of(order)
        return self.finish()

    def amend(self, order_id: int, price: int, quantity: int) -> Answer:
        self.begin()
        order = self.find(order_id)
        refusal = self.refusal_to_amend(order, price, quantity)
        if refusal or order is None:
            return refusal
        if price == order.price and quantity <= order.remaining:
            self.reduce(order, quantity)
        else:
            self.requeue(order, price, quantity)
        return self.finish()

    def wait(self, order: NaiveOrder, source: str, price: int, rises: bool, offset: int) -> Answer:
        self.begin()
        stop = NaiveStop(order, source, price, rises, offset)
        refusal = self.refusal_to_wait(stop)
        if refusal:
            return refusal
        if offset > 0 and source in self.prices:
            stop.price = self.prices[source] + (offset if rises else -offset)
        self.stops.append(stop)
        self.emit("waiting", order, stop.price, order.remaining)
        return self.finish()

    def rewait(
        self, order_id: int, price: int, quantity: int, trigger_price: int | None, offset: int | None
    ) -> Answer:
        """Amend an order that waits for a price. `None` leaves the trigger, or the distance, as it is."""
        self.begin()
        stop = next((stop for stop in self.stops if stop.order.order_id == order_id), None)
        if stop is None:
            return "not_waiting"
        changed = copy.deepcopy(stop)
        changed.order.order_id = 0  # no duplicate of itself
        changed.order.price, changed.order.remaining = price, quantity
        if trigger_price is not None:
            changed.price = trigger_price
        if offset is not None:
            changed.offset = offset
        moves = trigger_price is not None or offset is not None
        refusal = self.refusal_of_form(changed.order)
        if refusal:
            return refusal
        if changed.price < 1 or changed.offset < 0:
            return "trigger_not_positive"
        if moves and self.is_reached(changed):
            return "trigger_passed"
        stop.order.price, stop.order.remaining = price, quantity
        stop.price, stop.offset = changed.price, changed.offset
        if moves:
            self.stops.remove(stop)
            self.stops.append(stop)
        self.emit("waiting", stop.order, stop.price, quantity)
        return self.finish()

    def link(self, first_id: int, second_id: int, patient: bool) -> Answer:
        self.begin()
        if self.phase in SHUT:
            return SHUT[self.phase]
        if first_id == second_id:
            return "same_order"
        first, second = self.find(first_id), self.find(second_id)
        if first is None or second is None:
            return "unknown_order"
        if first.owner != second.owner:
            return "different_owners"
        if first_id in self.partners or second_id in self.partners:
            return "already_linked"
        self.partners[first_id] = second_id
        self.partners[second_id] = first_id
        if patient:
            self.patient |= {first_id, second_id}
        return self.finish()

    def observe(self, source: str, price: int) -> list[NaiveEvent]:
        self.begin()
        self.fire(self.reached_after(source, price))
        return self.finish()

    def enter_phase(self, phase: str) -> Answer:
        self.begin()
        if phase not in NEXT_PHASES[self.phase]:
            return "illegal_transition"
        if phase == "continuous" and self.is_crossed():
            return "book_crossed"
        self.phase = phase
        if phase in CALLS:
            self.admit_to_the_call()
        if phase == "continuous":
            self.fire([(stop, self.prices[stop.source]) for stop in self.stops if self.is_reached(stop)])
        return self.finish()

    def uncross(self) -> Answer:
        self.begin()
        if self.phase != "auction":
            return "not_in_auction"
        while (indication := self.indicative()) is not None:
            self.cross_at(indication[0])
            self.reference = indication[0]
        for order in self.in_turn(buys=True) + self.in_turn(buys=False):
            if order.time_in_force == "auction" and order in self.orders:
                self.orders.remove(order)
                self.emit("unfilled", order, order.price, order.remaining)
                self.cancel_partner_of(order)
        return self.finish()

    def indicative(self) -> tuple[int, int, int] | None:
        """Price, volume and surplus of demand over supply of a call held now."""
        prices = [order.price for order in self.orders]
        if not prices:
            return None
        ticks = [(p, *self.demand_and_supply(p)) for p in range(min(prices), max(prices) + 1)]
        volume = max(min(demand, supply) for _, demand, supply in ticks)
        if volume == 0:
            return None
        ticks = [tick for tick in ticks if min(tick[1], tick[2]) == volume]
        imbalance = min(abs(demand - supply) for _, demand, supply in ticks)
        ticks = [tick for tick in ticks if abs(tick[1] - tick[2]) == imbalance]
        price, demand, supply = self.choose(ticks)
        return price, volume, demand - supply

    def depth(self, buys: bool, levels: int) -> list[tuple[int, int]]:
        """The best `levels` prices of a side, each with the quantity displayed there."""
        shown: dict[int, int] = {}
        for order in self.in_turn(buys):
            shown[order.price] = shown.get(order.price, 0) + order.shown
        return list(shown.items())[:levels]

    # One command

    def begin(self) -> None:
        self.events = []
        self.traded = False

    def finish(self) -> list[NaiveEvent]:
        """Observe the last price if the command traded; the command's events are complete after it."""
        self.fire(self.reached_by_own_trades())
        self.sequence += len(self.events)
        return self.events

    def emit(self, kind: str, order: NaiveOrder, price: int, quantity: int) -> None:
        self.events.append((kind, order.order_id, price, quantity))

    # Looking things up

    def find(self, order_id: int) -> NaiveOrder | None:
        candidates = self.orders + self.waiting_for_a_call + [stop.order for stop in self.stops]
        if self.incoming is not None:
            candidates.append(self.incoming)
        for order in candidates:
            if order.order_id == order_id:
                return order
        return None

    def remove(self, order: NaiveOrder) -> None:
        self.orders = [other for other in self.orders if other is not order]
        self.waiting_for_a_call = [other for other in self.waiting_for_a_call if other is not order]
        self.stops = [stop for stop in self.stops if stop.order is not order]

    def in_turn(self, buys: bool) -> list[NaiveOrder]:
        """The orders of a side, best price first and in time at a price."""
        side = [order for order in self.orders if order.buys == buys]
        return sorted(side, key=lambda order: -order.price if buys else order.price)

    def best(self, buys: bool) -> NaiveOrder | None:
        side = self.in_turn(buys)
        return side[0] if side else None

    def is_crossed(self) -> bool:
        bid, ask = self.best(buys=True), self.best(buys=False)
        return bid is not None and ask is not None and bid.price >= ask.price

    def crosses(self, buys: bool, price: int, resting_price: int) -> bool:
        return price >= resting_price if buys else price <= resting_price

    def crosses_best(self, buys: bool, price: int) -> bool:
        best = self.best(not buys)
        return best is not None and self.crosses(buys, price, best.price)

    # Refusals

    def refusal(self, order: NaiveOrder) -> str:
        """The first reason not to accept an order, or an empty string."""
        return self.refusal_of_form(order) or self.refusal_of_instructions(order) or self.refusal_now(order)

    def refusal_of_form(self, order: NaiveOrder) -> str:
        if self.find(order.order_id) is not None:
            return "duplicate_order_id"
        if self.phase in SHUT:
            return SHUT[self.phase]
        if order.remaining < 1:
            return "quantity_not_positive"
        if order.display < 0:
            return "display_too_small"
        if order.display != 0 and order.display >= order.remaining:
            return "display_not_below_quantity"
        if order.minimum < 0 or order.minimum > order.remaining:
            return "minimum_above_quantity"
        return ""

    def refusal_of_instructions(self, order: NaiveOrder) -> str:
        trades_at_once = order.time_in_force in ENDS_AT_ONCE or order.minimum > 0
        if trades_at_once and (self.phase in CALLS or order.time_in_force == "auction"):
            return "needs_continuous_trading"
        if order.post_only != "no" and (trades_at_once or order.time_in_force == "auction"):
            return "post_only_needs_rest"
        return ""

    def refusal_now(self, order: NaiveOrder) -> str:
        if self.phase != "continuous":
            return ""
        if order.post_only == "reject" and self.crosses_best(order.buys, order.price):
            return "post_only_would_trade"
        needed = order.remaining if order.time_in_force == "fok" else order.minimum
        if needed > 0 and self.could_trade(order) < needed:
            return "unfillable_at_once"
        return ""

    def could_trade(self, order: NaiveOrder) -> int:
        """What an order would trade at once, found by letting it trade in a copy of the market."""
        if order.time_in_force == "auction":
            return 0
        trial = copy.deepcopy(self)
        trial.events = []
        trial.last_before_entry = self.last
        trial.match(copy.copy(order))
        return sum(quantity for kind, _, _, quantity in trial.events if kind == "filled")

    def refusal_to_wait(self, stop: NaiveStop) -> str:
        refusal = self.refusal_of_form(stop.order)
        if refusal:
            return refusal
        if stop.price < 1 or stop.offset < 0:
            return "trigger_not_positive"
        if stop.offset == 0 and self.is_reached(stop):
            return "trigger_passed"
        return ""

    def refusal_to_amend(self, order: NaiveOrder | None, price: int, quantity: int) -> str:
        if self.phase in SHUT:
            return SHUT[self.phase]
        if order is None:
            return "unknown_order"
        if order not in self.orders:
            return "not_on_book"
        if quantity < 1:
            return "quantity_not_positive"
        loses_priority = price != order.price or quantity > order.remaining
        if loses_priority and self.phase == "continuous" and order.post_only != "no":
            return "post_only_would_trade" if self.crosses_best(order.buys, price) else ""
        return ""

    # Amending

    def reduce(self, order: NaiveOrder, quantity: int) -> None:
        self.take_hidden_first(order, order.remaining - quantity)
        self.emit("reduced", order, order.price, quantity)

    def requeue(self, order: NaiveOrder, price: int, quantity: int) -> None:
        self.orders.remove(order)
        order.price = price
        order.remaining = quantity
        self.emit("requeued", order, price, quantity)
        self.enter(order)

    # Entering

    def enter(self, order: NaiveOrder) -> None:
        self.incoming = order
        self.last_before_entry = self.last
        if self.phase in CALLS:
            self.enter_the_call(order)
        elif order.time_in_force == "auction":
            self.waiting_for_a_call.append(order)
            self.emit("waiting", order, order.price, order.remaining)
        else:
            self.enter_continuous_trading(order)
        self.incoming = None
        if self.phase in CALLS:
            self.admit_to_the_call()

    def enter_continuous_trading(self, order: NaiveOrder) -> None:
        best = self.best(not order.buys)
        if order.post_only == "slide" and best and self.crosses(order.buys, order.price, best.price):
            order.price = best.price + (-1 if order.buys else 1)
        self.match(order)
        if order.remaining == 0:
            return
        if order.time_in_force in ENDS_AT_ONCE:
            self.emit("unfilled", order, order.price, order.remaining)
            self.cancel_partner_of(order)
        elif self.phase in CALLS:
            self.enter_the_call(order)
        else:
            self.rest(order)

    def enter_the_call(self, order: NaiveOrder) -> None:
        """Rest without trading, once the orders of the same owner that it crosses are dealt with."""
        for resting in self.in_turn(not order.buys):
            meets_own = resting.owner == order.owner and self.crosses(order.buys, order.price, resting.price)
            if meets_own and order.remaining > 0 and resting in self.orders:
                self.prevent_self_trade(order, resting, min(order.remaining, resting.remaining), whole=True)
        if order.remaining > 0:
            self.rest(order)

    def rest(self, order: NaiveOrder) -> None:
        order.shown = order.to_show()
        self.orders.append(order)
        self.emit("rested", order, order.price, order.shown)

    def admit_to_the_call(self) -> None:
        while self.waiting_for_a_call:
            order = self.waiting_for_a_call.pop(0)
            self.emit("triggered", order, order.price, order.remaining)
            self.enter(order)

    # Trading

    def match(self, taker: NaiveOrder) -> None:
        while taker.remaining > 0:
            maker = self.best(not taker.buys)
            if maker is None or not self.crosses(taker.buys, taker.price, maker.price):
                return
            bound = self.bound(taker.buys)
            if bound is not None and bound != maker.price and self.crosses(taker.buys, maker.price, bound):
                self.emit("interrupted", taker, bound, taker.remaining)
                self.phase = "auction"
                return
            if self.allocation == "pro_rata":
                self.trade_with_level(taker, maker.price)
            else:
                self.meet(taker, maker)

    def bound(self, buys: bool) -> int | None:
        """The furthest price at which an incoming order may trade, or None where no band is in force."""
        moving = self.reference if self.last_before_entry is None else self.last_before_entry
        bounds = []
        for middle, width in ((self.reference, self.static_band_bp), (moving, self.dynamic_band_bp)):
            if width > 0:
                distance = middle * width // 10000
                bounds.append(middle + distance if buys else middle - distance)
        if not bounds:
            return None
        return min(bounds) if buys else max(bounds)

    def meet(self, taker: NaiveOrder, maker: NaiveOrder) -> None:
        quantity = min(taker.remaining, maker.shown)
        if taker.owner == maker.owner:
            self.prevent_self_trade(taker, maker, quantity, whole=False)
        else:
            self.fill(taker, maker, quantity)

    def fill(self, taker: NaiveOrder, maker: NaiveOrder, quantity: int) -> None:
        taker.remaining -= quantity
        self.last = maker.price
        self.traded = True
        self.take_from(maker, quantity, "filled")
        for order in (maker, taker):
            self.cancel_partner_unless_patient(order)

    def take_from(self, maker: NaiveOrder, quantity: int, kind: str) -> None:
        """Take what an order displays, then what it hides; used up, it shows more and goes to the back."""
        maker.remaining -= quantity
        maker.shown = max(0, maker.shown - quantity)
        self.emit(kind, maker, maker.price, quantity)
        if maker.remaining == 0:
            self.orders.remove(maker)
        elif maker.shown == 0:
            self.orders.remove(maker)
            self.orders.append(maker)
            maker.shown = maker.to_show()
            self.emit("replenished", maker, maker.price, maker.shown)

    def trade_with_level(self, taker: NaiveOrder, price: int) -> None:
        """Deal with everything now displayed at one price, in proportion to what each order displays."""
        while taker.remaining > 0 and (own := [o for o in self.at(taker, price) if o.owner == taker.owner]):
            self.meet(taker, own[0])
        level = self.at(taker, price)
        for maker, quantity in zip(level, self.shares(taker.remaining, level), strict=True):
            if quantity > 0 and maker in self.orders:
                self.fill(taker, maker, quantity)

    def at(self, taker: NaiveOrder, price: int) -> list[NaiveOrder]:
        return [order for order in self.orders if order.buys != taker.buys and order.price == price]

    def shares(self, quantity: int, level: list[NaiveOrder]) -> list[int]:
        """How many lots each order of a level gets: the first its fill, the others in proportion."""
        shown = [order.shown for order in level]
        if quantity >= sum(shown):
            return shown
        first = min(quantity, shown[0])
        rest = quantity - first
        others = sum(shown[1:])
        shares = [first] + [rest * lots // others for lots in shown[1:]]
        left_over = quantity - sum(shares)
        for place in range(1, len(shares)):
            extra = min(left_over, shown[place] - shares[place])
            shares[place] += extra
            left_over -= extra
        return shares

    def take_hidden_first(self, order: NaiveOrder, quantity: int) -> None:
        """Take of the whole of an order, in its place: what it displays stays as long as it can."""
        order.remaining -= quantity
        order.shown = min(order.shown, order.remaining)

    def prevent_self_trade(
        self, incoming: NaiveOrder, resting: NaiveOrder, quantity: int, whole: bool
    ) -> None:
        if self.prevention == "decrement":
            self.decrement(incoming, resting, quantity, whole)
        if self.prevention in ("cancel_resting", "cancel_both"):
            self.orders.remove(resting)
            self.give_way(resting)
        if self.prevention in ("cancel_incoming", "cancel_both") and incoming.remaining > 0:
            self.give_way(incoming)

    def give_way(self, order: NaiveOrder) -> None:
        self.emit("self_trade", order, order.price, order.remaining)
        order.remaining = 0
        self.cancel_partner_of(order)

    def decrement(self, incoming: NaiveOrder, resting: NaiveOrder, quantity: int, whole: bool) -> None:
        incoming.remaining -= quantity
        if whole and resting.shown < resting.remaining:
            self.take_hidden_first(resting, quantity)
            self.emit("decremented", resting, resting.price, quantity)
            if resting.remaining == 0:
                self.orders.remove(resting)
        else:
            self.take_from(resting, quantity, "decremented")
        for order in (resting, incoming):
            if order.remaining == 0:
                self.cancel_partner_of(order)

    def cancel_partner_unless_patient(self, order: NaiveOrder) -> None:
        """It has traded: a patient pair minds only if that was all of it."""
        if order.remaining == 0 or order.order_id not in self.patient:
            self.cancel_partner_of(order)

    def cancel_partner_of(self, order: NaiveOrder) -> None:
        """Cancel what an order is linked with; the link is gone before, so that nothing echoes."""
        if order.order_id not in self.partners:
            return
        partner_id = self.partners.pop(order.order_id)
        del self.partners[partner_id]
        self.patient -= {order.order_id, partner_id}
        partner = self.find(partner_id)
        if partner is not None and partner.remaining > 0:
            self.remove(partner)
            self.emit("linked", partner, partner.price, partner.remaining)
            partner.remaining = 0

    # The call

    def demand_and_supply(self, price: int) -> tuple[int, int]:
        demand = sum(order.remaining for order in self.orders if order.buys and order.price >= price)
        supply = sum(order.remaining for order in self.orders if not order.buys and order.price <= price)
        return demand, supply

    def choose(self, ticks: list[tuple[int, int, int]]) -> tuple[int, int, int]:
        """Among equally good ticks: where the pressure of the surplus points, else nearest to the last price."""
        if all(demand > supply for _, demand, supply in ticks):
            return ticks[-1]
        if all(demand < supply for _, demand, supply in ticks):
            return ticks[0]
        buyers_left = [tick for tick in ticks if tick[1] > tick[2]]
        sellers_left = [tick for tick in ticks if tick[1] < tick[2]]
        if buyers_left and sellers_left:
            ticks = [buyers_left[-1], sellers_left[0]]
        middle = self.reference if self.last is None else self.last
        return min(ticks, key=lambda tick: abs(tick[0] - middle))

    def cross_at(self, price: int) -> None:
        while True:
            bid, ask = self.best(buys=True), self.best(buys=False)
            if bid is None or ask is None or bid.price < price or ask.price > price:
                return
            quantity = min(bid.remaining, ask.remaining)
            self.last = price
            self.traded = True
            for order in (bid, ask):
                self.cross(order, price, quantity)
            for order in (bid, ask):
                self.cancel_partner_unless_patient(order)

    def cross(self, order: NaiveOrder, price: int, quantity: int) -> None:
        """Trade in the call, where a hidden part fills in its order's place."""
        order.remaining -= quantity
        order.shown = order.to_show()
        self.emit("crossed", order, price, quantity)
        if order.remaining == 0:
            self.orders.remove(order)

    # Waiting orders

    def is_reached(self, stop: NaiveStop) -> bool:
        return stop.source in self.prices and stop.reached_by(self.prices[stop.source])

    def reached_after(self, source: str, price: int) -> list[tuple[NaiveStop, int]]:
        """Observe a price: every trailing trigger follows it, and those it reaches are returned in turn."""
        self.prices[source] = price
        reached = []
        for stop in self.stops:
            if stop.source == source:
                stop.follow(price)
                if stop.reached_by(price):
                    reached.append((stop, price))
        return reached

    def reached_by_own_trades(self) -> list[tuple[NaiveStop, int]]:
        if not self.traded or self.last is None:
            return []
        self.traded = False
        return self.reached_after("last", self.last)

    def fire(self, reached: list[tuple[NaiveStop, int]]) -> None:
        """Fire one after another; what the trades of one reach goes behind those already reached."""
        queue = list(reached)
        while queue and self.phase == "continuous":
            stop, price = queue.pop(0)
            if stop in self.stops:
                self.fire_one(stop, price)
                queue += self.reached_by_own_trades()

    def fire_one(self, stop: NaiveStop, price: int) -> None:
        self.stops.remove(stop)
        order = stop.order
        self.emit("triggered", order, price, order.remaining)
        if order.order_id not in self.patient:
            self.cancel_partner_of(order)
        if self.refusal(order):
            self.emit("unfilled", order, order.price, order.remaining)
            self.cancel_partner_of(order)
        else:
            self.enter(order)
