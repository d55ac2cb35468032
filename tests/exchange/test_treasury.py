"""The road of money: deposits, withdrawals, and what a freeze, a pause or a wipe does to them."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from exchange import issuing, keyholding, redeeming, safekeeping, treasury
from exchange.access.regime import CashRules, GateRule
from exchange.agenda import Agenda
from exchange.cash.holding import Holding
from exchange.cash.terms import CoinTerms, RoleName, all_of, keys_of
from exchange.clearing import accounts
from exchange.clearing.ledger import Ledger, Rule
from exchange.commands import (
    TREASURY,
    Command,
    ConfirmWithdrawal,
    DepositCash,
    FreezeWallet,
    MintCoins,
    OpenVenueWallet,
    PauseIssuer,
    RecordCashLoss,
    RecordFiatReceipt,
    RedeemCoins,
    TransferCash,
    UnfreezeWallet,
    UnpauseIssuer,
    WipeWallet,
    WithdrawCash,
)
from exchange.events import (
    CashDeposited,
    CashRequestRejected,
    CashTransferred,
    CoinRequestRefused,
    CoinsMinted,
    CoinsRedeemed,
    CustodyGated,
    CustodyReopened,
    Event,
    FiatReceived,
    IssuerPaused,
    IssuerUnpaused,
    LossAllocated,
    LossShared,
    RedemptionRequested,
    WalletFrozen,
    WalletUnfrozen,
    WalletWiped,
    WithdrawalCompleted,
    WithdrawalRequested,
    WithdrawalReturned,
)
from exchange.reasons import CashRefusal
from exchange.units import SECOND, AssetId, Money, Time, WalletId
from matching.terms import ParticipantId

RUBD, USDX = AssetId("RUBD"), AssetId("USDX")
ANN, BOB, CAT = (ParticipantId(name) for name in ("ann", "bob", "cat"))
CLAIMS = {ANN: 400, BOB: 350, CAT: 250}
KEYS = ("issuer", "central-bank")
FINALITY = 2 * SECOND

ROADS: dict[type, Callable[[Any, Any], Iterator[Event]]] = {
    RecordFiatReceipt: issuing.record_fiat_receipt,
    MintCoins: issuing.mint_coins,
    TransferCash: issuing.transfer_cash,
    RedeemCoins: redeeming.redeem_coins,
    DepositCash: treasury.deposit_cash,
    WithdrawCash: treasury.withdraw_cash,
    ConfirmWithdrawal: treasury.confirm_withdrawal,
    FreezeWallet: keyholding.use_key,
    UnfreezeWallet: keyholding.use_key,
    PauseIssuer: keyholding.use_key,
    UnpauseIssuer: keyholding.use_key,
    WipeWallet: keyholding.use_key,
    RecordCashLoss: safekeeping.record_cash_loss,
    OpenVenueWallet: safekeeping.open_venue_wallet,
}


@dataclass
class World:
    """As much of the exchange's state as the treasury touches."""

    gate: GateRule = GateRule.PRO_RATA
    now: Time = 0
    ledger: Ledger = field(default_factory=Ledger)
    agenda: Agenda = field(default_factory=Agenda)
    seats: dict[ParticipantId, Any] = field(default_factory=dict)
    holdings: dict[AssetId, Holding] = field(default_factory=dict)
    locks: dict[ParticipantId, Money] = field(default_factory=dict)
    series: dict[str, Any] = field(default_factory=dict)
    coin_losses: Counter[AssetId] = field(default_factory=Counter)

    @property
    def regime(self) -> Any:
        return SimpleNamespace(cash=CashRules(gate=self.gate, settlement_asset=RUBD))

    @property
    def covers(self) -> Any:
        full = SimpleNamespace(shares=dict, cut=lambda parts: {}, restore=lambda who, amount: {}, buckets={})
        return SimpleNamespace(margin=None, full=full, claims=lambda: dict(self.locks))

    @property
    def coin(self) -> Holding:
        return self.holdings[RUBD]


def shard(number: int) -> WalletId:
    return WalletId(f"venue-{number}")


