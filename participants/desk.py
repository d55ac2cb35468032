"""What a participant remembers of its own orders, position and cash, from the private events it was told,
and from the rolls of a perpetual, of which everybody is told.

Cash is an estimate. It counts each instrument by itself, as full cover does for a bucket with one future in
it; where the house nets more, more is free than the desk believes. Where positions are margined, a share of what
they are worth is counted instead of all that they could lose, and gains and losses come with each clearing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from exchange.events import (
    CashDeposited,
    CashRequestRejected,
    ClaimConverted,
    ClaimSettled,
    CouponPaid,
    CryptoDepositCredited,
    Event,
    FundContributionChanged,
    FundingPaid,
    InstrumentRedenominated,
    Layer,
    LimitChanged,
    LiquidationFeeCharged,
    LossBorne,
    LossRestored,
    LossShared,
    MarginState,
    MarginStateChanged,
    NotesRedeemed,
    NotesSubscribed,
    ObligationPaid,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    ParticipantAdmitted,
    ParticipantState,
    ParticipantStateChanged,
    PerpetualRolled,
    PoolLossBorne,
    PositionRolled,
    PositionSettled,
    PositionTransferred,
    RequestRejected,
    UnitsLossShared,
    UnitsWithdrawalRequested,
    UnitsWithdrawalReturned,
    VariationPaid,
    WithdrawalRequested,
    WithdrawalReturned,
)
from exchange.instruments import IN_UNITS, Instrument, Product
from exchange.reasons import RejectReason
from exchange.units import AssetId, BasisPoints, BucketId, InstrumentId, Money
from matching.terms import OrderId, ParticipantId, Price, Quantity, Side

LASTING: Final = frozenset(
    {
        RejectReason.UNKNOWN_PARTICIPANT,
        RejectReason.UNKNOWN_INSTRUMENT,
        RejectReason.PARTICIPANT_DEFAULTED,
        RejectReason.PARTICIPANT_SUSPENDED,
        RejectReason.INSTRUMENT_EXPIRED,
        RejectReason.SPOT_OUTSIDE_TEST_ENVIRONMENT,
        RejectReason.PRODUCT_NOT_PERMITTED,
        RejectReason.UNDERLYING_NOT_PERMITTED,
        RejectReason.UNDERLYING_WITHHELD,
        RejectReason.KNOWLEDGE_TEST_REQUIRED,
    }
)
"""Refusals that the next order would meet as well: only an admission or a new state can lift them."""

TIGHT: Final = frozenset(
    {
        RejectReason.POSITION_LIMIT,
        RejectReason.ANNUAL_PURCHASES,
        RejectReason.EXPOSURE_LIMIT,
        RejectReason.OWN_FUNDS_COVER,
        RejectReason.MEMBER_CAPACITY,
        RejectReason.VENUE_CAP,
        RejectReason.INSUFFICIENT_CASH,
        RejectReason.INSUFFICIENT_MARGIN,
        RejectReason.INSUFFICIENT_UNITS,
    }
)
"""Refusals that a smaller order might not meet."""


class LiveOrder:
    """One of its orders that may still fill."""

    __slots__ = ("client_order_id", "instrument_id", "order_id", "price", "remaining", "side")

    def __init__(self, accepted: OrderAccepted) -> None:
        self.order_id = accepted.order_id
        self.client_order_id = accepted.client_order_id
        self.instrument_id = accepted.instrument_id
        self.side = accepted.side
        self.price = accepted.price
        self.remaining = accepted.quantity


OF_THE_FUND: Final = frozenset({Layer.DEFAULTER_FUND_SHARE, Layer.SURVIVORS_FUND})
"""Layers of the waterfall that are paid from a member's share of the default fund."""

ONE_IN_BP = 10_000


