"""The invariants of losses: who bore each default, in which order and up to what; and that the fund is as it was told.

What has happened is looked at again from what was kept of it: every shared loss with its capacities and the
stakes of who paid, every position that was cut, and the fund as it was sized.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from exchange import membership
from exchange.clearing import accounts, fund
from exchange.clearing.margin import MarginCover
from exchange.clearing.waterfall import (
    Assessment,
    Layer,
    LayerUse,
    SharedLoss,
    Survivor,
    WaterfallTerms,
    assessed_within,
)
from exchange.commands import HouseLayer
from exchange.state import State
from exchange.units import Money

_HOUSE_MONEY = {
    Layer.SKIN_IN_THE_GAME: HouseLayer.SKIN_IN_THE_GAME,
    Layer.SURVIVORS_FUND: HouseLayer.SECOND_SKIN_IN_THE_GAME,
    Layer.ASSESSMENTS: HouseLayer.FURTHER_AMOUNT,
    Layer.EQUITY: HouseLayer.EQUITY,
    Layer.INSURANCE_FUND: HouseLayer.INSURANCE,
}


def walk(state: State) -> Iterator[str]:
    """What is wrong with any loss, each as a sentence with its invariant's number."""
    yield from _draws(state)
    for loss in state.losses:
        yield from _layers(loss)
    yield from _cuts(state)
    margin = state.covers.margin
    if margin is not None:
        terms = margin.rules.waterfall
        for loss in state.losses:
            yield from _payers(loss, terms)
        yield from _assessments(state, terms)
        yield from _house_money(margin, state)
        yield from _fund(margin, state)


def _draws(state: State) -> Iterator[str]:
    """I-22, I-35: in full nothing is drawn; and the house's money against lost coins pays for these alone."""
    if state.covers.margin is None and (state.losses or state.cuts or state.defaults):
        yield "I-22 a loss was shared, though everything is covered in full"
    for asset_id in (*state.holdings, *state.chains):
        layer, insurance = accounts.loss_layer(asset_id), accounts.loss_insurance(asset_id)
        kept = [account for account in (layer, insurance) if account in state.ledger]
        drawn = sum(state.ledger.balance(account).debits_posted for account in kept)
        if drawn != state.coin_losses[asset_id]:
            number = "I-35" if state.covers.margin else "I-22"
            yield f"{number} {layer}: {drawn} was drawn, for lost coins {state.coin_losses[asset_id]}"


def _layers(loss: SharedLoss) -> Iterator[str]:
    """I-31, I-32: a layer pays when those before it have given all they could, and together they pay the loss."""
    name = f"default of {loss.defaulter}"
    paid = {layer: sum(u.amount for u in loss.uses if u.layer is layer) for layer in loss.capacities}
    left = loss.loss
    for layer, most in loss.capacities.items():
        if paid[layer] > most or any(use.amount < 0 for use in loss.uses):
            yield f"I-32 {name}: {layer} paid {paid[layer]} of {most}"
        if paid[layer] < min(most, left):
            yield f"I-31 {name}: {layer} kept {most - paid[layer]} while {left - paid[layer]} was left to pay"
        left -= paid[layer]
    if left != loss.residual or left < 0 or sum(paid.values()) != sum(use.amount for use in loss.uses):
        yield f"I-32 {name}: layers and residual do not add up to {loss.loss}"


def _payers(loss: SharedLoss, terms: WaterfallTerms) -> Iterator[str]:
    """I-32 to I-35: nobody pays without a stake or beyond it; what is cut of gains was gained."""
    for use in loss.uses:
        if use.payer is not None and use.payer != loss.defaulter:
            stake = loss.stakes.get(use.payer, Survivor())
            name = f"{use.payer} for {loss.defaulter}"
            if stake.paid_in <= 0 and stake.contribution <= 0 and stake.gains <= 0:
                yield f"I-33 {name}: {use.amount} was taken from somebody without a stake"
            number, most = _most(use, stake, terms)
            if use.amount > most:
                yield f"{number} {name}: {use.amount} was taken by {use.layer}, which may take {most}"


