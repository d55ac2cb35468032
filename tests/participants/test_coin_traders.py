"""Those who trade a coin: what they make of news, what they quote, when they run, and the way of the money."""

from collections.abc import Sequence
from typing import Any

import pytest

from exchange.cash.hours import BankingHours
from exchange.cash.issuer_states import IssuerState
from exchange.cash.terms import CoinTerms, RedemptionTerms, ReserveClass, ReserveStatus, ReserveTerms
from exchange.commands import (
    CancelAll,
    Command,
    DepositCash,
    DiscloseReserves,
    MintCoins,
    PauseIssuer,
    PlaceOrder,
    RedeemCoins,
    UnpauseIssuer,
    WithdrawCash,
)
from exchange.events import (
    CashRequestRejected,
    CoinsRedeemed,
    Event,
    IssuerPaused,
    IssuerStateChanged,
    IssuerUnpaused,
    OrderFilled,
    PrivateEvent,
    RedemptionCanceled,
    RedemptionRequested,
    RedemptionsProcessed,
    ReservesCoverSupply,
    ReservesDisclosed,
    ReserveStatusChanged,
    SupplyExceedsReserves,
    WithdrawalCompleted,
)
from exchange.messages import changed
from exchange.reasons import CashRefusal
from exchange.units import DAY, HOUR, MINUTE, SECOND, AssetId, WalletId
from exchange.views import MarketView, PublicTape
from matching.terms import Side, TimeInForce
from participants.coin_news import Beliefs, CoinNews, Tone
from participants.desk import Desk
from participants.strategies.authorised_redeemer import AuthorisedRedeemer, RedeemerTerms
from participants.strategies.coin_maker import CoinMaker, CoinMakerTerms
from participants.strategies.coin_trader import CoinTrader
from participants.strategies.running_holder import RunningHolder, RunningHolderTerms
from tests.builders import PAIR, ROUBLE, RUB, RUBD, Venue, cash_pair, coin_terms, rouble_terms
from tests.exchange.test_cash_pairs import BOTH, LOT
from tests.participants.builders import ME, OPENS, Market, a_profile, deposited, dice, filled

MINE = WalletId("wallet-me")
BY_DAY = BankingHours(opens=OPENS % DAY - HOUR, closes=OPENS % DAY + HOUR, weekdays=tuple(range(7)))
COVERED = ReservesCoverSupply(asset_id=RUBD, supply=100, book=100)
PAUSED, UNPAUSED = IssuerPaused(asset_id=RUBD), IssuerUnpaused(asset_id=RUBD)
BOLD = Beliefs(trust_ppm=750_000, risk_ppm=500_000, wait_ppm=5_000)


def said(stuck_ppm: int, covered: bool = False, asset_id: AssetId = RUBD) -> ReservesDisclosed:
    return ReservesDisclosed(asset_id=asset_id, stuck_ppm=stuck_ppm, covered=covered, statement="")


def reserves(stuck: int = 0, lost: int = 0) -> ReserveStatusChanged:
    """Of a hundred."""
    status = ReserveStatus.STUCK if stuck else ReserveStatus.LOST if lost else ReserveStatus.OK
    return ReserveStatusChanged(
        asset_id=RUBD, bucket="b", status=status, lost=lost, book=100 - lost, accessible=100 - lost - stuck
    )


def in_state(state: IssuerState) -> IssuerStateChanged:
    return IssuerStateChanged(asset_id=RUBD, state=state, before=IssuerState.ACTIVE)


def missing(percent: int) -> SupplyExceedsReserves:
    return SupplyExceedsReserves(asset_id=RUBD, supply=100, book=100 - percent, shortfall=percent)


def processed(queued: int) -> RedemptionsProcessed:
    return RedemptionsProcessed(asset_id=RUBD, paid=1, queued=queued, liquid=0)


def requested(ticket_id: int, amount: int) -> RedemptionRequested:
    return RedemptionRequested(asset_id=RUBD, ticket_id=ticket_id, wallet_id=MINE, amount=amount, fee=0)


def orders(commands: Sequence[Command]) -> list[PlaceOrder]:
    return [command for command in commands if isinstance(command, PlaceOrder)]


def dealt(side: Side, price: int, quantity: int) -> OrderFilled:
    return changed(filled(1, side, price, quantity), instrument_id=PAIR)


