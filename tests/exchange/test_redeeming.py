"""Coins on their way back to the issuer: paid at once or in turn, out of reserves that may be stuck, sold or lost."""

import pytest

from exchange.access.regime import Applicant, ApplicantKind
from exchange.cash.hours import BankingHours
from exchange.cash.terms import (
    DigitalRoubleTerms,
    QueueRule,
    RedemptionTerms,
    ReserveClass,
    ReserveStatus,
    ReserveTerms,
)
from exchange.commands import (
    AddOwnFunds,
    CancelRedemption,
    ChangeIssuerState,
    Command,
    CreditWallet,
    EndOutage,
    EstablishVenue,
    FreezeWallet,
    MintCoins,
    PauseIssuer,
    PayHolders,
    ProcessRedemptions,
    RedeemCoins,
    ReportOutage,
    ReportReserve,
    UnfreezeWallet,
    UnpauseIssuer,
    WithdrawCash,
)
from exchange.core import Exchange
from exchange.events import (
    CoinRequestRefused,
    CoinsMinted,
    CoinsRedeemed,
    DirectiveRefused,
    Event,
    IssuerState,
    OwnFundsAdded,
    RedemptionCanceled,
    RedemptionRequested,
    RedemptionsProcessed,
    ReserveSaleOrdered,
    ReservesCoverSupply,
    ReserveSold,
    ReserveStatusChanged,
    SupplyExceedsReserves,
)
from exchange.instruments import Asset
from exchange.messages import changed
from exchange.reasons import CashRefusal
from exchange.units import DAY, HOUR, MINUTE, SECOND, AssetId, Money, WalletId
from exchange.wellformed import MalformedCommand
from matching.terms import ParticipantId
from tests.builders import OPENS, RUB, RUBD, Venue, coin_terms, of_kind, rouble_terms

ANN_W, BOB_W, CYD_W = (WalletId(f"w-{name}") for name in ("ann", "bob", "cyd"))
SIGNED = ("issuer",)
WITH_ROUBLES = tuple(Asset(asset_id=name, scale=2, title="money") for name in (RUBD, RUB))
MIDNIGHT = OPENS // DAY * DAY
CASH = ReserveTerms(name="cash", reserve_class=ReserveClass.BANK_DEPOSIT, custodian="bank", weight_bp=3_000)
BILLS = ReserveTerms(
    name="bills",
    reserve_class=ReserveClass.SHORT_BILLS,
    custodian="depository",
    weight_bp=7_000,
    liquidity_days=1,
    haircut_bp=800,
)


def a_venue(forced_sales: bool = False, mint_needs_receipt: bool = True, **redemption: object) -> Venue:
    """450 coins with Ann, Bob and Cyd: 135 of the reserves are money, 315 are bills."""
    terms = coin_terms(
        reserves=(CASH, BILLS),
        forced_sales=forced_sales,
        mint_needs_receipt=mint_needs_receipt,
        redemption=RedemptionTerms(**redemption),  # type: ignore[arg-type]
    )
    venue = Venue(coin=terms)
    for wallet, amount in ((ANN_W, 200), (BOB_W, 150), (CYD_W, 100)):
        venue.mint(wallet, amount)
    return venue


def redeem(venue: Venue, wallet: WalletId, amount: Money) -> list[Event]:
    return venue.tell(RedeemCoins(asset_id=RUBD, wallet_id=wallet, amount=amount))


def report(venue: Venue, custodian: str, status: ReserveStatus, share_bp: int = 10_000) -> list[Event]:
    return venue.tell(ReportReserve(asset_id=RUBD, custodian=custodian, status=status, share_bp=share_bp))


def into(venue: Venue, state: IssuerState) -> list[Event]:
    return venue.tell(ChangeIssuerState(asset_id=RUBD, state=state, signatures=SIGNED))


def paid(events: list[Event]) -> list[tuple[WalletId, Money]]:
    return [(event.wallet_id, event.amount) for event in of_kind(events, CoinsRedeemed)]


def refusal(events: list[Event]) -> CashRefusal:
    (event,) = events
    assert isinstance(event, CoinRequestRefused)
    return event.reason


