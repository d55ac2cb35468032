"""The issuer: each operation in each state, who must sign, and what a refusal leaves unchanged."""

import pytest

from exchange.cash.issuer import Issuer
from exchange.cash.terms import CoinTerms
from exchange.reasons import CashRefusal
from exchange.units import AssetId, WalletId

ANN, BOB, VENUE = WalletId("w-ann"), WalletId("w-bob"), WalletId("w-venue")
NOBODY = WalletId("w-nobody")
ISSUER_KEY, CENTRAL_BANK = "issuer", "central-bank"
KEYS = (ISSUER_KEY, CENTRAL_BANK)

TERMS = CoinTerms(
    asset_id=AssetId("RUBD"),
    issuer="Domestic Coin",
    minters={"mint-1": 1_000, "mint-2": 50},
    venue_wallets=(VENUE,),
    freeze_signatures=(ISSUER_KEY,),
    venue_freeze_signatures=(CENTRAL_BANK,),
    pause_signatures=(ISSUER_KEY,),
    wipe_allowed=True,
)
NO_WIPE = CoinTerms(
    asset_id=TERMS.asset_id, issuer=TERMS.issuer, minters=TERMS.minters, venue_wallets=TERMS.venue_wallets,
    freeze_signatures=TERMS.freeze_signatures, venue_freeze_signatures=TERMS.venue_freeze_signatures,
    pause_signatures=TERMS.pause_signatures,
)  # fmt: skip


def an_issuer(terms: CoinTerms = TERMS) -> Issuer:
    """900 received, 500 of it minted: 300 to Ann, 200 to the venue."""
    issuer = Issuer(terms)
    assert issuer.record_receipt("r-1", 500, 1) is None
    assert issuer.record_receipt("r-2", 400, 1) is None
    assert issuer.mint("mint-1", "r-1", ANN, 300, 2) is None
    assert issuer.mint("mint-1", "r-1", VENUE, 200, 2) is None
    return issuer


def picture(issuer: Issuer) -> tuple[object, ...]:
    """All that can be seen of an issuer."""
    wallets = (ANN, BOB, VENUE)
    return (
        issuer.head(),
        issuer.supply,
        issuer.reserves,
        issuer.paused,
        [issuer.allowance(minter) for minter in TERMS.minters],
        [(issuer.balance(w), issuer.is_frozen_out(w), issuer.is_frozen_in(w)) for w in wallets],
    )


MINT = ("mint", "mint-1", "r-2", ANN, 10, 9)
TRANSFER = ("transfer", ANN, BOB, 10, 9)
REDEEM = ("redeem", ANN, 10, 9)
RECEIPT = ("record_receipt", "r-9", 10, 9)
FREEZE_BOB = ("freeze", BOB, "order-9", KEYS, 9)
UNFREEZE_ANN = ("unfreeze", ANN, "order-9", KEYS, 9)
WIPE_ANN = ("wipe", ANN, "order-9", KEYS, 9)
PAUSE = ("pause", KEYS)
UNPAUSE = ("unpause", KEYS)


def do(issuer: Issuer, operation: tuple[object, ...], **options: bool) -> CashRefusal | None:
    name, *arguments = operation
    return getattr(issuer, str(name))(*arguments, **options)


# --- each operation in each state -----------------------------------------------------------------------

OK = None
PAUSED, FROZEN, NOT_FROZEN = CashRefusal.ISSUER_PAUSED, CashRefusal.WALLET_FROZEN, CashRefusal.NOT_FROZEN
NOT_PAUSED = CashRefusal.NOT_PAUSED


