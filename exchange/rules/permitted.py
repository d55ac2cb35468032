"""What the access regime lets a participant do, and when an order may only reduce a position."""

from exchange.access import permissions
from exchange.instruments import Product
from exchange.reasons import RejectReason
from exchange.state import Order, Seat, Series, State


def product_permitted(order: Order, seat: Seat, series: Series, state: State) -> RejectReason | None:
    """The regime's word on class and product. Where it refuses, an order that only reduces may still pass.

    A class that may only reduce has its orders marked so, and is told at the place of that reason.
    """
    reason = _refusal_to_open(seat, series, state)
    if reason is None or reason is RejectReason.REDUCE_ONLY:
        return None
    return _refusal(seat, series, state, reducing=only_reduces(order, seat, state))


def cooled_off(order: Order, seat: Seat, series: Series, state: State) -> RejectReason | None:
    """Who has just come in waits before it opens anything; whatever it brought along it may sell."""
    if not seat.access_class.cooling_off:
        return None  # hardly any class waits
    if not cools_off(series.instrument.product, seat, state) or only_reduces(order, seat, state):
        return None
    return RejectReason.COOLING_OFF


def cools_off(product: Product, seat: Seat, state: State) -> bool:
    """Whether it is too early for it to open a position; to change money is none."""
    return state.now < seat.admitted_at + seat.access_class.cooling_off and product is not Product.CASH_PAIR


def refusal_to_open(product: Product, coin: str | None, seat: Seat, state: State) -> RejectReason | None:
    """What an order would be told now that opens a position in the product, on any coin if none is named."""
    assert state.regime is not None, "whoever has a seat entered under a regime"
    reason = permissions.refusal_on(
        coin, product, state.regime, seat.access_class, seat.applicant, reducing=False
    )
    reason = reason or withheld(coin, product, state)
    waits = reason in (None, RejectReason.REDUCE_ONLY) and cools_off(product, seat, state)
    return RejectReason.COOLING_OFF if waits else reason


def withheld(coin: str | None, product: Product, state: State) -> RejectReason | None:
    """Whether the listing screen of the regime keeps the coin out; money is no coin."""
    out = coin in state.withheld and product is not Product.CASH_PAIR
    return RejectReason.UNDERLYING_WITHHELD if out else None


def reduces_if_it_must(order: Order, seat: Seat, _series: Series, state: State) -> RejectReason | None:
    """A reduce-only order may neither grow a position nor turn it."""
    if order.reduce_only and not only_reduces(order, seat, state):
        return RejectReason.REDUCE_ONLY
    return None


def must_reduce(seat: Seat, series: Series, state: State) -> bool:
    """Whether every order of the participant in that series is reduce-only, asked or not."""
    return is_bound(seat) or _refusal_to_open(seat, series, state) is not None


def is_bound(seat: Seat) -> bool:
    """Whether every order of the participant is reduce-only, in whatever series."""
    return seat.frozen or seat.barred or seat.unguaranteed or seat.fund_overdue


def may_close(seat: Seat, series: Series, state: State) -> bool:
    """Whether the regime takes at least an order of the participant in that series that only reduces."""
    return _refusal(seat, series, state, reducing=True) is None


def only_reduces(order: Order, seat: Seat, state: State) -> bool:
    """Whether the order, with all that already rests on its side, fits inside the opposite position."""
    instrument_id = order.instrument.instrument_id
    held = state.covers.position(seat.participant_id, instrument_id)
    resting = sum(
        other.remaining
        for other in seat.orders.values()
        if other.side is order.side
        and other.instrument is order.instrument
        and other.order_id != order.order_id
    )
    return order.side * held < 0 and resting + order.remaining <= abs(held)


def _refusal_to_open(seat: Seat, series: Series, state: State) -> RejectReason | None:
    """Why the regime does not let the participant open a position in the series; looked up once a regime."""
    instrument_id = series.instrument.instrument_id
    if instrument_id not in seat.refusals:
        seat.refusals[instrument_id] = _refusal(seat, series, state, reducing=False)
    return seat.refusals[instrument_id]


def _refusal(seat: Seat, series: Series, state: State, *, reducing: bool) -> RejectReason | None:
    assert state.regime is not None, "whoever has a seat entered under a regime"
    coin, product = series.instrument.coin, series.instrument.product
    reason = permissions.refusal_on(
        coin, product, state.regime, seat.access_class, seat.applicant, reducing=reducing
    )
    return reason if reducing else reason or withheld(coin, product, state)
