"""What may happen to the venue's own wallets, for machines of every kind: frozen, wiped, robbed, made good."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from exchange.cash.losses import LossCause
from exchange.commands import (
    FreezeWallet,
    HaltCash,
    OpenVenueWallet,
    PauseIssuer,
    RecordCashLoss,
    RecordOperationalLoss,
    ReissueCoins,
    ResumeCash,
    TransferCash,
    UnfreezeWallet,
    UnpauseIssuer,
    WipeWallet,
)
from exchange.units import WalletId
from tests.builders import RUBD, Venue

KEYS = ("issuer", "central_bank")
THIEF = WalletId("thief")
causes = st.sampled_from([cause for cause in LossCause if cause is not LossCause.WIPED])
choices = st.integers(0, 10**6)


class LossRules:
    """`tell` audits every invariant after each. Percentages above 100 ask for more than there is."""

    venue: Venue

    def tell(self, command) -> None:
        raise NotImplementedError

    def wallet(self, choice: int) -> WalletId:
        wallets = self.venue.state.holdings[RUBD].custody.wallets
        return wallets[choice % len(wallets)]

    def part_of(self, wallet: WalletId, percent: int) -> int:
        return self.venue.state.holdings[RUBD].keeper.balance(wallet) * percent // 100

    def default_funds(self) -> int:
        """All that stands behind defaults: members' shares and the layers of the house."""
        names = ("df:", "ccp:sitg", "ccp:further", "ccp:equity", "ccp:insurance")
        ledger = self.venue.state.ledger
        return sum(ledger.posted(a.account_id) for a in ledger.accounts() if a.account_id.startswith(names))

    @rule(choice=choices, percent=st.integers(0, 110), cause=causes)
    def lose(self, choice: int, percent: int, cause: LossCause) -> None:
        wallet, before = self.wallet(choice), self.default_funds()
        self.tell(
            RecordCashLoss(
                asset_id=RUBD, wallet_id=wallet, amount=self.part_of(wallet, percent), cause=cause,
                grounds="it is gone", target=THIEF,
            )
        )  # fmt: skip
        assert self.default_funds() == before, "I-35: a default fund bears no such loss"

    @rule(choice=choices, percent=st.integers(1, 60))
    def pay_away(self, choice: int, percent: int) -> None:
        amount = self.part_of(self.wallet(choice), percent)
        self.tell(RecordOperationalLoss(asset_id=RUBD, amount=amount, target=THIEF, grounds="an error"))

    @rule(choice=choices, out=st.booleans(), into=st.booleans())
    def freeze_wallet(self, choice: int, out: bool, into: bool) -> None:
        self.tell(
            FreezeWallet(
                asset_id=RUBD, wallet_id=self.wallet(choice), order_ref="order", signatures=KEYS,
                out=out, into=into,
            )
        )  # fmt: skip

    @rule(choice=choices)
    def thaw_wallet(self, choice: int) -> None:
        self.tell(
            UnfreezeWallet(
                asset_id=RUBD, wallet_id=self.wallet(choice), order_ref="order", signatures=KEYS
            )
        )  # fmt: skip

    @rule(choice=choices, to=st.none() | choices)
    def wipe_wallet(self, choice: int, to: int | None) -> None:
        target = None if to is None else self.wallet(to)
        self.tell(
            WipeWallet(
                asset_id=RUBD, wallet_id=self.wallet(choice), order_ref="wipe", signatures=KEYS,
                reissue_to=target,
            )
        )  # fmt: skip

    @rule(choice=choices, amount=st.integers(1, 10**7))
    def reissue(self, choice: int, amount: int) -> None:
        self.tell(
            ReissueCoins(
                asset_id=RUBD, wallet_id=self.wallet(choice), amount=amount, wipe_ref="wipe", signatures=KEYS
            )
        )

    @rule(halted=st.booleans())
    def halt_or_resume(self, halted: bool) -> None:
        self.tell(HaltCash(asset_id=RUBD, grounds="a letter") if halted else ResumeCash(asset_id=RUBD))

    @rule(choice=choices, named=st.booleans())
    def open_wallet(self, choice: int, named: bool) -> None:
        wallets = self.venue.state.holdings[RUBD].custody.wallets
        replaces = self.wallet(choice) if named else None
        self.tell(
            OpenVenueWallet(asset_id=RUBD, wallet_id=WalletId(f"new-{len(wallets)}"), replaces=replaces)
        )

    @rule(choice=choices, percent=st.integers(0, 120))
    def come_back(self, choice: int, percent: int) -> None:
        """Somebody pays into a wallet of the venue, which may stand in for one that lost money."""
        held = self.venue.state.holdings[RUBD]
        lost = sum(loss.outstanding for loss in held.losses)
        amount = lost * percent // 100 + 1
        self.venue.mint(THIEF, amount)
        self.tell(TransferCash(asset_id=RUBD, source=THIEF, target=self.wallet(choice), amount=amount))

    @rule(paused=st.booleans())
    def pause_or_unpause(self, paused: bool) -> None:
        self.tell((PauseIssuer if paused else UnpauseIssuer)(asset_id=RUBD, signatures=("issuer",)))
