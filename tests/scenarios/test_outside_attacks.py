"""Attacks on outside venues: what each kind changes in what they show, and the two shipped days that have some."""

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest

from exchange.clearing.price_auditor import recompute
from exchange.commands import IndexTerms, PublishReferenceRate, ReportTrades, VenueQuote, VenueTrade
from exchange.events import (
    BooksAudited,
    BucketSettled,
    ClaimSettled,
    Entry,
    IndexPublished,
    IndexStatus,
    InstrumentListed,
    PriceRule,
    SettlementPostponed,
    SettlementPriceFinal,
    SettlementPriceProvisional,
)
from exchange.instruments import SettlementRule
from exchange.journal import read
from exchange.units import DAY, HOUR, MINUTE, SECOND, IndexId, IndexPrice, Time
from scenarios.config.reading import ConfigurationError
from scenarios.config.scenario_file import load_world, scenario_path
from scenarios.index_path import reference_rates, venue_quotes, venue_trades
from scenarios.results import Record
from scenarios.run import replay, run
from scenarios.world import AttackKind, AttackTerms, PathTerms, World
from tests.scenarios.small_worlds import Kept, a_world, live

NOON: Time = 20_000 * DAY + 12 * HOUR
ENDS: Time = NOON + 10 * MINUTE
FAIR: IndexPrice = 800_000_000
VENUES = ("aster", "boreal", "cygnus", "dorado")
INDEX = IndexTerms(
    index_id=IndexId("BTC_RUB"), venues=VENUES, weights_ppm=(400_000, 300_000, 200_000, 100_000)
)
FROM, TO = NOON + 2 * MINUTE, NOON + 4 * MINUTE


def a_path(*attacks: AttackTerms, spans: tuple[tuple[Time, Time], ...] = ()) -> PathTerms:
    """A price that stands still for ten minutes, and venues that agree on it but for an attack."""
    knots = ((NOON, FAIR), (ENDS, FAIR))
    return PathTerms(knots, 0.0, SECOND, 0.0, 2.0, attacks=attacks, trades_a_minute=30.0, trade_spans=spans)


def on_dorado(kind: AttackKind, push: float = 0.0, volume_times: float = 1.0) -> AttackTerms:
    return AttackTerms(kind, ("dorado",), FROM, TO, push, volume_times)


def shown(path: PathTerms, venue: str = "dorado") -> dict[Time, VenueQuote]:
    return {at: q for at, quotes in venue_quotes(path, INDEX, 1) for q in quotes if q.venue == venue}


def mid(quote: VenueQuote) -> float:
    return (quote.bid + quote.ask) / 2 / FAIR


# --- kinds ----------------------------------------------------------------------------------------------


def test_a_push_lasts_from_its_first_instant_to_its_last_and_moves_its_venue_alone() -> None:
    path = a_path(on_dorado(AttackKind.PUSH, 0.1))
    pushed = {at for at, quote in shown(path).items() if mid(quote) == pytest.approx(1.1)}
    assert pushed == set(range(FROM, TO + 1, SECOND))
    assert all(mid(q) == pytest.approx(1) for at, q in shown(path).items() if at not in pushed)
    assert shown(path, "aster") == shown(a_path(), "aster")


def test_a_push_may_go_down_and_two_add_to_each_other() -> None:
    path = a_path(on_dorado(AttackKind.PUSH, -0.1), on_dorado(AttackKind.PUSH, 0.5))
    assert mid(shown(path)[FROM]) == pytest.approx(0.9 * 1.5)


def test_a_drift_grows_evenly_and_is_gone_afterwards() -> None:
    drifting = shown(a_path(on_dorado(AttackKind.DRIFT, 0.004)))
    at = (FROM, FROM + MINUTE, TO, TO + SECOND)
    assert [mid(drifting[time]) for time in at] == pytest.approx([1, 1.002, 1.004, 1], abs=1e-8)


