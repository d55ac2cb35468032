"""Futures, options, spot and a perpetual, by margin or in full: whatever participants, prices and the authority do,
every invariant holds after every event.

What is checked beside the audit: nobody is let into a position that its equity does not bear (I-24), no accepted
order is ever refused its clearing (I-25), the layers pay in their order (I-31), and money is neither made nor lost.
"""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from exchange.access.regime import Applicant, ApplicantKind, CashRules
from exchange.cash.terms import CustodyMode
from exchange.clearing.default_auction import AuctionTerms
from exchange.clearing.denomination import Denomination
from exchange.clearing.fund import FundTerms
from exchange.clearing.liquidation import LiquidationTerms, MarginState
from exchange.clearing.margin_accounts import MarginAccount
from exchange.clearing.terms import (
    ClearingMode,
    ClearingRules,
    ClearingTime,
    VariationKind,
    VariationSchedule,
)
from exchange.clearing.waterfall import LAYERS, LossOrder, WaterfallTerms
from exchange.commands import (
    AcceptClient,
    AmendOrder,
    AppointMember,
    BidForPortfolio,
    CancelAll,
    CancelOrder,
    ChooseMember,
    Command,
    DeclareDefault,
    DeclineClient,
    DepositCash,
    FreezeParticipant,
    FundHouse,
    HouseLayer,
    IndexTerms,
    MintCoins,
    OfferToPort,
    PlaceOrder,
    RecordFiatReceipt,
    ReportCashPrice,
    Segregation,
    UnfreezeParticipant,
    WithdrawCash,
)
from exchange.events import Event, LayerUsed, OrderAccepted
from exchange.instruments import ContractKind
from exchange.messages import changed
from exchange.units import DAY, HOUR, MINUTE, SECOND, WalletId
from matching.terms import OrderId, ParticipantId, PostOnly, Side, TimeInForce
from tests.builders import (
    BTC_RUB,
    OPENS,
    ROUBLE,
    RUBD,
    VENUES,
    Venue,
    a_regime,
    coin_terms,
    future,
    of_kind,
    option,
    perpetual,
    spot,
    with_btc,
)
from tests.often import often
from tests.properties.losses import LossRules

NAMES = tuple(ParticipantId(name) for name in ("ann", "bob", "cyd", "dan", "eve"))
MEMBERS = NAMES[3:]
EXPIRY = OPENS + 2 * HOUR
SERIES = (
    future(fee_maker=3, fee_taker=7, expiry=EXPIRY),
    option(ContractKind.CALL, 90_000, reference=4_000, fee_maker=3, fee_taker=7, expiry=EXPIRY),
    option(ContractKind.PUT, 75_000, reference=3_000, fee_taker=5, expiry=EXPIRY),
    spot(fee_maker=3, fee_taker=7),
    perpetual(fee_taker=5),
)
HOUSE = WalletId("house")
MIDNIGHT = OPENS - OPENS % DAY

names = st.sampled_from(NAMES)
sides = st.sampled_from(Side)
quantities = st.integers(1, 40)
lot_amounts = st.integers(-20_000, 20_000)


def clearing_at(offset: int, kind: VariationKind) -> VariationSchedule:
    marks = OPENS - MIDNIGHT + offset
    pays = marks + (DAY - marks if kind is VariationKind.T_PLUS_ONE else 0)
    return VariationSchedule(kind=kind, clearings=(ClearingTime(marks=marks, pays=pays),))


