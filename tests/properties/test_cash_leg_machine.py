"""An issuer, its banks and those who hold its coin, in any order, on a whole venue: every invariant holds after each
step, and whoever reads only the record comes to the issuer's own figures.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from exchange.cash.terms import (
    InterestRule,
    QueueRule,
    RedemptionTerms,
    ReissueRule,
    ReserveClass,
    ReserveStatus,
    ReserveTerms,
    Role,
    RoleName,
    keys_of,
)
from exchange.commands import (
    AddOwnFunds,
    CancelKeyOperation,
    CancelRedemption,
    ChangeIssuerState,
    Command,
    ConfigureMinter,
    DepositCash,
    DistributeInterest,
    FreezeWallet,
    MintCoins,
    PauseIssuer,
    PayHolders,
    RecordFiatReceipt,
    RedeemCoins,
    ReissueCoins,
    ReportReserve,
    SessionTerms,
    TransferCash,
    UnfreezeWallet,
    UnpauseIssuer,
    WipeWallet,
    WithdrawCash,
)
from exchange.events import (
    CoinsMinted,
    CoinsRedeemed,
    Event,
    IssuerState,
    RedemptionCanceled,
    RedemptionRequested,
    ReservesCoverSupply,
    SupplyExceedsReserves,
)
from exchange.units import DAY, HOUR, MINUTE, SECOND, WalletId
from matching.terms import ParticipantId
from tests.builders import OPENS, RUBD, Venue, a_patient_index, coin_terms

PEOPLE = tuple(ParticipantId(name) for name in ("ann", "bob", "cyd"))
OUTSIDE = tuple(WalletId(f"wallet-{name}") for name in PEOPLE)
OURS = tuple(WalletId(f"venue-{n}") for n in (1, 2))
KEYS = ("issuer", "slow")

people = st.sampled_from(PEOPLE)
outside = st.sampled_from(OUTSIDE)
wallets = st.sampled_from((*OUTSIDE, *OURS))
amounts = st.integers(1, 900)


def bucket(name: str, weight_bp: int, days: int = 0, haircut_bp: int = 0) -> ReserveTerms:
    return ReserveTerms(
        name=name,
        reserve_class=ReserveClass.SHORT_BILLS if days else ReserveClass.BANK_DEPOSIT,
        custodian=name,
        weight_bp=weight_bp,
        liquidity_days=days,
        haircut_bp=haircut_bp,
    )


class CashLegMachine(RuleBasedStateMachine):
    """`Venue.tell` and `Venue.wait_until` audit everything after each step."""

    @initialize(
        receipt=st.booleans(),
        forced=st.booleans(),
        instant=st.booleans(),
        queue=st.sampled_from(QueueRule),
        fee=st.sampled_from((0, 5)),
        holders=st.sampled_from(InterestRule),
        reissue=st.sampled_from(ReissueRule),
        delay=st.sampled_from((0, MINUTE)),
        batch=st.booleans(),
    )
    def found(self, receipt, forced, instant, queue, fee, holders, reissue, delay, batch) -> None:  # type: ignore[no-untyped-def]
        slow = Role(name=RoleName.VENUE_FREEZER, holders=("slow",), quorum=1, delay=delay)
        self.venue = Venue(
            coin=coin_terms(
                2,
                roles=keys_of("issuer", apart=(slow,)),
                mint_needs_receipt=receipt,
                forced_sales=forced,
                redemption=RedemptionTerms(instant=instant, queue=queue, fee_fixed=fee, gated_payout=batch),
                venue_interest=holders,
                interest_share_bp=5_000,
                wipe_allowed=True,
                reissue=reissue,
                pause_completes_batch=batch,
                reserves=(bucket("bank", 3_000), bucket("other bank", 2_000), bucket("bills", 5_000, 1, 700)),
            ),
            index=a_patient_index(interval=DAY),
            sessions=(SessionTerms(opens=OPENS, closes=OPENS + MINUTE),),
        )
        self.events: list[Event] = []
        for name in PEOPLE:
            self.events += self.venue.admit(name, 500)
        for wallet in OUTSIDE:
            self.venue.mint(wallet, 500)
        self.receipts = 0

    def tell(self, command: Command) -> None:
        self.events += self.venue.tell(command)

    # --- participants -------------------------------------------------------------------------------

    @rule(who=people, amount=amounts, out=st.booleans())
    def deposit_or_withdraw(self, who: ParticipantId, amount: int, out: bool) -> None:
        self.tell((WithdrawCash if out else DepositCash)(participant_id=who, asset_id=RUBD, amount=amount))

    @rule(wallet=outside, amount=amounts)
    def redeem(self, wallet: WalletId, amount: int) -> None:
        self.tell(RedeemCoins(asset_id=RUBD, wallet_id=wallet, amount=amount))

    @rule(ticket=st.integers(1, 8))
    def cancel(self, ticket: int) -> None:
        self.tell(CancelRedemption(asset_id=RUBD, ticket_id=ticket))

    @rule(source=wallets, to=wallets, amount=amounts)
    def transfer(self, source: WalletId, to: WalletId, amount: int) -> None:
        self.tell(TransferCash(asset_id=RUBD, source=source, target=to, amount=amount))

    @rule(by=st.sampled_from((SECOND, MINUTE, HOUR, DAY)))
    def wait(self, by: int) -> None:
        self.events += self.venue.wait_until(self.venue.now + by)

    # --- the issuer and its banks -------------------------------------------------------------------

    @rule(wallet=wallets, amount=amounts, honest=st.booleans())
    def mint(self, wallet: WalletId, amount: int, honest: bool) -> None:
        self.receipts += 1
        receipt = f"more-{self.receipts}"
        if honest:
            self.tell(RecordFiatReceipt(asset_id=RUBD, receipt_id=receipt, amount=amount))
        self.tell(
            MintCoins(asset_id=RUBD, minter="minter", receipt_id=receipt, wallet_id=wallet, amount=amount)
        )

    @rule(
        custodian=st.sampled_from(("bank", "other bank", "bills")),
        status=st.sampled_from(ReserveStatus),
        share=st.sampled_from((100, 2_500, 10_000)),
    )
    def reserves(self, custodian: str, status: ReserveStatus, share: int) -> None:
        self.tell(ReportReserve(asset_id=RUBD, custodian=custodian, status=status, share_bp=share))

    @rule(amount=amounts, earned=st.booleans())
    def money_comes_in(self, amount: int, earned: bool) -> None:
        if earned:
            self.tell(DistributeInterest(asset_id=RUBD, income=amount))
        else:
            self.tell(AddOwnFunds(asset_id=RUBD, amount=amount))

    @rule(allowance=st.integers(0, 10_000))
    def configure(self, allowance: int) -> None:
        self.tell(ConfigureMinter(asset_id=RUBD, minter="minter", allowance=allowance, signatures=KEYS))

    @rule(state=st.sampled_from(IssuerState), rarely=st.integers(0, 4))
    def change_state(self, state: IssuerState, rarely: int) -> None:
        if not rarely or state not in (IssuerState.DEFAULT, IssuerState.WIND_DOWN):
            self.tell(ChangeIssuerState(asset_id=RUBD, state=state, signatures=KEYS))
        self.tell(PayHolders(asset_id=RUBD))

    @rule(pause=st.booleans())
    def pause(self, pause: bool) -> None:
        self.tell((PauseIssuer if pause else UnpauseIssuer)(asset_id=RUBD, signatures=KEYS))

    @rule(wallet=wallets, freeze=st.booleans(), into=st.booleans())
    def freeze(self, wallet: WalletId, freeze: bool, into: bool) -> None:
        fields = {"asset_id": RUBD, "wallet_id": wallet, "order_ref": "order", "signatures": KEYS}
        self.tell(FreezeWallet(**fields, into=into) if freeze else UnfreezeWallet(**fields))  # type: ignore[arg-type]

    @rule(wallet=wallets, anew=st.none() | wallets)
    def wipe(self, wallet: WalletId, anew: WalletId | None) -> None:
        self.tell(
            WipeWallet(asset_id=RUBD, wallet_id=wallet, order_ref="order", signatures=KEYS, reissue_to=anew)
        )

    @rule(wallet=wallets, amount=amounts)
    def reissue(self, wallet: WalletId, amount: int) -> None:
        self.tell(
            ReissueCoins(asset_id=RUBD, wallet_id=wallet, amount=amount, wipe_ref="order", signatures=KEYS)
        )

    @rule(operation=st.integers(1, 4))
    def take_back(self, operation: int) -> None:
        self.tell(CancelKeyOperation(asset_id=RUBD, operation_id=operation, signatures=KEYS))

    # --- what a reader of the record finds ----------------------------------------------------------

    @invariant()
    def the_record_tells_the_queue_and_the_shortfall(self) -> None:
        issuer = self.venue.state.holdings[RUBD].issuer
        for event in self.events:
            match event:
                case RedemptionRequested():
                    self.queued += event.amount
                case RedemptionCanceled():
                    self.queued -= event.amount
                case CoinsRedeemed() if event.ticket_id:
                    self.queued -= event.amount
                case SupplyExceedsReserves():
                    self.shortfall = event.shortfall
                case ReservesCoverSupply():
                    self.shortfall = 0
                case CoinsMinted():
                    self.unbacked += 0 if event.backed else event.amount
        self.events.clear()
        assert self.queued == issuer.redemptions.backlog
        assert self.shortfall == max(0, issuer.supply - issuer.reserves.book)
        assert self.unbacked == issuer.minting.unbacked

    queued = shortfall = unbacked = 0

    @invariant()
    def no_queue_waits_for_nothing(self) -> None:
        """If somebody may be paid and there is money, the next processing is promised."""
        issuer = self.venue.state.holdings[RUBD].issuer
        if issuer.payout_rule() is not None and issuer.wanted() and issuer.reserves.liquid:
            assert issuer.redemptions.processing_at is not None


TestCashLegMachine = CashLegMachine.TestCase
TestCashLegMachine.settings = settings(max_examples=120, stateful_step_count=50, deadline=None)
