"""F24: a note's escrow holds 70% of what is due. Everybody gets 70%, the rest is on record, and is paid off later."""

from exchange.access.regime import Regime
from exchange.clearing import accounts
from exchange.clearing.terms import ClearingMode
from exchange.commands import DepositCash, FundRedemption, PayObligations, WithdrawCash
from exchange.events import (
    Event,
    NoteFixed,
    NoteRequestRejected,
    NoteSettled,
    NotesRedeemed,
    NoteState,
    NoteStateChanged,
    ObligationPaid,
    SeriesState,
)
from exchange.reasons import NoteRefusal
from exchange.units import MINUTE
from tests.builders import (
    ANN,
    BOB,
    BOTH_MODES,
    BTCF,
    CYD,
    EXPIRY,
    IDA,
    NOTE,
    ROUBLE,
    RUBD,
    Venue,
    future,
    note,
    of_kind,
)

AT_9M = 900_000_000
DUE = 10 * 101_250


def a_maturity(regime: Regime) -> tuple[Venue, list[Event]]:
    """Ten units, 1,012.50 each; Ida keeps 7,000.00, and adds 87.50 while it may: 70% of 10,125.00."""
    venue = Venue(future(), regime=regime)
    for name in (ANN, BOB, CYD):
        venue.admit(name, 1_000_000 * ROUBLE)
    venue.admit(IDA, 1_000 * ROUBLE)
    venue.issue(note(), (ANN, 6), (BOB, 4))
    venue.trade(CYD, BOB, 1, 100_000, NOTE)
    venue.trade(ANN, BOB, 3, 80_000, BTCF)
    venue.tell(WithdrawCash(participant_id=IDA, asset_id=RUBD, amount=4_000 * ROUBLE))
    venue.wait_until(EXPIRY - 31 * MINUTE)
    (fixed,) = of_kind(venue.quote_until(EXPIRY, AT_9M + 10_000), NoteFixed)
    assert (fixed.due, fixed.funded) == (DUE, 700_000)
    venue.tell(DepositCash(participant_id=IDA, asset_id=RUBD, amount=100 * ROUBLE))
    venue.tell(FundRedemption(participant_id=IDA, instrument_id=NOTE, amount=8_750))
    return venue, venue.wait_until(fixed.until)


@BOTH_MODES
def test_everybody_gets_the_same_share_and_the_rest_is_on_record(regime: Regime) -> None:
    venue, events = a_maturity(regime)
    assert [(e.participant_id, e.quantity, e.paid, e.owed) for e in of_kind(events, NotesRedeemed)] == [
        (ANN, 6, 425_250, 182_250),
        (BOB, 3, 212_625, 91_125),
        (CYD, 1, 70_875, 30_375),
    ]
    (settled,) = of_kind(events, NoteSettled)
    assert (settled.quantity, settled.paid, settled.owed) == (10, DUE * 70 // 100, DUE * 30 // 100)
    assert [e.state for e in of_kind(events, NoteStateChanged)] == [
        NoteState.REDEEMING,
        NoteState.ISSUER_DEFAULT,
        NoteState.RECOVERY,
    ]
    ledger = venue.state.ledger
    owed = [ledger.posted(accounts.note_obligation(name, RUBD)) for name in (ANN, BOB, CYD, IDA)]
    assert owed == [182_250, 91_125, 30_375, -303_750]
    assert [venue.note_units(name) for name in (ANN, BOB, CYD)] == [0, 0, 0]
    assert ledger.posted(accounts.note_escrow(NOTE)) == 0


@BOTH_MODES
def test_nobody_else_is_touched_by_it(regime: Regime) -> None:
    venue, _ = a_maturity(regime)
    assert venue.state.series[BTCF].state is SeriesState.SETTLED
    assert sum(venue.locked(name) for name in (ANN, BOB, CYD)) == 0
    assert regime.clearing.mode is ClearingMode.RISK or venue.pool() == 0
    assert venue.state.ledger.posted(accounts.loss_layer(RUBD)) == 0
    assert venue.free_cash(ANN) == 1_000_000 * ROUBLE - 6_000 * ROUBLE + 3 * 100_010 + 425_250


@BOTH_MODES
def test_what_the_issuer_pays_later_is_shared_by_what_each_is_owed_until_nothing_is(regime: Regime) -> None:
    venue, _ = a_maturity(regime)
    venue.tell(DepositCash(participant_id=IDA, asset_id=RUBD, amount=2_900 * ROUBLE))
    paid = venue.tell(PayObligations(participant_id=IDA, instrument_id=NOTE, amount=100_001))
    assert [(e.participant_id, e.paid) for e in of_kind(paid, ObligationPaid)] == [
        (ANN, 60_001),  # 60,000.6: the largest remainder gets the kopeck that is left over
        (BOB, 30_000),
        (CYD, 10_000),
    ]
    (refused,) = venue.tell(PayObligations(participant_id=IDA, instrument_id=NOTE, amount=203_750))
    assert isinstance(refused, NoteRequestRejected) and refused.reason is NoteRefusal.MORE_THAN_DUE
    (poor,) = venue.tell(PayObligations(participant_id=IDA, instrument_id=NOTE, amount=203_749))
    assert isinstance(poor, NoteRequestRejected) and poor.reason is NoteRefusal.INSUFFICIENT_FUNDS
    venue.tell(DepositCash(participant_id=IDA, asset_id=RUBD, amount=1_000 * ROUBLE))
    events = venue.tell(PayObligations(participant_id=IDA, instrument_id=NOTE, amount=203_749))
    assert [e.owed for e in of_kind(events, ObligationPaid)] == [0, 0, 0]
    assert [e.state for e in of_kind(events, NoteStateChanged)] == [NoteState.REDEEMED]
    ledger = venue.state.ledger
    assert [ledger.posted(accounts.note_obligation(name, RUBD)) for name in (ANN, BOB, CYD, IDA)] == [
        0,
        0,
        0,
        0,
    ]
    assert venue.free_cash(CYD) == 1_000_000 * ROUBLE - 100_000 + 101_250  # the whole payout in the end
