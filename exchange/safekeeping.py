"""The road of custody: what can move of what the venue's wallets hold, and who bears what is lost of it.

A freeze of one of them closes a gate through which withdrawals share what can still move. Where each participant
has a wallet of its own, what is free is there and what is locked in the house's; a sweep after every command keeps
it so, as far as the keeper lets money move, and a freeze of such a wallet binds its owner alone.
What is lost is shared by the house's own layer, its insurance, and then the claims of that instant.
"""

from collections.abc import Iterator

from exchange import halting, margining, redeeming
from exchange.access.regime import GateRule
from exchange.cash.custody import Gate, split
from exchange.cash.holding import Holding
from exchange.cash.issuer import Issuer
from exchange.cash.losses import HouseBearer, Loss, LossCause, Shares, share_loss
from exchange.cash.terms import CashHalt, CustodyMode, InterestRule
from exchange.cash_requests import on_cash, refused
from exchange.clearing import accounts
from exchange.clearing.ledger import Move, Rule
from exchange.clearing.rounding import allocate
from exchange.clearing.transfers import Committed
from exchange.commands import HaltForPause, OpenVenueWallet, RecordCashLoss, RecordOperationalLoss
from exchange.events import (
    CancelCause,
    CustodyGated,
    CustodyReopened,
    CustodySwept,
    CustodyWalletOpened,
    Event,
    InterestCredited,
    LossAllocated,
    LossRestored,
    LossShared,
    LossUndone,
    PoolCut,
    PoolRestored,
    VenueInterestTaken,
    VenueWalletOpened,
)
from exchange.messages import changed
from exchange.reasons import CashRefusal, first_refusal
from exchange.restraint import bind, loosen
from exchange.state import State
from exchange.trading import cancel_orders_of
from exchange.treasury import claims, free_cash, give_back, own_cash
from exchange.units import AssetId, BucketId, Money, WalletId
from matching.terms import ParticipantId

# --- freezes and pauses ---------------------------------------------------------------------------------


def review(holding: Holding, state: State, *, anew: bool = False) -> Iterator[Event]:
    """Close, move or open the gate if what the venue's wallets cannot send is not what it was, or if asked to.

    Withdrawals that a frozen wallet was to send come back first; those of other wallets are on their way and
    stay outside the gate. An empty frozen wallet gates nothing.
    """
    frozen = holding.custody.frozen(holding.keeper)
    if frozen == holding.frozen and not (anew and frozen):
        return
    holding.frozen = frozen
    for withdrawal in list(holding.pending.values()):
        if any(holding.keeper.is_frozen_out(part.wallet_id) for part in withdrawal.parts):
            yield give_back(withdrawal, CashRefusal.WALLET_FROZEN, holding, state)
    asset_id, mobile = holding.terms.asset_id, holding.custody.mobile(holding.keeper)
    if not frozen:
        holding.gate = None
        yield CustodyReopened(asset_id=asset_id, mobile=mobile)
        yield from halting.follow_freeze(holding, state)
        return
    if not holding.custody.separates:
        _close_gate(holding, state)
    yield CustodyGated(asset_id=asset_id, mobile=mobile, frozen=frozen)
    yield from halting.follow_freeze(holding, state)


def _close_gate(holding: Holding, state: State) -> None:
    spendable, owed = sum(holding.spendable(state.ledger).values()), claims(state, holding.terms.asset_id)
    if holding.gate is None:
        rule = state.regime.cash.gate if state.regime is not None else GateRule.PRO_RATA
        holding.gate = Gate(rule, spendable, owed)
    else:
        holding.gate.reset(spendable, owed)


def review_owner(wallet_id: WalletId, order_ref: str, holding: Holding, state: State) -> Iterator[Event]:
    """A wallet has been frozen or thawed: if it is a participant's own, so is its account here."""
    owner = holding.custody.owners.get(wallet_id)
    if owner is None or holding.custody.of_participants[owner] != wallet_id:
        return
    asset_id = holding.terms.asset_id
    change = bind if holding.keeper.is_frozen_out(wallet_id) else loosen
    cash = [accounts.cash(owner, asset_id)]
    settles = state.regime is not None and asset_id == state.regime.cash.settlement_asset
    yield from change(state.seats[owner], wallet_id, cash, order_ref, state, restricts=settles)


