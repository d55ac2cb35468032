"""Settlement end to end: matching, the four models, parts, recycling, penalties, cancels, freezes, units."""

import pytest

from exchange.audit import audit
from exchange.cash.holding import Holding
from exchange.cash.terms import CoinTerms
from exchange.clearing import accounts
from exchange.clearing.ledger import Ledger, Rule
from exchange.clearing.settlement import (
    NEXT,
    Instruction,
    Kind,
    Settlement,
    Terms,
    Wishes,
    late_penalty,
    replacement_cost,
)
from exchange.commands import (
    CancelInstruction,
    CreditUnits,
    DebitUnits,
    DeclareDefault,
    DepositCash,
    FreezeParticipant,
    IndexTerms,
    InstructSettlement,
    MintCoins,
    RecordFiatReceipt,
    ReinstateParticipant,
    ReleaseInstruction,
    RunSettlementCycle,
    SettlementCycleTerms,
    SettlementModel,
    SuspendParticipant,
    UnfreezeParticipant,
    WithdrawCash,
)
from exchange.events import (
    AssetSettled,
    CancellationAsked,
    DirectiveRefused,
    Event,
    InstructionAlleged,
    InstructionCanceled,
    InstructionExpired,
    InstructionFailed,
    InstructionMatched,
    InstructionPartlySettled,
    InstructionReady,
    InstructionRecycled,
    InstructionRefused,
    InstructionReleased,
    InstructionSettled,
    InstructionState,
    LatePenaltyBooked,
    SettlementCycleCompleted,
    SettlementCycleOpened,
    UnitRequestRejected,
    UnitsCredited,
    UnitsDebited,
)
from exchange.instruments import Asset
from exchange.reasons import SettlementRefusal
from exchange.units import DAY, HOUR, MINUTE, SECOND, AssetId, Money, WalletId
from exchange.wellformed import MalformedCommand
from matching.terms import ParticipantId
from tests.builders import ANN, BOB, BTC_RUB, CYD, OPENS, RUBD, Venue, coin_terms, of_kind

BTC, NOTE, USDX = AssetId("BTC"), AssetId("DFA:NOTE1"), AssetId("USDX")
DVP_1, DVP_2, DVP_3, PVP = SettlementModel
ALL_MODELS = tuple(SettlementModel)
ASSETS = (
    Asset(asset_id=BTC, scale=8, title="bitcoin", index_id=BTC_RUB),
    Asset(asset_id=NOTE, scale=0, title="a note"),
    Asset(asset_id=USDX, scale=2, title="dollar coin"),
)


def dollar() -> CoinTerms:
    return coin_terms(asset_id=USDX, venue_wallets=(WalletId("vault"),), finality=7 * SECOND)


def a_venue(
    cycles: tuple[SettlementCycleTerms, ...] = (), index: IndexTerms | None = None, **cash: Money
) -> Venue:
    venue = Venue(more_assets=ASSETS, more_coins=(dollar(),), cycles=cycles, index=index)
    for name in (ANN, BOB, CYD):
        venue.admit(name, cash.get(name, 0))
    return venue


def give(venue: Venue, name: ParticipantId, amount: int, asset_id: AssetId = NOTE) -> None:
    (event,) = venue.tell(CreditUnits(participant_id=name, asset_id=asset_id, amount=amount))
    assert isinstance(event, UnitsCredited)


def give_dollars(venue: Venue, name: ParticipantId, amount: Money) -> None:
    """Into the wallet that the participant has, and on to the venue."""
    receipt, wallet = f"dollars-{name}", WalletId(f"wallet-{name}")
    venue.tell(RecordFiatReceipt(asset_id=USDX, receipt_id=receipt, amount=amount))
    venue.tell(MintCoins(asset_id=USDX, minter="minter", receipt_id=receipt, wallet_id=wallet, amount=amount))
    venue.tell(DepositCash(participant_id=name, asset_id=USDX, amount=amount))


def sides(
    venue: Venue,
    deliverer: ParticipantId,
    receiver: ParticipantId,
    amount: int,
    payment: Money = 0,
    **more: object,
) -> tuple[InstructSettlement, InstructSettlement]:
    """The same deal as the one who delivers and the one who receives see it; `more` are other fields."""
    fields: dict[str, object] = {
        "asset_id": NOTE if payment else RUBD,
        "amount": amount,
        "payment_asset_id": RUBD if payment else None,
        "payment": payment,
        "intended": venue.now,
        **more,
    }
    return (
        InstructSettlement(participant_id=deliverer, counterparty_id=receiver, delivers=True, **fields),  # type: ignore[arg-type]
        InstructSettlement(participant_id=receiver, counterparty_id=deliverer, delivers=False, **fields),  # type: ignore[arg-type]
    )


def agree(
    venue: Venue,
    deliverer: ParticipantId,
    receiver: ParticipantId,
    amount: int,
    payment: Money = 0,
    **more: object,
) -> int:
    """Both sides instruct; the id."""
    first, second = sides(venue, deliverer, receiver, amount, payment, **more)
    venue.tell(first)
    matched = of_kind(venue.tell(second), InstructionMatched)
    assert [event.participant_id for event in matched] == [deliverer, receiver]
    return matched[0].instruction_id


def run(venue: Venue, model: SettlementModel = DVP_1, **more: object) -> list[Event]:
    return venue.tell(RunSettlementCycle(model=model, **more))  # type: ignore[arg-type]


def sheet(events: list[Event]) -> SettlementCycleCompleted:
    (found,) = of_kind(events, SettlementCycleCompleted)
    return found


def in_asset(events: list[Event], asset_id: AssetId = RUBD) -> AssetSettled:
    (found,) = (asset for asset in sheet(events).assets if asset.asset_id == asset_id)
    return found


def units(venue: Venue, name: ParticipantId, asset_id: AssetId = NOTE) -> int:
    return int(venue.state.settlement.free(name, asset_id))


def cash(venue: Venue, name: ParticipantId, asset_id: AssetId = RUBD) -> Money:
    return int(venue.state.settlement.free(name, asset_id))


def state_of(venue: Venue, instruction_id: int) -> InstructionState:
    settlement = venue.state.settlement
    found: Instruction = settlement.open.get(instruction_id) or settlement.over[instruction_id]
    return found.state


# --- matching -------------------------------------------------------------------------------------------


