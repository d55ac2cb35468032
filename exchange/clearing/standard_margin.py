"""Standard margin: each series by itself, by the tables of today's crypto exchanges. For comparison only.

Futures need a share of their notional that grows with their size, short options a share of the underlying,
long options nothing. Nothing nets, and a position twice as large needs more than twice as much, so this is
no sum over orders: the figure beside scenario margin, not one to run a venue by.
"""

from collections.abc import Iterable

from exchange.clearing.portfolio import Holding, Margin
from exchange.clearing.rounding import divide_up
from exchange.instruments import ContractKind, Product
from exchange.messages import Message
from exchange.units import BasisPoints, IndexId, Money

ONE_IN_BP = 10_000
ONE_IN_PPB = 10**9
PPB_IN_BP = ONE_IN_PPB // ONE_IN_BP


class FuturesTier(Message):
    """Shares of the notional of a future. Deribit's of linear bitcoin contracts, for lots of 0.001 bitcoin:
    2% and 1%, and 0.005% more for each bitcoin of size; of SOL they are 4%, 2% and 0.0005% for each SOL (its
    article on linear perpetuals).
    """

    initial_bp: BasisPoints = 200
    maintenance_bp: BasisPoints = 100
    slope_ppb: int = 50  # that both grow by with each lot


class StandardTerms(Message):
    """Parameters of standard margin; those of short options are shares of the underlying."""

    futures: FuturesTier = FuturesTier()
    other_futures: tuple[tuple[IndexId, FuturesTier], ...] = ()  # of underlyings with a tier of their own
    option_bp: BasisPoints = 1_500  # less what the strike is out of the money
    option_least_bp: BasisPoints = 1_000
    option_maintenance_bp: BasisPoints = 750


def fault_in_standard(terms: StandardTerms) -> str | None:
    """Why margin cannot be reckoned by these terms, or None. The remedy is part of the sentence."""
    for tier in (terms.futures, *dict(terms.other_futures).values()):
        if not 0 < tier.maintenance_bp <= tier.initial_bp:
            return f"maintenance_bp {tier.maintenance_bp} must be positive and at most initial_bp {tier.initial_bp}"
        if tier.slope_ppb < 0:
            return f"slope_ppb must not be negative, as {tier.slope_ppb} is; 0 means that size costs no more"
    if not 0 < terms.option_maintenance_bp <= terms.option_least_bp <= terms.option_bp:
        return (
            "of a short option, option_maintenance_bp <= option_least_bp <= option_bp must hold, all positive"
        )
    return None


def standard_margin(holdings: Iterable[Holding], terms: StandardTerms) -> Margin:
    """What a whole portfolio without orders needs, in minor units of the one cash asset that it is held in."""
    margins = [_holding_margin(holding, terms) for holding in holdings]
    return Margin(sum(m.initial for m in margins), sum(m.maintenance for m in margins))


def futures_margin(holding: Holding, tier: FuturesTier) -> Margin:
    """|q| * price * (base + slope * |q|), rounded up."""
    lots = abs(holding.quantity)
    notional = lots * holding.mark * holding.instrument.tick_value
    initial, maintenance = (
        divide_up(notional * (base * PPB_IN_BP + tier.slope_ppb * lots), ONE_IN_PPB)
        for base in (tier.initial_bp, tier.maintenance_bp)
    )
    return Margin(initial, maintenance)


def short_option_margin(holding: Holding, terms: StandardTerms) -> Margin:
    """A share of the underlying less what the strike is out of the money, and the mark; rounded up.

    The mark is part of it, since equity counts a short option at less than nothing. A digital needs all that
    it can pay.
    """
    kind, strike, mark, underlying = (
        holding.instrument.kind,
        holding.instrument.strike,
        holding.mark,
        holding.forward,
    )
    assert strike is not None, "an option has a strike"
    if kind in (ContractKind.DIGITAL_CALL, ContractKind.DIGITAL_PUT):
        payoff = ONE_IN_BP * holding.instrument.digital_payoff
        return _of_lots(holding, payoff, payoff)
    is_call = kind is ContractKind.CALL
    out_of_the_money = max(strike - underlying if is_call else underlying - strike, 0)
    initial = max(
        terms.option_bp * underlying - ONE_IN_BP * out_of_the_money, terms.option_least_bp * underlying
    )
    maintenance = terms.option_maintenance_bp * (underlying if is_call else max(underlying, mark))
    return _of_lots(holding, max(initial, maintenance) + ONE_IN_BP * mark, maintenance + ONE_IN_BP * mark)


def _holding_margin(holding: Holding, terms: StandardTerms) -> Margin:
    instrument = holding.instrument
    if instrument.product is not Product.OPTION:
        tiers = dict(terms.other_futures)
        return futures_margin(holding, tiers.get(instrument.underlying, terms.futures))
    return short_option_margin(holding, terms) if holding.quantity < 0 else Margin(0, 0)


def _of_lots(holding: Holding, initial: int, maintenance: int) -> Margin:
    """The margin of all lots from that of one, in 1/10,000 of a tick."""
    worth = abs(holding.quantity) * holding.instrument.tick_value
    initial_amount: Money = divide_up(worth * initial, ONE_IN_BP)
    return Margin(initial_amount, divide_up(worth * maintenance, ONE_IN_BP))
