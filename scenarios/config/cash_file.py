"""What a venue settles in, in TOML: the [cash] table of a cash profile, and of it the core's terms.

A profile says who keeps the asset and who holds which key. Keys that only one kind of asset has are refused for
the others. `minter` is the one who mints.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, model_validator

from exchange.cash.terms import CoinTerms, Role, RoleName, all_of, keys_of
from exchange.units import SECOND, AssetId, WalletId
from scenarios.config.reading import AssetCode, ConfigurationError, Count, Flag, Roubles, Table, Text, fault

Signatures = tuple[Text, ...]


class CashKind(StrEnum):
    """Whose promise it is."""

    BANK = "bank"  # a settlement bank's
    DIGITAL_ROUBLE = "digital_rouble"  # the central bank's
    COIN = "coin"  # an issuer's


_GO_WITH: Mapping[str, tuple[CashKind, ...]] = {  # what not every kind has; these must state it
    "minter_allowance_rub": (CashKind.COIN,),
    "pause_signatures": (CashKind.COIN,),
    "wipe_allowed": (CashKind.COIN,),
}


class SettlementAssetTable(Table):
    """One settlement asset: who keeps it, and who may do what."""

    asset: Annotated[AssetCode, Field(description="Its code, such as RUBD.")]
    title: Text
    kind: Annotated[CashKind, Field(description="Whose promise it is.")]
    keeper: Annotated[Text, Field(description="Issuer, bank or platform; say if it is fictional.")]
    venue_wallets: Annotated[Count, Field(description="Over how many wallets the venue spreads it.")] = 1
    finality_seconds: Annotated[Count, Field(description="How long a transfer takes to be final.")]
    freeze_signatures: Annotated[
        Signatures, Field(min_length=1, description="All of these freeze or unfreeze a wallet.")
    ]
    venue_freeze_signatures: Annotated[
        Signatures, Field(description="And these beside them, for a wallet of the venue.")
    ]
    minter_allowance_rub: Annotated[Roubles | None, Field(description="How much the minter may mint.")] = None
    pause_signatures: Annotated[
        Signatures | None, Field(description="All of these stop, or let go on, all that moves.")
    ] = None
    wipe_allowed: Annotated[
        Flag | None, Field(description="Whether the issuer may destroy what a frozen wallet holds.")
    ] = None

    @model_validator(mode="after")
    def _each_kind_has_its_keys(self) -> "SettlementAssetTable":
        for key, kinds in _GO_WITH.items():
            stated = getattr(self, key) is not None
            if stated and self.kind not in kinds:
                raise fault(f"does not go with kind = “{self.kind}”", "leave it out", at=key)
            if not stated and self.kind in kinds:
                raise fault(f"is missing for kind = “{self.kind}”", f"add the key “{key}”", at=key)
        if self.pause_signatures == ():
            raise fault(
                "is empty, so anybody could stop the coin", "name who must sign", at="pause_signatures"
            )
        return self

    def changed(self, changes: Mapping[str, Any]) -> "SettlementAssetTable":
        """The same with other values, where the kind has such a key."""
        kinds = {key: _GO_WITH.get(key, tuple(CashKind)) for key in changes}
        return self.model_copy(update={key: changes[key] for key in changes if self.kind in kinds[key]})

    def terms(self) -> CoinTerms:
        """Raises ConfigurationError for a kind in which no venue can settle yet."""
        if self.kind is not CashKind.COIN:
            raise ConfigurationError(
                self.asset,
                "cash.kind",
                f"is “{self.kind}”, and no venue can settle in that yet",
                "choose the profile of a coin",
            )
        return CoinTerms(
            asset_id=AssetId(self.asset),
            issuer=self.keeper,
            minters={"minter": self.minter_allowance_rub or 0},
            venue_wallets=_numbered(self.venue_wallets),
            roles=self._roles(),
            finality=self.finality_seconds * SECOND,
            wipe_allowed=bool(self.wipe_allowed),
        )

    def _roles(self) -> tuple[Role, ...]:
        """Whoever freezes holds every other key but those that are said apart."""
        apart = [all_of(RoleName.PAUSER, *(self.pause_signatures or ()))]
        if self.venue_freeze_signatures:
            apart.append(all_of(RoleName.VENUE_FREEZER, *self.venue_freeze_signatures))
        return keys_of(*self.freeze_signatures, apart=tuple(apart))

    def in_words(self) -> str:
        """In one line: whose promise it is, and who can freeze what the venue holds."""
        who = " and ".join(dict.fromkeys((*self.freeze_signatures, *self.venue_freeze_signatures)))
        powers = [f"the venue's wallets are frozen by {who.replace('_', ' ')}"]
        if self.wipe_allowed:
            powers.append("and what is frozen may be destroyed")
        return f"{self.title} ({self.asset}), kept by {self.keeper}; {' '.join(powers)}"


def _numbered(wallets: int) -> tuple[WalletId, ...]:
    return tuple(WalletId(f"venue-{number}") for number in range(1, wallets + 1))
