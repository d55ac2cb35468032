"""A cash profile in plain words: who can freeze it, who loses if it fails, when it moves, and when it is at par."""

from collections.abc import Iterable
from typing import NamedTuple

from exchange.access.regime import roubles
from exchange.cash.terms import QueueRule, ReissueRule, RoleName
from scenarios.config.cash_file import (
    Authority,
    CashKind,
    HoursTable,
    RedemptionTable,
    ReserveTable,
    RoleTable,
    SettlementAssetTable,
)


class Trait(NamedTuple):
    about: str
    words: str


NOBODY = "nobody"


class FreezeKey(NamedTuple):
    """Who can freeze an asset: the signers in words, at whose orders, and whether an issuer keeps it."""

    signers: str  # "nobody", "the issuer, and for a wallet of the venue the central bank too"
    orders: Authority
    issued: bool


def freeze_key(asset: SettlementAssetTable) -> FreezeKey:
    roles = {role.name: role for role in asset.roles}
    freezer, beside = roles.get(RoleName.FREEZER), roles.get(RoleName.VENUE_FREEZER)
    signers = NOBODY if freezer is None else _in_short(freezer)
    if freezer is not None and beside is not None:
        signers += f", and for a wallet of the venue {_in_short(beside)} too"
    return FreezeKey(signers, asset.obeys, asset.kind is CashKind.COIN)


def traits(asset: SettlementAssetTable) -> tuple[Trait, ...]:
    """The four of them, in the order in which a reader should ask."""
    return (
        Trait("Who can freeze it", _who_freezes(asset)),
        Trait("Who loses if it fails", _who_loses(asset)),
        Trait("When it moves", _when_it_moves(asset)),
        Trait("Par", _par(asset)),
    )


def _in_short(role: RoleTable) -> str:
    number = len(role.holders)
    return role.signers() if number == 1 else f"{role.role().quorum} of {number} signers"


def _who_freezes(asset: SettlementAssetTable) -> str:
    roles = {role.name: role for role in asset.roles}
    freezer, beside = roles.get(RoleName.FREEZER), roles.get(RoleName.VENUE_FREEZER)
    if freezer is None:
        return NOBODY
    parts = [f"{freezer.signers()}, at {asset.obeys} orders"]
    if beside is not None:
        parts.append(f"for a wallet of the venue {beside.signers()} must sign too")
    if asset.freeze_stops_receiving is False:
        parts.append("what is frozen can still be paid into")
    if asset.kind is CashKind.COIN:
        parts.append(_what_becomes_of_it(asset))
    return "; ".join(parts)


def _what_becomes_of_it(asset: SettlementAssetTable) -> str:
    if not asset.wipe_allowed:
        return "nothing is destroyed"
    return {
        ReissueRule.NEVER: "what is frozen may be destroyed",
        ReissueRule.MANDATORY: "what is frozen may be destroyed, and must be issued anew at once",
    }.get(asset.reissue or ReissueRule.OPTIONAL, "what is frozen may be destroyed, and issued anew")


def _who_loses(asset: SettlementAssetTable) -> str:
    match asset.kind:
        case CashKind.DIGITAL_ROUBLE:
            return "nobody: it is a claim on the central bank"
        case CashKind.BANK:
            if asset.insured_rub is None:
                return f"whoever holds it, if {asset.keeper} fails"
            venue = "" if asset.insures_venue else "; of the venue's account nothing is"
            return (
                f"whoever holds it, if {asset.keeper} fails: {roubles(asset.insured_rub)} of each account are "
                f"insured{venue}"
            )
        case CashKind.COIN:
            buckets = ", ".join(_bucket(bucket) for bucket in asset.reserves or ())
            return f"whoever holds it, if {asset.keeper} fails or who keeps its reserves: {buckets}"


def _bucket(bucket: ReserveTable) -> str:
    share = f"{bucket.weight_percent / 100:g}%"
    return f"{share} {bucket.reserve_class.replace('_', ' ')} at {bucket.custodian}"


def _when_it_moves(asset: SettlementAssetTable) -> str:
    return f"{_within(asset.hours)}; final after {asset.finality_seconds:,} s"


def _within(hours: HoursTable | None) -> str:
    if hours is None:
        return "round the clock"
    days = list(hours.weekdays)
    named = f"{days[0]} to {days[-1]}" if len(days) > 2 else " and ".join(days)
    closes = "24:00" if hours.closes is None else f"{hours.closes:%H:%M}"
    return f"{hours.opens:%H:%M} to {closes} UTC, {named}{', without holidays' if hours.holidays else ''}"


def _par(asset: SettlementAssetTable) -> str:
    match asset.kind:
        case CashKind.BANK:
            return "it is what others are measured by"
        case CashKind.DIGITAL_ROUBLE:
            return f"into bank roubles, {_within(asset.conversion_hours)}"
        case CashKind.COIN:
            return "; ".join(_redeemed(asset.redemption or RedemptionTable()))


def _redeemed(terms: RedemptionTable) -> Iterable[str]:
    to = (*terms.eligible_classes, *terms.eligible_wallets)
    who = f"for {', '.join(name.replace('_', ' ') for name in to)} alone" if to else "for everybody"
    yield f"redeemed {who}, {_within(terms.hours)}, as far as money is there at once"
    if terms.instant is False:
        yield "in turns, not at once"
    if terms.queue is QueueRule.PRO_RATA:
        yield "pro rata if it does not suffice"
    if terms.minimum_rub:
        yield f"{roubles(terms.minimum_rub)} at least"
    fees = [roubles(terms.fee_fixed_rub)] if terms.fee_fixed_rub else []
    fees += [f"{terms.fee_percent / 100:g}%"] if terms.fee_percent else []
    yield f"for a fee of {' or '.join(fees)}{', the larger' * (len(fees) > 1)}" if fees else "without a fee"
