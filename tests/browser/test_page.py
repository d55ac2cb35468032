"""The live page in a real browser, beside a bot that trades over the public interface."""

import re
import threading
from collections.abc import Coroutine
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE, PHONE, Show
from tests.gateway.loopback import PERPETUAL, Client, Venue, around, dial, limit, play, venue

expect.set_options(timeout=PATIENCE)


def aside(story: Coroutine[Any, Any, Any]) -> Any:
    """Play a story on another thread: the browser's loop holds this one."""
    told: list[Any] = []
    thread = threading.Thread(target=lambda: told.append(play(story)))
    thread.start()
    thread.join(60)
    assert told, "the story has failed"
    return told[0]


async def bot(opened: Venue, price_share: float, trades: int) -> float:
    """Quotes on both sides, and so many trades at one price; the price."""
    one, other = await dial(opened, "everyone-1"), await dial(opened, "everyone-2")
    price = await around(one, price_share)
    await _quote(one, price)
    for _ in range(trades):
        await limit(one, "sell", 0.002, price)
        await limit(other, "buy", 0.002, price)
    await one.close()
    await other.close()
    return price


async def _quote(client: Client, price: float) -> None:
    await client("private/cancel_all")
    await limit(client, "buy", 0.031, price - 1_000)
    await limit(client, "buy", 0.012, price - 2_000)
    await limit(client, "sell", 0.047, price + 1_000)


def grouped(price: float) -> str:
    return f"{price:,.0f}"


def test_trades_and_book_appear_as_they_happen(trading_venue: Venue, show: Show) -> None:
    page = show(trading_venue).page
    expect(page.locator("#standing")).to_have_text("Live")
    expect(page.get_by_label("Instrument")).to_have_value(PERPETUAL)
    price = aside(bot(trading_venue, 1.0, 3))
    expect(page.locator("#trades tbody tr")).to_have_count(3)
    expect(page.locator("#trades tbody tr").first).to_contain_text(grouped(price))
    expect(page.locator("#last")).to_have_text(grouped(price))
    bids = page.locator("#book .bids tr")
    expect(bids).to_have_count(2)
    expect(bids.first).to_have_text(f"{grouped(price - 1_000)}0.0310.031")
    expect(bids.last).to_have_text(f"{grouped(price - 2_000)}0.0120.043")
    expect(page.locator("#book .asks tr")).to_contain_text([grouped(price + 1_000)])
    expect(page.locator("#between")).to_have_text("Spread 2,000")
    expect(page.locator("#open-interest")).to_have_text("0.006 BTC")
    expect(page.locator("#chart")).to_have_attribute("aria-label", re.compile(f"to {grouped(price)} at"))


def test_a_phone_shows_all_of_it_without_a_sideways_scroll(trading_venue: Venue, show: Show) -> None:
    page = show(trading_venue, PHONE).page
    expect(page.locator("#standing")).to_have_text("Live")
    aside(bot(trading_venue, 1.01, 1))
    expect(page.locator("#book .bids tr")).to_have_count(2)
    wide = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide == [PHONE["width"], PHONE["width"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_as_bright_as_the_reader_has_it(trading_venue: Venue, show: Show, scheme: str) -> None:
    page = show(trading_venue, color_scheme=scheme).page
    expect(page.locator("#standing")).to_have_text("Live")
    ink, paper = (
        brightness(page.evaluate(f"getComputedStyle(document.body).{name}"))
        for name in ("color", "backgroundColor")
    )
    assert (ink > paper) is (scheme == "dark") and abs(ink - paper) > 150


def brightness(colour: str) -> float:
    parts = [int(part) for part in re.findall(r"\d+", colour)[:3]]
    return sum(parts) / 3


def test_when_the_venue_is_gone_the_page_says_so_and_comes_back_by_itself(show: Show) -> None:
    with venue() as first:
        watched = show(first)
        page = watched.page
        expect(page.locator("#standing")).to_have_text("Live")
    expect(page.locator("#standing")).to_contain_text("gone")
    with venue(port=first.port) as again:
        expect(page.locator("#standing")).to_have_text("Live")
        price = aside(bot(again, 0.99, 1))
        expect(page.locator("#last")).to_have_text(grouped(price))
        expect(page.locator("#trades tbody tr")).to_have_count(1)
    refused = [error for error in watched.errors if "ERR_CONNECTION_REFUSED" in error]
    assert watched.errors == refused
    watched.errors.clear()


def test_the_policy_forbids_what_is_not_in_the_page_s_own_files(trading_venue: Venue, show: Show) -> None:
    watched = show(trading_venue)
    watched.page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.foreign = true";
            document.body.append(script);
            document.body.setAttribute("style", "display: none");
        }"""
    )
    assert watched.page.evaluate("window.foreign") is None
    expect(watched.page.locator("body")).to_be_visible()
    assert len(watched.errors) == 2 and all("Content Security Policy" in error for error in watched.errors)
    watched.errors.clear()
