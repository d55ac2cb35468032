"""The [[directives]] of a scenario: what the authority does at a given hour, and the issuer at its word.

A word is a line of `ACTS`: the keys that it needs beside `at` and `do`, those that it may have, and its commands.
Every other key is refused beside it.
"""

from collections.abc import Callable, Iterable
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, Field, model_validator

from exchange.cash.terms import CoinTerms, ReserveStatus, RoleName
from exchange.commands import (
    AddOwnFunds,
    AdoptRegime,
    Command,
    DeclareDefault,
    DiscloseReserves,
    FreezeParticipant,
    FreezeWallet,
    HaltInstrument,
    PauseIssuer,
    PostponeSettlement,
    RedeemCoins,
    ReinstateParticipant,
    ReportCashPrice,
    ReportReserve,
    ResumeInstrument,
    SetCommitteePrice,
    SetLimit,
    SuspendParticipant,
    UnfreezeParticipant,
    UnfreezeWallet,
    UnpauseIssuer,
    WipeWallet,
)
from exchange.instruments import Instrument
from exchange.units import InstrumentId, WalletId
from matching.terms import ParticipantId, Price
from participants.profile import wallet_of
from scenarios.config.reading import (
    Clock,
    Count,
    CoverPercent,
    Flag,
    Percent,
    Roubles,
    RoublesOrNothing,
    Table,
    Text,
    fault,
    nearest,
)
from scenarios.config.regime_file import load_regime

_ONLY_WHERE_NEEDED = (
    "regime",
    "participant",
    "grounds",
    "limit_rub",
    "price_rub",
    "price_percent",
    "amount_rub",
    "stuck_percent",
    "covered",
    "statement",
    "custodian",
    "status",
)
_MILLIONTHS = 100  # in a hundredth of a percent


def _known(word: str) -> str:
    if word not in ACTS:
        raise fault(f"cannot be “{word}”", nearest(word, ACTS))
    return word


def _enumerated(schema: dict[str, Any]) -> None:
    schema["enum"] = list(ACTS)


class DirectiveTable(Table):
    """What the authority, or the issuer at its word, does at a given hour."""

    at: Clock
    do: Annotated[Text, AfterValidator(_known), Field(json_schema_extra=_enumerated)]
    wallets: Count | None = None  # how many of the venue's wallets, all if not said
    instrument: Text | None = None
    regime: Text | None = None  # the id of a shipped one, or the path of a file
    participant: Text | None = None  # a maker, a member, or somebody of the population
    grounds: Text | None = None
    limit_rub: RoublesOrNothing | None = None
    price_rub: RoublesOrNothing | None = None
    price_percent: CoverPercent | None = None  # of par
    amount_rub: Roubles | None = None
    stuck_percent: Percent | None = None  # of the coin's reserves, out of reach
    covered: Flag | None = None  # whether somebody stands in for it
    statement: Text | None = None
    custodian: Text | None = None  # who has a part of the reserves
    status: ReserveStatus | None = None  # of all that it has
    share_percent: Percent = 100_00  # of that, if it is lost
    source: Text = "the scenario"
    order_ref: Text = "order"

    @model_validator(mode="after")
    def _says_what_it_needs(self) -> "DirectiveTable":
        act = ACTS[self.do]
        for key in _ONLY_WHERE_NEEDED:
            if (getattr(self, key) is not None) != (key in act.needs):
                named = " or ".join(f"“{word}”" for word, other in ACTS.items() if key in other.needs)
                raise fault(
                    f"goes with do = {named} and with nothing else", "name one, or leave it out", at=key
                )
        return self

    @property
    def is_about_an_instrument(self) -> bool:
        return "instrument" in ACTS[self.do].needs

    def commands(self, coin: CoinTerms, instruments: tuple[Instrument, ...]) -> tuple[Command, ...]:
        """With the signatures that the coin asks for."""
        return tuple(ACTS[self.do].commands(self, _Scene(coin, instruments)))


class _Scene(NamedTuple):
    coin: CoinTerms
    instruments: tuple[Instrument, ...]

    def keys_of(self, wallet_id: WalletId) -> tuple[str, ...]:
        """Who must sign for what is done to a wallet."""
        beside = (RoleName.VENUE_FREEZER,) if wallet_id in self.coin.venue_wallets else ()
        return self.coin.signatures(RoleName.FREEZER, *beside)

    def named(self, told: DirectiveTable) -> Instrument:
        return next(one for one in self.instruments if one.instrument_id == told.instrument)


class Act(NamedTuple):
    needs: tuple[str, ...]
    commands: Callable[[DirectiveTable, _Scene], Iterable[Command]]


# --- on wallets -----------------------------------------------------------------------------------------


def _on_wallets(
    command: type[FreezeWallet | UnfreezeWallet | WipeWallet],
    wallets: Callable[[DirectiveTable, _Scene], Iterable[WalletId]],
) -> Callable[[DirectiveTable, _Scene], Iterable[Command]]:
    def commands(told: DirectiveTable, scene: _Scene) -> Iterable[Command]:
        return [
            command(
                asset_id=scene.coin.asset_id,
                wallet_id=wallet_id,
                order_ref=told.order_ref,
                signatures=scene.keys_of(wallet_id),
            )
            for wallet_id in wallets(told, scene)
        ]

    return commands


def _of_the_venue(told: DirectiveTable, scene: _Scene) -> Iterable[WalletId]:
    return scene.coin.venue_wallets[: told.wallets]