def test_an_instruction_waits_until_the_other_side_says_the_same():
    venue = a_venue()
    seller, buyer = sides(venue, ANN, BOB, 5, 1_000, reference="deal 7")
    alleged = venue.tell(seller)
    assert [(e.participant_id, e.delivers) for e in of_kind(alleged, InstructionAlleged)] == [
        (ANN, True),
        (BOB, False),
    ]
    assert sheet(run(venue)).due == 0
    matched = of_kind(venue.tell(buyer), InstructionMatched)
    assert [(e.participant_id, e.instruction_id, e.reference) for e in matched] == [
        (ANN, 1, "deal 7"),
        (BOB, 1, "deal 7"),
    ]


@pytest.mark.parametrize(
    "different",
    [{"amount": 6}, {"payment": 999}, {"asset_id": BTC}, {"reference": "x"}, {"intended": OPENS + HOUR}],
)
def test_other_terms_do_not_match(different):
    venue = a_venue()
    seller, _ = sides(venue, ANN, BOB, 5, 1_000)
    _, buyer = sides(venue, ANN, BOB, **{"amount": 5, "payment": 1_000, **different})
    venue.tell(seller)
    assert of_kind(venue.tell(buyer), InstructionAlleged)


def test_one_side_does_not_match_itself_and_the_oldest_goes_first():
    venue = a_venue()
    seller, buyer = sides(venue, ANN, BOB, 5, 1_000)
    venue.tell(seller)
    assert of_kind(venue.tell(seller), InstructionAlleged)
    ids = [of_kind(venue.tell(buyer), InstructionMatched)[0].instruction_id for _ in range(2)]
    assert ids == [1, 2]
    assert of_kind(venue.tell(buyer), InstructionAlleged)


def test_together_they_get_what_both_allow():
    venue = a_venue()
    seller, _ = sides(venue, ANN, BOB, 5, 1_000, priority=3, allow_partial=True, min_lot=2, max_recycles=4)
    _, buyer = sides(venue, ANN, BOB, 5, 1_000, priority=1, min_lot=3, max_recycles=9, hold=True)
    venue.tell(seller)
    venue.tell(buyer)
    made = venue.state.settlement.open[1]
    assert (made.priority, made.allow_partial, made.min_lot, made.max_recycles) == (1, False, 3, 4)
    assert list(made.holders) == [BOB]


def test_what_nobody_matches_falls_a_day_after_its_hour():
    venue = a_venue()
    venue.tell(sides(venue, ANN, BOB, 5, 1_000, intended=venue.now + HOUR)[0])
    assert of_kind(venue.wait_until(OPENS + HOUR + DAY - 1), InstructionExpired) == []
    expired = of_kind(venue.wait_until(OPENS + HOUR + DAY), InstructionExpired)
    assert [event.participant_id for event in expired] == [ANN, BOB]
    assert state_of(venue, 1) is InstructionState.EXPIRED
    _, buyer = sides(venue, ANN, BOB, 5, 1_000, intended=venue.now)
    assert of_kind(venue.tell(buyer), InstructionAlleged)


def test_what_is_matched_does_not_fall():
    venue = a_venue()
    agree(venue, ANN, BOB, 5, 1_000)
    assert of_kind(venue.wait_until(OPENS + 2 * DAY), InstructionExpired) == []


# --- bad input ------------------------------------------------------------------------------------------

NOBODY_WE_KNOW = ParticipantId("nobody")


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"participant_id": NOBODY_WE_KNOW}, SettlementRefusal.UNKNOWN_PARTICIPANT),
        ({"counterparty_id": NOBODY_WE_KNOW}, SettlementRefusal.UNKNOWN_COUNTERPARTY),
        ({"counterparty_id": ANN}, SettlementRefusal.OWN_COUNTERPARTY),
        ({"asset_id": "GOLD"}, SettlementRefusal.UNKNOWN_ASSET),
        ({"payment_asset_id": "GOLD"}, SettlementRefusal.UNKNOWN_ASSET),
        ({"payment_asset_id": None}, SettlementRefusal.NO_MONEY_LEG),
        ({"payment_asset_id": BTC}, SettlementRefusal.NO_MONEY_LEG),
        ({"asset_id": RUBD}, SettlementRefusal.SAME_ASSET),
        ({"amount": 0}, SettlementRefusal.AMOUNT_NOT_POSITIVE),
        ({"amount": -5}, SettlementRefusal.AMOUNT_NOT_POSITIVE),
        ({"payment": 0}, SettlementRefusal.AMOUNT_NOT_POSITIVE),
        ({"payment": -1}, SettlementRefusal.AMOUNT_NOT_POSITIVE),
        ({"asset_id": RUBD, "payment_asset_id": None, "payment": 3}, SettlementRefusal.AMOUNT_NOT_POSITIVE),
        ({"intended": OPENS - 1}, SettlementRefusal.DATE_PASSED),
        ({"min_lot": 0}, SettlementRefusal.MIN_LOT_OUT_OF_RANGE),
        ({"min_lot": 6}, SettlementRefusal.MIN_LOT_OUT_OF_RANGE),
        ({"max_recycles": -1}, SettlementRefusal.RECYCLES_NEGATIVE),
    ],
)
def test_an_impossible_instruction_is_refused_and_nothing_changes(wrong, reason):
    venue = a_venue()
    terms = {
        "participant_id": ANN,
        "counterparty_id": BOB,
        "delivers": True,
        "asset_id": NOTE,
        "amount": 5,
        "payment_asset_id": RUBD,
        "payment": 1_000,
        "intended": OPENS,
        "reference": "mine",
    }
    head = venue.state.ledger.head()
    (refused,) = venue.tell(InstructSettlement(**{**terms, **wrong}))
    assert isinstance(refused, InstructionRefused)
    assert (refused.reason, refused.request, refused.reference) == (reason, "InstructSettlement", "mine")
    assert venue.state.ledger.head() == head and venue.state.settlement.open == {}


@pytest.mark.parametrize(
    "wrong", [{"amount": 1.5}, {"amount": True}, {"amount": 2**63}, {"delivers": 1}, {"intended": None}]
)
def test_what_is_no_instruction_at_all_never_becomes_one(wrong):
    venue = a_venue()
    right, _ = sides(venue, ANN, BOB, 5, 1_000)
    fields = {name: getattr(right, name) for name in right.__struct_fields__}
    with pytest.raises(MalformedCommand, match=f"InstructSettlement.{next(iter(wrong))}"):
        venue.exchange.handle(InstructSettlement(**{**fields, **wrong}), venue.now)
    with pytest.raises(MalformedCommand, match="model must be one of DVP_1"):
        venue.exchange.handle(RunSettlementCycle(model="dvp_1"), venue.now)  # type: ignore[arg-type]


