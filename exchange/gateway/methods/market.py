"""Market data, for everybody."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice, pairwise
from math import log, sqrt
from typing import Annotated, Any, Literal

from pydantic import Field

from exchange.clearing.expiry import is_over
from exchange.gateway import render
from exchange.gateway.books import Candle, PublicTrade
from exchange.gateway.channels import RESOLUTIONS, gathered
from exchange.gateway.dispatch import Call
from exchange.gateway.faults import NOT_FOUND, fault, invalid
from exchange.gateway.registry import (
    NO_TRUTH,
    REGISTRY,
    Access,
    Integer,
    Milliseconds,
    Name,
    NoParams,
    Params,
    Whole,
)
from exchange.gateway.shapes import BookSummary, Candles, InstrumentShape, OrderBookShape, Ticker, Trades
from exchange.gateway.wire import Pair, index_name, index_price, milliseconds
from exchange.units import IndexId
from matching.terms import BUY, SELL

Kind = Literal["future", "option", "spot", "note", "future_combo", "option_combo", "combo", "any"]
Sorting = Literal["asc", "desc", "default"]
Count = Annotated[int, Field(ge=1, le=1_000), NO_TRUTH]
MOST_CANDLES = 5_000
MOST_POINTS = 1_000  # of an index
YEAR_OF_MINUTES = 365 * 1440


class InstrumentParams(Params):
    instrument_name: Name


class InstrumentsParams(Params):
    currency: str = "any"
    kind: Kind = "any"
    expired: bool = False


class CurrencyParams(Params):
    currency: Name
    kind: Kind = "any"


class DepthParams(Params):
    instrument_name: Name
    depth: Annotated[int, Field(ge=1, lt=2**53), NO_TRUTH] = 5


class RangeParams(Params):
    start_timestamp: Milliseconds | None = None
    end_timestamp: Milliseconds | None = None
    count: Count = 10
    sorting: Sorting = "default"
    include_old: bool = False


class TradesParams(RangeParams):
    instrument_name: Name
    start_seq: Integer | None = None
    end_seq: Integer | None = None


class CurrencyTradesParams(RangeParams):
    currency: Name
    kind: Kind = "any"
    start_id: str | None = None
    end_id: str | None = None


class ChartParams(Params):
    instrument_name: Name
    start_timestamp: Milliseconds
    end_timestamp: Milliseconds
    resolution: str


class SpanParams(Params):
    instrument_name: Name
    start_timestamp: Milliseconds
    end_timestamp: Milliseconds


class LengthParams(Params):
    instrument_name: Name
    length: Literal["8h", "24h", "1m"] = "8h"


class IndexParams(Params):
    index_name: Name


class DeliveryParams(IndexParams):
    offset: Whole = 0
    count: Count = 10


class RangeOfIndexParams(IndexParams):
    range: Literal["1h", "1d", "2d", "1m", "1y", "all"] = "1d"


class ExtendedParams(Params):
    extended: bool = False


class SettlementsParams(Params):
    instrument_name: str | None = None
    currency: str | None = None
    type: Literal["settlement", "delivery", "bankruptcy"] | None = None
    count: Count = 20
    continuation: Annotated[str, Field(pattern=r"^(none|[0-9]{1,9})$")] | None = None
    search_start_timestamp: Milliseconds | None = None


class ExpirationsParams(Params):
    currency: Name
    kind: Literal["future", "option", "any"]


def pair_of(call: Call, name: str) -> Pair:
    """The instrument of that name. Raises Fault if there is none."""
    pair = call.books.pairs.get(name)
    if pair is None:
        raise fault(NOT_FOUND, param="instrument_name", reason="unknown_instrument")
    return pair


def of_kind(pair: Pair, kind: str) -> bool:
    return kind in ("any", pair.kind)


def of_currency(pair: Pair, currency: str) -> bool:
    """Public summaries match a coin with what is traded as well as with what is paid; private ones with the latter."""
    asked = currency.upper()
    return asked == "ANY" or asked in (pair.quote.upper(), pair.base.upper())


def index_of(call: Call, name: str) -> IndexId:
    found = next((one for one in call.state.indices if index_name(one) == name.lower()), None)
    if found is None:
        raise fault(NOT_FOUND, param="index_name", reason="unknown_index")
    return found


# --- instruments ----------------------------------------------------------------------------------------


@REGISTRY.method("public/get_instruments", Access.PUBLIC)
def get_instruments(call: Call, params: InstrumentsParams) -> list[InstrumentShape]:
    """Every instrument, or those of a currency and a kind; those that are over only if asked for."""
    market = call.gateway.hub.market
    return [
        market.instrument(pair)
        for pair in call.books.pairs.values()
        if is_over(market.series(pair.name).state) is params.expired
        and of_kind(pair, params.kind)
        and _settles_in(pair, params.currency)
    ]


def _settles_in(pair: Pair, currency: str) -> bool:
    asked = currency.upper()
    return asked in ("ANY", pair.quote.upper()) or (pair.kind == "spot" and asked == pair.base.upper())


@REGISTRY.method("public/get_instrument", Access.PUBLIC)
def get_instrument(call: Call, params: InstrumentParams) -> InstrumentShape:
    """One instrument."""
    return call.gateway.hub.market.instrument(pair_of(call, params.instrument_name))


@REGISTRY.method("public/get_currencies", Access.PUBLIC)
def get_currencies(call: Call, params: NoParams) -> list[dict[str, Any]]:
    """Every asset: what is paid with, and what is traded."""
    state = call.state
    known: dict[str, tuple[str, int]] = {
        asset.asset_id: (asset.title, asset.scale) for asset in state.assets.values()
    }
    for pair in call.books.pairs.values():
        known.setdefault(pair.base, (pair.base, 8))
    return [
        {
            "currency": asset_id,
            "currency_long": title,
            "coin_type": asset_id,
            "decimals": scale,
            "fee_precision": scale,
            "min_confirmations": _confirmations(call, asset_id),
            "withdrawal_fee": _withdrawal_fee(call, asset_id),
            "min_withdrawal_fee": 0.0,
            "withdrawal_priorities": [],
            "network_currency": asset_id,
            "network_fee": 0.0,
            "in_cross_collateral_pool": False,
            "apr": 0.0,
        }
        for asset_id, (title, scale) in known.items()
    ]


def _confirmations(call: Call, asset_id: str) -> int:
    asset = call.state.assets.get(asset_id)  # type: ignore[call-overload]
    return (asset.confirmations or 0) if asset else 0


def _withdrawal_fee(call: Call, asset_id: str) -> float:
    holding = call.state.holdings.get(asset_id)  # type: ignore[call-overload]
    return holding.terms.transfer_fee / 100 if holding else 0.0


@REGISTRY.method("public/get_contract_size", Access.PUBLIC)
def get_contract_size(call: Call, params: InstrumentParams) -> dict[str, float]:
    """How much of the underlying one contract is."""
    return {"contract_size": pair_of(call, params.instrument_name).contract}


@REGISTRY.method("public/get_expirations", Access.PUBLIC)
def get_expirations(call: Call, params: ExpirationsParams) -> dict[str, Any]:
    """The days on which something of a kind will expire."""
    found: dict[str, list[str]] = {"future": [], "option": []}
    for pair in call.books.pairs.values():
        over = is_over(call.gateway.hub.market.series(pair.name).state)
        if over or not (of_currency(pair, params.currency) and of_kind(pair, params.kind)):
            continue
        if pair.kind in found:
            at = datetime.fromtimestamp(pair.expires_ms / 1000, UTC)
            day = "PERPETUAL" if pair.is_perpetual else f"{at.day}{at:%b%y}".upper()
            if day not in found[pair.kind]:
                found[pair.kind].append(day)
    if params.currency.lower() == "any":
        return found
    return {params.currency.lower(): found}


# --- prices ---------------------------------------------------------------------------------------------


@REGISTRY.method("public/ticker", Access.PUBLIC)
def ticker(call: Call, params: InstrumentParams) -> Ticker:
    """Prices and figures of an instrument."""
    return call.gateway.hub.market.ticker(pair_of(call, params.instrument_name))


@REGISTRY.method("public/get_order_book", Access.PUBLIC)
def get_order_book(call: Call, params: DepthParams) -> OrderBookShape:
    """The ticker with the best levels of the displayed book; `change_id` is that of the book's channels."""
    pair = pair_of(call, params.instrument_name)
    shown = call.books.shown[pair.name]
    return {
        **call.gateway.hub.market.ticker(pair),
        "change_id": shown.number,
        "bids": [(pair.price(p), pair.amount(q)) for p, q in shown.best(BUY, params.depth)],
        "asks": [(pair.price(p), pair.amount(q)) for p, q in shown.best(SELL, params.depth)],
    }


