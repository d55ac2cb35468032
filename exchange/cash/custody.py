"""The venue's wallets for one cash asset: how much of it can move, and who may withdraw it.

One wallet holds everything (omnibus) or several do (sharded): the more there are, the less a single freeze
can reach. Or each participant has one of its own for what is free (segregated, native), and what is locked is in
the house's. What participants are owed is never kept here: claims are handed in.
"""

from collections.abc import Mapping, Sequence

from exchange.access.regime import GateRule
from exchange.cash.keeper import Keeper
from exchange.cash.terms import CustodyMode
from exchange.clearing.rounding import allocate
from exchange.units import Money, WalletId
from matching.terms import ParticipantId


class Custody:
    """The wallets in which the venue keeps one cash asset. At every instant mobile + frozen = what they hold."""

    __slots__ = ("house", "mode", "of_participants", "owners")

    def __init__(self, wallets: Sequence[WalletId], mode: CustodyMode = CustodyMode.SHARDED) -> None:
        assert len(wallets) == len(frozenset(wallets)) > 0, "custody needs wallets, each named once"
        self.mode = mode
        self.house = list(wallets)
        self.of_participants: dict[ParticipantId, WalletId] = {}
        self.owners: dict[WalletId, ParticipantId] = {}

    @property
    def separates(self) -> bool:
        """Whether each participant has a wallet of its own."""
        return self.mode.separates

    @property
    def wallets(self) -> tuple[WalletId, ...]:
        """The house's, in the order of the terms, then the participants', in the order of their opening."""
        return (*self.house, *self.owners)

    def own_wallet(self, participant_id: ParticipantId) -> WalletId:
        """The wallet in which the venue keeps what is the participant's alone, opened or not."""
        return self.of_participants.get(participant_id) or WalletId(f"{self.house[0]}/{participant_id}")

    def open_for(self, participant_id: ParticipantId) -> WalletId:
        wallet_id = self.own_wallet(participant_id)
        self.add(wallet_id, participant_id)
        return wallet_id

    def add(self, wallet_id: WalletId, owner: ParticipantId | None) -> None:
        """One more of the house's wallets or, in place of the one it had, a participant's."""
        if owner is None:
            self.house.append(wallet_id)
        else:
            self.of_participants[owner] = wallet_id
            self.owners[wallet_id] = owner

    def mobile(self, keeper: Keeper) -> Money:
        """What wallets that may send hold."""
        return sum(keeper.balance(wallet) for wallet in self.sending(keeper))

    def frozen(self, keeper: Keeper) -> Money:
        """What wallets that may not send hold."""
        return sum(keeper.balance(wallet) for wallet in self.wallets if keeper.is_frozen_out(wallet))

    def frozen_house(self, keeper: Keeper) -> Money:
        """The part of it that is in the house's wallets."""
        return sum(keeper.balance(wallet) for wallet in self.house if keeper.is_frozen_out(wallet))

    def sending(self, keeper: Keeper) -> tuple[WalletId, ...]:
        """The wallets that may send."""
        return tuple(wallet for wallet in self.wallets if not keeper.is_frozen_out(wallet))

    def house_wallet(self, keeper: Keeper) -> WalletId | None:
        """The emptiest of the house's wallets under no freeze of either kind: money spreads over the shards."""
        free = [w for w in self.house if not keeper.is_frozen_out(w) and not keeper.is_frozen_in(w)]
        return min(free, key=keeper.balance, default=None)

    def deposit_wallet(self, keeper: Keeper, participant_id: ParticipantId) -> WalletId | None:
        """Where a deposit of the participant goes, or None if that is frozen. It need not be open yet."""
        if not self.separates:
            return self.house_wallet(keeper)
        own = self.own_wallet(participant_id)
        return None if keeper.is_frozen_out(own) or keeper.is_frozen_in(own) else own


