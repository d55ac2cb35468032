"""Notes: registration, placement, trading, coupons, redemption, default, and what is refused on the way."""

import pytest

from exchange.access.regime import AccessClass, Caps, Criterion, Permission
from exchange.clearing import accounts
from exchange.clearing.notes import NEXT
from exchange.commands import (
    Command,
    DepositCash,
    FreezeParticipant,
    FundRedemption,
    ListInstrument,
    PayObligations,
    PlaceNotes,
    RegisterNote,
    SetLimit,
    SubscribeNotes,
    SuspendParticipant,
    UnfreezeParticipant,
    WithdrawCash,
)
from exchange.events import (
    CouponDue,
    CouponPaid,
    DirectiveRefused,
    EscrowFunded,
    Event,
    InstrumentListed,
    NoteFixed,
    NoteRegistered,
    NoteRequestRejected,
    NoteSettled,
    NotesRedeemed,
    NotesSubscribed,
    NoteState,
    NoteStateChanged,
    ObligationPaid,
    OrderAccepted,
    OrderCanceled,
    OrderRejected,
    PlacementClosed,
    SeriesState,
    SubscriptionRejected,
    TradeReported,
)
from exchange.instruments import Coupon, Instrument, NoteTerms, Product, fault_in
from exchange.reasons import NoteRefusal, RejectReason
from exchange.units import HOUR, MINUTE, AssetId, InstrumentId
from matching.terms import ParticipantId
from tests.builders import (
    ANN,
    BOB,
    BTCF,
    BUY,
    CYD,
    EXPIRY,
    IDA,
    NOTE,
    NOTE_UNITS,
    OPENS,
    ROUBLE,
    RUBD,
    SELL,
    Venue,
    a_regime,
    future,
    note,
    note_terms,
    of_kind,
    participation,
)

PAR = 1_000 * ROUBLE
ZOE = ParticipantId("zoe")
AT_9_0001M = 900_010_000


def a_venue(*buyers: tuple[ParticipantId, int], issuer_cash: int = 0, **promise: object) -> Venue:
    """Ann, Bob and Cyd have a million roubles each; Ida issues the note and has what it brings in."""
    venue = Venue(future())
    for name in (ANN, BOB, CYD):
        venue.admit(name, 1_000_000 * ROUBLE)
    venue.admit(IDA, issuer_cash)
    if buyers:
        terms = note_terms(**promise)
        venue.issue(note(terms, reference=terms.issue_price), *buyers)
    return venue


def life(events: list[Event]) -> list[NoteState]:
    return [event.state for event in of_kind(events, NoteStateChanged)]


def to_maturity(venue: Venue, value: int = AT_9_0001M) -> list[Event]:
    """The index stands at `value` for the fixing, and the note's price is final."""
    venue.wait_until(EXPIRY - 31 * MINUTE)
    return venue.quote_until(EXPIRY, value)


# --- from the register to the market --------------------------------------------------------------------


def test_a_note_is_registered_placed_and_listed() -> None:
    venue = a_venue()
    events = venue.issue(note(), (ANN, 3), (BOB, 1), (ANN, 2))
    assert life(events) == [NoteState.REGISTERED, NoteState.PLACING, NoteState.LISTED]
    (registered,) = of_kind(events, NoteRegistered)
    assert registered.instrument == note()
    assert of_kind(events, NotesSubscribed)[0] == NotesSubscribed(
        participant_id=ANN, instrument_id=NOTE, asset_id=RUBD, quantity=3, paid=3 * PAR
    )
    assert of_kind(events, PlacementClosed) == [
        PlacementClosed(instrument_id=NOTE, quantity=6, raised=6 * PAR)
    ]
    assert of_kind(events, InstrumentListed)
    assert venue.state.series[NOTE].state is SeriesState.TRADING
    assert (venue.note_units(ANN), venue.note_units(BOB), venue.free_cash(IDA)) == (5, 1, 6 * PAR)
    assert venue.at_risk(ANN) == 5 * PAR == 1_000_000 * ROUBLE - venue.free_cash(ANN)
    assert venue.state.ledger.posted(accounts.register(NOTE_UNITS)) == 6


