"""An issuer's key speaks for its own coins and no others, over every road; two coins are in one venue."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exchange.gateway.auth import KeyRing, Role
from exchange.gateway.dispatch import Call
from exchange.gateway.local import LocalClient
from exchange.gateway.registry import REGISTRY, Access, Ask, NoParams, Registry
from exchange.units import AssetId
from scenarios.config.reading import ConfigurationError
from scenarios.lock_step import play_day
from tests.gateway.loopback import Refused, Venue, dial, play, venue

REGIMES = Path("scenarios/regimes")
OTHERS = {"RUBD": "RUBY", "RUBY": "RUBD"}
KEYS = {"RUBD": "issuer", "RUBY": "issuer-ruby"}


def two_coins(folder: Path) -> Path:
    """The regime under which the venue keeps a second coin, into which claims on the first may be converted."""
    text = (REGIMES / "ru_open_counterfactual.toml").read_text(encoding="utf-8")
    path = folder / "two_coins.toml"
    path.write_text(text.replace("[cash]\n", '[cash]\nfallback_asset = "RUBY"\n', 1), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    with venue(str(two_coins(tmp_path_factory.mktemp("regime")))) as one:
        yield one


def minted(coin: str, receipt: str) -> dict[str, Any]:
    return {"currency": coin, "amount": 1_000, "wallet": "somebody's", "receipt_id": receipt}


def supply(opened: Venue, coin: str) -> int:
    issuer = opened.gateway.venue.exchange.state.holdings[AssetId(coin)].issuer
    assert issuer is not None
    return issuer.supply


def is_refused(error: dict[str, Any], own: str) -> bool:
    told = {"reason": "not_the_issuer", "param": "currency"}
    told["told"] = f"this key speaks for {own}, not for {OTHERS[own]}"
    return error["code"] == 13021 and error["data"] == told


@pytest.mark.parametrize("own", OTHERS)
def test_an_issuer_makes_its_own_coins_and_no_others_over_the_websocket_and_http(
    opened: Venue, own: str
) -> None:
    async def over_the_websocket() -> None:
        client = await dial(opened, KEYS[own])
        with pytest.raises(Refused) as refused:
            await client("cash/mint", **minted(OTHERS[own], f"ws {own}"))
        assert is_refused({"code": refused.value.code, "data": refused.value.told}, own)
        assert (await client("cash/mint", **minted(own, f"ws {own}")))["amount"] == 1_000
        await client.close()

    before = supply(opened, OTHERS[own])
    play(over_the_websocket())
    key = opened.keys[KEYS[own]]
    auth = (key.client_id, key.secret)
    for coin in (OTHERS[own], own):
        got = opened.get("/api/v2/cash/mint", params=minted(coin, f"get {own}"), auth=auth).json()
        body = {"jsonrpc": "2.0", "id": 1, "method": "cash/mint", "params": minted(coin, f"post {own}")}
        posted = opened.post("/api/v2", json=body, auth=auth).json()
        for answer in (got, posted):
            if coin == own:
                assert answer["result"]["amount"] == 1_000
            else:
                assert is_refused(answer["error"], own)
    assert supply(opened, OTHERS[own]) == before


def test_the_operator_may_for_every_coin(opened: Venue) -> None:
    async def story() -> None:
        client = await dial(opened, "operator")
        for coin in OTHERS:
            await client("cash/mint", **minted(coin, "the operator's"))
        await client.close()

    play(story())


def test_whatever_is_for_issuers_asks_first_whose_coin_it_is(opened: Venue) -> None:
    """Methods that are added later too: they are found in the registry."""
    answers: list[dict[str, Any]] = []
    methods = [method for method in REGISTRY if method.access is Access.ISSUER]
    assert methods, "there is one"
    for method in methods:
        fields = method.params.model_fields
        assert "currency" in fields
        values = {name: 1 for name, field in fields.items() if field.is_required()} | {"currency": "ruby"}
        call = Call(opened.gateway, opened.keys["issuer"], None, "here")
        with pytest.raises(Exception, match="forbidden") as refused:
            method.handler(call, method.params.model_validate(values))
        answers.append(refused.value.told)  # type: ignore[attr-defined]
    assert all(one["reason"] == "not_the_issuer" for one in answers)


def test_a_method_for_issuers_that_names_no_coin_cannot_be_entered() -> None:
    def handler(call: Call, params: NoParams) -> Ask[str]:
        """Do something."""
        raise NotImplementedError

    registry: Any = Registry()
    with pytest.raises(TypeError, match="names a currency"):
        registry.method("cash/anything", Access.ISSUER)(handler)
    assert list(registry) == []


def test_a_new_key_of_an_issuer_is_for_the_coins_that_it_names(opened: Venue) -> None:
    async def story() -> None:
        operator = await dial(opened, "operator")
        for params, wrong in (
            ({"role": "issuer"}, "name the coins"),
            ({"role": "issuer", "currencies": ["RUBD", "BTC"]}, "BTC, which is no coin"),
            ({"role": "observer", "currencies": ["RUBD"]}, "an issuer alone"),
        ):
            with pytest.raises(Refused, match=wrong):
                await operator("admin/create_key", **params)
        both = await operator("admin/create_key", role="issuer", currencies=["rubd", "RUBY", "RUBY"])
        one = await operator("admin/create_key", role="issuer", currencies=["RUBY"])
        assert opened.gateway.ring.keys[both["client_id"]].coins == ("RUBD", "RUBY")
        issuer = await dial(opened)
        for key, coins in ((both, ("RUBD", "RUBY")), (one, ("RUBY",))):
            await issuer.sign_in(opened.gateway.ring.keys[key["client_id"]])
            for coin in coins:
                await issuer("cash/mint", **minted(coin, f"{key['client_id']} {coin}"))
        with pytest.raises(Refused, match="speaks for RUBY"):
            await issuer("cash/mint", **minted("RUBD", "never"))
        for client in (operator, issuer):
            await client.close()

    play(story())


def test_whose_coins_a_key_speaks_for_is_kept_and_a_key_that_says_nothing_speaks_for_none(
    tmp_path: Path,
) -> None:
    path = tmp_path / "keys.json"
    key = KeyRing(path).create(Role.ISSUER, title="issuer", coins=(AssetId("RUBD"),))
    assert list(KeyRing(path)) == [key]
    rows = json.loads(path.read_text(encoding="utf-8"))
    del rows[0]["coins"]  # as a venue wrote it that knew of no coins
    path.write_text(json.dumps(rows), encoding="utf-8")
    (old,) = KeyRing(path)
    assert not old.issues("RUBD")
    again = KeyRing(path)
    assert again.of_founding(Role.ISSUER, coins=(AssetId("RUBD"),)) is None


def test_in_process_and_in_steps_it_is_the_same(tmp_path: Path) -> None:
    answers: dict[str, dict[str, Any]] = {}

    async def issuer(bot: LocalClient) -> None:
        async for step in bot.steps():
            if step["step"] == 0:
                sent = {coin: bot.send("cash/mint", **minted(coin, "in steps")) for coin in OTHERS}
            else:
                answers.update({coin: await future for coin, future in sent.items()})
                return

    regime = str(two_coins(tmp_path))
    play(play_day("tests/gateway/two_minutes.toml", regime, {"issuer": issuer}, step="10s"))
    assert answers["RUBD"]["result"]["amount"] == 1_000
    assert is_refused(answers["RUBY"]["error"], "RUBD")
    with pytest.raises(ConfigurationError, match="no coin of issuer-rubz"):
        play(play_day("tests/gateway/two_minutes.toml", regime, {"issuer-rubz": issuer}, step="10s"))
