"""Cover by margin: positions are covered up to a confidence, not in full, and gains and losses are paid as they arise.

Series on one underlying, paying in one coin, are a portfolio. At each valuation it has a mark and a risk array
for every series (`scenario_margin`); until the next one, every account is reckoned against these, exactly:

    worst = max over cells of [ loss of positions + sum over orders of max(0, the loss of that order) ] + charges

Of the cells only those are kept in rows that can be the worst for these series (`binding_cells`).
A participant's portfolios stand together. Its equity is what it has paid in, plus what prices have given or taken
since the last clearing; initial margin must be covered to add to a position, maintenance margin to keep it.
Premiums are paid when an option trades; a future pays nothing until variation margin is cleared.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from mypy_extensions import mypyc_attr

from exchange.clearing import accounts
from exchange.clearing.cover import CapitalAtRisk, Holder, Order, TradeSide
from exchange.clearing.denomination import Conversion
from exchange.clearing.ledger import Ledger, Move, Rule
from exchange.clearing.margin_accounts import (
    Due,
    MarginAccount,
    Portfolio,
    PortfolioAccount,
    PortfolioId,
    portfolio_of,
)
from exchange.clearing.terms import ClearingRules
from exchange.instruments import Instrument
from exchange.units import AssetId, BasisPoints, BucketId, InstrumentId, Money, Time
from matching.terms import ParticipantId, Price, Quantity, Side

# the live orders of a participant in the series of a portfolio
Live: TypeAlias = Callable[[ParticipantId, Portfolio], Iterable[Order]]


@mypyc_attr(serializable=True)  # made bare when an image is read
class MarginCover:
    """All portfolios, and how each participant stands over all of them."""

    def __init__(
        self,
        ledger: Ledger,
        at_risk: dict[ParticipantId, CapitalAtRisk],
        rules: ClearingRules,
        cash: AssetId,
        conversion: Conversion,
    ) -> None:
        self._ledger = ledger
        self._at_risk = at_risk
        self.rules = rules
        self.cash = cash
        self.conversion = conversion
        self.portfolios: dict[PortfolioId, Portfolio] = {}
        self.accounts: dict[ParticipantId, MarginAccount] = {}
        self._portfolio_of: dict[InstrumentId, Portfolio] = {}

    # --- listing and reading ------------------------------------------------------------------------

    def list_series(self, instrument: Instrument, _live: Iterable[Order]) -> str | None:
        """Open the instrument's portfolio, if it is the first of it, or say why it cannot be listed."""
        portfolio_id = portfolio_of(instrument)
        portfolio = self.portfolios.get(portfolio_id) or Portfolio(
            instrument, self.rules.scenarios, self.rules.options_count
        )
        fault = portfolio.admit(instrument)
        if fault is None:
            self.portfolios[portfolio_id] = portfolio
            self._portfolio_of[instrument.instrument_id] = portfolio
            house, lots = (
                portfolio.houses[instrument.instrument_id],
                accounts.position_asset(instrument.instrument_id),
            )
            self._ledger.open(house, lots, Rule.FREE)
        return fault

    def margin_account(self, holder: Holder) -> MarginAccount:
        """The holder's standing, opened if there is none."""
        margin, cash = self.accounts.get(holder.participant_id), self.cash
        if margin is None:
            margin = MarginAccount(holder, cash, self._ledger, self.rules, self.conversion)
            self._ledger.open(margin.collateral, cash, Rule.LIABILITY)
            self._ledger.open(margin.fund, cash, Rule.LIABILITY)
            self._ledger.open(margin.obligation, accounts.obligation_asset(cash), Rule.FREE)
            self.accounts[holder.participant_id] = margin
        return margin

    def follow_class(self, holder: Holder) -> None:
        """The holder's leverage is capped, or its positions closed, otherwise than before: both hold from now on."""
        margin = self.accounts.get(holder.participant_id)
        if margin is None:
            return
        margin.mm_ratio_bp = holder.closeout_bp or self.rules.scenarios.mm_ratio_bp
        if margin.leverage_bp == holder.leverage_bp:
            return
        margin.leverage_bp = holder.leverage_bp
        for account in margin.portfolios.values():
            account.reckon()
        margin.ceiling = margin.required

    def follow_tiers(
        self, instrument_id: InstrumentId, tiers: tuple[tuple[Quantity, BasisPoints], ...]
    ) -> None:
        """The regime charges other sizes in the series' portfolio than before: what all need is reckoned anew."""
        portfolio = self._portfolio_of[instrument_id]
        if portfolio.tiers == tiers:
            return
        portfolio.charge_beyond(tiers)
        for account in portfolio.accounts.values():
            account.reckon()
            account.margin.ceiling = account.margin.required

    def redenominate(self, cash: AssetId, price_ppm: int) -> None:
        """Everything is margined in another asset from now on, unit for unit. Seats must know it already."""
        self.cash, self.conversion.price_ppm = cash, price_ppm
        for portfolio in self.portfolios.values():
            portfolio.pay_in(cash)
        self.portfolios = {portfolio.portfolio_id: portfolio for portfolio in self.portfolios.values()}
        for margin in self.accounts.values():
            margin.pay_in(cash)

    def account(self, holder: Holder, instrument_id: InstrumentId, _side: Side) -> PortfolioAccount:
        """The account in which the holder's orders in that series count, opened if there is none."""
        return self.account_in(self._portfolio_of[instrument_id], holder)

    def account_in(self, portfolio: Portfolio, holder: Holder) -> PortfolioAccount:
        """The holder's account in a portfolio, opened if there is none."""
        account = portfolio.accounts.get(holder.participant_id)
        if account is None:
            margin = self.margin_account(holder)
            at_risk = self._at_risk.setdefault(holder.participant_id, CapitalAtRisk())
            account = PortfolioAccount(margin, portfolio, at_risk)
            portfolio.accounts[holder.participant_id] = account
            margin.portfolios[portfolio.portfolio_id] = account
        return account

    def known_account(
        self, participant_id: ParticipantId, instrument_id: InstrumentId, _side: Side
    ) -> PortfolioAccount | None:
        return self._portfolio_of[instrument_id].accounts.get(participant_id)

    def position(self, participant_id: ParticipantId, instrument_id: InstrumentId) -> int:
        account = self._portfolio_of[instrument_id].accounts.get(participant_id)
        return account.quantities.get(instrument_id, 0) if account else 0

    def positions(self, instrument_id: InstrumentId) -> dict[ParticipantId, int]:
        """Lots of everybody who has traded the series, signed."""
        held = self._portfolio_of[instrument_id].accounts.items()
        return {who: account.quantities.get(instrument_id, 0) for who, account in held}

    def locked(self, participant_id: ParticipantId) -> Money:
        """Collateral and fund share of the participant."""
        margin = self.accounts.get(participant_id)
        if margin is None:
            return 0
        return self._ledger.posted(margin.collateral) + self._ledger.posted(margin.fund)

    def unneeded(self, participant_id: ParticipantId, available: Money) -> Money:
        """What of the available cash may go elsewhere: margined positions and orders do not need it."""
        margin = self.accounts.get(participant_id)
        if margin is None or not margin.required:
            return available
        return min(available, self.conversion.spared(max(margin.excess, 0)))

    def has(self, instrument_id: InstrumentId) -> bool:
        """Whether the series is covered by margin."""
        return instrument_id in self._portfolio_of

    def portfolio(self, instrument_id: InstrumentId) -> Portfolio:
        return self._portfolio_of[instrument_id]

    # --- trades -------------------------------------------------------------------------------------

    def clear(self, buyer: TradeSide, seller: TradeSide, quantity: Quantity, price: Price) -> list[Move]:
        """Book a trade on both sides at once: lots through the house, the premium if there is one, fees, and
        then collateral to what is wanted. An order that was accepted can always be cleared.
        """
        instrument_id = buyer[0].instrument.instrument_id
        portfolio = self._portfolio_of[instrument_id]
        premium = price * portfolio.tick_value * quantity if portfolio.is_option[instrument_id] else 0
        moves = self._lots(portfolio, instrument_id, quantity, source=seller[0].owner, target=buyer[0].owner)
        freed: list[tuple[PortfolioAccount, Money]] = []
        for (order, fee), change in ((buyer, quantity), (seller, -quantity)):
            account = portfolio.accounts[order.owner]
            paid = fee + (premium if change > 0 else 0)
            released = -account.fill(order, change, price) - paid
            if fee:
                moves.append((account.hold_account, portfolio.fees, fee))
            if released:
                moves.append((account.hold_account, account.source, released))
            freed.append((account, released))
        (bought, cash), (sold, proceeds) = freed
        if premium:
            moves.append((bought.hold_account, sold.source, premium))
        return moves + bought.margin.sweep(cash) + sold.margin.sweep(proceeds + premium)

    def transfer(
        self, instrument_id: InstrumentId, source: Holder, target: Holder, quantity: Quantity, price: Price
    ) -> list[Move]:
        """Move lots that `source` holds to `target` without an order: in default management. No premium is
        paid; who takes over pays or is paid apart from it.
        """
        portfolio = self._portfolio_of[instrument_id]
        self.account(source, instrument_id, Side.SELL).take(instrument_id, -quantity, price)
        self.account(target, instrument_id, Side.BUY).take(instrument_id, quantity, price)
        for holder in (source, target):
            margin = self.accounts[holder.participant_id]
            margin.ceiling = margin.required
        return self._lots(
            portfolio,
            instrument_id,
            quantity,
            source=source.participant_id,
            target=target.participant_id,
        )

    def _lots(
        self,
        portfolio: Portfolio,
        instrument_id: InstrumentId,
        quantity: Quantity,
        *,
        source: ParticipantId,
        target: ParticipantId,
    ) -> list[Move]:
        house = portfolio.houses[instrument_id]
        return [
            (self._position_account(portfolio, source, instrument_id), house, quantity),
            (house, self._position_account(portfolio, target, instrument_id), quantity),
        ]

    def _position_account(
        self, portfolio: Portfolio, participant_id: ParticipantId, instrument_id: InstrumentId
    ) -> str:
        """The ledger account of a position, opened at its first trade."""
        account = portfolio.accounts[participant_id]
        account_id = account.positions.get(instrument_id)
        if account_id is None:
            account_id = accounts.position(participant_id, instrument_id)
            account.positions[instrument_id] = account_id
            self._ledger.open(account_id, accounts.position_asset(instrument_id), Rule.FREE)
        return account_id

    # --- clearing -----------------------------------------------------------------------------------

    def revalue(
        self, portfolio: Portfolio, forward: Price, marks: Mapping[InstrumentId, Price], live: Live, now: Time
    ) -> None:
        """Reckon every account of the portfolio at new marks. `live` gives a participant's orders in it."""
        portfolio.forward = forward
        portfolio.value(marks, now)
        for participant_id, account in portfolio.accounts.items():
            account.count_anew(live(participant_id, portfolio))
            account.revalue()

    def variation(self) -> list[Due]:
        """What every account has gained or lost since the last clearing; it is owed from now on. Sums to zero,
        except where only what was realised is cleared.
        """
        realised_only = self.rules.variation.realised_only
        dues = []
        for margin in self.accounts.values():
            due = sum(account.clear_variation(realised_only) for account in margin.portfolios.values())
            margin.cleared += due
            if due:
                dues.append(Due(margin, due))
        return dues

    def settle(self, bucket_id: BucketId, price: Price) -> tuple[list[Due], list[Move]]:
        """Close every position of a bucket at its settlement price: what is due to whom, and the lots back."""
        dues: dict[ParticipantId, Money] = {}
        moves: list[Move] = []
        for portfolio in self.portfolios.values():
            ending = [i for i, terms in portfolio.instruments.items() if terms.bucket_id == bucket_id]
            for who, account in portfolio.accounts.items():
                for instrument_id in ending:
                    quantity = account.quantities.get(instrument_id, 0)
                    payoff = portfolio.instruments[instrument_id].payoff(price)
                    due = account.close_series(instrument_id, price, payoff)
                    if quantity or due:
                        dues[who] = dues.get(who, 0) + due
                    if quantity:
                        house, own = portfolio.houses[instrument_id], account.positions[instrument_id]
                        moves.append((own, house, quantity) if quantity > 0 else (house, own, -quantity))
            for instrument_id in ending:
                portfolio.drop(instrument_id)
            if ending:
                for account in portfolio.accounts.values():
                    account.revalue()
        settled = [Due(self.accounts[who], due) for who, due in dues.items()]
        for account_due in settled:
            account_due.account.cleared += account_due.amount
        return settled, moves