@pytest.mark.parametrize(
    ("operation", "active", "ann_frozen", "paused", "paused_ann_frozen"),
    [
        (RECEIPT, OK, OK, OK, OK),
        (MINT, OK, FROZEN, PAUSED, PAUSED),
        (TRANSFER, OK, FROZEN, PAUSED, PAUSED),
        (("transfer", VENUE, ANN, 10, 9), OK, FROZEN, PAUSED, PAUSED),
        (("transfer", VENUE, BOB, 10, 9), OK, OK, PAUSED, PAUSED),
        (REDEEM, OK, FROZEN, PAUSED, PAUSED),
        (FREEZE_BOB, OK, OK, OK, OK),
        (("freeze", ANN, "order-9", KEYS, 9), OK, CashRefusal.ALREADY_FROZEN, OK, CashRefusal.ALREADY_FROZEN),
        (UNFREEZE_ANN, NOT_FROZEN, OK, NOT_FROZEN, OK),
        (WIPE_ANN, NOT_FROZEN, OK, NOT_FROZEN, OK),
        (PAUSE, OK, OK, PAUSED, PAUSED),
        (UNPAUSE, NOT_PAUSED, NOT_PAUSED, OK, OK),
    ],
)
def test_what_may_be_done_in_which_state(operation, active, ann_frozen, paused, paused_ann_frozen):
    for frozen, stopped, expected in (
        (False, False, active), (True, False, ann_frozen), (False, True, paused),
        (True, True, paused_ann_frozen),
    ):  # fmt: skip
        issuer = an_issuer()
        if frozen:
            assert issuer.freeze(ANN, "order-1", KEYS, 3) is None
        if stopped:
            assert issuer.pause(KEYS) is None
        before = picture(issuer)
        assert do(issuer, operation) is expected, (operation, frozen, stopped)
        assert issuer.audit() == []
        assert (picture(issuer) == before) == (expected is not None)


# --- refusals -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        (("record_receipt", "r-1", 500, 9), CashRefusal.RECEIPT_ALREADY_USED),
        (("record_receipt", "r-9", 0, 9), CashRefusal.AMOUNT_NOT_POSITIVE),
        (("mint", "mint-1", "r-2", ANN, 0, 9), CashRefusal.AMOUNT_NOT_POSITIVE),
        (("mint", "stranger", "r-2", ANN, 10, 9), CashRefusal.NOT_A_MINTER),
        (("mint", "stranger", "r-9", ANN, 9_999, 9), CashRefusal.NOT_A_MINTER),
        (("mint", "mint-1", "r-9", ANN, 10, 9), CashRefusal.NO_FIAT_RECEIPT),
        (("mint", "mint-1", "r-1", ANN, 1, 9), CashRefusal.RECEIPT_ALREADY_USED),
        (("mint", "mint-1", "r-2", ANN, 401, 9), CashRefusal.AMOUNT_ABOVE_RECEIPT),
        (("mint", "mint-2", "r-2", ANN, 51, 9), CashRefusal.ALLOWANCE_EXCEEDED),
        (("transfer", NOBODY, ANN, 0, 9), CashRefusal.UNKNOWN_WALLET),
        (("transfer", ANN, ANN, 0, 9), CashRefusal.SAME_WALLET),
        (("transfer", ANN, BOB, -1, 9), CashRefusal.AMOUNT_NOT_POSITIVE),
        (("transfer", ANN, BOB, 301, 9), CashRefusal.INSUFFICIENT_FUNDS),
        (("redeem", NOBODY, 10, 9), CashRefusal.UNKNOWN_WALLET),
        (("redeem", ANN, 0, 9), CashRefusal.AMOUNT_NOT_POSITIVE),
        (("redeem", ANN, 301, 9), CashRefusal.INSUFFICIENT_FUNDS),
        (("freeze", ANN, "order-1", (), 9), CashRefusal.SIGNATURES_MISSING),
        (("freeze", ANN, "order-1", (CENTRAL_BANK,), 9), CashRefusal.SIGNATURES_MISSING),
        (("freeze", VENUE, "order-1", (ISSUER_KEY,), 9), CashRefusal.SIGNATURES_MISSING),
        (("freeze", VENUE, "order-1", (CENTRAL_BANK,), 9), CashRefusal.SIGNATURES_MISSING),
        (("unfreeze", NOBODY, "order-1", KEYS, 9), CashRefusal.UNKNOWN_WALLET),
        (("unfreeze", ANN, "order-1", (), 9), CashRefusal.SIGNATURES_MISSING),
        (("pause", (CENTRAL_BANK,)), CashRefusal.SIGNATURES_MISSING),
        (("unpause", ()), CashRefusal.SIGNATURES_MISSING),
        (("wipe", NOBODY, "order-1", KEYS, 9), CashRefusal.UNKNOWN_WALLET),
        (("wipe", ANN, "order-1", (), 9), CashRefusal.SIGNATURES_MISSING),
    ],
)
def test_a_refusal_gives_the_first_reason_and_changes_nothing(operation, reason):
    issuer = an_issuer()
    before = picture(issuer)
    assert do(issuer, operation) is reason
    assert picture(issuer) == before
    assert issuer.audit() == []


