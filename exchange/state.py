"""Everything the exchange remembers. Roads change it; rooms are handed what they need of it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from mypy_extensions import mypyc_attr

from exchange.access.listing import Underlying
from exchange.access.regime import AccessClass, Applicant, PositionLimit, Regime
from exchange.agenda import Agenda
from exchange.cash.chain import Chain
from exchange.cash.holding import Holding
from exchange.cash.terms import CashPriceTerms
from exchange.clearing.auditor import Auditor
from exchange.clearing.cover import Account, Requirement
from exchange.clearing.covers import Covers
from exchange.clearing.default_auction import Bid
from exchange.clearing.fixing import Fixed
from exchange.clearing.full import PaidOut
from exchange.clearing.fund import Sized
from exchange.clearing.index import Index, IndexValue
from exchange.clearing.ledger import Ledger
from exchange.clearing.marks import FutureMark
from exchange.clearing.perpetual import Premium
from exchange.clearing.settlement import Settlement
from exchange.clearing.waterfall import Assessment, Cut, SharedLoss
from exchange.commands import Segregation, SessionTerms
from exchange.events import BestPricesChanged, IndicationChanged, ParticipantState, PriceRule, SeriesState
from exchange.instruments import Asset, Instrument
from exchange.numbered import Numbered
from exchange.protection import Protection
from exchange.reasons import RejectReason
from exchange.units import AssetId, BasisPoints, BucketId, IndexId, InstrumentId, Money, Time, WalletId
from matching.book import OrderBook
from matching.events import Event as MarketEvent
from matching.feed import Feed
from matching.level import RestingOrder
from matching.market import Market
from matching.phases import Phase
from matching.terms import Instructions, OrderId, ParticipantId, Price, Quantity, Side
from matching.triggers import Trigger

UNBOUNDED: Final = 2**62  # more orders than there will ever be


@mypyc_attr(serializable=True)  # made bare when an image is read
class Order(RestingOrder):
    """A participant's order: what the book needs to know of it, and what only the exchange does."""

    __slots__ = (
        "account",
        "at_market",
        "client_order_id",
        "free_of_charge",
        "good_until",
        "instrument",
        "is_quote",
        "label",
        "line",
        "lot_losses",
        "need",
        "open",
        "reduce_only",
        "released",
        "released_risk",
        "replaces",
        "trigger",
        "worst_fee",
    )

    def __init__(
        self,
        order_id: OrderId,
        owner: ParticipantId,
        side: Side,
        price: Price,
        quantity: Quantity,
        instructions: Instructions,
        instrument: Instrument,
        account: Account,
        client_order_id: int,
        reduce_only: bool,
        free_of_charge: bool,
        at_market: bool = False,
        label: str = "",
        good_until: Time | None = None,
        is_quote: bool = False,
        line: int = 0,
    ) -> None:
        super().__init__(order_id, owner, side, price, quantity, instructions)
        self.open = quantity  # of what has been told of it so far; `remaining` is ahead within one command
        self.instrument = instrument
        self.account = account
        self.client_order_id = client_order_id
        self.reduce_only = reduce_only
        self.free_of_charge = free_of_charge
        self.at_market = at_market  # came without a price, and goes no further than its protection
        self.label = label
        self.good_until = good_until
        self.is_quote = is_quote
        self.line = line  # on which it came
        self.trigger: Trigger | None = None  # what it waits for
        self.replaces: Order | None = None  # the live order that this is to amend
        self.released: Money = 0  # hold that its acceptance sets free: that of the order it replaces
        self.released_risk: Money = 0  # capital at risk that goes with that order
        self.worst_fee = 0 if free_of_charge else max(instrument.fee_maker, instrument.fee_taker)
        self.lot_losses: list[Money] = []  # of one lot, at each node of its bucket; clearing fills it in
        self.need: Requirement | None = None  # of its owner's account with it, once it was admitted


