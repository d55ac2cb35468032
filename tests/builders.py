"""Short ways to say common things: a venue with people on it, and orders to it.

A `Venue` walks every invariant after every command, so each story is also a test of the audit.
"""

from pathlib import Path
from typing import TypeVar

import pytest

from exchange import trading
from exchange.access.regime import (
    AccessClass,
    Applicant,
    ApplicantKind,
    AssetCounting,
    Caps,
    CashRules,
    Criterion,
    InstitutionRule,
    MarketRules,
    Permission,
    Regime,
    RegimeStatus,
)
from exchange.audit import audit
from exchange.cash.terms import AnyCashTerms, BankTerms, CashPriceTerms, CoinTerms, RoleName, all_of, keys_of
from exchange.clearing import accounts
from exchange.clearing.margin_accounts import MarginAccount
from exchange.clearing.payoffs import NoteKind, PayoffTerms
from exchange.clearing.terms import ClearingMode, ClearingRules, ClearingTime, VariationSchedule
from exchange.commands import (
    AcceptClient,
    AdoptRegime,
    AnnounceCryptoDeposit,
    ApplyForAccess,
    AppointMember,
    CancelOrder,
    ChooseMember,
    Command,
    CreditWallet,
    DepositCash,
    EstablishVenue,
    FundHouse,
    HouseLayer,
    IndexTerms,
    ListInstrument,
    MintCoins,
    PlaceNotes,
    PlaceOrder,
    RecordFiatReceipt,
    RegisterNote,
    ReportQuotes,
    Segregation,
    SessionTerms,
    SettlementCycleTerms,
    SubscribeNotes,
    VenueQuote,
)
from exchange.core import Exchange
from exchange.events import Event, OrderAccepted
from exchange.instruments import Asset, ContractKind, Instrument, NoteTerms, Product, Roll
from exchange.units import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    AssetId,
    IndexId,
    IndexPrice,
    InstrumentId,
    Money,
    Time,
    WalletId,
)
from matching.terms import OrderId, ParticipantId, PostOnly, Price, Side, TimeInForce

RUBD = AssetId("RUBD")
RUB = AssetId("RUB")
PAIR = InstrumentId("RUBD_RUB")
BTC = AssetId("BTC")
BTC_SPOT = InstrumentId("BTC_RUBD")
SATOSHI_LOT = 100_000  # 0.001 BTC
BLOCK = 10 * MINUTE
BTC_RUB = IndexId("BTC_RUB")
BTCF = InstrumentId("BTC_RUBD-25DEC26")
PERP = InstrumentId("BTC_RUBD-PERPETUAL")
OPENS: Time = 1_000 * HOUR
CLOSES: Time = OPENS + 8 * HOUR
EXPIRY: Time = OPENS + 7 * HOUR
VENUES = ("aster", "boreal", "cygnus", "dorado")
ROUBLE: Money = 100
ANN, BOB, CYD = ParticipantId("ann"), ParticipantId("bob"), ParticipantId("cyd")
IDA = ParticipantId("ida")  # who issues notes
NOTE, NOTE_UNITS = InstrumentId("NOTE1"), AssetId("DFA:NOTE1")
BUY, SELL = Side.BUY, Side.SELL


def future(**changes: object) -> Instrument:
    """BTCF: 0.001 BTC a lot, ticks of 100 roubles at 10 kopecks each, floor 0, cap twice the reference."""
    terms: dict[str, object] = {
        "instrument_id": BTCF,
        "kind": ContractKind.CAPPED_FUTURE,
        "underlying": BTC_RUB,
        "cash": RUBD,
        "tick": 10_000,
        "tick_value": 10,
        "floor": 0,
        "cap": 160_000,
        "reference": 80_000,
        "fee_maker": 0,
        "fee_taker": 0,
        "max_quantity": 1_000_000,
        "price_band_bp": 5_000,
        "protection_bp": 1_000,
        "expiry": EXPIRY,
    }
    return Instrument(**{**terms, **changes})  # type: ignore[arg-type]


def spot(**changes: object) -> Instrument:
    """Lots of 0.001 BTC against the coin, ticks of 100 roubles at 10 kopecks each, up to 16m roubles."""
    terms: dict[str, object] = {
        "instrument_id": BTC_SPOT,
        "kind": ContractKind.SPOT,
        "floor": 1_000,
        "base": BTC,
        "lot_units": 100_000,
        "expiry": 0,
    }
    return future(**{**terms, **changes})


