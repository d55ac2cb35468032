"""Each lever of a regime that is no gate, pulled alone: the same short day, the same dice, and what it changed."""

from collections import Counter
from pathlib import Path

import pytest

from exchange.events import (
    AuctionUncrossed,
    OrderAccepted,
    OrderFilled,
    OrderRejected,
    PositionTierPassed,
    PriceRule,
    SessionClosed,
    SessionOpened,
    SettlementPriceFinal,
    TradeReported,
    TradingInterrupted,
    UnderlyingWithheld,
)
from exchange.reasons import RejectReason
from exchange.units import MINUTE
from scenarios.config.reading import ConfigurationError
from scenarios.config.regime_file import read_regime, regime_path
from scenarios.config.scenario_file import world_under
from scenarios.run import run_cell
from tests.scenarios.small_worlds import OPENS, SHORT_DAY, Kept, a_world, live, short_day
from tests.scenarios.test_perpetual_world import ROLLS

OPEN = regime_path("ru_open_counterfactual").read_text(encoding="utf-8")


def open_but(folder: Path, *changes: tuple[str, str], assumed: tuple[str, ...] = ()) -> str:
    """The open regime with each first occurrence of an old text replaced, and what is assumed for it."""
    text = OPEN
    for old, new in changes:
        assert old in text, f"the open regime does not say {old}"
        text = text.replace(old, new, 1)
    for key in assumed:
        text += f'\n[[assumptions]]\nkey = "{key}"\nreason = "A test."\n'
    path = folder / "open_but.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def refusals(kept: Kept) -> Counter[RejectReason]:
    return Counter(event.reason for event in kept.events(OrderRejected))


def test_a_class_may_trade_futures_and_no_perpetuals(tmp_path: Path) -> None:
    regime = open_but(tmp_path, ('rolling_perpetual = "allowed"', 'rolling_perpetual = "denied"'))
    perpetual = live(a_world(tmp_path, *ROLLS), regime)
    assert perpetual.events(TradeReported) == []
    assert set(refusals(perpetual)) == {RejectReason.PRODUCT_NOT_PERMITTED}
    future = live(a_world(tmp_path), regime)
    assert future.events(TradeReported) and RejectReason.PRODUCT_NOT_PERMITTED not in refusals(future)


SCREEN = ("[market]", "[listing]\nmarket_value_min_usd = 60_000_000_000\nprivacy_coins = false\n\n[market]")
KNOWN = """\
[[underlyings]]
id = "XMR"
market_value_usd = 70_000_000_000
daily_volume_usd = 1
traded_since = 2014-05-21

[population]"""
ON_MONERO = (("[index]\n", '[index]\nid = "XMR_RUB"\n'), ("[population]", KNOWN))


def test_nothing_is_offered_on_a_coin_that_does_not_pass_the_screen(tmp_path: Path) -> None:
    regime = open_but(tmp_path, SCREEN, assumed=("listing.market_value_min_usd",))
    small = live(a_world(tmp_path, ON_MONERO[0]), regime)
    assert set(refusals(small)) == {RejectReason.UNDERLYING_WITHHELD} and not small.events(TradeReported)
    (told,) = small.events(UnderlyingWithheld)
    assert told.coin == "XMR" and told.explanation.startswith(
        "its market value is USD 6,000,000,000, not USD 60"
    )
    large = live(a_world(tmp_path), regime)
    assert large.events(TradeReported) and not large.events(UnderlyingWithheld)


def test_what_a_scenario_says_of_a_coin_counts_before_the_table(tmp_path: Path) -> None:
    """A private coin may be as large as it likes; one that is not private passes as soon as it is large."""
    regime = open_but(tmp_path, SCREEN, assumed=("listing.market_value_min_usd",))
    assert live(a_world(tmp_path, *ON_MONERO), regime).events(TradeReported)
    private = (ON_MONERO[0], ("[population]", KNOWN.replace("\n\n[pop", "\nprivacy = true\n\n[pop")))
    (told,) = live(a_world(tmp_path, *private), regime).events(UnderlyingWithheld)
    assert told.explanation == "it is a privacy coin"


def limited(folder: Path, lines: str) -> str:
    table = f'[[position_limits]]\ncoin = "BTC"\n{lines}\n\n[market]'
    return open_but(folder, ("[market]", table), assumed=("position_limits",))


def largest(kept: Kept) -> int:
    """The largest position that anybody ever had, in lots."""
    held: Counter[str] = Counter()
    most = 0
    for fill in kept.events(OrderFilled):
        held[fill.participant_id] += fill.side * fill.quantity
        most = max(most, abs(held[fill.participant_id]))
    return most


