"""Which records this version writes, which it reads, and whose history it repeats."""

from collections.abc import Callable
from typing import Final

SCHEMA: Final = 1  # how commands are written down; raised when an old command no longer reads back as it was
ENGINE: Final = 1  # what becomes of commands; raised when the same commands lead to another state
REPLAYABLE: Final = frozenset({ENGINE})  # engines whose history this one repeats to the byte
UPGRADES: Final[
    dict[int, Callable[[bytes], bytes]]
] = {}  # a command of that schema, as the next one writes it
