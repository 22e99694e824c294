"""Request messages of AvailabilityService. Times of day are those of Shanghai, so many days after today."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from google.type import dayofweek_pb2
from google.type.date_pb2 import Date

from libs.api.hatchery.mentors.v1 import availability_pb2 as pb
from tests.mentors.requests import ZONE, day
from tests.support.calls import Api

WEEKDAYS = [number for number in dayofweek_pb2.DayOfWeek.values() if number]


def dates(*offsets: int) -> list[Date]:
    """Return the days that many days after today, as messages."""
    return [Date(year=then.year, month=then.month, day=then.day) for then in map(day, offsets)]


def instant(offset: int, wall: str = "10:00") -> datetime:
    """Return the instant of a local time on the day that many days after today."""
    return datetime.combine(day(offset), time.fromisoformat(wall), ZONE).astimezone(UTC)


def stamp(offset: int, wall: str = "10:00") -> Timestamp:
    """Return that instant as a message."""
    message = Timestamp()
    message.FromDatetime(instant(offset, wall))
    return message


def starts(slots: Sequence[pb.Slot]) -> list[datetime]:
    """Return the starts of slots."""
    return [slot.start_time.ToDatetime(UTC) for slot in slots]


def every_day(opens: str = "09:00", closes: str = "12:00") -> list[pb.DayHours]:
    """Return the same hours on every day of the week."""
    return [pb.DayHours(weekday=number, opens=opens, closes=closes) for number in WEEKDAYS]


def availability_spec(**fields: Any) -> pb.AvailabilitySpec:
    """Describe three hours every morning in blocks of half an hour; `fields` replace or add."""
    rules = pb.BookingRules(block_minutes=30, min_minutes=30)
    return pb.AvailabilitySpec(**{"weekly": every_day(), "rules": rules, **fields})


def get_availability(mentor: str) -> pb.GetAvailabilityRequest:
    """Read the availability of a mentor."""
    return pb.GetAvailabilityRequest(name=f"{mentor}/availability")


def update_availability(
    mentor: str, *paths: str, etag: str = "", request_id: str = "", **fields: Any
) -> pb.UpdateAvailabilityRequest:
    """Change the fields that the paths name, all without any; `fields` replace or add what the spec holds."""
    return pb.UpdateAvailabilityRequest(
        name=f"{mentor}/availability",
        availability=availability_spec(**fields),
        update_mask=FieldMask(paths=paths or ["*"]),
        etag=etag,
        request_id=request_id,
    )


def list_free_slots(mentor: str, first: int = 1, last: int = 1, minutes: int = 60) -> pb.ListFreeSlotsRequest:
    """List the free slots on days from a first to a last."""
    return pb.ListFreeSlotsRequest(
        mentor=mentor, start_time=stamp(first, "00:00"), end_time=stamp(last + 1, "00:00"), minutes=minutes
    )


def block_time(
    mentor: str, offset: int = 1, wall: str = "10:00", minutes: int = 60, *, request_id: str = "", **fields: Any
) -> pb.BlockTimeRequest:
    """Block so many minutes from a time of a day; `fields` replace or add."""
    start, end = Timestamp(), Timestamp()
    start.FromDatetime(instant(offset, wall))
    end.FromDatetime(instant(offset, wall) + timedelta(minutes=minutes))
    values = {"mentor": mentor, "start_time": start, "end_time": end, "title": "董事会", "request_id": request_id}
    return pb.BlockTimeRequest(**{**values, **fields})


def list_commitments(mentor: str, first: int = 0, last: int = 14) -> pb.ListCommitmentsRequest:
    """List what occupies a mentor on days from a first to a last."""
    return pb.ListCommitmentsRequest(mentor=mentor, start_time=stamp(first, "00:00"), end_time=stamp(last + 1, "00:00"))


async def free_starts(availabilities: Api, mentor: str, first: int = 1, last: int = 1, minutes: int = 60) -> list[str]:
    """Return the local times at which a mentor is free."""
    found = await availabilities.ListFreeSlots(list_free_slots(mentor, first, last, minutes))
    return [f"{start.astimezone(ZONE):%H:%M}" for start in starts(found.slots)]
