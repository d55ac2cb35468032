"""How close a run came to figures that were published. It is told; nothing is steered by it."""

from collections.abc import Sequence

import numpy as np

from exchange.events import (
    CashPriced,
    CoinsMinted,
    CoinsRedeemed,
    Event,
    RedemptionCanceled,
    RedemptionRequested,
)
from exchange.instruments import PAR_PPM
from exchange.messages import Message
from exchange.units import AssetId, Time
from scenarios.measures.measure import NAN, RunView
from scenarios.world import PublishedMeasure, PublishedPoint

_OF_PAR, _TENTH = 0.01, 10
_DIGITS = 6  # as many as prices have


class FitRow(Message, tag=False):
    """One published figure beside the run's. A price is in par, what was redeemed is a share of the supply."""

    at: Time
    measure: str
    published: float
    simulated: float | None  # None: the run has no such figure
    calibrated: bool  # a number of the scenario was chosen by it, so it proves nothing
    source: str

    @property
    def difference(self) -> float | None:
        return None if self.simulated is None else self.simulated - self.published

    @property
    def met(self) -> bool:
        """Whether the run is within a hundredth of par or, of what was redeemed, within a tenth of the figure."""
        of_supply = self.measure == PublishedMeasure.REDEEMED.value
        within = self.published / _TENTH if of_supply else _OF_PAR
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


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
