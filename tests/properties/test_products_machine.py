"""Spot, a note and a future on one ledger, in any order, with a chain that forgets and an issuer that may not pay:
every invariant holds after every event, and what left and entered from outside is all that is not here.
"""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from exchange.access.regime import CashRules
from exchange.cash.terms import CustodyMode
from exchange.clearing import accounts
from exchange.commands import (
    AmendOrder,
    CancelAll,
    Command,
    DepositCash,
    FreezeParticipant,
    FundRedemption,
    PayObligations,
    ReinstateParticipant,
    ReportReorganisation,
    SetLimit,
    SubscribeNotes,
    SuspendParticipant,
    UnfreezeParticipant,
    WithdrawCash,
    WithdrawUnits,
)
from exchange.events import (
    CryptoDepositAnnounced,
    CryptoDepositCredited,
    NotesSubscribed,
    NoteState,
    OrderAccepted,
    UnitsLost,
    UnitsWithdrawalCompleted,
)
from exchange.instruments import Coupon
from exchange.units import HOUR, MINUTE, SECOND
from matching.terms import OrderId, ParticipantId, Side, TimeInForce
from tests.builders import (
    ANN,
    BOB,
    BTC,
    BTC_SPOT,
    BTCF,
    CYD,
    EXPIRY,
    IDA,
    NOTE,
    NOTE_UNITS,
    OPENS,
    ROUBLE,
    RUBD,
    SATOSHI_LOT,
    Venue,
    a_patient_index,
    a_regime,
    coin_terms,
    future,
    note,
    note_terms,
    of_kind,
    spot,
    with_btc,
)
from tests.often import often
from tests.properties.losses import LossRules

NAMES = (ANN, BOB, CYD, IDA)
FAIR = {BTCF: 80_000, BTC_SPOT: 80_000, NOTE: 100_000}

names = st.sampled_from(NAMES)
series = st.sampled_from(sorted(FAIR))
offsets = st.integers(-20, 20)
quantities = st.integers(1, 6)


