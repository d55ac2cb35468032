"""The only roundings besides floor (`//`): ceil, half to even, to a tick, and sharing out a whole number.

What a participant must cover or pay is rounded up, what it receives is rounded down, a price is rounded
once, and a sum that is split is split without a remainder.
"""

from collections.abc import Sequence

from matching.terms import Price


def divide_up(numerator: int, denominator: int) -> int:
    """The least whole number not below the quotient. The denominator is positive."""
    return -(-numerator // denominator)


def divide_half_even(numerator: int, denominator: int) -> int:
    """The nearest whole number; a half goes to the even neighbour. The denominator is positive."""
    below, rest = divmod(numerator, denominator)
    if 2 * rest == denominator:
        return below + below % 2
    return below + (2 * rest > denominator)


def to_tick(numerator: int, denominator: int, prior: Price) -> Price:
    """The nearest tick; a half goes toward the `prior` price. The denominator is positive."""
    below, rest = divmod(numerator, denominator)
    if 2 * rest == denominator:
        return below + (prior > below)
    return below + (2 * rest > denominator)


def allocate(total: int, weights: Sequence[int], caps: Sequence[int] | None = None) -> list[int]:
    """Split `total` by weight into whole parts, each at most its cap; the parts sum to `total`.

    What a cap cuts off flows to the others by their weights. Single units left over go to the largest
    remainders, among equal ones to the earlier position, so pass the parts in the order of their ids.
    Every part is less than one unit from its exact share. Raises ValueError if no such split exists.
    """
    fault = _fault_in(total, weights, caps)
    if fault is not None:
        raise ValueError(fault)
    parts = [0] * len(weights)
    open_parts = [part for part, weight in enumerate(weights) if weight > 0]
    while caps is not None:  # fill to the brim whoever the present level would overfill, then look again
        weight = sum(weights[part] for part in open_parts)
        full = [part for part in open_parts if total * weights[part] >= caps[part] * weight]
        if not full:
            break
        open_parts = [part for part in open_parts if total * weights[part] < caps[part] * weight]
        for part in full:
            parts[part] = caps[part]
            total -= caps[part]
    _share(total, open_parts, weights, parts)
    return parts


def _share(total: int, open_parts: list[int], weights: Sequence[int], parts: list[int]) -> None:
    """Split `total` over the open parts, none of which can overflow any more, by largest remainder."""
    weight = sum(weights[part] for part in open_parts)
    remainders = {}
    for part in open_parts:
        parts[part], remainders[part] = divmod(total * weights[part], weight)
    left = total - sum(parts[part] for part in open_parts)
    by_remainder = sorted(open_parts, key=lambda part: -remainders[part])  # stable: ties stay in position
    for part in by_remainder[:left]:
        parts[part] += 1


def _fault_in(total: int, weights: Sequence[int], caps: Sequence[int] | None) -> str | None:
    """Why `total` cannot be split this way, or None."""
    if total < 0:
        return f"cannot split {total}: it is negative"
    if any(weight < 0 for weight in weights):
        return f"weights must not be negative, but one is {min(weights)}"
    if total > 0 and not any(weights):
        return f"cannot split {total}: no weight is positive"
    if caps is None:
        return None
    if len(caps) != len(weights):
        return f"there are {len(weights)} weights but {len(caps)} caps"
    if any(cap < 0 for cap in caps):
        return f"caps must not be negative, but one is {min(caps)}"
    room = sum(cap for cap, weight in zip(caps, weights, strict=True) if weight)
    if room < total:
        return f"cannot split {total}: the caps hold only {room}"
    return None
