"""What a risk officer reads, on venues small enough to reckon by hand. Amounts are kopecks."""

from exchange.access.regime import Applicant, ApplicantKind, Regime
from exchange.clearing.fund import FundTerms
from exchange.clearing.ledger import Rule
from exchange.clearing.liquidation import MarginState
from exchange.clearing.terms import ClearingMode, ClearingRules
from exchange.clearing.waterfall import LAYERS, Layer, LossOrder, WaterfallTerms
from exchange.commands import (
    AppointMember,
    DeclareDefault,
    FundHouse,
    HouseLayer,
    MintCoins,
    RecordFiatReceipt,
    SetLimit,
    SettlementModel,
)
from exchange.events import BucketSettled, ClaimSettled, Entry, Event, ParticipantState, PositionSettled
from exchange.events import VariationCleared as Cleared
from exchange.instruments import ContractKind
from exchange.reports.balances import TotalRow, balances, totals
from exchange.reports.settlement import (
    ClearingRow,
    CycleRow,
    FailRow,
    PaidRow,
    clearings,
    cycles,
    fails,
    paid,
)
from exchange.reports.standings import (
    EscrowRow,
    ExposureRow,
    MarginRow,
    MemberRow,
    PositionRow,
    escrows,
    exposures,
    margins,
    members,
    positions,
)
from exchange.reports.stress import (
    CoverRow,
    GroupRow,
    StressRow,
    covers,
    group_losses,
    stresses,
    waterfall,
)
from exchange.units import MINUTE, SECOND, AssetId, BucketId, WalletId
from matching.terms import ParticipantId
from tests.builders import (
    ANN,
    BOB,
    BOTH_MODES,
    BTCF,
    CYD,
    OPENS,
    ROUBLE,
    RUBD,
    SELL,
    Venue,
    a_regime,
    coin_terms,
    future,
    option,
)
from tests.exchange.test_settlement import BTC
from tests.stories.test_a_seller_fails_to_deliver import COIN, PRICE, a_short_seller, next_cycle

DAN, EVE = ParticipantId("dan"), ParticipantId("eve")
BUCKET = future().bucket_id
FULL, RISK, ACTIVE = ClearingMode.FULL, ClearingMode.RISK, ParticipantState.ACTIVE
SIZE = 2_000 * ROUBLE
MINIMUM = 500 * ROUBLE
FIRM = Applicant(kind=ApplicantKind.COMPANY, qualified_by_law=True, knowledge_test_passed=True)


def in_full() -> Venue:
    """Ann has bought ten lots of Bob at 80,000 ticks, who offers five more at 82,000. The index says 81,000."""
    venue = Venue()
    for name in (ANN, BOB):
        venue.admit(name, 200_000 * ROUBLE)
    venue.trade(ANN, BOB, 10, 80_000)
    venue.place(BOB, SELL, 5, 82_000)
    venue.tell(SetLimit(participant_id=BOB, limit=150_000 * ROUBLE))
    venue.quote(81_000 * 10_000)
    venue.wait_until(OPENS + 2 * SECOND)
    return venue


def on_margin(order: LossOrder = LossOrder.DEFAULT_FUND, trade: bool = True) -> Venue:
    """Ann, a client of Dan's, has bought a hundred lots of Bob, a client of Eve's, at 80,000, where the index is."""
    rules = ClearingRules(
        mode=RISK,
        fund=FundTerms(minimum=MINIMUM),
        waterfall=WaterfallTerms(
            order=order,
            layers=LAYERS[order],
            skin_in_the_game=SIZE,
            second_skin_in_the_game=SIZE,
            further_amount=SIZE,
            equity=SIZE,
        ),
    )
    venue = Venue(regime=a_regime(clearing=rules), coin=coin_terms(2))
    for name in (ANN, BOB, DAN, EVE):
        venue.admit(name, 500_000 * ROUBLE, applicant=FIRM if name in (DAN, EVE) else None)
    for member in (DAN, EVE):
        venue.tell(AppointMember(participant_id=member))
    for client, member in ((ANN, DAN), (BOB, EVE)):
        venue.choose(client, member)
    house, amount = WalletId("house"), SIZE * len(HouseLayer)
    venue.tell(RecordFiatReceipt(asset_id=RUBD, receipt_id="house", amount=amount))
    venue.tell(MintCoins(asset_id=RUBD, minter="minter", receipt_id="house", wallet_id=house, amount=amount))
    for layer in HouseLayer:
        venue.tell(FundHouse(asset_id=RUBD, source=house, layer=layer, amount=SIZE))
    venue.quote(80_000 * 10_000)
    venue.wait_until(OPENS + 2 * SECOND)
    if trade:
        venue.trade(ANN, BOB, 100, 80_000)
    return venue


