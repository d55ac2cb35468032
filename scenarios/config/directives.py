"""The [[directives]] of a scenario: what the authority does at a given hour, and keepers of cash, at its word or not.

A word is a line of `ACTS`: the keys that it needs beside `at` and `do`, its commands, and the keys that it may have.
Every other key is refused beside it. What a word about an issuer comes to where the venue settles in money proper,
which has none, is a line of `AT_MONEY`, so that one scenario can be run in any settlement asset.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, Field, model_validator

from exchange.cash.issuer_states import IssuerState
from exchange.cash.losses import LossCause
from exchange.cash.terms import AnyCashTerms, CoinTerms, ReserveStatus, RoleName
from exchange.commands import (
    AddOwnFunds,
    AdoptRegime,
    AttestReserves,
    ChangeIssuerState,
    Command,
    ConfigureMinter,
    DeclareDefault,
    DiscloseReserves,
    DistributeInterest,
    EndOutage,
    FailBank,
    FreezeParticipant,
    FreezeWallet,
    HaltCash,
    HaltInstrument,
    MintCoins,
    OpenVenueWallet,
    PauseIssuer,
    PostponeSettlement,
    PublishConversionRate,
    RecordCashLoss,
    RecordFiatReceipt,
    RedeemCoins,
    ReinstateParticipant,
    ReissueCoins,
    RemoveMinter,
    ReportCashPrice,
    ReportOutage,
    ReportReorganisation,
    ReportReserve,
    ResolveBank,
    ResumeCash,
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
from exchange.units import AssetId, InstrumentId, WalletId
from matching.terms import ParticipantId, Price
from participants.profile import wallet_of
from scenarios.config.cash_file import Authority
from scenarios.config.reading import (
    AssetCode,
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

THIEF = WalletId("thief")  # outside the venue
_MILLIONTHS = 100  # in a hundredth of a percent


def _known(word: str) -> str:
    if word not in ACTS:
        raise fault(f"cannot be “{word}”", nearest(word, ACTS))
    return word


def _enumerated(schema: dict[str, Any]) -> None:
    schema["enum"] = list(ACTS)


class CashAsset(NamedTuple):
    """One that the venue keeps, and whose orders its keeper obeys."""

    terms: AnyCashTerms
    obeys: Authority


def signatures_of(
    asset: CashAsset, asks: Authority | None, *roles: RoleName, wallet_id: WalletId | None = None
) -> tuple[str, ...]:
    """Of those who hold these keys, if they obey whoever asks; else of that authority alone: no key is its."""
    if asks is not None and asks is not asset.obeys:
        return (f"{asks} authority",)
    beside = (RoleName.VENUE_FREEZER,) if wallet_id in asset.terms.venue_wallets else ()
    return asset.terms.signatures(*roles, *beside)


class DirectiveTable(Table):
    """What the authority, or a keeper of cash, does at a given hour."""

    at: Clock
    do: Annotated[Text, AfterValidator(_known), Field(json_schema_extra=_enumerated)]
    asset: Annotated[AssetCode | None, Field(description="Left out: what the venue settles in.")] = None
    at_request_of: Annotated[
        Authority | None, Field(description="Who asks; a keeper that does not obey it does not sign.")
    ] = None
    where_obeyed: Annotated[
        Authority | None,
        Field(description="Only where the asset's keeper obeys it; elsewhere nothing is said."),
    ] = None
    wallets: Annotated[Count | None, Field(description="How many of the venue's wallets; left out: all.")] = (
        None
    )
    wallet: Text | None = None
    reissue_to: Annotated[Text | None, Field(description="A wallet, by its name.")] = None
    instrument: Text | None = None
    regime: Text | None = None  # the id of a shipped one, or the path of a file
    participant: Text | None = None  # a maker, a member, or somebody of the population
    grounds: Text | None = None
    limit_rub: RoublesOrNothing | None = None
    price_rub: RoublesOrNothing | None = None
    price_percent: CoverPercent | None = None  # of par
    rate_percent: CoverPercent | None = None  # of the fallback for one
    amount_rub: Roubles | None = None
    minter: Text | None = None
    allowance_rub: Roubles | None = None
    backed: Annotated[Flag | None, Field(description="Whether roubles came in; left out: they did.")] = None
    custodian: Text | None = None
    status: ReserveStatus | None = None
    share_percent: Annotated[CoverPercent | None, Field(description="Left out: all.")] = None
    loss_percent: Percent | None = None
    state: IssuerState | None = None
    stuck_percent: Percent | None = None  # of the coin's reserves, out of reach
    covered: Flag | None = None  # whether somebody stands in for it
    statement: Text | None = None
    source: Text | None = None
    transaction: Text | None = None  # of one of the deposits
    order_ref: Text | None = None

    @model_validator(mode="after")
    def _says_what_it_needs(self) -> "DirectiveTable":
        act = ACTS[self.do]
        for key in type(self).model_fields:
            stated = getattr(self, key) is not None
            if stated and key not in ("at", "do", *act.needs, *act.may):
                raise fault(f"does not go with do = “{self.do}”", "leave it out", at=key)
            if not stated and key in act.needs:
                raise fault(f"is missing for do = “{self.do}”", f"add the key “{key}”", at=key)
        return self

    @property
    def is_about_an_instrument(self) -> bool:
        return "instrument" in ACTS[self.do].needs

    def commands(self, cash: Sequence[CashAsset], instruments: tuple[Instrument, ...]) -> tuple[Command, ...]:
        """With the signatures that the asset asks for; the venue settles in the first of `cash`."""
        scene = _Scene(cash, instruments)
        doing = ACTS[self.do].commands
        if self.where_obeyed is not None and self.where_obeyed is not scene.obeys(self):
            return ()
        if not isinstance(scene.terms(self), CoinTerms | None):
            doing = AT_MONEY.get(self.do, doing)
        return tuple(doing(self, scene))


class _Scene(NamedTuple):
    cash: Sequence[CashAsset]
    instruments: tuple[Instrument, ...]

    def asset_id(self, told: DirectiveTable) -> AssetId:
        return self.cash[0].terms.asset_id if told.asset is None else AssetId(told.asset)

    def terms(self, told: DirectiveTable) -> AnyCashTerms | None:
        """Nothing of an asset that the venue does not keep: what is asked of it is refused."""
        asset = self._asset(told)
        return None if asset is None else asset.terms

    def _asset(self, told: DirectiveTable) -> CashAsset | None:
        return next((one for one in self.cash if one.terms.asset_id == self.asset_id(told)), None)

    def signatures(
        self, told: DirectiveTable, *roles: RoleName, wallet_id: WalletId | None = None
    ) -> tuple[str, ...]:
        """Nobody's of an asset that the venue does not keep."""
        asset = self._asset(told)
        return () if asset is None else signatures_of(asset, told.at_request_of, *roles, wallet_id=wallet_id)

    def obeys(self, told: DirectiveTable) -> Authority | None:
        asset = self._asset(told)
        return None if asset is None else asset.obeys

    def minter(self, told: DirectiveTable, usual: int) -> str:
        """The one that is named, or the first (0) or last (-1) of the coin's."""
        terms = self.terms(told)
        known = list(terms.minters) if isinstance(terms, CoinTerms) else []
        return told.minter or (known[usual] if known else "nobody")

    def named(self, told: DirectiveTable) -> Instrument:
        return next(one for one in self.instruments if one.instrument_id == told.instrument)


