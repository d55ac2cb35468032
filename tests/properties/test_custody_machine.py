"""Deposits, withdrawals, freezes, wipes and pauses in any order: I-11 and I-46 hold after each step."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from exchange import treasury
from exchange.access.regime import GateRule
from exchange.cash.losses import LossCause
from exchange.clearing import accounts
from exchange.commands import OpenVenueWallet, PauseIssuer, RecordCashLoss, UnpauseIssuer
from exchange.events import CashRequestRejected, WithdrawalRequested
from exchange.reasons import CashRefusal
from exchange.units import WalletId
from matching.terms import ParticipantId
from tests.exchange.test_treasury import (
    ANN,
    CLAIMS,
    KEYS,
    RUBD,
    World,
    a_world,
    cash,
    confirm,
    deposit,
    do,
    freeze,
    mint,
    outside,
    shard,
    unfreeze,
    wallet_of,
    wipe,
    withdraw,
)

people = st.sampled_from(tuple(CLAIMS))
amounts = st.integers(1, 450)
outside_wallets = people.map(wallet_of)
wallets = st.one_of(st.integers(0, 2).map(shard), outside_wallets)


class CustodyMachine(RuleBasedStateMachine):
    """`do` itself audits the coin after each command."""

    world: World

    @initialize(gate=st.sampled_from(GateRule), house=st.sampled_from((0, 60)))
    def found(self, gate: GateRule, house: int) -> None:
        self.world = a_world(shards=3, gate=gate, house=house)

    @rule(who=people, amount=amounts)
    def pay_in(self, who: ParticipantId, amount: int) -> None:
        do(self.world, deposit(who, amount))

    @rule(who=people, amount=amounts)
    def take_out(self, who: ParticipantId, amount: int) -> None:
        """What may be withdrawn can be; one unit more is never sent."""
        within = amount <= treasury.withdrawable(self.world, who, RUBD)
        (event,) = do(self.world, withdraw(who, amount))
        if isinstance(event, CashRequestRejected):
            too_much = (CashRefusal.GATED, CashRefusal.INSUFFICIENT_FUNDS)
            assert not (within and event.reason in too_much)
        else:
            assert isinstance(event, WithdrawalRequested) and within

    @rule()
    def confirm_the_next(self) -> None:
        if self.world.agenda.next_due() is not None:
            confirm(self.world)

    @rule(wallet=wallets, out=st.booleans())
    def freeze_one(self, wallet, out: bool) -> None:
        do(self.world, freeze(wallet, out=out))

    @rule(wallet=wallets)
    def thaw_one(self, wallet) -> None:
        do(self.world, unfreeze(wallet))

    @rule(wallet=wallets)
    def wipe_one(self, wallet) -> None:
        do(self.world, wipe(wallet))

    @rule(wallet=wallets, amount=amounts, stolen=st.booleans())
    def lose_some(self, wallet, amount: int, stolen: bool) -> None:
        cause = LossCause.STOLEN if stolen else LossCause.ISSUER_DEFAULT
        do(
            self.world,
            RecordCashLoss(
                asset_id=RUBD, wallet_id=wallet, amount=amount, cause=cause, grounds="it is gone",
                target=wallet_of(ANN),
            ),
        )  # fmt: skip

    @rule(replaced=st.integers(0, 2).map(shard), amount=st.integers(1, 500))
    def issue_again(self, replaced, amount: int) -> None:
        """What comes in restores who lost, and never more than was lost."""
        new = WalletId(f"new-{len(self.world.coin.custody.wallets)}")
        lost = [one for one in self.world.coin.losses if one.wallet_id == replaced]
        before, layer = sum(one.outstanding for one in lost), accounts.loss_layer(RUBD)
        kept = self.world.ledger.posted(layer)
        do(self.world, OpenVenueWallet(asset_id=RUBD, wallet_id=new, replaces=replaced))
        if not self.world.coin.is_of_the_venue(new):
            return  # what it was to replace still holds something
        do(self.world, mint(new, amount))
        arrived = self.world.coin.issuer.balance(new)
        assert before - sum(one.outstanding for one in lost) == min(before, arrived)
        assert self.world.ledger.posted(layer) >= kept + max(arrived - before, 0)

    @rule(wallet=wallets, amount=st.integers(1, 50))
    def mint_some(self, wallet, amount: int) -> None:
        do(self.world, mint(wallet, amount))

    @rule(paused=st.booleans())
    def pause_or_unpause(self, paused: bool) -> None:
        do(self.world, (PauseIssuer if paused else UnpauseIssuer)(asset_id=RUBD, signatures=KEYS))

    @rule(who=people, frozen=st.booleans())
    def legal_order(self, who: ParticipantId, frozen: bool) -> None:
        self.world.seats[who].frozen = frozen

    @invariant()
    def what_is_owed_is_in_custody(self) -> None:
        """I-11 over all wallets, with what is under way still on both sides."""
        if not hasattr(self, "world"):
            return
        world, coin = self.world, self.world.coin
        owed = sum(world.ledger.posted(accounts.cash(who, RUBD)) for who in CLAIMS)
        owed += world.ledger.posted(accounts.loss_layer(RUBD))
        held = coin.custody.mobile(coin.issuer) + coin.custody.frozen(coin.issuer)
        assert owed == held
        assert held + sum(outside(world, who) for who in CLAIMS) == coin.issuer.supply

    @invariant()
    def the_gate_is_shut_while_something_is_frozen(self) -> None:
        """I-46: nobody may take more than its claim, and together no more than can move."""
        if not hasattr(self, "world"):
            return
        world, coin = self.world, self.world.coin
        assert (coin.gate is not None) == (coin.custody.frozen(coin.issuer) > 0)
        allowed = [treasury.withdrawable(world, who, RUBD) for who in CLAIMS]
        assert all(0 <= a <= cash(world, who) for a, who in zip(allowed, CLAIMS, strict=True))
        if coin.gate is None or coin.gate.rule is GateRule.PRO_RATA:
            assert sum(allowed) <= sum(coin.spendable(world.ledger).values())


TestCustodyMachine = CustodyMachine.TestCase
TestCustodyMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
