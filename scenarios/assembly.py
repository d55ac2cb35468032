"""From a world, a regime and a seed to an exchange with people on it, ready to run.

The population applies whole, whoever the regime lets in: a refusal is part of the story. The same person has
the same dice under every regime.
"""

import heapq
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, count, islice
from operator import itemgetter
from typing import NamedTuple

from exchange.access.regime import Regime
from exchange.cash.terms import AnyCashTerms, BankTerms, CoinTerms, DigitalRoubleTerms, RoleName
from exchange.clearing.terms import ClearingMode, ClearingRules
from exchange.clearing.waterfall import LossOrder
from exchange.commands import (
    AdoptRegime,
    AnnounceCryptoDeposit,
    ApplyForAccess,
    AppointMember,
    ChooseMember,
    Command,
    CreditWallet,
    DepositCash,
    FundHouse,
    HouseLayer,
    IndexTerms,
    ListInstrument,
    MintCoins,
    OfferToPort,
    PlaceNotes,
    PublishReferenceRate,
    RecordFiatReceipt,
    RegisterNote,
    ReportQuotes,
    ReportTrades,
    SubscribeNotes,
)
from exchange.core import Exchange
from exchange.events import (
    CashDeposited,
    CashRequestRejected,
    ClearingRequestRejected,
    ClientApplied,
    ClientDeclined,
    CoinRequestRefused,
    DirectiveRefused,
    Entry,
    HouseFunded,
    NoteRequestRejected,
    ParticipantAdmitted,
)
from exchange.instruments import Instrument, Product
from exchange.messages import changed
from exchange.reasons import CashRefusal
from exchange.units import MINUTE, BasisPoints, Money, Time, WalletId
from participants.authority import Script
from participants.chance import Dice, generator
from participants.coin_holders import draw_holders
from participants.participant import Participant
from participants.population import draw_population
from participants.profile import Profile
from participants.strategies import coin_professional, participant_for
from participants.strategies.cautious_holder import CautiousHolder
from participants.strategies.clearing_member import ClearingMember
from participants.strategies.coin_trader import CoinTrader
from participants.strategies.holding_member import HoldingMember
from participants.strategies.running_holder import RunningHolder
from scenarios.config.reading import ConfigurationError
from scenarios.freeze_hazard import draw_freezes
from scenarios.index_path import reference_rates, venue_quotes, venue_trades
from scenarios.simulation import Keeper, Link, Simulation
from scenarios.world import (
    CALM,
    ClearingMemberTerms,
    ClientTerms,
    LinkTerms,
    MakerTerms,
    PathTerms,
    StormTerms,
    World,
)

# So short that a directive arrives at its hour to the nanosecond, before every order of that instant.
AUTHORITY_LINK = LinkTerms(fixed_ns=1, jitter_ns=0)
HOUSE_WALLET = WalletId("house")  # where the house keeps its coins before it brings them
PLACED_BEFORE = MINUTE  # the opening


class Assembled(NamedTuple):
    simulation: Simulation
    population: Sequence[Profile]


