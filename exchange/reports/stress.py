"""Stress losses, the default fund beside them, and what each layer of the waterfall could give.

All of it is of margin: under full cover nobody can lose more than is locked, and there are no rows. Amounts are minor
units of the settlement asset.
"""

from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

from exchange.clearing import accounts, fund
from exchange.clearing.liquidation import MarginState
from exchange.clearing.margin import MarginCover
from exchange.clearing.settlement import NOBODY
from exchange.clearing.waterfall import Layer, LossOrder, capacities
from exchange.commands import HouseLayer
from exchange.defaults import resources_against
from exchange.membership import groups, stress_table, stressed_losses
from exchange.state import Seat, State
from exchange.units import AssetId, BasisPoints, Money
from matching.terms import ParticipantId


class StressRow(NamedTuple):
    """What one stress move takes from one account, and what of it its own margin and fund share do not bear."""

    participant_id: ParticipantId
    group_id: str
    move_bp: BasisPoints
    loss: Money  # negative: a gain
    own: Money
    beyond: Money


class GroupRow(NamedTuple):
    """What those who fail together would lose beyond their own money, the largest first."""

    group_id: str
    loss: Money
    together: Money  # with all larger ones


class CoverRow(NamedTuple):
    """The default fund beside what it is for."""

    asset_id: AssetId
    cover_one: Money
    cover_two: Money
    cover: int  # how many groups the rules count
    to_cover: Money  # what these would lose
    skin_in_the_game: Money
    contributions: Money  # as required
    paid_in: Money
    uncovered: Money
    liquidity: Money  # of the house
    liquidity_need: Money  # if the group that owes most did not pay, and all others were paid


class LayerRow(NamedTuple):
    """The most that a layer could give, in the order in which they are touched."""

    defaulter: ParticipantId | None  # who it is that fails; None: somebody with nothing
    place: int
    layer: Layer
    capacity: Money | None  # None: it gives no money, it ends contracts


def stresses(state: State) -> list[StressRow]:
    """Every account with positions under every stress move. Under full cover nothing can be lost beyond the locks."""
    margin = state.covers.margin
    if margin is None:
        return []
    return [row for who in sorted(margin.accounts) for row in _stress(who, margin, state)]


def _stress(who: ParticipantId, margin: MarginCover, state: State) -> Iterator[StressRow]:
    account = margin.accounts[who]
    if not account.has_positions:
        return
    collateral, share = state.ledger.posted(account.collateral), state.ledger.posted(account.fund)
    by_move = zip(*stress_table(account, margin, state), strict=True)
    for move, column in zip(margin.rules.fund.stress_moves_bp, by_move, strict=True):
        loss = sum(column)
        yield StressRow(
            participant_id=who,
            group_id=state.seats[who].member_id or who,
            move_bp=move,
            loss=loss,
            own=collateral + share,
            beyond=fund.loss_over_margin([loss], collateral, share),
        )


def group_losses(state: State) -> list[GroupRow]:
    """Those who fail together, by what they would lose in the worst stress of each beyond its own money."""
    ranked = sorted(losses_by_group(state).items(), key=lambda group: (-group[1], group[0]))
    sums = accumulate(loss for _, loss in ranked)
    return [GroupRow(group_id, loss, total) for (group_id, loss), total in zip(ranked, sums, strict=True)]


def losses_by_group(state: State) -> dict[str, Money]:
    """What each group would lose in the worst stress of each of its accounts, beyond its own money."""
    margin = state.covers.margin
    return fund.by_group(stressed_losses(margin, state), groups(margin, state)) if margin else {}


def covers(state: State) -> list[CoverRow]:
    """One row where there is a default fund, as it would be sized at this instant beside what is in it."""
    margin = state.covers.margin
    if margin is None:
        return []
    rules, by_group = margin.rules, losses_by_group(state)
    to_cover = fund.cover(rules.fund.cover, by_group)
    skin = rules.waterfall.skin_in_the_game
    paying = [who for who in state.contributions if not state.seats[who].defaulted]
    counts = margin.conversion.counts
    paid_in = sum(counts(state.ledger.posted(margin.accounts[who].fund)) for who in paying)
    payments = {
        who: -state.ledger.posted(account.obligation) - account.accrued
        for who, account in margin.accounts.items()
    }
    return [
        CoverRow(
            asset_id=margin.cash,
            cover_one=fund.cover(1, by_group),
            cover_two=fund.cover(2, by_group),
            cover=rules.fund.cover,
            to_cover=to_cover,
            skin_in_the_game=skin,
            contributions=sum(state.contributions[who] for who in paying),
            paid_in=paid_in,
            uncovered=fund.uncovered(to_cover, paid_in, skin),
            liquidity=counts(state.ledger.available(accounts.layer(HouseLayer.LIQUIDITY, margin.cash))),
            liquidity_need=fund.liquidity_need(payments, groups(margin, state)),
        )
    ]


def waterfall(state: State) -> list[LayerRow]:
    """Each layer of the waterfall against every default that is open or, if there is none, against the one that
    would cost most; none under full cover, where nobody can owe more than is paid in."""
    margin = state.covers.margin
    if margin is None:
        return []
    still_open = (who for who in state.defaults if margin.accounts[who].state is not MarginState.CLOSED)
    defaulters: list[ParticipantId | None] = [*still_open] or [_costliest(state)]
    return [row for who in defaulters for row in _layers(who, margin, state)]


def _costliest(state: State) -> ParticipantId | None:
    """The head of the group that would lose most; None if nobody would lose more than it has."""
    ranked = group_losses(state)
    return ParticipantId(ranked[0].group_id) if ranked and ranked[0].loss else None


def _layers(who: ParticipantId | None, margin: MarginCover, state: State) -> Iterator[LayerRow]:
    terms = margin.rules.waterfall
    for place, layer in enumerate(terms.layers, 1):
        yield LayerRow(who, place, layer, _capacities(who, margin, state).get(layer))


def _capacities(who: ParticipantId | None, margin: MarginCover, state: State) -> dict[Layer, Money]:
    """By layer; one that ends contracts instead of paying has none."""
    ledger, terms = state.ledger, margin.rules.waterfall
    own = 0 if who is None else _own_money(state.seats[who], margin, state)
    if terms.order is LossOrder.CRYPTO:
        insurance = ledger.available(accounts.layer(HouseLayer.INSURANCE, margin.cash))
        return {Layer.DEFAULTER_MARGIN: own, Layer.INSURANCE_FUND: insurance}
    account = None if who is None else margin.accounts.get(who)
    case = None if who is None else state.defaults.get(who)
    cleared = case.cleared if case else {one: standing.cleared for one, standing in margin.accounts.items()}
    share = ledger.available(account.fund) if account else 0
    found = capacities(resources_against(who or NOBODY, own, share, cleared, margin, state), terms)
    return {layer: most for layer, most in found.items() if layer is not Layer.TEAR_UP}


def _own_money(seat: Seat, margin: MarginCover, state: State) -> Money:
    """What a defaulter's margin layer would be: collateral, and cash that is free once its orders are gone."""
    ledger = state.ledger
    free = ledger.posted(seat.hold_account) + (0 if seat.frozen else ledger.available(seat.cash_account))
    account = margin.accounts.get(seat.participant_id)
    return free + (ledger.posted(account.collateral) if account else 0)
