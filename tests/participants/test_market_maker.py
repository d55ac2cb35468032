"""A market maker: both sides around the index, leaning against its inventory, gone when it is afraid.

Its limit is a hundred lots; a level is ten; half its spread is 6 bp, which is 48 ticks of 80,000.
"""

from collections.abc import Sequence

import pytest

from exchange.commands import CancelAll, Command, PlaceOrder
from exchange.events import CustodyGated, CustodyReopened, IndexStatus, SeriesState
from exchange.units import HOUR, MINUTE, SECOND
from matching.terms import PostOnly, Price, Side
from participants.profile import Style
from participants.strategies.market_maker import MarketMaker, MarketMakerTerms
from tests.participants.builders import OPENS, RUBD, Market, a_profile, accepted, an_instrument, dice, filled

TERMS = MarketMakerTerms(levels=3, quantity=10, spread_bp=12.0, spacing_bp=20.0, skew_bp=15.0, requote_bp=5.0)
ALL = CancelAll(participant_id=a_profile().participant_id, instrument_id=an_instrument().instrument_id)


def a_maker(terms: MarketMakerTerms = TERMS) -> MarketMaker:
    profile = a_profile(Style.MARKET_MAKER, attention_ns=2 * SECOND, fear_bp=500)
    return MarketMaker(profile, an_instrument(), dice(), OPENS, terms)


def an_empty_market() -> Market:
    market = Market()
    market.best(None, None)
    return market


def prices(commands: Sequence[Command], side: Side) -> list[Price | None]:
    return [one.price for one in commands if isinstance(one, PlaceOrder) and one.side is side]


def test_it_quotes_both_sides_around_the_index() -> None:
    commands = an_empty_market().ask(a_maker())
    assert commands[0] == ALL
    assert prices(commands, Side.BUY) == pytest.approx([79_952, 79_792, 79_632], abs=1)
    assert prices(commands, Side.SELL) == pytest.approx([80_048, 80_208, 80_368], abs=1)
    assert all(
        one.post_only is PostOnly.REJECT and one.quantity == 10
        for one in commands
        if isinstance(one, PlaceOrder)
    )


def test_it_is_silent_until_the_index_moves_by_its_threshold() -> None:
    """5 bp of 80,000 are 40 ticks."""
    market, maker = an_empty_market(), a_maker()
    market.ask(maker)
    market.index(80_039)
    assert market.ask(maker) == []
    market.index(80_041)
    assert market.ask(maker)[0] == ALL


def test_it_quotes_anew_once_a_level_was_filled() -> None:
    market, maker = an_empty_market(), a_maker()
    market.ask(maker)
    assert market.ask(maker, [filled(1, Side.BUY, 79_952, 9)]) == []
    assert market.ask(maker, [filled(1, Side.BUY, 79_952, 1)])[0] == ALL


def test_a_long_inventory_shifts_both_sides_down() -> None:
    """Half its limit, half of 15 bp: the reference falls by 60 ticks."""
    market, maker = an_empty_market(), a_maker(MarketMakerTerms(quantity=10, one_sided_weight=0.0))
    commands = market.ask(maker, [filled(1, Side.BUY, 80_000, 50)])
    assert prices(commands, Side.BUY)[0] == pytest.approx(79_892, abs=1)
    assert prices(commands, Side.SELL)[0] == pytest.approx(79_988, abs=1)


def test_at_its_limit_it_quotes_one_side_only() -> None:
    market, maker = an_empty_market(), a_maker()
    commands = market.ask(maker, [filled(1, Side.SELL, 80_000, 95)])
    sold = [one for one in commands if isinstance(one, PlaceOrder) and one.side is Side.SELL]
    assert [one.quantity for one in sold] == [5]
    assert len(prices(commands, Side.BUY)) == 3


def test_it_widens_when_the_index_is_restless() -> None:
    market, maker = an_empty_market(), a_maker()
    market.ask(maker)
    calm = maker.half_spread_bp
    for ticks in (80_100, 79_900, 80_120, 79_880):
        market.index(ticks)
        market.ask(maker)
    assert maker.half_spread_bp > calm + 1.0


def test_it_widens_when_all_fills_are_on_one_side_and_not_when_they_alternate() -> None:
    one_sided, alternating = a_maker(), a_maker()
    for maker, sides in ((one_sided, (Side.BUY, Side.BUY)), (alternating, (Side.BUY, Side.SELL))):
        market = an_empty_market()
        market.ask(maker)
        market.ask(maker, [filled(n, side, 80_000, 10) for n, side in enumerate(sides)])
    assert one_sided.half_spread_bp == pytest.approx(12.0)
    assert alternating.half_spread_bp == pytest.approx(6.0)


def test_it_does_not_quote_through_the_orders_of_others() -> None:
    """Somebody offers at 79,900, below where it would bid: it bids half a spread below that offer."""
    market, maker = Market(), a_maker()
    market.best(79_880, 79_900)
    commands = market.ask(maker)
    assert prices(commands, Side.BUY)[0] == int(79_900 * (1 - 6 / 10_000))
    market.index(80_100)
    market.best(79_880, 80_049)
    commands = market.ask(maker, [accepted(1, Side.SELL, 80_049, 10)])  # its own offer does not bind it
    assert prices(commands, Side.BUY)[0] == int(80_100 * (1 - maker.half_spread_bp / 10_000))


def test_it_leaves_when_the_index_is_stale_and_returns_with_it() -> None:
    market, maker = an_empty_market(), a_maker()
    market.ask(maker)
    market.index(80_000, IndexStatus.STALE)
    assert market.ask(maker) == [ALL]
    assert market.ask(maker) == []
    market.index(80_000)
    assert len(market.ask(maker)) == 7


def test_it_leaves_when_the_index_falls_too_far_and_stays_away_for_a_while() -> None:
    """It fears 500 bp; the index falls by 600."""
    market, maker = an_empty_market(), a_maker()
    market.ask(maker)
    market.index(75_200)
    assert market.ask(maker) == [ALL]
    assert market.ask(maker, after=MINUTE) == []
    assert len(market.ask(maker, after=3 * HOUR)) > 1  # the slow average has come down to it


def test_it_leaves_while_the_coins_are_gated() -> None:
    market, maker = an_empty_market(), a_maker()
    market.ask(maker)
    assert market.ask(maker, [CustodyGated(asset_id=RUBD, mobile=0, frozen=1)]) == [ALL]
    assert market.ask(maker) == []
    assert len(market.ask(maker, [CustodyReopened(asset_id=RUBD, mobile=1)])) == 7


def test_after_a_halt_it_quotes_anew() -> None:
    market, maker = an_empty_market(), a_maker()
    market.ask(maker)
    market.state(SeriesState.SUSPENDED)
    assert market.ask(maker) == []
    market.state(SeriesState.TRADING)
    assert len(market.ask(maker)) == 7
