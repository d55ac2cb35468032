"""Cut the power under a journal, as often as you like, and see that nothing it had acknowledged is missing.

    python -m tests.reliability.power [CUTS] [SEED]

One process writes to a journal under strace, which notes every write, sync, truncation, new name and unlinking, and
every acknowledgement. From these notes the disk is rebuilt as a cut of power at any moment may leave it: what was
synced is there; of what was not, each sector of 512 bytes may be there or not, in any mixture; names that were given or
taken away count for sure only once their folder was synced. Then the journal is opened as after a restart.
"""

import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from exchange.journal import LiveJournalDamaged, open_journal, recover, sqlite_store, state_hash
from tests.reliability.stream import commands, hash_after

STRACE = shutil.which("strace")
SECTOR = 512
ACKNOWLEDGED = b"acknowledged "
CALLS = "write,pwrite64,fsync,fdatasync,ftruncate,unlink,unlinkat,rename,openat"
CALL = re.compile(
    r'\d+ +(\w+)\((?:AT_FDCWD<.*?>, )?(?:\d+<((?:\\x..)*)>|"((?:\\x..)*)")(?:, )?(.*)\) += (-?\d+)'
)
UNFINISHED = " <unfinished ...>"
RESUMED = re.compile(r"<\.\.\. \w+ resumed>")
TEXT = re.compile(r'"((?:\\x..)*)"(?:\.\.\.)?')


class Call(NamedTuple):
    """`what` happened to `path`: create, write, sync, truncate, unlink, rename, or an acknowledgement of `at`."""

    what: str
    path: str = ""
    at: int = 0  # offset, size, or records
    content: bytes = b""  # or the new name


class File:
    """What of a file was synced, and what came since."""

    def __init__(self) -> None:
        self.synced = bytearray()
        self.pending: list[Call] = []

    def sync(self) -> None:
        for call in self.pending:
            _apply(self.synced, call)
        self.pending.clear()

    def after_a_cut(self, share: float, dice: random.Random) -> bytes:
        found = bytearray(self.synced)
        for call in self.pending:
            if call.what == "truncate":
                if dice.random() < share:
                    _apply(found, call)
                continue
            for start in range(0, len(call.content), SECTOR):
                if dice.random() < share:
                    part = call.content[start : start + SECTOR]
                    _apply(found, Call("write", at=call.at + start, content=part))
        return bytes(found)


class Disk:
    """The folder of a journal: names as the system shows them, and names as they were last synced."""

    def __init__(self) -> None:
        self.names: dict[str, File] = {}
        self.synced_names: dict[str, File] = {}

    def do(self, call: Call, folder: str) -> None:
        if call.what == "create":
            self.names.setdefault(call.path, File())
        elif call.what == "unlink":
            self.names.pop(call.path, None)
        elif call.what == "rename":
            self.names[call.content.decode()] = self.names.pop(call.path)
        elif call.what == "sync" and call.path == folder:
            self.synced_names = dict(self.names)
        elif call.what == "sync" and call.path in self.names:
            self.names[call.path].sync()
        elif call.what in ("write", "truncate") and call.path in self.names:
            self.names[call.path].pending.append(call)

    def after_a_cut(self, share: float, dice: random.Random) -> dict[str, bytes]:
        found = {}
        for path in sorted({*self.names, *self.synced_names}):
            names = self.names if dice.random() < share else self.synced_names
            if path in names:
                found[path] = names[path].after_a_cut(share, dice)
        return found


class Losses(NamedTuple):
    cuts: int
    faults: list[str]  # one sentence each


def record(folder: Path, synchronous: str = "FULL") -> list[Call]:
    """Everything that one process does to the journal in `folder`, in order."""
    return traced(folder, "tests.reliability.power", "write", str(folder / "venue.db"), synchronous)


