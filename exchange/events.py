"""Everything that may have happened. An event that names a participant is told to that one alone;
an event that names none is told to all who follow it.
"""

from enum import StrEnum
from typing import TypeAlias

from exchange.access.regime import Applicant, Permission
from exchange.cash.issuer_states import IssuerState as IssuerState
from exchange.cash.losses import LossCause as LossCause
from exchange.cash.terms import CashHalt as CashHalt
from exchange.cash.terms import ReserveStatus as ReserveStatus
from exchange.cash.terms import RoleName as RoleName
from exchange.clearing.default_auction import NoWinner
from exchange.clearing.liquidation import MarginState as MarginState
from exchange.clearing.waterfall import Layer as Layer
from exchange.commands import DefaultReason, HouseLayer, LinkKind, Segregation, SettlementModel
from exchange.instruments import Instrument, Product
from exchange.messages import Message
from exchange.reasons import (
    AccessRefusal,
    CashRefusal,
    ClearingRefusal,
    NoteRefusal,
    RejectReason,
    SettlementRefusal,
)
from exchange.units import AssetId, BucketId, IndexId, IndexPrice, InstrumentId, Money, Time, WalletId
from matching.feed import LevelDelta, OrderDelta, Update
from matching.phases import Phase
from matching.terms import OrderId, ParticipantId, Price, Quantity, Side
from matching.triggers import PriceSource


class Liquidity(StrEnum):
    """Whether a fill's order waited on the book, came to it, or was uncrossed in an auction."""

    MAKER = "maker"
    TAKER = "taker"
    AUCTION = "auction"


class TransferCause(StrEnum):
    """Why lots changed hands without an order."""

    AUCTION = "default_auction"
    TEAR_UP = "tear_up"
    DELEVERAGING = "deleveraging"


class CancelCause(StrEnum):
    REQUESTED = "requested"
    LINE_LOST = "line_lost"  # on which it came, and its owner wants that
    NOT_FILLED = "not_filled"  # what an order that may not rest had left
    SELF_TRADE = "self_trade"
    NOTHING_TO_REDUCE = "nothing_to_reduce"
    EXPIRY = "expiry"
    PARTICIPANT_RESTRICTED = "participant_restricted"
    SESSION_END = "session_end"
    GOOD_UNTIL = "good_until"  # the date that it came with
    LINKED = "linked"  # its partner traded, fired or ended
    PRIMARY_ENDED = "primary_ended"  # after which it was to come
    TRIGGER_REFUSED = "trigger_refused"  # it fired, and could not enter
    QUOTE_REPLACED = "quote_replaced"
    MARKET_MAKER_PROTECTION = "market_maker_protection"
    ROLL = "roll"  # of a perpetual: the claim that it was for is settled
    UNITS_LOST = "units_lost"  # what it would have sold is no longer there
    CASH_LOST = "cash_lost"  # what they held is needed for their owner's part of a loss
    ISSUER_DEFAULT = "issuer_default"  # of a note: it is not traded any more
    DAILY_LIMIT = "daily_limit"  # it rested beyond how far the price may go on the day that begins
    CASH_HALTED = "cash_halted"  # what it would pay or receive is halted


class ParticipantState(StrEnum):
    ACTIVE = "active"
    REDUCE_ONLY = "reduce_only"
    LEGALLY_FROZEN = "legally_frozen"
    SUSPENDED = "suspended"
    DEFAULTED = "defaulted"


class SeriesState(StrEnum):
    """The life of a series, from its listing to the day after its settlement."""

    LISTED = "listed"
    TRADING = "trading"
    SUSPENDED = "suspended"  # by a directive
    FIXING = "fixing"  # still trading
    HALTED = "halted"  # trading has ended
    PRICE_POSTPONED = "price_postponed"
    PRICE_PROVISIONAL = "price_provisional"
    PRICE_FINAL = "price_final"
    SETTLING = "settling"
    SETTLED = "settled"
    DELISTED = "delisted"
    TERMINATED_AT_LAST_MARK = "terminated_at_last_mark"


class InstructionState(StrEnum):
    """The life of a settlement instruction."""

    CREATED = "created"  # one side has spoken
    MATCHED = "matched"
    LOCKING = "locking"  # a cycle tries to set aside what it needs
    READY = "ready"  # all of it is set aside
    PARTIAL = "partial"  # a part has settled
    RECYCLED = "recycled"  # a cycle failed; the next one tries again
    SETTLED = "settled"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"


class NoteState(StrEnum):
    """The life of a note, from its terms to its last payment."""

    DRAFT = "draft"
    REGISTERED = "registered"
    PLACING = "placing"
    LISTED = "listed"
    COUPON = "coupon"
    FIXED = "fixed"  # the price is final, and the issuer fills the escrow
    REDEEMING = "redeeming"
    REDEEMED = "redeemed"
    ISSUER_DEFAULT = "issuer_default"
    RECOVERY = "recovery"


class IndexStatus(StrEnum):
    OK = "ok"
    DEGRADED = "degraded"
    STALE = "stale"


class RollClosure(StrEnum):
    """Why lots of a perpetual were closed at a roll."""

    NOT_LOCKED = "not_locked"  # their holder could not, or may not, pay in for them again
    OPPOSITE_CLOSED = "opposite_closed"  # their share of those that the other side lost


class PriceRule(StrEnum):
    """The rung of the ladder that gave a settlement price."""

    PARTITIONS = "mean_of_partitions"
    SNAPSHOT = "snapshot_of_the_index"
    WINDOW = "twap_of_the_window"
    EXTENDED_WINDOW = "twap_of_the_extended_window"
    BEFORE_OUTAGE = "last_hour_before_the_outage"
    REFERENCE_RATES = "mean_of_reference_rates"
    COMMITTEE = "committee"
    LAST_SETTLEMENT = "last_settlement_price"


# --- told to one participant ---------------------------------------------------------------------------


