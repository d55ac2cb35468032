"""What the wire shows of orders, trades, positions, accounts and markets: from state and read models to shapes."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from exchange.clearing import accounts
from exchange.clearing.expiry import is_over
from exchange.clearing.fixing import take_samples
from exchange.clearing.liquidation import MarginState
from exchange.clearing.liquidation_price import liquidation_price
from exchange.clearing.margin_accounts import PortfolioAccount
from exchange.clearing.portfolio import Holding
from exchange.clearing.scenario_margin import scenario_margin
from exchange.clearing.terms import ClearingRules
from exchange.events import CancelCause, Liquidity, SeriesState
from exchange.gateway.books import Books, OrderRecord, Owner, PublicTrade, UserTrade, owned
from exchange.gateway.greeks import greeks, implied_volatility
from exchange.gateway.shapes import (
    AccountSummary,
    BookSummary,
    InstrumentShape,
    OrderShape,
    PositionShape,
    Quote,
    Ticker,
    TradeShape,
    UserTradeShape,
)
from exchange.gateway.wire import Pair, index_name, index_price, kopecks, milliseconds, money
from exchange.instruments import ContractKind, SettlementRule
from exchange.reports.standings import holdings
from exchange.rules.prices import furthest_price
from exchange.state import Seat, Series, State
from exchange.treasury import withdrawable
from exchange.units import SECOND, AssetId, IndexId, Time
from matching.phases import collects
from matching.terms import BUY, SELL, ParticipantId, PostOnly, Price, Quantity, Side, TimeInForce

TIMES_IN_FORCE: Final = {
    TimeInForce.DAY: "good_til_day",
    TimeInForce.GTC: "good_til_cancelled",
    TimeInForce.GTD: "good_til_date",
    TimeInForce.IOC: "immediate_or_cancel",
    TimeInForce.FOK: "fill_or_kill",
    TimeInForce.AUCTION: "auction",
}
CANCEL_REASONS: Final = {
    CancelCause.REQUESTED: "user_request",
    CancelCause.LINE_LOST: "cancel_on_disconnect",
    CancelCause.NOT_FILLED: "immediate_or_cancel",
    CancelCause.SELF_TRADE: "self_trade_prevention",
    CancelCause.NOTHING_TO_REDUCE: "reduce_only",
    CancelCause.EXPIRY: "settlement",
    CancelCause.PARTICIPANT_RESTRICTED: "risk_mitigation",
    CancelCause.SESSION_END: "session_end",
    CancelCause.GOOD_UNTIL: "good_until",
    CancelCause.LINKED: "oco_other_closed",
    CancelCause.PRIMARY_ENDED: "oto_primary_closed",
    CancelCause.TRIGGER_REFUSED: "trigger_refused",
    CancelCause.QUOTE_REPLACED: "quote_replaced",
    CancelCause.MARKET_MAKER_PROTECTION: "mmp_trigger",
    CancelCause.ROLL: "settlement",
    CancelCause.UNITS_LOST: "risk_mitigation",
    CancelCause.ISSUER_DEFAULT: "risk_mitigation",
    CancelCause.DAILY_LIMIT: "risk_mitigation",
    CancelCause.CASH_HALTED: "risk_mitigation",
    CancelCause.CASH_LOST: "risk_mitigation",
}
TRIGGERS: Final = {"last": "last_price", "mark": "mark_price", "index": "index_price"}
DIRECTIONS: Final = {Side.BUY: "buy", Side.SELL: "sell"}
STATES: Final = {
    SeriesState.LISTED: "inactive",
    SeriesState.TRADING: "open",
    SeriesState.FIXING: "open",
    SeriesState.SUSPENDED: "halted",
    SeriesState.HALTED: "settlement",
    SeriesState.PRICE_POSTPONED: "settlement",
    SeriesState.PRICE_PROVISIONAL: "settlement",
    SeriesState.PRICE_FINAL: "settlement",
    SeriesState.SETTLING: "settlement",
    SeriesState.SETTLED: "delivered",
    SeriesState.DELISTED: "archivized",
    SeriesState.TERMINATED_AT_LAST_MARK: "delivered",
}


YEAR: Final = 365 * 86_400 * 1e9  # nanoseconds
PLAIN_OPTIONS: Final = (ContractKind.CALL, ContractKind.PUT)  # what digital ones imply is told by no figure
CALLS: Final = (ContractKind.CALL, ContractKind.DIGITAL_CALL)


def order_id(number: int, pair: Pair) -> str:
    """A number below nought is that of its sender: the order was canceled before the core gave it one."""
    return f"{pair.quote}-{number}" if number > 0 else f"{pair.quote}-UNTRADED-{-number}"


def trade_id(trade: PublicTrade) -> str:
    return f"{trade.pair.quote}-{trade.trade_id}"


def order(record: OrderRecord) -> OrderShape:
    """One order. A waiting market order has no price yet, and says so."""
    pair, command = record.pair, record.command
    at_market = command is not None and command.price is None
    waits = record.state == "untriggered"
    post_only = PostOnly.NO if command is None else command.post_only
    shown = pair.amount(command.display or record.quantity) if command else pair.amount(record.quantity)
    told: OrderShape = {
        "order_id": order_id(record.order_id, pair),
        "order_state": record.state,
        "order_type": record.order_type,
        "time_in_force": TIMES_IN_FORCE[record.time_in_force],
        "instrument_name": pair.name,
        "direction": DIRECTIONS[record.side],
        "price": "market_price" if at_market and waits else pair.price(record.price),
        "amount": pair.amount(record.quantity),
        "contracts": float(record.quantity),
        "filled_amount": pair.amount(record.filled),
        "average_price": pair.price(record.paid / record.filled) if record.filled else 0.0,
        "label": record.label,
        "post_only": post_only is not PostOnly.NO,
        "reject_post_only": post_only is PostOnly.REJECT,
        "reduce_only": command.reduce_only if command else record.liquidation,
        "api": True,
        "web": False,
        "replaced": record.replaced,
        "creation_timestamp": milliseconds(record.created_at),
        "last_update_timestamp": milliseconds(record.changed_at),
        "is_liquidation": record.liquidation,
        "max_show": shown,
        "display_amount": shown,
        "mmp": record.quote,
        "risk_reducing": record.liquidation,
        "commission": money(record.fee),
    }
    if record.client_order_id:
        told["client_order_id"] = record.client_order_id
    if command is not None and command.trigger_source is not None:
        told["trigger"] = TRIGGERS[command.trigger_source]
        told["triggered"] = record.triggered
        if record.trigger_price is not None:
            told["trigger_price"] = pair.price(record.trigger_price)
        if record.trail is not None:
            told["trigger_offset"] = pair.price(record.trail)
    if record.pair_of:
        told["oco_ref"] = order_id(record.pair_of, pair)
    if record.follows:
        told["is_secondary_oto"], told["primary_order_id"] = True, order_id(record.follows, pair)
    if record.brings:
        told["oto_order_ids"] = [order_id(number, pair) for number in record.brings]
        told["is_primary_otoco"] = record.brings_pair
    if record.fill_condition:
        told["trigger_fill_condition"] = record.fill_condition
    if record.state == "cancelled":
        cause = record.canceled_because or CancelCause.REQUESTED
        told["cancel_reason"] = CANCEL_REASONS[cause]
    if record.untraded_because is not None:
        told["cancel_reason"] = record.untraded_because.value
    return told


def trade(one: PublicTrade) -> TradeShape:
    pair = one.pair
    told: TradeShape = {
        "trade_id": trade_id(one),
        "trade_seq": one.number,
        "instrument_name": pair.name,
        "timestamp": milliseconds(one.at),
        "direction": DIRECTIONS[one.side],
        "tick_direction": one.tick_direction,
        "price": pair.price(one.price),
        "amount": pair.amount(one.quantity),
        "contracts": float(one.quantity),
        "index_price": index_price(one.index),
        "mark_price": pair.price(one.mark),
    }
    if one.liquidation:
        told["liquidation"] = "T"
    if pair.instrument.kind in PLAIN_OPTIONS:
        told["iv"] = _implied_by(one)
    return told


def _implied_by(one: PublicTrade) -> float:
    """The yearly volatility that the price of an option's trade implies on the index of then, in percent."""
    terms, at = one.pair.instrument, index_price(one.index)
    years = max(terms.expiry - one.at, 1) / YEAR
    strike = one.pair.price(terms.strike or 0)
    is_call = terms.kind is ContractKind.CALL
    return implied_volatility(one.pair.price(one.price), at, strike, years, is_call=is_call) * 100


