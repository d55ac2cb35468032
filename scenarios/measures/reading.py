"""What several measures read off a record: terms, trading time, quotes, fills, positions and claims over time.

Prices, books and returns are of trading time alone: while a session is open and the series trades in it. What goes on
when nobody can trade (positions, collateral, money) is read from the opening of the run to its close.

A path is a step function: times at which something changed, and what it was from then on. Prices are ticks
and money is kopecks, as in the record; nothing here is rounded.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from exchange.access.regime import Permission
from exchange.events import (
    BestPricesChanged,
    BucketSettled,
    IndexPublished,
    IndexStatus,
    InstrumentListed,
    Liquidity,
    OrderFilled,
    ParticipantAdmitted,
    PerpetualRolled,
    PositionClosedAtRoll,
    PositionRolled,
    PositionTransferred,
    SeriesState,
    SeriesStateChanged,
    SessionClosed,
    SessionOpened,
    SettlementPriceFinal,
)
from exchange.instruments import FUTURES, IN_UNITS, ContractKind, Instrument, Product
from exchange.units import MINUTE, SECOND, Time
from scenarios.measures.measure import NAN, Floats, Integers, RunView, Truths, once


class Path(NamedTuple):
    """A step function of time. Before the first time it is unknown (nan)."""

    time: Integers
    value: Floats

    def at(self, when: Integers, before: float = NAN) -> Floats:
        return as_of(self.time, self.value, when, before)


def stretches(path: Path, begins: Time, ends: Time) -> tuple[Floats, Integers]:
    """The values of a path between two times, and how long each lasted."""
    marks = np.unique(np.clip(np.append(path.time, [begins, ends]), begins, ends))
    return path.at(marks[:-1]), np.diff(marks)


class Listing(NamedTuple):
    """One listed instrument and the time during which it could be traded in this run."""

    instrument: Instrument
    begins: Time
    ends: Time

    @property
    def follows_index(self) -> bool:
        """Whether its price moves with the index one for one. An option's does not."""
        return self.instrument.product in (*FUTURES, Product.SPOT)


class Quotes(NamedTuple):
    """The best prices of one instrument, by stretch of unchanged quotes within its trading time.

    An absent side is nan.
    """

    start: Integers
    end: Integers
    bid: Floats
    ask: Floats

    @property
    def seconds(self) -> Floats:
        return (self.end - self.start) / SECOND

    @property
    def mid(self) -> Floats:
        """Half-way between bid and ask, in ticks; nan while a side is absent."""
        return (self.bid + self.ask) / 2


class Fills(NamedTuple):
    """Every fill, two to a trade. `participant` and `instrument` number the lists of names.

    Among the participants are those who never traded and were given a position in default management.
    """

    sequence: Integers
    time: Integers
    participants: list[str]
    participant: Integers
    instrument: Integers
    signed: Integers  # lots, positive when bought
    price: Integers
    exposure: Integers  # kopecks of notional in one lot: at the traded price, or at an option's strike
    notional: Floats
    maker: Truths
    fee: Integers
    position: Integers  # of the participant in the instrument, after the fill


class Steps(NamedTuple):
    """Whatever changed a position, in order: fills, lots that a roll closed, lots that default management moved.

    `participant` numbers the names of `Fills`.
    """

    time: Integers
    participant: Integers
    instrument: Integers
    signed: Integers
    position: Integers  # of the participant in the instrument, after it
    is_fill: Truths


class Claim(NamedTuple):
    """One bounded claim: all of a series, or of a perpetual what lies between two rolls."""

    terms: Instrument
    instrument: int
    begins: int  # the sequence after which it was traded


class Deals(NamedTuple):
    """How holders came to their claims: by fills, by what a roll carried on, or by what a default moved to them."""

    sequence: Integers
    time: Integers
    holder: Integers
    instrument: Integers
    signed: Integers
    price: Integers


class Claims(NamedTuple):
    """What the bounded claims of one bucket may cost those who hold them, after each fill (kopecks)."""

    bucket_id: str
    sequence: Integers
    time: Integers
    locked: Integers  # ends with 0 once the bucket is settled


