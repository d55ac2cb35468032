"""A court freezes a participant while its position is losing: it may only close, free of charge, and nothing leaves."""

from exchange.commands import (
    DepositCash,
    FreezeParticipant,
    MintCoins,
    RecordFiatReceipt,
    UnfreezeParticipant,
    WithdrawCash,
)
from exchange.events import (
    CancelCause,
    CashRequestRejected,
    ClaimSettled,
    CashDeposited,
    Event,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    ParticipantState,
    ParticipantStateChanged,
    TradeReported,
    WithdrawalRequested,
    WithdrawalReturned,
)
from exchange.instruments import ContractKind
from exchange.reasons import CashRefusal, RejectReason
from exchange.units import HOUR, MINUTE, SECOND, Money, WalletId
from matching.terms import ParticipantId
from tests.builders import ANN, BOB, BUY, CYD, OPENS, ROUBLE, RUBD, SELL, Venue, future, of_kind, option
from tests.stories.outside import quote_steadily

EXPIRES = OPENS + HOUR
SERIES = future(fee_maker=20, fee_taker=60, expiry=EXPIRES)
DEPOSIT: Money = 200_000 * ROUBLE
AT_7_6M = 760_000_000  # index units


def a_venue() -> Venue:
    """Ann is long ten lots from 8.0m, a bid of hers rests, and the index has fallen to 7.6m."""
    venue = Venue(SERIES)
    for name in (ANN, BOB, CYD):
        venue.admit(name, DEPOSIT)
    venue.trade(ANN, BOB, 10, 80_000)
    venue.rest(ANN, BUY, 2, 75_000)
    quote_steadily(venue, OPENS + MINUTE, AT_7_6M)
    return venue


def freeze(venue: Venue, name: ParticipantId = ANN) -> list[Event]:
    return venue.tell(FreezeParticipant(participant_id=name, order_ref="court 17"))


def unfreeze(venue: Venue) -> list[Event]:
    return venue.tell(UnfreezeParticipant(participant_id=ANN, order_ref="court 18"))


def withdraw(venue: Venue, amount: Money) -> Event:
    (event,) = venue.tell(WithdrawCash(participant_id=ANN, asset_id=RUBD, amount=amount))
    return event


def reason_of(events: list[Event]) -> RejectReason:
    (refused,) = of_kind(events, OrderRejected)
    return refused.reason


def test_the_freeze_beats_the_order_of_its_instant() -> None:
    """F11: both carry the same time; whatever the order would add is refused, and what rested is canceled."""
    venue = a_venue()
    events = freeze(venue)
    (canceled,) = of_kind(events, OrderCanceled)
    assert (canceled.remaining, canceled.cause) == (2, CancelCause.PARTICIPANT_RESTRICTED)
    assert events[-1] == ParticipantStateChanged(participant_id=ANN, state=ParticipantState.LEGALLY_FROZEN)
    assert reason_of(venue.place(ANN, BUY, 1, 76_000)) is RejectReason.REDUCE_ONLY
    assert (venue.held(ANN), venue.locked(ANN), venue.position(ANN)) == (0, 80_000 * ROUBLE, 10)


def test_it_may_close_but_not_turn_and_pays_nothing_for_it() -> None:
    """Closing at 7.6m loses 4,000: that much stays locked until the settlement, and 76,000 come free and stay."""
    venue = a_venue()
    freeze(venue)
    before = venue.free_cash(ANN)
    assert reason_of(venue.place(ANN, SELL, 11, 76_000)) is RejectReason.REDUCE_ONLY
    assert of_kind(venue.place(ANN, SELL, 6, 76_000), OrderAccepted)
    assert reason_of(venue.place(ANN, SELL, 5, 76_000)) is RejectReason.REDUCE_ONLY
    assert of_kind(venue.place(ANN, SELL, 4, 76_000), OrderAccepted)
    fees = {e.participant_id: e.fee for e in of_kind(venue.place(CYD, BUY, 10, 76_000), OrderFilled)}
    assert fees == {ANN: 0, CYD: 240}
    assert (venue.position(ANN), venue.locked(ANN)) == (0, 4_000 * ROUBLE)
    assert venue.free_cash(ANN) == before + 76_000 * ROUBLE
    refused = withdraw(venue, 1)
    assert isinstance(refused, CashRequestRejected) and refused.reason is CashRefusal.PARTICIPANT_FROZEN


