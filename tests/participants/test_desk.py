"""A desk: what a participant knows of its orders, position and cash. One lot at 80,000 ticks is RUB 8,000."""

from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.access.regime import Applicant, ApplicantKind
from exchange.events import (
    ClaimSettled,
    Event,
    FundContributionChanged,
    Layer,
    LimitChanged,
    LiquidationFeeCharged,
    LossBorne,
    LossRestored,
    LossShared,
    MarginState,
    MarginStateChanged,
    OrderAmended,
    OrderRejected,
    ParticipantAdmitted,
    ParticipantState,
    ParticipantStateChanged,
    PerpetualRolled,
    PoolLossBorne,
    PositionSettled,
    PositionTransferred,
    RequestRejected,
    TransferCause,
    VariationPaid,
    WithdrawalRequested,
    WithdrawalReturned,
    audience,
)
from exchange.instruments import ContractKind, Roll
from exchange.reasons import CashRefusal, RejectReason
from exchange.units import HOUR
from matching.terms import OrderId, Side
from participants.desk import Desk
from tests.builders import ANN, BOB, PERP, Venue, perpetual
from tests.builders import OPENS as VENUE_OPENS
from tests.participants.builders import (
    FUTURE,
    ME,
    RUBD,
    accepted,
    an_instrument,
    canceled,
    deposited,
    filled,
    withdrawal_refused,
)


def a_desk(*news: Event, opening: int = 10_000_000) -> Desk:
    """With RUB 100,000."""
    desk = Desk(ME, (an_instrument(),), {RUBD: opening})
    desk.hear(news)
    return desk


def rejected(reason: RejectReason) -> OrderRejected:
    return OrderRejected(
        participant_id=ME, client_order_id=1, instrument_id=FUTURE, side=Side.BUY, quantity=1, reason=reason
    )


def test_an_order_lives_from_its_acceptance_to_its_last_fill() -> None:
    desk = a_desk(accepted(1, Side.BUY, 80_000, 5, client_order_id=9))
    assert desk.orders[OrderId(1)].client_order_id == 9
    assert desk.holdings[FUTURE].buying == 5
    desk.hear([filled(1, Side.BUY, 80_000, 2, remaining=3)])
    assert desk.orders[OrderId(1)].remaining == 3
    assert desk.position(FUTURE) == 2
    desk.hear([filled(1, Side.BUY, 80_000, 3)])
    assert not desk.orders
    assert desk.position(FUTURE) == 5


def test_a_canceled_order_is_gone_and_frees_its_cash() -> None:
    desk = a_desk(accepted(1, Side.BUY, 80_000, 5))
    assert desk.free_cash(RUBD) == 10_000_000 - 5 * 800_000
    desk.hear([canceled(1, remaining=5)])
    assert not desk.orders
    assert desk.free_cash(RUBD) == 10_000_000


def test_an_unknown_order_is_forgotten_when_the_venue_does_not_know_it() -> None:
    desk = a_desk(
        accepted(1, Side.SELL, 80_000, 5),
        RequestRejected(participant_id=ME, order_id=OrderId(1), reason=RejectReason.UNKNOWN_ORDER),
    )
    assert not desk.orders
    assert desk.holdings[FUTURE].selling == 0


def test_an_amended_order_has_its_new_price_and_quantity() -> None:
    desk = a_desk(
        accepted(1, Side.SELL, 80_000, 5),
        OrderAmended(
            participant_id=ME,
            order_id=OrderId(1),
            client_order_id=0,
            instrument_id=FUTURE,
            price=100_000,
            remaining=2,
            kept_priority=False,
        ),
    )
    assert desk.free_cash(RUBD) == 10_000_000 - 2 * 60_000 * 10
    assert desk.orders_in(FUTURE)[0].price == 100_000


def test_a_long_locks_its_price_and_a_short_what_the_cap_leaves() -> None:
    assert a_desk(filled(1, Side.BUY, 80_000, 1)).free_cash(RUBD) == 10_000_000 - 80_000 * 10
    assert a_desk(filled(1, Side.SELL, 100_000, 1)).free_cash(RUBD) == 10_000_000 - 60_000 * 10


def test_a_round_trip_leaves_the_gain_less_fees() -> None:
    """Two lots bought at 80,000 and sold at 80,500: twice 500 ticks of ten kopecks, less two fees of 100."""
    desk = a_desk(filled(1, Side.BUY, 80_000, 2, fee=100), filled(2, Side.SELL, 80_500, 2, fee=100))
    assert desk.position(FUTURE) == 0
    assert desk.free_cash(RUBD) == 10_000_000 + 500 * 10 * 2 - 200


