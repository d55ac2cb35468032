"""The terms of a cash asset: who keeps it, when it moves, who holds its keys, and how the venue keeps what is its own;
and of a coin, what stands behind it and how it is handed back.
"""

from enum import StrEnum

from exchange.cash.hours import BankingHours
from exchange.messages import Message
from exchange.units import MINUTE, SECOND, AssetId, BasisPoints, InstrumentId, Money, Time, WalletId

FEES = WalletId("keeper-fees")  # the keeper's own wallet, where its fees go


class RoleName(StrEnum):
    """What a key is for. Where no role of a name is given, nobody can do what it is for; but without
    VENUE_FREEZER and MINTER nobody need sign beside the freezer and the named minter.
    """

    MASTER_MINTER = "master_minter"  # sets and takes away minters' allowances, stops minting
    MINTER = "minter"  # signs beside the minter who mints
    PAUSER = "pauser"
    FREEZER = "freezer"
    VENUE_FREEZER = "venue_freezer"  # signs beside freezer or wiper for a wallet of the venue
    WIPER = "wiper"  # destroys what a frozen wallet holds, and issues it anew
    ADMIN = "admin"  # changes roles, declares default, winds down
    RESERVE_MANAGER = "reserve_manager"  # gates redemption, pays out what is left
    ATTESTOR = "attestor"  # attests the reserves


class Role(Message):
    """`quorum` of the `holders` must sign; what they sign is done after `delay`, unless they take it back."""

    name: RoleName
    holders: tuple[str, ...]
    quorum: int
    delay: Time = 0


def all_of(name: RoleName, *holders: str, delay: Time = 0) -> Role:
    """A role that all of its holders must sign for."""
    return Role(name=name, holders=holders, quorum=len(holders), delay=delay)


COURT = all_of(RoleName.FREEZER, "court")  # money proper is frozen by nobody else


def keys_of(*holders: str, apart: tuple[Role, ...] = ()) -> tuple[Role, ...]:
    """Every role but the two that sign beside others, held by all of `holders`; and those `apart` as they are."""
    beside = (RoleName.MINTER, RoleName.VENUE_FREEZER)
    taken = (*beside, *(role.name for role in apart))
    return (*(all_of(name, *holders) for name in RoleName if name not in taken), *apart)


class CustodyMode(StrEnum):
    """In whose wallets the venue keeps a cash asset."""

    OMNIBUS = "omnibus"  # one wallet
    SHARDED = "sharded"  # one or several, none of them anybody's
    SEGREGATED = "segregated"  # one for each participant; what is locked is the house's, in the house's own
    NATIVE = "native"  # the same, and the keeper's ledger is the venue's: what stops there stops here

    @property
    def separates(self) -> bool:
        """Whether each participant has a wallet of its own."""
        return self in _SEPARATING


_SEPARATING = (CustodyMode.SEGREGATED, CustodyMode.NATIVE)  # looked up once: it is asked after every command


class CashHalt(StrEnum):
    """Why nothing is traded that pays in a cash asset."""

    DIRECTIVE = "directive"  # the authority says so: the venue does not take or give any of it either
    FROZEN = "frozen"  # a wallet of the venue is, and the regime says that this halts what it settles in
    PAUSED = "paused"  # its keeper has been, for longer than its terms allow
    WOUND_DOWN = "wound_down"  # a loss went beyond everything that bears it


class CashTerms(Message, kw_only=True):
    """What every cash asset has, whoever keeps it."""

    asset_id: AssetId
    venue_wallets: tuple[WalletId, ...]  # of the house; participants' own are opened as they come
    roles: tuple[Role, ...]  # each name at most once
    finality: Time = 2_000_000_000  # how long a transfer on the keeper's ledger takes to be final
    hours: BankingHours | None = None  # in which it moves; None: round the clock
    transfer_fee: Money = 0  # of each transfer, out of what is sent
    transfer_fee_bp: BasisPoints = 0  # beside it, of what is sent
    queues: bool = False  # a withdrawal that meets a closed or silent keeper waits, and does not come back
    custody: CustodyMode = CustodyMode.SHARDED
    longest_pause: Time | None = None  # trading against it is halted beyond; None: it goes on however long
    expected_recovery_bp: BasisPoints = 10_000  # of what is frozen
    loss_layer_cap: Money | None = None  # what the house's layer bears of one loss, at most

    def signatures(self, *names: RoleName) -> tuple[str, ...]:
        """Just enough holders of these roles to act, each once; nobody for a role that is not given."""
        signers = (
            signer for role in self.roles if role.name in names for signer in role.holders[: role.quorum]
        )
        return tuple(dict.fromkeys(signers))


# --- a coin ---------------------------------------------------------------------------------------------


class ReserveClass(StrEnum):
    CASH = "cash"
    BANK_DEPOSIT = "bank_deposit"
    CENTRAL_BANK_DEPOSIT = "central_bank_deposit"
    SHORT_BILLS = "short_bills"
    OTHER = "other"


class ReserveStatus(StrEnum):
    OK = "ok"
    STUCK = "stuck"  # still the issuer's, but it cannot be had
    LOST = "lost"


class ReserveTerms(Message):
    """One bucket of the reserves. What comes in is spread by `weight_bp` over the buckets that are in order."""

    name: str
    reserve_class: ReserveClass
    custodian: str  # the bank or custodian that has it
    weight_bp: BasisPoints
    amount: Money = 0  # at the founding
    liquidity_days: int = 0  # 0: money at once; else sold whole, and paid so many days later
    haircut_bp: BasisPoints = 0  # what a sale at once costs