def a_maker(coins: int = 100 * LOT, **terms: Any) -> CoinMaker:
    profile = a_profile(deposit=100 * LOT, desired_exposure=50 * LOT, attention_ns=30 * SECOND)
    return CoinMaker(profile, cash_pair(), dice(), OPENS, coins, CoinMakerTerms(**terms))


def a_redeemer(coins: int = 0, **terms: Any) -> AuthorisedRedeemer:
    profile = a_profile(deposit=100 * LOT, desired_exposure=100 * LOT)
    return AuthorisedRedeemer(profile, cash_pair(), dice(), OPENS, coins, RedeemerTerms(**terms))


def a_holder(**terms: Any) -> RunningHolder:
    profile = a_profile(deposit=0, desired_exposure=100 * LOT)
    return RunningHolder(profile, cash_pair(), dice(), OPENS, 100 * LOT, RunningHolderTerms(**terms))


# --- news


@pytest.mark.parametrize(
    ("event", "tone"),
    [
        (PAUSED, Tone.BAD),
        (UNPAUSED, Tone.GOOD),
        (said(80_000), Tone.BAD),
        (said(80_000, covered=True), Tone.GOOD),
        (said(0), Tone.GOOD),
        (said(80_000, asset_id=RUB), None),
        (IssuerPaused(asset_id=RUB), None),
        (reserves(stuck=8), Tone.BAD),
        (reserves(), Tone.GOOD),
        (reserves(lost=8), Tone.BAD),
        (in_state(IssuerState.REDEMPTION_GATED), Tone.BAD),
        (in_state(IssuerState.DEFAULT), Tone.BAD),
        (in_state(IssuerState.MINT_SUSPENDED), None),
        (missing(8), Tone.BAD),
        (COVERED, Tone.GOOD),
        (processed(queued=1), Tone.BAD),
        (processed(queued=0), None),
    ],
)
def test_news_is_good_or_bad_or_about_something_else(event: Event, tone: Tone | None) -> None:
    assert CoinNews(RUBD).hear(event) is tone


@pytest.mark.parametrize(
    ("events", "worth"),
    [
        ([], 1_000_000),
        ([PAUSED], 995_000),
        ([said(80_000)], 880_000),  # a loss of eight points, and half of that for bearing it
        ([said(80_000), PAUSED], 875_000),
        ([said(80_000), PAUSED, said(80_000, covered=True)], 965_000),  # a quarter of it is not believed
        ([said(80_000), PAUSED, said(0)], 995_000),
        ([said(80_000), said(0), UNPAUSED], 1_000_000),
        ([said(1_000_000)], 0),
        ([reserves(stuck=8)], 880_000),
        ([reserves(stuck=8), said(80_000, covered=True), PAUSED], 965_000),
        ([said(80_000, covered=True), reserves(stuck=9)], 865_000),  # worse than what was promised for
        ([reserves(lost=8), missing(8)], 880_000),
        ([reserves(lost=8), missing(8), COVERED], 1_000_000),
        ([in_state(IssuerState.REDEMPTION_GATED)], 995_000),
        ([in_state(IssuerState.REDEMPTION_GATED), in_state(IssuerState.ACTIVE)], 1_000_000),
        ([in_state(IssuerState.REDEMPTION_GATED), PAUSED, UNPAUSED], 995_000),  # gated as before
        ([processed(queued=5)], 995_000),
        ([processed(queued=5), processed(queued=0)], 1_000_000),
    ],
)
def test_what_a_coin_is_worth_after_the_news(events: list[Event], worth: int) -> None:
    news = CoinNews(RUBD)
    for event in events:
        news.hear(event)
    assert news.worth_ppm(BOLD, OPENS) == worth


def test_a_queue_is_bad_news_when_it_grows_and_good_news_when_it_is_gone() -> None:
    news = CoinNews(RUBD)
    told = [news.hear(processed(queued=queued)) for queued in (5, 9, 4, 0, 0)]
    assert told == [Tone.BAD, Tone.BAD, None, Tone.GOOD, None]


def test_that_the_bank_is_closed_matters_to_those_who_are_in_doubt() -> None:
    news, night = CoinNews(RUBD, BY_DAY), OPENS + DAY // 2
    assert (news.shut(OPENS), news.shut(night)) == (False, True)
    assert news.worth_ppm(BOLD, night) == 1_000_000 and not news.in_doubt
    news.hear(reserves(stuck=8))
    news.hear(said(0))  # they are said to be there, and nobody has seen them yet
    assert news.worth_ppm(BOLD, OPENS) == 1_000_000
    assert news.worth_ppm(BOLD, night) == 995_000 and news.in_doubt
    news.hear(reserves())
    assert news.worth_ppm(BOLD, night) == 1_000_000


