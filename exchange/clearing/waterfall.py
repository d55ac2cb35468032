"""Who pays when a defaulter cannot: the layers of a loss in their order, or deleveraging as crypto venues do it.

Only default losses are here. Coins that are destroyed or frozen are another matter, with another order and
other payers (`exchange.cash.losses.share_loss`), and never reach the default fund.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from exchange.clearing.rounding import allocate, divide_up
from exchange.messages import Message
from exchange.units import DAY, AssetId, BasisPoints, InstrumentId, Money, Time
from matching.terms import ParticipantId, Price, Quantity


class LossOrder(StrEnum):
    """Two orders that are never mixed."""

    DEFAULT_FUND = "default_fund"  # members share the loss, as at a clearing house
    CRYPTO = "crypto"  # an insurance fund, then the other side is closed out


class Layer(StrEnum):
    """What pays. A layer is touched only when all before it, in the order of `LAYERS`, are exhausted."""

    DEFAULTER_MARGIN = "defaulter_margin"  # its margin, its cash, and what it is still owed
    DEFAULTER_FUND_SHARE = "defaulter_fund_share"
    SKIN_IN_THE_GAME = "skin_in_the_game"  # the house's first capital, before any survivor
    SURVIVORS_FUND = "survivors_fund"  # together with the second skin in the game
    ASSESSMENTS = "assessments"  # together with the house's further amount
    GAINS_HAIRCUT = "gains_haircut"  # of the variation gains since the declaration
    TEAR_UP = "tear_up"  # a marker: it pays nothing, it ends the contracts that would lose more
    EQUITY = "equity"  # of the house; what is left after it is its wind-down
    INSURANCE_FUND = "insurance_fund"
    DELEVERAGING = "deleveraging"  # the other side is closed out at the bankruptcy price


LAYERS: dict[LossOrder, tuple[Layer, ...]] = {
    LossOrder.DEFAULT_FUND: (
        Layer.DEFAULTER_MARGIN,
        Layer.DEFAULTER_FUND_SHARE,
        Layer.SKIN_IN_THE_GAME,
        Layer.SURVIVORS_FUND,
        Layer.ASSESSMENTS,
        Layer.GAINS_HAIRCUT,
        Layer.TEAR_UP,
        Layer.EQUITY,
    ),
    LossOrder.CRYPTO: (Layer.DEFAULTER_MARGIN, Layer.INSURANCE_FUND, Layer.DELEVERAGING),
}


class WaterfallTerms(Message):
    """How a venue shares default losses. All layers are named, so that none can be forgotten in silence.

    The form is that of Eurex Clearing: skin in the game before the survivors and beside them, assessments of
    at most twice the contribution within 20 business days, and a further amount of the house beside those.
    """

    order: LossOrder
    layers: tuple[Layer, ...]
    skin_in_the_game: Money = 0
    second_skin_in_the_game: Money = 0
    further_amount: Money = 0  # of the house, beside assessments
    assessment_cap_bp: BasisPoints = 20_000  # of the contribution, within the capped period
    capped_period: Time = 28 * DAY  # 20 business days
    gains_haircut_cap_bp: BasisPoints = 10_000
    equity: Money = 0
    insurance_fund: Money = 0  # at the start, in the crypto order


def fault_in_waterfall(terms: WaterfallTerms) -> str | None:
    """Why losses cannot be shared by these terms, or None. The remedy is part of the sentence."""
    sizes = {
        "skin_in_the_game": terms.skin_in_the_game,
        "second_skin_in_the_game": terms.second_skin_in_the_game,
        "further_amount": terms.further_amount,
        "assessment_cap_bp": terms.assessment_cap_bp,
        "equity": terms.equity,
        "insurance_fund": terms.insurance_fund,
    }
    for name, size in sizes.items():
        if size < 0:
            return f"{name} must not be negative, but is {size}; 0 leaves the layer empty"
    if not 0 <= terms.gains_haircut_cap_bp <= 10_000:
        return f"gains_haircut_cap_bp must lie between 0 and 10000, not be {terms.gains_haircut_cap_bp}"
    if terms.capped_period < 1:
        return f"capped_period must be a nanosecond or more, not {terms.capped_period}"
    return _fault_in_layers(terms.order, terms.layers)


def _fault_in_layers(order: LossOrder, layers: Sequence[Layer]) -> str | None:
    due = LAYERS[order]
    missing = [layer for layer in due if layer not in layers]
    if missing:
        return f"layers of the {order} order miss {', '.join(missing)}; name them, an empty one has size 0"
    foreign = [layer for layer in layers if layer not in due]
    if foreign:
        return f"layers name {', '.join(foreign)}, which the {order} order does not have; leave them out"
    if tuple(layers) != due:
        return f"layers of the {order} order must be, once each: {', '.join(due)}"
    return None


class Survivor(NamedTuple):
    """What may be asked of somebody who did not default. Who has no part in anything may be left out."""

    contribution: Money = 0  # to the default fund, as required: the measure of its assessments
    paid_in: Money = 0  # what lies in the default fund of it
    assessed: Money = 0  # within the capped period so far
    gains: Money = 0  # variation received since the declaration, net; a loss counts as nothing


class Resources(NamedTuple):
    """What is there to meet one default, at its instant. The amounts of the house are what is left of them."""

    defaulter: ParticipantId
    survivors: Mapping[ParticipantId, Survivor]
    margin: Money
    fund_share: Money = 0
    skin_in_the_game: Money = 0
    second_skin_in_the_game: Money = 0
    further_amount: Money = 0
    equity: Money = 0


class LayerUse(NamedTuple):
    layer: Layer
    payer: ParticipantId | None  # None: the house
    amount: Money


class LossAllocation(NamedTuple):
    """Who pays what. The uses and the residual add up to the loss."""

    uses: tuple[LayerUse, ...]  # in the order of the layers, then of the payers; none of nothing
    residual: Money  # that nobody is left to pay: the house is wound down
    tears_up: bool  # the haircut of gains was not enough: the defaulter's contracts must end

    def paid_in(self, layer: Layer) -> Money:
        return sum(use.amount for use in self.uses if use.layer is layer)


class SharedLoss(NamedTuple):
    """A default loss as it was shared, with as much of its instant as is needed to judge that later."""

    defaulter: ParticipantId
    time: Time
    loss: Money  # all that was owed
    capacities: Mapping[Layer, Money]  # in their order
    stakes: Mapping[ParticipantId, Survivor]  # of the survivors who paid
    uses: tuple[LayerUse, ...]
    residual: Money
    cash: AssetId  # what is paid with
    price_ppm: int  # of that

    @classmethod
    def of(
        cls,
        loss: Money,
        time: Time,
        resources: Resources,
        terms: WaterfallTerms,
        shared: LossAllocation,
        cash: AssetId,
        price_ppm: int,
    ) -> "SharedLoss":
        paid = {use.payer for use in shared.uses}
        stakes = {who: one for who, one in resources.survivors.items() if who in paid}
        layers = capacities(resources, terms)
        return cls(
            resources.defaulter, time, loss, layers, stakes, shared.uses, shared.residual, cash, price_ppm
        )


class Cut(NamedTuple):
    """A position that others' default has made smaller. Lots are signed."""

    holder: ParticipantId
    instrument_id: InstrumentId
    taken: int  # from the defaulter
    before: int
    after: int


