"""What obligations come to when netted, and which of them settle together: against a naive reckoning."""

from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.clearing.netting import (
    Deal,
    Flow,
    Netted,
    largest_part,
    nets,
    netted,
    resolve_gridlock,
    together,
)
from exchange.units import AssetId
from matching.terms import ParticipantId
from tests.oracles.naive_netting import (
    NaiveDeal,
    balances_after,
    bilateral_and_multilateral,
    every_feasible_set,
    net_cycle,
)

A, B, C, D, E, F = (ParticipantId(name) for name in "abcdef")
COIN, UNIT = AssetId("coin"), AssetId("unit")


def flow(payer: ParticipantId, payee: ParticipantId, amount: int, asset_id: AssetId = COIN) -> Flow:
    return Flow(payer, payee, asset_id, amount)


def payment(number: int, payer: ParticipantId, payee: ParticipantId, amount: int, priority: int = 0) -> Deal:
    return Deal(number, priority, (flow(payer, payee, amount),))


# --- measures -------------------------------------------------------------------------------------------


def test_netting_pair_by_pair_and_through_the_house():
    """E14: a pair with 100 against 60, and a ring of 105, 90 and 90."""
    flows = [flow(A, B, 100), flow(B, A, 60), flow(D, E, 105), flow(E, F, 90), flow(F, D, 90)]
    assert netted(flows) == Netted(gross=445, bilateral=325, multilateral=55)
    assert netted(flows).efficiency_ppm == 876_404  # 87.64%


def test_nothing_to_net_saves_nothing():
    assert netted([]).efficiency_ppm == 0
    assert netted([flow(A, B, 7)]).efficiency_ppm == 0
    assert netted([flow(A, B, 7), flow(B, A, 7)]).efficiency_ppm == 1_000_000


people = st.sampled_from((A, B, C, D))
one_flow = st.tuples(people, people, st.integers(1, 50)).filter(lambda drawn: drawn[0] != drawn[1])


@given(st.lists(one_flow, max_size=12))
def test_the_measures_are_those_of_a_naive_count(drawn):
    figures = netted([flow(*one) for one in drawn])
    assert (figures.bilateral, figures.multilateral) == bilateral_and_multilateral(drawn)
    assert 0 <= figures.multilateral <= figures.bilateral <= figures.gross
    assert 0 <= figures.efficiency_ppm <= 1_000_000


# --- net cycles -----------------------------------------------------------------------------------------


def test_a_ring_that_nobody_can_begin_settles_net():
    """E14: three payments of 100 with 10 each."""
    ring = [payment(1, A, B, 100), payment(2, B, C, 100), payment(3, C, A, 100)]
    tens = {(who, COIN): 10 for who in (A, B, C)}
    assert set(nets([one.flows[0] for one in ring]).values()) == {0}
    net, gross = together(ring, tens), together(ring, tens, gross=(COIN,))
    assert net is not None and [deal.deal_id for deal in net.deals] == [1, 2, 3]
    assert gross is not None and gross.deals == () and gross.failing == {1: A, 2: B, 3: C}


def test_the_lowest_priority_goes_first_then_the_newest():
    deals = [payment(1, A, B, 5), payment(2, A, C, 5, priority=1), payment(3, A, D, 5)]
    for room, left in ((15, [2, 1, 3]), (10, [2, 1]), (5, [2]), (4, [])):
        chosen = together(deals, {(A, COIN): room})
        assert chosen is not None and [deal.deal_id for deal in chosen.deals] == left


def test_what_must_stay_stays_or_nothing_does():
    deals = [payment(1, A, B, 5), payment(2, A, C, 5)]
    chosen = together(deals, {(A, COIN): 5}, kept={2})
    assert chosen is not None and [deal.deal_id for deal in chosen.deals] == [2]
    assert together(deals, {(A, COIN): 5}, kept={1, 2}) is None


def test_the_gridlock_step_takes_in_what_was_taken_out_for_another():
    """The small new payment goes before the large old one, which fails all the same."""
    deals = [payment(1, A, B, 5), payment(2, A, C, 1)]
    room = {(A, COIN): 2}
    plain = together(deals, room)
    assert plain is not None and plain.deals == ()
    found = resolve_gridlock(deals, plain, room)
    assert [deal.deal_id for deal in found.deals] == [2] and found.failing == {1: A}


