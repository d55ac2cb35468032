"""Full cover: every derivative is a bounded claim, and both sides pay in all they could ever lose.

For one participant and one bucket (an underlying, an expiry, a cash asset) let P(S) be the gain if the
settlement price is S. What is locked in escrow is the worst loss, max over S of -P(S); what live orders
need beside it is the worst over every subset of them that might fill:

    worst = max over S of [ -P(S) + sum over orders of max(0, the loss of that order at S) ]

For a fixed S each order either hurts or helps by itself, so the worst subset is "all that hurt"; between
nodes the bracket is straight, so its maximum is at a node: the floor, the cap and each strike. The figure is
exact, not a bound, and one order touches one row.

Losses are kept in minor units at each node of the bucket; a lock may be negative, when a gain is certain.
"""

from collections.abc import Iterable, Mapping, Sequence
from operator import add
from typing import NamedTuple

from mypy_extensions import mypyc_attr

from exchange.clearing import accounts
from exchange.clearing.cover import CapitalAtRisk, Holder, Order, Requirement, TradeSide
from exchange.clearing.ledger import Ledger, Move, Rule
from exchange.clearing.rounding import allocate
from exchange.instruments import Instrument
from exchange.messages import changed
from exchange.reasons import RejectReason
from exchange.units import AssetId, BucketId, InstrumentId, Money
from matching.terms import ParticipantId, Price, Quantity, Side


class Payout(NamedTuple):
    """One participant's claim when its bucket settles."""

    holder: Holder
    payout: Money
    gain: Money  # since the claims were opened, before fees; less what the claim bears of others' cuts
    cut: Money = 0  # what the claim would have paid beside, had the pool not been cut


class PaidOut(NamedTuple):
    """What became of a bucket's pool when it settled."""

    pool: Money
    payouts: Money  # all together
    least: Money  # of one participant

    @classmethod
    def of(cls, pool: Money, payouts: Sequence[Payout]) -> "PaidOut":
        amounts = [paid.payout for paid in payouts]
        return cls(pool, sum(amounts), min(amounts, default=0))


