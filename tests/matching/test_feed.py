"""Market data: readers that see nothing but updates have the market's book, and notice when something is wrong."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

from matching import Instructions, Market, MarketTerms, OrderId, ParticipantId, Phase, RestingOrder, Side
from matching.events import CROSSED, DECREMENTED, REPLENISHED, RESTED, Event
from matching.feed import ADD, CHANGE, REMOVE, Feed, ShownOrder, Snapshot, Update, mix, order_hash
from matching.readers import ChecksumMismatch, FeedGap, LevelBookReader, OrderBookReader
from matching.refusals import Refusal
from tests.matching.test_against_the_naive_market import (
    COMMANDS,
    Command,
    RandomCommands,
    Setup,
    naive_market,
    real_answer,
    real_market,
    tell_naive,
)

SEEDS = range(12)
SIDES = (Side.BUY, Side.SELL)
Reader = OrderBookReader | LevelBookReader
Step = tuple[list[Event], Update, Snapshot]


# What the market and the readers show


def queues_of_market(market: Market) -> list[tuple[Any, ...]]:
    """Every resting order in the order in which it would trade, with what it displays."""
    resting = [order for side in SIDES for order in market.book.side(side).orders()]
    return [(o.order_id, o.side, o.price, o.remaining - o.hidden) for o in resting]


def queues_of_reader(reader: OrderBookReader) -> list[tuple[Any, ...]]:
    """The same, as the reader knows it."""
    prices = [(side, price) for side in SIDES for price, _ in reader.depth(side, 99)]
    return [order[:4] for side, price in prices for order in reader.queue(side, price)]


def assert_same(market: Market, orders: OrderBookReader, levels: LevelBookReader, where: str = "") -> None:
    for side in SIDES:
        depth = market.depth(side, 99)
        assert orders.depth(side, 99) == depth, where
        assert levels.depth(side, 99) == depth, where
        assert orders.depth(side, 2) == levels.depth(side, 2) == depth[:2], where
        assert orders.best(side) == levels.best(side) == (depth[0][0] if depth else None), where
    assert queues_of_reader(orders) == queues_of_market(market), where
    assert len(orders.orders) == len(market.book.orders), where


@cache
def commands_of(seed: int) -> tuple[Setup, list[Command]]:
    commands, chosen = RandomCommands(seed), []
    market = naive_market(commands.setup)
    for number in range(COMMANDS):
        chosen.append(commands.next(number, market))
        tell_naive(market, chosen[-1])
    return commands.setup, chosen


def random_run(seed: int) -> Iterator[tuple[Market, list[Event], Update, Feed]]:
    """The commands of a seed that are not refused, one by one, and what the feed tells of each."""
    setup, commands = commands_of(seed)
    market = real_market(setup)
    feed = Feed(market)
    for command in commands:
        events = real_answer(market, *command)
        if not isinstance(events, Refusal):
            yield market, events, feed.publish(events), feed


@cache
def steps(seed: int) -> list[Step]:
    """Events, update and the snapshot after it, of each command."""
    return [(events, update, feed.snapshot()) for _, events, update, feed in random_run(seed)]


# The same book


@pytest.mark.parametrize("seed", SEEDS)
def test_readers_of_the_updates_alone_have_the_book_of_the_market_after_every_command(seed: int) -> None:
    orders, levels = OrderBookReader(), LevelBookReader()
    for number, (market, _, update, feed) in enumerate(random_run(seed)):
        orders.apply(update)
        levels.apply(update)
        where = f"seed {seed}, update {number}: {update}"
        assert_same(market, orders, levels, where)
        assert orders.sequence == levels.sequence == feed.sequence, where
        assert orders.checksum == update.order_checksum == feed.order_checksum, where
        assert levels.checksum == update.level_checksum == feed.level_checksum, where


@pytest.mark.parametrize("seed", SEEDS)
def test_a_snapshot_in_the_middle_and_the_updates_after_it_give_the_same_book(seed: int) -> None:
    late: tuple[OrderBookReader, LevelBookReader] | None = None
    for number, (market, _, update, feed) in enumerate(random_run(seed)):
        if number == 100:
            late = OrderBookReader(feed.snapshot()), LevelBookReader(feed.snapshot())
        if late is not None:
            late[0].apply(update)  # the first of them is part of the snapshot already
            late[1].apply(update)
            assert_same(market, *late, f"seed {seed}, update {number}")
    assert late is not None


@pytest.mark.parametrize("seed", SEEDS)
def test_a_feed_that_starts_late_knows_what_rests_already(seed: int) -> None:
    second: Feed | None = None
    for number, (market, events, _, first) in enumerate(random_run(seed)):
        if number == 100:
            second = Feed(market)
        elif second is not None:
            second.publish(events)
            if number % 10:
                continue
            snapshot = second.snapshot()
            assert_same(market, OrderBookReader(snapshot), LevelBookReader(snapshot))
            assert snapshot.level_checksum == first.level_checksum


@pytest.mark.parametrize("seed", SEEDS)
def test_several_commands_at_once_give_the_same_book_as_one_by_one(seed: int) -> None:
    setup, commands = commands_of(seed)
    market = real_market(setup)
    feed, orders, levels = Feed(market), OrderBookReader(), LevelBookReader()
    gathered: list[Event] = []
    for number, command in enumerate(commands):
        answer = real_answer(market, *command)
        gathered += [] if isinstance(answer, Refusal) else answer
        if number % 7 == 6:
            update = feed.publish(gathered)
            orders.apply(update)
            levels.apply(update)
            assert_same(market, orders, levels, f"seed {seed}, command {number}")
            gathered.clear()


def test_the_random_runs_reach_what_is_difficult() -> None:
    """Replenished icebergs, orders decremented, auctions, and deltas of every kind."""
    kinds: set[int] = set()
    actions: set[int] = set()
    for seed in SEEDS:
        for events, update, _ in steps(seed):
            kinds.update(event[0] for event in events)
            actions.update(delta.action for delta in update.orders)
    assert {RESTED, REPLENISHED, DECREMENTED, CROSSED} <= kinds
    assert actions == {ADD, CHANGE, REMOVE}


# No more than has happened


@pytest.mark.parametrize("seed", SEEDS)
def test_an_update_has_one_delta_for_each_order_that_has_changed_and_no_more(seed: int) -> None:
    before: dict[OrderId, ShownOrder] = {}
    for events, update, snapshot in steps(seed):
        after = {order.order_id: order for order in snapshot.orders}
        different = {
            number for number in before.keys() | after.keys() if before.get(number) != after.get(number)
        }
        assert sorted(delta.order_id for delta in update.orders) == sorted(different)
        assert different <= {order.order_id for _, order, _, _ in events}
        assert len(update.orders) <= len(events)
        before = after


@pytest.mark.parametrize("seed", SEEDS)
def test_an_update_has_one_delta_for_each_level_that_has_changed_and_no_more(seed: int) -> None:
    before: dict[tuple[Side, int], int] = {}
    for events, update, snapshot in steps(seed):
        after = {(side, price): quantity for side, price, quantity in snapshot.levels}
        different = {
            (*level, after.get(level, 0))
            for level in before.keys() | after.keys()
            if before.get(level) != after.get(level)
        }
        assert sorted(delta[1:] for delta in update.levels) == sorted(different)
        assert len(update.levels) <= 2 * len(events)
        before = after


@pytest.mark.parametrize("seed", SEEDS)
def test_deltas_are_numbered_one_after_the_other(seed: int) -> None:
    last = 0
    for _, update, _ in steps(seed):
        assert update.previous == last
        numbers = [delta.sequence for delta in update.orders] + [delta.sequence for delta in update.levels]
        assert numbers == list(range(last + 1, last + 1 + len(numbers)))
        last += len(numbers)
        assert update.sequence == last


# Something is wrong


def state_of(reader: Reader) -> tuple[Any, ...]:
    depth = [reader.depth(side, 99) for side in SIDES]
    queues = queues_of_reader(reader) if isinstance(reader, OrderBookReader) else []
    return (reader.sequence, reader.checksum, depth, queues)


def with_other_quantity(update: Update) -> Update:
    """The same update, but for one lot more in the last order that is not removed and in every level."""
    orders = list(update.orders)
    index = max(i for i, delta in enumerate(orders) if delta.action != REMOVE)
    orders[index] = orders[index]._replace(quantity=orders[index].quantity + 1)
    levels = [delta._replace(quantity=delta.quantity + 1) for delta in update.levels]
    return update._replace(orders=orders, levels=levels)


@pytest.mark.parametrize("make", [OrderBookReader, LevelBookReader])
@pytest.mark.parametrize("seed", range(5))
def test_a_dropped_update_is_a_gap_and_a_snapshot_is_the_remedy(
    seed: int, make: Callable[..., Reader]
) -> None:
    run = [step for step in steps(seed) if step[1].previous != step[1].sequence]
    for at in range(0, len(run) - 1, 5):
        (_, missed, _), (_, following, snapshot) = run[at], run[at + 1]
        reader = make(run[at - 1][2]) if at else make()
        before = state_of(reader)
        with pytest.raises(FeedGap, match="ask for a snapshot") as caught:
            reader.apply(following)
        assert (caught.value.expected, caught.value.got) == (missed.previous + 1, missed.sequence + 1)
        assert state_of(reader) == before
        reader.apply(missed)
        reader.apply(following)
        assert state_of(reader) == state_of(make(snapshot))


@pytest.mark.parametrize("make", [OrderBookReader, LevelBookReader])
@pytest.mark.parametrize("seed", range(5))
def test_a_changed_quantity_fails_the_checksum(seed: int, make: Callable[..., Reader]) -> None:
    reader, refused = make(), 0
    for _, update, _ in steps(seed):
        if update.levels and any(delta.action != REMOVE for delta in update.orders):
            before = state_of(reader)
            with pytest.raises(ChecksumMismatch):
                reader.apply(with_other_quantity(update))
            assert state_of(reader) == before
            refused += 1
        reader.apply(update)
    assert refused > 50


def an_order(number: int, side: Side, price: int, quantity: int, display: int = 0) -> RestingOrder:
    asked = Instructions(display=display)
    return RestingOrder(OrderId(number), ParticipantId(f"owner {number}"), side, price, quantity, asked)


def place(market: Market, *orders: RestingOrder) -> list[Event]:
    events: list[Event] = []
    for order in orders:
        answer = market.place(order)
        assert not isinstance(answer, Refusal)
        events += answer
    return events


def three_bids() -> tuple[Market, Feed, Update]:
    market = Market(MarketTerms(), 100)
    feed = Feed(market)
    bids = [an_order(n, Side.BUY, price, 5) for n, price in ((1, 100), (2, 100), (3, 99))]
    return market, feed, feed.publish(place(market, *bids))


def test_a_delta_missing_inside_an_update_is_a_gap() -> None:
    _, _, update = three_bids()
    with pytest.raises(FeedGap, match="expected delta 2, got 3"):
        OrderBookReader().apply(update._replace(orders=[update.orders[0], update.orders[2]]))
    with pytest.raises(FeedGap, match="expected delta 5, got 4"):
        LevelBookReader().apply(update._replace(levels=update.levels[:1]))


def test_either_list_can_be_followed_without_the_other() -> None:
    market, _, update = three_bids()
    orders, levels = OrderBookReader(), LevelBookReader()
    orders.apply(update._replace(levels=[]))
    levels.apply(update._replace(orders=[]))
    assert_same(market, orders, levels)


def test_two_orders_that_trade_places_fail_the_checksum() -> None:
    _, _, update = three_bids()
    first, second, third = update.orders
    swapped = [first._replace(order_id=second.order_id), second._replace(order_id=first.order_id), third]
    with pytest.raises(ChecksumMismatch):
        OrderBookReader().apply(update._replace(orders=swapped))


@pytest.mark.parametrize("action", [CHANGE, REMOVE])
def test_an_order_that_nobody_knows_fails_the_checksum(action: int) -> None:
    _, _, update = three_bids()
    orders = [update.orders[0]._replace(action=action), *update.orders[1:]]
    with pytest.raises(ChecksumMismatch):
        OrderBookReader().apply(update._replace(orders=orders))


def test_a_faulty_snapshot_is_refused() -> None:
    _, feed, _ = three_bids()
    snapshot = feed.snapshot()
    with pytest.raises(ChecksumMismatch):
        OrderBookReader(snapshot._replace(orders=snapshot.orders[1:]))
    with pytest.raises(ChecksumMismatch):
        LevelBookReader(snapshot._replace(levels=snapshot.levels[1:]))


# By hand


def test_what_one_trade_changes() -> None:
    market, feed, update = three_bids()
    assert [tuple(delta) for delta in update.orders] == [
        (1, ADD, 1, Side.BUY, 100, 5),
        (2, ADD, 2, Side.BUY, 100, 5),
        (3, ADD, 3, Side.BUY, 99, 5),
    ]
    assert [tuple(delta) for delta in update.levels] == [(4, Side.BUY, 100, 10), (5, Side.BUY, 99, 5)]
    update = feed.publish(place(market, an_order(4, Side.SELL, 100, 7)))
    assert (update.previous, update.sequence) == (5, 8)
    assert [tuple(delta) for delta in update.orders] == [
        (6, REMOVE, 1, Side.BUY, 100, 0),
        (7, CHANGE, 2, Side.BUY, 100, 3),
    ]
    assert [tuple(delta) for delta in update.levels] == [(8, Side.BUY, 100, 3)]


def test_an_iceberg_shows_more_at_the_back_and_never_what_it_hides() -> None:
    market = Market(MarketTerms(), 100)
    feed, reader = Feed(market), OrderBookReader()
    reader.apply(feed.publish(place(market, an_order(1, Side.SELL, 100, 977, display=10))))
    reader.apply(feed.publish(place(market, an_order(2, Side.SELL, 100, 5))))
    update = feed.publish(place(market, an_order(3, Side.BUY, 100, 10)))
    reader.apply(update)
    assert [tuple(delta[1:]) for delta in update.orders] == [(ADD, 1, Side.SELL, 100, 10)]
    assert update.levels == []
    assert [order.order_id for order in reader.queue(Side.SELL, 100)] == [2, 1]


def test_a_change_of_what_is_hidden_is_not_told() -> None:
    market = Market(MarketTerms(), 100)
    feed = Feed(market)
    feed.publish(place(market, an_order(1, Side.SELL, 100, 977, display=10)))
    events = market.amend(OrderId(1), 100, 500)
    assert not isinstance(events, Refusal) and len(events) == 1
    update = feed.publish(events)
    assert (update.previous, update.orders, update.levels) == (update.sequence, [], [])


def test_an_iceberg_that_an_auction_lets_show_more_changes_in_its_place() -> None:
    market = Market(MarketTerms(), 100)
    feed, reader = Feed(market), OrderBookReader()
    iceberg, other = an_order(1, Side.SELL, 100, 30, display=10), an_order(2, Side.SELL, 100, 5)
    events = place(market, iceberg, other, an_order(3, Side.BUY, 100, 4))
    for answer in (market.enter_phase(Phase.AUCTION), market.place(an_order(4, Side.BUY, 100, 6))):
        assert not isinstance(answer, Refusal)
        events += answer
    reader.apply(feed.publish(events))
    assert [order[:4] for order in reader.queue(Side.SELL, 100)] == [(1, -1, 100, 6), (2, -1, 100, 5)]
    crossed = market.uncross()
    assert not isinstance(crossed, Refusal)
    reader.apply(feed.publish(crossed))
    assert [order[:4] for order in reader.queue(Side.SELL, 100)] == [(1, -1, 100, 10), (2, -1, 100, 5)]
    assert_same(market, reader, LevelBookReader(feed.snapshot()))


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_is_shown_more_than_an_iceberg_displays(seed: int) -> None:
    hiding = 0
    for market, _, update, feed in random_run(seed):
        shown = {order.order_id: order.quantity for order in feed.snapshot().orders}
        shown |= {delta.order_id: delta.quantity for delta in update.orders if delta.action != REMOVE}
        for order in market.book.orders.values():
            if order.hidden:
                assert shown[order.order_id] <= order.instructions.display
                hiding += 1
    assert hiding


def test_the_checksums_are_those_of_the_documented_formula() -> None:
    _, feed, update = three_bids()
    assert mix(0x9E3779B97F4A7C15) == 0xE220A8397B1DCDAF  # the first number of SplitMix64 from the seed 0
    assert order_hash(ShownOrder(OrderId(1), Side.SELL, 1, 1, 1)) == mix(
        0x9E3779B185EBCA87 - 0xC2B2AE3D27D4EB4F + 0x165667B19E3779F9 + 0x85EBCA77C2B2AE63 + 0x27D4EB2F165667C5
    )
    assert feed.order_checksum == sum(order_hash(order) for order in feed.snapshot().orders) % 2**64
    assert update.order_checksum == 0xBF709D994370F30F
    assert update.level_checksum == 0xF1B3EEA34C8FADA0
