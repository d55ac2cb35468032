"""What the shipped days show beside trading: a lost connection, notes, payments, deliveries, deposits on a chain."""

from pathlib import Path

import pytest

from exchange.clearing import accounts
from exchange.events import (
    CancelCause,
    CashDeposited,
    ChainReorganised,
    ClaimSettled,
    CryptoDepositVoided,
    DefaultDeclared,
    DefaultReason,
    Event,
    IndexPublished,
    InstructionFailed,
    InstructionRecycled,
    InstructionSettled,
    LatePenaltyBooked,
    LayerUsed,
    LossShared,
    MarginCalled,
    MemberChosen,
    NoteSettled,
    NotesRedeemed,
    NoteState,
    NoteStateChanged,
    OrderAccepted,
    OrderCanceled,
    SettlementCycleCompleted,
    UnitsLossShared,
    UnitsLost,
)
from exchange.units import HOUR, MINUTE, SECOND, AssetId
from matching.terms import ParticipantId
from scenarios.config.regime_file import with_clearing
from scenarios.config.scenario_file import load_world, scenario_path
from scenarios.measures import measure_run
from tests.scenarios.small_worlds import MIDNIGHT, live
from tests.scenarios.test_margin_scenarios import CLEARINGS, OPEN, SEED, Lived, lived

BTC, RUBD = AssetId("BTC"), AssetId("RUBD")
ISSUER = ParticipantId("bank_of_notes")
BUYERS = ("first_buyer", "second_buyer")

# --- a connection is lost -------------------------------------------------------------------------------


def at(day: Lived, hour: int, minute: int, second: int = 0) -> list[Event]:
    """What happened in that second of the day."""
    begins = MIDNIGHT + hour * HOUR + minute * MINUTE + second * SECOND
    return [entry.event for entry in day.kept.told if begins <= entry.time < begins + SECOND]


@pytest.mark.parametrize("clearing", CLEARINGS)
@pytest.mark.parametrize(("maker", "minute"), [("maker_alpha", 30), ("maker_beta", 35)])
def test_whoever_loses_its_connection_has_no_orders_any_more_until_it_is_back(
    clearing: str, maker: str, minute: int
) -> None:
    """F20: for five seconds, or five minutes. Its position stays, and it trades again."""
    day = lived("member_disconnects", clearing, None)
    canceled = [e for e in at(day, 10, minute) if isinstance(e, OrderCanceled) and e.participant_id == maker]
    assert canceled and {event.cause for event in canceled} == {CancelCause.REQUESTED}
    lost = MIDNIGHT + 10 * HOUR + minute * MINUTE
    back = lost + (5 * SECOND if maker == "maker_alpha" else 5 * MINUTE)
    quoted = [
        entry.time
        for entry in day.kept.told
        if isinstance(entry.event, OrderAccepted) and entry.event.participant_id == maker
    ]
    assert not [time for time in quoted if lost <= time < back]
    assert [time for time in quoted if time > back]
    assert maker not in {event.defaulter for event in day.events(DefaultDeclared)}


def test_under_margin_a_lost_member_misses_its_call_and_its_clients_go_elsewhere() -> None:
    """F20: grace, technical default, porting; nobody loses anything."""
    day = lived("member_disconnects", "risk", None)
    (called,) = [event for event in day.events(MarginCalled) if event.participant_id == "member_one"]
    (declared,) = [
        entry
        for entry in day.kept.told
        if isinstance(entry.event, DefaultDeclared) and entry.event.defaulter == "member_one"
    ]
    assert isinstance(declared.event, DefaultDeclared)
    assert (declared.event.reason, declared.time) == (DefaultReason.CALL_MISSED, called.deadline)
    chosen = day.events(MemberChosen)
    clients = [event.participant_id for event in chosen if event.member_id == "member_one"]
    later = {event.participant_id: event.member_id for event in chosen if event.member_id != "member_one"}
    assert list(later) == clients and len(clients) == 24
    assert set(later.values()) == {"member_two", None}
    assert measure_run(day.view)["default_losses"] == 0.0


def test_under_full_cover_a_lost_member_is_safe() -> None:
    """F20: there is nothing to call for, and its position is settled like any other."""
    day = lived("member_disconnects", "full", None)
    assert not day.events(DefaultDeclared)
    assert {event.member_id for event in day.events(MemberChosen)} == {"member_one"}
    (settled,) = [event for event in day.events(ClaimSettled) if event.participant_id == "member_one"]
    assert settled.gain < 0


