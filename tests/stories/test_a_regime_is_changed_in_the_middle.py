"""The authority adopts another regime while positions are open: nobody is closed out, nobody may do what it forbids."""

import pytest

from exchange.access.regime import (
    AccessClass,
    Applicant,
    ApplicantKind,
    Caps,
    CashRules,
    Criterion,
    Permission,
    Regime,
)
from exchange.commands import AdoptRegime, EstablishVenue, IndexTerms, ListInstrument, SetLimit
from exchange.core import Exchange
from exchange.events import (
    CancelCause,
    ClaimSettled,
    DirectiveRefused,
    Event,
    OrderAccepted,
    OrderCanceled,
    OrderRejected,
    ParticipantAdmitted,
    ParticipantRefused,
    ParticipantState,
    ParticipantStateChanged,
    RegimeAdopted,
    TradeReported,
)
from exchange.instruments import Product
from exchange.reasons import AccessRefusal, RejectReason
from exchange.units import HOUR, AssetId, InstrumentId, WalletId
from matching.terms import ParticipantId
from scenarios.config.regime_file import load_regime
from tests.builders import (
    ANN,
    BOB,
    BTC_RUB,
    BUY,
    CYD,
    OPENS,
    ROUBLE,
    RUBD,
    SELL,
    VENUES,
    Venue,
    a_regime,
    coin_terms,
    future,
    of_kind,
)
from tests.stories.outside import quote_steadily

EXPIRES = OPENS + HOUR
USDX, BTC_USDX = AssetId("USDX"), InstrumentId("BTC_USDX-25DEC26")
MILLION = 1_000_000 * ROUBLE
RICH = Applicant(kind=ApplicantKind.INDIVIDUAL, securities_and_deposits=150 * MILLION)
RETAIL = Applicant(kind=ApplicantKind.INDIVIDUAL, securities_and_deposits=1 * MILLION)
OPEN, SUPER = load_regime("ru_open_counterfactual"), load_regime("ru_elr_super_2025")


@pytest.fixture
def venue() -> Venue:
    """Under the open regime rich Ann is long 100 lots of retail Bob's, and each has an order that would add to it."""
    venue = Venue(future(expiry=EXPIRES), regime=OPEN)
    venue.admit(ANN, applicant=RICH)
    venue.admit(BOB, applicant=RETAIL)
    venue.trade(ANN, BOB, 100, 80_000)
    venue.rest(ANN, BUY, 10, 70_000)
    venue.rest(BOB, SELL, 10, 90_000)
    return venue


def adopt(venue: Venue, regime: Regime) -> list[Event]:
    return venue.tell(AdoptRegime(regime=regime))


def a_class(permission: Permission, **changes: object) -> AccessClass:
    terms: dict[str, object] = {
        "class_id": "some",
        "title": "Some",
        "any_of": (Criterion(),),
        "permissions": {Product.FUTURE: permission},
    }
    return AccessClass(**{**terms, **changes})  # type: ignore[arg-type]


def reason_of(events: list[Event]) -> RejectReason:
    (refused,) = of_kind(events, OrderRejected)
    return refused.reason


def canceled(events: list[Event]) -> dict[ParticipantId, CancelCause]:
    return {e.participant_id: e.cause for e in of_kind(events, OrderCanceled)}


def states(events: list[Event]) -> list[ParticipantStateChanged]:
    return of_kind(events, ParticipantStateChanged)


def test_whoever_is_no_longer_admitted_keeps_its_position_and_may_only_close_it(venue: Venue) -> None:
    events = adopt(venue, SUPER)
    assert events[0] == RegimeAdopted(regime_id="ru_elr_super_2025", title=SUPER.title)
    assert canceled(events) == {BOB: CancelCause.PARTICIPANT_RESTRICTED}
    assert states(events) == [ParticipantStateChanged(participant_id=BOB, state=ParticipantState.REDUCE_ONLY)]
    assert (venue.position(BOB), venue.locked(BOB)) == (-100, 800_000 * ROUBLE)
    assert reason_of(venue.place(BOB, SELL, 1, 80_000)) is RejectReason.REDUCE_ONLY
    assert reason_of(venue.place(BOB, BUY, 101, 80_000)) is RejectReason.REDUCE_ONLY
    venue.place(BOB, BUY, 100, 80_000)
    assert of_kind(venue.place(ANN, SELL, 100, 80_000), TradeReported)
    assert venue.position(BOB) == 0


