"""The road of those who cannot pay: the management of a default to its end.

    declared -> clients ported -> closed on the book -> auctioned, or torn up -> the loss shared, layer by layer

Under full cover nobody owes anything that is not there already, so a default is a suspension and no more.
"""

from collections.abc import Generator, Iterator, Mapping

from exchange import margining, membership, trading
from exchange.clearing import accounts
from exchange.clearing.default_auction import AuctionFailed, Bid, decide
from exchange.clearing.liquidation import (
    MarginState,
    advance,
)
from exchange.clearing.margin import MarginCover
from exchange.clearing.margin_accounts import Due, MarginAccount
from exchange.clearing.rounding import allocate, divide_half_even
from exchange.clearing.variation import owe
from exchange.clearing.waterfall import (
    LAYERS,
    Assessment,
    Cut,
    Holder,
    Layer,
    LayerUse,
    LossOrder,
    Resources,
    SharedLoss,
    Survivor,
    allocate_in_crypto_order,
    allocate_loss,
    assessed_within,
    tear_up,
)
from exchange.closeout import sell_off, taken
from exchange.commands import (
    BeginDefault,
    BidForPortfolio,
    CloseOut,
    DeclareDefault,
    DefaultReason,
    EndDefaultAuction,
    HouseLayer,
)
from exchange.events import (
    CancelCause,
    ClearingRequestRejected,
    DefaultAuctionEnded,
    DefaultAuctionOpened,
    DefaultClosed,
    DefaultDeclared,
    DirectiveRefused,
    Event,
    LayerUsed,
    LossBorne,
    ParticipantStateChanged,
    PoolLossBorne,
    PositionTransferred,
    ShortfallLeft,
    TransferCause,
)
from exchange.reasons import ClearingRefusal
from exchange.settling import withdraw_deals
from exchange.state import DefaultCase, Seat, State
from exchange.units import InstrumentId, Money
from matching.terms import ParticipantId, Price

# --- a default ------------------------------------------------------------------------------------------


def declare_default(command: DeclareDefault, state: State) -> Iterator[Event]:
    """The authority says that a participant is insolvent."""
    seat = state.seats.get(command.participant_id)
    if seat is None or seat.defaulted or not command.grounds:
        yield DirectiveRefused(
            directive=f"declare default of {command.participant_id}",
            explanation="it needs a participant who is inside and has not defaulted, and grounds",
        )
        return
    yield from _declare(seat, DefaultReason.DECLARED, command.grounds, state)


def begin_default(duty: BeginDefault, state: State) -> Iterator[Event]:
    """An account has come to its end by itself, unless it was saved in the same instant."""
    seat, account = state.seats[duty.participant_id], state.covers.by_margin.accounts[duty.participant_id]
    if seat.defaulted or (account.state is MarginState.NORMAL and not account.call):
        return
    yield from _declare(seat, duty.reason, "", state)


def _declare(seat: Seat, reason: DefaultReason, grounds: str, state: State) -> Iterator[Event]:
    """No order and no deal of it is taken any more. Its clients go elsewhere first, then its positions are closed."""
    who, margin = seat.participant_id, state.covers.margin
    yield from trading.cancel_orders_of(seat, CancelCause.PARTICIPANT_RESTRICTED, state)
    yield from withdraw_deals(who, state)
    seat.defaulted, seat.fund_overdue, seat.asked = True, False, None
    state.fund_calls.pop(who, None)
    yield DefaultDeclared(defaulter=who, reason=reason, grounds=grounds)
    yield ParticipantStateChanged(participant_id=who, state=seat.state)
    if margin is None:
        return  # what it could lose is there: its positions run to their expiry
    account = margin.margin_account(seat)
    if account.state is not MarginState.DEFAULT:
        account.state = advance(account.state, MarginState.DEFAULT)
    account.state = advance(account.state, MarginState.CLOSING)
    cleared = {other: one.cleared for other, one in margin.accounts.items()}
    state.defaults[who] = DefaultCase(who, cleared, margin.rules.book_steps)
    yield from membership.port_clients(seat, state)
    state.agenda.promise(state.now, CloseOut(participant_id=who))


