"""AvailabilityService through a real channel: hours, rules, free slots, and how it refuses."""

from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.type import dayofweek_pb2
from google.type.date_pb2 import Date
from grpc import StatusCode

from libs.api.hatchery.mentors.v1 import appointment_pb2, profession_pb2
from libs.api.hatchery.mentors.v1 import availability_pb2 as pb
from tests.mentors.availability.requests import (
    block_time,
    every_day,
    free_starts,
    get_availability,
    list_free_slots,
    stamp,
    update_availability,
)
from tests.mentors.requests import date_of, new_mentor
from tests.spaces.requests import new_space
from tests.support.calls import Api, refused
from tests.support.processes import Cluster

HALF_HOURS = ["09:00", "09:30", "10:00", "10:30", "11:00"]


async def open_mentor(mentors: Api, availabilities: Api, **fields: Any) -> str:
    """Return the name of a mentor who is open from 9:00 to 12:00 every day."""
    mentor = await new_mentor(mentors, **fields)
    await availabilities.UpdateAvailability(update_availability(mentor.name))
    return mentor.name


# --- hours and rules --------------------------------------------------------------------------


async def test_a_new_mentor_has_the_hours_of_the_city(mentors: Api, availabilities: Api) -> None:
    """The default of the profile, marked as such, until somebody sets the availability."""
    mentor = await new_mentor(mentors)
    found = await availabilities.GetAvailability(get_availability(mentor.name))
    assert (found.name, found.mentor) == (f"{mentor.name}/availability", mentor.name)
    assert (found.is_default, found.etag, found.time_zone) == (True, "v0", "Asia/Shanghai")
    assert (len(found.weekly), found.rules.min_minutes) == (10, 30)


async def test_an_update_is_kept(mentors: Api, availabilities: Api) -> None:
    """Every field is read back as it was set; the etag moves on."""
    mentor = (await new_mentor(mentors)).name
    closure = pb.Closure(start_date=date_of(30), end_date=date_of(40))
    exception = pb.DateHours(date=date_of(20), hours=[pb.OpenHours(opens="20:00", closes="24:00")])
    request = update_availability(
        mentor,
        time_zone="America/New_York",
        closures=[closure],
        exceptions=[exception, pb.DateHours(date=date_of(21))],
        observes_holidays=True,
        make_up_weekday=dayofweek_pb2.FRIDAY,
        etag="v0",
    )
    updated = await availabilities.UpdateAvailability(request)
    assert await availabilities.GetAvailability(get_availability(mentor)) == updated
    assert (updated.is_default, updated.etag, updated.time_zone) == (False, "v1", "America/New_York")
    assert list(updated.weekly) == every_day()
    assert list(updated.exceptions) == [exception, pb.DateHours(date=date_of(21))]
    assert list(updated.closures) == [closure]
    assert (updated.observes_holidays, updated.make_up_weekday) == (True, dayofweek_pb2.FRIDAY)
    assert updated.rules == request.availability.rules


async def test_only_the_masked_fields_change(mentors: Api, availabilities: Api) -> None:
    """Closures are added without repeating the weekly hours."""
    mentor = await open_mentor(mentors, availabilities)
    closure = pb.Closure(start_date=date_of(1), end_date=date_of(2))
    request = update_availability(mentor, "closures", closures=[closure], weekly=[], rules=None)
    updated = await availabilities.UpdateAvailability(request)
    assert (list(updated.weekly), list(updated.closures)) == (every_day(), [closure])
    assert await free_starts(availabilities, mentor, 1, 2, minutes=180) == ["09:00"]


async def test_an_update_on_an_old_version_is_refused(mentors: Api, availabilities: Api) -> None:
    """An etag of the past refuses the update and names the current one."""
    mentor = await open_mentor(mentors, availabilities)
    refusal = await refused(availabilities.UpdateAvailability(update_availability(mentor, etag="v0")))
    assert (refusal.code, refusal.reason) == (StatusCode.ABORTED, "ETAG_MISMATCH")
    assert refusal.metadata["etag"] == "v1"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"time_zone": "Asia/Jilin"}, {"availability.time_zone": "MALFORMED"}),
        (
            {"weekly": [pb.DayHours(weekday=dayofweek_pb2.MONDAY, opens="9:00", closes="12:00")]},
            {"availability.weekly[0].opens": "MALFORMED"},
        ),
        (
            {"weekly": [pb.DayHours(weekday=dayofweek_pb2.MONDAY, opens="12:00", closes="12:00")]},
            {"availability.weekly[0].closes": "HOURS_OUT_OF_ORDER"},
        ),
        ({"weekly": every_day() + every_day("11:59", "13:00")}, {"availability.weekly": "HOURS_OVERLAP"}),
        ({"weekly": [pb.DayHours(opens="09:00", closes="12:00")]}, {"availability.weekly[0].weekday": "REQUIRED"}),
        (
            {"exceptions": [pb.DateHours(date=Date(year=2199, month=1, day=1))]},
            {"availability.exceptions[0].date": "DATE_OUT_OF_RANGE"},
        ),
        (
            {"closures": [pb.Closure(start_date=date_of(3), end_date=date_of(3))]},
            {"availability.closures[0].end_date": "DATE_OUT_OF_RANGE"},
        ),
        (
            {"rules": pb.BookingRules(block_minutes=1441)},
            {"availability.rules.block_minutes": "OUT_OF_RANGE"},
        ),
        (
            {"rules": pb.BookingRules(block_minutes=30, min_minutes=60, max_minutes=45)},
            {"availability.rules": "MALFORMED"},
        ),
    ],
)
async def test_hours_that_make_no_sense_are_refused(
    mentors: Api, availabilities: Api, fields: dict[str, Any], expected: dict[str, str]
) -> None:
    """Each bad value is refused at its field, and nothing is changed."""
    mentor = (await new_mentor(mentors)).name
    refusal = await refused(availabilities.UpdateAvailability(update_availability(mentor, **fields)))
    assert (refusal.code, refusal.fields) == (StatusCode.INVALID_ARGUMENT, expected)
    assert (await availabilities.GetAvailability(get_availability(mentor))).is_default


