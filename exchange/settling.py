"""The road of settlement: instructions of two sides, the cycles that settle them, and units in and out."""

from collections import Counter
from collections.abc import Iterable, Iterator

from exchange.access import permissions
from exchange.cash.terms import CashHalt
from exchange.clearing import accounts
from exchange.clearing.ledger import Rule
from exchange.clearing.netting import Deal, Place
from exchange.clearing.rounding import divide_up
from exchange.clearing.settlement import (
    Cycle,
    Instruction,
    Kind,
    Late,
    Settled,
    Sheet,
    Terms,
    Wishes,
)
from exchange.commands import (
    CancelInstruction,
    CompleteCycle,
    CreditUnits,
    DebitUnits,
    ExpireInstruction,
    InstructSettlement,
    ReleaseInstruction,
    RunSettlementCycle,
    SettleCycle,
    SettlementCycleTerms,
    SettlementModel,
)
from exchange.events import (
    CancellationAsked,
    DirectiveRefused,
    Event,
    InstructionAlleged,
    InstructionCanceled,
    InstructionExpired,
    InstructionFailed,
    InstructionMatched,
    InstructionPartlySettled,
    InstructionReady,
    InstructionRecycled,
    InstructionRefused,
    InstructionReleased,
    InstructionSettled,
    InstructionState,
    LatePenaltyBooked,
    LegFinality,
    SettlementCycleCompleted,
    SettlementCycleOpened,
    UnitRequestRejected,
    UnitsCredited,
    UnitsDebited,
)
from exchange.instruments import BOUGHT, Product
from exchange.reasons import CashRefusal, RejectReason, SettlementRefusal
from exchange.rules.cover import purchase_refusal
from exchange.rules.permitted import refusal_to_open
from exchange.state import Seat, State
from exchange.units import DAY, AssetId, Money, Time
from matching.terms import ParticipantId

ALLEGED_FOR: Time = DAY  # after its intended hour, an instruction that nobody has matched falls

# --- instructions ---------------------------------------------------------------------------------------


def instruct_settlement(command: InstructSettlement, state: State) -> Iterator[Event]:
    """One side speaks. If the other has said the same, the instruction is matched, and else alleged."""
    reason = _instruction_refusal(command, state)
    if reason is not None:
        yield _refused(command, 0, command.reference, reason)
        return
    wishes = Wishes(
        command.priority, command.allow_partial, command.min_lot, command.hold, command.max_recycles
    )
    instruction = state.settlement.instruct(command.participant_id, _terms(command, state), wishes, state.now)
    if instruction.state is InstructionState.CREATED:
        falls = ExpireInstruction(instruction_id=instruction.instruction_id)
        state.agenda.promise(instruction.terms.intended + ALLEGED_FOR, falls)
        for party in instruction.parties:
            yield _alleged(party, instruction)
    else:
        for party in instruction.parties:
            yield InstructionMatched(
                participant_id=party,
                instruction_id=instruction.instruction_id,
                counterparty_id=instruction.other(party),
                reference=instruction.terms.reference,
            )


def _instruction_refusal(command: InstructSettlement, state: State) -> SettlementRefusal | None:
    money, seat = command.asset_id in state.holdings, state.seats.get(command.participant_id)
    payer, paid = command.payment_asset_id, command.payment_asset_id is not None
    checks = (
        (seat is None, SettlementRefusal.UNKNOWN_PARTICIPANT),
        (command.counterparty_id not in state.seats, SettlementRefusal.UNKNOWN_COUNTERPARTY),
        (command.counterparty_id == command.participant_id, SettlementRefusal.OWN_COUNTERPARTY),
        (not (money or command.asset_id in state.assets), SettlementRefusal.UNKNOWN_ASSET),
        (paid and payer not in state.holdings and payer not in state.assets, SettlementRefusal.UNKNOWN_ASSET),
        (payer not in state.holdings if paid else not money, SettlementRefusal.NO_MONEY_LEG),
        (command.asset_id == payer, SettlementRefusal.SAME_ASSET),
        (command.amount < 1, SettlementRefusal.AMOUNT_NOT_POSITIVE),
        (command.payment < 1 if paid else command.payment != 0, SettlementRefusal.AMOUNT_NOT_POSITIVE),
        (command.intended < state.now, SettlementRefusal.DATE_PASSED),
        (not 1 <= command.min_lot <= command.amount, SettlementRefusal.MIN_LOT_OUT_OF_RANGE),
        (command.max_recycles < 0, SettlementRefusal.RECYCLES_NEGATIVE),
    )
    reason = next((reason for applies, reason in checks if applies), None)
    return reason if reason or seat is None else _access_refusal(command, seat, state)


