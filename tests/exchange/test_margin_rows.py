"""What margin accounts need: which cells their rows keep, listings and expiries, admission, stale prices."""

from hypothesis import given
from hypothesis import strategies as st

from exchange.clearing.margin import MarginCover
from exchange.clearing.scenario_margin import ScenarioTerms, binding_cells, cells, order_cell_losses
from exchange.clearing.terms import ClearingMode, ClearingRules
from exchange.commands import ListInstrument, SessionTerms
from exchange.events import OrderAccepted, OrderRejected
from exchange.instruments import ContractKind, Instrument
from exchange.reasons import RejectReason
from exchange.units import HOUR, SECOND, InstrumentId, Time
from matching.terms import Side
from tests.builders import (
    ANN,
    BOB,
    BTCF,
    BUY,
    CYD,
    EXPIRY,
    OPENS,
    SELL,
    Venue,
    a_regime,
    future,
    of_kind,
    option,
)

NEXT = InstrumentId("BTC_RUBD-26DEC26")
CALL = option(ContractKind.CALL, 90_000, reference=4_000)
INDEX = 800_000_000


def venue(*series: Instrument, hours: int = 8, **scenarios: int) -> Venue:
    rules = ClearingRules(mode=ClearingMode.RISK, scenarios=ScenarioTerms(**scenarios))
    sessions = (SessionTerms(opens=OPENS, closes=OPENS + hours * HOUR),)
    found = Venue(*series, regime=a_regime(clearing=rules), sessions=sessions)
    for name in (ANN, BOB):
        found.admit(name)
    found.quote(INDEX)
    found.wait_until(OPENS + 2 * SECOND)
    return found


def margin(of: Venue) -> MarginCover:
    found = of.state.covers.margin
    assert isinstance(found, MarginCover)
    return found


def next_future(expiry: Time) -> Instrument:
    return future(instrument_id=NEXT, expiry=expiry)


# --- cells ----------------------------------------------------------------------------------------------

losses = st.integers(-500, 500)
arrays = st.integers(1, 3).flatmap(
    lambda series: st.lists(st.lists(losses, min_size=8, max_size=8), min_size=series, max_size=series)
)
orders = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(Side), st.integers(0, 100), st.integers(1, 9)), max_size=5
)


@given(arrays, st.lists(st.integers(-9, 9), min_size=3, max_size=3), orders)
def test_the_worst_cell_is_always_among_those_that_are_kept(
    rows: list[list[int]], held: list[int], live: list[tuple[int, Side, int, int]]
) -> None:
    worst = [sum(q * row[cell] for q, row in zip(held, rows, strict=False)) for cell in range(8)]
    for series, side, price, lots in live:
        lost = order_cell_losses(rows[series % len(rows)], side, price, 50, 7)
        worst = [loss + lots * lot for loss, lot in zip(worst, lost, strict=True)]
    assert max(worst[cell] for cell in binding_cells(rows)) == max(worst)


def test_of_a_single_series_only_the_cells_where_it_loses_least_and_most_are_kept() -> None:
    assert binding_cells([[4, -7, 9, 9, -7]]) == [1, 2]


def test_cells_that_are_alike_for_every_series_are_kept_once() -> None:
    assert binding_cells([[1, 1, 2, 1], [5, 5, 5, 6]]) == [0, 2, 3]


def test_rows_grow_with_what_is_listed_and_the_requirement_stays() -> None:
    """With a call beside the future the states of volatility count; who holds the future alone needs no more."""
    at = venue(future())
    at.trade(ANN, BOB, 10, 80_000)
    at.place(ANN, BUY, 5, 79_000)
    account = margin(at).portfolio(BTCF).accounts[ANN]
    assert len(account.cells) == len(account.order_cells) == 2
    before = (account.initial, account.star)
    at.tell(ListInstrument(instrument=CALL))
    assert 2 < len(account.cells) == len(account.order_cells) <= len(cells(ScenarioTerms()))
    assert (account.initial, account.star) == before


# --- listings and expiries ------------------------------------------------------------------------------


