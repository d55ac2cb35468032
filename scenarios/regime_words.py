"""A regime in plain words, and what changes from one regime to another."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from exchange.access.classes import IN_ROUBLES, PLURAL, Requirement, Subject, meant_for, requirements
from exchange.access.listing import dollars
from exchange.access.permissions import granted
from exchange.access.regime import (
    AccessClass,
    ApplicantKind,
    AssetCounting,
    Caps,
    CapScope,
    CashRules,
    GateRule,
    InstitutionRule,
    ListingScreen,
    MarketRules,
    Permission,
    PositionLimit,
    Regime,
    VenueRule,
    roubles,
)
from exchange.clearing.denomination import Denomination
from exchange.clearing.terms import ClearingMode, ClearingRules, VariationKind
from exchange.clearing.waterfall import LossOrder
from exchange.instruments import Product
from exchange.units import HOUR, ONE_UNIT, BasisPoints
from matching.terms import SelfTradePrevention
from scenarios.language import N_, _, numeral, plural, retold

_PERMISSION = {
    Permission.ALLOWED: N_("allowed"),
    Permission.AFTER_TEST: N_("allowed after the knowledge test"),
    Permission.REDUCE_ONLY: N_("only to close what is held"),
    Permission.DENIED: N_("denied"),
}
_SELF_TRADE = {
    SelfTradePrevention.CANCEL_RESTING: "the older order is canceled",
    SelfTradePrevention.CANCEL_INCOMING: "the newer order is canceled",
    SelfTradePrevention.CANCEL_BOTH: "both orders are canceled",
    SelfTradePrevention.DECREMENT: "both orders lose what they would have traded",
}
_NO_RULE = N_("no rule")
_GATE = {GateRule.PRO_RATA: "in proportion to what is owed", GateRule.FIRST_COME: "first come, first served"}
_VARIATION = {
    VariationKind.REALTIME: N_("profit counts at once"),
    VariationKind.SESSIONS: N_("profit counts when a clearing has paid it"),
    VariationKind.T_PLUS_ONE: N_("paid on the next day"),
    VariationKind.REALISED_ONLY: N_("only what was realised is paid"),
}
_LOSSES = {
    LossOrder.DEFAULT_FUND: N_("a default fund of the members"),
    LossOrder.CRYPTO: N_("an insurance fund and then deleveraging"),
}


def differences(before: Regime, after: Regime) -> list[str]:
    """One line a lever that differs, such as "individuals, spot: allowed -> denied"."""
    old, new = levers(before), levers(after)
    return [f"{name}: {old[name]} -> {new[name]}" for name in old if old[name] != new[name]]


def levers(regime: Regime) -> dict[str, str]:
    """Every lever by its plain name, in words. The names are the same for every regime."""
    sheet: dict[str, str] = {}
    for kind in ApplicantKind:
        sheet.update((f"{PLURAL[kind]}, {name}", words) for name, words in _levers_of(kind, regime))
    return sheet | {rule.name: rule.words for rule in rules(regime)}


class Rule(NamedTuple):
    name: str
    words: str
    key: str  # where it stands in the regime file


def rules(regime: Regime) -> list[Rule]:
    """The levers that are the same for every class."""
    requests = regime.market.max_requests_per_second
    return [
        Rule("institutions, own funds", own_funds_in_words(regime.institutions), "institutions"),
        Rule(
            "spot",
            "inside the test environment" if regime.test_environment else "not traded at all",
            "test_environment",
        ),
        Rule("crypto as wealth", _counting(regime.asset_counting), "asset_counting"),
        Rule(
            "trades with oneself",
            _SELF_TRADE[regime.market.self_trade_prevention],
            "market.self_trade_prevention",
        ),
        Rule(
            "requests of one participant",
            "no limit" if requests is None else f"at most {requests} a second",
            "market.max_requests_per_second",
        ),
        Rule("hours, auctions and bands", market_in_words(regime.market), "market"),
        Rule("the venue as a whole", venue_in_words(regime.venue), "venue"),
        Rule("coins on which anything is offered", listing_in_words(regime.listing), "listing"),
        Rule("position on one coin", positions_in_words(regime.position_limits), "position_limits"),
        Rule("clearing", clearing_in_words(regime.clearing), "clearing"),
        Rule("settlement", cash_in_words(regime.cash), "cash.settlement_asset"),
        Rule("withdrawals when a venue wallet is frozen", _GATE[regime.cash.gate], "cash.gate"),
        Rule("when a venue wallet is frozen", trading_when_frozen(regime.cash), "cash.halt_on_freeze"),
        Rule(
            "what was set aside before a freeze",
            settled_when_frozen(regime.cash),
            "cash.freeze_respects_finality",
        ),
        Rule("when what it settles in is halted", fallback_in_words(regime.cash), "cash.fallback_asset"),
        Rule(
            "refused demand that trades offshore", percent(regime.offshore_share_bp), "offshore_share_percent"
        ),
        Rule("refused demand that waits", percent(regime.waiting_share_bp), "waiting_share_percent"),
    ]


def provenance(regime: Regime, key: str) -> str:
    """What vouches for a key of the regime file: "assumed", the labels of its sources, or nothing.

    Of the keys that name a table around it the longest decides; those below it count as well, and one
    assumption among them makes the whole assumed.
    """
    vouching = [(assumption.key, "assumed") for assumption in regime.assumptions]
    vouching += [(known, source.label) for source in regime.sources for known in source.keys]
    below = [word for known, word in vouching if known.startswith(f"{key}.")]
    around = [(known, word) for known, word in vouching if f"{key}.".startswith(f"{known}.")]
    longest = max((len(known) for known, _ in around), default=0)
    words = below + [word for known, word in around if len(known) == longest]
    return "assumed" if "assumed" in words else ", ".join(dict.fromkeys(words))


def percent(basis_points: BasisPoints) -> str:
    return _("{n}%").format(n=numeral(f"{basis_points / 100:,.10g}"))


def ways_in(access_class: AccessClass) -> list[str]:
    """Each criterion of the class: "individuals with assets of at least 12,000,000 RUB"."""
    return [
        " ".join(
            part
            for part in (
                _(" or ").join(_(PLURAL[kind]) for kind in criterion.kinds) or _("anybody"),
                _joined(requirements(criterion)),
            )
            if part
        )
        for criterion in access_class.any_of
    ]


def permissions_in_words(access_class: AccessClass) -> dict[Product, str]:
    return {
        product: _(_PERMISSION[granted(access_class, product)]) for product in _worth_saying([access_class])
    }


def coins_in_words(access_class: AccessClass) -> str:
    """On which coins it may trade: "BTC and ETH"."""
    *others, last = access_class.underlyings or (_("every one"),)
    return _("{others} and {last}").format(others=", ".join(others), last=last) if others else last


def cooling_off_in_words(access_class: AccessClass) -> str:
    hours = access_class.cooling_off // HOUR
    if not hours:
        return _("none")
    return plural(hours, "{n} hour before the first position", "{n} hours before the first position")


def caps_in_words(caps: Caps) -> str:
    parts = []
    if caps.capital_at_risk is not None:
        parts.append(_("at most {amount}").format(amount=retold(roubles(caps.capital_at_risk))))
    if caps.share_of_assets_bp is not None:
        share = percent(caps.share_of_assets_bp)
        parts.append(_("at most {share} of the assets that count").format(share=share))
    return _(" and ").join(parts) or _("no limit")


def leverage_in_words(caps: Caps) -> str:
    """The most notional that margin may carry: "at most 2:1"."""
    if caps.leverage_bp is None:
        return _("no cap")
    return _("at most {amount}").format(amount=numeral(f"{caps.leverage_bp / 10_000:.10g}") + ":1")


def closeout_in_words(caps: Caps) -> str:
    """When positions are closed, and what becomes of a loss beyond the deposit, under margin."""
    below = caps.closeout_bp
    if below is None:
        level = _("as the clearing says")
    else:
        level = _("below {share} of initial margin").format(share=percent(below))
    return level + (_("; nothing is owed beyond one's money") if caps.negative_balance_protection else "")


def purchases_in_words(caps: Caps) -> str:
    """How much may be bought in a year: "at most 300,000 RUB a year with each intermediary"."""
    if caps.annual_purchases is None:
        return _("no limit")
    told = (
        _("at most {amount} a year with each intermediary")
        if caps.purchases_scope is CapScope.INTERMEDIARY
        else _("at most {amount} a year")
    ).format(amount=retold(roubles(caps.annual_purchases)))
    return f"{told}; {_('what is sold makes room')}" if caps.resale_restores else told


def limit_in_words(access_class: AccessClass, regime: Regime) -> str:
    """The caps of a class, and the rule on institutions' own funds where it takes institutions."""
    limit, own_funds = caps_in_words(access_class.caps), own_funds_in_words(regime.institutions)
    if access_class.caps.leverage_bp is not None:
        limit += _("; leverage under margin: {cap}").format(cap=leverage_in_words(access_class.caps))
    if access_class.caps.closeout_bp is not None or access_class.caps.negative_balance_protection:
        limit += _("; closed out under margin: {when}").format(when=closeout_in_words(access_class.caps))
    if access_class.caps.annual_purchases is not None:
        limit += _("; purchases: {cap}").format(cap=purchases_in_words(access_class.caps))
    taken = any(meant_for(criterion, ApplicantKind.INSTITUTION) for criterion in access_class.any_of)
    if not taken or own_funds == _(_NO_RULE):
        return limit
    return _("{limit}, but institutions' own funds {rule}").format(limit=limit, rule=own_funds)


