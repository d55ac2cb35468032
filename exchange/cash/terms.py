"""The terms of a cash asset: who keeps it, when it moves, who holds its keys, and which wallets are the venue's."""

from exchange.cash.hours import BankingHours, fault_in_hours
from exchange.messages import Message
from exchange.units import AssetId, BasisPoints, Money, Time, WalletId

FEES = WalletId("keeper-fees")  # the keeper's own wallet, where its fees go


class CashTerms(Message, kw_only=True):
    """What every cash asset has, whoever keeps it."""

    asset_id: AssetId
    venue_wallets: tuple[WalletId, ...]
    freeze_signatures: tuple[str, ...]  # needed to freeze or unfreeze any wallet
    venue_freeze_signatures: tuple[str, ...]  # needed, beside those, for a wallet of the venue
    finality: Time = 2_000_000_000  # how long a transfer on the keeper's ledger takes to be final
    hours: BankingHours | None = None  # in which it moves; None: round the clock
    transfer_fee: Money = 0  # of each transfer, out of what is sent
    transfer_fee_bp: BasisPoints = 0  # beside it, of what is sent
    queues: bool = False  # a withdrawal that meets a closed or silent keeper waits, and does not come back


class CoinTerms(CashTerms, kw_only=True):
    """A coin's issuer: who may do what."""

    issuer: str
    minters: dict[str, Money]  # minter to allowance
    pause_signatures: tuple[str, ...]
    wipe_allowed: bool = False


class BankTerms(CashTerms, kw_only=True):
    """Money at a settlement bank. Nobody but a court can have a wallet frozen."""

    bank: str
    freeze_signatures: tuple[str, ...] = ("court",)
    venue_freeze_signatures: tuple[str, ...] = ()
    queues: bool = True
    interest_bp: BasisPoints = 0  # a year, on what a wallet holds at each midnight UTC
    insured: Money = 0  # of each wallet, if the bank fails
    insures_venue: bool = False  # the venue's wallet too


class DigitalRoubleTerms(CashTerms, kw_only=True):
    """The central bank's own money on its own platform."""

    freeze_signatures: tuple[str, ...] = ("court",)
    venue_freeze_signatures: tuple[str, ...] = ()
    queues: bool = True
    wallet_limit: Money | None = None  # that a wallet may hold; the venue's are exempt
    transfer_limit: Money | None = None  # of one transfer
    conversion_hours: BankingHours | None = None  # from and to bank money, at par; None: round the clock


AnyCashTerms = CoinTerms | BankTerms | DigitalRoubleTerms


def fault_in_cash(terms: CashTerms) -> str | None:
    """Why no asset can be kept on these terms, or None. The remedy is part of the sentence."""
    name, wallets = terms.asset_id, terms.venue_wallets
    if not len(wallets) == len(frozenset(wallets)) > 0:
        return f"{name}: the venue needs wallets, each named once"
    if FEES in wallets:
        return f"{name}: {FEES} is the keeper's own wallet; name others"
    if min(terms.finality, terms.transfer_fee) < 0 or not 0 <= terms.transfer_fee_bp < 10_000:
        return f"{name}: finality and fees must not be negative, and transfer_fee_bp must be below 10000"
    fault = fault_in_hours(terms.hours)
    if isinstance(terms, BankTerms):
        if len(wallets) != 1:
            return f"{name}: the venue has one account at a bank; name one venue wallet"
        if min(terms.interest_bp, terms.insured) < 0:
            return f"{name}: interest_bp and insured must not be negative"
    if isinstance(terms, DigitalRoubleTerms):
        if any(limit is not None and limit < 1 for limit in (terms.wallet_limit, terms.transfer_limit)):
            return f"{name}: a limit must be positive; leave it out if there is none"
        fault = fault or fault_in_hours(terms.conversion_hours)
    return f"{name}: {fault}" if fault else None