def assemble(
    world: World,
    regime: Regime,
    seed: int,
    keeper: Keeper,
    kind: Callable[[Exchange, Keeper, Time], Simulation] = Simulation,
) -> Assembled:
    """Found the venue, let in whom the regime lets in, bring their coins, and script what comes from outside.
    `kind` says how time passes.

    Raises ConfigurationError, before the first event, if the world cannot be under that regime.
    """
    if regime.cash.settlement_asset != world.cash:
        raise ConfigurationError(
            regime.regime_id,
            "cash.settlement_asset",
            f"is {regime.cash.settlement_asset}, but the scenario pays in {world.cash}",
            "name the scenario's coin",
        )
    simulation = kind(Exchange(), keeper, world.starts)
    found_venue(simulation, world, regime)
    _fund_house(simulation, world, regime.clearing)
    population = draw_population(seed, world.population) if world.population.size else ()
    receipts, margin_bp = count(1), margin_of_a_position(regime.clearing)
    for issuer in world.issuers:
        _enter_issuer(simulation, world, issuer, next(receipts))
    for firm in world.firms:
        _enter_firm(simulation, world, firm, "firms", next(receipts))
    for number, profile in enumerate(population):
        instrument = world.quoted[number % len(world.quoted)]
        _enter(simulation, world, profile, instrument, seed, next(receipts), margin_bp)
    for maker in world.makers:
        _enter_maker(simulation, world, maker, seed, next(receipts), margin_bp)
    for client in world.clients:
        _enter_client(simulation, world, client, seed, next(receipts), margin_bp)
    _enter_coin_traders(simulation, world, seed, receipts)
    _enter_members(simulation, world, population, seed, receipts, margin_bp)
    _fund_fallback(simulation, world)
    simulation.play(outside(world, seed))
    simulation.play(world.said)
    for lost in world.disconnections:
        simulation.disconnect(lost)
    people = (*population, *(maker.profile for maker in world.makers))
    directives = [
        (at, _whole_allowance(_clearing_stays(command, regime), simulation))
        for at, command in (*world.directives, *draw_freezes(world, people, seed))
    ]
    if directives:
        script = Script(directives, line_ns=AUTHORITY_LINK.fixed_ns)
        _join(simulation, script, AUTHORITY_LINK, seed)
    return Assembled(simulation, population)


def found_venue(simulation: Simulation, world: World, regime: Regime | None) -> None:
    """Raises ConfigurationError if the venue refuses what the scenario lists."""
    founding: list[Command] = [world.established]
    founding += [AdoptRegime(regime=regime)] if regime is not None else []
    founding += [ListInstrument(instrument=i) for i in world.instruments if i.product is not Product.NOTE]
    for command in founding:
        entries = simulation.submit(command)
        if not _is_refused_by(regime, command):  # that spot is not listed is part of the story
            _must_pass(entries, world)


def _is_refused_by(regime: Regime | None, command: Command) -> bool:
    spot = isinstance(command, ListInstrument) and command.instrument.product is Product.SPOT
    return spot and regime is not None and not regime.test_environment


def margin_of_a_position(clearing: ClearingRules) -> BasisPoints | None:
    """What participants believe that a position needs, of what it is worth: the range that is margined."""
    return clearing.scenarios.price_range_bp if clearing.mode is ClearingMode.RISK else None


def _clearing_stays(command: Command, regime: Regime) -> Command:
    """A regime that comes into force later leaves what the venue settles in, and how debts are reckoned, as it is;
    and if it says nothing of margin, the venue's clearing.
    """
    if not isinstance(command, AdoptRegime):
        return command
    later = changed(command.regime, cash=changed(regime.cash, gate=command.regime.cash.gate))
    if later.clearing.mode is ClearingMode.FULL:
        later = changed(later, clearing=regime.clearing)
    return AdoptRegime(regime=later)


def _whole_allowance(command: Command, simulation: Simulation) -> Command:
    """Whoever steals a minter's key mints all that the coins people brought have left of its allowance."""
    if not isinstance(command, MintCoins) or command.amount:
        return command
    holding = simulation.exchange.state.holdings.get(command.asset_id)
    issuer = None if holding is None else holding.issuer
    return command if issuer is None else changed(command, amount=issuer.allowance(command.minter))


# --- the house and its members --------------------------------------------------------------------------


def house_money(world: World, clearing: ClearingRules) -> dict[HouseLayer, Money]:
    """What the house brings: for each layer what the scenario says, and otherwise what the regime asks for.

    Where everything is covered in full, only what bears losses of the coins themselves.
    """
    usable = {HouseLayer.LOSS_LAYER, HouseLayer.LOSS_INSURANCE}
    if clearing.mode is ClearingMode.FULL:
        return {layer: amount for layer, amount in world.house.items() if layer in usable and amount}
    waterfall = clearing.waterfall
    if waterfall.order is LossOrder.CRYPTO:
        asked = {HouseLayer.INSURANCE: waterfall.insurance_fund}
    else:
        asked = {
            HouseLayer.SKIN_IN_THE_GAME: waterfall.skin_in_the_game,
            HouseLayer.SECOND_SKIN_IN_THE_GAME: waterfall.second_skin_in_the_game,
            HouseLayer.FURTHER_AMOUNT: waterfall.further_amount,
            HouseLayer.EQUITY: waterfall.equity,
        }
    usable |= {*asked, HouseLayer.INSURANCE, HouseLayer.LIQUIDITY}  # fees of liquidation are insurance too
    said = {layer: amount for layer, amount in world.house.items() if layer in usable}
    return {layer: amount for layer, amount in (asked | said).items() if amount}


