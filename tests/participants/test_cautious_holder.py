"""A cautious holder: slowly in, quickly out. Its wish is a hundred lots, in steps of thirteen."""

from itertools import pairwise

from exchange.commands import CancelAll, PlaceOrder, RedeemCoins, WithdrawCash
from exchange.events import CustodyGated, SeriesState, WithdrawalCompleted, WithdrawalRequested
from exchange.units import MINUTE, SECOND, AssetId, WalletId
from matching.terms import Side, TimeInForce
from participants.profile import Style
from participants.strategies.cautious_holder import CautiousHolder, HolderTerms
from tests.participants.builders import (
    FUTURE,
    ME,
    OPENS,
    RUBD,
    EchoVenue,
    Market,
    a_profile,
    accepted,
    an_instrument,
    canceled,
    dice,
    filled,
    withdrawal_refused,
)

GATE = CustodyGated(asset_id=RUBD, mobile=0, frozen=10**10)
PATIENCE = HolderTerms().patience_ns


def a_holder(direction: Side = Side.BUY, **terms: float) -> CautiousHolder:
    profile = a_profile(Style.HOLDER, deposit=100_000_000, fear_bp=900)
    return CautiousHolder(
        profile,
        an_instrument(),
        dice(),
        OPENS,
        direction,
        HolderTerms(**terms),
        coins=(RUBD,),  # type: ignore[arg-type]
    )


def a_frightened_holder(market: Market) -> CautiousHolder:
    holder = a_holder()
    holder.next_look = market.now + SECOND
    holder.decide(market.now, [GATE], market.view)
    return holder


def test_it_joins_the_best_price_or_pays_the_spread() -> None:
    patient, hasty = a_holder(crossing_share=0.0), a_holder(crossing_share=1.0)
    (joins,), (crosses,) = Market().ask(patient), Market().ask(hasty)
    assert isinstance(joins, PlaceOrder)
    assert isinstance(crosses, PlaceOrder)
    assert (joins.price, joins.quantity, joins.time_in_force) == (79_990, 13, TimeInForce.DAY)
    assert (crosses.price, crosses.quantity, crosses.time_in_force) == (80_010, 13, TimeInForce.IOC)


def test_it_takes_back_what_was_not_filled_before_it_bids_again() -> None:
    market, holder = Market(), a_holder()
    sent = market.ask(holder, [accepted(1, Side.BUY, 79_000, 13)])
    assert sent == [CancelAll(participant_id=ME, instrument_id=FUTURE)]


def test_a_hedger_sells() -> None:
    (order,) = Market().ask(a_holder(Side.SELL, crossing_share=1.0))
    assert isinstance(order, PlaceOrder)
    assert (order.side, order.price) == (Side.SELL, 79_990)


def test_it_stops_buying_at_its_wish() -> None:
    market, holder = Market(), a_holder()
    venue = EchoVenue(market, an_instrument())
    for _ in range(200):
        holder.desk.hear(venue.take(market.ask(holder)))
    assert venue.position == venue.most_at_risk == 100
    assert not [command for _ in range(20) for command in market.ask(holder)]


def test_a_fall_from_the_best_it_has_seen_frightens_it() -> None:
    """9% below 81,000 is 73,710."""
    market, holder = Market(), a_holder()
    for ticks, frightened in ((80_000, False), (81_000, False), (73_711, False), (73_709, True)):
        market.index(ticks)
        market.ask(holder)
        assert holder.frightened is frightened


def test_a_hedger_fears_a_rise() -> None:
    market, hedger = Market(), a_holder(Side.SELL)
    market.ask(hedger)
    market.index(87_300)
    market.ask(hedger)
    assert hedger.frightened


def test_a_gate_in_another_coin_leaves_it_calm() -> None:
    market, holder = Market(), a_holder()
    holder.decide(market.now, [CustodyGated(asset_id=AssetId("USDX"), mobile=0, frozen=1)], market.view)
    assert not holder.frightened


