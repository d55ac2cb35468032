"""The market in one instrument: its phase, its book, the orders that wait, and what happens to each request.

A request is either refused, with nothing changed, or answered with all that it caused, in order. Whoever has
more to say before an order may enter (access, cover, cash) asks `refusal` first and then calls `enter`, and
treats each order that `fire` yields the same way; `place` does all of it for an order that needs no more.
"""

from collections import deque
from typing import Final, NamedTuple

from matching import auction
from matching.auction import Indication
from matching.book import BookSide, OrderBook
from matching.continuous import fillable, give_way, match, match_pro_rata, within
from matching.events import (
    CANCELED,
    INTERRUPTED,
    REDUCED,
    REQUEUED,
    RESTED,
    TRIGGERED,
    UNFILLED,
    WAITING,
    Event,
)
from matching.level import RestingOrder
from matching.links import Links
from matching.phases import NEXT, Phase, collects
from matching.refusals import Refusal
from matching.terms import (
    BUY,
    Allocation,
    OrderId,
    PostOnly,
    Price,
    Quantity,
    SelfTradePrevention,
    Side,
    TimeInForce,
)
from matching.triggers import PriceSource, Trigger, WaitingOrders

CONTINUOUS: Final = Phase.CONTINUOUS
SETTLED: Final = Phase.SETTLED
FOR_AUCTION: Final = TimeInForce.AUCTION
LAST: Final = PriceSource.LAST

SHUT: Final = {
    Phase.SETTLED: Refusal.INSTRUMENT_SETTLED,
    Phase.CLOSED: Refusal.INSTRUMENT_CLOSED,
    Phase.HALTED: Refusal.INSTRUMENT_HALTED,
}


class MarketTerms(NamedTuple):
    """How an instrument trades. Bands are in basis points; 0 means that there is none.

    The static band is laid around the price of the last uncrossing, the dynamic one around the last trade.
    """

    allocation: Allocation = Allocation.PRICE_TIME
    prevention: SelfTradePrevention = SelfTradePrevention.CANCEL_RESTING
    static_band_bp: int = 0
    dynamic_band_bp: int = 0


