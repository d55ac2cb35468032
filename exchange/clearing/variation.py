"""Clearing what is owed: collect from all who owe, then pay all who are due; never the other way round.

What prices gave and took is first written down as obligations, which add up to nothing. Paying is a batch of its
own, at once or a day later: whoever owes pays from free cash, then from collateral above its maintenance margin;
what is missing is bridged by the house's liquidity, and if that does not reach, everybody due gets an equal part.
"""

from collections.abc import Iterable
from typing import NamedTuple

from exchange.clearing import accounts
from exchange.clearing.ledger import Ledger, Move
from exchange.clearing.margin_accounts import Due, MarginAccount
from exchange.clearing.rounding import allocate
from exchange.clearing.scenario_margin import ScenarioTerms, maintenance_margin
from exchange.units import AssetId, Money


class Payment(NamedTuple):
    """How one clearing went, in minor units."""

    moves: list[Move]
    paid: list[Due]  # by those who owed it, hence negative, and to those who were due
    late: list[Due]  # what those who owed did not bring
    collected: Money
    distributed: Money
    liquidity: Money  # of the house that was used; negative: paid back


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


def pay(margins: Iterable[MarginAccount], cash: AssetId, ledger: Ledger, terms: ScenarioTerms) -> Payment:
    """Plan the batch that clears all obligations in one coin, as far as there is money."""
    transit, liquidity = accounts.settlement(cash), accounts.layer("liquidity", cash)
    moves: list[Move] = []
    paid: list[Due] = []
    late: list[Due] = []
    owed: list[Due] = []
    collected = 0
    for margin in margins:
        balance = ledger.posted(margin.obligation)
        if balance > 0:
            owed.append(Due(margin, balance))
        elif balance < 0:
            brought = 0
            for source, amount in sources(margin, -balance, ledger, terms):
                moves.append((source, transit, amount))
                brought += amount
            if brought:
                paid.append(Due(margin, -brought))
            if brought < -balance:
                late.append(Due(margin, -balance - brought))
            collected += brought
    wanted = sum(due.amount for due in owed)
    bridged = max(min(wanted - collected, ledger.available(liquidity)), 0)
    if bridged:
        moves.append((liquidity, transit, bridged))
    distributed = min(wanted, collected + bridged)
    amounts = [due.amount for due in owed]
    for due, part in zip(owed, allocate(distributed, amounts, amounts), strict=True):
        if part:
            moves.append((transit, due.account.holder.cash_account, part))
            paid.append(Due(due.account, part))
    spare = collected + bridged - distributed
    if spare:
        moves.append((transit, liquidity, spare))
    moves += owe((Due(due.account, -due.amount) for due in paid), cash)
    return Payment(moves, paid, late, collected, distributed, bridged - spare)


def sources(
    margin: MarginAccount, amount: Money, ledger: Ledger, terms: ScenarioTerms
) -> Iterable[tuple[str, Money]]:
    """From where an account pays: free cash, then collateral above its maintenance margin."""
    free = 0 if margin.holder.frozen else ledger.available(margin.holder.cash_account)
    kept = maintenance_margin(margin.initial, terms)
    for source, has in (
        (margin.holder.cash_account, free),
        (margin.collateral, ledger.posted(margin.collateral) - kept),
    ):
        part = min(amount, has)
        if part > 0:
            yield source, part
            amount -= part