# --- the desk


def test_a_desk_knows_both_purses() -> None:
    desk = Desk(ME, (cash_pair(),), {RUB: 10 * LOT, RUBD: 5 * LOT})
    assert desk.position(PAIR) == 5
    desk.hear([dealt(Side.BUY, 9_000, 2)])
    assert desk.free_cash(RUB) == 10 * LOT - 2 * 900 * ROUBLE
    assert desk.free_cash(RUBD) == 7 * LOT
    desk.hear([deposited(LOT)])
    assert desk.position(PAIR) == 8
    assert desk.free_cash(RUBD) == 8 * LOT
    assert desk.affordable(PAIR, Side.SELL, 9_000, 100) == 8
    assert desk.affordable(PAIR, Side.BUY, 10_000, 100) == 8


# --- the maker


def test_it_quotes_both_sides_of_par_within_its_purse() -> None:
    market, maker = Market(), a_maker(levels=2, quantity=60)
    maker.first_wake()
    sent = orders(market.ask(maker))
    assert [(o.side, o.price, o.quantity) for o in sent] == [
        (Side.BUY, 9_998, 50),  # as far as its limit
        (Side.SELL, 10_002, 50),
    ]


def test_bad_news_takes_it_off_and_it_comes_back_wide_and_small_around_what_is_left() -> None:
    market, maker = Market(), a_maker(levels=1, absence_ns=10 * MINUTE, beliefs=BOLD)
    maker.first_wake()
    market.ask(maker)
    decision = maker.decide(market.now, [said(80_000)], market.view)
    assert [type(command) for command in decision.commands] == [CancelAll]
    sent = orders(market.ask(maker, after=10 * MINUTE))
    assert [(o.side, o.price, o.quantity) for o in sent] == [(Side.BUY, 8_789, 25), (Side.SELL, 8_811, 25)]


def test_coins_that_it_did_not_want_move_both_sides_down() -> None:
    market, maker = Market(), a_maker(levels=1, skew_bp=10.0)
    maker.first_wake()
    market.ask(maker)
    sent = orders(market.ask(maker, [dealt(Side.BUY, 9_998, 50)]))
    assert [(o.side, o.price) for o in sent] == [(Side.SELL, 9_992)]  # full: it only sells


# --- the redeemer


def test_it_bids_just_below_par_while_it_can_redeem_and_far_below_while_it_cannot() -> None:
    market, redeemer = Market(), a_redeemer(cost_ppm=1_000, beliefs=BOLD)
    redeemer.first_wake()
    (calm,) = orders(market.ask(redeemer))
    assert (calm.side, calm.price, calm.quantity) == (Side.BUY, 9_990, 10)
    (shut,) = orders(market.ask(redeemer, [said(80_000), PAUSED], HOUR))
    assert shut.price == 8_740
    (open_again,) = orders(market.ask(redeemer, [said(0), UNPAUSED], HOUR))
    assert open_again.price == 9_990


def test_the_more_of_its_capital_is_in_coins_the_less_it_bids_while_redemption_is_shut() -> None:
    market, redeemer = Market(), a_redeemer(coins=100 * LOT, slope_ppm=30_000, beliefs=BOLD)
    redeemer.first_wake()
    redeemer.decide(market.now, [PAUSED], market.view)
    assert redeemer.bid_ppm(market.now) == 995_000 - 1_000 - 15_000


def test_coins_go_home_and_to_the_issuer_and_the_roubles_come_back() -> None:
    market, redeemer = Market(), a_redeemer(coins=5 * LOT)
    redeemer.first_wake()
    assert WithdrawCash(participant_id=ME, asset_id=RUBD, amount=5 * LOT) in market.ask(redeemer)
    home = WithdrawalCompleted(participant_id=ME, withdrawal_id=1, asset_id=RUBD, amount=5 * LOT)
    decided = redeemer.decide(market.now, [home], market.view).commands
    assert list(decided) == [RedeemCoins(asset_id=RUBD, wallet_id=MINE, amount=5 * LOT)]
    paid = CoinsRedeemed(asset_id=RUBD, wallet_id=MINE, amount=5 * LOT, supply=0, ticket_id=1, fee=ROUBLE)
    back = DepositCash(participant_id=ME, asset_id=RUB, amount=5 * LOT - ROUBLE)
    assert back in market.ask(redeemer, [requested(1, 5 * LOT), paid])
    assert back not in market.ask(redeemer)
    refused = CashRequestRejected(
        participant_id=ME,
        request="DepositCash",
        asset_id=RUB,
        amount=5 * LOT - ROUBLE,
        available=0,
        reason=CashRefusal.INSUFFICIENT_FUNDS,
    )
    market.ask(redeemer, [refused])
    assert back in market.ask(redeemer, after=HOUR)


