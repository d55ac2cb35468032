"""The settlement coin is halted, and all that is owed in it is converted into bank roubles that the house holds."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exchange.commands import (
    AdoptRegime,
    FreezeParticipant,
    FreezeWallet,
    HaltCash,
    HouseLayer,
    ListInstrument,
    PublishConversionRate,
    ResumeCash,
    ResumeInstrument,
    RunSettlementCycle,
    SessionTerms,
    SettlementModel,
    UnfreezeParticipant,
    WipeWallet,
)
from exchange.events import (
    BucketSettled,
    CancelCause,
    CashHalt,
    CashHalted,
    CashResumed,
    ClaimConverted,
    ClaimsConverted,
    ClaimSettled,
    DirectiveRefused,
    Event,
    InstrumentRedenominated,
    LossAllocated,
    OrderCanceled,
    OrderRejected,
    PerpetualRolled,
    SeriesState,
    WithdrawalCompleted,
    WithdrawalReturned,
    audience,
)
from exchange.instruments import ContractKind, Instrument
from exchange.reasons import CashRefusal, RejectReason
from exchange.units import HOUR, MINUTE, InstrumentId, Money
from matching.terms import ParticipantId
from participants.desk import Desk
from tests.builders import (
    ANN,
    BOB,
    BTCF,
    BUY,
    CLOSES,
    CYD,
    EXPIRY,
    IDA,
    OPENS,
    PERP,
    ROUBLE,
    RUBD,
    SELL,
    a_patient_index,
    a_regime,
    a_risk_regime,
    cleared_at,
    coin_terms,
    future,
    note,
    of_kind,
    option,
    perpetual,
)
from tests.money import DRUB, RUB, MoneyVenue, rules_of, why
from tests.stories.outside import quote_steadily

DEPOSIT: Money = 1_000_000 * ROUBLE
KEYS = ("issuer", "central_bank")
PAR = 1_000_000
FALLBACK = rules_of(RUBD, fallback_asset=RUB)
FROZEN = HaltCash(asset_id=RUBD, grounds="its issuer has frozen us")


def a_venue(
    *instruments: Instrument, line: Money = 10 * DEPOSIT, rules=FALLBACK, regime=None, **more
) -> MoneyVenue:  # type: ignore[no-untyped-def]
    """Ann, Bob and Cyd have a million coins each; the house has roubles in which it could pay them."""
    venue = MoneyVenue(*instruments, regime=regime or a_regime(cash=rules), **more)
    for name in (ANN, BOB, CYD):
        venue.admit(name, DEPOSIT)
    if line:
        venue.fund(HouseLayer.LIQUIDITY, line)
    return venue


def convert(venue: MoneyVenue, rate_ppm: int = PAR) -> list[Event]:
    return venue.tell(PublishConversionRate(asset_id=RUBD, rate_ppm=rate_ppm))


def refused(events: list[Event]) -> str:
    (event,) = events
    assert isinstance(event, DirectiveRefused), event
    return event.explanation


# --- the halt -------------------------------------------------------------------------------------------


def test_a_halt_stops_what_pays_in_the_coin() -> None:
    venue = a_venue()
    order = venue.rest(ANN, BUY, 1, 80_000)
    venue.withdraw(BOB, 700, RUBD)
    events = venue.tell(FROZEN)
    halted = CashHalted(asset_id=RUBD, cause=CashHalt.DIRECTIVE, grounds="its issuer has frozen us")
    assert events[0] == halted
    (canceled,) = of_kind(events, OrderCanceled)
    assert (canceled.order_id, canceled.cause) == (order, CancelCause.CASH_HALTED)
    (returned,) = of_kind(events, WithdrawalReturned)
    assert (returned.amount, returned.reason) == (700, CashRefusal.CASH_HALTED)
    (rejected,) = venue.place(ANN, BUY, 1, 80_000)
    assert isinstance(rejected, OrderRejected) and rejected.reason is RejectReason.INSTRUMENT_HALTED
    assert why(venue.withdraw(ANN, 1, RUBD)) is CashRefusal.CASH_HALTED
    assert why(venue.deposit(ANN, 1, RUBD)) is CashRefusal.CASH_HALTED
    assert "halted" in refused(venue.tell(ResumeInstrument(instrument_id=BTCF)))
    assert "halted" in refused(venue.tell(ListInstrument(instrument=option(ContractKind.CALL, 80_000))))
    assert "not halted yet" in refused(venue.tell(FROZEN))


def test_a_halt_may_simply_end() -> None:
    venue = a_venue()
    venue.trade(ANN, BOB, 10, 80_000)
    venue.tell(FROZEN)
    events = venue.tell(ResumeCash(asset_id=RUBD))
    assert events[0] == CashResumed(asset_id=RUBD, cause=CashHalt.DIRECTIVE)
    assert venue.state.series[BTCF].state is SeriesState.TRADING
    venue.trade(ANN, BOB, 1, 80_000)
    assert venue.position(ANN) == 11
    assert "only" in refused(venue.tell(ResumeCash(asset_id=RUBD)))


def test_a_session_does_not_open_what_is_halted() -> None:
    """A series that is only listed waits for the end of the halt, in the middle of the session."""
    terms = (
        SessionTerms(opens=OPENS, closes=CLOSES),
        SessionTerms(opens=CLOSES + HOUR, closes=CLOSES + 9 * HOUR),
    )
    venue = a_venue(sessions=terms)
    venue.wait_until(CLOSES)
    fresh = future(instrument_id=InstrumentId("LATER"), expiry=CLOSES + 9 * HOUR)
    venue.tell(ListInstrument(instrument=fresh))
    venue.tell(FROZEN)
    venue.wait_until(CLOSES + 2 * HOUR)
    series = venue.state.series[fresh.instrument_id]
    assert series.state is SeriesState.LISTED
    venue.tell(ResumeCash(asset_id=RUBD))
    assert series.state is SeriesState.TRADING
    venue.trade(ANN, BOB, 1, 80_000, fresh.instrument_id)
    assert venue.position(ANN, fresh.instrument_id) == 1


@pytest.mark.parametrize(("by_rule", "halted"), [(True, True), (False, False)])
def test_a_frozen_wallet_halts_the_coin_if_the_regime_says_so(by_rule: bool, halted: bool) -> None:
    venue = a_venue(rules=rules_of(RUBD, fallback_asset=RUB, halt_on_freeze=by_rule))
    events = freeze_ours(venue)
    assert bool(of_kind(events, CashHalted)) is halted
    assert list(venue.state.holdings[RUBD].halts) == ([CashHalt.FROZEN] if halted else [])


def freeze_ours(venue: MoneyVenue) -> list[Event]:
    wallet = venue.state.holdings[RUBD].custody.wallets[0]
    return venue.tell(FreezeWallet(asset_id=RUBD, wallet_id=wallet, order_ref="letter", signatures=KEYS))


# --- at par ---------------------------------------------------------------------------------------------


def test_at_par_positions_go_over_and_settle_in_roubles() -> None:
    """The pool is what it was, in the other money, and the future ends as if nothing had happened."""
    venue = a_venue()
    venue.trade(ANN, BOB, 10, 80_000)
    pool = venue.pool()
    venue.tell(FROZEN)
    events = convert(venue)
    after = future(cash=RUB)
    assert of_kind(events, InstrumentRedenominated) == [InstrumentRedenominated(instrument=after, kept=True)]
    assert of_kind(events, ClaimsConverted) == [
        ClaimsConverted(
            asset_id=RUBD, fallback_asset_id=RUB, rate_ppm=PAR, amount=3 * DEPOSIT, converted=3 * DEPOSIT,
            residue=0,
        )
    ]  # fmt: skip
    assert venue.pool(after) == pool == 10 * 160_000 * 10
    assert (venue.position(ANN), venue.position(BOB)) == (10, -10)
    assert (venue.house("ndl", RUBD), venue.house("liquidity", RUB)) == (3 * DEPOSIT, 7 * DEPOSIT)
    assert venue.cash(ANN, RUBD) == 0 and venue.cash(CYD, RUB) == DEPOSIT
    venue.trade(CYD, BOB, 1, 80_000)
    events = quote_steadily(venue, EXPIRY + MINUTE, 820_000_000)
    assert {e.participant_id: e.gain for e in of_kind(events, ClaimSettled)} == {
        ANN: 2_000 * ROUBLE, BOB: -2_200 * ROUBLE, CYD: 200 * ROUBLE,
    }  # fmt: skip
    venue.withdraw(ANN, DEPOSIT + 2_000 * ROUBLE, RUB)
    assert of_kind(venue.wait_until(venue.now + MINUTE), WithdrawalCompleted)


def test_options_spot_and_a_perpetual_come_along() -> None:
    call = option(ContractKind.CALL, 90_000)
    venue = a_venue(future(), call, perpetual())
    venue.quote(800_000_000)
    venue.trade(ANN, BOB, 5, 500, call.instrument_id)
    venue.trade(ANN, BOB, 2, 80_000)
    venue.trade(CYD, BOB, 3, 80_000, PERP)
    locked = [venue.locked(name) for name in (ANN, BOB, CYD)]
    venue.tell(FROZEN)
    events = convert(venue)
    assert [e.instrument.cash for e in of_kind(events, InstrumentRedenominated)] == [RUB] * 3
    assert [venue.locked(name) for name in (ANN, BOB, CYD)] == locked
    events = quote_steadily(venue, OPENS + 8 * HOUR + MINUTE, 820_000_000)
    (rolled,) = of_kind(events, PerpetualRolled)
    assert rolled.instrument.cash == RUB and rolled.open_interest == 3
    assert len(of_kind(events, BucketSettled)) == 2


def test_after_the_conversion_the_roubles_are_the_settlement_asset() -> None:
    venue = a_venue()
    venue.tell(FROZEN)
    convert(venue)
    assert "RUB already" in refused(venue.tell(AdoptRegime(regime=a_regime())))
    venue.admit(dan := type(ANN)("dan"), 0)
    venue.bring_cash(dan, DEPOSIT)
    venue.trade(dan, ANN, 1, 80_000)
    assert venue.position(dan) == 1
    assert why(venue.deposit(ANN, 1, RUBD)) is CashRefusal.CASH_HALTED
    assert "no other asset" in refused(convert(venue))


def test_what_is_wiped_later_is_the_houses_loss_alone() -> None:
    venue = a_venue(coin=coin_terms(wipe_allowed=True))
    freeze_ours(venue)
    venue.tell(FROZEN)
    convert(venue)
    wallet = venue.state.holdings[RUBD].custody.wallets[0]
    events = venue.tell(WipeWallet(asset_id=RUBD, wallet_id=wallet, order_ref="letter", signatures=KEYS))
    assert of_kind(events, LossAllocated) == [
        LossAllocated(asset_id=RUBD, loss=3 * DEPOSIT, house=3 * DEPOSIT, holders=0, grounds="letter")
    ]
    assert [venue.cash(name) for name in (ANN, BOB, CYD)] == [DEPOSIT] * 3


def test_a_legal_order_goes_along() -> None:
    venue = a_venue()
    venue.tell(FreezeParticipant(participant_id=ANN, order_ref="court"))
    venue.tell(FROZEN)
    events = convert(venue)
    assert ANN in {event.participant_id for event in of_kind(events, ClaimConverted)}
    assert venue.cash(ANN) == DEPOSIT
    assert [venue.state.ledger.is_frozen_out(f"cash:ann:{asset_id}") for asset_id in (RUBD, RUB)] == [
        True,
        True,
    ]
    assert why(venue.withdraw(ANN, 1)) is CashRefusal.PARTICIPANT_FROZEN
    venue.tell(UnfreezeParticipant(participant_id=ANN, order_ref="court"))
    venue.withdraw(ANN, DEPOSIT)
    assert of_kind(venue.wait_until(venue.now + MINUTE), WithdrawalCompleted)


# --- at another rate ------------------------------------------------------------------------------------


def test_at_another_rate_positions_are_settled_at_their_mark_first() -> None:
    """The mark is at 8.1m: Ann gains 1,000.00 of Bob's coins, and everybody gets 93.3333% in roubles, rounded down."""
    venue = a_venue(index=a_patient_index())
    venue.quote(800_000_000)
    venue.trade(ANN, BOB, 10, 80_000)
    venue.quote(810_000_000)
    venue.wait_until(OPENS + 10 * MINUTE)
    mark = venue.state.series[BTCF].mark
    venue.bring_cash(CYD, 1, RUBD)
    venue.tell(FROZEN)
    gain = (mark - 80_000) * 10 * 10
    assert gain > 0
    events = convert(venue, 933_333)
    assert {e.participant_id: e.gain for e in of_kind(events, ClaimSettled)} == {ANN: gain, BOB: -gain}
    claims = {ANN: DEPOSIT + gain, BOB: DEPOSIT - gain, CYD: DEPOSIT + 1}
    received = {e.participant_id: (e.amount, e.received) for e in of_kind(events, ClaimConverted)}
    assert received == {who: (claim, claim * 933_333 // PAR) for who, claim in claims.items()}
    (told,) = of_kind(events, ClaimsConverted)
    total = sum(claims.values())
    assert (told.amount, told.converted) == (total, total * 933_333 // PAR)
    assert told.residue == told.converted - sum(part for _, part in received.values())
    assert venue.house("rounding", RUB) == told.residue
    assert [e.kept for e in of_kind(events, InstrumentRedenominated)] == [False]
    assert venue.position(ANN) == 0 and venue.pool(future(cash=RUB)) == 0
    venue.trade(ANN, BOB, 1, 81_000)
    assert venue.position(ANN) == 1


@given(
    trades=st.lists(
        st.tuples(st.permutations((ANN, BOB, CYD)), st.integers(1, 9), st.integers(79_000, 81_000)),
        max_size=5,
    ),
    rate_ppm=st.one_of(st.just(PAR), st.integers(1, 2 * PAR)),
    index=st.integers(79_000, 81_000),
)
@example(  # a gain that was certain has been paid out, and the pool is empty
    trades=[([ANN, BOB, CYD], 1, 79_000), ([BOB, ANN, CYD], 1, 79_001)], rate_ppm=PAR, index=79_000
)
@settings(max_examples=25, deadline=None)
def test_nothing_is_lost_or_made_at_any_rate(
    trades: list[tuple[list[ParticipantId], int, int]], rate_ppm: int, index: int
) -> None:
    """All that was owed at the rate is what people and pools have now and what the roundings left; each has no
    more than its claim is worth, and less by under a kopeck."""
    venue = a_venue(future(), option(ContractKind.CALL, 80_500))
    venue.quote(index * 10_000)
    for (buyer, seller, _), lots, price in trades:
        venue.trade(buyer, seller, lots, price)
    venue.wait_until(OPENS + MINUTE)
    venue.tell(FROZEN)
    events = convert(venue, rate_ppm)
    (told,) = of_kind(events, ClaimsConverted)
    assert (told.amount, told.converted) == (3 * DEPOSIT, 3 * DEPOSIT * rate_ppm // PAR)
    owned = sum(venue.cash(who) + venue.locked(who) for who in (ANN, BOB, CYD))
    assert owned + told.residue == told.converted
    assert venue.house("liquidity", RUB) == 10 * DEPOSIT - told.converted
    for one in of_kind(events, ClaimConverted):
        assert 0 <= one.amount * rate_ppm - one.received * PAR < PAR
        assert venue.cash(one.participant_id) + venue.locked(one.participant_id) == one.received


@pytest.mark.parametrize("rate_ppm", [PAR, 900_000])
def test_a_desk_that_hears_of_it_knows_its_cash_and_position(rate_ppm: int) -> None:
    venue = a_venue()
    desk = Desk(ANN, (future(),), {RUBD: DEPOSIT})

    def hear(events: list[Event]) -> None:
        desk.hear([e for e in events if audience(e) == ANN or isinstance(e, InstrumentRedenominated)])

    hear(venue.place(ANN, BUY, 10, 80_000))
    hear(venue.place(BOB, SELL, 10, 80_000))
    hear(venue.tell(FROZEN))
    hear(convert(venue, rate_ppm))
    assert desk.holdings[BTCF].position == venue.position(ANN) == (10 if rate_ppm == PAR else 0)
    assert desk.holdings[BTCF].instrument.cash == RUB
    assert (desk.free_cash(RUBD), desk.free_cash(RUB)) == (0, venue.cash(ANN))


# --- refusals -------------------------------------------------------------------------------------------


def test_what_is_not_converted() -> None:
    venue = a_venue(line=3 * DEPOSIT - 1)
    assert "halt it first" in refused(convert(venue))
    venue.tell(FROZEN)
    assert "positive" in refused(convert(venue, 0))
    assert f"it takes {3 * DEPOSIT} of RUB; the house has {3 * DEPOSIT - 1}" in refused(convert(venue))
    venue.tell(RunSettlementCycle(model=SettlementModel.DVP_1, lasts=HOUR))
    assert "cycle" in refused(convert(venue, PAR - 1))
    venue.wait_until(OPENS + HOUR)
    venue.tell(HaltCash(asset_id=RUB, grounds="too"))
    assert "halted too" in refused(convert(venue))
    venue.tell(ResumeCash(asset_id=RUB))
    assert [venue.cash(name, RUBD) for name in (ANN, BOB, CYD)] == [DEPOSIT] * 3
    assert of_kind(convert(venue, PAR - 1), ClaimsConverted)


def test_not_while_a_future_is_being_settled() -> None:
    venue = a_venue(index=a_patient_index(fixing_objection=HOUR // 2))
    venue.trade(ANN, BOB, 1, 80_000)
    quote_steadily(venue, EXPIRY, 800_000_000)
    venue.tell(FROZEN)
    assert "being settled" in refused(convert(venue))
    quote_steadily(venue, EXPIRY + HOUR, 800_000_000)
    assert of_kind(convert(venue), ClaimsConverted)


def test_not_while_a_note_promises_it() -> None:
    venue = a_venue()
    venue.admit(IDA, DEPOSIT)
    venue.issue(note(expiry=OPENS + 6 * HOUR), (ANN, 5))
    venue.tell(FROZEN)
    assert "only its issuer" in refused(convert(venue))


def test_without_a_fallback_there_is_nothing_to_convert_into() -> None:
    venue = a_venue(rules=rules_of(RUBD))
    venue.tell(FROZEN)
    assert "no other asset" in refused(convert(venue))


@pytest.mark.parametrize(("fallback", "word"), [(RUBD, "another"), ("RUBZ", "no cash asset RUBZ")])
def test_a_regime_with_no_fallback_at_all(fallback: str, word: str) -> None:
    venue = a_venue()
    regime = a_regime(cash=rules_of(RUBD, fallback_asset=fallback))
    assert word in refused(venue.tell(AdoptRegime(regime=regime)))


def test_cash_that_settles_nothing_is_converted_by_itself() -> None:
    venue = a_venue()
    venue.bring_cash(ANN, 77, DRUB)
    venue.trade(ANN, BOB, 1, 80_000)
    venue.tell(HaltCash(asset_id=DRUB, grounds="a limit"))
    events = venue.tell(PublishConversionRate(asset_id=DRUB, rate_ppm=900_000))
    assert of_kind(events, InstrumentRedenominated) == []
    assert (venue.cash(ANN, DRUB), venue.cash(ANN, RUB), venue.position(ANN)) == (0, 69, 1)


# --- under margin ---------------------------------------------------------------------------------------


def a_margined_venue(line: Money = 10 * DEPOSIT) -> MoneyVenue:
    clearing = a_risk_regime(variation=cleared_at(2 * HOUR)).clearing
    venue = a_venue(
        future(expiry=OPENS + 30 * HOUR),
        regime=a_regime(clearing=clearing, cash=FALLBACK),
        index=a_patient_index(),
        line=line,
    )
    venue.quote(800_000_000)
    venue.trade(ANN, BOB, 10, 80_000)
    return venue


def test_margined_positions_go_over_at_par_with_their_collateral() -> None:
    venue = a_margined_venue()
    venue.quote(805_000_000)
    venue.wait_until(OPENS + MINUTE)
    collateral = {name: venue.state.ledger.posted(venue.standing(name).collateral) for name in (ANN, BOB)}
    equity = {name: venue.standing(name).equity for name in (ANN, BOB)}
    assert min(collateral.values()) > 0
    venue.tell(FROZEN)
    convert(venue)
    assert venue.standing(ANN).collateral == "marg:ann:RUB"
    for name in (ANN, BOB):
        assert venue.state.ledger.posted(venue.standing(name).collateral) == collateral[name]
        assert venue.standing(name).equity == equity[name]
    venue.quote(810_000_000)
    venue.wait_until(OPENS + 2 * HOUR)
    venue.trade(CYD, ANN, 4, 81_000)
    assert (venue.position(ANN), venue.position(CYD)) == (6, 4)
    assert venue.cash(ANN) + venue.state.ledger.posted(venue.standing(ANN).collateral) > DEPOSIT


def test_and_at_no_other_rate() -> None:
    venue = a_margined_venue()
    venue.tell(FROZEN)
    assert "at par only" in refused(convert(venue, PAR - 1))
    venue.tell(ResumeCash(asset_id=RUBD))
    venue.trade(BOB, ANN, 10, 80_000)
    venue.tell(FROZEN)
    assert of_kind(convert(venue, PAR - 1), ClaimsConverted)
