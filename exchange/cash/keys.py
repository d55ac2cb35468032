"""Who holds which key of a cash asset, how many must sign, and how long what they sign waits."""

from collections.abc import Iterable

from exchange.cash.terms import Role, RoleName
from exchange.units import Time

_BESIDE = (RoleName.MINTER, RoleName.VENUE_FREEZER)  # nobody need sign if there is no such role


class Keys:
    """The roles as they are now."""

    __slots__ = ("_roles",)

    def __init__(self, roles: Iterable[Role]) -> None:
        self._roles = {role.name: role for role in roles}

    def role(self, name: RoleName) -> Role | None:
        return self._roles.get(name)

    def is_signed(self, signatures: tuple[str, ...], *names: RoleName) -> bool:
        """Whether enough holders of each role have signed; each counts once, however often named."""
        return all(self._is_met(name, signatures) for name in names)

    def _is_met(self, name: RoleName, signatures: tuple[str, ...]) -> bool:
        role = self._roles.get(name)
        if role is None:
            return name in _BESIDE
        return sum(holder in signatures for holder in role.holders) >= role.quorum

    def delay(self, *names: RoleName) -> Time:
        """The longest of the delays of these roles."""
        return max((role.delay for name, role in self._roles.items() if name in names), default=0)

    def change(self, role: Role) -> None:
        self._roles[role.name] = role


def fault_in_role(role: Role) -> str | None:
    """Why nobody could act in it, or some with too little; or None."""
    if not 1 <= role.quorum <= len(role.holders) == len(frozenset(role.holders)):
        return (
            f"{role.name}: {role.quorum} of {len(role.holders)} cannot be a quorum; name each holder once,"
            " and a quorum between one and all of them"
        )
    if role.delay < 0:
        return f"{role.name}: a delay of {role.delay} lies in the past; make it 0 or more"
    return None