class Holding:
    """Position and live orders in one claim, and what they lose if it ends worthless or worth the most."""

    __slots__ = (
        "_highest",
        "_lowest",
        "_tick_value",
        "bought",
        "buying",
        "buying_cost",
        "instrument",
        "loss_at_highest",
        "loss_at_lowest",
        "margin_bp",
        "price",
        "selling",
        "selling_cost",
        "sold",
    )

    def __init__(self, instrument: Instrument) -> None:
        self.begin(instrument)
        self._tick_value = instrument.tick_value
        self.bought: Quantity = 0  # since the beginning
        self.sold: Quantity = 0
        self.buying: Quantity = 0  # of live orders
        self.selling: Quantity = 0
        self.buying_cost: Money = 0
        self.selling_cost: Money = 0
        self.loss_at_lowest: Money = 0  # of the position, if it settled there; a gain is negative
        self.loss_at_highest: Money = 0
        self.margin_bp: BasisPoints | None = None  # of what a lot is worth; None: covered in full
        self.price: Price = instrument.reference  # the last one at which it ordered or traded

    @property
    def position(self) -> int:
        """Lots, long positive."""
        return self.bought - self.sold

    @property
    def locked(self) -> Money:
        """What the position itself keeps from its cash."""
        if self.margin_bp is not None:
            return self._margin(abs(self.position))
        return max(self.loss_at_lowest, self.loss_at_highest)

    @property
    def needed(self) -> Money:
        """What position and orders need together if those orders fill that hurt most."""
        if self.margin_bp is not None:
            return self._margin(max(abs(self.position + self.buying), abs(self.position - self.selling)))
        return max(self.loss_at_lowest + self.buying_cost, self.loss_at_highest + self.selling_cost)

    def _margin(self, lots: Quantity) -> Money:
        assert self.margin_bp is not None, "asked of what is margined"
        return lots * self.price * self._tick_value * self.margin_bp // ONE_IN_BP

    def premium(self, side: Side, price: Price, quantity: Quantity) -> Money:
        """What a trade pays at once: of margined positions, those in options."""
        if self.margin_bp is None or self.instrument.product is not Product.OPTION:
            return 0
        return side * price * quantity * self._tick_value

    @property
    def inventory(self) -> int:
        """Lots that it has bought more than sold."""
        return self.bought - self.sold

    def reach(self, side: Side, limit: Quantity) -> Quantity:
        """How many lots it may move to that side, inside `limit`."""
        return max(limit - side * self.position, 0)

    def affordable(self, side: Side, price: Price, quantity: Quantity, free: Money) -> Quantity:
        """As much of `quantity` as so much free cash covers, fees included."""
        terms = self.instrument
        need = self.extra(side, price, quantity) + quantity * max(terms.fee_maker, terms.fee_taker)
        return quantity if need <= free else quantity * free // need

    def open_lots(self, side: Side) -> Quantity:
        return self.buying if side is Side.BUY else self.selling

    def extra(self, side: Side, price: Price, quantity: Quantity) -> Money:
        """How much more would be needed with one more order."""
        before, known = self.needed, self.price
        self.rest(side, price, quantity)
        more = self.needed - before
        self.rest(side, price, -quantity)
        self.price = known
        return more

    def rest(self, side: Side, price: Price, quantity: int) -> None:
        """`quantity` more lots of live orders at `price`; fewer if negative."""
        if quantity > 0:
            self.price = price
        if side is Side.BUY:
            self.buying += quantity
            self.buying_cost += (price - self._lowest) * quantity * self._tick_value
        else:
            self.selling += quantity
            self.selling_cost += (self._highest - price) * quantity * self._tick_value

    def trade(self, side: Side, price: Price, quantity: Quantity) -> None:
        self.price = price
        signed = side * quantity * self._tick_value
        self.loss_at_lowest += (price - self._lowest) * signed
        self.loss_at_highest -= (self._highest - price) * signed
        if side is Side.BUY:
            self.bought += quantity
        else:
            self.sold += quantity

    def close(self) -> None:
        """The claims are settled: nothing is held any more."""
        self.sold = self.bought
        self.loss_at_lowest = self.loss_at_highest = 0

    def begin(self, instrument: Instrument) -> None:
        """The terms that it is held on; of a perpetual, from a roll on, when no order of its is live."""
        self.instrument = instrument
        self._lowest, self._highest = instrument.lowest_price, instrument.highest_price

    def carry_on(self, lots: int, price: Price) -> None:
        """So many lots more are held from `price` on: nothing was bought or sold by the participant itself.

        What was closed by a roll goes on, or a part of it, or default management has moved a position.
        """
        self.trade(Side.BUY, price, lots)
        self.bought -= lots
        self.sold -= lots