def _access_refusal(command: InstructSettlement, seat: Seat, state: State) -> SettlementRefusal | None:
    """What the regime says of the deal to its sender, as it would of an order: to receive is to buy, to deliver to
    sell what one has. Who has defaulted or is suspended makes none. Money that is only paid is no deal.
    """
    if command.payment_asset_id is None:
        return None
    if seat.defaulted:
        return SettlementRefusal.PARTICIPANT_DEFAULTED
    if seat.suspended:
        return SettlementRefusal.PARTICIPANT_SUSPENDED
    assert state.regime is not None, "whoever has a seat entered under a regime"
    product = Product.CASH_PAIR if command.asset_id in state.holdings else Product.SPOT
    if command.delivers:
        regime, access_class = state.regime, seat.access_class
        reason = permissions.refusal(regime, access_class, product, seat.applicant, reducing=True)
    else:
        reason = refusal_to_open(product, command.asset_id, seat, state)
        if reason is None and seat.barred:
            reason = RejectReason.REDUCE_ONLY
        if reason is None and product in BOUGHT:
            reason = purchase_refusal(seat, command.payment, state)
    return None if reason is None else SettlementRefusal(reason.value)


def _terms(command: InstructSettlement, state: State) -> Terms:
    """The deal as both sides must see it."""
    kind = Kind.DELIVERY
    if command.asset_id in state.holdings:
        kind = Kind.PAYMENT if command.payment_asset_id is None else Kind.EXCHANGE
    sides = (command.participant_id, command.counterparty_id)
    deliverer, receiver = sides if command.delivers else reversed(sides)
    return Terms(
        kind=kind,
        deliverer=deliverer,
        receiver=receiver,
        asset_id=command.asset_id,
        amount=command.amount,
        payment_asset_id=command.payment_asset_id,
        payment=command.payment,
        intended=command.intended,
        reference=command.reference,
    )


def _alleged(party: ParticipantId, instruction: Instruction) -> InstructionAlleged:
    terms = instruction.terms
    return InstructionAlleged(
        participant_id=party,
        instruction_id=instruction.instruction_id,
        counterparty_id=instruction.other(party),
        delivers=party == terms.deliverer,
        asset_id=terms.asset_id,
        amount=terms.amount,
        payment_asset_id=terms.payment_asset_id or AssetId(""),
        payment=terms.payment,
        intended=terms.intended,
        reference=terms.reference,
    )


def release_instruction(command: ReleaseInstruction, state: State) -> Iterator[Event]:
    who = command.participant_id
    instruction, reason = _find(command, state)
    if instruction is None:
        yield _refused(command, command.instruction_id, "", reason)
    elif who not in instruction.holders:
        yield _refused(command, command.instruction_id, "", SettlementRefusal.NOT_ON_HOLD)
    else:
        del instruction.holders[who]
        for party in instruction.parties:
            yield InstructionReleased(participant_id=party, instruction_id=instruction.instruction_id)


def cancel_instruction(command: CancelInstruction, state: State) -> Iterator[Event]:
    """One side alone, until a cycle has tried to lock it; after that both, the second one's word counts."""
    who = command.participant_id
    instruction, reason = _find(command, state)
    if instruction is not None:
        reason = state.settlement.cancel_refusal(who, instruction, command.jointly)
    if instruction is None or reason is not None:
        yield _refused(command, command.instruction_id, "", reason)
        return
    if state.settlement.cancel(who, instruction, state.now):
        yield from _canceled(instruction)
        return
    for party in instruction.parties:
        yield CancellationAsked(participant_id=party, instruction_id=instruction.instruction_id, asked_by=who)