def begin_pause(holding: Holding, state: State) -> Iterator[Event]:
    """Nothing moves at the keeper. Trading goes on for so long, or stops at once where its ledger is ours."""
    longest = 0 if holding.custody.mode is CustodyMode.NATIVE else holding.terms.longest_pause
    holding.pauses += 1
    if longest == 0:
        yield from _halt_for_pause(holding, state)
    elif longest is not None:
        duty = HaltForPause(asset_id=holding.terms.asset_id, pauses=holding.pauses)
        state.agenda.promise(state.now + longest, duty)


def end_pause(holding: Holding, state: State) -> Iterator[Event]:
    """Whoever was called for money in vain gets a new deadline."""
    holding.pauses += 1
    yield from halting.resume(holding, CashHalt.PAUSED, state)
    yield from margining.renew_calls(holding.terms.asset_id, state)


def halt_for_pause(duty: HaltForPause, state: State) -> Iterator[Event]:
    """The pause that this was promised for may have ended, and another one begun."""
    holding = state.holdings[duty.asset_id]
    if holding.pauses == duty.pauses:
        yield from _halt_for_pause(holding, state)


def _halt_for_pause(holding: Holding, state: State) -> Iterator[Event]:
    yield from halting.halt(holding, CashHalt.PAUSED, "nothing moves at its keeper", state)


# --- between the house's wallets and participants' own --------------------------------------------------


def sweep_all(state: State) -> Iterator[Event]:
    """After a command: bring every participant's own wallet to what is free or held of its money."""
    for holding in state.holdings.values():
        if holding.custody.separates:
            yield from _sweep(holding, state)


def _sweep(holding: Holding, state: State) -> Iterator[Event]:
    """First into the house's wallets, then out of them; what cannot move now is tried again after each command."""
    ledger, custody, keeper = state.ledger, holding.custody, holding.keeper
    touched = {**holding.unswept, **_touched(holding, state)}
    dues = {who: holding.due_to_wallet(who, ledger) for who in sorted(touched)}
    for who, due in dues.items():
        if due > 0 and who not in custody.of_participants:
            own = holding.open_for(who, ledger)
            yield CustodyWalletOpened(participant_id=who, asset_id=holding.terms.asset_id, wallet_id=own)
    moves: list[tuple[WalletId, WalletId, Money]] = []
    if keeper.standstill(state.now) is None:
        target = custody.house_wallet(keeper)
        givers = {who: -due for who, due in dues.items() if due < 0}
        for who, amount in givers.items():
            own = custody.of_participants[who]
            if target is not None and not keeper.is_frozen_out(own):
                moves.append((own, target, amount))
        _carry(moves, holding, state)
        paid = _pay_in(dues, holding, state)
    else:
        paid = []
    left = {who: due for who in dues if (due := holding.due_to_wallet(who, ledger))}
    holding.unswept = dict.fromkeys(left)
    if moves or paid:
        yield CustodySwept(
            asset_id=holding.terms.asset_id,
            collected=sum(amount for *_, amount in moves),
            paid=sum(amount for *_, amount in paid),
            unswept=sum(abs(due) for due in left.values()),
        )
        yield from review(holding, state)


def _pay_in(
    dues: dict[ParticipantId, Money], holding: Holding, state: State
) -> list[tuple[WalletId, WalletId, Money]]:
    """Out of the house's wallets that may send; if there is too little in them, pro rata."""
    custody, keeper = holding.custody, holding.keeper
    takers = {}
    for who, due in dues.items():
        own = custody.of_participants.get(who)
        if due > 0 and own is not None and not keeper.is_frozen_in(own):
            takers[own] = due
    spendable = holding.spendable(state.ledger)
    sources = {wallet: spendable[wallet] for wallet in custody.house if wallet in spendable}
    owed = list(takers.values())
    moves: list[tuple[WalletId, WalletId, Money]] = []
    parts = allocate(min(sum(owed), sum(sources.values())), owed, owed)
    for own, part in zip(takers, parts, strict=True):
        for source, amount in split(part, sources):
            moves.append((source, own, amount))
            sources[source] -= amount
    _carry(moves, holding, state)
    return moves


def _carry(moves: list[tuple[WalletId, WalletId, Money]], holding: Holding, state: State) -> None:
    """Transfers on the keeper's ledger and, in one chain, between the mirrors."""
    for source, target, amount in moves:
        reason = holding.keeper.transfer(source, target, amount, state.now)
        assert reason is None, f"what is swept may move: {reason}"
    state.ledger.book([(holding.mirror(t), holding.mirror(s), amount) for s, t, amount in moves], state.now)


