"""What is wrong with the terms of a cash asset, in a sentence that says what, where and how to put it right."""

from collections.abc import Iterator

from exchange.cash.hours import fault_in_hours
from exchange.cash.keys import fault_in_role
from exchange.cash.terms import (
    FEES,
    BankTerms,
    CashTerms,
    CoinTerms,
    CustodyMode,
    DigitalRoubleTerms,
    RedemptionTerms,
)
from exchange.messages import decode, encode
from exchange.units import DAY

_WHOLE = 10_000  # basis points


def fault_in_cash(terms: CashTerms) -> str | None:
    """The first fault, or None."""
    fault = next(_faults(terms), None)
    return None if fault is None else f"{terms.asset_id}: {fault}"


def _faults(terms: CashTerms) -> Iterator[str]:
    try:
        decode(encode(terms), type(terms))
    except ValueError as error:
        yield f"{error}; write whole numbers, texts and names as the terms ask for them"
        return
    yield from _custody_faults(terms)
    if FEES in terms.venue_wallets:
        yield f"{FEES} is the keeper's own wallet; name others"
    if min(terms.finality, terms.transfer_fee) < 0 or not 0 <= terms.transfer_fee_bp < _WHOLE:
        yield f"finality and fees must not be negative, and transfer_fee_bp must be below {_WHOLE}"
    yield from filter(None, (fault_in_hours(terms.hours),))
    if len(terms.roles) != len({role.name for role in terms.roles}):
        yield "a role is given twice; give each once"
    yield from filter(None, map(fault_in_role, terms.roles))
    if isinstance(terms, CoinTerms):
        yield from _coin_faults(terms)
        yield from _reserve_faults(terms)
        yield from _redemption_faults(terms.redemption)
    if isinstance(terms, BankTerms):
        yield from _bank_faults(terms)
    if isinstance(terms, DigitalRoubleTerms):
        yield from _platform_faults(terms)


def _custody_faults(terms: CashTerms) -> Iterator[str]:
    """Why the venue cannot keep the asset in that way."""
    wallets = terms.venue_wallets
    if not len(wallets) == len(frozenset(wallets)) > 0:
        yield "the venue needs wallets, each named once"
    if terms.custody is CustodyMode.OMNIBUS and len(wallets) > 1:
        yield f"custody in one wallet names one; say sharded, or leave one of {len(wallets)}"
    if terms.custody.separates and (terms.transfer_fee or terms.transfer_fee_bp):
        yield "participants' own wallets are swept all day, and each transfer would cost a fee; say sharded"
    if terms.longest_pause is not None and terms.longest_pause < 0:
        yield "longest_pause is a time of zero or more, or left out"
    if not 0 <= terms.expected_recovery_bp <= _WHOLE:
        yield f"expected_recovery_bp of {terms.expected_recovery_bp} is no share; make it 0 to {_WHOLE}"
    if terms.loss_layer_cap is not None and terms.loss_layer_cap < 0:
        yield "loss_layer_cap is an amount of zero or more, or left out"


def _bank_faults(terms: BankTerms) -> Iterator[str]:
    if len(terms.venue_wallets) != 1:
        yield "the venue has one account at a bank; name one venue wallet"
    if terms.custody.separates:
        yield "the venue has one account at a bank, and participants have none of their own there; say sharded"
    if min(terms.interest_bp, terms.insured) < 0:
        yield "interest_bp and insured must not be negative"


def _platform_faults(terms: DigitalRoubleTerms) -> Iterator[str]:
    limits = (terms.wallet_limit, terms.transfer_limit)
    if any(limit is not None and limit < 1 for limit in limits):
        yield "a limit must be positive; leave it out if there is none"
    if terms.custody.separates and any(limit is not None for limit in limits):
        yield "participants' own wallets are swept in any amount; say sharded, or leave the limits out"
    yield from filter(None, (fault_in_hours(terms.conversion_hours),))


def _coin_faults(terms: CoinTerms) -> Iterator[str]:
    wallets = [out.wallet_id for out in terms.circulation]
    own = (*terms.venue_wallets, terms.issuer_wallet)
    if terms.issuer_wallet in terms.venue_wallets:
        yield f"wallet {terms.issuer_wallet} cannot be the issuer's and the venue's; name another issuer_wallet"
    if len(wallets) != len(frozenset(wallets)) or frozenset(wallets) & frozenset(own):
        yield "circulation names each wallet once, and none of the venue's or the issuer's"
    if min((out.amount for out in terms.circulation), default=1) < 1 or terms.own_funds < 0:
        yield "amounts in circulation are positive, and own_funds not negative"
    if min(terms.minters.values(), default=0) < 0:
        yield "an allowance is negative; give each minter 0 or more"
    if not 0 <= terms.interest_share_bp <= _WHOLE:
        yield f"interest_share_bp of {terms.interest_share_bp} is no share; make it 0 to {_WHOLE}"


def _reserve_faults(terms: CoinTerms) -> Iterator[str]:
    buckets = terms.reserves
    if not len(buckets) == len({bucket.name for bucket in buckets}) > 0:
        yield "the reserves need buckets, each name once"
    if (
        min((bucket.weight_bp for bucket in buckets), default=0) < 0
        or sum(bucket.weight_bp for bucket in buckets) != _WHOLE
    ):
        yield f"the weights of the reserves come to {sum(b.weight_bp for b in buckets)}; make it {_WHOLE}"
    for bucket in buckets:
        if min(bucket.amount, bucket.liquidity_days) < 0 or not 0 <= bucket.haircut_bp < _WHOLE:
            yield f"reserve {bucket.name}: amount and days are 0 or more, the haircut 0 to {_WHOLE - 1}"
    held = sum(bucket.amount for bucket in buckets)
    owed = sum(out.amount for out in terms.circulation) + terms.own_funds
    if held != owed:
        yield f"reserves of {held} for {owed} in circulation and own funds; make both the same"


def _redemption_faults(terms: RedemptionTerms) -> Iterator[str]:
    yield from filter(None, (fault_in_hours(terms.hours),))
    if terms.processing_interval < 1:
        yield "processing_interval must be positive"
    if min(terms.minimum, terms.fee_fixed) < 0 or not 0 <= terms.fee_bp <= _WHOLE:
        yield f"minimum and fees are 0 or more, and fee_bp at most {_WHOLE}"
    opens, closes = (0, DAY) if terms.hours is None else (terms.hours.opens, terms.hours.closes)
    if terms.cut_off is not None and not opens <= terms.cut_off < closes:
        yield "the cut-off lies outside the bank's hours; put it between opens and closes"