def test_nobody_holds_more_than_the_position_limit(tmp_path: Path) -> None:
    """A lot is a thousandth of a coin."""
    world = a_world(tmp_path)
    assert largest(live(world)) > 50
    kept = live(world, limited(tmp_path, "limit_units = 0.05"))
    assert 0 < largest(kept) <= 50
    assert refusals(kept)[RejectReason.POSITION_LIMIT]


def test_a_position_beyond_a_tier_is_told_of_and_the_trading_stays_the_same(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    alone = live(world)
    kept = live(world, limited(tmp_path, "tiers = [{ units = 0.02 }, { units = 0.04 }]"))
    assert kept.events(OrderFilled) == alone.events(OrderFilled)
    passed = kept.events(PositionTierPassed)
    assert {event.tier for event in passed} == {1, 2} and not alone.events(PositionTierPassed)
    assert all(abs(event.units) > event.tier * 2_000_000 for event in passed)


def test_under_margin_positions_beyond_a_tier_cost_more(tmp_path: Path) -> None:
    """Nobody is short of money on that day, so that the trades are the same, and more is kept for them."""

    def kept_for_positions(extra_percent: int) -> float:
        tiers = f"tiers = [{{ units = 0.01, extra_margin_percent = {extra_percent} }}]"
        regime = limited(tmp_path, tiers) + "+risk"
        return run_cell(str(short_day(tmp_path)), regime, 1, None).measures["locked_peak"]

    assert kept_for_positions(50) > 1.5 * kept_for_positions(0) > 0


def market(folder: Path, **terms: object) -> str:
    lines = "\n".join(f"{key} = {value}" for key, value in terms.items())
    return open_but(folder, ("[market]", f"[market]\n{lines}"), assumed=("market",))


def under(folder: Path, *changes: tuple[str, str], **terms: object) -> Kept:
    regime = market(folder, **terms)
    return live(world_under(str(short_day(folder, *changes)), read_regime(regime)), regime)


def test_a_regime_may_have_the_day_begin_with_an_auction(tmp_path: Path) -> None:
    kept = under(tmp_path, opening_call_seconds=300)
    auction = next(entry for entry in kept.told if isinstance(entry.event, AuctionUncrossed))
    assert auction.time == OPENS + 5 * MINUTE
    assert min(e.time for e in kept.told if isinstance(e.event, TradeReported)) >= auction.time
    assert not live(a_world(tmp_path)).events(AuctionUncrossed)


def test_a_regime_may_interrupt_trading_where_the_price_runs_away(tmp_path: Path) -> None:
    """An eighth in four minutes, and a band of a twentieth."""
    kept = under(tmp_path, static_band_percent=5, halt_call_seconds=60)
    assert kept.events(TradingInterrupted) and kept.events(AuctionUncrossed)
    assert not live(a_world(tmp_path)).events(TradingInterrupted)


def test_a_regime_may_limit_how_far_a_price_goes_in_a_day(tmp_path: Path) -> None:
    kept = under(tmp_path, daily_limit_percent=5)
    assert refusals(kept)[RejectReason.PRICE_BEYOND_DAILY_LIMIT]
    prices = [event.price for event in kept.events(TradeReported)]
    assert 76_000 <= min(prices) <= max(prices) <= 84_000
    assert min(event.price for event in live(a_world(tmp_path)).events(TradeReported)) < 76_000


def test_a_regime_may_narrow_the_band_around_the_index_and_the_size_of_orders(tmp_path: Path) -> None:
    kept = under(tmp_path, price_band_percent=0.1, max_quantity=5)
    plain = live(a_world(tmp_path))
    assert refusals(kept)[RejectReason.PRICE_OUTSIDE_BAND] > refusals(plain)[RejectReason.PRICE_OUTSIDE_BAND]
    assert max(event.quantity for event in kept.events(OrderAccepted)) == 5
    assert max(event.quantity for event in plain.events(OrderAccepted)) > 5


def test_a_regime_may_have_shorter_hours(tmp_path: Path) -> None:
    kept = under(tmp_path, opens="10:05:00", closes="10:48:00")
    hours = [e.time for e in kept.told if isinstance(e.event, SessionOpened | SessionClosed)]
    assert hours == [OPENS + 5 * MINUTE, OPENS + 48 * MINUTE]


def test_hours_that_leave_no_room_for_the_scenario(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"under the market of the regime.*expires at 10:45.*outside"
    ):
        under(tmp_path, opens="10:05:00", closes="10:20:00")


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        ({"static_band_percent": 5}, "market.static_band_percent interrupts trading for an auction"),
        ({"opens": "10:00:00"}, "market.opens stands alone; give both hours"),
        ({"opens": "10:00:00", "closes": "09:00:00"}, "not after it opens"),
    ],
)
def test_half_a_market(tmp_path: Path, terms: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        read_regime(market(tmp_path, **terms))


BROKER = """\
[[members]]
id = "broker"
own_funds_rub = 60_000_000
deposit_rub = 1_000_000
clients_percent = 100

[[makers]]"""
BANKS = (("[market]", "[institutions]\nexposure_cap_percent = 2\nexposure_soft_cap_percent = 1\n\n[market]"),)


def through_a_broker(folder: Path, own_funds_rub: int = 60_000_000) -> dict[str, float]:
    """Measures of the day on which everybody of the population clears through one broker with so much of its own."""
    regime = open_but(folder, *BANKS, assumed=("institutions",))
    world = (("[[makers]]", BROKER.replace("60_000_000", str(own_funds_rub))),)
    return dict(run_cell(str(short_day(folder, *world)), regime, 1, None).measures)


def test_own_funds_of_intermediaries_bound_what_their_clients_do(tmp_path: Path) -> None:
    poor, rich = through_a_broker(tmp_path), through_a_broker(tmp_path, 600_000_000_000)
    assert poor["orders_refused_own_funds"] > 0 == rich["orders_refused_own_funds"]
    assert poor["soft_caps_passed"] >= 1 and rich["soft_caps_passed"] == 0
    assert poor["executed_notional"] < rich["executed_notional"]


def test_a_soft_cap_is_told_and_refuses_nothing(tmp_path: Path) -> None:
    """Between the two caps the broker is told of, and its clients trade as if it were rich."""
    between, rich = through_a_broker(tmp_path, 600_000_000), through_a_broker(tmp_path, 600_000_000_000)
    assert between["soft_caps_passed"] >= 1 and between["orders_refused_own_funds"] == 0
    assert between["executed_notional"] == rich["executed_notional"]


def test_refused_demand_trades_offshore_waits_or_is_given_up(tmp_path: Path) -> None:
    shares = ("offshore_share_percent = 30", "offshore_share_percent = 30\nwaiting_share_percent = 20")
    nobody = ("any_of = [{}]", "any_of = [{ assets_min_rub = 1_000_000_000_000 }]")
    assumed = ("waiting_share_percent",)
    regime = open_but(tmp_path, shares, nobody, assumed=assumed)
    maker = SHORT_DAY[SHORT_DAY.index("[[makers]]") : SHORT_DAY.index("[[directives]]")]
    world = short_day(tmp_path, (maker, ""))
    measures = run_cell(str(world), regime, 1, None).measures
    refused = measures["desired_notional"] - measures["admitted_notional"]
    assert refused > 0
    parts = [measures[name] / refused for name in ("leaked_offshore", "waiting_demand", "vanished_demand")]
    assert parts == pytest.approx([0.3, 0.2, 0.5])
    assert measures["admitted_share"] == 0


def gate(folder: Path, name: str, most_rub: int) -> str:
    text = f"""id = "{name}"
title = "{name}"
[venue]
capital_at_risk_max_rub = {most_rub}
[[assumptions]]
key = "venue.capital_at_risk_max_rub"
reason = "A test."
"""
    (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return f"ru_open_counterfactual+{folder / name}.toml"


def test_the_gates_of_a_glide_path_open_one_after_the_other(tmp_path: Path) -> None:
    """The venue is full under the first gate, until a directive adopts the second in the middle of the day."""
    first, second = gate(tmp_path, "first_gate", 100_000), gate(tmp_path, "second_gate", 100_000_000)
    opens_at = OPENS + 30 * MINUTE
    directive = f'[[directives]]\nat = 10:30:00\ndo = "adopt_regime"\nregime = "{second}"\n\n[[directives]]'
    kept = live(a_world(tmp_path, ("[[directives]]", directive)), first)
    full = [
        entry.time
        for entry in kept.told
        if isinstance(entry.event, OrderRejected) and entry.event.reason is RejectReason.VENUE_CAP
    ]
    assert full and max(full) < opens_at
    alone = live(a_world(tmp_path), first)
    assert len(kept.events(TradeReported)) > len(alone.events(TradeReported))


def test_a_regime_may_say_how_settlement_prices_are_found(tmp_path: Path) -> None:
    """The index falls before the expiry, so that its mean over half an hour is not what it is at the end."""
    mean, print_ = (under(tmp_path, settlement_rule=f'"{rule}"') for rule in ("twap_capped", "snapshot"))
    ((averaged,), (printed,)) = (kept.events(SettlementPriceFinal) for kept in (mean, print_))
    assert (averaged.rule, printed.rule) == (PriceRule.WINDOW, PriceRule.SNAPSHOT)
    assert averaged.price != printed.price
    assert mean.digest == live(a_world(tmp_path)).digest  # it is the usual rule
    with pytest.raises(ConfigurationError, match="fixing would have begun before it is listed"):
        under(tmp_path, settlement_rule='"partitioned_vwm"')
