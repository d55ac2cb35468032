"""Directives of the authority, and what an operator may look at. Each with its own role; the exchange judges them as
it does any other command."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from exchange.commands import (
    Command,
    FreezeParticipant,
    HaltCash,
    HaltInstrument,
    ReinstateParticipant,
    ResumeCash,
    ResumeInstrument,
    SetLimit,
    SuspendParticipant,
    UnfreezeParticipant,
)
from exchange.events import DirectiveRefused, Entry
from exchange.gateway.auth import SEATED, Role
from exchange.gateway.dispatch import Call
from exchange.gateway.faults import FORBIDDEN, OTHER_REJECT, fault, invalid
from exchange.gateway.registry import (
    REGISTRY,
    Access,
    Ask,
    Name,
    NoParams,
    Number,
    Params,
    StrictParams,
    Texts,
)
from exchange.gateway.wire import whole_money
from exchange.journal.state_image import state_hash
from exchange.units import AssetId, InstrumentId
from matching.terms import ParticipantId


class ParticipantParams(Params):
    participant_id: Name


class FreezeParams(StrictParams):
    participant_id: Name
    order_ref: Annotated[str, Field(min_length=1, max_length=200)]


class LimitParams(StrictParams):
    participant_id: Name
    limit: Number


class InstrumentParams(Params):
    instrument_name: Name


class CashParams(StrictParams):
    currency: Name
    grounds: Annotated[str, Field(max_length=500)] = ""


class RoleParams(StrictParams):
    role: Role
    participant_id: str | None = None
    currencies: Texts | None = None
    title: Annotated[str, Field(max_length=64)] = ""
    read_only: bool = False


class StateParams(Params):
    with_state_hash: bool = False


class ClientIdParams(Params):
    client_id: Name


def _direct(*commands: Command) -> Ask[str]:
    return Ask(commands, _done)


def _done(told: Sequence[Sequence[Entry]]) -> str:
    for event in (entry.event for entries in told for entry in entries):
        if isinstance(event, DirectiveRefused):
            raise fault(OTHER_REJECT, reason="directive_refused", explanation=event.explanation)
    return "ok"


@REGISTRY.method("admin/suspend_participant", Access.AUTHORITY)
def suspend_participant(call: Call, params: ParticipantParams) -> Ask[str]:
    """No orders at all from a participant; the open ones are canceled."""
    return _direct(SuspendParticipant(participant_id=ParticipantId(params.participant_id)))


@REGISTRY.method("admin/reinstate_participant", Access.AUTHORITY)
def reinstate_participant(call: Call, params: ParticipantParams) -> Ask[str]:
    """End a suspension."""
    return _direct(ReinstateParticipant(participant_id=ParticipantId(params.participant_id)))


@REGISTRY.method("admin/freeze_participant", Access.AUTHORITY)
def freeze_participant(call: Call, params: FreezeParams) -> Ask[str]:
    """A legal order: a participant's orders may only reduce, and nothing leaves."""
    who = ParticipantId(params.participant_id)
    return _direct(FreezeParticipant(participant_id=who, order_ref=params.order_ref))


@REGISTRY.method("admin/unfreeze_participant", Access.AUTHORITY)
def unfreeze_participant(call: Call, params: FreezeParams) -> Ask[str]:
    """Lift a legal order."""
    who = ParticipantId(params.participant_id)
    return _direct(UnfreezeParticipant(participant_id=who, order_ref=params.order_ref))


@REGISTRY.method("admin/set_limit", Access.AUTHORITY)
def set_limit(call: Call, params: LimitParams) -> Ask[str]:
    """A participant's own limit on capital at risk."""
    who = ParticipantId(params.participant_id)
    return _direct(SetLimit(participant_id=who, limit=whole_money(params.limit, "limit")))


@REGISTRY.method("admin/halt_instrument", Access.AUTHORITY)
def halt_instrument(call: Call, params: InstrumentParams) -> Ask[str]:
    """Stop trading in an instrument."""
    return _direct(HaltInstrument(instrument_id=InstrumentId(params.instrument_name)))


@REGISTRY.method("admin/resume_instrument", Access.AUTHORITY)
def resume_instrument(call: Call, params: InstrumentParams) -> Ask[str]:
    """Let an instrument trade again."""
    return _direct(ResumeInstrument(instrument_id=InstrumentId(params.instrument_name)))


