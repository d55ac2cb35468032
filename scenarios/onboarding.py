"""Demonstration accounts: for each class of a regime somebody who meets it, through the same gate as everyone."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from exchange.access.classes import classify
from exchange.access.regime import AccessClass, Applicant, ApplicantKind, Criterion, Regime
from exchange.commands import (
    AnnounceCryptoDeposit,
    ApplyForAccess,
    DepositCash,
)
from exchange.events import ParticipantAdmitted, ParticipantRefused
from exchange.gateway.auth import Key, KeyRing, Role
from exchange.units import AssetId, Money
from matching.terms import ParticipantId
from participants.profile import wallet_of
from scenarios.assembly import bring_cash
from scenarios.simulation import Simulation
from scenarios.world import World

EACH = 2  # accounts of a class: one may need somebody to trade with
DEPOSIT: Money = 50_000_000_00
UNITS = 5  # of every crypto asset
WEALTH: Money = 100_000_000_000_00
TAKEN_BACK: Final = "its key was taken back"
RETAIL = Applicant(kind=ApplicantKind.INDIVIDUAL, securities_and_deposits=300_000_00, incomes=(900_000_00,))


class Demo(NamedTuple):
    """An account that was let in, or why it was not."""

    title: str
    key: Key | None
    explanation: str = ""


def demonstrate(simulation: Simulation, world: World, regime: Regime, ring: KeyRing) -> list[Demo]:
    """Apply for accounts of each class, and once as an ordinary saver; and the keys of those who watch over it all."""
    shown: list[Demo] = []
    for name, applicant in _applicants(regime):
        shown.append(enter(simulation, world, name, applicant, ring))
    for watcher in watchers(world):
        key = ring.of_founding(watcher.role, title=watcher.title, coins=watcher.coins)
        shown.append(_shown(watcher.title, key))
    return shown


class Watcher(NamedTuple):
    """Somebody without an account: under which name, in which role, and of an issuer which coins."""

    title: str
    role: Role
    coins: tuple[AssetId, ...] = ()


def watchers(world: World) -> tuple[Watcher, ...]:
    """Those who have no account: `issuer` stands behind the coin in which the venue settles, `issuer-usdx` behind
    another one."""
    issuers = [
        Watcher("issuer" if coin == world.cash else f"issuer-{coin.lower()}", Role.ISSUER, (coin,))
        for coin in world.coins
    ]
    others = (Role.OBSERVER, Role.AUTHORITY, Role.OPERATOR)
    return (*issuers, *(Watcher(role.value, role) for role in others))


def _applicants(regime: Regime) -> Iterator[tuple[str, Applicant]]:
    for access_class in regime.classes:
        for number in range(1, EACH + 1):
            yield f"{access_class.class_id}-{number}", meeting(access_class, regime)
    yield "saver", RETAIL


def meeting(access_class: AccessClass, regime: Regime) -> Applicant:
    """An applicant who belongs to the class: with plenty of everything, or just enough if plenty leads elsewhere."""
    for way in access_class.any_of or (Criterion(),):
        for kind in way.kinds or tuple(ApplicantKind):
            for applicant in (_plenty(way, kind), _enough(way, kind, tested=True), _enough(way, kind)):
                if classify(applicant, regime) is access_class:
                    return applicant
    raise AssertionError(f"nobody was found who belongs to {access_class.class_id}")


def _plenty(way: Criterion, kind: ApplicantKind) -> Applicant:
    return Applicant(
        kind=kind,
        securities_and_deposits=WEALTH,
        incomes=(WEALTH,) * 5,
        knowledge_test_passed=True,
        deals_per_quarter=max(way.deals_per_quarter_min, 10),
        years_of_experience=max(way.years_of_experience_min, 10),
        qualified_by_law=kind is not ApplicantKind.INDIVIDUAL,
        own_funds=WEALTH if kind is ApplicantKind.INSTITUTION else 0,
    )


def _enough(way: Criterion, kind: ApplicantKind, *, tested: bool = False) -> Applicant:
    """What the way asks for, and a saver's means beside it."""
    assets = way.assets_min or (0 if way.assets_above is None else way.assets_above + 1)
    income = way.income_min or (0 if way.income_above is None else way.income_above + 1)
    return Applicant(
        kind=kind,
        securities_and_deposits=max(assets, RETAIL.securities_and_deposits),
        incomes=(income,) * way.income_years,
        knowledge_test_passed=tested or way.knowledge_test,
        deals_per_quarter=way.deals_per_quarter_min,
        years_of_experience=way.years_of_experience_min,
        qualified_by_law=way.qualified_by_law,
        own_funds=WEALTH if kind is ApplicantKind.INSTITUTION else 0,
    )


def enter(simulation: Simulation, world: World, name: str, applicant: Applicant, ring: KeyRing) -> Demo:
    """Apply under a name; whoever is let in gets money, units and a key."""
    who = ParticipantId(name)
    wallet = wallet_of(who)
    entries = simulation.submit(ApplyForAccess(participant_id=who, applicant=applicant, wallet_id=wallet))
    for event in (entry.event for entry in entries):
        if isinstance(event, ParticipantRefused) and event.participant_id == who:
            return Demo(name, None, f"refused. {event.explanation or event.reason.value}")
        if isinstance(event, ParticipantAdmitted) and event.participant_id == who:
            _endow(simulation, world, who)
            return _shown(name, ring.of_founding(Role.PARTICIPANT, who, wallet, event.class_id))
    raise AssertionError(f"{name} was neither let in nor refused")


def _shown(title: str, key: Key | None) -> Demo:
    return Demo(title, key, "" if key else TAKEN_BACK)


def _endow(simulation: Simulation, world: World, who: ParticipantId) -> None:
    """Money comes into its wallet and from there to the venue; units come over their chain."""
    wallet, receipt = wallet_of(who), f"demonstration-{who}"
    bring_cash(simulation, world.coin, wallet, 2 * DEPOSIT, receipt)
    simulation.submit(DepositCash(participant_id=who, asset_id=world.cash, amount=DEPOSIT))
    for asset in simulation.exchange.state.assets.values():
        if asset.confirmations:
            simulation.submit(
                AnnounceCryptoDeposit(
                    participant_id=who,
                    asset_id=asset.asset_id,
                    amount=UNITS * 10**asset.scale,
                    transaction=f"endowment of {who}",
                )
            )