def test_whoever_is_still_admitted_falls_into_a_class_of_the_new_regime(venue: Venue) -> None:
    """The cap of 10% of 150m is well above the 870,000 that Ann has at risk, so her bid stays."""
    (admitted,) = of_kind(adopt(venue, SUPER), ParticipantAdmitted)
    assert (admitted.participant_id, admitted.class_id, admitted.limit) == (
        ANN,
        "super_individual",
        15 * MILLION,
    )
    assert venue.held(ANN) == 70_000 * ROUBLE
    assert of_kind(venue.place(ANN, BUY, 1, 80_000), OrderAccepted)


def test_a_coin_that_the_class_may_no_longer_trade_may_only_be_closed(venue: Venue) -> None:
    others = a_class(Permission.ALLOWED, underlyings=("ETH", "USDT"))
    assert canceled(adopt(venue, a_regime(classes=(others,)))) == dict.fromkeys(
        (ANN, BOB), CancelCause.PARTICIPANT_RESTRICTED
    )
    assert reason_of(venue.place(ANN, BUY, 1, 80_000)) is RejectReason.UNDERLYING_NOT_PERMITTED
    venue.place(ANN, SELL, 100, 80_000)
    assert of_kind(venue.place(BOB, BUY, 100, 80_000), TradeReported)
    assert adopt(venue, a_regime(classes=(a_class(Permission.ALLOWED, underlyings=("ETH", "BTC")),)))
    assert of_kind(venue.place(ANN, BUY, 1, 80_000), OrderAccepted)


