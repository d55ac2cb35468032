"""The road of coins back to their issuer: requests, the queue, who is paid when; and of the reserves behind them.

`review` comes after whatever changes supply, reserves or the state of an issuer: it tells a shortfall at once,
pays on in a wind-down, and sees to it that a queue is processed when there is something to pay with.
"""

from collections.abc import Iterator

from exchange.cash.coin_books import Arrives, Payment, anywhere
from exchange.cash.holding import Holding
from exchange.cash.issuer import Issuer
from exchange.cash.issuer_states import IssuerState
from exchange.cash.redemption import Ticket
from exchange.cash.reserves import Sale
from exchange.cash.secondary_price import reserves_value_ppm
from exchange.cash_requests import on_coin, refused
from exchange.commands import (
    AddOwnFunds,
    CancelRedemption,
    PayHolders,
    ProcessRedemptions,
    RedeemCoins,
    ReportReserve,
    SettleReserveSale,
)
from exchange.events import (
    CoinsRedeemed,
    Event,
    OwnFundsAdded,
    RedemptionCanceled,
    RedemptionRequested,
    RedemptionsProcessed,
    ReserveSaleOrdered,
    ReservesCoverSupply,
    ReserveSold,
    ReserveStatusChanged,
    SupplyExceedsReserves,
)
from exchange.reasons import CashRefusal
from exchange.state import State
from exchange.units import DAY, AssetId, Money, WalletId

# --- requests -------------------------------------------------------------------------------------------


@on_coin
def redeem_coins(command: RedeemCoins, holding: Holding, issuer: Issuer, state: State) -> Iterator[Event]:
    """Hand coins in. They are paid at once if the terms say so and it can be done, else in the queue's turn."""
    if holding.is_of_the_venue(command.wallet_id):
        yield refused(command, CashRefusal.WALLET_OF_THE_VENUE)
        return
    by_class = issuer.terms.redemption.eligible_classes
    class_id = _class_of(command.wallet_id, state) if by_class else None
    eligible = issuer.is_eligible(command.wallet_id, class_id)
    ticket = issuer.request(command.wallet_id, command.amount, state.now, eligible=eligible)
    if not isinstance(ticket, Ticket):
        yield refused(command, ticket)
        return
    yield RedemptionRequested(
        asset_id=command.asset_id,
        ticket_id=ticket.ticket_id,
        wallet_id=ticket.wallet_id,
        amount=ticket.amount,
        fee=ticket.fee_due,
    )
    if issuer.can_pay_at_once(ticket, state.now, _arrives(issuer, state)) and _bank_pays(issuer, state):
        yield _pay_out(issuer.pay(ticket, ticket.open, state.now), issuer, state)
    yield from review(issuer, state)


def _class_of(wallet_id: WalletId, state: State) -> str | None:
    """The class of the participant whose wallet it is."""
    return next((s.access_class.class_id for s in state.seats.values() if s.wallet_id == wallet_id), None)


@on_coin
def cancel_redemption(
    command: CancelRedemption, holding: Holding, issuer: Issuer, state: State
) -> Iterator[Event]:
    reason = issuer.cancel_refusal(command.ticket_id)
    ticket = issuer.redemptions.ticket(command.ticket_id)
    if reason is not None or ticket is None:
        yield refused(command, reason or CashRefusal.UNKNOWN_TICKET)
        return
    amount = issuer.cancel(ticket.ticket_id, state.now)
    yield RedemptionCanceled(
        asset_id=command.asset_id, ticket_id=ticket.ticket_id, wallet_id=ticket.wallet_id, amount=amount
    )