@mypyc_attr(serializable=True)  # made bare when an image is read
class ClaimAccount:
    """One participant's claims and orders in one bucket. Lists run over the bucket's nodes, in minor units."""

    __slots__ = (
        "at_risk",
        "bucket",
        "cost",
        "fee_reserve",
        "hold",
        "hold_account",
        "holder",
        "lock",
        "loss",
        "order_loss",
        "positions",
        "quantities",
        "source",
        "worst",
    )

    def __init__(self, holder: Holder, bucket: "Bucket", at_risk: CapitalAtRisk) -> None:
        self.holder = holder
        self.source, self.hold_account = holder.cash_account, holder.hold_account
        self.bucket = bucket
        self.at_risk = at_risk
        self.quantities: dict[InstrumentId, int] = {}
        self.positions: dict[InstrumentId, str] = {}  # the ledger accounts in which they are booked
        self.cost = 0  # net claim price paid, in ticks
        self.loss: list[Money] = [0] * len(bucket.nodes)
        self.order_loss: list[Money] = [0] * len(bucket.nodes)
        self.fee_reserve: Money = 0
        self.lock: Money = 0
        self.worst: Money = 0
        self.hold: Money = 0

    def requirement_with(self, order: Order) -> Requirement:
        """What the account would need with `order` beside all that it has."""
        order.lot_losses = self.bucket.lot_losses(order)
        order_loss = self.order_loss_with(order, order.remaining)
        worst = max(map(add, self.loss, order_loss))
        reserve = self.fee_reserve + order.worst_fee * order.remaining
        return order_loss, reserve, worst, worst - self.lock + reserve

    def lack(self, order: Order, spendable: Money) -> RejectReason | None:
        """Whether the hold can be raised to what the order needs."""
        assert order.need is not None, "reckoned before it is paid for"
        short = order.need[3] - self.hold - order.released > spendable
        return RejectReason.INSUFFICIENT_CASH if short else None

    def open_order(self, need: Requirement) -> Money:
        """Count an order among the live ones, as `requirement_with` reckoned it; the change of the hold."""
        before, risk_before = self.hold, self.worst
        self.order_loss, self.fee_reserve, self.worst, self.hold = need
        if self.worst != risk_before:
            self.at_risk.note(risk_before, self.worst)
        return self.hold - before

    def close_order(self, order: Order, quantity: Quantity) -> Money:
        """Take `quantity` of a live order out again, unfilled; the change of the hold, never positive."""
        before = self.hold
        self.order_loss = self.order_loss_with(order, -quantity)
        self.fee_reserve -= order.worst_fee * quantity
        self.reckon()
        return self.hold - before

    def reopen_order(self, order: Order) -> None:
        """Count an order again that was closed a moment ago."""
        self.order_loss = self.order_loss_with(order, order.remaining)
        self.fee_reserve += order.worst_fee * order.remaining
        self.reckon()

    def fill(self, order: Order, change: int, price: Price) -> tuple[Money, Money]:
        """Move `change` lots (signed) from the order's row to the position's; how lock and hold change."""
        lock, hold, quantity = self.lock, self.hold, abs(change)
        instrument_id = order.instrument.instrument_id
        claim_price = price - self.bucket.lowest_prices[instrument_id]
        paid = self.bucket.tick_value * claim_price
        payoffs = self.bucket.payoffs[instrument_id]
        self.loss = [loss + change * (paid - payoff) for loss, payoff in zip(self.loss, payoffs, strict=True)]
        self.order_loss = self.order_loss_with(order, -quantity)
        self.fee_reserve -= order.worst_fee * quantity
        self.quantities[instrument_id] = self.quantities.get(instrument_id, 0) + change
        self.cost += change * claim_price
        self.reckon()
        return self.lock - lock, self.hold - hold

    def order_loss_with(self, order: Order, quantity: int) -> list[Money]:
        """The row of the live orders with `quantity` lots of one order more, or fewer if it is negative."""
        return [loss + quantity * lot for loss, lot in zip(self.order_loss, order.lot_losses, strict=True)]

    def reckon(self) -> None:
        """Bring lock, worst case, hold and capital at risk up to date with the rows."""
        risk_before = self.worst
        self.lock = max(self.loss)
        self.worst = max(map(add, self.loss, self.order_loss))
        self.hold = self.worst - self.lock + self.fee_reserve
        if self.worst != risk_before:
            self.at_risk.note(risk_before, self.worst)

    def hold_position(self, instrument: Instrument, lots: int) -> None:
        """The account's only position, opened at the instrument's reference, with no order beside it."""
        self.quantities = {instrument.instrument_id: lots}
        self.cost = lots * (instrument.reference - instrument.lowest_price)
        self.loss = self.bucket.position_losses(self)
        self.reckon()

    def forget(self) -> None:
        """The claims are settled: nothing is at risk here any more."""
        risk_before, self.worst = self.worst, 0
        self.at_risk.note(risk_before, self.worst)


