"""Why a request was refused.

The reasons of an order stand in order of precedence: the first that applies is the one that is told.
"""

from enum import StrEnum


class RejectReason(StrEnum):
    """Why an order was refused, in order of precedence."""

    UNKNOWN_PARTICIPANT = "unknown_participant"
    EXISTS_WITH_DIFFERENT_TERMS = "exists_with_different_terms"  # under the number of this request
    UNKNOWN_INSTRUMENT = "unknown_instrument"
    SESSION_CLOSED = "session_closed"
    PARTICIPANT_DEFAULTED = "participant_defaulted"
    PARTICIPANT_SUSPENDED = "participant_suspended"
    INSTRUMENT_HALTED = "instrument_halted"
    INSTRUMENT_EXPIRED = "instrument_expired"
    QUOTES_FROZEN = "quotes_frozen"  # by the market-maker protection
    SPOT_OUTSIDE_TEST_ENVIRONMENT = "spot_outside_test_environment"
    PRODUCT_NOT_PERMITTED = "product_not_permitted"
    KNOWLEDGE_TEST_REQUIRED = "knowledge_test_required"
    QUANTITY_NOT_POSITIVE = "quantity_not_positive"
    QUANTITY_TOO_LARGE = "quantity_too_large"
    NO_OPPOSITE_PRICE = "no_opposite_price"
    PRICE_OUTSIDE_COLLAR = "price_outside_collar"
    PRICE_OUTSIDE_BAND = "price_outside_band"
    GOOD_UNTIL_NOT_AHEAD = "good_until_not_ahead"
    TRIGGER_INCOMPLETE = "trigger_incomplete"  # it needs a price or a distance, and a source
    INSTRUMENT_CLOSED = "instrument_closed"
    DISPLAY_TOO_SMALL = "display_too_small"
    DISPLAY_NOT_BELOW_QUANTITY = "display_not_below_quantity"
    MINIMUM_ABOVE_QUANTITY = "minimum_above_quantity"
    NEEDS_CONTINUOUS_TRADING = "needs_continuous_trading"
    POST_ONLY_NEEDS_REST = "post_only_needs_rest"
    POST_ONLY_WOULD_TRADE = "post_only_would_trade"
    UNFILLABLE_AT_ONCE = "unfillable_at_once"
    TRIGGER_NOT_POSITIVE = "trigger_not_positive"
    TRIGGER_PASSED = "trigger_passed"
    REDUCE_ONLY = "reduce_only"
    EXPOSURE_LIMIT = "exposure_limit"
    OWN_FUNDS_COVER = "own_funds_cover"
    MEMBER_CAPACITY = "member_capacity"  # own funds of the clearing member, over all of its clients
    INSUFFICIENT_CASH = "insufficient_cash"
    INSUFFICIENT_UNITS = "insufficient_units"  # of what it would sell
    INSUFFICIENT_MARGIN = "insufficient_margin"
    TOO_MANY_REQUESTS = "too_many_requests"
    # of a cancel, an amendment or a link
    SAME_ORDER = "same_order"
    UNKNOWN_ORDER = "unknown_order"
    NOT_ON_BOOK = "not_on_book"  # it waits: cancel it and place another
    DIFFERENT_INSTRUMENTS = "different_instruments"
    ALREADY_LINKED = "already_linked"
    # of a subscription to a note, beside those of an order
    NOT_PLACING = "not_placing"
    OWN_NOTE = "own_note"  # an issuer cannot owe itself


class AccessRefusal(StrEnum):
    """Why an applicant was not let in."""

    ALREADY_ADMITTED = "already_admitted"
    NO_REGIME = "no_regime_in_force"
    WALLET_TAKEN = "wallet_taken"  # by another participant or by the venue: whoever names it could empty it
    NO_CLASS = "meets_no_class_of_the_regime"
    NOTHING_PERMITTED = "class_may_trade_nothing"


class ClearingRefusal(StrEnum):
    """Why a choice of member, its answer, an offer to port or a bid was refused, in order of precedence."""

    UNKNOWN_PARTICIPANT = "unknown_participant"
    NOT_UNDER_MARGIN = "not_under_margin"  # under full cover nobody can default on anything
    NOT_A_MEMBER = "not_a_member"
    NOT_ASKED = "not_asked"  # nobody may be made a client who has not asked
    IS_A_MEMBER = "is_a_member"  # a member clears for itself
    DEFAULTED = "defaulted"
    FUND_OVERDUE = "fund_overdue"  # a member that is late with its share of the fund takes nobody on
    TIED_TO_POOL = "tied_to_pool"  # of a failed member: what lies in it goes elsewhere only as a whole
    MEMBER_CAPACITY = "member_capacity"
    AMOUNT_NEGATIVE = "amount_negative"
    NO_AUCTION = "no_auction"
    INSUFFICIENT_MARGIN = "insufficient_margin"


