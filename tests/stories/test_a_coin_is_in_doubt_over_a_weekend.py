"""The shipped weekend: 8.25% of a coin's reserves are stuck, nobody can redeem it, and then it is all there again."""

from collections.abc import Iterator
from itertools import takewhile

import pytest

from exchange.events import (
    BucketSettled,
    CashDeposited,
    CashPriced,
    CoinRequestRefused,
    CoinsRedeemed,
    OrderFilled,
    RedemptionRequested,
    RedemptionsProcessed,
    ReserveStatusChanged,
)
from exchange.reasons import CashRefusal
from exchange.units import DAY, HOUR, MINUTE, Time
from scenarios.config.regime_file import read_regime, with_cash
from scenarios.config.scenario_file import load_world
from scenarios.world import World
from tests.scenarios.small_worlds import Kept, live


@pytest.fixture(scope="module")
def weekend() -> Iterator[tuple[World, Kept]]:
    world = load_world("depeg_2023_03")
    yield world, live(world)


def price(kept: Kept, at: Time) -> float:
    until = takewhile(lambda entry: entry.time <= at, kept.told)
    told = [entry.event.price_ppm for entry in until if isinstance(entry.event, CashPriced)]
    return told[-1] / 1_000_000 if told else 1.0


def test_the_price_falls_with_the_news_and_rises_with_each_promise(weekend: tuple[World, Kept]) -> None:
    world, kept = weekend
    disclosed, promised, guaranteed, freed = [at for at, _ in world.directives]
    reopened = freed + HOUR
    before, hours_later = price(kept, disclosed), price(kept, disclosed + 4 * HOUR)
    waiting, after_promise = price(kept, promised - MINUTE), price(kept, promised + 4 * HOUR)
    after_guarantee, at_the_end = price(kept, guaranteed + 8 * HOUR), price(kept, reopened + 4 * HOUR)
    assert before > 0.999
    assert hours_later < 0.92  # what the reserves that can be reached would pay
    assert waiting < 0.92  # for as long as nobody says otherwise
    assert hours_later < after_promise < 0.99
    assert after_promise < after_guarantee < at_the_end
    assert at_the_end > 0.999


def test_nobody_redeems_while_the_banks_are_closed_and_trading_goes_on(weekend: tuple[World, Kept]) -> None:
    world, kept = weekend
    shut, reopened = world.opens // DAY * DAY + DAY, world.directives[-1][0] + HOUR
    assert reopened - shut == 62 * HOUR
    redeemed = [entry.time for entry in kept.told if isinstance(entry.event, CoinsRedeemed)]
    handed_in = [entry.time for entry in kept.told if isinstance(entry.event, RedemptionRequested)]
    assert any(world.directives[0][0] < time < shut for time in handed_in)
    assert min(redeemed) == reopened  # roubles for what was handed in on Friday come with the banks
    assert any(shut < e.time < reopened for e in kept.told if isinstance(e.event, OrderFilled))


def test_all_who_wait_are_paid_on_monday(weekend: tuple[World, Kept]) -> None:
    """A sixth of the reserves is money in a sound bank, and more than the few who may redeem hand in."""
    world, kept = weekend
    reopened = world.directives[-1][0] + HOUR
    (processed,) = kept.events(RedemptionsProcessed)
    assert processed.paid > 0 == processed.queued
    stuck, freed = kept.events(ReserveStatusChanged)
    assert round((stuck.book - stuck.accessible) / stuck.book, 4) == 0.0825
    assert freed.accessible == freed.book
    in_time = [
        e.event.amount for e in kept.told if isinstance(e.event, RedemptionRequested) and e.time <= reopened
    ]
    assert sum(in_time) == processed.paid == sum(event.amount for event in kept.events(CoinsRedeemed))


def test_those_who_hold_the_coin_as_money_sell_it_to_the_few_whom_the_issuer_serves(
    weekend: tuple[World, Kept],
) -> None:
    _, kept = weekend
    handed_in = {event.wallet_id for event in kept.events(RedemptionRequested)}
    assert handed_in >= {"wallet-redeemer_gamma", "wallet-redeemer_delta"}
    assert not any(wallet.startswith("wallet-coin_holder") for wallet in handed_in)


def test_the_same_weekend_in_money_proper_is_one_like_others() -> None:
    """There is no pair to trade, and no reserve to be stuck; the future beside it is traded as it would have been."""
    regime = with_cash("ru_open_counterfactual", "digital_rouble")
    world = load_world("depeg_2023_03", cash=read_regime(regime).cash.terms)
    assert [one.instrument_id for one in world.instruments] == ["BTC_RUBD-13MAR23"]
    kept = live(world, regime)
    assert not kept.events(CashPriced)
    assert {one.reason for one in kept.events(CoinRequestRefused)} == {CashRefusal.NOT_A_COIN}
    days = {entry.time // DAY for entry in kept.told if isinstance(entry.event, OrderFilled)}
    assert len(days) == 4
    (bucket,) = kept.events(BucketSettled)
    assert bucket.pool > 0


def test_what_redeemers_are_paid_comes_back_to_the_venue(weekend: tuple[World, Kept]) -> None:
    _, kept = weekend
    paid = [e.amount for e in kept.events(CoinsRedeemed) if e.wallet_id == "wallet-redeemer_gamma"]
    brought = [
        event.amount
        for event in kept.events(CashDeposited)
        if event.participant_id == "redeemer_gamma" and event.asset_id == "RUB"
    ]
    assert paid
    assert sum(brought[1:]) == sum(paid)  # the first is what it came with
