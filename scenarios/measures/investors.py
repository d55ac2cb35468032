"""Who gained and who lost. An investor is of the population and no market maker; money is after fees."""

import numpy as np

from exchange.access.regime import ApplicantKind
from exchange.events import FundingPaid
from scenarios.measures.defaults import borne_by_others, forced
from scenarios.measures.measure import (
    FROM_ZERO,
    INVESTORS,
    NAN,
    PERCENT,
    ROUBLE,
    SIGNED,
    Floats,
    RunView,
    mean,
    measure,
    ratio,
)
from scenarios.measures.outcomes import investors, outcomes, trading_investors


def _results(view: RunView) -> Floats:
    return np.asarray(trading_investors(view, "result"))


def _losses(view: RunView) -> Floats:
    """What each losing investor lost, in roubles, as positive numbers."""
    results = np.asarray(investors(view, "result"))
    return -results[results < 0]


def _result_of(view: RunView, kinds: tuple[ApplicantKind, ...]) -> float:
    among = np.isin(investors(view, "kind").astype(str), [kind.value for kind in kinds])
    return float(investors(view, "result")[among].sum())


def _result_of_deciles(view: RunView, poorest: int, richest: int) -> float:
    decile = investors(view, "wealth_decile")
    return float(investors(view, "result")[(decile >= poorest) & (decile <= richest)].sum())


@measure(
    INVESTORS, "Net result of individuals", "RUB",
    formula="sum over individuals of gains at settlement (with margin: variation, premiums and settlement, less "
    "default losses borne) - fees - coins lost; what is still open counts at the last index",
    published_by="ASIC, SEBI (by kind of trader)",
    better="higher",
    span=SIGNED,
)  # fmt: skip
def result_individuals(view: RunView) -> float:
    return _result_of(view, (ApplicantKind.INDIVIDUAL,))


@measure(
    INVESTORS, "Net result of companies and institutions", "RUB",
    formula="the same over companies and institutions of the population",
    published_by="SEBI (by kind of trader)",
    span=SIGNED,
)  # fmt: skip
def result_firms(view: RunView) -> float:
    return _result_of(view, (ApplicantKind.COMPANY, ApplicantKind.INSTITUTION))


@measure(
    INVESTORS, "Net result of professionals", "RUB",
    formula="the same over market makers and everyone outside the population",
    published_by="SEBI (proprietary traders)",
    span=SIGNED,
)  # fmt: skip
def result_professionals(view: RunView) -> float:
    table = outcomes(view)
    return float(table["result"][~table["investor"]].sum())


@measure(
    INVESTORS, "Net result of the wealthiest tenth", "RUB",
    formula="the same over investors of wealth decile 10",
    published_by="rarely published",
    span=SIGNED,
)  # fmt: skip
def result_top_decile(view: RunView) -> float:
    return _result_of_deciles(view, 10, 10)


@measure(
    INVESTORS, "Net result of the less wealthy half", "RUB",
    formula="the same over investors of wealth deciles 1 to 5",
    published_by="rarely published",
    better="higher",
    span=SIGNED,
)  # fmt: skip
def result_bottom_half(view: RunView) -> float:
    return _result_of_deciles(view, 1, 5)


@measure(
    INVESTORS, "Money unaccounted for", "RUB",
    formula="|sum over all participants of results + fees + coins lost, and what rounding of funding left to the "
    "house, - default losses that no participant bore|: 0 if each gain is another's loss",
    published_by="nobody: a check of the run",
    better="lower",
)  # fmt: skip
def zero_sum_gap(view: RunView) -> float:
    table = outcomes(view)
    total = table["result"].sum() + table["fees"].sum() + table["loss_shared"].sum()
    total -= (view.table(FundingPaid)["amount"].sum() + borne_by_others(view)) / ROUBLE
    return abs(round(float(total), 2))