def wallet_of(who: ParticipantId) -> WalletId:
    return WalletId(f"w-{who}")


def do(world: World, command: Command) -> list[Event]:
    """Walk the command's road, and find the books in order after it."""
    events = list(ROADS[type(command)](command, world))
    assert world.coin.audit(world.ledger) == []
    return events


def a_world(
    shards: int = 5, gate: GateRule = GateRule.PRO_RATA, house: Money = 0, wipe_allowed: bool = True
) -> World:
    """E18: claims of 400, 350 and 250 on 1,000 coins in equal wallets; each participant has 100 outside."""
    world = World(gate=gate)
    terms = CoinTerms(
        asset_id=RUBD, issuer="Domestic Coin", minters={"mint": 1_000_000},
        venue_wallets=tuple(shard(number) for number in range(shards)),
        roles=keys_of(KEYS[0], apart=(all_of(RoleName.VENUE_FREEZER, KEYS[1]),)),
        finality=FINALITY, wipe_allowed=wipe_allowed,
    )  # fmt: skip
    world.holdings[RUBD] = Holding(terms)
    world.ledger.open(accounts.loss_layer(RUBD), RUBD, Rule.LIABILITY)
    for wallet_id in terms.venue_wallets:
        world.ledger.open(accounts.wallet(wallet_id, RUBD), RUBD, Rule.MIRROR)
    for who in CLAIMS:
        world.seats[who] = SimpleNamespace(
            participant_id=who, wallet_id=wallet_of(who), frozen=False,
            cash_account=accounts.cash(who, RUBD), hold_account=accounts.hold(who, RUBD),
        )  # fmt: skip
        for account in (world.seats[who].cash_account, world.seats[who].hold_account):
            world.ledger.open(account, RUBD, Rule.LIABILITY)
    do(world, RecordFiatReceipt(asset_id=RUBD, receipt_id="r", amount=100_000))
    for who in CLAIMS:
        do(world, mint(wallet_of(who), CLAIMS[who] + 100))
    for who in CLAIMS:
        for _ in range(CLAIMS[who] // 50):  # twenty steps, so five shards come to hold 200 each
            do(world, deposit(who, 50))
    if house:
        do(world, mint(shard(0), house))
    return world


def mint(wallet_id: WalletId, amount: Money) -> MintCoins:
    return MintCoins(asset_id=RUBD, minter="mint", receipt_id="r", wallet_id=wallet_id, amount=amount)


def deposit(who: ParticipantId, amount: Money) -> DepositCash:
    return DepositCash(participant_id=who, asset_id=RUBD, amount=amount)


def withdraw(who: ParticipantId, amount: Money) -> WithdrawCash:
    return WithdrawCash(participant_id=who, asset_id=RUBD, amount=amount)


def freeze(wallet_id: WalletId, **options: Any) -> FreezeWallet:
    fields = {"order_ref": "order-1", "signatures": KEYS} | options
    return FreezeWallet(asset_id=RUBD, wallet_id=wallet_id, **fields)


def unfreeze(wallet_id: WalletId, signatures: tuple[str, ...] = KEYS) -> UnfreezeWallet:
    return UnfreezeWallet(asset_id=RUBD, wallet_id=wallet_id, order_ref="order-2", signatures=signatures)


def wipe(wallet_id: WalletId) -> WipeWallet:
    return WipeWallet(asset_id=RUBD, wallet_id=wallet_id, order_ref="order-3", signatures=KEYS)


def confirm(world: World) -> list[Event]:
    """Do the next duty on the agenda, at its hour."""
    due = world.agenda.next_due()
    assert due is not None
    taken = world.agenda.take_before(due, TREASURY + 1)
    assert taken is not None
    world.now, duty = taken
    return do(world, duty)


def cash(world: World, who: ParticipantId) -> Money:
    return world.ledger.available(accounts.cash(who, RUBD))


def outside(world: World, who: ParticipantId) -> Money:
    return world.coin.issuer.balance(wallet_of(who))


def withdrawable(world: World) -> list[Money]:
    return [treasury.withdrawable(world, who, RUBD) for who in CLAIMS]


def reason_of(events: list[Event]) -> CashRefusal:
    """The reason of the one event there is, which must be a refusal."""
    (event,) = events
    assert isinstance(event, CashRequestRejected | CoinRequestRefused | WithdrawalReturned)
    return event.reason


# --- the issuer's ledger --------------------------------------------------------------------------------


def test_what_the_issuer_does_is_told_to_all():
    world = a_world()
    assert do(world, RecordFiatReceipt(asset_id=RUBD, receipt_id="r-2", amount=7)) == [
        FiatReceived(asset_id=RUBD, receipt_id="r-2", amount=7)
    ]
    assert do(world, mint(wallet_of(ANN), 7)) == [
        CoinsMinted(asset_id=RUBD, wallet_id=wallet_of(ANN), amount=7, supply=1_307)
    ]
    move = TransferCash(asset_id=RUBD, source=wallet_of(ANN), target=wallet_of(BOB), amount=5)
    assert do(world, move) == [
        CashTransferred(asset_id=RUBD, source=wallet_of(ANN), target=wallet_of(BOB), amount=5)
    ]
    assert do(world, RedeemCoins(asset_id=RUBD, wallet_id=wallet_of(BOB), amount=5)) == [
        RedemptionRequested(asset_id=RUBD, ticket_id=1, wallet_id=wallet_of(BOB), amount=5, fee=0),
        CoinsRedeemed(asset_id=RUBD, wallet_id=wallet_of(BOB), amount=5, supply=1_302, ticket_id=1),
    ]
    assert do(world, PauseIssuer(asset_id=RUBD, signatures=KEYS)) == [IssuerPaused(asset_id=RUBD)]
    assert do(world, UnpauseIssuer(asset_id=RUBD, signatures=KEYS)) == [IssuerUnpaused(asset_id=RUBD)]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (RecordFiatReceipt(asset_id=RUBD, receipt_id="r", amount=1), CashRefusal.RECEIPT_ALREADY_USED),
        (mint(wallet_of(ANN), 98_701), CashRefusal.AMOUNT_ABOVE_RECEIPT),
        (MintCoins(asset_id=RUBD, minter="x", receipt_id="r", wallet_id=wallet_of(ANN), amount=1),
         CashRefusal.NOT_A_MINTER),
        (TransferCash(asset_id=RUBD, source=wallet_of(ANN), target=wallet_of(BOB), amount=101),
         CashRefusal.INSUFFICIENT_FUNDS),
        (TransferCash(asset_id=RUBD, source=shard(0), target=wallet_of(BOB), amount=1),
         CashRefusal.WALLET_OF_THE_VENUE),
        (RedeemCoins(asset_id=RUBD, wallet_id=shard(0), amount=1), CashRefusal.WALLET_OF_THE_VENUE),
        (RedeemCoins(asset_id=RUBD, wallet_id=wallet_of(ANN), amount=101), CashRefusal.INSUFFICIENT_FUNDS),
        (RedeemCoins(asset_id=USDX, wallet_id=wallet_of(ANN), amount=1), CashRefusal.UNKNOWN_ASSET),
        (freeze(wallet_of(ANN), signatures=()), CashRefusal.SIGNATURES_MISSING),
        (freeze(shard(0), signatures=KEYS[:1]), CashRefusal.SIGNATURES_MISSING),
        (unfreeze(wallet_of(ANN)), CashRefusal.NOT_FROZEN),
        (unfreeze(shard(0), KEYS[1:]), CashRefusal.SIGNATURES_MISSING),
        (PauseIssuer(asset_id=RUBD, signatures=()), CashRefusal.SIGNATURES_MISSING),
        (UnpauseIssuer(asset_id=RUBD, signatures=KEYS), CashRefusal.NOT_PAUSED),
        (wipe(wallet_of(ANN)), CashRefusal.NOT_FROZEN),
    ],
)  # fmt: skip
def test_what_the_issuer_refuses_is_told_with_its_first_reason(command, reason):
    """F8, the freeze that the central bank has not signed, is among them."""
    world = a_world()
    heads = world.ledger.head(), world.coin.issuer.head()
    (refused,) = do(world, command)
    assert refused == CoinRequestRefused(
        asset_id=command.asset_id, request=type(command).__name__, reason=reason
    )
    assert (world.ledger.head(), world.coin.issuer.head()) == heads


