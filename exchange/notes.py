"""The road of notes: registered, placed, traded, paid off; and what is done when the issuer does not pay.

A subscription is delivery versus payment: units come from the register, cash goes to the issuer, in one chain.
What an issuer pays always passes through the note's escrow, so that it is shared out there, by one rule.
Notes held by their own issuer are worth nothing to anybody: they get no coupon and are redeemed for nothing.
"""

from collections.abc import Iterator
from typing import TypeAlias

from exchange import auctions
from exchange.clearing import accounts, house
from exchange.clearing.expiry import is_trading
from exchange.clearing.ledger import Move, Rule
from exchange.clearing.notes import Note, Payment, Redemption, coupon_due, share_out
from exchange.clearing.spot import asset_of
from exchange.commands import (
    ClosePlacement,
    FixNote,
    FundRedemption,
    JudgeIssuer,
    PayCoupon,
    PayObligations,
    PlaceNotes,
    RedeemNotes,
    RegisterNote,
    SubscribeNotes,
)
from exchange.events import (
    CancelCause,
    CouponDue,
    CouponPaid,
    EscrowFunded,
    Event,
    NoteFixed,
    NoteRegistered,
    NoteRequestRejected,
    NoteSettled,
    NotesRedeemed,
    NotesSubscribed,
    NoteState,
    NoteStateChanged,
    ObligationPaid,
    PlacementClosed,
    SeriesState,
    SubscriptionRejected,
)
from exchange.instruments import Instrument, Product
from exchange.reasons import NoteRefusal, RejectReason
from exchange.rules.cover import beyond_venue, free_cash, limit_refusal, purchase_refusal
from exchange.rules.permitted import refusal_to_open
from exchange.state import Seat, State
from exchange.trading import cancel_orders_in
from exchange.units import InstrumentId, Money, Time
from matching.terms import ParticipantId, Price

IssuerCommand: TypeAlias = RegisterNote | PlaceNotes | FundRedemption | PayObligations

# --- registration and placement -------------------------------------------------------------------------


def register_note(command: RegisterNote, state: State) -> Iterator[Event]:
    """Put the terms on the register, if a series with them could be listed."""
    terms = command.instrument
    reason, explanation = _registration_refusal(command, state)
    if reason is not None:
        yield _rejected(command, terms.instrument_id, reason, explanation)
        return
    assert terms.note, "looked at"
    assert state.covers.list_series(terms, ()) is None, "whatever is a note can be owned"
    note = state.covers.notes.every[terms.instrument_id] = Note(terms, terms.note)
    yield NoteRegistered(instrument=terms)
    yield _enter(note, NoteState.REGISTERED)


def _registration_refusal(command: RegisterNote, state: State) -> tuple[NoteRefusal | None, str]:
    terms = command.instrument
    reason = _stranger(command.participant_id, state)
    if reason is not None:
        return reason, ""
    if terms.product is Product.NOTE and terms.note and terms.note.issuer != command.participant_id:
        return NoteRefusal.NOT_THE_ISSUER, ""
    if terms.instrument_id in state.covers.notes.every or _is_an_asset(terms, state):
        return NoteRefusal.NOTE_KNOWN, ""
    fault = None if terms.product is Product.NOTE else "only a note is registered"
    fault = fault or house.listing_fault(terms, state)
    if (
        fault is None
        and terms.note
        and min((c.at for c in terms.note.coupons), default=state.now + 1) <= state.now
    ):
        fault = "its first coupon would have been due before it is registered"
    return (NoteRefusal.TERMS_IMPOSSIBLE, fault) if fault else (None, "")


def _is_an_asset(terms: Instrument, state: State) -> bool:
    known = (*state.assets, *state.holdings, *state.covers.spot.owners, *state.covers.notes.owners)
    return terms.base in known


