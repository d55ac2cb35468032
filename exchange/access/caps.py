"""How much capital one participant may put at risk under a regime. Limits are rounded down, to the kopeck."""

from exchange.access.classes import counted_assets
from exchange.access.regime import AccessClass, Applicant, ApplicantKind, CapScope, Regime
from exchange.units import Money


def capital_at_risk_limit(access_class: AccessClass, applicant: Applicant, regime: Regime) -> Money | None:
    """The tighter of the class's absolute cap and its share of the assets that count. None: no cap."""
    caps = access_class.caps
    share = caps.share_of_assets_bp
    return tightest(
        caps.capital_at_risk,
        None if share is None else counted_assets(applicant, regime.asset_counting) * share // 10_000,
    )


def purchases_limit(access_class: AccessClass, applicant: Applicant) -> Money | None:
    """The most that may be paid for units in a calendar year. None: no cap."""
    cap = access_class.caps.annual_purchases
    several = access_class.caps.purchases_scope is CapScope.INTERMEDIARY
    return cap if cap is None or not several else cap * max(applicant.intermediaries, 1)


def own_funds_limit(applicant: Applicant, regime: Regime) -> Money | None:
    """The most capital at risk that an institution's own funds allow; None for everybody else.

    The largest c with `cover * c <= own funds` and `c <= exposure cap * own funds`.
    """
    if applicant.kind is not ApplicantKind.INSTITUTION:
        return None
    cover, cap = regime.institutions.cover_bp, regime.institutions.exposure_cap_bp
    return tightest(
        applicant.own_funds * 10_000 // cover if cover else None,
        None if cap is None else applicant.own_funds * cap // 10_000,
    )


def soft_limit(applicant: Applicant, regime: Regime) -> Money | None:
    """The capital at risk beyond which an institution is told of, from its own funds; None: nothing is told."""
    cap = regime.institutions.soft_cap_bp
    if cap is None or applicant.kind is not ApplicantKind.INSTITUTION:
        return None
    return applicant.own_funds * cap // 10_000


def tightest(*limits: Money | None) -> Money | None:
    """The smallest of the limits there are, or None if there is none."""
    return min((limit for limit in limits if limit is not None), default=None)
