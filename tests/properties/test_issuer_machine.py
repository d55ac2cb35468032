"""Whatever is asked of an issuer, in any order: it does as a naive model says, and I-42 to I-45 and I-47 hold."""

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from exchange.cash.issuer import Issuer
from exchange.cash.issuer_states import IssuerState
from exchange.cash.redemption import Ticket
from exchange.cash.terms import (
    Circulation,
    CoinTerms,
    QueueRule,
    RedemptionTerms,
    ReissueRule,
    ReserveClass,
    ReserveStatus,
    ReserveTerms,
    Role,
    RoleName,
    all_of,
    keys_of,
)
from exchange.messages import changed
from exchange.reasons import CashRefusal
from exchange.units import AssetId, WalletId

ACTIVE, SUSPENDED, GATED, PAUSED, DEFAULT, WIND_DOWN = IssuerState
OK, STUCK, LOST = ReserveStatus
WALLETS = tuple(WalletId(name) for name in ("w-ann", "w-bob", "w-cat", "w-venue"))
ANN, VENUE, DESK = WALLETS[0], WALLETS[-1], WalletId("issuer")
FOUNDED, OWN = 90, 30
CHANGES = {  # what leads where; the model's own list
    ACTIVE: (SUSPENDED, GATED, DEFAULT, WIND_DOWN),
    SUSPENDED: (ACTIVE, GATED, DEFAULT, WIND_DOWN),
    GATED: (ACTIVE, SUSPENDED, DEFAULT, WIND_DOWN),
    PAUSED: (DEFAULT, WIND_DOWN),
    DEFAULT: (WIND_DOWN,),
    WIND_DOWN: (),
}

TERMS = CoinTerms(
    asset_id=AssetId("RUBD"),
    issuer="Domestic Coin",
    minters={"mint-1": 500, "mint-2": 60},
    venue_wallets=(VENUE,),
    roles=keys_of(
        apart=(
            Role(name=RoleName.FREEZER, holders=("issuer", "deputy"), quorum=1),
            all_of(RoleName.VENUE_FREEZER, "bank"),
            *(
                all_of(name, "issuer")
                for name in RoleName
                if name not in ("freezer", "venue_freezer", "minter")
            ),
        )
    ),
    wipe_allowed=True,
    circulation=(Circulation(wallet_id=ANN, amount=FOUNDED),),
    own_funds=OWN,
    reserves=(
        ReserveTerms(
            name="cash", reserve_class=ReserveClass.BANK_DEPOSIT, custodian="cash", weight_bp=4_000, amount=50
        ),
        ReserveTerms(
            name="bills",
            reserve_class=ReserveClass.SHORT_BILLS,
            custodian="bills",
            weight_bp=6_000,
            amount=70,
            liquidity_days=1,
            haircut_bp=1_000,
        ),
    ),
    interest_share_bp=5_000,
)

wallets = st.sampled_from(WALLETS)
amounts = st.integers(-1, 120)
receipts = st.sampled_from(("r-1", "r-2", "r-3"))
orders = st.sampled_from(("order-1", "order-2"))
signers = st.sampled_from(
    ((), ("issuer",), ("bank",), ("issuer", "bank"), ("deputy", "bank"), ("bank", "other", "issuer"))
)


@dataclass
class Asked:
    """A ticket as the model keeps it."""

    wallet: WalletId
    open: int
    fee: int


