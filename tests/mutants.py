"""Planted bugs, each of which some test must catch: a developer command.

    python -m tests.mutants                 plant every one in turn; a minute or two
    python -m tests.mutants --only NAME     one, or several
    python -m tests.mutants --list          what there is

The tree is copied, and never changed itself. First the named tests must pass there as they are; then a bug is
planted, its tests run until the first that fails, and the text is put back. 1 if a bug survives; 2 if it cannot
be planted, or if its tests fail without it or cannot be run with it.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
COPIED = ("matching", "exchange", "participants", "scenarios", "tests", "docs", "pyproject.toml", "README.md")
LONGEST_S = 600  # that the tests of one bug may take
PASSED, FAILED = 0, 1  # as pytest exits


class Mutant(NamedTuple):
    """One bug: `old` stands exactly once in `file`, and becomes `new`; one of the `tests` is to fail."""

    name: str
    kind: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


LOCKSTEP, TEST_LOCKSTEP = "exchange/gateway/lockstep.py", "tests/gateway/test_lockstep.py"
LEDGER, FULL = "exchange/clearing/ledger.py", "exchange/clearing/full.py"
MARGIN, SCENARIOS = "exchange/clearing/margin_accounts.py", "exchange/clearing/scenario_margin.py"
VARIATION, WATERFALL = "exchange/clearing/variation.py", "exchange/clearing/waterfall.py"
TEST_LEDGER, TEST_FULL = "tests/exchange/test_ledger.py", "tests/exchange/test_full.py"
TEST_MARGIN, TEST_SCENARIOS = "tests/exchange/test_margin_rows.py", "tests/exchange/test_scenario_margin.py"
TEST_TWICE = "tests/stories/test_the_same_thing_twice.py"
TEST_VARIATION, TEST_WATERFALL = "tests/exchange/test_variation.py", "tests/exchange/test_waterfall.py"

CLIENT, LIVE_BOOK, FEED = "participants/connection.py", "participants/live_book.py", "participants/feed.py"
TEST_CLIENT, TEST_LINE = "tests/gateway/test_client_faults.py", "tests/gateway/test_over_socket.py"

MUTANTS = (
    # --- the client ---
    Mutant(
        "an-order-is-sent-twice",
        "retry of what is not a question",
        CLIENT,
        "if lost.name != LOST or not _merely_asks(method) or left <= 0",
        "if lost.name != LOST or left <= 0",
        (TEST_CLIENT,),
    ),
    Mutant(
        "a-checksum-is-not-looked-at",
        "unchecked feed",
        LIVE_BOOK,
        'if told is not None and f"{self._checksum & MASK:016x}" != told:',
        "if told is None:",
        (TEST_CLIENT,),
    ),
    Mutant(
        "a-lost-connection-leaves-no-trace",
        "gap in silence",
        FEED,
        "        self._missed.update(self.channels)\n",
        "        self._missed.clear()\n",
        (TEST_CLIENT,),
    ),
    Mutant(
        "everybody-hears-of-everybody",
        "leak of private events",
        "exchange/gateway/channels.py",
        "return not isinstance(event, BookChanged) and audience(event) in (None, self._who)",
        "return not isinstance(event, BookChanged)",
        (TEST_LINE,),
    ),
    Mutant(
        "news-keep-the-venues-numbers",
        "wrong name for an order",
        "participants/over_socket.py",
        "self._own_numbers[OrderId(order.number)] = command.client_order_id",
        "self._own_numbers[OrderId(order.number)] = order.number",
        (TEST_LINE,),
    ),
    # --- ledger ---
    Mutant(
        "a-rolled-back-hold-stays",
        "rollback leak",
        LEDGER,
        "        self._move(transfer, debtor, creditor, record.amount, -1)\n",
        "        if transfer.mode is not _PENDING:\n"
        "            self._move(transfer, debtor, creditor, record.amount, -1)\n",
        (TEST_LEDGER,),
    ),
    Mutant(
        "an-expiry-is-not-written-down",
        "unjournaled expiry",
        LEDGER,
        "                self._apply(expiry, debtor, creditor, amount, self._next_time(due))\n",
        "                self._resolved[pending_id] = Committed(time=due, transfer=expiry, amount=amount)\n"
        "                self._move(expiry, debtor, creditor, amount, 1)\n",
        (TEST_LEDGER,),
    ),
    Mutant(
        "a-transfer-passes-a-freeze",
        "ignored freeze",
        LEDGER,
        "    if debtor.frozen_out_at < entered:\n",
        "    if debtor.frozen_out_at < 0:\n",
        (TEST_LEDGER,),
    ),
    Mutant(
        "a-plain-move-passes-a-freeze",
        "ignored freeze",
        LEDGER,
        "                or debtor.frozen_out_at < time\n",
        "",
        ("tests/exchange/test_ledger_moves.py",),
    ),
    Mutant(
        "a-burned-id-is-forgotten",
        "burned id forgotten",
        LEDGER,
        "                    self._burned.add(transfer.id)\n",
        "                    self._burned.discard(transfer.id)\n",
        (TEST_LEDGER,),
    ),
    Mutant(
        "what-is-pending-can-be-spent-again",
        "double spending",
        LEDGER,
        "            return self.debits_posted - self.credits_posted - self.credits_pending\n"
        "        return self.credits_posted - self.debits_posted - self.debits_pending\n",
        "            return self.debits_posted - self.credits_posted - self.credits_pending\n"
        "        return self.credits_posted - self.debits_posted\n",
        (TEST_LEDGER,),
    ),
    # --- full cover ---
    Mutant(
        "strikes-are-no-nodes",
        "wrong node set",
        FULL,
        "        self.nodes = tuple(sorted({*self.nodes, *instrument.kinks}))\n",
        "        self.nodes = tuple(sorted(self.nodes))\n",
        (TEST_FULL,),
    ),
    Mutant(
        "an-order-that-gains-pays-for-others",
        "loose hold",
        FULL,
        "            return [paid - payoff if paid > payoff else 0 for payoff in payoffs]\n",
        "            return [paid - payoff for payoff in payoffs]\n",
        (TEST_FULL,),
    ),
    Mutant(
        "the-settlement-price-leaves-the-collar",
        "no clamp",
        "exchange/clearing/house.py",
        "    price = fixing.final = min(max(unclamped, terms.floor), terms.cap)\n",
        "    price = fixing.final = unclamped\n",
        ("tests/stories/test_the_price_gaps_through_the_collar.py",),
    ),
    Mutant(
        "an-exposure-limit-does-not-bind",
        "ignored limit",
        "exchange/rules/cover.py",
        "    if seat.limit is not None and after > seat.limit:\n",
        "    if seat.limit is not None and after > 2 * seat.limit:\n",
        ("tests/exchange/test_trading.py", "tests/stories/test_a_limit_is_lowered_below_use.py"),
    ),
    Mutant(
        "what-must-be-covered-is-rounded-down",
        "floor for ceil",
        "exchange/clearing/rounding.py",
        "    return -(-numerator // denominator)\n",
        "    return numerator // denominator\n",
        ("tests/exchange/test_rounding.py",),
    ),
    # --- margin ---
    Mutant(
        "an-order-that-gains-lowers-margin",
        "order losses not positive-part",
        SCENARIOS,
        "        return [lost_at_once + loss if lost_at_once + loss > 0 else 0 for loss in array]\n",
        "        return [lost_at_once + loss for loss in array]\n",
        (TEST_SCENARIOS,),
    ),
    Mutant(
        "a-stale-index-moves-a-mark",
        "stale price lowers a requirement",
        "exchange/clearing/house.py",
        "        series.mark = series.future_mark.observe(published.value if sound else None, bids, asks)\n",
        "        series.mark = series.future_mark.observe(published.value, bids, asks)\n",
        (TEST_MARGIN,),
    ),
    Mutant(
        "a-stale-index-values-accounts",
        "stale price lowers a requirement",
        "exchange/margining.py",
        "        if latest is not None and latest.status is not IndexStatus.STALE and portfolio.instruments:\n",
        "        if latest is not None and portfolio.instruments:\n",
        (TEST_MARGIN,),
    ),
    Mutant(
        "maintenance-margin-is-rounded-down",
        "maintenance margin floor instead of ceil",
        SCENARIOS,
        "    return divide_up(initial * terms.mm_ratio_bp, ONE_IN_BP)\n",
        "    return initial * terms.mm_ratio_bp // ONE_IN_BP\n",
        (TEST_SCENARIOS,),
    ),
    Mutant(
        "the-worst-cell-is-left-out",
        "wrong cell set",
        SCENARIOS,
        "        return [losses.index(min(losses)), losses.index(max(losses))]\n",
        "        return [losses.index(min(losses)), len(losses) // 2]\n",
        (TEST_MARGIN,),
    ),
    Mutant(
        "equity-is-not-asked-for",
        "ignored limit",
        MARGIN,
        "        if more > 0 and self.margin.excess < more + reserve - self.fee_reserve:\n",
        "        if more > 0 and self.margin.excess < 0:\n",
        (TEST_MARGIN,),
    ),
    Mutant(
        "a-closing-trade-takes-the-whole-cost-along",
        "wrong average price",
        MARGIN,
        "            left -= cost * closed // abs(held)\n",
        "            left -= cost\n",
        (TEST_VARIATION,),
    ),
    # --- variation ---
    Mutant(
        "gains-are-paid-before-losses-are-collected",
        "pays before collecting",
        VARIATION,
        "            moves.append((transit, due.account.holder.cash_account, part))\n",
        "            moves.insert(0, (transit, due.account.holder.cash_account, part))\n",
        (TEST_VARIATION,),
    ),
    Mutant(
        "everybody-is-paid-in-full",
        "pays more than was collected",
        VARIATION,
        "    distributed = min(wanted, collected + bridged)\n",
        "    distributed = wanted\n",
        (TEST_VARIATION,),
    ),
    Mutant(
        "a-payer-gives-its-maintenance-margin",
        "wrong source",
        VARIATION,
        "        (margin.collateral, ledger.posted(margin.collateral) - kept),\n",
        "        (margin.collateral, ledger.posted(margin.collateral)),\n",
        (TEST_VARIATION,),
    ),
    # --- waterfall ---
    Mutant(
        "survivors-pay-before-the-house",
        "layer order swapped",
        WATERFALL,
        "        Layer.SKIN_IN_THE_GAME,\n        Layer.SURVIVORS_FUND,\n",
        "        Layer.SURVIVORS_FUND,\n        Layer.SKIN_IN_THE_GAME,\n",
        (TEST_WATERFALL,),
    ),
    Mutant(
        "assessments-have-no-cap",
        "assessment cap ignored",
        WATERFALL,
        "        stakes.append(_Stake(who, weight, max(weight // 10_000 - one.assessed, 0)))\n",
        "        stakes.append(_Stake(who, weight, weight // 10_000))\n",
        (TEST_WATERFALL,),
    ),
    Mutant(
        "what-nobody-pays-is-lost-from-sight",
        "residual dropped",
        WATERFALL,
        "    return LossAllocation(tuple(uses), left, tears_up)\n",
        "    return LossAllocation(tuple(uses), 0, tears_up)\n",
        (TEST_WATERFALL,),
    ),
    # --- liquidation ---
    Mutant(
        "one-lot-too-few-is-closed",
        "floor for ceil",
        "exchange/clearing/liquidation.py",
        "    needed = divide_up(shortfall, freed_per_lot - cost)\n",
        "    needed = shortfall // (freed_per_lot - cost)\n",
        ("tests/exchange/test_liquidation.py",),
    ),
    Mutant(
        "a-step-closes-all-at-once",
        "ignored step",
        "exchange/clearing/liquidation.py",
        "    return min(needed, max(lots * terms.step_share_bp // 10_000, 1))\n",
        "    return needed\n",
        ("tests/exchange/test_liquidation.py",),
    ),
    # --- settlement and netting ---
    Mutant(
        "what-comes-in-gross-can-be-paid-on",
        "wrong netting",
        "exchange/clearing/netting.py",
        "    if flow.asset_id not in gross:\n",
        "    if flow.asset_id or gross:\n",
        ("tests/exchange/test_netting.py",),
    ),
    Mutant(
        "the-highest-priority-is-taken-out-first",
        "wrong netting",
        "exchange/clearing/netting.py",
        "        for flow in left.pop(paying[-1]).flows:\n",
        "        for flow in left.pop(paying[0]).flows:\n",
        ("tests/exchange/test_netting.py",),
    ),
    Mutant(
        "a-penalty-is-rounded-down",
        "floor for ceil",
        "exchange/clearing/settlement.py",
        "    return divide_up(value * penalty_bp, 10_000)\n",
        "    return value * penalty_bp // 10_000\n",
        ("tests/exchange/test_settlement.py",),
    ),
    Mutant(
        "a-late-party-is-charged-for-the-same-days-again",
        "double charge",
        "exchange/clearing/settlement.py",
        "            instruction.penalised_days += days\n",
        "            instruction.penalised_days += 0\n",
        ("tests/exchange/test_settlement.py", "tests/stories/test_a_seller_fails_to_deliver.py"),
    ),
    # --- units ---
    Mutant(
        "a-buyer-gets-a-unit-too-few",
        "lost units",
        "exchange/clearing/spot.py",
        "            (of.selling.hold_account, to.selling.source, units),\n",
        "            (of.selling.hold_account, to.selling.source, units - 1),\n",
        ("tests/exchange/test_spot.py",),
    ),
    Mutant(
        "a-seller-keeps-its-cost-at-risk",
        "wrong average price",
        "exchange/clearing/spot.py",
        "        went = self.cost * units // held\n",
        "        went = 0 * units // held\n",
        ("tests/exchange/test_spot.py",),
    ),
    Mutant(
        "an-issuer-pays-a-coupon-rounded-down",
        "floor for ceil",
        "exchange/clearing/notes.py",
        "    return received, divide_up(sum(holdings.values()) * nominal * rate_bp, 10_000)\n",
        "    return received, sum(holdings.values()) * nominal * rate_bp // 10_000\n",
        ("tests/exchange/test_notes.py",),
    ),
    Mutant(
        "what-an-issuer-did-not-pay-is-forgiven",
        "residual dropped",
        "exchange/clearing/notes.py",
        "                self.owed[holder] = self.owed.get(holder, 0) + due - paid\n",
        "                self.owed[holder] = self.owed.get(holder, 0)\n",
        ("tests/exchange/test_notes.py", "tests/stories/test_an_issuer_cannot_pay_its_notes.py"),
    ),
    # --- the issuer of a coin ---
    Mutant(
        "a-paused-issuer-raises-an-allowance",
        "state forgotten",
        "exchange/cash/issuer_states.py",
        "    Operation.CONFIGURE_MINTER: (_A.YES, _A.YES, _A.YES, _A.NO, _A.NO, _A.NO),\n",
        "    Operation.CONFIGURE_MINTER: (_A.YES, _A.YES, _A.YES, _A.YES, _A.NO, _A.NO),\n",
        ("tests/exchange/test_issuer.py",),
    ),
    Mutant(
        "one-holder-signs-three-times",
        "quorum",
        "exchange/cash/keys.py",
        "        return sum(holder in signatures for holder in role.holders) >= role.quorum\n",
        "        return sum(name in role.holders for name in signatures) >= role.quorum\n",
        ("tests/exchange/test_issuer.py",),
    ),
    Mutant(
        "a-forced-sale-costs-nothing",
        "loss not booked",
        "exchange/cash/reserves.py",
        "                sale = Sale(bucket.terms.name, amount, amount * kept // _WHOLE, 0)\n",
        "                sale = Sale(bucket.terms.name, amount, amount, 0)\n",
        ("tests/exchange/test_reserves.py", "tests/exchange/test_redeeming.py"),
    ),
    Mutant(
        "who-comes-last-is-paid-first",
        "order of a queue",
        "exchange/cash/redemption.py",
        "        return [t for t in self._open.values() if t.payable_from <= now and can_be_paid(t)]\n",
        "        return [t for t in reversed(self._open.values()) if t.payable_from <= now and can_be_paid(t)]\n",
        ("tests/exchange/test_redemption.py",),
    ),
    Mutant(
        "who-was-paid-in-a-wind-down-is-paid-again",
        "double payment",
        "exchange/cash/winding_down.py",
        "        self._received[wallet_id] = self._received.get(wallet_id, 0) + amount\n",
        "        self._received[wallet_id] = 0\n",
        ("tests/exchange/test_issuer.py", "tests/properties/test_issuer_machine.py"),
    ),
    Mutant(
        "what-is-stuck-is-paid-out",
        "state forgotten",
        "exchange/cash/reserves.py",
        "        return self.status is _OK and self.terms.liquidity_days == 0\n",
        "        return self.terms.liquidity_days == 0\n",
        ("tests/exchange/test_reserves.py", "tests/exchange/test_redeeming.py"),
    ),
    Mutant(
        "roubles-are-paid-into-a-frozen-account",
        "lost payment",
        "exchange/redeeming.py",
        "    return lambda wallet: not (roubles.keeper.is_frozen_in(wallet) or roubles.is_of_the_venue(wallet))\n",
        "    return anywhere\n",
        ("tests/exchange/test_redeeming.py",),
    ),
    Mutant(
        "a-shortfall-is-not-told",
        "silent loss",
        "exchange/redeeming.py",
        "    if issuer.tell_shortfall():\n",
        "    if issuer.tell_shortfall() and not issuer.shortfall:\n",
        ("tests/exchange/test_redeeming.py",),
    ),
    Mutant(
        "interest-is-rounded-up",
        "ceil for floor",
        "exchange/cash/interest.py",
        "    gains = {wallet: held * liquidity // supply - held for wallet, held in shares.items()}\n",
        "    gains = {wallet: -(-held * liquidity // supply) - held for wallet, held in shares.items()}\n",
        ("tests/exchange/test_interest.py",),
    ),
    Mutant(
        "a-venue-key-waits-no-longer-than-any-other",
        "delay forgotten",
        "exchange/keyholding.py",
        "    delay = keys.delay(*roles)\n",
        "    delay = keys.delay(roles[0])\n",
        ("tests/exchange/test_keyholding.py",),
    ),
    Mutant(
        "a-wipe-is-issued-anew-twice",
        "reissue beyond the wipe",
        "exchange/cash/issuer.py",
        "        self._to_reissue[wipe_ref] -= amount\n",
        "        self._to_reissue[wipe_ref] -= 0\n",
        ("tests/exchange/test_issuer.py",),
    ),
    # --- prices ---
    Mutant(
        "one-venue-can-push-the-index",
        "no cap",
        "exchange/clearing/index.py",
        "            total += venue.weight * min(max(venue.mid, low), high)\n",
        "            total += venue.weight * venue.mid\n",
        ("tests/exchange/test_index.py",),
    ),
    Mutant(
        "a-tie-goes-away-from-the-prior-price",
        "tie away from prior",
        "exchange/clearing/rounding.py",
        "        return below + (prior > below)\n",
        "        return below + (prior <= below)\n",
        ("tests/exchange/test_rounding.py", "tests/exchange/test_fixing.py"),
    ),
    Mutant(
        "a-stale-sample-counts",
        "stale price",
        "exchange/clearing/fixing.py",
        "    return known.value if known is not None and known.status is IndexStatus.OK else None\n",
        "    return known.value if known is not None else None\n",
        ("tests/exchange/test_fixing.py",),
    ),
    Mutant(
        "receivers-of-funding-get-what-payers-lack",
        "pays more than was collected",
        "exchange/clearing/perpetual.py",
        "    if collected < sum(owed):\n",
        "    if collected < 0:\n",
        ("tests/exchange/test_perpetual.py",),
    ),
    # --- cash ---
    Mutant(
        "a-payment-in-an-outage-is-forgotten",
        "lost retry",
        "exchange/banking.py",
        "    treasury.try_again(holding, state)\n",
        "",
        ("tests/stories/test_a_settlement_bank_is_silent.py",),
    ),
    Mutant(
        "a-call-ends-in-an-outage",
        "missing guard",
        "exchange/margining.py",
        "    match holding.shut(state.now):\n",
        "    match None:\n",
        ("tests/stories/test_a_settlement_bank_is_silent.py",),
    ),
    Mutant(
        "a-failed-bank-sends-what-was-under-way",
        "missing return",
        "exchange/banking.py",
        "        yield treasury.give_back(withdrawal, CashRefusal.BANK_FAILED, holding, state)\n",
        "        yield BankFailed(asset_id=command.asset_id)\n",
        ("tests/stories/test_the_settlement_bank_fails.py",),
    ),
    Mutant(
        "a-conversion-rounds-up",
        "rounding",
        "exchange/conversion.py",
        "        part = claim.amount * rate_ppm // PAR_PPM\n",
        "        part = -(-claim.amount * rate_ppm // PAR_PPM)\n",
        ("tests/stories/test_the_venue_falls_back.py",),
    ),
    Mutant(
        "a-converted-account-is-free-of-its-legal-order",
        "lost freeze",
        "exchange/conversion.py",
        "        if orders:\n            restraints",
        "        if not orders:\n            restraints",
        ("tests/stories/test_the_venue_falls_back.py",),
    ),
    Mutant(
        "a-coin-trades-again-when-one-of-two-causes-is-over",
        "lost condition",
        "exchange/halting.py",
        "    del holding.halts[cause]\n",
        "    holding.halts.clear()\n",
        ("tests/stories/test_several_causes_halt_one_coin.py",),
    ),
    Mutant(
        "one-participants-frozen-wallet-halts-everybody",
        "wrong scope",
        "exchange/halting.py",
        "    frozen = holding.custody.frozen_house(holding.keeper)\n",
        "    frozen = holding.custody.frozen(holding.keeper)\n",
        ("tests/stories/test_several_causes_halt_one_coin.py",),
    ),
    Mutant(
        "a-conversion-forgets-what-is-on-its-way",
        "missing step",
        "exchange/conversion.py",
        "    yield from halting.call_off(state.holdings[asset_id], state)\n",
        "",
        ("tests/stories/test_several_causes_halt_one_coin.py",),
    ),
    Mutant(
        "what-is-issued-anew-is-the-houses",
        "lost restitution",
        "exchange/wiping.py",
        "    yield from safekeeping.take_in(wallet_id, amount, holding, state, command.wipe_ref)\n",
        "    yield from safekeeping.take_in(wallet_id, amount, holding, state)\n",
        ("tests/exchange/test_keyholding.py",),
    ),
    Mutant(
        "what-is-written-down-still-counts-as-supply",
        "missing booking",
        "exchange/cash/issuer.py",
        "            self._change_supply(wallet_id, -amount)\n        return reason\n\n    # --- winding down",
        "            self._change_supply(wallet_id, 0)\n        return reason\n\n    # --- winding down",
        ("tests/stories/test_several_causes_halt_one_coin.py",),
    ),
    Mutant(
        "a-banks-interest-is-rounded-up",
        "rounding",
        "exchange/cash/bank.py",
        "            interest = held * self.terms.interest_bp // (10_000 * _YEAR)\n",
        "            interest = -(-held * self.terms.interest_bp // (10_000 * _YEAR))\n",
        ("tests/exchange/test_bank.py",),
    ),
    Mutant(
        "a-bank-opens-a-moment-too-late",
        "boundary",
        "exchange/cash/hours.py",
        "hours.opens <= now % DAY < hours.closes",
        "hours.opens < now % DAY < hours.closes",
        ("tests/exchange/test_hours.py",),
    ),
    # --- sent twice ---
    Mutant(
        "other-terms-pass-for-a-repeat",
        "request done twice",
        "exchange/repeats.py",
        "    if command != asked:\n",
        "    if type(command) is not type(asked):\n",
        (TEST_TWICE,),
    ),
    Mutant(
        "what-was-asked-yesterday-is-forgotten",
        "request done twice",
        "exchange/numbered.py",
        "        self._before, self._now = self._now, Requests()\n",
        "        self._before, self._now = Requests(), Requests()\n",
        (TEST_TWICE,),
    ),
    # --- walks ---
    Mutant(
        "a-claim-below-nothing-is-not-named",
        "blind audit",
        "exchange/audit.py",
        "        if paid.payouts != paid.pool or paid.least < 0:\n",
        "        if paid.payouts != paid.pool:\n",
        ("tests/exchange/test_audit.py",),
    ),
    Mutant(
        "what-the-house-drew-for-nothing-is-not-named",
        "blind audit",
        "exchange/loss_audit.py",
        "        if drawn != state.coin_losses[asset_id]:\n",
        "        if drawn < state.coin_losses[asset_id]:\n",
        ("tests/exchange/test_loss_audit.py",),
    ),
    Mutant(
        "a-call-for-what-is-there-is-not-named",
        "blind audit",
        "exchange/member_audit.py",
        "        if share >= state.contributions[who]:\n",
        "        if share > state.contributions[who]:\n",
        ("tests/exchange/test_member_audit.py",),
    ),
    # --- off the book ---
    Mutant(
        "delivered-units-cost-nothing",
        "ignored limit",
        "exchange/settling.py",
        "                cost[units.payee, units.asset_id] += paid.amount\n",
        "                cost[units.payee, units.asset_id] += 0\n",
        ("tests/stories/test_units_change_hands_off_the_book.py",),
    ),
    # --- lock-step ---
    Mutant(
        "commands-are-handled-as-they-come",
        "order of arrival",
        LOCKSTEP,
        "        bot.sent.append(_Sent(ask, reply))\n",
        "        self.bots[0].sent.append(_Sent(ask, reply))\n",
        (TEST_LOCKSTEP,),
    ),
    Mutant(
        "channels-tell-by-the-wall",
        "order of arrival",
        "exchange/gateway/dispatch.py",
        "        if self.lock_step is not None:\n            return\n        if self.venue.is_ahead",
        "        if self.venue.is_ahead",
        (TEST_LOCKSTEP,),
    ),
    Mutant(
        "order-ids-are-counted-over-all",
        "order of arrival",
        "exchange/gateway/dispatch.py",
        "latest = max(self.numbered.get(who, 0), self.venue",
        "latest = max(*self.numbered.values(), self.venue",
        (TEST_LOCKSTEP,),
    ),
    Mutant(
        "a-step-begins-without-the-last-bot",
        "nobody is waited for",
        LOCKSTEP,
        "        return not self.out and not self.done\n",
        "        return not self.out and not self.done and self.name == 'alpha'\n",
        (TEST_LOCKSTEP,),
    ),
)


class Outcome(NamedTuple):
    """What became of one bug: caught by a test, `survived`, or `broken`: nothing can be said."""

    mutant: Mutant
    verdict: str
    by: str


def fault_in(mutant: Mutant, root: Path) -> str | None:
    """Why the bug cannot be planted in that tree, or None."""
    found = (root / mutant.file).read_text().count(mutant.old)
    if found != 1:
        return f"its text stands {found} times in {mutant.file}; let it stand once"
    missing = [test for test in mutant.tests if not (root / test).exists()]
    return f"there is no {missing[0]}; name a test that there is" if missing else None


def copied(into: Path) -> Path:
    """The tree without anything compiled, so that a planted bug is what runs."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd")
            shutil.copytree(source, into / name, ignore=ignored)
        else:
            shutil.copy(source, into / name)
    return into


