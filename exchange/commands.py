"""Everything that may be asked of the exchange.

`precedence` orders what happens at one instant: clock, external state, prices, risk, cancels, orders,
clearing, expiry, default, treasury, reports. A freeze beats every order of its instant; prices beat
orders; cancels beat new orders; expiry beats withdrawals.
"""

from enum import StrEnum
from typing import ClassVar, TypeAlias

from exchange.access.listing import Underlying
from exchange.access.regime import Applicant, Regime
from exchange.cash.issuer_states import IssuerState
from exchange.cash.losses import LossCause
from exchange.cash.terms import AnyCashTerms, CashPriceTerms, ReserveStatus, RoleName
from exchange.instruments import Asset, Instrument
from exchange.messages import Message
from exchange.units import (
    AssetId,
    BasisPoints,
    BucketId,
    IndexId,
    IndexPrice,
    InstrumentId,
    Money,
    Time,
    WalletId,
)
from matching.phases import Phase
from matching.terms import OrderId, ParticipantId, PostOnly, Price, Quantity, Side, TimeInForce
from matching.triggers import PriceSource


class HouseLayer(StrEnum):
    """What money of the house stands for. Each is an account of its own."""

    SKIN_IN_THE_GAME = "sitg"
    SECOND_SKIN_IN_THE_GAME = "sitg2"
    FURTHER_AMOUNT = "further"
    EQUITY = "equity"
    INSURANCE = "insurance"
    LIQUIDITY = "liquidity"  # bridges late payments; it is paid back
    LOSS_LAYER = "ndl"  # against losses of the coins themselves, as is what insures against them
    LOSS_INSURANCE = "ndl_insurance"


class Segregation(StrEnum):
    """How a member keeps its clients' collateral: apart from each other's, or as one pool."""

    INDIVIDUAL = "individual"  # no client pays for another
    OMNIBUS = (
        "omnibus"  # each posts what its own positions need (gross), and all stand for each other's losses
    )


class DefaultReason(StrEnum):
    WORTH_LESS_THAN_NOTHING = "worth_less_than_nothing"  # its equity is negative
    BEYOND_STEPS = "beyond_steps"  # too little is left to close it step by step
    CALL_MISSED = "call_missed"
    DECLARED = "declared"


(
    CLOCK,
    EXTERNAL,
    PRICES,
    RISK,
    CANCELS,
    ORDERS,
    CLEARING,
    EXPIRY,
    DEFAULT,
    TREASURY,
    REPORTS,
    LAST,  # after everything of its instant
) = range(12)


class NumberedRequest(Message):
    """What a participant asks for. With a number of its own a request may be sent again: it is done once.

    An order has its client order id instead. Fields without a default follow the number, so whoever inherits this
    must say `kw_only`, which msgspec does not pass on.
    """

    precedence: ClassVar[int]
    participant_id: ParticipantId
    request_id: int = 0  # 0: none


# --- orders ---------------------------------------------------------------------------------------------


class PlaceOrder(Message):
    """An order, or one that waits for a price.

    With a `client_order_id` it may be sent again: it is placed once. Nought is none.

    `price` None asks for a market order, which never trades beyond the instrument's protection price; for an
    auction, beyond the price band. `display` is what an iceberg shows, `minimum` what must trade at once.

    With a `trigger_source` the order waits: a stop until that price moves against its side to `trigger_price`
    (a buy waits for a rise), a take-profit (`take_profit`) until it moves the other way. `trail` makes the
    trigger follow the best price seen at that distance.
    """

    precedence: ClassVar[int] = ORDERS
    participant_id: ParticipantId
    client_order_id: int
    instrument_id: InstrumentId
    side: Side
    quantity: Quantity
    price: Price | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    good_until: Time | None = None  # of a good-til-date order
    post_only: PostOnly = PostOnly.NO
    reduce_only: bool = False
    display: Quantity = 0  # 0: all of it
    minimum: Quantity = 0
    label: str = ""  # by which its sender may cancel it
    line: int = 0  # on which it came; 0: on none that could be lost
    trigger_source: PriceSource | None = None
    trigger_price: Price | None = None
    trail: Price | None = None
    take_profit: bool = False


class AmendOrder(NumberedRequest, kw_only=True):
    """Ask for a new price or a new open quantity. Same price and less quantity keeps time priority."""

    precedence: ClassVar[int] = ORDERS
    order_id: OrderId
    price: Price
    quantity: Quantity


class AmendWaiting(NumberedRequest, kw_only=True):
    """Ask for other terms of an order that waits for a price; what is None stays. It keeps its id.

    `price` is that at which it is to enter, also if it was to enter at market; `trigger_price` where its trigger is to
    stand, `trail` the distance of a trailing one, which is then laid to the best price that it has seen.
    """

    precedence: ClassVar[int] = ORDERS
    order_id: OrderId
    price: Price | None = None
    quantity: Quantity | None = None
    trigger_price: Price | None = None
    trail: Price | None = None


