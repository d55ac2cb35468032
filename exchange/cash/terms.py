"""The terms of a cash asset: who keeps it, who holds its keys, and which wallets are the venue's."""

from enum import StrEnum

from exchange.messages import Message
from exchange.units import SECOND, AssetId, BasisPoints, InstrumentId, Money, Time, WalletId


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
