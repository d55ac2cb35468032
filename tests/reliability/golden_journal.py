"""A journal as this version writes it, kept for all later ones: write a new one beside the old when SCHEMA is raised.

    python -m tests.reliability.golden_journal

It writes schema_N.db with its mark, and schema_N.json with what a replay of it must come to. A file of a released
version is never written again.
"""

import json
from pathlib import Path

from exchange.journal import open_journal, recover, versions
from tests.reliability.stream import commands

FOLDER = Path(__file__).parent / "golden"
COMMANDS = 120


def main() -> None:
    path = FOLDER / f"schema_{versions.SCHEMA}.db"
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob(f"{path.name}*"):
        old.unlink()
    with open_journal(str(path)) as journal:
        journal.append(commands(COMMANDS))
        venue = recover(journal)
        told = {
            "records": journal.head.sequence,
            "check": journal.head.check,
            "ledger": venue.state.ledger.head(),
            "entries": venue.sequence,
        }
    for beside in ("lock", "reserve"):
        path.with_name(f"{path.name}.{beside}").unlink()
    path.with_suffix(".json").write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
