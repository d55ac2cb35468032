"""A bank and the digital rouble beside a venue, whatever happens in whatever order: I-11 holds with both mirrors."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from exchange.cash.terms import CustodyMode
from exchange.clearing import accounts
from exchange.commands import (
    ConvertCash,
    CreditWallet,
    EndOutage,
    FailBank,
    FreezeWallet,
    ReportOutage,
    ResolveBank,
    TransferCash,
    UnfreezeWallet,
)
from exchange.units import HOUR, MINUTE, AssetId, Money, WalletId
from matching.terms import ParticipantId
from tests.builders import ANN, BOB, a_patient_index
from tests.money import (
    ACCOUNT,
    DRUB,
    OFFICE,
    PLATFORM,
    RUB,
    MoneyVenue,
    bank_terms,
    platform_terms,
    wallet_of,
)
from tests.often import often

COURT = ("court",)
money = st.sampled_from((RUB, DRUB))
people = st.sampled_from((ANN, BOB))
amounts = st.integers(-1, 400)
wallets = st.sampled_from((wallet_of(ANN), wallet_of(BOB), ACCOUNT, PLATFORM, WalletId(f"{PLATFORM}/{ANN}")))


class MoneyMachine(RuleBasedStateMachine):
    """`tell` itself audits everything after each command; the model only counts what came in and was lost."""

    venue: MoneyVenue

    @initialize(
        fee=st.sampled_from((0, 3)),
        queues=st.booleans(),
        insured=st.sampled_from((0, 150)),
        mode=st.sampled_from((CustodyMode.OMNIBUS, CustodyMode.SEGREGATED, CustodyMode.NATIVE)),
    )
    def found(self, fee: Money, queues: bool, insured: Money, mode: CustodyMode) -> None:
        bank = bank_terms(hours=OFFICE, transfer_fee=fee, queues=queues, insured=insured, interest_bp=30_000)
        shared = {"wallet_limit": 600, "transfer_limit": 350, "transfer_fee_bp": 100}
        limits = {} if mode.separates else shared
        platform = platform_terms(custody=mode, conversion_hours=OFFICE, **limits)
        self.venue = MoneyVenue(bank=bank, platform=platform, index=a_patient_index(interval=MINUTE))
        for name in (ANN, BOB):
            self.venue.admit(name, 0)

    @rule(asset_id=money, wallet=wallets, amount=amounts, reference=st.integers(1, 6))
    def credit(self, asset_id: AssetId, wallet: WalletId, amount: Money, reference: int) -> None:
        self.venue.tell(
            CreditWallet(asset_id=asset_id, wallet_id=wallet, amount=amount, reference=str(reference))
        )

    @rule(asset_id=money, who=people, amount=amounts)
    def deposit(self, asset_id: AssetId, who: ParticipantId, amount: Money) -> None:
        self.venue.deposit(who, amount, asset_id)

    @rule(asset_id=money, who=people, amount=amounts)
    def withdraw(self, asset_id: AssetId, who: ParticipantId, amount: Money) -> None:
        self.venue.withdraw(who, amount, asset_id)

    @rule(asset_id=money, source=wallets, receiver=wallets, amount=amounts)
    def transfer(self, asset_id: AssetId, source: WalletId, receiver: WalletId, amount: Money) -> None:
        self.venue.tell(TransferCash(asset_id=asset_id, source=source, target=receiver, amount=amount))

    @rule(back=st.booleans(), wallet=wallets, amount=amounts)
    def convert(self, back: bool, wallet: WalletId, amount: Money) -> None:
        source, target = (DRUB, RUB) if back else (RUB, DRUB)
        before = self.total()
        self.venue.tell(
            ConvertCash(source_asset_id=source, target_asset_id=target, wallet_id=wallet, amount=amount)
        )
        assert self.total() == before, "at par"

    @rule(asset_id=money, begins=st.booleans())
    def outage(self, asset_id: AssetId, begins: bool) -> None:
        self.venue.tell((ReportOutage if begins else EndOutage)(asset_id=asset_id))

    @rule()
    def fail(self) -> None:
        self.venue.tell(FailBank(asset_id=RUB))

    @rule(loss_bp=st.integers(0, 10_000))
    def resolve(self, loss_bp: int) -> None:
        self.venue.tell(ResolveBank(asset_id=RUB, loss_bp=loss_bp))

    @rule(asset_id=money, wallet=wallets, out=st.booleans())
    def freeze(self, asset_id: AssetId, wallet: WalletId, out: bool) -> None:
        self.venue.tell(
            FreezeWallet(
                asset_id=asset_id, wallet_id=wallet, order_ref="case", signatures=COURT, out=out, into=True
            )
        )

    @rule(asset_id=money, wallet=wallets)
    def thaw(self, asset_id: AssetId, wallet: WalletId) -> None:
        self.venue.tell(
            UnfreezeWallet(asset_id=asset_id, wallet_id=wallet, order_ref="case", signatures=COURT)
        )

    @rule(time=st.sampled_from((MINUTE, 3 * HOUR, 9 * HOUR)))
    def wait(self, time: int) -> None:
        self.venue.wait_until(self.venue.now + time)

    def total(self) -> Money:
        keepers = (self.venue.state.holdings[RUB].money, self.venue.state.holdings[DRUB].money)
        return sum(keeper.owed for keeper in keepers)

    @invariant()
    def what_is_under_way_is_still_in_the_wallet(self) -> None:
        """What people have and what the house has is what the wallet holds (I-11), pending included."""
        if not hasattr(self, "venue"):
            return
        for asset_id in (RUB, DRUB):
            holding = self.venue.state.holdings[asset_id]
            ledger = self.venue.state.ledger
            owned = [accounts.cash(who, asset_id) for who in (ANN, BOB)] + [accounts.loss_layer(asset_id)]
            owed = sum(ledger.posted(account) for account in owned if account in ledger)
            assert owed == sum(holding.keeper.balance(wallet) for wallet in holding.custody.wallets)
            for withdrawal in holding.pending.values():
                assert withdrawal.amount > 0
                assert all(holding.keeper.balance(part.wallet_id) >= part.amount for part in withdrawal.parts)


TestMoneyMachine = MoneyMachine.TestCase
TestMoneyMachine.settings = settings(max_examples=often(25), stateful_step_count=30, deadline=None)
