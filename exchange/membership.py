"""The road of clearing members: who clears through whom, who takes over clients, and the fund that members keep.

A client has accounts of its own, so a member's failure does not reach them: only its guarantee is gone. In an omnibus
account it also stands for what fellow clients lose, once the member cannot.
"""

from collections.abc import Iterator

from exchange import trading
from exchange.access.regime import ApplicantKind
from exchange.clearing import fund
from exchange.clearing.liquidation import MarginState
from exchange.clearing.margin import MarginCover
from exchange.clearing.margin_accounts import MarginAccount
from exchange.clearing.pricing import mark_of_option
from exchange.clearing.waterfall import pool_shares
from exchange.commands import (
    AcceptClient,
    AppointMember,
    ChooseMember,
    DeclineClient,
    EndFundCall,
    OfferToPort,
    Segregation,
    SizeFund,
)
from exchange.events import (
    CancelCause,
    ClearingRequestRejected,
    ClientApplied,
    ClientDeclined,
    DirectiveRefused,
    Event,
    FundCalled,
    FundContributionChanged,
    FundSized,
    MemberAppointed,
    MemberAsked,
    MemberChosen,
    ParticipantStateChanged,
    PortingOffered,
)
from exchange.reasons import ClearingRefusal
from exchange.rules.cover import beyond_capacity, soft_watch
from exchange.state import Seat, State
from exchange.units import Money
from matching.terms import ParticipantId, Price

# --- members and clients --------------------------------------------------------------------------------


def appoint_member(command: AppointMember, state: State) -> Iterator[Event]:
    seat = state.seats.get(command.participant_id)
    if seat is None or not _may_be_appointed(seat, state):
        yield DirectiveRefused(
            directive=f"appoint {command.participant_id}",
            explanation="a clearing member is a company or an institution that is inside and none yet, with nothing "
            "in the pool of a failed member",
        )
        return
    seat.is_member, seat.segregation, seat.pool, seat.asked = True, command.segregation, None, None
    _stand_behind(seat, None, state)
    yield MemberAppointed(member_id=seat.participant_id, segregation=seat.segregation)
    if state.covers.margin is not None:
        yield from _size(state.covers.margin, state)


def _may_be_appointed(seat: Seat, state: State) -> bool:
    if seat.defaulted or seat.is_member or seat.applicant.kind is ApplicantKind.INDIVIDUAL:
        return False
    return not _is_tied(seat, state)


def choose_member(command: ChooseMember, state: State) -> Iterator[Event]:
    """The member is asked, if it might take the participant on; until it accepts, all stays as it is."""
    reason = _choice_refusal(command.participant_id, command.member_id, state)
    if reason is not None:
        yield _rejected(command, reason)
        return
    seat, member = state.seats[command.participant_id], state.seats[command.member_id]
    seat.asked = member.participant_id
    yield MemberAsked(participant_id=seat.participant_id, member_id=member.participant_id)
    yield ClientApplied(
        participant_id=member.participant_id,
        client_id=seat.participant_id,
        at_risk=state.covers.at_risk(seat.participant_id),
        clients=len(clients_of(member, state)),
    )


def accept_client(command: AcceptClient, state: State) -> Iterator[Event]:
    """From now on the member stands in for the client, if its own funds still bear what the client risks."""
    reason = _answer_refusal(command, state) or _choice_refusal(
        command.client_id, command.participant_id, state
    )
    if reason is not None:
        yield _rejected(command, reason)
        return
    client = state.seats[command.client_id]
    _move_to(state.seats[command.participant_id], client, state)
    yield MemberChosen(participant_id=client.participant_id, member_id=client.member_id, ported=False)


def decline_client(command: DeclineClient, state: State) -> Iterator[Event]:
    """The request falls; the client stays with whom it was."""
    reason = _answer_refusal(command, state)
    if reason is not None:
        yield _rejected(command, reason)
        return
    state.seats[command.client_id].asked = None
    yield ClientDeclined(
        participant_id=command.client_id, member_id=command.participant_id, grounds=command.grounds
    )


