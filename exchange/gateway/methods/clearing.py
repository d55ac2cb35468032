"""The clearing house, for everybody: what is open, what stands behind it, and who would pay next."""

from exchange.gateway.dispatch import Call
from exchange.gateway.registry import REGISTRY, Access, NoParams
from exchange.gateway.shapes import ClearingStatistics


@REGISTRY.method("clearing/get_statistics", Access.PUBLIC)
def get_statistics(call: Call, params: NoParams) -> ClearingStatistics:
    """Open interest of every claim, what covers it, and, under margin, calls and the layers of the waterfall."""
    return call.gateway.hub.statistics.clearing()
