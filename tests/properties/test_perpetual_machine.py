"""Rolls in the middle of anything: every invariant holds after each of them, and nothing is made or lost.

The perpetual rolls every hour while people trade, move money, are frozen and limited, and the index jumps
about, beyond the collar too, or is away.
"""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from exchange.audit import audit
from exchange.clearing import accounts
from exchange.clearing.perpetual import carry, collect, lock_of
from exchange.commands import (
    CancelAll,
    Command,
    DepositCash,
    FreezeParticipant,
    HaltInstrument,
    IndexTerms,
    ReinstateParticipant,
    ResumeInstrument,
    SessionTerms,
    SetLimit,
    SuspendParticipant,
    UnfreezeParticipant,
    WithdrawCash,
)
from exchange.events import (
    BucketSettled,
    ClaimSettled,
    Event,
    FundingPaid,
    PerpetualRolled,
    PositionClosedAtRoll,
    PositionRolled,
)
from exchange.instruments import Roll
from exchange.units import DAY, HOUR, MINUTE, SECOND, Money, Time
from matching.terms import ParticipantId, Side, TimeInForce
from tests.builders import BTC_RUB, OPENS, PERP, ROUBLE, RUBD, VENUES, Venue, future, of_kind, perpetual
from tests.often import often

NAMES = tuple(ParticipantId(name) for name in ("ann", "bob", "cyd", "dan", "eve"))
INDEX = IndexTerms(
    index_id=BTC_RUB,
    venues=VENUES,
    weights_ppm=(250_000,) * 4,
    interval=30 * SECOND,
    fixing_samples=10,
    fixing_spacing=MINUTE,
)
DATED = future(expiry=OPENS + 20 * DAY, fee_maker=3, fee_taker=7)

names = st.sampled_from(NAMES)
sides = st.sampled_from(Side)
quantities = st.integers(1, 12)