class PrivateEvent(Message):
    participant_id: ParticipantId


class OrderAccepted(PrivateEvent):
    order_id: OrderId
    client_order_id: int
    instrument_id: InstrumentId
    side: Side
    price: Price
    quantity: Quantity


class OrderRejected(PrivateEvent):
    client_order_id: int
    instrument_id: InstrumentId
    side: Side
    quantity: Quantity
    reason: RejectReason


class OrderFilled(PrivateEvent):
    order_id: OrderId
    client_order_id: int
    instrument_id: InstrumentId
    trade_id: int
    side: Side
    price: Price
    quantity: Quantity
    remaining: Quantity
    liquidity: Liquidity
    fee: Money


class OrderAmended(PrivateEvent):
    order_id: OrderId
    client_order_id: int
    instrument_id: InstrumentId
    price: Price
    remaining: Quantity
    kept_priority: bool


class OrderCanceled(PrivateEvent):
    order_id: OrderId
    client_order_id: int
    instrument_id: InstrumentId
    remaining: Quantity
    cause: CancelCause


class OrderWaiting(PrivateEvent):
    """The order waits: for its trigger, which stands at `trigger_price` now, or (None) for the next call."""

    order_id: OrderId
    client_order_id: int
    instrument_id: InstrumentId
    side: Side
    quantity: Quantity
    source: PriceSource | None
    trigger_price: Price | None


class WaitingAmended(PrivateEvent):
    """An order that waits has other terms now; its trigger stands at `trigger_price`."""

    order_id: OrderId
    client_order_id: int
    instrument_id: InstrumentId
    price: Price | None  # at which it is to enter; None: at market
    quantity: Quantity
    trigger_price: Price
    trail: Price | None


class OrderTriggered(PrivateEvent):
    """The price has come that the order waited for; it enters right after, if it may."""

    order_id: OrderId
    client_order_id: int
    instrument_id: InstrumentId
    price: Price  # that was observed


class OrdersPlacedTogether(PrivateEvent):
    """The orders of one request, in its order: the first, and those that are linked with it. What becomes of each is
    told next."""

    order_ids: tuple[OrderId, ...]
    kind: LinkKind
    patient: bool


class OrderHeldBack(PrivateEvent):
    """The order comes once another has traded."""

    order_id: OrderId
    client_order_id: int
    instrument_id: InstrumentId
    side: Side
    quantity: Quantity
    primary: OrderId  # that other one


class OrderLetGo(PrivateEvent):
    """The other one has traded: the order enters, or begins to wait for its price, right after."""

    order_id: OrderId
    client_order_id: int
    instrument_id: InstrumentId


class OrdersLinked(PrivateEvent):
    first: OrderId
    second: OrderId


class RequestExists(PrivateEvent):
    """The same was asked before, on the same terms: nothing has changed."""

    request: str  # the kind of command
    number: int  # the client order id of an order, the id of any other request
    order_id: OrderId  # that the order was given, whatever became of it; 0: none


class LineWatched(PrivateEvent):
    """Whether the orders that came on a line go if it is lost. Line 0: each that is to come."""

    line: int
    watched: bool


class QuotesFrozen(PrivateEvent):
    """The market-maker protection has taken the quotes off. No new ones until then."""

    instrument_id: InstrumentId
    until: Time


class QuotesProtected(PrivateEvent):
    """The market-maker protection that is now in force; a limit of zero: none."""

    instrument_id: InstrumentId
    quantity_limit: Quantity
    interval: Time
    freeze: Time


class RequestRejected(PrivateEvent):
    """A cancel or an amendment was refused; the order, if there is one, is as it was."""

    order_id: OrderId
    reason: RejectReason


class ParticipantAdmitted(PrivateEvent):
    class_id: str
    applicant: Applicant
    permissions: dict[Product, Permission]
    limit: Money | None  # on capital at risk


class ParticipantRefused(PrivateEvent):
    applicant: Applicant
    reason: AccessRefusal
    explanation: str


class ParticipantStateChanged(PrivateEvent):
    state: ParticipantState


class PositionTierPassed(PrivateEvent):
    """A trade has taken the net position on a coin beyond a tier of the regime's limit; the first is tier 1.

    `units` are hundred-millionths of the coin, negative if it is short.
    """

    coin: str
    tier: int
    units: int


class SoftCapPassed(PrivateEvent):
    """An institution's capital at risk, with that of all for whom it stands in, has passed its soft cap. It is told
    once, and again when it has been within the cap in between. Nothing is refused for it."""

    at_risk: Money
    cap: Money


class LimitChanged(PrivateEvent):
    limit: Money | None
    used: Money


class CashDeposited(PrivateEvent):
    """`amount` is credited; the keeper took `fee` beside it from what was sent."""

    asset_id: AssetId
    amount: Money
    fee: Money = 0


class WithdrawalRequested(PrivateEvent):
    withdrawal_id: int
    asset_id: AssetId
    amount: Money


class WithdrawalCompleted(PrivateEvent):
    """`amount` has left the venue; less the keeper's `fee` it has arrived."""

    withdrawal_id: int
    asset_id: AssetId
    amount: Money
    fee: Money = 0

    @property
    def arrived(self) -> Money:
        return self.amount - self.fee


class WithdrawalDelayed(PrivateEvent):
    """The keeper is silent or closed; the withdrawal waits until it is not, and is still under way."""

    withdrawal_id: int
    asset_id: AssetId
    amount: Money
    reason: CashRefusal


class WithdrawalReturned(PrivateEvent):
    """The issuer's ledger refused the transfer; the money is back in the participant's account."""

    withdrawal_id: int
    asset_id: AssetId
    amount: Money
    reason: CashRefusal


class CryptoDepositAnnounced(PrivateEvent):
    """The chain shows the deposit; it is credited at `credited_at` if it still does then."""

    asset_id: AssetId
    amount: int
    transaction: str
    credited_at: Time