@pytest.mark.parametrize("ends", [None, "11:20:00"])
def test_a_member_that_hears_its_call_in_time_pays_it(tmp_path: Path, ends: str | None) -> None:
    """Never lost, or back within the grace: the call is met from its reserve."""
    text = scenario_path("member_disconnects").read_text(encoding="utf-8")
    lost = (
        '[[disconnections]] # for good: it hears of no call\nparticipant = "member_one"\nstarts = 10:45:00\n'
    )
    assert text.endswith(lost)
    path = tmp_path / "back_in_time.toml"
    path.write_text(text.removesuffix(lost) if ends is None else f"{text}ends = {ends}\n", encoding="utf-8")
    kept = live(load_world(str(path), 40), with_clearing(OPEN, "risk"), SEED)
    assert [event.participant_id for event in kept.events(MarginCalled)] == ["member_one"]
    brought = [event.amount for event in kept.events(CashDeposited) if event.participant_id == "member_one"]
    assert brought == [235_000_000, 100_000_000]
    assert not kept.events(DefaultDeclared)


# --- notes, payments, deliveries and deposits -----------------------------------------------------------


@pytest.mark.parametrize("clearing", CLEARINGS)
def test_every_holder_of_the_note_gets_seven_tenths_and_the_rest_is_on_record(clearing: str) -> None:
    """F24: pro rata, the rest as an obligation."""
    day = lived("notes_fall_short", clearing)
    (settled,) = day.events(NoteSettled)
    due = 1_000_00 * settled.quantity
    assert settled.quantity > 0 and settled.paid + settled.owed == due
    assert 0 <= settled.paid - due * 7 // 10 <= 1  # a kopeck is all that the issuer brought itself
    redeemed = day.events(NotesRedeemed)
    assert len(redeemed) > 10
    for event in redeemed:
        assert event.paid + event.owed == 1_000_00 * event.quantity
        assert abs(event.paid - 700_00 * event.quantity) <= 1
    states = [event.state for event in day.events(NoteStateChanged)]
    assert states[-2:] == [NoteState.ISSUER_DEFAULT, NoteState.RECOVERY]
    owed = sum(day.state.ledger.posted(accounts.note_obligation(e.participant_id, RUBD)) for e in redeemed)
    assert owed == settled.owed == -day.state.ledger.posted(accounts.note_obligation(ISSUER, RUBD))


@pytest.mark.parametrize("clearing", CLEARINGS)
def test_what_nobody_can_begin_one_by_one_is_settled_net(clearing: str) -> None:
    """F25: a net cycle settles all; 305 roubles change hands, and five have to be there."""
    day = lived("payments_in_a_ring", clearing)
    one_by_one, net = day.events(SettlementCycleCompleted)
    assert (one_by_one.settled, one_by_one.recycled) == (0, 3)
    assert (net.settled, net.recycled) == (3, 0)
    (figures,) = net.assets
    assert (figures.gross, figures.multilateral) == (30_500, 500)
    banks = ("bank_one", "bank_two", "bank_three")
    assert [day.state.ledger.posted(accounts.cash(ParticipantId(bank), RUBD)) for bank in banks] == [
        1_000,
        500,
        1_500,
    ]


@pytest.mark.parametrize("clearing", CLEARINGS)
def test_the_later_buyer_gets_a_penalty_and_in_the_end_what_the_units_cost_more(clearing: str) -> None:
    """F26: pulled, recycled, penalised, and ended in cash; the earlier deal settles."""
    day = lived("seller_fails_to_deliver", clearing)
    assert [event.instruction_id for event in day.events(InstructionSettled)] == [1, 1]
    late = day.events(InstructionRecycled)
    assert [(e.instruction_id, e.recycles, e.failing_id) for e in late[::2]] == [
        (2, 1, "seller"),
        (2, 2, "seller"),
    ]
    assert [(e.participant_id, e.amount) for e in day.events(LatePenaltyBooked)] == [
        ("seller", -8_000_00),
        ("second_buyer", 8_000_00),
    ]
    (failed, _) = day.events(InstructionFailed)
    assert failed.failing_id == "seller" and failed.unpaid == 0
    third = MIDNIGHT + 11 * HOUR + 20 * MINUTE
    index = [e.event.value for e in day.kept.told if isinstance(e.event, IndexPublished) and e.time <= third]
    assert failed.compensation == index[-1] - 8_000_000_00 > 0
    assert [day.state.settlement.free(ParticipantId(buyer), BTC) for buyer in BUYERS] == [10**8, 0]


@pytest.mark.parametrize("clearing", CLEARINGS)
def test_a_deposit_that_vanishes_is_void_before_its_confirmations_and_a_shared_loss_after(
    clearing: str,
) -> None:
    """F28: and nobody's cash or position is touched."""
    day = lived("deposit_reorganised", clearing)
    early, late = day.events(ChainReorganised)
    assert (early.credited, late.credited) == (False, True)
    (void,) = day.events(CryptoDepositVoided)
    assert (void.participant_id, void.transaction) == ("miner", "first block reward")
    (lost,) = day.events(UnitsLost)
    shared = {event.participant_id: event.amount for event in day.events(UnitsLossShared)}
    assert lost.loss == 2 * 10**8 == sum(shared.values()) and lost.house == 0
    assert shared["miner"] < 2 * 10**8 and len(shared) > 10
    for kind in (DefaultDeclared, LayerUsed, LossShared):
        assert day.events(kind) == [], kind  # type: ignore[type-var]
