"""One trade on the ledger: lots through the house, then all that is due in, then all that is free out."""

from exchange.clearing import accounts
from exchange.clearing.transfers import Committed
from tests.builders import ANN, BOB, BTCF, BUY, CYD, ROUBLE, RUBD, SELL, Venue, future

SERIES = future(fee_maker=20, fee_taker=60)
ESCROW, FEES = accounts.escrow(SERIES.bucket_id), accounts.fees(RUBD)
HOUSE = accounts.house_position(BTCF)


def lots(name: str) -> str:
    return f"pos:{name}:{BTCF}"


def test_a_position_resold_at_a_gain() -> None:
    """E2 with fees: Ann resells five of ten lots; 42,000 come in from Cyd before 42,000 go out to Ann."""
    venue = Venue(SERIES)
    for name in (ANN, BOB, CYD):
        venue.admit(name)
    venue.trade(ANN, BOB, 10, 80_000)
    venue.rest(ANN, SELL, 5, 84_000)
    history = venue.state.ledger.history
    before = len(history)
    venue.place(CYD, BUY, 5, 84_000)
    records = [record for record in history[before:] if isinstance(record, Committed)]
    assert [(r.transfer.debit, r.transfer.credit, r.amount) for r in records] == [
        (f"cash:cyd:{RUBD}", f"hold:cyd:{RUBD}", 42_000 * ROUBLE + 300),
        (lots("ann"), HOUSE, 5),
        (HOUSE, lots("cyd"), 5),
        (f"hold:cyd:{RUBD}", ESCROW, 42_000 * ROUBLE),
        (f"hold:cyd:{RUBD}", FEES, 300),
        (f"hold:ann:{RUBD}", FEES, 100),
        (ESCROW, f"cash:ann:{RUBD}", 42_000 * ROUBLE),
        (f"hold:ann:{RUBD}", f"cash:ann:{RUBD}", 200),  # she paid the lower fee
    ]
    assert len({r.time for r in records}) == len(records)


def test_a_position_opened_on_both_sides() -> None:
    venue = Venue(future())
    for name in (ANN, BOB):
        venue.admit(name)
    venue.rest(BOB, SELL, 2, 80_000)
    history = venue.state.ledger.history
    before = len(history)
    venue.place(ANN, BUY, 2, 80_000)
    records = [record for record in history[before:] if isinstance(record, Committed)]
    assert [(r.transfer.debit, r.transfer.credit, r.amount) for r in records] == [
        (f"cash:ann:{RUBD}", f"hold:ann:{RUBD}", 16_000 * ROUBLE),
        (lots("bob"), HOUSE, 2),
        (HOUSE, lots("ann"), 2),
        (f"hold:ann:{RUBD}", ESCROW, 16_000 * ROUBLE),
        (f"hold:bob:{RUBD}", ESCROW, 16_000 * ROUBLE),
    ]