class UnitsHolding(Holding):
    """The same where units change hands: what it buys is paid, and it sells no more than it has.

    The units of a pair of cash assets are coins, which come and go by deposits and withdrawals.
    """

    __slots__ = ("_units",)

    def __init__(self, instrument: Instrument) -> None:
        super().__init__(instrument)
        self._units = 0  # of the base: brought from outside or subscribed, not bought here

    @property
    def position(self) -> int:
        return self.inventory + self._units // (self.instrument.lot_units or 1)

    @property
    def locked(self) -> Money:
        """What buying has taken from its cash; negative if selling has brought more."""
        return self.loss_at_lowest

    @property
    def needed(self) -> Money:
        return self.loss_at_lowest + self.buying_cost

    def reach(self, side: Side, limit: Quantity) -> Quantity:
        room = super().reach(side, limit)
        return room if side is Side.BUY else min(room, max(self.position, 0))

    def affordable(self, side: Side, price: Price, quantity: Quantity, free: Money) -> Quantity:
        """Of what it sells, as much as no order sells yet: the fee comes out of the price."""
        if side is Side.BUY:
            return super().affordable(side, price, quantity, free)
        return min(quantity, max(self.position - self.selling, 0))

    def rest(self, side: Side, price: Price, quantity: int) -> None:
        if side is Side.BUY:
            self.buying += quantity
            self.buying_cost += price * quantity * self._tick_value
        else:
            self.selling += quantity

    def trade(self, side: Side, price: Price, quantity: Quantity) -> None:
        self.loss_at_lowest += side * price * quantity * self._tick_value
        if side is Side.BUY:
            self.bought += quantity
        else:
            self.sold += quantity

    def move(self, units: int) -> None:
        """Units have come or gone otherwise than by a trade here."""
        self._units += units

    def close(self) -> None:
        """The units are paid off; what they have cost is spent."""
        self._units = -self.inventory * (self.instrument.lot_units or 1)


def holding_of(instrument: Instrument) -> Holding:
    return UnitsHolding(instrument) if instrument.product in IN_UNITS else Holding(instrument)