def test_a_silent_venue_shows_and_trades_nothing() -> None:
    path = a_path(on_dorado(AttackKind.SILENCE), spans=((NOON, ENDS),))
    assert {at for at in shown(a_path()) if at not in shown(path)} == set(range(FROM, TO + 1, SECOND))
    traded = [t.at for _, trades in venue_trades(path, INDEX, 1) for t in trades if t.venue == "dorado"]
    assert traded and not [at for at in traded if FROM <= at <= TO]


def test_where_every_venue_is_silent_there_is_no_report() -> None:
    path = a_path(AttackTerms(AttackKind.SILENCE, VENUES, FROM, TO))
    assert not [at for at, _ in venue_quotes(path, INDEX, 1) if FROM <= at <= TO]


def test_a_frozen_venue_shows_its_last_price_as_if_it_were_new() -> None:
    """Silence is told by the age of a quote; this is not."""
    moving = replace(a_path(on_dorado(AttackKind.FREEZE)), knots=((NOON, FAIR), (ENDS, 2 * FAIR)))
    frozen = shown(moving)
    last = frozen[FROM - SECOND]
    for at in range(FROM, TO + 1, SECOND):
        assert (frozen[at].bid, frozen[at].ask, frozen[at].at) == (last.bid, last.ask, at)
    assert frozen[TO + SECOND].bid > last.bid
    from_the_start = replace(moving, attacks=(AttackTerms(AttackKind.FREEZE, ("dorado",), 0, TO),))
    assert mid(shown(from_the_start)[TO]) == pytest.approx(1)


# --- trades ---------------------------------------------------------------------------------------------


def traded(path: PathTerms, seed: int = 1) -> list[VenueTrade]:
    told = [trade for at, trades in venue_trades(path, INDEX, seed) for trade in trades if trade.at == at]
    assert [trade.at for trade in told] == sorted(trade.at for trade in told)
    return told


def test_trades_come_again_with_their_seed_at_the_prices_that_are_shown() -> None:
    path = a_path(spans=((NOON + MINUTE, ENDS - MINUTE),))
    trades = traded(path)
    assert trades == traded(path) != traded(path, seed=2)
    assert 4 * 8 * 30 * 0.8 < len(trades) < 4 * 8 * 30 * 1.2
    assert min(t.at for t in trades) >= NOON + MINUTE and max(t.at for t in trades) < ENDS - MINUTE
    for trade in trades:
        quote = shown(path, trade.venue)[trade.at] if trade.at < NOON + 80 * SECOND else None
        assert quote is None or trade.price in (quote.bid, quote.ask)
        assert type(trade.price) is type(trade.quantity) is int and trade.quantity > 0


def test_who_weighs_more_trades_more_and_wash_volume_is_volume() -> None:
    def volumes(path: PathTerms) -> dict[str, int]:
        by_venue: defaultdict[str, int] = defaultdict(int)
        for trade in traded(path):
            by_venue[trade.venue] += trade.quantity
        return by_venue

    span = ((FROM, TO),)
    plain = volumes(a_path(spans=span))
    washed = volumes(a_path(on_dorado(AttackKind.WASH, volume_times=20), spans=span))
    assert plain["aster"] > plain["cygnus"] > plain["dorado"] > 0
    assert 19 < washed["dorado"] / plain["dorado"] < 21
    assert all(washed[venue] == plain[venue] for venue in VENUES[:3])


def test_without_a_span_nothing_is_traded_and_trades_move_no_quote() -> None:
    assert traded(a_path()) == []
    assert shown(a_path(spans=((NOON, ENDS),))) == shown(a_path())


def test_independent_sources_tell_the_common_price_every_ten_minutes() -> None:
    path = replace(a_path(on_dorado(AttackKind.PUSH, 0.5)), reference_sources=("north", "south"))
    assert list(reference_rates(path, 1)) == [
        (at, source, FAIR) for at in (NOON, ENDS) for source in ("north", "south")
    ]
    assert list(reference_rates(a_path(), 1)) == []


# --- files ----------------------------------------------------------------------------------------------

PUSH = (
    '[[attacks]]\nkind = "push"\nvenues = ["dorado"]\nstarts = 10:40:00\nends = 10:45:00\npush_percent = 10\n'
)
BY_TRADES = ("cap_rub", 'settlement_rule = "partitioned_vwm"\ncap_rub')


