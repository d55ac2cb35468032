"""Who has a key and wants more than it gives, and who has none: each way round is tried, and leads nowhere.

What a guesser meets is in `test_auth.py`, what a web page meets in `test_envelope.py`; that limits hold under every way
in is in `test_access.py`."""

import asyncio
import hashlib
import hmac
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from exchange.commands import AdoptRegime
from exchange.gateway.app import Conversation, Door
from exchange.gateway.auth import GUESSES, GUESSES_KEPT, NAMES_KEPT, SKEW_MS, Doorkeeper, Key, KeyRing, Role
from exchange.gateway.jsonrpc import Fault
from exchange.gateway.registry import REGISTRY, Access, Ask
from exchange.gateway.sessions import Connection
from exchange.gateway.venue import Source, Standing
from scenarios.config.regime_file import read_regime
from scenarios.founding import found
from tests.gateway.loopback import PERPETUAL, Refused, Venue, around, dial, limit, play, venue

NOW = 1_700_000_000_000


def keeper(clock: list[float] | None = None) -> Doorkeeper:
    ring = KeyRing()
    ring.add(Key("bot1", "right", Role.PARTICIPANT))
    at = clock or [0.0]
    return Doorkeeper(ring, wall_ms=lambda: NOW + int(at[0] * 1000), monotonic=lambda: at[0])


def signed(text: str, secret: str = "right") -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


# --- signatures -----------------------------------------------------------------------------------------


def test_a_signature_that_was_caught_on_its_way_is_worth_nothing_elsewhere() -> None:
    clock = [0.0]
    door = keeper(clock)
    login = ("bot1", NOW, "n", "", signed(f"{NOW}\nn\n"))
    assert door.by_signature(*login, "home")
    assert door.by_signature(*login, "home"), "two calls within a millisecond have the same"
    for _ in range(3):
        with pytest.raises(Fault, match="invalid_credentials"):
            door.by_signature(*login, "elsewhere")
    request = signed(f"{NOW}\nn\nGET\n/api/v2/private/withdraw?amount=1\n\n")
    header = f"deri-hmac-sha256 id=bot1,ts={NOW},nonce=n,sig={request}"
    asked = (header, "GET", b"/api/v2/private/withdraw?amount=1", b"")
    assert door.by_header(*asked, "home")
    with pytest.raises(Fault, match="another address"):
        raise_with_reason(door, asked)
    clock[0] = 2 * SKEW_MS / 1000 + 1
    at = NOW + int(clock[0] * 1000)
    assert door.by_signature("bot1", at, "n", "", signed(f"{at}\nn\n"), "home")
    assert len(door._signatures) == 1, "what no clock accepts any more is forgotten"


def raise_with_reason(door: Doorkeeper, asked: tuple[str, str, bytes, bytes]) -> None:
    try:
        door.by_header(*asked, "elsewhere")
    except Fault as refused:
        raise Fault(refused.code, str(refused.told["reason"])) from None


@pytest.mark.parametrize("nonce", ["a\nb", "a\rb", "\n", "a\r\n"])
def test_no_line_break_in_a_nonce_whatever_it_is_signed_with(nonce: str) -> None:
    with pytest.raises(Fault, match="invalid_params"):
        keeper().by_signature("bot1", NOW, nonce, "", signed(f"{NOW}\n{nonce}\n"), "here")
    target = b"/api/v2/private/get_positions"
    sig = signed(f"{NOW}\n{nonce.strip()}\nGET\n{target.decode()}\n\n")
    header = f"deri-hmac-sha256 id=bot1,ts={NOW},nonce=x{nonce}y,sig={sig}"
    with pytest.raises(Fault, match="invalid_credentials"):
        keeper().by_header(header, "GET", target, b"", "here")


