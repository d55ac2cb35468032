"""Why a request was refused.

The reasons of an order stand in order of precedence: the first that applies is the one that is told.
"""

from enum import StrEnum
from typing import TypeVar

R = TypeVar("R", bound=StrEnum)


def first_refusal(*checks: tuple[bool, R]) -> R | None:
    """The reason of the first check that applies. Callers list their checks in order of precedence."""
    return next((reason for applies, reason in checks if applies), None)


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
    UNDERLYING_NOT_PERMITTED = "underlying_not_permitted"
    UNDERLYING_WITHHELD = "underlying_withheld"  # by the listing screen of the regime
    COOLING_OFF = "cooling_off"
    QUANTITY_NOT_POSITIVE = "quantity_not_positive"
    QUANTITY_TOO_LARGE = "quantity_too_large"
    NO_OPPOSITE_PRICE = "no_opposite_price"
    PRICE_OUTSIDE_COLLAR = "price_outside_collar"
    PRICE_BEYOND_DAILY_LIMIT = "price_beyond_daily_limit"
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
    POSITION_LIMIT = "position_limit"  # on one coin
    ANNUAL_PURCHASES = "annual_purchases"
    EXPOSURE_LIMIT = "exposure_limit"
    OWN_FUNDS_COVER = "own_funds_cover"
    MEMBER_CAPACITY = "member_capacity"  # own funds of the clearing member, over all of its clients
    VENUE_CAP = "venue_cap"  # on the capital at risk of everybody
    INSUFFICIENT_CASH = "insufficient_cash"
    INSUFFICIENT_UNITS = "insufficient_units"  # of what it would sell
    INSUFFICIENT_MARGIN = "insufficient_margin"
    MAX_OPEN_ORDERS = "max_open_orders"  # of one participant, at the venue
    MAX_OPEN_ORDERS_PER_INSTRUMENT = "max_open_orders_per_instrument"
    TOO_MANY_REQUESTS = "too_many_requests"
    # of a cancel, an amendment or a link
    SAME_ORDER = "same_order"
    UNKNOWN_ORDER = "unknown_order"
    NOT_WAITING = "not_waiting"  # only an order that waits for a price has a trigger to amend
    NOT_ON_BOOK = "not_on_book"  # it waits: what it waits for is amended by another command
    DIFFERENT_INSTRUMENTS = "different_instruments"
    ALREADY_LINKED = "already_linked"
    # of orders that are placed together
    LINKED_NUMBER = "linked_number"  # the kind of link takes more, or fewer
    LINKED_WOULD_TRADE = "linked_would_trade"  # one that is to cancel the other may not trade at once
    LINKED_REFUSED = "linked_refused"  # another of them is refused, so this one is too
    # of a subscription to a note, beside those of an order
    NOT_PLACING = "not_placing"
    OWN_NOTE = "own_note"  # an issuer cannot owe itself