def place_notes(command: PlaceNotes, state: State) -> Iterator[Event]:
    """Offer the units; at the end of the placement the note is listed, whatever has been taken of it."""
    note = state.covers.notes.every.get(command.instrument_id)
    reason = _issuer_refusal(command, note, (NoteState.REGISTERED,), state)
    if reason is None and note is not None and not state.now < command.until < _latest_listing(note, state):
        reason = NoteRefusal.PLACEMENT_NOT_AHEAD
    if note is None or reason is not None:
        yield _rejected(command, command.instrument_id, reason or NoteRefusal.UNKNOWN_NOTE)
        return
    state.agenda.promise(command.until, ClosePlacement(instrument_id=command.instrument_id))
    yield _enter(note, NoteState.PLACING)


def _latest_listing(note: Note, state: State) -> Time:
    """Before its first coupon and before its fixing begins."""
    terms = note.instrument
    fixing = terms.expiry - house.fixing_window(terms, state)
    return min([fixing, *(coupon.at for coupon in note.terms.coupons)])


def subscribe_notes(command: SubscribeNotes, state: State) -> Iterator[Event]:
    """Units from the register against cash to the issuer, in one chain, if access and limits allow it."""
    note = state.covers.notes.every.get(command.instrument_id)
    reason = _subscription_refusal(command, note, state)
    if note is None or reason is not None:
        yield SubscriptionRejected(
            participant_id=command.participant_id,
            instrument_id=command.instrument_id,
            quantity=command.quantity,
            reason=reason or RejectReason.UNKNOWN_INSTRUMENT,
        )
        return
    seat, issuer = state.seats[command.participant_id], state.seats[note.terms.issuer]
    asset_id, paid = asset_of(note.instrument), command.quantity * note.terms.issue_price
    owner = state.covers.notes.owner(seat, asset_id)
    moves = (
        (accounts.register(asset_id), owner.selling.source, command.quantity),
        (seat.cash_account, issuer.cash_account, paid),
    )
    state.ledger.book(moves, state.now)
    owner.buying.take_in(paid)
    note.placed += command.quantity
    yield NotesSubscribed(
        participant_id=seat.participant_id,
        instrument_id=command.instrument_id,
        asset_id=note.instrument.cash,
        quantity=command.quantity,
        paid=paid,
    )


def _subscription_refusal(command: SubscribeNotes, note: Note | None, state: State) -> RejectReason | None:
    seat = state.seats.get(command.participant_id)
    if seat is None:
        return RejectReason.UNKNOWN_PARTICIPANT
    if note is None:
        return RejectReason.UNKNOWN_INSTRUMENT
    if seat.suspended:
        return RejectReason.PARTICIPANT_SUSPENDED
    if (reason := _access_refusal(note.instrument, seat, state)) is not None:
        return reason
    if command.quantity < 1:
        return RejectReason.QUANTITY_NOT_POSITIVE
    if command.quantity > note.terms.volume - note.placed:
        return RejectReason.QUANTITY_TOO_LARGE
    paid = command.quantity * note.terms.issue_price
    reason = purchase_refusal(seat, paid, state)
    if reason is None:
        reason = limit_refusal(seat, state.covers.at_risk(seat.participant_id) + paid)
    if reason is None and beyond_venue(paid, state):
        reason = RejectReason.VENUE_CAP
    if reason is None and paid > free_cash(seat, state):
        reason = RejectReason.INSUFFICIENT_CASH
    if reason is None and note.state is not NoteState.PLACING:
        reason = RejectReason.NOT_PLACING
    if reason is None and seat.participant_id == note.terms.issuer:
        reason = RejectReason.OWN_NOTE
    return reason


def _access_refusal(instrument: Instrument, seat: Seat, state: State) -> RejectReason | None:
    """What the regime says of such notes to this class; whoever may only reduce may not subscribe."""
    reason = refusal_to_open(Product.NOTE, instrument.coin, seat, state)
    return RejectReason.REDUCE_ONLY if reason is None and (seat.frozen or seat.barred) else reason


def close_placement(duty: ClosePlacement, state: State) -> Iterator[Event]:
    """The note is listed: it trades, its coupons and its fixing are promised."""
    note = state.covers.notes.every[duty.instrument_id]
    yield PlacementClosed(
        instrument_id=duty.instrument_id,
        quantity=note.placed,
        raised=note.placed * note.terms.issue_price,
    )
    yield _enter(note, NoteState.LISTED)
    for number, coupon in enumerate(note.terms.coupons):
        state.agenda.promise(coupon.at, PayCoupon(instrument_id=duty.instrument_id, number=number))
    yield from house.open_series(note.instrument, state)


