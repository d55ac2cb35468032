"""Freezes that nobody scripts: whose wallet is asked for, when, by whom and for how long, by dice of its own."""

from collections.abc import Iterable, Iterator

from exchange.cash.terms import RoleName
from exchange.commands import Command, FreezeWallet, UnfreezeWallet
from exchange.units import DAY, Time, WalletId
from participants.chance import Dice, generator
from participants.profile import Profile
from scenarios.config.cash_file import Authority
from scenarios.config.directives import CashAsset, signatures_of
from scenarios.world import World


def draw_freezes(world: World, people: Iterable[Profile], seed: int) -> Iterator[tuple[Time, Command]]:
    """Each wallet has its own dice, thrown alike whatever the venue settles in and whoever is let in."""
    hazard = world.freeze_hazard
    if hazard is None:
        return
    for person in people:
        dice = Dice(generator(seed, f"freeze of {person.participant_id}"))
        wait = dice.exponential() / hazard.a_day if hazard.a_day else world.closes
        yield from _request(world, (person.wallet_id,), world.opens + round(wait * DAY), dice)
    dice = Dice(generator(seed, "freeze of the venue"))
    reached, wait = dice.uniform() < hazard.venue, dice.uniform() * (world.closes - world.opens)
    if reached:
        yield from _request(world, world.coin.venue_wallets, world.opens + round(wait), dice)


def _request(
    world: World, wallets: tuple[WalletId, ...], at: Time, dice: Dice
) -> Iterator[tuple[Time, Command]]:
    """A freeze, and its end: whoever asked for the one asks for the other."""
    hazard = world.freeze_hazard
    assert hazard is not None, "there is one to be drawn"
    asks = Authority.FOREIGN if dice.uniform() < hazard.foreign else Authority.DOMESTIC
    cash = CashAsset(world.coin, Authority(hazard.obeys))
    lasts = world.closes if hazard.lasts is None else round(dice.exponential() * hazard.lasts)
    for when, command in ((at, FreezeWallet), (at + lasts, UnfreezeWallet)):
        for wallet_id in wallets if when < world.closes else ():
            signatures = signatures_of(cash, asks, RoleName.FREEZER, wallet_id=wallet_id)
            order = f"{asks} request for {wallet_id}"
            yield (
                when,
                command(asset_id=world.cash, wallet_id=wallet_id, order_ref=order, signatures=signatures),
            )