def _most(use: LayerUse, stake: Survivor, terms: WaterfallTerms) -> tuple[str, Money]:
    """What a layer may take of one survivor, and the invariant that says so."""
    match use.layer:
        case Layer.SURVIVORS_FUND:
            return "I-32", stake.paid_in
        case Layer.ASSESSMENTS:
            return "I-35", stake.contribution * terms.assessment_cap_bp // 10_000 - stake.assessed
        case Layer.GAINS_HAIRCUT:
            return "I-34", max(stake.gains, 0) * terms.gains_haircut_cap_bp // 10_000
    return "I-33", 0


def _assessments(state: State, terms: WaterfallTerms) -> Iterator[str]:
    """I-35: every assessment is that of a shared loss, and what came before it in the capped period was counted."""
    called: list[Assessment] = []
    for loss in state.losses:
        before = assessed_within(called, loss.time, terms.capped_period)
        for use in loss.uses:
            if use.layer is Layer.ASSESSMENTS and use.payer is not None:
                if loss.stakes[use.payer].assessed != before.get(use.payer, 0):
                    yield f"I-35 {use.payer}: earlier assessments were not counted against its cap"
                called.append(Assessment(use.payer, use.amount, loss.time))
    if called != state.assessments:
        yield "I-35 what was assessed is not what shared losses have assessed"


def _house_money(margin: MarginCover, state: State) -> Iterator[str]:
    """I-35: each layer of the house has paid for defaults, and for nothing else."""
    drawn: Counter[str] = Counter()
    for loss in state.losses:
        to_pay = replace(margin.conversion, price_ppm=loss.price_ppm).to_pay
        for use in loss.uses:
            if use.payer is None:
                drawn[accounts.layer(_HOUSE_MONEY[use.layer], loss.cash)] += to_pay(use.amount)
    every = {accounts.layer(layer, margin.cash) for layer in _HOUSE_MONEY.values()}
    for account in sorted({*drawn, *every}):
        paid = state.ledger.balance(account).debits_posted
        if paid != drawn[account]:
            yield f"I-35 {account}: {paid} was drawn, by defaults {drawn[account]}"


def _cuts(state: State) -> Iterator[str]:
    """I-34: only a position against the defaulter's is cut; it gets smaller, and never turns."""
    for cut in state.cuts:
        if cut.before * cut.taken >= 0 or cut.after * cut.before < 0 or abs(cut.after) >= abs(cut.before):
            yield (
                f"I-34 {cut.holder} in {cut.instrument_id}: from {cut.before} to {cut.after} lots,"
                f" {cut.taken} taken from the defaulter"
            )


def _fund(margin: MarginCover, state: State) -> Iterator[str]:
    """I-36: whether the fund covers so many of the largest losses is as it was told. That it does not is a warning."""
    sized = state.sized
    if sized is None:
        return
    covered = 0
    left = list(sized.losses.values())
    for _ in range(min(sized.largest, len(left))):
        covered += left.pop(left.index(max(left)))
    missing = covered - sized.paid_in - sized.skin_in_the_game
    if sized.uncovered != max(missing, 0):
        yield f"I-36 {sized.uncovered} of the largest losses was told to be uncovered, not {max(missing, 0)}"
    if any(state.contributions.get(who) != share for who, share in sized.shares.items()):
        yield "I-36 contributions are not those for which the fund was sized"
    if (sized.time, sized.prices) == (state.now, membership.prices_of(margin)) and sized.booked == len(
        state.ledger.history
    ):
        fresh = fund.by_group(membership.stressed_losses(margin, state), membership.groups(margin, state))
        if fresh != sized.losses:
            yield "I-36 the losses for which the fund was sized are others now, though nothing has happened"
