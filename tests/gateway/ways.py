"""Every way in which an order can come, for one instrument: over the wire, and as the command of the core."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from exchange.commands import Command, PlaceOrder, Quote, QuoteMarket
from exchange.units import InstrumentId
from matching.terms import ParticipantId, PostOnly, Side, TimeInForce
from matching.triggers import PriceSource


class Listed(NamedTuple):
    """An instrument: its terms in ticks and lots, and what a tick and a lot are on the wire."""

    name: str
    kind: str
    tick: float
    lot: float
    mark: int

    def price(self, percent: int) -> float:
        """A price so far from the mark, on a tick."""
        return self.wire(self.ticks(percent))

    def wire(self, ticks: int) -> float:
        return round(ticks * self.tick, 6)

    def ticks(self, percent: int) -> int:
        return max(1, self.mark * percent // 100)


@dataclass(frozen=True)
class Way:
    """One way in. `waits`: for a price, so that what is only looked at when an order meets the book is not yet."""

    title: str
    method: str
    side: Side
    wire: dict[str, Any]
    core: dict[str, Any] = field(default_factory=dict)
    waits: bool = False
    reduces: bool = False  # it says itself that it only reduces

    @property
    def word(self) -> str:
        return "buy" if self.side is Side.BUY else "sell"

    def params(self, listed: Listed) -> dict[str, Any]:
        if self.method == "private/mass_quote":
            quote = {"price": self._price(listed), "amount": listed.lot}
            asked = {"instrument_name": listed.name, "bid" if self.side > 0 else "ask": quote}
            return {"quote_id": "q", "quotes": [asked], "detailed": True}
        told: dict[str, Any] = {"instrument_name": listed.name, "amount": listed.lot}
        for key, value in self.wire.items():
            percent = isinstance(value, int) and not isinstance(value, bool)
            told[key] = listed.price(value) if percent else value
        return told

    def command(self, listed: Listed, who: ParticipantId, number: int) -> Command:
        name = InstrumentId(listed.name)
        if self.method == "private/mass_quote":
            quote = Quote(side=self.side, price=self._ticks(listed), quantity=1)
            return QuoteMarket(
                participant_id=who,
                client_order_id=number,
                instrument_id=name,
                quotes=(quote,),
                post_only=PostOnly.REJECT,
            )
        core = {
            key: listed.ticks(value) if key in ("price", "trigger_price", "trail") else value
            for key, value in self.core.items()
        }
        return PlaceOrder(
            participant_id=who, client_order_id=number, instrument_id=name, side=self.side, quantity=1, **core
        )

    def _ticks(self, listed: Listed) -> int:
        return listed.ticks(97 if self.side > 0 else 103)

    def _price(self, listed: Listed) -> float:
        return listed.wire(self._ticks(listed))


def ways() -> Iterator[Way]:
    """Away from the market, so that nothing trades: prices are percent of the mark."""
    for side in (Side.BUY, Side.SELL):
        method = "private/buy" if side is Side.BUY else "private/sell"
        behind, ahead = (97, 103) if side is Side.BUY else (103, 97)
        limit = {"type": "limit", "price": behind}
        for word, time_in_force in TIMES.items():
            core = {"price": behind, "time_in_force": time_in_force}
            yield Way(f"limit {word}", method, side, limit | {"time_in_force": word}, core)
        resting = {"price": behind, "time_in_force": TimeInForce.GTC}
        post = {"post_only": PostOnly.SLIDE}
        yield Way("post only", method, side, limit | {"post_only": True}, resting | post)
        both = {"post_only": True, "reject_post_only": True}
        yield Way("reject", method, side, limit | both, resting | {"post_only": PostOnly.REJECT})
        reduces = {"reduce_only": True}
        yield Way("reduce only", method, side, limit | reduces, resting | reduces, reduces=True)
        yield Way("market", method, side, {"type": "market"}, {"time_in_force": TimeInForce.GTC})
        fok = {"time_in_force": "fill_or_kill"}
        yield Way("market fok", method, side, {"type": "market"} | fok, {"time_in_force": TimeInForce.FOK})
        yield Way("market limit", method, side, {"type": "market_limit"}, {"time_in_force": TimeInForce.GTC})
        for kind, at in (("stop", ahead), ("take", behind)):
            trigger = {"trigger": "last_price", "trigger_price": at}
            core = {"trigger_source": PriceSource.LAST, "trigger_price": at, "take_profit": kind == "take"}
            core["time_in_force"] = TimeInForce.GTC
            priced = {"type": f"{kind}_limit", "price": behind} | trigger
            yield Way(f"{kind} limit", method, side, priced, core | {"price": behind}, waits=True)
            yield Way(f"{kind} market", method, side, {"type": f"{kind}_market"} | trigger, core, waits=True)
        yield Way(
            "trailing stop",
            method,
            side,
            {"type": "trailing_stop", "trigger": "last_price", "trigger_offset": 5},
            {"trigger_source": PriceSource.LAST, "trail": 5, "time_in_force": TimeInForce.GTC},
            waits=True,
        )
        yield Way("quote", "private/mass_quote", side, {})


TIMES = {
    "good_til_cancelled": TimeInForce.GTC,
    "good_til_day": TimeInForce.DAY,
    "immediate_or_cancel": TimeInForce.IOC,
    "fill_or_kill": TimeInForce.FOK,
}
MEETS_NOBODY = ("market", "market fok", "market limit", "limit fill_or_kill")  # in an empty book
WAYS = tuple(sorted(ways(), key=lambda way: way.title not in MEETS_NOBODY))  # which it is for those only