def _fund_house(simulation: Simulation, world: World, clearing: ClearingRules) -> None:
    for layer, amount in house_money(world, clearing).items():
        _fund_layer(simulation, world, world.coin, layer, amount)


def _fund_fallback(simulation: Simulation, world: World) -> None:
    """What the house pays out if the settlement asset is halted and converted: unless the scenario says how much, as
    much as all have brought.
    """
    if world.fallback is None:
        return
    holding = simulation.exchange.state.holdings[world.cash]
    brought = sum(holding.keeper.balance(wallet_id) for wallet_id in holding.custody.wallets)
    amount = brought if world.fallback_liquidity is None else world.fallback_liquidity
    if amount:
        _fund_layer(simulation, world, world.fallback, HouseLayer.LIQUIDITY, amount)


def _fund_layer(
    simulation: Simulation, world: World, terms: AnyCashTerms, layer: HouseLayer, amount: Money
) -> None:
    entries = bring_cash(simulation, terms, HOUSE_WALLET, amount, f"house-{layer}")
    command = FundHouse(asset_id=terms.asset_id, source=HOUSE_WALLET, layer=layer, amount=amount)
    entries += simulation.submit(command)
    if not any(isinstance(entry.event, HouseFunded) for entry in entries):
        raise _nothing_brought(world, terms, "the house", entries)


def _enter_members(
    simulation: Simulation,
    world: World,
    population: Sequence[Profile],
    seed: int,
    receipts: Iterator[int],
    margin_bp: BasisPoints | None,
) -> None:
    """Members enter by the same gate, are appointed, and clients ask them and are answered, in the order of both."""
    free = iter(population)
    for member in world.members:
        name = member.profile.participant_id
        _enter_firm(simulation, world, member.profile, "members", next(receipts))
        if member.reserve:
            wallet_id, reserve = member.profile.wallet_id, f"reserve-{name}"
            bring_cash(simulation, world.coin, wallet_id, member.reserve, reserve)
        appointed = AppointMember(participant_id=name, segregation=member.segregation)
        _must_pass(simulation.submit(appointed), world)
        if member.offers_to_port:
            offer = OfferToPort(participant_id=name, most_margin=member.offers_to_port)
            simulation.submit(offer)
        _join(simulation, _member(world, member, seed, margin_bp), world.professional_link, seed, world.storm)
        named = (client.profile for client in world.clients if client.member_id == name)
        _choose(simulation, world, member, chain(islice(free, member.clients_among(len(population))), named))


def _member(
    world: World, member: ClearingMemberTerms, seed: int, margin_bp: BasisPoints | None
) -> Participant:
    """One that holds a position of its own, in what the population trades first, or one that only bids."""
    profile, conduct = member.profile, member.conduct
    if member.direction is None:
        listed = {instrument.instrument_id: instrument for instrument in world.instruments}
        return ClearingMember(profile.participant_id, listed, conduct, world.opens)
    dice = Dice(generator(seed, profile.participant_id))
    holder = HoldingMember(
        profile, world.quoted[0], dice, world.opens, member.direction, member.reserve, conduct, world.coins
    )
    if margin_bp is not None:
        holder.desk.clear_by_margin(margin_bp)
    return holder


def _choose(
    simulation: Simulation, world: World, member: ClearingMemberTerms, clients: Iterator[Profile]
) -> None:
    """Whoever is inside asks the member, which answers at once. Raises ConfigurationError if it will not have it."""
    name = member.profile.participant_id
    inside = simulation.exchange.state.seats
    for client in clients:
        if client.participant_id not in inside:
            continue
        asked = ChooseMember(participant_id=client.participant_id, member_id=name)
        told = [entry.event for entry in simulation.submit(asked)]
        for applied in [event for event in told if isinstance(event, ClientApplied)]:
            told += [entry.event for entry in simulation.submit(member.conduct.answer(name, applied))]
        for event in told:
            if isinstance(event, ClearingRequestRejected | ClientDeclined):
                why = (
                    event.reason
                    if isinstance(event, ClearingRequestRejected)
                    else f"the member {event.grounds}"
                )
                raise ConfigurationError(
                    world.scenario_id,
                    f"members.{name}",
                    f"cannot have {client.participant_id} as a client: {why}",
                    "raise own_funds_rub or most_clients, or lower the clients",
                )