def split(amount: Money, spendable: Mapping[WalletId, Money]) -> list[tuple[WalletId, Money]]:
    """Take `amount` from the fullest wallets first, so that it travels in as few parts as can be.

    Wallets that are equally full come in the order of `spendable`, which must hold enough.
    """
    parts: list[tuple[WalletId, Money]] = []
    for wallet in sorted(spendable, key=lambda wallet: -spendable[wallet]):
        part = min(amount, spendable[wallet])
        if part > 0:
            parts.append((wallet, part))
            amount -= part
    assert amount == 0, "the venue's wallets hold what may be withdrawn"
    return parts


class Gate:
    """How much each participant may still withdraw while some of the coins cannot move.

    Set at the instant of a freeze, from whole claims (free cash, holds and escrow share) and the mobile
    amount. Pro rata, each may take its share of what is mobile; first come, its whole claim, for as long as
    there is something left.

    When another wallet freezes or thaws the gate is reckoned anew, by the claims of that instant. What
    somebody has withdrawn since the gate was first set counts as already received: all claims get the same
    part of all that was ever mobile under this gate, except that nobody has to bring anything back.
    """

    __slots__ = ("_left", "_room", "_taken", "rule")

    def __init__(self, rule: GateRule, mobile: Money, claims: Mapping[ParticipantId, Money]) -> None:
        self.rule = rule
        self._taken: dict[ParticipantId, Money] = {}
        self.reset(mobile, claims)

    def reset(self, mobile: Money, claims: Mapping[ParticipantId, Money]) -> None:
        """Reckon anew. Coins and claims of withdrawals under way belong in neither `mobile` nor `claims`."""
        self._left = mobile
        if self.rule is GateRule.FIRST_COME:
            self._room = dict(claims)
        else:
            self._room = _level(mobile, claims, self._taken)

    def withdrawable(self, participant_id: ParticipantId) -> Money:
        """What it may take now, if its free cash reaches that far."""
        return min(self._room.get(participant_id, 0), self._left)

    def promised(self) -> Money:
        """What all may still take together."""
        room = sum(self._room.values())
        return min(room, self._left) if self.rule is GateRule.FIRST_COME else room

    def take(self, participant_id: ParticipantId, amount: Money) -> None:
        """A withdrawal under the gate is on its way."""
        assert amount <= self.withdrawable(participant_id), "nobody goes past the gate"
        self._taken[participant_id] = self._taken.get(participant_id, 0) + amount
        self._add(participant_id, -amount)

    def give_back(self, participant_id: ParticipantId, amount: Money) -> None:
        """A withdrawal under the gate has failed: as if it had not been taken."""
        self._taken[participant_id] -= amount
        self._add(participant_id, amount)

    def admit(self, participant_id: ParticipantId, amount: Money) -> None:
        """Mobile coins have come in behind the gate, and whoever brought them may take them out again."""
        self._add(participant_id, amount)

    def _add(self, participant_id: ParticipantId, amount: Money) -> None:
        self._room[participant_id] = self._room.get(participant_id, 0) + amount
        self._left += amount


def _level(
    mobile: Money, claims: Mapping[ParticipantId, Money], taken: Mapping[ParticipantId, Money]
) -> dict[ParticipantId, Money]:
    """Share `mobile` so that, with what was `taken` before, everybody has the same part of all it claimed.

    Whoever has taken more than that gets nothing and keeps what it has; the others level without it.
    """
    due = dict.fromkeys(sorted(claims), 0)
    level = list(due)
    mobile = min(mobile, sum(claims.values()))
    while level:
        had = [taken.get(who, 0) for who in level]
        claimed = [claims[who] + before for who, before in zip(level, had, strict=True)]
        parts = allocate(mobile + sum(had), claimed)
        if all(part >= before for part, before in zip(parts, had, strict=True)):
            due.update((who, part - before) for who, part, before in zip(level, parts, had, strict=True))
            break
        level = [who for who, part, before in zip(level, parts, had, strict=True) if part >= before]
    return due
