"""What the wire says of a day's end: a perpetual rolls, a future expires, and what was held is told as it is."""

import asyncio
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from exchange.gateway.auth import Key
from exchange.gateway.dispatch import Call, Gateway
from exchange.gateway.jsonrpc import Fault, Request, now_us
from exchange.gateway.sessions import Connection
from exchange.gateway.throttle import Limits
from exchange.units import MINUTE, IndexId, InstrumentId, Time
from scenarios.founding import found

DAY = str(Path(__file__).with_name("short_day.toml"))
PERPETUAL, FUTURE = "BTC_RUBD-PERPETUAL", "BTC_RUBD-18DEC26"


class Hand:
    """A clock that is set by hand."""

    speed = 1.0

    def __init__(self, at: Time) -> None:
        self.at = at

    def now(self) -> Time:
        return self.at

    def seconds_until(self, at: Time) -> float:
        return 1_000.0


class Desk:
    """Somebody at the gateway, without a socket."""

    def __init__(self, gateway: Gateway, key: Key) -> None:
        self.gateway = gateway
        self.connection = Connection(
            hash(key.client_id), "here", Limits(outbox_messages=20_000, outbox_bytes=10**8)
        )
        self.connection.key = key

    async def ask(self, method: str, **params: Any) -> Any:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        call = Call(self.gateway, self.connection.key, self.connection, "here")
        self.gateway.handle(
            Request(1, method, params), call, now_us(), lambda text, _: future.set_result(json.loads(text))
        )
        told = await asyncio.wait_for(future, 10)
        if "error" in told:
            raise Fault(told["error"]["code"], told["error"]["message"], **told["error"]["data"])
        return told["result"]

    def notes(self) -> list[dict[str, Any]]:
        """What has been sent without being asked for."""
        sent = [json.loads(text) for text in iter(self.connection.take, None)]
        return [one["params"] for one in sent if one.get("method") == "subscription"]


async def until(gateway: Gateway, clock: Hand, at: Time) -> None:
    """Let the day go on to an hour, a minute at a time."""
    while clock.at < at:
        clock.at = min(clock.at + MINUTE, at)
        gateway.venue._wake.set()
        while gateway.venue.exchange.state.now < clock.at - 2_000_000_000:
            await asyncio.sleep(0)
        await asyncio.sleep(0.001)