def _answer_refusal(command: AcceptClient | DeclineClient, state: State) -> ClearingRefusal | None:
    member, client = state.seats.get(command.participant_id), state.seats.get(command.client_id)
    if member is None or client is None:
        return ClearingRefusal.UNKNOWN_PARTICIPANT
    if not member.is_member:
        return ClearingRefusal.NOT_A_MEMBER
    return None if client.asked == member.participant_id else ClearingRefusal.NOT_ASKED


def _choice_refusal(
    client_id: ParticipantId, member_id: ParticipantId, state: State
) -> ClearingRefusal | None:
    seat, member = state.seats.get(client_id), state.seats.get(member_id)
    if seat is None:
        return ClearingRefusal.UNKNOWN_PARTICIPANT
    if member is None or not member.is_member:
        return ClearingRefusal.NOT_A_MEMBER
    if seat.is_member:
        return ClearingRefusal.IS_A_MEMBER
    if seat.defaulted or member.defaulted:
        return ClearingRefusal.DEFAULTED
    if member.fund_overdue:
        return ClearingRefusal.FUND_OVERDUE
    if _is_tied(seat, state):
        return ClearingRefusal.TIED_TO_POOL
    added = 0 if seat.member_id == member.participant_id else state.covers.at_risk(seat.participant_id)
    beyond = beyond_capacity(member.participant_id, added, state)
    return ClearingRefusal.MEMBER_CAPACITY if beyond else None


def _rejected(
    command: ChooseMember | AcceptClient | DeclineClient | OfferToPort, reason: ClearingRefusal
) -> ClearingRequestRejected:
    return ClearingRequestRejected(
        participant_id=command.participant_id, request=type(command).__name__, reason=reason
    )


def offer_to_port(command: OfferToPort, state: State) -> Iterator[Event]:
    """It holds for members that fail later, and for pools of failed ones that nobody has taken over yet."""
    reason = _offer_refusal(command, state)
    if reason is not None:
        yield _rejected(command, reason)
        return
    state.seats[command.participant_id].porting_offer = command.most_margin
    yield PortingOffered(participant_id=command.participant_id, most_margin=command.most_margin)
    for failed in [seat for seat in state.seats.values() if seat.is_member and seat.defaulted]:
        left = [client for client in pool_of(failed, state) if client.unguaranteed]
        taker = _taker(left, failed, state) if left else None
        if taker is not None:
            yield from _port(left, taker, state)


def _offer_refusal(command: OfferToPort, state: State) -> ClearingRefusal | None:
    seat = state.seats.get(command.participant_id)
    if seat is None:
        return ClearingRefusal.UNKNOWN_PARTICIPANT
    if not seat.is_member:
        return ClearingRefusal.NOT_A_MEMBER
    if seat.defaulted:
        return ClearingRefusal.DEFAULTED
    return ClearingRefusal.AMOUNT_NEGATIVE if command.most_margin < 0 else None


def clients_of(member: Seat, state: State) -> list[Seat]:
    return [seat for seat in state.seats.values() if seat.member_id == member.participant_id]


# --- porting --------------------------------------------------------------------------------------------


def port_clients(failed: Seat, state: State) -> Iterator[Event]:
    """Clients go, with positions and collateral, to the first member that offers and may take them: each by itself,
    those of an omnibus account all together or not at all.

    Members come in the order of their ids. Whom nobody takes keeps what it has, and may only reduce unless it
    finds a member itself.
    """
    clients = [client for client in clients_of(failed, state) if not _is_closed(client, state)]
    pooled = failed.segregation is Segregation.OMNIBUS
    for together in [clients] if pooled and clients else [[client] for client in clients]:
        taker = _taker(together, failed, state)
        if taker is None:
            yield from _leave(together, state)
        else:
            yield from _port(together, taker, state)


def _port(together: list[Seat], taker: Seat, state: State) -> Iterator[Event]:
    taker.porting_offer -= _initial_of(together, state)
    for client in together:
        _move_to(taker, client, state)
        yield MemberChosen(participant_id=client.participant_id, member_id=client.member_id, ported=True)


