"""The coin falls from 1.00 to 0.90 and comes back to 0.97: who bears it depends on what discharges a rouble.

Bob and Cyd are long ten lots each from 8.0m against Ann; under margin Bob has just enough, Cyd four hundredths more.
Dan bids for whatever must be sold.
"""

from dataclasses import replace

from exchange.access.regime import CashRules, Regime
from exchange.clearing.denomination import Denomination
from exchange.clearing.scenario_margin import ScenarioTerms
from exchange.clearing.terms import ClearingMode, ClearingRules
from exchange.commands import ReportCashPrice
from exchange.events import (
    BucketSettled,
    CashPriced,
    ClaimSettled,
    Event,
    LiquidationStep,
    MarginCalled,
    PositionSettled,
    VariationPaid,
)
from exchange.messages import changed
from exchange.units import HOUR, MINUTE, Money
from matching.terms import ParticipantId
from scenarios.measures import cash_leg
from tests.builders import (
    ANN,
    BOB,
    BUY,
    CYD,
    OPENS,
    ROUBLE,
    RUBD,
    Venue,
    a_regime,
    cleared_at,
    future,
    of_kind,
)
from tests.scenarios.measures.made import Story
from tests.stories.outside import quote_steadily

DAN = ParticipantId("dan")
EXPIRES = OPENS + HOUR
RICH = 10**9
GAIN = 2_000 * ROUBLE  # of ten lots, from 8.0m to 8.2m
RISK = ClearingRules(
    mode=ClearingMode.RISK,
    variation=cleared_at(2 * HOUR, 9 * HOUR),
    scenarios=ScenarioTerms(mm_ratio_bp=9_200),
    call_level_bp=9_500,
)
PAR = CashRules(settlement_asset=RUBD)
WORTH = CashRules(settlement_asset=RUBD, denomination=Denomination.FIAT_VALUE, collateral_haircut_bp=500)
JUST_ENOUGH, A_LITTLE_MORE = 1_348_000, 1_401_264  # coins that count as 1,280,600 and 1,331,200 at 5% off


def a_depeg(
    regime: Regime, bob: Money = JUST_ENOUGH, cyd: Money = A_LITTLE_MORE
) -> tuple[Venue, list[Event]]:
    """What happened from the fall to the settlement, and the venue after it."""
    venue = Venue(future(expiry=EXPIRES), regime=regime)
    for name, cash in ((ANN, RICH), (BOB, bob), (CYD, cyd), (DAN, RICH)):
        venue.admit(name, cash)
    quote_steadily(venue, OPENS + MINUTE, 800_000_000)
    for name in (BOB, CYD):
        venue.trade(name, ANN, 10, 80_000)
    venue.rest(DAN, BUY, 20, 80_000)
    events = quote_steadily(venue, OPENS + 5 * MINUTE, 800_000_000)
    events += venue.tell(ReportCashPrice(asset_id=RUBD, price_ppm=900_000, source="otc"))
    events += quote_steadily(venue, OPENS + 20 * MINUTE, 800_000_000)
    events += venue.tell(ReportCashPrice(asset_id=RUBD, price_ppm=970_000, source="otc"))
    return venue, events + quote_steadily(venue, EXPIRES, 820_000_000)


def lost_in_real_value(events: list[Event], cash: CashRules) -> float:
    """The measure, of the prices and payments of the story, in roubles."""
    kinds = CashPriced, ClaimSettled, VariationPaid
    told = [event for event in events if isinstance(event, kinds)]
    story = Story()
    for second, event in enumerate(told):
        story.at(second, event)
    view = story.seen()
    return cash_leg.real_value_transfer.function(replace(view, regime=changed(view.regime, cash=cash)))


def of(events: list[Event], kind: type) -> set[ParticipantId]:
    return {event.participant_id for event in of_kind(events, kind)}


def test_under_full_cover_the_pool_pays_every_claim_in_coins_and_nobody_is_called() -> None:
    """F12: 4,000.00 are won by two; at 0.97 that is worth 120.00 less to them than what they were promised."""
    venue, events = a_depeg(a_regime(cash=PAR), bob=RICH, cyd=RICH)
    settled = of_kind(events, ClaimSettled)
    (bucket,) = of_kind(events, BucketSettled)
    assert sum(claim.payout for claim in settled) == bucket.pool == 2 * 10 * 160_000 * 10
    assert {claim.participant_id: claim.gain for claim in settled} == {ANN: -2 * GAIN, BOB: GAIN, CYD: GAIN}
    assert not of_kind(events, MarginCalled)
    assert round(lost_in_real_value(events, PAR), 2) == 120.00
    assert venue.free_cash(BOB) == RICH + GAIN


def test_with_margin_and_coins_for_roubles_the_fall_calls_nobody() -> None:
    """What is owed falls in value with what it is paid in; the winners bear it, as under full cover."""
    venue, events = a_depeg(a_regime(clearing=RISK, cash=PAR))
    assert not of_kind(events, MarginCalled) + of_kind(events, LiquidationStep)
    assert {one.participant_id: one.amount for one in of_kind(events, VariationPaid)} == {
        ANN: -2 * GAIN,
        BOB: GAIN,
        CYD: GAIN,
    }
    assert round(lost_in_real_value(events, PAR), 2) == 120.00
    assert venue.free_cash(CYD) == A_LITTLE_MORE + GAIN


def test_with_margin_and_debts_in_value_the_fall_calls_and_closes() -> None:
    """At 0.90 Bob's coins count as 1,152,540, below maintenance of 92%: he is called and cut down. Cyd's count as
    1,198,080, below the call level of 95%: he is called. Whoever wins is paid as many coins as are worth it.
    """
    venue, events = a_depeg(a_regime(clearing=RISK, cash=WORTH))
    assert of(events, MarginCalled) == {BOB, CYD}
    assert of(events, LiquidationStep) == {BOB}
    won = {one.participant_id: one.amount for one in of_kind(events, PositionSettled)}
    paid = {one.participant_id: one.amount for one in of_kind(events, VariationPaid)}
    assert won[CYD] == GAIN and 0 < won[BOB] < GAIN
    assert paid[CYD] == GAIN * 100 // 97
    assert paid[ANN] == won[ANN] * 100 // 97  # of a negative number: rounded up for who pays
    assert lost_in_real_value(events, WORTH) == 0
    kept = venue.state.ledger.posted("ccp:rounding:RUBD")
    assert 0 <= kept == -sum(paid.values()) <= len(paid)