def close_out(duty: CloseOut, state: State) -> Iterator[Event]:
    """Try to close what is left on the book; then by auction, or, in the crypto order, by deleveraging."""
    margin, case = state.covers.by_margin, state.defaults[duty.participant_id]
    account = margin.accounts[case.defaulter]
    if case.steps_left:
        case.steps_left -= 1
        for _, instrument_id, held in list(account.positions()):
            yield from sell_off(account, instrument_id, abs(held), None, state)
    if not account.has_positions:
        yield from _close(case, account, state)
    elif case.steps_left:
        state.agenda.promise(state.now + margin.rules.liquidation.interval, duty)
    elif margin.rules.waterfall.order is LossOrder.CRYPTO:
        forgone = yield from _deleverage(account, margin, state)
        yield from _close(case, account, state, forgone)
    else:
        yield from _open_auction(case, account, margin, state)


def _open_auction(
    case: DefaultCase, account: MarginAccount, margin: MarginCover, state: State
) -> Iterator[Event]:
    case.bids = []
    until = state.now + margin.rules.auction.bidding
    state.agenda.promise(until, EndDefaultAuction(participant_id=case.defaulter))
    case.lots = _lots(account)
    yield DefaultAuctionOpened(defaulter=case.defaulter, lots=case.lots, until=until)


def _lots(account: MarginAccount) -> dict[InstrumentId, int]:
    return {instrument_id: held for _, instrument_id, held in account.positions()}


def bid_for_portfolio(command: BidForPortfolio, state: State) -> Iterator[Event]:
    """A sealed bid; whoever has defaulted or could not bear the portfolio is told so at once."""
    reason = _bid_refusal(command, state)
    if reason is not None:
        yield ClearingRequestRejected(
            participant_id=command.participant_id, request=type(command).__name__, reason=reason
        )
        return
    case = state.defaults[command.defaulter]
    assert case.bids is not None, "an auction that takes bids is open"
    case.bids.append(Bid(command.participant_id, command.amount, state.now))


def _bid_refusal(command: BidForPortfolio, state: State) -> ClearingRefusal | None:
    seat = state.seats.get(command.participant_id)
    case = state.defaults.get(command.defaulter)
    if seat is None:
        return ClearingRefusal.UNKNOWN_PARTICIPANT
    if state.covers.margin is None:
        return ClearingRefusal.NOT_UNDER_MARGIN
    if seat.defaulted:
        return ClearingRefusal.DEFAULTED
    if case is None or case.bids is None:
        return ClearingRefusal.NO_AUCTION
    return None if _can_take_over(seat, command.amount, case, state) else ClearingRefusal.INSUFFICIENT_MARGIN


def _can_take_over(seat: Seat, amount: Money, case: DefaultCase, state: State) -> bool:
    """Whether the bidder would stand above its requirement with the portfolio, having paid its bid."""
    margin = state.covers.by_margin
    bidder, defaulter = margin.margin_account(seat), margin.accounts[case.defaulter]
    excess = bidder.excess - amount - bidder.cost_of_options(defaulter.option_value)
    for part in defaulter.portfolios.values():
        own = margin.account_in(part.portfolio, seat)
        excess -= own.star_with(part) - own.star
    return excess >= 0


def end_default_auction(duty: EndDefaultAuction, state: State) -> Iterator[Event]:
    """The best bid takes all positions at the marks; without a winner they are torn up.

    If the lots that were put up are not there any more, as when a series has settled, no bid stands.
    """
    margin, case = state.covers.by_margin, state.defaults[duty.participant_id]
    account = margin.accounts[case.defaulter]
    assert case.bids is not None, "an auction that ends was open"
    bids = case.bids if _lots(account) == case.lots else []
    standing = [bid for bid in bids if _still_can(bid, case, state)]
    outcome, case.bids = decide(standing, margin.rules.auction.fewest_bidders), None
    if isinstance(outcome, AuctionFailed):
        yield DefaultAuctionEnded(
            defaulter=case.defaulter, bidders=outcome.bidders, amount=None, failure=outcome.reason
        )
        yield from _tear_up(account, margin, state)
    else:
        yield DefaultAuctionEnded(
            defaulter=case.defaulter,
            bidders=len(frozenset(bid.bidder for bid in standing)),
            amount=outcome.amount,
            failure=None,
        )
        winner = state.seats[outcome.bidder]
        for _, instrument_id, held in list(account.positions()):
            yield from _hand_over(account, winner, instrument_id, held, TransferCause.AUCTION, margin, state)
        _shift(margin.accounts[outcome.bidder], account, outcome.amount, margin, state)
    yield from _close(case, account, state)