async def test_what_does_not_exist_is_not_found(availabilities: Api) -> None:
    """No mentor, no availability, no slots and no calendar."""
    nobody = "mentors/0nobody"
    calls = (
        availabilities.GetAvailability(get_availability(nobody)),
        availabilities.UpdateAvailability(update_availability(nobody)),
        availabilities.ListFreeSlots(list_free_slots(nobody)),
        availabilities.BlockTime(block_time(nobody)),
        availabilities.ListCommitments(pb.ListCommitmentsRequest(mentor=nobody)),
        availabilities.ExportCalendar(pb.ExportCalendarRequest(mentor=nobody)),
    )
    for call in calls:
        refusal = await refused(call)
        assert (refusal.code, refusal.reason) == (StatusCode.NOT_FOUND, "MENTOR_NOT_FOUND")


# --- free slots -------------------------------------------------------------------------------


async def test_free_slots_of_one_mentor(mentors: Api, availabilities: Api) -> None:
    """Hours of 60 minutes start on each half hour that has an hour left."""
    mentor = await open_mentor(mentors, availabilities)
    assert await free_starts(availabilities, mentor) == HALF_HOURS
    assert await free_starts(availabilities, mentor, minutes=180) == ["09:00"]
    found = await availabilities.ListFreeSlots(pb.ListFreeSlotsRequest(mentor=mentor))
    assert (found.mentor, found.minutes) == (mentor, 30)
    assert len(found.slots) in range(13 * 6, 15 * 6 + 1)  # two weeks of mornings, today's as far as it is not over


async def test_slots_are_cut_from_free_time(mentors: Api, availabilities: Api) -> None:
    """Beside a block from 10:00 to 10:45, an hour is free at 9:00 and at 11:00, not before the next half hour."""
    mentor = await open_mentor(mentors, availabilities)
    await availabilities.BlockTime(block_time(mentor, minutes=45))
    assert await free_starts(availabilities, mentor) == ["09:00", "11:00"]
    assert await free_starts(availabilities, mentor, 2, 2) == HALF_HOURS


async def test_at_most_two_hundred_slots(mentors: Api, availabilities: Api) -> None:
    """A month of whole days in quarters of an hour is cut after 200 slots."""
    mentor = await open_mentor(mentors, availabilities)
    rules = pb.BookingRules(block_minutes=15)
    await availabilities.UpdateAvailability(
        update_availability(mentor, weekly=every_day("00:00", "24:00"), rules=rules)
    )
    found = await availabilities.ListFreeSlots(list_free_slots(mentor, 1, 31, minutes=15))
    assert len(found.slots) == 200


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (pb.ListFreeSlotsRequest(minutes=45), {"minutes": "NOT_ON_A_BLOCK"}),
        (pb.ListFreeSlotsRequest(minutes=15), {"minutes": "DURATION_TOO_SHORT"}),
        (pb.ListFreeSlotsRequest(minutes=-1), {"minutes": "OUT_OF_RANGE"}),
        (
            pb.ListFreeSlotsRequest(start_time=stamp(3), end_time=stamp(3)),
            {"end_time": "DATE_OUT_OF_RANGE"},
        ),
        (
            pb.ListFreeSlotsRequest(start_time=stamp(0), end_time=stamp(32)),
            {"end_time": "DATE_OUT_OF_RANGE"},
        ),
        (
            pb.ListFreeSlotsRequest(start_time=Timestamp(seconds=10**12)),
            {"start_time": "MALFORMED"},
        ),
    ],
)
async def test_queries_that_make_no_sense_are_refused(
    mentors: Api, availabilities: Api, request_: pb.ListFreeSlotsRequest, expected: dict[str, str]
) -> None:
    """A length that the mentor's rules do not allow, and a period that is empty or longer than 31 days."""
    request_.mentor = await open_mentor(mentors, availabilities)
    refusal = await refused(availabilities.ListFreeSlots(request_))
    assert (refusal.code, refusal.fields) == (StatusCode.INVALID_ARGUMENT, expected)


