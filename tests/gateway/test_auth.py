"""Who is speaking: vectors, every way to sign in, and what a guesser gets."""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from exchange.gateway.auth import GUESSES, LIFE, Doorkeeper, Key, KeyRing, Role
from exchange.gateway.jsonrpc import Fault
from tests.gateway.loopback import Refused, Venue, dial, play


def door(secret: str, wall_ms: int, client_id: str = "bot1") -> Doorkeeper:
    ring = KeyRing()
    ring.add(Key(client_id, secret, Role.PARTICIPANT))
    return Doorkeeper(ring, wall_ms=lambda: wall_ms, monotonic=lambda: 0.0)


def test_the_signature_of_a_login() -> None:
    """The vector is Deribit's own published example."""
    signature = "56590594f97921b09b18f166befe0d1319b198bbcdad7ca73382de2f88fe9aa1"
    keeper = door("AMANDASECRECT", 1576074319000, "AMANDA")
    assert (
        keeper.by_signature("AMANDA", 1576074319000, "1iqt2wls", "", signature, "here").client_id == "AMANDA"
    )
    with pytest.raises(Fault, match="invalid_credentials"):
        keeper.by_signature("AMANDA", 1576074319001, "1iqt2wls", "", signature, "here")


@pytest.mark.parametrize(
    ("method", "target", "body", "signature"),
    [
        (
            "GET",
            b"/api/v2/private/get_positions?currency=USDC",
            b"",
            "86d787ef4cc9a6224771374285e3c7bb7e75861b9fa7769d81fe74fb243c867f",
        ),
        (
            "POST",
            b"/api/v2",
            b'{"jsonrpc":"2.0","id":1,"method":"private/get_positions","params":{}}',
            "eff02e549bff5f66225e3a4fb7242df6138268adb92789fe1c113b686fa5106b",
        ),
    ],
)
def test_the_signature_of_a_request(method: str, target: bytes, body: bytes, signature: str) -> None:
    keeper = door("secret1", 1700000000000)
    header = f"deri-hmac-sha256 ts=1700000000000, sig={signature}, id=bot1,nonce=abc123"
    assert keeper.by_header(header, method, target, body, "here").client_id == "bot1"
    with pytest.raises(Fault, match="invalid_credentials"):
        keeper.by_header(header, method, target + b"&a=1", body, "here")


