"""Settlement: instructions of two sides, the life of one as a table, and the cycles that settle them.

A cycle locks when it begins and moves when it ends. What it locks is pending on the ledger: the legs of each
deal (DvP-1, PvP), or what each party pays in net (DvP-3). What it moves is one chain a deal, or one chain in
all. Under DvP-2 units and the net cash of those who pay move at the beginning, the cash into a guarantee from
which the others are paid at the end; so nobody who has delivered can be left without its money.

It speaks to the ledger itself, since what the ledger refuses decides what becomes of an instruction.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from exchange.clearing import accounts
from exchange.clearing.ledger import Ledger, Mode, Rule, Status, Transfer, TransferId
from exchange.clearing.netting import (
    Chosen,
    Deal,
    Flow,
    Place,
    flows_of,
    largest_part,
    nets,
    netted,
    resolve_gridlock,
    together,
)
from exchange.clearing.rounding import divide_up
from exchange.commands import SettlementCycleTerms, SettlementModel
from exchange.events import AssetSettled, InstructionState
from exchange.reasons import SettlementRefusal
from exchange.units import DAY, AssetId, BasisPoints, Money, Time
from matching.terms import ParticipantId

_S = InstructionState

NEXT: dict[InstructionState, tuple[InstructionState, ...]] = {
    _S.CREATED: (_S.MATCHED, _S.CANCELED, _S.EXPIRED),
    # One that somebody holds is never locked, yet fails with the cycle that it is due in.
    _S.MATCHED: (_S.LOCKING, _S.RECYCLED, _S.FAILED, _S.CANCELED),
    _S.LOCKING: (_S.READY, _S.RECYCLED, _S.FAILED, _S.CANCELED),
    _S.READY: (_S.SETTLED, _S.PARTIAL, _S.LOCKING, _S.CANCELED),  # a freeze undoes a lock
    _S.PARTIAL: (_S.RECYCLED, _S.FAILED),
    _S.RECYCLED: (_S.LOCKING, _S.RECYCLED, _S.FAILED, _S.CANCELED),
    _S.SETTLED: (),
    _S.FAILED: (),
    _S.CANCELED: (),
    _S.EXPIRED: (),
}
_WAITING = (_S.MATCHED, _S.RECYCLED)  # what a cycle may take up

NOBODY = ParticipantId("")
MarketValue: TypeAlias = Callable[[AssetId, int, AssetId], Money | None]  # of so many units, in a coin


class Kind(StrEnum):
    DELIVERY = "delivery"  # units against a coin
    PAYMENT = "payment"  # a coin alone
    EXCHANGE = "exchange"  # a coin against another


_KINDS = {  # what a cycle of each model takes up
    SettlementModel.DVP_1: (Kind.DELIVERY, Kind.PAYMENT),
    SettlementModel.DVP_2: (Kind.DELIVERY, Kind.PAYMENT),
    SettlementModel.DVP_3: (Kind.DELIVERY, Kind.PAYMENT),
    SettlementModel.PVP: (Kind.EXCHANGE,),
}
_ONE_BY_ONE = (SettlementModel.DVP_1, SettlementModel.PVP)


class Terms(NamedTuple):
    """What both sides must say alike. `amount` goes from deliverer to receiver, `payment` back."""

    kind: Kind
    deliverer: ParticipantId
    receiver: ParticipantId
    asset_id: AssetId
    amount: int
    payment_asset_id: AssetId | None
    payment: Money
    intended: Time
    reference: str


class Wishes(NamedTuple):
    """What each side may say for itself; together they get what both allow."""

    priority: int
    allow_partial: bool
    min_lot: int
    hold: bool
    max_recycles: int


@dataclass(slots=True, eq=False)
class Instruction:
    """A deal on its way. Its settlement alone changes it."""

    instruction_id: int
    terms: Terms
    entered_by: ParticipantId
    priority: int
    allow_partial: bool
    min_lot: int
    max_recycles: int
    holders: dict[ParticipantId, None]  # who has it on hold
    state: InstructionState = InstructionState.CREATED
    waits_since: Time = 0  # matched, and due
    settled: int = 0  # of the amount
    recycles: int = 0
    locked_once: bool = False
    penalised_days: int = 0
    owes: Counter[ParticipantId] = field(default_factory=Counter)  # penalties that could not be paid yet
    cycle_id: int = 0  # the open cycle that has taken it up
    entered_at: Time = 0  # when all of the part that settles next was set aside
    asked_to_cancel: ParticipantId = NOBODY

    @property
    def parties(self) -> tuple[ParticipantId, ParticipantId]:
        return self.terms.deliverer, self.terms.receiver

    @property
    def remaining(self) -> int:
        return self.terms.amount - self.settled

    @property
    def is_over(self) -> bool:
        return not NEXT[self.state]

    @property
    def value(self) -> tuple[AssetId, Money]:
        """What is still to settle, in money: the payment, or the amount of a payment alone."""
        if self.terms.payment_asset_id is None:
            return self.terms.asset_id, self.remaining
        return self.terms.payment_asset_id, self.payment_for(self.remaining)

    def other(self, party: ParticipantId) -> ParticipantId:
        deliverer, receiver = self.parties
        return receiver if party == deliverer else deliverer

    def payment_for(self, part: int) -> Money:
        """What is paid for the next `part` of the amount. Rounded down each time; all parts pay all."""
        whole, amount = self.terms.payment, self.terms.amount
        return whole * (self.settled + part) // amount - whole * self.settled // amount

    def deal(self, part: int) -> Deal:
        """The legs of the next `part` of the amount."""
        terms = self.terms
        flows = [Flow(terms.deliverer, terms.receiver, terms.asset_id, part)]
        if terms.payment_asset_id is not None:
            back = Flow(terms.receiver, terms.deliverer, terms.payment_asset_id, self.payment_for(part))
            flows.append(back)
        return Deal(self.instruction_id, self.priority, tuple(flows))

    def enter(self, state: InstructionState) -> None:
        """Move one step along; a step that the table does not know is our bug."""
        assert state in NEXT[self.state], f"an instruction that is {self.state} cannot become {state}"
        self.state = state


class Lock(NamedTuple):
    """A pending transfer that waits for the end of the cycle."""

    asset_id: AssetId
    transfer: Transfer


@dataclass(slots=True, eq=False)
class Cycle:
    """A cycle that has begun and not ended yet."""

    cycle_id: int
    terms: SettlementCycleTerms
    due: list[Instruction]
    value_due: Counter[AssetId]
    frozen: Collection[ParticipantId]  # who delivers nothing at the step that is being taken
    now: Time  # when that is
    parts: dict[int, int] = field(default_factory=dict)  # by instruction: how much of its amount is ready
    locks: dict[int, list[Lock]] = field(default_factory=dict)  # by instruction; of all, under 0
    owed: dict[Place, Money] = field(default_factory=dict)  # out of the guarantee
    delivered: list[TransferId] = field(default_factory=list)  # what moved at the beginning
    failing: dict[int, ParticipantId] = field(default_factory=dict)
    aside: Counter[AssetId] = field(default_factory=Counter)
    peak: Counter[AssetId] = field(default_factory=Counter)

    def keep(self, key: int, locks: list[Lock]) -> None:
        """What the ledger has set aside now, for one instruction or (0) for all."""
        self.locks[key] = locks
        for asset_id, transfer in locks:
            self.aside[asset_id] += transfer.amount
            self.peak[asset_id] = max(self.peak[asset_id], self.aside[asset_id])


class Stamps(NamedTuple):
    """On the venue's ledger: nobody can revoke it; the batch was accepted; the chain was committed."""

    entered_at: Time
    irrevocable_at: Time
    final_at: Time


