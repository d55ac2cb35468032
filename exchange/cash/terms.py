"""The terms of a cash asset: who keeps it, who holds its keys, and how the venue keeps what is its own."""

from enum import StrEnum

from exchange.messages import Message
from exchange.units import AssetId, BasisPoints, Money, Time, WalletId


class CustodyMode(StrEnum):
    """In whose wallets the venue keeps a cash asset."""

    OMNIBUS = "omnibus"  # one wallet
    SHARDED = "sharded"  # one or several, none of them anybody's
    SEGREGATED = "segregated"  # one for each participant; what is locked is the house's, in the house's own
    NATIVE = "native"  # the same, and the keeper's ledger is the venue's: what stops there stops here


class CashHalt(StrEnum):
    """Why nothing is traded that pays in a cash asset."""

    FROZEN = "frozen"  # a wallet of the venue is, and the asset's terms say that this halts it
    PAUSED = "paused"  # its issuer has been, for longer than its terms allow
    WOUND_DOWN = "wound_down"  # a loss went beyond everything that bears it


class CashTerms(Message, kw_only=True):
    """What every cash asset has, whoever keeps it."""

    asset_id: AssetId
    venue_wallets: tuple[WalletId, ...]  # of the house; participants' own are opened as they come
    freeze_signatures: tuple[str, ...]  # needed to freeze or unfreeze any wallet
    venue_freeze_signatures: tuple[str, ...]  # needed, beside those, for a wallet of the venue
    finality: Time = 2_000_000_000  # how long a transfer on the keeper's ledger takes to be final
    custody: CustodyMode = CustodyMode.SHARDED
    longest_pause: Time | None = None  # trading against it is halted beyond; None: it goes on however long
    halt_on_freeze: bool = False  # a freeze of a wallet of the venue halts trading against it
    expected_recovery_bp: BasisPoints = 10_000  # of what is frozen
    loss_layer_cap: Money | None = None  # what the house's layer bears of one loss, at most


class CoinTerms(CashTerms, kw_only=True):
    """A coin's issuer: who may do what."""

    issuer: str
    minters: dict[str, Money]  # minter to allowance
    pause_signatures: tuple[str, ...]
    wipe_allowed: bool = False


def fault_in_custody(terms: CashTerms) -> str | None:
    """Why the venue cannot keep the asset in that way, or None."""
    wallets, named = terms.venue_wallets, terms.asset_id
    if not len(wallets) == len(frozenset(wallets)) > 0:
        return f"{named}: the venue needs wallets, each named once"
    if terms.custody is CustodyMode.OMNIBUS and len(wallets) > 1:
        return f"{named}: custody in one wallet names one; say sharded, or leave one of {len(wallets)}"
    if terms.longest_pause is not None and terms.longest_pause < 0:
        return f"{named}: longest_pause is a time of zero or more, or left out"
    if not 0 <= terms.expected_recovery_bp <= 10_000:
        return f"{named}: expected_recovery_bp lies between nothing and 10,000"
    if terms.loss_layer_cap is not None and terms.loss_layer_cap < 0:
        return f"{named}: loss_layer_cap is an amount of zero or more, or left out"
    return None