def _touched(holding: Holding, state: State) -> dict[ParticipantId, None]:
    """Whose own money has changed since the last sweep."""
    history, asset_id = state.ledger.history, holding.terms.asset_id
    new, holding.swept_to = range(holding.swept_to, len(history)), len(history)
    found: dict[ParticipantId, None] = {}
    for at in new:
        record = history[at]
        if isinstance(record, Committed):
            for name in (record.transfer.debit, record.transfer.credit):
                kind, _, rest = name.partition(":")
                if kind in ("cash", "hold") and rest.endswith(f":{asset_id}"):
                    found[ParticipantId(rest.removesuffix(f":{asset_id}"))] = None
    return found


# --- losses ---------------------------------------------------------------------------------------------


@on_cash
def record_cash_loss(command: RecordCashLoss, holding: Holding, state: State) -> Iterator[Event]:
    """Money is stolen, or whoever keeps it has failed."""
    if not command.amount:
        lost = holding.keeper.balance(command.wallet_id) * command.share_bp // 10_000
        command = changed(command, amount=lost)
    reason = _loss_refusal(command, holding) or _take_from_wallet(command, holding, state)
    if reason is not None:
        yield refused(command, reason)
        return
    yield from bear({command.wallet_id: command.amount}, command.cause, command.grounds, holding, state)
    if holding.issuer is not None:  # fewer coins are out
        yield from redeeming.review(holding.issuer, state)


def _take_from_wallet(command: RecordCashLoss, holding: Holding, state: State) -> CashRefusal | None:
    """What is stolen or paid away goes to somebody; what its keeper cannot pay is nowhere."""
    if command.cause in (LossCause.STOLEN, LossCause.OPERATIONAL):
        return holding.keeper.transfer(command.wallet_id, command.target, command.amount, state.now)
    return holding.keeper.write_off(command.wallet_id, command.amount, state.now)


def _loss_refusal(command: RecordCashLoss, holding: Holding) -> CashRefusal | None:
    return first_refusal(
        (not holding.is_of_the_venue(command.wallet_id), CashRefusal.UNKNOWN_WALLET),
        (holding.is_of_the_venue(command.target), CashRefusal.WALLET_OF_THE_VENUE),
        (not command.grounds, CashRefusal.NO_GROUNDS),
        (command.cause is LossCause.WIPED, CashRefusal.SIGNATURES_MISSING),  # it has a command of its own
        (not 0 <= command.share_bp <= 10_000, CashRefusal.SHARE_OUT_OF_RANGE),
    )


@on_cash
def record_operational_loss(
    command: RecordOperationalLoss, holding: Holding, state: State
) -> Iterator[Event]:
    """The fullest of the house's wallets have paid it to somebody who keeps it."""
    keeper, spendable, still = (
        holding.keeper,
        holding.spendable(state.ledger),
        holding.keeper.standstill(state.now),
    )
    sources = {wallet: spendable[wallet] for wallet in holding.custody.house if wallet in spendable}
    reason = first_refusal(
        (holding.is_of_the_venue(command.target), CashRefusal.WALLET_OF_THE_VENUE),
        (command.amount <= 0, CashRefusal.AMOUNT_NOT_POSITIVE),
        (still is not None, still or CashRefusal.CLOSED),
        (not command.grounds, CashRefusal.NO_GROUNDS),
        (keeper.is_frozen_in(command.target), CashRefusal.WALLET_FROZEN),
        (command.amount > sum(sources.values()), CashRefusal.INSUFFICIENT_FUNDS),
    )
    paid = {} if reason else dict(split(command.amount, sources))
    for wallet_id, amount in paid.items():
        reason = reason or keeper.transfer_refusal(wallet_id, command.target, amount, state.now)
    if reason is not None:
        yield refused(command, reason)
        return
    for wallet_id, amount in paid.items():
        reason = keeper.transfer(wallet_id, command.target, amount, state.now)
        assert reason is None, "the keeper said that it would transfer"
    yield from bear(paid, LossCause.OPERATIONAL, command.grounds, holding, state)


