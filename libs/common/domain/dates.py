"""Calendar days of the city, which are not instants."""

from datetime import UTC, date, datetime, time
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import PlainSerializer

#: A day as documents keep it: midnight UTC, because BSON has no type for a day.
Day = Annotated[date, PlainSerializer(lambda day: datetime(day.year, day.month, day.day, tzinfo=UTC))]


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the instant at which the day begins in the zone."""
    return datetime.combine(day, time(), zone)
