"""However large a default and whoever is there: layers in order, nobody beyond its part, nothing lost or made up."""

from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.clearing.fund import contributions
from exchange.clearing.liquidation import LiquidationTerms, MarginState, lots_to_cure, state_of
from exchange.clearing.waterfall import (
    LAYERS,
    Assessment,
    Holder,
    Layer,
    LossOrder,
    Resources,
    Survivor,
    WaterfallTerms,
    allocate_in_crypto_order,
    allocate_loss,
    assessed_within,
    capacities,
    deleveraging_queue,
    tear_up,
)
from exchange.units import InstrumentId
from matching.terms import ParticipantId
from tests.often import often

DEFAULTER, IDLE = ParticipantId("defaulter"), ParticipantId("idle")
NAMES = [ParticipantId(f"member-{number}") for number in range(6)]
SERIES = InstrumentId("BTC_RUBD-25DEC26")

Who = ParticipantId | None
amounts = st.integers(0, 1_000)


@st.composite
def survivors(draw: st.DrawFn) -> dict[ParticipantId, Survivor]:
    """Members whose share of the fund may be used up in part, and clients with gains and no share."""
    found: dict[ParticipantId, Survivor] = {}
    for name in draw(st.lists(st.sampled_from(NAMES), unique=True)):
        contribution = draw(amounts)
        found[name] = Survivor(
            contribution=contribution,
            paid_in=draw(st.integers(0, contribution)),
            assessed=draw(st.integers(0, 3 * contribution)),
            gains=draw(st.integers(-1_000, 1_000)),
        )
    return found


@st.composite
def cases(draw: st.DrawFn) -> tuple[Resources, WaterfallTerms]:
    terms = WaterfallTerms(
        order=LossOrder.DEFAULT_FUND,
        layers=LAYERS[LossOrder.DEFAULT_FUND],
        skin_in_the_game=draw(amounts),
        second_skin_in_the_game=draw(amounts),
        further_amount=draw(amounts),
        assessment_cap_bp=draw(st.sampled_from([0, 5_000, 20_000, 33_333])),
        gains_haircut_cap_bp=draw(st.sampled_from([0, 3_333, 10_000])),
        equity=draw(amounts),
    )
    resources = Resources(
        defaulter=DEFAULTER,
        survivors=draw(survivors()),
        margin=draw(amounts),
        fund_share=draw(amounts),
        skin_in_the_game=draw(st.integers(0, terms.skin_in_the_game)),
        second_skin_in_the_game=draw(st.integers(0, terms.second_skin_in_the_game)),
        further_amount=draw(st.integers(0, terms.further_amount)),
        equity=draw(st.integers(0, terms.equity)),
    )
    return resources, terms


def most_of_each(resources: Resources, terms: WaterfallTerms) -> dict[Layer, dict[Who, int]]:
    """What each may be asked for in each layer, written down without any of the code under test."""
    others = resources.survivors.items()
    cap, cut = terms.assessment_cap_bp, terms.gains_haircut_cap_bp
    return {
        Layer.DEFAULTER_MARGIN: {DEFAULTER: resources.margin},
        Layer.DEFAULTER_FUND_SHARE: {DEFAULTER: resources.fund_share},
        Layer.SKIN_IN_THE_GAME: {None: resources.skin_in_the_game},
        Layer.SURVIVORS_FUND: {who: one.paid_in for who, one in others}
        | {None: resources.second_skin_in_the_game},
        Layer.ASSESSMENTS: {
            who: max(0, int(Fraction(one.contribution * cap, 10_000)) - one.assessed) for who, one in others
        }
        | {None: resources.further_amount},
        Layer.GAINS_HAIRCUT: {who: int(Fraction(max(0, one.gains) * cut, 10_000)) for who, one in others},
        Layer.TEAR_UP: {},
        Layer.EQUITY: {None: resources.equity},
    }


@settings(max_examples=often(350), deadline=None)
@given(case=cases(), loss=st.integers(0, 20_000))
def test_layers_come_in_order_and_the_uses_add_up(case: tuple[Resources, WaterfallTerms], loss: int) -> None:
    """I-31, I-32, and the haircut of I-34: nobody loses more than it gained."""
    resources, terms = case
    allocation = allocate_loss(loss, resources, terms)
    most = most_of_each(resources, terms)
    used = {layer: {use.payer: use.amount for use in allocation.uses if use.layer is layer} for layer in most}
    assert sum(use.amount for use in allocation.uses) + allocation.residual == loss
    assert sum(len(of_layer) for of_layer in used.values()) == len(allocation.uses)
    for layer, of_layer in used.items():
        for payer, amount in of_layer.items():
            assert 0 < amount <= most[layer][payer]
    totals = [(sum(used[layer].values()), sum(most[layer].values())) for layer in most]
    for (before, capacity), (after, _) in pairwise(total for total in totals if total[1]):
        assert not after or before == capacity
    if allocation.residual:
        assert all(amount == capacity for amount, capacity in totals)
    before_tear_up = sum(capacity for _, capacity in totals[:6])
    assert allocation.tears_up is (loss > before_tear_up)
    assert list(capacities(resources, terms).values()) == [capacity for _, capacity in totals]


