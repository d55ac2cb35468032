"""What answers and notifications look like. Their JSON Schemas in the documents are written from these."""

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict


class OrderShape(TypedDict):
    order_id: str
    order_state: str
    order_type: str
    time_in_force: str
    instrument_name: str
    direction: str
    price: float | str
    amount: float
    contracts: float
    filled_amount: float
    average_price: float
    label: str
    client_order_id: NotRequired[int]  # if its owner gave it one
    post_only: bool
    reject_post_only: bool
    reduce_only: bool
    api: bool
    web: bool
    replaced: bool
    creation_timestamp: int
    last_update_timestamp: int
    is_liquidation: bool
    max_show: float
    display_amount: float
    mmp: bool
    risk_reducing: bool
    commission: float
    trigger: NotRequired[str]
    triggered: NotRequired[bool]
    trigger_price: NotRequired[float]
    trigger_offset: NotRequired[float]
    oco_ref: NotRequired[str]  # the same on both of a pair that cancel each other
    oto_order_ids: NotRequired[list[str]]  # that come once it has traded
    is_primary_otoco: NotRequired[bool]
    is_secondary_oto: NotRequired[bool]
    primary_order_id: NotRequired[str]  # after which it comes
    trigger_fill_condition: NotRequired[str]
    cancel_reason: NotRequired[str]


class TradeShape(TypedDict):
    trade_id: str
    trade_seq: int
    instrument_name: str
    timestamp: int
    direction: str
    tick_direction: int
    price: float
    amount: float
    contracts: float
    index_price: float
    mark_price: float
    liquidation: NotRequired[str]
    iv: NotRequired[float]  # of an option, in percent


class UserTradeShape(TradeShape):
    order_id: str
    order_type: str
    state: str
    fee: float
    fee_currency: str
    liquidity: str
    label: str
    matching_id: None
    reduce_only: bool
    post_only: bool
    mmp: bool
    api: bool
    self_trade: bool
    profit_loss: float
    risk_reducing: bool


class OrderWithTrades(TypedDict):
    order: OrderShape
    trades: list[UserTradeShape]
    duplicate: NotRequired[bool]  # it had come before, under the same client_order_id


class Trades(TypedDict):
    trades: list[TradeShape]
    has_more: bool


class UserTrades(TypedDict):
    trades: list[UserTradeShape]
    has_more: bool


class InstrumentShape(TypedDict):
    instrument_name: str
    instrument_id: int
    kind: str
    base_currency: str
    quote_currency: str
    counter_currency: str
    instrument_type: str
    tick_size: float
    tick_size_steps: list[dict[str, float]]
    min_trade_amount: float
    max_trade_amount: float
    contract_size: float
    expiration_timestamp: int
    creation_timestamp: int
    maker_commission: float
    taker_commission: float
    is_active: bool
    state: str
    price_index: str
    rfq: bool
    block_trade_commission: float
    block_trade_min_trade_amount: float
    block_trade_tick_size: float
    settlement_currency: NotRequired[str]
    settlement_period: NotRequired[str]
    future_type: NotRequired[str]
    max_leverage: NotRequired[int]
    max_liquidation_commission: NotRequired[float]
    strike: NotRequired[float]
    option_type: NotRequired[str]


class Quote(TypedDict):
    instrument_name: str
    timestamp: int
    best_bid_price: float
    best_bid_amount: float
    best_ask_price: float
    best_ask_amount: float


class Stats(TypedDict):
    volume: float
    volume_usd: float
    volume_notional: float
    low: float
    high: float
    price_change: float


class Greeks(TypedDict):
    delta: float
    gamma: float
    rho: float
    theta: float
    vega: float


class Ticker(Quote):
    state: str
    stats: Stats
    open_interest: float
    index_price: float
    mark_price: float
    last_price: float
    settlement_price: float
    estimated_delivery_price: float
    min_price: float
    max_price: float
    current_funding: NotRequired[float]
    funding_8h: NotRequired[float]
    interest_value: NotRequired[float]
    underlying_price: NotRequired[float]
    underlying_index: NotRequired[str]
    interest_rate: NotRequired[float]
    mark_iv: NotRequired[float]
    bid_iv: NotRequired[float]
    ask_iv: NotRequired[float]
    greeks: NotRequired[Greeks]


