"""The availability of a mentor: defaults, updates, holidays and other time zones."""

from datetime import date
from typing import Any

import pytest

from libs.calendar.hours import Closure, DateHours, OpenHours, Weekday
from libs.calendar.interval import Interval
from libs.calendar.rules import BookingRules
from libs.common.domain.entity import Entity
from libs.common.domain.errors import Invalid, Precondition, Stale
from services.mentors.domain.availability import Availability, UpdateAvailability, update
from services.mentors.domain.mentor import Mentor
from tests.mentors.availability.samples import CITY_HOURS, M1, NEW_YORK, at, availability, between, update_of, weekly
from tests.mentors.samples import NOW, TODAY, day, mentor

DEFAULT = Availability.default(M1, CITY_HOURS)


def updated(
    command: UpdateAvailability, stored: Availability | None = None, whose: Mentor | None = None
) -> Availability:
    """Apply an update; return the availability that is saved."""
    change = update(whose or mentor(), stored, command=command, city=CITY_HOURS, today=TODAY)
    assert change.saves == (change.reply,)
    return change.reply


def violations(command: UpdateAvailability, stored: Availability | None = None) -> dict[str, str]:
    """Return the fields that an update is refused for, with the reasons."""
    with pytest.raises(Invalid) as refused:
        updated(command, stored)
    return {each.field: each.reason for each in refused.value.violations}


# --- the default ------------------------------------------------------------------------------


def test_the_default_is_that_of_the_profile() -> None:
    """A mentor who has set nothing has the office hours and the rules of the city, in its time zone."""
    assert DEFAULT.is_default
    assert DEFAULT.etag == "v0"
    assert (DEFAULT.time_zone, DEFAULT.observes_holidays) == ("Asia/Shanghai", True)
    assert DEFAULT.rules == CITY_HOURS.rules
    tuesday = DEFAULT.open_intervals(between("2026-11-24 00:00", "2026-11-25 00:00"), CITY_HOURS)
    assert tuesday == (
        between("2026-11-24 09:00", "2026-11-24 11:30"),
        between("2026-11-24 13:30", "2026-11-24 17:00"),
    )


def test_the_first_update_is_made_on_the_default() -> None:
    """What the mask does not name is taken from the default, and the availability follows the profile no more."""
    changed = updated(update_of("weekly", weekly=weekly("10:00", "12:00")))
    assert not changed.with_(version=1).is_default
    assert changed.weekly == weekly("10:00", "12:00")
    assert (changed.rules, changed.observes_holidays) == (DEFAULT.rules, True)


# --- updates ----------------------------------------------------------------------------------


def test_only_named_fields_change() -> None:
    """An update changes what its mask names, and nothing else that the spec holds."""
    stored = availability(time_zone="America/New_York", observes_holidays=True)
    changed = updated(update_of("weekly", weekly=weekly("10:00", "12:00"), time_zone="Asia/Tokyo"), stored)
    assert changed.weekly == weekly("10:00", "12:00")
    assert (changed.time_zone, changed.observes_holidays) == ("America/New_York", True)
    assert changed.rules == stored.rules


def test_everything_is_replaced_with_a_star() -> None:
    """The mask `*` replaces all fields; zone and rules that are not given are those of the city."""
    changed = updated(update_of("*"), availability(time_zone="America/New_York", observes_holidays=True))
    assert (changed.time_zone, changed.rules) == ("Asia/Shanghai", CITY_HOURS.rules)
    assert (changed.weekly, changed.observes_holidays, changed.make_up_weekday) == ((), False, None)


def test_an_update_on_an_old_version_is_refused() -> None:
    """An etag that is not the current one refuses the update; v0 is that of the default."""
    with pytest.raises(Stale):
        updated(update_of("weekly", etag="v0"), availability())
    assert updated(update_of("weekly", etag="v0")).weekly == ()


def test_days_that_are_over_are_dropped() -> None:
    """Exceptions and closures that are over in every time zone do not pile up; today's and later ones stay."""
    dates = [day(-2), day(-1), day(0), day(30)]
    ends = [day(-1), day(0), day(1)]
    command = update_of(
        "exceptions",
        "closures",
        exceptions=[{"date": each} for each in dates],
        closures=[{"start_date": day(-40), "end_date": each} for each in ends],
    )
    changed = updated(command)
    assert [each.date for each in changed.exceptions] == dates[1:]
    assert [each.end_date for each in changed.closures] == ends[1:]


def test_an_update_needs_a_person() -> None:
    """Nothing is recorded about a mentor who was forgotten."""
    with pytest.raises(Precondition) as refused:
        updated(update_of("weekly"), whose=mentor(forget_time=NOW))
    assert refused.value.reason == "PERSON_FORGOTTEN"


def test_whoever_reaches_the_mentor_reaches_the_availability() -> None:
    """The scopes that cover the mentor cover what the mentor's update answers."""
    changed: Entity = updated(update_of("weekly"), whose=mentor(nominator="spaces/s2"))
    held = {value for path in changed.scoped_by for value in _tuple(getattr(changed, path))}
    assert {M1, "spaces/s1", "spaces/s2", mentor().district} <= held


def _tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


