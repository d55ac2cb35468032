"""How large a position on one coin a regime lets anybody have, in units of the coin, whatever the series are called.

A lot that moves `tick_value` for a tick of `tick` is worth so many units, counted in hundred-millionths. A long put and
a short call count as short, at their full size: no model of prices belongs into a limit.
"""

from exchange.access.regime import PositionLimit, Regime
from exchange.clearing.rounding import divide_up
from exchange.clearing.scenario_margin import direction
from exchange.instruments import Instrument
from exchange.units import ONE_UNIT, BasisPoints
from matching.terms import Quantity


def limit_on(instrument: Instrument, regime: Regime | None) -> PositionLimit | None:
    """The limit under which positions in the instrument count. It is one object for all that count together."""
    for limit in regime.position_limits if regime is not None else ():
        if instrument.coin == limit.coin and instrument.product in limit.products:
            return limit
    return None


def units_of(instrument: Instrument, lots: Quantity) -> int:
    """So many lots in units of the coin, with the sign of what the price of the coin does to them; rounded away from
    nothing."""
    units = divide_up(abs(lots) * instrument.tick_value * ONE_UNIT, instrument.tick)
    return units * direction(instrument) if lots > 0 else -units * direction(instrument)


def tiers_in_lots(
    instrument: Instrument, limit: PositionLimit | None
) -> tuple[tuple[Quantity, BasisPoints], ...]:
    """The tiers of a limit in whole lots of the instrument, rounded down, with what each charges."""
    worth = instrument.tick_value * ONE_UNIT
    return tuple(
        (tier.units * instrument.tick // worth, tier.extra_margin_bp)
        for tier in (limit.tiers if limit else ())
    )


def tier_of(units: int, limit: PositionLimit) -> int:
    """How many of the tiers a position of that size has passed."""
    return sum(1 for tier in limit.tiers if abs(units) > tier.units)
