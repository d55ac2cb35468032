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
from scenarios.language import N_, _, numeral, retold


class Trait(NamedTuple):
    about: str
    words: str


NOBODY = N_("nobody")


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
        signers = _("{freezer}, and for a wallet of the venue {other} too").format(
            freezer=signers, other=_in_short(beside)
        )
    return FreezeKey(signers, asset.obeys, asset.kind is CashKind.COIN)


def traits(asset: SettlementAssetTable) -> tuple[Trait, ...]:
    """The four of them, in the order in which a reader should ask."""
    return (
        Trait(_("Who can freeze it"), _who_freezes(asset)),
        Trait(_("Who loses if it fails"), _who_loses(asset)),
        Trait(_("When it moves"), _when_it_moves(asset)),
        Trait(_("Par"), _par(asset)),
    )


def _in_short(role: RoleTable) -> str:
    number = len(role.holders)
    return retold(role.signers() if number == 1 else f"{role.role().quorum} of {number} signers")


def _who_freezes(asset: SettlementAssetTable) -> str:
    roles = {role.name: role for role in asset.roles}
    freezer, beside = roles.get(RoleName.FREEZER), roles.get(RoleName.VENUE_FREEZER)
    if freezer is None:
        return _(NOBODY)
    parts = [
        _("{signers}, at {whose} orders").format(
            signers=retold(freezer.signers()), whose=_(asset.obeys.value)
        )
    ]
    if beside is not None:
        parts.append(
            _("for a wallet of the venue {signers} must sign too").format(signers=retold(beside.signers()))
        )
    if asset.freeze_stops_receiving is False:
        parts.append(_("what is frozen can still be paid into"))
    if asset.kind is CashKind.COIN:
        parts.append(_what_becomes_of_it(asset))
    return "; ".join(parts)


def _what_becomes_of_it(asset: SettlementAssetTable) -> str:
    if not asset.wipe_allowed:
        return _("nothing is destroyed")
    return {
        ReissueRule.NEVER: _("what is frozen may be destroyed"),
        ReissueRule.MANDATORY: _("what is frozen may be destroyed, and must be issued anew at once"),
    }.get(asset.reissue or ReissueRule.OPTIONAL, _("what is frozen may be destroyed, and issued anew"))


def _who_loses(asset: SettlementAssetTable) -> str:
    match asset.kind:
        case CashKind.DIGITAL_ROUBLE:
            return _("nobody: it is a claim on the central bank")
        case CashKind.BANK:
            told = _("whoever holds it, if {keeper} fails").format(keeper=_(asset.keeper))
            if asset.insured_rub is None:
                return told
            amount = retold(roubles(asset.insured_rub))
            told += _(": {amount} of each account are insured").format(amount=amount)
            return told if asset.insures_venue else told + _("; of the venue's account nothing is")
        case CashKind.COIN:
            buckets = ", ".join(_bucket(bucket) for bucket in asset.reserves or ())
            return _("whoever holds it, if {keeper} fails or who keeps its reserves: {buckets}").format(
                keeper=_(asset.keeper), buckets=buckets
            )


def _bucket(bucket: ReserveTable) -> str:
    return _("{share} {what} at {custodian}").format(
        share=_("{n}%").format(n=numeral(f"{bucket.weight_percent / 100:g}")),
        what=_(bucket.reserve_class.replace("_", " ")),
        custodian=retold(bucket.custodian),
    )


def _when_it_moves(asset: SettlementAssetTable) -> str:
    return _("{hours}; final after {seconds} s").format(
        hours=_within(asset.hours), seconds=numeral(f"{asset.finality_seconds:,}")
    )


def _within(hours: HoursTable | None) -> str:
    if hours is None:
        return _("round the clock")
    days = [_(day) for day in hours.weekdays]
    named = (_("{first} to {last}") if len(days) > 2 else _("{first} and {last}")).format(
        first=days[0], last=days[-1]
    )
    told = _("{opens} to {closes} UTC, {days}").format(
        opens=f"{hours.opens:%H:%M}",
        closes="24:00" if hours.closes is None else f"{hours.closes:%H:%M}",
        days=days[0] if len(days) == 1 else named,
    )
    return told + _(", without holidays") if hours.holidays else told


def _par(asset: SettlementAssetTable) -> str:
    match asset.kind:
        case CashKind.BANK:
            return _("it is what others are measured by")
        case CashKind.DIGITAL_ROUBLE:
            return _("into bank roubles, {hours}").format(hours=_within(asset.conversion_hours))
        case CashKind.COIN:
            return "; ".join(_redeemed(asset.redemption or RedemptionTable()))


def _redeemed(terms: RedemptionTable) -> Iterable[str]:
    to = (*terms.eligible_classes, *terms.eligible_wallets)
    who = _("for everybody")
    if to:
        who = _("for {classes} alone").format(classes=", ".join(_(name.replace("_", " ")) for name in to))
    yield _("redeemed {who}, {hours}, as far as money is there at once").format(
        who=who, hours=_within(terms.hours)
    )
    if terms.instant is False:
        yield _("in turns, not at once")
    if terms.queue is QueueRule.PRO_RATA:
        yield _("pro rata if it does not suffice")
    if terms.minimum_rub:
        yield _("{amount} at least").format(amount=retold(roubles(terms.minimum_rub)))
    yield _fee(terms)


def _fee(terms: RedemptionTable) -> str:
    fees = [retold(roubles(terms.fee_fixed_rub))] if terms.fee_fixed_rub else []
    if terms.fee_percent:
        fees.append(_("{n}%").format(n=numeral(f"{terms.fee_percent / 100:g}")))
    if not fees:
        return _("without a fee")
    told = _("for a fee of {fees}").format(fees=_(" or ").join(fees))
    return told + _(", the larger") if len(fees) > 1 else told
