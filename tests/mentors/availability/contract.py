"""Availability, free slots, blocks and commitments for the contract tests."""

import itertools
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from google.protobuf.message import Message
from google.type import dayofweek_pb2

from libs.api.hatchery.mentors.v1 import availability_pb2 as pb
from libs.api.hatchery.mentors.v1 import mentor_pb2, profession_pb2
from libs.api.hatchery.spaces.v1 import space_pb2
from libs.calendar.hours import Closure, DateHours, DayHours, Hours, OpenHours, Weekday
from libs.calendar.rules import BookingRules
from libs.common.domain.entity import Entity
from services.mentors.domain.availability import Availability
from services.mentors.domain.block import Block, Occurrence, State
from tests.contracts.calls import Calls
from tests.contracts.requests import BadValue, Place, RunningContract, Valid, new_request_id
from tests.mentors.availability import requests
from tests.mentors.requests import date_of

THEN = datetime(2026, 11, 24, 4, 0, 0, 123000, tzinfo=UTC)
_slots, _changes = itertools.count(), itertools.count(400)


async def populate(calls: Calls, place: Place) -> None:
    """Block some time of the place's mentor."""
    request = _block_time(place.get(mentor_pb2.Mentor).name)
    place.add(await calls.call("mentors", "BlockTime", request))


def scopes_of_slots(slots: pb.MentorSlots, known: Mapping[str, Any]) -> set[str]:
    """Free slots are public; they are about their mentor."""
    return {slots.name}


def _block_time(mentor: str, *, request_id: str = "") -> pb.BlockTimeRequest:
    """Block ten minutes on two days in a row that no other block of these tests has."""
    days, quarter = divmod(next(_slots), 80)
    wall = f"{quarter // 4:02}:{quarter % 4 * 15:02}"
    return requests.block_time(
        mentor,
        30 + 2 * days,
        wall,
        10,
        title="董事会",
        recurrence="FREQ=DAILY;COUNT=2",
        time_zone="Asia/Shanghai",
        request_id=request_id,
    )


def _mentor(contract: RunningContract, request: Any) -> Valid:
    """Return a request about the mentor of the home place, for whoever reaches the mentor."""
    home, foreign = contract.home.get(mentor_pb2.Mentor), contract.foreign.get(mentor_pb2.Mentor)
    space = contract.home.get(space_pb2.Space).name
    return Valid(request, (home.name, home.district, space), home.name, foreign.name)


def _block(contract: RunningContract, request: Any, block: pb.Block) -> Valid:
    """Return a request about a block, which is the mentor's alone."""
    return Valid(request, (block.mentor,), block.name, contract.foreign.get(pb.Block).name)


async def _new_block(contract: RunningContract) -> pb.Block:
    request = _block_time(contract.home.get(mentor_pb2.Mentor).name)
    block: pb.Block = await contract.calls.call("mentors", "BlockTime", request)
    return block


# --- requests ---------------------------------------------------------------------------------


async def get_availability(contract: RunningContract) -> Valid:
    """Read the availability of the mentor."""
    return _mentor(contract, requests.get_availability(contract.home.get(mentor_pb2.Mentor).name))


async def update_availability(contract: RunningContract) -> Valid:
    """Change every field, so that the mentor is still free at most times."""
    mentor = contract.home.get(mentor_pb2.Mentor).name
    get = requests.get_availability(mentor)
    known: pb.Availability = await contract.calls.call("mentors", "GetAvailability", get)
    rules = pb.BookingRules(
        block_minutes=15,
        min_minutes=15,
        max_minutes=600,
        notice_minutes=1,
        horizon_days=next(_changes),
        gap_minutes=1,
        max_minutes_per_person_day=600,
        max_minutes_per_person_week=6000,
    )
    request = requests.update_availability(
        mentor,
        *pb.AvailabilitySpec.DESCRIPTOR.fields_by_name,
        etag=known.etag,
        request_id=new_request_id(),
        time_zone="Asia/Tokyo",
        weekly=requests.every_day("00:00", "24:00"),
        exceptions=[pb.DateHours(date=date_of(500), hours=[pb.OpenHours(opens="09:00", closes="12:00")])],
        closures=[pb.Closure(start_date=date_of(600), end_date=date_of(610))],
        observes_holidays=True,
        make_up_weekday=dayofweek_pb2.TUESDAY,
        rules=rules,
    )
    return _mentor(contract, request)


async def list_free_slots(contract: RunningContract) -> Valid:
    """List the free slots of two weeks."""
    return _mentor(contract, requests.list_free_slots(contract.home.get(mentor_pb2.Mentor).name, 1, 14, 30))


