"""The road of clearing members: who clears through whom, who takes over clients, and the fund that members keep.

A client has accounts of its own, so a member's failure does not reach them: only its guarantee is gone.
"""

from collections.abc import Iterator

from exchange.access.regime import ApplicantKind
from exchange.clearing import fund
from exchange.clearing.margin import MarginCover
from exchange.clearing.margin_accounts import MarginAccount
from exchange.clearing.pricing import mark_of_option
from exchange.commands import (
    AppointMember,
    ChooseMember,
    OfferToPort,
    SizeFund,
)
from exchange.events import (
    ClearingRequestRejected,
    DirectiveRefused,
    Event,
    FundContributionChanged,
    FundSized,
    MemberAppointed,
    MemberChosen,
    PortingOffered,
)
from exchange.reasons import ClearingRefusal
from exchange.rules.cover import beyond_capacity
from exchange.state import Seat, State
from exchange.units import Money
from matching.terms import ParticipantId, Price

# --- members and clients --------------------------------------------------------------------------------


def appoint_member(command: AppointMember, state: State) -> Iterator[Event]:
    seat = state.seats.get(command.participant_id)
    if seat is None or seat.defaulted or seat.is_member or seat.applicant.kind is ApplicantKind.INDIVIDUAL:
        yield DirectiveRefused(
            directive=f"appoint {command.participant_id}",
            explanation="a clearing member is a company or an institution that is inside and none yet",
        )
        return
    seat.is_member = True
    _stand_behind(seat, None, state)
    yield MemberAppointed(member_id=seat.participant_id)
    if state.covers.margin is not None:
        yield from _size(state.covers.margin, state)


def choose_member(command: ChooseMember, state: State) -> Iterator[Event]:
    """From now on that member stands in for the participant, if its own funds bear what the participant risks."""
    reason = _choice_refusal(command, state)
    if reason is not None:
        yield ClearingRequestRejected(
            participant_id=command.participant_id, request=type(command).__name__, reason=reason
        )
        return
    seat = state.seats[command.participant_id]
    _stand_behind(seat, command.member_id, state)
    seat.unguaranteed = False
    yield MemberChosen(participant_id=seat.participant_id, member_id=seat.member_id, ported=False)


def _choice_refusal(command: ChooseMember, state: State) -> ClearingRefusal | None:
    seat, member = state.seats.get(command.participant_id), state.seats.get(command.member_id)
    if seat is None:
        return ClearingRefusal.UNKNOWN_PARTICIPANT
    if member is None or not member.is_member:
        return ClearingRefusal.NOT_A_MEMBER
    if seat.is_member:
        return ClearingRefusal.IS_A_MEMBER
    if seat.defaulted or member.defaulted:
        return ClearingRefusal.DEFAULTED
    added = 0 if seat.member_id == member.participant_id else state.covers.at_risk(seat.participant_id)
    beyond = beyond_capacity(member.participant_id, added, state)
    return ClearingRefusal.MEMBER_CAPACITY if beyond else None


def offer_to_port(command: OfferToPort, state: State) -> Iterator[Event]:
    reason = _offer_refusal(command, state)
    if reason is not None:
        yield ClearingRequestRejected(
            participant_id=command.participant_id, request=type(command).__name__, reason=reason
        )
        return
    state.seats[command.participant_id].porting_offer = command.most_margin
    yield PortingOffered(participant_id=command.participant_id, most_margin=command.most_margin)


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


def port_clients(failed: Seat, state: State) -> Iterator[Event]:
    """Each client goes, with its positions and collateral, to the first member that offers and may take it.

    Members come in the order of their ids. Whom nobody takes keeps what it has, and may only reduce unless it
    finds a member itself.
    """
    margin = state.covers.margin
    for client in clients_of(failed, state):
        taker = next((m for m in _offering(state) if _would_take(m, client, margin, state)), None)
        _stand_behind(client, None if taker is None else taker.participant_id, state)
        client.unguaranteed = taker is None
        if taker is not None:
            taker.porting_offer -= _initial(client, margin)
        yield MemberChosen(
            participant_id=client.participant_id, member_id=client.member_id, ported=taker is not None
        )


def _stand_behind(seat: Seat, member_id: ParticipantId | None, state: State) -> None:
    seat.member_id = member_id
    state.covers.stand_behind(seat.participant_id, seat.participant_id if seat.is_member else member_id)


def _offering(state: State) -> list[Seat]:
    members = [seat for seat in state.seats.values() if seat.is_member and not seat.defaulted]
    return sorted((m for m in members if m.porting_offer), key=lambda seat: seat.participant_id)


def _would_take(member: Seat, client: Seat, margin: MarginCover | None, state: State) -> bool:
    if beyond_capacity(member.participant_id, state.covers.at_risk(client.participant_id), state):
        return False
    return _initial(client, margin) <= member.porting_offer


def _initial(seat: Seat, margin: MarginCover | None) -> Money:
    account = None if margin is None else margin.accounts.get(seat.participant_id)
    return 0 if account is None else account.initial


# --- the default fund -----------------------------------------------------------------------------------


def promise_fund(state: State) -> None:
    """The fund is sized once a day, at the venue's close."""
    closes = [session.closes for session in state.sessions if session.closes > state.now]
    if closes:
        state.agenda.promise(min(closes), SizeFund())


def size_fund(_duty: SizeFund, state: State) -> Iterator[Event]:
    """Large enough for the failure of the largest groups in the worst of the stresses; each member pays its share."""
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
        missing = _bring_to(own[who], share, state)
        paid_in += state.ledger.posted(own[who].fund)
        state.contributions[who] = share
        yield FundContributionChanged(participant_id=who, asset_id=margin.cash, share=share, missing=missing)
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
    """Of all portfolios, forwards and marks: what stressed losses follow from, beside positions and collateral."""
    return tuple(p for one in margin.portfolios.values() for p in (one.forward, *one.marks.values()))


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
    """Move the member's free cash into the fund, or give back what is too much; what is missing."""
    held, cash = state.ledger.posted(account.fund), account.holder.cash_account
    if held > share:
        state.ledger.book([(account.fund, cash, held - share)], state.now)
        return 0
    free = 0 if account.holder.frozen else max(min(state.ledger.available(cash), account.excess), 0)
    brought = min(share - held, free)
    if brought:
        state.ledger.book([(cash, account.fund, brought)], state.now)
    return share - held - brought


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
                stresses, state.ledger.posted(account.collateral), state.ledger.posted(account.fund)
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