def test_it_trades_by_delivery_versus_payment() -> None:
    venue = a_venue((ANN, 5))
    (accepted,) = of_kind(venue.place(ANN, SELL, 4, 99_000, instrument_id=NOTE), OrderAccepted)
    assert accepted.quantity == 4
    (refused,) = venue.place(ANN, SELL, 2, 99_000, instrument_id=NOTE)
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.INSUFFICIENT_UNITS
    assert of_kind(venue.place(BOB, BUY, 4, 100_000, instrument_id=NOTE), TradeReported)
    assert (venue.note_units(ANN), venue.note_units(BOB)) == (1, 4)
    assert venue.at_risk(ANN) == PAR and venue.at_risk(BOB) == 4 * 99_000
    assert venue.free_cash(ANN) == 1_000_000 * ROUBLE - 5 * PAR + 4 * 99_000


def test_between_nothing_and_all_that_it_can_ever_pay() -> None:
    venue = a_venue((ANN, 5), coupons=(Coupon(at=EXPIRY, rate_bp=333),))
    series = venue.state.series[NOTE]
    assert (series.lowest_price, series.highest_price) == (1, 115_000 + 3_330)
    for price in (0, 118_331):
        (refused,) = venue.place(BOB, BUY, 1, price, instrument_id=NOTE)
        assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.PRICE_OUTSIDE_COLLAR


def test_a_note_of_which_nothing_was_placed_lives_and_ends_all_the_same() -> None:
    venue = a_venue()
    venue.issue(note())
    events = to_maturity(venue) + venue.wait_until(EXPIRY + HOUR)
    assert life(events) == [NoteState.FIXED, NoteState.REDEEMING, NoteState.REDEEMED]


# --- the end --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "payout"), [(800_000_000, 95_000), (AT_9_0001M, 101_250)])
def test_at_maturity_every_unit_pays_the_same(value: int, payout: int) -> None:
    venue = a_venue((ANN, 5), (BOB, 3), issuer_cash=100_000 * ROUBLE)
    venue.trade(CYD, ANN, 2, 99_000, NOTE)
    before = {name: venue.free_cash(name) for name in (ANN, BOB, CYD, IDA)}
    events = to_maturity(venue, value)
    assert life(events) == [NoteState.FIXED]
    (fixed,) = of_kind(events, NoteFixed)
    assert (fixed.payout, fixed.due, fixed.funded) == (payout, 8 * payout, 8 * payout)
    assert fixed.until == EXPIRY + 10 * MINUTE
    assert venue.state.series[NOTE].state is SeriesState.SETTLING
    events = venue.wait_until(fixed.until)
    assert life(events) == [NoteState.REDEEMING, NoteState.REDEEMED]
    assert [(e.participant_id, e.quantity, e.paid, e.owed) for e in of_kind(events, NotesRedeemed)] == [
        (ANN, 3, 3 * payout, 0),
        (BOB, 3, 3 * payout, 0),
        (CYD, 2, 2 * payout, 0),
    ]
    assert of_kind(events, NoteSettled) == [
        NoteSettled(instrument_id=NOTE, quantity=8, paid=8 * payout, owed=0)
    ]
    gains = {name: venue.free_cash(name) - before[name] for name in before}
    assert gains == {ANN: 3 * payout, BOB: 3 * payout, CYD: 2 * payout, IDA: -8 * payout}
    assert [venue.at_risk(name) for name in (ANN, BOB, CYD)] == [0, 0, 0]
    assert venue.state.series[NOTE].state is SeriesState.SETTLED