@dataclass(slots=True, eq=False)
class Seat:
    """A participant's place on the exchange: its class, its limits, its accounts and its live orders."""

    participant_id: ParticipantId
    applicant: Applicant
    wallet_id: WalletId
    access_class: AccessClass
    limit: Money | None  # on capital at risk
    own_funds_limit: Money | None  # an institution's, from its own funds
    purchases_limit: Money | None  # in a calendar year
    soft_limit: Money | None  # an institution's: beyond it, it is told of
    admitted_at: Time
    cash_account: str
    hold_account: str
    suspended: bool = False  # by a directive: no orders at all
    frozen: bool = False  # orders may only reduce, and nothing leaves
    frozen_by: dict[str, None] = field(
        default_factory=dict
    )  # a legal order, or a freeze of its wallet with us
    restraints: dict[str, dict[str, None]] = field(default_factory=dict)  # by account: what lies on it
    barred: bool = False  # the regime in force would not let it in: orders may only reduce
    defaulted: bool = False  # no orders at all, for good
    is_member: bool = False  # others may clear through it
    member_id: ParticipantId | None = None  # through whom it clears; None: for itself
    asked: ParticipantId | None = None  # the member that has not answered yet
    segregation: Segregation = Segregation.INDIVIDUAL  # of a member's clients
    pool: ParticipantId | None = (
        None  # the member, failed ones too, in whose omnibus account its collateral lies
    )
    unguaranteed: bool = False  # its member failed and nobody took it over: orders may only reduce
    fund_overdue: bool = False  # a member that is late with its share of the fund: orders may only reduce
    porting_offer: Money = 0  # of a member: how much initial margin of others' clients it would take over
    soft_watch: ParticipantId | None = (
        None  # under whose soft limit its orders count: its own, or its member's
    )
    beyond_soft_limit: bool = False  # it was told of
    set_limit: Money | None = None  # by a directive; counts beside the regime's
    orders: dict[OrderId, Order] = field(default_factory=dict)  # live: on a book, or paid for and on the way
    waiting: dict[OrderId, Order] = field(default_factory=dict)  # for a trigger; nothing is held for them yet
    protections: dict[InstrumentId, Protection] = field(default_factory=dict)  # of its quotes
    reduce_only_orders: int = 0  # among the live ones
    refusals: dict[InstrumentId, RejectReason | None] = field(default_factory=dict)  # by the regime, if known
    watched: dict[int, None] = field(default_factory=dict)  # lines whose orders go if they are lost
    placed: Numbered = field(default_factory=Numbered)  # orders, by client order id
    requested: Numbered = field(default_factory=Numbered)  # anything else, by request id
    requests: int = 0  # in the second `requests_second`
    requests_second: int = -1

    @property
    def leverage_bp(self) -> BasisPoints | None:
        return self.access_class.caps.leverage_bp

    @property
    def closeout_bp(self) -> BasisPoints | None:
        return self.access_class.caps.closeout_bp

    @property
    def state(self) -> ParticipantState:
        """The strictest restriction on its orders that is in force."""
        if self.defaulted:
            return ParticipantState.DEFAULTED
        if self.suspended:
            return ParticipantState.SUSPENDED
        if self.frozen:
            return ParticipantState.LEGALLY_FROZEN
        bound = self.barred or self.unguaranteed or self.fund_overdue
        return ParticipantState.REDUCE_ONLY if bound else ParticipantState.ACTIVE


@dataclass(slots=True, eq=False)
class Following:
    """Orders that are held back until another one has traded; if they are `patient`, whole."""

    primary: Order
    followers: tuple[Order, ...]
    patient: bool
    traded: bool = False  # the primary has, if only a part

    @property
    def may_come(self) -> bool:
        return self.traded and not (self.patient and self.primary.open)


@dataclass(slots=True, eq=False)
class Series:
    """A listed instrument with its market and the state that it is in."""

    instrument: Instrument
    market: Market
    index: Index | None  # a pair of cash assets has none
    state: SeriesState
    lowest_price: Price
    highest_price: Price
    position_limit: PositionLimit | None = None  # of the regime in force
    resumes_as: SeriesState | None = None  # while it is suspended
    lacks_cash: bool = False  # it is suspended, or would be, for what happened to the money that it pays in
    published: BestPricesChanged | None = None  # the best prices that the public knows
    indicated: IndicationChanged | None = None  # of the present call
    next_phase: tuple[Time, Phase] | None = None  # when the present one ends, and what follows
    next_indication: Time | None = None  # of the present call
    extended: bool = False  # the present call, once
    mark: Price = 0  # what positions are reckoned at
    collar_neared: bool = False  # the mark has come close to an edge of the collar
    future_mark: FutureMark | None = None  # of a future: how its mark is made
    future: "Series | None" = None  # the one of its bucket, by which options are marked
    feed: Feed | None = None  # if the book is published
    premium: Premium | None = None  # of a perpetual, since its last roll
    fees: Money = 0  # that trades in it have cost, both sides together
    changes: list[MarketEvent] = field(default_factory=list)  # that the feed has not been told yet
    following: dict[OrderId, Following] = field(default_factory=dict)  # by the order that they come after

    @property
    def book(self) -> OrderBook:
        return self.market.book

    @property
    def latest_index(self) -> IndexValue | None:
        """None before there is one, and where none is followed."""
        return self.index.latest if self.index else None