@pytest.mark.parametrize("trader", ["redeemer", "holder"])
def test_only_what_arrived_at_home_is_handed_in(trader: str) -> None:
    """The keeper's fee of the way home is gone; a claim for more than is there would be refused for ever."""
    who = a_redeemer(coins=5 * LOT) if trader == "redeemer" else a_holder(eligible_share=1.0)
    market = Market()
    who.first_wake()
    home = changed(at_home(5 * LOT), fee=ROUBLE)
    assert handed_in(who.decide(market.now, [home], market.view).commands) == [5 * LOT - ROUBLE]


def test_while_redemption_is_shut_coins_at_home_wait_and_go_in_when_it_opens() -> None:
    market, redeemer = Market(), a_redeemer(coins=5 * LOT)
    redeemer.first_wake()
    home = WithdrawalCompleted(participant_id=ME, withdrawal_id=1, asset_id=RUBD, amount=LOT)
    shut = redeemer.decide(market.now, [PAUSED, home], market.view).commands
    assert not [c for c in shut if isinstance(c, RedeemCoins)]
    opened = redeemer.decide(market.now, [UNPAUSED], market.view).commands
    assert RedeemCoins(asset_id=RUBD, wallet_id=WalletId("wallet-me"), amount=LOT) in opened


def handed_in(commands: Sequence[Command]) -> list[int]:
    return [command.amount for command in commands if isinstance(command, RedeemCoins)]


def at_home(amount: int) -> WithdrawalCompleted:
    return WithdrawalCompleted(participant_id=ME, withdrawal_id=1, asset_id=RUBD, amount=amount)


def test_what_the_issuer_refuses_is_handed_in_again_after_a_while() -> None:
    market, redeemer = Market(), a_redeemer(coins=5 * LOT)
    redeemer.first_wake()
    assert handed_in(redeemer.decide(market.now, [at_home(LOT)], market.view).commands) == [LOT]
    assert handed_in(redeemer.decide(market.now + MINUTE, [], market.view).commands) == []
    assert redeemer.home.coins == LOT
    assert handed_in(redeemer.decide(market.now + HOUR, [], market.view).commands) == [LOT]


def test_what_waits_in_the_queue_is_counted_until_it_is_paid_or_comes_back() -> None:
    redeemer = a_redeemer()
    home = redeemer.home
    home.coins = 5 * LOT
    home.hear(requested(1, 2 * LOT))
    home.hear(requested(2, 3 * LOT))
    assert (home.coins, home.queued, home.paid_out) == (0, 5 * LOT, 0)
    home.hear(CoinsRedeemed(asset_id=RUBD, wallet_id=MINE, amount=LOT, supply=0, ticket_id=1))
    home.hear(RedemptionCanceled(asset_id=RUBD, ticket_id=2, wallet_id=MINE, amount=3 * LOT))
    assert (home.coins, home.queued, home.paid_out) == (3 * LOT, LOT, LOT)
    home.hear(changed(requested(3, LOT), wallet_id=WalletId("another")))
    assert home.coins == 3 * LOT


def test_above_par_it_sells_what_it_has_and_then_mints_if_it_may() -> None:
    market = Market()
    market.best(10_050, 10_060, instrument_id=PAIR)
    for minter, asked in (("minter", True), (None, False)):
        redeemer = a_redeemer(minter=minter)
        redeemer.first_wake()
        wanted = [c for c in market.ask(redeemer) if isinstance(c, WithdrawCash)]
        assert bool(wanted) is asked
    redeemer = a_redeemer(coins=3 * LOT, minter="minter")
    redeemer.first_wake()
    sold = [o for o in orders(market.ask(redeemer)) if o.side is Side.SELL]
    assert [(o.price, o.quantity, o.time_in_force) for o in sold] == [(10_010, 3, TimeInForce.IOC)]