def test_coins_sent_to_the_venue_without_a_deposit_are_the_houses_own_layer():
    world = a_world(house=60)
    assert world.ledger.posted(accounts.loss_layer(RUBD)) == 60
    do(world, TransferCash(asset_id=RUBD, source=wallet_of(ANN), target=shard(1), amount=5))
    assert world.ledger.posted(accounts.loss_layer(RUBD)) == 65
    assert cash(world, ANN) == 400


# --- deposits -------------------------------------------------------------------------------------------


def test_a_deposit_is_credited_at_once_and_the_mirror_shows_it():
    world = a_world(shards=1)
    assert do(world, deposit(ANN, 40)) == [CashDeposited(participant_id=ANN, asset_id=RUBD, amount=40)]
    assert (cash(world, ANN), outside(world, ANN)) == (440, 60)
    assert world.ledger.posted(accounts.wallet(shard(0), RUBD)) == 1_040


def test_deposits_spread_over_the_shards():
    world = a_world()
    assert [world.coin.issuer.balance(shard(number)) for number in range(5)] == [200] * 5


@pytest.mark.parametrize(
    ("amount", "before", "reason"),
    [
        (0, [], CashRefusal.AMOUNT_NOT_POSITIVE),
        (101, [], CashRefusal.INSUFFICIENT_FUNDS),
        (10, [freeze(wallet_of(ANN), into=False)], CashRefusal.WALLET_FROZEN),
        (10, [freeze(shard(0))], CashRefusal.WALLET_FROZEN),
        (10, [freeze(shard(0), into=False)], CashRefusal.WALLET_FROZEN),
        (999, [freeze(shard(0), out=False)], CashRefusal.WALLET_FROZEN),
        (999, [freeze(shard(0), into=False)], CashRefusal.WALLET_FROZEN),
        (10, [PauseIssuer(asset_id=RUBD, signatures=KEYS)], CashRefusal.ISSUER_PAUSED),
    ],
)
def test_a_deposit_that_cannot_be_made_moves_nothing(amount, before, reason):
    world = a_world(shards=1)
    for command in before:
        do(world, command)
    assert reason_of(do(world, deposit(ANN, amount))) is reason
    assert (cash(world, ANN), outside(world, ANN)) == (400, 100)


