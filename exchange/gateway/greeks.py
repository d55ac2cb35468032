"""Sensitivities of an option for display: Black (1976) on the forward, at one volatility, without interest."""

from math import erf, exp, log, pi, sqrt

from exchange.gateway.shapes import Greeks


def greeks(forward: float, strike: float, years: float, volatility: float, *, is_call: bool) -> Greeks:
    """Delta and gamma by the forward, vega for a point of volatility, theta for a day."""
    deviation = volatility * sqrt(years)
    if forward <= 0 or strike <= 0 or deviation <= 0:
        return {"delta": 0.0, "gamma": 0.0, "rho": 0.0, "theta": 0.0, "vega": 0.0}
    d1 = log(forward / strike) / deviation + deviation / 2
    density = exp(-d1 * d1 / 2) / sqrt(2 * pi)
    below = (1 + erf(d1 / sqrt(2))) / 2
    return {
        "delta": round(below if is_call else below - 1, 6),
        "gamma": round(density / (forward * deviation), 12),
        "rho": 0.0,
        "theta": round(-forward * density * volatility / (2 * sqrt(years)) / 365, 6),
        "vega": round(forward * density * sqrt(years) / 100, 6),
    }