def _still_can(bid: Bid, case: DefaultCase, state: State) -> bool:
    seat = state.seats[bid.bidder]
    return not seat.defaulted and _can_take_over(seat, bid.amount, case, state)


def _tear_up(account: MarginAccount, margin: MarginCover, state: State) -> Iterator[Event]:
    """End the defaulter's contracts against the opposite holders, pro rata, at the marks of the last clearing."""
    lots = _lots(account)
    positions = {instrument_id: margin.positions(instrument_id) for instrument_id in lots}
    for instrument_id, parts in tear_up(lots, positions).items():
        sign = 1 if lots[instrument_id] > 0 else -1
        for who, part in parts.items():
            yield from _hand_over(
                account, state.seats[who], instrument_id, sign * part, TransferCause.TEAR_UP, margin, state
            )


def _deleverage(account: MarginAccount, margin: MarginCover, state: State) -> Generator[Event, None, Money]:
    """The crypto order: what margin and insurance do not reach is taken from the most levered winners, by closing
    them at the bankruptcy price; the rest of the position is closed at the mark. Returns what they forgo."""
    in_all = 0
    held_now = list(account.positions())
    worth = [abs(held) * max(part.portfolio.marks[i], 1) for part, i, held in held_now]
    loss = max(-account.claim, 0)
    losses = allocate(loss, worth)
    own = _own_money(account, loss, state)
    insurance = margin.conversion.worth(
        state.ledger.available(accounts.layer(HouseLayer.INSURANCE, margin.cash))
    )
    for (_, instrument_id, held), lost in zip(held_now, losses, strict=True):
        holders = {
            who: Holder(lots, _entry(margin, who, instrument_id), margin.accounts[who].equity)
            for who, lots in margin.positions(instrument_id).items()
            if lots and who != account.holder.participant_id
        }
        shared = allocate_in_crypto_order(lost, min(own, lost), min(insurance, lost), held, holders)
        own, insurance = own - shared.margin, insurance - shared.insurance_fund
        sign = 1 if held > 0 else -1
        for who, lots, forgone in shared.deleveraged:
            yield from _hand_over(
                account,
                state.seats[who],
                instrument_id,
                sign * lots,
                TransferCause.DELEVERAGING,
                margin,
                state,
                amount=-forgone,
            )
            _shift(margin.accounts[who], account, forgone, margin, state)
            in_all += forgone
    yield from _tear_up(account, margin, state)
    return in_all


def _entry(margin: MarginCover, who: ParticipantId, instrument_id: InstrumentId) -> Price:
    """The mean price at which somebody came into its position, rounded to the nearest tick."""
    account = margin.portfolio(instrument_id).accounts[who]
    held = account.quantities[instrument_id]
    return divide_half_even(account.entries[instrument_id] * (1 if held > 0 else -1), abs(held))


def _hand_over(
    account: MarginAccount,
    to: Seat,
    instrument_id: InstrumentId,
    lots: int,
    cause: TransferCause,
    margin: MarginCover,
    state: State,
    amount: Money = 0,
) -> Iterator[Event]:
    """Signed lots of the defaulter go to somebody else at the mark; an option's worth is owed for it."""
    portfolio = margin.portfolio(instrument_id)
    mark, before = portfolio.marks[instrument_id], margin.position(to.participant_id, instrument_id)
    giver = state.seats[account.holder.participant_id]
    source, target, quantity = (giver, to, lots) if lots > 0 else (to, giver, -lots)
    state.ledger.book(margin.transfer(instrument_id, source, target, quantity, mark), state.now)
    if cause is not TransferCause.AUCTION:
        state.cuts.append(Cut(to.participant_id, instrument_id, lots, before, before + lots))
    if portfolio.is_option[instrument_id]:
        _shift(margin.accounts[to.participant_id], account, lots * mark * portfolio.tick_value, margin, state)
    yield PositionTransferred(
        participant_id=giver.participant_id,
        instrument_id=instrument_id,
        lots=-lots,
        price=mark,
        cause=cause,
        amount=-amount,
    )
    yield PositionTransferred(
        participant_id=to.participant_id,
        instrument_id=instrument_id,
        lots=lots,
        price=mark,
        cause=cause,
        amount=amount,
    )