@on_coin
def process_redemptions(
    duty: ProcessRedemptions, holding: Holding, issuer: Issuer, state: State
) -> Iterator[Event]:
    """Raise what money is missing, as the terms allow, and pay whose turn it is."""
    issuer.redemptions.processing_at = None
    rule = issuer.payout_rule()
    if rule is None:
        return
    if not _bank_pays(issuer, state):
        _promise_processing(issuer, state)
        return
    yield from _raise_money(issuer, state)
    parts = issuer.plan_payout(state.now, rule, _arrives(issuer, state))
    for part in parts:
        yield _pay_out(issuer.pay(part.ticket, part.amount, state.now), issuer, state)
    if parts:
        yield RedemptionsProcessed(
            asset_id=duty.asset_id,
            paid=sum(part.amount for part in parts),
            queued=issuer.redemptions.backlog,
            liquid=issuer.reserves.liquid,
        )
    yield from review(issuer, state)


def _at_the_bank(issuer: Issuer, state: State) -> Holding | None:
    """What the issuer pays in, if the venue knows the bank that keeps it."""
    holding = state.holdings.get(issuer.terms.pays_in)
    return None if holding is None or holding.bank is None else holding


def _arrives(issuer: Issuer, state: State) -> Arrives:
    """To which wallets the bank can pay: to none that may not receive there, nor to one that is the venue's there."""
    roubles = _at_the_bank(issuer, state)
    if roubles is None:
        return anywhere
    return lambda wallet: not (roubles.keeper.is_frozen_in(wallet) or roubles.is_of_the_venue(wallet))


def _bank_pays(issuer: Issuer, state: State) -> bool:
    """Not while that bank is closed, out or has failed: whoever waits keeps its place."""
    roubles = _at_the_bank(issuer, state)
    return roubles is None or roubles.keeper.standstill(state.now) is None


def _pay_out(payment: Payment, issuer: Issuer, state: State) -> Event:
    """To the same wallet at the bank, if the venue knows it."""
    roubles = _at_the_bank(issuer, state)
    if roubles is not None and roubles.bank is not None and payment.roubles:
        assert roubles.bank.pay_in_refusal(payment.wallet_id, payment.roubles, state.now) is None
        roubles.bank.pay_in(payment.wallet_id, payment.roubles, state.now)
    return CoinsRedeemed(
        asset_id=issuer.terms.asset_id,
        wallet_id=payment.wallet_id,
        amount=payment.burned,
        supply=issuer.supply,
        ticket_id=payment.ticket_id,
        fee=payment.fee,
    )


# --- reserves -------------------------------------------------------------------------------------------


def _raise_money(issuer: Issuer, state: State) -> Iterator[Event]:
    """What the queue asks for beyond the money at once: forced sales, or sales that are paid later."""
    need = _need(issuer, state) - issuer.reserves.liquid
    if need <= 0:
        return
    if issuer.terms.forced_sales:
        for sale in issuer.sell_at_once(need, state.now):
            yield _sold(sale, issuer.terms.asset_id)
    else:
        yield from _order_sales(need, issuer, state)


def _need(issuer: Issuer, state: State) -> Money:
    return sum(ticket.open for ticket in issuer.payable(state.now, _arrives(issuer, state)))


def _order_sales(need: Money, issuer: Issuer, state: State) -> Iterator[Event]:
    asset_id = issuer.terms.asset_id
    for sale_id, sale in issuer.reserves.order_sales(need).items():
        due = state.now + sale.days * DAY
        state.agenda.promise(due, SettleReserveSale(asset_id=asset_id, sale_id=sale_id))
        yield ReserveSaleOrdered(asset_id=asset_id, bucket=sale.bucket, amount=sale.amount, due=due)


@on_coin
def settle_reserve_sale(
    duty: SettleReserveSale, holding: Holding, issuer: Issuer, state: State
) -> Iterator[Event]:
    """Of what is stuck or lost by now nothing is paid; if it is still needed, it is sold again."""
    sale = issuer.reserves.settle_sale(duty.sale_id)
    if sale is not None:
        yield _sold(sale, duty.asset_id)
    yield from review(issuer, state)