def test_orders_on_both_sides_need_only_the_dearer_side() -> None:
    """Ten bought at 79,000 or ten sold at 81,000: either costs RUB 79,000, and both cannot hurt at once."""
    desk = a_desk(accepted(1, Side.BUY, 79_000, 10), accepted(2, Side.SELL, 81_000, 10))
    assert desk.free_cash(RUBD) == 10_000_000 - 79_000 * 10 * 10


def test_an_order_that_closes_needs_nothing_more() -> None:
    desk = a_desk(filled(1, Side.BUY, 80_000, 10))
    before = desk.free_cash(RUBD)
    desk.hear([accepted(2, Side.SELL, 80_000, 10)])
    assert desk.free_cash(RUBD) == before


def test_affordable_is_what_free_cash_covers_with_fees() -> None:
    """RUB 100,000 cover twelve lots of RUB 8,000.60, not thirteen."""
    desk = a_desk()
    assert desk.affordable(FUTURE, Side.BUY, 80_000, 100) == 12
    assert desk.affordable(FUTURE, Side.BUY, 80_000, 5) == 5
    assert a_desk(opening=0).affordable(FUTURE, Side.BUY, 80_000, 1) == 0


def test_a_settled_bucket_pays_its_gain_and_leaves_no_position() -> None:
    desk = a_desk(
        filled(1, Side.BUY, 80_000, 2),
        ClaimSettled(participant_id=ME, bucket_id=an_instrument().bucket_id, payout=1_620_000, gain=20_000),
    )
    assert desk.position(FUTURE) == 0
    assert desk.free_cash(RUBD) == 10_020_000


def test_cash_follows_deposits_withdrawals_and_losses() -> None:
    desk = a_desk(
        deposited(500),
        WithdrawalRequested(participant_id=ME, withdrawal_id=1, asset_id=RUBD, amount=700),
        LossShared(participant_id=ME, asset_id=RUBD, amount=70),
        LossRestored(participant_id=ME, asset_id=RUBD, amount=20),
    )
    assert desk.free_cash(RUBD) == 10_000_000 - 250
    desk.hear(
        [
            WithdrawalReturned(
                participant_id=ME,
                withdrawal_id=1,
                asset_id=RUBD,
                amount=700,
                reason=CashRefusal.WALLET_FROZEN,
            ),
            withdrawal_refused(900, available=300),
        ]
    )
    assert desk.free_cash(RUBD) == 10_000_000 + 450
    assert desk.refused_cash is not None
    assert desk.refused_cash.available == 300


def test_a_lasting_refusal_stops_it_until_it_is_admitted() -> None:
    desk = a_desk(rejected(RejectReason.PRODUCT_NOT_PERMITTED))
    assert desk.stopped
    desk.hear(
        [
            ParticipantAdmitted(
                participant_id=ME,
                class_id="qualified",
                applicant=Applicant(kind=ApplicantKind.INDIVIDUAL),
                permissions={},
                limit=None,
            )
        ]
    )
    assert not desk.stopped


def test_a_suspension_stops_it_until_it_is_lifted() -> None:
    desk = a_desk(ParticipantStateChanged(participant_id=ME, state=ParticipantState.SUSPENDED))
    assert desk.stopped
    desk.hear([ParticipantStateChanged(participant_id=ME, state=ParticipantState.ACTIVE)])
    assert not desk.stopped


def test_a_refusal_that_may_pass_does_not_stop_it() -> None:
    desk = a_desk(rejected(RejectReason.NO_OPPOSITE_PRICE), rejected(RejectReason.PRICE_OUTSIDE_BAND))
    assert not desk.stopped
    assert desk.squeezes == 0
    assert desk.last_rejection == rejected(RejectReason.PRICE_OUTSIDE_BAND)


def test_refusals_for_want_of_room_count_until_there_is_more() -> None:
    desk = a_desk(rejected(RejectReason.EXPOSURE_LIMIT), rejected(RejectReason.INSUFFICIENT_CASH))
    assert desk.squeezes == 2
    desk.hear([LimitChanged(participant_id=ME, limit=10**9, used=0)])
    assert desk.squeezes == 0


def test_another_instrument_is_none_of_its_business() -> None:
    desk = Desk(ME, ())
    desk.hear([accepted(1, Side.BUY, 80_000, 5), filled(1, Side.BUY, 80_000, 5), canceled(1)])
    assert not desk.orders


