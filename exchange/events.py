"""Everything that may have happened. An event that names a participant is told to that one alone;
an event that names none is told to all who follow it.
"""

from enum import StrEnum
from typing import TypeAlias

from exchange.access.regime import Applicant, Permission
from exchange.instruments import Instrument, Product
from exchange.messages import Message
from exchange.reasons import AccessRefusal, CashRefusal, NoteRefusal, RejectReason
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


class CancelCause(StrEnum):
    REQUESTED = "requested"
    NOT_FILLED = "not_filled"  # what an order that may not rest had left
    SELF_TRADE = "self_trade"
    NOTHING_TO_REDUCE = "nothing_to_reduce"
    EXPIRY = "expiry"
    PARTICIPANT_RESTRICTED = "participant_restricted"
    SESSION_END = "session_end"
    GOOD_UNTIL = "good_until"  # the date that it came with
    LINKED = "linked"  # its partner traded, fired or ended
    TRIGGER_REFUSED = "trigger_refused"  # it fired, and could not enter
    QUOTE_REPLACED = "quote_replaced"
    MARKET_MAKER_PROTECTION = "market_maker_protection"
    UNITS_LOST = "units_lost"  # what it would have sold is no longer there
    ISSUER_DEFAULT = "issuer_default"  # of a note: it is not traded any more


class ParticipantState(StrEnum):
    ACTIVE = "active"
    REDUCE_ONLY = "reduce_only"
    LEGALLY_FROZEN = "legally_frozen"
    SUSPENDED = "suspended"


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


class PriceRule(StrEnum):
    """The rung of the ladder that gave a settlement price."""

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


class OrderTriggered(PrivateEvent):
    """The price has come that the order waited for; it enters right after, if it may."""

    order_id: OrderId
    client_order_id: int
    instrument_id: InstrumentId
    price: Price  # that was observed


class OrdersLinked(PrivateEvent):
    first: OrderId
    second: OrderId


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


class LimitChanged(PrivateEvent):
    limit: Money | None
    used: Money


class CoinsDeposited(PrivateEvent):
    asset_id: AssetId
    amount: Money


class WithdrawalRequested(PrivateEvent):
    withdrawal_id: int
    asset_id: AssetId
    amount: Money


class WithdrawalCompleted(PrivateEvent):
    withdrawal_id: int
    asset_id: AssetId
    amount: Money


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


class LossShared(PrivateEvent):
    """A participant's part of a loss of the coins themselves, by its claim at the instant of the loss."""

    asset_id: AssetId
    amount: Money


class UnitsLossShared(PrivateEvent):
    """A participant's part of a loss of units of an asset, by what it owned of it at that instant."""

    asset_id: AssetId
    amount: int


# --- told to all ---------------------------------------------------------------------------------------


class PublicEvent(Message):
    pass


class VenueEstablished(PublicEvent):
    assets: tuple[AssetId, ...]
    indices: tuple[IndexId, ...]


class RegimeAdopted(PublicEvent):
    regime_id: str
    title: str


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


class CoinsMinted(PublicEvent):
    asset_id: AssetId
    wallet_id: WalletId
    amount: Money
    supply: Money


class CoinsTransferred(PublicEvent):
    asset_id: AssetId
    source: WalletId
    target: WalletId
    amount: Money


class CoinsRedeemed(PublicEvent):
    asset_id: AssetId
    wallet_id: WalletId
    amount: Money
    supply: Money


class FiatReceived(PublicEvent):
    asset_id: AssetId
    receipt_id: str
    amount: Money


class WalletFrozen(PublicEvent):
    asset_id: AssetId
    wallet_id: WalletId
    order_ref: str


class WalletUnfrozen(PublicEvent):
    asset_id: AssetId
    wallet_id: WalletId
    order_ref: str


class WalletWiped(PublicEvent):
    asset_id: AssetId
    wallet_id: WalletId
    amount: Money
    supply: Money


class CustodyGated(PublicEvent):
    """Part of the venue's coins cannot move: withdrawals are shared until the gate opens."""

    asset_id: AssetId
    mobile: Money
    frozen: Money


class CustodyReopened(PublicEvent):
    asset_id: AssetId
    mobile: Money


class LossAllocated(PublicEvent):
    """Coins in custody were destroyed: the house's own layer bears its part first, then the holders."""

    asset_id: AssetId
    loss: Money
    house: Money
    holders: Money


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
    | OrderTriggered
    | OrdersLinked
    | QuotesFrozen
    | QuotesProtected
    | RequestRejected
    | ParticipantAdmitted
    | ParticipantRefused
    | ParticipantStateChanged
    | LimitChanged
    | CoinsDeposited
    | WithdrawalRequested
    | WithdrawalCompleted
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
    | LossShared
    | UnitsLossShared
    | VenueEstablished
    | RegimeAdopted
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
    | SettlementPriceProvisional
    | SettlementPostponed
    | SettlementPriceFinal
    | BucketSettled
    | CoinsMinted
    | CoinsTransferred
    | CoinsRedeemed
    | FiatReceived
    | WalletFrozen
    | WalletUnfrozen
    | WalletWiped
    | CustodyGated
    | CustodyReopened
    | LossAllocated
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
