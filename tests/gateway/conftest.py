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


@pytest.fixture
def server_log(open_venue: Venue, caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Warnings and worse of the venue and of its server, whose logger hands nothing on by itself."""
    caplog.set_level(logging.WARNING)
    server = logging.getLogger("uvicorn")
    server.addHandler(caplog.handler)
    yield caplog
    server.removeHandler(caplog.handler)
