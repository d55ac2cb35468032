"""The live page in a real browser, beside a bot that trades over the public interface."""

import re
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from exchange.commands import ListInstrument
from exchange.messages import changed
from exchange.units import InstrumentId
from tests.browser.conftest import PATIENCE, PHONE, Show
from tests.gateway.loopback import PERPETUAL, Client, Refused, Venue, around, dial, limit, play, venue
from tests.gateway.test_statistics import freeze, tell

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


def test_the_clearing_house_tells_what_is_open_and_what_covers_it(show: Show) -> None:
    with venue() as opened:
        page = show(opened).page
        expect(page.locator("#cover")).to_contain_text("covered in full")
        aside(bot(opened, 1.0, 2))
        row = page.locator("#open tbody tr").filter(has_text=PERPETUAL)
        expect(row.locator("td").nth(1)).to_have_text("0.004")
        escrow = opened.get("/api/v2/clearing/get_statistics").json()["result"]["escrow"]
        assert escrow > 0
        expect(figure(page, "#clearing", "In escrow")).to_have_text(f"{grouped(escrow)} RUBD")
        expect(page.locator("#waterfall")).to_be_hidden()


def test_under_margin_the_layers_are_shown_in_their_order(show: Show) -> None:
    with venue("ru_open_counterfactual+risk", scenario="largest_default", population=10) as opened:
        page = show(opened).page
        layers = page.locator("#waterfall li")
        expect(layers).to_have_count(8)
        expect(layers.nth(2)).to_contain_text("First capital of the house5.0 m")
        expect(figure(page, "#clearing", "Margin calls")).to_have_text("0 open, 0 so far")


def test_the_cash_leg_tells_what_is_frozen_as_it_is(show: Show) -> None:
    with venue() as opened:
        page = show(opened).page
        supply = opened.get("/api/v2/cash/get_statistics").json()["result"]["assets"][0]["supply"]
        assert supply > 1e6
        expect(figure(page, "#cash", "Supply")).to_have_text(f"{supply / 1e6:.1f} m")
        expect(figure(page, "#cash", "Frozen there")).to_have_text("nothing")
        expect(page.get_by_role("img", name="cover the supply")).to_be_visible()
        tell(opened, freeze(opened))
        expect(figure(page, "#cash", "Frozen there")).to_contain_text("(100.0 %)")
        expect(page.locator("#cash .lead")).to_contain_text("Partly frozen")


def test_access_tells_who_was_let_in_and_who_was_turned_away_and_why(show: Show) -> None:
    async def two_apply(opened: Venue) -> None:
        client = await dial(opened)
        for kind, told in (
            ("institution", {"own_funds_rub": 1e12, "qualified_by_law": True}),
            ("individual", {}),
        ):
            with suppress(Refused):
                await client("access/apply", participant_id=f"{kind}-of-a-test", kind=kind, **told)
        await client.close()

    with venue("ru_derivs_qual_2025") as opened:
        page = show(opened).page
        expect(page.locator("#entry")).to_have_text("7 have applied: 6 were let in, 1 was turned away.")
        aside(two_apply(opened))
        expect(page.locator("#entry")).to_have_text("9 have applied: 7 were let in, 2 were turned away.")
        expect(page.locator("#classes li").filter(has_text="Financial institution")).to_contain_text("3")
        expect(page.locator("#turned-away li")).to_have_text("meets no class of the regime2")


def test_another_instrument_is_chosen_with_the_keyboard(trading_venue: Venue, show: Show) -> None:
    page = show(trading_venue).page
    expect(page.locator("#standing")).to_have_text("Live")
    choice = page.get_by_label("Instrument")
    choice.focus()
    page.keyboard.press("ArrowDown")
    expect(choice).not_to_have_value(PERPETUAL)
    expect(page.locator("#chart")).to_have_attribute("aria-label", re.compile("^BTC_RUBD-[0-9]"))
    page.get_by_role("radio", name="15 min").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="1 hour")).to_be_checked()


def test_what_is_listed_later_can_be_chosen(show: Show) -> None:
    with venue() as opened:
        page = show(opened).page
        expect(page.locator("#standing")).to_have_text("Live")
        expect(page.locator("#instrument option")).not_to_have_count(0)
        name = InstrumentId("BTC_RUBD-LATER")
        future = opened.gateway.venue.books.pairs[page.locator("#instrument option").nth(1).inner_text()]
        tell(opened, ListInstrument(instrument=changed(future.instrument, instrument_id=name)))
        expect(page.locator("#instrument")).to_contain_text(name)
        expect(page.get_by_label("Instrument")).to_have_value(PERPETUAL)


def test_a_flood_of_news_is_drawn_no_more_often_than_it_can_be_seen(trading_venue: Venue, show: Show) -> None:
    """On the page's own clock: a part is drawn once in a frame, the chart five times in a second."""
    watched = show(trading_venue)
    expect(watched.page.locator("#standing")).to_have_text("Live")
    drawn = watched.page.evaluate(
        """async () => {
            const { part, redraw } = await import("/page/screen.js");
            const drawn = { chart: 0, other: 0, frames: 0 };
            const chart = part(() => { drawn.chart += 1; }, 200);
            const other = part(() => { drawn.other += 1; });
            const begun = performance.now();
            const count = () => { drawn.frames += 1; requestAnimationFrame(count); };
            requestAnimationFrame(count);
            while (performance.now() - begun < 1000) {
                for (let times = 0; times < 100; times += 1) { redraw(chart); redraw(other); }
                await new Promise((done) => setTimeout(done, 1));
            }
            drawn.seconds = (performance.now() - begun) / 1000;
            return drawn;
        }"""
    )
    assert 1 <= drawn["chart"] <= 1 + 5 * drawn["seconds"]
    assert 1 <= drawn["other"] <= 1 + drawn["frames"]


def figure(page: Page, section: str, term: str) -> Locator:
    """What stands beside a term."""
    return (
        page.locator(f"{section} .figures div").filter(has=page.get_by_text(term, exact=True)).locator("dd")
    )


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
    expect(page.locator("#session")).to_have_text("not known")
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
