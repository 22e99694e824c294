"""Time and ids, handed to whoever needs them, so that tests can hand over others."""

import os
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo


class Clock:
    """The time of the machine."""

    def now(self) -> datetime:
        """This instant in UTC, in whole milliseconds, which is what the documents keep."""
        instant = datetime.now(UTC)
        return instant.replace(microsecond=instant.microsecond // 1000 * 1000)

    def today(self, zone: ZoneInfo) -> date:
        """The calendar day that it is now in the zone."""
        return self.now().astimezone(zone).date()


# Crockford's base 32 in lower case: sorts as the numbers do, and has no letters that look alike.
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"


class Names:
    """New resource names; their ids sort by the time at which they were made."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def new(self, collection: str, under: str = "") -> str:
        """`spaces/{id}`, or `{under}/tenancies/{id}`: 48 bits of milliseconds, 72 of chance."""
        milliseconds = int(self._clock.now().timestamp() * 1000)
        number = milliseconds << 72 | int.from_bytes(os.urandom(9), "big")
        letters = "".join(_DIGITS[number >> shift & 31] for shift in range(115, -1, -5))
        return f"{under}/{collection}/{letters}" if under else f"{collection}/{letters}"