# --- coupons --------------------------------------------------------------------------------------------


def pay_coupon(duty: PayCoupon, state: State) -> Iterator[Event]:
    """Receivers are rounded down and the issuer up, and the house keeps the difference.

    What the issuer lacks is shared by all holders and goes on record; after its time of grace it is in default.
    """
    note = state.covers.notes.every[duty.instrument_id]
    if note.state is not NoteState.LISTED:
        return  # in default already: what was promised has fallen due as a whole
    yield _enter(note, NoteState.COUPON)
    rate_bp = note.terms.coupons[duty.number].rate_bp
    received, due = coupon_due(note, rate_bp, state.covers.notes.holdings(note))
    taken = min(due, _free_cash(note, state))
    payments = share_out(taken, received)
    _pay(note, taken, payments, state)
    owed = sum(payment.due - payment.paid for payment in payments)
    yield CouponDue(instrument_id=duty.instrument_id, due=due, owed=owed)
    for who, claim, paid in payments:
        yield CouponPaid(
            participant_id=who,
            instrument_id=duty.instrument_id,
            asset_id=note.instrument.cash,
            paid=paid,
            owed=claim - paid,
        )
    yield _enter(note, NoteState.LISTED)
    if owed:
        judged = state.now + note.terms.grace
        state.agenda.promise(judged, JudgeIssuer(instrument_id=duty.instrument_id))


def judge_issuer(duty: JudgeIssuer, state: State) -> Iterator[Event]:
    """If something is still owed the whole note falls due, by the last settlement price there is.

    Once trading has ended anyway, the redemption will tell.
    """
    note, series = state.covers.notes.every[duty.instrument_id], state.series[duty.instrument_id]
    running = is_trading(series.state) or series.state in (SeriesState.LISTED, SeriesState.SUSPENDED)
    if not note.owed or note.state is not NoteState.LISTED or not running:
        return
    yield _enter(note, NoteState.ISSUER_DEFAULT)
    yield house.enter(series, SeriesState.TERMINATED_AT_LAST_MARK)
    yield from cancel_orders_in(series, CancelCause.ISSUER_DEFAULT, state)
    yield from auctions.settle_market(series, state)
    yield from _fix(note, state.fixings[note.instrument.bucket_id].prior, state.now, state)
    yield from _redeem(note, state)
    yield from _recover(note)


# --- redemption -----------------------------------------------------------------------------------------


def fix_note(duty: FixNote, state: State) -> Iterator[Event]:
    """The price is final: the issuer's free cash fills the escrow as far as it reaches."""
    note = state.covers.notes.every[duty.instrument_id]
    until = state.now + note.terms.funding_period
    note.last_mark = duty.last_mark
    yield _enter(note, NoteState.FIXED)
    yield from _fix(note, duty.price, until, state)
    state.agenda.promise(until, RedeemNotes(instrument_id=duty.instrument_id))


def _fix(note: Note, price: Price, until: Time, state: State) -> Iterator[Event]:
    note.payout = note.instrument.payoff(price)
    due = _due(note, state)
    funded = min(due, _free_cash(note, state))
    _into_escrow(note, funded, state)
    yield NoteFixed(
        instrument_id=note.instrument.instrument_id,
        price=price,
        payout=note.payout,
        due=due,
        funded=funded,
        until=until,
    )


def fund_redemption(command: FundRedemption, state: State) -> Iterator[Event]:
    """More of what is due goes into the escrow."""
    note = state.covers.notes.every.get(command.instrument_id)
    reason = _issuer_refusal(command, note, (NoteState.FIXED,), state)
    if note is not None and reason is None:
        missing = _due(note, state) - state.ledger.posted(note.escrow)
        reason = _payment_refusal(command.amount, missing, note, state)
    if note is None or reason is not None:
        yield _rejected(command, command.instrument_id, reason or NoteRefusal.UNKNOWN_NOTE)
        return
    _into_escrow(note, command.amount, state)
    funded = state.ledger.posted(note.escrow)
    yield EscrowFunded(instrument_id=command.instrument_id, funded=funded, due=_due(note, state))


