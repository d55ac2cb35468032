"""What a venue publishes of itself: totals over everybody, never anything of one participant.

Amounts are in the cash asset named, or in what an instrument is about; all are exact sums, told as the nearest float.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from exchange.access.classes import requirements
from exchange.clearing import accounts
from exchange.clearing.expiry import is_over
from exchange.clearing.liquidation import MarginState
from exchange.clearing.waterfall import Layer
from exchange.commands import HouseLayer
from exchange.gateway.shapes import (
    AccessStatistics,
    CashFigures,
    CashStatistics,
    ClearingStatistics,
    LayerFigure,
    MarginFigures,
    OpenInterest,
)
from exchange.gateway.wire import milliseconds, money
from exchange.instruments import PAR_PPM
from exchange.units import AssetId, Money

if TYPE_CHECKING:
    from exchange.cash.holding import Holding
    from exchange.clearing.margin import MarginCover
    from exchange.gateway.books import Books
    from exchange.state import State

BP_PPM: Final = 100  # parts in a million that make a basis point
CLOSED_OUT: Final = (MarginState.LIQUIDATING, MarginState.BACKSTOP)
AREAS: Final = ("order", "order_change", "money", "units", "coin", "note", "clearing", "settlement")


class Statistics:
    def __init__(self, state: "State", books: "Books") -> None:
        self._state = state
        self._books = books

    def of(self, subject: str) -> Callable[[], Any]:
        """What is published of `clearing`, `cash` or `access`."""
        return {"clearing": self.clearing, "cash": self.cash, "access": self.access}[subject]

    # --- the clearing house -------------------------------------------------------------------------

    def clearing(self) -> ClearingStatistics:
        state = self._state
        rules, margin = state.regime and state.regime.clearing, state.covers.margin
        currency = margin.cash if margin else state.regime and state.regime.cash.settlement_asset
        told: ClearingStatistics = {
            "timestamp": milliseconds(state.now),
            "cover": rules.mode.value if rules else None,
            "currency": currency or None,
            "open_interest": list(self._open_interest()),
            "escrow": money(
                sum(map(self._posted, (one.escrow for one in state.covers.full.buckets.values())))
            ),
            "held_for_orders": money(sum(self._posted(seat.hold_account) for seat in state.seats.values())),
            "defaults": len(state.defaults),
            "waterfall": list(self._waterfall(margin)) if margin else [],
        }
        if margin is not None:
            told["margin"] = self._margin(margin)
        return told

    def _open_interest(self) -> Iterator[OpenInterest]:
        """Of what is a claim; what is owned outright has none."""
        for pair in self._books.pairs.values():
            series = self._state.series[pair.instrument.instrument_id]
            if pair.kind not in ("future", "option") or is_over(series.state):
                continue
            lots = self._state.covers.open_interest(pair.instrument.instrument_id)
            yield {
                "instrument_name": pair.name,
                "kind": pair.kind,
                "amount": pair.amount(lots),
                "value": pair.cash(lots, series.mark),
                "currency": pair.quote,
            }

    def _margin(self, margin: "MarginCover") -> MarginFigures:
        every = list(margin.accounts.values())
        return {
            "collateral": money(sum(self._posted(one.collateral) for one in every)),
            "initial_margin": money(sum(one.initial for one in every)),
            "calls_open": sum(one.state is MarginState.CALL for one in every),
            "calls_so_far": self._books.tally.margin_calls,
            "closed_out": sum(one.state in CLOSED_OUT for one in every),
            "default_fund": money(sum(self._posted(one.fund) for one in every)),
        }

    def _waterfall(self, margin: "MarginCover") -> Iterator[LayerFigure]:
        used: Counter[Layer] = Counter()
        for loss in self._state.losses:
            for use in loss.uses:
                used[use.layer] += use.amount
        there = self._layers(margin)
        for layer in margin.rules.waterfall.layers:
            amount = there.get(layer)
            told = None if amount is None else money(amount)
            yield {"layer": layer.value, "amount": told, "used": money(used[layer])}

    def _layers(self, margin: "MarginCover") -> dict[Layer, Money]:
        """What is paid in for each layer now."""

        def house(layer: HouseLayer) -> Money:
            return self._posted(accounts.layer(layer, margin.cash))

        fund = sum(self._posted(one.fund) for one in margin.accounts.values())
        return {
            Layer.SKIN_IN_THE_GAME: house(HouseLayer.SKIN_IN_THE_GAME),
            Layer.SURVIVORS_FUND: fund + house(HouseLayer.SECOND_SKIN_IN_THE_GAME),
            Layer.EQUITY: house(HouseLayer.EQUITY),
            Layer.INSURANCE_FUND: house(HouseLayer.INSURANCE),
        }

    def _posted(self, account: str) -> Money:
        ledger = self._state.ledger
        return ledger.posted(account) if account in ledger else 0

    # --- the cash leg -------------------------------------------------------------------------------

    def cash(self) -> CashStatistics:
        return {
            "timestamp": milliseconds(self._state.now),
            "assets": [self._asset(asset_id, one) for asset_id, one in self._state.holdings.items()],
        }

    def _asset(self, asset_id: AssetId, holding: "Holding") -> CashFigures:
        keeper, custody = holding.keeper, holding.custody
        at_the_venue = sum(keeper.balance(wallet) for wallet in custody.wallets)
        told: CashFigures = {
            "currency": asset_id,
            "title": self._state.assets[asset_id].title,
            "kind": type(holding.terms).__name__.removesuffix("Terms").lower(),
            "supply": money(_supply(holding)),
            "at_the_venue": money(at_the_venue),
            "frozen": money(custody.frozen(keeper)),
            "price": holding.price_ppm / PAR_PPM,
            "discount_bp": (PAR_PPM - holding.price_ppm) / BP_PPM,
            "halted": [cause.value for cause in holding.halts],
            "gated": holding.gate is not None,
            "withdrawals": {
                "requests": len(holding.pending),
                "amount": money(sum(one.amount for one in holding.pending.values())),
            },
        }
        if holding.issuer is not None:
            issuer, reserves = holding.issuer, holding.issuer.reserves
            told["reserves"] = {
                "state": issuer.state.value,
                "book": money(reserves.book),
                "accessible": money(reserves.accessible),
                "liquid": money(reserves.liquid),
                "covered": reserves.book >= issuer.supply,
            }
            waiting = list(issuer.redemptions.waiting())
            told["redemptions"] = {
                "requests": len(waiting),
                "amount": money(sum(ticket.open for ticket in waiting)),
            }
        return told

    # --- access -------------------------------------------------------------------------------------

    def access(self) -> AccessStatistics:
        state, tally = self._state, self._books.tally
        by_class = Counter(seat.access_class.class_id for seat in state.seats.values())
        by_state = Counter(seat.state.value for seat in state.seats.values())
        refused = tally.refused("entry")
        return {
            "timestamp": milliseconds(state.now),
            "regime": state.regime.regime_id if state.regime else None,
            "admitted": len(state.seats),
            "by_class": dict(by_class),
            "by_state": dict(by_state),
            "refused": sum(refused.values()),
            "refused_by_reason": refused,
            "asked_for": {
                one.class_id: [
                    " and ".join(asked.words for asked in requirements(way)) or "nothing"
                    for way in one.any_of
                ]
                for one in (state.regime.classes if state.regime else ())
            },
            "refusals": {area: found for area in AREAS if (found := tally.refused(area))},
        }


def _supply(holding: "Holding") -> Money:
    if holding.issuer is not None:
        return holding.issuer.supply
    assert holding.money is not None, "a cash asset is a coin or money"
    return holding.money.owed