def _shift(
    payer: MarginAccount, payee: MarginAccount, amount: Money, margin: MarginCover, state: State
) -> None:
    """The payer owes so much more, and the payee is owed it; a negative amount goes the other way."""
    moves = owe((Due(payer, -amount), Due(payee, amount)), margin.cash)
    if moves:
        state.ledger.book(moves, state.now)


# --- the loss -------------------------------------------------------------------------------------------


def _close(case: DefaultCase, account: MarginAccount, state: State, forgone: Money = 0) -> Iterator[Event]:
    """No position is left: all that is owed falls due, the loss is shared, and a clearing pays whom it can.

    `forgone` is what others gave up already, by being closed at the bankruptcy price.
    """
    margin, who = state.covers.by_margin, case.defaulter
    yield from margining.owe_variation(state.now, state)
    owed = max(-state.ledger.posted(account.obligation), 0)
    own = _own_money(account, owed, state)
    seat = state.seats[who]
    loss = owed - own
    if loss and seat.member_id is not None:
        behind = margin.margin_account(state.seats[seat.member_id])
        _shift(behind, account, loss, margin, state)
        behind.client_losses += loss
        yield LossBorne(
            participant_id=seat.member_id, defaulter=who, layer=Layer.DEFAULTER_MARGIN, amount=loss
        )
        residual = 0
    elif margin.rules.waterfall.order is LossOrder.CRYPTO:
        residual = yield from _share_in_crypto_order(account, own, loss, forgone, margin, state)
    else:
        own += yield from _draw_on_pool(account, loss, margin, state)
        residual = yield from _share(case, account, owed, own, margin, state)
    account.state = advance(account.state, MarginState.CLOSED)
    yield DefaultClosed(defaulter=who, loss=loss, residual=residual)
    if loss:
        protected = seat.access_class.caps.negative_balance_protection
        yield ShortfallLeft(participant_id=who, amount=loss, protected=protected)
    yield from margining.clear(state)
    for kept in (account.collateral, account.fund):
        left = state.ledger.posted(kept)
        if left:
            state.ledger.book([(kept, account.holder.cash_account, left)], state.now)


def _own_money(account: MarginAccount, debt: Money, state: State) -> Money:
    """What free cash and collateral of a defaulter discharge of a debt."""
    coins = taken(account, account.conversion.to_pay(debt), account.collateral, state)
    return min(account.conversion.worth(sum(amount for _, _, amount in coins)), debt)


def _draw_on_pool(
    account: MarginAccount, loss: Money, margin: MarginCover, state: State
) -> Generator[Event, None, Money]:
    """In an omnibus account all that lies there is margin for each of its losses: it is reached before any fund.
    Returns what fellow clients have given. The crypto order knows no pools."""
    who = account.holder.participant_id
    drawn = membership.drawn_from_pool(state.seats[who], loss, state)
    for fellow, amount in drawn.items():
        coins = margin.conversion.to_pay(amount)
        state.ledger.book([(margin.accounts[fellow].collateral, account.collateral, coins)], state.now)
        yield PoolLossBorne(participant_id=fellow, asset_id=margin.cash, defaulter=who, amount=coins)
    return sum(drawn.values())


def _share_in_crypto_order(
    account: MarginAccount, own: Money, loss: Money, forgone: Money, margin: MarginCover, state: State
) -> Generator[Event, None, Money]:
    """What is lost after deleveraging beyond the own money comes out of the insurance fund, as far as it reaches."""
    who, insurance = account.holder.participant_id, accounts.layer(HouseLayer.INSURANCE, margin.cash)
    most = margin.conversion.worth(state.ledger.available(insurance))
    drawn = min(loss, most)
    if drawn:
        coins = margin.conversion.to_pay(drawn)
        state.ledger.book([(insurance, account.collateral, coins)], state.now)
    capacities = {Layer.DEFAULTER_MARGIN: own, Layer.INSURANCE_FUND: most}
    uses = (LayerUse(Layer.DEFAULTER_MARGIN, who, own), LayerUse(Layer.INSURANCE_FUND, None, drawn))
    priced = margin.cash, margin.conversion.price_ppm
    state.losses.append(SharedLoss(who, state.now, own + loss, capacities, {}, uses, loss - drawn, *priced))
    for layer, amount in zip(LAYERS[LossOrder.CRYPTO], (own, drawn, forgone), strict=True):
        if amount:
            yield LayerUsed(defaulter=who, layer=layer, amount=amount)
    return loss - drawn