def with_attack(folder: Path, text: str, *changes: tuple[str, str]) -> World:
    return a_world(folder, ("[population]", f"{text}\n[population]"), *changes)


def test_an_attack_reaches_the_path(tmp_path: Path) -> None:
    (attack,) = with_attack(tmp_path, PUSH.replace("10\n", "-9.9\n")).path.attacks
    world = a_world(tmp_path)
    opens = world.opens
    assert attack == AttackTerms(
        AttackKind.PUSH, ("dorado",), opens + 40 * MINUTE, opens + 45 * MINUTE, -0.099
    )
    forever = with_attack(tmp_path, PUSH.replace("ends = 10:45:00\n", ""))
    assert forever.path.attacks[0].ends == forever.path.until == forever.latest


def test_trades_are_reported_for_an_instrument_that_is_settled_by_them_alone(tmp_path: Path) -> None:
    with_trades, without = a_world(tmp_path, BY_TRADES), a_world(tmp_path)
    assert with_trades.instruments[0].settlement_rule is SettlementRule.PARTITIONED_VWM
    expiry = with_trades.instruments[0].expiry
    assert with_trades.path.trade_spans == ((expiry - HOUR, expiry),)
    assert without.path.trade_spans == ()


@pytest.mark.parametrize(
    ("text", "changes", "key", "sentence"),
    [
        (PUSH.replace("push", "pusk", 1), (), "attacks.1.kind", "the nearest that is valid is “push”"),
        (PUSH.replace("dorado", "dorada"), (), "attacks.1.venues", "nearest that is valid is “dorado”"),
        (PUSH.replace('["dorado"]', "[]"), (), "attacks.1.venues", "must not be an empty list"),
        (PUSH.replace('["dorado"]', '["dorado", "dorado"]'), (), "attacks.1.venues", "name one twice"),
        (PUSH.replace("10:45", "10:40"), (), "attacks.1.ends", "not after 10:40:00"),
        (PUSH.replace("10:40", "03:40"), (), "attacks", "outside the run"),
        (PUSH.replace("10:45", "10:55"), (), "attacks", "outside the run"),
        (PUSH.replace("push_percent = 10", ""), (), "attacks.1.push_percent", "goes with kind = “push” or “drift”"),
        (PUSH.replace("= 10\n", "= -100\n"), (), "attacks.1.push_percent", "must lie between -99 and 1,000"),
        (PUSH.replace("= 10\n", "= 0.125\n"), (), "attacks.1.push_percent", "two decimals"),
        (PUSH.replace('"push"', '"silence"'), (), "attacks.1.push_percent", "and with nothing else"),
        (PUSH + "volume_times = 2\n", (), "attacks.1.volume_times", "goes with kind = “wash”"),
        (PUSH.replace('"push"', '"drift"').replace("ends = 10:45:00\n", ""), (), "attacks.1.ends", "is needed"),
        (PUSH.replace('"push"', '"wash"').replace("push_percent = 10", "volume_times = 9"), (),
         "attacks.1", "no instrument is settled by what outside venues trade"),
        (PUSH.replace('"push"', '"wash"').replace("push_percent = 10", "volume_times = 0"), (BY_TRADES,),
         "attacks.1.volume_times", "greater than 0"),
        ("", (('id = "aster"', 'id = "ringfence"'),), "index.venues.ringfence.id", "no trade of ours"),
        ("", (("venues = [", 'reference_sources = ["aster"]\nvenues = ['),), "index.reference_sources",
         "not independent of the index"),
        ("", (("cap_rub", 'settlement_rule = "snap"\ncap_rub'),), "instruments.BTC_RUBD-18DEC26.settlement_rule",
         "the nearest that is valid is “snapshot”"),
        ("", (('do = "freeze_venue_wallets"', 'do = "postpone_settlement"'),), "directives.1.instrument",
         "is missing for do = “postpone_settlement”"),
    ],
)  # fmt: skip
def test_an_impossible_attack_is_refused_in_a_sentence(
    tmp_path: Path, text: str, changes: tuple[tuple[str, str], ...], key: str, sentence: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        with_attack(tmp_path, text, *changes)
    assert refused.value.key == key
    assert sentence in str(refused.value)


# --- whole days -----------------------------------------------------------------------------------------

OPEN = "ru_open_counterfactual"


def day_of(name: str, folder: Path, *changes: tuple[str, str]) -> World:
    """The shipped day without people, changed where it is told to be."""
    text = Path(str(scenario_path(name))).read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, f"{name} does not say {old}"
        text = text.replace(old, new, 1)
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return load_world(str(path), 0)


def in_peace(world: World) -> World:
    return replace(world, path=replace(world.path, attacks=()))


def finals(kept: Kept) -> list[SettlementPriceFinal]:
    return kept.events(SettlementPriceFinal)


def check_that_prices_are_found_again(told: list[Entry], kept: Kept) -> None:
    """I-51: from the record and the journal alone; every price is told once and never again."""
    prices = [entry.event for entry in told if isinstance(entry.event, SettlementPriceFinal)]
    buckets = {e.event.instrument.bucket_id for e in told if isinstance(e.event, InstrumentListed)}
    assert sorted(price.bucket_id for price in prices) == sorted(buckets)
    for price in prices:
        again = recompute(told, kept.commands, price.bucket_id)
        assert again is not None and (again.price, again.rule) == (price.unclamped, price.rule)


def test_one_pushed_venue_moves_the_price_by_two_basis_points(tmp_path: Path) -> None:
    """F6, on the first future of the day; the second is settled at the hour before, for a majority is pushed (F7)."""
    world = day_of("index_attack", tmp_path)
    attacked, calm = live(world), live(in_peace(world))
    noon, evening = finals(attacked)
    first, second = (price.unclamped for price in finals(calm))
    assert noon.rule is PriceRule.WINDOW and noon.unclamped - first <= 0.00025 * first
    assert noon.unclamped > first
    degraded = [e for e in attacked.told if getattr(e.event, "status", None) is IndexStatus.DEGRADED]
    assert degraded[0].time == world.opens + (4 * 60 + 45) * MINUTE
    assert {e.event.status for e in attacked.told[-2000:] if isinstance(e.event, IndexPublished)} == {
        IndexStatus.DEGRADED
    }
    (postponed,) = attacked.events(SettlementPostponed)
    assert (postponed.bucket_id, postponed.valid_samples) == (evening.bucket_id, 0)
    assert evening.rule is PriceRule.BEFORE_OUTAGE
    assert abs(evening.unclamped - second) < 0.02 * second  # the market's own way, not the push of a tenth
    check_that_prices_are_found_again(attacked.told, attacked)


@pytest.mark.parametrize(
    ("rule", "push", "wash", "least", "most"),
    [
        ("snapshot", "9.9", "1", 11.0, 14.0),
        ("partitioned_vwm", "9.9", "1", 0.0, 0.6),
        ("partitioned_vwm", "9.9", "50", 80.0, 84.0),
        ("partitioned_vwm", "10.5", "50", 0.0, 0.6),
    ],
)
def test_the_other_rules_under_the_same_attack(
    tmp_path: Path, rule: str, push: str, wash: str, least: float, most: float
) -> None:
    """E15 in a whole run, up to the noise of the venues; wash volume buys what the filter lets pass."""
    washing = (
        f'[[attacks]]\nkind = "wash"\nvenues = ["dorado"]\nstarts = 12:25:00\nends = 12:30:00\n'
        f"volume_times = {wash}\n\n[[attacks]] # a majority"
    )
    world = day_of(
        "index_attack",
        tmp_path,
        ("cap_rub = 16_000_000", f'cap_rub = 16_000_000\ntick_rub = 1\nsettlement_rule = "{rule}"'),
        ("tick_rub = 1\n", "tick_rub = 1\ntick_value_rub = 0.01\n"),
        ("push_percent = 9.9", f"push_percent = {push}"),
        *([("[[attacks]] # a majority", washing)] if rule == "partitioned_vwm" else []),
    )
    attacked, calm = live(world), live(in_peace(world))
    expected = PriceRule.SNAPSHOT if rule == "snapshot" else PriceRule.PARTITIONS
    assert [finals(kept)[0].rule for kept in (attacked, calm)] == [expected, expected]
    moved = (finals(attacked)[0].unclamped / finals(calm)[0].unclamped - 1) * 10_000
    assert least <= moved <= most
    assert bool([c for _, c in attacked.commands if isinstance(c, ReportTrades)]) == (rule != "snapshot")
    check_that_prices_are_found_again(attacked.told, attacked)


def test_an_outage_takes_the_ladder_down_and_nobody_is_paid_before_the_price_is_final(tmp_path: Path) -> None:
    """F5: the run goes on until the second future is settled, and its books are audited once more."""
    world = day_of("index_outage", tmp_path)
    kept = live(world)
    noon, evening = finals(kept)
    assert (noon.rule, evening.rule) == (PriceRule.EXTENDED_WINDOW, PriceRule.BEFORE_OUTAGE)
    first, second = kept.events(SettlementPostponed)
    assert 0 < first.valid_samples < 180 and second.valid_samples == 0
    paid: set[str] = set()
    for entry in kept.told:
        if isinstance(entry.event, SettlementPriceFinal):
            paid.add(entry.event.bucket_id)
        elif isinstance(entry.event, ClaimSettled):
            assert entry.event.bucket_id in paid
    assert len(kept.events(BucketSettled)) == 2
    audited = [entry.time for entry in kept.told if isinstance(entry.event, BooksAudited)]
    assert audited == [world.closes, world.instruments[1].expiry + 30 * MINUTE]
    assert world.ends < audited[-1] <= kept.told[-1].time <= audited[-1] + MINUTE
    check_that_prices_are_found_again(kept.told, kept)


def test_a_run_that_went_on_is_kept_and_replayed_to_its_end(tmp_path: Path) -> None:
    """I-51 once more, from the files of the run folder."""
    finished = run("index_outage", OPEN, 3, tmp_path / "run", population=0)
    assert replay(tmp_path / "run") == finished.digest
    record = Record.open(tmp_path / "run")
    kinds = (InstrumentListed, IndexPublished, SettlementPriceProvisional, SettlementPriceFinal)
    told = sorted((e for kind in kinds for e in record.entries(kind)), key=lambda entry: entry.sequence)
    kept = Kept()
    kept.commands = list(read(tmp_path / "run" / "commands.jsonl"))
    check_that_prices_are_found_again(told, kept)


def test_an_objection_is_a_directive_and_the_run_waits_for_what_follows(tmp_path: Path) -> None:
    objection = (
        '\n[[directives]]\nat = 15:17:00\ndo = "postpone_settlement"\ninstrument = "BTC_RUBD-18DEC26"\n'
    )
    path = Path(str(scenario_path("calm_day")))
    text = path.read_text(encoding="utf-8").replace("knots = [", "objection_seconds = 300\nknots = [")
    changed = tmp_path / "objection.toml"
    changed.write_text(text + objection, encoding="utf-8")
    world = load_world(str(changed), 0)
    kept = live(world)
    rules = [price.rule for price in kept.events(SettlementPriceProvisional)]
    assert rules == [PriceRule.WINDOW, PriceRule.EXTENDED_WINDOW]
    final = next(e for e in kept.told if isinstance(e.event, SettlementPriceFinal))
    assert final.time == world.instruments[0].expiry + 35 * MINUTE
    check_that_prices_are_found_again(kept.told, kept)


def test_independent_rates_are_published_where_a_scenario_names_sources(tmp_path: Path) -> None:
    sources = ("venues = [", 'reference_sources = ["north"]\nvenues = [')
    named, plain = live(a_world(tmp_path, sources)), live(a_world(tmp_path))
    rates = [c for _, c in named.commands if isinstance(c, PublishReferenceRate)]
    assert {rate.source for rate in rates} == {"north"} and len(rates) > 5
    assert not [c for _, c in plain.commands if isinstance(c, PublishReferenceRate)]
