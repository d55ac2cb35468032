"""What the venue publishes of itself: the same totals as its books, and nobody's name."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from exchange import events
from exchange.commands import Command, FreezeWallet
from exchange.gateway.registry import Ask
from exchange.gateway.statistics import AREAS
from exchange.gateway.tally import REFUSALS, Tally
from exchange.gateway.venue import Source
from exchange.units import AssetId
from tests.gateway.loopback import PERPETUAL, Client, Refused, Venue, around, dial, limit, play, venue

RUBD = AssetId("RUBD")
SUBJECTS = ("clearing", "cash", "access")
WATCHED = (("clearing", "escrow"), ("cash", "assets"), ("access", "admitted"))
POOR = {"participant_id": "poor_saver", "kind": "individual", "securities_and_deposits_rub": 1_000}


@pytest.fixture(scope="module")
def own_venue() -> Iterator[Venue]:
    with venue() as opened:
        yield opened


async def traded(opened: Venue, amount: float = 0.01) -> None:
    """Two demonstration accounts trade."""
    one, other = await dial(opened, "everyone-1"), await dial(opened, "everyone-2")
    price = await around(one, 1.0)
    await limit(one, "sell", amount, price)
    await limit(other, "buy", amount, price)
    await one.close()
    await other.close()


def tell(opened: Venue, command: Command) -> None:
    """Something that happens outside the wire."""
    opened.on_its_thread(
        lambda: opened.gateway.venue.submit(Source(), Ask((command,), lambda _: None), lambda _: None)
    )


def freeze(opened: Venue) -> Command:
    """An order to the issuer about every coin that the venue has."""
    holding = opened.gateway.venue.state.holdings[RUBD]
    keys = tuple(dict.fromkeys(who for role in holding.terms.roles for who in role.holders))
    wallet = holding.terms.venue_wallets[0]
    return FreezeWallet(asset_id=RUBD, wallet_id=wallet, order_ref="letter", signatures=keys)


def test_the_clearing_house_tells_what_is_open_and_what_covers_it(own_venue: Venue) -> None:
    async def story() -> float:
        client = await dial(own_venue)
        before = await client("clearing/get_statistics")
        await traded(own_venue)
        after = await client("clearing/get_statistics")
        ticker = await client("public/ticker", instrument_name=PERPETUAL)
        await client.close()
        rows = {row["instrument_name"]: row for row in after["open_interest"]}
        assert rows[PERPETUAL]["amount"] == ticker["open_interest"] == pytest.approx(0.01)
        assert rows[PERPETUAL]["currency"] == "RUBD"
        assert rows[PERPETUAL]["value"] == pytest.approx(0.01 * ticker["mark_price"])
        assert "BTC_RUBD" not in rows, "what is owned outright is no claim"
        assert (after["cover"], after["currency"], after["waterfall"]) == ("full", "RUBD", [])
        return float(after["escrow"] - before["escrow"])

    escrow = play(story())
    state = own_venue.gateway.venue.state
    terms = state.series[PERPETUAL].instrument  # type: ignore[index]
    span = (terms.highest_price - terms.lowest_price) * terms.tick_value * 10 / 100
    assert escrow == pytest.approx(span), "both sides together have paid in the whole width of the collar"


def test_the_cash_leg_tells_supply_reserves_and_what_is_frozen() -> None:
    async def story(opened: Venue) -> tuple[Any, Any]:
        client = await dial(opened)
        await client("public/subscribe", channels=["cash.statistics"])
        [before] = (await client("cash/get_statistics"))["assets"]
        tell(opened, freeze(opened))
        told = await client.told(
            lambda note: (
                note["params"].get("channel") == "cash.statistics"
                and note["params"]["data"]["assets"][0]["frozen"] > 0
            )
        )
        await client.close()
        return before, told["params"]["data"]["assets"][0]

    with venue() as opened:
        before, after = play(story(opened))
    assert before["frozen"] == 0 and before["supply"] == before["reserves"]["book"] > 0
    assert after["frozen"] == after["at_the_venue"] == before["at_the_venue"] > 0
    assert after["gated"] and after["redemptions"] == {"requests": 0, "amount": 0.0}


def test_access_tells_who_was_let_in_and_what_was_refused_by_reason() -> None:
    async def story(opened: Venue) -> Any:
        client = await dial(opened)
        for number in range(2):
            with pytest.raises(Refused):
                await client("access/apply", **(POOR | {"participant_id": f"poor_saver_{number}"}))
        trader = await dial(opened, "qualified_individual-1")
        futures = await client("public/get_instruments", kind="future")
        name = next(one["instrument_name"] for one in futures if one["settlement_period"] != "perpetual")
        mark = (await client("public/ticker", instrument_name=name))["mark_price"]
        for _ in range(3):
            with pytest.raises(Refused):
                await limit(trader, "buy", 0.001, round(mark / 200) * 100.0, instrument_name=name)
        told = await client("access/get_statistics")
        await client.close()
        await trader.close()
        return told

    with venue("ru_derivs_qual_2025") as opened:
        told = play(story(opened))
        seats = len(opened.gateway.venue.state.seats)
    assert told["admitted"] == sum(told["by_class"].values()) == sum(told["by_state"].values()) == seats
    assert told["refused"] == 3 and told["refused_by_reason"] == {"meets_no_class_of_the_regime": 3}, (
        "with the demonstration"
    )
    assert told["refusals"] == {"order": {"price_outside_band": 3}}


def test_under_margin_the_layers_stand_in_the_order_in_which_they_pay() -> None:
    with venue("ru_open_counterfactual+risk", scenario="largest_default", population=10) as opened:
        told = opened.get("/api/v2/clearing/get_statistics").json()["result"]
        rules = opened.gateway.venue.state.regime.clearing.waterfall  # type: ignore[union-attr]
    assert [row["layer"] for row in told["waterfall"]] == [layer.value for layer in rules.layers]
    amounts = {row["layer"]: row["amount"] for row in told["waterfall"]}
    assert amounts["skin_in_the_game"] == rules.skin_in_the_game / 100
    assert amounts["defaulter_margin"] is None and amounts["equity"] == rules.equity / 100
    assert told["margin"]["collateral"] >= 0 and told["margin"]["calls_open"] == 0


def test_no_name_is_among_the_totals(own_venue: Venue) -> None:
    state = own_venue.gateway.venue.state
    names = [*state.seats, *(seat.wallet_id for seat in state.seats.values())]
    assert len(names) > 4
    for subject in SUBJECTS:
        told = own_venue.get(f"/api/v2/{subject}/get_statistics").text
        assert [name for name in names if json.dumps(name) in told] == []


@pytest.mark.parametrize(("subject", "figure"), WATCHED)
def test_a_channel_begins_with_the_totals_and_then_tells_what_has_changed(
    own_venue: Venue, subject: str, figure: str
) -> None:
    async def story() -> tuple[list[Any], Any]:
        client = await dial(own_venue)
        name = f"{subject}.statistics"
        assert await client("public/subscribe", channels=[name, "nothing.statistics"]) == [name]
        await client.told(lambda note: note["params"].get("channel") == name)
        now = await client(f"{subject}/get_statistics")
        await changed(client, own_venue, subject)
        await client.told(
            lambda note: (
                note["params"].get("channel") == name and note["params"]["data"][figure] != now[figure]
            )
        )
        await client.close()
        return client.of(name), now

    told, now = play(story())
    assert told[0].keys() == now.keys() and told[0][figure] == now[figure]


async def changed(client: Client, opened: Venue, subject: str) -> None:
    """Something after which the totals are others."""
    match subject:
        case "clearing":
            await traded(opened)
        case "cash":
            tell(opened, freeze(opened))
        case "access":
            await client("access/apply", **(POOR | {"participant_id": "one_more"}))


def test_every_refusal_of_the_core_is_counted_under_what_it_is_about() -> None:
    endings = ("Rejected", "Refused")
    refusals = {one for name, one in vars(events).items() if name.endswith(endings) and isinstance(one, type)}
    assert refusals == set(REFUSALS)
    assert set(REFUSALS.values()) == {*AREAS, "entry", "directive"}


def test_the_most_frequent_reason_comes_first() -> None:
    tally = Tally()
    tally.refusals.update({("order", "b"): 2, ("order", "a"): 2, ("order", "c"): 5, ("money", "d"): 9})
    assert list(tally.refused("order")) == ["c", "a", "b"]