@settings(max_examples=300, deadline=None)
@given(case=cases(), loss=st.integers(0, 20_000), assessed=amounts)
def test_who_has_no_position_and_no_share_loses_nothing(
    case: tuple[Resources, WaterfallTerms], loss: int, assessed: int
) -> None:
    """I-33; and whoever does nothing changes nothing for the others."""
    resources, terms = case
    joined = resources._replace(survivors={IDLE: Survivor(assessed=assessed), **resources.survivors})
    assert allocate_loss(loss, joined, terms) == allocate_loss(loss, resources, terms)


@settings(max_examples=300, deadline=None)
@given(case=cases(), loss=st.integers(0, 20_000))
def test_the_fund_is_used_pro_rata(case: tuple[Resources, WaterfallTerms], loss: int) -> None:
    resources, terms = case
    allocation = allocate_loss(loss, resources, terms)
    most = most_of_each(resources, terms)[Layer.SURVIVORS_FUND]
    paid = allocation.paid_in(Layer.SURVIVORS_FUND)
    shares = {use.payer: use.amount for use in allocation.uses if use.layer is Layer.SURVIVORS_FUND}
    for who, share in most.items():
        assert abs(shares.get(who, 0) - Fraction(paid * share, max(sum(most.values()), 1))) < 1


@settings(max_examples=300, deadline=None)
@given(
    contribution=st.lists(amounts, min_size=1, max_size=4),
    defaults=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 4_000)), max_size=8),
    capped_period=st.integers(1, 40),
)
def test_assessments_keep_their_cap_in_every_window(
    contribution: list[int], defaults: list[tuple[int, int]], capped_period: int
) -> None:
    """I-35: one default after another, any window as long as the capped period."""
    members = dict(zip(NAMES, contribution, strict=False))
    terms = WaterfallTerms(
        order=LossOrder.DEFAULT_FUND, layers=LAYERS[LossOrder.DEFAULT_FUND], capped_period=capped_period
    )
    called: list[Assessment] = []
    now = 0
    for pause, loss in defaults:
        now += pause
        assessed = assessed_within(called, now, capped_period)
        there = Resources(
            defaulter=DEFAULTER,
            survivors={who: Survivor(paid, 0, assessed.get(who, 0)) for who, paid in members.items()},
            margin=0,
        )
        uses = allocate_loss(loss, there, terms).uses
        called += [Assessment(use.payer, use.amount, now) for use in uses if use.payer is not None]
    for end in range(now + 1):
        window = [one for one in called if end - capped_period < one.time <= end]
        for who, paid in members.items():
            assert sum(one.amount for one in window if one.payer == who) <= 2 * paid


# --- deleveraging and tear-up --------------------------------------------------------------------------

holders = st.dictionaries(
    st.sampled_from(NAMES),
    st.builds(
        Holder,
        lots=st.integers(-50, 50),
        entry=st.integers(1, 100),
        equity=st.integers(-100, 5_000),
    ),
)
lots = st.integers(-60, 60).filter(bool)


def published_rank(holder: Holder, mark: int) -> Fraction:
    """(entry / mark for shorts, mark / entry for longs) times notional over equity, term by term."""
    profit = Fraction(holder.entry, mark) if holder.lots < 0 else Fraction(mark, holder.entry)
    return profit * Fraction(abs(holder.lots) * mark, holder.equity)