class CryptoDepositCredited(PrivateEvent):
    asset_id: AssetId
    amount: int
    transaction: str


class CryptoDepositVoided(PrivateEvent):
    """The chain was reorganised before the deposit was credited."""

    asset_id: AssetId
    amount: int
    transaction: str


class UnitsWithdrawalRequested(PrivateEvent):
    withdrawal_id: int
    asset_id: AssetId
    amount: int


class UnitsWithdrawalCompleted(PrivateEvent):
    withdrawal_id: int
    asset_id: AssetId
    amount: int


class UnitsWithdrawalReturned(PrivateEvent):
    """The units could not leave and are back in the participant's account."""

    withdrawal_id: int
    asset_id: AssetId
    amount: int
    reason: CashRefusal


class NotesSubscribed(PrivateEvent):
    """Units of a note, newly issued and paid for in the same instant."""

    instrument_id: InstrumentId
    asset_id: AssetId  # in which it is paid
    quantity: Quantity
    paid: Money


class SubscriptionRejected(PrivateEvent):
    instrument_id: InstrumentId
    quantity: Quantity
    reason: RejectReason


class NoteRequestRejected(PrivateEvent):
    """What an issuer asked for was refused; nothing has changed."""

    instrument_id: InstrumentId
    request: str
    reason: NoteRefusal
    explanation: str


class CouponPaid(PrivateEvent):
    """To a holder: `owed` is what the issuer did not pay of it."""

    instrument_id: InstrumentId
    asset_id: AssetId  # in which it is paid
    paid: Money
    owed: Money


class NotesRedeemed(PrivateEvent):
    """A holder's units are paid off, and gone: `owed` is what the issuer did not pay of it."""

    instrument_id: InstrumentId
    asset_id: AssetId  # in which it is paid
    quantity: Quantity
    paid: Money
    owed: Money


class ObligationPaid(PrivateEvent):
    """A part of what the issuer of a note owed."""

    instrument_id: InstrumentId
    asset_id: AssetId  # in which it is paid
    paid: Money
    owed: Money  # still


class CashRequestRejected(PrivateEvent):
    """A deposit or withdrawal was refused; nothing has moved. `available` could have been withdrawn."""

    request: str
    asset_id: AssetId
    amount: Money
    available: Money
    reason: CashRefusal


class ClaimSettled(PrivateEvent):
    """A participant's claim in a bucket at its settlement: what came back, and the gain since it was opened."""

    bucket_id: BucketId
    payout: Money
    gain: Money
    cut: Money = 0  # what the claim did not pay because its pool had lost part of the money


class FundingPaid(PrivateEvent):
    """Funding of a perpetual at a roll: received, or paid if negative. Without enough of its own, or because
    payers had none, a participant pays or receives less than is `due`."""

    instrument_id: InstrumentId
    amount: Money
    due: Money


class PositionClosedAtRoll(PrivateEvent):
    """So many lots of the participant's position, signed, were settled and not carried on."""

    instrument_id: InstrumentId
    quantity: int
    price: Price
    closure: RollClosure


class PositionRolled(PrivateEvent):
    """The participant's position, signed, in a perpetual's next claim: it begins at `price`, and `lock` was
    paid in for it."""

    instrument_id: InstrumentId
    quantity: int
    price: Price
    lock: Money


class InterestCredited(PrivateEvent):
    """A holder's part of the interest on the coins that the venue keeps."""

    asset_id: AssetId
    amount: Money


class CustodyWalletOpened(PrivateEvent):
    """The venue keeps what is the participant's alone in a wallet apart."""

    asset_id: AssetId
    wallet_id: WalletId


class LossShared(PrivateEvent):
    """A participant's part of a loss of the coins themselves, by its claim at the instant of the loss.

    It came out of free cash as far as that reached, then out of collateral, then out of its locks.
    """

    asset_id: AssetId
    amount: Money
    from_margin: Money = 0
    from_locks: Money = 0


class LossRestored(PrivateEvent):
    """Coins that were lost have come back, and with them so much of what the participant had borne."""

    asset_id: AssetId
    amount: Money
    to_locks: Money = 0


class PositionSettled(PrivateEvent):
    """The last variation of margined positions in a bucket, and what its options pay; it is owed from now on."""

    bucket_id: BucketId
    amount: Money


class VariationPaid(PrivateEvent):
    """A clearing has paid the participant, or collected from it if the amount is negative; in coins."""

    asset_id: AssetId
    amount: Money


class VariationLate(PrivateEvent):
    """What the participant owed and did not bring to a clearing; in roubles, like every debt."""

    asset_id: AssetId
    amount: Money


class MarginStateChanged(PrivateEvent):
    """How the participant's margin account stands now, in minor units."""

    state: MarginState
    equity: Money
    initial: Money
    maintenance: Money


class MarginCallExtended(PrivateEvent):
    """Money could not be brought: the deadline of the open call is another now."""

    deadline: Time


class ClaimConverted(PrivateEvent):
    """What a participant was owed in a halted asset, its share of pools included, is owed in another now."""

    asset_id: AssetId
    fallback_asset_id: AssetId
    amount: Money
    received: Money


class MarginCalled(PrivateEvent):
    """So many coins are missing to initial margin, or to a payment, and due by the deadline."""

    amount: Money
    deadline: Time


class LiquidationStep(PrivateEvent):
    """The house has put an order to the market that reduces the participant's position."""

    instrument_id: InstrumentId
    side: Side
    quantity: Quantity
    limit: Price


class LiquidationFeeCharged(PrivateEvent):
    """For a step that has traded: so many coins go to the insurance fund."""

    asset_id: AssetId
    amount: Money


class PositionTransferred(PrivateEvent):
    """Lots that changed hands without an order, in default management; negative lots were given away.

    `amount`: what was received for them beside the mark; negative: paid."""

    instrument_id: InstrumentId
    lots: int
    price: Price
    cause: TransferCause
    amount: Money = 0