def test_who_has_just_come_in_waits_and_may_close_meanwhile(venue: Venue) -> None:
    """They came in at the opening, and the future expires an hour later."""
    waiting = a_class(Permission.ALLOWED, cooling_off=HOUR // 2)
    assert not canceled(adopt(venue, a_regime(classes=(waiting,))))
    assert reason_of(venue.place(ANN, BUY, 1, 80_000)) is RejectReason.COOLING_OFF
    venue.rest(ANN, SELL, 100, 80_000)
    assert of_kind(venue.place(BOB, BUY, 100, 80_000), TradeReported)
    venue.wait_until(venue.state.seats[ANN].admitted_at + HOUR // 2)
    assert of_kind(venue.place(ANN, BUY, 1, 80_000), OrderAccepted)


def test_a_cap_below_use_is_grandfathered(venue: Venue) -> None:
    tight = a_class(Permission.ALLOWED, caps=Caps(capital_at_risk=100_000 * ROUBLE))
    assert not canceled(adopt(venue, a_regime(classes=(tight,))))
    assert venue.state.covers.at_risk(ANN) == 870_000 * ROUBLE
    assert reason_of(venue.place(ANN, BUY, 1, 80_000)) is RejectReason.EXPOSURE_LIMIT
    assert of_kind(venue.place(ANN, SELL, 100, 80_000), OrderAccepted)


def test_a_limit_of_the_authoritys_own_outlives_the_regime(venue: Venue) -> None:
    venue.tell(SetLimit(participant_id=ANN, limit=900_000 * ROUBLE))
    (admitted,) = of_kind(adopt(venue, SUPER), ParticipantAdmitted)
    assert admitted.limit == 900_000 * ROUBLE


def test_a_retail_investor_is_told_at_the_gate_what_is_missing(venue: Venue) -> None:
    adopt(venue, SUPER)
    (refused,) = venue.admit(CYD, applicant=RETAIL)
    assert isinstance(refused, ParticipantRefused)
    assert (refused.participant_id, refused.reason) == (CYD, AccessRefusal.NO_CLASS)
    assert refused.explanation == (
        "The nearest class, “Especially qualified individual”, asks for assets of more than 100,000,000 RUB, "
        "but the assets that count are 1,000,000 RUB."
    )
    assert reason_of(venue.place(CYD, BUY, 1, 80_000)) is RejectReason.UNKNOWN_PARTICIPANT


def test_what_is_barred_is_settled_like_everything_else(venue: Venue) -> None:
    adopt(venue, SUPER)
    events = quote_steadily(venue, EXPIRES, 780_000_000)
    gains = {e.participant_id: e.gain for e in of_kind(events, ClaimSettled)}
    assert gains == {ANN: -20_000 * ROUBLE, BOB: 20_000 * ROUBLE}
    assert venue.free_cash(BOB) == 10**12 + 20_000 * ROUBLE


def test_a_regime_that_lets_them_in_again_gives_them_back_their_rights(venue: Venue) -> None:
    adopt(venue, SUPER)
    events = adopt(venue, OPEN)
    assert ParticipantStateChanged(participant_id=BOB, state=ParticipantState.ACTIVE) in events
    assert of_kind(venue.place(BOB, SELL, 1, 80_000), OrderAccepted)


def test_a_product_that_may_only_be_reduced_leaves_no_order_that_would_add_to_it(venue: Venue) -> None:
    """Both still have a class; whoever wants to close says so anew, and such an order stays under the next regime."""
    events = adopt(venue, a_regime(classes=(a_class(Permission.REDUCE_ONLY),)))
    assert canceled(events) == dict.fromkeys((ANN, BOB), CancelCause.PARTICIPANT_RESTRICTED)
    assert reason_of(venue.place(ANN, BUY, 1, 80_000)) is RejectReason.REDUCE_ONLY
    assert of_kind(venue.place(ANN, SELL, 100, 80_000), OrderAccepted)
    assert not canceled(adopt(venue, a_regime(classes=(a_class(Permission.REDUCE_ONLY, title="Again"),))))


def test_a_product_that_is_denied_leaves_not_even_an_order_that_closes(venue: Venue) -> None:
    """The class may still trade options, so it is a class; but in futures nothing is taken any more."""
    adopt(venue, a_regime(classes=(a_class(Permission.REDUCE_ONLY),)))
    venue.place(ANN, SELL, 100, 81_000)
    options = {Product.FUTURE: Permission.DENIED, Product.OPTION: Permission.ALLOWED}
    events = adopt(venue, a_regime(classes=(a_class(Permission.DENIED, permissions=options),)))
    assert canceled(events) == {ANN: CancelCause.PARTICIPANT_RESTRICTED}
    assert reason_of(venue.place(ANN, SELL, 100, 81_000)) is RejectReason.PRODUCT_NOT_PERMITTED


def test_a_class_that_may_trade_nothing_is_as_good_as_none(venue: Venue) -> None:
    """At the gate it is refused; inside it can still close."""
    nothing = a_regime(classes=(a_class(Permission.DENIED),))
    events = adopt(venue, nothing)
    assert {e.participant_id: e.state for e in states(events)} == dict.fromkeys(
        (ANN, BOB), ParticipantState.REDUCE_ONLY
    )
    (refused,) = venue.admit(CYD)
    assert isinstance(refused, ParticipantRefused) and refused.reason is AccessRefusal.NOTHING_PERMITTED
    assert of_kind(venue.place(ANN, SELL, 100, 80_000), OrderAccepted)
    assert of_kind(venue.place(BOB, BUY, 100, 80_000), TradeReported)


def test_a_regime_that_settles_in_a_coin_that_is_not_there_is_not_adopted(venue: Venue) -> None:
    cash = CashRules(settlement_asset=AssetId("XUSD"))
    (refused,) = adopt(venue, a_regime(cash=cash))
    assert isinstance(refused, DirectiveRefused)
    assert venue.state.regime is OPEN and OPEN.cash.settlement_asset == RUBD


def test_a_venue_settles_in_one_coin_whatever_the_regime_and_the_series() -> None:
    """Ann's money, Bob's and the pool between them are in one coin, or nothing could be paid."""
    dollar = coin_terms(asset_id=USDX, venue_wallets=(WalletId("dollars"),))
    venue = Venue(future(), regime=OPEN, more_coins=(dollar,))
    (not_adopted,) = adopt(venue, a_regime(cash=CashRules(settlement_asset=USDX)))
    assert not_adopted == DirectiveRefused(
        directive="adopt open", explanation="the venue settles in RUBD already, not in USDX"
    )
    (not_listed,) = venue.tell(ListInstrument(instrument=future(cash=USDX, instrument_id=BTC_USDX)))
    assert not_listed == DirectiveRefused(
        directive="list BTC_USDX-25DEC26", explanation="it pays in USDX, but the venue settles in RUBD"
    )


def test_a_series_listed_before_any_regime_says_what_the_first_one_may_settle_in() -> None:
    exchange = Exchange()
    dollar = coin_terms(asset_id=USDX, venue_wallets=(WalletId("dollars"),))
    index = IndexTerms(index_id=BTC_RUB, venues=VENUES, weights_ppm=(250_000,) * 4)
    exchange.handle(
        EstablishVenue(assets=(), indices=(index,), cash=(coin_terms(), dollar), sessions=()), OPENS
    )
    exchange.handle(ListInstrument(instrument=future()), OPENS)
    (refused,) = exchange.handle(AdoptRegime(regime=a_regime(cash=CashRules(settlement_asset=USDX))), OPENS)
    assert refused.event == DirectiveRefused(
        directive="adopt open", explanation="BTC_RUBD-25DEC26 is listed and pays in RUBD, not in USDX"
    )