@given(
    st.lists(
        st.tuples(st.sampled_from(Side), st.integers(1, 159_999), st.integers(1, 20)), min_size=1, max_size=12
    )
)
def test_what_a_position_locks_is_its_worst_loss(trades: list[tuple[Side, int, int]]) -> None:
    """The loss at any settlement price, added up trade by trade, is never worse than what is locked."""
    desk = a_desk(*(filled(1, side, price, lots) for side, price, lots in trades))
    losses = [
        sum(side * (price - settlement) * 10 * lots for side, price, lots in trades)
        for settlement in range(0, 160_001, 20_000)
    ]
    assert desk.holdings[FUTURE].locked == max(losses)


@given(
    trades=st.lists(
        st.tuples(st.sampled_from(Side), st.integers(79_000, 81_000), st.integers(1, 5)), max_size=5
    ),
    level=st.integers(79_000, 82_000),
    later=st.integers(1, 5),
)
@settings(max_examples=15, deadline=None)
def test_a_desk_knows_its_cash_and_position_over_a_roll_of_a_perpetual(
    trades: list[tuple[Side, int, int]], level: int, later: int
) -> None:
    """What it thinks is free is what the venue has free, before the roll, after it and after another trade."""
    terms = perpetual(roll=Roll(interval=HOUR), expiry=VENUE_OPENS + HOUR)
    venue = Venue(terms)
    venue.admit(ANN, 10**8)
    venue.admit(BOB, 10**8)
    desk = Desk(ANN, (terms,), {RUBD: 10**8})

    def hear(events: list[Event]) -> None:
        desk.hear([e for e in events if audience(e) == ANN or isinstance(e, PerpetualRolled)])
        assert desk.position(PERP) == venue.position(ANN, PERP)
        assert desk.free_cash(RUBD) == venue.free_cash(ANN)

    def trade(side: Side, price: int, lots: int) -> None:
        venue.place(BOB, Side(-side), lots, price, instrument_id=PERP)
        hear(venue.place(ANN, side, lots, price, instrument_id=PERP))

    for side, price, lots in trades:
        trade(side, price, lots)
    hear(venue.place(ANN, Side.BUY, 1, 78_000, instrument_id=PERP))
    hear(venue.quote_until(VENUE_OPENS + HOUR, level * 10_000))
    assert not desk.orders
    trade(Side.SELL, level, later)
    hear(venue.place(ANN, Side.BUY, 1, level - 2_000, instrument_id=PERP))


# --- margin ---------------------------------------------------------------------------------------------


def a_margined_desk(*news: Event, opening: int = 10_000_000, **terms: object) -> Desk:
    """The same, where a position needs 16% of what it is worth."""
    desk = Desk(ME, (an_instrument(**terms),), {RUBD: opening})
    desk.clear_by_margin(1_600)
    desk.hear(news)
    return desk


def paid(amount: int) -> VariationPaid:
    return VariationPaid(participant_id=ME, asset_id=RUBD, amount=amount)


def moved(lots: int, price: int, amount: int = 0) -> PositionTransferred:
    return PositionTransferred(
        participant_id=ME,
        instrument_id=FUTURE,
        lots=lots,
        price=price,
        cause=TransferCause.AUCTION,
        amount=amount,
    )


def test_with_margin_a_share_of_the_worth_is_kept_either_way() -> None:
    """A lot at 80,000 ticks is RUB 8,000, of which 1,280 are needed, long or short."""
    for side in Side:
        desk = a_margined_desk(filled(1, side, 80_000, 10))
        assert desk.free_cash(RUBD) == 10_000_000 - 10 * 128_000
        assert desk.holdings[FUTURE].locked == 10 * 128_000
    assert a_margined_desk(opening=1_280_000).affordable(FUTURE, Side.BUY, 80_000, 100) == 9  # and the fees
    assert a_desk(opening=1_280_000).affordable(FUTURE, Side.BUY, 80_000, 100) == 1


def test_with_margin_orders_on_one_side_count_beside_the_position() -> None:
    desk = a_margined_desk(filled(1, Side.BUY, 80_000, 4), accepted(2, Side.BUY, 80_000, 2))
    assert desk.free_cash(RUBD) == 10_000_000 - 6 * 128_000
    desk.hear([accepted(3, Side.SELL, 80_000, 9)])  # they would turn it round to five short
    assert desk.free_cash(RUBD) == 10_000_000 - 6 * 128_000