@REGISTRY.method("public/get_book_summary_by_instrument", Access.PUBLIC)
def get_book_summary_by_instrument(call: Call, params: InstrumentParams) -> list[BookSummary]:
    """One instrument's summary, in a list."""
    return [call.gateway.hub.market.summary(pair_of(call, params.instrument_name))]


@REGISTRY.method("public/get_book_summary_by_currency", Access.PUBLIC)
def get_book_summary_by_currency(call: Call, params: CurrencyParams) -> list[BookSummary]:
    """The summaries of a currency: of what is traded in it, and of what is paid in it."""
    market = call.gateway.hub.market
    return [
        market.summary(pair)
        for pair in call.books.pairs.values()
        if of_currency(pair, params.currency)
        and of_kind(pair, params.kind)
        and not is_over(market.series(pair.name).state)
    ]


@REGISTRY.method("public/get_index_price", Access.PUBLIC)
def get_index_price(call: Call, params: IndexParams) -> dict[str, float]:
    """The index as it was last published, and what the next expiry on it would settle at."""
    index_id = index_of(call, params.index_name)
    latest = call.state.indices[index_id].latest
    estimate = call.gateway.hub.market.expiration_estimate(index_id)
    return {
        "index_price": index_price(latest.value) if latest else 0.0,
        "estimated_delivery_price": estimate.price,
    }


