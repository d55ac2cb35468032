"""Clearing what is owed: collect from all who owe, then pay all who are due; never the other way round.

What prices gave and took is first written down as obligations, which add up to nothing. Paying is a batch of its
own, at once or a day later: whoever owes pays from free cash, then from collateral above its maintenance margin;
what is missing is bridged by the house's liquidity, and if that does not reach, everybody due gets an equal part.

What is owed is roubles, what is paid is coins. Where a coin is not a rouble, whoever pays is rounded up and
whoever is paid is rounded down; what is left of that is the house's.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from exchange.clearing import accounts
from exchange.clearing.denomination import Conversion
from exchange.clearing.ledger import Ledger, Move
from exchange.clearing.margin_accounts import Due, MarginAccount
from exchange.clearing.rounding import allocate
from exchange.units import AssetId, Money


class Payment(NamedTuple):
    """How one clearing went, in coins; in roubles what is late."""

    moves: list[Move]
    paid: list[Due]  # by those who owed it, hence negative, and to those who were due
    late: list[Due]  # what those who owed did not bring
    collected: Money
    distributed: Money
    liquidity: Money  # of the house that was used; negative: paid back


class Collected(NamedTuple):
    """What those who owe have brought in coins, and in roubles what that discharges and what is late."""

    moves: list[Move]
    paid: list[Due]
    discharged: list[Due]
    late: list[Due]
    coins: Money


def owe(dues: Iterable[Due], cash: AssetId) -> list[Move]:
    """Write down what is due as obligations. Not money yet."""
    house = accounts.house_obligation(cash)
    return [
        (house, due.account.obligation, due.amount)
        if due.amount > 0
        else (due.account.obligation, house, -due.amount)
        for due in dues
        if due.amount
    ]


def pay(
    margins: Sequence[MarginAccount],
    cash: AssetId,
    ledger: Ledger,
    conversion: Conversion,
) -> Payment:
    """Plan the batch that clears all obligations in one coin, as far as there is money."""
    transit, liquidity = accounts.settlement(cash), accounts.layer("liquidity", cash)
    moves, paid, discharged, late, collected = _collect(margins, transit, ledger, conversion)
    owed = [Due(margin, ledger.posted(margin.obligation)) for margin in margins]
    owed = [due for due in owed if due.amount > 0]
    amounts = [conversion.to_receive(due.amount) for due in owed]
    wanted = sum(amounts)
    bridged = max(min(wanted - collected, ledger.available(liquidity)), 0)
    if bridged:
        moves.append((liquidity, transit, bridged))
    distributed = min(wanted, collected + bridged)
    for due, whole, part in zip(owed, amounts, allocate(distributed, amounts, amounts), strict=True):
        if part:
            moves.append((transit, due.account.holder.cash_account, part))
            paid.append(Due(due.account, part))
        if part or not whole:
            discharged.append(Due(due.account, due.amount if part == whole else conversion.worth(part)))
    spare = collected + bridged - distributed
    back = min(spare, conversion.to_receive(max(-sum(due.amount for due in discharged), 0)))
    for target, amount in ((liquidity, back), (accounts.rounding(cash), spare - back)):
        if amount:
            moves.append((transit, target, amount))
    moves += owe((Due(due.account, -due.amount) for due in discharged), cash)
    return Payment(moves, paid, late, collected, distributed, bridged - back)


def _collect(
    margins: Iterable[MarginAccount],
    transit: str,
    ledger: Ledger,
    conversion: Conversion,
) -> Collected:
    """A debt that is paid in part is discharged by what the coins are worth."""
    collected, coins = Collected([], [], [], [], 0), 0
    for margin in margins:
        debt = max(-ledger.posted(margin.obligation), 0)
        asked, brought = conversion.to_pay(debt), 0
        for source, amount in sources(margin, asked, ledger):
            collected.moves.append((source, transit, amount))
            brought += amount
        discharged = debt if brought == asked else conversion.worth(brought)
        if brought:
            collected.paid.append(Due(margin, -brought))
            collected.discharged.append(Due(margin, -discharged))
        if discharged < debt:
            collected.late.append(Due(margin, debt - discharged))
        coins += brought
    return collected._replace(coins=coins)


def sources(margin: MarginAccount, amount: Money, ledger: Ledger) -> Iterable[tuple[str, Money]]:
    """From where an account pays so many coins: free cash, then collateral above its maintenance margin."""
    free = 0 if margin.holder.frozen else ledger.available(margin.holder.cash_account)
    kept = margin.conversion.needed(margin.maintenance(margin.initial))
    for source, has in (
        (margin.holder.cash_account, free),
        (margin.collateral, ledger.posted(margin.collateral) - kept),
    ):
        part = min(amount, has)
        if part > 0:
            yield source, part
            amount -= part
