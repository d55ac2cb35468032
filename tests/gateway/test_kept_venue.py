"""A venue that is kept, over the wire: what is found again after a crash, what is done then, and what is done once.

A crash is a copy of the folder, taken while the venue runs: nothing was closed, nothing was said.
"""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

from exchange.gateway.auth import KeyRing
from exchange.gateway.venue import Standing
from exchange.journal import state_hash
from scenarios.founding import Asked, Founded, resume
from scenarios.venue_folder import Place
from tests.gateway.loopback import PERPETUAL, Client, Refused, Venue, around, dial, limit, play, served, venue


def crashed(opened: Venue, folder: Path, where: Path) -> tuple[Founded, str]:
    """The venue as a start finds it after a crash now, and the hash of what it was before."""
    live = opened.gateway.venue

    def crash() -> str | None:
        if live.is_ahead:
            return None
        shutil.copytree(folder, where)
        return state_hash(live.exchange)

    was = opened.on_its_thread(crash)
    while was is None:
        was = opened.on_its_thread(crash)
    return resume(Place(where, None), Asked()), was


class Visitors:
    """Clients that are closed in the end."""

    def __init__(self, opened: Venue) -> None:
        self._opened = opened
        self._clients: list[Client] = []

    async def __aenter__(self) -> "Visitors":
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._clients:
            await client.close()

    async def dial(self, key: str) -> Client:
        self._clients.append(await dial(self._opened, key))
        return self._clients[-1]


async def states(client: Client, ids: list[str]) -> list[str]:
    return [(await client("private/get_order_state", order_id=one))["order_state"] for one in ids]


async def rest(client: Client, share: float, **more: Any) -> str:
    told = await limit(client, "buy", 0.01, await around(client, share), **more)
    order_id: str = told["order"]["order_id"]
    return order_id


def test_a_crash_changes_nothing_that_was_answered(tmp_path: Path) -> None:
    async def before() -> dict[str, Any]:
        async with Visitors(opened) as visit:
            one, two = await visit.dial("everyone-1"), await visit.dial("everyone-2")
            await rest(one, 0.97, label="low")
            at = await around(one, 1.0)
            await limit(one, "sell", 0.05, at)
            await limit(two, "buy", 0.02, at)
            applied = await one("access/apply", participant_id="newcomer", kind="individual")
            return await told(one) | {"newcomer": applied["client_secret"]}

    async def told(client: Client) -> dict[str, Any]:
        """All that does not move with the prices outside."""
        summaries = (await client("private/get_account_summaries"))["summaries"]
        positions = await client("private/get_positions")
        book = await client("public/get_order_book", instrument_name=PERPETUAL)
        return {
            "orders": await client("private/get_open_orders"),
            "trades": await client("private/get_user_trades_by_instrument", instrument_name=PERPETUAL),
            "balances": [(one["currency"], one["balance"]) for one in summaries],
            "positions": [(one["instrument_name"], one["size"], one["average_price"]) for one in positions],
            "book": (book["bids"], book["asks"], book["change_id"]),
        }

    async def after() -> dict[str, Any]:
        async with Visitors(again) as visit:
            secrets = {key.participant_id: key.secret for key in again.gateway.ring}
            return await told(await visit.dial("everyone-1")) | {"newcomer": secrets["newcomer"]}

    folder = tmp_path / "venue"
    with venue(place=Place(folder, None)) as opened:
        answered = play(before())
        back, was = crashed(opened, folder, tmp_path / "copy")
        assert state_hash(back.gateway.venue.exchange) == was
    with served(back) as again:
        found = play(after())
    assert found == answered


def test_orders_of_connections_that_the_crash_cut_go_if_that_was_asked_for(tmp_path: Path) -> None:
    async def before() -> None:
        async with Visitors(opened) as visit:
            watched, left, lost, said = [await visit.dial("everyone-1") for _ in range(4)]
            for name, client in (("watched", watched), ("left", left), ("lost", lost), ("said", said)):
                orders[name] = await rest(client, 0.95)
            for client in (watched, lost, said):
                await client("private/enable_cancel_on_disconnect")
            orders["later"] = await rest(watched, 0.94)
            await said.socket.send('{"id":1,"method":"private/logout","params":{"invalidate_token":false}}')
            await said._reader
            lost.socket.transport.abort()
            while await states(left, [orders["lost"]]) != ["cancelled"]:
                await asyncio.sleep(0.01)
            ended = await left("private/get_order_state", order_id=orders["lost"])
            assert ended["cancel_reason"] == "cancel_on_disconnect"

    async def after() -> None:
        async with Visitors(again) as visit:
            client = await visit.dial("everyone-1")
            expected = {
                "watched": "cancelled",
                "later": "cancelled",
                "left": "open",
                "said": "open",
                "lost": "cancelled",
            }
            while (await states(client, [orders["later"]])) != ["cancelled"]:
                await asyncio.sleep(0.01)
            assert dict(zip(orders, await states(client, list(orders.values())), strict=True)) == expected
            ended = await client("private/get_order_state", order_id=orders["watched"])
            assert ended["cancel_reason"] == "cancel_on_disconnect"
            await client("private/enable_cancel_on_disconnect")
            second = await visit.dial("everyone-1")
            client.socket.transport.abort()
            orders["new"] = await rest(second, 0.93)
            await asyncio.sleep(0.1)
            assert await states(second, [orders["left"], orders["new"]]) == ["open", "open"], (
                "no number comes again"
            )

    orders: dict[str, str] = {}
    folder = tmp_path / "venue"
    with venue(place=Place(folder, None)) as opened:
        play(before())
        back, _ = crashed(opened, folder, tmp_path / "copy")
    with served(back) as again:
        play(after())


