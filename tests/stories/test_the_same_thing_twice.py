"""Everything that is asked for once more: the second time it changes nothing, and its sender is told so.

What has a number of its own exists already; what has none is refused, with a reason.
"""

from random import Random

import pytest

from exchange.access.regime import Applicant, ApplicantKind, MarketRules, Regime
from exchange.audit import audit
from exchange.commands import (
    AmendOrder,
    ApplyForAccess,
    CancelAll,
    CancelOrder,
    ChooseMember,
    Command,
    DepositCash,
    EstablishVenue,
    FreezeParticipant,
    FreezeWallet,
    HaltInstrument,
    ListInstrument,
    MintCoins,
    NumberedRequest,
    PauseIssuer,
    PlaceOrder,
    Quote,
    QuoteMarket,
    RecordFiatReceipt,
    SessionTerms,
    SuspendParticipant,
    UnfreezeWallet,
    WithdrawCash,
)
from exchange.core import Exchange
from exchange.events import (
    CoinRequestRefused,
    DirectiveRefused,
    Entry,
    Event,
    OrderAccepted,
    OrderCanceled,
    OrderRejected,
    ParticipantRefused,
    RequestExists,
    RequestRejected,
)
from exchange.journal import RecordDigest
from exchange.messages import changed
from exchange.reasons import AccessRefusal, CashRefusal, RejectReason
from exchange.units import HOUR, MINUTE, SECOND, InstrumentId, Time, WalletId
from matching.terms import OrderId, ParticipantId
from matching.triggers import PriceSource
from tests.builders import (
    ANN,
    BOB,
    BTCF,
    BUY,
    CLOSES,
    CYD,
    OPENS,
    RUBD,
    SELL,
    Venue,
    a_patient_index,
    a_regime,
    a_risk_regime,
    future,
    of_kind,
)

SIGNED = ("issuer", "central_bank")
VENUE_WALLET, WALLET = WalletId("venue-1"), WalletId("wallet-ann")
MINT = MintCoins(asset_id=RUBD, minter="minter", receipt_id="later", wallet_id=WALLET, amount=500)


def a_venue(regime: Regime | None = None) -> Venue:
    """Ann has an order, a receipt of 500 waits to be minted against, and Bob has only come in."""
    venue = Venue(regime=regime)
    venue.admit(ANN, 10_000_000)
    venue.admit(BOB, 10_000_000)
    venue.rest(ANN, BUY, 1, 80_000)
    venue.tell(RecordFiatReceipt(asset_id=RUBD, receipt_id="later", amount=500))
    return venue