@pytest.mark.parametrize("change", ["method", "target", "body", "id", "ts"])
def test_a_signature_is_for_one_request(change: str) -> None:
    good = {"method": "POST", "target": b"/api/v2", "body": b"{}", "id": "bot1", "ts": NOW}
    sig = signed(f"{NOW}\nn\nPOST\n/api/v2\n{{}}\n")
    bad = good | {
        change: {"method": "GET", "target": b"/api/v2?", "body": b"{} ", "id": "bot2", "ts": NOW + 1}[change]
    }
    for told, fits in ((good, True), (bad, False)):
        header = f"deri-hmac-sha256 id={told['id']},ts={told['ts']},nonce=n,sig={sig}"
        asked: Any = (header, told["method"], told["target"], told["body"], "here")
        if fits:
            assert keeper().by_header(*asked)
        else:
            with pytest.raises(Fault, match="invalid_credentials"):
                keeper().by_header(*asked)


# --- guessing -------------------------------------------------------------------------------------------


def test_guessing_over_many_names_neither_frees_the_guesser_nor_fills_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("exchange.gateway.auth.GUESSES_KEPT", 100)
    door = keeper()
    for _ in range(GUESSES):
        with pytest.raises(Fault, match="invalid_credentials"):
            door.by_secret("bot1", "wrong", "there")
    for number in range(90):
        with pytest.raises(Fault, match="invalid_credentials"):
            door.by_secret(f"nobody-{number}", "wrong", "there")
    with pytest.raises(Fault, match="too_many_requests"):
        door.by_secret("bot1", "right", "there")
    for number in range(500):
        with pytest.raises(Fault, match="invalid_credentials"):
            door.by_secret(f"else-{number}" + 30_000 * "x", "wrong", "there")
    assert len(door._guesses) == 100 < GUESSES_KEPT
    assert max(len(name) for name, _ in door._guesses) == NAMES_KEPT, (
        "a name of any length takes as much room"
    )


def test_over_the_wire_an_unknown_key_and_a_wrong_secret_are_told_apart_by_nothing(open_venue: Venue) -> None:
    key = open_venue.keys["everyone-2"]

    def told(client_id: str) -> list[Any]:
        login = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": "wrong"}
        sign = {"grant_type": "client_signature", "client_id": client_id, "timestamp": 1, "signature": "00"}
        answers = [
            open_venue.get("/api/v2/public/auth", params=login),
            open_venue.get("/api/v2/public/auth", params=sign),
            open_venue.get("/api/v2/private/get_positions", auth=(client_id, "wrong")),
            open_venue.get(
                "/api/v2/private/get_positions",
                headers={"Authorization": f"deri-hmac-sha256 id={client_id},ts=1,nonce=n,sig=00"},
            ),
        ]
        return [(one.status_code, one.json()["error"], sorted(one.headers.keys())) for one in answers]

    assert told(key.client_id) == told("nobody00")


# --- tokens ---------------------------------------------------------------------------------------------


def test_a_token_speaks_for_one_message_and_signs_no_socket_in(open_venue: Venue) -> None:
    async def story() -> None:
        owner, stranger = await dial(open_venue), await dial(open_venue)
        pair = await owner.sign_in(open_venue.keys["everyone-1"])
        assert await stranger("private/get_positions", access_token=pair["access_token"]) == []
        with pytest.raises(Refused, match="invalid_token"):
            await stranger("private/get_positions")
        for wrong in (pair["refresh_token"], pair["access_token"][:-1], "", None, 0, [], {}):
            with pytest.raises(Refused, match="invalid_token"):
                await stranger("private/get_positions", access_token=wrong)
        with pytest.raises(Refused, match="invalid_token"):
            await stranger("public/auth", grant_type="refresh_token", refresh_token=pair["access_token"])
        await owner.socket.send('{"id":99,"method":"private/logout"}')
        await owner._reader
        for grant in ("access_token", "refresh_token"):
            with pytest.raises(Refused, match="invalid_token"):
                if grant == "access_token":
                    await stranger("private/get_positions", access_token=pair[grant])
                else:
                    await stranger("public/auth", grant_type=grant, refresh_token=pair[grant])
        await stranger.close()

    play(story())