def test_the_future_beside_it_settles_by_itself() -> None:
    venue = a_venue((ANN, 5), issuer_cash=10**9)
    venue.trade(BOB, CYD, 1, 80_000, BTCF)
    to_maturity(venue)
    assert venue.state.series[BTCF].state is SeriesState.SETTLED
    assert len(venue.state.fixings) == 2


def test_units_that_the_issuer_bought_back_are_redeemed_for_nothing() -> None:
    venue = a_venue((ANN, 5))
    venue.trade(IDA, ANN, 4, 90_000, NOTE)
    events = to_maturity(venue)
    (fixed,) = of_kind(events, NoteFixed)
    assert fixed.due == 101_250 == fixed.funded
    (settled,) = of_kind(venue.wait_until(fixed.until), NoteSettled)
    assert (settled.quantity, settled.paid, venue.note_units(IDA), venue.at_risk(IDA)) == (5, 101_250, 0, 0)


def test_the_issuer_may_fill_the_escrow_until_the_redemption() -> None:
    venue = a_venue((ANN, 5), issuer_cash=6_000 * ROUBLE)
    venue.tell(FreezeParticipant(participant_id=IDA, order_ref="court"))
    (fixed,) = of_kind(to_maturity(venue), NoteFixed)
    assert (fixed.due, fixed.funded) == (5 * 101_250, 0)
    venue.tell(UnfreezeParticipant(participant_id=IDA, order_ref="court"))
    assert venue.tell(FundRedemption(participant_id=IDA, instrument_id=NOTE, amount=500_000)) == [
        EscrowFunded(instrument_id=NOTE, funded=500_000, due=506_250)
    ]
    venue.tell(FundRedemption(participant_id=IDA, instrument_id=NOTE, amount=6_250))
    assert life(venue.wait_until(fixed.until)) == [NoteState.REDEEMING, NoteState.REDEEMED]


def test_without_any_index_it_is_redeemed_at_its_initial_price_and_ends_at_the_last_mark() -> None:
    venue = a_venue((ANN, 5), issuer_cash=10**9)
    events = venue.wait_until(EXPIRY + HOUR)
    (fixed,) = of_kind(events, NoteFixed)
    assert (fixed.price, fixed.payout) == (80_000, 95_000)
    assert venue.state.series[NOTE].state is SeriesState.TERMINATED_AT_LAST_MARK
    assert life(events)[-1] is NoteState.REDEEMED


def test_redemption_reaches_a_holder_under_a_legal_order_and_stays_there() -> None:
    venue = a_venue((ANN, 5), issuer_cash=10**9)
    venue.tell(FreezeParticipant(participant_id=ANN, order_ref="court"))
    before = venue.free_cash(ANN)
    to_maturity(venue)
    venue.wait_until(EXPIRY + 10 * MINUTE)
    assert venue.free_cash(ANN) == before + 5 * 101_250


# --- coupons --------------------------------------------------------------------------------------------


def test_a_coupon_is_rounded_down_for_holders_up_for_the_issuer_and_the_rest_is_the_house_s() -> None:
    """0.01% of 333.33 is 3.3333 kopecks: one unit gets 3, two get 6, and the issuer pays 10 for the three."""
    payoff = participation(nominal=33_333)
    venue = a_venue(
        (ANN, 1), (BOB, 2), payoff=payoff, issue_price=33_000, coupons=(Coupon(at=OPENS + HOUR, rate_bp=1),),
        issuer_cash=1_000,
    )  # fmt: skip
    venue.trade(CYD, ANN, 1, 33_000, NOTE)
    events = venue.wait_until(OPENS + HOUR)
    assert life(events) == [NoteState.COUPON, NoteState.LISTED]
    assert of_kind(events, CouponDue) == [CouponDue(instrument_id=NOTE, due=10, owed=0)]
    assert [(e.participant_id, e.paid, e.owed) for e in of_kind(events, CouponPaid)] == [
        (BOB, 6, 0),
        (CYD, 3, 0),
    ]
    assert venue.state.ledger.posted(accounts.rounding(RUBD)) == 1