Doing = Callable[[DirectiveTable, _Scene], Iterable[Command]]


class Act(NamedTuple):
    needs: tuple[str, ...]
    commands: Doing
    may: tuple[str, ...] = ()


# --- on wallets -----------------------------------------------------------------------------------------


def _on_wallets(
    command: type[FreezeWallet | UnfreezeWallet | WipeWallet],
    wallets: Callable[[DirectiveTable, _Scene], Iterable[WalletId]],
) -> Doing:
    role = RoleName.WIPER if command is WipeWallet else RoleName.FREEZER

    def commands(told: DirectiveTable, scene: _Scene) -> Iterable[Command]:
        anew: dict[str, Any] = {} if told.reissue_to is None else {"reissue_to": WalletId(told.reissue_to)}
        return [
            command(
                asset_id=scene.asset_id(told),
                wallet_id=wallet_id,
                order_ref=_order(told),
                signatures=scene.signatures(told, role, wallet_id=wallet_id),
                **anew,
            )
            for wallet_id in wallets(told, scene)
        ]

    return commands


def _of_the_venue(told: DirectiveTable, scene: _Scene) -> Iterable[WalletId]:
    terms = scene.terms(told)
    return () if terms is None else terms.venue_wallets[: told.wallets]


def _of_the_participant(told: DirectiveTable, _scene: _Scene) -> Iterable[WalletId]:
    return [wallet_of(_who(told))]


