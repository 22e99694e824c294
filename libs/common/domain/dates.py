"""Calendar days of the city, which are not instants."""

from datetime import UTC, date, datetime, time
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import PlainSerializer


def as_stored(day: date) -> datetime:
    """Return a day as documents keep it: midnight UTC, because BSON has no type for a day."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


#: A day that documents keep.
Day = Annotated[date, PlainSerializer(as_stored)]


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the instant at which the day begins in the zone."""
    return datetime.combine(day, time(), zone)