def as_of(times: Integers, values: npt.NDArray[Any], when: Integers, before: float = NAN) -> Floats:
    """The last of `values` not later than each `when`; `before` where there is none yet.

    Of several at one instant the last counts: so a trade is never seen with only one of its sides.
    """
    if not times.size:
        return np.full(when.shape, before)
    at = np.searchsorted(times, when, side="right") - 1
    return np.where(at >= 0, values[np.maximum(at, 0)].astype(np.float64), before)


def codes(names: Iterable[str], known: Mapping[str, int]) -> Integers:
    """Each name's number in `known`, and -1 for a name that is not there."""
    return np.fromiter((known.get(name, -1) for name in names), dtype=np.int64)


def totals(group: Integers, amounts: npt.NDArray[Any], groups: int) -> Floats:
    """The sum of `amounts` in each of the groups 0 .. groups - 1."""
    return np.bincount(group, amounts, minlength=groups).astype(np.float64)


def running_total(values: Integers, group: Integers) -> Integers:
    """The sum of `values` so far within each group, in place order."""
    order = np.argsort(group, kind="stable")
    total = np.cumsum(values[order])
    starts = np.flatnonzero(np.diff(group[order], prepend=-2))
    lengths = np.diff(np.append(starts, total.size))
    carried = np.repeat(total[starts] - values[order][starts], lengths)
    found = np.empty_like(total)
    found[order] = total - carried
    return found


@once
def listings(view: RunView) -> list[Listing]:
    """In the order of their listing. Trading time ends with the run or at expiry, whichever comes first; that of
    a perpetual, with the run."""
    found = []
    for entry in view.record.entries(InstrumentListed):
        assert isinstance(entry.event, InstrumentListed)
        terms = entry.event.instrument
        rolls = terms.kind is ContractKind.PERP_ROLLING or not terms.expiry
        ends = view.closes if rolls else min(view.closes, terms.expiry)
        found.append(Listing(terms, max(view.opens, entry.time), ends))
    return found


@once
def instrument_codes(view: RunView) -> dict[str, int]:
    return {listing.instrument.instrument_id: at for at, listing in enumerate(listings(view))}


@once
def sessions(view: RunView) -> Path:
    """1 while a session is open, 0 while none is. A record that names no session is open throughout."""
    opened, closed = view.table(SessionOpened), view.table(SessionClosed)
    times = np.concatenate([opened["time"], closed["time"]])
    states = np.concatenate([np.ones(opened["time"].size), np.zeros(closed["time"].size)])
    order = np.argsort(np.concatenate([opened["sequence"], closed["sequence"]]))
    return Path(times[order], states[order])


@once
def suspensions(view: RunView) -> list[Path]:
    """By instrument: 1 while trading in it is suspended, 0 while it is not."""
    return [Path(time, (state == SeriesState.SUSPENDED.value).astype(float)) for time, state in _states(view)]


@once
def trading(view: RunView) -> list[Path]:
    """By instrument: 1 while orders may meet, 0 while they may not: no session, a suspension, trading that has ended.

    A series is listed before it trades; one of which no state is told trades in every session. One that nobody may
    trade has no market, and so no trading time.
    """
    found = []
    for listing, (time, state) in zip(listings(view), _states(view), strict=True):
        own = Path(time, np.isin(state, _MEETING).astype(float))
        marks = np.unique(np.concatenate([[_BEFORE_ALL], time, sessions(view).time]))
        meets = own.at(marks, 0.0 if time.size else 1.0) > 0
        meets &= is_open(view, marks) & may_be_traded(view, listing)
        found.append(Path(marks, meets.astype(float)))
    return found


def may_be_traded(view: RunView, listing: Listing) -> bool:
    """Whether the regime lets any class trade its product, or somebody was let in who may."""
    return listing.instrument.product in _permitted(view)


@once
def _permitted(view: RunView) -> frozenset[Product]:
    words = [one.permissions for one in view.regime.classes]
    for entry in view.record.entries(ParticipantAdmitted):
        assert isinstance(entry.event, ParticipantAdmitted)
        words.append(entry.event.permissions)
    opens = (product for each in words for product, word in each.items() if word is not Permission.DENIED)
    return frozenset((*opens, Product.CASH_PAIR))