def bear(
    lost: dict[WalletId, Money], cause: LossCause, grounds: str, holding: Holding, state: State
) -> Iterator[Event]:
    """The keeper's ledger shows so much less in these wallets, all of the house's or one of a participant's.

    Withdrawals come back if a wallet has not enough left to send them; orders are canceled whose hold a part
    reaches into. A part is taken from free cash, then from collateral, then from locks, also under a legal order.
    """
    for wallet_id, amount in lost.items():
        yield from _return_withdrawals(wallet_id, amount, holding, state)
    first, loss = next(iter(lost)), sum(lost.values())
    holding.look_at(first)
    shares = share_loss(loss, _bearers(first, holding, state))
    while short := _orders_in_the_way(shares, first, holding, state):
        yield from cancel_orders_of(state.seats[short], CancelCause.CASH_LOST, state)
        shares = share_loss(loss, _bearers(first, holding, state))
    mirror = holding.mirror(first)
    moves: list[Move] = [(mirror, holding.mirror(w), amount) for w, amount in lost.items() if w != first]
    told, cuts = _take(shares, first, moves, holding, state)
    state.ledger.take_back(moves, state.now)
    holding.losses.append(Loss(first, cause, grounds, shares))
    asset_id = holding.terms.asset_id
    nobody, house = shares.get(HouseBearer.NOBODY, 0), shares.get(HouseBearer.LAYER, 0)
    insurance = shares.get(HouseBearer.INSURANCE, 0)
    state.coin_losses[asset_id] += house + insurance
    yield LossAllocated(
        asset_id=asset_id,
        loss=loss,
        house=house,
        holders=loss - house - insurance - nobody,
        insurance=insurance,
        nobody=nobody,
        cause=cause,
        grounds=grounds,
    )
    yield from told
    for bucket_id, amount in cuts.items():
        yield PoolCut(bucket_id=bucket_id, lost=amount, pool=state.covers.full.pool(bucket_id))
    if nobody:
        beyond = f"{nobody} of a loss are beyond all who bear it"
        yield from halting.halt(holding, CashHalt.WOUND_DOWN, beyond, state)
    yield from halting.review(state)
    yield from review(holding, state, anew=True)
    if state.covers.margin is not None:
        yield from margining.review(state)


def _return_withdrawals(
    wallet_id: WalletId, amount: Money, holding: Holding, state: State
) -> Iterator[Event]:
    if state.ledger.available(holding.mirror(wallet_id)) >= amount:
        return
    for withdrawal in list(holding.pending.values()):
        if any(part.wallet_id == wallet_id for part in withdrawal.parts):
            yield give_back(withdrawal, CashRefusal.CASH_LOST, holding, state)


def _bearers(wallet_id: WalletId, holding: Holding, state: State) -> list[Shares]:
    """Who bears a loss in that wallet, group by group.

    A participant's own wallet is a pool with one holder, who bears it first and alone. Of the house's wallets,
    where participants have their own, those who have something in them: locks, collateral, what is due to theirs.
    """
    asset_id, ledger = holding.terms.asset_id, state.ledger
    layer = ledger.available(accounts.loss_layer(asset_id))
    cap = holding.terms.loss_layer_cap
    insurance = accounts.loss_insurance(asset_id)
    house: list[Shares] = [
        {HouseBearer.LAYER: layer if cap is None else min(layer, cap)},
        {HouseBearer.INSURANCE: ledger.available(insurance) if insurance in ledger else 0},
    ]
    owner = holding.custody.owners.get(wallet_id)
    locked = _locked(asset_id, state)
    holders: Shares = {
        who: _own_in(wallet_id, who, holding, state) + locked.get(who, 0) for who in state.seats
    }
    if owner is None:
        return [*house, holders]
    holders[owner] = locked.get(owner, 0)
    return [{owner: _own_in(wallet_id, owner, holding, state)}, *house, holders]


def _own_in(wallet_id: WalletId, who: ParticipantId, holding: Holding, state: State) -> Money:
    """How much of the participant's cash, free or held, is in the pool of that wallet: all of it or, where it has a
    wallet of its own, what is still to be brought there.
    """
    own = own_cash(state, who, holding.terms.asset_id)
    if not holding.custody.separates or holding.custody.owners.get(wallet_id) == who:
        return own
    return min(own, max(holding.due_to_wallet(who, state.ledger), 0))


def _locked(asset_id: AssetId, state: State) -> dict[ParticipantId, Money]:
    """Everybody's collateral and shares of pools; nothing in any but the settlement asset.

    Shares of the default fund are not there: that bears no such loss.
    """
    if state.regime is None or asset_id != state.regime.cash.settlement_asset:
        return {}
    found = {who: _collateral(who, asset_id, state) for who in state.seats}
    for shares in state.covers.full.shares().values():
        for who, share in shares.items():
            found[who] += share
    return found


def _collateral(who: ParticipantId, asset_id: AssetId, state: State) -> Money:
    account = accounts.collateral(who, asset_id)
    return state.ledger.available(account) if account in state.ledger else 0