def cancel(venue: Venue, name: ParticipantId, instruction_id: int, jointly: bool = False) -> list[Event]:
    return venue.tell(CancelInstruction(participant_id=name, instruction_id=instruction_id, jointly=jointly))


def refusal(events: list[Event]) -> SettlementRefusal:
    (refused,) = events
    assert isinstance(refused, InstructionRefused)
    return refused.reason


def test_nobody_cancels_what_is_not_its_own_or_is_over():
    venue = a_venue()
    venue.tell(sides(venue, ANN, BOB, 5, 1_000)[0])
    assert refusal(cancel(venue, NOBODY_WE_KNOW, 1)) is SettlementRefusal.UNKNOWN_PARTICIPANT
    assert refusal(cancel(venue, CYD, 1)) is SettlementRefusal.UNKNOWN_INSTRUCTION
    assert refusal(cancel(venue, ANN, 2)) is SettlementRefusal.UNKNOWN_INSTRUCTION
    assert refusal(cancel(venue, BOB, 1)) is SettlementRefusal.UNKNOWN_INSTRUCTION, "it is only Ann's yet"
    assert [e.participant_id for e in of_kind(cancel(venue, ANN, 1), InstructionCanceled)] == [ANN, BOB]
    assert refusal(cancel(venue, ANN, 1)) is SettlementRefusal.ALREADY_ENDED
    _, buyer = sides(venue, ANN, BOB, 5, 1_000)
    assert of_kind(venue.tell(buyer), InstructionAlleged), "what was canceled is matched no more"


def test_either_side_cancels_before_a_cycle_has_tried_it_and_only_both_after():
    venue = a_venue()
    first = agree(venue, ANN, BOB, 5, 1_000)
    assert of_kind(cancel(venue, BOB, first), InstructionCanceled)

    second = agree(venue, ANN, BOB, 5, 1_000)
    run(venue)  # Ann has no units
    before = venue.state.ledger.head()
    assert refusal(cancel(venue, BOB, second)) is SettlementRefusal.NEEDS_BOTH_SIDES
    assert state_of(venue, second) is InstructionState.RECYCLED and venue.state.ledger.head() == before
    asked = of_kind(cancel(venue, BOB, second, jointly=True), CancellationAsked)
    assert [(e.participant_id, e.asked_by) for e in asked] == [(ANN, BOB), (BOB, BOB)]
    assert refusal(cancel(venue, BOB, second, jointly=True)) is SettlementRefusal.ALREADY_ASKED
    assert of_kind(cancel(venue, ANN, second, jointly=True), InstructionCanceled)
    assert sheet(run(venue)).due == 0


def test_both_sides_may_take_a_deal_out_of_a_cycle_of_single_deals_but_not_out_of_a_net_one():
    for model, possible in ((DVP_1, True), (DVP_3, False), (DVP_2, False)):
        venue = a_venue(bob=1_000)
        give(venue, ANN, 5)
        deal = agree(venue, ANN, BOB, 5, 1_000)
        run(venue, model, lasts=HOUR)
        assert state_of(venue, deal) is InstructionState.READY
        if possible:
            cancel(venue, ANN, deal, jointly=True)
            assert of_kind(cancel(venue, BOB, deal, jointly=True), InstructionCanceled)
            assert (units(venue, ANN), cash(venue, BOB)) == (5, 1_000)
            assert sheet(venue.wait_until(venue.now + HOUR)).settled == 0
        else:
            assert refusal(cancel(venue, ANN, deal, jointly=True)) is SettlementRefusal.IN_A_NET_BATCH
            assert sheet(venue.wait_until(venue.now + HOUR)).settled == 1


def test_units_come_in_against_the_register_and_go_out_again():
    venue = a_venue()
    give(venue, ANN, 7)
    register = accounts.register(NOTE)
    assert (units(venue, ANN), venue.state.ledger.posted(register)) == (7, 7)
    assert register == "ext:reg:DFA:NOTE1" and accounts.units(ANN, NOTE) == "unit:ann:DFA:NOTE1"
    (out,) = venue.tell(DebitUnits(participant_id=ANN, asset_id=NOTE, amount=3))
    assert isinstance(out, UnitsDebited)
    assert (units(venue, ANN), venue.state.ledger.posted(register)) == (4, 4)


@pytest.mark.parametrize(
    ("command", "wrong", "reason"),
    [
        (CreditUnits, {"participant_id": NOBODY_WE_KNOW}, SettlementRefusal.UNKNOWN_PARTICIPANT),
        (CreditUnits, {"asset_id": "GOLD"}, SettlementRefusal.UNKNOWN_ASSET),
        (CreditUnits, {"asset_id": RUBD}, SettlementRefusal.NOT_A_UNIT_ASSET),
        (CreditUnits, {"amount": 0}, SettlementRefusal.AMOUNT_NOT_POSITIVE),
        (DebitUnits, {"amount": 6}, SettlementRefusal.INSUFFICIENT_UNITS),
        (DebitUnits, {"asset_id": BTC}, SettlementRefusal.INSUFFICIENT_UNITS),
        (DebitUnits, {"asset_id": "GOLD"}, SettlementRefusal.UNKNOWN_ASSET),
    ],
)
def test_units_that_cannot_be_are_refused_and_nothing_changes(command, wrong, reason):
    venue = a_venue()
    give(venue, ANN, 5)
    head = venue.state.ledger.head()
    (rejected,) = venue.tell(command(**{"participant_id": ANN, "asset_id": NOTE, "amount": 5, **wrong}))
    assert isinstance(rejected, UnitRequestRejected) and rejected.reason is reason
    assert venue.state.ledger.head() == head


@pytest.mark.parametrize("wrong", [{"penalty_bp": -1}, {"lasts": -1}])
def test_a_cycle_neither_lasts_nor_penalises_by_less_than_nothing(wrong):
    venue = a_venue()
    (refused,) = run(venue, **wrong)
    assert isinstance(refused, DirectiveRefused)