def test_what_one_has_asked_is_answered_for_him_even_if_another_signs_in_before_the_answer() -> None:
    """The venue stands still until both have spoken."""
    founded = found("market_day", "ru_open_counterfactual", population=0, makers=False)
    gateway = founded.gateway
    first, second = (demo.key for demo in founded.demos[:2])
    order = {"instrument_name": PERPETUAL, "amount": 0.01, "type": "limit", "price": 7_600_000}
    frames = [
        {"id": 1, "method": "public/auth", "params": credentials(first)},
        {"id": 2, "method": "private/buy", "params": order},
        {"id": 3, "method": "public/auth", "params": credentials(second)},
        {"id": 4, "method": "private/get_open_orders"},
    ]
    told: dict[int, Any] = {}

    class Socket:
        is_held = is_clogged = False

        def write(self, message: bytes) -> None:
            answer = json.loads(message)
            told[answer["id"]] = answer

    async def story() -> None:
        gateway.venue.standing = Standing.OPEN
        socket: Any = Socket()
        connection = Connection(1, "127.0.0.1", gateway.limits, socket)
        conversation = Conversation(gateway, connection, socket)
        for one in frames:
            conversation.hear(json.dumps(one))
        assert 2 not in told and told[4]["result"] == []
        gateway.venue.start()
        while 2 not in told:
            await asyncio.sleep(0.01)
        await gateway.venue.stop()

    play(story())
    assert told[2]["result"]["order"]["order_state"] == "open"


def credentials(key: Key | None) -> dict[str, str]:
    assert key is not None
    return {"grant_type": "client_credentials", "client_id": key.client_id, "client_secret": key.secret}


def test_who_signs_in_anew_is_not_told_what_is_meant_for_the_one_before(open_venue: Venue) -> None:
    async def story() -> None:
        client, other = await dial(open_venue, "everyone-1"), await dial(open_venue, "everyone-1")
        await client("private/subscribe", channels=["user.orders.any.any.raw"])
        await client.sign_in(open_venue.keys["everyone-2"])
        await limit(other, "buy", 0.01, await around(other, 0.95))
        assert await other("private/cancel_all") == 1
        await client("public/get_time")
        assert client.notes == []
        for one in (client, other):
            await one.close()

    play(story())


@pytest.mark.parametrize("kept", [True, False])
def test_a_key_that_is_taken_back_is_told_no_more_on_a_socket_that_lives(
    open_venue: Venue, monkeypatch: pytest.MonkeyPatch, *, kept: bool
) -> None:
    """Not if the file of keys cannot be written either; then whoever asked for it is told what that means."""

    async def story() -> None:
        owner, spy = await dial(open_venue, "everyone-1"), await dial(open_venue)
        told = await owner("access/create_key", read_only=True)
        login = {key: told[key] for key in ("client_id", "client_secret")}
        await spy("public/auth", grant_type="client_credentials", **login)
        await spy("private/subscribe", channels=["user.orders.any.any.raw"])
        low = await around(owner, 0.95)
        await limit(owner, "buy", 0.01, low)
        await spy.told(lambda note: True)
        if kept:
            await owner("access/remove_key", client_id=told["client_id"])
        else:
            monkeypatch.setattr(open_venue.gateway.ring, "path", Path("/proc/none/keys.json"))
            with pytest.raises(Refused, match="removal_not_kept"):
                await owner("access/remove_key", client_id=told["client_id"])
        seen = len(spy.notes)
        await owner("private/cancel_all")
        assert (await spy("public/get_time")) and len(spy.notes) == seen
        for one in (owner, spy):
            await one.close()

    play(story())


