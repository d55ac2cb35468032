"""A class may pay 30,000 roubles a year for units. Orders count as if filled; resale may make room; years end."""

import pytest

from exchange.access.regime import (
    AccessClass,
    Applicant,
    ApplicantKind,
    Caps,
    CapScope,
    Criterion,
    Permission,
)
from exchange.commands import AmendOrder, IndexTerms, InstructSettlement, SessionTerms
from exchange.events import (
    Event,
    InstructionRefused,
    OrderAccepted,
    OrderAmended,
    OrderRejected,
    RequestRejected,
    TradeReported,
)
from exchange.instruments import Product
from exchange.journal import state_hash
from exchange.reasons import RejectReason, SettlementRefusal
from exchange.units import DAY, HOUR, Time, year_of
from matching.terms import ParticipantId
from tests.builders import (
    ANN,
    BLOCK,
    BOB,
    BTC,
    BTC_RUB,
    BTC_SPOT,
    BUY,
    CLOSES,
    OPENS,
    ROUBLE,
    RUBD,
    SATOSHI_LOT,
    SELL,
    VENUES,
    Venue,
    a_regime,
    future,
    of_kind,
    spot,
    with_btc,
)

CAP = 30_000 * ROUBLE  # three lots at 80,000 ticks, and no fourth: a lot is 8,000 roubles


EVERYTHING = dict.fromkeys(Product, Permission.ALLOWED)


def a_venue(next_session: Time = OPENS + DAY, intermediaries: int = 1, **caps: object) -> Venue:
    """Ann is of the capped class; Bob, a company, is not, and has ten lots of bitcoin."""
    capped = AccessClass(
        class_id="capped",
        title="Capped",
        any_of=(Criterion(kinds=(ApplicantKind.INDIVIDUAL,)),),
        permissions=EVERYTHING,
        caps=Caps(annual_purchases=CAP, **caps),  # type: ignore[arg-type]
    )
    free = AccessClass(class_id="free", title="Free", any_of=(Criterion(),), permissions=EVERYTHING)
    venue = Venue(
        spot(),
        future(),
        regime=a_regime(classes=(capped, free)),
        assets=with_btc(),
        index=IndexTerms(
            index_id=BTC_RUB, venues=VENUES, weights_ppm=(250_000,) * len(VENUES), interval=6 * HOUR
        ),
        sessions=(
            SessionTerms(opens=OPENS, closes=CLOSES),
            SessionTerms(opens=next_session, closes=next_session + HOUR),
        ),
    )
    ann = Applicant(kind=ApplicantKind.INDIVIDUAL, intermediaries=intermediaries)
    venue.admit(ANN, 1_000_000 * ROUBLE, ann)
    venue.admit(BOB, 1_000_000 * ROUBLE, Applicant(kind=ApplicantKind.COMPANY))
    venue.bring(BOB, 10 * SATOSHI_LOT)
    venue.wait_until(OPENS + 2 * BLOCK)
    return venue


def buy(venue: Venue, lots: int, price: int = 80_000) -> RejectReason | None:
    (told, *_) = venue.place(ANN, BUY, lots, price, instrument_id=BTC_SPOT)
    return told.reason if isinstance(told, OrderRejected) else None


def sold_to_ann(venue: Venue, lots: int) -> None:
    venue.place(BOB, SELL, lots, 80_000, instrument_id=BTC_SPOT)
    assert of_kind(venue.place(ANN, BUY, lots, 80_000, instrument_id=BTC_SPOT), TradeReported)


def sell_back(venue: Venue, lots: int) -> None:
    venue.place(BOB, BUY, lots, 80_000, instrument_id=BTC_SPOT)
    assert of_kind(venue.place(ANN, SELL, lots, 80_000, instrument_id=BTC_SPOT), TradeReported)