@settings(max_examples=often(350), deadline=None)
@given(
    loss=st.integers(1, 5_000),
    margin=amounts,
    fund=amounts,
    position=lots,
    mark=st.integers(1, 100),
    others=holders,
)
def test_deleveraging_only_reduces_the_other_side_and_adds_up(
    loss: int, margin: int, fund: int, position: int, mark: int, others: Mapping[ParticipantId, Holder]
) -> None:
    """I-32 and I-34 in the crypto order."""
    told = allocate_in_crypto_order(loss, margin, fund, position, others)
    forgone = sum(one.forgone for one in told.deleveraged)
    assert told.margin + told.insurance_fund + forgone - told.surplus + told.residual == loss
    assert 0 <= told.margin <= margin
    assert 0 <= told.insurance_fund <= fund
    assert told.insurance_fund == 0 or told.margin == margin
    assert not told.deleveraged or (told.margin, told.insurance_fund) == (margin, fund)
    assert min(told.surplus, told.residual) == 0
    assert told.surplus * abs(position) <= max(loss - margin, 0)  # not a whole lot too many
    assert sum(one.lots for one in told.deleveraged) <= abs(position)
    for one in told.deleveraged:
        assert others[one.holder].lots * position < 0
        assert 0 < one.lots <= abs(others[one.holder].lots)
        assert 0 <= one.forgone <= others[one.holder].equity
    queue = [who for who in others if others[who].lots * position < 0 and others[who].equity > 0]
    queue.sort(key=lambda who: (-published_rank(others[who], mark), who))
    assert deleveraging_queue(position, others) == queue
    assert [one.holder for one in told.deleveraged] == [
        who for who in queue if who in {one.holder for one in told.deleveraged}
    ]
    closed = {one.holder: one.lots for one in told.deleveraged}
    if told.residual:  # nobody in the queue could have given one lot more
        for who in queue:
            more = closed.get(who, 0) + 1
            beyond = more * (loss - margin) > others[who].equity * abs(position)
            assert more > abs(others[who].lots) or beyond


@settings(max_examples=500, deadline=None)
@given(position=st.integers(-60, 60), held=st.dictionaries(st.sampled_from(NAMES), st.integers(-50, 50)))
def test_a_tear_up_is_complete_and_fair(position: int, held: dict[ParticipantId, int]) -> None:
    """I-34 for tear-up: the defaulter's lots are gone, and only the other side shrinks, none below nothing."""
    opposite = {who: abs(count) for who, count in held.items() if count * position < 0}
    position = max(-sum(opposite.values()), min(sum(opposite.values()), position))
    torn = tear_up({SERIES: position}, {SERIES: held})[SERIES]
    assert sum(torn.values()) == abs(position)
    for who, count in opposite.items():
        assert 0 <= torn.get(who, 0) <= count
        assert abs(torn.get(who, 0) - Fraction(abs(position) * count, sum(opposite.values()))) < 1
    assert torn.keys() <= opposite.keys()


# --- the fund and the account --------------------------------------------------------------------------


@settings(max_examples=500, deadline=None)
@given(
    fund=st.integers(0, 10_000),
    margins=st.dictionaries(st.sampled_from(NAMES), st.integers(1, 1_000), min_size=1),
    minimum=st.integers(0, 2_000),
)
def test_contributions_make_up_the_fund_and_keep_the_minimum(
    fund: int, margins: dict[ParticipantId, int], minimum: int
) -> None:
    shares = contributions(fund, margins, minimum)
    assert sum(shares.values()) == max(fund, minimum * len(margins))
    assert min(shares.values()) >= minimum
    above = {who: share for who, share in shares.items() if share > minimum}
    for who, share in above.items():
        exact = Fraction(sum(above.values()) * margins[who], sum(margins[other] for other in above))
        assert abs(share - exact) < 2  # a share that rounds down to the minimum is not among them
    for who in shares.keys() - above.keys():  # by margin alone it would have had less, or the same
        assert all(margins[who] <= margins[other] for other in above)


@settings(max_examples=often(350), deadline=None)
@given(
    count=st.integers(1, 60),
    equity=st.integers(-100, 700),
    freed=st.integers(0, 12),
    cost=st.integers(0, 12),
    others=st.integers(0, 50),
)
def test_the_cure_is_the_least_that_helps(
    count: int, equity: int, freed: int, cost: int, others: int
) -> None:
    """Against trying one lot after another."""
    maintenance = count * freed + others
    cures = (n for n in range(count + 1) if equity - n * cost >= maintenance - n * freed)
    assert lots_to_cure(count, equity, maintenance, freed, cost) == next(cures, None)


@settings(max_examples=300, deadline=None)
@given(
    levels=st.lists(st.integers(0, 1_000), min_size=3, max_size=3).map(sorted),
    equity=st.integers(-10, 1_010),
)
def test_more_equity_is_never_a_worse_state(levels: list[int], equity: int) -> None:
    maintenance, call_level, initial = levels
    states = [
        state_of(amount, initial, call_level, maintenance, LiquidationTerms())
        for amount in (equity, equity + 1)
    ]
    order = list(MarginState)
    assert order.index(states[1]) <= order.index(states[0])
