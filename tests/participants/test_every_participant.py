"""One battery for everyone who trades: a new strategy joins `PARTICIPANTS` and must pass it as it is."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchange.access.regime import Applicant, ApplicantKind
from exchange.commands import (
    Command,
    FreezeWallet,
    MintCoins,
    PlaceOrder,
    RecordFiatReceipt,
    RedeemCoins,
    TransferCash,
)
from exchange.events import CustodyGated, Event, PrivateEvent, PublicEvent, SeriesState
from exchange.messages import decode, encode
from exchange.units import MINUTE, SECOND, AssetId, Time, WalletId
from matching.terms import ParticipantId, Side
from participants.authority import Script
from participants.participant import Participant
from participants.profile import Profile, Style
from participants.strategies import participant_for
from participants.strategies.authorised_redeemer import AuthorisedRedeemer, RedeemerTerms
from participants.strategies.cautious_holder import CautiousHolder
from participants.strategies.clearing_member import ClearingMember, MemberTerms
from participants.strategies.coin_maker import CoinMaker
from participants.strategies.holding_member import HoldingMember
from participants.strategies.running_holder import RunningHolder, RunningHolderTerms
from participants.strategies.trader import Trader
from tests.builders import cash_pair
from tests.participants.builders import (
    ANY_EVENT,
    ME,
    OPENS,
    RUBD,
    EchoVenue,
    Market,
    a_profile,
    an_instrument,
    deposited,
    dice,
    is_private,
)

A_FREEZE = FreezeWallet(
    asset_id=AssetId("RUBD"), wallet_id=WalletId("venue-1"), order_ref="order", signatures=("issuer",)
)


def of_coins(**changes: object) -> Profile:
    """A million bank roubles, and as many coins."""
    return a_profile(**{"deposit": 10**8, "desired_exposure": 10**8, **changes})


def of_style(style: Style) -> Participant:
    return participant_for(a_profile(style), an_instrument(), seed=7, opens=OPENS)


PARTICIPANTS: dict[str, Callable[[], Participant]] = {
    "noise trader": lambda: of_style(Style.NOISE),
    "value trader": lambda: of_style(Style.VALUE),
    "market maker": lambda: of_style(Style.MARKET_MAKER),
    "holder": lambda: CautiousHolder(a_profile(Style.HOLDER), an_instrument(), dice(), OPENS, Side.BUY),
    "hedger": lambda: CautiousHolder(a_profile(Style.HOLDER), an_instrument(), dice(), OPENS, Side.SELL),
    "margined trader": lambda: participant_for(
        a_profile(Style.VALUE), an_instrument(), seed=7, opens=OPENS, margin_bp=1_600
    ),
    "clearing member": lambda: ClearingMember(
        ME, {an_instrument().instrument_id: an_instrument()}, MemberTerms(demands_bp=300), OPENS
    ),
    "coin maker": lambda: CoinMaker(of_coins(), cash_pair(), dice(), OPENS, 10**8),
    "authorised redeemer": lambda: AuthorisedRedeemer(
        of_coins(), cash_pair(), dice(), OPENS, 10**8, RedeemerTerms(minter="minter")
    ),
    "running holder": lambda: RunningHolder(
        of_coins(deposit=0), cash_pair(), dice(), OPENS, 10**8, RunningHolderTerms(news_share=1.0)
    ),
    "member with a position": lambda: HoldingMember(
        a_profile(Style.HOLDER), an_instrument(), dice(), OPENS, Side.BUY, reserve=10**8
    ),
    "script": lambda: Script([(OPENS + MINUTE, A_FREEZE), (OPENS, A_FREEZE)]),
}
COIN_TRADERS = ["coin maker", "authorised redeemer", "running holder"]
TRADERS = [name for name in PARTICIPANTS if name not in ("script", "clearing member", *COIN_TRADERS)]

STORY = st.lists(
    st.tuples(st.integers(1, 200), st.lists(ANY_EVENT, max_size=4)), min_size=1, max_size=12
)  # seconds that pass, and what is heard then


def play(participant: Participant, story: list[tuple[int, list[Event]]]) -> list[tuple[Time, list[Command]]]:
    """What it sends at each instant of the story. Public events go to the tape; it hears what it follows."""
    market = Market()
    market.now = max(participant.first_wake(), OPENS)
    sent = []
    for seconds, events in story:
        market.now += seconds * SECOND
        for event in events:
            market.publish(event)
        news = [event for event in events if is_private(event) or type(event) in participant.follows]
        decision = participant.decide(market.now, news, market.view)
        assert decision.wake_at is None or decision.wake_at > market.now
        sent.append((market.now, list(decision.commands)))
    return sent


def sender(command: Command) -> ParticipantId:
    """Whom a command speaks for: the participant it names, or the owner of the wallet."""
    mine = a_profile().wallet_id
    match command:
        case RedeemCoins() | MintCoins():
            return ME if command.wallet_id == mine else ParticipantId("somebody else")
        case TransferCash():
            return ME if command.source == mine else ParticipantId("somebody else")
        case RecordFiatReceipt():
            return ParticipantId(command.receipt_id.rpartition("-")[0])
    return command.participant_id  # type: ignore[union-attr]


@pytest.mark.parametrize("name", PARTICIPANTS)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(story=STORY)
def test_it_survives_any_news_and_speaks_well_formed_for_itself_alone(
    name: str, story: list[tuple[int, list[Event]]]
) -> None:
    for _, commands in play(PARTICIPANTS[name](), story):
        for command in commands:
            assert name == "script" or sender(command) == ME
            assert decode(encode(command), type(command)) == command  # whole numbers only, of the right kinds
            if isinstance(command, PlaceOrder):
                assert command.quantity >= 1
                assert command.price is None or 0 < command.price < 160_000


@pytest.mark.parametrize("name", PARTICIPANTS)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(story=STORY)
def test_same_seed_same_news_same_decisions(name: str, story: list[tuple[int, list[Event]]]) -> None:
    assert play(PARTICIPANTS[name](), story) == play(PARTICIPANTS[name](), story)


@pytest.mark.parametrize("name", PARTICIPANTS)
def test_it_names_the_kinds_of_events_it_wants(name: str) -> None:
    participant = PARTICIPANTS[name]()
    assert all(issubclass(kind, PublicEvent) for kind in participant.follows)
    assert all(issubclass(kind, PrivateEvent) for kind in participant.wakes_for)


@pytest.mark.parametrize("name", [*TRADERS, *COIN_TRADERS])
def test_its_first_wake_is_not_before_the_opening(name: str) -> None:
    assert PARTICIPANTS[name]().first_wake() >= OPENS


@pytest.mark.parametrize("name", [*TRADERS, *COIN_TRADERS])
@pytest.mark.parametrize("state", [SeriesState.LISTED, SeriesState.SUSPENDED, SeriesState.SETTLED])
def test_it_orders_nothing_while_the_series_does_not_trade(name: str, state: SeriesState) -> None:
    market, participant = Market(), PARTICIPANTS[name]()
    market.state(state)
    sent = [command for _ in range(50) for command in market.ask(participant, [deposited(10**10)], MINUTE)]
    assert not [command for command in sent if isinstance(command, PlaceOrder)]


@pytest.mark.parametrize("name", [*TRADERS, *COIN_TRADERS])
def test_early_news_does_not_make_it_look_early(name: str) -> None:
    market, participant = Market(), PARTICIPANTS[name]()
    due = participant.first_wake()
    market.now = due - 1
    decision = participant.decide(due - 1, [deposited(10**10)], market.view)
    assert decision.commands == ()
    assert decision.wake_at == due


@pytest.mark.parametrize("name", TRADERS)
def test_it_keeps_within_its_exposure_and_its_desk_agrees_with_the_venue(name: str) -> None:
    """A hundred lots, over some six hundred looks at a moving market that fills by chance."""
    market, participant = Market(), PARTICIPANTS[name]()
    assert isinstance(participant, Trader)
    venue, chance, ticks = EchoVenue(market, an_instrument()), dice("index"), 80_000.0
    news: list[Event] = []
    participant.first_wake()
    placed = 0
    for _ in range(600):
        ticks *= 1 + 0.0005 * chance.normal()
        market.index(int(ticks))
        market.best(int(ticks) - 9, int(ticks) + 9)
        commands = market.ask(participant, news)
        placed += sum(isinstance(command, PlaceOrder) for command in commands)
        news = venue.take(commands)
        participant.desk.hear(news)
        assert participant.holding.position == venue.position
        assert list(participant.desk.orders) == list(venue.orders)
        assert participant.desk.free_cash(RUBD) >= 0
        news = []
    assert placed > 0
    assert venue.most_at_risk <= 100


@pytest.mark.parametrize("name", ["market maker", "holder", "hedger"])
def test_whoever_follows_the_coins_stops_trading_when_they_are_frozen(name: str) -> None:
    market, participant = Market(), PARTICIPANTS[name]()
    gate = CustodyGated(asset_id=RUBD, mobile=0, frozen=10**10)
    assert CustodyGated in participant.follows
    participant.first_wake()
    participant.decide(market.now, [deposited(10**10), gate], market.view)
    commands = [command for _ in range(20) for command in market.ask(participant, (), SECOND)]
    assert not [command for command in commands if isinstance(command, PlaceOrder)]


def test_an_institution_can_be_given_any_style() -> None:
    firm = Applicant(kind=ApplicantKind.INSTITUTION, own_funds=10**12)
    for style in Style:
        profile = a_profile(style, applicant=firm)
        assert participant_for(profile, an_instrument(), seed=1, opens=OPENS).participant_id == ME
