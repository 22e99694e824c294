"""Blocks, commitments and calendar files through a real channel."""

import asyncio
from datetime import UTC
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode
from grpc.aio import AioRpcError
from icalendar import Calendar

from libs.api.hatchery.mentors.v1 import availability_pb2 as pb
from tests.mentors.availability.requests import (
    block_time,
    dates,
    every_day,
    free_starts,
    instant,
    list_commitments,
    update_availability,
)
from tests.mentors.requests import new_mentor
from tests.spaces.requests import new_space
from tests.support.calls import Api, Refused, refused
from tests.support.processes import Cluster

WEEKLY = "FREQ=WEEKLY;COUNT=3"
ACTIVE, REMOVED = pb.Block.STATE_ACTIVE, pb.Block.STATE_REMOVED


async def open_mentor(mentors: Api, availabilities: Api, appointer: str = "districts/220203") -> str:
    """Return the name of a mentor who is open from 9:00 to 12:00 every day."""
    mentor = await new_mentor(mentors, appointer)
    await availabilities.UpdateAvailability(update_availability(mentor.name))
    return mentor.name


async def commitments(availabilities: Api, mentor: str, **options: Any) -> list[pb.Commitment]:
    """Return what occupies a mentor in three weeks."""
    found = await availabilities.ListCommitments(list_commitments(mentor, 0, 21), **options)
    return list(found.commitments)


async def test_a_block_is_kept_and_freed(mentors: Api, availabilities: Api) -> None:
    """A block takes its slots, is read by its name, and gives its slots back."""
    mentor = await open_mentor(mentors, availabilities)
    block = await availabilities.BlockTime(block_time(mentor, minutes=120))
    assert block.name.startswith(f"{mentor}/blocks/")
    assert (block.state, block.title, block.time_zone) == (ACTIVE, "董事会", "Asia/Shanghai")
    assert await availabilities.GetBlock(pb.GetBlockRequest(name=block.name)) == block
    assert await free_starts(availabilities, mentor) == ["09:00"]
    freed = await availabilities.UnblockTime(pb.UnblockTimeRequest(name=block.name, etag=block.etag))
    assert (freed.state, list(freed.occurrences)) == (REMOVED, [])
    assert await free_starts(availabilities, mentor) == ["09:00", "09:30", "10:00", "10:30", "11:00"]
    refusal = await refused(availabilities.UnblockTime(pb.UnblockTimeRequest(name=block.name)))
    assert (refusal.code, refusal.reason) == (StatusCode.FAILED_PRECONDITION, "ALREADY_UNBLOCKED")


async def test_a_series_is_blocked_wholly_or_not_at_all(mentors: Api, availabilities: Api) -> None:
    """One occurrence that is taken refuses the series with the interval in the way, and leaves the others free."""
    mentor = await open_mentor(mentors, availabilities)
    await availabilities.BlockTime(block_time(mentor, 15, "10:30"))
    refusal = await refused(availabilities.BlockTime(block_time(mentor, 1, "10:00", recurrence=WEEKLY)))
    assert (refusal.code, refusal.reason) == (StatusCode.ALREADY_EXISTS, "TIME_TAKEN")
    taken = (instant(15, "10:30"), instant(15, "11:30"))
    assert tuple(refusal.metadata[key] for key in ("taken_start", "taken_end")) == tuple(
        f"{each:%Y-%m-%dT%H:%M:%SZ}" for each in taken
    )
    assert len(await commitments(availabilities, mentor)) == 1
    block = await availabilities.BlockTime(block_time(mentor, 1, "08:00", recurrence=WEEKLY))
    assert [each.date for each in block.occurrences] == dates(1, 8, 15)
    assert len(await commitments(availabilities, mentor)) == 4


async def test_single_days_of_a_series_are_freed(mentors: Api, availabilities: Api) -> None:
    """Only the day that is named is free; a day that the series does not have is refused at its place."""
    mentor = await open_mentor(mentors, availabilities)
    block = await availabilities.BlockTime(block_time(mentor, recurrence=WEEKLY))
    freed = await availabilities.UnblockTime(pb.UnblockTimeRequest(name=block.name, dates=dates(8)))
    assert [each.date for each in freed.occurrences] == dates(1, 15)
    assert [each.name for each in await commitments(availabilities, mentor)] == [block.name] * 2
    again = pb.UnblockTimeRequest(name=block.name, dates=dates(1, 8))
    assert (await refused(availabilities.UnblockTime(again))).fields == {"dates[1]": "DATE_OUT_OF_RANGE"}


async def test_blocks_that_make_no_sense_are_refused(mentors: Api, availabilities: Api) -> None:
    """Times without length or far away, and rules without end or with parts that are not supported."""
    mentor = await open_mentor(mentors, availabilities)
    cases: list[tuple[pb.BlockTimeRequest, dict[str, str]]] = [
        (block_time(mentor, minutes=0), {"end_time": "DATE_OUT_OF_RANGE"}),
        (block_time(mentor, -2), {"end_time": "DATE_OUT_OF_RANGE"}),
        (block_time(mentor, 400), {"start_time": "DATE_OUT_OF_RANGE"}),
        (block_time(mentor, start_time=Timestamp(seconds=1, nanos=-1)), {"start_time": "MALFORMED"}),
        (block_time(mentor, recurrence="FREQ=DAILY"), {"recurrence": "RECURRENCE_UNBOUNDED"}),
        (block_time(mentor, recurrence="FREQ=DAILY;COUNT=400"), {"recurrence": "RECURRENCE_TOO_LONG"}),
        (block_time(mentor, recurrence="FREQ=SECONDLY;COUNT=4"), {"recurrence": "MALFORMED"}),
        (block_time(mentor, recurrence=WEEKLY, time_zone="Mars/Base"), {"time_zone": "MALFORMED"}),
    ]
    for request, expected in cases:
        refusal = await refused(availabilities.BlockTime(request))
        assert (refusal.code, refusal.fields) == (StatusCode.INVALID_ARGUMENT, expected)