class CancelOrder(NumberedRequest, kw_only=True):
    precedence: ClassVar[int] = CANCELS
    order_id: OrderId


class CancelAll(NumberedRequest, kw_only=True):
    """Cancel every live order of the participant, waiting ones too: in one instrument or in all, with one label.

    With a `line` those that came on it and are still there: the line is lost, and watched no longer.
    """

    precedence: ClassVar[int] = CANCELS
    instrument_id: InstrumentId | None = None
    label: str | None = None
    line: int | None = None


class WatchLine(NumberedRequest, kw_only=True):
    """Have the orders of a line canceled if it is lost, or, not `watched`, no longer. Line 0: each that is to come.

    Somebody else notices that it is lost, and cancels what came on it; the exchange remembers which lines to do it for.
    """

    precedence: ClassVar[int] = RISK
    line: int
    watched: bool


class LinkOrders(NumberedRequest, kw_only=True):
    """Make two live orders of the participant in one instrument cancel each other: as soon as one trades,
    fires or ends, the other goes; if they are `patient`, as soon as one has traded whole or ended."""

    precedence: ClassVar[int] = ORDERS
    first: OrderId
    second: OrderId
    patient: bool = False


class LinkKind(StrEnum):
    """What a first order does to those that are placed with it."""

    ONE_CANCELS_OTHER = "one_cancels_other"  # one
    ONE_TRIGGERS_OTHER = "one_triggers_other"  # one or two
    ONE_TRIGGERS_ONE_CANCELS_OTHER = "one_triggers_one_cancels_other"  # two, which cancel each other


class PlaceLinked(Message):
    """Place an order together with others of the same participant in the same instrument, all of them or none.

    Under `one_cancels_other` they cancel each other, and the other may not trade at once. Otherwise the others are
    held back: they come once the first trades, and are canceled if it ends before. `patient`: once it has traded
    whole. It may be sent again as an order may, under the number of the first; the others have none.
    """

    precedence: ClassVar[int] = ORDERS
    participant_id: ParticipantId
    primary: PlaceOrder
    others: tuple[PlaceOrder, ...]
    kind: LinkKind
    patient: bool = False


class Quote(Message):
    side: Side
    price: Price
    quantity: Quantity


class QuoteMarket(NumberedRequest, kw_only=True):
    """The participant's quotes in an instrument become these. A quote that stays at its price with no more
    quantity keeps its place; the others move, appear or go."""

    precedence: ClassVar[int] = ORDERS
    client_order_id: int
    instrument_id: InstrumentId
    quotes: tuple[Quote, ...]
    post_only: PostOnly = PostOnly.REJECT
    line: int = 0  # on which they came


class ProtectQuotes(NumberedRequest, kw_only=True):
    """Market-maker protection: when quotes have traded more than `quantity_limit` lots within `interval`, all
    of them go and no new ones are taken for `freeze`. A limit of zero lifts the protection."""

    precedence: ClassVar[int] = ORDERS
    instrument_id: InstrumentId
    quantity_limit: Quantity
    interval: Time
    freeze: Time


# --- prices ---------------------------------------------------------------------------------------------


class VenueQuote(Message):
    """Best bid and ask that one outside venue shows, in index units, and when it showed them."""

    venue: str
    bid: IndexPrice
    ask: IndexPrice
    at: Time


class ReportQuotes(Message):
    """What the outside venues of an index show now. Our own trades are never among them."""

    precedence: ClassVar[int] = PRICES
    index_id: IndexId
    quotes: tuple[VenueQuote, ...]


class VenueTrade(Message):
    """One trade on an outside venue: its price in index units, its quantity in a unit that all venues share."""

    venue: str
    price: IndexPrice
    quantity: int
    at: Time


class ReportTrades(Message):
    """What was traded on the outside venues of an index since the last report. Our own trades are never among them."""

    precedence: ClassVar[int] = PRICES
    index_id: IndexId
    trades: tuple[VenueTrade, ...]


class PublishReferenceRate(Message):
    """An independent reference rate, for the fallback ladder of a fixing and the index's sanity check."""

    precedence: ClassVar[int] = PRICES
    index_id: IndexId
    source: str
    rate: IndexPrice


class ReportCashPrice(Message):
    """What a cash asset is worth outside, in millionths of what it promises. Counts if the venue looks there."""

    precedence: ClassVar[int] = PRICES
    asset_id: AssetId
    price_ppm: int
    source: str


# --- the cash leg ---------------------------------------------------------------------------------------


class RecordFiatReceipt(Message):
    """The issuer's bank confirms that `amount` of bank roubles has come in."""

    precedence: ClassVar[int] = TREASURY
    asset_id: AssetId
    receipt_id: str
    amount: Money