def _orders_in_the_way(
    shares: Shares, wallet_id: WalletId, holding: Holding, state: State
) -> ParticipantId | None:
    """The first participant whose part reaches into what its orders hold."""
    for who, part in shares.items():
        if not isinstance(who, HouseBearer):
            own = min(part, _own_in(wallet_id, who, holding, state))
            if own > free_cash(state, who, holding.terms.asset_id):
                return who
    return None


def _take(
    shares: Shares, wallet_id: WalletId, moves: list[Move], holding: Holding, state: State
) -> tuple[list[LossShared], dict[BucketId, Money]]:
    """Add to `moves` what everybody bears; what to tell the holders, and how much each pool loses."""
    asset_id, mirror = holding.terms.asset_id, holding.mirror(wallet_id)
    told: list[LossShared] = []
    from_locks: dict[ParticipantId, Money] = {}
    for who, part in shares.items():
        if isinstance(who, HouseBearer):
            moves.append((_account_of(who, asset_id, state), mirror, part))
            continue
        free = min(part, _own_in(wallet_id, who, holding, state))
        margin = min(part - free, _collateral(who, asset_id, state))
        from_locks[who] = part - free - margin
        names = (accounts.cash(who, asset_id), accounts.collateral(who, asset_id))
        moves += [
            (name, mirror, amount) for name, amount in zip(names, (free, margin), strict=True) if amount
        ]
        told.append(
            LossShared(
                participant_id=who,
                asset_id=asset_id,
                amount=part,
                from_margin=margin,
                from_locks=from_locks[who],
            )
        )
    cuts = state.covers.full.cut({who: part for who, part in from_locks.items() if part})
    moves += [(accounts.escrow(bucket_id), mirror, amount) for bucket_id, amount in cuts.items()]
    return told, cuts


def _account_of(bearer: HouseBearer, asset_id: AssetId, state: State) -> str:
    match bearer:
        case HouseBearer.LAYER:
            return accounts.loss_layer(asset_id)
        case HouseBearer.INSURANCE:
            return accounts.loss_insurance(asset_id)
        case HouseBearer.NOBODY:
            state.ledger.open(accounts.shortfall(asset_id), asset_id, Rule.MIRROR)
            return accounts.shortfall(asset_id)


# --- what comes in and is nobody's deposit --------------------------------------------------------------


def take_in(
    wallet_id: WalletId, amount: Money, holding: Holding, state: State, wipe_ref: str = ""
) -> Iterator[Event]:
    """Money that reaches a wallet of the venue and is nobody's deposit goes to those who lost what that wallet held,
    or one that it replaces, or what was wiped under that order; for the rest, it is the house's own loss layer.
    """
    if not holding.is_of_the_venue(wallet_id):
        return
    holding.look_at(wallet_id)
    replaced = holding.stands_for(wallet_id)
    for loss in holding.losses:
        wiped = loss.cause is LossCause.WIPED and loss.grounds == wipe_ref
        if (wiped or loss.wallet_id in replaced) and amount and loss.outstanding:
            returned = min(amount, loss.outstanding)
            amount -= returned
            yield from _give_back_loss(loss, returned, holding.mirror(wallet_id), holding, state)
    if amount:
        layer = accounts.loss_layer(holding.terms.asset_id)
        state.ledger.book([(holding.mirror(wallet_id), layer, amount)], state.now)
    yield from review(holding, state, anew=True)


def take_in_interest(holding: Holding, issuer: Issuer, state: State) -> Iterator[Event]:
    """What has fallen on the venue's wallets: to the house's loss layer or, if the terms say so, on to the holders.

    Each gets its part by its claim of now; without any claim it stays with the house.
    """
    asset_id, layer = holding.terms.asset_id, accounts.loss_layer(holding.terms.asset_id)
    gained = {w: issuer.collect_interest(w, state.now) for w in holding.custody.wallets}
    owed = {who: claim for who, claim in claims(state, asset_id).items() if claim}
    total = sum(gained.values())
    if not total:
        return
    to_holders = issuer.terms.venue_interest is InterestRule.HOLDERS and bool(owed)
    parts = dict(zip(owed, allocate(total, tuple(owed.values())), strict=True)) if to_holders else {}
    given, ledger = sum(parts.values()), state.ledger
    first, *others = [wallet_id for wallet_id, amount in gained.items() if amount]
    to = {layer: total - given} | {accounts.cash(who, asset_id): part for who, part in parts.items()}
    chain = []
    for account, part in to.items():  # all through one wallet, which the others then make good
        if part:
            ledger.open(account, asset_id, Rule.LIABILITY)
            chain.append(ledger.transfer(holding.mirror(first), account, part, code="interest"))
    for wallet_id in others:
        mirror, amount = holding.mirror(wallet_id), gained[wallet_id]
        chain.append(ledger.transfer(mirror, holding.mirror(first), amount, code="interest"))
    ledger.commit(chain, state.now)
    for wallet_id in (first, *others):
        holding.look_at(wallet_id)
    yield VenueInterestTaken(asset_id=asset_id, amount=total, house=total - given, holders=given)
    for who, part in parts.items():
        if part:
            yield InterestCredited(participant_id=who, asset_id=asset_id, amount=part)
    yield from review(holding, state)