def _of_the_participant(told: DirectiveTable, _scene: _Scene) -> Iterable[WalletId]:
    return [wallet_of(_who(told))]


# --- the others -----------------------------------------------------------------------------------------


def _who(told: DirectiveTable) -> ParticipantId:
    return ParticipantId(told.participant or "")


def _price(told: DirectiveTable, scene: _Scene) -> Command:
    price = (told.price_percent or 0) * _MILLIONTHS
    return ReportCashPrice(asset_id=scene.coin.asset_id, price_ppm=price, source=told.source)


def _redeem(told: DirectiveTable, scene: _Scene) -> Command:
    asset, wallet = scene.coin.asset_id, wallet_of(_who(told))
    return RedeemCoins(asset_id=asset, wallet_id=wallet, amount=told.amount_rub or 0)


def _disclose(told: DirectiveTable, scene: _Scene) -> Command:
    return DiscloseReserves(
        asset_id=scene.coin.asset_id,
        stuck_ppm=(told.stuck_percent or 0) * _MILLIONTHS,
        covered=bool(told.covered),
        statement=told.statement or "",
    )


def _reserve(told: DirectiveTable, scene: _Scene) -> Command:
    return ReportReserve(
        asset_id=scene.coin.asset_id,
        custodian=told.custodian or "",
        status=told.status or ReserveStatus.OK,
        share_bp=told.share_percent,
    )


def _own_funds(told: DirectiveTable, scene: _Scene) -> Command:
    return AddOwnFunds(asset_id=scene.coin.asset_id, amount=told.amount_rub or 0)


def _committee_price(told: DirectiveTable, scene: _Scene) -> Command:
    terms = scene.named(told)
    price = Price((told.price_rub or 0) // terms.tick)
    return SetCommitteePrice(bucket_id=terms.bucket_id, price=price, grounds=told.grounds or "")


def _one(
    command: Callable[[DirectiveTable, _Scene], Command],
) -> Callable[[DirectiveTable, _Scene], Iterable[Command]]:
    return lambda told, scene: [command(told, scene)]


ACTS: dict[str, Act] = {
    "freeze_venue_wallets": Act((), _on_wallets(FreezeWallet, _of_the_venue)),
    "unfreeze_venue_wallets": Act((), _on_wallets(UnfreezeWallet, _of_the_venue)),
    "wipe_venue_wallets": Act((), _on_wallets(WipeWallet, _of_the_venue)),
    "freeze_wallet": Act(("participant",), _on_wallets(FreezeWallet, _of_the_participant)),
    "unfreeze_wallet": Act(("participant",), _on_wallets(UnfreezeWallet, _of_the_participant)),
    "wipe_wallet": Act(("participant",), _on_wallets(WipeWallet, _of_the_participant)),
    "pause_issuer": Act(
        (),
        _one(
            lambda _, on: PauseIssuer(
                asset_id=on.coin.asset_id, signatures=on.coin.signatures(RoleName.PAUSER)
            )
        ),
    ),
    "unpause_issuer": Act(
        (),
        _one(
            lambda _, on: UnpauseIssuer(
                asset_id=on.coin.asset_id, signatures=on.coin.signatures(RoleName.PAUSER)
            )
        ),
    ),
    "report_cash_price": Act(("price_percent",), _one(_price)),
    "report_reserve": Act(("custodian", "status"), _one(_reserve)),
    "disclose_reserves": Act(("stuck_percent", "covered", "statement"), _one(_disclose)),
    "add_own_funds": Act(("amount_rub",), _one(_own_funds)),
    "redeem_coins": Act(("participant", "amount_rub"), _one(_redeem)),
    "halt_instrument": Act(
        ("instrument",),
        _one(lambda told, _: HaltInstrument(instrument_id=InstrumentId(told.instrument or ""))),
    ),
    "resume_instrument": Act(
        ("instrument",),
        _one(lambda told, _: ResumeInstrument(instrument_id=InstrumentId(told.instrument or ""))),
    ),
    "adopt_regime": Act(
        ("regime",), _one(lambda told, _: AdoptRegime(regime=load_regime(told.regime or "")))
    ),
    "postpone_settlement": Act(
        ("instrument",), _one(lambda told, on: PostponeSettlement(bucket_id=on.named(told).bucket_id))
    ),
    "set_committee_price": Act(("instrument", "price_rub", "grounds"), _one(_committee_price)),
    "declare_default": Act(
        ("participant", "grounds"),
        _one(lambda told, _: DeclareDefault(participant_id=_who(told), grounds=told.grounds or "")),
    ),
    "suspend_participant": Act(
        ("participant",), _one(lambda told, _: SuspendParticipant(participant_id=_who(told)))
    ),
    "reinstate_participant": Act(
        ("participant",), _one(lambda told, _: ReinstateParticipant(participant_id=_who(told)))
    ),
    "freeze_participant": Act(
        ("participant",),
        _one(lambda told, _: FreezeParticipant(participant_id=_who(told), order_ref=told.order_ref)),
    ),
    "unfreeze_participant": Act(
        ("participant",),
        _one(lambda told, _: UnfreezeParticipant(participant_id=_who(told), order_ref=told.order_ref)),
    ),
    "set_limit": Act(
        ("participant", "limit_rub"),
        _one(lambda told, _: SetLimit(participant_id=_who(told), limit=told.limit_rub or 0)),
    ),
}
"""What can be done, by its word; the first that begins like a wrong word is offered for it."""
