"""Random trading, payments, freezes and pauses around a pair of cash assets; every invariant after every command."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.cash.terms import CashPriceTerms
from exchange.commands import (
    CancelAll,
    Command,
    DepositCash,
    DiscloseReserves,
    FreezeParticipant,
    FreezeWallet,
    InstructSettlement,
    PauseIssuer,
    PlaceOrder,
    RedeemCoins,
    RunSettlementCycle,
    SettlementModel,
    UnfreezeParticipant,
    UnfreezeWallet,
    UnpauseIssuer,
    WithdrawCash,
)
from exchange.units import SECOND, AssetId, WalletId
from matching.terms import TimeInForce
from tests.builders import (
    ANN,
    BOB,
    BUY,
    CYD,
    PAIR,
    RUB,
    RUBD,
    SELL,
    Venue,
    a_regime,
    a_risk_regime,
    cash_pair,
    future,
    rouble_terms,
)
from tests.exchange.test_cash_pairs import BOTH, LOT

PEOPLE = (ANN, BOB, CYD)
WHO, SIDE, ASSET = st.sampled_from(PEOPLE), st.sampled_from([BUY, SELL]), st.sampled_from([RUB, RUBD])
AMOUNT = st.integers(1, 12 * LOT)
SIGNED = {"signatures": ("issuer", "central_bank")}
VENUE_WALLET = {RUBD: WalletId("venue-1"), RUB: WalletId("venue-at-bank")}


def _order(**fields: Any) -> PlaceOrder:
    return PlaceOrder(client_order_id=0, **fields)


def _deal(receives: bool, amount: int) -> InstructSettlement:
    return InstructSettlement(
        participant_id=ANN if receives else BOB,
        counterparty_id=BOB if receives else ANN,
        delivers=not receives,
        asset_id=RUBD,
        amount=amount,
        intended=0,
        payment_asset_id=RUB,
        payment=amount,
    )


def _wallet(asset_id: AssetId, frozen: bool) -> Command:
    kind = FreezeWallet if frozen else UnfreezeWallet
    return kind(asset_id=asset_id, wallet_id=VENUE_WALLET[asset_id], order_ref="order", **SIGNED)


ACTION: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        _order,
        participant_id=WHO,
        instrument_id=st.just(PAIR),
        side=SIDE,
        quantity=st.integers(1, 8),
        price=st.integers(9_000, 10_500),
        time_in_force=st.sampled_from([TimeInForce.DAY, TimeInForce.IOC]),
    ),
    st.builds(
        _order,
        participant_id=WHO,
        instrument_id=st.just(future().instrument_id),
        side=SIDE,
        quantity=st.integers(1, 2),
        price=st.integers(79_900, 80_100),
    ),
    st.builds(CancelAll, participant_id=WHO),
    st.builds(WithdrawCash, participant_id=WHO, asset_id=ASSET, amount=AMOUNT),
    st.builds(DepositCash, participant_id=WHO, asset_id=ASSET, amount=AMOUNT),
    st.builds(
        RedeemCoins, asset_id=ASSET, wallet_id=WHO.map(lambda who: WalletId(f"wallet-{who}")), amount=AMOUNT
    ),
    st.builds(FreezeParticipant, participant_id=WHO, order_ref=st.just("order")),
    st.builds(UnfreezeParticipant, participant_id=WHO, order_ref=st.just("order")),
    st.builds(PauseIssuer, asset_id=ASSET, signatures=st.just(("issuer",))),
    st.builds(UnpauseIssuer, asset_id=ASSET, signatures=st.just(("issuer",))),
    st.builds(_wallet, ASSET, st.booleans()),
    st.builds(
        DiscloseReserves,
        asset_id=ASSET,
        stuck_ppm=st.integers(-1, 1_000_001),
        covered=st.booleans(),
        statement=st.just("so"),
    ),
    st.builds(_deal, st.booleans(), st.sampled_from([LOT, 3 * LOT])),
    st.builds(RunSettlementCycle, model=st.just(SettlementModel.PVP)),
)


@given(margined=st.booleans(), steps=st.lists(st.tuples(ACTION, st.integers(0, 5)), max_size=40))
@settings(max_examples=60, deadline=None)
def test_the_books_are_sound_whatever_happens(margined: bool, steps: list[tuple[Command, int]]) -> None:
    venue = Venue(
        future(),
        cash_pair(fee_maker=20, fee_taker=60),
        assets=BOTH,
        more_coins=(rouble_terms(),),
        regime=a_risk_regime() if margined else a_regime(),
        cash_prices=(CashPriceTerms(asset_id=RUBD, pair=PAIR, interval=SECOND),),
    )
    for who in PEOPLE:
        venue.admit(who, 0)
        venue.pay_in(who, 10 * LOT, RUB)
        venue.pay_in(who, 60 * LOT, RUBD)
    for command, seconds in steps:
        venue.wait_until(venue.now + seconds * SECOND)
        venue.tell(command)  # which walks every invariant
    holding = venue.state.holdings[RUBD]
    assert 0 <= holding.price_ppm <= 1_500_000
    assert 0 <= holding.value_ppm <= 1_000_000
