"""Whatever participants, issuer and authority do, in any order: every invariant holds after every event.

E22: after random trading in a future and its options, settlement at any price empties the pool to nothing,
pays everyone in full, and moves as much as it takes.
"""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from exchange.access.regime import MarketRules
from exchange.commands import (
    AdoptRegime,
    AmendOrder,
    CancelAll,
    CancelOrder,
    DepositCash,
    FreezeParticipant,
    FreezeWallet,
    HaltInstrument,
    LinkOrders,
    ListInstrument,
    PauseIssuer,
    ProtectQuotes,
    Quote,
    QuoteMarket,
    ReinstateParticipant,
    ResumeInstrument,
    SetLimit,
    SuspendParticipant,
    UnfreezeParticipant,
    UnfreezeWallet,
    UnpauseIssuer,
    WithdrawCash,
)
from exchange.events import BucketSettled, ClaimSettled, OrderAccepted, OrderWaiting
from exchange.instruments import ContractKind
from exchange.units import MINUTE, SECOND, Money, WalletId
from matching.terms import (
    Allocation,
    OrderId,
    ParticipantId,
    PostOnly,
    SelfTradePrevention,
    Side,
    TimeInForce,
)
from matching.triggers import PriceSource
from tests.builders import (
    BTCF,
    EXPIRY,
    OPENS,
    ROUBLE,
    RUBD,
    Venue,
    a_patient_index,
    a_regime,
    coin_terms,
    future,
    of_kind,
    option,
)

NAMES = tuple(ParticipantId(name) for name in ("ann", "bob", "cyd", "dan"))
SERIES = (
    future(
        fee_maker=3,
        fee_taker=7,
        halt_call=2 * SECOND,
        call_extension=SECOND,
        dynamic_band_bp=100,
        static_band_bp=200,
        allocation=Allocation.PRO_RATA,
    ),
    option(ContractKind.CALL, 90_000, reference=4_000, fee_maker=3, fee_taker=7),
    option(ContractKind.DIGITAL_PUT, 70_000, reference=8_000, digital_payoff=16_000),
)
LATE_SERIES = option(ContractKind.PUT, 75_000, reference=6_000, fee_taker=5)
FAIR = {SERIES[0].instrument_id: 80_000, SERIES[1].instrument_id: 4_000, SERIES[2].instrument_id: 8_000}
WALLETS = ("venue-1", "venue-2", "wallet-ann", "wallet-bob")

names = st.sampled_from(NAMES)
sides = st.sampled_from(Side)
offsets = st.integers(-40, 40)
quantities = st.integers(1, 12)


