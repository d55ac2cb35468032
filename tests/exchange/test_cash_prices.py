"""What a coin is worth: from its own book, in reduced form, or said from outside; and what an issuer discloses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.cash.hours import BankingHours
from exchange.cash.secondary_price import book_price, reduced_form_price, value_ppm
from exchange.cash.terms import (
    CashPriceSource,
    CashPriceTerms,
    CoinTerms,
    RedemptionTerms,
    ReducedForm,
    ReserveClass,
    ReserveStatus,
    ReserveTerms,
)
from exchange.commands import (
    DiscloseReserves,
    EstablishVenue,
    PauseIssuer,
    RedeemCoins,
    ReportCashPrice,
    ReportOutage,
    ReportReserve,
    UnpauseIssuer,
)
from exchange.core import Exchange
from exchange.events import CashPriced, CoinRequestRefused, DirectiveRefused, ReservesDisclosed
from exchange.messages import changed
from exchange.reasons import CashRefusal
from exchange.units import DAY, HOUR, MINUTE, SECOND, AssetId, Money, WalletId
from tests.builders import (
    ANN,
    BOB,
    BUY,
    CLOSES,
    OPENS,
    PAIR,
    RUB,
    RUBD,
    SELL,
    Venue,
    cash_pair,
    coin_terms,
    of_kind,
    rouble_terms,
)
from tests.exchange.test_cash_pairs import BOTH, LOT

WALLET = WalletId("w-cyd")
OWN_BOOK = CashPriceTerms(asset_id=RUBD, pair=PAIR)
FORM = CashPriceTerms(asset_id=RUBD, source=CashPriceSource.REDUCED_FORM)


def a_venue(*prices: CashPriceTerms, coin: CoinTerms | None = None) -> Venue:
    venue = Venue(cash_pair(), assets=BOTH, coin=coin, more_coins=(rouble_terms(),), cash_prices=prices)
    venue.admit(ANN, 0)
    venue.admit(BOB, 0)
    venue.pay_in(ANN, 10 * LOT, RUB)
    venue.pay_in(BOB, 10 * LOT, RUBD)
    return venue


def told(venue: Venue, seconds: int) -> list[int]:
    return [event.price_ppm for event in of_kind(venue.wait_until(venue.now + seconds * SECOND), CashPriced)]


def disclosed(stuck_ppm: int, covered: bool = False) -> DiscloseReserves:
    return DiscloseReserves(asset_id=RUBD, stuck_ppm=stuck_ppm, covered=covered, statement="so it is")


# --- the own book


def test_the_price_is_the_mid_while_both_sides_stand_close_and_is_told_once() -> None:
    venue = a_venue(OWN_BOOK)
    venue.place(ANN, BUY, 1, 9_600, instrument_id=PAIR)
    venue.place(BOB, SELL, 1, 9_701, instrument_id=PAIR)
    assert told(venue, 30) == [965_050]
    assert venue.state.holdings[RUBD].price_ppm == 965_050


def test_a_wide_book_gives_way_to_the_last_trade() -> None:
    venue = a_venue(OWN_BOOK)
    venue.trade(ANN, BOB, 1, 8_774, PAIR)
    venue.place(BOB, SELL, 1, 9_999, instrument_id=PAIR)
    venue.place(ANN, BUY, 1, 8_000, instrument_id=PAIR)
    assert told(venue, 10) == [877_400]


def test_without_a_trade_or_two_sides_the_price_stays() -> None:
    venue = a_venue(OWN_BOOK)
    venue.place(ANN, BUY, 1, 8_000, instrument_id=PAIR)
    assert told(venue, 60) == []
    assert venue.state.holdings[RUBD].price_ppm == 1_000_000


def test_width_is_a_share_of_the_mid_and_may_just_be_reached() -> None:
    assert book_price(9_900, 10_100, None, tick_ppm=100, width_bp=200) == 1_000_000
    assert book_price(9_900, 10_101, None, tick_ppm=100, width_bp=200) is None


def test_when_the_session_is_over_the_last_price_stands() -> None:
    venue = a_venue(OWN_BOOK)
    venue.trade(ANN, BOB, 1, 9_000, PAIR)
    venue.place(ANN, BUY, 1, 9_980, instrument_id=PAIR)
    venue.place(BOB, SELL, 1, 10_000, instrument_id=PAIR)
    assert told(venue, 10) == [999_000]
    venue.wait_until(CLOSES + MINUTE)
    assert venue.state.holdings[RUBD].price_ppm == 999_000


# --- the reduced form


def test_e17_what_stands_behind_a_coin_with_3_3_of_40_out_of_reach() -> None:
    assert value_ppm(3_300_000 * 1_000_000 // 40_000_000, covered=False) == 917_500
    assert value_ppm(82_500, covered=True) == 1_000_000


def test_e17_shut_redemption_takes_the_price_below_what_the_books_would_pay() -> None:
    """The low of about 0.88 beside the floor of 0.9175 is a discount of 3.75 points for the wait."""
    form = ReducedForm(shut_discount_ppm=37_500)
    assert reduced_form_price(form, value_ppm=917_500, backlog=0, supply=40, shut=True) == 880_000


@pytest.mark.parametrize(
    ("backlog", "shut", "price"),
    [
        (0, False, 1_000_000),
        (4, False, 970_000),
        (4, True, 910_000),
        (1, False, 1_000_000),
        (0, True, 960_000),
    ],
)
def test_redeemers_close_what_a_queue_takes_off_while_they_can(
    backlog: Money, shut: bool, price: int
) -> None:
    """With a half for a queue as large as the supply: a tenth of it in the queue takes off five points."""
    form = ReducedForm()
    found = reduced_form_price(form, value_ppm=1_000_000, backlog=backlog, supply=40, shut=shut)
    assert found == price


@given(
    value=st.integers(0, 1_000_000),
    backlog=st.integers(0, 10**12),
    supply=st.integers(0, 10**12),
    shut=st.booleans(),
)
def test_it_stays_in_range_and_never_rises_with_the_queue(
    value: int, backlog: int, supply: int, shut: bool
) -> None:
    form = ReducedForm()
    price = reduced_form_price(form, value_ppm=value, backlog=backlog, supply=supply, shut=shut)
    longer = reduced_form_price(form, value_ppm=value, backlog=2 * backlog, supply=supply, shut=shut)
    assert 0 <= longer <= price <= 1_020_000


def test_the_venue_follows_what_the_issuer_says_and_does() -> None:
    venue = a_venue(FORM)
    venue.tell(disclosed(80_000))
    assert told(venue, 10) == [920_000]
    venue.tell(PauseIssuer(asset_id=RUBD, signatures=("issuer",)))
    assert told(venue, 10) == [880_000]
    venue.tell(disclosed(80_000, covered=True))
    venue.tell(UnpauseIssuer(asset_id=RUBD, signatures=("issuer",)))
    assert told(venue, 10) == [1_000_000]


def test_the_venue_follows_what_becomes_of_the_reserves() -> None:
    """Of 10 lots, 8.25% cannot be reached: redemption goes on out of the rest."""
    deposits = tuple(
        ReserveTerms(name=name, reserve_class=ReserveClass.BANK_DEPOSIT, custodian=name, weight_bp=weight)
        for name, weight in (("sound", 9_175), ("failed", 825))
    )
    venue = a_venue(FORM, coin=coin_terms(reserves=deposits))
    stuck = ReportReserve(asset_id=RUBD, custodian="failed", status=ReserveStatus.STUCK)
    venue.tell(stuck)
    assert told(venue, 10) == [917_500]
    venue.tell(disclosed(82_500, covered=True))
    assert told(venue, 10) == [1_000_000]
    venue.tell(changed(stuck, status=ReserveStatus.OK))
    assert told(venue, 10) == []


def test_outside_the_hours_of_redemption_it_is_shut_and_who_waits_is_a_backlog() -> None:
    shuts = (OPENS % DAY) + HOUR
    hours = BankingHours(opens=0, closes=shuts, weekdays=tuple(range(7)))
    venue = a_venue(FORM, coin=coin_terms(redemption=RedemptionTerms(hours=hours)))
    keeper = venue.state.holdings[RUBD].keeper
    venue.wait_until(OPENS + HOUR - SECOND)
    assert not keeper.shut(venue.now)
    venue.mint(WALLET, 10 * LOT)
    assert told(venue, 11) == [960_000]
    assert keeper.shut(venue.now)
    venue.tell(RedeemCoins(asset_id=RUBD, wallet_id=WALLET, amount=LOT))
    assert keeper.backlog() == LOT
    assert told(venue, 10) == [935_000]  # a twentieth of the supply: half of that off


def test_money_proper_is_shut_while_nothing_of_it_moves() -> None:
    venue = a_venue()
    keeper = venue.state.holdings[RUB].keeper
    assert (keeper.shut(venue.now), keeper.backlog()) == (False, 0)
    venue.tell(ReportOutage(asset_id=RUB))
    assert keeper.shut(venue.now)


# --- said


def test_a_report_counts_where_the_venue_makes_no_price() -> None:
    venue = a_venue()
    events = venue.tell(ReportCashPrice(asset_id=RUBD, price_ppm=900_000, source="elsewhere"))
    assert events == [CashPriced(asset_id=RUBD, price_ppm=900_000, source="elsewhere")]
    assert venue.state.holdings[RUBD].price_ppm == 900_000


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (ReportCashPrice(asset_id=AssetId("XXX"), price_ppm=1, source="s"), CashRefusal.UNKNOWN_ASSET),
        (ReportCashPrice(asset_id=RUB, price_ppm=0, source="s"), CashRefusal.PRICE_OUT_OF_RANGE),
        (ReportCashPrice(asset_id=RUB, price_ppm=1, source=""), CashRefusal.SOURCE_MISSING),
        (ReportCashPrice(asset_id=RUBD, price_ppm=1, source="s"), CashRefusal.PRICED_OTHERWISE),
        (disclosed(1_000_001), CashRefusal.SHARE_OUT_OF_RANGE),
        (disclosed(-1), CashRefusal.SHARE_OUT_OF_RANGE),
        (changed(disclosed(0), asset_id=RUB), CashRefusal.NOT_A_COIN),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    command: ReportCashPrice | DiscloseReserves, reason: CashRefusal
) -> None:
    venue = a_venue(OWN_BOOK)
    (refused,) = venue.tell(command)
    assert isinstance(refused, CoinRequestRefused) and refused.reason is reason
    assert venue.state.holdings[RUBD].price_ppm == venue.state.holdings[RUBD].value_ppm == 1_000_000


def test_a_disclosure_is_public_and_stands_until_the_next() -> None:
    venue = a_venue()
    assert venue.tell(disclosed(80_000)) == [
        ReservesDisclosed(asset_id=RUBD, stuck_ppm=80_000, covered=False, statement="so it is")
    ]
    assert venue.state.holdings[RUBD].value_ppm == 920_000


@pytest.mark.parametrize(
    ("terms", "says"),
    [
        (CashPriceTerms(asset_id=AssetId("XXX"), pair=PAIR), "no cash asset XXX"),
        (CashPriceTerms(asset_id=RUBD, pair=PAIR, interval=0), "interval of one nanosecond"),
        (CashPriceTerms(asset_id=RUBD), "comes from a pair"),
        (
            CashPriceTerms(asset_id=RUBD, source=CashPriceSource.REDUCED_FORM, pair=PAIR),
            "comes from a pair",
        ),
        (
            CashPriceTerms(
                asset_id=RUBD,
                source=CashPriceSource.REDUCED_FORM,
                reduced_form=ReducedForm(arbitrage_ppm=-1),
            ),
            "takes nothing below 0",
        ),
    ],
)
def test_a_venue_is_not_founded_on_prices_that_cannot_be_made(terms: CashPriceTerms, says: str) -> None:
    founding = EstablishVenue(
        assets=BOTH, indices=(), cash=(coin_terms(),), sessions=(), cash_prices=(terms,)
    )
    (entry,) = Exchange().handle(founding, 0)
    assert isinstance(entry.event, DirectiveRefused) and says in entry.event.explanation