def _levers_of(kind: ApplicantKind, regime: Regime) -> Iterator[tuple[str, str]]:
    """What the regime means for one kind of applicant, whichever class it falls into."""
    open_to_kind = [
        access_class
        for access_class in regime.classes
        if any(meant_for(criterion, kind) for criterion in access_class.any_of)
    ]
    gates = [
        (access_class.title, requirements(criterion))
        for access_class in open_to_kind
        for criterion in access_class.any_of
        if meant_for(criterion, kind)
    ]
    yield "admission", _admission([asked for _, asked in gates])
    yield "wealth gate", _gate([gate for gate in gates if _about(gate[1], Subject.ASSETS)], open_to_kind)
    yield "income gate", _gate([gate for gate in gates if _about(gate[1], Subject.INCOME)], open_to_kind)
    others = [gate for gate in gates if gate[1] and not _about(gate[1], *IN_ROUBLES)]
    yield "other gates", _gate(others, open_to_kind)
    for product in _worth_saying(open_to_kind):
        words = [(one.title, _PERMISSION[granted(one, product)]) for one in open_to_kind]
        yield product.value, _by_class(words, none="denied")
    yield "coins", _by_class([(one.title, coins_in_words(one)) for one in open_to_kind], none="none")
    waits = [(one.title, cooling_off_in_words(one)) for one in open_to_kind]
    yield "cooling-off", _by_class(waits, none="none")
    limits = [(one.title, caps_in_words(one.caps)) for one in open_to_kind]
    yield "capital at risk", _by_class(limits, none="no limit")
    carried = [(one.title, leverage_in_words(one.caps)) for one in open_to_kind]
    yield "leverage under margin", _by_class(carried, none="no cap")
    closed = [(one.title, closeout_in_words(one.caps)) for one in open_to_kind]
    yield "closed out under margin", _by_class(closed, none="as the clearing says")
    bought = [(one.title, purchases_in_words(one.caps)) for one in open_to_kind]
    yield "purchases", _by_class(bought, none="no limit")


