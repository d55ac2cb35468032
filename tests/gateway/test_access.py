"""The regime's gate as it is met from outside: who is let in, with what, and what directives do to whom."""

from typing import Any

import pytest

from tests.gateway.loopback import PERPETUAL, Refused, Venue, around, dial, limit, play, venue

SAVER = {"kind": "individual", "securities_and_deposits_rub": 300_000, "incomes_rub": [900_000]}


def test_an_ordinary_saver_is_refused_at_the_door_with_the_reason_and_gets_no_key() -> None:
    async def story(opened: Venue) -> None:
        client = await dial(opened)
        keys = len(list(opened.gateway.ring))
        with pytest.raises(Refused) as refused:
            await client("access/apply", participant_id="a-saver", **SAVER)
        assert refused.value.code == 13021
        assert refused.value.told["reason"] == "meets_no_class_of_the_regime"
        assert "asks for" in refused.value.told["explanation"]
        assert len(list(opened.gateway.ring)) == keys
        assessed = await client("access/assess", participant_id="a-saver", **SAVER)
        assert assessed == {
            "admitted": False,
            "class": None,
            "explanation": refused.value.told["explanation"],
        }
        await client.close()

    with venue("ru_derivs_qual_2025") as opened:
        assert "saver" not in opened.keys
        play(story(opened))


def test_an_applicant_whom_the_regime_admits_signs_in_with_what_it_gets(open_venue: Venue) -> None:
    async def story() -> None:
        client = await dial(open_venue)
        told = await client("access/apply", participant_id="a-newcomer", **SAVER)
        assert told["class"] == "everyone"
        with pytest.raises(Refused, match="already_admitted"):
            await client("access/apply", participant_id="a-newcomer", **SAVER)
        for wrong in ("A B", "x", "every one", "../etc", "\u0430bc"):
            with pytest.raises(Refused) as refused:
                await client("access/apply", participant_id=wrong, **SAVER)
            assert refused.value.code == -32602
        with pytest.raises(Refused):
            await client("access/apply", participant_id="a-liar", role="operator", **SAVER)
        key = {"client_id": told["client_id"], "client_secret": told["client_secret"]}
        await client("public/auth", grant_type="client_credentials", **key)
        mine = await client("access/get_my_class")
        assert (mine["participant_id"], mine["state"], mine["role"]) == (
            "a-newcomer",
            "active",
            "participant",
        )
        with pytest.raises(Refused, match="insufficient_cash"):
            await limit(client, "buy", 0.01, await around(client, 0.95))
        await client.close()

    play(story())


def test_coins_are_minted_brought_and_traded_with(open_venue: Venue) -> None:
    async def story() -> None:
        client, issuer = await dial(open_venue), await dial(open_venue, "issuer")
        told = await client("access/apply", participant_id="a-funded-one", **SAVER)
        key = {"client_id": told["client_id"], "client_secret": told["client_secret"]}
        await client("public/auth", grant_type="client_credentials", **key)
        minted = {"currency": "RUBD", "amount": 1_000_000, "wallet": told["wallet"], "receipt_id": "r-1"}
        with pytest.raises(Refused, match="role_may_not"):
            await client("cash/mint", **minted)
        await issuer("cash/mint", **minted)
        with pytest.raises(Refused, match="receipt"):
            await issuer("cash/mint", **minted)
        assert (await client("cash/get_my_cash", currency="RUBD"))["in_wallet"] == 1_000_000
        await client("private/deposit", currency="RUBD", amount=600_000)
        assert (await client("private/get_account_summary", currency="RUBD"))["available_funds"] == 600_000
        order = (await limit(client, "buy", 0.01, await around(client, 0.95)))["order"]
        assert order["order_state"] == "open"
        await client("private/cancel_all")
        for one in (client, issuer):
            await one.close()

    play(story())


def test_directives_are_felt_at_once_and_by_whom_they_name(open_venue: Venue) -> None:
    async def story() -> None:
        one, authority = await dial(open_venue, "everyone-1"), await dial(open_venue, "authority")
        low = await around(one, 0.95)
        await limit(one, "buy", 0.01, low)

        async def reason(asked: Any) -> tuple[int, str]:
            with pytest.raises(Refused) as refused:
                await asked
            return refused.value.code, refused.value.told["reason"]

        assert await authority("admin/suspend_participant", participant_id="everyone-1") == "ok"
        assert await one("private/get_open_orders") == []
        assert await reason(limit(one, "buy", 0.01, low)) == (10019, "participant_suspended")
        assert (await one("access/may_i_trade", instrument_name=PERPETUAL))["state"] == "suspended"
        assert await authority("admin/reinstate_participant", participant_id="everyone-1") == "ok"
        assert (
            await authority("admin/freeze_participant", participant_id="everyone-1", order_ref="o-1") == "ok"
        )
        assert await reason(limit(one, "buy", 0.01, low)) == (11030, "reduce_only")
        withdrawal = one("private/withdraw", currency="RUBD", amount=1)
        assert await reason(withdrawal) == (11030, "participant_frozen")
        await authority("admin/unfreeze_participant", participant_id="everyone-1", order_ref="o-2")
        await authority("admin/set_limit", participant_id="everyone-1", limit=100)
        assert await reason(limit(one, "buy", 0.01, low)) == (10013, "exposure_limit")
        assert (await one("access/get_my_limits"))["set_by_the_authority"] == 100.0
        await authority("admin/set_limit", participant_id="everyone-1", limit=10**12)
        await authority("admin/halt_all")
        assert await reason(limit(one, "buy", 0.01, low)) == (10019, "instrument_halted")
        for name in open_venue.gateway.venue.exchange.state.series:
            await authority("admin/resume_instrument", instrument_name=name)
        assert (await limit(one, "buy", 0.01, low))["order"]["order_state"] == "open"
        await one("private/cancel_all")
        assert (await reason(authority("admin/halt_instrument", instrument_name="NOPE")))[0] == 11030
        for client in (one, authority):
            await client.close()

    play(story())
