"""Attacks on what outside venues show: which of their prices are pushed, frozen, or not shown at all.

    one venue pushed at the close     push, its venue, the last minutes, any percent
    a majority pushed                 push, several venues; only independent rates can tell
    a drift inside the cap band       drift, up to half a percent, over the whole window
    a push just below the filter      push, 9.9 percent
    honest feeds silenced or frozen   silence or freeze them, and push the others
    wash volume                       wash, beside a push of the same venue

Attacks on one venue add to each other. Our own market is no outside venue, so it cannot be among them.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from scenarios.world import AttackKind, AttackTerms

Attacks: TypeAlias = Sequence[AttackTerms]
Times: TypeAlias = npt.NDArray[np.int64]


class Shown(NamedTuple):
    """What one venue shows at each step: bid, ask, and whether it says anything."""

    bids: npt.NDArray[np.int64]
    asks: npt.NDArray[np.int64]
    speaks: npt.NDArray[np.bool_]


def pushes(attacks: Attacks, venue: str, times: Times) -> npt.NDArray[np.float64]:
    """By what the venue's mid prices are multiplied, at each step."""
    factor = np.ones(len(times))
    for attack, during in _on(attacks, venue, times, AttackKind.PUSH):
        factor[during] *= 1 + attack.push
    for attack, during in _on(attacks, venue, times, AttackKind.DRIFT):
        gone = (times[during] - attack.starts) / (attack.ends - attack.starts)
        factor[during] *= 1 + attack.push * gone
    return factor


def volumes(attacks: Attacks, venue: str, times: Times) -> npt.NDArray[np.float64]:
    """By what the quantities that the venue reports are multiplied, at each step."""
    factor = np.ones(len(times))
    for attack, during in _on(attacks, venue, times, AttackKind.WASH):
        factor[during] *= attack.volume_times
    return factor


def attacked(shown: Shown, attacks: Attacks, venue: str, times: Times) -> Shown:
    """What the venue shows once its feed is frozen or silent in the hours of the attacks."""
    bids, asks, speaks = shown.bids.copy(), shown.asks.copy(), shown.speaks.copy()
    for _, during in _on(attacks, venue, times, AttackKind.FREEZE):
        if during.any():
            last = max(int(np.argmax(during)) - 1, 0)
            bids[during], asks[during] = bids[last], asks[last]
    for _, during in _on(attacks, venue, times, AttackKind.SILENCE):
        speaks[during] = False
    return Shown(bids, asks, speaks)


def _on(
    attacks: Attacks, venue: str, times: Times, kind: AttackKind
) -> Iterator[tuple[AttackTerms, npt.NDArray[np.bool_]]]:
    """The attacks of that kind on the venue, and at which steps they last."""
    for attack in attacks:
        if attack.kind is kind and venue in attack.venues:
            yield attack, (times >= attack.starts) & (times <= attack.ends)