# --- full cover -----------------------------------------------------------------------------------------


def test_under_full_cover_margin_is_told_beside_what_is_really_required():
    """Ten lots at 81,000 are worth 81,000 roubles: 16% of it long, 30% short; 2% and 1% by the other table."""
    assert margins(in_full().state) == [
        MarginRow(
            participant_id=ANN,
            member_id=None,
            restriction=ACTIVE,
            margin_state=None,
            notional=81_000 * ROUBLE,
            required=80_000 * ROUBLE,
            scenario_initial=12_960 * ROUBLE,
            scenario_maintenance=9_720 * ROUBLE,
            standard_initial=162_005,
            standard_maintenance=81_005,
            equity=201_000 * ROUBLE,
        ),
        MarginRow(
            participant_id=BOB,
            member_id=None,
            restriction=ACTIVE,
            margin_state=None,
            notional=81_000 * ROUBLE,
            required=119_000 * ROUBLE,  # and five more at up to 160,000
            scenario_initial=24_300 * ROUBLE,
            scenario_maintenance=18_225 * ROUBLE,
            standard_initial=162_005,
            standard_maintenance=81_005,
            equity=199_000 * ROUBLE,
        ),
    ]


def test_under_full_cover_money_is_free_held_or_locked():
    ann, bob = exposures(in_full().state)
    assert ann == ExposureRow(
        participant_id=ANN,
        cash=120_000 * ROUBLE,
        held=0,
        locked=80_000 * ROUBLE,
        collateral=None,
        fund_share=None,
        owed=None,
        at_risk=80_000 * ROUBLE,
        limit=None,
    )
    assert (bob.cash, bob.held, bob.locked) == (81_000 * ROUBLE, 39_000 * ROUBLE, 80_000 * ROUBLE)
    assert (bob.at_risk, bob.limit) == (119_000 * ROUBLE, 150_000 * ROUBLE)


def test_positions_are_told_with_their_mark():
    bought, sold = positions(in_full().state)
    assert bought == PositionRow(
        participant_id=ANN,
        instrument_id=BTCF,
        bucket_id=BUCKET,
        mode=FULL,
        lots=10,
        mark=81_000,
        worth=81_000 * ROUBLE,
        notional=81_000 * ROUBLE,
    )
    assert (sold.participant_id, sold.lots, sold.worth) == (BOB, -10, -81_000 * ROUBLE)


def test_an_option_has_the_notional_of_its_underlying():
    call = option(ContractKind.CALL, 90_000)
    venue = Venue(future(), call)
    for name in (ANN, BOB):
        venue.admit(name, 200_000 * ROUBLE)
    venue.quote(81_000 * 10_000)
    venue.wait_until(OPENS + 2 * SECOND)
    venue.trade(ANN, BOB, 2, 500, instrument_id=call.instrument_id)
    row, _ = positions(venue.state)
    mark = venue.state.series[call.instrument_id].mark
    assert (row.notional, row.worth) == (16_200 * ROUBLE, 2 * 10 * mark)
    ann, bob = margins(venue.state)
    assert ann.standard_initial == 0, "who has paid for an option owes nothing more"
    assert bob.standard_initial == 2 * (8_100 * 10 + 10 * mark), "10% of the underlying, and the mark"


def test_an_escrow_pool_is_the_width_times_the_lots():
    venue = in_full()
    assert escrows(venue.state) == [
        EscrowRow(
            bucket_id=BUCKET,
            asset_id=RUBD,
            holders=2,
            open_interest=10,
            pool=160_000 * ROUBLE,
            largest_lock=80_000 * ROUBLE,
        )
    ]