def test_variation_is_cash_and_a_settlement_only_ends_the_position() -> None:
    """Its amount comes with the clearing of the same instant: counted once."""
    desk = a_margined_desk(filled(1, Side.BUY, 80_000, 2), paid(-30_000))
    assert desk.funds[RUBD] == 9_970_000
    settled = PositionSettled(participant_id=ME, bucket_id=an_instrument().bucket_id, amount=50_000)
    desk.hear([settled, paid(50_000)])
    assert desk.position(FUTURE) == 0
    assert desk.free_cash(RUBD) == 10_020_000


def test_an_order_of_the_house_reduces_the_position_though_nobody_sent_it() -> None:
    """It is told like every order, but one that was never heard of is believed as well."""
    desk = a_margined_desk(filled(1, Side.BUY, 80_000, 5))
    desk.hear(
        [accepted(77, Side.SELL, 79_000, 3), filled(77, Side.SELL, 79_000, 2, remaining=1), canceled(77, 1)]
    )
    assert (desk.position(FUTURE), dict(desk.orders)) == (3, {})
    desk.hear([filled(78, Side.SELL, 79_000, 1)])
    assert (desk.position(FUTURE), dict(desk.orders)) == (2, {})


def test_a_position_that_default_management_moves_is_neither_bought_nor_sold() -> None:
    """What is paid for it beside the mark comes with a clearing, like all that is owed."""
    desk = a_margined_desk(filled(1, Side.BUY, 80_000, 5), moved(-5, 70_000, amount=1_000))
    holding = desk.holdings[FUTURE]
    assert (holding.position, holding.bought - holding.sold) == (0, 0)
    assert desk.funds[RUBD] == 10_000_000
    desk.hear([moved(7, 70_000)])
    assert desk.position(FUTURE) == 7
    assert desk.free_cash(RUBD) == 10_000_000 - 7 * 112_000


def test_the_premium_of_an_option_is_paid_when_it_trades() -> None:
    terms = {"kind": ContractKind.CALL, "strike": 80_000, "reference": 5_000, "cap": 160_000}
    desk = a_margined_desk(filled(1, Side.BUY, 5_000, 2), **terms)
    assert desk.funds[RUBD] == 10_000_000 - 2 * 5_000 * 10
    desk.hear([filled(2, Side.SELL, 6_000, 2)])
    assert desk.funds[RUBD] == 10_000_000 + 2 * 1_000 * 10


def test_the_fee_of_liquidation_and_a_share_of_the_default_fund_leave_the_cash() -> None:
    fee = LiquidationFeeCharged(participant_id=ME, asset_id=RUBD, amount=700)
    desk = a_margined_desk(fee)
    assert desk.funds[RUBD] == 9_999_300

    def share(amount: int, missing: int = 0) -> FundContributionChanged:
        return FundContributionChanged(participant_id=ME, asset_id=RUBD, share=amount, missing=missing)

    desk.hear([share(500_000)])
    assert desk.funds[RUBD] == 9_499_300
    desk.hear([share(800_000, missing=100_000)])
    assert desk.funds[RUBD] == 9_299_300
    borne = LossBorne(participant_id=ME, defaulter="x", layer=Layer.SURVIVORS_FUND, amount=300_000)
    assessed = LossBorne(participant_id=ME, defaulter="x", layer=Layer.ASSESSMENTS, amount=50_000)
    desk.hear([borne, assessed])  # the one was in the fund, the other is owed and paid at a clearing
    assert desk.funds[RUBD] == 9_299_300
    desk.hear([share(800_000), paid(-50_000)])  # the fund is filled up again
    assert desk.funds[RUBD] == 9_299_300 - 400_000 - 50_000
    desk.hear([PoolLossBorne(participant_id=ME, asset_id=RUBD, defaulter="x", amount=20_000)])
    assert desk.funds[RUBD] == 9_299_300 - 400_000 - 50_000 - 20_000


def test_too_little_margin_is_a_squeeze_until_the_account_stands_well_again() -> None:
    desk = a_margined_desk(rejected(RejectReason.INSUFFICIENT_MARGIN), rejected(RejectReason.MEMBER_CAPACITY))
    assert (desk.squeezes, desk.stopped) == (2, False)

    def stands(state: MarginState) -> MarginStateChanged:
        return MarginStateChanged(participant_id=ME, state=state, equity=1, initial=1, maintenance=1)

    desk.hear([stands(MarginState.CALL)])
    assert desk.squeezes == 2
    desk.hear([stands(MarginState.NORMAL)])
    assert desk.squeezes == 0


def test_who_has_defaulted_stops() -> None:
    state = ParticipantStateChanged(participant_id=ME, state=ParticipantState.DEFAULTED)
    assert a_margined_desk(state).stopped
    assert a_margined_desk(rejected(RejectReason.PARTICIPANT_DEFAULTED)).stopped