@pytest.mark.parametrize("request_of", [deposit, withdraw])
def test_strangers_and_unknown_coins_are_refused(request_of):
    world = a_world()
    assert reason_of(do(world, request_of(ParticipantId("eve"), 1))) is CashRefusal.UNKNOWN_PARTICIPANT
    command = type(request_of(ANN, 1))(participant_id=ANN, asset_id=USDX, amount=1)
    assert reason_of(do(world, command)) is CashRefusal.UNKNOWN_ASSET


def test_a_participant_under_a_legal_order_is_still_credited():
    world = a_world()
    world.seats[ANN].frozen = True
    assert do(world, deposit(ANN, 10)) == [CashDeposited(participant_id=ANN, asset_id=RUBD, amount=10)]


# --- withdrawals ----------------------------------------------------------------------------------------


def test_a_withdrawal_is_set_aside_and_leaves_after_the_issuers_finality():
    world = a_world(shards=1)
    (asked,) = do(world, withdraw(ANN, 150))
    assert isinstance(asked, WithdrawalRequested)
    assert (cash(world, ANN), outside(world, ANN), world.coin.issuer.balance(shard(0))) == (250, 100, 1_000)
    (done,) = confirm(world)
    assert done == WithdrawalCompleted(
        participant_id=ANN, withdrawal_id=asked.withdrawal_id, asset_id=RUBD, amount=150
    )
    assert world.now == FINALITY
    assert (cash(world, ANN), outside(world, ANN), world.coin.issuer.balance(shard(0))) == (250, 250, 850)