def test_a_missed_coupon_is_on_record_and_may_be_paid_within_the_time_of_grace() -> None:
    venue = a_venue((ANN, 30), (BOB, 10), coupons=(Coupon(at=OPENS + HOUR, rate_bp=1_000),))
    spend_all_but(venue, 2_000 * ROUBLE)
    events = venue.wait_until(OPENS + HOUR)
    assert of_kind(events, CouponDue)[0].owed == 2_000 * ROUBLE
    assert [(e.participant_id, e.paid, e.owed) for e in of_kind(events, CouponPaid)] == [
        (ANN, 150_000, 150_000),
        (BOB, 50_000, 50_000),
    ]
    ledger = venue.state.ledger
    assert ledger.posted(accounts.note_obligation(ANN, RUBD)) == 150_000
    assert ledger.posted(accounts.note_obligation(IDA, RUBD)) == -200_000
    give_back(venue, 200_000)
    paid = venue.tell(PayObligations(participant_id=IDA, instrument_id=NOTE, amount=200_000))
    assert [(e.participant_id, e.paid, e.owed) for e in of_kind(paid, ObligationPaid)] == [
        (ANN, 150_000, 0),
        (BOB, 50_000, 0),
    ]
    assert life(venue.wait_until(OPENS + 2 * HOUR)) == []
    assert of_kind(venue.place(ANN, SELL, 1, 100_000, instrument_id=NOTE), OrderAccepted)


def test_after_the_time_of_grace_the_whole_note_falls_due() -> None:
    coupons = (Coupon(at=OPENS + HOUR, rate_bp=1_000), Coupon(at=OPENS + 3 * HOUR, rate_bp=1_000))
    venue = a_venue((ANN, 30), (BOB, 10), coupons=coupons)
    spend_all_but(venue, 0)
    venue.wait_until(OPENS + HOUR)
    venue.place(ANN, SELL, 2, 100_000, instrument_id=NOTE)
    events = venue.wait_until(OPENS + HOUR + 30 * MINUTE)
    assert life(events) == [NoteState.ISSUER_DEFAULT, NoteState.RECOVERY]
    assert of_kind(events, OrderCanceled)[0].cause == "issuer_default"
    (fixed,) = of_kind(events, NoteFixed)
    assert (fixed.price, fixed.payout, fixed.due, fixed.funded) == (80_000, 95_000, 40 * 95_000, 0)
    assert venue.state.covers.notes.every[NOTE].owed == {ANN: 30 * 105_000, BOB: 10 * 105_000}
    (refused,) = venue.place(BOB, BUY, 1, 100_000, instrument_id=NOTE)
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.INSTRUMENT_EXPIRED
    later = to_maturity(venue) + venue.wait_until(EXPIRY + HOUR)
    assert life(later) == [] and of_kind(later, CouponDue) == []
    give_back(venue, 40 * PAR)
    venue.tell(PayObligations(participant_id=IDA, instrument_id=NOTE, amount=40 * PAR))
    assert venue.state.covers.notes.every[NOTE].owed == {ANN: 30 * 5_000, BOB: 10 * 5_000}


def spend_all_but(venue: Venue, left: int) -> None:
    """Ida takes what its note has brought in home, all but so much."""
    amount = venue.free_cash(IDA) - left
    venue.tell(WithdrawCash(participant_id=IDA, asset_id=RUBD, amount=amount))
    venue.wait_until(venue.now + MINUTE)


def give_back(venue: Venue, amount: int) -> None:
    venue.tell(DepositCash(participant_id=IDA, asset_id=RUBD, amount=amount))


# --- refusals -------------------------------------------------------------------------------------------


def refused(venue: Venue, command: Command) -> NoteRefusal:
    (event,) = venue.tell(command)
    assert isinstance(event, NoteRequestRejected)
    return event.reason


OTHER = InstrumentId("NOTE2")