def cash_pair(**changes: object) -> Instrument:
    """Lots of 1,000 coins against bank roubles, ticks of 0.0001 rouble at 10 kopecks each, half to one and a half."""
    terms: dict[str, object] = {
        "instrument_id": PAIR,
        "kind": ContractKind.CASH_PAIR,
        "underlying": IndexId(PAIR),
        "cash": RUB,
        "tick": 100,
        "tick_value": 10,
        "floor": 100,
        "cap": 15_000,
        "reference": 10_000,
        "price_band_bp": 5_000,
        "base": RUBD,
        "lot_units": 100_000,
        "expiry": 0,
    }
    return future(**{**terms, **changes})


def participation(**changes: object) -> PayoffTerms:
    """E19: 95% of 1,000.00 at least, half of the rise above 8.0m roubles, of which 40% count."""
    terms: dict[str, object] = {
        "kind": NoteKind.PARTICIPATION,
        "nominal": 1_000 * ROUBLE,
        "initial": 80_000,
        "floor_bp": 9_500,
        "participation_bp": 5_000,
        "cap_bp": 4_000,
    }
    return PayoffTerms(**{**terms, **changes})  # type: ignore[arg-type]


def note_terms(**changes: object) -> NoteTerms:
    """A thousand units of it at 1,000.00, by Ida, who has ten minutes to fill the escrow."""
    terms: dict[str, object] = {
        "issuer": IDA,
        "payoff": participation(),
        "volume": 1_000,
        "issue_price": 1_000 * ROUBLE,
        "funding_period": 10 * MINUTE,
        "grace": 30 * MINUTE,
    }
    return NoteTerms(**{**terms, **changes})  # type: ignore[arg-type]


def note(promise: NoteTerms | None = None, **changes: object) -> Instrument:
    terms: dict[str, object] = {
        "instrument_id": NOTE,
        "kind": ContractKind.NOTE,
        "tick_value": 1,
        "reference": 1_000 * ROUBLE,
        "max_quantity": 1_000,
        "base": NOTE_UNITS,
        "lot_units": 1,
        "note": promise or note_terms(),
    }
    return future(**{**terms, **changes})


def option(kind: ContractKind, strike: Price, **changes: object) -> Instrument:
    """An option in BTCF's bucket."""
    letter = {"call": "C", "put": "P", "digital_call": "DC", "digital_put": "DP"}[kind.value]
    terms: dict[str, object] = {
        "instrument_id": InstrumentId(f"{BTCF}-{strike}-{letter}"),
        "kind": kind,
        "strike": strike,
        "reference": 500,
    }
    return future(**{**terms, **changes})


def perpetual(**changes: object) -> Instrument:
    """The same lot, rolled every eight hours from eight hours after the opening, in a collar of 20%."""
    terms: dict[str, object] = {
        "instrument_id": PERP,
        "kind": ContractKind.PERP_ROLLING,
        "floor": 64_000,
        "cap": 96_000,
        "expiry": OPENS + 8 * HOUR,
        "roll": Roll(interval=8 * HOUR),
    }
    return future(**{**terms, **changes})


def a_regime(**changes: object) -> Regime:
    """Everybody may do everything that is cleared, without a cap, inside a test environment."""
    everyone = AccessClass(
        class_id="everyone",
        title="Everyone",
        any_of=(Criterion(),),
        permissions=dict.fromkeys(Product, Permission.ALLOWED),
        caps=Caps(),
    )
    terms: dict[str, object] = {
        "regime_id": "open",
        "title": "Open",
        "jurisdiction": "nowhere",
        "status": RegimeStatus.COUNTERFACTUAL,
        "valid_from": "2026-01-01",
        "valid_to": "2026-12-31",
        "sources": (),
        "assumptions": (),
        "test_environment": True,
        "asset_counting": AssetCounting(),
        "classes": (everyone,),
        "institutions": InstitutionRule(cover_bp=None),
        "market": MarketRules(),
        "cash": CashRules(settlement_asset=RUBD),
        "offshore_share_bp": 0,
    }
    return Regime(**{**terms, **changes})  # type: ignore[arg-type]


def a_risk_regime(**changes: object) -> Regime:
    """The same, clearing by margin; changes are those of its clearing rules."""
    return a_regime(clearing=ClearingRules(mode=ClearingMode.RISK, **changes))  # type: ignore[arg-type]