# --- the models -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [DVP_1, DVP_2, DVP_3])
def test_units_and_cash_change_hands(model):
    venue = a_venue(bob=1_500)
    give(venue, ANN, 5)
    deal = agree(venue, ANN, BOB, 5, 1_000)
    events = run(venue, model)
    assert [e.participant_id for e in of_kind(events, InstructionReady)] == [ANN, BOB]
    settled = of_kind(events, InstructionSettled)
    assert [(e.participant_id, e.amount, e.payment) for e in settled] == [(ANN, 5, 1_000), (BOB, 5, 1_000)]
    assert (units(venue, ANN), units(venue, BOB)) == (0, 5)
    assert (cash(venue, ANN), cash(venue, BOB)) == (1_000, 500)
    assert state_of(venue, deal) is InstructionState.SETTLED
    assert sheet(run(venue, model)).due == 0, "nothing settles twice"


def test_two_moneys_change_hands_in_a_cycle_of_their_own():
    venue = a_venue(bob=900)
    give_dollars(venue, ANN, 10)
    deal = agree(venue, ANN, BOB, 10, 900, asset_id=USDX)
    for model in (DVP_1, DVP_2, DVP_3):
        assert sheet(run(venue, model)).due == 0
    (settled, _) = of_kind(run(venue, PVP), InstructionSettled)
    assert settled.issuer_final_at == settled.final_at + 7 * SECOND, "the slower of the two issuers"
    assert (cash(venue, BOB, USDX), cash(venue, ANN), cash(venue, BOB)) == (10, 900, 0)
    assert state_of(venue, deal) is InstructionState.SETTLED


def test_no_money_moves_without_the_other_money():
    venue = a_venue(bob=899)
    give_dollars(venue, ANN, 10)
    agree(venue, ANN, BOB, 10, 900, asset_id=USDX)
    (recycled, _) = of_kind(run(venue, PVP), InstructionRecycled)
    assert recycled.failing_id == BOB
    assert (cash(venue, ANN, USDX), cash(venue, BOB)) == (10, 899)


def a_ring(venue: Venue, amount: Money = 100) -> None:
    for payer, payee in ((ANN, BOB), (BOB, CYD), (CYD, ANN)):
        agree(venue, payer, payee, amount)


def test_a_ring_settles_net_and_not_one_by_one():
    """E14: three payments of 100 with 10 each: none gross, three net."""
    venue = a_venue(ann=10, bob=10, cyd=10)
    a_ring(venue)
    assert sheet(run(venue, DVP_1)).settled == 0
    events = run(venue, DVP_3)
    assert sheet(events).settled == 3
    assert in_asset(events) == AssetSettled(
        asset_id=RUBD, due=300, gross=300, bilateral=300, multilateral=0, efficiency_ppm=1_000_000,
        liquidity_peak=0, penalties=0,
    )  # fmt: skip


def test_the_figures_of_a_cycle():
    """E14: a pair with 100 against 60, and a ring of 105, 90 and 90, with enough cash for either model."""
    dan, eve, fay = ParticipantId("dan"), ParticipantId("eve"), ParticipantId("fay")
    payments = ((ANN, BOB, 100), (BOB, ANN, 60), (dan, eve, 105), (eve, fay, 90), (fay, dan, 90))
    for model, peak in ((DVP_1, 445), (DVP_3, 55), (DVP_2, 55)):
        venue = a_venue(ann=1_000, bob=1_000)
        for name in (dan, eve, fay):
            venue.admit(name, 1_000)
        for payer, payee, amount in payments:
            agree(venue, payer, payee, amount)
        events = run(venue, model)
        figures = in_asset(events)
        assert (figures.due, figures.gross, figures.bilateral, figures.multilateral) == (445, 445, 325, 55)
        assert (figures.efficiency_ppm, figures.liquidity_peak) == (876_404, peak)
        assert sheet(events).settled == 5
        assert [cash(venue, n) for n in (ANN, BOB, dan, eve, fay)] == [960, 1_040, 985, 1_015, 1_000]


def a_short_seller(venue: Venue) -> tuple[int, int, int]:
    """Cyd sells two units each to Ann and Bob; Bob sells Cyd three, and will have two."""
    give(venue, CYD, 15)
    return (
        agree(venue, CYD, ANN, 2, 100),
        agree(venue, CYD, BOB, 2, 80),
        agree(venue, BOB, CYD, 3, 150),
    )


def test_a_short_seller_is_pulled_and_the_others_settle():
    """E14: instruction 3 is pulled; cash 900, 420, 180 and units 2, 2, 11."""
    venue = a_venue(ann=1_000, bob=500)
    first, second, third = a_short_seller(venue)
    events = run(venue, DVP_3)
    assert [e.instruction_id for e in of_kind(events, InstructionSettled)[::2]] == [first, second]
    assert [(e.instruction_id, e.failing_id) for e in of_kind(events, InstructionRecycled)[::2]] == [
        (third, BOB)
    ]
    assert [cash(venue, name) for name in (ANN, BOB, CYD)] == [900, 420, 180]
    assert [units(venue, name) for name in (ANN, BOB, CYD)] == [2, 2, 11]


def test_what_has_come_in_lets_another_deal_go_one_by_one():
    """Each newer payment brings what the older one needs."""
    venue = a_venue(cyd=100)
    dan = ParticipantId("dan")
    venue.admit(dan, 0)
    agree(venue, BOB, dan, 100)
    agree(venue, ANN, BOB, 100)
    agree(venue, CYD, ANN, 100)
    events = run(venue, DVP_1)
    assert [e.instruction_id for e in of_kind(events, InstructionSettled)[::2]] == [3, 2, 1]
    assert [cash(venue, name) for name in (ANN, BOB, CYD, dan)] == [0, 0, 0, 100]


def test_the_peak_is_the_most_that_was_set_aside_at_one_time():
    """A hundred first, and thirty of them again when they have come in."""
    venue = a_venue(ann=100)
    agree(venue, ANN, BOB, 100)
    agree(venue, BOB, CYD, 30)
    figures = in_asset(run(venue, DVP_1))
    assert (figures.gross, figures.liquidity_peak) == (130, 100)


