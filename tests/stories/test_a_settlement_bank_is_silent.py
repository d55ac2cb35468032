"""F19: the settlement bank falls silent three hours before money is due. Late is not lost, and not a default."""

from exchange.cash.hours import BankingHours
from exchange.clearing.scenario_margin import ScenarioTerms
from exchange.commands import (
    DefaultReason,
    EndOutage,
    FreezeWallet,
    HouseLayer,
    ReportOutage,
    UnfreezeWallet,
)
from exchange.events import (
    CashDeposited,
    ClaimSettled,
    DefaultDeclared,
    Event,
    MarginCalled,
    MarginCallExtended,
    OutageBegan,
    OutageEnded,
    VariationCleared,
    VariationLate,
    WithdrawalCompleted,
    WithdrawalDelayed,
    WithdrawalRequested,
    WithdrawalReturned,
)
from exchange.instruments import ContractKind
from exchange.messages import changed
from exchange.reasons import CashRefusal
from exchange.units import DAY, HOUR, MINUTE, SECOND, Money, Time
from tests.builders import (
    ANN,
    BOB,
    CYD,
    EXPIRY,
    OPENS,
    ROUBLE,
    RUBD,
    a_patient_index,
    a_regime,
    a_risk_regime,
    cleared_at,
    future,
    of_kind,
    option,
)
from tests.money import (
    ACCOUNT,
    DRUB,
    EVERY_DAY,
    RUB,
    MoneyVenue,
    bank_terms,
    platform_terms,
    rules_of,
    wallet_of,
    why,
)
from tests.stories.outside import quote_steadily

DEPOSIT = 100_000 * ROUBLE
LATER = OPENS + 48 * HOUR


def silent(venue: MoneyVenue) -> None:
    assert OutageBegan(asset_id=RUB) in venue.tell(ReportOutage(asset_id=RUB))


def speaks(venue: MoneyVenue) -> list[Event]:
    events = venue.tell(EndOutage(asset_id=RUB))
    assert events[0] == OutageEnded(asset_id=RUB)
    return events


def a_covered_venue(**bank: object) -> MoneyVenue:
    """Full cover in bank roubles; Ann and Bob also have coins and digital roubles."""
    venue = MoneyVenue(future(cash=RUB), regime=a_regime(cash=rules_of(RUB)), bank=bank_terms(**bank))
    for name in (ANN, BOB):
        venue.admit(name, 0)
        for asset_id in (RUB, RUBD, DRUB):
            venue.bring_cash(name, DEPOSIT, asset_id)
    return venue


def test_trading_and_settlement_go_on_and_the_rouble_leg_is_late() -> None:
    venue = a_covered_venue()
    venue.trade(ANN, BOB, 10, 80_000)
    quote_steadily(venue, EXPIRY - 3 * HOUR, 820_000_000)
    silent(venue)
    events = quote_steadily(venue, EXPIRY + MINUTE, 820_000_000)
    assert {e.participant_id: e.gain for e in of_kind(events, ClaimSettled)} == {
        ANN: 2_000 * ROUBLE,
        BOB: -2_000 * ROUBLE,
    }
    assert why(venue.withdraw(ANN, 700)) is CashRefusal.OUTAGE
    assert why(venue.deposit(ANN, 1)) is CashRefusal.OUTAGE
    speaks(venue)
    venue.withdraw(ANN, 700)
    assert of_kind(venue.wait_until(venue.now + MINUTE), WithdrawalCompleted)
    assert venue.cash(ANN) == DEPOSIT + 2_000 * ROUBLE - 700


def test_tokens_do_not_notice() -> None:
    venue = a_covered_venue()
    silent(venue)
    for asset_id in (RUBD, DRUB):
        venue.withdraw(ANN, 700, asset_id)
        assert of_kind(venue.wait_until(venue.now + 2 * SECOND), WithdrawalCompleted)
        (deposited,) = venue.deposit(ANN, 700, asset_id)
        assert isinstance(deposited, CashDeposited)


def test_a_payment_under_way_waits_for_the_bank() -> None:
    venue = a_covered_venue()
    venue.withdraw(ANN, 700)
    venue.wait_until(OPENS + SECOND)
    silent(venue)
    (delayed,) = of_kind(venue.wait_until(OPENS + HOUR), WithdrawalDelayed)
    assert (delayed.amount, delayed.reason) == (700, CashRefusal.OUTAGE)
    assert (venue.cash(ANN), venue.outside(ANN)) == (DEPOSIT - 700, 0)
    speaks(venue)
    (completed,) = of_kind(venue.wait_until(venue.now), WithdrawalCompleted)
    assert (completed.participant_id, venue.outside(ANN)) == (ANN, 700)
    assert of_kind(venue.wait_until(venue.now + HOUR), WithdrawalCompleted) == [], "once"


