"""The [theft] of a scenario: coins of the venue are stolen, and whoever keeps the ledger races the thief's swaps."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, model_validator

from exchange.cash.losses import LossCause
from exchange.cash.terms import RoleName
from exchange.commands import Command, FreezeWallet, RecordCashLoss, TransferCash, WipeWallet
from exchange.units import SECOND, Time, WalletId
from scenarios.config.cash_file import Authority
from scenarios.config.directives import THIEF, CashAsset, signatures_of
from scenarios.config.reading import Clock, Count, Roubles, Table, fault

MARKET = WalletId("market-outside")  # who gives the thief something else for coins, that nobody can freeze
_MOST_SWAPS = 10_000
_ORDER = "theft"


class TheftTable(Table):
    """What is stolen at once, how fast it is swapped outside, and when its keeper has frozen what is left."""

    at: Clock
    amount_rub: Annotated[Roubles, Field(description="Out of the first of the venue's wallets.")]
    swap_rub: Annotated[Roubles, Field(description="The thief swaps so much at a time.")]
    swap_interval_seconds: Annotated[Count, Field(description="From the theft to the first swap, and on.")]
    frozen_after_seconds: Annotated[
        Count | None, Field(description="How long the keeper takes to freeze the thief; left out: for ever.")
    ] = None
    returned_after_seconds: Annotated[
        Count | None,
        Field(description="How long, from the freeze, until what was frozen is destroyed and issued anew."),
    ] = None
    at_request_of: Annotated[
        Authority | None, Field(description="Who asks for the freeze; left out: its keeper acts by itself.")
    ] = None

    @model_validator(mode="after")
    def _can_happen(self) -> "TheftTable":
        if -(-self.amount_rub // self.swap_rub) > _MOST_SWAPS:
            raise fault(
                f"makes more than {_MOST_SWAPS:,} swaps of amount_rub", "swap more at a time", at="swap_rub"
            )
        for key in ("returned_after_seconds", "at_request_of"):
            if getattr(self, key) is not None and self.frozen_after_seconds is None:
                raise fault("goes with frozen_after_seconds", "say when it is frozen", at=key)
        return self

    def commands(self, at: Time, asset: CashAsset) -> Iterator[tuple[Time, Command]]:
        """In order of time; in the instant of the freeze, the freeze comes first. What the asset's keeper, or the
        law of its ledger, does not do is refused, which the record tells.
        """
        asset_id, wallet_id = asset.terms.asset_id, asset.terms.venue_wallets[0]
        yield (
            at,
            RecordCashLoss(
                asset_id=asset_id,
                wallet_id=wallet_id,
                cause=LossCause.STOLEN,
                grounds=_ORDER,
                amount=self.amount_rub,
                target=THIEF,
            ),
        )
        steps = [*self._keepers(at, asset), *self._swaps(at, asset)]
        yield from sorted(steps, key=lambda step: step[0])

    def _keepers(self, at: Time, asset: CashAsset) -> Iterator[tuple[Time, Command]]:
        asset_id, wallet_id = asset.terms.asset_id, asset.terms.venue_wallets[0]
        if self.frozen_after_seconds is None:
            return
        frozen = at + self.frozen_after_seconds * SECOND
        signed = signatures_of(asset, self.at_request_of, RoleName.FREEZER)
        yield (
            frozen,
            FreezeWallet(asset_id=asset_id, wallet_id=THIEF, order_ref=_ORDER, signatures=signed),
        )
        if self.returned_after_seconds is not None:
            signed = signatures_of(asset, self.at_request_of, RoleName.WIPER)
            wiped = WipeWallet(
                asset_id=asset_id, wallet_id=THIEF, order_ref=_ORDER, signatures=signed, reissue_to=wallet_id
            )
            yield frozen + self.returned_after_seconds * SECOND, wiped

    def _swaps(self, at: Time, asset: CashAsset) -> Iterator[tuple[Time, Command]]:
        left = self.amount_rub
        while left:
            at += self.swap_interval_seconds * SECOND
            part = min(self.swap_rub, left)
            left -= part
            yield (
                at,
                TransferCash(asset_id=asset.terms.asset_id, source=THIEF, target=MARKET, amount=part),
            )
