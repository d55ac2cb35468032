"""A coin's issuer: the state it is in, and what those do who hold its keys."""

from collections.abc import Iterator

from exchange.cash import hours
from exchange.cash.coin_books import WIPED, Arrives, CoinBooks, Payment, anywhere
from exchange.cash.issuer_states import CHANGES, PAUSABLE, IssuerState, Operation
from exchange.cash.keeper import ParRedemption
from exchange.cash.keys import fault_in_role
from exchange.cash.terms import CoinTerms, ReissueRule, Role, RoleName
from exchange.cash.winding_down import WindingDown
from exchange.reasons import CashRefusal, first_refusal
from exchange.units import Money, Time, WalletId


class Issuer(CoinBooks):
    freeze_authority = "the issuer, by its own signatures"
    credit_risk = "the issuer and whoever keeps its reserves"

    def __init__(self, terms: CoinTerms) -> None:
        super().__init__(terms)
        self.winding_down = WindingDown()
        self._wiped: Money = 0
        self._reissued: Money = 0
        self._to_reissue: dict[str, Money] = {}  # by the order that it was wiped under
        self._at_pause: dict[WalletId, Money] | None = None  # balances, while paused
        self._before_pause = IssuerState.ACTIVE

    @property
    def paused(self) -> bool:
        return self.state is IssuerState.PAUSED

    def par_redemption(self, amount: Money, now: Time) -> ParRedemption:
        """As far as there is money at once beyond what others wait for."""
        refused = self.refused_in_state(Operation.REQUEST) or self.refused_in_state(Operation.PAYOUT)
        if refused is not None:
            return ParRedemption(None, 0, refused)
        at, free = self.redemptions.payable_from(now), self.reserves.liquid - self.redemptions.backlog
        if amount > free:
            return ParRedemption(at, max(0, free), CashRefusal.INSUFFICIENT_RESERVES)
        return ParRedemption(at, amount, None if at == now else CashRefusal.CLOSED)

    def shut(self, now: Time) -> bool:
        """By the state it is in, or outside the hours in which it redeems."""
        stopped = self.refused_in_state(Operation.REQUEST) or self.refused_in_state(Operation.PAYOUT)
        return stopped is not None or not hours.is_open(self.terms.redemption.hours, now)

    def backlog(self) -> Money:
        return self.redemptions.backlog

    def allowance(self, minter: str) -> Money:
        """What the minter may still mint. Minting uses it up; burning does not give it back."""
        return self.minting.allowance(minter)

    # --- states -------------------------------------------------------------------------------------

    def pause_refusal(self, signatures: tuple[str, ...]) -> CashRefusal | None:
        return first_refusal(
            (self.paused, CashRefusal.ISSUER_PAUSED),
            (self.state not in PAUSABLE, CashRefusal.STATE_NOT_REACHABLE),
            (not self.keys.is_signed(signatures, RoleName.PAUSER), CashRefusal.SIGNATURES_MISSING),
        )

    def pause(self, signatures: tuple[str, ...]) -> CashRefusal | None:
        """Stop minting, transfers and redemption. Keys still work: freeze, unfreeze, wipe."""
        reason = self.pause_refusal(signatures)
        if reason is None:
            self._at_pause = self.balances()
            self._before_pause, self.state = self.state, IssuerState.PAUSED
        return reason

    def unpause(self, signatures: tuple[str, ...]) -> CashRefusal | None:
        """Back to the state in which the pause began."""
        reason = first_refusal(
            (not self.keys.is_signed(signatures, RoleName.PAUSER), CashRefusal.SIGNATURES_MISSING),
            (not self.paused, CashRefusal.NOT_PAUSED),
        )
        if reason is None:
            self._at_pause, self.state = None, self._before_pause
        return reason

    def change_state(self, state: IssuerState, signatures: tuple[str, ...]) -> CashRefusal | None:
        """Any change but a pause and its end."""
        role = CHANGES.get((self.state, state))
        if role is None:
            return CashRefusal.STATE_NOT_REACHABLE
        if not self.keys.is_signed(signatures, role):
            return CashRefusal.SIGNATURES_MISSING
        self._at_pause, self.state = None, state
        return None

    # --- minters and roles --------------------------------------------------------------------------

    def configure_minter(
        self, minter: str, allowance: Money, signatures: tuple[str, ...]
    ) -> CashRefusal | None:
        """Give a minter, new or not, an allowance in place of what it had left."""
        reason = first_refusal((allowance <= 0, CashRefusal.AMOUNT_NOT_POSITIVE)) or (
            self.refused_in_state(Operation.CONFIGURE_MINTER)
            or first_refusal(
                (
                    not self.keys.is_signed(signatures, RoleName.MASTER_MINTER),
                    CashRefusal.SIGNATURES_MISSING,
                )
            )
        )
        if reason is None:
            self.minting.configure(minter, allowance)
        return reason

    def remove_minter(self, minter: str, signatures: tuple[str, ...]) -> CashRefusal | None:
        """Also while paused: that is when it is needed."""
        reason = first_refusal(
            (not self.minting.is_minter(minter), CashRefusal.NOT_A_MINTER),
            (not self.keys.is_signed(signatures, RoleName.MASTER_MINTER), CashRefusal.SIGNATURES_MISSING),
        )
        if reason is None:
            self.minting.remove(minter)
        return reason

    def change_role(self, role: Role, signatures: tuple[str, ...]) -> CashRefusal | None:
        """Also while paused."""
        reason = first_refusal(
            (fault_in_role(role) is not None, CashRefusal.ROLE_IMPOSSIBLE),
            (not self.keys.is_signed(signatures, RoleName.ADMIN), CashRefusal.SIGNATURES_MISSING),
            (self.keys.role(role.name) == role, CashRefusal.NOTHING_CHANGES),
        )
        if reason is None:
            self.keys.change(role)
        return reason

    # --- freeze, wipe, reissue ----------------------------------------------------------------------

    def freeze(
        self, wallet_id: WalletId, order_ref: str, signatures: tuple[str, ...], now: Time, *,
        out: bool = True, into: bool = True,
    ) -> CashRefusal | None:  # fmt: skip
        """On terms under which a frozen wallet can still receive, a freeze stops only what it sends. The issuer's own
        wallet is never frozen: others wait for what is in it.
        """
        if wallet_id == self.terms.issuer_wallet:
            return CashRefusal.WALLET_OF_THE_ISSUER
        into = into and self.terms.freeze_stops_receiving
        return super().freeze(wallet_id, order_ref, signatures, now, out=out, into=into)

    def wipe_refusal(
        self, wallet_id: WalletId, signatures: tuple[str, ...], reissue_to: WalletId | None = None
    ) -> CashRefusal | None:
        """`reissue_to` is where the same amount is issued at once; a mandatory reissue cannot do without."""
        rule = self.terms.reissue
        into_frozen = reissue_to is not None and self.is_frozen_in(reissue_to)
        return first_refusal(
            (wallet_id not in self._wallets, CashRefusal.UNKNOWN_WALLET),
            (self.terms.issuer_wallet in (wallet_id, reissue_to), CashRefusal.WALLET_OF_THE_ISSUER),
            (wallet_id == reissue_to, CashRefusal.SAME_WALLET),
            (not self.terms.wipe_allowed, CashRefusal.WIPE_NOT_ALLOWED),
            (reissue_to is None and rule is ReissueRule.MANDATORY, CashRefusal.REISSUE_MISSING),
            (reissue_to is not None and rule is ReissueRule.NEVER, CashRefusal.REISSUE_NOT_ALLOWED),
            (not self._is_signed(wallet_id, signatures, RoleName.WIPER), CashRefusal.SIGNATURES_MISSING),
            (into_frozen, CashRefusal.WALLET_FROZEN),
            (not self.is_frozen_out(wallet_id), CashRefusal.NOT_FROZEN),
            (self.balance(wallet_id) == 0, CashRefusal.INSUFFICIENT_FUNDS),
        )

    def wipe(
        self, wallet_id: WalletId, order_ref: str, signatures: tuple[str, ...], now: Time,
        reissue_to: WalletId | None = None,
    ) -> CashRefusal | None:  # fmt: skip
        """Destroy all that a wallet holds which may not send. It stays frozen. Also while paused."""
        reason = self.wipe_refusal(wallet_id, signatures, reissue_to)
        if reason is None:
            amount, freeze = self.balance(wallet_id), self._freezes[wallet_id]
            account = self._wallets[wallet_id]
            self._ledger.unfreeze(account, order_ref=order_ref, now=now)
            self._move(account, WIPED, amount, now, "wipe")
            self._ledger.freeze(account, out=freeze.out, into=freeze.into, order_ref=order_ref, now=now)
            self._freezes[wallet_id] = freeze._replace(balance=0)
            self._wiped += amount
            self._to_reissue[order_ref] = self._to_reissue.get(order_ref, 0) + amount
            self._change_supply(wallet_id, -amount)
            if reissue_to is not None:
                self._reissue(order_ref, reissue_to, amount, now)
        return reason

    def reissue(
        self, wallet_id: WalletId, amount: Money, wipe_ref: str, signatures: tuple[str, ...], now: Time
    ) -> CashRefusal | None:
        """Issue anew, of what was wiped under that order, to another wallet. Also while paused."""
        reason = first_refusal(
            (wallet_id == self.terms.issuer_wallet, CashRefusal.WALLET_OF_THE_ISSUER),
            (amount <= 0, CashRefusal.AMOUNT_NOT_POSITIVE),
            (self.terms.reissue is ReissueRule.NEVER, CashRefusal.REISSUE_NOT_ALLOWED),
            (wipe_ref not in self._to_reissue, CashRefusal.UNKNOWN_WIPE),
            (amount > self._to_reissue.get(wipe_ref, 0), CashRefusal.AMOUNT_ABOVE_WIPED),
            (not self._is_signed(wallet_id, signatures, RoleName.WIPER), CashRefusal.SIGNATURES_MISSING),
            (self.is_frozen_in(wallet_id), CashRefusal.WALLET_FROZEN),
        )
        if reason is None:
            self._reissue(wipe_ref, wallet_id, amount, now)
        return reason

    def _reissue(self, wipe_ref: str, wallet_id: WalletId, amount: Money, now: Time) -> None:
        self._move(WIPED, self._open(wallet_id), amount, now, "reissue")
        self._to_reissue[wipe_ref] -= amount
        self._reissued += amount
        self._change_supply(wallet_id, amount)

    def _change_supply(self, wallet_id: WalletId, amount: Money) -> None:
        self.supply += amount
        if self._at_pause is not None:
            self._at_pause[wallet_id] = self._at_pause.get(wallet_id, 0) + amount

    def write_off(self, wallet_id: WalletId, amount: Money, now: Time) -> CashRefusal | None:
        """In its default the issuer writes coins down to what backs them: as many are no more."""
        reason = super().write_off(wallet_id, amount, now)
        if reason is None:
            self._change_supply(wallet_id, -amount)
        return reason

    # --- winding down -------------------------------------------------------------------------------

    def pay_holders(self, now: Time, arrives: Arrives = anywhere) -> list[Payment]:
        """Pay every holder its part of what is money at once, without being asked and without a fee.

        A wallet that is frozen, here or where the roubles go, keeps its coins, and its part stays in the reserves
        until it can be paid. So do the wallets of the venue, whose coins are its participants': they take them out,
        and are paid then.
        """
        held = {w: amount for w, amount in self.balances().items() if w != self.terms.issuer_wallet}
        for ticket in self.redemptions.waiting():
            ticket.fee_due = 0
            held[ticket.wallet_id] = held.get(ticket.wallet_id, 0) + ticket.open
        payments: list[Payment] = []
        for wallet_id, due in self.winding_down.dues(self.reserves.liquid, held).items():
            kept = self.is_frozen_out(wallet_id) or wallet_id in self._of_the_venue
            if not kept and arrives(wallet_id):
                payments += self._pay_holder(wallet_id, due, now)
                self.winding_down.paid(wallet_id, due)
        return payments

    def _pay_holder(self, wallet_id: WalletId, due: Money, now: Time) -> Iterator[Payment]:
        """For what it has asked to be redeemed first, then for what it holds."""
        for ticket in [t for t in self.redemptions.waiting() if t.wallet_id == wallet_id]:
            part = min(due, ticket.open)
            if part:
                due -= part
                yield self.pay(ticket, part, now)
        if due:
            yield self._pay_out(wallet_id, Payment(0, wallet_id, due, 0, due), now)

    # --- invariants ---------------------------------------------------------------------------------

    def audit(self) -> list[str]:
        """Each violated invariant (I-42 to I-45, I-47) as a sentence; empty if all is well."""
        return [*super().audit(), *self._supply_faults(), *self._book_faults(), *self._pause_faults()]

    def _supply_faults(self) -> Iterator[str]:
        held = sum(self.balances().values())
        if held != self.supply:
            yield f"I-42: wallets hold {held} of a supply of {self.supply}"
        came = self._founded + self.minting.minted + self._reissued + self._paid_interest
        left = came - self._redeemed - self._wiped - self._written_off
        if left != self.supply:
            yield f"I-42: mints less redemptions, wipes and write-downs leave {left}, not {self.supply}"
        owed = sum(self._to_reissue.values())
        if min(self._to_reissue.values(), default=0) < 0 or owed != self._ledger.posted(WIPED):
            yield f"I-42: {owed} may be issued anew, {self._ledger.posted(WIPED)} of wiped coins on the books"

    def _pause_faults(self) -> Iterator[str]:
        if self._at_pause is not None:
            for wallet_id in self._wallets:
                if self.balance(wallet_id) != self._at_pause.get(wallet_id, 0):
                    yield f"I-44: wallet {wallet_id} moved while the issuer was paused"