def test_a_roll_and_an_expiry_as_the_wire_tells_them() -> None:
    async def story() -> None:
        founded = found(DAY, "ru_open_counterfactual", makers=False, as_written=True)
        gateway, venue = founded.gateway, founded.gateway.venue
        opens = venue.exchange.state.sessions[0].opens
        clock = Hand(opens)
        venue.clock = clock
        venue.start()
        keys = {demo.title: demo.key for demo in founded.demos if demo.key}
        long, short = Desk(gateway, keys["everyone-1"]), Desk(gateway, keys["everyone-2"])
        await until(gateway, clock, opens + MINUTE)
        channels = [
            "instrument.state.any.any",
            f"perpetual.{PERPETUAL}.raw",
            "platform_state",
            "user.portfolio.rubd",
        ]
        await long.ask("private/subscribe", channels=channels)
        for name in (PERPETUAL, FUTURE):
            order = {"instrument_name": name, "amount": 0.01, "type": "limit", "price": 8_000_000.0}
            await short.ask("private/sell", **order)
            assert (await long.ask("private/buy", **order))["order"]["order_state"] == "filled"
            await long.ask("private/buy", **order | {"price": 7_900_000.0, "label": f"rests in {name}"})
        before = await long.ask("private/get_account_summary", currency="RUBD")
        candle = await long.ask(
            "public/get_tradingview_chart_data",
            instrument_name=FUTURE,
            start_timestamp=0,
            end_timestamp=2**45,
            resolution="5",
        )
        assert (candle["open"][0], candle["volume"][0], candle["status"]) == (8_000_000.0, 0.01, "ok")
        assert candle["ticks"][0] % 300_000 == 0

        await until(gateway, clock, opens + 31 * MINUTE)  # the perpetual has rolled
        position = await long.ask("private/get_position", instrument_name=PERPETUAL)
        assert (position["size"], position["average_price"]) == (0.01, 8_000_000.0)
        assert position["realized_profit_loss"] == 0.0
        history = await long.ask("private/get_order_state_by_label", label=f"rests in {PERPETUAL}")
        assert (history[0]["order_state"], history[0]["cancel_reason"]) == ("cancelled", "settlement")
        span = {"instrument_name": PERPETUAL, "start_timestamp": 0, "end_timestamp": 2**45}
        rates = await long.ask("public/get_funding_rate_history", **span)
        assert [row["index_price"] for row in rates] == [8_000_000.0]
        assert await long.ask("public/get_funding_rate_value", **span) == rates[0]["interest_8h"]
        settled = await long.ask("public/get_last_settlements_by_instrument", instrument_name=PERPETUAL)
        assert [row["type"] for row in settled["settlements"]] == ["settlement"]
        own = await long.ask("private/get_settlement_history_by_instrument", instrument_name=PERPETUAL)
        assert [(row["type"], row["position"], row["mark_price"]) for row in own["settlements"]] == [
            ("settlement", 0.01, 8_000_000.0)
        ] * len(own["settlements"])
        chart = await long.ask("public/get_funding_chart_data", instrument_name=PERPETUAL, length="24h")
        assert [row["interest_8h"] for row in chart["data"]] == [rates[0]["interest_8h"]]

        index = venue.exchange.state.indices[IndexId("BTC_RUB")]
        window = (index.terms.fixing_samples - 1) * index.terms.fixing_spacing
        expiry = venue.exchange.state.series[InstrumentId(FUTURE)].instrument.expiry
        await until(gateway, clock, expiry - window - MINUTE)
        estimate = gateway.hub.market.expiration_estimate(index.terms.index_id, expiry)
        assert (estimate.price, estimate.is_estimated) == (8_000_000.0, False)
        await until(gateway, clock, expiry - 5 * MINUTE)
        known = list(index.history)  # as if the index had stood elsewhere for the last five minutes
        moved = [
            one._replace(value=8_800_000_00) if one.time > expiry - 10 * MINUTE else one for one in known
        ]
        index.history.clear()
        index.history.extend(moved)
        gateway.hub.market._means.clear()
        estimate = gateway.hub.market.expiration_estimate(index.terms.index_id, expiry)
        ticker = await long.ask("public/ticker", instrument_name=FUTURE)
        share = 5 * MINUTE / (window - 5 * MINUTE)
        assert estimate.is_estimated and 295 <= estimate.seconds <= 300
        assert ticker["estimated_delivery_price"] == estimate.price
        assert estimate.price == pytest.approx(8_000_000 + 800_000 * share, rel=1e-3)
        index.history.clear()
        index.history.extend(known)

        await until(gateway, clock, opens + 84 * MINUTE)  # the future has expired
        assert [row["instrument_name"] for row in await long.ask("private/get_positions")] == [PERPETUAL]
        ahead = await long.ask("public/get_expirations", currency="any", kind="any")
        assert ahead["future"] == ["PERPETUAL"], "what is over expires no more"
        for desk in (long, short):
            span = {"start_timestamp": 0, "end_timestamp": 2**45, "count": 250}
            rows = (await desk.ask("private/get_transaction_log", currency="RUBD", **span))["logs"]
            assert "delivery" in {row["type"] for row in rows}
            for earlier, row in pairwise(reversed(rows)):
                assert row["balance"] == pytest.approx(earlier["balance"] + row["change"]), row
            now = await desk.ask("private/get_account_summary", currency="RUBD")
            assert rows[0]["balance"] == now["balance"]
        ended = await short.ask(
            "private/get_settlement_history_by_currency", currency="RUBD", type="delivery"
        )
        row = {key: ended["settlements"][0][key] for key in ("instrument_name", "position", "profit_loss")}
        assert row == {"instrument_name": FUTURE, "position": -0.01, "profit_loss": 0.0}
        assert len(ended["settlements"]) == 1 and ended["continuation"] == "none"
        page = {"currency": "RUBD", "count": 1}
        first = await long.ask("private/get_settlement_history_by_currency", **page)
        next_page = page | {"continuation": first["continuation"]}
        second = await long.ask("private/get_settlement_history_by_currency", **next_page)
        assert first["settlements"][0]["timestamp"] > second["settlements"][0]["timestamp"]
        told = await long.ask("public/get_delivery_prices", index_name="btc_rub")
        assert told["data"] == [{"date": "2026-12-18", "delivery_price": 8_000_000.0}]
        row = await long.ask("public/get_instrument", instrument_name=FUTURE)
        assert (row["state"], row["is_active"]) == ("delivered", False)
        listed = await long.ask("public/get_instruments", currency="RUBD")
        assert FUTURE not in [one["instrument_name"] for one in listed]
        with pytest.raises(Fault) as closed:
            await long.ask(
                "private/buy", instrument_name=FUTURE, amount=0.01, type="limit", price=8_000_000.0
            )
        assert closed.value.code in (10012, 10019)
        log = await long.ask(
            "private/get_transaction_log", currency="RUBD", start_timestamp=0, end_timestamp=2**45
        )
        assert {"trade", "delivery", "deposit"} <= {one["type"] for one in log["logs"]}
        after = await long.ask("private/get_account_summary", currency="RUBD")
        assert abs(after["equity"] - before["equity"]) < 1.0, "at a price that does not move nobody gains"

        await until(gateway, clock, opens + 86 * MINUTE)  # the session is over
        assert (await long.ask("public/status"))["locked"] == "true"
        with pytest.raises(Fault) as shut:
            await long.ask(
                "private/buy", instrument_name=PERPETUAL, amount=0.01, type="limit", price=8_000_000.0
            )
        assert (shut.value.code, shut.value.told["reason"]) == (13019, "session_closed")
        notes = long.notes()
        states = [one["data"]["state"] for one in notes if one["channel"] == channels[0]]
        assert "settled" in states or "closed" in states
        assert {"locked": True} in [one["data"] for one in notes if one["channel"] == "platform_state"]
        assert len([one for one in notes if one["channel"] == channels[1]]) > 1_000
        await venue.stop()

    asyncio.run(story())