@mypyc_attr(serializable=True)  # made bare when an image is read
class Bucket:
    """Claims on one underlying with one expiry: they share an escrow pool and net against each other."""

    __slots__ = (
        "accounts",
        "bucket_id",
        "cash",
        "escrow",
        "fees",
        "haircuts",
        "houses",
        "instruments",
        "lowest_prices",
        "nodes",
        "payoffs",
        "tick",
        "tick_value",
    )

    def __init__(self, instrument: Instrument) -> None:
        self.bucket_id: BucketId = instrument.bucket_id
        self.cash: AssetId = instrument.cash
        self.tick = instrument.tick
        self.tick_value = instrument.tick_value
        self.escrow = accounts.escrow(self.bucket_id)
        self.fees = accounts.fees(self.cash)
        self.nodes: tuple[Price, ...] = (instrument.floor, instrument.cap)
        self.instruments: dict[InstrumentId, Instrument] = {}
        self.houses: dict[InstrumentId, str] = {}  # the house's side of every trade
        self.lowest_prices: dict[InstrumentId, Price] = {}  # at which a claim is worth nothing
        self.payoffs: dict[InstrumentId, tuple[Money, ...]] = {}  # of one lot, at each node
        self.accounts: dict[ParticipantId, ClaimAccount] = {}
        self.haircuts: dict[ParticipantId, Money] = {}  # of locks: what a loss of the money itself took

    @property
    def is_short(self) -> bool:
        """Whether the pool holds less than the locks: then nobody may close, and be paid whole, before the rest."""
        return bool(self.haircuts)

    def shares(self, pool: Money) -> dict[ParticipantId, Money]:
        """The pool by what each has locked and not lost: a lock below zero has been paid out, and has no share."""
        left = {who: max(one.lock, 0) - self.haircuts.get(who, 0) for who, one in self.accounts.items()}
        names = sorted(left)
        parts = allocate(pool, [left[who] for who in names])
        return dict(zip(names, parts, strict=True))

    def payouts(self, claims: Mapping[ParticipantId, Money]) -> dict[ParticipantId, Money]:
        """What each claim pays. It bears its own cut first; what it is too small for, all the others bear alike."""
        kept = {who: claims[who] - min(claims[who], self.haircuts.get(who, 0)) for who in sorted(claims)}
        too_much = sum(self.haircuts.values()) - (sum(claims.values()) - sum(kept.values()))
        further = allocate(too_much, list(kept.values()), list(kept.values()))
        return {who: kept[who] - more for who, more in zip(kept, further, strict=True)}

    def admit(self, instrument: Instrument, live: Iterable[Order]) -> str | None:
        """Take one more series into the bucket, or say why it does not belong.

        A strike is a new node: the rows of all accounts are then reckoned anew from positions and `live` orders.
        """
        terms = (instrument.floor, instrument.cap, instrument.tick, instrument.tick_value)
        if terms != (self.nodes[0], self.nodes[-1], self.tick, self.tick_value):
            return f"series of bucket {self.bucket_id} must share its collar, tick and tick value"
        self.instruments[instrument.instrument_id] = instrument
        self.houses[instrument.instrument_id] = accounts.house_position(instrument.instrument_id)
        self.lowest_prices[instrument.instrument_id] = instrument.lowest_price
        self.nodes = tuple(sorted({*self.nodes, *instrument.kinks}))
        for series in self.instruments.values():
            self.payoffs[series.instrument_id] = tuple(
                self.tick_value * series.payoff(node) for node in self.nodes
            )
        for account in self.accounts.values():
            account.loss = self.position_losses(account)
            account.order_loss = [0] * len(self.nodes)
        for order in live:
            order.lot_losses = self.lot_losses(order)
            account = self.accounts[order.owner]
            account.order_loss = account.order_loss_with(order, order.remaining)
        for account in self.accounts.values():
            account.reckon()
        return None

    def position_losses(self, account: ClaimAccount) -> list[Money]:
        """What an account's positions lose at each node, reckoned from nothing."""
        paid = self.tick_value * account.cost
        return [
            paid - sum(quantity * self.payoffs[i][at] for i, quantity in account.quantities.items())
            for at in range(len(self.nodes))
        ]

    def lot_losses(self, order: Order) -> list[Money]:
        """What each lot of `order` would lose at each node if it filled, nothing where it would gain."""
        instrument_id = order.instrument.instrument_id
        paid = self.tick_value * (order.price - self.lowest_prices[instrument_id])
        payoffs = self.payoffs[instrument_id]
        if order.side > 0:
            return [paid - payoff if paid > payoff else 0 for payoff in payoffs]
        return [payoff - paid if payoff > paid else 0 for payoff in payoffs]

    def pay_in(self, cash: AssetId) -> None:
        """From now on its claims are paid in another asset, unit for unit. No order may be live in it."""
        self.instruments = {i: changed(terms, cash=cash) for i, terms in self.instruments.items()}
        self.bucket_id = next(iter(self.instruments.values())).bucket_id
        self.cash = cash
        self.escrow, self.fees = accounts.escrow(self.bucket_id), accounts.fees(cash)
        for account in self.accounts.values():
            account.source, account.hold_account = account.holder.cash_account, account.holder.hold_account