class Perpetual(RuleBasedStateMachine):
    @initialize(band_bp=st.sampled_from([300, 1_000, 2_000, 3_333]))
    def open(self, band_bp: int) -> None:
        roll = Roll(interval=HOUR, band_bp=band_bp)
        terms = perpetual(roll=roll, expiry=OPENS, fee_maker=3, fee_taker=7).rolled(80_000)
        self.venue = Venue(
            terms, DATED, index=INDEX, sessions=(SessionTerms(opens=OPENS, closes=OPENS + 30 * DAY),)
        )
        for name in NAMES:
            self.venue.admit(name, 60_000 * ROUBLE)
        self.value = 80_000
        self.rolls = 0
        for buyer, seller, quantity in zip(NAMES, NAMES[1:], (9, 5, 12, 7), strict=False):
            self.venue.trade(buyer, seller, quantity, 80_000, PERP)

    def tell(self, command: Command) -> None:
        self.venue.tell(command)

    def step_to(self, time: Time) -> None:
        """Let time pass duty by duty, with the books audited after each."""
        exchange = self.venue.exchange
        while (due := exchange.next_due()) is not None and due <= time:
            before = {name: self.venue.state.covers.at_risk(name) for name in NAMES}
            residue = self.residue()
            events = [entry.event for entry in exchange.advance(due)]
            assert audit(exchange.state) == []
            if of_kind(events, PerpetualRolled):
                self.check_roll(events, before, self.residue() - residue)
        self.venue.now = time

    def residue(self) -> Money:
        return int(self.venue.state.ledger.posted(accounts.rounding(RUBD)))

    def check_roll(self, events: list[Event], before: dict[ParticipantId, Money], residue: Money) -> None:
        self.rolls += 1
        state = self.venue.state
        (news,) = of_kind(events, PerpetualRolled)
        funding = of_kind(events, FundingPaid)
        carried = of_kind(events, PositionRolled)
        assert sum(e.gain for e in of_kind(events, ClaimSettled)) == 0
        assert sum(e.payout for e in of_kind(events, ClaimSettled)) == of_kind(events, BucketSettled)[0].pool
        assert 0 <= residue == -sum(e.amount for e in funding) <= len(NAMES)
        assert all(abs(e.amount) <= abs(e.due) and e.amount * e.due >= 0 for e in funding)
        assert sum(e.quantity for e in of_kind(events, PositionClosedAtRoll)) == 0
        assert sum(e.quantity for e in carried) == 0
        assert sum(max(e.quantity, 0) for e in carried) == news.open_interest
        assert news.open_interest == state.covers.open_interest(PERP)
        assert sum(e.lock for e in carried) == self.venue.pool(news.instrument)
        assert news.instrument is state.series[PERP].instrument
        assert not state.series[PERP].book.orders
        for name in NAMES:
            seat = state.seats[name]
            if seat.limit is not None:
                assert state.covers.at_risk(name) <= max(seat.limit, before[name])
            if seat.frozen:
                assert not state.covers.position(name, PERP)

    @rule(
        who=names,
        side=sides,
        offset=st.integers(-40, 40),
        quantity=quantities,
        how=st.sampled_from(TimeInForce),
    )
    def place(self, who: ParticipantId, side: Side, offset: int, quantity: int, how: TimeInForce) -> None:
        self.venue.place(
            who,
            side,
            quantity,
            self.value + offset * 5,
            instrument_id=PERP,
            time_in_force=how,
            good_until=self.venue.now + MINUTE if how is TimeInForce.GTD else None,
        )

    @rule(buyer=names, seller=names, quantity=quantities, offset=st.integers(-200, 200))
    def trade(self, buyer: ParticipantId, seller: ParticipantId, quantity: int, offset: int) -> None:
        self.venue.trade(buyer, seller, quantity, self.value + offset, PERP)

    @rule(who=names, side=sides, quantity=st.integers(1, 4))
    def place_in_the_dated_one(self, who: ParticipantId, side: Side, quantity: int) -> None:
        self.venue.place(who, side, quantity, self.value, time_in_force=TimeInForce.GTC)

    @rule(who=names)
    def cancel_all(self, who: ParticipantId) -> None:
        self.tell(CancelAll(participant_id=who))

    @rule(who=names, amount=st.integers(1, 60_000))
    def withdraw(self, who: ParticipantId, amount: int) -> None:
        self.tell(WithdrawCash(participant_id=who, asset_id=RUBD, amount=amount * ROUBLE))

    @rule(who=names, amount=st.integers(1, 20_000))
    def deposit(self, who: ParticipantId, amount: int) -> None:
        self.tell(DepositCash(participant_id=who, asset_id=RUBD, amount=amount * ROUBLE))

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

    @rule(halted=st.booleans())
    def halt(self, halted: bool) -> None:
        kind = HaltInstrument if halted else ResumeInstrument
        self.tell(kind(instrument_id=PERP))

    @rule(percent=st.integers(-45, 60))
    def jump(self, percent: int) -> None:
        """The index is somewhere else, and stays there for the minutes of a fixing."""
        self.value = min(max(self.value * (100 + percent) // 100, 2_000), 400_000)
        self.show(12)

    @rule(minutes=st.integers(1, 8))
    def show(self, minutes: int) -> None:
        for _ in range(2 * minutes):
            self.venue.quote(self.value * 10_000)
            self.step_to(self.venue.now + 30 * SECOND)

    @rule(maker=names, premium=st.integers(-400, 400), percent=st.integers(-4, 4))
    def trade_until_the_roll(self, maker: ParticipantId, premium: int, percent: int) -> None:
        """A market that stays off the index until the roll, at which the index is known."""
        self.value = min(max(self.value * (100 + percent) // 100, 2_000), 400_000)
        self.venue.quote(self.value * 10_000)
        self.step_to(self.venue.now + 30 * SECOND)
        mid = self.value * (10_000 + premium) // 10_000
        for side in Side:
            self.venue.place(maker, side, 1, mid - side, instrument_id=PERP, time_in_force=TimeInForce.GTC)
        rolls = self.rolls
        while self.rolls == rolls:
            self.show(1)

    @rule(minutes=st.sampled_from([1, 30, 60, 150]))
    def let_time_pass(self, minutes: int) -> None:
        """Nobody quotes: the index goes stale."""
        self.step_to(self.venue.now + minutes * MINUTE)

    def teardown(self) -> None:
        """One roll more, whatever the state that was reached."""
        if hasattr(self, "venue"):
            rolls = self.rolls
            self.step_to(self.venue.now + HOUR)
            assert self.rolls > rolls


Perpetual.TestCase.settings = settings(
    max_examples=often(12),
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestPerpetual = Perpetual.TestCase


@given(
    lots=st.lists(st.integers(0, 50), min_size=2, max_size=8),
    means=st.lists(st.integers(-5, 60), min_size=9, max_size=9),
    split=st.integers(1, 7),
)
def test_no_more_lots_are_closed_than_must_be(lots: list[int], means: list[int], split: int) -> None:
    """Longs and shorts of random means: the poorer side keeps all that it can pay for, the other as many,
    each within a lot of its share."""
    split = min(split, len(lots) - 1)
    terms = perpetual()
    longs, shorts = lots[:split], lots[split:]
    shorts.append(max(sum(longs) - sum(shorts), 0))
    longs.append(max(sum(shorts) - sum(longs), 0))
    positions = {ParticipantId(f"l{n}"): q for n, q in enumerate(longs)}
    positions |= {ParticipantId(f"s{n}"): -q for n, q in enumerate(shorts)}
    able = dict(zip(positions, (means * 2)[: len(positions)], strict=True))
    carried = carry(terms, positions, {who: able[who] * lock_of(terms, 1) for who in positions})
    kept = {who: min(abs(q), max(able[who], 0)) for who, q in positions.items()}
    sides = [[who for who, q in positions.items() if q * side > 0] for side in (1, -1)]
    totals = [sum(kept[who] for who in side) for side in sides]
    for side, total in zip(sides, totals, strict=True):
        assert sum(abs(carried[who].lots) for who in side) == min(totals)
        for who in side:
            part = carried[who]
            assert part.lots * positions[who] >= 0
            assert abs(part.lots) + part.not_locked + part.reduced == abs(positions[who])
            if total:
                assert abs(part.reduced * total - kept[who] * (total - min(totals))) < total


@given(
    due=st.lists(st.integers(0, 1_000), min_size=1, max_size=6),
    able=st.lists(st.integers(0, 1_500), min_size=6, max_size=6),
    receivers=st.integers(1, 5),
)
def test_funding_never_pays_out_more_than_has_come_in(
    due: list[int], able: list[int], receivers: int
) -> None:
    owed = {ParticipantId(f"p{n}"): -amount for n, amount in enumerate(due)}
    owed |= {ParticipantId(f"r{n}"): sum(due) // receivers for n in range(receivers)}
    found = collect(owed, dict(zip(owed, able + [0] * receivers, strict=False)))
    assert sum(found.amounts.values()) + found.residue == 0
    assert 0 <= found.residue < receivers
    for who, amount in owed.items():
        assert 0 <= abs(found.amounts[who]) <= abs(amount) and found.amounts[who] * amount >= 0


@given(
    price=st.integers(76_900, 83_100),
    after=st.integers(70_000, 90_000),
    lots=st.integers(1, 9),
)
@settings(max_examples=often(10), deadline=None)
def test_whoever_is_carried_on_does_not_care_at_which_price_the_roll_was(
    price: int, after: int, lots: int
) -> None:
    """What one claim has gained more, the next gains less; as long as both prices lie in their collars."""
    terms = perpetual(roll=Roll(interval=HOUR), expiry=OPENS + HOUR)
    venue = Venue(terms, index=INDEX, sessions=(SessionTerms(opens=OPENS, closes=OPENS + DAY),))
    ann, bob = NAMES[:2]
    for name in (ann, bob):
        venue.admit(name, 10**9)
    venue.trade(ann, bob, lots, 80_000, PERP)
    for roll, level in enumerate((price, after), 1):
        while venue.now < OPENS + roll * HOUR:
            venue.quote(level * 10_000)
            venue.wait_until(venue.now + 30 * SECOND)
    assert venue.free_cash(ann) + venue.locked(ann) == 10**9 + lots * (after - 80_000) * 10
    assert venue.free_cash(bob) + venue.locked(bob) == 10**9 - lots * (after - 80_000) * 10
