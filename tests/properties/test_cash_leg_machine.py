"""An issuer, its banks and those who hold its coin, in any order, on a whole venue: every invariant holds after each
step, and whoever reads only the record comes to the issuer's own figures.
"""

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from exchange import treasury
from exchange.access.regime import CashRules, GateRule
from exchange.cash.losses import LossCause
from exchange.cash.terms import (
    CashHalt,
    CashPriceTerms,
    CustodyMode,
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
from exchange.clearing.denomination import Denomination
from exchange.clearing.terms import ClearingMode, ClearingRules
from exchange.commands import (
    AddOwnFunds,
    CancelAll,
    CancelKeyOperation,
    CancelRedemption,
    ChangeIssuerState,
    Command,
    ConfigureMinter,
    DepositCash,
    DistributeInterest,
    EndOutage,
    FailBank,
    FreezeParticipant,
    FreezeWallet,
    FundHouse,
    HaltCash,
    HouseLayer,
    InstructSettlement,
    MintCoins,
    OpenVenueWallet,
    PauseIssuer,
    PayHolders,
    PublishConversionRate,
    RecordCashLoss,
    RecordFiatReceipt,
    RedeemCoins,
    ReissueCoins,
    ReportCashPrice,
    ReportOutage,
    ReportReserve,
    ResolveBank,
    ResumeCash,
    RunSettlementCycle,
    SessionTerms,
    SettlementModel,
    TransferCash,
    UnfreezeParticipant,
    UnfreezeWallet,
    UnpauseIssuer,
    WipeWallet,
    WithdrawCash,
)
from exchange.events import (
    BankResolved,
    CoinRequestRefused,
    CoinsMinted,
    CoinsRedeemed,
    Event,
    InterestPaid,
    IssuerState,
    LossAllocated,
    RedemptionCanceled,
    RedemptionRequested,
    ReservesCoverSupply,
    SupplyExceedsReserves,
    WalletCredited,
)
from exchange.instruments import Instrument
from exchange.units import DAY, HOUR, MINUTE, SECOND, AssetId, Time, WalletId
from matching.terms import ParticipantId, Side
from tests.builders import (
    BTCF,
    EXPIRY,
    OPENS,
    PAIR,
    RUB,
    RUBD,
    Venue,
    a_patient_index,
    a_regime,
    cash_pair,
    cleared_at,
    coin_terms,
    future,
    rouble_terms,
)
from tests.exchange.test_cash_pairs import BOTH, LOT
from tests.often import often

PEOPLE = tuple(ParticipantId(name) for name in ("ann", "bob", "cyd"))
OUTSIDE = tuple(WalletId(f"wallet-{name}") for name in PEOPLE)
OURS = tuple(WalletId(f"venue-{n}") for n in (1, 2))
KEYS = ("issuer", "slow")

people = st.sampled_from(PEOPLE)
outside = st.sampled_from(OUTSIDE)
wallets = st.sampled_from((*OUTSIDE, *OURS))
amounts = st.integers(1, 900)
choices = st.integers(0, 10**6)
either = st.sampled_from((RUBD, RUB))
large = st.integers(1, 90 * LOT) | st.integers(-1, 5)
BOTH_KEYS = ("issuer", "central_bank", "court")
HOUSE = WalletId("house")
GONE = "it is gone"  # the grounds of a loss that the machine reports
WRITTEN_OFF = (LossCause.ISSUER_DEFAULT, LossCause.BANK_INSOLVENCY)  # and paid to nobody


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
TestCashLegMachine.settings = settings(max_examples=often(120), stateful_step_count=50, deadline=None)


# --- the venue around it --------------------------------------------------------------------------------


class RecordedVenue(Venue):
    """Keeps what has happened since it was last read."""

    def __init__(self, *instruments: Instrument, **terms: Any) -> None:
        self.record: list[Event] = []
        super().__init__(*instruments, **terms)

    def tell(self, command: Command) -> list[Event]:
        events = super().tell(command)
        self.record += events
        return events

    def wait_until(self, time: Time) -> list[Event]:
        events = super().wait_until(time)
        self.record += events
        return events


class WholeCashLegMachine(RuleBasedStateMachine):
    """Issuer, bank, authority and participants on one venue with a coin, bank roubles, their pair and a future.

    `Venue.tell` and `Venue.wait_until` audit everything after each step.
    """

    @initialize(
        mode=st.sampled_from(ClearingMode),
        settled_in=st.sampled_from((RUBD, RUBD, RUB)),
        custody=st.sampled_from(CustodyMode),
        gate=st.sampled_from(GateRule),
        in_value=st.booleans(),
        halts=st.booleans(),
        queue=st.sampled_from(QueueRule),
        batch=st.booleans(),
        own_book=st.booleans(),
    )
    def found(self, mode, settled_in, custody, gate, in_value, halts, queue, batch, own_book) -> None:  # type: ignore[no-untyped-def]
        worth = in_value and mode is ClearingMode.RISK and settled_in == RUBD
        cash = CashRules(
            settlement_asset=settled_in,
            gate=gate,
            denomination=Denomination.FIAT_VALUE if worth else Denomination.TOKEN_PAR,
            fallback_asset=RUB if settled_in == RUBD else RUBD,
            halt_on_freeze=halts,
            freeze_respects_finality=batch,
        )
        coin = coin_terms(
            2 if custody is CustodyMode.SHARDED else 1,
            custody=custody,
            longest_pause=HOUR,
            expected_recovery_bp=5_000,
            loss_layer_cap=LOT,
            wipe_allowed=True,
            mint_needs_receipt=batch,
            forced_sales=not batch,
            pause_completes_batch=batch,
            redemption=RedemptionTerms(instant=batch, queue=queue, processing_interval=MINUTE),
            reserves=(bucket("bank", 5_000), bucket("bills", 5_000, 1, 700)),
            interest_share_bp=5_000,
        )
        clearing = ClearingRules(mode=mode, variation=cleared_at(20 * MINUTE))
        self.roubles = 0  # that all wallets at the bank should hold together, by the record
        self.venue = RecordedVenue(
            future(cash=settled_in, fee_taker=7),
            cash_pair(fee_maker=20, fee_taker=60),
            assets=BOTH,
            coin=coin,
            more_coins=(rouble_terms(longest_pause=HOUR, insured=LOT, interest_bp=500),),
            regime=a_regime(clearing=clearing, cash=cash),
            index=a_patient_index(),
            cash_prices=(CashPriceTerms(asset_id=RUBD, pair=PAIR, interval=10 * SECOND),) * own_book,
        )
        for who in PEOPLE:
            self.venue.admit(who, 0)
            for asset_id in (RUBD, RUB):
                self.venue.pay_in(who, 80 * LOT, asset_id)
                self.venue.mint(WalletId(f"wallet-{who}"), 30 * LOT, asset_id)
        for layer in HouseLayer:
            for asset_id in (RUBD, RUB):
                self.venue.mint(HOUSE, 3 * LOT, asset_id)
                self.venue.tell(FundHouse(asset_id=asset_id, source=HOUSE, layer=layer, amount=3 * LOT))
        self.venue.quote(800_000_000)
        self.venue.wait_until(OPENS + MINUTE)
        self.venue.trade(PEOPLE[0], PEOPLE[1], 2, 80_000)

    def tell(self, command: Command) -> list[Event]:
        return self.venue.tell(command)

    def default_funds(self) -> int:
        """All that stands behind defaults: members' shares, and layers of the house."""
        names = ("df:", "ccp:sitg", "ccp:further", "ccp:equity")
        ledger = self.venue.state.ledger
        return sum(ledger.posted(a.account_id) for a in ledger.accounts() if a.account_id.startswith(names))

    def lose_coins(self, command: Command) -> None:
        before = self.default_funds()
        self.tell(command)
        assert self.default_funds() == before, "I-35: a default fund bears no such loss"

    def wallet(self, asset_id: AssetId, choice: int) -> WalletId:
        """One of the venue's, or somebody's outside."""
        wallets = (*self.venue.state.holdings[asset_id].custody.wallets, *OUTSIDE)
        return wallets[choice % len(wallets)]

    # --- participants -------------------------------------------------------------------------------

    @rule(
        who=people, buys=st.booleans(), lots=st.integers(1, 6), offset=st.integers(-4, 4), pair=st.booleans()
    )
    def order(self, who: ParticipantId, buys: bool, lots: int, offset: int, pair: bool) -> None:
        instrument, fair, step = (PAIR, 10_000, 100) if pair else (BTCF, 80_000, 200)
        side = Side.BUY if buys else Side.SELL
        self.venue.place(who, side, lots, fair + offset * step, instrument_id=instrument)

    @rule(buyer=people, seller=people, lots=st.integers(1, 6), pair=st.booleans())
    def trade(self, buyer: ParticipantId, seller: ParticipantId, lots: int, pair: bool) -> None:
        instrument, price = (PAIR, 9_900) if pair else (BTCF, 80_000)
        self.venue.trade(buyer, seller, lots, price, instrument)

    @rule(who=people)
    def cancel(self, who: ParticipantId) -> None:
        self.tell(CancelAll(participant_id=who))

    @rule(who=people, asset_id=either, amount=large, out=st.booleans())
    def deposit_or_withdraw(self, who: ParticipantId, asset_id: AssetId, amount: int, out: bool) -> None:
        kind = WithdrawCash if out else DepositCash
        self.tell(kind(participant_id=who, asset_id=asset_id, amount=amount))

    @rule(wallet=outside, amount=large, canceled=st.none() | st.integers(1, 4))
    def redeem(self, wallet: WalletId, amount: int, canceled: int | None) -> None:
        self.tell(RedeemCoins(asset_id=RUBD, wallet_id=wallet, amount=amount))
        if canceled is not None:
            self.tell(CancelRedemption(asset_id=RUBD, ticket_id=canceled))

    @rule(source=outside, choice=choices, asset_id=either, amount=large)
    def pay(self, source: WalletId, choice: int, asset_id: AssetId, amount: int) -> None:
        target = self.wallet(asset_id, choice)
        self.tell(TransferCash(asset_id=asset_id, source=source, target=target, amount=amount))

    @rule(one=people, other=people, amount=large)
    def exchange_two_moneys(self, one: ParticipantId, other: ParticipantId, amount: int) -> None:
        for who, counterparty, delivers in ((one, other, True), (other, one, False)):
            self.tell(
                InstructSettlement(
                    participant_id=who, counterparty_id=counterparty, delivers=delivers, asset_id=RUBD,
                    amount=amount, intended=self.venue.now, payment_asset_id=RUB, payment=amount,
                )
            )  # fmt: skip
        self.tell(RunSettlementCycle(model=SettlementModel.PVP, lasts=MINUTE))

    # --- the issuer ---------------------------------------------------------------------------------

    @rule(choice=choices, amount=large, honest=st.booleans())
    def mint(self, choice: int, amount: int, honest: bool) -> None:
        self.venue.minted += 1
        receipt, wallet = f"receipt-{self.venue.minted}", self.wallet(RUBD, choice)
        if honest:
            self.tell(RecordFiatReceipt(asset_id=RUBD, receipt_id=receipt, amount=amount))
        self.tell(
            MintCoins(asset_id=RUBD, minter="minter", receipt_id=receipt, wallet_id=wallet, amount=amount)
        )

    @rule(custodian=st.sampled_from(("bank", "bills")), status=st.sampled_from(ReserveStatus),
          share=st.sampled_from((825, 2_000, 10_000)))  # fmt: skip
    def reserves(self, custodian: str, status: ReserveStatus, share: int) -> None:
        self.tell(ReportReserve(asset_id=RUBD, custodian=custodian, status=status, share_bp=share))

    @rule(amount=large, earned=st.booleans())
    def money_comes_in(self, amount: int, earned: bool) -> None:
        self.tell(
            DistributeInterest(asset_id=RUBD, income=amount)
            if earned
            else AddOwnFunds(asset_id=RUBD, amount=amount)
        )

    @rule(state=st.sampled_from(IssuerState), rarely=st.integers(0, 9))
    def change_state(self, state: IssuerState, rarely: int) -> None:
        if not rarely or state not in (IssuerState.DEFAULT, IssuerState.WIND_DOWN):
            self.tell(ChangeIssuerState(asset_id=RUBD, state=state, signatures=BOTH_KEYS))

    @rule(pause=st.booleans(), bank=st.booleans())
    def stop_or_go_on(self, pause: bool, bank: bool) -> None:
        if bank:
            self.tell((ReportOutage if pause else EndOutage)(asset_id=RUB))
        else:
            self.tell((PauseIssuer if pause else UnpauseIssuer)(asset_id=RUBD, signatures=BOTH_KEYS))

    @rule(choice=choices, asset_id=either, freeze=st.booleans(), into=st.booleans(), signed=st.booleans())
    def freeze(self, choice: int, asset_id: AssetId, freeze: bool, into: bool, signed: bool) -> None:
        fields = {
            "asset_id": asset_id, "wallet_id": self.wallet(asset_id, choice), "order_ref": "order",
            "signatures": BOTH_KEYS if signed else (),
        }  # fmt: skip
        self.tell(FreezeWallet(**fields, into=into) if freeze else UnfreezeWallet(**fields))  # type: ignore[arg-type]

    @rule(choice=choices, anew=st.none() | choices, rarely=st.integers(0, 2))
    def wipe(self, choice: int, anew: int | None, rarely: int) -> None:
        target = None if anew is None else self.wallet(RUBD, anew)
        wallet = self.wallet(RUBD, choice)
        if not rarely:
            self.freeze(choice, RUBD, True, True, True)
        self.lose_coins(
            WipeWallet(
                asset_id=RUBD, wallet_id=wallet, order_ref="order", signatures=BOTH_KEYS, reissue_to=target
            )
        )

    @rule(choice=choices, amount=large)
    def reissue(self, choice: int, amount: int) -> None:
        wallet = self.wallet(RUBD, choice)
        self.tell(
            ReissueCoins(
                asset_id=RUBD, wallet_id=wallet, amount=amount, wipe_ref="order", signatures=BOTH_KEYS
            )
        )

    # --- the bank -----------------------------------------------------------------------------------

    @rule(wallet=outside, amount=large)
    def credit(self, wallet: WalletId, amount: int) -> None:
        self.venue.mint(wallet, amount, RUB)

    @rule(loss=st.sampled_from((0, 1_250, 10_000)), rarely=st.integers(0, 3))
    def fail_or_resolve(self, loss: int, rarely: int) -> None:
        failed = self.tell(ResolveBank(asset_id=RUB, loss_bp=loss))
        if not rarely and isinstance(failed[0], CoinRequestRefused):
            self.tell(FailBank(asset_id=RUB))

    # --- the venue and the authority ----------------------------------------------------------------

    @rule(choice=choices, asset_id=either, amount=large, cause=st.sampled_from(LossCause))
    def lose(self, choice: int, asset_id: AssetId, amount: int, cause: LossCause) -> None:
        self.lose_coins(
            RecordCashLoss(
                asset_id=asset_id, wallet_id=self.wallet(asset_id, choice), amount=amount, cause=cause,
                grounds=GONE, target=OUTSIDE[0],
            )
        )  # fmt: skip

    @rule(choice=choices, named=st.booleans())
    def open_wallet(self, choice: int, named: bool) -> None:
        wallets = self.venue.state.holdings[RUBD].custody.wallets
        replaces = wallets[choice % len(wallets)] if named else None
        self.tell(
            OpenVenueWallet(asset_id=RUBD, wallet_id=WalletId(f"new-{len(wallets)}"), replaces=replaces)
        )

    @rule(who=people, frozen=st.booleans())
    def legal_order(self, who: ParticipantId, frozen: bool) -> None:
        kind = FreezeParticipant if frozen else UnfreezeParticipant
        self.tell(kind(participant_id=who, order_ref="court"))

    @rule(asset_id=either, rate=st.sampled_from((None, None, None, 1, 825_000, 1_000_000)))
    def halt_convert_or_resume(self, asset_id: AssetId, rate: int | None) -> None:
        if CashHalt.DIRECTIVE not in self.venue.state.holdings[asset_id].halts:
            self.tell(HaltCash(asset_id=asset_id, grounds="a letter"))
        elif rate is None:
            self.tell(ResumeCash(asset_id=asset_id))
        else:
            self.tell(PublishConversionRate(asset_id=asset_id, rate_ppm=rate))

    @rule(ppm=st.sampled_from((880_000, 970_000, 1_000_000)))
    def coin_is_priced(self, ppm: int) -> None:
        self.tell(ReportCashPrice(asset_id=RUBD, price_ppm=ppm, source="otc"))

    @rule(move=st.integers(-900, 900), by=st.sampled_from((SECOND, MINUTE, 20 * MINUTE)))
    def price_moves(self, move: int, by: int) -> None:
        if self.venue.now + by < EXPIRY:
            self.venue.quote((80_000 + 10 * move) * 10_000)
            self.venue.wait_until(self.venue.now + by)

    @rule(by=st.sampled_from((HOUR, 8 * HOUR, DAY)))
    def wait(self, by: int) -> None:
        self.venue.wait_until(self.venue.now + by)

    # --- beside the audit ---------------------------------------------------------------------------

    @invariant()
    def the_gate_never_promises_more_than_can_move(self) -> None:
        for asset_id, holding in self.venue.state.holdings.items():
            if holding.gate is not None and holding.gate.rule is GateRule.PRO_RATA:
                allowed = sum(treasury.withdrawable(self.venue.state, who, asset_id) for who in PEOPLE)
                assert allowed <= sum(holding.spendable(self.venue.state.ledger).values())

    @invariant()
    def every_coin_that_is_burned_is_paid_for_at_the_bank(self) -> None:
        """Roubles at the bank are those that came in, were earned or were paid for coins, less what was lost."""
        for event in self.venue.record:
            match event:
                case WalletCredited():
                    self.roubles += event.amount
                case CoinsRedeemed():
                    self.roubles += event.amount - event.fee
                case InterestPaid():
                    self.roubles += event.amount
                case BankResolved():
                    self.roubles -= event.lost
                case LossAllocated() if (event.asset_id, event.grounds) == (
                    RUB,
                    GONE,
                ) and event.cause in WRITTEN_OFF:
                    self.roubles -= event.loss
        self.venue.record.clear()
        assert self.venue.state.holdings[RUB].bank.owed == self.roubles


def of_size(examples: int, steps: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


TestWholeCashLegMachine = WholeCashLegMachine.TestCase
TestWholeCashLegMachine.settings = of_size(often(40), 40)


@pytest.mark.nightly
@pytest.mark.parametrize("machine", [CashLegMachine, WholeCashLegMachine])
def test_many_more_stories(machine: type[RuleBasedStateMachine]) -> None:
    run_state_machine_as_test(machine, settings=of_size(800, 80))  # type: ignore[no-untyped-call]
