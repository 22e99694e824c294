"""Time and ids, handed to whoever needs them, so that tests can hand over others."""

import os
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

_EPOCH, _MILLISECOND = datetime.fromtimestamp(0, UTC), timedelta(milliseconds=1)


class Clock:
    """The time of the machine."""

    def now(self) -> datetime:
        """This instant in UTC, in whole milliseconds, which is what the documents keep."""
        instant = datetime.now(UTC)
        return instant.replace(microsecond=instant.microsecond // 1000 * 1000)

    def today(self, zone: ZoneInfo) -> date:
        """The calendar day that it is now in the zone."""
        return self.now().astimezone(zone).date()


class Names:
    """New resource names; their ids sort by the time at which they were made."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def new(self, collection: str, under: str = "") -> str:
        """`spaces/{id}`, or `{under}/tenancies/{id}`: 48 bits of milliseconds, 56 of chance, in hex."""
        milliseconds = (self._clock.now() - _EPOCH) // _MILLISECOND
        digits = (milliseconds.to_bytes(6, "big") + os.urandom(7)).hex()
        return f"{under}/{collection}/{digits}" if under else f"{collection}/{digits}"