def test_a_withdrawal_may_draw_on_several_wallets():
    world = a_world()
    do(world, withdraw(ANN, 400))
    confirm(world)
    assert (cash(world, ANN), outside(world, ANN)) == (0, 500)
    assert [world.coin.issuer.balance(shard(number)) for number in range(5)] == [0, 0, 200, 200, 200]


def test_money_set_aside_cannot_be_withdrawn_twice():
    world = a_world()
    do(world, withdraw(ANN, 300))
    (rejected,) = do(world, withdraw(ANN, 101))
    assert rejected == CashRequestRejected(
        participant_id=ANN, request="WithdrawCash", asset_id=RUBD, amount=101, available=100,
        reason=CashRefusal.INSUFFICIENT_FUNDS,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("amount", "before", "reason"),
    [
        (0, [], CashRefusal.AMOUNT_NOT_POSITIVE),
        (401, [], CashRefusal.INSUFFICIENT_FUNDS),
        (10, [freeze(wallet_of(ANN))], CashRefusal.WALLET_FROZEN),
        (10, [freeze(shard(n)) for n in range(5)], CashRefusal.GATED),
        (321, [freeze(shard(0))], CashRefusal.GATED),
        (10, [PauseIssuer(asset_id=RUBD, signatures=KEYS)], CashRefusal.ISSUER_PAUSED),
    ],
)
def test_a_withdrawal_that_cannot_be_made_moves_nothing(amount, before, reason):
    world = a_world()
    for command in before:
        do(world, command)
    assert reason_of(do(world, withdraw(ANN, amount))) is reason
    assert cash(world, ANN) == 400 and world.agenda.next_due() is None


def test_a_wallet_that_may_only_not_send_still_takes_withdrawals():
    world = a_world()
    do(world, freeze(wallet_of(ANN), into=False))
    do(world, withdraw(ANN, 10))
    assert isinstance(confirm(world)[0], WithdrawalCompleted)


def test_nothing_leaves_to_a_participant_under_a_legal_order():
    world = a_world()
    world.seats[ANN].frozen = True
    assert reason_of(do(world, withdraw(ANN, 10))) is CashRefusal.PARTICIPANT_FROZEN


# --- what stops a withdrawal on its way -----------------------------------------------------------------


def legal_order(world: World) -> None:
    world.seats[ANN].frozen = True


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        (lambda world: do(world, freeze(wallet_of(ANN))), CashRefusal.WALLET_FROZEN),
        (lambda world: do(world, PauseIssuer(asset_id=RUBD, signatures=KEYS)), CashRefusal.ISSUER_PAUSED),
        (legal_order, CashRefusal.PARTICIPANT_FROZEN),
    ],
)
def test_what_stops_it_before_or_at_its_confirmation_sends_the_money_back(stop, reason):
    """F10, first half: a freeze of the same instant comes before the confirmation."""
    world = a_world()
    do(world, withdraw(ANN, 150))
    world.now = FINALITY
    stop(world)
    assert reason_of(confirm(world)) is reason
    assert (cash(world, ANN), outside(world, ANN)) == (400, 100)
    assert world.coin.pending == {}


@pytest.mark.parametrize("stop", [freeze(wallet_of(ANN)), *(freeze(shard(n)) for n in range(5))])
def test_what_comes_after_the_confirmation_does_not_undo_it(stop):
    """F10, second half."""
    world = a_world()
    do(world, withdraw(ANN, 150))
    confirm(world)
    do(world, stop)
    assert (cash(world, ANN), outside(world, ANN)) == (250, 250)


def test_a_freeze_of_the_sending_wallet_gives_the_money_back_at_once():
    """Its owner's claim then counts whole in the sharing; the confirmation finds nothing left to do."""
    world = a_world(shards=1)
    (asked,) = do(world, withdraw(ANN, 150))
    frozen, returned, gated = do(world, freeze(shard(0)))
    assert frozen == WalletFrozen(asset_id=RUBD, wallet_id=shard(0), order_ref="order-1")
    assert returned == WithdrawalReturned(
        participant_id=ANN, withdrawal_id=asked.withdrawal_id, asset_id=RUBD, amount=150,
        reason=CashRefusal.WALLET_FROZEN,
    )  # fmt: skip
    assert gated == CustodyGated(asset_id=RUBD, mobile=0, frozen=1_000)
    assert confirm(world) == []
    assert (cash(world, ANN), outside(world, ANN)) == (400, 100)


