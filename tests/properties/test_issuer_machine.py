"""Whatever is asked of an issuer, in any order: it does as a naive model says, and I-42 to I-44 hold."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from exchange.cash.issuer import Issuer
from exchange.cash.terms import CoinTerms
from exchange.reasons import CashRefusal
from exchange.units import AssetId, WalletId

ALLOWANCES = {"mint-1": 500, "mint-2": 60}
WALLETS = tuple(WalletId(name) for name in ("w-ann", "w-bob", "w-cat", "w-venue"))
VENUE = WALLETS[-1]

wallets = st.sampled_from(WALLETS)
amounts = st.integers(-1, 120)
receipts = st.sampled_from(("r-1", "r-2", "r-3"))
signers = st.sampled_from(((), ("issuer",), ("bank",), ("issuer", "bank"), ("bank", "other", "issuer")))


def signed(wallet_id: WalletId, signatures: tuple[str, ...]) -> bool:
    return "issuer" in signatures and (wallet_id != VENUE or "bank" in signatures)


class IssuerMachine(RuleBasedStateMachine):
    """The model keeps balances and flags in dictionaries and decides by itself what must be refused."""

    def __init__(self) -> None:
        super().__init__()
        self.issuer = Issuer(
            CoinTerms(
                asset_id=AssetId("RUBD"), issuer="Domestic Coin", minters=dict(ALLOWANCES),
                venue_wallets=(VENUE,), freeze_signatures=("issuer",), venue_freeze_signatures=("bank",),
                pause_signatures=("issuer",), wipe_allowed=True,
            )
        )  # fmt: skip
        self.now = 0
        self.balances = dict.fromkeys(WALLETS, 0)
        self.out: set[WalletId] = set()
        self.into: set[WalletId] = set()
        self.unused: dict[str, int] = {}
        self.allowances = dict(ALLOWANCES)
        self.reserves = self.lost = self.minted = self.burned = self.wiped = 0
        self.paused = False

    def agree(self, reason: CashRefusal | None, allowed: bool) -> bool:
        """The issuer and the model must agree on whether it is done."""
        self.now += 1
        assert (reason is None) == allowed, reason
        return allowed

    @rule(receipt=receipts, amount=amounts)
    def record_receipt(self, receipt: str, amount: int) -> None:
        reason = self.issuer.record_receipt(receipt, amount, self.now)
        if self.agree(reason, amount > 0 and receipt not in self.unused):
            self.unused[receipt] = amount
            self.reserves += amount

    @rule(
        minter=st.sampled_from(("mint-1", "mint-2", "other")),
        receipt=receipts,
        wallet=wallets,
        amount=amounts,
    )
    def mint(self, minter: str, receipt: str, wallet: WalletId, amount: int) -> None:
        reason = self.issuer.mint(minter, receipt, wallet, amount, self.now)
        within = 0 < amount <= min(self.unused.get(receipt, 0), self.allowances.get(minter, 0))
        if self.agree(reason, within and not self.paused and wallet not in self.into):
            self.unused[receipt] -= amount
            self.allowances[minter] -= amount
            self.balances[wallet] += amount
            self.minted += amount

    @rule(source=wallets, receiver=wallets, amount=amounts)
    def transfer(self, source: WalletId, receiver: WalletId, amount: int) -> None:
        foreseen = self.issuer.transfer_refusal(source, receiver, amount, self.now)
        reason = self.issuer.transfer(source, receiver, amount, self.now)
        assert foreseen is reason
        free = not self.paused and source not in self.out and receiver not in self.into
        if self.agree(reason, free and source != receiver and 0 < amount <= self.balances[source]):
            self.balances[source] -= amount
            self.balances[receiver] += amount

    @rule(wallet=wallets, amount=amounts)
    def redeem(self, wallet: WalletId, amount: int) -> None:
        reason = self.issuer.redeem(wallet, amount, self.now)
        covered = 0 < amount <= min(self.balances[wallet], self.reserves)
        if self.agree(reason, covered and not self.paused and wallet not in self.out):
            self.balances[wallet] -= amount
            self.reserves -= amount
            self.burned += amount

    @rule(amount=st.integers(-1, 40))
    def lose_reserves(self, amount: int) -> None:
        reason = self.issuer.record_reserve_loss(amount, self.now)
        if self.agree(reason, 0 < amount <= self.reserves):
            self.reserves -= amount
            self.lost += amount

    @rule(wallet=wallets, signatures=signers, out=st.booleans(), into=st.booleans())
    def freeze(self, wallet: WalletId, signatures: tuple[str, ...], out: bool, into: bool) -> None:
        reason = self.issuer.freeze(wallet, "order", signatures, self.now, out=out, into=into)
        adds = (out and wallet not in self.out) or (into and wallet not in self.into)
        if self.agree(reason, adds and signed(wallet, signatures)):
            if out:
                self.out.add(wallet)
            if into:
                self.into.add(wallet)

    @rule(wallet=wallets, signatures=signers)
    def unfreeze(self, wallet: WalletId, signatures: tuple[str, ...]) -> None:
        reason = self.issuer.unfreeze(wallet, "order", signatures, self.now)
        if self.agree(reason, wallet in self.out | self.into and signed(wallet, signatures)):
            self.out.discard(wallet)
            self.into.discard(wallet)

    @rule(wallet=wallets, signatures=signers)
    def wipe(self, wallet: WalletId, signatures: tuple[str, ...]) -> None:
        foreseen = self.issuer.wipe_refusal(wallet, signatures)
        reason = self.issuer.wipe(wallet, "order", signatures, self.now)
        assert foreseen is reason
        held = self.balances[wallet]
        if self.agree(reason, wallet in self.out and held > 0 and signed(wallet, signatures)):
            self.balances[wallet] = 0
            self.wiped += held

    @rule(signatures=signers)
    def pause(self, signatures: tuple[str, ...]) -> None:
        if self.agree(self.issuer.pause(signatures), not self.paused and "issuer" in signatures):
            self.paused = True

    @rule(signatures=signers)
    def unpause(self, signatures: tuple[str, ...]) -> None:
        if self.agree(self.issuer.unpause(signatures), self.paused and "issuer" in signatures):
            self.paused = False

    @invariant()
    def the_issuer_is_as_the_model_says(self) -> None:
        issuer = self.issuer
        assert {wallet: issuer.balance(wallet) for wallet in WALLETS} == self.balances
        assert {wallet for wallet in WALLETS if issuer.is_frozen_out(wallet)} == self.out
        assert {wallet for wallet in WALLETS if issuer.is_frozen_in(wallet)} == self.into
        assert {minter: issuer.allowance(minter) for minter in ALLOWANCES} == self.allowances
        assert (issuer.reserves, issuer.paused) == (self.reserves, self.paused)

    @invariant()
    def supply_reserves_and_freezes_hold(self) -> None:
        """I-42, I-43, I-44: by the issuer's own audit and by the model's figures."""
        assert self.issuer.audit() == []
        assert self.issuer.supply == sum(self.balances.values()) == self.minted - self.burned - self.wiped
        assert self.issuer.reserves + self.lost >= self.issuer.supply


TestIssuerMachine = IssuerMachine.TestCase
TestIssuerMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
