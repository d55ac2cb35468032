"""Every method by every role, over every road: answered exactly where the list below says so.

The list is written by hand and shares nothing with the registry: a method in a namespace of its own, or one that
asks for more or for less than the others of its namespace, must be written down here.
"""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from exchange.gateway.auth import SEATED, Key, Role
from exchange.gateway.dispatch import Call, Gateway
from exchange.gateway.jsonrpc import Request
from exchange.gateway.registry import REGISTRY, Access, NoParams, Registry
from scenarios.founding import found
from tests.gateway.loopback import Refused, Venue, dial, play, venue

NOBODY = "nobody"
PARTICIPANTS = ("participant", "market_maker", "member")
EVERY_KEY = (*PARTICIPANTS, "issuer", "authority", "observer", "operator")
ANYBODY = (NOBODY, *EVERY_KEY)

# What does not follow from the namespace, method by method.
WHO = {
    "private/logout": EVERY_KEY,
    "private/subscribe": EVERY_KEY,
    "private/unsubscribe": EVERY_KEY,
    "private/unsubscribe_all": EVERY_KEY,
    "access/apply": ANYBODY,
    "access/assess": ANYBODY,
    "access/get_statistics": ANYBODY,
    "cash/get_assets": ANYBODY,
    "cash/get_reserves": ANYBODY,
    "cash/get_statistics": ANYBODY,
    "cash/get_freeze_status": ANYBODY,
    "cash/mint": ("issuer", "operator"),
    "simulation/register": EVERY_KEY,
    "simulation/step": EVERY_KEY,
    "simulation/leave": EVERY_KEY,
    "admin/get_state": ("operator",),
    "admin/create_key": ("operator",),
    "admin/remove_key": ("operator",),
}
BY_NAMESPACE = {
    "public": ANYBODY,
    "private": PARTICIPANTS,
    "access": PARTICIPANTS,
    "cash": PARTICIPANTS,
    "clearing": ANYBODY,
    "ringfence": ANYBODY,
    "regime": ANYBODY,
    "simulation": ANYBODY,
    "admin": ("authority", "operator"),
}
# What a key that only reads is refused, besides orders, quotes and whatever begins with `admin`.
CHANGES = (
    "private/withdraw",
    "private/deposit",
    "cash/redeem",
    "cash/mint",
    "access/create_key",
    "access/remove_key",
    "private/enable_cancel_on_disconnect",
    "private/disable_cancel_on_disconnect",
    "simulation/leave",
)
READS_IN_ADMIN = ("admin/get_participants", "admin/get_state")
OF_ORDERS = ("buy", "sell", "edit", "cancel", "close", "link", "mass_quote", "set_mmp", "reset_mmp")


def who_may(name: str) -> tuple[str, ...]:
    return WHO.get(name) or BY_NAMESPACE[name.partition("/")[0]]


def changes(name: str) -> bool:
    namespace, _, word = name.partition("/")
    if namespace == "admin":
        return name not in READS_IN_ADMIN
    return name in CHANGES or (namespace == "private" and word.startswith(OF_ORDERS))


def with_every_role(gateway: Gateway, seat: Key) -> dict[str, Key]:
    """A key in each role, and a second one in each that only reads."""
    keys = {}
    for role in Role:
        who = (seat.participant_id, seat.wallet_id) if role in SEATED else (None, None)
        keys[role.value] = gateway.ring.create(role, *who)
        keys[reading(role)] = gateway.ring.create(role, *who, read_only=True)
        for key in (keys[role.value], keys[reading(role)]):
            gateway.follow(key)
    return keys


def reading(role: str) -> str:
    return f"{role} that only reads"


LAST = "private/logout"  # after which nothing is answered
CALLERS = (*ANYBODY, *(reading(role) for role in EVERY_KEY))


def allowed(name: str, caller: str) -> bool:
    role = caller.removesuffix(" that only reads")
    if role not in who_may(name):
        return False
    return role == caller or NOBODY in who_may(name) or not changes(name)


def because_of_who_asks(answer: dict[str, Any]) -> bool:
    """Whether it was refused, and not because of what was asked."""
    error = answer.get("error", {"code": 0, "data": {}})
    return error["code"] == 13009 or error["data"].get("reason") in ("role_may_not", "key_only_reads")


