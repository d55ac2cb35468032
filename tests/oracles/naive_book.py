"""A book as obvious lists: the best order is found by looking at all of them. Shares no code with ours."""

from dataclasses import dataclass


@dataclass
class Naive:
    order_id: int
    owner: str
    buys: bool
    price: int
    remaining: int


class NaiveBook:
    """Orders in arrival order. Effects are plain tuples, in the order in which they happen."""

    def __init__(self, prevention: str = "cancel_resting") -> None:
        self.waiting: list[Naive] = []
        self.prevention = prevention

    def find(self, order_id: int) -> Naive | None:
        return next((order for order in self.waiting if order.order_id == order_id), None)

    def candidates(self, order: Naive) -> list[Naive]:
        """Whom `order` would meet, in the order in which it would."""
        others = [w for w in self.waiting if w.buys != order.buys]
        if order.buys:
            return sorted((w for w in others if w.price <= order.price), key=lambda w: w.price)
        return sorted((w for w in others if w.price >= order.price), key=lambda w: -w.price)

    def possible(self, order: Naive) -> int:
        total = 0
        for other in self.candidates(order):
            if other.owner != order.owner:
                total += other.remaining
            elif self.prevention != "cancel_resting":
                break
        return min(total, order.remaining)

    def place(self, order: Naive, how: str) -> list[tuple[object, ...]]:
        if how == "fill_or_kill" and self.possible(order) < order.remaining:
            return [("killed", order.order_id)]
        if how == "post_only" and self.candidates(order):
            return [("refused", order.order_id)]
        effects: list[tuple[object, ...]] = []
        stopped = False
        for other in self.candidates(order):
            if order.remaining == 0:
                break
            if other.owner == order.owner:
                if self.prevention in ("cancel_resting", "cancel_both"):
                    self.waiting.remove(other)
                    effects.append(("withdrawn", other.order_id, other.remaining))
                if self.prevention in ("cancel_incoming", "cancel_both"):
                    stopped = True
                    break
                continue
            traded = min(order.remaining, other.remaining)
            order.remaining -= traded
            other.remaining -= traded
            effects.append(("fill", other.order_id, other.price, traded))
            if other.remaining == 0:
                self.waiting.remove(other)
        if order.remaining:
            if how in ("immediate_or_cancel", "fill_or_kill") or stopped:
                effects.append(("unfilled", order.order_id, order.remaining))
            else:
                self.waiting.append(order)
                effects.append(("rests", order.order_id, order.remaining))
        return effects

    def cancel(self, order_id: int) -> list[tuple[object, ...]]:
        order = self.find(order_id)
        if order is None:
            return [("unknown", order_id)]
        self.waiting.remove(order)
        return [("canceled", order_id, order.remaining)]

    def amend(self, order_id: int, price: int, quantity: int) -> list[tuple[object, ...]]:
        order = self.find(order_id)
        if order is None:
            return [("unknown", order_id)]
        if price == order.price and quantity <= order.remaining:
            order.remaining = quantity
            return [("reduced", order_id, quantity)]
        self.waiting.remove(order)
        order.price, order.remaining = price, quantity
        return [("requeued", order_id), *self.place(order, "good_til_canceled")]

    def depth(self, buys: bool) -> list[tuple[int, int]]:
        prices = sorted({w.price for w in self.waiting if w.buys == buys}, reverse=buys)
        return [
            (p, sum(w.remaining for w in self.waiting if w.buys == buys and w.price == p)) for p in prices
        ]