def test_one_that_does_not_queue_comes_back() -> None:
    venue = a_covered_venue(queues=False)
    venue.withdraw(ANN, 700)
    silent(venue)
    (returned,) = of_kind(venue.wait_until(OPENS + HOUR), WithdrawalReturned)
    assert (returned.reason, venue.cash(ANN)) == (CashRefusal.OUTAGE, DEPOSIT)


def test_a_payment_that_meets_the_night_goes_in_the_morning() -> None:
    """The venue opens at 16:00 UTC, and the bank closes ten minutes later, until six in the morning."""
    assert OPENS % DAY == 16 * HOUR
    hours = BankingHours(opens=6 * HOUR, closes=16 * HOUR + 10 * MINUTE, weekdays=EVERY_DAY)
    venue = a_covered_venue(hours=hours, finality=20 * MINUTE)
    venue.withdraw(ANN, 700)
    events = venue.wait_until(OPENS + 14 * HOUR)
    assert [e.reason for e in of_kind(events, WithdrawalDelayed)] == [CashRefusal.CLOSED]
    assert of_kind(events, WithdrawalCompleted) and venue.outside(ANN) == 700
    venue.wait_until(OPENS + 15 * HOUR)
    assert why(venue.deposit(ANN, 0)) is CashRefusal.AMOUNT_NOT_POSITIVE
    venue.wait_until(OPENS + 24 * HOUR + 10 * MINUTE)
    assert why(venue.deposit(ANN, 1)) is CashRefusal.CLOSED
    assert why(venue.withdraw(ANN, 1)) is CashRefusal.CLOSED


# --- margin ---------------------------------------------------------------------------------------------

FALLEN = 700_000_000  # 7.0m, from 8.0m: ten lots lose 10,000.00
PAYS = OPENS + 4 * HOUR
AGAIN = OPENS + 7 * HOUR
BROUGHT = 3_600 * ROUBLE
LINE = 10**8
AT_ITS_BANK = 10**7


def a_margined_venue(**bank: object) -> MoneyVenue:
    """Cyd holds ten futures and ten puts, from Bob: what the futures lose the puts gain, but nobody is paid with a
    put. It has brought 3,600.00 and has more at its bank; the house has a line."""
    put = option(ContractKind.PUT, 80_000, reference=600, cash=RUB)
    clearing = a_risk_regime(
        variation=cleared_at(4 * HOUR, 7 * HOUR), scenarios=ScenarioTerms(extreme_moves_bp=())
    ).clearing
    regime = a_regime(clearing=clearing, cash=rules_of(RUB))
    terms = (future(cash=RUB, expiry=LATER), changed(put, expiry=LATER))
    venue = MoneyVenue(*terms, regime=regime, index=a_patient_index(), bank=bank_terms(**bank))
    for name, cash in ((BOB, 10**9), (CYD, BROUGHT)):
        venue.admit(name, 0)
        venue.bring_cash(name, cash)
    venue.credit(wallet_of(CYD), AT_ITS_BANK)
    venue.fund(HouseLayer.LIQUIDITY, LINE)
    venue.quote(800_000_000)
    venue.wait_until(OPENS + MINUTE)
    venue.trade(CYD, BOB, 10, 600, put.instrument_id)
    venue.trade(CYD, BOB, 10, 80_000)
    return venue


def fall_and_clear(venue: MoneyVenue) -> tuple[Money, list[Event]]:
    """What Cyd is late with, of the 10,000.00 that it owes, and what happened at the pay time."""
    venue.wait_until(PAYS - MINUTE)
    venue.quote(FALLEN)
    events = venue.wait_until(PAYS)
    (late,) = of_kind(events, VariationLate)
    (called,) = of_kind(events, MarginCalled)
    assert (late.participant_id, called.deadline) == (CYD, PAYS + HOUR)
    return late.amount, events


def watch(venue: MoneyVenue, time: Time) -> list[Event]:
    """Wait, with fresh quotes twice an hour."""
    events: list[Event] = []
    while venue.now < time:
        events += venue.quote(FALLEN) + venue.wait_until(min(venue.now + 30 * MINUTE, time))
    return events