def _admission(gates: list[tuple[Requirement, ...]]) -> str:
    if not gates:
        return "nobody"
    return "everybody" if any(not asked for asked in gates) else "those who pass a gate"


def _about(asked_for: tuple[Requirement, ...], *subjects: Subject) -> bool:
    return any(asked.subject in subjects for asked in asked_for)


def _gate(gates: list[tuple[str, tuple[Requirement, ...]]], classes: list[AccessClass]) -> str:
    """Alternatives, each with the name of its class if there is more than one class to tell apart."""
    return (
        ", or ".join(
            (f"{title}: " if len(classes) > 1 else "") + _threshold_first(asked) for title, asked in gates
        )
        or "none"
    )


def _threshold_first(asked_for: tuple[Requirement, ...]) -> str:
    """ "at least 6,000,000 RUB with a passed knowledge test": the gate's own subject goes without saying."""
    first, *rest = asked_for
    return " ".join(part for part in (first.threshold, _joined(tuple(rest))) if part)


def _joined(asked_for: tuple[Requirement, ...]) -> str:
    if not asked_for:
        return ""
    return _("with {what}").format(what=_(" and ").join(retold(asked.words) for asked in asked_for))


def _worth_saying(classes: Sequence[AccessClass]) -> list[Product]:
    """All products, but that money may be exchanged for money goes without saying."""
    said = any(Product.CASH_PAIR in one.permissions for one in classes)
    return [product for product in Product if said or product is not Product.CASH_PAIR]


def _by_class(values: list[tuple[str, str]], *, none: str) -> str:
    """The value that all classes share, or else each with the title of its class."""
    words = [value for _, value in values] or [none]
    if words.count(words[0]) == len(words):
        return words[0]
    return ", ".join(f"{title}: {value}" for title, value in values)


