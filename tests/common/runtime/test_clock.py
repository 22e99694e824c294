"""The clock and new names: names sort by their time, fit into a URL, and no two are the same."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from libs.common.runtime.clock import Clock, Names
from tests.support.clock import FixedClock

INSTANTS = st.datetimes(datetime(1970, 1, 2), datetime(2400, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - aware by `timezones`


@given(INSTANTS, INSTANTS)
def test_names_sort_by_time(one: datetime, other: datetime) -> None:
    """A name made at least a millisecond later sorts later, as text."""
    earlier, later = sorted((one, other))
    first, second = (Names(FixedClock(instant)).new("spaces") for instant in (earlier, later))
    if int(earlier.timestamp() * 1000) < int(later.timestamp() * 1000):
        assert first < second


@given(INSTANTS)
def test_names_fit_into_a_url(instant: datetime) -> None:
    """An id is 26 small letters and digits, whatever the time."""
    names = Names(FixedClock(instant))
    assert re.fullmatch("spaces/[0-9a-f]{26}", names.new("spaces"))
    assert re.fullmatch("spaces/1/tenancies/[0-9a-f]{26}", names.new("tenancies", parent="spaces/1"))


def test_names_are_unique() -> None:
    """Many names of one instant are all different."""
    names = Names(FixedClock())
    assert len({names.new("spaces") for _ in range(50_000)}) == 50_000


def test_now_is_what_a_document_can_keep() -> None:
    """The clock gives whole milliseconds of UTC, as BSON does, so that what is read equals what was written."""
    now = Clock().now()
    assert now.tzinfo is UTC
    assert now.microsecond % 1000 == 0
    assert abs(datetime.now(UTC) - now).total_seconds() < 5


def test_today_is_the_zones() -> None:
    """A day begins at midnight of the zone, not of UTC."""
    clock = FixedClock(datetime(2026, 2, 28, 16, 0, tzinfo=UTC))
    assert clock.today(ZoneInfo("Asia/Shanghai")).isoformat() == "2026-03-01"
    clock.advance(milliseconds=-1)
    assert clock.today(ZoneInfo("Asia/Shanghai")).isoformat() == "2026-02-28"
