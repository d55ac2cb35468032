"""What the venue writes about itself: one line a record, for people or for machines. Nobody's secret is ever in it.

A record is an event with fields. What repeats is written a few times and then counted, so that no stranger can fill a
disk; the exact numbers are in the figures for Prometheus.
"""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, TextIO

MOST: Final = 200  # characters of one field
TIMES: Final = 10  # that one event is written within
WITHIN: Final = 10.0  # seconds
KINDS: Final = 1_000  # of events that are counted
PLAIN: Final = re.compile(r"[\w.,:/@+-]+")


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def tell(log: logging.Logger, level: int, event: str, *, trace: bool = False, **fields: Any) -> None:
    """Log an event. `trace`: with the exception that is being handled, which is our bug or the machine's."""
    if log.isEnabledFor(level):
        log.log(level, event, exc_info=trace, extra={"fields": fields})


def configure(form: LogFormat, level: LogLevel, stream: TextIO | None = None) -> None:
    """From now on the whole process writes so, to stderr if no stream is named; of others' libraries warnings alone."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if form is LogFormat.JSON else TextLines())
    handler.addFilter(Seldom())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("ringfence").setLevel(level.upper())


class JsonLines(logging.Formatter):
    """Each record as an object: time, level, logger, event, fields, and after a fault of our own its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            "fields": _fields(record),
        }
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        return json.dumps(told)


class TextLines(logging.Formatter):
    """The same for people; what is no plain word stands in quotes, so that one record is always one line, but for a
    traceback."""

    def format(self, record: logging.LogRecord) -> str:
        words = [
            _time(record),
            record.levelname.lower(),
            record.name,
            _quoted(record.getMessage(), also=" %'"),
        ]
        words += [f"{name}={_quoted(value)}" for name, value in _fields(record).items()]
        lines = " ".join(words)
        return f"{lines}\n{self.formatException(record.exc_info)}" if record.exc_info else lines


class Seldom(logging.Filter):
    """Lets the same event through a few times in a while. The next one after that says how many were left out."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}  # since when, and how often

    def filter(self, record: logging.LogRecord) -> bool:
        kind = record.name, str(record.msg)[:MOST]
        since, count = self._seen.get(kind, (record.created, 0))
        if record.created - since >= WITHIN:
            if count > TIMES:
                record.fields = {**_fields(record), "left_out": count - TIMES}
            since, count = record.created, 0
        if len(self._seen) >= KINDS:
            self._seen.clear()
        self._seen[kind] = since, count + 1
        return count < TIMES


def _time(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """The fields of a record, none longer than it may be."""
    fields: dict[str, Any] = getattr(record, "fields", {})
    return {name: value if _is_small(value) else str(value)[:MOST] for name, value in fields.items()}


def _is_small(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float)


def _quoted(value: Any, also: str = "") -> str:
    text = str(value)
    return text if PLAIN.fullmatch(text.translate({ord(one): "_" for one in also})) else json.dumps(text)