class CashRefusal(StrEnum):
    """Why a movement of money was refused, in order of precedence."""

    UNKNOWN_PARTICIPANT = "unknown_participant"
    UNKNOWN_ASSET = "unknown_asset"
    UNKNOWN_WALLET = "unknown_wallet"
    WALLET_OF_THE_VENUE = "wallet_of_the_venue"  # only the venue moves what its wallets hold
    SAME_WALLET = "same_wallet"
    AMOUNT_NOT_POSITIVE = "amount_not_positive"
    TRANSACTION_KNOWN = "transaction_known"  # the chain has shown it before
    ISSUER_PAUSED = "issuer_paused"
    NOT_A_MINTER = "not_a_minter"
    NO_FIAT_RECEIPT = "no_fiat_receipt"
    RECEIPT_ALREADY_USED = "receipt_already_used"
    AMOUNT_ABOVE_RECEIPT = "amount_above_receipt"
    ALLOWANCE_EXCEEDED = "allowance_exceeded"
    WIPE_NOT_ALLOWED = "wipe_not_allowed"
    SIGNATURES_MISSING = "signatures_missing"
    WALLET_FROZEN = "wallet_frozen"
    ALREADY_FROZEN = "already_frozen"
    NOT_FROZEN = "not_frozen"
    PARTICIPANT_FROZEN = "participant_frozen"
    GATED = "gated"
    BRAKED = "braked"  # an account was worth less than nothing, or the index is out
    NEEDED_AS_MARGIN = "needed_as_margin"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    INSUFFICIENT_RESERVES = "insufficient_reserves"
    NOT_PAUSED = "not_paused"
    CHAIN_REORGANISED = "chain_reorganised"  # of what was on its way out: all share the loss first


class SettlementRefusal(StrEnum):
    """Why a settlement instruction, or a request about one or about units, was refused, in order of precedence."""

    UNKNOWN_PARTICIPANT = "unknown_participant"
    UNKNOWN_COUNTERPARTY = "unknown_counterparty"
    OWN_COUNTERPARTY = "own_counterparty"
    UNKNOWN_ASSET = "unknown_asset"
    NOT_A_UNIT_ASSET = "not_a_unit_asset"  # coins come and go by deposits and withdrawals
    NO_MONEY_LEG = "no_money_leg"  # units are only delivered against money, and nothing is paid in units
    SAME_ASSET = "same_asset"
    AMOUNT_NOT_POSITIVE = "amount_not_positive"
    DATE_PASSED = "date_passed"
    MIN_LOT_OUT_OF_RANGE = "min_lot_out_of_range"
    RECYCLES_NEGATIVE = "recycles_negative"
    # of a cancellation or a release
    UNKNOWN_INSTRUCTION = "unknown_instruction"
    ALREADY_ENDED = "already_ended"
    NOT_ON_HOLD = "not_on_hold"
    NEEDS_BOTH_SIDES = "needs_both_sides"
    IN_A_NET_BATCH = "in_a_net_batch"
    ALREADY_ASKED = "already_asked"
    # of units
    PARTICIPANT_FROZEN = "participant_frozen"
    INSUFFICIENT_UNITS = "insufficient_units"


class NoteRefusal(StrEnum):
    """Why what an issuer asked for was refused, in order of precedence."""

    UNKNOWN_PARTICIPANT = "unknown_participant"
    PARTICIPANT_SUSPENDED = "participant_suspended"
    UNKNOWN_NOTE = "unknown_note"
    NOT_THE_ISSUER = "not_the_issuer"
    NOTE_KNOWN = "note_known"  # an instrument, or an asset, has that name already
    TERMS_IMPOSSIBLE = "terms_impossible"
    WRONG_STATE = "wrong_state"  # of the note's life
    PLACEMENT_NOT_AHEAD = "placement_not_ahead"  # or not over before the first coupon and the fixing
    AMOUNT_NOT_POSITIVE = "amount_not_positive"
    MORE_THAN_DUE = "more_than_due"
    PARTICIPANT_FROZEN = "participant_frozen"
    INSUFFICIENT_FUNDS = "insufficient_funds"