class _Stake(NamedTuple):
    payer: ParticipantId | None
    weight: int
    most: Money


def allocate_loss(loss: Money, resources: Resources, terms: WaterfallTerms) -> LossAllocation:
    """Share a default loss in the order of the default fund: each layer whole before the next is touched.

    Inside a layer it goes by weight up to what each can give; single kopecks by largest remainder, among
    equal ones to the first in the order of ids, the house last.
    """
    assert loss >= 0 and terms.order is LossOrder.DEFAULT_FUND
    uses: list[LayerUse] = []
    left, tears_up = loss, False
    for layer in terms.layers:
        stakes = _stakes(layer, resources, terms)
        paid = min(left, sum(stake.most for stake in stakes))
        parts = allocate(paid, [stake.weight for stake in stakes], [stake.most for stake in stakes])
        uses += (
            LayerUse(layer, stake.payer, part) for stake, part in zip(stakes, parts, strict=True) if part
        )
        left -= paid
        tears_up = tears_up or (layer is Layer.TEAR_UP and left > 0)
    return LossAllocation(tuple(uses), left, tears_up)


def pool_shares(loss: Money, pool: Mapping[ParticipantId, Money]) -> dict[ParticipantId, Money]:
    """What each gives for a fellow client's loss out of what it has in their omnibus account: pro rata, up to all
    of it; kopecks by largest remainder, ties in the order of ids. Who gives nothing is left out."""
    posted = dict(sorted(pool.items()))
    amounts = list(posted.values())
    parts = allocate(min(loss, sum(amounts)), amounts, amounts)
    return {who: part for who, part in zip(posted, parts, strict=True) if part}


