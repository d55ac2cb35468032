"""How a fault is told at the terminal: as a sentence and an exit code. What is our own bug stays a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from scenarios.places import sentence_of

REFUSED = 2  # something that was asked for cannot be
FAILED = 1  # a run failed, or did not replay
DAMAGED = 65  # what was written is not there, or not as it was written
STOPPED = 130  # Ctrl-C


class ListenError(Exception):
    """An address at which the venue cannot listen, as a sentence with the remedy."""


@contextmanager
def told_as_sentences() -> Iterator[None]:
    """Turn the faults that users meet into a line on the error stream and an exit code."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("stopped; nothing half-written is left", err=True)
        raise typer.Exit(STOPPED) from None
    except OSError as fault:
        typer.echo(sentence_of(fault), err=True)
        raise typer.Exit(REFUSED) from None
    except Exception as fault:
        code = _code_of(fault)
        if code is None:
            raise
        typer.echo(str(fault), err=True)
        raise typer.Exit(code) from None


def _code_of(fault: Exception) -> int | None:
    """The exit code of a fault that speaks for itself, or None for a bug. Imported only once there is a fault."""
    from exchange.gateway.lockstep import LockStepStopped
    from exchange.journal import (
        JournalDamaged,
        JournalFailed,
        JournalInUse,
        JournalUnusable,
        LiveJournalDamaged,
    )
    from participants.answers import VenueError
    from scenarios.cells import CellMismatchError
    from scenarios.cluster import ClusterError
    from scenarios.compare import ComparisonStoppedError, DesignError
    from scenarios.config.reading import ConfigurationError
    from scenarios.extras import ExtraMissingError
    from scenarios.language import LanguageError
    from scenarios.query import QueryError
    from scenarios.results import ResultsError
    from scenarios.risk import RiskReportError
    from scenarios.run import ReplayError
    from scenarios.stress_events import StressEventError
    from scenarios.sweep import TeamLostError

    if isinstance(fault, ComparisonStoppedError):
        return STOPPED
    if isinstance(fault, LiveJournalDamaged):
        return DAMAGED
    if isinstance(fault, ReplayError | JournalDamaged | JournalFailed | LockStepStopped | TeamLostError):
        return FAILED
    if isinstance(fault, JournalInUse | JournalUnusable | ExtraMissingError | ClusterError):
        return REFUSED
    refused = (
        ConfigurationError
        | DesignError
        | LanguageError
        | ListenError
        | StressEventError
        | CellMismatchError
        | QueryError
        | ResultsError
        | RiskReportError
        | VenueError
    )
    return REFUSED if isinstance(fault, refused) else None