def _give_back_loss(
    loss: Loss, amount: Money, mirror: str, holding: Holding, state: State
) -> Iterator[Event]:
    """To those who bore it: first into pools that were cut, then into free cash."""
    asset_id, moves = holding.terms.asset_id, list[Move]()
    told: list[LossRestored] = []
    pools: dict[BucketId, Money] = {}
    shares = loss.give_back(amount)
    for who, part in shares.items():
        if isinstance(who, HouseBearer):
            moves.append((mirror, _account_of(who, asset_id, state), part))
            continue
        back = state.covers.full.restore(who, part)
        moves += [(mirror, accounts.escrow(bucket_id), into) for bucket_id, into in back.items()]
        for bucket_id, into in back.items():
            pools[bucket_id] = pools.get(bucket_id, 0) + into
        locks = sum(back.values())
        if part > locks:
            moves.append((mirror, accounts.cash(who, asset_id), part - locks))
        told.append(LossRestored(participant_id=who, asset_id=asset_id, amount=part, to_locks=locks))
    state.ledger.book(moves, state.now)
    yield LossUndone(
        asset_id=asset_id,
        amount=amount,
        house=shares.get(HouseBearer.LAYER, 0),
        holders=sum(part.amount for part in told),
        insurance=shares.get(HouseBearer.INSURANCE, 0),
    )
    yield from told
    for bucket_id, into in pools.items():
        yield PoolRestored(bucket_id=bucket_id, amount=into, pool=state.covers.full.pool(bucket_id))
    if holding.is_wound_down and not any(one.borne.get(HouseBearer.NOBODY, 0) for one in holding.losses):
        yield from halting.resume(holding, CashHalt.WOUND_DOWN, state)
        yield from margining.renew_calls(asset_id, state)
    yield from halting.review(state)


@on_cash
def open_venue_wallet(command: OpenVenueWallet, holding: Holding, state: State) -> Iterator[Event]:
    """One more wallet in custody. The one it replaces, if any, holds nothing any more."""
    reason = _opening_refusal(command, holding, state)
    if reason is not None:
        yield refused(command, reason)
        return
    wallet_id, replaced = command.wallet_id, command.replaces
    owner = None if replaced is None else holding.custody.owners.get(replaced)
    there, shut = holding.keeper.balance(wallet_id), holding.shut(state.now)
    holding.custody.add(wallet_id, owner)
    holding.open_wallet(wallet_id, state.ledger)
    if replaced is not None:
        holding.replaced[wallet_id] = replaced
    yield VenueWalletOpened(asset_id=command.asset_id, wallet_id=wallet_id, replaces=replaced)
    if owner is not None and replaced is not None:
        cash = [accounts.cash(owner, command.asset_id)]
        yield from loosen(state.seats[owner], replaced, cash, "replaced", state, restricts=True)
    if there:
        yield from take_in(wallet_id, there, holding, state)
    if shut is not None and holding.shut(state.now) is None:
        yield from margining.renew_calls(command.asset_id, state)


def _opening_refusal(command: OpenVenueWallet, holding: Holding, state: State) -> CashRefusal | None:
    replaced = command.replaces
    return first_refusal(
        (replaced is not None and not holding.is_of_the_venue(replaced), CashRefusal.UNKNOWN_WALLET),
        (any(s.wallet_id == command.wallet_id for s in state.seats.values()), CashRefusal.WALLET_TAKEN),
        (command.wallet_id in holding.keeper.own_wallets, CashRefusal.WALLET_TAKEN),
        (holding.is_of_the_venue(command.wallet_id), CashRefusal.WALLET_OF_THE_VENUE),
        (replaced is not None and holding.keeper.balance(replaced) > 0, CashRefusal.WALLET_IN_USE),
    )
