"""One venue for the tests that leave it as they found it."""

from collections.abc import Iterator

import pytest

from tests.gateway.loopback import Venue, venue


@pytest.fixture(scope="module")
def open_venue() -> Iterator[Venue]:
    """Under the regime that lets everybody in; nobody trades inside."""
    with venue() as opened:
        yield opened
