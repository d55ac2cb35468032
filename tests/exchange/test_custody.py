"""The venue's wallets and the gate: E18 in literal numbers."""

import pytest

from exchange.access.regime import GateRule
from exchange.cash.custody import Custody, Gate, split
from exchange.reasons import CashRefusal
from exchange.units import Money, Time, WalletId
from matching.terms import ParticipantId

ANN, BOB, CAT = ParticipantId("ann"), ParticipantId("bob"), ParticipantId("cat")
CLAIMS = {ANN: 400, BOB: 350, CAT: 250}
SHARDS = [WalletId(f"venue-{number}") for number in range(5)]


class Wallets:
    """A cash asset of which only balances and freezes matter."""

    def __init__(self, balances: dict[WalletId, Money]) -> None:
        self.balances = balances
        self.frozen_out: list[WalletId] = []
        self.frozen_in: list[WalletId] = []

    def balance(self, wallet_id: WalletId) -> Money:
        return self.balances[wallet_id]

    def is_frozen_out(self, wallet_id: WalletId) -> bool:
        return wallet_id in self.frozen_out

    def is_frozen_in(self, wallet_id: WalletId) -> bool:
        return wallet_id in self.frozen_in

    def transfer_refusal(self, source: WalletId, target: WalletId, amount: Money) -> CashRefusal | None:
        raise NotImplementedError

    def transfer(self, source: WalletId, target: WalletId, amount: Money, now: Time) -> CashRefusal | None:
        raise NotImplementedError


def gate(rule: GateRule = GateRule.PRO_RATA, mobile: Money = 800) -> Gate:
    return Gate(rule, mobile, CLAIMS)


def withdrawable(gate: Gate) -> list[Money]:
    return [gate.withdrawable(who) for who in CLAIMS]


# --- wallets --------------------------------------------------------------------------------------------


def test_an_omnibus_wallet_that_is_frozen_leaves_nothing_mobile():
    """E18: 1,000 tokens in one wallet."""
    asset, custody = Wallets({SHARDS[0]: 1_000}), Custody(SHARDS[:1])
    assert (custody.mobile(asset), custody.frozen(asset)) == (1_000, 0)
    asset.frozen_out.append(SHARDS[0])
    assert (custody.mobile(asset), custody.frozen(asset)) == (0, 1_000)


def test_one_frozen_shard_of_five_leaves_four_fifths_mobile():
    """E18: 1,000 tokens in five wallets."""
    asset, custody = Wallets(dict.fromkeys(SHARDS, 200)), Custody(SHARDS)
    asset.frozen_out.append(SHARDS[3])
    assert (custody.mobile(asset), custody.frozen(asset)) == (800, 200)
    assert SHARDS[3] not in custody.sending(asset)


def test_a_wallet_that_may_only_not_receive_is_mobile():
    asset, custody = Wallets(dict.fromkeys(SHARDS, 200)), Custody(SHARDS)
    asset.frozen_in.append(SHARDS[0])
    assert custody.mobile(asset) == 1_000


@pytest.mark.parametrize(
    ("balances", "frozen_out", "frozen_in", "expected"),
    [
        ([0, 0, 0], [], [], 0),
        ([5, 3, 3], [], [], 1),
        ([5, 3, 4], [1], [], 2),
        ([5, 3, 4], [], [1], 2),
        ([5, 3, 4], [0, 2], [1], None),
    ],
)
def test_a_deposit_goes_to_the_emptiest_wallet_that_no_freeze_touches(
    balances, frozen_out, frozen_in, expected
):
    asset = Wallets(dict(zip(SHARDS, balances, strict=False)))
    asset.frozen_out = [SHARDS[number] for number in frozen_out]
    asset.frozen_in = [SHARDS[number] for number in frozen_in]
    wallet = Custody(SHARDS[:3]).deposit_wallet(asset, ANN)
    assert wallet == (None if expected is None else SHARDS[expected])