class LossBorne(PrivateEvent):
    """The participant's part of a default loss."""

    defaulter: ParticipantId
    layer: Layer
    amount: Money


class ShortfallLeft(PrivateEvent):
    """The participant has lost more than its money. Others have borne it, as is told of each; if its class is
    protected nothing of it is owed, and otherwise it still is, outside the venue."""

    amount: Money
    protected: bool


class PoolLossBorne(PrivateEvent):
    """The participant's part of another client's loss: taken from its collateral in their omnibus account."""

    asset_id: AssetId
    defaulter: ParticipantId
    amount: Money


class FundContributionChanged(PrivateEvent):
    """The member's share of the default fund; `missing` are the coins that it could not bring yet."""

    asset_id: AssetId
    share: Money
    missing: Money


class FundCalled(PrivateEvent):
    """So much of the member's share is missing, and due by then; later it may only reduce until it has paid."""

    asset_id: AssetId
    amount: Money
    due: Time


class MemberAsked(PrivateEvent):
    """The participant has asked to clear through that member; until it is accepted all stays as it is."""

    member_id: ParticipantId


class ClientApplied(PrivateEvent):
    """Told to a member: somebody asks to clear through it."""

    client_id: ParticipantId
    at_risk: Money  # of the client
    clients: int  # that the member has now


class ClientDeclined(PrivateEvent):
    member_id: ParticipantId
    grounds: str


class MemberChosen(PrivateEvent):
    """Through whom the participant clears from now on; None: nobody stands in for it any more."""

    member_id: ParticipantId | None
    ported: bool


class PortingOffered(PrivateEvent):
    most_margin: Money


class ClearingRequestRejected(PrivateEvent):
    """A choice of member, its answer, an offer to port or a bid was refused; nothing has changed."""

    request: str
    reason: ClearingRefusal


class InstructionEvent(PrivateEvent):
    """Told to each of the two sides."""

    instruction_id: int


class InstructionAlleged(InstructionEvent):
    """One side has spoken. It waits until the other one says the same, from its own side."""

    counterparty_id: ParticipantId
    delivers: bool  # whether the one who is told delivers
    asset_id: AssetId
    amount: int
    payment_asset_id: AssetId  # empty if nothing is paid
    payment: Money
    intended: Time
    reference: str


class InstructionMatched(InstructionEvent):
    counterparty_id: ParticipantId
    reference: str


class InstructionReleased(InstructionEvent):
    """Nobody holds it any more, or only the other side does."""


class InstructionReady(InstructionEvent):
    """All that this part of it needs is set aside. From now on nobody can take it back alone."""

    cycle_id: int
    amount: int


class LegFinality(Message):
    """When the money of one leg could be final on its keeper's ledger: later than on the venue's books, for so long
    the two disagree. `reason` says why not by its latency alone; without `final_at` nobody knows when.
    """

    asset_id: AssetId
    final_at: Time | None
    reason: CashRefusal | None


class InstructionSettled(InstructionEvent):
    """It has settled whole. `amount` and `payment` are what this cycle moved.

    Three stamps: nobody can revoke it (entry), the batch was accepted (irrevocability), the chain was
    committed on the venue's books (finality). Beside them, when each leg of money could be final on its
    keeper's ledger, and when the last of them; None if there is none, or if nobody knows.
    """

    cycle_id: int
    amount: int
    payment: Money
    entered_at: Time
    irrevocable_at: Time
    final_at: Time
    issuer_final_at: Time | None
    legs: tuple[LegFinality, ...] = ()


class InstructionPartlySettled(InstructionEvent):
    """A part has settled, with the stamps of `InstructionSettled`; `remaining` of the amount has not."""

    cycle_id: int
    amount: int
    payment: Money
    remaining: int
    entered_at: Time
    irrevocable_at: Time
    final_at: Time
    issuer_final_at: Time | None
    legs: tuple[LegFinality, ...] = ()


class InstructionRecycled(InstructionEvent):
    """A cycle could not settle all of it; the next one tries again."""

    cycle_id: int
    recycles: int
    failing_id: ParticipantId  # who fell short; empty if both sides hold it


class InstructionFailed(InstructionEvent):
    """It was tried too often, and has ended. The side that fell short makes good what replacing it costs."""

    failing_id: ParticipantId  # empty if both sides held it
    remaining: int
    asset_id: AssetId  # of the compensation
    compensation: Money
    unpaid: Money  # what the failing side owes beyond its free cash


class LatePenaltyBooked(InstructionEvent):
    """For the days since the last one. Negative: paid; positive: received."""

    asset_id: AssetId
    amount: Money
    unpaid: Money  # still owed: it is asked for again with the next one


class CancellationAsked(InstructionEvent):
    """One side wants the instruction canceled; it is when the other side asks for the same."""

    asked_by: ParticipantId


class InstructionCanceled(InstructionEvent):
    remaining: int


class InstructionExpired(InstructionEvent):
    """The other side never said the same."""


class InstructionRefused(PrivateEvent):
    """What was asked about a settlement instruction cannot be; nothing has changed."""

    request: str
    instruction_id: int  # 0 of a new one
    reference: str
    reason: SettlementRefusal


class UnitsCredited(PrivateEvent):
    asset_id: AssetId
    amount: int


class UnitsLossShared(PrivateEvent):
    """A participant's part of a loss of units of an asset, by what it owned of it at that instant."""

    asset_id: AssetId
    amount: int


class UnitsDebited(PrivateEvent):
    asset_id: AssetId
    amount: int


class UnitRequestRejected(PrivateEvent):
    request: str
    asset_id: AssetId
    amount: int
    available: int
    reason: SettlementRefusal


# --- told to all ---------------------------------------------------------------------------------------


class PublicEvent(Message):
    pass


class VenueEstablished(PublicEvent):
    assets: tuple[AssetId, ...]
    indices: tuple[IndexId, ...]


