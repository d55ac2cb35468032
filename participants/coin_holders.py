"""Those who hold a coin as money: who they are, and how much of it each has."""

from collections.abc import Iterator
from math import exp
from typing import NamedTuple

from exchange.access.regime import Applicant, ApplicantKind
from exchange.units import Money, Time, WalletId
from matching.terms import ParticipantId
from participants.chance import Dice, generator
from participants.profile import Profile, Style

HOLDER = "coin_holder"  # how each is called, with its number


class HolderOfCoins(NamedTuple):
    profile: Profile
    coins: Money


def draw_holders(
    seed: int, count: int, *, coins: Money, roubles_share: float, dispersion: float, attention: Time
) -> Iterator[HolderOfCoins]:
    """Coins log-normal around `coins` on average, and a share of that in roubles; each from a stream of its own, so
    that more never move the others.

    They are treasurers of firms that the law counts as qualified: whoever uses such a coin at all is let in. An
    assumption.
    """
    for number in range(1, count + 1):
        name = ParticipantId(f"{HOLDER}-{number}")
        draw = Dice(generator(seed, f"coins of {name}")).normal()
        brought = max(int(coins * exp(dispersion * draw - dispersion**2 / 2)), 1)
        yield HolderOfCoins(_profile(name, brought, int(brought * roubles_share), attention), brought)


def _profile(name: ParticipantId, coins: Money, roubles: Money, attention: Time) -> Profile:
    firm = Applicant(
        kind=ApplicantKind.COMPANY,
        securities_and_deposits=coins,
        qualified_by_law=True,
        knowledge_test_passed=True,
    )
    return Profile(
        participant_id=name,
        wallet_id=WalletId(f"wallet-{name}"),
        applicant=firm,
        style=Style.HOLDER,
        desired_exposure=coins,
        deposit=roubles,
        wealth_decile=10,
        attention_ns=attention,
        fear_bp=100,
        intermediary="direct",
    )
