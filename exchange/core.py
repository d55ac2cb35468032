"""The funnel: everything that changes the exchange passes here, in order, and comes out as entries.

The exchange has no clock. It is told what time it is, and does first what fell due before that, each duty at
its own hour however late it is woken; so late waking cannot change history.
"""

from collections.abc import Iterator
from typing import assert_never

from mypy_extensions import mypyc_attr

from exchange import (
    auctions,
    audit,
    banking,
    cash_prices,
    closeout,
    conversion,
    defaults,
    depository,
    halting,
    issuing,
    keyholding,
    linking,
    margining,
    membership,
    notes,
    oversight,
    quoting,
    redeeming,
    repeats,
    safekeeping,
    settling,
    trading,
    treasury,
    waiting,
)
from exchange.clearing import house
from exchange.commands import (
    LAST,
    AcceptClient,
    AccrueInterest,
    AddOwnFunds,
    AdoptRegime,
    AmendOrder,
    AmendWaiting,
    AnnounceCryptoDeposit,
    ApplyForAccess,
    AppointMember,
    AttestReserves,
    AuditBooks,
    BeginDefault,
    BidForPortfolio,
    CancelAll,
    CancelInstruction,
    CancelKeyOperation,
    CancelOrder,
    CancelRedemption,
    ChangeIssuerState,
    ChangeRole,
    ChooseMember,
    CloseOut,
    ClosePlacement,
    CloseSession,
    Command,
    CompleteCycle,
    ConfigureMinter,
    ConfirmCryptoDeposit,
    ConfirmUnitsWithdrawal,
    ConfirmWithdrawal,
    ConvertCash,
    CreditUnits,
    CreditWallet,
    DebitUnits,
    DeclareDefault,
    DeclineClient,
    DepositCash,
    DiscloseReserves,
    DistributeInterest,
    DoKeyOperation,
    EndDefaultAuction,
    EndFundCall,
    EndMarginCall,
    EndOutage,
    EndTrading,
    EnterPhase,
    EstablishVenue,
    ExpireInstruction,
    ExpireOrder,
    FailBank,
    FixNote,
    FixPrice,
    FreezeParticipant,
    FreezeWallet,
    FundHouse,
    FundRedemption,
    HaltCash,
    HaltForPause,
    HaltInstrument,
    InstructSettlement,
    JudgeIssuer,
    LinkOrders,
    LiquidatePositions,
    ListInstrument,
    MarkVariation,
    MintCoins,
    NumberedRequest,
    OfferToPort,
    OpenSession,
    OpenVenueWallet,
    PassTime,
    PauseIssuer,
    PayCoupon,
    PayHolders,
    PayObligations,
    PayVariation,
    PlaceLinked,
    PlaceNotes,
    PlaceOrder,
    PostponeSettlement,
    PriceCash,
    ProcessRedemptions,
    ProtectQuotes,
    PublishConversionRate,
    PublishIndex,
    PublishIndication,
    PublishReferenceRate,
    QuoteMarket,
    RecordCashLoss,
    RecordFiatReceipt,
    RecordOperationalLoss,
    RedeemCoins,
    RedeemNotes,
    RegisterNote,
    ReinstateParticipant,
    ReissueCoins,
    ReleaseInstruction,
    RemoveMinter,
    ReportCashPrice,
    ReportDepth,
    ReportOutage,
    ReportQuotes,
    ReportReorganisation,
    ReportReserve,
    ReportTrades,
    ResolveBank,
    ResumeCash,
    ResumeInstrument,
    RollPerpetual,
    RunSettlementCycle,
    SetCommitteePrice,
    SetLimit,
    SettleBucket,
    SettleCycle,
    SettleReserveSale,
    SizeFund,
    StartClosingCall,
    StartFixing,
    SubscribeNotes,
    SuspendParticipant,
    TransferCash,
    UnfreezeParticipant,
    UnfreezeWallet,
    UnpauseIssuer,
    ValueAccounts,
    WatchLine,
    WipeWallet,
    WithdrawCash,
    WithdrawUnits,
)
from exchange.events import Entry, Event
from exchange.state import State
from exchange.units import Time
from exchange.wellformed import check