def test_a_withdrawal_under_way_from_another_wallet_stays_outside_the_gate():
    """Ann's 100 leave the first shard, which still moves. 300, 350 and 250 share the 700 beside them."""
    world = a_world()
    do(world, withdraw(ANN, 100))
    assert do(world, freeze(shard(2)))[1:] == [CustodyGated(asset_id=RUBD, mobile=800, frozen=200)]
    assert withdrawable(world) == [233, 272, 195]
    assert isinstance(confirm(world)[0], WithdrawalCompleted)
    assert withdrawable(world) == [233, 272, 195]


def test_if_that_withdrawal_fails_its_owner_may_ask_again():
    world = a_world()
    do(world, withdraw(ANN, 100))
    do(world, freeze(shard(2)))
    assert withdrawable(world) == [233, 272, 195]
    do(world, PauseIssuer(asset_id=RUBD, signatures=KEYS))
    assert reason_of(confirm(world)) is CashRefusal.ISSUER_PAUSED
    assert withdrawable(world) == [333, 272, 195]


# --- the gate -------------------------------------------------------------------------------------------


def test_a_frozen_shard_gates_withdrawals_pro_rata_and_touches_nothing_else():
    """E18 and F8."""
    world = a_world()
    assert do(world, freeze(shard(2))) == [
        WalletFrozen(asset_id=RUBD, wallet_id=shard(2), order_ref="order-1"),
        CustodyGated(asset_id=RUBD, mobile=800, frozen=200),
    ]
    assert withdrawable(world) == [320, 280, 200]
    assert [cash(world, who) for who in CLAIMS] == [400, 350, 250]
    for who, amount in ((CAT, 200), (ANN, 320), (BOB, 280)):
        do(world, withdraw(who, amount))
    assert reason_of(do(world, withdraw(ANN, 1))) is CashRefusal.GATED
    for _ in CLAIMS:
        confirm(world)
    assert world.coin.custody.mobile(world.coin.issuer) == 0
    assert [cash(world, who) for who in CLAIMS] == [80, 70, 50]


def test_first_come_if_the_regime_says_so():
    """E18."""
    world = a_world(gate=GateRule.FIRST_COME)
    do(world, freeze(shard(2)))
    for who, amount in ((ANN, 400), (BOB, 350), (CAT, 50)):
        assert treasury.withdrawable(world, who, RUBD) == amount
        do(world, withdraw(who, amount))
    assert withdrawable(world) == [0, 0, 0]


def test_whole_claims_count_and_free_cash_bounds_what_may_leave():
    """Ann has 100 on hold and Bob 200 in escrow: their claims are whole, their free cash is not."""
    world = a_world()
    world.ledger.open("escrow", RUBD, Rule.LIABILITY)
    chain = [
        world.ledger.transfer(accounts.cash(ANN, RUBD), accounts.hold(ANN, RUBD), 100),
        world.ledger.transfer(accounts.cash(BOB, RUBD), "escrow", 200),
    ]
    world.ledger.commit(chain, 1)
    world.locks[BOB] = 200
    assert treasury.claims(world, RUBD) == CLAIMS
    do(world, freeze(shard(2)))
    assert withdrawable(world) == [300, 150, 200]


def test_the_gate_opens_when_the_last_wallet_thaws():
    world = a_world()
    do(world, freeze(shard(1)))
    do(world, freeze(shard(2)))
    assert [type(event) for event in do(world, unfreeze(shard(1)))] == [WalletUnfrozen, CustodyGated]
    assert do(world, unfreeze(shard(2))) == [
        WalletUnfrozen(asset_id=RUBD, wallet_id=shard(2), order_ref="order-2"),
        CustodyReopened(asset_id=RUBD, mobile=1_000),
    ]
    assert withdrawable(world) == [400, 350, 250]