def test_a_closing_order_that_would_need_more_cover_is_refused() -> None:
    """Ten calls sold at K=6.0m are covered by ten futures; to sell the futures would take 20,000 from the account."""
    call = option(ContractKind.CALL, 60_000, expiry=EXPIRES, reference=22_000)
    venue = Venue(future(expiry=EXPIRES), call)
    for name in (ANN, BOB):
        venue.admit(name, DEPOSIT)
    venue.trade(ANN, BOB, 10, 80_000)
    venue.trade(BOB, ANN, 10, 22_000, call.instrument_id)
    assert venue.locked(ANN) == 58_000 * ROUBLE
    freeze(venue)
    venue.rest(BOB, BUY, 10, 80_000)
    assert reason_of(venue.place(ANN, SELL, 10, 80_000)) is RejectReason.INSUFFICIENT_CASH
    assert venue.position(ANN) == 10


def test_a_withdrawal_under_way_comes_back() -> None:
    venue = a_venue()
    assert isinstance(withdraw(venue, 500), WithdrawalRequested)
    freeze(venue)
    before = venue.free_cash(ANN)
    (returned,) = of_kind(venue.wait_until(venue.now + 2 * SECOND), WithdrawalReturned)
    assert returned.reason is CashRefusal.PARTICIPANT_FROZEN
    assert venue.free_cash(ANN) == before + 500


def test_what_comes_in_is_credited_and_stays() -> None:
    """A deposit and a settlement reach the frozen account."""
    venue = a_venue()
    freeze(venue)
    wallet = WalletId("wallet-ann")
    venue.tell(RecordFiatReceipt(asset_id=RUBD, receipt_id="later", amount=700))
    venue.tell(MintCoins(asset_id=RUBD, minter="minter", receipt_id="later", wallet_id=wallet, amount=700))
    before = venue.free_cash(ANN)
    (credited,) = venue.tell(DepositCash(participant_id=ANN, asset_id=RUBD, amount=700))
    assert isinstance(credited, CashDeposited)
    paid = of_kind(quote_steadily(venue, EXPIRES, AT_7_6M), ClaimSettled)
    assert {e.participant_id: e.gain for e in paid} == {ANN: -4_000 * ROUBLE, BOB: 4_000 * ROUBLE}
    assert venue.free_cash(ANN) == before + 700 + 76_000 * ROUBLE
    assert isinstance(withdraw(venue, 1), CashRequestRejected)


def test_unfrozen_it_trades_and_withdraws_again_and_its_free_orders_are_gone() -> None:
    venue = a_venue()
    freeze(venue)
    venue.rest(ANN, SELL, 3, 77_000)
    events = unfreeze(venue)
    assert [e.remaining for e in of_kind(events, OrderCanceled)] == [3]
    assert events[-1] == ParticipantStateChanged(participant_id=ANN, state=ParticipantState.ACTIVE)
    venue.rest(BOB, SELL, 1, 76_000)
    bought = venue.place(ANN, BUY, 1, 76_000)
    assert of_kind(bought, TradeReported) and [
        e.fee for e in of_kind(bought, OrderFilled) if e.participant_id == ANN
    ] == [60]
    assert isinstance(withdraw(venue, 100), WithdrawalRequested)


def test_others_trade_on_as_if_nothing_had_happened() -> None:
    venue = a_venue()
    freeze(venue)
    venue.rest(BOB, SELL, 2, 76_000)
    assert of_kind(venue.place(CYD, BUY, 2, 76_000), TradeReported)
