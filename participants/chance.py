"""Chance, one stream a name: whoever joins or leaves, the dice of the others stay where they lie."""

from hashlib import blake2b
from math import log
from statistics import NormalDist

import numpy as np

_BLOCK = 32  # a scalar draw from numpy costs 0.3 us; by the block 0.05 us, and all dice stay in the cache
_SMALLEST = 2.0**-53
_NORMAL = NormalDist()


def generator(seed: int, name: str) -> np.random.Generator:
    """The stream of `name` under `seed`: a function of these two alone."""
    digest = blake2b(name.encode(), digest_size=16).digest()
    words = tuple(int.from_bytes(digest[at : at + 4], "little") for at in range(0, 16, 4))
    return np.random.Generator(np.random.PCG64DXSM(np.random.SeedSequence(seed, spawn_key=words)))


class Dice:
    """Draws one at a time from uniform numbers that were drawn by the block."""

    __slots__ = ("_block", "_generator")

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator
        self._block: list[float] = []

    def uniform(self) -> float:
        """In [0, 1)."""
        if not self._block:
            self._block = self._generator.random(_BLOCK).tolist()
        return self._block.pop()

    def integer(self, least: int, most: int) -> int:
        """Each of least, ..., most alike."""
        return least + int(self.uniform() * (most - least + 1))

    def exponential(self) -> float:
        """Of mean 1."""
        return -log(1.0 - self.uniform())

    def normal(self) -> float:
        """Of mean 0 and deviation 1."""
        return _NORMAL.inv_cdf(max(self.uniform(), _SMALLEST))