# --- receipts, allowance, redemption --------------------------------------------------------------------


def test_a_receipt_may_be_minted_against_in_parts_until_it_is_used_up():
    issuer = an_issuer()
    assert issuer.mint("mint-1", "r-2", ANN, 350, 3) is None
    assert issuer.mint("mint-2", "r-2", BOB, 51, 3) is CashRefusal.AMOUNT_ABOVE_RECEIPT
    assert issuer.mint("mint-2", "r-2", BOB, 50, 3) is None
    assert issuer.mint("mint-2", "r-2", BOB, 1, 3) is CashRefusal.RECEIPT_ALREADY_USED
    assert (issuer.supply, issuer.reserves) == (900, 900)


def test_minting_uses_up_the_allowance_and_redeeming_does_not_restore_it():
    issuer = an_issuer()
    assert issuer.mint("mint-2", "r-2", ANN, 40, 3) is None
    assert issuer.redeem(ANN, 40, 4) is None
    assert issuer.allowance("mint-2") == 10
    assert issuer.mint("mint-2", "r-2", ANN, 11, 5) is CashRefusal.ALLOWANCE_EXCEEDED
    assert issuer.mint("mint-2", "r-2", ANN, 10, 5) is None


def test_redemption_burns_coins_and_pays_roubles_at_par():
    issuer = an_issuer()
    assert issuer.redeem(ANN, 120, 3) is None
    assert (issuer.balance(ANN), issuer.supply, issuer.reserves) == (180, 380, 780)


def test_redemption_stops_at_what_is_left_of_the_reserves():
    """900 of reserves lose 750: the supply of 500 stays, and only 150 can be paid out."""
    issuer = an_issuer()
    assert issuer.record_reserve_loss(901, 3) is CashRefusal.INSUFFICIENT_RESERVES
    assert issuer.record_reserve_loss(750, 3) is None
    assert issuer.redeem(ANN, 151, 4) is CashRefusal.INSUFFICIENT_RESERVES
    assert issuer.redeem(ANN, 150, 4) is None
    assert (issuer.supply, issuer.reserves) == (350, 0)
    assert issuer.audit() == []


# --- freezes, pause, wipe -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("out", "into", "send", "receive"),
    [(True, True, FROZEN, FROZEN), (True, False, FROZEN, OK), (False, True, OK, FROZEN)],
)
def test_a_freeze_stops_sending_or_receiving_or_both(out, into, send, receive):
    issuer = an_issuer()
    assert issuer.freeze(ANN, "order-1", KEYS, 3, out=out, into=into) is None
    assert issuer.transfer(VENUE, ANN, 10, 4) is receive
    assert issuer.mint("mint-1", "r-2", ANN, 10, 4) is receive
    assert issuer.transfer(ANN, BOB, 10, 4) is send
    assert issuer.redeem(ANN, 10, 4) is send
    assert issuer.audit() == []


def test_a_second_order_may_add_the_other_direction_but_not_repeat_the_first():
    issuer = an_issuer()
    assert issuer.freeze(ANN, "order-1", KEYS, 3, out=True, into=False) is None
    assert issuer.freeze(ANN, "order-2", KEYS, 4, out=True, into=False) is CashRefusal.ALREADY_FROZEN
    assert issuer.freeze(ANN, "order-3", KEYS, 5, out=False, into=False) is CashRefusal.ALREADY_FROZEN
    assert issuer.freeze(ANN, "order-4", KEYS, 6) is None
    assert (issuer.is_frozen_out(ANN), issuer.is_frozen_in(ANN)) == (True, True)


def test_an_address_that_holds_nothing_yet_can_be_frozen_beforehand():
    issuer = an_issuer()
    assert issuer.freeze(NOBODY, "order-1", KEYS, 3) is None
    assert issuer.transfer(ANN, NOBODY, 10, 4) is CashRefusal.WALLET_FROZEN


