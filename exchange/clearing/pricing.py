"""What options are worth: Black-76 values of a forward, and the mark of an option made of them.

Here alone floats reckon with prices. No discounting, since premia and payoffs are minutes to months apart in
one coin that bears no interest. A collar enters as a bound and not as a second strike: so the value of a call
less that of a put is always forward less strike, as it is at settlement.
"""

from fractions import Fraction
from math import erfc, inf, log, sqrt

from exchange.clearing.rounding import divide_half_even, divide_up
from exchange.instruments import ContractKind, Instrument
from exchange.units import DAY, BasisPoints, Time
from matching.terms import Price

YEAR: Time = 365 * DAY
ONE_IN_BP = 10_000
ROOT_TWO = sqrt(2)


def option_price(
    kind: ContractKind, forward: float, strike: float, deviation: float, payoff: float = 1.0
) -> float:
    """The expected payoff of an option, in the unit of `forward` and `strike`; a digital pays `payoff`.

    `deviation` is volatility times the root of the time left (0.6 a year for 30 days: 0.172), the standard
    deviation of the logarithm of the settlement price. With none of it, or less, the option is worth its
    payoff. Within 1e-8 of QuantLib's for prices up to 1e7. After Black, The pricing of commodity
    contracts, Journal of Financial Economics 3 (1976).
    """
    if deviation > 0 and forward > 0:
        above = log(forward / strike) / deviation + deviation / 2
        below = above - deviation
    else:
        above = below = inf if forward >= strike else -inf
    match kind:
        case ContractKind.CALL:
            return forward * _normal(above) - strike * _normal(below)
        case ContractKind.PUT:
            return strike * _normal(-below) - forward * _normal(-above)
        case ContractKind.DIGITAL_CALL:
            return payoff * _normal(below)
        case ContractKind.DIGITAL_PUT:
            return payoff * _normal(-below)
    raise ValueError(f"{kind} is not an option")


def mark_of_option(
    instrument: Instrument, forward: Price, time_left: Time, volatility_bp: BasisPoints
) -> Price:
    """The mark of an option at the mark of its bucket's future: Black-76, rounded once, to a tick.

    It leaves nobody a sure gain against that future: it is held within `bounds_of_option`, in whole ticks.
    """
    assert instrument.strike is not None, "only an option is priced here"
    least, most = _bounds(instrument, forward)
    deviation = deviation_of(time_left, volatility_bp)
    worth = option_price(instrument.kind, forward, instrument.strike, deviation, instrument.digital_payoff)
    nearest = divide_half_even(*worth.as_integer_ratio())
    return min(max(nearest, divide_up(*least)), most[0] // most[1])


def bounds_of_option(instrument: Instrument, forward: Price) -> tuple[Fraction, Fraction]:
    """Least and most, in ticks, that an option can be worth while the future of its collar is at `forward`.

    Any less or more is a sure gain: the bounds are the straight lines under and over its payoff between floor
    and cap. At the edges of the collar they meet.
    """
    least, most = _bounds(instrument, forward)
    return Fraction(*least), Fraction(*most)


def _bounds(instrument: Instrument, forward: Price) -> tuple[tuple[int, int], tuple[int, int]]:
    """The same as numerators and denominators: every option passes here every second."""
    strike, low, high, payoff = instrument.strike, instrument.floor, instrument.cap, instrument.digital_payoff
    assert strike is not None, "only an option has bounds"
    at = min(max(forward, low), high)
    match instrument.kind:
        case ContractKind.CALL:
            return (max(at - strike, 0), 1), ((high - strike) * (at - low), high - low)
        case ContractKind.PUT:
            return (max(strike - at, 0), 1), ((strike - low) * (high - at), high - low)
    above, below = high - strike, strike - low
    least, most = payoff * max(at - strike, 0), payoff * (min(at, strike) - low)
    if instrument.kind is ContractKind.DIGITAL_CALL:
        return (least, above), (most, below)
    return (payoff * below - most, below), (payoff * above - least, above)


def deviation_of(time_left: Time, volatility_bp: BasisPoints) -> float:
    """Standard deviation of the logarithm of a price after `time_left`, at a volatility in basis points a year."""
    return volatility_bp / ONE_IN_BP * sqrt(max(time_left, 0) / YEAR)


def _normal(x: float) -> float:
    """The standard normal distribution function; exact to the last digits in the far tails too."""
    return erfc(-x / ROOT_TWO) / 2