def expire_instruction(duty: ExpireInstruction, state: State) -> Iterator[Event]:
    instruction = state.settlement.expire(duty.instruction_id)
    if instruction is not None:
        for party in instruction.parties:
            yield InstructionExpired(participant_id=party, instruction_id=duty.instruction_id)


def withdraw_deals(who: ParticipantId, state: State) -> Iterator[Event]:
    """Cancel the deals of one who may make none any more that the other side has not agreed to; payments stay."""
    for instruction in list(state.settlement.open.values()):
        alleged = instruction.state is InstructionState.CREATED and instruction.entered_by == who
        if alleged and instruction.terms.kind is not Kind.PAYMENT:
            state.settlement.cancel(who, instruction, state.now)
            yield from _canceled(instruction)


def _canceled(instruction: Instruction) -> Iterator[Event]:
    for party in instruction.parties:
        yield InstructionCanceled(
            participant_id=party, instruction_id=instruction.instruction_id, remaining=instruction.remaining
        )


def _find(
    command: ReleaseInstruction | CancelInstruction, state: State
) -> tuple[Instruction | None, SettlementRefusal | None]:
    if command.participant_id not in state.seats:
        return None, SettlementRefusal.UNKNOWN_PARTICIPANT
    return state.settlement.find(command.participant_id, command.instruction_id)


def _refused(
    command: InstructSettlement | ReleaseInstruction | CancelInstruction,
    instruction_id: int,
    reference: str,
    reason: SettlementRefusal | None,
) -> InstructionRefused:
    assert reason is not None, "what is refused has a reason"
    return InstructionRefused(
        participant_id=command.participant_id,
        request=type(command).__name__,
        instruction_id=instruction_id,
        reference=reference,
        reason=reason,
    )


# --- cycles ---------------------------------------------------------------------------------------------


def run_settlement_cycle(command: RunSettlementCycle, state: State) -> Iterator[Event]:
    """The authority has a cycle begin now."""
    if min(command.penalty_bp, command.lasts) < 0:
        yield DirectiveRefused(
            directive="run settlement cycle",
            explanation="a cycle neither lasts nor penalises by less than nothing",
        )
        return
    terms = SettlementCycleTerms(
        at=state.now,
        model=command.model,
        penalty_bp=command.penalty_bp,
        gridlock=command.gridlock,
        lasts=command.lasts,
    )
    yield from _begin(terms, state)


def settle_cycle(duty: SettleCycle, state: State) -> Iterator[Event]:
    yield from _begin(duty.terms, state)


def _begin(terms: SettlementCycleTerms, state: State) -> Iterator[Event]:
    """Lock what is due. A cycle that takes no time ends at once."""
    cycle = state.settlement.begin(terms, _frozen(state), state.now)
    ready = [i for i in cycle.due if i.state is InstructionState.READY]
    yield SettlementCycleOpened(
        cycle_id=cycle.cycle_id, model=terms.model, due=len(cycle.due), ready=len(ready)
    )
    if terms.model is SettlementModel.DVP_2:  # whose units are final at once
        _keep_account([i.deal(cycle.parts[i.instruction_id]) for i in ready], state)
    for instruction in ready:
        yield from _told_ready(instruction, cycle)
    ends = CompleteCycle(cycle_id=cycle.cycle_id)
    if terms.lasts:
        state.agenda.promise(state.now + terms.lasts, ends)
    else:
        yield from complete_cycle(ends, state)


def _told_ready(instruction: Instruction, cycle: Cycle) -> Iterator[Event]:
    for party in instruction.parties:
        yield InstructionReady(
            participant_id=party,
            instruction_id=instruction.instruction_id,
            cycle_id=cycle.cycle_id,
            amount=cycle.parts[instruction.instruction_id],
        )