class Products(RuleBasedStateMachine):
    coin = coin_terms()
    cash_rules = CashRules(settlement_asset=RUBD)

    @initialize(rate_bp=st.integers(1, 3_000), grace=st.sampled_from([0, HOUR]))
    def open(self, rate_bp: int, grace: int) -> None:
        coupons = (Coupon(at=OPENS + 2 * HOUR, rate_bp=rate_bp), Coupon(at=EXPIRY, rate_bp=rate_bp))
        terms = note_terms(coupons=coupons, grace=grace, volume=60)
        self.venue = Venue(
            future(fee_maker=3, fee_taker=7),
            spot(fee_maker=3, fee_taker=7),
            assets=with_btc(),
            coin=self.coin,
            regime=a_regime(cash=self.cash_rules),
            index=a_patient_index(),
        )
        for name in NAMES:
            self.venue.admit(name, 60_000 * ROUBLE)
        self.outside = 0  # satoshi that the chain shows in custody, counted from the events alone
        self.transactions: list[str] = []
        self.orders: list[OrderId] = []
        for name in (ANN, BOB):
            self.announce(name, 5)
        self.venue.issue(note(terms, fee_maker=3, fee_taker=7), (ANN, 10), (CYD, 4))

    def tell(self, command: Command) -> None:
        self.hear(self.venue.tell(command))

    def hear(self, events: list[object]) -> None:
        """`Venue.tell` has audited every invariant; here what came in and went out is counted again."""
        self.orders += [e.order_id for e in of_kind(events, OrderAccepted)]  # type: ignore[arg-type]
        self.transactions += [e.transaction for e in of_kind(events, CryptoDepositAnnounced)]  # type: ignore[arg-type]
        self.outside += sum(e.amount for e in of_kind(events, CryptoDepositCredited))  # type: ignore[arg-type]
        self.outside -= sum(e.amount for e in of_kind(events, UnitsWithdrawalCompleted))  # type: ignore[arg-type]
        self.outside -= sum(e.loss for e in of_kind(events, UnitsLost))  # type: ignore[arg-type]
        ledger = self.venue.state.ledger
        assert sum(self.venue.units(name) for name in NAMES) == self.outside
        assert ledger.posted(accounts.register(BTC)) == self.outside
        assert all(self.venue.at_risk(name) >= 0 for name in NAMES)

    @rule(who=names, side=st.sampled_from(Side), which=series, offset=offsets, quantity=quantities,
          how=st.sampled_from([TimeInForce.DAY, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK]),
          reduce_only=st.booleans())  # fmt: skip
    def place(self, who, side, which, offset, quantity, how, reduce_only) -> None:  # type: ignore[no-untyped-def]
        price = FAIR[which] + offset * 25
        self.hear(
            self.venue.place(
                who,
                side,
                quantity,
                price,
                instrument_id=which,
                time_in_force=how,
                reduce_only=reduce_only and offset > 10,
            )  # type: ignore[arg-type]
        )

    @precondition(lambda self: self.orders)
    @rule(choice=st.integers(0, 10**6), offset=offsets, quantity=quantities)
    def amend(self, choice: int, offset: int, quantity: int) -> None:
        order_id = self.orders[choice % len(self.orders)]
        for seat in self.venue.state.seats.values():
            if order_id in seat.orders:
                fair = FAIR[seat.orders[order_id].instrument.instrument_id]
                self.tell(
                    AmendOrder(
                        participant_id=seat.participant_id,
                        order_id=order_id,
                        price=fair + 25 * offset,
                        quantity=quantity,
                    )
                )
                return

    @rule(who=names)
    def cancel_all(self, who: ParticipantId) -> None:
        self.tell(CancelAll(participant_id=who))

    @rule(who=names, lots=st.integers(1, 5))
    def announce(self, who: ParticipantId, lots: int) -> None:
        self.hear(self.venue.bring(who, lots * SATOSHI_LOT + 1, f"transaction {len(self.transactions)}"))  # type: ignore[arg-type]

    @rule(choice=st.integers(0, 10**6))
    def reorganise(self, choice: int) -> None:
        transaction = self.transactions[choice % len(self.transactions)]
        self.tell(ReportReorganisation(asset_id=BTC, transaction=transaction))

    @rule(who=names, amount=st.integers(1, 5 * SATOSHI_LOT))
    def withdraw_units(self, who: ParticipantId, amount: int) -> None:
        self.tell(WithdrawUnits(participant_id=who, asset_id=BTC, amount=amount))

    @rule(who=names, quantity=quantities)
    def subscribe(self, who: ParticipantId, quantity: int) -> None:
        """The placement is over: nothing is sold any more."""
        assert not of_kind(
            self.venue.tell(SubscribeNotes(participant_id=who, instrument_id=NOTE, quantity=quantity)),
            NotesSubscribed,
        )

    @rule(amount=st.integers(1, 70_000))
    def the_issuer_takes_money_home(self, amount: int) -> None:
        self.tell(WithdrawCash(participant_id=IDA, asset_id=RUBD, amount=amount * ROUBLE))

    @rule(amount=st.integers(1, 70_000))
    def the_issuer_brings_money(self, amount: int) -> None:
        self.tell(DepositCash(participant_id=IDA, asset_id=RUBD, amount=amount * ROUBLE))

    @rule(amount=st.integers(1, 3_000), kind=st.sampled_from([FundRedemption, PayObligations]))
    def the_issuer_pays(self, amount: int, kind: type[FundRedemption] | type[PayObligations]) -> None:
        self.tell(kind(participant_id=IDA, instrument_id=NOTE, amount=amount * ROUBLE))

    @rule(who=names, frozen=st.booleans())
    def freeze(self, who: ParticipantId, frozen: bool) -> None:
        kind = FreezeParticipant if frozen else UnfreezeParticipant
        self.tell(kind(participant_id=who, order_ref="court"))

    @rule(who=names, suspended=st.booleans())
    def suspend(self, who: ParticipantId, suspended: bool) -> None:
        kind = SuspendParticipant if suspended else ReinstateParticipant
        self.tell(kind(participant_id=who))

    @rule(who=names, limit=st.integers(0, 60_000))
    def set_limit(self, who: ParticipantId, limit: int) -> None:
        self.tell(SetLimit(participant_id=who, limit=limit * ROUBLE))

    @rule(wait=st.sampled_from([1, SECOND, 5 * MINUTE, 20 * MINUTE, HOUR]))
    def let_time_pass(self, wait: int) -> None:
        self.hear(self.venue.wait_until(min(self.venue.now + wait, EXPIRY - 31 * MINUTE)))  # type: ignore[arg-type]

    def teardown(self) -> None:
        """Everything comes to its end: then the future's pool and the note's escrow are empty, and units are not."""
        if not hasattr(self, "venue"):
            return
        venue = self.venue
        self.hear(venue.wait_until(max(venue.now, EXPIRY - 31 * MINUTE)))  # type: ignore[arg-type]
        self.hear(venue.quote_until(EXPIRY + SECOND, (40_000 + 997 * len(self.orders)) * 10_000, 8 * MINUTE))  # type: ignore[arg-type]
        self.hear(venue.wait_until(EXPIRY + HOUR))  # type: ignore[arg-type]
        state = venue.state
        ended = state.covers.notes.every[NOTE]
        assert ended.state in (NoteState.REDEEMED, NoteState.RECOVERY)
        assert (ended.state is NoteState.RECOVERY) == bool(ended.owed)
        assert venue.pool() == 0 == state.ledger.posted(accounts.note_escrow(NOTE))
        assert sum(venue.note_units(name) for name in NAMES) == 0
        assert state.ledger.posted(accounts.register(NOTE_UNITS)) == 0


Products.TestCase.settings = settings(
    max_examples=often(40),
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestProducts = Products.TestCase


class ProductsOfLostMoney(Products, LossRules):
    """The same, and the money itself is frozen, wiped, stolen, written down and brought back."""

    coin = coin_terms(wallets=2, wipe_allowed=True, longest_pause=HOUR)
    cash_rules = CashRules(settlement_asset=RUBD, halt_on_freeze=True)


class ProductsOfMoneyKeptApart(Products, LossRules):
    """The same, with a wallet for each participant."""

    coin = coin_terms(wallets=2, wipe_allowed=True, custody=CustodyMode.SEGREGATED)


class ProductsOnTheIssuersLedger(Products, LossRules):
    coin = coin_terms(wipe_allowed=True, custody=CustodyMode.NATIVE)


for machine in (ProductsOfLostMoney, ProductsOfMoneyKeptApart, ProductsOnTheIssuersLedger):
    machine.TestCase.settings = settings(Products.TestCase.settings, max_examples=often(15))
TestProductsOfLostMoney = ProductsOfLostMoney.TestCase
TestProductsOfMoneyKeptApart = ProductsOfMoneyKeptApart.TestCase
TestProductsOnTheIssuersLedger = ProductsOnTheIssuersLedger.TestCase