def test_late_within_the_outage_is_no_default_and_the_liquidity_line_pays() -> None:
    venue = a_margined_venue()
    venue.wait_until(PAYS - 3 * HOUR)
    silent(venue)
    late, events = fall_and_clear(venue)
    assert why(venue.deposit(CYD, late)) is CashRefusal.OUTAGE
    (cleared,) = of_kind(events, VariationCleared)
    assert 0 < late == cleared.late == cleared.liquidity
    assert cleared.distributed == 10_000 * ROUBLE, "Bob has all of it in time"
    assert venue.house("liquidity", RUB) == LINE - late
    events = watch(venue, PAYS + 2 * HOUR)
    assert of_kind(events, DefaultDeclared) == [], "an hour after the deadline"
    assert MarginCallExtended(participant_id=CYD, deadline=PAYS + 3 * HOUR) in speaks(venue)
    venue.deposit(CYD, late)
    events = watch(venue, AGAIN + HOUR)
    (cleared,) = of_kind(events, VariationCleared)
    assert (cleared.collected, cleared.liquidity, cleared.late) == (late, -late, 0)
    assert of_kind(events, DefaultDeclared) == []
    assert venue.house("liquidity", RUB) == LINE


def test_nor_is_it_one_while_no_account_of_the_venue_may_receive() -> None:
    venue = a_margined_venue()
    late, _ = fall_and_clear(venue)
    order = {"asset_id": RUB, "wallet_id": ACCOUNT, "order_ref": "case", "signatures": ("court",)}
    venue.tell(FreezeWallet(**order))
    assert why(venue.deposit(CYD, late)) is CashRefusal.WALLET_FROZEN
    assert of_kind(watch(venue, PAYS + 2 * HOUR), DefaultDeclared) == []
    events = venue.tell(UnfreezeWallet(**order))
    assert MarginCallExtended(participant_id=CYD, deadline=PAYS + 3 * HOUR) in events
    (declared,) = of_kind(watch(venue, PAYS + 3 * HOUR + 1), DefaultDeclared)
    assert declared.reason is DefaultReason.CALL_MISSED


def test_who_does_not_pay_after_the_outage_defaults_then() -> None:
    venue = a_margined_venue()
    venue.wait_until(PAYS - 3 * HOUR)
    silent(venue)
    fall_and_clear(venue)
    assert of_kind(watch(venue, PAYS + 2 * HOUR), DefaultDeclared) == []
    speaks(venue)
    assert of_kind(watch(venue, PAYS + 3 * HOUR - 1), DefaultDeclared) == []
    (declared,) = of_kind(venue.wait_until(PAYS + 3 * HOUR + 1), DefaultDeclared)
    assert (declared.defaulter, declared.reason) == (CYD, DefaultReason.CALL_MISSED)


def test_a_call_at_night_waits_for_the_bank_to_open() -> None:
    """The bank closes half an hour after the pay time; the call ends an hour after it opens again."""
    evening = PAYS % DAY + 30 * MINUTE
    venue = a_margined_venue(hours=BankingHours(opens=6 * HOUR, closes=evening, weekdays=EVERY_DAY))
    fall_and_clear(venue)
    events = watch(venue, PAYS + HOUR)
    assert of_kind(events, DefaultDeclared) == []
    morning = PAYS - PAYS % DAY + DAY + 6 * HOUR
    assert of_kind(events, MarginCallExtended) == [
        MarginCallExtended(participant_id=CYD, deadline=morning + HOUR)
    ]


def test_nothing_of_it_reaches_the_platform() -> None:
    """The digital rouble has outages of its own."""
    venue = MoneyVenue(platform=platform_terms())
    venue.admit(ANN, 0)
    venue.bring_cash(ANN, 100, DRUB)
    venue.tell(ReportOutage(asset_id=DRUB))
    assert why(venue.withdraw(ANN, 1, DRUB)) is CashRefusal.OUTAGE
    assert why(venue.tell(ReportOutage(asset_id=DRUB))) is CashRefusal.OUTAGE
    assert why(venue.tell(ReportOutage(asset_id=RUBD))) is CashRefusal.NOT_MONEY
    assert why(venue.tell(EndOutage(asset_id=RUB))) is CashRefusal.NO_OUTAGE
    venue.tell(EndOutage(asset_id=DRUB))
    (requested,) = venue.withdraw(ANN, 1, DRUB)
    assert isinstance(requested, WithdrawalRequested)