def test_frightened_it_cancels_and_closes_with_an_order_that_only_reduces() -> None:
    market = Market()
    holder = a_frightened_holder(market)
    cancel, close = market.ask(holder, [filled(1, Side.BUY, 80_000, 40), accepted(2, Side.BUY, 79_000, 13)])
    assert isinstance(cancel, CancelAll)
    assert isinstance(close, PlaceOrder)
    assert (close.side, close.quantity, close.price, close.reduce_only) == (Side.SELL, 40, None, True)


def test_it_waits_for_a_price_at_which_to_close() -> None:
    market = Market()
    holder = a_frightened_holder(market)
    market.best(None, 80_010)
    assert market.ask(holder, [filled(1, Side.BUY, 80_000, 40)]) == []


def test_flat_it_takes_its_free_cash_home() -> None:
    market = Market()
    (withdraw,) = market.ask(a_frightened_holder(market))
    assert withdraw == WithdrawCash(participant_id=ME, asset_id=RUBD, amount=100_000_000)


def test_it_takes_home_what_is_free_even_when_it_cannot_close() -> None:
    """Forty lots at RUB 8,000 stay locked while the series is suspended."""
    market = Market()
    holder = a_frightened_holder(market)
    market.state(SeriesState.SUSPENDED)
    (withdraw,) = market.ask(holder, [filled(1, Side.BUY, 80_000, 40)])
    assert isinstance(withdraw, WithdrawCash)
    assert withdraw.amount == 100_000_000 - 40 * 800_000


def test_refused_with_something_available_it_asks_for_that_at_once() -> None:
    market = Market()
    holder = a_frightened_holder(market)
    market.ask(holder)
    (again,) = market.ask(holder, [withdrawal_refused(100_000_000, available=30_000_000)])
    assert isinstance(again, WithdrawCash)
    assert again.amount == 30_000_000


def test_refused_with_nothing_available_it_asks_ever_more_rarely() -> None:
    market = Market()
    holder = a_frightened_holder(market)
    market.ask(holder)
    asked = []
    news = [withdrawal_refused(100_000_000, available=0)]
    started = market.now
    while market.now < started + 8 * PATIENCE:
        if market.ask(holder, news, after=SECOND):
            asked.append((market.now - started) / MINUTE)
            news = [withdrawal_refused(100_000_000, available=0)]
        else:
            news = []
    waits = [later - earlier for earlier, later in pairwise(asked)]
    assert len(asked) == 3
    assert waits[1] > 1.5 * waits[0]


def test_once_it_is_out_it_is_silent() -> None:
    market = Market()
    holder = a_frightened_holder(market)
    market.ask(holder)
    gone = WithdrawalRequested(participant_id=ME, withdrawal_id=1, asset_id=RUBD, amount=100_000_000)
    assert market.ask(holder, [gone, canceled(9)]) == []
    assert not [command for _ in range(20) for command in market.ask(holder)]


def test_fright_shortens_the_time_to_its_next_look() -> None:
    market, holder = Market(), a_holder()
    holder.next_look = OPENS + 600 * MINUTE
    holder.decide(OPENS, [GATE], market.view)
    assert holder.next_look < OPENS + 5 * MINUTE


def test_coins_that_came_home_are_redeemed_at_once() -> None:
    """Frightened or not: whoever has taken its coins out wants roubles, and does not wait for its next look."""
    market, holder = Market(), a_holder()
    holder.next_look = market.now + MINUTE
    home = WithdrawalCompleted(participant_id=ME, withdrawal_id=1, asset_id=RUBD, amount=705, fee=5)
    decision = holder.decide(market.now, [home], market.view)
    assert list(decision.commands) == [
        RedeemCoins(asset_id=RUBD, wallet_id=WalletId("wallet-me"), amount=700)
    ]
    assert decision.wake_at == holder.next_look


def test_money_that_no_issuer_takes_back_stays_at_home() -> None:
    """Bank money is at par where it is: a claim to have it redeemed would only be refused."""
    market, holder = Market(), a_holder()
    holder.next_look = market.now + MINUTE
    home = WithdrawalCompleted(participant_id=ME, withdrawal_id=1, asset_id=AssetId("RUB"), amount=700)
    assert not holder.decide(market.now, [home], market.view).commands