async def test_the_same_time_is_blocked_once(mentors: Api, availabilities: Api) -> None:
    """Of forty that overlap at the same moment one is made, and the others name it as being in the way."""
    mentor = await open_mentor(mentors, availabilities)
    requests = [block_time(mentor, 1, f"10:{minute:02}", 90) for minute in range(40)]
    answers = await asyncio.gather(*(availabilities.BlockTime(each) for each in requests), return_exceptions=True)
    refusals = [Refused(each) for each in answers if isinstance(each, AioRpcError)]
    made = [each for each in answers if isinstance(each, pb.Block)]
    assert (len(made), len(refusals)) == (1, 39)
    start = made[0].occurrences[0].start_time.ToDatetime(UTC)
    assert {(each.reason, each.metadata["taken_start"]) for each in refusals} == {
        ("TIME_TAKEN", f"{start:%Y-%m-%dT%H:%M:%SZ}")
    }
    assert [each.name for each in await commitments(availabilities, mentor)] == [made[0].name]


async def test_a_block_is_made_once_for_a_request_id(mentors: Api, availabilities: Api) -> None:
    """A mentor who presses the button twice has one block."""
    mentor = await open_mentor(mentors, availabilities)
    request = block_time(mentor, request_id="twice")
    first, second = await asyncio.gather(*(availabilities.BlockTime(request) for _ in range(2)))
    assert first == second
    assert len(await commitments(availabilities, mentor)) == 1


async def test_what_is_booked_stays_when_the_hours_change(mentors: Api, availabilities: Api) -> None:
    """After a change of hours, commitments that are outside of them are marked; nothing else happens to them."""
    mentor = await open_mentor(mentors, availabilities)
    await availabilities.BlockTime(block_time(mentor, 1, "09:00"))
    assert [each.outside_hours for each in await commitments(availabilities, mentor)] == [False]
    hours = every_day("14:00", "16:00")
    await availabilities.UpdateAvailability(update_availability(mentor, "weekly", weekly=hours))
    assert [each.outside_hours for each in await commitments(availabilities, mentor)] == [True]


async def test_only_the_mentor_reads_what_a_block_is(
    mentors: Api, availabilities: Api, spaces: Api, cluster: Cluster
) -> None:
    """An operator of the mentor's space sees that the time is taken, a founder and another space's operator do not."""
    space, other = await new_space(spaces), await new_space(spaces)
    mentor = await open_mentor(mentors, availabilities, space.name)
    own, operator = cluster.token("mentor", [mentor]), cluster.token("operator", [space.name])
    block = await availabilities.BlockTime(block_time(mentor), token=own)
    assert [each.title for each in await commitments(availabilities, mentor, token=own)] == ["董事会"]
    seen = await commitments(availabilities, mentor, token=operator)
    assert [(each.name, each.title) for each in seen] == [("", "")]
    get = pb.GetBlockRequest(name=block.name)
    assert (await refused(availabilities.GetBlock(get, token=operator))).reason == "PERMISSION_DENIED"
    another = cluster.token("mentor", ["mentors/0another"])
    assert (await refused(availabilities.GetBlock(get, token=another))).reason == "OUT_OF_SCOPE"
    assert (await refused(availabilities.BlockTime(block_time(mentor, 2), token=another))).reason == "OUT_OF_SCOPE"
    for role, scopes in (("operator", [other.name]), ("founder", ["startups/0any"])):
        refusal = await refused(commitments(availabilities, mentor, token=cluster.token(role, scopes)))
        assert refusal.code is StatusCode.PERMISSION_DENIED


async def test_a_calendar_is_exported_for_its_mentor(mentors: Api, availabilities: Api, cluster: Cluster) -> None:
    """A file that calendar programs read, with one event for each occurrence, without the title."""
    mentor = await open_mentor(mentors, availabilities)
    block = await availabilities.BlockTime(block_time(mentor, recurrence=WEEKLY))
    request, own = pb.ExportCalendarRequest(mentor=mentor), cluster.token("mentor", [mentor])
    file = await availabilities.ExportCalendar(request, token=own)
    events: list[Any] = list(Calendar.from_ical(file.content.decode()).walk("VEVENT"))
    assert (file.event_count, file.media_type) == (3, "text/calendar; charset=utf-8")
    assert [event["dtstart"].dt for event in events] == [instant(offset) for offset in (1, 8, 15)]
    assert all(str(event["uid"]).startswith(f"{block.name}/occurrences/") for event in events)
    assert "董事会".encode() not in file.content
    refusal = await refused(availabilities.ExportCalendar(request, token=cluster.token("operator", ["*"])))
    assert refusal.reason == "PERMISSION_DENIED"