def test_the_protection_of_quotes_is_what_it_was_before_a_crash(tmp_path: Path) -> None:
    config = {"index_name": "btc_rub", "interval": 10, "frozen_time": 60, "quantity_limit": 0.015}

    async def before() -> None:
        async with Visitors(opened) as visit:
            maker, other = await visit.dial("everyone-1"), await visit.dial("everyone-2")
            assert await maker("private/set_mmp_config", **config) == [config | {"mmp_group": ""}]
            await maker("private/enable_cancel_on_disconnect")
            low = await around(maker, 0.99)
            quote = {"instrument_name": PERPETUAL, "bid": {"price": low, "amount": 0.02}}
            await maker("private/mass_quote", quote_id="q", quotes=[quote])
            await limit(other, "sell", 0.02, low)
            frozen.extend(await maker("private/get_mmp_status"))

    async def after() -> None:
        async with Visitors(again) as visit:
            maker = await visit.dial("everyone-1")
            assert await maker("private/get_mmp_config", index_name="btc_rub") == [config | {"mmp_group": ""}]
            assert await maker("private/get_mmp_status") == frozen
            assert await maker("private/reset_mmp", index_name="btc_rub") == "ok"
            assert await maker("private/get_mmp_status") == []
            other = await visit.dial("everyone-2")
            assert await other("private/get_mmp_config") == []

    folder, frozen = tmp_path / "kept", []
    with venue(place=Place(folder, None)) as opened:
        play(before())
        back, _ = crashed(opened, folder, tmp_path / "found")
    assert frozen
    with served(back) as again:
        play(after())


def test_new_connections_begin_so_if_the_account_asks_for_it_after_a_crash_too(tmp_path: Path) -> None:
    async def before() -> None:
        async with Visitors(opened) as visit:
            first = await visit.dial("everyone-1")
            await first("private/enable_cancel_on_disconnect", scope="account")

    async def after() -> None:
        async with Visitors(again) as visit:
            client, other = await visit.dial("everyone-1"), await visit.dial("everyone-2")
            scopes = [
                (await one("private/get_cancel_on_disconnect", scope=scope))["enabled"]
                for one in (client, other)
                for scope in ("account", "connection")
            ]
            assert scopes == [True, True, False, False]
            order = await rest(client, 0.95)
            client.socket.transport.abort()
            await asyncio.sleep(0.05)
            watcher = await visit.dial("everyone-1")
            while await states(watcher, [order]) != ["cancelled"]:
                await asyncio.sleep(0.01)

    folder = tmp_path / "venue"
    with venue(place=Place(folder, None)) as opened:
        play(before())
        back, _ = crashed(opened, folder, tmp_path / "copy")
    with served(back) as again:
        play(after())


