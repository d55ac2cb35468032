"""The trial balance: every account of the ledger, and the proof by asset that debits equal credits."""

from collections import Counter
from typing import NamedTuple

from exchange.clearing import accounts
from exchange.clearing.ledger import Rule
from exchange.state import State
from exchange.units import AssetId


class BalanceRow(NamedTuple):
    """One account of the ledger."""

    account_id: str
    asset_id: AssetId
    scale: int  # one unit is 10**scale minor units
    rule: str  # liability, mirror or free
    debits_posted: int
    credits_posted: int
    debits_pending: int
    credits_pending: int
    balance: int  # of credits; of a mirror, of debits


class TotalRow(NamedTuple):
    """All accounts in one asset. Debits equal credits, or the books are wrong."""

    asset_id: AssetId
    scale: int
    debits_posted: int
    credits_posted: int
    debits_pending: int
    credits_pending: int
    posted_difference: int  # of debits from credits
    pending_difference: int
    liabilities: int  # of the house, to participants and to itself
    held_outside: int


def balances(state: State) -> list[BalanceRow]:
    """Every account of the ledger, in the order of their opening."""
    return [
        BalanceRow(
            account_id=account.account_id,
            asset_id=account.asset_id,
            scale=scale_of(account.asset_id, state),
            rule=account.rule.name.lower(),
            debits_posted=account.debits_posted,
            credits_posted=account.credits_posted,
            debits_pending=account.debits_pending,
            credits_pending=account.credits_pending,
            balance=account.posted,
        )
        for account in state.ledger.accounts()
    ]


def totals(state: State) -> list[TotalRow]:
    """The trial balance by asset: that all debits are all credits."""
    sums: dict[AssetId, Counter[str]] = {}
    for row in balances(state):
        total = sums.setdefault(row.asset_id, Counter())
        for name in ("debits_posted", "credits_posted", "debits_pending", "credits_pending"):
            total[name] += getattr(row, name)
        total[row.rule] += row.balance
    return [
        TotalRow(
            asset_id=asset_id,
            scale=scale_of(asset_id, state),
            debits_posted=total["debits_posted"],
            credits_posted=total["credits_posted"],
            debits_pending=total["debits_pending"],
            credits_pending=total["credits_pending"],
            posted_difference=total["credits_posted"] - total["debits_posted"],
            pending_difference=total["credits_pending"] - total["debits_pending"],
            liabilities=total[Rule.LIABILITY.name.lower()],
            held_outside=total[Rule.MIRROR.name.lower()],
        )
        for asset_id, total in sums.items()
    ]


def scale_of(asset_id: AssetId, state: State) -> int:
    """Of an asset, or of what is owed in it; lots are counted whole."""
    for asset in state.assets.values():
        if asset_id in (asset.asset_id, accounts.obligation_asset(asset.asset_id)):
            return asset.scale
    return 0