@pytest.mark.parametrize(
    ("who", "terms", "reason", "explanation"),
    [
        (ZOE, note(), NoteRefusal.UNKNOWN_PARTICIPANT, ""),
        (ANN, note(), NoteRefusal.NOT_THE_ISSUER, ""),
        (IDA, note(base=RUBD), NoteRefusal.NOTE_KNOWN, ""),
        (IDA, future(instrument_id=OTHER), NoteRefusal.TERMS_IMPOSSIBLE, "only a note is registered"),
        (IDA, note(cash=AssetId("USDX")), NoteRefusal.TERMS_IMPOSSIBLE, "there is no cash asset USDX"),
        (IDA, note(instrument_id=BTCF), NoteRefusal.TERMS_IMPOSSIBLE, "is listed already"),
        (IDA, note(expiry=OPENS + MINUTE), NoteRefusal.TERMS_IMPOSSIBLE, "choose a later expiry"),
        (IDA, note(tick_value=10), NoteRefusal.TERMS_IMPOSSIBLE, "tick_value and lot_units must be 1"),
        (
            IDA,
            note(note_terms(coupons=(Coupon(at=OPENS, rate_bp=1),))),
            NoteRefusal.TERMS_IMPOSSIBLE,
            "its first coupon would have been due",
        ),
    ],
)
def test_what_cannot_be_registered(
    who: ParticipantId, terms: Instrument, reason: NoteRefusal, explanation: str
) -> None:
    venue = a_venue()
    (event,) = venue.tell(RegisterNote(participant_id=who, instrument=terms))
    assert isinstance(event, NoteRequestRejected)
    assert event.reason is reason and explanation in event.explanation
    assert venue.state.covers.notes.every == {}


def test_the_same_note_twice_and_units_of_one_name() -> None:
    venue = a_venue((ANN, 1))
    for terms in (note(), note(instrument_id=OTHER)):
        command = RegisterNote(participant_id=IDA, instrument=terms)
        assert refused(venue, command) is NoteRefusal.NOTE_KNOWN


@pytest.mark.parametrize(
    ("promise", "fault"),
    [
        (note_terms(volume=0), "volume and issue_price must be positive"),
        (note_terms(issue_price=0.5), "volume and issue_price must be positive"),
        (note_terms(grace=-1), "periods not negative"),
        (note_terms(volume=2**60), "more than 63 bits hold"),
        (note_terms(payoff=participation(cap_bp=0)), "a participation needs"),
        (note_terms(coupons=(Coupon(at=5, rate_bp=0),)), "a coupon needs a time and a positive rate_bp"),
        (
            note_terms(coupons=(Coupon(at=9, rate_bp=1), Coupon(at=9, rate_bp=1))),
            "coupons must come one after the other",
        ),
        (note_terms(coupons=(Coupon(at=EXPIRY + 1, rate_bp=1),)), "the last one not after the expiry"),
    ],
)
def test_a_promise_without_sense_is_told_with_a_remedy(promise: NoteTerms, fault: str) -> None:
    found = fault_in(note(promise))
    assert found is not None and fault in found


@pytest.mark.parametrize(
    ("terms", "fault"),
    [
        (note(), None),
        (note(reference=115_000), None),
        (note(reference=115_001), "reference 115001 must lie between 1 and 115000"),
        (note(base=None), "it needs a base"),
        (note(note=None), "a note, and nothing else, says what it promises"),
        (future(note=note_terms()), "a note, and nothing else, says what it promises"),
        (note(fee_taker=60, reference=59), "reference 59 must lie between 60"),
    ],
)
def test_a_note_s_own_terms(terms: Instrument, fault: str | None) -> None:
    found = fault_in(terms)
    assert found is None if fault is None else found is not None and fault in found


