"""Where results are written: whether that can be, before the long work begins, and a sentence where it cannot."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REMEDY = "name a place that can be written and read"


class PlaceError(Exception):
    """Results cannot be written where they were asked for, as a sentence: what, where and the remedy."""


def check_folder_can_be(path: Path, what: str) -> None:
    """Whether a folder is there or can be made, and written. Raises PlaceError. Nothing is made."""
    there = next(place for place in (path, *path.absolute().parents) if place.exists())
    if not there.is_dir():
        raise PlaceError(f"{what}: {there} is a file, so no folder can be at {path}; name another place.")
    _check_writable(there, what)


def check_file_can_be(path: Path, what: str) -> None:
    """Whether a file can be written there, in a folder that exists. Raises PlaceError. Nothing is made."""
    folder = path.absolute().parent
    if path.is_dir():
        raise PlaceError(f"{what}: {path} is a folder; name a file in it, as in {path / 'report.html'}.")
    if not folder.exists():
        raise PlaceError(f"{what}: there is no folder {folder}; make it first, or name a file elsewhere.")
    if not folder.is_dir():
        raise PlaceError(f"{what}: {folder} is a file, so nothing can be in it; name a file elsewhere.")
    _check_writable(folder, what)


def _check_writable(folder: Path, what: str) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PlaceError(f"{what}: {folder} may not be written by this user; {REMEDY}.")


@contextmanager
def written_to(what: str) -> Iterator[None]:
    """What the disk refuses meanwhile, such as a place that no check can foresee, becomes a PlaceError."""
    try:
        yield
    except OSError as fault:
        raise PlaceError(f"{what}: {sentence_of(fault)}.") from fault


def sentence_of(fault: OSError) -> str:
    """ "runs/a: Permission denied; name a place that can be written and read", without its full stop."""
    where = f"{fault.filename}: " if fault.filename else ""
    if fault.errno == errno.ENOSPC:
        return f"{where}the disk is full; free some space and repeat it, nothing half-written is left"
    return f"{where}{fault.strerror or fault}; {REMEDY}"
