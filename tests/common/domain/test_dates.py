"""Calendar days of the city."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from libs.common.domain.dates import Day, midnight


def test_a_day_is_stored_as_midnight_utc() -> None:
    """A day is stored as midnight UTC, because BSON has no type for a day, and is read back as the day."""
    adapter: TypeAdapter[date] = TypeAdapter(Day)
    day = date(2026, 2, 28)
    stored = adapter.dump_python(day)
    assert stored == datetime(2026, 2, 28, tzinfo=UTC)
    assert adapter.validate_python(stored) == day


def test_a_day_begins_at_midnight_of_the_zone() -> None:
    """A day begins at midnight in the city's zone, not at midnight UTC."""
    begin = midnight(date(2026, 3, 1), ZoneInfo("Asia/Shanghai"))
    assert begin == datetime(2026, 2, 28, 16, tzinfo=UTC)
