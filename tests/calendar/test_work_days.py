"""Working days, as far as they are published."""

import tomllib
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from libs.calendar.work_days import HolidaysSection, WorkCalendar
from libs.common.domain.errors import Precondition
from tests.calendar.samples import DAY

PUBLISHED = WorkCalendar.of(HolidaysSection())

#: The form of a notice. Its days are invented: nobody knows the notice of 2098 yet.
NOTICES = """
[years.2098]
source = "the notice of 2098"
make_up_days = [2097-12-28, 2098-10-11]
holidays = [
  { name = { zh = "元旦", en = "New Year's Day" }, first_day = 2097-12-31, last_day = 2098-01-02 },
  { name = { zh = "劳动节", en = "Labour Day" }, first_day = 2098-05-01, last_day = 2098-05-02 },
  { name = { zh = "国庆节", en = "National Day" }, first_day = 2098-10-01, last_day = 2098-10-07 },
]
"""


def with_notices(text: str) -> WorkCalendar:
    """Build a calendar from a profile's file."""
    return WorkCalendar.of(HolidaysSection.model_validate(tomllib.loads(text)))


def work_days(first: date, last: date, calendar: WorkCalendar = PUBLISHED) -> list[date]:
    """Return the working days from the first to the last day."""
    days = (first + DAY * number for number in range((last - first).days + 1))
    return [day for day in days if calendar.is_work_day(day)]


def missing_year(day: date, count: int, calendar: WorkCalendar = PUBLISHED) -> str:
    """Return the year whose notice is missing for the answer."""
    with pytest.raises(Precondition) as refusal:
        calendar.add_work_days(day, count)
    assert refusal.value.reason == "CALENDAR_NOT_PUBLISHED"
    return refusal.value.metadata["year"]


def test_a_week_with_make_up_workdays() -> None:
    """Sunday 28 April and Sunday 5 May 2019 were worked for the holiday between them (case B15)."""
    assert work_days(date(2019, 4, 28), date(2019, 5, 6)) == [
        *(date(2019, 4, 28), date(2019, 4, 29), date(2019, 4, 30)),
        *(date(2019, 5, 5), date(2019, 5, 6)),
    ]


def test_the_working_days_of_2026() -> None:
    """2026 has 248 working days; six weekend days are worked and 33 days are off."""
    year = [date(2026, 1, 1) + DAY * number for number in range(365)]
    assert len(work_days(year[0], year[-1])) == 248
    assert [f"{day:%m-%d}" for day in year if PUBLISHED.is_make_up_day(day)] == [
        *("01-04", "02-14", "02-28", "05-09", "09-20", "10-10"),
    ]
    assert sum(PUBLISHED.holiday(day) is not None for day in year) == 33


@pytest.mark.parametrize(
    ("day", "due"),
    [
        (date(2026, 9, 18), date(2026, 9, 24)),
        (date(2026, 9, 23), date(2026, 10, 8)),
        (date(2026, 2, 12), date(2026, 2, 26)),
    ],
)
def test_five_working_days_of_notice(day: date, due: date) -> None:
    """The day itself does not count; weekends that are worked do, holidays do not."""
    assert PUBLISHED.add_work_days(day, 5) == due
    assert len(work_days(day + DAY, due)) == 5


@given(st.dates(date(2005, 1, 1), date(2025, 1, 1)), st.integers(0, 60))
def test_working_days_are_counted_one_by_one(day: date, count: int) -> None:
    """Between a day and the answer lie exactly so many working days, in both directions."""
    due = PUBLISHED.add_work_days(day, count)
    assert len(work_days(day + DAY, due)) == count
    assert due == day if count == 0 else PUBLISHED.is_work_day(due)
    before = PUBLISHED.add_work_days(day, -count)
    assert len(work_days(before, day - DAY)) == count


def test_holidays_have_their_names() -> None:
    """A holiday is named in both languages; an ordinary weekend and a working day are no holiday."""
    name = PUBLISHED.holiday(date(2026, 2, 17))
    assert name is not None
    assert (name.zh, name.en) == ("春节", "Spring Festival")
    assert PUBLISHED.holiday(date(2026, 9, 26)) is not None  # a Saturday within a holiday
    assert PUBLISHED.holiday(date(2026, 9, 19)) is None  # an ordinary Saturday
    assert PUBLISHED.holiday(date(2026, 9, 20)) is None  # a Sunday that is worked


# --- what is not published --------------------------------------------------------------------


def test_an_unpublished_year_is_never_presented_as_known() -> None:
    """Monday to Friday are assumed, which is said; a count that needs the year is refused."""
    assert not PUBLISHED.is_published(date(2098, 3, 3))
    assert not PUBLISHED.is_published(date(2003, 3, 3))
    assert PUBLISHED.is_work_day(date(2098, 3, 3))
    assert not PUBLISHED.is_work_day(date(2098, 3, 2))
    assert missing_year(date(2098, 3, 3), 1) == "2098"
    assert missing_year(date(2004, 1, 2), -5) == "2003"


