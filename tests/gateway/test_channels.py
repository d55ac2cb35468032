"""What is followed: chains without a gap, snapshots that come after the answer, and nothing that was not asked for."""

import asyncio
from random import Random
from typing import Any

import pytest

from exchange.gateway.books import News
from exchange.gateway.channels import Channel
from matching.feed import MASK, level_hash
from matching.terms import Side
from tests.gateway.loopback import PERPETUAL, Client, Refused, Venue, around, dial, limit, play

Book = dict[str, dict[float, float]]


def rebuilt(messages: list[dict[str, Any]]) -> tuple[Book, int]:
    """The book that a reader of a channel has, checked step by step, and the number where it stands."""
    book: Book = {"bids": {}, "asks": {}}
    last = None
    for told in messages:
        if told["type"] == "snapshot":
            assert "prev_change_id" not in told
            book = {"bids": {}, "asks": {}}
        else:
            assert told["prev_change_id"] == last, "a message is missing"
        last = told["change_id"]
        for side, levels in book.items():
            for action, price, amount in told[side]:
                match action:
                    case "new":
                        assert price not in levels and amount > 0
                        levels[price] = amount
                    case "change":
                        assert price in levels and amount > 0
                        levels[price] = amount
                    case "delete":
                        assert amount == 0
                        del levels[price]
    assert last is not None
    return book, last


async def churn(client: Client, seed: int, steps: int) -> None:
    """Orders that come, change and go, far from the middle."""
    dice, live = Random(seed), []
    base = await around(client, 0.95)
    for _ in range(steps):
        price = base + 100 * dice.randrange(40)
        draw = dice.random()
        if not live or draw < 0.5:
            live.append(
                (await limit(client, "buy", dice.randrange(1, 20) / 1000, price))["order"]["order_id"]
            )
        elif draw < 0.8:
            amount = dice.randrange(1, 20) / 1000
            await client("private/edit", order_id=dice.choice(live), amount=amount, price=price)
        else:
            await client("private/cancel", order_id=live.pop(dice.randrange(len(live))))


@pytest.mark.parametrize("interval", ["raw", "100ms"])
def test_a_book_is_rebuilt_from_its_chain_wherever_one_comes_in(open_venue: Venue, interval: str) -> None:
    async def story() -> None:
        trader, early = await dial(open_venue, "everyone-1"), await dial(open_venue, "everyone-2")
        channel = f"book.{PERPETUAL}.{interval}"
        await early("public/subscribe", channels=[channel])
        await churn(trader, 1, 60)
        late = await dial(open_venue, "everyone-2")
        await late("public/subscribe", channels=[channel])
        await churn(trader, 2, 60)
        await early("public/unsubscribe", channels=[channel])
        await churn(trader, 3, 10)
        await early("public/subscribe", channels=[channel])
        await churn(trader, 4, 30)
        await asyncio.sleep(0.4)
        shown = await trader("public/get_order_book", instrument_name=PERPETUAL, depth=10_000)
        expected = {side: dict(shown[side]) for side in ("bids", "asks")}
        for reader in (early, late):
            assert rebuilt(reader.of(channel)) == (expected, shown["change_id"])
        assert len([m for m in early.of(channel) if m["type"] == "snapshot"]) == 2
        await trader("private/cancel_all")
        for client in (trader, early, late):
            await client.close()

    play(story())


def test_a_batch_without_effect_is_not_told(open_venue: Venue) -> None:
    async def story() -> None:
        trader, reader = await dial(open_venue, "everyone-1"), await dial(open_venue)
        channel = f"book.{PERPETUAL}.agg2"
        await reader("public/subscribe", channels=[channel])
        await asyncio.sleep(1.1)
        before = len(reader.of(channel))
        order = (await limit(trader, "buy", 0.01, await around(trader, 0.94)))["order"]["order_id"]
        await trader("private/cancel", order_id=order)
        await asyncio.sleep(1.3)
        assert len(reader.of(channel)) == before
        for client in (trader, reader):
            await client.close()

    play(story())