def traced(folder: Path, *module: str) -> list[Call]:
    """Everything that a module, run with these arguments, does to the files in `folder`, and what it acknowledges."""
    assert STRACE
    notes = folder.parent / "notes"
    writer = [sys.executable, "-m", *module]
    traced = [STRACE, "-f", "-y", "-xx", "-s", "1000000", "-o", str(notes), "-e", f"trace={CALLS}", *writer]
    subprocess.run(traced, check=True, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    found = [call for line in _whole_lines(notes.read_text().splitlines()) if (call := _call(line))]
    return [call for call in found if call.what == "acknowledged" or call.path.startswith(str(folder))]


def write(journal: Path, synchronous: str) -> None:
    """Three lives of a journal, with many checkpoints; every acknowledgement goes to the standard output."""
    sqlite_store._SETTINGS = (f"synchronous = {synchronous}", *sqlite_store._SETTINGS[1:])
    sqlite_store._CHECKPOINT = 24
    dice = random.Random(1)
    at = 0
    for _ in range(3):
        with open_journal(str(journal)) as opened:
            for _ in range(25):
                batch = commands(dice.choice((1, 2, 5, 30)), at)
                opened.append(batch)
                at += len(batch)
                sys.stdout.buffer.write(b"%b%d\n" % (ACKNOWLEDGED, at))
                sys.stdout.buffer.flush()


def cut(
    calls: list[Call],
    folder: str,
    cuts: int,
    seed: int,
    fault_after: Callable[[dict[str, bytes], int], str | None] | None = None,
) -> Losses:
    """Open the journal after each of so many cuts, half of them right after an acknowledgement; what was wrong."""
    dice = random.Random(seed)
    promises = [at for at, call in enumerate(calls) if call.what == "acknowledged"]
    moments = sorted(
        dice.choice(promises) + 1 if number % 2 else dice.randrange(promises[0] + 1, len(calls))
        for number in range(cuts)
    )
    disk, faults, done, promised = Disk(), [], 0, 0
    for moment in moments:
        for call in calls[done:moment]:
            promised = call.at if call.what == "acknowledged" else promised
            disk.do(call, folder)
        done = moment
        share = dice.choice((0.0, 0.5, 1.0))
        fault = (fault_after or _fault_after)(disk.after_a_cut(share, dice), promised)
        if fault:
            faults.append(f"cut before call {moment} of {len(calls)}, seed {seed}, share {share}: {fault}")
    return Losses(cuts, faults)


def _fault_after(files: dict[str, bytes], promised: int) -> str | None:
    with tempfile.TemporaryDirectory(prefix="ringfence-cut-") as name:
        for path, content in files.items():
            (Path(name) / Path(path).name).write_bytes(content)
        try:
            with open_journal(str(Path(name) / "venue.db")) as journal:
                found = journal.head.sequence
                if found < promised:
                    return f"{promised} were acknowledged, {found} found"
                if [(at, what) for _, at, what in journal.read()] != commands(found):
                    return f"the {found} commands are not those that were sent"
                if state_hash(recover(journal)) != hash_after(found):
                    return "it recovers to another state"
        except LiveJournalDamaged as fault:
            return f"refused: {fault}"
    return None


def _apply(content: bytearray, call: Call) -> None:
    if call.what == "truncate":
        content[:] = content[: call.at].ljust(call.at, b"\0")
        return
    end = call.at + len(call.content)
    content.extend(bytes(max(0, end - len(content))))
    content[call.at : end] = call.content


def _whole_lines(lines: list[str]) -> list[str]:
    """Calls that another thread interrupts are noted in two parts: they count once they return, but an
    acknowledgement from its beginning."""
    found: list[str] = []
    begun: dict[str, tuple[int, str]] = {}  # by thread: where, and the first part
    for line in lines:
        thread = line.partition(" ")[0]
        if line.endswith(UNFINISHED):
            begun[thread] = (len(found), line.removesuffix(UNFINISHED))
            found.append("")
        elif thread in begun and (rest := RESUMED.search(line)):
            at, first = begun.pop(thread)
            whole = first + line[rest.end() :]
            if " write(" in first:
                found[at] = whole
            else:
                found.append(whole)
        else:
            found.append(line)
    return found


def _call(line: str) -> Call | None:
    match = CALL.match(line)
    if match is None or int(match[5]) < 0:
        return None
    name, path, more = match[1], _text(match[2] or match[3] or "").decode(), match[4]
    if name == "openat":
        return Call("create", path) if "O_CREAT" in more else None
    if name in ("fsync", "fdatasync"):
        return Call("sync", path)
    if name in ("unlink", "unlinkat"):
        return Call("unlink", path)
    if name == "ftruncate":
        return Call("truncate", path, int(more))
    held = TEXT.match(more)
    content = _text(held[1]) if held else b""
    if name == "rename":
        return Call("rename", path, content=content)
    if name == "write":
        told = content.startswith(ACKNOWLEDGED)
        return Call("acknowledged", at=int(content.removeprefix(ACKNOWLEDGED))) if told else None
    return Call("write", path, int(more.rsplit(", ", 1)[1]), content)


def _text(written: str) -> bytes:
    return bytes.fromhex(written.replace("\\x", ""))


def main(cuts: int, seed: int) -> None:
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="ringfence-power-") as name:
        folder = Path(name).resolve() / "journal"
        folder.mkdir()
        losses = cut(record(folder), str(folder), cuts, seed)
    print(*losses.faults, sep="\n", end="\n" if losses.faults else "")
    took = time.perf_counter() - began
    print(f"{losses.cuts} cuts of power (seed {seed}) in {took:.0f} s: {len(losses.faults)} with a loss")
    raise SystemExit(bool(losses.faults))


if __name__ == "__main__":
    if sys.argv[1:2] == ["write"]:
        write(Path(sys.argv[2]), sys.argv[3])
    else:
        CUTS = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
        main(CUTS, int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(2**32))