@mypyc_attr(allow_interpreted_subclasses=True)
class Exchange:
    """Give it the same commands at the same times and it tells the same story."""

    def __init__(self) -> None:
        self.state = State()
        self.sequence = 0

    def handle(self, command: Command, now: Time) -> list[Entry]:
        """Do what is asked, if it is allowed; return everything that happened, in order.

        A refusal is an event. MalformedCommand is raised, before anything has happened, for what is not a
        command at all. Any other exception is our bug.
        """
        check(command)
        return [*self._do_due(now, command.precedence), *self._do(command, now)]

    def advance(self, now: Time) -> list[Entry]:
        """Do whatever has fallen due up to and including `now`, each at its own hour."""
        return self._do_due(now, LAST)

    def next_due(self) -> Time | None:
        """When `advance` will next have something to do."""
        return self.state.agenda.next_due()

    def fold(self) -> None:
        """Keep in little room what was written long ago. Nothing that is asked depends on it.

        For a venue that lives long, between two commands; it takes a millisecond or two now and then.
        """
        self.state.ledger.fold()
        for holding in self.state.holdings.values():
            holding.keeper.fold()

    def _do_due(self, now: Time, precedence: int) -> list[Entry]:
        entries: list[Entry] = []
        take = self.state.agenda.take_before
        while (due := take(now, precedence)) is not None:
            at, duty = due
            entries.extend(self._do(duty, at))
        return entries

    def _do(self, command: Command, now: Time) -> list[Entry]:
        assert now >= self.state.now, f"time never runs backwards: {now} after {self.state.now}"
        self.state.now = now
        story = _walk(command, self.state)
        # Asked for the number first: that takes a third of the time, and hardly anything has one
        if getattr(command, "request_id", 0) and isinstance(command, NumberedRequest):
            story = repeats.once(command, story, self.state)
        first = self.sequence + 1
        entries = [
            Entry(sequence=sequence, time=now, event=event) for sequence, event in enumerate(story, first)
        ]
        self.sequence += len(entries)
        return entries


def _walk(command: Command, state: State) -> Iterator[Event]:
    """The road of the command, and then what custody moves after it."""
    yield from _road(command, state)
    yield from safekeeping.sweep_all(state)