def test_the_gridlock_step_takes_in_a_ring_whole():
    """Two that pay each other return together, though neither can alone."""
    deals = [
        payment(1, A, B, 90),
        payment(2, B, A, 90),
        payment(3, A, C, 20, priority=1),
        payment(4, A, D, 9),
    ]
    room = {(A, COIN): 10, (B, COIN): 0}
    plain = together(deals, room)
    assert plain is not None and [deal.deal_id for deal in plain.deals] == []
    found = resolve_gridlock(deals, plain, room)
    assert sorted(deal.deal_id for deal in found.deals) == [1, 2, 4]


def test_what_did_not_fit_is_tried_again_with_what_was_taken_in_since():
    """D can pay its 2 only with the 1 that C, whose 6 fail in any case, pays it last of all."""
    deals = [payment(1, D, C, 3), payment(2, C, A, 6), payment(3, D, B, 2), payment(4, C, D, 1)]
    room = {(C, COIN): 2, (D, COIN): 1}
    plain = together(deals, room)
    assert plain is not None and plain.deals == ()
    assert [deal.deal_id for deal in resolve_gridlock(deals, plain, room).deals] == [3, 4]


one_deal = st.tuples(
    st.integers(0, 2),
    people,
    people,
    st.integers(1, 9),
    st.one_of(st.none(), st.integers(1, 9)),
).filter(lambda drawn: drawn[1] != drawn[2])


def as_deals(drawn) -> list[Deal]:
    """A payment, or units against it."""
    deals = []
    for number, (priority, deliverer, receiver, amount, units) in enumerate(drawn, 1):
        flows = [flow(receiver, deliverer, amount)]
        if units is not None:
            flows.append(flow(deliverer, receiver, units, UNIT))
        deals.append(Deal(number, priority, tuple(flows)))
    return deals


def naive(deals: list[Deal]) -> list[NaiveDeal]:
    return [NaiveDeal(deal.deal_id, deal.priority, deal.flows) for deal in deals]


rooms = st.dictionaries(st.tuples(people, st.sampled_from((COIN, UNIT))), st.integers(0, 15))


@given(st.lists(one_deal, max_size=10), rooms, st.sampled_from(((), (UNIT,), (COIN, UNIT))))
def test_a_net_cycle_is_that_of_the_naive_rule(drawn, room, gross):
    deals = as_deals(drawn)
    chosen = together(deals, room, gross)
    assert chosen is not None
    settled, failed = net_cycle(naive(deals), room, set(gross))
    assert (sorted(deal.deal_id for deal in chosen.deals), chosen.failing) == (settled, failed)
    assert together(deals[::-1], room, gross) == chosen, "whatever order they are handed in"


@settings(max_examples=400, deadline=None)
@given(st.lists(one_deal, max_size=7), rooms)
def test_the_gridlock_step_only_adds_and_leaves_nothing_that_fits(drawn, room):
    deals = as_deals(drawn)
    plain = together(deals, room)
    assert plain is not None
    found = resolve_gridlock(deals, plain, room)
    chosen, before = ({deal.deal_id for deal in one.deals} for one in (found, plain))
    assert chosen >= before and chosen | found.failing.keys() == {deal.deal_id for deal in deals}
    feasible = every_feasible_set(naive(deals), room)
    assert frozenset(chosen) in feasible
    assert not any(chosen | {number} in feasible for number in found.failing)


@given(st.integers(0, 200), st.integers(1, 9), st.integers(0, 250))
def test_the_largest_part_is_in_whole_lots(most, step, limit):
    part = largest_part(most, step, lambda tried: tried <= limit)
    assert part == max(tried for tried in range(0, most + 1, step) if tried <= limit or tried == 0)


def test_the_oracle_knows_what_it_says():
    after = balances_after([NaiveDeal(1, 0, ((A, B, COIN, 4),))], {(A, COIN): 5}, {COIN})
    assert after == {(A, COIN): 1, (B, COIN): 0}
