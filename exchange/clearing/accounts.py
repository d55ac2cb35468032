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


def collateral(participant_id: ParticipantId, asset_id: AssetId) -> str:
    """What a participant has posted for margined positions (liability)."""
    return f"marg:{participant_id}:{asset_id}"


def fund_share(participant_id: ParticipantId, asset_id: AssetId) -> str:
    """A member's share of the default fund (liability)."""
    return f"df:{participant_id}:{asset_id}"


def layer(name: str, asset_id: AssetId) -> str:
    """Money of the house that stands for one purpose: a layer of the waterfall, liquidity (liability)."""
    return f"ccp:{name}:{asset_id}"


def obligation(participant_id: ParticipantId, asset_id: AssetId) -> str:
    """What the house owes a participant and has not paid yet; negative: what it owes (unconstrained)."""
    return f"obl:{participant_id}:{asset_id}"


def house_obligation(asset_id: AssetId) -> str:
    """The other side of all obligations (unconstrained)."""
    return f"obl:ccp:{asset_id}"


def obligation_asset(asset_id: AssetId) -> AssetId:
    """The ledger partition of what is owed in a coin: not money."""
    return AssetId(f"OBL:{asset_id}")


def escrow(bucket_id: BucketId) -> str:
    """The pool from which a bucket of bounded claims is paid (liability)."""
    return f"escrow:{bucket_id}"


def fees(asset_id: AssetId) -> str:
    """What the house has earned (liability)."""
    return f"ccp:fees:{asset_id}"


def rounding(asset_id: AssetId) -> str:
    """What is left where payers are rounded up and receivers down (liability)."""
    return f"ccp:rounding:{asset_id}"


def loss_layer(asset_id: AssetId) -> str:
    """The house's own money against losses of the coins themselves (liability)."""
    return f"ccp:ndl:{asset_id}"


def loss_insurance(asset_id: AssetId) -> str:
    """What insures the house against losses of the coins themselves (liability)."""
    return layer("ndl_insurance", asset_id)


def shortfall(asset_id: AssetId) -> str:
    """Coins that are owed, lost, and beyond all who bear such losses (mirror: of nothing)."""
    return f"ext:lost:{asset_id}"


def settlement(asset_id: AssetId) -> str:
    """What passes through the house's hands within one batch: nothing before and after (liability)."""
    return f"ccp:settle:{asset_id}"


def guarantee(asset_id: AssetId) -> str:
    """Net cash paid in for units that are delivered already, until the end of the cycle (liability)."""
    return f"ccp:guarantee:{asset_id}"


def unclaimed(participant_id: ParticipantId, asset_id: AssetId) -> str:
    """What a participant is owed whose own account may take nothing in (liability)."""
    return f"ccp:unclaimed:{participant_id}:{asset_id}"


def units(participant_id: ParticipantId, asset_id: AssetId) -> str:
    """Free units of an asset that is no cash (liability)."""
    return f"unit:{participant_id}:{asset_id}"


def unit_hold(participant_id: ParticipantId, asset_id: AssetId) -> str:
    """Units that a participant's live orders would deliver (liability)."""
    return f"unit:hold:{participant_id}:{asset_id}"


def register(asset_id: AssetId) -> str:
    """Mirror of the venue's entry in the register where units are kept (mirror)."""
    return f"ext:reg:{asset_id}"


def wallet(wallet_id: WalletId, asset_id: AssetId) -> str:
    """Mirror of a venue wallet on the issuer's ledger (mirror)."""
    return f"ext:wallet:{wallet_id}:{asset_id}"


def note_escrow(instrument_id: InstrumentId) -> str:
    """What the issuer of a note has put aside for its redemption (liability)."""
    return f"escrow:dfa:{instrument_id}"


def position(participant_id: ParticipantId, instrument_id: InstrumentId) -> str:
    """A participant's position in lots: credits are long (unconstrained)."""
    return f"pos:{participant_id}:{instrument_id}"


def house_position(instrument_id: InstrumentId) -> str:
    """The house's side of every trade: always flat after one (unconstrained)."""
    return f"ccp:pos:{instrument_id}"


def position_asset(instrument_id: InstrumentId) -> AssetId:
    """The ledger partition in which the lots of one instrument are counted."""
    return AssetId(f"POS:{instrument_id}")


def note_obligation(participant_id: ParticipantId, asset_id: AssetId) -> str:
    """What a holder of notes is owed and was not paid, less what an issuer owes; not money (unconstrained)."""
    return f"obl:dfa:{participant_id}:{asset_id}"