_MEETING = (SeriesState.TRADING.value, SeriesState.FIXING.value)
_BEFORE_ALL = np.iinfo(np.int64).min


@once
def _states(view: RunView) -> list[tuple[Integers, npt.NDArray[Any]]]:
    """By instrument: when its state changed, and to which."""
    table = view.table(SeriesStateChanged)
    instrument = codes(table["instrument_id"], instrument_codes(view))
    time, state = table["time"], table["state"].astype(str)
    return [(time[mine], state[mine]) for at in range(len(listings(view))) for mine in [instrument == at]]


def is_open(view: RunView, when: Integers) -> Truths:
    path = sessions(view)
    before = 1.0 - path.value[0] if path.value.size else 1.0
    return path.at(when, before) > 0


@once
def spells(view: RunView) -> list[tuple[Integers, Integers]]:
    """By instrument: when each stretch of unbroken trading begins, and when it ends."""
    found = []
    for listing, path in zip(listings(view), trading(view), strict=True):
        begins, ends = listing.begins, max(listing.begins, listing.ends)
        marks = np.unique(np.clip(np.append(path.time, [begins, ends]), begins, ends))
        meets = path.at(marks) > 0
        meets[-1] = False
        turns = np.flatnonzero(np.diff(meets, prepend=False))
        found.append((marks[turns[::2]], marks[turns[1::2]]))
    return found


def spell_of(view: RunView, at: int, when: Integers) -> Floats:
    """When the stretch of unbroken trading began in which each `when` lies; nan outside trading time."""
    begins, ends = spells(view)[at]
    inside = np.searchsorted(begins, when, side="right") > np.searchsorted(ends, when, side="right")
    return np.where(inside, as_of(begins, begins, when), NAN)


@once
def raw_quotes(view: RunView) -> list[tuple[Integers, Integers, Floats, Floats]]:
    """Sequence, time, bid and ask of each change of best prices, by instrument."""
    table = view.table(BestPricesChanged)
    instrument = codes(table["instrument_id"], instrument_codes(view))
    columns = [table["sequence"], table["time"], table["bid"].astype(float), table["ask"].astype(float)]
    return [
        (sequence, time, bid, ask)
        for at in range(len(listings(view)))
        for sequence, time, bid, ask in [tuple(column[instrument == at] for column in columns)]
    ]


@once
def quotes(view: RunView) -> list[Quotes]:
    """By instrument, in the order of listing."""
    return [
        _stretches(trades, listing, time, bid, ask)
        for trades, listing, (_, time, bid, ask) in zip(
            trading(view), listings(view), raw_quotes(view), strict=True
        )
    ]


def _stretches(trades: Path, listing: Listing, time: Integers, bid: Floats, ask: Floats) -> Quotes:
    if listing.ends <= listing.begins:
        nothing = np.empty(0, np.int64)
        return Quotes(nothing, nothing, nothing.astype(float), nothing.astype(float))
    marks = np.unique(np.concatenate([time, trades.time, [listing.begins, listing.ends]]))
    marks = marks[(marks >= listing.begins) & (marks <= listing.ends)]
    start, end = marks[:-1], marks[1:]
    counts = trades.at(start) > 0
    start, end = start[counts], end[counts]
    return Quotes(start, end, as_of(time, bid, start), as_of(time, ask, start))


@once
def known_mids(view: RunView) -> list[Path]:
    """By instrument: the last mid in ticks that had two sides, for readers who need a price at any time."""
    found = []
    for _, time, bid, ask in raw_quotes(view):
        mid = (bid + ask) / 2
        both = ~np.isnan(mid)
        found.append(Path(time[both], mid[both]))
    return found


@once
def indices(view: RunView) -> dict[str, Path]:
    """Published values in index units, by index; nan while the index is stale."""
    table = view.table(IndexPublished)
    value = np.where(table["status"] == IndexStatus.STALE.value, NAN, table["value"].astype(float))
    return {
        name: Path(table["time"][rows], value[rows])
        for name in dict.fromkeys(table["index_id"])
        for rows in [table["index_id"] == name]
    }