# --- participants ---------------------------------------------------------------------------------------


def _enter(
    simulation: Simulation,
    world: World,
    profile: Profile,
    instrument: Instrument,
    seed: int,
    receipt: int,
    margin_bp: BasisPoints | None,
) -> None:
    if _admitted(simulation, profile):
        _fund(simulation, world, profile, receipt)
        participant = participant_for(
            profile, instrument, seed=seed, opens=world.opens, margin_bp=margin_bp, coins=world.coins
        )
        _join(simulation, participant, world.public_link, seed, world.storm)
        _bring(simulation, profile, instrument, world.endowments.get(instrument.instrument_id, 0))
        _subscribe(simulation, world, profile)


def _enter_client(
    simulation: Simulation,
    world: World,
    client: ClientTerms,
    seed: int,
    receipt: int,
    margin_bp: BasisPoints | None,
) -> None:
    """By the same gate as everyone; whom the regime refuses is not there."""
    profile = client.profile
    if not _admitted(simulation, profile):
        return
    _fund(simulation, world, profile, receipt)
    dice = Dice(generator(seed, profile.participant_id))
    holder = CautiousHolder(profile, world.quoted[0], dice, world.opens, client.direction, coins=world.coins)
    if margin_bp is not None:
        holder.desk.clear_by_margin(margin_bp)
    _join(simulation, holder, world.public_link, seed, world.storm)


def _lets_nobody_in(simulation: Simulation) -> bool:
    regime = simulation.exchange.state.regime
    return regime is not None and not regime.classes


def _enter_maker(
    simulation: Simulation,
    world: World,
    maker: MakerTerms,
    seed: int,
    receipt: int,
    margin_bp: BasisPoints | None,
) -> None:
    if not _admitted(simulation, maker.profile):
        if _lets_nobody_in(simulation):
            return  # whoever would make the market is refused like everybody
        raise ConfigurationError(
            world.scenario_id,
            f"makers.{maker.profile.participant_id}",
            "makes a market in a product that the regime does not let it trade",
            "choose another regime, or leave the maker out",
        )
    _fund(simulation, world, maker.profile, receipt)
    participant = participant_for(
        maker.profile,
        maker.instrument,
        seed=seed,
        opens=world.opens,
        maker=maker.terms,
        margin_bp=margin_bp,
    )
    _join(simulation, participant, world.professional_link, seed, world.storm)
    _bring(simulation, maker.profile, maker.instrument, maker.units)


def _enter_coin_traders(simulation: Simulation, world: World, seed: int, receipts: Iterator[int]) -> None:
    """Professionals first, who must be let in; of holders, those whom the regime lets in."""
    for seat in world.coin_traders:
        name = seat.profile.participant_id
        if not _admitted(simulation, seat.profile):
            raise ConfigurationError(
                world.scenario_id,
                f"coin_makers.{name}",
                "is not let in by the regime",
                "choose another regime, or leave it out",
            )
        trader = coin_professional(
            seat.profile,
            seat.pair,
            seed=seed,
            opens=world.opens,
            coins=seat.coins,
            terms=seat.terms,
            hours=world.redemption_hours,
        )
        _enter_with_coins(simulation, world, trader, seat.coins, world.professional_link, seed, receipts)
    holders = world.holders
    if holders is None:
        return
    for profile, coins in draw_holders(
        seed,
        holders.count,
        coins=holders.coins,
        roubles_share=holders.roubles_share,
        dispersion=holders.dispersion,
        attention=holders.attention,
    ):
        if _admitted(simulation, profile):
            dice = Dice(generator(seed, profile.participant_id))
            holder = RunningHolder(
                profile, holders.pair, dice, world.opens, coins, holders.terms, world.redemption_hours
            )
            _enter_with_coins(simulation, world, holder, coins, world.public_link, seed, receipts)


