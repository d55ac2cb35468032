"""The seeds of a comparison as they are typed: how many, or which."""

import re
from collections.abc import Sequence

FARTHEST = 2**32 - 1
MOST = 100_000
_ONE, _SPAN = re.compile(r"\d+"), re.compile(r"(\d+)\.\.(\d+)")


def read_seeds(text: str) -> tuple[int, ...]:
    """ "15" is how many: 1 to 15. "1,2,5" and "10..20" are which, and may be joined: "1,2,10..20".

    Raises ValueError, with a sentence, for anything else, for a seed named twice, and for none or too many.
    """
    if _ONE.fullmatch(text.strip()):
        return _enough(range(1, int(text) + 1))
    found: list[int] = []
    for part in (part.strip() for part in text.split(",")):
        found += _enough(_span(part))
    twice = [seed for at, seed in enumerate(sorted(found)) if at and sorted(found)[at - 1] == seed]
    if twice:
        raise ValueError(f"seed {twice[0]} is named twice; a run counts once, so remove it")
    return _enough(found)


def _span(part: str) -> Sequence[int]:
    if _ONE.fullmatch(part):
        return _within(range(int(part), int(part) + 1))
    if (ends := _SPAN.fullmatch(part)) is None:
        raise ValueError(f"“{part}” is no seed; write how many, as in 15, or which, as in 1,2,5 or 10..20")
    if int(ends[1]) > int(ends[2]):
        raise ValueError(f"{part} goes backwards; write {ends[2]}..{ends[1]}")
    return _within(range(int(ends[1]), int(ends[2]) + 1))


def _within(seeds: range) -> range:
    if seeds.stop - 1 > FARTHEST:
        raise ValueError(f"{seeds.stop - 1} is too large; a seed is at most {FARTHEST}")
    return seeds


def _enough(seeds: Sequence[int]) -> tuple[int, ...]:
    if not 1 <= len(seeds) <= MOST:
        raise ValueError(f"that is {len(seeds):,} seeds; name at least one and at most {MOST:,}")
    return tuple(seeds)
