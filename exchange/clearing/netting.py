"""What obligations come to when they are netted, and which of them can settle together.

Pure: it knows parties, assets and amounts, and nothing of accounts, money or time.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from exchange.units import AssetId, Money
from matching.terms import ParticipantId

Place: TypeAlias = tuple[ParticipantId, AssetId]  # where a balance is: a party's, in one asset


class Flow(NamedTuple):
    """One leg of a deal: so much of an asset from one party to another."""

    payer: ParticipantId
    payee: ParticipantId
    asset_id: AssetId
    amount: Money


class Deal(NamedTuple):
    """Legs that settle together or not at all. Of two deals the one of higher priority, then the older, goes first."""

    deal_id: int
    priority: int
    flows: tuple[Flow, ...]


class Netted(NamedTuple):
    """What would change hands one by one, pair by pair, and through a house in the middle; in one asset."""

    gross: Money
    bilateral: Money
    multilateral: Money

    @property
    def efficiency_ppm(self) -> int:
        """The part of gross that multilateral netting saves, rounded down; nothing of nothing."""
        return (self.gross - self.multilateral) * 1_000_000 // self.gross if self.gross else 0


class Chosen(NamedTuple):
    """Deals that settle together, and for each of the others the party that fell short."""

    deals: tuple[Deal, ...]
    failing: dict[int, ParticipantId]


def flows_of(deals: Iterable[Deal]) -> list[Flow]:
    return [flow for deal in deals for flow in deal.flows]


def nets(flows: Iterable[Flow]) -> dict[Place, Money]:
    """What each party receives (or pays, below zero) in each asset, in order of their names."""
    net: Counter[Place] = Counter()
    for payer, payee, asset_id, amount in flows:
        net[payer, asset_id] -= amount
        net[payee, asset_id] += amount
    return dict(sorted(net.items()))


def netted(flows: Sequence[Flow]) -> Netted:
    """Three measures of the same obligations, which must all be in one asset."""
    pairs: Counter[tuple[ParticipantId, ParticipantId]] = Counter()
    for payer, payee, _, amount in flows:
        pairs[min(payer, payee), max(payer, payee)] += amount if payer < payee else -amount
    return Netted(
        gross=sum(flow.amount for flow in flows),
        bilateral=sum(abs(net) for net in pairs.values()),
        multilateral=sum(max(net, 0) for net in nets(flows).values()),
    )


def in_order(deals: Iterable[Deal]) -> list[Deal]:
    """Highest priority first, of equal ones the oldest."""
    return sorted(deals, key=lambda deal: (-deal.priority, deal.deal_id))


def together(
    deals: Sequence[Deal],
    balances: Mapping[Place, Money],
    gross: Collection[AssetId] = (),
    kept: Collection[int] = (),
) -> Chosen | None:
    """Take out deals until no balance would go below zero: a net cycle.

    As long as a party is short of an asset, the deal of the lowest priority, then the newest, of those by
    which it pays that asset is taken out; of several parties and assets that are short, the first by name.
    In an asset of `gross` what comes in counts for nothing. Deals named in `kept` stay: None if they cannot.
    """
    left = {deal.deal_id: deal for deal in in_order(deals)}
    room = Counter(balances)
    for flow in flows_of(left.values()):
        _shift(room, flow, gross, 1)
    failing: dict[int, ParticipantId] = {}
    while short := min((place for place, balance in room.items() if balance < 0), default=None):
        paying = [i for i, deal in left.items() if i not in kept and _pays(deal, short)]
        if not paying:
            return None
        for flow in left.pop(paying[-1]).flows:
            _shift(room, flow, gross, -1)
        failing[paying[-1]] = short[0]
    return Chosen(tuple(left.values()), failing)


def resolve_gridlock(
    deals: Sequence[Deal], chosen: Chosen, balances: Mapping[Place, Money], gross: Collection[AssetId] = ()
) -> Chosen:
    """Take in again what need not have been taken out, passing over what cannot settle.

    Each deal left out, in order of priority, then of age, stays if a feasible set holds it beside all that
    was chosen so far; the others of that set come with it. That is repeated until nothing more fits, so the
    choice only grows. Finding the largest set is exponential; this is the bypass-FIFO heuristic of Bech and
    Soramäki, Gridlock Resolution in Interbank Payment Systems (Bank of Finland, 2001), with priorities.
    """
    before = -1
    while before < len(chosen.deals):
        before = len(chosen.deals)
        for deal in in_order(deals):
            if deal.deal_id in chosen.failing:
                kept = {settling.deal_id for settling in chosen.deals} | {deal.deal_id}
                wider = together(deals, balances, gross, kept)
                if wider is not None:
                    failing = {i: chosen.failing[i] for i in wider.failing}
                    chosen = Chosen(wider.deals, failing)
    return chosen


def largest_part(most: int, step: int, fits: Callable[[int], bool]) -> int:
    """The largest multiple of `step` up to `most` that fits, if all smaller ones fit too; or 0."""
    low, high = 0, most // step
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle * step) else (low, middle - 1)
    return low * step


def _shift(room: Counter[Place], flow: Flow, gross: Collection[AssetId], direction: int) -> None:
    """Let a flow happen (1), or take it back (-1)."""
    room[flow.payer, flow.asset_id] -= direction * flow.amount
    if flow.asset_id not in gross:
        room[flow.payee, flow.asset_id] += direction * flow.amount


def _pays(deal: Deal, place: Place) -> bool:
    return any((flow.payer, flow.asset_id) == place for flow in deal.flows)
