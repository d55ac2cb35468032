"""The chart of accounts: how each ledger account is called, and which rule it obeys.

Participants' balances are credit balances: the house owes them. What the house holds outside (wallets on an
issuer's ledger, units on a register) is a debit-balance mirror. So "nothing is lost" and "custody reconciles"
are one statement.
"""

from exchange.units import AssetId, BucketId, InstrumentId, WalletId
from matching.terms import ParticipantId


def cash(participant_id: ParticipantId, asset_id: AssetId) -> str:
    """Free cash of a participant (liability)."""
    return f"cash:{participant_id}:{asset_id}"


def hold(participant_id: ParticipantId, asset_id: AssetId) -> str:
    """What a participant's live orders need (liability)."""
    return f"hold:{participant_id}:{asset_id}"


def escrow(bucket_id: BucketId) -> str:
    """The pool from which a bucket of bounded claims is paid (liability)."""
    return f"escrow:{bucket_id}"


def fees(asset_id: AssetId) -> str:
    """What the house has earned (liability)."""
    return f"ccp:fees:{asset_id}"


def loss_layer(asset_id: AssetId) -> str:
    """The house's own money against losses of the coins themselves (liability)."""
    return f"ccp:ndl:{asset_id}"


def wallet(wallet_id: WalletId, asset_id: AssetId) -> str:
    """Mirror of a venue wallet on the issuer's ledger (mirror)."""
    return f"ext:wallet:{wallet_id}:{asset_id}"


def units(participant_id: ParticipantId, asset_id: AssetId) -> str:
    """Free units of a participant: of a crypto asset or a note (liability)."""
    return f"unit:{participant_id}:{asset_id}"


def unit_hold(participant_id: ParticipantId, asset_id: AssetId) -> str:
    """Units that a participant's live orders would sell (liability)."""
    return f"unit:hold:{participant_id}:{asset_id}"


def register(asset_id: AssetId) -> str:
    """Mirror of the register, or the chain, on which the units of an asset stand (mirror)."""
    return f"ext:reg:{asset_id}"


def note_escrow(instrument_id: InstrumentId) -> str:
    """What the issuer of a note has put aside for its redemption (liability)."""
    return f"escrow:dfa:{instrument_id}"


def rounding(asset_id: AssetId) -> str:
    """What is left over when payers are rounded up and receivers down (liability)."""
    return f"ccp:rounding:{asset_id}"


def obligation(participant_id: ParticipantId, asset_id: AssetId) -> str:
    """What a participant is owed and was not paid, less what it owes; not money (unconstrained)."""
    return f"obl:{participant_id}:{asset_id}"


def obligation_asset(asset_id: AssetId) -> AssetId:
    """The ledger partition in which unpaid obligations in one cash asset are counted."""
    return AssetId(f"OBL:{asset_id}")


def position(participant_id: ParticipantId, instrument_id: InstrumentId) -> str:
    """A participant's position in lots: credits are long (unconstrained)."""
    return f"pos:{participant_id}:{instrument_id}"


def house_position(instrument_id: InstrumentId) -> str:
    """The house's side of every trade: always flat after one (unconstrained)."""
    return f"ccp:pos:{instrument_id}"


def position_asset(instrument_id: InstrumentId) -> AssetId:
    """The ledger partition in which the lots of one instrument are counted."""
    return AssetId(f"POS:{instrument_id}")