def picture(venue: Venue) -> tuple[object, ...]:
    """All that money and rights are made of."""
    state, coin = venue.state, venue.state.holdings[RUBD]
    return (
        {a.account_id: state.ledger.balance(a.account_id) for a in state.ledger.accounts()},
        state.ledger.head(),
        coin.issuer.head(),
        (coin.issuer.supply, coin.issuer.reserves, coin.issuer.allowance("minter"), coin.frozen),
        {who: (seat.state, seat.limit, list(seat.orders)) for who, seat in state.seats.items()},
        {name: series.state for name, series in state.series.items()},
    )


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (RecordFiatReceipt(asset_id=RUBD, receipt_id="once", amount=9), CashRefusal.RECEIPT_ALREADY_USED),
        (MINT, CashRefusal.RECEIPT_ALREADY_USED),
        (
            FreezeWallet(asset_id=RUBD, wallet_id=VENUE_WALLET, order_ref="1", signatures=SIGNED),
            CashRefusal.ALREADY_FROZEN,
        ),
        (
            FreezeWallet(asset_id=RUBD, wallet_id=WALLET, order_ref="1", signatures=SIGNED),
            CashRefusal.ALREADY_FROZEN,
        ),
        (PauseIssuer(asset_id=RUBD, signatures=SIGNED), CashRefusal.ISSUER_PAUSED),
        (FreezeParticipant(participant_id=ANN, order_ref="court 1"), "freeze ann"),
        (SuspendParticipant(participant_id=ANN), "suspend ann"),
        (HaltInstrument(instrument_id=BTCF), f"halt {BTCF}"),
        (ListInstrument(instrument=future(instrument_id="BTC_RUBD-MORE")), "list BTC_RUBD-MORE"),
        (CancelOrder(participant_id=ANN, order_id=OrderId(1)), RejectReason.UNKNOWN_ORDER),
        (
            ApplyForAccess(
                participant_id=ParticipantId("dan"),
                applicant=Applicant(kind=ApplicantKind.INDIVIDUAL),
                wallet_id=WalletId("wallet-dan"),
            ),
            AccessRefusal.ALREADY_ADMITTED,
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_second_time_is_refused_and_changes_nothing(command: Command, reason: str) -> None:
    """F23: a receipt, a mint, a freeze, a pause, a directive, a cancel and an application."""
    venue = a_venue()
    assert not isinstance(venue.tell(command)[0], _REFUSALS)
    after_once = picture(venue)
    (refused,) = venue.tell(command)
    assert isinstance(refused, _REFUSALS)
    assert reason in (getattr(refused, "reason", None), getattr(refused, "directive", None))
    assert picture(venue) == after_once


_REFUSALS: tuple[type[Event], ...] = (
    CoinRequestRefused,
    DirectiveRefused,
    RequestRejected,
    ParticipantRefused,
)


def test_a_venue_is_founded_once() -> None:
    venue = a_venue()
    before = picture(venue)
    (refused,) = venue.tell(EstablishVenue(assets=(), indices=(), cash=(), sessions=()))
    assert isinstance(refused, DirectiveRefused)
    assert picture(venue) == before


def test_a_second_order_to_thaw_what_is_thawed_is_refused_too() -> None:
    venue = a_venue()
    freeze = FreezeWallet(asset_id=RUBD, wallet_id=VENUE_WALLET, order_ref="1", signatures=SIGNED)
    thaw = UnfreezeWallet(asset_id=RUBD, wallet_id=VENUE_WALLET, order_ref="2", signatures=SIGNED)
    venue.tell(freeze)
    venue.tell(thaw)
    (refused,) = venue.tell(thaw)
    assert isinstance(refused, CoinRequestRefused) and refused.reason is CashRefusal.NOT_FROZEN


def test_a_receipt_can_be_minted_against_in_parts_but_never_beyond_itself() -> None:
    venue = a_venue()
    part = MintCoins(asset_id=RUBD, minter="minter", receipt_id="later", wallet_id=WALLET, amount=300)
    venue.tell(part)
    (refused,) = venue.tell(part)
    assert isinstance(refused, CoinRequestRefused) and refused.reason is CashRefusal.AMOUNT_ABOVE_RECEIPT
    assert venue.state.holdings[RUBD].issuer.balance(WALLET) == 300
    assert venue.now == OPENS


@pytest.mark.parametrize("wallet_id", [WALLET, VENUE_WALLET])
def test_a_wallet_has_one_owner(wallet_id: WalletId) -> None:
    """Whoever could name another's wallet as its own could deposit what is in it to its own account."""
    venue = a_venue()
    before = picture(venue)
    who = Applicant(kind=ApplicantKind.INDIVIDUAL)
    (refused,) = venue.tell(ApplyForAccess(participant_id=CYD, applicant=who, wallet_id=wallet_id))
    assert isinstance(refused, ParticipantRefused) and refused.reason is AccessRefusal.WALLET_TAKEN
    assert picture(venue) == before


# --- under a number of its own --------------------------------------------------------------------------

BID = PlaceOrder(
    participant_id=BOB, client_order_id=5, instrument_id=BTCF, side=BUY, quantity=2, price=78_000
)


@pytest.mark.parametrize(
    "command",
    [
        BID,
        changed(BID, client_order_id=6, price=None),  # finds nobody, and is refused
        changed(BID, client_order_id=7, instrument_id=InstrumentId("NONE")),
        changed(BID, client_order_id=8, trigger_source=PriceSource.LAST, trigger_price=82_000),
        AmendOrder(participant_id=ANN, request_id=1, order_id=OrderId(1), price=80_000, quantity=3),
        CancelOrder(participant_id=ANN, request_id=1, order_id=OrderId(1)),
        CancelAll(participant_id=ANN, request_id=1),
        QuoteMarket(
            participant_id=BOB,
            request_id=1,
            client_order_id=1,
            instrument_id=BTCF,
            quotes=(Quote(side=BUY, price=77_000, quantity=1),),
        ),
        WithdrawCash(participant_id=ANN, request_id=1, asset_id=RUBD, amount=300),
        DepositCash(participant_id=ANN, request_id=1, asset_id=RUBD, amount=100),
        ChooseMember(participant_id=ANN, request_id=1, member_id=BOB),
    ],
    ids=lambda command: type(command).__name__,
)
@pytest.mark.parametrize("regime", [a_regime(), a_risk_regime()], ids=["full", "risk"])
def test_a_numbered_request_is_done_once(command: PlaceOrder | NumberedRequest, regime: Regime) -> None:
    """F23: twice, and once more after others have traded; refused the first time or not."""
    venue = a_venue(regime)
    venue.tell(MINT)  # for the deposit
    venue.tell(command)
    for _ in range(2):
        before = picture(venue)
        (told,) = venue.tell(command)
        assert isinstance(told, RequestExists) and told.request == type(command).__name__
        assert picture(venue) == before
        venue.place(BOB, SELL, 1, 79_000)


def test_a_repeat_is_told_which_order_it_was() -> None:
    venue = a_venue()
    (accepted,) = venue.tell(BID)
    assert isinstance(accepted, OrderAccepted)
    (told,) = venue.tell(BID)
    assert isinstance(told, RequestExists)
    assert (told.number, told.order_id) == (5, accepted.order_id)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (BID, changed(BID, quantity=3)),
        (
            WithdrawCash(participant_id=ANN, request_id=1, asset_id=RUBD, amount=300),
            WithdrawCash(participant_id=ANN, request_id=1, asset_id=RUBD, amount=301),
        ),
        (
            WithdrawCash(participant_id=ANN, request_id=1, asset_id=RUBD, amount=300),
            CancelAll(participant_id=ANN, request_id=1),
        ),
    ],
)
def test_another_request_under_a_number_that_is_taken_is_refused(first: Command, second: Command) -> None:
    venue = a_venue()
    venue.tell(first)
    before = picture(venue)
    (refused,) = venue.tell(second)
    assert isinstance(refused, RequestRejected)
    assert refused.reason is RejectReason.EXISTS_WITH_DIFFERENT_TERMS
    assert picture(venue) == before