def _share(
    case: DefaultCase, account: MarginAccount, owed: Money, own: Money, margin: MarginCover, state: State
) -> Generator[Event, None, Money]:
    """Let each layer pay into the defaulter's collateral, or take over a part of what it owes."""
    terms, fund_share = margin.rules.waterfall, margin.conversion.worth(state.ledger.available(account.fund))
    resources = resources_against(case.defaulter, own, fund_share, case.cleared, margin, state)
    allocation = allocate_loss(owed, resources, terms)
    priced = margin.cash, margin.conversion.price_ppm
    state.losses.append(SharedLoss.of(owed, state.now, resources, terms, allocation, *priced))
    for layer in terms.layers:
        uses = [use for use in allocation.uses if use.layer is layer]
        if not uses:
            continue
        for use in uses:
            _pay_in(use, account, margin, state)
            if use.payer is not None and use.payer != case.defaulter:
                yield LossBorne(
                    participant_id=use.payer, defaulter=case.defaulter, layer=layer, amount=use.amount
                )
        yield LayerUsed(defaulter=case.defaulter, layer=layer, amount=sum(use.amount for use in uses))
    return allocation.residual


def resources_against(
    defaulter: ParticipantId,
    own: Money,
    fund_share: Money,
    cleared: Mapping[ParticipantId, Money],
    margin: MarginCover,
    state: State,
) -> Resources:
    """What is there at this instant, layer by layer, beside the defaulter's own money and fund share.

    `cleared` is the variation of everybody when the default was declared.
    """
    terms, ledger, worth = margin.rules.waterfall, state.ledger, margin.conversion.worth
    assessed = assessed_within(state.assessments, state.now, terms.capped_period)

    def left(layer: HouseLayer) -> Money:
        return worth(ledger.available(accounts.layer(layer, margin.cash)))

    survivors = {
        who: Survivor(
            contribution=state.contributions.get(who, 0),
            paid_in=worth(ledger.available(one.fund)),
            assessed=assessed.get(who, 0),
            gains=one.cleared - cleared.get(who, 0),
        )
        for who, one in margin.accounts.items()
        if who != defaulter and not state.seats[who].defaulted
    }
    return Resources(
        defaulter=defaulter,
        survivors=survivors,
        margin=own,
        fund_share=fund_share,
        skin_in_the_game=min(left(HouseLayer.SKIN_IN_THE_GAME), terms.skin_in_the_game),
        second_skin_in_the_game=min(left(HouseLayer.SECOND_SKIN_IN_THE_GAME), terms.second_skin_in_the_game),
        further_amount=min(left(HouseLayer.FURTHER_AMOUNT), terms.further_amount),
        equity=min(left(HouseLayer.EQUITY), terms.equity),
    )


def _pay_in(use: LayerUse, account: MarginAccount, margin: MarginCover, state: State) -> None:
    """Money of a layer goes to the defaulter's collateral, which the clearing collects; what was not paid in
    before, an assessment or a haircut, becomes somebody else's debt instead of the defaulter's."""
    if use.layer is Layer.DEFAULTER_MARGIN:
        return  # it is there already
    if use.layer in (Layer.ASSESSMENTS, Layer.GAINS_HAIRCUT) and use.payer is not None:
        state.ledger.book(
            owe((Due(margin.accounts[use.payer], -use.amount), Due(account, use.amount)), margin.cash),
            state.now,
        )
        if use.layer is Layer.ASSESSMENTS:
            state.assessments.append(Assessment(use.payer, use.amount, state.now))
        else:  # what was cut is no gain any more that the next default could cut again
            margin.accounts[use.payer].cleared -= use.amount
            account.cleared += use.amount
        return
    source = accounts.layer(_HOUSE_MONEY[use.layer], margin.cash) if use.payer is None else ""
    if use.payer is not None:
        source = margin.accounts[use.payer].fund
    coins = margin.conversion.to_pay(use.amount)
    state.ledger.book([(source, account.collateral, coins)], state.now)


_HOUSE_MONEY = {
    Layer.SKIN_IN_THE_GAME: HouseLayer.SKIN_IN_THE_GAME,
    Layer.SURVIVORS_FUND: HouseLayer.SECOND_SKIN_IN_THE_GAME,
    Layer.ASSESSMENTS: HouseLayer.FURTHER_AMOUNT,
    Layer.EQUITY: HouseLayer.EQUITY,
}