class _Live:
    """A venue with one trader at its desk: what it sends is done, what it is told it hears."""

    def __init__(self, trader: CoinTrader, coins: int, roubles: int, terms: CoinTerms | None = None) -> None:
        self.venue = Venue(cash_pair(), assets=BOTH, coin=terms, more_coins=(rouble_terms(),))
        self.trader = trader
        self.venue.admit(ME, 0)
        for asset_id, amount in ((RUBD, coins), (RUB, roubles)):
            if amount:
                self.venue.pay_in(ME, amount, asset_id)

    def hear(self, events: list[Event]) -> list[Command]:
        news = [e for e in events if isinstance(e, PrivateEvent) or type(e) in self.trader.follows]
        view = MarketView(PublicTape(), self.venue.now)
        return list(self.trader.decide(self.venue.now, news, view).commands)

    def do(self, commands: list[Command]) -> list[Event]:
        return [event for command in commands for event in self.venue.tell(command)]


def test_the_issuer_mints_for_it_what_it_pays_in() -> None:
    """Roubles leave the venue, go to the issuer, and come back as coins."""
    redeemer = a_redeemer(minter="minter")
    live = _Live(redeemer, 0, 100 * LOT)
    asked = live.do([WithdrawCash(participant_id=ME, asset_id=RUB, amount=10 * LOT)])
    done = live.venue.wait_until(live.venue.now + 2 * SECOND)
    sent = live.hear([*asked, *done])
    assert [type(command) for command in sent if isinstance(command, MintCoins)]
    live.hear(live.do(sent))
    assert live.venue.cash_of(ME, RUBD) == (10 * LOT, 0)
    assert redeemer.desk.free_cash(RUBD) == 10 * LOT
    assert redeemer.desk.free_cash(RUB) == 90 * LOT == live.venue.cash_of(ME, RUB)[0]


HALF_IN_BILLS = (
    ReserveTerms(name="cash", reserve_class=ReserveClass.CASH, custodian="issuer", weight_bp=5_000),
    ReserveTerms(
        name="bills",
        reserve_class=ReserveClass.SHORT_BILLS,
        custodian="depository",
        weight_bp=5_000,
        liquidity_days=1,
    ),
)


def test_its_coins_wait_in_the_queue_and_all_its_roubles_come_back_to_the_venue() -> None:
    """Half of the reserves is money; the other half of its coins is paid a day later, at the bank."""
    redeemer = a_redeemer(coins=10 * LOT)
    redeemer.first_wake()
    live = _Live(
        redeemer,
        10 * LOT,
        0,
        coin_terms(reserves=HALF_IN_BILLS, redemption=RedemptionTerms(processing_interval=15 * MINUTE)),
    )
    live.do([WithdrawCash(participant_id=ME, asset_id=RUBD, amount=10 * LOT)])
    heard = live.do(live.hear(live.venue.wait_until(live.venue.now + 2 * SECOND)))
    for _ in range(2 * 24 * 4):
        heard = live.do(live.hear([*heard, *live.venue.wait_until(live.venue.now + 15 * MINUTE)]))
    live.hear(heard)
    issuer = live.venue.state.holdings[RUBD].issuer
    assert issuer.supply == issuer.backlog() == redeemer.home.queued == 0
    assert live.venue.cash_of(ME, RUB) == (10 * LOT, 0)
    assert (redeemer.home.coins, redeemer.home.paid_out) == (0, 0)


# --- the holder


def test_a_holder_sits_still_above_its_threshold_and_sells_below() -> None:
    market, holder = (
        Market(),
        a_holder(eligible_share=0.0, threshold_spread_ppm=0, price_share=1.0, alarm=1, doubt_ppm=10**6),
    )
    holder.first_wake()
    market.best(9_900, 9_900, instrument_id=PAIR)
    assert market.ask(holder) == []
    market.best(9_898, 9_900, instrument_id=PAIR)
    (sold,) = orders(market.ask(holder))
    assert (sold.side, sold.price, sold.quantity, sold.time_in_force) == (
        Side.SELL,
        9_898,
        25,
        TimeInForce.IOC,
    )


def test_the_frightened_look_more_often() -> None:
    calm, scared = a_holder(news_share=0.0, alarm=4), a_holder(news_share=1.0, alarm=4)
    for holder in (calm, scared):
        holder.react(OPENS, Tone.BAD)
    assert not calm.frightened and scared.frightened
    assert sum(scared.pause() for _ in range(200)) * 3 < sum(calm.pause() for _ in range(200))


