"""Conversion between instants, which are UTC, and what the clocks and calendars of a time zone show."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo


@lru_cache(maxsize=8192)  # every booking needs the midnights of the same few weeks
def instant_at(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    """Return the first instant at which clocks of the zone show this minute of the day, or a later one.

    A time that a change to summer time skips means the moment of the change; a time that occurs twice means the
    first. So times in order give instants in order. Minute 1440 is the next midnight.
    """
    wall = datetime.combine(day, time()) + timedelta(minutes=minutes)
    instant = wall.replace(tzinfo=zone).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall:
        return instant
    return _change_between(wall.replace(tzinfo=zone, fold=1).astimezone(UTC), instant, zone)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the instant at which the day begins in the zone."""
    return instant_at(day, 0, zone)


def local_day(instant: datetime, zone: ZoneInfo) -> date:
    """Return the day of the zone that the instant belongs to: each day lasts from its midnight to the next.

    Where clocks are set back over midnight, they show the day before once more; the new day has begun all the same.
    """
    day = instant.astimezone(zone).date()
    tomorrow = day + timedelta(days=1)
    return day if instant < midnight(tomorrow, zone) else tomorrow


def instant_text(instant: datetime) -> str:
    """Format an instant for the metadata of a refusal: ISO 8601, UTC, milliseconds if there are any."""
    precision = "milliseconds" if instant.microsecond else "seconds"
    return instant.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")


def _change_between(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the second at which the zone changes its offset, after `before` and not after `after`."""
    offset = after.astimezone(zone).utcoffset()
    while (seconds := int((after - before).total_seconds())) > 1:
        middle = before + timedelta(seconds=seconds // 2)
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after
