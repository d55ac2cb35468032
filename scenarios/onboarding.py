"""Demonstration accounts: for each class of a regime somebody who meets it, through the same gate as everyone."""

from collections.abc import Iterator
from typing import NamedTuple

from exchange.access.regime import AccessClass, Applicant, ApplicantKind, Criterion, Regime
from exchange.commands import (
    AnnounceCryptoDeposit,
    ApplyForAccess,
    DepositCash,
)
from exchange.events import ParticipantAdmitted, ParticipantRefused
from exchange.gateway.auth import Key, KeyRing, Role
from exchange.state import Seat
from exchange.units import Money
from matching.terms import ParticipantId
from participants.profile import wallet_of
from scenarios.assembly import bring_cash
from scenarios.simulation import Simulation
from scenarios.world import World

OFFICES = (Role.ISSUER, Role.OBSERVER, Role.AUTHORITY, Role.OPERATOR)
EACH = 2  # accounts of a class: one may need somebody to trade with
DEPOSIT: Money = 50_000_000_00
UNITS = 5  # of every crypto asset
WEALTH: Money = 100_000_000_000_00
RETAIL = Applicant(kind=ApplicantKind.INDIVIDUAL, securities_and_deposits=300_000_00, incomes=(900_000_00,))


class Demo(NamedTuple):
    """An account that was let in, or why it was not."""

    title: str
    key: Key | None
    explanation: str = ""


class Keys:
    """Where the keys of demonstration accounts come from: made, or, of a venue that was founded before, found again."""

    def __init__(self, ring: KeyRing, *, made: bool) -> None:
        self._ring = ring
        self._made = made

    def of(self, title: str, role: Role, seat: Seat | None = None) -> Demo:
        who = seat.participant_id if seat else None
        if self._made:
            wallet, name = (seat.wallet_id, seat.access_class.class_id) if seat else (None, title)
            return Demo(title, self._ring.create(role, who, wallet, name))
        found = next((key for key in self._ring if (key.role, key.participant_id) == (role, who)), None)
        return Demo(title, found, "" if found else "its key was taken back")


def demonstrate(simulation: Simulation, world: World, regime: Regime, keys: Keys) -> list[Demo]:
    """Apply for accounts of each class, and once as an ordinary saver; and the keys of those who watch over it all."""
    shown: list[Demo] = []
    for name, applicant in _applicants(regime):
        shown.append(_enter(simulation, world, name, applicant, keys))
    shown += [keys.of(role.value, role) for role in OFFICES]
    return shown


def _applicants(regime: Regime) -> Iterator[tuple[str, Applicant]]:
    for access_class in regime.classes:
        for number in range(1, EACH + 1):
            yield f"{access_class.class_id}-{number}", meeting(access_class)
    yield "saver", RETAIL


def meeting(access_class: AccessClass) -> Applicant:
    """An applicant who meets the first way into the class, and has plenty of everything that it asks for."""
    way = access_class.any_of[0] if access_class.any_of else Criterion()
    kind = way.kinds[0] if way.kinds else ApplicantKind.INDIVIDUAL
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


def _enter(simulation: Simulation, world: World, name: str, applicant: Applicant, keys: Keys) -> Demo:
    who = ParticipantId(name)
    wallet = wallet_of(who)
    entries = simulation.submit(ApplyForAccess(participant_id=who, applicant=applicant, wallet_id=wallet))
    for event in (entry.event for entry in entries):
        if isinstance(event, ParticipantRefused) and event.participant_id == who:
            return Demo(name, None, f"refused. {event.explanation or event.reason.value}")
        if isinstance(event, ParticipantAdmitted) and event.participant_id == who:
            _endow(simulation, world, who)
            return keys.of(name, Role.PARTICIPANT, simulation.exchange.state.seats[who])
    raise AssertionError(f"{name} was neither let in nor refused")


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
