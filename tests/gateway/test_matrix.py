"""The whole matrix: every class in every product, by every way in which an order can come, over every road in.

What must hold is reckoned from the regime's file by an oracle that shares no code with the gate. The full product is
walked in process and over the websocket; over GET and POST each class, product and way, on one instrument of a product.
"""

import asyncio
from collections.abc import Iterator
from itertools import product as pairs_of
from pathlib import Path
from typing import Any

import httpx
import pytest

from exchange.commands import ApplyForAccess, CancelAll, SubscribeNotes
from exchange.events import OrderRejected, ParticipantAdmitted, SubscriptionRejected
from exchange.gateway.dispatch import Gateway
from exchange.gateway.methods.access import ApplicationParams, applicant_of
from exchange.instruments import ContractKind
from exchange.units import InstrumentId, WalletId
from matching.terms import ParticipantId
from scenarios.founding import found
from tests.gateway.loopback import Client, Venue, dial, play, venue
from tests.gateway.ways import MEETS_NOBODY, WAYS, Listed, Way
from tests.oracles.regime_gate import PRODUCT, Gate, Told

HERE = Path(__file__).parent
SCENARIO = str(HERE / "every_product.toml")
SHIPPED = sorted((HERE.parents[1] / "scenarios" / "regimes").glob("*.toml"))
DIFFERENT = (
    "ru_derivs_qual_2025",
    "ru_elr_super_2025",
    "ru_open_counterfactual",
    "ru_tiered_bill_2026",
    "uk_cetn_2025",
)
REGIMES = [
    *(
        path if path.stem in DIFFERENT else pytest.param(path, marks=pytest.mark.nightly)
        for path in SHIPPED
        if path.stem != "ru_prohibition"
    ),
    HERE / "words.toml",
]
FORBIDDEN = (
    "spot_outside_test_environment",
    "product_not_permitted",
    "knowledge_test_required",
    "underlying_not_permitted",
    "cooling_off",
)
UNTESTED = {"kind": "individual", "deals_per_quarter": 100}
CANNOT_TRADE_AT_ONCE = ("no_opposite_price", "unfillable_at_once")  # told as canceled orders, not as refusals
# What a demonstration account lacks although the regime lets it: notes to sell, and bank roubles to buy coins with.
LACKS = {("note", "sell"): "insufficient_units", ("cash_pair", "buy"): "insufficient_cash"}
OWNED = {
    "untested": ("cash_pair",)
}  # units that can be sold from the beginning; demonstration accounts have both


def listed(gateway: Gateway) -> list[Listed]:
    """Everything that the venue lists."""
    found_series = gateway.venue.exchange.state.series.values()
    pairs = gateway.venue.books.pairs
    return [
        Listed(name, one.instrument.kind.value, pairs[name].tick, pairs[name].contract, one.mark)
        for one in found_series
        for name in (one.instrument.instrument_id,)
    ]


def expected(way: Way, account: str, product: str, told: Told) -> str | None:
    """Why the order is refused; None if it is taken, or could have been had it met somebody."""
    reduces = way.word == "sell" and product in OWNED.get(account, ("spot", "cash_pair"))
    against = told.reducing if reduces else told.opening
    if against == "cooling_off" and way.waits:
        return None  # it may be over when the order fires
    if against not in (None, "reduce_only"):
        return against
    if way.waits or way.title in MEETS_NOBODY:
        return None  # that it may only reduce is looked at when it fires, or meets somebody
    if against is not None or (way.reduces and not reduces):
        return "reduce_only"
    return LACKS.get((product, way.word))


def reason_over_the_wire(way: Way, answer: dict[str, Any]) -> str | None:
    if "error" in answer:
        error = answer["error"]
        reason: str = error["data"]["reason"]
        if reason in FORBIDDEN:
            assert error["code"] == 13021 and error["data"]["class"], error
        return reason
    result = answer["result"]
    if way.method == "private/mass_quote":
        return result["errors"][0]["error"]["data"]["reason"] if result["errors_count"] else None
    assert result["order"]["order_state"] in ("open", "untriggered", "cancelled"), result
    return None


def accounts(gate: Gate, keys: Any) -> Iterator[tuple[str, str, bool]]:
    """One account of each class, with its class and whether it has passed the test."""
    for class_id in gate.classes:
        yield f"{class_id}-1", class_id, True
    if "untested" in keys:
        yield "untested", "student", False


def cells(gateway: Gateway, gate: Gate, names: Any) -> Iterator[tuple[str, Listed, str, Told]]:
    for account, class_id, tested in accounts(gate, names):
        for one in listed(gateway):
            product = PRODUCT[one.kind]
            yield account, one, product, gate.says(class_id, product, tested=tested)


# --- what the matrix is made of -------------------------------------------------------------------------


