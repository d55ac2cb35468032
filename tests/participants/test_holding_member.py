"""A clearing member with a position of its own: it holds it, and answers its first call from its reserve."""

from exchange.commands import AcceptClient, DepositCash, PlaceOrder
from exchange.events import ClientApplied, MarginCalled
from matching.terms import Side
from participants.profile import Style
from participants.strategies.holding_member import HoldingMember
from tests.participants.builders import ME, OPENS, RUBD, Market, a_profile, an_instrument, dice

CALLED = MarginCalled(participant_id=ME, amount=1_000, deadline=OPENS)


def a_member(reserve: int, direction: Side = Side.BUY) -> HoldingMember:
    profile = a_profile(Style.MARKET_MAKER)
    return HoldingMember(profile, an_instrument(), dice(), OPENS, direction, reserve)


def test_it_builds_its_position_like_a_holder() -> None:
    for direction in (Side.BUY, Side.SELL):
        (order,) = Market().ask(a_member(0, direction))
        assert isinstance(order, PlaceOrder)
        assert order.side is direction


def test_it_brings_all_of_its_reserve_at_the_first_call_at_once_and_never_again() -> None:
    market, member = Market(), a_member(7_000)
    assert MarginCalled in member.wakes_for
    member.next_look = market.now + 10**9
    decision = member.decide(market.now, [CALLED], market.view)
    assert decision.commands == [DepositCash(participant_id=ME, asset_id=RUBD, amount=7_000)]
    assert decision.wake_at == member.next_look
    assert not member.decide(market.now, [CALLED], market.view).commands


def test_without_a_reserve_it_brings_nothing() -> None:
    market, member = Market(), a_member(0)
    member.next_look = market.now + 10**9
    assert not member.decide(market.now, [CALLED], market.view).commands


def test_it_takes_clients_on_without_looking_at_the_market() -> None:
    market, member = Market(), a_member(7_000)
    assert ClientApplied in member.wakes_for
    member.next_look = market.now + 10**9
    asked = ClientApplied(participant_id=ME, client_id="first", at_risk=0, clients=0)
    decision = member.decide(market.now, [asked], market.view)
    assert decision.commands == [AcceptClient(participant_id=ME, client_id="first")]
    assert decision.wake_at == member.next_look
