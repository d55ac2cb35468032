"""Banking hours: when money moves, and when it next will."""

import pytest

from exchange.cash.hours import BankingHours, fault_in_hours, is_open, opens_at
from exchange.units import DAY, HOUR, Time

THURSDAY: Time = 0  # 1970-01-01
FRIDAY, SATURDAY, MONDAY = DAY, 2 * DAY, 4 * DAY
OFFICE = BankingHours(opens=9 * HOUR, closes=17 * HOUR, holidays=(MONDAY,))


@pytest.mark.parametrize(
    ("now", "open_now", "next_opening"),
    [
        (THURSDAY + 9 * HOUR - 1, False, THURSDAY + 9 * HOUR),
        (THURSDAY + 9 * HOUR, True, THURSDAY + 9 * HOUR),
        (THURSDAY + 17 * HOUR - 1, True, THURSDAY + 17 * HOUR - 1),
        (THURSDAY + 17 * HOUR, False, FRIDAY + 9 * HOUR),
        (FRIDAY + 18 * HOUR, False, MONDAY + DAY + 9 * HOUR),  # a weekend, and then a holiday
        (SATURDAY + 12 * HOUR, False, MONDAY + DAY + 9 * HOUR),
        (MONDAY + 12 * HOUR, False, MONDAY + DAY + 9 * HOUR),
    ],
)
def test_a_bank_is_open_on_working_days(now: Time, open_now: bool, next_opening: Time) -> None:
    assert (is_open(OFFICE, now), opens_at(OFFICE, now)) == (open_now, next_opening)


def test_without_hours_it_is_always_open() -> None:
    assert is_open(None, SATURDAY) and opens_at(None, SATURDAY) == SATURDAY


@pytest.mark.parametrize(
    ("hours", "word"),
    [
        (BankingHours(opens=17 * HOUR, closes=9 * HOUR), "before they close"),
        (BankingHours(opens=0, closes=DAY + 1), "within one day"),
        (BankingHours(opens=0, closes=DAY, weekdays=()), "weekdays"),
        (BankingHours(opens=0, closes=DAY, weekdays=(7,)), "weekdays"),
        (BankingHours(opens=0, closes=DAY, holidays=(HOUR,)), "midnight"),
        (BankingHours(opens=0.5, closes=DAY), "whole"),  # type: ignore[arg-type]
    ],
)
def test_hours_that_cannot_be(hours: BankingHours, word: str) -> None:
    assert word in (fault_in_hours(hours) or "")


def test_hours_that_can_be() -> None:
    assert fault_in_hours(OFFICE) is None and fault_in_hours(None) is None
