"""Who may enter and do what, and why not: the regime's gate as a participant sees it."""

from typing import Annotated, Any

from pydantic import Field

from exchange.access.caps import tightest
from exchange.access.classes import classify, explain
from exchange.access.permissions import granted
from exchange.access.regime import Applicant, ApplicantKind
from exchange.commands import ApplyForAccess
from exchange.events import (
    CashRequestRejected,
    Entry,
    OrderRejected,
    ParticipantAdmitted,
    ParticipantRefused,
    PrivateEvent,
    RequestRejected,
)
from exchange.gateway.auth import Role
from exchange.gateway.dispatch import Call
from exchange.gateway.faults import FORBIDDEN, OTHER_REJECT, UNAVAILABLE, fault, invalid, refused
from exchange.gateway.registry import NO_TRUTH, REGISTRY, Access, Ask, Name, NoParams, Params, StrictParams
from exchange.gateway.shapes import AccessStatistics
from exchange.gateway.wire import milliseconds, money
from exchange.instruments import Product
from exchange.reasons import RejectReason
from exchange.rules.permitted import is_bound, refusal_to_open
from exchange.units import Money, WalletId
from matching.terms import ParticipantId

MOST_KEYS = 8
Roubles = Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False), NO_TRUTH]


class ApplicationParams(StrictParams):
    participant_id: Annotated[str, Field(pattern=r"^[a-z0-9_-]{3,40}$")]
    kind: ApplicantKind
    securities_and_deposits_rub: Roubles = 0
    crypto_assets_rub: Roubles = 0
    incomes_rub: tuple[Roubles, ...] = ()
    knowledge_test_passed: bool = False
    deals_per_quarter: Annotated[int, Field(ge=0, le=10**9), NO_TRUTH] = 0
    years_of_experience: Annotated[int, Field(ge=0, le=100), NO_TRUTH] = 0
    qualified_by_law: bool = False
    own_funds_rub: Roubles = 0


class RefusalsParams(Params):
    count: Annotated[int, Field(ge=1, le=100), NO_TRUTH] = 10


class MayParams(Params):
    instrument_name: Name


class KeyParams(StrictParams):
    title: Annotated[str, Field(max_length=64)] = ""
    read_only: bool = False


class ClientIdParams(Params):
    client_id: Name


def applicant_of(params: ApplicationParams) -> Applicant:
    def kopecks(amount: float) -> Money:
        return round(amount * 100)

    return Applicant(
        kind=params.kind,
        securities_and_deposits=kopecks(params.securities_and_deposits_rub),
        crypto_assets=kopecks(params.crypto_assets_rub),
        incomes=tuple(kopecks(one) for one in params.incomes_rub),
        knowledge_test_passed=params.knowledge_test_passed,
        deals_per_quarter=params.deals_per_quarter,
        years_of_experience=params.years_of_experience,
        qualified_by_law=params.qualified_by_law,
        own_funds=kopecks(params.own_funds_rub),
    )


@REGISTRY.method("access/apply", Access.PUBLIC)
def apply(call: Call, params: ApplicationParams) -> Ask[dict[str, Any]]:
    """Ask to be let in. Whoever the regime admits gets a key; whoever it refuses is told why, and how far it is from
    the nearest class."""
    if len(call.state.seats) >= call.gateway.limits.participants:
        raise fault(UNAVAILABLE, reason="too_many_participants")
    name = ParticipantId(params.participant_id)
    wallet = WalletId(f"wallet-{name}")
    command = ApplyForAccess(participant_id=name, applicant=applicant_of(params), wallet_id=wallet)

    def answer(told: list[list[Entry]]) -> dict[str, Any]:
        for event in (entry.event for entry in told[0]):
            if isinstance(event, ParticipantRefused) and event.participant_id == name:
                raise refused(event.reason, explanation=event.explanation)
            if isinstance(event, ParticipantAdmitted) and event.participant_id == name:
                key = call.gateway.ring.create(Role.PARTICIPANT, name, wallet, event.class_id)
                call.gateway.follow(key)
                return {
                    "participant_id": name,
                    "class": event.class_id,
                    "permissions": {one.value: word.value for one, word in event.permissions.items()},
                    "capital_at_risk_limit": None if event.limit is None else money(event.limit),
                    "wallet": wallet,
                    "client_id": key.client_id,
                    "client_secret": key.secret,
                }
        raise fault(OTHER_REJECT, reason="nothing_happened")

    return Ask((command,), answer)


@REGISTRY.method("access/assess", Access.PUBLIC)
def assess(call: Call, params: ApplicationParams) -> dict[str, Any]:
    """What the regime would say to an applicant, without an application."""
    regime = call.state.regime
    if regime is None:
        raise fault(UNAVAILABLE, reason="no_regime_in_force")
    applicant = applicant_of(params)
    found = classify(applicant, regime)
    if found is None:
        return {"admitted": False, "class": None, "explanation": explain(applicant, regime)}
    return {"admitted": True, "class": found.class_id, "explanation": found.title}