def complete_cycle(duty: CompleteCycle, state: State) -> Iterator[Event]:
    """What is locked settles; what is late costs; then the sheet, to all."""

    def market_value(asset_id: AssetId, amount: int, coin: AssetId) -> Money | None:
        return _market_value(asset_id, amount, coin, state)

    sheet = state.settlement.complete(duty.cycle_id, _frozen(state), market_value, state.now)
    if sheet.model is not SettlementModel.DVP_2:
        _keep_account([settled.deal for settled in sheet.settled], state)
    for settled in sheet.settled:
        yield from _told_settled(settled, sheet, state)
    for late in sheet.late:
        yield from _told_late(late, sheet)
    yield SettlementCycleCompleted(
        cycle_id=sheet.cycle_id,
        model=sheet.model,
        due=sheet.due,
        settled=len(sheet.waits),
        partly_settled=sheet.partly_settled,
        recycled=sheet.recycled,
        failed=sheet.failed,
        assets=sheet.assets,
        mean_wait=sum(sheet.waits) // max(len(sheet.waits), 1),
        longest_wait=max(sheet.waits, default=0),
    )


def _keep_account(deals: Iterable[Deal], state: State) -> None:
    """Tell the owners of units what came and what went, when they have moved: each once for the whole cycle. A
    delivery costs what is paid for it in the settlement asset.
    """
    came: Counter[Place] = Counter()
    went: Counter[Place] = Counter()
    cost: Counter[Place] = Counter()
    for deal in deals:
        units, *payments = deal.flows
        if units.asset_id in state.holdings:
            continue
        went[units.payer, units.asset_id] += units.amount
        came[units.payee, units.asset_id] += units.amount
        for paid in payments:
            if state.regime is not None and paid.asset_id == state.regime.cash.settlement_asset:
                cost[units.payee, units.asset_id] += paid.amount
    for who, asset_id in sorted({*came, *went}):
        place, cover = (who, asset_id), state.covers.of_units(asset_id)
        cover.settle(state.seats[who], asset_id, came[place], went[place], cost[place])


def _told_settled(settled: Settled, sheet: Sheet, state: State) -> Iterator[Event]:
    instruction, stamps = settled.instruction, settled.stamps
    legs = tuple(
        _leg(flow.asset_id, stamps.final_at, state)
        for flow in settled.deal.flows
        if flow.asset_id in state.holdings
    )
    known = [leg.final_at for leg in legs if leg.final_at is not None]
    moved = [flow.amount for flow in settled.deal.flows] + [0]
    for party in instruction.parties:
        told = InstructionSettled(
            participant_id=party,
            instruction_id=instruction.instruction_id,
            cycle_id=sheet.cycle_id,
            amount=moved[0],
            payment=moved[1],
            entered_at=stamps.entered_at,
            irrevocable_at=stamps.irrevocable_at,
            final_at=stamps.final_at,
            issuer_final_at=max(known) if known and len(known) == len(legs) else None,
            legs=legs,
        )
        yield _partly(told, settled.remaining) if settled.remaining else told


def _partly(moved: InstructionSettled, remaining: int) -> InstructionPartlySettled:
    return InstructionPartlySettled(
        participant_id=moved.participant_id,
        instruction_id=moved.instruction_id,
        cycle_id=moved.cycle_id,
        amount=moved.amount,
        payment=moved.payment,
        remaining=remaining,
        entered_at=moved.entered_at,
        irrevocable_at=moved.irrevocable_at,
        final_at=moved.final_at,
        issuer_final_at=moved.issuer_final_at,
        legs=moved.legs,
    )


def _leg(asset_id: AssetId, since: Time, state: State) -> LegFinality:
    """Where this money could be, if its receiver took it out as soon as it has it."""
    holding = state.holdings[asset_id]
    final_at, reason = holding.keeper.final_at(since), holding.standstill(state.now)
    if CashHalt.DIRECTIVE in holding.halts or holding.gate is not None:
        final_at, reason = None, reason or CashRefusal.GATED
    return LegFinality(asset_id=asset_id, final_at=final_at, reason=reason)


def _told_late(late: Late, sheet: Sheet) -> Iterator[Event]:
    instruction = late.instruction
    for party in instruction.parties:
        if late.penalty.amount or late.penalty.unpaid:
            sign = -1 if party == late.failing else 1
            yield LatePenaltyBooked(
                participant_id=party,
                instruction_id=instruction.instruction_id,
                asset_id=late.penalty.asset_id,
                amount=sign * late.penalty.amount,
                unpaid=late.penalty.unpaid,
            )
        if late.compensation is None:
            yield InstructionRecycled(
                participant_id=party,
                instruction_id=instruction.instruction_id,
                cycle_id=sheet.cycle_id,
                recycles=instruction.recycles,
                failing_id=late.failing,
            )
        else:
            yield InstructionFailed(
                participant_id=party,
                instruction_id=instruction.instruction_id,
                failing_id=late.failing,
                remaining=instruction.remaining,
                asset_id=late.compensation.asset_id,
                compensation=late.compensation.amount,
                unpaid=late.compensation.unpaid,
            )