OVERLAP = [
    {"weekday": "MONDAY", "opens": "09:00", "closes": "11:00"},
    {"weekday": "MONDAY", "opens": "10:30", "closes": "12:00"},
]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"weekly": OVERLAP}, {"availability.weekly": "HOURS_OVERLAP"}),
        ({"exceptions": [{"date": day(3)}, {"date": day(3)}]}, {"availability.exceptions": "HOURS_OVERLAP"}),
        ({"exceptions": [{"date": date(2199, 1, 1)}]}, {"availability.exceptions[0].date": "DATE_OUT_OF_RANGE"}),
        (
            {"closures": [{"start_date": day(3), "end_date": day(3)}]},
            {"availability.closures[0].end_date": "DATE_OUT_OF_RANGE"},
        ),
        (
            {"closures": [{"start_date": day(3), "end_date": date(2199, 1, 1)}]},
            {"availability.closures[0].end_date": "DATE_OUT_OF_RANGE"},
        ),
        (
            {"closures": [{"start_date": date(2199, 1, 1), "end_date": day(3)}]},
            {"availability.closures[0].start_date": "DATE_OUT_OF_RANGE"},
        ),
    ],
)
def test_hours_that_make_no_sense_are_refused(fields: dict[str, Any], expected: dict[str, str]) -> None:
    """Hours that overlap, dates that occur twice or are far ahead, and closures without days name their field."""
    assert violations(update_of(*fields, **fields)) == expected


def test_an_unknown_field_is_refused() -> None:
    """The mask names fields of the spec."""
    assert violations(update_of("hours")) == {"update_mask.paths[0]": "UNKNOWN_FIELD"}


# --- holidays, closures and other zones -------------------------------------------------------


def opened(whose: Availability, start: str, end: str) -> tuple[Interval, ...]:
    """Return when a mentor is open between two local times of the city."""
    return whose.open_intervals(between(start, end), CITY_HOURS)


def test_public_holidays_are_closed_and_make_up_workdays_open() -> None:
    """Office hours in the week of the National Day of 2026: closed from 1 to 7 October, open on Saturday the 10th."""
    days = {
        each.start.astimezone(CITY_HOURS.zone).day for each in opened(DEFAULT, "2026-10-01 00:00", "2026-10-12 00:00")
    }
    assert days == {8, 9, 10}


def test_the_week_of_28_april_2019() -> None:
    """Working days of a week with make-up workdays: 28, 29 and 30 April, 5 and 6 May."""
    found = opened(DEFAULT, "2019-04-28 00:00", "2019-05-07 00:00")
    assert sorted({(each.start.month, each.start.day) for each in found}) == [(4, 28), (4, 29), (4, 30), (5, 5), (5, 6)]


def test_holidays_can_be_worked() -> None:
    """A mentor who does not observe holidays has the weekly hours on them, and none on make-up workdays."""
    stored = updated(update_of("observes_holidays", observes_holidays=False))
    found = opened(stored, "2026-10-01 00:00", "2026-10-12 00:00")
    assert {each.start.astimezone(CITY_HOURS.zone).day for each in found} == {1, 2, 5, 6, 7, 8, 9}


def test_an_exception_opens_a_holiday_and_a_closure_closes_everything() -> None:
    """The hours of a date win over holidays and weekly hours, and a closure wins over them."""
    hours = (OpenHours(opens="20:00", closes="21:00"),)
    exceptions = (DateHours(date=date(2026, 10, 2), hours=hours), DateHours(date=date(2026, 10, 9), hours=hours))
    closures = (Closure(start_date=date(2026, 10, 9), end_date=date(2026, 10, 10)),)
    stored = availability(observes_holidays=True, exceptions=exceptions, closures=closures)
    assert opened(stored, "2026-10-02 00:00", "2026-10-03 00:00") == (between("2026-10-02 20:00", "2026-10-02 21:00"),)
    assert opened(stored, "2026-10-09 00:00", "2026-10-10 00:00") == ()


def test_a_mentor_abroad_keeps_the_hours_of_the_zone_abroad() -> None:
    """Hours of New York from 15:00: before the change of 14 March 2027 at 04:00 in Jilin, from then on at 03:00."""
    stored = availability("15:00", "16:00", time_zone=NEW_YORK.key)
    found = opened(stored, "2027-03-13 00:00", "2027-03-17 00:00")
    assert [each.start for each in found] == [
        at("2027-03-13 04:00"),
        at("2027-03-14 04:00"),
        at("2027-03-15 03:00"),
        at("2027-03-16 03:00"),
    ]


def test_make_up_workdays_have_the_hours_of_the_chosen_weekday() -> None:
    """On Saturday, 10 October 2026, the hours of the chosen weekday apply."""
    stored = updated(
        update_of(
            "weekly",
            "make_up_weekday",
            weekly=[{"weekday": "FRIDAY", "opens": "08:00", "closes": "09:00"}],
            make_up_weekday=Weekday.FRIDAY,
        )
    )
    assert opened(stored, "2026-10-10 00:00", "2026-10-11 00:00") == (between("2026-10-10 08:00", "2026-10-10 09:00"),)


def test_rules_are_replaced_as_a_whole() -> None:
    """An update of the rules gives all of them."""
    rules = BookingRules(block_minutes=60)
    assert updated(update_of("rules", rules=rules), availability()).rules == rules