@REGISTRY.method("access/get_my_class", Access.SEATED)
def get_my_class(call: Call, params: NoParams) -> dict[str, Any]:
    """The class into which the regime has put the caller, and its state."""
    seat = call.seat
    return {
        "participant_id": seat.participant_id,
        "class": seat.access_class.class_id,
        "title": seat.access_class.title,
        "state": seat.state.value,
        "kind": seat.applicant.kind.value,
        "knowledge_test_passed": seat.applicant.knowledge_test_passed,
        "role": call.speaker.role.value,
        "wallet": seat.wallet_id,
        "clearing_member": seat.member_id,
    }


@REGISTRY.method("access/get_my_permissions", Access.SEATED)
def get_my_permissions(call: Call, params: NoParams) -> dict[str, Any]:
    """What the regime lets the caller's class do in each product, with the reason where it may not open a position."""
    seat = call.seat
    told: dict[str, Any] = {}
    for product in Product:
        reason = refusal_to_open(product, None, seat, call.state)
        told[product.value] = {
            "permission": granted(seat.access_class, product).value,
            "may_open": reason is None,
            "reason": None if reason is None else reason.value,
        }
    return told


@REGISTRY.method("access/get_my_limits", Access.SEATED)
def get_my_limits(call: Call, params: NoParams) -> dict[str, Any]:
    """How much capital the caller may put at risk, how much it may buy this year, and how much of both is used."""
    seat, purchases = call.seat, call.state.covers.purchases(call.seat.participant_id)
    limit = tightest(seat.limit, seat.own_funds_limit)
    used = call.state.covers.at_risk(seat.participant_id)
    return {
        "capital_at_risk_limit": None if limit is None else money(limit),
        "used": money(used),
        "available": None if limit is None else money(max(limit - used, 0)),
        "set_by_the_authority": None if seat.set_limit is None else money(seat.set_limit),
        "own_funds_limit": None if seat.own_funds_limit is None else money(seat.own_funds_limit),
        "annual_purchases_limit": None if seat.purchases_limit is None else money(seat.purchases_limit),
        "bought_this_year": money(purchases.bought),
        "coins": list(seat.access_class.underlyings) or None,
        "requests_per_second": call.state.regime.market.max_requests_per_second
        if call.state.regime
        else None,
    }


@REGISTRY.method("access/why_refused", Access.SEATED)
def why_refused(call: Call, params: RefusalsParams) -> list[dict[str, Any]]:
    """The caller's latest refusals with their reasons, the latest first."""
    found = list(reversed(call.owner.refusals))[: params.count]
    return [{"timestamp": milliseconds(at), **_told(event)} for at, event in found]


def _told(event: PrivateEvent) -> dict[str, Any]:
    told: dict[str, Any] = {"event": type(event).__name__}
    match event:
        case OrderRejected():
            told |= {"instrument_name": event.instrument_id, "reason": event.reason.value}
        case RequestRejected():
            told |= {"order": event.order_id, "reason": event.reason.value}
        case CashRequestRejected():
            told |= {"request": event.request, "currency": event.asset_id, "reason": event.reason.value}
        case ParticipantRefused():
            told |= {"reason": event.reason.value, "explanation": event.explanation}
        case _:
            told["reason"] = str(getattr(event, "reason", ""))
    return told


@REGISTRY.method("access/may_i_trade", Access.SEATED)
def may_i_trade(call: Call, params: MayParams) -> dict[str, Any]:
    """Whether the caller may open a position in an instrument now, and if not, why."""
    series = call.state.series.get(params.instrument_name)  # type: ignore[call-overload]
    if series is None:
        raise invalid("instrument_name", "unknown_instrument")
    seat = call.seat
    reason = refusal_to_open(series.instrument.product, series.instrument.coin, seat, call.state)
    if reason is None and is_bound(seat):
        reason = RejectReason.REDUCE_ONLY
    return {
        "may_open": reason is None and seat.state.value == "active",
        "reason": None if reason is None else reason.value,
        "state": seat.state.value,
    }


@REGISTRY.method("access/get_statistics", Access.PUBLIC)
def get_statistics(call: Call, params: NoParams) -> AccessStatistics:
    """How many were let in, by class, and how many applications and requests were refused, by reason; what each
    class asks for."""
    return call.gateway.hub.statistics.access()


@REGISTRY.method("access/create_key", Access.SEATED, changes=True)
def create_key(call: Call, params: KeyParams) -> dict[str, Any]:
    """One more key for the caller, to trade or to read alone."""
    mine = [one for one in call.gateway.ring if one.participant_id == call.participant_id]
    if len(mine) >= MOST_KEYS:
        raise fault(FORBIDDEN, reason=f"no more than {MOST_KEYS} keys")
    speaker = call.speaker
    key = call.gateway.ring.create(
        speaker.role, call.participant_id, speaker.wallet_id, params.title, read_only=params.read_only
    )
    return {"client_id": key.client_id, "client_secret": key.secret, "read_only": key.read_only}


@REGISTRY.method("access/remove_key", Access.SEATED, changes=True)
def remove_key(call: Call, params: ClientIdParams) -> str:
    """Take back one of the caller's keys, with all that is signed in with it."""
    key = call.gateway.ring.keys.get(params.client_id)
    if key is None or key.participant_id != call.participant_id:
        raise fault(FORBIDDEN, param="client_id", reason="is no key of the caller's")
    call.gateway.take_back(key)
    return "ok"