class OrderBookShape(Ticker):
    change_id: int
    bids: list[tuple[float, float]]
    asks: list[tuple[float, float]]


class BookSummary(TypedDict):
    instrument_name: str
    base_currency: str
    quote_currency: str
    bid_price: float | None
    ask_price: float | None
    mid_price: float | None
    mark_price: float
    last: float | None
    high: float | None
    low: float | None
    price_change: float
    volume: float
    volume_usd: float
    volume_notional: float
    open_interest: float
    creation_timestamp: int
    estimated_delivery_price: float
    current_funding: NotRequired[float]
    funding_8h: NotRequired[float]
    mark_iv: NotRequired[float]
    interest_rate: NotRequired[float]
    underlying_index: NotRequired[str]
    underlying_price: NotRequired[float]


class PositionShape(TypedDict):
    instrument_name: str
    kind: str
    size: float
    size_currency: float
    direction: str
    average_price: float
    mark_price: float
    index_price: float
    settlement_price: float
    delta: float
    initial_margin: float
    maintenance_margin: float
    open_orders_margin: float
    leverage: int
    estimated_liquidation_price: float | None
    floating_profit_loss: float
    realized_profit_loss: float
    realized_funding: float
    total_profit_loss: float
    interest_value: float
    gamma: NotRequired[float]
    vega: NotRequired[float]
    theta: NotRequired[float]
    average_price_usd: NotRequired[float]
    floating_profit_loss_usd: NotRequired[float]


class FeeShape(TypedDict):
    currency: str
    instrument_type: str
    fee_type: str
    maker_fee: float
    taker_fee: float


class AccountSummary(TypedDict):
    currency: str
    balance: float
    equity: float
    margin_balance: float
    available_funds: float
    available_withdrawal_funds: float
    initial_margin: float
    maintenance_margin: float
    projected_initial_margin: float
    projected_maintenance_margin: float
    total_pl: float
    session_rpl: float
    session_upl: float
    futures_pl: float
    futures_session_rpl: float
    futures_session_upl: float
    options_pl: float
    options_session_rpl: float
    options_session_upl: float
    options_value: float
    options_delta: float
    options_gamma: float
    options_theta: float
    options_vega: float
    options_gamma_map: dict[str, float]
    options_theta_map: dict[str, float]
    options_vega_map: dict[str, float]
    delta_total: float
    delta_total_map: dict[str, float]
    projected_delta_total: float
    fee_balance: float
    spot_reserve: float
    additional_reserve: float
    margin_model: str
    margin_state: str
    portfolio_margining_enabled: bool
    cross_collateral_enabled: bool
    id: int
    username: str
    system_name: str
    email: str
    type: str
    login_enabled: bool
    security_keys_enabled: bool
    mmp_enabled: bool
    fees: NotRequired[list[FeeShape]]
    limits: NotRequired[dict[str, object]]


class Candles(TypedDict):
    status: str
    ticks: list[int]
    open: list[float]
    high: list[float]
    low: list[float]
    close: list[float]
    volume: list[float]
    cost: list[float]


class TokenShape(TypedDict):
    access_token: str
    refresh_token: str
    expires_in: int
    token_type: str
    scope: str
    enabled_features: list[str]
    sid: NotRequired[str]
    state: NotRequired[str]


class Version(TypedDict):
    version: str


# --- what the venue publishes of itself ---------------------------------------------------------------


class OpenInterest(TypedDict):
    instrument_name: str
    kind: str
    amount: float  # of the underlying, one side
    value: float  # at the mark
    currency: str  # of the value


class MarginFigures(TypedDict):
    """Of all margin accounts together."""

    collateral: float
    initial_margin: float
    calls_open: int  # open now
    calls_so_far: int
    closed_out: int  # accounts whose positions are being closed
    default_fund: float


class LayerFigure(TypedDict):
    layer: str
    amount: float | None  # that is there; None where it is a defaulter's own, or nothing is paid in before
    used: float