def test_without_a_number_everything_is_asked_anew_and_numbers_are_each_ones_own() -> None:
    venue = a_venue()
    for command in (changed(BID, client_order_id=0),) * 2 + (BID, changed(BID, participant_id=ANN)):
        assert of_kind(venue.tell(command), OrderAccepted)
    cancel = CancelAll(participant_id=BOB, request_id=5)  # beside the order of that number
    assert of_kind(venue.tell(cancel), OrderCanceled)


def test_repeats_do_not_count_among_the_requests_of_a_second() -> None:
    venue = a_venue(a_regime(market=MarketRules(max_requests_per_second=2)))
    venue.wait_until(venue.now + SECOND)
    for _ in range(5):
        venue.tell(BID)
    assert of_kind(venue.tell(changed(BID, client_order_id=6)), OrderAccepted)
    (refused,) = of_kind(venue.tell(changed(BID, client_order_id=7)), OrderRejected)
    assert refused.reason is RejectReason.TOO_MANY_REQUESTS


def test_a_number_is_known_for_its_session_and_the_next_one() -> None:
    days = [OPENS + n * 24 * HOUR for n in range(3)]
    sessions = tuple(SessionTerms(opens=day, closes=day + HOUR) for day in days)
    venue = Venue(future(expiry=days[2] + 30 * MINUTE), sessions=sessions, index=a_patient_index())
    venue.admit(BOB, 10_000_000)
    assert of_kind(venue.tell(BID), OrderAccepted)
    venue.wait_until(days[1])
    assert of_kind(venue.tell(BID), RequestExists)
    venue.wait_until(days[2])
    assert of_kind(venue.tell(BID), OrderAccepted)


# --- a storm, and a crash in it -------------------------------------------------------------------------


SENT = 60