@measure(
    INVESTORS, "Investors who lose", "%",
    formula="investors with a negative result / investors who traded",
    published_by="ESMA (74-89% of retail CFD accounts), SEBI (93%), BIS (73-81%)",
    better="lower",
)  # fmt: skip
def share_losing(view: RunView) -> float:
    results = _results(view)
    return PERCENT * ratio((results < 0).sum(), results.size)


@measure(
    INVESTORS, "Investors who lose, of the whole population", "%",
    formula="investors with a negative result / all investors, let in or not",
    published_by="ASIC (number of loss-making accounts, before and after a rule)",
    better="lower",
)  # fmt: skip
def population_losing(view: RunView) -> float:
    return PERCENT * ratio(_losses(view).size, investors(view, "result").size)


@measure(
    INVESTORS, "Mean result", "RUB",
    formula="mean result of the investors who traded",
    published_by="ESMA (EUR 1,600-29,000 lost per client), SEBI (INR 2 lakh)",
    better="higher",
    span=SIGNED,
)  # fmt: skip
def mean_result(view: RunView) -> float:
    return mean(_results(view))


@measure(
    INVESTORS, "Median result", "RUB",
    formula="median result of the investors who traded",
    published_by="BIS (median loss USD 431)",
    better="higher",
    span=SIGNED,
)  # fmt: skip
def median_result(view: RunView) -> float:
    results = _results(view)
    return float(np.median(results)) if results.size else NAN


@measure(
    INVESTORS, "Result of the unluckiest twentieth", "RUB",
    formula="5th percentile of the results of the investors who traded, interpolated",
    published_by="rarely published",
    better="higher",
    span=SIGNED,
)  # fmt: skip
def p5_result(view: RunView) -> float:
    results = _results(view)
    return float(np.percentile(results, 5)) if results.size else NAN


@measure(
    INVESTORS, "Result of the unluckiest hundredth", "RUB",
    formula="1st percentile of the results of the investors who traded, interpolated",
    published_by="rarely published",
    better="higher",
    span=SIGNED,
)  # fmt: skip
def p1_result(view: RunView) -> float:
    results = _results(view)
    return float(np.percentile(results, 1)) if results.size else NAN


@measure(
    INVESTORS, "Total losses", "RUB",
    formula="sum of the losses of the investors who lost",
    published_by="ASIC (aggregate retail losses), SEBI",
    better="lower",
)  # fmt: skip
def total_losses(view: RunView) -> float:
    return float(_losses(view).sum())


@measure(
    INVESTORS, "Losses against wealth", "%",
    formula="losses of the investors who lost / the assets they declared",
    published_by="BIS (about half, of the sum invested)",
    better="lower",
    span=FROM_ZERO,
)  # fmt: skip
def loss_share_of_assets(view: RunView) -> float:
    losing = investors(view, "result") < 0
    return PERCENT * ratio(_losses(view).sum(), investors(view, "assets")[losing].sum())


@measure(
    INVESTORS, "Investors who lose more than a tenth of their assets", "%",
    formula="investors whose loss exceeds 10% of declared assets / investors who traded",
    published_by="nobody as such; a tenth is the FCA's line for restricted investors",
    better="lower",
)  # fmt: skip
def losing_over_tenth(view: RunView) -> float:
    shares = trading_investors(view, "share_of_assets")
    return PERCENT * ratio((shares < -0.10).sum(), shares.size)


@measure(
    INVESTORS, "Investors closed out", "%",
    formula="investors of whom the house closed something, or who defaulted / investors who traded",
    published_by="ASIC (margin close-outs, before and after a rule)",
    better="lower",
)  # fmt: skip
def closed_out(view: RunView) -> float:
    traded = trading_investors(view, "participant_id")
    return PERCENT * ratio(len(forced(view).intersection(traded)), traded.size)


MEASURES = (
    result_individuals,
    result_firms,
    result_professionals,
    result_top_decile,
    result_bottom_half,
    zero_sum_gap,
    share_losing,
    population_losing,
    mean_result,
    median_result,
    p5_result,
    p1_result,
    total_losses,
    loss_share_of_assets,
    losing_over_tenth,
    closed_out,
)