def test_what_cannot_be_placed() -> None:
    venue = a_venue()
    late = EXPIRY - 30 * MINUTE

    def place(who: ParticipantId = IDA, until: int = OPENS + MINUTE) -> NoteRefusal:
        return refused(venue, PlaceNotes(participant_id=who, instrument_id=NOTE, until=until))

    assert place() is NoteRefusal.UNKNOWN_NOTE
    venue.tell(RegisterNote(participant_id=IDA, instrument=note()))
    assert place(ZOE) is NoteRefusal.UNKNOWN_PARTICIPANT
    assert place(ANN) is NoteRefusal.NOT_THE_ISSUER
    assert place(until=OPENS) is NoteRefusal.PLACEMENT_NOT_AHEAD
    assert place(until=late) is NoteRefusal.PLACEMENT_NOT_AHEAD
    venue.tell(PlaceNotes(participant_id=IDA, instrument_id=NOTE, until=late - 1))
    assert place() is NoteRefusal.WRONG_STATE
    venue.tell(SuspendParticipant(participant_id=IDA))
    assert place() is NoteRefusal.PARTICIPANT_SUSPENDED


def test_a_placement_ends_before_the_first_coupon() -> None:
    venue = a_venue()
    terms = note(note_terms(coupons=(Coupon(at=OPENS + HOUR, rate_bp=1),)))
    venue.tell(RegisterNote(participant_id=IDA, instrument=terms))
    command = PlaceNotes(participant_id=IDA, instrument_id=NOTE, until=OPENS + HOUR)
    assert refused(venue, command) is NoteRefusal.PLACEMENT_NOT_AHEAD


def test_what_cannot_be_subscribed_for() -> None:
    venue = a_venue()
    venue.admit(IDA, 0)

    def subscribe(who: ParticipantId, quantity: int) -> RejectReason | None:
        (event,) = venue.tell(SubscribeNotes(participant_id=who, instrument_id=NOTE, quantity=quantity))
        return event.reason if isinstance(event, SubscriptionRejected) else None

    assert subscribe(ANN, 1) is RejectReason.UNKNOWN_INSTRUMENT
    venue.tell(RegisterNote(participant_id=IDA, instrument=note(note_terms(volume=1_500))))
    assert subscribe(ANN, 1) is RejectReason.NOT_PLACING
    venue.tell(PlaceNotes(participant_id=IDA, instrument_id=NOTE, until=OPENS + MINUTE))
    assert subscribe(ZOE, 1) is RejectReason.UNKNOWN_PARTICIPANT
    assert subscribe(ANN, 0) is RejectReason.QUANTITY_NOT_POSITIVE
    assert subscribe(ANN, 1_501) is RejectReason.QUANTITY_TOO_LARGE
    assert subscribe(ANN, 1_001) is RejectReason.INSUFFICIENT_CASH
    assert subscribe(ANN, 1_000) is None
    assert subscribe(BOB, 501) is RejectReason.QUANTITY_TOO_LARGE
    venue.tell(SetLimit(participant_id=BOB, limit=10 * PAR - 1))
    assert subscribe(BOB, 10) is RejectReason.EXPOSURE_LIMIT
    assert subscribe(IDA, 1) is RejectReason.OWN_NOTE
    venue.tell(FreezeParticipant(participant_id=CYD, order_ref="court"))
    assert subscribe(CYD, 1) is RejectReason.REDUCE_ONLY
    venue.tell(SuspendParticipant(participant_id=CYD))
    assert subscribe(CYD, 1) is RejectReason.PARTICIPANT_SUSPENDED
    venue.wait_until(OPENS + MINUTE)
    assert subscribe(BOB, 1) is RejectReason.NOT_PLACING