class Settled(NamedTuple):
    """What a cycle has moved of one instruction."""

    instruction: Instruction
    deal: Deal
    remaining: int
    stamps: Stamps


class Owed(NamedTuple):
    asset_id: AssetId
    amount: Money
    code: str  # what for, on the ledger


class Charge(NamedTuple):
    """What one side pays the other through the house, and what it owes beyond its free cash."""

    asset_id: AssetId
    amount: Money
    unpaid: Money


class Late(NamedTuple):
    """What did not settle, by whose fault, and what that costs."""

    instruction: Instruction
    failing: ParticipantId
    penalty: Charge
    compensation: Charge | None  # None: it is tried again


class Sheet(NamedTuple):
    """What a cycle has done."""

    cycle_id: int
    model: SettlementModel
    due: int
    settled: tuple[Settled, ...]
    late: tuple[Late, ...]
    assets: tuple[AssetSettled, ...]
    waits: tuple[Time, ...]  # of what settled whole

    @property
    def partly_settled(self) -> int:
        return len(self.settled) - len(self.waits)

    @property
    def failed(self) -> int:
        return sum(late.compensation is not None for late in self.late)

    @property
    def recycled(self) -> int:
        return len(self.late) - self.failed


class Batch(NamedTuple):
    """What was settled in one chain, for the audit: the legs, and the transfers that were final."""

    flows: tuple[Flow, ...]
    transfers: tuple[TransferId, ...]


