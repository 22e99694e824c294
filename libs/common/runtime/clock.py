"""The source of time and of new resource names. Both are passed in, so that tests can use others."""

import os
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

_EPOCH, _MILLISECOND = datetime.fromtimestamp(0, UTC), timedelta(milliseconds=1)


class Clock:
    """The machine's time."""

    def now(self) -> datetime:
        """Return this instant in UTC, in whole milliseconds, as documents store it."""
        instant = datetime.now(UTC)
        return instant.replace(microsecond=instant.microsecond // 1000 * 1000)

    def today(self, zone: ZoneInfo) -> date:
        """Return the current calendar day in the zone."""
        return self.now().astimezone(zone).date()


class Names:
    """Makes resource names whose ids sort by the time they were made."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def new(self, collection: str, parent: str = "") -> str:
        """Return `spaces/{id}`, or `{parent}/tenancies/{id}`: 48 bits of milliseconds and 56 random bits, in hex."""
        milliseconds = (self._clock.now() - _EPOCH) // _MILLISECOND
        digits = (milliseconds.to_bytes(6, "big") + os.urandom(7)).hex()
        return f"{parent}/{collection}/{digits}" if parent else f"{collection}/{digits}"