def test_what_is_bought_and_what_is_ordered_count_together() -> None:
    venue = a_venue()
    sold_to_ann(venue, 2)
    assert buy(venue, 2) is RejectReason.ANNUAL_PURCHASES
    assert buy(venue, 1, 79_000) is None
    assert buy(venue, 1, 79_000) is RejectReason.ANNUAL_PURCHASES
    (order_id,) = venue.state.seats[ANN].orders
    refused = venue.tell(AmendOrder(participant_id=ANN, order_id=order_id, price=79_000, quantity=2))
    assert [e.reason for e in of_kind(refused, RequestRejected)] == [RejectReason.ANNUAL_PURCHASES]
    amended = venue.tell(AmendOrder(participant_id=ANN, order_id=order_id, price=80_000, quantity=1))
    assert of_kind(amended, OrderAmended)


def test_what_is_agreed_off_the_book_counts_from_the_day_it_is_agreed() -> None:
    """Two lots for 16,000 are agreed, so 14,000 are left; then they are delivered, and are bought."""
    venue = a_venue()

    def agree(name: ParticipantId, other: ParticipantId, lots: int, reference: str) -> list[Event]:
        return venue.tell(
            InstructSettlement(
                participant_id=name,
                counterparty_id=other,
                delivers=name == BOB,
                asset_id=BTC,
                amount=lots * SATOSHI_LOT,
                payment_asset_id=RUBD,
                payment=lots * 8_000 * ROUBLE,
                intended=venue.now,
                reference=reference,
            )
        )

    assert not of_kind(agree(BOB, ANN, 3, "his alone"), InstructionRefused)
    assert buy(venue, 4) is RejectReason.ANNUAL_PURCHASES
    assert not of_kind(agree(ANN, BOB, 2, "both"), InstructionRefused)
    assert buy(venue, 2) is RejectReason.ANNUAL_PURCHASES
    (refused,) = of_kind(agree(ANN, BOB, 2, "too much"), InstructionRefused)
    assert refused.reason is SettlementRefusal.ANNUAL_PURCHASES
    assert buy(venue, 1, 79_000) is None


def test_to_look_at_what_somebody_has_bought_changes_nothing() -> None:
    venue = Venue(spot(), future(), assets=with_btc())
    venue.admit(ANN)
    before = state_hash(venue.exchange)
    assert venue.state.covers.purchases(ANN).bought == 0
    assert state_hash(venue.exchange) == before


def test_only_who_is_capped_and_only_units() -> None:
    venue = a_venue()
    assert of_kind(venue.place(BOB, BUY, 100, 80_000, instrument_id=BTC_SPOT), OrderAccepted)
    assert of_kind(venue.place(ANN, BUY, 100, 80_000), OrderAccepted)
    assert venue.state.covers.purchases(ANN).ordered == 0


@pytest.mark.parametrize(
    ("restores", "reason"), [(False, RejectReason.ANNUAL_PURCHASES), (True, None)], ids=["not", "restores"]
)
def test_resale_makes_room_only_if_the_regime_says_so(restores: bool, reason: RejectReason | None) -> None:
    venue = a_venue(resale_restores=restores)
    sold_to_ann(venue, 3)
    sell_back(venue, 1)
    assert buy(venue, 1) is reason


@pytest.mark.parametrize(
    ("scope", "reason"),
    [(CapScope.VENUE, RejectReason.ANNUAL_PURCHASES), (CapScope.INTERMEDIARY, None)],
)
def test_a_cap_with_each_intermediary_is_as_many_caps_as_there_are(
    scope: CapScope, reason: RejectReason | None
) -> None:
    venue = a_venue(intermediaries=2, purchases_scope=scope)
    assert buy(venue, 7) is reason


@pytest.mark.parametrize(("days", "reason"), [(1, RejectReason.ANNUAL_PURCHASES), (400, None)])
def test_a_new_year_begins_with_its_first_session(days: int, reason: RejectReason | None) -> None:
    later = OPENS + days * DAY
    assert (year_of(later) > year_of(OPENS)) is (reason is None)
    venue = a_venue(later)
    sold_to_ann(venue, 3)
    venue.wait_until(later)
    assert buy(venue, 1) is reason