def test_the_last_week_of_december_needs_the_next_notice() -> None:
    """The notice of 2019 made Saturday 29 December 2018 a working day and Monday 31 December a holiday."""
    last = max(year for year in range(2004, 2100) if PUBLISHED.is_published(date(year, 6, 1)))
    assert PUBLISHED.is_published(date(last, 12, 24))
    assert not PUBLISHED.is_published(date(last, 12, 25))
    assert missing_year(date(last, 12, 24), 1) == str(last + 1)
    assert PUBLISHED.is_published(date(2018, 12, 31))
    assert PUBLISHED.add_work_days(date(2018, 12, 28), 2) == date(2019, 1, 2)


def test_a_count_that_stays_in_published_days_is_answered() -> None:
    """The refusal depends on the days that are counted, not on the year of the first one."""
    assert PUBLISHED.add_work_days(date(2003, 12, 31), 1) == date(2004, 1, 2)


def test_a_count_is_bounded() -> None:
    """Thousands of working days are a mistake of the caller."""
    assert len(work_days(date(2020, 1, 2), PUBLISHED.add_work_days(date(2020, 1, 1), 1000))) == 1000
    with pytest.raises(ValueError, match="1000"):
        PUBLISHED.add_work_days(date(2026, 1, 1), 1001)


# --- notices of the profile -------------------------------------------------------------------


def test_a_notice_of_the_profile_publishes_its_year() -> None:
    """Its days, also those at the end of the year before, are known; the end of its own year is not."""
    calendar = with_notices(NOTICES)
    assert calendar.is_published(date(2098, 1, 1))
    assert with_notices(NOTICES.replace("2098-10-07", "2098-10-06")).is_published(date(2098, 1, 1))  # 11 days off
    assert not calendar.is_published(date(2098, 12, 25))
    assert not calendar.is_published(date(2097, 12, 24))
    assert work_days(date(2097, 12, 27), date(2098, 1, 3), calendar) == [
        *(date(2097, 12, 27), date(2097, 12, 28), date(2097, 12, 30), date(2098, 1, 3)),
    ]
    assert calendar.is_make_up_day(date(2097, 12, 28))
    name = calendar.holiday(date(2097, 12, 31))
    assert name is not None
    assert name.zh == "元旦"


def test_a_notice_of_the_profile_replaces_the_one_of_its_year() -> None:
    """A correction in the profile is believed, and nothing of the replaced notice remains but the end of December."""
    corrected = NOTICES.replace("2097", "2018").replace("2098", "2019").replace("2018-12-28", "2018-12-29")
    calendar = with_notices(corrected.replace("2019-10-11", "2019-10-12"))
    assert calendar.is_work_day(date(2019, 4, 29))
    assert not calendar.is_work_day(date(2019, 4, 28))
    assert calendar.holiday(date(2019, 2, 5)) is None
    assert not calendar.is_work_day(date(2018, 12, 30))
    assert calendar.holiday(date(2020, 1, 1)) is not None


def test_an_empty_file_does_not_say_that_there_are_no_holidays() -> None:
    """Without a notice its year stays unpublished."""
    assert not with_notices("").is_published(date(2098, 1, 1))
    assert with_notices("").is_published(date(2026, 1, 1))


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('source = "the notice of 2098"', "", "source"),
        ("first_day = 2098-05-01", "first_day = 2098-05-02", "2098-05-01 missing"),
        ("2098-10-07", "2098-10-05", "holidays missing"),
        ("2097-12-28", "2097-12-21", "2097-12-21 does not belong"),
        ("last_day = 2098-05-02", "last_day = 2098-04-30", "before its first day"),
        ("2098-10-11", "2098-10-10", "not a Saturday or Sunday"),
        ("2098-10-11", "2098-10-05", "2098-10-05 occurs twice"),
        ("last_day = 2098-05-02", "last_day = 2098-10-01", "2098-10-01 occurs twice"),
        ("make_up_days", "make_up", "make_up_days"),
        ("[years.2098]", "[years.98]", "pattern"),
    ],
)
def test_an_incomplete_or_contradictory_notice_is_refused(before: str, after: str, message: str) -> None:
    """A notice has a source, all holidays of the law and its own days only, and a day is either off or worked."""
    assert before in NOTICES
    with pytest.raises(ValidationError, match=message):
        with_notices(NOTICES.replace(before, after))


def test_a_year_without_days_is_refused() -> None:
    """Data that was prepared before the notice came out is not a notice."""
    with pytest.raises(ValidationError, match="incomplete"):
        with_notices('[years.2098]\nsource = "none yet"\nholidays = []\nmake_up_days = []')
