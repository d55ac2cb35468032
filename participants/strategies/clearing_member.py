"""A clearing member: it trades nothing of its own, takes clients on, and bids for the portfolios of those who have
failed."""

from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar

from exchange.commands import AcceptClient, BidForPortfolio, Command, DeclineClient
from exchange.events import ClientApplied, DefaultAuctionOpened, Event, IndexStatus, PublicEvent
from exchange.instruments import Instrument
from exchange.messages import Message
from exchange.units import BasisPoints, InstrumentId, Money, Time
from exchange.views import MarketView
from matching.terms import ParticipantId
from participants.participant import WAIT, Decision


class MemberTerms(Message):
    """An assumption: a portfolio is taken for a share of what it is worth at the index."""

    demands_bp: BasisPoints | None = None  # of that; None: it never bids
    most_clients: int | None = None  # None: as many as its own funds bear

    def answer(self, member_id: ParticipantId, asked: ClientApplied) -> AcceptClient | DeclineClient:
        """Whoever asks is taken on while there is room; whether own funds bear it is the exchange's to say."""
        if self.most_clients is not None and asked.clients >= self.most_clients:
            return DeclineClient(
                participant_id=member_id,
                client_id=asked.client_id,
                grounds=f"has {self.most_clients} clients, and no room",
            )
        return AcceptClient(participant_id=member_id, client_id=asked.client_id)

    def answers(self, member_id: ParticipantId, news: Sequence[Event]) -> list[Command]:
        """To everybody who asks among the news."""
        return [self.answer(member_id, event) for event in news if isinstance(event, ClientApplied)]


class ClearingMember:
    """It answers whoever asks to be its client at once. It bids once in each auction, as soon as it hears of it,
    unless the index is missing or stale."""

    wakes_for: ClassVar[Collection[type[Event]]] = (ClientApplied,)
    follows: ClassVar[Collection[type[PublicEvent]]] = (DefaultAuctionOpened,)

    def __init__(
        self,
        participant_id: ParticipantId,
        instruments: Mapping[InstrumentId, Instrument],
        terms: MemberTerms,
        opens: Time,
    ) -> None:
        self.participant_id = participant_id
        self._instruments = instruments
        self._terms = terms
        self._opens = opens

    def first_wake(self) -> Time:
        return self._opens

    def decide(self, now: Time, news: Sequence[Event], market: MarketView) -> Decision:
        opened = [event for event in news if isinstance(event, DefaultAuctionOpened)]
        bids = [self._bid(event, market) for event in opened if event.defaulter != self.participant_id]
        answers = self._terms.answers(self.participant_id, news)
        commands = [*answers, *(bid for bid in bids if bid is not None)]
        return Decision(commands, None) if commands else WAIT

    def _bid(self, auction: DefaultAuctionOpened, market: MarketView) -> BidForPortfolio | None:
        if self._terms.demands_bp is None:
            return None
        worth: Money = 0
        for instrument_id, lots in auction.lots.items():
            instrument = self._instruments.get(instrument_id)
            index = None if instrument is None else market.index(instrument.underlying)
            if instrument is None or index is None or index.status is IndexStatus.STALE:
                return None
            worth += abs(lots) * (index.value // instrument.tick) * instrument.tick_value
        return BidForPortfolio(
            participant_id=self.participant_id,
            defaulter=auction.defaulter,
            amount=-(worth * self._terms.demands_bp // 10_000),
        )