class Settlement:
    """All instructions, and the cycles that are open. `cash` says which assets are money."""

    def __init__(self, ledger: Ledger, cash: Mapping[AssetId, object]) -> None:
        self._ledger = ledger
        self._cash = cash
        self.open: dict[int, Instruction] = {}  # not over yet
        self.over: dict[int, Instruction] = {}
        self.cycles: dict[int, Cycle] = {}  # not ended yet
        self._alleged: dict[tuple[ParticipantId, Terms], dict[int, Instruction]] = {}
        self._created = self._begun = 0
        self._batches: list[Batch] = []
        self.sheets: list[Sheet] = []  # of the cycles that have ended, in order

    # --- instructions -------------------------------------------------------------------------------

    def instruct(self, who: ParticipantId, terms: Terms, wishes: Wishes, now: Time) -> Instruction:
        """A new instruction, or the oldest that the other side has created on the same terms: matched now."""
        deliverer, receiver = terms.deliverer, terms.receiver
        waiting = self._alleged.get((receiver if who == deliverer else deliverer, terms))
        if not waiting:
            return self._create(who, terms, wishes)
        instruction = next(iter(waiting.values()))
        self._forget_allegation(instruction)
        instruction.priority = min(instruction.priority, wishes.priority)
        instruction.allow_partial = instruction.allow_partial and wishes.allow_partial
        instruction.min_lot = max(instruction.min_lot, wishes.min_lot)
        instruction.max_recycles = min(instruction.max_recycles, wishes.max_recycles)
        if wishes.hold:
            instruction.holders[who] = None
        instruction.waits_since = max(now, terms.intended)
        instruction.enter(_S.MATCHED)
        return instruction

    def _create(self, who: ParticipantId, terms: Terms, wishes: Wishes) -> Instruction:
        self._created += 1
        instruction = Instruction(
            instruction_id=self._created,
            terms=terms,
            entered_by=who,
            priority=wishes.priority,
            allow_partial=wishes.allow_partial,
            min_lot=wishes.min_lot,
            max_recycles=wishes.max_recycles,
            holders={who: None} if wishes.hold else {},
        )
        self.open[self._created] = instruction
        self._alleged.setdefault((who, terms), {})[self._created] = instruction
        return instruction

    def find(
        self, who: ParticipantId, instruction_id: int
    ) -> tuple[Instruction | None, SettlementRefusal | None]:
        """An instruction of `who`'s that is not over, or why there is none. Others' are as if they were not."""
        instruction = self.open.get(instruction_id) or self.over.get(instruction_id)
        if instruction is None or who not in instruction.parties:
            return None, SettlementRefusal.UNKNOWN_INSTRUCTION
        if instruction.is_over:
            return None, SettlementRefusal.ALREADY_ENDED
        if instruction.state is _S.CREATED and who != instruction.entered_by:
            return None, SettlementRefusal.UNKNOWN_INSTRUCTION
        return instruction, None

    def to_pay_for_units(self, who: ParticipantId) -> Money:
        """What `who` has agreed to pay for units, in deals that are not over."""
        return sum(
            one.payment_for(one.remaining)
            for one in self.open.values()
            if one.terms.receiver == who
            and one.terms.kind is Kind.DELIVERY
            and (one.state is not _S.CREATED or one.entered_by == who)
        )

    def cancel_refusal(
        self, who: ParticipantId, instruction: Instruction, jointly: bool
    ) -> SettlementRefusal | None:
        """Why `who` cannot take it back, alone or together with the other side."""
        if not instruction.locked_once:
            return None
        if not jointly:
            return SettlementRefusal.NEEDS_BOTH_SIDES
        cycle = self.cycles.get(instruction.cycle_id)
        if instruction.state is _S.READY and cycle is not None and cycle.terms.model not in _ONE_BY_ONE:
            return SettlementRefusal.IN_A_NET_BATCH
        return SettlementRefusal.ALREADY_ASKED if instruction.asked_to_cancel == who else None

    def cancel(self, who: ParticipantId, instruction: Instruction, now: Time) -> bool:
        """Cancel what may be canceled; or note that one side has asked, and say False."""
        if instruction.locked_once and instruction.asked_to_cancel != instruction.other(who):
            instruction.asked_to_cancel = who
            return False
        cycle = self.cycles.get(instruction.cycle_id)
        if cycle is not None and instruction.instruction_id in cycle.locks:
            cycle.now = now
            self._give_back(instruction.instruction_id, cycle)
        self._end(instruction, _S.CANCELED)
        return True

    def expire(self, instruction_id: int) -> Instruction | None:
        """An instruction that is still only alleged falls."""
        instruction = self.open.get(instruction_id)
        if instruction is None or instruction.state is not _S.CREATED:
            return None
        self._end(instruction, _S.EXPIRED)
        return instruction

    def _end(self, instruction: Instruction, state: InstructionState) -> None:
        if instruction.state is _S.CREATED:
            self._forget_allegation(instruction)
        instruction.enter(state)
        instruction.cycle_id = 0
        self.over[instruction.instruction_id] = self.open.pop(instruction.instruction_id)

    def _forget_allegation(self, instruction: Instruction) -> None:
        key = (instruction.entered_by, instruction.terms)
        del self._alleged[key][instruction.instruction_id]
        if not self._alleged[key]:
            del self._alleged[key]

    # --- a cycle ------------------------------------------------------------------------------------

    def begin(self, terms: SettlementCycleTerms, frozen: Collection[ParticipantId], now: Time) -> Cycle:
        """Take up what is due and lock what can be. Who is `frozen` delivers nothing."""
        self._begun += 1
        due = [i for i in self.open.values() if i.state in _WAITING and _is_due(i, terms.model, now)]
        value_due: Counter[AssetId] = Counter()
        for instruction in due:
            instruction.cycle_id = self._begun
            for flow in instruction.deal(instruction.remaining).flows:
                value_due[flow.asset_id] += flow.amount
        cycle = self.cycles[self._begun] = Cycle(self._begun, terms, due, value_due, frozen, now)
        for instruction in due:
            if instruction.holders:
                one = len(instruction.holders) == 1
                cycle.failing[instruction.instruction_id] = next(iter(instruction.holders)) if one else NOBODY
            else:
                instruction.enter(_S.LOCKING)
                instruction.locked_once = True
        if terms.model in _ONE_BY_ONE:
            for instruction in _in_order(_in_state(_S.LOCKING, cycle)):
                self._lock_one(instruction, cycle)
        else:
            self._lock_together(cycle)
        return cycle

    def complete(
        self, cycle_id: int, frozen: Collection[ParticipantId], market_value: MarketValue, now: Time
    ) -> Sheet:
        """Move what is locked, and reckon what is late. A freeze since then may have undone a lock."""
        cycle = self.cycles[cycle_id]
        cycle.frozen, cycle.now = frozen, now
        one_by_one = cycle.terms.model in _ONE_BY_ONE
        settled = self._settle_one_by_one(cycle) if one_by_one else self._settle_together(cycle)
        for instruction in cycle.due:
            instruction.cycle_id = 0
        late = [
            self._fail(instruction, cycle, market_value)
            for instruction in cycle.due
            if not instruction.is_over
        ]
        del self.cycles[cycle_id]
        sheet = Sheet(
            cycle_id,
            cycle.terms.model,
            len(cycle.due),
            tuple(settled),
            tuple(late),
            _assets(cycle, settled, late),
            tuple(now - done.instruction.waits_since for done in settled if not done.remaining),
        )
        self.sheets.append(sheet)
        return sheet

    # --- one by one ---------------------------------------------------------------------------------

    def _lock_one(self, instruction: Instruction, cycle: Cycle, *, parts: bool = False) -> bool:
        """Set aside both legs of the whole or, if asked, of the largest part that there is enough for."""
        deal = instruction.deal(instruction.remaining)
        room = {(f.payer, f.asset_id): self.free(f.payer, f.asset_id, cycle.frozen) for f in deal.flows}

        def fits(flows: Sequence[Flow]) -> bool:
            return all(flow.amount <= room[flow.payer, flow.asset_id] for flow in flows)

        if not fits(deal.flows):
            short = next(f.payer for f in deal.flows if f.amount > room[f.payer, f.asset_id])
            cycle.failing[instruction.instruction_id] = short
            part = _part(instruction, lambda deal: fits(deal.flows)) if parts else 0
            if part == 0:
                return False
            deal = instruction.deal(part)
        locks = [
            self._lock(payer, asset_id, self.into(payee, asset_id), amount)
            for payer, payee, asset_id, amount in deal.flows
        ]
        self._set_aside(instruction.instruction_id, locks, cycle)
        cycle.parts[instruction.instruction_id] = deal.flows[0].amount
        self._ready(instruction)
        return True

    def _settle_one_by_one(self, cycle: Cycle) -> list[Settled]:
        """Each in its own chain; then as long as what has come in lets another one go; then parts of the rest."""
        settled = [self._post_one(i, cycle) for i in _in_order(_in_state(_S.READY, cycle))]
        done = [one for one in settled if one is not None]
        before = -1
        while before < len(done):
            before = len(done)
            done += self._settle_more(cycle, parts=False)
        return [*done, *self._settle_more(cycle, parts=True)]

    def _settle_more(self, cycle: Cycle, *, parts: bool) -> Iterator[Settled]:
        for instruction in _in_order(_in_state(_S.LOCKING, cycle)):
            if self._lock_one(instruction, cycle, parts=parts):
                done = self._post_one(instruction, cycle)
                assert done is not None, "what was locked at this instant can move at this instant"
                yield done

    def _post_one(self, instruction: Instruction, cycle: Cycle) -> Settled | None:
        """Both legs move in one chain; or a freeze has come between, and both return."""
        instruction_id = instruction.instruction_id
        deal = instruction.deal(cycle.parts[instruction_id])
        accepted = max(cycle.now, self._ledger.last_time)
        posts = self._unlock(instruction_id, Mode.POST, cycle)
        if posts is None:
            self._give_back(instruction_id, cycle)
            instruction.enter(_S.LOCKING)
            return None
        self._batches.append(Batch(deal.flows, tuple(posts)))
        return self._settle(instruction, deal, accepted)

    def _set_aside(self, key: int, locks: list[Lock], cycle: Cycle) -> None:
        """Commit the locks, which the caller has proved to be possible, in one chain."""
        self._ledger.commit([lock.transfer for lock in locks], cycle.now)
        cycle.keep(key, locks)

    def _give_back(self, key: int, cycle: Cycle) -> None:
        voided = self._unlock(key, Mode.VOID, cycle)
        assert voided is not None, "what is pending may always return"

    def _unlock(self, key: int, mode: Mode, cycle: Cycle) -> list[TransferId] | None:
        """Post or void a lock in one chain: the ids, or None if the ledger refuses."""
        chain = [self._resolve(lock.transfer, mode) for lock in cycle.locks[key]]
        if any(status is not Status.OK for status in self._ledger.submit(chain, cycle.now)):
            return None
        for asset_id, transfer in cycle.locks.pop(key):
            cycle.aside[asset_id] -= transfer.amount
        cycle.parts.pop(key, None)
        return [transfer.id for transfer in chain]

    # --- together -----------------------------------------------------------------------------------

    def _lock_together(self, cycle: Cycle) -> None:
        """Find what can settle together, and set aside what each party pays in."""
        candidates = {i.instruction_id: i for i in _in_state(_S.LOCKING, cycle)}
        deals = self._choose(candidates, cycle)
        net = nets(flows_of(deals))
        if cycle.terms.model is SettlementModel.DVP_2:
            locks = self._deliver(deals, net, cycle)
        else:
            locks = [
                self._lock(party, asset_id, self._house(accounts.settlement, asset_id), -amount)
                for (party, asset_id), amount in net.items()
                if amount < 0
            ]
        self._set_aside(0, locks, cycle)
        for deal in deals:
            cycle.parts[deal.deal_id] = deal.flows[0].amount
            self._ready(candidates[deal.deal_id])
        if cycle.terms.model is SettlementModel.DVP_2:
            posts = self._unlock(0, Mode.POST, cycle)
            assert posts is not None, "what was locked at this instant can move at this instant"
            cycle.delivered += posts

    def _deliver(self, deals: Sequence[Deal], net: Mapping[Place, Money], cycle: Cycle) -> list[Lock]:
        """DvP-2: units from one to the other, and the cash of net payers into the guarantee."""
        locks = [
            self._lock(payer, asset_id, self.into(payee, asset_id), amount)
            for payer, payee, asset_id, amount in flows_of(deals)
            if asset_id not in self._cash
        ]
        for (party, asset_id), amount in net.items():
            if asset_id in self._cash and amount < 0:
                locks.append(self._lock(party, asset_id, self._house(accounts.guarantee, asset_id), -amount))
            elif asset_id in self._cash and amount > 0:
                cycle.owed[party, asset_id] = amount
        return locks

    def _choose(self, candidates: Mapping[int, Instruction], cycle: Cycle) -> list[Deal]:
        """The deals that settle together; parts of others, where both sides allow them, come last.

        Who is frozen delivers nothing, not even out of what would come in.
        """
        deals = [i.deal(i.remaining) for i in candidates.values()]
        barred = {d.deal_id: f.payer for d in deals for f in d.flows if f.payer in cycle.frozen}
        cycle.failing.update(barred)
        deals = [deal for deal in deals if deal.deal_id not in barred]
        flows = flows_of(deals)
        balances = {
            (party, flow.asset_id): self.free(party, flow.asset_id)
            for flow in flows
            for party in (flow.payer, flow.payee)
        }
        gross: dict[AssetId, None] = {}
        if cycle.terms.model is SettlementModel.DVP_2:
            gross = dict.fromkeys(flow.asset_id for flow in flows if flow.asset_id not in self._cash)
        chosen = together(deals, balances, gross)
        assert chosen is not None, "nothing was to be kept"
        if cycle.terms.gridlock:
            chosen = resolve_gridlock(deals, chosen, balances, gross)
        cycle.failing.update(chosen.failing)
        return self._with_parts(candidates, chosen, balances, gross)

    def _with_parts(
        self,
        candidates: Mapping[int, Instruction],
        chosen: Chosen,
        balances: Mapping[Place, Money],
        gross: Collection[AssetId],
    ) -> list[Deal]:
        deals = list(chosen.deals)
        for instruction in _in_order(candidates[i] for i in chosen.failing):

            def fits(deal: Deal) -> bool:
                tried = [*deals, deal]
                return together(tried, balances, gross, {d.deal_id for d in tried}) is not None

            part = _part(instruction, fits)
            if part:
                deals.append(instruction.deal(part))
        return deals

    def _settle_together(self, cycle: Cycle) -> list[Settled]:
        """What was paid in is paid out, in one chain. If a freeze stops it, the rest settles without."""
        accepted = max(cycle.now, self._ledger.last_time)
        transfers = None if self._stopped(cycle) else self._pay_out(cycle)
        if transfers is None:
            self._give_back(0, cycle)
            for instruction in _in_state(_S.READY, cycle):
                instruction.enter(_S.LOCKING)
            cycle.parts.clear()
            self._lock_together(cycle)
            transfers = self._pay_out(cycle)
            assert transfers is not None, "what was locked at this instant can move at this instant"
        ready = _in_state(_S.READY, cycle)
        deals = [i.deal(cycle.parts[i.instruction_id]) for i in ready]
        self._batches.append(Batch(tuple(flows_of(deals)), (*cycle.delivered, *transfers)))
        return [self._settle(i, deal, accepted) for i, deal in zip(ready, deals, strict=True)]

    def _stopped(self, cycle: Cycle) -> bool:
        """Whether somebody who pays in a net batch, if only out of what comes in, has been frozen since."""
        if cycle.terms.model is SettlementModel.DVP_2 or self._ledger.freeze_respects_finality:
            return False
        deals = [i.deal(cycle.parts[i.instruction_id]) for i in _in_state(_S.READY, cycle)]
        return any(flow.payer in cycle.frozen for flow in flows_of(deals))

    def _pay_out(self, cycle: Cycle) -> list[TransferId] | None:
        """Post what was paid in, and pay everybody what it is owed: the ids, or None if a freeze stops it."""
        locks = cycle.locks.get(0, [])
        owed, source = cycle.owed, accounts.guarantee
        if cycle.terms.model is SettlementModel.DVP_3:
            ready = _in_state(_S.READY, cycle)
            net = nets(flows_of(i.deal(cycle.parts[i.instruction_id]) for i in ready))
            owed, source = {place: amount for place, amount in net.items() if amount > 0}, accounts.settlement
        chain = [self._resolve(lock.transfer, Mode.POST) for lock in locks]
        chain += [
            self._ledger.transfer(self._house(source, place[1]), self.into(*place), amount, code="settlement")
            for place, amount in owed.items()
        ]
        if any(status is not Status.OK for status in self._ledger.submit(chain, cycle.now)):
            return None
        cycle.locks.pop(0, None)
        return [transfer.id for transfer in chain]

    # --- what becomes of an instruction -------------------------------------------------------------

    def _ready(self, instruction: Instruction) -> None:
        instruction.entered_at = self._ledger.last_time
        instruction.enter(_S.READY)

    def _settle(self, instruction: Instruction, deal: Deal, accepted: Time) -> Settled:
        accepted = max(accepted, instruction.entered_at)
        stamps = Stamps(instruction.entered_at, accepted, max(accepted, self._ledger.last_time))
        instruction.settled += deal.flows[0].amount
        if instruction.remaining:
            instruction.enter(_S.PARTIAL)
        else:
            self._end(instruction, _S.SETTLED)
        return Settled(instruction, deal, instruction.remaining, stamps)

    def _fail(self, instruction: Instruction, cycle: Cycle, market_value: MarketValue) -> Late:
        """Charge the penalty; then try again next time or, after too many times, compensate and end it."""
        failing = cycle.failing[instruction.instruction_id]
        penalty = self._penalise(instruction, failing, cycle)
        instruction.recycles += 1
        if instruction.recycles <= instruction.max_recycles:
            instruction.enter(_S.RECYCLED)
            return Late(instruction, failing, penalty, None)
        asset_id, price = instruction.value
        cost = 0
        if instruction.terms.kind is Kind.DELIVERY:
            worth = market_value(instruction.terms.asset_id, instruction.remaining, asset_id)
            cost = replacement_cost(price, worth, instruction.terms.deliverer == failing)
        compensation = self._charge(instruction, failing, Owed(asset_id, cost, "compensation"), cycle)
        self._end(instruction, _S.FAILED)
        return Late(instruction, failing, penalty, compensation)

    def _penalise(self, instruction: Instruction, failing: ParticipantId, cycle: Cycle) -> Charge:
        """For each day begun since the intended hour that has not been charged, and what is still owed."""
        days = 0
        if cycle.terms.penalty_bp:
            days = (cycle.now - instruction.terms.intended) // DAY + 1 - instruction.penalised_days
            instruction.penalised_days += days
        asset_id, value = instruction.value
        due = days * late_penalty(value, cycle.terms.penalty_bp) + instruction.owes[failing]
        charge = self._charge(instruction, failing, Owed(asset_id, due, "penalty"), cycle)
        instruction.owes[failing] = charge.unpaid
        return charge

    def _charge(self, instruction: Instruction, failing: ParticipantId, owed: Owed, cycle: Cycle) -> Charge:
        """From the failing to the suffering side through the house, as far as free cash reaches."""
        asset_id, due, code = owed
        if failing == NOBODY:
            return Charge(asset_id, 0, 0)
        amount = min(due, self.free(failing, asset_id, cycle.frozen))
        if amount:
            house = self._house(accounts.settlement, asset_id)
            suffering = self.into(instruction.other(failing), asset_id)
            paid = self._ledger.transfer(self._of(failing, asset_id), house, amount, code=code)
            received = self._ledger.transfer(house, suffering, amount, code=code)
            self._ledger.commit([paid, received], cycle.now)
        return Charge(asset_id, amount, due - amount)

    # --- accounts -----------------------------------------------------------------------------------

    def _of(self, party: ParticipantId, asset_id: AssetId) -> str:
        of_what = accounts.cash if asset_id in self._cash else accounts.units
        return of_what(party, asset_id)

    def into(self, party: ParticipantId, asset_id: AssetId) -> str:
        """Where a credit to the party lands: on its own account or, if that takes nothing in, unclaimed."""
        account = self._of(party, asset_id)
        self._ledger.open(account, asset_id, Rule.LIABILITY)
        if not self._ledger.is_frozen_in(account):
            return account
        return self._house(lambda asset: accounts.unclaimed(party, asset), asset_id)

    def _house(self, name: Callable[[AssetId], str], asset_id: AssetId) -> str:
        account = name(asset_id)
        self._ledger.open(account, asset_id, Rule.LIABILITY)
        return account

    def free(self, party: ParticipantId, asset_id: AssetId, frozen: Collection[ParticipantId] = ()) -> Money:
        """What the party can deliver. Under a legal order it is nothing."""
        account = self._of(party, asset_id)
        if party in frozen or account not in self._ledger or self._ledger.is_frozen_out(account):
            return 0
        return self._ledger.available(account)

    def _lock(self, payer: ParticipantId, asset_id: AssetId, into: str, amount: Money) -> Lock:
        debit = self._of(payer, asset_id)
        aside = self._ledger.transfer(debit, into, amount, mode=Mode.PENDING, code="settlement")
        return Lock(asset_id, aside)

    def _resolve(self, lock: Transfer, mode: Mode) -> Transfer:
        """A post is final: it may pass a freeze that came after the lock, if the ledger respects that."""
        return self._ledger.transfer(
            lock.debit,
            lock.credit,
            lock.amount,
            mode=mode,
            pending_id=lock.id,
            code=lock.code,
            final=mode is Mode.POST,
        )

    # --- invariants ---------------------------------------------------------------------------------

    def audit(self) -> list[str]:
        """Each violated invariant (I-10, I-37 to I-41) as a sentence; empty if all is well."""
        return [*self._state_faults(), *self._batch_faults(), *self._sheet_faults(), *self._house_faults()]

    def _state_faults(self) -> Iterator[str]:
        """I-38: what was created is open or has ended in one way."""
        if len(self.open) + len(self.over) != self._created or self.open.keys() & self.over.keys():
            yield f"I-38 of {self._created} instructions {len(self.open)} are open, {len(self.over)} over"
        for group, over in ((self.open, False), (self.over, True)):
            for instruction_id, instruction in group.items():
                if instruction.is_over != over:
                    yield f"I-38 instruction {instruction_id} is {instruction.state} in the wrong list"
                whole = instruction.remaining == 0
                if instruction.remaining < 0 or whole != (instruction.state is _S.SETTLED):
                    yield f"I-38 instruction {instruction_id}: {instruction.remaining} left, {instruction.state}"

    def _batch_faults(self) -> Iterator[str]:
        """I-37: what moved on the ledger is what the legs say, all of them. I-41: and it is still there."""
        legs: Counter[Place] = Counter()
        for batch in self._batches:
            found = [self._ledger.committed(transfer_id) for transfer_id in batch.transfers]
            moved: Counter[str] = Counter()
            for transfer in found:
                if transfer is None:
                    yield f"I-41 a final transfer among {batch.transfers} is gone"
                else:
                    moved[transfer.debit] -= transfer.amount
                    moved[transfer.credit] += transfer.amount
            for place, net in nets(batch.flows).items():
                booked = moved[self._of(*place)] + moved[accounts.unclaimed(*place)]
                if booked != net:
                    yield f"I-37 {place} should have moved by {net}, and did by {booked}"
            for payer, _, asset_id, amount in batch.flows:
                legs[payer, asset_id] += amount
        yield from self._leg_faults(legs)

    def _leg_faults(self, legs: Counter[Place]) -> Iterator[str]:
        """I-37: cash moves with units, in proportion, as far as instructions have settled."""
        for instruction in (*self.open.values(), *self.over.values()):
            terms, settled = instruction.terms, instruction.settled
            legs[terms.deliverer, terms.asset_id] -= settled
            if terms.payment_asset_id is not None:
                paid = terms.payment * settled // terms.amount
                legs[terms.receiver, terms.payment_asset_id] -= paid
        for place, difference in legs.items():
            if difference:
                yield f"I-37 {place}: batches and instructions differ by {difference}"

    def _sheet_faults(self) -> Iterator[str]:
        """I-39: netting never makes more of it."""
        for sheet in self.sheets:
            for a in sheet.assets:
                if not (0 <= a.multilateral <= a.bilateral <= a.gross and 0 <= a.efficiency_ppm <= 1_000_000):
                    yield f"I-39 cycle {sheet.cycle_id}: {a.multilateral}, {a.bilateral}, {a.gross}"

    def _house_faults(self) -> Iterator[str]:
        """I-10, I-40: nothing stays with the house but what it guarantees, so penalties sum to zero."""
        owed: Counter[AssetId] = Counter()
        for cycle in self.cycles.values():
            for (_, asset_id), amount in cycle.owed.items():
                owed[asset_id] += amount
        every = (i.terms.asset_id for i in (*self.open.values(), *self.over.values()))
        for asset_id in dict.fromkeys([*self._cash, *every]):
            for name, due in ((accounts.settlement, 0), (accounts.guarantee, owed[asset_id])):
                account = name(asset_id)
                held = self._ledger.posted(account) if account in self._ledger else 0
                if held != due:
                    yield f"I-40 {account} holds {held}, not {due}"