def _enter_with_coins(
    simulation: Simulation,
    world: World,
    trader: CoinTrader,
    coins: Money,
    link: LinkTerms,
    seed: int,
    receipts: Iterator[int],
) -> None:
    assert world.roubles is not None, "a coin is traded against roubles"
    for cash, amount in ((world.roubles, trader.profile.deposit), (world.coin, coins)):
        if amount:
            _pay_in(simulation, world, cash, trader.profile, amount, next(receipts))
    _join(simulation, trader, link, seed, world.storm)


def _enter_firm(simulation: Simulation, world: World, profile: Profile, table: str, receipt: int) -> None:
    """Raises ConfigurationError if the regime will not have it."""
    if not _admitted(simulation, profile):
        raise ConfigurationError(
            world.scenario_id,
            f"{table}.{profile.participant_id}",
            "is not let in by the regime",
            "choose another regime, or leave it out",
        )
    _fund(simulation, world, profile, receipt)


def _enter_issuer(simulation: Simulation, world: World, profile: Profile, receipt: int) -> None:
    """Raises ConfigurationError if the regime, or the venue, will not have the issuer or its notes."""
    _enter_firm(simulation, world, profile, "issuers", receipt)
    for instrument in world.instruments:
        if instrument.note and instrument.note.issuer == profile.participant_id:
            issuer, name = profile.participant_id, instrument.instrument_id
            until = world.opens - PLACED_BEFORE
            for command in (
                RegisterNote(participant_id=issuer, instrument=instrument),
                PlaceNotes(participant_id=issuer, instrument_id=name, until=until),
            ):
                _must_pass(simulation.submit(command), world)


def _bring(simulation: Simulation, profile: Profile, instrument: Instrument, units: int) -> None:
    """The units that somebody who trades spot has from before; their chain has ten minutes to confirm them."""
    if units and instrument.base:
        simulation.submit(
            AnnounceCryptoDeposit(
                participant_id=profile.participant_id,
                asset_id=instrument.base,
                amount=units,
                transaction=f"endowment of {profile.participant_id}",
            )
        )


def _subscribe(simulation: Simulation, world: World, profile: Profile) -> None:
    """A part of the deposit goes into each note that is placed, as far as it buys whole units."""
    for instrument in world.instruments:
        if instrument.note:
            share_bp = world.subscriptions.get(instrument.instrument_id, 0)
            quantity = profile.deposit * share_bp // (10_000 * instrument.note.issue_price)
            if quantity:
                simulation.submit(
                    SubscribeNotes(
                        participant_id=profile.participant_id,
                        instrument_id=instrument.instrument_id,
                        quantity=quantity,
                    )
                )


def _admitted(simulation: Simulation, profile: Profile) -> bool:
    entries = simulation.submit(
        ApplyForAccess(
            participant_id=profile.participant_id, applicant=profile.applicant, wallet_id=profile.wallet_id
        )
    )
    return any(isinstance(entry.event, ParticipantAdmitted) for entry in entries)


def _fund(simulation: Simulation, world: World, profile: Profile, receipt: int) -> None:
    """Bank roubles come in, coins are minted against them, and the participant brings them to the venue.

    Raises ConfigurationError if it cannot: a market of people without money would look like a quiet one.
    """
    _pay_in(simulation, world, world.coin, profile, profile.deposit, receipt)


def _pay_in(
    simulation: Simulation,
    world: World,
    terms: AnyCashTerms,
    profile: Profile,
    amount: Money,
    receipt: int,
) -> None:
    entries = bring_cash(simulation, terms, profile.wallet_id, amount, f"receipt-{receipt}")
    command = DepositCash(participant_id=profile.participant_id, asset_id=terms.asset_id, amount=amount)
    entries += simulation.submit(command)
    if not any(isinstance(entry.event, CashDeposited) for entry in entries):
        raise _nothing_brought(world, terms, profile.participant_id, entries)