class AccessRefusal(StrEnum):
    """Why an applicant was not let in."""

    ALREADY_ADMITTED = "already_admitted"
    NO_REGIME = "no_regime_in_force"
    WALLET_TAKEN = "wallet_taken"  # by another participant or by the venue: whoever names it could empty it
    NO_CLASS = "meets_no_class_of_the_regime"
    VENUE_FULL = "venue_full"
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
    NOT_A_COIN = "not_a_coin"  # only an issuer mints, redeems, pauses and wipes
    NOT_MONEY = "not_money"  # only a bank or the central bank credits wallets, converts and reports an outage
    NOT_CONVERTIBLE = "not_convertible"  # only bank money and digital roubles are changed into each other
    NOT_A_BANK = "not_a_bank"  # only a bank fails
    UNKNOWN_WALLET = "unknown_wallet"
    WALLET_TAKEN = "wallet_taken"  # it is a participant's, or its keeper's own
    WALLET_OF_THE_VENUE = "wallet_of_the_venue"  # only the venue moves what its wallets hold
    WALLET_OF_THE_ISSUER = "wallet_of_the_issuer"  # what waits there for redemption is others'
    UNKNOWN_TICKET = "unknown_ticket"  # or one that is paid or canceled
    UNKNOWN_CUSTODIAN = "unknown_custodian"  # no reserves are there
    UNKNOWN_OPERATION = "unknown_operation"  # nothing of that number is announced
    SAME_WALLET = "same_wallet"
    SHARE_OUT_OF_RANGE = "share_out_of_range"  # of the reserves: none below 0, none above the whole
    PRICE_OUT_OF_RANGE = "price_out_of_range"
    SOURCE_MISSING = "source_missing"  # nobody is named who says so
    PRICED_OTHERWISE = "priced_otherwise"  # the venue makes the price itself
    AMOUNT_NOT_POSITIVE = "amount_not_positive"
    REFERENCE_KNOWN = "reference_known"  # that money was credited before
    TRANSACTION_KNOWN = "transaction_known"  # the chain has shown it before
    CASH_HALTED = "cash_halted"  # by a directive: the venue takes and gives none of it
    ISSUER_PAUSED = "issuer_paused"
    BANK_FAILED = "bank_failed"
    OUTAGE = "outage"
    CLOSED = "closed"  # outside its hours
    AMOUNT_BELOW_FEE = "amount_below_fee"  # nothing would arrive
    TRANSFER_LIMIT = "transfer_limit"
    WALLET_LIMIT = "wallet_limit"  # the wallet would hold too much
    NOTHING_CHANGES = "nothing_changes"
    ROLE_IMPOSSIBLE = "role_impossible"
    STATE_NOT_REACHABLE = "state_not_reachable"
    PAYS_NO_INTEREST = "pays_no_interest"
    MINTING_SUSPENDED = "minting_suspended"
    REDEMPTION_GATED = "redemption_gated"
    ISSUER_DEFAULTED = "issuer_defaulted"
    ISSUER_WINDING_DOWN = "issuer_winding_down"
    NOT_A_MINTER = "not_a_minter"
    NO_FIAT_RECEIPT = "no_fiat_receipt"
    RECEIPT_ALREADY_USED = "receipt_already_used"
    AMOUNT_ABOVE_RECEIPT = "amount_above_receipt"
    ALLOWANCE_EXCEEDED = "allowance_exceeded"
    BELOW_MINIMUM = "below_minimum"  # or no more than the fee
    NOT_ELIGIBLE = "not_eligible"  # the issuer redeems for others only
    WIPE_NOT_ALLOWED = "wipe_not_allowed"
    REISSUE_MISSING = "reissue_missing"
    REISSUE_NOT_ALLOWED = "reissue_not_allowed"
    UNKNOWN_WIPE = "unknown_wipe"
    AMOUNT_ABOVE_WIPED = "amount_above_wiped"
    SIGNATURES_MISSING = "signatures_missing"
    NO_GROUNDS = "no_grounds"  # a loss is recorded with a sentence that says what happened
    WALLET_IN_USE = "wallet_in_use"  # what another is to replace still holds money
    WALLET_FROZEN = "wallet_frozen"
    ALREADY_FROZEN = "already_frozen"
    NOT_FROZEN = "not_frozen"
    PARTICIPANT_FROZEN = "participant_frozen"
    BRAKED = "braked"  # an account was worth less than nothing, or the index is out
    WINDING_DOWN = "winding_down"  # a loss went beyond all who bear it
    GATED = "gated"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    NEEDED_AS_MARGIN = "needed_as_margin"
    INSUFFICIENT_RESERVES = "insufficient_reserves"
    RESERVES_LOST = "reserves_lost"  # nobody is left who could take money in
    NOT_PAUSED = "not_paused"
    NO_OUTAGE = "no_outage"
    NOT_FAILED = "not_failed"
    LOSS_OUT_OF_RANGE = "loss_out_of_range"  # between nothing and all of it
    CASH_LOST = "cash_lost"  # of what was on its way out: all share the loss first
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
    # of a deal whose sender may make none
    PARTICIPANT_DEFAULTED = "participant_defaulted"
    PARTICIPANT_SUSPENDED = "participant_suspended"
    # of a deal that the regime does not let its sender make, in the words of an order
    SPOT_OUTSIDE_TEST_ENVIRONMENT = "spot_outside_test_environment"
    PRODUCT_NOT_PERMITTED = "product_not_permitted"
    KNOWLEDGE_TEST_REQUIRED = "knowledge_test_required"
    UNDERLYING_NOT_PERMITTED = "underlying_not_permitted"
    UNDERLYING_WITHHELD = "underlying_withheld"  # by the listing screen of the regime
    COOLING_OFF = "cooling_off"
    REDUCE_ONLY = "reduce_only"
    ANNUAL_PURCHASES = "annual_purchases"
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
