"""When a bank works: between two times of day (UTC), but on the days that the terms close."""

from exchange.messages import Message
from exchange.units import DAY, Time


class BankHours(Message):
    """By default around the clock. `closed_days` count from 1970-01-01, so weekends and holidays are listed."""

    opens: Time = 0  # time of day
    closes: Time = DAY  # time of day; at that instant it is closed
    closed_days: tuple[int, ...] = ()

    def is_open(self, now: Time) -> bool:
        day, time_of_day = divmod(now, DAY)
        return day not in self.closed_days and self.opens <= time_of_day < self.closes

    def next_opening(self, after: Time) -> Time:
        """The first opening of a day that lies later than `after`."""
        day = (after - self.opens) // DAY + 1
        while day in self.closed_days:
            day += 1
        return day * DAY + self.opens

    def next_slot(self, after: Time, interval: Time) -> Time:
        """The first instant later than `after` that is a whole number of intervals past an opening, within hours."""
        if self.is_open(after):
            opened = after // DAY * DAY + self.opens
            slot = opened + ((after - opened) // interval + 1) * interval
            if self.is_open(slot):
                return slot
        return self.next_opening(after)

    def fault(self) -> str | None:
        """Why nobody could work such hours, or None."""
        if not 0 <= self.opens < self.closes <= DAY:
            return "a bank opens before it closes, within one day"
        return None
