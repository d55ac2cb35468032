"""What the last settlement cycle did, what buckets and clearings paid. Amounts are minor units of the asset named."""

from collections.abc import Iterable
from typing import NamedTuple

from exchange.clearing.settlement import Sheet
from exchange.clearing.terms import ClearingMode
from exchange.commands import SettlementModel
from exchange.events import BucketSettled, ClaimSettled, Entry, PositionSettled, VariationCleared
from exchange.reports.balances import scale_of
from exchange.state import State
from exchange.units import AssetId, BucketId, Money, Time
from matching.terms import ParticipantId


class CycleRow(NamedTuple):
    """One asset in the last settlement cycle that took anything up. Numbers before it are of all assets."""

    cycle_id: int
    model: SettlementModel
    instructions: int
    settled: int
    partly_settled: int
    recycled: int
    failed: int
    asset_id: AssetId
    scale: int
    due: int
    gross: int
    multilateral: int
    efficiency_ppm: int
    liquidity_peak: int
    penalties: int


class FailRow(NamedTuple):
    """What that cycle could not settle, by whose fault, and what it cost them."""

    instruction_id: int
    failing_id: ParticipantId | None  # None: both sides held it
    suffering_id: ParticipantId | None
    asset_id: AssetId  # of the deal
    remaining: int
    scale: int  # of that asset
    penalty_asset_id: AssetId
    penalty_scale: int
    penalty: Money
    unpaid: Money
    ended: bool  # tried too often
    compensation: Money


class PaidRow(NamedTuple):
    """What a bucket paid when it was settled: all claims, or the gains of a last variation."""

    bucket_id: BucketId
    time: Time
    mode: ClearingMode
    holders: int
    paid: Money
    lost: Money  # by those who lost, out of what they had paid in or as a debt


class ClearingRow(NamedTuple):
    """One clearing of variation margin."""

    time: Time
    asset_id: AssetId
    collected: Money
    distributed: Money
    late: Money
    liquidity: Money  # of the house that was used


def cycles(state: State) -> list[CycleRow]:
    """The last cycle that took anything up, by asset."""
    sheet = _last_sheet(state)
    if sheet is None:
        return []
    return [
        CycleRow(
            cycle_id=sheet.cycle_id,
            model=sheet.model,
            instructions=sheet.due,
            settled=len(sheet.waits),
            partly_settled=sheet.partly_settled,
            recycled=sheet.recycled,
            failed=sheet.failed,
            asset_id=asset.asset_id,
            scale=scale_of(asset.asset_id, state),
            due=asset.due,
            gross=asset.gross,
            multilateral=asset.multilateral,
            efficiency_ppm=asset.efficiency_ppm,
            liquidity_peak=asset.liquidity_peak,
            penalties=asset.penalties,
        )
        for asset in sheet.assets
    ]


def fails(state: State) -> list[FailRow]:
    """What that cycle left unsettled."""
    sheet = _last_sheet(state)
    return [
        FailRow(
            instruction_id=late.instruction.instruction_id,
            failing_id=late.failing or None,
            suffering_id=late.instruction.other(late.failing) if late.failing else None,
            asset_id=late.instruction.terms.asset_id,
            remaining=late.instruction.remaining,
            scale=scale_of(late.instruction.terms.asset_id, state),
            penalty_asset_id=late.penalty.asset_id,
            penalty_scale=scale_of(late.penalty.asset_id, state),
            penalty=late.penalty.amount,
            unpaid=late.penalty.unpaid,
            ended=late.compensation is not None,
            compensation=late.compensation.amount if late.compensation else 0,
        )
        for late in (sheet.late if sheet else ())
    ]


def _last_sheet(state: State) -> Sheet | None:
    return next((sheet for sheet in reversed(state.settlement.sheets) if sheet.due), None)


def paid(told: Iterable[Entry]) -> list[PaidRow]:
    """What each bucket paid at its settlement, in the order of time, from entries in their order."""
    rows: dict[BucketId, PaidRow] = {}
    for entry in told:
        match entry.event:
            case ClaimSettled(bucket_id=bucket_id, gain=gain):
                row = _row_of(bucket_id, entry.time, ClearingMode.FULL, rows)
                rows[bucket_id] = row._replace(lost=row.lost + max(-gain, 0))
            case BucketSettled(bucket_id=bucket_id, pool=pool, holders=holders):
                row = _row_of(bucket_id, entry.time, ClearingMode.FULL, rows)
                rows[bucket_id] = row._replace(paid=pool, holders=holders)
            case PositionSettled(bucket_id=bucket_id, amount=amount):
                row = _row_of(bucket_id, entry.time, ClearingMode.RISK, rows)
                rows[bucket_id] = row._replace(
                    holders=row.holders + 1,
                    paid=row.paid + max(amount, 0),
                    lost=row.lost + max(-amount, 0),
                )
    return list(rows.values())


def _row_of(bucket_id: BucketId, time: Time, mode: ClearingMode, rows: dict[BucketId, PaidRow]) -> PaidRow:
    return rows.get(bucket_id) or PaidRow(bucket_id, time, mode, holders=0, paid=0, lost=0)


def clearings(told: Iterable[Entry]) -> list[ClearingRow]:
    """Every clearing of variation margin that moved anything or found somebody late, in the order of time."""
    return [
        ClearingRow(
            entry.time, event.asset_id, event.collected, event.distributed, event.late, event.liquidity
        )
        for entry in told
        if isinstance(event := entry.event, VariationCleared)
        and (event.collected or event.distributed or event.late)
    ]