def own_funds_in_words(rule: InstitutionRule) -> str:
    parts = []
    if rule.cover_bp is not None:
        share = percent(rule.cover_bp)
        parts.append(_("must cover {share} of the capital at risk").format(share=share))
    if rule.exposure_cap_bp is not None:
        parts.append(_("may be at risk up to {share}").format(share=percent(rule.exposure_cap_bp)))
    if rule.soft_cap_bp is not None:
        parts.append(_("are told of beyond {share}").format(share=percent(rule.soft_cap_bp)))
    return _(" and ").join(parts) or _(_NO_RULE)


def venue_in_words(rule: VenueRule) -> str:
    if rule.capital_at_risk is None:
        return "as large as it will"
    return f"at most {roubles(rule.capital_at_risk)} of everybody's capital at risk"


def positions_in_words(limits: Sequence[PositionLimit]) -> str:
    """Each limit: "BTC (future): told of beyond 110 units, at most 5,000 units"."""
    return "; ".join(_limit_in_words(limit) for limit in limits) or "no limit"


def _limit_in_words(limit: PositionLimit) -> str:
    parts = [
        f"told of beyond {_units(tier.units)}"
        + (f" and margined {percent(tier.extra_margin_bp)} higher there" if tier.extra_margin_bp else "")
        for tier in limit.tiers
    ]
    if limit.units is not None:
        parts.append(f"at most {_units(limit.units)}")
    return f"{limit.coin} ({', '.join(limit.products)}): {', '.join(parts)}"


def _units(hundred_millionths: int) -> str:
    return f"{Decimal(hundred_millionths) / ONE_UNIT:,f} units"


def listing_in_words(screen: ListingScreen) -> str:
    """What the listing screen asks of a coin: "worth USD 60,000,000,000 or more, no privacy coins"."""
    parts = []
    if screen.market_value_min is not None:
        parts.append(f"worth {dollars(screen.market_value_min)} or more")
    if screen.daily_volume_min is not None:
        parts.append(f"with {dollars(screen.daily_volume_min)} or more traded a day")
    if screen.age_years_min:
        parts.append(f"traded for {screen.age_years_min} years or longer")
    if not screen.privacy_coins:
        parts.append("no privacy coins")
    return ", ".join(parts) or "every one"


def market_in_words(market: MarketRules) -> str:
    """What the regime says of hours, auctions and bands, in one line."""
    return ", ".join(market.told) or "as in the scenario"


def cash_in_words(cash: CashRules) -> str:
    """In one line: what the venue settles in, and what discharges a debt if it is not one coin for a rouble."""
    asset = cash.told or cash.settlement_asset
    if cash.denomination is Denomination.TOKEN_PAR:
        return asset
    told = _("{asset}; debts are paid in as many as are worth it").format(asset=asset)
    if not cash.collateral_haircut_bp:
        return told
    return told + _(", less {share} as collateral").format(share=percent(cash.collateral_haircut_bp))


def trading_when_frozen(cash: CashRules) -> str:
    return _("trading is halted at once") if cash.halt_on_freeze else _("trading goes on until it is halted")


def settled_when_frozen(cash: CashRules) -> str:
    return "still settles after it" if cash.freeze_respects_finality else "stays where it is"


def fallback_in_words(cash: CashRules) -> str:
    """What becomes of claims once the settlement asset is halted."""
    if cash.fallback_asset is None:
        return _("claims wait until it is resumed")
    return _("claims may be converted into {asset} at a published rate").format(asset=cash.fallback_asset)


def clearing_in_words(clearing: ClearingRules) -> str:
    """In one line: full cover, or margin with its clearings and who stands behind it."""
    if clearing.mode is ClearingMode.FULL:
        return _("covered in full")
    variation = clearing.variation
    waterfall = clearing.waterfall
    who = _(_LOSSES[waterfall.order])
    if waterfall.order is LossOrder.DEFAULT_FUND:
        own = retold(roubles(waterfall.skin_in_the_game))
        who = _("{who} after {amount} of the house").format(who=who, amount=own)
    told = (
        _("margin of {share}, {clearings} a working day ({how}), behind it {who}")
        if variation.working_days_only
        else _("margin of {share}, {clearings} a day ({how}), behind it {who}")
    )
    return told.format(
        share=percent(clearing.scenarios.price_range_bp),
        clearings=plural(len(variation.clearings), "{n} clearing", "{n} clearings"),
        how=_(_VARIATION[variation.kind]),
        who=who,
    )


def _counting(counting: AssetCounting) -> str:
    if not counting.crypto_share_bp:
        return "does not count"
    most = "" if counting.crypto_max is None else f", at most {roubles(counting.crypto_max)}"
    return f"counts at {percent(counting.crypto_share_bp)}{most}"