def test_an_order_with_a_number_of_its_own_is_placed_once_whatever_happens(tmp_path: Path) -> None:
    async def send(client: Client, number: int, price: float, **more: Any) -> dict[str, Any]:
        return await limit(client, "buy", 0.01, price, client_order_id=number, **more)

    async def refusal(client: Client, number: int, price: float, **more: Any) -> Refused:
        try:
            await send(client, number, price, **more)
        except Refused as refused:
            return refused
        raise AssertionError("it was taken")

    async def before() -> None:
        async with Visitors(opened) as visit:
            one, two = await visit.dial("everyone-1"), await visit.dial("everyone-2")
            at = told["price"] = await around(one, 0.96)
            told["first"] = await send(one, 7, at)
            assert told["first"]["order"]["client_order_id"] == 7 and "duplicate" not in told["first"]
            assert (await send(two, 7, at))["order"]["order_id"] != told["first"]["order"]["order_id"]
            refused = await refusal(one, 8, at + 50)
            assert refused.name == "price_wrong_tick"
            told["low"] = await around(one, 0.5)
            told["refused"] = await refusal(one, 9, told["low"])
            for reader in (one, await visit.dial("everyone-1")):
                await again_and_again(reader)
            numberless = await limit(one, "buy", 0.01, at)
            assert "client_order_id" not in numberless["order"]

    async def again_and_again(client: Client) -> None:
        repeated = await send(client, 7, told["price"])
        assert repeated["duplicate"] is True and repeated["order"] == told["first"]["order"]
        other = await refusal(client, 7, told["price"], label="another")
        assert other.told["reason"] == "exists_with_different_terms"
        low = await refusal(client, 9, told["low"])
        assert low.told.pop("duplicate") is True
        assert (low.code, low.told["reason"]) == (told["refused"].code, told["refused"].told["reason"])

    async def after() -> None:
        async with Visitors(again) as visit:
            client = await visit.dial("everyone-1")
            await again_and_again(client)
            orders = await client("private/get_open_orders")
            assert [one.get("client_order_id") for one in orders] == [7, None]
            fresh = await limit(client, "buy", 0.01, told["price"])
            assert "duplicate" not in fresh, "the venue's own numbers go on where they were"
            for number in (0, 2**53):
                assert (await refusal(client, number, told["price"])).code == -32602

    told: dict[str, Any] = {}
    folder = tmp_path / "venue"
    with venue(place=Place(folder, None)) as opened:
        play(before())
        back, _ = crashed(opened, folder, tmp_path / "copy")
    with served(back) as again:
        play(after())


def test_a_disk_that_runs_full_under_a_venue_loses_nothing_and_a_later_start_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite is told that there is no room, until the reserve is given back."""
    folder = tmp_path / "venue"

    async def before() -> tuple[list[str], Refused]:
        async with Visitors(opened) as visit:
            client = await visit.dial("everyone-1")
            at = await around(client, 0.95)
            opened.on_its_thread(lambda: room(journal, 0))
            placed: list[str] = []
            for number in range(1, 1_000):
                try:
                    told = await limit(client, "buy", 0.001, at, client_order_id=number, label="x" * 60)
                except Refused as refused:
                    assert await states(client, placed[-3:]) == ["open"] * len(placed[-3:]), "reads go on"
                    assert (await client("public/status"))["locked"] == "true"
                    return placed, refused
                placed.append(told["order"]["order_id"])
            raise AssertionError("there was room enough")

    async def after() -> list[int]:
        async with Visitors(again) as visit:
            client = await visit.dial("everyone-1")
            orders = await client("private/get_open_orders")
            await limit(client, "buy", 0.001, await around(client, 0.95))
            return [one["client_order_id"] for one in orders]

    def room(journal: Any, pages: int) -> None:
        writer = journal._store._writer
        (used,) = writer.execute("PRAGMA page_count").fetchone()
        writer.execute(f"PRAGMA max_page_count = {used + pages}").fetchone()

    monkeypatch.setattr("exchange.journal.live.release_reserve", lambda _: room(journal, 4_000))
    with venue(place=Place(folder, None), population=6, makers=True, speed=20.0) as opened:
        live = opened.gateway.venue
        journal: Any = live._journal
        placed, refused = play(before())
        found_by_those_inside = "the venue is full"  # if it was full before the order came
        assert refused.code == 13028 and refused.told["reason"] in ("disk_full", found_by_those_inside)
        assert live.standing is Standing.FULL
        was = opened.on_its_thread(lambda: state_hash(live.exchange))
    back = resume(Place(folder, None), Asked())
    assert state_hash(back.gateway.venue.exchange) == was
    with served(back) as again:
        assert play(after()) == list(range(1, len(placed) + 1)), "what was refused is not there"


def test_a_key_that_cannot_be_kept_is_refused_and_the_venue_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    async def story() -> None:
        async with Visitors(opened) as visit:
            client = await visit.dial("everyone-1")
            monkeypatch.setattr(KeyRing, "_save", full)
            for method, more in (
                ("access/apply", {"participant_id": "newcomer", "kind": "individual"}),
                ("access/create_key", {}),
            ):
                try:
                    await client(method, **more)
                except Refused as refused:
                    assert (refused.code, refused.told["reason"]) == (13028, "key_not_kept")
                else:
                    raise AssertionError("it would be gone after a restart")
            await rest(client, 0.95)

    folder = tmp_path / "venue"
    with venue(place=Place(folder, None)) as opened:
        keys = len(opened.gateway.ring.keys)
        play(story())
        assert len(opened.gateway.ring.keys) == keys
