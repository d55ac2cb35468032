"""The numbers of a report for machines: every level, difference, interval and verdict as one table, and the charts'."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from scenarios.findings import Finding, Findings
from scenarios.report.drawing import Figure

COLUMNS = {
    "measure": str,
    "unit": str,
    "regime": str,
    "baseline": str,
    "runs": int,
    "mean": float,
    "low": float,
    "high": float,
    "pairs": int,
    "difference": float,
    "difference_low": float,
    "difference_high": float,
    "p_value": float,
    "adjusted_p": float,
    "sign_p_value": float,
    "smallest_detectable": float,
    "same_way": int,
    "verdict": str,
}


def rows_of(findings: Findings) -> list[dict[str, Any]]:
    """One row a measure and regime, the baseline's without a difference. Unknown is None; COLUMNS has the types."""
    return [_row(finding, regime, findings) for finding in findings.rows for regime in findings.regimes]


def _row(finding: Finding, regime: str, findings: Findings) -> dict[str, Any]:
    level, contrast = finding.levels[regime], finding.contrasts.get(regime)
    row: dict[str, Any] = {
        "measure": finding.measure.name,
        "unit": finding.measure.unit,
        "regime": regime,
        "baseline": findings.baseline,
        "runs": level.n,
        "mean": level.mean,
        "low": level.low,
        "high": level.high,
    }
    if contrast is not None:
        compared = contrast.compared
        row |= {
            "pairs": compared.n,
            "difference": compared.difference,
            "difference_low": compared.low,
            "difference_high": compared.high,
            "p_value": compared.p_value,
            "adjusted_p": contrast.adjusted_p,
            "sign_p_value": compared.sign_p_value,
            "smallest_detectable": compared.smallest_detectable,
            "same_way": contrast.same_way,
            "verdict": str(contrast.verdict),
        }
    return {name: _known(row.get(name)) for name in COLUMNS}


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and value != value else value


def as_csv(rows: Sequence[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    table = csv.DictWriter(text, list(COLUMNS), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue().encode()


def as_parquet(rows: Sequence[dict[str, Any]]) -> bytes:
    import pyarrow
    import pyarrow.parquet

    kinds = {str: pyarrow.string(), int: pyarrow.int64(), float: pyarrow.float64()}
    schema = pyarrow.schema([(name, kinds[kind]) for name, kind in COLUMNS.items()])
    sink = pyarrow.BufferOutputStream()
    table = pyarrow.Table.from_pylist(list(rows), schema=schema)
    pyarrow.parquet.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue())


def charts(figures: Sequence[Figure]) -> dict[str, dict[str, Any]]:
    """By name of the chart: its finding in words, and its numbers as they stand beside it."""
    return {
        figure.name: {
            "alt": figure.alt,
            "head": list(figure.head),
            "rows": [list(row) for row in figure.rows],
        }
        for figure in figures
    }