@pytest.fixture(scope="module", params=REGIMES, ids=lambda path: path.stem)
def gate(request: pytest.FixtureRequest) -> Gate:
    return Gate(request.param)


def path_of(gate: Gate) -> str:
    return str(gate.path)


@pytest.fixture(scope="module")
def opened(gate: Gate) -> Iterator[Venue]:
    """A venue under the regime that lists one instrument of each kind."""
    with venue(path_of(gate), scenario=SCENARIO) as one:
        if "student" in gate.classes:
            play(let_in(one, "untested", UNTESTED))
        yield one


async def let_in(one: Venue, name: str, applicant: dict[str, Any]) -> None:
    """An account through the same door as everybody, with money."""
    client, issuer = await dial(one), await dial(one, "issuer")
    told = await client("access/apply", participant_id=name, **applicant)
    one.keys[name] = one.gateway.ring.keys[told["client_id"]]
    minted = {"currency": "RUBD", "amount": 2_000_000, "wallet": told["wallet"], "receipt_id": f"for {name}"}
    await issuer("cash/mint", **minted)
    await client.sign_in(one.keys[name])
    await client("private/deposit", currency="RUBD", amount=2_000_000)
    for each in (client, issuer):
        await each.close()


def test_a_kind_a_class_or_a_word_without_a_rule_here_is_noticed(opened: Venue, gate: Gate) -> None:
    kinds = {kind.value for kind in ContractKind}
    not_listed = set() if gate.file["test_environment"] else {"spot"}  # outside one the core lists no spot
    assert {one.kind for one in listed(opened.gateway)} == kinds - not_listed
    assert kinds == set(PRODUCT)
    assert set(gate.classes) == {one.removesuffix("-1") for one in opened.keys if one.endswith("-1")}
    state = opened.gateway.venue.exchange.state
    for class_id in gate.classes:
        assert state.seats[ParticipantId(f"{class_id}-1")].access_class.class_id == class_id


# --- every order over every road ------------------------------------------------------------------------


def test_in_process_the_core_says_of_each_order_what_the_regime_says(gate: Gate) -> None:
    gateway = found(SCENARIO, path_of(gate), population=0, makers=False).gateway
    number, wrong = 0, []
    for account, one, product, told in cells(gateway, gate, ()):
        who = ParticipantId(account)
        for way in WAYS:
            number += 1
            entries = gateway.venue.world.put(way.command(one, who, number), gateway.venue.now)
            reasons = [e.event.reason.value for e in entries if isinstance(e.event, OrderRejected)]
            heard = reasons[0] if reasons else None
            if heard in CANNOT_TRADE_AT_ONCE:
                heard = None
            if heard != expected(way, account, product, told):
                wrong.append(
                    (account, one.name, way.title, way.word, heard, expected(way, account, product, told))
                )
            gateway.venue.world.put(CancelAll(participant_id=who), gateway.venue.now)
        if product == "note":
            taken = SubscribeNotes(participant_id=who, instrument_id=InstrumentId(one.name), quantity=1)
            (told_of_it,) = [e.event for e in gateway.venue.world.put(taken, gateway.venue.now)]
            assert isinstance(told_of_it, SubscriptionRejected)
            if told_of_it.reason.value != (told.opening or "not_placing"):
                wrong.append((account, one.name, "subscription", told_of_it.reason.value, told))
    assert not wrong and number >= len(gate.classes) * (len(ContractKind) - 1) * len(WAYS)


async def ask_all(client: Client, asked: list[tuple[Way, dict[str, Any]]]) -> list[dict[str, Any]]:
    """All at once, each taken off before the next, so that no limit adds them up; the answers in the same order."""
    requests = []
    for way, params in asked:
        requests.append({"id": f"{way.title} {way.word}", "method": way.method, "params": params})
        requests.append({"id": f"{way.title} {way.word} off", "method": "private/cancel_all"})
    return list(await asyncio.gather(*(client.whole(one) for one in requests)))[::2]


def test_over_the_websocket_each_order_is_answered_so(opened: Venue, gate: Gate) -> None:
    async def story() -> list[Any]:
        wrong = []
        for account in (row[0] for row in accounts(gate, opened.keys)):
            client = await dial(opened, account)
            await client("private/enable_cancel_on_disconnect")
            permissions = await client("access/get_my_permissions")
            for name, one, product, told in cells(opened.gateway, gate, opened.keys):
                if name != account:
                    continue
                row, may = permissions[product], await client("access/may_i_trade", instrument_name=one.name)
                assert (may["may_open"], may["reason"]) == (told.opening is None, told.opening)
                if told.opening != "underlying_not_permitted":  # which is of the coin, whatever the product
                    assert (row["may_open"], row["reason"]) == (told.opening is None, told.opening)
                answers = await ask_all(client, [(way, way.params(one)) for way in WAYS])
                for way, answer in zip(WAYS, answers, strict=True):
                    heard = reason_over_the_wire(way, answer)
                    if heard != expected(way, account, product, told):
                        wrong.append((account, one.name, way.title, way.word, answer))
            await client.close()
        return wrong

    assert play(story()) == []


