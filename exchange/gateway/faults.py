"""The dialect's codes, and which of them tells each reason of the core. The reason itself always goes along."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from exchange.gateway.jsonrpc import Fault
from exchange.reasons import AccessRefusal, CashRefusal, RejectReason


class Code(NamedTuple):
    number: int
    name: str


AUTHORIZATION_REQUIRED: Final = Code(10000, "authorization_required")
TOO_SMALL: Final = Code(10002, "qty_too_low")
NO_SUCH_ORDER: Final = Code(10004, "order_not_found")
NOT_ENOUGH: Final = Code(10009, "not_enough_funds")
BUSY: Final = Code(10028, "too_many_requests")
WEBSOCKET_ONLY: Final = Code(10030, "must_be_websocket_request")
QUEUE_FULL: Final = Code(10047, "matching_engine_queue_full")
WRONG_TICK: Final = Code(10043, "price_wrong_tick")
TOO_MANY_TRIGGERS: Final = Code(11035, "too_many_stop_orders")
NOT_OPEN: Final = Code(11044, "not_open_order")
OTHER_REJECT: Final = Code(11030, "other_reject")
UNSUPPORTED: Final = Code(11047, "unsupported_arg_combination")
FAILED: Final = Code(11094, "internal_server_error")
INVALID_CREDENTIALS: Final = Code(13004, "invalid_credentials")
UNAUTHORIZED: Final = Code(13009, "unauthorized")
NOT_FOUND: Final = Code(13020, "not_found")
FORBIDDEN: Final = Code(13021, "forbidden")
SWITCHED_OFF: Final = Code(13025, "method_switched_off_by_admin")
UNAVAILABLE: Final = Code(13028, "temporarily_unavailable")
NOT_UNIQUE: Final = Code(13032, "non_unique_order_label")
NEEDS_CANCEL_ON_DISCONNECT: Final = Code(13042, "cod_not_enabled")
FROZEN: Final = Code(13043, "quotes_frozen")
UNKNOWN_OUTCOME: Final = Code(13888, "timed_out")
INVALID: Final = Code(-32602, "invalid_params")

_R = RejectReason
REJECTIONS: Final[Mapping[RejectReason, Code]] = {
    _R.UNKNOWN_PARTICIPANT: FORBIDDEN,
    _R.UNKNOWN_INSTRUMENT: NOT_FOUND,
    _R.SESSION_CLOSED: Code(13019, "orderbook_closed"),
    _R.PARTICIPANT_DEFAULTED: Code(10019, "locked_by_admin"),
    _R.PARTICIPANT_SUSPENDED: Code(10019, "locked_by_admin"),
    _R.INSTRUMENT_HALTED: Code(10019, "locked_by_admin"),
    _R.INSTRUMENT_EXPIRED: Code(10012, "book_closed"),
    _R.QUOTES_FROZEN: FROZEN,
    _R.SPOT_OUTSIDE_TEST_ENVIRONMENT: FORBIDDEN,
    _R.PRODUCT_NOT_PERMITTED: FORBIDDEN,
    _R.UNDERLYING_NOT_PERMITTED: FORBIDDEN,
    _R.UNDERLYING_WITHHELD: FORBIDDEN,
    _R.KNOWLEDGE_TEST_REQUIRED: FORBIDDEN,
    _R.COOLING_OFF: FORBIDDEN,
    _R.QUANTITY_NOT_POSITIVE: TOO_SMALL,
    _R.QUANTITY_TOO_LARGE: Code(10021, "invalid_amount"),
    _R.NO_OPPOSITE_PRICE: Code(10011, "price_not_allowed"),
    _R.PRICE_OUTSIDE_COLLAR: Code(10011, "price_not_allowed"),
    _R.PRICE_BEYOND_DAILY_LIMIT: Code(10011, "price_not_allowed"),
    _R.PRICE_OUTSIDE_BAND: Code(10011, "price_not_allowed"),
    _R.GOOD_UNTIL_NOT_AHEAD: INVALID,
    _R.TRIGGER_INCOMPLETE: Code(11036, "invalid_trigger"),
    _R.INSTRUMENT_CLOSED: Code(13019, "orderbook_closed"),
    _R.DISPLAY_TOO_SMALL: INVALID,
    _R.DISPLAY_NOT_BELOW_QUANTITY: INVALID,
    _R.MINIMUM_ABOVE_QUANTITY: INVALID,
    _R.NEEDS_CONTINUOUS_TRADING: Code(10041, "settlement_in_progress"),
    _R.POST_ONLY_NEEDS_REST: Code(11055, "post_only_not_allowed"),
    _R.POST_ONLY_WOULD_TRADE: Code(11054, "post_only_reject"),
    _R.UNFILLABLE_AT_ONCE: Code(10021, "invalid_amount"),
    _R.TRIGGER_NOT_POSITIVE: Code(11036, "invalid_trigger"),
    _R.TRIGGER_PASSED: Code(11036, "invalid_trigger"),
    _R.REDUCE_ONLY: OTHER_REJECT,
    _R.POSITION_LIMIT: Code(10013, "max_exposure"),
    _R.ANNUAL_PURCHASES: Code(10013, "max_exposure"),
    _R.EXPOSURE_LIMIT: Code(10013, "max_exposure"),
    _R.OWN_FUNDS_COVER: Code(10013, "max_exposure"),
    _R.MEMBER_CAPACITY: Code(10013, "max_exposure"),
    _R.VENUE_CAP: Code(10013, "max_exposure"),
    _R.INSUFFICIENT_CASH: NOT_ENOUGH,
    _R.INSUFFICIENT_UNITS: NOT_ENOUGH,
    _R.INSUFFICIENT_MARGIN: NOT_ENOUGH,
    _R.MAX_OPEN_ORDERS: Code(10037, "max_open_orders"),
    _R.MAX_OPEN_ORDERS_PER_INSTRUMENT: Code(10038, "max_open_orders_per_instrument"),
    _R.TOO_MANY_REQUESTS: BUSY,
    _R.SAME_ORDER: INVALID,
    _R.UNKNOWN_ORDER: NO_SUCH_ORDER,
    _R.NOT_WAITING: NOT_OPEN,
    _R.NOT_ON_BOOK: NOT_OPEN,
    _R.DIFFERENT_INSTRUMENTS: INVALID,
    _R.ALREADY_LINKED: INVALID,
    _R.LINKED_NUMBER: INVALID,
    _R.LINKED_WOULD_TRADE: Code(10011, "price_not_allowed"),
    _R.LINKED_REFUSED: OTHER_REJECT,
    _R.NOT_PLACING: OTHER_REJECT,
    _R.EXISTS_WITH_DIFFERENT_TERMS: OTHER_REJECT,
    _R.OWN_NOTE: OTHER_REJECT,
}

_SHORT_OF_MONEY = (
    CashRefusal.INSUFFICIENT_FUNDS,
    CashRefusal.NEEDED_AS_MARGIN,
    CashRefusal.INSUFFICIENT_RESERVES,
)


def fault(code: Code, **told: object) -> Fault:
    return Fault(code.number, code.name, **told)


def invalid(param: str, reason: str) -> Fault:
    """A parameter that cannot be: which, and what is wrong with it."""
    return fault(INVALID, param=param, reason=reason)


def rejected(reason: RejectReason, **told: object) -> Fault:
    """An order, a cancel or an amendment that the core refused."""
    if reason is RejectReason.TOO_MANY_REQUESTS:
        told["wait"] = 1.0  # the core counts by the second
    return fault(REJECTIONS[reason], reason=reason.value, **told)


def refused(reason: StrEnum, **told: object) -> Fault:
    """Anything else that the core refused: entry, money, units, a directive."""
    if isinstance(reason, AccessRefusal):
        return fault(FORBIDDEN, reason=reason.value, **told)
    code = NOT_ENOUGH if reason in _SHORT_OF_MONEY else OTHER_REJECT
    return fault(code, reason=reason.value, **told)


def http_status(fault: Fault) -> int:
    """Clients look at the code in the body; the status tells proxies and people the same."""
    if fault.code in (AUTHORIZATION_REQUIRED.number, INVALID_CREDENTIALS.number, UNAUTHORIZED.number):
        return 401
    if fault.code == FAILED.number:
        return 500
    return 429 if fault.code in (BUSY.number, QUEUE_FULL.number) else 400