class ClearingStatistics(TypedDict):
    timestamp: int
    cover: str | None  # how derivatives are covered: "full" or "risk"
    currency: str | None
    open_interest: list[OpenInterest]
    escrow: float  # what positions that are covered in full could lose at worst
    held_for_orders: float
    defaults: int
    margin: NotRequired[MarginFigures]
    waterfall: list[LayerFigure]  # in the order in which they pay; empty under full cover


class ReserveFigures(TypedDict):
    state: str
    book: float
    accessible: float
    liquid: float
    covered: bool


class QueueFigures(TypedDict):
    requests: int
    amount: float


class CashFigures(TypedDict):
    currency: str
    title: str
    kind: str
    supply: float  # all there is of it
    at_the_venue: float
    frozen: float  # of that: what cannot be sent
    price: float  # of one, in what it promises
    discount_bp: float
    halted: list[str]
    gated: bool  # withdrawals are shared out
    withdrawals: QueueFigures  # on their way out of the venue
    reserves: NotRequired[ReserveFigures]  # of a coin
    redemptions: NotRequired[QueueFigures]  # that its issuer has not paid yet


class CashStatistics(TypedDict):
    timestamp: int
    assets: list[CashFigures]


class AccessStatistics(TypedDict):
    timestamp: int
    regime: str | None
    admitted: int
    by_class: dict[str, int]
    by_state: dict[str, int]
    refused: int  # applications
    refused_by_reason: dict[str, int]
    asked_for: dict[str, list[str]]  # by class: the ways into it
    refusals: dict[str, dict[str, int]]  # of those inside: by what they asked for, and reason


class Resumed(TypedDict):
    """How a channel is followed after it was resumed."""

    channel: str
    resumed: bool  # what was missed comes first; else how things stand
    missed: int  # messages
    place: NotRequired[str]  # from where it goes on, if no message will say so
    reason: NotRequired[str]  # why it was not resumed


class StepShape(TypedDict):
    step: int
    time_ns: int
    timestamp: int
    ended: bool
    digest: str | None


class BotShape(TypedDict):
    bot: str
    registered: bool
    connected: bool
    done: bool
    out: str


# --- what channels tell ---------------------------------------------------------------------------------


class BookTold(TypedDict):
    type: Literal["snapshot", "change"]
    timestamp: int
    instrument_name: str
    prev_change_id: NotRequired[int]  # not of a snapshot
    change_id: int
    checksum: str
    bids: list[tuple[Literal["new", "change", "delete"], float, float]]  # price, and the amount there now
    asks: list[tuple[Literal["new", "change", "delete"], float, float]]


class BestLevels(TypedDict):
    timestamp: int
    instrument_name: str
    change_id: int
    bids: list[tuple[float, float]]  # price and amount, best first
    asks: list[tuple[float, float]]


class TickerChange(TypedDict):
    """With those of the ticker's own fields that are another."""

    type: Literal["snapshot", "change"]
    instrument_name: str
    timestamp: int


class CandleTold(TypedDict):
    tick: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    cost: float
    status: Literal["ok", "imputed"]  # imputed: nothing has traded in it


class FundingTold(TypedDict):
    timestamp: int
    index_price: float
    interest: float


class IndexTold(TypedDict):
    timestamp: int
    price: float
    index_name: str


class EstimateTold(TypedDict):
    seconds: int
    price: float
    is_estimated: bool


class InstrumentStateTold(TypedDict):
    timestamp: int
    instrument_name: str
    state: str


class PlatformTold(TypedDict):
    locked: bool


class ChangesTold(TypedDict):
    instrument_name: str
    orders: list[OrderShape]
    trades: list[UserTradeShape]
    positions: list[PositionShape]


class ProtectionTold(TypedDict):
    index_name: str
    instrument_name: str
    frozen_until: int
    mmp_group: str


class EventsTold(TypedDict):
    type: Literal["snapshot", "change"]
    entries: list[tuple[int, int, dict[str, Any]]]  # sequence, time in nanoseconds, event