def bring_cash(
    simulation: Simulation, terms: AnyCashTerms, wallet_id: WalletId, amount: Money, receipt_id: str
) -> list[Entry]:
    """Money comes into a wallet outside the venue."""
    return [
        entry
        for command in _money_for(terms, wallet_id, amount, receipt_id)
        for entry in simulation.submit(command)
    ]


def _money_for(
    terms: AnyCashTerms, wallet_id: WalletId, amount: Money, receipt_id: str
) -> tuple[Command, ...]:
    """How money comes into a wallet outside the venue, by what it is."""
    match terms:
        case CoinTerms():
            return (
                RecordFiatReceipt(asset_id=terms.asset_id, receipt_id=receipt_id, amount=amount),
                MintCoins(
                    asset_id=terms.asset_id,
                    minter=next(iter(terms.minters)),
                    receipt_id=receipt_id,
                    wallet_id=wallet_id,
                    amount=amount,
                    signatures=terms.signatures(RoleName.MINTER),
                ),
            )
        case BankTerms() | DigitalRoubleTerms():
            return (
                CreditWallet(
                    asset_id=terms.asset_id, wallet_id=wallet_id, amount=amount, reference=receipt_id
                ),
            )


def _nothing_brought(
    world: World, terms: AnyCashTerms, who: str, entries: Sequence[Entry]
) -> ConfigurationError:
    """The first reason why somebody has no money there."""
    refusals = (e.event for e in entries if isinstance(e.event, CoinRequestRefused | CashRequestRejected))
    reason = next(refused.reason for refused in refusals)
    if reason is CashRefusal.ALLOWANCE_EXCEEDED:
        problem, remedy = f"is used up before {who} has its coins", "raise it, or leave it out"
        return ConfigurationError(world.scenario_id, "coin.minter_allowance_rub", problem, remedy)
    remedy = "choose a session within its hours" if reason is CashRefusal.CLOSED else "choose other terms"
    return ConfigurationError(
        world.scenario_id,
        "coin",
        f"cannot be brought by {who} ten minutes before the session: {terms.asset_id} is refused ({reason})",
        f"{remedy}, or another cash profile",
    )


def _join(
    simulation: Simulation,
    participant: Participant,
    link: LinkTerms,
    seed: int,
    storm: StormTerms = CALM,
) -> None:
    dice = Dice(generator(seed, f"link {participant.participant_id}"))
    simulation.join(participant, Link(link, dice, storm))


def outside(world: World, seed: int) -> Iterator[tuple[Time, Command]]:
    """What comes from outside, in order of time: quotes, trades, and rates of independent sources."""
    path, index = world.path, world.index
    if path is None or index is None:
        return iter(())
    return heapq.merge(
        _quotes(path, index, seed), _trades(path, index, seed), _rates(path, index, seed), key=itemgetter(0)
    )


def _quotes(path: PathTerms, index: IndexTerms, seed: int) -> Iterator[tuple[Time, Command]]:
    for at, quotes in venue_quotes(path, index, seed):
        yield at, ReportQuotes(index_id=index.index_id, quotes=quotes)


def _trades(path: PathTerms, index: IndexTerms, seed: int) -> Iterator[tuple[Time, Command]]:
    for at, trades in venue_trades(path, index, seed):
        yield at, ReportTrades(index_id=index.index_id, trades=trades)


def _rates(path: PathTerms, index: IndexTerms, seed: int) -> Iterator[tuple[Time, Command]]:
    for at, source, rate in reference_rates(path, seed):
        yield at, PublishReferenceRate(index_id=index.index_id, source=source, rate=rate)


def _must_pass(entries: list[Entry], world: World) -> None:
    for entry in entries:
        if isinstance(entry.event, NoteRequestRejected):
            told = entry.event
            raise ConfigurationError(
                world.scenario_id,
                f"instruments.{told.instrument_id}",
                f"was refused: {told.explanation or told.reason}",
                "correct the scenario",
            )
        if isinstance(entry.event, DirectiveRefused):
            refused = entry.event
            raise ConfigurationError(
                world.scenario_id,
                refused.directive,
                f"was refused: {refused.explanation}",
                "correct the scenario",
            )
