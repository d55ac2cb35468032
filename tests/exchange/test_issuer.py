"""The issuer: each operation in each state, who must sign, and what a refusal leaves unchanged."""

import pytest

from exchange.cash.issuer import Issuer
from exchange.cash.issuer_states import ALLOWED, CHANGES, REFUSED_IN, Answer, IssuerState, Operation
from exchange.cash.redemption import Ticket
from exchange.cash.terms import (
    Circulation,
    CoinTerms,
    RedemptionTerms,
    ReissueRule,
    ReserveStatus,
    Role,
    RoleName,
    all_of,
    keys_of,
)
from exchange.messages import changed
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
    roles=keys_of(ISSUER_KEY, apart=(all_of(RoleName.VENUE_FREEZER, CENTRAL_BANK),)),
    wipe_allowed=True,
)
NO_WIPE = changed(TERMS, wipe_allowed=False)


def an_issuer(terms: CoinTerms = TERMS) -> Issuer:
    """900 received, 500 of it minted: 300 to Ann, 200 to the venue."""
    issuer = Issuer(terms)
    assert issuer.record_receipt("r-1", 500, 1) is None
    assert issuer.record_receipt("r-2", 400, 1) is None
    assert issuer.mint("mint-1", "r-1", ANN, 300, 2) is None
    assert issuer.mint("mint-1", "r-1", VENUE, 200, 2) is None
    return issuer


def redeem(issuer: Issuer, wallet: WalletId, amount: int, now: int) -> CashRefusal | None:
    """Ask for redemption, and be paid at once if that can be done."""
    ticket = issuer.request(wallet, amount, now)
    if not isinstance(ticket, Ticket):
        return ticket
    if issuer.can_pay_at_once(ticket, now):
        issuer.pay(ticket, ticket.open, now)
    return None


def lose(issuer: Issuer, share_bp: int, now: int) -> None:
    """So much of the one deposit is gone, and is told."""
    changes = issuer.report_reserves("settlement bank", ReserveStatus.LOST, share_bp, now)
    assert isinstance(changes, list)
    assert issuer.tell_shortfall() == (issuer.shortfall > 0)


