"""The mark at which an account would be liquidated, held against what the exchange says when the mark is there."""

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.clearing.liquidation_price import liquidation_price
from exchange.clearing.margin import MarginCover
from exchange.clearing.margin_accounts import PortfolioAccount
from exchange.clearing.scenario_margin import ScenarioTerms, maintenance_margin
from exchange.clearing.terms import ClearingMode, ClearingRules, VariationKind, VariationSchedule
from exchange.instruments import ContractKind
from exchange.units import HOUR, SECOND, InstrumentId, Money
from matching.terms import Price
from tests.builders import ANN, BOB, BTCF, EXPIRY, OPENS, Venue, a_regime, future, option

INDEX = 800_000_000
NEXT = future(instrument_id=InstrumentId("BTC_RUBD-26DEC26"), expiry=EXPIRY + HOUR)
CALL = option(ContractKind.CALL, 90_000, reference=4_000)
PUT = option(ContractKind.PUT, 70_000, reference=3_000)
SERIES = (future(), NEXT, CALL, PUT)
NAMES = tuple(one.instrument_id for one in SERIES)
REALTIME, SESSIONS = VariationKind.REALTIME, VariationKind.SESSIONS


def venue(kind: VariationKind = REALTIME, *, options_count: bool = True, **scenarios: int) -> Venue:
    """Ann and Bob have money in plenty; the index stands at 80,000 ticks, and so do the futures."""
    rules = ClearingRules(
        mode=ClearingMode.RISK,
        options_count=options_count,
        variation=VariationSchedule(kind=kind),
        scenarios=ScenarioTerms(**scenarios),
    )
    found = Venue(*SERIES, regime=a_regime(clearing=rules))
    for name in (ANN, BOB):
        found.admit(name, 10**9)
    found.quote(INDEX)
    found.wait_until(OPENS + 2 * SECOND)
    return found


def account_of(at: Venue) -> PortfolioAccount:
    margin = at.state.covers.margin
    assert isinstance(margin, MarginCover)
    return margin.portfolio(BTCF).accounts[ANN]


def hold(at: Venue, held: dict[InstrumentId, int]) -> None:
    """Ann has bought so many lots from Bob at the marks, or sold them."""
    for name, lots in held.items():
        price = at.state.series[name].mark
        if lots:
            at.trade(*((ANN, BOB) if lots > 0 else (BOB, ANN)), abs(lots), price, name)


def left_with(at: Venue, equity: Money) -> None:
    """So much of Ann's equity is left, or what no coins are behind; Bob has the rest."""
    margin = account_of(at).margin
    gone = margin.equity - equity
    free = max(0, min(gone, at.free_cash(ANN)))
    posted = min(gone - free, at.state.ledger.available(margin.collateral))
    moves = ((margin.holder.cash_account, free), (margin.collateral, posted))
    for account, amount in moves:
        if amount > 0:
            at.state.ledger.book(((account, "cash:bob:RUBD", amount),), at.now)


def left_at(at: Venue, name: InstrumentId, mark: Price) -> Money:
    """Equity above maintenance margin once the exchange has valued every account at that mark of the series."""
    account, margin = account_of(at), at.state.covers.margin
    assert margin is not None
    before = account.portfolio.marks[name]
    margin.revalue(account.portfolio, account.portfolio.forward, {name: mark}, lambda *_: (), at.now)
    kept = maintenance_margin(account.margin.initial, account.portfolio.terms)
    left = account.margin.equity - kept
    margin.revalue(account.portfolio, account.portfolio.forward, {name: before}, lambda *_: (), at.now)
    return left


def steps(start: Price, end: Price) -> Iterator[Price]:
    """Marks from the present one to the last that is safe."""
    yield from (start + (end - start) * part // 6 for part in range(7))


def check(at: Venue, name: InstrumentId) -> Price | None:
    """The price that is told is the first of those at which the exchange would liquidate; or none is."""
    account = account_of(at)
    found = liquidation_price(account, name, at.now)
    lots, mark = account.quantities.get(name, 0), account.portfolio.marks[name]
    if not lots:
        assert found is None
    elif found is None:
        for far in (0, 1, mark // 2) if lots > 0 else (2 * mark, 10 * mark, 2**38):
            assert left_at(at, name, far) >= 0
    else:
        assert left_at(at, name, found) < 0
        if found != mark:
            assert (found < mark) is (lots > 0), "it goes against the position"
            safe = found + (1 if lots > 0 else -1)
            assert min(left_at(at, name, price) for price in steps(mark, safe)) >= 0
    return found


def test_a_long_future_is_liquidated_on_the_way_down_and_a_short_one_on_the_way_up() -> None:
    """Ten lots at 80,000 ticks of 10 kopecks are 8,000,000 kopecks. Down 16% they lose 1,280,000, up 100% of which
    30% counts 2,400,000; three quarters of that must be left."""
    at = venue()
    hold(at, {BTCF: 10})
    left_with(at, 2_000_000)
    price = check(at, BTCF)
    assert price is not None
    # 2,000,000 - 100 (80,000 - p) < 0.75 * 0.16 * 100 p, first at 68,181
    assert price == 68_181
    short = venue()
    hold(short, {BTCF: -10})
    left_with(short, 2_000_000)
    # 2,000,000 - 100 (p - 80,000) < 0.75 * 0.3 * 100 p, first at 81,633
    assert check(short, BTCF) == 81_633


def test_enough_money_is_enough_at_any_price_that_there_can_be() -> None:
    at = venue()
    hold(at, {BTCF: 10})
    left_with(at, 9_000_000)
    assert check(at, BTCF) is None


def test_who_is_liquidated_already_is_told_the_present_mark_and_who_holds_nothing_none() -> None:
    at = venue()
    hold(at, {BTCF: 10})
    left_with(at, 900_000)
    assert check(at, BTCF) == account_of(at).portfolio.marks[BTCF]
    assert check(at, CALL.instrument_id) is None


lots = st.integers(-12, 12)
positions = st.tuples(lots, lots, lots, lots).map(lambda held: dict(zip(NAMES, held, strict=True)))


@settings(max_examples=20, deadline=None)
@given(
    kind=st.sampled_from([REALTIME, SESSIONS]),
    options_count=st.booleans(),
    held=positions,
    percent=st.integers(75, 400),
    charged=st.booleans(),
    drift=st.integers(-3_000, 3_000),
)
def test_it_is_where_the_exchange_says_so_for_any_portfolio_and_every_series_of_it(
    kind: VariationKind,
    options_count: bool,
    held: dict[InstrumentId, int],
    percent: int,
    charged: bool,
    drift: int,
) -> None:
    """With charges for size and short options, after the mark of the first future has moved, near and far."""
    charges = {"short_option_minimum_bp": 500, "concentration_threshold": 3, "concentration_slope_ppb": 10**6}
    at = venue(kind, options_count=options_count, **(charges if charged else {}))
    hold(at, held)
    if not any(held.values()):
        return
    account, margin = account_of(at), at.state.covers.margin
    assert margin is not None
    portfolio = account.portfolio
    margin.revalue(portfolio, portfolio.forward, {BTCF: portfolio.marks[BTCF] + drift}, lambda *_: (), at.now)
    left_with(at, account.margin.initial * percent // 100)
    for name in NAMES:
        check(at, name)