@dataclass(slots=True, eq=False)
class Fixing:
    """How far a bucket has come on its way to a final settlement price."""

    expiry: Time
    prior: Price
    provisional: Fixed | None = None
    final_at: Time | None = None  # while the provisional price is open to objection
    committee: tuple[Price, str] | None = None  # price and grounds
    objected: PriceRule | None = None  # the rung whose price the authority refused
    final: Price | None = None  # held within the collar; never changed once it is there


@dataclass(slots=True, eq=False)
class DefaultCase:
    """How far the management of one default has come."""

    defaulter: ParticipantId
    cleared: dict[ParticipantId, Money]  # variation of all, when it was declared
    steps_left: int  # on the book
    bids: list[Bid] | None = None  # while an auction is open
    lots: dict[InstrumentId, int] = field(default_factory=dict)  # that were put up, signed


@dataclass(slots=True, eq=False)
class State:
    now: Time = 0
    ledger: Ledger = field(default_factory=Ledger)
    agenda: Agenda = field(default_factory=Agenda)
    regime: Regime | None = None
    underlyings: dict[str, Underlying] = field(default_factory=dict)  # what is known of them, by coin
    withheld: dict[str, str] = field(default_factory=dict)  # coins that do not pass its screen, and why
    session_open: bool = False
    year: int = 0  # in which the latest session opened
    sessions: tuple[SessionTerms, ...] = ()
    depth_interval: Time = 0  # between two reports of depth
    max_open_orders: int = UNBOUNDED  # of a participant, with those that wait
    max_open_orders_per_instrument: int = UNBOUNDED
    many_orders: int = UNBOUNDED  # whoever has so many may be at one of these two
    seats: dict[ParticipantId, Seat] = field(default_factory=dict)
    assets: dict[AssetId, Asset] = field(default_factory=dict)
    holdings: dict[AssetId, Holding] = field(default_factory=dict)
    chains: dict[AssetId, Chain] = field(default_factory=dict)  # of the crypto assets
    indices: dict[IndexId, Index] = field(default_factory=dict)
    series: dict[InstrumentId, Series] = field(default_factory=dict)
    cash_prices: dict[AssetId, CashPriceTerms] = field(default_factory=dict)  # that are made here
    fixings: dict[BucketId, Fixing] = field(default_factory=dict)
    covers: Covers = field(init=False)
    next_valuation: Time | None = None  # of margin accounts
    calls: int = 0  # of margin, so far
    braked_until: Time = 0  # no withdrawals before
    defaults: dict[ParticipantId, DefaultCase] = field(default_factory=dict)
    assessments: list[Assessment] = field(default_factory=list)
    contributions: dict[ParticipantId, Money] = field(
        default_factory=dict
    )  # to the default fund, as required
    fund_calls: dict[ParticipantId, Time] = field(
        default_factory=dict
    )  # what is missing, until paid: when due
    settlement: Settlement = field(init=False)
    orders_placed: int = 0
    trades: int = 0
    # What the audit must know of the past
    auditor: Auditor = field(default_factory=Auditor)
    fees: Counter[AssetId] = field(
        default_factory=Counter
    )  # that trades have cost in what series paid in before
    paid_out: dict[BucketId, PaidOut] = field(default_factory=dict)  # of buckets that were settled
    losses: list[SharedLoss] = field(default_factory=list)  # of defaults
    cuts: list[Cut] = field(default_factory=list)  # of positions, to end a defaulter's contracts
    coin_losses: Counter[AssetId] = field(
        default_factory=Counter
    )  # borne by the house and its insurance; no default among them
    sized: Sized | None = None  # the default fund, when it last was

    def __post_init__(self) -> None:
        self.covers = Covers(self.ledger)
        self.settlement = Settlement(self.ledger, self.holdings)

    def halted_cash(self, instrument: Instrument) -> AssetId | None:
        """The cash asset without which it cannot trade now: what it pays in or, of a pair, what it delivers."""
        needed = (asset_id for asset_id in instrument.cash_assets if asset_id in self.holdings)
        return next((asset_id for asset_id in needed if self.holdings[asset_id].halts), None)