def test_under_dvp_2_units_are_final_at_once_and_cash_at_the_end():
    venue = a_venue(bob=1_000)
    give(venue, ANN, 5)
    deal = agree(venue, ANN, BOB, 5, 1_000)
    run(venue, DVP_2, lasts=HOUR)
    assert (units(venue, ANN), units(venue, BOB)) == (0, 5)
    assert (cash(venue, ANN), cash(venue, BOB)) == (0, 0)
    assert venue.state.ledger.posted(accounts.guarantee(RUBD)) == 1_000
    venue.tell(FreezeParticipant(participant_id=BOB, order_ref="7"))
    venue.wait_until(venue.now + HOUR)
    assert cash(venue, ANN) == 1_000, "what is guaranteed is paid whatever became of the payer"
    assert state_of(venue, deal) is InstructionState.SETTLED


def test_under_dvp_2_no_unit_is_delivered_that_has_yet_to_come_in():
    for model, settled in ((DVP_2, 1), (DVP_3, 2)):
        venue = a_venue(bob=1_000, cyd=1_000)
        give(venue, ANN, 5)
        agree(venue, ANN, BOB, 5, 1_000)
        agree(venue, BOB, CYD, 5, 900)
        assert sheet(run(venue, model)).settled == settled


def test_the_gridlock_step_is_a_matter_of_the_cycle():
    for gridlock, settled in ((False, 0), (True, 1)):
        venue = a_venue(ann=2)
        agree(venue, ANN, BOB, 5)
        agree(venue, ANN, CYD, 1)
        assert sheet(run(venue, DVP_3, gridlock=gridlock)).settled == settled


def test_priority_decides_who_is_paid():
    for model in (DVP_1, DVP_2, DVP_3):
        venue = a_venue(ann=5)
        agree(venue, ANN, BOB, 5)
        agree(venue, ANN, CYD, 5, priority=1)
        run(venue, model)
        assert (cash(venue, BOB), cash(venue, CYD)) == (0, 5)


# --- hours ----------------------------------------------------------------------------------------------


def test_the_venue_runs_its_cycles_at_the_promised_hours():
    noon = SettlementCycleTerms(at=OPENS + 4 * HOUR, model=DVP_3, lasts=MINUTE)
    venue = a_venue((noon,), ann=100)
    agree(venue, ANN, BOB, 100)
    assert of_kind(venue.wait_until(noon.at - 1), SettlementCycleOpened) == []
    opened = of_kind(venue.wait_until(noon.at), SettlementCycleOpened)
    assert [(e.due, e.ready) for e in opened] == [(1, 1)]
    events = venue.wait_until(noon.at + MINUTE)
    assert sheet(events).settled == 1 and sheet(events).longest_wait == 4 * HOUR + MINUTE
    assert sheet(events).mean_wait == 4 * HOUR + MINUTE


def test_nothing_settles_before_its_intended_hour():
    venue = a_venue(ann=100)
    agree(venue, ANN, BOB, 100, intended=OPENS + HOUR)
    venue.wait_until(OPENS + HOUR - 1)
    assert sheet(run(venue)).due == 0
    venue.wait_until(OPENS + HOUR)
    assert sheet(run(venue)).settled == 1


def test_what_is_locked_in_one_cycle_is_in_no_other():
    venue = a_venue(ann=100)
    agree(venue, ANN, BOB, 100)
    run(venue, DVP_1, lasts=HOUR)
    assert cash(venue, ANN) == 0
    assert sheet(run(venue, DVP_3)).due == 0
    assert sheet(venue.wait_until(venue.now + HOUR)).settled == 1


def test_the_stamps_stand_in_order_beside_the_issuers():
    venue = a_venue(bob=1_000)
    give(venue, ANN, 5)
    agree(venue, ANN, BOB, 5, 1_000)
    begins = venue.now
    run(venue, DVP_3, lasts=HOUR)
    (told, _) = of_kind(venue.wait_until(begins + HOUR), InstructionSettled)
    assert begins <= told.entered_at < begins + MINUTE
    assert begins + HOUR <= told.irrevocable_at <= told.final_at < begins + HOUR + MINUTE
    assert told.issuer_final_at == told.final_at + 2 * SECOND


# --- parts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [DVP_1, DVP_2, DVP_3])
def test_what_there_is_settles_in_whole_lots_and_the_rest_later(model):
    """Seven of ten units in lots of three: six now, for 6/10 of 1,001 rounded down; all of it in the end."""
    venue = a_venue(bob=2_000)
    give(venue, ANN, 7)
    deal = agree(venue, ANN, BOB, 10, 1_001, allow_partial=True, min_lot=3)
    (part, _) = of_kind(run(venue, model), InstructionPartlySettled)
    assert (part.amount, part.payment, part.remaining) == (6, 600, 4)
    assert (units(venue, ANN), units(venue, BOB), cash(venue, ANN)) == (1, 6, 600)
    assert state_of(venue, deal) is InstructionState.RECYCLED
    give(venue, ANN, 3)
    (rest, _) = of_kind(run(venue, model), InstructionSettled)
    assert (rest.amount, rest.payment) == (4, 401)
    assert (units(venue, ANN), units(venue, BOB), cash(venue, ANN)) == (0, 10, 1_001)


@pytest.mark.parametrize("model", [DVP_1, DVP_2, DVP_3])
def test_cash_too_limits_a_part(model):
    venue = a_venue(bob=350)
    give(venue, ANN, 10)
    agree(venue, ANN, BOB, 10, 1_000, allow_partial=True)
    (part, _) = of_kind(run(venue, model), InstructionPartlySettled)
    assert (part.amount, part.payment) == (3, 300)


@pytest.mark.parametrize("model", [DVP_1, DVP_3])
def test_no_part_is_delivered_for_nothing(model):
    """Ten units for two kopecks: one unit would be free, and nine would leave nothing for the tenth."""
    venue = a_venue(bob=1)
    give(venue, ANN, 10)
    agree(venue, ANN, BOB, 10, 2, allow_partial=True)
    (part, _) = of_kind(run(venue, model), InstructionPartlySettled)
    assert (part.amount, part.payment) == (9, 1)
    venue = a_venue(bob=1)
    give(venue, ANN, 4)
    agree(venue, ANN, BOB, 10, 2, allow_partial=True)
    assert of_kind(run(venue, model), InstructionPartlySettled) == []