def test_under_full_cover_there_is_nothing_to_stress_and_no_waterfall():
    state = in_full().state
    assert [table(state) for table in (stresses, group_losses, covers, waterfall, members)] == [[]] * 5


# --- margin ---------------------------------------------------------------------------------------------


def test_margin_is_16_percent_long_and_30_percent_short():
    ann, bob, dan, _ = margins(on_margin().state)
    assert ann == MarginRow(
        participant_id=ANN,
        member_id=DAN,
        restriction=ACTIVE,
        margin_state=MarginState.NORMAL,
        notional=800_000 * ROUBLE,
        required=128_000 * ROUBLE,
        scenario_initial=128_000 * ROUBLE,
        scenario_maintenance=96_000 * ROUBLE,
        standard_initial=1_600_400,  # 2%, and 0.0005% for a hundred lots
        standard_maintenance=800_400,
        equity=500_000 * ROUBLE,
    )
    assert (bob.scenario_initial, bob.scenario_maintenance) == (240_000 * ROUBLE, 180_000 * ROUBLE)
    assert (dan.notional, dan.required, dan.equity) == (0, 0, 500_000 * ROUBLE - MINIMUM)


def test_collateral_is_posted_and_a_member_has_its_share_in_the_fund():
    ann, _, dan, _ = exposures(on_margin().state)
    assert (ann.cash, ann.collateral, ann.fund_share) == (372_000 * ROUBLE, 128_000 * ROUBLE, 0)
    assert (ann.locked, ann.owed, ann.at_risk) == (None, 0, 128_000 * ROUBLE)
    assert (dan.cash, dan.collateral, dan.fund_share) == (500_000 * ROUBLE - MINIMUM, 0, MINIMUM)


def test_a_member_stands_for_itself_and_its_client():
    dan, eve = members(on_margin().state)
    assert dan == MemberRow(
        member_id=DAN,
        restriction=ACTIVE,
        margin_state=MarginState.NORMAL,
        clients=1,
        initial=128_000 * ROUBLE,
        at_risk=128_000 * ROUBLE,
        capacity=None,
        contribution=MINIMUM,
        paid_in=MINIMUM,
        missing=0,
        assessed=0,
        loss=352_000 * ROUBLE,
        porting_offer=0,
    )
    assert (eve.member_id, eve.initial, eve.loss) == (EVE, 240_000 * ROUBLE, 560_000 * ROUBLE)


def test_under_full_cover_a_member_has_no_fund():
    venue = in_full()
    venue.admit(DAN, applicant=FIRM)
    venue.tell(AppointMember(participant_id=DAN))
    venue.choose(ANN, DAN)
    (dan,) = members(venue.state)
    assert (dan.clients, dan.at_risk, dan.initial) == (1, 80_000 * ROUBLE, 12_960 * ROUBLE)
    assert (dan.contribution, dan.paid_in, dan.missing, dan.loss) == (None,) * 4


