"""The engine and forty obvious lines tell the same story, command by command."""

from hypothesis import given, settings
from hypothesis import strategies as st

from matching import (
    OrderBook,
    OrderId,
    ParticipantId,
    RestingOrder,
    SelfTradePrevention,
    Side,
    fillable,
    match,
)
from tests.oracles.naive_book import Naive, NaiveBook

Effects = list[tuple[object, ...]]


class Engine:
    """The real book, speaking in the oracle's tuples."""

    def __init__(self, prevention: SelfTradePrevention) -> None:
        self.book = OrderBook()
        self.prevention = prevention

    def place(self, order: RestingOrder, how: str) -> Effects:
        if how == "fill_or_kill" and fillable(self.book, order, self.prevention) < order.remaining:
            return [("killed", order.order_id)]
        if how == "post_only" and self.book.would_trade(order.side, order.price):
            return [("refused", order.order_id)]
        outcome = match(self.book, order, self.prevention)
        effects: Effects = [("fill", f.maker.order_id, f.price, f.quantity) for f in outcome.fills]
        effects += [("withdrawn", o.order_id, o.remaining) for o in outcome.withdrawn]
        if order.remaining and (outcome.stopped or how in ("immediate_or_cancel", "fill_or_kill")):
            effects.append(("unfilled", order.order_id, order.remaining))
        elif order.remaining:
            self.book.add(order)
            effects.append(("rests", order.order_id, order.remaining))
        return effects

    def cancel(self, order_id: int) -> Effects:
        order = self.book.orders.get(OrderId(order_id))
        if order is None:
            return [("unknown", order_id)]
        self.book.remove(order)
        return [("canceled", order_id, order.remaining)]

    def amend(self, order_id: int, price: int, quantity: int) -> Effects:
        order = self.book.orders.get(OrderId(order_id))
        if order is None:
            return [("unknown", order_id)]
        if price == order.price and quantity <= order.remaining:
            if quantity < order.remaining:
                self.book.reduce(order, order.remaining - quantity)
            return [("reduced", order_id, quantity)]
        self.book.remove(order)
        order.price, order.remaining = price, quantity
        return [("requeued", order_id), *self.place(order, "good_til_canceled")]


HOW = st.sampled_from(["good_til_canceled", "immediate_or_cancel", "fill_or_kill", "post_only"])
PLACE = st.tuples(
    st.just("place"), st.booleans(), st.integers(95, 105), st.integers(1, 8), st.sampled_from("abc"), HOW
)
CANCEL = st.tuples(st.just("cancel"), st.integers(1, 40))
AMEND = st.tuples(st.just("amend"), st.integers(1, 40), st.integers(95, 105), st.integers(1, 8))


def in_order_of_kind(effects: Effects) -> Effects:
    """Fills keep their order; own orders that gave way are told after them."""
    return sorted(effects, key=lambda effect: effect[0] == "withdrawn")


@settings(max_examples=600, deadline=None)
@given(
    st.sampled_from(SelfTradePrevention),
    st.lists(st.one_of(PLACE, PLACE, PLACE, CANCEL, AMEND), max_size=60),
)
def test_every_command_has_the_same_effect(
    prevention: SelfTradePrevention, commands: list[tuple[object, ...]]
) -> None:
    engine, oracle = Engine(prevention), NaiveBook(prevention.value)
    for number, command in enumerate(commands, 1):
        match command:
            case ("place", bool(buys), int(price), int(quantity), str(owner), str(how)):
                side = Side.BUY if buys else Side.SELL
                order = RestingOrder(OrderId(number), ParticipantId(owner), side, price, quantity)
                mine = engine.place(order, how)
                theirs = oracle.place(Naive(number, owner, buys, price, quantity), how)
            case ("cancel", int(order_id)):
                mine, theirs = engine.cancel(order_id), oracle.cancel(order_id)
            case ("amend", int(order_id), int(price), int(quantity)):
                mine = engine.amend(order_id, price, quantity)
                theirs = oracle.amend(order_id, price, quantity)
        assert in_order_of_kind(mine) == in_order_of_kind(theirs)
        assert engine.book.audit() == []
        assert engine.book.depth(Side.BUY, 99) == oracle.depth(buys=True)
        assert engine.book.depth(Side.SELL, 99) == oracle.depth(buys=False)
