"""Coins in a participant's own wallet, on their way back to the issuer, and the roubles that come for them.

Nothing is forgotten on the way: what the issuer refuses is handed in again after a while, what waits in its queue
is counted until it is paid or comes back.
"""

from collections.abc import Collection, Sequence
from typing import ClassVar

from exchange.commands import RedeemCoins
from exchange.events import CoinsRedeemed, Event, PublicEvent, RedemptionCanceled, RedemptionRequested
from exchange.units import HOUR, AssetId, Money, Time, WalletId

PATIENCE: Time = HOUR  # before it asks again for what did not come about


class CoinsAtHome:
    follows: ClassVar[Collection[type[PublicEvent]]] = (
        RedemptionRequested,
        RedemptionCanceled,
        CoinsRedeemed,
    )

    def __init__(self, coin: AssetId, wallet_id: WalletId) -> None:
        self._coin, self._wallet_id = coin, wallet_id
        self.coins: Money = 0  # not handed in yet, by all that was heard
        self.paid_out: Money = 0  # roubles that the issuer paid
        self._tickets: dict[int, Money] = {}  # what is open on each
        self._asks_from: Time = 0

    @property
    def queued(self) -> Money:
        return sum(self._tickets.values())

    def hand_in(self, now: Time) -> Sequence[RedeemCoins]:
        """All of it, once: what is not confirmed is asked for again only after a while."""
        if self.coins <= 0 or now < self._asks_from:
            return ()
        self._asks_from = now + PATIENCE
        return (RedeemCoins(asset_id=self._coin, wallet_id=self._wallet_id, amount=self.coins),)

    def hear(self, event: Event) -> None:
        match event:
            case RedemptionRequested(asset_id=self._coin, wallet_id=self._wallet_id):
                self.coins -= event.amount
                self._tickets[event.ticket_id] = event.amount
                self._asks_from = 0
            case RedemptionCanceled(asset_id=self._coin, wallet_id=self._wallet_id):
                self._tickets.pop(event.ticket_id, None)
                self.coins += event.amount
            case CoinsRedeemed(asset_id=self._coin, wallet_id=self._wallet_id):
                self._paid(event)

    def _paid(self, event: CoinsRedeemed) -> None:
        """On a ticket, or in a wind-down without having asked."""
        self.paid_out += event.amount - event.fee
        if event.ticket_id not in self._tickets:
            self.coins -= event.amount
            return
        self._tickets[event.ticket_id] -= event.amount
        if not self._tickets[event.ticket_id]:
            del self._tickets[event.ticket_id]