def slot(venue: Venue) -> list[Event]:
    """Wait for the next processing of the queue."""
    return venue.wait_until(venue.now // (15 * MINUTE) * 15 * MINUTE + 15 * MINUTE)


# --- at once, or in turn --------------------------------------------------------------------------------


def test_what_is_there_at_once_is_paid_at_once_and_all_else_waits_in_turn():
    venue = a_venue()
    assert redeem(venue, ANN_W, 100) == [
        RedemptionRequested(asset_id=RUBD, ticket_id=1, wallet_id=ANN_W, amount=100, fee=0),
        CoinsRedeemed(asset_id=RUBD, wallet_id=ANN_W, amount=100, supply=350, ticket_id=1),
    ]
    assert redeem(venue, BOB_W, 36) == [
        RedemptionRequested(asset_id=RUBD, ticket_id=2, wallet_id=BOB_W, amount=36, fee=0)
    ]
    assert paid(redeem(venue, CYD_W, 1)) == []  # Bob waits before Cyd
    issuer = venue.state.holdings[RUBD].issuer
    assert (issuer.supply, issuer.balance(issuer.terms.issuer_wallet)) == (350, 37)
    events = slot(venue)
    assert paid(events) == [(BOB_W, 35)]
    assert events[-1] == RedemptionsProcessed(asset_id=RUBD, paid=35, queued=2, liquid=0)


def test_bills_are_sold_whole_and_paid_a_day_later_when_the_terms_know_no_forced_sale():
    venue = a_venue()
    redeem(venue, ANN_W, 200)
    events = slot(venue)
    (order,) = of_kind(events, ReserveSaleOrdered)
    assert (order.bucket, order.amount, order.due) == ("bills", 65, venue.now + DAY)
    assert paid(events) == [(ANN_W, 135)]
    events = venue.wait_until(order.due)
    assert of_kind(events, ReserveSold) == [
        ReserveSold(asset_id=RUBD, bucket="bills", amount=65, proceeds=65)
    ]
    assert paid(slot(venue)) == [(ANN_W, 65)]
    assert of_kind(events, SupplyExceedsReserves) == []


def test_a_forced_sale_pays_at_once_at_the_cost_of_those_who_stay():
    venue = a_venue(forced_sales=True)
    redeem(venue, ANN_W, 200)
    events = slot(venue)
    assert of_kind(events, ReserveSold) == [
        ReserveSold(asset_id=RUBD, bucket="bills", amount=71, proceeds=65)
    ]
    assert paid(events) == [(ANN_W, 200)]
    assert of_kind(events, SupplyExceedsReserves) == [
        SupplyExceedsReserves(asset_id=RUBD, supply=250, book=244, shortfall=6)
    ]


def test_fifo_pays_who_runs_first_and_pro_rata_pays_all_alike():
    """E17, with 300 of cash: the rest of the reserves is stuck."""
    for rule, expected in (
        (QueueRule.FIFO, [(ANN_W, 200), (BOB_W, 100)]),
        (QueueRule.PRO_RATA, [(ANN_W, 133), (BOB_W, 100), (CYD_W, 67)]),
    ):
        venue = a_venue(queue=rule, instant=False)
        report(venue, "depository", ReserveStatus.STUCK)
        for wallet, amount in ((ANN_W, 200), (BOB_W, 150), (CYD_W, 100)):
            redeem(venue, wallet, amount)
        venue.tell(AddOwnFunds(asset_id=RUBD, amount=165))
        assert paid(slot(venue)) == expected


def test_a_request_is_taken_back_before_it_is_paid():
    venue = a_venue(instant=False)
    redeem(venue, ANN_W, 200)
    assert venue.tell(CancelRedemption(asset_id=RUBD, ticket_id=1)) == [
        RedemptionCanceled(asset_id=RUBD, ticket_id=1, wallet_id=ANN_W, amount=200)
    ]
    assert refusal(venue.tell(CancelRedemption(asset_id=RUBD, ticket_id=1))) is CashRefusal.UNKNOWN_TICKET
    assert paid(slot(venue)) == []
    assert venue.state.holdings[RUBD].issuer.balance(ANN_W) == 200


def test_a_request_is_not_taken_back_to_a_frozen_wallet_nor_during_a_pause():
    venue = a_venue(instant=False)
    redeem(venue, ANN_W, 200)
    venue.tell(FreezeWallet(asset_id=RUBD, wallet_id=ANN_W, order_ref="1", signatures=SIGNED))
    assert refusal(venue.tell(CancelRedemption(asset_id=RUBD, ticket_id=1))) is CashRefusal.WALLET_FROZEN
    venue.tell(PauseIssuer(asset_id=RUBD, signatures=SIGNED))
    assert refusal(venue.tell(CancelRedemption(asset_id=RUBD, ticket_id=1))) is CashRefusal.ISSUER_PAUSED


# --- what terms ask for ---------------------------------------------------------------------------------


def test_too_little_and_the_wrong_holder_are_refused_and_nothing_changes():
    venue = a_venue(minimum=100, fee_fixed=10, fee_bp=1_000, eligible_wallets=(ANN_W,))
    issuer = venue.state.holdings[RUBD].issuer
    before = issuer.head()
    assert refusal(redeem(venue, ANN_W, 99)) is CashRefusal.BELOW_MINIMUM
    assert refusal(redeem(venue, BOB_W, 100)) is CashRefusal.NOT_ELIGIBLE
    assert refusal(redeem(venue, WalletId("nobody"), 100)) is CashRefusal.UNKNOWN_WALLET
    assert refusal(redeem(venue, WalletId("venue-1"), 100)) is CashRefusal.WALLET_OF_THE_VENUE
    assert issuer.head() == before
    (_, done) = redeem(venue, ANN_W, 120)
    assert isinstance(done, CoinsRedeemed)
    assert (done.amount, done.fee) == (120, 12)
    assert (issuer.own_funds, issuer.reserves.book, issuer.supply) == (12, 342, 330)


def test_a_request_that_the_fee_would_eat_up_is_below_the_minimum():
    venue = a_venue(fee_fixed=10)
    assert refusal(redeem(venue, ANN_W, 10)) is CashRefusal.BELOW_MINIMUM
    assert paid(redeem(venue, ANN_W, 11)) == [(ANN_W, 11)]


def test_a_class_of_participants_may_be_eligible():
    venue = a_venue()
    firm = ParticipantId("firm")
    venue.admit(
        firm, 50, Applicant(kind=ApplicantKind.COMPANY, qualified_by_law=True, knowledge_test_passed=True)
    )
    class_id = venue.state.seats[firm].access_class.class_id
    venue = a_venue(eligible_classes=(class_id,))
    venue.admit(
        firm, 50, Applicant(kind=ApplicantKind.COMPANY, qualified_by_law=True, knowledge_test_passed=True)
    )
    venue.mint(WalletId("wallet-firm"), 20)
    assert paid(redeem(venue, WalletId("wallet-firm"), 20)) == [(WalletId("wallet-firm"), 20)]
    assert refusal(redeem(venue, ANN_W, 20)) is CashRefusal.NOT_ELIGIBLE


def test_the_bank_pays_in_its_hours_and_not_at_the_weekend():
    """The venue trades on; what is asked on the evening before two closed days is paid on the third morning."""
    day = MIDNIGHT // DAY
    hours = BankingHours(
        opens=9 * HOUR,
        closes=18 * HOUR,
        holidays=((day + 1) * DAY, (day + 2) * DAY),
        weekdays=tuple(range(7)),
    )
    venue = a_venue(hours=hours)
    venue.wait_until(MIDNIGHT + 18 * HOUR)
    assert paid(redeem(venue, ANN_W, 50)) == []
    opening = MIDNIGHT + 3 * DAY + 9 * HOUR
    assert paid(venue.wait_until(opening - 1)) == []
    assert paid(venue.wait_until(opening)) == [(ANN_W, 50)]


# --- states, freezes ------------------------------------------------------------------------------------


def test_while_redemption_is_gated_requests_wait_and_are_paid_when_it_opens():
    venue = a_venue()
    into(venue, IssuerState.REDEMPTION_GATED)
    assert paid(redeem(venue, ANN_W, 50) + slot(venue)) == []
    into(venue, IssuerState.ACTIVE)
    assert paid(slot(venue)) == [(ANN_W, 50)]


def test_a_gate_may_pay_pro_rata_what_there_is():
    venue = a_venue(gated_payout=True)
    report(venue, "depository", ReserveStatus.STUCK)
    into(venue, IssuerState.REDEMPTION_GATED)
    redeem(venue, ANN_W, 200)
    redeem(venue, CYD_W, 100)
    assert paid(slot(venue)) == [(ANN_W, 90), (CYD_W, 45)]


def test_in_default_a_request_is_a_claim_and_nothing_is_paid():
    venue = a_venue()
    into(venue, IssuerState.DEFAULT)
    assert paid(redeem(venue, ANN_W, 50) + venue.wait_until(venue.now + HOUR)) == []
    assert venue.state.holdings[RUBD].issuer.redemptions.backlog == 50


def test_a_pause_stops_the_queue_and_its_end_sets_it_going():
    venue = a_venue(instant=False)
    redeem(venue, ANN_W, 50)
    venue.tell(PauseIssuer(asset_id=RUBD, signatures=SIGNED))
    assert paid(venue.wait_until(venue.now + HOUR)) == []
    assert refusal(redeem(venue, BOB_W, 5)) is CashRefusal.ISSUER_PAUSED
    venue.tell(UnpauseIssuer(asset_id=RUBD, signatures=SIGNED))
    assert paid(slot(venue)) == [(ANN_W, 50)]


def test_who_is_frozen_keeps_its_place_and_holds_nobody_up():
    venue = a_venue(instant=False)
    redeem(venue, ANN_W, 50)
    redeem(venue, BOB_W, 20)
    venue.tell(FreezeWallet(asset_id=RUBD, wallet_id=ANN_W, order_ref="1", signatures=SIGNED))
    assert paid(slot(venue)) == [(BOB_W, 20)]
    assert venue.state.holdings[RUBD].issuer.redemptions.processing_at is None
    venue.tell(UnfreezeWallet(asset_id=RUBD, wallet_id=ANN_W, order_ref="2", signatures=SIGNED))
    assert paid(slot(venue)) == [(ANN_W, 50)]


# --- reserves -------------------------------------------------------------------------------------------


def test_a_bank_fails_on_friday_and_its_deposits_come_back_on_monday():
    venue = a_venue()
    assert report(venue, "bank", ReserveStatus.STUCK) == [
        ReserveStatusChanged(
            asset_id=RUBD, bucket="cash", status=ReserveStatus.STUCK, lost=0, book=450, accessible=315
        )
    ]
    assert paid(redeem(venue, ANN_W, 50)) == []
    report(venue, "depository", ReserveStatus.STUCK)
    assert paid(venue.wait_until(venue.now + HOUR)) == []
    assert venue.state.holdings[RUBD].issuer.redemptions.processing_at is None
    events = report(venue, "bank", ReserveStatus.OK)
    assert of_kind(events, SupplyExceedsReserves) == []
    assert paid(slot(venue)) == [(ANN_W, 50)]


def test_a_loss_of_reserves_is_told_at_once_until_the_owner_makes_it_good():
    venue = a_venue()
    events = report(venue, "bank", ReserveStatus.LOST, 2_000)
    assert events == [
        ReserveStatusChanged(
            asset_id=RUBD, bucket="cash", status=ReserveStatus.LOST, lost=27, book=423, accessible=423
        ),
        SupplyExceedsReserves(asset_id=RUBD, supply=450, book=423, shortfall=27),
    ]
    assert venue.tell(AddOwnFunds(asset_id=RUBD, amount=30)) == [
        OwnFundsAdded(asset_id=RUBD, amount=30, book=453),
        ReservesCoverSupply(asset_id=RUBD, supply=450, book=453),
    ]
    assert refusal(report(venue, "no bank", ReserveStatus.LOST)) is CashRefusal.UNKNOWN_CUSTODIAN


def test_a_stolen_minter_key_makes_no_coins_without_a_receipt_where_the_issuer_is_honest():
    thief = MintCoins(asset_id=RUBD, minter="minter", receipt_id="?", wallet_id=CYD_W, amount=1)
    assert refusal(a_venue().tell(thief)) is CashRefusal.NO_FIAT_RECEIPT
    venue = a_venue(mint_needs_receipt=False)
    loot = changed(thief, amount=10**17 - 450)
    assert refusal(venue.tell(changed(loot, amount=loot.amount + 1))) is CashRefusal.ALLOWANCE_EXCEEDED
    assert venue.tell(loot) == [
        CoinsMinted(asset_id=RUBD, wallet_id=CYD_W, amount=loot.amount, supply=10**17, backed=False),
        SupplyExceedsReserves(asset_id=RUBD, supply=10**17, book=450, shortfall=loot.amount),
    ]


# --- winding down ---------------------------------------------------------------------------------------


def test_a_wind_down_sells_all_and_pays_every_holder_the_same_part():
    venue = a_venue()
    report(venue, "bank", ReserveStatus.LOST)  # 315 are left for 450: 70%
    events = into(venue, IssuerState.WIND_DOWN)
    (order,) = of_kind(events, ReserveSaleOrdered)
    assert paid(events) == []
    events = venue.wait_until(order.due)
    assert paid(events) == [(ANN_W, 140), (BOB_W, 105), (CYD_W, 70)]
    assert refusal(redeem(venue, ANN_W, 5)) is CashRefusal.ISSUER_WINDING_DOWN


def test_in_a_wind_down_coins_on_the_venue_are_taken_out_and_then_paid():
    venue = a_venue()
    dan = ParticipantId("dan")
    venue.admit(dan, 150)
    report(venue, "depository", ReserveStatus.LOST)  # 180 are left for 600: 30%
    assert paid(into(venue, IssuerState.WIND_DOWN)) == [(ANN_W, 60), (BOB_W, 45), (CYD_W, 30)]
    venue.tell(WithdrawCash(participant_id=dan, asset_id=RUBD, amount=150))
    venue.wait_until(venue.now + 2 * SECOND)
    assert paid(venue.tell(PayHolders(asset_id=RUBD))) == [(WalletId("wallet-dan"), 45)]
    assert venue.tell(PayHolders(asset_id=RUBD)) == []


def test_holders_are_only_paid_unasked_in_a_wind_down():
    assert refusal(a_venue().tell(PayHolders(asset_id=RUBD))) is CashRefusal.STATE_NOT_REACHABLE


# --- into the redeemer's wallet at a bank ---------------------------------------------------------------


def a_venue_with_a_bank(**redemption: object) -> Venue:
    """250 coins with Ann and Bob: 75 of the reserves are money."""
    terms = coin_terms(reserves=(CASH, BILLS), redemption=RedemptionTerms(**redemption))  # type: ignore[arg-type]
    venue = Venue(coin=terms, more_coins=(rouble_terms(),), assets=WITH_ROUBLES)
    for wallet, amount in ((ANN_W, 150), (BOB_W, 100)):
        venue.mint(wallet, amount)
    return venue


def at_the_bank(venue: Venue, wallet: WalletId) -> Money:
    return int(venue.state.holdings[RUB].keeper.balance(wallet))


def test_roubles_arrive_at_the_bank_that_the_venue_knows():
    venue = a_venue_with_a_bank(fee_fixed=10)
    assert paid(redeem(venue, ANN_W, 50)) == [(ANN_W, 50)]
    assert at_the_bank(venue, ANN_W) == 40


def test_what_is_paid_in_parts_arrives_in_parts():
    venue = a_venue_with_a_bank()
    redeem(venue, ANN_W, 150)
    assert paid(slot(venue)) == [(ANN_W, 75)]
    assert at_the_bank(venue, ANN_W) == 75
    venue.wait_until(venue.now + DAY)
    assert paid(slot(venue)) == [(ANN_W, 75)]
    assert at_the_bank(venue, ANN_W) == 150


def test_nobody_is_paid_while_the_bank_moves_nothing_and_nobody_loses_its_place():
    venue = a_venue_with_a_bank()
    venue.tell(ReportOutage(asset_id=RUB))
    assert paid(redeem(venue, ANN_W, 50)) == []
    assert paid(slot(venue)) == paid(slot(venue)) == []
    venue.tell(EndOutage(asset_id=RUB))
    assert paid(slot(venue)) == [(ANN_W, 50)]
    assert at_the_bank(venue, ANN_W) == 50


def by_court(venue: Venue, kind: type[FreezeWallet] | type[UnfreezeWallet], wallet: WalletId) -> list[Event]:
    """At the bank; at the issuer the wallet is as free as before."""
    return venue.tell(kind(asset_id=RUB, wallet_id=wallet, order_ref="case 1", signatures=("court",)))


def test_who_may_receive_nothing_at_the_bank_keeps_its_coins_and_its_place():
    """No coin is burned for roubles that would not arrive."""
    venue = a_venue_with_a_bank()
    by_court(venue, FreezeWallet, ANN_W)
    assert paid(redeem(venue, ANN_W, 50)) == []
    assert paid(redeem(venue, BOB_W, 20)) == []  # somebody waits before it
    assert paid(slot(venue)) == [(BOB_W, 20)]
    assert (at_the_bank(venue, ANN_W), at_the_bank(venue, BOB_W)) == (0, 20)
    issuer = venue.state.holdings[RUBD].issuer
    assert (issuer.supply, issuer.redemptions.backlog, issuer.redemptions.processing_at) == (230, 50, None)
    by_court(venue, UnfreezeWallet, ANN_W)
    assert paid(slot(venue)) == [(ANN_W, 50)]
    assert at_the_bank(venue, ANN_W) == 50


def test_no_roubles_are_paid_into_what_is_the_venues_account_at_the_bank():
    """Somebody's wallet of coins may bear that name; the roubles would be nobody's on the venue's books."""
    venue = a_venue_with_a_bank()
    ours = rouble_terms().venue_wallets[0]
    venue.mint(ours, 10)
    assert paid(redeem(venue, ours, 10) + slot(venue)) == []
    assert at_the_bank(venue, ours) == 0


def test_a_reference_that_somebody_else_has_used_stops_no_payment():
    venue = a_venue_with_a_bank()
    venue.tell(CreditWallet(asset_id=RUB, wallet_id=BOB_W, amount=1, reference=f"redemption {RUBD} 1"))
    assert paid(redeem(venue, ANN_W, 50)) == [(ANN_W, 50)]
    assert at_the_bank(venue, ANN_W) == 50


def test_in_a_wind_down_each_holder_is_paid_at_the_bank():
    venue = a_venue_with_a_bank()
    assert paid(into(venue, IssuerState.WIND_DOWN)) == [(ANN_W, 45), (BOB_W, 30)]
    assert (at_the_bank(venue, ANN_W), at_the_bank(venue, BOB_W)) == (45, 30)


def test_in_a_wind_down_the_part_of_who_may_receive_nothing_at_the_bank_is_kept_for_it():
    venue = a_venue_with_a_bank()
    by_court(venue, FreezeWallet, ANN_W)
    assert paid(into(venue, IssuerState.WIND_DOWN)) == [(BOB_W, 30)]
    assert paid(by_court(venue, UnfreezeWallet, ANN_W)) == [(ANN_W, 45)]
    assert at_the_bank(venue, ANN_W) == 45


def test_a_venue_is_not_founded_on_reserves_that_do_not_add_up():
    terms = coin_terms(own_funds=5)
    command: Command = EstablishVenue(assets=(), indices=(), cash=(terms,), sessions=())
    (entry,) = Exchange().handle(command, 0)
    assert isinstance(entry.event, DirectiveRefused)
    assert "reserves of 0 for 5 in circulation and own funds" in entry.event.explanation


def test_a_coin_is_not_redeemed_in_what_no_bank_keeps():
    platform = DigitalRoubleTerms(asset_id=AssetId("DRUB"), venue_wallets=(WalletId("venue-d"),))
    terms = coin_terms(pays_in=platform.asset_id)
    command: Command = EstablishVenue(assets=(), indices=(), cash=(terms, platform), sessions=())
    (entry,) = Exchange().handle(command, 0)
    assert isinstance(entry.event, DirectiveRefused)
    assert "RUBD: pays_in is DRUB, which no bank keeps; name bank roubles" in entry.event.explanation


def test_nobody_may_ask_for_a_duty_of_the_issuer():
    with pytest.raises(MalformedCommand, match="what the exchange promises itself"):
        a_venue().tell(ProcessRedemptions(asset_id=RUBD))