def test_no_secret_and_no_token_is_written_to_any_log(
    open_venue: Venue, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    key = open_venue.keys["everyone-1"]
    login = {"grant_type": "client_credentials", "client_id": key.client_id, "client_secret": key.secret}
    with caplog.at_level(logging.INFO):
        pair = open_venue.get("/api/v2/public/auth", params=login).json()["result"]
        open_venue.get("/api/v2/private/get_positions", params={"access_token": pair["access_token"]})
        open_venue.get("/api/v2/private/buy", params={"access_token": pair["access_token"], "amount": []})
        open_venue.post("/api/v2", content=b'{"secret":"' + key.secret.encode())

        async def story() -> None:
            socket = await connect(f"{open_venue.ws}?access_token={pair['access_token']}", compression=None)
            await socket.close()

        play(story())
    ours = [
        one.getMessage() for one in caplog.records if not one.name.startswith(("httpx", "websockets.client"))
    ]
    written = "\n".join(ours) + "".join(capfd.readouterr())
    for secret in (key.secret, pair["access_token"], pair["refresh_token"]):
        assert secret not in written
    assert key.secret not in repr(key) and key.secret not in str(open_venue.gateway.ring)


# --- who may what ---------------------------------------------------------------------------------------

HOLDERS = {
    Access.ISSUER: {"issuer", "operator"},
    Access.AUTHORITY: {"authority", "operator"},
    Access.OPERATOR: {"operator"},
}


@pytest.mark.parametrize("name", ["everyone-1", "observer", "issuer", "authority", None])
def test_every_method_is_refused_to_every_role_that_it_is_not_for(
    open_venue: Venue, name: str | None
) -> None:
    async def story() -> None:
        client = await dial(open_venue, name)
        tried = 0
        for method in REGISTRY:
            held = name in HOLDERS.get(method.access, {name})
            seated = method.access is not Access.SEATED or name == "everyone-1"
            signed_in = method.access is Access.PUBLIC or name is not None
            if held and seated and signed_in:
                continue
            tried += 1
            with pytest.raises(Refused) as refused:
                await client(method.name)
            assert refused.value.code == (13009 if name is None else 13021), method.name
        assert tried > 10
        await client.close()

    play(story())


def test_a_key_that_may_only_read_changes_nothing(open_venue: Venue) -> None:
    async def story() -> None:
        owner, reader = await dial(open_venue, "everyone-1"), await dial(open_venue)
        operator = await dial(open_venue, "operator")
        low = await around(owner, 0.95)
        mine = (await limit(owner, "buy", 0.01, low))["order"]["order_id"]
        told = await owner("access/create_key", read_only=True)
        watcher = await operator("admin/create_key", role="authority", read_only=True)
        order = {"instrument_name": PERPETUAL, "amount": 0.01, "price": low}
        quotes = [{"instrument_name": PERPETUAL, "bid": {"price": low, "amount": 0.01}}]
        tries: dict[str, dict[str, Any]] = {
            "private/buy": order,
            "private/sell": order,
            "private/edit": {"order_id": mine, "amount": 0.02, "price": low},
            "private/cancel": {"order_id": mine},
            "private/cancel_all": {},
            "private/cancel_all_by_instrument": {"instrument_name": PERPETUAL},
            "private/cancel_by_label": {"label": "x"},
            "private/close_position": {"instrument_name": PERPETUAL, "type": "market"},
            "private/mass_quote": {"quote_id": "q", "mmp_group": "g", "quotes": quotes},
            "private/deposit": {"currency": "RUBD", "amount": 1},
            "private/withdraw": {"currency": "RUBD", "amount": 1},
            "cash/redeem": {"currency": "RUBD", "amount": 1},
            "access/create_key": {"read_only": False},
            "access/remove_key": {"client_id": open_venue.keys["everyone-1"].client_id},
        }
        directives: dict[str, dict[str, Any]] = {
            "admin/suspend_participant": {"participant_id": "everyone-1"},
            "admin/halt_instrument": {"instrument_name": PERPETUAL},
            "admin/halt_all": {},
            "admin/set_limit": {"participant_id": "everyone-1", "limit": 0},
        }
        for made, calls in ((told, tries), (watcher, directives)):
            login = {key: made[key] for key in ("client_id", "client_secret")}
            await reader("public/auth", grant_type="client_credentials", **login)
            for method, params in calls.items():
                with pytest.raises(Refused) as refused:
                    await reader(method, **params)
                assert refused.value.code in (13021, 10004, 13042, 11030), (method, refused.value)
        assert (await owner("private/get_order_state", order_id=mine))["order_state"] == "open"
        await owner("private/cancel_all")
        for one in (owner, reader, operator):
            await one.close()

    play(story())


def test_what_is_somebody_elses_is_answered_as_what_does_not_exist(open_venue: Venue) -> None:
    async def story() -> None:
        owner, thief = await dial(open_venue, "everyone-1"), await dial(open_venue, "everyone-2")
        low = await around(owner, 0.95)
        order = (await limit(owner, "buy", 0.01, low, label="mine"))["order"]["order_id"]
        own = (await limit(thief, "buy", 0.01, low))["order"]["order_id"]
        never = "RUBD-999999999"
        calls: list[tuple[str, dict[str, Any]]] = [
            ("private/get_order_state", {}),
            ("private/cancel", {}),
            ("private/edit", {"amount": 0.02, "price": low}),
            ("private/get_user_trades_by_order", {}),
        ]

        async def answer(method: str, params: dict[str, Any]) -> Any:
            try:
                return await thief(method, **params)
            except Refused as refused:
                return refused.code, refused.name, refused.told

        for method, more in calls:
            told = [await answer(method, {"order_id": number} | more) for number in (order, never)]
            assert told[0] == told[1], method
        links = [
            await answer("private/link_orders", {"first_order_id": own, "second_order_id": n})
            for n in (order, never)
        ]
        assert links[0] == links[1]
        assert await answer("private/get_open_orders_by_label", {"currency": "RUBD", "label": "mine"}) == []
        assert await answer("private/cancel_by_label", {"label": "mine"}) == 0
        with pytest.raises(Refused):
            await limit(thief, "buy", 0.01, low, participant_id="everyone-1")
        assert (await owner("private/get_order_state", order_id=order))["order_state"] == "open"
        for one in (owner, thief):
            await one("private/cancel_all")
            await one.close()

    play(story())


def test_a_socket_that_lives_loses_at_once_what_a_new_regime_takes() -> None:
    """Whoever is no longer let in may only reduce, whatever it signed in as and however long ago."""
    stricter = read_regime("ru_derivs_qual_2025").regime()

    async def story() -> None:
        client = await dial(opened, "saver")
        low = await around(client, 0.95)
        await limit(client, "buy", 0.01, low)
        adopt: Ask[None] = Ask((AdoptRegime(regime=stricter),), lambda _: None)
        opened.on_its_thread(lambda: opened.gateway.venue.submit(Source(), adopt, lambda _: None))
        for _ in range(100):
            if (await client("access/get_my_class"))["state"] == "reduce_only":
                break
            await asyncio.sleep(0.01)
        for method in ("private/buy", "private/sell"):
            with pytest.raises(Refused) as refused:
                await client(method, instrument_name=PERPETUAL, amount=0.01, price=low)
            assert refused.value.code in (13021, 11030), refused.value
        assert await client("private/get_open_orders") == []
        await client.close()

    with venue() as opened:
        play(story())


def test_the_door_lets_in_whom_it_is_told_to_and_no_name_that_is_merely_like_it() -> None:
    door = Door(("127.0.0.1", "venue.test"), ("https://page.test",))

    def lets(host: str, origin: str | None = None) -> bool:
        headers = {b"host": host.encode()} | ({} if origin is None else {b"origin": origin.encode()})
        return not door.refuses(headers)

    assert lets("127.0.0.1:8899") and lets("venue.test") and lets("VENUE.test:1", "https://page.test")
    assert lets("127.0.0.1:8899", "http://127.0.0.1:8899"), "its own page"
    for host in ("evil.test", "venue.test.evil.test", "", "[::1", "127.0.0.1@evil.test", "a@127.0.0.1"):
        assert not lets(host), host
    for origin in (
        "null",
        "https://page.test.evil.test",
        "http://page.test",
        "https://page.test:444",
        "file://",
    ):
        assert not lets("127.0.0.1:8899", origin), origin