def _road(command: Command, state: State) -> Iterator[Event]:
    """Which road takes the command. A command without a road does not type-check."""
    match command:
        case PlaceOrder():
            return trading.place_order(command, state)
        case CancelOrder():
            return trading.cancel_order(command, state)
        case PassTime():
            return iter(())
        case AmendOrder():
            return trading.amend_order(command, state)
        case AmendWaiting():
            return waiting.amend_waiting(command, state)
        case CancelAll():
            return trading.cancel_all(command, state)
        case WatchLine():
            return trading.watch_line(command, state)
        case LinkOrders():
            return trading.link_orders(command, state)
        case PlaceLinked():
            return linking.place_linked(command, state)
        case ExpireOrder():
            return trading.expire_order(command, state)
        case QuoteMarket():
            return quoting.quote_market(command, state)
        case ProtectQuotes():
            return quoting.protect_quotes(command, state)
        case EnterPhase():
            return auctions.enter_phase(command, state)
        case StartClosingCall():
            return auctions.start_closing_call(command, state)
        case PublishIndication():
            return auctions.publish_indication(command, state)
        case ReportQuotes():
            return house.report_quotes(command, state)
        case ReportTrades():
            return house.report_trades(command, state)
        case PublishIndex():
            return house.publish_index(command, state)
        case PriceCash():
            return cash_prices.price_cash(command, state)
        case ReportCashPrice():
            return cash_prices.report_cash_price(command, state)
        case DiscloseReserves():
            return cash_prices.disclose_reserves(command, state)
        case PublishReferenceRate():
            return house.publish_reference_rate(command, state)
        case ListInstrument():
            return house.list_instrument(command, state)
        case StartFixing():
            return halting.start_fixing(command, state)
        case EndTrading():
            return house.end_trading(command, state)
        case FixPrice():
            return house.fix_price(command, state)
        case PostponeSettlement():
            return house.postpone_settlement(command, state)
        case SetCommitteePrice():
            return house.set_committee_price(command, state)
        case SettleBucket():
            return house.settle_bucket(command, state)
        case ValueAccounts():
            return margining.value_accounts(command, state)
        case MarkVariation():
            return margining.mark_variation(command, state)
        case PayVariation():
            return margining.pay_variation(command, state)
        case EndMarginCall():
            return margining.end_margin_call(command, state)
        case LiquidatePositions():
            return closeout.liquidate_positions(command, state)
        case DeclareDefault():
            return defaults.declare_default(command, state)
        case BeginDefault():
            return defaults.begin_default(command, state)
        case CloseOut():
            return defaults.close_out(command, state)
        case BidForPortfolio():
            return defaults.bid_for_portfolio(command, state)
        case EndDefaultAuction():
            return defaults.end_default_auction(command, state)
        case AppointMember():
            return membership.appoint_member(command, state)
        case ChooseMember():
            return membership.choose_member(command, state)
        case AcceptClient():
            return membership.accept_client(command, state)
        case DeclineClient():
            return membership.decline_client(command, state)
        case OfferToPort():
            return membership.offer_to_port(command, state)
        case SizeFund():
            return membership.size_fund(command, state)
        case EndFundCall():
            return membership.end_fund_call(command, state)
        case FundHouse():
            return issuing.fund_house(command, state)
        case RollPerpetual():
            return halting.roll_perpetual(command, state)
        case RecordFiatReceipt():
            return issuing.record_fiat_receipt(command, state)
        case MintCoins():
            return issuing.mint_coins(command, state)
        case TransferCash():
            return issuing.transfer_cash(command, state)
        case DepositCash():
            return treasury.deposit_cash(command, state)
        case WithdrawCash():
            return treasury.withdraw_cash(command, state)
        case ConfirmWithdrawal():
            return treasury.confirm_withdrawal(command, state)
        case RedeemCoins():
            return redeeming.redeem_coins(command, state)
        case CreditWallet():
            return banking.credit_wallet(command, state)
        case ConvertCash():
            return banking.convert_cash(command, state)
        case ReportOutage():
            return banking.report_outage(command, state)
        case EndOutage():
            return banking.end_outage(command, state)
        case FailBank():
            return banking.fail_bank(command, state)
        case ResolveBank():
            return banking.resolve_bank(command, state)
        case AccrueInterest():
            return banking.accrue_interest(command, state)
        case HaltCash():
            return halting.halt_cash(command, state)
        case ResumeCash():
            return halting.resume_cash(command, state)
        case PublishConversionRate():
            return conversion.publish_conversion_rate(command, state)
        case CancelRedemption():
            return redeeming.cancel_redemption(command, state)
        case ProcessRedemptions():
            return redeeming.process_redemptions(command, state)
        case ReportReserve():
            return redeeming.report_reserve(command, state)
        case SettleReserveSale():
            return redeeming.settle_reserve_sale(command, state)
        case AddOwnFunds():
            return redeeming.add_own_funds(command, state)
        case PayHolders():
            return redeeming.pay_holders(command, state)
        case DistributeInterest():
            return issuing.distribute_interest(command, state)
        case (
            FreezeWallet()
            | UnfreezeWallet()
            | PauseIssuer()
            | UnpauseIssuer()
            | WipeWallet()
            | ReissueCoins()
            | ChangeIssuerState()
            | ConfigureMinter()
            | RemoveMinter()
            | ChangeRole()
            | AttestReserves()
        ):
            return keyholding.use_key(command, state)
        case DoKeyOperation():
            return keyholding.do_key_operation(command, state)
        case CancelKeyOperation():
            return keyholding.cancel_key_operation(command, state)
        case RecordCashLoss():
            return safekeeping.record_cash_loss(command, state)
        case RecordOperationalLoss():
            return safekeeping.record_operational_loss(command, state)
        case OpenVenueWallet():
            return safekeeping.open_venue_wallet(command, state)
        case HaltForPause():
            return safekeeping.halt_for_pause(command, state)
        case InstructSettlement():
            return settling.instruct_settlement(command, state)
        case ReleaseInstruction():
            return settling.release_instruction(command, state)
        case CancelInstruction():
            return settling.cancel_instruction(command, state)
        case ExpireInstruction():
            return settling.expire_instruction(command, state)
        case RunSettlementCycle():
            return settling.run_settlement_cycle(command, state)
        case SettleCycle():
            return settling.settle_cycle(command, state)
        case CompleteCycle():
            return settling.complete_cycle(command, state)
        case CreditUnits():
            return settling.credit_units(command, state)
        case DebitUnits():
            return settling.debit_units(command, state)
        case RegisterNote():
            return notes.register_note(command, state)
        case PlaceNotes():
            return notes.place_notes(command, state)
        case SubscribeNotes():
            return notes.subscribe_notes(command, state)
        case ClosePlacement():
            return notes.close_placement(command, state)
        case PayCoupon():
            return notes.pay_coupon(command, state)
        case JudgeIssuer():
            return notes.judge_issuer(command, state)
        case FixNote():
            return notes.fix_note(command, state)
        case FundRedemption():
            return notes.fund_redemption(command, state)
        case RedeemNotes():
            return notes.redeem_notes(command, state)
        case PayObligations():
            return notes.pay_obligations(command, state)
        case AnnounceCryptoDeposit():
            return depository.announce_crypto_deposit(command, state)
        case ConfirmCryptoDeposit():
            return depository.confirm_crypto_deposit(command, state)
        case ReportReorganisation():
            return depository.report_reorganisation(command, state)
        case WithdrawUnits():
            return depository.withdraw_units(command, state)
        case ConfirmUnitsWithdrawal():
            return depository.confirm_units_withdrawal(command, state)
        case EstablishVenue():
            return oversight.establish_venue(command, state)
        case OpenSession():
            return oversight.open_session(command, state)
        case CloseSession():
            return oversight.close_session(command, state)
        case ReportDepth():
            return oversight.report_depth(command, state)
        case AdoptRegime():
            return oversight.adopt_regime(command, state)
        case ApplyForAccess():
            return oversight.apply_for_access(command, state)
        case SetLimit():
            return oversight.set_limit(command, state)
        case SuspendParticipant():
            return oversight.suspend_participant(command, state)
        case ReinstateParticipant():
            return oversight.reinstate_participant(command, state)
        case FreezeParticipant():
            return oversight.freeze_participant(command, state)
        case UnfreezeParticipant():
            return oversight.unfreeze_participant(command, state)
        case HaltInstrument():
            return oversight.halt_instrument(command, state)
        case ResumeInstrument():
            return oversight.resume_instrument(command, state)
        case AuditBooks():
            return audit.audit_books(command, state)
        case _:
            assert_never(command)