def _leave(together: list[Seat], state: State) -> Iterator[Event]:
    for client in together:
        _stand_behind(client, None, state)
        client.unguaranteed = True
        yield MemberChosen(participant_id=client.participant_id, member_id=None, ported=False)


def _move_to(member: Seat, client: Seat, state: State) -> None:
    """The client's collateral lies where the member keeps that of its clients."""
    _stand_behind(client, member.participant_id, state)
    client.pool = member.participant_id if member.segregation is Segregation.OMNIBUS else None
    client.unguaranteed, client.asked = False, None


def _stand_behind(seat: Seat, member_id: ParticipantId | None, state: State) -> None:
    seat.member_id = member_id
    seat.soft_watch = soft_watch(seat, state)
    state.covers.stand_behind(seat.participant_id, seat.participant_id if seat.is_member else member_id)


def _taker(together: list[Seat], failed: Seat, state: State) -> Seat | None:
    if _has_a_hole(together, failed, state):
        return None
    return next((member for member in _offering(state) if _would_take(member, together, state)), None)


def _has_a_hole(together: list[Seat], failed: Seat, state: State) -> bool:
    """Nobody takes over a client in default, nor a pool in which a loss is not made good."""
    unpaid = _client_losses(failed, state) if failed.segregation is Segregation.OMNIBUS else 0
    return unpaid > 0 or any(client.defaulted for client in together)


def _offering(state: State) -> list[Seat]:
    members = [seat for seat in state.seats.values() if seat.is_member and not seat.defaulted]
    return sorted((m for m in members if m.porting_offer), key=lambda seat: seat.participant_id)


def _would_take(member: Seat, together: list[Seat], state: State) -> bool:
    at_risk = sum(state.covers.at_risk(client.participant_id) for client in together)
    if member.fund_overdue or beyond_capacity(member.participant_id, at_risk, state):
        return False
    return _initial_of(together, state) <= member.porting_offer


def _initial_of(together: list[Seat], state: State) -> Money:
    return sum(_initial(client, state.covers.margin) for client in together)


def _initial(seat: Seat, margin: MarginCover | None) -> Money:
    account = None if margin is None else margin.accounts.get(seat.participant_id)
    return 0 if account is None else account.initial


# --- omnibus accounts -----------------------------------------------------------------------------------


def pool_of(member: Seat, state: State) -> list[Seat]:
    """Whose collateral lies in the member's omnibus account; a defaulter whose case is closed is out of it."""
    return [
        seat
        for seat in state.seats.values()
        if seat.pool == member.participant_id and not _is_closed(seat, state)
    ]


def drawn_from_pool(defaulter: Seat, loss: Money, state: State) -> dict[ParticipantId, Money]:
    """What fellow clients in an omnibus account give for a loss, of the collateral that each has there.

    It is reached once their member has failed: by the loss of a client, and by that of the member itself as far as
    it is its clients' losses that the member has not paid. Its own losses never reach clients.
    """
    margin = state.covers.by_margin
    if defaulter.is_member:
        member, reaches = defaulter, min(loss, _client_losses(defaulter, state))
    elif defaulter.pool is not None and state.seats[defaulter.pool].defaulted:
        member, reaches = state.seats[defaulter.pool], loss
    else:
        return {}
    fellows = [seat.participant_id for seat in pool_of(member, state) if not seat.defaulted]
    accounts = {who: margin.accounts[who] for who in fellows if who in margin.accounts}
    worth = margin.conversion.worth
    pool = {who: worth(state.ledger.posted(one.collateral)) for who, one in accounts.items()}
    return pool_shares(reaches, pool)


def _is_tied(seat: Seat, state: State) -> bool:
    """Whether something of it lies in the pool of a failed member, which it cannot leave alone."""
    failed = seat.pool is not None and state.seats[seat.pool].defaulted
    return failed and state.covers.locked(seat.participant_id) > 0


