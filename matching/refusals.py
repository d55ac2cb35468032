"""Why a market refuses a request. The first that applies is told, in this order; nothing has changed then."""

from enum import StrEnum


class Refusal(StrEnum):
    DUPLICATE_ORDER_ID = "duplicate_order_id"
    INSTRUMENT_SETTLED = "instrument_settled"
    INSTRUMENT_CLOSED = "instrument_closed"
    INSTRUMENT_HALTED = "instrument_halted"
    # of a cancel, an amendment, a link
    SAME_ORDER = "same_order"
    UNKNOWN_ORDER = "unknown_order"  # never placed, filled, or canceled
    NOT_ON_BOOK = "not_on_book"  # it waits; only what rests can be amended
    NOT_WAITING = "not_waiting"  # it rests, or waits for a call; only what waits for a price has a trigger
    DIFFERENT_OWNERS = "different_owners"
    ALREADY_LINKED = "already_linked"
    # of an order
    QUANTITY_NOT_POSITIVE = "quantity_not_positive"
    DISPLAY_TOO_SMALL = "display_too_small"
    DISPLAY_NOT_BELOW_QUANTITY = "display_not_below_quantity"
    MINIMUM_ABOVE_QUANTITY = "minimum_above_quantity"
    NEEDS_CONTINUOUS_TRADING = "needs_continuous_trading"
    POST_ONLY_NEEDS_REST = "post_only_needs_rest"
    POST_ONLY_WOULD_TRADE = "post_only_would_trade"
    UNFILLABLE_AT_ONCE = "unfillable_at_once"
    TRIGGER_NOT_POSITIVE = "trigger_not_positive"
    TRIGGER_PASSED = "trigger_passed"
    # of a change of state
    ILLEGAL_TRANSITION = "illegal_transition"
    BOOK_CROSSED = "book_crossed"
    NOT_IN_AUCTION = "not_in_auction"