def _reissue(told: DirectiveTable, scene: _Scene) -> Command:
    wallet_id = WalletId(told.wallet or "")
    return ReissueCoins(
        asset_id=scene.asset_id(told),
        wallet_id=wallet_id,
        amount=told.amount_rub or 0,
        wipe_ref=_order(told),
        signatures=scene.signatures(told, RoleName.WIPER, wallet_id=wallet_id),
    )


# --- on a cash asset ------------------------------------------------------------------------------------


def _on_cash(command: Callable[..., Command], *roles: RoleName, **keys: str) -> Doing:
    """A command about a cash asset whose fields are `keys` of the file, signed by those who hold the roles."""

    def commands(told: DirectiveTable, scene: _Scene) -> Iterable[Command]:
        fields = {field: getattr(told, key) for field, key in keys.items() if getattr(told, key) is not None}
        signed = {"signatures": scene.signatures(told, *roles)} if roles else {}
        return [command(asset_id=scene.asset_id(told), **fields, **signed)]

    return commands


def _price(told: DirectiveTable, scene: _Scene) -> Command:
    price = (told.price_percent or 0) * _MILLIONTHS
    return ReportCashPrice(
        asset_id=scene.asset_id(told), price_ppm=price, source=told.source or "the scenario"
    )


def _rate(told: DirectiveTable, scene: _Scene) -> Command:
    rate = (told.rate_percent or 0) * _MILLIONTHS
    return PublishConversionRate(asset_id=scene.asset_id(told), rate_ppm=rate)


def _redeem(told: DirectiveTable, scene: _Scene) -> Command:
    return RedeemCoins(
        asset_id=scene.asset_id(told), wallet_id=wallet_of(_who(told)), amount=told.amount_rub or 0
    )


def _mint(told: DirectiveTable, scene: _Scene) -> Iterable[Command]:
    """Against roubles that come in at the same instant, or against nothing."""
    asset_id, amount, receipt = scene.asset_id(told), told.amount_rub or 0, f"{_who(told)} at {told.at}"
    if told.backed is not False:
        yield RecordFiatReceipt(asset_id=asset_id, receipt_id=receipt, amount=amount)
    yield MintCoins(
        asset_id=asset_id,
        minter=scene.minter(told, 0),
        receipt_id=receipt,
        wallet_id=wallet_of(_who(told)),
        amount=amount,
        signatures=scene.signatures(told, RoleName.MINTER),
    )


def _steal(told: DirectiveTable, scene: _Scene) -> Command:
    """One key and no receipt. An amount of nothing: all that is left of the allowance when people have their coins."""
    return MintCoins(
        asset_id=scene.asset_id(told),
        minter=scene.minter(told, -1),
        receipt_id="stolen key",
        wallet_id=THIEF,
        amount=told.amount_rub or 0,
    )