def redeem_notes(duty: RedeemNotes, state: State) -> Iterator[Event]:
    """Pay every unit off, each by the same payout; if the escrow falls short, each by the same share of it."""
    note, series = state.covers.notes.every[duty.instrument_id], state.series[duty.instrument_id]
    yield _enter(note, NoteState.REDEEMING)
    yield from _redeem(note, state)
    yield house.enter(series, SeriesState.TERMINATED_AT_LAST_MARK if note.last_mark else SeriesState.SETTLED)
    yield from auctions.settle_market(series, state)
    if any(redemption.due > redemption.paid for redemption in note.redemptions.values()):
        yield _enter(note, NoteState.ISSUER_DEFAULT)
        yield from _recover(note)
    else:
        yield _enter(note, NoteState.REDEEMED)


def _redeem(note: Note, state: State) -> Iterator[Event]:
    """Units back to the register, their payout out of the escrow; the rest is owed. One chain."""
    assert note.payout is not None, "the price is final"
    cover, asset_id = state.covers.notes, asset_of(note.instrument)
    holdings = cover.holdings(note)
    due = {who: units * note.payout for who, units in holdings.items()}
    payments = {p.holder: p for p in share_out(state.ledger.posted(note.escrow), due)}
    moves: list[Move] = []
    for who in sorted(cover.owners[asset_id]):
        units, owner = cover.units(who, asset_id), cover.owners[asset_id][who]
        if units:
            owner.buying.give_out(units, units)
            moves.append((owner.selling.source, accounts.register(asset_id), units))
            note.redeemed += units
        if who in payments and payments[who].paid:
            moves.append((note.escrow, state.seats[who].cash_account, payments[who].paid))
    state.ledger.take_back(moves, state.now)
    for who, payment in payments.items():
        note.redemptions[who] = Redemption(holdings[who], payment.due, payment.paid)
    _put_on_record(note, list(payments.values()), state)
    for who, claim, paid in payments.values():
        yield NotesRedeemed(
            participant_id=who,
            instrument_id=note.instrument.instrument_id,
            asset_id=note.instrument.cash,
            quantity=holdings[who],
            paid=paid,
            owed=claim - paid,
        )
    paid = sum(payment.paid for payment in payments.values())
    yield NoteSettled(
        instrument_id=note.instrument.instrument_id,
        quantity=note.redeemed,
        paid=paid,
        owed=sum(due.values()) - paid,
    )


# --- what is owed ---------------------------------------------------------------------------------------


def pay_obligations(command: PayObligations, state: State) -> Iterator[Event]:
    """Shared by what each is owed. When nothing is left to pay, a note in recovery is redeemed after all."""
    note = state.covers.notes.every.get(command.instrument_id)
    reason = _issuer_refusal(command, note, tuple(NoteState), state)
    if note is not None and reason is None:
        reason = _payment_refusal(command.amount, sum(note.owed.values()), note, state)
    if note is None or reason is not None:
        yield _rejected(command, command.instrument_id, reason or NoteRefusal.UNKNOWN_NOTE)
        return
    payments = share_out(command.amount, {who: note.owed[who] for who in sorted(note.owed)})
    cash, issuer = note.instrument.cash, note.terms.issuer
    moves: list[Move] = []
    for who, _, paid in payments:
        if paid:
            moves.append((accounts.cash(issuer, cash), accounts.cash(who, cash), paid))
            moves.append((accounts.note_obligation(who, cash), accounts.note_obligation(issuer, cash), paid))
    state.ledger.book(moves, state.now)
    note.owed = {who: owed - paid for who, owed, paid in payments if owed > paid}
    for who, owed, paid in payments:
        yield ObligationPaid(
            participant_id=who,
            instrument_id=command.instrument_id,
            asset_id=cash,
            paid=paid,
            owed=owed - paid,
        )
    yield from _recover(note)


def _recover(note: Note) -> Iterator[Event]:
    """From default into recovery, and out of it once nothing is owed."""
    if note.state is NoteState.ISSUER_DEFAULT:
        yield _enter(note, NoteState.RECOVERY)
    if note.state is NoteState.RECOVERY and not note.owed:
        yield _enter(note, NoteState.REDEEMED)


