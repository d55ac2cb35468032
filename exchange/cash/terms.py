"""The terms of a cash asset: who keeps it, who holds its keys, and which wallets are the venue's."""

from exchange.messages import Message
from exchange.units import AssetId, Money, Time, WalletId


class CashTerms(Message, kw_only=True):
    """What every cash asset has, whoever keeps it."""

    asset_id: AssetId
    venue_wallets: tuple[WalletId, ...]
    freeze_signatures: tuple[str, ...]  # needed to freeze or unfreeze any wallet
    venue_freeze_signatures: tuple[str, ...]  # needed, beside those, for a wallet of the venue
    finality: Time = 2_000_000_000  # how long a transfer on the keeper's ledger takes to be final


class CoinTerms(CashTerms, kw_only=True):
    """A coin's issuer: who may do what."""

    issuer: str
    minters: dict[str, Money]  # minter to allowance
    pause_signatures: tuple[str, ...]
    wipe_allowed: bool = False