ONLY_IN_PYTHON = pytest.mark.skipif(
    Path(trading.__file__).suffix != ".py",
    reason="what is compiled does not see a function that is exchanged",
)
BOTH_MODES = pytest.mark.parametrize("regime", [a_regime(), a_risk_regime()], ids=["full", "risk"])


def cleared_at(*offsets: Time, **more: object) -> VariationSchedule:
    """Variation is cleared every day at these times after the opening."""
    times = [(OPENS + offset) % DAY for offset in offsets]
    clearings = tuple(ClearingTime(marks=time, pays=time) for time in times)
    return VariationSchedule(clearings=clearings, **more)  # type: ignore[arg-type]


def a_patient_index(**changes: object) -> IndexTerms:
    """An index every ten seconds that believes an old quote for three hours."""
    terms: dict[str, object] = {
        "index_id": BTC_RUB,
        "venues": VENUES,
        "weights_ppm": (250_000,) * len(VENUES),
        "interval": 10 * SECOND,
        "outage_age": 3 * HOUR,
        "stale_age": 3 * HOUR,
        "fixing_samples": 30,
        "fixing_spacing": MINUTE,
    }
    return IndexTerms(**{**terms, **changes})  # type: ignore[arg-type]


FIRM = Applicant(kind=ApplicantKind.COMPANY, qualified_by_law=True, knowledge_test_passed=True)


def with_btc(**changes: object) -> tuple[Asset, ...]:
    """The coin, and bitcoin in satoshi, confirmed by two blocks of ten minutes."""
    terms: dict[str, object] = {
        "asset_id": BTC,
        "scale": 8,
        "title": "Bitcoin",
        "confirmations": 2,
        "block_interval": BLOCK,
    }
    bitcoin = Asset(**{**terms, **changes})  # type: ignore[arg-type]
    return (Asset(asset_id=RUBD, scale=2, title="coin"), bitcoin)


def coin_terms(wallets: int = 1, **changes: object) -> CoinTerms:
    terms: dict[str, object] = {
        "asset_id": RUBD,
        "issuer": "mint",
        "minters": {"minter": 10**17},
        "venue_wallets": tuple(WalletId(f"venue-{n}") for n in range(1, wallets + 1)),
        "roles": keys_of("issuer", apart=(all_of(RoleName.VENUE_FREEZER, "central_bank"),)),
        "finality": 2 * SECOND,
    }
    return CoinTerms(**{**terms, **changes})  # type: ignore[arg-type]


def rouble_terms(**changes: object) -> BankTerms:
    """Money at a bank: what a coin is traded against, and what its issuer pays in."""
    terms: dict[str, object] = {
        "asset_id": RUB,
        "bank": "bank",
        "venue_wallets": (WalletId("venue-at-bank"),),
        "finality": 2 * SECOND,
    }
    return BankTerms(**{**terms, **changes})  # type: ignore[arg-type]


