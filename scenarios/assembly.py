"""From a world, a regime and a seed to an exchange with people on it, ready to run.

The population applies whole, whoever the regime lets in: a refusal is part of the story. The same person has
the same dice under every regime.
"""

import heapq
from collections.abc import Iterator, Sequence
from itertools import count
from operator import itemgetter
from typing import NamedTuple

from exchange.access.regime import Regime
from exchange.commands import (
    AdoptRegime,
    AnnounceCryptoDeposit,
    ApplyForAccess,
    Command,
    DepositCoins,
    ListInstrument,
    MintCoins,
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
    CoinsDeposited,
    DirectiveRefused,
    Entry,
    NoteRequestRejected,
    ParticipantAdmitted,
)
from exchange.instruments import Instrument, Product
from exchange.units import MINUTE, Time
from participants.authority import Script
from participants.chance import Dice, generator
from participants.participant import Participant
from participants.population import draw_population
from participants.profile import Profile
from participants.strategies import participant_for
from scenarios.config.reading import ConfigurationError
from scenarios.index_path import reference_rates, venue_quotes, venue_trades
from scenarios.simulation import Keeper, Link, Simulation
from scenarios.world import LinkTerms, MakerTerms, World

# So short that a directive arrives at its hour to the nanosecond, before every order of that instant.
AUTHORITY_LINK = LinkTerms(fixed_ns=1, jitter_ns=0)
PLACED_BEFORE = MINUTE  # the opening


class Assembled(NamedTuple):
    simulation: Simulation
    population: Sequence[Profile]


def assemble(world: World, regime: Regime, seed: int, keeper: Keeper) -> Assembled:
    """Found the venue, let in whom the regime lets in, bring their coins, and script what comes from outside.

    Raises ConfigurationError, before the first event, if the world cannot be under that regime.
    """
    if regime.cash.settlement_asset != world.cash:
        raise ConfigurationError(
            regime.regime_id,
            "cash.settlement_asset",
            f"is {regime.cash.settlement_asset}, but the scenario pays in {world.cash}",
            "name the scenario's coin",
        )
    simulation = Simulation(Exchange(), keeper, world.starts)
    found_venue(simulation, world, regime)
    population = draw_population(seed, world.population) if world.population.size else ()
    receipts = count(1)
    for issuer in world.issuers:
        _enter_issuer(simulation, world, issuer, next(receipts))
    for number, profile in enumerate(population):
        instrument = world.quoted[number % len(world.quoted)]
        _enter(simulation, world, profile, instrument, seed, next(receipts))
    for maker in world.makers:
        _enter_maker(simulation, world, maker, seed, next(receipts))
    simulation.play(_outside(world, seed))
    if world.directives:
        script = Script(world.directives, line_ns=AUTHORITY_LINK.fixed_ns)
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


def _enter(
    simulation: Simulation, world: World, profile: Profile, instrument: Instrument, seed: int, receipt: int
) -> None:
    if _admitted(simulation, profile):
        _fund(simulation, world, profile, receipt)
        participant = participant_for(profile, instrument, seed=seed, opens=world.opens)
        _join(simulation, participant, world.public_link, seed)
        _bring(simulation, profile, instrument, world.endowments.get(instrument.instrument_id, 0))
        _subscribe(simulation, world, profile)


def _enter_maker(simulation: Simulation, world: World, maker: MakerTerms, seed: int, receipt: int) -> None:
    if not _admitted(simulation, maker.profile):
        raise ConfigurationError(
            world.scenario_id,
            f"makers.{maker.profile.participant_id}",
            "makes a market in a product that the regime does not let it trade",
            "choose another regime, or leave the maker out",
        )
    _fund(simulation, world, maker.profile, receipt)
    participant = participant_for(
        maker.profile, maker.instrument, seed=seed, opens=world.opens, maker=maker.terms
    )
    _join(simulation, participant, world.professional_link, seed)
    _bring(simulation, maker.profile, maker.instrument, maker.units)


def _enter_issuer(simulation: Simulation, world: World, profile: Profile, receipt: int) -> None:
    """Raises ConfigurationError if the regime, or the venue, will not have the issuer or its notes."""
    if not _admitted(simulation, profile):
        raise ConfigurationError(
            world.scenario_id,
            f"issuers.{profile.participant_id}",
            "is not let in by the regime",
            "choose another regime, or leave the issuer out",
        )
    _fund(simulation, world, profile, receipt)
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
    asset_id, amount, name = world.cash, profile.deposit, f"receipt-{receipt}"
    for command in (
        RecordFiatReceipt(asset_id=asset_id, receipt_id=name, amount=amount),
        MintCoins(
            asset_id=asset_id,
            minter=next(iter(world.coin.minters)),
            receipt_id=name,
            wallet_id=profile.wallet_id,
            amount=amount,
        ),
        DepositCoins(participant_id=profile.participant_id, asset_id=asset_id, amount=amount),
    ):
        entries = simulation.submit(command)
    if not any(isinstance(entry.event, CoinsDeposited) for entry in entries):
        raise ConfigurationError(
            world.scenario_id,
            "coin.minter_allowance_rub",
            f"is used up before {profile.participant_id} has its coins",
            "raise it, or leave it out",
        )


def _join(simulation: Simulation, participant: Participant, link: LinkTerms, seed: int) -> None:
    dice = Dice(generator(seed, f"link {participant.participant_id}"))
    simulation.join(participant, Link(link, dice))


def _outside(world: World, seed: int) -> Iterator[tuple[Time, Command]]:
    """What comes from outside, in order of time: quotes, trades, and rates of independent sources."""
    return heapq.merge(_quotes(world, seed), _trades(world, seed), _rates(world, seed), key=itemgetter(0))


def _quotes(world: World, seed: int) -> Iterator[tuple[Time, Command]]:
    for at, quotes in venue_quotes(world.path, world.index, seed):
        yield at, ReportQuotes(index_id=world.index.index_id, quotes=quotes)


def _trades(world: World, seed: int) -> Iterator[tuple[Time, Command]]:
    for at, trades in venue_trades(world.path, world.index, seed):
        yield at, ReportTrades(index_id=world.index.index_id, trades=trades)


def _rates(world: World, seed: int) -> Iterator[tuple[Time, Command]]:
    for at, source, rate in reference_rates(world.path, seed):
        yield at, PublishReferenceRate(index_id=world.index.index_id, source=source, rate=rate)


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