class MintCoins(Message):
    """Whoever has a minter's key can send it; `signatures` are of those who sign beside, if the terms name any."""

    precedence: ClassVar[int] = TREASURY
    asset_id: AssetId
    minter: str
    receipt_id: str
    wallet_id: WalletId
    amount: Money
    signatures: tuple[str, ...] = ()


class TransferCash(Message):
    """Move coins between two wallets on the issuer's ledger, outside the venue."""

    precedence: ClassVar[int] = TREASURY
    asset_id: AssetId
    source: WalletId
    target: WalletId
    amount: Money


class DepositCash(NumberedRequest, kw_only=True):
    """Move coins from a participant's wallet into the venue's custody, against a claim on the venue."""

    precedence: ClassVar[int] = TREASURY
    asset_id: AssetId
    amount: Money


class WithdrawCash(NumberedRequest, kw_only=True):
    """Ask the venue to send coins back to the participant's wallet."""

    precedence: ClassVar[int] = TREASURY
    asset_id: AssetId
    amount: Money


class RedeemCoins(Message):
    """Hand coins back to the issuer for bank roubles at par: at once, or against a ticket."""

    precedence: ClassVar[int] = TREASURY
    asset_id: AssetId
    wallet_id: WalletId
    amount: Money


class CancelRedemption(Message):
    """Take back the coins of a ticket that have not been paid."""

    precedence: ClassVar[int] = TREASURY
    asset_id: AssetId
    ticket_id: int


class AddOwnFunds(Message):
    """The owner of an issuer puts money into its reserves."""

    precedence: ClassVar[int] = TREASURY
    asset_id: AssetId
    amount: Money


class DistributeInterest(Message):
    """The reserves of an issuer have earned `income`; the holders' part becomes coins."""

    precedence: ClassVar[int] = TREASURY
    asset_id: AssetId
    income: Money


class PayHolders(Message):
    """In a wind-down: pay once more what is there. It is also done whenever money comes in."""

    precedence: ClassVar[int] = TREASURY
    asset_id: AssetId


class AnnounceCryptoDeposit(Message):
    """The chain of a crypto asset shows units on their way into the venue's custody, for a participant."""

    precedence: ClassVar[int] = TREASURY
    participant_id: ParticipantId
    asset_id: AssetId
    amount: int  # minor units
    transaction: str


class WithdrawUnits(NumberedRequest, kw_only=True):
    """Ask the venue to send units of a crypto asset back to the participant."""

    precedence: ClassVar[int] = TREASURY
    asset_id: AssetId
    amount: int  # minor units


class ReportReorganisation(Message):
    """The chain of an asset has gone another way: a transaction that it showed is no longer there."""

    precedence: ClassVar[int] = EXTERNAL
    asset_id: AssetId
    transaction: str


class FreezeWallet(Message):
    """The issuer freezes a wallet: out (it cannot send), in (it cannot receive), or both."""

    precedence: ClassVar[int] = EXTERNAL
    asset_id: AssetId
    wallet_id: WalletId
    order_ref: str
    signatures: tuple[str, ...]
    out: bool = True
    into: bool = True


class UnfreezeWallet(Message):
    precedence: ClassVar[int] = EXTERNAL
    asset_id: AssetId
    wallet_id: WalletId
    order_ref: str
    signatures: tuple[str, ...]


class DiscloseReserves(Message):
    """The issuer says in public which share of the reserves cannot be reached, and whether somebody stands in for
    it: the issuer itself, or an authority."""

    precedence: ClassVar[int] = EXTERNAL
    asset_id: AssetId
    stuck_ppm: int
    covered: bool
    statement: str


class PauseIssuer(Message):
    precedence: ClassVar[int] = EXTERNAL
    asset_id: AssetId
    signatures: tuple[str, ...]


class UnpauseIssuer(Message):
    precedence: ClassVar[int] = EXTERNAL
    asset_id: AssetId
    signatures: tuple[str, ...]


class WipeWallet(Message):
    """The issuer destroys what a frozen wallet holds, and may issue as much to another wallet in the same instant."""

    precedence: ClassVar[int] = EXTERNAL
    asset_id: AssetId
    wallet_id: WalletId
    order_ref: str
    signatures: tuple[str, ...]
    reissue_to: WalletId | None = None


class ReissueCoins(Message):
    """Issue anew what was wiped under the order `wipe_ref`, or part of it."""

    precedence: ClassVar[int] = EXTERNAL
    asset_id: AssetId
    wallet_id: WalletId
    amount: Money
    wipe_ref: str
    signatures: tuple[str, ...]


class ChangeIssuerState(Message):
    """Into any state but a pause, and out of any but a pause."""

    precedence: ClassVar[int] = EXTERNAL
    asset_id: AssetId
    state: IssuerState
    signatures: tuple[str, ...]


