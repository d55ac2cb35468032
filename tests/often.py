"""How often a property is tried: as often as its test says by day, ten times as often at night.

pytest --hypothesis-profile=night tests/properties
"""

from hypothesis import settings

BY_DAY = 100  # what hypothesis itself takes where nothing is said


def often(times: int) -> int:
    """For `max_examples`: so many times by day, more under a profile that tries more."""
    return times * settings.default.max_examples // BY_DAY
