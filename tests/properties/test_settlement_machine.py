"""Instructions of every kind, cycles of every model, cancels, holds and freezes in any order.

`Venue` walks the audit after each command, so I-1 to I-6, I-11 and I-37 to I-41 hold at every step.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from exchange.clearing import accounts
from exchange.clearing.auditor import recompute_head, replay
from exchange.clearing.settlement import NEXT
from exchange.commands import (
    CancelInstruction,
    CreditUnits,
    DebitUnits,
    FreezeParticipant,
    ReleaseInstruction,
    RunSettlementCycle,
    SettlementModel,
    UnfreezeParticipant,
)
from exchange.events import InstructionState
from exchange.units import DAY, HOUR
from matching.terms import ParticipantId
from tests.builders import ANN, BOB, CYD, RUBD, Venue
from tests.exchange.test_settlement import NOTE, USDX, a_venue, give, give_dollars, sides

PEOPLE = (ANN, BOB, CYD)
people = st.sampled_from(PEOPLE)
pairs = st.permutations(PEOPLE).map(lambda drawn: (drawn[0], drawn[1]))
amounts = st.integers(1, 60)
instructions = st.integers(1, 12)
kinds = st.sampled_from(
    (
        {"asset_id": NOTE, "payment_asset_id": RUBD},
        {"asset_id": RUBD, "payment_asset_id": None},
        {"asset_id": USDX, "payment_asset_id": RUBD},
    )
)
CASH, DOLLARS, UNITS = 100, 50, 30


class SettlementMachine(RuleBasedStateMachine):
    @initialize()
    def found(self) -> None:
        self.venue: Venue = a_venue(**dict.fromkeys(PEOPLE, CASH))
        self.units = 0
        for name in PEOPLE:
            give_dollars(self.venue, name, DOLLARS)
            give(self.venue, name, UNITS)
            self.units += UNITS

    @rule(
        pair=pairs, kind=kinds, amount=amounts, payment=amounts, priority=st.integers(0, 2),
        partial=st.booleans(), lot=st.integers(1, 7), recycles=st.integers(0, 2),
        hold=st.sampled_from((False, False, False, True)), late=st.sampled_from((0, 0, HOUR)),
        both=st.sampled_from((True, True, True, False)),
    )  # fmt: skip
    def instruct(
        self, pair, kind, amount, payment, priority, partial, lot, recycles, hold, late, both
    ) -> None:
        paid = payment if kind["payment_asset_id"] else 0
        first, second = sides(
            self.venue, *pair, amount, paid, priority=priority, allow_partial=partial,
            min_lot=min(lot, amount), max_recycles=recycles, hold=hold, intended=self.venue.now + late, **kind,
        )  # fmt: skip
        self.venue.tell(first)
        if both:
            self.venue.tell(second)

    @rule(
        model=st.sampled_from(SettlementModel), bp=st.sampled_from((0, 10, 5_000)), gridlock=st.booleans(),
        lasts=st.sampled_from((0, 0, HOUR)),
    )  # fmt: skip
    def cycle(self, model: SettlementModel, bp: int, gridlock: bool, lasts: int) -> None:
        self.venue.tell(RunSettlementCycle(model=model, penalty_bp=bp, gridlock=gridlock, lasts=lasts))

    @rule(time=st.sampled_from((HOUR, DAY)))
    def wait(self, time: int) -> None:
        self.venue.wait_until(self.venue.now + time)

    @rule(who=people, instruction_id=instructions, jointly=st.booleans())
    def cancel(self, who: ParticipantId, instruction_id: int, jointly: bool) -> None:
        self.venue.tell(CancelInstruction(participant_id=who, instruction_id=instruction_id, jointly=jointly))

    @rule(who=people, instruction_id=instructions)
    def release(self, who: ParticipantId, instruction_id: int) -> None:
        self.venue.tell(ReleaseInstruction(participant_id=who, instruction_id=instruction_id))

    @rule(who=people, freeze=st.booleans())
    def legal_order(self, who: ParticipantId, freeze: bool) -> None:
        kind = FreezeParticipant if freeze else UnfreezeParticipant
        self.venue.tell(kind(participant_id=who, order_ref="order"))

    @rule(who=people)
    def takes_nothing_in(self, who: ParticipantId) -> None:
        ledger = self.venue.state.ledger
        ledger.freeze(accounts.units(who, NOTE), out=False, into=True, order_ref="order", now=self.venue.now)

    @rule(who=people, amount=amounts, into=st.booleans())
    def move_units(self, who: ParticipantId, amount: int, into: bool) -> None:
        kind = CreditUnits if into else DebitUnits
        events = self.venue.tell(kind(participant_id=who, asset_id=NOTE, amount=amount))
        if type(events[-1]).__name__.startswith("Units"):
            self.units += amount if into else -amount

    @invariant()
    def nothing_comes_from_nowhere(self) -> None:
        if not hasattr(self, "venue"):
            return
        ledger = self.venue.state.ledger
        for asset_id, total in ((RUBD, 3 * CASH), (USDX, 3 * DOLLARS), (NOTE, self.units)):
            owed = [a for a in ledger.accounts() if a.asset_id == asset_id and a.rule == "D<=C"]
            assert sum(account.posted for account in owed) == total
            assert all(account.available >= 0 for account in owed)

    @invariant()
    def what_waits_has_nothing_set_aside(self) -> None:
        """Only what is ready in an open cycle has anything pending."""
        if not hasattr(self, "venue"):
            return
        settlement = self.venue.state.settlement
        if not settlement.cycles:
            pending = [a for a in self.venue.state.ledger.accounts() if a.debits_pending or a.credits_pending]
            assert pending == []
            held = {i.state for i in settlement.open.values()}
            assert held <= {InstructionState.CREATED, InstructionState.MATCHED, InstructionState.RECYCLED}
        assert all(NEXT[i.state] for i in settlement.open.values())

    def teardown(self) -> None:
        if not hasattr(self, "venue"):
            return
        ledger = self.venue.state.ledger
        assert recompute_head(ledger.history) == ledger.head()
        assert replay(ledger.history) == {
            a.account_id: (a.debits_pending, a.debits_posted, a.credits_pending, a.credits_posted)
            for a in ledger.accounts()
        }


TestSettlementMachine = SettlementMachine.TestCase
TestSettlementMachine.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