def test_what_changes_often_within_an_interval_is_told_once(open_venue: Venue) -> None:
    async def story() -> None:
        trader, reader = await dial(open_venue, "everyone-1"), await dial(open_venue, "everyone-2")
        raw, second = f"book.{PERPETUAL}.raw", f"book.{PERPETUAL}.agg2"
        await reader("private/subscribe", channels=[raw, second])
        await churn(trader, 6, 60)
        await asyncio.sleep(1.3)
        often, rarely = reader.of(raw), reader.of(second)
        assert rebuilt(often) == rebuilt(rarely) and 1 < len(rarely) < len(often)
        await trader("private/cancel_all")
        for client in (trader, reader):
            await client.close()

    play(story())


def test_what_cannot_be_followed_is_left_out_and_is_no_error(open_venue: Venue) -> None:
    async def story() -> None:
        reader = await dial(open_venue)
        good = f"ticker.{PERPETUAL}.100ms"
        asked = [
            good,
            "ticker.NOPE.100ms",
            "nonsense",
            f"book.{PERPETUAL}.raw",  # needs a key
            "user.orders.any.any.raw",
            f"book.{PERPETUAL}.none.7.100ms",
            f"chart.trades.{PERPETUAL}.7",
            "perpetual.BTC_RUBD.100ms",
            "trades.nothing.any.100ms",
            "x" * 200,
        ]
        assert await reader("public/subscribe", channels=asked) == [good]
        first = next(i for i, m in enumerate(reader.messages) if "result" in m)
        await reader.told(lambda note: note["params"]["channel"] == good)
        told = next(i for i, m in enumerate(reader.messages) if m.get("method") == "subscription")
        assert first < told, "the answer comes before the first message"
        with pytest.raises(Refused) as refused:
            await reader("public/subscribe", channels=[])
        assert refused.value.code == -32602
        response = open_venue.get("/api/v2/public/subscribe", params={"channels": '["x"]'})
        assert response.json()["error"]["code"] == 10030
        await reader.close()

    play(story())


def test_private_channels_tell_their_owner_and_nobody_else(open_venue: Venue) -> None:
    async def story() -> None:
        one, other = await dial(open_venue, "everyone-1"), await dial(open_venue, "everyone-2")
        watcher = await dial(open_venue, "everyone-2")
        channels = [
            "user.orders.any.any.raw",
            f"user.orders.{PERPETUAL}.100ms",
            "user.trades.future.rubd.raw",
            f"user.changes.{PERPETUAL}.raw",
            "user.portfolio.rubd",
        ]
        assert await watcher("public/subscribe", channels=channels) == channels
        price = await around(one, 1.0)
        await limit(one, "sell", 0.01, price, label="not yours")
        mine = (await limit(other, "buy", 0.01, price, label="mine"))["order"]["order_id"]
        await asyncio.sleep(0.4)
        states = [order["order_state"] for order in watcher.of(channels[0])]
        assert states == ["filled"]
        assert {order["order_id"] for order in watcher.of(channels[0])} == {mine}
        assert [[o["label"] for o in batch] for batch in watcher.of(channels[1])] == [["mine"]]
        assert watcher.of(channels[2])[0][0]["order_id"] == mine
        changes = watcher.of(channels[3])[0]
        assert (len(changes["orders"]), len(changes["trades"]), len(changes["positions"])) == (1, 1, 1)
        assert "not yours" not in str(watcher.notes)
        assert len(watcher.of(channels[4])) >= 2, "once at first, and once for the trade"
        await limit(one, "buy", 0.01, price)
        await limit(other, "sell", 0.01, price)
        for client in (one, other, watcher):
            await client.close()

    play(story())


def test_the_answer_to_an_order_comes_before_its_events(open_venue: Venue) -> None:
    async def story() -> None:
        client = await dial(open_venue, "everyone-1")
        await client("private/subscribe", channels=["user.orders.any.any.raw", f"book.{PERPETUAL}.raw"])
        await asyncio.sleep(0.2)
        before = len(client.messages)
        await limit(client, "buy", 0.01, await around(client, 0.95))
        await asyncio.sleep(0.2)
        kinds = ["answer" if "result" in m else m["params"]["channel"] for m in client.messages[before:]]
        kinds = kinds[kinds.index("answer") + 1 :]  # that of the ticker
        assert kinds[0] == "answer" and set(kinds[1:3]) == {
            "user.orders.any.any.raw",
            f"book.{PERPETUAL}.raw",
        }
        await client("private/cancel_all")
        await client.close()

    play(story())


