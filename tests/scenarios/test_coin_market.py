"""A scenario in which a coin is the market: its tables, days round the clock, and the run beside published figures."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from exchange.audit import audit
from exchange.cash.terms import CashPriceSource, ReserveStatus
from exchange.commands import AddOwnFunds, DiscloseReserves, ReportReserve
from exchange.events import (
    CashDeposited,
    CashPriced,
    CoinsMinted,
    DepthReported,
    IndexPublished,
    IndexStatus,
    OrderFilled,
    RedemptionCanceled,
    RedemptionRequested,
    SessionClosed,
    SessionOpened,
    TradeReported,
)
from exchange.instruments import ContractKind
from exchange.units import DAY, HOUR, MINUTE, SECOND, AssetId
from scenarios.assembly import assemble
from scenarios.cli import app
from scenarios.config.reading import ConfigurationError
from scenarios.config.regime_file import load_regime
from scenarios.config.scenario_file import load_world
from scenarios.fit import FitRow
from scenarios.run import let_time_pass, replay, run, run_cell
from scenarios.terminal import fit_in_words
from scenarios.world import PublishedMeasure, World
from tests.scenarios.small_worlds import SHORT_DAY, Kept, live

COIN_ONLY = """
id = "doubt"
title = "A coin in doubt"
question = "What happens to its price?"
[calendar]
day = 2026-12-18
opens = 22:00:00
closes = 2026-12-19T02:00:00
[coin]
issuer = "mint"
[bank_roubles]
bank = "bank"
[[cash_pairs]]
[[coin_makers]]
id = "alpha"
deposit_rub = 5_000_000
coins = 5_000_000
own_funds_rub = 1_000_000_000
[[redeemers]]
id = "gamma"
deposit_rub = 5_000_000
own_funds_rub = 1_000_000_000
[holders]
count = 30
coins = 1_000_000
attention_minutes = 10
[[directives]]
at = 23:00:00
do = "disclose_reserves"
stuck_percent = 8
covered = false
statement = "stuck"
[[directives]]
at = 2026-12-19T01:00:00
do = "disclose_reserves"
stuck_percent = 0
covered = true
statement = "freed"
[[published]]
at = 2026-12-19T00:30:00
measure = "lowest"
price = 0.88
source = "made up"
calibrated = true
[[published]]
at = 2026-12-19T02:00:00
measure = "redeemed"
since = 23:00:00
percent = 5
source = "made up"
"""


SOUND = '[[reserves]]\nid = "sound"\ncustodian = "lake"\nshare_percent = 90\n'
FAILED = '[[reserves]]\nid = "failed"\ncustodian = "river"\nshare_percent = 10\n'
BACKWARDS = "opens = 14:00:00\ncloses = 13:00:00"
WHOLE = SOUND.replace("90", "100")
LOST = '[[directives]]\nat = 23:30:00\ndo = "report_reserve"\ncustodian = "riber"\nstatus = "lost"\n'
STUCK = '[[directives]]\nat = 23:30:00\ndo = "report_reserve"\ncustodian = "river"\nstatus = "stuck"\n'


def written(folder: Path, *changes: tuple[str, str], text: str = COIN_ONLY) -> str:
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "file.toml"
    path.write_text(text, "utf-8")
    return str(path)


def a_world(folder: Path, *changes: tuple[str, str]) -> World:
    return load_world(written(folder, *changes))


# --- the file


def test_a_pair_is_made_of_roubles_and_lots_of_coins(tmp_path: Path) -> None:
    (pair,) = a_world(tmp_path).instruments
    assert pair.kind is ContractKind.CASH_PAIR
    assert (pair.base, pair.cash, pair.lot_units) == ("RUBD", "RUB", 100_000)
    assert (pair.tick, pair.tick_value, pair.reference) == (100, 10, 10_000)  # 0.0001, 10 kopecks, par
    assert (pair.floor, pair.cap, pair.price_band_bp) == (1_000, 15_000, 5_000)


def test_there_is_no_index_and_nobody_of_the_population(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    assert world.index is None and world.path is None
    assert world.population.size == 0
    assert world.established.indices == ()
    (price,) = world.established.cash_prices
    assert (price.asset_id, price.source, price.pair) == ("RUBD", CashPriceSource.OWN_BOOK, "RUBD_RUB")


def test_a_price_by_formula_looks_at_no_book(tmp_path: Path) -> None:
    world = a_world(tmp_path, ("[[cash_pairs]]", '[[cash_pairs]]\npriced_by = "reduced_form"'))
    (price,) = world.established.cash_prices
    assert (price.source, price.pair) == (CashPriceSource.REDUCED_FORM, None)


def test_hours_with_a_date_are_of_that_day_and_others_of_the_first(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    assert world.closes - world.opens == 4 * HOUR
    assert world.established.sessions[0].closes == world.closes
    said = [at for at, command in world.directives if isinstance(command, DiscloseReserves)]
    assert [at - world.opens for at in said] == [HOUR, 3 * HOUR]
    assert [point.at - world.opens for point in world.published] == [2 * HOUR + 30 * MINUTE, 4 * HOUR]
    assert [point.since and point.since - world.opens for point in world.published] == [None, HOUR]
    assert [point.value for point in world.published] == [0.88, 0.05]
    assert [point.measure for point in world.published] == [
        PublishedMeasure.LOWEST,
        PublishedMeasure.REDEEMED,
    ]


def test_the_beliefs_of_the_file_are_those_of_everybody(tmp_path: Path) -> None:
    world = a_world(tmp_path, ("[holders]", "[beliefs]\nrisk_percent = 120\n[holders]"))
    assert world.holders is not None
    everybody = [seat.terms.beliefs for seat in world.coin_traders] + [world.holders.terms.beliefs]
    assert {beliefs.risk_ppm for beliefs in everybody} == {1_200_000}


@pytest.mark.parametrize(
    ("change", "key", "says"),
    [
        (("[[cash_pairs]]\n", ""), "instruments", "are missing, and so are cash_pairs"),
        (('[bank_roubles]\nbank = "bank"\n', ""), "bank_roubles", "goes with cash_pairs"),
        (("[bank_roubles]", '[bank_roubles]\nid = "RUBD"'), "bank_roubles.id", "is the id of the coin"),
        (("[holders]", "[population]\nsize = 5\n[holders]"), "instruments", "for the population"),
        (('id = "gamma"', 'id = "alpha"'), "coin_makers", "share an id"),
        (("[[cash_pairs]]", "[[cash_pairs]]\nlot = 1"), "cash_pairs.1.lot", "no whole number of kopecks"),
        (("[[cash_pairs]]", "[[cash_pairs]]\ntick_rub = 0.00000001"), "cash_pairs.1.tick_rub", "six decimals"),
        (("[[cash_pairs]]", "[[cash_pairs]]\nfloor_rub = 0.10001"), "cash_pairs.1.floor_rub", "whole number of ticks"),
        (("[[cash_pairs]]", "[[cash_pairs]]\ndynamic_band_percent = 5"), "cash_pairs.1", "needs a halt_call"),
        (("2026-12-19T02:00:00", "21:00:00"), "calendar.closes", "not after it opens"),
        (("opens = 22:00:00", "opens = 2026-12-18T22:00:00+03:00"), "calendar.opens", "has an offset"),
        (("opens = 22:00:00", 'opens = "22:00:00"'), "calendar.opens", "must be an hour"),
        (("at = 2026-12-19T01:00:00", "at = 01:00:00"), "directives", "outside the run"),
        (("at = 2026-12-19T00:30:00", "at = 2026-12-20T00:30:00"), "published", "outside the run"),
        (("stuck_percent = 8\n", ""), "directives.1.stuck_percent", "is missing for do = “disclose_reserves”"),
        (("covered = false\n", ""), "directives.1.covered", "is missing for do = “disclose_reserves”"),
        (("price = 0.88", "percent = 5"), "published.1.price", "is missing"),
        (("percent = 5", "percent = 5\nprice = 0.9"), "published.2.price", "does not go with measure"),
        (("[bank_roubles]", "[bank_roubles]\nopens = 14:00:00"), "bank_roubles.opens", "goes with closes"),
        (("[bank_roubles]", "[bank_roubles]\nholidays = [2026-12-18]"), "bank_roubles.holidays", "go with opens"),
        (("[bank_roubles]", f"[bank_roubles]\n{BACKWARDS}"), "bank_roubles.opens", "open before they close"),
        (("[bank_roubles]", f"{SOUND}[bank_roubles]"), "reserves", "make up 90% together"),
        (("[bank_roubles]", f"{SOUND}{SOUND}[bank_roubles]"), "reserves", "share an id"),
        (("[holders]", f"{WHOLE}{STUCK}[holders]"), "directives", "names river, who has nothing of the reserves"),
        (("[bank_roubles]", f"{SOUND}{FAILED}{LOST}[bank_roubles]"), "directives", "is “river”"),
        (('measure = "lowest"', "since = 23:00:00"), "published.1.since", "lies between two hours"),
    ],
)  # fmt: skip
def test_a_faulty_file_is_told_by_key_and_remedy(
    tmp_path: Path, change: tuple[str, str], key: str, says: str
) -> None:
    with pytest.raises(ConfigurationError) as told:
        a_world(tmp_path, change)
    assert told.value.key == key
    assert says in str(told.value)


def test_an_instrument_that_follows_the_index_needs_one(tmp_path: Path) -> None:
    future = (
        '[[instruments]]\nid = "F"\nexpires = 23:30:00\ncap_rub = 16_000_000\nreference_rub = 8_000_000\n'
    )
    with pytest.raises(ConfigurationError, match="is missing, and instruments follow it"):
        a_world(tmp_path, ("[[cash_pairs]]", f"{future}[[cash_pairs]]"))
    with pytest.raises(ConfigurationError, match="has a table of its own"):
        a_world(tmp_path, ("[[cash_pairs]]", f'{future}kind = "cash_pair"\n[[cash_pairs]]'))


@pytest.mark.parametrize("who", ["alpha", "gamma", "coin_holder-30"])
def test_those_who_trade_the_coin_can_be_named(tmp_path: Path, who: str) -> None:
    frozen = f'[[directives]]\nat = 23:30:00\ndo = "freeze_participant"\nparticipant = "{who}"\n[[published]]'
    assert len(a_world(tmp_path, ("[[published]]", frozen)).directives) == 3


def test_nobody_else_can(tmp_path: Path) -> None:
    frozen = '[[directives]]\nat = 23:30:00\ndo = "freeze_participant"\nparticipant = "coin_holder-31"\n[[published]]'
    with pytest.raises(ConfigurationError, match="names coin_holder-31"):
        a_world(tmp_path, ("[[published]]", frozen))


def test_a_population_has_nothing_to_trade_in_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="leave the population out"):
        load_world(written(tmp_path), 10)


def test_the_coin_is_backed_as_the_file_says_and_redeemed_in_the_hours_of_the_bank(tmp_path: Path) -> None:
    hours = "opens = 14:00:00\ncloses = 00:00:00\nholidays = [2026-12-21]\n"
    world = a_world(
        tmp_path,
        ("[bank_roubles]\n", f'{SOUND}{FAILED}[bank_roubles]\nid = "RUBS"\n{hours}'),
        ("[holders]", f"{STUCK}[holders]"),
    )
    assert world.roubles is not None and world.roubles.hours is not None
    opening = world.roubles.hours
    assert (opening.opens, opening.closes, opening.weekdays) == (14 * HOUR, DAY, (0, 1, 2, 3, 4))
    assert opening.holidays == (world.opens // DAY * DAY + 3 * DAY,)
    assert (world.coin.redemption.hours, world.coin.pays_in) == (opening, "RUBS")
    backing = [(bucket.name, bucket.custodian, bucket.weight_bp) for bucket in world.coin.reserves]
    assert backing == [("sound", "lake", 9_000), ("failed", "river", 1_000)]
    (report,) = [command for _, command in world.directives if isinstance(command, ReportReserve)]
    assert (report.custodian, report.status, report.share_bp) == ("river", ReserveStatus.STUCK, 10_000)


def test_the_issuer_can_add_funds_of_its_own(tmp_path: Path) -> None:
    words = '[[directives]]\nat = 23:30:00\ndo = "add_own_funds"\namount_rub = 5\n[holders]'
    world = a_world(tmp_path, ("[holders]", words))
    (added,) = [command for _, command in world.directives if isinstance(command, AddOwnFunds)]
    assert added.amount == 500


# --- the run


def test_such_a_world_runs_and_its_books_are_sound(tmp_path: Path) -> None:
    world, kept = a_world(tmp_path), Kept()
    assembled = assemble(world, load_regime("ru_open_counterfactual"), 1, kept)
    let_time_pass(assembled.simulation, world)
    assert audit(assembled.simulation.exchange.state) == []
    assert len(kept.events(SessionOpened)) == len(kept.events(SessionClosed)) == 1
    assert {event.asset_id for event in kept.events(CashDeposited)} == {"RUB", "RUBD"}
    assert kept.events(OrderFilled)
    lowest = min(event.price_ppm for event in kept.events(CashPriced))
    assert 840_000 < lowest < 920_000  # eight points are stuck, and more is asked for bearing it
    assert not kept.events(IndexPublished)


def test_a_run_is_kept_beside_what_was_published_and_replays(tmp_path: Path) -> None:
    finished = run(written(tmp_path), "ru_open_counterfactual", 1, tmp_path / "run")
    lowest, redeemed = finished.fit
    assert (lowest.published, lowest.calibrated, redeemed.published) == (0.88, True, 0.05)
    assert lowest.simulated is not None and lowest.difference == lowest.simulated - 0.88
    told = json.loads((tmp_path / "run" / "fit.json").read_text())
    assert [row["simulated"] for row in told] == [lowest.simulated, redeemed.simulated]
    assert replay(tmp_path / "run") == finished.digest


def test_the_fit_is_what_the_record_says(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    kept = live(world)
    lowest, redeemed = run(written(tmp_path), "ru_open_counterfactual", 1, tmp_path / "run").fit
    until, since = world.published[0].at, world.published[1].since
    assert since is not None
    prices = [e.event.price_ppm for e in kept.told if isinstance(e.event, CashPriced) and e.time <= until]
    assert lowest.simulated == min(prices) / 1_000_000
    amounts = [
        {RedemptionRequested: 1, RedemptionCanceled: -1, CoinsMinted: -1}[type(e.event)] * e.event.amount
        for e in kept.told
        if isinstance(e.event, RedemptionRequested | RedemptionCanceled | CoinsMinted) and e.time > since
    ]
    brought = sum(event.amount for event in kept.events(CashDeposited) if event.asset_id == AssetId("RUBD"))
    assert redeemed.simulated == sum(amounts) / brought  # nobody redeemed before
    assert redeemed.simulated > 0


@pytest.mark.parametrize(
    ("measure", "published", "simulated", "met"),
    [
        ("lowest", 0.88, 0.87, True),
        ("lowest", 0.88, 0.869999, False),
        ("price", 1.0, 1.01, True),
        ("price", 1.0, None, False),
        ("redeemed", 0.05, 0.055, True),
        ("redeemed", 0.05, 0.0449, False),
    ],
)
def test_a_figure_is_met_within_a_hundredth_of_par_or_a_tenth_of_what_was_redeemed(
    measure: str, published: float, simulated: float | None, met: bool
) -> None:
    assert fit_row(measure, published, simulated).met is met


def fit_row(measure: str, published: float, simulated: float | None, calibrated: bool = False) -> FitRow:
    return FitRow(
        at=0, measure=measure, published=published, simulated=simulated, calibrated=calibrated, source="s"
    )


def test_words_tell_what_is_not_met_apart_from_what_a_number_was_chosen_by() -> None:
    words = fit_in_words([fit_row("lowest", 0.8, 0.9), fit_row("price", 1.0, 1.0, calibrated=True)])
    nothing = "Met: 0 of 1 figure to which nothing was fitted. Not met: lowest 0.8000 (s). "
    assert words.startswith(f"{nothing}Met: 1 of 1 figure to which a number was fitted. ")


def test_the_command_line_shows_the_fit(tmp_path: Path) -> None:
    out = str(tmp_path / "run")
    arguments = ["run", written(tmp_path), "--regime", "ru_open_counterfactual", "--out", out]
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "160"})
    assert result.exit_code == 0
    rows = [line.split() for line in result.stdout.splitlines() if line.strip().endswith("made up")]
    assert [(row[3], row[4], row[7], row[8]) for row in rows] == [
        ("lowest", "0.8800", "yes", "yes"),
        ("redeemed", "0.0500", "no", "no"),
    ]
    told = "Met: 0 of 1 figure to which nothing was fitted. Not met: redeemed 0.0500 (made up)."
    assert told in result.stdout


def test_a_scenario_without_published_figures_keeps_no_fit(tmp_path: Path) -> None:
    text = COIN_ONLY.partition("[[published]]")[0]
    finished = run(written(tmp_path, text=text), "ru_open_counterfactual", 1, tmp_path / "run")
    assert finished.fit == ()
    assert not (tmp_path / "run" / "fit.json").exists()


def test_who_holds_roubles_alone_is_measured_too(tmp_path: Path) -> None:
    """All measures of a comparison are read off a run without an index."""
    cell = run_cell(written(tmp_path), "ru_open_counterfactual", 1, None)
    gains = dict(zip(cell.outcomes["participant_id"], cell.outcomes["gain"], strict=True))
    assert abs(sum(gains.values())) < 1e-6  # what one gains by trading the coin another loses


def test_the_same_people_hold_the_same_coins_whoever_else_comes(tmp_path: Path) -> None:
    few, many = (live(a_world(tmp_path, ("count = 30", f"count = {n}"))) for n in (5, 9))
    brought = [
        {e.participant_id: e.amount for e in kept.events(CashDeposited) if "holder" in e.participant_id}
        for kept in (few, many)
    ]
    assert brought[0].items() <= brought[1].items() and len(brought[1]) == 9


def test_a_coin_and_crypto_are_traded_side_by_side(tmp_path: Path) -> None:
    pair = '[bank_roubles]\nbank = "bank"\n[[cash_pairs]]\n[holders]\ncount = 5\ncoins = 100_000\n'
    maker = (
        '[[coin_makers]]\nid = "c"\ndeposit_rub = 500_000\ncoins = 500_000\nown_funds_rub = 1_000_000_000\n'
    )
    world = load_world(written(tmp_path, text=SHORT_DAY + pair + maker))
    kept = live(world)
    assert {event.instrument_id for event in kept.events(DepthReported)} >= {"RUBD_RUB"}
    assert kept.events(IndexPublished) and kept.events(TradeReported)


# --- days


def test_intervals_make_a_run_of_days_cheap(tmp_path: Path) -> None:
    changes = [
        ("opens = 10:00:00", "opens = 10:00:00\ndepth_interval_seconds = 600"),
        ("[index]", "[index]\ninterval_seconds = 60"),
    ]
    world = load_world(written(tmp_path, *changes, text=SHORT_DAY))
    assert world.index is not None and world.path is not None
    assert world.index.interval == world.path.step == MINUTE
    assert world.established.depth_interval == 600 * SECOND
    kept = live(world)
    published = kept.events(IndexPublished)
    assert {event.status for event in published} == {IndexStatus.OK}
    assert 55 <= len(published) <= 65
    reported = [entry.time - world.opens for entry in kept.told if isinstance(entry.event, DepthReported)]
    assert reported and all(time % (600 * SECOND) == 0 for time in reported)


def test_a_csv_may_give_hours_of_later_days(tmp_path: Path) -> None:
    (tmp_path / "path.csv").write_text(
        "time,price_rub\n10:00:00,8000000\n2026-12-19T09:00:00,7000000\n", "utf-8"
    )
    before, _, rest = SHORT_DAY.partition("knots = [")
    text = before + 'csv = "path.csv"\n' + rest.partition("]\n")[2]
    text = text.replace("closes = 10:50:00", "closes = 2026-12-19T10:50:00")
    world = load_world(written(tmp_path, text=text))
    assert world.path is not None
    assert (world.path.knots[-2][0] - world.path.knots[1][0]) == 23 * HOUR
    assert world.closes - world.opens == DAY + 50 * MINUTE