@dataclass
class Model:
    """Balances and flags in dictionaries; it decides by itself what must be refused."""

    state: IssuerState = ACTIVE
    before_pause: IssuerState = ACTIVE
    balances: dict[WalletId, int] = field(
        default_factory=lambda: dict.fromkeys((*WALLETS, DESK), 0) | {ANN: FOUNDED}
    )
    out: set[WalletId] = field(default_factory=set)
    into: set[WalletId] = field(default_factory=set)
    unused: dict[str, int] = field(default_factory=dict)  # receipts
    allowances: dict[str, int] = field(default_factory=lambda: {"mint-1": 500, "mint-2": 60})
    tickets: dict[int, Asked] = field(default_factory=dict)
    wiped: dict[str, int] = field(default_factory=dict)  # by order, not issued anew
    status: dict[str, ReserveStatus] = field(default_factory=lambda: {"cash": OK, "bills": OK})
    came: int = FOUNDED + OWN  # roubles that ever came in
    went: int = 0  # roubles that were paid out or lost

    def covers(self, wallet: WalletId, role: bool, signatures: tuple[str, ...]) -> bool:
        return role and (wallet != VENUE or "bank" in signatures)

    def frozen(self, wallet: WalletId, signatures: tuple[str, ...]) -> bool:
        """Whether these signatures suffice to freeze it, or to lift a freeze."""
        return self.covers(wallet, bool({"issuer", "deputy"} & set(signatures)), signatures)


