"""Sensitivities and implied volatilities of an option for display: Black (1976) on the forward, without interest."""

from math import erf, exp, log, pi, sqrt

from exchange.gateway.shapes import Greeks


def greeks(forward: float, strike: float, years: float, volatility: float, *, is_call: bool) -> Greeks:
    """Delta and gamma by the forward, vega for a point of volatility, theta for a day."""
    deviation = volatility * sqrt(years)
    if forward <= 0 or strike <= 0 or deviation <= 0:
        return {"delta": 0.0, "gamma": 0.0, "rho": 0.0, "theta": 0.0, "vega": 0.0}
    d1 = log(forward / strike) / deviation + deviation / 2
    density = exp(-d1 * d1 / 2) / sqrt(2 * pi)
    below = _below(d1)
    return {
        "delta": round(below if is_call else below - 1, 6),
        "gamma": round(density / (forward * deviation), 12),
        "rho": 0.0,
        "theta": round(-forward * density * volatility / (2 * sqrt(years)) / 365, 6),
        "vega": round(forward * density * sqrt(years) / 100, 6),
    }


def implied_volatility(price: float, forward: float, strike: float, years: float, *, is_call: bool) -> float:
    """At which volatility, between none and tenfold, an option is worth its price; 0.0 if at none of them."""
    lowest, highest = 0.0, 10.0
    if min(price, forward, strike, years) <= 0 or price >= _worth(highest, forward, strike, years, is_call):
        return 0.0
    for _ in range(40):
        middle = (lowest + highest) / 2
        if _worth(middle, forward, strike, years, is_call) < price:
            lowest = middle
        else:
            highest = middle
    return round(highest, 6) if lowest else 0.0


def _worth(volatility: float, forward: float, strike: float, years: float, is_call: bool) -> float:
    deviation = volatility * sqrt(years)
    d1 = log(forward / strike) / deviation + deviation / 2
    call = forward * _below(d1) - strike * _below(d1 - deviation)
    return call if is_call else call - forward + strike


def _below(x: float) -> float:
    return (1 + erf(x / sqrt(2))) / 2