def user_trade(one: UserTrade) -> UserTradeShape:
    public, record = one.public, one.order
    pair = public.pair
    post_only = record.command is not None and record.command.post_only is not PostOnly.NO
    return {
        **trade(public),
        "direction": DIRECTIONS[one.side],
        "order_id": order_id(record.order_id, pair),
        "order_type": record.order_type,
        "state": one.order_state,
        "fee": money(one.fee),
        "fee_currency": pair.quote,
        "liquidity": "T" if one.liquidity is Liquidity.TAKER else "M",
        "label": record.label,
        "matching_id": None,
        "reduce_only": record.command is not None and record.command.reduce_only,
        "post_only": post_only,
        "mmp": record.quote,
        "api": True,
        "self_trade": False,
        "profit_loss": one.profit,
        "risk_reducing": record.liquidation,
    }


# --- markets --------------------------------------------------------------------------------------------


class Estimate(NamedTuple):
    """What an expiry would settle at, and how many seconds are left until then."""

    price: float
    seconds: int
    is_estimated: bool  # the window has begun


class Market:
    """What is asked of instruments."""

    def __init__(self, state: State, books: Books) -> None:
        self._state = state
        self._books = books
        self._means: dict[tuple[IndexId, Time], tuple[Time, float]] = {}  # of windows so far, by expiry

    def series(self, name: str) -> Series:
        return self._state.series[name]  # type: ignore[index]

    def instrument(self, pair: Pair) -> InstrumentShape:
        terms, series = pair.instrument, self.series(pair.name)
        lot_value = series.mark * terms.tick_value or 1
        told: InstrumentShape = {
            "instrument_name": pair.name,
            "instrument_id": pair.number,
            "kind": pair.kind,
            "base_currency": pair.base,
            "quote_currency": pair.quote,
            "counter_currency": pair.quote,
            "instrument_type": "linear",
            "tick_size": pair.tick,
            "tick_size_steps": [],
            "min_trade_amount": pair.contract,
            "contract_size": pair.contract,
            "max_trade_amount": pair.amount(terms.max_quantity),
            "expiration_timestamp": pair.expires_ms,
            "creation_timestamp": milliseconds(self._books.listed_at[pair.name]),
            "maker_commission": terms.fee_maker / lot_value,
            "taker_commission": terms.fee_taker / lot_value,
            "is_active": not is_over(series.state),
            "state": STATES[series.state],
            "price_index": index_name(terms.underlying),
            "rfq": False,
            "block_trade_commission": 0.0,
            "block_trade_min_trade_amount": pair.contract,
            "block_trade_tick_size": pair.tick,
        }
        if pair.kind != "spot":
            told["settlement_currency"] = pair.quote
            told["settlement_period"] = "perpetual" if pair.is_perpetual else "day"
        if pair.kind == "future":
            rules = self.margin_rules(pair)
            told["future_type"] = "linear"
            told["max_leverage"] = max(1, 10_000 // rules.scenarios.price_range_bp) if rules else 1
            told["max_liquidation_commission"] = rules.liquidation.fee_bp / 10_000 if rules else 0.0
        if pair.kind == "option" and terms.strike is not None:
            told["strike"] = pair.price(terms.strike)
            told["option_type"] = "call" if terms.kind in CALLS else "put"
        return told

    def expiration_estimate(self, name: str, expiry: Time | None = None) -> Estimate:
        """What an expiry would settle at if the index stayed as it is: its mean so far, once the window has begun.

        Without an `expiry` that of the next one on the index.
        """
        index_id, now = IndexId(name), self._state.now
        index = self._state.indices[index_id]
        price = index_price(index.latest.value) if index.latest else 0.0
        if expiry is None:
            ahead = [
                one.instrument.expiry
                for one in self._state.series.values()
                if one.instrument.underlying == index_id
            ]
            expiry = min((at for at in ahead if at > now), default=0)
        if not expiry:
            return Estimate(price, 0, is_estimated=False)
        count, spacing = index.terms.fixing_samples, index.terms.fixing_spacing
        taken = min((now - expiry) // spacing + count, count)
        if taken < 1:
            return Estimate(price, max(0, expiry - now) // SECOND, is_estimated=False)
        last = expiry - (count - taken) * spacing
        known = self._means.get((index_id, expiry))
        if known is None or known[0] != last:
            samples = take_samples(index.history, until=last, count=taken, spacing=spacing)
            valid = [one for one in samples if one is not None]
            known = (last, index_price(sum(valid)) / len(valid) if valid else price)
            self._means[index_id, expiry] = known
        return Estimate(known[1], max(0, expiry - now) // SECOND, is_estimated=True)

    def margin_rules(self, pair: Pair) -> ClearingRules | None:
        """Those by which positions in the instrument are margined; None: they are covered in full."""
        covers = self._state.covers
        in_full = pair.in_units or pair.instrument.bucket_id in covers.full.buckets
        return None if in_full or covers.margin is None else covers.margin.rules

    def need(self, pair: Pair, side: Side, lots: Quantity, price: Price) -> float:
        """What an order would need alone: what it can lose, under margin what its position would need. Fees apart."""
        if not lots or (pair.in_units and side is SELL):
            return 0.0
        if pair.in_units:
            return pair.cash(lots, price)
        series, rules = self.series(pair.name), self.margin_rules(pair)
        margin = self._state.covers.margin
        if rules is None or margin is None:
            far = series.lowest_price if side is BUY else series.highest_price
            return max(0.0, pair.cash(side * lots, price - far))
        portfolio = margin.portfolio(series.instrument.instrument_id)
        mark = portfolio.marks[series.instrument.instrument_id]
        forward = portfolio.forward if pair.kind == "option" else mark
        left = max(series.instrument.expiry - self._state.now, 0)
        alone = Holding(series.instrument, side * lots, mark, forward, left)
        return money(scenario_margin((alone,), rules.scenarios).initial)

    def prior_settlement(self, pair: Pair) -> float:
        """The price at which it was last marked at a session's close; the present mark, if there was none."""
        fixing = self._state.fixings.get(pair.instrument.bucket_id)
        is_one = fixing is not None and pair.kind == "future"
        return pair.price(fixing.prior if is_one and fixing else self.series(pair.name).mark)

    def quote(self, pair: Pair) -> Quote:
        """The best of each side; an empty side is told as zero, which every client can read."""
        series = self.series(pair.name)
        bid, ask = series.book.bids.best, series.book.asks.best
        if collects(series.market.phase):
            bid = ask = None
        return {
            "instrument_name": pair.name,
            "timestamp": milliseconds(self._state.now),
            "best_bid_price": pair.price(bid.price) if bid else 0.0,
            "best_bid_amount": pair.amount(bid.quantity) if bid else 0.0,
            "best_ask_price": pair.price(ask.price) if ask else 0.0,
            "best_ask_amount": pair.amount(ask.quantity) if ask else 0.0,
        }

    def ticker(self, pair: Pair) -> Ticker:
        series, tape = self.series(pair.name), self._books.tapes[pair.name]
        latest = series.latest_index
        index = index_price(latest.value) if latest else pair.price(series.instrument.reference)
        mark = pair.price(series.mark)
        day = tape.day(milliseconds(self._state.now))
        last = tape.last
        told: Ticker = {
            **self.quote(pair),  # type: ignore[typeddict-item]
            "state": STATES[series.state],
            "stats": {
                "volume": pair.amount(day.volume) if day else 0.0,
                "volume_usd": pair.cash(1, day.cost) if day else 0.0,
                "volume_notional": pair.cash(1, day.cost) if day else 0.0,
                "low": pair.price(day.low) if day else 0.0,
                "high": pair.price(day.high) if day else 0.0,
                "price_change": round((day.close / day.open - 1) * 100, 4) if day and day.open else 0.0,
            },
            "open_interest": pair.amount(self._state.covers.open_interest(pair.instrument.instrument_id)),
            "index_price": index,
            "mark_price": mark,
            "last_price": pair.price(last.price) if last else mark,
            "settlement_price": self.prior_settlement(pair),
            "estimated_delivery_price": self._estimated_delivery(pair, index),
            "min_price": pair.price(furthest_price(SELL, series)),
            "max_price": pair.price(furthest_price(BUY, series)),
        }
        if pair.is_perpetual:
            rate = self.funding_rate(pair)
            told["current_funding"] = told["funding_8h"] = rate
            told["interest_value"] = rate
        if pair.kind == "option":
            self._add_greeks(told, pair, series)
        return told

    def _estimated_delivery(self, pair: Pair, index: float) -> float:
        expiry = pair.instrument.expiry
        if not expiry or pair.instrument.settlement_rule is not SettlementRule.TWAP_CAPPED:
            return index
        return self.expiration_estimate(pair.instrument.underlying, expiry).price or index

    def funding_rate(self, pair: Pair) -> float:
        """That of the last roll, for eight hours."""
        rolls = self._books.rolls.get(pair.name)
        return rolls[-1][1].funding_rate_ppb / 1e9 if rolls else 0.0

    def _add_greeks(self, told: Ticker, pair: Pair, series: Series) -> None:
        rules = self._state.regime.clearing if self._state.regime else None
        volatility = rules.scenarios.volatility_bp / 10_000 if rules else 0.6
        forward = series.future.mark if series.future else told["index_price"] / pair.tick
        told["underlying_price"] = pair.price(forward)
        told["underlying_index"] = series.future.instrument.instrument_id if series.future else "index_price"
        told["mark_iv"] = volatility * 100
        told["interest_rate"] = 0.0
        terms = pair.instrument
        years = max(terms.expiry - self._state.now, 1) / YEAR
        at, strike = told["underlying_price"], pair.price(terms.strike or 0)
        if terms.kind not in PLAIN_OPTIONS:
            told["bid_iv"] = told["ask_iv"] = 0.0
            told["greeks"] = {"delta": 0.0, "gamma": 0.0, "rho": 0.0, "theta": 0.0, "vega": 0.0}
            return
        is_call = terms.kind is ContractKind.CALL
        bid, ask = told["best_bid_price"], told["best_ask_price"]
        told["bid_iv"] = implied_volatility(bid, at, strike, years, is_call=is_call) * 100
        told["ask_iv"] = implied_volatility(ask, at, strike, years, is_call=is_call) * 100
        told["greeks"] = greeks(at, strike, years, volatility, is_call=is_call)

    def summary(self, pair: Pair) -> BookSummary:
        ticker = self.ticker(pair)
        stats, last = ticker["stats"], self._books.tapes[pair.name].last
        bid, ask = ticker["best_bid_price"] or None, ticker["best_ask_price"] or None
        told: BookSummary = {
            "instrument_name": pair.name,
            "base_currency": pair.base,
            "quote_currency": pair.quote,
            "bid_price": bid,
            "ask_price": ask,
            "mid_price": (bid + ask) / 2 if bid and ask else None,
            "mark_price": ticker["mark_price"],
            "last": pair.price(last.price) if last else None,
            "high": stats["high"] or None,
            "low": stats["low"] or None,
            "price_change": stats["price_change"],
            "volume": stats["volume"],
            "volume_usd": stats["volume_usd"],
            "volume_notional": stats["volume_notional"],
            "open_interest": ticker["open_interest"],
            "creation_timestamp": ticker["timestamp"],
            "estimated_delivery_price": ticker["estimated_delivery_price"],
        }
        for key in (
            "current_funding",
            "funding_8h",
            "mark_iv",
            "interest_rate",
            "underlying_index",
            "underlying_price",
        ):
            if key in ticker:
                told[key] = ticker[key]
        return told


# --- accounts -------------------------------------------------------------------------------------------


class Accounts:
    """What is asked of one participant's money and positions."""

    def __init__(self, state: State, books: Books, market: Market) -> None:
        self._state = state
        self._books = books
        self._market = market

    def seat(self, who: ParticipantId) -> Seat:
        return self._state.seats[who]

    def currencies(self) -> list[str]:
        """Every asset that somebody can have here: cash first."""
        return list(self._state.assets)

    def positions(self, who: ParticipantId) -> Iterator[PositionShape]:
        owner = self._books.owners[who]
        for name, cost in owner.costs.items():
            if cost.lots:
                yield self.position(owner, self._books.pairs[name])

    def position(self, owner: Owner, pair: Pair) -> PositionShape:
        """Also of an instrument in which there is none."""
        series, cost = self._market.series(pair.name), owner.costs.get(pair.name)
        lots = 0
        if pair.kind != "spot":
            lots = self._state.covers.position(owner.participant_id, pair.instrument.instrument_id)
        average = cost.average if cost and lots else 0.0
        latest = series.latest_index
        floating = pair.cash(lots, series.mark - average)
        initial, maintenance = self._margin_of(owner.participant_id, pair, series, lots, average)
        at_work = self._state.covers.known_account(owner.participant_id, pair.instrument.instrument_id, BUY)
        notional = abs(pair.cash(lots, series.mark))
        size = pair.amount(lots)
        realised = kopecks(cost.realised) if cost else 0.0
        told: PositionShape = {
            "instrument_name": pair.name,
            "kind": pair.kind,
            "size": size,
            "size_currency": size,
            "direction": "buy" if lots > 0 else "sell" if lots < 0 else "zero",
            "average_price": pair.price(average),
            "mark_price": pair.price(series.mark),
            "index_price": index_price(latest.value) if latest else pair.price(series.mark),
            "settlement_price": self._market.prior_settlement(pair),
            "delta": size,
            "initial_margin": initial,
            "maintenance_margin": maintenance,
            "open_orders_margin": money(at_work.hold) if at_work else 0.0,
            "leverage": max(1, round(notional / initial)) if initial else 1,
            "estimated_liquidation_price": self._liquidation_price(at_work, pair),
            "floating_profit_loss": floating,
            "realized_profit_loss": realised,
            "realized_funding": kopecks(cost.funding) if cost else 0.0,
            "total_profit_loss": kopecks(floating + realised),
            "interest_value": 0.0,
        }
        if pair.kind == "option":
            greeks = self._market.ticker(pair)["greeks"]
            told["delta"] = greeks["delta"] * size
            told["gamma"], told["vega"], told["theta"] = (
                greeks["gamma"] * size,
                greeks["vega"] * size,
                greeks["theta"] * size,
            )
            told["average_price_usd"] = told["average_price"]
            told["floating_profit_loss_usd"] = floating
        return told

    def _margin_of(
        self, who: ParticipantId, pair: Pair, series: Series, lots: int, average: float
    ) -> tuple[float, float]:
        """Under full cover what can be lost at the far end of the collar; under margin what the position would need
        if it were all that its holder has."""
        if not lots or pair.in_units:
            return 0.0, 0.0
        rules = self._market.margin_rules(pair)
        if rules is None:
            far = series.lowest_price if lots > 0 else series.highest_price
            covered = max(0.0, pair.cash(lots, average - far))
            return covered, covered
        alone = [one for one in holdings(who, self._state) if one.instrument.instrument_id == pair.name]
        margin = scenario_margin(alone, rules.scenarios)
        return money(margin.initial), money(margin.maintenance)

    def _liquidation_price(self, account: object, pair: Pair) -> float | None:
        """None where full cover bounds what can be lost, or no mark of the instrument leads there."""
        if not isinstance(account, PortfolioAccount):
            return None
        price = liquidation_price(account, pair.instrument.instrument_id, self._state.now)
        return None if price is None else pair.price(price)

    def summary(self, who: ParticipantId, name: str) -> AccountSummary:
        """One asset of a participant. Of an asset that it has none of, all is zero."""
        currency = AssetId(name)
        seat, ledger, covers = self.seat(who), self._state.ledger, self._state.covers
        settles = self._state.regime.cash.settlement_asset if self._state.regime else ""
        free = held = locked = 0
        initial = maintenance = 0
        state = MarginState.NORMAL
        scale = 10 ** (self._state.assets[currency].scale if currency in self._state.assets else 2)
        leaves = 0
        if currency in self._state.holdings:
            cash, hold = accounts.cash(who, currency), accounts.hold(who, currency)
            free = ledger.available(cash) if cash in ledger else 0
            held = ledger.posted(hold) if hold in ledger else 0
            locked = covers.locked(who) if currency == settles else 0
            initial, maintenance = locked + held, locked
            leaves = 0 if seat.frozen else withdrawable(self._state, who, currency)
            account = covers.margin.accounts.get(who) if covers.margin and currency == settles else None
            if account is not None and covers.margin is not None:
                initial = account.required
                maintenance = account.maintenance(account.initial)
                state = account.state
        elif currency in self._state.assets:
            free = leaves = covers.spot.free_units(who, currency)
        owner = self._books.owners[who]
        mine = currency == settles
        rows = list(self.positions(who)) if mine else []
        options = [row for row in rows if row["kind"] == "option"]
        floating = kopecks(sum(row["floating_profit_loss"] for row in rows))
        futures = kopecks(sum(row["floating_profit_loss"] for row in rows if row["kind"] == "future"))
        realised, realised_by_options = self._realised(owner) if mine else (0.0, 0.0)
        delta = sum(row["delta"] for row in rows)
        balance = owned(self._state, who, currency) / scale
        equity = kopecks(balance + floating) if floating else balance
        number = self._books.number_of(who)
        return {
            "currency": currency,
            "balance": balance,
            "equity": equity,
            "margin_balance": equity,
            "available_funds": free / scale,
            "available_withdrawal_funds": leaves / scale,
            "initial_margin": initial / scale,
            "maintenance_margin": maintenance / scale,
            "projected_initial_margin": initial / scale,
            "projected_maintenance_margin": maintenance / scale,
            "total_pl": kopecks(floating + realised),
            "session_rpl": realised,
            "session_upl": floating,
            "futures_pl": futures,
            "futures_session_rpl": kopecks(realised - realised_by_options),
            "futures_session_upl": futures,
            "options_pl": kopecks(floating - futures),
            "options_session_rpl": realised_by_options,
            "options_session_upl": kopecks(floating - futures),
            "options_value": sum(row["size"] * row["mark_price"] for row in options),
            "options_delta": sum(row["delta"] for row in options),
            "options_gamma": sum(row["gamma"] for row in options),
            "options_theta": sum(row["theta"] for row in options),
            "options_vega": sum(row["vega"] for row in options),
            "options_gamma_map": self._by_index(options, "gamma"),
            "options_theta_map": self._by_index(options, "theta"),
            "options_vega_map": self._by_index(options, "vega"),
            "delta_total": delta,
            "delta_total_map": self._by_index(rows, "delta"),
            "projected_delta_total": delta,
            "fee_balance": 0.0,
            "spot_reserve": held / scale,
            "additional_reserve": 0.0,
            "margin_model": "segregated_sm" if covers.margin is None else "segregated_pm",
            "margin_state": state.value,
            "portfolio_margining_enabled": covers.margin is not None,
            "cross_collateral_enabled": False,
            "id": number,
            "username": who,
            "system_name": who,
            "email": "",
            "type": "main",
            "login_enabled": False,
            "security_keys_enabled": False,
            "mmp_enabled": bool(seat.protections),
        }

    def _realised(self, owner: Owner) -> tuple[float, float]:
        """What has been realised, and what of that by options."""
        found = [(self._books.pairs[name].kind, cost.realised) for name, cost in owner.costs.items()]
        options = sum(one for kind, one in found if kind == "option")
        return kopecks(sum(one for _, one in found)), kopecks(options)

    def _by_index(self, rows: list[PositionShape], figure: str) -> dict[str, float]:
        """A figure of positions, summed over those on each index."""
        told: dict[str, float] = {}
        for row in rows:
            name = index_name(self._books.pairs[row["instrument_name"]].instrument.underlying)
            told[name] = told.get(name, 0.0) + row[figure]  # type: ignore[literal-required]
        return told
