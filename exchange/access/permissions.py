"""What a class may trade under a regime, and what stands against it."""

from exchange.access.regime import AccessClass, Applicant, Permission, Regime
from exchange.instruments import Instrument, Product
from exchange.reasons import RejectReason


def granted(access_class: AccessClass, product: Product) -> Permission:
    """The regime's word, or what goes without saying."""
    unsaid = Permission.ALLOWED if product is Product.CASH_PAIR else Permission.DENIED
    return access_class.permissions.get(product, unsaid)


def refusal(
    regime: Regime, access_class: AccessClass, product: Product, applicant: Applicant, *, reducing: bool
) -> RejectReason | None:
    """Why this class may not send the order, or None. `reducing`: it can only make a position smaller.

    Outside a test environment spot is refused to everyone, even to reduce: there is no market to sell in. One
    money against another is allowed to whoever is inside, unless the regime says otherwise.
    """
    if product is Product.SPOT and not regime.test_environment:
        return RejectReason.SPOT_OUTSIDE_TEST_ENVIRONMENT
    match granted(access_class, product):
        case Permission.DENIED:
            return RejectReason.PRODUCT_NOT_PERMITTED
        case Permission.REDUCE_ONLY if not reducing:
            return RejectReason.REDUCE_ONLY
        case Permission.AFTER_TEST if not (applicant.knowledge_test_passed or reducing):
            return RejectReason.KNOWLEDGE_TEST_REQUIRED
        case _:
            return None


def refusal_in(
    instrument: Instrument, regime: Regime, access_class: AccessClass, applicant: Applicant, *, reducing: bool
) -> RejectReason | None:
    """The same for a series: product and coin. What is held on a coin that the class may not trade may be closed."""
    reason = refusal(regime, access_class, instrument.product, applicant, reducing=reducing)
    if reason is None and not reducing and not among(access_class.underlyings, instrument):
        return RejectReason.UNDERLYING_NOT_PERMITTED
    return reason


def among(underlyings: tuple[str, ...], instrument: Instrument) -> bool:
    """Whether it is on one of these coins. None named is every one, and no coin stands behind a pair of moneys."""
    return not underlyings or instrument.product is Product.CASH_PAIR or instrument.coin in underlyings
