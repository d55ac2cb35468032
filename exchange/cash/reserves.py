"""What stands behind a coin: buckets of money and paper, with those who have them; what can be had, and when.

Book value is all that is not lost; accessible is what is not stuck either; liquid is what of that is money at
once. Everything else is sold: whole, and paid some days later, or at once with a haircut.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from exchange.cash.terms import ReserveClass, ReserveStatus, ReserveTerms
from exchange.clearing.rounding import allocate, divide_up
from exchange.units import Money

_WHOLE = 10_000  # basis points
_OK, _STUCK, _LOST = ReserveStatus.OK, ReserveStatus.STUCK, ReserveStatus.LOST


@dataclass(slots=True, eq=False)
class Bucket:
    terms: ReserveTerms
    amount: Money
    status: ReserveStatus = ReserveStatus.OK

    @property
    def is_liquid(self) -> bool:
        return self.status is _OK and self.terms.liquidity_days == 0


class Sale(NamedTuple):
    """So much of a bucket is sold; `proceeds` less than the amount is a loss."""

    bucket: str
    amount: Money
    proceeds: Money
    days: int  # until it is paid


class Change(NamedTuple):
    """What became of a bucket; `lost` of it is gone."""

    bucket: str
    status: ReserveStatus
    lost: Money


class Reserves:
    def __init__(self, terms: Sequence[ReserveTerms]) -> None:
        self._buckets = {each.name: Bucket(each, each.amount) for each in terms}
        self._ordered: dict[int, Sale] = {}  # sold, and not paid yet: still in its bucket
        self._sales = 0

    # --- reading ------------------------------------------------------------------------------------

    @property
    def buckets(self) -> Mapping[str, Bucket]:
        """To be read only."""
        return self._buckets

    @property
    def book(self) -> Money:
        return sum(bucket.amount for bucket in self._buckets.values())

    @property
    def accessible(self) -> Money:
        return sum(bucket.amount for bucket in self._buckets.values() if bucket.status is _OK)

    @property
    def liquid(self) -> Money:
        return sum(bucket.amount for bucket in self._buckets.values() if bucket.is_liquid)

    def can_raise(self, need: Money) -> bool:
        """Whether there is money at once, or something that nobody has bought yet to raise `need` with."""
        ordered = sum(sale.amount for sale in self._ordered.values())
        return self.liquid > 0 or (need > ordered and any(self._unsold(b) > 0 for b in self._for_sale()))

    # --- money in and out ---------------------------------------------------------------------------

    def can_take_in(self) -> bool:
        return any(bucket.status is not _LOST for bucket in self._buckets.values())

    def take_in(self, amount: Money) -> None:
        """By weight over the buckets that are in order; if none is, over those that are stuck."""
        takers = [b for b in self._buckets.values() if b.status is _OK and b.terms.weight_bp]
        takers = takers or [b for b in self._buckets.values() if b.status is not _LOST]
        weights = [bucket.terms.weight_bp for bucket in takers]
        parts = allocate(amount, weights if any(weights) else [1] * len(takers))
        for bucket, part in zip(takers, parts, strict=True):
            bucket.amount += part

    def pay(self, amount: Money) -> None:
        """Out of the liquid buckets, in the order of the terms."""
        assert amount <= self.liquid, "nobody is paid what is not there at once"
        for bucket in self._buckets.values():
            if bucket.is_liquid:
                part = min(amount, bucket.amount)
                bucket.amount -= part
                amount -= part

    # --- what befalls them --------------------------------------------------------------------------

    def at(self, custodian: str) -> tuple[Bucket, ...]:
        return tuple(bucket for bucket in self._buckets.values() if bucket.terms.custodian == custodian)

    def report(self, custodian: str, status: ReserveStatus, share_bp: int) -> list[Change]:
        """What became of all that a custodian has. LOST: that share of it, rounded up; the rest is as it was."""
        changes = []
        for bucket in self.at(custodian):
            if bucket.status is _LOST:
                continue
            lost = divide_up(bucket.amount * share_bp, _WHOLE) if status is _LOST else 0
            bucket.amount -= lost
            if status is not _LOST or share_bp == _WHOLE:
                bucket.status = status
            changes.append(Change(bucket.terms.name, status, lost))
        return changes

    # --- sales --------------------------------------------------------------------------------------

    def sell_at_once(self, need: Money) -> list[Sale]:
        """Sell as much as brings `need`, or all there is; paper that is nearest to money goes first."""
        sales = []
        for bucket in self._for_sale():
            kept = _WHOLE - bucket.terms.haircut_bp
            amount = min(self._unsold(bucket), divide_up(need * _WHOLE, kept))
            if need > 0 and amount > 0:
                sale = Sale(bucket.terms.name, amount, amount * kept // _WHOLE, 0)
                self._settle(sale)
                sales.append(sale)
                need -= sale.proceeds
        return sales

    def order_sales(self, need: Money) -> dict[int, Sale]:
        """Sell whole, to be paid later, what `need` asks for beyond what is sold already."""
        need -= sum(sale.amount for sale in self._ordered.values())
        sales = {}
        for bucket in self._for_sale():
            amount = min(self._unsold(bucket), need)
            if amount > 0:
                self._sales += 1
                sale = Sale(bucket.terms.name, amount, amount, bucket.terms.liquidity_days)
                sales[self._sales] = self._ordered[self._sales] = sale
                need -= amount
        return sales

    def settle_sale(self, sale_id: int) -> Sale | None:
        """The buyer pays, for what is still there and can be delivered; None: nothing of it."""
        sale = self._ordered.pop(sale_id)
        bucket = self._buckets[sale.bucket]
        amount = min(sale.amount, bucket.amount) if bucket.status is _OK else 0
        if not amount:
            return None
        settled = Sale(sale.bucket, amount, amount, 0)
        self._settle(settled)
        return settled

    def _for_sale(self) -> list[Bucket]:
        paper = [b for b in self._buckets.values() if b.status is _OK and b.terms.liquidity_days > 0]
        return sorted(paper, key=lambda bucket: bucket.terms.liquidity_days)  # stable: then as in the terms

    def _unsold(self, bucket: Bucket) -> Money:
        """What of a bucket has no buyer yet; below nothing where more was sold than has not been lost since."""
        return bucket.amount - sum(s.amount for s in self._ordered.values() if s.bucket == bucket.terms.name)

    def _settle(self, sale: Sale) -> None:
        self._buckets[sale.bucket].amount -= sale.amount
        self._till().amount += sale.proceeds

    def _till(self) -> Bucket:
        """Where proceeds go: a liquid bucket in order, or cash with the issuer itself if there is none."""
        for bucket in self._buckets.values():
            if bucket.is_liquid:
                return bucket
        name = "proceeds"
        while name in self._buckets:
            name += "+"
        terms = ReserveTerms(name=name, reserve_class=ReserveClass.CASH, custodian="issuer", weight_bp=0)
        self._buckets[name] = bucket = Bucket(terms, 0)
        return bucket

    # --- invariants ---------------------------------------------------------------------------------

    def faults(self) -> Iterator[str]:
        for name, bucket in self._buckets.items():
            if bucket.amount < 0 or (bucket.status is _LOST and bucket.amount):
                yield f"I-43: reserve bucket {name} is {bucket.status} and holds {bucket.amount}"