class ConfigureMinter(Message):
    """Give a minter, new or not, an allowance in place of what it has left."""

    precedence: ClassVar[int] = EXTERNAL
    asset_id: AssetId
    minter: str
    allowance: Money
    signatures: tuple[str, ...]


class RemoveMinter(Message):
    precedence: ClassVar[int] = EXTERNAL
    asset_id: AssetId
    minter: str
    signatures: tuple[str, ...]


class ChangeRole(Message):
    """Give a role of an issuer to others, or ask for more or fewer of them, or for more time."""

    precedence: ClassVar[int] = EXTERNAL
    asset_id: AssetId
    role: RoleName
    holders: tuple[str, ...]
    quorum: int
    delay: Time
    signatures: tuple[str, ...]


class CancelKeyOperation(Message):
    """Take back what a key was used for before it is done; whoever may sign for it may take it back."""

    precedence: ClassVar[int] = EXTERNAL
    asset_id: AssetId
    operation_id: int
    signatures: tuple[str, ...]


class ReportReserve(Message):
    """What became of the reserves that a bank or custodian has. LOST: `share_bp` of them, the rest is as it was."""

    precedence: ClassVar[int] = EXTERNAL
    asset_id: AssetId
    custodian: str
    status: ReserveStatus
    share_bp: BasisPoints = 10_000


class AttestReserves(Message):
    """Have the reserves published."""

    precedence: ClassVar[int] = EXTERNAL
    asset_id: AssetId
    signatures: tuple[str, ...]


class CreditWallet(Message):
    """Roubles come into a wallet at a bank or at the central bank. Each reference counts once."""

    precedence: ClassVar[int] = TREASURY
    asset_id: AssetId
    wallet_id: WalletId
    amount: Money
    reference: str


class ConvertCash(Message):
    """Bank money into digital roubles or back, at par, for the wallet of that name at both."""

    precedence: ClassVar[int] = TREASURY
    source_asset_id: AssetId
    target_asset_id: AssetId
    wallet_id: WalletId
    amount: Money


class ReportOutage(Message):
    """A bank, or the central bank's platform, is silent: nothing moves there."""

    precedence: ClassVar[int] = EXTERNAL
    asset_id: AssetId


class EndOutage(Message):
    precedence: ClassVar[int] = EXTERNAL
    asset_id: AssetId


class FailBank(Message):
    """The bank is insolvent: nothing moves there until it is resolved."""

    precedence: ClassVar[int] = EXTERNAL
    asset_id: AssetId


class ResolveBank(Message):
    """The failure ends: so much of every wallet is lost, of what no insurance covers, and the rest moves again."""

    precedence: ClassVar[int] = EXTERNAL
    asset_id: AssetId
    loss_bp: BasisPoints


class RecordCashLoss(Message):
    """Part of what a wallet of the venue holds is gone: an `amount`, or a share of it, rounded down. Stolen money went
    to `target`; else nobody has it.

    A failed issuer writes its coins down, a failed bank its accounts; both need no signature, only `grounds`.
    """

    precedence: ClassVar[int] = EXTERNAL
    asset_id: AssetId
    wallet_id: WalletId
    cause: LossCause
    grounds: str
    amount: Money = 0
    share_bp: BasisPoints = 0
    target: WalletId = WalletId("")


class RecordOperationalLoss(Message):
    """The venue has paid money away in error, out of the wallets that may send, and it will not come back."""

    precedence: ClassVar[int] = EXTERNAL
    asset_id: AssetId
    amount: Money
    target: WalletId
    grounds: str


class OpenVenueWallet(Message):
    """The venue takes one more wallet into custody. If it `replaces` one, what comes in restores who lost there."""

    precedence: ClassVar[int] = EXTERNAL
    asset_id: AssetId
    wallet_id: WalletId
    replaces: WalletId | None = None


# --- settlement -----------------------------------------------------------------------------------------


class SettlementModel(StrEnum):
    """What moves one by one and what moves net (the three models of delivery versus payment: BIS, 1992)."""

    DVP_1 = "dvp_1"  # units and cash one by one, each deal in one chain
    DVP_2 = "dvp_2"  # units one by one, final at once; cash net at the end of the cycle, paid in at its start
    DVP_3 = "dvp_3"  # units and cash net at the end of the cycle
    PVP = "pvp"  # two moneys one by one, each deal in one chain


class InstructSettlement(NumberedRequest, kw_only=True):
    """One side of a deal, as it sees it. Nothing settles before the counterparty has said the same.

    `amount` of an asset goes from whoever delivers to the other, `payment` back: units against a coin, a coin
    against another, or a coin alone. Priority, partial settlement and recycles are as both sides allow.
    """

    precedence: ClassVar[int] = ORDERS
    counterparty_id: ParticipantId
    delivers: bool  # whether the sender delivers `amount`, or receives it
    asset_id: AssetId
    amount: int  # minor units of the asset
    intended: Time  # no cycle before this hour settles it
    payment_asset_id: AssetId | None = None
    payment: Money = 0
    reference: str = ""  # must be the same on both sides
    priority: int = 0  # the higher, the earlier
    allow_partial: bool = False
    min_lot: int = 1  # parts are multiples of it
    hold: bool = False  # no cycle takes it until it is released
    max_recycles: int = 10  # after so many failed cycles the next one ends it


