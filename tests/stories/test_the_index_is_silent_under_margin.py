"""The index is stale or never was: no requirement falls for it, nobody leaves, nothing is paid before its price."""

from exchange.clearing.scenario_margin import ScenarioTerms
from exchange.commands import WithdrawCash
from exchange.events import (
    AccountsValued,
    CashRequestRejected,
    IndexPublished,
    IndexStatus,
    MarkPublished,
    OrderRejected,
    PositionSettled,
    PriceRule,
    SettlementPostponed,
    SettlementPriceFinal,
    WithdrawalRequested,
)
from exchange.instruments import ContractKind
from exchange.reasons import CashRefusal, RejectReason
from exchange.units import HOUR, MINUTE, SECOND, Money, Time
from tests.builders import (
    ANN,
    BOB,
    BUY,
    EXPIRY,
    OPENS,
    ROUBLE,
    RUBD,
    Venue,
    a_patient_index,
    a_risk_regime,
    cleared_at,
    future,
    of_kind,
    option,
)

CALL = option(ContractKind.CALL, 80_000, reference=600)
SILENT = OPENS + HOUR


def a_venue() -> Venue:
    """Ann is to be long ten lots and short ten calls; a quote counts for two minutes."""
    regime = a_risk_regime(variation=cleared_at(4 * HOUR), scenarios=ScenarioTerms(extreme_moves_bp=()))
    index = a_patient_index(outage_age=2 * MINUTE, stale_age=3 * MINUTE)
    venue = Venue(future(), CALL, regime=regime, index=index)
    for name in (ANN, BOB):
        venue.admit(name, 10**9)
    return venue


def trade(venue: Venue) -> None:
    venue.trade(ANN, BOB, 10, 80_000)
    venue.trade(BOB, ANN, 10, 600, CALL.instrument_id)


def quoted_until(time: Time) -> Venue:
    venue = a_venue()
    venue.quote_until(OPENS + MINUTE, 800_000_000)
    trade(venue)
    venue.quote_until(time, 800_000_000)
    return venue


def required(venue: Venue) -> tuple[Money, Money]:
    return venue.standing(ANN).required, venue.standing(BOB).required


def test_while_it_is_stale_every_requirement_stays_as_it_was() -> None:
    """I-23, F5: five hours nearer to their expiry the options would need less; not before there is a price again."""
    venue = quoted_until(SILENT)
    venue.wait_until(SILENT + MINUTE)
    before = required(venue)
    events = venue.wait_until(SILENT + 5 * HOUR)
    assert of_kind(events, IndexPublished)[-1].status is IndexStatus.STALE
    assert not of_kind(events, MarkPublished)
    assert required(venue) == before
    assert {event.initial for event in of_kind(events, AccountsValued)} == {sum(before)}


def test_an_order_is_held_to_the_requirement_of_the_last_sound_price() -> None:
    """A fall that only our own book shows lowers nobody's margin."""
    venue = quoted_until(SILENT)
    venue.wait_until(SILENT + HOUR)
    before = required(venue)
    venue.trade(ANN, BOB, 1, 60_000)
    assert venue.state.series[future().instrument_id].mark == 80_000
    assert sum(required(venue)) > sum(before)


def test_before_there_was_any_index_margin_is_reckoned_at_the_reference() -> None:
    """I-23: a missing price is no price of nothing."""
    venue = a_venue()
    trade(venue)
    before = required(venue)
    venue.wait_until(OPENS + HOUR)
    assert min(before) > 0 and required(venue) == before
    poor = venue.place(BOB, BUY, 10_000, 80_000)
    assert isinstance(poor[0], OrderRejected) and poor[0].reason is RejectReason.INSUFFICIENT_MARGIN


def test_with_the_first_sound_price_all_is_reckoned_anew() -> None:
    venue = quoted_until(SILENT)
    before = required(venue)
    venue.wait_until(SILENT + 5 * HOUR)
    venue.quote(700_000_000)
    venue.wait_until(venue.now + MINUTE)
    assert venue.state.series[future().instrument_id].mark == 70_000
    assert required(venue) != before


def test_nobody_withdraws_while_it_is_out_for_more_than_five_minutes() -> None:
    venue = quoted_until(SILENT)
    leave = WithdrawCash(participant_id=BOB, asset_id=RUBD, amount=ROUBLE)
    venue.wait_until(SILENT + 6 * MINUTE)
    assert isinstance(venue.tell(leave)[0], WithdrawalRequested)
    venue.wait_until(SILENT + 6 * MINUTE + 10 * SECOND)
    (refused,) = venue.tell(leave)
    assert isinstance(refused, CashRequestRejected) and refused.reason is CashRefusal.BRAKED


def test_an_outage_in_the_fixing_frees_no_margin_before_the_price_is_final() -> None:
    """F5: the window is extended by half an hour; until then positions stay and stay covered."""
    venue = quoted_until(EXPIRY - 15 * MINUTE)
    before = required(venue)
    events = venue.wait_until(EXPIRY + 5 * MINUTE)
    assert len(of_kind(events, SettlementPostponed)) == 1
    assert not of_kind(events, PositionSettled)
    assert required(venue) == before
    events = venue.quote_until(EXPIRY + 30 * MINUTE, 820_000_000)
    (final,) = of_kind(events, SettlementPriceFinal)
    assert final.rule is PriceRule.EXTENDED_WINDOW
    assert len(of_kind(events, PositionSettled)) == 2
    assert required(venue) == (0, 0)
    assert venue.locked(ANN) + venue.locked(BOB) == 0
    assert venue.free_cash(ANN) + venue.free_cash(BOB) == 2 * 10**9
