"""The road of liquidation: the house closes, step by step, what an account can no longer cover."""

from collections.abc import Generator, Iterator

from exchange import margining, trading
from exchange.clearing import accounts
from exchange.clearing.ledger import Move
from exchange.clearing.liquidation import (
    MarginState,
    bankruptcy_price,
    cost_per_lot,
    equity_behind,
    limit_price,
    liquidation_fee,
    lots_to_cure,
    next_step,
)
from exchange.clearing.margin import MarginCover
from exchange.clearing.margin_accounts import MarginAccount
from exchange.commands import (
    BeginDefault,
    DefaultReason,
    HouseLayer,
    LiquidatePositions,
)
from exchange.events import (
    Event,
    LiquidationFeeCharged,
    LiquidationStep,
    OrderFilled,
)
from exchange.rules.prices import furthest_price
from exchange.state import Series, State
from exchange.units import InstrumentId, Money
from matching.phases import Phase
from matching.terms import Price, Quantity, Side


def liquidate_positions(duty: LiquidatePositions, state: State) -> Iterator[Event]:
    """Close a step of what the account can no longer cover, on the book and no further than its bankruptcy price."""
    margin = state.covers.by_margin
    account = margin.accounts[duty.participant_id]
    yield from margining.review(
        state
    )  # it may have paid in, or closed something itself, since the last valuation
    if account.state is not MarginState.LIQUIDATING or state.now != account.next_step:
        return
    account.next_step = state.now + margin.rules.liquidation.interval
    step = _next_step(account, margin, state)
    if step is None or account.vain_steps >= margin.rules.book_steps:
        state.agenda.promise(
            state.now, BeginDefault(participant_id=duty.participant_id, reason=DefaultReason.BEYOND_STEPS)
        )
        return
    if _trades(state.series[step[0]], state):  # else the deadline of the call decides
        traded = yield from sell_off(account, *step, state)
        account.vain_steps = 0 if traded else account.vain_steps + 1
        if traded:
            yield from _charge(account, traded, margin, state)
    yield from margining.review(state)
    if account.state is MarginState.LIQUIDATING:
        state.agenda.promise(account.next_step, duty)


def _next_step(
    account: MarginAccount, margin: MarginCover, state: State
) -> tuple[InstrumentId, Quantity, Price] | None:
    """The largest position by notional: how many of its lots to close, at which limit; None if none would help."""
    terms = margin.rules.liquidation
    part, instrument_id, held = max(
        account.positions(), key=lambda held: abs(held[2]) * held[0].portfolio.marks[held[1]]
    )
    tick_value, mark = part.portfolio.tick_value, part.portfolio.marks[instrument_id]
    maintenance = account.maintenance(account.initial)
    left = account.initial - part.initial + part.initial_without(instrument_id)
    freed = maintenance - account.maintenance(left)
    cost = cost_per_lot(mark, tick_value, terms)
    needed = lots_to_cure(abs(held), account.equity, maintenance, freed // abs(held), cost)
    if needed is None or not needed:
        return None
    behind = equity_behind(account.equity, maintenance, freed)
    limit = limit_price(bankruptcy_price(mark, held, tick_value, behind), held)
    return instrument_id, next_step(abs(held), needed, terms), limit


def sell_off(
    account: MarginAccount, instrument_id: InstrumentId, quantity: Quantity, limit: Price | None, state: State
) -> Generator[Event, None, Money]:
    """Put an order to the market that reduces the position, if it trades now; returns the notional traded.

    What a premium takes comes out of collateral if free cash does not reach; lots that cannot be paid for stay.
    Under a legal order free cash can neither pay nor be left with what a premium brings: all goes by collateral.
    """
    seat, series = state.seats[account.holder.participant_id], state.series[instrument_id]
    side = Side.SELL if state.covers.position(seat.participant_id, instrument_id) > 0 else Side.BUY
    if not _trades(series, state):
        return 0
    furthest = furthest_price(side, series)
    price = furthest if limit is None else max(furthest, limit) if side < 0 else min(furthest, limit)
    order = trading.house_order(seat, series, side, quantity, price, state)
    order.need = order.account.requirement_with(order)
    source = account.collateral if seat.frozen else seat.cash_account
    short = order.need[3] - order.account.hold - state.ledger.available(source)
    if short > (0 if seat.frozen else state.ledger.posted(account.collateral)):
        return 0
    if short > 0:
        state.ledger.book([(account.collateral, seat.cash_account, short)], state.now)
    order.account.source = source
    yield LiquidationStep(
        participant_id=seat.participant_id,
        instrument_id=instrument_id,
        side=side,
        quantity=quantity,
        limit=price,
    )
    traded = 0
    for event in trading.enter(order, seat, series, state):
        if isinstance(event, OrderFilled) and event.order_id == order.order_id:
            traded += event.quantity * event.price * series.instrument.tick_value
        yield event
    yield from trading.settle_down(series, state)
    order.account.source = seat.cash_account
    return traded


def _trades(series: Series, state: State) -> bool:
    """Whether an order that must trade at once could."""
    return state.session_open and series.market.phase is Phase.CONTINUOUS


def _charge(account: MarginAccount, traded: Money, margin: MarginCover, state: State) -> Iterator[Event]:
    """The liquidation fee goes to the insurance fund, from free cash and then from collateral."""
    fee = liquidation_fee(traded, account.equity, margin.rules.liquidation)
    insurance = accounts.layer(HouseLayer.INSURANCE, margin.cash)
    moves = taken(account, margin.conversion.to_pay(fee), insurance, state)
    if moves:
        state.ledger.book(moves, state.now)
        yield LiquidationFeeCharged(
            participant_id=account.holder.participant_id,
            asset_id=margin.cash,
            amount=sum(amount for _, _, amount in moves),
        )


def taken(account: MarginAccount, amount: Money, target: str, state: State) -> list[Move]:
    """Moves of so many coins from free cash and then collateral, or of as much as there is."""
    free = 0 if account.holder.frozen else state.ledger.available(account.holder.cash_account)
    moves: list[Move] = []
    for source, has in (
        (account.holder.cash_account, free),
        (account.collateral, state.ledger.posted(account.collateral)),
    ):
        part = min(amount, has)
        if part > 0:
            moves.append((source, target, part))
            amount -= part
    return moves
