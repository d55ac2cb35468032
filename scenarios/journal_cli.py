"""The command `ringfence journal`: verify, export, copy and snapshot the journal of a live venue."""

import json
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, TextIO

import typer

from scenarios.faults import told_as_sentences

app = typer.Typer(no_args_is_help=True, help="The journal of a live venue.")

Url = Annotated[str, typer.Argument(help="A file, sqlite:///FILE or postgresql://USER@HOST/DATABASE.")]


@app.command()
def verify(
    url: Url,
    replay: Annotated[
        bool, typer.Option("--replay", help="Also recover the exchange, and print the hash of its state.")
    ] = False,
) -> None:
    """Check every record and change nothing; damage is a sentence with its place and exit code 65."""
    with told_as_sentences():
        from exchange.journal import read_journal, recovery, state_hash

        with read_journal(url) as journal:
            sequence, check = journal.head
            typer.echo(f"{journal.name}: {sequence} records, whole; check {check}")
            if journal.torn:
                typer.echo(f"{journal.torn}; the next start cuts it off")
            if replay:
                found = recovery(journal)
                for fault in found.skipped:
                    typer.echo(f"passed over: {fault}", err=True)
                begun = f"the snapshot at record {found.snapshot}" if found.snapshot else "the beginning"
                typer.echo(
                    f"{found.replayed} commands replayed from {begun}; state {state_hash(found.exchange)}"
                )


@app.command()
def export(
    url: Url,
    out: Annotated[Path | None, typer.Option(help="A new file; the standard output if not given.")] = None,
    after: Annotated[int, typer.Option(min=0, help="Begin behind this record.")] = 0,
) -> None:
    """Write every record as a line of JSON, each checked before it is written."""
    with told_as_sentences():
        from exchange.journal import read_journal

        with read_journal(url) as journal, _written_to(out) as lines:
            for record in journal.records(after):
                told = record._asdict() | {
                    "command": json.loads(record.command),
                    "previous": record.previous.hex(),
                    "check": record.check.hex(),
                }
                lines.write(json.dumps(told, separators=(",", ":"), ensure_ascii=False) + "\n")


def _written_to(out: Path | None) -> AbstractContextManager[TextIO]:
    return out.open("x", encoding="utf-8") if out else nullcontext(sys.stdout)


@app.command()
def copy(
    source: Annotated[str, typer.Argument(help="A journal, or the commands.jsonl of a run.")],
    target: Annotated[str, typer.Argument(help="A journal that does not exist yet.")],
    whole: Annotated[
        bool, typer.Option("--whole", help="Of a damaged journal: everything before the damage.")
    ] = False,
) -> None:
    """Bring a journal over into a new one: into another database, or to this version. The old one stays."""
    with told_as_sentences():
        from exchange.journal.copying import copy as copy_journal

        copied = copy_journal(source, target, whole=whole)
        typer.echo(f"{copied.records} records copied to {target}")
        if copied.stopped:
            typer.echo(f"not copied: what lies behind. {copied.stopped}", err=True)


@app.command()
def snapshot(url: Url) -> None:
    """Recover the exchange beside a running server and keep a snapshot, so that the next start is quick."""
    with told_as_sentences():
        from exchange.journal import JournalUnusable, read_journal, recovery

        with read_journal(url) as journal:
            if journal.snapshots is None:
                raise JournalUnusable(f"{journal.name} has no folder for snapshots. They lie beside a file")
            head = journal.head
            found = recovery(journal, until=head.sequence)
            typer.echo(journal.snapshots.keep(found.exchange, head))