@pytest.mark.parametrize("road", ["get", "post"])
def test_over_http_each_order_is_answered_so(opened: Venue, gate: Gate, road: str) -> None:
    over_http(opened, gate, road, one_of_each_product=True)


@pytest.mark.nightly
@pytest.mark.parametrize("road", ["get", "post"])
def test_over_http_in_every_instrument_each_order_is_answered_so(
    opened: Venue, gate: Gate, road: str
) -> None:
    over_http(opened, gate, road, one_of_each_product=False)


def over_http(opened: Venue, gate: Gate, road: str, *, one_of_each_product: bool) -> None:
    wrong, seen = [], set()
    with httpx.Client(base_url=opened.http, timeout=20) as http:
        for account, one, product, told in cells(opened.gateway, gate, opened.keys):
            if one_of_each_product and (account, product) in seen:
                continue
            seen.add((account, product))
            key = opened.keys[account]
            auth = (key.client_id, key.secret)
            for way in WAYS:
                params = way.params(one)
                if road == "get":
                    answer = http.get(f"/api/v2/{way.method}", params=params, auth=auth).json()
                else:
                    body = {"id": 1, "method": way.method, "params": params}
                    answer = http.post("/api/v2", json=body, auth=auth).json()
                if way.method == "private/mass_quote":  # which needs a connection that may be lost
                    wrong += [answer] if answer["error"]["code"] != 10030 else []
                    continue
                heard = reason_over_the_wire(way, answer)
                if heard != expected(way, account, product, told):
                    wrong.append((account, one.name, way.title, way.word, answer))
                if heard is None:
                    http.get("/api/v2/private/cancel_all", auth=auth)
    assert wrong == []


# --- who is let in --------------------------------------------------------------------------------------


def applicants(gate: Gate) -> Iterator[dict[str, Any]]:
    """Around every threshold that the regime names: a kopeck less, just so, a kopeck more."""
    ways = [way for one in gate.classes.values() for way in one["any_of"]]
    money = {value for way in ways for key, value in way.items() if key.endswith("_rub")}
    amounts = sorted({0.0} | {max(0.0, one + by) for one in money for by in (-0.01, 0.0, 0.01)})
    years = {way.get("income_years", 1) for way in ways} | {1}
    deals = sorted({0} | {way["deals_per_quarter_min"] for way in ways if "deals_per_quarter_min" in way})
    for kind, tested, law in pairs_of(("individual", "company", "institution"), (False, True), (False, True)):
        base = {"kind": kind, "knowledge_test_passed": tested, "qualified_by_law": law}
        for amount in amounts:
            yield base | {"securities_and_deposits_rub": amount}
            yield base | {"crypto_assets_rub": amount}
            for count in years:
                yield base | {"incomes_rub": [amount] * count}
                yield base | {"incomes_rub": [amount] * (count - 1) + [0.0]}
        for count in deals:
            yield base | {"deals_per_quarter": count}


def test_whoever_applies_is_put_into_the_class_of_the_file_or_refused(opened: Venue, gate: Gate) -> None:
    everyone = list(applicants(gate))
    gateway = found(SCENARIO, path_of(gate), population=0, makers=False).gateway

    def in_process(number: int, applicant: dict[str, Any]) -> str | None:
        asked = ApplicationParams(participant_id=f"applicant-{number}", **applicant)
        who = ParticipantId(asked.participant_id)
        command = ApplyForAccess(
            participant_id=who, applicant=applicant_of(asked), wallet_id=WalletId(f"wallet-{number}")
        )
        entries = gateway.venue.world.put(command, gateway.venue.now)
        classes = [e.event.class_id for e in entries if isinstance(e.event, ParticipantAdmitted)]
        return classes[0] if classes else None

    async def over_the_wire() -> list[str | None]:
        client = await dial(opened)
        answers = [
            (await client("access/assess", participant_id="somebody", **applicant))["class"]
            for applicant in everyone
        ]
        await client.close()
        return answers

    assert len(everyone) > 20
    wanted = [gate.class_of(applicant) for applicant in everyone]
    assert [in_process(number, one) for number, one in enumerate(everyone)] == wanted
    assert play(over_the_wire()) == wanted
    saver = {"kind": "individual", "securities_and_deposits_rub": 300_000, "incomes_rub": [900_000]}
    assert ("saver" in opened.keys) is (gate.class_of(saver) is not None)