class RegimeAdopted(PublicEvent):
    regime_id: str
    title: str


class UnderlyingWithheld(PublicEvent):
    """The regime that was adopted keeps the coin out: what is held on it may be closed, and nothing is opened."""

    coin: str
    explanation: str


class InstrumentListed(PublicEvent):
    instrument: Instrument


class SeriesStateChanged(PublicEvent):
    instrument_id: InstrumentId
    state: SeriesState


class SessionOpened(PublicEvent):
    pass


class SessionClosed(PublicEvent):
    pass


class TradeReported(PublicEvent):
    """The trade as the public sees it: no names."""

    trade_id: int
    instrument_id: InstrumentId
    price: Price
    quantity: Quantity
    taker_side: Side | None  # None: uncrossed in an auction


class PhaseChanged(PublicEvent):
    instrument_id: InstrumentId
    phase: Phase


class TradingInterrupted(PublicEvent):
    """An order would have traded beyond the price band; a call auction follows."""

    instrument_id: InstrumentId
    bound: Price


class CallExtended(PublicEvent):
    """The call would have uncrossed outside the price band; it goes on until then."""

    instrument_id: InstrumentId
    until: Time


class IndicationChanged(PublicEvent):
    """Where the call would uncross now. Nothing crosses: price None. A positive surplus is of buyers."""

    instrument_id: InstrumentId
    price: Price | None
    volume: Quantity
    surplus: int


class AuctionUncrossed(PublicEvent):
    """The call has ended; `price` is None if nothing crossed."""

    instrument_id: InstrumentId
    price: Price | None
    volume: Quantity


class BestPricesChanged(PublicEvent):
    """The best level of each side after a change. A side that is empty has price None and quantity 0."""

    instrument_id: InstrumentId
    bid: Price | None
    bid_quantity: Quantity
    ask: Price | None
    ask_quantity: Quantity


class BookChanged(PublicEvent):
    """What a command changed in the displayed book of an instrument that publishes it (`matching.feed`).

    Checksums as 16 hexadecimal digits: they use all 64 bits.
    """

    instrument_id: InstrumentId
    previous_delta: int  # its number
    last_delta: int
    orders: tuple[OrderDelta, ...]
    levels: tuple[LevelDelta, ...]
    order_checksum: str
    level_checksum: str

    def update(self) -> Update:
        """The same for a reader of `matching.readers`."""
        return Update(
            self.previous_delta,
            self.last_delta,
            list(self.orders),
            list(self.levels),
            int(self.order_checksum, 16),
            int(self.level_checksum, 16),
        )


class DepthReported(PublicEvent):
    """Lots within each distance of the mid price, in basis points, on either side."""

    instrument_id: InstrumentId
    distances_bp: tuple[int, ...]
    bid_quantities: tuple[Quantity, ...]
    ask_quantities: tuple[Quantity, ...]


class IndexPublished(PublicEvent):
    index_id: IndexId
    value: IndexPrice
    status: IndexStatus
    venues: int  # how many were valid


class CollarNeared(PublicEvent):
    """The mark has come close to an edge of the collar: beyond it a hedge ends. A series with a fresh one follows;
    this one keeps its own."""

    instrument_id: InstrumentId
    mark: Price


class MarkPublished(PublicEvent):
    """At what margined positions in the series are reckoned from now on."""

    instrument_id: InstrumentId
    price: Price


class SettlementPriceProvisional(PublicEvent):
    bucket_id: BucketId
    price: Price
    rule: PriceRule
    valid_samples: int
    samples: int


class SettlementPostponed(PublicEvent):
    bucket_id: BucketId
    until: Time
    valid_samples: int
    samples: int


class SettlementPriceFinal(PublicEvent):
    """`price` is clamped to the collar; `unclamped` is what the rule gave. It never changes after this."""

    bucket_id: BucketId
    price: Price
    unclamped: Price
    rule: PriceRule
    grounds: str


class BucketSettled(PublicEvent):
    bucket_id: BucketId
    pool: Money  # the escrow, all of it paid out
    holders: int


class AccountsValued(PublicEvent):
    """All margin accounts at the marks of now, in minor units; collateral as it counts."""

    initial: Money
    collateral: Money
    uncovered: Money  # losses not collected yet, above the collateral of those who owe them


class VariationMarked(PublicEvent):
    """What prices gave since the last clearing is owed now; it is paid then."""

    asset_id: AssetId
    amount: Money
    pays: Time


class VariationCleared(PublicEvent):
    """Coins collected, then distributed, and roubles that are late; `liquidity` was used, or paid back if negative."""

    asset_id: AssetId
    collected: Money
    distributed: Money
    late: Money
    liquidity: Money


class DefaultDeclared(PublicEvent):
    defaulter: ParticipantId
    reason: DefaultReason
    grounds: str


class DefaultAuctionOpened(PublicEvent):
    """All that the defaulter holds, signed lots by instrument, goes to the best sealed bid."""

    defaulter: ParticipantId
    lots: dict[InstrumentId, int]
    until: Time


class DefaultAuctionEnded(PublicEvent):
    """`amount` of the winning bid, or why nobody won."""

    defaulter: ParticipantId
    bidders: int
    amount: Money | None
    failure: NoWinner | None


class LayerUsed(PublicEvent):
    """One layer of the waterfall has paid, in full before the next was touched."""

    defaulter: ParticipantId
    layer: Layer
    amount: Money


class DefaultClosed(PublicEvent):
    """No position is left. The loss beyond the defaulter's own money, and what nobody could pay of it."""

    defaulter: ParticipantId
    loss: Money
    residual: Money


class FundSized(PublicEvent):
    """The default fund as it must be for the largest groups, and as it is, in minor units."""

    asset_id: AssetId
    cover_one: Money
    cover_two: Money
    fund: Money
    paid_in: Money
    uncovered: Money  # by fund and skin in the game: a warning


class MemberAppointed(PublicEvent):
    member_id: ParticipantId
    segregation: Segregation


