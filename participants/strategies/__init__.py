"""The strategies that ship, and which profile trades by which."""

from collections.abc import Collection

from exchange.access.regime import ApplicantKind
from exchange.cash.hours import BankingHours
from exchange.instruments import Instrument
from exchange.units import AssetId, BasisPoints, Money, Time
from matching.terms import Side
from participants.chance import Dice, generator
from participants.participant import Participant
from participants.profile import Profile, Style
from participants.strategies.authorised_redeemer import AuthorisedRedeemer, RedeemerTerms
from participants.strategies.cautious_holder import CautiousHolder
from participants.strategies.coin_maker import CoinMaker, CoinMakerTerms
from participants.strategies.coin_trader import CoinTrader
from participants.strategies.market_maker import MarketMaker, MarketMakerTerms
from participants.strategies.noise_trader import NoiseTrader
from participants.strategies.trader import Trader
from participants.strategies.value_trader import ValueTrader

LONG_SHARE = {  # of cautious holders, an assumption: people buy, firms hedge what they own
    ApplicantKind.INDIVIDUAL: 0.8,
    ApplicantKind.COMPANY: 0.3,
    ApplicantKind.INSTITUTION: 0.5,
}


def participant_for(
    profile: Profile,
    instrument: Instrument,
    *,
    seed: int,
    opens: Time,
    maker: MarketMakerTerms | None = None,
    margin_bp: BasisPoints | None = None,
    coins: Collection[AssetId] = (),
) -> Participant:
    """The strategy of the profile's style, in one future, with dice of its own.

    `margin_bp` is what it believes that a position needs, as a share of its worth; None: full cover. `coins` are
    the assets that an issuer takes back.
    """
    trader = _trader(profile, instrument, seed, opens, maker, coins)
    if margin_bp is not None:
        trader.desk.clear_by_margin(margin_bp)
    return trader


def _trader(
    profile: Profile,
    instrument: Instrument,
    seed: int,
    opens: Time,
    maker: MarketMakerTerms | None,
    coins: Collection[AssetId],
) -> Trader:
    dice = Dice(generator(seed, profile.participant_id))
    match profile.style:
        case Style.NOISE:
            return NoiseTrader(profile, instrument, dice, opens)
        case Style.VALUE:
            return ValueTrader(profile, instrument, dice, opens)
        case Style.HOLDER:
            long = dice.uniform() < LONG_SHARE[profile.applicant.kind]
            side = Side.BUY if long else Side.SELL
            return CautiousHolder(profile, instrument, dice, opens, side, coins=coins)
        case Style.MARKET_MAKER:
            return MarketMaker(profile, instrument, dice, opens, maker)


def coin_professional(
    profile: Profile,
    pair: Instrument,
    *,
    seed: int,
    opens: Time,
    coins: Money,
    terms: CoinMakerTerms | RedeemerTerms,
    hours: BankingHours | None = None,
) -> CoinTrader:
    """A coin's market maker or one of its authorised redeemers, whichever its terms are.
    `hours`: in which the issuer redeems.
    """
    dice = Dice(generator(seed, profile.participant_id))
    if isinstance(terms, CoinMakerTerms):
        return CoinMaker(profile, pair, dice, opens, coins, terms, hours)
    return AuthorisedRedeemer(profile, pair, dice, opens, coins, terms, hours)
