"""What one participant holds and what is asked for it, in the words that every way to reckon margin shares."""

from typing import NamedTuple

from exchange.instruments import Instrument
from exchange.units import Money, Time
from matching.terms import Price


class Holding(NamedTuple):
    """Lots of one series, short ones negative, with the prices by which they are margined."""

    instrument: Instrument
    quantity: int
    mark: Price  # of the series itself
    forward: Price  # the mark of the future that expires with it; of a future its own mark
    time_left: Time  # to the expiry


class Margin(NamedTuple):
    """What a whole portfolio must be covered by: to take positions on, and to keep them."""

    initial: Money
    maintenance: Money