class QueueRule(StrEnum):
    FIFO = "fifo"
    PRO_RATA = "pro_rata"


class RedemptionTerms(Message):
    """How coins are handed back: the fee is the larger of `fee_fixed` and `fee_bp` of the amount."""

    queue: QueueRule = QueueRule.FIFO
    instant: bool = True  # paid at once if nobody waits, the bank is open and there is money at once
    gated_payout: bool = False  # while redemption is gated: pay pro rata what there is, instead of nothing
    minimum: Money = 0
    fee_fixed: Money = 0
    fee_bp: BasisPoints = 0
    eligible_wallets: tuple[WalletId, ...] = ()  # with eligible_classes also empty: everybody
    eligible_classes: tuple[str, ...] = ()  # of the regime, for wallets of participants
    hours: BankingHours | None = None  # in which coins are redeemed; None: round the clock
    processing_interval: Time = 15 * MINUTE  # between two processings of the queue within the hours
    cut_off: Time | None = None  # time of day; what is asked later waits for the next banking day


class ReissueRule(StrEnum):
    NEVER = "never"
    OPTIONAL = "optional"
    MANDATORY = "mandatory"  # a wipe names the wallet to which it is issued anew, in the same instant


class InterestRule(StrEnum):
    HOUSE = "house"
    HOLDERS = "holders"  # by their claims of that instant


class Circulation(Message):
    """Coins that are out when the venue is founded."""

    wallet_id: WalletId
    amount: Money


ONE_DEPOSIT = (
    ReserveTerms(
        name="deposit", reserve_class=ReserveClass.BANK_DEPOSIT, custodian="settlement bank", weight_bp=10_000
    ),
)


class CoinTerms(CashTerms, kw_only=True):
    """A coin and its issuer. By default: one deposit, par at once and to everybody, no interest, an honest issuer."""

    issuer: str
    minters: dict[str, Money]  # minter to allowance
    mint_needs_receipt: bool = True  # False: minted against nothing if no receipt of that name is there
    mint_needs_reserves: bool = False  # True: no minting beyond the book value of the reserves
    wipe_allowed: bool = False
    reissue: ReissueRule = ReissueRule.OPTIONAL
    freeze_stops_receiving: bool = True  # False: a frozen wallet can still receive, whatever the order says
    pause_completes_batch: bool = False  # what is on its way out when the pause comes still leaves
    circulation: tuple[Circulation, ...] = ()
    own_funds: Money = 0  # of the issuer, in the reserves; circulation + own funds = reserves at the founding
    reserves: tuple[ReserveTerms, ...] = ONE_DEPOSIT
    forced_sales: bool = (
        False  # sell at a haircut what cannot be had at once, when the queue exceeds the rest
    )
    redemption: RedemptionTerms = RedemptionTerms()
    issuer_wallet: WalletId = WalletId("issuer")  # where coins wait that are being redeemed
    pays_in: AssetId = AssetId("RUB")  # bank roubles, if the venue knows a bank that keeps them
    interest_share_bp: BasisPoints = 0  # of the income from reserves that goes to the holders, as coins
    venue_interest: InterestRule = InterestRule.HOUSE  # who gets what falls on the venue's wallets


# --- money proper ---------------------------------------------------------------------------------------


class BankTerms(CashTerms, kw_only=True):
    """Money at a settlement bank. Nobody but a court can have a wallet frozen."""

    bank: str
    roles: tuple[Role, ...] = (COURT,)
    queues: bool = True
    interest_bp: BasisPoints = 0  # a year, on what a wallet holds at each midnight UTC
    insured: Money = 0  # of each wallet, if the bank fails
    insures_venue: bool = False  # the venue's wallet too


class DigitalRoubleTerms(CashTerms, kw_only=True):
    """The central bank's own money on its own platform."""

    roles: tuple[Role, ...] = (COURT,)
    queues: bool = True
    wallet_limit: Money | None = None  # that a wallet may hold; the venue's are exempt
    transfer_limit: Money | None = None  # of one transfer
    conversion_hours: BankingHours | None = None  # from and to bank money, at par; None: round the clock


AnyCashTerms = CoinTerms | BankTerms | DigitalRoubleTerms


# --- the price ------------------------------------------------------------------------------------------


class CashPriceSource(StrEnum):
    """Which price of a cash asset counts."""

    REPORTED = "reported"  # what somebody outside says
    OWN_BOOK = "own_book"  # what its pair trades at here
    REDUCED_FORM = "reduced_form"  # what a formula makes of the issuer's reserves and queue


class ReducedForm(Message):
    """How far below what stands behind it a coin trades, in millionths of par. All of it is assumption."""

    backlog_weight_ppm: int = 500_000  # for a queue of redemptions as large as the supply
    shut_discount_ppm: int = 40_000  # while nobody can redeem
    arbitrage_ppm: int = 20_000  # of the discount of a queue, that authorised redeemers can close


class CashPriceTerms(Message):
    """How the price of one cash asset is made, from its pair with another or by the reduced form."""

    asset_id: AssetId
    source: CashPriceSource = CashPriceSource.OWN_BOOK
    interval: Time = 10 * SECOND
    pair: InstrumentId | None = None  # whose book counts
    width_bp: BasisPoints = 200  # a mid counts while bid and ask are no further apart
    reduced_form: ReducedForm = ReducedForm()
