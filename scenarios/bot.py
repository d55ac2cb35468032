"""RIM. A shipped strategy on a live venue: built for what its account holds, and begun anew when its line is lost."""

import ssl
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple

from exchange.access.regime import Applicant, ApplicantKind, Regime
from exchange.instruments import Instrument
from exchange.messages import converted
from exchange.units import SECOND, Money
from participants.answers import LOST, TOO_SLOW, UNREACHABLE, VenueError
from participants.client import Client
from participants.connection import Change, Standing
from participants.desk import Desk, UnitsHolding
from participants.over_socket import LineLostError, SocketLine
from participants.participant import Participant
from participants.profile import Profile, Style
from participants.strategies import participant_for
from participants.strategies.trader import Trader
from scenarios.assembly import margin_of_a_position

CASH_SCALE: Final = 100  # minor units of a cash asset in one
FEARLESS_BP: Final = 10_000  # no fall frightens it
STRATEGIES: Final = {
    "noise_trader": Style.NOISE,
    "value_trader": Style.VALUE,
    "cautious_holder": Style.HOLDER,
    "market_maker": Style.MARKET_MAKER,
}


class BotTerms(NamedTuple):
    """What trades, in what, how much and how often."""

    strategy: str  # a word of STRATEGIES
    instrument: str
    seed: int = 1
    exposure: Money | None = None  # that it would hold at most; None: as much as it has in cash
    attention: float = 1.0  # seconds of the venue's time between two looks, on average
    fear_bp: int = FEARLESS_BP


class Bot:
    """`trade` until canceled; its orders are then taken off. What it has done can be read here."""

    def __init__(self, terms: BotTerms, tell: Callable[[str], None]) -> None:
        self.terms = terms
        self.begun = 0  # times
        self.participant_id = ""
        self.heard: Counter[str] = Counter()  # its own events by name
        self.refused: Counter[str] = Counter()
        self.position = 0.0
        self._tell = tell

    async def trade(self, url: str, client_id: str, secret: str, tls: ssl.SSLContext | None = None) -> None:
        """Raises VenueError if the venue will not have it, or never answers again."""
        async with Client.connect(
            url, client_id, secret, tls=tls, cancel_on_disconnect=True, on_standing=self._stands
        ) as venue:
            try:
                while True:
                    await self._play(venue)
            finally:
                with suppress(VenueError):
                    await venue.cancel_all(self.terms.instrument)
                    self.position = (await venue.position(self.terms.instrument)).size

    def _stands(self, change: Change) -> None:
        if change.standing is Standing.LOST:
            self._tell(f"the connection is lost ({change.reason}); coming back")

    async def _play(self, venue: Client) -> None:
        """Begin with what is there, and trade until the line is lost."""
        await venue.ready()
        try:
            await venue.cancel_all(self.terms.instrument)
            async with SocketLine(venue) as line:
                participant = await built(line, self.terms)
                self.begun += 1
                self.participant_id = line.participant_id
                self._tell(f"{self.terms.strategy} trades {self.terms.instrument} for {line.participant_id}")
                try:
                    await line.play(participant)
                finally:
                    self.heard += line.heard
                    self.refused += line.refused
        except LineLostError:
            pass
        except VenueError as lost:
            if lost.name not in (LOST, UNREACHABLE, TOO_SLOW):
                raise


async def built(line: SocketLine, terms: BotTerms) -> Participant:
    """The strategy for the account of the line, with the cash and the position that it has now."""
    venue = line.venue
    await venue.instrument(terms.instrument)  # raises VenueError if there is none
    instrument = line.instrument(terms.instrument)
    cash = round((await venue.account(instrument.cash)).balance * CASH_SCALE)
    seat = await venue.call("access/get_my_class")
    regime = converted(await venue.call("regime/get"), Regime)
    profile = Profile(
        participant_id=line.participant_id,
        wallet_id=line.wallet_id,
        applicant=Applicant(kind=ApplicantKind(seat["kind"])),
        style=STRATEGIES[terms.strategy],
        desired_exposure=cash if terms.exposure is None else terms.exposure,
        deposit=cash,
        wealth_decile=10,
        attention_ns=round(terms.attention * SECOND),
        fear_bp=terms.fear_bp,
        intermediary="",
    )
    participant = participant_for(
        profile,
        instrument,
        seed=terms.seed,
        opens=line.clock.now(),
        margin_bp=margin_of_a_position(regime.clearing),
    )
    if isinstance(participant, Trader):
        await _remember(line, participant.desk, instrument)
    return participant


async def _remember(line: SocketLine, desk: Desk, instrument: Instrument) -> None:
    """Tell a desk what the account held before it."""
    name = instrument.instrument_id
    shown, holding = await line.venue.instrument(name), desk.holdings[name]
    if isinstance(holding, UnitsHolding):
        units = (await line.venue.account(shown.base_currency)).balance
        holding.move(round(units / shown.contract_size) * (instrument.lot_units or 1))
        return
    held = await line.venue.position(name)
    lots = round(held.size / shown.contract_size)
    if lots:
        holding.carry_on(lots, round(held.average_price / shown.tick_size))