def picture(issuer: Issuer) -> tuple[object, ...]:
    """All that can be seen of an issuer."""
    wallets = (ANN, BOB, VENUE)
    return (
        issuer.head(),
        issuer.supply,
        (issuer.reserves.book, issuer.redemptions.backlog, issuer.own_funds),
        issuer.state,
        [issuer.allowance(minter) for minter in ("mint-1", "mint-2", "mint-3")],
        [issuer.keys.role(name) for name in RoleName],
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
    if name == "redeem":
        return redeem(issuer, *arguments)
    return getattr(issuer, str(name))(*arguments, **options)


# --- each operation in each state -----------------------------------------------------------------------

OK = None
PAUSED, FROZEN, NOT_FROZEN = CashRefusal.ISSUER_PAUSED, CashRefusal.WALLET_FROZEN, CashRefusal.NOT_FROZEN
NOT_PAUSED = CashRefusal.NOT_PAUSED


SUSPENDED, GATED = CashRefusal.MINTING_SUSPENDED, CashRefusal.REDEMPTION_GATED
DEFAULTED, WINDING_DOWN = CashRefusal.ISSUER_DEFAULTED, CashRefusal.ISSUER_WINDING_DOWN
CONFIGURE = ("configure_minter", "mint-3", 10, KEYS)
REMOVE = ("remove_minter", "mint-2", KEYS)
CHANGE_ROLE = ("change_role", all_of(RoleName.PAUSER, "another"), KEYS)
INTO_VENUE = ("transfer", ANN, VENUE, 10, 9)
OUT_OF_VENUE = ("transfer", VENUE, BOB, 10, 9)


ONE_EACH = tuple(name.value for name in RoleName)


def one_signer_each() -> tuple[Role, ...]:
    """Every role held by somebody of its name."""
    return tuple(all_of(name, name.value) for name in RoleName)


def brought_into(issuer: Issuer, state: IssuerState, signatures: tuple[str, ...] = KEYS) -> Issuer:
    if state is IssuerState.PAUSED:
        assert issuer.pause(signatures) is None
    elif state is not IssuerState.ACTIVE:
        assert issuer.change_state(state, signatures) is None
    return issuer


@pytest.mark.parametrize(
    ("operation", "active", "suspended", "gated", "paused", "default", "winding_down"),
    [
        (RECEIPT, OK, OK, OK, OK, OK, OK),
        (MINT, OK, SUSPENDED, GATED, PAUSED, DEFAULTED, WINDING_DOWN),
        (TRANSFER, OK, OK, OK, PAUSED, OK, WINDING_DOWN),
        (INTO_VENUE, OK, OK, OK, PAUSED, OK, WINDING_DOWN),
        (OUT_OF_VENUE, OK, OK, OK, PAUSED, OK, OK),
        (REDEEM, OK, OK, OK, PAUSED, OK, WINDING_DOWN),
        (FREEZE_BOB, OK, OK, OK, OK, OK, OK),
        (CONFIGURE, OK, OK, OK, PAUSED, DEFAULTED, WINDING_DOWN),
        (REMOVE, OK, OK, OK, OK, OK, OK),
        (CHANGE_ROLE, OK, OK, OK, OK, OK, OK),
    ],
)
def test_what_may_be_done_in_which_state(operation, active, suspended, gated, paused, default, winding_down):
    expected = (active, suspended, gated, paused, default, winding_down)
    for state, reason in zip(IssuerState, expected, strict=True):
        issuer = brought_into(an_issuer(), state)
        before = picture(issuer)
        assert do(issuer, operation) is reason, (operation, state)
        assert issuer.audit() == []
        assert (picture(issuer) == before) == (reason is not None)


@pytest.mark.parametrize(
    ("state", "paid"),
    [
        (IssuerState.ACTIVE, 10),
        (IssuerState.MINT_SUSPENDED, 10),
        (IssuerState.REDEMPTION_GATED, 0),
        (IssuerState.DEFAULT, 0),
    ],
)
def test_in_which_state_a_request_is_paid_and_in_which_it_is_a_claim_only(state, paid):
    issuer = brought_into(an_issuer(), state)
    assert do(issuer, REDEEM) is None
    assert (500 - issuer.supply, issuer.redemptions.backlog) == (paid, 10 - paid)


def test_the_table_says_what_the_issuer_does():
    """Every row has every state, and every state that refuses anything has a reason of its own."""
    assert set(ALLOWED) == {(operation, state) for operation in Operation for state in IssuerState}
    for (operation, state), answer in ALLOWED.items():
        issuer = brought_into(an_issuer(), state)
        refused = REFUSED_IN[state] if answer is Answer.NO else None
        assert issuer.refused_in_state(operation) is refused
    assert len(set(REFUSED_IN.values())) == len(REFUSED_IN) == len(IssuerState) - 1


@pytest.mark.parametrize("before", IssuerState)
@pytest.mark.parametrize("after", IssuerState)
def test_a_state_is_reached_with_the_key_of_that_change_or_not_at_all(before, after):
    for name in RoleName:
        issuer = brought_into(Issuer(changed(TERMS, roles=one_signer_each())), before, ONE_EACH)
        reason = issuer.change_state(after, (name.value,))
        needed = CHANGES.get((before, after))
        if needed is None:
            assert reason is CashRefusal.STATE_NOT_REACHABLE
        else:
            assert reason is (None if name is needed else CashRefusal.SIGNATURES_MISSING)
        assert issuer.state is (after if reason is None else before)


@pytest.mark.parametrize(
    ("operation", "active", "paused"),
    [
        (RECEIPT, OK, OK),
        (MINT, FROZEN, PAUSED),
        (TRANSFER, FROZEN, PAUSED),
        (("transfer", VENUE, ANN, 10, 9), FROZEN, PAUSED),
        (OUT_OF_VENUE, OK, PAUSED),
        (REDEEM, FROZEN, PAUSED),
        (FREEZE_BOB, OK, OK),
        (("freeze", ANN, "order-9", KEYS, 9), CashRefusal.ALREADY_FROZEN, CashRefusal.ALREADY_FROZEN),
        (UNFREEZE_ANN, OK, OK),
        (WIPE_ANN, OK, OK),
        (PAUSE, OK, PAUSED),
        (UNPAUSE, NOT_PAUSED, OK),
    ],
)
def test_what_may_be_done_while_a_wallet_is_frozen(operation, active, paused):
    for stopped, expected in ((False, active), (True, paused)):
        issuer = an_issuer()
        assert issuer.freeze(ANN, "order-1", KEYS, 3) is None
        if stopped:
            assert issuer.pause(KEYS) is None
        before = picture(issuer)
        assert do(issuer, operation) is expected, (operation, stopped)
        assert issuer.audit() == []
        assert (picture(issuer) == before) == (expected is not None)


def test_a_pause_ends_in_the_state_in_which_it_began_unless_the_issuer_defaults_in_it():
    issuer = brought_into(an_issuer(), IssuerState.MINT_SUSPENDED)
    assert issuer.pause(KEYS) is None
    assert issuer.unpause(KEYS) is None
    assert issuer.state is IssuerState.MINT_SUSPENDED
    assert issuer.pause(KEYS) is None
    assert issuer.change_state(IssuerState.DEFAULT, KEYS) is None
    assert issuer.unpause(KEYS) is CashRefusal.NOT_PAUSED
    assert issuer.transfer(ANN, BOB, 10, 4) is None
    assert issuer.audit() == []


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
        (("freeze", TERMS.issuer_wallet, "order-1", KEYS, 9), CashRefusal.WALLET_OF_THE_ISSUER),
        (("unfreeze", NOBODY, "order-1", KEYS, 9), CashRefusal.UNKNOWN_WALLET),
        (("unfreeze", ANN, "order-1", (), 9), CashRefusal.SIGNATURES_MISSING),
        (("transfer", ANN, TERMS.issuer_wallet, 10, 9), CashRefusal.WALLET_OF_THE_ISSUER),
        (("transfer", TERMS.issuer_wallet, ANN, 10, 9), CashRefusal.WALLET_OF_THE_ISSUER),
        (("mint", "mint-1", "r-2", TERMS.issuer_wallet, 10, 9), CashRefusal.WALLET_OF_THE_ISSUER),
        (("redeem", TERMS.issuer_wallet, 10, 9), CashRefusal.WALLET_OF_THE_ISSUER),
        (("cancel_refusal", 1), CashRefusal.UNKNOWN_TICKET),
        (("report_reserves", "no bank", ReserveStatus.LOST, 100, 9), CashRefusal.UNKNOWN_CUSTODIAN),
        (
            ("report_reserves", "settlement bank", ReserveStatus.LOST, 10_001, 9),
            CashRefusal.SHARE_OUT_OF_RANGE,
        ),
        (("report_reserves", "settlement bank", ReserveStatus.LOST, 0, 9), CashRefusal.SHARE_OUT_OF_RANGE),
        (("report_reserves", "settlement bank", ReserveStatus.OK, 100, 9), CashRefusal.NOTHING_CHANGES),
        (("add_own_funds", 0, 9), CashRefusal.AMOUNT_NOT_POSITIVE),
        (("distribute", 10, 9), CashRefusal.PAYS_NO_INTEREST),
        (("distribute", 0, 9), CashRefusal.AMOUNT_NOT_POSITIVE),
        (("configure_minter", "mint-3", 0, KEYS), CashRefusal.AMOUNT_NOT_POSITIVE),
        (("configure_minter", "mint-3", 10, (CENTRAL_BANK,)), CashRefusal.SIGNATURES_MISSING),
        (("remove_minter", "mint-3", KEYS), CashRefusal.NOT_A_MINTER),
        (("remove_minter", "mint-2", ()), CashRefusal.SIGNATURES_MISSING),
        (
            ("change_role", Role(name=RoleName.PAUSER, holders=("a",), quorum=2), KEYS),
            CashRefusal.ROLE_IMPOSSIBLE,
        ),
        (
            ("change_role", Role(name=RoleName.PAUSER, holders=("a",), quorum=0), KEYS),
            CashRefusal.ROLE_IMPOSSIBLE,
        ),
        (("change_role", all_of(RoleName.PAUSER, "a", "a"), KEYS), CashRefusal.ROLE_IMPOSSIBLE),
        (("change_role", all_of(RoleName.PAUSER, "a", delay=-1), KEYS), CashRefusal.ROLE_IMPOSSIBLE),
        (("change_role", all_of(RoleName.PAUSER, "a"), ("a",)), CashRefusal.SIGNATURES_MISSING),
        (("change_role", all_of(RoleName.PAUSER, ISSUER_KEY), KEYS), CashRefusal.NOTHING_CHANGES),
        (("change_state", IssuerState.PAUSED, KEYS), CashRefusal.STATE_NOT_REACHABLE),
        (("change_state", IssuerState.DEFAULT, (CENTRAL_BANK,)), CashRefusal.SIGNATURES_MISSING),
        (("reissue", BOB, 5, "order-1", KEYS, 9), CashRefusal.UNKNOWN_WIPE),
        (("reissue", BOB, 0, "order-1", KEYS, 9), CashRefusal.AMOUNT_NOT_POSITIVE),
        (("wipe", ANN, "order-1", KEYS, 9, ANN), CashRefusal.SAME_WALLET),
        (("wipe", ANN, "order-1", KEYS, 9, TERMS.issuer_wallet), CashRefusal.WALLET_OF_THE_ISSUER),
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
    assert (issuer.supply, issuer.reserves.book) == (900, 900)


@pytest.mark.parametrize(
    "operation", [RECEIPT, ("add_own_funds", 10, 9), ("distribute", 10, 9)], ids=lambda one: one[0]
)
def test_where_all_reserves_are_lost_nobody_is_left_to_take_money_in(operation):
    issuer = an_issuer(changed(TERMS, interest_share_bp=5_000))
    lose(issuer, 10_000, 5)
    before = picture(issuer)
    assert do(issuer, operation) is CashRefusal.RESERVES_LOST
    assert picture(issuer) == before


def test_minting_uses_up_the_allowance_and_redeeming_does_not_restore_it():
    issuer = an_issuer()
    assert issuer.mint("mint-2", "r-2", ANN, 40, 3) is None
    assert redeem(issuer, ANN, 40, 4) is None
    assert issuer.allowance("mint-2") == 10
    assert issuer.mint("mint-2", "r-2", ANN, 11, 5) is CashRefusal.ALLOWANCE_EXCEEDED
    assert issuer.mint("mint-2", "r-2", ANN, 10, 5) is None


def test_redemption_burns_coins_and_pays_roubles_at_par():
    issuer = an_issuer()
    assert redeem(issuer, ANN, 120, 3) is None
    assert (issuer.balance(ANN), issuer.supply, issuer.reserves.book) == (180, 380, 780)


def test_redemption_pays_no_more_at_once_than_is_left_of_the_reserves():
    """900 of reserves lose 750: the supply of 500 stays, 150 can be paid, and who wants more waits."""
    issuer = an_issuer()
    lose(issuer, 8_333, 3)
    assert (issuer.reserves.book, issuer.supply, issuer.shortfall) == (150, 500, 350)
    assert redeem(issuer, ANN, 151, 4) is None
    assert (issuer.redemptions.backlog, issuer.supply, issuer.reserves.book) == (151, 500, 150)
    assert issuer.balance(TERMS.issuer_wallet) == 151
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
    assert redeem(issuer, ANN, 10, 4) is send
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
    assert (issuer.balance(ANN), issuer.supply, issuer.reserves.book) == (0, 200, 900)
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
        (lambda issuer: issuer._to_reissue.update({"order": 5}), "I-42: 5 may be issued anew"),
        (lambda issuer: setattr(issuer.minting, "unbacked", 5), "I-43: of 500 minted, 500 have"),
        (lambda issuer: setattr(issuer.minting, "unbacked", 5), "I-43: 5 were minted without a receipt"),
        (lambda issuer: setattr(issuer.minting, "unbacked", 5), "I-43: 5 minted without a receipt, 0 on"),
        (lambda issuer: issuer.reserves.take_in(1), "I-43: buckets of 901"),
        (lambda issuer: issuer.reserves.pay(450), "I-43: the coins exceed the reserves by 50, 0 was told"),
        (lambda issuer: setattr(issuer.redemptions, "_requested", 1), "I-45: 1 asked for, 0 paid"),
        (lambda issuer: setattr(issuer.redemptions, "_paid", 1), "I-45: 0 asked for, 1 paid"),
        (lambda issuer: setattr(issuer.redemptions, "backlog", 1), "I-45: 0 open on tickets, 1 told"),
        (lambda issuer: setattr(issuer.interest, "dust", 1), "I-47: 1 of interest set aside, 0 on"),
        (lambda issuer: setattr(issuer.interest, "dust", 1), "I-47: rounding left over 1"),
        (lambda issuer: issuer.minting._minted.update({"mint-1": 449, "mint-2": 51}), "I-43: mint-2 minted 51"),
        (lambda issuer: setattr(issuer.minting._receipts["r-1"], "amount", 499), "I-43: of 500 minted, 499"),
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


# --- keys, minters, wipe and reissue --------------------------------------------------------------------


def test_enough_of_the_holders_must_sign_and_each_counts_once():
    three_of_five = Role(name=RoleName.PAUSER, holders=("a", "b", "c", "d", "e"), quorum=3)
    issuer = an_issuer(changed(TERMS, roles=keys_of(ISSUER_KEY, apart=(three_of_five,))))
    for too_few in ((), ("a", "b"), ("a", "a", "a"), ("a", "b", ISSUER_KEY, "f")):
        assert issuer.pause(too_few) is CashRefusal.SIGNATURES_MISSING
    assert issuer.pause(("e", "x", "a", "c")) is None


def test_a_role_that_is_not_given_is_nobodys():
    issuer = an_issuer(changed(TERMS, roles=(all_of(RoleName.FREEZER, ISSUER_KEY),)))
    for operation in (PAUSE, CONFIGURE, CHANGE_ROLE, ("change_state", IssuerState.DEFAULT, KEYS)):
        assert do(issuer, operation) is CashRefusal.SIGNATURES_MISSING
    assert issuer.freeze(VENUE, "order-1", (ISSUER_KEY,), 3) is None  # without anybody who must sign beside


def test_where_minting_takes_a_quorum_the_minter_alone_cannot():
    three_of_five = Role(name=RoleName.MINTER, holders=("a", "b", "c", "d", "e"), quorum=3)
    issuer = Issuer(changed(TERMS, roles=keys_of(ISSUER_KEY, apart=(three_of_five,))))
    assert issuer.record_receipt("r-1", 500, 1) is None
    assert issuer.mint("mint-1", "r-1", ANN, 10, 2) is CashRefusal.SIGNATURES_MISSING
    assert issuer.mint("mint-1", "r-1", ANN, 10, 2, ("a", "b", "c")) is None


def test_a_role_passes_to_others():
    issuer = an_issuer()
    assert issuer.change_role(all_of(RoleName.PAUSER, "b"), KEYS) is None
    assert issuer.pause(KEYS) is CashRefusal.SIGNATURES_MISSING
    assert issuer.pause(("b",)) is None


def test_an_allowance_is_set_anew_or_taken_away():
    issuer = an_issuer()
    assert issuer.configure_minter("mint-2", 300, KEYS) is None  # in place of the 50 that were left
    assert issuer.mint("mint-2", "r-2", ANN, 301, 4) is CashRefusal.ALLOWANCE_EXCEEDED
    assert issuer.mint("mint-2", "r-2", ANN, 100, 4) is None
    assert issuer.allowance("mint-2") == 200
    assert issuer.remove_minter("mint-2", KEYS) is None
    assert issuer.allowance("mint-2") == 0
    assert issuer.mint("mint-2", "r-2", ANN, 1, 5) is CashRefusal.NOT_A_MINTER
    assert issuer.configure_minter("mint-2", 7, KEYS) is None
    assert issuer.allowance("mint-2") == 7
    assert issuer.audit() == []


def test_an_issuer_that_asks_for_no_receipt_mints_against_nothing_up_to_the_allowance():
    """A thief with a minter's key: the loss is bounded by the allowance, and told at once."""
    issuer = an_issuer(changed(TERMS, mint_needs_receipt=False))
    assert issuer.mint("mint-1", "none", BOB, 501, 4) is CashRefusal.ALLOWANCE_EXCEEDED
    assert issuer.mint("mint-1", "none", BOB, 500, 4) is None
    assert (issuer.supply, issuer.reserves.book, issuer.shortfall) == (1_000, 900, 100)
    assert any(sentence.startswith("I-43: the coins exceed") for sentence in issuer.audit())
    assert issuer.tell_shortfall() and not issuer.tell_shortfall()
    assert issuer.audit() == []


def test_a_receipt_that_is_there_binds_also_an_issuer_that_asks_for_none():
    issuer = an_issuer(changed(TERMS, mint_needs_receipt=False))
    assert issuer.mint("mint-1", "r-1", BOB, 1, 4) is CashRefusal.RECEIPT_ALREADY_USED
    assert issuer.mint("mint-1", "r-2", BOB, 401, 4) is CashRefusal.AMOUNT_ABOVE_RECEIPT


def test_an_issuer_with_a_reserve_check_does_not_mint_beyond_what_is_left():
    issuer = an_issuer(changed(TERMS, mint_needs_reserves=True))
    lose(issuer, 4_000, 3)  # 360 of 900: 540 are left for 500
    assert issuer.mint("mint-1", "r-2", BOB, 41, 4) is CashRefusal.INSUFFICIENT_RESERVES
    assert issuer.mint("mint-1", "r-2", BOB, 40, 4) is None


def test_on_terms_where_a_freeze_stops_sending_only_a_frozen_wallet_still_receives():
    issuer = an_issuer(changed(TERMS, freeze_stops_receiving=False))
    assert issuer.freeze(ANN, "order-1", KEYS, 3) is None
    assert (issuer.is_frozen_out(ANN), issuer.is_frozen_in(ANN)) == (True, False)
    assert issuer.transfer(VENUE, ANN, 10, 4) is None
    assert issuer.transfer(ANN, BOB, 10, 4) is FROZEN
    assert issuer.freeze(BOB, "order-2", KEYS, 5, out=False) is CashRefusal.ALREADY_FROZEN
    assert issuer.audit() == []


def test_what_was_wiped_is_issued_anew_and_no_more_than_that():
    issuer = an_issuer()
    assert issuer.freeze(ANN, "court-7", KEYS, 3) is None
    assert issuer.wipe(ANN, "court-7", KEYS, 4) is None
    assert issuer.supply == 200
    assert issuer.reissue(BOB, 301, "court-7", KEYS, 5) is CashRefusal.AMOUNT_ABOVE_WIPED
    assert issuer.reissue(ANN, 100, "court-7", KEYS, 5) is FROZEN
    assert issuer.reissue(VENUE, 100, "court-7", (ISSUER_KEY,), 5) is CashRefusal.SIGNATURES_MISSING
    assert issuer.reissue(BOB, 100, "court-7", KEYS, 5) is None
    assert issuer.reissue(BOB, 200, "court-7", KEYS, 6) is None
    assert issuer.reissue(BOB, 1, "court-7", KEYS, 7) is CashRefusal.AMOUNT_ABOVE_WIPED
    assert (issuer.supply, issuer.balance(BOB), issuer.reserves.book) == (500, 300, 900)
    assert issuer.audit() == []


@pytest.mark.parametrize(
    ("rule", "target", "reason"),
    [
        (ReissueRule.NEVER, None, OK),
        (ReissueRule.NEVER, BOB, CashRefusal.REISSUE_NOT_ALLOWED),
        (ReissueRule.OPTIONAL, None, OK),
        (ReissueRule.OPTIONAL, BOB, OK),
        (ReissueRule.MANDATORY, None, CashRefusal.REISSUE_MISSING),
        (ReissueRule.MANDATORY, BOB, OK),
    ],
)
@pytest.mark.parametrize("paused", [False, True])
def test_whether_a_wipe_issues_anew_is_a_matter_of_the_terms(rule, target, reason, paused):
    issuer = an_issuer(changed(TERMS, reissue=rule))
    assert issuer.freeze(ANN, "order-1", KEYS, 3) is None
    if paused:
        assert issuer.pause(KEYS) is None
    assert issuer.wipe(ANN, "order-1", KEYS, 4, target) is reason
    assert issuer.supply == (500 if target or reason else 200)
    assert issuer.balance(BOB) == (300 if target and not reason else 0)
    assert issuer.audit() == []


def test_what_is_out_at_the_founding_is_in_the_reserves():
    deposit = changed(TERMS.reserves[0], amount=70)
    issuer = Issuer(
        changed(
            TERMS,
            circulation=(Circulation(wallet_id=ANN, amount=50),),
            own_funds=20,
            reserves=(deposit,),
        )
    )
    assert (issuer.supply, issuer.balance(ANN), issuer.own_funds, issuer.reserves.book) == (50, 50, 20, 70)
    assert redeem(issuer, ANN, 50, 1) is None
    assert (issuer.supply, issuer.reserves.book) == (0, 20)
    assert issuer.audit() == []


# --- winding down ---------------------------------------------------------------------------------------


def test_a_wind_down_pays_all_holders_the_same_part_and_keeps_what_cannot_be_paid_yet():
    """500 out, 360 left: 72% for Ann's 300 and for the venue's 200, who are paid when they have taken theirs out."""
    issuer = an_issuer()
    lose(issuer, 6_000, 3)
    assert issuer.change_state(IssuerState.WIND_DOWN, KEYS) is None
    assert [(p.wallet_id, p.burned) for p in issuer.pay_holders(4)] == [(ANN, 216)]
    assert (issuer.balance(ANN), issuer.reserves.book) == (84, 144)
    assert issuer.pay_holders(5) == []  # nobody gets twice
    assert issuer.transfer(VENUE, BOB, 200, 6) is None
    assert [(p.wallet_id, p.burned) for p in issuer.pay_holders(7)] == [(BOB, 144)]
    assert (issuer.supply, issuer.reserves.book) == (84 + 56, 0)
    issuer.tell_shortfall()
    assert issuer.audit() == []


def test_a_wind_down_pays_a_frozen_wallet_after_its_freeze_and_tickets_as_coins():
    issuer = an_issuer(changed(TERMS, redemption=RedemptionTerms(instant=False, fee_fixed=5)))
    assert redeem(issuer, ANN, 100, 3) is None
    assert issuer.transfer(VENUE, BOB, 200, 3) is None
    assert issuer.freeze(BOB, "order-1", KEYS, 3) is None
    lose(issuer, 5_000, 4)  # 450 of 900 for 500
    assert issuer.change_state(IssuerState.WIND_DOWN, KEYS) is None
    assert [(p.ticket_id, p.wallet_id, p.roubles) for p in issuer.pay_holders(5)] == [
        (1, ANN, 100),
        (0, ANN, 170),
    ]
    assert issuer.unfreeze(BOB, "order-2", KEYS, 6) is None
    assert [(p.wallet_id, p.roubles) for p in issuer.pay_holders(7)] == [(BOB, 180)]
    issuer.tell_shortfall()
    assert issuer.audit() == []