@once
def index_ticks(view: RunView) -> list[Path]:
    """By instrument: the last fresh index value in ticks; reference or strike until there is one."""
    found = []
    for listing in listings(view):
        terms = listing.instrument
        path = indices(view).get(terms.underlying, Path(np.empty(0, np.int64), np.empty(0)))
        fresh = ~np.isnan(path.value)
        before = float(terms.reference if terms.strike is None else terms.strike)
        found.append(
            Path(
                np.concatenate([[np.iinfo(np.int64).min], path.time[fresh]]),
                np.concatenate([[before], path.value[fresh] / terms.tick]),
            )
        )
    return found


@once
def holders(view: RunView) -> list[str]:
    """Everybody who ever traded, or was given a position in default management."""
    kinds = (OrderFilled, PositionTransferred)
    return list(dict.fromkeys(who for kind in kinds for who in view.table(kind)["participant_id"]))


@once
def fills(view: RunView) -> Fills:
    table = view.table(OrderFilled)
    known, participants = instrument_codes(view), holders(view)
    participant = codes(table["participant_id"], {name: at for at, name in enumerate(participants)})
    instrument = codes(table["instrument_id"], known)
    signed = table["side"] * table["quantity"]
    terms = [listing.instrument for listing in listings(view)]
    tick_value = np.array([t.tick_value for t in terms], dtype=np.int64)[instrument]
    strike = np.array([0 if t.strike is None else t.strike for t in terms], dtype=np.int64)[instrument]
    exposure = np.where(strike > 0, strike, table["price"]) * tick_value
    return Fills(
        sequence=table["sequence"],
        time=table["time"],
        participants=participants,
        participant=participant,
        instrument=instrument,
        signed=signed,
        price=table["price"],
        exposure=exposure,
        notional=(exposure * table["quantity"]).astype(float),
        maker=table["liquidity"] == Liquidity.MAKER.value,
        fee=table["fee"],
        position=steps(view).position[steps(view).is_fill],
    )


@once
def steps(view: RunView) -> Steps:
    filled, closed = view.table(OrderFilled), view.table(PositionClosedAtRoll)
    moved = view.table(PositionTransferred)
    known = instrument_codes(view)
    whole = {
        name: np.concatenate([filled[name], closed[name], moved[name]])
        for name in ("sequence", "time", "participant_id", "instrument_id")
    }
    signed = np.concatenate([filled["side"] * filled["quantity"], -closed["quantity"], moved["lots"]])
    order = np.argsort(whole["sequence"], kind="stable")
    participant = codes(whole["participant_id"], {name: at for at, name in enumerate(holders(view))})[order]
    instrument, signed = codes(whole["instrument_id"], known)[order], signed[order]
    return Steps(
        time=whole["time"][order],
        participant=participant,
        instrument=instrument,
        signed=signed,
        position=running_total(signed, participant * max(len(known), 1) + instrument),
        is_fill=order < filled["sequence"].size,
    )


@once
def settled_at(view: RunView) -> dict[str, tuple[int, Time]]:
    """Sequence and time at which each bucket was paid out; of a margined one, at which its price was final."""
    return {
        bucket: (int(sequence), int(time))
        for kind in (SettlementPriceFinal, BucketSettled)
        for table in [view.table(kind)]
        for bucket, sequence, time in zip(table["bucket_id"], table["sequence"], table["time"], strict=True)
    }


@once
def settlement_prices(view: RunView) -> dict[str, int]:
    """In ticks, by bucket: of those whose price is final."""
    table = view.table(SettlementPriceFinal)
    return dict(zip(table["bucket_id"], table["price"].tolist(), strict=True))


@once
def paid_from_pool(view: RunView) -> frozenset[str]:
    """The buckets that were covered in full and have paid every claim from their pool."""
    return frozenset(view.table(BucketSettled)["bucket_id"])


