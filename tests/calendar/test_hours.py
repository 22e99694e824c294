"""Opening hours in every zone, over holidays, exceptions and closures."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from libs.calendar.hours import WEEKDAYS, DayHours, Hours, OpenHours, Weekday, minutes_of
from libs.calendar.interval import Interval
from libs.calendar.work_days import HolidaysSection, WorkCalendar
from libs.common.domain.errors import Invalid
from tests.calendar.samples import DAY, HOUR, MINUTE, NEW_YORK, SHANGHAI, between, days, zones

CALENDAR = WorkCalendar.of(HolidaysSection())
OFFICE = [
    {"weekday": weekday, "opens": opens, "closes": closes}
    for weekday in WEEKDAYS[:5]
    for opens, closes in (("09:00", "12:00"), ("13:30", "18:00"))
]


def hours(zone: str = "Asia/Shanghai", **fields: object) -> Hours:
    """Build hours, by default those of an office."""
    return Hours.model_validate({"time_zone": zone, "weekly": OFFICE, **fields})


def open_on(given_hours: Hours, day: str) -> list[str]:
    """Return when it is open on a day of Shanghai, as local times."""
    within = between(f"{day} 00:00", f"{day} 00:00").expand(timedelta(), DAY)
    found = given_hours.open_intervals(within, CALENDAR)
    return [
        f"{each.start.astimezone(SHANGHAI):%H:%M}-{each.end.astimezone(SHANGHAI):%H:%M}".replace("-00:00", "-24:00")
        for each in found
    ]


# --- which hours apply ------------------------------------------------------------------------


def test_the_weekly_hours_apply() -> None:
    """Several intervals a day are possible; a day without hours is closed."""
    assert open_on(hours(), "2026-12-01") == ["09:00-12:00", "13:30-18:00"]
    assert open_on(hours(), "2026-12-05") == []


def test_a_holiday_closes_whoever_observes_it() -> None:
    """Thursday 1 October 2026 is a public holiday; who does not observe it is open."""
    assert open_on(hours(observes_holidays=True), "2026-10-01") == []
    assert open_on(hours(), "2026-10-01") == ["09:00-12:00", "13:30-18:00"]


def test_on_a_make_up_workday_the_hours_of_the_chosen_weekday_apply_as_well() -> None:
    """Sunday 20 September 2026 is worked: by default with the hours of Monday, beside those of a Sunday."""
    sunday = "2026-09-20"
    assert open_on(hours(observes_holidays=True), sunday) == ["09:00-12:00", "13:30-18:00"]
    assert open_on(hours(observes_holidays=True), "2026-09-13") == []
    assert open_on(hours(), sunday) == []
    assert open_on(hours(observes_holidays=True, make_up_weekday=None), sunday) == []
    weekly = [
        {"weekday": "SUNDAY", "opens": "10:00", "closes": "20:00"},
        {"weekday": "FRIDAY", "opens": "09:00", "closes": "12:00"},
    ]
    museum = hours(weekly=weekly, observes_holidays=True)
    assert open_on(museum, sunday) == ["10:00-20:00"]
    friday = hours(weekly=weekly, observes_holidays=True, make_up_weekday="FRIDAY")
    assert open_on(friday, sunday) == ["09:00-20:00"]


def test_an_exception_replaces_weekly_hours_and_holidays() -> None:
    """One date may be open on a holiday, or shorter, or closed."""
    special = hours(
        observes_holidays=True,
        exceptions=[
            {"date": "2026-10-01", "hours": [{"opens": "10:00", "closes": "11:00"}]},
            {"date": "2026-09-20", "hours": []},
        ],
    )
    assert open_on(special, "2026-10-01") == ["10:00-11:00"]
    assert open_on(special, "2026-10-02") == []
    assert open_on(special, "2026-09-20") == []


def test_a_closure_is_stronger_than_everything() -> None:
    """During a closure even an exception does not open; the end is the first open day."""
    closed = hours(
        closures=[{"start_date": "2026-12-01", "end_date": "2026-12-03", "reason": "搬迁"}],
        exceptions=[{"date": "2026-12-02", "hours": [{"opens": "10:00", "closes": "11:00"}]}],
    )
    assert open_on(closed, "2026-11-30") != []
    assert open_on(closed, "2026-12-01") == []
    assert open_on(closed, "2026-12-02") == []
    assert open_on(closed, "2026-12-03") != []


def test_hours_over_midnight_are_joined() -> None:
    """24:00 is the next midnight, so a night is one interval."""
    night = hours(
        weekly=[
            {"weekday": "TUESDAY", "opens": "22:00", "closes": "24:00"},
            {"weekday": "WEDNESDAY", "opens": "00:00", "closes": "06:00"},
        ]
    )
    within = between("2026-12-01 00:00", "2026-12-03 00:00")
    assert night.open_intervals(within, CALENDAR) == (between("2026-12-01 22:00", "2026-12-02 06:00"),)
    assert open_on(night, "2026-12-01") == ["22:00-24:00"]


# --- zones and changes of the clocks ----------------------------------------------------------


def test_a_mentor_may_live_in_another_zone() -> None:
    """15:00 in New York is 04:00 of the next day in Shanghai in winter and 03:00 in summer."""
    abroad = hours("America/New_York", weekly=[{"weekday": "MONDAY", "opens": "15:00", "closes": "16:00"}])
    assert open_on(abroad, "2027-03-09") == ["04:00-05:00"]
    assert open_on(abroad, "2027-03-16") == ["03:00-04:00"]


@pytest.mark.parametrize(
    ("day", "opens", "closes", "length"),
    [
        (date(2026, 3, 8), "01:00", "03:00", HOUR),
        (date(2026, 3, 8), "02:15", "02:45", timedelta()),
        (date(2026, 3, 8), "00:00", "24:00", 23 * HOUR),
        (date(2026, 11, 1), "00:00", "24:00", 25 * HOUR),
        (date(2026, 11, 1), "01:00", "02:00", 2 * HOUR),
        (date(2026, 11, 1), "01:00", "01:30", HOUR / 2),
    ],
)
def test_a_window_over_a_change_of_the_clocks_has_its_real_length(
    day: date, opens: str, closes: str, length: timedelta
) -> None:
    """02:00 to 03:00 is skipped on 8 March 2026 in New York, 01:00 to 02:00 is repeated on 1 November."""
    sunday = hours("America/New_York", weekly=[{"weekday": "SUNDAY", "opens": opens, "closes": closes}])
    midnight = datetime.combine(day, time(), NEW_YORK).astimezone(UTC)
    found = sunday.open_intervals(Interval(start=midnight - DAY, end=midnight + 2 * DAY), CALENDAR)
    assert sum((each.end - each.start for each in found), timedelta()) == length


wall = st.integers(0, 96).map(lambda quarter: f"{quarter // 4:02}:{quarter % 4 * 15:02}")
windows = st.tuples(wall, wall).filter(lambda pair: pair[0] < pair[1])


def shown_so_far(start: datetime, end: datetime, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    """Return each minute with the latest time that clocks have shown until then: repeated times do not count."""
    latest, shown = datetime.min, []  # noqa: DTZ901
    instant = start - 2 * DAY
    while instant < end:
        latest = max(latest, instant.astimezone(zone).replace(tzinfo=None))
        if instant >= start:
            shown.append((instant, latest))
        instant += MINUTE
    return shown


@given(days, windows, windows, zones, st.integers(0, 1000))
def test_hours_agree_with_a_clock_watched_every_minute(
    day: date, first: tuple[str, str], second: tuple[str, str], zone: ZoneInfo, offset: int
) -> None:
    """It is open exactly in the minutes at which the clocks have reached the opening and not the closing time."""
    weekly = [
        DayHours(weekday=weekday, opens=window[0], closes=window[1])
        for weekday, window in zip(WEEKDAYS, [first, second] * 4, strict=False)
    ]
    given_hours = Hours(time_zone=zone.key, weekly=tuple(weekly))
    start = datetime.combine(day, time(), UTC) + offset * MINUTE
    within = Interval(start=start, end=start + 36 * HOUR)
    found = given_hours.open_intervals(within, CALENDAR)
    assert list(found) == sorted(found, key=lambda each: each.start)
    for instant, shown in shown_so_far(within.start, within.end, zone):
        own = weekly[shown.weekday()]
        is_open = minutes_of(own.opens) <= shown.hour * 60 + shown.minute < minutes_of(own.closes)
        assert is_open == any(each.start <= instant < each.end for each in found), instant


def test_a_query_is_bounded() -> None:
    """More than 400 days are a mistake of the caller; no time has no hours."""
    start = between("2026-01-01 00:00", "2026-01-01 00:00")
    assert hours().open_intervals(start, CALENDAR) == ()
    assert hours().open_intervals(start.expand(timedelta(), 400 * DAY), CALENDAR)
    with pytest.raises(ValueError, match="400 days"):
        hours().open_intervals(start.expand(timedelta(), 401 * DAY), CALENDAR)


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "path", "reason", "text"),
    [
        ({"time_zone": "Asia/Jilin"}, "time_zone", "MALFORMED", "no time zone Asia/Jilin"),
        ({"time_zone": "Asia"}, "time_zone", "MALFORMED", "no time zone"),
        ({"time_zone": "../etc/passwd"}, "time_zone", "MALFORMED", "no time zone"),
        ({"weekly": [{"weekday": "MONDAY", "opens": "9:00", "closes": "10:00"}]}, "weekly[0].opens", "MALFORMED", ""),
        ({"weekly": [{"weekday": "MONDAY", "opens": "09:00", "closes": "24:01"}]}, "weekly[0].closes", "MALFORMED", ""),
        (
            {"weekly": [{"weekday": "MONDAY", "opens": "18:00", "closes": "18:00"}]},
            "weekly[0].closes",
            "HOURS_OUT_OF_ORDER",
            "18:00 is not after 18:00",
        ),
        (
            {
                "weekly": [
                    {"weekday": "MONDAY", "opens": "10:00", "closes": "12:00"},
                    {"weekday": "MONDAY", "opens": "09:00", "closes": "10:30"},
                ]
            },
            "weekly",
            "HOURS_OVERLAP",
            "09:00-10:30 and 10:00-12:00 overlap on MONDAY",
        ),
        (
            {
                "exceptions": [
                    {
                        "date": "2026-12-01",
                        "hours": [{"opens": "09:00", "closes": "11:00"}, {"opens": "10:00", "closes": "12:00"}],
                    }
                ]
            },
            "exceptions[0].hours",
            "HOURS_OVERLAP",
            "overlap on this date",
        ),
        (
            {"exceptions": [{"date": "2026-12-01"}, {"date": "2026-12-01"}]},
            "exceptions",
            "HOURS_OVERLAP",
            "2026-12-01 occurs twice",
        ),
        (
            {"closures": [{"start_date": "2026-12-01", "end_date": "2026-12-01"}]},
            "closures[0].end_date",
            "DATE_OUT_OF_RANGE",
            "not after the first day",
        ),
    ],
)
def test_hours_that_contradict_themselves_are_refused(
    fields: dict[str, Any], path: str, reason: str, text: str
) -> None:
    """The refusal names the field and says what is wrong."""
    with pytest.raises(ValidationError) as error:
        hours(**({"zone": fields["time_zone"]} if "time_zone" in fields else fields))
    (violation,) = Invalid.of(error.value).violations
    assert (violation.field, violation.reason) == (path, reason)
    assert text in violation.description


def test_hours_that_touch_do_not_overlap() -> None:
    """Closing at 12:00 and opening at 12:00 is one interval."""
    weekly = [
        {"weekday": "TUESDAY", "opens": "12:00", "closes": "13:00"},
        {"weekday": "TUESDAY", "opens": "09:00", "closes": "12:00"},
    ]
    assert open_on(hours(weekly=weekly), "2026-12-01") == ["09:00-13:00"]


def test_hours_read_back_as_they_were_stored() -> None:
    """Documents keep hours, dates and weekdays without loss."""
    kept = hours(
        exceptions=[{"date": "2026-10-01", "hours": [{"opens": "10:00", "closes": "24:00"}]}],
        closures=[{"start_date": "2026-12-01", "end_date": "2026-12-03", "reason": "搬迁"}],
    )
    document = kept.model_dump()
    assert Hours.model_validate(document) == kept
    assert isinstance(document["exceptions"][0]["date"], datetime)
    assert kept.exceptions[0].hours == (OpenHours(opens="10:00", closes="24:00"),)
    assert kept.weekly[0].weekday is Weekday.MONDAY