async def search_free_slots(contract: RunningContract) -> Valid:
    """Search by everything that the mentor is."""
    request = pb.SearchFreeSlotsRequest(
        page_size=50,
        kind="entrepreneur",
        technology_field="new-materials",
        skill="fundraising",
        language="zh",
        format=profession_pb2.FORMAT_VIDEO,
        space=contract.home.get(space_pb2.Space).name,
        start_time=requests.stamp(1, "00:00"),
        end_time=requests.stamp(15, "00:00"),
        minutes=30,
        slots_per_mentor=5,
    )
    return _mentor(contract, request)


async def block_time(contract: RunningContract) -> Valid:
    """Block a new time of the mentor, in a week of which the calendar has a page."""
    known = await _new_block(contract)
    request = _block_time(known.mentor, request_id=new_request_id())
    return Valid(request, (known.mentor,))


async def get_block(contract: RunningContract) -> Valid:
    """Read the block."""
    block = contract.home.get(pb.Block)
    return _block(contract, pb.GetBlockRequest(name=block.name), block)


async def unblock_time(contract: RunningContract) -> Valid:
    """Free the second day of a new block."""
    block = await _new_block(contract)
    request = pb.UnblockTimeRequest(
        name=block.name, dates=[block.occurrences[1].date], etag=block.etag, request_id=new_request_id()
    )
    return _block(contract, request, block)


async def list_commitments(contract: RunningContract) -> Valid:
    """List what occupies the mentor in the weeks of the blocks."""
    return _mentor(contract, requests.list_commitments(contract.home.get(mentor_pb2.Mentor).name, 28, 60))


async def export_calendar(contract: RunningContract) -> Valid:
    """Export the weeks of the blocks."""
    request = pb.ExportCalendarRequest(
        mentor=contract.home.get(mentor_pb2.Mentor).name,
        start_time=requests.stamp(28, "00:00"),
        end_time=requests.stamp(60, "00:00"),
    )
    return _mentor(contract, request)


REQUESTS: Mapping[str, Callable[[RunningContract], Awaitable[Valid]]] = {
    "AvailabilityService.GetAvailability": get_availability,
    "AvailabilityService.UpdateAvailability": update_availability,
    "AvailabilityService.ListFreeSlots": list_free_slots,
    "AvailabilityService.SearchFreeSlots": search_free_slots,
    "AvailabilityService.BlockTime": block_time,
    "AvailabilityService.GetBlock": get_block,
    "AvailabilityService.UnblockTime": unblock_time,
    "AvailabilityService.ListCommitments": list_commitments,
    "AvailabilityService.ExportCalendar": export_calendar,
}
SCOPES: Mapping[type[Message], Callable[[Any, Mapping[str, Any]], set[str]]] = {pb.MentorSlots: scopes_of_slots}
FACT_VALUES: Mapping[str, object] = {}
BAD_VALUES: Mapping[str, tuple[BadValue, ...]] = {}
ENTITIES: tuple[Entity, ...] = (
    Availability(
        name="mentors/0mentor/availability",
        version=7,
        create_time=THEN,
        update_time=THEN,
        mentor="mentors/0mentor",
        scopes=("districts/220203", "spaces/0space"),
        hours=Hours(
            time_zone="America/New_York",
            weekly=(DayHours(weekday=Weekday.FRIDAY, opens="09:00", closes="24:00"),),
            exceptions=(DateHours(date=date(2026, 12, 24), hours=(OpenHours(opens="09:00", closes="12:00"),)),),
            closures=(Closure(start_date=date(2026, 12, 25), end_date=date(2027, 1, 4)),),
            observes_holidays=True,
            make_up_weekday=Weekday.TUESDAY,
        ),
        rules=BookingRules(
            block_minutes=15,
            min_minutes=30,
            max_minutes=120,
            notice_minutes=60,
            horizon_days=90,
            gap_minutes=15,
            max_minutes_per_person_day=120,
            max_minutes_per_person_week=240,
        ),
    ),
    Block(
        name="mentors/0mentor/blocks/0block",
        version=7,
        create_time=THEN,
        update_time=THEN,
        mentor="mentors/0mentor",
        title="董事会",
        recurrence="FREQ=WEEKLY;COUNT=2",
        time_zone="Asia/Shanghai",
        occurrences=(
            Occurrence(date=date(2026, 12, 1), start_time=THEN + timedelta(days=7), end_time=THEN + timedelta(days=8)),
        ),
        state=State.ACTIVE,
    ),
)