class ReleaseInstruction(NumberedRequest, kw_only=True):
    """Lift the sender's own hold."""

    precedence: ClassVar[int] = ORDERS
    instruction_id: int


class CancelInstruction(NumberedRequest, kw_only=True):
    """Take an instruction back. Once a cycle has tried to lock it, both sides must ask, each `jointly`."""

    precedence: ClassVar[int] = CANCELS
    instruction_id: int
    jointly: bool = False


class CreditUnits(Message):
    """The register shows `amount` of an asset in the venue's name, for this participant."""

    precedence: ClassVar[int] = TREASURY
    participant_id: ParticipantId
    asset_id: AssetId
    amount: int


class DebitUnits(NumberedRequest, kw_only=True):
    """The participant takes units out of the venue, back into the register."""

    precedence: ClassVar[int] = TREASURY
    asset_id: AssetId
    amount: int


class RunSettlementCycle(Message):
    """The authority has a cycle begin now; it ends `lasts` later."""

    precedence: ClassVar[int] = CLEARING
    model: SettlementModel
    penalty_bp: BasisPoints = 0  # of the value that fails to settle, for each day
    gridlock: bool = False  # look for more that can settle together
    lasts: Time = 0


# --- notes ----------------------------------------------------------------------------------------------


class RegisterNote(NumberedRequest, kw_only=True):
    """An issuer, who has a seat, puts the terms of a note on the register."""

    precedence: ClassVar[int] = EXTERNAL
    instrument: Instrument


class PlaceNotes(NumberedRequest, kw_only=True):
    """The issuer offers the units of its note at their issue price, until then."""

    precedence: ClassVar[int] = EXTERNAL
    instrument_id: InstrumentId
    until: Time


class SubscribeNotes(NumberedRequest, kw_only=True):
    """Take units of a note that is being placed, and pay for them at once."""

    precedence: ClassVar[int] = ORDERS
    instrument_id: InstrumentId
    quantity: Quantity


class FundRedemption(NumberedRequest, kw_only=True):
    """The issuer puts more into the escrow from which its note is redeemed."""

    precedence: ClassVar[int] = TREASURY
    instrument_id: InstrumentId
    amount: Money


class PayObligations(NumberedRequest, kw_only=True):
    """The issuer pays some of what it owes the holders of its note: to each its share."""

    precedence: ClassVar[int] = TREASURY
    instrument_id: InstrumentId
    amount: Money


# --- the authority --------------------------------------------------------------------------------------


class EstablishVenue(Message):
    """The first command of every journal: the assets, indices and wallets there are."""

    precedence: ClassVar[int] = CLOCK
    assets: tuple[Asset, ...]
    indices: tuple["IndexTerms", ...]
    cash: tuple[AnyCashTerms, ...]
    sessions: tuple["SessionTerms", ...]
    depth_interval: Time = 10_000_000_000  # between two reports of depth
    settlement_cycles: tuple["SettlementCycleTerms", ...] = ()
    cash_prices: tuple[CashPriceTerms, ...] = ()  # of those that are not reported
    underlyings: tuple[Underlying, ...] = ()  # what is known of coins, for a regime that screens them
    max_open_orders: int | None = None  # of a participant, with those that wait; None: as many as it likes
    max_open_orders_per_instrument: int | None = None


class IndexTerms(Message):
    """How an index is made: which outside venues, with which weights (ppm), and its safeguards."""

    index_id: IndexId
    venues: tuple[str, ...]
    weights_ppm: tuple[int, ...]
    interval: Time = 1_000_000_000
    stale_age: Time = 180_000_000_000
    outage_age: Time = 60_000_000_000
    reference_age: Time = 3_600_000_000_000  # an older reference rate counts for nothing
    cap_band_bp: int = 50
    drop_bp: int = 1_000
    readmit_bp: int = 500
    basket_bp: int = 200
    fixing_samples: int = 300
    fixing_spacing: Time = 6_000_000_000
    fixing_objection: Time = 0  # how long a provisional price may be objected to


class SessionTerms(Message):
    """One trading session: orders are taken from `opens` until `closes`."""

    opens: Time
    closes: Time


class SettlementCycleTerms(Message):
    """A cycle that the venue promises: at its hour, as `RunSettlementCycle` would have it."""

    at: Time
    model: SettlementModel
    penalty_bp: BasisPoints = 0
    gridlock: bool = False
    lasts: Time = 0