@pytest.mark.parametrize("off_by", [-61_000, 61_000])
def test_a_signature_is_good_for_a_minute_around_its_time(off_by: int) -> None:
    now = 1_700_000_000_000
    keeper = door("secret1", now)
    for moved, fits in ((off_by, False), (off_by * 59 // 61, True)):
        at = now + moved
        signature = hmac.new(b"secret1", f"{at}\nn\n".encode(), hashlib.sha256).hexdigest()
        if fits:
            assert keeper.by_signature("bot1", at, "n", "", signature, "here")
        else:
            with pytest.raises(Fault, match="invalid_credentials"):
                keeper.by_signature("bot1", at, "n", "", signature, "here")


def test_a_line_break_in_a_nonce_is_refused_for_it_would_make_the_signed_text_ambiguous() -> None:
    now = 1_700_000_000_000
    signature = hmac.new(b"secret1", f"{now}\na\nb\nc".encode(), hashlib.sha256).hexdigest()
    with pytest.raises(Fault) as refused:
        door("secret1", now).by_signature("bot1", now, "a\nb", "c", signature, "here")
    assert refused.value.told["param"] == "nonce"


def test_who_guesses_is_slowed_down_and_nobody_else() -> None:
    now = [0.0]
    ring = KeyRing()
    ring.add(Key("bot1", "right", Role.PARTICIPANT))
    keeper = Doorkeeper(ring, monotonic=lambda: now[0])
    for _ in range(GUESSES):
        with pytest.raises(Fault, match="invalid_credentials"):
            keeper.by_secret("bot1", "wrong", "there")
    with pytest.raises(Fault, match="too_many_requests") as slowed:
        keeper.by_secret("bot1", "right", "there")
    assert slowed.value.told["wait"] == 60.0
    assert keeper.by_secret("bot1", "right", "here"), "its owner comes from elsewhere"
    now[0] = 61.0
    assert keeper.by_secret("bot1", "right", "there")


def test_an_unknown_key_and_a_wrong_secret_are_answered_alike() -> None:
    ring = KeyRing()
    ring.add(Key("bot1", "right", Role.PARTICIPANT))
    told: list[Any] = []
    for client_id in ("bot1", "nobody"):
        with pytest.raises(Fault) as refused:
            Doorkeeper(ring).by_secret(client_id, "wrong", "here")
        told.append((refused.value.code, refused.value.name, refused.value.told))
    assert told[0] == told[1]


def test_tokens_end_and_are_renewed_and_taken_back() -> None:
    now = [0.0]
    ring = KeyRing()
    key = ring.create(Role.PARTICIPANT)
    keeper = Doorkeeper(ring, monotonic=lambda: now[0])
    pair = keeper.issue(key, "session:one trade:read_write nonsense")
    assert pair["scope"].startswith("session:one ") and "nonsense" not in pair["scope"]
    assert keeper.by_token(pair["access_token"]).key is key
    for wrong in (pair["refresh_token"], "", "x" * 1_000, "\ud800"):
        with pytest.raises(Fault, match="unauthorized"):
            keeper.by_token(wrong)
    now[0] = LIFE + 1.0
    with pytest.raises(Fault) as ended:
        keeper.by_token(pair["access_token"])
    assert ended.value.told == {"reason": "invalid_token"}
    assert keeper.by_token(pair["refresh_token"], refreshes=True).key is key
    keeper.revoke(key)
    with pytest.raises(Fault, match="unauthorized"):
        keeper.by_token(pair["refresh_token"], refreshes=True)


def test_who_signs_in_again_and_again_crowds_out_his_own_tokens_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("exchange.gateway.auth.TOKENS_KEPT", 4)
    ring = KeyRing()
    mine, others = ring.create(Role.PARTICIPANT), ring.create(Role.PARTICIPANT)
    keeper = Doorkeeper(ring)
    theirs = keeper.issue(others, "")["access_token"]
    pairs = [keeper.issue(mine, "") for _ in range(50)]
    assert len(keeper._tokens) == 2 + 4
    assert keeper.by_token(theirs).key is others
    assert keeper.by_token(pairs[-2]["access_token"]).key is mine
    with pytest.raises(Fault, match="unauthorized"):
        keeper.by_token(pairs[-3]["access_token"])
    keeper.revoke(mine)
    assert len(keeper._tokens) == 2


def test_a_connection_that_ends_takes_its_own_tokens_along_and_no_others() -> None:
    ring = KeyRing()
    key = ring.create(Role.PARTICIPANT)
    keeper = Doorkeeper(ring)
    gone, lives, over_http = (keeper.issue(key, "", line) for line in (1, 2, 0))
    keeper.end_session(key, 1)
    for word, refreshes in (("access_token", False), ("refresh_token", True)):
        with pytest.raises(Fault, match="unauthorized"):
            keeper.by_token(gone[word], refreshes=refreshes)
        for pair in (lives, over_http):
            assert keeper.by_token(pair[word], refreshes=refreshes).key is key
    keeper.revoke(key)
    assert not keeper._tokens


def test_keys_are_kept_for_nobody_else_to_read(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    key = KeyRing(path).create(Role.AUTHORITY, title="the authority")
    assert path.stat().st_mode & 0o077 == 0
    assert list(KeyRing(path)) == [key]


# --- over sockets ---------------------------------------------------------------------------------------


def signed(
    venue: Venue, key: Key, method: str, path: str, query: str = "", body: bytes = b""
) -> httpx.Response:
    target = f"{path}?{query}" if query else path
    at, nonce = str(time.time_ns() // 1_000_000), "n1"
    text = f"{at}\n{nonce}\n{method}\n{target}\n".encode() + body + b"\n"
    signature = hmac.new(key.secret.encode(), text, hashlib.sha256).hexdigest()
    header = f"deri-hmac-sha256 id={key.client_id},ts={at},nonce={nonce},sig={signature}"
    return httpx.request(method, venue.http + target, content=body, headers={"Authorization": header})


BODY = b'{"jsonrpc":"2.0","id":1,"method":"private/get_positions","params":{}}'
FORMS: dict[str, Callable[[Venue, Key, str], httpx.Response]] = {
    "signed get": lambda v, k, _: signed(
        v, k, "GET", "/api/v2/private/get_positions", "currency=RUBD&a=%20b"
    ),
    "signed post": lambda v, k, _: signed(v, k, "POST", "/api/v2", body=BODY),
    "signed post to the method": lambda v, k, _: signed(
        v, k, "POST", "/api/v2/private/get_positions", body=BODY
    ),
    "bearer": lambda v, _, t: v.get(
        "/api/v2/private/get_positions", headers={"Authorization": f"bearer {t}"}
    ),
    "Bearer": lambda v, _, t: v.post("/api/v2", content=BODY, headers={"Authorization": f"Bearer {t}"}),
    "basic": lambda v, k, _: v.get("/api/v2/private/get_positions", auth=(k.client_id, k.secret)),
    "in the parameters": lambda v, _, t: v.get("/api/v2/private/get_positions", params={"access_token": t}),
    "beside the parameters": lambda v, _, t: v.post(
        "/api/v2", json={"id": 1, "method": "private/get_positions", "access_token": t}
    ),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_way_to_say_who_one_is(open_venue: Venue, form: Callable[..., httpx.Response]) -> None:
    key = open_venue.keys["everyone-1"]
    params = {"grant_type": "client_credentials", "client_id": key.client_id, "client_secret": key.secret}
    token = open_venue.get("/api/v2/public/auth", params=params).json()["result"]["access_token"]
    response = form(open_venue, key, token)
    assert response.status_code == 200, response.text
    assert response.json()["result"] == []


WRONG_HEADERS = [
    "",
    "Bearer",
    "Bearer nonsense",
    "Basic !!!",
    "Basic " + base64.b64encode(b"nobody:nothing").decode(),
    "Basic " + base64.b64encode(b"\xff\xfe").decode(),
    "Digest a=b",
    "deri-hmac-sha256",
    "deri-hmac-sha256 id=x,ts=y,nonce=z,sig=w",
    "deri-hmac-sha256 id=x,ts=1,nonce=z,sig=" + "0" * 64,
]


@pytest.mark.parametrize("header", WRONG_HEADERS)
def test_no_wrong_header_lets_anybody_in(open_venue: Venue, header: str) -> None:
    response = open_venue.get("/api/v2/private/get_positions", headers={"Authorization": header})
    assert response.status_code == 401 and response.json()["error"]["code"] in (13004, 13009)


def test_without_a_key_private_methods_are_refused_and_public_ones_are_not(open_venue: Venue) -> None:
    response = open_venue.get("/api/v2/private/get_positions")
    assert (response.status_code, response.json()["error"]["code"]) == (401, 13009)
    assert response.json()["error"]["data"]["reason"] == "invalid_token"
    assert open_venue.get("/api/v2/public/get_time").status_code == 200


def test_a_key_that_is_taken_back_is_of_no_use_on_a_socket_that_lives(open_venue: Venue) -> None:
    async def story() -> None:
        owner = await dial(open_venue, "everyone-1")
        told = await owner("access/create_key", title="second", read_only=True)
        other = await dial(open_venue)
        await other(
            "public/auth",
            grant_type="client_credentials",
            client_id=told["client_id"],
            client_secret=told["client_secret"],
        )
        assert await other("private/get_positions") == []
        with pytest.raises(Refused, match="key_only_reads"):
            await other("private/cancel_all")
        assert await owner("access/remove_key", client_id=told["client_id"]) == "ok"
        with pytest.raises(Refused, match="taken back"):
            await other("private/get_positions")
        stranger = await dial(open_venue, "everyone-2")
        with pytest.raises(Refused, match="no key of the caller"):
            await stranger("access/remove_key", client_id=open_venue.keys["everyone-1"].client_id)
        for client in (owner, other, stranger):
            await client.close()

    play(story())


@pytest.mark.parametrize("name", ["everyone-1", "observer", "issuer"])
def test_nobody_directs_but_the_authority_and_the_operator(open_venue: Venue, name: str) -> None:
    async def story() -> None:
        client = await dial(open_venue, name)
        with pytest.raises(Refused) as refused:
            await client("admin/suspend_participant", participant_id="everyone-2")
        assert refused.value.code == 13021 and refused.value.told["needs"] == "authority"
        with pytest.raises(Refused, match="role_may_not"):
            await client("admin/get_state")
        await client.close()

    play(story())
