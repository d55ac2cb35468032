"""The units in which the exchange counts. Everything here is a whole number; nothing is ever a float."""

from typing import NewType, TypeAlias

Time: TypeAlias = int  # nanoseconds since 1970-01-01 UTC
Money: TypeAlias = int  # minor units of one cash asset (kopecks of RUBD)
BasisPoints: TypeAlias = int  # 1/10,000
IndexPrice: TypeAlias = int  # index units: 0.01 of the quote currency for one unit of the underlying

AssetId = NewType("AssetId", str)  # "RUBD", "BTC"
InstrumentId = NewType("InstrumentId", str)  # "BTC_RUBD-25DEC26"
IndexId = NewType("IndexId", str)  # "BTC_RUB"
BucketId = NewType("BucketId", str)  # "BTC_RUB-25DEC26": claims on one underlying with one expiry
WalletId = NewType("WalletId", str)  # an address on an issuer's own ledger

INDEX_DECIMALS = 2  # an index unit is 0.01
ONE_UNIT = 100_000_000  # hundred-millionths in one unit of a coin

SECOND: Time = 1_000_000_000
MINUTE: Time = 60 * SECOND
HOUR: Time = 60 * MINUTE
DAY: Time = 24 * HOUR


def year_of(time: Time) -> int:
    """The calendar year, UTC.

    Years are counted from 1 March of the year 0, so that the leap day is a year's last: 146,097 days are 400 years.
    """
    days = time // DAY + 719_468
    era, day = divmod(days, 146_097)
    year = (day - day // 1_460 + day // 36_524 - day // 146_096) // 365
    march = day - (365 * year + year // 4 - year // 100)
    return era * 400 + year + (march >= 306)


def weekday(at: Time) -> int:
    """The day of the week in UTC; Monday is 0."""
    return (at // DAY + 3) % 7  # 1970-01-01 was a Thursday