@pytest.mark.parametrize(
    ("amount", "parts"),
    [
        (200, {1: 200}),
        (300, {1: 300}),
        (301, {1: 300, 0: 1}),
        (600, {1: 300, 0: 200, 2: 100}),
    ],
)
def test_a_withdrawal_takes_from_the_fullest_wallets_first(amount, parts):
    spendable = {SHARDS[0]: 200, SHARDS[1]: 300, SHARDS[2]: 100, SHARDS[3]: 0}
    assert split(amount, spendable) == [(SHARDS[number], part) for number, part in parts.items()]


def test_a_withdrawal_beyond_what_the_wallets_hold_is_our_fault():
    with pytest.raises(AssertionError):
        split(601, {SHARDS[0]: 600})


# --- the gate -------------------------------------------------------------------------------------------


def test_pro_rata_is_by_claim_and_does_not_depend_on_who_comes_first():
    """E18: 800 mobile for claims of 400, 350 and 250."""
    closed = gate()
    assert withdrawable(closed) == [320, 280, 200]
    closed.take(CAT, 200)
    closed.take(ANN, 100)
    assert withdrawable(closed) == [220, 280, 0]
    assert closed.promised() == 500


def test_first_come_serves_whole_claims_until_nothing_is_left():
    """E18: 400, 350 and 50."""
    closed = gate(GateRule.FIRST_COME)
    taken = []
    for who in CLAIMS:
        taken.append(closed.withdrawable(who))
        closed.take(who, taken[-1])
    assert taken == [400, 350, 50]
    assert withdrawable(closed) == [0, 0, 0]


@pytest.mark.parametrize(("mobile", "shares"), [(0, [0, 0, 0]), (1_000, [400, 350, 250]),
                                                (1_200, [400, 350, 250]), (1, [1, 0, 0])])  # fmt: skip
def test_nobody_may_withdraw_more_than_its_claim_or_than_there_is(mobile, shares):
    """I-46. E18's omnibus wallet is the first row; the third has coins of the house's own."""
    closed = gate(mobile=mobile)
    assert withdrawable(closed) == shares
    assert closed.promised() <= mobile


def test_a_stranger_to_the_reckoning_may_take_only_what_it_brings():
    closed, dan = gate(), ParticipantId("dan")
    assert closed.withdrawable(dan) == 0
    closed.admit(dan, 70)
    assert closed.withdrawable(dan) == 70
    assert withdrawable(closed) == [320, 280, 200]


def test_a_withdrawal_that_failed_was_never_taken():
    closed = gate()
    closed.take(ANN, 320)
    closed.give_back(ANN, 320)
    assert withdrawable(closed) == [320, 280, 200]
    closed.reset(800, CLAIMS)
    assert withdrawable(closed) == [320, 280, 200]


def test_at_a_second_freeze_what_was_withdrawn_counts_as_received():
    """800 were mobile; Ann took her 320; then another 200 freeze. Of 600 that ever moved each claim gets 60%:
    Ann was due 240 and has more, so Bob and Cat share the 280 that are left as 350 to 250."""
    closed = gate()
    closed.take(ANN, 320)
    closed.reset(280, {ANN: 80, BOB: 350, CAT: 250})
    assert withdrawable(closed) == [0, 163, 117]


def test_at_a_second_freeze_a_part_withdrawn_is_made_up_to_the_same_level():
    """Ann took 100 of 800; then 200 freeze. Each claim gets 60% in all: 240, 210, 150; Ann has had 100."""
    closed = gate()
    closed.take(ANN, 100)
    closed.reset(500, {ANN: 300, BOB: 350, CAT: 250})
    assert withdrawable(closed) == [140, 210, 150]


def test_when_one_of_two_wallets_thaws_the_others_catch_up():
    closed = gate(mobile=600)
    closed.take(ANN, 240)
    closed.reset(560, {ANN: 160, BOB: 350, CAT: 250})
    assert withdrawable(closed) == [80, 280, 200]


def test_going_past_the_gate_is_our_fault():
    with pytest.raises(AssertionError):
        gate().take(ANN, 321)