@REGISTRY.method("admin/halt_all", Access.AUTHORITY)
def halt_all(call: Call, params: NoParams) -> Ask[str]:
    """The kill switch: stop trading in everything that trades."""
    trading = [one for one in call.state.series.values() if one.state.value in ("trading", "fixing")]
    return _direct(*(HaltInstrument(instrument_id=one.instrument.instrument_id) for one in trading))


@REGISTRY.method("admin/halt_cash", Access.AUTHORITY)
def halt_cash(call: Call, params: CashParams) -> Ask[str]:
    """The venue takes and gives none of a cash asset."""
    command = HaltCash(asset_id=AssetId(params.currency.upper()), grounds=params.grounds)
    return _direct(command)


@REGISTRY.method("admin/resume_cash", Access.AUTHORITY)
def resume_cash(call: Call, params: CashParams) -> Ask[str]:
    """The venue takes and gives it again."""
    return _direct(ResumeCash(asset_id=AssetId(params.currency.upper())))


@REGISTRY.method("admin/get_participants", Access.AUTHORITY)
def get_participants(call: Call, params: NoParams) -> list[dict[str, Any]]:
    """Everybody who was let in."""
    return [
        {"participant_id": one.participant_id, "class": one.access_class.class_id, "state": one.state.value}
        for one in call.state.seats.values()
    ]


@REGISTRY.method("admin/get_state", Access.OPERATOR)
def get_state(call: Call, params: StateParams) -> dict[str, Any]:
    """How far the exchange has come, and the hash of its ledger; `with_state_hash` also that of all that it remembers,
    as `ringfence journal verify --replay` tells it, for which everybody waits some milliseconds or, of a large venue,
    a second."""
    venue = call.gateway.venue
    told = {"state_hash": state_hash(venue.exchange)} if params.with_state_hash else {}
    return told | {
        "standing": venue.standing.value,
        "sequence": venue.exchange.sequence,
        "ledger_head": call.state.ledger.head(),
        "time_ns": venue.now,
        "handled": venue.handled,
        "batches": venue.batches,
        "queued": venue.queued,
        "connections": len(call.gateway.connections),
    }


@REGISTRY.method("admin/create_key", Access.OPERATOR, changes=True)
def create_key(call: Call, params: RoleParams) -> dict[str, Any]:
    """A key in a role; for a participant only if it was let in, for an issuer with the coins (`currencies`) that it
    stands behind."""
    who = None if params.participant_id is None else ParticipantId(params.participant_id)
    if who is not None and who not in call.state.seats:
        raise invalid("participant_id", "was not let in: it must apply first")
    if who is None and params.role in SEATED:
        raise fault(FORBIDDEN, reason="such a key is somebody's: name a participant_id")
    if who is not None and params.role not in SEATED:
        raise fault(FORBIDDEN, reason="such a key is nobody's: leave participant_id out")
    wallet = None if who is None else call.state.seats[who].wallet_id
    key = call.gateway.ring.create(
        params.role, who, wallet, params.title, read_only=params.read_only, coins=_coins(call, params)
    )
    call.gateway.follow(key)
    return {"client_id": key.client_id, "client_secret": key.secret, "role": key.role.value}


def _coins(call: Call, params: RoleParams) -> tuple[AssetId, ...]:
    """Those of an issuer's key; nobody else has any. Raises Fault."""
    named = tuple(dict.fromkeys(AssetId(one.upper()) for one in params.currencies or ()))
    if params.role is not Role.ISSUER:
        if named:
            raise invalid("currencies", "are for the key of an issuer alone")
        return ()
    if not named:
        raise invalid("currencies", "are needed: name the coins that the issuer stands behind")
    for asset_id in named:
        holding = call.state.holdings.get(asset_id)
        if holding is None or holding.issuer is None:
            raise invalid("currencies", f"name {asset_id}, which is no coin of an issuer here")
    return named


@REGISTRY.method("admin/remove_key", Access.OPERATOR, changes=True)
def remove_key(call: Call, params: ClientIdParams) -> str:
    """Take back any key."""
    key = call.gateway.ring.keys.get(params.client_id)
    if key is None:
        raise invalid("client_id", "is no key")
    call.gateway.take_back(key)
    return "ok"
