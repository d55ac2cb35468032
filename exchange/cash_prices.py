"""The road of what a cash asset is worth: made here from its own book or in reduced form, or said from outside.

Par is still what the keeper promises, and a pair trades at what people bid. Only where debts are worth roubles does
a price change what collateral counts for.
"""

from collections.abc import Iterator

from exchange import margining
from exchange.cash.holding import Holding
from exchange.cash.issuer import Issuer
from exchange.cash.secondary_price import book_price, reduced_form_price, value_ppm
from exchange.cash.terms import CashPriceSource, CashPriceTerms
from exchange.cash_requests import on_coin, refused
from exchange.commands import DiscloseReserves, EstablishVenue, PriceCash, ReportCashPrice
from exchange.events import CashPriced, Event, ReservesDisclosed
from exchange.instruments import PAR_PPM
from exchange.reasons import CashRefusal, first_refusal
from exchange.state import State


def promise_prices(command: EstablishVenue, state: State) -> None:
    """From now on the venue makes these prices itself, each at its interval."""
    for terms in command.cash_prices:
        state.cash_prices[terms.asset_id] = terms
        if terms.source is not CashPriceSource.REPORTED:
            state.agenda.promise(state.now + terms.interval, PriceCash(asset_id=terms.asset_id))


def price_terms_faults(command: EstablishVenue) -> Iterator[str]:
    """Why no prices can be made on such terms."""
    known = [cash.asset_id for cash in command.cash]
    for terms in command.cash_prices:
        if terms.asset_id not in known:
            yield f"there is no cash asset {terms.asset_id} to be priced"
        if terms.interval < 1 or terms.width_bp < 0:
            yield f"the price of {terms.asset_id} needs an interval of one nanosecond or more, and a width of 0 or more"
        if (terms.source is CashPriceSource.OWN_BOOK) != (terms.pair is not None):
            yield f"the price of {terms.asset_id} comes from a pair if it comes from its own book, and not otherwise"
        form = terms.reduced_form
        if min(form.backlog_weight_ppm, form.shut_discount_ppm, form.arbitrage_ppm) < 0:
            yield f"the reduced form of {terms.asset_id} takes nothing below 0"


def price_cash(duty: PriceCash, state: State) -> Iterator[Event]:
    """At its interval; told only when it is another one than before."""
    terms, holding = state.cash_prices[duty.asset_id], state.holdings[duty.asset_id]
    state.agenda.promise(state.now + terms.interval, duty)
    price = _from_book(terms, state) if terms.pair else _reduced_form(terms, holding, state)
    if price is not None and price != holding.price_ppm:
        yield from _price(holding, price, terms.source, state)


def _from_book(terms: CashPriceTerms, state: State) -> int | None:
    series = state.series.get(terms.pair) if terms.pair else None
    if series is None or not state.session_open:
        return None  # not listed yet, or refused; or nobody can quote, and the last trade may be days old
    bid, ask = series.book.bids.best, series.book.asks.best
    return book_price(
        bid.price if bid else None,
        ask.price if ask else None,
        series.market.last,
        tick_ppm=series.instrument.tick,
        width_bp=terms.width_bp,
    )


def _reduced_form(terms: CashPriceTerms, holding: Holding, state: State) -> int:
    issuer = holding.issuer
    return reduced_form_price(
        terms.reduced_form,
        value_ppm=holding.value_ppm,
        backlog=holding.keeper.backlog(),
        supply=issuer.supply if issuer else 0,
        shut=holding.keeper.shut(state.now),
    )


def report_cash_price(command: ReportCashPrice, state: State) -> Iterator[Event]:
    """From outside, unless the venue makes the price itself. The last report stands until the next one."""
    terms = state.cash_prices.get(command.asset_id)
    makes_its_own = terms is not None and terms.source is not CashPriceSource.REPORTED
    reason = first_refusal(
        (command.asset_id not in state.holdings, CashRefusal.UNKNOWN_ASSET),
        (command.price_ppm < 1, CashRefusal.PRICE_OUT_OF_RANGE),
        (not command.source, CashRefusal.SOURCE_MISSING),
        (makes_its_own, CashRefusal.PRICED_OTHERWISE),
    )
    if reason is not None:
        yield refused(command, reason)
    else:
        yield from _price(state.holdings[command.asset_id], command.price_ppm, command.source, state)


@on_coin
def disclose_reserves(
    command: DiscloseReserves, holding: Holding, _issuer: Issuer, _state: State
) -> Iterator[Event]:
    """What the issuer says is public, and is what stands behind the coin until something else is told."""
    if not 0 <= command.stuck_ppm <= PAR_PPM:
        yield refused(command, CashRefusal.SHARE_OUT_OF_RANGE)
        return
    holding.value_ppm = value_ppm(command.stuck_ppm, covered=command.covered)
    yield ReservesDisclosed(
        asset_id=command.asset_id,
        stuck_ppm=command.stuck_ppm,
        covered=command.covered,
        statement=command.statement,
    )


def _price(holding: Holding, price_ppm: int, source: str, state: State) -> Iterator[Event]:
    asset_id = holding.terms.asset_id
    holding.price_ppm = price_ppm
    yield CashPriced(asset_id=asset_id, price_ppm=price_ppm, source=source)
    margining.value_if_repriced(asset_id, state)
