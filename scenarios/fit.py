"""How close a run came to figures that were published. It is told; nothing is steered by it."""

from collections.abc import Sequence

import numpy as np

from exchange.events import (
    BookChanged,
    CashPriced,
    CoinsMinted,
    CoinsRedeemed,
    DefaultDeclared,
    Event,
    LiquidationStep,
    OrderAccepted,
    OrderFilled,
    PositionTransferred,
    RedemptionCanceled,
    RedemptionRequested,
    TradeReported,
)
from exchange.instruments import PAR_PPM
from exchange.messages import Message
from exchange.units import MINUTE, AssetId, BasisPoints, Money, Time
from matching.terms import Price, Quantity, Side
from scenarios.measures.liquidity import depth_at
from scenarios.measures.measure import NAN, Columns, Floats, Integers, RunView, Truths, mean, once, ratio
from scenarios.measures.reading import codes, index_ticks, indices, instrument_codes, listings
from scenarios.world import PublishedMeasure, PublishedPoint

_OF_PAR, _TENTH = 0.01, 10
_DIGITS = 6  # as many as prices have
_PRICES = (PublishedMeasure.PRICE.value, PublishedMeasure.LOWEST.value)


class FitRow(Message, tag=False):
    """One published figure, or a range of it, beside the run's. A price is in par, all else is a share."""

    at: Time
    measure: str
    published: float
    simulated: float | None  # None: the run has no such figure
    calibrated: bool  # a number of the scenario was chosen by it, so it proves nothing
    source: str
    published_to: float | None = None  # the upper end of a range that begins with `published`

    @property
    def difference(self) -> float | None:
        """From the figure, or from the nearer end of a range; nothing inside it."""
        if self.simulated is None:
            return None
        upper = self.published if self.published_to is None else self.published_to
        return self.simulated - min(max(self.simulated, self.published), upper)

    @property
    def met(self) -> bool:
        """Whether the run is within a hundredth of par, of a share within a tenth of the figure, or inside a range."""
        within = _OF_PAR if self.measure in _PRICES else self.published / _TENTH
        within = 0.0 if self.published_to is not None else within
        return self.difference is not None and round(abs(self.difference), _DIGITS) <= round(within, _DIGITS)


def fit(view: RunView, points: Sequence[PublishedPoint], coin: AssetId) -> tuple[FitRow, ...]:
    """In the order of the scenario file."""
    return tuple(
        FitRow(
            at=point.at,
            measure=point.measure.value,
            published=point.value,
            simulated=_known(_simulated(view, point, coin)),
            calibrated=point.calibrated,
            source=point.source,
            published_to=point.upper,
        )
        for point in points
    )


def _simulated(view: RunView, point: PublishedPoint, coin: AssetId) -> float:
    since = view.opens if point.since is None else point.since
    match point.measure:
        case PublishedMeasure.PRICE:
            return _prices(view, coin, 0, point.at)[-1] / PAR_PPM
        case PublishedMeasure.LOWEST:
            return min(_prices(view, coin, since, point.at)) / PAR_PPM
        case PublishedMeasure.REDEEMED:
            return _redeemed(view, coin, since, point.at)
        case PublishedMeasure.INDEX_FALL:
            return _index_fall(view, since, point.at)
        case PublishedMeasure.DISCOUNT:
            return _discount(view, since, point.at)
        case PublishedMeasure.DEPTH_FALL:
            return _depth_fall(view, point.within_bp, since, point.at)
        case PublishedMeasure.ROUND_TRIP:
            return _round_trip(view, point.amount, since, point.at)
        case PublishedMeasure.FORCED:
            return _forced_share(view, since, point.at)
        case PublishedMeasure.FORCED_MINUTE:
            return _worst_minute(view, since, point.at)
        case PublishedMeasure.FORCED_SALES:
            return _sold_by_force(view, since, point.at)


# --- the coin -------------------------------------------------------------------------------------------


def _prices(view: RunView, coin: AssetId, since: Time, until: Time) -> list[int]:
    """The price that held at `since`, and every one that was told from then on; par before the first."""
    table = view.table(CashPriced)
    mine = table["asset_id"] == coin
    times, prices = table["time"][mine], table["price_ppm"][mine]
    first, last = np.searchsorted(times, [since, until], side="right")
    held = int(prices[first - 1]) if first else PAR_PPM
    return [held, *prices[first:last].tolist()]


def _redeemed(view: RunView, coin: AssetId, since: Time, until: Time) -> float:
    """What holders handed in, paid by then or not, less what was minted: net, as a share of the supply when the count
    begins. Coins that are handed in are out of circulation, which is what a chain shows.
    """

    def amount(kind: type[Event]) -> int:
        table = view.table(kind)
        mine = (table["asset_id"] == coin) & (table["time"] > since) & (table["time"] <= until)
        return int(table["amount"][mine].sum())

    supply = _supply(view, coin, since)
    net = amount(RedemptionRequested) - amount(RedemptionCanceled) - amount(CoinsMinted)
    return net / supply if supply else NAN


def _supply(view: RunView, coin: AssetId, at: Time) -> int:
    """By the last that was minted or redeemed."""
    latest = (0, 0)
    for kind in (CoinsMinted, CoinsRedeemed):
        table = view.table(kind)
        mine = (table["asset_id"] == coin) & (table["time"] <= at)
        if mine.any():
            latest = max(latest, (int(table["sequence"][mine][-1]), int(table["supply"][mine][-1])))
    return latest[1]


# --- the market -----------------------------------------------------------------------------------------