class PassTime(Message):
    """Nothing but that it is so late: whatever fell due up to and including now is done.

    A live venue keeps it before it tells what fell due, so that a replay has done the same by then, and no more.
    """

    precedence: ClassVar[int] = LAST


class AdoptRegime(Message):
    """The authority puts a regime in force. Who is inside is judged anew; positions are grandfathered."""

    precedence: ClassVar[int] = EXTERNAL
    regime: Regime


class ListInstrument(Message):
    precedence: ClassVar[int] = EXTERNAL
    instrument: Instrument


class ApplyForAccess(Message):
    """Ask to be let in. `wallet_id` is where the applicant keeps its coins."""

    precedence: ClassVar[int] = EXTERNAL
    participant_id: ParticipantId
    applicant: Applicant
    wallet_id: WalletId


class SetLimit(Message):
    """The authority sets a participant's own capital-at-risk limit. Below present use it is grandfathered."""

    precedence: ClassVar[int] = EXTERNAL
    participant_id: ParticipantId
    limit: Money


class SuspendParticipant(Message):
    precedence: ClassVar[int] = EXTERNAL
    participant_id: ParticipantId


class ReinstateParticipant(Message):
    precedence: ClassVar[int] = EXTERNAL
    participant_id: ParticipantId


class FreezeParticipant(Message):
    """A domestic legal order: orders may only reduce, nothing leaves, credits stay frozen where they land."""

    precedence: ClassVar[int] = EXTERNAL
    participant_id: ParticipantId
    order_ref: str


class UnfreezeParticipant(Message):
    precedence: ClassVar[int] = EXTERNAL
    participant_id: ParticipantId
    order_ref: str


class HaltInstrument(Message):
    precedence: ClassVar[int] = EXTERNAL
    instrument_id: InstrumentId


class ResumeInstrument(Message):
    precedence: ClassVar[int] = EXTERNAL
    instrument_id: InstrumentId


class HaltCash(Message):
    """The venue takes and gives none of a cash asset, and what pays in it does not trade."""

    precedence: ClassVar[int] = EXTERNAL
    asset_id: AssetId
    grounds: str


class ResumeCash(Message):
    precedence: ClassVar[int] = EXTERNAL
    asset_id: AssetId


class PublishConversionRate(Message):
    """What one unit of a halted cash asset is worth in the fallback, in millionths: all claims are converted."""

    precedence: ClassVar[int] = EXTERNAL
    asset_id: AssetId
    rate_ppm: int


class PostponeSettlement(Message):
    """The authority objects to a provisional price; the fallback ladder goes on without it."""

    precedence: ClassVar[int] = EXTERNAL
    bucket_id: BucketId


class SetCommitteePrice(Message):
    """The settlement committee names a price, with its reason, for a fixing that found none."""

    precedence: ClassVar[int] = EXTERNAL
    bucket_id: BucketId
    price: Price
    grounds: str


# --- clearing -------------------------------------------------------------------------------------------


class FundHouse(Message):
    """The house brings coins of its own, from a wallet outside, for one purpose: a layer of the waterfall or
    liquidity (`HouseLayer`)."""

    precedence: ClassVar[int] = TREASURY
    asset_id: AssetId
    source: WalletId
    layer: HouseLayer
    amount: Money


class DeclareDefault(Message):
    """The authority declares that a participant cannot meet its obligations: it is insolvent."""

    precedence: ClassVar[int] = EXTERNAL
    participant_id: ParticipantId
    grounds: str


class AppointMember(Message):
    """The authority makes a participant with own funds a clearing member: others may clear through it."""

    precedence: ClassVar[int] = EXTERNAL
    participant_id: ParticipantId
    segregation: Segregation = Segregation.INDIVIDUAL


class ChooseMember(NumberedRequest, kw_only=True):
    """Ask to clear through that member, which then stands in for what the participant cannot pay. It may decline."""

    precedence: ClassVar[int] = RISK
    member_id: ParticipantId


class AcceptClient(NumberedRequest, kw_only=True):
    """A member takes on a client that has asked it; from now on it stands in for what the client cannot pay."""

    precedence: ClassVar[int] = RISK
    client_id: ParticipantId


class DeclineClient(NumberedRequest, kw_only=True):
    precedence: ClassVar[int] = RISK
    client_id: ParticipantId
    grounds: str


class OfferToPort(NumberedRequest, kw_only=True):
    """A member will take over clients of a failed one, up to so much initial margin; zero takes the offer back."""

    precedence: ClassVar[int] = RISK
    most_margin: Money


class BidForPortfolio(NumberedRequest, kw_only=True):
    """A sealed bid for all positions of a defaulter: paid if positive, demanded for taking them if negative.
    The last bid of each bidder counts."""

    precedence: ClassVar[int] = DEFAULT
    defaulter: ParticipantId
    amount: Money


