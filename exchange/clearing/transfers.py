"""What the ledger is asked to do, what it answers, and what it writes down."""

from enum import StrEnum
from typing import Final, TypeAlias

from exchange.messages import Message
from exchange.units import AssetId, Money, Time

TransferId: TypeAlias = int | str

LARGEST: Final = 2**63 - 1  # amount, timeout or numbered id: a signed word of 64 bits
EXPIRY: Final = "expiry:"  # how the ids of the ledger's own transfers begin, and no others


class Rule(StrEnum):
    """What holds at all times between an account's debits and credits; what is set aside counts as taken."""

    LIABILITY = "D<=C"
    MIRROR = "C<=D"
    FREE = ""


class Mode(StrEnum):
    """What a transfer does. EXPIRE is the ledger's own: nobody may submit it."""

    SINGLE = "single"
    PENDING = "pending"
    POST = "post"
    VOID = "void"
    EXPIRE = "expire"


class Status(StrEnum):
    """What became of a transfer, in order of precedence: the first that applies is the one that is told."""

    OK = "ok"
    # 1: the transfer makes no sense in any state of the ledger
    ID_INVALID = "id_invalid"
    AMOUNT_INVALID = "amount_invalid"
    MODE_INVALID = "mode_invalid"
    FIELDS_INVALID = "fields_invalid"
    SAME_ACCOUNT = "same_account"
    # 2, 3: its id has been seen before
    EXISTS = "exists"
    EXISTS_DIFFERENT = "exists_different"
    ID_ALREADY_FAILED = "id_already_failed"
    # 4: the pending transfer that it would resolve
    PENDING_NOT_FOUND = "pending_not_found"
    NOT_PENDING = "not_pending"
    ALREADY_POSTED = "already_posted"
    ALREADY_VOIDED = "already_voided"
    ALREADY_EXPIRED = "already_expired"
    DIFFERENT_ACCOUNTS = "different_accounts"
    EXCEEDS_PENDING = "exceeds_pending"
    # 5, 6, 7: the accounts
    ACCOUNT_NOT_FOUND = "account_not_found"
    DIFFERENT_ASSETS = "different_assets"
    ACCOUNT_CLOSED = "account_closed"
    FROZEN_OUT = "frozen_out"
    FROZEN_IN = "frozen_in"
    # 8: the balances
    EXCEEDS_CREDITS = "exceeds_credits"
    EXCEEDS_DEBITS = "exceeds_debits"
    # another transfer of the same chain was refused
    LINKED_EVENT_FAILED = "linked_event_failed"

    @property
    def transient(self) -> bool:
        """Whether the same transfer might have passed at another time; its id is then burned."""
        return self in _TRANSIENT


_TRANSIENT = frozenset(
    {
        Status.PENDING_NOT_FOUND,
        Status.ACCOUNT_NOT_FOUND,
        Status.ACCOUNT_CLOSED,
        Status.FROZEN_OUT,
        Status.FROZEN_IN,
        Status.EXCEEDS_CREDITS,
        Status.EXCEEDS_DEBITS,
    }
)


class Transfer(Message, tag=False, array_like=True):
    """From the debit account to the credit account. The id is the client's, and makes a retry harmless.

    POST and VOID name the pending transfer that they resolve, and its accounts. POST may move less than was
    pending, and the rest returns; VOID returns all of it, whatever its amount says up to that.
    """

    id: TransferId
    debit: str
    credit: str
    amount: Money
    mode: Mode = Mode.SINGLE
    pending_id: TransferId | None = None  # POST, VOID: what they resolve
    timeout: Time | None = None  # PENDING: how long until it expires by itself
    code: str = ""  # what it is for; means nothing to the ledger
    final: bool = False  # POST: whether it may pass a freeze that came after the pending transfer
    balancing: bool = False  # SINGLE, PENDING: move no more than the debit account has available


Move: TypeAlias = tuple[str, str, Money]  # from the debit account, to the credit account, how much


# --- the history ----------------------------------------------------------------------------------------


class AccountOpened(Message, array_like=True):
    time: Time
    account_id: str
    asset_id: AssetId
    rule: Rule


class Committed(Message, array_like=True):
    """A transfer that was applied, with the amount that it really moved, set aside or returned."""

    time: Time
    transfer: Transfer
    amount: Money


class AccountFrozen(Message, array_like=True):
    time: Time
    account_id: str
    out: bool
    into: bool
    order_ref: str


class AccountUnfrozen(Message, array_like=True):
    time: Time
    account_id: str
    out: bool
    into: bool
    order_ref: str


class AccountClosed(Message, array_like=True):
    time: Time
    account_id: str
    order_ref: str


LedgerRecord: TypeAlias = AccountOpened | Committed | AccountFrozen | AccountUnfrozen | AccountClosed


# --- shape ----------------------------------------------------------------------------------------------

# Members as plain names: they are read for every transfer, and found eight times as fast.
_SINGLE, _PENDING, _POST, _VOID, _EXPIRE = Mode
_OK = Status.OK


def shape_fault(transfer: Transfer) -> Status:
    """Why `transfer` makes no sense whatever the ledger holds; OK if it does.

    Whole numbers are taken strictly: True and 5.0 equal some, and are none.
    """
    if not _is_id(transfer.id):
        return Status.ID_INVALID
    amount, mode = transfer.amount, transfer.mode
    if type(amount) is not int or not 0 < amount <= LARGEST:
        return Status.AMOUNT_INVALID
    if type(mode) is not Mode or mode is _EXPIRE:
        return Status.MODE_INVALID
    if not _fields_fit(transfer, mode):
        return Status.FIELDS_INVALID
    return Status.SAME_ACCOUNT if transfer.debit == transfer.credit else _OK


def _is_id(value: object) -> bool:
    """A whole number from 0 to LARGEST, or a text that is neither empty nor one of the ledger's own."""
    if type(value) is int:
        return 0 <= value <= LARGEST
    return type(value) is str and value != "" and not value.startswith(EXPIRY)


def _fields_fit(transfer: Transfer, mode: Mode) -> bool:
    """Whether accounts and code are texts, and nothing is set that means nothing in this mode."""
    if not (type(transfer.debit) is type(transfer.credit) is type(transfer.code) is str):
        return False
    if mode is _POST or mode is _VOID:
        fits = _is_id(transfer.pending_id) and not transfer.balancing
    else:
        fits = transfer.pending_id is None
    if transfer.final and mode is not _POST:
        return False
    timeout = transfer.timeout
    return fits and (
        timeout is None or (mode is _PENDING and type(timeout) is int and 0 < timeout <= LARGEST)
    )