class HouseFunded(PublicEvent):
    asset_id: AssetId
    layer: HouseLayer
    amount: Money


class AssetSettled(Message):
    """What one cycle did in one asset, in its minor units."""

    asset_id: AssetId
    due: int  # of all instructions that it took up
    gross: int  # of what settled, one by one
    bilateral: int  # net between each pair
    multilateral: int  # net through the house
    efficiency_ppm: int  # the part of gross that multilateral netting saves
    liquidity_peak: int  # the most that was set aside at one time
    penalties: int


class SettlementCycleOpened(PublicEvent):
    cycle_id: int
    model: SettlementModel
    due: int  # instructions
    ready: int


class SettlementCycleCompleted(PublicEvent):
    """The sheet of a cycle. Numbers are of instructions; waits are from the intended hour, or the match."""

    cycle_id: int
    model: SettlementModel
    due: int
    settled: int
    partly_settled: int
    recycled: int
    failed: int
    assets: tuple[AssetSettled, ...]
    mean_wait: Time  # of what settled, rounded down
    longest_wait: Time


class PerpetualRolled(PublicEvent):
    """A perpetual's next claim has begun, on these terms. `open_interest` lots of either side were carried
    into it and `closed` were not. The funding rate is that of eight hours, in billionths, and positive if
    longs paid; as is the premium, the mean of so many samples."""

    instrument: Instrument
    open_interest: Quantity
    closed: Quantity
    premium_ppb: int
    samples: int
    funding_rate_ppb: int


class ReservesDisclosed(PublicEvent):
    asset_id: AssetId
    stuck_ppm: int  # of the reserves, out of reach
    covered: bool  # somebody stands in for it
    statement: str


class CoinsMinted(PublicEvent):
    """`backed`: against a receipt of bank roubles."""

    asset_id: AssetId
    wallet_id: WalletId
    amount: Money
    supply: Money
    backed: bool = True


class CashTransferred(PublicEvent):
    """`amount` has left the source; less the keeper's `fee` it has arrived."""

    asset_id: AssetId
    source: WalletId
    target: WalletId
    amount: Money
    fee: Money = 0


class CashPriced(PublicEvent):
    """What a cash asset trades at, in millionths of what it promises; so until the next price."""

    asset_id: AssetId
    price_ppm: int
    source: str


class RedemptionRequested(PublicEvent):
    """Coins were handed in, and wait in the issuer's wallet; the fee will be kept back from what is paid."""

    asset_id: AssetId
    ticket_id: int
    wallet_id: WalletId
    amount: Money
    fee: Money


class CoinsRedeemed(PublicEvent):
    """Coins of a ticket were burned; amount - fee was paid. `ticket_id` 0: in a wind-down, unasked."""

    asset_id: AssetId
    wallet_id: WalletId
    amount: Money
    supply: Money
    ticket_id: int = 0
    fee: Money = 0


class RedemptionCanceled(PublicEvent):
    asset_id: AssetId
    ticket_id: int
    wallet_id: WalletId
    amount: Money  # that came back


class RedemptionsProcessed(PublicEvent):
    """The queue was processed: what was paid, what still waits, and what money at once is left."""

    asset_id: AssetId
    paid: Money
    queued: Money
    liquid: Money


class ReserveStatusChanged(PublicEvent):
    """What became of one bucket; `lost` of it is gone. Then the reserves as a whole."""

    asset_id: AssetId
    bucket: str
    status: ReserveStatus
    lost: Money
    book: Money
    accessible: Money


class ReserveSaleOrdered(PublicEvent):
    asset_id: AssetId
    bucket: str
    amount: Money
    due: Time


class ReserveSold(PublicEvent):
    """Paid for: `proceeds` for `amount` at book value."""

    asset_id: AssetId
    bucket: str
    amount: Money
    proceeds: Money


class OwnFundsAdded(PublicEvent):
    asset_id: AssetId
    amount: Money
    book: Money


class ReservesAttested(PublicEvent):
    asset_id: AssetId
    supply: Money
    book: Money
    accessible: Money
    liquid: Money


class SupplyExceedsReserves(PublicEvent):
    """More coins are out than there are reserves on the books; told whenever the shortfall changes."""

    asset_id: AssetId
    supply: Money
    book: Money
    shortfall: Money


class ReservesCoverSupply(PublicEvent):
    """Again, after they did not."""

    asset_id: AssetId
    supply: Money
    book: Money


class InterestDistributed(PublicEvent):
    """`holders` of the income became the holders' part; coins for it are out, but for what is set aside."""

    asset_id: AssetId
    income: Money
    holders: Money
    set_aside: Money  # in all: for wallets that may not receive, and what rounding left over
    supply: Money


class VenueInterestTaken(PublicEvent):
    """Interest on the venue's wallets came in, for its house or for those who hold the coin with it."""

    asset_id: AssetId
    amount: Money
    house: Money
    holders: Money


class IssuerStateChanged(PublicEvent):
    asset_id: AssetId
    state: IssuerState
    before: IssuerState


class MinterConfigured(PublicEvent):
    asset_id: AssetId
    minter: str
    allowance: Money


class MinterRemoved(PublicEvent):
    asset_id: AssetId
    minter: str


class RoleChanged(PublicEvent):
    asset_id: AssetId
    role: RoleName
    holders: tuple[str, ...]
    quorum: int
    delay: Time


class KeyOperationAnnounced(PublicEvent):
    """What has been signed for and will be done when it is due, unless it is taken back."""

    asset_id: AssetId
    operation_id: int
    request: str
    wallet_id: WalletId | None
    due: Time


class KeyOperationCanceled(PublicEvent):
    asset_id: AssetId
    operation_id: int


class CoinsReissued(PublicEvent):
    asset_id: AssetId
    wallet_id: WalletId
    amount: Money
    wipe_ref: str
    supply: Money