def test_every_public_channel_has_its_first_message(open_venue: Venue) -> None:
    async def story() -> None:
        client = await dial(open_venue, "everyone-1")
        channels = [
            f"book.{PERPETUAL}.none.10.100ms",
            f"book.{PERPETUAL}.100.20.agg2",
            f"ticker.{PERPETUAL}.raw",
            f"incremental_ticker.{PERPETUAL}",
            f"quote.{PERPETUAL}",
            f"chart.trades.{PERPETUAL}.1",
            f"perpetual.{PERPETUAL}.100ms",
            "deribit_price_index.btc_rub",
            "estimated_expiration_price.btc_rub",
        ]
        silent = [
            f"trades.{PERPETUAL}.raw",
            "trades.future.any.100ms",
            "instrument.state.any.any",
            "platform_state",
        ]
        assert await client("public/subscribe", channels=channels + silent) == channels + silent
        for channel in channels:
            await client.told(lambda note, channel=channel: note["params"]["channel"] == channel)  # type: ignore[misc]
        assert all("id" not in note for note in client.notes)
        assert await client("public/unsubscribe_all") == "ok"
        await client.close()

    play(story())


def test_the_checksum_of_a_rebuilt_book_is_the_venues(open_venue: Venue) -> None:
    async def story() -> None:
        trader = await dial(open_venue, "everyone-1")
        channel = f"book.{PERPETUAL}.raw"
        await trader("private/subscribe", channels=[channel])
        await churn(trader, 5, 40)
        await asyncio.sleep(0.2)
        messages = trader.of(channel)
        pair = open_venue.gateway.venue.books.pairs[PERPETUAL]
        for upto in range(1, len(messages) + 1):
            book, _ = rebuilt(messages[:upto])
            total = sum(
                level_hash(side, round(price / pair.tick), round(amount / pair.contract))
                for side, word in ((Side.BUY, "bids"), (Side.SELL, "asks"))
                for price, amount in book[word].items()
            )
            assert messages[upto - 1]["checksum"] == f"{total & MASK:016x}"
        await trader("private/cancel_all")
        await trader.close()

    play(story())


def test_news_reach_only_the_channels_that_they_are_about(open_venue: Venue) -> None:
    """A thousand followers of something else cost an order nothing."""

    async def story() -> None:
        trader, reader = await dial(open_venue, "everyone-1"), await dial(open_venue, "everyone-2")
        names = [
            "user.orders.any.any.raw",
            f"user.changes.{PERPETUAL}.raw",
        ]
        assert await reader("private/subscribe", channels=names) == names
        looked = 0

        def count(self: Channel, news: News) -> bool:
            nonlocal looked
            looked += 1
            return False

        hub = open_venue.gateway.hub
        followed = [one for one in hub._channels.values() if one.name in names]
        kinds = {type(one) for one in followed}
        with pytest.MonkeyPatch.context() as patch:
            for kind in kinds:
                patch.setattr(kind, "note", count)
            await limit(trader, "buy", 0.01, await around(trader, 0.95))
        assert len(followed) == 2 and looked == 0
        await reader("private/unsubscribe_all")
        assert [one for one in hub._channels.values() if one in followed] == []
        await trader("private/cancel_all")
        for client in (trader, reader):
            await client.close()

    play(story())


def test_a_token_in_the_request_is_enough_to_follow_what_is_ones_own(open_venue: Venue) -> None:
    async def story() -> None:
        owner, reader = await dial(open_venue, "everyone-1"), await dial(open_venue)
        token = (await owner.sign_in(open_venue.keys["everyone-1"]))["access_token"]
        channel = "user.orders.any.any.raw"
        assert await reader("public/subscribe", channels=[channel]) == []
        assert await reader("private/subscribe", channels=[channel], access_token=token) == [channel]
        await limit(owner, "buy", 0.01, await around(owner, 0.95), label="seen")
        told = await reader.told(lambda note: note["params"]["channel"] == channel)
        assert told["params"]["data"]["label"] == "seen"
        await owner("private/cancel_all")
        for client in (owner, reader):
            await client.close()

    play(story())