def _pay(note: Note, taken: Money, payments: list[Payment], state: State) -> None:
    """From the issuer through the escrow to the holders; what rounding leaves is the house's."""
    left = taken - sum(payment.paid for payment in payments)
    moves: list[Move] = [(accounts.cash(note.terms.issuer, note.instrument.cash), note.escrow, taken)]
    moves += [(note.escrow, state.seats[who].cash_account, paid) for who, _, paid in payments]
    moves.append((note.escrow, accounts.rounding(note.instrument.cash), left))
    state.ledger.book([move for move in moves if move[2]], state.now)
    _put_on_record(note, payments, state)


def _put_on_record(note: Note, payments: list[Payment], state: State) -> None:
    """What was due and was not paid, on the books of both sides. It is not money."""
    issuer, cash = note.terms.issuer, note.instrument.cash
    short = [payment for payment in payments if payment.due > payment.paid]
    if not short:
        return
    for who in (issuer, *(payment.holder for payment in short)):
        state.ledger.open(accounts.note_obligation(who, cash), accounts.obligation_asset(cash), Rule.FREE)
    owing = accounts.note_obligation(issuer, cash)
    state.ledger.book(
        [(owing, accounts.note_obligation(who, cash), due - paid) for who, due, paid in short], state.now
    )
    note.owe(short)


def _into_escrow(note: Note, amount: Money, state: State) -> None:
    if amount:
        cash = accounts.cash(note.terms.issuer, note.instrument.cash)
        state.ledger.book(((cash, note.escrow, amount),), state.now)


def _due(note: Note, state: State) -> Money:
    """What all holders will be paid."""
    assert note.payout is not None, "the price is final"
    return note.payout * sum(state.covers.notes.holdings(note).values())


def _free_cash(note: Note, state: State) -> Money:
    """What can be taken from the issuer."""
    return free_cash(state.seats[note.terms.issuer], state)


# --- refusals -------------------------------------------------------------------------------------------


def _stranger(participant_id: ParticipantId, state: State) -> NoteRefusal | None:
    seat = state.seats.get(participant_id)
    if seat is None:
        return NoteRefusal.UNKNOWN_PARTICIPANT
    return NoteRefusal.PARTICIPANT_SUSPENDED if seat.suspended else None


def _issuer_refusal(
    command: PlaceNotes | FundRedemption | PayObligations,
    note: Note | None,
    states: tuple[NoteState, ...],
    state: State,
) -> NoteRefusal | None:
    """Only its issuer may do something with a note, and only where its life has come to that.

    Money is taken from an issuer that is suspended too.
    """
    reason = _stranger(command.participant_id, state)
    if reason is not None and (isinstance(command, PlaceNotes) or reason is NoteRefusal.UNKNOWN_PARTICIPANT):
        return reason
    if note is None:
        return NoteRefusal.UNKNOWN_NOTE
    if note.terms.issuer != command.participant_id:
        return NoteRefusal.NOT_THE_ISSUER
    return None if note.state in states else NoteRefusal.WRONG_STATE


def _payment_refusal(amount: Money, most: Money, note: Note, state: State) -> NoteRefusal | None:
    if amount < 1:
        return NoteRefusal.AMOUNT_NOT_POSITIVE
    if amount > most:
        return NoteRefusal.MORE_THAN_DUE
    if state.seats[note.terms.issuer].frozen:
        return NoteRefusal.PARTICIPANT_FROZEN
    return NoteRefusal.INSUFFICIENT_FUNDS if amount > _free_cash(note, state) else None


def _rejected(
    command: IssuerCommand, instrument_id: InstrumentId, reason: NoteRefusal, explanation: str = ""
) -> NoteRequestRejected:
    return NoteRequestRejected(
        participant_id=command.participant_id,
        instrument_id=instrument_id,
        request=type(command).__name__,
        reason=reason,
        explanation=explanation,
    )


def _enter(note: Note, to: NoteState) -> NoteStateChanged:
    note.enter(to)
    return NoteStateChanged(instrument_id=note.instrument.instrument_id, state=to)
