"""A pool that has lost part of its money, whatever the claims: it is paid out whole, and nobody twice."""

from hypothesis import given
from hypothesis import strategies as st

from exchange.clearing.full import Bucket
from matching.terms import ParticipantId
from tests.builders import future

NAMES = [ParticipantId(name) for name in ("ann", "bob", "cyd", "dan")]
amounts = st.lists(st.integers(0, 1_000), min_size=4, max_size=4)


def a_bucket(haircuts: list[int]) -> Bucket:
    bucket = Bucket(future())
    bucket.haircuts = {who: cut for who, cut in zip(NAMES, haircuts, strict=True) if cut}
    return bucket


@given(claims=amounts, haircuts=amounts)
def test_payouts_add_up_to_the_pool_and_each_claim_bears_its_own_cut_first(claims, haircuts):
    """I-21 in the form that holds after a loss."""
    owed = dict(zip(NAMES, claims, strict=True))
    if sum(haircuts) > sum(claims):
        return  # no more can be lost than was there
    paid = a_bucket(haircuts).payouts(owed)
    assert sum(paid.values()) == sum(claims) - sum(haircuts)
    kept = {who: max(owed[who] - cut, 0) for who, cut in zip(NAMES, haircuts, strict=True)}
    assert all(0 <= paid[who] <= kept[who] for who in NAMES)
    further = sum(kept.values()) - sum(paid.values())
    for who in NAMES:  # what claims were too small for, the others bear by what they have left
        assert abs((kept[who] - paid[who]) * sum(kept.values()) - further * kept[who]) < max(
            sum(kept.values()), 1
        )


def test_a_claim_too_small_for_its_cut_leaves_the_rest_to_the_others_pro_rata():
    paid = a_bucket([100, 0, 0, 0]).payouts(dict(zip(NAMES, (10, 300, 600, 0), strict=True)))
    assert paid == dict(zip(NAMES, (0, 270, 540, 0), strict=True))