def a_storm(dice: Random) -> list[tuple[Time, Command]]:
    """Sixty numbered messages of three people, each sent up to three times, late and out of order."""
    sent: list[tuple[Time, Command]] = []
    for number in range(1, SENT + 1):
        who = dice.choice((ANN, BOB, CYD))
        at = OPENS + number * SECOND
        message = dice.choice(
            (
                PlaceOrder(
                    participant_id=who,
                    client_order_id=number,
                    instrument_id=BTCF,
                    side=dice.choice((BUY, SELL)),
                    quantity=dice.randint(1, 9),
                    price=dice.randint(79_900, 80_100),
                ),
                CancelAll(participant_id=who, request_id=number),
                AmendOrder(
                    participant_id=who,
                    request_id=number,
                    order_id=OrderId(dice.randint(1, number)),
                    price=80_000,
                    quantity=dice.randint(1, 9),
                ),
                WithdrawCash(participant_id=who, request_id=number, asset_id=RUBD, amount=1_000),
            )
        )
        delays = [0, *(dice.randint(0, 20) for _ in range(dice.randint(0, 2)))]
        sent += ((at + delay * SECOND, message) for delay in delays)
    return sorted(sent, key=lambda step: step[0])


def each_once(storm: list[tuple[Time, Command]]) -> list[tuple[Time, Command]]:
    """Every message when it came for the first time."""
    first = {id(message): (at, message) for at, message in reversed(storm)}
    return sorted(first.values(), key=lambda step: step[0])


def lived(commands: list[tuple[Time, Command]], exchange: Exchange) -> list[Entry]:
    return [entry for at, command in commands for entry in exchange.handle(command, at)]


def digest(told: list[Entry], exchange: Exchange) -> tuple[str, ...]:
    record = RecordDigest()
    record.update(told)
    return record.hexdigest(), exchange.state.ledger.head(), exchange.state.holdings[RUBD].issuer.head()


def a_journal(regime: Regime) -> list[tuple[Time, Command]]:
    """How the venue came to be: everything that it was told until the storm."""
    journal: list[tuple[Time, Command]] = []

    class Journaled(Venue):
        def tell(self, command: Command) -> list[Event]:
            journal.append((self.now, command))
            return super().tell(command)

    venue = Journaled(regime=regime)
    for name in (ANN, BOB, CYD):
        venue.admit(name, 10**9)
    return journal


@pytest.mark.parametrize("regime", [a_regime(), a_risk_regime()], ids=["full", "risk"])
@pytest.mark.parametrize("seed", range(6))
def test_a_storm_leaves_the_books_that_each_message_once_would_have_left(seed: int, regime: Regime) -> None:
    """F23: EXISTS for every repeat, and the same books."""
    founding, storm = a_journal(regime), a_storm(Random(seed))
    books = []
    for commands in (storm, each_once(storm)):
        exchange = Exchange()
        told = lived([*founding, *commands], exchange)
        exchange.advance(CLOSES)
        assert audit(exchange.state) == []
        repeats = [entry for entry in told if isinstance(entry.event, RequestExists)]
        assert len(repeats) == len(commands) - SENT
        books.append((exchange.state.ledger.head(), exchange.state.holdings[RUBD].issuer.head()))
    assert books[0] == books[1]


@pytest.mark.parametrize("regime", [a_regime(), a_risk_regime()], ids=["full", "risk"])
@pytest.mark.parametrize("seed", range(6))
def test_killed_in_a_storm_the_venue_comes_back_as_it_was(seed: int, regime: Regime) -> None:
    """F22: at any command. Nobody knows what has arrived, so the last of it is sent once more: nothing comes twice."""
    dice = Random(seed)
    founding, storm = a_journal(regime), a_storm(dice)
    journal, whole = [*founding, *storm], Exchange()
    told = lived(journal, whole)
    kept = dice.randint(len(founding) + 8, len(journal))
    restarted = Exchange()
    replayed = lived(journal[:kept], restarted) + lived(journal[kept:], restarted)
    assert digest(replayed, restarted) == digest(told, whole)
    asked_again = Exchange()
    assert lived(journal[:kept], asked_again) == told[: len(lived(journal[:kept], Exchange()))]
    unsure = [(journal[kept - 1][0], command) for _, command in journal[kept - 8 : kept]]
    assert {type(entry.event) for entry in lived(unsure, asked_again)} == {RequestExists}
    lived(journal[kept:], asked_again)
    assert audit(asked_again.state) == []
    assert asked_again.state.ledger.head() == whole.state.ledger.head()