def _write_down(told: DirectiveTable, scene: _Scene) -> Iterable[Command]:
    terms = scene.terms(told)
    return [
        RecordCashLoss(
            asset_id=scene.asset_id(told),
            wallet_id=wallet_id,
            cause=LossCause.ISSUER_DEFAULT,
            grounds=told.grounds or "",
            share_bp=told.loss_percent or 0,
        )
        for wallet_id in (terms.venue_wallets if terms else ())
    ]


def _reset(told: DirectiveTable, scene: _Scene) -> Iterable[Command]:
    """Frozen, destroyed and issued anew in one instant; the issuer's own act, which money proper does not know."""
    if isinstance(scene.terms(told), CoinTerms | None):
        yield from _on_wallets(FreezeWallet, _of_the_venue)(
            told.model_copy(update={"reissue_to": None}), scene
        )
    yield from _on_wallets(WipeWallet, _of_the_venue)(told, scene)


def _open_wallet(told: DirectiveTable, scene: _Scene) -> Command:
    return OpenVenueWallet(asset_id=scene.asset_id(told), wallet_id=WalletId(told.wallet or ""))


# --- the others -----------------------------------------------------------------------------------------


def _who(told: DirectiveTable) -> ParticipantId:
    return ParticipantId(told.participant or "")


def _order(told: DirectiveTable) -> str:
    return told.order_ref or "order"


def _disclose(told: DirectiveTable, scene: _Scene) -> Command:
    return DiscloseReserves(
        asset_id=scene.asset_id(told),
        stuck_ppm=(told.stuck_percent or 0) * _MILLIONTHS,
        covered=bool(told.covered),
        statement=told.statement or "",
    )


def _reorganisation(told: DirectiveTable, scene: _Scene) -> Command:
    return ReportReorganisation(asset_id=scene.asset_id(told), transaction=told.transaction or "")