def _is_closed(seat: Seat, state: State) -> bool:
    margin = state.covers.margin
    account = None if margin is None else margin.accounts.get(seat.participant_id)
    return account is not None and account.state is MarginState.CLOSED


def _client_losses(member: Seat, state: State) -> Money:
    account = None if state.covers.margin is None else state.covers.margin.accounts.get(member.participant_id)
    return 0 if account is None else account.client_losses


# --- the default fund -----------------------------------------------------------------------------------


def promise_fund(state: State) -> None:
    """The fund is sized once a day, at the venue's close."""
    closes = [session.closes for session in state.sessions if session.closes > state.now]
    if closes:
        state.agenda.promise(min(closes), SizeFund())


def size_fund(_duty: SizeFund, state: State) -> Iterator[Event]:
    """Large enough for the failure of the largest groups in the worst of the stresses; each member pays its share,
    and is called for what it cannot bring at once."""
    promise_fund(state)
    yield from _size(state.covers.by_margin, state)


def _size(margin: MarginCover, state: State) -> Iterator[Event]:
    members = sorted(s.participant_id for s in state.seats.values() if s.is_member and not s.defaulted)
    own = {who: margin.margin_account(state.seats[who]) for who in members}
    skin = margin.rules.waterfall.skin_in_the_game
    booked, prices = len(state.ledger.history), prices_of(margin)
    by_group = fund.by_group(stressed_losses(margin, state), groups(margin, state))
    one, two = fund.cover(1, by_group), fund.cover(2, by_group)
    covered = fund.cover(margin.rules.fund.cover, by_group)
    wanted = fund.fund_size(covered, skin)
    margins = {who: _margin_behind(who, margin, state) for who in members}
    shares = _shares(wanted, margins, margin)
    paid_in = 0
    for who, share in shares.items():
        account = own[who]
        missing = _bring_to(account, margin.conversion.needed(share), state)
        paid_in += margin.conversion.counts(state.ledger.posted(account.fund))
        state.contributions[who] = share
        yield FundContributionChanged(participant_id=who, asset_id=margin.cash, share=share, missing=missing)
        yield from _call_for_share(who, missing, margin, state)
    uncovered = fund.uncovered(covered, paid_in, skin)
    largest = margin.rules.fund.cover
    state.sized = fund.Sized(state.now, booked, prices, by_group, largest, shares, paid_in, skin, uncovered)
    yield FundSized(
        asset_id=margin.cash,
        cover_one=one,
        cover_two=two,
        fund=sum(shares.values()),
        paid_in=paid_in,
        uncovered=uncovered,
    )


def prices_of(margin: MarginCover) -> tuple[Price, ...]:
    """Of the coin, and of all portfolios, forwards and marks: what stressed losses follow from, beside positions
    and collateral."""
    marks = (p for one in margin.portfolios.values() for p in (one.forward, *one.marks.values()))
    return (margin.conversion.price_ppm, *marks)


def _shares(
    wanted: Money, margins: dict[ParticipantId, Money], margin: MarginCover
) -> dict[ParticipantId, Money]:
    """Without a member there is nobody to pay; without any margin everybody pays the minimum."""
    if not margins:
        return {}
    minimum = margin.rules.fund.minimum
    if not any(margins.values()):
        return dict.fromkeys(margins, minimum)
    return fund.contributions(wanted, margins, minimum)


def _margin_behind(member_id: ParticipantId, margin: MarginCover, state: State) -> Money:
    """Initial margin of a member and of those for whom it stands in."""
    seat = state.seats[member_id]
    return sum(_initial(one, margin) for one in (seat, *clients_of(seat, state)))


def _bring_to(account: MarginAccount, share: Money, state: State) -> Money:
    """Move the member's free coins into the fund, or give back those that are too many; how many are missing."""
    held, cash = state.ledger.posted(account.fund), account.holder.cash_account
    if held > share:
        state.ledger.book([(account.fund, cash, held - share)], state.now)
        return 0
    free = 0 if account.holder.frozen else account.conversion.spared(max(account.excess, 0))
    free = min(free, state.ledger.available(cash))
    brought = min(share - held, free)
    if brought:
        state.ledger.book([(cash, account.fund, brought)], state.now)
    return share - held - brought