class Market:
    """One instrument's orders, and what becomes of them. Whole numbers only; it knows no clock and no money."""

    def __init__(self, terms: MarketTerms, reference: Price, phase: Phase = CONTINUOUS) -> None:
        self.terms = terms
        self.reference = reference  # the price of the last uncrossing, before that a fair price
        self.last: Price | None = None
        self.phase = phase
        self.shut = SHUT.get(phase)  # why no order may enter in this phase
        self.book = OrderBook()
        self.waiting = WaitingOrders()
        self.links = Links(self.book, self.waiting)
        self.sequence = 0  # events so far
        self.fired: deque[tuple[OrderId, Price]] = (
            deque()
        )  # who is to enter next, and the price that fired it
        self._pro_rata = terms.allocation is Allocation.PRO_RATA
        self._banded = terms.static_band_bp > 0 or terms.dynamic_band_bp > 0

    # --- orders -----------------------------------------------------------------------------------------

    def place(self, order: RestingOrder) -> list[Event] | Refusal:
        """Take the order in if nothing speaks against it, and whatever its trades set off."""
        refusal = self.refusal(order)
        if refusal is not None:
            return refusal
        if not order.instructions.plain:
            self.slide(order)
        events = self.enter(order)
        if self.fired:
            self._enter_fired(events)
        return events

    def refusal(self, order: RestingOrder) -> Refusal | None:
        """Why the order may not enter now, or None."""
        order_id, waiting = order.order_id, self.waiting.by_id
        if order_id in self.book.orders or (waiting and order_id in waiting):
            return Refusal.DUPLICATE_ORDER_ID
        if self.shut is not None:
            return self.shut
        if order.remaining < 1:
            return Refusal.QUANTITY_NOT_POSITIVE
        if order.instructions.plain:
            return None
        return _faulty(order) or self._unsuited(order)

    def enter(self, order: RestingOrder) -> list[Event]:
        """Let an order in that `refusal` has found nothing against: trade it, and rest or cancel what is left."""
        book = self.book
        if self.phase is CONTINUOUS and order.instructions.plain:
            makers = book.asks if order.side is BUY else book.bids
            best = makers.best
            if best is None or best.key < makers.sign * order.price:  # there is nobody to meet: it only rests
                book.add(order)
                self.sequence += 1
                return [(RESTED, order, order.price, order.remaining)]
        events: list[Event] = []
        if self.phase is CONTINUOUS:
            self._trade(order, events)
        else:
            self._collect(order, events)
        self.sequence += len(events)
        return events

    def cancel(self, order_id: OrderId) -> list[Event] | Refusal:
        """Take a live order off, wherever it stands; it costs the same at any depth."""
        order = self.book.orders.get(order_id)
        if self.phase is SETTLED:
            return Refusal.INSTRUMENT_SETTLED
        if order is not None:
            self.book.remove(order)
        elif order_id in self.waiting.by_id:
            order = self.waiting.remove(order_id)
        else:
            return Refusal.UNKNOWN_ORDER
        events: list[Event] = [(CANCELED, order, order.price, order.remaining)]
        if self.links.partners:
            self.links.dissolve(order, events)
        self.sequence += len(events)
        return events

    def amend(self, order_id: OrderId, price: Price, quantity: Quantity) -> list[Event] | Refusal:
        """Give a resting order a new price or a new open quantity.

        The same price with no more quantity keeps its place; anything else enters anew, behind the others.
        """
        refusal = self.amend_refusal(order_id, price, quantity)
        if refusal is not None:
            return refusal
        order = self.book.orders[order_id]
        if keeps_place(order, price, quantity):
            return self.shrink(order, quantity)
        events = self.requeue(order, price, quantity)
        self._enter_fired(events)
        return events

    def shrink(self, order: RestingOrder, quantity: Quantity) -> list[Event]:
        """Leave `quantity` of a resting order, in its place."""
        self.book.reduce(order, order.remaining - quantity)
        self.sequence += 1
        return [(REDUCED, order, order.price, quantity)]

    def requeue(self, order: RestingOrder, price: Price, quantity: Quantity) -> list[Event]:
        """Take a resting order off and let it enter anew with other terms."""
        self.book.remove(order)
        order.price, order.remaining = price, quantity
        self.sequence += 1
        events: list[Event] = [(REQUEUED, order, price, quantity)]
        return events + self.enter(order)

    def amend_refusal(self, order_id: OrderId, price: Price, quantity: Quantity) -> Refusal | None:
        """Why the order may not be amended so, or None."""
        order = self.book.orders.get(order_id)
        if self.shut is not None:
            return self.shut
        if order is None:
            return Refusal.NOT_ON_BOOK if order_id in self.waiting.by_id else Refusal.UNKNOWN_ORDER
        if quantity < 1:
            return Refusal.QUANTITY_NOT_POSITIVE
        if keeps_place(order, price, quantity) or order.instructions.post_only is PostOnly.NO:
            return None
        if self.phase is CONTINUOUS and self.book.would_trade(order.side, price):
            return Refusal.POST_ONLY_WOULD_TRADE
        return None

    def slide(self, order: RestingOrder) -> None:
        """Move a sliding post-only order that would trade to one tick behind the best opposite price."""
        best = self.book.opposite(order.side).best
        if (
            order.instructions.post_only is PostOnly.SLIDE
            and self.phase is CONTINUOUS
            and best is not None
            and self.book.would_trade(order.side, order.price)
        ):
            order.price = best.price - int(order.side)

    def link(self, first_id: OrderId, second_id: OrderId, patient: bool = False) -> list[Event] | Refusal:
        """Make two live orders of one owner cancel each other; if `patient`, once one has traded whole or ended."""
        if self.shut is not None:
            return self.shut
        if first_id == second_id:
            return Refusal.SAME_ORDER
        first, second = self.live(first_id), self.live(second_id)
        if first is None or second is None:
            return Refusal.UNKNOWN_ORDER
        if first.owner != second.owner:
            return Refusal.DIFFERENT_OWNERS
        if first_id in self.links.partners or second_id in self.links.partners:
            return Refusal.ALREADY_LINKED
        self.links.join(first, second, patient=patient)
        return []

    def live(self, order_id: OrderId) -> RestingOrder | None:
        """The order, if it rests or waits."""
        waiting = self.waiting.by_id.get(order_id)
        return waiting.order if waiting is not None else self.book.orders.get(order_id)

    # --- orders that wait for a price -------------------------------------------------------------------

    def wait(self, order: RestingOrder, trigger: Trigger) -> list[Event] | Refusal:
        """Let `order` wait until its trigger fires; it is looked at as an order only then."""
        refusal = self.wait_refusal(order, trigger)
        if refusal is not None:
            return refusal
        self.sequence += 1
        return [(WAITING, order, self.waiting.add(order, trigger), order.remaining)]

    def wait_refusal(self, order: RestingOrder, trigger: Trigger) -> Refusal | None:
        """Why the order may not wait for that trigger, or None."""
        if self.live(order.order_id) is not None:
            return Refusal.DUPLICATE_ORDER_ID
        fault = self._wait_fault(order, trigger)
        if fault is not None:
            return fault
        return Refusal.TRIGGER_PASSED if self.waiting.passed(trigger) else None

    def rewait(
        self, order: RestingOrder, price: Price, quantity: Quantity, trigger: Trigger | None
    ) -> list[Event]:
        """Amend an order that waits, if `rewait_refusal` has found nothing: it keeps its id and its partner.

        With another `trigger` it goes behind the others that wait; without, it keeps its turn.
        """
        order.price, order.remaining = price, quantity
        if trigger is not None:
            self.waiting.again(order, trigger)
        self.sequence += 1
        return [(WAITING, order, self.waiting.by_id[order.order_id].price, quantity)]

    def rewait_refusal(self, amended: RestingOrder, trigger: Trigger | None) -> Refusal | None:
        """Why an order that waits may not become `amended` and wait for another trigger (None: the same), or None."""
        waiting = self.waiting.by_id.get(amended.order_id)
        if waiting is None or waiting.trigger is None:
            return Refusal.NOT_WAITING
        fault = self._wait_fault(amended, trigger or waiting.trigger)
        if fault is not None:
            return fault
        return Refusal.TRIGGER_PASSED if trigger and self.waiting.passed_again(trigger) else None

    def observe(self, source: PriceSource, price: Price) -> list[Event]:
        """A price outside the book has moved; it may set off orders that wait for it."""
        self.note(source, price)
        events: list[Event] = []
        self._enter_fired(events)
        return events

    def note(self, source: PriceSource, price: Price) -> None:
        """Remember a price; while trading is continuous, whoever it reaches has fired."""
        self.waiting.observe(source, price)
        if self.waiting.by_id and self.phase is CONTINUOUS:
            self.fired.extend(self.waiting.fired((source,)))

    def fire(self) -> list[Event]:
        """What happens when the next order that has fired stops waiting: TRIGGERED, and its partner leaves.

        Empty when there is none. The order is to enter next. Out of continuous trading all of them wait on.
        """
        events: list[Event] = []
        if self.phase is not CONTINUOUS:
            self.waiting.rearm([order_id for order_id, _ in self.fired])
            self.fired.clear()
        while self.fired and not events:
            order_id, price = self.fired.popleft()
            if order_id in self.waiting.by_id:
                order = self.waiting.remove(order_id)
                events.append((TRIGGERED, order, price, order.remaining))
                self.links.fired(order, events)
        self.sequence += len(events)
        return events

    def not_entered(self, order: RestingOrder) -> list[Event]:
        """An order that has fired may not enter, and has ended: what becomes of its partner."""
        events: list[Event] = []
        self.links.dissolve(order, events)
        self.sequence += len(events)
        return events

    # --- orders that come after another -----------------------------------------------------------------

    def hold_back(self, order: RestingOrder) -> list[Event]:
        """Keep an order until it is let go; it waits for nothing here, and can be canceled and linked."""
        self.waiting.hold_back(order)
        self.sequence += 1
        return [(WAITING, order, order.price, order.remaining)]

    def hold_back_refusal(self, order: RestingOrder) -> Refusal | None:
        """Why the order could not come later either, or None."""
        if self.live(order.order_id) is not None:
            return Refusal.DUPLICATE_ORDER_ID
        if order.remaining < 1:
            return Refusal.QUANTITY_NOT_POSITIVE
        return _faulty(order)

    def let_go(self, order: RestingOrder) -> None:
        """An order that was held back is to come now: to `enter`, or to `wait_now`."""
        self.waiting.remove(order.order_id)

    def wait_now(self, order: RestingOrder, trigger: Trigger) -> list[Event]:
        """Let an order that was let go wait for its trigger; it has fired if the price is there already."""
        at = self.waiting.add(order, trigger)
        if self.phase is CONTINUOUS:
            self.fired.extend(self.waiting.fired((trigger.source,)))
        self.sequence += 1
        return [(WAITING, order, at, order.remaining)]

    # --- phases -----------------------------------------------------------------------------------------

    def enter_phase(self, phase: Phase) -> list[Event] | Refusal:
        """Go over into another phase: a call takes in what waited for it, continuous trading what has fired."""
        refusal = self.turn(phase)
        if refusal is not None:
            return refusal
        events: list[Event] = []
        if collects(phase):
            self._enter_waiting_for_call(events)
        self.sequence += len(events)
        self._enter_fired(events)
        return events

    def turn(self, phase: Phase) -> Refusal | None:
        """Go over into another phase, if it may follow. Who was reached meanwhile fires in continuous trading."""
        if phase not in NEXT[self.phase]:
            return Refusal.ILLEGAL_TRANSITION
        if phase is CONTINUOUS and self.book.crossed():
            return Refusal.BOOK_CROSSED
        self._become(phase)
        if phase is CONTINUOUS:
            self.fired.extend(self.waiting.fired(tuple(PriceSource)))
        return None

    def indicative(self) -> Indication | None:
        """Where the orders on the book would cross in an auction now; None if they would not."""
        return auction.indicate(self.book, self.reference if self.last is None else self.last)

    def uncross(self) -> list[Event] | Refusal:
        """End the call: trade at one price all that crosses, and drop the orders that came for it alone."""
        if self.phase is not Phase.AUCTION:
            return Refusal.NOT_IN_AUCTION
        events: list[Event] = []
        while (indication := self.indicative()) is not None:  # again if linked orders left and made a gap
            auction.uncross(self.book, indication.price, self.links, events)
            self.last = self.reference = indication.price
        if events and self.last is not None:
            self.note(LAST, self.last)  # once a command
        assert not self.book.crossed(), "an uncrossing leaves nothing that could have traded"
        for order in [*self.book.bids.orders(), *self.book.asks.orders()]:
            if order.instructions.time_in_force is TimeInForce.AUCTION and order.level is not None:
                self.book.remove(order)
                events.append((UNFILLED, order, order.price, order.remaining))
                self.links.dissolve(order, events)
        self.sequence += len(events)
        return events

    # --- what the market shows --------------------------------------------------------------------------

    def depth(self, side: Side, levels: int) -> list[tuple[Price, Quantity]]:
        return self.book.depth(side, levels)

    def bound(self, side: Side) -> Price | None:
        """The furthest price at which an order of that side may trade now, if a band is in force."""
        bounds = []
        reference = self.reference if self.last is None else self.last
        for around, band_bp in (
            (self.reference, self.terms.static_band_bp),
            (reference, self.terms.dynamic_band_bp),
        ):
            if band_bp:
                bounds.append(around + int(side) * (around * band_bp // 10_000))
        if not bounds:
            return None
        return min(bounds) if side is BUY else max(bounds)

    def awaits_uncrossing(self) -> bool:
        """Whether orders on the book can only be dealt with by a call: they cross, or are for the auction."""
        every = (*self.book.bids.orders(), *self.book.asks.orders())
        return self.book.crossed() or any(o.instructions.time_in_force is TimeInForce.AUCTION for o in every)

    def outside_bands(self, price: Price) -> bool:
        """Whether continuous trading would be interrupted before it reached that price."""
        highest, lowest = self.bound(Side.BUY), self.bound(Side.SELL)
        return highest is not None and lowest is not None and not lowest <= price <= highest

    def audit(self) -> list[str]:
        """What is wrong, each as a sentence; empty when all is sound. Walks every order."""
        faults = self.book.audit()
        if self.phase is CONTINUOUS and self.book.crossed():
            faults.append("the book is crossed in continuous trading")
        for order_id, partner in self.links.partners.items():
            if self.links.partners.get(partner.order_id) is not self.live(order_id):
                faults.append(f"order {order_id} is linked to one that is not linked to it")
        if self.book.orders.keys() & self.waiting.by_id.keys():
            faults.append("an order rests and waits at once")
        return faults

    # --- the inner way ----------------------------------------------------------------------------------

    def _wait_fault(self, order: RestingOrder, trigger: Trigger) -> Refusal | None:
        if self.shut is not None:
            return self.shut
        if order.remaining < 1:
            return Refusal.QUANTITY_NOT_POSITIVE
        fault = _faulty(order)
        if fault is not None:
            return fault
        return Refusal.TRIGGER_NOT_POSITIVE if trigger.price < 1 or trigger.offset < 0 else None

    def _unsuited(self, order: RestingOrder) -> Refusal | None:
        """Why special instructions cannot be followed in this phase or on this book, or None."""
        asked = order.instructions
        continuous = self.phase is CONTINUOUS
        for_auction = asked.time_in_force is TimeInForce.AUCTION
        at_once = asked.immediate or asked.minimum > 0
        if at_once and (for_auction or not continuous):
            return Refusal.NEEDS_CONTINUOUS_TRADING
        if asked.post_only is not PostOnly.NO:
            if at_once or for_auction:
                return Refusal.POST_ONLY_NEEDS_REST
            crosses = continuous and self.book.would_trade(order.side, order.price)
            return Refusal.POST_ONLY_WOULD_TRADE if crosses and asked.post_only is PostOnly.REJECT else None
        needed = order.remaining if asked.time_in_force is TimeInForce.FOK else asked.minimum
        if needed:
            makers = self.book.opposite(order.side)
            rules = (self.terms.allocation, self.terms.prevention)
            if fillable(self.book, order, self._reach(order, makers), rules, self.links) < needed:
                return Refusal.UNFILLABLE_AT_ONCE
        return None

    def _trade(self, order: RestingOrder, events: list[Event]) -> None:
        """Trade the order as far as its price and the bands allow; then rest it, or cancel what is left."""
        asked = order.instructions
        if asked.time_in_force is FOR_AUCTION:
            self.waiting.add_for_call(order)
            events.append((WAITING, order, order.price, order.remaining))
            return
        makers = self.book.opposite(order.side)
        wanted = makers.sign * order.price
        best = makers.best
        if best is not None and best.key >= wanted:
            self._meet(order, makers, wanted, events)
        if order.remaining:
            if asked.immediate:
                events.append((UNFILLED, order, order.price, order.remaining))
                self.links.dissolve(order, events)
            elif self.phase is CONTINUOUS:
                self._rest(order, events)
            else:
                self._collect(order, events)
        if self.phase is not CONTINUOUS:
            self._enter_waiting_for_call(events)

    def _meet(self, order: RestingOrder, makers: BookSide, wanted: int, events: list[Event]) -> None:
        """Match the order; where a band stops it, trading is interrupted."""
        reach = self._reach(order, makers) if self._banded else wanted
        prevention = self.terms.prevention
        if self._pro_rata:
            last = match_pro_rata(self.book, order, reach, prevention, self.links, events)
        else:
            last = match(self.book, order, reach, prevention, self.links, events)
        if last is not None:
            self.last = last
            self.note(LAST, last)
        best = makers.best
        if reach > wanted and order.remaining and best is not None and best.key >= wanted:
            self._become(Phase.AUCTION)
            events.append((INTERRUPTED, order, makers.sign * reach, order.remaining))

    def _collect(self, order: RestingOrder, events: list[Event]) -> None:
        """Rest the order in the call; the owner's orders that it could meet there give way now."""
        makers = self.book.opposite(order.side)
        wanted = makers.sign * order.price
        met = [resting for level in within(makers, wanted) for resting in level]
        for resting in met:
            if not order.remaining:
                break
            if resting.owner == order.owner and resting.level is not None:
                give_way(
                    self.book, order, resting, resting.remaining, self.terms.prevention, self.links, events
                )
        if order.remaining:
            self._rest(order, events)

    def _rest(self, order: RestingOrder, events: list[Event]) -> None:
        self.book.add(order)
        events.append((RESTED, order, order.price, order.remaining - order.hidden))

    def _reach(self, order: RestingOrder, makers: BookSide) -> int:
        """The key of the furthest level that the order may trade with: by its price and by the bands."""
        wanted = makers.sign * order.price
        bound = self.bound(order.side)
        return wanted if bound is None else max(wanted, makers.sign * bound)

    def _become(self, phase: Phase) -> None:
        self.phase = phase
        self.shut = SHUT.get(phase)

    def _enter_waiting_for_call(self, events: list[Event]) -> None:
        for order_id in self.waiting.for_call():
            if order_id not in self.waiting.by_id:
                continue  # its partner met one that entered before it
            order = self.waiting.remove(order_id)
            events.append((TRIGGERED, order, order.price, order.remaining))
            self._collect(order, events)

    def _enter_fired(self, events: list[Event]) -> None:
        """Let in, one after the other, the orders that have fired; what they trade may fire more."""
        while self.fired and (fired := self.fire()):
            events += fired
            order = fired[0][1]
            if self.refusal(order) is None:
                self.slide(order)
                events += self.enter(order)
            else:
                events.append((UNFILLED, order, order.price, order.remaining))
                self.sequence += 1
                events += self.not_entered(order)


def keeps_place(order: RestingOrder, price: Price, quantity: Quantity) -> bool:
    """Whether an order amended so stays where it stands in its queue."""
    return price == order.price and quantity <= order.remaining


def _faulty(order: RestingOrder) -> Refusal | None:
    """Why the instructions of an order contradict its quantity, or None."""
    asked, quantity = order.instructions, order.remaining
    if asked.display < 0:
        return Refusal.DISPLAY_TOO_SMALL
    if asked.display >= quantity:
        return Refusal.DISPLAY_NOT_BELOW_QUANTITY
    if not 0 <= asked.minimum <= quantity:
        return Refusal.MINIMUM_ABOVE_QUANTITY
    return None