def _frozen(state: State) -> frozenset[ParticipantId]:
    """Who is under a legal order and delivers nothing; asked for membership alone."""
    return frozenset(who for who, seat in state.seats.items() if seat.frozen)


def _market_value(asset_id: AssetId, amount: int, coin: AssetId, state: State) -> Money | None:
    """What the units are worth by their index, rounded up; None if they have none or it has no value yet.

    An index counts hundredths of the coin for one whole unit.
    """
    units = state.assets[asset_id]
    index = state.indices.get(units.index_id) if units.index_id is not None else None
    if index is None or index.latest is None or coin not in state.assets:
        return None
    worth = index.latest.value * amount * 10 ** state.assets[coin].scale
    return divide_up(worth, 100 * 10**units.scale)


# --- units in and out -----------------------------------------------------------------------------------


def credit_units(command: CreditUnits, state: State) -> Iterator[Event]:
    """A depository of the venue holds the units; the participant has a claim on them."""
    reason = _unit_refusal(command, state)
    if reason is not None:
        yield _unit_rejected(command, reason, state)
        return
    register = accounts.register(command.asset_id)
    state.ledger.open(register, command.asset_id, Rule.MIRROR)
    account = state.settlement.into(command.participant_id, command.asset_id)
    chain = [state.ledger.transfer(register, account, command.amount, code="units in")]
    state.ledger.commit(chain, state.now)
    cover = state.covers.of_units(command.asset_id)
    cover.settle(state.seats[command.participant_id], command.asset_id, command.amount, 0, 0)
    yield UnitsCredited(
        participant_id=command.participant_id, asset_id=command.asset_id, amount=command.amount
    )


def debit_units(command: DebitUnits, state: State) -> Iterator[Event]:
    reason = _unit_refusal(command, state) or _debit_refusal(command, state)
    if reason is not None:
        yield _unit_rejected(command, reason, state)
        return
    account = accounts.units(command.participant_id, command.asset_id)
    register = accounts.register(command.asset_id)
    chain = [state.ledger.transfer(account, register, command.amount, code="units out")]
    state.ledger.commit(chain, state.now)
    cover = state.covers.of_units(command.asset_id)
    cover.settle(state.seats[command.participant_id], command.asset_id, 0, command.amount, 0)
    yield UnitsDebited(
        participant_id=command.participant_id, asset_id=command.asset_id, amount=command.amount
    )


def _unit_refusal(command: CreditUnits | DebitUnits, state: State) -> SettlementRefusal | None:
    checks = (
        (command.participant_id not in state.seats, SettlementRefusal.UNKNOWN_PARTICIPANT),
        (command.asset_id not in state.assets, SettlementRefusal.UNKNOWN_ASSET),
        (command.asset_id in state.holdings, SettlementRefusal.NOT_A_UNIT_ASSET),
        (command.amount < 1, SettlementRefusal.AMOUNT_NOT_POSITIVE),
    )
    return next((reason for applies, reason in checks if applies), None)


def _debit_refusal(command: DebitUnits, state: State) -> SettlementRefusal | None:
    """Of a participant and an asset that are known."""
    if state.seats[command.participant_id].frozen:
        return SettlementRefusal.PARTICIPANT_FROZEN
    if command.amount > state.settlement.free(command.participant_id, command.asset_id):
        return SettlementRefusal.INSUFFICIENT_UNITS
    return None


def _unit_rejected(
    command: CreditUnits | DebitUnits, reason: SettlementRefusal, state: State
) -> UnitRequestRejected:
    return UnitRequestRejected(
        participant_id=command.participant_id,
        request=type(command).__name__,
        asset_id=command.asset_id,
        amount=command.amount,
        available=state.settlement.free(command.participant_id, command.asset_id),
        reason=reason,
    )