def _committee_price(told: DirectiveTable, scene: _Scene) -> Command:
    terms = scene.named(told)
    price = Price((told.price_rub or 0) // terms.tick)
    return SetCommitteePrice(bucket_id=terms.bucket_id, price=price, grounds=told.grounds or "")


def _one(command: Callable[[DirectiveTable, _Scene], Command]) -> Doing:
    return lambda told, scene: [command(told, scene)]


def _nothing(_told: DirectiveTable, _scene: _Scene) -> Iterable[Command]:
    return ()


_CASH = ("asset",)
_ORDER = ("asset", "at_request_of", "order_ref")
_HALT = ("asset", "where_obeyed")
_OF_STATES = (RoleName.MASTER_MINTER, RoleName.RESERVE_MANAGER, RoleName.ADMIN)
_ENTER_DEFAULT = partial(ChangeIssuerState, state=IssuerState.DEFAULT)

ACTS: dict[str, Act] = {
    "freeze_venue_wallets": Act((), _on_wallets(FreezeWallet, _of_the_venue), ("wallets", *_ORDER)),
    "unfreeze_venue_wallets": Act((), _on_wallets(UnfreezeWallet, _of_the_venue), ("wallets", *_ORDER)),
    "wipe_venue_wallets": Act((), _on_wallets(WipeWallet, _of_the_venue), ("wallets", "reissue_to", *_ORDER)),
    "reset_venue_wallets": Act(("reissue_to",), _reset, ("wallets", "asset", "order_ref")),
    "freeze_wallet": Act(("participant",), _on_wallets(FreezeWallet, _of_the_participant), _ORDER),
    "unfreeze_wallet": Act(("participant",), _on_wallets(UnfreezeWallet, _of_the_participant), _ORDER),
    "wipe_wallet": Act(
        ("participant",), _on_wallets(WipeWallet, _of_the_participant), ("reissue_to", *_ORDER)
    ),
    "reissue_coins": Act(("wallet", "amount_rub"), _one(_reissue), _ORDER),
    "pause_issuer": Act((), _on_cash(PauseIssuer, RoleName.PAUSER), _CASH),
    "unpause_issuer": Act((), _on_cash(UnpauseIssuer, RoleName.PAUSER), _CASH),
    "issuer_default": Act((), _on_cash(_ENTER_DEFAULT, RoleName.ADMIN), _CASH),
    "change_issuer_state": Act(("state",), _on_cash(ChangeIssuerState, *_OF_STATES, state="state"), _CASH),
    "mint": Act(("participant", "amount_rub"), _mint, ("minter", "backed", *_CASH)),
    "steal_minter_key": Act((), _one(_steal), ("minter", "amount_rub", *_CASH)),
    "configure_minter": Act(
        ("minter", "allowance_rub"),
        _on_cash(ConfigureMinter, RoleName.MASTER_MINTER, minter="minter", allowance="allowance_rub"),
        _CASH,
    ),
    "remove_minter": Act(("minter",), _on_cash(RemoveMinter, RoleName.MASTER_MINTER, minter="minter"), _CASH),
    "redeem_coins": Act(("participant", "amount_rub"), _one(_redeem), _CASH),
    "report_reserve": Act(
        ("custodian", "status"),
        _on_cash(ReportReserve, custodian="custodian", status="status", share_bp="share_percent"),
        ("share_percent", *_CASH),
    ),
    "disclose_reserves": Act(("stuck_percent", "covered", "statement"), _one(_disclose), _CASH),
    "attest_reserves": Act((), _on_cash(AttestReserves, RoleName.ATTESTOR), _CASH),
    "add_own_funds": Act(("amount_rub",), _on_cash(AddOwnFunds, amount="amount_rub"), _CASH),
    "distribute_interest": Act(("amount_rub",), _on_cash(DistributeInterest, income="amount_rub"), _CASH),
    "report_outage": Act((), _on_cash(ReportOutage), _CASH),
    "end_outage": Act((), _on_cash(EndOutage), _CASH),
    "fail_bank": Act((), _on_cash(FailBank), _CASH),
    "resolve_bank": Act(("loss_percent",), _on_cash(ResolveBank, loss_bp="loss_percent"), _CASH),
    "report_cash_price": Act(("price_percent",), _one(_price), ("source", *_CASH)),
    "write_down_coins": Act(("loss_percent", "grounds"), _write_down, _CASH),
    "open_venue_wallet": Act(("wallet",), _one(_open_wallet), _CASH),
    "halt_cash": Act(("grounds",), _on_cash(HaltCash, grounds="grounds"), _HALT),
    "resume_cash": Act((), _on_cash(ResumeCash), _HALT),
    "publish_conversion_rate": Act(("rate_percent",), _one(_rate), _HALT),
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
    "reorganise_chain": Act(("asset", "transaction"), _one(_reorganisation)),
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
        _one(lambda told, _: FreezeParticipant(participant_id=_who(told), order_ref=_order(told))),
        ("order_ref",),
    ),
    "unfreeze_participant": Act(
        ("participant",),
        _one(lambda told, _: UnfreezeParticipant(participant_id=_who(told), order_ref=_order(told))),
        ("order_ref",),
    ),
    "set_limit": Act(
        ("participant", "limit_rub"),
        _one(lambda told, _: SetLimit(participant_id=_who(told), limit=told.limit_rub or 0)),
    ),
}
"""What can be done, by its word; the first that begins like a wrong word is offered for it."""

AT_MONEY: dict[str, Doing] = {
    "pause_issuer": _on_cash(ReportOutage),
    "unpause_issuer": _on_cash(EndOutage),
    "issuer_default": _on_cash(FailBank),
    "write_down_coins": _on_cash(ResolveBank, loss_bp="loss_percent"),
    "report_cash_price": _nothing,
}
"""What a word comes to at a bank or on the central bank's platform, where it is something else than at an issuer: who
can stop all of it does, whoever promised it fails, and it is always at par. All other words are the same: a freeze is
an order of a court, and what only an issuer can do is refused, which the record tells.
"""