class Market(RuleBasedStateMachine):
    @initialize(prevention=st.sampled_from(SelfTradePrevention))
    def open(self, prevention: SelfTradePrevention) -> None:
        regime = a_regime(market=MarketRules(self_trade_prevention=prevention))
        coin = coin_terms(2, wipe_allowed=True)
        self.venue = Venue(*SERIES, regime=regime, coin=coin, index=a_patient_index())
        for name in NAMES:
            self.venue.admit(name, 300_000 * ROUBLE)
        self.orders: list[OrderId] = []
        self.limits: dict[ParticipantId, Money] = {}

    def tell(self, command: object) -> None:
        """`Venue.tell` audits every invariant; here the strict limit is checked as well (I-26)."""
        before = {name: self.venue.state.covers.at_risk(name) for name in NAMES}
        events = self.venue.tell(command)  # type: ignore[arg-type]
        self.orders += [e.order_id for e in of_kind(events, OrderAccepted)]
        for name, limit in self.limits.items():
            assert self.venue.state.covers.at_risk(name) <= max(limit, before[name])

    @rule(who=names, side=sides, which=st.sampled_from(SERIES), offset=offsets, quantity=quantities,
          how=st.sampled_from(TimeInForce), post_only=st.sampled_from(PostOnly), reduce_only=st.booleans(),
          display=st.integers(-1, 4), minimum=st.integers(-1, 3))  # fmt: skip
    def place(  # type: ignore[no-untyped-def]
        self, who, side, which, offset, quantity, how, post_only, reduce_only, display, minimum
    ) -> None:
        self.venue.asked += 1
        before = self.venue.exchange.sequence
        self.orders += [
            e.order_id
            for e in of_kind(
                self.venue.place(
                    who,
                    side,
                    quantity,
                    FAIR[which.instrument_id] + offset * 25,
                    instrument_id=which.instrument_id,
                    time_in_force=how,
                    post_only=post_only if abs(offset) < 20 else PostOnly.NO,
                    reduce_only=reduce_only and offset > 20,
                    display=max(display, 0),
                    minimum=max(minimum, 0),
                    good_until=self.venue.now + SECOND if how is TimeInForce.GTD else None,
                ),
                OrderAccepted,
            )
        ]
        assert self.venue.exchange.sequence > before

    @rule(who=names, side=sides, which=st.sampled_from(SERIES), source=st.sampled_from(PriceSource),
          offset=offsets, away=offsets, quantity=quantities, trail=st.integers(0, 300),
          take_profit=st.booleans(), at_market=st.booleans())  # fmt: skip
    def place_a_waiting_order(  # type: ignore[no-untyped-def]
        self, who, side, which, source, offset, away, quantity, trail, take_profit, at_market
    ) -> None:
        fair = FAIR[which.instrument_id]
        events = self.venue.place(
            who,
            side,
            quantity,
            None if at_market else fair + offset * 25,
            instrument_id=which.instrument_id,
            trigger_source=source,
            trigger_price=fair + away * 10,
            trail=trail or None,
            take_profit=take_profit,
        )
        self.orders += [e.order_id for e in of_kind(events, OrderWaiting)]

    @precondition(lambda self: self.orders)
    @rule(who=names, first=st.integers(0, 10**6), second=st.integers(0, 10**6))
    def link(self, who: ParticipantId, first: int, second: int) -> None:
        seat = self.venue.state.seats[who]
        mine = [*seat.orders, *seat.waiting] or self.orders
        pair = (mine[first % len(mine)], mine[second % len(mine)])
        self.tell(LinkOrders(participant_id=who, first=pair[0], second=pair[1]))

    @rule(who=names, which=st.sampled_from(SERIES), post_only=st.sampled_from(PostOnly),
          quotes=st.lists(st.tuples(sides, offsets, quantities), max_size=4))  # fmt: skip
    def quote(self, who, which, post_only, quotes) -> None:  # type: ignore[no-untyped-def]
        fair = FAIR[which.instrument_id]
        self.venue.asked += 1
        self.tell(
            QuoteMarket(
                participant_id=who,
                client_order_id=self.venue.asked,
                instrument_id=which.instrument_id,
                quotes=tuple(Quote(side=s, price=fair + o * 25, quantity=q) for s, o, q in quotes),
                post_only=post_only,
            )
        )

    @rule(who=names, limit=st.integers(0, 8))
    def protect(self, who: ParticipantId, limit: int) -> None:
        self.tell(
            ProtectQuotes(
                participant_id=who,
                instrument_id=BTCF,
                quantity_limit=limit,
                interval=SECOND,
                freeze=2 * SECOND,
            )
        )

    @rule(who=names, side=sides, quantity=quantities)
    def place_market(self, who: ParticipantId, side: Side, quantity: int) -> None:
        self.venue.place(who, side, quantity, None)

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
                        price=fair + offset * 25,
                        quantity=quantity,
                    )
                )
                return

    @precondition(lambda self: self.orders)
    @rule(who=names, choice=st.integers(0, 10**6))
    def cancel(self, who: ParticipantId, choice: int) -> None:
        self.tell(CancelOrder(participant_id=who, order_id=self.orders[choice % len(self.orders)]))

    @rule(who=names)
    def cancel_all(self, who: ParticipantId) -> None:
        self.tell(CancelAll(participant_id=who))

    @rule(who=names, amount=st.integers(1, 200_000))
    def withdraw(self, who: ParticipantId, amount: int) -> None:
        self.tell(WithdrawCash(participant_id=who, asset_id=RUBD, amount=amount * ROUBLE))

    @rule(who=names, amount=st.integers(1, 200_000))
    def deposit(self, who: ParticipantId, amount: int) -> None:
        self.tell(DepositCash(participant_id=who, asset_id=RUBD, amount=amount * ROUBLE))

    @rule(wallet=st.sampled_from(WALLETS), out=st.booleans(), into=st.booleans())
    def freeze_wallet(self, wallet: str, out: bool, into: bool) -> None:
        self.tell(
            FreezeWallet(
                asset_id=RUBD,
                wallet_id=WalletId(wallet),
                order_ref="f",
                out=out,
                into=into,
                signatures=("issuer", "central_bank"),
            )
        )

    @rule(wallet=st.sampled_from(WALLETS))
    def unfreeze_wallet(self, wallet: str) -> None:
        signed = ("issuer", "central_bank")
        self.tell(UnfreezeWallet(asset_id=RUBD, wallet_id=WalletId(wallet), order_ref="u", signatures=signed))

    @rule(pause=st.booleans())
    def pause(self, pause: bool) -> None:
        kind = PauseIssuer if pause else UnpauseIssuer
        self.tell(kind(asset_id=RUBD, signatures=("issuer",)))

    @rule(who=names, frozen=st.booleans())
    def freeze_participant(self, who: ParticipantId, frozen: bool) -> None:
        kind = FreezeParticipant if frozen else UnfreezeParticipant
        self.tell(kind(participant_id=who, order_ref="court"))

    @rule(who=names, suspended=st.booleans())
    def suspend(self, who: ParticipantId, suspended: bool) -> None:
        kind = SuspendParticipant if suspended else ReinstateParticipant
        self.tell(kind(participant_id=who))

    @rule(who=names, limit=st.integers(0, 400_000))
    def set_limit(self, who: ParticipantId, limit: int) -> None:
        self.tell(SetLimit(participant_id=who, limit=limit * ROUBLE))
        self.limits[who] = limit * ROUBLE

    @rule(halted=st.booleans())
    def halt(self, halted: bool) -> None:
        kind = HaltInstrument if halted else ResumeInstrument
        self.tell(kind(instrument_id=BTCF))

    @rule()
    def list_another_strike(self) -> None:
        self.tell(ListInstrument(instrument=LATE_SERIES))

    @rule(prevention=st.sampled_from(SelfTradePrevention))
    def adopt_a_regime(self, prevention: SelfTradePrevention) -> None:
        self.tell(AdoptRegime(regime=a_regime(market=MarketRules(self_trade_prevention=prevention))))

    @rule(wait=st.sampled_from([1, SECOND, 3 * SECOND, MINUTE]))
    def let_time_pass(self, wait: int) -> None:
        self.venue.wait_until(self.venue.now + wait)

    def teardown(self) -> None:
        """Everything settles, at a price that depends on the story; then nothing is left in the pool."""
        if not hasattr(self, "venue"):
            return
        venue = self.venue
        value = (20_000 + 37 * len(self.orders) * 997 % 150_000) * 10_000
        wealth = {n: venue.free_cash(n) + venue.held(n) + venue.locked(n) for n in NAMES}
        # the index is shown to be at `value` for the half hour of the fixing, and once every minute
        for name in NAMES:  # or what waits for a price would trade, for a fee, once it is there
            venue.tell(CancelAll(participant_id=name))
        venue.wait_until(max(venue.now, EXPIRY - 31 * MINUTE))
        before = {n: venue.free_cash(n) + venue.held(n) + venue.locked(n) for n in NAMES}
        events = venue.quote_until(EXPIRY + SECOND, value, every=8 * MINUTE)
        bucket, *fresh = of_kind(events, BucketSettled)
        assert not any(other.pool for other in fresh)  # of collars that came on the way
        settled = {e.participant_id: e for e in of_kind(events, ClaimSettled)}
        assert sum(e.gain for e in settled.values()) == 0
        assert sum(e.payout for e in settled.values()) == bucket.pool
        assert venue.pool() == 0
        for name in NAMES:
            gain = settled[name].gain if name in settled else 0
            assert venue.free_cash(name) == before[name] + gain
        assert venue.now > OPENS and wealth.keys() == before.keys()


Market.TestCase.settings = settings(
    max_examples=30, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestMarket = Market.TestCase
