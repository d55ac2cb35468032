"""The price falls by 30% or 37.5% at once under a long of a thousand lots: the loss climbs the layers to the kopeck.

Dan is long 1,000 lots from 8.0m against Ann (450), Bob (350) and Cyd (200), with 921,184.00 of his own; the members'
fund holds 150,000.00 of his and 200,000.00, 120,000.00 and 80,001.00 of the others. To come to just these shares, the
fund was sized at the close of a session before, in which the four held positions in this proportion.
"""

import pytest

from exchange.clearing import accounts
from exchange.clearing.fund import FundTerms
from exchange.clearing.scenario_margin import ScenarioTerms
from exchange.clearing.waterfall import LAYERS, Layer, LossOrder, WaterfallTerms
from exchange.commands import HouseLayer, ListInstrument, SessionTerms, WithdrawCash
from exchange.events import (
    DefaultClosed,
    Event,
    LayerUsed,
    LossBorne,
    PositionTransferred,
    TransferCause,
    VariationCleared,
)
from exchange.instruments import ContractKind
from exchange.units import HOUR, MINUTE, SECOND, Money
from matching.terms import ParticipantId
from tests.builders import (
    ANN,
    BOB,
    BUY,
    CYD,
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

DAN, EVE, FAY = (ParticipantId(name) for name in ("dan", "eve", "fay"))
REOPENS = OPENS + 2 * HOUR
SESSIONS = (
    SessionTerms(opens=OPENS, closes=OPENS + HOUR),
    SessionTerms(opens=REOPENS, closes=REOPENS + 8 * HOUR),
)
SERIES = future(expiry=REOPENS + 7 * HOUR, cap=200_000, max_quantity=10**6)
OWN_MONEY = 921_184 * ROUBLE


def kopecks(roubles: str) -> Money:
    whole, _, part = roubles.replace(",", "").partition(".")
    return int(whole) * ROUBLE + int(part.ljust(2, "0"))


def a_venue(order: LossOrder = LossOrder.DEFAULT_FUND) -> Venue:
    """The house has 100,000.00 in front of the survivors and 50,000.00 beside them."""
    regime = a_risk_regime(
        variation=cleared_at(HOUR - MINUTE, 9 * HOUR),
        scenarios=ScenarioTerms(
            price_range_bp=1_150, price_range_floor_bp=1_000, extreme_moves_bp=(), concentration_slope_ppb=0
        ),
        fund=FundTerms(cover=1, stress_moves_bp=(-1_153, 1_153)),
        waterfall=WaterfallTerms(
            order=order,
            layers=LAYERS[order],
            skin_in_the_game=kopecks("100,000"),
            second_skin_in_the_game=kopecks("50,000"),
        ),
    )
    venue = Venue(SERIES, regime=regime, index=a_patient_index(), sessions=SESSIONS)
    venue.fund_house(HouseLayer.SKIN_IN_THE_GAME, kopecks("100,000"))
    venue.fund_house(HouseLayer.SECOND_SKIN_IN_THE_GAME, kopecks("50,000"))
    return venue


def size_the_fund(venue: Venue) -> None:
    """At 10.0m a lot needs 1,150.00 and would lose 3.00 more in the worst stress. Eve is long 216,667 lots: 650,001.00,
    which skin in the game and 550,001.00 of the members cover."""
    for name in (ANN, BOB, CYD, DAN):
        venue.admit_member(name, 10**11)
    for name in (EVE, FAY):
        venue.admit(name, 10**11)
    venue.quote(1_000_000_000)
    venue.wait_until(OPENS + MINUTE)
    trades = (
        (EVE, ANN, 200_000),
        (EVE, BOB, 16_667),
        (DAN, BOB, 103_333),
        (DAN, CYD, 46_667),
        (FAY, CYD, 33_334),
    )
    for buyer, seller, lots in trades:
        venue.trade(buyer, seller, lots, 100_000)
    venue.wait_until(REOPENS)
    for buyer, seller, lots in trades:
        venue.trade(seller, buyer, lots, 100_000)


def a_gap(to: int) -> tuple[Venue, list[Event]]:
    """Everybody's positions, then the gap; what happened until the default was closed."""
    venue = a_venue()
    size_the_fund(venue)
    return venue, gap(venue, to)


def gap(venue: Venue, to: int) -> list[Event]:
    venue.quote(800_000_000)
    venue.wait_until(REOPENS + MINUTE)
    keep(venue, DAN, OWN_MONEY)
    for seller, lots in ((ANN, 450), (BOB, 350), (CYD, 200)):
        venue.trade(DAN, seller, lots, 80_000)
    venue.quote(to * 10_000)
    return venue.wait_until(REOPENS + 2 * HOUR)


def keep(venue: Venue, name: ParticipantId, amount: Money) -> None:
    """All but so much of the participant's free cash is withdrawn."""
    venue.tell(WithdrawCash(participant_id=name, asset_id=RUBD, amount=venue.free_cash(name) - amount))
    venue.wait_until(venue.now + 10 * SECOND)
    assert venue.free_cash(name) == amount


def layers(events: list[Event]) -> dict[Layer, Money]:
    return {event.layer: event.amount for event in of_kind(events, LayerUsed)}


def borne(events: list[Event], layer: Layer) -> dict[str, Money]:
    return {e.participant_id: e.amount for e in of_kind(events, LossBorne) if e.layer is layer}


def moved(events: list[Event], cause: TransferCause) -> dict[str, int]:
    """Lots that the others took over."""
    told = of_kind(events, PositionTransferred)
    return {e.participant_id: e.lots for e in told if e.cause is cause and e.participant_id != DAN}


IN_FRONT = {
    Layer.DEFAULTER_MARGIN: OWN_MONEY,
    Layer.DEFAULTER_FUND_SHARE: kopecks("150,000"),
    Layer.SKIN_IN_THE_GAME: kopecks("100,000"),
    Layer.SURVIVORS_FUND: kopecks("450,001"),
}


def test_a_fall_of_30_percent_reaches_the_assessments() -> None:
    """F3, E11: 2,400,000.00."""
    venue, events = a_gap(56_000)
    assert layers(events) == {**IN_FRONT, Layer.ASSESSMENTS: kopecks("778,815")}
    assert borne(events, Layer.SURVIVORS_FUND) == {
        ANN: kopecks("200,000"), BOB: kopecks("120,000"), CYD: kopecks("80,001")
    }  # fmt: skip
    assert borne(events, Layer.ASSESSMENTS) == {
        ANN: kopecks("389,406.53"), BOB: kopecks("233,643.91"), CYD: kopecks("155,764.56")
    }  # fmt: skip
    assert [(e.loss, e.residual) for e in of_kind(events, DefaultClosed)] == [(kopecks("1,478,816"), 0)]
    assert moved(events, TransferCause.TEAR_UP) == {ANN: 450, BOB: 350, CYD: 200}
    assert sum(venue.locked(name) for name in (ANN, BOB, CYD, DAN)) == 0


@pytest.mark.parametrize(
    ("to", "haircut", "parts"),
    [
        (50_000, "578,813", ("260,465.85", "202,584.55", "115,762.60")),
        (32_000, "2,378,813", ("1,070,465.85", "832,584.55", "475,762.60")),
    ],
)
def test_beyond_the_assessments_gains_are_cut(to: int, haircut: str, parts: tuple[str, ...]) -> None:
    """F3, E11: at -37.5% 3,000,000.00 are lost, and 19.29% of what the shorts have gained; at -60% it is half of it."""
    venue, events = a_gap(to)
    assert layers(events) == {
        **IN_FRONT,
        Layer.ASSESSMENTS: kopecks("800,002"),
        Layer.GAINS_HAIRCUT: kopecks(haircut),
    }
    cut = dict(zip((ANN, BOB, CYD), map(kopecks, parts), strict=True))
    assert borne(events, Layer.GAINS_HAIRCUT) == cut
    fall = 10 * (80_000 - to)  # of a lot
    left = {name: venue.standing(name).cleared for name in (ANN, BOB, CYD)}
    assert left == {name: lots * fall - cut[name] for name, lots in ((ANN, 450), (BOB, 350), (CYD, 200))}
    assert [e.residual for e in of_kind(events, DefaultClosed)] == [0]


@pytest.mark.parametrize(("to", "received"), [(56_000, "1,621,185"), (50_000, "1,621,185")])
def test_whoever_gained_is_paid_all_that_there_is(to: int, received: str) -> None:
    """The money of the layers that were paid in goes out again, and nothing is left in transit or owed."""
    venue, events = a_gap(to)
    last = of_kind(events, VariationCleared)[-1]
    assert (last.collected, last.distributed, last.late) == (kopecks(received), kopecks(received), 0)
    ledger = venue.state.ledger
    assert not any(ledger.posted(venue.standing(name).obligation) for name in (ANN, BOB, CYD, DAN))
    assert ledger.posted(accounts.house_obligation(RUBD)) == 0


def test_in_the_crypto_order_the_most_levered_winners_are_closed_at_the_bankruptcy_price() -> None:
    """E11: 250,000.00 of the insurance fund, less the 80.09 that the last lot brings too much, and 831 lots."""
    venue = a_venue(LossOrder.CRYPTO)
    venue.fund_house(HouseLayer.INSURANCE, kopecks("250,000"))
    for name, cash in ((ANN, "2,000,000"), (BOB, "1,500,000"), (CYD, "1,000,000"), (DAN, "921,194")):
        venue.admit(name, kopecks(cash))
    venue.wait_until(REOPENS)
    events = gap(venue, 56_000)
    deleveraged = {
        e.participant_id: (e.lots, -e.amount)
        for e in of_kind(events, PositionTransferred)
        if e.cause is TransferCause.DELEVERAGING and e.participant_id != DAN
    }
    assert list(deleveraged.items()) == [
        (BOB, (350, kopecks("517,585.60"))),
        (ANN, (450, kopecks("665,467.20"))),
        (CYD, (31, kopecks("45,843.29"))),
    ]
    assert moved(events, TransferCause.TEAR_UP) == {CYD: 169}
    assert layers(events) == {
        Layer.DEFAULTER_MARGIN: OWN_MONEY,
        Layer.INSURANCE_FUND: kopecks("249,919.91"),
        Layer.DELEVERAGING: kopecks("1,228,896.09"),
    }
    assert [e.residual for e in of_kind(events, DefaultClosed)] == [0]


def test_a_price_that_doubles_takes_all_shorts_at_once_and_the_long_is_paid_what_there_is() -> None:
    """F3: 8,000,000.00 are due to Dan. The three have 1,150,000.00 and the house 150,000.00; the rest is cut."""
    venue = a_venue()
    own = {ANN: "500,000", BOB: "400,000", CYD: "250,000"}
    for name, cash in own.items():
        venue.admit(name, kopecks(cash))
    venue.admit(DAN, kopecks("2,000,000"))
    venue.wait_until(REOPENS)
    venue.quote(800_000_000)
    venue.wait_until(REOPENS + MINUTE)
    for seller, lots in ((ANN, 450), (BOB, 350), (CYD, 200)):
        venue.trade(DAN, seller, lots, 80_000)
    venue.quote(1_600_000_000)
    events = venue.wait_until(REOPENS + 2 * HOUR)
    assert [(e.defaulter, e.residual) for e in of_kind(events, DefaultClosed)] == [
        (ANN, 0),
        (BOB, 0),
        (CYD, 0),
    ]
    house = (Layer.SKIN_IN_THE_GAME, Layer.SURVIVORS_FUND)
    drawn = [(e.defaulter, e.layer, e.amount // ROUBLE) for e in of_kind(events, LayerUsed)]
    assert [use for use in drawn if use[1] in house] == [
        (ANN, Layer.SKIN_IN_THE_GAME, 100_000),
        (ANN, Layer.SURVIVORS_FUND, 50_000),
    ]
    assert sum(borne(events, Layer.GAINS_HAIRCUT).values()) > 0
    assert venue.free_cash(DAN) + venue.locked(DAN) == kopecks("2,000,000") + kopecks("1,300,000")
    assert all(venue.free_cash(name) + venue.locked(name) == 0 for name in own)


def test_in_the_crypto_order_options_that_are_worth_nothing_are_closed_like_all_else() -> None:
    """Dan's ten lots are sold on the book, and what is missing falls on who is short his calls, marked at nothing."""
    call = option(ContractKind.CALL, 150_000, expiry=SERIES.expiry, cap=200_000, reference=1)
    venue = a_venue(LossOrder.CRYPTO)
    venue.tell(ListInstrument(instrument=call))
    for name, cash in ((ANN, "100,000"), (BOB, "100,000"), (DAN, "13,000")):
        venue.admit(name, kopecks(cash))
    venue.wait_until(REOPENS)
    venue.quote(800_000_000)
    venue.wait_until(REOPENS + MINUTE)
    venue.trade(DAN, ANN, 10, 80_000)
    venue.trade(DAN, ANN, 10, 1, call.instrument_id)
    venue.rest(BOB, BUY, 10, 56_000)
    venue.quote(560_000_000)
    events = venue.wait_until(REOPENS + HOUR)
    assert venue.position(BOB) == 10
    assert moved(events, TransferCause.DELEVERAGING) == {ANN: 10}
    assert layers(events) == {
        Layer.DEFAULTER_MARGIN: kopecks("12,999"),
        Layer.DELEVERAGING: kopecks("11,001"),
    }
    assert venue.free_cash(ANN) + venue.locked(ANN) == kopecks("100,000") + kopecks("13,000")
