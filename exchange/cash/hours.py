"""Banking hours: the part of the day, the days of the week and the holidays on which money moves."""

from exchange.messages import Message
from exchange.units import DAY, Time, weekday


class BankingHours(Message):
    """Open from `opens` until just before `closes`, both counted from midnight UTC, on the days that are named."""

    opens: Time
    closes: Time
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4)  # Monday is 0
    holidays: tuple[Time, ...] = ()  # the midnights with which days begin that are closed


def is_open(hours: BankingHours | None, now: Time) -> bool:
    """Without hours, always."""
    return hours is None or (_is_banking_day(hours, now) and hours.opens <= now % DAY < hours.closes)


def opens_at(hours: BankingHours | None, now: Time) -> Time:
    """The next instant that is within hours: now, if this one is."""
    if hours is None or is_open(hours, now):
        return now
    opens = now - now % DAY + hours.opens
    if opens < now:
        opens += DAY
    while not _is_banking_day(hours, opens):
        opens += DAY
    return opens


def next_opening(hours: BankingHours | None, after: Time) -> Time:
    """The first beginning of a banking day that lies later than `after`; without hours, the next midnight."""
    opens = 0 if hours is None else hours.opens
    day = after - (after - opens) % DAY + DAY
    return opens_at(hours, day)


def next_slot(hours: BankingHours | None, after: Time, interval: Time) -> Time:
    """The first instant later than `after` that is a whole number of intervals past an opening, within hours."""
    if is_open(hours, after):
        opened = after - after % DAY + (0 if hours is None else hours.opens)
        slot = opened + ((after - opened) // interval + 1) * interval
        if is_open(hours, slot):
            return min(slot, next_opening(hours, after))
    return next_opening(hours, after)


def _is_banking_day(hours: BankingHours, now: Time) -> bool:
    return weekday(now) in hours.weekdays and now - now % DAY not in hours.holidays


def fault_in_hours(hours: BankingHours | None) -> str | None:
    """Why these are no hours, or None. A bank that never opens would never let time pass."""
    if hours is None:
        return None
    if type(hours) is not BankingHours:
        return f"hours are BankingHours, not {hours!r}"
    times = (hours.opens, hours.closes, *hours.weekdays, *hours.holidays)
    if any(type(number) is not int for number in times) or not 0 <= hours.opens < hours.closes <= DAY:
        return "banking hours open before they close, within one day, in whole nanoseconds"
    if not hours.weekdays or not all(0 <= day <= 6 for day in hours.weekdays):
        return "banking hours need weekdays, from 0 (Monday) to 6 (Sunday)"
    if any(day % DAY for day in hours.holidays):
        return "a holiday is the midnight UTC with which it begins"
    return None
