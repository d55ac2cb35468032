"""What a class may trade under a regime, and what stands against it."""

from exchange.access.regime import AccessClass, Applicant, Permission, Regime
from exchange.instruments import Product
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


def refusal_on(
    coin: str | None,
    product: Product,
    regime: Regime,
    access_class: AccessClass,
    applicant: Applicant,
    *,
    reducing: bool,
) -> RejectReason | None:
    """The same with the coin, if one is meant; money is none. What is held on a coin that the class may not trade may
    be closed."""
    reason = refusal(regime, access_class, product, applicant, reducing=reducing)
    among = coin is None or coin in access_class.underlyings or not access_class.underlyings
    if reason is None and not reducing and not among and product is not Product.CASH_PAIR:
        return RejectReason.UNDERLYING_NOT_PERMITTED
    return reason