class Venue:
    """An exchange with a clock in hand. `tell` returns what happened, and audits the books each time."""

    def __init__(
        self,
        *instruments: Instrument,
        regime: Regime | None = None,
        coin: AnyCashTerms | None = None,
        more_coins: tuple[AnyCashTerms, ...] = (),
        more_assets: tuple[Asset, ...] = (),
        cycles: tuple[SettlementCycleTerms, ...] = (),
        index: IndexTerms | None = None,
        sessions: tuple[SessionTerms, ...] = (SessionTerms(opens=OPENS, closes=CLOSES),),
        now: Time = OPENS - MINUTE,
        assets: tuple[Asset, ...] = (Asset(asset_id=RUBD, scale=2, title="coin"),),
        cash_prices: tuple[CashPriceTerms, ...] = (),
        open_orders: tuple[int | None, int | None] = (None, None),
    ) -> None:
        self.exchange = Exchange()
        self.now = now
        self.asked = self.minted = 0
        self.tell(
            EstablishVenue(
                assets=(*assets, *more_assets),
                indices=(
                    index
                    or IndexTerms(index_id=BTC_RUB, venues=VENUES, weights_ppm=(250_000,) * len(VENUES)),
                ),
                cash=(coin or coin_terms(), *more_coins),
                sessions=sessions,
                settlement_cycles=cycles,
                cash_prices=cash_prices,
                max_open_orders=open_orders[0],
                max_open_orders_per_instrument=open_orders[1],
            )
        )
        self.tell(AdoptRegime(regime=regime or a_regime()))
        for instrument in instruments or (future(),):
            self.tell(ListInstrument(instrument=instrument))
        self.wait_until(OPENS)

    @property
    def state(self):  # type: ignore[no-untyped-def]
        return self.exchange.state

    def tell(self, command: Command) -> list[Event]:
        events = [entry.event for entry in self.exchange.handle(command, self.now)]
        assert not (faults := audit(self.exchange.state)), faults
        return events

    def wait_until(self, time: Time) -> list[Event]:
        """Let time pass; what fell due on the way."""
        self.now = max(self.now, time)
        events = [entry.event for entry in self.exchange.advance(self.now)]
        assert not (faults := audit(self.exchange.state)), faults
        return events

    def admit(
        self, name: ParticipantId, cash: Money = 10**12, applicant: Applicant | None = None
    ) -> list[Event]:
        """Let `name` in with `cash` on its account, minted against a fiat receipt and deposited."""
        wallet = WalletId(f"wallet-{name}")
        who = applicant or Applicant(kind=ApplicantKind.INDIVIDUAL, knowledge_test_passed=True)
        events = self.tell(ApplyForAccess(participant_id=name, applicant=who, wallet_id=wallet))
        if cash and name in self.state.seats:
            events += self.pay_in(name, cash)
        return events

    def admit_member(
        self,
        name: ParticipantId,
        cash: Money = 10**12,
        segregation: Segregation = Segregation.INDIVIDUAL,
    ) -> None:
        """Let a firm in, and make it a clearing member."""
        self.admit(name, cash, FIRM)
        self.tell(AppointMember(participant_id=name, segregation=segregation))

    def choose(self, client: ParticipantId, member: ParticipantId) -> list[Event]:
        """The client asks the member, which accepts it."""
        asked = self.tell(ChooseMember(participant_id=client, member_id=member))
        return asked + self.tell(AcceptClient(participant_id=member, client_id=client))

    def pay_in(self, name: ParticipantId, cash: Money, asset_id: AssetId = RUBD) -> list[Event]:
        """Coins minted for `name` against a fiat receipt, or money that a bank credited; and deposited."""
        self.mint(WalletId(f"wallet-{name}"), cash, asset_id)
        return self.tell(DepositCash(participant_id=name, asset_id=asset_id, amount=cash))

    def fund_house(self, layer: HouseLayer, amount: Money, asset_id: AssetId = RUBD) -> None:
        self.mint(WalletId("house"), amount, asset_id)
        self.tell(FundHouse(asset_id=asset_id, source=WalletId("house"), layer=layer, amount=amount))

    def mint(self, wallet: WalletId, amount: Money, asset_id: AssetId = RUBD) -> None:
        """New coins against a receipt, by whoever may mint, or money that a bank credits."""
        self.minted += 1
        receipt, terms = f"receipt-{self.minted}", self.state.holdings[asset_id].terms
        if not isinstance(terms, CoinTerms):
            self.tell(CreditWallet(asset_id=asset_id, wallet_id=wallet, amount=amount, reference=receipt))
            return
        self.tell(RecordFiatReceipt(asset_id=asset_id, receipt_id=receipt, amount=amount))
        self.tell(
            MintCoins(
                asset_id=asset_id,
                minter=next(iter(terms.minters)),
                receipt_id=receipt,
                wallet_id=wallet,
                amount=amount,
                signatures=terms.signatures(RoleName.MINTER),
            )
        )

    def bring(self, name: ParticipantId, amount: int, transaction: str = "") -> list[Event]:
        """The chain shows units for `name`; they are credited when two blocks have come on top."""
        return self.tell(
            AnnounceCryptoDeposit(
                participant_id=name,
                asset_id=BTC,
                amount=amount,
                transaction=transaction or f"to-{name}-{self.now}",
            )
        )

    def issue(self, terms: Instrument, *buyers: tuple[ParticipantId, int]) -> list[Event]:
        """Register a note, place so many units of it within a minute, and list it."""
        assert terms.note
        issuer, instrument_id = terms.note.issuer, terms.instrument_id
        events = self.tell(RegisterNote(participant_id=issuer, instrument=terms))
        events += self.tell(
            PlaceNotes(participant_id=issuer, instrument_id=instrument_id, until=self.now + MINUTE)
        )
        for name, quantity in buyers:
            events += self.tell(
                SubscribeNotes(participant_id=name, instrument_id=instrument_id, quantity=quantity)
            )
        return events + self.wait_until(self.now + MINUTE)

    def note_units(self, name: ParticipantId) -> int:
        return int(self.state.covers.notes.units(name, NOTE_UNITS))

    def place(
        self,
        name: ParticipantId,
        side: Side,
        quantity: int,
        price: Price | None,
        *,
        instrument_id: InstrumentId = BTCF,
        time_in_force: TimeInForce = TimeInForce.DAY,
        post_only: PostOnly = PostOnly.NO,
        reduce_only: bool = False,
        **more: object,
    ) -> list[Event]:
        """Place an order; `more` are other fields of the command."""
        self.asked += 1
        return self.tell(
            PlaceOrder(
                participant_id=name,
                client_order_id=self.asked,
                instrument_id=instrument_id,
                side=side,
                quantity=quantity,
                price=price,
                time_in_force=time_in_force,
                post_only=post_only,
                reduce_only=reduce_only,
                **more,  # type: ignore[arg-type]
            )
        )

    def rest(self, name: ParticipantId, side: Side, quantity: int, price: Price) -> OrderId:
        """Place an order that must come to rest; its id."""
        accepted = self.place(name, side, quantity, price)[0]
        assert isinstance(accepted, OrderAccepted)
        return accepted.order_id

    def cancel(self, name: ParticipantId, order_id: OrderId) -> list[Event]:
        return self.tell(CancelOrder(participant_id=name, order_id=order_id))

    def trade(
        self,
        buyer: ParticipantId,
        seller: ParticipantId,
        quantity: int,
        price: Price,
        instrument_id: InstrumentId = BTCF,
    ) -> None:
        """The seller's order rests and the buyer takes it, at `price`."""
        self.place(seller, SELL, quantity, price, instrument_id=instrument_id)
        self.place(buyer, BUY, quantity, price, instrument_id=instrument_id)

    def quote(self, value: IndexPrice, venues: tuple[str, ...] = VENUES) -> list[Event]:
        """Every outside venue shows `value`, one unit to either side."""
        return self.tell(
            ReportQuotes(
                index_id=BTC_RUB,
                quotes=tuple(
                    VenueQuote(venue=venue, bid=value - 1, ask=value + 1, at=self.now) for venue in venues
                ),
            )
        )

    def quote_until(self, time: Time, value: IndexPrice, every: Time = MINUTE) -> list[Event]:
        """Quote `value` once in every such time until `time`, letting time pass."""
        events = []
        while self.now < time:
            events += self.quote(value)
            events += self.wait_until(min(self.now + every, time))
        return events

    # --- reading ------------------------------------------------------------------------------------

    def free_cash(self, name: ParticipantId) -> Money:
        return int(self.state.ledger.available(self.state.seats[name].cash_account))

    def cash_of(self, name: ParticipantId, asset_id: AssetId) -> tuple[Money, Money]:
        """Free and held, of one cash asset."""
        ledger = self.state.ledger
        names = (accounts.cash(name, asset_id), accounts.hold(name, asset_id))
        free, held = (ledger.available(one) if one in ledger else 0 for one in names)
        return free, held

    def held(self, name: ParticipantId) -> Money:
        return int(self.state.ledger.posted(self.state.seats[name].hold_account))

    def locked(self, name: ParticipantId) -> Money:
        return int(self.state.covers.locked(name))

    def units(self, name: ParticipantId, asset_id: AssetId = BTC) -> int:
        return int(self.state.covers.spot.units(name, asset_id))

    def free_units(self, name: ParticipantId, asset_id: AssetId = BTC) -> int:
        return int(self.state.covers.spot.free_units(name, asset_id))

    def at_risk(self, name: ParticipantId) -> Money:
        return int(self.state.covers.at_risk(name))

    def position(self, name: ParticipantId, instrument_id: InstrumentId = BTCF) -> int:
        return int(self.state.covers.position(name, instrument_id))

    def standing(self, name: ParticipantId) -> MarginAccount:
        """The margin account of `name`."""
        account: MarginAccount = self.state.covers.margin.accounts[name]
        return account

    def pool(self, instrument: Instrument | None = None) -> Money:
        return int(self.state.covers.full.pool((instrument or future()).bucket_id))


E = TypeVar("E")


def of_kind(events: list[Event], kind: type[E]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]
