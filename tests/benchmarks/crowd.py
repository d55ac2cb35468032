"""A venue with a crowd on it, for the benchmarks of clearing. It is not audited on the way: that would take longest."""

from collections.abc import Iterable, Sequence

from exchange.access.regime import Applicant, ApplicantKind
from exchange.clearing.terms import ClearingRules
from exchange.commands import (
    AdoptRegime,
    ApplyForAccess,
    Command,
    DepositCash,
    EstablishVenue,
    IndexTerms,
    ListInstrument,
    MintCoins,
    PlaceOrder,
    RecordFiatReceipt,
    ReportQuotes,
    SessionTerms,
    VenueQuote,
)
from exchange.core import Exchange
from exchange.events import Entry, OrderFilled
from exchange.instruments import Asset, Instrument
from exchange.units import SECOND, IndexPrice, InstrumentId, Time, WalletId
from matching.terms import ParticipantId, Price, Side
from tests.builders import BTC_RUB, CLOSES, OPENS, RUBD, VENUES, a_regime, coin_terms

CASH = 10**12


class Crowd:
    """An exchange in its session, and so many participants, each with enough money for anything."""

    def __init__(self, count: int, series: Iterable[Instrument], rules: ClearingRules) -> None:
        self.exchange = Exchange()
        self.now: Time = OPENS - SECOND
        self.names = [ParticipantId(f"trader-{number}") for number in range(count)]
        self.asked = 0
        index = IndexTerms(index_id=BTC_RUB, venues=VENUES, weights_ppm=(250_000,) * len(VENUES))
        self.tell(
            EstablishVenue(
                assets=(Asset(asset_id=RUBD, scale=2, title="coin"),),
                indices=(index,),
                coins=(coin_terms(),),
                sessions=(SessionTerms(opens=OPENS, closes=CLOSES),),
            )
        )
        self.tell(AdoptRegime(regime=a_regime(clearing=rules)))
        for instrument in series:
            self.tell(ListInstrument(instrument=instrument))
        for name in self.names:
            self._admit(name)
        self.wait_until(OPENS)

    def tell(self, command: Command) -> list[Entry]:
        return self.exchange.handle(command, self.now)

    def wait_until(self, time: Time) -> list[Entry]:
        self.now = time
        return self.exchange.advance(time)

    def quote(self, value: IndexPrice) -> None:
        quotes = tuple(VenueQuote(venue=v, bid=value - 1, ask=value + 1, at=self.now) for v in VENUES)
        self.tell(ReportQuotes(index_id=BTC_RUB, quotes=quotes))

    def order(
        self, name: ParticipantId, side: Side, price: Price, instrument_id: InstrumentId, lots: int = 1
    ) -> PlaceOrder:
        self.asked += 1
        return PlaceOrder(
            participant_id=name,
            client_order_id=self.asked,
            instrument_id=instrument_id,
            side=side,
            quantity=lots,
            price=price,
        )

    def trade(self, price: Price, instrument_id: InstrumentId, names: Sequence[ParticipantId]) -> None:
        """The first sells a lot to the second, the third to the fourth, and so on."""
        for seller, buyer in zip(names[::2], names[1::2], strict=True):
            self.tell(self.order(seller, Side.SELL, price, instrument_id))
            entries = self.tell(self.order(buyer, Side.BUY, price, instrument_id))
            assert any(isinstance(entry.event, OrderFilled) for entry in entries), entries

    def _admit(self, name: ParticipantId) -> None:
        wallet, receipt = WalletId(f"wallet-{name}"), f"receipt-{name}"
        who = Applicant(kind=ApplicantKind.INDIVIDUAL, knowledge_test_passed=True)
        self.tell(ApplyForAccess(participant_id=name, applicant=who, wallet_id=wallet))
        self.tell(RecordFiatReceipt(asset_id=RUBD, receipt_id=receipt, amount=CASH))
        self.tell(
            MintCoins(asset_id=RUBD, minter="minter", receipt_id=receipt, wallet_id=wallet, amount=CASH)
        )
        self.tell(DepositCash(participant_id=name, asset_id=RUBD, amount=CASH))