def test_the_stress_table_is_told_move_by_move():
    rows = stresses(on_margin().state)
    assert rows[0] == StressRow(
        participant_id=ANN,
        group_id=DAN,
        move_bp=-6_000,
        loss=480_000 * ROUBLE,
        own=128_000 * ROUBLE,
        beyond=352_000 * ROUBLE,
    )
    assert [(row.participant_id, row.move_bp, row.loss // ROUBLE, row.beyond // ROUBLE) for row in rows] == [
        (ANN, -6_000, 480_000, 352_000),
        (ANN, -3_750, 300_000, 172_000),
        (ANN, -3_000, 240_000, 112_000),
        (ANN, 3_000, -240_000, 0),
        (ANN, 10_000, -800_000, 0),
        (BOB, -6_000, -480_000, 0),
        (BOB, -3_750, -300_000, 0),
        (BOB, -3_000, -240_000, 0),
        (BOB, 3_000, 240_000, 0),
        (BOB, 10_000, 800_000, 560_000),
    ]


def test_cover_two_is_both_groups_and_the_fund_is_far_from_it():
    state = on_margin().state
    assert group_losses(state) == [
        GroupRow(group_id=EVE, loss=560_000 * ROUBLE, together=560_000 * ROUBLE),
        GroupRow(group_id=DAN, loss=352_000 * ROUBLE, together=912_000 * ROUBLE),
    ]
    assert covers(state) == [
        CoverRow(
            asset_id=RUBD,
            cover_one=560_000 * ROUBLE,
            cover_two=912_000 * ROUBLE,
            cover=2,
            to_cover=912_000 * ROUBLE,
            skin_in_the_game=SIZE,
            contributions=2 * MINIMUM,
            paid_in=2 * MINIMUM,
            uncovered=909_000 * ROUBLE,
            liquidity=SIZE,
            liquidity_need=0,
        )
    ]


def test_the_cash_that_a_day_would_take_is_what_the_largest_loser_owes():
    """A thousand ticks up: Bob owes 10,000 roubles, and Ann is due as much."""
    venue = on_margin()
    venue.quote(81_000 * 10_000)
    venue.wait_until(OPENS + 2 * MINUTE)
    (row,) = covers(venue.state)
    assert (row.liquidity_need, row.liquidity) == (10_000 * ROUBLE, SIZE)


def test_each_layer_could_give_so_much_if_the_costliest_member_failed():
    rows = waterfall(on_margin().state)
    assert {row.defaulter for row in rows} == {EVE}
    assert [(row.place, row.layer, row.capacity) for row in rows] == [
        (1, Layer.DEFAULTER_MARGIN, 500_000 * ROUBLE - MINIMUM),
        (2, Layer.DEFAULTER_FUND_SHARE, MINIMUM),
        (3, Layer.SKIN_IN_THE_GAME, SIZE),
        (4, Layer.SURVIVORS_FUND, MINIMUM + SIZE),
        (5, Layer.ASSESSMENTS, 2 * MINIMUM + SIZE),
        (6, Layer.GAINS_HAIRCUT, 0),
        (7, Layer.TEAR_UP, None),
        (8, Layer.EQUITY, SIZE),
    ]


def test_without_a_position_the_waterfall_stands_against_somebody_with_nothing():
    rows = waterfall(on_margin(trade=False).state)
    assert {row.defaulter for row in rows} == {None}
    assert [row.capacity for row in rows[:4]] == [0, 0, SIZE, 2 * MINIMUM + SIZE]


def test_while_a_default_is_open_the_waterfall_stands_against_it():
    """Ann's 100 lots cannot be sold, so her default is open until its auction ends."""
    venue = on_margin()
    venue.tell(DeclareDefault(participant_id=ANN, grounds="court order 7"))
    assert {row.defaulter for row in waterfall(venue.state)} == {ANN}
    ann = next(row for row in margins(venue.state) if row.participant_id == ANN)
    assert (ann.restriction, ann.margin_state) == (ParticipantState.DEFAULTED, MarginState.CLOSING)


def test_the_crypto_order_has_an_insurance_fund_and_ends_contracts():
    rows = waterfall(on_margin(LossOrder.CRYPTO).state)
    assert [(row.layer, row.capacity) for row in rows] == [
        (Layer.DEFAULTER_MARGIN, 500_000 * ROUBLE - MINIMUM),
        (Layer.INSURANCE_FUND, SIZE),
        (Layer.DELEVERAGING, None),
    ]


# --- settlement -----------------------------------------------------------------------------------------


@BOTH_MODES
def test_the_settlement_sheet_of_a_cycle_with_a_fail(regime: Regime) -> None:
    """Ann has one bitcoin and has sold two, at eight million each: one deal settles, one costs her 0.1%."""
    venue = a_short_seller(regime)
    assert cycles(venue.state) == fails(venue.state) == []
    next_cycle(venue, 0)
    units, money = cycles(venue.state)
    assert units == CycleRow(
        cycle_id=1,
        model=SettlementModel.DVP_3,
        instructions=2,
        settled=1,
        partly_settled=0,
        recycled=1,
        failed=0,
        asset_id=BTC,
        scale=8,
        due=2 * COIN,
        gross=COIN,
        multilateral=COIN,
        efficiency_ppm=0,
        liquidity_peak=COIN,
        penalties=0,
    )
    assert (money.asset_id, money.due, money.gross) == (RUBD, 2 * PRICE, PRICE)
    assert money.penalties == 8_000 * ROUBLE
    assert fails(venue.state) == [
        FailRow(
            instruction_id=2,
            failing_id=ANN,
            suffering_id=CYD,
            asset_id=BTC,
            remaining=COIN,
            scale=8,
            penalty_asset_id=RUBD,
            penalty_scale=2,
            penalty=8_000 * ROUBLE,
            unpaid=0,
            ended=False,
            compensation=0,
        )
    ]


@BOTH_MODES
def test_a_cycle_with_nothing_due_does_not_hide_the_one_before(regime: Regime) -> None:
    venue = a_short_seller(regime, max_recycles=0)
    next_cycle(venue, 0, index=8_500_000)
    next_cycle(venue, 1)
    assert {row.cycle_id for row in cycles(venue.state)} == {1}
    (failed,) = fails(venue.state)
    assert (failed.ended, failed.compensation) == (True, 500_000 * ROUBLE)


def told(*events: Event) -> list[Entry]:
    return [Entry(sequence=n, time=100 * n, event=event) for n, event in enumerate(events, 1)]


def test_claims_and_variation_are_told_by_bucket():
    margined = BucketId("margined")
    entries = told(
        ClaimSettled(participant_id=ANN, bucket_id=BUCKET, payout=90, gain=10),
        ClaimSettled(participant_id=BOB, bucket_id=BUCKET, payout=70, gain=-10),
        BucketSettled(bucket_id=BUCKET, pool=160, holders=2),
        PositionSettled(participant_id=ANN, bucket_id=margined, amount=5),
        PositionSettled(participant_id=CYD, bucket_id=margined, amount=3),
        PositionSettled(participant_id=BOB, bucket_id=margined, amount=-8),
    )
    assert paid(entries) == [
        PaidRow(bucket_id=BUCKET, time=100, mode=FULL, holders=2, paid=160, lost=10),
        PaidRow(bucket_id=margined, time=400, mode=RISK, holders=3, paid=8, lost=8),
    ]


def test_clearings_are_told_unless_nothing_was_owed():
    entries = told(
        Cleared(asset_id=RUBD, collected=0, distributed=0, late=0, liquidity=0),
        Cleared(asset_id=RUBD, collected=70, distributed=90, late=30, liquidity=20),
    )
    assert clearings(entries) == [
        ClearingRow(time=200, asset_id=RUBD, collected=70, distributed=90, late=30, liquidity=20)
    ]


# --- balances -------------------------------------------------------------------------------------------


def test_the_trial_balance_proves_that_debits_equal_credits():
    state = in_full().state
    money, lots = totals(state)
    assert (money.asset_id, money.scale, money.liabilities, money.held_outside) == (
        RUBD, 2, 400_000 * ROUBLE, 400_000 * ROUBLE,
    )  # fmt: skip
    assert lots == TotalRow(
        asset_id=AssetId(f"POS:{BTCF}"),
        scale=0,
        debits_posted=20,
        credits_posted=20,
        debits_pending=0,
        credits_pending=0,
        posted_difference=0,
        pending_difference=0,
        liabilities=0,
        held_outside=0,
    )
    rows = {row.account_id: row for row in balances(state)}
    assert len(rows) == len(list(state.ledger.accounts()))
    pool = rows[f"escrow:{BUCKET}"]
    assert (pool.rule, pool.balance) == ("liability", 160_000 * ROUBLE)
    assert pool.credits_posted - pool.debits_posted == pool.balance
    assert rows[f"pos:{BOB}:{BTCF}"].balance == -10


def test_a_counter_that_has_drifted_shows_in_the_totals():
    state = in_full().state
    first = next(account for account in state.ledger.accounts() if account.rule is Rule.LIABILITY)
    first.credits_posted += 5
    first.debits_pending += 3
    money, _ = totals(state)
    assert (money.posted_difference, money.pending_difference) == (5, -3)


def test_what_is_owed_in_a_coin_is_counted_as_the_coin():
    venue = on_margin()
    owed = next(row for row in totals(venue.state) if row.asset_id == f"OBL:{RUBD}")
    assert owed.scale == 2


def test_reading_changes_nothing():
    state = on_margin().state
    head = state.ledger.head()
    for table in (positions, margins, exposures, escrows, members, stresses, group_losses, covers, waterfall):
        assert table(state) == table(state)
    assert state.ledger.head() == head