def late_penalty(value: Money, penalty_bp: BasisPoints) -> Money:
    """For one day, rounded up."""
    return divide_up(value * penalty_bp, 10_000)


def replacement_cost(price: Money, worth: Money | None, deliverer_failed: bool) -> Money:
    """What it costs the suffering side to make the deal elsewhere: never below nothing, nothing if unknown.

    A buyer pays the market for what the seller did not deliver; a seller gets the market for what was not paid.
    """
    if worth is None:
        return 0
    return max(0, worth - price if deliverer_failed else price - worth)


def _is_due(instruction: Instruction, model: SettlementModel, now: Time) -> bool:
    free = instruction.cycle_id == 0 and instruction.terms.intended <= now
    return free and instruction.terms.kind in _KINDS[model]


def _in_state(state: InstructionState, cycle: Cycle) -> list[Instruction]:
    return [instruction for instruction in cycle.due if instruction.state is state]


def _in_order(instructions: Iterable[Instruction]) -> list[Instruction]:
    """As `netting.in_order` does deals."""
    return sorted(instructions, key=lambda i: (-i.priority, i.instruction_id))


def _part(instruction: Instruction, fits: Callable[[Deal], bool]) -> int:
    """The largest part that fits, in whole lots, with something paid for it; 0 if none.

    Payments are rounded down part by part, so something is always left to pay for the rest.
    """
    if not instruction.allow_partial:
        return 0
    part = largest_part(
        instruction.remaining - 1, instruction.min_lot, lambda tried: fits(instruction.deal(tried))
    )
    unpaid = instruction.terms.payment_asset_id is not None and instruction.payment_for(part) == 0
    return 0 if unpaid else part


def _assets(cycle: Cycle, settled: Sequence[Settled], late: Sequence[Late]) -> tuple[AssetSettled, ...]:
    """The figures of a cycle by asset, in order of their names."""
    by_asset: dict[AssetId, list[Flow]] = {asset_id: [] for asset_id in sorted(cycle.value_due)}
    for flow in flows_of(done.deal for done in settled):
        by_asset[flow.asset_id].append(flow)
    penalties: Counter[AssetId] = Counter()
    for failed in late:
        penalties[failed.penalty.asset_id] += failed.penalty.amount
    found = []
    for asset_id, flows in by_asset.items():
        figures = netted(flows)
        found.append(
            AssetSettled(
                asset_id=asset_id,
                due=cycle.value_due[asset_id],
                gross=figures.gross,
                bilateral=figures.bilateral,
                multilateral=figures.multilateral,
                efficiency_ppm=figures.efficiency_ppm,
                liquidity_peak=cycle.peak[asset_id],
                penalties=penalties[asset_id],
            )
        )
    return tuple(found)