class Desk:
    """Feed it every private event, and every roll, in order, with `hear`."""

    __slots__ = (
        "_client_order_id",
        "_fund_share",
        "funds",
        "holdings",
        "last_rejection",
        "orders",
        "participant_id",
        "refused_cash",
        "squeezes",
        "state",
        "stopped",
    )

    def __init__(
        self,
        participant_id: ParticipantId,
        instruments: Iterable[Instrument],
        opening: Mapping[AssetId, Money] | None = None,
    ) -> None:
        """`opening` is the cash that is at the venue before the desk hears its first event."""
        self.participant_id = participant_id
        self.holdings = {terms.instrument_id: holding_of(terms) for terms in instruments}
        self.orders: dict[OrderId, LiveOrder] = {}  # in the order of their acceptance
        self.funds: dict[AssetId, Money] = dict(
            opening or {}
        )  # brought in and earned, not taken out, less fees
        self.state = ParticipantState.ACTIVE
        self.stopped = False  # a refusal has come that no other order could escape
        self.squeezes = 0  # refusals for want of cash or room, since there was last more of either
        self.last_rejection: OrderRejected | RequestRejected | None = None
        self.refused_cash: CashRequestRejected | None = None  # the last one
        self._client_order_id = 0
        self._fund_share: Money = 0  # a member's money in the default fund
        for asset_id, amount in self.funds.items():
            self._move(asset_id, amount)

    def clear_by_margin(self, margin_bp: BasisPoints) -> None:
        """From now on, before anything was traded, positions need this share of what they are worth. Spot is paid."""
        for holding in self.holdings.values():
            if holding.instrument.product not in IN_UNITS:
                holding.margin_bp = margin_bp

    def next_client_order_id(self) -> int:
        self._client_order_id += 1
        return self._client_order_id

    def position(self, instrument_id: InstrumentId) -> int:
        """Lots, long positive."""
        return self.holdings[instrument_id].position

    def orders_in(self, instrument_id: InstrumentId) -> list[LiveOrder]:
        """The oldest first."""
        return [order for order in self.orders.values() if order.instrument_id == instrument_id]

    def free_cash(self, asset_id: AssetId) -> Money:
        """What could be withdrawn, as far as the desk can tell."""
        cash = self.funds.get(asset_id, 0)
        for holding in self.holdings.values():
            terms = holding.instrument
            if terms.cash == asset_id:
                cash -= holding.needed
            elif terms.product is Product.CASH_PAIR and terms.base == asset_id:
                cash += (holding.inventory - holding.selling) * (terms.lot_units or 1)
        return cash

    def affordable(
        self, instrument_id: InstrumentId, side: Side, price: Price, quantity: Quantity
    ) -> Quantity:
        """As much of `quantity` as free cash covers, fees included."""
        holding = self.holdings[instrument_id]
        free = max(self.free_cash(holding.instrument.cash), 0)
        return holding.affordable(side, price, quantity, free)

    def hear(self, news: Sequence[Event]) -> None:
        for event in news:
            listen = _LISTENERS.get(type(event))
            if listen is not None:
                listen(self, event)

    # --- orders

    def _accepted(self, event: OrderAccepted) -> None:
        if event.instrument_id in self.holdings:
            self.orders[event.order_id] = LiveOrder(event)
            self.holdings[event.instrument_id].rest(event.side, event.price, event.quantity)

    def _filled(self, event: OrderFilled) -> None:
        holding = self.holdings.get(event.instrument_id)
        if holding is None:
            return
        holding.trade(event.side, event.price, event.quantity)
        premium = holding.premium(event.side, event.price, event.quantity)
        self._earn(holding.instrument.cash, -event.fee - premium)
        self._leave(event.order_id, event.remaining)

    def _amended(self, event: OrderAmended) -> None:
        order = self.orders.get(event.order_id)
        if order is not None:
            holding = self.holdings[order.instrument_id]
            holding.rest(order.side, order.price, -order.remaining)
            order.price, order.remaining = event.price, event.remaining
            holding.rest(order.side, order.price, order.remaining)

    def _canceled(self, event: OrderCanceled) -> None:
        self._leave(event.order_id, 0)

    def _leave(self, order_id: OrderId, remaining: Quantity) -> None:
        """Only `remaining` lots of an order are still live."""
        order = self.orders.get(order_id)
        if order is None:
            return
        self.holdings[order.instrument_id].rest(order.side, order.price, remaining - order.remaining)
        order.remaining = remaining
        if remaining == 0:
            del self.orders[order_id]

    def _rejected(self, event: OrderRejected) -> None:
        self.last_rejection = event
        if event.reason in TIGHT:
            self.squeezes += 1
        elif event.reason in LASTING:
            self.stopped = True

    def _request_rejected(self, event: RequestRejected) -> None:
        self.last_rejection = event
        if event.reason is RejectReason.UNKNOWN_ORDER:
            self._leave(event.order_id, 0)

    # --- standing

    def _admitted(self, _event: ParticipantAdmitted) -> None:
        self.stopped = False
        self.squeezes = 0

    def _state_changed(self, event: ParticipantStateChanged) -> None:
        self.state = event.state
        self.stopped = event.state in (ParticipantState.SUSPENDED, ParticipantState.DEFAULTED)

    def _limit_changed(self, _event: LimitChanged) -> None:
        self.squeezes = 0

    # --- cash

    def _deposited(self, event: CashDeposited) -> None:
        self._bring(event.asset_id, event.amount)
        self.squeezes = 0

    def _withdrawn(self, event: WithdrawalRequested) -> None:
        self._bring(event.asset_id, -event.amount)

    def _returned(self, event: WithdrawalReturned) -> None:
        self._bring(event.asset_id, event.amount)

    def _cash_refused(self, event: CashRequestRejected) -> None:
        self.refused_cash = event

    def _settled(self, event: ClaimSettled) -> None:
        closed = self._close(event.bucket_id)
        if closed:  # one payout for the bucket, however many of its instruments were held
            self._earn(closed[0].instrument.cash, event.gain)

    def _close(self, bucket_id: BucketId) -> list[Holding]:
        closed = [one for one in self.holdings.values() if one.instrument.bucket_id == bucket_id]
        for holding in closed:
            holding.close()
        return closed

    # --- margin: what is owed or due is not counted before it is paid

    def _settled_by_margin(self, event: PositionSettled) -> None:
        self._close(event.bucket_id)

    def _varied(self, event: VariationPaid) -> None:
        self._earn(event.asset_id, event.amount)

    def _transferred(self, event: PositionTransferred) -> None:
        holding = self.holdings.get(event.instrument_id)
        if holding is not None:
            holding.carry_on(event.lots, event.price)

    def _margin_stands(self, event: MarginStateChanged) -> None:
        if event.state is MarginState.NORMAL:
            self.squeezes = 0

    def _fee_charged(self, event: LiquidationFeeCharged) -> None:
        self._earn(event.asset_id, -event.amount)

    def _contributed(self, event: FundContributionChanged) -> None:
        held = event.share - event.missing
        self._earn(event.asset_id, self._fund_share - held)
        self._fund_share = held

    def _bore(self, event: LossBorne) -> None:
        if event.layer in OF_THE_FUND:
            self._fund_share -= event.amount

    def _bore_for_fellow(self, event: PoolLossBorne) -> None:
        self._earn(event.asset_id, -event.amount)

    # --- a perpetual's roll, after what it settled and before what is ordered next

    def _funded(self, event: FundingPaid) -> None:
        holding = self.holdings.get(event.instrument_id)
        if holding is not None:
            self._earn(holding.instrument.cash, event.amount)

    def _rolled(self, event: PerpetualRolled) -> None:
        holding = self.holdings.get(event.instrument.instrument_id)
        if holding is not None and holding.instrument.roll is not None:  # nothing else rolls
            holding.begin(event.instrument)

    def _redenominated(self, event: InstrumentRedenominated) -> None:
        holding = self.holdings.get(event.instrument.instrument_id)
        if holding is not None:
            holding.begin(event.instrument)

    def _converted(self, event: ClaimConverted) -> None:
        self._earn(event.asset_id, -event.amount)
        self._earn(event.fallback_asset_id, event.received)

    def _carried_on(self, event: PositionRolled) -> None:
        holding = self.holdings.get(event.instrument_id)
        if holding is not None:
            holding.carry_on(event.quantity, event.price)

    def _shared(self, event: LossShared) -> None:
        self._bring(event.asset_id, -event.amount)

    def _restored(self, event: LossRestored) -> None:
        self._earn(event.asset_id, event.amount)

    # --- units

    def _units_in(self, event: CryptoDepositCredited | UnitsWithdrawalReturned) -> None:
        self._move(event.asset_id, event.amount)
        self.squeezes = 0

    def _units_out(self, event: UnitsWithdrawalRequested | UnitsLossShared) -> None:
        self._move(event.asset_id, -event.amount)

    def _subscribed(self, event: NotesSubscribed) -> None:
        self._earn(event.asset_id, -event.paid)
        holding = self.holdings.get(event.instrument_id)
        if isinstance(holding, UnitsHolding):
            holding.move(event.quantity)

    def _note_paid(self, event: CouponPaid | ObligationPaid) -> None:
        self._earn(event.asset_id, event.paid)

    def _redeemed(self, event: NotesRedeemed) -> None:
        self._earn(event.asset_id, event.paid)
        holding = self.holdings.get(event.instrument_id)
        if holding is not None:
            holding.close()

    def _move(self, asset_id: AssetId, units: int) -> None:
        for holding in self.holdings.values():
            if isinstance(holding, UnitsHolding) and holding.instrument.base == asset_id:
                holding.move(units)

    def _bring(self, asset_id: AssetId, amount: Money) -> None:
        """Cash has come to the venue or left it; it may be what one of the instruments delivers."""
        self._earn(asset_id, amount)
        self._move(asset_id, amount)

    def _earn(self, asset_id: AssetId, amount: Money) -> None:
        self.funds[asset_id] = self.funds.get(asset_id, 0) + amount