def capacities(resources: Resources, terms: WaterfallTerms) -> dict[Layer, Money]:
    """The most that each layer can give at this instant, in their order."""
    return {layer: sum(stake.most for stake in _stakes(layer, resources, terms)) for layer in terms.layers}


def _stakes(layer: Layer, resources: Resources, terms: WaterfallTerms) -> list[_Stake]:
    """Who has a part in a layer. Whoever may give nothing has no weight, and whoever has no weight gives nothing."""
    match layer:
        case Layer.DEFAULTER_MARGIN:
            return [_Stake(resources.defaulter, 1, resources.margin)]
        case Layer.DEFAULTER_FUND_SHARE:
            return [_Stake(resources.defaulter, 1, resources.fund_share)]
        case Layer.SKIN_IN_THE_GAME:
            return [_Stake(None, 1, resources.skin_in_the_game)]
        case Layer.SURVIVORS_FUND:
            house = resources.second_skin_in_the_game
            paid_in = [_Stake(who, one.paid_in, one.paid_in) for who, one in _by_id(resources)]
            return [*paid_in, _Stake(None, house, house)]
        case Layer.ASSESSMENTS:
            return [*_assessable(resources, terms), _further(resources, terms)]
        case Layer.GAINS_HAIRCUT:
            gains = [(who, max(one.gains, 0)) for who, one in _by_id(resources)]
            return [_Stake(who, gain, gain * terms.gains_haircut_cap_bp // 10_000) for who, gain in gains]
        case Layer.EQUITY:
            return [_Stake(None, 1, resources.equity)]
    return []


def _by_id(resources: Resources) -> list[tuple[ParticipantId, Survivor]]:
    assert resources.defaulter not in resources.survivors, "who defaults does not survive"
    return sorted(resources.survivors.items())


def _assessable(resources: Resources, terms: WaterfallTerms) -> list[_Stake]:
    """By contribution, up to the cap less what the capped period has seen already."""
    stakes: list[_Stake] = []
    for who, one in _by_id(resources):
        weight = one.contribution * terms.assessment_cap_bp
        stakes.append(_Stake(who, weight, max(weight // 10_000 - one.assessed, 0)))
    return stakes


def _further(resources: Resources, terms: WaterfallTerms) -> _Stake:
    """The house beside the assessed: at each instant as large a part of its amount as they of their cap."""
    assert resources.further_amount <= terms.further_amount, "no more can be left than there was"
    return _Stake(None, terms.further_amount * 10_000, resources.further_amount)


class Assessment(NamedTuple):
    """Somebody was called for more than its contribution."""

    payer: ParticipantId
    amount: Money
    time: Time


def assessed_within(
    assessments: Iterable[Assessment], now: Time, capped_period: Time
) -> dict[ParticipantId, Money]:
    """What each was assessed in the capped period that ends `now`: any window of that length keeps the cap."""
    assessed: dict[ParticipantId, Money] = {}
    for payer, amount, time in assessments:
        if now - capped_period < time <= now:
            assessed[payer] = assessed.get(payer, 0) + amount
    return assessed


def tear_up(
    lots: Mapping[InstrumentId, int], positions: Mapping[InstrumentId, Mapping[ParticipantId, int]]
) -> dict[InstrumentId, dict[ParticipantId, Quantity]]:
    """How many lots each opposite holder loses so that all of the defaulter's signed `lots` are gone.

    Pro rata to the opposite positions, by largest remainder, ties in the order of ids. The price is the last
    settlement price, to which variation has been paid already. Raises ValueError if the other side is smaller.
    """
    return {instrument_id: _torn(lots[instrument_id], positions[instrument_id]) for instrument_id in lots}


def _torn(lots: int, positions: Mapping[ParticipantId, int]) -> dict[ParticipantId, Quantity]:
    opposite = [(who, abs(held)) for who, held in sorted(positions.items()) if held * lots < 0]
    sizes = [size for _, size in opposite]
    parts = allocate(abs(lots), sizes, sizes)
    return {who: part for (who, _), part in zip(opposite, parts, strict=True) if part}


class Holder(NamedTuple):
    """Somebody with a position in the defaulter's contract, at the mark."""

    lots: int  # signed
    entry: Price  # mean price at which it came in
    equity: Money  # of its account


class Deleveraged(NamedTuple):
    """Lots closed at the bankruptcy price, and what their holder would have had more at the mark."""

    holder: ParticipantId
    lots: Quantity
    forgone: Money


class CryptoAllocation(NamedTuple):
    """Margin, fund, all that is forgone and the residual, less the surplus, add up to the loss."""

    margin: Money
    insurance_fund: Money
    deleveraged: tuple[Deleveraged, ...]  # in the order in which they were reached
    surplus: Money  # lots are whole, so the last brings in too much: it goes to the insurance fund
    residual: Money


def allocate_in_crypto_order(
    loss: Money,
    margin: Money,
    insurance_fund: Money,
    lots: int,
    holders: Mapping[ParticipantId, Holder],
) -> CryptoAllocation:
    """Share the loss on the defaulter's signed `lots` at the mark: margin, insurance fund, deleveraging.

    At the bankruptcy price each lot brings in the gap, loss less margin, by its share of the lots. Just so
    many are closed as are needed, against the most levered winners first. Nobody is closed further than
    its equity reaches, or one default would make the next; what is missing then is the residual.
    """
    assert min(loss, margin, insurance_fund) >= 0
    from_margin = min(loss, margin)
    gap = loss - from_margin
    from_fund = min(gap, insurance_fund)
    left = gap - from_fund
    if not left:
        return CryptoAllocation(from_margin, from_fund, (), 0, 0)
    assert lots, "only a position can lose more than its margin"
    needed = divide_up(left * abs(lots), gap)
    closed: list[tuple[ParticipantId, Quantity]] = []
    for who in deleveraging_queue(lots, holders):
        count = min(needed, abs(holders[who].lots), holders[who].equity * abs(lots) // gap)
        needed -= count
        closed += [(who, count)] if count else []
    # Rounded down once and then split, so it still covers what is left if enough lots were found.
    forgone = sum(count for _, count in closed) * gap // abs(lots)
    parts = allocate(forgone, [count for _, count in closed])
    return CryptoAllocation(
        from_margin,
        from_fund,
        tuple(Deleveraged(who, count, part) for (who, count), part in zip(closed, parts, strict=True)),
        surplus=max(forgone - left, 0),
        residual=max(left - forgone, 0),
    )


def deleveraging_queue(lots: int, holders: Mapping[ParticipantId, Holder]) -> list[ParticipantId]:
    """Who would be closed first if the holder of these signed `lots` failed: profit times leverage.

    Profit is entry over mark for a short and mark over entry for a long, leverage is notional over equity;
    compared exactly, ties in the order of ids. Who has no equity left is no winner and not in the queue.
    Hyperliquid and others rank so.
    """
    queue = [
        (-_rank(holder), who)
        for who, holder in holders.items()
        if holder.lots * lots < 0 and holder.equity > 0
    ]
    return [who for _, who in sorted(queue)]


def _rank(holder: Holder) -> Fraction:
    """Profit times leverage without the mark: one side shares it as a factor. A long's entry is a tick at least."""
    if holder.lots < 0:
        return Fraction(holder.entry * -holder.lots, holder.equity)
    return Fraction(holder.lots, max(holder.entry, 1) * holder.equity)