# --- duties: what the exchange promised itself ---------------------------------------------------------


class OpenSession(Message):
    precedence: ClassVar[int] = CLOCK


class CloseSession(Message):
    precedence: ClassVar[int] = CLOCK


class EnterPhase(Message):
    """An instrument goes over into its next phase; a call auction ends with its uncrossing."""

    precedence: ClassVar[int] = CLOCK
    instrument_id: InstrumentId
    phase: Phase


class StartClosingCall(Message):
    """The last call of the session begins; it lasts until the close."""

    precedence: ClassVar[int] = CLOCK
    instrument_id: InstrumentId


class PublishIndication(Message):
    """While a call lasts: where its orders would cross."""

    precedence: ClassVar[int] = REPORTS
    instrument_id: InstrumentId


class ExpireOrder(Message):
    precedence: ClassVar[int] = CLOCK
    participant_id: ParticipantId
    order_id: OrderId


class PublishIndex(Message):
    precedence: ClassVar[int] = PRICES
    index_id: IndexId


class PriceCash(Message):
    """Make the price of a cash asset anew."""

    precedence: ClassVar[int] = PRICES
    asset_id: AssetId


class StartFixing(Message):
    precedence: ClassVar[int] = CLOCK
    bucket_id: BucketId


class EndTrading(Message):
    precedence: ClassVar[int] = CLOCK
    bucket_id: BucketId


class FixPrice(Message):
    """Take the next rung of the settlement price ladder."""

    precedence: ClassVar[int] = EXPIRY
    bucket_id: BucketId


class SettleBucket(Message):
    precedence: ClassVar[int] = EXPIRY
    bucket_id: BucketId


class ValueAccounts(Message):
    """Reckon every margin account at the marks of now."""

    precedence: ClassVar[int] = RISK


class MarkVariation(Message):
    """What prices have given and taken since the last clearing is owed from now on."""

    precedence: ClassVar[int] = CLEARING
    clearing: int  # which of the schedule


class PayVariation(Message):
    """What is owed is collected, and then paid."""

    precedence: ClassVar[int] = CLEARING


class EndMarginCall(Message):
    """The deadline of a margin call."""

    precedence: ClassVar[int] = CLOCK
    participant_id: ParticipantId
    call: int


class LiquidatePositions(Message):
    """The house closes a step of what an account can no longer cover."""

    precedence: ClassVar[int] = DEFAULT
    participant_id: ParticipantId


class BeginDefault(Message):
    precedence: ClassVar[int] = DEFAULT
    participant_id: ParticipantId
    reason: DefaultReason


class CloseOut(Message):
    """The next attempt to close a defaulter's positions."""

    precedence: ClassVar[int] = DEFAULT
    participant_id: ParticipantId


class EndDefaultAuction(Message):
    precedence: ClassVar[int] = DEFAULT
    participant_id: ParticipantId


class SizeFund(Message):
    """Reckon how large the default fund must be, and bring the members' shares to it."""

    precedence: ClassVar[int] = CLEARING


class EndFundCall(Message):
    """The due time of what a member's share of the default fund is short of."""

    precedence: ClassVar[int] = CLOCK
    participant_id: ParticipantId
    due: Time


class SettleCycle(Message):
    """A cycle begins: what is due is locked."""

    precedence: ClassVar[int] = CLEARING
    terms: SettlementCycleTerms


class CompleteCycle(Message):
    """A cycle ends: what is locked settles, and the rest is told."""

    precedence: ClassVar[int] = CLEARING
    cycle_id: int


class ExpireInstruction(Message):
    """An instruction that the counterparty has not matched falls."""

    precedence: ClassVar[int] = CLOCK
    instruction_id: int


class RollPerpetual(Message):
    """A perpetual's claim is settled, funding is paid, and the next claim begins."""

    precedence: ClassVar[int] = EXPIRY
    instrument_id: InstrumentId


class ConfirmWithdrawal(Message):
    """The keeper's ledger should now show the withdrawal: post it, let it wait, or give the money back."""

    precedence: ClassVar[int] = TREASURY
    withdrawal_id: int


class AccrueInterest(Message):
    """Midnight: a bank pays a day's interest."""

    precedence: ClassVar[int] = TREASURY
    asset_id: AssetId


class ProcessRedemptions(Message):
    precedence: ClassVar[int] = TREASURY
    asset_id: AssetId


class SettleReserveSale(Message):
    """What was sold of the reserves should now be paid for."""

    precedence: ClassVar[int] = EXTERNAL
    asset_id: AssetId
    sale_id: int


class DoKeyOperation(Message):
    """The delay of what was announced is over."""

    precedence: ClassVar[int] = EXTERNAL
    asset_id: AssetId
    operation_id: int


class HaltForPause(Message):
    """The keeper may have been paused for as long as trading goes on without it."""

    precedence: ClassVar[int] = CLOCK
    asset_id: AssetId
    pauses: int