@once
def open_interest(view: RunView) -> list[Path]:
    """By instrument: lots held long, after each trade and at settlement. What is owned in units has none."""
    return [_open_lots(view, at) for at in range(len(listings(view)))]


def _open_lots(view: RunView, at: int) -> Path:
    terms = listings(view)[at].instrument
    if terms.product in IN_UNITS:
        return Path(np.empty(0, np.int64), np.empty(0))
    every = steps(view)
    mine = every.instrument == at
    after, before = every.position[mine], every.position[mine] - every.signed[mine]
    lots = np.cumsum(np.maximum(after, 0) - np.maximum(before, 0)).astype(float)
    time = every.time[mine]
    if terms.bucket_id in settled_at(view) and terms.kind is not ContractKind.PERP_ROLLING:
        time, lots = np.append(time, settled_at(view)[terms.bucket_id][1]), np.append(lots, 0.0)
    return Path(time, lots)


def open_notional(view: RunView, when: Integers) -> Floats:
    """Open interest at each `when`, valued at the index (kopecks)."""
    total = np.zeros(when.shape)
    for listing, lots, price in zip(listings(view), open_interest(view), index_ticks(view), strict=True):
        total += lots.at(when, 0.0) * price.at(when) * listing.instrument.tick_value
    return total


@once
def every_claim(view: RunView) -> list[Claim]:
    """The claims of all instruments, in the order in which each began."""
    known = instrument_codes(view)
    found = [Claim(listing.instrument, at, 0) for at, listing in enumerate(listings(view))]
    for entry in view.record.entries(PerpetualRolled):
        assert isinstance(entry.event, PerpetualRolled)
        terms = entry.event.instrument
        found.append(Claim(terms, known[terms.instrument_id], entry.sequence))
    return found


@once
def moved(view: RunView) -> Deals:
    """What default management moved from one holder to another, as if it had been dealt at the mark."""
    return _as_if_dealt(view, PositionTransferred, "lots")


@once
def carried(view: RunView) -> Deals:
    """What was carried on at rolls, as if it had been dealt there."""
    return _as_if_dealt(view, PositionRolled, "quantity")


def _as_if_dealt(view: RunView, kind: type[PositionTransferred | PositionRolled], lots: str) -> Deals:
    """Lots that came to a holder without a fill, one row an event; `lots` is their column."""
    table, every = view.table(kind), fills(view)
    return Deals(
        table["sequence"],
        table["time"],
        codes(table["participant_id"], {name: at for at, name in enumerate(every.participants)}),
        codes(table["instrument_id"], instrument_codes(view)),
        table[lots],
        table["price"],
    )


def deals(view: RunView, members: list[Claim]) -> Deals:
    """All that was dealt in the claims of one bucket, in order."""
    every, rolled = fills(view), carried(view)
    traded = Deals(every.sequence, every.time, every.participant, every.instrument, every.signed, every.price)
    begins, ends = members[0].begins, np.iinfo(np.int64).max
    if members[0].terms.kind is ContractKind.PERP_ROLLING:
        ends, _ = settled_at(view).get(members[0].terms.bucket_id, (ends, 0))
    parts = []
    for part in (rolled, traded, moved(view)):
        mine = np.isin(part.instrument, [claim.instrument for claim in members])
        mine &= (part.sequence > begins) & (part.sequence < ends)
        parts.append([column[mine] for column in part])
    whole = [np.concatenate(columns) for columns in zip(*parts, strict=True)]
    order = np.argsort(whole[0], kind="stable")
    return Deals(*(column[order] for column in whole))


@once
def claims(view: RunView) -> list[Claims]:
    """By bucket: the sum over holders of the most each could still lose, from what was dealt alone.

    A holder's worst case is at a floor, a cap or a kink, since the worth of claims is linear in between.
    """
    buckets: dict[str, list[Claim]] = {}
    for claim in every_claim(view):
        if claim.terms.product not in IN_UNITS:
            buckets.setdefault(claim.terms.bucket_id, []).append(claim)
    return [_bucket_claims(view, bucket, members) for bucket, members in buckets.items()]