class FiatReceived(PublicEvent):
    asset_id: AssetId
    receipt_id: str
    amount: Money


class WalletFrozen(PublicEvent):
    """What the wallet cannot do from now on: send (`out`), receive (`into`)."""

    asset_id: AssetId
    wallet_id: WalletId
    order_ref: str
    out: bool = True
    into: bool = True


class WalletUnfrozen(PublicEvent):
    asset_id: AssetId
    wallet_id: WalletId
    order_ref: str


class WalletWiped(PublicEvent):
    asset_id: AssetId
    wallet_id: WalletId
    amount: Money
    supply: Money


class WalletCredited(PublicEvent):
    """Roubles have come into a wallet at a bank or at the central bank."""

    asset_id: AssetId
    wallet_id: WalletId
    amount: Money
    reference: str


class CashConverted(PublicEvent):
    """Bank money has become digital roubles in the wallet of the same name, or the other way round."""

    source_asset_id: AssetId
    target_asset_id: AssetId
    wallet_id: WalletId
    amount: Money


class OutageBegan(PublicEvent):
    asset_id: AssetId


class OutageEnded(PublicEvent):
    asset_id: AssetId


class BankFailed(PublicEvent):
    asset_id: AssetId


class BankResolved(PublicEvent):
    """The bank pays again; `lost` is what all wallets there have lost, the venue's among them."""

    asset_id: AssetId
    loss_bp: int
    lost: Money


class InterestPaid(PublicEvent):
    """A day's, to all wallets at a bank; `to_the_house` on the venue's own."""

    asset_id: AssetId
    amount: Money
    to_the_house: Money


class CashHalted(PublicEvent):
    """Nothing is traded that pays in the asset, until no cause of a halt holds or what is owed in it is converted.

    By directive none of it enters or leaves the venue either.
    """

    asset_id: AssetId
    cause: CashHalt
    grounds: str


class CashResumed(PublicEvent):
    """That cause holds no more. Trading goes on if it was the last."""

    asset_id: AssetId
    cause: CashHalt


class ClaimsConverted(PublicEvent):
    """What was owed in a halted asset, `amount`, is owed in another now: `converted`, of which `residue` is what
    rounding left. The house bears both sides: it gave the one and holds the other.
    """

    asset_id: AssetId
    fallback_asset_id: AssetId
    rate_ppm: int
    amount: Money
    converted: Money
    residue: Money


class InstrumentRedenominated(PublicEvent):
    """It pays in another cash asset from now on; `kept`: with the positions in it, and otherwise without any."""

    instrument: Instrument
    kept: bool


class CustodyGated(PublicEvent):
    """Part of the venue's coins cannot move: withdrawals are shared until the gate opens."""

    asset_id: AssetId
    mobile: Money
    frozen: Money


class CustodyReopened(PublicEvent):
    asset_id: AssetId
    mobile: Money


class LossAllocated(PublicEvent):
    """Coins in custody are gone: the house's own layer bears its part first, then what insures it, then the holders.

    `nobody` is what reached beyond all of them: the venue is winding down.
    """

    asset_id: AssetId
    loss: Money
    house: Money
    holders: Money
    insurance: Money = 0
    nobody: Money = 0
    cause: LossCause = LossCause.WIPED
    grounds: str = ""


class LossUndone(PublicEvent):
    """So much of what was lost has come back: to the holders first, then to what insured it and to the house."""

    asset_id: AssetId
    amount: Money
    house: Money
    holders: Money
    insurance: Money = 0


class PoolCut(PublicEvent):
    """A loss of coins has reached into a pool: nothing is traded in its bucket, and its claims share what is there."""

    bucket_id: BucketId
    lost: Money
    pool: Money


class PoolRestored(PublicEvent):
    """What was lost of a pool has come back, in part or in whole."""

    bucket_id: BucketId
    amount: Money
    pool: Money


class VenueWalletOpened(PublicEvent):
    """One more wallet of the venue's. If it `replaces` one, the mirror of that is followed by this one's."""

    asset_id: AssetId
    wallet_id: WalletId
    replaces: WalletId | None = None


class CustodySwept(PublicEvent):
    """Between the participants' own wallets and the house's, so that each holds what it should."""

    asset_id: AssetId
    collected: Money  # from participants' wallets: what has been locked or paid
    paid: Money  # into them: what has been set free or received
    unswept: Money  # what could not move


class ChainReorganised(PublicEvent):
    """A chain no longer shows a deposit. `credited`: it had its confirmations, and its units are lost."""

    asset_id: AssetId
    transaction: str
    amount: int
    credited: bool


class UnitsLost(PublicEvent):
    """Units in custody are gone: the house's own layer bears its part first, then all who own the asset."""

    asset_id: AssetId
    loss: int
    house: int
    holders: int


class NoteRegistered(PublicEvent):
    instrument: Instrument


class NoteStateChanged(PublicEvent):
    instrument_id: InstrumentId
    state: NoteState


class PlacementClosed(PublicEvent):
    """So many units were placed, for so much money in all."""

    instrument_id: InstrumentId
    quantity: Quantity
    raised: Money


class CouponDue(PublicEvent):
    """A coupon of all units: what the issuer had to pay, and what it did not."""

    instrument_id: InstrumentId
    due: Money
    owed: Money


class NoteFixed(PublicEvent):
    """The price is final. The issuer must have `due` in escrow, of which `funded` is there, until then."""

    instrument_id: InstrumentId
    price: Price
    payout: Money  # of one unit
    due: Money
    funded: Money
    until: Time


class EscrowFunded(PublicEvent):
    instrument_id: InstrumentId
    funded: Money  # in all
    due: Money


class NoteSettled(PublicEvent):
    """All units are paid off, as far as the escrow reached; `owed` is on record."""

    instrument_id: InstrumentId
    quantity: Quantity
    paid: Money
    owed: Money


class IssuerPaused(PublicEvent):
    asset_id: AssetId