_Listener: TypeAlias = Callable[[Desk, Any], None]

_LISTENERS: dict[type[Event], _Listener] = {
    OrderAccepted: Desk._accepted,
    OrderFilled: Desk._filled,
    OrderAmended: Desk._amended,
    OrderCanceled: Desk._canceled,
    OrderRejected: Desk._rejected,
    RequestRejected: Desk._request_rejected,
    ParticipantAdmitted: Desk._admitted,
    ParticipantStateChanged: Desk._state_changed,
    LimitChanged: Desk._limit_changed,
    CashDeposited: Desk._deposited,
    WithdrawalRequested: Desk._withdrawn,
    WithdrawalReturned: Desk._returned,
    CashRequestRejected: Desk._cash_refused,
    ClaimSettled: Desk._settled,
    FundingPaid: Desk._funded,
    PerpetualRolled: Desk._rolled,
    PositionRolled: Desk._carried_on,
    InstrumentRedenominated: Desk._redenominated,
    ClaimConverted: Desk._converted,
    LossShared: Desk._shared,
    LossRestored: Desk._restored,
    PositionSettled: Desk._settled_by_margin,
    VariationPaid: Desk._varied,
    PositionTransferred: Desk._transferred,
    MarginStateChanged: Desk._margin_stands,
    LiquidationFeeCharged: Desk._fee_charged,
    FundContributionChanged: Desk._contributed,
    LossBorne: Desk._bore,
    PoolLossBorne: Desk._bore_for_fellow,
    CryptoDepositCredited: Desk._units_in,
    UnitsWithdrawalRequested: Desk._units_out,
    UnitsWithdrawalReturned: Desk._units_in,
    UnitsLossShared: Desk._units_out,
    NotesSubscribed: Desk._subscribed,
    CouponPaid: Desk._note_paid,
    NotesRedeemed: Desk._redeemed,
    ObligationPaid: Desk._note_paid,
}