class MarginMachine(RuleBasedStateMachine):
    coin = coin_terms(2)

    @initialize(
        mode=st.sampled_from([ClearingMode.RISK, ClearingMode.RISK, ClearingMode.FULL]),
        kind=st.sampled_from([k for k in VariationKind if k is not VariationKind.T_PLUS_ONE]),
        order=st.sampled_from(LossOrder),
        options_count=st.booleans(),
        haircut_bp=st.sampled_from([None, None, 0, 700]),
        segregation=st.sampled_from(Segregation),
        trades=st.lists(
            st.tuples(names, names, st.integers(0, 4), st.integers(10, 60)), min_size=3, max_size=8
        ),
    )
    def open(  # type: ignore[no-untyped-def]
        self,
        mode: ClearingMode,
        kind: VariationKind,
        order: LossOrder,
        options_count: bool,
        haircut_bp: int | None,
        segregation: Segregation,
        trades,
    ) -> None:
        """With a haircut debts are worth roubles, if there is margin; otherwise a coin is one."""
        size = 2_000 * ROUBLE
        rules = ClearingRules(
            mode=mode,
            variation=clearing_at(20 * MINUTE, kind),
            options_count=options_count,
            revaluation=30 * SECOND,
            book_steps=2,
            liquidation=LiquidationTerms(call_deadline=5 * MINUTE, interval=20 * SECOND),
            auction=AuctionTerms(bidding=2 * MINUTE),
            fund=FundTerms(minimum=500 * ROUBLE, grace=10 * MINUTE),
            waterfall=WaterfallTerms(
                order=order,
                layers=LAYERS[order],
                skin_in_the_game=size,
                second_skin_in_the_game=size,
                further_amount=size,
                equity=size,
            ),
        )
        index = IndexTerms(
            index_id=BTC_RUB,
            venues=VENUES,
            weights_ppm=(250_000,) * len(VENUES),
            interval=10 * SECOND,
            outage_age=3 * HOUR,
            stale_age=3 * HOUR,
            fixing_samples=30,
            fixing_spacing=MINUTE,
        )
        cash = CashRules(settlement_asset=RUBD)
        if haircut_bp is not None and mode is ClearingMode.RISK:
            worth = Denomination.FIAT_VALUE
            cash = changed(cash, denomination=worth, collateral_haircut_bp=haircut_bp)
        regime = a_regime(clearing=rules, cash=cash)
        self.venue = Venue(*SERIES, regime=regime, coin=self.coin, index=index, assets=with_btc())
        firm = Applicant(kind=ApplicantKind.COMPANY, qualified_by_law=True, knowledge_test_passed=True)
        for name in NAMES:
            self.venue.admit(name, 60_000 * ROUBLE, applicant=firm if name in MEMBERS else None)
        for member in MEMBERS:
            self.venue.tell(AppointMember(participant_id=member, segregation=segregation))
        self.fund_house(size)
        self.price = 80_000
        self.venue.quote(self.price * 10_000)
        self.orders: list[OrderId] = []
        for name in NAMES[:3]:
            self.venue.bring(name, 2_000_000)
        self.venue.wait_until(OPENS + 5 * MINUTE)
        for buyer, seller, series, lots in trades:
            self.trade(buyer, seller, SERIES[series], lots)

    def fund_house(self, size: int) -> None:
        amount = size * len(HouseLayer)
        self.venue.tell(RecordFiatReceipt(asset_id=RUBD, receipt_id="house", amount=amount))
        self.venue.tell(
            MintCoins(asset_id=RUBD, minter="minter", receipt_id="house", wallet_id=HOUSE, amount=amount)
        )
        for layer in HouseLayer:
            self.venue.tell(FundHouse(asset_id=RUBD, source=HOUSE, layer=layer, amount=size))

    def tell(self, command: Command) -> list[Event]:
        accounts = self.margin_accounts()
        before = {who: one.required for who, one in accounts.items()}
        events = self.venue.tell(command)
        for accepted in of_kind(events, OrderAccepted):
            self.orders.append(accepted.order_id)
            account = accounts.get(accepted.participant_id)
            if account is not None and account.state is MarginState.NORMAL:
                rose = account.required > before.get(accepted.participant_id, 0)
                assert not rose or account.equity >= account.required, (
                    "I-24: let in without the equity for it"
                )
        self.check_layers(events)
        return events

    def margin_accounts(self) -> dict[ParticipantId, MarginAccount]:
        margin = self.venue.state.covers.margin
        return {} if margin is None else margin.accounts

    def check_layers(self, events: list[Event]) -> None:
        order = [layer for kind in LossOrder for layer in LAYERS[kind]]
        used: dict[ParticipantId, list[int]] = {}
        for event in of_kind(events, LayerUsed):
            used.setdefault(event.defaulter, []).append(order.index(event.layer))
        for places in used.values():
            assert places == sorted(places), "I-31: a layer before its turn"

    # --- participants -------------------------------------------------------------------------------

    @rule(who=names, side=sides, offset=st.integers(-30, 30), quantity=quantities,
          which=st.sampled_from(SERIES), how=st.sampled_from([TimeInForce.DAY, TimeInForce.IOC]),
          reduce_only=st.booleans())  # fmt: skip
    def place(self, who, side, offset, quantity, which, how, reduce_only) -> None:  # type: ignore[no-untyped-def]
        if which.instrument_id not in self.venue.state.series:
            which = SERIES[0]  # where debts are worth roubles, options and perpetuals are not listed
        fair = self.venue.state.series[which.instrument_id].mark
        self.venue.asked += 1
        self.tell(
            PlaceOrder(
                participant_id=who,
                client_order_id=self.venue.asked,
                instrument_id=which.instrument_id,
                side=side,
                quantity=quantity,
                price=max(fair + offset * 20, 1),
                time_in_force=how,
                post_only=PostOnly.NO,
                reduce_only=reduce_only and offset > 15,
            )
        )

    @rule(buyer=names, seller=names, which=st.sampled_from(SERIES), lots=quantities)
    def trade(self, buyer, seller, which, lots) -> None:  # type: ignore[no-untyped-def]
        for who, side in ((seller, Side.SELL), (buyer, Side.BUY)):
            self.place(who, side, 0, lots, which, TimeInForce.DAY, False)

    @rule(who=names, number=st.integers(0, 50), price=st.integers(-30, 30), quantity=quantities)
    def amend(self, who: ParticipantId, number: int, price: int, quantity: int) -> None:
        if self.orders:
            order_id = self.orders[-1 - number % len(self.orders)]
            self.tell(
                AmendOrder(
                    participant_id=who, order_id=order_id, price=self.price + price * 20, quantity=quantity
                )
            )

    @rule(who=names, number=st.integers(0, 50))
    def cancel(self, who: ParticipantId, number: int) -> None:
        if self.orders:
            order_id = self.orders[-1 - number % len(self.orders)]
            self.tell(CancelOrder(participant_id=who, order_id=order_id))

    @rule(who=names)
    def cancel_all(self, who: ParticipantId) -> None:
        self.tell(CancelAll(participant_id=who))

    @rule(who=names, amount=st.integers(1, 30_000))
    def withdraw(self, who: ParticipantId, amount: int) -> None:
        self.tell(WithdrawCash(participant_id=who, asset_id=RUBD, amount=amount * ROUBLE))

    @rule(who=names, amount=st.integers(1, 30_000))
    def deposit(self, who: ParticipantId, amount: int) -> None:
        self.tell(DepositCash(participant_id=who, asset_id=RUBD, amount=amount * ROUBLE))

    @rule(who=names, member=st.sampled_from(NAMES), takes_on=st.sampled_from((True, True, False)))
    def choose_member(self, who: ParticipantId, member: ParticipantId, takes_on: bool) -> None:
        self.tell(ChooseMember(participant_id=who, member_id=member))
        if takes_on:
            self.tell(AcceptClient(participant_id=member, client_id=who))
        else:
            self.tell(DeclineClient(participant_id=member, client_id=who, grounds="no room"))

    @rule(who=names, amount=st.integers(-1, 40_000))
    def offer_to_port(self, who: ParticipantId, amount: int) -> None:
        self.tell(OfferToPort(participant_id=who, most_margin=amount * ROUBLE))

    @rule(who=names, defaulter=names, amount=lot_amounts)
    def bid(self, who: ParticipantId, defaulter: ParticipantId, amount: int) -> None:
        self.tell(BidForPortfolio(participant_id=who, defaulter=defaulter, amount=amount * ROUBLE))

    # --- the world ----------------------------------------------------------------------------------

    @rule(move_bp=st.integers(-1_500, 1_500), seconds=st.integers(1, 90))
    def price_moves(self, move_bp: int, seconds: int) -> None:
        if self.venue.now + seconds * SECOND < EXPIRY:
            self.price = min(max(self.price * (10_000 + move_bp) // 10_000, 20_000), 150_000)
            self.venue.quote(self.price * 10_000)
            self.check_layers(self.venue.wait_until(self.venue.now + seconds * SECOND))

    @rule(move_bp=st.sampled_from((-4_000, -2_500, 3_000, 6_000)))
    def price_gaps(self, move_bp: int) -> None:
        self.price_moves(move_bp, 5)

    @rule(price=st.integers(500_001, 1_100_001))
    def coin_is_priced(self, price: int) -> None:
        self.tell(ReportCashPrice(asset_id=RUBD, price_ppm=price, source="otc"))

    @rule(minutes=st.integers(1, 8))
    def time_passes(self, minutes: int) -> None:
        if self.venue.now + minutes * MINUTE < EXPIRY:
            self.check_layers(self.venue.wait_until(self.venue.now + minutes * MINUTE))

    @rule(who=names, wants=st.integers(0, 3))
    def declare(self, who: ParticipantId, wants: int) -> None:
        if not wants:
            self.tell(DeclareDefault(participant_id=who, grounds="insolvent"))

    @rule(who=names, wants=st.integers(0, 2))
    def freeze(self, who: ParticipantId, wants: int) -> None:
        if not wants:
            self.tell(FreezeParticipant(participant_id=who, order_ref="order"))

    @rule(who=names)
    def unfreeze(self, who: ParticipantId) -> None:
        self.tell(UnfreezeParticipant(participant_id=who, order_ref="order"))

    def teardown(self) -> None:
        """At the end all is settled: no position is left, and what was owed adds up to nothing."""
        if not hasattr(self, "venue"):
            return
        self.venue.quote_until(EXPIRY + MINUTE, self.price * 10_000, every=20 * MINUTE)
        for account in self.margin_accounts().values():
            assert not account.has_positions and not account.initial
        if not self.margin_accounts():
            assert self.venue.pool(SERIES[0]) == 0


def of_size(examples: int, steps: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


MarginMachine.TestCase.settings = of_size(often(40), 40)
TestMarginMachine = MarginMachine.TestCase


class MarginOfLostMoney(MarginMachine, LossRules):
    """The same, and the money itself is frozen, wiped, stolen, written down and brought back."""

    coin = coin_terms(2, wipe_allowed=True, longest_pause=HOUR)


class MarginKeptApart(MarginMachine, LossRules):
    """The same, with a wallet for each participant."""

    coin = coin_terms(wipe_allowed=True, custody=CustodyMode.SEGREGATED)


for machine in (MarginOfLostMoney, MarginKeptApart):
    machine.TestCase.settings = of_size(often(10), 40)
TestMarginOfLostMoney = MarginOfLostMoney.TestCase
TestMarginKeptApart = MarginKeptApart.TestCase


@pytest.mark.nightly
def test_many_more_stories() -> None:
    """More than 100,000 events beside the index, each command of theirs audited."""
    run_state_machine_as_test(MarginMachine, settings=of_size(600, 80))  # type: ignore[no-untyped-call]