def _sold(sale: Sale, asset_id: AssetId) -> ReserveSold:
    return ReserveSold(asset_id=asset_id, bucket=sale.bucket, amount=sale.amount, proceeds=sale.proceeds)


@on_coin
def report_reserve(command: ReportReserve, holding: Holding, issuer: Issuer, state: State) -> Iterator[Event]:
    changes = issuer.report_reserves(command.custodian, command.status, command.share_bp, state.now)
    if isinstance(changes, CashRefusal):
        yield refused(command, changes)
        return
    holding.value_ppm = reserves_value_ppm(issuer.reserves.accessible, issuer.supply)
    for change in changes:
        yield ReserveStatusChanged(
            asset_id=command.asset_id,
            bucket=change.bucket,
            status=change.status,
            lost=change.lost,
            book=issuer.reserves.book,
            accessible=issuer.reserves.accessible,
        )
    yield from review(issuer, state)


@on_coin
def add_own_funds(command: AddOwnFunds, holding: Holding, issuer: Issuer, state: State) -> Iterator[Event]:
    reason = issuer.add_own_funds(command.amount, state.now)
    if reason is not None:
        yield refused(command, reason)
        return
    yield OwnFundsAdded(asset_id=command.asset_id, amount=command.amount, book=issuer.reserves.book)
    yield from review(issuer, state)


@on_coin
def pay_holders(command: PayHolders, holding: Holding, issuer: Issuer, state: State) -> Iterator[Event]:
    """Once more, in a wind-down: for those who could not be paid before, or got their coins from the venue since."""
    if issuer.state is not IssuerState.WIND_DOWN:
        yield refused(command, CashRefusal.STATE_NOT_REACHABLE)
        return
    yield from review(issuer, state)


# --- after every change ---------------------------------------------------------------------------------


def review(issuer: Issuer, state: State) -> Iterator[Event]:
    """Tell a shortfall, pay on in a wind-down, promise the next processing of the queue."""
    if issuer.state is IssuerState.WIND_DOWN:
        yield from _wind_down(issuer, state)
    if issuer.tell_shortfall():
        yield _shortfall(issuer)
    _promise_processing(issuer, state)


def review_after_thaw(holding: Holding, state: State) -> Iterator[Event]:
    """Somebody may have waited for its roubles, at this issuer or at one that pays in this money."""
    for coin in state.holdings.values():
        issuer = coin.issuer
        if issuer is not None and holding.terms.asset_id in (issuer.terms.asset_id, issuer.terms.pays_in):
            yield from review(issuer, state)


def _shortfall(issuer: Issuer) -> Event:
    asset_id, supply, book = issuer.terms.asset_id, issuer.supply, issuer.reserves.book
    if issuer.shortfall:
        return SupplyExceedsReserves(asset_id=asset_id, supply=supply, book=book, shortfall=issuer.shortfall)
    return ReservesCoverSupply(asset_id=asset_id, supply=supply, book=book)


def _wind_down(issuer: Issuer, state: State) -> Iterator[Event]:
    """Sell everything, whole, and pay what is money at once."""
    yield from _order_sales(issuer.reserves.accessible, issuer, state)
    if _bank_pays(issuer, state):
        for payment in issuer.pay_holders(state.now, _arrives(issuer, state)):
            yield _pay_out(payment, issuer, state)


def _promise_processing(issuer: Issuer, state: State) -> None:
    """If somebody may be paid, and there will be something to pay with. What brings that about comes by here."""
    queue = issuer.redemptions
    if not queue.backlog or queue.processing_at is not None or issuer.payout_rule() is None:
        return
    wanted = issuer.wanted(_arrives(issuer, state))
    if wanted and issuer.reserves.can_raise(wanted - issuer.reserves.liquid):
        queue.processing_at = queue.next_processing(state.now)
        state.agenda.promise(queue.processing_at, ProcessRedemptions(asset_id=issuer.terms.asset_id))
