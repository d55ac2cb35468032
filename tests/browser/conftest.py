"""A real Chromium that may speak to the venue on loopback and to nobody else."""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright

from tests.gateway.loopback import Venue, venue

NAMES = ("chromium", "chromium-browser", "google-chrome")
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1360, "height": 900}
PATIENCE = 20_000.0  # milliseconds until what should appear counts as missing


def chromium() -> str:
    """Where it is. Without one the tests are skipped, but not where they must run."""
    told = os.environ.get("RINGFENCE_CHROMIUM")
    found = next((path for name in ([told] if told else NAMES) if (path := shutil.which(name))), None)
    if found is not None:
        return found
    missing = f"no {told or ' or '.join(NAMES)} is installed; RINGFENCE_CHROMIUM may name another"
    if told or os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For one module: as long as it is there its loop runs on this thread, and no other test could run one."""
    path = chromium()
    with sync_playwright() as playwright:
        root = os.geteuid() == 0  # for whom it does not run in its own sandbox
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"] if root else [])
        yield opened
        opened.close()


class Watched:
    """A page, and what went wrong on it: requests to elsewhere, errors on the console or in a script."""

    def __init__(self, context: BrowserContext, host: str) -> None:
        self.outside: list[str] = []
        self.errors: list[str] = []
        self._host = host
        context.route("**/*", self._judge)
        self.page: Page = context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.page.on("websocket", lambda socket: self._note(socket.url))
        self.page.on("console", lambda told: self.errors.append(told.text) if told.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _note(self, url: str) -> bool:
        """Whether it leads to the venue."""
        ours = urlsplit(url).netloc == self._host
        if not ours:
            self.outside.append(url)
        return ours

    def _judge(self, route: Route) -> None:
        if self._note(route.request.url):
            route.continue_()
        else:
            route.abort()


Show = Callable[..., Watched]


@pytest.fixture
def show(browser: Browser) -> Iterator[Show]:
    """Open the page of a venue, as wide and as bright as is asked for; nothing may have gone wrong in the end."""
    opened: list[tuple[BrowserContext, Watched]] = []

    def at(place: Venue, size: dict[str, int] = DESK, **options: Any) -> Watched:
        context = browser.new_context(viewport=size, **options)  # type: ignore[arg-type]
        watched = Watched(context, f"127.0.0.1:{place.port}")
        opened.append((context, watched))
        watched.page.goto(place.http)
        return watched

    yield at
    for context, watched in opened:
        context.close()
        assert watched.outside == [], "the page has asked for something elsewhere"
        assert watched.errors == []


@pytest.fixture(scope="module")
def trading_venue() -> Iterator[Venue]:
    """Nobody trades inside: what appears is what the test has done."""
    with venue() as opened:
        yield opened