def test_both_sides_must_allow_parts():
    venue = a_venue(ann=7)
    first, _ = sides(venue, ANN, BOB, 10, allow_partial=True)
    _, second = sides(venue, ANN, BOB, 10)
    venue.tell(first)
    venue.tell(second)
    assert sheet(run(venue)).partly_settled == 0


# --- late -----------------------------------------------------------------------------------------------


def test_the_penalty_is_a_rate_a_day_rounded_up():
    """E14: ten basis points a day on 600.00 are 0.60."""
    assert late_penalty(60_000, 10) == 60
    assert late_penalty(60_001, 10) == 61
    assert late_penalty(60_000, 0) == 0


def test_who_fails_pays_for_each_day_begun():
    venue = a_venue(ann=100, bob=60_000)
    agree(venue, ANN, BOB, 6, 60_000)
    events = run(venue, penalty_bp=10)
    booked = of_kind(events, LatePenaltyBooked)
    assert [(e.participant_id, e.amount, e.unpaid) for e in booked] == [(ANN, -60, 0), (BOB, 60, 0)]
    assert in_asset(events).penalties == 60
    assert (cash(venue, ANN), cash(venue, BOB)) == (40, 60_060)
    assert of_kind(run(venue, penalty_bp=10), LatePenaltyBooked) == [], "the same day costs once"
    venue.wait_until(OPENS + 2 * DAY)
    (paid, _) = of_kind(run(venue, penalty_bp=10), LatePenaltyBooked)
    assert (paid.amount, paid.unpaid) == (-40, 80)
    assert (cash(venue, ANN), cash(venue, BOB)) == (0, 60_100)


def test_a_cycle_without_penalties_forgives_no_day():
    venue = a_venue(ann=1_000, bob=60_000)
    agree(venue, ANN, BOB, 6, 60_000)
    run(venue)
    venue.wait_until(OPENS + DAY)
    run(venue)
    (paid, _) = of_kind(run(venue, penalty_bp=10), LatePenaltyBooked)
    assert paid.amount == -120


def test_what_was_not_paid_is_asked_for_again():
    venue = a_venue(bob=60_000)
    agree(venue, ANN, BOB, 6, 60_000)
    (owed, _) = of_kind(run(venue, penalty_bp=10), LatePenaltyBooked)
    assert (owed.participant_id, owed.amount, owed.unpaid) == (ANN, 0, 60)
    agree(venue, BOB, ANN, 70)
    booked = of_kind(run(venue, penalty_bp=10), LatePenaltyBooked)
    assert [(e.participant_id, e.amount, e.unpaid) for e in booked] == [(ANN, -60, 0), (BOB, 60, 0)]


def test_the_buyer_pays_if_it_is_the_buyer_who_is_short():
    venue = a_venue(bob=59_999)
    give(venue, ANN, 6)
    agree(venue, ANN, BOB, 6, 60_000)
    booked = of_kind(run(venue, DVP_3, penalty_bp=10), LatePenaltyBooked)
    assert [(e.participant_id, e.amount) for e in booked] == [(ANN, 60), (BOB, -60)]


def test_a_hold_keeps_a_deal_back_at_the_holders_cost():
    venue = a_venue(bob=60_100)
    give(venue, ANN, 6)
    deal = agree(venue, ANN, BOB, 6, 60_000, hold=True)
    free = venue.tell(ReleaseInstruction(participant_id=ANN, instruction_id=deal))
    assert [e.participant_id for e in of_kind(free, InstructionReleased)] == [ANN, BOB]
    events = run(venue, penalty_bp=10)
    assert [(e.participant_id, e.amount) for e in of_kind(events, LatePenaltyBooked)] == [
        (ANN, 60),
        (BOB, -60),
    ]
    again = venue.tell(ReleaseInstruction(participant_id=ANN, instruction_id=deal))
    assert refusal(again) is SettlementRefusal.NOT_ON_HOLD
    assert cancel(venue, ANN, deal)[0] == InstructionCanceled(
        participant_id=ANN, instruction_id=deal, remaining=6
    ), "nobody has tried to lock it"


def test_what_is_held_fails_in_one_cycle_at_a_time():
    venue = a_venue(ann=10)
    agree(venue, ANN, BOB, 10, hold=True)
    run(venue, lasts=HOUR)
    assert sheet(run(venue)).due == 0
    assert sheet(venue.wait_until(venue.now + HOUR)).recycled == 1


def test_who_both_hold_costs_nobody_anything():
    venue = a_venue(bob=60_000)
    agree(venue, ANN, BOB, 6, 60_000, hold=True)
    (recycled, _) = of_kind(run(venue, penalty_bp=10), InstructionRecycled)
    assert recycled.failing_id == ""


def test_a_released_deal_settles():
    venue = a_venue(ann=10)
    deal = agree(venue, ANN, BOB, 10, hold=True)
    for name in (ANN, BOB):
        venue.tell(ReleaseInstruction(participant_id=name, instruction_id=deal))
    assert sheet(run(venue)).settled == 1


def test_after_too_many_cycles_a_deal_ends():
    venue = a_venue(ann=1_000, bob=60_000)
    deal = agree(venue, ANN, BOB, 6, 60_000, max_recycles=1)
    assert [e.recycles for e in of_kind(run(venue), InstructionRecycled)] == [1, 1]
    (failed, _) = of_kind(run(venue), InstructionFailed)
    assert (failed.failing_id, failed.remaining, failed.compensation) == (ANN, 6, 0), "a note has no index"
    assert state_of(venue, deal) is InstructionState.FAILED
    assert sheet(run(venue)).due == 0


@pytest.mark.parametrize(
    ("deliverer_failed", "price", "worth", "cost"),
    [
        (True, 100, 130, 30),
        (True, 130, 100, 0),
        (False, 130, 100, 30),
        (False, 100, 130, 0),
        (True, 1, None, 0),
    ],
)
def test_what_replacing_a_deal_costs(deliverer_failed, price, worth, cost):
    assert replacement_cost(price, worth, deliverer_failed) == cost