class IssuerUnpaused(PublicEvent):
    asset_id: AssetId


class CoinRequestRefused(PublicEvent):
    """The issuer refused an operation on its ledger; nothing has changed."""

    asset_id: AssetId
    request: str
    reason: CashRefusal


class DirectiveRefused(PublicEvent):
    """The authority asked for something that cannot be; nothing has changed."""

    directive: str
    explanation: str


class BooksAudited(PublicEvent):
    """Every invariant held at this instant. Totals in minor units of the cash asset."""

    checks: int
    ledger_head: str
    claims: Money  # owed to participants and to the house, of all cash assets
    escrow: Money
    open_interest: Quantity
    supply: Money
    mobile: Money


Event: TypeAlias = (
    OrderAccepted
    | OrderRejected
    | OrderFilled
    | OrderAmended
    | OrderCanceled
    | OrderWaiting
    | WaitingAmended
    | OrderTriggered
    | OrdersLinked
    | OrdersPlacedTogether
    | OrderHeldBack
    | OrderLetGo
    | RequestExists
    | LineWatched
    | QuotesFrozen
    | QuotesProtected
    | RequestRejected
    | ParticipantAdmitted
    | ParticipantRefused
    | ParticipantStateChanged
    | PositionTierPassed
    | SoftCapPassed
    | LimitChanged
    | CashDeposited
    | WithdrawalRequested
    | WithdrawalCompleted
    | WithdrawalDelayed
    | WithdrawalReturned
    | CryptoDepositAnnounced
    | CryptoDepositCredited
    | CryptoDepositVoided
    | UnitsWithdrawalRequested
    | UnitsWithdrawalCompleted
    | UnitsWithdrawalReturned
    | NotesSubscribed
    | SubscriptionRejected
    | NoteRequestRejected
    | CouponPaid
    | NotesRedeemed
    | ObligationPaid
    | CashRequestRejected
    | ClaimSettled
    | FundingPaid
    | PositionClosedAtRoll
    | PositionRolled
    | InterestCredited
    | CustodyWalletOpened
    | LossShared
    | LossRestored
    | PositionSettled
    | VariationPaid
    | VariationLate
    | MarginStateChanged
    | MarginCalled
    | MarginCallExtended
    | ClaimConverted
    | LiquidationStep
    | LiquidationFeeCharged
    | PositionTransferred
    | LossBorne
    | ShortfallLeft
    | PoolLossBorne
    | FundContributionChanged
    | FundCalled
    | MemberAsked
    | ClientApplied
    | ClientDeclined
    | MemberChosen
    | PortingOffered
    | ClearingRequestRejected
    | InstructionAlleged
    | InstructionMatched
    | InstructionReleased
    | InstructionReady
    | InstructionSettled
    | InstructionPartlySettled
    | InstructionRecycled
    | InstructionFailed
    | LatePenaltyBooked
    | CancellationAsked
    | InstructionCanceled
    | InstructionExpired
    | InstructionRefused
    | UnitsCredited
    | UnitsDebited
    | UnitRequestRejected
    | UnitsLossShared
    | VenueEstablished
    | RegimeAdopted
    | UnderlyingWithheld
    | InstrumentListed
    | SeriesStateChanged
    | SessionOpened
    | SessionClosed
    | TradeReported
    | PhaseChanged
    | TradingInterrupted
    | CallExtended
    | IndicationChanged
    | AuctionUncrossed
    | BestPricesChanged
    | BookChanged
    | DepthReported
    | IndexPublished
    | CollarNeared
    | MarkPublished
    | SettlementPriceProvisional
    | SettlementPostponed
    | SettlementPriceFinal
    | BucketSettled
    | AccountsValued
    | VariationMarked
    | VariationCleared
    | DefaultDeclared
    | DefaultAuctionOpened
    | DefaultAuctionEnded
    | LayerUsed
    | DefaultClosed
    | FundSized
    | MemberAppointed
    | HouseFunded
    | SettlementCycleOpened
    | SettlementCycleCompleted
    | PerpetualRolled
    | ReservesDisclosed
    | CoinsMinted
    | CashTransferred
    | CashPriced
    | CoinsRedeemed
    | RedemptionRequested
    | RedemptionCanceled
    | RedemptionsProcessed
    | ReserveStatusChanged
    | ReserveSaleOrdered
    | ReserveSold
    | OwnFundsAdded
    | ReservesAttested
    | SupplyExceedsReserves
    | ReservesCoverSupply
    | InterestDistributed
    | VenueInterestTaken
    | IssuerStateChanged
    | MinterConfigured
    | MinterRemoved
    | RoleChanged
    | KeyOperationAnnounced
    | KeyOperationCanceled
    | CoinsReissued
    | FiatReceived
    | WalletFrozen
    | WalletUnfrozen
    | WalletWiped
    | WalletCredited
    | CashConverted
    | OutageBegan
    | OutageEnded
    | BankFailed
    | BankResolved
    | InterestPaid
    | CashHalted
    | CashResumed
    | ClaimsConverted
    | InstrumentRedenominated
    | CustodyGated
    | CustodyReopened
    | LossAllocated
    | LossUndone
    | PoolCut
    | PoolRestored
    | VenueWalletOpened
    | CustodySwept
    | ChainReorganised
    | UnitsLost
    | NoteRegistered
    | NoteStateChanged
    | PlacementClosed
    | CouponDue
    | NoteFixed
    | EscrowFunded
    | NoteSettled
    | IssuerPaused
    | IssuerUnpaused
    | CoinRequestRefused
    | DirectiveRefused
    | BooksAudited
)


class Entry(Message, tag=False, array_like=True):
    """One line of the record: what happened, in which order, and when."""

    sequence: int
    time: Time
    event: Event


def audience(event: Event) -> ParticipantId | None:
    """Who may be told: the participant the event names, or everyone if it names none."""
    return event.participant_id if isinstance(event, PrivateEvent) else None