class IssuerMachine(RuleBasedStateMachine):
    @initialize(
        receipt=st.booleans(),
        sending_only=st.booleans(),
        pro_rata=st.booleans(),
        fee=st.sampled_from((0, 3)),
        reissue=st.sampled_from(ReissueRule),
    )
    def found(
        self, receipt: bool, sending_only: bool, pro_rata: bool, fee: int, reissue: ReissueRule
    ) -> None:
        queue = QueueRule.PRO_RATA if pro_rata else QueueRule.FIFO
        self.terms = changed(
            TERMS,
            mint_needs_receipt=receipt,
            freeze_stops_receiving=not sending_only,
            redemption=RedemptionTerms(queue=queue, instant=False, fee_fixed=fee, minimum=5),
            reissue=reissue,
        )
        self.issuer, self.model, self.now = Issuer(self.terms), Model(), 0

    def agree(self, reason: object, allowed: bool) -> bool:
        """The issuer and the model must agree on whether it is done."""
        self.now += 1
        assert isinstance(reason, CashRefusal) != allowed, reason
        self.issuer.tell_shortfall()
        return allowed

    # --- money in, coins, transfers -----------------------------------------------------------------

    @rule(receipt=receipts, amount=amounts)
    def record_receipt(self, receipt: str, amount: int) -> None:
        model, takers = self.model, set(self.model.status.values()) != {LOST}
        reason = self.issuer.record_receipt(receipt, amount, self.now)
        if self.agree(reason, amount > 0 and receipt not in model.unused and takers):
            model.unused[receipt] = amount
            model.came += amount

    @rule(amount=amounts)
    def add_own_funds(self, amount: int) -> None:
        reason = self.issuer.add_own_funds(amount, self.now)
        if self.agree(reason, amount > 0 and set(self.model.status.values()) != {LOST}):
            self.model.came += amount

    @rule(
        minter=st.sampled_from(("mint-1", "mint-2", "other")),
        receipt=receipts,
        wallet=wallets,
        amount=amounts,
    )
    def mint(self, minter: str, receipt: str, wallet: WalletId, amount: int) -> None:
        model = self.model
        reason = self.issuer.mint(minter, receipt, wallet, amount, self.now)
        backed = receipt in model.unused
        room = model.unused.get(receipt, 0) if backed or self.terms.mint_needs_receipt else 10**9
        within = minter in model.allowances and 0 < amount <= min(room, model.allowances[minter])
        if self.agree(reason, within and model.state is ACTIVE and wallet not in model.into):
            if backed:
                model.unused[receipt] -= amount
            model.allowances[minter] -= amount
            model.balances[wallet] += amount

    @rule(minter=st.sampled_from(("mint-1", "mint-2", "other")), amount=amounts, signatures=signers)
    def configure_minter(self, minter: str, amount: int, signatures: tuple[str, ...]) -> None:
        reason = self.issuer.configure_minter(minter, amount, signatures)
        signed = "issuer" in signatures and self.model.state in (ACTIVE, SUSPENDED, GATED)
        if self.agree(reason, signed and amount > 0):
            self.model.allowances[minter] = amount

    @rule(minter=st.sampled_from(("mint-1", "mint-2", "other")), signatures=signers)
    def remove_minter(self, minter: str, signatures: tuple[str, ...]) -> None:
        reason = self.issuer.remove_minter(minter, signatures)
        if self.agree(reason, minter in self.model.allowances and "issuer" in signatures):
            del self.model.allowances[minter]

    @rule(source=wallets, receiver=wallets, amount=amounts)
    def transfer(self, source: WalletId, receiver: WalletId, amount: int) -> None:
        model = self.model
        foreseen = self.issuer.transfer_refusal(source, receiver, amount, self.now)
        reason = self.issuer.transfer(source, receiver, amount, self.now)
        assert foreseen is reason
        free = model.state is not PAUSED and source not in model.out and receiver not in model.into
        free = free and (model.state is not WIND_DOWN or source == VENUE)
        if self.agree(reason, free and source != receiver and 0 < amount <= model.balances[source]):
            model.balances[source] -= amount
            model.balances[receiver] += amount

    # --- redemption ---------------------------------------------------------------------------------

    @rule(wallet=wallets, amount=amounts)
    def request(self, wallet: WalletId, amount: int) -> None:
        model, fee = self.model, self.terms.redemption.fee_fixed
        ticket = self.issuer.request(wallet, amount, self.now)
        open_for = model.state not in (PAUSED, WIND_DOWN) and wallet not in model.out
        if self.agree(ticket, open_for and max(5, fee + 1) <= amount <= model.balances[wallet]):
            assert isinstance(ticket, Ticket)
            model.balances[wallet] -= amount
            model.balances[DESK] += amount
            model.tickets[ticket.ticket_id] = Asked(wallet, amount, fee)

    @rule(number=st.integers(1, 6))
    def cancel(self, number: int) -> None:
        model = self.model
        reason = self.issuer.cancel_refusal(number)
        asked = model.tickets.get(number)
        allowed = asked is not None and asked.wallet not in model.into
        if self.agree(reason, allowed and model.state not in (PAUSED, WIND_DOWN)) and asked is not None:
            assert self.issuer.cancel(number, self.now) == asked.open
            model.balances[DESK] -= asked.open
            model.balances[asked.wallet] += asked.open
            del model.tickets[number]

    @rule(forced=st.booleans())
    def process(self, forced: bool) -> None:
        """The model pays first come, or lets the issuer share and holds it to within one unit."""
        issuer, model = self.issuer, self.model
        rule_of_queue = issuer.payout_rule()
        assert (rule_of_queue is not None) == (model.state in (ACTIVE, SUSPENDED))
        if rule_of_queue is None:
            return
        waiting = {n: asked for n, asked in model.tickets.items() if asked.wallet not in model.out}
        whole = sum(asked.open for asked in waiting.values())
        if forced:
            sales = issuer.sell_at_once(whole - issuer.reserves.liquid, self.now)
            model.went += sum(sale.amount - sale.proceeds for sale in sales)
        cash = left = min(issuer.reserves.liquid, whole)
        expected = {}
        for number, asked in waiting.items():
            expected[number] = min(left, asked.open)
            left -= expected[number]
        got = dict.fromkeys(waiting, 0)
        for ticket, amount in issuer.plan_payout(self.now, rule_of_queue):
            payment = issuer.pay(ticket, amount, self.now)
            got[ticket.ticket_id] += amount
            asked = model.tickets[ticket.ticket_id]
            assert payment.fee == min(asked.fee, amount)
            asked.fee -= payment.fee
            model.went += amount - payment.fee
            self.burn(ticket.ticket_id, amount)
        if rule_of_queue is QueueRule.FIFO:
            assert got == expected
        else:
            assert sum(got.values()) == cash
            assert all(abs(got[n] * whole - cash * self.was(n, got)) <= whole for n in got)
        issuer.tell_shortfall()

    def burn(self, number: int, amount: int) -> None:
        asked = self.model.tickets[number]
        asked.open -= amount
        self.model.balances[DESK] -= amount
        if not asked.open:
            del self.model.tickets[number]

    def was(self, number: int, got: dict[int, int]) -> int:
        """What was open on a ticket before the round."""
        asked = self.model.tickets.get(number)
        return got[number] + (asked.open if asked is not None else 0)

    @rule()
    def pay_holders(self) -> None:
        """In a wind-down nobody is paid twice, nobody beyond what is there, and all alike but for the frozen."""
        issuer, model = self.issuer, self.model
        if model.state is not WIND_DOWN:
            return
        cash = issuer.reserves.liquid
        payments = issuer.pay_holders(self.now)
        assert sum(payment.roubles for payment in payments) <= cash
        for payment in payments:
            assert payment.wallet_id not in model.out and payment.wallet_id != VENUE
            assert payment.fee == 0
            model.went += payment.roubles
            if payment.ticket_id:
                self.burn(payment.ticket_id, payment.burned)
            else:
                model.balances[payment.wallet_id] -= payment.burned
        for asked in model.tickets.values():
            asked.fee = 0
        issuer.tell_shortfall()
        assert issuer.pay_holders(self.now) == []

    # --- reserves and interest ----------------------------------------------------------------------

    @rule(
        bank=st.sampled_from(("cash", "bills", "nobody")),
        status=st.sampled_from(ReserveStatus),
        share=st.sampled_from((0, 1_000, 10_000, 10_001)),
    )
    def report(self, bank: str, status: ReserveStatus, share: int) -> None:
        model, before = self.model, self.issuer.reserves.book
        changes = self.issuer.report_reserves(bank, status, share, self.now)
        fresh = bank in model.status and model.status[bank] not in (LOST, status)
        if self.agree(changes, fresh and 0 < share <= 10_000):
            if status is not LOST or share == 10_000:
                model.status[bank] = status
            model.went += before - self.issuer.reserves.book
            assert isinstance(changes, list)
            assert before - self.issuer.reserves.book == sum(change.lost for change in changes)

    @rule(income=amounts)
    def distribute(self, income: int) -> None:
        """Each wallet that may receive gets its coins by the issuer's reckoning; the sums are the model's."""
        issuer, model = self.issuer, self.model
        takers = set(model.status.values()) != {LOST}
        set_aside = issuer.interest.owed
        part = issuer.distribute(income, self.now)
        if self.agree(part, income > 0 and takers and model.state in (ACTIVE, SUSPENDED, GATED)):
            holders = any(model.balances[wallet] for wallet in WALLETS)
            assert part == (income // 2 if holders else 0)
            model.came += income
            assert issuer.interest.owed == set_aside + part

    @rule(wallet=wallets)
    def collect_interest(self, wallet: WalletId) -> None:
        issuer, model = self.issuer, self.model
        due = issuer.interest.due(wallet)
        amount = issuer.collect_interest(wallet, self.now)
        assert amount == (0 if wallet in model.into or model.state is PAUSED else due)
        model.balances[wallet] += amount
        issuer.tell_shortfall()

    # --- keys ---------------------------------------------------------------------------------------

    @rule(wallet=wallets, signatures=signers, out=st.booleans(), into=st.booleans())
    def freeze(self, wallet: WalletId, signatures: tuple[str, ...], out: bool, into: bool) -> None:
        model = self.model
        reason = self.issuer.freeze(wallet, "order", signatures, self.now, out=out, into=into)
        into = into and self.terms.freeze_stops_receiving
        adds = (out and wallet not in model.out) or (into and wallet not in model.into)
        if self.agree(reason, adds and model.frozen(wallet, signatures)):
            if out:
                model.out.add(wallet)
            if into:
                model.into.add(wallet)

    @rule(wallet=wallets, signatures=signers)
    def unfreeze(self, wallet: WalletId, signatures: tuple[str, ...]) -> None:
        model = self.model
        reason = self.issuer.unfreeze(wallet, "order", signatures, self.now)
        if self.agree(reason, wallet in model.out | model.into and model.frozen(wallet, signatures)):
            model.out.discard(wallet)
            model.into.discard(wallet)

    @rule(wallet=wallets, order=orders, signatures=signers, anew=st.none() | wallets)
    def wipe(self, wallet: WalletId, order: str, signatures: tuple[str, ...], anew: WalletId | None) -> None:
        model, rule_of_terms = self.model, self.terms.reissue
        foreseen = self.issuer.wipe_refusal(wallet, signatures, anew)
        reason = self.issuer.wipe(wallet, order, signatures, self.now, anew)
        assert foreseen is reason
        held = model.balances[wallet]
        allowed = (
            wallet in model.out and held > 0 and model.covers(wallet, "issuer" in signatures, signatures)
        )
        if anew is None:
            allowed = allowed and rule_of_terms is not ReissueRule.MANDATORY
        else:
            allowed = allowed and rule_of_terms is not ReissueRule.NEVER
            allowed = allowed and anew not in model.into and anew != wallet
        if self.agree(reason, allowed):
            model.balances[wallet] = 0
            model.wiped.setdefault(order, 0)
            if anew is None:
                model.wiped[order] += held
            else:
                model.balances[anew] += held

    @rule(wallet=wallets, amount=amounts, order=orders, signatures=signers)
    def reissue(self, wallet: WalletId, amount: int, order: str, signatures: tuple[str, ...]) -> None:
        model = self.model
        reason = self.issuer.reissue(wallet, amount, order, signatures, self.now)
        allowed = self.terms.reissue is not ReissueRule.NEVER and wallet not in model.into
        allowed = allowed and model.covers(wallet, "issuer" in signatures, signatures)
        if self.agree(reason, allowed and 0 < amount <= model.wiped.get(order, 0)):
            model.wiped[order] -= amount
            model.balances[wallet] += amount

    @rule(signatures=signers)
    def pause(self, signatures: tuple[str, ...]) -> None:
        model = self.model
        pausable = model.state not in (PAUSED, WIND_DOWN)
        if self.agree(self.issuer.pause(signatures), pausable and "issuer" in signatures):
            model.before_pause, model.state = model.state, PAUSED

    @rule(signatures=signers)
    def unpause(self, signatures: tuple[str, ...]) -> None:
        model = self.model
        if self.agree(self.issuer.unpause(signatures), model.state is PAUSED and "issuer" in signatures):
            model.state = model.before_pause

    @rule(state=st.sampled_from(IssuerState), signatures=signers, rarely=st.integers(0, 5))
    def change_state(self, state: IssuerState, signatures: tuple[str, ...], rarely: int) -> None:
        if state in (DEFAULT, WIND_DOWN) and rarely:
            return  # there is no way back from these
        allowed = state in CHANGES[self.model.state] and "issuer" in signatures
        if self.agree(self.issuer.change_state(state, signatures), allowed):
            self.model.state = state

    # --- what must hold -----------------------------------------------------------------------------

    @invariant()
    def the_issuer_is_as_the_model_says(self) -> None:
        issuer, model = self.issuer, self.model
        assert {wallet: issuer.balance(wallet) for wallet in (*WALLETS, DESK)} == model.balances
        assert {wallet for wallet in WALLETS if issuer.is_frozen_out(wallet)} == model.out
        assert {wallet for wallet in WALLETS if issuer.is_frozen_in(wallet)} == model.into
        for minter in ("mint-1", "mint-2", "other"):
            assert issuer.allowance(minter) == model.allowances.get(minter, 0)
        assert issuer.state is model.state
        assert {t.ticket_id: t.open for t in issuer.redemptions.waiting()} == {
            number: asked.open for number, asked in model.tickets.items()
        }

    @invariant()
    def supply_reserves_and_freezes_hold(self) -> None:
        """I-42 to I-45 and I-47: by the issuer's own audit and by the model's figures."""
        issuer, model = self.issuer, self.model
        assert issuer.audit() == []
        assert issuer.supply == sum(model.balances.values())
        assert issuer.reserves.book == model.came - model.went
        assert issuer.reserves.liquid <= issuer.reserves.accessible <= issuer.reserves.book
        assert issuer.told_shortfall == max(0, issuer.supply - issuer.reserves.book)


TestIssuerMachine = IssuerMachine.TestCase
TestIssuerMachine.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