@pytest.mark.parametrize(
    ("permission", "reason"),
    [
        (Permission.DENIED, RejectReason.PRODUCT_NOT_PERMITTED),
        (Permission.REDUCE_ONLY, RejectReason.REDUCE_ONLY),
    ],
)
def test_the_regime_decides_who_may_hold_notes(permission: Permission, reason: RejectReason) -> None:
    some = AccessClass(
        class_id="some",
        title="Some",
        any_of=(Criterion(),),
        permissions={Product.FUTURE: Permission.ALLOWED, Product.NOTE: permission},
        caps=Caps(),
    )
    venue = Venue(future(), regime=a_regime(classes=(some,)))
    venue.admit(ANN)
    venue.admit(IDA, 0)
    (rejected,) = of_kind(venue.issue(note(), (ANN, 1)), SubscriptionRejected)
    assert rejected.reason is reason
    (refused_order,) = venue.place(ANN, BUY, 1, 100_000, instrument_id=NOTE)
    assert isinstance(refused_order, OrderRejected) and refused_order.reason is reason


def test_a_cap_on_purchases_counts_what_is_subscribed() -> None:
    capped = AccessClass(
        class_id="capped",
        title="Capped",
        any_of=(Criterion(),),
        permissions=dict.fromkeys(Product, Permission.ALLOWED),
        caps=Caps(annual_purchases=3 * PAR),
    )
    venue = Venue(future(), regime=a_regime(classes=(capped,)))
    venue.admit(ANN)
    venue.admit(IDA, 0)
    assert not of_kind(venue.issue(note(), (ANN, 3)), SubscriptionRejected)
    venue = Venue(future(), regime=a_regime(classes=(capped,)))
    venue.admit(ANN)
    venue.admit(IDA, 0)
    (rejected,) = of_kind(venue.issue(note(), (ANN, 4)), SubscriptionRejected)
    assert rejected.reason is RejectReason.ANNUAL_PURCHASES


def test_a_note_is_not_listed_by_directive() -> None:
    venue = a_venue()
    (event,) = venue.tell(ListInstrument(instrument=note()))
    assert isinstance(event, DirectiveRefused)
    assert "its issuer registers and places it" in event.explanation


@pytest.mark.parametrize(
    ("who", "amount", "reason"),
    [
        (ZOE, 1, NoteRefusal.UNKNOWN_PARTICIPANT),
        (ANN, 1, NoteRefusal.NOT_THE_ISSUER),
        (IDA, 0, NoteRefusal.AMOUNT_NOT_POSITIVE),
        (IDA, 506_251, NoteRefusal.MORE_THAN_DUE),
        (IDA, 506_250, NoteRefusal.PARTICIPANT_FROZEN),
    ],
)
def test_what_does_not_go_into_the_escrow(who: ParticipantId, amount: int, reason: NoteRefusal) -> None:
    venue = a_venue((ANN, 5))
    command = FundRedemption(participant_id=who, instrument_id=NOTE, amount=amount)
    early = NoteRefusal.WRONG_STATE if who == IDA else reason
    assert refused(venue, command) is early
    venue.tell(FreezeParticipant(participant_id=IDA, order_ref="court"))
    to_maturity(venue)
    assert refused(venue, command) is reason
    venue.tell(UnfreezeParticipant(participant_id=IDA, order_ref="court"))
    if reason is NoteRefusal.PARTICIPANT_FROZEN:
        assert refused(venue, command) is NoteRefusal.INSUFFICIENT_FUNDS
    unknown = FundRedemption(participant_id=IDA, instrument_id=OTHER, amount=1)
    assert refused(venue, unknown) is NoteRefusal.UNKNOWN_NOTE


def test_what_is_not_owed_cannot_be_paid() -> None:
    venue = a_venue((ANN, 5))
    command = PayObligations(participant_id=IDA, instrument_id=NOTE, amount=1)
    assert refused(venue, command) is NoteRefusal.MORE_THAN_DUE


def test_the_life_of_a_note_as_a_table() -> None:
    reached = {NoteState.DRAFT} | {state for following in NEXT.values() for state in following}
    assert reached == set(NEXT) == set(NoteState)
    assert [state for state in NoteState if not NEXT[state]] == [NoteState.REDEEMED]
