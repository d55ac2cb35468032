"""The invariants of what is owned in units: crypto and notes, free, held for orders or under way."""

from collections import Counter
from collections.abc import Iterator

from exchange.clearing import accounts
from exchange.clearing.ledger import Rule
from exchange.clearing.notes import Note
from exchange.clearing.spot import Owner, SpotCover, asset_of, lot_units
from exchange.clearing.transfers import Committed, Transfer
from exchange.events import NoteState
from exchange.state import State
from exchange.units import AssetId, Money
from matching.terms import ParticipantId


def walk(state: State) -> Iterator[str]:
    """What is wrong with anything that is owned in units, each as a sentence with its invariant's number."""
    for cover in (state.covers.spot, state.covers.notes):
        yield from _holds(cover, state)
    yield from _registers(state)
    yield from _delivery(state)
    for note in state.covers.notes.every.values():
        yield from _note(note, state)
    yield from _obligations(state)


def _holds(cover: SpotCover, state: State) -> Iterator[str]:
    """I-12, I-24, I-26: holds and rows are what the live orders need, and the cost is of units that are there."""
    for asset_id, owners in cover.owners.items():
        for participant_id, owner in owners.items():
            name = f"{participant_id} in {asset_id}"
            orders = [
                order
                for order in state.seats[participant_id].orders.values()
                if order.instrument.instrument_id in cover.instruments and order.instrument.base == asset_id
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
            there = cover.units(participant_id, asset_id) + _unclaimed(participant_id, asset_id, state)
            if buying.cost < 0 or (buying.cost and not there):
                yield f"I-26 {name}: a cost of {buying.cost} is kept for units that are not there"


def _unclaimed(who: ParticipantId, asset_id: AssetId, state: State) -> int:
    """Units of the participant that wait until its own account takes something in again."""
    account = accounts.unclaimed(who, asset_id)
    return state.ledger.posted(account) if account in state.ledger else 0


def _registers(state: State) -> Iterator[str]:
    """I-11 for units: what is owed of each asset is what its register shows, and nobody owes anything else."""
    assets = (*state.chains, *state.covers.spot.owners, *state.covers.notes.owners)
    for asset_id in dict.fromkeys(assets):
        owed, shown = _owed(asset_id, state), state.ledger.posted(accounts.register(asset_id))
        if owed != shown:
            yield f"I-11 {asset_id}: {owed} units are owed, the register shows {shown}"
    for asset_id, chain in state.chains.items():
        waiting = sum(arrival.amount for arrival in chain.arrivals.values() if not arrival.credited)
        leaving = sum(departure.amount for departure in chain.departures.values())
        balance = state.ledger.balance(accounts.register(asset_id))
        if (waiting, leaving) != (balance.debits_pending, balance.credits_pending):
            yield f"I-11 {asset_id}: what is under way, {waiting} in and {leaving} out, is not on the ledger"


def _delivery(state: State) -> Iterator[str]:
    """I-37: whatever units are delivered, the next thing booked is what pays for them."""
    covers = (state.covers.spot, state.covers.notes)
    if not any(cover.instruments for cover in covers):
        return
    owners = {
        owner.selling.source: owner
        for cover in covers
        for every in cover.owners.values()
        for owner in every.values()
    }
    notes = {accounts.register(asset_of(note.instrument)): note for note in state.covers.notes.every.values()}
    payer = ""
    for record in (*state.ledger.history, None):
        moved = record.transfer if isinstance(record, Committed) else None
        if payer and (moved is None or moved.debit != payer):
            yield f"I-37 units were delivered, but not paid out of {payer}"
        payer = "" if moved is None else _payer(moved, owners, notes)


def _payer(moved: Transfer, owners: dict[str, Owner], notes: dict[str, Note]) -> str:
    """The account that pays next for the units that were just delivered; "" if nothing is to be paid."""
    buyer, seller = owners.get(moved.credit), owners.get(moved.debit)
    if buyer is not None and moved.debit in notes:
        return buyer.buying.source  # a subscription
    if buyer is not None and moved.debit.startswith("unit:hold:"):
        back = moved.debit == buyer.selling.hold_account  # from an order that is no longer live
        return "" if back else buyer.buying.hold_account
    if seller is not None and moved.credit in notes:
        note = notes[moved.credit]
        redemption = note.redemptions.get(seller.holder.participant_id)
        return note.escrow if redemption is not None and redemption.paid else ""
    return ""


def _note(note: Note, state: State) -> Iterator[str]:
    """I-48: units placed are owned or redeemed; every unit pays the same; the escrow holds what it should."""
    name = note.instrument.instrument_id
    owned = state.ledger.posted(accounts.register(asset_of(note.instrument)))
    if not 0 <= note.placed <= note.terms.volume or note.placed != owned + note.redeemed:
        yield f"I-48 {name}: {note.placed} units placed, {owned} owned, {note.redeemed} redeemed"
    for who, redemption in note.redemptions.items():
        if redemption.due != redemption.units * (note.payout or 0):
            yield f"I-48 {name}: {who} was due {redemption.due}, not the payout of every other unit"
    due = sum(redemption.due for redemption in note.redemptions.values())
    paid = sum(redemption.paid for redemption in note.redemptions.values())
    for who, redemption in note.redemptions.items():
        if abs(redemption.paid * due - paid * redemption.due) >= max(due, 1):
            yield f"I-48 {name}: {who} got another share of the escrow than the others"
    escrow = state.ledger.posted(note.escrow)
    if escrow < 0 or (escrow and note.state is not NoteState.FIXED):
        yield f"I-48 {name}: {escrow} lies in escrow while the note is {note.state}"


def _obligations(state: State) -> Iterator[str]:
    """What notes have on record as unpaid is what the ledger says, on both sides."""
    net: Counter[str] = Counter()
    for note in state.covers.notes.every.values():
        for who, owed in note.owed.items():
            net[accounts.note_obligation(who, note.instrument.cash)] += owed
            net[accounts.note_obligation(note.terms.issuer, note.instrument.cash)] -= owed
    booked: dict[str, Money] = {
        account.account_id: account.posted
        for account in state.ledger.accounts()
        if account.account_id.startswith("obl:dfa:")
    }
    for account_id in sorted({*net, *booked}):
        if net[account_id] != booked.get(account_id, 0):
            yield f"I-48 {account_id}: {net[account_id]} is owed, {booked.get(account_id, 0)} is booked"


def _owed(asset_id: AssetId, state: State) -> int:
    return sum(
        account.posted
        for account in state.ledger.accounts()
        if account.asset_id == asset_id and account.rule is Rule.LIABILITY
    )