def test_a_second_frozen_wallet_counts_what_was_withdrawn_before():
    """Ann took 320 of the 800. Of the 600 that ever moved her part would have been 240: she gets no more."""
    world = a_world()
    do(world, freeze(shard(4)))
    do(world, withdraw(ANN, 320))
    confirm(world)
    assert do(world, freeze(shard(3)))[1:] == [CustodyGated(asset_id=RUBD, mobile=280, frozen=400)]
    assert withdrawable(world) == [0, 163, 117]


def test_a_deposit_under_the_gate_can_be_taken_out_again_by_who_made_it():
    world = a_world()
    do(world, freeze(shard(2)))
    do(world, deposit(ANN, 50))
    assert withdrawable(world) == [370, 280, 200]


@pytest.mark.parametrize("command", [freeze(shard(0), out=False), freeze(wallet_of(ANN))])
def test_a_freeze_that_leaves_the_venues_coins_mobile_closes_no_gate(command):
    world = a_world()
    assert [type(event) for event in do(world, command)] == [WalletFrozen]
    assert world.coin.gate is None


def test_an_empty_frozen_wallet_gates_nothing():
    world = a_world(shards=1)
    for who in CLAIMS:
        do(world, withdraw(who, CLAIMS[who]))
        confirm(world)
    assert [type(event) for event in do(world, freeze(shard(0)))] == [WalletFrozen]


def test_freezing_works_during_a_pause_and_withdrawals_stay_shut():
    """F13."""
    world = a_world()
    do(world, PauseIssuer(asset_id=RUBD, signatures=KEYS))
    assert [type(event) for event in do(world, freeze(shard(2)))] == [WalletFrozen, CustodyGated]
    assert reason_of(do(world, withdraw(ANN, 10))) is CashRefusal.ISSUER_PAUSED
    do(world, UnpauseIssuer(asset_id=RUBD, signatures=KEYS))
    assert isinstance(do(world, withdraw(ANN, 10))[0], WithdrawalRequested)


# --- wipes ----------------------------------------------------------------------------------------------


def test_a_wiped_outside_wallet_costs_its_owner_alone():
    world = a_world()
    do(world, freeze(wallet_of(ANN)))
    assert do(world, wipe(wallet_of(ANN))) == [
        WalletWiped(asset_id=RUBD, wallet_id=wallet_of(ANN), amount=100, supply=1_200)
    ]
    assert [cash(world, who) for who in CLAIMS] == [400, 350, 250]


def test_a_wiped_wallet_of_the_venue_costs_the_house_first_and_then_the_holders_by_claim():
    """E18 and F9: 200 destroyed, a layer of 60, holders 56, 49 and 35."""
    world = a_world()
    do(world, mint(shard(0), 60))
    do(world, freeze(shard(2)))
    assert do(world, wipe(shard(2))) == [
        WalletWiped(asset_id=RUBD, wallet_id=shard(2), amount=200, supply=1_160),
        LossAllocated(asset_id=RUBD, loss=200, house=60, holders=140, grounds="order-3"),
        LossShared(participant_id=ANN, asset_id=RUBD, amount=56),
        LossShared(participant_id=BOB, asset_id=RUBD, amount=49),
        LossShared(participant_id=CAT, asset_id=RUBD, amount=35),
        CustodyReopened(asset_id=RUBD, mobile=860),
    ]
    assert [cash(world, who) for who in CLAIMS] == [344, 301, 215]
    assert withdrawable(world) == [344, 301, 215]
    assert world.ledger.posted(accounts.loss_layer(RUBD)) == 0


def test_a_wipe_reaches_into_an_account_under_a_legal_order_too():
    world = a_world()
    do(world, freeze(shard(2)))
    legal_order(world)
    do(world, wipe(shard(2)))
    assert [cash(world, who) for who in CLAIMS] == [320, 280, 200]


def test_a_coin_whose_terms_know_no_wipe_cannot_be_wiped():
    world = a_world(wipe_allowed=False)
    do(world, freeze(shard(2)))
    assert reason_of(do(world, wipe(shard(2)))) is CashRefusal.WIPE_NOT_ALLOWED