def test_it_does_not_sell_below_what_the_coin_is_worth_to_it() -> None:
    market, holder = Market(), a_holder(news_share=1.0, eligible_share=0.0, beliefs=BOLD)
    holder.first_wake()
    holder.decide(market.now, [said(80_000)], market.view)
    low = -(-holder.floor_ppm(market.now) // 100)
    assert holder.floor_ppm(market.now) <= 880_000
    market.best(low - 1, low, instrument_id=PAIR)
    assert orders(market.ask(holder)) == []
    market.best(low, low + 1, instrument_id=PAIR)
    assert len(orders(market.ask(holder))) == 1


def test_whoever_may_redeems_instead_while_it_can() -> None:
    market, holder = Market(), a_holder(news_share=1.0, eligible_share=1.0)
    holder.first_wake()
    holder.decide(market.now, [said(80_000)], market.view)
    assert market.ask(holder) == [WithdrawCash(participant_id=ME, asset_id=RUBD, amount=100 * LOT)]
    market.ask(holder, [PAUSED])
    assert len(orders(market.ask(holder))) == 1  # shut: it sells


def test_good_news_calms_and_some_come_back() -> None:
    market = Market()
    holder = a_holder(news_share=1.0, calm_share=1.0, return_share=1.0, eligible_share=0.0)
    holder.first_wake()
    holder.decide(market.now, [said(80_000)], market.view)
    market.best(9_999, 10_000, instrument_id=PAIR)
    (returning,) = orders(market.ask(holder, [dealt(Side.SELL, 9_000, 25), said(0)]))
    assert not holder.frightened
    assert (returning.side, returning.price, returning.quantity) == (Side.BUY, 10_000, 22)  # what it can pay


def a_bystander(**terms: Any) -> RunningHolder:
    """With a hundred thousand roubles beside its coins; nothing frightens it."""
    profile = a_profile(deposit=100 * LOT, desired_exposure=100 * LOT)
    calm = RunningHolderTerms(news_share=0.0, price_share=0.0, beliefs=BOLD, **terms)
    return RunningHolder(profile, cash_pair(), dice(), OPENS, 100 * LOT, calm)


def test_who_is_not_frightened_buys_for_less_than_the_coin_is_worth_to_it() -> None:
    market, holder = Market(), a_bystander()
    holder.first_wake()
    holder.decide(market.now, [said(80_000), PAUSED], market.view)
    worth = holder.worth_ppm(market.now) // 100
    assert worth < 9_200
    market.best(worth - 50, worth + 1, instrument_id=PAIR)
    assert orders(market.ask(holder)) == []
    market.best(worth - 50, worth, instrument_id=PAIR)
    (bought,) = orders(market.ask(holder))
    assert (bought.side, bought.price, bought.quantity) == (Side.BUY, worth, 25)


def test_whoever_believes_good_news_is_not_frightened_by_the_price_until_there_is_bad_news() -> None:
    market = Market()
    holder = a_holder(news_share=0.0, price_share=1.0, calm_share=1.0, threshold_spread_ppm=0)
    holder.first_wake()
    holder.decide(market.now, [said(80_000), said(80_000, covered=True)], market.view)
    market.best(9_000, 9_002, instrument_id=PAIR)
    market.ask(holder)
    assert not holder.frightened
    market.ask(holder, [PAUSED])
    assert holder.frightened


def test_events_of_the_venue_are_what_they_hear() -> None:
    """What the venue publishes of a disclosure and a pause is the news of all three."""
    venue = Venue(cash_pair(), assets=BOTH, more_coins=(rouble_terms(),))
    news = CoinNews(RUBD)
    for command, tone in (
        (DiscloseReserves(asset_id=RUBD, stuck_ppm=80_000, covered=False, statement="stuck"), Tone.BAD),
        (PauseIssuer(asset_id=RUBD, signatures=("issuer",)), Tone.BAD),
        (DiscloseReserves(asset_id=RUBD, stuck_ppm=0, covered=True, statement="freed"), Tone.GOOD),
        (UnpauseIssuer(asset_id=RUBD, signatures=("issuer",)), Tone.GOOD),
    ):
        (event,) = venue.tell(command)
        assert news.hear(event) is tone
