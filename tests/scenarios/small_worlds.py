"""A scenario file that runs in half a second: fifty minutes, a maker, a gap while the coin is frozen."""

from pathlib import Path
from typing import TypeVar

from exchange.commands import Command
from exchange.events import Entry, Event
from exchange.journal import RecordDigest
from exchange.units import MINUTE, Time
from scenarios.assembly import assemble
from scenarios.config.regime_file import load_regime
from scenarios.config.scenario_file import load_world
from scenarios.run import let_time_pass
from scenarios.world import World

E = TypeVar("E", bound=Event)

SHORT_DAY = """\
id = "short_day"
title = "A short day"
question = "Does the same day come twice?"

[calendar]
day = 2026-12-18
opens = 10:00:00
closes = 10:50:00

[index]
volatility_percent_a_day = 2.24
venues = [
    { id = "aster", weight_percent = 30 },
    { id = "boreal", weight_percent = 30 },
    { id = "cygnus", weight_percent = 20 },
    { id = "dorado", weight_percent = 20 },
]
knots = [
    { at = 10:00:00, price_rub = 8_000_000 },
    { at = 10:20:00, price_rub = 8_010_000 },
    { at = 10:24:00, price_rub = 7_000_000 },
    { at = 10:50:00, price_rub = 7_300_000 },
]

[coin]
issuer = "Northern Mint (fictional)"

[[instruments]]
id = "BTC_RUBD-18DEC26"
expires = 10:45:00
cap_rub = 16_000_000
reference_rub = 8_000_000
fee_maker_rub = 0.20
fee_taker_rub = 0.60

[population]
size = 20

[[makers]]
id = "maker_alpha"
deposit_rub = 60_000_000
own_funds_rub = 9_000_000_000

[[directives]]
at = 10:10:00
do = "freeze_venue_wallets"
order_ref = "freeze order 1"

[[directives]]
at = 10:40:00
do = "unfreeze_venue_wallets"
order_ref = "court order 1"
"""

FAILURES = (
    "largest_default",
    "gap_move",
    "slow_bleed",
    "member_failure",
    "fellow_clients",
    "everything_at_once",
    "restricted_while_losing",
    "collar_reached",
    "member_disconnects",
    "notes_fall_short",
    "payments_in_a_ring",
    "seller_fails_to_deliver",
    "deposit_reorganised",
    "order_storm",
)
IN_UNITS = ("notes_fall_short", "deposit_reorganised")  # among them: people of the population own units

CASH_LEG_DAYS = (
    "freeze_2025_03",
    "freeze_hazard",
    "issuer_reset_2025_08",
    "mass_redemption",
    "reserve_bank_failure",
    "issuer_default",
)
CASH_PROFILES = ("rub_bank", "digital_rouble", "domestic_supervised", "foreign_tether_like")

KEYS_PAUSES_AND_OUTAGES = ("minter_key_stolen", "issuer_pause_in_clearing", "settlement_bank_outage")
"""Each means something in one kind of money; in the others it runs too, and is refused there."""

MIDNIGHT: Time = 1_797_552_000_000_000_000  # of 18 December 2026
OPENS: Time = MIDNIGHT + 600 * MINUTE
CLOSES: Time = OPENS + 50 * MINUTE


def short_day(folder: Path, *changes: tuple[str, str], name: str = "short_day.toml") -> Path:
    """The file of the short day, with each first occurrence of an old text replaced by a new one."""
    text = SHORT_DAY
    for old, new in changes:
        assert old in text, f"the short day does not say {old}"
        text = text.replace(old, new, 1)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def a_world(folder: Path, *changes: tuple[str, str], population: int | None = None) -> World:
    return load_world(str(short_day(folder, *changes)), population)


class Kept:
    """A keeper that remembers every command and every entry."""

    def __init__(self) -> None:
        self.commands: list[tuple[Time, Command]] = []
        self.told: list[Entry] = []

    def command(self, time: Time, command: Command) -> None:
        self.commands.append((time, command))

    def entries(self, entries: list[Entry]) -> None:
        self.told += entries

    def events(self, kind: type[E]) -> list[E]:
        return [entry.event for entry in self.told if isinstance(entry.event, kind)]

    @property
    def digest(self) -> str:
        """Of the whole record."""
        whole = RecordDigest()
        whole.update(self.told)
        return whole.hexdigest()


def live(world: World, regime: str = "ru_open_counterfactual", seed: int = 1) -> Kept:
    """Let the whole world happen."""
    kept = Kept()
    let_time_pass(assemble(world, load_regime(regime), seed, kept).simulation, world)
    return kept