def test_a_second_expiry_is_charged_for_with_its_listing() -> None:
    """Orders on both sides could now fill in different expiries: 1% of 10 lots at 80,000 ticks of 10."""
    at = venue(future())
    at.place(ANN, BUY, 10, 79_000)
    at.place(ANN, SELL, 10, 81_000)
    account = margin(at).portfolio(BTCF).accounts[ANN]
    before = account.star
    at.tell(ListInstrument(instrument=next_future(EXPIRY + HOUR)))
    assert account.star == before + 10 * 80_000 * 10 // 100


def test_when_one_of_two_expiries_is_over_nothing_is_charged_between_them() -> None:
    late = next_future(EXPIRY + 4 * HOUR)
    at = venue(future(), late, hours=12)
    at.place(ANN, BUY, 10, 79_000, instrument_id=NEXT)
    at.place(ANN, SELL, 10, 81_000, instrument_id=NEXT)
    account = margin(at).portfolio(NEXT).accounts[ANN]
    before = account.star
    at.quote_until(EXPIRY + 2 * HOUR, INDEX)
    assert account.star == before - 10 * 80_000 * 10 // 100


def test_within_one_expiry_a_concentrated_account_pays_no_charge_between_expiries() -> None:
    """Beyond the threshold too, an order on the other side only adds what it would lose in the worst cell."""
    at = venue(future(), concentration_threshold=5, concentration_slope_ppb=0)
    at.place(ANN, SELL, 10, 80_001)
    lone = margin(at).portfolio(BTCF).accounts[ANN].star
    at.place(ANN, BUY, 10, 80_000)
    assert margin(at).portfolio(BTCF).accounts[ANN].star == lone


def test_a_premium_is_no_longer_at_risk_once_its_option_is_settled() -> None:
    at = venue(future(), CALL)
    at.trade(ANN, BOB, 3, 4_000, instrument_id=CALL.instrument_id)
    account = margin(at).portfolio(BTCF).accounts[ANN]
    assert account.premia == 3 * 4_000 * 10
    at.quote_until(EXPIRY + 30 * 60 * SECOND, INDEX)
    assert at.position(ANN, CALL.instrument_id) == 0
    assert (account.premia, at.state.covers.at_risk(ANN)) == (0, 0)


# --- admission and stale prices -------------------------------------------------------------------------


def test_an_order_needs_equity_for_all_that_it_adds_to_the_requirement() -> None:
    """A lot sold at the mark needs 30% of 800,000, but for a tick of rounding at most; 10 lots are there."""
    at = venue(future())
    at.admit(CYD, 2_400_000)
    assert of_kind(at.place(CYD, SELL, 10, 80_000), OrderAccepted)
    refused = of_kind(at.place(CYD, SELL, 1, 80_000), OrderRejected)
    assert [event.reason for event in refused] == [RejectReason.INSUFFICIENT_MARGIN]


def test_a_stale_index_moves_no_mark() -> None:
    at = venue(future())
    at.wait_until(OPENS + HOUR)  # nobody has quoted for long
    mark = at.state.series[BTCF].mark
    at.place(ANN, BUY, 1_000, 80_400)
    at.place(BOB, SELL, 1_000, 80_500)
    at.wait_until(OPENS + HOUR + 60 * SECOND)
    assert at.state.series[BTCF].mark == mark


def test_no_requirement_falls_while_the_index_is_stale() -> None:
    """A short option loses time value by the hour, but on a price that nobody confirms."""
    at = venue(future(), CALL, extreme_share_bp=0)
    at.trade(ANN, BOB, 3, 4_000, instrument_id=CALL.instrument_id)
    at.quote_until(OPENS + 5 * 60 * SECOND, INDEX)
    account = margin(at).portfolio(BTCF).accounts[BOB]
    before = account.initial
    at.wait_until(OPENS + 4 * HOUR)
    assert account.initial == before
    for _ in range(61):  # until the next valuation, with an index that is not stale
        at.quote(INDEX)
        at.wait_until(at.now + SECOND)
    assert account.initial < before
