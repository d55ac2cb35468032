"""One venue for the tests that leave it as they found it."""

import logging
from collections.abc import Iterator

import pytest

from tests.gateway.loopback import Venue, venue


@pytest.fixture(scope="module")
def open_venue() -> Iterator[Venue]:
    """Under the regime that lets everybody in; nobody trades inside."""
    with venue() as opened:
        yield opened


class Kept(logging.Handler):
    """Keeps records until the end of a test; pytest's own handler begins anew before the end of its fixtures."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def server_log(open_venue: Venue) -> Iterator[list[logging.LogRecord]]:
    """Warnings and worse of the venue and of its server, whose logger hands nothing on by itself."""
    kept = Kept()
    loggers = [logging.getLogger(), logging.getLogger("uvicorn")]
    for one in loggers:
        one.addHandler(kept)
    yield kept.records
    for one in loggers:
        one.removeHandler(kept)