def _bucket_claims(view: RunView, bucket: str, members: list[Claim]) -> Claims:
    every = deals(view, members)
    terms = [claim.terms for claim in members]
    nodes = sorted({node for each in terms for node in (each.floor, each.cap, *each.kinks)})
    worst = np.min([_worth(every, members, node) for node in nodes], axis=0)
    change = -worst - _previous(-worst, every.holder)
    sequence, time, locked = every.sequence, every.time, np.cumsum(change)
    if bucket in settled_at(view):
        paid = settled_at(view)[bucket]
        sequence, time = np.append(sequence, paid[0]), np.append(time, paid[1])
        locked = np.append(locked, 0)
    return Claims(bucket, sequence, time, locked)


def _worth(every: Deals, members: list[Claim], settlement: int) -> Integers:
    """What each holder has gained after each of its deals, if the bucket settles at `settlement`."""
    gain = np.zeros(every.signed.size, dtype=np.int64)
    for claim in members:
        mine, terms = every.instrument == claim.instrument, claim.terms
        payoff = terms.payoff(settlement) + terms.lowest_price
        gain[mine] = every.signed[mine] * (payoff - every.price[mine]) * terms.tick_value
    return running_total(gain, every.holder)


def _previous(values: Integers, group: Integers) -> Integers:
    """For each value, the one before it in its own group; 0 for the first."""
    order = np.argsort(group, kind="stable")
    shifted = np.concatenate([[0], values[order][:-1]])[: values.size]
    shifted[np.diff(group[order], prepend=-2) != 0] = 0
    found = np.empty_like(values)
    found[order] = shifted
    return found


def locked_at(view: RunView, when: Integers) -> Floats:
    """What all claims may cost at each `when` (kopecks)."""
    total = np.zeros(when.shape)
    for bucket in claims(view):
        total += as_of(bucket.time, bucket.locked, when, 0.0)
    return total


def changes(steps: Iterable[Path | Claims]) -> Integers:
    """Every time at which one of them changes, one after another: not in order."""
    return np.concatenate([np.empty(0, np.int64), *(each.time for each in steps)])


def grid(view: RunView, step: Time) -> Integers:
    """`opens`, and every `step` after it up to `closes`."""
    return np.arange(view.opens, view.closes + 1, step, dtype=np.int64)


def mids_in_spells(view: RunView, when: Integers) -> list[tuple[int, Floats]]:
    """Of futures and spot, one row a stretch of unbroken trading: the instrument's number, and the last mid in ticks
    that was told since the stretch began, at each `when`; nan outside it. The end of a listing is in a stretch
    that lasts so long.

    Options have no row: their prices move by laws of their own.
    """
    rows = []
    for at, (listing, path) in enumerate(zip(listings(view), known_mids(view), strict=True)):
        if not listing.follows_index:
            continue
        for begins, ends in zip(*spells(view)[at], strict=True):
            inside = (when >= begins) & ((when < ends) | ((when == ends) & (ends == listing.ends)))
            told = as_of(path.time, path.time, when) >= begins
            rows.append((at, np.where(inside & told, path.at(when), NAN)))
    return rows


@once
def minute_mids(view: RunView) -> Floats:
    """The mids of each minute, one row a stretch of unbroken trading."""
    minutes = grid(view, MINUTE)
    rows = [mids for _, mids in mids_in_spells(view, minutes)]
    return np.array(rows).reshape(len(rows), minutes.size)


def log_returns(mids: Floats, span: int) -> Floats:
    """Overlapping log returns over `span` columns, of all rows, where both ends are known. None is over a break."""
    if mids.shape[1] <= span:
        return np.empty(0)
    logs = np.log(np.where(mids > 0, mids, NAN))
    moves: Floats = (logs[:, span:] - logs[:, :-span]).ravel()
    return moves[~np.isnan(moves)]


@once
def lead(view: RunView) -> int | None:
    """The future (or spot) that traded most, by notional, or the first listed of equals."""
    every = fills(view)
    traded = totals(every.instrument, every.notional, len(listings(view)))
    following = [at for at, listing in enumerate(listings(view)) if listing.follows_index]
    return max(following, key=lambda at: traded[at], default=None)
