"""An index and a split in exact fractions, written as the rules are told. Shares no code with ours."""

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor
from statistics import median


@dataclass
class NaiveIndex:
    """Times in seconds. `quotes` are (bid, ask, time) by venue; `publish` answers (value, status, venues)."""

    weights: dict[str, int]
    quotes: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    rates: list[int] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    last: int | None = None

    def publish(self, now: int) -> tuple[int, str, int] | None:
        mids = {
            venue: Fraction(bid + ask, 2)
            for venue, (bid, ask, at) in self.quotes.items()
            if bid > 0 and ask > 0 and bid < ask and 0 <= now - at <= 180
        }
        valid = self.without_outliers(mids)
        silent = all(now - self.quotes[venue][2] >= 60 for venue in valid)
        if len(valid) < 2 or silent:
            return None if self.last is None else (self.last, "stale", len(valid))
        middle = median(valid.values())
        low, high = ceil(middle * Fraction(995, 1000)), floor(middle * Fraction(1005, 1000))
        capped = {venue: min(max(mid, Fraction(low)), Fraction(high)) for venue, mid in valid.items()}
        weight = sum(self.weights[venue] for venue in valid)
        self.last = round(sum(self.weights[venue] * mid for venue, mid in capped.items()) / Fraction(weight))
        return self.last, "ok" if len(valid) >= 3 and self.like_the_basket() else "degraded", len(valid)

    def without_outliers(self, mids: dict[str, Fraction]) -> dict[str, Fraction]:
        inside = dict(mids)
        while True:
            away: dict[str, Fraction] = {}
            for venue, mid in inside.items():
                others = [other for name, other in inside.items() if name != venue]
                if not others:
                    if venue in self.left_out:
                        away[venue] = Fraction(1)
                    continue
                ratio = mid / median(others)
                deviation = abs(ratio - 1)
                if deviation > Fraction(1, 10) or (
                    venue in self.left_out and not deviation < Fraction(1, 20)
                ):
                    away[venue] = max(ratio, 1 / ratio)
            if not away:
                break
            inside = {v: mid for v, mid in inside.items() if away.get(v) != max(away.values())}
        unseen = [venue for venue in self.left_out if venue not in mids]
        self.left_out = unseen + [venue for venue in mids if venue not in inside]
        return inside

    def like_the_basket(self) -> bool:
        if not self.rates:
            return True
        basket = Fraction(sum(self.rates), len(self.rates))
        return self.last is not None and abs(self.last / basket - 1) <= Fraction(2, 100)


def exact_shares(total: int, weights: list[int], caps: list[int]) -> list[Fraction]:
    """Pour evenly by weight into whoever still has room, until nothing is left."""
    left = Fraction(total)
    shares = [Fraction(0)] * len(weights)
    while left:
        rising = [i for i, weight in enumerate(weights) if weight and shares[i] < caps[i]]
        step = min(
            left / sum(weights[i] for i in rising),
            min((caps[i] - shares[i]) / weights[i] for i in rising),
        )
        for i in rising:
            shares[i] += step * weights[i]
        left = Fraction(total) - sum(shares)
    return shares