async def test_a_suspended_mentor_has_no_slots(mentors: Api, availabilities: Api) -> None:
    """Nobody can be booked while suspended; afterwards the hours are what they were."""
    mentor = await open_mentor(mentors, availabilities)
    await mentors.SuspendMentor(appointment_pb2.SuspendMentorRequest(name=mentor))
    assert await free_starts(availabilities, mentor) == []
    await mentors.ResumeMentor(appointment_pb2.ResumeMentorRequest(name=mentor))
    assert await free_starts(availabilities, mentor) == HALF_HOURS


# --- search -----------------------------------------------------------------------------------


async def found_mentors(availabilities: Api, **fields: Any) -> dict[str, int]:
    """Return the mentors that a search finds on all of its pages, with the number of their slots."""
    found: dict[str, int] = {}
    request = pb.SearchFreeSlotsRequest(page_size=2, start_time=stamp(1, "00:00"), **fields)
    while True:
        page = await availabilities.SearchFreeSlots(request)
        assert len(page.mentors) <= 2
        found |= {each.name: len(each.slots) for each in page.mentors}
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


async def test_all_mentors_who_match_are_searched(mentors: Api, availabilities: Api, spaces: Api) -> None:
    """Each filter alone finds the mentor who matches, with the first three slots, and not the one who does not."""
    space = await new_space(spaces)
    matching = await open_mentor(
        mentors,
        availabilities,
        appointer=space.name,
        kind="finance",
        technology_fields=["aerospace"],
        skills=["branding"],
        languages=["ja"],
        formats=[profession_pb2.FORMAT_PHONE],
    )
    other = await open_mentor(mentors, availabilities)
    everybody = await found_mentors(availabilities)
    assert (everybody[matching], everybody[other]) == (3, 3)
    for filters in (
        {"kind": "finance"},
        {"technology_field": "aerospace"},
        {"skill": "branding"},
        {"language": "ja"},
        {"format": profession_pb2.FORMAT_PHONE},
        {"space": space.name},
    ):
        assert await found_mentors(availabilities, **filters) == {matching: 3}
    assert await found_mentors(availabilities, kind="finance", slots_per_mentor=5) == {matching: 5}


async def test_mentors_without_a_free_slot_are_left_out(mentors: Api, availabilities: Api) -> None:
    """A mentor who is away for the whole period, and one whose rules do not allow the length, are not found."""
    away, short = [await open_mentor(mentors, availabilities, languages=["ko"]) for _ in range(2)]
    assert set(await found_mentors(availabilities, language="ko")) == {away, short}
    closure = pb.Closure(start_date=date_of(0), end_date=date_of(40))
    await availabilities.UpdateAvailability(update_availability(away, "closures", closures=[closure]))
    assert set(await found_mentors(availabilities, language="ko")) == {short}
    rules = pb.BookingRules(block_minutes=30, max_minutes=30)
    await availabilities.UpdateAvailability(update_availability(short, "rules", rules=rules))
    assert await found_mentors(availabilities, language="ko", minutes=60) == {}
    assert set(await found_mentors(availabilities, language="ko", minutes=30)) == {short}


# --- who may ----------------------------------------------------------------------------------


async def test_everybody_with_a_role_sees_hours_and_slots(mentors: Api, availabilities: Api, cluster: Cluster) -> None:
    """A founder finds free time of any mentor, and changes nothing."""
    mentor = await open_mentor(mentors, availabilities)
    founder = cluster.token("founder", ["startups/0any"])
    assert (await availabilities.ListFreeSlots(list_free_slots(mentor), token=founder)).slots
    assert (await availabilities.GetAvailability(get_availability(mentor), token=founder)).weekly
    assert (await availabilities.SearchFreeSlots(pb.SearchFreeSlotsRequest(), token=founder)).mentors
    refusal = await refused(availabilities.UpdateAvailability(update_availability(mentor), token=founder))
    assert refusal.reason == "PERMISSION_DENIED"


async def test_hours_are_set_by_the_mentor_and_operators_of_the_mentors_spaces(
    mentors: Api, availabilities: Api, spaces: Api, cluster: Cluster
) -> None:
    """The scope is the mentor's, or that of a space which has appointed the mentor."""
    space, other = await new_space(spaces), await new_space(spaces)
    mentor = (await new_mentor(mentors, space.name)).name
    for role, scope in (("mentor", mentor), ("operator", space.name)):
        token = cluster.token(role, [scope])
        assert await availabilities.UpdateAvailability(update_availability(mentor), token=token)
    for role, scope in (("mentor", "mentors/0another"), ("operator", other.name)):
        token = cluster.token(role, [scope])
        refusal = await refused(availabilities.UpdateAvailability(update_availability(mentor), token=token))
        assert (refusal.code, refusal.reason) == (StatusCode.PERMISSION_DENIED, "OUT_OF_SCOPE")
