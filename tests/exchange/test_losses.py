"""Who bears a loss that no default has caused, and who gets it back: E18 in literal numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.cash.losses import HouseBearer, Loss, LossCause, share_loss
from exchange.units import WalletId
from matching.terms import ParticipantId

ANN, BOB, CAT = ParticipantId("ann"), ParticipantId("bob"), ParticipantId("cat")
CLAIMS = {ANN: 400, BOB: 350, CAT: 250}
LAYER, INSURANCE, NOBODY = HouseBearer.LAYER, HouseBearer.INSURANCE, HouseBearer.NOBODY


@pytest.mark.parametrize(
    ("loss", "layer", "insurance", "shares"),
    [
        (200, 60, 0, {LAYER: 60, ANN: 56, BOB: 49, CAT: 35}),
        (60, 60, 0, {LAYER: 60}),
        (10, 60, 10, {LAYER: 10}),
        (200, 0, 0, {ANN: 80, BOB: 70, CAT: 50}),
        (100, 60, 40, {LAYER: 60, INSURANCE: 40}),
        (200, 60, 40, {LAYER: 60, INSURANCE: 40, ANN: 40, BOB: 35, CAT: 25}),
        (1_060, 60, 0, {LAYER: 60, ANN: 400, BOB: 350, CAT: 250}),
        (1_067, 60, 0, {LAYER: 60, ANN: 400, BOB: 350, CAT: 250, NOBODY: 7}),
        (1, 0, 0, {ANN: 1}),
    ],
)
def test_a_loss_reaches_the_house_then_its_insurance_then_the_holders_by_claim(
    loss, layer, insurance, shares
):
    """E18, first row: 200 destroyed, a layer of 60."""
    assert share_loss(loss, ({LAYER: layer}, {INSURANCE: insurance}, CLAIMS)) == shares


def test_a_participant_who_is_called_as_the_house_is_bears_for_itself():
    named = ParticipantId("layer")
    assert share_loss(9, ({LAYER: 4}, {named: 5})) == {LAYER: 4, named: 5}


def test_what_comes_back_goes_to_the_last_who_bore_first():
    """Of E18, seven beyond everything and then 140: the holders are whole before the house has anything."""
    loss = Loss(
        WalletId("w"),
        LossCause.WIPED,
        "letter",
        {LAYER: 60, INSURANCE: 10, ANN: 56, BOB: 49, CAT: 35, NOBODY: 7},
    )
    assert loss.give_back(77) == {NOBODY: 7, ANN: 28, BOB: 25, CAT: 17}
    assert loss.give_back(75) == {ANN: 28, BOB: 24, CAT: 18, INSURANCE: 5}
    assert loss.outstanding == 65
    assert loss.give_back(1_000) == {INSURANCE: 5, LAYER: 60}
    assert loss.give_back(1) == {}


amounts = st.integers(0, 500)


@given(
    loss=st.integers(0, 2_000),
    layer=amounts,
    insurance=amounts,
    claims=st.dictionaries(st.sampled_from([ANN, BOB, CAT]), amounts),
)
def test_parts_add_up_and_nobody_bears_before_those_who_come_first_are_empty(loss, layer, insurance, claims):
    groups = ({LAYER: layer}, {INSURANCE: insurance}, claims)
    shares = share_loss(loss, groups)
    assert sum(shares.values()) == loss
    earlier_full = True
    for group in groups:
        used = {name: shares.get(name, 0) for name in group}
        assert all(0 <= used[name] <= group[name] for name in group)
        assert earlier_full or not any(used.values())
        earlier_full = earlier_full and used == dict(group)
    assert earlier_full or NOBODY not in shares


@given(
    loss=st.integers(1, 1_500),
    back=st.lists(st.integers(1, 400), max_size=6),
    claims=st.dictionaries(st.sampled_from([ANN, BOB, CAT]), amounts),
)
def test_whatever_comes_back_in_whatever_parts_undoes_exactly_what_was_borne(loss, back, claims):
    shares = share_loss(loss, ({LAYER: 100}, claims))
    undone = Loss(WalletId("w"), LossCause.STOLEN, "it is gone", dict(shares))
    returned = dict.fromkeys(shares, 0)
    for amount in [*back, 10_000]:
        for name, part in undone.give_back(amount).items():
            returned[name] += part
    assert returned == shares and undone.outstanding == 0
