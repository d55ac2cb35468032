"""A file that only takes room, so that there is some left on the day on which the disk is full."""

import os
from pathlib import Path
from typing import Final

from exchange.journal.faults import JournalUnusable

RESERVE: Final = 16 << 20  # bytes


def keep_reserve(path: Path) -> None:
    """Have the reserve, of blocks that are really there. Raises JournalUnusable if there is no room for it."""
    if path.exists() and path.stat().st_size == RESERVE:
        return
    try:
        with path.open("wb") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, RESERVE)
            else:
                file.write(bytes(RESERVE))
    except OSError as fault:
        path.unlink(missing_ok=True)
        raise JournalUnusable(
            f"{path}: no room for the reserve of {RESERVE >> 20} MiB ({fault.strerror}). Free some space"
        ) from fault


def release_reserve(path: Path) -> None:
    path.unlink(missing_ok=True)