@pytest.fixture(scope="module")
def opened() -> Iterator[Venue]:
    with venue() as one:
        one.keys.update(with_every_role(one.gateway, one.keys["everyone-1"]))
        yield one


def test_the_list_is_about_methods_that_there_are_and_knows_every_role_and_namespace() -> None:
    assert set(EVERY_KEY) == {role.value for role in Role}
    names = {method.name for method in REGISTRY}
    assert set(WHO) | set(CHANGES) | set(READS_IN_ADMIN) <= names
    assert {name.partition("/")[0] for name in names} == set(BY_NAMESPACE)


def asked_in_process(gateway: Gateway, name: str, key: Key | None) -> dict[str, Any]:
    answers: list[dict[str, Any]] = []
    call = Call(gateway, key, None, "here")
    gateway.handle(Request(1, name, {}), call, 0, lambda text, _: answers.append(json.loads(text)))
    return answers[0]


def test_in_process_each_method_is_for_its_roles_alone() -> None:
    founded = found("market_day", "ru_open_counterfactual", population=0, makers=False)
    gateway = founded.gateway  # which has not opened: no request gets further than the question of who asks
    keys = with_every_role(gateway, next(demo.key for demo in founded.demos if demo.key))
    wrong = []
    for method in REGISTRY:
        for caller in CALLERS:
            answer = asked_in_process(gateway, method.name, keys.get(caller))
            if because_of_who_asks(answer) is allowed(method.name, caller):
                wrong.append((method.name, caller, answer))
    assert wrong == []


def test_over_the_websocket_each_method_is_for_its_roles_alone(opened: Venue) -> None:
    async def story() -> list[Any]:
        wrong = []
        names = [method.name for method in REGISTRY if method.name != LAST]
        for caller in CALLERS:
            client = await dial(opened, None if caller == NOBODY else caller)
            requests = [{"id": name, "method": name, "params": {}} for name in names]
            answers = await asyncio.gather(*(client.whole(one) for one in requests))
            if caller == NOBODY:
                answers.append(await client.whole({"id": LAST, "method": LAST, "params": {}}))
            else:  # it is not answered: the connection is closed
                await client.socket.send(json.dumps({"id": LAST, "method": LAST}))
                await client.socket.wait_closed()
            for answer in answers:
                if because_of_who_asks(answer) is allowed(answer["id"], caller):
                    wrong.append((answer["id"], caller, answer))
            await client.close()
        return wrong

    assert play(story()) == []


def test_over_http_each_method_is_for_its_roles_alone(opened: Venue) -> None:
    wrong = []
    with httpx.Client(base_url=opened.http, timeout=20) as http:
        for caller in ANYBODY:
            key = opened.keys.get(caller)
            auth = None if key is None else (key.client_id, key.secret)
            for method in REGISTRY:
                answer = http.get(f"/api/v2/{method.name}", auth=auth).json()
                if because_of_who_asks(answer) is allowed(method.name, caller):
                    wrong.append((method.name, caller, answer))
    assert wrong == []


def test_a_method_without_a_rule_cannot_be_entered() -> None:
    def handler(call: Call, params: NoParams) -> str:
        """Say nothing."""
        return ""

    registry: Any = Registry()
    with pytest.raises(TypeError, match="access"):
        registry.method("public/anything")
    for name, access in (
        ("private/anything", Access.PUBLIC),
        ("admin/anything", Access.SEATED),
        ("admin/anything", Access.SIGNED_IN),
        ("public/anything", "everybody"),
    ):
        with pytest.raises(TypeError, match="are not for"):
            registry.method(name, access)
    registry.method("private/anything", Access.SEATED)(handler)
    assert [one.name for one in registry] == ["private/anything"]


def test_only_those_who_trade_have_keys_that_are_somebodys(opened: Venue) -> None:
    async def story() -> None:
        operator = await dial(opened, "operator")
        for role in EVERY_KEY:
            coins = {"currencies": ["RUBD"]} if role == "issuer" else {}
            named = {"role": role, "participant_id": "everyone-2"} | coins
            unnamed = {"role": role} | coins
            right, wrong = (named, unnamed) if role in PARTICIPANTS else (unnamed, named)
            assert (await operator("admin/create_key", **right))["role"] == role
            with pytest.raises(Refused) as refused:
                await operator("admin/create_key", **wrong)
            assert refused.value.code == 13021
        await operator.close()

    play(story())
