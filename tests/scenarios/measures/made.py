"""Short ways to write a record by hand, and to look at it as a measure does."""

from collections.abc import Sequence
from typing import Any

from exchange.access.regime import (
    AccessClass,
    Applicant,
    ApplicantKind,
    AssetCounting,
    CashRules,
    InstitutionRule,
    MarketRules,
    Permission,
    Regime,
)
from exchange.clearing.terms import ClearingRules
from exchange.events import (
    BestPricesChanged,
    ClaimSettled,
    DepthReported,
    Entry,
    Event,
    IndexPublished,
    IndexStatus,
    InstrumentListed,
    Liquidity,
    OrderAccepted,
    OrderFilled,
    OrderRejected,
    ParticipantAdmitted,
    TradeReported,
)
from exchange.instruments import ContractKind, Instrument, Product
from exchange.reasons import RejectReason
from exchange.units import SECOND, WalletId
from matching.terms import Side
from participants.profile import Profile, Style
from scenarios.measures import RunView
from scenarios.results import RecordWriter

HOUR_S = 3_600


class Story:
    """Entries in the order in which they are told; times are seconds after the run opens at 0."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._trades = 0

    def at(self, seconds: float, *events: Event) -> "Story":
        for event in events:
            self.entries.append(
                Entry(sequence=len(self.entries) + 1, time=int(seconds * SECOND), event=event)
            )
        return self

    def trade(
        self,
        seconds: float,
        buyer: str,
        seller: str,
        quantity: int,
        price: int,
        *,
        taker: Side = Side.BUY,
        instrument_id: str = "BTC",
        fees: tuple[int, int] = (0, 0),
    ) -> "Story":
        """Both fills and the report. `fees` are the maker's and the taker's."""
        self._trades += 1
        sides = ((buyer, Side.BUY), (seller, Side.SELL))
        for who, side in sorted(sides, key=lambda one: one[1] is not taker):
            self.at(
                seconds,
                OrderFilled(
                    participant_id=who,
                    order_id=self._trades,
                    client_order_id=1,
                    instrument_id=instrument_id,
                    trade_id=self._trades,
                    side=side,
                    price=price,
                    quantity=quantity,
                    remaining=0,
                    liquidity=Liquidity.TAKER if side is taker else Liquidity.MAKER,
                    fee=fees[side is taker],
                ),
            )
        return self.at(
            seconds,
            TradeReported(
                trade_id=self._trades,
                instrument_id=instrument_id,
                price=price,
                quantity=quantity,
                taker_side=taker,
            ),
        )

    def seen(self, population: Sequence[Profile] = (), *, closes: float = HOUR_S, **regime: Any) -> RunView:
        writer = RecordWriter()
        writer.write(self.entries)
        return RunView(
            record=writer.record(),
            population=population,
            regime=a_regime(**regime),
            opens=0,
            closes=int(closes * SECOND),
        )


def a_listing(
    instrument_id: str = "BTC",
    *,
    expiry_s: float = 10 * HOUR_S,
    kind: ContractKind = ContractKind.CAPPED_FUTURE,
    floor: int = 0,
    cap: int = 160_000,
    strike: int | None = None,
) -> InstrumentListed:
    """100 RUB a tick, 10 kopecks a tick and lot: one lot at 80,000 ticks is worth 8,000 RUB."""
    return InstrumentListed(
        instrument=Instrument(
            instrument_id=instrument_id,
            kind=kind,
            underlying="BTC_RUB",
            cash="RUBD",
            tick=10_000,
            tick_value=10,
            floor=floor,
            cap=cap,
            reference=80_000,
            fee_maker=0,
            fee_taker=0,
            max_quantity=1_000,
            price_band_bp=1_000,
            protection_bp=200,
            expiry=int(expiry_s * SECOND),
            strike=strike,
        )
    )


def bucket_of(listed: InstrumentListed) -> str:
    return listed.instrument.bucket_id


def prices(bid: int | None, ask: int | None, instrument_id: str = "BTC") -> BestPricesChanged:
    return BestPricesChanged(instrument_id=instrument_id, bid=bid, bid_quantity=1, ask=ask, ask_quantity=1)


def index(ticks: int, status: IndexStatus = IndexStatus.OK) -> IndexPublished:
    return IndexPublished(index_id="BTC_RUB", value=ticks * 10_000, status=status, venues=3)


def depth(bids: tuple[int, ...], asks: tuple[int, ...], instrument_id: str = "BTC") -> DepthReported:
    return DepthReported(
        instrument_id=instrument_id, distances_bp=(10, 50, 100, 200), bid_quantities=bids, ask_quantities=asks
    )


def accepted(who: str, order_id: int = 1) -> OrderAccepted:
    return OrderAccepted(
        participant_id=who,
        order_id=order_id,
        client_order_id=1,
        instrument_id="BTC",
        side=Side.BUY,
        price=80_000,
        quantity=1,
    )


def rejected(who: str, reason: RejectReason) -> OrderRejected:
    return OrderRejected(
        participant_id=who, client_order_id=1, instrument_id="BTC", side=Side.BUY, quantity=1, reason=reason
    )


def settled(who: str, gain: int, bucket_id: str) -> ClaimSettled:
    return ClaimSettled(participant_id=who, bucket_id=bucket_id, payout=0, gain=gain)


def admitted(who: str, *, class_id: str = "qualified", limit: int | None = None) -> ParticipantAdmitted:
    return ParticipantAdmitted(
        participant_id=who,
        class_id=class_id,
        applicant=Applicant(kind=ApplicantKind.INDIVIDUAL),
        permissions={Product.FUTURE: Permission.ALLOWED},
        limit=limit,
    )


def a_profile(
    who: str,
    *,
    decile: int = 5,
    desired_rub: int = 10_000,
    assets_rub: int = 100_000,
    kind: ApplicantKind = ApplicantKind.INDIVIDUAL,
    style: Style = Style.NOISE,
) -> Profile:
    return Profile(
        wallet_id=WalletId("wallet"),
        participant_id=who,
        applicant=Applicant(kind=kind, securities_and_deposits=assets_rub * 100),
        style=style,
        desired_exposure=desired_rub * 100,
        deposit=desired_rub * 100,
        wealth_decile=decile,
        attention_ns=60 * SECOND,
        fear_bp=500,
        intermediary="a_broker",
    )


def a_regime(
    *, offshore_share_bp: int = 0, waiting_share_bp: int = 0, clearing: ClearingRules | None = None
) -> Regime:
    return Regime(
        regime_id="made",
        title="Made by hand",
        jurisdiction="nowhere",
        status="counterfactual",
        valid_from="2026-01-01",
        valid_to="2026-12-31",
        sources=(),
        assumptions=(),
        test_environment=True,
        asset_counting=AssetCounting(),
        classes=(
            AccessClass(
                class_id="qualified",
                title="Qualified",
                any_of=(),
                permissions={Product.FUTURE: Permission.ALLOWED},
            ),
        ),
        institutions=InstitutionRule(),
        market=MarketRules(),
        cash=CashRules(settlement_asset="RUBD"),
        offshore_share_bp=offshore_share_bp,
        waiting_share_bp=waiting_share_bp,
        clearing=clearing or ClearingRules(),
    )
