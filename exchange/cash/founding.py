"""What is wrong with the terms of a cash asset, in a sentence that says what, where and how to put it right."""

from collections.abc import Iterator

from exchange.cash.keys import fault_in_role
from exchange.cash.terms import CashTerms, CoinTerms, RedemptionTerms
from exchange.messages import decode, encode

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
    if not len(terms.venue_wallets) == len(frozenset(terms.venue_wallets)) > 0:
        yield "the venue needs wallets, each named once"
    if len(terms.roles) != len({role.name for role in terms.roles}):
        yield "a role is given twice; give each once"
    yield from filter(None, map(fault_in_role, terms.roles))
    if isinstance(terms, CoinTerms):
        yield from _coin_faults(terms)
        yield from _reserve_faults(terms)
        yield from _redemption_faults(terms.redemption)


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
    yield from filter(None, (terms.hours.fault(),))
    if terms.processing_interval < 1:
        yield "processing_interval must be positive"
    if min(terms.minimum, terms.fee_fixed) < 0 or not 0 <= terms.fee_bp <= _WHOLE:
        yield f"minimum and fees are 0 or more, and fee_bp at most {_WHOLE}"
    if terms.cut_off is not None and not terms.hours.opens <= terms.cut_off < terms.hours.closes:
        yield "the cut-off lies outside the bank's hours; put it between opens and closes"
