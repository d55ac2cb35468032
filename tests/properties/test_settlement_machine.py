"""Instructions of every kind, cycles of every model, cancels, holds and freezes in any order.

`Venue` walks the audit after each command, so I-1 to I-6, I-11 and I-37 to I-41 hold at every step.
"""

from random import Random

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
from exchange.units import DAY, HOUR, MINUTE
from matching.terms import ParticipantId
from tests.builders import ANN, BOB, CYD, RUBD, Venue, a_patient_index
from tests.exchange.test_settlement import NOTE, USDX, a_venue, give, give_dollars, sides
from tests.often import often

PEOPLE = (ANN, BOB, CYD)
people = st.sampled_from(PEOPLE)
amounts = st.integers(2, 60)
places = st.integers(0, 30)
seeds = st.integers(0, 2**32)
KINDS = (
    {"asset_id": NOTE, "payment_asset_id": RUBD},
    {"asset_id": RUBD, "payment_asset_id": None},
    {"asset_id": USDX, "payment_asset_id": RUBD},
)
CASH, DOLLARS, UNITS = 100, 50, 30


class SettlementMachine(RuleBasedStateMachine):
    @initialize(seed=seeds)
    def found(self, seed: int) -> None:
        index = a_patient_index(interval=MINUTE)  # days pass, and nobody quotes
        self.venue: Venue = a_venue(index=index, **dict.fromkeys(PEOPLE, CASH))
        self.units = 0
        for name in PEOPLE:
            give_dollars(self.venue, name, DOLLARS)
            give(self.venue, name, UNITS)
            self.units += UNITS
        self.instruct_and_settle(seed, 10)

    @rule(seed=seeds, count=st.integers(3, 10))
    def instruct_and_settle(self, seed: int, count: int) -> None:
        """Deals and a cycle by dice: hypothesis itself, drawing each field, would rarely come to a cycle."""
        dice = Random(seed)
        for _ in range(count):
            kind, amount = dice.choice(KINDS), dice.randint(2, 60)
            first, second = sides(
                self.venue,
                *dice.sample(PEOPLE, 2),
                amount,
                dice.randint(1, 60) if kind["payment_asset_id"] else 0,
                **kind,
                intended=self.venue.now + dice.choice((0, 0, 0, HOUR)),
                priority=dice.randint(0, 2),
                allow_partial=dice.random() < 0.5,
                min_lot=dice.randint(1, 2),
                max_recycles=dice.randint(0, 3),
                hold=dice.random() < 0.1,
            )
            self.venue.tell(first)
            if dice.random() < 0.9:
                self.venue.tell(second)
        for model in dice.sample(list(SettlementModel), 2):
            self.venue.tell(
                RunSettlementCycle(
                    model=model,
                    penalty_bp=dice.choice((0, 10, 5_000)),
                    gridlock=dice.random() < 0.5,
                    lasts=dice.choice((0, HOUR)),
                )
            )

    def some_instruction(self, place: int) -> int:
        """One that is open, if there is any."""
        known = list(self.venue.state.settlement.open) or [1]
        return known[place % len(known)]

    @rule(time=st.sampled_from((HOUR, DAY)))
    def wait(self, time: int) -> None:
        self.venue.wait_until(self.venue.now + time)

    @rule(place=places, jointly=st.booleans())
    def cancel(self, place: int, jointly: bool) -> None:
        """Whoever may, asks."""
        for who in PEOPLE:
            which = self.some_instruction(place)
            self.venue.tell(CancelInstruction(participant_id=who, instruction_id=which, jointly=jointly))

    @rule(place=places)
    def release(self, place: int) -> None:
        for who in PEOPLE:
            which = self.some_instruction(place)
            self.venue.tell(ReleaseInstruction(participant_id=who, instruction_id=which))

    @rule(who=people, freeze=st.booleans())
    def legal_order(self, who: ParticipantId, freeze: bool) -> None:
        kind = FreezeParticipant if freeze else UnfreezeParticipant
        self.venue.tell(kind(participant_id=who, order_ref="order"))

    @rule(who=st.just(CYD))
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
TestSettlementMachine.settings = settings(max_examples=often(40), stateful_step_count=20, deadline=None)
