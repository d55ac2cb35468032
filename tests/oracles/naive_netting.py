"""The net cycle by its rule alone: everything is reckoned again after each deal that is taken out."""

from typing import NamedTuple


class NaiveDeal(NamedTuple):
    number: int
    priority: int
    flows: tuple[tuple[str, str, str, int], ...]  # payer, payee, asset, amount


def balances_after(
    deals: list[NaiveDeal], balances: dict[tuple[str, str], int], gross: set[str]
) -> dict[tuple[str, str], int]:
    after = dict(balances)
    for deal in deals:
        for payer, payee, asset, amount in deal.flows:
            after[payer, asset] = after.get((payer, asset), 0) - amount
            after[payee, asset] = after.get((payee, asset), 0) + (0 if asset in gross else amount)
    return after


def net_cycle(
    deals: list[NaiveDeal], balances: dict[tuple[str, str], int], gross: set[str]
) -> tuple[list[int], dict[int, str]]:
    """The numbers that settle together, and by number who failed in the others."""
    left = list(deals)
    failed: dict[int, str] = {}
    while True:
        after = balances_after(left, balances, gross)
        short = sorted(place for place in after if after[place] < 0)
        if not short:
            return sorted(deal.number for deal in left), failed
        party, asset = short[0]
        lowest = None
        for deal in left:
            if any(flow[0] == party and flow[2] == asset for flow in deal.flows):
                lower = lowest is None or deal.priority < lowest.priority
                newer = (
                    lowest is not None and deal.priority == lowest.priority and deal.number > lowest.number
                )
                if lower or newer:
                    lowest = deal
        assert lowest is not None
        left.remove(lowest)
        failed[lowest.number] = party


def every_feasible_set(deals: list[NaiveDeal], balances: dict[tuple[str, str], int]) -> list[frozenset[int]]:
    """All sets of deals that could settle together, by trying each."""
    found = []
    for mask in range(2 ** len(deals)):
        some = [deal for place, deal in enumerate(deals) if mask >> place & 1]
        if all(balance >= 0 for balance in balances_after(some, balances, set()).values()):
            found.append(frozenset(deal.number for deal in some))
    return found


def bilateral_and_multilateral(flows: list[tuple[str, str, int]]) -> tuple[int, int]:
    names = sorted({name for payer, payee, _ in flows for name in (payer, payee)})

    def paid(payer: str, payee: str) -> int:
        return sum(amount for a, b, amount in flows if (a, b) == (payer, payee))

    pairs = [(a, b) for a in names for b in names if a < b]
    bilateral = sum(abs(paid(a, b) - paid(b, a)) for a, b in pairs)
    receives = [sum(paid(b, a) - paid(a, b) for b in names if b != a) for a in names]
    return bilateral, sum(net for net in receives if net > 0)