class ClosePlacement(Message):
    precedence: ClassVar[int] = CLOCK
    instrument_id: InstrumentId


class PayCoupon(Message):
    precedence: ClassVar[int] = CLEARING
    instrument_id: InstrumentId
    number: int


class JudgeIssuer(Message):
    """The time of grace after a missed coupon is over."""

    precedence: ClassVar[int] = DEFAULT
    instrument_id: InstrumentId


class FixNote(Message):
    """The price of the underlying is final; what each unit pays follows from it."""

    precedence: ClassVar[int] = EXPIRY
    instrument_id: InstrumentId
    price: Price
    last_mark: bool  # there was no price but the last one


class RedeemNotes(Message):
    precedence: ClassVar[int] = EXPIRY
    instrument_id: InstrumentId


class ConfirmCryptoDeposit(Message):
    """The deposit should now have its confirmations: credit it, if the chain still shows it."""

    precedence: ClassVar[int] = TREASURY
    asset_id: AssetId
    transaction: str


class ConfirmUnitsWithdrawal(Message):
    """The chain should now show the withdrawal: post it, or give the units back."""

    precedence: ClassVar[int] = TREASURY
    asset_id: AssetId
    withdrawal_id: int


class ReportDepth(Message):
    precedence: ClassVar[int] = REPORTS


class AuditBooks(Message):
    precedence: ClassVar[int] = REPORTS


Request: TypeAlias = (
    PlaceOrder
    | AmendOrder
    | AmendWaiting
    | CancelOrder
    | CancelAll
    | WatchLine
    | LinkOrders
    | PlaceLinked
    | QuoteMarket
    | ProtectQuotes
    | DepositCash
    | WithdrawCash
    | ChooseMember
    | AcceptClient
    | DeclineClient
    | OfferToPort
    | BidForPortfolio
    | InstructSettlement
    | ReleaseInstruction
    | CancelInstruction
    | DebitUnits
    | WithdrawUnits
    | RegisterNote
    | PlaceNotes
    | SubscribeNotes
    | FundRedemption
    | PayObligations
)

Directive: TypeAlias = (
    AdoptRegime
    | ListInstrument
    | SetLimit
    | SuspendParticipant
    | ReinstateParticipant
    | FreezeParticipant
    | UnfreezeParticipant
    | HaltInstrument
    | ResumeInstrument
    | HaltCash
    | ResumeCash
    | PublishConversionRate
    | PostponeSettlement
    | SetCommitteePrice
    | DeclareDefault
    | AppointMember
    | RunSettlementCycle
)

Duty: TypeAlias = (
    OpenSession
    | CloseSession
    | EnterPhase
    | StartClosingCall
    | PublishIndication
    | ExpireOrder
    | PublishIndex
    | PriceCash
    | StartFixing
    | EndTrading
    | FixPrice
    | SettleBucket
    | ValueAccounts
    | MarkVariation
    | PayVariation
    | EndMarginCall
    | LiquidatePositions
    | BeginDefault
    | CloseOut
    | EndDefaultAuction
    | SizeFund
    | EndFundCall
    | SettleCycle
    | CompleteCycle
    | ExpireInstruction
    | RollPerpetual
    | ConfirmWithdrawal
    | AccrueInterest
    | ProcessRedemptions
    | SettleReserveSale
    | DoKeyOperation
    | HaltForPause
    | ClosePlacement
    | PayCoupon
    | JudgeIssuer
    | FixNote
    | RedeemNotes
    | ConfirmCryptoDeposit
    | ConfirmUnitsWithdrawal
    | ReportDepth
    | AuditBooks
)

KeyCommand: TypeAlias = (
    FreezeWallet
    | UnfreezeWallet
    | PauseIssuer
    | UnpauseIssuer
    | WipeWallet
    | ReissueCoins
    | ChangeIssuerState
    | ConfigureMinter
    | RemoveMinter
    | ChangeRole
    | AttestReserves
)

Command: TypeAlias = (
    Request
    | Directive
    | Duty
    | PassTime
    | EstablishVenue
    | ApplyForAccess
    | ReportQuotes
    | ReportTrades
    | ReportCashPrice
    | PublishReferenceRate
    | RecordFiatReceipt
    | MintCoins
    | TransferCash
    | RedeemCoins
    | CancelRedemption
    | AddOwnFunds
    | DistributeInterest
    | PayHolders
    | ReportReserve
    | FundHouse
    | CreditWallet
    | ConvertCash
    | ReportOutage
    | EndOutage
    | FailBank
    | ResolveBank
    | KeyCommand
    | CancelKeyOperation
    | RecordCashLoss
    | RecordOperationalLoss
    | OpenVenueWallet
    | DiscloseReserves
    | CreditUnits
    | AnnounceCryptoDeposit
    | ReportReorganisation
)