def _index_fall(view: RunView, since: Time, until: Time) -> float:
    """From the index that held at `since` to its lowest until then, as a share of the former; stale values apart."""
    path = next(iter(indices(view).values()))
    held = path.at(np.array([since]))[0]
    between = path.value[(path.time > since) & (path.time <= until)]
    lowest = np.nanmin(between, initial=held)
    return float(1 - lowest / held)


def _discount(view: RunView, since: Time, until: Time) -> float:
    """How far below the index of its instant the cheapest trade of an instrument that follows it was."""
    table, furthest = view.table(TradeReported), NAN
    for at, listing in enumerate(listings(view)):
        mine = table["instrument_id"] == listing.instrument.instrument_id
        mine &= (table["time"] > since) & (table["time"] <= until)
        if listing.follows_index and mine.any():
            below = 1 - table["price"][mine] / index_ticks(view)[at].at(table["time"][mine])
            furthest = float(np.fmax(furthest, below.max()))
    return furthest


def _depth_fall(view: RunView, within_bp: BasisPoints, since: Time, until: Time) -> float:
    """What the depth within a distance of the mid has lost: its mean over minutes between two hours against the mean
    since the opening. Without two sides there is none.
    """
    before = mean(depth_at(view, within_bp, np.arange(view.opens, since, MINUTE)))
    return 1 - ratio(mean(depth_at(view, within_bp, np.arange(since, until, MINUTE))), before)


def _round_trip(view: RunView, amount: Money, since: Time, until: Time) -> float:
    """What it costs to buy and to sell so much at once in the first instrument, as a share of the mid: the mean over
    minutes at which its displayed book holds so much on either side.
    """
    terms = listings(view)[0].instrument
    book: dict[Side, dict[Price, Quantity]] = {Side.BUY: {}, Side.SELL: {}}
    minutes, costs = iter(range(since, until, MINUTE)), list[float]()
    minute = next(minutes, None)
    for entry in view.record.entries(BookChanged):
        while minute is not None and minute < entry.time:
            costs.append(_apart(book, amount, terms.tick_value))
            minute = next(minutes, None)
        assert isinstance(entry.event, BookChanged)
        if entry.event.instrument_id == terms.instrument_id:
            for level in entry.event.levels:
                book[level.side][level.price] = level.quantity
    return mean(np.array(costs))


def _apart(book: dict[Side, dict[Price, Quantity]], amount: Money, tick_value: Money) -> float:
    """How far the mean prices of buying and of selling so much are from each other, of their mid."""
    selling = _mean_price(sorted(book[Side.BUY].items(), reverse=True), amount, tick_value)
    buying = _mean_price(sorted(book[Side.SELL].items()), amount, tick_value)
    return (buying - selling) / ((buying + selling) / 2)


def _mean_price(levels: Sequence[tuple[Price, Quantity]], amount: Money, tick_value: Money) -> float:
    """In ticks, over the first levels that are worth so much; nan if all are worth less."""
    left, lots = float(amount), 0.0
    for price, quantity in levels:
        part = min(left, float(price * quantity * tick_value))
        lots += part / (price * tick_value)
        left -= part
        if not left:
            return amount / (lots * tick_value)
    return NAN


# --- closed by force ------------------------------------------------------------------------------------


@once
def _forced(view: RunView) -> tuple[Integers, Floats, Truths]:
    """Time, notional in kopecks, and whether it was sold, of all that was closed against its owner's will: what the
    house's orders traded, and what default management took from a defaulter without an order.
    """
    steps, accepted = view.table(LiquidationStep), view.table(OrderAccepted)
    orders = accepted["order_id"][np.isin(accepted["sequence"], steps["sequence"] + 1)]  # told right after
    filled, moved = view.table(OrderFilled), view.table(PositionTransferred)
    by_order = np.isin(filled["order_id"], orders)
    taken = np.isin(moved["participant_id"], view.table(DefaultDeclared)["defaulter"])
    worth = (_worth(view, filled, "quantity")[by_order], _worth(view, moved, "lots")[taken])
    sold = (filled["side"][by_order] < 0, moved["lots"][taken] < 0)
    times = (filled["time"][by_order], moved["time"][taken])
    return np.concatenate(times), np.concatenate(worth), np.concatenate(sold)


def _worth(view: RunView, table: Columns, lots: str) -> Floats:
    """Notional in kopecks of each row, at its price."""
    values = np.array([listing.instrument.tick_value for listing in listings(view)], dtype=np.int64)
    instrument = codes(table["instrument_id"], instrument_codes(view))
    return np.asarray(np.abs(table[lots]) * table["price"] * values[instrument], dtype=np.float64)


def _forced_share(view: RunView, since: Time, until: Time) -> float:
    """Of all that was closed by force in the run, by notional."""
    time, worth, _ = _forced(view)
    return ratio(worth[(time > since) & (time <= until)].sum(), worth.sum())


def _worst_minute(view: RunView, since: Time, until: Time) -> float:
    """The part of one minute, of minutes counted from `since`, in what was closed by force until then."""
    time, worth, _ = _forced(view)
    by_minute = np.histogram(time, np.arange(since, until + MINUTE, MINUTE), weights=worth)[0]
    return ratio(by_minute.max(initial=0.0), by_minute.sum())


def _sold_by_force(view: RunView, since: Time, until: Time) -> float:
    """The part of sales in what was closed by force between two hours: longs that were closed."""
    time, worth, sold = _forced(view)
    mine = (time > since) & (time <= until)
    return ratio(worth[mine & sold].sum(), worth[mine].sum())


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