def run_tests(tests: Iterable[str], root: Path) -> tuple[int, str]:
    """How pytest exits, and the first test that fails."""
    command = [sys.executable, "-m", "pytest", "-x", "-n", "0", "-p", "no:cacheprovider", "--tb=no", "-rfE"]
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            [*command, *tests], cwd=root, env=environment, capture_output=True, text=True, timeout=LONGEST_S
        )
    except subprocess.TimeoutExpired:
        return FAILED, f"no end within {LONGEST_S} s"
    failed = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", done.stdout, re.MULTILINE)
    return done.returncode, failed[1] if failed else done.stdout.strip()[-200:]


def tried(mutant: Mutant, root: Path) -> Outcome:
    """Plant the bug, run its tests, and put the text back."""
    fault = fault_in(mutant, root)
    if fault is not None:
        return Outcome(mutant, "broken", fault)
    path = root / mutant.file
    text = path.read_text()
    path.write_text(text.replace(mutant.old, mutant.new))
    code, first = run_tests(mutant.tests, root)
    path.write_text(text)
    verdict = {PASSED: "survived", FAILED: "killed"}.get(code, "broken")
    return Outcome(mutant, verdict, "" if verdict == "survived" else first)


def run(mutants: Sequence[Mutant]) -> int:
    with tempfile.TemporaryDirectory() as directory:
        root = copied(Path(directory))
        code, first = run_tests(dict.fromkeys(test for mutant in mutants for test in mutant.tests), root)
        if code != PASSED:
            print(f"without any bug: {first}")
            return 2
        verdicts = []
        for mutant in mutants:
            outcome = tried(mutant, root)
            verdicts.append(outcome.verdict)
            print(f"{outcome.verdict:9}{mutant.name:50}{outcome.by}", flush=True)
    print(f"{verdicts.count('killed')} of {len(verdicts)} killed")
    return 2 if "broken" in verdicts else int("survived" in verdicts)


def main() -> int:
    parser = argparse.ArgumentParser(description="Plant bugs and see whether the tests catch them.")
    parser.add_argument("--list", action="store_true", help="name every bug and plant none")
    parser.add_argument("--only", metavar="NAME", nargs="+", choices=[mutant.name for mutant in MUTANTS])
    asked = parser.parse_args()
    if asked.list:
        for mutant in MUTANTS:
            print(f"{mutant.name:50}{mutant.kind:42}{mutant.file}")
        return 0
    return run([mutant for mutant in MUTANTS if asked.only is None or mutant.name in asked.only])


if __name__ == "__main__":
    sys.exit(main())