@REGISTRY.method("public/get_index_price_names", Access.PUBLIC)
def get_index_price_names(call: Call, params: ExtendedParams) -> list[Any]:
    """The indices."""
    names = [index_name(one) for one in call.state.indices]
    if not params.extended:
        return names
    combos = {"future_combo_creation_enabled": False, "option_combo_creation_enabled": False}
    return [{"name": name, **combos} for name in names]


@REGISTRY.method("public/get_index_chart_data", Access.PUBLIC)
def get_index_chart_data(call: Call, params: RangeOfIndexParams) -> list[tuple[int, float]]:
    """Pairs of time and index; at most a thousand, evenly spread."""
    spans = {"1h": 1, "1d": 24, "2d": 48, "1m": 744, "1y": 8_784, "all": 1_000_000}
    known = call.books.indices.get(index_of(call, params.index_name), ())
    since = call.state.now - spans[params.range] * 3_600_000_000_000
    rows = [(at, value) for at, value in known if at >= since]
    step = max(1, -(-len(rows) // MOST_POINTS))
    return [(milliseconds(at), index_price(value)) for at, value in rows[::step]]


@REGISTRY.method("public/get_delivery_prices", Access.PUBLIC)
def get_delivery_prices(call: Call, params: DeliveryParams) -> dict[str, Any]:
    """Final settlement prices of an index, the latest first."""
    index_id = index_of(call, params.index_name)
    rows = call.books.deliveries.get(index_id, [])
    ticks = {p.instrument.bucket_id: p for p in call.books.pairs.values()}
    told = [
        {
            "date": datetime.fromtimestamp(at / 1e9, UTC).strftime("%Y-%m-%d"),
            "delivery_price": ticks[event.bucket_id].price(event.price),
        }
        for at, event in reversed(rows)
        if event.bucket_id in ticks
    ]
    return {"records_total": len(told), "data": told[params.offset : params.offset + params.count]}


# --- trades ---------------------------------------------------------------------------------------------


def within(
    newest_first: Iterable[PublicTrade],
    params: RangeParams,
    first: int | None = None,
    last: int | None = None,
) -> Trades:
    """The trades that are asked for: the newest first, but ascending where a beginning is given."""
    found = list(_between(newest_first, params, first, last))
    ascending = params.sorting == "asc" or (
        params.sorting == "default" and (params.start_timestamp is not None or first is not None)
    )
    if ascending:
        found.reverse()
    return {
        "trades": [render.trade(one) for one in found[: params.count]],
        "has_more": len(found) > params.count,
    }


def _between(
    trades: Iterable[PublicTrade], params: RangeParams, first: int | None, last: int | None
) -> Iterator[PublicTrade]:
    for one in trades:
        at = milliseconds(one.at)
        if params.end_timestamp is not None and at > params.end_timestamp:
            continue
        if last is not None and one.number > last:
            continue
        if params.start_timestamp is not None and at < params.start_timestamp:
            return
        if first is not None and one.number < first:
            return
        yield one


@REGISTRY.method("public/get_last_trades_by_instrument", Access.PUBLIC)
def get_last_trades_by_instrument(call: Call, params: TradesParams) -> Trades:
    """The last trades of an instrument, by number or by time."""
    tape = call.books.tapes[pair_of(call, params.instrument_name).name]
    return within(reversed(tape.trades), params, params.start_seq, params.end_seq)


@REGISTRY.method("public/get_last_trades_by_instrument_and_time", Access.PUBLIC)
def get_last_trades_by_instrument_and_time(call: Call, params: TradesParams) -> Trades:
    """The same; either end may be left out."""
    return get_last_trades_by_instrument(call, params)


@REGISTRY.method("public/get_last_trades_by_currency", Access.PUBLIC)
def get_last_trades_by_currency(call: Call, params: CurrencyTradesParams) -> Trades:
    """The last trades of all instruments of a currency and kind."""
    trades = [
        one
        for name, tape in call.books.tapes.items()
        for one in islice(reversed(tape.trades), 2_000)
        if of_currency(call.books.pairs[name], params.currency)
        and of_kind(call.books.pairs[name], params.kind)
    ]
    trades.sort(key=lambda one: one.trade_id, reverse=True)
    first, last = trade_numbers(params.start_id, params.end_id)
    return within([one for one in trades if first <= one.trade_id <= last], params)


def trade_numbers(start_id: str | None, end_id: str | None) -> tuple[int, int]:
    """The first and the last trade that are asked for; without an id the outermost there could be. Raises Fault."""
    return _trade_number(start_id, "start_id", 0), _trade_number(end_id, "end_id", 2**63)


def _trade_number(text: str | None, param: str, otherwise: int) -> int:
    if text is None:
        return otherwise
    digits = text.rpartition("-")[2]
    if not (digits.isascii() and digits.isdecimal()):
        raise invalid(param, "is no trade id")
    return int(digits[:18])


@REGISTRY.method("public/get_last_trades_by_currency_and_time", Access.PUBLIC)
def get_last_trades_by_currency_and_time(call: Call, params: CurrencyTradesParams) -> Trades:
    """The same by time."""
    return get_last_trades_by_currency(call, params)


@REGISTRY.method("public/get_trade_volumes", Access.PUBLIC)
def get_trade_volumes(call: Call, params: ExtendedParams) -> list[dict[str, Any]]:
    """What was traded in twenty-four hours, by what is traded."""
    told: dict[str, dict[str, Any]] = {}
    now = milliseconds(call.state.now)
    for name, tape in call.books.tapes.items():
        pair, day = call.books.pairs[name], tape.day(now)
        row = told.setdefault(
            pair.base,
            {
                "currency": pair.base,
                "futures_volume": 0.0,
                "spot_volume": 0.0,
                "calls_volume": 0.0,
                "puts_volume": 0.0,
            },
        )
        word = {"future": "futures_volume", "spot": "spot_volume"}.get(pair.kind)
        if day is not None and word is not None:
            row[word] += pair.amount(day.volume)
        elif day is not None and pair.kind == "option":
            row["calls_volume" if name.endswith("C") else "puts_volume"] += pair.amount(day.volume)
    return list(told.values())


@REGISTRY.method("public/get_tradingview_chart_data", Access.PUBLIC)
def get_tradingview_chart_data(call: Call, params: ChartParams) -> Candles:
    """Candles as parallel arrays, ascending, aligned, without a gap: an empty one has the close of the one before."""
    pair = pair_of(call, params.instrument_name)
    minutes = RESOLUTIONS.get(params.resolution.upper())
    if minutes is None:
        raise invalid("resolution", f"must be one of {', '.join(RESOLUTIONS)}")
    width = minutes * 60_000
    tape = call.books.tapes[pair.name]
    by_tick: dict[int, list[Candle]] = {}
    before: Candle | None = None
    last = min(params.end_timestamp, milliseconds(call.state.now)) // width * width
    first = max(params.start_timestamp // width * width, last - (MOST_CANDLES - 1) * width)
    for minute, candle in tape.minutes.items():
        if minute < first:
            before = candle
        elif minute <= params.end_timestamp:
            by_tick.setdefault(minute // width * width, []).append(candle)
    if before is None:
        first = next(iter(by_tick), last + 1)
    told: Candles = {
        "status": "ok", "ticks": [], "open": [], "high": [], "low": [], "close": [], "volume": [], "cost": [],
    }  # fmt: skip
    close = before.close if before else 0
    for tick in range(first, last + 1, width):
        whole = gathered(by_tick.get(tick, [])) or Candle(close)
        close = whole.close
        told["ticks"].append(tick)
        told["open"].append(pair.price(whole.open))
        told["high"].append(pair.price(whole.high))
        told["low"].append(pair.price(whole.low))
        told["close"].append(pair.price(whole.close))
        told["volume"].append(pair.amount(whole.volume))
        told["cost"].append(pair.cash(1, whole.cost))
    if not told["ticks"]:
        told["status"] = "no_data"
    return told


# --- funding, volatility, settlements -------------------------------------------------------------------


@REGISTRY.method("public/get_funding_rate_value", Access.PUBLIC)
def get_funding_rate_value(call: Call, params: SpanParams) -> float:
    """The mean funding rate of a perpetual over a span, for eight hours."""
    pair = pair_of(call, params.instrument_name)
    rates = [event.funding_rate_ppb / 1e9 for at, event, _ in _rolls(call, pair, params)]
    return sum(rates) / len(rates) if rates else 0.0


def _rolls(call: Call, pair: Pair, params: SpanParams) -> Iterator[tuple[int, Any, int]]:
    for at, event, index in call.books.rolls.get(pair.name, []):
        if params.start_timestamp <= milliseconds(at) <= params.end_timestamp:
            yield at, event, index


@REGISTRY.method("public/get_funding_rate_history", Access.PUBLIC)
def get_funding_rate_history(call: Call, params: SpanParams) -> list[dict[str, Any]]:
    """The funding rate at each roll of a perpetual, with the index of then; at most 744."""
    pair = pair_of(call, params.instrument_name)
    told = []
    previous: int | None = None
    for at, event, index in _rolls(call, pair, params):
        rate = event.funding_rate_ppb / 1e9
        told.append(
            {
                "timestamp": milliseconds(at),
                "index_price": index_price(index),
                "prev_index_price": index_price(index if previous is None else previous),
                "interest_8h": rate,
                "interest_1h": rate / 8,
            }
        )
        previous = index
    return told[-744:]


@REGISTRY.method("public/get_funding_chart_data", Access.PUBLIC)
def get_funding_chart_data(call: Call, params: LengthParams) -> dict[str, Any]:
    """The funding rate of a perpetual at each roll of the last eight hours, day or month."""
    pair = pair_of(call, params.instrument_name)
    now, hours = milliseconds(call.state.now), {"8h": 8, "24h": 24, "1m": 744}[params.length]
    span = SpanParams(
        instrument_name=pair.name, start_timestamp=max(0, now - hours * 3_600_000), end_timestamp=now
    )
    rows = get_funding_rate_history(call, span)
    return {
        "current_interest": call.gateway.hub.market.funding_rate(pair),
        "interest_8h": get_funding_rate_value(call, span),
        "data": [{key: row[key] for key in ("timestamp", "index_price", "interest_8h")} for row in rows],
    }


@REGISTRY.method("public/get_historical_volatility", Access.PUBLIC)
def get_historical_volatility(call: Call, params: CurrencyParams) -> list[tuple[int, float]]:
    """Pairs of time and the yearly deviation of the index, in percent, from its minutes of the last hour."""
    index_id = next(
        (one for one in call.state.indices if one.upper().startswith(params.currency.upper())), None
    )
    known = list(call.books.indices.get(index_id, ())) if index_id else []
    minutes: dict[int, int] = {at // 60_000_000_000: value for at, value in known}
    values = list(minutes.values())[-61:]
    if len(values) < 3:
        return []
    moves = [log(after / before) for before, after in pairwise(values)]
    mean = sum(moves) / len(moves)
    deviation = sqrt(sum((move - mean) ** 2 for move in moves) / (len(moves) - 1))
    return [(milliseconds(call.state.now), round(deviation * sqrt(YEAR_OF_MINUTES) * 100, 4))]


@REGISTRY.method("public/get_last_settlements_by_instrument", Access.PUBLIC)
def get_last_settlements_by_instrument(call: Call, params: SettlementsParams) -> dict[str, Any]:
    """Settlements, deliveries and bankruptcies of an instrument, the latest first; over everybody, so that what one
    gains another loses, and positions, gains and funding add up to nothing."""
    pair = pair_of(call, params.instrument_name or "")
    return _settlements(call, params, lambda one: one is pair)


@REGISTRY.method("public/get_last_settlements_by_currency", Access.PUBLIC)
def get_last_settlements_by_currency(call: Call, params: SettlementsParams) -> dict[str, Any]:
    """The same of a currency."""
    asked = params.currency or "any"
    return _settlements(call, params, lambda one: of_currency(one, asked))


def _settlements(call: Call, params: SettlementsParams, wanted: Any) -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    for pair in call.books.pairs.values():
        if not wanted(pair):
            continue
        for at, event, index in call.books.rolls.get(pair.name, []):
            rows.append(_settlement(pair, at, "settlement", index_price(index), event.instrument.reference))
        for index_id, told in call.books.deliveries.items():
            if index_id == pair.instrument.underlying:
                rows += [
                    _settlement(pair, at, "delivery", pair.price(event.price), event.price)
                    for at, event in told
                    if event.bucket_id == pair.instrument.bucket_id
                ]
    rows.sort(key=lambda row: row["timestamp"], reverse=True)
    return page_of_settlements(rows, params)


def page_of_settlements(rows: list[dict[str, Any]], params: SettlementsParams) -> dict[str, Any]:
    """Of rows that begin with the latest: those of a type and not after a time; `continuation` leads on."""
    until = params.search_start_timestamp
    found = [
        row
        for row in rows
        if params.type in (None, row["type"]) and (until is None or row["timestamp"] <= until)
    ]
    first = int(params.continuation) if params.continuation not in (None, "none") else 0
    after = first + params.count
    return {
        "settlements": found[first:after],
        "continuation": str(after) if after < len(found) else "none",
    }


def _settlement(pair: Pair, at: int, kind: str, index: float, mark: int) -> dict[str, Any]:
    return {
        "type": kind,
        "timestamp": milliseconds(at),
        "instrument_name": pair.name,
        "index_price": index,
        "mark_price": pair.price(mark),
        "position": 0.0,
        "profit_loss": 0.0,
        "session_profit_loss": 0.0,
        "funding": 0.0,
    }