def test_lifting_a_freeze_needs_the_keys_that_laid_it_on():
    issuer = an_issuer()
    assert issuer.freeze(VENUE, "order-1", KEYS, 3) is None
    assert issuer.unfreeze(VENUE, "order-1", (ISSUER_KEY,), 4) is CashRefusal.SIGNATURES_MISSING
    assert issuer.is_frozen_out(VENUE)
    assert issuer.unfreeze(VENUE, "order-1", KEYS, 4) is None
    assert issuer.transfer(VENUE, ANN, 200, 5) is None


def test_a_pause_ends_and_everything_moves_again():
    issuer = an_issuer()
    assert issuer.pause(KEYS) is None
    assert issuer.unpause(KEYS) is None
    for operation in (MINT, TRANSFER, REDEEM):
        assert do(issuer, operation) is None
    assert issuer.audit() == []


@pytest.mark.parametrize("paused", [False, True])
def test_a_wipe_destroys_what_a_frozen_wallet_holds_and_keeps_the_roubles(paused):
    issuer = an_issuer()
    assert issuer.freeze(ANN, "order-1", KEYS, 3) is None
    if paused:
        assert issuer.pause(KEYS) is None
    assert issuer.wipe(ANN, "order-1", KEYS, 4) is None
    assert (issuer.balance(ANN), issuer.supply, issuer.reserves) == (0, 200, 900)
    assert issuer.is_frozen_out(ANN) and issuer.is_frozen_in(ANN)
    assert issuer.wipe(ANN, "order-1", KEYS, 5) is CashRefusal.INSUFFICIENT_FUNDS
    assert issuer.audit() == []


def test_a_wallet_that_may_still_send_is_not_wiped():
    issuer = an_issuer()
    assert issuer.freeze(ANN, "order-1", KEYS, 3, out=False) is None
    assert issuer.wipe(ANN, "order-1", KEYS, 4) is CashRefusal.NOT_FROZEN


def test_a_coin_whose_terms_know_no_wipe_cannot_be_wiped():
    issuer = an_issuer(NO_WIPE)
    assert issuer.freeze(ANN, "order-1", KEYS, 3) is None
    assert issuer.wipe(ANN, "order-1", KEYS, 4) is CashRefusal.WIPE_NOT_ALLOWED
    assert issuer.balance(ANN) == 300


# --- the ledger and the audit ---------------------------------------------------------------------------


def test_the_ledger_itself_refuses_what_a_freeze_forbids():
    """The checks ask first, but the lock is where the balance changes."""
    issuer = an_issuer()
    assert issuer.freeze(ANN, "order-1", KEYS, 3) is None
    with pytest.raises(AssertionError):
        issuer._move("wallet:w-ann", "wallet:w-venue", 1, 4, "transfer")
    with pytest.raises(AssertionError):
        issuer._move("wallet:w-venue", "wallet:w-ann", 1, 4, "transfer")


@pytest.mark.parametrize(
    ("meddle", "invariant"),
    [
        (lambda issuer: issuer._move("received", "wallet:w-ann", 5, 9, "mint"), "I-42: wallets hold 505"),
        (lambda issuer: setattr(issuer, "_redeemed", 1), "I-42: mints less redemptions"),
        (lambda issuer: issuer._minted.update({"mint-1": 449, "mint-2": 51}), "I-43: mint-2 minted 51"),
        (lambda issuer: setattr(issuer._receipts["r-1"], "amount", 499), "I-43: of 500 minted, 499"),
    ],
)  # fmt: skip
def test_the_audit_names_what_is_wrong(meddle, invariant):
    issuer = an_issuer()
    meddle(issuer)
    assert any(sentence.startswith(invariant) for sentence in issuer.audit()), issuer.audit()


def test_the_audit_sees_reserves_leave_without_a_loss_on_the_books():
    issuer = an_issuer()
    issuer.supply = 901
    assert any(sentence.startswith("I-43: reserves") for sentence in issuer.audit())


def test_the_audit_sees_a_frozen_or_paused_wallet_move():
    issuer = an_issuer()
    assert issuer.pause(KEYS) is None
    assert issuer.freeze(BOB, "order-1", KEYS, 3) is None
    issuer._move("wallet:w-ann", "wallet:w-venue", 1, 4, "transfer")
    assert [sentence[:20] for sentence in issuer.audit()] == ["I-44: wallet w-venue", "I-44: wallet w-ann m"]