@pytest.mark.parametrize(
    ("price", "ann", "paid", "unpaid"),
    [(700_000_00, 10**9, 100_000_00, 0), (900_000_00, 10**9, 0, 0), (700_000_00, 99, 99, 100_000_00 - 99)],
)
def test_the_seller_that_never_delivers_pays_index_less_price(price, ann, paid, unpaid):
    """A tenth of a bitcoin at an index of 8,000,000 is worth 800,000.00."""
    venue = a_venue(ann=ann, bob=10**9)
    venue.quote(8_000_000_00)
    venue.wait_until(venue.now + SECOND)
    agree(venue, ANN, BOB, 10**7, price, asset_id=BTC, max_recycles=0)
    (failed, _) = of_kind(run(venue), InstructionFailed)
    assert (failed.compensation, failed.unpaid) == (paid, unpaid)
    assert (cash(venue, ANN), cash(venue, BOB)) == (ann - paid, 10**9 + paid)


# --- freezes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [DVP_1, DVP_2, DVP_3])
def test_who_is_under_a_legal_order_delivers_nothing_and_may_receive(model):
    venue = a_venue(ann=100, bob=100)
    agree(venue, ANN, BOB, 100)
    agree(venue, BOB, ANN, 50)
    venue.tell(FreezeParticipant(participant_id=ANN, order_ref="1"))
    events = run(venue, model, penalty_bp=10)
    assert [(e.instruction_id, e.failing_id) for e in of_kind(events, InstructionRecycled)[::2]] == [(1, ANN)]
    assert (of_kind(events, LatePenaltyBooked)[0].amount, of_kind(events, LatePenaltyBooked)[0].unpaid) == (
        0,
        1,
    )
    ledger = venue.state.ledger
    assert (ledger.posted(accounts.cash(ANN, RUBD)), cash(venue, BOB)) == (150, 50)
    venue.tell(UnfreezeParticipant(participant_id=ANN, order_ref="2"))
    assert sheet(run(venue, model)).settled == 1


@pytest.mark.parametrize("model", [DVP_1, DVP_3])
def test_a_freeze_of_the_payer_between_lock_and_settlement_undoes_its_deal_alone(model):
    venue = a_venue(ann=100, bob=100)
    give(venue, BOB, 5)
    agree(venue, ANN, CYD, 100)
    agree(venue, BOB, CYD, 100)
    agree(venue, BOB, ANN, 5, 1)  # Ann could not pay for it beside the first
    run(venue, model, lasts=HOUR)
    venue.tell(FreezeParticipant(participant_id=ANN, order_ref="1"))
    events = venue.wait_until(venue.now + HOUR)
    assert [e.instruction_id for e in of_kind(events, InstructionSettled)[::2]] == [2]
    assert {(e.instruction_id, e.failing_id) for e in of_kind(events, InstructionRecycled)} == {
        (1, ANN),
        (3, ANN),
    }
    assert venue.state.ledger.available(accounts.cash(ANN, RUBD)) == 100


def test_what_reaches_a_frozen_participant_stays_there():
    """Its account for units comes into being only after the legal order."""
    venue = a_venue(bob=1_000)
    venue.tell(FreezeParticipant(participant_id=ANN, order_ref="1"))
    give(venue, ANN, 5)
    agree(venue, ANN, BOB, 5, 1_000)
    assert [sheet(run(venue, model)).settled for model in (DVP_1, DVP_2, DVP_3)] == [0, 0, 0]


@pytest.mark.parametrize("model", [DVP_1, DVP_2, DVP_3])
@pytest.mark.parametrize("frozen_at", ["the beginning", "the end"])
def test_who_is_frozen_pays_nothing_even_out_of_what_comes_in(model, frozen_at):
    """Ann owes 50 and gets 100: net she has nothing to pay, and still may not."""
    venue = a_venue(ann=1_000, bob=1_000)
    agree(venue, ANN, CYD, 50)
    agree(venue, BOB, ANN, 100)
    freeze = FreezeParticipant(participant_id=ANN, order_ref="1")
    if frozen_at == "the beginning":
        venue.tell(freeze)
    run(venue, model, lasts=HOUR)
    if frozen_at == "the end":
        venue.tell(freeze)
    events = venue.wait_until(venue.now + HOUR)
    guaranteed = model is DVP_2 and frozen_at == "the end"
    assert sheet(events).settled == (2 if guaranteed else 1)
    assert cash(venue, CYD) == (50 if guaranteed else 0)


def test_a_freeze_takes_units_too():
    venue = a_venue(bob=1_000)
    give(venue, ANN, 5)
    agree(venue, ANN, BOB, 5, 1_000)
    run(venue, lasts=HOUR)
    venue.tell(FreezeParticipant(participant_id=ANN, order_ref="1"))
    assert sheet(venue.wait_until(venue.now + HOUR)).settled == 0
    (rejected,) = venue.tell(DebitUnits(participant_id=ANN, asset_id=NOTE, amount=1))
    assert isinstance(rejected, UnitRequestRejected)
    assert rejected.reason is SettlementRefusal.PARTICIPANT_FROZEN
    venue.tell(UnfreezeParticipant(participant_id=ANN, order_ref="2"))
    assert isinstance(venue.tell(DebitUnits(participant_id=ANN, asset_id=NOTE, amount=1))[0], UnitsDebited)


@pytest.mark.parametrize("model", [DVP_1, DVP_2, DVP_3])
def test_what_is_owed_to_an_account_that_takes_nothing_in_is_unclaimed(model):
    venue = a_venue(bob=1_000)
    give(venue, ANN, 5)
    ledger = venue.state.ledger
    ledger.freeze(accounts.cash(ANN, RUBD), out=False, into=True, order_ref="1", now=venue.now)
    agree(venue, ANN, BOB, 5, 1_000)
    assert sheet(run(venue, model)).settled == 1
    assert (cash(venue, ANN), ledger.posted(accounts.unclaimed(ANN, RUBD))) == (0, 1_000)


def test_units_that_are_unclaimed_keep_what_they_cost() -> None:
    venue = a_venue(bob=1_000)
    give(venue, ANN, 5)
    give(venue, BOB, 1)
    venue.tell(
        DebitUnits(participant_id=BOB, asset_id=NOTE, amount=1)
    )  # the account stays, with nothing in it
    venue.state.ledger.freeze(accounts.units(BOB, NOTE), out=False, into=True, order_ref="1", now=venue.now)
    agree(venue, ANN, BOB, 5, 1_000)
    assert sheet(run(venue, DVP_1)).settled == 1
    assert (units(venue, BOB), venue.state.ledger.posted(accounts.unclaimed(BOB, NOTE))) == (0, 5)
    assert venue.state.covers.of_units(NOTE).owners[NOTE][BOB].buying.cost == 1_000
    assert audit(venue.state) == []