@mypyc_attr(serializable=True)  # made bare when an image is read
class FullCover:
    """All buckets, and what each participant has at risk over all of them."""

    def __init__(self, ledger: Ledger, at_risk: dict[ParticipantId, CapitalAtRisk]) -> None:
        self._ledger = ledger
        self.buckets: dict[BucketId, Bucket] = {}
        self._bucket_of: dict[InstrumentId, Bucket] = {}
        self._at_risk = at_risk

    # --- listing and reading ------------------------------------------------------------------------

    def list_series(self, instrument: Instrument, live: Iterable[Order]) -> str | None:
        """Open the instrument's bucket, if it is the first of it, or say why it cannot be listed.

        `live` are the orders that rest in the bucket's other series.
        """
        bucket = self.buckets.get(instrument.bucket_id) or Bucket(instrument)
        fault = bucket.admit(instrument, live)
        if fault is None:
            if bucket.bucket_id not in self.buckets:
                self.buckets[bucket.bucket_id] = bucket
                self._ledger.open(bucket.escrow, bucket.cash, Rule.LIABILITY)
            self._bucket_of[instrument.instrument_id] = bucket
            lots = accounts.position_asset(instrument.instrument_id)
            self._ledger.open(bucket.houses[instrument.instrument_id], lots, Rule.FREE)
        return fault

    def account(self, holder: Holder, instrument_id: InstrumentId, _side: Side) -> ClaimAccount:
        """The account in which the holder's orders in that series count, opened if there is none."""
        bucket = self._bucket_of[instrument_id]
        account = bucket.accounts.get(holder.participant_id)
        if account is None:
            at_risk = self._at_risk.setdefault(holder.participant_id, CapitalAtRisk())
            account = bucket.accounts[holder.participant_id] = ClaimAccount(holder, bucket, at_risk)
        return account

    def known_account(
        self, participant_id: ParticipantId, instrument_id: InstrumentId, _side: Side
    ) -> ClaimAccount | None:
        return self._bucket_of[instrument_id].accounts.get(participant_id)

    def locked(self, participant_id: ParticipantId) -> Money:
        """What the participant has locked in the escrow pools, less what was lost of it: negative where a certain
        gain has been paid out.
        """
        return sum(
            b.accounts[participant_id].lock - b.haircuts.get(participant_id, 0)
            for b in self.buckets.values()
            if participant_id in b.accounts
        )

    def position(self, participant_id: ParticipantId, instrument_id: InstrumentId) -> int:
        account = self._bucket_of[instrument_id].accounts.get(participant_id)
        return account.quantities.get(instrument_id, 0) if account else 0

    def pool(self, bucket_id: BucketId) -> Money:
        """What the bucket's escrow holds."""
        return self._ledger.posted(self.buckets[bucket_id].escrow)

    def positions(self, instrument_id: InstrumentId) -> dict[ParticipantId, int]:
        """Lots of everybody who has traded the series, signed."""
        held = self._bucket_of[instrument_id].accounts.items()
        return {who: account.quantities.get(instrument_id, 0) for who, account in held}

    # --- losses of the money itself -----------------------------------------------------------------

    def shares(self) -> dict[BucketId, dict[ParticipantId, Money]]:
        """Every pool, by whose it is."""
        return {bucket_id: bucket.shares(self.pool(bucket_id)) for bucket_id, bucket in self.buckets.items()}

    def cut(self, parts: Mapping[ParticipantId, Money]) -> dict[BucketId, Money]:
        """Note so much of each participant's shares as lost: how much each pool loses by it."""
        shares, lost = self.shares(), dict.fromkeys(self.buckets, 0)
        for who, part in parts.items():
            own = {bucket_id: of.get(who, 0) for bucket_id, of in shares.items()}
            split = allocate(part, list(own.values()), list(own.values()))
            for bucket_id, amount in zip(own, split, strict=True):
                if amount:
                    haircuts = self.buckets[bucket_id].haircuts
                    haircuts[who] = haircuts.get(who, 0) + amount
                    lost[bucket_id] += amount
        return {bucket_id: amount for bucket_id, amount in lost.items() if amount}

    def restore(self, participant_id: ParticipantId, amount: Money) -> dict[BucketId, Money]:
        """What was lost of the participant's locks has come back, up to `amount`: what each pool gets of it."""
        back: dict[BucketId, Money] = {}
        for bucket_id, bucket in self.buckets.items():
            part = min(amount, bucket.haircuts.get(participant_id, 0))
            if part:
                back[bucket_id] = part
                amount -= part
                bucket.haircuts[participant_id] -= part
                if not bucket.haircuts[participant_id]:
                    del bucket.haircuts[participant_id]
        return back

    # --- trades -------------------------------------------------------------------------------------

    def clear(self, buyer: TradeSide, seller: TradeSide, quantity: Quantity, price: Price) -> list[Move]:
        """Book a trade on both sides at once: lots through the house, then all that is due in, then all
        that is free out. One chain; an order that was accepted can always be cleared.
        """
        bucket = self._bucket_of[buyer[0].instrument.instrument_id]
        house = bucket.houses[buyer[0].instrument.instrument_id]
        due: list[Move] = [
            (self._position_account(bucket.accounts[seller[0].owner], seller[0].instrument), house, quantity),
            (house, self._position_account(bucket.accounts[buyer[0].owner], buyer[0].instrument), quantity),
        ]
        free: list[Move] = []
        for (order, fee), change in ((buyer, quantity), (seller, -quantity)):
            account = bucket.accounts[order.owner]
            holder = account.holder
            lock_change, hold_change = account.fill(order, change, price)
            kept = hold_change + fee  # what the hold still gains, or has too much
            freed = 0  # of the escrow, for the participant's cash
            if lock_change > 0:
                kept += lock_change
                due.append((holder.hold_account, bucket.escrow, lock_change))
            elif lock_change:
                freed = -lock_change - max(kept, 0)  # never below zero: no fill raises the worst case
            if fee:
                due.append((holder.hold_account, bucket.fees, fee))
            if kept > 0:
                free.append((bucket.escrow, holder.hold_account, kept))
            if freed:
                free.append((bucket.escrow, holder.cash_account, freed))
            if kept < 0:
                free.append((holder.hold_account, holder.cash_account, -kept))
        return due + free

    def _position_account(self, account: ClaimAccount, instrument: Instrument) -> str:
        """The ledger account of a position, opened at its first trade."""
        instrument_id = instrument.instrument_id
        account_id = account.positions.get(instrument_id)
        if account_id is None:
            account_id = accounts.position(account.holder.participant_id, instrument_id)
            account.positions[instrument_id] = account_id
            self._ledger.open(account_id, accounts.position_asset(instrument_id), Rule.FREE)
        return account_id

    def settle(self, bucket_id: BucketId, settlement: Price) -> tuple[list[Payout], list[Move]]:
        """Pay every claim of the bucket from its pool, which is then empty, and close its positions.

        No order may be live in it. Each claim is the lock plus the gain, never negative, and they add up to the
        locks for every price: to the pool, unless part of it was lost.
        """
        bucket = self.buckets[bucket_id]
        payouts: list[Payout] = []
        moves: list[Move] = []
        gains: dict[ParticipantId, Money] = {}
        for who, account in bucket.accounts.items():
            worth = sum(
                quantity * bucket.instruments[instrument_id].payoff(settlement)
                for instrument_id, quantity in account.quantities.items()
            )
            gains[who] = bucket.tick_value * (worth - account.cost)
            claim = account.lock + gains[who]
            assert claim >= 0 and not any(account.order_loss), "a claim is never worth less than nothing"
        claims = {who: account.lock + gains[who] for who, account in bucket.accounts.items()}
        paid = bucket.payouts(claims) if bucket.is_short else claims
        for who, account in bucket.accounts.items():
            payout, cut = paid[who], claims[who] - paid[who]
            gain = gains[who] - cut + bucket.haircuts.get(who, 0)
            if account.quantities:
                payouts.append(Payout(account.holder, payout, gain, cut))
            if payout:
                moves.append((bucket.escrow, account.holder.cash_account, payout))
            for instrument_id, quantity in account.quantities.items():
                house, own = bucket.houses[instrument_id], account.positions[instrument_id]
                if quantity:
                    moves.append((own, house, quantity) if quantity > 0 else (house, own, -quantity))
            account.forget()
        bucket.accounts.clear()
        bucket.haircuts.clear()
        return payouts, moves

    def redenominate(self, bucket_id: BucketId, cash: AssetId) -> Bucket:
        """The bucket pays in another asset: its new name and a new, empty pool. Seats must know it already."""
        bucket = self.buckets.pop(bucket_id)
        bucket.pay_in(cash)
        self.buckets[bucket.bucket_id] = bucket
        self._ledger.open(bucket.escrow, cash, Rule.LIABILITY)
        return bucket

    def reopen(self, instrument: Instrument, lots: Iterable[tuple[Holder, int]]) -> list[Move]:
        """The next claim of a perpetual, in place of the one that was settled: carry these positions into it.

        They begin at the instrument's reference, and their holders' free cash pays the locks.
        """
        settled = self._bucket_of[instrument.instrument_id]
        fault = self.list_series(instrument, ())
        assert fault is None and not settled.accounts, "its bucket is its own, and the last one is settled"
        del self.buckets[settled.bucket_id]
        bucket = self._bucket_of[instrument.instrument_id]
        house = bucket.houses[instrument.instrument_id]
        moves: list[Move] = []
        for holder, quantity in lots:
            account = self.account(holder, instrument.instrument_id, Side.BUY)
            account.hold_position(instrument, quantity)
            own = self._position_account(account, instrument)
            moves.append((house, own, quantity) if quantity > 0 else (own, house, -quantity))
            moves.append((holder.cash_account, bucket.escrow, account.lock))
        return moves