def _call_for_share(who: ParticipantId, missing: Money, margin: MarginCover, state: State) -> Iterator[Event]:
    """Call for what is missing, unless a call is open: the due time of the first one stands."""
    if not missing:
        yield from _paid_up(who, state)
    elif who not in state.fund_calls:
        due = state.fund_calls[who] = state.now + margin.rules.fund.grace
        state.agenda.promise(due, EndFundCall(participant_id=who, due=due))
        yield FundCalled(participant_id=who, asset_id=margin.cash, amount=missing, due=due)


def collect_shares(state: State) -> Iterator[Event]:
    """Whatever has come in since goes to the fund first."""
    for who in list(state.fund_calls):
        yield from _collect(who, state)


def _collect(who: ParticipantId, state: State) -> Iterator[Event]:
    margin, share = state.covers.by_margin, state.contributions[who]
    account = margin.accounts[who]
    before = state.ledger.posted(account.fund)
    missing = _bring_to(account, margin.conversion.needed(share), state)
    if state.ledger.posted(account.fund) != before:
        yield FundContributionChanged(participant_id=who, asset_id=margin.cash, share=share, missing=missing)
    if not missing:
        yield from _paid_up(who, state)


def _paid_up(who: ParticipantId, state: State) -> Iterator[Event]:
    seat = state.seats[who]
    before, seat.fund_overdue = seat.state, False
    state.fund_calls.pop(who, None)
    if seat.state is not before:
        yield ParticipantStateChanged(participant_id=who, state=seat.state)


def end_fund_call(duty: EndFundCall, state: State) -> Iterator[Event]:
    """A member that still misses a part of its share may only reduce, and takes on nobody, until it has paid."""
    who = duty.participant_id
    if state.fund_calls.get(who) != duty.due:
        return
    yield from _collect(who, state)
    if who in state.fund_calls:
        seat = state.seats[who]
        before, seat.fund_overdue = seat.state, True
        yield from trading.cancel_orders_of(seat, CancelCause.PARTICIPANT_RESTRICTED, state)
        if seat.state is not before:
            yield ParticipantStateChanged(participant_id=who, state=seat.state)


def groups(margin: MarginCover, state: State) -> dict[ParticipantId, str]:
    """With whom each account fails: clients with their member."""
    return {who: state.seats[who].member_id or who for who in margin.accounts}


def stressed_losses(margin: MarginCover, state: State) -> dict[ParticipantId, Money]:
    """What each account would lose beyond its own money in the worst of the stresses."""
    losses = {}
    for who, account in margin.accounts.items():
        if account.has_positions:
            stresses = [sum(row) for row in zip(*stress_table(account, margin, state), strict=True)]
            losses[who] = fund.loss_over_margin(
                stresses,
                margin.conversion.counts(state.ledger.posted(account.collateral)),
                margin.conversion.counts(state.ledger.posted(account.fund)),
            )
    return losses


def stress_table(account: MarginAccount, margin: MarginCover, state: State) -> list[list[Money]]:
    """By position, what each of the stress moves would take from it at the marks of now; a gain is negative."""
    table = []
    for part, instrument_id, held in account.positions():
        instrument, mark = part.portfolio.instruments[instrument_id], part.portfolio.marks[instrument_id]
        if part.portfolio.is_option[instrument_id]:
            left = max(instrument.expiry - state.now, 0)
            forwards = fund.stressed_prices(part.portfolio.forward, margin.rules.fund)
            volatility = margin.rules.scenarios.volatility_bp
            stressed = [mark_of_option(instrument, price, left, volatility) for price in forwards]
        else:
            stressed = list(fund.stressed_prices(mark, margin.rules.fund))
        table.append([held * (mark - price) * part.portfolio.tick_value for price in stressed])
    return table