@pytest.mark.parametrize("respected", [True, False])
@pytest.mark.parametrize("model", [DVP_1, DVP_3])
def test_a_lock_passes_a_later_freeze_only_if_finality_is_respected(model, respected):
    """F10: frozen between ready and settled."""
    ledger = Ledger(freeze_respects_finality=respected)
    settlement = Settlement(ledger, {RUBD: Holding(coin_terms())})
    account = accounts.cash(ANN, RUBD)
    ledger.open("ext", RUBD, Rule.MIRROR)
    ledger.open(account, RUBD, Rule.LIABILITY)
    ledger.book([("ext", account, 100)], 1)
    terms = Terms(Kind.PAYMENT, ANN, BOB, RUBD, 100, None, 0, 2, "")
    for name in (ANN, BOB):
        instruction = settlement.instruct(name, terms, Wishes(0, False, 1, False, 5), 2)
    cycle = settlement.begin(SettlementCycleTerms(at=10, model=model), (), 10)
    assert instruction.state is InstructionState.READY
    ledger.freeze(account, out=True, into=False, order_ref="order", now=20)
    done = settlement.complete(cycle.cycle_id, {ANN}, lambda *_: None, 30)
    assert len(done.settled) == respected and len(done.late) == (not respected)
    assert settlement.free(BOB, RUBD) == (100 if respected else 0)
    assert ledger.posted(account) == (0 if respected else 100)
    assert settlement.audit() == []


# --- the table ------------------------------------------------------------------------------------------


def test_the_life_of_an_instruction_is_one_table():
    ends = {state for state, after in NEXT.items() if not after}
    assert ends == {
        InstructionState.SETTLED,
        InstructionState.FAILED,
        InstructionState.CANCELED,
        InstructionState.EXPIRED,
    }
    assert NEXT.keys() == set(InstructionState)
    venue = a_venue(ann=10)
    deal = agree(venue, ANN, BOB, 10)
    run(venue)
    over = venue.state.settlement.over[deal]
    with pytest.raises(AssertionError, match="settled cannot become canceled"):
        over.enter(InstructionState.CANCELED)


# --- who may make no deal -------------------------------------------------------------------------------

SUSPENDED, DEFAULTED = (
    SuspendParticipant(participant_id=ANN),
    DeclareDefault(participant_id=ANN, grounds="by law"),
)
RESTRICTIONS = {"participant_suspended": SUSPENDED, "participant_defaulted": DEFAULTED}


def restricted(reason: str) -> Venue:
    venue = a_venue(ann=1_000, bob=1_000, cyd=1_000)
    venue.tell(RESTRICTIONS[reason])
    return venue


@pytest.mark.parametrize("reason", RESTRICTIONS)
def test_who_may_not_order_makes_no_deal_off_the_book_on_either_side_of_it(reason):
    venue = restricted(reason)
    give(venue, ANN, 5)
    for deal in (
        sides(venue, ANN, BOB, 5, 100)[0],
        sides(venue, BOB, ANN, 5, 100)[1],
        sides(venue, ANN, BOB, 5, 100, asset_id=USDX)[0],
    ):
        (refused,) = venue.tell(deal)
        assert (refused.request, refused.reason.value) == ("InstructSettlement", reason)
    (alleged, _) = venue.tell(
        sides(venue, ANN, BOB, 5, 100)[1]
    )  # the other side may speak, and nobody answers
    assert isinstance(alleged, InstructionAlleged)


def test_what_is_wrong_with_a_deal_itself_is_told_first():
    venue = restricted("participant_suspended")
    (refused,) = venue.tell(sides(venue, ANN, BOB, 5, 100, intended=venue.now - 1)[0])
    assert refused.reason is SettlementRefusal.DATE_PASSED


def test_a_suspension_cancels_what_nobody_has_matched_and_leaves_what_both_have_agreed():
    venue = a_venue(ann=1_000, bob=1_000, cyd=1_000)
    give(venue, ANN, 9)
    venue.tell(sides(venue, ANN, BOB, 5, 100)[0])
    theirs = sides(venue, ANN, CYD, 5, 100)[1]
    venue.tell(theirs)
    agreed = agree(venue, ANN, BOB, 3, 50)
    venue.tell(sides(venue, ANN, BOB, 70)[0])  # money that is owed
    canceled = of_kind(venue.tell(SUSPENDED), InstructionCanceled)
    assert [(one.participant_id, one.instruction_id, one.remaining) for one in canceled] == [
        (ANN, 1, 5),
        (BOB, 1, 5),
    ]
    assert of_kind(venue.tell(sides(venue, ANN, BOB, 5, 100)[1]), InstructionMatched) == []
    assert len(of_kind(venue.tell(sides(venue, ANN, BOB, 70)[1]), InstructionMatched)) == 2
    settled = [one.instruction_id for one in of_kind(run(venue), InstructionSettled)]
    assert agreed in settled


@pytest.mark.parametrize("reason", RESTRICTIONS)
def test_the_way_out_stays_open(reason):
    venue = restricted(reason)
    give(venue, ANN, 5)
    (gone,) = of_kind(venue.tell(DebitUnits(participant_id=ANN, asset_id=NOTE, amount=5)), UnitsDebited)
    assert gone.amount == 5
    agree(venue, ANN, BOB, 200)
    assert len(of_kind(run(venue), InstructionSettled)) == 2
    venue.tell(WithdrawCash(participant_id=ANN, asset_id=RUBD, amount=800))
    assert venue.free_cash(ANN) == 0


def test_it_may_let_go_of_what_it_holds_back_and_deal_again_once_it_is_reinstated():
    venue = a_venue(ann=1_000, bob=1_000)
    give(venue, ANN, 9)
    venue.tell(sides(venue, ANN, BOB, 3, 50, hold=True)[0])
    (matched, _) = of_kind(venue.tell(sides(venue, ANN, BOB, 3, 50)[1]), InstructionMatched)
    venue.tell(SUSPENDED)
    released = venue.tell(ReleaseInstruction(participant_id=ANN, instruction_id=matched.instruction_id))
    assert len(of_kind(released, InstructionReleased)) == 2
    assert len(of_kind(run(venue), InstructionSettled)) == 2
    venue.tell(ReinstateParticipant(participant_id=ANN))
    agree(venue, ANN, BOB, 2, 10)
