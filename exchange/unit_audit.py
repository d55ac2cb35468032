"""The invariants of what is owned in units: crypto and notes, free, held for orders or under way."""

from collections.abc import Iterator

from exchange.clearing import accounts
from exchange.clearing.ledger import Rule
from exchange.clearing.spot import lot_units
from exchange.clearing.transfers import Committed
from exchange.state import State
from exchange.units import AssetId


def walk(state: State) -> Iterator[str]:
    """What is wrong with anything that is owned in units, each as a sentence with its invariant's number."""
    yield from _units(state)
    yield from _registers(state)
    yield from _delivery(state)


def _units(state: State) -> Iterator[str]:
    """I-12, I-24, I-26 for what is owned in units: holds and rows are what the live orders need, and no more."""
    spot = state.covers.spot
    for asset_id, owners in spot.owners.items():
        for participant_id, owner in owners.items():
            name = f"{participant_id} in {asset_id}"
            orders = [
                order
                for order in state.seats[participant_id].orders.values()
                if order.instrument.instrument_id in spot.instruments and order.instrument.base == asset_id
            ]
            buys = [order for order in orders if order.side > 0]
            to_pay = sum(o.remaining * o.price * o.instrument.tick_value for o in buys)
            fees = sum(o.remaining * o.worst_fee for o in buys)
            to_sell = sum(o.remaining * lot_units(o.instrument) for o in orders if o.side < 0)
            buying, selling = owner.buying, owner.selling
            if not to_sell == selling.hold == state.ledger.posted(selling.hold_account):
                yield f"I-12 {name}: orders sell {to_sell} units, {selling.hold} are reckoned with"
            if (buying.order_cost, buying.fee_reserve, buying.hold) != (to_pay, fees, to_pay + fees):
                yield f"I-24 {name}: what orders to buy need has drifted"
            if buying.worst != buying.cost + buying.order_cost:
                yield f"I-26 {name}: what is at risk is not what the units and the orders cost"
            if buying.cost < 0 or (buying.cost and not spot.units(participant_id, asset_id)):
                yield f"I-26 {name}: a cost of {buying.cost} is kept for units that are not there"


def _registers(state: State) -> Iterator[str]:
    """I-11 for units: what is owed of each asset is what its register shows, and nobody owes anything else."""
    for asset_id in dict.fromkeys((*state.chains, *state.covers.spot.owners)):
        owed, shown = _owed(asset_id, state), state.ledger.posted(accounts.register(asset_id))
        if owed != shown:
            yield f"I-11 {asset_id}: {owed} units are owed, the register shows {shown}"
    for asset_id, chain in state.chains.items():
        waiting = [arrival for arrival in chain.arrivals.values() if not arrival.credited]
        balance = state.ledger.balance(accounts.register(asset_id))
        under_way = (sum(a.amount for a in waiting), sum(d.amount for d in chain.departures.values()))
        if under_way != (balance.debits_pending, balance.credits_pending):
            yield f"I-11 {asset_id}: {under_way} units are under way in and out, but not on the ledger"


def _delivery(state: State) -> Iterator[str]:
    """I-37: whatever units one participant delivers to another, the next thing booked is their payment."""
    if not state.covers.spot.instruments:
        return
    unpaid = ""
    for record in state.ledger.history:
        moved = record.transfer if isinstance(record, Committed) else None
        if unpaid and (moved is None or not moved.debit.startswith(unpaid)):
            yield f"I-37 units were delivered, but not paid from {unpaid}"
        unpaid = ""
        if moved is not None and moved.debit.startswith("unit:hold:"):
            buyer, seller = moved.credit.removeprefix("unit:"), moved.debit.removeprefix("unit:hold:")
            if buyer != seller:
                unpaid = f"hold:{buyer.rpartition(':')[0]}:"
    if unpaid:
        yield f"I-37 units were delivered, but not paid from {unpaid}"


def _owed(asset_id: AssetId, state: State) -> int:
    return sum(
        state.ledger.posted(account.account_id)
        for account in state.ledger.accounts()
        if account.asset_id == asset_id and account.rule is Rule.LIABILITY
    )
